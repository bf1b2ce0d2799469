/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What SRTP takes and refuses: replays and late packets (RFC 3711 3.3.2), roll-over counters that
 * must be guessed (3.3.1), MKIs, lifetimes (9.2), sources that come and go, malformed packets. No
 * index protects twice.
 */
#include "tests/world/unit.h"
#include "tests/world/srtp.h"

enum { A = 0x11111111, B = 0x22222222 };

static struct srtp *x;
static struct srtp_key *key, *other;
static struct srtp_stream out, in;

static void fresh(struct srtp_stream *s, struct srtp_key *k)
{
	srtp_stream_init(s, 0);
	assert_true(srtp_stream_add(s, k));
}

static int setup(void **state)
{
	struct srtp_master m = srtp_test_master(SRTP_AES_CM_128_80, 1);

	(void)state;
	key = srtp_test_key(x, &m);
	m = srtp_test_master(SRTP_AES_CM_128_80, 2);
	other = srtp_test_key(x, &m);
	fresh(&out, key);
	fresh(&in, key);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(key);
	free(other);
	return 0;
}

/* A protected packet, by its index. */
static struct srtp_test_packet packet_at(uint32_t ssrc, uint64_t index)
{
	struct srtp_test_packet p;
	struct srtp_stream s;

	fresh(&s, key);
	if (index >> 16)
		source_heard(source_add(&s, ssrc, 0), false, index - 1, 0);
	srtp_test_rtp(&p, ssrc, (uint16_t)index, 160);
	assert_int_equal(srtp_test_protect(x, &s, &p, false, 0), DROP_NONE);
	return p;
}

static enum drop take_at(uint32_t ssrc, uint64_t index, uint32_t now_s)
{
	struct srtp_test_packet p = packet_at(ssrc, index), q;
	enum drop why = srtp_test_unprotect(x, &in, &p, false, now_s);

	srtp_test_rtp(&q, ssrc, (uint16_t)index, 160);
	if (why != DROP_NONE)
		return why;
	assert_int_equal(p.len, q.len);
	assert_memory_equal(p.b, q.b, q.len);
	return why;
}

static void test_replay(void **state)
{
	(void)state;
	assert_int_equal(take_at(A, 1000, 1), DROP_NONE);
	assert_int_equal(take_at(A, 1000, 1), DROP_SRTP_REPLAY);
	assert_int_equal(take_at(A, 1200, 1), DROP_NONE);
	assert_int_equal(take_at(A, 1200 - SRTP_WINDOW + 1, 1), DROP_NONE);
	assert_int_equal(take_at(A, 1200 - SRTP_WINDOW + 1, 1), DROP_SRTP_REPLAY);
	assert_int_equal(take_at(A, 1200 - SRTP_WINDOW, 1), DROP_SRTP_OLD);
	assert_int_equal(take_at(A, 1000, 1), DROP_SRTP_OLD);
	assert_int_equal(take_at(B, 1000, 1), DROP_NONE); /* indexes of another source */
	assert_int_equal(take_at(A, 1201 + SRTP_WINDOW, 1), DROP_NONE);
	assert_int_equal(take_at(A, 1200, 1), DROP_SRTP_OLD);
}

static void test_replay_rtcp(void **state)
{
	struct srtp_test_packet p[SRTCP_WINDOW + 2], q;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(p); i++) {
		srtp_test_rtcp(&p[i], A, 8);
		assert_int_equal(srtp_test_protect(x, &out, &p[i], true, 1), DROP_NONE);
	}
	q = p[SRTCP_WINDOW];
	assert_int_equal(srtp_test_unprotect(x, &in, &q, true, 1), DROP_NONE);
	q = p[SRTCP_WINDOW];
	assert_int_equal(srtp_test_unprotect(x, &in, &q, true, 1), DROP_SRTP_REPLAY);
	assert_int_equal(srtp_test_unprotect(x, &in, &p[1], true, 1), DROP_NONE);
	assert_int_equal(srtp_test_unprotect(x, &in, &p[0], true, 1), DROP_SRTP_OLD);
	assert_int_equal(srtp_test_unprotect(x, &in, &p[SRTCP_WINDOW + 1], true, 1), DROP_NONE);
}

/* The second of a burst is judged by what the first left. */
static void test_replay_in_burst(void **state)
{
	struct srtp_test_packet t = packet_at(A, 7), u = t;
	struct srtp_packet p[2] = { { &in, t.b, t.len, t.len, false, DROP_BUG },
				    { &in, u.b, u.len, u.len, false, DROP_BUG } };

	(void)state;
	srtp_unprotect_burst(x, p, 2, 1);
	assert_int_equal(p[0].why, DROP_NONE);
	assert_int_equal(p[1].why, DROP_SRTP_REPLAY);
}

