/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosted NAT (R14): the remote of a component is who sends, learnt while there is time and locked
 * then; the control process hears of it, and says it again after a restart.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "dp/gateway/media.h"

/* Any bytes to side A. */
static void feed(const struct cmd_context_set *c, uint32_t rtcp, const struct sock_addr *who,
		 const void *bytes, size_t n)
{
	struct sock_addr to = media_local(&c->term[SIDE_A], rtcp);

	world_mark();
	media_feed(SIDE_A, who, &to, bytes, n);
}

static void latching(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	const struct sock_addr nat = at("10.1.0.3", 40000), other = at("10.1.0.3", 40002),
			       third = at("10.1.0.3", 40004);

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	/* Until somebody sends, who was announced is sent to. */
	media_passes(&c, SIDE_B, 0);
	media_from(&c, SIDE_A, 0, &nat);
	world_drops(DROP_NONE, 0);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	assert_int_equal(world_count(0, CNT_GATE_LATCHED), 1);
	media_latched(c.cid, SIDE_A, 0, &nat);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &nat, NULL);
	/* RTCP is learnt apart, from the same host. */
	media_passes(&c, SIDE_B, 1);
	media_from(&c, SIDE_A, 1, &third);
	media_out(&c, SIDE_B, 1, &c.term[SIDE_B].remote[1], NULL);
	media_latched(c.cid, SIDE_A, 1, &third);
	/* Another, while there is time: it is told as time goes by. */
	world_clock_ms(world.w->now_ms + MEDIA_LATCH_MS - 1);
	media_from(&c, SIDE_A, 0, &other);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &other, NULL);
	/* Then no more. */
	world_clock_ms(world.w->now_ms + 1);
	media_from(&c, SIDE_A, 0, &nat);
	world_drops(DROP_GATE_SOURCE, 1);
	assert_true(world.w->media_path[COMPONENTS].flags & MEDIA_SHORT); /* from here on */
	media_from(&c, SIDE_A, 0, &other);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &other);
	media_from(&c, SIDE_A, 1, &nat);
	world_drops(DROP_GATE_SOURCE, 1);
	media_no_evt();
}

/* Nobody comes after who was announced, be it first or while there is time for others. */
static void who_was_announced(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	const struct sock_addr other = at("10.1.0.3", 40000);

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
	media_latched(c.cid, SIDE_A, 0, &c.term[SIDE_A].remote[0]);
	media_passes(&c, SIDE_A, 1);
	media_latched(c.cid, SIDE_A, 1, &c.term[SIDE_A].remote[1]);
	assert_true(world.w->media_path[COMPONENTS].flags & MEDIA_SHORT); /* at once */
	media_from(&c, SIDE_A, 0, &other);
	world_drops(DROP_GATE_SOURCE, 1);
	media_passes(&c, SIDE_A, 0);
	media_no_evt();
	c.term[SIDE_A].attempt++;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &other);
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &other);
	world_forget();
	media_passes(&c, SIDE_A, 0);
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &c.term[SIDE_A].remote[0]);
	media_from(&c, SIDE_A, 0, &other);
	world_drops(DROP_GATE_SOURCE, 1);
	media_no_evt();
}

