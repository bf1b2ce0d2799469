/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TURN client over DTLS on a real worker (R6, RFC 7350, RFC 8656 3.1): the way of its requests up
 * and of the answers down, ChannelData and indications both ways, and that an allocation goes with
 * its association, whoever ends that.
 */
#include "tests/world/dtls_world.h"
#include "lib/chandata.h"
#include "lib/stun.h"

enum { CHANNEL = 0x4001 };

static struct dtls_client c;
static struct sock_addr peer, relayed;
static struct ctl_leg leg;
static uint8_t data[600], msg[700];

static void say(const void *p, size_t n)
{
	assert_int_equal(SSL_write(c.ssl, p, (int)n), (int)n);
	dclient_send_all(&c);
}

/* What came, as one message of at most a buffer. */
static int heard(uint8_t *to, int max)
{
	dclient_take(&c);
	return SSL_read(c.ssl, to, max);
}

static size_t allocate(uint8_t *buf, size_t cap)
{
	static const uint8_t tid[STUN_TID_LEN] = "transaction";
	struct stun_builder b;

	stun_begin(&b, buf, cap, stun_type(STUN_ALLOCATE, STUN_REQUEST), tid);
	stun_put_u32(&b, STUN_ATTR_REQUESTED_TRANSPORT, 17u << 24);
	return stun_end(&b);
}

/* A client that has asked for an allocation, and got it. */
static int setup(void **state)
{
	struct cmd_session_set s = { .sid = { 1, 7 },
				     .relay = { { 0, be16_make(RELAY_PORT) },
						{ CTL_RELAY_NONE, { { 0 } } } } };
	struct cmd_send r = { .payload_len = 20,
			      .payload = { 1, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42 } };
	const struct evt_punt *e;
	uint8_t got[64];
	size_t n;

	dtls_setup(state);
	peer = at("10.2.0.2", 4000);
	relayed = at("10.2.0.1", RELAY_PORT);
	fill(data, sizeof(data), 3);
	dclient_open(&c, 7000);
	n = allocate(msg, sizeof(msg));
	say(msg, n);
	e = world_evt(0);
	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_PUNT);
	assert_memory_equal(&e->leg.client, &c.addr, sizeof(c.addr));
	assert_int_equal(e->leg.listener, TLS_LISTENER);
	assert_true(e->leg.conn & CTL_CONN_DTLS);
	assert_int_equal(e->payload_len, n);
	assert_memory_equal(e->payload, msg, n);
	leg = s.leg = r.leg = e->leg;
	s.expiry = world.w->now + 600;
	assert_true(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	assert_true(chan_add(0, 1, &peer, CHANNEL, world.w->now + 300));
	assert_true(world_cmd(0, CMD_SEND, &r, offsetof(struct cmd_send, payload) + 20));
	assert_int_equal(heard(got, sizeof(got)), 20);
	assert_memory_equal(got, r.payload, 20);
	assert_true(dclient_conn(&c)->trusted);
	world_mark();
	return 0;
}

static int teardown(void **state)
{
	dclient_free(&c);
	return dtls_teardown(state);
}

/* The allocation is gone, and the control process was told why. */
static void over(enum tcp_end why)
{
	const struct evt_conn_gone *e = world_evt(0);

	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_CONN_GONE);
	assert_int_equal(e->sid.slot, 1);
	assert_int_equal(e->sid.gen, 7);
	assert_int_equal(e->conn.idx, leg.conn);
	assert_int_equal(e->conn.gen, leg.conn_gen);
	assert_int_equal(e->role, CONN_CLIENT);
	assert_int_equal(e->why, why);
	assert_int_equal(world.w->session[1].gen, 0);
}

static void from_peer(const struct sock_addr *from, size_t len, enum frame_csum csum)
{
	struct frame f;

	frame_udp(&f, CORE, from, &relayed, data, len, &(struct frame_opt){ .csum = csum });
	world_feed(CORE, &f);
}

