/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How RTP is measured as it comes: loss, reordering and bursts against a count of all numbers that
 * were sent, jitter against RFC 3550 A.8; sources that change, that wrap, that leap; events and
 * codecs (RFC 4733, RFC 3551); what RTCP tells, and the round trip between (RFC 3550 6.4.1, R28).
 */
#include "tests/world/unit.h"
#include "dp/gateway/quality.h"
#include "lib/rtcp.h"

#include <stdlib.h>

static const struct ctl_format none[CTL_FORMATS_MAX];

/* A flow as its line and its side have it. */
struct flow {
	struct media_quality q;
	uint64_t word, came;
	const struct ctl_format *format;
};

static struct flow flow_new(void)
{
	return (struct flow){ .format = none };
}

static void take_bytes(struct flow *f, const uint8_t *msg, uint32_t len, uint64_t us)
{
	const struct quality_packet p = {
		.msg = msg, .len = len, .now_us = us, .format = { f->format, none }
	};
	const uint32_t measure = f->q.known ? f->q.measure : MEASURE_RTP;

	if (!quality_next(&f->word, measure, us, msg, len)) {
		quality_passed(&f->q, f->came);
		f->came = 0;
		quality_event(&f->q, &f->word, &p);
	}
	f->came++;
}

static void take(struct flow *f, uint32_t ssrc, uint8_t type, uint16_t number, uint32_t stamp,
		 uint64_t us)
{
	uint8_t msg[12] = { 0x80, type, (uint8_t)(number >> 8), (uint8_t)number };

	memcpy(msg + 4, be32_make(stamp).b, 4);
	memcpy(msg + 8, be32_make(ssrc).b, 4);
	take_bytes(f, msg, sizeof(msg), us);
}

static struct ctl_quality tell(struct flow *f)
{
	static const struct media_quality other;
	struct ctl_quality t;

	quality_passed(&f->q, f->came);
	f->came = 0;
	quality_look(&f->q, f->word);
	quality_tell(&f->q, &other, f->word, &t);
	return t;
}

/* PCMA each 20 ms. */
static void voice(struct flow *f, uint32_t ssrc, uint32_t i)
{
	take(f, ssrc, 8, (uint16_t)(65000 + i), 5000 + 160 * i, 1000000 + 20000 * (uint64_t)i);
}

static void each_twentieth(void **state)
{
	struct flow f = flow_new();
	struct ctl_quality t;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++)
		if (i % 20 != 19)
			voice(&f, 7, i);
	voice(&f, 7, 10000);
	t = tell(&f);
	assert_int_equal(t.ssrc, 7);
	assert_int_equal(t.codec, CODEC_PCMA);
	assert_int_equal(t.sources, 1);
	assert_int_equal(t.lost, 500);
	assert_int_equal(t.received, 9501);
	assert_int_equal(t.reordered + t.duplicates + t.bursts + t.burst_lost, 0);
	assert_int_equal(t.jitter_us, 0);
}

/* Three in a row, then two 10 apart, then one alone: two bursts by Gmin 16. */
static void bursts(void **state)
{
	static const uint32_t gone[] = { 100, 101, 102, 300, 310, 500 };
	struct flow f = flow_new();
	struct ctl_quality t;
	uint32_t k = 0;

	(void)state;
	for (uint32_t i = 0; i < 700; i++) {
		if (k < 6 && gone[k] == i)
			k++;
		else
			voice(&f, 7, i);
	}
	t = tell(&f);
	assert_int_equal(t.lost, 6);
	assert_int_equal(t.bursts, 2);
	assert_int_equal(t.burst_lost, 5);
	assert_int_equal(f.q.runs, 4);
}

/* What is late is not lost; what comes twice is neither. */
static void out_of_order(void **state)
{
	struct flow f = flow_new();
	struct ctl_quality t;

	(void)state;
	for (uint32_t i = 0; i < 3000; i += 3) {
		voice(&f, 7, i);
		voice(&f, 7, i + 2);
		voice(&f, 7, i + 1);
		voice(&f, 7, i + 2);
	}
	t = tell(&f);
	assert_int_equal(t.lost, 0);
	assert_int_equal(t.received, 3000);
	assert_int_equal(t.reordered, 1000);
	assert_int_equal(t.duplicates, 1000);
	assert_int_equal(t.bursts, 0);
}

