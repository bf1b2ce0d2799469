/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_TLS_SERVER_H
#define FL_CP_ADMIN_TLS_SERVER_H

/*
 * TLS of this process's own ports, apart from the relay's: OpenSSL over bufferevents. TLS 1.2 and
 * 1.3, no renegotiation, and nothing is resumed, so that each connection is judged by what is in
 * force when it begins.
 */
#include "../server.h"

#include <event2/event.h>
#include <openssl/ssl.h>
#include <stddef.h>

struct bufferevent;

/*
 * Reads a chain and its key (PEM); a key that others may read is refused. On failure NULL, and one
 * sentence in err. Free with SSL_CTX_free().
 */
SSL_CTX *tls_server_load(const char *chain, const char *key, char *err, size_t errlen);

/* From when until when its certificate is valid; of NULL zeros. */
struct cert_life tls_server_life(const SSL_CTX *ctx);

/* The server's end of a connection; fd is closed with it. NULL, and fd is the caller's: no memory.
 */
struct bufferevent *tls_server_accept(struct event_base *base, SSL_CTX *ctx, int fd);

/* The other side is told that nothing follows, whatever bev is: TLS or not. */
void tls_server_finish(struct bufferevent *bev);

#endif
