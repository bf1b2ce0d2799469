/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * dp/tls/psk.c (R65) with OpenSSL as the client, in memory, and a control process of the test's
 * own. Keys that are known: TLS 1.3 (RFC 8446 4.2.11) and the PSK suites of TLS 1.2 (RFC 4279);
 * handshakes wait for them as paused jobs. Identities that are not known: a certificate instead, or
 * unknown_psk_identity. What is not asked for: tickets of ours, identities that are too long, those
 * that could not be used, more than a few of one handshake. No key is left in the handshake.
 */
#include "tests/world/packet.h"
#include "tests/world/unit.h"

#include "dp/tls/psk.h"
#include "dp/tls/crypto.h"
#include "dp/tls/tickets.h"

#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

enum { KEY_LEN = 32, FAR = 1 << 16 };

static SSL_CTX *server_ctx, *client_ctx;
static struct tickets tickets;
static const struct dplane dplane = { .tickets = &tickets };
static struct crypto crypto = { .dp = &dplane };
static struct handshake_ssl handshake_ssl;
static struct ctl_ticket_keys ticket_keys;

/* What the client has, and its identity. */
static uint8_t client_key[KEY_LEN];
static char client_identity[512];
static const char *client_suite = "TLS_AES_128_GCM_SHA256";

/* ---- what psk.c calls ---- */

static struct handshake handshake;
static bool waits;
static uint32_t lookups;

bool handshake_lookup(struct handshake *s)
{
	assert_ptr_equal(s, &handshake);
	lookups++;
	s->psk_len = 0;
	waits = true;
	while (waits)
		ASYNC_pause_job();
	return s->psk_len > 0;
}

bool tickets_get(const struct tickets *t, struct ctl_ticket_keys *k)
{
	assert_ptr_equal(t, &tickets);
	*k = ticket_keys;
	return true;
}

/* The control process: knows "known" alone, by whose key the client's last byte may differ. */
static void answer(void)
{
	static const char known[] = "known";
	const uint32_t len = handshake.identity_len;

	assert_true(waits);
	waits = false;
	if (len != strlen(known) || memcmp(handshake.identity, known, len) != 0)
		return;
	memset(handshake.psk, 0x5a, KEY_LEN);
	handshake.psk_len = KEY_LEN;
}

/* ---- the client ---- */

static unsigned int on_client_12(SSL *ssl, const char *hint, char *identity, unsigned int max,
				 uint8_t *psk, unsigned int max_psk)
{
	(void)ssl, (void)hint;
	assert_true(strlen(client_identity) < max && KEY_LEN <= max_psk);
	strcpy(identity, client_identity);
	memcpy(psk, client_key, KEY_LEN);
	return KEY_LEN;
}

static int on_client_13(SSL *ssl, const EVP_MD *md, const uint8_t **id, size_t *len,
			SSL_SESSION **session)
{
	SSL_SESSION *x = SSL_SESSION_new();
	STACK_OF(SSL_CIPHER) *all = SSL_get_ciphers(ssl);
	const SSL_CIPHER *c = NULL;

	(void)md;
	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++)
		if (!strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, i)), client_suite))
			c = sk_SSL_CIPHER_value(all, i);
	assert_true(SSL_SESSION_set1_master_key(x, client_key, KEY_LEN));
	assert_true(SSL_SESSION_set_cipher(x, c));
	assert_true(SSL_SESSION_set_protocol_version(x, TLS1_3_VERSION));
	*id = (uint8_t *)client_identity;
	*len = strlen(client_identity);
	*session = x;
	return 1;
}

/* ---- handshakes in memory ---- */

static SSL *server, *client;
static int alert; /* that one side sent last */

static void on_info(const SSL *ssl, int where, int ret)
{
	(void)ssl;
	if (where & SSL_CB_ALERT && where & SSL_CB_WRITE)
		alert = ret & 0xff;
}

