/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipsec_rpc.h"

#include "../aka/aka.h"
#include "../ipsec/agree.h"
#include "../ipsec/esp_keys.h"
#include "../ipsec/phones.h"
#include "../server.h"
#include "agree_rpc.h"
#include "param.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	LIFE_S = 240, /* reg-await-auth (TS 24.229 7.8), of associations that nothing came by yet */
	LIFE_MAX_S = 604800,
	ASK_MS = 1000,
	PAGE = 100,
	PAGE_MAX = 1000,
	WORD_MAX = 24,
};

static bool served(const struct server *s, struct rpc_error *err)
{
	if (s->phones)
		return true;
	rpc_fail(err, RPC_BAD_PARAMS, "there is no IPsec: ipsec.addresses is empty");
	return false;
}

/* ---- what is asked for ---- */

static bool addr_param(const json_t *params, const char *name, bool must, struct ip_addr *out,
		       struct rpc_error *err)
{
	const char *text;

	if (!must && !param(params, name))
		return true;
	text = param_text(params, name, err);
	if (!text)
		return false;
	if (ip_parse(text, out) && !ip_is_unspecified(out))
		return true;
	rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must be an IP address, not \"%.64s\"", name, text);
	return false;
}

/* Ours; without it the first of the phone's family. */
static bool local_param(const struct config *c, const json_t *params, struct ctl_ipsec *s,
			struct rpc_error *err)
{
	const struct config_ipsec *i = &c->ipsec;
	char text[ADDR_STR_MAX];

	if (!addr_param(params, "local", false, &s->local, err))
		return false;
	for (uint16_t k = 0; k < i->n_addr; k++) {
		if (param(params, "local") ? ip_eq(&i->addr[k], &s->local)
					   : ip_is_v4(&i->addr[k]) == ip_is_v4(&s->outer.ip)) {
			s->local = i->addr[k];
			break;
		}
		if (k + 1 == i->n_addr) {
			rpc_fail(err, RPC_BAD_PARAMS,
				 "ipsec.addresses has no address for a phone at %s",
				 ip_format(&s->outer.ip, text, sizeof(text)));
			return false;
		}
	}
	return ip_is_v4(&s->local) == ip_is_v4(&s->outer.ip) ||
	       rpc_fail(err, RPC_BAD_PARAMS, "\"local\" and \"remote\" are of two families");
}

static bool mode_params(const json_t *params, struct ctl_ipsec *s, struct rpc_error *err)
{
	char mod[WORD_MAX] = "trans";
	bool udp = false, esn = false;

	if (!param_copy(params, "mod", mod, sizeof(mod), err))
		return false;
	if (!agree_mode_find(mod, &s->flags)) {
		rpc_fail(err, RPC_BAD_PARAMS,
			 "\"mod\" must be trans, tun or UDP-enc-tun, not \"%s\"", mod);
		return false;
	}
	if (!param_bool(params, "udp", &udp, err) || !param_bool(params, "esn", &esn, err))
		return false;
	s->flags |= (udp ? CTL_IPSEC_UDP : 0u) | (esn ? CTL_IPSEC_ESN : 0u);
	s->inner = s->outer.ip;
	if (!(s->flags & CTL_IPSEC_TUNNEL) && param(params, "inner")) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"inner\" is of tunnel mode alone");
		return false;
	}
	return addr_param(params, "inner", false, &s->inner, err);
}

static bool transform_params(const json_t *params, struct ctl_ipsec *s, struct rpc_error *err)
{
	char alg[WORD_MAX] = "hmac-sha-1-96", ealg[WORD_MAX] = "null";

	if (!param_copy(params, "alg", alg, sizeof(alg), err) ||
	    !param_copy(params, "ealg", ealg, sizeof(ealg), err))
		return false;
	s->transform = (uint8_t)esp_transform_find(alg, ealg);
	if (s->transform == ESP_TRANSFORMS) {
		rpc_fail(err, RPC_BAD_PARAMS,
			 "alg=%s with ealg=%s is not served: hmac-sha-1-96 goes with aes-cbc or "
			 "null, null with aes-gcm, aes-gmac with null",
			 alg, ealg);
		return false;
	}
	if (s->transform == ESP_GMAC && s->flags & CTL_IPSEC_ESN) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"esn\" is not served with aes-gmac");
		return false;
	}
	return true;
}