/* What does not show that somebody speaks RTP, or RTCP where that is due. */
static void only_rtp_and_rtcp_latch(void **state)
{
	static const struct {
		uint32_t rtcp, n;
		uint8_t bytes[20];
	} no[] = {
		{ 0, 0, "" },
		{ 0, 1, "\x80" },
		{ 0, 11, "\x80\0\0\1\0\0\0\2\0\0\0" },
		{ 0, 12, "\x40\0\0\1\0\0\0\2\0\0\0\3" },
		{ 0, 12, "\xc0\0\0\1\0\0\0\2\0\0\0\3" },
		{ 0, 13, "GET / HTTP/1." },
		{ 1, 7, "\x80\xc8\0\1\0\0\0" },
		{ 1, 12, "\x80\0\0\1\0\0\0\2\0\0\0\3" }, /* RTP */
		{ 1, 8, "\x80\xc8\0\2\0\0\0\3" },	 /* ends behind its datagram */
		{ 1, 8, "\0\xc8\0\1\0\0\0\3" },
	};
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	const struct sock_addr nat = at("10.1.0.2", 40000);
	struct sock_addr out;
	struct udp_view v;
	uint32_t i;

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	for (i = 0; i < RTE_DIM(no); i++) {
		feed(&c, no[i].rtcp, &nat, no[i].bytes, no[i].n);
		world_drops(DROP_GATE_SOURCE, 1);
		world_no_out();
		media_no_evt();
	}
	/* From who is sent to anyway it passes, and latches nobody. */
	out = media_local(&c.term[SIDE_B], 0);
	feed(&c, 0, &c.term[SIDE_A].remote[0], "x", 1);
	expect_udp_is(CORE, &out, &c.term[SIDE_B].remote[0], "x", 1, &v);
	world_no_out();
	media_no_evt();
	world_forget();
	media_from(&c, SIDE_A, 1, &nat);
	media_latched(c.cid, SIDE_A, 1, &nat);
	world_forget();
	media_from(&c, SIDE_A, 0, &nat);
	media_latched(c.cid, SIDE_A, 0, &nat);
	world_forget();
	/* Other protocols than RTP: anything but nothing. */
	c = media_cmd(2, 5, TERM_LATCH);
	assert_true(media_put(&c));
	feed(&c, 0, &nat, "", 0);
	world_drops(DROP_GATE_SOURCE, 1);
	feed(&c, 0, &nat, "x", 1);
	media_latched(c.cid, SIDE_A, 0, &nat);
	world_forget();
}

/* RTCP is of RTP's host: announced, then learnt; where RTP goes to another it begins anew there. */
static void rtcp_comes_from_rtps_host(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	const struct sock_addr nat = at("10.1.0.3", 40000), nat1 = at("10.1.0.3", 40001),
			       host = at("10.1.0.2", 40001);

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 1, &nat1);
	world_drops(DROP_GATE_SOURCE, 1);
	media_from(&c, SIDE_A, 1, &host);
	media_latched(c.cid, SIDE_A, 1, &host);
	world_forget();
	media_from(&c, SIDE_A, 0, &nat);
	media_latched(c.cid, SIDE_A, 0, &nat);
	world_forget();
	/* Nothing goes to the other host any more. */
	media_passes(&c, SIDE_B, 1);
	media_from(&c, SIDE_A, 1, &host);
	world_drops(DROP_GATE_SOURCE, 1);
	media_from(&c, SIDE_A, 1, &nat1);
	media_later(0);
	media_latched(c.cid, SIDE_A, 1, &nat1);
	world_forget();
	/* An address of RTCP's own that was announced is one all the same (RFC 3605). */
	c = media_cmd(2, 5, TERM_RTP | TERM_LATCH);
	c.term[SIDE_A].remote[1] = at("10.1.0.3", 7001);
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
	media_latched(c.cid, SIDE_A, 0, &c.term[SIDE_A].remote[0]);
	media_passes(&c, SIDE_A, 1);
	media_latched(c.cid, SIDE_A, 1, &c.term[SIDE_A].remote[1]);
	media_no_evt();
}

/* Who was learnt and is void already when there is time to tell of it is not told. */
static void what_is_void_is_not_told(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	const struct sock_addr a = at("10.1.0.2", 40001), b = at("10.1.0.2", 40003),
			       nat = at("10.1.0.3", 40000);

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 1, &a);
	media_latched(c.cid, SIDE_A, 1, &a);
	media_from(&c, SIDE_A, 1, &b); /* to be told later */
	media_from(&c, SIDE_A, 0, &nat);
	media_latched(c.cid, SIDE_A, 0, &nat);
	media_later(2000);
	media_no_evt();
	world_forget();
}

/* R77: whoever policy denies is not learnt, nor sent to, and is counted; the phone comes after it.
 */
