/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything before Finished is hostile: other protocols, records too long or of no version,
 * ClientHellos in pieces, connections that leave or fall silent at each step, more handshakes than
 * are done at a time, keys that never come. Each ends under its own name, holds no more than its
 * bound, and leaves nothing (checked at the end of every test; R71, R73).
 */
#include "tests/world/tls_world.h"
#include "dp/tcp/conn.h"

static uint8_t wire[70000];

/* Sends bytes on a fresh connection. */
static void say(const void *p, uint16_t n)
{
	client_new(0);
	host_say(client.host, p, n);
}

static void over(enum tcp_end why)
{
	assert_true(client.host->fin_rcvd || client.host->rst);
	if (!client.host->rst)
		host_fin(client.host);
	hosts_run();
	assert_int_equal(atomic_load(&world.w->counters->end[why]), 1);
	assert_int_equal(owner.opened, 0);
	owner.closed = 1; /* nothing is left to reset */
}

static void plain_http(void **state)
{
	(void)state;
	say("GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n", 36);
	over(TCP_END_TLS_PLAIN);
	assert_int_equal(world_count(0, CNT_TLS_FAILED), 1);
}

static void plain_stun(void **state)
{
	(void)state;
	say("\0\1\0\0\x21\x12\xa4\x42transaction!", 20);
	over(TCP_END_TLS_PLAIN);
}

static void oversized(void **state)
{
	(void)state;
	say("\x16\x03\x01\x48\x01\x01", 6); /* 2^14 + 2049 */
	assert_int_equal(client.record[0].type, TLS_ALERT);
	over(TCP_END_TLS_RECORD);
}

/* The same when keys are in force: the alert is sealed, and the client can read it. */
static void bad_header_later(const char *header, int alert)
{
	client_new(TLS1_3_VERSION);
	client.hold_out = true;
	client_run();
	client_raw(wire, client_take(wire, sizeof(wire)));
	client_run();
	client_raw((const uint8_t *)header, TLS_HDR);
	client_run();
	assert_int_equal(client.record[client.n_record - 1].type, TLS_APPLICATION);
	assert_int_equal(client_alert(), alert);
	assert_int_equal(world_count(0, CNT_TLS_ALERT_TX), 1);
	over(TCP_END_TLS_RECORD);
}

static void oversized_later(void **state)
{
	(void)state;
	bad_header_later("\x17\x03\x03\x48\x01", ALERT_RECORD_OVERFLOW);
}

static void type_unknown_later(void **state)
{
	(void)state;
	bad_header_later("\x99\x03\x03\0\x20", ALERT_UNEXPECTED_MESSAGE);
}

static void application_data_first(void **state)
{
	(void)state;
	say("\x17\x03\x03\0\x05hello", 10);
	assert_int_equal(client.record[0].type, TLS_ALERT);
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	hosts_run();
	assert_int_equal(owner.opened, 0);
	owner.closed = 1;
}

static void ssl2(void **state)
{
	(void)state;
	say("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", 11);
	over(TCP_END_TLS_PLAIN);
}

/* The client goes at each step: before it, after each of its bytes, after each of its flights. */
static void leaves(int version, bool rst)
{
	size_t n, at;
	int step;

	client_new(version);
	SSL_do_handshake(client.tls.ssl);
	n = client_take(wire, sizeof(wire));
	client_free();
	for (at = 0; at < n; at += at < 12 ? 1 : 97) {
		say(wire, (uint16_t)at);
		if (rst)
			host_rst(client.host);
		else
			host_fin(client.host);
		client_free();
		hosts_reset();
	}
	for (step = 0; step < 3; step++) {
		client_new(version);
		client.hold_out = true;
		for (int i = 0; i <= step; i++) {
			client_run();
			n = client_take(wire, sizeof(wire));
			client_raw(wire, i == step && n > 2 ? n - 1 : n);
		}
		if (rst)
			host_rst(client.host);
		else
			host_fin(client.host);
		client_free();
		hosts_run();
		hosts_reset();
		memset(&owner, 0, sizeof(owner));
	}
	assert_int_equal(world.w->tls->conns, 0);
	assert_int_equal(world.w->tls->handshakes, 0);
}

