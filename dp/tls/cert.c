/* SPDX-License-Identifier: BSD-3-Clause */
#include "cert.h"
#include "accel.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

enum { RSA_BITS_MIN = 2048, EC_BITS_MIN = 256, WHY_MAX = 256 };

/* Where a sentence is to go, and the place in the configuration it is about. */
struct complaint {
	const struct config *conf;
	uint32_t line;
	const char *list, *key; /* "certificates", "chain" */
	uint16_t idx;
	const char *path;
	char *err;
	size_t errlen;
};

static bool __attribute__((format(printf, 2, 3)))
complain(const struct complaint *c, const char *why, ...)
{
	char text[WHY_MAX + CONFIG_STR_MAX];
	va_list ap;

	va_start(ap, why);
	vsnprintf(text, sizeof(text), why, ap);
	va_end(ap);
	snprintf(c->err, c->errlen, "%s: %s[%u].%s: %s: %s", config_where(c->conf, c->line).text,
		 c->list, c->idx, c->key, c->path, text);
	return false;
}

/* ---- files ---- */

/* A BIO of the file's bytes; NULL: complained of. */
static BIO *file_open(struct tls_files *files, const struct complaint *c)
{
	char why[WHY_MAX];
	const struct tls_text *t = files_read(files, c->path, why, sizeof(why));
	BIO *b = t ? BIO_new_mem_buf(t->bytes, (int)t->len) : NULL;

	if (!b)
		complain(c, "%s", t ? "out of memory" : why);
	ERR_clear_error();
	return b;
}

static X509 *pem_next(BIO *b, OSSL_LIB_CTX *libctx)
{
	X509 *x = X509_new_ex(libctx, NULL);

	if (x && PEM_read_bio_X509(b, &x, NULL, (void *)"") != NULL)
		return x;
	X509_free(x);
	return NULL;
}

/* All certificates of a file, at least one. */
static STACK_OF(X509) * certs_read(const struct cert_from *from, const struct complaint *c)
{
	BIO *b = file_open(from->files, c);
	STACK_OF(X509) *all = NULL;
	bool ok = false;
	X509 *x;

	if (!b)
		return NULL;
	all = sk_X509_new_null();
	while (all && (x = pem_next(b, from->libctx)) && sk_X509_push(all, x))
		;
	/* The end of the file is where no other begins. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		complain(c, "certificate %d in it is broken", sk_X509_num(all) + 1);
	else if (sk_X509_num(all) == 0)
		complain(c, "has no certificate in it; PEM is needed");
	else
		ok = true;
	if (!ok) {
		sk_X509_pop_free(all, X509_free);
		all = NULL;
	}
	ERR_clear_error();
	BIO_free(b);
	return all;
}

/* Asked for a passphrase: there is nobody to type one. */
static int pem_passphrase(char *buf, int size, int rwflag, void *asked)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)asked = true;
	return -1;
}

static EVP_PKEY *key_read(const struct cert_from *from, const struct complaint *c)
{
	BIO *b = file_open(from->files, c);
	bool encrypted = false;
	EVP_PKEY *key;

	if (!b)
		return NULL;
	key = PEM_read_bio_PrivateKey_ex(b, NULL, pem_passphrase, &encrypted, from->libctx, NULL);
	if (!key && encrypted)
		complain(c, "is encrypted; a key without passphrase is needed");
	else if (!key)
		complain(c, "has no private key in it; PEM is needed");
	ERR_clear_error();
	BIO_free(b);
	return key;
}

/* ---- what is accepted ---- */

static bool key_judge(const struct complaint *c, EVP_PKEY *k)
{
	int bits = EVP_PKEY_get_bits(k);

	switch (EVP_PKEY_get_base_id(k)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		if (bits < RSA_BITS_MIN)
			return complain(c, "its RSA key has %d bits, and %d are needed", bits,
					RSA_BITS_MIN);
		return true;
	case EVP_PKEY_EC:
		if (bits < EC_BITS_MIN)
			return complain(c, "its EC key has %d bits, and %d are needed", bits,
					EC_BITS_MIN);
		return true;
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return true;
	default:
		return complain(c, "its key is neither RSA nor EC nor EdDSA");
	}
}

/* ---- names ---- */

static bool name_add(struct cert *c, const char *name, size_t len)
{
	char(*grown)[CONFIG_STR_MAX];
	char *to;

	/* No host is called so: too long (RFC 6066 3), or a NUL that hides something. */
	if (len == 0 || len >= CONFIG_STR_MAX || memchr(name, 0, len))
		return true;
	grown = realloc(c->name, (c->n_name + 1) * sizeof(*grown));
	if (!grown)
		return false;
	c->name = grown;
	to = c->name[c->n_name++];
	for (size_t i = 0; i < len; i++)
		to[i] = (char)tolower((unsigned char)name[i]);
	to[len] = '\0';
	return true;
}

