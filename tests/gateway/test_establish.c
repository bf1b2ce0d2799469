/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How terminations of TCP and TLS come up: 3GPP TS 23.334 5.11.2.x.3 to .4.2 and .5.1, whose
 * clauses tests are named after; R42 to R53, R58. Whatever the roles, nothing passes before both
 * sides are up and each certificate was judged.
 */
#include "stream_world.h"

#include <openssl/rand.h>

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* Both ways, whoever speaks first. */
static void passes(void)
{
	far_say(0, "to the core", 11);
	far_heard(1, "to the core", 11);
	far_say(1, "to the access", 13);
	far_heard(0, "to the access", 13);
}

/* Over: the next one begins with a context of its own. */
static void again(void)
{
	gate_del();
	for (uint32_t i = 0; i < SIDES; i++)
		if (gate.far[i].host)
			gate.far[i].host->fin = true;
	gate_pass_ms(5);
	assert_int_equal(world.w->counters->cnt[CNT_GATE_STREAMS], 0);
	hosts_reset();
	memset(gate.want.term, 0, sizeof(gate.want.term));
	gate.want.cid.gen++;
	gate.n_news = 0;
	gate.far[0].host = gate.far[1].host = NULL;
}

static const uint16_t roles[] = { 0, TERM_CONNECT, TERM_TLS_CLIENT,
				  TERM_CONNECT | TERM_TLS_CLIENT };

/* ---- 5.11.2.x.3: modes of operation ---- */

static void test_5_11_2_x_3_1_tls_to_tcp(void **state)
{
	(void)state;
	for (size_t a = 0; a < RTE_DIM(roles); a++) {
		for (size_t b = 0; b < 2; b++) {
			gate_up(TERM_TLS, roles[a], TERM_TCP, roles[b]);
			passes();
			again();
			gate_up(TERM_TCP, roles[b], TERM_TLS, roles[a]);
			passes();
			again();
		}
	}
}

/* Two sessions of TLS, each with its own keys, in all 16 combinations of roles (R44). */
static void test_5_11_2_x_3_2_tls_to_tls(void **state)
{
	(void)state;
	for (size_t a = 0; a < RTE_DIM(roles); a++) {
		for (size_t b = 0; b < RTE_DIM(roles); b++) {
			gate_up(TERM_TLS, roles[a], TERM_TLS, roles[b]);
			passes();
			again();
		}
	}
}

static void test_5_11_2_x_3_tcp_to_tcp(void **state)
{
	(void)state;
	for (size_t a = 0; a < 2; a++) {
		for (size_t b = 0; b < 2; b++) {
			gate_up(TERM_TCP, roles[a], TERM_TCP, roles[b]);
			passes();
			again();
		}
	}
}

/* Any bytes, of any number, are the same on the other side (R45). */
static void test_5_11_2_x_3_application_agnostic(void **state)
{
	static uint8_t bytes[100000];

	(void)state;
	RAND_bytes(bytes, sizeof(bytes));
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	far_say(0, bytes, sizeof(bytes));
	far_heard(1, bytes, sizeof(bytes));
	far_say(1, bytes, sizeof(bytes) / 2); /* what a host's own window takes at once */
	far_heard(0, bytes, sizeof(bytes) / 2);
	assert_int_equal(world_count(0, CNT_GATE_STREAM_BYTES), sizeof(bytes) * 3 / 2);
}

/* ---- 5.11.2.x.4.1: TLS profile ---- */

static void no_certificate(int version, uint16_t role)
{
	gate.far[0].no_cert = true;
	gate.far[0].version_min = gate.far[0].version_max = version;
	gate_want(0, TERM_TLS, role);
	gate_want(1, TERM_TCP, 0);
	gate_set();
	far_connect(1);
	gate_news(1, TERM_UP);
	far_connect(0);
	gate.far[0].host->fin = true;
	gate_pass_ms(200);
	gate_ended(0, TCP_END_TLS_FINGERPRINT);
	gate_ended(1, TCP_END_PARTNER);
	assert_true(gate.far[0].alert > 0);
	gate.far[0].no_cert = false;
	again();
}

