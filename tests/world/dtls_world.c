/* SPDX-License-Identifier: BSD-3-Clause */
#include "dtls_world.h"
#include "lib/stun.h"

#include <openssl/err.h>

/* ---- the world ---- */

void dtls_world_config(void)
{
	tls_world_config();
	world.conf.listener[TLS_LISTENER].transport = TRANSPORT_DTLS;
	world.conf.tls.associations = 16;
	world.conf.tls.dtls_handshakes = 4;
	world.conf.tcp.idle_timeout = 60;
}

void dtls_world_start(void)
{
	tls_world_start();
	world_neighbours();
	world_no_out();
	world_forget();
	world.w->dtls->resend_ms = 20; /* of OpenSSL's clock, which is another than the world's */
	world_mark();
}

int dtls_setup(void **state)
{
	(void)state;
	dtls_world_config();
	dtls_world_start();
	return 0;
}

int dtls_teardown(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < world.w->dtls->n; i++)
		if (world.w->dtls->conn[i].state != DTLS_FREE)
			assoc_end(world.w, &world.w->dtls->conn[i], TCP_END_CLOSED);
	world_run();
	assert_int_equal(world.w->dtls->used, 0);
	assert_int_equal(world.w->dtls->handshakes, 0);
	assert_int_equal(world.w->dtls->leaving, 0);
	assert_int_equal(world.w->dtls->waiting.n, 0);
	assert_int_equal(world.w->dtls->strange.n, 0);
	assert_int_equal(world.w->dtls->silent.n, 0);
	assert_int_equal(world.w->dtls->busy.n, 0);
	assert_int_equal(dtls_held(world.w), 0);
	tls_world_stop();
	return 0;
}

/* ---- a BIO of datagrams ---- */

static int bio_read(BIO *b, char *to, int len)
{
	struct dtls_client *c = BIO_get_data(b);
	uint16_t n;

	BIO_clear_retry_flags(b);
	if (!c->in.n) {
		BIO_set_retry_read(b);
		return -1;
	}
	n = c->in.len[0];
	assert_true(n <= len);
	memcpy(to, c->in.b[0], n);
	c->in.n--;
	memmove(c->in.len, c->in.len + 1, sizeof(c->in.len) - sizeof(c->in.len[0]));
	memmove(c->in.b, c->in.b + 1, sizeof(c->in.b) - sizeof(c->in.b[0]));
	return n;
}

static int bio_write(BIO *b, const char *from, int len)
{
	struct dtls_client *c = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	assert_true(c->out.n < DGRAMS && len <= DGRAM_MAX);
	c->out.len[c->out.n] = (uint16_t)len;
	memcpy(c->out.b[c->out.n++], from, (size_t)len);
	return len;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b, (void)num, (void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *m;

	if (!m) {
		m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagrams");
		assert_true(m && BIO_meth_set_read(m, bio_read) &&
			    BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl) &&
			    BIO_meth_set_create(m, bio_create));
	}
	return m;
}

/* ---- clients ---- */

static void on_alert(const SSL *s, int where, int ret)
{
	struct dtls_client *c = SSL_get_app_data(s);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		c->alert = ret & 0xff;
}

/* It sends again whenever it is asked to: OpenSSL takes so little for no time at all. */
static unsigned int on_timer(SSL *s, unsigned int us)
{
	(void)s, (void)us;
	return 60000000;
}

