/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream.h"
#include "gateway.h"

#include <rte_malloc.h>

/* ---- pool ---- */

bool stream_create(struct worker *w, char *err, size_t errlen)
{
	const struct config_gateway *g = &w->dp->conf->gateway;
	uint32_t n = g->contexts ? g->streams : 0, i;
	struct stream_pool *p;

	if (n == 0)
		return true;
	w->gateway->streams = p = rte_zmalloc("streams", sizeof(*p) + n * sizeof(p->stream[0]), 64);
	if (!p) {
		snprintf(err, errlen,
			 "%s: dataplane.memory-mb: too small for %u streams on each worker",
			 w->dp->conf->file, n);
		return false;
	}
	for (i = 0; i < n; i++)
		p->stream[i].next = i + 1 < n ? i + 1 : SLOT_NONE;
	return true;
}

void stream_destroy(struct worker *w)
{
	rte_free(w->gateway->streams);
	w->gateway->streams = NULL;
}

static struct stream *stream_take(struct worker *w, uint32_t slot)
{
	struct stream_pool *p = w->gateway->streams;
	struct stream *s;

	if (!p || p->free == SLOT_NONE)
		return NULL;
	s = &p->stream[p->free];
	p->free = s->next;
	s->slot = slot;
	w->gateway->context[slot].stream = s;
	count(w, CNT_GATE_STREAMS);
	return s;
}

static void stream_give(struct worker *w, struct stream *s)
{
	w->gateway->context[s->slot].stream = NULL;
	memset(s->side, 0, sizeof(s->side));
	s->next = w->gateway->streams->free;
	w->gateway->streams->free = (uint32_t)(s - w->gateway->streams->stream);
	count_down(w, CNT_GATE_STREAMS);
}

/* ---- commands ---- */

static void side_set(struct worker *w, struct stream *s, uint32_t i, const struct ctl_term *t)
{
	struct side *d = &s->side[i];

	if (t->transport == TERM_NONE) {
		side_subtract(w, s, i);
		return;
	}
	d->term = *t;
	if (t->attempt && t->attempt != d->attempt)
		side_begin(w, s, i);
	else
		side_change(w, s, i);
}

/*
 * Both at once: nobody is left to be told. One for which bytes still wait must not take what it got
 * for all.
 */
static void stream_end(struct worker *w, struct stream *s)
{
	bool order[SIDES];
	uint32_t i;

	for (i = 0; i < SIDES; i++) {
		stream_drain(w, s, i);
		order[!i] = !stream_waits(s, i);
	}
	for (i = 0; i < SIDES; i++) {
		side_leave(w, &s->side[i], TCP_END_CLOSED, order[i]);
		side_cands_end(w, &s->side[i], TCP_END_CLOSED);
	}
	stream_give(w, s);
}

bool stream_can(const struct worker *w, uint32_t slot)
{
	return w->gateway->context[slot].stream ||
	       (w->gateway->streams && w->gateway->streams->free != SLOT_NONE);
}

void stream_set(struct worker *w, uint32_t slot, const struct ctl_term term[SIDES])
{
	bool replay = w->gateway->context[slot].epoch != w->sync_epoch;
	struct stream *s = w->gateway->context[slot].stream;
	uint32_t i;

	if (term[0].transport == TERM_NONE && term[1].transport == TERM_NONE) {
		if (s)
			stream_end(w, s);
		return;
	}
	s = s ? s : stream_take(w, slot);
	for (i = 0; i < SIDES; i++)
		if (term[i].transport != TERM_NONE && term[i].attempt == s->side[i].attempt)
			side_repeat(w, s, i, replay);
	for (i = 0; i < SIDES; i++)
		side_set(w, s, i, &term[i]);
	for (i = 0; i < SIDES; i++)
		side_release(w, s, i);
	stream_pause(w, s);
}

void stream_subtract(struct worker *w, uint32_t slot, uint32_t side)
{
	struct stream *s = w->gateway->context[slot].stream;

	side_subtract(w, s, side);
	stream_pause(w, s);
}

bool stream_move(struct worker *w, uint32_t slot, uint32_t side, uint32_t to, uint32_t to_side)
{
	struct stream *from = w->gateway->context[slot].stream, *s = w->gateway->context[to].stream;
	struct stream_owner o;
	struct side *d;
	uint32_t i;

	if (!s && !(s = stream_take(w, to)))
		return false;
	d = &s->side[to_side];
	*d = from->side[side];
	o = (struct stream_owner){ s, d->serial, to_side };
	memset(&from->side[side], 0, sizeof(*d));
	if (d->c) {
		*(struct stream_owner *)tcp_data(d->c) = o;
		tcp_charge(w, d->c, stream_account(w, s));
	}
	for (i = 0; i < d->n_cand; i++)
		*(struct stream_owner *)tcp_data(d->cand[i]) = o;
	/* What was told of it was of the other context, and may not have been heard. */
	side_repeat(w, s, to_side, true);
	stream_pause(w, from);
	stream_pause(w, s);
	return true;
}

void stream_terms(const struct worker *w, uint32_t slot, struct ctl_term term[SIDES])
{
	const struct stream *s = w->gateway->context[slot].stream;
	uint32_t i;

	for (i = 0; s && i < SIDES; i++)
		term[i] = s->side[i].term;
}

void stream_stats(struct worker *w, uint32_t slot, struct ctl_term_stats stats[SIDES])
{
	const struct stream *s = w->gateway->context[slot].stream;
	uint32_t i;

	for (i = 0; i < SIDES; i++) {
		const struct side *d = s ? &s->side[i] : NULL;

		stats[i] = (struct ctl_term_stats){ .silent_s = UINT32_MAX };
		if (!d || !d->bytes)
			continue;
		stats[i].bytes = d->bytes;
		stats[i].silent_s = d->bytes == d->bytes_seen ? w->now - d->seen_s : 0;
	}
}

void stream_tick(struct worker *w, uint32_t slot)
{
	struct stream *s = w->gateway->context[slot].stream;
	uint32_t i;

	for (i = 0; s && i < SIDES; i++)
		side_tick(w, s, i);
}

/* ---- SYNs ---- */

const struct tcp_app *stream_accept(struct worker *w, struct tcp_request *r, uint32_t entry)
{
	struct stream *s = w->gateway->context[gate_slot(entry)].stream;
	uint32_t i = gate_side(entry);
	const struct side *d = s ? &s->side[i] : NULL;

	if (!d || !side_listens(d) || !term_remote_may(&d->term, &r->remote.ip))
		return NULL;
	if (d->term.flags & TERM_LATCH && gate_denied(w, &r->remote.ip))
		return NULL;
	side_request(s, i, r);
	r->stranger = true; /* until it is the termination's */
	return &stream_app;
}
