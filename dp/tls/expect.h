/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_EXPECT_H
#define FL_DP_TLS_EXPECT_H

/*
 * What a connection's owner expects of the other side of its handshake, beside what the TLS domain
 * asks of everybody. It says so when the handshake begins (struct tcp_app's expect()).
 */
#include "../../lib/fingerprint.h"

#include <openssl/types.h>
#include <stdbool.h>

enum {
	EXPECT_FINGERPRINTS_MAX = 8,
	EXPECT_NAME_MAX = 256, /* host name, NUL included (RFC 6066 3) */
};

enum expect_peer {
	/* What the domain says: client-cert, client-ca; as a client, also that it is for name. */
	EXPECT_DOMAIN,
	/* A certificate with one of these fingerprints; no chain, no name (RFC 8122 6.2; R50). */
	EXPECT_FINGERPRINT,
	/* Any certificate: the owner judges its digests before it reads (R51). */
	EXPECT_ANY,
};

struct tls_expect {
	uint8_t peer; /* enum expect_peer */
	uint8_t n_fingerprint;
	bool has_service;
	uint16_t service; /* id; as a server: the only one there is, whatever the other side says */
	struct fingerprint fingerprint[EXPECT_FINGERPRINTS_MAX];
	char name[EXPECT_NAME_MAX]; /* as a client: SNI, unless it is an address; "": none */
};

/*
 * Before the handshake. Where a certificate is expected, nothing goes on without one: no ticket, no
 * pre-shared key (R46). False: OpenSSL failed.
 */
bool expect_use(const struct tls_expect *e, SSL *ssl, bool client);
/*
 * The verdict on the other side's certificate, as SSL_CTX_set_cert_verify_callback(3) wants it. ca:
 * whether the domain has CAs, to which a chain must lead then, unless e says otherwise.
 */
int expect_verify(const struct tls_expect *e, bool ca, X509_STORE_CTX *s);
/*
 * After the handshake: whether a certificate with these fingerprints, NULL for none, will do. To
 * show none ends the connection as to show another does, with bad_certificate (RFC 8122 6.2).
 */
bool expect_met(const struct tls_expect *e, const struct fingerprint_set *peer);

/* Of x, by every hash. False: OpenSSL failed. */
bool fingerprints_make(struct fingerprint_set *set, const X509 *x);

#endif
