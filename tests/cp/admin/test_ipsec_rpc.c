/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `ipsec.add` and its kin on the control socket (R18, R19, R82; TS 33.203 7, Annexes H and I): what
 * a worker is told for what a Security-Client header says, the keys of each transform by the values
 * that 33.203's functions give for TS 35.207's first set, what Security-Server is to say; phones
 * that cannot stand beside each other; lifetimes, counters, ends; what the dataplane tells, and
 * what a control process learns of it that has restarted; what controllers are told of it all.
 */
#include "tests/world/cp_env.h"
#include "tests/world/rpc_ask.h"

#include "cp/admin/ipsec_events.h"
#include "cp/ipsec/phones.h"
#include "lib/esp.h"

#define CK "\"ck\":\"b40ba9a3c58b2a05bbf0d987b21bf8cb\""
#define IK "\"ik\":\"f769bcd751044604127672711c6d3441\""
#define KEYS CK "," IK
#define PORTS "\"spi_c\":4097,\"spi_s\":4098,\"port_c\":5100,\"port_s\":5101"
#define PHONE "\"remote\":\"198.51.100.7\"," PORTS "," KEYS

static const uint8_t ck[16] = { 0xb4, 0x0b, 0xa9, 0xa3, 0xc5, 0x8b, 0x2a, 0x05,
				0xbb, 0xf0, 0xd9, 0x87, 0xb2, 0x1b, 0xf8, 0xcb };
static const uint8_t ik[20] = { 0xf7, 0x69, 0xbc, 0xd7, 0x51, 0x04, 0x46, 0x04, 0x12, 0x76,
				0x72, 0x71, 0x1c, 0x6d, 0x34, 0x41, 0,	  0,	0,    0 };
static const uint8_t none[20];
static struct env env;

static void drain_commands(void)
{
	union ctl_cmd c;

	for (uint32_t w = 0; w < env.conf.dataplane.n_workers; w++)
		while (fake_dp_take(&env.dp, w, &c))
			;
}

static void begin(uint32_t phones)
{
	struct config_ipsec *i = &env.conf.ipsec;

	env_open(&env);
	*i = (struct config_ipsec){ .n_addr = 2,
				    .udp_port = 4500,
				    .server_port = 5063,
				    .client_port = 5062,
				    .phones = phones,
				    .window = 64 };
	i->inner[i->n_inner++] = (struct ip_prefix){ addr("10.77.0.0", 0).ip, 96 + 16 };
	i->addr[0] = addr("192.0.2.9", 0).ip;
	i->addr[1] = addr("2001:db8::9", 0).ip;
	env_start(&env, 64);
	env.s.phones = phones_new(&env.s);
	assert_non_null(env.s.phones);
	drain_commands();
	answer = NULL;
}

