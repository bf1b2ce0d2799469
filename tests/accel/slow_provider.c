/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A provider for tests (slow.h). Its keys are those of the default provider in a library context of
 * its own, and so are its signatures, once it has waited. Like qatprovider it signs in pieces
 * (update, final), and wakes its jobs by itself.
 */
#include "slow.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define PROPERTIES "provider=slow_provider"

static OSSL_LIB_CTX *libctx;

/* ---- keys ---- */

struct key {
	const char *kind;
	EVP_PKEY *key;
};

static void *key_new(const char *kind)
{
	struct key *k = OPENSSL_zalloc(sizeof(*k));

	if (k)
		k->kind = kind;
	return k;
}

static void *key_new_rsa(void *provider)
{
	(void)provider;
	return key_new("RSA");
}

static void *key_new_ec(void *provider)
{
	(void)provider;
	return key_new("EC");
}

static void key_free(void *key)
{
	struct key *k = key;

	EVP_PKEY_free(k->key);
	OPENSSL_free(k);
}

static int key_has(const void *key, int selection)
{
	(void)selection;
	return ((const struct key *)key)->key != NULL;
}

static int key_import(void *key, int selection, const OSSL_PARAM params[])
{
	struct key *k = key;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, k->kind, NULL);
	int ok = ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
		 EVP_PKEY_fromdata(ctx, &k->key, selection, (OSSL_PARAM *)params) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static const OSSL_PARAM *key_types(int selection)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_END };

	(void)selection;
	return types;
}

static int key_get(void *key, OSSL_PARAM params[])
{
	return EVP_PKEY_get_params(((struct key *)key)->key, params);
}

static const OSSL_PARAM *key_gettable(void *provider)
{
	(void)provider;
	return key_types(0);
}

static const char *key_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* ---- signatures ---- */

struct op {
	EVP_MD_CTX *md;
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key;
};

static void *op_new(void *provider, const char *query)
{
	struct op *op = OPENSSL_zalloc(sizeof(*op));

	(void)provider, (void)query;
	if (op)
		op->md = EVP_MD_CTX_new();
	return op;
}

static void op_free(void *ctx)
{
	struct op *op = ctx;

	EVP_MD_CTX_free(op->md);
	OPENSSL_free(op);
}

static int op_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct op *op = ctx;

	op->key = ((struct key *)key)->key;
	return EVP_DigestSignInit_ex(op->md, &op->ctx, digest, libctx, NULL, op->key, params);
}

static int op_set(void *ctx, const OSSL_PARAM params[])
{
	return !params || EVP_PKEY_CTX_set_params(((struct op *)ctx)->ctx, params);
}

static const OSSL_PARAM *op_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)ctx, (void)provider;
	return settable;
}

static int op_update(void *ctx, const unsigned char *data, size_t len)
{
	return EVP_DigestSignUpdate(((struct op *)ctx)->md, data, len);
}

static int op_final(void *ctx, unsigned char *sig, size_t *len, size_t room)
{
	struct op *op = ctx;

	*len = sig ? room : (size_t)EVP_PKEY_get_size(op->key);
	return !sig || (slow_wait() && EVP_DigestSignFinal(op->md, sig, len));
}

/* ---- the provider ---- */

#define FN(number, function)                     \
	{                                        \
		number, (void (*)(void))function \
	}

#define KEYS(new)                                                                         \
	FN(OSSL_FUNC_KEYMGMT_NEW, new), FN(OSSL_FUNC_KEYMGMT_FREE, key_free),             \
	    FN(OSSL_FUNC_KEYMGMT_HAS, key_has), FN(OSSL_FUNC_KEYMGMT_IMPORT, key_import), \
	    FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types),                                \
	    FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get),                                    \
	    FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable)

static const OSSL_DISPATCH keys_rsa[] = { KEYS(key_new_rsa), { 0, NULL } };
static const OSSL_DISPATCH keys_ec[] = {
	KEYS(key_new_ec),
	FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation),
	{ 0, NULL },
};
static const OSSL_DISPATCH signs[] = {
	FN(OSSL_FUNC_SIGNATURE_NEWCTX, op_new),
	FN(OSSL_FUNC_SIGNATURE_FREECTX, op_free),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, op_init),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, op_update),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, op_final),
	FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, op_set),
	FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, op_settable),
	{ 0, NULL },
};

static const OSSL_ALGORITHM keys[] = {
	{ "RSA:rsaEncryption", PROPERTIES, keys_rsa, NULL },
	{ "EC:id-ecPublicKey", PROPERTIES, keys_ec, NULL },
	{ NULL, NULL, NULL, NULL },
};
static const OSSL_ALGORITHM signatures[] = {
	{ "RSA:rsaEncryption", PROPERTIES, signs, NULL },
	{ "ECDSA", PROPERTIES, signs, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *on_query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	if (!slow_env("METHODS", 1))
		return NULL;
	return operation == OSSL_OP_KEYMGMT	? keys
	       : operation == OSSL_OP_SIGNATURE ? signatures
						: NULL;
}

static void on_end(void *provider)
{
	(void)provider;
	slow_end();
	OSSL_LIB_CTX_free(libctx);
	libctx = NULL;
}

int OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
		       const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, on_query),
		FN(OSSL_FUNC_PROVIDER_TEARDOWN, on_end),
		{ 0, NULL },
	};

	(void)in;
	if (!slow_env("INIT", 1))
		return 0;
	libctx = OSSL_LIB_CTX_new();
	*provider = (void *)core;
	*out = functions;
	return libctx != NULL;
}
