/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client over TCP (R7, R8, R36; RFC 8656 3.1, 12.5, 15; RFC 6062 4.3): messages are cut out of
 * the stream wherever segments end, each relays, is answered or punted as its datagram would be;
 * what is no message ends the connection, and so do unfinished ones and idleness; what goes to a
 * slow client is bounded in bytes and age, the oldest going first; connection and session end
 * together. On a fake of the stack: no segment is sent here. Every packet is accounted for.
 */
#include "tests/world/fake_tcp.h"

#include "dp/boundary.h"
#include "dp/dispatch.h"
#include "dp/demux.h"
#include "dp/rate.h"
#include "dp/tls/tls.h"
#include "dp/turn/leg.h"
#include "dp/turn/limit.h"
#include "dp/turn/forward.h"
#include "lib/chandata.h"
#include "tests/world/control.h"
#include "tests/world/unit.h"

enum { CHANNEL = 0x4001, TCP4 = 2, TCP6, TLS4, STREAM_MAX = 1 << 17 };
enum { PREFIX_RATE = 20, OWN_RATE = 2, ASKED = 4 }; /* setup_rate() */

static struct sock_addr client, local, peer, peer6, relayed;
static struct fake_conn *f;
static struct frame frame;
static uint8_t data[STREAM_MAX], stream[STREAM_MAX], msg[STREAM_MAX];
static uint32_t len; /* of stream */

/* ---- world ---- */

static int start(uint32_t rate)
{
	world_config();
	world.conf.dataplane.binding_rate = world.conf.dataplane.request_rate = rate;
	world.conf.n_listener = 5;
	world.conf.listener[TCP4] =
	    (struct config_listener){ .addr = at("10.1.0.1", 3478), .transport = TRANSPORT_TCP };
	world.conf.listener[TCP6] =
	    (struct config_listener){ .addr = at("fd00:1::1", 3478), .transport = TRANSPORT_TCP };
	world.conf.listener[TLS4] = (struct config_listener){ .addr = at("10.1.0.1", 5349),
							      .transport = TRANSPORT_TLS,
							      .domain_index = 3 };
	world.conf.tcp.connections = FAKE_CONNS;
	world.conf.tcp.buffers = 600;
	world.conf.tcp.send_buffer = world.conf.tcp.receive_buffer = 1 << 18;
	world.conf.tcp.media_queue = 4096;
	world.conf.tcp.media_age_ms = 200;
	world.conf.tcp.frame_ms = 5000;
	world.conf.tcp.idle_timeout = 60;
	world_start();
	client = at("10.1.0.2", 6000);
	local = at("10.1.0.1", 3478);
	peer = at("10.2.0.2", 4000);
	peer6 = at("fd00:2::2", 4001);
	relayed = at("10.2.0.1", RELAY_PORT);
	fill(data, sizeof(data), 5);
	len = 0;
	f = fake_open(world.w, &local, &client);
	assert_non_null(f);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return start(4000000); /* any, for what is not about rates */
}

static int setup_rate(void **state)
{
	(void)state;
	return start(PREFIX_RATE);
}

static int teardown(void **state)
{
	(void)state;
	if (f && f->open) {
		fake_end(world.w, f, TCP_END_RESET);
		fake_run();
	}
	assert_int_equal(tcp_held(world.w), 0);
	world_stop();
	return 0;
}

static struct ctl_leg leg_of(const struct fake_conn *c)
{
	struct ctl_conn name = tcp_name(world.w, c->c);

	return (struct ctl_leg){ client, TCP4, name.idx, name.gen };
}

static bool session_on(const struct fake_conn *c, uint32_t slot, uint32_t flags)
{
	struct cmd_session_set s = {
		.sid = { slot, 1 },
		.leg = leg_of(c),
		.relay = { { 0, be16_make((uint16_t)(RELAY_PORT + slot)) },
			   { 1, be16_make((uint16_t)(RELAY_PORT + slot)) } },
		.flags = flags,
		.expiry = world.w->now + 600,
	};

	return session_set(world.w, &s);
}

static void served(void)
{
	assert_true(session_on(f, 0, 0));
	assert_true(chan_add(0, 0, &peer, CHANNEL, world.w->now + 300));
	assert_true(chan_add(0, 0, &peer6, CHANNEL + 1, world.w->now + 300));
	world_mark();
}

/* ---- messages into the stream ---- */

static void add(const void *p, size_t n)
{
	assert_true(len + n <= sizeof(stream));
	memcpy(stream + len, p, n);
	len += (uint32_t)n;
}

static void add_channel(uint16_t number, uint32_t n)
{
	static const uint8_t pad[4] = { 0xaa, 0xbb, 0xcc };
	uint8_t h[4] = { (uint8_t)(number >> 8), (uint8_t)number, (uint8_t)(n >> 8), (uint8_t)n };

	add(h, 4);
	add(data, n);
	add(pad, -n & 3);
}

static void add_send(const struct sock_addr *to, uint32_t n, bool df)
{
	add(msg, send_ind(msg, sizeof(msg), to, data, n, df, n & 1));
}

static uint32_t add_stun(uint16_t method, enum stun_class cls, size_t extra)
{
	static const uint8_t tid[STUN_TID_LEN] = "transaction";
	struct stun_builder b;
	size_t n;

	stun_begin(&b, msg, sizeof(msg), stun_type((enum stun_method)method, cls), tid);
	if (extra)
		stun_put(&b, STUN_ATTR_SOFTWARE, data, extra);
	n = stun_end(&b);
	add(msg, n);
	return (uint32_t)n;
}

static void feed(void)
{
	uint32_t at, n;

	for (at = 0; at < len; at += n) {
		n = RTE_MIN(len - at, 1460u);
		fake_feed(world.w, f, stream + at, n, false);
	}
	len = 0;
	fake_run();
}

static void to_peer(const struct sock_addr *to, uint32_t n)
{
	struct sock_addr src = relayed;
	struct udp_view v;

	if (!ip_is_v4(&to->ip))
		src.ip = at("fd00:2::1", 0).ip;
	expect_udp_is(CORE, &src, to, data, n, &v);
	assert_int_equal(v.ttl, 64);
	assert_int_equal(v.tos, 0);
}

static void ended(enum tcp_end why)
{
	fake_run();
	assert_false(f->open);
	assert_int_equal(f->why, why);
}

/* ---- framing ---- */

/* What came of a stream: datagrams, replies and requests in order, as one sum. */
static uint64_t outcome(void)
{
	const struct frame *o;
	const struct evt_punt *e;
	uint64_t h = 1;
	uint32_t i;

	while ((o = world_out(CORE)))
		for (i = 0; i < o->len; i++)
			/* identification and with it the header's checksum count up */
			if (i < 18 || (i > 19 && i < 24) || i > 25)
				h = (h ^ o->b[i]) * UINT64_C(0x100000001b3);
	while ((e = world_evt(0)))
		for (i = 0; i < e->payload_len; i++)
			h = (h ^ e->payload[i]) * UINT64_C(0x100000001b3);
	for (i = 0; i < f->out_len; i++)
		h = (h ^ f->out[i]) * UINT64_C(0x100000001b3);
	world_forget();
	((struct leg *)tcp_data(f->c))->answers = 0;
	f->out_len = 0;
	return h;
}

