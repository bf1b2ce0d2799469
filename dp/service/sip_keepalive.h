/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SERVICE_SIP_KEEPALIVE_H
#define FL_DP_SERVICE_SIP_KEEPALIVE_H

/*
 * CRLF keep-alives answered here (`crlf: answer`; R3, RFC 5626 3.5.1, 4.4.1): between the messages
 * of a SIP client a ping (CRLF CRLF) is taken out and answered with a pong (CRLF), which goes
 * between two messages of the back end. A lone CRLF passes: it may be the client's pong. From
 * either side, what is no SIP, or cannot be cut into messages, ends this for good: all passes then,
 * pings too.
 */
#include "../tcp/tcp.h"

/* After splice_join(): client's pings are answered from now on. Uses the kept bytes of both. */
void keepalive_join(struct tcp_conn *client, struct tcp_conn *backend);

#endif
