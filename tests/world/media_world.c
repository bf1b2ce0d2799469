/* SPDX-License-Identifier: BSD-3-Clause */
#include "media_world.h"
#include "unit.h"

#include "dp/gateway/media.h"

const uint8_t media_packet[17] = {
	0x80, 0x00, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 'v', 'o', 'i', 'c', 'e'
};
const uint8_t media_report[8] = { 0x80, 200, 0, 1, 0, 0, 0, 3 };

static const uint8_t *packet(uint32_t rtcp)
{
	return rtcp ? media_report : media_packet;
}

static size_t packet_len(uint32_t rtcp)
{
	return rtcp ? sizeof(media_report) : sizeof(media_packet);
}

void media_config(void)
{
	struct config *c = &world.conf;

	world_config();
	c->gateway.contexts = MEDIA_CONTEXTS;
	c->gateway.latch_ms = MEDIA_LATCH_MS;
	c->dataplane.binding_rate = 1000;
	c->relay[2] = (struct config_relay){ .addr = at("10.1.0.1", 0).ip,
					     .port_min = RELAY_MIN,
					     .port_max = RELAY_MAX };
	c->relay[3] = (struct config_relay){ .addr = at("fd00:1::1", 0).ip,
					     .port_min = RELAY_MIN,
					     .port_max = RELAY_MAX };
	c->n_relay = 4;
}

int media_setup(void **state)
{
	(void)state;
	media_config();
	world_start();
	return 0;
}

struct ctl_term media_term(uint32_t side, uint32_t slot, uint16_t flags, bool v6)
{
	static const char *const ip[2][2] = { { "10.1.0.2", "fd00:1::2" },
					      { "10.2.0.2", "fd00:2::2" } };
	uint16_t local = side == SIDE_A ? MEDIA_A : MEDIA_B;
	uint16_t remote = side == SIDE_A ? MEDIA_REMOTE_A : MEDIA_REMOTE_B;
	struct ctl_term t = { .transport = TERM_UDP,
			      .flags = TERM_IN | TERM_OUT | flags,
			      .dscp = CTL_DSCP_KEEP };

	t.local.relay = (uint16_t)((side == SIDE_A ? 2 : 0) + v6);
	t.local.port = be16_make((uint16_t)(local + 4 * slot));
	t.remote[0] = at(ip[side][v6], (uint16_t)(remote + 4 * slot));
	if (flags & TERM_RTP)
		t.remote[1] = at(ip[side][v6], (uint16_t)(remote + 4 * slot + 1));
	return t;
}

struct cmd_context_set media_cmd(uint32_t slot, uint32_t gen, uint16_t flags)
{
	return (struct cmd_context_set){ .cid = { slot, gen },
					 .expiry = world.w->now + 600,
					 .term = { media_term(SIDE_A, slot, flags, false),
						   media_term(SIDE_B, slot, flags, false) } };
}

bool media_put(struct cmd_context_set *c)
{
	return world_cmd(0, CMD_CONTEXT_SET, c, sizeof(*c));
}

struct cmd_context_set media_call(uint16_t flags)
{
	struct cmd_context_set c = media_cmd(1, 5, flags);

	assert_true(media_put(&c));
	media_no_evt();
	return c;
}

struct sock_addr media_local(const struct ctl_term *t, uint32_t rtcp)
{
	uint16_t port = be16_get(t->local.port);

	if (rtcp && !(t->flags & TERM_RTCP_MUX))
		port++;
	return (struct sock_addr){ world.conf.relay[t->local.relay].addr, be16_make(port) };
}

static struct sock_addr term_remote(const struct ctl_term *t, uint32_t rtcp)
{
	return t->remote[rtcp && !(t->flags & TERM_RTCP_MUX)];
}

static uint16_t side_port(uint32_t side)
{
	return side == SIDE_A ? ACCESS : CORE;
}

void media_feed(uint32_t side, const struct sock_addr *from, const struct sock_addr *to,
		const void *payload, size_t len)
{
	static struct frame f;
	struct frame_opt o = { 0 };

	frame_udp(&f, side_port(side), from, to, payload, len, &o);
	world_feed(side_port(side), &f);
}