static void denied_sources_are_ignored(void **state)
{
	struct cmd_context_set c;
	const struct sock_addr phone = at("10.1.0.2", 40000), denied = at("192.168.66.66", 6000),
			       denied6 = at("64:ff9b::c0a8:1", 6000), listed = at("10.1.0.3", 1);
	uint32_t i;

	(void)state;
	c = media_cmd(1, 5, TERM_RTP | TERM_LATCH);
	assert_true(media_put(&c));
	world.conf.peers.deny[0] = (struct ip_prefix){ at("10.1.0.3", 0).ip, 128 };
	world.conf.peers.n_deny = 1;
	for (i = 0; i < 100; i++) {
		media_from(&c, SIDE_A, 0, i % 2 ? &denied : &listed);
		world_drops(DROP_GATE_DENIED, 1);
		world_no_out();
	}
	media_no_evt();
	media_from(&c, SIDE_A, 0, &phone);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_latched(c.cid, SIDE_A, 0, &phone);
	media_from(&c, SIDE_A, 0, &denied); /* while there is time to learn */
	world_drops(DROP_GATE_DENIED, 1);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_later(0);
	media_latched(c.cid, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	world_forget();
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &phone, NULL);
	/* The IPv4 address inside an IPv6 one counts, too. */
	c.cid.slot++;
	c.term[SIDE_A] = media_term(SIDE_A, 2, TERM_LATCH, true);
	c.term[SIDE_B] = media_term(SIDE_B, 2, 0, true);
	assert_true(media_put(&c));
	feed(&c, 0, &denied6, "x", 1);
	world_drops(DROP_GATE_DENIED, 1);
	media_no_evt();
}

/* Whose sending port is not the one it listens at (no RFC 4961): heard there, sent to here. */
static void a_remote_that_is_asymmetric(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	const struct sock_addr sends = at("10.1.0.2", 40000), other = at("10.1.0.3", 6004);
	uint32_t i, rtcp;

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH_ADDR;
	assert_true(media_put(&c));
	for (i = 0; i < 4; i++) {
		rtcp = i % 2;
		media_from(&c, SIDE_A, rtcp, &sends);
		world_drops(DROP_NONE, 0);
		media_out(&c, SIDE_B, rtcp, &c.term[SIDE_B].remote[rtcp], NULL);
		media_from(&c, SIDE_B, rtcp, &c.term[SIDE_B].remote[rtcp]);
		media_out(&c, SIDE_A, rtcp, &c.term[SIDE_A].remote[rtcp], NULL);
		media_from(&c, SIDE_A, rtcp, &other); /* another host is a stranger */
		world_drops(DROP_GATE_SOURCE, 1);
		media_passes(&c, SIDE_A, rtcp);
	}
	media_no_evt();
	c.term[SIDE_A].flags &= (uint16_t)~TERM_LATCH_ADDR;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &sends);
	world_drops(DROP_GATE_SOURCE, 1);
	/* Known is the address alone: it is heard, and sent to nowhere. */
	c.term[SIDE_A].flags |= TERM_LATCH_ADDR;
	c.term[SIDE_A].remote[0].port = be16_make(0);
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &sends);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
}

/*
 * RTPbleed (2017), and RTP injection: a stranger, who knows nothing but ports, sprays RTP at a
 * call. Nothing goes to it, and nothing of it goes through, whether the phone is announced, learnt,
 * or silent.
 */
static void rtpbleed(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	const struct sock_addr stranger = at("10.1.0.3", 40000), phone = at("10.1.0.2", 6666);
	uint32_t round, i;

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0); /* announced, and speaks */
	media_latched(c.cid, SIDE_A, 0, &c.term[SIDE_A].remote[0]);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 50; i++) {
			media_from(&c, SIDE_A, 0, &stranger);
			world_drops(DROP_GATE_SOURCE, 1);
			world_no_out();
			media_from(&c, SIDE_A, 1, &stranger);
			world_drops(DROP_GATE_SOURCE, 1);
			world_no_out();
			media_passes(&c, SIDE_A, 0);
			media_passes(&c, SIDE_B, 0);
		}
		media_later(MEDIA_LATCH_MS); /* silence of the phone opens nothing */
	}
	media_no_evt();
	/* A phone that was learnt, and learns anew at an offer, is found again and keeps its place.
	 */
	c = media_cmd(2, 5, TERM_RTP);
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &phone);
	media_latched(c.cid, SIDE_A, 0, &phone);
	world_forget();
	media_later(MEDIA_LATCH_MS);
	c.term[SIDE_A].latched[0] = phone;
	c.term[SIDE_A].flags |= TERM_RELEARN;
	c.term[SIDE_A].attempt++;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &phone);
	world_forget();
	for (i = 0; i < 50; i++) {
		media_from(&c, SIDE_A, 0, &stranger);
		world_drops(DROP_GATE_SOURCE, 1);
		world_no_out();
	}
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &phone);
	media_no_evt();
}

