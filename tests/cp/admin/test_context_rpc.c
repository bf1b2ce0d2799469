/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Methods for controllers (R32) over a gateway of the tests' own. Pins: what each field of a
 * termination becomes, what is taken where none is given, and that a change leaves the others;
 * that what is wrong is refused by name and nothing done; what answers tell; that counters and
 * events are waited for, and that controllers that go leave nothing behind.
 */
#include "tests/world/unit.h"

#include "cp/admin/context_events.h"
#include "cp/admin/context_rpc.h"
#include "tests/world/fake_gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOW = 1000 };

static const struct rpc_method methods[] = {
	{ "contexts", .call = rpc_contexts },
	{ "context.add", .call = rpc_context_add },
	{ "context.modify", .call = rpc_context_modify },
	{ "context.subtract", .call = rpc_context_subtract },
	{ "context.move", .call = rpc_context_move },
	{ "context.delete", .later = rpc_context_delete },
	{ "context.show", .later = rpc_context_show },
	{ "context.events", .later = rpc_context_events },
};

static struct fixture {
	struct config conf;
	struct server server;
	struct gateway gateway;
	struct event_base *base;
} f;

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	f.conf.n_realm = 2;
	strcpy(f.conf.realm[0].name, "access");
	strcpy(f.conf.realm[1].name, "core");
	f.conf.n_domain = 2;
	strcpy(f.conf.domain[0].name, "default");
	strcpy(f.conf.domain[1].name, "strict");
	f.server.conf = &f.conf;
	f.server.now_ms = NOW * 1000;
	f.server.gateway = &f.gateway;
	f.server.link = dplink_create(&f.conf, &f.server);
	assert_non_null(f.server.link);
	f.base = event_base_new();
	assert_true(context_events_open(&f.server, f.base));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	context_events_close(&f.server);
	event_base_free(f.base);
	dplink_free(f.server.link);
	return 0;
}

/* ---- calls ---- */

/* The reply to a request with parameters in JSON that may use ' for ". */
static json_t *reply_to(const char *method, const char *params, struct rpc_later **later)
{
	char line[4096], *answer;
	int n = snprintf(line, sizeof(line),
			 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method,
			 params);
	json_t *j = NULL;

	assert_in_range(n, 1, sizeof(line) - 1);
	for (char *p = line; *p; p++)
		if (*p == '\'')
			*p = '"';
	answer = rpc_answer(methods, N_OF(methods), &f.server, line, (size_t)n, later);
	if (answer)
		j = json_loads(answer, 0, NULL);
	assert_true(j || (later && *later));
	free(answer);
	return j;
}

/* What the last call answered; valid until the next. */
static json_t *last;

static json_t *taken(const char *method, const char *params)
{
	json_t *r;

	json_decref(last);
	last = reply_to(method, params, NULL);
	r = json_object_get(last, "result");
	if (!r)
		fail_msg("refused: %s", json_string_value(json_object_get(
					    json_object_get(last, "error"), "message")));
	return r;
}

static void refused_as(int code, const char *why, const char *method, const char *params)
{
	const json_t *e;
	const char *text;

	json_decref(last);
	last = reply_to(method, params, NULL);
	e = json_object_get(last, "error");
	text = json_string_value(json_object_get(e, "message"));
	if (!text)
		fail_msg("taken: %s", params);
	if (!strstr(text, why))
		fail_msg("\"%s\" is not in \"%s\"", why, text);
	assert_int_equal(json_integer_value(json_object_get(e, "code")), code);
}

static const json_t *at(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!v)
		fail_msg("no member %s", key);
	return v;
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(at(o, key));

	if (!s)
		fail_msg("%s is no string", key);
	return s;
}

static const json_t *term(const json_t *context, size_t side)
{
	return json_array_get(at(context, "terminations"), side);
}

static void assert_addr(const struct sock_addr *a, const char *text)
{
	char buf[ADDR_STR_MAX];

	assert_string_equal(sock_addr_format(a, buf, sizeof(buf)), text);
}

/* ---- add ---- */

#define SHA1 "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33"

