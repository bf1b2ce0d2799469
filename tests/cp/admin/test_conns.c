/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The live table of TCP connections as `connections` tells it. Pins: every field under its name;
 * that free entries, those being written and those torn are left out; that pages add up to every
 * connection once, whatever their size, of one worker only if asked, and that a call looks at a
 * bounded number of entries; that nothing the region holds leads out of a table of names; and what
 * parameters are refused.
 */
#include "cp/admin/conns.h"
#include "cp/admin/rpc.h"
#include "tests/world/cp_env.h"

#include <stdlib.h>
#include <string.h>

enum { WORKERS = 2, CONNS = 300 };

static struct env env;
static const struct dplink *link_;

static int setup(void **state)
{
	(void)state;
	env_open(&env);
	env.conf.tcp.connections = CONNS;
	env_start(&env, 256);
	link_ = env.s.link;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_stop(&env);
	env_close(&env);
	return 0;
}

static struct ctl_conn_info *entry(uint32_t worker, uint32_t idx)
{
	return (struct ctl_conn_info *)(env.dp.base + env.dp.region->worker[worker].conns) + idx;
}

/* Remote port 1000 * worker + index tells it from all others. */
static struct ctl_conn_info *put(uint32_t worker, uint32_t idx)
{
	struct ctl_conn_info *c = entry(worker, idx);

	c->seq = 2;
	c->gen = 1;
	c->state = TCP_ESTABLISHED;
	assert_true(ip_parse("10.1.0.2", &c->remote.ip));
	c->remote.port = be16_make((uint16_t)(1000 * worker + idx));
	return c;
}

static const struct filter every = { .worker = CONNS_ALL,
				     .slot = UINT32_MAX,
				     .younger = UINT32_MAX };

static struct filter of_worker(uint32_t worker)
{
	struct filter f = every;

	f.worker = worker;
	return f;
}

/* One page from the start. */
static json_t *page(uint32_t worker)
{
	const struct filter f = of_worker(worker);
	uint32_t place = 0;
	bool end;

	return conns_json(link_, &env.conf, &f, 256, UINT32_MAX, &place, &end);
}

static void expect_tls(const json_t *list, const char *want)
{
	json_t *w = json_loads(want, 0, NULL);

	assert_true(json_equal(json_object_get(json_array_get(list, 0), "tls"), w));
	json_decref(w);
}

static void test_fields(void **state)
{
	struct ctl_conn_info *c = put(1, 7);
	json_t *want = json_loads(
	    "[{\"worker\":1,\"queue\":1,\"index\":7,\"local\":\"[fd00:1::1]:80\","
	    "\"remote\":\"10.1.0.2:1007\",\"state\":\"fin_wait_2\",\"role\":\"data\","
	    "\"rtt_us\":1,\"mss\":2,\"cwnd\":3,\"send_window\":4,\"receive_window\":5,"
	    "\"unacked\":6,\"send_queue\":7,\"receive_queue\":8,\"retransmits\":9,"
	    "\"session\":10,\"age_s\":11,\"silent_s\":14,\"rx_bytes\":12,\"tx_bytes\":13,"
	    "\"rx_packets\":15,\"tx_packets\":16,\"rx_bytes_per_s\":17,\"tx_bytes_per_s\":18,"
	    "\"rx_packets_per_s\":19,\"tx_packets_per_s\":20,"
	    "\"tls\":{\"version\":\"TLS 1.3\",\"suite\":\"TLS_AES_256_GCM_SHA384\","
	    "\"domain\":\"ims\",\"resumed\":true}}]",
	    0, NULL);
	json_t *got;

	(void)state;
	assert_true(ip_parse("fd00:1::1", &c->local.ip));
	c->local.port = be16_make(80);
	c->state = TCP_FIN_WAIT_2;
	c->role = CONN_DATA;
	c->srtt_us = 1;
	c->mss = 2;
	c->cwnd = 3;
	c->snd_wnd = 4;
	c->rcv_wnd = 5;
	c->unacked = 6;
	c->send_queue = 7;
	c->recv_queue = 8;
	c->retransmits = 9;
	c->session = 10;
	c->age_s = 11;
	c->silent_s = 14;
	c->rx_bytes = 12;
	c->tx_bytes = 13;
	c->rx_packets = 15;
	c->tx_packets = 16;
	c->rx.bytes_per_s = 17;
	c->tx.bytes_per_s = 18;
	c->rx.packets_per_s = 19;
	c->tx.packets_per_s = 20;
	env.conf.n_domain = 2;
	strcpy(env.conf.domain[1].name, "ims");
	strcpy(env.dp.region->domain[0].name, "ims"); /* it counts otherwise */
	env.dp.region->n_domain = 1;
	c->tls_version = 0x0304;
	c->tls_suite = 0x1302;
	c->tls_domain = 0;
	c->tls_resumed = 1;
	got = page(CONNS_ALL);
	assert_true(json_equal(got, want));
	json_decref(got);
	c->tls_version = 0;
	got = page(CONNS_ALL);
	assert_true(json_is_null(json_object_get(json_array_get(got, 0), "tls")));
	json_decref(got);
	/* Numbers out of range choose nothing. */
	c->tls_version = c->tls_suite = c->tls_domain = UINT16_MAX;
	got = page(CONNS_ALL);
	expect_tls(got, "{\"version\":\"?\",\"suite\":\"?\",\"domain\":\"?\",\"resumed\":true}");
	json_decref(got);
	c->session = UINT32_MAX;
	got = page(CONNS_ALL);
	assert_true(json_is_null(json_object_get(json_array_get(got, 0), "session")));
	json_decref(got);
	json_decref(want);
}

