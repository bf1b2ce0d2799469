/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time that the server's side of a handshake takes: through a crypto, record by record, keys
 * exported, as a worker has it done; and OpenSSL alone, a plain context that sends one ticket, over
 * memory BIOs. The client is the same and is not counted. In turns, medians of rounds; prints one
 * JSON object, in which `of_openssl` is the share of OpenSSL's own rate that is left.
 *
 *     bench_handshake VERSION KEY [resume]     1.2 or 1.3; ecdsa or rsa
 */
#include "../dp/region.h"
#include "../dp/tls/handshake.h"
#include "../dp/tls/tickets.h"
#include "../dp/worker.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 41, EACH = 20 };
enum way { OURS, OPENSSL, WAYS };

static struct config conf;
static struct dplane dp;
static struct worker w;
static char dir[] = "/tmp/bench_handshake-XXXXXX";
static SSL_CTX *server, *client;
static SSL_SESSION *session[WAYS]; /* to resume */
static SSL_SESSION *given;	   /* by the server, last */
static uint64_t spent;		   /* cycles of the server's side */

static void die(const char *what)
{
	fprintf(stderr, "bench_handshake: %s\n", what);
	exit(1);
}

/* ---- set-up ---- */

static void certificate_make(bool rsa)
{
	EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	struct config_certificate *c = &conf.certificate[0];
	X509 *x = X509_new();
	X509_NAME *n = X509_NAME_new();
	FILE *f;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const uint8_t *)"bench.test", -1, -1, 0);
	X509_set_subject_name(x, n);
	X509_set_issuer_name(x, n);
	X509_NAME_free(n);
	X509_set_pubkey(x, key);
	if (X509_sign(x, key, EVP_sha256()) <= 0)
		die("cannot make a certificate");
	snprintf(c->chain, sizeof(c->chain), "%s/chain.pem", dir);
	snprintf(c->key, sizeof(c->key), "%s/key.pem", dir);
	strcpy(c->domain, "default");
	f = fopen(c->chain, "w");
	if (!f || PEM_write_X509(f, x) != 1 || fclose(f))
		die("cannot write a certificate");
	f = fopen(c->key, "w");
	if (!f || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(f))
		die("cannot write a key");
	if (SSL_CTX_use_certificate(server, x) != 1 || SSL_CTX_use_PrivateKey(server, key) != 1)
		die("OpenSSL does not take the certificate");
	X509_free(x);
	EVP_PKEY_free(key);
}

static void dplane_make(void)
{
	static struct tickets tickets;
	struct ctl_ticket_keys keys;
	char err[1024];

	conf.dataplane.n_workers = 1;
	conf.dataplane.ring_slots = 64;
	conf.listener[0].transport = TRANSPORT_TLS;
	conf.n_listener = 1;
	conf.domain[0] = (struct config_domain){ .name = "default",
						 .version_max = CONFIG_TLS_1_3,
						 .tickets = true };
	conf.n_domain = conf.n_certificate = 1;
	conf.tls.handshakes = 4;
	conf.tls.ticket_lifetime = 7200;
	dp.conf = &conf;
	dp.n_workers = 1;
	dp.tickets = &tickets;
	if (RAND_bytes((uint8_t *)&keys, sizeof(keys)) != 1 ||
	    region_create(&dp, err, sizeof(err)) < 0 || !cryptos_create(&dp, err, sizeof(err)))
		die(err);
	tickets_set(&tickets, &keys, 0);
	w.dp = &dp;
}

/* ---- the client ---- */

static int on_session(SSL *s, SSL_SESSION *ss)
{
	(void)s;
	SSL_SESSION_free(given);
	given = ss;
	return 1;
}

