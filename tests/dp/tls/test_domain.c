/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins TLS domains (R48, R76): which certificate a client gets by the name it sends (RFC 6066 3),
 * by wildcard, by the algorithms it knows and by default; ALPN (RFC 7301 3.2, RFC 7443) and which
 * service ALPN and SNI choose (R2); versions, suites and groups of the domain and of its profiles
 * (R1: 3GPP TS 33.210 6.2); client certificates; tickets that are good in their domain only; the
 * sentence for each thing that can be wrong with a file; what is published; and that a handshake
 * under way outlives the set it began with.
 */
#include "tests/world/unit.h"
#include "tests/world/make_cert.h"

#include "dp/dplane.h"
#include "dp/tls/domain.h"
#include "dp/tls/file.h"
#include "dp/tls/psk.h"
#include "dp/tls/handshake.h"
#include "dp/tls/tickets.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* What other modules do to each context is theirs to test. */
static unsigned handshake_inits, psk_inits;

bool handshake_ctx_init(SSL_CTX *ctx)
{
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	handshake_inits++;
	return true;
}

bool psk_ctx_init(SSL_CTX *ctx)
{
	(void)ctx;
	psk_inits++;
	return true;
}

enum { KEY_RSA, KEY_EC, KEY_EC_2, KEY_CA, KEY_CLIENT, KEYS };

static char dir[] = "/tmp/fl_domain.XXXXXX";
static EVP_PKEY *key[KEYS];
static struct config conf;
static struct dplane dp;
static struct tickets tickets;
static OSSL_LIB_CTX *libctx;
static struct domain_set *set;
static char err[1024];
static uint16_t at_fault;
/* Of the client, for the next handshakes. */
static SSL_CTX *client_ctx;