/* A free entry, and one whose writer died in the middle. */
static void test_left_out(void **state)
{
	struct ctl_conn_info out;
	json_t *list;

	(void)state;
	put(0, 0)->gen = 0;
	put(0, 1)->seq = 3;
	put(0, 2);
	list = page(CONNS_ALL);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
	memset(&out, 0xff, sizeof(out));
	assert_false(conn_read(link_, 0, 1, &out));
	assert_int_equal(out.gen, 0);
	assert_false(conn_read(link_, 0, CONNS, &out));
	assert_false(conn_read(link_, WORKERS, 0, &out));
}

/* What only a broken dataplane writes is shown, and harms nothing. */
static void test_invalid(void **state)
{
	struct ctl_conn_info *c = put(1, 0);
	json_t *list;

	(void)state;
	c->state = TCP_STATES;
	c->role = CONN_ROLES;
	memset(&c->local, 0xff, sizeof(c->local));
	list = page(CONNS_ALL);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "state")),
			    "?");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "role")),
			    "?");
	json_decref(list);
	c->state = c->role = 255;
	json_decref(page(CONNS_ALL));
}

/* Reads all pages and marks the connections seen; returns how many pages it took. */
static unsigned int read_pages(uint32_t worker, uint32_t limit, uint32_t scan, unsigned char *seen)
{
	const struct filter f = of_worker(worker);
	unsigned int pages = 0;
	uint32_t place = 0;
	bool end;

	do {
		json_t *list = conns_json(link_, &env.conf, &f, limit, scan, &place, &end), *c;
		size_t i;

		assert_in_range(json_array_size(list), 0, limit < scan ? limit : scan);
		json_array_foreach(list, i, c)
		{
			const char *remote = json_string_value(json_object_get(c, "remote"));

			seen[atoi(strchr(remote, ':') + 1)]++;
		}
		json_decref(list);
		pages++;
	} while (!end);
	return pages;
}

static void test_pages(void **state)
{
	static const struct {
		uint32_t limit, scan;
	} size[] = {
		{ 1, 1000 }, { 7, 1000 }, { 256, 10000 }, { 256, 1 }, { 256, 64 }, { 50, 50 }
	};

	(void)state;
	for (uint32_t w = 0; w < WORKERS; w++)
		for (uint32_t i = w; i < CONNS; i += w + 1)
			put(w, i);
	for (size_t s = 0; s < sizeof(size) / sizeof(size[0]); s++) {
		unsigned char all[1000 * WORKERS] = { 0 }, one[1000 * WORKERS] = { 0 };

		read_pages(CONNS_ALL, size[s].limit, size[s].scan, all);
		read_pages(1, size[s].limit, size[s].scan, one);
		for (uint32_t w = 0; w < WORKERS; w++) {
			for (uint32_t i = 0; i < CONNS; i++) {
				const bool there = entry(w, i)->gen != 0;

				assert_int_equal(all[1000 * w + i], there);
				assert_int_equal(one[1000 * w + i], there && w == 1);
			}
		}
	}
}

/* Empty tables take as many calls as they have entries over what one call looks at. */
static void test_bounded(void **state)
{
	unsigned char seen[1000 * WORKERS] = { 0 };

	(void)state;
	assert_int_equal(read_pages(CONNS_ALL, 256, WORKERS * CONNS, seen), 1);
	assert_int_equal(read_pages(CONNS_ALL, 256, CONNS, seen), 2);
	assert_int_equal(read_pages(1, 256, CONNS, seen), 1);
}

static void test_past_the_end(void **state)
{
	uint32_t place = UINT32_MAX;
	bool end = false;
	json_t *list;

	(void)state;
	put(1, CONNS - 1);
	list = conns_json(link_, &env.conf, &every, 256, 1000, &place, &end);
	assert_int_equal(json_array_size(list), 0);
	assert_true(end);
	json_decref(list);
}

/* ---- by address ---- */

struct found {
	uint32_t n, worker, idx;
};

