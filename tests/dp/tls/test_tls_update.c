/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys that change while data flows (RFC 8446 4.6.3, 5.5): KeyUpdate from the client, inside a
 * burst and in every number of segments; one of ours when it asks for it, and when the cipher's
 * limit is near; how many a minute; and what looks like one and is none. TLS 1.2 has no such thing,
 * and renegotiation in its place is refused (R57).
 */
#include "tests/world/tls_world.h"

static uint8_t wire[70000];

static void inside_a_burst(uint16_t cut)
{
	size_t n;

	client_open(TLS1_3_VERSION);
	client.cut = cut;
	client.hold_out = true;
	SSL_write(client.tls.ssl, "before ", 7);
	SSL_key_update(client.tls.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
	SSL_write(client.tls.ssl, "between ", 8);
	SSL_key_update(client.tls.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
	SSL_write(client.tls.ssl, "after", 5);
	n = client_take(wire, sizeof(wire));
	client_raw(wire, n);
	client.hold_out = false;
	assert_int_equal(owner.n, 20);
	assert_memory_equal(owner.got, "before between after", 20);
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_RX), 2);
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_TX), 0);
}

static void one_segment(void **state)
{
	(void)state;
	inside_a_burst(0);
}

static void byte_by_byte(void **state)
{
	(void)state;
	inside_a_burst(1);
}

/* Ours is asked for, comes once before what is sent next, and the client can read it. */
static void asked_for(void **state)
{
	char got[6];
	int i;

	(void)state;
	client_open(TLS1_3_VERSION);
	for (i = 0; i < 3; i++) {
		SSL_key_update(client.tls.ssl, SSL_KEY_UPDATE_REQUESTED);
		client_write("x", 1);
		owner_say("answer", 6);
		client_read(got, 6);
		assert_memory_equal(got, "answer", 6);
		assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_TX), i + 1);
	}
}

static void asked_twice_answered_once(void **state)
{
	const uint8_t update[5] = { 24, 0, 0, 1, 1 };
	static struct tls_keys k;
	struct rte_mbuf *m[2];
	size_t n = 0;
	int i;

	(void)state;
	client_open(TLS1_3_VERSION);
	assert_true(tls_keys_13(world.w->tls->kdf, world.w->tls->aead, &k,
				tls_suite(owner.info.suite), client.secret));
	for (i = 0; i < 2; i++) {
		m[i] = record_seal_bytes(world.w, world.w->tls->aead, &k, TLS_HANDSHAKE, update, 5);
		assert_true(tls_keys_update(world.w->tls->kdf, world.w->tls->aead, &k));
		memcpy(wire + n, rte_pktmbuf_mtod(m[i], void *), rte_pktmbuf_pkt_len(m[i]));
		n += rte_pktmbuf_pkt_len(m[i]);
		pkt_consume(world.w, m[i]);
	}
	client_raw(wire, n);
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_RX), 2);
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_TX), 1);
}

/* A fatal alert is the last record: an answer that was due stays away (RFC 8446 6.2). */
static void asked_before_the_end(void **state)
{
	size_t n;

	(void)state;
	client_open(TLS1_3_VERSION);
	client.n_record = 0;
	client.hold_out = true;
	SSL_key_update(client.tls.ssl, SSL_KEY_UPDATE_REQUESTED);
	SSL_write(client.tls.ssl, "x", 1);
	SSL_write(client.tls.ssl, "spoilt", 6);
	n = client_take(wire, sizeof(wire));
	wire[n - 1] ^= 1;
	client_raw(wire, n);
	client.hold_out = false;
	client_run();
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_RX), 1);
	assert_int_equal(client_alert(), ALERT_BAD_RECORD_MAC);
	assert_int_equal(client.n_record, 1);
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_TX), 0);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_MAC);
}

