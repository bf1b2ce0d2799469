/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ESP (RFC 4303, RFC 3948; R19, R84): the packet of RFC 3602 4, case 5, each length a packet can
 * have, padding, what else comes to its UDP port; the window and the high half of numbers (RFC 4303
 * 3.4.3, A2.2) beside a list of all that was heard.
 */
#include "tests/world/unit.h"
#include "lib/esp.h"

#include <openssl/evp.h>
#include <string.h>

enum { ICMP = 1, UDP = 17, HEARD = 4096, ROUNDS = 20000 };

/* ---- packets ---- */

static const uint8_t rfc_key[] = { 0x90, 0xd3, 0x82, 0xb4, 0x10, 0xee, 0xba, 0x7a,
				   0xd9, 0x38, 0xc4, 0x6c, 0xec, 0x1a, 0x82, 0xbf };
static const uint8_t rfc_packet[] = {
	0x00, 0x00, 0x43, 0x21, 0x00, 0x00, 0x00, 0x01, 0xe9, 0x6e, 0x8c, 0x08, 0xab, 0x46, 0x57,
	0x63, 0xfd, 0x09, 0x8d, 0x45, 0xdd, 0x3f, 0xf8, 0x93, 0xf6, 0x63, 0xc2, 0x5d, 0x32, 0x5c,
	0x18, 0xc6, 0xa9, 0x45, 0x3e, 0x19, 0x4e, 0x12, 0x08, 0x49, 0xa4, 0x87, 0x0b, 0x66, 0xcc,
	0x6b, 0x99, 0x65, 0x33, 0x00, 0x13, 0xb4, 0x89, 0x8d, 0xc8, 0x56, 0xa4, 0x69, 0x9e, 0x52,
	0x3a, 0x55, 0xdb, 0x08, 0x0b, 0x59, 0xec, 0x3a, 0x8e, 0x4b, 0x7e, 0x52, 0x77, 0x5b, 0x07,
	0xd1, 0xdb, 0x34, 0xed, 0x9c, 0x53, 0x8a, 0xb5, 0x0c, 0x55, 0x1b, 0x87, 0x4a, 0xa2, 0x69,
	0xad, 0xd0, 0x47, 0xad, 0x2d, 0x59, 0x13, 0xac, 0x19, 0xb7, 0xcf, 0xba, 0xd4, 0xa6
};

static void cbc(const uint8_t *iv, const uint8_t *in, uint8_t *out, int len, int seal)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int n = 0;

	assert_int_equal(EVP_CipherInit_ex(x, EVP_aes_128_cbc(), NULL, rfc_key, iv, seal), 1);
	assert_int_equal(EVP_CIPHER_CTX_set_padding(x, 0), 1);
	assert_int_equal(EVP_CipherUpdate(x, out, &n, in, len), 1);
	assert_int_equal(n, len);
	EVP_CIPHER_CTX_free(x);
}

/* The RFC's packet has no tag: twelve bytes stand for it. */
static void test_rfc3602(void **state)
{
	uint8_t packet[sizeof(rfc_packet) + 12] = { 0 }, text[80], made[sizeof(packet)] = { 0 };
	struct esp_packet p;
	size_t len;
	uint8_t next;

	(void)state;
	memcpy(packet, rfc_packet, sizeof(rfc_packet));
	assert_true(esp_parse(ESP_CBC_SHA1, packet, sizeof(packet), &p));
	assert_int_equal(p.spi, 0x4321);
	assert_int_equal(esp_spi(packet, sizeof(packet)), 0x4321);
	assert_int_equal(p.seq, 1);
	assert_int_equal(p.text_at, 24);
	assert_int_equal(p.text_len, sizeof(text));
	assert_int_equal(p.tag_at, sizeof(rfc_packet));
	cbc(packet + ESP_HDR, packet + p.text_at, text, sizeof(text), 0);
	assert_true(esp_strip(text, sizeof(text), &len, &next));
	assert_int_equal(len, 64);
	assert_int_equal(next, ICMP);
	/* The same again, from its payload. */
	memcpy(made + p.text_at, text, len);
	assert_int_equal(esp_len(ESP_CBC_SHA1, len), sizeof(made));
	assert_true(
	    esp_frame(ESP_CBC_SHA1, made, sizeof(made), 0x4321, 1, packet + ESP_HDR, len, ICMP));
	cbc(made + ESP_HDR, made + p.text_at, text, sizeof(text), 1);
	memcpy(made + p.text_at, text, sizeof(text));
	assert_memory_equal(made, rfc_packet, sizeof(rfc_packet));
}

