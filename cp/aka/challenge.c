/* SPDX-License-Identifier: BSD-3-Clause */
#include "challenge.h"

#include "vector_source.h"

#include "../rand.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const vector_result_name[VECTOR_RESULTS] = {
	[VECTOR_RESULT_GIVEN] = "given",     [VECTOR_RESULT_REJECTED] = "rejected",
	[VECTOR_RESULT_INVALID] = "invalid", [VECTOR_RESULT_SILENT] = "silent",
	[VECTOR_RESULT_FULL] = "full",
};

const char *const challenge_verdict_name[CHALLENGE_VERDICTS] = {
	[CHALLENGE_ACCEPTED] = "accepted", [CHALLENGE_FIRST] = "first",
	[CHALLENGE_RESYNC] = "resync",	   [CHALLENGE_REFUSED] = "refused",
	[CHALLENGE_STALE] = "stale",	   [CHALLENGE_REPLAYED] = "replayed",
	[CHALLENGE_WRONG] = "wrong",
};

enum {
	WHO = 32,
	NC_DIGITS = 8,
	AUTS_TEXT = 20, /* base64 of 14 bytes, one "=" */
};

/* Bytes of a nonce, in its order: 48, so that its base64 has no "=" and only one form. */
struct nonce {
	uint8_t rand[AKA_RAND], autn[AKA_AUTN];
	uint32_t place; /* host order: nobody else reads it */
	uint8_t random[12];
};
_Static_assert(sizeof(struct nonce) == 48, "no padding");

struct challenge {
	struct nonce nonce;
	struct aka_ha1 ha1;
	uint8_t who[WHO];     /* hash of user and realm */
	uint64_t deadline_ms; /* 0: none here */
	uint32_t nc;	      /* the highest that was accepted */
	uint8_t algorithm, qop, tries;
};

/* A ring: places are taken in turn, so the next is the one that was taken first. */
struct challenges {
	uint32_t next, used;
	uint32_t touched; /* places that were ever taken, the first ones */
	uint32_t look;	  /* where challenges_over() goes on */
	uint64_t lost;
	struct challenge place[CHALLENGES_MAX];
};

struct challenges *challenges_new(void)
{
	return calloc(1, sizeof(struct challenges));
}

void challenges_free(struct challenges *t)
{
	if (t)
		OPENSSL_cleanse(t->place, sizeof(t->place));
	free(t);
}

static void challenge_end(struct challenges *t, struct challenge *c)
{
	OPENSSL_cleanse(c, sizeof(*c));
	t->used--;
}

uint32_t challenges_count(const struct challenges *t)
{
	return t ? t->used : 0;
}

uint64_t challenges_lost(const struct challenges *t)
{
	return t ? t->lost : 0;
}

/* A step a call: times differ, so who is over need not stand beside who is. */
void challenges_over(struct challenges *t, uint64_t now_ms)
{
	enum { STEP = 256 };

	for (uint32_t i = 0; t && t->used > 0 && i < STEP; i++) {
		struct challenge *c = &t->place[t->look++ % t->touched];

		if (c->deadline_ms != 0 && c->deadline_ms <= now_ms)
			challenge_end(t, c);
	}
}

/* Names with a NUL between them, which neither has. */
static bool who_of(const char *user, const char *realm, uint8_t out[WHO])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
			EVP_DigestUpdate(ctx, user, strlen(user) + 1) &&
			EVP_DigestUpdate(ctx, realm, strlen(realm)) &&
			EVP_DigestFinal_ex(ctx, out, NULL);

	EVP_MD_CTX_free(ctx);
	return ok;
}

bool challenge_make(struct challenges *t, const struct challenge_offer *o,
		    const struct aka_vector *v, char nonce[CHALLENGE_NONCE])
{
	const uint32_t place = t->next;
	struct challenge c = { .deadline_ms = o->now_ms + UINT64_C(1000) * o->life_s,
			       .algorithm = (uint8_t)o->algorithm,
			       .qop = o->qop };

	if (!who_of(o->user, o->realm, c.who) ||
	    !aka_ha1(o->algorithm, o->user, o->realm, v, &c.ha1))
		return false;
	memcpy(c.nonce.rand, v->rand, AKA_RAND);
	memcpy(c.nonce.autn, v->autn, AKA_AUTN);
	c.nonce.place = place;
	rand_bytes(c.nonce.random, sizeof(c.nonce.random));
	if (t->place[place].deadline_ms > o->now_ms && t->place[place].nc == 0)
		t->lost++;
	if (t->place[place].deadline_ms == 0)
		t->used++;
	if (t->touched <= place)
		t->touched = place + 1;
	t->place[place] = c;
	t->next = (place + 1) % CHALLENGES_MAX;
	EVP_EncodeBlock((uint8_t *)nonce, (const uint8_t *)&c.nonce, sizeof(c.nonce));
	OPENSSL_cleanse(&c, sizeof(c));
	return true;
}

/* ---- an answer ---- */

/* Whose nonce it is; NULL: nobody's. */
static struct challenge *challenge_find(struct challenges *t, const char *text, uint64_t now_ms)
{
	struct nonce n;
	struct challenge *c;

