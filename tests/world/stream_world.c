/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream_world.h"
#include "stream_check.h"
#include "dp/tls/tickets.h"
#include "make_cert.h"
#include "dp/gateway/gateway.h"

#include <openssl/err.h>
#include <unistd.h>

enum { CERTS = 4, FAR_CERT = 2 };

struct gate gate;

static char dir[] = "/tmp/fairlead-gate-XXXXXX";
static X509 *cert[CERTS];
static EVP_PKEY *key[CERTS];
static struct tickets tickets;

/* ---- the world ---- */

static void certs_make(void)
{
	static const char *const kind[CERTS] = { "EC:P-256", "RSA:2048", "EC:P-256", "EC:P-256" };
	struct cert_spec spec = { .cn = "gate.test", .names = "DNS:gate.test" };

	for (int i = 0; i < CERTS && !cert[i]; i++) {
		key[i] = make_key(kind[i]);
		cert[i] = make_cert(&spec, key[i], NULL, NULL);
	}
}

static void certs_write(void)
{
	static const char *const domain[] = { "access", "core" };
	struct config *c = &world.conf;

	for (int i = 0; i < 2; i++) {
		struct config_certificate *e = &c->certificate[i];

		snprintf(e->domain, sizeof(e->domain), "%s", domain[i]);
		snprintf(e->chain, sizeof(e->chain), "%s/%d.pem", dir, i);
		snprintf(e->key, sizeof(e->key), "%s/%d.key", dir, i);
		e->domain_index = (uint16_t)i;
		write_certs(e->chain, &cert[i], 1);
		write_key(e->key, key[i], NULL);
		snprintf(c->domain[i].name, sizeof(c->domain[i].name), "%s", domain[i]);
		c->domain[i].version_max = CONFIG_TLS_1_3;
		c->domain[i].tickets = true;
	}
	c->n_certificate = c->n_domain = 2;
}

static void realms_make(void)
{
	struct config *c = &world.conf;

	c->relay[ACCESS_RELAY] =
	    (struct config_relay){ at("10.1.0.1", 0).ip, RELAY_MIN, RELAY_MAX, .turn = false };
	c->n_relay = ACCESS_RELAY + 1;
	c->realm[0] = (struct config_realm){ .name = "access", .domain_index = 0 };
	c->realm[1] = (struct config_realm){ .name = "core", .domain_index = 1 };
	c->n_realm = 2;
}

void gate_config(void)
{
	assert_non_null(mkdtemp(strcpy(dir, "/tmp/fairlead-gate-XXXXXX")));
	world_config();
	certs_make();
	certs_write();
	realms_make();
	world.conf.tls = (struct config_tls){ .connections = 16,
					      .handshakes = 4,
					      .waiting = 4,
					      .handshake_ms = 5000,
					      .key_updates = 10,
					      .ticket_lifetime = 3600 };
	world.conf.gateway = (struct config_gateway){
		.contexts = 4, .streams = 2, .fingerprint_ms = 2000, .latch_ms = 1000
	};
	world.conf.dataplane.mbufs = 2047;
	world.conf.tcp.buffers = 1024;
	world.conf.tcp.time_wait_ms = 1000;
	world.conf.tcp.linger = 2;
}

void gate_start(void)
{
	struct ctl_ticket_keys k;
	char err[1024] = "";

	memset(&gate, 0, sizeof(gate));
	gate.next_port = 6000;
	gate.want.cid = (struct ctl_cid){ 1, 5 };
	world_start();
	memset(&k, 'k', sizeof(k));
	tickets_set(&tickets, &k, 0);
	world.dp.tickets = &tickets;
	if (!cryptos_create(&world.dp, err, sizeof(err)))
		fail_msg("%s", err);
	hosts_reset();
	world_mark();
}

static void far_free(struct far *f)
{
	tls_peer_close(&f->tls);
	SSL_CTX_free(f->tls.ctx);
	f->tls.ctx = NULL;
	f->host = NULL;
}

