/* SPDX-License-Identifier: BSD-3-Clause */
#include "splice.h"

/* Owner's bytes of each of the two. */
struct splice {
	uint8_t keep[SPLICE_KEEP];
	struct tcp_conn *other; /* NULL when it has ended */
	void (*gone)(struct worker *w, struct tcp_conn *c);
	splice_pass_fn *pass;
};
_Static_assert(sizeof(struct splice) <= TCP_APP_DATA, "owner's bytes");

static struct splice *splice_of(struct tcp_conn *c)
{
	return tcp_data(c);
}

/* Hands on what there is room for, and the FIN behind it. */
static void splice_pull(struct worker *w, struct tcp_conn *from, struct tcp_conn *to)
{
	splice_pass_fn *pass = splice_of(from)->pass;
	uint64_t bytes = 0;
	uint32_t n;

	while ((n = pass(w, from, to)))
		bytes += n;
	count_add(w, CNT_TCP_SPLICE_BYTES, bytes);
	if (tcp_readable(from))
		tcp_send_wait(to);
	else if (tcp_recv_fin(from))
		tcp_shutdown(w, to);
}

static void splice_readable(struct worker *w, struct tcp_conn *c)
{
	struct tcp_conn *other = splice_of(c)->other;

	if (likely(other))
		splice_pull(w, c, other);
}

static void splice_writable(struct worker *w, struct tcp_conn *c)
{
	struct tcp_conn *other = splice_of(c)->other;

	if (likely(other))
		splice_pull(w, other, c);
}

/*
 * One that ended in order has had all bytes and FIN of the other, which only has to deliver the
 * rest. Otherwise bytes are missing, and the other side must not take what it got for the whole.
 */
static void splice_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct splice *s = splice_of(c);

	if (s->gone)
		s->gone(w, c);
	if (!s->other)
		return;
	splice_of(s->other)->other = NULL;
	if (why == TCP_END_DONE)
		tcp_close(w, s->other, TCP_END_DONE);
	else
		tcp_abort(w, s->other, TCP_END_PARTNER);
}

const struct tcp_app splice_app = {
	.name = "splice",
	.role = CONN_DATA,
	.readable = splice_readable,
	.writable = splice_writable,
	.timeout = splice_readable,
	.closed = splice_closed,
};

static void splice_own(struct worker *w, struct tcp_conn *c, struct tcp_conn *other,
		       void (*gone)(struct worker *w, struct tcp_conn *c))
{
	struct splice *s = splice_of(c);

	tcp_own(c, &splice_app);
	tcp_app_timer(w, c, 0);
	s->other = other;
	s->gone = gone;
	s->pass = tcp_pass;
}

void splice_join(struct worker *w, struct tcp_conn *a, struct tcp_conn *b,
		 void (*gone)(struct worker *w, struct tcp_conn *c))
{
	splice_own(w, a, b, gone);
	splice_own(w, b, a, gone);
	/* From here on readable() tells of what came before. */
	tcp_recv_pause(w, a, false);
	tcp_recv_pause(w, b, false);
	count(w, CNT_TCP_SPLICED);
}

void splice_pass_by(struct tcp_conn *c, splice_pass_fn *pass)
{
	splice_of(c)->pass = pass;
}
