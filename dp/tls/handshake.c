/* SPDX-License-Identifier: BSD-3-Clause */
/* One handshake: OpenSSL between the record that came and the records that go. */
#include "crypto.h"
#include "domain.h"
#include "accel.h"
#include "srtp_ctx.h"
#include "tickets.h"
#include "../../lib/tcp_end.h"

#include <openssl/async.h>
#include <openssl/err.h>

enum {
	EXT_PSK_MODES = 45,	    /* RFC 8446 4.2.9 */
	EXT_RECORD_SIZE_LIMIT = 28, /* RFC 8449 */
	PSK_DHE_KE = 1,		    /* RFC 8446 4.2.9 */
	LIMIT_MIN = 64,		    /* RFC 8449 4 */
	LIMIT_OPENSSL_MIN = 512,    /* SSL_set_max_send_fragment() takes no less */
	ALERT_UNKNOWN_PSK = 115,    /* RFC 8446 6.2; these are of no use elsewhere */
	ALERT_CERT_REQUIRED = 116,
	ALERT_CERT_FIRST = 42, /* bad_certificate to certificate_unknown */
	ALERT_CERT_LAST = 46,
	ALERT_UNKNOWN_CA = 48,
};

static struct handshake_ssl *of_ssl(const SSL *ssl)
{
	struct handshake *s = SSL_get_app_data(ssl);

	return s->ssl;
}

/* ---- records in and out ---- */

void record_tap(struct record_tap *t, const uint8_t *p, size_t len)
{
	while (len) {
		size_t n, keep;

		if (t->have < TLS_HDR) {
			t->head[t->have++] = *p++;
			len--;
			if (t->have < TLS_HDR)
				continue;
			t->left = be16_read(t->head + 3);
			t->n = t->head[0] == TLS_CHANGE_CIPHER_SPEC ? 0 : t->n + 1;
		}
		n = RTE_MIN(len, (size_t)t->left);
		keep = RTE_MIN(n, (size_t)TLS_HEAD_MAX - t->have);
		memcpy(t->head + t->have, p, keep);
		t->have += (uint32_t)keep;
		t->left -= (uint32_t)n;
		p += n;
		len -= n;
		if (!t->left)
			t->have = 0;
	}
}

static int bio_read(BIO *b, char *to, int len)
{
	struct handshake_ssl *x = BIO_get_data(b);
	uint32_t n = RTE_MIN((uint32_t)len, x->in_len - x->in_at);

	BIO_clear_retry_flags(b);
	if (!n) {
		BIO_set_retry_read(b);
		return -1;
	}
	memcpy(to, x->handshake->in + x->in_at, n);
	x->in_at += n;
	return (int)n;
}

static int bio_write(BIO *b, const char *from, int len)
{
	struct handshake_ssl *x = BIO_get_data(b);
	struct handshake *s = x->handshake;
	uint32_t n = RTE_MIN((uint32_t)len, HANDSHAKE_OUT_MAX - s->out_len);

	BIO_clear_retry_flags(b);
	if (!n) {
		BIO_set_retry_write(b);
		return -1;
	}
	memcpy(s->out + s->out_len, from, n);
	record_tap(&x->tap_out, s->out + s->out_len, n);
	s->out_len += n;
	return (int)n;
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

BIO_METHOD *handshake_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "handshake");

	if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
	    BIO_meth_set_ctrl(m, bio_ctrl) && BIO_meth_set_create(m, bio_create))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- contexts ---- */

static void on_keylog(const SSL *ssl, const char *line)
{
	handshake_keylog(of_ssl(ssl), line);
}

static void on_info(const SSL *ssl, int where, int ret)
{
	struct handshake_ssl *x = of_ssl(ssl);

	if (!(where & SSL_CB_ALERT))
		return;
	x->alert = (uint8_t)ret;
	x->alert_received = where & SSL_CB_READ;
}

/* Each extension of the other side. RFC 8446 4.2.9: who cannot use tickets should get none. */
static void on_extension(SSL *ssl, int client, int type, const unsigned char *p, int len, void *arg)
{
	struct handshake *s = arg;
	int i;

	(void)ssl, (void)client;
	if (type != EXT_PSK_MODES)
		return;
	/* A second ClientHello may say something else, and offer other keys. */
	s->ssl->resumable = false;
	s->result.psk = false;
	for (i = 1; i < len; i++)
		s->ssl->resumable |= p[i] == PSK_DHE_KE;
}