/* Both show a certificate; no pre-shared key does instead (R46, R47). */
static void test_5_11_2_x_4_1_mutual_certificates(void **state)
{
	(void)state;
	for (size_t v = 0; v < RTE_DIM(versions); v++)
		no_certificate(versions[v], 0);
	gate.far[0].version_min = gate.far[0].version_max = 0;
	gate_up(TERM_TLS, 0, TERM_TLS, TERM_TLS_CLIENT);
	for (uint32_t i = 0; i < SIDES; i++) {
		const struct config_certificate *c = &world.conf.certificate[i];
		X509 *shown = SSL_get1_peer_certificate(gate.far[i].ssl), *own;
		FILE *f = fopen(c->chain, "r");

		own = PEM_read_X509(f, NULL, NULL, NULL);
		assert_int_equal(X509_cmp(shown, own), 0);
		X509_free(own);
		X509_free(shown);
		fclose(f);
	}
}

static unsigned int give_psk(SSL *ssl, const char *hint, char *identity, unsigned int max,
			     unsigned char *psk, unsigned int psk_max)
{
	(void)ssl;
	(void)hint;
	(void)psk_max;
	snprintf(identity, max, "anybody");
	memset(psk, 1, 32);
	return 32;
}

/* Even in a domain that has them. */
static void test_5_11_2_x_4_1_no_psk(void **state)
{
	(void)state;
	gate_stop();
	gate_config();
	world.conf.domain[0].psk = true;
	gate_start();
	for (size_t v = 0; v < RTE_DIM(versions); v++) {
		gate.far[0].no_cert = true;
		gate.far[0].version_min = gate.far[0].version_max = versions[v];
		gate.far[0].suites = "PSK";
		gate_want(0, TERM_TLS, 0);
		gate_want(1, TERM_TCP, 0);
		SSL_set_psk_client_callback(gate.far[0].ssl, give_psk);
		gate_set();
		far_connect(0);
		gate.far[0].host->fin = true;
		gate_pass_ms(200);
		assert_int_equal(gate_news(0, TERM_ENDED)->tls_version, 0);
		gate_ended(1, TCP_END_PARTNER);
		assert_int_equal(world_count(0, CNT_TLS_PSK), 0);
		again();
	}
}

/* Each side by its own domain: another version and other suites (R48). */
static void test_5_11_2_x_4_1_two_domains(void **state)
{
	(void)state;
	gate_stop();
	gate_config();
	world.conf.domain[0].version_max = CONFIG_TLS_1_2;
	strcpy(world.conf.domain[0].suite[0], "ECDHE-ECDSA-AES256-GCM-SHA384");
	world.conf.domain[0].n_suite = 1;
	world.conf.domain[1].version_min = CONFIG_TLS_1_3;
	gate_start();
	gate_want(0, TERM_TLS, 0);
	gate_want(1, TERM_TLS, TERM_CONNECT | TERM_TLS_CLIENT);
	gate_set();
	far_connect(0);
	assert_int_equal(gate_news(0, TERM_UP)->tls_suite, 0xc02c);
	assert_int_equal(gate_news(1, TERM_UP)->tls_version, TLS1_3_VERSION);
	passes();
	assert_int_equal(SSL_version(gate.far[0].ssl), TLS1_2_VERSION);
	assert_int_equal(SSL_version(gate.far[1].ssl), TLS1_3_VERSION);
}

/* ---- 5.11.2.x.4.2: session establishment ---- */

/* Until it is up; then gone. */
static void comes_up(void)
{
	gate_set();
	far_connect(0);
	gate_news(0, TERM_UP);
	again();
}

static void is_refused(void)
{
	gate_set();
	far_connect(0);
	gate.far[0].host->fin = true;
	gate_pass_ms(200);
	gate_ended(0, TCP_END_TLS_FINGERPRINT);
	assert_int_equal(gate.far[0].alert, SSL_AD_BAD_CERTIFICATE);
	assert_int_equal(gate.far[0].n, 0);
	again();
}

