/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ChannelData (RFC 8656 12.4): which first bytes are its, lengths that lie, padding over UDP, and
 * the 65,535-byte payload.
 */
#include "tests/world/unit.h"

#include "lib/chandata.h"
#include "lib/stun.h"

#include <stdlib.h>

static void first_byte_tells(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < 256; first++) {
		uint8_t p[20] = { (uint8_t)first, 0x23, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
		uint16_t number = 0;

		assert_int_equal(chandata_looks_like(p[0]), first >= 0x40 && first < 0x80);
		assert_int_equal(chandata_parse(p, sizeof(p), &number),
				 first >= 0x40 && first < 0x80 ? 0 : -1);
		if (chandata_looks_like(p[0])) {
			assert_int_equal(number, first << 8 | 0x23);
			assert_false(stun_looks_like(p));
		}
	}
}

static void lengths(void **state)
{
	uint16_t number;

	(void)state;
	for (size_t have = 0; have < 24; have++) {
		for (uint16_t says = 0; says < 24; says++) {
			uint8_t head[CHANDATA_HDR_LEN];
			uint8_t *p = calloc(1, have ? have : 1); /* exact, for the sanitizer */
			bool ok = have >= CHANDATA_HDR_LEN && says <= have - CHANDATA_HDR_LEN;

			assert_non_null(p);
			chandata_write(head, CHANNEL_MIN, says);
			memcpy(p, head, have < sizeof(head) ? have : sizeof(head));
			/* What is behind the payload is padding, at any length over UDP. */
			assert_int_equal(chandata_parse(p, have, &number), ok ? says : -1);
			free(p);
		}
	}
}

static void largest(void **state)
{
	uint8_t *p = calloc(1, CHANDATA_HDR_LEN + 65535);
	uint16_t number = 0;

	(void)state;
	assert_non_null(p);
	chandata_write(p, CHANNEL_MAX, 65535);
	assert_int_equal(chandata_parse(p, CHANDATA_HDR_LEN + 65535, &number), 65535);
	assert_int_equal(number, CHANNEL_MAX);
	assert_int_equal(chandata_parse(p, 65535, &number), -1); /* the largest datagram */
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_byte_tells),
		cmocka_unit_test(lengths),
		cmocka_unit_test(largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
