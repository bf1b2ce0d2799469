/* SPDX-License-Identifier: BSD-3-Clause */
#include "dp_hostile.h"
#include "dp/gateway/gateway.h"
#include "../../dp/gateway/media.h"
#include "dp/net/net.h"
#include "../../dp/relay/path.h"
#include "../../dp/tcp/ledger.h"
#include "dp/turn/turn.h"

#include <stdlib.h>

enum { CHAIN_FIRST = 61, CHAIN_REST = 97, LARGE = 900, LATER_MS = 300 };

static void mend(struct frame *f)
{
	uint16_t l4;
	bool v4;

	if (f->len < 14 + 20)
		return;
	v4 = f->b[12] == 8 && f->b[13] == 0;
	if (v4 && (f->b[14] & 0xf) >= 5 && f->len >= 14 + (f->b[14] & 0xf) * 4)
		frame_ip_csum(f);
	if (!v4 && f->len < 14 + 40)
		return;
	l4 = frame_l4(f);
	if (f->len < l4 + 8 || f->b[14] >> 4 != (v4 ? 4 : 6))
		return;
	if (v4 && f->b[23] == 17)
		f->b[l4 + 6] = f->b[l4 + 7] = 0;
	else if (f->b[v4 ? 23 : 20] == (v4 ? 1 : 58))
		frame_icmp_csum(f);
	else if (!v4 && f->b[20] == 17)
		frame_udp_csum(f);
}

void hostile_mend(uint8_t how, struct frame *f)
{
	memcpy(f->b, world.dp.port[how & HOSTILE_CORE ? CORE : ACCESS].mac.addr_bytes,
	       RTE_MIN(f->len, 6u));
	mend(f);
}

void hostile_later(uint64_t ms)
{
	world_clock_ms(world.w->now_ms + ms);
}

void hostile_put(uint8_t how, const struct frame *f)
{
	world.seg_first = how & HOSTILE_CHAIN			 ? CHAIN_FIRST
			  : how & HOSTILE_LARGE || f->len > 1800 ? LARGE
								 : 0;
	world.seg_rest = how & HOSTILE_CHAIN ? CHAIN_REST : LARGE;
	world.at_end = how & HOSTILE_AT_END;
	if (how & HOSTILE_LATER)
		hostile_later(LATER_MS);
	world_in(how & HOSTILE_CORE ? CORE : ACCESS,
		 how & HOSTILE_WORKER1 && world.dp.n_workers > 1 ? 1 : 0, f);
	world_run();
}

void hostile_frame(uint8_t how, const uint8_t *bytes, size_t len)
{
	static struct frame f;

	if (len == 0 || len > FRAME_MAX)
		return;
	f.len = (uint16_t)len;
	memcpy(f.b, bytes, len);
	if (how & HOSTILE_MEND)
		hostile_mend(how, &f);
	hostile_put(how, &f);
	hostile_bounds();
	hostile_drain();
}

void hostile_drain(void)
{
	uint16_t i;

	world_forget();
	for (i = 0; i < world.dp.n_workers; i++)
		while (world_evt(i))
			;
}

void hostile_rest(void)
{
	char err[256];
	uint16_t i;
	uint32_t k;

	hostile_later(100 * world.conf.dataplane.fragment_timeout_ms);
	for (i = 0; i < world.dp.n_workers; i++) {
		struct worker *w = world.dp.worker[i];

		frag_tick(w);
		MUST(frag_held(w) == 0);
		net_destroy(w);
		MUST(net_create(w, err, sizeof(err)));
		for (k = 0; k < w->turn->sessions_max; k++) {
			w->session[k].client_nh = w->session[k].first.nh = NH_NONE;
			w->path[k].to_client.nh = w->path[k].to_peer.nh = NH_NONE;
		}
		for (k = 0; k < w->turn->peers_max; k++)
			w->turn->peer[k].nh = NH_NONE;
		for (k = 0; k < w->gateway->contexts_max * COMPONENTS; k++)
			w->media_path[k].to.nh = NH_NONE;
		w->clock.tick_ms = 0;
		w->gateway->round_ms = w->gateway->contexts_max ? 0 : UINT64_MAX;
	}
	world_clock_ms(WORLD_START_S * 1000ull);
	world_neighbours();
	world_run();
	hostile_drain();
	MUST(world_missing() == 0);
}