static int group_setup(void **state)
{
	(void)state;
	key[KEY_RSA] = make_key("RSA:2048");
	key[KEY_EC] = make_key("EC:P-256");
	key[KEY_EC_2] = make_key("EC:P-384");
	key[KEY_CA] = make_key("EC:P-256");
	key[KEY_CLIENT] = make_key("EC:P-256");
	return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
	char cmd[64];

	(void)state;
	for (int i = 0; i < KEYS; i++)
		EVP_PKEY_free(key[i]);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

static const char *path(const char *name)
{
	static char p[64];

	snprintf(p, sizeof(p), "%s/%s", dir, name);
	return p;
}

static int setup(void **state)
{
	(void)state;
	memset(&conf, 0, sizeof(conf));
	memset(&dp, 0, sizeof(dp));
	memset(&tickets, 0, sizeof(tickets));
	handshake_inits = psk_inits = 0;
	snprintf(conf.file, sizeof(conf.file), "f.yaml");
	conf.n_domain = 1;
	snprintf(conf.domain[0].name, sizeof(conf.domain[0].name), "default");
	conf.domain[0].version_max = CONFIG_TLS_1_3;
	conf.domain[0].tickets = true;
	conf.tls.ticket_lifetime = 600;
	dp.conf = &conf;
	dp.tickets = &tickets;
	dp.region_size = CONFIG_CERTIFICATES_MAX * sizeof(struct ctl_cert_info);
	dp.region = aligned_alloc(64, dp.region_size);
	memset(dp.region, 0, dp.region_size);
	libctx = OSSL_LIB_CTX_new();
	client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(client_ctx, SSL_VERIFY_NONE, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	domains_free(set);
	set = NULL;
	SSL_CTX_free(client_ctx);
	OSSL_LIB_CTX_free(libctx);
	free(dp.region);
	return 0;
}

/* ---- the configuration ---- */

/* Entry n of certificates, in domain d: files made from key and spec. */
static struct config_certificate *certificate(uint16_t d, int k, const struct cert_spec *s)
{
	struct config_certificate *c = &conf.certificate[conf.n_certificate];
	X509 *x = make_cert(s, key[k], NULL, NULL);

	snprintf(c->chain, sizeof(c->chain), "%s/%u.pem", dir, conf.n_certificate);
	snprintf(c->key, sizeof(c->key), "%s/%u.key", dir, conf.n_certificate);
	c->domain_index = d;
	c->chain_line = 100u + conf.n_certificate;
	c->key_line = 200u + conf.n_certificate;
	write_certs(c->chain, &x, 1);
	write_key(c->key, key[k], NULL);
	X509_free(x);
	conf.n_certificate++;
	return c;
}

static struct config_certificate *simple(int k, const char *cn, const char *names)
{
	struct cert_spec s = { .cn = cn, .names = names };

	return certificate(0, k, &s);
}

static struct domain_set *create_from(struct tls_files *files)
{
	struct tls_files *own = files ? NULL : files_create();
	struct domain_set *d =
	    domains_create(&dp, NULL, libctx, files ? files : own, &at_fault, err, sizeof(err));

	files_free(own);
	return d;
}

static void create(void)
{
	set = create_from(NULL);
	if (!set)
		fail_msg("%s", err);
}

/* what: after the files' directory, which %s stands for. */
static void expect_fail(uint16_t cert, const char *what)
{
	char sentence[512];

	snprintf(sentence, sizeof(sentence), what, dir, dir);
	err[0] = '\0';
	assert_null(create_from(NULL));
	assert_string_equal(err, sentence);
	assert_int_equal(at_fault, cert);
	assert_int_equal(ERR_peek_error(), 0); /* nothing that a handshake would take for its own */
}

/* ---- handshakes ---- */

struct pair {
	SSL *client, *server;
};

static struct pair pair_make(uint16_t domain, const char *name)
{
	struct pair p = { SSL_new(client_ctx), domain_ssl(set, domain, false, NULL) };
	BIO *a, *b;

	assert_non_null(p.server);
	assert_int_equal(BIO_new_bio_pair(&a, 1 << 16, &b, 1 << 16), 1);
	SSL_set_bio(p.client, a, a);
	SSL_set_bio(p.server, b, b);
	SSL_set_connect_state(p.client);
	if (name)
		SSL_set_tlsext_host_name(p.client, name);
	return p;
}

/* Until both are done, or one has failed. */
static bool handshake(struct pair *p)
{
	int c = -1, s = -1;

	for (int i = 0; i < 20 && (c != 1 || s != 1); i++) {
		c = SSL_do_handshake(p->client);
		if (c != 1 && SSL_get_error(p->client, c) != SSL_ERROR_WANT_READ)
			return false;
		s = SSL_do_handshake(p->server);
		if (s != 1 && SSL_get_error(p->server, s) != SSL_ERROR_WANT_READ) {
			SSL_do_handshake(p->client); /* it hears the alert */
			return false;
		}
	}
	return c == 1 && s == 1;
}

static void pair_free(struct pair *p)
{
	SSL_free(p->client);
	SSL_free(p->server);
	ERR_clear_error();
}

/* CN of what the server shows to a client that names it so. */
static const char *shown(const char *name)
{
	static char cn[64];
	struct pair p = pair_make(0, name);
	const ASN1_STRING *s;
	X509 *x;

	if (!handshake(&p))
		fail_msg("handshake with %s: %s", name ? name : "no name",
			 ERR_reason_error_string(ERR_peek_error()));
	x = SSL_get1_peer_certificate(p.client);
	assert_non_null(x);
	s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(X509_get_subject_name(x), 0));
	snprintf(cn, sizeof(cn), "%.*s", ASN1_STRING_length(s), ASN1_STRING_get0_data(s));
	X509_free(x);
	pair_free(&p);
	return cn;
}

/* ---- names ---- */

static void sni_chooses(void **state)
{
	(void)state;
	simple(KEY_EC, "first", "DNS:first.example,DNS:other.example");
	simple(KEY_EC, "wild", "DNS:*.example.org");
	simple(KEY_EC, "exact", "DNS:turn.example.org,DNS:UPPER.example.net");
	create();
	assert_string_equal(shown("first.example"), "first");
	assert_string_equal(shown("other.example"), "first");
	assert_string_equal(shown("x.example.org"), "wild");
	assert_string_equal(shown("turn.example.org"), "exact");
	/* Letters of either case, on either side. */
	assert_string_equal(shown("TURN.Example.ORG"), "exact");
	assert_string_equal(shown("upper.example.net"), "exact");
	/* One label, not none, not two; and unknown ones get the first, without an alert. */
	assert_string_equal(shown("example.org"), "first");
	assert_string_equal(shown("a.b.example.org"), "first");
	assert_string_equal(shown("*.example.org"), "wild");
	assert_string_equal(shown("unknown.example"), "first");
	assert_string_equal(shown(NULL), "first");
}

/* The client takes signatures of these algorithms only. */
static const char *shown_to(const char *name, const char *algorithms, int version)
{
	SSL_CTX_set1_sigalgs_list(client_ctx, algorithms);
	SSL_CTX_set_max_proto_version(client_ctx, version);
	SSL_CTX_set_cipher_list(client_ctx, strstr(algorithms, "RSA") ? "aRSA" : "aECDSA");
	return shown(name);
}

static void kinds_of_one_name_stand_together(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	simple(KEY_EC, "ec", "DNS:a.example,DNS:*.example.org");
	simple(KEY_RSA, "rsa", "DNS:b.example,DNS:a.example,DNS:x.example.org");
	simple(KEY_EC_2, "ec2", "DNS:a.example,DNS:b.example");
	create();
	for (int i = 0; i < 2; i++) {
		/* Of one kind the first in the configuration. */
		assert_string_equal(shown_to("a.example", "ECDSA+SHA256", versions[i]), "ec");
		assert_string_equal(shown_to("a.example", "RSA-PSS+SHA256", versions[i]), "rsa");
		assert_string_equal(shown_to("b.example", "ECDSA+SHA384:ECDSA+SHA256", versions[i]),
				    "ec2");
		assert_string_equal(shown_to("b.example", "RSA-PSS+SHA256", versions[i]), "rsa");
		/* An exact name beside a wildcard. */
		assert_string_equal(shown_to("x.example.org", "RSA-PSS+SHA256", versions[i]),
				    "rsa");
		assert_string_equal(shown_to("x.example.org", "ECDSA+SHA256", versions[i]), "ec");
		/* Those without a name get what shares one with the first. */
		assert_string_equal(shown_to(NULL, "RSA-PSS+SHA256", versions[i]), "rsa");
		assert_string_equal(shown_to("no.example", "ECDSA+SHA256", versions[i]), "ec");
	}
}

static void names_come_from_the_certificate(void **state)
{
	struct config_certificate *c;

	(void)state;
	simple(KEY_EC, "first.example", NULL);
	simple(KEY_EC, "cn.example", NULL);
	/* CN counts only where there are no dNSNames (RFC 6125 6.4.4). */
	simple(KEY_EC, "hidden.example", "DNS:san.example,IP:10.0.0.1");
	c = simple(KEY_EC, "own.example", "DNS:own2.example");
	snprintf(c->name[0], sizeof(c->name[0]), "Configured.example");
	c->n_name = 1;
	create();
	assert_string_equal(shown("cn.example"), "cn.example");
	assert_string_equal(shown("hidden.example"), "first.example");
	assert_string_equal(shown("san.example"), "hidden.example");
	assert_string_equal(shown("configured.example"), "own.example");
	assert_string_equal(shown("own2.example"), "first.example");
}

static void chain_is_sent(void **state)
{
	struct cert_spec ca = { .cn = "root", .ca = 1 }, sub = { .cn = "sub", .ca = 1 },
			 leaf = { .cn = "leaf", .names = "DNS:leaf.example" };
	X509 *root = make_cert(&ca, key[KEY_CA], NULL, NULL);
	X509 *x[2];
	struct pair p;

	(void)state;
	x[1] = make_cert(&sub, key[KEY_EC_2], root, key[KEY_CA]);
	x[0] = make_cert(&leaf, key[KEY_EC], x[1], key[KEY_EC_2]);
	simple(KEY_EC, "x", NULL);
	write_certs(conf.certificate[0].chain, x, 2);
	create();
	X509_STORE_add_cert(SSL_CTX_get_cert_store(client_ctx), root);
	SSL_CTX_set_verify(client_ctx, SSL_VERIFY_PEER, NULL);
	p = pair_make(0, "leaf.example");
	X509_VERIFY_PARAM_set1_host(SSL_get0_param(p.client), "leaf.example", 0);
	assert_true(handshake(&p));
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(p.client)), 2);
	pair_free(&p);
	X509_free(root);
	X509_free(x[0]);
	X509_free(x[1]);
}

