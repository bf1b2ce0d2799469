/* SPDX-License-Identifier: BSD-3-Clause */
/* The peer: segments in and out, written and read byte by byte. */
#include "tcp_world.h"

enum {
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WS = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
	WRAP_WITHIN = 0x4000, /* our ISN is so near to 2^32 */
};

struct tcp_peer peer;

/* ---- who it is ---- */

void peer_new(void)
{
	peer = (struct tcp_peer){ .addr = at("10.1.0.2", PEER_PORT),
				  .us = at("10.1.0.1", APP_PORT),
				  .port = ACCESS,
				  .wnd = UINT16_MAX,
				  .mss = PEER_MSS,
				  .ws = 1 + 7,
				  .sack = true,
				  .ts = true,
				  .iss = PEER_ISS,
				  .ts_base = PEER_TS - (uint32_t)(WORLD_START_S * 1000ull),
				  .rtt_ms = RTT_MS };
}

void peer_plain(void)
{
	peer.ws = 0;
	peer.sack = peer.ts = false;
}

void peer_v6(void)
{
	peer.addr = at(peer.port == CORE ? "fd00:2::2" : "fd00:1::2", PEER_PORT);
	peer.us = at(peer.port == CORE ? "fd00:2::1" : "fd00:1::1", APP_PORT);
}

void peer_core(void)
{
	bool v6 = !ip_is_v4(&peer.addr.ip);

	peer.port = CORE;
	peer.addr = at("10.2.0.2", APP_PORT);
	peer.us = at("10.2.0.1", PEER_PORT);
	if (v6) {
		peer.addr = at("fd00:2::2", APP_PORT);
		peer.us = at("fd00:2::1", PEER_PORT);
	}
}

static uint32_t isn_shift; /* added to all our initial sequence numbers */

uint32_t __real_tcp_isn(const struct worker *w, const struct sock_addr *local,
			const struct sock_addr *remote);
uint32_t __wrap_tcp_isn(const struct worker *w, const struct sock_addr *local,
			const struct sock_addr *remote);

uint32_t __wrap_tcp_isn(const struct worker *w, const struct sock_addr *local,
			const struct sock_addr *remote)
{
	return __real_tcp_isn(w, local, remote) + isn_shift;
}

void peer_near_wrap(void)
{
	uint32_t isn = __real_tcp_isn(world.w, &peer.us, &peer.addr);

	isn_shift = -(1 + isn % WRAP_WITHIN) - isn;
}

/* ---- in ---- */

static size_t put_ts(uint8_t *p, const struct seg *s)
{
	p[0] = p[1] = OPT_NOP;
	p[2] = OPT_TS;
	p[3] = 10;
	put32(p + 4, s->tsval ? s->tsval : (uint32_t)world.w->now_ms + peer.ts_base);
	put32(p + 8, s->tsecr || !(s->flags & ACK) ? s->tsecr : peer.ts_last);
	return 12;
}

/* Each option padded to a word by itself. */
static size_t put_options(uint8_t *p, const struct seg *s)
{
	uint8_t *at = p;
	int i;

	if (s->opt) {
		memcpy(p, s->opt, s->opt_len);
		return s->opt_len;
	}
	if (s->mss) {
		memcpy(at, (uint8_t[]){ OPT_MSS, 4, (uint8_t)(s->mss >> 8), (uint8_t)s->mss }, 4);
		at += 4;
	}
	if (s->ws) {
		memcpy(at, (uint8_t[]){ OPT_NOP, OPT_WS, 3, (uint8_t)(s->ws - 1) }, 4);
		at += 4;
	}
	if (s->sack_ok) {
		memcpy(at, (uint8_t[]){ OPT_NOP, OPT_NOP, OPT_SACK_OK, 2 }, 4);
		at += 4;
	}
	if ((peer.ts || s->ts) && !s->no_ts && !(s->flags & RST))
		at += put_ts(at, s);
	if (s->n_sack) {
		uint8_t len = (uint8_t)(2 + 8 * s->n_sack);

		memcpy(at, (uint8_t[]){ OPT_NOP, OPT_NOP, OPT_SACK, len }, 4);
		at += 4;
	}
	for (i = 0; i < s->n_sack; i++, at += 8) {
		put32(at, s->sack[i].start + peer.irs);
		put32(at + 4, s->sack[i].end + peer.irs);
	}
	return (size_t)(at - p);
}

void seg_enqueue(const struct seg *s)
{
	struct frame_opt o = { .tos = s->tos,
			       .df = true,
			       .csum = s->bad_csum ? CSUM_BAD : CSUM_GOOD };
	uint8_t opt[SEGMENT_HDR_MAX], data[FRAME_MAX];
	struct segment out = { .src = peer.addr,
			       .dst = peer.us,
			       .seq = s->seq + peer.iss,
			       .ack = s->flags & ACK ? s->ack + peer.irs : 0,
			       .wnd = peer.wnd,
			       .urg = s->urg,
			       .flags = s->flags,
			       .opt = opt,
			       .data = s->data ? s->data : data,
			       .len = s->len,
			       .off = s->off,
			       .cut = s->cut };
	struct seg syn = *s;
	struct frame f;

	if (s->flags & SYN) {
		syn.mss = s->mss ? s->mss : peer.mss;
		syn.ws = s->ws ? s->ws : peer.ws;
		syn.sack_ok = s->sack_ok || peer.sack;
	}
	out.opt_len = (uint8_t)put_options(opt, &syn);
	if (!s->data)
		pattern_fill(data, s->seq + (s->flags & SYN ? 0u : (uint32_t)-1), s->len);
	frame_tcp(&f, peer.port, &out, &o);
	world_in(peer.port, peer.worker, &f);
}

