/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Digest AKA (R17, R83) by the six test sets of TS 35.207 clauses 4 to 6: what Milenage of the
 * tests computes, and of set 1 passwords, responses and keys of each algorithm (RFC 3310 3.3, RFC
 * 4169 2). What TS 35.207 has not was computed apart, by Python's hashlib and hmac.
 */
#include "tests/world/unit.h"
#include "tests/world/milenage.h"

#include "cp/aka/aka.h"

#include <openssl/crypto.h>

static void hex(const char *text, uint8_t *out, size_t len)
{
	size_t n = 0;

	assert_true(OPENSSL_hexstr2buf_ex(out, len, &n, text, '\0'));
	assert_int_equal(n, len);
}

static void expect(const uint8_t *bytes, size_t len, const char *text)
{
	uint8_t want[32];

	hex(text, want, len);
	assert_memory_equal(bytes, want, len);
}

static const struct {
	const char *k, *rand, *sqn, *amf, *op, *opc, *f1, *f1s, *f2, *f5, *f3, *f4, *f5s;
} sets[] = {
	{ "465b5ce8b199b49faa5f0a2ee238a6bc", "23553cbe9637a89d218ae64dae47bf35", "ff9bb4d0b607",
	  "b9b9", "cdc202d5123e20f62b6d676ac72cb318", "cd63cb71954a9f4e48a5994e37a02baf",
	  "4a9ffac354dfafb3", "01cfaf9ec4e871e9", "a54211d5e3ba50bf", "aa689c648370",
	  "b40ba9a3c58b2a05bbf0d987b21bf8cb", "f769bcd751044604127672711c6d3441", "451e8beca43b" },
	{ "0396eb317b6d1c36f19c1c84cd6ffd16", "c00d603103dcee52c4478119494202e8", "fd8eef40df7d",
	  "af17", "ff53bade17df5d4e793073ce9d7579fa", "53c15671c60a4b731c55b4a441c0bde2",
	  "5df5b31807e258b0", "a8c016e51ef4a343", "d3a628ed988620f0", "c47783995f72",
	  "58c433ff7a7082acd424220f2b67c556", "21a8c1f929702adb3e738488b9f5c5da", "30f1197061c1" },
	{ "fec86ba6eb707ed08905757b1bb44b8f", "9f7c8d021accf4db213ccff0c7f71a6a", "9d0277595ffc",
	  "725c", "dbc59adcb6f9a0ef735477b7fadf8374", "1006020f0a478bf6b699f15c062e42b3",
	  "9cabc3e99baf7281", "95814ba2b3044324", "8011c48c0c214ed2", "33484dc2136b",
	  "5dbdbb2954e8f3cde665b046179a5098", "59a92d3b476a0443487055cf88b2307b", "deacdd848cc6" },
	{ "9e5944aea94b81165c82fbf9f32db751", "ce83dbc54ac0274a157c17f80d017bd6", "0b604a81eca8",
	  "9e09", "223014c5806694c007ca1eeef57f004f", "a64a507ae1a2a98bb88eb4210135dc87",
	  "74a58220cba84c49", "ac2cc74a96871837", "f365cd683cd92e96", "f0b9c08ad02e",
	  "e203edb3971574f5a94b0d61b816345d", "0c4524adeac041c4dd830d20854fc46b", "6085a86c6f63" },
	{ "4ab1deb05ca6ceb051fc98e77d026a84", "74b0cd6031a1c8339b2b6ce2b8c4a186", "e880a1b580b6",
	  "9f07", "2d16c5cd1fdf6b22383584e3bef2a8d8", "dcf07cbd51855290b92a07a9891e523e",
	  "49e785dd12626ef2", "9e85790336bb3fa2", "5860fc1bce351e7e", "31e11a609118",
	  "7657766b373d1c2138f307e3de9242f9", "1c42e960d89b8fa99f2744e0708ccb53", "fe2555e54aa9" },
	{ "6c38a116ac280c454f59332ee35c8c4f", "ee6466bc96202c5a557abbeff8babf63", "414b98222181",
	  "4464", "1ba00a1a7c6700ac8c3ff3e96ad08725", "3803ef5363b947c6aaa225e58fae3934",
	  "078adfb488241a57", "80246b8d0186bcf1", "16c8233f05a0ac28", "45b0f69ab06c",
	  "3f8c7587fe8e4b233af676aede30ba3b", "a7466cc1e6b2a1337d49d3b66e95d7b4", "1f53cd2b1113" },
};

/* The tests' own, which everything else here stands on. */
static void by_milenage(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(sets); i++) {
		uint8_t k[16], rand[16], sqn[6], amf[2], op[16], opc[16];
		struct milenage m;

		hex(sets[i].k, k, 16);
		hex(sets[i].rand, rand, 16);
		hex(sets[i].sqn, sqn, 6);
		hex(sets[i].amf, amf, 2);
		hex(sets[i].op, op, 16);
		milenage_opc(k, op, opc);
		expect(opc, 16, sets[i].opc);
		m = milenage(k, opc, rand, sqn, amf);
		expect(m.mac_a, 8, sets[i].f1);
		expect(m.mac_s, 8, sets[i].f1s);
		expect(m.res, 8, sets[i].f2);
		expect(m.ak, 6, sets[i].f5);
		expect(m.ck, 16, sets[i].f3);
		expect(m.ik, 16, sets[i].f4);
		expect(m.ak_s, 6, sets[i].f5s);
	}
}