static void mixed_stream(void)
{
	add_channel(CHANNEL, 0);
	add_channel(CHANNEL + 1, 1);
	add_stun(STUN_BINDING, STUN_REQUEST, 0);
	add_send(&peer, 3, false);
	add_channel(CHANNEL, 6);
	add_stun(STUN_REFRESH, STUN_REQUEST, 7);
	add_send(&peer6, 40, true);
	add_stun(STUN_BINDING, STUN_INDICATION, 0);
	add_channel(CHANNEL + 2, 5);
	add_channel(CHANNEL, 7);
}

static void cut(uint64_t want, const uint32_t *at, int n, bool at_end)
{
	uint32_t from = 0;
	int i;

	world_mark();
	for (i = 0; i <= n; i++) {
		uint32_t to = i < n ? at[i] : len;

		if (to <= from)
			continue;
		fake_feed(world.w, f, stream + from, to - from, at_end);
		/* half of them come while the one before is still there */
		if ((from ^ to) & 1)
			fake_run();
		from = to;
	}
	fake_run();
	assert_true(outcome() == want);
	world_drops(DROP_NO_CHANNEL, 1);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 6);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	assert_int_equal(world_count(0, CNT_PUNT), 1);
	assert_int_equal(tcp_held(world.w), 0);
	assert_true(world_accounts());
}

static void every_cut_gives_the_same(void **state)
{
	uint64_t seed = 7, want;
	uint32_t i, k, at[400];

	(void)state;
	served();
	mixed_stream();
	fake_feed(world.w, f, stream, len, false);
	fake_run();
	assert_int_equal(world.n_out[CORE], 6);
	want = outcome();
	for (i = 1; i < len; i++)
		cut(want, &i, 1, i & 2);
	for (i = 0; i < len; i++)
		at[i] = i;
	cut(want, at, (int)len, false);
	for (k = 0; k < 300; k++) {
		at[0] = 0;
		for (i = 1; i < 20; i++)
			at[i] = at[i - 1] + (uint32_t)(test_random(&seed) % 40);
		for (i = 0; i < 20; i++)
			at[i] = RTE_MIN(at[i], len);
		cut(want, at, 20, k & 1);
	}
}

/* The last message of a buffer goes out in that buffer; others are copied. */
static void last_of_a_buffer_is_not_copied(void **state)
{
	(void)state;
	served();
	add_channel(CHANNEL, 100);
	feed();
	to_peer(&peer, 100);
	assert_int_equal(world_count(0, CNT_MADE), 0);
	add_channel(CHANNEL, 101);
	add_send(&peer6, 99, false);
	feed();
	to_peer(&peer, 101);
	to_peer(&peer6, 99);
	assert_int_equal(world_count(0, CNT_MADE), 1);
	world_no_out();
}

/* RFC 8656 12.5: padding belongs to the message, whatever it is. */
static void padding_is_waited_for(void **state)
{
	uint32_t n, whole;

	(void)state;
	served();
	for (n = 1; n < 4; n++) {
		add_channel(CHANNEL, n);
		whole = len;
		len = 4 + n;
		feed();
		world_no_out();
		fake_feed(world.w, f, stream + 4 + n, whole - 4 - n, false);
		fake_run();
		to_peer(&peer, n);
	}
}

/* Longer than a buffer, up to what UDP carries. */
static void long_messages(void **state)
{
	(void)state;
	served();
	world.conf.port[CORE].mtu = 1500;
	add_send(&peer, 60000, false);
	feed();
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 1);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER_BYTES), 60000);
	add_channel(CHANNEL, 65507);
	feed();
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 2);
	world_drops(DROP_NONE, 0);
	add_channel(CHANNEL + 1, 65507); /* more than IPv6 carries */
	add_channel(CHANNEL, 8);
	world_forget();
	feed();
	world_drops(DROP_FRAG_NEEDED, 1);
	to_peer(&peer, 8);
}

/* RFC 8656 14.9: DF is the client's to ask for, and then nothing is cut. */
static void dont_fragment(void **state)
{
	struct udp_view v;

	(void)state;
	served();
	add_send(&peer, 50, true);
	add_send(&peer, 50, false);
	feed();
	expect_udp(CORE, &v);
	assert_true(v.df);
	expect_udp(CORE, &v);
	assert_false(v.df);
	add_send(&peer, 1473, true);
	feed();
	world_drops(DROP_FRAG_NEEDED, 1);
	world_no_out();
}

static void no_buffers(void **state)
{
	uint32_t round;

	(void)state;
	served();
	for (round = 0; round < 2; round++) {
		len = 0;
		if (round)
			add_send(&peer, 10, false);
		else
			add_channel(CHANNEL, 10);
		add_channel(CHANNEL, 11);
		fake_feed(world.w, f, stream, len, false);
		world_pool_take();
		fake_run();
		world_pool_give();
		/* the second of them is in the buffer that came */
		world_drops(DROP_NO_MBUF, round + 1);
		to_peer(&peer, 11);
		world_no_out();
	}
	len = 0;
	add_send(&peer, 12, false);
	add_channel(CHANNEL, 13);
	fake_feed(world.w, f, stream, len, false);
	fake_run();
	to_peer(&peer, 12);
	to_peer(&peer, 13);
	world_drops(DROP_NO_MBUF, 2);
}

/* ---- invalid values ---- */

static void bad(const void *bytes, uint32_t n)
{
	struct sock_addr other = client;
	struct fake_conn *g;

	other.port = be16_make(6001);
	g = fake_open(world.w, &local, &other);
	fake_feed(world.w, g, bytes, n, false);
	fake_run();
	assert_false(g->open);
	assert_int_equal(g->why, TCP_END_FRAME_BAD);
}

static void lies_end_the_connection(void **state)
{
	static const uint8_t cookie[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43 };
	static const uint8_t odd[20] = { 0, 1, 0, 6, 0x21, 0x12, 0xa4, 0x42 };
	static const uint8_t tls[] = { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };

	(void)state;
	served();
	bad("\x80", 1);
	bad("\xc0", 1);
	bad("GET / HTTP/1.1\r\n\r\n", 18);
	bad("CONNECT", 7);
	bad("\x40\x01", 2); /* ChannelData, and never an allocation */
	bad(cookie, 8);
	bad(odd, 4);
	bad(tls, sizeof(tls));
	assert_int_equal(fake_peer.gone, 0);
	/* the others go on */
	add_channel(CHANNEL, 9);
	feed();
	to_peer(&peer, 9);
	/* longer than any datagram */
	add("\x40\x01\xff\xe4", 4);
	feed();
	ended(TCP_END_FRAME_BAD);
	assert_int_equal(fake_peer.gone, 1);
}

/* What can never be whole is not waited for. */
static void longer_than_the_window(void **state)
{
	(void)state;
	world.conf.tcp.receive_buffer = 4096;
	served();
	add("\x40\x01\x10\x00", 4);
	feed();
	ended(TCP_END_FRAME_BAD);
}