/* A number that must be there. */
static bool number_param(const json_t *params, const char *name, uint32_t min, uint32_t max,
			 uint32_t *out, struct rpc_error *err)
{
	if (param(params, name))
		return param_uint(params, name, min, max, out, err);
	rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must be given", name);
	return false;
}

/* By its client port and its server port, or all that goes between both by one SPI. */
static bool lane_params(const struct config_ipsec *c, const json_t *params, struct ctl_ipsec *s,
			struct rpc_error *err)
{
	uint32_t spi[2] = { 0 }, port[2] = { 0 };

	s->n_lanes = param(params, "spi_s") ? 2 : 1;
	if (!number_param(params, "spi_c", ESP_SPI_MIN, UINT32_MAX, &spi[0], err))
		return false;
	if (s->n_lanes == 1 && (param(params, "port_c") || param(params, "port_s"))) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"spi_s\" must be given with ports");
		return false;
	}
	if (s->n_lanes == 2 &&
	    (!number_param(params, "spi_s", ESP_SPI_MIN, UINT32_MAX, &spi[1], err) ||
	     !number_param(params, "port_c", 1, UINT16_MAX, &port[0], err) ||
	     !number_param(params, "port_s", 1, UINT16_MAX, &port[1], err)))
		return false;
	if (s->n_lanes == 1 && !(s->flags & CTL_IPSEC_TUNNEL && config_is_inner(c, &s->inner))) {
		rpc_fail(err, RPC_BAD_PARAMS,
			 "\"spi_s\", \"port_c\" and \"port_s\" must be given, but in tunnel mode "
			 "with an "
			 "\"inner\" of ipsec.inner");
		return false;
	}
	if (s->n_lanes == 2 && (spi[0] == spi[1] || port[0] == port[1])) {
		rpc_fail(err, RPC_BAD_PARAMS,
			 "spi_c and spi_s must differ, and so must port_c and port_s");
		return false;
	}
	for (uint32_t i = 0; i < s->n_lanes; i++) {
		const uint16_t ours = i == 0 ? c->server_port : c->client_port;

		s->lane[i] = (struct ctl_ipsec_lane){
			.spi_out = spi[i],
			.remote = be16_make((uint16_t)port[i]),
			.local = be16_make(s->n_lanes == 2 ? ours : 0),
		};
	}
	return true;
}

static bool keys_params(const json_t *params, struct phone *p, struct rpc_error *err)
{
	uint8_t ck[AKA_KEY], ik[AKA_KEY];
	struct esp_keys keys;
	bool ok = false;

	if (!param_hex(params, "ck", AKA_KEY, AKA_KEY, ck, err) ||
	    !param_hex(params, "ik", AKA_KEY, AKA_KEY, ik, err))
		goto out;
	ok = esp_keys_make((enum esp_transform)p->s.transform, ck, ik, &keys);
	if (!ok)
		rpc_fail(err, RPC_INTERNAL, "OpenSSL offers no HMAC here");
	memcpy(p->key, keys.key, sizeof(p->key));
	memcpy(p->mac, keys.mac, sizeof(p->mac));
	memcpy(p->salt, keys.salt, sizeof(p->salt));
	p->keyed = true;
	OPENSSL_cleanse(&keys, sizeof(keys));
out:
	OPENSSL_cleanse(ck, sizeof(ck));
	OPENSSL_cleanse(ik, sizeof(ik));
	return ok;
}

/* Whose they are, for longer than this process lives. False if OpenSSL failed. */
static bool user_param(const json_t *params, struct phone *p, struct rpc_error *err)
{
	uint8_t md[EVP_MAX_MD_SIZE];

	if (!param_copy(params, "user", p->user, sizeof(p->user), err))
		return false;
	if (!p->user[0])
		return true;
	if (EVP_Digest(p->user, strlen(p->user), md, NULL, EVP_sha256(), NULL) != 1) {
		rpc_fail(err, RPC_INTERNAL, "OpenSSL offers no SHA-256 here");
		return false;
	}
	memcpy(&p->s.user, md, sizeof(p->s.user));
	return true;
}

static bool phone_params(const struct server *s, const json_t *params, struct phone *p,
			 struct rpc_error *err)
{
	uint32_t life = LIFE_S;

	p->s.window = (uint16_t)s->conf->ipsec.window;
	if (!addr_param(params, "remote", true, &p->s.outer.ip, err) ||
	    !local_param(s->conf, params, &p->s, err) || !mode_params(params, &p->s, err) ||
	    !transform_params(params, &p->s, err) ||
	    !lane_params(&s->conf->ipsec, params, &p->s, err) || !user_param(params, p, err) ||
	    !param_uint(params, "lifetime_s", 1, LIFE_MAX_S, &life, err))
		return false;
	p->s.expiry = server_now(s) + life;
	return keys_params(params, p, err);
}

