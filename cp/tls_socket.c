/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls_socket.h"

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

SSL_CTX *tls_socket_load(const SSL_METHOD *end, const char *chain, const char *key, char *err,
			 size_t errlen)
{
	SSL_CTX *ctx = key_is_private(key, err, errlen) ? SSL_CTX_new(end) : NULL;

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

static bool has_crl(X509_STORE *store)
{
	const STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++)
		if (X509_OBJECT_get_type(sk_X509_OBJECT_value(all, i)) == X509_LU_CRL)
			return true;
	return false;
}

static bool ca_load(SSL_CTX *ctx, const char *file)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);

	if (!names)
		return false;
	SSL_CTX_set_client_CA_list(ctx, names); /* who has several certificates chooses by it */
	if (X509_STORE_load_file(store, file) != 1)
		return false;
	if (has_crl(store))
		X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	return true;
}

bool tls_socket_trust(SSL_CTX *ctx, const char *file, char *err, size_t errlen)
{
	const char *reason;

	if (ca_load(ctx, file)) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		return true;
	}
	reason = ERR_reason_error_string(ERR_peek_last_error());
	snprintf(err, errlen, "%s: %s", file,
		 reason ? reason : "no certificate can be read from it");
	ERR_clear_error();
	return false;
}

SSL_CTX *tls_socket_load_mutual(const SSL_METHOD *end, const char *prefix, const char *chain,
				const char *key, const char *ca, char *err, size_t errlen)
{
	char why[2 * CONFIG_STR_MAX];
	SSL_CTX *ctx = tls_socket_load(end, chain, key, why, sizeof(why));

	if (!ctx) {
		snprintf(err, errlen, "%scertificate: %s", prefix, why);
		return NULL;
	}
	if (!tls_socket_trust(ctx, ca, why, sizeof(why))) {
		snprintf(err, errlen, "%sca: %s", prefix, why);
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* A time before 1970, or one that cannot be read, is 0. */
static uint64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;
	time_t s = ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;

	return s > 0 ? (uint64_t)s : 0;
}

struct cert_life tls_socket_life(const SSL_CTX *ctx)
{
	const X509 *x = ctx ? SSL_CTX_get0_certificate(ctx) : NULL;

	return x ? (struct cert_life){ seconds_of(X509_get0_notBefore(x)),
				       seconds_of(X509_get0_notAfter(x)) }
		 : (struct cert_life){ 0 };
}

struct bufferevent *tls_socket_accept(struct event_base *base, SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl)
		return NULL;
	return bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
					      BEV_OPT_CLOSE_ON_FREE);
}

/* Whose certificate has to be shown. */
static bool expect(SSL *ssl, const char *name, const struct ip_addr *ip)
{
	const bool v4 = ip_is_v4(ip);

	if (name[0])
		return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
	return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), v4 ? ip->b + 12 : ip->b,
					 v4 ? 4 : sizeof(ip->b)) == 1;
}

struct bufferevent *tls_socket_connect(struct event_base *base, SSL_CTX *ctx, int fd,
				       const char *name, const struct ip_addr *ip)
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl || !expect(ssl, name, ip)) {
		SSL_free(ssl);
		return NULL;
	}
	return bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_CONNECTING,
					      BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
}

void tls_socket_finish(struct bufferevent *bev)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);

	if (ssl && SSL_is_init_finished(ssl))
		SSL_shutdown(ssl);
	ERR_clear_error();
	shutdown(bufferevent_getfd(bev), SHUT_WR);
}
