/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Security agreements on the control socket (R81, R82, R85; RFC 3329, TS 33.203 7.2 and Annex H):
 * what is taken of a Security-Client header by `ipsec.agree` and `ipsec.add`, one name for each
 * reason to take nothing, and what `ipsec.verify` finds when somebody between has changed a header.
 */
#include "tests/world/cp_env.h"
#include "tests/world/rpc_ask.h"

#include "cp/ipsec/agree.h"
#include "cp/ipsec/phones.h"
#include "lib/esp.h"

#define KEYS                                           \
	"\"ck\":\"b40ba9a3c58b2a05bbf0d987b21bf8cb\"," \
	"\"ik\":\"f769bcd751044604127672711c6d3441\"," \
	"\"remote\":\"198.51.100.7\""
#define PORTS ";spi-c=4097;spi-s=4098;port-c=5100;port-s=5101"
#define CBC "ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc;prot=esp;mod=trans" PORTS
#define NULLED "ipsec-3gpp;alg=hmac-sha-1-96" PORTS
#define GCM "ipsec-3gpp;alg=null;ealg=aes-gcm" PORTS
#define GMAC "ipsec-3gpp;alg=aes-gmac;ealg=null" PORTS
#define MD5 "ipsec-3gpp;alg=hmac-md5-96;ealg=des-ede3-cbc" PORTS

static struct env env;

static int setup(void **state)
{
	struct config_ipsec *i = &env.conf.ipsec;

	(void)state;
	env_open(&env);
	*i = (struct config_ipsec){ .n_addr = 1,
				    .udp_port = 4500,
				    .server_port = 5063,
				    .client_port = 5062,
				    .phones = 8,
				    .window = 64 };
	i->addr[0] = addr("192.0.2.9", 0).ip;
	i->inner[i->n_inner++] = (struct ip_prefix){ addr("10.77.0.0", 0).ip, 96 + 16 };
	env_start(&env, 64);
	env.s.phones = phones_new(&env.s);
	assert_non_null(env.s.phones);
	answer = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	phones_free(env.s.phones);
	env.s.phones = NULL;
	env_stop(&env);
	json_decref(answer);
	env_close(&env);
	return 0;
}

static const char *text_of(const char *name)
{
	const json_t *r = json_object_get(answer, "result");

	if (!r)
		fail_msg("%s", json_string_value(
				   json_object_get(json_object_get(answer, "error"), "message")));
	return json_string_value(json_object_get(r, name));
}

static void agree(const char *client, const char *more)
{
	char params[2048];

	snprintf(params, sizeof(params), "{\"security_client\":\"%s\"%s}", client, more);
	ask_server(&env.s, "ipsec.agree", params);
}

/* ---- what is taken ---- */

static void test_choice(void **state)
{
	(void)state;
	agree(CBC, "");
	expect("{\"verdict\":\"agreed\",\"mechanism\":\"ipsec-3gpp\",\"alg\":\"hmac-sha-1-96\","
	       "\"ealg\":\"aes-cbc\",\"mod\":\"trans\",\"spi_c\":4097,\"spi_s\":4098,"
	       "\"port_c\":5100,\"port_s\":5101}");
	assert_int_equal(env.s.stats.sec_agreed[AGREE_OK], 1);
	/* What enciphers goes first, wherever it stands; what is not served is passed over. */
	agree(MD5 "," NULLED "," GMAC "," CBC "," GCM, "");
	assert_string_equal(text_of("ealg"), "aes-gcm");
	agree(NULLED "," GMAC "," CBC "," MD5, "");
	assert_string_equal(text_of("ealg"), "aes-cbc");
	agree(NULLED "," GMAC, "");
	assert_string_equal(text_of("alg"), "aes-gmac");
	agree(CBC ";x=y, " CBC ";mod=tun", ""); /* mod twice */
	assert_string_equal(text_of("verdict"), "malformed");
	/* Of one that is offered twice the first, and the simplest mode. */
	agree(NULLED ";mod=UDP-enc-tun," NULLED ";mod=tun," NULLED ";mod=trans", "");
	assert_string_equal(text_of("mod"), "trans");
	agree(NULLED ";mod=UDP-enc-tun," NULLED ";mod=TRANS", ",\"nat\":true");
	assert_string_equal(text_of("mod"), "UDP-enc-tun");
}

static void test_mechanisms(void **state)
{
	(void)state;
	agree(CBC ",tls", ",\"mechanisms\":\"tls, ipsec-3gpp\"");
	expect("{\"verdict\":\"agreed\",\"mechanism\":\"tls\",\"security_server\":\"tls; q=0.1\"}");
	agree(CBC ",tls", ",\"mechanisms\":\"ipsec-3gpp,TLS\"");
	assert_string_equal(text_of("mechanism"), "ipsec-3gpp");
	agree(MD5 ",tls", ",\"mechanisms\":\"ipsec-3gpp,tls\""); /* the fall-back */
	assert_string_equal(text_of("mechanism"), "tls");
	agree("tls", ""); /* is not served unless it is asked for */
	assert_string_equal(text_of("verdict"), "mechanism");
	agree("sdes-srtp;mediasec, tls;mediasec", ",\"mechanisms\":\"tls\"");
	assert_string_equal(text_of("verdict"), "mechanism");
}