/* As over UDP: one message goes nowhere, the next is read. */
static void bad_messages_are_dropped(void **state)
{
	(void)state;
	served();
	add_stun(STUN_ALLOCATE, STUN_REQUEST, CTL_PAYLOAD_MAX);
	feed();
	world_drops(DROP_STUN_LONG, 1);
	world_mark();
	add_stun(STUN_BINDING, STUN_REQUEST, RING_MSG_SIZE);
	feed();
	world_drops(DROP_STUN_LONG, 1);
	world_mark();
	add_stun(STUN_CONNECTION_ATTEMPT, STUN_REQUEST, 0);
	add_stun(STUN_ALLOCATE, STUN_SUCCESS, 0);
	add_stun(STUN_DATA, STUN_INDICATION, 0);
	feed();
	world_drops(DROP_STUN_METHOD, 3);
	world_mark();
	add_stun(STUN_SEND, STUN_INDICATION, 0);
	feed();
	world_drops(DROP_SEND_BAD, 1);
	world_mark();
	add_send(&relayed, 5, false);
	feed();
	world_drops(DROP_NO_PERMISSION, 1);
	world_mark();
	add_stun(STUN_REFRESH, STUN_REQUEST, 4);
	stream[21] ^= 1; /* now a comprehension-required attribute: not ours to judge */
	stream[23] = 60; /* past the end */
	feed();
	world_drops(DROP_STUN_ATTR, 1);
	world_mark();
	world_clock_ms((world.w->now + 600) * 1000ull);
	add_channel(CHANNEL, 5);
	add_send(&peer, 5, false);
	feed();
	world_drops(DROP_SESSION_EXPIRED, 2);
	assert_null(world_evt(0));
	assert_int_equal(f->out_len, 0);
	assert_true(f->open);
}

static void without_session(void **state)
{
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	add_send(&peer, 5, false);
	feed();
	world_drops(DROP_NO_SESSION, 1);
	served();
	assert_true(session_del(world.w, &sid));
	add_channel(CHANNEL, 5); /* on its way when the allocation ended */
	feed();
	world_drops(DROP_NO_SESSION, 1);
	assert_true(f->open);
}

/* ---- requests ---- */

static void requests_go_up(void **state)
{
	const struct evt_punt *e;
	struct ctl_leg leg = leg_of(f);
	uint32_t n;

	(void)state;
	n = add_stun(STUN_ALLOCATE, STUN_REQUEST, 30);
	fake_feed(world.w, f, stream, 7, false);
	fake_feed(world.w, f, stream + 7, n - 7, false);
	fake_run();
	e = world_evt(0);
	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_PUNT);
	assert_memory_equal(&e->leg.client, &client, sizeof(client));
	assert_int_equal(e->leg.listener, TCP4);
	assert_int_equal(e->leg.conn, leg.conn);
	assert_int_equal(e->leg.conn_gen, leg.conn_gen);
	assert_memory_equal(&e->local, &local.ip, sizeof(local.ip));
	assert_int_equal(e->payload_len, n);
	assert_memory_equal(e->payload, stream, n);
	world_drops(DROP_NONE, 0);
}

/* CMD_SEND of method and class; returns whether it was carried out. */
static bool reply(uint16_t method, enum stun_class cls, uint16_t flags)
{
	struct cmd_send s = { .leg = leg_of(f), .flags = flags };
	uint32_t at = len;

	s.payload_len = (uint16_t)add_stun(method, cls, 0);
	memcpy(s.payload, stream + at, s.payload_len);
	len = at;
	return world_cmd(0, CMD_SEND, &s,
			 (uint16_t)(offsetof(struct cmd_send, payload) + s.payload_len));
}

/* Requests that are told apart by their attribute, from number `from` on. */
static void add_numbered(uint32_t from, uint32_t n)
{
	for (; n; n--, from++) {
		add_stun(STUN_ALLOCATE, STUN_REQUEST, 4);
		memset(stream + len - 4, (int)from, 4);
	}
}

/* The control process reads n events at most, which must be those from number `from` on. */
static uint32_t take_numbered(uint32_t from, uint32_t n)
{
	const struct evt_punt *e;
	uint32_t i = 0;

	while (i < n && (e = world_evt(0))) {
		assert_int_equal(e->hdr.type, EVT_PUNT);
		assert_int_equal(e->payload[24], (uint8_t)(from + i));
		i++;
	}
	return i;
}

/* Requests over UDP until the event ring has no room for more of them. */
static void fill_the_ring(void)
{
	static const struct sock_addr other = {
		{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 0, 9 } }, { { 1, 2 } }
	};
	uint64_t before = world.w->counters->drop[DROP_PUNT_FULL];
	uint32_t at = len, n = add_stun(STUN_ALLOCATE, STUN_REQUEST, 0);
	int i;

	len = at;
	frame_udp(&frame, ACCESS, &other, &world.conf.listener[0].addr, stream + at, n, NULL);
	for (i = 0; i < 64 && world.w->counters->drop[DROP_PUNT_FULL] == before; i++)
		world_feed(ACCESS, &frame);
	assert_true(world.w->counters->drop[DROP_PUNT_FULL] > before);
}

/*
 * RFC 8489 6.2.2: over a stream a request is sent once. While the control process is behind or
 * away they wait, the first in the queue and the others unread, and each is passed on once, in
 * order.
 */
static void requests_wait_for_room(void **state)
{
	uint32_t i, n = 0, round;

	(void)state;
	fill_the_ring();
	world_mark();
	add_numbered(0, 20);
	feed();
	assert_true(f->paused);
	assert_int_equal(tcp_readable(f->c), 19 * 28);
	while (world_evt(0)) /* those over UDP */
		;
	for (round = 0; n < 20 && round < 100; round++) {
		fake_run();
		i = take_numbered(n, 3);
		for (n += i; i; i--)
			assert_true(reply(STUN_ALLOCATE, STUN_ERROR, 0));
	}
	assert_int_equal(n, 20);
	assert_int_equal(f->out_len, 20 * 20);
	assert_int_equal(tcp_held(world.w), 0);
	world_drops(DROP_NONE, 0);
}

/* The same where it has died, or lied, and is away for long. */
static void requests_outlive_the_control_process(void **state)
{
	(void)state;
	world.w->boundary.rings_ok = false;
	add_numbered(0, 3);
	fake_feed(world.w, f, stream, len, false);
	tcp_app(f->c)->readable(world.w, f->c);
	world_clock_ms(world.w->now_ms + 11000);
	assert_int_equal(punt_queue(world.w), 0);
	world.w->boundary.rings_ok = true;
	fake_run();
	assert_int_equal(take_numbered(0, 9), 3);
	world_drops(DROP_NONE, 0);
}

/* A request that is in the queue is out of the way of what follows it. */
static void media_passes_a_request_that_waits(void **state)
{
	(void)state;
	served();
	fill_the_ring();
	world_mark();
	add_numbered(0, 1);
	add_channel(CHANNEL, 77);
	add_numbered(1, 1);
	add_channel(CHANNEL, 78);
	feed();
	to_peer(&peer, 77);
	world_no_out();
	while (world_evt(0))
		;
	fake_run();
	assert_int_equal(take_numbered(0, 9), 2);
	to_peer(&peer, 78);
	world_drops(DROP_NONE, 0);
}

