/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DTLS-SRTP in contexts (R24, R89; RFC 5763, 5764): OpenSSL at the far end as client and as server,
 * whose exported keys must be those that media is protected by; every profile; RTCP on a port of
 * its own; who may begin a handshake, and who is learnt by one; certificates and profiles that do
 * not fit; handshakes that begin again; ends.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "tests/world/dtls_world.h"
#include "tests/world/make_cert.h"
#include "tests/world/srtp.h"

#include "dp/gateway/gateway.h"
#include "dp/gateway/media_srtp.h"
#include "dp/tls/crypto.h"

#include <openssl/srtp.h>
#include <unistd.h>

enum { SRTP_PLACES = 4 };

static struct srtp *engine;
static EVP_PKEY *key;
static X509 *cert;

/* What a far end sends by, and hears by. */
struct phone {
	struct dtls_client dtls;
	struct srtp_stream sends, hears;
	struct srtp_key *key[2];
};

static void config(void)
{
	media_config();
	world.conf.gateway.srtp = SRTP_PLACES;
	world.conf.tls =
	    (struct config_tls){ .dtls_handshakes = 4, .waiting = 4, .handshake_ms = 5000 };
	world.conf.tcp.idle_timeout = 60;
}

static int setup(void **state)
{
	char err[512] = "";

	(void)state;
	config();
	world_start();
	if (!cryptos_create(&world.dp, err, sizeof(err)))
		fail_msg("%s", err);
	world_neighbours();
	world_no_out();
	world_forget();
	world.w->dtls->resend_ms = 20;
	engine = srtp_engine_create(NULL);
	assert_non_null(engine);
	key = make_key("EC:P-256");
	cert = make_cert(&(struct cert_spec){ .cn = "phone" }, key, NULL, NULL);
	return 0;
}

