/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may have what is left (R27). Contexts, those of TCP and TLS, and terminations of SRTP are two
 * pools each: what is kept for urgent calls (gateway.urgent-contexts), and the rest, which urgent
 * calls take of first. In each pool the last sixteenth is for controllers that have less of it than
 * an equal part (share.h), so that one that calls all of its calls urgent leaves others both.
 */
#include "gateway_priv.h"

enum thing { CONTEXTS, STREAMS, SRTP };

static const struct {
	const char *one, *many;
} name[] = {
	[CONTEXTS] = { "context", "contexts" },
	[STREAMS] = { "context of TCP or TLS", "contexts of TCP and TLS" },
	[SRTP] = { "termination of SRTP", "terminations of SRTP" },
};

/* ---- pools ---- */

/* What a worker has of one thing, of which a part is kept. */
struct room {
	uint32_t total, kept;
	uint32_t used, used_kept;
};

/* As large a part of it is kept as of contexts. */
static uint32_t kept_of(const struct config_gateway *c, uint32_t total)
{
	const uint64_t all = c->contexts, urgent = c->urgent;

	return urgent < all ? (uint32_t)((total * urgent + all - 1) / all) : total;
}

static struct room room_of(const struct gateway *g, enum thing what, uint32_t worker)
{
	const struct config_gateway *c = &g->conf->gateway;
	const struct context_table *t = g->table;
	struct room r = { 0 };

	switch (what) {
	case CONTEXTS:
		r.total = c->contexts;
		r.used = context_count(t, worker, false);
		r.used_kept = context_count(t, worker, true);
		break;
	case STREAMS:
		r.total = c->streams;
		r.used = context_streams(t, worker, false);
		r.used_kept = context_streams(t, worker, true);
		break;
	case SRTP:
		r.total = c->srtp;
		r.used_kept = context_srtp(t, worker, true)->used;
		r.used = context_srtp(t, worker, false)->used + r.used_kept;
		break;
	}
	r.kept = kept_of(c, r.total);
	return r;
}

static uint32_t pool_size(const struct room *r, bool kept)
{
	return kept ? r->kept : r->total - r->kept;
}

/* A reload may have changed how much is kept: then a pool may hold more than it has. */
static uint32_t pool_left(const struct room *r, bool kept)
{
	const uint32_t size = pool_size(r, kept);
	const uint32_t used = kept ? r->used_kept : r->used - r->used_kept;
	const uint32_t left = size > used ? size - used : 0;
	const uint32_t all = r->total > r->used ? r->total - r->used : 0;

	return left < all ? left : all;
}

/* ---- counting ---- */

/* What it counts for: take or give is done to each. */
static void count_by(struct gateway *g, const struct context *c,
		     void (*step)(struct share *, uint32_t))
{
	step(&g->contexts[c->kept], c->owner);
	if (c->stream)
		step(&g->streams[c->kept], c->owner);
	if (c->urgent)
		step(&g->urgent, c->owner);
}

void gate_count(struct gateway *g, const struct context *c)
{
	count_by(g, c, share_take);
}

void gate_uncount(struct gateway *g, const struct context *c)
{
	count_by(g, c, share_give);
}

bool room_is_small(const struct gateway *g, const struct context *c)
{
	return share_is_small(&g->urgent, c->owner);
}

/* ---- shares ---- */

static bool share_refuse(struct gate_fail *f, enum thing what)
{
	return gate_refuse(f, GATE_FULL,
			   "few %s are left, and this controller has its share of them",
			   name[what].many);
}

/* Of all workers' together, as each has room. Where none is left a worker tells why. */
static bool share_of_all(const struct gateway *g, enum thing what, const struct share *s,
			 const struct context *c)
{
	uint32_t size = 0, left = 0;

	for (uint32_t w = 0; w < g->conf->dataplane.n_workers; w++) {
		const struct room r = room_of(g, what, w);

		size += pool_size(&r, c->kept);
		left += pool_left(&r, c->kept);
	}
	return left == 0 || share_may_of(s, size, size - left, c->owner);
}

bool room_share(const struct gateway *g, const struct context *c, struct gate_fail *f)
{
	if (!share_of_all(g, CONTEXTS, &g->contexts[c->kept], c))
		return share_refuse(f, CONTEXTS);
	return !c->stream || share_of_all(g, STREAMS, &g->streams[c->kept], c) ||
	       share_refuse(f, STREAMS);
}

/* ---- a worker's ---- */

static bool left_check(const struct gateway *g, enum thing what, const struct context *c,
		       uint32_t n, struct gate_fail *f)
{
	const struct room r = room_of(g, what, c->worker);

	if (r.used + n > r.total)
		return gate_refuse(f, GATE_FULL, "worker %u has no %s left", c->worker,
				   name[what].one);
	if (pool_left(&r, c->kept) >= n)
		return true;
	if (c->kept)
		return gate_refuse(f, GATE_FULL,
				   "worker %u has no %s left of those kept for urgent calls",
				   c->worker, name[what].one);
	return gate_withhold(f, "worker %u keeps its last %s for urgent calls", c->worker,
			     name[what].many);
}

/* Whether it has room for so many keys more. */
static bool srtp_check(const struct gateway *g, const struct context *c, uint32_t n,
		       struct gate_fail *f)
{
	const struct share *s = context_srtp(g->table, c->worker, c->kept);
	struct room r;

	if (n == 0)
		return true;
	if (g->conf->gateway.srtp == 0)
		return gate_refuse(f, GATE_BAD, "gateway.srtp is 0");
	if (!left_check(g, SRTP, c, n, f))
		return false;
	r = room_of(g, SRTP, c->worker);
	return share_may_of(s, pool_size(&r, c->kept),
			    pool_size(&r, c->kept) - pool_left(&r, c->kept), c->owner) ||
	       share_refuse(f, SRTP);
}

bool room_check(const struct gateway *g, const struct context *c, uint32_t srtp,
		struct gate_fail *f)
{
	if (!left_check(g, CONTEXTS, c, 1, f) || (c->stream && !left_check(g, STREAMS, c, 1, f)))
		return false;
	if (dplink_room(g->s->link, c->worker) == 0)
		return gate_refuse(f, GATE_FULL, "worker %u has more commands than it can take",
				   c->worker);
	return srtp_check(g, c, srtp, f);
}

bool room_move(const struct gateway *g, const struct context *c, uint32_t side,
	       const struct context *to, struct gate_fail *f)
{
	return c->kept == to->kept || srtp_check(g, to, term_srtp(&c->term[side].term), f);
}

bool room_srtp(const struct gateway *g, struct context *c, uint32_t side, const struct term_spec *w,
	       struct gate_fail *f)
{
	const uint32_t has = term_srtp(&c->term[side].term), wants = term_srtp(&w->term);
	struct gate_fail kept;

	if (srtp_check(g, c, wants > has ? wants - has : 0, f))
		return true;
	if (!w->urgent || c->kept || f->error != GATE_FULL || g->conf->gateway.urgent == 0)
		return false;
	/* It goes over to what is kept with all that it has. */
	c->kept = 1;
	if (room_share(g, c, &kept) && left_check(g, CONTEXTS, c, 1, &kept) &&
	    srtp_check(g, c, wants + term_srtp(&c->term[!side].term), &kept))
		return true;
	*f = kept;
	return false;
}
