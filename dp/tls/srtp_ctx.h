/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_SRTP_CTX_H
#define FL_DP_TLS_SRTP_CTX_H

/*
 * DTLS-SRTP (RFC 5764): contexts of OpenSSL for the handshakes of terminations, apart from the TLS
 * domains of the configuration. All show one certificate, which is made at start and is in memory
 * alone: who it is of, its fingerprint says (RFC 5763 5).
 */
#include "handshake.h"

#include <openssl/ssl.h>

/* DER; each crypto thread reads it into a library context of its own. */
struct srtp_cert {
	uint8_t *key, *cert;
	int key_len, cert_len;
};

/* ECDSA by P-256, self-signed; its fingerprint goes into sha256. False: OpenSSL failed. */
bool srtp_cert_make(struct srtp_cert *c, uint8_t sha256[32]);
void srtp_cert_free(struct srtp_cert *c);

/* The contexts of a crypto thread; none if c is empty. False: OpenSSL failed. */
bool srtp_ctx_make(struct crypto *th, const struct srtp_cert *c);

/* An SSL for s, whose profiles it offers or takes. NULL: OpenSSL failed, or there is no context. */
SSL *srtp_ssl(struct crypto *th, struct handshake *s);
/* After the handshake: fills suite and keys of s->result.srtp. False: OpenSSL failed. */
bool srtp_result(struct handshake *s, SSL *ssl);

#endif
