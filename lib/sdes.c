/* SPDX-License-Identifier: BSD-3-Clause */
#include "sdes.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

const char *const sdes_verdict_name[SDES_VERDICTS] = { [SDES_OK] = "many",
						       [SDES_BAD] = "malformed",
						       [SDES_SUITE] = "suite",
						       [SDES_PARAM] = "parameter" };

enum { TAG_DIGITS = 9, LIFETIME_POWER = 48 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- words ---- */

/* Takes what is in front of the first `end` off *t; all of it if there is none. */
static struct sdp_text text_until(struct sdp_text *t, char end)
{
	struct sdp_text head = *t;
	uint32_t n = 0;

	while (n < t->len && t->at[n] != end)
		n++;
	head.len = n;
	n += n < t->len;
	t->at += n;
	t->len -= n;
	return head;
}

static bool text_has(struct sdp_text t, char c)
{
	return t.len > 0 && memchr(t.at, c, t.len) != NULL;
}

/* Digits alone, at most `digits` of them. */
static bool text_number(struct sdp_text t, uint32_t digits, uint64_t *n)
{
	uint32_t i;

	*n = 0;
	for (i = 0; i < t.len; i++) {
		if (t.at[i] < '0' || t.at[i] > '9')
			return false;
		*n = *n * 10 + (uint64_t)(t.at[i] - '0');
	}
	return t.len > 0 && t.len <= digits;
}

/* Takes a word in either case and "=" or ":" off the front. */
static bool text_begins(struct sdp_text *t, const char *word)
{
	const size_t n = strlen(word);

	if (t->len < n || strncasecmp(t->at, word, n) != 0)
		return false;
	t->at += n;
	t->len -= (uint32_t)n;
	return true;
}

/* ---- base64 (RFC 4648 4) ---- */

static int base64_value(char c)
{
	const char *p = c ? strchr(alphabet, c) : NULL;

	return p ? (int)(p - alphabet) : -1;
}

/* Exactly n bytes, with or without "=" behind them. */
static bool base64_read(struct sdp_text t, uint8_t *out, uint32_t n)
{
	const uint32_t chars = (n * 8 + 5) / 6, padded = (n + 2) / 3 * 4;
	uint32_t bits = 0, have = 0, i;

	if (t.len != chars && t.len != padded)
		return false;
	for (i = chars; i < t.len; i++)
		if (t.at[i] != '=')
			return false;
	for (i = 0; i < chars; i++) {
		const int v = base64_value(t.at[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (uint8_t)(bits >> have);
		}
	}
	return true;
}

static void base64_put(struct wr *w, const uint8_t *p, uint32_t n, bool pad)
{
	const uint32_t padded = (n + 2) / 3 * 4;
	uint32_t bits = 0, have = 0, chars = 0, i;

	for (i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		for (have += 8; have >= 6; chars++) {
			have -= 6;
			wr_u8(w, (uint8_t)alphabet[bits >> have & 63]);
		}
	}
	if (have > 0) {
		wr_u8(w, (uint8_t)alphabet[bits << (6 - have) & 63]);
		chars++;
	}
	for (; pad && chars < padded; chars++)
		wr_u8(w, '=');
}

/* ---- keys (RFC 4568 6.1) ---- */

/* "1000" or "2^20" */
static bool lifetime_read(struct sdp_text t, uint64_t *lifetime)
{
	const uint64_t most = UINT64_C(1) << LIFETIME_POWER;
	uint64_t power;

	if (text_begins(&t, "2^")) {
		if (!text_number(t, 2, &power) || power > LIFETIME_POWER)
			return false;
		*lifetime = UINT64_C(1) << power;
		return true;
	}
	return text_number(t, 15, lifetime) && *lifetime > 0 && *lifetime <= most;
}

/* "1:4": a number, and in how many bytes it is sent. */
static bool mki_read(struct sdp_text t, struct sdes_key *k)
{
	uint64_t len;

	if (!text_number(text_until(&t, ':'), 19, &k->mki) || !text_number(t, 3, &len) || len < 1 ||
	    len > SDES_MKI_MAX)
		return false;
	k->mki_len = (uint8_t)len;
	return len >= sizeof(k->mki) || k->mki >> (8 * len) == 0;
}

/* "inline:KEYSALT", "|LIFETIME" and "|MKI:LENGTH", either of which may be missing. */
static bool key_read(struct sdp_text t, const struct srtp_suite_desc *d, struct sdes_key *k)
{
	struct sdp_text part;

	if (!text_begins(&t, "inline:") ||
	    !base64_read(text_until(&t, '|'), k->master, d->key + d->salt))
		return false;
	part = text_until(&t, '|');
	if (part.len > 0 && !text_has(part, ':')) {
		if (!lifetime_read(part, &k->lifetime))
			return false;
		part = text_until(&t, '|');
	}
	return t.len == 0 && (part.len == 0 || mki_read(part, k));
}

/* Several are told apart by their MKI, which has one length then. */
static bool keys_differ(const struct sdes_crypto *c)
{
	int i, j;

	for (i = 0; i < c->keys; i++)
		for (j = 0; j < i; j++)
			if (c->key[i].mki_len == 0 || c->key[i].mki_len != c->key[j].mki_len ||
			    c->key[i].mki == c->key[j].mki)
				return false;
	return true;
}

static enum sdes_verdict keys_read(struct sdp_text t, struct sdes_crypto *c)
{
	const struct srtp_suite_desc *d = &srtp_suite_desc[c->suite];

	do {
		if (c->keys == SDES_KEYS)
			return SDES_PARAM;
		if (!key_read(text_until(&t, ';'), d, &c->key[c->keys++]))
			return SDES_BAD;
	} while (t.len > 0);
	return keys_differ(c) ? SDES_OK : SDES_BAD;
}

/* ---- session parameters (RFC 4568 6.3) ---- */

static enum sdes_verdict param_read(struct sdp_text t, struct sdes_crypto *c)
{
	const bool gcm = c->suite == SRTP_GCM_128 || c->suite == SRTP_GCM_256;
	uint64_t n;

	if (text_begins(&t, "WSH=")) {
		if (!text_number(t, 9, &n) || n < SDES_WINDOW_MIN)
			return SDES_BAD;
		c->window = (uint32_t)n;
		return SDES_OK;
	}
	if (text_begins(&t, "KDR="))
		return text_number(t, 2, &n) && n == 0 ? SDES_OK : SDES_PARAM;
	/* AES-GCM is not specified without its cipher (RFC 7714). */
	if (sdp_text_is_nocase(t, "UNENCRYPTED_SRTP") && !gcm) {
		c->clear_rtp = true;
		return SDES_OK;
	}
	if (sdp_text_is_nocase(t, "UNENCRYPTED_SRTCP") && !gcm) {
		c->clear_rtcp = true;
		return SDES_OK;
	}
	/* What begins with "-" may be ignored, and nothing else that is not known. */
	return t.at[0] == '-' ? SDES_OK : SDES_PARAM;
}

static enum sdes_verdict crypto_read(struct sdp_text t, struct sdes_crypto *c)
{
	struct sdp_text word;
	enum sdes_verdict v;
	uint64_t tag;

	if (!sdp_word(&t, &word) || !text_number(word, TAG_DIGITS, &tag))
		return SDES_BAD;
	c->tag = (uint32_t)tag;
	if (!sdp_word(&t, &word))
		return SDES_BAD;
	c->suite = (uint8_t)srtp_suite_find(word.at, word.len);
	if (c->suite == SRTP_SUITES)
		return SDES_SUITE;
	if (!sdp_word(&t, &word))
		return SDES_BAD;
	v = keys_read(word, c);
	while (v == SDES_OK && sdp_word(&t, &word))
		v = param_read(word, c);
	return v;
}

enum sdes_verdict sdes_parse(struct sdp_text t, struct sdes_crypto *c)
{
	enum sdes_verdict v;

	memset(c, 0, sizeof(*c));
	v = crypto_read(t, c);
	if (v != SDES_OK)
		explicit_bzero(c, sizeof(*c));
	return v;
}

/* ---- writing ---- */

static void number_put(struct wr *w, const char *before, uint64_t n)
{
	char text[24];

	wr_bytes(w, before, strlen(before));
	wr_bytes(w, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, n));
}

static void key_put(struct wr *w, const struct sdes_crypto *c, const struct sdes_key *k, bool pad)
{
	const struct srtp_suite_desc *d = &srtp_suite_desc[c->suite];

	wr_bytes(w, "inline:", 7);
	base64_put(w, k->master, d->key + d->salt, pad);
	if (k->lifetime && (k->lifetime & (k->lifetime - 1)) == 0)
		number_put(w, "|2^", (uint64_t)__builtin_ctzll(k->lifetime));
	else if (k->lifetime)
		number_put(w, "|", k->lifetime);
	if (k->mki_len == 0)
		return;
	number_put(w, "|", k->mki);
	number_put(w, ":", k->mki_len);
}

void sdes_put(struct wr *w, const struct sdes_crypto *c, bool pad)
{
	const char *suite = srtp_suite_desc[c->suite].name;
	uint8_t i;

	number_put(w, "", c->tag);
	wr_u8(w, ' ');
	wr_bytes(w, suite, strlen(suite));
	for (i = 0; i < c->keys; i++) {
		wr_u8(w, i == 0 ? ' ' : ';');
		key_put(w, c, &c->key[i], pad);
	}
	if (c->clear_rtp)
		wr_bytes(w, " UNENCRYPTED_SRTP", 17);
	if (c->clear_rtcp)
		wr_bytes(w, " UNENCRYPTED_SRTCP", 18);
	if (c->window)
		number_put(w, " WSH=", c->window);
}

/* ---- offer and answer ---- */

int sdes_choose(const struct sdes_crypto *offer, int n, uint32_t suites)
{
	int i;

	for (i = 0; i < n; i++)
		if (suites >> offer[i].suite & 1)
			return i;
	return -1;
}

int sdes_answered(const struct sdes_crypto *offer, int n, const struct sdes_crypto *answer)
{
	int i;

	for (i = 0; i < n; i++)
		if (offer[i].tag == answer->tag && offer[i].suite == answer->suite &&
		    offer[i].clear_rtp == answer->clear_rtp &&
		    offer[i].clear_rtcp == answer->clear_rtcp)
			return i;
	return -1;
}

static bool key_same(const struct sdes_key *a, const struct sdes_key *b, size_t len)
{
	uint8_t differ = 0;
	size_t i;

	for (i = 0; i < len; i++)
		differ |= a->master[i] ^ b->master[i];
	return differ == 0 && a->mki_len == b->mki_len && a->mki == b->mki;
}

bool sdes_same(const struct sdes_crypto *a, const struct sdes_crypto *b)
{
	const struct srtp_suite_desc *d = &srtp_suite_desc[a->suite];
	uint8_t i;

	if (a->suite != b->suite || a->keys != b->keys || a->clear_rtp != b->clear_rtp ||
	    a->clear_rtcp != b->clear_rtcp)
		return false;
	for (i = 0; i < a->keys; i++)
		if (!key_same(&a->key[i], &b->key[i], d->key + d->salt))
			return false;
	return true;
}
