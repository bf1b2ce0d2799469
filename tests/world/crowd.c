/* SPDX-License-Identifier: BSD-3-Clause */
#include "crowd.h"

enum { NEAR_WRAP = 8 };

struct member crowd[CROWD_MAX];
uint32_t crowd_lose;
bool crowd_backend;

static uint32_t crowd_data; /* segments with data */

static void member_take(struct member *m, const struct segment *s)
{
	uint32_t seq = s->seq - m->p.irs;

	m->wnd = s->wnd;
	m->rst |= (s->flags & RST) != 0;
	if (s->flags & SYN) {
		m->p.irs = s->seq;
		seq = 0;
		m->seen = 1;
		m->open = true;
	}
	if (s->len && crowd_lose && ++crowd_data % crowd_lose == 0)
		return;
	m->segs += s->len > 0;
	pattern_check(s->data, seq - 1, s->len);
	if (s->len && seq_le(seq, m->seen) && seq_gt(seq + s->len, m->seen))
		m->seen = seq + s->len;
}

/* SYN-ACK to a SYN of ours that went out by CORE. */
static void backend_take(const struct segment *s)
{
	struct tcp_peer keep = peer;

	if (!ip_is_v4(&s->src.ip) || !(s->flags & SYN))
		return;
	peer_new();
	peer_plain();
	peer.port = CORE;
	peer.addr = s->dst;
	peer.us = s->src;
	peer.irs = s->seq;
	seg_queue(SYN | ACK, 0, 1, 0);
	peer = keep;
}

void crowd_config(uint32_t connections)
{
	tcp_config();
	world.conf.tcp.connections = connections;
	world.conf.tcp.half_open = connections;
}

void crowd_route(const char *to, const char *via)
{
	struct config_port *p = &world.conf.port[ACCESS];

	assert_true(ip_prefix_parse(to, &p->route[p->n_route].to));
	p->route[p->n_route++].via = at(via, 0).ip;
}

void crowd_run(void)
{
	struct segment s;
	uint32_t member;
	bool more;
	uint16_t i;

	do {
		world_run();
		more = crowd_backend && world.n_out[CORE];
		for (i = 0; crowd_backend && i < world.n_out[CORE]; i++)
			if (segment_read(world.out[CORE][i], &s))
				backend_take(&s);
		for (i = 0; i < world.n_out[ACCESS]; i++) {
			if (!segment_read(world.out[ACCESS][i], &s))
				continue;
			member = (uint32_t)be16_get(s.dst.port) - PEER_PORT;
			assert_true(member < CROWD_MAX);
			member_take(&crowd[member], &s);
		}
		world_forget();
	} while (more);
}

void crowd_pass_ms(uint32_t ms)
{
	world_pass(ms, crowd_run);
}

bool crowd_open(uint32_t i)
{
	struct member *m = &crowd[i];

	*m = (struct member){ .p = peer, .nxt = 1 };
	m->p.addr.port = be16_make((uint16_t)(PEER_PORT + i));
	peer = m->p;
	if (i % NEAR_WRAP == 0)
		peer_near_wrap();
	seg_queue(SYN, 0, 0, 0);
	crowd_run();
	if (m->open) {
		crowd_pass_ms(1);
		app.c = NULL;
		crowd_ack(i);
		m->c = app.c;
	}
	return m->open;
}

void crowd_say_at(uint32_t i, uint32_t seq, uint32_t len)
{
	peer = crowd[i].p;
	seg_queue(ACK, seq, crowd[i].seen, len);
	crowd_run();
}

void crowd_say(uint32_t i, uint32_t len)
{
	crowd_say_at(i, crowd[i].nxt, len);
	crowd[i].nxt += len;
}

void crowd_ack(uint32_t i)
{
	crowd_say_at(i, crowd[i].nxt, 0);
}

void crowd_end(void)
{
	uint32_t i;

	for (i = 0; i < world.conf.tcp.connections; i++)
		if (world.w->tcp->conn[i].gen & CONN_GEN_LIVE)
			tcp_abort(world.w, &world.w->tcp->conn[i], TCP_END_CLOSED);
	crowd_run();
	assert_int_equal(world.w->tcp->conns, 0);
	peer_new();
	memset(crowd, 0, sizeof(crowd));
	crowd_backend = false;
}