/* Of every hash; of several the strongest counts, and any of that (RFC 8122 5; R50). */
static void test_5_11_2_x_4_2_fingerprints(void **state)
{
	(void)state;
	for (size_t v = 0; v < RTE_DIM(versions); v++) {
		for (size_t r = 0; r < RTE_DIM(roles); r++) {
			gate.far[0].version_min = gate.far[0].version_max = versions[v];
			for (uint8_t h = 0; h < FP_HASHES; h++) {
				gate_want(0, TERM_TLS, roles[r]);
				gate_term(0)->n_fingerprint = 0;
				gate_fingerprint(0, h, true);
				comes_up();
				gate_want(0, TERM_TLS, roles[r]);
				gate_term(0)->n_fingerprint = 0;
				gate_fingerprint(0, h, false);
				is_refused();
			}
			gate_want(0, TERM_TLS, roles[r]);
			gate_fingerprint(0, FP_SHA256, false);
			gate_fingerprint(0, FP_SHA1, false);
			comes_up();
			gate_want(0, TERM_TLS, roles[r]);
			gate_fingerprint(0, FP_SHA512, false);
			is_refused();
		}
	}
}

/* It waits: what came by then is judged as if it had not, once there is what to judge it by (R51).
 */
static void late(int version, uint16_t role, bool right)
{
	const struct evt_term *e;

	gate.far[0].version_min = gate.far[0].version_max = version;
	gate_want(0, TERM_TLS, role);
	gate_want(1, TERM_TCP, 0);
	gate_term(0)->n_fingerprint = 0;
	gate_set();
	far_connect(1);
	gate_news(1, TERM_UP);
	far_connect(0);
	e = gate_news(0, TERM_UNJUDGED);
	assert_int_equal(e->tls_version, version);
	assert_memory_not_equal(e->sha256, (uint8_t[32]){ 0 }, 32);
	far_say(0, "early", 5);
	far_say(1, "eager", 5);
	gate_pass_ms(1900);
	gate_no_news();
	assert_int_equal(gate.far[1].n, 0);
	assert_int_equal(gate.far[0].n, 0);
	gate_fingerprint(0, FP_SHA384, right);
	gate_set();
	if (right) {
		gate_news(0, TERM_UP);
		far_heard(1, "early", 5);
		far_heard(0, "eager", 5);
		gate_pass_ms(200); /* its time is not over any more */
		gate_no_news();
	} else {
		gate_ended(0, TCP_END_TLS_FINGERPRINT);
		gate_ended(1, TCP_END_PARTNER);
		assert_int_equal(gate.far[0].alert, SSL_AD_BAD_CERTIFICATE);
		assert_true(gate.far[0].host->fin_rcvd);
		assert_int_equal(gate.far[1].n, 0);
		far_reset(1);
	}
	again();
}

static void test_5_11_2_x_4_2_fingerprint_late(void **state)
{
	(void)state;
	for (size_t v = 0; v < RTE_DIM(versions); v++) {
		for (size_t r = 0; r < RTE_DIM(roles); r++) {
			late(versions[v], roles[r], true);
			late(versions[v], roles[r], false);
		}
	}
}

/* None at all. */
static void test_5_11_2_x_4_2_fingerprint_absent(void **state)
{
	(void)state;
	for (size_t r = 0; r < RTE_DIM(roles); r++) {
		gate_want(0, TERM_TLS, roles[r]);
		gate_want(1, TERM_TCP, 0);
		gate_term(0)->n_fingerprint = 0;
		gate_set();
		far_connect(1);
		gate_news(1, TERM_UP);
		far_connect(0);
		gate_news(0, TERM_UNJUDGED);
		far_say(0, "early", 5);
		gate_pass_ms(2001);
		gate_ended(0, TCP_END_NO_FINGERPRINT);
		gate_ended(1, TCP_END_PARTNER);
		assert_int_equal(gate.far[0].alert, SSL_AD_BAD_CERTIFICATE);
		assert_int_equal(gate.far[1].n, 0);
		again();
	}
}

