/* SPDX-License-Identifier: BSD-3-Clause */
#include "dp_hostile.h"
#include "../../dp/turn/path.h"

#include <stdlib.h>

enum { CHAIN_FIRST = 61, CHAIN_REST = 97, LARGE = 900, LATER_MS = 300 };

static uint64_t now_ms = WORLD_START_S * 1000;

/* Bytes 2 to 5 are left alone: only the wrong station makes for a dull packet. */
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

void hostile_later(uint64_t ms)
{
	now_ms += ms;
	world_clock_ms(now_ms);
}

void hostile_frame(uint8_t how, const uint8_t *bytes, size_t len)
{
	static struct frame f;
	uint16_t port = how & HOSTILE_CORE ? CORE : ACCESS;

	if (len == 0 || len > FRAME_MAX)
		return;
	f.len = (uint16_t)len;
	memcpy(f.b, bytes, len);
	if (how & HOSTILE_MEND) {
		memcpy(f.b, world.dp.port[port].mac.addr_bytes, RTE_MIN(len, 6u));
		mend(&f);
	}
	world.seg_first = how & HOSTILE_CHAIN		      ? CHAIN_FIRST
			  : how & HOSTILE_LARGE || len > 1800 ? LARGE
							      : 0;
	world.seg_rest = how & HOSTILE_CHAIN ? CHAIN_REST : LARGE;
	world.at_end = how & HOSTILE_AT_END;
	if (how & HOSTILE_LATER)
		hostile_later(LATER_MS);
	world_in(port, how & HOSTILE_WORKER1 && world.dp.n_workers > 1 ? 1 : 0, &f);
	world_run();
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
		char name[16];

		snprintf(name, sizeof(name), "rest%u", i);
		frag_tick(w);
		MUST(frag_held(w) == 0);
		neigh_free(w, w->neigh);
		w->neigh = neigh_create(world.conf.dataplane.neighbours,
					world.conf.dataplane.neighbour_queue, name, SOCKET_ID_ANY);
		frag_destroy(w);
		MUST(w->neigh && frag_create(w, err, sizeof(err)));
		w->neighbours = neigh_entries(w->neigh);
		for (k = 0; k < w->sessions_max; k++) {
			w->session[k].client_nh = w->session[k].first.nh = NH_NONE;
			w->path[k].to_client.nh = w->path[k].to_peer.nh = NH_NONE;
		}
		for (k = 0; k < w->peers_max; k++)
			w->peer[k].nh = NH_NONE;
		w->tick_ms = 0;
	}
	now_ms = WORLD_START_S * 1000;
	world_clock_ms(now_ms);
	world_neighbours();
	world_run();
	hostile_drain();
}

static void worker_check(const struct worker *w)
{
	uint32_t i, flows = 0, records = 0, free = 0;

	for (i = 0; i < w->sessions_max; i++) {
		const struct session *s = &w->session[i];
		uint32_t at;
		int f;

		if (!s->gen)
			continue;
		flows += s->conn_gen == 0;
		for (f = 0; f < 2; f++)
			MUST(s->relay[f].relay == CTL_RELAY_NONE ||
			     w->relay_slot[s->relay[f].relay][be16_get(s->relay[f].port)] == i);
		for (at = s->peers; at != SLOT_NONE; at = w->peer[at].next)
			MUST(++records <= w->peers_max);
	}
	for (i = w->peer_free; i != SLOT_NONE; i = w->peer[i].next)
		MUST(++free <= w->peers_max);
	MUST(records + free == w->peers_max);
	MUST(w->flows.n == flows);
	MUST(rte_hash_count(w->peers) <= (int32_t)(2 * records));
}

void hostile_check(void)
{
	uint16_t i;

	MUST(world_accounts());
	MUST(world_missing() == 0);
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

		for (k = 0; k < w->sessions_max; k++) {
			struct session s = w->session[k];

			s.client_nh = s.first.nh = 0;
			h = mix(h, &s, sizeof(s));
		}
		for (k = 0; k < w->peers_max; k++) {
			struct peer p = w->peer[k];

			p.nh = 0;
			h = mix(h, &p, sizeof(p));
		}
	}
	return h;
}
