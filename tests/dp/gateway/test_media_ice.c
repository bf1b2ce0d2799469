/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICE on the ports of components (R12, R35): STUN is told apart from media (RFC 7983), the remote
 * is who was nominated by somebody who knows the password, and nothing is sent to one that has gone
 * quiet (RFC 7675). What a check must be is test_ice.c's.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"

#include "dp/gateway/media.h"
#include "dp/gateway/gateway.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char ufrag[] = "evtj", pwd[] = "VOkJxbRl1RmTxUk/WvJxBt";

static uint16_t more; /* bytes of an attribute that a check has beside */

/* A check of a controlling agent; returns its length. */
static size_t check_make(uint8_t *buf, size_t cap, const char *key, bool use)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk", tie_breaker[8], software[400];
	struct stun_builder b;
	uint8_t *value;
	size_t covered;

	stun_begin(&b, buf, cap, stun_type(STUN_BINDING, STUN_REQUEST), tid);
	if (more)
		stun_put(&b, STUN_ATTR_SOFTWARE, software, more);
	stun_put_u32(&b, STUN_ATTR_PRIORITY, 0x6e0001ff);
	stun_put(&b, STUN_ATTR_ICE_CONTROLLING, tie_breaker, sizeof(tie_breaker));
	if (use)
		stun_put(&b, STUN_ATTR_USE_CANDIDATE, NULL, 0);
	stun_put(&b, STUN_ATTR_USERNAME, "evtj:h6vY", 9);
	value = stun_put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY, &covered);
	assert_non_null(value);
	assert_non_null(HMAC(EVP_sha1(), key, (int)strlen(key), buf, covered, value, NULL));
	stun_put_fingerprint(&b);
	return stun_end(&b);
}

/* A check comes to a component of a side. */
static void check(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp,
		  const struct sock_addr *from, const char *key, bool use)
{
	struct sock_addr to = media_local(&c->term[side], rtcp);
	uint8_t msg[1024];

	world_mark();
	media_feed(side, from, &to, msg, check_make(msg, sizeof(msg), key, use));
}

/* Side A does ICE; what it was told of its remote's address is of no matter. */
static struct cmd_context_set ice_cmd(uint16_t flags)
{
	struct cmd_context_set c = media_cmd(1, 5, flags);

	c.term[SIDE_A].flags |= TERM_ICE;
	memcpy(c.term[SIDE_A].ufrag, ufrag, sizeof(ufrag));
	memcpy(c.term[SIDE_A].pwd, pwd, sizeof(pwd));
	return c;
}

static void answered(const struct cmd_context_set *c, uint32_t rtcp, const struct sock_addr *to)
{
	struct sock_addr src = media_local(&c->term[SIDE_A], rtcp);
	struct udp_view v;
	struct stun_msg m;

	world_drops(DROP_NONE, 0);
	expect_udp(ACCESS, &v);
	assert_memory_equal(&v.src, &src, sizeof(src));
	assert_memory_equal(&v.dst, to, sizeof(*to));
	assert_true(v.csum_ok);
	assert_int_equal(stun_parse(&m, v.payload, v.len), STUN_OK);
	assert_int_equal(m.method, STUN_BINDING);
	assert_int_equal(m.cls, STUN_SUCCESS);
	world_no_out();
	assert_int_equal(world_count(0, CNT_CONSUMED), 1);
	world_forget();
}

static void nominated(void **state)
{
	struct cmd_context_set c = ice_cmd(TERM_RTP);
	const struct sock_addr one = at("10.1.0.2", 7777), two = at("10.1.0.3", 8888),
			       rtcp = at("10.1.0.3", 8889);

	(void)state;
	assert_true(media_put(&c));
	/* Nobody is trusted yet: not even who was announced. */
	media_drops(&c, SIDE_A, 0, DROP_GATE_SOURCE);
	media_drops(&c, SIDE_B, 0, DROP_GATE_PARTNER);
	check(&c, SIDE_A, 0, &one, pwd, false);
	answered(&c, 0, &one);
	assert_int_equal(world_count(0, CNT_GATE_CHECKS), 1);
	media_no_evt();
	media_drops(&c, SIDE_B, 0, DROP_GATE_PARTNER);
	check(&c, SIDE_A, 0, &two, pwd, true);
	answered(&c, 0, &two);
	media_latched(c.cid, SIDE_A, 0, &two);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &two, NULL);
	media_from(&c, SIDE_A, 0, &two);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_from(&c, SIDE_A, 0, &one);
	world_drops(DROP_GATE_SOURCE, 1);
	/* RTCP is a component of its own. */
	media_drops(&c, SIDE_B, 1, DROP_GATE_PARTNER);
	check(&c, SIDE_A, 1, &rtcp, pwd, true);
	answered(&c, 1, &rtcp);
	media_latched(c.cid, SIDE_A, 1, &rtcp);
	media_from(&c, SIDE_B, 1, &c.term[SIDE_B].remote[1]);
	media_out(&c, SIDE_A, 1, &rtcp, NULL);
	/* Nominated again, nothing changes; another is told as time goes by. */
	check(&c, SIDE_A, 0, &two, pwd, true);
	answered(&c, 0, &two);
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	media_no_evt();
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &one);
	media_no_evt();
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &one, NULL);
	assert_int_equal(media_audit(c.cid, SIDE_A).checks, 5);
}

