/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers, crypto CPUs and the service thread share while handshakes go on (R9, R65, R76),
 * each a thread of its own here: handshakes of several workers at once on several crypto CPUs, with
 * tickets, with keys that are looked up, by clients that go away, and with a provider that wakes
 * jobs from threads of its own; the service thread sets ticket keys and reads certificates again
 * all the while. Every handshake ends as its client expects, each reload is taken up, and nothing
 * is left. ThreadSanitizer (tests/run.sh tsan:) says whether they were alone with what they
 * touched.
 */
#include "tests/world/make_cert.h"
#include "tests/world/eal.h"
#include "tests/world/unit.h"

#include "dp/tls/crypto.h"
#include "dp/tls/tickets.h"
#include "dp/worker.h"
#include "tests/accel/slow.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <pthread.h>
#include <rte_eal.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WORKERS = 2,
	CPUS = 2,
	CLIENTS = 4, /* of each worker, at once */
	TIMES = 21,  /* that each client comes at least */
	RELOADS = 20,
	KEY_LEN = 32,
};

/* How a client comes: its ticket is of the time before. */
enum visit { FULL_13, TICKET_13, PSK_13, FULL_12, TICKET_12, PSK_12, GOES_AWAY, VISITS };

struct client {
	SSL *ssl;
	BIO *in, *out;
	SSL_SESSION *session;
	struct handshake *s;
	uint32_t times; /* so far */
	uint32_t steps; /* of this time */
	bool away;	/* the crypto thread has it */
};

/* A worker's thread. Its own until it has been joined. */
struct place {
	struct worker worker;
	SSL_CTX *ctx;
	struct client client[CLIENTS];
	uint32_t over; /* handshakes */
	char wrong[128];
};

static struct config conf;
static struct dplane dp;
static struct tickets tickets;
static struct place place[WORKERS];
static struct slow *slow; /* the provider */
static char dir[] = "/tmp/fl_cpus.XXXXXX";
static _Atomic bool enough; /* main thread to workers: so many times will do */

/* ---- clients ---- */

static enum visit visit_of(const struct client *c)
{
	return c->times % VISITS;
}

static bool is_13(enum visit v)
{
	return v == FULL_13 || v == TICKET_13 || v == PSK_13 || v == GOES_AWAY;
}

static bool is_psk(enum visit v)
{
	return v == PSK_13 || v == PSK_12;
}

/* The first thing that is wrong is told by the main thread: cmocka knows no other. */
static void expect(struct place *p, const struct client *c, bool ok, const char *what)
{
	if (!ok && !*p->wrong)
		snprintf(p->wrong, sizeof(p->wrong), "time %u, visit %u, state %u: %s", c->times,
			 visit_of(c), c->s->state, what);
}

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	struct client *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->session);
	c->session = s;
	return 1;
}

static int on_psk_13(SSL *ssl, const EVP_MD *md, const uint8_t **id, size_t *len,
		     SSL_SESSION **session)
{
	static const uint8_t suite[2] = { 0x13, 0x01 };
	uint8_t key[KEY_LEN];

	(void)md;
	memset(key, 'k', sizeof(key));
	*session = SSL_SESSION_new();
	*id = (const uint8_t *)"subscriber";
	*len = strlen("subscriber");
	return *session && SSL_SESSION_set1_master_key(*session, key, sizeof(key)) &&
	       SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)) &&
	       SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION);
}

static unsigned int on_psk_12(SSL *ssl, const char *hint, char *identity, unsigned int max,
			      uint8_t *psk, unsigned int max_psk)
{
	(void)ssl, (void)hint, (void)max_psk;
	snprintf(identity, max, "subscriber");
	memset(psk, 'k', KEY_LEN);
	return KEY_LEN;
}

static void client_open(struct place *p, struct client *c)
{
	const enum visit v = visit_of(c);
	const int version = is_13(v) ? TLS1_3_VERSION : TLS1_2_VERSION;

	c->ssl = SSL_new(p->ctx);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_app_data(c->ssl, c);
	SSL_set_connect_state(c->ssl);
	SSL_set_min_proto_version(c->ssl, version);
	SSL_set_max_proto_version(c->ssl, version);
	if (v == PSK_13 || v == GOES_AWAY)
		SSL_set_psk_use_session_callback(c->ssl, on_psk_13);
	if (v == PSK_12) {
		SSL_set_psk_client_callback(c->ssl, on_psk_12);
		SSL_set_cipher_list(c->ssl, "DHE-PSK-AES128-GCM-SHA256");
	}
	c->s = handshake_get(&p->worker); /* there are as many as clients */
	c->s->conn.idx = (uint32_t)(c - p->client);
	c->s->state = HANDSHAKE_MORE;
	c->steps = 0;
	if (v == TICKET_13 || v == TICKET_12)
		expect(p, c, c->session && SSL_set_session(c->ssl, c->session), "no ticket");
}

