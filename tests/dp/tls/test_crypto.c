/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Crypto threads: who has which rings, no more handshakes than the configuration says, new domains
 * for handshakes that begin after a reload and for no others (R76), jobs that wait for an engine
 * and what becomes of them, and a crypto CPU beside a worker, each a thread of its own (R72).
 */
#include "tests/world/handshake_world.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

static void put(struct handshake *s)
{
	peer_close();
	handshake_put(&sw.worker[s->worker], s);
}

/* ---- rings ---- */

static void nothing_without_tls(void **state)
{
	(void)state;
	sw.conf.listener[0].transport = TRANSPORT_TCP;
	handshake_start();
	assert_int_equal(sw.dp.n_cryptos, 0);
	assert_int_equal(fake_domain.sets, 0);
}

static void pool_is_bounded(void **state)
{
	struct handshake *s[HANDSHAKE_COUNT];
	int i;

	(void)state;
	handshake_start();
	for (i = 0; i < HANDSHAKE_COUNT; i++)
		s[i] = handshake_fresh();
	assert_null(handshake_get(&sw.worker[0]));
	assert_non_null(handshake_get(&sw.worker[1]));
	/* All of them fit into a ring, there and back. */
	for (i = 0; i < HANDSHAKE_COUNT; i++) {
		s[i]->op = HANDSHAKE_ABORT;
		handshake_send(&sw.worker[0], s[i]);
	}
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 3), 3);
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 1);
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 0);
	assert_int_equal(crypto_turn(sw.dp.crypto[1], 0), 0);
	for (i = 0; i < HANDSHAKE_COUNT; i++)
		assert_ptr_equal(handshake_recv(&sw.worker[0]), s[i]);
	assert_null(handshake_recv(&sw.worker[0]));
	for (i = 0; i < HANDSHAKE_COUNT; i++)
		handshake_put(&sw.worker[0], s[i]);
	assert_non_null(handshake_get(&sw.worker[0]));
}

/* A worker's handshakes go round all crypto CPUs; one goes to the same each time. */
static void crypto_cpus_share(void **state)
{
	struct handshake *s[HANDSHAKE_COUNT];
	int i, seen[3] = { 0 };

	(void)state;
	sw.conf.tls.n_crypto_cpus = 3;
	handshake_start();
	assert_int_equal(sw.dp.n_cryptos, 3);
	assert_int_equal(fake_domain.sets, 3);
	for (i = 0; i < HANDSHAKE_COUNT; i++) {
		s[i] = handshake_get(&sw.worker[i % 2]);
		seen[s[i]->crypto]++;
		s[i]->op = HANDSHAKE_ABORT;
		handshake_send(&sw.worker[i % 2], s[i]);
	}
	assert_true(seen[0] && seen[1] && seen[2]);
	for (i = 0; i < 3; i++)
		assert_int_equal(crypto_turn(sw.dp.crypto[i], 0), seen[i]);
	for (i = 0; i < HANDSHAKE_COUNT; i++) {
		struct handshake *back = handshake_recv(&sw.worker[i % 2]);

		assert_int_equal(back->worker, i % 2);
		assert_int_equal(back->state, HANDSHAKE_ABORTED);
		handshake_put(&sw.worker[i % 2], back);
	}
}

/* ---- reload ---- */

static void reload(bool ok)
{
	char err[256] = "";

	assert_int_equal(cryptos_reload(&sw.dp, NULL, err, sizeof(err)), ok);
	assert_int_equal(*err != '\0', !ok);
}

static void reload_takes_effect(void **state)
{
	struct handshake *s;

	(void)state;
	handshake_start();
	fake_domain.max = TLS1_2_VERSION;
	reload(true);
	s = handshake_do();
	expect_done(s);
	assert_int_equal(s->result.version, TLS_1_2);
	put(s);
	assert_int_equal(fake_domain.published, 2);
	/* Worker 1 has yet to look. */
	assert_int_equal(fake_domain.sets, 3);
	crypto_turn(sw.dp.crypto[1], 0);
	assert_int_equal(fake_domain.sets, 2);
}

/* What a handshake began with it ends with; its domains go with the last that uses them. */
static void reload_amid_handshake(void **state)
{
	struct handshake *s, *late;

	(void)state;
	handshake_start();
	s = handshake_fresh();
	peer_open();
	assert_true(handshake_move(s));
	reload(true);
	crypto_turn(sw.dp.crypto[0], 0);
	crypto_turn(sw.dp.crypto[1], 0);
	assert_int_equal(fake_domain.sets, 3);
	late = handshake_fresh();
	late->in_len = 0;
	assert_true(handshake_turn(late, HANDSHAKE_FEED));
	handshake_all(s);
	expect_done(s);
	expect_records(s);
	assert_int_equal(fake_domain.sets, 2);
	put(s);
	assert_true(handshake_turn(late, HANDSHAKE_ABORT));
	put(late);
}

static void reload_twice(void **state)
{
	(void)state;
	handshake_start();
	reload(true);
	reload(true);
	assert_int_equal(fake_domain.sets, 4);
	crypto_turn(sw.dp.crypto[0], 0);
	assert_int_equal(fake_domain.sets, 3);
}

static void reload_fails(void **state)
{
	struct handshake *s;

	(void)state;
	handshake_start();
	fake_domain.fail = true;
	reload(false);
	assert_int_equal(fake_domain.sets, 2);
	assert_int_equal(fake_domain.errors, 1);
	assert_int_equal(fake_domain.published, 1);
	s = handshake_do();
	expect_done(s);
	put(s);
}

