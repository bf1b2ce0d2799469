/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of joined connections: what the dataplane tells of a pair becomes a start and an end with
 * user or service, addresses, bytes and the reason, also when the allocation went first; in between
 * the live table makes updates, once a round. All of a pair have one id, no other pair has. Clients
 * of services, who have shown no credentials, have half of what may wait for the file.
 */
#include "tests/world/gate_env.h"

#include "cp/record/records.h"
#include "cp/record/tell.h"
#include "cp/session.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLIENT = 3, PEER = 4, GEN = 70 };

static struct config_records conf = { .queue = 4096 };

static int setup(void **state)
{
	static struct env env;
	struct env *e = &env;
	struct sock_addr relayed;
	char err[256];

	env_open(e);
	e->conf.tcp.connections = 16;
	env_start(e, 256);
	*state = e;
	e->s.records = records_open(&conf, err, sizeof(err));
	assert_non_null(e->s.records);
	ask_allocate(e, 1, &relayed);
	gate_drain(e);
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;
	struct records *r = e->s.records;
	int rc;

	tell_close(&e->s);
	e->s.records = NULL;
	rc = env_teardown(state);
	records_close(r);
	return rc;
}

static struct sock_addr at(const char *text)
{
	struct sock_addr a;

	assert_true(sock_addr_parse(text, &a));
	return a;
}

static struct evt_joined about(struct ctl_sid sid, enum ctl_joined what)
{
	return (struct evt_joined){ .hdr = { EVT_JOINED, sizeof(struct evt_joined), 0 },
				    .sid = sid,
				    .client = { CLIENT, GEN },
				    .from = at("198.51.100.9:4000"),
				    .to = at("192.0.2.7:3478"),
				    .own = at("192.0.2.1:50000"),
				    .peer = at("203.0.113.5:80"),
				    .what = (uint16_t)what };
}

static void tell(struct env *e, uint32_t worker, const struct evt_joined *j)
{
	fake_dp_event(&e->dp, worker, j, sizeof(*j));
	env_poll(e);
}

/* The newest record, in full; what it is is looked at. */
static const struct record *newest(const struct env *e, enum record_event event)
{
	const struct record *r = records_get(e->s.records, records_last(e->s.records));

	assert_int_equal(r->type, RECORD_CONNECTION);
	assert_int_equal(r->event, event);
	return r;
}

static void is_of_alice(const struct record *r, uint64_t allocation)
{
	struct sock_addr own = at("192.0.2.1:50000"), peer = at("203.0.113.5:80");

	assert_string_equal(r->alloc.user, "alice");
	assert_string_equal(r->alloc.service, "");
	assert_int_equal(r->alloc.allocation, allocation);
	assert_true(sock_addr_eq(&r->alloc.relayed[0], &own));
	assert_true(sock_addr_eq(&r->alloc.peer, &peer));
}

static void of_an_allocation(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a = env_alloc(e, 1);
	struct evt_joined j = about(a->sid, JOINED_BEGUN);
	const uint64_t allocation = tell_alloc_id(&e->s, a);
	struct sock_addr from = at("198.51.100.9:4000");
	const struct record *r;
	uint64_t id;

	j.age_s = 2;
	tell(e, a->worker, &j);
	r = newest(e, RECORD_START);
	is_of_alice(r, allocation);
	assert_true(sock_addr_eq(&r->alloc.client, &from));
	assert_false(r->alloc.counted);
	assert_int_equal(r->duration_s, 2);
	id = r->id;
	assert_int_not_equal(id, allocation);
	j = about(a->sid, JOINED_ENDED);
	j.passed[CTL_TO_PEER] = 111;
	j.passed[CTL_TO_CLIENT] = UINT64_C(7000000000);
	j.why = TCP_END_RESET;
	j.age_s = 62;
	tell(e, a->worker, &j);
	r = newest(e, RECORD_END);
	is_of_alice(r, allocation);
	assert_int_equal(r->id, id);
	assert_string_equal(r->reason, tcp_end_desc[TCP_END_RESET].name);
	assert_true(r->alloc.counted);
	assert_int_equal(r->alloc.to_peer.bytes, 111);
	assert_int_equal(r->alloc.to_client.bytes, UINT64_C(7000000000));
	assert_int_equal(r->duration_s, 62);
	j.client.gen++; /* another connection */
	tell(e, a->worker, &j);
	assert_int_not_equal(newest(e, RECORD_END)->id, id);
}

/* Its connections end with it, and are told of a little later. */
static void whose_allocation_went_first(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a = env_alloc(e, 1);
	const uint64_t allocation = tell_alloc_id(&e->s, a);
	const uint32_t worker = a->worker;
	struct evt_joined j = about(a->sid, JOINED_ENDED);

	session_kill(&e->s, env_alloc(e, 1));
	gate_drain(e);
	env_poll(e);
	tell(e, worker, &j);
	is_of_alice(newest(e, RECORD_END), allocation);
	j.sid.gen += 7; /* nobody's that is known */
	tell(e, worker, &j);
	assert_string_equal(newest(e, RECORD_END)->alloc.user, "");
	assert_int_equal(newest(e, RECORD_END)->alloc.allocation, 0);
	assert_true(newest(e, RECORD_END)->alloc.of_allocation);
}