/* Whoever asks over UDP from anywhere has half of a ring that is full all the time. */
static void streams_have_their_share(void **state)
{
	uint32_t n = 0, i, mine = 0;

	(void)state;
	add_numbered(0, 16);
	feed();
	for (i = 0; i < 200 && n < 16; i++) {
		const struct evt_punt *e = world_evt(0);

		assert_non_null(e);
		if (e->leg.conn_gen) {
			assert_int_equal(e->payload[24], n);
			n++;
		} else {
			mine++;
		}
		fill_the_ring();
		fake_run();
	}
	assert_int_equal(n, 16);
	assert_in_range(mine, 8, 40);
}

/* A connection that ends takes its request along. */
static void a_request_without_connection(void **state)
{
	(void)state;
	fill_the_ring();
	world_mark();
	add_numbered(0, 2);
	feed();
	assert_int_equal(tcp_held(world.w), 2);
	fake_end(world.w, f, TCP_END_RESET);
	fake_run();
	while (world_evt(0))
		;
	fake_run();
	world_drops(DROP_TCP_CLOSED, 1);
	assert_null(world_evt(0));
	assert_int_equal(tcp_held(world.w), 0);
}

/* So many have no answer yet; more are not read, until one comes or nobody waits for it. */
static void answers_are_owed(void **state)
{
	uint32_t i, n = 0;

	(void)state;
	add_numbered(0, 40);
	feed();
	for (i = 0; i < 100; i++) {
		n += take_numbered(n, 9);
		fake_run();
	}
	assert_int_equal(n, 16);
	assert_true(reply(STUN_ALLOCATE, STUN_ERROR, 0));
	assert_true(reply(STUN_CONNECTION_ATTEMPT, STUN_INDICATION, 0)); /* answers nothing */
	fake_run();
	n += take_numbered(n, 9);
	assert_int_equal(n, 17);
	world_clock_ms(world.w->now_ms + 39499);
	fake_run();
	assert_int_equal(take_numbered(n, 9), 0);
	world_clock_ms(world.w->now_ms + 1);
	for (i = 0; i < 100; i++) {
		fake_run();
		n += take_numbered(n, 9);
	}
	assert_int_equal(n, 33);
}

/* A client that has said all it wants to gets its answers before we close. */
static void answers_after_fin(void **state)
{
	(void)state;
	add_numbered(0, 2);
	fake_feed(world.w, f, stream, len, false);
	fake_fin(world.w, f);
	fake_run();
	assert_int_equal(take_numbered(0, 9), 2);
	len = 0;
	assert_true(reply(STUN_ALLOCATE, STUN_ERROR, 0));
	fake_run();
	assert_true(f->open);
	assert_true(reply(STUN_ALLOCATE, STUN_ERROR, 0));
	assert_int_equal(f->out_len, 40);
	ended(TCP_END_DONE);
}

/* It may die with an answer of its owing. */
static void no_answers_after_fin(void **state)
{
	(void)state;
	served();
	add_numbered(0, 1);
	fake_feed(world.w, f, stream, len, false);
	fake_fin(world.w, f);
	fake_run();
	world_clock_ms(world.w->now_ms + 39499);
	fake_run();
	assert_true(f->open);
	world_clock_ms(world.w->now_ms + 1);
	ended(TCP_END_DONE);
}

/* R4: the rate is the connection's own, and what is beyond it waits. */
static void rates(void **state)
{
	struct fake_conn *first = f;
	struct sock_addr other = client;
	int i;

	(void)state;
	world.w->turn->own_request = world.w->turn->own_binding = meter_rate_make(2, 0, 1000);
	for (i = 0; i < 4; i++) {
		add_stun(STUN_ALLOCATE, STUN_REQUEST, 0);
		add_stun(STUN_BINDING, STUN_REQUEST, 0);
	}
	feed();
	assert_int_equal(world_count(0, CNT_PUNT), 1);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	other.port = be16_make(6001);
	f = fake_open(world.w, &local, &other);
	add_stun(STUN_BINDING, STUN_REQUEST, 0);
	feed();
	assert_int_equal(world_count(0, CNT_BINDING), 2);
	f = first;
	for (i = 2; i < 8; i++) {
		while (world_evt(0))
			;
		world_clock_ms(world.w->now_ms + 499);
		fake_run();
		assert_int_equal(world_count(0, CNT_PUNT) + world_count(0, CNT_BINDING), i + 1);
		world_clock_ms(world.w->now_ms + 1);
		fake_run();
		assert_int_equal(world_count(0, CNT_PUNT) + world_count(0, CNT_BINDING), i + 2);
	}
	assert_int_equal(world_count(0, CNT_PUNT), 4);
	world_drops(DROP_NONE, 0);
}

/* Datagrams in the name of the client's prefix, until one is dropped: how many were not. */
static uint32_t spend(enum stun_method method, enum drop why)
{
	static const uint8_t tid[STUN_TID_LEN] = "a datagram";
	const _Atomic uint64_t *drops = &world.w->counters->drop[why];
	struct sock_addr forged = at("10.1.0.3", 5000);
	uint64_t before = *drops;
	struct stun_builder b;
	uint32_t n;

	stun_begin(&b, msg, sizeof(msg), stun_type(method, STUN_REQUEST), tid);
	frame_udp(&frame, ACCESS, &forged, &world.conf.listener[0].addr, msg, stun_end(&b), NULL);
	for (n = 0; *drops == before; n++) {
		assert_true(n <= PREFIX_RATE);
		world_feed(ACCESS, &frame);
		while (world_evt(0))
			;
	}
	world_forget();
	return n - 1;
}

/* So many over the stream: each is served when the connection's own meter has it; none is lost. */
static void asks(enum stun_method method, enum counter c)
{
	uint32_t i;

	spend(STUN_BINDING, DROP_BINDING_RATE);
	spend(STUN_ALLOCATE, DROP_PUNT_RATE);
	world_mark();
	for (i = 0; i < ASKED; i++)
		add_stun((uint16_t)method, STUN_REQUEST, 0);
	feed();
	for (i = 0; i < ASKED * 1000 / OWN_RATE; i += 100) {
		assert_in_range(world_count(0, c), 1, OWN_RATE + i * OWN_RATE / 1000);
		world_clock_ms(world.w->now_ms + 100);
		fake_run();
		while (world_evt(0))
			;
	}
	assert_int_equal(world_count(0, c), ASKED);
	world_drops(DROP_NONE, 0);
	assert_true(f->open);
}

/*
 * R4: a prefix's bucket is for sources that may be forged. Whoever empties it takes nothing from a
 * connection, and a connection takes nothing of it.
 */
static void rate_of_a_prefix(void **state)
{
	(void)state;
	asks(STUN_BINDING, CNT_BINDING);
	asks(STUN_ALLOCATE, CNT_PUNT);
	world_clock_ms(world.w->now_ms + 2000);
	add_stun(STUN_BINDING, STUN_REQUEST, 0);
	add_stun(STUN_ALLOCATE, STUN_REQUEST, 0);
	feed();
	assert_int_equal(spend(STUN_BINDING, DROP_BINDING_RATE), PREFIX_RATE);
	assert_int_equal(spend(STUN_ALLOCATE, DROP_PUNT_RATE), PREFIX_RATE);
}

