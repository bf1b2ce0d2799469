/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { TURNS_MAX = 100000, FRAMES_KEPT = 400 };

static struct host host[HOSTS_MAX];
static uint16_t n_host;
static struct frame frame;

void hosts_reset(void)
{
	memset(host, 0, sizeof(host));
	n_host = 0;
}

uint8_t host_pattern(uint8_t seed, uint64_t at)
{
	uint64_t x = (at / 4 + seed) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)(x >> 56) ^ (uint8_t)at;
}

struct host *host_new(uint16_t port, const struct sock_addr *addr, const struct sock_addr *us,
		      uint8_t seed, uint8_t expect)
{
	struct host *h = &host[n_host++];

	assert_true(n_host <= HOSTS_MAX);
	*h = (struct host){ .port = port,
			    .addr = *addr,
			    .us = *us,
			    .seed = seed,
			    .expect = expect,
			    .iss = 0xffff0000u + n_host };
	return h;
}

/* ---- out ---- */

static uint16_t tcp_csum(const struct host *h, const uint8_t *b, size_t len)
{
	bool v4 = ip_is_v4(&h->addr.ip);
	uint32_t s = 6 + (uint32_t)len;
	size_t i;

	for (i = v4 ? 12 : 0; i < 16; i += 2) {
		s += (uint32_t)(h->addr.ip.b[i] << 8 | h->addr.ip.b[i + 1]);
		s += (uint32_t)(h->us.ip.b[i] << 8 | h->us.ip.b[i + 1]);
	}
	for (i = 0; i < len; i++)
		s += (uint32_t)(i & 1 ? b[i] : b[i] << 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A segment at stream offset `at` (-1: the SYN); data NULL: of the pattern. */
static void put(struct host *h, uint8_t flags, uint64_t at, const uint8_t *data, uint16_t len)
{
	uint8_t b[24 + HOST_MSS] = { 0 }, hdr = flags & SYN ? 24 : 20;
	uint16_t wnd, sum, i;

	assert_in_range(len, 0, HOST_MSS);
	/* What was offered stays offered. */
	if (!h->stop)
		h->edge = h->received + HOST_WND;
	wnd = (uint16_t)(h->edge - h->received);
	memcpy(b, h->addr.port.b, 2);
	memcpy(b + 2, h->us.port.b, 2);
	put32(b + 4, h->iss + 1 + (uint32_t)at);
	if (flags & ACK)
		put32(b + 8, h->irs + 1 + (uint32_t)h->received + h->fin_rcvd);
	b[12] = (uint8_t)(hdr / 4 << 4);
	b[13] = flags;
	b[14] = (uint8_t)(wnd >> 8);
	b[15] = (uint8_t)wnd;
	if (flags & SYN)
		put32(b + 20, 0x02040000 | HOST_MSS);
	if (!data && h->source && len)
		data = h->source + at;
	for (i = 0; i < len; i++)
		b[hdr + i] = data ? data[i] : host_pattern(h->seed, at + i);
	sum = tcp_csum(h, b, (size_t)hdr + len);
	b[16] = (uint8_t)(sum >> 8);
	b[17] = (uint8_t)sum;
	frame_ip(&frame, h->port, &h->addr.ip, &h->us.ip, 6, b, (size_t)hdr + len, NULL);
	world_in(h->port, h->worker, &frame);
	h->ack_due = false;
}

/* What windows and to_send let go, a few segments at a time. */
static bool push(struct host *h)
{
	uint64_t end = RTE_MIN(h->to_send, h->wnd);
	int n = 0;

	if (!h->open || h->rst || h->silent)
		return false;
	for (; h->sent < end && n < 16; n++) {
		uint16_t len = (uint16_t)RTE_MIN(end - h->sent, (uint64_t)HOST_MSS);

		put(h, ACK, h->sent, NULL, len);
		h->sent += len;
	}
	if (h->fin && !h->fin_sent && h->sent == h->to_send) {
		put(h, FIN | ACK, h->sent, NULL, 0);
		h->fin_sent = true;
		n++;
	}
	if (h->ack_due) {
		put(h, ACK, h->sent + h->fin_sent, NULL, 0);
		n++;
	}
	return n;
}

/* ---- in ---- */

static struct host *find(uint16_t port, const uint8_t *ip, const uint8_t *tcp)
{
	uint16_t i;

	for (i = n_host; i-- > 0;) {
		struct host *h = &host[i];
		bool v4 = ip_is_v4(&h->addr.ip), any = be16_get(h->us.port) == 0;

		if (h->port == port && (ip[0] >> 4 == 4) == v4 &&
		    (any ? tcp[13] & SYN : memcmp(tcp, h->us.port.b, 2) == 0) &&
		    memcmp(tcp + 2, h->addr.port.b, 2) == 0 &&
		    (v4 ? memcmp(ip + 12, h->us.ip.b + 12, 4) == 0 &&
			      memcmp(ip + 16, h->addr.ip.b + 12, 4) == 0
			: memcmp(ip + 8, h->us.ip.b, 16) == 0 &&
			      memcmp(ip + 24, h->addr.ip.b, 16) == 0))
			return h;
	}
	return NULL;
}

static void take_syn(struct host *h, const uint8_t *t)
{
	h->syns++;
	memcpy(h->us.port.b, t, 2);
	h->irs = get32(t + 4);
	h->wnd = (uint32_t)(t[14] << 8 | t[15]);
	if (h->silent)
		return;
	if (h->refuse) {
		put(h, RST | ACK, 0, NULL, 0);
		return;
	}
	if (!(t[13] & ACK)) {
		h->rst = false; /* that was another connection's */
		put(h, SYN | ACK, (uint64_t)-1, NULL, 0);
		return;
	}
	h->open = true;
	h->ack_due = true;
}

static void take(struct host *h, const uint8_t *t, uint32_t len)
{
	uint32_t hdr = (t[12] >> 4) * 4u, i;
	const uint8_t *data = t + hdr;

	if (t[13] & RST) {
		h->rst = true;
		return;
	}
	if (t[13] & SYN) {
		take_syn(h, t);
		return;
	}
	if (h->silent)
		return;
	h->open = true;
	len -= hdr;
	h->acked = get32(t + 8) - h->iss - 1;
	h->wnd = h->acked + (uint32_t)(t[14] << 8 | t[15]);
	if (h->fin_sent && h->acked > h->to_send) {
		h->fin_acked = true;
		h->acked = h->to_send;
	}
	if (!len && !(t[13] & FIN))
		return;
	h->ack_due = true;
	/* What comes is what is next, or asks whether we are there. */
	if ((int32_t)(get32(t + 4) - h->irs - 1 - (uint32_t)h->received) < 0 || h->fin_rcvd)
		return;
	assert_int_equal(get32(t + 4), h->irs + 1 + (uint32_t)h->received);
	assert_true(h->received + len <= h->edge);
	if (h->got)
		h->got(h, data, len);
	for (i = 0; i < len && !h->any && !h->got; i++)
		if (data[i] != host_pattern(h->expect, h->received + i))
			fail_msg("byte %llu is wrong", (unsigned long long)h->received + i);
	h->last_len = RTE_MIN(len, (uint32_t)sizeof(h->last));
	memcpy(h->last, data, h->last_len);
	h->received += len;
	h->fin_rcvd |= t[13] & FIN;
}

bool hosts_take(uint16_t port, const struct frame *f)
{
	const uint8_t *ip = f->b + frame_l3(f), *t = f->b + frame_l4(f);
	struct host *h;

	if ((ip[0] >> 4 == 4 ? ip[9] : ip[6]) != 6)
		return false;
	h = find(port, ip, t);
	if (h) {
		h->tos = ip[1];
		if (t[13] & SYN)
			h->syn_tos = h->tos;
		take(h, t, (uint32_t)(f->b + f->len - t));
	}
	return true;
}

bool hosts_push(void)
{
	bool more = false;

	for (uint16_t i = 0; i < n_host; i++)
		more |= push(&host[i]);
	return more;
}

/* Everything that went out goes to its host; what is no TCP is left alone. */
static bool deliver(void)
{
	const struct frame *f;
	uint16_t port, n = 0;

	for (port = 0; port < WORLD_PORTS; port++) {
		while ((f = world_out(port)))
			n = (uint16_t)(n + hosts_take(port, f));
	}
	world_forget();
	return n;
}

void hosts_run(void)
{
	uint32_t turns = 0;
	bool more = true;

	while (more) {
		assert_true(++turns < TURNS_MAX);
		world_run();
		more = deliver();
		more |= hosts_push();
	}
}

void hosts_pass_ms(uint32_t ms)
{
	while (ms--) {
		uint64_t now = world.w->now_ms + 1;

		world_clock_ms(now);
		if (now % 1000 == 0)
			world_neighbours();
		hosts_run();
	}
}

void host_connect_put(struct host *h)
{
	put(h, SYN, (uint64_t)-1, NULL, 0);
}

void host_connect(struct host *h)
{
	host_connect_put(h);
	hosts_run();
}

void host_fin(struct host *h)
{
	h->fin = true;
	hosts_run();
}

void host_fin_put(struct host *h)
{
	put(h, FIN | ACK, h->sent, NULL, 0);
	h->fin = h->fin_sent = true;
}

void host_go(struct host *h)
{
	h->stop = false;
	h->ack_due = true;
	hosts_run();
}

void host_rst_put(struct host *h)
{
	put(h, RST | ACK, h->sent + h->fin_sent, NULL, 0);
	h->rst = true;
}

void host_rst(struct host *h)
{
	host_rst_put(h);
	hosts_run();
}

void host_say_put(struct host *h, const void *bytes, uint16_t len)
{
	put(h, ACK | PSH, h->sent, bytes, len);
	h->sent += len;
	h->to_send += len;
}

void host_say(struct host *h, const void *bytes, uint16_t len)
{
	const uint8_t *p = bytes;
	uint16_t at = 0, part;

	do {
		part = (uint16_t)RTE_MIN(len - at, (int)HOST_MSS);
		host_say_put(h, p + at, part);
		hosts_run();
	} while ((at = (uint16_t)(at + part)) < len);
}
