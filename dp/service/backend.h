/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SERVICE_BACKEND_H
#define FL_DP_SERVICE_BACKEND_H

/*
 * A client's connection and the TCP back end of the service it asked for (R2): connected, then
 * joined (splice.h). The client's bytes wait in its window meanwhile.
 */
#include "../tcp/tcp.h"

/*
 * Joins client, whose owner the caller is no more, with the back end of a service, by its id.
 * If there is no such service any more, or it cannot be reached within tcp.connect-timeout, the client's connection
 * is closed (TCP_END_BACKEND).
 */
void backend_join(struct worker *w, struct tcp_conn *client, uint16_t service);

#endif