/* ---- what is told ---- */

/* null: they are none that Security headers can tell of. */
static json_t *security_server(const struct ctl_ipsec *s)
{
	char text[AGREE_SERVER_MAX];

	if (s->n_lanes < 2)
		return json_null();
	agree_server(s, text);
	return json_string(text);
}

static json_t *lane_json(const struct ctl_ipsec_lane *l)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "spi_in", integer(l->spi_in), "spi_out",
			 integer(l->spi_out), "local_port", integer(be16_get(l->local)),
			 "remote_port", integer(be16_get(l->remote)));
}

static json_t *phone_json(const struct server *s, const struct phone *p)
{
	char name[PHONE_NAME_MAX], local[ADDR_STR_MAX], remote[ADDR_STR_MAX], inner[ADDR_STR_MAX];
	const uint32_t now = server_now(s);
	json_t *lanes = json_array();
	uint16_t sip_port;

	phones_name(p, name);
	for (uint32_t i = 0; i < p->s.n_lanes; i++)
		json_array_append_new(lanes, lane_json(&p->s.lane[i]));
	sip_port = config_sip_port(s->conf, p->worker, p->s.id.slot);
	ip_format(&p->s.local, local, sizeof(local));
	ip_format(&p->s.inner, inner, sizeof(inner));
	if (be16_get(p->s.outer.port))
		sock_addr_format(&p->s.outer, remote, sizeof(remote));
	else
		ip_format(&p->s.outer.ip, remote, sizeof(remote));
	return json_pack(
	    "{s:s, s:o, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:o, s:b, s:b, s:o, s:o, s:o}",
	    "phone", name, "user", rpc_text(p->user), "local", local, "remote", remote, "inner",
	    inner, "mod", agree_mode(p->s.flags), "udp", (p->s.flags & CTL_IPSEC_UDP) != 0, "esn",
	    (p->s.flags & CTL_IPSEC_ESN) != 0, "alg", esp_alg((enum esp_transform)p->s.transform),
	    "ealg", esp_ealg((enum esp_transform)p->s.transform), "lifetime_s",
	    integer(p->s.expiry > now ? p->s.expiry - now : 0), "used", p->used, "spent", p->spent,
	    "worker", integer(p->worker), "lanes", lanes, "sip_port",
	    sip_port && p->s.n_lanes == 2 ? integer(sip_port) : json_null());
}

/* ---- methods ---- */

json_t *rpc_ipsec_add(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct server *s = ctx;
	struct phone like = { .keyed = false }, *p;
	json_t *o = NULL, *spelled = NULL;

	if (!served(s, err) || !param_only(params, IPSEC_ADD, err) ||
	    !(spelled = agree_params(params, err)) || !phone_params(s, spelled, &like, err))
		goto out;
	switch (phones_add(s->phones, &like, &p)) {
	case PHONE_OK:
		o = phone_json(s, p);
		json_object_set_new(o, "security_server", security_server(&p->s));
		break;
	case PHONE_FULL:
		rpc_fail(err, RPC_FULL, "its worker has as many phones as ipsec.phones says");
		break;
	case PHONE_CLASH:
		rpc_fail(err, RPC_DENIED,
			 "another phone has one of these ports at that address: the phone must "
			 "choose others");
		break;
	case PHONE_AWAY:
		rpc_fail(err, RPC_AWAY, "no dataplane is attached that has told what it has");
		break;
	}
out:
	json_decref(spelled);
	OPENSSL_cleanse(&like, sizeof(like));
	return o;
}

static struct phone *phone_param(const struct server *s, const json_t *params,
				 struct rpc_error *err)
{
	const char *name = served(s, err) ? param_text(params, "phone", err) : NULL;
	struct phone *p = name ? phones_find(s->phones, name) : NULL;

	if (name && !p)
		rpc_fail(err, RPC_UNKNOWN, "there is no phone \"%.32s\"", name);
	return p;
}

json_t *rpc_ipsec_extend(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct server *s = ctx;
	struct phone *p;
	uint32_t life;

	if (!param_only(params, IPSEC_EXTEND, err) || !(p = phone_param(s, params, err)) ||
	    !number_param(params, "lifetime_s", 1, LIFE_MAX_S, &life, err))
		return NULL;
	phones_extend(s->phones, p, server_now(s) + life);
	return phone_json(s, p);
}