/* Numbers lost, shuffled within the window and repeated at random: each is counted once. */
static void at_random(void **state)
{
	enum { N = 20000, NEAR = 20 };
	static bool came[N];
	static uint32_t order[N];

	(void)state;
	srand(11);
	for (int round = 0; round < 20; round++) {
		struct flow f = flow_new();
		uint32_t received = 0, repeated = 0, top = 0;
		struct ctl_quality t;

		memset(came, 0, sizeof(came));
		for (uint32_t i = 0; i < N; i++)
			order[i] = i;
		for (uint32_t i = 100; i + NEAR < N; i++)
			if (rand() % 4 == 0) {
				const uint32_t k = i + (uint32_t)rand() % NEAR, x = order[i];

				if (order[k] == k && order[i] == i) {
					order[i] = order[k];
					order[k] = x;
				}
			}
		for (uint32_t i = 0; i < N; i++) {
			if (i > 100 && rand() % (2 + 5 * round) == 0)
				continue;
			voice(&f, 7, order[i]);
			received += !came[order[i]];
			came[order[i]] = true;
			top = order[i] > top ? order[i] : top;
			if (rand() % 50 == 0) {
				voice(&f, 7, order[i]);
				repeated++;
			}
			if (rand() % 1000 == 0)
				tell(&f);
		}
		t = tell(&f);
		assert_int_equal(t.received, received);
		assert_int_equal(t.lost, top + 1 - received);
		assert_int_equal(t.duplicates, repeated);
	}
}

/* RFC 3550 A.8 in its own words. */
static void jitter(void **state)
{
	struct flow f = flow_new();
	uint32_t j = 0, last = 0;

	(void)state;
	srand(5);
	for (uint32_t i = 0; i < 5000; i++) {
		const uint64_t us = 1000000 + 20000 * (uint64_t)i + (uint64_t)(rand() % 30000);
		const uint32_t transit = (uint32_t)(us * 8 / 1000) - (5000 + 160 * i);
		const int32_t d = (int32_t)(transit - last);

		last = transit;
		if (i)
			j += (uint32_t)abs(d) - ((j + 8) >> 4);
		take(&f, 7, 8, (uint16_t)i, 5000 + 160 * i, us);
		/* Units of a clock are cut: a thousandth more or less. */
		assert_in_range(f.word >> JITTER_AT, j > 40 ? j - 40 : 0, j + 40);
	}
	assert_in_range(tell(&f).jitter_us, 5000, 20000);
	assert_true(tell(&f).jitter_max_us >= tell(&f).jitter_us);
}

static void sources(void **state)
{
	struct flow f = flow_new();
	struct ctl_quality t;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		voice(&f, 1, i);
	/* Another in between is not measured, and takes nothing. */
	for (uint32_t i = 100; i < 200; i++) {
		voice(&f, 1, i);
		take(&f, 2, 96, (uint16_t)(9 * i), i, 0);
	}
	t = tell(&f);
	assert_int_equal(t.ssrc, 1);
	assert_int_equal(t.received, 200);
	assert_int_equal(t.lost, 0);
	/* Alone it takes its place. */
	for (uint32_t i = 0; i < 107; i++)
		take(&f, 3, 8, (uint16_t)(40000 + i), 160 * i, 10000000 + 20000 * (uint64_t)i);
	t = tell(&f);
	assert_int_equal(t.ssrc, 3);
	assert_int_equal(t.sources, 2);
	assert_int_equal(t.received, 300);
	assert_int_equal(t.lost, 0);
	assert_int_equal(t.jitter_us, 0);
}

/* A sender that begins its numbers anew has lost nothing (RFC 3550 A.1); one stray packet is none.
 */
static void leaps(void **state)
{
	struct flow f = flow_new();
	struct ctl_quality t;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		voice(&f, 1, i);
	take(&f, 1, 8, 20000, 0, 0);
	for (uint32_t i = 100; i < 200; i++)
		voice(&f, 1, i);
	assert_int_equal(tell(&f).received, 200);
	for (uint32_t i = 10000; i < 10100; i++)
		voice(&f, 1, i);
	t = tell(&f);
	assert_int_equal(t.lost, 0);
	assert_int_equal(t.received, 299);
	assert_int_equal(t.sources, 1);
}

/* Digits have a type of their own and one timestamp each: they are no jitter. */
static void types(void **state)
{
	static const struct ctl_format format[CTL_FORMATS_MAX] = { { 101, CODEC_EVENT },
								   { 111, CODEC_OPUS } };
	struct flow f = flow_new();
	struct ctl_quality t;
	uint32_t i;

	(void)state;
	f.format = format;
	for (i = 0; i < 100; i++)
		voice(&f, 1, i);
	for (; i < 120; i++)
		take(&f, 1, 101, (uint16_t)(65000 + i), 5000 + 160 * 100,
		     1000000 + 20000 * (uint64_t)i);
	for (; i < 200; i++)
		voice(&f, 1, i);
	t = tell(&f);
	assert_int_equal(t.received, 200);
	assert_int_equal(t.lost, 0);
	assert_int_equal(t.type, 8);
	assert_int_equal(t.jitter_us, 0);
	/* Another codec is. */
	for (; i < 300; i++)
		take(&f, 1, 111, (uint16_t)(65000 + i), 960 * i, 1000000 + 20000 * (uint64_t)i);
	t = tell(&f);
	assert_int_equal(t.codec, CODEC_OPUS);
	assert_int_equal(t.received, 300);
	assert_in_range(t.jitter_us, 0, 20); /* 48000 Hz in microseconds does not come out even */
}

