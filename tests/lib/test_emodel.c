/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MOS by the E-model: G.107's own values for G.711 without impairment and for the delays of its
 * table; loss, codecs and bursts take what G.113 says; classes of what is counted; codecs by name
 * and by static payload types (RFC 3551 6).
 */
#include "tests/world/unit.h"
#include "lib/emodel.h"
#include "lib/quality.h"

static uint16_t mos(enum codec codec, float loss, uint32_t rtt_ms)
{
	return emodel_mos(&(struct emodel){
	    .codec = codec, .loss = loss, .burst_ratio = 1, .rtt_us = rtt_ms * 1000 });
}

static void values(void **state)
{
	(void)state;
	/* R 93.2 less 0.48 for a frame of 20 ms: 4.40 (G.107 annex B has 4.41 for 93.2). */
	assert_in_range(mos(CODEC_PCMA, 0, 0), 439, 440);
	/* R 82.2: 4.1, as G.729A is known for. */
	assert_in_range(mos(CODEC_G729, 0, 0), 405, 412);
	/* 5 % of G.711 with concealment: Ie,eff 15.8, R 76.9. */
	assert_in_range(mos(CODEC_PCMU, 0.05F, 0), 384, 394);
	/* 300 ms one way: Id 7.7 + 15.7. */
	assert_in_range(mos(CODEC_PCMU, 0, 600), 350, 365);
	assert_int_equal(mos(CODEC_PCMU, 1, 10000), 100);
	assert_int_equal(mos(CODEC_VP8, 0, 0), 0);
	assert_int_equal(mos(CODEC_NONE, 0, 0), 0);
	assert_int_equal(mos(CODEC_EVENT, 0, 0), 0);
}

static void worse(void **state)
{
	const struct emodel burst = { .codec = CODEC_PCMA, .loss = 0.05F, .burst_ratio = 3 };
	const struct emodel jitter = { .codec = CODEC_PCMA, .burst_ratio = 1, .jitter_us = 100000 };
	uint16_t was = 451;

	(void)state;
	for (int percent = 0; percent <= 100; percent++) {
		const uint16_t now = mos(CODEC_OPUS, (float)percent / 100, 20);

		assert_true(now <= was && now >= 100);
		was = now;
	}
	assert_true(emodel_mos(&burst) < mos(CODEC_PCMA, 0.05F, 0));
	assert_true(emodel_mos(&jitter) < mos(CODEC_PCMA, 0, 0));
}

static void classes(void **state)
{
	(void)state;
	for (int q = 0; q < QUALITIES; q++) {
		const uint32_t *le = quality_desc[q].le;

		for (uint32_t i = 0; i < QUALITY_CLASSES - 1; i++) {
			assert_int_equal(quality_class((enum quality)q, le[i]), i);
			assert_int_equal(quality_class((enum quality)q, le[i] + 1), i + 1);
		}
	}
}

static void codecs(void **state)
{
	(void)state;
	assert_int_equal(codec_find("pcma", 4, 8000), CODEC_PCMA);
	assert_int_equal(codec_find("OPUS/2", 4, 48000), CODEC_OPUS);
	assert_int_equal(codec_find("opus", 4, 8000), CODEC_NONE);
	assert_int_equal(codec_find("telephone-event", 15, 48000), CODEC_EVENT_48000);
	assert_int_equal(codec_find("", 0, 0), CODEC_NONE);
	assert_int_equal(codec_static(0), CODEC_PCMU);
	assert_int_equal(codec_static(18), CODEC_G729);
	assert_int_equal(codec_static(96), CODEC_NONE);
	assert_int_equal(codec_static(255), CODEC_NONE);
}

int main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(values), cmocka_unit_test(worse),
					cmocka_unit_test(classes), cmocka_unit_test(codecs) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
