/* SPDX-License-Identifier: BSD-3-Clause */
#include "leg_world.h"

struct leg_world lw;

int lw_start(uint32_t rate)
{
	const struct sock_addr local6 = at("fd00:1::1", 3478), local_tls = at("10.1.0.1", 5349);

	lw.local = at("10.1.0.1", 3478);
	world_config();
	world.conf.dataplane.binding_rate = world.conf.dataplane.request_rate = rate;
	world_listener(&lw.local, TRANSPORT_TCP);
	world_listener(&local6, TRANSPORT_TCP);
	world_listener(&local_tls, TRANSPORT_TLS);
	world.conf.listener[TLS4].domain_index = 3;
	world.conf.tcp.connections = FAKE_CONNS;
	world.conf.tcp.buffers = 600;
	world.conf.tcp.send_buffer = world.conf.tcp.receive_buffer = 1 << 18;
	world.conf.tcp.media_queue = 4096;
	world.conf.tcp.media_age_ms = 200;
	world.conf.tcp.frame_ms = 5000;
	world.conf.tcp.idle_timeout = 60;
	world_start();
	lw.client = at("10.1.0.2", 6000);
	lw.peer = at("10.2.0.2", 4000);
	lw.peer6 = at("fd00:2::2", 4001);
	lw.relayed = at("10.2.0.1", RELAY_PORT);
	fill(lw.data, sizeof(lw.data), 5);
	lw.len = 0;
	lw.f = fake_open(world.w, &lw.local, &lw.client);
	assert_non_null(lw.f);
	return 0;
}

int lw_setup(void **state)
{
	(void)state;
	return lw_start(4000000); /* any, for what is not about rates */
}

int lw_teardown(void **state)
{
	(void)state;
	if (lw.f && lw.f->open) {
		fake_end(world.w, lw.f, TCP_END_RESET);
		fake_run();
	}
	assert_int_equal(tcp_held(world.w), 0);
	world_stop();
	return 0;
}

struct ctl_leg lw_leg(const struct fake_conn *c)
{
	struct ctl_conn name = tcp_name(world.w, c->c);

	return (struct ctl_leg){ lw.client, TCP4, name.idx, name.gen };
}

bool lw_session(const struct fake_conn *c, uint32_t slot, uint32_t flags)
{
	struct cmd_session_set s = {
		.sid = { slot, 1 },
		.leg = lw_leg(c),
		.relay = { { 0, be16_make((uint16_t)(RELAY_PORT + slot)) },
			   { 1, be16_make((uint16_t)(RELAY_PORT + slot)) } },
		.flags = flags,
		.expiry = world.w->now + 600,
	};

	return session_set(world.w, &s);
}

void lw_serve(void)
{
	assert_true(lw_session(lw.f, 0, 0));
	assert_true(chan_add(0, 0, &lw.peer, LW_CHANNEL, world.w->now + 300));
	assert_true(chan_add(0, 0, &lw.peer6, LW_CHANNEL + 1, world.w->now + 300));
	world_mark();
}

void lw_add(const void *p, size_t n)
{
	assert_true(lw.len + n <= sizeof(lw.stream));
	memcpy(lw.stream + lw.len, p, n);
	lw.len += (uint32_t)n;
}

void lw_add_channel(uint16_t number, uint32_t n)
{
	static const uint8_t pad[4] = { 0xaa, 0xbb, 0xcc };
	uint8_t h[4] = { (uint8_t)(number >> 8), (uint8_t)number, (uint8_t)(n >> 8), (uint8_t)n };

	lw_add(h, 4);
	lw_add(lw.data, n);
	lw_add(pad, -n & 3);
}

void lw_add_send(const struct sock_addr *to, uint32_t n, bool df)
{
	lw_add(lw.msg, send_ind(lw.msg, sizeof(lw.msg), to, lw.data, n, df, n & 1));
}