static void leaves_rst(void **state)
{
	(void)state;
	leaves(TLS1_3_VERSION, true);
	leaves(TLS1_2_VERSION, true);
}

static void leaves_fin(void **state)
{
	(void)state;
	leaves(TLS1_3_VERSION, false);
	leaves(TLS1_2_VERSION, false);
}

static void silent(void **state)
{
	(void)state;
	client_new(0);
	hosts_pass_ms(world.conf.tls.handshake_ms - 1);
	assert_false(client.host->fin_rcvd);
	hosts_pass_ms(2);
	over(TCP_END_TLS_TIMEOUT);
}

static void silent_after_hello(void **state)
{
	(void)state;
	client_new(TLS1_3_VERSION);
	client.hold_out = true;
	client_run();
	client_raw(wire, client_take(wire, sizeof(wire)));
	assert_true(client.n_record > 0);
	hosts_pass_ms(world.conf.tls.handshake_ms + 1);
	over(TCP_END_TLS_TIMEOUT);
}

/* A ClientHello that nobody stands behind, into wire; its length. */
static size_t hello_make(void)
{
	size_t n;

	client_new(TLS1_3_VERSION);
	SSL_do_handshake(client.tls.ssl);
	n = client_take(wire, sizeof(wire));
	client_free();
	return n;
}

/*
 * As many handshakes as there may be, as many that wait, one more: it is reset. When the first end,
 * those that waited go on, in the order they came.
 */
static void too_many(void **state)
{
	enum { ALL = 9 };
	struct host *h[ALL];
	size_t n;
	int i;

	(void)state;
	n = hello_make();
	for (i = 0; i < ALL; i++) {
		struct sock_addr addr = at("10.1.0.2", (uint16_t)(20000 + i));
		struct sock_addr us = at("10.1.0.1", TLS_PORT);

		h[i] = host_client(&addr, &us);
		host_say(h[i], wire, (uint16_t)n);
	}
	assert_int_equal(world.w->tls->handshakes, 4);
	assert_int_equal(world.w->tls->waiting.n, 4);
	assert_int_equal(world_count(0, CNT_TLS_QUEUED), 4);
	assert_true(h[8]->rst);
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_TLS_BUSY]), 1);
	assert_true(h[3]->received > 0);
	assert_int_equal(h[4]->received, 0);
	host_rst(h[0]);
	hosts_run();
	assert_true(h[4]->received > 0);
	assert_int_equal(h[5]->received, 0);
	host_rst(h[6]); /* one that waits */
	assert_int_equal(world.w->tls->waiting.n, 2);
	for (i = 0; i < ALL; i++)
		if (!h[i]->rst)
			host_rst(h[i]);
	hosts_run();
}

/* One that waits ends in the very turn in which a handshake ends and it would be next. */
static void waiting_one_goes(void **state)
{
	enum { ALL = 6 };
	struct host *h[ALL];
	struct tls *last;
	size_t n;
	int i;

	(void)state;
	n = hello_make();
	for (i = 0; i < ALL; i++) {
		struct sock_addr addr = at("10.1.0.2", (uint16_t)(21000 + i));
		struct sock_addr us = at("10.1.0.1", TLS_PORT);

		h[i] = host_client(&addr, &us);
		host_say(h[i], wire, (uint16_t)n);
	}
	assert_int_equal(world.w->tls->waiting.n, 2);
	last = tls_of_waiter(
	    world.w->tls->waiting.row[waiting_row(&world.w->tls->waiting, &h[0]->addr.ip)].tail);
	host_rst_put(h[0]);
	worker_turn(world.w); /* its handshake is given up, and comes back in the next turn */
	host_rst_put(h[4]);
	hosts_run();
	assert_int_equal(world.w->tls->waiting.n, 0);
	assert_non_null(last->handshake); /* the one behind it was not forgotten */
	assert_true(h[5]->received > 0);
	for (i = 0; i < ALL; i++)
		if (!h[i]->rst)
			host_rst(h[i]);
}