/* Nothing is left of associations and handshakes but what terminations have. */
static int teardown(void **state)
{
	for (uint32_t i = 1; i < MEDIA_CONTEXTS; i++) {
		struct cmd_context del = { .cid = { i, 5 } };

		if (world.w->gateway->context[i].gen == 5)
			assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
	}
	for (uint32_t i = 0; i < world.w->dtls->n; i++)
		if (world.w->dtls->conn[i].state != DTLS_FREE)
			assoc_end(world.w, &world.w->dtls->conn[i], TCP_END_CLOSED);
	world_run();
	assert_int_equal(world.w->dtls->used, 0);
	assert_int_equal(world.w->dtls->handshakes, 0);
	assert_int_equal(world.w->dtls->leaving, 0);
	assert_int_equal(dtls_held(world.w), 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	srtp_engine_free(engine);
	cryptos_free(&world.dp);
	return world_teardown(state);
}

static int on_any(X509_STORE_CTX *s, void *arg)
{
	(void)s, (void)arg;
	return 1;
}

/* The far end of a side A's component; profiles NULL: it does not use SRTP. */
static void phone_new(struct phone *p, const struct cmd_context_set *c, uint32_t rtcp,
		      bool connects, const char *profiles)
{
	struct dtls_client *d = &p->dtls;

	memset(p, 0, sizeof(*p));
	d->addr = c->term[SIDE_A].remote[rtcp];
	d->us = media_local(&c->term[SIDE_A], rtcp);
	d->port = gate_component(c->cid.slot, 2 * SIDE_A + rtcp);
	d->ctx = SSL_CTX_new(connects ? DTLS_client_method() : DTLS_server_method());
	assert_int_equal(SSL_CTX_use_cert_and_key(d->ctx, cert, key, NULL, 1), 1);
	SSL_CTX_set_verify(d->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(d->ctx, on_any, NULL);
	if (profiles)
		assert_int_equal(SSL_CTX_set_tlsext_use_srtp(d->ctx, profiles), 0);
	dclient_ssl(d, connects, 0);
}

static void phone_free(struct phone *p)
{
	free(p->key[0]);
	free(p->key[1]);
	dclient_free(&p->dtls);
}

static enum srtp_suite suite_of(unsigned long id)
{
	switch (id) {
	case 1:
		return SRTP_AES_CM_128_80;
	case 2:
		return SRTP_AES_CM_128_32;
	case 7:
		return SRTP_GCM_128;
	default:
		assert_int_equal(id, 8);
		return SRTP_GCM_256;
	}
}

/* RFC 5764 4.2, as the far end has it. */
static void phone_keys(struct phone *p)
{
	SSL *ssl = p->dtls.ssl;
	const bool server = SSL_is_server(ssl);
	const enum srtp_suite suite = suite_of(SSL_get_selected_srtp_profile(ssl)->id);
	const size_t k = srtp_suite_desc[suite].key, salt = srtp_suite_desc[suite].salt;
	uint8_t block[2 * SRTP_MASTER_MAX];

	assert_int_equal(SSL_export_keying_material(ssl, block, 2 * (k + salt),
						    "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0),
			 1);
	srtp_stream_init(&p->sends, 0);
	srtp_stream_init(&p->hears, 0);
	for (size_t i = 0; i < 2; i++) {
		const size_t whose = i ? !server : server;
		struct srtp_master m = { .suite = suite };

		memcpy(m.key, block + whose * k, k);
		memcpy(m.key + k, block + 2 * k + whose * salt, salt);
		p->key[i] = srtp_test_key(engine, &m);
	}
	assert_true(srtp_stream_add(&p->sends, p->key[0]));
	assert_true(srtp_stream_add(&p->hears, p->key[1]));
}

static struct fingerprint fingerprint_of(const X509 *x, const EVP_MD *md, uint8_t hash)
{
	struct fingerprint fp = { .hash = hash };

	assert_int_equal(X509_digest(x, md, fp.digest, NULL), 1);
	return fp;
}

/* RTP on side B, DTLS-SRTP on A, with that certificate at the far end. */
static struct cmd_context_set call(uint16_t flags)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);

	c.term[SIDE_A].flags |= TERM_SRTP | TERM_DTLS | flags;
	c.term[SIDE_A].n_fingerprint = 1;
	c.term[SIDE_A].fingerprint[0] = fingerprint_of(cert, EVP_sha256(), FP_SHA256);
	return c;
}

static void put(struct cmd_context_set *c)
{
	assert_true(media_put(c));
	world_run();
}

static const struct evt_term *told(const struct cmd_context_set *c, uint32_t what, uint32_t rtcp)
{
	const struct evt_term *e = media_evt(EVT_TERM, c->cid);

	assert_int_equal(e->what, what);
	assert_int_equal(e->side, SIDE_A);
	assert_int_equal(e->rtcp, rtcp);
	return e;
}

static void up(const struct cmd_context_set *c, uint32_t rtcp)
{
	const struct fingerprint fp = fingerprint_of(cert, EVP_sha256(), FP_SHA256);
	const struct evt_term *e = told(c, TERM_UP, rtcp);

	assert_int_equal(e->tls_version, TLS_1_2);
	assert_true(e->tls_suite != 0);
	assert_memory_equal(e->sha256, fp.digest, 32);
	media_no_evt();
}

static void refused(const struct cmd_context_set *c, enum tcp_end why)
{
	const struct evt_term *e;

	media_no_evt(); /* in its turn */
	media_later(1000);
	e = told(c, TERM_REFUSED, 0);
	assert_int_equal(e->why, why);
	media_no_evt();
}

/* RTP, or RTCP, both ways: what is plain at B is protected at A. */
static void crosses(const struct cmd_context_set *c, struct phone *p, uint32_t rtcp, uint16_t seq)
{
	const struct ctl_term *a = &c->term[SIDE_A], *b = &c->term[SIDE_B];
	const struct sock_addr a_local = media_local(a, rtcp), b_local = media_local(b, rtcp);
	struct srtp_test_packet plain, x;
	struct udp_view v;

	if (rtcp)
		srtp_test_rtcp(&plain, 7, 0);
	else
		srtp_test_rtp(&plain, 7, seq, 160);
	x = plain;
	assert_int_equal(srtp_test_protect(engine, &p->sends, &x, rtcp, 1), DROP_NONE);
	world_mark();
	media_feed(SIDE_A, &p->dtls.addr, &a_local, x.b, x.len);
	world_drops(DROP_NONE, 0);
	expect_udp(CORE, &v);
	assert_int_equal(v.len, plain.len);
	assert_memory_equal(v.payload, plain.b, plain.len);
	media_feed(SIDE_B, &b->remote[rtcp], &b_local, plain.b, plain.len);
	expect_udp(ACCESS, &v);
	assert_true(sock_addr_eq(&v.dst, &p->dtls.addr));
	memcpy(x.b, v.payload, v.len);
	x.len = v.len;
	assert_int_equal(srtp_test_unprotect(engine, &p->hears, &x, rtcp, 1), DROP_NONE);
	assert_int_equal(x.len, plain.len);
	assert_memory_equal(x.b, plain.b, plain.len);
	world_no_out();
	world_forget();
}

static void opens(struct phone *p)
{
	dclient_take(&p->dtls); /* what went already: a client's first flight */
	dclient_run(&p->dtls);
	assert_int_equal(SSL_is_init_finished(p->dtls.ssl), 1);
	phone_keys(p);
}

static const char *const profile[] = { "SRTP_AES128_CM_SHA1_80", "SRTP_AES128_CM_SHA1_32",
				       "SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_256_GCM" };

/* c is put, and the phone p opens its association as a client, with the first profile. */
static void call_opens(struct cmd_context_set *c, struct phone *p)
{
	put(c);
	phone_new(p, c, 0, true, profile[0]);
	opens(p);
	up(c, 0);
}

/* Both roles, each profile; until then nothing passes. */
static void both_roles(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		struct cmd_context_set c = call(i % 2 ? TERM_TLS_CLIENT : 0);
		struct cmd_context del = { .cid = c.cid };
		struct phone p;

		c.term[SIDE_A].flags |= TERM_RTCP_MUX;
		put(&c);
		media_no_evt();
		phone_new(&p, &c, 0, !(i % 2), profile[i / 2]);
		opens(&p);
		up(&c, 0);
		for (uint16_t seq = 1; seq < 4; seq++)
			crosses(&c, &p, 0, seq);
		assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
		media_evt(EVT_CONTEXT_STATS, c.cid);
		/* It hears that it is over. */
		assert_int_equal(dclient_take(&p.dtls), 1);
		dclient_step(&p.dtls);
		assert_true(SSL_get_shutdown(p.dtls.ssl) & SSL_RECEIVED_SHUTDOWN);
		assert_int_equal(world.w->dtls->used, 0);
		phone_free(&p);
	}
}