/* The ports of a context are its own; returns how many. */
static uint32_t context_check(const struct worker *w, uint32_t slot)
{
	const struct context *x = &w->gateway->context[slot];
	uint32_t side, i, n = 0;

	MUST(x->gen || x->kind == CONTEXT_NONE);
	for (side = 0; side < SIDES; side++) {
		for (i = 0; i < x->ports[side]; i++)
			MUST(*relayed_slot(w, x->local[side].relay,
					   (uint16_t)(be16_get(x->local[side].port) + i)) ==
			     gate_component(slot, 2 * side + i));
		n += x->ports[side];
		if (x->kind == CONTEXT_MEDIA)
			MUST(w->gateway->media[slot].term[side].here == (x->ports[side] > 0));
	}
	return n;
}

/* Who may take the short way is somebody, and so is who it leads to. */
static void line_check(const struct media_path *l)
{
	if (l->flags & MEDIA_SHORT)
		MUST(be16_get(l->from_port) && be16_get(l->to.dport));
}

static void contexts_check(const struct worker *w)
{
	uint32_t slot, port, contexts = 0, ports = 0, components = 0;
	uint16_t r;

	for (slot = 0; slot < w->gateway->contexts_max; slot++) {
		contexts += w->gateway->context[slot].gen != 0;
		ports += context_check(w, slot);
	}
	for (slot = 0; slot < w->gateway->contexts_max * COMPONENTS; slot++)
		line_check(&w->media_path[slot]);
	for (r = 0; r < world.conf.n_relay; r++)
		for (port = RELAY_MIN; port <= RELAY_MAX; port++)
			components +=
			    relay_owner(w->dp, r, (uint16_t)port) == w->id &&
			    relayed_kind(*relayed_slot(w, r, (uint16_t)port)) == RELAYED_TERM;
	MUST(components == ports);
	MUST(w->counters->cnt[CNT_GATE_CONTEXTS] == contexts);
}

void hostile_no_contexts(const struct worker *w)
{
	static const struct media_path no_path[COMPONENTS];
	static const struct context no_context;
	static const struct media no_media;
	uint32_t i;

	for (i = 0; i < w->gateway->contexts_max; i++) {
		MUST(memcmp(&w->gateway->context[i], &no_context, sizeof(no_context)) == 0);
		MUST(memcmp(&w->gateway->media[i], &no_media, sizeof(no_media)) == 0);
		MUST(memcmp(media_lines(w, i), no_path, sizeof(no_path)) == 0);
	}
}

static void worker_check(const struct worker *w)
{
	uint32_t i, flows = 0, records = 0, free = 0;

	for (i = 0; i < w->turn->sessions_max; i++) {
		const struct session *s = &w->session[i];
		uint32_t at;
		int f;

		if (!s->gen)
			continue;
		flows += s->conn_gen == 0;
		for (f = 0; f < 2; f++)
			MUST(s->relay[f].relay == CTL_RELAY_NONE ||
			     *relayed_slot(w, s->relay[f].relay, be16_get(s->relay[f].port)) == i);
		for (at = s->peers; at != SLOT_NONE; at = w->turn->peer[at].next)
			MUST(++records <= w->turn->peers_max);
	}
	for (i = w->turn->peer_free; i != SLOT_NONE; i = w->turn->peer[i].next)
		MUST(++free <= w->turn->peers_max);
	MUST(records + free == w->turn->peers_max);
	MUST(w->flows.n == flows);
	MUST(rte_hash_count(w->turn->peers) <= (int32_t)(2 * records));
	if (w->gateway->contexts_max)
		contexts_check(w);
}

/* Of strangers so many each way, and records in all; see dp/tcp/ledger.h and dp/tcp/sent.c. */
enum { STRANGERS_RECORDS = 12 };