/* ---- why nothing is ---- */

static void test_reasons(void **state)
{
	static const struct {
		const char *client, *verdict;
		int status;
	} cases[] = {
		{ "", "malformed", 400 },
		{ "ipsec-3gpp;;", "malformed", 400 },
		{ "digest;d-alg=md5,ipsec-ike", "mechanism", 494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;prot=ah" PORTS, "prot", 494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;mod=tunnel" PORTS, "mod", 494 },
		{ "ipsec-3gpp;ealg=aes-cbc" PORTS, "alg", 494 },
		{ MD5, "alg", 494 },
		{ "ipsec-3gpp;alg=aes-gmac;ealg=aes-cbc" PORTS, "alg", 494 },
		{ "ipsec-3gpp;alg=null" PORTS, "alg", 494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-s=4098;port-c=1;port-s=2", "spi", 494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=255;spi-s=4098;port-c=1;port-s=2", "spi",
		  494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=4294967296;spi-s=4098;port-c=1;port-s=2",
		  "spi", 494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=00000004097;spi-s=4098;port-c=1;port-s=2",
		  "spi", 494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=-300;spi-s=4098;port-c=1;port-s=2", "spi",
		  494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=4098;spi-s=4098;port-c=1;port-s=2", "spi",
		  494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=4097;spi-s=4098;port-c=1", "port", 494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=4097;spi-s=4098;port-c=2;port-s=2", "port",
		  494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=4097;spi-s=4098;port-c=2;port-s=5060", "port",
		  494 },
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=4097;spi-s=4098;port-c=65536;port-s=2",
		  "port", 494 },
		/* The one that came nearest. */
		{ "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=4097;spi-s=4098," MD5, "port", 494 },
	};
	char want[96];

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		agree(cases[i].client, "");
		snprintf(want, sizeof(want), "{\"verdict\":\"%s\",\"status\":%d}", cases[i].verdict,
			 cases[i].status);
		expect(want);
	}
	agree(CBC, ",\"nat\":true");
	expect("{\"verdict\":\"mod\",\"status\":494}");
	assert_int_equal(env.s.stats.sec_agreed[AGREE_ALG], 4);
	ask_refused(&env.s, "ipsec.agree", "{}", RPC_BAD_PARAMS, "security_client");
	ask_refused(&env.s, "ipsec.agree", "{\"security_client\":\"tls\",\"mechanisms\":\"ike\"}",
		    RPC_BAD_PARAMS, "\"mechanisms\"");
	ask_refused(&env.s, "ipsec.agree",
		    "{\"security_client\":\"tls\",\"mechanisms\":\"tls,tls,tls\"}", RPC_BAD_PARAMS,
		    "\"mechanisms\"");
}

/* ---- associations by the header ---- */

static void test_add(void **state)
{
	union ctl_cmd c = { 0 };

	(void)state;
	ask_server(&env.s, "ipsec.add",
		   "{\"security_client\":\"" NULLED "," GCM ";mod=UDP-enc-tun\",\"nat\":true," KEYS
		   "}");
	assert_string_equal(text_of("ealg"), "aes-gcm");
	for (uint32_t w = 0; w < env.conf.dataplane.n_workers && !c.hdr.type; w++)
		fake_dp_take(&env.dp, w, &c);
	assert_int_equal(c.hdr.type, CMD_IPSEC_SET);
	assert_int_equal(c.ipsec_set.s.transform, ESP_GCM);
	assert_int_equal(c.ipsec_set.s.flags, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP);
	assert_int_equal(c.ipsec_set.s.lane[0].spi_out, 4097);
	assert_int_equal(c.ipsec_set.s.lane[1].spi_out, 4098);
	assert_int_equal(be16_get(c.ipsec_set.s.lane[0].remote), 5100);
	assert_int_equal(be16_get(c.ipsec_set.s.lane[1].remote), 5101);
	ask_refused(&env.s, "ipsec.add", "{\"security_client\":\"" MD5 "\"," KEYS "}",
		    RPC_BAD_PARAMS, "leads to no association: alg");
	ask_refused(&env.s, "ipsec.add",
		    "{\"security_client\":\"" CBC "\",\"mod\":\"tun\"," KEYS "}", RPC_BAD_PARAMS,
		    "only one of both");
	ask_refused(&env.s, "ipsec.add", "{\"security_client\":\"" CBC "\",\"port_s\":1," KEYS "}",
		    RPC_BAD_PARAMS, "only one of both");
	ask_refused(&env.s, "ipsec.add", "{\"nat\":true," KEYS "}", RPC_BAD_PARAMS, "\"nat\"");
	/* TLS is no association. */
	ask_refused(&env.s, "ipsec.add", "{\"security_client\":\"tls\"," KEYS "}", RPC_BAD_PARAMS,
		    "leads to no association: mechanism");
}

