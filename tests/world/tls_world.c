/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls_world.h"
#include "make_cert.h"
#include "lib/tls_hello.h"

#include <openssl/err.h>
#include <unistd.h>

enum { CLIENT_PORT = 7000 };

struct owner owner;
bool owner_strange;
struct client client;
struct tickets tls_tickets;

static char dir[] = "/tmp/fairlead-tls-XXXXXX";
static uint16_t next_port = CLIENT_PORT;

/* ---- certificates ---- */

/* Self-signed, for relay.test. */
static void certificate_make(const char *name, const char *kind, struct config_certificate *c)
{
	struct cert_spec spec = { .cn = "relay.test", .names = "DNS:relay.test" };
	EVP_PKEY *key = make_key(kind);
	X509 *x = make_cert(&spec, key, NULL, NULL);

	snprintf(c->chain, sizeof(c->chain), "%s/%s.pem", dir, name);
	snprintf(c->key, sizeof(c->key), "%s/%s.key", dir, name);
	write_certs(c->chain, &x, 1);
	write_key(c->key, key, NULL);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* ---- the owner ---- */

static void owner_expect(struct worker *w, struct tcp_conn *c, struct tls_expect *e)
{
	(void)w;
	(void)c;
	*e = owner.expect;
}

static bool owner_hello(struct worker *w, struct tcp_conn *c, const uint8_t *record, uint32_t n)
{
	(void)w;
	(void)c;
	return owner.passes && tls_alpn_has(tls_hello_alpn(record, n), owner.passes);
}

static void owner_established(struct worker *w, struct tcp_conn *c)
{
	owner.w = w;
	owner.c = c;
	owner.opened++;
	if (tls_info(c))
		owner.info = *tls_info(c);
	else
		assert_non_null(owner.passes);
}

static void owner_readable(struct worker *w, struct tcp_conn *c)
{
	uint32_t n = tcp_readable(c);

	if (owner.hold)
		return;
	assert_true(owner.n + n <= OWNER_MAX);
	tcp_recv_copy(c, 0, owner.got + owner.n, n);
	tcp_recv_skip(w, c, n);
	if (owner.echo)
		assert_true(tcp_send_bytes(w, c, owner.got + owner.n, n));
	owner.n += n;
	if (!tcp_recv_fin(c))
		return;
	owner.fins++;
	if (owner.close_on_fin)
		tcp_close(w, c, TCP_END_DONE);
}

static void owner_writable(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	(void)c;
}

static void owner_arrived(struct worker *w, struct tcp_conn *c)
{
	owner.w = w;
	owner.c = c;
	owner.arrived++;
}

static void owner_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	owner.closed++;
	owner.why = why;
	owner.c = NULL;
}

static const struct tcp_app owner_app = {
	.name = "owner",
	.role = CONN_OTHER,
	.expect = owner_expect,
	.hello = owner_hello,
	.established = owner_established,
	.readable = owner_readable,
	.writable = owner_writable,
	.arrived = owner_arrived,
	.closed = owner_closed,
};

static const struct tcp_app *owner_accept(struct worker *w, struct tcp_request *r)
{
	(void)w;
	if (be16_get(r->local.port) != TLS_PORT)
		return NULL;
	r->layer = &tls_server_layer;
	r->layer_arg = 0;
	r->stranger = owner_strange;
	return &owner_app;
}

void owner_say(const void *p, uint32_t n)
{
	assert_true(tcp_send_bytes(owner.w, owner.c, p, n));
	client_run();
}

void owner_gone(enum tcp_end why)
{
	hosts_run();
	assert_int_equal(owner.closed, 1);
	assert_int_equal(owner.why, why);
}

/* ---- the world ---- */

