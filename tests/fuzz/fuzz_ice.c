/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICE checks. An input as it is never gets further than an error: it has not the password. The same
 * attributes with the credentials behind them are judged, too; every answer is whole, and signed
 * where the sender was known.
 */
#include "../../dp/gateway/ice.h"
#include "../../dp/rate.h"
#include "../../lib/stun.h"
#include "must.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ice_key key = { "ours", "of-the-fuzzer-and-nobody-else" };
static struct sock_addr from = { .ip.b = { [10] = 0xff, 0xff, 192, 0, 2, 1 }, .port.b = { 4, 1 } };
static struct worker *w;

static const EVP_MD *md_of(bool sha256)
{
	return sha256 ? EVP_sha256() : EVP_sha1();
}

static void check_signed(const struct stun_msg *m)
{
	const struct stun_val *v = m->integrity256.val ? &m->integrity256 : &m->integrity;
	uint8_t input[ICE_REPLY_MAX], mac[EVP_MAX_MD_SIZE];
	const uint8_t *body;
	size_t len;
	unsigned int n;

	must(stun_integrity_input(m, v, input, &body, &len));
	memcpy(input + STUN_HDR_LEN, body, len);
	must(HMAC(md_of(m->integrity256.val), key.pwd, (int)strlen(key.pwd), input,
		  STUN_HDR_LEN + len, mac, &n) != NULL);
	must(v->len == n && memcmp(mac, v->val, n) == 0);
}

/* *known: the sender has the password, or so the answer says. */
static enum ice_verdict judge(const uint8_t *msg, size_t len, bool *known)
{
	uint8_t *reply = malloc(ICE_REPLY_MAX), *copy = malloc(len ? len : 1);
	enum ice_verdict v;
	struct stun_msg m;
	size_t n;
	int code;

	memcpy(copy, msg, len); /* so that a read behind its end shows */
	v = ice_check(w, &key, copy, len, &from, reply, &n);
	must(n <= ICE_REPLY_MAX && (n > 0) == (v >= ICE_REFUSED));
	*known = false;
	if (n > 0) {
		must(stun_parse(&m, reply, n) == STUN_OK && m.fingerprint.val);
		must(memcmp(m.tid, copy + 8, STUN_TID_LEN) == 0);
		code = stun_get_error(&m.error_code);
		must((m.cls == STUN_SUCCESS) == (v != ICE_REFUSED));
		must((m.cls == STUN_SUCCESS) == (code == 0));
		*known = code != 400 && code != 401;
		must(*known == (m.integrity.val || m.integrity256.val));
		if (*known)
			check_signed(&m);
	}
	free(copy);
	free(reply);
	return v;
}

/* The input's attributes with our credentials behind them: the message's length, 0: too long. */
static size_t sign(uint8_t *buf, const uint8_t *data, size_t size, bool sha256)
{
	static const uint8_t tid[STUN_TID_LEN];
	struct stun_builder b;
	size_t covered;
	uint8_t *value;

	stun_begin(&b, buf, ICE_MSG_MAX, stun_type(STUN_BINDING, STUN_REQUEST), tid);
	wr_bytes(&b.w, data, size);
	stun_put(&b, STUN_ATTR_USERNAME, "ours:theirs", 11);
	value = stun_put_integrity(
	    &b, sha256 ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY,
	    &covered);
	if (!value)
		return 0;
	HMAC(md_of(sha256), key.pwd, (int)strlen(key.pwd), buf, covered, value, NULL);
	stun_put_fingerprint(&b);
	return stun_end(&b);
}

/* Attributes that leave our USERNAME and integrity the first of their kind. */
static bool harmless(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);

	while (rd_left(&r) > 0) {
		uint16_t type = rd_u16(&r), len = rd_u16(&r);

		rd_take(&r, (len + 3u) & ~3u);
		if (r.failed || type == STUN_ATTR_USERNAME || type == STUN_ATTR_MESSAGE_INTEGRITY ||
		    type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256 || type == STUN_ATTR_FINGERPRINT)
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rate_table unlimited;
	uint8_t buf[ICE_MSG_MAX];
	bool known;
	size_t n;

	if (!w) {
		w = calloc(1, sizeof(*w));
		must(w != NULL);
		w->binding_rate = &unlimited;
	}
	judge(data, size, &known);
	must(!known);
	if (size < STUN_HDR_LEN || size > ICE_MSG_MAX)
		return 0;
	data += STUN_HDR_LEN;
	size = (size - STUN_HDR_LEN) & ~(size_t)3;
	for (int sha256 = 0; sha256 < 2; sha256++) {
		n = sign(buf, data, size, sha256);
		if (n == 0)
			continue;
		judge(buf, n, &known);
		must(known || !harmless(data, size));
	}
	return 0;
}
