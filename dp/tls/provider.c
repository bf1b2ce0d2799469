/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accelerators that are providers (tls.provider). In a library context of its own with OpenSSL's
 * default provider, preferred by property query (property(7)): it signs and keeps the keys, and
 * what it lacks is OpenSSL's. A provider wakes its jobs by itself.
 */
#include "accel_int.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <string.h>

struct provider {
	OSSL_PROVIDER *provider, *otherwise;
	bool rsa, ec;
};

/* name: what it is called without path and suffix, as its algorithms' properties have it. */
static void name_split(const struct accel *a, char *dir, char *name)
{
	const char *slash = strrchr(a->name, '/');
	char *suffix;

	strcpy(name, slash ? slash + 1 : a->name);
	suffix = strrchr(name, '.');
	if (slash && suffix && strcmp(suffix, ".so") == 0)
		*suffix = '\0';
	snprintf(dir, CONFIG_STR_MAX, "%.*s", slash ? (int)(slash - a->name) : 0, a->name);
}

static bool provider_open(struct accel *a)
{
	struct provider *p = a->impl;
	char dir[CONFIG_STR_MAX], name[CONFIG_STR_MAX];

	a->libctx = OSSL_LIB_CTX_new();
	if (!a->libctx)
		return false;
	name_split(a, dir, name);
	if (*dir && !OSSL_PROVIDER_set_default_search_path(a->libctx, dir))
		return false;
	snprintf(a->query, sizeof(a->query), "?provider=%s", name);
	p->provider = OSSL_PROVIDER_load(a->libctx, name);
	p->otherwise = p->provider ? OSSL_PROVIDER_load(a->libctx, "default") : NULL;
	return p->otherwise;
}

/* Whether the provider itself both keeps such keys and signs with them. */
static bool provider_does(const struct accel *a, const char *keys, const char *signature)
{
	const struct provider *p = a->impl;
	EVP_KEYMGMT *k = EVP_KEYMGMT_fetch(a->libctx, keys, a->query);
	EVP_SIGNATURE *s = EVP_SIGNATURE_fetch(a->libctx, signature, a->query);
	bool does = k && s && EVP_KEYMGMT_get0_provider(k) == p->provider &&
		    EVP_SIGNATURE_get0_provider(s) == p->provider;

	EVP_KEYMGMT_free(k);
	EVP_SIGNATURE_free(s);
	ERR_clear_error();
	return does;
}

static bool provider_load(struct accel *a, char *err, size_t errlen)
{
	struct provider *p = a->impl = OPENSSL_zalloc(sizeof(*p));

	if (!p || !provider_open(a)) {
		accel_complain(a, "cannot be loaded", err, errlen);
		return false;
	}
	p->rsa = provider_does(a, "RSA", "RSA");
	p->ec = provider_does(a, "EC", "ECDSA");
	if (p->rsa || p->ec)
		return true;
	accel_complain(a, "does neither RSA nor ECDSA", err, errlen);
	return false;
}

static void provider_unload(struct accel *a)
{
	struct provider *p = a->impl;

	if (p && p->otherwise)
		OSSL_PROVIDER_unload(p->otherwise);
	if (p && p->provider)
		OSSL_PROVIDER_unload(p->provider);
	OPENSSL_free(p);
	OSSL_LIB_CTX_free(a->libctx);
}

struct taking {
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key;
};

static int on_export(const OSSL_PARAM *params, void *arg)
{
	struct taking *t = arg;

	return EVP_PKEY_fromdata(t->ctx, &t->key, EVP_PKEY_KEYPAIR, (OSSL_PARAM *)params) == 1;
}

static EVP_PKEY *provider_take_key(struct accel *a, EVP_PKEY *k)
{
	const struct provider *p = a->impl;
	const bool rsa = EVP_PKEY_is_a(k, "RSA");
	struct taking t = { 0 };

	if (!(rsa ? p->rsa : p->ec))
		return NULL;
	t.ctx = EVP_PKEY_CTX_new_from_name(a->libctx, rsa ? "RSA" : "EC", a->query);
	if (t.ctx && EVP_PKEY_fromdata_init(t.ctx) == 1)
		EVP_PKEY_export(k, EVP_PKEY_KEYPAIR, on_export, &t);
	EVP_PKEY_CTX_free(t.ctx);
	return t.key;
}

const struct accel_ops accel_provider = {
	.key = "tls.provider",
	.load = provider_load,
	.unload = provider_unload,
	.take_key = provider_take_key,
};