static struct aka_vector set1(void)
{
	struct aka_vector v = { .xres_len = 8 };

	hex(sets[0].rand, v.rand, 16);
	hex("55f328b43577b9b94a9ffac354dfafb3", v.autn, 16);
	hex(sets[0].f2, v.xres, 8);
	hex(sets[0].f3, v.ck, 16);
	hex(sets[0].f4, v.ik, 16);
	return v;
}

static const struct aka_request request = {
	.method = "REGISTER",
	.uri = "sip:home1.net",
	.nonce = "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=",
	.qop = "auth",
	.nc = "00000001",
	.cnonce = "0a4f113b",
	.body = "",
};

static void responses(void **state)
{
	static const struct {
		enum aka_algorithm a;
		const char *qop, *response;
	} rows[] = {
		{ AKA_V1_MD5, "auth", "d631c17126f6ad3a5984ced4459958df" },
		{ AKA_V1_MD5, NULL, "0233d5422332d3cd4cb80c033b5ed782" },
		{ AKA_V2_MD5, "auth", "9e134df9490c2cff01853e49a32aa59c" },
		{ AKA_V2_SHA256, "auth",
		  "0bf78effba6ba081a201ce2455a0ab7268a767d290d43deccfa55518cd8c0558" },
	};
	const struct aka_vector v = set1();

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct aka_request r = request;
		char out[AKA_HEX_MAX];
		struct aka_ha1 ha1;

		r.qop = rows[i].qop;
		assert_true(aka_ha1(rows[i].a, "user1_private@home1.net", "home1.net", &v, &ha1));
		assert_true(aka_response(rows[i].a, &ha1, &r, out));
		assert_string_equal(out, rows[i].response);
	}
}

/* The body is under the response with auth-int, and only then (RFC 7616 3.4.3). */
static void body(void **state)
{
	const struct aka_vector v = set1();
	struct aka_request r = request;
	char auth[AKA_HEX_MAX], empty[AKA_HEX_MAX], full[AKA_HEX_MAX];
	struct aka_ha1 ha1;

	(void)state;
	assert_true(aka_ha1(AKA_V1_MD5, "user1_private@home1.net", "home1.net", &v, &ha1));
	r.qop = "auth-int";
	assert_true(aka_response(AKA_V1_MD5, &ha1, &r, empty));
	assert_string_equal(empty, "aee1750c15e1b31afb161fa5667da372");
	r.body = "v=0\r\n";
	r.body_len = 5;
	assert_true(aka_response(AKA_V1_MD5, &ha1, &r, full));
	assert_string_equal(full, "822845020b09baff02501785287ebe6f");
	r.qop = "auth";
	assert_true(aka_response(AKA_V1_MD5, &ha1, &r, auth));
	assert_string_equal(auth, "d631c17126f6ad3a5984ced4459958df");
}

/* With AKAv2 the vector's keys are nobody's else (RFC 4169 2.2). */
static void keys(void **state)
{
	const struct aka_vector v = set1();
	struct aka_keys k;

	(void)state;
	assert_true(aka_keys(AKA_V1_MD5, &v, &k));
	assert_int_equal(k.len, 16);
	expect(k.ck, 16, sets[0].f3);
	expect(k.ik, 16, sets[0].f4);
	assert_true(aka_keys(AKA_V2_MD5, &v, &k));
	assert_int_equal(k.len, 16);
	expect(k.ik, 16, "81905d9d7ab8cce8b7884d599d5e6a18");
	expect(k.ck, 16, "235bedbfc6b418b8f04a63a41d31ac62");
	assert_true(aka_keys(AKA_V2_SHA256, &v, &k));
	assert_int_equal(k.len, 32);
	expect(k.ik, 32, "fbbd06c4ea1844248c6d869814d6b085a9a7d4c6bd39638d234ec121c3ed8a33");
	expect(k.ck, 32, "45978111aa3b52e1061925b0baa1b8b672095ef33ad1101f6178b0001e69fc3b");
}

static void compared(void **state)
{
	(void)state;
	assert_true(aka_response_is("0a1b", "0a1b"));
	assert_true(aka_response_is("0a1b", "0A1B"));
	assert_false(aka_response_is("0a1b", "0a1c"));
	assert_false(aka_response_is("0a1b", "0a1"));
	assert_false(aka_response_is("0a1b", "0a1b0"));
	assert_false(aka_response_is("", ""));
	assert_int_equal(aka_algorithm_find("akaV2-sha-256"), AKA_V2_SHA256);
	assert_int_equal(aka_algorithm_find("MD5"), AKA_ALGORITHMS);
	assert_int_equal(aka_algorithm_find("AKAv1-MD5-sess"), AKA_ALGORITHMS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_milenage), cmocka_unit_test(responses), cmocka_unit_test(body),
		cmocka_unit_test(keys),	       cmocka_unit_test(compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
