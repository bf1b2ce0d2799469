/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_TLS_TICKET_KEYS_H
#define FL_CP_TLS_TICKET_KEYS_H

/*
 * Keys that session tickets are sealed with (R9; RFC 5077 4). Time is cut into epochs of
 * tls.ticket-lifetime seconds, counted from 1970, and each epoch's keys are derived from a secret
 * (HKDF-SHA-256, RFC 5869, with the epoch's number in the info). So nodes with the same secret
 * agree without a word, a restart changes nothing, and a ticket is good for one epoch at least and
 * two at most, also where clocks are up to an epoch apart: previous, current and next are known.
 */
#include "../../conf/config.h"

enum {
	TICKET_SECRET_MIN = 32, /* bytes of tls.ticket-secret */
	TICKET_SECRET_MAX = 4096,
	TICKET_PRK = 32, /* what the secret is extracted to */
};

/*
 * Reads the secret of tls.ticket-secret or, without one, that of the file beside control.state,
 * which is made if it is missing or unusable. On failure false and one sentence in err.
 */
bool ticket_secret_load(const struct config *c, uint8_t prk[TICKET_PRK], char *err, size_t errlen);

/* The epoch that a second since 1970 is in. */
static inline uint64_t ticket_epoch(uint64_t wall, uint32_t lifetime)
{
	return wall / lifetime;
}

/* The three keys that are known in an epoch. False: OpenSSL failed. The caller wipes them. */
bool ticket_keys_derive(const uint8_t prk[TICKET_PRK], uint64_t epoch, struct ctl_ticket_keys *out);

#endif