/* A sender that repeats itself, even with other payload, does not get key stream twice. */
static void test_no_index_twice(void **state)
{
	struct srtp_test_packet p;

	(void)state;
	srtp_test_rtp(&p, A, 500, 160);
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_NONE);
	srtp_test_rtp(&p, A, 500, 100);
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_SRTP_REPLAY);
	assert_int_equal(p.len, RTP_HDR + 100);
	srtp_test_rtp(&p, A, 501, 160);
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_NONE);
	srtp_test_rtp(&p, A, 501 - SRTP_WINDOW, 160);
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_SRTP_OLD);
}

/* Whatever is wrong with a packet, it is what it was and nothing is kept of it. */
static void test_wrong_tag(void **state)
{
	struct srtp_test_packet good = packet_at(A, 7), p, was;
	uint32_t bit;

	(void)state;
	for (bit = 0; bit < good.len * 8; bit++) {
		p = good;
		p.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		was = p;
		assert_int_not_equal(srtp_test_unprotect(x, &in, &p, false, 1), DROP_NONE);
		assert_memory_equal(p.b, was.b, was.len);
		assert_int_equal(p.len, was.len);
	}
	assert_null(source_find(&in, A));
	fresh(&in, other);
	assert_int_equal(srtp_test_unprotect(x, &in, &good, false, 1), DROP_SRTP_AUTH);
	fresh(&in, key);
	assert_int_equal(srtp_test_unprotect(x, &in, &good, false, 1), DROP_NONE);
}

/* ---- roll-over counters ---- */

static void test_roll_over(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 65000; i < 131000; i += 400)
		assert_int_equal(take_at(A, i, 1), DROP_NONE);
	/* Late, from before the roll-over. */
	assert_int_equal(take_at(A, 131071, 1), DROP_NONE);
	assert_int_equal(take_at(A, 131073, 1), DROP_NONE);
	assert_int_equal(take_at(A, 131070, 1), DROP_NONE);
	assert_int_equal(take_at(A, 131072, 1), DROP_NONE);
}

/* Both sides of a roll-over in the first burst of a source. */
static void test_roll_over_in_burst(void **state)
{
	struct srtp_test_packet t[4];
	struct srtp_packet p[4];
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		t[i] = packet_at(A, 65534 + (uint64_t)i);
		p[i] = (struct srtp_packet){ &in, t[i].b, t[i].len, t[i].len, false, DROP_BUG };
	}
	srtp_unprotect_burst(x, p, 4, 1);
	for (i = 0; i < 4; i++)
		assert_int_equal(p[i].why, DROP_NONE);
	assert_int_equal(source_find(&in, A)->top, 65537);
}

/* Its first packets were lost, and so the roll-over was. */
static void test_late_listener(void **state)
{
	(void)state;
	assert_int_equal(take_at(A, 65538, 1), DROP_NONE);
	assert_int_equal(take_at(A, 65539, 1), DROP_NONE);
}

/* More than 32768 packets were missed: found after a silence, and not by who floods. */
static void test_silence(void **state)
{
	const uint64_t first = 65536 + 100, missed = first + 40000, twice = missed + 70000;
	struct srtp_test_packet p;
	int i;

	(void)state;
	assert_int_equal(take_at(A, first, 1), DROP_NONE);
	assert_int_equal(take_at(A, missed, 2), DROP_SRTP_OLD); /* taken for one before the first */
	assert_int_equal(take_at(A, first, 2), DROP_SRTP_REPLAY);
	assert_int_equal(take_at(A, missed, 1 + SRTP_SILENT_S), DROP_NONE);
	assert_int_equal(take_at(A, missed + 1, 1 + SRTP_SILENT_S), DROP_NONE);
	/* A whole turn of numbers: only the tag shows it. */
	assert_int_equal(take_at(A, twice, 2 * SRTP_SILENT_S), DROP_SRTP_AUTH);
	for (i = 0; i < SRTP_TRIES; i++) {
		p = packet_at(A, twice);
		p.b[20] ^= 1;
		assert_int_equal(srtp_test_unprotect(x, &in, &p, false, 1 + 2 * SRTP_SILENT_S),
				 DROP_SRTP_AUTH);
	}
	assert_int_equal(take_at(A, twice, 1 + 2 * SRTP_SILENT_S), DROP_SRTP_AUTH);
	assert_int_equal(take_at(A, twice, 2 + 2 * SRTP_SILENT_S), DROP_NONE);
	assert_int_equal(take_at(A, twice + 1, 2 + 2 * SRTP_SILENT_S), DROP_NONE);
}

