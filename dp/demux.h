/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_DEMUX_H
#define FL_DP_DEMUX_H

/*
 * One port, several services (R2): the first owner of a connection to a listener for TLS, or to one
 * that has a service of its own. Once it is open, and the handshake over, this decides whose it is:
 * the listener's service, or by ALPN, by name (SNI), else by the first bytes. TURN goes to the
 * relay (turn/leg.h), another service to its TCP back end (service/backend.h). A service that takes
 * TLS as it comes is chosen by the ClientHello, and there is no handshake.
 */
#include "tcp/tcp.h"

extern const struct tcp_app demux_app;

/* Owner's bytes of a new connection to the listener at a place. */
void demux_init(void *data, uint16_t listener);

#endif