/* Clients that hold all handshakes and say nothing give way to those that wait, a second later. */
static void silent_ones_give_way(void **state)
{
	struct sock_addr us = at("10.1.0.1", TLS_PORT);
	struct host *h[4];
	size_t n;
	int i;

	(void)state;
	n = hello_make();
	for (i = 0; i < 4; i++) {
		struct sock_addr addr = at("10.1.0.2", (uint16_t)(21000 + i));

		h[i] = host_client(&addr, &us);
		host_say(h[i], wire, (uint16_t)n);
		hosts_pass_ms(1);
	}
	hosts_pass_ms(TLS_PATIENCE_MS + 10);
	assert_false(h[0]->rst); /* nobody waits */
	client_new(TLS1_3_VERSION);
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_true(h[0]->rst);
	assert_false(h[1]->rst);
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_TLS_TIMEOUT]), 1);
	host_rst(client.host);
	for (i = 1; i < 4; i++)
		host_rst(h[i]);
}

/* Another client, with the ClientHello that is in wire. */
static struct host *hello_from(const char *ip, uint16_t port, size_t n)
{
	struct sock_addr addr = at(ip, port), us = at("10.1.0.1", TLS_PORT);
	struct host *h = host_client(&addr, &us);

	host_say(h, wire, (uint16_t)n);
	return h;
}

/*
 * All handshakes are taken, and all places of those that wait, from one address. Who comes from
 * another is not refused, but one of those; nor does it wait behind them.
 */
static void storm_from_one_address(void **state)
{
	enum { STORM = 8, OTHERS = 2 };
	struct host *h[STORM], *other[OTHERS];
	size_t n;
	int i;

	(void)state;
	n = hello_make();
	for (i = 0; i < STORM; i++)
		h[i] = hello_from("10.1.0.2", (uint16_t)(22000 + i), n);
	assert_int_equal(world.w->tls->waiting.n, 4);
	for (i = 0; i < OTHERS; i++) {
		other[i] = hello_from("10.1.0.3", (uint16_t)(22000 + i), n);
		assert_false(other[i]->rst);
		assert_true(h[STORM - 1 - i]->rst); /* the last that came */
		assert_int_equal(world.w->tls->waiting.n, 4);
	}
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_TLS_BUSY]), OTHERS);
	/* Neither has more than half now: one more is refused, of whichever. */
	assert_true(hello_from("10.1.0.2", 22100, n)->rst);
	assert_true(hello_from("10.1.0.3", 22100, n)->rst);
	/* They have their turns one by one. */
	host_rst(h[0]);
	host_rst(h[1]);
	assert_true(other[0]->received > 0);
	assert_true(h[4]->received > 0);
	assert_int_equal(other[1]->received, 0);
	assert_int_equal(h[5]->received, 0);
	host_rst(h[2]);
	host_rst(h[3]);
	assert_true(other[1]->received > 0);
	assert_true(h[5]->received > 0);
	for (i = 4; i < 6; i++)
		host_rst(h[i]);
	for (i = 0; i < OTHERS; i++)
		host_rst(other[i]);
}

/*
 * Clients that hold all handshakes and say a byte now and then: what they keep others waiting is
 * counted in all, not from the last byte on.
 */
static void slow_ones_give_way(void **state)
{
	static uint8_t record[6] = { 0x16, 3, 1, 0, 1 };
	struct host *h[4];
	size_t n, k;
	int i;

	(void)state;
	n = hello_make();
	for (i = 0; i < 4; i++) {
		struct sock_addr addr = at("10.1.0.2", (uint16_t)(23000 + i));
		struct sock_addr us = at("10.1.0.1", TLS_PORT);

		h[i] = host_client(&addr, &us);
	}
	client_new(TLS1_3_VERSION);
	assert_true(n > 15);
	for (k = 5; k < 15; k++) {
		record[5] = wire[k];
		for (i = 0; i < 4; i++)
			if (!h[i]->rst)
				host_say(h[i], record, sizeof(record));
		if (k == 5) {
			assert_int_equal(world.w->tls->handshakes, 4);
			client_run();
			assert_int_equal(world.w->tls->waiting.n, 1);
		}
		hosts_pass_ms(TLS_PATIENCE_MS / 5);
	}
	client_run();
	assert_int_equal(owner.opened, 1);
	for (n = 0, i = 0; i < 4; i++)
		n += h[i]->rst;
	assert_int_equal(n, 1); /* no more than is needed */
	host_rst(client.host);
	for (i = 0; i < 4; i++)
		if (!h[i]->rst)
			host_rst(h[i]);
}