static void latching_from_one_address(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);
	const struct sock_addr port = at("10.1.0.2", 40000), addr = at("10.1.0.3", 6004);

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH | TERM_LATCH_ADDR;
	c.term[SIDE_A].remote[0].port = be16_make(0);
	assert_true(media_put(&c));
	media_drops(&c, SIDE_B, 0, DROP_GATE_PARTNER);
	media_from(&c, SIDE_A, 0, &addr);
	world_drops(DROP_GATE_SOURCE, 1);
	media_from(&c, SIDE_A, 0, &port);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_latched(c.cid, SIDE_A, 0, &port);
	media_from(&c, SIDE_A, 0, &addr);
	world_drops(DROP_GATE_SOURCE, 1);
}

static void no_time_to_learn(void **state)
{
	struct cmd_context_set c;
	const struct sock_addr a = at("10.1.0.3", 40000), b = at("10.1.0.3", 40002);

	(void)state;
	media_config();
	world.conf.gateway.latch_ms = 0;
	world_start();
	c = media_call(TERM_LATCH);
	media_from(&c, SIDE_A, 0, &a);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_from(&c, SIDE_A, 0, &b);
	world_drops(DROP_GATE_SOURCE, 1);
	world_stop();
}

/* Neither a packet that is damaged nor one that may not come in says who the remote is. */
static void what_does_not_latch(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_LATCH);
	const struct sock_addr a = at("10.1.0.3", 40000);
	struct sock_addr to = media_local(&c.term[SIDE_A], 0);
	static struct frame f;

	(void)state;
	assert_true(media_put(&c));
	frame_udp(&f, ACCESS, &a, &to, media_packet, sizeof(media_packet),
		  &(struct frame_opt){ .csum = CSUM_BAD });
	world_mark();
	world_feed(ACCESS, &f);
	world_drops(DROP_UDP_CSUM, 1);
	c.term[SIDE_A].flags &= (uint16_t)~TERM_IN;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &a);
	world_drops(DROP_GATE_CLOSED, 1);
	media_no_evt();
	media_passes(&c, SIDE_B, 0);
}

/* What was learnt stays as commands repeat themselves, and goes when they say something else. */
static void learning_anew(void **state)
{
	struct cmd_context_set c = media_call(TERM_LATCH);
	const struct sock_addr a = at("10.1.0.3", 40000), b = at("10.1.0.3", 40002);

	(void)state;
	media_from(&c, SIDE_A, 0, &a);
	media_latched(c.cid, SIDE_A, 0, &a);
	world_forget();
	media_later(MEDIA_LATCH_MS);
	c.term[SIDE_A].dscp = 46;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &b);
	world_drops(DROP_GATE_SOURCE, 1);
	c.term[SIDE_A].remote[0].port = be16_make(6666);
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &b);
	world_drops(DROP_NONE, 0);
	media_latched(c.cid, SIDE_A, 0, &b);
	media_later(MEDIA_LATCH_MS);
	c.term[SIDE_A].attempt++;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &a);
	world_drops(DROP_NONE, 0);
	media_latched(c.cid, SIDE_A, 0, &a);
	world_forget();
}

/*
 * After a new offer or answer of its side, and after hold: who was learnt is sent to until somebody
 * is heard, who is learnt then. A NAT that forgot its binding has given the phone another port.
 */
static void learnt_anew_and_sent_to_meanwhile(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_LATCH);
	const struct sock_addr old = at("10.1.0.3", 40000), new = at("10.1.0.3", 40002);

	(void)state;
	c.term[SIDE_B].flags &= (uint16_t)~TERM_LATCH;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &old);
	media_latched(c.cid, SIDE_A, 0, &old);
	world_forget();
	media_later(MEDIA_LATCH_MS);
	c.term[SIDE_A].latched[0] = old;
	c.term[SIDE_A].flags |= TERM_RELEARN;
	c.term[SIDE_A].attempt++;
	assert_true(media_put(&c));
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &old, NULL);
	media_from(&c, SIDE_A, 0, &new);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_latched(c.cid, SIDE_A, 0, &new);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &new, NULL);
	/* Said again by who has not heard of it yet, it changes nothing, and is told again. */
	assert_true(media_put(&c));
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &new);
	/* A dataplane that starts anew before somebody is heard goes on like that. */
	c.cid.gen++;
	c.term[SIDE_A].latched[0] = new;
	assert_true(media_put(&c));
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &new, NULL);
	media_from(&c, SIDE_A, 0, &old);
	media_latched(c.cid, SIDE_A, 0, &old);
	world_forget();
	media_no_evt();
}

