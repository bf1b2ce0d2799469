/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks of a pcapng file (lib/pcapng.h), as libpcap reads them, times in nanoseconds and lengths
 * among it, and byte by byte where libpcap looks at nothing (options); texts that are too long are
 * cut; a comment is found, and none behind a block's end.
 */
#include "tests/world/unit.h"

#include "lib/pcapng.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

static uint8_t block[PCAPNG_BLOCK_MAX + 4096];

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Both lengths are that of the block. */
static size_t whole(size_t len)
{
	assert_int_equal(len % 4, 0);
	assert_int_equal(u32(block + 4), len);
	assert_int_equal(u32(block + len - 4), len);
	assert_true(len <= sizeof(block));
	return len;
}

static void as_libpcap_reads(void **state)
{
	const uint8_t frame[61] = { 2, 0, 0, 0, 0, 1, [60] = 0xee };
	const struct pcapng_packet p = { .interface = 1,
					 .ns = UINT64_C(1700000000123456789),
					 .len = 1500,
					 .n_bytes = sizeof(frame),
					 .bytes = frame,
					 .way = PCAPNG_IN,
					 .comment = "dropped" };
	const struct pcapng_stats s = { .interface = 1, .packets = 1, .lost = 2, .comment = "end" };
	char err[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	FILE *f = tmpfile();
	const uint8_t *b;
	pcap_t *in;

	(void)state;
	fwrite(block, 1, whole(pcapng_section(block, "x", NULL)), f);
	fwrite(block, 1, whole(pcapng_interface(block, "access", NULL, NULL, 2000)), f);
	fwrite(block, 1, whole(pcapng_interface(block, "core", "text", "udp", 2000)), f);
	fwrite(block, 1, whole(pcapng_packet(block, &p)), f);
	fwrite(block, 1, whole(pcapng_stats(block, &s)), f);
	rewind(f);
	in = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, err);
	if (!in)
		fail_msg("%s", err);
	assert_int_equal(pcap_datalink(in), DLT_EN10MB);
	assert_int_equal(pcap_next_ex(in, &h, &b), 1);
	assert_int_equal(h->caplen, sizeof(frame));
	assert_int_equal(h->len, 1500);
	assert_int_equal(h->ts.tv_sec, 1700000000);
	assert_int_equal(h->ts.tv_usec, 123456789);
	assert_memory_equal(b, frame, sizeof(frame));
	assert_int_equal(pcap_next_ex(in, &h, &b), PCAP_ERROR_BREAK);
	pcap_close(in);
}

static void options(void **state)
{
	const struct pcapng_packet p = { .way = PCAPNG_OUT, .comment = "why" };
	const struct pcapng_stats s = {
		.ns = UINT64_C(0x100000002), .packets = 7, .lost = 9, .comment = "end"
	};
	const char *text;
	size_t n, len;

	(void)state;
	len = whole(pcapng_packet(block, &p));
	assert_memory_equal(block + 28, "\x02\0\x04\0\x02\0\0\0\x01\0\x03\0why\0\0\0\0\0", 20);
	text = pcapng_comment(block, len, 20, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(text, "why", 3);
	len = whole(pcapng_stats(block, &s));
	assert_int_equal(u32(block + 12), 1); /* the upper half is first */
	assert_int_equal(u32(block + 16), 2);
	text = pcapng_comment(block, len, 12, &n);
	assert_memory_equal(text, "end", 3);
	assert_memory_equal(block + 32,
			    "\x04\0\x08\0\x07\0\0\0\0\0\0\0\x05\0\x08\0\x09\0\0\0\0\0\0\0", 24);
}

/* Of any length; and what a block of another origin may say. */
static void long_and_wrong(void **state)
{
	static char text[4000];
	struct pcapng_stats s = { .comment = text };
	size_t n, len;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	assert_true(whole(pcapng_section(block, text, text)) <= PCAPNG_BLOCK_MAX);
	for (size_t i = 0; i < 8; i++)
		assert_true(whole(pcapng_interface(block, text + i, text + i, text + i, 1)) <=
			    PCAPNG_BLOCK_MAX);
	len = whole(pcapng_stats(block, &s));
	assert_non_null(pcapng_comment(block, len, 12, &n));
	assert_int_equal(n, PCAPNG_TEXT_MAX);
	for (size_t cut = 0; cut < len - 8; cut++) /* no look behind the end */
		assert_null(pcapng_comment(block, cut, 12, &n));
	s.comment = NULL;
	assert_null(pcapng_comment(block, whole(pcapng_stats(block, &s)), 12, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_libpcap_reads),
		cmocka_unit_test(options),
		cmocka_unit_test(long_and_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
