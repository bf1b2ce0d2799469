/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream_check.h"
#include "dp/gateway/stream.h"
#include "dp/gateway/gateway.h"

static bool has_connection(const struct side *d)
{
	return d->state == SIDE_OPENING || d->state == SIDE_UNJUDGED || d->state == SIDE_UP;
}

static const char *conn_fault(struct worker *w, struct stream *s, uint32_t i, struct tcp_conn *c)
{
	const struct stream_owner *o = tcp_data(c);

	if (tcp_app(c) != &stream_app)
		return "a side's connection is somebody else's";
	if (o->stream != s || o->serial != s->side[i].serial || o->side != i)
		return "a side's connection leads elsewhere";
	/* One that is over is buried by the turn in which it ends. */
	return tcp_find(w, tcp_name(w, c)) == c ? NULL : "a side's connection is dead";
}

static const char *side_fault(struct worker *w, struct stream *s, uint32_t i)
{
	const struct side *d = &s->side[i];
	const char *fault;
	uint32_t k;

	if (has_connection(d) != (d->c != NULL))
		return "a side's state and its connection disagree";
	if (d->state != SIDE_NONE && (!d->serial || !d->attempt))
		return "a side began without an attempt";
	if (d->n_cand && (!side_listens(d) || d->term.flags & TERM_CONNECT))
		return "a side that does not listen has candidates";
	if (d->held && (!d->c || d->term.flags & TERM_CONNECT))
		return "a side is held by nobody";
	for (k = 0; k < d->n_cand; k++) {
		if (d->cand[k] == d->c)
			return "a side's connection is a candidate, too";
		if ((fault = conn_fault(w, s, i, d->cand[k])))
			return fault;
	}
	return d->c ? conn_fault(w, s, i, d->c) : NULL;
}

const char *stream_fault(struct worker *w)
{
	uint32_t n = w->dp->conf->gateway.streams, used = 0, i, k;
	struct stream_pool *p = w->gateway->streams;
	const char *fault;

	if (!p)
		return NULL;
	for (k = 0; k < w->gateway->contexts_max; k++) {
		struct stream *s = w->gateway->context[k].stream;

		if (!s)
			continue;
		used++;
		if (w->gateway->context[k].gen == 0 ||
		    w->gateway->context[k].kind != CONTEXT_STREAM)
			return "a context that is not one of streams has one";
		if (s->slot != k)
			return "a stream is another context's";
		for (i = 0; i < SIDES; i++)
			if ((fault = side_fault(w, s, i)))
				return fault;
	}
	for (i = p->free, k = used; i != SLOT_NONE && k <= n; i = p->stream[i].next)
		k++;
	if (k != n)
		return "streams are missing, or twice in the pool";
	return used == w->counters->cnt[CNT_GATE_STREAMS] ? NULL : "the gauge of streams is wrong";
}