static int setup(void **state)
{
	(void)state;
	begin(8);
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

static const json_t *result(void)
{
	const json_t *r = json_object_get(answer, "result");

	if (!r)
		fail_msg("%s", json_string_value(
				   json_object_get(json_object_get(answer, "error"), "message")));
	return r;
}

static const char *text_of(const char *name)
{
	return json_string_value(json_object_get(result(), name));
}

static void failed(const char *method, const char *params, int code, const char *text)
{
	ask_refused(&env.s, method, params, code, text);
}

/* The next command of any worker, of that type. */
static union ctl_cmd told(uint16_t type, uint32_t *worker)
{
	union ctl_cmd c;

	for (*worker = 0; *worker < env.conf.dataplane.n_workers; ++*worker)
		if (fake_dp_take(&env.dp, *worker, &c)) {
			assert_int_equal(c.hdr.type, type);
			return c;
		}
	fail_msg("no worker was told anything");
	return (union ctl_cmd){ 0 };
}

static struct cmd_ipsec_set add(const char *params)
{
	uint32_t w;
	struct cmd_ipsec_set c;

	assert_null(ask_server(&env.s, "ipsec.add", params));
	result();
	c = told(CMD_IPSEC_SET, &w).ipsec_set;
	assert_int_equal(w, ctl_ipsec_worker(&c.s.inner, env.conf.dataplane.n_workers));
	for (uint32_t i = 0; i < c.s.n_lanes; i++)
		assert_int_equal(c.s.lane[i].spi_in, ctl_ipsec_spi(w, c.s.id, i));
	return c;
}

static void tell(enum ctl_ipsec_event what, const struct ctl_ipsec *s, uint32_t seq)
{
	struct evt_ipsec e = { .hdr = { EVT_IPSEC, sizeof(e), seq },
			       .s = *s,
			       .what = (uint16_t)what,
			       .silent_s = 3,
			       .packets_in = 5,
			       .bytes_in = 500,
			       .packets_out = 4,
			       .bytes_out = 400,
			       .dropped = 1 };

	fake_dp_event(&env.dp, ctl_ipsec_worker(&s->inner, env.conf.dataplane.n_workers), &e,
		      sizeof(e));
	env_poll(&env);
}

/* ---- adding ---- */

static void test_add(void **state)
{
	char want[256];
	struct cmd_ipsec_set c;

	(void)state;
	c = add("{\"user\":\"user1@home1.net\",\"ealg\":\"aes-cbc\"," PHONE "}");
	assert_memory_equal(&c.s.local, &env.conf.ipsec.addr[0], sizeof(c.s.local));
	assert_memory_equal(&c.s.outer, &(struct sock_addr[]){ addr("198.51.100.7", 0) }[0],
			    sizeof(c.s.outer));
	assert_memory_equal(&c.s.inner, &c.s.outer.ip, sizeof(c.s.inner));
	assert_int_equal(c.s.flags, 0);
	assert_int_equal(c.s.transform, ESP_CBC_SHA1);
	assert_int_equal(c.s.window, 64);
	assert_int_equal(c.s.expiry, server_now(&env.s) + 240);
	assert_int_equal(c.s.n_lanes, 2);
	assert_int_equal(c.s.lane[0].spi_out, 4097);
	assert_int_equal(be16_get(c.s.lane[0].remote), 5100);
	assert_int_equal(be16_get(c.s.lane[0].local), 5063);
	assert_int_equal(c.s.lane[1].spi_out, 4098);
	assert_int_equal(be16_get(c.s.lane[1].remote), 5101);
	assert_int_equal(be16_get(c.s.lane[1].local), 5062);
	assert_int_equal(c.seq, 0);
	assert_memory_equal(c.key, ck, sizeof(c.key));
	assert_memory_equal(c.mac, ik, sizeof(c.mac));
	snprintf(want, sizeof(want),
		 "ipsec-3gpp; q=0.1; alg=hmac-sha-1-96; ealg=aes-cbc; prot=esp; mod=trans; "
		 "spi-c=%u; spi-s=%u; port-c=5062; port-s=5063",
		 c.s.lane[1].spi_in, c.s.lane[0].spi_in);
	assert_string_equal(text_of("security_server"), want);
}

static char audited[1024];

static void keep_line(const struct rpc_caller *who, enum rpc_audited as, bool done,
		      const char *what)
{
	(void)who;
	(void)as;
	(void)done;
	snprintf(audited, sizeof(audited), "%s", what);
}

/* Who asked for it is written down, and no key. */
static void test_audit(void **state)
{
	const struct rpc_caller who = { .may = CONFIG_MAY_ADMINISTER, .audit = keep_line };
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ipsec.add\","
				   "\"params\":{" PHONE "}}";

	(void)state;
	free(rpc_answer_to(&who, rpc_methods, RPC_METHODS, &env.s, line, strlen(line), NULL));
	assert_non_null(strstr(audited, "198.51.100.7"));
	assert_null(strstr(audited, "b40ba9a3"));
	assert_null(strstr(audited, "f769bcd7"));
}

/* Annex I; the salts of both are known values. */
static void test_keys(void **state)
{
	static const uint8_t gcm[4] = { 0x89, 0x27, 0x3d, 0xb6 };
	static const uint8_t gmac[4] = { 0xdb, 0xc2, 0xb1, 0xc2 };
	struct cmd_ipsec_set c;

	(void)state;
	c = add("{\"remote\":\"198.51.100.1\"," PORTS "," KEYS "}");
	assert_int_equal(c.s.transform, ESP_NULL_SHA1);
	assert_memory_equal(c.key, none, sizeof(c.key));
	assert_memory_equal(c.mac, ik, sizeof(c.mac));
	c = add("{\"remote\":\"198.51.100.2\",\"alg\":\"null\",\"ealg\":\"aes-gcm\"," PORTS "," KEYS
		"}");
	assert_int_equal(c.s.transform, ESP_GCM);
	assert_memory_equal(c.key, ck, sizeof(c.key));
	assert_memory_equal(c.salt, gcm, sizeof(gcm));
	assert_memory_equal(c.mac, none, sizeof(c.mac));
	c = add("{\"remote\":\"198.51.100.3\",\"alg\":\"AES-GMAC\"," PORTS "," KEYS "}");
	assert_int_equal(c.s.transform, ESP_GMAC);
	assert_memory_equal(c.key, ik, sizeof(c.key));
	assert_memory_equal(c.salt, gmac, sizeof(gmac));
}

static void test_modes(void **state)
{
	struct cmd_ipsec_set c;
	struct ip_addr inner = addr("10.77.0.9", 0).ip;

	(void)state;
	c = add("{\"mod\":\"UDP-enc-tun\"," PHONE "}");
	assert_int_equal(c.s.flags, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP);
	assert_non_null(strstr(text_of("security_server"), "mod=UDP-enc-tun"));
	c = add("{\"remote\":\"198.51.100.8\",\"mod\":\"tun\",\"inner\":\"10.77.0.9\",\"esn\":true,"
		"\"spi_c\":300," KEYS "}");
	assert_int_equal(c.s.flags, CTL_IPSEC_TUNNEL | CTL_IPSEC_ESN);
	assert_memory_equal(&c.s.inner, &inner, sizeof(inner));
	assert_int_equal(c.s.n_lanes, 1);
	assert_int_equal(be16_get(c.s.lane[0].local) | be16_get(c.s.lane[0].remote), 0);
	assert_true(json_is_null(json_object_get(result(), "security_server")));
	c = add("{\"remote\":\"2001:db8::77\",\"udp\":true," PORTS "," KEYS "}");
	assert_int_equal(c.s.flags, CTL_IPSEC_UDP);
	assert_memory_equal(&c.s.local, &env.conf.ipsec.addr[1], sizeof(c.s.local));
}

static void test_bad(void **state)
{
	static const struct {
		const char *params, *text;
	} bad[] = {
		{ "{" PORTS "," KEYS "}", "\"remote\"" },
		{ "{\"remote\":\"host\"," PORTS "," KEYS "}", "must be an IP address" },
		{ "{\"local\":\"192.0.2.10\"," PHONE "}", "ipsec.addresses has no address" },
		{ "{\"local\":\"2001:db8::9\"," PHONE "}", "two families" },
		{ "{\"mod\":\"tunnel\"," PHONE "}", "trans, tun or UDP-enc-tun" },
		{ "{\"inner\":\"10.0.0.1\"," PHONE "}", "tunnel mode alone" },
		{ "{\"alg\":\"hmac-md5-96\"," PHONE "}", "is not served" },
		{ "{\"ealg\":\"aes-gcm\"," PHONE "}", "is not served" },
		{ "{\"alg\":\"aes-gmac\",\"esn\":true," PHONE "}", "\"esn\"" },
		{ "{\"remote\":\"198.51.100.7\",\"spi_c\":255," KEYS "}", "spi_c" },
		{ "{\"remote\":\"198.51.100.7\"," KEYS "}", "\"spi_c\" must be given" },
		{ "{\"remote\":\"198.51.100.7\",\"spi_c\":300,\"port_c\":1," KEYS "}",
		  "\"spi_s\"" },
		{ "{\"remote\":\"198.51.100.7\",\"spi_c\":300,\"spi_s\":300,\"port_c\":1,"
		  "\"port_s\":2," KEYS "}",
		  "must differ" },
		{ "{\"remote\":\"198.51.100.7\"," PORTS "," CK "}", "\"ik\"" },
		{ "{\"remote\":\"198.51.100.7\",\"spi_c\":300," KEYS "}", "tunnel mode" },
		{ "{\"remote\":\"198.51.100.7\",\"mod\":\"tun\",\"spi_c\":300," KEYS "}",
		  "ipsec.inner" },
		{ "{\"lifetime_s\":0," PHONE "}", "lifetime_s" },
		{ "{\"x\":1," PHONE "}", "\"x\"" },
	};
	union ctl_cmd c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		failed("ipsec.add", bad[i].params, RPC_BAD_PARAMS, bad[i].text);
	for (uint32_t w = 0; w < env.conf.dataplane.n_workers; w++)
		assert_false(fake_dp_take(&env.dp, w, &c));
	assert_int_equal(phones_count(env.s.phones), 0);
}

/* Two behind one NAT that chose one port: nobody could say whose a packet to it is. */
static void test_clash(void **state)
{
	(void)state;
	add("{\"user\":\"a\"," PHONE "}");
	failed("ipsec.add", "{\"user\":\"b\"," PHONE "}", RPC_DENIED, "must choose others");
	failed("ipsec.add",
	       "{\"user\":\"b\",\"remote\":\"198.51.100.7\",\"spi_c\":300,\"spi_s\":301,"
	       "\"port_c\":6000,\"port_s\":5101," KEYS "}",
	       RPC_DENIED, "must choose others");
	add("{\"user\":\"b\",\"remote\":\"198.51.100.7\",\"spi_c\":300,\"spi_s\":301,"
	    "\"port_c\":6000,\"port_s\":6001," KEYS "}");
	add("{\"user\":\"a\"," PHONE "}"); /* it registers again */
	assert_int_equal(phones_count(env.s.phones), 3);
	failed("ipsec.add", "{" PHONE "}", RPC_DENIED, "must choose others"); /* nobody's */
	add("{\"user\":\"c\",\"mod\":\"tun\",\"inner\":\"10.77.0.9\",\"remote\":\"198.51.100.9\","
	    "\"spi_c\":300," KEYS "}");
	failed("ipsec.add", /* a port of one that has all */
	       "{\"user\":\"d\",\"mod\":\"tun\",\"inner\":\"10.77.0.9\",\"remote\":\"198.51.100."
	       "9\"," PORTS "," KEYS "}",
	       RPC_DENIED, "must choose others");
}

static void test_full(void **state)
{
	char params[512];
	uint32_t n = 0;

	(void)state;
	for (uint32_t i = 1; i < 200; i++) {
		snprintf(params, sizeof(params),
			 "{\"remote\":\"198.51.100.%u\"," PORTS "," KEYS "}", i);
		ask_server(&env.s, "ipsec.add", params);
		n += json_object_get(answer, "result") != NULL;
		drain_commands();
	}
	assert_int_equal(n, 8 * env.conf.dataplane.n_workers);
	assert_int_equal(phones_count(env.s.phones), n);
	failed("ipsec.add", "{" PHONE "}", RPC_FULL, "ipsec.phones");
	/* Those that are over make room. */
	for (int i = 0; i < 3; i++)
		env_advance(&env, 241000);
	assert_int_equal(phones_count(env.s.phones), 0);
	add("{" PHONE "}");
}

/* ---- one that is there ---- */

static void test_life(void **state)
{
	char params[128];
	struct cmd_ipsec_set c;
	uint32_t w;

	(void)state;
	c = add("{" PHONE "}");
	snprintf(params, sizeof(params), "{\"phone\":\"%s\",\"lifetime_s\":3630}",
		 text_of("phone"));
	ask_server(&env.s, "ipsec.extend", params);
	result();
	c = told(CMD_IPSEC_SET, &w).ipsec_set;
	assert_int_equal(c.s.expiry, server_now(&env.s) + 3630);
	assert_memory_equal(c.mac, ik, sizeof(c.mac));
	env_advance(&env, 300000);
	assert_int_equal(phones_count(env.s.phones), 1);
	failed("ipsec.extend", "{\"phone\":\"0-0-1\",\"lifetime_s\":1}", RPC_UNKNOWN, "no phone");
}

static void test_show(void **state)
{
	struct cmd_ipsec_set c;
	union ctl_cmd asked;
	char params[128];
	uint32_t w;

	(void)state;
	c = add("{\"user\":\"a\"," PHONE "}");
	snprintf(params, sizeof(params), "{\"phone\":\"%s\"}", text_of("phone"));
	assert_non_null(ask_server(&env.s, "ipsec.show", params));
	asked = told(CMD_IPSEC_AUDIT, &w);
	assert_memory_equal(&asked.ipsec_audit.id, &c.s.id, sizeof(c.s.id));
	tell(IPSEC_STATS, &c.s, asked.hdr.seq);
	assert_int_equal(json_integer_value(json_object_get(result(), "packets_in")), 5);
	assert_int_equal(json_integer_value(json_object_get(result(), "bytes_out")), 400);
	assert_int_equal(json_integer_value(json_object_get(result(), "silent_s")), 3);
	/* Where nobody answers, it is said. */
	assert_non_null(ask_server(&env.s, "ipsec.show", params));
	env_advance(&env, 1100);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(answer, "error"), "code")),
	    RPC_AWAY);
	drain_commands();
	assert_non_null(ask_server(&env.s, "ipsec.delete", params));
	asked = told(CMD_IPSEC_DEL, &w);
	tell(IPSEC_STATS, &c.s, asked.hdr.seq);
	assert_int_equal(json_integer_value(json_object_get(result(), "packets_out")), 4);
	assert_int_equal(phones_count(env.s.phones), 0);
	failed("ipsec.delete", params, RPC_UNKNOWN, "no phone");
}

