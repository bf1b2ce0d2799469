/* SPDX-License-Identifier: BSD-3-Clause */
#include "make_cert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "make_cert: %s failed\n", what);
	abort();
}

EVP_PKEY *make_key(const char *kind)
{
	EVP_PKEY *k;

	if (strncmp(kind, "RSA:", 4) == 0)
		k = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(kind + 4));
	else if (strncmp(kind, "EC:", 3) == 0)
		k = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind + 3);
	else
		k = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	must(k != NULL, kind);
	return k;
}

static void extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(e && X509_add_ext(x, e, -1) == 1, value);
	X509_EXTENSION_free(e);
}

X509 *make_cert(const struct cert_spec *s, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	static long serial = 1;
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();
	EVP_PKEY *by = issuer_key ? issuer_key : key;
	long to = s->to || s->from ? s->to : 86400, from = s->to || s->from ? s->from : -86400;
	const EVP_MD *md = EVP_PKEY_get_base_id(by) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

	must(x && X509_set_version(x, X509_VERSION_3) == 1, "X509_new");
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	must(X509_gmtime_adj(X509_getm_notBefore(x), from) &&
		 X509_gmtime_adj(X509_getm_notAfter(x), to) && X509_set_pubkey(x, key) == 1,
	     "dates and key");
	if (s->cn)
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)s->cn,
					   -1, -1, 0);
	must(X509_set_subject_name(x, name) &&
		 X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x)),
	     "names");
	X509_NAME_free(name);
	if (s->ca)
		extension(x, issuer ? issuer : x, NID_basic_constraints, "critical,CA:TRUE");
	if (s->names)
		extension(x, issuer ? issuer : x, NID_subject_alt_name, s->names);
	must(X509_sign(x, by, md) > 0, "X509_sign");
	return x;
}

void write_certs(const char *path, X509 **x, int n)
{
	FILE *f = fopen(path, "w");

	must(f != NULL, path);
	for (int i = 0; i < n; i++)
		must(PEM_write_X509(f, x[i]) == 1, path);
	must(fclose(f) == 0, path);
}

void write_key(const char *path, EVP_PKEY *key, const char *passphrase)
{
	FILE *f = fopen(path, "w");

	must(f && PEM_write_PKCS8PrivateKey(f, key, passphrase ? EVP_aes_256_cbc() : NULL,
					    passphrase, passphrase ? (int)strlen(passphrase) : 0,
					    NULL, NULL) == 1,
	     path);
	must(fclose(f) == 0, path);
}

void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	must(f && fputs(text, f) >= 0 && fclose(f) == 0, path);
}