static bool found_add(void *arg, uint32_t worker, uint32_t idx, const struct ctl_conn_info *c)
{
	struct found *f = arg;

	(void)c;
	*f = (struct found){ f->n + 1, worker, idx };
	return true;
}

/* What is shown of an address, when this many entries may be looked at. */
static struct found from(uint16_t port, uint32_t scan)
{
	struct filter f = every;
	struct found found = { 0 };
	uint32_t place = 0;

	f.remote = (struct filter_addr){ true, { .len = 128 }, port };
	assert_true(ip_parse("10.1.0.2", &f.remote.net.ip));
	conns_find(link_, &f, scan, &place, found_add, &found);
	return found;
}

static void test_by_address(void **state)
{
	struct found found;

	(void)state;
	for (uint32_t i = 0; i < CONNS; i++) {
		put(1, i);
		fake_dp_conn_shown(&env.dp, 1, i);
	}
	for (uint32_t i = 0; i < CONNS; i++) {
		found = from((uint16_t)(1000 + i), 0);
		assert_int_equal(found.n, 1);
		assert_int_equal(found.worker, 1);
		assert_int_equal(found.idx, i);
	}
	assert_int_equal(from(999, 0).n, 0);
	/* One that has ended, and whose entry has another connection. */
	entry(1, 7)->gen = 0;
	assert_int_equal(from(1007, 0).n, 0);
	put(1, 7)->remote.port = be16_make(5000);
	fake_dp_conn_shown(&env.dp, 1, 7);
	assert_int_equal(from(1007, 0).n, 0);
	assert_int_equal(from(5000, 0).n, 1);
	/* Shown again it has the place it had. */
	fake_dp_conn_shown(&env.dp, 1, 7);
	assert_int_equal(from(5000, 0).n, 1);
}

/* More of one address than a bucket holds: none is missed, since all are looked at. */
static void test_spilled(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= CTL_BUCKET; i++) {
		put(0, i)->remote.port = be16_make(77);
		fake_dp_conn_shown(&env.dp, 0, i);
	}
	assert_int_equal(from(77, UINT32_MAX).n, CTL_BUCKET + 1);
	assert_int_equal(from(77, 2).n, 2);
}

/* What the region says is not believed. */
static void test_places_that_lead_out(void **state)
{
	const struct ctl_worker *w = &env.dp.region->worker[0];
	struct ctl_conn_bucket *b = (struct ctl_conn_bucket *)(env.dp.base + w->by_addr);

	(void)state;
	memset(b, 0xff, sizeof(*b) * 512);
	for (uint32_t i = 0; i < 512; i++)
		b[i].spilled = 0;
	assert_int_equal(from(77, 0).n, 0);
	put(0, 3)->remote.port = be16_make(77);
	fake_dp_conn_shown(&env.dp, 0, 3);
	assert_int_equal(from(77, 0).n, 1);
}

/* ---- the method ---- */

static json_t *call(const char *params, int *code)
{
	char line[256];
	json_t *reply, *result;
	char *text;

	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"connections\",\"params\":%s}", params);
	text = rpc_answer(rpc_methods, RPC_METHODS, &env.s, line, strlen(line), NULL);
	reply = json_loads(text, 0, NULL);
	result = json_incref(json_object_get(reply, "result"));
	*code = (int)json_integer_value(json_object_get(json_object_get(reply, "error"), "code"));
	json_decref(reply);
	free(text);
	return result;
}

static void test_method(void **state)
{
	static const char *const bad[] = { "{\"limit\":0}",   "{\"limit\":257}",
					   "{\"worker\":2}",  "{\"worker\":-1}",
					   "{\"cursor\":-1}", "{\"worker\":\"1\"}" };
	json_t *r;
	int code;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(call(bad[i], &code));
		assert_int_equal(code, RPC_BAD_PARAMS);
	}
	put(0, 5);
	put(1, 0);
	r = call("{\"limit\":1}", &code);
	assert_int_equal(json_array_size(json_object_get(r, "connections")), 1);
	assert_int_equal(json_integer_value(json_object_get(r, "cursor")), CONNS);
	json_decref(r);
	r = call("{\"cursor\":6,\"worker\":1}", &code);
	assert_int_equal(json_array_size(json_object_get(r, "connections")), 1);
	assert_true(json_is_null(json_object_get(r, "cursor")));
	json_decref(r);
	dplink_detach(env.s.link);
	r = call("{}", &code);
	assert_true(json_is_false(json_object_get(r, "attached")));
	assert_int_equal(json_array_size(json_object_get(r, "connections")), 0);
	json_decref(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fields),  TEST(test_left_out),
		TEST(test_invalid), TEST(test_pages),
		TEST(test_bounded), TEST(test_past_the_end),
		TEST(test_method),  TEST(test_by_address),
		TEST(test_spilled), TEST(test_places_that_lead_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
