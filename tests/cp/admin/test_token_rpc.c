/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `aka.token` and `aka.token_judge` of the control socket (R61, R62, R63): the token is of the
 * certificate that the connection was shown; only the right answer, by that connection, is taken,
 * and any other ends the one it came by; where nothing was shown there is no token.
 */
#include "tests/world/cp_env.h"
#include "tests/world/rpc_ask.h"

#define DER "I-TLS test certificate DER bytes"
#define IK "\"ik\":\"f769bcd751044604127672711c6d3441\""
#define CK "\"ck\":\"b40ba9a3c58b2a05bbf0d987b21bf8cb\""
#define PHONE "\"remote\":\"198.51.100.7:40000\""
#define OTHER "\"remote\":\"198.51.100.7:40001\""
#define RIGHT "\"c_token\":\"250c082d07db1ff9598abc98\""

static struct env env;

/* Of the second certificate, so that a first one is passed over. */
static struct ctl_cert_info *cert_put(uint32_t i, uint8_t sha256)
{
	struct ctl_cert_info *c =
	    (struct ctl_cert_info *)(env.dp.base + env.dp.region->cert_info) + i;

	c->seq = 2;
	c->loaded = 1;
	memset(c->sha256, sha256, sizeof(c->sha256));
	c->der_len = sizeof(DER) - 1;
	memcpy(c->der, DER, c->der_len);
	return c;
}

static struct ctl_conn_info *conn_put(uint32_t idx, uint16_t port)
{
	struct ctl_conn_info *c =
	    (struct ctl_conn_info *)(env.dp.base + env.dp.region->worker[0].conns) + idx;

	c->seq = 2;
	c->gen = 71;
	c->tls_version = 0x0303;
	memset(c->tls_cert, 0xcd, sizeof(c->tls_cert));
	assert_true(ip_parse("198.51.100.7", &c->remote.ip));
	c->remote.port = be16_make(port);
	assert_true(ip_parse("203.0.113.1", &c->local.ip));
	c->local.port = be16_make(5061);
	fake_dp_conn_shown(&env.dp, 0, idx);
	return c;
}

static int setup(void **state)
{
	(void)state;
	env_open(&env);
	env.conf.n_certificate = 2;
	env.conf.tcp.connections = 16;
	env_start(&env, 64);
	cert_put(0, 0xab)->der[0] = 'x';
	cert_put(1, 0xcd);
	conn_put(4, 40000);
	answer = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_stop(&env);
	json_decref(answer);
	env_close(&env);
	return 0;
}

static uint32_t closed(uint32_t idx)
{
	union ctl_cmd c;
	uint32_t n = 0;

	while (fake_dp_take(&env.dp, 0, &c))
		n += c.hdr.type == CMD_CONN_CLOSE && c.conn_close.conn.idx == idx &&
		     c.conn_close.conn.gen == 71 && c.conn_close.killed;
	return n;
}

static void token(const char *params, const char *result)
{
	assert_null(ask_server(&env.s, "aka.token", params));
	expect(result);
}

static void judged(const char *params, const char *verdict, bool ended)
{
	char want[96];

	snprintf(want, sizeof(want), "{\"verdict\":\"%s\",\"ended\":%s}", verdict,
		 ended ? "true" : "false");
	assert_null(ask_server(&env.s, "aka.token_judge", params));
	expect(want);
	assert_int_equal(closed(4), ended);
}

static void failed(const char *method, const char *params, int code)
{
	assert_null(ask_server(&env.s, method, params));
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(answer, "error"), "code")), code);
}

static void right(void **state)
{
	(void)state;
	token("{" PHONE "," IK "}",
	      "{\"s_token\":\"c56405278e6e1ec6ae2a0b64\",\"flow\":\"0-4-71\",\"certificate\":"
	      "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\"}");
	judged("{" PHONE "," IK ",\"flow\":\"0-4-71\"," RIGHT "}", "right", false);
	token("{" PHONE "," IK "," CK ",\"derivation\":\"ck-ik\"}",
	      "{\"s_token\":\"a779c768f778102fe09cc795\",\"flow\":\"0-4-71\",\"certificate\":"
	      "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\"}");
	judged("{" PHONE "," IK "," CK ",\"derivation\":\"ck-ik\",\"flow\":\"0-4-71\","
	       "\"c_token\":\"d4263d35bc7bbf1a7cbbd3d1\"}",
	       "right", false);
	assert_int_equal(env.s.stats.aka_tokens[TOKEN_RIGHT], 2);
}