/* Muxed, it is both components at once; the port above is out of use. */
static void nominated_with_mux(void **state)
{
	struct cmd_context_set c = ice_cmd(TERM_RTP | TERM_RTCP_MUX);
	struct sock_addr above = media_local(&c.term[SIDE_A], 0), one = at("10.1.0.2", 7777);
	uint8_t msg[256];

	(void)state;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	c.term[SIDE_A].remote[0] = one;
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_A, 1);
	media_passes(&c, SIDE_B, 1);
	above.port = be16_make((uint16_t)(be16_get(above.port) + 1));
	world_mark();
	media_feed(SIDE_A, &one, &above, msg, check_make(msg, sizeof(msg), pwd, true));
	world_drops(DROP_GATE_SOURCE, 1);
}

static void strangers(void **state)
{
	struct cmd_context_set c = ice_cmd(0);
	struct sock_addr to = media_local(&c.term[SIDE_A], 0), one = at("10.1.0.2", 7777);
	uint8_t msg[ICE_MSG_MAX + 4];
	static struct frame f;
	size_t len;

	(void)state;
	assert_true(media_put(&c));
	/* Refused, and no more trusted than before. */
	check(&c, SIDE_A, 0, &one, "wrong password of 22 c", true);
	assert_int_equal(world_count(0, CNT_CONSUMED), 1);
	assert_int_equal(world_count(0, CNT_GATE_CHECKS), 0);
	world_forget();
	media_no_evt();
	media_drops(&c, SIDE_B, 0, DROP_GATE_PARTNER);
	/* Damaged on its way. */
	len = check_make(msg, sizeof(msg), pwd, true);
	frame_udp(&f, ACCESS, &one, &to, msg, len, &(struct frame_opt){ .csum = CSUM_BAD });
	world_mark();
	world_feed(ACCESS, &f);
	world_drops(DROP_UDP_CSUM, 1);
	/* Longer than any check. */
	memset(msg + len, 0, sizeof(msg) - len);
	world_mark();
	media_feed(SIDE_A, &one, &to, msg, sizeof(msg));
	world_drops(DROP_GATE_STUN, 1);
	/* A response to what nobody asked. */
	msg[0] = 1;
	world_mark();
	media_feed(SIDE_A, &one, &to, msg, len);
	world_drops(DROP_GATE_STUN, 1);
	/* No keep-alive proves anything. */
	media_no_evt();
	assert_int_equal(media_audit(c.cid, SIDE_A).silent_s, UINT32_MAX);
	assert_int_equal(media_audit(c.cid, SIDE_A).dropped, 3);
	/* The other side has no credentials. */
	to = media_local(&c.term[SIDE_B], 0);
	len = check_make(msg, sizeof(msg), "", true);
	world_mark();
	media_feed(SIDE_B, &c.term[SIDE_B].remote[0], &to, msg, len);
	world_drops(DROP_GATE_STUN, 1);
}

static void answers_are_limited(void **state)
{
	struct cmd_context_set c;
	const struct sock_addr one = at("10.1.0.2", 7777);

	(void)state;
	media_config();
	world.conf.dataplane.binding_rate = 1;
	world_start();
	c = ice_cmd(0);
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, "wrong", true);
	world_drops(DROP_NONE, 0);
	check(&c, SIDE_A, 0, &one, "wrong", true);
	world_drops(DROP_BINDING_RATE, 1);
	check(&c, SIDE_A, 0, &one, pwd, true);
	world_drops(DROP_NONE, 0);
	world_stop();
}

