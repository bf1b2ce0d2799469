/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners that come, go and move (conf/listener.h): both processes number them, each for itself,
 * and the boundary is crossed by what a listener is. The dataplane may have another order, and some
 * that we have not. Clients of one that was taken out end with a reason of their own, some a turn,
 * and others do not notice; what comes by it later is nobody's.
 */
#include "tests/world/cp_env.h"

#include "cp/removed.h"
#include "cp/statefile.h"

#include <string.h>

enum { UDP, TCP, MANY = 90 }; /* more than one turn ends */

static void reload(struct env *e, const struct config *file)
{
	static struct config next;
	char err[256] = "";

	next = *file;
	if (!listener_places_keep(&e->conf, &next, err, sizeof(err)))
		fail_msg("%s", err);
	e->conf = next;
	removed_finish(&e->s, true);
	table_world_add(e->s.table);
}

/* The file without one of its listeners. */
static struct config without(const struct config *c, uint16_t listener)
{
	static struct config file;

	file = *c;
	file.n_listener--;
	for (uint16_t i = listener; i < file.n_listener; i++)
		file.listener[i] = file.listener[i + 1];
	return file;
}

static void over_tcp(struct env *e, uint16_t port, struct ctl_conn conn, enum stun_method method)
{
	struct answer ans;
	struct ask a;

	ask_begin(&a, method, port);
	if (method == STUN_ALLOCATE)
		ask_transport(&a);
	ask_over_tcp(&a, conn);
	ask_expect(e, &a, &ans, 0);
}

static void clients_of_one_that_goes_end(void **state)
{
	struct env *e = *state;
	struct config file = e->conf;
	struct answer ans;
	union ctl_cmd c;
	struct ask a;
	int turns = 0;

	for (uint16_t i = 0; i < MANY; i++) {
		ask_begin(&a, STUN_ALLOCATE, (uint16_t)(100 + i));
		ask_transport(&a);
		a.worker = i & 1;
		ask_expect(e, &a, &ans, 0);
	}
	over_tcp(e, 9, (struct ctl_conn){ 3, 1 }, STUN_ALLOCATE);
	file = without(&file, UDP);
	reload(e, &file);
	env_poll(e);
	assert_in_range(table_stats(e->s.table)->allocs, 2, MANY); /* some a turn */
	while (table_stats(e->s.table)->allocs > 1 && turns++ < 5)
		env_poll(e);
	assert_int_equal(e->s.stats.allocs_listener, MANY);
	assert_null(env_alloc(e, 100));
	assert_non_null(env_alloc_tcp(e, 9));
	assert_true(env_take(e, 0, CMD_SESSION_DEL, &c));
	while (env_take(e, 0, CMD_SESSION_DEL, &c))
		;
	/* The other is the first of the list now, and what it was to the table and to clients. */
	assert_int_equal(listener_place_of(&e->conf, 0), TCP);
	assert_int_equal(table_listener_allocs(e->s.table, TCP), 1);
	assert_int_equal(table_listener_allocs(e->s.table, UDP), 0);
	over_tcp(e, 9, (struct ctl_conn){ 3, 1 }, STUN_REFRESH);
	assert_false(e->s.removed.on);
}

static void what_comes_by_one_that_is_gone(void **state)
{
	struct env *e = *state;
	struct config whole = e->conf, file = without(&whole, UDP);
	struct sock_addr relayed;
	struct answer ans;
	const char *why;
	struct ask a;

	reload(e, &file);
	ask_begin(&a, STUN_ALLOCATE, 7);
	ask_transport(&a);
	fake_dp_punt_leg(&e->dp, 0, &a.leg, a.buf, stun_end(&a.b), e->now_ms * 1000);
	env_poll(e);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 1);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
	assert_false(dplink_fault(e->s.link, &why));
	reload(e, &whole); /* it comes back, as the one it was */
	assert_int_equal(listener_place_of(&e->conf, 0), UDP);
	ask_allocate(e, 7, &relayed);
	ask_begin(&a, STUN_REFRESH, 7);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(e->s.listener_requests[UDP], 2);
}

/* Its connection's end may be told before its turn. */
static void an_end_by_the_listener_has_its_reason(void **state)
{
	struct env *e = *state;
	struct evt_conn_gone gone = { .hdr = { EVT_CONN_GONE, sizeof(gone), 0 },
				      .conn = { 3, 1 },
				      .role = CONN_CLIENT,
				      .why = TCP_END_LISTENER };
	struct table_alloc *t;

	over_tcp(e, 9, (struct ctl_conn){ 3, 1 }, STUN_ALLOCATE);
	t = env_alloc_tcp(e, 9);
	gone.sid = t->sid;
	fake_dp_event(&e->dp, t->worker, &gone, sizeof(gone));
	env_poll(e);
	assert_null(env_alloc_tcp(e, 9));
	assert_int_equal(e->s.stats.allocs_listener, 1);
	assert_int_equal(e->s.stats.allocs_gone, 0);
}