/* So many a minute and no more; the next minute has its own. */
static void flood(void **state)
{
	int i;

	(void)state;
	client_open(TLS1_3_VERSION);
	for (i = 0; i < 10; i++) {
		SSL_key_update(client.tls.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
		client_write("x", 1);
	}
	assert_int_equal(owner.n, 10);
	hosts_pass_ms(60000);
	for (i = 0; i < 10; i++) {
		SSL_key_update(client.tls.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
		client_write("x", 1);
	}
	assert_int_equal(owner.n, 20);
	SSL_key_update(client.tls.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
	client_write("x", 1);
	assert_int_equal(owner.n, 20);
	assert_int_equal(client_alert(), ALERT_UNEXPECTED_MESSAGE);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_FLOOD);
}

/* A key that is new has four records left before it is to be exchanged. */
static void key_age(struct tls_keys *k)
{
	const uint64_t used = TLS_REKEY_RECORDS - 4;

	if (k->records < used)
		k->records += used;
}

/* Before the cipher's limit, in both directions. */
static void limit(void **state)
{
	char got[4];
	int i;

	(void)state;
	client_open(TLS1_3_VERSION);
	for (i = 0; i < 20; i++) {
		key_age(&tls_of(owner.c)->wr);
		owner_say("data", 4);
		client_read(got, 4);
		assert_memory_equal(got, "data", 4);
	}
	assert_in_range(world_count(0, CNT_TLS_KEY_UPDATE_TX), 4, 6);
	/* And when the client's key is old we ask for another. */
	for (i = 0; i < 9; i++) {
		key_age(&tls_of(owner.c)->rd);
		client_write("more", 4);
	}
	assert_int_equal(owner.n, 36);
	assert_true(world_count(0, CNT_TLS_KEY_UPDATE_RX) >= 1);
}

static void refused(const uint8_t *msg, uint32_t n, enum tls_alert alert)
{
	client_open(TLS1_3_VERSION);
	client_forge(0, TLS_HANDSHAKE, msg, n);
	assert_int_equal(client_alert(), alert);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_RECORD);
}

static void bad_request(void **state)
{
	(void)state;
	refused((const uint8_t[]){ 24, 0, 0, 1, 2 }, 5, ALERT_ILLEGAL_PARAMETER);
}

static void bad_length(void **state)
{
	(void)state;
	refused((const uint8_t[]){ 24, 0, 0, 2, 0, 0 }, 6, ALERT_DECODE_ERROR);
}

static void no_length(void **state)
{
	(void)state;
	refused((const uint8_t[]){ 24, 0, 0, 0 }, 4, ALERT_DECODE_ERROR);
}

/* The length alone says enough: what it promises is not waited for. */
static void endless_length(void **state)
{
	(void)state;
	refused((const uint8_t[]){ 24, 0xff, 0xff, 0xff }, 4, ALERT_DECODE_ERROR);
}

/* RFC 8446 5.1: nothing may follow in the same record. */
static void not_last(void **state)
{
	(void)state;
	refused((const uint8_t[]){ 24, 0, 0, 1, 0, 24 }, 6, ALERT_UNEXPECTED_MESSAGE);
}

/* Tickets are a server's to send; certificates after the handshake nobody asked for. */
static void ticket_from_client(void **state)
{
	(void)state;
	refused((const uint8_t[]){ 4, 0, 0, 1, 0 }, 5, ALERT_UNEXPECTED_MESSAGE);
}

static void certificate_unasked(void **state)
{
	(void)state;
	refused((const uint8_t[]){ 11, 0, 0, 4, 0, 0, 0, 0 }, 8, ALERT_UNEXPECTED_MESSAGE);
}

static void empty_handshake_record(void **state)
{
	(void)state;
	refused((const uint8_t *)"", 0, ALERT_UNEXPECTED_MESSAGE);
}

/* A message cut over records is one, and nothing else may stand in between. */
static void cut_over_records(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	client_forge(0, TLS_HANDSHAKE, (const uint8_t[]){ 24, 0 }, 2);
	client_forge(1, TLS_HANDSHAKE, (const uint8_t[]){ 0, 1, 0 }, 3);
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_RX), 1);
	assert_int_equal(owner.closed, 0);
}

static void data_in_between(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	client_forge(0, TLS_HANDSHAKE, (const uint8_t[]){ 24, 0 }, 2);
	client_forge(1, TLS_APPLICATION, "x", 1);
	assert_int_equal(client_alert(), ALERT_UNEXPECTED_MESSAGE);
	assert_int_equal(owner.n, 0);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_RECORD);
}

/* TLS 1.2: told no. */
static void renegotiation(void **state)
{
	(void)state;
	client_open(TLS1_2_VERSION);
	client.n_record = 0;
	assert_int_equal(SSL_renegotiate(client.tls.ssl), 1);
	SSL_do_handshake(client.tls.ssl);
	client_run();
	assert_int_equal(client_alert(), ALERT_NO_RENEGOTIATION);
	assert_int_equal(client.record[0].type, TLS_ALERT);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_ALERT); /* OpenSSL gives up at the first no */
}