static void client_close(struct place *p, struct client *c)
{
	/* In good order, or OpenSSL would not use its session again. */
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	c->ssl = NULL;
	handshake_put(&p->worker, c->s);
	c->times++;
	p->over++;
}

static void client_over(struct place *p, struct client *c)
{
	const enum visit v = visit_of(c);
	const struct handshake_result *r = &c->s->result;
	char byte;

	expect(p, c, c->s->ssl == NULL, "OpenSSL's memory is left");
	if (v == GOES_AWAY) {
		expect(p, c, c->s->state == HANDSHAKE_ABORTED, "not aborted");
	} else if (c->s->state != HANDSHAKE_DONE) {
		expect(p, c, false, "not done");
	} else {
		SSL_do_handshake(c->ssl);
		SSL_read(c->ssl, &byte, 1); /* TLS 1.3: the ticket comes after Finished */
		expect(p, c, SSL_is_init_finished(c->ssl), "the client has not finished");
		expect(p, c, r->version == (is_13(v) ? TLS_1_3 : TLS_1_2), "another version");
		expect(p, c, r->psk == is_psk(v), "another key");
		expect(p, c, is_psk(v) || r->resumed == (v == TICKET_13 || v == TICKET_12),
		       "resumed or not");
	}
	client_close(p, c);
}

/* ---- threads ---- */

static void client_send(struct place *p, struct client *c, enum handshake_op op)
{
	c->s->op = op;
	c->away = true;
	handshake_send(&p->worker, c->s);
}

/* The next record that the client wrote, 0: none. */
static uint32_t client_record(const struct client *c)
{
	uint8_t *to = c->s->in;
	uint32_t len;

	if (BIO_read(c->out, to, TLS_HDR) != TLS_HDR)
		return 0;
	len = (uint32_t)to[3] << 8 | to[4];
	return TLS_HDR + (uint32_t)BIO_read(c->out, to + TLS_HDR, (int)len);
}

/* What the worker can do for it. */
static void client_step(struct place *p, struct client *c)
{
	struct handshake *s = c->s;

	if (!c->ssl || c->away)
		return;
	s->in_len = 0;
	if (visit_of(c) == GOES_AWAY && c->steps == c->times / VISITS % 3) {
		client_send(p, c, HANDSHAKE_ABORT);
	} else if (s->state == HANDSHAKE_LOOKUP) {
		memset(s->psk, 'k', KEY_LEN);
		s->psk_len = KEY_LEN;
		client_send(p, c, HANDSHAKE_PSK);
	} else {
		SSL_do_handshake(c->ssl);
		if (s->state != HANDSHAKE_OUT)
			s->in_len = client_record(c);
		if (s->state == HANDSHAKE_OUT || s->in_len)
			client_send(p, c, HANDSHAKE_FEED);
	}
	ERR_clear_error();
}

static void client_back(struct place *p, struct client *c)
{
	const struct handshake *s = c->s;

	c->away = false;
	c->steps++;
	if (s->out_len)
		BIO_write(c->in, s->out, (int)s->out_len);
	if (s->state == HANDSHAKE_DONE || s->state == HANDSHAKE_FAILED ||
	    s->state == HANDSHAKE_ABORTED)
		client_over(p, c);
}

/* Clients come until it is enough. */
static void *work(void *arg)
{
	struct place *p = arg;
	uint32_t i, open;
	struct handshake *s;

	do {
		for (i = open = 0; i < CLIENTS; i++) {
			struct client *c = &p->client[i];

			if (!c->ssl && (c->times < TIMES || !atomic_load(&enough)))
				client_open(p, c);
			client_step(p, c);
			open += c->ssl != NULL;
		}
		while ((s = handshake_recv(&p->worker)))
			client_back(p, &p->client[s->conn.idx]);
		sched_yield();
	} while (open);
	return NULL;
}

static void *crypto(void *arg)
{
	crypto_run(arg);
	return NULL;
}

/* Tickets of either are good with the other. */
static void keys_set(uint8_t epoch)
{
	struct ctl_ticket_keys k;

	memset(&k.previous, epoch - 1, sizeof(k.previous));
	memset(&k.current, epoch, sizeof(k.current));
	memset(&k.next, epoch + 1, sizeof(k.next));
	tickets_set(&tickets, &k, epoch);
}

static bool all_taken(void)
{
	for (uint16_t i = 0; i < dp.n_cryptos; i++)
		if (atomic_load(&dp.crypto[i]->fresh))
			return false;
	return true;
}

/* Of every two reloads the first may be passed over. Returns how many succeeded. */
static uint32_t serve(void)
{
	char err[512];
	uint32_t ok = 0;

	for (uint32_t i = 0; i < RELOADS; i++) {
		keys_set(5 + i % 2);
		ok += cryptos_reload(&dp, NULL, err, sizeof(err));
		while (i % 2 && !all_taken())
			sched_yield();
	}
	return ok;
}

/* ---- tests ---- */

