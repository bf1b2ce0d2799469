/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream_check.h"
#include "../../dp/gateway/stream.h"

static bool has_connection(const struct side *d)
{
	return d->state == SIDE_OPENING || d->state == SIDE_UNJUDGED || d->state == SIDE_UP;
}

static const char *side_fault(struct worker *w, struct stream *s, uint32_t i)
{
	const struct side *d = &s->side[i];
	const struct stream_owner *o;

	if (has_connection(d) != (d->c != NULL))
		return "a side's state and its connection disagree";
	if (d->state != SIDE_NONE && (!d->serial || !d->attempt))
		return "a side began without an attempt";
	if (!d->c)
		return NULL;
	if (tcp_app(d->c) != &stream_app)
		return "a side's connection is somebody else's";
	o = tcp_data(d->c);
	if (o->stream != s || o->serial != d->serial || o->side != i)
		return "a side's connection leads elsewhere";
	/* One that is over is buried by the turn in which it ends. */
	return tcp_find(w, tcp_name(w, d->c)) == d->c ? NULL : "a side's connection is dead";
}

const char *stream_fault(struct worker *w)
{
	uint32_t n = w->dp->conf->gateway.streams, used = 0, i, k;
	struct stream_pool *p = w->streams;
	const char *fault;

	if (!p)
		return NULL;
	for (k = 0; k < w->contexts_max; k++) {
		struct stream *s = w->context[k].stream;

		if (!s)
			continue;
		used++;
		if (w->context[k].gen == 0 || w->context[k].kind != CONTEXT_STREAM)
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