/* A record that OpenSSL would not send: with the keys that we open with, which seal as well. */
static void say_record(enum tls_type type, const void *p, uint32_t n)
{
	static struct tls_keys k;
	struct rte_mbuf *m;

	k = tls_of(owner.c)->rd;
	m = record_seal_bytes(world.w, world.w->tls->aead, &k, type, p, n);
	assert_non_null(m);
	client_raw(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_pkt_len(m));
	pkt_consume(world.w, m);
	client_run();
}

/* The connection goes on after the first no, and not after the second. */
static void renegotiation_insisted(void **state)
{
	const uint8_t hello[4 + 41] = { 1, 0, 0, 41, 3, 3 };

	(void)state;
	client_open(TLS1_2_VERSION);
	client.hold_out = true; /* OpenSSL would give up at the first no */
	say_record(TLS_HANDSHAKE, hello, sizeof(hello));
	assert_int_equal(client_alert(), ALERT_NO_RENEGOTIATION);
	assert_int_equal(owner.closed, 0);
	say_record(TLS_APPLICATION, "goes on", 7);
	assert_int_equal(owner.n, 7);
	say_record(TLS_HANDSHAKE, hello, sizeof(hello));
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_RENEGOTIATION);
}

/* A handshake message that may come now, but not as long as its head says (RFC 8446 6.2). */
static void bad_message(const uint8_t *msg, uint32_t n)
{
	client.hold_out = true;
	say_record(TLS_HANDSHAKE, msg, n);
	assert_int_equal(client_alert(), ALERT_DECODE_ERROR);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_RECORD);
}

static void bad_hello(void **state)
{
	static const uint8_t hello[][5] = { { 1, 0, 0, 0 }, { 1, 0, 0, 40 }, { 1, 1, 0, 1 } };
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(hello); i++) {
		client_open(TLS1_2_VERSION);
		bad_message(hello[i], 4);
		client_free();
		memset(&owner, 0, sizeof(owner));
	}
}

/* As a client of ours is told. */
static void bad_from_server(void **state)
{
	static const struct {
		int version;
		uint8_t msg[5];
		uint8_t len;
	} row[] = {
		{ TLS1_2_VERSION, { 0, 0, 0, 1, 0 }, 5 }, /* HelloRequest */
		{ TLS1_3_VERSION, { 4, 0, 0, 0 }, 4 },	  /* NewSessionTicket */
		{ TLS1_3_VERSION, { 4, 0, 0, 13 }, 4 },	  { TLS1_3_VERSION, { 4, 2, 1, 10 }, 4 },
		{ TLS1_3_VERSION, { 24, 0, 0, 0 }, 4 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(row); i++) {
		server_open(row[i].version);
		assert_int_equal(owner.opened, 1);
		bad_message(row[i].msg, row[i].len);
		client_free();
		memset(&owner, 0, sizeof(owner));
	}
}

/* Alerts that end nothing, but do not end either. */
static void warnings(void **state)
{
	const uint8_t alert[2] = { 1, 112 };
	int i;

	(void)state;
	client_open(TLS1_2_VERSION);
	for (i = 0; i < TLS_WARNINGS_MAX; i++)
		say_record(TLS_ALERT, alert, sizeof(alert));
	assert_int_equal(owner.closed, 0);
	assert_false(client.host->fin_rcvd);
	say_record(TLS_ALERT, alert, sizeof(alert));
	assert_int_equal(client_alert(), ALERT_UNEXPECTED_MESSAGE);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_FLOOD);
}

/* TLS 1.2 has no other key to go on with. */
static void limit_12(void **state)
{
	(void)state;
	client_open(TLS1_2_VERSION);
	tls_of(owner.c)->wr.bytes = UINT64_C(1) << TLS_REKEY_LOG2_BYTES;
	client.n_record = 0;
	owner_say("one too many", 12);
	assert_int_equal(client.n_record, 1);
	assert_int_equal(client_alert(), ALERT_INTERNAL_ERROR);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tls_test(one_segment),
		tls_test(byte_by_byte),
		tls_test(asked_for),
		tls_test(asked_twice_answered_once),
		tls_test(asked_before_the_end),
		tls_test(flood),
		tls_test(limit),
		tls_test(bad_request),
		tls_test(bad_length),
		tls_test(no_length),
		tls_test(endless_length),
		tls_test(not_last),
		tls_test(ticket_from_client),
		tls_test(certificate_unasked),
		tls_test(empty_handshake_record),
		tls_test(cut_over_records),
		tls_test(data_in_between),
		tls_test(renegotiation),
		tls_test(renegotiation_insisted),
		tls_test(bad_hello),
		tls_test(bad_from_server),
		tls_test(warnings),
		tls_test(limit_12),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