/* Half a record, in the open: as long as half a message may stay, and no longer. */
static void half_a_record(void **state)
{
	size_t n;

	(void)state;
	client_open(TLS1_3_VERSION);
	client.hold_out = true;
	SSL_write(client.tls.ssl, "never", 5);
	n = client_take(wire, sizeof(wire));
	client_raw(wire, n - 1);
	hosts_pass_ms(world.conf.tcp.frame_ms - 1);
	assert_false(client.host->fin_rcvd);
	hosts_pass_ms(2);
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	owner_gone(TCP_END_FRAME_TIMEOUT);
}

/* After its alert a client has not for ever to go. */
static void stays_after_alert(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	client_forge(0, TLS_HANDSHAKE, "", 0);
	assert_true(client.host->fin_rcvd);
	assert_int_equal(owner.closed, 0);
	hosts_pass_ms(TLS_ALERT_LINGER_MS + 1);
	owner_gone(TCP_END_TLS_RECORD);
}

/* Small pieces of a ClientHello, a byte a record. */
static void hello_in_many_records(void **state)
{
	static uint8_t cut[1 << 14]; /* a hello with ML-KEM has 1.5 KB */
	size_t n, i, at = 0;

	(void)state;
	client_new(TLS1_3_VERSION);
	client.hold_out = true;
	SSL_do_handshake(client.tls.ssl);
	n = client_take(wire, sizeof(wire));
	assert_true(6 * n <= sizeof(cut));
	for (i = 5; i < n; i++) {
		memcpy(cut + at, "\x16\x03\x01\0\x01", 5);
		cut[at + 5] = wire[i];
		at += 6;
	}
	client_raw(cut, at);
	client.hold_out = false;
	client_run();
	assert_int_equal(owner.opened, 1);
}

/* A ClientHello that says it is as long as can be, and comes for ever. */
static void endless_hello(void **state)
{
	static uint8_t r[16389] = { 0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff };
	int i;

	(void)state;
	client_new(0);
	for (i = 0; i < 8 && !client.host->fin_rcvd && !client.host->rst; i++) {
		client_raw(r, sizeof(r));
		memset(r + 5, 0, 4);
	}
	assert_true(client.host->fin_rcvd || client.host->rst);
	if (!client.host->rst)
		host_fin(client.host);
	hosts_run();
	assert_int_equal(world_count(0, CNT_TLS_FAILED), 1);
	owner.closed = 1;
}

static void no_version_in_common(void **state)
{
	(void)state;
	world.conf.domain[0].version_min = CONFIG_TLS_1_3;
	cryptos_free(&world.dp);
	assert_true(cryptos_create(&world.dp, (char[512]){ 0 }, 512));
	client_new(TLS1_2_VERSION);
	client_run();
	assert_int_equal(client_alert(), 70); /* protocol_version */
	over(TCP_END_TLS_HANDSHAKE);
}

/* Bytes behind Finished in the same segment are the first data, or nothing at all. */
static void garbage_after_finished(void **state)
{
	size_t n;

	(void)state;
	client_new(TLS1_3_VERSION);
	client.hold_out = true;
	client_run();
	client_raw(wire, client_take(wire, sizeof(wire)));
	client_run();
	n = client_take(wire, sizeof(wire));
	memcpy(wire + n, "\x17\x03\x03\0\x20................................", 37);
	client_raw(wire, n + 37);
	client.hold_out = false;
	client_run();
	assert_int_equal(client_alert(), ALERT_BAD_RECORD_MAC);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_MAC);
	assert_int_equal(owner.opened, 0); /* nothing is begun for who is gone already */
	assert_int_equal(owner.n, 0);
}

static void data_with_finished(void **state)
{
	size_t n;

	(void)state;
	client_new(TLS1_3_VERSION);
	client.hold_out = true;
	client_run();
	client_raw(wire, client_take(wire, sizeof(wire)));
	client_run();
	SSL_write(client.tls.ssl, "at once", 7);
	n = client_take(wire, sizeof(wire));
	client_raw(wire, n);
	client.hold_out = false;
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_int_equal(owner.n, 7);
	assert_memory_equal(owner.got, "at once", 7);
}

