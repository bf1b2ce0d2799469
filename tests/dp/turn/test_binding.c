/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Binding requests are answered in the worker (R10, RFC 8489 6.3.1, 14.2): the reflexive address,
 * FINGERPRINT for who uses it, 420 for what must be understood and is not, a rate limit per source
 * prefix, and nothing of the request in the reply but its transaction.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
static struct sock_addr client[2], listener[2];
static struct frame f;

static int setup(void **state)
{
	client[0] = at("10.1.0.2", 5000);
	client[1] = at("fd00:1::2", 65535);
	listener[0] = at("10.1.0.1", 3478);
	listener[1] = at("fd00:1::1", 3478);
	return world_setup(state);
}

/* With n attributes of 24 bytes and a given type each. */
static size_t request(uint8_t *buf, size_t cap, uint16_t type, unsigned int n, bool fingerprint)
{
	static const uint8_t value[24];
	struct stun_builder b;

	stun_begin(&b, buf, cap, stun_type(STUN_BINDING, STUN_REQUEST), tid);
	while (n--)
		stun_put(&b, type, value, sizeof(value));
	if (fingerprint)
		stun_put_fingerprint(&b);
	return stun_end(&b);
}

static void expect_reply(int v6, bool fingerprint, int error, struct stun_msg *m)
{
	struct sock_addr a;
	struct udp_view v;

	expect_udp(ACCESS, &v);
	assert_true(v.csum_ok);
	assert_memory_equal(&v.src, &listener[v6], sizeof(v.src));
	assert_memory_equal(&v.dst, &client[v6], sizeof(v.dst));
	assert_int_equal(stun_parse(m, v.payload, v.len), STUN_OK);
	assert_int_equal(m->method, STUN_BINDING);
	assert_int_equal(m->cls, error ? STUN_ERROR : STUN_SUCCESS);
	assert_memory_equal(m->tid, tid, sizeof(tid));
	assert_int_equal(m->fingerprint.val != NULL, fingerprint);
	if (error) {
		assert_int_equal(stun_get_error(&m->error_code), error);
		assert_null(m->xor_mapped.val);
	} else {
		assert_true(stun_get_xor_addr(m, &m->xor_mapped, &a) != 0);
		assert_memory_equal(&a, &client[v6], sizeof(a));
	}
	world_no_out();
}

static void reflexive_address(void **state)
{
	struct stun_msg m;
	uint8_t buf[1400];
	unsigned int n;
	int v6, fp;

	(void)state;
	for (n = 0; n < 40; n += 13)
		for (v6 = 0; v6 < 2; v6++)
			for (fp = 0; fp < 2; fp++) {
				frame_udp(&f, ACCESS, &client[v6], &listener[v6], buf,
					  request(buf, sizeof(buf), STUN_ATTR_SOFTWARE, n, fp),
					  NULL);
				world_feed(ACCESS, &f);
				expect_reply(v6, fp, 0, &m);
				assert_null(m.software.val);
			}
	world_drops(DROP_NONE, 0);
	assert_int_equal(world_count(0, CNT_BINDING), 16);
}

static void unknown_attributes(void **state)
{
	struct stun_msg m;
	uint8_t buf[512];

	(void)state;
	frame_udp(&f, ACCESS, &client[0], &listener[0], buf,
		  request(buf, sizeof(buf), 0x7ffe, 2, true), NULL);
	world_feed(ACCESS, &f);
	expect_reply(0, true, 420, &m);
	assert_int_equal(m.unknown_attributes.len, 2);
	assert_memory_equal(m.unknown_attributes.val, "\x7f\xfe", 2);
	/* comprehension-optional ones are passed over */
	frame_udp(&f, ACCESS, &client[0], &listener[0], buf,
		  request(buf, sizeof(buf), 0xfffe, 2, true), NULL);
	world_feed(ACCESS, &f);
	expect_reply(0, true, 0, &m);
}

static void software(void **state)
{
	struct stun_msg m;
	uint8_t buf[512];

	(void)state;
	snprintf(world.conf.turn.software, sizeof(world.conf.turn.software), "Fairlead");
	frame_udp(&f, ACCESS, &client[1], &listener[1], buf, request(buf, sizeof(buf), 0, 0, true),
		  NULL);
	world_feed(ACCESS, &f);
	expect_reply(1, true, 0, &m);
	assert_int_equal(m.software.len, 8);
	assert_memory_equal(m.software.val, "Fairlead", 8);
}

/* RFC 8489 16.1.2, R4: whoever is named as the source gets no more than three times as many bytes.
 */
