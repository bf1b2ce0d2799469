/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_DOOR_H
#define FL_DP_GATEWAY_DOOR_H

/*
 * One port, several services (R2): the first owner of a connection to a TLS listener. Once the
 * handshake is over it decides whose it is, by ALPN, by name (SNI), else by the first bytes: TURN
 * goes to the relay (turn/leg.h), another service to its TCP back end (backend.h).
 */
#include "../tcp/tcp.h"

extern const struct tcp_app door_app;

/* Owner's bytes of a new connection to listener i (index in the configuration). */
void door_init(void *data, uint16_t listener);

#endif