/* An answer comes behind the first packets: from then on the clock is known. */
static void formats_late(void **state)
{
	static const struct ctl_format format[CTL_FORMATS_MAX] = { { 111, CODEC_OPUS } };
	struct flow f = flow_new();
	uint32_t i;

	(void)state;
	for (i = 0; i < 200; i++) {
		take(&f, 1, 111, (uint16_t)i, 960 * i, 1000000 + 20000 * (uint64_t)i);
		if (i != 100)
			continue;
		assert_int_equal(tell(&f).codec, CODEC_NONE);
		assert_int_equal(tell(&f).jitter_us, 0);
		f.format = format;
		quality_formats(&f.q, &f.word, (const struct ctl_format *[]){ format, none });
	}
	assert_int_equal(tell(&f).codec, CODEC_OPUS);
	assert_int_equal(tell(&f).received, 200);
	assert_int_equal(tell(&f).lost, 0);
	assert_in_range(tell(&f).jitter_us, 0, 20);
}

/* STUN, DTLS, ZRTP and what is too short are no source's. */
static void no_rtp(void **state)
{
	static const uint8_t first[] = { 0, 16, 22, 64, 192 };
	struct flow f = flow_new();
	uint8_t msg[12] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		voice(&f, 1, i);
		msg[0] = first[i % 5];
		take_bytes(&f, msg, sizeof(msg), 0);
		take_bytes(&f, (const uint8_t[]){ 0x80, 8, 0, 0 }, 4, 0);
	}
	assert_int_equal(tell(&f).received, 100);
	assert_int_equal(tell(&f).lost, 0);
	quality_stop(&f.q, &f.word);
	take_bytes(&f, msg, sizeof(msg), 0);
	assert_int_equal(tell(&f).received, 100);
}

/* ---- RTCP ---- */

static void report(struct media_quality *q, const struct media_quality *of, uint32_t ssrc,
		   uint8_t fraction, uint32_t lsr, uint32_t dlsr, uint64_t us)
{
	uint8_t m[32] = { 0x81, RTCP_RR, 0, 7, 0, 0, 0, 9 };

	memcpy(m + 8, be32_make(ssrc).b, 4);
	m[12] = fraction;
	m[15] = 12;
	m[23] = 80;
	memcpy(m + 24, be32_make(lsr).b, 4);
	memcpy(m + 28, be32_make(dlsr).b, 4);
	quality_rtcp(q, of, m, sizeof(m), us);
}

static void send_sr(struct media_quality *q, const struct media_quality *of, uint32_t middle,
		    uint64_t us)
{
	uint8_t m[28] = { 0x80, RTCP_SR, 0, 6, 0, 0, 0, 7 };

	memcpy(m + 10, be32_make(middle).b, 4);
	quality_rtcp(q, of, m, sizeof(m), us);
}

/* A's leg is 40 ms there and back, B's 100: each is told by its side, both together to who hears.
 */
static void round_trip(void **state)
{
	struct flow a = flow_new(), b = flow_new();
	struct ctl_heard h;

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		voice(&a, 1, i);
		if (i % 10)
			voice(&b, 2, i);
	}
	tell(&a);
	tell(&b);
	assert_false(quality_heard(&a.q, &b.q, b.word, 100, false, &h)); /* begins */
	send_sr(&b.q, &a.q, 0x11110000, 5000000);
	send_sr(&b.q, &a.q, 0x22220000, 5500000);
	/* Of the one before the last, held for half a second. */
	report(&a.q, &b.q, 2, 51, 0x11110000, 32768, 5540000);
	assert_int_equal(a.q.leg_us, 40000);
	assert_int_equal(a.q.told_lost, 12);
	send_sr(&a.q, &b.q, 0x33330000, 6000000);
	report(&b.q, &a.q, 1, 0, 0x33330000, 65536, 7100000);
	assert_int_equal(b.q.leg_us, 100000);
	/* About nobody that is here: no loss of his, and nothing that never passed. */
	report(&a.q, &b.q, 77, 255, 0x44440000, 0, 8000000);
	assert_int_equal(a.q.told_fraction, 51);
	for (uint32_t i = 500; i < 600; i++)
		voice(&b, 2, i);
	tell(&b);
	assert_false(quality_heard(&a.q, &b.q, b.word, 104, false, &h));
	assert_true(quality_heard(&a.q, &b.q, b.word, 105, false, &h));
	assert_int_equal(h.rtt_us, 140000);
	assert_int_equal(h.leg_us, 40000);
	assert_int_equal(h.loss, 1992); /* his 51 of 256: worse than what came here */
	assert_in_range(h.jitter_us, 10000, 10000);
	assert_in_range(h.mos, 100, 350);
	assert_false(quality_heard(&a.q, &b.q, b.word, 106, true, &h));
}