/* In pieces in memory, and over IPv6. */
static void chained(void **state)
{
	struct cmd_context_set c = ice_cmd(0);
	const struct sock_addr one = at("fd00:1::2", 7777);
	struct ctl_term v6 = media_term(SIDE_A, 1, 0, true);

	(void)state;
	c.term[SIDE_A].local = v6.local;
	c.term[SIDE_A].remote[0] = v6.remote[0];
	assert_true(media_put(&c));
	more = 400;
	world.seg_first = 340; /* all headers that are read in place */
	world.seg_rest = 51;
	check(&c, SIDE_A, 0, &one, pwd, true);
	world.seg_first = 0;
	more = 0;
	answered(&c, 0, &one);
	media_latched(c.cid, SIDE_A, 0, &one);
}

/* ---- consent (RFC 7675) ---- */

/* Seconds from now, exactly. */
static void after(uint32_t s)
{
	world_clock_ms(world.w->now_ms / 1000 * 1000 + s * 1000);
	world_neighbours();
}

/* The next event says that a side's agent does not check any more; it may be silent, too. */
static void told_gone(const struct cmd_context_set *c, uint32_t side)
{
	const struct evt_term *e = media_evt(EVT_TERM, c->cid);

	assert_int_equal(e->what, TERM_INACTIVE);
	if (e->why != INACTIVE_CONSENT)
		e = media_evt(EVT_TERM, c->cid);
	assert_int_equal(e->what, TERM_INACTIVE);
	assert_int_equal(e->why, INACTIVE_CONSENT);
	assert_int_equal(e->side, side);
}

/* An agent that repeats its checks; nobody who sends as if from there keeps it. */
static void consent(void **state)
{
	const struct media_term *a = &world.w->gateway->media[1].term[SIDE_A];
	struct cmd_context_set c = ice_cmd(TERM_RTP);
	const struct sock_addr one = at("10.1.0.2", 7777), two = at("10.1.0.3", 8888);

	(void)state;
	c.term[SIDE_A].inactivity = CONSENT_S;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	media_latched(c.cid, SIDE_A, 0, &one);
	c.term[SIDE_A].remote[0] = one;
	media_passes(&c, SIDE_B, 0);
	media_later(28000);
	media_passes(&c, SIDE_B, 0);
	/* Checks of the remote keep it, those of another pair do not. */
	check(&c, SIDE_A, 0, &one, pwd, false);
	answered(&c, 0, &one);
	media_later(28000);
	media_passes(&c, SIDE_B, 0);
	check(&c, SIDE_A, 0, &two, pwd, false);
	answered(&c, 0, &two);
	media_later(3000);
	told_gone(&c, SIDE_A);
	media_drops(&c, SIDE_B, 0, DROP_GATE_CONSENT);
	/* It comes back by a check; packets pass, and keep nothing. */
	media_passes(&c, SIDE_A, 0);
	media_drops(&c, SIDE_B, 0, DROP_GATE_CONSENT);
	check(&c, SIDE_A, 0, &one, pwd, false);
	answered(&c, 0, &one);
	after(29);
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_B, 0);
	assert_true(media_consent(world.w, a));
	after(1); /* 30 seconds, and not one more; a round looks */
	assert_false(media_consent(world.w, a));
	media_later(0);
	told_gone(&c, SIDE_A);
	media_drops(&c, SIDE_B, 0, DROP_GATE_CONSENT);
	/* Another nomination may be of an agent that does not repeat them. */
	check(&c, SIDE_A, 0, &two, pwd, true);
	answered(&c, 0, &two);
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &two);
	c.term[SIDE_A].remote[0] = two;
	media_later(20000);
	media_passes(&c, SIDE_A, 0);
	media_later(20000);
	media_passes(&c, SIDE_B, 0);
}

/*
 * On hold, an agent without DTLS that has repeated a check need not do so again: it is not told of
 * as gone, but sent to it is only what it agrees to.
 */
static void consent_on_hold(void **state)
{
	struct cmd_context_set c = ice_cmd(TERM_RTP);
	const struct sock_addr one = at("10.1.0.2", 7777);

	(void)state;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	media_latched(c.cid, SIDE_A, 0, &one);
	media_later(20000);
	check(&c, SIDE_A, 0, &one, pwd, false);
	answered(&c, 0, &one);
	assert_true(world.w->gateway->media[1].term[SIDE_A].renews);
	media_later(35000);
	media_no_evt();
	media_drops(&c, SIDE_B, 0, DROP_GATE_CONSENT);
	/* Once it is not, it is held to them. */
	c.term[SIDE_A].inactivity = CONSENT_S;
	c.term[SIDE_A].latched[0] = one;
	assert_true(media_put(&c));
	media_later(1000);
	told_gone(&c, SIDE_A);
}