/* ---- services ---- */

static struct config_service *service(const char *alpn, const char *host)
{
	struct config_service *s = &conf.service[conf.n_service++];

	s->id = (uint16_t)(s - conf.service);
	s->domain_index = CONFIG_DOMAINS_MAX;
	if (alpn)
		snprintf(s->alpn[s->n_alpn++], sizeof(s->alpn[0]), "%s", alpn);
	if (host)
		snprintf(s->host[s->n_host++], sizeof(s->host[0]), "%s", host);
	return s;
}

enum { REFUSED = 1 << 16 };

/* offer: names with their lengths in front; returns what domain_service() says, or REFUSED. */
static int served(uint16_t domain, const char *name, const char *offer, const char *agreed)
{
	struct pair p = pair_make(domain, name);
	const unsigned char *got;
	unsigned len;
	int r = REFUSED;

	SSL_set_alpn_protos(p.client, (const unsigned char *)offer, (unsigned)strlen(offer));
	if (handshake(&p)) {
		SSL_get0_alpn_selected(p.client, &got, &len);
		assert_int_equal(len, strlen(agreed));
		assert_memory_equal(got, agreed, len);
		r = domain_service(set, domain, p.server);
	} else {
		assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
				 SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL);
	}
	pair_free(&p);
	return r;
}

static void alpn_and_host_choose_the_service(void **state)
{
	(void)state;
	conf.n_domain = 2;
	snprintf(conf.domain[1].name, sizeof(conf.domain[1].name), "other");
	conf.domain[1].version_max = CONFIG_TLS_1_3;
	certificate(0, KEY_EC, &(struct cert_spec){ .cn = "a.example" });
	certificate(1, KEY_EC, &(struct cert_spec){ .cn = "b.example" });
	service("sip", "sip.example");
	service(NULL, "*.web.example");
	service("only-1", "one.example")->domain_index = 1;
	create();
	assert_int_equal(served(0, NULL, "", ""), SERVICE_NONE);
	assert_int_equal(served(0, NULL, "\x09stun.turn", "stun.turn"), SERVICE_TURN);
	assert_int_equal(served(0, NULL, "\x12stun.nat-discovery", "stun.nat-discovery"),
			 SERVICE_TURN);
	assert_int_equal(served(0, NULL, "\x03sip", "sip"), 0);
	/* Ours is the order, not the client's. */
	assert_int_equal(served(0, NULL, "\x02h2\x03sip\x09stun.turn", "stun.turn"), SERVICE_TURN);
	assert_int_equal(served(0, NULL, "\x02h2\x03sip", "sip"), 0);
	/* Nothing in common (RFC 7301 3.2); part of a name is none. */
	assert_int_equal(served(0, NULL, "\x02h2\x08http/1.1", ""), REFUSED);
	assert_int_equal(served(0, NULL, "\x04stun", ""), REFUSED);
	/* By name; ALPN wins. */
	assert_int_equal(served(0, "SIP.example", "", ""), 0);
	assert_int_equal(served(0, "sip.example", "\x09stun.turn", "stun.turn"), SERVICE_TURN);
	assert_int_equal(served(0, "a.web.example", "", ""), 1);
	assert_int_equal(served(0, "a.b.web.example", "", ""), SERVICE_NONE);
	assert_int_equal(served(0, "web.example", "", ""), SERVICE_NONE);
	/* A service without protocols of its own: what is offered is not ours to judge. */
	assert_int_equal(served(0, "a.web.example", "\x02h2", ""), 1);
	assert_int_equal(served(0, "sip.example", "\x02h2", ""), REFUSED);
	/* A service of another domain is not there. */
	assert_int_equal(served(0, "one.example", "", ""), SERVICE_NONE);
	assert_int_equal(served(0, NULL, "\x06only-1", ""), REFUSED);
	assert_int_equal(served(1, NULL, "\x06only-1", "only-1"), 2);
	assert_int_equal(served(1, "one.example", "", ""), 2);
}

/* What is agreed on with a client of a listener that has this service; NULL: it is refused. */
static const char *agreed_with(uint16_t s, const char *name, const char *offer)
{
	struct handshake shake = { .expect = { .has_service = true, .service = s } };
	struct pair p = pair_make(0, name);
	static char agreed[64];
	const unsigned char *got;
	unsigned len;
	bool done;

	SSL_set_app_data(p.server, &shake);
	SSL_set_alpn_protos(p.client, (const unsigned char *)offer, (unsigned)strlen(offer));
	done = handshake(&p);
	if (done) {
		SSL_get0_alpn_selected(p.client, &got, &len);
		snprintf(agreed, sizeof(agreed), "%.*s", (int)len, (const char *)got);
		assert_int_equal(domain_service(set, 0, p.server), s);
	} else {
		assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
				 SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL);
	}
	pair_free(&p);
	return done ? agreed : NULL;
}

/* Nothing that another service speaks, nor TURN, is agreed on for a connection to it. */
static void a_listeners_service_speaks_for_itself(void **state)
{
	(void)state;
	certificate(0, KEY_EC, &(struct cert_spec){ .cn = "a.example" });
	service("sip", "sip.example");
	service(NULL, NULL);
	snprintf(service("h2", NULL)->alpn[1], sizeof(conf.service[0].alpn[0]), "http/1.1");
	conf.service[2].n_alpn = 2;
	create();
	/* One that lists no protocols: what is offered is between the client and the back end. */
	assert_string_equal(agreed_with(1, NULL, ""), "");
	assert_string_equal(agreed_with(1, NULL, "\x08http/1.1"), "");
	assert_string_equal(agreed_with(1, NULL, "\x05other"), "");
	assert_string_equal(agreed_with(1, "sip.example", "\x03sip\x09stun.turn"), "");
	assert_string_equal(agreed_with(2, NULL, ""), "");
	assert_string_equal(agreed_with(2, NULL, "\x08http/1.1"), "http/1.1");
	assert_string_equal(agreed_with(2, NULL, "\x08http/1.1\x02h2"), "h2");
	assert_string_equal(agreed_with(2, NULL, "\x09stun.turn\x03sip\x02h2"), "h2");
	assert_null(agreed_with(2, "sip.example", "\x03sip"));
	assert_null(agreed_with(2, NULL, "\x09stun.turn"));
	assert_null(agreed_with(2, NULL, "\x01h"));
}

