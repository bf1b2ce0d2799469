/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * accel_report provider|engine NAME: loads an accelerator as fairlead-dp does, says what came of
 * it, and makes handshakes in memory with RSA and ECDSA certificates, all at once: with the
 * accelerator if it is there, while it is well. Ends with 0 when all of them finish. For
 * qat_test.sh.
 */
#include "../../conf/config.h"
#include "../../dp/tls/accel.h"

#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINKS = 64, STALL_S = 2 };

struct link {
	SSL *server, *client;
	atomic_bool ready;
	bool waits;
	uint32_t pauses;
};

static struct link links[LINKS];
static uint32_t waiting, done, by_accel;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "accel_report: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static SSL_CTX *server_ctx(struct accel *a, EVP_PKEY *k)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	X509 *x = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	must(X509_set_pubkey(x, k) && X509_sign(x, k, EVP_sha256()), "no certificate");
	must(SSL_CTX_use_certificate(ctx, x) == 1, "the certificate is refused");
	k = accel_key(a, NULL, k);
	must(SSL_CTX_use_PrivateKey(ctx, k) == 1, "the key is refused");
	EVP_PKEY_free(k);
	X509_free(x);
	return ctx;
}

static int wake(SSL *ssl, void *arg)
{
	struct link *l = arg;

	(void)ssl;
	atomic_store(&l->ready, true);
	return 1;
}

static void link_open(struct link *l, SSL_CTX *server, SSL_CTX *client)
{
	BIO *a, *b;

	l->server = SSL_new(server);
	l->client = SSL_new(client);
	must(BIO_new_bio_pair(&a, 0, &b, 0) == 1, "no memory");
	SSL_set_bio(l->server, a, a);
	SSL_set_bio(l->client, b, b);
	SSL_set_accept_state(l->server);
	SSL_set_connect_state(l->client);
	must(accel_ssl(l->server, wake, l), "no jobs");
}

static void side_step(SSL *ssl, int *error)
{
	const int ret = SSL_do_handshake(ssl);

	*error = SSL_get_error(ssl, ret);
	must(*error != SSL_ERROR_SSL && *error != SSL_ERROR_SYSCALL, "a handshake failed");
}

/* Returns whether anything could be done. */
static bool link_step(struct link *l)
{
	int error;

	if (!l->server || (l->waits && !atomic_exchange(&l->ready, false)))
		return false;
	side_step(l->client, &error);
	side_step(l->server, &error);
	waiting -= l->waits;
	l->waits = error == SSL_ERROR_WANT_ASYNC;
	waiting += l->waits;
	l->pauses += l->waits;
	if (l->waits && accel_again(l->server))
		atomic_store(&l->ready, true);
	side_step(l->client, &error);
	if (SSL_is_init_finished(l->server) && SSL_is_init_finished(l->client)) {
		done++;
		by_accel += l->pauses > 0;
		SSL_free(l->server);
		SSL_free(l->client);
		l->server = NULL;
	}
	return true;
}

/* Until all are done, or nothing has been for a while. */
static void run(struct accel *a)
{
	time_t last = time(NULL);

	while (done < LINKS && time(NULL) - last < STALL_S) {
		bool progress = false;

		for (struct link *l = links; l < links + LINKS; l++)
			progress |= link_step(l);
		if (progress)
			last = time(NULL);
		accel_poll(a, waiting, progress);
	}
	if (done < LINKS)
		accel_stalled(a);
}

int main(int argc, char **argv)
{
	static struct config conf;
	SSL_CTX *client, *server[2];
	struct accel *a;
	char err[512], *name;

	must(argc == 3, "usage: accel_report provider|engine NAME");
	name = strcmp(argv[1], "provider") == 0 ? conf.tls.provider : conf.tls.engine;
	conf.tls.handshakes = 256;
	snprintf(name, CONFIG_STR_MAX, "%s", argv[2]);
	printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
	a = accel_load(&conf, err, sizeof(err));
	printf("accelerator: %s\n", a ? accel_name(a) : err);
	must(accel_thread_init(a, LINKS), "no fibres");
	client = SSL_CTX_new(TLS_client_method());
	server[0] = server_ctx(a, EVP_RSA_gen(2048));
	server[1] = server_ctx(a, EVP_EC_gen("P-256"));
	for (uint32_t i = 0; i < LINKS; i++)
		link_open(&links[i], server[i % 2], client);
	run(a);
	printf("handshakes: %u done, %u of them by the accelerator, %u wait\n", done, by_accel,
	       waiting);
	printf("it is %s\n", accel_ok(a) ? "well" : a ? "stalled" : "not there");
	if (waiting) /* nothing that a job refers to may be freed */
		return 1;
	accel_thread_end(a);
	SSL_CTX_free(client);
	SSL_CTX_free(server[0]);
	SSL_CTX_free(server[1]);
	accel_free(a);
	return done == LINKS ? 0 : 1;
}