void tls_world_config(void)
{
	struct config *c = &world.conf;

	assert_non_null(mkdtemp(strcpy(dir, "/tmp/fairlead-tls-XXXXXX")));
	world_config();
	c->listener[TLS_LISTENER] = (struct config_listener){ .addr = at("10.1.0.1", TLS_PORT),
							      .transport = TRANSPORT_TLS };
	c->n_listener = TLS_LISTENER + 1;
	c->domain[0] = (struct config_domain){ .name = "default",
					       .version_max = CONFIG_TLS_1_3,
					       .tickets = true };
	c->n_domain = 1;
	strcpy(c->certificate[0].domain, "default");
	strcpy(c->certificate[1].domain, "default");
	certificate_make("ecdsa", "EC:P-256", &c->certificate[0]);
	certificate_make("rsa", "RSA:2048", &c->certificate[1]);
	c->n_certificate = 2;
	c->tls = (struct config_tls){ .connections = 64,
				      .handshakes = 4,
				      .waiting = 4,
				      .handshake_ms = 5000,
				      .key_updates = 10,
				      .ticket_lifetime = 3600 };
}

static uint32_t handshakes_count(struct worker *w)
{
	struct handshake *s[64];
	uint32_t n = 0, i;

	while (n < 64 && (s[n] = handshake_get(w)))
		n++;
	for (i = 0; i < n; i++)
		handshake_put(w, s[i]);
	return n;
}

void tls_world_start(void)
{
	char err[1024] = "";
	uint16_t i;

	memset(&owner, 0, sizeof(owner));
	memset(&client, 0, sizeof(client));
	owner_strange = false;
	world_start();
	world.dp.tickets = atomic_load(&tls_tickets.seq) ? &tls_tickets : NULL;
	if (!cryptos_create(&world.dp, err, sizeof(err)))
		fail_msg("%s", err);
	hosts_reset();
	for (i = 0; i < world.dp.n_workers; i++) {
		tcp_listen(world.dp.worker[i], owner_accept);
		assert_int_equal(handshakes_count(world.dp.worker[i]), world.conf.tls.handshakes);
	}
	world_mark();
}