static void channel_both_ways(void **state)
{
	const size_t n = chandata(msg, CHANNEL, data, 41);
	struct udp_view v;
	uint8_t got[700];

	(void)state;
	say(msg, n);
	expect_udp_is(CORE, &relayed, &peer, data, 41, &v);
	from_peer(&peer, 37, CSUM_GOOD);
	assert_int_equal(heard(got, sizeof(got)), 44); /* padded, as it may be */
	assert_int_equal(get16(got), CHANNEL);
	assert_int_equal(get16(got + 2), 37);
	assert_memory_equal(got + 4, data, 37);
	from_peer(&peer, 600, CSUM_GOOD);
	assert_int_equal(heard(got, sizeof(got)), 604);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 1);
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 2);
	world_drops(DROP_NONE, 0);
}

static void indications(void **state)
{
	const struct sock_addr other = at("10.2.0.3", 5000);
	struct stun_builder b;
	struct stun_msg m;
	struct udp_view v;
	uint8_t got[700];
	int n;

	(void)state;
	assert_true(perm_add(0, 1, "10.2.0.3", world.w->now + 300));
	stun_begin(&b, msg, sizeof(msg), stun_type(STUN_SEND, STUN_INDICATION),
		   (const uint8_t *)"transaction");
	stun_put_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
	stun_put(&b, STUN_ATTR_DATA, data, 50);
	say(msg, stun_end(&b));
	expect_udp_is(CORE, &relayed, &peer, data, 50, &v);
	from_peer(&other, 30, CSUM_GOOD);
	n = heard(got, sizeof(got));
	assert_true(n > 0);
	assert_int_equal(stun_parse(&m, got, (size_t)n), STUN_OK);
	assert_int_equal(get16(got), stun_type(STUN_DATA, STUN_INDICATION));
	world_drops(DROP_NONE, 0);
}

/* What is enciphered anew cannot carry a wrong checksum on, so it is judged here. */
static void damaged_by_the_peer(void **state)
{
	(void)state;
	from_peer(&peer, 30, CSUM_BAD);
	world_drops(DROP_UDP_CSUM, 1);
	assert_int_equal(dclient_take(&c), 0);
}

static void without_permission(void **state)
{
	const struct sock_addr other = at("10.2.0.3", 5000);

	(void)state;
	from_peer(&other, 30, CSUM_GOOD);
	world_drops(DROP_NO_PERMISSION, 1);
}

/* In clear, by who knows the five-tuple: nothing of it is relayed. */
static void in_clear(void **state)
{
	const size_t n = chandata(msg, CHANNEL, data, 41);

	(void)state;
	dclient_raw(&c, msg, n);
	world_drops(DROP_DTLS_BAD, 1);
	assert_null(world_out(CORE));
}

static void nobody_is_behind_it(void **state)
{
	static struct dtls_client other;
	const size_t n = chandata(msg, CHANNEL, data, 41);

	(void)state;
	dclient_open(&other, 7001);
	assert_int_equal(SSL_write(other.ssl, msg, (int)n), (int)n);
	world_mark();
	dclient_send_all(&other);
	world_drops(DROP_NO_SESSION, 1);
	dclient_free(&other);
}

static void it_closes(void **state)
{
	(void)state;
	SSL_shutdown(c.ssl);
	dclient_send_all(&c);
	over(TCP_END_DONE);
	from_peer(&peer, 30, CSUM_GOOD);
	world_drops(DROP_RELAY_PORT, 1);
}

static void it_begins_anew(void **state)
{
	static struct dtls_client other;

	(void)state;
	dclient_open(&other, 7000);
	over(TCP_END_DTLS_AGAIN);
	dclient_free(&other);
}

static void it_is_killed(void **state)
{
	struct cmd_conn_close k = { .conn = { leg.conn, leg.conn_gen }, .killed = 1 };

	(void)state;
	assert_true(world_cmd(0, CMD_CONN_CLOSE, &k, sizeof(k)));
	over(TCP_END_KILLED);
	assert_int_equal(dclient_take(&c), 1);
}

/* Its allocation ends, and it goes on as a stranger. */
static void session_ends(void **state)
{
	struct cmd_session_del d = { .sid = { 1, 7 } };

	(void)state;
	assert_true(world_cmd(0, CMD_SESSION_DEL, &d, sizeof(d)));
	assert_null(world_evt(0));
	assert_false(dclient_conn(&c)->trusted);
	dclient_ask(&c);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(channel_both_ways),  T(indications),	  T(damaged_by_the_peer),
		T(without_permission), T(in_clear),	  T(nobody_is_behind_it),
		T(it_closes),	       T(it_begins_anew), T(it_is_killed),
		T(session_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
