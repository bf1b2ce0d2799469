/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_TLS_PSK_LOOKUP_H
#define FL_CP_TLS_PSK_LOOKUP_H

/* Answers identities that TLS clients name with their keys (R65). */
#include "../server.h"

void psk_handle(struct server *s, uint32_t worker, const struct evt_psk *e);

#endif
