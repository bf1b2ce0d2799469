/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs of filters (lib/bpf.h): what libpcap compiles of an expression takes the frames that it
 * names and no others; whatever is valid here is so for libpcap, and gives what its filter
 * gives, on frames of all lengths; what could leave the program, its memory or the frame is not
 * valid, or is a return of 0.
 */
#include "tests/world/unit.h"

#include "lib/bpf.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct bpf_step) == sizeof(struct bpf_insn), "the same layout");

/* Ethernet, IPv4 10.1.0.2:5000 > 10.1.0.1:3478, UDP, "hello". */
static const uint8_t udp[] = { 2,    0,	   0,	 0,  0, 1,  2,	 0,   0,   0,	0,    2,
			       8,    0,	   0x45, 0,  0, 33, 0,	 1,   0,   0,	64,   17,
			       0,    0,	   10,	 1,  0, 2,  10,	 1,   0,   1,	0x13, 0x88,
			       0x0d, 0x96, 0,	 13, 0, 0,  'h', 'e', 'l', 'l', 'o' };

/* What libpcap makes of a frame. */
static uint32_t libpcap_run(const struct bpf_program *p, const uint8_t *frame, uint32_t len,
			    uint32_t have)
{
	const struct pcap_pkthdr h = { .caplen = have, .len = len };

	return (uint32_t)pcap_offline_filter(p, &h, frame);
}

static bool takes(const char *expression, const uint8_t *frame, uint32_t len, uint32_t have)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 65535);
	struct bpf_program program;
	bool taken;

	if (pcap_compile(p, &program, expression, 1, PCAP_NETMASK_UNKNOWN) != 0)
		fail_msg("%s: %s", expression, pcap_geterr(p));
	assert_true(bpf_valid((const struct bpf_step *)program.bf_insns, program.bf_len));
	taken = bpf_run((const struct bpf_step *)program.bf_insns, frame, len, have) != 0;
	assert_int_equal(taken, libpcap_run(&program, frame, len, have) != 0);
	pcap_freecode(&program);
	pcap_close(p);
	return taken;
}

static void expressions(void **state)
{
	(void)state;
	assert_true(takes("udp port 3478", udp, sizeof(udp), sizeof(udp)));
	assert_true(
	    takes("host 10.1.0.2 and udp[8:4] = 0x68656c6c", udp, sizeof(udp), sizeof(udp)));
	assert_true(takes("", udp, sizeof(udp), sizeof(udp)));
	assert_true(
	    takes("greater 40 and not tcp and (ip[8] & 0xf0) = 64", udp, sizeof(udp), sizeof(udp)));
	assert_true(takes("net 10.1.0.0/16", udp, 1500, sizeof(udp)));
	assert_false(takes("udp port 3479", udp, sizeof(udp), sizeof(udp)));
	assert_false(takes("ip6 or arp or vlan", udp, sizeof(udp), sizeof(udp)));
	assert_false(takes("udp port 3478", udp, sizeof(udp), 20)); /* it is cut before its ports */
	assert_false(takes("udp port 3478", NULL, 60, 0));
}

static uint64_t seed = 1;

static uint32_t draw(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(seed >> 33) % n;
}

/* Mostly valid, with all kinds of steps; libpcap's memory has to be set before it is read. */
static void program_draw(struct bpf_step *p, uint32_t n)
{
	static const uint16_t code[] = {
		0x00, 0x01, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x61, 0x80, 0x81,
		0xb1, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44,
		0x4c, 0x54, 0x5c, 0x6c, 0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0x05, 0x15,
		0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87,
	};

	for (uint32_t i = 0; i < 16; i++)
		p[i] = (struct bpf_step){ 0x02, 0, 0, i };
	for (uint32_t i = 16; i < n; i++)
		p[i] = (struct bpf_step){ code[draw(sizeof(code) / sizeof(code[0]))],
					  (uint8_t)draw(3), (uint8_t)draw(3), draw(20) };
	p[n - 1].code = draw(2) ? 0x06 : 0x16;
}

static void as_libpcap(void **state)
{
	struct bpf_step p[32];
	uint8_t frame[64];
	uint32_t valid = 0, taken = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		const uint32_t n = 18 + draw(14), have = draw(sizeof(frame) + 1);
		const struct bpf_program whole = { n, (struct bpf_insn *)p };

		for (uint32_t k = 0; k < sizeof(frame); k++)
			frame[k] = (uint8_t)draw(8);
		program_draw(p, n);
		if (!bpf_valid(p, n))
			continue;
		valid++;
		assert_true(bpf_validate((struct bpf_insn *)p, (int)n));
		assert_int_equal(bpf_run(p, frame, 100, have),
				 libpcap_run(&whole, frame, 100, have));
		taken += bpf_run(p, frame, 100, have) != 0;
	}
	assert_true(valid > 10000 && taken > 1000 && taken < valid);
}

/* Of one step, and a return behind it. */
static bool one_valid(uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	const struct bpf_step p[] = { { code, jt, jf, k }, { 0x06, 0, 0, 1 } };

	return bpf_valid(p, 2);
}

static void invalid(void **state)
{
	const struct bpf_step ret = { 0x06, 0, 0, 1 }, load = { 0x20, 0, 0, 0 };

	(void)state;
	assert_true(bpf_valid(&ret, 1));
	assert_false(bpf_valid(&ret, 0));
	assert_false(bpf_valid(&load, 1)); /* no return */
	assert_true(one_valid(0x15, 0, 0, 0));
	assert_false(one_valid(0x15, 1, 0, 0)); /* jumps behind the end */
	assert_false(one_valid(0x15, 0, 1, 0));
	assert_true(one_valid(0x05, 0, 0, 0));
	assert_false(one_valid(0x05, 0, 0, 1));
	assert_false(one_valid(0x05, 0, 0, UINT32_MAX)); /* and backwards */
	assert_true(one_valid(0x60, 0, 0, 15));
	assert_false(one_valid(0x60, 0, 0, 16)); /* cells that are not there */
	assert_false(one_valid(0x61, 0, 0, 16));
	assert_false(one_valid(0x02, 0, 0, 16));
	assert_false(one_valid(0x03, 0, 0, UINT32_MAX));
	assert_false(one_valid(0x34, 0, 0, 0)); /* divides by 0 */
	assert_false(one_valid(0x94, 0, 0, 0));
	assert_false(one_valid(0xffff, 0, 0, 0));
	for (uint32_t code = 0x100; code <= UINT16_MAX; code++)
		assert_false(one_valid((uint16_t)code, 0, 0, 1));
}

/* A load just inside, and just outside, wherever the sum would wrap. */
static void bounds(void **state)
{
	const uint8_t b[4] = { 1, 2, 3, 4 };
	struct bpf_step p[] = { { 0x20, 0, 0, 0 }, { 0x16, 0, 0, 0 } };
	struct bpf_step ind[] = { { 0x01, 0, 0, UINT32_MAX },
				  { 0x50, 0, 0, 1 },
				  { 0x06, 0, 0, 7 } };

	(void)state;
	assert_int_equal(bpf_run(p, b, 4, 4), 0x01020304);
	p[0].k = 1;
	assert_int_equal(bpf_run(p, b, 4, 4), 0);
	p[0].k = UINT32_MAX;
	assert_int_equal(bpf_run(p, b, 4, 4), 0);
	assert_true(bpf_valid(ind, 3));
	assert_int_equal(bpf_run(ind, b, 4, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions),
		cmocka_unit_test(as_libpcap),
		cmocka_unit_test(invalid),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