/* An agent of RFC 5245, which makes no checks once it is done: what it sends counts. */
static void consent_by_packets(void **state)
{
	struct cmd_context_set c = ice_cmd(TERM_RTP);
	const struct sock_addr one = at("10.1.0.2", 7777);

	(void)state;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	media_latched(c.cid, SIDE_A, 0, &one);
	c.term[SIDE_A].remote[0] = one;
	media_later(32000);
	media_drops(&c, SIDE_B, 0, DROP_GATE_CONSENT);
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_B, 0);
	/* Packets that take the short way count as well. */
	media_later(15000);
	media_passes(&c, SIDE_A, 0);
	media_later(16000);
	media_passes(&c, SIDE_B, 0);
	media_later(17000);
	media_drops(&c, SIDE_B, 0, DROP_GATE_CONSENT);
}

/* One that starts ICE anew checks where it was, which is no repetition; what it sends counts on. */
static void consent_by_packets_after_a_restart(void **state)
{
	struct cmd_context_set c = ice_cmd(TERM_RTP);
	const struct sock_addr one = at("10.1.0.2", 7777);
	const struct media_term *a = &world.w->gateway->media[1].term[SIDE_A];

	(void)state;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	media_latched(c.cid, SIDE_A, 0, &one);
	c.term[SIDE_A].remote[0] = c.term[SIDE_A].latched[0] = one;
	media_later(20000);
	media_passes(&c, SIDE_A, 0);
	c.term[SIDE_A].pwd[0] = 'X';
	assert_true(media_put(&c));
	media_later(20000); /* until the answer */
	check(&c, SIDE_A, 0, &one, c.term[SIDE_A].pwd, true);
	answered(&c, 0, &one);
	media_later(5000);
	check(&c, SIDE_A, 0, &one, c.term[SIDE_A].pwd, true);
	answered(&c, 0, &one);
	media_later(20000);
	media_passes(&c, SIDE_A, 0);
	media_later(20000);
	media_passes(&c, SIDE_B, 0);
	/* Until it does repeat them. */
	assert_false(a->renews);
	check(&c, SIDE_A, 0, &one, c.term[SIDE_A].pwd, false);
	answered(&c, 0, &one);
	assert_true(a->renews);
}

/* A tab that checks and sends nothing is silent. */
static void checks_are_no_media(void **state)
{
	struct cmd_context_set c = ice_cmd(TERM_RTP);
	const struct sock_addr one = at("10.1.0.2", 7777);
	const struct evt_term *e;
	uint32_t i;

	(void)state;
	c.term[SIDE_A].inactivity = 20;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	media_latched(c.cid, SIDE_A, 0, &one);
	for (i = 0; i < 5; i++) {
		media_later(4000);
		check(&c, SIDE_A, 0, &one, pwd, false);
		answered(&c, 0, &one);
	}
	e = media_evt(EVT_TERM, c.cid);
	assert_int_equal(e->what, TERM_INACTIVE);
	assert_int_equal(media_audit(c.cid, SIDE_A).silent_s, UINT32_MAX);
}

/* Who policy denies is not answered, so that the agent takes another pair, and not nominated. */
static void denied(void **state)
{
	struct cmd_context_set c = ice_cmd(0);
	const struct sock_addr one = at("10.1.0.2", 7777), two = at("10.1.0.3", 8888);

	(void)state;
	world.conf.peers.deny[0] = (struct ip_prefix){ two.ip, 128 };
	world.conf.peers.n_deny = 1;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &two, pwd, true);
	world_drops(DROP_GATE_DENIED, 1);
	world_no_out();
	media_no_evt();
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	media_latched(c.cid, SIDE_A, 0, &one);
	check(&c, SIDE_A, 0, &two, pwd, true);
	world_drops(DROP_GATE_DENIED, 1);
	media_later(0);
	media_no_evt();
}

/*
 * A browser (ICE and DTLS) is held to its checks from the beginning (RFC 8827 6.5), and told of
 * when they end, though media come as before.
 */
