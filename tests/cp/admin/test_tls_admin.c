/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `tls`, `psk.set`, `psk.del` and the metrics tell of TLS: certificates in force with the days
 * they have left, one that could not be read, sums over workers; that what the dataplane writes is
 * never believed (strings, half-written entries); and that a key goes in but never comes out.
 */
#include "tests/world/cp_env.h"
#include "tests/world/json_check.h"

#include "cp/admin/metrics.h"
#include "cp/admin/rpc.h"
#include "cp/admin/tls.h"
#include "cp/auth/psk_store.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NOW = 1700000000, DAY = 86400 };

#define KEY "000102030405060708090a0b0c0d0e0f"

static struct env env;

static int setup(void **state)
{
	(void)state;
	env_open(&env);
	env.conf.n_domain = 1;
	strcpy(env.conf.domain[0].name, "default");
	env.conf.n_certificate = 2;
	for (int i = 0; i < 2; i++)
		strcpy(env.conf.certificate[i].domain, "default");
	strcpy(env.conf.certificate[0].chain, "/etc/ec.pem");
	strcpy(env.conf.certificate[1].chain, "/etc/\"rsa\".pem");
	env.conf.tls.connections = 100;
	env_start(&env, 64);
	server_clock(&env.s, env.now_ms, UINT64_C(1000) * NOW);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_stop(&env);
	env_close(&env);
	return 0;
}

static struct ctl_cert_info *cert(uint32_t i)
{
	return (struct ctl_cert_info *)(env.dp.base + env.dp.region->cert_info) + i;
}

static struct ctl_cert_info *put(uint32_t i, int64_t days)
{
	struct ctl_cert_info *c = cert(i);

	c->seq = 2;
	c->loaded = NOW - 5;
	c->not_before = NOW - DAY;
	c->not_after = (uint64_t)(NOW + days * DAY + 60);
	c->sha256[0] = 0xab;
	strcpy(c->type, "EC P-256");
	strcpy(c->subject, "CN=turn");
	strcpy(c->names, "turn.example.org *.example.org");
	return c;
}

static json_t *call(const char *method, const char *params, int *code)
{
	char line[2048];
	char *text;
	json_t *reply, *result;

	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	text = rpc_answer(rpc_methods, RPC_METHODS, &env.s, line, strlen(line), NULL);
	assert_non_null(text);
	assert_null(strstr(text, KEY));
	reply = json_loads(text, 0, NULL);
	result = json_incref(json_object_get(reply, "result"));
	*code = (int)json_integer_value(json_object_get(json_object_get(reply, "error"), "code"));
	json_decref(reply);
	free(text);
	return result;
}

static json_t *certificate(json_t *result, size_t i)
{
	return json_array_get(json_object_get(result, "certificates"), i);
}

/* ---- certificates ---- */

static void certificates_in_force(void **state)
{
	json_t *r;
	int code;

	(void)state;
	put(0, 10);
	put(1, 20)->seq = 3; /* its writer died in the middle */
	r = call("tls", "{}", &code);
	expect_json(
	    certificate(r, 0),
	    "{\"domain\":\"default\",\"chain\":\"/etc/ec.pem\",\"loaded\":1699999995,"
	    "\"type\":\"EC P-256\",\"subject\":\"CN=turn\","
	    "\"names\":[\"turn.example.org\",\"*.example.org\"],"
	    "\"not_before\":1699913600,\"not_after\":1700864060,\"days_left\":10,\"sha256\":"
	    "\"ab00000000000000000000000000000000000000000000000000000000000000\","
	    "\"error\":\"\"}");
	expect_json(certificate(r, 1), "{\"domain\":\"default\",\"chain\":\"/etc/\\\"rsa\\\".pem\","
				       "\"loaded\":false,\"error\":\"\"}");
	json_decref(r);
	cert(1)->seq = cert(1)->loaded = 0; /* never read */
	r = call("tls", "{}", &code);
	assert_true(json_is_false(json_object_get(certificate(r, 1), "loaded")));
	json_decref(r);
}

