/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an owner expects of the other side of a handshake (R44, R47, R50, R51), in both roles and
 * versions: a fingerprint of any hash (RFC 8122 5, where the strongest counts), no certificate, any
 * certificate with its digests known before the first byte, a name under a CA, and that neither a
 * ticket nor a missing certificate leads past it.
 */
#include "tests/world/tls_world.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* ---- fingerprints ---- */

/* Of the certificate that the far end has in either role. */
static void digest_of(uint8_t hash, struct fingerprint *f)
{
	static const char *const names[] = { "SHA1", "SHA224", "SHA256", "SHA384", "SHA512" };
	FILE *in = fopen(world.conf.certificate[0].chain, "r");
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len;
	X509 *x;

	assert_non_null(in);
	x = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	assert_int_equal(X509_digest(x, EVP_get_digestbyname(names[hash]), digest, &len), 1);
	assert_int_equal(len, fp_len(hash));
	f->hash = hash;
	memcpy(f->digest, digest, len);
	X509_free(x);
}

static void expect_fingerprint(uint8_t hash, bool right)
{
	struct tls_expect *e = &owner.expect;

	e->peer = EXPECT_FINGERPRINT;
	digest_of(hash, &e->fingerprint[e->n_fingerprint]);
	e->fingerprint[e->n_fingerprint++].digest[fp_len(hash) - 1] ^= !right;
}