static void a_reply_is_short(void **state)
{
	uint8_t buf[64];
	int i;

	(void)state;
	memset(world.conf.turn.software, 'x', sizeof(world.conf.turn.software) - 1);
	for (i = 0; i < 4; i++) {
		size_t n = request(buf, sizeof(buf), 0, 0, i & 1);
		const uint8_t *p;
		const struct frame *o;

		frame_udp(&f, ACCESS, &client[i / 2], &listener[i / 2], buf, n, NULL);
		world_feed(ACCESS, &f);
		o = world_out(ACCESS);
		assert_non_null(o);
		p = o->b + frame_l4(o);
		assert_in_range((p[4] << 8 | p[5]) - 8, 32, 3 * n);
	}
	world_forget();
}

/* Bytes between the end of the UDP datagram and that of the IP packet are nobody's. */
static void bytes_behind_the_datagram(void **state)
{
	struct stun_msg m;
	uint8_t buf[64];
	size_t i;

	(void)state;
	frame_udp(&f, ACCESS, &client[0], &listener[0], buf, request(buf, sizeof(buf), 0, 0, true),
		  NULL);
	for (i = 0; i < 40; i++) {
		f.b[f.len++] = 0xee;
		f.b[17]++;
		frame_ip_csum(&f);
		world_feed(ACCESS, &f);
		expect_reply(0, true, 0, &m);
	}
}

static void keep_alives_end_here(void **state)
{
	uint8_t buf[64];
	struct stun_builder b;

	(void)state;
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_INDICATION), tid);
	frame_udp(&f, ACCESS, &client[0], &listener[0], buf, stun_end(&b), NULL);
	world_feed(ACCESS, &f);
	world_drops(DROP_NONE, 0);
	assert_int_equal(world_count(0, CNT_CONSUMED), 1);
	world_no_out();
}

static void rate_limit(void **state)
{
	struct sock_addr sibling = at("10.1.0.3", 9);
	struct stun_msg m;
	uint8_t buf[64];
	size_t n;
	int i;

	(void)state;
	world_stop();
	world_config();
	world.conf.dataplane.binding_rate = 5;
	world_start();
	n = request(buf, sizeof(buf), 0, 0, true);
	frame_udp(&f, ACCESS, &client[0], &listener[0], buf, n, NULL);
	world_clock_ms(WORLD_START_S * 1000ull + 5000);
	for (i = 0; i < 5; i++) {
		world_feed(ACCESS, &f);
		expect_reply(0, true, 0, &m);
	}
	world_feed(ACCESS, &f);
	frame_udp(&f, ACCESS, &sibling, &listener[0], buf, n, NULL); /* of the same /24 */
	world_feed(ACCESS, &f);
	world_drops(DROP_BINDING_RATE, 2);
	world_no_out();
	world_clock_ms(WORLD_START_S * 1000ull + 5200);
	frame_udp(&f, ACCESS, &client[0], &listener[0], buf, n, NULL);
	world_feed(ACCESS, &f);
	expect_reply(0, true, 0, &m);
	world_feed(ACCESS, &f);
	world_drops(DROP_BINDING_RATE, 3);
}

/* R4: who has a session has a rate of his own, whatever comes in his prefix's name. */
static void rate_of_a_session(void **state)
{
	struct sock_addr sibling = at("10.1.0.3", 9);
	uint8_t buf[64];
	size_t n;
	int i;

	(void)state;
	world_stop();
	world_config();
	world.conf.dataplane.binding_rate = 50;
	world_start();
	assert_true(session_add(0, 1, 1, &client[0], 0, RELAY_PORT, 0, 0));
	world_mark();
	n = request(buf, sizeof(buf), 0, 0, true);
	frame_udp(&f, ACCESS, &sibling, &listener[0], buf, n, NULL);
	for (i = 0; i < 100; i++)
		world_feed(ACCESS, &f);
	assert_int_equal(world_count(0, CNT_BINDING), 50);
	frame_udp(&f, ACCESS, &client[0], &listener[0], buf, n, NULL);
	for (i = 0; i < 10; i++)
		world_feed(ACCESS, &f);
	assert_int_equal(world_count(0, CNT_BINDING), 55);
	world_drops(DROP_BINDING_RATE, 55);
	world_forget();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(reflexive_address), T(unknown_attributes),	    T(software),
		T(a_reply_is_short),  T(bytes_behind_the_datagram), T(keep_alives_end_here),
		T(rate_limit),	      T(rate_of_a_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
