/* SPDX-License-Identifier: BSD-3-Clause */
#include "aka_rpc.h"

#include "../aka/challenge.h"
#include "../server.h"
#include "param.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { IDENTITY_MAX = 256, LIFE_MAX_S = 3600, HEADER_MAX = 1024 };

/* Made when it is asked for: most nodes need none. */
static struct challenges *table_of(struct server *s, struct rpc_error *err)
{
	if (!s->challenges)
		s->challenges = challenges_new();
	if (!s->challenges)
		rpc_fail(err, RPC_INTERNAL, "not enough memory");
	return s->challenges;
}

/* ---- a challenge ---- */

/* What stands in quotes, or is hashed, as it is. */
static const char *name_param(const json_t *params, const char *name, struct rpc_error *err)
{
	const char *s = param_text(params, name, err);
	const char *p = s;

	while (p && *p && (unsigned char)*p >= ' ' && *p != 0x7f && *p != '"' && *p != '\\')
		p++;
	if (p && (*p || p == s || p - s >= IDENTITY_MAX)) {
		rpc_fail(err, RPC_BAD_PARAMS,
			 "\"%s\" must have 1 to %u bytes, without quotes, backslashes and control "
			 "characters",
			 name, IDENTITY_MAX - 1);
		return NULL;
	}
	return s;
}

static bool vector_params(const json_t *params, struct aka_vector *v, struct rpc_error *err)
{
	v->xres_len = param_hex(params, "xres", AKA_RES_MIN, AKA_RES_MAX, v->xres, err);
	return v->xres_len && param_hex(params, "ck", AKA_KEY, AKA_KEY, v->ck, err) &&
	       param_hex(params, "ik", AKA_KEY, AKA_KEY, v->ik, err) &&
	       param_hex(params, "rand", AKA_RAND, AKA_RAND, v->rand, err) &&
	       param_hex(params, "autn", AKA_AUTN, AKA_AUTN, v->autn, err);
}

static bool algorithm_param(const json_t *params, enum aka_algorithm *a, struct rpc_error *err)
{
	char name[32] = "AKAv1-MD5";

	if (!param_copy(params, "algorithm", name, sizeof(name), err))
		return false;
	*a = aka_algorithm_find(name);
	if (*a != AKA_ALGORITHMS)
		return true;
	rpc_fail(err, RPC_BAD_PARAMS,
		 "\"algorithm\" must be AKAv1-MD5, AKAv2-MD5 or AKAv2-SHA-256, not \"%s\"", name);
	return false;
}

static const struct {
	const char *text;
	uint8_t qop;
} qops[] = {
	{ "auth", CHALLENGE_AUTH },
	{ "auth-int", CHALLENGE_AUTH_INT },
	{ "auth,auth-int", CHALLENGE_AUTH | CHALLENGE_AUTH_INT },
	{ "", 0 },
};

/* The text is one of those above. */
static const char *qop_param(const json_t *params, uint8_t *qop, struct rpc_error *err)
{
	char text[16] = "auth";

	if (!param_copy(params, "qop", text, sizeof(text), err))
		return NULL;
	for (size_t i = 0; i < sizeof(qops) / sizeof(qops[0]); i++)
		if (strcmp(text, qops[i].text) == 0) {
			*qop = qops[i].qop;
			return qops[i].text;
		}
	rpc_fail(err, RPC_BAD_PARAMS,
		 "\"qop\" must be auth, auth-int, \"auth,auth-int\", or empty for none");
	return NULL;
}

static json_t *key_json(const uint8_t *key, size_t len)
{
	char hex[2 * AKA_HASH_MAX + 1];
	json_t *o;

	aka_hex(key, len, hex);
	o = json_string(hex);
	OPENSSL_cleanse(hex, sizeof(hex));
	return o;
}

static json_t *challenge_json(struct challenges *t, const struct challenge_offer *o,
			      const struct aka_vector *v, const char *qop, bool stale,
			      struct rpc_error *err)
{
	char nonce[CHALLENGE_NONCE], header[HEADER_MAX];
	struct aka_keys keys;
	json_t *result;

