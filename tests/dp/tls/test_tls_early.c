/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Early data (RFC 8446 4.2.10): the client has a ticket or a key of another server, which took it.
 * Ours takes none; it skips what comes, up to a bound, and goes on with the handshake, also after a
 * HelloRetryRequest. None of it reaches the owner.
 */
#include "tests/world/tls_world.h"

static uint8_t early[HANDSHAKE_EARLY_MAX + 4096], got[16];
static bool retried;

/* Unknown here: the handshake is a full one. */
static int on_psk(SSL *ssl, const EVP_MD *md, const uint8_t **id, size_t *len,
		  SSL_SESSION **session)
{
	static const uint8_t suite[2] = { 0x13, 0x01 };
	static const uint8_t key[32];

	(void)md;
	*session = SSL_SESSION_new();
	assert_true(SSL_SESSION_set1_master_key(*session, key, sizeof(key)));
	assert_true(SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)));
	assert_true(SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION));
	assert_true(SSL_SESSION_set_max_early_data(*session, UINT32_MAX));
	*id = (const uint8_t *)"of another server";
	*len = 17;
	return 1;
}

static void on_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl,
		       void *arg)
{
	static const uint8_t retry[] = { 0xcf, 0x21, 0xad, 0x74 }; /* RFC 8446 4.1.3 */
	const uint8_t *p = buf;

	(void)version, (void)ssl, (void)arg;
	if (!write_p && type == SSL3_RT_HANDSHAKE && len > 10 && p[0] == SSL3_MT_SERVER_HELLO)
		retried |= !memcmp(p + 6, retry, sizeof(retry));
}

/* A client that says n bytes early, in pieces. groups: of its key shares. */
static void early_client(const char *groups, size_t n, size_t piece)
{
	size_t at, written;

	retried = false;
	client_new(TLS1_3_VERSION);
	SSL_set_psk_use_session_callback(client.tls.ssl, on_psk);
	SSL_set_msg_callback(client.tls.ssl, on_message);
	if (groups)
		assert_int_equal(SSL_set1_groups_list(client.tls.ssl, groups), 1);
	for (at = 0; at < n; at += written)
		assert_int_equal(SSL_write_early_data(client.tls.ssl, early + at,
						      RTE_MIN(piece, n - at), &written),
				 1);
	client_run();
}

/* The handshake went on, and what came early is nobody's. */
static void goes_on(void)
{
	assert_true(SSL_is_init_finished(client.tls.ssl));
	assert_int_equal(SSL_get_early_data_status(client.tls.ssl), SSL_EARLY_DATA_REJECTED);
	assert_int_equal(owner.opened, 1);
	assert_int_equal(owner.n, 0);
	owner.echo = true;
	client_write("in time", 7);
	client_read(got, 7);
	assert_memory_equal(got, "in time", 7);
	assert_int_equal(owner.n, 7);
}

static void skipped(void **state)
{
	(void)state;
	early_client(NULL, 1000, 1000);
	assert_false(retried);
	goes_on();
}

/* As much as servers usually take (16 KB), and in records as small as messages are. */
static void skipped_all(void **state)
{
	(void)state;
	early_client(NULL, 16384, 16384);
	goes_on();
	client_free();
	memset(&owner, 0, sizeof(owner));
	early_client(NULL, 16384, 200);
	goes_on();
}

static void skipped_after_retry(void **state)
{
	(void)state;
	early_client("P-521:P-256", 4000, 300);
	assert_true(retried);
	goes_on();
}

static void too_much(const char *groups)
{
	early_client(groups, sizeof(early), 4096);
	assert_int_equal(owner.opened, 0);
	assert_int_equal(client_alert(), ALERT_UNEXPECTED_MESSAGE);
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_TLS_HANDSHAKE]), 0);
	host_fin(client.host);
	hosts_run();
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_TLS_HANDSHAKE]), 1);
	owner.closed = 1; /* nothing is left to reset */
}

static void bounded(void **state)
{
	(void)state;
	too_much(NULL);
}

static void bounded_after_retry(void **state)
{
	(void)state;
	too_much("P-521:P-256");
}

/* Who said nothing of early data has no business to send any. */
static void unannounced(void **state)
{
	(void)state;
	client_new(TLS1_3_VERSION);
	client.hold_out = true;
	client_run();
	client_raw(early, client_take(early, sizeof(early)));
	client_raw((const uint8_t *)"\x17\x03\x03\0\x20................................", 37);
	client_run();
	assert_int_equal(client_alert(), ALERT_BAD_RECORD_MAC);
	assert_int_equal(owner.opened, 0);
	host_fin(client.host);
	owner.closed = 1;
	memset(early, 0, sizeof(early));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tls_test(skipped), tls_test(skipped_all),	  tls_test(skipped_after_retry),
		tls_test(bounded), tls_test(bounded_after_retry), tls_test(unannounced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