/* After another key was agreed the peer keeps its roll-over counter, or begins anew. */
static void test_new_key(void **state)
{
	struct srtp_stream next;
	struct srtp_test_packet p;

	(void)state;
	fresh(&out, other);
	source_heard(source_add(&out, A, 0), false, 3 * 65536 + 10, 0);
	source_heard(source_add(&out, B, 0), false, 2 * 65536 + 10, 0);
	fresh(&in, other);
	source_heard(source_add(&in, A, 0), false, 3 * 65536 + 10, 0);
	source_heard(source_add(&in, B, 0), false, 2 * 65536 + 10, 0);
	fresh(&next, key);
	srtp_stream_follow(&next, &in);
	in = next;
	assert_int_equal(take_at(A, 3 * 65536 + 11, 1), DROP_NONE);
	assert_int_equal(take_at(A, 3 * 65536 + 12, 1), DROP_NONE);
	assert_int_equal(take_at(B, 11, 1), DROP_NONE);
	assert_int_equal(take_at(B, 12, 1), DROP_NONE);
	assert_int_equal(take_at(B, 12, 1), DROP_SRTP_REPLAY);
	srtp_test_rtp(&p, A, 11, 160);
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_NONE);
	assert_int_not_equal(srtp_test_unprotect(x, &in, &p, false, 1), DROP_NONE);
}

/* ---- keys ---- */

static void test_mki(void **state)
{
	struct srtp_master m = srtp_test_master(SRTP_AES_CM_128_32, 1);
	struct srtp_key *k[3];
	struct srtp_test_packet p;
	int i;

	(void)state;
	m.mki_len = SRTP_MKI_MAX;
	for (i = 0; i < 3; i++) {
		m.key[0] = (uint8_t)i;
		m.mki = (uint64_t)i;
		k[i] = srtp_test_key(x, &m);
	}
	fresh(&in, k[0]);
	assert_true(srtp_stream_add(&in, k[1]));
	assert_false(srtp_stream_add(&in, key)); /* another suite, no MKI */
	fresh(&out, k[0]);
	assert_true(srtp_stream_add(&out, k[1]));
	assert_true(srtp_stream_add(&out, k[2]));
	for (i = 0; i < 3; i++) {
		out.sends = (uint8_t)i;
		srtp_test_rtp(&p, A, (uint16_t)(65534 + i), 160);
		assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_NONE);
		assert_int_equal(p.len, RTP_HDR + 160 + SRTP_MKI_MAX + 4);
		assert_int_equal(srtp_test_unprotect(x, &in, &p, false, 1),
				 i < 2 ? DROP_NONE : DROP_SRTP_MKI);
		srtp_test_rtcp(&p, A, 0);
		assert_int_equal(srtp_test_protect(x, &out, &p, true, 1), DROP_NONE);
		assert_int_equal(srtp_test_unprotect(x, &in, &p, true, 1),
				 i < 2 ? DROP_NONE : DROP_SRTP_MKI);
	}
	for (i = 0; i < 3; i++)
		free(k[i]);
}

static void test_lifetime(void **state)
{
	struct srtp_master m = srtp_test_master(SRTP_GCM_256, 1);
	struct srtp_key *k[2];
	struct srtp_test_packet p, q;
	uint16_t seq;

	(void)state;
	m.lifetime = 3;
	k[0] = srtp_test_key(x, &m);
	m.lifetime = 2;
	k[1] = srtp_test_key(x, &m);
	fresh(&out, k[0]);
	fresh(&in, k[1]);
	for (seq = 0; seq < 3; seq++) {
		srtp_test_rtp(&p, A, seq, 10);
		assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_NONE);
		assert_int_equal(srtp_test_unprotect(x, &in, &p, false, 1),
				 seq < 2 ? DROP_NONE : DROP_SRTP_LIFETIME);
	}
	srtp_test_rtp(&p, A, 3, 10);
	q = p;
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_SRTP_LIFETIME);
	assert_memory_equal(&p, &q, sizeof(p.len) + p.len);
	srtp_test_rtcp(&p, A, 0);
	assert_int_equal(srtp_test_protect(x, &out, &p, true, 1), DROP_NONE);
	/* The last indexes that there are. */
	fresh(&out, key);
	source_heard(source_add(&out, A, 1), false, RTP_INDEX_MAX, 1);
	source_find(&out, A)->rtcp_top = RTCP_INDEX_MAX;
	source_find(&out, A)->rtcp = true;
	srtp_test_rtp(&p, A, 0, 10);
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_SRTP_LIFETIME);
	srtp_test_rtcp(&p, A, 0);
	assert_int_equal(srtp_test_protect(x, &out, &p, true, 1), DROP_SRTP_LIFETIME);
	free(k[0]);
	free(k[1]);
}

