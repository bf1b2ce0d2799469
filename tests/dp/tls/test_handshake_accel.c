/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Handshakes of a crypto thread whose signatures pause (dp/tls/accel.c with the provider
 * and the engine of tests/accel) and whose keys are looked up (dp/tls/psk.c, R65): many at once
 * that come back in another order; clients that go away at each step, with nothing freed that a job
 * refers to and nothing left; an engine that stalls, whose work OpenSSL takes over at once and
 * gives back later; a look-up and a signature in one handshake.
 */
#include "tests/world/unit.h"
#include "tests/world/eal.h"

#include "dp/tls/domain.h"
#include "dp/tls/accel.h"
#include "dp/tls/psk.h"
#include "dp/tls/crypto.h"
#include "dp/tls/tickets.h"
#include "dp/worker.h"
#include "lib/tcp_end.h"
#include "tests/accel/slow.h"
#include "tests/world/tls_peer.h"

#include <dlfcn.h>
#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <rte_eal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HANDSHAKES = 48, KEY_LEN = 32, RSA_DOMAIN = 0, EC_DOMAIN, DOMAINS };

static struct config conf;
static struct dplane dp;
static struct worker worker;
static struct slow *slow;
static SSL_CTX *client_ctx;
static const char *client_identity; /* NULL: the client has no key */
static int client_version;

/* ---- domain.h: one with an RSA certificate, one with ECDSA, both with external keys ---- */

struct domain_set {
	SSL_CTX *ctx[DOMAINS];
};

static SSL_CTX *domain_ctx(OSSL_LIB_CTX *libctx, const struct dplane *d, EVP_PKEY *k)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());
	X509 *x = X509_new_ex(libctx, NULL);

	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	assert_true(X509_set_pubkey(x, k) && X509_sign(x, k, EVP_sha256()));
	assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
	k = accel_key(d->accel, libctx, k);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, k), 1);
	EVP_PKEY_free(k);
	X509_free(x);
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	assert_true(SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256"));
	assert_true(handshake_ctx_init(ctx) && psk_ctx_init(ctx));
	return ctx;
}

struct domain_set *domains_create(const struct dplane *d, struct snapshot *of, OSSL_LIB_CTX *libctx,
				  struct tls_files *files, uint16_t *at_fault, char *err,
				  size_t errlen)
{
	struct domain_set *set = calloc(1, sizeof(*set));

	(void)of, (void)files, (void)at_fault, (void)err, (void)errlen;
	set->ctx[RSA_DOMAIN] =
	    domain_ctx(libctx, d, EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)2048));
	set->ctx[EC_DOMAIN] = domain_ctx(libctx, d, EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256"));
	return set;
}

void domains_free(struct domain_set *d)
{
	for (int i = 0; i < DOMAINS; i++)
		SSL_CTX_free(d->ctx[i]);
	free(d);
}

void domains_publish(const struct dplane *d, const struct domain_set *set)
{
	(void)d, (void)set;
}

void domains_publish_error(const struct dplane *d, uint16_t at_fault, const char *error)
{
	(void)d, (void)at_fault, (void)error;
}

SSL *domain_ssl(struct domain_set *d, uint16_t i, bool client, void *arg)
{
	SSL *ssl = SSL_new(d->ctx[i]);

	assert_false(client);
	SSL_set_app_data(ssl, arg);
	SSL_set_accept_state(ssl);
	return ssl;
}

SSL *domain_ssl_dtls(struct domain_set *d, uint16_t i, bool client, void *arg)
{
	(void)d, (void)i, (void)client, (void)arg;
	return NULL;
}

uint16_t domain_service(const struct domain_set *d, uint16_t i, const SSL *ssl)
{
	(void)d, (void)i, (void)ssl;
	return SERVICE_NONE;
}

void domain_cert_key(const struct domain_set *d, const SSL *ssl, uint8_t key[CTL_CERT_KEY])
{
	(void)d, (void)ssl, (void)key;
}

bool tickets_get(const struct tickets *t, struct ctl_ticket_keys *k)
{
	(void)t, (void)k;
	return false;
}

/* ---- clients ---- */

struct client {
	struct tls_peer tls;
	struct handshake *s;
	bool away; /* the crypto thread has it */
	bool gone; /* the client has reset */
	bool over;
	uint16_t lookups, waits;
};

static struct client clients[HANDSHAKES];

static unsigned int on_psk_12(SSL *ssl, const char *hint, char *identity, unsigned int max,
			      uint8_t *psk, unsigned int max_psk)
{
	(void)ssl, (void)hint;
	if (!client_identity)
		return 0;
	assert_true(strlen(client_identity) < max && KEY_LEN <= max_psk);
	strcpy(identity, client_identity);
	memset(psk, 'k', KEY_LEN);
	return KEY_LEN;
}

