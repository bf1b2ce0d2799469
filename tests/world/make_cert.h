/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_MAKE_CERT_H
#define FL_TESTS_MAKE_CERT_H

/* Certificates and keys made at test time. Everything aborts on failure. */
#include <openssl/x509.h>

/* "EC:P-256", "RSA:2048", "ED25519". */
EVP_PKEY *make_key(const char *kind);

struct cert_spec {
	const char *cn;	   /* NULL: none */
	const char *names; /* subjectAltName as x509v3_config(5) has it, "DNS:a.example"; NULL */
	int ca;
	long from, to; /* seconds from now; 0, 0: a day around now */
};

/* Signed by issuer, or by itself when that is NULL. */
X509 *make_cert(const struct cert_spec *s, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);

/* PEM files; n certificates one after the other. passphrase: NULL for none. */
void write_certs(const char *path, X509 **x, int n);
void write_key(const char *path, EVP_PKEY *key, const char *passphrase);
void write_text(const char *path, const char *text);

#endif
