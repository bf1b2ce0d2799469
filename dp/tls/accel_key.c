/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys that ask at each signature who makes it. They are of a provider of ours (provider(7)), so
 * that all that OpenSSL knows of them is their public part; the private one stays with the two
 * keys behind each, OpenSSL's and the accelerator's. Since they give no private key away, OpenSSL
 * comes to us to sign, whatever it would prefer.
 */
#include "accel_int.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <string.h>

#define NAME "fairlead"
#define QUERY "provider=" NAME
#define PARAM "pair" /* a struct pair: what a key is made of */

enum { DIGEST_MAX = 64 };

struct pair {
	struct accel *accel;
	OSSL_LIB_CTX *libctx; /* soft's */
	EVP_PKEY *soft, *fast;
};

/* ---- keys: provider-keymgmt(7) ---- */

static void *pair_new(void *provider)
{
	(void)provider;
	return OPENSSL_zalloc(sizeof(struct pair));
}

static void pair_free(void *key)
{
	struct pair *p = key;

	if (!p)
		return;
	EVP_PKEY_free(p->soft);
	EVP_PKEY_free(p->fast);
	OPENSSL_free(p);
}

static int pair_has(const void *key, int selection)
{
	(void)selection;
	return ((const struct pair *)key)->soft != NULL;
}

static int pair_import(void *key, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *o = OSSL_PARAM_locate_const(params, PARAM);
	struct pair *p = key;
	const void *from;
	size_t len;

	(void)selection;
	if (!o || !OSSL_PARAM_get_octet_ptr(o, &from, &len))
		return 0;
	*p = *(const struct pair *)from;
	EVP_PKEY_up_ref(p->soft);
	EVP_PKEY_up_ref(p->fast);
	return 1;
}

static int pair_export(void *key, int selection, OSSL_CALLBACK *f, void *arg)
{
	if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
		return 0;
	return EVP_PKEY_export(((struct pair *)key)->soft, selection, f, arg);
}

static const OSSL_PARAM *pair_types(int selection)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_octet_ptr(PARAM, NULL, 0), OSSL_PARAM_END };

	(void)selection;
	return types;
}

static int pair_get(void *key, OSSL_PARAM params[])
{
	return EVP_PKEY_get_params(((struct pair *)key)->soft, params);
}

static const OSSL_PARAM *pair_gettable(void *provider)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provider;
	return gettable;
}

static const char *operation_rsa(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "RSA" : NULL;
}

static const char *operation_ec(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* ---- signatures: provider-signature(7) ---- */

/* One signature. */
struct op {
	const struct pair *pair;
	EVP_PKEY_CTX *ctx;	 /* not on a job's stack: sanitizers do not know these */
	char digest[DIGEST_MAX]; /* "": the key's default */
	int padding, salt;	 /* of RSA; 0: its default */
};

static void *op_new(void *provider, const char *query)
{
	(void)provider, (void)query;
	return OPENSSL_zalloc(sizeof(struct op));
}

static void op_free(void *ctx)
{
	OPENSSL_free(ctx);
}

/* A value that has a number and a name (provider-signature(7)), or is not there. */
struct value {
	const char *name;
	int value;
};

static bool value_get(const OSSL_PARAM *p, const struct value *v, int *out)
{
	const char *name;

	if (!p)
		return true;
	/* Asked for the wrong type, OpenSSL leaves an error that a handshake would fail by. */
	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_int(p, out);
	if (!OSSL_PARAM_get_utf8_string_ptr(p, &name))
		return false;
	while (v->name && strcmp(v->name, name) != 0)
		v++;
	*out = v->value;
	return v->name;
}

static int op_set(void *ctx, const OSSL_PARAM params[])
{
	static const struct value paddings[] = {
		{ OSSL_PKEY_RSA_PAD_MODE_PKCSV15, RSA_PKCS1_PADDING },
		{ OSSL_PKEY_RSA_PAD_MODE_PSS, RSA_PKCS1_PSS_PADDING },
		{ NULL, 0 },
	};
	static const struct value salts[] = {
		{ OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST, RSA_PSS_SALTLEN_DIGEST },
		{ OSSL_PKEY_RSA_PSS_SALT_LEN_MAX, RSA_PSS_SALTLEN_MAX },
		{ NULL, 0 },
	};
	struct op *op = ctx;

	return value_get(OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE), paddings,
			 &op->padding) &&
	       value_get(OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN), salts,
			 &op->salt);
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

static int op_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct op *op = ctx;

	op->pair = key;
	if (digest && strlen(digest) >= sizeof(op->digest))
		return 0;
	strcpy(op->digest, digest ? digest : "");
	return !params || op_set(op, params);
}