static void udp_all(void **state)
{
	const struct term_spec *w = &f.gateway.spec[0];
	const json_t *c, *t;

	(void)state;
	c = taken(
	    "context.add",
	    "{'call':'c1','media':2,'hold':true,'lifetime':100,'inactivity':0,'terminations':["
	    "{'transport':'udp','realm':'core','family':6,'port':30000,"
	    "'remote':'[fd00::2]:4000','rtcp_remote':'[fd00::3]:4001','latch':'address',"
	    "'gate':'in','silent':true,'rtp':true,'rtcp_mux':true,'ice':true,'ice_restart':true,'"
	    "dscp':46,'rate':"
	    "1000,"
	    "'burst':2000,'inactivity':7,'notify':['latched','inactive'],'tag':'x'}]}");
	assert_string_equal(f.gateway.plan.call, "c1");
	assert_int_equal(f.gateway.plan.media, 2);
	assert_int_equal(f.gateway.plan.flags, CONTEXT_HOLD);
	assert_int_equal(f.gateway.plan.lifetime, 100);
	assert_int_equal(f.gateway.plan.inactivity, 0);
	assert_null(f.gateway.plan.near);
	assert_int_equal(w->term.transport, TERM_UDP);
	assert_int_equal(w->realm, 1);
	assert_true(w->v6);
	assert_int_equal(w->port, 30000);
	assert_addr(&w->term.remote[0], "[fd00::2]:4000");
	assert_addr(&w->term.remote[1], "[fd00::3]:4001");
	assert_int_equal(w->term.flags, TERM_IN | TERM_SILENT | TERM_RTP | TERM_RTCP_MUX |
					    TERM_ICE | TERM_LATCH | TERM_LATCH_ADDR);
	assert_true(w->restart);
	assert_int_equal(w->term.dscp, 46);
	assert_int_equal(w->term.rate, 1000);
	assert_int_equal(w->term.burst, 2000);
	assert_int_equal(w->term.inactivity, 7);
	assert_int_equal(w->notify, 1 << TERM_LATCHED | 1 << TERM_INACTIVE);
	assert_string_equal(w->tag, "x");
	assert_string_equal(text_at(c, "context"), "0000000000000001");
	assert_string_equal(text_at(c, "call"), "c1");
	assert_true(json_is_null(at(c, "end")));
	t = term(c, 0);
	assert_string_equal(text_at(t, "transport"), "udp");
	assert_string_equal(text_at(t, "realm"), "core");
	assert_string_equal(text_at(t, "local"), "10.1.0.1:30000");
	assert_string_equal(text_at(t, "rtcp_local"), "10.1.0.1:30001");
	assert_string_equal(text_at(t, "remote"), "[fd00::2]:4000");
	assert_string_equal(text_at(t, "latch"), "address");
	assert_string_equal(text_at(t, "gate"), "in");
	assert_string_equal(text_at(t, "rtcp_remote"), "[fd00::3]:4001");
	assert_true(json_is_true(at(t, "rtcp_mux")));
	assert_true(json_is_true(at(t, "silent")));
	assert_int_equal(json_integer_value(at(t, "dscp")), 46);
	assert_int_equal(json_integer_value(at(t, "burst")), 2000);
	assert_int_equal(json_integer_value(at(t, "inactivity")), 7);
	assert_int_equal(json_array_size(at(t, "notify")), 2);
	assert_string_equal(text_at(t, "tag"), "x");
	assert_null(json_object_get(t, "ice_restart")); /* nor is anything that was done once */
	assert_null(json_object_get(t, "begin"));
	assert_string_equal(text_at(t, "state"), "up");
	assert_true(json_is_null(at(t, "latched")));
	text_at(t, "ice_ufrag");
	assert_null(json_object_get(t, "tcp_role"));
	assert_true(json_is_null(term(c, 1)));
}

/* ---- SRTP ---- */

#define KEY_A "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
#define KEY_B "2 AEAD_AES_128_GCM inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZA=="
#define RTP "{'transport':'udp','realm':'core','rtp':true,'remote':'192.0.2.1:4000'"
#define SDES RTP ",'srtp':'sdes'"

/* Keys are given and never told, not even what was asked for in an error. */
static void untold(const json_t *answer)
{
	char *dump = json_dumps(answer, 0);

	assert_null(strstr(dump, "inline"));
	assert_null(strstr(dump, "WVNf"));
	assert_null(strstr(dump, "crypto"));
	free(dump);
}

static void keys_of_srtp(void **state)
{
	const struct gate_srtp *k = &f.gateway.srtp[0];
	const json_t *c;

	(void)state;
	c = taken("context.add",
		  "{'terminations':[" SDES ",'crypto_in':'" KEY_A "','crypto_out':'" KEY_B "'}]}");
	untold(c);
	assert_string_equal(text_at(term(c, 0), "srtp"), "sdes");
	assert_int_equal(f.gateway.spec[0].term.flags, TERM_IN | TERM_OUT | TERM_RTP | TERM_SRTP);
	assert_int_equal(f.gateway.n_keyed, 1);
	assert_true(k->in.set && k->out.set);
	assert_int_equal(k->in.suite, SRTP_AES_CM_128_80);
	assert_int_equal(k->out.suite, SRTP_GCM_128);
	assert_memory_equal(k->in.master, "YS___semctl (", 13);
	assert_memory_equal(k->out.master, "123456789ABCDE0123456789ABcd", 28);
	/* One changes, the other stays; neither does where none is given. */
	untold(taken("context.modify",
		     "{'context':'1','side':0,'crypto_in':'" KEY_B "','crypto_out':'" KEY_A "'}"));
	assert_int_equal(k->in.suite, SRTP_GCM_128);
	untold(taken("context.modify", "{'context':'1','side':0,'dscp':46}"));
	assert_int_equal(f.gateway.n_keyed, 2);
	untold(taken("context.modify", "{'context':'1','side':0,'crypto_in':null}"));
	assert_false(k->in.set);
	assert_true(k->out.set);
	/* Without memory for keys nothing of the termination changes. */
	f.gateway.no_keys = true;
	refused_as(RPC_INTERNAL, "there is no memory for keys", "context.modify",
		   "{'context':'1','side':0,'dscp':10,'crypto_in':'" KEY_B "'}");
	assert_int_equal(f.gateway.spec[0].term.dscp, 46);
	f.gateway.no_keys = false;
	/* What is in force is not known any more: neither alone. */
	f.gateway.keyed[0] = false;
	refused_as(RPC_BAD_PARAMS, "must both be given", "context.modify",
		   "{'context':'1','side':0,'crypto_in':'" KEY_B "'}");
	taken("context.modify", "{'context':'1','side':0,'srtp':'off'}");
	assert_int_equal(f.gateway.n_keyed, 3);
	assert_int_equal(f.gateway.spec[0].term.flags, TERM_IN | TERM_OUT | TERM_RTP);
}

