/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a ClientHello chooses in a TLS domain (dp/tls/domain_pick.c): names and protocols of any
 * bytes, tickets of an earlier handshake, and messages altered on their way. An input is: how (one
 * byte, enum how), lengths of the name and of the protocols (one byte each), both, then alterations
 * of the ClientHello: place (two bytes), value. A service that is chosen is one of this domain's,
 * a session goes on under the name that it began with, and a client that says nothing wrong gets
 * through.
 */
#include "../../dp/dplane.h"
#include "../../dp/tls/domain.h"
#include "../../dp/tls/file.h"
#include "../../dp/tls/psk.h"
#include "../../dp/tls/handshake.h"
#include "../../dp/tls/tickets.h"
#include "../../lib/cursor.h"
#include "tests/world/make_cert.h"
#include "must.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum how {
	HOW_12 = 1 << 0,      /* TLS 1.2 at most */
	HOW_SESSION = 1 << 1, /* with the ticket of name 0 or 1, by HOW_OTHER */
	HOW_OTHER = 1 << 2,
	HOW_NO_NAME = 1 << 3,
	HOW_OLD = 1 << 4, /* that ticket is of TLS 1.2 */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const known[] = { "turn.example.org", "sip.example.org" };
static struct config conf;
static struct dplane dp;
static struct tickets tickets;
static struct domain_set *set;
static SSL_CTX *client_ctx;
static SSL_SESSION *session[2][2]; /* by version, name */
static SSL_SESSION **kept;

/* What other modules do to each context is not of interest. */
bool handshake_ctx_init(SSL_CTX *ctx)
{
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return true;
}

bool psk_ctx_init(SSL_CTX *ctx)
{
	(void)ctx;
	return true;
}

/* ---- handshakes ---- */

struct pair {
	SSL *client, *server;
	BIO *to_server;
};

static struct pair pair_make(int version)
{
	struct pair p = { SSL_new(client_ctx), domain_ssl(set, 0, false, NULL),
			  BIO_new(BIO_s_mem()) };
	BIO *to_client = BIO_new(BIO_s_mem());

	must(p.client && p.server && p.to_server && to_client);
	BIO_up_ref(p.to_server);
	BIO_up_ref(to_client);
	SSL_set_bio(p.client, to_client, p.to_server);
	SSL_set_bio(p.server, p.to_server, to_client);
	SSL_set_max_proto_version(p.client, version);
	SSL_set_connect_state(p.client);
	return p;
}

static bool step(SSL *ssl)
{
	int ret = SSL_do_handshake(ssl);

	return ret == 1 || SSL_get_error(ssl, ret) == SSL_ERROR_WANT_READ;
}

static bool handshake(const struct pair *p)
{
	char byte;
	int i;

	for (i = 0; i < 10 && !(SSL_is_init_finished(p->client) && SSL_is_init_finished(p->server));
	     i++)
		if (!step(p->client) || !step(p->server))
			return false;
	SSL_peek(p->client, &byte, 1); /* tickets */
	return SSL_is_init_finished(p->client) && SSL_is_init_finished(p->server);
}

static void pair_free(struct pair *p)
{
	SSL_set_shutdown(p->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(p->client);
	SSL_free(p->server);
	ERR_clear_error();
}

/* ---- the domain ---- */

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	if (!kept)
		return 0;
	SSL_SESSION_free(*kept);
	*kept = s;
	return 1;
}

static void certificate(const char *dir, uint16_t i, const char *names)
{
	struct cert_spec spec = { .cn = "first", .names = names };
	struct config_certificate *c = &conf.certificate[i];
	EVP_PKEY *key = make_key("EC:P-256");
	X509 *x = make_cert(&spec, key, NULL, NULL);

	snprintf(c->chain, sizeof(c->chain), "%s/%u.pem", dir, i);
	snprintf(c->key, sizeof(c->key), "%s/%u.key", dir, i);
	write_certs(c->chain, &x, 1);
	write_key(c->key, key, NULL);
	X509_free(x);
	EVP_PKEY_free(key);
	conf.n_certificate++;
}

static void service(uint16_t domain, const char *host, const char *alpn)
{
	struct config_service *s = &conf.service[conf.n_service++];

	s->id = (uint16_t)(s - conf.service);
	s->domain_index = domain;
	snprintf(s->host[0], sizeof(s->host[0]), "%s", host);
	s->n_host = 1;
	if (alpn)
		snprintf(s->alpn[s->n_alpn++], sizeof(s->alpn[0]), "%s", alpn);
}

