/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_DOMAIN_H
#define FL_DP_TLS_DOMAIN_H

/*
 * TLS domains (R48): what a listener, or a termination, offers and accepts: versions, suites,
 * groups, certificates by name (SNI), ALPN, the policy for client certificates, tickets. Built from
 * the configuration as OpenSSL contexts, once for each crypto thread, since each has a library
 * context of its own. A set is immutable; a reload builds another and the crypto thread takes that
 * up for handshakes that begin from then on (R76).
 */
#include "../../conf/config.h"
#include "../../lib/ctl_abi.h"

#include <openssl/ssl.h>

struct dplane;
struct snapshot;
struct tls_files;
struct domain_set;

/*
 * Takes every certificate and key of a snapshot, NULL: of the start, from files, which reads those
 * that it has not, and builds the contexts in libctx. On failure NULL, one sentence that names
 * file, and line and key of the configuration, and in *at_fault the index of the certificate, or
 * CONFIG_CERTIFICATES_MAX when it is none of them.
 */
struct domain_set *domains_create(const struct dplane *dp, struct snapshot *of,
				  OSSL_LIB_CTX *libctx, struct tls_files *files, uint16_t *at_fault,
				  char *err, size_t errlen);
/* Tells struct ctl_cert_info of the region what is in force. By the service thread only. */
void domains_publish(const struct dplane *dp, const struct domain_set *d);
/* What a failed reload leaves in force stays published, with why it failed; at_fault as above. */
void domains_publish_error(const struct dplane *dp, uint16_t at_fault, const char *error);
/* Handshakes that use a context hold it until they end. */
void domains_free(struct domain_set *d);

/*
 * A new SSL for a handshake in domain i (index in the configuration), accepting or connecting.
 * arg is what callbacks find by SSL_get_app_data(): the struct handshake. NULL: out of memory, or
 * there is no such domain.
 */
SSL *domain_ssl(struct domain_set *d, uint16_t i, bool client, void *arg);
/* The same of DTLS. */
SSL *domain_ssl_dtls(struct domain_set *d, uint16_t i, bool client, void *arg);

/* After the handshake: id of the service that the listener has, or that ALPN or SNI chose, or
 * SERVICE_NONE. */
uint16_t domain_service(const struct domain_set *d, uint16_t i, const SSL *ssl);

/* How the SHA-256 begins of the certificate that we have shown as a server; untouched: none of d.
 */
void domain_cert_key(const struct domain_set *d, const SSL *ssl, uint8_t key[CTL_CERT_KEY]);

#endif