static void wrong_keys_of_srtp(void **state)
{
	static const struct {
		const char *why, *more;
	} wrong[] = {
		{ "\"terminations[0].crypto_in\" must be an a=crypto", ",'crypto_in':7" },
		{ "must be an a=crypto", ",'crypto_out':''" },
		{ "must be an a=crypto", ",'crypto_in':'1 AES_CM_128_HMAC_SHA1_80 inline:WVNf'" },
		{ "must be an a=crypto", ",'crypto_in':'1 F8_128_HMAC_SHA1_80 "
					 "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'" },
		{ "must be an a=crypto", ",'crypto_in':'" KEY_A " UNENCRYPTED_SRTP'" },
		{ "are one key", ",'crypto_in':'" KEY_A "','crypto_out':'" KEY_A "'" },
		{ "needs \"srtp\": \"sdes\"", ",'srtp':'off','crypto_in':'" KEY_A "'" },
		{ "needs \"srtp\": \"sdes\"", ",'srtp':'dtls','crypto_out':'" KEY_A "'" },
		{ "off, sdes or dtls", ",'srtp':'yes'" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(wrong); i++) {
		char params[1024];

		snprintf(params, sizeof(params), "{'terminations':[" RTP "%s%s}]}",
			 strstr(wrong[i].more, "srtp") ? "" : ",'srtp':'sdes'", wrong[i].more);
		refused_as(RPC_BAD_PARAMS, wrong[i].why, "context.add", params);
		assert_null(strstr(text_at(at(last, "error"), "message"), "inline"));
	}
	assert_int_equal(f.gateway.n_keyed, 0);
	refused_as(RPC_BAD_PARAMS, "tcp has no \"terminations[0].srtp\"", "context.add",
		   "{'terminations':[{'transport':'tcp','realm':'core','srtp':'sdes'}]}");
}

static void dtls_of_srtp(void **state)
{
	const struct ctl_term *w = &f.gateway.spec[0].term;
	const json_t *c;

	(void)state;
	c = taken("context.add",
		  "{'terminations':[{'transport':'udp','realm':'core','rtp':true,"
		  "'srtp':'dtls','dtls_role':'client','fingerprints':['sha-1 " SHA1 "']}]}");
	assert_int_equal(w->flags,
			 TERM_IN | TERM_OUT | TERM_RTP | TERM_SRTP | TERM_DTLS | TERM_TLS_CLIENT);
	assert_int_equal(w->n_fingerprint, 1);
	assert_int_equal(f.gateway.n_keyed, 0);
	assert_string_equal(text_at(term(c, 0), "srtp"), "dtls");
	assert_string_equal(text_at(term(c, 0), "dtls_role"), "client");
	assert_int_equal(json_array_size(at(term(c, 0), "own_fingerprints")), 1);
	assert_true(json_is_null(at(term(c, 0), "tls")));
	c = taken("context.modify", "{'context':'1','side':0,'srtp':'sdes'}");
	assert_int_equal(w->flags, TERM_IN | TERM_OUT | TERM_RTP | TERM_SRTP);
	assert_int_equal(w->n_fingerprint, 0);
	assert_null(json_object_get(term(c, 0), "own_fingerprints"));
}

static void tls_and_tcp(void **state)
{
	const struct term_spec *a = &f.gateway.spec[0], *b = &f.gateway.spec[1];
	const json_t *c, *t;

	(void)state;
	c = taken("context.add",
		  "{'terminations':[{'transport':'tls','realm':'access','tcp_role':'server',"
		  "'tls_role':'client','tls_domain':'strict','host':'peer.example.org',"
		  "'fingerprints':['SHA-1 " SHA1 "','sha-1 " SHA1 "'],'begin':false},"
		  "{'transport':'tcp','realm':'core','tcp_role':'client','begin':true,"
		  "'remote':'10.2.0.9:5060'}]}");
	assert_int_equal(a->term.transport, TERM_TLS);
	assert_int_equal(a->term.flags, TERM_IN | TERM_OUT | TERM_TLS_CLIENT);
	assert_int_equal(a->term.domain, 1);
	assert_string_equal(a->term.host, "peer.example.org");
	assert_int_equal(a->term.n_fingerprint, 2);
	assert_int_equal(a->term.fingerprint[0].hash, FP_SHA1);
	assert_int_equal(a->term.fingerprint[1].digest[1], 0x11);
	assert_false(a->begin);
	assert_int_equal(b->term.transport, TERM_TCP);
	assert_int_equal(b->term.flags, TERM_IN | TERM_OUT | TERM_CONNECT);
	assert_true(b->begin);
	t = term(c, 0);
	assert_string_equal(text_at(t, "state"), "idle");
	assert_string_equal(text_at(t, "tcp_role"), "server");
	assert_string_equal(text_at(t, "tls_role"), "client");
	assert_string_equal(text_at(t, "tls_domain"), "strict");
	assert_string_equal(json_string_value(json_array_get(at(t, "fingerprints"), 1)),
			    "sha-1 " SHA1);
	assert_memory_equal(json_string_value(json_array_get(at(t, "own_fingerprints"), 0)),
			    "sha-256 AB:00:", 14);
	assert_true(json_is_null(at(t, "peer_fingerprint")));
	assert_true(json_is_null(at(t, "tls")));
	assert_null(json_object_get(term(c, 1), "tls_role"));
	assert_null(json_object_get(term(c, 1), "rtp"));
}

/* What is taken where nothing is said; null says nothing. */
static void defaults(void **state)
{
	static const struct {
		const char *more;
		uint16_t flags;
		bool v6, begin;
	} t[] = {
		{ "'transport':'udp'", 0, false, false },
		{ "'transport':'udp','remote':'[fd00::2]:1'", 0, true, false },
		{ "'transport':'udp','remote':'[fd00::2]:1','family':4", 0, false, false },
		{ "'transport':'tcp'", 0, false, true },
		{ "'transport':'tcp','tcp_role':'client'", TERM_CONNECT, false, false },
		{ "'transport':'tls','tcp_role':'client','remote':'10.0.0.1:1'",
		  TERM_CONNECT | TERM_TLS_CLIENT, false, true },
		{ "'transport':'tls','tcp_role':'client','tls_role':'server','begin':null",
		  TERM_CONNECT, false, false },
		{ "'transport':'tls','latch':null,'gate':null,'dscp':null,'port':null,"
		  "'notify':null,'fingerprints':null,'host':null,'tls_domain':null,'remote':null",
		  0, false, true },
	};
	const struct term_spec *w = &f.gateway.spec[0];
	char params[512];

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		snprintf(params, sizeof(params), "{'terminations':[{'realm':'access',%s}]}",
			 t[i].more);
		assert_true(json_is_null(at(term(taken("context.add", params), 0), "dscp")));
		assert_int_equal(w->term.flags, TERM_IN | TERM_OUT | t[i].flags);
		assert_int_equal(w->v6, t[i].v6);
		assert_int_equal(w->begin, t[i].begin);
		assert_false(w->restart);
		assert_int_equal(w->term.dscp, CTL_DSCP_KEEP);
		assert_int_equal(w->term.domain, CONFIG_DOMAINS_MAX);
		assert_int_equal(w->port, 0);
		assert_int_equal(w->notify, (1 << TERM_EVENTS) - 1);
	}
	assert_int_equal(f.gateway.plan.inactivity, UINT32_MAX);
	assert_int_equal(f.gateway.plan.lifetime, 0);
	assert_int_equal(f.gateway.plan.flags, 0);
}

