/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RTCP read: SR, RR, SDES and BYE of a compound (RFC 3550 6.4, A.2), extended reports (RFC 3611
 * 4.4, 4.5, 4.7), packets alone (RFC 5506); each way of being none, each cut.
 */
#include "tests/world/unit.h"
#include "lib/rtcp.h"

#include <stdlib.h>
#include <string.h>

/* SR with a block about 0x01020304, SDES with a CNAME, XR with RRTR, DLRR and VoIP metrics, BYE. */
static const uint8_t compound[] = {
	0x81, 200,  0,	 12,   0xaa, 0xbb, 0xcc, 0xdd, 0xe1, 0x02, 0x03, 0x04, 0x80, 0,	   0,
	0,    0,    0,	 0x10, 0,    0,	   0,	 0,    100,  0,	   0,	 0x3e, 0x80, 1,	   2,
	3,    4,    64,	 0xff, 0xff, 0xfe, 0,	 1,    0x86, 0xa0, 0,	 0,    0,    160,  0x03,
	0x04, 0x80, 0,	 0,    1,    0,	   0,	 0x81, 202,  0,	   3,	 0xaa, 0xbb, 0xcc, 0xdd,
	1,    2,    'm', 'e',  0,    0,	   0,	 0,    0x80, 207,  0,	 17,   0xaa, 0xbb, 0xcc,
	0xdd, 4,    0,	 0,    2,    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 5,	   0,
	0,    3,    1,	 2,    3,    4,	   0x33, 0x44, 0x55, 0x66, 0,	 0,    0x80, 0,	   7,
	0,    0,    8,	 1,    2,    3,	   4,	 13,   3,    0,	   0,	 0,    0,    0,	   0,
	0,    90,   0,	 40,   0,    0,	   0,	 16,   80,   127,  41,	 38,   0,    0,	   0,
	0,    0,    0,	 0,    0,    0x81, 203,	 0,    1,    0xaa, 0xbb, 0xcc, 0xdd,
};

static void all_of_it(void **state)
{
	struct rtcp r;

	(void)state;
	assert_true(rtcp_parse(compound, sizeof(compound), &r));
	assert_int_equal(r.ssrc, 0xaabbccdd);
	assert_true(r.sr && r.bye && r.rrtr && r.voip);
	assert_int_equal(rtcp_middle(r.ntp), 0x03048000);
	assert_int_equal(r.n_block, 1);
	assert_int_equal(r.block[0].ssrc, 0x01020304);
	assert_int_equal(r.block[0].fraction, 64);
	assert_int_equal(r.block[0].lost, -2);
	assert_int_equal(r.block[0].highest, 100000);
	assert_int_equal(r.block[0].jitter, 160);
	assert_int_equal(r.block[0].lsr, 0x03048000);
	assert_int_equal(r.block[0].dlsr, 65536);
	assert_int_equal(rtcp_middle(r.rrtr_ntp), 0x33445566);
	assert_int_equal(r.n_dlrr, 1);
	assert_int_equal(r.dlrr[0].lrr, 0x33445566);
	assert_int_equal(r.dlrr[0].dlrr, 32768);
	assert_int_equal(r.voip_metrics.ssrc, 0x01020304);
	assert_int_equal(r.voip_metrics.loss, 13);
	assert_int_equal(r.voip_metrics.rtt_ms, 90);
	assert_int_equal(r.voip_metrics.r, 80);
	assert_int_equal(r.voip_metrics.mos_lq, 41);
	assert_int_equal(r.voip_metrics.mos_cq, 38);
}

/* Whole packets are good wherever the compound ends; anything else is not, and no byte behind is
 * read. */
static void cut(void **state)
{
	static const size_t whole[] = { 52, 68, 140, sizeof(compound) };
	uint32_t good = 0;
	struct rtcp r;

	(void)state;
	for (size_t n = 0; n <= sizeof(compound); n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, compound, n);
		if (rtcp_parse(exact, n, &r))
			assert_int_equal(n, whole[good++]);
		free(exact);
	}
	assert_int_equal(good, 4);
}

static bool changed(size_t at, uint8_t byte)
{
	uint8_t copy[sizeof(compound)];
	struct rtcp r;

	memcpy(copy, compound, sizeof(copy));
	copy[at] = byte;
	return rtcp_parse(copy, sizeof(copy), &r);
}

static void none(void **state)
{
	(void)state;
	assert_true(changed(0, 0x81));
	assert_false(changed(0, 0x41));	     /* version 1 */
	assert_false(changed(0, 0x82));	     /* a second block, that there is not */
	assert_false(changed(1, 100));	     /* RTP */
	assert_false(changed(53, 224));	     /* no RTCP's type */
	assert_false(changed(3, 11));	     /* too short for what it has */
	assert_false(changed(0, 0xa1));	     /* padding that is not in the last */
	assert_false(changed(68 + 11, 200)); /* a block of an extended report that does not end */
}

static void padded(void **state)
{
	uint8_t rr[] = { 0xa0, 201, 0, 2, 1, 1, 1, 1, 0, 0, 0, 4 };
	struct rtcp r;

	(void)state;
	assert_true(rtcp_parse(rr, sizeof(rr), &r));
	rr[11] = 0;
	assert_false(rtcp_parse(rr, sizeof(rr), &r));
	rr[11] = 12;
	assert_false(rtcp_parse(rr, sizeof(rr), &r));
	rr[11] = 3;
	assert_false(rtcp_parse(rr, sizeof(rr), &r));
}

/* Only the first few blocks are kept, and only so many packets read. */
static void bounded(void **state)
{
	uint8_t many[4 + 4 + 31 * 24] = { 0x80 | 31, 201, 0, 1 + 31 * 6 };
	uint8_t packets[4 * (RTCP_PACKETS_MAX + 1)];
	struct rtcp r;

	(void)state;
	assert_true(rtcp_parse(many, sizeof(many), &r));
	assert_int_equal(r.n_block, RTCP_BLOCKS_MAX);
	for (size_t i = 0; i < sizeof(packets); i += 4)
		memcpy(packets + i, (const uint8_t[]){ 0x80, 203, 0, 0 }, 4);
	assert_true(rtcp_parse(packets, sizeof(packets) - 4, &r));
	assert_false(rtcp_parse(packets, sizeof(packets), &r));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(all_of_it), cmocka_unit_test(cut),	cmocka_unit_test(none),
		cmocka_unit_test(padded),    cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
