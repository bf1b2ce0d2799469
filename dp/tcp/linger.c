/* SPDX-License-Identifier: BSD-3-Clause */
#include "linger.h"
#include "../snapshot.h"

static enum tcp_end *linger_why(struct tcp_conn *c)
{
	return tcp_data(c);
}

/* What still comes is dropped until the other side's FIN: a RST might overtake what it is to read.
 */
static void linger_readable(struct worker *w, struct tcp_conn *c)
{
	tcp_recv_skip(w, c, tcp_readable(c));
	if (tcp_recv_fin(c))
		tcp_close(w, c, *linger_why(c));
}

/* Patience is over. What is still to be sent has the time that TCP gives it. */
static void linger_timeout(struct worker *w, struct tcp_conn *c)
{
	tcp_recv_skip(w, c, tcp_readable(c));
	tcp_close(w, c, *linger_why(c));
}

static void linger_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	(void)why;
}

const struct tcp_app linger_app = {
	.name = "linger",
	.role = CONN_DATA,
	.readable = linger_readable,
	.timeout = linger_timeout,
	.closed = linger_closed,
};

void linger_own(struct tcp_conn *c, enum tcp_end why)
{
	tcp_own(c, &linger_app);
	*linger_why(c) = why;
}

void linger_close(struct worker *w, struct tcp_conn *c)
{
	tcp_shutdown(w, c);
	tcp_recv_pause(w, c, false);
	tcp_app_timer(w, c, snapshot_conf(w->dp)->tcp.linger * 1000);
}