static void show_certificate(void)
{
	const struct config_certificate *c = &world.conf.certificate[0];

	assert_int_equal(SSL_use_certificate_file(client.tls.ssl, c->chain, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_use_PrivateKey_file(client.tls.ssl, c->key, SSL_FILETYPE_PEM), 1);
}

/* The far end shows its certificate, in the role that ours leaves to it. */
static void handshake(bool we_connect, int version)
{
	if (we_connect) {
		server_open(version);
		return;
	}
	client_new(version);
	assert_int_equal(SSL_use_certificate_file(client.tls.ssl, world.conf.certificate[0].chain,
						  SSL_FILETYPE_PEM),
			 1);
	assert_int_equal(SSL_use_PrivateKey_file(client.tls.ssl, world.conf.certificate[0].key,
						 SSL_FILETYPE_PEM),
			 1);
	client_run();
}

static void over(void)
{
	client_free();
	assert_int_equal(owner.closed, owner.opened);
	hosts_reset();
	memset(&owner, 0, sizeof(owner));
}

static void expect_open(void)
{
	assert_int_equal(owner.opened, 1);
	assert_true(owner.info.peer_cert);
	over();
}

/* Ended with this alert, and what it had to say was never heard. */
static void expect_refused(enum tcp_end why, int alert)
{
	assert_int_equal(owner.opened, 0);
	assert_int_equal(owner.n, 0);
	assert_int_equal(client_alert(), alert);
	host_fin(client.host);
	owner_gone(why);
	client_free();
	hosts_reset();
	memset(&owner, 0, sizeof(owner));
}

static void each(void (*f)(bool we_connect, int version))
{
	for (size_t v = 0; v < RTE_DIM(versions); v++) {
		f(true, versions[v]);
		f(false, versions[v]);
	}
}

static void right_one(bool we_connect, int version)
{
	for (uint8_t h = 0; h < FP_HASHES; h++) {
		expect_fingerprint(h, true);
		handshake(we_connect, version);
		expect_open();
	}
}

static void wrong_one(bool we_connect, int version)
{
	for (uint8_t h = 0; h < FP_HASHES; h++) {
		expect_fingerprint(h, false);
		handshake(we_connect, version);
		expect_refused(TCP_END_TLS_FINGERPRINT, SSL_AD_BAD_CERTIFICATE);
	}
	owner.expect.peer = EXPECT_FINGERPRINT; /* none was given: none fits */
	handshake(we_connect, version);
	expect_refused(TCP_END_TLS_FINGERPRINT, SSL_AD_BAD_CERTIFICATE);
}

/* RFC 8122 5: a set of one hash is of several certificates; a weaker hash is not looked at. */
static void several(bool we_connect, int version)
{
	expect_fingerprint(FP_SHA256, false);
	expect_fingerprint(FP_SHA1, false);
	expect_fingerprint(FP_SHA256, true);
	handshake(we_connect, version);
	expect_open();
	expect_fingerprint(FP_SHA1, true);
	expect_fingerprint(FP_SHA256, false);
	handshake(we_connect, version);
	expect_refused(TCP_END_TLS_FINGERPRINT, SSL_AD_BAD_CERTIFICATE);
}

static void fingerprint_right(void **state)
{
	(void)state;
	each(right_one);
}

static void fingerprint_wrong(void **state)
{
	(void)state;
	each(wrong_one);
}

static void fingerprints(void **state)
{
	(void)state;
	each(several);
}

/* ---- no certificate, any certificate ---- */

static int alert_missing(int version)
{
	return version == TLS1_3_VERSION ? SSL_AD_CERTIFICATE_REQUIRED : SSL_AD_HANDSHAKE_FAILURE;
}

/* A client that was asked for one and has none (RFC 8122 6.2). */
static void missing(void **state)
{
	(void)state;
	for (size_t v = 0; v < RTE_DIM(versions); v++) {
		expect_fingerprint(FP_SHA256, true);
		client_new(versions[v]);
		client_run();
		expect_refused(TCP_END_TLS_FINGERPRINT, SSL_AD_BAD_CERTIFICATE);
		owner.expect.peer = EXPECT_ANY;
		client_new(versions[v]);
		client_run();
		expect_refused(TCP_END_TLS_CERT, SSL_AD_BAD_CERTIFICATE);
	}
}

/* client-cert: require asks everybody, and OpenSSL refuses. */
static void domain_requires(void **state)
{
	(void)state;
	tls_world_stop();
	tls_world_config();
	world.conf.domain[0].client_cert = CLIENT_CERT_REQUIRE;
	tls_world_start();
	for (size_t v = 0; v < RTE_DIM(versions); v++) {
		client_new(versions[v]);
		client_run();
		expect_refused(TCP_END_TLS_CERT, alert_missing(versions[v]));
		handshake(false, versions[v]);
		expect_open();
	}
}

/* The owner knows whom it talks to before there is anything to read, whenever that came. */
static void any_one(bool we_connect, int version)
{
	owner.expect.peer = EXPECT_ANY;
	owner.hold = true;
	handshake(we_connect, version);
	assert_int_equal(owner.opened, 1);
	for (uint8_t h = 0; h < FP_HASHES; h++) {
		struct fingerprint f;

		digest_of(h, &f);
		assert_memory_equal(fp_of(&owner.info.peer, h), f.digest, fp_len(h));
	}
	client_write("early", 5);
	assert_int_equal(owner.n, 0);
	owner.hold = false;
	over();
}

static void any(void **state)
{
	(void)state;
	each(any_one);
}

/* ---- tickets ---- */

static SSL_SESSION *kept;

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = s;
	return 1;
}

/* A client that keeps its sessions. */
static void client_keeps(int version)
{
	client_new(version);
	SSL_CTX_set_session_cache_mode(client.tls.ctx,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client.tls.ctx, on_session);
}