/* One whose file had another order, and that has one which we do not know yet. */
static void the_dataplane_counts_otherwise(void **state)
{
	struct env *e = *state;
	struct region *r = e->dp.region;
	struct config file = e->conf;
	const struct ctl_listener udp = r->listener[UDP], tcp = r->listener[TCP];
	union ctl_cmd set, send;
	const char *why;
	char err[256];
	struct ask a;

	dplink_detach(e->s.link);
	r->listener[0] = (struct ctl_listener){ addr("192.0.2.1", 9999), TRANSPORT_UDP };
	r->listener[1] = tcp;
	r->listener[2] = udp;
	r->n_listener = 3;
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
	ask_begin(&a, STUN_ALLOCATE, 7);
	ask_transport(&a);
	for (uint16_t place = 0; place < 3; place += 2) {
		a.leg.listener = place;
		fake_dp_punt_leg(&e->dp, 0, &a.leg, a.buf, stun_end(&a.b), e->now_ms * 1000);
		env_poll(e);
		assert_int_equal(table_stats(e->s.table)->allocs, place / 2);
	}
	assert_int_equal(env_alloc(e, 7)->leg.listener, UDP);
	assert_true(env_take(e, 0, CMD_SESSION_SET, &set));
	assert_int_equal(set.session_set.leg.listener, 2);
	assert_true(env_take(e, 0, CMD_SEND, &send));
	assert_int_equal(send.send.leg.listener, 2);
	/* A reload brings us what it has already. */
	file.listener[file.n_listener++].addr = addr("192.0.2.1", 9999);
	reload(e, &file);
	ask_begin(&a, STUN_ALLOCATE, 8);
	ask_transport(&a);
	fake_dp_punt_leg(&e->dp, 0, &a.leg, a.buf, stun_end(&a.b), e->now_ms * 1000);
	env_poll(e);
	assert_int_equal(table_listener_allocs(e->s.table, 2), 1);
	assert_true(env_take(e, 0, CMD_SEND, &send));
	assert_int_equal(send.send.leg.listener, 0);
	/* What it has not it refuses: the place is none of its. */
	file.listener[file.n_listener++].addr = addr("192.0.2.1", 9998);
	reload(e, &file);
	set.session_set = (struct cmd_session_set){ .leg.listener = 3 };
	assert_true(dplink_cmd(e->s.link, 0, CMD_SESSION_SET, &set, sizeof(set.session_set)));
	assert_true(env_take(e, 0, CMD_SESSION_SET, &set));
	assert_int_equal(set.session_set.leg.listener, LISTENER_GONE);
	/* And of a place that it has told nobody of nothing can come. */
	a.leg.listener = 3;
	fake_dp_punt_leg(&e->dp, 0, &a.leg, a.buf, stun_end(&a.b), e->now_ms * 1000);
	env_poll(e);
	assert_true(dplink_fault(e->s.link, &why));
}

/* More than a file may have at once, over the time; the state file follows, and the next process.
 */
static void places_outlive_the_process(void **state)
{
	struct env *e = *state;
	struct config file = e->conf;
	struct ctl_leg leg = { 0 };
	char err[256] = "";
	struct ask a;

	for (uint16_t i = 0; i < 3 * CTL_LISTENERS_MAX; i++) {
		file.listener[0].addr.port = be16_make((uint16_t)(10000 + i));
		reload(e, &file);
	}
	assert_int_equal(listener_places(&e->conf), 2 + 3 * CTL_LISTENERS_MAX);
	e->dp.region->listener[2] = (struct ctl_listener){ file.listener[0].addr, TRANSPORT_UDP };
	e->dp.region->n_listener = 3;
	ask_begin(&a, STUN_ALLOCATE, 7);
	ask_transport(&a);
	a.leg.listener = 2;
	fake_dp_punt_leg(&e->dp, 0, &a.leg, a.buf, stun_end(&a.b), e->now_ms * 1000);
	env_poll(e);
	leg = (struct ctl_leg){ .client = a.leg.client, .listener = 1 + 3 * CTL_LISTENERS_MAX };
	assert_non_null(table_find(e->s.table, &leg));
	server_close(&e->s); /* as good as killed */
	e->conf = file;
	e->conf.n_place = 0;
	if (!server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(table_stats(e->s.table)->kept, 1);
	assert_non_null(env_alloc(e, 7));
	assert_false(table_partial(e->s.table));
}

/* A file of a version whose head had room for the listeners of a file, and no more. */
static void head_of_before(const char *state)
{
	static uint8_t was[1 << 20], now[1 << 20];
	const size_t cut = offsetof(struct statefile_head, world.more);
	struct statefile_head h;
	size_t n, from, to;
	FILE *f = fopen(state, "r");

	assert_non_null(f);
	n = fread(was, 1, sizeof(was), f);
	fclose(f);
	assert_in_range(n, sizeof(h), sizeof(was) - 1);
	memcpy(&h, was, sizeof(h));
	from = statefile_bytes(1, h.head_bytes);
	memcpy(now, was, cut);
	memcpy(now + cut, was + h.own_at, h.head_bytes - h.own_at);
	h.head_bytes -= h.own_at - (uint32_t)cut;
	h.own_at = (uint32_t)cut;
	memcpy(now, &h, cut);
	to = statefile_bytes(1, h.head_bytes);
	memcpy(now + to, was + from, n - from);
	f = fopen(state, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(now, 1, to + n - from, f), to + n - from);
	fclose(f);
}

static void an_older_head_is_carried_over(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	char err[256] = "";

	ask_allocate(e, 7, &relayed);
	server_close(&e->s);
	head_of_before(e->conf.control.state);
	if (!server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)))
		fail_msg("%s", err);
	assert_non_null(table_stats(e->s.table)->carried);
	assert_null(table_stats(e->s.table)->fresh);
	assert_int_equal(table_stats(e->s.table)->kept, 1);
	assert_non_null(env_alloc(e, 7));
	assert_false(table_partial(e->s.table));
}

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup_started, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(clients_of_one_that_goes_end),
		T(what_comes_by_one_that_is_gone),
		T(an_end_by_the_listener_has_its_reason),
		T(the_dataplane_counts_otherwise),
		T(places_outlive_the_process),
		T(an_older_head_is_carried_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