void tls_world_stop(void)
{
	char path[64];
	const char *const names[] = { "ecdsa.pem", "ecdsa.key", "rsa.pem", "rsa.key" };
	size_t i;

	client_free();
	hosts_run();
	for (i = 0; i < world.dp.n_workers; i++) {
		struct worker *w = world.dp.worker[i];

		assert_int_equal(w->tls->conns, 0);
		assert_int_equal(w->tls->handshakes, 0);
		assert_int_equal(w->tls->waiting.n, 0);
		assert_int_equal(rte_mempool_in_use_count(w->tls->pool), 0);
		assert_int_equal(handshakes_count(w), world.conf.tls.handshakes);
		assert_int_equal(tcp_held(w), 0);
	}
	cryptos_free(&world.dp);
	world_stop();
	for (i = 0; i < RTE_DIM(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

int tls_setup(void **state)
{
	(void)state;
	tls_world_config();
	tls_world_start();
	return 0;
}

int tls_teardown(void **state)
{
	(void)state;
	tls_world_stop();
	return 0;
}

/* ---- the client ---- */

/* Every byte from us, with the records it belongs to. */
static void client_got(struct host *h, const uint8_t *p, uint32_t n)
{
	uint32_t i = 0;

	(void)h;
	tls_peer_give(&client.tls, p, n);
	while (i < n) {
		uint32_t k;

		if (client.part_left) {
			k = RTE_MIN(client.part_left, n - i);
			client.part_left -= k;
			i += k;
			continue;
		}
		client.part[client.part_len++] = p[i++];
		if (client.part_len < 5)
			continue;
		assert_true(client.n_record < RECORDS_MAX);
		client.part_left = (uint32_t)(client.part[3] << 8 | client.part[4]);
		client.record[client.n_record++] =
		    (struct wire_record){ client.part[0], client.part_left + 5 };
		client.part_len = 0;
	}
}

int client_alert(void)
{
	return client.tls.alert;
}

static void on_keylog(const SSL *s, const char *line)
{
	static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
	const char *hex;
	size_t i;

	(void)s;
	if (strncmp(line, label, sizeof(label) - 1) != 0)
		return;
	hex = strchr(line + sizeof(label), ' ') + 1;
	for (i = 0;
	     i < sizeof(client.secret) && sscanf(hex + 2 * i, "%2hhx", &client.secret[i]) == 1; i++)
		;
}

void client_forge(uint64_t seq, enum tls_type type, const void *p, uint32_t n)
{
	const struct tls_suite *suite = tls_suite(owner.info.suite);
	static struct tls_keys keys;
	struct rte_mbuf *m;

	assert_true(
	    tls_keys_13(world.w->tls->kdf, world.w->tls->aead, &keys, suite, client.secret));
	keys.seq = seq;
	m = record_seal_bytes(world.w, world.w->tls->aead, &keys, type, p, n);
	assert_non_null(m);
	client_raw(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_pkt_len(m));
	pkt_consume(world.w, m);
	client_run();
}

/* What both kinds of far ends have. */
static void far_open(uint16_t port, const struct sock_addr *us, bool connects)
{
	struct sock_addr addr = at("10.1.0.2", port);

	tls_peer_open(&client.tls, connects);
	client.part_len = client.part_left = client.n_record = 0;
	client.host = host_new(ACCESS, &addr, us, 1, 2);
	client.host->got = client_got;
}

static void client_connect(void)
{
	struct sock_addr us = at("10.1.0.1", TLS_PORT);

	far_open(next_port++, &us, true);
	SSL_set_tlsext_host_name(client.tls.ssl, "relay.test");
	host_connect(client.host);
	assert_true(client.host->open);
}

void server_open(int version)
{
	struct tcp_request r = { .local = at("10.1.0.1", 0),
				 .remote = at("10.1.0.2", 443),
				 .layer = &tls_client_layer };
	const struct config_certificate *cert = &world.conf.certificate[0];
	enum tcp_end why;

	client.tls.ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(client.tls.ctx, version);
	SSL_CTX_set_max_proto_version(client.tls.ctx, version);
	assert_int_equal(
	    SSL_CTX_use_certificate_file(client.tls.ctx, cert->chain, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(client.tls.ctx, cert->key, SSL_FILETYPE_PEM),
			 1);
	assert_non_null(tcp_connect(world.w, &r, &owner_app, &why));
	far_open(443, &r.local, false);
	client_run();
}

void client_new(int version)
{
	client.tls.ctx = SSL_CTX_new(TLS_client_method());
	if (version) {
		SSL_CTX_set_min_proto_version(client.tls.ctx, version);
		SSL_CTX_set_max_proto_version(client.tls.ctx, version);
	}
	SSL_CTX_set_keylog_callback(client.tls.ctx, on_keylog);
	client_connect();
}

void client_again(void)
{
	tls_peer_close(&client.tls);
	memset(&owner, 0, sizeof(owner));
	client_connect();
}

void client_free(void)
{
	if (client.host && client.host->open && !client.host->rst && owner.closed == 0)
		host_rst(client.host);
	tls_peer_close(&client.tls);
	SSL_CTX_free(client.tls.ctx);
	memset(&client, 0, sizeof(client));
	ERR_clear_error();
}

size_t client_take(uint8_t *p, size_t max)
{
	return tls_peer_take(&client.tls, p, max);
}

void client_raw(const uint8_t *p, size_t n)
{
	size_t cut = client.cut ? client.cut : HOST_MSS, at;

	for (at = 0; at < n; at += cut)
		host_say(client.host, p + at, (uint16_t)RTE_MIN(cut, n - at));
}

void client_run(void)
{
	static uint8_t buf[1 << 16];
	bool more = true;
	size_t n;

	while (more) {
		hosts_run();
		if (!SSL_is_init_finished(client.tls.ssl))
			SSL_do_handshake(client.tls.ssl);
		if (SSL_is_init_finished(client.tls.ssl))
			SSL_peek(client.tls.ssl, buf, 1); /* alerts, tickets, KeyUpdate */
		more = false;
		if (!client.hold_out && (n = client_take(buf, sizeof(buf)))) {
			client_raw(buf, n);
			more = true;
		}
	}
}

void client_open(int version)
{
	client_new(version);
	client_run();
	assert_true(SSL_is_init_finished(client.tls.ssl));
	assert_int_equal(owner.opened, 1);
}

void client_write(const void *p, int n)
{
	assert_int_equal(SSL_write(client.tls.ssl, p, n), n);
	client_run();
}

void client_read(void *p, int n)
{
	int got = 0, k;

	while (got < n) {
		k = SSL_read(client.tls.ssl, (uint8_t *)p + got, n - got);
		if (k <= 0)
			fail_msg("%d bytes of %d", got, n);
		got += k;
	}
}