static void test_list(void **state)
{
	(void)state;
	add("{\"user\":\"a\"," PHONE "}");
	add("{\"user\":\"b\",\"remote\":\"198.51.100.8\"," PORTS "," KEYS "}");
	ask_server(&env.s, "ipsec.list", "{}");
	assert_int_equal(json_array_size(json_object_get(result(), "phones")), 2);
	assert_true(json_is_null(json_object_get(result(), "cursor")));
	ask_server(&env.s, "ipsec.list", "{\"user\":\"b\"}");
	assert_int_equal(json_array_size(json_object_get(result(), "phones")), 1);
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(result(), "phones"), 0), "remote")),
			    "198.51.100.8");
	ask_server(&env.s, "ipsec.list", "{\"remote\":\"198.51.100.9\"}");
	expect("{\"phones\":[],\"cursor\":null}");
	ask_server(&env.s, "ipsec.list", "{\"limit\":1}");
	assert_int_equal(json_array_size(json_object_get(result(), "phones")), 1);
	assert_true(json_is_integer(json_object_get(result(), "cursor")));
}

/* ---- what the dataplane tells ---- */

static const json_t *first(void)
{
	ask_server(&env.s, "ipsec.list", "{}");
	return json_array_get(json_object_get(result(), "phones"), 0);
}

