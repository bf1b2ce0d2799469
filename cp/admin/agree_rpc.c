/* SPDX-License-Identifier: BSD-3-Clause */
#include "agree_rpc.h"

#include "../ipsec/agree.h"
#include "../ipsec/phones.h"
#include "../server.h"
#include "param.h"

#include <string.h>
#include <strings.h>

/* What the phone is to be answered where there is no agreement (RFC 3261 21.4.1, RFC 3329 2.3.2).
 */
enum { SIP_BAD_REQUEST = 400, SIP_AGREEMENT_REQUIRED = 494, WORDS_MAX = 64 };

static const char *const numbers[] = { "spi_c", "spi_s", "port_c", "port_s" };

/* IPsec alone, unless something else is asked for: "tls, ipsec-3gpp". */
static bool wish_params(const json_t *params, struct agree_wish *out, struct rpc_error *err)
{
	char text[WORDS_MAX] = "ipsec-3gpp";
	struct sec_list list;

	*out = (struct agree_wish){ .n = 0 };
	if (!param_copy(params, "mechanisms", text, sizeof(text), err) ||
	    !param_bool(params, "nat", &out->nat, err))
		return false;
	if (!sec_list_parse(text, strlen(text), &list))
		goto bad;
	for (uint32_t i = 0; i < list.n; i++) {
		int m = 0;

		while (m < AGREE_MECHANISMS &&
		       strcasecmp(list.mechanism[i].name, agree_mechanism_name[m]) != 0)
			m++;
		if (m == AGREE_MECHANISMS || out->n == AGREE_MECHANISMS)
			goto bad;
		out->mechanism[out->n++] = (enum agree_mechanism)m;
	}
	return true;
bad:
	rpc_fail(err, RPC_BAD_PARAMS,
		 "\"mechanisms\" must be of ipsec-3gpp and tls, the preferred first, not \"%s\"",
		 text);
	return false;
}

static bool wishes(const struct agree_wish *wish, enum agree_mechanism m)
{
	for (uint32_t i = 0; i < wish->n; i++) {
		if (wish->mechanism[i] == m)
			return true;
	}
	return false;
}

static const char *list_param(const json_t *params, const char *name, struct sec_list *out,
			      bool *readable, struct rpc_error *err)
{
	const char *text = param_text(params, name, err);

	*readable = text && sec_list_parse(text, strlen(text), out);
	return text;
}

/* Where there is agreement *choice is what it is of. */
static bool client_choose(const json_t *params, struct agree_choice *choice,
			  enum agree_verdict *verdict, struct rpc_error *err)
{
	struct agree_wish wish;
	struct sec_list client;
	bool readable;

	if (!wish_params(params, &wish, err) ||
	    !list_param(params, "security_client", &client, &readable, err))
		return false;
	*verdict = readable ? agree_choose(&client, &wish, choice) : AGREE_MALFORMED;
	return true;
}

/* ---- what becomes parameters of ipsec.add ---- */

/* alg to port_s, as they are called there. */
static void choice_put(json_t *o, const struct agree_choice *c)
{
	const uint32_t value[] = { c->spi_c, c->spi_s, c->port_c, c->port_s };

	json_object_set_new(o, "alg", json_string(esp_alg(c->transform)));
	json_object_set_new(o, "ealg", json_string(esp_ealg(c->transform)));
	json_object_set_new(o, "mod", json_string(agree_mode(c->flags)));
	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++)
		json_object_set_new(o, numbers[i], integer(value[i]));
}