static void binding_over_the_stream(void **state)
{
	struct sock_addr a;
	struct stun_msg m;

	(void)state;
	add_stun(STUN_BINDING, STUN_REQUEST, 0);
	feed();
	assert_int_equal(stun_parse(&m, f->out, f->out_len), STUN_OK);
	assert_int_equal(m.method, STUN_BINDING);
	assert_int_equal(m.cls, STUN_SUCCESS);
	assert_true(stun_get_xor_addr(&m, &m.xor_mapped, &a) != 0);
	assert_memory_equal(&a, &client, sizeof(a));
	assert_int_equal(world_count(0, CNT_BINDING), 1);
}

/* RFC 9293 3.8.6: who does not read his answers is not read either; he gets them all. */
static void a_client_that_does_not_read(void **state)
{
	uint32_t i, one;

	(void)state;
	fake_acked(f, 0, BINDING_REPLY_MAX);
	for (i = 0; i < 200; i++)
		add_stun(i & 1 ? STUN_BINDING : STUN_ALLOCATE, STUN_REQUEST, 0);
	feed();
	assert_int_equal(world_count(0, CNT_PUNT), 1);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	assert_true(f->paused);
	one = f->out_len;
	for (i = 0; i < 1000 && world_count(0, CNT_PUNT) < 100; i++) {
		while (world_evt(0))
			assert_true(reply(STUN_ALLOCATE, STUN_ERROR, 0));
		fake_acked(f, 0, BINDING_REPLY_MAX);
		fake_run();
	}
	while (world_evt(0))
		assert_true(reply(STUN_ALLOCATE, STUN_ERROR, 0));
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	fake_run();
	assert_int_equal(world_count(0, CNT_BINDING), 100);
	assert_int_equal(f->out_len, 100 * (20 + one));
	world_drops(DROP_NONE, 0);
}

static void replies(void **state)
{
	(void)state;
	assert_true(reply(STUN_ALLOCATE, STUN_ERROR, 0));
	assert_int_equal(f->out_len, 20);
	assert_int_equal(world_count(0, CNT_REPLY), 1);
	assert_false(
	    reply(STUN_ALLOCATE, STUN_SUCCESS, SEND_HOLD)); /* it asked for no such thing */
	fake_acked(f, 0, 19);
	assert_true(reply(STUN_ALLOCATE, STUN_ERROR, 0)); /* media may have had the room */
	assert_int_equal(f->out_len, 40);
	fake_end(world.w, f, TCP_END_RESET);
	assert_false(reply(STUN_ALLOCATE, STUN_ERROR, 0));
	fake_run();
	assert_false(reply(STUN_ALLOCATE, STUN_ERROR, 0));
	assert_int_equal(f->out_len, 40);
	world_no_out();
}

/* ---- ConnectionBind (RFC 6062 4.3) ---- */

static bool is_held(void)
{
	const struct leg *l = tcp_data(f->c);

	return l->flags & LEG_HELD;
}

static void bind_held(void **state)
{
	(void)state;
	add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	add("GET / HTTP/1.1\r\n", 16); /* is for the peer, not for us */
	feed();
	assert_non_null(world_evt(0));
	assert_true(f->paused);
	assert_true(f->open);
	assert_true(reply(STUN_ALLOCATE, STUN_ERROR, 0)); /* answers something else */
	assert_true(f->paused);
	assert_false(is_held());
	assert_true(reply(STUN_CONNECTION_BIND, STUN_SUCCESS, SEND_HOLD));
	assert_true(is_held());
	assert_true(f->paused);
	assert_int_equal(tcp_readable(f->c), 16);
	assert_false(session_on(f, 0, 0)); /* it is no control connection any more */
	fake_fin(world.w, f);
	fake_run();
	assert_true(f->open);
	/* nobody joins it */
	world_clock_ms((world.w->now + world.conf.tcp.idle_timeout) * 1000ull);
	fake_run();
	ended(TCP_END_IDLE);
}

static void bind_refused(void **state)
{
	(void)state;
	add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	add_stun(STUN_BINDING, STUN_REQUEST, 0);
	feed();
	assert_int_equal(world_count(0, CNT_BINDING), 0);
	assert_true(reply(STUN_CONNECTION_BIND, STUN_ERROR, 0));
	fake_run();
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	assert_false(f->paused);
	/* a FIN right behind waits for the answer, too */
	len = 0;
	add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	fake_fin(world.w, f);
	feed();
	assert_true(f->open);
	assert_true(reply(STUN_CONNECTION_BIND, STUN_ERROR, 0));
	ended(TCP_END_DONE);
}

/* It waits for room as others do, and nothing behind it is read; a control connection is never
 * joined. */
static void bind_waits_for_room(void **state)
{
	(void)state;
	fill_the_ring();
	world_mark();
	add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	add("GET / HTTP/1.1\r\n", 16);
	feed();
	assert_true(f->paused);
	assert_int_equal(tcp_readable(f->c), 16);
	while (world_evt(0))
		;
	fake_run();
	assert_non_null(world_evt(0));
	assert_int_equal(tcp_readable(f->c), 16);
	assert_true(reply(STUN_CONNECTION_BIND, STUN_SUCCESS, SEND_HOLD));
	world_drops(DROP_NONE, 0);
}

static void bind_of_a_control_connection(void **state)
{
	(void)state;
	served();
	add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	feed();
	assert_non_null(world_evt(0));
	assert_false(f->paused);
	assert_false(reply(STUN_CONNECTION_BIND, STUN_SUCCESS, SEND_HOLD));
}

/* ---- patience ---- */

static void after_ms(uint64_t ms)
{
	world_clock_ms(world.w->now_ms + ms);
	fake_run();
}

static void unfinished_messages(void **state)
{
	uint32_t i;

	(void)state;
	served();
	/* many messages, each begun in the segment before: none is late */
	add_channel(CHANNEL, 12);
	add_channel(CHANNEL, 12);
	for (i = 0; i < 10; i++) {
		fake_feed(world.w, f, stream + (i ? 8 : 0), i ? 16 : 24, false);
		fake_run();
		after_ms(4000);
	}
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 10);
	after_ms(999);
	assert_true(f->open);
	after_ms(1);
	ended(TCP_END_FRAME_TIMEOUT);
	assert_int_equal(fake_peer.gone, 1);
}

/* One byte a second is not progress. */
static void slow_loris(void **state)
{
	uint32_t i;

	(void)state;
	add_stun(STUN_ALLOCATE, STUN_REQUEST, 100);
	for (i = 0; i < 5; i++) {
		assert_true(f->open);
		fake_feed(world.w, f, stream + i, 1, false);
		fake_run();
		after_ms(1000);
	}
	ended(TCP_END_FRAME_TIMEOUT);
	assert_int_equal(fake_peer.gone, 0);
}

static void idle(void **state)
{
	uint64_t limit = world.conf.tcp.idle_timeout * 1000ull;
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	after_ms(limit - 1);
	add_stun(STUN_ALLOCATE, STUN_REQUEST, 0);
	feed();
	after_ms(limit - 1);
	assert_true(f->open);
	served();
	after_ms(10 * limit);
	assert_true(f->open);
	session_del(world.w, &sid);
	add_stun(STUN_BINDING, STUN_INDICATION, 0); /* is no request */
	feed();
	after_ms(limit - 1);
	assert_true(f->open);
	after_ms(1);
	ended(TCP_END_IDLE);
}