/* ---- whether somebody changed it ---- */

static char phone[64], server[AGREE_SERVER_MAX];

static void added(const char *client, const char *more)
{
	char params[2048];

	snprintf(params, sizeof(params), "{\"security_client\":\"%s\"%s," KEYS "}", client, more);
	ask_server(&env.s, "ipsec.add", params);
	snprintf(server, sizeof(server), "%s", text_of("security_server"));
	snprintf(phone, sizeof(phone), "%s", text_of("phone"));
}

static const char *verified(const char *verify, const char *client)
{
	char params[2048];
	size_t n = (size_t)snprintf(params, sizeof(params),
				    "{\"phone\":\"%s\",\"security_verify\":\"%s\"", phone, verify);

	snprintf(params + n, sizeof(params) - n, client ? ",\"security_client\":\"%s\"}" : "}%s",
		 client ? client : "");
	ask_server(&env.s, "ipsec.verify", params);
	return text_of("verdict");
}

static void test_verify(void **state)
{
	char changed[AGREE_SERVER_MAX + 16];
	char *at;

	(void)state;
	added(NULLED "," CBC, "");
	assert_string_equal(verified(server, NULL), "agreed");
	assert_string_equal(verified(server, NULLED "," CBC), "agreed");
	/* A better offer was taken away from the first REGISTER: bidding down. */
	assert_string_equal(verified(server, NULLED "," CBC "," GCM), "client_differs");
	expect("{\"verdict\":\"client_differs\",\"status\":494}");
	assert_string_equal(verified(server, NULLED), "client_differs");
	assert_string_equal(verified(server, "tls"), "client_differs");
	/* Of a re-registration there are other SPIs. */
	assert_string_equal(
	    verified(server, "ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc;spi-c=4099;spi-s=4100;"
			     "port-c=5102;port-s=5101"),
	    "client_differs");
	/* What the phone was told was changed on the way. */
	assert_string_equal(verified("tls; q=0.1", NULL), "verify_differs");
	snprintf(changed, sizeof(changed), "%s", server);
	at = strstr(changed, "port-s=5063");
	assert_non_null(at);
	at[10] = '4';
	assert_string_equal(verified(changed, NULL), "verify_differs");
	snprintf(changed, sizeof(changed), "%s,tls;q=0.2", server);
	assert_string_equal(verified(changed, NULL), "verify_differs");
	assert_string_equal(verified("", NULL), "malformed");
	assert_string_equal(verified(server, ";"), "malformed");
	assert_int_equal(env.s.stats.sec_agreed[AGREE_VERIFY], 3);
}

/* Behind a NAT, what does not get through it was no offer. */
static void test_verify_nat(void **state)
{
	(void)state;
	added(GCM "," CBC "," NULLED ";mod=UDP-enc-tun", ",\"nat\":true");
	assert_string_equal(verified(server, GCM "," CBC "," NULLED ";mod=UDP-enc-tun"), "agreed");
	assert_string_equal(verified(server, GCM ";mod=UDP-enc-tun," NULLED ";mod=UDP-enc-tun"),
			    "client_differs");
}

static void test_verify_tls(void **state)
{
	(void)state;
	ask_server(&env.s, "ipsec.verify",
		   "{\"security_verify\":\"tls;q=0.1\",\"security_client\":\"tls," CBC
		   "\",\"mechanisms\":\"tls,ipsec-3gpp\"}");
	assert_string_equal(text_of("verdict"), "agreed");
	ask_server(&env.s, "ipsec.verify",
		   "{\"security_verify\":\"tls;q=0.1\",\"security_client\":\"tls," CBC
		   "\",\"mechanisms\":\"ipsec-3gpp,tls\"}");
	assert_string_equal(text_of("verdict"), "client_differs");
	/* A name that was lost is no phone of TLS. */
	ask_refused(&env.s, "ipsec.verify", "{\"security_verify\":\"tls; q=0.1\",\"phone\":null}",
		    RPC_BAD_PARAMS, "must be given");
	ask_refused(&env.s, "ipsec.verify", "{\"security_verify\":\"tls\",\"phone\":\"0-0-9\"}",
		    RPC_UNKNOWN, "there is no phone");
	ask_server(&env.s, "ipsec.add",
		   "{\"mod\":\"tun\",\"inner\":\"10.77.0.9\",\"spi_c\":300," KEYS "}");
	snprintf(phone, sizeof(phone), "{\"security_verify\":\"tls\",\"phone\":\"%s\"}",
		 text_of("phone"));
	ask_refused(&env.s, "ipsec.verify", phone, RPC_BAD_PARAMS, "one association for all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_choice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mechanisms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reasons, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verify, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verify_nat, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verify_tls, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