void gate_stop(void)
{
	struct worker *w = world.w;
	char path[64];
	uint32_t i;

	for (i = 0; i < SIDES; i++)
		far_free(&gate.far[i]);
	ERR_clear_error();
	gate_no_event();
	assert_int_equal(w->counters->cnt[CNT_GATE_STREAMS], 0);
	assert_int_equal(w->tls->conns, 0);
	assert_int_equal(w->tls->handshakes, 0);
	assert_int_equal(rte_mempool_in_use_count(w->tls->pool), 0);
	assert_int_equal(tcp_held(w), 0);
	cryptos_free(&world.dp);
	world_stop();
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%u.pem", dir, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%u.key", dir, i);
		unlink(path);
	}
	rmdir(dir);
}

int gate_setup(void **state)
{
	(void)state;
	gate_config();
	gate_start();
	return 0;
}

/* Whatever a test has left open ends here: with the context, and by RST from the remotes. */
int gate_teardown(void **state)
{
	uint32_t i;

	(void)state;
	if (world.w->gateway->context[gate.want.cid.slot].gen)
		gate_del();
	for (i = 0; i < SIDES; i++) {
		struct host *h = gate.far[i].host;

		if (h && h->open && !h->rst)
			host_rst(h);
	}
	hosts_pass_ms(10);
	gate.n_events = 0;
	gate_stop();
	return 0;
}

/* ---- commands and events ---- */

struct ctl_term *gate_term(uint32_t i)
{
	return &gate.want.term[i];
}

void gate_set(void)
{
	gate.want.expiry = world.w->now + 600;
	world_cmd(0, CMD_CONTEXT_SET, &gate.want, sizeof(gate.want));
	gate_run();
}

static void gate_command(uint16_t type)
{
	struct cmd_context c = { .cid = gate.want.cid };

	assert_true(world_cmd(0, type, &c, sizeof(c)));
	gate_run();
}

void gate_del(void)
{
	gate_command(CMD_CONTEXT_DEL);
}

void gate_audit(void)
{
	gate_command(CMD_CONTEXT_AUDIT);
}

static void gate_hear(void)
{
	const struct ctl_hdr *h;

	while (!gate.deaf && (h = world_evt(0))) {
		if (h->type == EVT_CONTEXT_STATS)
			memcpy(&gate.stats, h, sizeof(gate.stats));
		gate.refused += h->type == EVT_CONTEXT_REFUSED;
		if (h->type != EVT_TERM)
			continue;
		assert_true(gate.n_events < EVENTS_MAX);
		memcpy(&gate.events[gate.n_events++], h, sizeof(gate.events[0]));
	}
}

const struct evt_term *gate_event(uint32_t i, enum ctl_term_event what)
{
	static struct evt_term e;
	uint32_t k = 0;

	while (k < gate.n_events && gate.events[k].side != i)
		k++;
	if (k == gate.n_events)
		fail_msg("no event of side %u, not even %u", i, what);
	e = gate.events[k];
	gate.n_events--;
	memmove(&gate.events[k], &gate.events[k + 1], (gate.n_events - k) * sizeof(e));
	if (e.what != what)
		fail_msg("side %u: event %u (%s), not %u", i, e.what, tcp_end_desc[e.why].name,
			 what);
	return &e;
}

void gate_ended(uint32_t i, enum tcp_end why)
{
	const struct evt_term *e = gate_event(i, TERM_ENDED);

	assert_string_equal(tcp_end_desc[e->why].name, tcp_end_desc[why].name);
}

void gate_unfit(uint16_t role, enum tcp_end why)
{
	const struct evt_term *e;

	gate_pass_ms(200);
	if (role & TERM_CONNECT) {
		gate_ended(0, why);
		gate_ended(1, TCP_END_PARTNER);
		return;
	}
	e = gate_event(0, TERM_REFUSED);
	assert_string_equal(tcp_end_desc[e->why].name, tcp_end_desc[why].name);
	gate_no_event();
}

void gate_no_event(void)
{
	if (gate.n_events)
		fail_msg("side %u: event %u", gate.events[0].side, gate.events[0].what);
}

/* ---- remotes ---- */

/* Whoever shows a certificate is welcome, but show one it must. */
static int on_verify(int ok, X509_STORE_CTX *s)
{
	(void)ok;
	(void)s;
	return 1;
}