/* An address of ours of the other family: what was learnt by the one is of no use to the other. */
static void another_family(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_LATCH);
	const struct sock_addr a = at("10.1.0.3", 40000), a6 = at("fd00:1::2", 40000);
	struct ctl_term v6;

	(void)state;
	memset(c.term[SIDE_A].remote, 0, sizeof(c.term[SIDE_A].remote));
	c.term[SIDE_B].flags &= (uint16_t)~TERM_LATCH;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &a);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_latched(c.cid, SIDE_A, 0, &a);
	media_later(MEDIA_LATCH_MS);
	v6 = media_term(SIDE_A, 1, TERM_LATCH, true);
	c.term[SIDE_A].local = v6.local;
	assert_true(media_put(&c));
	media_drops(&c, SIDE_B, 0, DROP_GATE_PARTNER);
	media_from(&c, SIDE_A, 0, &a6);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_latched(c.cid, SIDE_A, 0, &a6);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &a6, NULL);
}

/* After a restart the control process says what had been learnt. */
static void learnt_before(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP | TERM_LATCH);
	const struct sock_addr a = at("10.1.0.3", 40000), b = at("10.1.0.3", 40002);

	(void)state;
	c.term[SIDE_A].latched[0] = a;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &b);
	world_drops(DROP_GATE_SOURCE, 1);
	media_from(&c, SIDE_A, 0, &a);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_no_evt();
	media_from(&c, SIDE_A, 1, &b);
	media_out(&c, SIDE_B, 1, &c.term[SIDE_B].remote[1], NULL);
	media_latched(c.cid, SIDE_A, 1, &b);
}

/* A control process that began anew before it had kept the news. */
static void news_again(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP | TERM_LATCH);
	const struct sock_addr a = at("10.1.0.2", 40000);

	(void)state;
	media_from(&c, SIDE_A, 1, &a);
	media_out(&c, SIDE_B, 1, &c.term[SIDE_B].remote[1], NULL);
	media_latched(c.cid, SIDE_A, 1, &a);
	media_later(MEDIA_LATCH_MS);
	assert_true(media_put(&c));
	media_later(0);
	media_latched(c.cid, SIDE_A, 1, &a);
	c.term[SIDE_A].latched[1] = a;
	assert_true(media_put(&c));
	media_later(0);
	media_no_evt();
}

/* News is not lost while the ring is full. */
static void news_waits(void **state)
{
	struct cmd_context_set c = media_call(TERM_LATCH);
	struct cmd_context audit = { .cid = c.cid };
	const struct sock_addr a = at("10.1.0.3", 40000);
	uint32_t i;

	(void)state;
	for (i = 0; i < world.conf.dataplane.ring_slots; i++)
		assert_true(world_cmd(0, CMD_CONTEXT_AUDIT, &audit, sizeof(audit)));
	media_from(&c, SIDE_A, 0, &a);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_later(0);
	for (i = 0; i < world.conf.dataplane.ring_slots; i++)
		media_evt(EVT_CONTEXT_STATS, c.cid);
	media_no_evt();
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &a);
	media_later(MEDIA_LATCH_MS);
	media_no_evt();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, media_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(latching),
		T(who_was_announced),
		T(only_rtp_and_rtcp_latch),
		T(rtcp_comes_from_rtps_host),
		T(what_is_void_is_not_told),
		T(denied_sources_are_ignored),
		T(a_remote_that_is_asymmetric),
		T(rtpbleed),
		T(latching_from_one_address),
		cmocka_unit_test(no_time_to_learn),
		T(what_does_not_latch),
		T(learning_anew),
		T(learnt_anew_and_sent_to_meanwhile),
		T(another_family),
		T(learnt_before),
		T(news_waits),
		T(news_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