/* ---- what is offered ---- */

static const char *suites_of(uint16_t domain)
{
	static char list[1024];
	SSL *ssl = domain_ssl(set, domain, false, NULL);
	STACK_OF(SSL_CIPHER) *s = SSL_get1_supported_ciphers(ssl);
	size_t at = 0;

	list[0] = '\0';
	for (int i = 0; i < sk_SSL_CIPHER_num(s); i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ":" : "",
				       SSL_CIPHER_get_name(sk_SSL_CIPHER_value(s, i)));
	sk_SSL_CIPHER_free(s);
	SSL_free(ssl);
	return list;
}

static bool accepts(int min, int max, const char *groups, const char *suites)
{
	struct pair p = pair_make(0, NULL);
	bool ok;

	SSL_set_security_level(p.client, 0);
	SSL_set_min_proto_version(p.client, min);
	SSL_set_max_proto_version(p.client, max);
	if (groups)
		SSL_set1_groups_list(p.client, groups);
	if (suites)
		SSL_set_cipher_list(p.client, suites);
	ok = handshake(&p);
	pair_free(&p);
	return ok;
}

static void profile_modern(void **state)
{
	(void)state;
	simple(KEY_RSA, "rsa", NULL);
	create();
	assert_string_equal(suites_of(0),
			    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
			    "TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:"
			    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
			    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
			    "ECDHE-RSA-CHACHA20-POLY1305");
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		assert_true(accepts(v, v, "X25519", NULL));
		assert_true(accepts(v, v, "P-256", NULL));
		assert_true(accepts(v, v, "P-384", NULL));
		assert_false(accepts(v, v, "P-521", NULL));
	}
	/* No CBC, no RSA key transport, no DHE, nothing older. */
	assert_false(accepts(TLS1_2_VERSION, TLS1_2_VERSION, NULL, "ECDHE-RSA-AES128-SHA256"));
	assert_false(accepts(TLS1_2_VERSION, TLS1_2_VERSION, NULL, "AES128-GCM-SHA256"));
	assert_false(accepts(TLS1_2_VERSION, TLS1_2_VERSION, NULL, "DHE-RSA-AES128-GCM-SHA256"));
	assert_false(accepts(TLS1_VERSION, TLS1_1_VERSION, NULL, NULL));
}

static void profile_ts33210(void **state)
{
	(void)state;
	simple(KEY_RSA, "rsa", NULL);
	conf.domain[0].profile = PROFILE_TS33210;
	create();
	assert_string_equal(suites_of(0),
			    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
			    "TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:"
			    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
			    "ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:"
			    "DHE-RSA-AES256-GCM-SHA384");
	assert_true(accepts(TLS1_2_VERSION, TLS1_2_VERSION, NULL, "DHE-RSA-AES128-GCM-SHA256"));
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		assert_true(accepts(v, v, "P-256", NULL));
		assert_true(accepts(v, v, "P-384", NULL));
	}
	assert_false(accepts(TLS1_2_VERSION, TLS1_2_VERSION, NULL, "ECDHE-RSA-AES128-SHA256"));
	assert_false(accepts(TLS1_2_VERSION, TLS1_2_VERSION, NULL, "AES128-GCM-SHA256"));
	assert_false(accepts(TLS1_VERSION, TLS1_1_VERSION, NULL, NULL));
}

static void lists_replace_the_profile(void **state)
{
	struct config_domain *d = &conf.domain[0];

	(void)state;
	simple(KEY_RSA, "rsa", NULL);
	snprintf(d->suite[0], sizeof(d->suite[0]), "ECDHE-RSA-AES256-GCM-SHA384");
	snprintf(d->suite[1], sizeof(d->suite[1]), "TLS_AES_256_GCM_SHA384");
	snprintf(d->suite[2], sizeof(d->suite[2]), "TLS_AES_128_GCM_SHA256");
	d->n_suite = 3;
	snprintf(d->group[0], sizeof(d->group[0]), "P-521");
	d->n_group = 1;
	create();
	assert_string_equal(suites_of(0), "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:"
					  "ECDHE-RSA-AES256-GCM-SHA384");
	assert_true(accepts(TLS1_3_VERSION, TLS1_3_VERSION, "P-521", NULL));
	assert_false(accepts(TLS1_3_VERSION, TLS1_3_VERSION, "P-256", NULL));
	domains_free(set);
	d->n_group = 0;
	d->version_min = CONFIG_TLS_1_3;
	create();
	assert_true(accepts(TLS1_3_VERSION, TLS1_3_VERSION, NULL, NULL));
	assert_false(accepts(TLS1_2_VERSION, TLS1_2_VERSION, NULL, NULL));
	domains_free(set);
	d->version_min = d->version_max = CONFIG_TLS_1_2;
	create();
	assert_false(accepts(TLS1_3_VERSION, TLS1_3_VERSION, NULL, NULL));
	assert_true(accepts(TLS1_2_VERSION, TLS1_2_VERSION, NULL, NULL));
}