void media_from(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp,
		const struct sock_addr *who)
{
	struct sock_addr to = media_local(&c->term[side], rtcp);

	world_mark();
	media_feed(side, who, &to, packet(rtcp), packet_len(rtcp));
}

void media_out(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp,
	       const struct sock_addr *dst, struct udp_view *v)
{
	struct sock_addr src = media_local(&c->term[side], rtcp);

	expect_udp_is(side_port(side), &src, dst, packet(rtcp), packet_len(rtcp), v);
	world_no_out();
	world_forget();
}

static void feed_term(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp)
{
	const struct ctl_term *t = &c->term[side];
	struct sock_addr from = term_remote(t, rtcp), to = media_local(t, rtcp);

	media_feed(side, &from, &to, packet(rtcp), packet_len(rtcp));
}

void media_passes(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp)
{
	const struct ctl_term *t = &c->term[!side];
	struct sock_addr src = media_local(t, rtcp), dst = term_remote(t, rtcp);
	struct udp_view v;

	world_mark();
	feed_term(c, side, rtcp);
	world_drops(DROP_NONE, 0);
	expect_udp_is(side_port(!side), &src, &dst, packet(rtcp), packet_len(rtcp), &v);
	world_no_out();
	assert_int_equal(v.ttl, 63);
	assert_int_equal(world_count(0, CNT_GATE_PACKETS), 1);
	assert_int_equal(world_count(0, CNT_GATE_BYTES), v.len);
	assert_int_equal(world_count(0, CNT_GATE_RTCP), rtcp);
	world_forget();
}

void media_drops(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp, enum drop why)
{
	world_mark();
	feed_term(c, side, rtcp);
	world_drops(why, 1);
	world_no_out();
	assert_int_equal(world_count(0, CNT_GATE_PACKETS), 0);
}

void media_later(uint64_t ms)
{
	uint64_t i;

	/* Whole rounds, and as many as it takes that each context of UDP has its turn. */
	for (i = 0; i < ms / CONTEXT_TICK_MS + 10; i++) {
		world_clock_ms(world.w->now_ms + CONTEXT_TICK_MS);
		world_neighbours();
		world_run();
	}
}

const void *media_evt(uint16_t type, struct ctl_cid cid)
{
	const struct evt_term *e = world_evt(0); /* all have their cid behind the header */

	assert_non_null(e);
	assert_int_equal(e->hdr.type, type);
	assert_int_equal(e->cid.slot, cid.slot);
	assert_int_equal(e->cid.gen, cid.gen);
	return e;
}

void media_no_evt(void)
{
	assert_null(world_evt(0));
}

void media_refused(struct ctl_cid cid, enum ctl_refusal why)
{
	const struct evt_context_refused *e = media_evt(EVT_CONTEXT_REFUSED, cid);

	assert_int_equal(e->hdr.len, sizeof(*e));
	assert_int_equal(e->hdr.seq, 7);
	assert_int_equal(e->why, why);
	media_no_evt();
}

void media_latched(struct ctl_cid cid, uint32_t side, uint32_t rtcp, const struct sock_addr *who)
{
	const struct evt_term *e = media_evt(EVT_TERM, cid);

	assert_int_equal(e->hdr.len, sizeof(*e));
	assert_int_equal(e->what, TERM_LATCHED);
	assert_int_equal(e->side, side);
	assert_int_equal(e->rtcp, rtcp);
	assert_memory_equal(&e->remote, who, sizeof(*who));
}

struct ctl_term_stats media_audit(struct ctl_cid cid, uint32_t side)
{
	struct cmd_context c = { .cid = cid };
	const struct evt_context_stats *e;

	assert_true(world_cmd(0, CMD_CONTEXT_AUDIT, &c, sizeof(c)));
	e = media_evt(EVT_CONTEXT_STATS, cid);
	assert_int_equal(e->hdr.len, sizeof(*e));
	assert_int_equal(e->hdr.seq, 7);
	return e->term[side];
}
