/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_TLS_PSK_H
#define FL_CP_TLS_PSK_H

/* Answers identities that TLS clients name with their keys (R65). */
#include "../server.h"

/* Look-ups a second; beyond that identities are unknown. A flood of names costs no more than so. */
enum { PSK_RATE = 5000 };

void psk_handle(struct server *s, uint32_t worker, const struct evt_psk *e);

#endif