/* ---- to the client ---- */

static void from_peer(const struct sock_addr *from, uint32_t n, enum frame_csum csum)
{
	struct sock_addr to = relayed;
	struct frame_opt o = { .csum = csum };

	if (!ip_is_v4(&from->ip))
		to.ip = at("fd00:2::1", 0).ip;
	frame_udp(&frame, CORE, from, &to, data, n, &o);
	world_in(CORE, 0, &frame);
	fake_run();
}

static void channel_in_the_stream(uint16_t number, uint32_t n)
{
	const uint8_t *p = f->out;
	uint32_t i;

	assert_true(f->out_len >= 4 + RTE_ALIGN_CEIL(n, 4));
	assert_int_equal(p[0] << 8 | p[1], number);
	assert_int_equal(p[2] << 8 | p[3], n);
	assert_memory_equal(p + 4, data, n);
	for (i = n; i & 3; i++)
		assert_int_equal(p[4 + i], 0);
	n = 4 + RTE_ALIGN_CEIL(n, 4);
	f->out_len -= n;
	memmove(f->out, f->out + n, f->out_len);
}

static void to_the_client(void **state)
{
	static const uint16_t seg[][2] = { { 0, 0 }, { 320, 50 } };
	struct sock_addr other = at("10.2.0.2", 4999), a;
	struct stun_msg m;
	uint32_t n, i;

	(void)state;
	served();
	for (i = 0; i < 4; i++) {
		world.seg_first = seg[i & 1][0];
		world.seg_rest = seg[i & 1][1];
		world.at_end = i & 2;
		for (n = 400; n < 406; n++) {
			from_peer(&peer, n, CSUM_GOOD);
			channel_in_the_stream(CHANNEL, n);
			from_peer(&peer6, n, CSUM_GOOD);
			channel_in_the_stream(CHANNEL + 1, n);
			from_peer(&peer, n, CSUM_NONE);
			channel_in_the_stream(CHANNEL, n);
			world.w->session[0].flags = n & 1 ? SESSION_FINGERPRINT : 0;
			from_peer(&other, n, CSUM_GOOD);
			assert_int_equal(stun_parse(&m, f->out, f->out_len), STUN_OK);
			assert_int_equal(m.method, STUN_DATA);
			assert_int_equal(m.fingerprint.val != NULL, n & 1);
			assert_true(stun_get_xor_addr(&m, &m.xor_peer[0], &a) != 0);
			assert_memory_equal(&a, &other, sizeof(a));
			assert_int_equal(m.data.len, n);
			assert_memory_equal(m.data.val, data, n);
			f->out_len = 0;
		}
	}
	world.seg_first = world.seg_rest = 0;
	from_peer(&peer, 0, CSUM_GOOD);
	channel_in_the_stream(CHANNEL, 0);
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 4 * 6 * 4 + 1);
	world_drops(DROP_NONE, 0);
	/* RFC 8656 15: the datagram ends here, and so must its checksum be right */
	from_peer(&peer, 40, CSUM_BAD);
	world_drops(DROP_UDP_CSUM, 1);
	world_mark();
	other.ip = at("10.2.0.3", 0).ip;
	from_peer(&other, 40, CSUM_GOOD);
	world_drops(DROP_NO_PERMISSION, 1);
	assert_int_equal(f->out_len, 0);
}

/* Padding and FINGERPRINT find no room behind the payload, and there is no other buffer. */
static void no_buffer_to_the_client(void **state)
{
	struct sock_addr other = at("10.2.0.2", 4999);
	struct stun_msg m;
	uint32_t i;

	(void)state;
	served();
	world.w->session[0].flags = SESSION_FINGERPRINT;
	world.at_end = true;
	for (i = 0; i < 2; i++) {
		frame_udp(&frame, CORE, i ? &other : &peer, &relayed, data, 401, NULL);
		world_in(CORE, 0, &frame);
		world_pool_take();
		fake_run();
		world_pool_give();
		world_drops(DROP_NO_MBUF, i + 1);
		assert_int_equal(f->out_len, 0);
	}
	from_peer(&peer, 401, CSUM_GOOD);
	channel_in_the_stream(CHANNEL, 401);
	from_peer(&other, 401, CSUM_GOOD);
	assert_int_equal(stun_parse(&m, f->out, f->out_len), STUN_OK);
	assert_int_equal(m.data.len, 401);
	assert_memory_equal(m.data.val, data, 401);
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 2);
	world_drops(DROP_NO_MBUF, 2);
}

/* A client over TCP and one over UDP reach each other's relayed addresses inside. */
static void relay_to_relay(void **state)
{
	struct sock_addr udp = at("10.1.0.3", 7000), other = at("10.2.0.1", RELAY_PORT + 2);
	struct udp_view v;

	(void)state;
	served();
	assert_true(session_add(0, 1, 1, &udp, 0, RELAY_PORT + 2, 0, 0));
	assert_true(chan_add(0, 0, &other, 0x4100, world.w->now + 300));
	assert_true(chan_add(0, 1, &relayed, 0x4200, world.w->now + 300));
	add_channel(0x4100, 33);
	feed();
	expect_udp_is(ACCESS, &local, &udp, msg, chandata(msg, 0x4200, data, 33), &v);
	frame_udp(&frame, ACCESS, &udp, &local, msg, chandata(msg, 0x4200, data, 34), NULL);
	world_in(ACCESS, 0, &frame);
	fake_run();
	channel_in_the_stream(0x4100, 34);
	assert_int_equal(world_count(0, CNT_RELAY_LOOPED), 2);
	world_drops(DROP_NONE, 0);
}

/* ---- a slow client ---- */

static void media_waits_and_goes_in_order(void **state)
{
	uint32_t n;

	(void)state;
	served();
	fake_stall(f);
	for (n = 100; n < 108; n++)
		from_peer(&peer, n, CSUM_GOOD);
	assert_int_equal(f->out_len, 0);
	assert_int_equal(tcp_held(world.w), 8);
	assert_true(reply(STUN_REFRESH, STUN_SUCCESS, 0)); /* does not wait behind them */
	assert_int_equal(f->out_len, 20);
	f->out_len = 0;
	/* what would not go out at once stays, so that it can still be dropped */
	fake_acked(f, 150, UINT32_MAX);
	fake_run();
	channel_in_the_stream(CHANNEL, 100);
	channel_in_the_stream(CHANNEL, 101);
	assert_int_equal(f->out_len, 0);
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	fake_run();
	for (n = 102; n < 108; n++)
		channel_in_the_stream(CHANNEL, n);
	assert_int_equal(tcp_held(world.w), 0);
	world_drops(DROP_NONE, 0);
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 8);
}

/* Nothing follows that would take it along. */
static void one_alone_waits_and_goes(void **state)
{
	(void)state;
	served();
	fake_stall(f);
	from_peer(&peer, 30, CSUM_GOOD);
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	fake_run();
	channel_in_the_stream(CHANNEL, 30);
	fake_stall(f);
	from_peer(&peer, 31, CSUM_GOOD);
	after_ms(201);
	world_drops(DROP_MEDIA_OLD, 1);
	/* a window that opens otherwise is used by the next datagram, in order */
	from_peer(&peer, 32, CSUM_GOOD);
	f->unsent = 0;
	f->window = UINT32_MAX;
	from_peer(&peer, 33, CSUM_GOOD);
	channel_in_the_stream(CHANNEL, 32);
	channel_in_the_stream(CHANNEL, 33);
	assert_int_equal(f->out_len, 0);
}

