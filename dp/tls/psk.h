/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_PSK_H
#define FL_DP_TLS_PSK_H

/*
 * External pre-shared keys (R65): of TLS 1.3 (RFC 8446 4.2.11) and of the PSK suites of TLS 1.2
 * (RFC 4279). The control process knows the keys: the handshake waits for its answer in
 * handshake_lookup(). We have the server's part only: no connection that we open shows a key (R46).
 *
 * A key is for SHA-256, as RFC 8446 4.2.11 has it where nothing else is agreed: suites with another
 * hash cannot use it, and the suite is chosen first. An identity that is not known leaves TLS 1.3
 * to go on with a certificate, and ends TLS 1.2 with unknown_psk_identity: the random key that
 * RFC 4279 2 allows instead would hide what TLS 1.3 shows, and a client whose key has expired would
 * not learn that it needs another.
 */
#include <openssl/ssl.h>
#include <stdbool.h>

enum { PSK_LOOKUPS_MAX = 4 }; /* a handshake; identities beyond are unknown */

/*
 * Makes a server's context take external keys. Its SSLs' app data is the struct handshake. Tickets
 * of ours, which come as identities too, are not looked up. True.
 */
bool psk_ctx_init(SSL_CTX *ctx);

#endif