static void test_events(void **state)
{
	struct cmd_ipsec_set c;

	(void)state;
	c = add("{\"mod\":\"UDP-enc-tun\"," PHONE "}");
	assert_true(json_is_false(json_object_get(first(), "used")));
	tell(IPSEC_USED, &c.s, 0);
	assert_true(json_is_true(json_object_get(first(), "used")));
	c.s.outer = addr("198.51.100.99", 7777);
	tell(IPSEC_MOVED, &c.s, 0);
	assert_string_equal(json_string_value(json_object_get(first(), "remote")),
			    "198.51.100.99:7777");
	tell(IPSEC_SPENT, &c.s, 0);
	assert_true(json_is_true(json_object_get(first(), "spent")));
	tell(IPSEC_REFUSED, &c.s, 0);
	assert_null(first());
	assert_int_equal(env.s.stats.phones_refused, 1);
}

/* What is told after that number. */
static const json_t *news(uint64_t after)
{
	char params[64];

	snprintf(params, sizeof(params), "{\"after\":%llu,\"limit\":256}",
		 (unsigned long long)after);
	assert_null(ask_server(&env.s, "ipsec.events", params));
	return json_object_get(result(), "events");
}

static void assert_news(const json_t *list, size_t i, const char *what, const char *why,
			const char *remote)
{
	const json_t *e = json_array_get(list, i);
	const char *said = json_string_value(json_object_get(e, "why"));

	assert_non_null(e);
	assert_string_equal(json_string_value(json_object_get(e, "what")), what);
	assert_string_equal(json_string_value(json_object_get(e, "user")), "a");
	assert_string_equal(json_string_value(json_object_get(e, "remote")), remote);
	assert_string_equal(said ? said : "", why);
}