static void far_got(struct host *h, const uint8_t *p, uint32_t n)
{
	struct far *f = h->arg;

	if (f->tls.ssl) {
		tls_peer_give(&f->tls, p, n);
		return;
	}
	assert_true(f->n + n <= GOT_MAX);
	memcpy(f->got + f->n, p, n);
	f->n += n;
}

static void far_tls(struct far *f, bool client)
{
	int k = FAR_CERT + f->other_cert;

	f->tls.ctx = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
	SSL_CTX_set_min_proto_version(f->tls.ctx, f->version_min);
	SSL_CTX_set_max_proto_version(f->tls.ctx, f->version_max);
	if (f->suites)
		assert_int_equal(SSL_CTX_set_cipher_list(f->tls.ctx, f->suites), 1);
	SSL_CTX_set_verify(f->tls.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   on_verify);
	if (!f->no_cert) {
		assert_int_equal(SSL_CTX_use_certificate(f->tls.ctx, cert[k]), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(f->tls.ctx, key[k]), 1);
	}
	tls_peer_open(&f->tls, client);
}

/* A remote of side i in the roles that its term leaves to it. */
static void far_make(uint32_t i)
{
	const struct ctl_term *t = gate_term(i);
	struct sock_addr us = { world.conf.relay[t->local.relay].addr, t->local.port };
	struct far *f = &gate.far[i];

	far_free(f);
	f->n = 0;
	f->tls.alert = -1;
	f->mute = false;
	f->host = host_new((uint16_t)i, &t->remote[0], &us, 0, 0);
	f->host->got = far_got;
	f->host->arg = f;
	if (t->transport == TERM_TLS)
		far_tls(f, !(t->flags & TERM_TLS_CLIENT));
}

void gate_want(uint32_t i, enum ctl_transport transport, uint16_t flags)
{
	static const char *const remote[SIDES] = { "10.1.0.2", "10.2.0.2" };
	struct ctl_term *t = gate_term(i);
	uint8_t attempt = t->attempt;

	*t = (struct ctl_term){ .transport = (uint8_t)transport,
				.attempt = (uint8_t)(attempt + 1),
				.flags = flags | TERM_IN | TERM_OUT,
				.local = { i ? CORE_RELAY : ACCESS_RELAY,
					   be16_make((uint16_t)(LOCAL_PORT + 2 * i)) },
				.remote[0] = at(remote[i], gate.next_port++),
				.dscp = CTL_DSCP_KEEP,
				.domain = (uint16_t)i };
	if (transport == TERM_TLS)
		gate_fingerprint(i, FP_SHA256, true);
	far_make(i);
}

void gate_fingerprint(uint32_t i, uint8_t hash, bool right)
{
	static const char *const names[] = { "SHA1", "SHA224", "SHA256", "SHA384", "SHA512" };
	struct ctl_term *t = gate_term(i);
	struct fingerprint *f = &t->fingerprint[t->n_fingerprint++];
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len;

	assert_int_equal(X509_digest(cert[FAR_CERT + gate.far[i].other_cert],
				     EVP_get_digestbyname(names[hash]), digest, &len),
			 1);
	f->hash = hash;
	memcpy(f->digest, digest, len);
	f->digest[len - 1] ^= !right;
}

/* What its SSL makes of what came, and what that answers. True: something goes. */
static bool far_turn(struct far *f)
{
	static uint8_t buf[1 << 15];
	uint32_t at, k;
	int n;

	if (!f->tls.ssl || f->mute || !f->host->open || f->host->rst)
		return false;
	if (!SSL_is_init_finished(f->tls.ssl))
		SSL_do_handshake(f->tls.ssl);
	while (SSL_is_init_finished(f->tls.ssl) &&
	       (n = SSL_read(f->tls.ssl, f->got + f->n, (int)(GOT_MAX - f->n))) > 0)
		f->n += (uint32_t)n;
	ERR_clear_error();
	k = (uint32_t)RTE_MIN(f->host->wnd - f->host->sent, (uint64_t)sizeof(buf));
	k = k ? (uint32_t)tls_peer_take(&f->tls, buf, k) : 0;
	for (at = 0; at < k; at += HOST_MSS)
		host_say(f->host, buf + at, (uint16_t)RTE_MIN(k - at, (uint32_t)HOST_MSS));
	return k > 0;
}