/* Our certificate is the one that the control process is told. */
static void our_certificate(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct fingerprint fp;
	struct phone p;
	X509 *x;

	(void)state;
	call_opens(&c, &p);
	x = SSL_get1_peer_certificate(p.dtls.ssl);
	assert_non_null(x);
	fp = fingerprint_of(x, EVP_sha256(), FP_SHA256);
	assert_memory_equal(fp.digest, world.dp.region->dtls_sha256, 32);
	X509_free(x);
	phone_free(&p);
}

/* What is most wanted of what both have; what is not in the list is not agreed on. */
static void preference(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct phone p;

	(void)state;
	c.term[SIDE_A].n_profile = 2;
	c.term[SIDE_A].profile[0] = SRTP_AES_CM_128_32;
	c.term[SIDE_A].profile[1] = SRTP_GCM_128;
	put(&c);
	phone_new(&p, &c, 0, true,
		  "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_32");
	opens(&p);
	up(&c, 0);
	assert_true(SSL_get_selected_srtp_profile(p.dtls.ssl)->id == 2 ||
		    SSL_get_selected_srtp_profile(p.dtls.ssl)->id == 7);
	crosses(&c, &p, 0, 1);
	phone_free(&p);
}

/* RTCP's port has an association and keys of its own, and RTP's are of no use there. */
static void apart(void **state)
{
	(void)state;
	for (uint32_t ours = 0; ours < 2; ours++) {
		struct cmd_context_set c = call(ours ? TERM_TLS_CLIENT : 0);
		struct cmd_context del = { .cid = c.cid };
		struct phone p[2];

		put(&c);
		for (uint32_t rtcp = 0; rtcp < 2; rtcp++)
			phone_new(&p[rtcp], &c, rtcp, !ours, profile[0]);
		if (ours) { /* both first flights are there: each takes its own */
			const struct frame *f;
			struct udp_view v;

			while ((f = world_out(ACCESS))) {
				struct dtls_client *d;

				frame_read_udp(f, &v);
				d = sock_addr_eq(&v.dst, &p[0].dtls.addr) ? &p[0].dtls : &p[1].dtls;
				d->in.len[d->in.n] = v.len;
				memcpy(d->in.b[d->in.n++], v.payload, v.len);
			}
			world_forget();
		}
		for (uint32_t rtcp = 0; rtcp < 2; rtcp++) {
			dclient_run(&p[rtcp].dtls);
			phone_keys(&p[rtcp]);
			up(&c, rtcp);
			crosses(&c, &p[rtcp], rtcp, 1);
		}
		assert_int_equal(world.w->dtls->used, 2);
		assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
		media_evt(EVT_CONTEXT_STATS, c.cid);
		world_forget();
		phone_free(&p[0]);
		phone_free(&p[1]);
	}
}