static int64_t days(int64_t seconds)
{
	json_t *r;
	int64_t n;
	int code;

	put(0, 0)->not_after = (uint64_t)(NOW + seconds);
	r = call("tls", "{}", &code);
	n = json_integer_value(json_object_get(certificate(r, 0), "days_left"));
	json_decref(r);
	return n;
}

static void days_left(void **state)
{
	(void)state;
	assert_int_equal(days(DAY), 1);
	assert_int_equal(days(DAY - 1), 0);
	assert_int_equal(days(0), 0);
	assert_int_equal(days(-1), -1);
	assert_int_equal(days(-DAY), -1);
	assert_int_equal(days(-DAY - 1), -2);
}

/* Strings without end, and bytes that are no text. */
static void what_is_written_is_not_believed(void **state)
{
	struct ctl_cert_info *c = put(0, 10);
	json_t *r;
	int code;

	(void)state;
	memset(c->type, '\xff', sizeof(c->type));
	memset(c->subject, '\x01', sizeof(c->subject));
	memset(c->names, ' ', sizeof(c->names));
	memset(c->error, 'e', sizeof(c->error));
	c->not_after = UINT64_MAX;
	r = call("tls", "{}", &code);
	assert_int_equal(json_string_length(json_object_get(certificate(r, 0), "type")),
			 sizeof(c->type) - 1);
	assert_int_equal(json_string_length(json_object_get(certificate(r, 0), "error")),
			 sizeof(c->error) - 1);
	assert_int_equal(json_array_size(json_object_get(certificate(r, 0), "names")), 0);
	json_decref(r);
}

static void without_a_dataplane(void **state)
{
	json_t *r;
	int code;

	(void)state;
	put(0, 10);
	dplink_detach(env.s.link);
	r = call("tls", "{}", &code);
	assert_true(json_is_false(json_object_get(r, "attached")));
	assert_int_equal(json_array_size(json_object_get(r, "certificates")), 0);
	json_decref(r);
}

/* ---- counters ---- */

static void count(uint32_t worker, enum counter c, uint64_t n)
{
	struct ctl_counters *k =
	    (struct ctl_counters *)(env.dp.base + env.dp.region->worker[worker].counters);

	k->cnt[c] = n;
}

static int64_t total(const json_t *r, const char *list, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(r, list), i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
			return json_integer_value(json_object_get(row, "total"));
	}
	return -1;
}

static void counters_are_summed(void **state)
{
	struct ctl_counters *k =
	    (struct ctl_counters *)(env.dp.base + env.dp.region->worker[1].counters);
	json_t *r;
	int code;

	(void)state;
	count(0, CNT_TLS_FULL_12, 1);
	count(1, CNT_TLS_FULL_12, 2);
	count(1, CNT_TLS_RESUMED_13, 4);
	count(0, CNT_TLS_HANDSHAKES, 5);
	count(1, CNT_TLS_WAITING, 6);
	count(0, CNT_TLS_OVERDUE, 3);
	count(0, CNT_TLS_STALLS, 2);
	count(0, CNT_TLS_CONNS, 7);
	count(0, CNT_TLS_ALERT_RX, 8);
	k->end[TCP_END_TLS_PLAIN] = 9;
	r = call("tls", "{}", &code);
	expect_json(json_object_get(r, "handshakes"),
		    "{\"TLS 1.2\":{\"full\":3,\"resumed\":0},\"TLS 1.3\":{\"full\":0,"
		    "\"resumed\":4},\"psk\":0,\"failed\":0,\"queued\":0,\"under_way\":5,"
		    "\"overdue\":3,\"waiting\":6}");
	assert_int_equal(json_integer_value(json_object_get(r, "connections")), 7);
	assert_int_equal(json_integer_value(json_object_get(r, "connections_max")), 200);
	assert_int_equal(total(r, "events", "tls_alert_rx"), 8);
	assert_int_equal(total(r, "events", "tls_stalls"), 2);
	assert_int_equal(total(r, "events", "tls_handshakes"), -1); /* a gauge is no event */
	assert_int_equal(total(r, "ends", "tls_plain"), 9);
	assert_int_equal(total(r, "ends", "backend"), 0);
	assert_int_equal(total(r, "ends", "reset"), -1);
	json_decref(r);
}

