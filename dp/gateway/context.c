/* SPDX-License-Identifier: BSD-3-Clause */
#include "context.h"
#include "context_use.h"
#include "gateway.h"
#include "media.h"
#include "media_srtp.h"
#include "stream.h"
#include "../boundary.h"
#include "../../lib/bug.h"

#include <rte_malloc.h>

enum { MEDIA_ROUNDS = 10 };

/* ---- life ---- */

static bool gate_tables_create(struct worker *w, uint32_t contexts)
{
	struct gateway *g = w->gateway;

	g->context = rte_zmalloc("contexts", sizeof(struct context) * contexts, 64);
	g->media = rte_zmalloc("media", sizeof(struct media) * contexts, 64);
	w->media_path =
	    rte_zmalloc("media paths", sizeof(struct media_path) * COMPONENTS * contexts, 64);
	return g->context && g->media && w->media_path;
}

bool gate_create(struct worker *w, char *err, size_t errlen)
{
	const struct config *c = w->dp->conf;
	uint32_t n = c->gateway.contexts;
	struct gateway *g = rte_zmalloc("gateway", sizeof(*g), RTE_CACHE_LINE_SIZE);

	w->gateway = g;
	if (g) {
		g->contexts_max = n;
		g->round_ms = n ? 0 : UINT64_MAX;
	}
	if (g && n == 0)
		return true;
	if (g && gate_tables_create(w, n))
		return stream_create(w, err, errlen) && media_srtp_create(w, err, errlen);
	snprintf(err, errlen, "%s: dataplane.memory-mb: too small for %u contexts on each worker",
		 c->file, n);
	return false;
}

void gate_destroy(struct worker *w)
{
	if (!w->gateway)
		return;
	stream_destroy(w);
	media_srtp_destroy(w);
	rte_free(w->media_path);
	rte_free(w->gateway->media);
	rte_free(w->gateway->context);
	rte_free(w->gateway);
	w->gateway = NULL;
}

struct context *context_find(struct worker *w, struct ctl_cid cid)
{
	struct context *x;

	if (cid.slot >= w->gateway->contexts_max || cid.gen == 0)
		return NULL;
	x = &w->gateway->context[cid.slot];
	return x->gen == cid.gen ? x : NULL;
}

/* ---- events ---- */

bool context_tell(struct worker *w, uint32_t slot, const struct evt_term *about)
{
	struct evt_term *e = evt_slot(w);

	if (!e)
		return false;
	*e = *about;
	e->hdr = (struct ctl_hdr){ EVT_TERM, sizeof(*e), 0 };
	e->cid = (struct ctl_cid){ slot, w->gateway->context[slot].gen };
	evt_publish(w);
	return true;
}

static bool context_refused(struct worker *w, const struct ctl_hdr *hdr, struct ctl_cid cid,
			    enum ctl_refusal why)
{
	struct evt_context_refused *e = evt_answer(w);

	if (e) {
		*e = (struct evt_context_refused){
			.hdr = { EVT_CONTEXT_REFUSED, sizeof(*e), hdr->seq }, .cid = cid, .why = why
		};
		evt_publish(w);
	}
	return false;
}

static bool context_answer(struct worker *w, const struct cmd_context *c)
{
	const struct context *x = &w->gateway->context[c->cid.slot];
	struct evt_context_stats s = { .hdr = { EVT_CONTEXT_STATS, sizeof(s), c->hdr.seq },
				       .cid = c->cid };
	void *e = evt_answer(w);

	if (!e)
		return false;
	if (x->kind == CONTEXT_MEDIA)
		media_stats(w, c->cid.slot, s.term);
	else if (x->kind == CONTEXT_STREAM)
		stream_stats(w, c->cid.slot, s.term);
	memcpy(e, &s, sizeof(s));
	evt_publish(w);
	return true;
}

/* ---- audit ---- */

uint32_t context_slots(const struct worker *w)
{
	return w->gateway->contexts_max;
}