static void of_a_service(void **state)
{
	struct env *e = *state;
	struct evt_joined j = about((struct ctl_sid){ 0 }, JOINED_BEGUN);
	char line[RECORD_LINE_MAX];
	const struct record *r;

	strcpy(j.service, "sip");
	tell(e, 0, &j);
	r = newest(e, RECORD_START);
	assert_string_equal(r->alloc.service, "sip");
	record_line(r, "n", line);
	assert_non_null(strstr(line, "\"service\":\"sip\",\"client\":\"198.51.100.9:4000\""));
	assert_non_null(strstr(line, "\"relayed\":[\"192.0.2.1:50000\"]"));
	assert_non_null(strstr(line, "\"peer\":\"203.0.113.5:80\""));
	assert_null(strstr(line, "\"user\""));
	assert_null(strstr(line, "\"allocation\""));
}

/* A row of the live table as its worker writes it. */
static struct ctl_conn_info *row(struct env *e, uint32_t worker, uint32_t idx)
{
	return (struct ctl_conn_info *)(e->dp.base + e->dp.region->worker[worker].conns) + idx;
}

static void updates_of_the_live_table(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a = env_alloc(e, 1);
	const uint64_t allocation = tell_alloc_id(&e->s, a);
	struct evt_joined j = about(a->sid, JOINED_BEGUN);
	const struct record *r;
	uint32_t place = 0;
	uint64_t id, n;

	tell(e, a->worker, &j);
	id = newest(e, RECORD_START)->id;
	*row(e, a->worker, CLIENT) = (struct ctl_conn_info){ .gen = GEN,
							     .remote = j.from,
							     .local = j.to,
							     .role = CONN_DATA,
							     .session = a->sid.slot,
							     .age_s = 61,
							     .passed = 500,
							     .joined = 1 + PEER };
	*row(e, a->worker, PEER) = (struct ctl_conn_info){ .gen = 5,
							   .remote = j.peer,
							   .local = j.own,
							   .role = CONN_DATA,
							   .session = a->sid.slot,
							   .passed = 900 };
	n = records_last(e->s.records);
	while (tell_joined_some(&e->s, &place, 1000))
		;
	assert_int_equal(records_last(e->s.records), n + 1);
	r = newest(e, RECORD_UPDATE);
	assert_int_equal(r->id, id);
	is_of_alice(r, allocation);
	assert_int_equal(r->alloc.to_peer.bytes, 500);
	assert_int_equal(r->alloc.to_client.bytes, 900);
	assert_int_equal(r->duration_s, 61);
	/* The other has ended, and its place is an allocation's client's by now. */
	row(e, a->worker, PEER)->role = CONN_CLIENT;
	place = 0;
	while (tell_joined_some(&e->s, &place, 1000))
		;
	assert_int_equal(records_last(e->s.records), n + 1);
	row(e, a->worker, PEER)->role = CONN_DATA;
	row(e, a->worker, PEER)->seq = 1; /* it is being written, for ever */
	place = 0;
	while (tell_joined_some(&e->s, &place, 1000))
		;
	assert_int_equal(records_last(e->s.records), n + 1);
}

/* Once in records.update-minutes, with all that lives. */
static void a_round(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a = env_alloc(e, 1);
	uint64_t n, updates = 0;

	e->conf.records.update_minutes = 1;
	*row(e, 0, CLIENT) = (struct ctl_conn_info){
		.gen = GEN, .role = CONN_DATA, .session = UINT32_MAX, .joined = 1 + PEER
	};
	*row(e, 0, PEER) =
	    (struct ctl_conn_info){ .gen = 5, .role = CONN_DATA, .session = UINT32_MAX };
	(void)a;
	n = records_last(e->s.records);
	for (int i = 0; i < 180; i++) {
		env_advance(e, 1000);
		tell_turn(&e->s);
	}
	for (uint64_t i = n + 1; i <= records_last(e->s.records); i++)
		updates += records_get(e->s.records, i)->type == RECORD_CONNECTION &&
			   records_get(e->s.records, i)->event == RECORD_UPDATE;
	assert_in_range(updates, 2, 3);
}

/* The live table has no names: the service is the one that has the other's address as its back end.
 */