static void all_at_once(void **state)
{
	pthread_t cpu[CPUS], worker[WORKERS];
	uint32_t reloads, i;

	(void)state;
	for (i = 0; i < CPUS; i++)
		assert_int_equal(pthread_create(&cpu[i], NULL, crypto, dp.crypto[i]), 0);
	for (i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&worker[i], NULL, work, &place[i]), 0);
	reloads = serve();
	atomic_store(&enough, true);
	for (i = 0; i < WORKERS; i++)
		pthread_join(worker[i], NULL);
	atomic_store(&dp.stop, true);
	for (i = 0; i < CPUS; i++)
		pthread_join(cpu[i], NULL);
	for (i = 0; i < WORKERS; i++) {
		assert_string_equal(place[i].wrong, "");
		assert_true(place[i].over >= CLIENTS * TIMES);
	}
	assert_int_equal(reloads, RELOADS);
	for (i = 0; i < CPUS; i++) {
		assert_int_equal(dp.crypto[i]->n_parked, 0);
		assert_int_equal(dp.crypto[i]->domains->users, 0);
	}
}

static void all_at_once_with_provider(void **state)
{
	assert_non_null(dp.accel);
	all_at_once(state);
	assert_true(atomic_load(&slow->ops) > 0);
	assert_int_equal(atomic_load(&slow->ops), atomic_load(&slow->done));
}

/* ---- before and after ---- */

static void certificate(const char *kind)
{
	struct config_certificate *c = &conf.certificate[conf.n_certificate];
	struct cert_spec spec = { .cn = "relay.test", .names = "DNS:relay.test" };
	EVP_PKEY *key = make_key(kind);
	X509 *x = make_cert(&spec, key, NULL, NULL);

	snprintf(c->chain, sizeof(c->chain), "%s/%u.pem", dir, conf.n_certificate);
	snprintf(c->key, sizeof(c->key), "%s/%u.key", dir, conf.n_certificate);
	write_certs(c->chain, &x, 1);
	write_key(c->key, key, NULL);
	X509_free(x);
	EVP_PKEY_free(key);
	conf.n_certificate++;
}

static int group_setup(void **state)
{
	void *module = dlopen(SLOW_PROVIDER, RTLD_NOW);

	(void)state;
	slow = module ? dlsym(module, "slow_self") : NULL;
	if (!test_eal("64") || !slow || !mkdtemp(dir))
		return -1;
	certificate("EC:P-256");
	certificate("RSA:2048");
	return setenv("SLOW_MS", "1", 1);
}

static int group_teardown(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < conf.n_certificate; i++) {
		unlink(conf.certificate[i].chain);
		unlink(conf.certificate[i].key);
	}
	return rmdir(dir);
}

static void place_setup(struct place *p, uint16_t id)
{
	memset(p, 0, sizeof(*p));
	p->worker.dp = &dp;
	p->worker.id = id;
	p->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_ciphersuites(p->ctx, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(p->ctx, on_session);
}

static int start(const char *provider)
{
	char err[512] = "";

	snprintf(conf.tls.provider, sizeof(conf.tls.provider), "%s", provider);
	conf.n_listener = 1;
	conf.listener[0].transport = TRANSPORT_TLS;
	conf.n_domain = 1;
	strcpy(conf.domain[0].name, "default");
	conf.domain[0].version_max = CONFIG_TLS_1_3;
	conf.domain[0].tickets = conf.domain[0].psk = true;
	conf.dataplane.idle_max_us = 100;
	conf.tls.n_crypto_cpus = CPUS;
	conf.tls.handshakes = CLIENTS;
	conf.tls.engine_timeout_ms = 60000;
	conf.tls.ticket_lifetime = 3600;
	memset(&dp, 0, sizeof(dp));
	memset(&tickets, 0, sizeof(tickets));
	slow->ops = slow->done = 0;
	dp.conf = &conf;
	dp.n_workers = WORKERS;
	dp.tickets = &tickets;
	dp.tsc_per_us = 1000;
	dp.region_size = CONFIG_CERTIFICATES_MAX * sizeof(struct ctl_cert_info);
	dp.region = aligned_alloc(64, dp.region_size);
	memset(dp.region, 0, dp.region_size);
	keys_set(5);
	enough = false;
	for (uint16_t i = 0; i < WORKERS; i++)
		place_setup(&place[i], i);
	if (cryptos_create(&dp, err, sizeof(err)))
		return 0;
	fprintf(stderr, "%s\n", err);
	return -1;
}

static int setup(void **state)
{
	(void)state;
	return start("");
}

static int setup_provider(void **state)
{
	(void)state;
	return start(SLOW_PROVIDER);
}

static int teardown(void **state)
{
	(void)state;
	cryptos_free(&dp);
	for (uint16_t i = 0; i < WORKERS; i++) {
		for (uint32_t c = 0; c < CLIENTS; c++)
			SSL_SESSION_free(place[i].client[c].session);
		SSL_CTX_free(place[i].ctx);
	}
	free(dp.region);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(all_at_once_with_provider, setup_provider,
						teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