static void order_is_ours_but_for_chacha(void **state)
{
	struct pair p;

	(void)state;
	simple(KEY_RSA, "rsa", NULL);
	create();
	SSL_CTX_set_ciphersuites(client_ctx, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
					     "TLS_AES_128_GCM_SHA256");
	p = pair_make(0, NULL);
	assert_true(handshake(&p));
	assert_string_equal(SSL_get_cipher_name(p.server), "TLS_AES_128_GCM_SHA256");
	pair_free(&p);
	/* Whoever puts it first has no AES instructions. */
	SSL_CTX_set_ciphersuites(client_ctx, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256");
	p = pair_make(0, NULL);
	assert_true(handshake(&p));
	assert_string_equal(SSL_get_cipher_name(p.server), "TLS_CHACHA20_POLY1305_SHA256");
	pair_free(&p);
}

static void wrong_lists_are_errors(void **state)
{
	struct config_domain *d = &conf.domain[0];

	(void)state;
	simple(KEY_EC, "ec", NULL);
	d->suite_line = 7;
	d->group_line = 8;
	snprintf(d->suite[0], sizeof(d->suite[0]), "TLS_AES_128_GCM_SHA256");
	snprintf(d->suite[1], sizeof(d->suite[1]), "ECDHE-RSA-AES128-SHA256");
	d->n_suite = 2;
	expect_fail(CONFIG_CERTIFICATES_MAX,
		    "f.yaml:7: tls-domains[0].suites: ECDHE-RSA-AES128-SHA256 is no AES-GCM or "
		    "ChaCha20-Poly1305 suite by OpenSSL's name");
	d->n_suite = 1;
	expect_fail(CONFIG_CERTIFICATES_MAX,
		    "f.yaml:7: tls-domains[0].suites: has none of TLS 1.2, which version-min and "
		    "version-max ask for");
	snprintf(d->suite[0], sizeof(d->suite[0]), "ECDHE-RSA-AES128-GCM-SHA256");
	expect_fail(CONFIG_CERTIFICATES_MAX,
		    "f.yaml:7: tls-domains[0].suites: has none of TLS 1.3, which version-min and "
		    "version-max ask for");
	d->n_suite = 0;
	snprintf(d->group[0], sizeof(d->group[0]), "P-256");
	snprintf(d->group[1], sizeof(d->group[1]), "P-255");
	d->n_group = 2;
	expect_fail(CONFIG_CERTIFICATES_MAX,
		    "f.yaml:8: tls-domains[0].groups: P-255 is no group that OpenSSL knows");
	snprintf(d->group[1], sizeof(d->group[1]), "P-256");
	expect_fail(CONFIG_CERTIFICATES_MAX,
		    "f.yaml:8: tls-domains[0].groups: P-256 is there twice");
}

/* ---- clients' certificates ---- */

/* The client shows this one from now on; NULL: none. */
static void client_shows(const struct cert_spec *s, EVP_PKEY *k, X509 *issuer, EVP_PKEY *by)
{
	X509 *x = make_cert(s, k, issuer, by);

	SSL_CTX_set_security_level(client_ctx, 0);
	assert_int_equal(SSL_CTX_use_certificate(client_ctx, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(client_ctx, k), 1);
	X509_free(x);
}

/* One that shows nothing yet. */
static void client_fresh(int version)
{
	SSL_CTX_free(client_ctx);
	client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(client_ctx, version);
}

/* Whether the server lets it in; *shown: it has the client's certificate. */
static bool let_in(const char *name, bool *has)
{
	struct pair p = pair_make(0, name);
	bool ok = handshake(&p);

	*has = SSL_get0_peer_certificate(p.server) != NULL;
	pair_free(&p);
	return ok;
}

static void client_certificate_without_ca(void **state)
{
	struct cert_spec self = { .cn = "phone" };
	EVP_PKEY *weak = make_key("RSA:1024");
	bool has;

	(void)state;
	simple(KEY_EC, "a", "DNS:a.example");
	simple(KEY_EC, "b", "DNS:b.example");
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		client_fresh(v);
		for (int policy = CLIENT_CERT_NONE; policy <= CLIENT_CERT_REQUIRE; policy++) {
			domains_free(set);
			conf.domain[0].client_cert = (enum config_client_cert)policy;
			create();
			/* Whatever name leads to whatever context. */
			assert_int_equal(let_in(NULL, &has), policy != CLIENT_CERT_REQUIRE);
			assert_int_equal(let_in("b.example", &has), policy != CLIENT_CERT_REQUIRE);
			assert_false(has);
		}
		client_shows(&self, key[KEY_CLIENT], NULL, NULL);
		assert_true(let_in("b.example", &has));
		assert_true(has);
		/* A fingerprint says nothing about whoever has broken the key. */
		client_fresh(v);
		client_shows(&self, weak, NULL, NULL);
		assert_false(let_in("b.example", &has));
		domains_free(set);
		conf.domain[0].client_cert = CLIENT_CERT_NONE;
		create();
		assert_true(let_in(NULL, &has));
		assert_false(has);
	}
	EVP_PKEY_free(weak);
}

static void client_certificate_of_a_ca(void **state)
{
	struct cert_spec ca = { .cn = "ca", .ca = 1 }, phone = { .cn = "phone" };
	X509 *root = make_cert(&ca, key[KEY_CA], NULL, NULL);
	X509 *sub = make_cert(&ca, key[KEY_EC_2], root, key[KEY_CA]);
	bool has;

	(void)state;
	simple(KEY_EC, "a", NULL);
	snprintf(conf.domain[0].client_ca, sizeof(conf.domain[0].client_ca), "%s", path("ca.pem"));
	/* It is a CA below another one, and trusted for that. */
	write_certs(path("ca.pem"), &sub, 1);
	conf.domain[0].client_cert = CLIENT_CERT_ASK;
	create();
	assert_true(let_in(NULL, &has));
	assert_false(has);
	client_shows(&phone, key[KEY_CLIENT], sub, key[KEY_EC_2]);
	assert_true(let_in(NULL, &has));
	assert_true(has);
	client_shows(&phone, key[KEY_CLIENT], NULL, NULL);
	assert_false(let_in(NULL, &has));
	client_shows(&phone, key[KEY_CLIENT], root, key[KEY_CA]);
	assert_false(let_in(NULL, &has));
	X509_free(root);
	X509_free(sub);
}

/* Our role as a client: the same CAs are those of servers. */
static bool we_connect(SSL_CTX *server, const char *name)
{
	static struct handshake s;
	struct pair p = { domain_ssl(set, 0, true, &s), SSL_new(server) };
	BIO *a, *b;
	bool ok;

	assert_int_equal(BIO_new_bio_pair(&a, 1 << 16, &b, 1 << 16), 1);
	SSL_set_bio(p.client, a, a);
	SSL_set_bio(p.server, b, b);
	SSL_set_accept_state(p.server);
	snprintf(s.expect.name, sizeof(s.expect.name), "%s", name ? name : "");
	assert_true(expect_use(&s.expect, p.client, true));
	ok = handshake(&p);
	pair_free(&p);
	return ok;
}

static void as_client_we_verify(void **state)
{
	struct cert_spec ca = { .cn = "ca", .ca = 1 },
			 host = { .cn = "x", .names = "DNS:core.example" };
	X509 *root = make_cert(&ca, key[KEY_CA], NULL, NULL);
	X509 *good = make_cert(&host, key[KEY_EC], root, key[KEY_CA]);
	X509 *self = make_cert(&host, key[KEY_EC], NULL, NULL);
	SSL_CTX *server = SSL_CTX_new(TLS_server_method());

	(void)state;
	simple(KEY_EC, "a", NULL);
	create();
	/* Without CAs by name at most. */
	SSL_CTX_use_certificate(server, self);
	SSL_CTX_use_PrivateKey(server, key[KEY_EC]);
	assert_true(we_connect(server, NULL));
	assert_true(we_connect(server, "core.example"));
	assert_false(we_connect(server, "other.example"));
	domains_free(set);
	conf.domain[0].client_cert = CLIENT_CERT_ASK;
	snprintf(conf.domain[0].client_ca, sizeof(conf.domain[0].client_ca), "%s", path("ca.pem"));
	write_certs(path("ca.pem"), &root, 1);
	create();
	assert_false(we_connect(server, NULL));
	SSL_CTX_use_certificate(server, good);
	SSL_CTX_use_PrivateKey(server, key[KEY_EC]);
	assert_true(we_connect(server, "core.example"));
	assert_false(we_connect(server, "other.example"));
	SSL_CTX_free(server);
	X509_free(root);
	X509_free(good);
	X509_free(self);
}

/* ---- resumption ---- */

static void tickets_fill(void)
{
	struct ctl_ticket_keys k;

	memset(&k, 'k', sizeof(k));
	tickets_set(&tickets, &k, 0);
}

/* A full handshake, and the session the server's ticket makes of it; NULL: no ticket came. */
static SSL_SESSION *session_as(uint16_t domain, const char *name)
{
	struct pair p = pair_make(domain, name);
	SSL_SESSION *s;
	char byte;

	assert_true(handshake(&p));
	SSL_read(p.client, &byte, 1); /* TLS 1.3 sends tickets after Finished */
	s = SSL_get1_session(p.client);
	if (!SSL_SESSION_has_ticket(s)) {
		SSL_SESSION_free(s);
		s = NULL;
	}
	SSL_shutdown(p.client); /* else it is no session to resume */
	pair_free(&p);
	return s;
}

static SSL_SESSION *session_from(uint16_t domain)
{
	return session_as(domain, NULL);
}

static bool resumes(uint16_t domain, SSL_SESSION *s)
{
	struct pair p = pair_make(domain, NULL);
	bool hit;

	SSL_set_session(p.client, s);
	assert_true(handshake(&p));
	hit = SSL_session_reused(p.server);
	pair_free(&p);
	return hit;
}

static bool resumes_as(const char *name, SSL_SESSION *s)
{
	struct pair p = pair_make(0, name);
	bool hit;

	SSL_set_session(p.client, s);
	assert_true(handshake(&p));
	hit = SSL_session_reused(p.server);
	pair_free(&p);
	return hit;
}

/* RFC 6066 3: a session is of the name it was made with. */
static void tickets_are_of_one_name(void **state)
{
	const char *const names[] = { "a.test", "b.test", "stranger.test", NULL };

	(void)state;
	certificate(0, KEY_EC, &(struct cert_spec){ .cn = "a", .names = "DNS:a.test" });
	certificate(0, KEY_EC, &(struct cert_spec){ .cn = "b", .names = "DNS:b.test" });
	tickets_fill();
	create();
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		SSL_CTX_set_max_proto_version(client_ctx, v);
		for (size_t i = 0; i < 4; i++) {
			for (size_t j = 0; j < 4; j++) {
				SSL_SESSION *s = session_as(0, names[i]);
				bool strangers = i >= 2 && j >= 2;

				assert_non_null(s);
				/* OpenSSL's client keeps to the name itself with TLS 1.3 */
				if (v == TLS1_2_VERSION || i == j)
					assert_int_equal(resumes_as(names[j], s),
							 i == j || strangers);
				SSL_SESSION_free(s);
			}
		}
	}
}

