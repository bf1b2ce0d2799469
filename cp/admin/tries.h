/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_TRIES_H
#define FL_CP_ADMIN_TRIES_H

/*
 * How often a source may try what is dear to us, or what it should not guess: a handshake of TLS, a
 * password. A meter for each of TRIES_ROWS rows, to which sources are hashed by a secret key (IPv6
 * by /64), and one for all.
 */
#include "../../lib/addr.h"
#include "../../lib/meter.h"
#include "../../lib/siphash.h"

#include <stdbool.h>

enum { TRIES_ROWS = 1024 };

struct tries {
	struct siphash_key key;
	struct meter_rate rate, rate_all;
	struct meter_wide row[TRIES_ROWS], all;
};

/* a_second of one source, burst of them at once, and ten times as many of all together. */
void tries_init(struct tries *t, uint32_t a_second, uint32_t burst);
/* Takes one; false: there were too many. */
bool tries_take(struct tries *t, const struct ip_addr *from, uint64_t now_us);
/* Whether tries_take() would be false. */
bool tries_over(const struct tries *t, const struct ip_addr *from, uint64_t now_us);

#endif