/* RFC 8449 4: with TLS 1.3 the inner content type counts. */
static int on_limit_add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
			size_t *len, X509 *cert, size_t chain, int *alert, void *arg)
{
	static const uint8_t limit_13[] = { (TLS_PLAIN_MAX + 1) >> 8, (TLS_PLAIN_MAX + 1) & 0xff },
			     limit_12[] = { TLS_PLAIN_MAX >> 8, TLS_PLAIN_MAX & 0xff };

	(void)type, (void)cert, (void)chain, (void)alert, (void)arg;
	if (context != SSL_EXT_CLIENT_HELLO) {
		/*
		 * OpenSSL has agreed to the older max_fragment_length already, and both must not
		 * be answered; nor what it could not keep while it writes the handshake.
		 */
		if (SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl)) ||
		    of_ssl(ssl)->limit < LIMIT_OPENSSL_MIN)
			return 0;
	}
	*out = context == SSL_EXT_TLS1_2_SERVER_HELLO ? limit_12 : limit_13;
	*len = sizeof(limit_13);
	return 1;
}

static int on_limit(SSL *ssl, unsigned type, unsigned context, const unsigned char *p, size_t len,
		    X509 *cert, size_t chain, int *alert, void *arg)
{
	bool v13 = SSL_version(ssl) == TLS1_3_VERSION;
	uint32_t limit, max = TLS_PLAIN_MAX + v13;

	(void)type, (void)cert, (void)chain, (void)arg;
	*alert = len == 2 ? SSL_AD_ILLEGAL_PARAMETER : SSL_AD_DECODE_ERROR;
	if (len != 2)
		return 0;
	limit = be16_read(p);
	/* A client may mean another version by more than there is, a server cannot. */
	if (limit < LIMIT_MIN || (limit > max && context != SSL_EXT_CLIENT_HELLO))
		return 0;
	limit = RTE_MIN(limit, max) - v13;
	of_ssl(ssl)->limit = (uint16_t)limit;
	return limit < LIMIT_OPENSSL_MIN || SSL_set_max_send_fragment(ssl, limit);
}

bool handshake_ctx_init(SSL_CTX *ctx)
{
	SSL_CTX_set_keylog_callback(ctx, on_keylog);
	SSL_CTX_set_info_callback(ctx, on_info);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 0);
	SSL_CTX_set_post_handshake_auth(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* Of early data none is taken, and a bounded amount skipped. */
	return SSL_CTX_set_max_early_data(ctx, 0) &&
	       SSL_CTX_set_recv_max_early_data(ctx, HANDSHAKE_EARLY_MAX) &&
	       /* TLS 1.3: sent after Finished by handshake_ticket(), where they are counted. */
	       SSL_CTX_set_num_tickets(ctx, 0) &&
	       SSL_CTX_add_custom_ext(ctx, EXT_RECORD_SIZE_LIMIT,
				      SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO |
					  SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS,
				      on_limit_add, NULL, NULL, on_limit, NULL);
}

bool handshake_lookup(struct handshake *s)
{
	struct handshake_ssl *x = s->ssl;

	s->psk_len = 0;
	x->lookup = !x->aborted && ASYNC_get_current_job();
	while (x->lookup)
		ASYNC_pause_job();
	return s->psk_len > 0;
}

/* ---- life ---- */

static int on_wake(SSL *ssl, void *arg)
{
	struct handshake_ssl *x = arg;

	(void)ssl;
	atomic_store_explicit(&x->ready, true, memory_order_release);
	atomic_store_explicit(&x->crypto->woken, true, memory_order_release);
	return 1;
}

static bool handshake_open(struct crypto *th, struct handshake *s)
{
	struct handshake_ssl *x = OPENSSL_zalloc(sizeof(*x));
	BIO *bio;
	bool psk; /* handshake_lookup() */

	if (!x)
		return false;
	/* Before the worker could know of a domain, or a service, its snapshot had been left. */
	crypto_domains_take(th);
	psk = !s->client && !s->srtp && th->domains->conf->domain[s->domain].psk;
	s->ssl = x;
	x->handshake = s;
	x->crypto = th;
	x->alert = ALERT_NONE;
	x->domains = th->domains;
	x->domains->users++;
	memset(&s->result, 0, sizeof(s->result));
	ERR_clear_error();
	x->ssl = s->srtp   ? srtp_ssl(th, s)
		 : s->dtls ? domain_ssl_dtls(th->domains->set, s->domain, s->client, s)
			   : domain_ssl(th->domains->set, s->domain, s->client, s);
	/*
	 * From OpenSSL 3.2 on SSL_set_accept_state() makes record layers, and tells in the queue
	 * alone that there was no memory for one: a BIO would be given to NULL.
	 */
	bio = x->ssl && ERR_peek_error() == 0 ? BIO_new(s->dtls ? th->bio_dtls : th->bio) : NULL;
	if (!bio)
		return false;
	BIO_set_data(bio, x);
	SSL_set_bio(x->ssl, bio, bio);
	if (s->dtls && !dtls_use(s, x->ssl))
		return false;
	if ((th->dp->accel || psk) && !accel_ssl(x->ssl, on_wake, x))
		return false;
	SSL_set_tlsext_debug_callback(x->ssl, on_extension);
	SSL_set_tlsext_debug_arg(x->ssl, s);
	return expect_use(&s->expect, x->ssl, s->client);
}

