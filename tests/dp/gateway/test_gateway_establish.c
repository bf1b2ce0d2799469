/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How terminations of TCP and TLS come up: 3GPP TS 23.334 5.11.2.x.3 to .4.2 and .5.1, whose
 * clauses tests are named after; R42 to R53, R58. Whatever the roles, nothing passes before both
 * sides are up and each certificate was judged.
 */
#include "tests/world/stream_world.h"

#include <openssl/rand.h>

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static const uint16_t roles[] = { 0, TERM_CONNECT, TERM_TLS_CLIENT,
				  TERM_CONNECT | TERM_TLS_CLIENT };

/* ---- 5.11.2.x.3: modes of operation ---- */

static void test_5_11_2_x_3_1_tls_to_tcp(void **state)
{
	(void)state;
	for (size_t a = 0; a < RTE_DIM(roles); a++) {
		for (size_t b = 0; b < 2; b++) {
			gate_up(TERM_TLS, roles[a], TERM_TCP, roles[b]);
			gate_passes();
			gate_again();
			gate_up(TERM_TCP, roles[b], TERM_TLS, roles[a]);
			gate_passes();
			gate_again();
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
			gate_passes();
			gate_again();
		}
	}
}

static void test_5_11_2_x_3_tcp_to_tcp(void **state)
{
	(void)state;
	for (size_t a = 0; a < 2; a++) {
		for (size_t b = 0; b < 2; b++) {
			gate_up(TERM_TCP, roles[a], TERM_TCP, roles[b]);
			gate_passes();
			gate_again();
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
	gate_event(1, TERM_UP);
	far_connect(0);
	gate.far[0].host->fin = true;
	gate_unfit(role, TCP_END_TLS_FINGERPRINT);
	assert_int_equal(gate.far[0].tls.alert, SSL_AD_BAD_CERTIFICATE);
	gate.far[0].no_cert = false;
	gate_again();
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
		X509 *shown = SSL_get1_peer_certificate(gate.far[i].tls.ssl), *own;
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
		SSL_set_psk_client_callback(gate.far[0].tls.ssl, give_psk);
		gate_set();
		far_connect(0);
		gate.far[0].host->fin = true;
		gate_pass_ms(200);
		assert_int_equal(gate_event(0, TERM_REFUSED)->tls_version, 0);
		gate_no_event();
		assert_int_equal(world_count(0, CNT_TLS_PSK), 0);
		gate_again();
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
	assert_int_equal(gate_event(0, TERM_UP)->tls_suite, 0xc02c);
	assert_int_equal(gate_event(1, TERM_UP)->tls_version, TLS1_3_VERSION);
	gate_passes();
	assert_int_equal(SSL_version(gate.far[0].tls.ssl), TLS1_2_VERSION);
	assert_int_equal(SSL_version(gate.far[1].tls.ssl), TLS1_3_VERSION);
}

/* ---- 5.11.2.x.4.2: session establishment ---- */

/* Until it is up; then gone. */
static void comes_up(void)
{
	gate_set();
	far_connect(0);
	gate_event(0, TERM_UP);
	gate_again();
}

static void is_refused(void)
{
	bool client = gate_term(0)->flags & TERM_CONNECT;

	gate_set();
	far_connect(0);
	gate.far[0].host->fin = true;
	gate_pass_ms(200);
	assert_int_equal(gate_event(0, client ? TERM_ENDED : TERM_REFUSED)->why,
			 TCP_END_TLS_FINGERPRINT);
	assert_int_equal(gate.far[0].tls.alert, SSL_AD_BAD_CERTIFICATE);
	assert_int_equal(gate.far[0].n, 0);
	gate_again();
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
	e = gate_unjudged(role);
	assert_int_equal(e->tls_version, version);
	assert_memory_not_equal(e->sha256, (uint8_t[32]){ 0 }, 32);
	far_say(0, "early", 5);
	far_say(1, "eager", 5);
	gate_pass_ms(1900);
	gate_no_event();
	assert_int_equal(gate.far[1].n, 0);
	assert_int_equal(gate.far[0].n, 0);
	gate_fingerprint(0, FP_SHA384, right);
	gate_set();
	if (right) {
		gate_event(0, TERM_UP);
		far_heard(1, "early", 5);
		far_heard(0, "eager", 5);
		gate_pass_ms(200); /* its time is not over any more */
		gate_no_event();
	} else {
		gate_unfit(role, TCP_END_TLS_FINGERPRINT);
		assert_int_equal(gate.far[0].tls.alert, SSL_AD_BAD_CERTIFICATE);
		assert_true(gate.far[0].host->fin_rcvd);
		assert_int_equal(gate.far[1].n, 0);
		assert_int_equal(gate.far[1].host->rst, (role & TERM_CONNECT) != 0);
	}
	gate_again();
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
		gate_unjudged(roles[r]);
		far_say(0, "early", 5);
		gate_pass_ms(2001);
		gate_unfit(roles[r], TCP_END_NO_FINGERPRINT);
		assert_int_equal(gate.far[0].tls.alert, SSL_AD_BAD_CERTIFICATE);
		assert_int_equal(gate.far[1].n, 0);
		gate_again();
	}
}

/* What waits is bounded by the window, which does not grow while nobody reads. */
static void test_5_11_2_x_4_2_early_data_limit(void **state)
{
	static uint8_t bytes[200000];
	struct host *h;
	uint64_t edge;

	(void)state;
	gate_unjudged(0);
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
		assert_int_equal(gate_event(0, TERM_UP)->tls_version, TLS1_3_VERSION);
		gate_again();
		gate.far[0].version_max = TLS1_2_VERSION;
		gate_want(0, TERM_TLS, roles[r]);
		gate_set();
		far_connect(0);
		assert_int_equal(gate_event(0, TERM_UP)->tls_version, TLS1_2_VERSION);
		gate_again();
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
	assert_string_equal(SSL_get_servername(gate.far[0].tls.ssl, TLSEXT_NAMETYPE_host_name),
			    "ue.test");
	e = gate_event(0, TERM_UP);
	assert_int_equal(e->attempt, 1);
	assert_int_equal(e->tls_version, TLS1_3_VERSION);
	assert_int_equal(e->tls_suite,
			 SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(gate.far[0].tls.ssl)));
	assert_int_equal(
	    X509_digest(SSL_get_certificate(gate.far[0].tls.ssl), EVP_sha256(), digest, &len), 1);
	assert_memory_equal(e->sha256, digest, 32);
	assert_memory_equal(&e->remote, &gate_term(0)->remote[0], sizeof(e->remote));
	assert_memory_equal(&e->cid, &gate.want.cid, sizeof(e->cid));
	far_connect(1);
	e = gate_event(1, TERM_UP);
	assert_int_equal(e->tls_version, 0);
	assert_memory_equal(&e->remote, &gate.far[1].host->addr, sizeof(e->remote));
}

/* ALPN is between the two ends, as all that they speak is. */
static void test_5_11_2_x_4_2_alpn(void **state)
{
	(void)state;
	gate_want(0, TERM_TLS, 0);
	SSL_set_alpn_protos(gate.far[0].tls.ssl, (const uint8_t *)"\4msrp", 5);
	comes_up();
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
