/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections that no side of a stream has any more, until TCP is done with them. */
#include "stream.h"

static enum tcp_end *parting_why(struct tcp_conn *c)
{
	return tcp_data(c);
}

/* What still comes is dropped until the other side's FIN: a RST might overtake what it is to read.
 */
static void parting_readable(struct worker *w, struct tcp_conn *c)
{
	tcp_recv_skip(w, c, tcp_readable(c));
	if (tcp_recv_fin(c))
		tcp_close(w, c, *parting_why(c));
}

static void parting_writable(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	(void)c;
}

/* Patience is over. What is still to be sent has the time that TCP gives it. */
static void parting_timeout(struct worker *w, struct tcp_conn *c)
{
	tcp_recv_skip(w, c, tcp_readable(c));
	tcp_close(w, c, *parting_why(c));
}

static void parting_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	(void)why;
}

const struct tcp_app parting_app = {
	.name = "parting",
	.role = CONN_DATA,
	.readable = parting_readable,
	.writable = parting_writable,
	.timeout = parting_timeout,
	.closed = parting_closed,
};

void parting_own(struct tcp_conn *c, enum tcp_end why)
{
	tcp_own(c, &parting_app);
	*parting_why(c) = why;
}

void parting_close(struct worker *w, struct tcp_conn *c)
{
	tcp_shutdown(w, c);
	tcp_recv_pause(w, c, false);
	tcp_app_timer(w, c, w->dp->conf->tcp.linger * 1000);
}