json_t *agree_params(const json_t *params, struct rpc_error *err)
{
	static const char *const words[] = { "alg", "ealg", "mod" };
	struct agree_choice c;
	enum agree_verdict verdict;
	bool twice = false;
	json_t *o;

	if (param(params, "security_client")) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			twice = twice || param(params, words[i]);
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			twice = twice || param(params, numbers[i]);
		if (twice)
			return rpc_fail(err, RPC_BAD_PARAMS,
					"\"security_client\" stands for alg, ealg, mod, spi_c, "
					"spi_s, port_c and port_s: only one of both can be given");
		if (!client_choose(params, &c, &verdict, err))
			return NULL;
		if (verdict != AGREE_OK)
			return rpc_fail(err, RPC_BAD_PARAMS,
					"\"security_client\" leads to no association: %s",
					agree_verdict_name[verdict]);
	} else if (param(params, "nat")) {
		return rpc_fail(err, RPC_BAD_PARAMS, "\"nat\" is of \"security_client\" alone");
	}
	o = params ? json_copy((json_t *)(uintptr_t)params) : json_object();
	if (o && param(params, "security_client"))
		choice_put(o, &c);
	return o ? o : rpc_fail(err, RPC_INTERNAL, "not enough memory");
}

/* ---- methods ---- */

static json_t *verdict_json(struct server *s, enum agree_verdict verdict)
{
	json_t *o = json_pack("{s:s}", "verdict", agree_verdict_name[verdict]);

	s->stats.sec_agreed[verdict]++;
	if (verdict != AGREE_OK)
		json_object_set_new(
		    o, "status",
		    integer(verdict == AGREE_MALFORMED ? SIP_BAD_REQUEST : SIP_AGREEMENT_REQUIRED));
	return o;
}

/* {security_client}: what is taken of it. */
json_t *rpc_ipsec_agree(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct agree_choice c;
	enum agree_verdict verdict;
	char text[AGREE_SERVER_MAX];
	json_t *o;

	if (!param_only(params, IPSEC_AGREE, err) || !client_choose(params, &c, &verdict, err))
		return NULL;
	o = verdict_json(ctx, verdict);
	if (verdict != AGREE_OK)
		return o;
	json_object_set_new(o, "mechanism", json_string(agree_mechanism_name[c.mechanism]));
	if (c.mechanism == AGREE_IPSEC) {
		choice_put(o, &c);
	} else {
		agree_server(NULL, text);
		json_object_set_new(o, "security_server", json_string(text));
	}
	return o;
}

/* A phone that is there, whose associations are what Security headers tell. NULL without *err: none
 * is named. */
static const struct phone *phone_param(const struct server *s, const json_t *params,
				       struct rpc_error *err)
{
	const char *name = param(params, "phone") ? param_text(params, "phone", err) : NULL;
	const struct phone *p = name && s->phones ? phones_find(s->phones, name) : NULL;

	if (name && !p)
		rpc_fail(err, RPC_UNKNOWN, "there is no phone \"%.32s\"", name);
	else if (p && p->s.n_lanes < 2)
		rpc_fail(err, RPC_BAD_PARAMS,
			 "phone \"%.32s\" has one association for all ports, of which Security "
			 "headers cannot tell",
			 name);
	return p && p->s.n_lanes == 2 ? p : NULL;
}

/* {security_verify, security_client, phone}: whether nobody has changed what was agreed. */
json_t *rpc_ipsec_verify(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct server *s = ctx;
	struct sec_list client, verify;
	struct agree_wish wish;
	const struct phone *p;
	bool readable, readable_too = true;

	if (!param_only(params, IPSEC_VERIFY, err) || !wish_params(params, &wish, err) ||
	    !list_param(params, "security_verify", &verify, &readable, err) ||
	    (param(params, "security_client") &&
	     !list_param(params, "security_client", &client, &readable_too, err)))
		return NULL;
	p = phone_param(s, params, err);
	if (!p && param(params, "phone"))
		return NULL;
	/* Else the constant that Security-Server is of TLS would do for anybody. */
	if (!p && !wishes(&wish, AGREE_TLS))
		return rpc_fail(err, RPC_BAD_PARAMS,
				"\"phone\" must be given, unless \"mechanisms\" has tls");
	if (!readable || !readable_too)
		return verdict_json(s, AGREE_MALFORMED);
	return verdict_json(s, agree_judge(p ? &p->s : NULL, &wish,
					   param(params, "security_client") ? &client : NULL,
					   &verify));
}