bool context_told(struct worker *w, uint32_t slot)
{
	const struct context *x = &w->gateway->context[slot];
	struct evt_context e = {
		.hdr = { EVT_CONTEXT, sizeof(e), 0 },
		.cid = { slot, x->gen },
		.expiry = x->expiry,
		.flags = x->flags,
	};
	void *to;

	if (!x->gen || x->expiry <= w->now)
		return true;
	to = evt_slot(w);
	if (!to)
		return false;
	if (x->kind == CONTEXT_MEDIA)
		media_terms(w, slot, e.term);
	else if (x->kind == CONTEXT_STREAM)
		stream_terms(w, slot, e.term);
	memcpy(to, &e, sizeof(e));
	evt_publish(w);
	return true;
}

/* ---- ports ---- */

/* Where the relay table has the i-th port of a side. */
static uint32_t *port_entry(struct worker *w, const struct ctl_relay *r, uint32_t i)
{
	return relayed_slot(w, r->relay, (uint16_t)(be16_get(r->port) + i));
}

static void ports_give(struct worker *w, uint32_t slot, uint32_t side)
{
	struct context *x = &w->gateway->context[slot];
	uint32_t i;

	for (i = 0; i < x->ports[side]; i++) {
		WARN_ON(*port_entry(w, &x->local[side], i) != gate_component(slot, 2 * side + i));
		*port_entry(w, &x->local[side], i) = SLOT_NONE;
	}
	x->ports[side] = 0;
}

static void ports_take(struct worker *w, uint32_t slot, uint32_t side, const struct ctl_relay *r,
		       uint8_t n)
{
	struct context *x = &w->gateway->context[slot];
	uint32_t i;

	for (i = 0; i < n; i++)
		*port_entry(w, r, i) = gate_component(slot, 2 * side + i);
	x->local[side] = *r;
	x->ports[side] = n;
}

/* ---- commands ---- */

static void context_clear(struct worker *w, uint32_t slot)
{
	static const struct ctl_term none[SIDES];
	struct context *x = &w->gateway->context[slot];
	uint32_t side;

	if (BUG_ON(slot >= w->gateway->contexts_max))
		return;
	if (x->kind == CONTEXT_MEDIA)
		media_set(w, slot, none);
	else if (x->kind == CONTEXT_STREAM)
		stream_set(w, slot, none);
	for (side = 0; side < SIDES; side++)
		ports_give(w, slot, side);
	memset(x, 0, sizeof(*x));
	context_use_begin(w, slot);
	count_down(w, CNT_GATE_CONTEXTS);
}

/* One side goes as by a command without it: the context stays, with the other or with none. */
static void context_subtract(struct worker *w, uint32_t slot, uint32_t side)
{
	if (w->gateway->context[slot].kind == CONTEXT_MEDIA)
		media_subtract(w, slot, side);
	else
		stream_subtract(w, slot, side);
	ports_give(w, slot, side);
}

/* A side of a context not named since a replay began was forgotten, or moved. */
static bool context_yields(const struct worker *w, uint32_t entry)
{
	return w->gateway->context[gate_slot(entry)].epoch != w->sync_epoch;
}

static void context_give_way(struct worker *w, uint32_t entry)
{
	context_subtract(w, gate_slot(entry), gate_side(entry));
}

/* Whether a context may have a port: sessions are not looked at if they pass theirs on. */
static bool port_free(const struct worker *w, uint32_t slot, uint32_t entry, bool pass)
{
	switch (relayed_kind(entry)) {
	case RELAYED_TERM:
		return gate_slot(entry) == slot || context_yields(w, entry);
	case RELAYED_NONE:
		return true;
	default:
		return pass;
	}
}

static bool ports_free(struct worker *w, const struct cmd_context_set *c, bool pass)
{
	uint32_t side, i;

	for (side = 0; side < SIDES; side++)
		for (i = 0; i < term_ports(&c->term[side]); i++)
			if (!port_free(w, c->cid.slot, *port_entry(w, &c->term[side].local, i),
				       pass))
				return false;
	return true;
}

