/* SPDX-License-Identifier: BSD-3-Clause */
#include "user_keys.h"

#include "prep.h"
#include "user_secret.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

bool user_name_set(struct user *u, const char *name, const char *realm, char *err, size_t errlen)
{
	if (prep_opaque(name, strlen(name), u->name, sizeof(u->name)) &&
	    digest_userhash(u->name, realm, u->userhash))
		return true;
	snprintf(err, errlen,
		 "the name is empty, longer than %d bytes, or holds a character "
		 "no name may have (RFC 4013)",
		 STUN_USERNAME_MAX);
	return false;
}

bool user_keys_set(struct user *u, const char *password, const char *realm, char *err,
		   size_t errlen)
{
	char prepared[USER_PASSWORD_MAX];

	if (!prep_opaque(password, strlen(password), prepared, sizeof(prepared))) {
		snprintf(err, errlen,
			 "the password is empty, too long, or holds a character no "
			 "password may have (RFC 4013)");
		return false;
	}
	u->has_md5 = digest_key(STUN_PWALG_MD5, u->name, realm, prepared, u->md5) != 0;
	u->has_sha256 = digest_key(STUN_PWALG_SHA256, u->name, realm, prepared, u->sha256) != 0;
	OPENSSL_cleanse(prepared, sizeof(prepared));
	if (!u->has_md5 || !u->has_sha256)
		snprintf(err, errlen, "OpenSSL could not compute the keys");
	return u->has_md5 && u->has_sha256;
}