/* RFC 8122 5: of several hashes the strongest counts, of several lines of it one has to fit. */
static void fingerprints(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct ctl_term *t = &c.term[SIDE_A];
	struct phone p;

	(void)state;
	t->n_fingerprint = 4;
	t->fingerprint[0] = (struct fingerprint){ .hash = FP_SHA256, .digest = { 1 } };
	t->fingerprint[1] = (struct fingerprint){ .hash = FP_SHA512, .digest = { 2 } };
	t->fingerprint[2] = fingerprint_of(cert, EVP_sha512(), FP_SHA512);
	t->fingerprint[3] = fingerprint_of(cert, EVP_sha384(), FP_SHA384);
	call_opens(&c, &p);
	phone_free(&p);
}

/* A client's may be of an answer that is still on its way: it waits, and hears of it then. */
static void wrong_certificate(void **state)
{
	(void)state;
	for (uint32_t ours = 0; ours < 2; ours++) {
		struct cmd_context_set c = call(TERM_RTCP_MUX | (ours ? TERM_TLS_CLIENT : 0));
		struct cmd_context del = { .cid = c.cid };
		struct phone p;

		c.term[SIDE_A].fingerprint[0].digest[31] ^= 1;
		put(&c);
		phone_new(&p, &c, 0, !ours, profile[0]);
		dclient_take(&p.dtls);
		dclient_run(&p.dtls);
		if (!ours) {
			assert_int_equal(SSL_is_init_finished(p.dtls.ssl), 0);
			assert_int_equal(world.w->dtls->used, 1);
			media_no_evt();
			media_later(world.conf.tls.handshake_ms);
			dclient_take(&p.dtls);
			dclient_step(&p.dtls);
		} else {
			media_no_evt(); /* in its turn */
			media_later(1000);
		}
		assert_int_equal(p.dtls.alert, SSL_AD_BAD_CERTIFICATE);
		assert_int_equal(told(&c, TERM_REFUSED, 0)->why, TCP_END_TLS_FINGERPRINT);
		media_drops(&c, SIDE_B, 0, DROP_SRTP_KEY);
		/* It is not tried again. */
		media_later(5000);
		media_no_evt();
		assert_int_equal(world.w->dtls->used, 0);
		assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
		media_evt(EVT_CONTEXT_STATS, c.cid);
		world_forget();
		phone_free(&p);
	}
}

/* The handshake outruns the answer that has its certificate, while others have been told. */
static void outruns(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct phone p;

	(void)state;
	c.term[SIDE_A].fingerprint[0].digest[31] ^= 1;
	put(&c);
	phone_new(&p, &c, 0, true, profile[0]);
	dclient_run(&p.dtls);
	assert_int_equal(SSL_is_init_finished(p.dtls.ssl), 0);
	c.term[SIDE_A].dtls_id++;
	put(&c); /* another that is not it */
	dclient_run(&p.dtls);
	assert_int_equal(SSL_is_init_finished(p.dtls.ssl), 0);
	assert_int_equal(p.dtls.alert, -1);
	c.term[SIDE_A].dtls_id++;
	c.term[SIDE_A].fingerprint[0].digest[31] ^= 1;
	put(&c);
	opens(&p);
	up(&c, 0);
	crosses(&c, &p, 0, 1);
	assert_int_equal(world.w->dtls->used, 1);
	phone_free(&p);
}

/* Who shows no certificate hears of it. */
static void no_certificate(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct phone p;

	(void)state;
	put(&c);
	phone_new(&p, &c, 0, true, profile[0]);
	SSL_free(p.dtls.ssl);
	SSL_CTX_free(p.dtls.ctx);
	p.dtls.ctx = SSL_CTX_new(DTLS_client_method());
	assert_int_equal(SSL_CTX_set_tlsext_use_srtp(p.dtls.ctx, profile[0]), 0);
	dclient_ssl(&p.dtls, true, 0);
	dclient_run(&p.dtls);
	assert_int_equal(p.dtls.alert, SSL_AD_BAD_CERTIFICATE);
	refused(&c, TCP_END_TLS_FINGERPRINT);
	phone_free(&p);
}

static void no_profile(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct phone p;

	(void)state;
	put(&c);
	phone_new(&p, &c, 0, true, NULL);
	dclient_run(&p.dtls);
	assert_int_equal(p.dtls.alert, SSL_AD_HANDSHAKE_FAILURE);
	refused(&c, TCP_END_SRTP_PROFILE);
	media_drops(&c, SIDE_B, 0, DROP_SRTP_KEY);
	phone_free(&p);
}

/* A stranger on the port of a remote that is known gets nothing, and nothing is kept of it. */
static void stranger(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct phone p;

	(void)state;
	put(&c);
	phone_new(&p, &c, 0, true, profile[0]);
	p.dtls.addr = at("10.1.0.77", 4000);
	world_mark();
	dclient_run(&p.dtls);
	world_drops(DROP_GATE_SOURCE, 1);
	world_no_out();
	assert_int_equal(world.w->dtls->used, 0);
	assert_int_equal(media_audit(c.cid, SIDE_A).dropped, 1);
	phone_free(&p);
}

