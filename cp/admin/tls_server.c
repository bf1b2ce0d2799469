/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls_server.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* What OpenSSL has against a file; its queue is empty afterwards. */
static SSL_CTX *refuse(SSL_CTX *ctx, const char *file, char *err, size_t errlen)
{
	const unsigned long e = ERR_peek_last_error();
	const char *reason =
	    ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);

	snprintf(err, errlen, "%s: %s", file, reason ? reason : "cannot be used");
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

/* Nobody is asked for a pass phrase. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static bool key_is_private(const char *key, char *err, size_t errlen)
{
	struct stat st;

	if (stat(key, &st) != 0)
		snprintf(err, errlen, "%s: %s", key, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		snprintf(err, errlen, "%s: is not a file", key);
	else if (st.st_mode & 07)
		snprintf(err, errlen, "%s: others may read the key: its mode must be 0640 or 0600",
			 key);
	else
		return true;
	return false;
}

SSL_CTX *tls_server_load(const char *chain, const char *key, char *err, size_t errlen)
{
	SSL_CTX *ctx = key_is_private(key, err, errlen) ? SSL_CTX_new(TLS_server_method()) : NULL;

	if (!ctx)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
				     SSL_OP_CIPHER_SERVER_PREFERENCE |
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, chain) != 1)
		return refuse(ctx, chain, err, errlen);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return refuse(ctx, key, err, errlen);
	return ctx;
}

/* A time before 1970, or one that cannot be read, is 0. */
static uint64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;
	time_t s = ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;

	return s > 0 ? (uint64_t)s : 0;
}

struct cert_life tls_server_life(const SSL_CTX *ctx)
{
	const X509 *x = ctx ? SSL_CTX_get0_certificate(ctx) : NULL;

	return x ? (struct cert_life){ seconds_of(X509_get0_notBefore(x)),
				       seconds_of(X509_get0_notAfter(x)) }
		 : (struct cert_life){ 0 };
}

struct bufferevent *tls_server_accept(struct event_base *base, SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl)
		return NULL;
	return bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
					      BEV_OPT_CLOSE_ON_FREE);
}

void tls_server_finish(struct bufferevent *bev)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);

	if (ssl && SSL_is_init_finished(ssl))
		SSL_shutdown(ssl);
	ERR_clear_error();
	shutdown(bufferevent_getfd(bev), SHUT_WR);
}
