/* SPDX-License-Identifier: BSD-3-Clause */
/* An engine for tests (slow.h). It knows the commands of qatengine that external polling takes. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "slow.h"

#include <openssl/ec.h>
#include <openssl/engine.h>
#include <openssl/rsa.h>

/* ---- methods ---- */

static int priv_enc(int n, const unsigned char *from, unsigned char *to, RSA *rsa, int padding)
{
	if (!slow_wait())
		return -1;
	return RSA_meth_get_priv_enc(RSA_PKCS1_OpenSSL())(n, from, to, rsa, padding);
}

static ECDSA_SIG *sign_sig(const unsigned char *digest, int len, const BIGNUM *kinv,
			   const BIGNUM *r, EC_KEY *ec)
{
	ECDSA_SIG *(*sign)(const unsigned char *, int, const BIGNUM *, const BIGNUM *, EC_KEY *);

	if (!slow_wait())
		return NULL;
	EC_KEY_METHOD_get_sign(EC_KEY_OpenSSL(), NULL, NULL, &sign);
	return sign(digest, len, kinv, r, ec);
}

static RSA_METHOD *rsa;
static EC_KEY_METHOD *ec;

static bool methods(ENGINE *e)
{
	int (*sign)(int, const unsigned char *, int, unsigned char *, unsigned int *,
		    const BIGNUM *, const BIGNUM *, EC_KEY *);
	int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);

	rsa = RSA_meth_dup(RSA_PKCS1_OpenSSL());
	ec = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	if (!rsa || !ec || !RSA_meth_set_priv_enc(rsa, priv_enc))
		return false;
	EC_KEY_METHOD_get_sign(ec, &sign, &setup, NULL);
	EC_KEY_METHOD_set_sign(ec, sign, setup, sign_sig);
	return ENGINE_set_RSA(e, rsa) && ENGINE_set_EC(e, ec);
}

/* ---- the engine ---- */

enum { CMD_EXTERNAL = ENGINE_CMD_BASE, CMD_POLL };

static const ENGINE_CMD_DEFN commands[] = {
	{ CMD_EXTERNAL, "ENABLE_EXTERNAL_POLLING", "Leaves polling to the application",
	  ENGINE_CMD_FLAG_NO_INPUT },
	{ CMD_POLL, "POLL", "Looks for what is done; the result goes to an int",
	  ENGINE_CMD_FLAG_INTERNAL },
	{ 0, NULL, NULL, 0 },
};

static bool started, external;

static int on_ctrl(ENGINE *e, int cmd, long i, void *p, void (*f)(void))
{
	(void)e, (void)i, (void)f;
	switch (cmd) {
	case CMD_EXTERNAL:
		external = !started;
		return external;
	case CMD_POLL:
		if (!started || !external || !p)
			return 0;
		atomic_fetch_add(&slow_self.polls, 1);
		slow_turn();
		*(int *)p = 1;
		return 1;
	default:
		return 0;
	}
}

static int on_init(ENGINE *e)
{
	(void)e;
	started = slow_env("INIT", 1);
	return started;
}

static int on_finish(ENGINE *e)
{
	(void)e;
	slow_end();
	started = external = false;
	return 1;
}

static int on_destroy(ENGINE *e)
{
	(void)e;
	RSA_meth_free(rsa);
	rsa = NULL;
	if (ec)
		EC_KEY_METHOD_free(ec);
	ec = NULL;
	return 1;
}

static int bind(ENGINE *e, const char *id)
{
	(void)id;
	return (!slow_env("METHODS", 1) || methods(e)) && ENGINE_set_id(e, "slow_engine") &&
	       ENGINE_set_name(e, "Signatures that take their time") &&
	       ENGINE_set_init_function(e, on_init) && ENGINE_set_finish_function(e, on_finish) &&
	       ENGINE_set_destroy_function(e, on_destroy) && ENGINE_set_cmd_defns(e, commands) &&
	       ENGINE_set_ctrl_function(e, on_ctrl);
}

int bind_engine(ENGINE *e, const char *id, const dynamic_fns *fns);
unsigned long v_check(unsigned long version);
IMPLEMENT_DYNAMIC_BIND_FN(bind)
IMPLEMENT_DYNAMIC_CHECK_FN()