/* So that the stack asks for the window: it keeps one that does not go (RFC 9293 3.8.6.1). */
static void a_closed_window_is_given_one(void **state)
{
	(void)state;
	served();
	fake_acked(f, 0, UINT32_MAX);
	from_peer(&peer, 20, CSUM_GOOD);
	from_peer(&peer, 21, CSUM_GOOD);
	channel_in_the_stream(CHANNEL, 20);
	assert_int_equal(f->out_len, 0);
	assert_int_equal(tcp_held(world.w), 1);
}

/*
 * R4: what is beyond the allocation's limit is dropped, each way for itself; requests go on, and
 * who has no permission uses nothing up.
 */
static void limited(void **state)
{
	struct sock_addr stranger = at("10.2.0.9", 9);
	int i;

	(void)state;
	world.conf.turn.session_packets = 2;
	assert_true(limit_create(world.w));
	served();
	for (i = 0; i < 3; i++)
		add_channel(CHANNEL, 10);
	add_send(&peer, 10, false);
	add_stun(STUN_BINDING, STUN_REQUEST, 0);
	feed();
	to_peer(&peer, 10);
	to_peer(&peer, 10);
	world_no_out();
	world_drops(DROP_SESSION_RATE, 2);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	f->out_len = 0;
	world_mark();
	for (i = 0; i < 3; i++)
		from_peer(&stranger, 10, CSUM_GOOD);
	world_drops(DROP_NO_PERMISSION, 3);
	world_mark();
	for (i = 0; i < 3; i++)
		from_peer(&peer, 10, CSUM_GOOD);
	world_drops(DROP_SESSION_RATE, 1);
	channel_in_the_stream(CHANNEL, 10);
	channel_in_the_stream(CHANNEL, 10);
	assert_int_equal(f->out_len, 0);
	after_ms(500);
	add_channel(CHANNEL, 11);
	feed();
	to_peer(&peer, 11);
	assert_true(world_accounts());
}

static void media_is_bounded_in_bytes(void **state)
{
	uint32_t n;

	(void)state;
	served();
	fake_stall(f);
	world.seg_first = 320;
	world.seg_rest = 200;
	for (n = 1000; n < 1010; n++)
		from_peer(&peer, n, CSUM_GOOD);
	world_drops(DROP_MEDIA_FULL, 6); /* four of a bit more than 1,000 are 4096 bytes at most */
	assert_true(world_accounts());
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	fake_run();
	for (n = 1006; n < 1010; n++)
		channel_in_the_stream(CHANNEL, n);
	assert_int_equal(f->out_len, 0);
	world_mark();
	/* one that is longer than the whole queue takes nobody's place */
	fake_stall(f);
	from_peer(&peer, 5, CSUM_GOOD);
	world.seg_rest = 1500;
	from_peer(&peer, 4100, CSUM_GOOD);
	world_drops(DROP_MEDIA_FULL, 1);
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	fake_run();
	channel_in_the_stream(CHANNEL, 5);
	assert_int_equal(f->out_len, 0);
}

static void media_is_bounded_in_age(void **state)
{
	(void)state;
	served();
	fake_stall(f);
	from_peer(&peer, 100, CSUM_GOOD);
	after_ms(150);
	from_peer(&peer, 101, CSUM_GOOD);
	after_ms(50);
	world_drops(DROP_NONE, 0);
	after_ms(1);
	world_drops(DROP_MEDIA_OLD, 1); /* though nothing was acknowledged */
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	fake_run();
	channel_in_the_stream(CHANNEL, 101);
	assert_int_equal(f->out_len, 0);
	fake_stall(f);
	from_peer(&peer, 102, CSUM_GOOD);
	world_clock_ms(world.w->now_ms + 300);
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	from_peer(&peer, 103, CSUM_GOOD); /* the old one is not sent before it */
	channel_in_the_stream(CHANNEL, 103);
	world_drops(DROP_MEDIA_OLD, 2);
}

static void media_holds_no_more_buffers_than_all_may(void **state)
{
	(void)state;
	world.conf.tcp.buffers = 3;
	served();
	fake_stall(f);
	from_peer(&peer, 10, CSUM_GOOD);
	from_peer(&peer, 11, CSUM_GOOD);
	from_peer(&peer, 12, CSUM_GOOD);
	world_drops(DROP_NONE, 0);
	from_peer(&peer, 13, CSUM_GOOD);
	world_drops(DROP_TCP_MEMORY, 1);
}

/* RFC 8656 11.6, in the stream. */
static void icmp_in_the_stream(void **state)
{
	uint8_t icmp[8 + 28] = { 3, 1 };
	struct stun_msg m;

	(void)state;
	served();
	/* host unreachable about a datagram from the relayed address to the peer */
	icmp[8] = 0x45;
	icmp[10] = 0;
	icmp[11] = 40;
	icmp[16] = 64;
	icmp[17] = 17;
	memcpy(icmp + 20, relayed.ip.b + 12, 4);
	memcpy(icmp + 24, peer.ip.b + 12, 4);
	memcpy(icmp + 28, relayed.port.b, 2);
	memcpy(icmp + 30, peer.port.b, 2);
	icmp[33] = 20;
	frame_ip(&frame, CORE, &peer.ip, &relayed.ip, 1, icmp, sizeof(icmp), NULL);
	frame_icmp_csum(&frame);
	world_in(CORE, 0, &frame);
	fake_run();
	assert_int_equal(world_count(0, CNT_ICMP_TO_CLIENT), 1);
	assert_int_equal(stun_parse(&m, f->out, f->out_len), STUN_OK);
	assert_int_equal(m.method, STUN_DATA);
	assert_non_null(m.icmp.val);
}

/* ---- sessions ---- */

static void session_and_connection_end_together(void **state)
{
	struct ctl_leg leg = leg_of(f);

	(void)state;
	served();
	fake_stall(f);
	from_peer(&peer, 10, CSUM_GOOD);
	fake_end(world.w, f, TCP_END_RESET);
	fake_run();
	world_drops(DROP_TCP_CLOSED, 1);
	assert_int_equal(fake_peer.gone, 1);
	assert_int_equal(fake_peer.sid.slot, 0);
	assert_int_equal(fake_peer.sid.gen, 1);
	assert_int_equal(fake_peer.conn.idx, leg.conn);
	assert_int_equal(fake_peer.conn.gen, leg.conn_gen);
	assert_int_equal(fake_peer.role, CONN_CLIENT);
	assert_int_equal(fake_peer.why, TCP_END_RESET);
	assert_int_equal(world.w->session[0].gen, 0);
	world_mark();
	from_peer(&peer, 10, CSUM_GOOD);
	world_drops(DROP_RELAY_PORT, 1);
	assert_int_equal(world.w->flows.n, 0);
	assert_false(session_on(f, 0, 0)); /* too late */
	assert_int_equal(world.w->session[0].gen, 0);
}

/*
 * What waited when an allocation was deleted is not the next one's, whose channels have the same
 * numbers (RFC 8656 7.3).
 */