static bool name_add_string(struct cert *c, const ASN1_STRING *s)
{
	return name_add(c, (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

/* The last CN is the most specific one. */
static bool name_add_cn(struct cert *c)
{
	const X509_NAME *subject = X509_get_subject_name(c->leaf);
	int i = -1, last = -1;

	while ((i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0)
		last = i;
	return last < 0 ||
	       name_add_string(c, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
}

/* dNSNames, or the CN when there are none (RFC 6125 6.4.4). */
static bool names_own(struct cert *c)
{
	GENERAL_NAMES *alt = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, NULL, NULL);
	bool ok = true;

	for (int i = 0; ok && i < sk_GENERAL_NAME_num(alt); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(alt, i);

		if (n->type == GEN_DNS)
			ok = name_add_string(c, n->d.dNSName);
	}
	GENERAL_NAMES_free(alt);
	return ok && (c->n_name || name_add_cn(c));
}

static bool names_load(struct cert *c)
{
	if (c->conf->n_name == 0)
		return names_own(c);
	for (uint16_t i = 0; i < c->conf->n_name; i++) {
		if (!name_add(c, c->conf->name[i], strlen(c->conf->name[i])))
			return false;
	}
	return true;
}

bool cert_has(const struct cert *c, const char *name)
{
	for (uint32_t i = 0; i < c->n_name; i++) {
		if (strcmp(c->name[i], name) == 0)
			return true;
	}
	return false;
}

int cert_kind(const struct cert *c)
{
	return EVP_PKEY_get_base_id(X509_get0_pubkey(c->leaf));
}

/* ---- loading ---- */

bool cert_load(struct cert *c, const struct cert_from *from, uint16_t idx, char *err, size_t errlen)
{
	const struct config *conf = from->conf;
	const struct config_certificate *e = &conf->certificate[idx];
	struct complaint chain = { conf,     e->chain_line, "certificates", "chain", idx,
				   e->chain, err,	    errlen };
	struct complaint key = {
		conf, e->key_line, "certificates", "key", idx, e->key, err, errlen
	};

	*c = (struct cert){ .conf = e, .above = certs_read(from, &chain) };
	if (!c->above)
		return false;
	c->leaf = sk_X509_shift(c->above);
	if (!X509_get0_pubkey(c->leaf)) {
		complain(&chain, "its key is of no kind we know");
		goto fail;
	}
	if (!key_judge(&chain, X509_get0_pubkey(c->leaf)))
		goto fail;
	c->key = key_read(from, &key);
	if (!c->key)
		goto fail;
	if (X509_check_private_key(c->leaf, c->key) != 1) {
		complain(&key, "is not the key of the certificate in %s", e->chain);
		goto fail;
	}
	if (!names_load(c) || X509_digest(c->leaf, EVP_sha256(), c->sha256, NULL) != 1) {
		complain(&chain, "out of memory");
		goto fail;
	}
	c->key = accel_key(from->accel, from->libctx, c->key);
	return true;
fail:
	ERR_clear_error();
	cert_free(c);
	return false;
}

void cert_free(struct cert *c)
{
	X509_free(c->leaf);
	sk_X509_pop_free(c->above, X509_free);
	EVP_PKEY_free(c->key);
	free(c->name);
	*c = (struct cert){ 0 };
}

STACK_OF(X509) *
    cert_load_ca(const struct cert_from *from, uint16_t domain, char *err, size_t errlen)
{
	const struct config_domain *d = &from->conf->domain[domain];
	struct complaint c = { from->conf, d->client_ca_line, "tls-domains", "client-ca",
			       domain,	   d->client_ca,      err,	     errlen };

	return certs_read(from, &c);
}

/* ---- for display ---- */

static void describe_type(const struct cert *c, char *out, size_t len)
{
	EVP_PKEY *k = X509_get0_pubkey(c->leaf);
	char group[CTL_NAME_MAX] = "";
	const char *nist;

	switch (cert_kind(c)) {
	case EVP_PKEY_EC:
		EVP_PKEY_get_group_name(k, group, sizeof(group), NULL);
		nist = EC_curve_nid2nist(OBJ_sn2nid(group));
		snprintf(out, len, "EC %s", nist ? nist : group);
		break;
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		snprintf(out, len, "RSA %d", EVP_PKEY_get_bits(k));
		break;
	default:
		snprintf(out, len, "%s", OBJ_nid2sn(cert_kind(c)));
	}
}

static uint64_t seconds(const ASN1_TIME *t)
{
	struct tm tm;
	time_t s = ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;

	return s > 0 ? (uint64_t)s : 0;
}

static void describe_der(const struct cert *c, struct ctl_cert_info *i)
{
	uint8_t *p = i->der;
	const int len = i2d_X509(c->leaf, NULL);

	i->der_len = len > 0 && len <= CTL_DER_MAX ? (uint32_t)i2d_X509(c->leaf, &p) : 0;
}

void cert_describe(const struct cert *c, struct ctl_cert_info *i)
{
	BIO *b = BIO_new(BIO_s_mem());
	size_t at = 0;
	int n = 0;

	i->domain = c->conf->domain_index;
	i->not_before = seconds(X509_get0_notBefore(c->leaf));
	i->not_after = seconds(X509_get0_notAfter(c->leaf));
	memcpy(i->sha256, c->sha256, sizeof(i->sha256));
	describe_der(c, i);
	describe_type(c, i->type, sizeof(i->type));
	if (b && X509_NAME_print_ex(b, X509_get_subject_name(c->leaf), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_read(b, i->subject, sizeof(i->subject) - 1);
	i->subject[n > 0 ? n : 0] = '\0';
	BIO_free(b);
	i->names[0] = '\0';
	for (uint32_t k = 0; k < c->n_name && at < sizeof(i->names); k++)
		at += (size_t)snprintf(i->names + at, sizeof(i->names) - at, "%s%s", k ? " " : "",
				       c->name[k]);
}
