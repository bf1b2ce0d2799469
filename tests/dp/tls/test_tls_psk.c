/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes that wait for the key of an identity, which the control process looks up (R65): the
 * question and its answer as messages of the boundary; clients that go or fall silent while it is
 * on its way, answers that come too late, twice or for a slot that is another's by now, and a
 * control process that hears nothing; and a source prefix in whose name others have asked enough.
 */
#include "tests/world/tls_world.h"
#include "dp/rate.h"
#include "dp/turn/turn.h"

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
	SSL_set_psk_use_session_callback(client.tls.ssl, on_psk);
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

/*
 * A key is offered, and found; then, after a HelloRetryRequest, a ticket and no key: it is the
 * ticket that the connection goes on with.
 */
static SSL_SESSION *kept;
static int offers;

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = s;
	return 1;
}

static int on_psk_once(SSL *ssl, const EVP_MD *md, const uint8_t **id, size_t *len,
		       SSL_SESSION **session)
{
	if (offers++ == 0)
		return on_psk(ssl, md, id, len, session);
	assert_int_equal(SSL_set_session(ssl, kept), 1);
	*session = NULL;
	return 1;
}

static void ticket_after_all(void **state)
{
	const struct evt_psk *e;
	struct evt_psk copy;

	(void)state;
	client_new(TLS1_3_VERSION);
	SSL_CTX_set_session_cache_mode(client.tls.ctx,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client.tls.ctx, on_session);
	assert_int_equal(SSL_CTX_set_ciphersuites(client.tls.ctx, "TLS_AES_128_GCM_SHA256"), 1);
	assert_int_equal(SSL_set_ciphersuites(client.tls.ssl, "TLS_AES_128_GCM_SHA256"), 1);
	client_run();
	assert_non_null(kept);
	SSL_set_shutdown(client.tls.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	host_rst(client.host);
	client_again();
	offers = 0;
	assert_int_equal(SSL_set1_groups_list(client.tls.ssl, "P-521:P-256"), 1);
	SSL_set_psk_use_session_callback(client.tls.ssl, on_psk_once);
	client_run();
	e = world_evt(0);
	assert_non_null(e);
	copy = *e;
	assert_true(answer(&copy, KEY_LEN));
	client_run();
	assert_int_equal(offers, 2);
	assert_int_equal(owner.opened, 1);
	assert_true(owner.info.resumed);
	assert_false(owner.info.psk);
	assert_int_equal(world_count(0, CNT_TLS_PSK), 0);
	SSL_SESSION_free(kept);
	kept = NULL;
}

static int tickets_setup(void **state)
{
	struct ctl_ticket_keys k;

	memset(&k, 1, sizeof(k));
	tickets_set(&tls_tickets, &k, 0);
	return setup(state);
}

static int tickets_teardown(void **state)
{
	tls_teardown(state);
	memset(&tls_tickets, 0, sizeof(tls_tickets));
	return 0;
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
	assert_int_equal(world.w->tls->handshakes, 0);
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
	assert_int_equal(world.w->tls->handshakes, 0);
	assert_true(client.host->rst);
	assert_false(answer(&e, KEY_LEN));
	host_fin(client.host);
	owner_gone(TCP_END_TLS_TIMEOUT);
}

/* R4: who forges datagrams in the name of a prefix takes nothing from its connections. */
static void prefix_used_up(void **state)
{
	struct sock_addr forged = at("10.1.0.2", 9);
	struct evt_psk e;

	(void)state;
	rate_init(world.w->turn->request_rate, 1, (const uint64_t[2]){ 1, 2 });
	assert_true(rate_allow(world.w->turn->request_rate, &forged.ip, world.w->now_ms));
	assert_false(rate_allow(world.w->turn->request_rate, &forged.ip, world.w->now_ms));
	e = ask();
	assert_true(answer(&e, KEY_LEN));
	client_run();
	assert_true(owner.info.psk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(unknown, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(ticket_after_all, tickets_setup, tickets_teardown),
		cmocka_unit_test_setup_teardown(client_goes, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(slot_is_anothers, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(nobody_answers, setup, tls_teardown),
		cmocka_unit_test_setup_teardown(prefix_used_up, setup, tls_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