static void test_told(void **state)
{
	struct cmd_ipsec_set c;
	const json_t *list;
	char name[PHONE_NAME_MAX];

	(void)state;
	assert_int_equal(json_array_size(news(0)), 0);
	c = add("{\"user\":\"a\",\"udp\":true,\"lifetime_s\":100," PHONE "}");
	snprintf(name, sizeof(name), "%s", text_of("phone"));
	tell(IPSEC_USED, &c.s, 0);
	c.s.outer = addr("198.51.100.99", 7777);
	tell(IPSEC_MOVED, &c.s, 0);
	tell(IPSEC_SPENT, &c.s, 0);
	tell(IPSEC_REFUSED, &c.s, 0);
	list = news(0);
	assert_int_equal(json_array_size(list), 4);
	assert_news(list, 0, "used", "", "198.51.100.7");
	assert_news(list, 1, "moved", "", "198.51.100.99:7777");
	assert_news(list, 2, "spent", "", "198.51.100.99:7777");
	assert_news(list, 3, "ended", "limit", "198.51.100.99:7777");
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(
		    json_string_value(json_object_get(json_array_get(list, i), "phone")), name);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "lifetime_s")),
			 100);
	assert_int_equal(env.s.stats.phone_events, 4);
	assert_int_equal(json_array_size(news(3)), 1);
	assert_int_equal(json_array_size(news(4)), 0);
	assert_int_equal(json_array_size(news(5)), 4); /* of another process */
}

