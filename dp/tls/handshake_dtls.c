/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is different with datagrams (RFC 6347): OpenSSL reads one at a time, each that it writes is
 * one, and the worker's clock tells when a flight goes again.
 */
#include "crypto.h"
#include "domain.h"

#include <openssl/err.h>

enum {
	RESEND_MAX_US = 8000000, /* between two times of a flight */
	DTLS_EPOCH_AT = 3, /* in a record's header: type, version, then epoch, number, length */
	DTLS_NUMBER_AT = 5,
	DTLS_LENGTH_AT = 11,
};

/* ---- records that go by ---- */

/* The last record of the datagram that keys protect: its number, and its explicit nonce. */
static void dtls_tap(struct handshake_ssl *x, const uint8_t *p, size_t len)
{
	struct rd r = rd_init(p, len);

	while (rd_left(&r) >= HANDSHAKE_DTLS_HDR) {
		const uint8_t *h = rd_take(&r, HANDSHAKE_DTLS_HDR);
		const uint32_t n = be16_read(h + DTLS_LENGTH_AT);
		const uint8_t *body = rd_take(&r, n);

		if (!body || be16_read(h + DTLS_EPOCH_AT) == 0)
			continue;
		x->sealed = 0;
		for (int i = 0; i < 6; i++)
			x->sealed = x->sealed << 8 | h[DTLS_NUMBER_AT + i];
		x->sealed++;
		if (n >= TLS_EXPLICIT_12)
			memcpy(x->sealed_nonce, body, TLS_EXPLICIT_12);
	}
}

/* ---- datagrams in and out ---- */

static int bio_read(BIO *b, char *to, int len)
{
	struct handshake_ssl *x = BIO_get_data(b);
	uint32_t n = RTE_MIN((uint32_t)len, x->in_len);

	BIO_clear_retry_flags(b);
	if (!n) {
		BIO_set_retry_read(b);
		return -1;
	}
	memcpy(to, x->handshake->in, n);
	x->in_len = 0; /* what does not fit is lost, as with any datagram */
	return (int)n;
}

/* Where there is no room it is lost, as it might be on the way: the flight goes again. */
static int bio_write(BIO *b, const char *from, int len)
{
	struct handshake_ssl *x = BIO_get_data(b);
	struct handshake *s = x->handshake;
	const uint32_t n = (uint32_t)len;

	BIO_clear_retry_flags(b);
	dtls_tap(x, (const uint8_t *)from, n);
	if (len > 0 && n <= UINT16_MAX && s->out_len + 2 + n <= HANDSHAKE_OUT_MAX) {
		memcpy(s->out + s->out_len, be16_make((uint16_t)n).b, 2);
		memcpy(s->out + s->out_len + 2, from, n);
		s->out_len += 2 + n;
	}
	return len;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	struct handshake_ssl *x = BIO_get_data(b);

	(void)num, (void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return x ? x->handshake->mtu : 0;
	default:
		return 0;
	}
}

static int bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

BIO_METHOD *handshake_bio_dtls(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "dtls handshake");

	if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
	    BIO_meth_set_ctrl(m, bio_ctrl) && BIO_meth_set_create(m, bio_create))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- timers ---- */

/* RFC 6347 4.2.4.1: twice as long each time. */
static unsigned int on_timer(SSL *ssl, unsigned int last_us)
{
	const struct handshake *s = SSL_get_app_data(ssl);

	return last_us ? RTE_MIN(2 * last_us, (unsigned int)RESEND_MAX_US) : s->resend_ms * 1000;
}

bool dtls_use(struct handshake *s, SSL *ssl)
{
	SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
	DTLS_set_timer_cb(ssl, on_timer);
	return SSL_set_mtu(ssl, s->mtu) > 0;
}

void dtls_timer(struct handshake *s)
{
	struct timeval left;

	s->timer_ms = 0;
	if (s->ssl && DTLSv1_get_timeout(s->ssl->ssl, &left))
		s->timer_ms =
		    (uint32_t)left.tv_sec * 1000 + (uint32_t)(left.tv_usec + 999) / 1000 + 1;
}

bool dtls_resend(struct handshake *s)
{
	ERR_clear_error();
	s->resent = DTLSv1_handle_timeout(s->ssl->ssl);
	return s->resent >= 0;
}

/* ---- the ClientHello ---- */

int dtls_on_cookie(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	(void)ssl, (void)cookie, (void)len;
	return 1; /* the worker has looked at it before it kept anything */
}

/*
 * The first one that OpenSSL sees is the client's second: it answered our HelloVerifyRequest, of
 * which OpenSSL knows nothing. DTLSv1_listen() takes it with the number that it has.
 */
bool dtls_listen(struct handshake_ssl *x)
{
	BIO_ADDR *nobody = BIO_ADDR_new();
	bool ok;

	ERR_clear_error();
	ok = nobody && DTLSv1_listen(x->ssl, nobody) == 1;
	BIO_ADDR_free(nobody);
	return ok;
}