/* What is framed is parsed and stripped the same, and fits exactly. */
static void test_lengths(void **state)
{
	static const uint8_t iv[ESP_IV_MAX] = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7 };
	uint8_t p[400], was[400];
	enum esp_transform t;
	struct esp_packet q;
	size_t n, len, got;
	uint8_t next;

	(void)state;
	for (t = 0; t < ESP_TRANSFORMS; t++)
		for (n = 0; n < 300; n++) {
			const struct esp_transform_desc *d = &esp_transform_desc[t];

			memset(p, 0x5a, sizeof(p));
			memcpy(was, p, sizeof(p));
			len = esp_len(t, n);
			assert_true(len <= n + ESP_OVERHEAD_MAX);
			assert_false(esp_frame(t, p, len - 1, 300, 7, iv, n, UDP));
			assert_memory_equal(p, was, sizeof(p));
			assert_true(esp_frame(t, p, len, 300, UINT64_C(0x900000007), iv, n, UDP));
			assert_true(esp_parse(t, p, len, &q));
			assert_int_equal(q.spi, 300);
			assert_int_equal(q.seq, 7);
			assert_memory_equal(p + ESP_HDR, iv, d->iv);
			assert_int_equal(q.text_at, ESP_HDR + d->iv);
			assert_int_equal(q.tag_at + d->tag, len);
			assert_memory_equal(p + q.tag_at, was, sizeof(p) - q.tag_at);
			assert_true(esp_strip(p + q.text_at, q.text_len, &got, &next));
			assert_int_equal(got, n);
			assert_int_equal(next, UDP);
			assert_false(esp_parse(t, p, len - 1, &q));
			assert_false(esp_parse(t, p, len + 1, &q));
		}
	assert_false(esp_frame(ESP_GCM, p, sizeof(p), 300, 7, iv, SIZE_MAX, UDP));
}

static void test_short(void **state)
{
	uint8_t p[64] = { 0, 0, 1, 44 };
	enum esp_transform t;
	struct esp_packet q;
	size_t n;

	(void)state;
	for (t = 0; t < ESP_TRANSFORMS; t++)
		for (n = 0; n < esp_len(t, 0); n++)
			assert_false(esp_parse(t, p, n, &q));
	assert_int_equal(esp_spi(p, ESP_HDR - 1), 0);
	assert_int_equal(esp_spi(p, ESP_HDR), 300);
}

static void test_padding(void **state)
{
	static const uint8_t long_by_one[] = { 1, 2, 3, 4, 5, 6, 7, 7, UDP };
	uint8_t text[258] = { 0x11, 0x22, 1, 2, 3, 4, 4, UDP }, next = 0;
	size_t len = 0, i;

	(void)state;
	assert_true(esp_strip(text, 8, &len, &next));
	assert_int_equal(len, 2);
	assert_int_equal(next, UDP);
	for (i = 2; i < 6; i++) {
		text[i] ^= 0x80;
		assert_false(esp_strip(text, 8, &len, &next));
		text[i] ^= 0x80;
	}
	/* One byte longer than there is, and that byte is right. */
	assert_false(esp_strip(long_by_one + 1, 8, &len, &next));
	assert_true(esp_strip(long_by_one, 9, &len, &next));
	assert_int_equal(len, 0);
	assert_false(esp_strip(text, 1, &len, &next));
	assert_false(esp_strip(text, 0, &len, &next));
	/* More than was needed hides how long the payload is (RFC 4303 2.4). */
	for (i = 0; i < 255; i++)
		text[i + 1] = (uint8_t)(i + 1);
	text[256] = 255;
	text[257] = ESP_NEXT_NONE;
	assert_true(esp_strip(text, sizeof(text), &len, &next));
	assert_int_equal(len, 1);
	assert_int_equal(next, ESP_NEXT_NONE);
}