	if (strlen(text) != CHALLENGE_NONCE - 1 ||
	    EVP_DecodeBlock((uint8_t *)&n, (const uint8_t *)text, CHALLENGE_NONCE - 1) !=
		sizeof(n) ||
	    n.place >= CHALLENGES_MAX)
		return NULL;
	c = &t->place[n.place];
	return c->deadline_ms > now_ms && CRYPTO_memcmp(&n, &c->nonce, sizeof(n)) == 0 ? c : NULL;
}

static bool auts_read(const char *text, uint8_t auts[AKA_AUTS])
{
	uint8_t bytes[AUTS_TEXT / 4 * 3];

	if (strlen(text) != AUTS_TEXT || text[AUTS_TEXT - 1] != '=' ||
	    EVP_DecodeBlock(bytes, (const uint8_t *)text, AUTS_TEXT) != sizeof(bytes))
		return false;
	memcpy(auts, bytes, AKA_AUTS);
	return true;
}

/* 0: not eight digits, or a count that nobody begins with. */
static uint32_t nc_read(const char *text)
{
	return strlen(text) == NC_DIGITS && strspn(text, "0123456789abcdefABCDEF") == NC_DIGITS
		   ? (uint32_t)strtoul(text, NULL, 16)
		   : 0;
}

/* Whether it is for whom, and made as, the challenge was. */
static bool answer_fits(const struct challenge *c, const char *const *v)
{
	uint8_t who[WHO];
	uint8_t qop = 0;

	if (!v[DIGEST_USERNAME] || !v[DIGEST_REALM] || !v[DIGEST_URI] || !v[DIGEST_ALGORITHM] ||
	    !who_of(v[DIGEST_USERNAME], v[DIGEST_REALM], who) ||
	    CRYPTO_memcmp(who, c->who, WHO) != 0 ||
	    aka_algorithm_find(v[DIGEST_ALGORITHM]) != (enum aka_algorithm)c->algorithm)
		return false;
	if (!v[DIGEST_QOP]) /* less than was asked for (RFC 8760 2.6) */
		return c->qop == 0;
	if (strcasecmp(v[DIGEST_QOP], "auth") == 0)
		qop = CHALLENGE_AUTH;
	else if (strcasecmp(v[DIGEST_QOP], "auth-int") == 0)
		qop = CHALLENGE_AUTH_INT;
	return (c->qop & qop) != 0 && v[DIGEST_NC] && v[DIGEST_CNONCE];
}

static enum challenge_verdict wrong(struct challenges *t, struct challenge *c)
{
	if (++c->tries == CHALLENGE_TRIES)
		challenge_end(t, c);
	return CHALLENGE_WRONG;
}

static enum challenge_verdict response_judge(struct challenges *t, struct challenge *c,
					     const struct challenge_answer *a,
					     struct challenge_result *out)
{
	const char *const *v = a->auth->value;
	struct aka_request r = { a->method,    v[DIGEST_URI],	 v[DIGEST_NONCE], v[DIGEST_QOP],
				 v[DIGEST_NC], v[DIGEST_CNONCE], a->body,	  a->body_len };
	const enum aka_algorithm alg = (enum aka_algorithm)c->algorithm;
	const uint32_t nc = v[DIGEST_QOP] ? nc_read(v[DIGEST_NC]) : 1;
	char own[AKA_HEX_MAX];

	if (nc == 0 || !aka_response(alg, &c->ha1, &r, own) ||
	    !aka_response_is(own, v[DIGEST_RESPONSE]))
		return wrong(t, c);
	if (nc <= c->nc)
		return CHALLENGE_REPLAYED;
	c->nc = nc;
	if (v[DIGEST_QOP] && strcasecmp(v[DIGEST_QOP], "auth") == 0) {
		r.method = "";
		if (!aka_response(alg, &c->ha1, &r, out->rspauth))
			out->rspauth[0] = '\0';
	}
	if (!v[DIGEST_QOP]) /* nothing counts its uses */
		challenge_end(t, c);
	return CHALLENGE_ACCEPTED;
}

void challenge_judge(struct challenges *t, const struct challenge_answer *a,
		     struct challenge_result *out)
{
	const char *const *v = a->auth->value;
	struct challenge *c;

	memset(out, 0, sizeof(*out));
	if (!v[DIGEST_NONCE] || !*v[DIGEST_NONCE]) {
		out->verdict = CHALLENGE_FIRST;
		return;
	}
	c = challenge_find(t, v[DIGEST_NONCE], a->now_ms);
	if (!c) {
		out->verdict = CHALLENGE_STALE;
	} else if (!answer_fits(c, v)) {
		out->verdict = wrong(t, c);
	} else if (v[DIGEST_AUTS]) {
		/* Its response is made with an empty password, and proves nothing (RFC 3310 3.4).
		 */
		memcpy(out->rand, c->nonce.rand, AKA_RAND);
		out->verdict =
		    auts_read(v[DIGEST_AUTS], out->auts) ? CHALLENGE_RESYNC : CHALLENGE_WRONG;
		challenge_end(t, c);
	} else if (!v[DIGEST_RESPONSE] || !*v[DIGEST_RESPONSE]) {
		out->verdict = CHALLENGE_REFUSED;
		challenge_end(t, c);
	} else {
		out->verdict = response_judge(t, c, a, out);
	}
}