static void change_cipher_spec_late(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	client_raw((const uint8_t *)"\x14\x03\x03\0\x01\x01", 6);
	client_run();
	assert_int_equal(client_alert(), ALERT_UNEXPECTED_MESSAGE);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_RECORD);
}

/* The owner closes before Finished: the handshake is over at once, and FIN is the last that goes.
 */
static void closed_during_handshake(void **state)
{
	struct tcp_conn *c;
	size_t n;

	(void)state;
	client_new(TLS1_3_VERSION);
	client.hold_out = true;
	client_run();
	n = client_take(wire, sizeof(wire));
	client_raw(wire, n);
	assert_int_equal(world.w->tls->handshakes, 1);
	c = tcp_find(world.w, (struct ctl_conn){ 0, world.w->tcp->conn[0].gen });
	assert_non_null(c);
	tcp_close(world.w, c, TCP_END_CLOSED);
	hosts_run();
	assert_true(client.host->fin_rcvd);
	assert_int_equal(world.w->tls->handshakes, 0);
	client_run();
	client_raw(wire, client_take(wire, sizeof(wire))); /* Finished, that nobody waits for */
	host_fin(client.host);
	assert_int_equal(owner.opened, 0);
	owner_gone(TCP_END_CLOSED);
}

/* Tables are full: the next connection is refused, the others live. */
static void no_state_left(void **state)
{
	void *p[64];
	int n = 0;

	(void)state;
	while (n < 64 && rte_mempool_get(world.w->tls->pool, &p[n]) == 0)
		n++;
	client_new(0);
	assert_true(client.host->rst);
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_TLS_BUSY]), 1);
	while (n--)
		rte_mempool_put(world.w->tls->pool, p[n]);
	owner.closed = 1;
}

/* As few connections as there are hosts to fill them. */
static int few_setup(void **state)
{
	(void)state;
	tls_world_config();
	world.conf.tls.connections = 8;
	tls_world_start();
	owner_strange = true;
	return 0;
}

static void ended_for_room(const struct host *h, uint64_t n)
{
	assert_true(h->rst);
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_ROOM]), n);
}

/*
 * All there may be have come and begun a record, or said nothing at all. Who comes then is let in:
 * the one that has been there for the longest makes room.
 */
static void silent_ones_make_room(void **state)
{
	struct sock_addr us = at("10.1.0.1", TLS_PORT);
	struct host *h[8];
	int i;

	(void)state;
	for (i = 0; i < 8; i++) {
		struct sock_addr addr = at("10.1.0.2", (uint16_t)(24000 + i));

		h[i] = host_client(&addr, &us);
		if (i & 1)
			host_say(h[i], "\x16\x03\x01", 3);
	}
	ended_for_room(h[0], 1); /* one place is kept free */
	client_open(TLS1_3_VERSION);
	ended_for_room(h[1], 2);
	client_write("hello", 5);
	assert_int_equal(owner.n, 5);
	for (i = 2; i < 8; i++)
		assert_false(h[i]->rst);
	assert_int_equal(world.w->tls->conns, 7);
	for (i = 2; i < 8; i++)
		host_rst(h[i]);
	client_write("still here", 10);
	assert_int_equal(owner.n, 15);
	host_rst(client.host);
}

/* Nor does it help to finish the handshake, and be nobody. */
static void strangers_make_room(void **state)
{
	struct host *other[5], *first;
	int i;

	(void)state;
	client_open(TLS1_3_VERSION);
	first = client.host;
	first->got = NULL;
	first->any = true;
	client.host = NULL; /* it stays */
	client_free();
	memset(&owner, 0, sizeof(owner));
	client_open(TLS1_3_VERSION);
	tcp_trust(world.w, owner.c, true);
	hosts_pass_ms(10000);
	for (i = 0; i < 5; i++)
		other[i] = hello_from("10.1.0.3", (uint16_t)(25000 + i), 0);
	assert_int_equal(world.w->tls->conns, 7);
	hello_from("10.1.0.3", 25100, 0);
	ended_for_room(first, 1);
	hello_from("10.1.0.3", 25101, 0);
	ended_for_room(other[0], 2); /* not who is trusted, though it came before */
	client_write("still here", 10);
	assert_int_equal(owner.n, 10);
	host_rst(client.host);
	for (i = 1; i < 5; i++)
		host_rst(other[i]);
	hosts_pass_ms(world.conf.tls.handshake_ms); /* the two that came last */
}