	if (!aka_keys(o->algorithm, v, &keys) || !challenge_make(t, o, v, nonce))
		return rpc_fail(err, RPC_INTERNAL, "OpenSSL offers no MD5 here");
	/* One value of qop needs quotes as several do (RFC 3261 25.1). */
	snprintf(header, sizeof(header), "Digest realm=\"%s\", nonce=\"%s\", algorithm=%s%s%s%s%s",
		 o->realm, nonce, aka_algorithm_name[o->algorithm], *qop ? ", qop=\"" : "", qop,
		 *qop ? "\"" : "", stale ? ", stale=true" : "");
	result = json_pack("{s:o, s:s, s:o, s:o, s:o}", "www_authenticate", rpc_text(header),
			   "nonce", nonce, "ck", key_json(keys.ck, keys.len), "ik",
			   key_json(keys.ik, keys.len), "lifetime_s", integer(o->life_s));
	OPENSSL_cleanse(&keys, sizeof(keys));
	return result;
}

/* What was asked for, while a home network is asked for its vector. */
struct asked {
	struct rpc_later *later;
	char user[IDENTITY_MAX], realm[IDENTITY_MAX];
	const char *qop;
	bool stale;
	struct challenge_offer offer;
};

static void vector_came(void *arg, enum vector_result r, const struct aka_vector *v)
{
	static const struct rpc_error no[VECTOR_RESULTS] = {
		[VECTOR_RESULT_REJECTED] = { RPC_UNKNOWN,
					     "the home network gives no vector for this user" },
		[VECTOR_RESULT_INVALID] = { RPC_AWAY, "what the home network gave is not a whole "
						      "vector in aka.attributes" },
		[VECTOR_RESULT_SILENT] = { RPC_AWAY, "none of aka.servers answers" },
		[VECTOR_RESULT_FULL] = { RPC_FULL, "too many vectors are asked for now" },
	};
	struct asked *a = arg;
	struct server *s = rpc_later_ctx(a->later);
	struct rpc_error err = no[r];
	struct challenges *t = v ? table_of(s, &err) : NULL;
	json_t *result = NULL;

	s->stats.aka_vectors[r]++;
	a->offer.now_ms = s->now_ms;
	if (t)
		result = challenge_json(t, &a->offer, v, a->qop, a->stale, &err);
	rpc_reply(a->later, result, &err);
	free(a);
}

static bool asker_gone(void *arg)
{
	const struct asked *a = arg;

	return rpc_later_gone(a->later);
}

/* Resynchronisation has RAND of the old challenge, and AUTS. */
static bool vector_ask(struct server *s, const json_t *params, struct asked *a,
		       struct rpc_error *err)
{
	uint8_t rand[AKA_RAND], auts[AKA_AUTS];
	struct vector_question q = { .user = a->user };

	if (param(params, "autn") || param(params, "ck") || param(params, "ik") ||
	    !param(params, "rand") != !param(params, "auts")) {
		rpc_fail(err, RPC_BAD_PARAMS,
			 "a vector is all of rand, autn, xres, ck and ik; without xres there is "
			 "neither, or rand and auts of a resynchronisation");
		return false;
	}
	if (param(params, "auts")) {
		if (!param_hex(params, "rand", AKA_RAND, AKA_RAND, rand, err) ||
		    !param_hex(params, "auts", AKA_AUTS, AKA_AUTS, auts, err))
			return false;
		q.rand = rand;
		q.auts = auts;
	}
	if (!s->vectors) {
		rpc_fail(err, RPC_BAD_PARAMS,
			 "\"xres\" is missing, and there are no aka.servers to ask for a vector");
		return false;
	}
	if (strlen(a->user) > VECTOR_USER_MAX) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"user\" is longer than RADIUS takes, %u bytes",
			 VECTOR_USER_MAX);
		return false;
	}
	s->vectors->ask(s->vectors, &q, vector_came, asker_gone, a);
	return true;
}

static bool offer_params(const json_t *params, struct asked *a, struct rpc_error *err)
{
	const char *user, *realm;

	if (!param_only(params, AKA_CHALLENGE, err) || !(user = name_param(params, "user", err)) ||
	    !(realm = name_param(params, "realm", err)) ||
	    !algorithm_param(params, &a->offer.algorithm, err) ||
	    !(a->qop = qop_param(params, &a->offer.qop, err)) ||
	    !param_bool(params, "stale", &a->stale, err) ||
	    !param_uint(params, "lifetime_s", 1, LIFE_MAX_S, &a->offer.life_s, err))
		return false;
	snprintf(a->user, sizeof(a->user), "%s", user);
	snprintf(a->realm, sizeof(a->realm), "%s", realm);
	a->offer.user = a->user;
	a->offer.realm = a->realm;
	return true;
}