/* By which port a back end knows a phone is told where it has one: a server port to be reached at.
 */
static void test_sip_port(void **state)
{
	struct cmd_ipsec_set c;
	uint32_t w;

	(void)state;
	add("{\"remote\":\"198.51.100.8\"," PORTS "," KEYS "}");
	assert_true(json_is_null(json_object_get(result(), "sip_port")));
	env.conf.ipsec.sip_port = 10000;
	c = add("{" PHONE "}");
	w = ctl_ipsec_worker(&c.s.inner, env.conf.dataplane.n_workers);
	assert_int_equal(json_integer_value(json_object_get(result(), "sip_port")),
			 10000 + 8 * w + c.s.id.slot);
	add("{\"remote\":\"198.51.100.8\",\"mod\":\"tun\",\"inner\":\"10.77.0.9\","
	    "\"spi_c\":300," KEYS "}");
	assert_true(json_is_null(json_object_get(result(), "sip_port")));
}

/* That its end is near is told once, and once more after it was put off. */
static void test_told_of_ends(void **state)
{
	const json_t *list;
	char params[128];

	(void)state;
	add("{\"user\":\"a\",\"lifetime_s\":60," PHONE "}");
	snprintf(params, sizeof(params), "{\"phone\":\"%s\",\"lifetime_s\":60}", text_of("phone"));
	env_advance(&env, 29000);
	assert_int_equal(json_array_size(news(0)), 0);
	for (int i = 0; i < 3; i++)
		env_advance(&env, 1000);
	list = news(0);
	assert_int_equal(json_array_size(list), 1);
	assert_news(list, 0, "ending", "", "198.51.100.7");
	ask_server(&env.s, "ipsec.extend", params);
	result();
	env_advance(&env, 29000);
	assert_int_equal(json_array_size(news(1)), 0);
	for (int i = 0; i < 40; i++)
		env_advance(&env, 1000);
	list = news(1);
	assert_int_equal(json_array_size(list), 2);
	assert_news(list, 0, "ending", "", "198.51.100.7");
	assert_news(list, 1, "ended", "lifetime", "198.51.100.7");
	add("{\"user\":\"a\"," PHONE "}");
	snprintf(params, sizeof(params), "{\"phone\":\"%s\"}", text_of("phone"));
	ask_server(&env.s, "ipsec.delete", params);
	assert_news(news(3), 0, "ended", "deleted", "198.51.100.7");
}

