/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RELAY_JOINED_H
#define FL_DP_RELAY_JOINED_H

/*
 * Connections that are joined (tcp/splice.h), told to the control process, which keeps records of
 * who had them. What its ring has no room for is lost and counted (CNT_TCP_JOINED_UNTOLD): a
 * record is worth no connection.
 */
#include "../tcp/splice.h"

/* Whose a pair is. */
struct joined_of {
	struct ctl_sid sid;  /* an allocation's; gen 0: a service's */
	const char *service; /* its name; NULL: none, or it is gone */
};

/* client and other were joined. */
void joined_begun(struct worker *w, struct tcp_conn *client, struct tcp_conn *other,
		  const struct joined_of *of);
/* e->a was the client's. */
void joined_over(struct worker *w, const struct splice_end *e, const struct joined_of *of);

#endif