/* Before it is known whose certificate it has to be there is no handshake. */
static void unknown(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct phone p;

	(void)state;
	c.term[SIDE_A].n_fingerprint = 0;
	put(&c);
	phone_new(&p, &c, 0, true, profile[0]);
	dclient_step(&p.dtls);
	world_mark();
	dclient_send(&p.dtls, 0);
	world_drops(DROP_DTLS_NONE, 1);
	world_no_out();
	c.term[SIDE_A].n_fingerprint = 1;
	put(&c);
	dclient_send_all(&p.dtls); /* once more */
	opens(&p);
	up(&c, 0);
	phone_free(&p);
}

/* We are the client: its ClientHello is none of ours. */
static void wrong_role(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX | TERM_TLS_CLIENT);
	struct phone p;

	(void)state;
	put(&c);
	world_forget();
	phone_new(&p, &c, 0, true, profile[0]);
	dclient_step(&p.dtls);
	world_mark();
	dclient_send(&p.dtls, 0);
	world_drops(DROP_DTLS_ROLE, 1);
	world_no_out();
	phone_free(&p);
}

/* Behind a NAT: who finishes a handshake with the right certificate is the remote, and no other. */
static void learnt(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX | TERM_LATCH);
	const struct sock_addr behind = at("10.1.0.2", 4321);
	struct phone p, other;
	uint32_t n;

	(void)state;
	put(&c);
	phone_new(&other, &c, 0, true, profile[0]);
	other.dtls.addr = at("10.1.0.2", 4322);
	dclient_step(&other.dtls);
	dclient_send_all(&other.dtls);
	assert_int_equal(dclient_take(&other.dtls), 1); /* the question for a cookie */
	assert_int_equal(world.w->dtls->used, 0);
	dclient_step(&other.dtls);
	dclient_send_all(&other.dtls);
	assert_int_equal(world.w->dtls->used, 1);
	media_no_evt();
	dclient_take(&other.dtls);

	phone_new(&p, &c, 0, true, profile[0]);
	p.dtls.addr = behind;
	opens(&p);
	media_latched(c.cid, SIDE_A, 0, &behind);
	up(&c, 0);
	crosses(&c, &p, 0, 1);
	/* Too late. */
	dclient_step(&other.dtls);
	world_mark();
	n = other.dtls.out.n;
	assert_true(n > 0);
	dclient_send_all(&other.dtls);
	world_drops(DROP_GATE_SOURCE, n);
	media_no_evt();
	crosses(&c, &p, 0, 2);
	phone_free(&p);
	phone_free(&other);
}

/* Another association is wanted: the keys that there are serve until it is there. */
static void again(void **state)
{
	(void)state;
	for (uint32_t ours = 0; ours < 2; ours++) {
		struct cmd_context_set c = call(TERM_RTCP_MUX | (ours ? TERM_TLS_CLIENT : 0));
		struct cmd_context del = { .cid = c.cid };
		struct phone p, q;

		put(&c);
		phone_new(&p, &c, 0, !ours, profile[0]);
		opens(&p);
		up(&c, 0);
		crosses(&c, &p, 0, 1);
		put(&c); /* the same: nothing happens */
		world_no_out();
		crosses(&c, &p, 0, 2);
		c.term[SIDE_A].dtls_id = 77;
		put(&c);
		phone_new(&q, &c, 0, !ours, profile[3]);
		dclient_take(&q.dtls);
		crosses(&c, &p, 0, 3);
		dclient_run(&q.dtls);
		phone_keys(&q);
		up(&c, 0);
		crosses(&c, &q, 0, 4);
		assert_int_equal(world.w->dtls->used, 1);
		assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
		media_evt(EVT_CONTEXT_STATS, c.cid);
		world_forget();
		phone_free(&p);
		phone_free(&q);
	}
}

/* Nobody answers: it is told once, and tried again until somebody does. */
static void nobody(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX | TERM_TLS_CLIENT);
	struct phone p;

	(void)state;
	put(&c);
	assert_int_equal(world.w->dtls->used, 1);
	media_later(world.conf.tls.handshake_ms + 1000);
	assert_int_equal(told(&c, TERM_REFUSED, 0)->why, TCP_END_TLS_TIMEOUT);
	media_later(2 * world.conf.tls.handshake_ms);
	media_no_evt();
	media_later(3000);
	world_forget();
	phone_new(&p, &c, 0, false, profile[0]);
	for (int i = 0; i < 200 && !SSL_is_init_finished(p.dtls.ssl); i++) {
		media_later(100);
		dclient_take(&p.dtls);
		p.dtls.in.n = p.dtls.in.n > 1 ? 1 : p.dtls.in.n; /* one of many ClientHellos */
		dclient_run(&p.dtls);
	}
	phone_keys(&p);
	up(&c, 0);
	crosses(&c, &p, 0, 1);
	phone_free(&p);
}