static json_t *challenge_now(struct server *s, const json_t *params, const struct asked *a,
			     struct rpc_error *err)
{
	struct aka_vector v = { .xres_len = 0 };
	struct challenges *t = NULL;
	json_t *result = NULL;

	if (param(params, "auts"))
		rpc_fail(err, RPC_BAD_PARAMS, "\"auts\" is for who has no vector: without xres");
	else if (vector_params(params, &v, err) && (t = table_of(s, err)) != NULL)
		result = challenge_json(t, &a->offer, &v, a->qop, a->stale, err);
	OPENSSL_cleanse(&v, sizeof(v));
	return result;
}

/* {user, realm, rand, autn, xres, ck, ik}, or without a vector: what goes into the 401. */
void rpc_aka_challenge(void *ctx, const json_t *params, struct rpc_later *l)
{
	struct server *s = ctx;
	struct asked *a = calloc(1, sizeof(*a));
	struct rpc_error err = { RPC_INTERNAL, "not enough memory" };
	json_t *result = NULL;

	if (a) {
		a->later = l;
		a->offer.now_ms = s->now_ms;
		a->offer.life_s = CHALLENGE_LIFE_S;
	}
	if (a && offer_params(params, a, &err)) {
		if (!param(params, "xres") && vector_ask(s, params, a, &err))
			return;
		if (param(params, "xres"))
			result = challenge_now(s, params, a, &err);
	}
	rpc_reply(l, result, &err);
	free(a);
}

/* ---- an answer ---- */

static json_t *text_or_null(const char *s)
{
	return s ? rpc_text(s) : json_null();
}

/* What goes into the 200, so that the phone knows who answers (RFC 3310 3.5). */
static void info_put(json_t *o, const char *const *v, const struct challenge_result *r)
{
	char header[HEADER_MAX];
	int n;

	if (!*r->rspauth || strpbrk(v[DIGEST_CNONCE], "\"\\"))
		return;
	n = snprintf(header, sizeof(header), "qop=auth, rspauth=\"%s\", cnonce=\"%s\", nc=%s",
		     r->rspauth, v[DIGEST_CNONCE], v[DIGEST_NC]);
	if (n < HEADER_MAX)
		json_object_set_new(o, "authentication_info", rpc_text(header));
}

static json_t *judged_json(const char *const *v, const struct challenge_result *r)
{
	json_t *o = json_pack("{s:s, s:o, s:o, s:o}", "verdict", challenge_verdict_name[r->verdict],
			      "user", text_or_null(v[DIGEST_USERNAME]), "realm",
			      text_or_null(v[DIGEST_REALM]), "uri", text_or_null(v[DIGEST_URI]));

	if (r->verdict == CHALLENGE_ACCEPTED)
		info_put(o, v, r);
	if (r->verdict == CHALLENGE_RESYNC) {
		json_object_set_new(o, "rand", key_json(r->rand, sizeof(r->rand)));
		json_object_set_new(o, "auts", key_json(r->auts, sizeof(r->auts)));
	}
	return o;
}

/* {authorization, method, body}: user, realm and uri are the phone's words until it is accepted. */
json_t *rpc_aka_judge(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct server *s = ctx;
	struct challenge_answer a = { .now_ms = s->now_ms, .body = "" };
	struct challenge_result r;
	struct digest_auth auth;
	const char *text;

	if (!param_only(params, AKA_JUDGE, err) ||
	    !(text = param_text(params, "authorization", err)) ||
	    !(a.method = param_text(params, "method", err)) ||
	    (param(params, "body") && !(a.body = param_text(params, "body", err))))
		return NULL;
	if (!digest_auth_parse(text, strlen(text), &auth))
		return rpc_fail(err, RPC_BAD_PARAMS,
				"\"authorization\" must be the value of an Authorization header of "
				"Digest");
	if (!table_of(s, err))
		return NULL;
	a.auth = &auth;
	a.body_len = strlen(a.body);
	challenge_judge(s->challenges, &a, &r);
	s->stats.aka_judged[r.verdict]++;
	return judged_json(auth.value, &r);
}