/* What is wrong is named, and nothing is made. */
static void wrong_fields(void **state)
{
	static const struct {
		const char *members, *why;
	} t[] = {
		{ "'realm':'core'", "\"terminations[0].transport\" must be udp, tcp or tls" },
		{ "'transport':'sctp','realm':'core'", "terminations[0].transport" },
		{ "'transport':'udp'", "\"terminations[0].realm\" must be the name of one" },
		{ "'transport':'udp','realm':'moon'", "terminations[0].realm" },
		{ "'transport':'udp','realm':1", "terminations[0].realm" },
		{ "'transport':'udp','realm':'core','family':5", "family\" must be 4 or 6" },
		{ "'transport':'udp','realm':'core','port':65536", "port\" must be an integer" },
		{ "'transport':'udp','realm':'core','port':-1", "port\" must be an integer" },
		{ "'transport':'udp','realm':'core','port':'1'", "port\" must be an integer" },
		{ "'transport':'udp','realm':'core','remote':'10.0.0.1'", ".remote\" must be" },
		{ "'transport':'udp','realm':'core','rtcp_remote':7", ".rtcp_remote\" must be" },
		{ "'transport':'udp','realm':'core','latch':true",
		  ".latch\" must be off, on, address or any-port" },
		{ "'transport':'udp','realm':'core','gate':'ajar'",
		  ".gate\" must be open, in, out or closed" },
		{ "'transport':'udp','realm':'core','rtp':1", ".rtp\" must be true or false" },
		{ "'transport':'udp','realm':'core','dscp':64", ".dscp\" must be" },
		{ "'transport':'udp','realm':'core','rate':4294967296", ".rate\" must be" },
		{ "'transport':'udp','realm':'core','notify':'up'", ".notify\" must be a list" },
		{ "'transport':'udp','realm':'core','notify':['down']", ".notify\" must be" },
		{ "'transport':'udp','realm':'core','colour':'red'",
		  "terminations have no \"terminations[0].colour\"" },
		{ "'transport':'udp','realm':'core','tls_role':'client'",
		  "udp has no \"terminations[0].tls_role\"" },
		{ "'transport':'tcp','realm':'core','rtp':true",
		  "tcp has no \"terminations[0].rtp\"" },
		{ "'transport':'tcp','realm':'core','fingerprints':[]",
		  "tcp has no \"terminations[0].fingerprints\"" },
		{ "'transport':'tls','realm':'core','tls_domain':'x'", ".tls_domain\" must be" },
		{ "'transport':'tls','realm':'core','fingerprints':['sha-1 00']", "md5 is not" },
		{ "'transport':'tls','realm':'core','fingerprints':"
		  "['md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF']",
		  "md5 is not taken" },
		{ "'transport':'tls','realm':'core','fingerprints':'sha-1 " SHA1 "'",
		  ".fingerprints\" must be a list" },
		{ "'transport':'tls','realm':'core','fingerprints':[1,2,3,4,5,6,7,8,9]",
		  "at most 8" },
		{ "'transport':'tls','realm':'core','host':'10.0.0.1'", ".host\" must be" },
		{ "'transport':'tls','realm':'core','host':'a b'", ".host\" must be" },
		{ "'transport':'tls','realm':'core','host':''", ".host\" must be" },
		{ "'transport':'tls','realm':'core','tcp_role':'both'",
		  ".tcp_role\" must be server or client" },
		{ "'transport':'tls','realm':'core','begin':'yes'", ".begin\" must be true" },
	};
	char params[512], tag[CONTEXT_TAG_MAX + 1] = "";

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		snprintf(params, sizeof(params), "{'terminations':[{%s}]}", t[i].members);
		refused_as(RPC_BAD_PARAMS, t[i].why, "context.add", params);
	}
	memset(tag, 'x', sizeof(tag) - 1);
	snprintf(params, sizeof(params),
		 "{'terminations':[{'transport':'udp','realm':'core','tag':'%s'}]}", tag);
	refused_as(RPC_BAD_PARAMS, ".tag\" must be", "context.add", params);
	refused_as(RPC_BAD_PARAMS, "terminations[1].port", "context.add",
		   "{'terminations':[{'transport':'udp','realm':'core'},"
		   "{'transport':'udp','realm':'core','port':'x'}]}");
	assert_int_equal(f.gateway.c[0].id, 0);
}

