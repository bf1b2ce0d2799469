/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_CERT_H
#define FL_DP_TLS_CERT_H

/*
 * Certificates of the configuration: their files are read and judged here, before OpenSSL sees
 * them, so that what is wrong can be said in a sentence.
 */
#include "file.h"
#include "../../conf/config.h"

#include <openssl/x509.h>

struct accel;

/* One entry of the configuration's certificates. Immutable once loaded. */
struct cert {
	const struct config_certificate *conf;
	X509 *leaf;
	STACK_OF(X509) * above; /* the rest of the chain */
	EVP_PKEY *key;
	uint8_t sha256[32];	      /* of leaf, DER */
	char (*name)[CONFIG_STR_MAX]; /* host names, lower case: the configuration's, or its own */
	uint32_t n_name;
};

/* What they are loaded from and for. */
struct cert_from {
	const struct config *conf;
	struct accel *accel; /* for the keys; NULL: none */
	OSSL_LIB_CTX *libctx;
	struct tls_files *files;
};

/*
 * Loads entry idx: a chain, an unencrypted key that fits it, RSA of 2,048 bits or more, EC of 256
 * or more, or EdDSA. False: one sentence in err, and nothing is held.
 */
bool cert_load(struct cert *c, const struct cert_from *from, uint16_t idx, char *err,
	       size_t errlen);
void cert_free(struct cert *c);

/* Whether name, in lower case, is one of its names, letter by letter. */
bool cert_has(const struct cert *c, const char *name);
/* Certificates of one kind cannot stand side by side: of RSA, EC, Ed25519 one each. */
int cert_kind(const struct cert *c);
/* All but seq, loaded and error. */
void cert_describe(const struct cert *c, struct ctl_cert_info *i);

/* The certificates of a domain's client-ca. NULL: one sentence in err. */
STACK_OF(X509) *
    cert_load_ca(const struct cert_from *from, uint16_t domain, char *err, size_t errlen);

#endif