static void conn_bounds(const struct worker *w, const struct tcp_conn *c)
{
	const uint32_t buffers = world.conf.tcp.buffers, n = ledger_sum(c);

	MUST(c->records <=
	     (c->standing == TCP_STRANGER ? (uint32_t)STRANGERS_RECORDS : w->tcp->records_max));
	if (c->standing == TCP_STRANGER)
		MUST(n <= 2 * LEDGER_SMALL);
	else
		MUST(n <= buffers - buffers / 4 + LEDGER_SMALL);
}

static void tcp_bounds(const struct worker *w)
{
	const struct tcp *t = w->tcp;
	uint32_t i, live = 0;

	for (i = 0; i < world.conf.tcp.connections; i++) {
		if (!(t->conn[i].gen & CONN_GEN_LIVE) || t->conn[i].flags & CONN_DEAD)
			continue;
		conn_bounds(w, &t->conn[i]);
		live++;
	}
	MUST(live <= t->conns && t->conns <= world.conf.tcp.connections);
	MUST(t->records_shared <= t->records_pool);
	MUST(t->held <= world.conf.tcp.buffers + LEDGER_SMALL);
	MUST(t->ledger.strangers <= world.conf.tcp.buffers / 2 + LEDGER_SMALL);
}

static void neighbours_bounds(const struct worker *w)
{
	const struct config_dataplane *c = &world.conf.dataplane;
	uint32_t waits = 0;

	for (uint32_t i = 0; i < c->neighbours; i++) {
		MUST(w->neighbours[i].n_wait <= c->neighbour_queue);
		waits += w->neighbours[i].n_wait;
	}
	MUST(neigh_count(w->net->neigh) <= c->neighbours && neigh_held(w->net->neigh) == waits);
}

static void worker_bounds(const struct worker *w)
{
	uint32_t i;

	MUST(w->counters->cnt[CNT_SESSIONS] <= w->turn->sessions_max);
	MUST(frag_held(w) <= world.conf.dataplane.fragments * CONFIG_FRAGMENTS_EACH);
	for (i = 0; i < w->turn->sessions_max; i++)
		MUST(!w->session[i].gen ||
		     w->session[i].peers_waiting <= world.conf.turn.connections_per_allocation);
	neighbours_bounds(w);
	if (w->tcp && w->tcp->conn)
		tcp_bounds(w);
}

void hostile_bounds(void)
{
	for (uint16_t i = 0; i < world.dp.n_workers; i++)
		worker_bounds(world.dp.worker[i]);
}

void hostile_check(void)
{
	uint16_t i;

	hostile_bounds();
	MUST(world_accounts());
	MUST(world_missing() >= 0); /* of a packet in pieces that is held, one counts as held */
	for (i = 0; i < world.dp.n_workers; i++)
		worker_check(world.dp.worker[i]);
}

static uint64_t mix(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;

	while (len--)
		h = (h ^ *b++) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t hostile_sessions(void)
{
	uint64_t h = 1;
	uint16_t i;
	uint32_t k;

	for (i = 0; i < world.dp.n_workers; i++) {
		const struct worker *w = world.dp.worker[i];

		for (k = 0; k < w->turn->sessions_max; k++) {
			struct session s = w->session[k];

			s.client_nh = s.first.nh = 0;
			memset(&s.asked, 0, sizeof(s.asked)); /* its requests are counted there */
			h = mix(h, &s, sizeof(s));
		}
		for (k = 0; k < w->turn->peers_max; k++) {
			struct peer p = w->turn->peer[k];

			p.nh = 0;
			h = mix(h, &p, sizeof(p));
		}
		for (k = 0; k < w->gateway->contexts_max * COMPONENTS; k++) {
			struct media_path l = w->media_path[k];

			l.to.nh = 0;
			l.came = l.order = 0;
			l.flags &= (1 << MEDIA_MEASURE) - 1; /* what it looked like */
			h = mix(h, &l, sizeof(l));
		}
	}
	return h;
}