static void consent_of_a_browser(void **state)
{
	const struct sock_addr one = at("10.1.0.2", 7777);
	const struct media_term *a;
	struct cmd_context_set c;

	(void)state;
	media_config();
	world.conf.gateway.srtp = 2;
	world.conf.tls =
	    (struct config_tls){ .dtls_handshakes = 4, .waiting = 4, .handshake_ms = 5000 };
	world_start();
	a = &world.w->gateway->media[1].term[SIDE_A];
	c = ice_cmd(TERM_RTP);
	c.term[SIDE_A].flags |= TERM_SRTP | TERM_DTLS;
	c.term[SIDE_A].inactivity = 40;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	media_latched(c.cid, SIDE_A, 0, &one);
	media_later(10000);
	check(&c, SIDE_A, 0, &one, pwd, false);
	answered(&c, 0, &one);
	for (uint32_t i = 0; i < 5; i++) {
		media_later(4000);
		media_heard(world.w, 1, SIDE_A);
		assert_true(media_consent(world.w, a));
	}
	media_later(6000); /* a second more each time, see there */
	media_heard(world.w, 1, SIDE_A);
	assert_false(media_consent(world.w, a));
	media_no_evt();
	media_later(9000);
	told_gone(&c, SIDE_A);
	media_heard(world.w, 1, SIDE_A);
	media_later(20000);
	media_no_evt();
	/* Once, until it comes back; then again. */
	check(&c, SIDE_A, 0, &one, pwd, false);
	answered(&c, 0, &one);
	assert_true(media_consent(world.w, a));
	media_heard(world.w, 1, SIDE_A);
	media_later(30000);
	media_heard(world.w, 1, SIDE_A);
	media_later(12000);
	told_gone(&c, SIDE_A);
	media_no_evt();
	/* On hold, where silence is not told: checks go on, and are missed. */
	c.term[SIDE_A].inactivity = 0;
	c.term[SIDE_A].latched[0] = one;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, false);
	answered(&c, 0, &one);
	for (uint32_t i = 0; i < 2; i++) {
		media_later(20000);
		media_no_evt();
		check(&c, SIDE_A, 0, &one, pwd, false);
		answered(&c, 0, &one);
	}
	media_later(CONSENT_S * 1000);
	told_gone(&c, SIDE_A);
	media_no_evt();
	world_stop();
}

/* A packet by the short way, and another the other way before anybody has looked. */
static void consent_at_once(void **state)
{
	struct cmd_context_set c = ice_cmd(0);
	const struct sock_addr one = at("10.1.0.2", 7777);

	(void)state;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	c.term[SIDE_A].remote[0] = one;
	media_later(35000);
	media_drops(&c, SIDE_B, 0, DROP_GATE_CONSENT);
	assert_true(world.w->media_path[COMPONENTS].flags & MEDIA_SHORT);
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_B, 0);
	assert_true(world.w->media_path[COMPONENTS + 2].flags & MEDIA_SHORT);
}

/* After a restart it is known who it was, and sent to once it shows that it is still there. */
static void nominated_before(void **state)
{
	struct cmd_context_set c = ice_cmd(0);
	const struct sock_addr one = at("10.1.0.2", 7777);

	(void)state;
	c.term[SIDE_A].latched[0] = one;
	assert_true(media_put(&c));
	media_drops(&c, SIDE_B, 0, DROP_GATE_CONSENT);
	c.term[SIDE_A].remote[0] = one;
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_B, 0);
	media_no_evt();
}

/* ICE starts anew (RFC 8445 9): other credentials; sent to where it was until the next nomination.
 */
static void restart(void **state)
{
	struct cmd_context_set c = ice_cmd(0);
	const struct sock_addr one = at("10.1.0.2", 7777), two = at("10.1.0.3", 8888);

	(void)state;
	assert_true(media_put(&c));
	check(&c, SIDE_A, 0, &one, pwd, true);
	answered(&c, 0, &one);
	media_latched(c.cid, SIDE_A, 0, &one);
	c.term[SIDE_A].pwd[0] = 'X';
	c.term[SIDE_A].remote[0] = at("10.1.0.2", 9999);
	assert_true(media_put(&c));
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &one, NULL);
	check(&c, SIDE_A, 0, &two, pwd, true);
	assert_int_equal(world_count(0, CNT_GATE_CHECKS), 0);
	world_forget();
	check(&c, SIDE_A, 0, &two, c.term[SIDE_A].pwd, true);
	answered(&c, 0, &two);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &two, NULL);
}

/* With ICE nobody is the remote because it sends. */
static void no_latching(void **state)
{
	struct cmd_context_set c = ice_cmd(0);
	const struct sock_addr one = at("10.1.0.2", 7777);

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &one);
	world_drops(DROP_GATE_SOURCE, 1);
	media_no_evt();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, media_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(nominated),
		T(nominated_with_mux),
		T(strangers),
		cmocka_unit_test(answers_are_limited),
		T(chained),
		T(consent),
		T(consent_on_hold),
		T(consent_by_packets),
		T(consent_by_packets_after_a_restart),
		T(checks_are_no_media),
		T(denied),
		T(consent_at_once),
		cmocka_unit_test(consent_of_a_browser),
		T(nominated_before),
		T(restart),
		T(no_latching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