json_t *rpc_ipsec_list(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	uint32_t cursor = 0, limit = PAGE, scan = 0;
	char user[PHONE_USER_MAX] = "";
	struct ip_addr remote = { { 0 } };
	const struct phone *p = NULL;
	json_t *list;

	if (!served(s, err) || !param_only(params, IPSEC_LIST, err) ||
	    !param_copy(params, "user", user, sizeof(user), err) ||
	    !addr_param(params, "remote", false, &remote, err) ||
	    !param_uint(params, "cursor", 0, UINT32_MAX, &cursor, err) ||
	    !param_uint(params, "limit", 1, PAGE_MAX, &limit, err))
		return NULL;
	list = json_array();
	while (json_array_size(list) < limit && scan++ < SERVER_WALK_BUDGET &&
	       (p = phones_walk(s->phones, &cursor)) != NULL) {
		if ((!user[0] || strcmp(user, p->user) == 0) &&
		    (!param(params, "remote") || ip_eq(&remote, &p->s.outer.ip)))
			json_array_append_new(list, phone_json(s, p));
	}
	return json_pack("{s:o, s:o}", "phones", list, "cursor", p ? integer(cursor) : json_null());
}

/* ---- what a worker answers ---- */

static void counters_put(json_t *o, const struct evt_ipsec *e)
{
	json_object_set_new(o, "packets_in", integer(e->packets_in));
	json_object_set_new(o, "bytes_in", integer(e->bytes_in));
	json_object_set_new(o, "packets_out", integer(e->packets_out));
	json_object_set_new(o, "bytes_out", integer(e->bytes_out));
	json_object_set_new(o, "dropped", integer(e->dropped));
	json_object_set_new(o, "silent_s",
			    e->silent_s == UINT32_MAX ? json_null() : integer(e->silent_s));
}

struct question {
	struct rpc_later *later;
	json_t *phone; /* as it was when it was asked for */
};

static void question_done(void *arg, uint32_t worker, const union ctl_evt *e)
{
	struct question *q = arg;
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };

	if (!e)
		rpc_fail(&err, RPC_AWAY, "worker %u does not answer", worker);
	else if (e->ipsec.what != IPSEC_STATS)
		rpc_fail(&err, RPC_UNKNOWN, "the dataplane has no such associations any more");
	else
		counters_put(q->phone, &e->ipsec);
	if (e && e->ipsec.what == IPSEC_STATS) {
		rpc_reply(q->later, q->phone, &err);
	} else {
		json_decref(q->phone);
		rpc_reply(q->later, NULL, &err);
	}
	free(q);
}

/* Unless false, the answer comes. */
static bool ask(struct server *s, enum ctl_cmd_type type, struct phone *p, struct question *q,
		struct rpc_error *err)
{
	struct cmd_ipsec c = { .id = p->s.id };
	const struct asks_command command = { .type = type,
					      .cmd = &c,
					      .len = sizeof(c),
					      .holder = rpc_caller_holder(rpc_later_who(q->later)),
					      .due_ms = s->now_ms + ASK_MS };

	q->phone = phone_json(s, p);
	if (!dplink_attached(s->link))
		rpc_fail(err, RPC_AWAY, "no dataplane is attached");
	else if (asks_begin(&s->phone_asks, s->link, p->worker, &command, question_done, q))
		return true;
	else
		rpc_fail(err, RPC_FULL, "too many questions wait for the dataplane");
	json_decref(q->phone);
	return false;
}

static void phone_ask(struct server *s, enum ctl_cmd_type type, const json_t *params,
		      struct rpc_later *l)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct question *q = calloc(1, sizeof(*q));
	struct phone *p = NULL;

	if (q) {
		q->later = l;
		if (param_only(params, "phone", &err))
			p = phone_param(s, params, &err);
		if (p && ask(s, type, p, q, &err)) {
			if (type == CMD_IPSEC_DEL)
				phones_forget(s->phones, p, PHONE_END_DELETED);
			return;
		}
	}
	free(q);
	rpc_reply(l, NULL, &err);
}

void rpc_ipsec_delete(void *ctx, const json_t *params, struct rpc_later *l)
{
	phone_ask(ctx, CMD_IPSEC_DEL, params, l);
}

void rpc_ipsec_show(void *ctx, const json_t *params, struct rpc_later *l)
{
	phone_ask(ctx, CMD_IPSEC_AUDIT, params, l);
}