/* What a session was begun with is not what this connection expects. */
static void not_resumed(int version)
{
	client_keeps(version);
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_non_null(kept);
	SSL_set_shutdown(client.tls.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	host_rst(client.host);
	client_again();
	assert_int_equal(SSL_set_session(client.tls.ssl, kept), 1);
	client_run();
	assert_true(owner.info.resumed);
	SSL_set_shutdown(client.tls.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	host_rst(client.host);
	client_again();
	expect_fingerprint(FP_SHA256, true);
	assert_int_equal(SSL_set_session(client.tls.ssl, kept), 1);
	client_run();
	expect_refused(TCP_END_TLS_FINGERPRINT, SSL_AD_BAD_CERTIFICATE);
	SSL_SESSION_free(kept);
	kept = NULL;
}

/* Nor may one go on elsewhere that began with a fingerprint. */
static void no_ticket(int version)
{
	expect_fingerprint(FP_SHA256, true);
	client_keeps(version);
	show_certificate();
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_true(!kept || !SSL_SESSION_has_ticket(kept));
	SSL_SESSION_free(kept);
	kept = NULL;
	over();
}

static int tickets_teardown(void **state)
{
	tls_teardown(state);
	memset(&tls_tickets, 0, sizeof(tls_tickets));
	return 0;
}

static void tickets(void **state)
{
	struct ctl_ticket_keys k;

	(void)state;
	tls_world_stop();
	memset(&k, 1, sizeof(k));
	tickets_set(&tls_tickets, &k, 0);
	tls_world_config();
	tls_world_start();
	for (size_t v = 0; v < RTE_DIM(versions); v++) {
		not_resumed(versions[v]);
		no_ticket(versions[v]);
	}
}

/* ---- names ---- */

static void named(const char *name)
{
	snprintf(owner.expect.name, sizeof(owner.expect.name), "%s", name);
	server_open(TLS1_3_VERSION);
}

/* As a client, with the CAs of the domain or without. */
static void names(void)
{
	named("relay.test");
	assert_string_equal(SSL_get_servername(client.tls.ssl, TLSEXT_NAMETYPE_host_name),
			    "relay.test");
	expect_open();
	named("other.test");
	expect_refused(TCP_END_TLS_CERT, SSL_AD_BAD_CERTIFICATE);
	named("10.1.0.2"); /* RFC 6066 3: an address is no host name */
	assert_null(SSL_get_servername(client.tls.ssl, TLSEXT_NAMETYPE_host_name));
	expect_refused(TCP_END_TLS_CERT, SSL_AD_BAD_CERTIFICATE);
	/* A fingerprint says more than a name: it is told, not checked. */
	expect_fingerprint(FP_SHA256, true);
	named("other.test");
	assert_string_equal(SSL_get_servername(client.tls.ssl, TLSEXT_NAMETYPE_host_name),
			    "other.test");
	expect_open();
}

static void names_alone(void **state)
{
	(void)state;
	names();
}

/* The world anew, whose domain asks for certificates of a CA: that of a certificate of ours. */
static void world_under_ca(int certificate)
{
	struct config_domain *d = &world.conf.domain[0];

	tls_world_stop();
	tls_world_config();
	d->client_cert = CLIENT_CERT_ASK;
	snprintf(d->client_ca, sizeof(d->client_ca), "%s",
		 world.conf.certificate[certificate].chain);
	tls_world_start();
}

static void names_under_ca(void **state)
{
	(void)state;
	world_under_ca(0);
	names();
}

/* A chain that leads nowhere is refused by the domain, and no matter to a fingerprint. */
static void foreign_ca(void **state)
{
	(void)state;
	world_under_ca(1);
	named("relay.test");
	expect_refused(TCP_END_TLS_CERT, SSL_AD_UNKNOWN_CA);
	expect_fingerprint(FP_SHA384, true);
	named("relay.test");
	expect_open();
}

/* The CAs that the far end was told of, when it was asked for a certificate. */
static int cas_named(int version)
{
	int n;

	client_new(version);
	show_certificate();
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_true(owner.info.peer_cert);
	n = sk_X509_NAME_num(SSL_get_client_CA_list(client.tls.ssl));
	over();
	return n;
}

/* Where fingerprints decide, the domain's CAs would only keep others from showing theirs. */
static void cas(void **state)
{
	(void)state;
	world_under_ca(0);
	for (size_t v = 0; v < RTE_DIM(versions); v++) {
		assert_int_equal(cas_named(versions[v]), 1);
		expect_fingerprint(FP_SHA256, true);
		assert_true(cas_named(versions[v]) <= 0);
		owner.expect.peer = EXPECT_ANY;
		assert_true(cas_named(versions[v]) <= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tls_test(fingerprint_right),
		tls_test(fingerprint_wrong),
		tls_test(fingerprints),
		tls_test(missing),
		tls_test(domain_requires),
		tls_test(any),
		cmocka_unit_test_setup_teardown(tickets, tls_setup, tickets_teardown),
		tls_test(names_alone),
		tls_test(names_under_ca),
		tls_test(foreign_ca),
		tls_test(cas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
