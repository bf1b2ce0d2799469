/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_TLS_SOCKET_H
#define FL_CP_TLS_SOCKET_H

/*
 * TLS of this process's own sockets, apart from the relay's: OpenSSL over bufferevents. TLS 1.2 and
 * 1.3, no renegotiation, and nothing is resumed, so that each connection is judged by what is in
 * force when it begins.
 */
#include "server.h"

#include <event2/event.h>
#include <openssl/ssl.h>
#include <stddef.h>

struct bufferevent;

/*
 * Reads a chain and its key (PEM) for TLS_server_method() or TLS_client_method(); a key that others
 * may read is refused. On failure NULL, and one sentence in err. Free with SSL_CTX_free().
 */
SSL_CTX *tls_socket_load(const SSL_METHOD *end, const char *chain, const char *key, char *err,
			 size_t errlen);
/*
 * The other end has to show a certificate of the CAs in a file, which revocation lists may be in as
 * well. On failure false, and one sentence in err.
 */
bool tls_socket_trust(SSL_CTX *ctx, const char *file, char *err, size_t errlen);

/*
 * Both, as keys PREFIX"certificate", "key" and "ca" of the configuration say, of which the sentence
 * names one.
 */
SSL_CTX *tls_socket_load_mutual(const SSL_METHOD *end, const char *prefix, const char *chain,
				const char *key, const char *ca, char *err, size_t errlen);

/* From when until when its certificate is valid; of NULL zeros. */
struct cert_life tls_socket_life(const SSL_CTX *ctx);

/* The server's end of a connection; fd is closed with it. NULL, and fd is the caller's: no memory.
 */
struct bufferevent *tls_socket_accept(struct event_base *base, SSL_CTX *ctx, int fd);

/*
 * The client's, over a socket that is connecting: the server's certificate has to be of that name,
 * or, if that is empty, of that address.
 */
struct bufferevent *tls_socket_connect(struct event_base *base, SSL_CTX *ctx, int fd,
				       const char *name, const struct ip_addr *ip);

/* The other side is told that nothing follows, whatever bev is: TLS or not. */
void tls_socket_finish(struct bufferevent *bev);

#endif
