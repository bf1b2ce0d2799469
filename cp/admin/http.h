/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_HTTP_H
#define FL_CP_ADMIN_HTTP_H

/*
 * As much of an HTTP/1.1 server (RFC 9110, RFC 9112) as a page needs that is only read: GET and
 * HEAD, no bodies, one request a connection. Whoever connects holds a place for HTTP_REQUEST_S
 * until his request is there in full, however its bytes come, and as long again for the answer;
 * when all places are taken the longest there of the source that has most of them makes room.
 */
#include "../../lib/addr.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	HTTP_HEAD_MAX = 8192, /* bytes of a request line and its headers */
	HTTP_HEADER_MAX =
	    1024, /* bytes of one that is looked at, NUL included; a longer one is none */
	HTTP_CONNECTIONS = 64,
	HTTP_REQUEST_S = 5,
	HTTP_HANDSHAKES = 10,
};

/* What is asked for: a path without its query, by whom, and two headers, "" where there is none. */
struct http_request {
	const char *path;
	struct ip_addr from;
	char accept[HTTP_HEADER_MAX], authorization[HTTP_HEADER_MAX];
};

/* What is answered; body and headers ("Name: value\r\n" each) are empty at first. Returns the
 * status, 200 or an error, of which body tells more or stays empty. */
typedef int http_handler(void *ctx, const struct http_request *r, struct evbuffer *headers,
			 struct evbuffer *body);

struct http;

/* Listens. NULL and errno on failure. */
struct http *http_open(struct event_base *base, const struct ip_addr *ip, uint16_t port,
		       http_handler *handler, void *ctx);
/*
 * Connections from now on are TLS by ctx, which is referenced; NULL: plain. Of handshakes a source
 * has HTTP_HANDSHAKES a second, and ten of them together: more are closed unheard.
 */
void http_secure(struct http *h, SSL_CTX *ctx);
/* NULL is fine. */
void http_close(struct http *h);

#endif