static void updates_of_a_service(void **state)
{
	struct env *e = *state;
	struct config_service *v = e->conf.service;
	const struct sock_addr backend = at("203.0.113.5:80");
	uint32_t place;

	*row(e, 0, CLIENT) = (struct ctl_conn_info){ .gen = GEN,
						     .remote = at("198.51.100.9:4000"),
						     .local = at("192.0.2.7:5061"),
						     .role = CONN_DATA,
						     .session = UINT32_MAX,
						     .joined = 1 + PEER };
	*row(e, 0, PEER) = (struct ctl_conn_info){
		.gen = 5, .remote = backend, .role = CONN_DATA, .session = UINT32_MAX
	};
	e->conf.n_service = 3;
	strcpy(v[0].name, "msrp");
	v[0].backend = at("203.0.113.5:81");
	strcpy(v[1].name, "sip");
	v[1].backend = backend;
	strcpy(v[2].name, "acme");
	v[2].backend = at("203.0.113.6:80");
	place = 0;
	while (tell_joined_some(&e->s, &place, 1000))
		;
	assert_string_equal(newest(e, RECORD_UPDATE)->alloc.service, "sip");
	assert_string_equal(newest(e, RECORD_UPDATE)->alloc.user, "");
	v[2].backend = backend; /* either may be it, */
	place = 0;
	while (tell_joined_some(&e->s, &place, 1000))
		;
	assert_string_equal(newest(e, RECORD_UPDATE)->alloc.service, "");
	/* unless the listener is of one of them */
	e->conf.listener[e->conf.n_listener++] =
	    (struct config_listener){ .addr = at("192.0.2.7:5061"),
				      .transport = TRANSPORT_TLS,
				      .has_service = true,
				      .service_index = 2 };
	place = 0;
	while (tell_joined_some(&e->s, &place, 1000))
		;
	assert_string_equal(newest(e, RECORD_UPDATE)->alloc.service, "acme");
	assert_string_equal(newest(e, RECORD_UPDATE)->alloc.transport, "tls");
	v[2].backend = v[1].backend = at("203.0.113.7:80"); /* by a reload */
	place = 0;
	while (tell_joined_some(&e->s, &place, 1000))
		;
	assert_string_equal(newest(e, RECORD_UPDATE)->alloc.service, "");
}

/* ---- half of the queue ---- */

static atomic_bool disk_hangs, writer_waits;

/* The thread that writes syncs its file once a second: a disk that hangs. */
int fdatasync(int fd)
{
	(void)fd;
	while (atomic_load(&disk_hangs)) {
		atomic_store(&writer_waits, true);
		poll(NULL, 0, 1);
	}
	return 0;
}

static uint64_t lost(const struct env *e)
{
	return records_stats(e->s.records).ring_full;
}

static void half_is_not_for_strangers(void **state)
{
	enum { QUEUE = 64, MANY = 100 };
	struct env *e = *state;
	const struct table_alloc *a = env_alloc(e, 1);
	struct evt_joined stranger = about((struct ctl_sid){ 0 }, JOINED_BEGUN);
	struct evt_joined known = about(a->sid, JOINED_BEGUN);
	char dir[] = "/tmp/fl-joined.XXXXXX", err[256];
	struct config_records to_file = { .queue = QUEUE, .size_mb = 1, .files = 1 };
	uint64_t before;

	assert_non_null(mkdtemp(dir));
	snprintf(to_file.file, sizeof(to_file.file), "%s/records", dir);
	records_close(e->s.records);
	e->conf.records = to_file;
	e->s.records = records_open(&to_file, err, sizeof(err));
	assert_non_null(e->s.records);
	atomic_store(&disk_hangs, true);
	tell(e, 0, &stranger);
	for (int ms = 0; !atomic_load(&writer_waits); ms++) {
		assert_true(ms < 20000);
		poll(NULL, 0, 1);
	}
	before = records_last(e->s.records);
	for (int i = 0; i < MANY; i++)
		tell(e, 0, &stranger);
	assert_int_equal(records_last(e->s.records) - before, QUEUE / 2);
	assert_int_equal(lost(e), MANY - QUEUE / 2);
	for (int i = 0; i < MANY; i++)
		tell(e, a->worker, &known);
	assert_int_equal(records_last(e->s.records) - before, QUEUE);
	assert_int_equal(lost(e), 2 * MANY - QUEUE);
	atomic_store(&disk_hangs, false);
	records_close(e->s.records);
	e->s.records = NULL;
	unlink(to_file.file);
	assert_int_equal(rmdir(dir), 0);
}

static void what_cannot_be(void **state)
{
	struct env *e = *state;
	struct evt_joined j = about((struct ctl_sid){ 0 }, JOINED_EVENTS);
	const char *why = NULL;

	fake_dp_event(&e->dp, 0, &j, sizeof(j));
	env_poll(e);
	assert_true(dplink_fault(e->s.link, &why));
	assert_string_equal(why, "a joined connection that cannot be");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(of_an_allocation),
		T(whose_allocation_went_first),
		T(of_a_service),
		T(updates_of_the_live_table),
		T(a_round),
		T(what_cannot_be),

		T(updates_of_a_service),
		T(half_is_not_for_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