/* What waits is bounded by the window, which does not grow while nobody reads. */
static void test_5_11_2_x_4_2_early_data_limit(void **state)
{
	static uint8_t bytes[200000];
	struct host *h;
	uint64_t edge;

	(void)state;
	gate_want(0, TERM_TLS, 0);
	gate_want(1, TERM_TCP, 0);
	gate_term(0)->n_fingerprint = 0;
	gate_set();
	far_connect(0);
	far_connect(1);
	gate_news(0, TERM_UNJUDGED);
	gate_news(1, TERM_UP);
	/* In plain as in TLS: the host keeps to the window. */
	h = gate.far[1].host;
	h->to_send += sizeof(bytes);
	gate_run();
	assert_true(h->sent < 65536);
	assert_true(h->sent > 1000);
	h->to_send = h->sent;
	edge = gate.far[0].host->wnd;
	assert_true(edge < 65536 * 2);
	far_say(0, bytes, 20000);
	assert_int_equal(gate.far[0].host->wnd, edge);
}

/* The highest that both have, in either role (R52). */
static void test_5_11_2_x_4_2_highest_version(void **state)
{
	(void)state;
	for (size_t r = 0; r < RTE_DIM(roles); r++) {
		gate.far[0].version_min = TLS1_2_VERSION;
		gate.far[0].version_max = TLS1_3_VERSION;
		gate_want(0, TERM_TLS, roles[r]);
		gate_set();
		far_connect(0);
		assert_int_equal(gate_news(0, TERM_UP)->tls_version, TLS1_3_VERSION);
		again();
		gate.far[0].version_max = TLS1_2_VERSION;
		gate_want(0, TERM_TLS, roles[r]);
		gate_set();
		far_connect(0);
		assert_int_equal(gate_news(0, TERM_UP)->tls_version, TLS1_2_VERSION);
		again();
	}
}

/* What the notification says (R53). */
static void test_5_11_2_x_4_2_notified(void **state)
{
	const struct evt_term *e;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len;

	(void)state;
	gate_want(0, TERM_TLS, TERM_CONNECT | TERM_TLS_CLIENT);
	snprintf(gate_term(0)->host, sizeof(gate_term(0)->host), "ue.test");
	gate_want(1, TERM_TCP, 0);
	gate_set();
	assert_string_equal(SSL_get_servername(gate.far[0].ssl, TLSEXT_NAMETYPE_host_name),
			    "ue.test");
	e = gate_news(0, TERM_UP);
	assert_int_equal(e->attempt, 1);
	assert_int_equal(e->tls_version, TLS1_3_VERSION);
	assert_int_equal(e->tls_suite,
			 SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(gate.far[0].ssl)));
	assert_int_equal(
	    X509_digest(SSL_get_certificate(gate.far[0].ssl), EVP_sha256(), digest, &len), 1);
	assert_memory_equal(e->sha256, digest, 32);
	assert_memory_equal(&e->remote, &gate_term(0)->remote[0], sizeof(e->remote));
	assert_memory_equal(&e->cid, &gate.want.cid, sizeof(e->cid));
	far_connect(1);
	e = gate_news(1, TERM_UP);
	assert_int_equal(e->tls_version, 0);
	assert_memory_equal(&e->remote, &gate.far[1].host->addr, sizeof(e->remote));
}

/* ALPN is between the two ends, as all that they speak is. */
static void test_5_11_2_x_4_2_alpn(void **state)
{
	(void)state;
	gate_want(0, TERM_TLS, 0);
	SSL_set_alpn_protos(gate.far[0].ssl, (const uint8_t *)"\4msrp", 5);
	comes_up();
}

/* ---- 5.11.2.x.5.1: TCP connection establishment ---- */