static SSL *client_new(const SSL_SESSION *resume)
{
	SSL *s = SSL_new(client);

	SSL_set_bio(s, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(s);
	if (resume && SSL_set_session(s, (SSL_SESSION *)(uintptr_t)resume) != 1)
		die("the client does not take its session");
	return s;
}

/* Handshake, then whatever came behind it. */
static void client_step(SSL *s)
{
	char byte;

	if (!SSL_is_init_finished(s))
		SSL_do_handshake(s);
	if (SSL_is_init_finished(s))
		SSL_read(s, &byte, 1);
}

/* ---- the server's two ways ---- */

/* The next record of the client's; 0 when there is none. */
static uint32_t record_take(BIO *b, uint8_t *to)
{
	uint32_t len;

	if (BIO_read(b, to, TLS_HDR) != TLS_HDR)
		return 0;
	len = be16_read(to + 3);
	return BIO_read(b, to + TLS_HDR, (int)len) == (int)len ? TLS_HDR + len : 0;
}

static bool ours(const SSL_SESSION *resume)
{
	SSL *s = client_new(resume);
	struct handshake *sh = handshake_get(&w);
	uint64_t at;
	bool done = false;

	client_step(s);
	while (!done && (sh->in_len = record_take(SSL_get_wbio(s), sh->in))) {
		at = rte_rdtsc();
		sh->op = HANDSHAKE_FEED;
		handshake_send(&w, sh);
		crypto_turn(dp.crypto[0], 1);
		if (handshake_recv(&w) != sh || sh->state == HANDSHAKE_FAILED)
			die("a handshake failed");
		done = sh->state == HANDSHAKE_DONE;
		spent += rte_rdtsc() - at;
		BIO_write(SSL_get_rbio(s), sh->out, (int)sh->out_len);
		client_step(s);
	}
	done = done && sh->result.resumed == (resume != NULL);
	at = rte_rdtsc();
	handshake_put(&w, sh);
	spent += rte_rdtsc() - at;
	SSL_shutdown(s);
	SSL_free(s);
	return done;
}

static void move(BIO *from, BIO *to)
{
	uint8_t buf[16384];
	int n;

	while ((n = BIO_read(from, buf, sizeof(buf))) > 0)
		BIO_write(to, buf, n);
}

static bool openssl(const SSL_SESSION *resume)
{
	SSL *s = client_new(resume), *o;
	uint64_t at = rte_rdtsc();
	bool done;
	int i;

	o = SSL_new(server);
	SSL_set_bio(o, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(o);
	spent += rte_rdtsc() - at;
	for (i = 0; i < 4 && !SSL_is_init_finished(o); i++) {
		client_step(s);
		move(SSL_get_wbio(s), SSL_get_rbio(o));
		at = rte_rdtsc();
		SSL_do_handshake(o);
		spent += rte_rdtsc() - at;
		move(SSL_get_wbio(o), SSL_get_rbio(s));
	}
	client_step(s);
	done = SSL_is_init_finished(o) && SSL_session_reused(o) == (resume != NULL);
	at = rte_rdtsc();
	SSL_shutdown(o); /* or it would forget the session */
	SSL_free(o);
	spent += rte_rdtsc() - at;
	SSL_shutdown(s);
	SSL_free(s);
	return done;
}

static bool (*const way[WAYS])(const SSL_SESSION *) = { ours, openssl };

/* Cycles a handshake. */
static double round_of(enum way k)
{
	int i;

	spent = 0;
	for (i = 0; i < EACH; i++)
		if (!way[k](session[k]))
			die("a handshake was not what it should be");
	return (double)spent / EACH;
}

static int less(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	char *eal[] = {
		argv[0],       (char *)"--no-huge",   (char *)"--no-pci",	   (char *)"-m",
		(char *)"256", (char *)"--no-shconf", (char *)"--log-level=error", (char *)"-l",
		(char *)"0"
	};
	static double cycles[WAYS][ROUNDS];
	bool resume = argc == 4 && !strcmp(argv[3], "resume");
	int version, i;
	enum way k;

	if (argc < 3 || (argc == 4 && !resume) || argc > 4)
		die("usage: bench_handshake 1.2|1.3 ecdsa|rsa [resume]");
	version = strcmp(argv[1], "1.2") ? TLS1_3_VERSION : TLS1_2_VERSION;
	if (!mkdtemp(dir) || rte_eal_init(RTE_DIM(eal), eal) < 0)
		die("cannot start EAL");
	server = SSL_CTX_new(TLS_server_method());
	client = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_num_tickets(server, 1);
	SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_min_proto_version(client, version);
	SSL_CTX_set_max_proto_version(client, version);
	SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client, on_session);
	certificate_make(!strcmp(argv[2], "rsa"));
	dplane_make();
	for (k = 0; k < WAYS; k++) {
		if (!way[k](NULL))
			die("the first handshake failed");
		if (resume && !given)
			die("no ticket came");
		session[k] = resume ? given : NULL;
		given = NULL;
	}
	/* Or OpenSSL's client would forget a session that brought it another ticket. */
	SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_OFF);
	for (i = 0; i < ROUNDS; i++)
		for (k = 0; k < WAYS; k++)
			cycles[k][i] = round_of(k);
	for (k = 0; k < WAYS; k++)
		qsort(cycles[k], ROUNDS, sizeof(double), less);
	printf("{\"bench\": \"handshake\", \"tls\": \"%s\", \"key\": \"%s\", \"resume\": %s, "
	       "\"us_ours\": %.1f, \"us_openssl\": %.1f, \"of_openssl\": %.3f}\n",
	       argv[1], argv[2], resume ? "true" : "false",
	       cycles[OURS][ROUNDS / 2] * 1e6 / (double)rte_get_tsc_hz(),
	       cycles[OPENSSL][ROUNDS / 2] * 1e6 / (double)rte_get_tsc_hz(),
	       cycles[OPENSSL][ROUNDS / 2] / cycles[OURS][ROUNDS / 2]);
	unlink(conf.certificate[0].chain);
	unlink(conf.certificate[0].key);
	rmdir(dir);
	return 0;
}