static void begin(int version, const char *identity)
{
	BIO *a, *b;

	memset(&handshake, 0, sizeof(handshake));
	memset(&handshake_ssl, 0, sizeof(handshake_ssl));
	handshake.ssl = &handshake_ssl;
	handshake_ssl.crypto = &crypto;
	lookups = 0;
	alert = -1;
	strcpy(client_identity, identity);
	server = SSL_new(server_ctx);
	client = SSL_new(client_ctx);
	assert_true(BIO_new_bio_pair(&a, FAR, &b, FAR));
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	SSL_set_mode(server, SSL_MODE_ASYNC);
	assert_true(SSL_set_app_data(server, &handshake));
	assert_true(SSL_set_max_proto_version(client, version));
}

static void end(void)
{
	SSL_free(server);
	SSL_free(client);
	ERR_clear_error();
}

/* A step of the server; false: it failed. */
static bool serve(void)
{
	for (;;) {
		int ret = SSL_do_handshake(server);
		int e = SSL_get_error(server, ret);

		if (e != SSL_ERROR_WANT_ASYNC)
			return e == SSL_ERROR_NONE || e == SSL_ERROR_WANT_READ;
		answer();
	}
}

/* As far as it goes; whether both sides are done. */
static bool run(void)
{
	for (int i = 0; i < 6; i++) {
		int ret = SSL_do_handshake(client);

		if (ret != 1 && SSL_get_error(client, ret) != SSL_ERROR_WANT_READ)
			return false;
		if (!serve())
			return false;
	}
	return SSL_is_init_finished(client) && SSL_is_init_finished(server);
}

static void assert_wiped(void)
{
	static const uint8_t none[HANDSHAKE_PSK_MAX];

	assert_int_equal(handshake.psk_len, 0);
	if (lookups)
		assert_memory_equal(handshake.psk, none, sizeof(none));
}

/* ---- TLS 1.3 ---- */

static void known_13(void **state)
{
	(void)state;
	begin(TLS1_3_VERSION, "known");
	assert_true(run());
	assert_int_equal(lookups, 1);
	assert_true(handshake.result.psk);
	assert_true(SSL_session_reused(server));
	assert_null(SSL_get0_peer_certificate(client));
	assert_wiped();
	end();
}