static int on_psk_13(SSL *ssl, const EVP_MD *md, const uint8_t **id, size_t *len,
		     SSL_SESSION **session)
{
	static const uint8_t suite[2] = { 0x13, 0x01 };
	uint8_t key[KEY_LEN];

	(void)md;
	*session = NULL;
	if (!client_identity)
		return 1;
	memset(key, 'k', sizeof(key));
	*session = SSL_SESSION_new();
	assert_true(SSL_SESSION_set1_master_key(*session, key, sizeof(key)));
	assert_true(SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)));
	assert_true(SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION));
	*id = (const uint8_t *)client_identity;
	*len = strlen(client_identity);
	return 1;
}

static struct client *client_open(struct client *c, uint16_t domain)
{
	memset(c, 0, sizeof(*c));
	c->tls.ctx = client_ctx;
	tls_peer_open(&c->tls, true);
	assert_true(SSL_set_max_proto_version(c->tls.ssl, client_version));
	c->s = handshake_get(&worker);
	assert_non_null(c->s);
	c->s->domain = domain;
	c->s->state = HANDSHAKE_MORE;
	return c;
}

static void client_close(struct client *c)
{
	assert_true(c->over);
	assert_null(c->s->ssl);
	tls_peer_close(&c->tls);
	handshake_put(&worker, c->s);
}

static void client_send(struct client *c, enum handshake_op op)
{
	c->s->op = op;
	c->away = true;
	handshake_send(&worker, c->s);
}

/* The next record that the client wrote. */
static bool client_record(struct client *c)
{
	c->s->in_len = tls_peer_record(&c->tls, c->s->in, HANDSHAKE_IN_MAX);
	return c->s->in_len;
}

/* The control process knows one identity. */
static void client_answer(struct client *c)
{
	struct handshake *s = c->s;
	const bool known = s->identity_len == 5 && !memcmp(s->identity, "known", 5);

	c->lookups++;
	s->psk_len = known ? KEY_LEN : 0;
	if (known)
		memset(s->psk, 'k', KEY_LEN);
	client_send(c, HANDSHAKE_PSK);
}

/* What the worker can do. */
static void client_step(struct client *c)
{
	if (c->over || c->away)
		return;
	c->s->in_len = 0;
	if (c->gone) {
		client_send(c, HANDSHAKE_ABORT);
	} else if (c->s->state == HANDSHAKE_LOOKUP) {
		client_answer(c);
	} else {
		SSL_do_handshake(c->tls.ssl);
		if (c->s->state == HANDSHAKE_OUT || client_record(c))
			client_send(c, HANDSHAKE_FEED);
	}
	ERR_clear_error();
}

static void client_back(struct client *c)
{
	struct handshake *s = c->s;

	c->away = false;
	c->waits = (uint16_t)(c->waits + s->waits);
	if (s->out_len)
		tls_peer_give(&c->tls, s->out, s->out_len);
	c->over = s->state == HANDSHAKE_DONE || s->state == HANDSHAKE_FAILED ||
		  s->state == HANDSHAKE_ABORTED;
	if (s->state == HANDSHAKE_DONE) {
		SSL_do_handshake(c->tls.ssl);
		assert_true(SSL_is_init_finished(c->tls.ssl));
	}
}

static void turn(uint32_t n)
{
	struct handshake *s;
	uint32_t i;

	for (i = 0; i < n; i++)
		client_step(&clients[i]);
	crypto_turn(dp.crypto[0], 0);
	if (*conf.tls.provider)
		slow->turn();
	while ((s = handshake_recv(&worker))) {
		for (i = 0; i < n && clients[i].s != s; i++)
			;
		assert_true(i < n);
		client_back(&clients[i]);
	}
}

static bool all_over(uint32_t n)
{
	while (n-- > 0)
		if (!clients[n].over)
			return false;
	return true;
}

/* Nothing waits for anything any more, and the engine has nothing. */
static void assert_quiet(void)
{
	assert_int_equal(dp.crypto[0]->n_parked, 0);
	assert_int_equal(slow->ops, slow->done);
	assert_int_equal(dp.crypto[0]->domains->users, 0);
	assert_true(accel_ok(dp.accel));
}

static struct client *one(uint16_t domain)
{
	struct client *c = client_open(&clients[0], domain);

	while (!c->over)
		turn(1);
	return c;
}

/* ---- tests ---- */