static void tickets_are_of_one_domain(void **state)
{
	(void)state;
	conf.n_domain = 3;
	conf.domain[1] = conf.domain[2] = conf.domain[0];
	snprintf(conf.domain[1].name, sizeof(conf.domain[1].name), "other");
	snprintf(conf.domain[2].name, sizeof(conf.domain[2].name), "none");
	conf.domain[2].tickets = false;
	for (uint16_t i = 0; i < 3; i++)
		certificate(i, KEY_EC, &(struct cert_spec){ .cn = "a" });
	tickets_fill();
	create();
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		SSL_SESSION *s;

		SSL_CTX_set_max_proto_version(client_ctx, v);
		s = session_from(0);
		assert_non_null(s);
		assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(s), 600);
		assert_true(resumes(0, s));
		SSL_SESSION_free(s);
		s = session_from(0);
		assert_false(resumes(1, s));
		SSL_SESSION_free(s);
		s = session_from(0);
		assert_false(resumes(2, s));
		SSL_SESSION_free(s);
	}
	SSL_CTX_set_max_proto_version(client_ctx, TLS1_2_VERSION);
	assert_null(session_from(2));
}

/* ---- what can be wrong with files ---- */

/*
 * A session goes on without a certificate: one that began when others were let in, or none was
 * asked for, does not. What stays as it was leaves sessions as they were.
 */