static void sessions_make(void)
{
	for (int v = 0; v < 2; v++) {
		for (int i = 0; i < 2; i++) {
			struct pair p = pair_make(v ? TLS1_3_VERSION : TLS1_2_VERSION);

			kept = &session[v][i];
			SSL_set_tlsext_host_name(p.client, known[i]);
			must(handshake(&p) && session[v][i]);
			pair_free(&p);
		}
	}
	kept = NULL;
}

static void domain_once(void)
{
	char dir[] = "/tmp/fairlead-fuzz-XXXXXX", err[1024], cmd[64];
	struct ctl_ticket_keys k;
	struct tls_files *files = files_create();
	uint16_t at_fault;

	must(mkdtemp(dir) && files);
	conf.n_domain = 2;
	snprintf(conf.domain[0].name, sizeof(conf.domain[0].name), "default");
	conf.domain[0].version_max = conf.domain[1].version_max = CONFIG_TLS_1_3;
	conf.domain[0].tickets = true;
	conf.tls.ticket_lifetime = 600;
	certificate(dir, 0, "DNS:first.example,DNS:*.example.org");
	certificate(dir, 1, "DNS:turn.example.org");
	certificate(dir, 2, "DNS:elsewhere.example");
	conf.certificate[2].domain_index = 1;
	snprintf(conf.domain[1].name, sizeof(conf.domain[1].name), "other");
	service(CONFIG_DOMAINS_MAX, "sip.example.org", NULL);
	service(0, "*.web.example", "h2");
	service(1, "elsewhere.example", "elsewhere");
	memset(&k, 1, sizeof(k));
	tickets_set(&tickets, &k, 0);
	dp.conf = &conf;
	dp.tickets = &tickets;
	set = domains_create(&dp, NULL, OSSL_LIB_CTX_new(), files, &at_fault, err, sizeof(err));
	if (!set)
		fprintf(stderr, "%s\n", err);
	must(set);
	files_free(files);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	must(system(cmd) == 0);
	client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(client_ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(client_ctx,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client_ctx, on_session);
	sessions_make();
}

/* ---- inputs ---- */

/* Alters the record that waits for the server. Returns whether it did. */
static bool alter(BIO *b, struct rd *r)
{
	uint8_t *p;
	long n = BIO_get_mem_data(b, &p);
	bool any = false;

	while (n > 9 && rd_left(r) >= 3) {
		uint16_t at = rd_u16(r);
		uint8_t value = rd_u8(r);

		/* Neither the record's head nor the message's: OpenSSL's to judge. */
		p[9 + at % (n - 9)] ^= value;
		any |= value != 0;
	}
	return any;
}

static void judge(const struct pair *p, const char *was)
{
	uint16_t s = domain_service(set, 0, p->server);
	const char *name = SSL_get_servername(p->server, TLSEXT_NAMETYPE_host_name);

	must(s == SERVICE_NONE || s == SERVICE_TURN || s < conf.n_service);
	must(s >= conf.n_service || conf.service[s].domain_index != 1);
	if (SSL_session_reused(p->server))
		must(was && name && !strcasecmp(name, was));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[256] = "";
	struct rd r = rd_init(data, size);
	uint8_t how, n_name, n_alpn;
	const uint8_t *alpn;
	struct pair p;
	const char *was = NULL;
	bool fair;

	if (!set)
		domain_once();
	how = rd_u8(&r);
	n_name = rd_u8(&r);
	n_alpn = rd_u8(&r);
	if (n_name > rd_left(&r))
		n_name = (uint8_t)rd_left(&r);
	memcpy(name, rd_take(&r, n_name), n_name);
	if (n_alpn > rd_left(&r))
		n_alpn = (uint8_t)rd_left(&r);
	alpn = rd_take(&r, n_alpn);
	p = pair_make(how & HOW_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	fair = !n_alpn;
	if (!(how & HOW_NO_NAME) && *name)
		SSL_set_tlsext_host_name(p.client, name);
	if (n_alpn)
		SSL_set_alpn_protos(p.client, alpn, n_alpn);
	if (how & HOW_SESSION) {
		int other = how & HOW_OTHER ? 1 : 0;

		was = known[other];
		SSL_set_session(p.client, session[how & HOW_OLD ? 0 : 1][other]);
	}
	step(p.client);
	fair = !alter(p.to_server, &r) && fair;
	if (handshake(&p))
		judge(&p, was);
	else
		must(!fair);
	pair_free(&p);
	return 0;
}