/* ---- jobs ---- */

static void *other_thread(void *arg)
{
	(void)arg;
	fake_accel_done();
	return NULL;
}

/* A handshake whose job the engine has. */
static struct handshake *handshake_parked(void)
{
	struct handshake *s;

	fake_domain.accel = true;
	fake_domain.hook = fake_accel_pause;
	handshake_start();
	s = handshake_fresh();
	peer_open();
	assert_false(handshake_move(s));
	assert_true(fake_domain.waiting);
	return s;
}

static void job_waits(void **state)
{
	struct handshake *s;
	pthread_t t;

	(void)state;
	s = handshake_parked();
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 0);
	assert_null(handshake_recv(&sw.worker[0]));
	assert_int_equal(pthread_create(&t, NULL, other_thread, NULL), 0);
	pthread_join(t, NULL);
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 1);
	assert_ptr_equal(handshake_recv(&sw.worker[0]), s);
	assert_int_equal(BIO_write(sw.tls.in, s->out, (int)s->out_len), s->out_len);
	handshake_all(s);
	expect_done(s);
	expect_records(s);
	assert_int_equal(fake_domain.stalls, 0);
	put(s);
}

/* The engine's queue is full: it is asked again, turn by turn. */
static void job_is_refused(void **state)
{
	struct handshake *s;

	(void)state;
	fake_domain.full = 3;
	s = handshake_parked();
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 1);
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 1);
	assert_null(handshake_recv(&sw.worker[0]));
	fake_domain.waiting = false;
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 1);
	assert_ptr_equal(handshake_recv(&sw.worker[0]), s);
	assert_int_equal(BIO_write(sw.tls.in, s->out, (int)s->out_len), s->out_len);
	handshake_all(s);
	expect_done(s);
	put(s);
}

/* Told of once; and when the job comes back all the same, the handshake goes on. */
static void job_stalls(void **state)
{
	struct handshake *s;

	(void)state;
	sw.conf.tls.engine_timeout_ms = 0;
	s = handshake_parked();
	crypto_turn(sw.dp.crypto[0], 0);
	crypto_turn(sw.dp.crypto[0], 0);
	assert_int_equal(fake_domain.stalls, 1);
	fake_accel_done();
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 1);
	assert_ptr_equal(handshake_recv(&sw.worker[0]), s);
	assert_true(handshake_turn(s, HANDSHAKE_ABORT));
	put(s);
}

/* Given up while its job runs on: nothing that the job refers to is freed before it has returned.
 */
static void job_outlives_abort(void **state)
{
	struct handshake *s;

	(void)state;
	fake_domain.accel = true;
	fake_domain.after_psk = fake_accel_pause;
	s = handshake_psk_asked("PSK-AES128-GCM-SHA256");
	assert_false(handshake_turn(s, HANDSHAKE_ABORT));
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 0);
	assert_int_equal(fake_domain.ssls, 2);
	fake_accel_done();
	assert_int_equal(crypto_turn(sw.dp.crypto[0], 0), 1);
	assert_ptr_equal(handshake_recv(&sw.worker[0]), s);
	assert_int_equal(s->state, HANDSHAKE_ABORTED);
	assert_int_equal(fake_domain.ssls, 1);
	put(s);
}

/* ---- two threads ---- */

static void *crypto_cpu(void *arg)
{
	crypto_run(arg);
	return NULL;
}

static void *service(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 5; i++)
		reload(true);
	return NULL;
}

/* To the other thread and back. */
static void hand_over(struct handshake *s)
{
	s->op = HANDSHAKE_FEED;
	handshake_send(&sw.worker[0], s);
	while (!handshake_recv(&sw.worker[0]))
		sched_yield();
	if (s->out_len)
		BIO_write(sw.tls.in, s->out, (int)s->out_len);
}

static void own_thread(void **state)
{
	pthread_t cpu, reloads;
	int i;

	(void)state;
	sw.conf.tls.n_crypto_cpus = 1;
	sw.conf.dataplane.idle_max_us = 100;
	handshake_start();
	assert_int_equal(pthread_create(&cpu, NULL, crypto_cpu, sw.dp.crypto[0]), 0);
	assert_int_equal(pthread_create(&reloads, NULL, service, NULL), 0);
	for (i = 0; i < 20; i++) {
		struct handshake *s = handshake_fresh();

		SSL_CTX_set_max_proto_version(sw.tls.ctx, i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
		peer_open();
		while (!handshake_over(s)) {
			SSL_do_handshake(sw.tls.ssl);
			s->in_len = s->state == HANDSHAKE_OUT ? 0 : peer_record(s->in);
			hand_over(s);
		}
		SSL_do_handshake(sw.tls.ssl);
		expect_done(s);
		expect_records(s);
		put(s);
	}
	pthread_join(reloads, NULL);
	atomic_store(&sw.dp.stop, true);
	pthread_join(cpu, NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, handshake_setup, handshake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_without_tls),	  T(pool_is_bounded),
		T(crypto_cpus_share),	  T(reload_takes_effect),
		T(reload_amid_handshake), T(reload_twice),
		T(reload_fails),	  T(job_waits),
		T(job_is_refused),	  T(job_stalls),
		T(job_outlives_abort),	  T(own_thread),
	};

	return cmocka_run_group_tests(tests, handshake_eal, NULL);
}