void seg_put(const struct seg *s)
{
	seg_enqueue(s);
	world_run();
}

/* ---- out ---- */

static void get_sack(struct seg *s, const uint8_t *p, int len)
{
	int i;

	assert_int_equal((len - 2) % 8, 0);
	s->n_sack = (uint8_t)((len - 2) / 8);
	assert_in_range(s->n_sack, 1, 4);
	for (i = 0; i < s->n_sack; i++) {
		s->sack[i].start = get32(p + 2 + 8 * i) - peer.iss;
		s->sack[i].end = get32(p + 6 + 8 * i) - peer.iss;
	}
}

static void get_option(struct seg *s, const uint8_t *p, int len)
{
	switch (p[0]) {
	case OPT_MSS:
		assert_int_equal(len, 4);
		s->mss = (uint16_t)get16(p + 2);
		break;
	case OPT_WS:
		assert_int_equal(len, 3);
		assert_true(p[2] <= 14);
		s->ws = (uint8_t)(1 + p[2]);
		break;
	case OPT_SACK_OK:
		assert_int_equal(len, 2);
		s->sack_ok = true;
		break;
	case OPT_SACK:
		get_sack(s, p, len);
		break;
	case OPT_TS:
		assert_int_equal(len, 10);
		s->ts = true;
		s->tsval = get32(p + 2);
		s->tsecr = get32(p + 6);
		break;
	default:
		fail_msg("option %u", p[0]);
	}
}

static void get_options(struct seg *s, const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != 0) {
		int len = *p == OPT_NOP ? 1 : p[1];

		assert_true(len > 0 && p + len <= end);
		if (*p != OPT_NOP)
			get_option(s, p, len);
		p += len;
	}
}

/* ARP and ND of neighbours that grow old are none of ours. */
static const struct frame *segment_next(struct segment *in)
{
	const struct frame *f;

	while ((f = world_out(peer.port)) != NULL)
		if (segment_read(f, in))
			return f;
	/* All were seen: room for more. */
	world_forget();
	return NULL;
}

const struct seg *seg_next(void)
{
	static struct seg s;
	struct segment in;

	if (!segment_next(&in))
		return NULL;
	assert_true(sock_addr_eq(&in.src, &peer.us));
	assert_true(sock_addr_eq(&in.dst, &peer.addr));
	assert_int_equal(in.tos >> 2, app.dscp);
	if (!in.len)
		assert_int_equal(in.tos & CE, 0);
	if (in.flags & SYN)
		peer.irs = in.seq;
	if (!(in.flags & ACK))
		assert_int_equal(in.ack, 0);
	s = (struct seg){ .flags = in.flags & (uint8_t)~PSH,
			  .seq = in.seq - peer.irs,
			  .ack = in.flags & ACK ? in.ack - peer.iss : 0,
			  .len = in.len,
			  .wnd = in.wnd,
			  .urg = in.urg,
			  .tos = in.tos,
			  .df = in.df || !ip_is_v4(&peer.addr.ip) };
	get_options(&s, in.opt, in.data);
	if (s.ts)
		peer.ts_last = s.tsval;
	if (s.len)
		pattern_check(in.data, s.seq - 1, s.len);
	memcpy(s.bytes, in.data, s.len);
	assert_false(s.flags & URG);
	return &s;
}

static const char *flag_names(uint8_t flags)
{
	static char buf[2][64];
	static int at;
	static const char *const name[] = { "FIN ", "SYN ", "RST ", "PSH ",
					    "ACK ", "URG ", "ECE ", "CWR " };
	char *p = buf[at ^= 1];
	int i;

	*p = 0;
	for (i = 0; i < 8; i++)
		if (flags & 1 << i)
			strcat(p, name[i]);
	return p;
}

static bool same(const struct seg *a, const struct seg *b)
{
	return a->flags == b->flags && a->seq == b->seq && a->ack == b->ack && a->len == b->len &&
	       a->n_sack == b->n_sack && memcmp(a->sack, b->sack, sizeof(a->sack)) == 0;
}

static void say(const char *what, const struct seg *s)
{
	int i;

	fprintf(stderr, "%s: %sseq %u ack %u len %u", what, flag_names(s->flags), s->seq, s->ack,
		s->len);
	for (i = 0; i < s->n_sack; i++)
		fprintf(stderr, " [%u,%u)", s->sack[i].start, s->sack[i].end);
	fprintf(stderr, "\n");
}

