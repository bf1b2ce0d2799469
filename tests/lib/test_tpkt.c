/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers of TPKT: RFC 2126 4.3's layout, and what is none. */
#include "lib/tpkt.h"
#include "tests/world/unit.h"

static void test_make(void **state)
{
	const struct tpkt_head h = tpkt_make(300), most = tpkt_make(TPKT_MAX - TPKT_HEAD);

	(void)state;
	assert_memory_equal(&h, "\x03\x00\x01\x30", TPKT_HEAD);
	assert_int_equal(tpkt_len(&h), 300);
	assert_memory_equal(&most, "\x03\x00\xff\xff", TPKT_HEAD);
	assert_int_equal(tpkt_len(&most), TPKT_MAX - TPKT_HEAD);
}

static void test_len(void **state)
{
	static const struct {
		uint8_t head[TPKT_HEAD];
		size_t len;
	} row[] = {
		{ { 3, 0, 0, 5 }, 1 }, { { 3, 0xff, 0, 5 }, 1 }, /* who receives does not look at
								    what is reserved */
		{ { 3, 0, 0, 4 }, 0 }, { { 3, 0, 0, 3 }, 0 },	      { { 3, 0, 0, 0 }, 0 },
		{ { 2, 0, 0, 5 }, 0 }, { { 'M', 'E', 'G', 'A' }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(row); i++) {
		struct tpkt_head h;

		memcpy(&h, row[i].head, sizeof(h));
		assert_int_equal(tpkt_len(&h), row[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_len),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