void gate_run(void)
{
	const char *fault;
	bool more = true;

	while (more) {
		hosts_run();
		gate_hear();
		fault = stream_fault(world.w);
		if (fault)
			fail_msg("%s", fault);
		more = far_turn(&gate.far[0]);
		more |= far_turn(&gate.far[1]);
	}
}

void gate_pass_ms(uint32_t ms)
{
	while (ms--) {
		hosts_pass_ms(1);
		gate_run();
	}
}

void far_connect(uint32_t i)
{
	if (!(gate_term(i)->flags & TERM_CONNECT))
		host_connect(gate.far[i].host);
	gate_run();
}

void far_new(uint32_t i)
{
	gate_term(i)->remote[0].port = be16_make(gate.next_port++);
	far_make(i);
}

void far_again(uint32_t i)
{
	far_new(i);
	far_connect(i);
}

void gate_up(enum ctl_transport a, uint16_t a_flags, enum ctl_transport b, uint16_t b_flags)
{
	uint32_t i;

	gate_want(0, a, a_flags);
	gate_want(1, b, b_flags);
	gate_set();
	for (i = 0; i < SIDES; i++) {
		far_connect(i);
		gate_event(i, TERM_UP);
	}
}

const struct evt_term *gate_unjudged(uint16_t role)
{
	gate_want(0, TERM_TLS, role);
	gate_want(1, TERM_TCP, 0);
	gate_term(0)->n_fingerprint = 0;
	gate_set();
	far_connect(1);
	gate_event(1, TERM_UP);
	far_connect(0);
	return gate_event(0, TERM_UNJUDGED);
}

void far_say(uint32_t i, const void *bytes, uint32_t n)
{
	struct far *f = &gate.far[i];
	uint32_t at, part;

	if (f->tls.ssl)
		assert_int_equal(SSL_write(f->tls.ssl, bytes, (int)n), (int)n);
	for (at = 0; !f->tls.ssl && at < n; at += part) {
		part = RTE_MIN(n - at, (uint32_t)HOST_MSS);
		host_say(f->host, (const uint8_t *)bytes + at, (uint16_t)part);
	}
	gate_run();
}

void far_heard(uint32_t i, const void *bytes, uint32_t n)
{
	struct far *f = &gate.far[i];

	if (f->n != n || memcmp(f->got, bytes, n) != 0)
		fail_msg("remote %u got %u bytes, not %u: %.*s", i, f->n, n, (int)f->n, f->got);
	f->n = 0;
}

void far_close(uint32_t i)
{
	struct far *f = &gate.far[i];

	if (f->tls.ssl)
		SSL_shutdown(f->tls.ssl);
	far_turn(f);
	f->host->fin = true;
	gate_run();
}

void far_closed(uint32_t i)
{
	const struct far *f = &gate.far[i];

	assert_false(f->host->rst);
	assert_true(f->host->fin_rcvd);
	if (f->tls.ssl) {
		assert_true(SSL_get_shutdown(f->tls.ssl) & SSL_RECEIVED_SHUTDOWN);
		assert_int_equal(f->tls.alert, SSL_AD_CLOSE_NOTIFY);
	}
}

void far_reset(uint32_t i)
{
	assert_true(gate.far[i].host->rst);
	assert_int_equal(gate.far[i].tls.alert, -1);
}

void gate_passes(void)
{
	far_say(0, "to the core", 11);
	far_heard(1, "to the core", 11);
	far_say(1, "to the access", 13);
	far_heard(0, "to the access", 13);
}

void gate_again(void)
{
	uint32_t i;

	if (world.w->gateway->context[gate.want.cid.slot].gen)
		gate_del();
	for (i = 0; i < SIDES; i++)
		if (gate.far[i].host)
			gate.far[i].host->fin = true;
	gate_pass_ms(5);
	assert_int_equal(world.w->counters->cnt[CNT_GATE_STREAMS], 0);
	hosts_reset();
	memset(gate.want.term, 0, sizeof(gate.want.term));
	gate.want.cid.gen++;
	gate.n_events = 0;
	gate.far[0].host = gate.far[1].host = NULL;
}