static void tickets_are_of_one_policy(void **state)
{
	struct cert_spec ca = { .cn = "ca", .ca = 1 }, phone = { .cn = "phone" };
	X509 *root[] = { make_cert(&ca, key[KEY_CA], NULL, NULL),
			 make_cert(&ca, key[KEY_EC_2], NULL, NULL) };
	SSL_SESSION *asked, *s;

	(void)state;
	simple(KEY_EC, "a", NULL);
	tickets_fill();
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		client_fresh(v);
		client_shows(&phone, key[KEY_CLIENT], root[0], key[KEY_CA]);
		conf.domain[0].client_cert = CLIENT_CERT_ASK;
		conf.domain[0].client_ca[0] = '\0';
		create();
		asked = session_from(0);
		assert_true(resumes(0, asked));
		domains_free(set);
		snprintf(conf.domain[0].client_ca, sizeof(conf.domain[0].client_ca), "%s",
			 path("ca.pem"));
		write_certs(path("ca.pem"), root, 1);
		create();
		assert_false(resumes(0, asked));
		s = session_from(0);
		domains_free(set);
		create();
		assert_true(resumes(0, s));
		domains_free(set);
		conf.domain[0].client_cert = CLIENT_CERT_REQUIRE;
		create();
		assert_false(resumes(0, s));
		SSL_SESSION_free(s);
		s = session_from(0);
		domains_free(set);
		write_certs(path("ca.pem"), root, 2);
		create();
		assert_false(resumes(0, s));
		SSL_SESSION_free(s);
		SSL_SESSION_free(asked);
		domains_free(set);
		set = NULL;
	}
	X509_free(root[0]);
	X509_free(root[1]);
}

/* A second crypto thread has what the first has, whatever became of the files meanwhile. */
static void files_are_read_once(void **state)
{
	struct cert_spec other = { .cn = "other" };
	struct tls_files *files = files_create();
	struct domain_set *first;
	X509 *x = make_cert(&other, key[KEY_EC_2], NULL, NULL);

	(void)state;
	simple(KEY_EC, "a", NULL);
	first = create_from(files);
	assert_non_null(first);
	write_certs(conf.certificate[0].chain, &x, 1);
	set = create_from(files);
	assert_non_null(set);
	assert_string_equal(shown(NULL), "a");
	files_free(files);
	domains_free(first);
	/* And the next time they are read again: the certificate is not the key's any more. */
	assert_null(create_from(NULL));
	X509_free(x);
}

static void broken_files_are_named(void **state)
{
	struct config_certificate *c;
	EVP_PKEY *small = make_key("RSA:1024"), *p224 = make_key("EC:P-224");
	struct cert_spec spec = { .cn = "x" };
	X509 *x;

	(void)state;
	simple(KEY_EC, "fine", NULL);
	c = simple(KEY_EC, "x", NULL);
	unlink(c->chain);
	expect_fail(1,
		    "f.yaml:101: certificates[1].chain: %s/1.pem: cannot be read: No such file or "
		    "directory");
	snprintf(c->chain, sizeof(c->chain), "%s", dir);
	expect_fail(1,
		    "f.yaml:101: certificates[1].chain: %s: is no file of at most 1048576 bytes");
	snprintf(c->chain, sizeof(c->chain), "%s", path("1.pem"));
	write_text(c->chain, "not PEM\n");
	expect_fail(1,
		    "f.yaml:101: certificates[1].chain: %s/1.pem: has no certificate in it; PEM is "
		    "needed");
	write_text(c->chain, "");
	expect_fail(1,
		    "f.yaml:101: certificates[1].chain: %s/1.pem: has no certificate in it; PEM is "
		    "needed");
	write_text(c->chain, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
	expect_fail(1,
		    "f.yaml:101: certificates[1].chain: %s/1.pem: certificate 1 in it is broken");

	x = make_cert(&spec, key[KEY_EC], NULL, NULL);
	write_certs(c->chain, &x, 1);
	unlink(c->key);
	expect_fail(1, "f.yaml:201: certificates[1].key: %s/1.key: cannot be read: No such file or "
		       "directory");
	write_text(c->key, "nothing\n");
	expect_fail(1,
		    "f.yaml:201: certificates[1].key: %s/1.key: has no private key in it; PEM is "
		    "needed");
	write_key(c->key, key[KEY_EC], "secret");
	expect_fail(1, "f.yaml:201: certificates[1].key: %s/1.key: is encrypted; a key without "
		       "passphrase is needed");
	write_key(c->key, key[KEY_EC_2], NULL);
	expect_fail(1,
		    "f.yaml:201: certificates[1].key: %s/1.key: is not the key of the certificate "
		    "in %s/1.pem");
	X509_free(x);

	x = make_cert(&spec, small, NULL, NULL);
	write_certs(c->chain, &x, 1);
	write_key(c->key, small, NULL);
	expect_fail(1,
		    "f.yaml:101: certificates[1].chain: %s/1.pem: its RSA key has 1024 bits, and "
		    "2048 are needed");
	X509_free(x);
	x = make_cert(&spec, p224, NULL, NULL);
	write_certs(c->chain, &x, 1);
	write_key(c->key, p224, NULL);
	expect_fail(1,
		    "f.yaml:101: certificates[1].chain: %s/1.pem: its EC key has 224 bits, and 256 "
		    "are needed");
	X509_free(x);
	EVP_PKEY_free(small);
	EVP_PKEY_free(p224);

	conf.n_certificate = 1;
	conf.domain[0].client_cert = CLIENT_CERT_ASK;
	conf.domain[0].client_ca_line = 9;
	snprintf(conf.domain[0].client_ca, sizeof(conf.domain[0].client_ca), "%s", path("no.pem"));
	expect_fail(CONFIG_CERTIFICATES_MAX,
		    "f.yaml:9: tls-domains[0].client-ca: %s/no.pem: cannot "
		    "be read: No such file or directory");
}

static void external_psks_need_no_certificate(void **state)
{
	STACK_OF(SSL_CIPHER) * s;
	int with = 0, without = 0;
	SSL *ssl;

	(void)state;
	conf.domain[0].psk = true;
	create();
	ssl = domain_ssl(set, 0, false, NULL);
	assert_int_equal(psk_inits, 1);
	/* With forward secrecy, unless others are listed. */
	s = SSL_get_ciphers(ssl);
	for (int i = 0; i < sk_SSL_CIPHER_num(s); i++) {
		const char *name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(s, i));

		with += strstr(name, "DHE-PSK-") != NULL;
		without += strncmp(name, "PSK-", 4) == 0;
	}
	assert_int_equal(with, 3);
	assert_int_equal(without, 0);
	SSL_free(ssl);
}

