/* SPDX-License-Identifier: BSD-3-Clause */
#include "token_rpc.h"

#include "../aka/token.h"
#include "../server.h"
#include "conns.h"
#include "filter.h"
#include "kill.h"
#include "param.h"
#include "stats.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

enum { SCAN_MAX = 16384, FLOW_TEXT = 48 };

/* A phone's connection. */
struct flow {
	uint32_t worker, idx, n; /* n: that were found */
	struct ctl_conn_info c;
	const struct filter *f;
};

/* ---- which connection, which certificate ---- */

static bool flow_add(void *arg, uint32_t worker, uint32_t idx, const struct ctl_conn_info *c)
{
	struct flow *flow = arg;

	if (filter_has_conn(flow->f, worker, c) && flow->n++ == 0) {
		flow->worker = worker;
		flow->idx = idx;
		flow->c = *c;
	}
	return flow->n < 2;
}

static bool flow_find(const struct server *s, const json_t *params, struct flow *flow,
		      struct rpc_error *err)
{
	struct filter f;
	uint32_t place = 0;

	if (!filter_connections(s, params, &f, err))
		return false;
	*flow = (struct flow){ .f = &f };
	if (!f.remote.given || f.remote.port == 0) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"remote\" must be the phone's address and port");
		return false;
	}
	if (!dplink_attached(s->link)) {
		rpc_fail(err, RPC_AWAY, "no dataplane is attached: there are no connections");
		return false;
	}
	conns_find(s->link, &f, SCAN_MAX, &place, flow_add, flow);
	if (flow->n == 0)
		rpc_fail(err, RPC_UNKNOWN, "there is no connection from there");
	else if (flow->n > 1)
		rpc_fail(err, RPC_BAD_PARAMS,
			 "several connections are from there: \"local\" says which");
	return flow->n == 1;
}

static void flow_text(const struct flow *flow, char text[FLOW_TEXT])
{
	snprintf(text, FLOW_TEXT, "%u-%u-%u", flow->worker, flow->idx, flow->c.gen);
}

/* The certificate it was shown. NULL: out is filled; else why there is none. */
static const char *flow_cert(const struct server *s, const struct flow *flow,
			     struct ctl_cert_info *out)
{
	static const uint8_t none[CTL_CERT_KEY];

	if (flow->c.tls_version == 0)
		return "no_tls";
	if (flow->c.tls_resumed)
		return "resumed";
	if (memcmp(flow->c.tls_cert, none, CTL_CERT_KEY) == 0)
		return "no_certificate";
	for (uint32_t i = 0; i < s->conf->n_certificate; i++)
		if (stats_cert(s->link, i, out) &&
		    memcmp(out->sha256, flow->c.tls_cert, CTL_CERT_KEY) == 0)
			return out->der_len > 0 && out->der_len <= CTL_DER_MAX ? NULL : "too_long";
	return "replaced";
}

/* ---- keys ---- */

static bool keys_params(const json_t *params, enum token_derivation *d, struct aka_keys *keys,
			struct rpc_error *err)
{
	char name[16] = "ik";

	if (!param_copy(params, "derivation", name, sizeof(name), err))
		return false;
	*d = token_derivation_find(name);
	if (*d == TOKEN_DERIVATIONS) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"derivation\" must be ik or ck-ik, not \"%s\"",
			 name);
		return false;
	}
	keys->len = param_hex(params, "ik", AKA_KEY, AKA_HASH_MAX, keys->ik, err);
	if (keys->len == 0 || *d == TOKEN_IK)
		return keys->len != 0;
	return param_hex(params, "ck", keys->len, keys->len, keys->ck, err) != 0;
}

static json_t *hex_json(const uint8_t *p, size_t len)
{
	char hex[2 * sizeof(((struct ctl_cert_info *)0)->sha256) + 1];

	aka_hex(p, len, hex);
	return json_string(hex);
}

/* ---- the methods ---- */

/* {remote, ik}: what goes into the 401, and which flow it is for. */
json_t *rpc_aka_token(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	uint8_t token[TOKEN_LEN];
	struct ctl_cert_info cert;
	enum token_derivation d;
	struct aka_keys keys;
	char text[FLOW_TEXT];
	json_t *result = NULL;
	struct flow flow;
	const char *why;

	if (!keys_params(params, &d, &keys, err) || !param_only(params, AKA_TOKEN, err) ||
	    !flow_find(s, params, &flow, err))
		goto out;
	flow_text(&flow, text);
	why = flow_cert(s, &flow, &cert);
	if (why)
		result = json_pack("{s:n, s:s, s:s}", "s_token", "why", why, "flow", text);
	else if (!token_server(d, &keys, cert.der, cert.der_len, token))
		rpc_fail(err, RPC_INTERNAL, "OpenSSL offers no HMAC here");
	else
		result = json_pack("{s:o, s:o, s:s}", "s_token", hex_json(token, TOKEN_LEN),
				   "certificate", hex_json(cert.sha256, sizeof(cert.sha256)),
				   "flow", text);
out:
	OPENSSL_cleanse(&keys, sizeof(keys));
	return result;
}

static enum token_verdict token_judge(const struct server *s, const struct flow *flow,
				      enum token_derivation d, const struct aka_keys *keys,
				      const uint8_t theirs[TOKEN_LEN])
{
	uint8_t server[TOKEN_LEN], own[TOKEN_LEN];
	struct ctl_cert_info cert;

	if (flow_cert(s, flow, &cert))
		return TOKEN_NONE;
	return token_server(d, keys, cert.der, cert.der_len, server) &&
		       token_client(d, keys, server, own) &&
		       CRYPTO_memcmp(own, theirs, TOKEN_LEN) == 0
		   ? TOKEN_RIGHT
		   : TOKEN_WRONG;
}

/* {remote, ik, flow, c_token}: the connection that any but the right one came by ends. */
json_t *rpc_aka_token_judge(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct server *s = ctx;
	uint8_t theirs[TOKEN_LEN];
	enum token_verdict v;
	enum token_derivation d;
	struct aka_keys keys;
	char text[FLOW_TEXT];
	json_t *result = NULL;
	const char *name;
	struct flow flow;
	bool ended = false;

	if (!keys_params(params, &d, &keys, err) || !param_only(params, AKA_TOKEN_JUDGE, err) ||
	    !(name = param_text(params, "flow", err)) ||
	    !param_hex(params, "c_token", TOKEN_LEN, TOKEN_LEN, theirs, err) ||
	    !flow_find(s, params, &flow, err))
		goto out;
	flow_text(&flow, text);
	v = strcmp(text, name) == 0 ? token_judge(s, &flow, d, &keys, theirs) : TOKEN_MOVED;
	s->stats.aka_tokens[v]++;
	if (v != TOKEN_RIGHT)
		ended = kill_conn(s, flow.worker, flow.idx, &flow.c);
	result = json_pack("{s:s, s:b}", "verdict", token_verdict_name[v], "ended", ended);
out:
	OPENSSL_cleanse(&keys, sizeof(keys));
	return result;
}
