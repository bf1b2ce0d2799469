/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls_peer.h"
#include "unit.h"

enum { HDR = 5 };

static void on_alert(const SSL *s, int where, int ret)
{
	struct tls_peer *p = SSL_get_app_data(s);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		p->alert = ret & 0xff;
}

void tls_peer_open(struct tls_peer *p, bool client)
{
	p->ssl = SSL_new(p->ctx);
	assert_non_null(p->ssl);
	p->in = BIO_new(BIO_s_mem());
	p->out = BIO_new(BIO_s_mem());
	p->alert = -1;
	SSL_set_bio(p->ssl, p->in, p->out);
	SSL_set_app_data(p->ssl, p);
	SSL_set_info_callback(p->ssl, on_alert);
	if (client)
		SSL_set_connect_state(p->ssl);
	else
		SSL_set_accept_state(p->ssl);
}

void tls_peer_close(struct tls_peer *p)
{
	if (p->ssl)
		SSL_set_shutdown(p->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(p->ssl);
	p->ssl = NULL;
}

void tls_peer_give(struct tls_peer *p, const void *bytes, size_t n)
{
	assert_int_equal(BIO_write(p->in, bytes, (int)n), (int)n);
}

size_t tls_peer_take(struct tls_peer *p, void *bytes, size_t max)
{
	int n = BIO_read(p->out, bytes, (int)max);

	return n > 0 ? (size_t)n : 0;
}

uint32_t tls_peer_record(struct tls_peer *p, uint8_t *bytes, uint32_t max)
{
	uint32_t len;

	if (tls_peer_take(p, bytes, HDR) != HDR)
		return 0;
	len = (uint32_t)bytes[3] << 8 | bytes[4];
	assert_true(HDR + len <= max);
	assert_int_equal(tls_peer_take(p, bytes + HDR, len), len);
	return HDR + len;
}