/* What the profile has no signatures for could be shown to nobody. */
static void eddsa_and_the_profiles(void **state)
{
	EVP_PKEY *k = make_key("ED25519");
	struct cert_spec s = { .cn = "ed" };
	X509 *x = make_cert(&s, k, NULL, NULL);

	(void)state;
	simple(KEY_EC, "ed", NULL);
	write_certs(conf.certificate[0].chain, &x, 1);
	write_key(conf.certificate[0].key, k, NULL);
	create();
	assert_string_equal(shown(NULL), "ed");
	conf.domain[0].profile = PROFILE_TS33210;
	expect_fail(CONFIG_CERTIFICATES_MAX, "f.yaml:100: certificates[0].chain: %s/0.pem: is "
					     "refused: profile ts33210 has no EdDSA");
	X509_free(x);
	EVP_PKEY_free(k);
}

/* ---- what is published ---- */

static const struct ctl_cert_info *info(uint16_t i)
{
	return (const struct ctl_cert_info *)dp.region + i;
}

static void certificates_are_published(void **state)
{
	struct cert_spec old = { .cn = "old", .from = -2000, .to = -1000 };
	uint64_t now = (uint64_t)time(NULL);
	unsigned char sha256[32];
	struct pair p;

	(void)state;
	conf.n_domain = 2;
	conf.domain[1] = conf.domain[0];
	simple(KEY_EC, "turn", "DNS:A.example,DNS:*.b.example");
	certificate(1, KEY_RSA, &old);
	create();
	domains_publish(&dp, set);
	assert_int_equal(info(0)->seq % 2, 0);
	assert_int_not_equal(info(0)->seq, 0);
	assert_int_equal(info(0)->domain, 0);
	assert_int_equal(info(0)->certificate, 0);
	assert_string_equal(info(0)->type, "EC P-256");
	assert_string_equal(info(0)->subject, "CN=turn");
	assert_string_equal(info(0)->names, "a.example *.b.example");
	assert_string_equal(info(0)->error, "");
	assert_in_range(info(0)->loaded, now, now + 600);
	assert_in_range(info(0)->not_before, now - 86400 - 600, now - 86400 + 600);
	assert_in_range(info(0)->not_after, now + 86400 - 600, now + 86400 + 600);
	p = pair_make(0, NULL);
	X509_digest(SSL_get_certificate(p.server), EVP_sha256(), sha256, NULL);
	pair_free(&p);
	assert_memory_equal(info(0)->sha256, sha256, 32);
	/* One that has expired is served, and seen to have. */
	assert_string_equal(info(1)->type, "RSA 2048");
	assert_int_equal(info(1)->domain, 1);
	assert_in_range(info(1)->not_after, now - 1600, now - 400);

	domains_publish_error(&dp, 1, "it is broken");
	assert_string_equal(info(0)->error, "");
	assert_string_equal(info(1)->error, "it is broken");
	assert_string_equal(info(1)->type, "RSA 2048");
	assert_int_equal(info(1)->seq % 2, 0);
	domains_publish_error(&dp, CONFIG_CERTIFICATES_MAX, "all of it");
	assert_string_equal(info(0)->error, "all of it");
	domains_publish(&dp, set);
	assert_string_equal(info(0)->error, "");
	assert_string_equal(info(1)->error, "");
}

/* ---- reload ---- */

static void handshakes_outlive_their_set(void **state)
{
	struct domain_set *old;
	struct pair p, q;
	X509 *x;

	(void)state;
	simple(KEY_EC, "old", "DNS:a.example");
	simple(KEY_RSA, "old", "DNS:b.example");
	create();
	p = pair_make(0, "b.example");
	/* It has begun: the rest of it comes after the reload. */
	assert_int_equal(SSL_do_handshake(p.client), -1);
	old = set;
	conf.n_certificate = 0;
	simple(KEY_EC, "new", "DNS:a.example");
	create();
	domains_free(old);
	assert_true(handshake(&p));
	x = SSL_get0_peer_certificate(p.client);
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), EVP_PKEY_RSA);
	assert_string_equal(shown("b.example"), "new");
	/* The last one of a set takes it along. */
	q = pair_make(0, NULL);
	domains_free(set);
	set = NULL;
	assert_true(handshake(&q));
	pair_free(&q);
	pair_free(&p);
}

static void each_context_is_prepared(void **state)
{
	(void)state;
	simple(KEY_EC, "a", "DNS:a.example,DNS:b.example,DNS:c.example");
	simple(KEY_EC, "b", "DNS:d.example");
	create();
	/* Names with the same certificates share one: two servers and our own role. */
	assert_int_equal(handshake_inits, 3);
	assert_int_equal(psk_inits, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(sni_chooses),
		T(kinds_of_one_name_stand_together),
		T(names_come_from_the_certificate),
		T(chain_is_sent),
		T(alpn_and_host_choose_the_service),
		T(a_listeners_service_speaks_for_itself),
		T(profile_modern),
		T(profile_ts33210),
		T(lists_replace_the_profile),
		T(order_is_ours_but_for_chacha),
		T(wrong_lists_are_errors),
		T(client_certificate_without_ca),
		T(client_certificate_of_a_ca),
		T(as_client_we_verify),
		T(tickets_are_of_one_domain),
		T(tickets_are_of_one_name),
		T(tickets_are_of_one_policy),
		T(files_are_read_once),
		T(broken_files_are_named),
		T(external_psks_need_no_certificate),
		T(eddsa_and_the_profiles),
		T(certificates_are_published),
		T(handshakes_outlive_their_set),
		T(each_context_is_prepared),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