void handshake_clear(struct handshake *s)
{
	struct handshake_ssl *x = s->ssl;

	if (!x)
		return;
	SSL_free(x->ssl);
	crypto_domains_put(x->crypto, x->domains);
	OPENSSL_clear_free(x, sizeof(*x));
	s->ssl = NULL;
}

/* ---- ends ---- */

static bool handshake_end(struct handshake *s, enum handshake_state state)
{
	handshake_clear(s);
	s->state = state;
	return true;
}

static bool handshake_fail(struct handshake *s, enum tcp_end why)
{
	bool theirs = s->ssl && s->ssl->alert_received;

	if (why == TCP_END_TLS_CERT && !theirs && s->expect.peer == EXPECT_FINGERPRINT)
		why = TCP_END_TLS_FINGERPRINT;
	s->why = why;
	s->alert = s->ssl ? s->ssl->alert : ALERT_NONE;
	s->alert_received = theirs;
	OPENSSL_cleanse(&s->result, sizeof(s->result));
	return handshake_end(s, HANDSHAKE_FAILED);
}

/* TCP_ENDS: nothing that is told apart. */
static enum tcp_end reason_end(int reason, bool first_record)
{
	switch (reason) {
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
		return TCP_END_TLS_PLAIN;
	case SSL_R_WRONG_VERSION_NUMBER:
		return first_record ? TCP_END_TLS_PLAIN : TCP_END_TLS_HANDSHAKE;
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return TCP_END_TLS_CERT;
	case SSL_R_PSK_IDENTITY_NOT_FOUND:
		return TCP_END_TLS_PSK;
	case ERR_R_MALLOC_FAILURE:
	case ERR_R_INTERNAL_ERROR:
		return TCP_END_TLS_INTERNAL;
	default:
		return TCP_END_MAX;
	}
}

static enum tcp_end alert_end(uint8_t alert)
{
	if ((alert >= ALERT_CERT_FIRST && alert <= ALERT_CERT_LAST) || alert == ALERT_UNKNOWN_CA ||
	    alert == ALERT_CERT_REQUIRED)
		return TCP_END_TLS_CERT;
	if (alert == ALERT_UNKNOWN_PSK)
		return TCP_END_TLS_PSK;
	return alert == ALERT_INTERNAL_ERROR ? TCP_END_TLS_INTERNAL : TCP_END_TLS_HANDSHAKE;
}

/* Why, from what OpenSSL left in its queue and which alert it sent. */
static enum tcp_end handshake_why(const struct handshake_ssl *x, int ssl_error)
{
	enum tcp_end why;
	unsigned long e;

	if (ssl_error == SSL_ERROR_ZERO_RETURN)
		return TCP_END_TLS_ALERT;
	while ((e = ERR_get_error())) {
		int reason = ERR_GET_REASON(e);

		/* Of any part of OpenSSL: what comes of it looks like the other side's fault. */
		if (reason == ERR_R_MALLOC_FAILURE)
			return TCP_END_TLS_INTERNAL;
		if (ERR_GET_LIB(e) != ERR_LIB_SSL)
			continue;
		if (reason >= SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + UINT8_MAX)
			return TCP_END_TLS_ALERT;
		why = reason_end(reason, x->tap_in.n == 1);
		if (why != TCP_END_MAX)
			return why;
	}
	return x->alert == ALERT_NONE ? TCP_END_TLS_INTERNAL : alert_end(x->alert);
}

/* ---- steps ---- */

/*
 * TLS 1.3 after Finished: a ticket, where the domain gives them and the client can use it. True:
 * there is something to write.
 */
static bool handshake_ticket(const struct crypto *th, const struct handshake *s)
{
	struct handshake_ssl *x = s->ssl;
	struct tickets *t = th->dp->tickets;

	if (x->ticket || s->client || SSL_version(x->ssl) != TLS1_3_VERSION)
		return false;
	x->ticket = true;
	x->tap_out.n = 0; /* these are the first records under their key */
	return x->domains->conf->domain[s->domain].tickets && x->resumable && t &&
	       tickets_given(t) && s->expect.peer == EXPECT_DOMAIN &&
	       SSL_new_session_ticket(x->ssl);
}