/* The other side says that it is over: that is told, and its keys serve on. */
static void ends(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct phone p;

	(void)state;
	call_opens(&c, &p);
	SSL_shutdown(p.dtls.ssl);
	dclient_send_all(&p.dtls);
	assert_int_equal(world.w->dtls->used, 0);
	world_forget();
	refused(&c, TCP_END_DONE);
	crosses(&c, &p, 0, 1);
	phone_free(&p);
}

/* It agrees to be sent to elsewhere: the association goes along (ICE, R12). */
static void moves(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct phone p;

	(void)state;
	call_opens(&c, &p);
	c.term[SIDE_A].remote[0] = at("10.1.0.2", 6999);
	put(&c);
	p.dtls.addr = c.term[SIDE_A].remote[0];
	crosses(&c, &p, 0, 1);
	assert_non_null(dclient_conn(&p.dtls));
	phone_free(&p);
}

/* Another branch of the call is to answer, from elsewhere, with another certificate. */
static void branch(struct cmd_context_set *c, const struct sock_addr *known)
{
	struct ctl_term *t = &c->term[SIDE_A];

	t->dtls_id++;
	t->attempt++;
	t->fingerprint[0].digest[0] ^= 1;
	t->remote[0] = at("10.1.0.3", 6100);
	if (known) {
		t->latched[0] = *known;
		t->flags |= TERM_RELEARN;
	}
	put(c);
}

/* The branch is who has this test's certificate, after all. */
static void branch_answers(struct cmd_context_set *c)
{
	c->term[SIDE_A].fingerprint[0].digest[0] ^= 1;
	put(c);
}

static void old_media(const struct cmd_context_set *c, struct phone *p, uint16_t seq, enum drop why)
{
	const struct sock_addr local = media_local(&c->term[SIDE_A], 0);
	struct srtp_test_packet x;

	srtp_test_rtp(&x, 7, seq, 160);
	assert_int_equal(srtp_test_protect(engine, &p->sends, &x, 0, 1), DROP_NONE);
	world_mark();
	media_feed(SIDE_A, &p->dtls.addr, &local, x.b, x.len);
	world_drops(why, 1);
	world_no_out();
}

/* Keys of the branch before teach nobody's address, neither where it was nor elsewhere. */
static void forks(void **state)
{
	(void)state;
	for (uint32_t known = 0; known < 2; known++) {
		struct cmd_context_set c = call(TERM_RTCP_MUX | TERM_LATCH);
		struct cmd_context del = { .cid = c.cid };
		const struct sock_addr behind = at("10.1.0.2", 4321);
		struct phone p, q;

		put(&c);
		phone_new(&p, &c, 0, true, profile[0]);
		p.dtls.addr = behind;
		opens(&p);
		media_latched(c.cid, SIDE_A, 0, &behind);
		up(&c, 0);
		crosses(&c, &p, 0, 1);
		branch(&c, known ? &behind : NULL);
		while (known && world_evt(0))
			;
		world_forget();
		if (known)
			crosses(&c, &p, 0, 2);
		else
			old_media(&c, &p, 2, DROP_SRTP_KEY);
		p.dtls.addr = at("10.1.0.2", 4444);
		old_media(&c, &p, 3, known ? DROP_GATE_SOURCE : DROP_SRTP_KEY);
		media_later(MEDIA_LATCH_MS + 1000);
		world_forget();
		branch_answers(&c);
		phone_new(&q, &c, 0, true, profile[0]);
		opens(&q);
		crosses(&c, &q, 0, 1);
		p.dtls.addr = behind;
		old_media(&c, &p, 4, DROP_GATE_SOURCE);
		assert_int_equal(world.w->dtls->used, 1);
		assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
		while (world_evt(0))
			;
		world_forget();
		phone_free(&p);
		phone_free(&q);
	}
}

/* As its client, to who was there before: it has another certificate, and the given one is tried.
 */