/* *len: room, then bytes. */
static bool op_sign_by(struct op *op, EVP_PKEY *k, OSSL_LIB_CTX *libctx, const char *query,
		       uint8_t *sig, size_t *len, const uint8_t *data, size_t n)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && EVP_DigestSignInit_ex(md, &op->ctx, *op->digest ? op->digest : NULL, libctx,
					      query, k, NULL) == 1;

	/* It signs once: no copy is made to sign with, which not all providers can make. */
	if (ok)
		EVP_MD_CTX_set_flags(md, EVP_MD_CTX_FLAG_FINALISE);
	ok = ok && (!op->padding || EVP_PKEY_CTX_set_rsa_padding(op->ctx, op->padding) == 1) &&
	     (!op->salt || EVP_PKEY_CTX_set_rsa_pss_saltlen(op->ctx, op->salt) == 1);
	ok = ok && EVP_DigestSign(md, sig, len, data, n) == 1;
	EVP_MD_CTX_free(md);
	return ok;
}

static int op_sign(void *ctx, uint8_t *sig, size_t *len, size_t room, const uint8_t *data, size_t n)
{
	struct op *op = ctx;
	struct accel *a = op->pair->accel;
	bool done = false;

	*len = sig ? room : (size_t)EVP_PKEY_get_size(op->pair->soft);
	if (!sig)
		return 1;
	if (accel_take(a)) {
		done = op_sign_by(op, op->pair->fast, a->libctx, a->query, sig, len, data, n);
		accel_give(a, done);
	}
	if (!done)
		*len = room;
	return done || op_sign_by(op, op->pair->soft, op->pair->libctx, NULL, sig, len, data, n);
}

/* ---- the provider ---- */

#define FN(number, function)                     \
	{                                        \
		number, (void (*)(void))function \
	}

#define KEYS(operation)                                                                     \
	{                                                                                   \
		FN(OSSL_FUNC_KEYMGMT_NEW, pair_new), FN(OSSL_FUNC_KEYMGMT_FREE, pair_free), \
		    FN(OSSL_FUNC_KEYMGMT_HAS, pair_has),                                    \
		    FN(OSSL_FUNC_KEYMGMT_IMPORT, pair_import),                              \
		    FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, pair_types),                         \
		    FN(OSSL_FUNC_KEYMGMT_EXPORT, pair_export),                              \
		    FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, pair_types),                         \
		    FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, pair_get),                             \
		    FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, pair_gettable),                   \
		    FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation), { 0, NULL },     \
	}

static const OSSL_DISPATCH keys_rsa[] = KEYS(operation_rsa), keys_ec[] = KEYS(operation_ec);
static const OSSL_DISPATCH signature[] = {
	FN(OSSL_FUNC_SIGNATURE_NEWCTX, op_new),
	FN(OSSL_FUNC_SIGNATURE_FREECTX, op_free),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, op_init),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, op_sign),
	FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, op_set),
	FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, op_settable),
	{ 0, NULL },
};

static const OSSL_ALGORITHM *on_query(void *provider, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = {
		{ "RSA:rsaEncryption", QUERY, keys_rsa, NULL },
		{ "EC:id-ecPublicKey", QUERY, keys_ec, NULL },
		{ NULL, NULL, NULL, NULL },
	};
	static const OSSL_ALGORITHM signatures[] = {
		{ "RSA:rsaEncryption", QUERY, signature, NULL },
		{ "ECDSA", QUERY, signature, NULL },
		{ NULL, NULL, NULL, NULL },
	};

	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT	? keys
	       : operation == OSSL_OP_SIGNATURE ? signatures
						: NULL;
}

static int on_start(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
		    const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, on_query),
		{ 0, NULL },
	};

	(void)in;
	*provider = (void *)core;
	*out = functions;
	return 1;
}

bool accel_keys_init(struct accel *a)
{
	a->ours = OSSL_LIB_CTX_new();
	if (a->ours && OSSL_PROVIDER_add_builtin(a->ours, NAME, on_start))
		a->asks = OSSL_PROVIDER_load(a->ours, NAME);
	return a->asks;
}

void accel_keys_end(struct accel *a)
{
	if (a->asks)
		OSSL_PROVIDER_unload(a->asks);
	OSSL_LIB_CTX_free(a->ours);
}

EVP_PKEY *accel_pair(struct accel *a, OSSL_LIB_CTX *libctx, EVP_PKEY *soft, EVP_PKEY *fast)
{
	struct pair pair = { a, libctx, soft, fast };
	void *at = &pair;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_ptr(PARAM, &at, sizeof(pair)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx =
	    EVP_PKEY_CTX_new_from_name(a->ours, EVP_PKEY_is_a(soft, "RSA") ? "RSA" : "EC", QUERY);
	EVP_PKEY *k = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	return k;
}
