/* SPDX-License-Identifier: BSD-3-Clause */
#include "ticket_keys.h"

#include "../auth/secret_file.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sys/random.h>

_Static_assert(sizeof(struct ctl_ticket_key) == 80, "one expansion fills a key, without padding");

/* One step of HKDF: extract (info_len 0) or expand. */
static bool hkdf(int mode, const void *key, size_t key_len, const void *salt, size_t salt_len,
		 const void *info, size_t info_len, void *out, size_t out_len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM p[6], *q = p;
	bool ok;

	*q++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	*q++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
	*q++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_len);
	if (salt_len)
		*q++ =
		    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_len);
	if (info_len)
		*q++ =
		    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_len);
	*q = OSSL_PARAM_construct_end();
	ok = ctx && EVP_KDF_derive(ctx, out, out_len, p) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

/* ---- the secret ---- */

/* The file beside control.state. */
static bool secret_own(const struct config *c, uint8_t raw[TICKET_SECRET_MIN], char *err,
		       size_t errlen)
{
	const char *slash = strrchr(c->control.state, '/');
	char path[CONFIG_STR_MAX + 16];

	snprintf(path, sizeof(path), "%.*sticket.key",
		 slash ? (int)(slash - c->control.state) + 1 : 0, c->control.state);
	if (secret_file_read(path, raw, TICKET_SECRET_MIN))
		return true;
	if (getrandom(raw, TICKET_SECRET_MIN, 0) != TICKET_SECRET_MIN) {
		snprintf(err, errlen, "no random numbers from the system: %s", strerror(errno));
		return false;
	}
	if (secret_file_write(path, raw, TICKET_SECRET_MIN))
		return true;
	snprintf(err, errlen,
		 "cannot write the secret of session tickets %s: %s (it stands beside "
		 "control.state)",
		 path, strerror(errno));
	return false;
}

bool ticket_secret_load(const struct config *c, uint8_t prk[TICKET_PRK], char *err, size_t errlen)
{
	static const char salt[] = "fairlead ticket secret";
	uint8_t raw[TICKET_SECRET_MAX];
	const char *path = c->tls.ticket_secret;
	size_t len = TICKET_SECRET_MIN;
	char why[128];
	bool ok;

	if (*path) {
		len = secret_file_load(path, raw, TICKET_SECRET_MIN, sizeof(raw), why, sizeof(why));
		if (!len)
			snprintf(err, errlen, "%s: tls.ticket-secret: %s %s",
				 config_where(c, c->tls.ticket_secret_line).text, path, why);
	} else if (!secret_own(c, raw, err, errlen)) {
		len = 0;
	}
	if (!len)
		return false;
	ok = hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, raw, len, salt, sizeof(salt) - 1, NULL, 0, prk,
		  TICKET_PRK);
	OPENSSL_cleanse(raw, sizeof(raw));
	if (!ok)
		snprintf(err, errlen, "OpenSSL has no HKDF: session tickets cannot be sealed");
	return ok;
}

/* ---- the keys ---- */

static bool key_derive(const uint8_t prk[TICKET_PRK], uint64_t epoch, struct ctl_ticket_key *out)
{
	uint8_t info[] = "fairlead ticket epoch 01234567";

	for (int i = 0; i < 8; i++)
		info[sizeof(info) - 2 - i] = (uint8_t)(epoch >> 8 * i);
	return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, prk, TICKET_PRK, NULL, 0, info, sizeof(info) - 1,
		    out, sizeof(*out));
}

bool ticket_keys_derive(const uint8_t prk[TICKET_PRK], uint64_t epoch, struct ctl_ticket_keys *out)
{
	return key_derive(prk, epoch - 1, &out->previous) &&
	       key_derive(prk, epoch, &out->current) && key_derive(prk, epoch + 1, &out->next);
}
