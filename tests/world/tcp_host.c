/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_host.h"
#include "unit.h"

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

/* A segment at stream offset `at` (-1: the SYN); data NULL: of the pattern. */
static void put(struct host *h, uint8_t flags, uint64_t at, const uint8_t *data, uint16_t len)
{
	static const uint8_t mss[4] = { 2, 4, HOST_MSS >> 8, (uint8_t)HOST_MSS };
	uint8_t b[HOST_MSS];
	struct segment s = { .src = h->addr,
			     .dst = h->us,
			     .seq = h->iss + 1 + (uint32_t)at,
			     .flags = flags,
			     .opt = mss,
			     .opt_len = flags & SYN ? sizeof(mss) : 0,
			     .data = b,
			     .len = len };
	uint16_t i;

	assert_in_range(len, 0, HOST_MSS);
	/* What was offered stays offered. */
	if (!h->stop)
		h->edge = h->received + HOST_WND;
	s.wnd = (uint16_t)(h->edge - h->received);
	if (flags & ACK)
		s.ack = h->irs + 1 + (uint32_t)h->received + h->fin_rcvd;
	if (!data && h->source && len)
		data = h->source + at;
	for (i = 0; i < len; i++)
		b[i] = data ? data[i] : host_pattern(h->seed, at + i);
	frame_tcp(&frame, h->port, &s, NULL);
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

static struct host *find(uint16_t port, const struct segment *s)
{
	uint16_t i;

	for (i = n_host; i-- > 0;) {
		struct host *h = &host[i];
		bool any = be16_get(h->us.port) == 0;

		if (h->port == port && (any ? s->flags & SYN : be16_eq(s->src.port, h->us.port)) &&
		    ip_eq(&s->src.ip, &h->us.ip) && sock_addr_eq(&s->dst, &h->addr))
			return h;
	}
	return NULL;
}

static void take_syn(struct host *h, const struct segment *s)
{
	h->syns++;
	h->us.port = s->src.port;
	h->irs = s->seq;
	h->wnd = s->wnd;
	if (h->silent)
		return;
	if (h->refuse) {
		put(h, RST | ACK, 0, NULL, 0);
		return;
	}
	if (!(s->flags & ACK)) {
		h->rst = false; /* that was another connection's */
		put(h, SYN | ACK, (uint64_t)-1, NULL, 0);
		return;
	}
	h->open = true;
	h->ack_due = true;
}

static void take(struct host *h, const struct segment *s)
{
	uint32_t i;

	if (s->flags & RST) {
		h->rst = true;
		return;
	}
	if (s->flags & SYN) {
		take_syn(h, s);
		return;
	}
	if (h->silent)
		return;
	h->open = true;
	h->acked = s->ack - h->iss - 1;
	h->wnd = h->acked + s->wnd;
	if (h->fin_sent && h->acked > h->to_send) {
		h->fin_acked = true;
		h->acked = h->to_send;
	}
	if (!s->len && !(s->flags & FIN))
		return;
	h->ack_due = true;
	/* What comes is what is next, or asks whether we are there. */
	if ((int32_t)(s->seq - h->irs - 1 - (uint32_t)h->received) < 0 || h->fin_rcvd)
		return;
	assert_int_equal(s->seq, h->irs + 1 + (uint32_t)h->received);
	assert_true(h->received + s->len <= h->edge);
	if (h->got)
		h->got(h, s->data, s->len);
	for (i = 0; i < s->len && !h->any && !h->got; i++)
		if (s->data[i] != host_pattern(h->expect, h->received + i))
			fail_msg("byte %llu is wrong", (unsigned long long)h->received + i);
	h->last_len = RTE_MIN(s->len, (uint32_t)sizeof(h->last));
	memcpy(h->last, s->data, h->last_len);
	h->received += s->len;
	h->fin_rcvd |= s->flags & FIN;
}

bool hosts_take(uint16_t port, const struct frame *f)
{
	struct segment s;
	struct host *h;

	if (!segment_read(f, &s))
		return false;
	h = find(port, &s);
	if (h) {
		h->tos = s.tos;
		if (s.flags & SYN)
			h->syn_tos = h->tos;
		take(h, &s);
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
	world_pass(ms, hosts_run);
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

struct host *host_client(const struct sock_addr *addr, const struct sock_addr *us)
{
	struct host *h = host_new(ACCESS, addr, us, 1, 2);

	h->any = true;
	host_connect(h);
	return h;
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