static void many_at_once(void **state)
{
	(void)state;
	setenv("SLOW_TURNS", "3", 1);
	setenv("SLOW_LIFO", "1", 1);
	for (uint16_t i = 0; i < HANDSHAKES; i++) {
		client_version = i % 3 ? TLS1_3_VERSION : TLS1_2_VERSION;
		client_open(&clients[i], i % DOMAINS);
	}
	assert_null(handshake_get(&worker));
	while (!all_over(HANDSHAKES))
		turn(HANDSHAKES);
	assert_quiet();
	assert_in_range(slow->ops, HANDSHAKES / 4, HANDSHAKES / 2); /* the rest in software */
	for (uint16_t i = 0; i < HANDSHAKES; i++) {
		assert_int_equal(clients[i].s->state, HANDSHAKE_DONE);
		client_close(&clients[i]);
	}
}

/* An engine that answers nothing has half of the handshakes at most; the others go on. */
static void stall_leaves_room(void **state)
{
	char file[] = "/tmp/fairlead-stall.XXXXXX";
	int fd = mkstemp(file), turns;
	uint16_t i, over = 0;

	(void)state;
	close(fd);
	setenv("SLOW_STALL", file, 1);
	for (i = 0; i < HANDSHAKES; i++)
		client_open(&clients[i], i % DOMAINS);
	while (accel_ok(dp.accel))
		turn(HANDSHAKES);
	for (turns = 0; turns < 1000 && over < HANDSHAKES / 2; turns++) {
		turn(HANDSHAKES);
		for (i = over = 0; i < HANDSHAKES; i++)
			over += clients[i].over;
	}
	assert_in_range(over, HANDSHAKES / 2, HANDSHAKES - 1);
	unlink(file);
	while (!all_over(HANDSHAKES))
		turn(HANDSHAKES);
	assert_quiet();
	for (i = 0; i < HANDSHAKES; i++) {
		assert_int_equal(clients[i].s->state, HANDSHAKE_DONE);
		client_close(&clients[i]);
	}
}

static void put_off(void **state)
{
	(void)state;
	setenv("SLOW_BUSY", "5", 1);
	assert_int_equal(one(RSA_DOMAIN)->s->state, HANDSHAKE_DONE);
	assert_int_equal(slow->busy, 5);
	assert_quiet();
	client_close(&clients[0]);
}

/* Turns of one handshake until the client goes; whether it was over before. */
static bool reset_after(uint32_t turns, uint16_t domain)
{
	struct client *c = client_open(&clients[0], domain);

	for (uint32_t i = 0; i < turns && !c->over; i++)
		turn(1);
	if (c->over) {
		assert_int_equal(c->s->state, HANDSHAKE_DONE);
		client_close(c);
		return true;
	}
	c->gone = true;
	while (!c->over)
		turn(1);
	/* It may have come to its end on the way back. */
	assert_true(c->s->state == HANDSHAKE_ABORTED || c->s->state == HANDSHAKE_DONE);
	client_close(c);
	assert_quiet();
	return false;
}

static void reset_at_each_step(void **state)
{
	const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
	uint32_t steps;

	(void)state;
	setenv("SLOW_TURNS", "4", 1);
	client_identity = "somebody"; /* a look-up, too, and then the certificate */
	for (size_t v = 0; v < N_OF(versions); v++)
		for (uint16_t d = 0; d < DOMAINS; d++) {
			client_version = versions[v];
			for (steps = 0; !reset_after(steps, d); steps++)
				;
			assert_true(steps > 5);
		}
	assert_true(slow->ops > 8);
}

static void stalls_and_returns(void **state)
{
	char file[] = "/tmp/fairlead-stall.XXXXXX";
	struct client *waits, *other;
	uint32_t stalls = accel_stalls(dp.accel);
	int fd = mkstemp(file);

	(void)state;
	close(fd);
	setenv("SLOW_STALL", file, 1);
	waits = client_open(&clients[0], RSA_DOMAIN);
	while (accel_ok(dp.accel))
		turn(1);
	assert_true(waits->away);
	for (uint16_t d = 0; d < DOMAINS; d++) {
		other = client_open(&clients[1], d);
		while (!other->over)
			turn(2);
		assert_int_equal(other->s->state, HANDSHAKE_DONE);
		client_close(other);
	}
	assert_int_equal(slow->ops, 1);
	assert_false(accel_ok(dp.accel));
	assert_int_equal(accel_stalls(dp.accel), stalls + 1);
	assert_int_equal(accel_jobs(dp.accel), 1);
	unlink(file);
	while (!waits->over)
		turn(1);
	assert_int_equal(waits->s->state, HANDSHAKE_DONE);
	assert_int_equal(waits->waits, 1);
	client_close(waits);
	assert_quiet();
	assert_int_equal(accel_stalls(dp.accel), stalls + 1);
	assert_int_equal(accel_jobs(dp.accel), 0);
	assert_int_equal(one(EC_DOMAIN)->s->state, HANDSHAKE_DONE);
	client_close(&clients[0]);
	assert_int_equal(slow->ops, 2);
}