uint32_t lw_add_stun(uint16_t method, enum stun_class cls, size_t extra)
{
	static const uint8_t tid[STUN_TID_LEN] = "transaction";
	struct stun_builder b;
	size_t n;

	stun_begin(&b, lw.msg, sizeof(lw.msg), stun_type((enum stun_method)method, cls), tid);
	if (extra)
		stun_put(&b, STUN_ATTR_SOFTWARE, lw.data, extra);
	n = stun_end(&b);
	lw_add(lw.msg, n);
	return (uint32_t)n;
}

void lw_feed(void)
{
	uint32_t at, n;

	for (at = 0; at < lw.len; at += n) {
		n = RTE_MIN(lw.len - at, 1460u);
		fake_feed(world.w, lw.f, lw.stream + at, n, false);
	}
	lw.len = 0;
	fake_run();
}

bool lw_reply(uint16_t method, enum stun_class cls, uint16_t flags)
{
	struct cmd_send s = { .leg = lw_leg(lw.f), .flags = flags };
	uint32_t at = lw.len;

	s.payload_len = (uint16_t)lw_add_stun(method, cls, 0);
	memcpy(s.payload, lw.stream + at, s.payload_len);
	lw.len = at;
	return world_cmd(0, CMD_SEND, &s,
			 (uint16_t)(offsetof(struct cmd_send, payload) + s.payload_len));
}

void lw_fill_ring(void)
{
	static const struct sock_addr other = {
		{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 0, 9 } }, { { 1, 2 } }
	};
	uint64_t before = world.w->counters->drop[DROP_PUNT_FULL];
	uint32_t at = lw.len, n = lw_add_stun(STUN_ALLOCATE, STUN_REQUEST, 0);
	int i;

	lw.len = at;
	frame_udp(&lw.frame, ACCESS, &other, &world.conf.listener[0].addr, lw.stream + at, n, NULL);
	for (i = 0; i < 64 && world.w->counters->drop[DROP_PUNT_FULL] == before; i++)
		world_feed(ACCESS, &lw.frame);
	assert_true(world.w->counters->drop[DROP_PUNT_FULL] > before);
}

void lw_to_peer(const struct sock_addr *to, uint32_t n)
{
	struct sock_addr src = lw.relayed;
	struct udp_view v;

	if (!ip_is_v4(&to->ip))
		src.ip = at("fd00:2::1", 0).ip;
	expect_udp_is(CORE, &src, to, lw.data, n, &v);
	assert_int_equal(v.ttl, 64);
	assert_int_equal(v.tos, 0);
}

void lw_from_peer(const struct sock_addr *from, uint32_t n, enum frame_csum csum)
{
	struct sock_addr to = lw.relayed;
	struct frame_opt o = { .csum = csum };

	if (!ip_is_v4(&from->ip))
		to.ip = at("fd00:2::1", 0).ip;
	frame_udp(&lw.frame, CORE, from, &to, lw.data, n, &o);
	world_in(CORE, 0, &lw.frame);
	fake_run();
}

void lw_to_client(uint16_t number, uint32_t n)
{
	const uint8_t *p = lw.f->out;
	uint32_t i;

	assert_true(lw.f->out_len >= 4 + RTE_ALIGN_CEIL(n, 4));
	assert_int_equal(p[0] << 8 | p[1], number);
	assert_int_equal(p[2] << 8 | p[3], n);
	assert_memory_equal(p + 4, lw.data, n);
	for (i = n; i & 3; i++)
		assert_int_equal(p[4 + i], 0);
	n = 4 + RTE_ALIGN_CEIL(n, 4);
	lw.f->out_len -= n;
	memmove(lw.f->out, lw.f->out + n, lw.f->out_len);
}

void lw_after_ms(uint64_t ms)
{
	world_clock_ms(world.w->now_ms + ms);
	fake_run();
}

void lw_ended(enum tcp_end why)
{
	fake_run();
	assert_false(lw.f->open);
	assert_int_equal(lw.f->why, why);
}