static void test_udp(void **state)
{
	static const uint8_t keepalive[] = { 0xff, 0xff }, marker[12] = { 0 },
			     esp[12] = { 0, 0, 0, 1 };

	(void)state;
	assert_int_equal(esp_udp_kind(keepalive, 1), ESP_UDP_KEEPALIVE);
	assert_int_equal(esp_udp_kind(keepalive, 2), ESP_UDP_SHORT);
	assert_int_equal(esp_udp_kind(marker, 1), ESP_UDP_SHORT);
	assert_int_equal(esp_udp_kind(marker, 0), ESP_UDP_SHORT);
	assert_int_equal(esp_udp_kind(marker, 3), ESP_UDP_SHORT);
	assert_int_equal(esp_udp_kind(marker, 4), ESP_UDP_IKE);
	assert_int_equal(esp_udp_kind(marker, 12), ESP_UDP_IKE);
	assert_int_equal(esp_udp_kind(esp, 7), ESP_UDP_SHORT);
	assert_int_equal(esp_udp_kind(esp, 8), ESP_UDP_ESP);
}

/* ---- numbers ---- */

static void test_seq_next(void **state)
{
	uint64_t seq = 0;

	(void)state;
	assert_true(esp_seq_next(&seq, false));
	assert_int_equal(seq, 1);
	seq = UINT32_MAX - 1;
	assert_true(esp_seq_next(&seq, false));
	assert_false(esp_seq_next(&seq, false));
	assert_int_equal(seq, UINT32_MAX);
	assert_true(esp_seq_next(&seq, true));
	assert_true(seq == UINT64_C(1) << 32);
	seq = UINT64_MAX;
	assert_false(esp_seq_next(&seq, true));
	assert_true(seq == UINT64_MAX);
}

/* Numbers near the top, at random, beside a list of those that were heard. */
static void against_list(uint64_t base, uint32_t size, bool esn, uint64_t *seed)
{
	static uint64_t heard[HEARD];
	uint64_t top = 0, seq, far;
	uint32_t i, j, n = 0;
	struct esp_window w;

	esp_window_init(&w, size, esn);
	for (i = 0; i < ROUNDS && n < HEARD; i++) {
		enum esp_verdict want = ESP_FRESH;

		far = test_random(seed) >> 40;
		far %= far & 1 ? 8 : 2 * ESP_WINDOW_MAX;
		seq = n == 0 ? base : test_random(seed) >> 63 ? top + far / 8 : top - far;
		if (seq == 0 || (n && seq > top + far) || (!esn && seq > UINT32_MAX))
			continue;
		for (j = 0; j < n; j++)
			if (heard[j] == seq)
				want = ESP_REPLAYED;
		if (n && seq <= top && top - seq >= size)
			want = ESP_OLD;
		/* The first one tells where the span begins. */
		if (n && (seq > top || top - seq < size))
			assert_true(esp_window_seq(&w, (uint32_t)seq) == seq);
		assert_int_equal(esp_window_judge(&w, seq), want);
		if (want != ESP_FRESH)
			continue;
		esp_window_take(&w, seq);
		heard[n++] = seq;
		top = seq > top ? seq : top;
		assert_true(w.top == top);
	}
	assert_true(n > 100);
}