/* Who waits is told when it happens, and what nobody fetched is said to be gone. */
static void test_told_later(void **state)
{
	struct event_base *base = event_base_new();
	struct rpc_later *l = NULL;
	struct cmd_ipsec_set c;

	(void)state;
	assert_true(ipsec_events_open(&env.s, base));
	c = add("{\"user\":\"a\"," PHONE "}");
	l = ask_server(&env.s, "ipsec.events", "{\"wait_ms\":30000}");
	assert_non_null(l);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_null(answer);
	tell(IPSEC_USED, &c.s, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(json_array_size(json_object_get(result(), "events")), 1);
	for (int i = 0; i < PHONE_EVENTS + 9; i++)
		tell(IPSEC_MOVED, &c.s, 0);
	assert_int_equal(env.s.stats.phone_events_lost, 9);
	assert_int_equal(json_array_size(news(1)), 256);
	assert_int_equal(json_integer_value(json_object_get(result(), "lost")), 9);
	assert_int_equal(json_integer_value(json_object_get(result(), "last")), 1 + 9 + 256);
	ipsec_events_close(&env.s);
	event_base_free(base);
}

/* A process that has restarted has no keys: the dataplane goes on with its own. */
static void test_adopted(void **state)
{
	struct cmd_ipsec_set c;
	struct dplink_cursor cur = { .of = DPLINK_PHONES };
	char params[128];
	uint32_t w;

	(void)state;
	c = add("{\"user\":\"a\"," PHONE "}");
	phones_free(env.s.phones);
	env.s.phones = phones_new(&env.s);
	assert_true(phones_partial(env.s.phones));
	tell(IPSEC_TOLD, &c.s, 0);
	phones_whole(env.s.phones);
	assert_int_equal(phones_count(env.s.phones), 1);
	w = ctl_ipsec_worker(&c.s.inner, env.conf.dataplane.n_workers);
	assert_int_equal(phones_replay(env.s.phones, w, &cur), DPLINK_IDLE);
	c = told(CMD_IPSEC_SET, &w).ipsec_set;
	assert_true(c.s.flags & CTL_IPSEC_KEPT);
	assert_memory_equal(c.mac, none, sizeof(c.mac));
	assert_int_equal(c.s.lane[0].spi_out, 4097);
	/* Whose it is it knows all the same. */
	failed("ipsec.add", "{\"user\":\"b\"," PHONE "}", RPC_DENIED, "must choose others");
	add("{\"user\":\"a\"," PHONE "}");
	phones_forget(env.s.phones, phones_find(env.s.phones, text_of("phone")), PHONE_END_DELETED);
	drain_commands();
	snprintf(params, sizeof(params), "{\"phone\":\"%s\",\"lifetime_s\":60}",
		 json_string_value(json_object_get(first(), "phone")));
	ask_server(&env.s, "ipsec.extend", params);
	c = told(CMD_IPSEC_SET, &w).ipsec_set;
	assert_true(c.s.flags & CTL_IPSEC_KEPT);
}

/* What is sent goes by the set that was used and told last; when that goes, by the one before. */
static void test_current(void **state)
{
	struct cmd_ipsec_set older, newer, c;
	struct phone *p;
	uint32_t w;

	(void)state;
	older = add("{\"user\":\"a\"," PHONE "}");
	assert_false(older.s.flags & CTL_IPSEC_CURRENT);
	tell(IPSEC_USED, &older.s, 0);
	env_advance(&env, 5000);
	newer = add("{\"user\":\"a\"," PHONE "}");
	p = phones_find(env.s.phones, text_of("phone"));
	assert_non_null(p);
	tell(IPSEC_USED, &newer.s, 0);
	for (int i = 0; i < 2; i++) {
		struct dplink_cursor cur = { .of = DPLINK_PHONES };

		w = ctl_ipsec_worker(&older.s.inner, env.conf.dataplane.n_workers);
		assert_int_equal(phones_replay(env.s.phones, w, &cur), DPLINK_IDLE);
		for (int k = 0; k < 2 - i; k++) {
			c = told(CMD_IPSEC_SET, &w).ipsec_set;
			assert_int_equal(!!(c.s.flags & CTL_IPSEC_CURRENT),
					 c.s.id.gen == (i ? older : newer).s.id.gen);
		}
		if (i == 0) {
			phones_forget(env.s.phones, p, PHONE_END_DELETED);
			c = told(CMD_IPSEC_SET, &w).ipsec_set; /* the other is told at once */
			assert_int_equal(c.s.id.gen, older.s.id.gen);
			assert_true(c.s.flags & CTL_IPSEC_CURRENT);
		}
	}
}

/* A dataplane that has restarted goes on above the numbers that it had used. */
static void test_replayed(void **state)
{
	struct dplink_cursor cur = { .of = DPLINK_PHONES };
	struct cmd_ipsec_set c;
	uint32_t w;

	(void)state;
	c = add("{" PHONE "}");
	env_advance(&env, 10000);
	w = ctl_ipsec_worker(&c.s.inner, env.conf.dataplane.n_workers);
	assert_int_equal(phones_replay(env.s.phones, w, &cur), DPLINK_IDLE);
	c = told(CMD_IPSEC_SET, &w).ipsec_set;
	assert_int_equal(c.seq, 10 * 1024);
	assert_memory_equal(c.mac, ik, sizeof(c.mac));
}

static void test_away(void **state)
{
	(void)state;
	dplink_detach(env.s.link);
	failed("ipsec.add", "{" PHONE "}", RPC_AWAY, "no dataplane");
	phones_free(env.s.phones);
	env.s.phones = NULL;
	failed("ipsec.add", "{" PHONE "}", RPC_BAD_PARAMS, "ipsec.addresses is empty");
	failed("ipsec.list", "{}", RPC_BAD_PARAMS, "ipsec.addresses is empty");
	failed("ipsec.events", "{}", RPC_BAD_PARAMS, "ipsec.addresses is empty");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_add),	      T(test_audit),	  T(test_keys),	    T(test_modes),
		T(test_bad),	      T(test_clash),	  T(test_full),	    T(test_life),
		T(test_show),	      T(test_current),	  T(test_list),	    T(test_events),
		T(test_adopted),      T(test_replayed),	  T(test_away),	    T(test_told),
		T(test_told_of_ends), T(test_told_later), T(test_sip_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