static void keys_looked_up(void **state)
{
	const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
	struct client *c;

	(void)state;
	client_identity = "known";
	for (size_t v = 0; v < N_OF(versions); v++) {
		client_version = versions[v];
		if (client_version == TLS1_2_VERSION)
			assert_true(SSL_CTX_set_cipher_list(client_ctx, "PSK-AES128-GCM-SHA256"));
		c = one(RSA_DOMAIN);
		assert_int_equal(c->s->state, HANDSHAKE_DONE);
		assert_true(c->s->result.psk);
		assert_int_equal(c->lookups, 1);
		client_close(c);
	}
	assert_int_equal(slow->ops, 0);
	assert_quiet();
}

static void keys_unknown(void **state)
{
	struct client *c;

	(void)state;
	client_identity = "somebody";
	c = one(RSA_DOMAIN);
	assert_int_equal(c->s->state, HANDSHAKE_DONE);
	assert_false(c->s->result.psk);
	assert_int_equal(c->lookups, 1);
	assert_int_equal(slow->ops, 1);
	client_close(c);

	client_version = TLS1_2_VERSION;
	assert_true(SSL_CTX_set_cipher_list(client_ctx, "PSK-AES128-GCM-SHA256"));
	c = one(RSA_DOMAIN);
	assert_int_equal(c->s->state, HANDSHAKE_FAILED);
	assert_int_equal(c->s->why, TCP_END_TLS_PSK);
	assert_int_equal(c->s->alert, SSL_AD_UNKNOWN_PSK_IDENTITY);
	client_close(c);
	assert_quiet();
}

/* ---- before and after ---- */

static int eal(void **state)
{
	(void)state;
	return !test_eal("64");
}

static int before(const char *provider, const char *engine)
{
	static const char *const names[] = { "TURNS", "LIFO", "BUSY", "STALL" };
	char err[256] = "", name[32];
	void *module = dlopen(*provider ? provider : engine, RTLD_NOW);

	slow = module ? dlsym(module, "slow_self") : NULL;
	if (!slow)
		return -1;
	for (size_t i = 0; i < N_OF(names); i++) {
		snprintf(name, sizeof(name), "SLOW_%s", names[i]);
		unsetenv(name);
	}
	slow->ops = slow->done = slow->sync = slow->busy = slow->polls = 0;
	client_identity = NULL;
	client_version = TLS1_3_VERSION;
	client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_psk_client_callback(client_ctx, on_psk_12);
	SSL_CTX_set_psk_use_session_callback(client_ctx, on_psk_13);

	memset(&conf, 0, sizeof(conf));
	memset(&dp, 0, sizeof(dp));
	memset(&worker, 0, sizeof(worker));
	conf.n_listener = 1;
	conf.listener[0].transport = TRANSPORT_TLS;
	conf.n_domain = DOMAINS;
	conf.domain[RSA_DOMAIN].psk = conf.domain[EC_DOMAIN].psk = true;
	conf.tls.handshakes = HANDSHAKES;
	conf.tls.engine_timeout_ms = 50;
	strcpy(conf.tls.provider, provider);
	strcpy(conf.tls.engine, engine);
	dp.conf = &conf;
	dp.n_workers = 1;
	dp.tsc_per_us = 1000;
	worker.dp = &dp;
	if (cryptos_create(&dp, err, sizeof(err)) && dp.accel)
		return 0;
	fprintf(stderr, "%s\n", err);
	return -1;
}

static int before_provider(void **state)
{
	(void)state;
	return before(SLOW_PROVIDER, "");
}

#ifdef SLOW_ENGINE
static int before_engine(void **state)
{
	(void)state;
	return before("", SLOW_ENGINE);
}
#endif

static int after(void **state)
{
	(void)state;
	accel_thread_end(dp.accel);
	cryptos_free(&dp);
	SSL_CTX_free(client_ctx);
	return 0;
}

#define EACH(with, name, f)                        \
	{                                          \
		name ": " #f, f, with, after, NULL \
	}
#define ALL(with, name)                                                                 \
	EACH(with, name, many_at_once), EACH(with, name, put_off),                      \
	    EACH(with, name, reset_at_each_step), EACH(with, name, stalls_and_returns), \
	    EACH(with, name, stall_leaves_room), EACH(with, name, keys_looked_up),      \
	    EACH(with, name, keys_unknown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(before_provider, "provider"),
#ifdef SLOW_ENGINE
		ALL(before_engine, "engine"),
#endif
	};

	return cmocka_run_group_tests(tests, eal, NULL);
}