const struct seg *seg_check(const struct seg *want, const char *file, int line)
{
	const struct seg *s = seg_next();

	if (s && same(s, want))
		return s;
	say("wanted", want);
	if (s)
		say("came  ", s);
	else
		fprintf(stderr, "nothing came\n");
	_fail(file, line);
	return NULL;
}

void seg_none_at(const char *file, int line)
{
	const struct seg *s = seg_next();

	if (!s)
		return;
	say("wanted nothing, came", s);
	_fail(file, line);
}

uint32_t seg_skip(void)
{
	uint32_t n = 0;

	while (seg_next())
		n++;
	return n;
}

/* Whether a segment waits; it stays. */
static bool seg_waits(void)
{
	struct segment in;

	if (!segment_next(&in))
		return false;
	world.at_out[peer.port]--;
	return true;
}

uint32_t seg_wait_at(uint32_t max_ms, const char *file, int line)
{
	uint32_t ms = 0;

	while (!seg_waits() && ms < max_ms) {
		world_pass_ms(1);
		ms++;
	}
	if (!seg_waits()) {
		fprintf(stderr, "nothing came within %u ms\n", max_ms);
		_fail(file, line);
	}
	return ms;
}

void seg_quiet_at(uint32_t ms, const char *file, int line)
{
	seg_none_at(file, line);
	for (; ms; ms--) {
		world_pass_ms(1);
		seg_none_at(file, line);
	}
}

uint32_t seg_window(const struct seg *s)
{
	return (uint32_t)s->wnd << (app.c && !(s->flags & SYN) ? app.c->rcv_wscale : 0);
}

/* ---- whole handshakes ---- */

void open_passive(void)
{
	unsigned int opened = app.opened;

	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	world_pass_ms(peer.rtt_ms);
	seg_in(ACK, 1, 1, 0);
	seg_none();
	assert_int_equal(app.opened, opened + 1);
	assert_int_equal(tcp_state(app.c), TCP_ESTABLISHED);
}

void open_active(void)
{
	unsigned int opened = app.opened;

	app_connect();
	seg_expect(SYN | (world.conf.tcp.ecn ? ECE | CWR : 0), 0, 0, 0);
	world_pass_ms(peer.rtt_ms);
	seg_in(SYN | ACK, 0, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	seg_none();
	assert_int_equal(app.opened, opened + 1);
	assert_int_equal(tcp_state(app.c), TCP_ESTABLISHED);
}

void peer_reset(void)
{
	assert_non_null(app.c);
	seg_skip();
	seg_in(RST, app.c->rcv_nxt - peer.iss, 0, 0);
	assert_null(app.c);
	seg_none();
}

void close_peer_first(uint32_t next, uint32_t ours)
{
	unsigned int closed = app.closed;

	seg_in(FIN | ACK, next, ours, 0);
	seg_expect(ACK, ours, next + 1, 0);
	app_close();
	seg_expect(FIN | ACK, ours, next + 1, 0);
	seg_in(ACK, next + 1, ours + 1, 0);
	seg_none();
	assert_int_equal(app.closed, closed + 1);
	assert_int_equal(app.why, TCP_END_DONE);
}

void close_owner_first(uint32_t next, uint32_t ours)
{
	unsigned int closed = app.closed;

	app_close();
	seg_expect(FIN | ACK, ours, next, 0);
	seg_in(ACK, next, ours + 1, 0);
	seg_in(FIN | ACK, next, ours + 1, 0);
	seg_expect(ACK, ours + 1, next + 1, 0);
	seg_none();
	assert_int_equal(app.closed, closed + 1);
	assert_int_equal(app.why, TCP_END_DONE);
}

/* ---- ICMP ---- */

void icmp_in(uint32_t seq, uint16_t mtu, const struct sock_addr *from, const struct sock_addr *to)
{
	bool v4 = ip_is_v4(&peer.addr.ip);
	uint8_t icmp[8 + 40 + 8] = { 0 }, *tcp;
	struct frame quoted, f;

	/* The quote: our IP header and the first eight bytes of the segment. */
	frame_ip(&quoted, peer.port, &from->ip, &to->ip, PROTO_TCP, "\0\0\0\0\0\0\0", 8,
		 &(struct frame_opt){ .df = true });
	tcp = quoted.b + frame_l4(&quoted);
	memcpy(tcp, from->port.b, 2);
	memcpy(tcp + 2, to->port.b, 2);
	put32(tcp + 4, seq + peer.irs);
	if (v4) {
		icmp[0] = 3;
		icmp[1] = mtu ? 4 : 1;
		put16(icmp + 6, mtu);
	} else {
		icmp[0] = mtu ? 2 : 1;
		put32(icmp + 4, mtu);
	}
	memcpy(icmp + 8, quoted.b + 14, quoted.len - 14u);
	frame_ip(&f, peer.port, &peer.addr.ip, &peer.us.ip, v4 ? 1 : 58, icmp, 8 + quoted.len - 14u,
		 NULL);
	frame_icmp_csum(&f);
	world_feed(peer.port, &f);
}