static void metrics(void **state)
{
	struct evbuffer *out = evbuffer_new();
	const char *text;

	(void)state;
	put(0, 10);
	strcpy(put(1, 20)->error, "it is gone");
	cert(1)->not_after = 1800000000;
	count(1, CNT_TLS_FULL_13, 3);
	count(1, CNT_TLS_HANDSHAKES, 4);
	metrics_write(out, &env.s, METRICS_TEXT);
	evbuffer_add(out, "", 1);
	text = (const char *)evbuffer_pullup(out, -1);
	assert_non_null(strstr(
	    text, "\nfairlead_tls_certificate_not_after_timestamp_seconds{domain=\"default\","
		  "certificate=\"/etc/ec.pem\"} 1700864060\n"));
	assert_non_null(strstr(
	    text, "\nfairlead_tls_certificate_not_after_timestamp_seconds{domain=\"default\","
		  "certificate=\"/etc/\\\"rsa\\\".pem\"} 1800000000\n"));
	assert_non_null(strstr(text, "\nfairlead_tls_certificate_reload_failed{domain=\"default\","
				     "certificate=\"/etc/ec.pem\"} 0\n"));
	assert_non_null(strstr(text, "\nfairlead_tls_certificate_reload_failed{domain=\"default\","
				     "certificate=\"/etc/\\\"rsa\\\".pem\"} 1\n"));
	assert_non_null(strstr(text, "\nfairlead_tls_full_13_total{worker=\"1\"} 3\n"));
	assert_non_null(strstr(text, "\n# TYPE fairlead_tls_handshakes gauge\n"));
	assert_non_null(strstr(text, "\nfairlead_tls_handshakes{worker=\"1\"} 4\n"));
	assert_non_null(strstr(text, "\nfairlead_tls_psk_unknown_total 0\n"));
	evbuffer_free(out);
}

/* ---- pre-shared keys ---- */

static void controllers_set_keys(void **state)
{
	char err[512] = "";
	struct psk got;
	json_t *r;
	int code;

	(void)state;
	assert_null(call("psk.set", "{\"identity\":\"a\",\"key\":\"" KEY "\"}", &code));
	assert_int_equal(code, RPC_INTERNAL); /* no domain takes any */
	snprintf(env.conf.auth.users_db, sizeof(env.conf.auth.users_db), "%s/users.db", env.dir);
	env.s.psk = psk_open(env.conf.auth.users_db, 0, err, sizeof(err));
	assert_string_equal(err, "");
	for (int i = 0; i < 2; i++) { /* the second time it is there already */
		r = call("psk.set", "{\"identity\":\"a\",\"key\":\"" KEY "\"}", &code);
		expect_json(r, "{\"identity\":\"a\",\"result\":\"set\"}");
		json_decref(r);
	}
	assert_int_equal(psk_find(env.s.psk, "a", 1, &got), USER_OK);
	assert_int_equal(got.key[15], 15);
	assert_null(call("psk.set", "{\"identity\":\"a\",\"key\":\"00\"}", &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(call("psk.set", "{\"identity\":\"a\"}", &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(call("psk.set", "{\"identity\":5,\"key\":\"" KEY "\"}", &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	r = call("psk.del", "{\"identity\":\"a\"}", &code);
	expect_json(r, "{\"identity\":\"a\",\"result\":\"deleted\"}");
	json_decref(r);
	assert_null(call("psk.del", "{\"identity\":\"a\"}", &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_int_equal(psk_find(env.s.psk, "a", 1, &got), USER_UNKNOWN);
	psk_close(env.s.psk);
	env.s.psk = NULL;
	unlink(env.conf.auth.users_db);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(certificates_in_force),
		T(days_left),
		T(what_is_written_is_not_believed),
		T(without_a_dataplane),
		T(counters_are_summed),
		T(metrics),
		T(controllers_set_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