/* Another owner of one of its ports goes: it may, see port_free(). */
static void ports_pass(struct worker *w, const struct cmd_context_set *c)
{
	uint32_t side, i;

	for (side = 0; side < SIDES; side++)
		for (i = 0; i < term_ports(&c->term[side]); i++) {
			uint32_t entry = *port_entry(w, &c->term[side].local, i);

			if (entry != SLOT_NONE && gate_slot(entry) != c->cid.slot)
				context_give_way(w, entry);
		}
}

static enum context_kind kind_of(const struct cmd_context_set *c)
{
	uint8_t t = c->term[0].transport ? c->term[0].transport : c->term[1].transport;

	if (t == TERM_NONE)
		return CONTEXT_NONE;
	return t == TERM_UDP ? CONTEXT_MEDIA : CONTEXT_STREAM;
}

/* Whether it can be, and nothing has changed; else *why not. */
static bool context_check(struct worker *w, const struct cmd_context_set *c, bool pass,
			  enum ctl_refusal *why)
{
	const enum context_kind kind = kind_of(c);
	const struct context *x;

	*why = REFUSED_FULL;
	if (c->cid.slot >= w->gateway->contexts_max)
		return false;
	*why = REFUSED_BAD;
	if (!context_valid(w, c))
		return false;
	x = context_find(w, c->cid);
	if (x && x->kind && kind && x->kind != kind)
		return false;
	*why = REFUSED_FULL;
	if (kind == CONTEXT_STREAM && !stream_can(w, c->cid.slot))
		return false;
	if (kind == CONTEXT_MEDIA && !media_srtp_can(w, c->cid.slot, c->term))
		return false;
	*why = REFUSED_PORT;
	return ports_free(w, c, pass);
}

bool context_can(struct worker *w, const struct cmd_context_set *c)
{
	enum ctl_refusal why;

	return context_check(w, c, true, &why);
}

static void ports_set(struct worker *w, const struct cmd_context_set *c)
{
	uint32_t side;

	/* All are given before any is taken: the sides may exchange theirs. */
	for (side = 0; side < SIDES; side++)
		ports_give(w, c->cid.slot, side);
	for (side = 0; side < SIDES; side++)
		ports_take(w, c->cid.slot, side, &c->term[side].local, term_ports(&c->term[side]));
}

bool context_set(struct worker *w, const struct cmd_context_set *c)
{
	const uint32_t slot = c->cid.slot;
	enum ctl_refusal why;
	struct context *x;
	bool replay;

	if (!context_check(w, c, false, &why))
		return context_refused(w, &c->hdr, c->cid, why);
	ports_pass(w, c);
	x = &w->gateway->context[slot];
	if (x->gen && x->gen != c->cid.gen)
		context_clear(w, slot);
	if (!x->gen) {
		x->gen = c->cid.gen;
		context_use_begin(w, slot);
		count(w, CNT_GATE_CONTEXTS);
	}
	if (!x->kind)
		x->kind = (uint8_t)kind_of(c);
	x->expiry = c->expiry;
	x->flags = (uint8_t)c->flags;
	if (x->kind == CONTEXT_STREAM)
		stream_set(w, slot, c->term);
	replay = x->epoch != w->sync_epoch;
	x->epoch = w->sync_epoch;
	ports_set(w, c);
	if (x->kind == CONTEXT_MEDIA)
		media_set(w, slot, c->term);
	if (x->kind == CONTEXT_MEDIA && replay)
		media_repeat(w, slot);
	return true;
}

bool context_del(struct worker *w, const struct cmd_context *c)
{
	if (!context_find(w, c->cid))
		return false;
	context_answer(w, c);
	context_clear(w, c->cid.slot);
	return true;
}

bool context_audit(struct worker *w, const struct cmd_context *c)
{
	return context_find(w, c->cid) && context_answer(w, c);
}