static bool handshake_done(struct crypto *th, struct handshake *s)
{
	/* More in Finished's record than Finished: nothing that may follow there. */
	if (!s->dtls && SSL_has_pending(s->ssl->ssl))
		return handshake_fail(s, TCP_END_TLS_HANDSHAKE);
	if (!handshake_result(th, s))
		return handshake_fail(s, TCP_END_TLS_INTERNAL);
	if (s->srtp && !srtp_result(s, s->ssl->ssl))
		return handshake_fail(s, TCP_END_TLS_INTERNAL);
	return handshake_end(s, HANDSHAKE_DONE);
}

/* It waits for a job: the worker's answer, or an accelerator's. */
static bool handshake_wait(struct crypto *th, struct handshake *s, int ssl_error)
{
	struct handshake_ssl *x = s->ssl;

	if (x->lookup) {
		s->state = HANDSHAKE_LOOKUP;
		return true;
	}
	crypto_park(th, x);
	/* Neither a fibre nor the accelerator was free: try again, as if it were ready. */
	if (ssl_error == SSL_ERROR_WANT_ASYNC_JOB || accel_again(x->ssl))
		on_wake(x->ssl, x);
	return false;
}

bool handshake_go(struct crypto *th, struct handshake *s)
{
	struct handshake_ssl *x = s->ssl;
	int ret, e;

	ERR_clear_error();
	atomic_store_explicit(&x->ready, false, memory_order_relaxed);
	ret = SSL_do_handshake(x->ssl);
	if (ret == 1 && !x->aborted && handshake_ticket(th, s))
		ret = SSL_do_handshake(x->ssl);
	e = SSL_get_error(x->ssl, ret);
	if (e == SSL_ERROR_WANT_ASYNC || e == SSL_ERROR_WANT_ASYNC_JOB)
		return handshake_wait(th, s, e);
	x->parked_tsc = 0;
	if (x->aborted)
		return handshake_end(s, HANDSHAKE_ABORTED);
	switch (e) {
	case SSL_ERROR_NONE:
		return handshake_done(th, s);
	case SSL_ERROR_WANT_READ:
		s->state = HANDSHAKE_MORE;
		if (s->dtls)
			dtls_timer(s);
		return true;
	case SSL_ERROR_WANT_WRITE:
		s->state = HANDSHAKE_OUT;
		return true;
	default:
		return handshake_fail(s, handshake_why(x, e));
	}
}

/* What a job still refers to is freed once it has come back, without a key that it waits for. */
static bool handshake_abort(struct crypto *th, struct handshake *s)
{
	struct handshake_ssl *x = s->ssl;

	if (!x || !SSL_waiting_for_async(x->ssl))
		return handshake_end(s, HANDSHAKE_ABORTED);
	x->aborted = true;
	x->lookup = false;
	s->psk_len = 0;
	return handshake_go(th, s);
}

static bool handshake_psk(struct crypto *th, struct handshake *s)
{
	bool back;

	s->ssl->lookup = false;
	back = handshake_go(th, s);
	if (!back || s->state != HANDSHAKE_LOOKUP) /* of another identity, which lies there now */
		OPENSSL_cleanse(s->psk, sizeof(s->psk));
	return back;
}

static bool handshake_timer(struct handshake *s)
{
	if (!dtls_resend(s))
		return handshake_fail(s, TCP_END_TLS_TIMEOUT);
	s->state = HANDSHAKE_MORE;
	dtls_timer(s);
	return true;
}

bool handshake_step(struct crypto *th, struct handshake *s)
{
	s->out_len = 0;
	s->timer_ms = 0;
	s->identity_len = 0;
	s->waits = 0;
	if (s->op == HANDSHAKE_ABORT)
		return handshake_abort(th, s);
	if (!s->ssl && !handshake_open(th, s))
		return handshake_fail(s, TCP_END_TLS_INTERNAL);
	if (s->op == HANDSHAKE_PSK)
		return handshake_psk(th, s);
	if (s->op == HANDSHAKE_TIMER)
		return handshake_timer(s);
	s->total_in += s->in_len;
	if (s->in_len > HANDSHAKE_IN_MAX || s->total_in > HANDSHAKE_BYTES_MAX)
		return handshake_fail(s, TCP_END_TLS_FLOOD);
	s->ssl->in_len = s->in_len;
	s->ssl->in_at = 0;
	if (!s->dtls)
		record_tap(&s->ssl->tap_in, s->in, s->in_len);
	else if (!s->client && !s->ssl->listened && !dtls_listen(s->ssl))
		return handshake_fail(s, TCP_END_TLS_HANDSHAKE);
	s->ssl->listened = true;
	return handshake_go(th, s);
}