/* On request only, and then alone (R58). */
static void test_5_11_2_x_5_1_connect_on_request(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_term(0)->attempt = 0;
	gate_set();
	gate_pass_ms(50);
	assert_int_equal(gate.far[0].host->syns, 0);
	gate_term(0)->attempt = 1;
	gate_set();
	assert_int_equal(gate.far[0].host->syns, 1);
	assert_int_equal(be16_get(gate.far[0].host->us.port), LOCAL_PORT);
	gate_news(0, TERM_UP);
	gate_set(); /* it is told what it is already */
	assert_int_equal(gate.far[0].host->syns, 1);
	gate_no_news();
}

/* A server does not hear anybody before, either. */
static void test_5_11_2_x_5_1_listen_on_request(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, 0);
	gate_term(0)->attempt = 0;
	gate_set();
	host_connect(gate.far[0].host);
	assert_true(gate.far[0].host->rst);
	gate_want(0, TERM_TCP, 0);
	gate_set();
	far_connect(0);
	gate_news(0, TERM_UP);
}

/* Somebody at 10.1.0.2, where this is the remote address. */
static void somebody(const char *announced, uint16_t flags, bool welcome)
{
	gate_want(0, TERM_TCP, flags);
	gate_term(0)->remote[0] = at(announced, 9);
	gate_set();
	far_connect(0);
	assert_int_equal(gate.far[0].host->open, welcome);
	assert_int_equal(gate.far[0].host->rst, !welcome);
	if (welcome)
		gate_news(0, TERM_UP);
	again();
}

/* The address that was announced, by any port; with TERM_LATCH anybody (R14, R28). */
static void test_5_11_2_x_5_1_who_may_connect(void **state)
{
	(void)state;
	somebody("10.1.0.2", 0, true);
	somebody("10.1.0.3", 0, false);
	somebody("10.1.0.3", TERM_LATCH, true);
	somebody("10.1.0.2", TERM_LATCH | TERM_LATCH_ADDR, true);
	somebody("10.1.0.3", TERM_LATCH | TERM_LATCH_ADDR, false);
}

static struct host *second(uint16_t port)
{
	struct sock_addr us = at("10.1.0.1", LOCAL_PORT), it = at("10.1.0.2", port);
	struct host *h = host_new(ACCESS, &it, &us, 0, 0);

	h->any = true;
	host_connect(h);
	return h;
}

/* One connection a termination. */
static void test_5_11_2_x_5_1_one_connection(void **state)
{
	struct host *h;

	(void)state;
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	h = second(7000);
	assert_true(h->rst && !h->open);
	passes();
}

/* With TLS the one is who first says something: who only connects keeps nobody out. */
static void test_5_11_2_x_5_1_silent_connections(void **state)
{
	struct host *h;

	(void)state;
	gate_want(0, TERM_TLS, 0);
	gate_set();
	h = second(7000);
	assert_true(h->open);
	far_connect(0);
	gate_news(0, TERM_UP);
	host_say(h, "\26\3\1\0\1\1", 6); /* too late */
	assert_true(h->rst);
	gate_no_news();
}

static void test_5_11_2_x_5_1_refused(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_want(1, TERM_TCP, 0);
	gate.far[0].host->refuse = true;
	gate_term(0)->attempt = 0;
	gate_set();
	far_connect(1);
	gate_news(1, TERM_UP);
	gate_term(0)->attempt = 1;
	gate_set();
	gate_ended(0, TCP_END_REFUSED);
	gate_ended(1, TCP_END_PARTNER);
	far_reset(1);
	/* Another attempt begins anew, and both may. */
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_want(1, TERM_TCP, 0);
	gate_set();
	far_connect(1);
	gate_news(0, TERM_UP);
	gate_news(1, TERM_UP);
	passes();
}

static void test_5_11_2_x_5_1_no_answer(void **state)
{
	(void)state;
	world.conf.tcp.connect_timeout = 2;
	gate_want(0, TERM_TLS, TERM_CONNECT);
	gate.far[0].host->silent = true;
	gate_set();
	gate_pass_ms(1999);
	gate_no_news();
	gate_pass_ms(2);
	gate_ended(0, TCP_END_TIMEOUT);
}