static void forks_client(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX | TERM_LATCH | TERM_TLS_CLIENT);
	const struct sock_addr behind = at("10.1.0.2", 4321);
	struct phone p, q;

	(void)state;
	c.term[SIDE_A].latched[0] = behind;
	put(&c);
	phone_new(&p, &c, 0, false, profile[0]);
	p.dtls.addr = behind;
	opens(&p);
	crosses(&c, &p, 0, 1);
	phone_free(&p);
	branch(&c, &behind);
	phone_new(&p, &c, 0, false, profile[0]);
	p.dtls.addr = behind;
	dclient_take(&p.dtls);
	dclient_run(&p.dtls); /* it shows the certificate that was */
	branch_answers(&c);
	phone_new(&q, &c, 0, false, profile[0]);
	for (int i = 0; i < 50 && !q.dtls.in.n; i++) {
		media_later(100);
		dclient_take(&q.dtls);
	}
	q.dtls.in.n = 1;
	dclient_run(&q.dtls);
	phone_keys(&q);
	crosses(&c, &q, 0, 1);
	while (world_evt(0))
		;
	phone_free(&p);
	phone_free(&q);
}

/* A handshake that is under way goes along when its remote moves, in both roles. */
static void moves_early(void **state)
{
	(void)state;
	for (uint32_t ours = 0; ours < 2; ours++) {
		struct cmd_context_set c = call(TERM_RTCP_MUX | (ours ? TERM_TLS_CLIENT : 0));
		struct cmd_context del = { .cid = c.cid };
		struct phone p;

		put(&c);
		phone_new(&p, &c, 0, !ours, profile[0]);
		dclient_take(&p.dtls);
		for (uint32_t i = 0; i < 2U - ours; i++) { /* until the cookie has come back */
			dclient_step(&p.dtls);
			dclient_send_all(&p.dtls);
			dclient_take(&p.dtls);
		}
		assert_int_equal(SSL_is_init_finished(p.dtls.ssl), 0);
		assert_int_equal(world.w->dtls->used, 1);
		c.term[SIDE_A].remote[0] = at("10.1.0.2", 6999);
		put(&c);
		p.dtls.addr = c.term[SIDE_A].remote[0];
		opens(&p);
		up(&c, 0);
		crosses(&c, &p, 0, 1);
		assert_int_equal(world.w->dtls->used, 1);
		assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
		media_evt(EVT_CONTEXT_STATS, c.cid);
		world_forget();
		phone_free(&p);
	}
}

/* Of ours the address alone is another. */
static void moves_local(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct dtls_at to;
	struct phone p;

	(void)state;
	call_opens(&c, &p);
	to = *dtls_at(dclient_conn(&p.dtls));
	to.local.port = be16_make(50002);
	assert_true(dtls_move(world.w, dclient_conn(&p.dtls), &to));
	assert_memory_equal(dtls_at(dclient_conn(&p.dtls)), &to, sizeof(to));
	assert_int_equal(world.w->dtls->used, 1);
	phone_free(&p);
}

/* Nothing is left of a termination's handshakes when it ends. */
static void ends_early(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX);
	struct cmd_context del = { .cid = c.cid };
	struct phone p;

	(void)state;
	put(&c);
	phone_new(&p, &c, 0, true, profile[0]);
	for (uint32_t i = 0; i < 2; i++) {
		dclient_step(&p.dtls);
		dclient_send_all(&p.dtls);
		dclient_take(&p.dtls);
	}
	assert_int_equal(world.w->dtls->used, 1);
	assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
	media_evt(EVT_CONTEXT_STATS, c.cid);
	assert_int_equal(world.w->dtls->used, 0);
	phone_free(&p);
}

/* What anybody may have sent ends nothing for good; and a command asks for all anew. */
static void forged(void **state)
{
	static const uint8_t alert[] = { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40 };
	static const uint8_t hello[] = { 22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 13,
					 2,  0,	   0,	 1, 0, 0, 0, 0, 0, 0, 0, 1, 7 };
	struct cmd_context_set c = call(TERM_RTCP_MUX | TERM_TLS_CLIENT);
	struct phone p;

	(void)state;
	put(&c);
	phone_new(&p, &c, 0, false, profile[0]);
	assert_int_equal(dclient_take(&p.dtls), 1);
	dclient_raw(&p.dtls, alert, sizeof(alert));
	assert_int_equal(world.w->dtls->used, 1);
	assert_int_equal(media_audit(c.cid, SIDE_A).dropped, 1);
	dclient_raw(&p.dtls, hello, sizeof(hello));
	assert_int_equal(world.w->dtls->used, 0);
	dclient_take(&p.dtls); /* our alert */
	p.dtls.in.n = 0;
	for (int i = 0; i < 50 && !p.dtls.in.n; i++) {
		media_later(100);
		dclient_take(&p.dtls);
	}
	p.dtls.in.n = 1;
	dclient_run(&p.dtls);
	phone_keys(&p);
	while (world_evt(0))
		;
	crosses(&c, &p, 0, 1);
	phone_free(&p);
}