static void test_wipe(void **state)
{
	static const uint8_t zero[sizeof(struct srtp_key) + SRTP_KEY_STATE + SRTP_KEY_STATE_CM];
	struct srtp_test_packet p;
	enum srtp_suite s;

	(void)state;
	for (s = 0; s < SRTP_SUITES; s++) {
		struct srtp_master m = srtp_test_master(s, 1);
		struct srtp_key *k = srtp_test_key(x, &m);

		assert_true(srtp_key_size(s) <= sizeof(zero));
		srtp_key_wipe(k);
		assert_memory_equal(k, zero, srtp_key_size(s));
		free(k);
	}
	srtp_stream_init(&in, 0);
	srtp_test_rtp(&p, A, 1, 10);
	assert_int_equal(srtp_test_protect(x, &in, &p, false, 1), DROP_SRTP_KEY);
	assert_int_equal(srtp_test_unprotect(x, &in, &p, false, 1), DROP_SRTP_KEY);
}

/* ---- sources ---- */

static enum drop protect_of(uint32_t ssrc, uint16_t seq, uint32_t now_s)
{
	struct srtp_test_packet p;

	srtp_test_rtp(&p, ssrc, seq, 10);
	return srtp_test_protect(x, &out, &p, false, now_s);
}

/*
 * As many at once as there is room for; one that is silent makes room, and never comes back under
 * the same key, neither to be replayed nor to use key stream twice.
 */
static void test_sources(void **state)
{
	uint32_t i, n = 0;

	(void)state;
	for (i = 1; i <= SRTP_SSRCS; i++) {
		assert_int_equal(take_at(i, 5, 100), DROP_NONE);
		assert_int_equal(protect_of(i, 5, 100), DROP_NONE);
	}
	assert_int_equal(take_at(77, 5, 101), DROP_SRTP_SSRC);
	assert_int_equal(protect_of(77, 5, 101), DROP_SRTP_SSRC);
	for (i = 2; i <= SRTP_SSRCS; i++) {
		assert_int_equal(take_at(i, 6, 101 + SRTP_SILENT_S), DROP_NONE);
		assert_int_equal(protect_of(i, 6, 101 + SRTP_SILENT_S), DROP_NONE);
	}
	assert_int_equal(take_at(77, 5, 101 + SRTP_SILENT_S), DROP_NONE);
	assert_int_equal(protect_of(77, 5, 101 + SRTP_SILENT_S), DROP_NONE);
	assert_int_equal(take_at(1, 5, 1000), DROP_SRTP_SSRC);
	assert_int_equal(protect_of(1, 5, 1000), DROP_SRTP_SSRC);
	for (i = 1000; i < 1000 + 4 * SRTP_FORGOTTEN; i++) {
		enum drop why = take_at(i, 5, 1000 * i);

		assert_int_equal(protect_of(i, 5, 1000 * i), why);
		assert_true(why == DROP_NONE || why == DROP_SRTP_SSRC);
		n += why == DROP_NONE;
	}
	assert_true(n >= SRTP_FORGOTTEN - 2 && n <= SRTP_FORGOTTEN);
	assert_int_equal(take_at(1, 6, 1000 * i), DROP_SRTP_SSRC);
}

/* ---- malformed ---- */

static void test_malformed(void **state)
{
	struct srtp_test_packet good = packet_at(A, 7), p;
	uint32_t len;

	(void)state;
	for (len = 0; len < good.len; len++) {
		p = good;
		p.len = len;
		assert_int_not_equal(srtp_test_unprotect(x, &in, &p, false, 1), DROP_NONE);
		p.len = len;
		assert_int_not_equal(srtp_test_unprotect(x, &in, &p, true, 1), DROP_NONE);
	}
	for (len = 0; len < RTP_HDR; len++) {
		srtp_test_rtp(&p, A, 1, 10);
		p.len = len;
		assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_SRTP_BAD);
	}
	srtp_test_rtp(&p, A, 1, 10);
	p.b[0] = 0x40; /* version 1 */
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_SRTP_BAD);
	p.b[0] = 0x83; /* three CSRCs, room for two and a half */
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_SRTP_BAD);
	p.b[0] = 0x90; /* an extension of 16,000 words */
	p.b[14] = 0x3e;
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_SRTP_BAD);
	srtp_test_rtcp(&p, A, 0);
	p.len = 7;
	assert_int_equal(srtp_test_protect(x, &out, &p, true, 1), DROP_SRTP_BAD);
	assert_null(source_find(&out, A));
}

