/* SPDX-License-Identifier: BSD-3-Clause */
#include "splice.h"

/* Owner's bytes of each of the two. */
struct splice {
	uint8_t keep[SPLICE_KEEP];
	struct tcp_conn *other; /* NULL when it has ended */
	const struct splice_ops *ops;
	splice_pass_fn *pass;
	uint64_t passed; /* bytes that came by it and went on */
	uint16_t tag;
	bool first; /* of the two in splice_join() */
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
	splice_of(from)->passed += bytes;
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

static void splice_tell(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	const bool first = splice_of(c)->first;
	struct tcp_conn *other = splice_of(c)->other;
	struct splice_end e = { .a = first ? c : other, .b = first ? other : c, .why = why };

	e.tag = splice_of(c)->tag;
	e.passed[CTL_TO_PEER] = splice_of(e.a)->passed;
	e.passed[CTL_TO_CLIENT] = splice_of(e.b)->passed;
	splice_of(c)->ops->over(w, &e);
}

/*
 * One that ended in order has had all bytes and FIN of the other, which only has to deliver the
 * rest. Otherwise bytes are missing, and the other side must not take what it got for the whole.
 */
static void splice_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct splice *s = splice_of(c);

	if (s->other && s->ops->over)
		splice_tell(w, c, why);
	if (s->ops->gone)
		s->ops->gone(w, c);
	if (!s->other)
		return;
	splice_of(s->other)->other = NULL;
	if (why == TCP_END_DONE)
		tcp_close(w, s->other, TCP_END_DONE);
	else
		tcp_abort(w, s->other, TCP_END_PARTNER);
}

static uint32_t splice_session(struct tcp_conn *c)
{
	const struct splice_ops *ops = splice_of(c)->ops;

	return ops->session ? ops->session(c) : SLOT_NONE;
}

static void splice_show(const struct worker *w, struct tcp_conn *c, struct ctl_conn_info *i)
{
	const struct splice *s = splice_of(c);

	i->passed = s->passed;
	i->joined = s->first && s->other ? 1 + tcp_name(w, s->other).idx : 0;
}

const struct tcp_app splice_app = {
	.name = "splice",
	.role = CONN_DATA,
	.readable = splice_readable,
	.writable = splice_writable,
	.timeout = splice_readable,
	.session = splice_session,
	.show = splice_show,
	.closed = splice_closed,
};

static void splice_own(struct worker *w, struct tcp_conn *c, struct tcp_conn *other,
		       const struct splice_ops *ops, uint16_t tag)
{
	struct splice *s = splice_of(c);

	tcp_own(c, &splice_app);
	tcp_app_timer(w, c, 0);
	s->other = other;
	s->ops = ops;
	s->pass = tcp_pass;
	s->passed = 0;
	s->tag = tag;
}

void splice_join(struct worker *w, struct tcp_conn *a, struct tcp_conn *b,
		 const struct splice_ops *ops, uint16_t tag)
{
	static const struct splice_ops none;

	splice_own(w, a, b, ops ? ops : &none, tag);
	splice_own(w, b, a, ops ? ops : &none, tag);
	splice_of(a)->first = true;
	splice_of(b)->first = false;
	/* From here on readable() tells of what came before. */
	tcp_recv_pause(w, a, false);
	tcp_recv_pause(w, b, false);
	count(w, CNT_TCP_SPLICED);
}

void splice_pass_by(struct tcp_conn *c, splice_pass_fn *pass)
{
	splice_of(c)->pass = pass;
}