#define UDP "{'transport':'udp','realm':'core'}"

static void wrong_params(void **state)
{
	static const struct {
		const char *params, *why;
	} t[] = {
		{ "{}", "\"terminations\" must be a list of one or two" },
		{ "{'terminations':{}}", "\"terminations\"" },
		{ "{'terminations':[]}", "\"terminations\"" },
		{ "{'terminations':[" UDP "," UDP "," UDP "]}", "\"terminations\"" },
		{ "{'terminations':[1]}", "\"terminations[0]\" must be an object" },
		{ "{'terminations':[" UDP "],'calls':'x'}", "\"calls\"" },
		{ "{'terminations':[" UDP "],'call':1}", "\"call\"" },
		{ "{'terminations':[" UDP "],'media':65536}", "\"media\"" },
		{ "{'terminations':[" UDP "],'hold':1}", "\"hold\"" },
		{ "{'terminations':[" UDP "],'lifetime':0}", "\"lifetime\"" },
		{ "{'terminations':[" UDP "],'inactivity':86401}", "\"inactivity\"" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++)
		refused_as(RPC_BAD_PARAMS, t[i].why, "context.add", t[i].params);
	refused_as(RPC_UNKNOWN, "\"near\"", "context.add", "{'terminations':[" UDP "],'near':'7'}");
	assert_int_equal(f.gateway.c[0].id, 0);
}

/* The gateway's sentence, and a code for its reason. */
static void gateway_refuses(void **state)
{
	static const struct {
		enum gate_error error;
		int code;
	} t[] = {
		{ GATE_BAD, RPC_BAD_PARAMS },
		{ GATE_DENIED, RPC_DENIED },
		{ GATE_FULL, RPC_FULL },
		{ GATE_BUSY, RPC_AWAY },
	};

	(void)state;
	taken("context.add", "{'terminations':[" UDP "]}");
	for (size_t i = 0; i < N_OF(t); i++) {
		f.gateway.fail =
		    (struct gate_fail){ .error = t[i].error, .text = "no, said the gateway" };
		refused_as(t[i].code, "no, said", "context.add", "{'terminations':[" UDP "]}");
		refused_as(t[i].code, "no, said", "context.modify",
			   "{'context':'1','side':0,'port':2}");
		refused_as(t[i].code, "no, said", "context.subtract", "{'context':'1','side':0}");
		refused_as(t[i].code, "no, said", "context.move",
			   "{'context':'1','side':0,'to':'1','to_side':1}");
	}
	f.server.gateway = NULL;
	refused_as(RPC_BAD_PARAMS, "gateway.contexts", "context.add", "{'terminations':[" UDP "]}");
	refused_as(RPC_BAD_PARAMS, "gateway.contexts", "contexts", "{}");
	f.server.gateway = &f.gateway;
}

static void near(void **state)
{
	(void)state;
	taken("context.add", "{'terminations':[" UDP "]}");
	taken("context.add", "{'terminations':[" UDP "],'near':'0000000000000001'}");
	assert_ptr_equal(f.gateway.plan.near, &f.gateway.c[0]);
}

/* ---- modify, subtract, move ---- */

static void modify_keeps_the_rest(void **state)
{
	const struct term_spec *w = &f.gateway.spec[0];
	const json_t *c;

	(void)state;
	taken(
	    "context.add",
	    "{'terminations':[{'transport':'tls','realm':'access','tls_domain':'strict','tag':'t',"
	    "'tcp_role':'client','remote':'10.0.0.1:1','dscp':10,'notify':[]}]}");
	c = taken("context.modify",
		  "{'context':'1','side':0,'fingerprints':['sha-1 " SHA1 "'],'gate':'closed'}");
	assert_int_equal(w->term.n_fingerprint, 1);
	assert_int_equal(w->term.flags, TERM_CONNECT | TERM_TLS_CLIENT);
	assert_addr(&w->term.remote[0], "10.0.0.1:1");
	assert_int_equal(w->term.domain, 1);
	assert_int_equal(w->term.dscp, 10);
	assert_int_equal(w->notify, 0);
	assert_string_equal(w->tag, "t");
	assert_false(w->begin);
	assert_string_equal(text_at(term(c, 0), "gate"), "closed");
	taken("context.modify", "{'context':'1','side':0,'remote':null,'begin':true,"
				"'fingerprints':[],'dscp':null,'realm':'core'}");
	assert_int_equal(be16_get(w->term.remote[0].port), 0);
	assert_int_equal(w->term.n_fingerprint, 0);
	assert_int_equal(w->term.dscp, CTL_DSCP_KEEP);
	assert_int_equal(w->realm, 1);
	assert_int_equal(w->term.domain, CONFIG_DOMAINS_MAX); /* another realm, its domain */
	assert_true(w->begin);
}

/* RTCP is on the port above, unless it is said where. */
static void rtcp_goes_with_the_remote(void **state)
{
	const struct term_spec *w = &f.gateway.spec[0];

	(void)state;
	taken("context.add", "{'terminations':[{'transport':'udp','realm':'core','rtp':true,"
			     "'remote':'10.2.0.9:4000'}]}");
	assert_addr(&w->term.remote[1], "10.2.0.9:4001");
	taken("context.modify", "{'context':'1','side':0,'gate':'out','rtcp_remote':'10.2.0.9:7'}");
	assert_addr(&w->term.remote[1], "10.2.0.9:7");
	taken("context.modify", "{'context':'1','side':0,'gate':'in'}");
	assert_addr(&w->term.remote[1], "10.2.0.9:7");
	taken("context.modify", "{'context':'1','side':0,'remote':'10.2.0.8:65535'}");
	assert_int_equal(be16_get(w->term.remote[1].port), 0);
	taken("context.modify", "{'context':'1','side':0,'remote':'10.2.0.8:4000'}");
	assert_addr(&w->term.remote[1], "10.2.0.8:4001");
	taken("context.modify", "{'context':'1','side':0,'rtp':false}");
	assert_int_equal(be16_get(w->term.remote[1].port), 0);
}

static void modify_adds(void **state)
{
	const json_t *c;

	(void)state;
	taken("context.add", "{'terminations':[" UDP "]}");
	refused_as(RPC_BAD_PARAMS, "\"transport\" must be", "context.modify",
		   "{'context':'1','side':1,'realm':'core'}");
	c = taken("context.modify",
		  "{'context':'1','side':1,'transport':'udp','realm':'access','rtp':true}");
	assert_int_equal(f.gateway.spec[1].term.flags, TERM_IN | TERM_OUT | TERM_RTP);
	assert_string_equal(text_at(term(c, 1), "realm"), "access");
}

static void modify_context(void **state)
{
	const json_t *c;

	(void)state;
	taken("context.add", "{'terminations':[" UDP "],'call':'a','media':3,'lifetime':50}");
	f.gateway.c[0].note = 77;
	f.gateway.c[0].inactivity = 9;
	c = taken("context.modify", "{'context':'1','hold':true}");
	assert_true(json_is_true(at(c, "hold")));
	assert_int_equal(f.gateway.plan.flags, CONTEXT_HOLD);
	assert_int_equal(f.gateway.plan.lifetime, 50);
	assert_int_equal(f.gateway.plan.inactivity, 9);
	assert_int_equal(f.gateway.plan.note, 77);
	taken("context.modify", "{'context':'1','lifetime':70,'inactivity':8}");
	assert_int_equal(f.gateway.plan.flags, CONTEXT_HOLD);
	assert_int_equal(f.gateway.plan.lifetime, 70);
	assert_int_equal(f.gateway.plan.inactivity, 8);
	refused_as(RPC_BAD_PARAMS, "\"gate\"", "context.modify", "{'context':'1','gate':'in'}");
	refused_as(RPC_BAD_PARAMS, "\"hold\"", "context.modify",
		   "{'context':'1','side':0,'hold':true}");
	refused_as(RPC_BAD_PARAMS, "\"side\"", "context.modify", "{'context':'1','side':2}");
}

static void wrong_contexts(void **state)
{
	static const char *const id[] = { "''",	  "'2'",
					  "'0'",  "'-1'",
					  "'x'",  "'00000000000000001'",
					  "'1 '", "'ffffffffffffffff'" };
	char params[128];

	(void)state;
	taken("context.add", "{'terminations':[" UDP "]}");
	for (size_t i = 0; i < N_OF(id); i++) {
		snprintf(params, sizeof(params), "{'context':%s,'side':0}", id[i]);
		refused_as(RPC_UNKNOWN, "\"context\": there is no", "context.subtract", params);
	}
	refused_as(RPC_BAD_PARAMS, "\"context\"", "context.subtract", "{'side':0}");
	refused_as(RPC_BAD_PARAMS, "\"context\"", "context.subtract", "{'context':1,'side':0}");
	refused_as(RPC_BAD_PARAMS, "\"side\"", "context.subtract", "{'context':'1'}");
	refused_as(RPC_BAD_PARAMS, "\"sides\"", "context.subtract",
		   "{'context':'1','side':0,'sides':1}");
	refused_as(RPC_UNKNOWN, "\"to\"", "context.move",
		   "{'context':'1','side':0,'to':'5','to_side':0}");
	refused_as(RPC_BAD_PARAMS, "\"to_side\"", "context.move",
		   "{'context':'1','side':0,'to':'1'}");
}

static void subtract_and_move(void **state)
{
	const json_t *r;

	(void)state;
	taken("context.add", "{'terminations':[" UDP "," UDP "]}");
	taken("context.add", "{'terminations':[" UDP "]}");
	r = taken("context.move", "{'context':'1','side':1,'to':'2','to_side':1}");
	assert_true(json_is_null(term(at(r, "from"), 1)));
	assert_true(json_is_object(term(at(r, "to"), 1)));
	r = taken("context.subtract", "{'context':'2','side':0}");
	assert_true(json_is_null(term(r, 0)));
	assert_true(json_is_object(term(r, 1)));
}

/* ---- list ---- */

/* Pages add up to all contexts, or all of one call, whatever their size. */
static void pages(void **state)
{
	static const int limit[] = { 1, 7, 100, 256 };

	(void)state;
	for (int i = 0; i < 300; i++)
		taken("context.add", i % 3 ? "{'terminations':[" UDP "]}"
					   : "{'terminations':[" UDP "],'call':'third'}");
	for (size_t i = 0; i < 2 * N_OF(limit); i++) {
		const bool call = i % 2;
		json_int_t cursor = 0;
		size_t n = 0;

		for (int page = 0;; page++) {
			const json_t *r;
			char params[128];

			snprintf(params, sizeof(params),
				 "{%s'cursor':%" JSON_INTEGER_FORMAT ",'limit':%d}",
				 call ? "'call':'third'," : "", cursor, limit[i / 2]);
			r = taken("contexts", params);
			n += json_array_size(at(r, "contexts"));
			/* A request does not look at the whole table. */
			if (!call)
				assert_in_range(json_integer_value(at(r, "cursor")), 0,
						cursor + GATE_LOOK / FAKE_SPARSE + 1);
			assert_in_range(page, 0, 300);
			if (json_is_null(at(r, "cursor")))
				break;
			cursor = json_integer_value(at(r, "cursor"));
		}
		assert_int_equal(n, call ? 100 : 300);
	}
	refused_as(RPC_BAD_PARAMS, "\"limit\"", "contexts", "{'limit':257}");
	refused_as(RPC_BAD_PARAMS, "\"page\"", "contexts", "{'page':2}");
}

/* ---- counters ---- */

/* The line that came later, as JSON. */
static json_t *came;

static void on_line(void *arg, char *line)
{
	(void)arg;
	assert_null(came);
	came = json_loads(line, 0, NULL);
	free(line);
}

static struct rpc_later *wait_for(const char *method, const char *params)
{
	struct rpc_later *l = NULL;

	json_decref(last);
	last = NULL;
	came = NULL;
	assert_null(reply_to(method, params, &l));
	rpc_later_wait(l, on_line, NULL);
	return l;
}

/* The result that came; valid until the next call. */
static const json_t *arrived(void)
{
	assert_non_null(came);
	json_decref(last);
	last = came;
	came = NULL;
	return json_object_get(last, "result");
}

static const struct ctl_term_stats stats[2] = {
	{ .packets = 1,
	  .bytes = 2,
	  .rtcp_packets = 3,
	  .rtcp_bytes = 4,
	  .dropped = 5,
	  .checks = 6,
	  .silent_s = UINT32_MAX,
	  .quality = { .sources = 1,
		       .codec = CODEC_G729,
		       .lost = 9,
		       .samples = 1,
		       .mean = { .mos = 375, .loss = 150, .jitter_us = 1500 } } },
	{ .packets = 10,
	  .silent_s = 7,
	  .quality = { .sources = 1, .codec = CODECS, .told_mos_lq = 41, .told_mos_cq = 0 } },
};

static void show(void **state)
{
	const json_t *r, *c;

	(void)state;
	taken("context.add", "{'terminations':[" UDP "," UDP "]}");
	wait_for("context.show", "{'context':'1'}");
	f.gateway.done(f.gateway.arg, &f.gateway.c[0], stats);
	r = arrived();
	c = at(term(r, 0), "counters");
	assert_int_equal(json_integer_value(at(c, "packets")), 1);
	assert_int_equal(json_integer_value(at(c, "bytes")), 2);
	assert_int_equal(json_integer_value(at(c, "rtcp_packets")), 3);
	assert_int_equal(json_integer_value(at(c, "rtcp_bytes")), 4);
	assert_int_equal(json_integer_value(at(c, "dropped")), 5);
	assert_int_equal(json_integer_value(at(c, "ice_checks")), 6);
	assert_true(json_is_null(at(c, "silent_s")));
	assert_int_equal(json_integer_value(at(at(term(r, 1), "counters"), "silent_s")), 7);
	c = at(c, "quality");
	assert_string_equal(text_at(c, "codec"), "G729");
	assert_int_equal(json_integer_value(at(c, "lost")), 9);
	assert_true(json_is_null(at(c, "told")) && json_is_null(at(c, "round_trip_ms")));
	assert_true(json_real_value(at(at(at(c, "heard"), "mean"), "mos")) == 3.75);
	assert_true(json_real_value(at(at(at(c, "heard"), "mean"), "loss_percent")) == 1.5);
	c = at(at(term(r, 1), "counters"), "quality");
	assert_string_equal(text_at(c, "codec"), ""); /* whatever the dataplane says */
	assert_true(json_is_null(at(c, "heard")));
	/* By extended reports alone (RFC 3611 4.7). */
	assert_int_equal(json_integer_value(at(at(c, "told"), "reports")), 0);
	assert_true(json_real_value(at(at(c, "told"), "mos_lq")) == 4.1);
	assert_true(json_is_null(at(at(c, "told"), "mos_cq")));
	wait_for("context.show", "{'context':'1'}"); /* the dataplane is away */
	f.gateway.done(f.gateway.arg, &f.gateway.c[0], NULL);
	c = at(term(arrived(), 0), "counters");
	assert_true(json_is_null(c));
	wait_for("context.show", "{'context':'1'}"); /* it went meanwhile */
	f.gateway.done(f.gateway.arg, NULL, stats);
	assert_null(arrived());
}

/* A controller that goes before its answer comes leaves nothing behind. */
static void show_and_go(void **state)
{
	struct rpc_later *l;

	(void)state;
	taken("context.add", "{'terminations':[" UDP "]}");
	l = wait_for("context.show", "{'context':'1'}");
	rpc_later_wait(l, NULL, NULL);
	f.gateway.done(f.gateway.arg, &f.gateway.c[0], stats);
	assert_null(came);
}

static void delete (void **state)
{
	const json_t *r;

	(void)state;
	taken("context.add", "{'terminations':[" UDP "],'call':'gone'}");
	wait_for("context.delete", "{'context':'1'}");
	f.gateway.done(f.gateway.arg, NULL, stats);
	r = arrived();
	assert_string_equal(text_at(r, "call"), "gone");
	assert_int_equal(json_integer_value(at(at(term(r, 0), "counters"), "bytes")), 2);
	refused_as(RPC_INTERNAL, "later", "context.delete", "{'context':'1'}");
}

/* ---- events ---- */

/* context.events that has its answer at once. */
static const json_t *events(const char *params)
{
	struct rpc_later *l = NULL;

	json_decref(last);
	last = reply_to("context.events", params, &l);
	return json_object_get(last, "result");
}

static const json_t *event(const json_t *r, size_t i)
{
	return json_array_get(at(r, "events"), i);
}

static struct gate_event ended(uint16_t why)
{
	struct gate_event n = { .wall_ms = 5,
				.context = 0xabc,
				.side = 1,
				.what = TERM_ENDED,
				.transport = TERM_TLS,
				.why = why,
				.call = "c",
				.tls_version = 0x0304,
				.tls_suite = 0x1301 };

	n.sha256[0] = 1;
	return n;
}

static void told(void **state)
{
	const json_t *r, *e;

	(void)state;
	fake_gateway_event(&f.gateway, ended(TCP_END_DONE));
	fake_gateway_event(&f.gateway,
			   (struct gate_event){
			       .side = 0, .what = TERM_LATCHED, .transport = TERM_UDP, .rtcp = 1 });
	fake_gateway_event(&f.gateway,
			   (struct gate_event){ .ended = true, .end = CONTEXT_END_LIFETIME });
	r = events("{}");
	assert_int_equal(json_array_size(at(r, "events")), 3);
	assert_int_equal(json_integer_value(at(r, "last")), 3);
	assert_int_equal(json_integer_value(at(r, "lost")), 0);
	e = event(r, 0);
	assert_int_equal(json_integer_value(at(e, "seq")), 1);
	assert_int_equal(json_integer_value(at(e, "time_ms")), 5);
	assert_string_equal(text_at(e, "context"), "0000000000000abc");
	assert_string_equal(text_at(e, "call"), "c");
	assert_int_equal(json_integer_value(at(e, "side")), 1);
	assert_string_equal(text_at(e, "what"), "ended");
	assert_string_equal(text_at(e, "why"), "close-notify");
	assert_string_equal(text_at(at(e, "tls"), "version"), "TLS 1.3");
	assert_memory_equal(text_at(e, "peer_fingerprint"), "sha-256 01:00", 13);
	e = event(r, 1);
	assert_string_equal(text_at(e, "what"), "latched");
	assert_true(json_is_true(at(e, "rtcp")));
	assert_null(json_object_get(e, "tls"));
	e = event(r, 2);
	assert_true(json_is_null(at(e, "side")));
	assert_string_equal(text_at(e, "what"), "context_ended");
	assert_string_equal(text_at(e, "why"), "lifetime");
	r = events("{'after':1,'limit':1}");
	assert_int_equal(json_array_size(at(r, "events")), 1);
	assert_int_equal(json_integer_value(at(r, "last")), 2);
	assert_int_equal(json_array_size(at(events("{'after':3}"), "events")), 0);
}

/* What was overwritten is counted; numbers of another life start anew. */
static void lost(void **state)
{
	const json_t *r;

	(void)state;
	for (int i = 0; i < FAKE_EVENTS + 5; i++)
		fake_gateway_event(&f.gateway, ended(TCP_END_RESET));
	r = events("{'after':2}");
	assert_int_equal(json_integer_value(at(r, "lost")), 3);
	assert_int_equal(json_array_size(at(r, "events")), FAKE_EVENTS);
	r = events("{'after':500}");
	assert_int_equal(json_integer_value(at(r, "last")), FAKE_EVENTS + 5);
	assert_int_equal(json_array_size(at(r, "events")), FAKE_EVENTS);
	text_at(r, "instance");
	assert_null(events("{'after':-1}"));
	assert_null(events("{'after':'x'}"));
	assert_null(events("{'wait_ms':30001}"));
	assert_null(events("{'since':1}"));
}

/* Two controllers wait; both hear of it, in a turn of its own, several events in one answer. */
static void waits(void **state)
{
	const json_t *r;
	struct rpc_later *gone;

	(void)state;
	gone = wait_for("context.events", "{'wait_ms':30000}");
	wait_for("context.events", "{'after':0,'wait_ms':30000,'limit':5}");
	rpc_later_wait(gone, NULL, NULL); /* one of them goes */
	fake_gateway_event(&f.gateway, ended(TCP_END_RESET));
	fake_gateway_event(&f.gateway, ended(TCP_END_TIMEOUT));
	assert_null(came);
	event_base_loop(f.base, EVLOOP_NONBLOCK);
	r = arrived();
	assert_int_equal(json_array_size(at(r, "events")), 2);
	assert_string_equal(text_at(event(r, 1), "why"), "timeout");
	assert_int_equal(json_array_size(at(events("{'wait_ms':30000,'after':1}"), "events")), 1);
}

static void waits_in_vain(void **state)
{
	const json_t *r;

	(void)state;
	wait_for("context.events", "{'wait_ms':1}");
	while (!came)
		event_base_loop(f.base, EVLOOP_ONCE);
	r = arrived();
	assert_int_equal(json_array_size(at(r, "events")), 0);
	assert_int_equal(json_integer_value(at(r, "last")), 0);
}

/* Whoever comes and goes is forgotten when the next one asks, and at the end. */
static void waits_and_goes(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		rpc_later_wait(wait_for("context.events", "{'wait_ms':30000}"), NULL, NULL);
	assert_int_equal(event_base_get_num_events(f.base, EVENT_BASE_COUNT_ADDED), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(udp_all),
		TEST(keys_of_srtp),
		TEST(wrong_keys_of_srtp),
		TEST(dtls_of_srtp),
		TEST(tls_and_tcp),
		TEST(defaults),
		TEST(wrong_fields),
		TEST(wrong_params),
		TEST(gateway_refuses),
		TEST(near),
		TEST(modify_keeps_the_rest),
		TEST(rtcp_goes_with_the_remote),
		TEST(modify_adds),
		TEST(modify_context),
		TEST(wrong_contexts),
		TEST(subtract_and_move),
		TEST(pages),
		TEST(show),
		TEST(show_and_go),
		TEST(delete),
		TEST(told),
		TEST(lost),
		TEST(waits),
		TEST(waits_in_vain),
		TEST(waits_and_goes),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	json_decref(last);
	return rc;
}