static void media_ends_with_its_session(void **state)
{
	struct sock_addr other = at("10.2.0.3", 4000);

	(void)state;
	served();
	fake_stall(f);
	from_peer(&peer, 10, CSUM_GOOD);
	from_peer(&peer, 11, CSUM_GOOD);
	assert_true(session_del(world.w, &(struct ctl_sid){ 0, 1 }));
	world_drops(DROP_SESSION_EXPIRED, 2);
	assert_int_equal(tcp_held(world.w), 0);
	assert_true(session_on(f, 1, 0));
	assert_true(chan_add(0, 1, &other, CHANNEL, world.w->now + 300));
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	fake_run();
	assert_int_equal(f->out_len, 0);
}

/* RFC 9293 3.6, R59: a client that closes has its FIN answered. */
static void fin(void **state)
{
	(void)state;
	served();
	add_channel(CHANNEL, 3);
	fake_feed(world.w, f, stream, len, false);
	fake_fin(world.w, f);
	ended(TCP_END_DONE);
	to_peer(&peer, 3);
	assert_int_equal(fake_peer.gone, 1);
}

static void sessions_of_connections(void **state)
{
	struct cmd_session_set s = { .sid = { 3, 1 },
				     .leg = leg_of(f),
				     .relay = { { 0, be16_make(RELAY_PORT + 6) },
						{ CTL_RELAY_NONE, { { 0 } } } },
				     .expiry = world.w->now + 600 };
	const struct leg *l = tcp_data(f->c);

	(void)state;
	served();
	assert_true(session_on(f, 0, 0)); /* a refresh */
	assert_int_equal(l->slot, 0);
	/* another one on the same connection: as over UDP, the first goes */
	assert_true(session_set(world.w, &s));
	assert_int_equal(l->slot, 3);
	assert_int_equal(world.w->session[0].gen, 0);
	s.leg.conn_gen += 2;
	assert_false(session_set(world.w, &s)); /* that of an earlier tenant of the slot */
	assert_int_equal(l->slot, SLOT_NONE);
	s.leg.conn = 5;
	s.leg.conn_gen = 0;
	assert_false(session_set(world.w, &s)); /* conn without generation is no connection */
	assert_int_equal(world.w->flows.n, 0);
	/* what a replay does not name goes, the connection stays */
	served();
	session_sync_begin(world.w);
	session_sync_end(world.w);
	world_run();
	assert_int_equal(world.w->session[0].gen, 0);
	assert_int_equal(l->slot, SLOT_NONE);
	assert_true(f->open);
}

/* A TCP allocation (RFC 6062) has relayed connections, not datagrams. */
static void tcp_allocations_relay_no_udp(void **state)
{
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	assert_true(session_on(f, 0, SESSION_TCP));
	assert_true(chan_add(0, 0, &peer, CHANNEL, world.w->now + 300));
	from_peer(&peer, 10, CSUM_GOOD);
	world_drops(DROP_RELAY_PORT, 1);
	world_mark();
	add_channel(CHANNEL, 10);
	feed();
	world_drops(DROP_NO_CHANNEL, 1);
	world_mark();
	add_send(&peer, 10, false);
	feed();
	world_drops(DROP_STUN_METHOD, 1);
	world_no_out();
	assert_int_equal(f->out_len, 0);
	assert_int_equal(fake_peer.sessions, 0);
	assert_true(session_del(world.w, &sid));
	assert_int_equal(fake_peer.sessions, 1);
}

static uint16_t listener_of(const struct tcp_request *r)
{
	struct leg l;

	memcpy(&l, r->data, sizeof(l));
	assert_int_equal(l.slot, SLOT_NONE);
	return l.listener;
}

static void who_listens(void **state)
{
	struct tcp_request r = { .local = local, .remote = client };
	struct sock_addr udp = at("10.1.0.3", 7000);

	(void)state;
	assert_ptr_equal(dispatch_accept(world.w, &r), &leg_app);
	assert_int_equal(listener_of(&r), TCP4);
	r.local = at("fd00:1::1", 3478);
	assert_ptr_equal(dispatch_accept(world.w, &r), &leg_app);
	assert_int_equal(listener_of(&r), TCP6);
	r.local = at("10.1.0.1", 5349);
	assert_null(r.layer);
	assert_ptr_equal(dispatch_accept(world.w, &r), &demux_app);
	assert_int_equal(*(const uint16_t *)(const void *)r.data, TLS4);
	assert_ptr_equal(r.layer, &tls_server_layer);
	assert_int_equal(r.layer_arg, 3);
	assert_int_equal(fake_peer.accepts, 0);
	r.layer = NULL;
	r.local = local;
	world.conf.listener[TCP4].has_service = true;
	assert_ptr_equal(dispatch_accept(world.w, &r), &demux_app);
	assert_int_equal(*(const uint16_t *)(const void *)r.data, TCP4);
	assert_null(r.layer);
	assert_true(r.stranger);
	r.layer = NULL;
	r.local = relayed;
	assert_null(dispatch_accept(world.w, &r)); /* nobody's */
	assert_true(session_add(0, 1, 1, &udp, 0, RELAY_PORT, 0, 0));
	assert_ptr_equal(dispatch_accept(world.w, &r), &peer_conn_app);
	assert_int_equal(fake_peer.accepts, 1);
}

/* More messages than one turn takes: the rest is not forgotten. */
static void many_small_messages(void **state)
{
	int i;

	(void)state;
	served();
	for (i = 0; i < 300; i++)
		add_channel(CHANNEL, 0);
	feed();
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 300);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_cut_gives_the_same),
		T(last_of_a_buffer_is_not_copied),
		T(padding_is_waited_for),
		T(long_messages),
		T(dont_fragment),
		T(no_buffers),
		T(lies_end_the_connection),
		T(longer_than_the_window),
		T(bad_messages_are_dropped),
		T(without_session),
		T(requests_go_up),
		T(requests_wait_for_room),
		T(requests_outlive_the_control_process),
		T(media_passes_a_request_that_waits),
		T(streams_have_their_share),
		T(a_request_without_connection),
		T(answers_are_owed),
		T(answers_after_fin),
		T(no_answers_after_fin),
		T(rates),
		cmocka_unit_test_setup_teardown(rate_of_a_prefix, setup_rate, teardown),
		T(binding_over_the_stream),
		T(a_client_that_does_not_read),
		T(replies),
		T(bind_held),
		T(bind_refused),
		T(bind_waits_for_room),
		T(bind_of_a_control_connection),
		T(unfinished_messages),
		T(slow_loris),
		T(idle),
		T(to_the_client),
		T(no_buffer_to_the_client),
		T(relay_to_relay),
		T(media_waits_and_goes_in_order),
		T(one_alone_waits_and_goes),
		T(a_closed_window_is_given_one),
		T(limited),
		T(media_is_bounded_in_bytes),
		T(media_is_bounded_in_age),
		T(media_holds_no_more_buffers_than_all_may),
		T(icmp_in_the_stream),
		T(session_and_connection_end_together),
		T(media_ends_with_its_session),
		T(fin),
		T(sessions_of_connections),
		T(tcp_allocations_relay_no_udp),
		T(who_listens),
		T(many_small_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
