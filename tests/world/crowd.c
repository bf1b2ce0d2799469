/* SPDX-License-Identifier: BSD-3-Clause */
#include "crowd.h"

enum { NEAR_WRAP = 8 };

struct member crowd[CROWD_MAX];
uint32_t crowd_lose;
bool crowd_backend;

static uint32_t crowd_data; /* segments with data */

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void member_take(struct member *m, const uint8_t *t, uint32_t len)
{
	uint32_t seq = get32(t + 4);

	m->wnd = (uint32_t)t[14] << 8 | t[15];
	m->rst |= (t[13] & RST) != 0;
	if (t[13] & SYN) {
		m->p.irs = seq;
		m->seen = 1;
		m->open = true;
	}
	if (len && crowd_lose && ++crowd_data % crowd_lose == 0)
		return;
	m->segs += len > 0;
	pattern_check(t + (t[12] >> 4) * 4u, seq - m->p.irs - 1, len);
	if (len && seq_le(seq - m->p.irs, m->seen) && seq_gt(seq - m->p.irs + len, m->seen))
		m->seen = seq - m->p.irs + len;
}

/* SYN-ACK to a SYN of ours that went out by CORE. */
static void backend_take(const uint8_t *ip, const uint8_t *t)
{
	struct tcp_peer keep = peer;

	if (ip[0] >> 4 != 4 || ip[9] != 6 || !(t[13] & SYN))
		return;
	peer_new();
	peer_plain();
	peer.port = CORE;
	memcpy(peer.addr.ip.b + 12, ip + 16, 4);
	memcpy(peer.addr.port.b, t + 2, 2);
	memcpy(peer.us.ip.b + 12, ip + 12, 4);
	memcpy(peer.us.port.b, t, 2);
	peer.irs = get32(t + 4);
	seg_queue(SYN | ACK, 0, 1, 0);
	peer = keep;
}

/* Bytes of TCP in a packet; 0: it is none. */
static uint32_t tcp_len(const uint8_t *ip)
{
	if (ip[0] >> 4 == 4)
		return ip[9] == 6 ? (uint32_t)(ip[2] << 8 | ip[3]) - 20 : 0;
	return ip[6] == 6 ? (uint32_t)(ip[4] << 8 | ip[5]) : 0;
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
	bool more;
	uint16_t i;

	do {
		world_run();
		more = crowd_backend && world.n_out[CORE];
		for (i = 0; crowd_backend && i < world.n_out[CORE]; i++) {
			const struct frame *f = world.out[CORE][i];

			backend_take(f->b + frame_l3(f), f->b + frame_l4(f));
		}
		for (i = 0; i < world.n_out[ACCESS]; i++) {
			const struct frame *f = world.out[ACCESS][i];
			const uint8_t *t = f->b + frame_l4(f);
			uint32_t len = tcp_len(f->b + frame_l3(f)), port;

			if (!len)
				continue;
			port = (uint32_t)(t[2] << 8 | t[3]) - PEER_PORT;
			assert_true(port < CROWD_MAX);
			member_take(&crowd[port], t, len - (t[12] >> 4) * 4u);
		}
		world_forget();
	} while (more);
}

void crowd_pass_ms(uint32_t ms)
{
	while (ms--) {
		world_clock_ms(world.w->now_ms + 1);
		if (world.w->now_ms % 1000 == 0)
			world_neighbours();
		crowd_run();
	}
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