/*
 * Clients of a service that come from one address hold all there may be. Who comes from another is
 * let in, and the first of those goes.
 */
static void guests_make_room(void **state)
{
	struct host *guest[7], *other[3];
	int i;

	(void)state;
	client_new(TLS1_3_VERSION);
	for (i = 0; i < 7; i++) {
		if (i)
			client_again();
		client_run();
		assert_int_equal(owner.opened, 1);
		tcp_guest(world.w, owner.c);
		guest[i] = client.host;
		guest[i]->got = NULL;
		guest[i]->any = true;
	}
	assert_int_equal(world.w->tls->conns, 7);
	for (i = 0; i < 3; i++) {
		other[i] = hello_from("10.1.0.3", (uint16_t)(26000 + i), 0);
		assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_SHARE]), i + 1);
		assert_true(guest[i]->rst);
		assert_false(other[i]->rst);
	}
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_ROOM]), 0);
	for (; i < 7; i++) {
		assert_false(guest[i]->rst);
		host_rst(guest[i]);
	}
	owner.closed = 1;
	hosts_pass_ms(world.conf.tls.handshake_ms);
}

static int storm_setup(void **state)
{
	(void)state;
	tls_world_config();
	world.conf.tls.connections = 64;
	world.conf.tls.handshakes = 8;
	world.conf.tls.waiting = 16;
	tls_world_start();
	owner_strange = true;
	return 0;
}

/*
 * R4, R72: one address opens a connection each millisecond that says nothing, half a ClientHello or
 * a whole one, and no more. Who comes from that very address, and goes on, is served.
 */
static void newcomers_beside_a_storm(void **state)
{
	enum { STORM = 600, EACH = 60, HALF = 11 };
	const size_t n = hello_make(), says[4] = { 0, HALF, n, HALF };
	uint32_t served = 0, i;

	(void)state;
	for (i = 0; i < STORM; i++) {
		hello_from("10.1.0.2", (uint16_t)(30000 + i), says[i % 4]);
		hosts_pass_ms(1);
		if (i % EACH == 0 && i == 0)
			client_new(TLS1_3_VERSION);
		else if (i % EACH == 0)
			client_again();
		if (owner.opened)
			continue;
		client_run();
		assert_false(client.host->rst);
		if (!owner.opened)
			continue;
		served++;
		client_write("hello", 5);
		assert_int_equal(owner.n, 5);
		host_rst(client.host);
	}
	assert_int_equal(served, STORM / EACH);
	owner.closed = 1;
	hosts_pass_ms(world.conf.tls.handshake_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tls_test(plain_http),
		tls_test(plain_stun),
		tls_test(oversized),
		tls_test(oversized_later),
		tls_test(type_unknown_later),
		tls_test(application_data_first),
		tls_test(ssl2),
		tls_test(leaves_rst),
		tls_test(leaves_fin),
		tls_test(silent),
		tls_test(silent_after_hello),
		tls_test(too_many),
		tls_test(waiting_one_goes),
		tls_test(silent_ones_give_way),
		tls_test(storm_from_one_address),
		tls_test(slow_ones_give_way),
		tls_test(half_a_record),
		tls_test(stays_after_alert),
		tls_test(hello_in_many_records),
		tls_test(endless_hello),
		tls_test(no_version_in_common),
		tls_test(garbage_after_finished),
		tls_test(data_with_finished),
		tls_test(change_cipher_spec_late),
		tls_test(closed_during_handshake),
		tls_test(no_state_left),
		cmocka_unit_test_setup_teardown(silent_ones_make_room, few_setup, tls_teardown),
		cmocka_unit_test_setup_teardown(strangers_make_room, few_setup, tls_teardown),
		cmocka_unit_test_setup_teardown(guests_make_room, few_setup, tls_teardown),
		cmocka_unit_test_setup_teardown(newcomers_beside_a_storm, storm_setup,
						tls_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