/* The header of SRTP must not run into the tag, where the receiver would take it from. */
static void test_header_in_tag(void **state)
{
	struct srtp_test_packet p;

	(void)state;
	srtp_test_rtp(&p, A, 1, 2);
	p.b[0] = 0x81;
	p.len += 10;
	assert_int_equal(srtp_test_unprotect(x, &in, &p, false, 1), DROP_SRTP_BAD);
}

static void test_room(void **state)
{
	struct srtp_test_packet t;
	struct srtp_packet p = { &out, t.b, RTP_HDR + 10, RTP_HDR + 10 + 20 - 1, false, DROP_NONE };

	(void)state;
	srtp_test_rtp(&t, A, 1, 10);
	srtp_protect_burst(x, &p, 1, 1);
	assert_int_equal(p.why, DROP_SRTP_ROOM);
	p.room++;
	srtp_protect_burst(x, &p, 1, 1);
	assert_int_equal(p.why, DROP_NONE);
}

/* ---- what is clear, and what is empty ---- */

/* There and back by each suite: headers with all there is, payloads of each length. */
static void test_suites(void **state)
{
	struct srtp_test_packet p, q;
	enum srtp_suite s;
	uint32_t n;

	(void)state;
	for (s = 0; s < SRTP_SUITES; s++) {
		struct srtp_master m = srtp_test_master(s, 9);
		struct srtp_key *k = srtp_test_key(x, &m);

		fresh(&out, k);
		fresh(&in, k);
		for (n = 0; n < 200; n++) {
			srtp_test_rtp(&p, A, (uint16_t)n, 24 + n);
			p.b[0] = 0x92; /* two CSRCs, and an extension of three words */
			memcpy(p.b + 22, be16_make(3).b, 2);
			q = p;
			assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_NONE);
			assert_int_equal(p.len, q.len + srtp_suite_desc[s].rtp_tag);
			assert_memory_equal(p.b, q.b, RTP_HDR + 24);
			assert_int_equal(srtp_test_unprotect(x, &in, &p, false, 1), DROP_NONE);
			assert_int_equal(p.len, q.len);
			assert_memory_equal(p.b, q.b, q.len);
			srtp_test_rtcp(&p, A, n);
			p.len = 8 + n;
			q = p;
			assert_int_equal(srtp_test_protect(x, &out, &p, true, 1), DROP_NONE);
			assert_int_equal(p.len, q.len + 4u + srtp_suite_desc[s].rtcp_tag);
			assert_int_equal(srtp_test_unprotect(x, &in, &p, true, 1), DROP_NONE);
			assert_int_equal(p.len, q.len);
			assert_memory_equal(p.b, q.b, q.len);
		}
		free(k);
	}
}

static void test_clear(void **state)
{
	struct srtp_test_packet p, q;

	(void)state;
	out.flags = SRTP_CLEAR_RTP | SRTP_CLEAR_RTCP;
	in.flags = SRTP_CLEAR_RTP;
	srtp_test_rtp(&p, A, 1, 50);
	q = p;
	assert_int_equal(srtp_test_protect(x, &out, &p, false, 1), DROP_NONE);
	assert_memory_equal(p.b, q.b, q.len);
	assert_int_equal(srtp_test_unprotect(x, &in, &p, false, 1), DROP_NONE);
	assert_memory_equal(p.b, q.b, q.len);
	srtp_test_rtcp(&p, A, 9);
	q = p;
	assert_int_equal(srtp_test_protect(x, &out, &p, true, 1), DROP_NONE);
	assert_memory_equal(p.b, q.b, q.len);
	assert_int_equal(p.b[q.len], 0); /* E */
	assert_int_equal(srtp_test_unprotect(x, &in, &p, true, 1), DROP_NONE);
	assert_memory_equal(p.b, q.b, q.len);
}

static int start(void **state)
{
	(void)state;
	x = srtp_engine_create(NULL);
	return x ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	srtp_engine_free(x);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_replay),
		T(test_replay_rtcp),
		T(test_replay_in_burst),
		T(test_no_index_twice),
		T(test_wrong_tag),
		T(test_roll_over),
		T(test_roll_over_in_burst),
		T(test_late_listener),
		T(test_silence),
		T(test_new_key),
		T(test_mki),
		T(test_lifetime),
		T(test_wipe),
		T(test_sources),
		T(test_malformed),
		T(test_header_in_tag),
		T(test_room),
		T(test_suites),
		T(test_clear),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