/* The server's suite has SHA-256, the client's first has not. */
static void known_13_suites(void **state)
{
	(void)state;
	begin(TLS1_3_VERSION, "known");
	assert_true(SSL_set_ciphersuites(client, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"));
	assert_true(run());
	assert_true(handshake.result.psk && SSL_session_reused(server));
	end();
}

static void retry_13(void **state)
{
	(void)state;
	begin(TLS1_3_VERSION, "known");
	assert_true(SSL_set1_groups_list(server, "P-256"));
	assert_true(SSL_set1_groups_list(client, "X25519:P-256"));
	assert_true(run());
	assert_true(handshake.result.psk && SSL_session_reused(server));
	assert_int_equal(lookups, 2); /* in each ClientHello */
	end();
}

static void unknown_13(void **state)
{
	(void)state;
	begin(TLS1_3_VERSION, "somebody");
	assert_true(run());
	assert_int_equal(lookups, 1); /* not as of TLS 1.2 once more */
	assert_false(handshake.result.psk || SSL_session_reused(server));
	assert_non_null(SSL_get0_peer_certificate(client));
	end();
}

static void wrong_key_13(void **state)
{
	(void)state;
	begin(TLS1_3_VERSION, "known");
	client_key[KEY_LEN - 1] ^= 1;
	assert_false(run());
	assert_int_not_equal(alert, -1);
	assert_wiped();
	end();
}

/* With a suite of SHA-384 the key could not be used (4.2.11). */
static void hash_13(void **state)
{
	(void)state;
	client_suite = "TLS_AES_256_GCM_SHA384";
	begin(TLS1_3_VERSION, "known");
	assert_true(SSL_set_ciphersuites(client, client_suite));
	assert_true(run());
	assert_int_equal(lookups, 0);
	assert_false(handshake.result.psk || SSL_session_reused(server));
	end();
}

static void ticket_13(void **state)
{
	struct ctl_ticket_key *const keys[] = { &ticket_keys.previous, &ticket_keys.current,
						&ticket_keys.next };

	(void)state;
	for (size_t i = 0; i < N_OF(keys); i++) {
		memcpy(keys[i]->name, "sixteen bytes: ", 15);
		keys[i]->name[15] = (uint8_t)('0' + i);
	}
	for (size_t i = 0; i < N_OF(keys) + 1; i++) {
		char ticket[64];

		snprintf(ticket, sizeof(ticket), "sixteen bytes: %zuand then the rest", i);
		begin(TLS1_3_VERSION, ticket);
		assert_true(run());
		assert_int_equal(lookups, i < N_OF(keys) ? 0 : 1);
		end();
	}
}

static void too_long_13(void **state)
{
	char identity[300];

	(void)state;
	memset(identity, 'a', sizeof(identity));
	identity[HANDSHAKE_IDENTITY_MAX + 1] = '\0';
	begin(TLS1_3_VERSION, identity);
	assert_true(run());
	assert_int_equal(lookups, 0);
	end();
	identity[HANDSHAKE_IDENTITY_MAX] = '\0';
	begin(TLS1_3_VERSION, identity);
	assert_true(run());
	assert_int_equal(lookups, 1);
	end();
}

/* The connection has gone: the handshake goes on as if the identity were unknown, and ends. */
static void abandoned_13(void **state)
{
	(void)state;
	begin(TLS1_3_VERSION, "known");
	SSL_do_handshake(client);
	assert_int_equal(SSL_get_error(server, SSL_do_handshake(server)), SSL_ERROR_WANT_ASYNC);
	assert_int_equal(handshake.identity_len, 5);
	waits = false;
	assert_int_not_equal(SSL_get_error(server, SSL_do_handshake(server)), SSL_ERROR_WANT_ASYNC);
	assert_false(handshake.result.psk);
	end();
}

/* ---- many identities in one ClientHello, which OpenSSL's client does not send ---- */

/*
 * Puts n identities, one byte each, into the ClientHello at p (its record, with room behind), in
 * place of the pre_shared_key extension that ends it, at p + psk. Returns the record's length.
 */
static size_t identities(uint8_t *p, size_t psk, size_t exts, size_t n)
{
	uint8_t *q = p + psk + 4;

	put16(q, (uint32_t)n * 7);
	q += 2;
	for (size_t i = 0; i < n; i++, q += 7) {
		put16(q, 1);
		q[2] = (uint8_t)('a' + i);
		memset(q + 3, 0, 4);
	}
	put16(q, (uint32_t)n * 33);
	q += 2;
	for (size_t i = 0; i < n; i++, q += 33) {
		q[0] = 32;
		memset(q + 1, 0, 32);
	}
	put16(p + psk + 2, (uint32_t)(q - (p + psk + 4)));
	put16(p + exts, (uint32_t)(q - (p + exts + 2)));
	put16(p + 7, (uint32_t)(q - (p + 9)));
	put16(p + 3, (uint32_t)(q - (p + 5)));
	return (size_t)(q - p);
}

static void many_13(void **state)
{
	static uint8_t hello[4096];
	size_t at = 5 + 4 + 2 + 32, exts, psk;
	int len;

	(void)state;
	begin(TLS1_3_VERSION, "known");
	SSL_do_handshake(client);
	len = BIO_read(SSL_get_rbio(server), hello, sizeof(hello) / 2);
	assert_true(len > 0);
	at += 1 + (size_t)hello[at];			/* session */
	at += 2 + get16(hello + at);			/* suites */
	exts = at + 1 + (size_t)hello[at];		/* compression */
	for (psk = exts + 2; get16(hello + psk) != 41;) /* pre_shared_key */
		psk += 4 + get16(hello + psk + 2);
	len = (int)identities(hello, psk, exts, 12);
	assert_int_equal(BIO_write(SSL_get_wbio(client), hello, len), len);
	assert_true(serve());
	assert_int_equal(lookups, PSK_LOOKUPS_MAX);
	assert_false(handshake.result.psk);
	end();
}

/* ---- TLS 1.2 ---- */

static void known_12(void **state)
{
	static const char *const suites[] = { "PSK-AES128-GCM-SHA256", "DHE-PSK-AES256-GCM-SHA384",
					      "ECDHE-PSK-CHACHA20-POLY1305" };

	(void)state;
	for (size_t i = 0; i < N_OF(suites); i++) {
		begin(TLS1_2_VERSION, "known");
		assert_true(SSL_set_cipher_list(client, suites[i]));
		assert_true(run());
		assert_string_equal(SSL_get_cipher(server), suites[i]);
		assert_int_equal(lookups, 1);
		assert_true(handshake.result.psk);
		assert_wiped();
		end();
	}
}

static void unknown_12(void **state)
{
	static const char *const identity[] = { "somebody", "" };

	(void)state;
	for (size_t i = 0; i < N_OF(identity); i++) {
		begin(TLS1_2_VERSION, identity[i]);
		assert_true(SSL_set_cipher_list(client, "PSK-AES128-GCM-SHA256"));
		assert_false(run());
		assert_int_equal(alert, SSL_AD_UNKNOWN_PSK_IDENTITY);
		assert_int_equal(lookups, i == 0);
		assert_false(handshake.result.psk);
		end();
	}
}

static void wrong_key_12(void **state)
{
	(void)state;
	begin(TLS1_2_VERSION, "known");
	assert_true(SSL_set_cipher_list(client, "PSK-AES128-GCM-SHA256"));
	client_key[0] ^= 1;
	assert_false(run());
	assert_int_equal(alert, SSL_AD_BAD_RECORD_MAC);
	end();
}

/* Another kind of suite: nothing is looked up. */
static void certificate_12(void **state)
{
	(void)state;
	begin(TLS1_2_VERSION, "known");
	assert_true(SSL_set_cipher_list(client, "ECDHE-ECDSA-AES128-GCM-SHA256"));
	assert_true(run());
	assert_int_equal(lookups, 0);
	assert_false(handshake.result.psk);
	end();
}

/* ---- before and after ---- */

static int before(void **state)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	(void)state;
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	assert_true(X509_set_pubkey(x, k) && X509_sign(x, k, EVP_sha256()));
	server_ctx = SSL_CTX_new(TLS_server_method());
	assert_true(SSL_CTX_use_certificate(server_ctx, x));
	assert_true(SSL_CTX_use_PrivateKey(server_ctx, k));
	X509_free(x);
	EVP_PKEY_free(k);
	assert_true(
	    SSL_CTX_set_ciphersuites(server_ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"));
	assert_true(SSL_CTX_set_dh_auto(server_ctx, 1));
	SSL_CTX_set_options(server_ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_info_callback(server_ctx, on_info);
	assert_true(psk_ctx_init(server_ctx));

	client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_psk_client_callback(client_ctx, on_client_12);
	SSL_CTX_set_psk_use_session_callback(client_ctx, on_client_13);
	return 0;
}

static int each(void **state)
{
	(void)state;
	memset(client_key, 0x5a, sizeof(client_key));
	memset(&ticket_keys, 0, sizeof(ticket_keys));
	client_suite = "TLS_AES_128_GCM_SHA256";
	return 0;
}

static int after(void **state)
{
	(void)state;
	SSL_CTX_free(server_ctx);
	SSL_CTX_free(client_ctx);
	ASYNC_cleanup_thread();
	return 0;
}

#define EACH(f) cmocka_unit_test_setup(f, each)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(known_13),	    EACH(known_13_suites), EACH(retry_13),  EACH(unknown_13),
		EACH(wrong_key_13), EACH(hash_13),	   EACH(ticket_13), EACH(too_long_13),
		EACH(abandoned_13), EACH(many_13),	   EACH(known_12),  EACH(unknown_12),
		EACH(wrong_key_12), EACH(certificate_12),
	};

	return cmocka_run_group_tests(tests, before, after);
}