static void test_window(void **state)
{
	static const uint32_t size[] = { 32, 33, 64, 100, 256, ESP_WINDOW_MAX };
	uint64_t seed = 11;
	uint32_t i;

	(void)state;
	for (i = 0; i < N_OF(size); i++) {
		against_list(1, size[i], false, &seed);
		against_list(UINT32_MAX - 20000, size[i], false, &seed);
		against_list(1, size[i], true, &seed);
		against_list(UINT32_MAX - 200, size[i], true, &seed);
		against_list((UINT64_C(9) << 32) + 3, size[i], true, &seed);
		against_list(UINT64_MAX - 20000, size[i], true, &seed);
	}
}

/* A jump clears all that was heard, however far it goes. */
static void test_jump(void **state)
{
	uint64_t jump;
	uint32_t i;

	(void)state;
	for (jump = 1; jump < 4 * ESP_WINDOW_WORDS * 64; jump++) {
		struct esp_window w;

		esp_window_init(&w, ESP_WINDOW_MAX, false);
		for (i = 1; i <= 1000; i++)
			esp_window_take(&w, i);
		esp_window_take(&w, 1000 + jump);
		for (i = 0; i < ESP_WINDOW_MAX; i++) {
			const uint64_t seq = 1000 + jump - i;

			assert_int_equal(esp_window_judge(&w, seq),
					 i == 0 || seq <= 1000 ? ESP_REPLAYED : ESP_FRESH);
		}
	}
}

/* RFC 4303 A2.2: the cases, by number. */
static void test_high_half(void **state)
{
	struct esp_window w;

	(void)state;
	esp_window_init(&w, 64, true);
	assert_int_equal(esp_window_judge(&w, 0), ESP_OLD);
	assert_true(esp_window_seq(&w, 0) == 0);
	assert_true(esp_window_seq(&w, 1) == 1);
	assert_true(esp_window_seq(&w, UINT32_MAX - 62) == 0); /* from before the first */
	assert_true(esp_window_seq(&w, UINT32_MAX - 63) == UINT32_MAX - 63);
	w.top = UINT64_C(5) << 32 | 1000;
	assert_true(esp_window_seq(&w, 937) == (UINT64_C(5) << 32 | 937));
	assert_true(esp_window_seq(&w, 936) == (UINT64_C(6) << 32 | 936));
	w.top = UINT64_C(5) << 32 | 10;
	assert_true(esp_window_seq(&w, 0) == UINT64_C(5) << 32);
	assert_true(esp_window_seq(&w, UINT32_MAX) == (UINT64_C(5) << 32) - 1);
	assert_true(esp_window_seq(&w, UINT32_MAX - 52) == (UINT64_C(5) << 32) - 53);
	assert_true(esp_window_seq(&w, UINT32_MAX - 53) == (UINT64_C(6) << 32) - 54);
	w.top = UINT64_MAX;
	assert_true(esp_window_seq(&w, 3) == 0); /* it would come round */
	assert_true(esp_window_seq(&w, UINT32_MAX) == UINT64_MAX);
	esp_window_init(&w, 64, false);
	w.top = 1000;
	assert_true(esp_window_seq(&w, 3) == 3);
	assert_int_equal(esp_window_judge(&w, 3), ESP_OLD);
	assert_int_equal(esp_window_judge(&w, 0), ESP_OLD);
}

static void test_window_size(void **state)
{
	struct esp_window w;

	(void)state;
	esp_window_init(&w, 0, false);
	assert_int_equal(w.size, 32);
	esp_window_init(&w, UINT32_MAX, true);
	assert_int_equal(w.size, ESP_WINDOW_MAX);
	assert_true(w.esn && w.top == 0);
	esp_window_init(&w, ESP_WINDOW_DEFAULT, false);
	assert_int_equal(w.size, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3602),	  cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_short),	  cmocka_unit_test(test_padding),
		cmocka_unit_test(test_udp),	  cmocka_unit_test(test_seq_next),
		cmocka_unit_test(test_window),	  cmocka_unit_test(test_jump),
		cmocka_unit_test(test_high_half), cmocka_unit_test(test_window_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
