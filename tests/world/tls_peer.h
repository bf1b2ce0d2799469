/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_TLS_PEER_H
#define FL_TESTS_TLS_PEER_H

/*
 * The other end of a TLS connection: OpenSSL between two memory BIOs. Who carries the bytes, in
 * segments (tcp_host.h) or records, is the world's business.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_peer {
	SSL_CTX *ctx;  /* of who made it */
	SSL *ssl;      /* NULL: none is open */
	BIO *in, *out; /* what came; what goes */
	int alert;     /* that it got last: its description, or -1 */
};

/* A connection of p->ctx. */
void tls_peer_open(struct tls_peer *p, bool client);
/* In good order, or OpenSSL would not use its session again. */
void tls_peer_close(struct tls_peer *p);
/* Bytes came. */
void tls_peer_give(struct tls_peer *p, const void *bytes, size_t n);
/* The next of those that go, max at most: how many. */
size_t tls_peer_take(struct tls_peer *p, void *bytes, size_t max);
/* A whole record of them, header and all, up to max bytes: its length, 0: there is none. */
uint32_t tls_peer_record(struct tls_peer *p, uint8_t *bytes, uint32_t max);

#endif