/* Who never answers is left alone after a while, until a command or a word of its own. */
static void gives_up(void **state)
{
	struct cmd_context_set c = call(TERM_RTCP_MUX | TERM_TLS_CLIENT);
	const uint8_t word[] = { 22 };
	struct dtls_client from = { .addr = c.term[SIDE_A].remote[0],
				    .us = media_local(&c.term[SIDE_A], 0) };

	(void)state;
	c.expiry = UINT32_MAX;
	put(&c);
	for (uint32_t again = 0; again < 3; again++) {
		assert_int_equal(world.w->dtls->used, 1);
		for (uint32_t i = 0; i < 200; i++) {
			media_later(5000);
			world_forget();
		}
		assert_int_equal(world.w->dtls->used, 0);
		if (again) /* a try more */
			dclient_raw(&from, word, sizeof(word));
		else
			put(&c);
		media_later(2000);
	}
	while (world_evt(0))
		;
}

/* Without room for keys a context is refused, and what there was stays as it was. */
static void no_room(void **state)
{
	struct cmd_context_set c = call(0), more = media_cmd(2, 5, TERM_RTP);
	struct cmd_context del = { .cid = c.cid };

	(void)state;
	put(&c); /* two places of four */
	put(&c);
	for (uint32_t side = 0; side < SIDES; side++) {
		more.term[side].flags |= TERM_SRTP | TERM_DTLS;
		more.term[side].n_fingerprint = 1;
	}
	assert_false(media_put(&more));
	media_refused(more.cid, REFUSED_FULL);
	more.term[SIDE_B].flags |= TERM_RTCP_MUX;
	assert_false(media_put(&more));
	media_refused(more.cid, REFUSED_FULL);
	assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
	media_evt(EVT_CONTEXT_STATS, c.cid);
	put(&more);
	more.term[SIDE_B].flags &= (uint16_t)~TERM_RTCP_MUX;
	put(&more);
}

/* Two contexts whose remotes are each other's ports: datagrams go round within. */
static void each_other(void **state)
{
	struct cmd_context_set c[2];
	const uint32_t both = 1U << 1 | 1U << 2;
	uint32_t up = 0;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct ctl_term *t;

		c[i] = media_cmd(i + 1, 5, TERM_RTP);
		t = &c[i].term[SIDE_A];
		t->flags |= TERM_SRTP | TERM_DTLS | TERM_RTCP_MUX | (i ? TERM_TLS_CLIENT : 0);
		t->n_fingerprint = 1;
		t->fingerprint[0].hash = FP_SHA256;
		memcpy(t->fingerprint[0].digest, world.dp.region->dtls_sha256, 32);
	}
	for (uint32_t i = 0; i < 2; i++) {
		c[i].term[SIDE_A].remote[0] = media_local(&c[!i].term[SIDE_A], 0);
		put(&c[i]);
	}
	for (uint32_t i = 0; i < 200 && up != both; i++) {
		const struct evt_term *e;

		usleep(1000); /* OpenSSL has a clock of its own */
		media_later(100);
		while ((e = world_evt(0)))
			up |= e->what == TERM_UP ? 1U << e->cid.slot : 0;
	}
	assert_int_equal(up, both);
	assert_int_equal(world.w->dtls->used, 2);
}

/* To connect there is but a part of the handshakes: the others are left for who connects to us. */
static void reserve(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct cmd_context_set c = media_cmd(i + 1, 5, TERM_RTP);

		c.term[SIDE_A].flags |= TERM_SRTP | TERM_DTLS | TERM_RTCP_MUX | TERM_TLS_CLIENT;
		c.term[SIDE_A].n_fingerprint = 1;
		put(&c);
		assert_int_equal(world.w->dtls->used, i < 2 ? i + 1 : 2);
	}
	world_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(both_roles),
		T(our_certificate),
		T(preference),
		T(apart),
		T(fingerprints),
		T(no_profile),
		T(wrong_certificate),
		T(no_certificate),
		T(outruns),
		T(stranger),
		T(unknown),
		T(wrong_role),
		T(learnt),
		T(again),
		T(nobody),
		T(ends),
		T(moves),
		T(moves_early),
		T(moves_local),
		T(ends_early),
		T(forks),
		T(forks_client),
		T(forged),
		T(gives_up),
		T(no_room),
		T(reserve),
		T(each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
