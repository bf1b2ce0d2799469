/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes that wait for the key of an identity, which the control process looks up (R65): the
 * question and its answer as messages of the boundary; clients that go or fall silent while it is
 * on its way, answers that come too late, twice or for a slot that is another's by now, and a
 * control process that hears nothing; and no more questions of one source than it may ask.
 */
#include "tls_world.h"
#include "../../dp/rate.h"

enum { KEY_LEN = 32 };

static int on_psk(SSL *ssl, const EVP_MD *md, const uint8_t **id, size_t *len,
		  SSL_SESSION **session)
{
	static const uint8_t suite[2] = { 0x13, 0x01 };
	uint8_t key[KEY_LEN];

	(void)md;
	memset(key, 'k', sizeof(key));
	*session = SSL_SESSION_new();
	assert_true(SSL_SESSION_set1_master_key(*session, key, sizeof(key)));
	assert_true(SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)));
	assert_true(SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION));
	*id = (const uint8_t *)"subscriber";
	*len = 10;
	return 1;
}

static int setup(void **state)
{
	(void)state;
	tls_world_config();
	world.conf.domain[0].psk = true;
	tls_world_start();
	return 0;
}

/* A client with a key; the look-up's question, which has come. */
static struct evt_psk ask(void)
{
	const struct evt_psk *e;
	struct evt_psk copy;

	client_new(TLS1_3_VERSION);
	SSL_set_psk_use_session_callback(client.ssl, on_psk);
	client_run();
	e = world_evt(0);
	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_PSK);
	assert_int_equal(e->identity_len, 10);
	assert_memory_equal(e->identity, "subscriber", 10);
	copy = *e;
	assert_int_equal(owner.opened, 0);
	return copy;
}

/* Returns whether somebody waited for it. */
static bool answer(const struct evt_psk *e, uint16_t len)
{
	struct cmd_psk c = { .conn = e->conn, .len = len };

	memset(c.key, 'k', len);
	return world_cmd(0, CMD_PSK, &c, sizeof(c));
}

static void known(void **state)
{
	struct evt_psk e = ask();

	(void)state;
	assert_true(answer(&e, KEY_LEN));
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_true(owner.info.psk);
	assert_int_equal(world_count(0, CNT_TLS_PSK), 1);
	assert_false(answer(&e, KEY_LEN));
	client_write("hello", 5);
	assert_int_equal(owner.n, 5);
}

/* RFC 8446 4.2.11: as if no key had been offered. */
static void unknown(void **state)
{
	struct evt_psk e = ask();

	(void)state;
	assert_true(answer(&e, 0));
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_false(owner.info.psk);
}

static void client_goes(void **state)
{
	struct evt_psk e = ask();

	(void)state;
	host_rst(client.host);
	assert_int_equal(world.w->tls->shakes, 0);
	assert_false(answer(&e, KEY_LEN));
	owner_gone(TCP_END_RESET);
	assert_int_equal(owner.opened, 0);
}

/* The slot has another client by then, who waits for a key, too: it is not for that one. */
static void slot_is_anothers(void **state)
{
	struct evt_psk e = ask(), next;

	(void)state;
	host_rst(client.host);
	client_free();
	memset(&owner, 0, sizeof(owner));
	next = ask();
	assert_int_equal(next.conn.idx, e.conn.idx);
	assert_false(answer(&e, KEY_LEN));
	assert_int_equal(owner.opened, 0);
	assert_true(answer(&next, KEY_LEN));
	client_run();
	assert_int_equal(owner.opened, 1);
}

static void nobody_answers(void **state)
{
	struct evt_psk e = ask();

	(void)state;
	hosts_pass_ms(world.conf.tls.handshake_ms + 1);
	assert_int_equal(world.w->tls->shakes, 0);
	assert_true(client.host->rst);
	assert_false(answer(&e, KEY_LEN));
	host_fin(client.host);
	owner_gone(TCP_END_TLS_TIMEOUT);
}

/* No more questions than the source prefix may ask: then the key is unknown. */
static void limited(void **state)
{
	struct evt_psk e;

	(void)state;
	rate_init(world.w->request_rate, 1, (const uint64_t[2]){ 1, 2 });
	e = ask();
	assert_true(answer(&e, KEY_LEN));
	client_run();
	assert_true(owner.info.psk);
	host_rst(client.host);
	client_free();
	memset(&owner, 0, sizeof(owner));
	client_new(TLS1_3_VERSION);
	SSL_set_psk_use_session_callback(client.ssl, on_psk);
	client_run();
	assert_null(world_evt(0));
	assert_int_equal(owner.opened, 1);
	assert_false(owner.info.psk);
	assert_int_equal(world_count(0, CNT_TLS_PSK_LIMITED), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(unknown, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(client_goes, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(slot_is_anothers, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(nobody_answers, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(limited, setup, tls_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