bool context_move(struct worker *w, const struct cmd_context_move *c)
{
	struct context *from = context_find(w, c->cid), *to = context_find(w, c->to);
	struct ctl_relay local;
	uint8_t n;

	if (!from || !to || c->side >= SIDES || c->to_side >= SIDES || !from->ports[c->side] ||
	    to->ports[c->to_side])
		return context_refused(w, &c->hdr, c->cid, REFUSED_GONE);
	if (to->kind && to->kind != from->kind)
		return context_refused(w, &c->hdr, c->cid, REFUSED_BAD);
	if (from->kind == CONTEXT_STREAM &&
	    !stream_move(w, c->cid.slot, c->side, c->to.slot, c->to_side))
		return context_refused(w, &c->hdr, c->cid, REFUSED_FULL);
	to->kind = from->kind;
	local = from->local[c->side];
	n = from->ports[c->side];
	ports_give(w, c->cid.slot, c->side);
	ports_take(w, c->to.slot, c->to_side, &local, n);
	if (from->kind == CONTEXT_MEDIA)
		media_move(w, c->cid.slot, c->side, c->to.slot, c->to_side);
	context_use_move(w, c->cid.slot);
	context_use_move(w, c->to.slot);
	return true;
}

bool context_srtp(struct worker *w, const struct cmd_srtp_set *c)
{
	const struct context *x = context_find(w, c->cid);
	enum ctl_refusal why;

	if (!x || x->kind != CONTEXT_MEDIA || c->side >= SIDES || !x->ports[c->side])
		return context_refused(w, &c->hdr, c->cid, REFUSED_GONE);
	return media_srtp_set(w, c, &why) || context_refused(w, &c->hdr, c->cid, why);
}

/* ---- replay ---- */

void context_sync_begin(struct worker *w)
{
	sweep_stop(&w->gateway->sweep);
}

void context_sync_end(struct worker *w)
{
	sweep_begin(&w->gateway->sweep);
}

static void context_sweep_look(struct worker *w, uint32_t slot)
{
	const struct context *x = &w->gateway->context[slot];

	if (x->gen && x->epoch != w->sync_epoch)
		context_clear(w, slot);
}

uint32_t context_sweep(struct worker *w, uint32_t budget)
{
	struct gateway *g = w->gateway;

	return sweep_turn(w, &g->sweep, g->contexts_max, budget, context_sweep_look);
}

/* ---- housekeeping ---- */

static void context_look(struct worker *w, uint32_t slot)
{
	const struct context *x = &w->gateway->context[slot];
	const bool round = slot % MEDIA_ROUNDS == w->gateway->round;

	if (!x->gen)
		return;
	/* Nobody may be there to delete it. */
	if (x->expiry <= w->now) {
		context_clear(w, slot);
		return;
	}
	if (x->kind == CONTEXT_MEDIA && round)
		media_tick(w, slot);
	else if (x->kind == CONTEXT_STREAM)
		stream_tick(w, slot);
	if (round)
		context_use_tick(w, slot);
}

uint32_t context_tick(struct worker *w)
{
	struct gateway *g = w->gateway;
	uint64_t ms;
	uint32_t i, n;

	if (likely(w->now_ms < g->round_ms))
		return 0;
	ms = RTE_MIN(w->now_ms - g->round_ms + 1, (uint64_t)CONTEXT_TICK_MS);
	g->round_ms = w->now_ms + 1;
	g->round_due += ms * g->contexts_max;
	n = (uint32_t)(g->round_due / CONTEXT_TICK_MS);
	g->round_due %= CONTEXT_TICK_MS;
	for (i = 0; i < n; i++) {
		context_look(w, g->round_at++);
		if (g->round_at == g->contexts_max) {
			g->round_at = 0;
			g->round = (g->round + 1) % MEDIA_ROUNDS;
		}
	}
	return n;
}

/* ---- relayed ports ---- */

/* Nobody waits for errors about what a termination sent. */
static void context_icmp(struct worker *w, struct pkt *p, const struct icmp_report *r)
{
	(void)r;
	pkt_drop(w, p->m, DROP_ICMP_NO_SESSION);
}

const struct relayed_ops context_relayed = {
	.input = media_input,
	.accept = stream_accept,
	.yields = context_yields,
	.give_way = context_give_way,
	.icmp = context_icmp,
};