static void wrong(void **state)
{
	(void)state;
	judged("{" PHONE "," IK ",\"flow\":\"0-4-71\",\"c_token\":\"250c082d07db1ff9598abc99\"}",
	       "wrong", true);
	/* Of another certificate: the connection was shown another one. */
	cert_put(1, 0xcd)->der[0] = 'J';
	judged("{" PHONE "," IK ",\"flow\":\"0-4-71\"," RIGHT "}", "wrong", true);
	assert_int_equal(env.s.stats.aka_tokens[TOKEN_WRONG], 2);
}

/* A right token ends the connection that it was moved to, not that which was asked. */
static void moved(void **state)
{
	(void)state;
	conn_put(5, 40001);
	assert_null(ask_server(&env.s, "aka.token_judge",
			       "{" OTHER "," IK ",\"flow\":\"0-4-71\"," RIGHT "}"));
	expect("{\"verdict\":\"moved\",\"ended\":true}");
	assert_int_equal(closed(5), 1);
	judged("{" PHONE "," IK ",\"flow\":\"0-4-71\"," RIGHT "}", "right", false);
	/* The same place later, by who came after. */
	judged("{" PHONE "," IK ",\"flow\":\"0-4-70\"," RIGHT "}", "moved", true);
}

static void no_certificate(void **state)
{
	struct ctl_conn_info *c = conn_put(4, 40000);

	(void)state;
	c->tls_version = 0;
	token("{" PHONE "," IK "}", "{\"s_token\":null,\"why\":\"no_tls\",\"flow\":\"0-4-71\"}");
	judged("{" PHONE "," IK ",\"flow\":\"0-4-71\"," RIGHT "}", "no_certificate", true);
	c->tls_version = 0x0304;
	c->tls_resumed = 1;
	token("{" PHONE "," IK "}", "{\"s_token\":null,\"why\":\"resumed\",\"flow\":\"0-4-71\"}");
	c->tls_resumed = 0;
	memset(c->tls_cert, 0, sizeof(c->tls_cert));
	token("{" PHONE "," IK "}",
	      "{\"s_token\":null,\"why\":\"no_certificate\",\"flow\":\"0-4-71\"}");
	memset(c->tls_cert, 0xee, sizeof(c->tls_cert));
	token("{" PHONE "," IK "}", "{\"s_token\":null,\"why\":\"replaced\",\"flow\":\"0-4-71\"}");
	memset(c->tls_cert, 0xcd, sizeof(c->tls_cert));
	cert_put(1, 0xcd)->der_len = 0;
	token("{" PHONE "," IK "}", "{\"s_token\":null,\"why\":\"too_long\",\"flow\":\"0-4-71\"}");
}

static void parameters(void **state)
{
	(void)state;
	failed("aka.token", "{" IK "}", RPC_BAD_PARAMS);
	failed("aka.token", "{\"remote\":\"198.51.100.7\"," IK "}", RPC_BAD_PARAMS);
	failed("aka.token", "{" PHONE "}", RPC_BAD_PARAMS);
	failed("aka.token", "{" PHONE ",\"ik\":\"00\"}", RPC_BAD_PARAMS);
	failed("aka.token", "{" PHONE "," IK ",\"derivation\":\"x\"}", RPC_BAD_PARAMS);
	failed("aka.token", "{" PHONE "," IK ",\"derivation\":\"ck-ik\"}", RPC_BAD_PARAMS);
	failed("aka.token", "{" OTHER "," IK "}", RPC_UNKNOWN);
	failed("aka.token_judge", "{" PHONE "," IK ",\"flow\":\"0-4-71\",\"c_token\":\"25\"}",
	       RPC_BAD_PARAMS);
	/* Two from there, to two ports of ours. */
	conn_put(5, 40000)->local.port = be16_make(5070);
	failed("aka.token", "{" PHONE "," IK "}", RPC_BAD_PARAMS);
	token("{" PHONE ",\"local\":\"203.0.113.1:5070\"," IK "}",
	      "{\"s_token\":\"c56405278e6e1ec6ae2a0b64\",\"flow\":\"0-5-71\",\"certificate\":"
	      "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\"}");
	assert_int_equal(closed(4) + closed(5), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right), TEST(wrong), TEST(moved), TEST(no_certificate), TEST(parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
