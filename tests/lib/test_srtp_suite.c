/* SPDX-License-Identifier: BSD-3-Clause */
/* Suites of SRTP by their names (RFC 4568 6.2, 6188, 7714), which are not case sensitive. */
#include "tests/world/unit.h"
#include "lib/srtp_suite.h"

#include <string.h>

static void test_find(void **state)
{
	enum srtp_suite s;

	(void)state;
	for (s = 0; s < SRTP_SUITES; s++) {
		const struct srtp_suite_desc *d = &srtp_suite_desc[s];

		assert_int_equal(srtp_suite_find(d->name, strlen(d->name)), s);
		assert_int_equal(srtp_suite_find(d->name, strlen(d->name) - 1), SRTP_SUITES);
		assert_true(d->key <= SRTP_KEY_MAX && d->salt <= SRTP_SALT_MAX);
		assert_true(d->rtp_tag >= 4 && d->rtcp_tag >= 10);
	}
	assert_int_equal(srtp_suite_find("aes_cm_128_hmac_sha1_80", 23), SRTP_AES_CM_128_80);
	assert_int_equal(srtp_suite_find("F8_128_HMAC_SHA1_80", 19), SRTP_SUITES);
	assert_int_equal(srtp_suite_find("", 0), SRTP_SUITES);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_find) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