void dclient_ssl(struct dtls_client *c, bool connects, uint32_t mtu)
{
	BIO *b = BIO_new(bio_method());

	c->alert = -1;
	c->ssl = SSL_new(c->ctx);
	assert_true(c->ssl && b);
	BIO_set_data(b, c);
	SSL_set_bio(c->ssl, b, b);
	SSL_set_app_data(c->ssl, c);
	SSL_set_info_callback(c->ssl, on_alert);
	SSL_set_options(c->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(c->ssl, mtu ? (long)mtu : 1200);
	DTLS_set_timer_cb(c->ssl, on_timer);
	if (connects)
		SSL_set_connect_state(c->ssl);
	else
		SSL_set_accept_state(c->ssl);
}

void dclient_new(struct dtls_client *c, uint16_t port, const char *suites, uint32_t mtu)
{
	char name[240] = "relay.test";

	memset(c, 0, sizeof(*c));
	c->addr = at("10.1.0.2", port);
	c->us = world.conf.listener[TLS_LISTENER].addr;
	c->port = TLS_LISTENER;
	c->ctx = SSL_CTX_new(DTLS_client_method());
	assert_non_null(c->ctx);
	if (suites)
		assert_int_equal(SSL_CTX_set_cipher_list(c->ctx, suites), 1);
	if (mtu) /* so that its ClientHello is in pieces */
		memset(name, 'a', sizeof(name) - 1);
	for (uint32_t i = 50; mtu && i < sizeof(name); i += 50)
		name[i] = '.';
	dclient_ssl(c, true, mtu);
	SSL_set_tlsext_host_name(c->ssl, name);
}
void dclient_free(struct dtls_client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	ERR_clear_error();
}

void dclient_step(struct dtls_client *c)
{
	char text[DGRAM_MAX];

	ERR_clear_error();
	if (SSL_is_init_finished(c->ssl))
		SSL_read(c->ssl, text, 0);
	else
		SSL_do_handshake(c->ssl);
}

void dclient_raw(struct dtls_client *c, const void *p, size_t n)
{
	struct frame f;

	frame_udp(&f, ACCESS, &c->addr, &c->us, p, n, &(struct frame_opt){ 0 });
	world_feed(ACCESS, &f);
}

void dclient_send(struct dtls_client *c, uint32_t i)
{
	dclient_raw(c, c->out.b[i], c->out.len[i]);
}

void dclient_send_all(struct dtls_client *c)
{
	for (uint32_t i = 0; i < c->out.n; i++)
		dclient_send(c, i);
	c->out.n = 0;
}

uint32_t dclient_take(struct dtls_client *c)
{
	const struct frame *f;
	struct udp_view v;
	uint32_t n = 0;

	while ((f = world_out(ACCESS))) {
		if (frame_proto(f) != 17)
			continue;
		frame_read_udp(f, &v);
		assert_true(v.csum_ok);
		if (!sock_addr_eq(&v.dst, &c->addr))
			continue;
		assert_true(c->in.n < DGRAMS && v.len <= DGRAM_MAX);
		c->in.len[c->in.n] = v.len;
		memcpy(c->in.b[c->in.n++], v.payload, v.len);
		n++;
	}
	world_forget();
	return n;
}

void dclient_run(struct dtls_client *c)
{
	do {
		dclient_step(c);
		dclient_send_all(c);
	} while (dclient_take(c));
}

void dclient_open(struct dtls_client *c, uint16_t port)
{
	dclient_new(c, port, NULL, 0);
	dclient_run(c);
	assert_int_equal(SSL_is_init_finished(c->ssl), 1);
	assert_non_null(dclient_conn(c));
	assert_int_equal(dclient_conn(c)->state, DTLS_OPEN);
}

void dclient_write_binding(struct dtls_client *c)
{
	static const uint8_t tid[STUN_TID_LEN] = "transaction";
	uint8_t msg[64];
	struct stun_builder b;
	size_t n;

	stun_begin(&b, msg, sizeof(msg), stun_type(STUN_BINDING, STUN_REQUEST), tid);
	n = stun_end(&b);
	assert_int_equal(SSL_write(c->ssl, msg, (int)n), (int)n);
}

void dclient_ask(struct dtls_client *c)
{
	uint8_t got[256];
	struct stun_msg m;
	int n;

	dclient_write_binding(c);
	dclient_send_all(c);
	assert_int_equal(dclient_take(c), 1);
	n = SSL_read(c->ssl, got, sizeof(got));
	assert_true(n > 0);
	assert_int_equal(stun_parse(&m, got, (size_t)n), STUN_OK);
	assert_int_equal(be16_read(got), stun_type(STUN_BINDING, STUN_SUCCESS));
}

struct dtls_conn *dclient_conn(const struct dtls_client *c)
{
	const struct dtls_at at = { c->addr, c->us, c->port };

	return assoc_find(world.w, &at);
}