/* An extended report (RFC 3611): a header, its sender, a block. Words: of the block behind its
 * head. */
static void extended(struct media_quality *q, const struct media_quality *of, uint8_t block,
		     const uint32_t *words, uint8_t n, uint64_t us)
{
	uint8_t m[44] = { 0x80, RTCP_XR, 0, (uint8_t)(2 + n), 0, 0, 0, 9, block, 0, 0, n };

	for (uint8_t i = 0; i < n; i++)
		memcpy(m + 12 + 4 * i, be32_make(words[i]).b, 4);
	quality_rtcp(q, of, m, 12 + 4 * (size_t)n, us);
}

/* Who sends nothing is told his leg by RRTR and DLRR (4.4, 4.5), and a MOS by VoIP metrics (4.7).
 */
static void extended_reports(void **state)
{
	enum { RRTR = 4, DLRR = 5, VOIP = 7, MOS_AT = 5 };
	struct flow a = flow_new(), b = flow_new();
	uint32_t voip[8] = { 2 };
	struct ctl_quality t;

	(void)state;
	for (uint32_t i = 0; i < 20; i++)
		voice(&b, 2, i);
	extended(&a.q, &b.q, RRTR, (const uint32_t[]){ 0x00005555, 0x66660000 }, 2, 1000000);
	/* Held for half a second, of 560 ms; another's is nothing to us. */
	extended(&b.q, &a.q, DLRR, (const uint32_t[]){ 9, 0x77777777, 32768 }, 3, 1530000);
	assert_int_equal(b.q.leg_us, 0);
	extended(&b.q, &a.q, DLRR, (const uint32_t[]){ 9, 0x55556666, 32768 }, 3, 1560000);
	assert_int_equal(b.q.leg_us, 60000);
	voip[MOS_AT] = 70u << 24 | 127u << 16 | 41u << 8 | 39u;
	extended(&a.q, &b.q, VOIP, voip, 8, 2000000);
	quality_tell(&a.q, &b.q, a.word, &t);
	assert_int_equal(t.told_mos_lq, 41);
	assert_int_equal(t.told_mos_cq, 39);
	/* Of nobody that is here, or not known (127). */
	voip[0] = 77;
	voip[MOS_AT] = 70u << 24 | 127u << 16 | 10u << 8 | 10u;
	extended(&a.q, &b.q, VOIP, voip, 8, 2100000);
	assert_int_equal(a.q.told_mos_lq, 41);
	voip[0] = 2;
	voip[MOS_AT] = 127u << 24 | 127u << 16 | 127u << 8 | 35u;
	extended(&a.q, &b.q, VOIP, voip, 8, 2200000);
	assert_int_equal(a.q.told_mos_lq, 0);
	assert_int_equal(a.q.told_mos_cq, 35);
}

/* What is garbled, or SRTCP, tells nothing. */
static void garbled(void **state)
{
	struct flow a = flow_new(), b = flow_new();
	uint8_t m[46] = { 0x81, RTCP_RR, 0, 7, 0, 0, 0, 9, 0, 0, 0, 2, 255 };

	(void)state;
	voice(&b, 2, 1);
	m[32] = 0x80;
	quality_rtcp(&a.q, &b.q, m, sizeof(m), 0);
	quality_rtcp(&a.q, &b.q, m, 31, 0);
	assert_int_equal(a.q.reports, 0);
	quality_rtcp(&a.q, &b.q, m, 32, 0);
	assert_int_equal(a.q.reports, 1);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(each_twentieth),
		cmocka_unit_test(bursts),
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(at_random),
		cmocka_unit_test(jitter),
		cmocka_unit_test(sources),
		cmocka_unit_test(leaps),
		cmocka_unit_test(types),
		cmocka_unit_test(formats_late),
		cmocka_unit_test(no_rtp),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(garbled),
		cmocka_unit_test(extended_reports),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