static void test_5_11_2_x_5_1_no_remote(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_term(0)->remote[0] = (struct sock_addr){ 0 };
	gate_set();
	gate_ended(0, TCP_END_UNREACHABLE);
}

/* A live connection makes way for another attempt; its partner stays. */
static void test_5_11_2_x_5_1_another_attempt(void **state)
{
	struct host *old;

	(void)state;
	gate_up(TERM_TCP, 0, TERM_TLS, 0);
	old = gate.far[0].host;
	gate_want(0, TERM_TCP, 0);
	gate_set();
	assert_true(old->fin_rcvd && !old->rst);
	old->fin = true;
	far_say(1, "meanwhile ", 10);
	far_connect(0);
	assert_int_equal(gate_news(0, TERM_UP)->attempt, 2);
	far_heard(0, "meanwhile ", 10);
	passes();
}

/* Between the same ports as an earlier one, which is in TIME-WAIT here (RFC 9293 3.6.1). */
static void test_5_11_2_x_5_1_over_time_wait(void **state)
{
	struct sock_addr remote;

	(void)state;
	gate_want(0, TERM_TCP, TERM_CONNECT);
	remote = gate_term(0)->remote[0];
	gate_set();
	gate_news(0, TERM_UP);
	again();
	assert_int_equal(world.w->counters->cnt[CNT_TCP_TIME_WAIT], 1);
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_term(0)->remote[0] = remote;
	gate.far[0].host->addr = remote;
	gate_set();
	gate_news(0, TERM_UP);
	assert_int_equal(world.w->counters->cnt[CNT_TCP_TIME_WAIT], 0);
}

/* No stream is left for a third context. */
static void test_5_11_2_x_5_1_full(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, 0);
	for (uint32_t i = 0; i < 3; i++) {
		gate.want.cid.slot = i;
		gate_term(0)->local.port = be16_make((uint16_t)(LOCAL_PORT + 8 * i));
		gate_set();
		assert_int_equal(gate.refused, i / 2);
	}
	while (gate.want.cid.slot--)
		gate_del();
	gate.want.cid.slot = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		gate_test(test_5_11_2_x_3_1_tls_to_tcp),
		gate_test(test_5_11_2_x_3_2_tls_to_tls),
		gate_test(test_5_11_2_x_3_tcp_to_tcp),
		gate_test(test_5_11_2_x_3_application_agnostic),
		gate_test(test_5_11_2_x_4_1_mutual_certificates),
		gate_test(test_5_11_2_x_4_1_no_psk),
		gate_test(test_5_11_2_x_4_1_two_domains),
		gate_test(test_5_11_2_x_4_2_fingerprints),
		gate_test(test_5_11_2_x_4_2_fingerprint_late),
		gate_test(test_5_11_2_x_4_2_fingerprint_absent),
		gate_test(test_5_11_2_x_4_2_early_data_limit),
		gate_test(test_5_11_2_x_4_2_highest_version),
		gate_test(test_5_11_2_x_4_2_notified),
		gate_test(test_5_11_2_x_4_2_alpn),
		gate_test(test_5_11_2_x_5_1_connect_on_request),
		gate_test(test_5_11_2_x_5_1_listen_on_request),
		gate_test(test_5_11_2_x_5_1_who_may_connect),
		gate_test(test_5_11_2_x_5_1_one_connection),
		gate_test(test_5_11_2_x_5_1_silent_connections),
		gate_test(test_5_11_2_x_5_1_refused),
		gate_test(test_5_11_2_x_5_1_no_answer),
		gate_test(test_5_11_2_x_5_1_no_remote),
		gate_test(test_5_11_2_x_5_1_another_attempt),
		gate_test(test_5_11_2_x_5_1_over_time_wait),
		gate_test(test_5_11_2_x_5_1_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
