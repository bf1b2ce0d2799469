/* SPDX-License-Identifier: BSD-3-Clause */
#include "profile.h"
#include "record.h"

#include <openssl/err.h>
#include <strings.h>

enum {
	SECURITY_LEVEL = 2, /* 112 bits: no SHA-1 signatures, no RSA below 2,048 bits */
	LIST_MAX = CONFIG_NAMES_MAX * 64,
};

struct profile {
	const char *suite[CONFIG_NAMES_MAX]; /* most wanted first */
	const char *psk_suite[4];	     /* TLS 1.2 with external PSKs; after those */
	const char *groups, *signatures;
};

static const struct profile profiles[] = {
	/* Ephemeral keys and AEAD only, as RFC 9325 4.1 and 4.2 recommend. */
	[PROFILE_MODERN] = {
		.suite = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
			   "TLS_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
			   "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
			   "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
			   "ECDHE-RSA-CHACHA20-POLY1305" },
		.psk_suite = { "DHE-PSK-AES128-GCM-SHA256", "DHE-PSK-AES256-GCM-SHA384",
			       "ECDHE-PSK-CHACHA20-POLY1305" },
		.groups = "X25519:P-256:P-384",
		.signatures = "ed25519:ed448:ECDSA+SHA256:RSA-PSS+SHA256:rsa_pss_pss_sha256:"
			      "ECDSA+SHA384:RSA-PSS+SHA384:rsa_pss_pss_sha384:"
			      "ECDSA+SHA512:RSA-PSS+SHA512:rsa_pss_pss_sha512:"
			      "RSA+SHA256:RSA+SHA384:RSA+SHA512",
	},
	/*
	 * 3GPP TS 33.210 6.2 (R1), which TS 33.310 refers to. 6.2.1: TLS 1.2 and 1.3, none older.
	 * 6.2.2, TLS 1.3: what RFC 8446 9.1 makes mandatory (TLS_AES_128_GCM_SHA256, secp256r1,
	 * ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256, rsa_pkcs1_sha256) or recommends, and
	 * secp384r1 with ecdsa_secp384r1_sha384. 6.2.3, TLS 1.2: AEAD and forward secrecy; DHE
	 * stands last, for those who have nothing else.
	 */
	[PROFILE_TS33210] = {
		.suite = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
			   "TLS_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
			   "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
			   "ECDHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256",
			   "DHE-RSA-AES256-GCM-SHA384" },
		.psk_suite = { "DHE-PSK-AES128-GCM-SHA256", "DHE-PSK-AES256-GCM-SHA384" },
		.groups = "P-256:P-384:X25519",
		.signatures = "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256:rsa_pss_pss_sha256:"
			      "ECDSA+SHA384:RSA-PSS+SHA384:RSA+SHA384:rsa_pss_pss_sha384",
	},
};

struct lists {
	char v12[LIST_MAX], v13[LIST_MAX]; /* names with colons, as OpenSSL takes them */
};

static const struct tls_suite *suite_find(const char *name)
{
	size_t n;
	const struct tls_suite *s = tls_suites(&n);

	for (; n; n--, s++) {
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static void list_add(char *list, const char *name)
{
	size_t at = strlen(list);

	snprintf(list + at, LIST_MAX - at, "%s%s", at ? ":" : "", name);
}

/* False: there is no such suite here. */
static bool lists_add(struct lists *l, const char *name)
{
	const struct tls_suite *s = suite_find(name);

	if (s)
		list_add(s->version == TLS_1_3 ? l->v13 : l->v12, name);
	return s != NULL;
}

static void lists_profile(struct lists *l, const struct config_domain *d)
{
	const struct profile *p = &profiles[d->profile];

	for (const char *const *s = p->suite; *s; s++)
		lists_add(l, *s);
	for (const char *const *s = p->psk_suite; d->psk && *s; s++)
		lists_add(l, *s);
}

static bool suites_choose(struct lists *l, const struct config *conf, uint16_t idx, char *err,
			  size_t errlen)
{
	const struct config_domain *d = &conf->domain[idx];
	const char *none;
	uint16_t i;

	if (d->n_suite == 0)
		lists_profile(l, d);
	for (i = 0; i < d->n_suite; i++) {
		if (lists_add(l, d->suite[i]))
			continue;
		snprintf(err, errlen,
			 "%s: tls-domains[%u].suites: %s is no AES-GCM or ChaCha20-Poly1305 "
			 "suite by OpenSSL's name",
			 config_where(conf, d->suite_line).text, idx, d->suite[i]);
		return false;
	}
	none = d->version_max == CONFIG_TLS_1_3 && !l->v13[0]	? "TLS 1.3"
	       : d->version_min == CONFIG_TLS_1_2 && !l->v12[0] ? "TLS 1.2"
								: NULL;
	if (none)
		snprintf(err, errlen,
			 "%s: tls-domains[%u].suites: has none of %s, which version-min and "
			 "version-max ask for",
			 config_where(conf, d->suite_line).text, idx, none);
	return none == NULL;
}

static bool groups_fail(const struct config *conf, uint16_t idx, const char *group, const char *why,
			char *err, size_t errlen)
{
	snprintf(err, errlen, "%s: tls-domains[%u].groups: %s%s",
		 config_where(conf, conf->domain[idx].group_line).text, idx, group, why);
	return false;
}

/*
 * Whether the profile has suites of TLS 1.2 with finite fields. OpenSSL 4 negotiates their groups
 * as well, and to a client that names some, but none of ours, it would not offer them (RFC 7919 4).
 */
static bool has_dhe(const struct config_domain *d)
{
	return d->psk || d->profile == PROFILE_TS33210;
}

static bool groups_set(SSL_CTX *ctx, const struct config *conf, uint16_t idx, char *err,
		       size_t errlen)
{
	const struct config_domain *d = &conf->domain[idx];
	char list[LIST_MAX] = "";

	/* One by one first, to know which is wrong; OpenSSL 3.5 would overlook what is there twice.
	 */
	for (uint16_t i = 0; i < d->n_group; i++) {
		for (uint16_t j = 0; j < i; j++)
			if (!strcasecmp(d->group[i], d->group[j]))
				return groups_fail(conf, idx, d->group[i], " is there twice", err,
						   errlen);
		if (SSL_CTX_set1_groups_list(ctx, d->group[i]) != 1)
			return groups_fail(conf, idx, d->group[i],
					   " is no group that OpenSSL knows", err, errlen);
		list_add(list, d->group[i]);
	}
	if (d->n_group == 0)
		list_add(list, profiles[d->profile].groups);
	if (d->n_group == 0 && OPENSSL_VERSION_MAJOR >= 4 && has_dhe(d))
		list_add(list, "ffdhe2048:ffdhe3072");
	return SSL_CTX_set1_groups_list(ctx, list) == 1 ||
	       groups_fail(conf, idx, "", "one is there twice", err, errlen);
}

/* Of DTLS there is 1.2 alone: the record layer here (dp/dtls) knows no other. */
static bool versions_set(SSL_CTX *ctx, const struct config_domain *d, bool dtls)
{
	static const int versions[] = {
		[CONFIG_TLS_1_2] = TLS1_2_VERSION, [CONFIG_TLS_1_3] = TLS1_3_VERSION
	};
	const int min = dtls ? DTLS1_2_VERSION : versions[d->version_min];
	const int max = dtls ? DTLS1_2_VERSION : versions[d->version_max];

	return SSL_CTX_set_min_proto_version(ctx, min) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, max) == 1;
}

bool profile_apply(SSL_CTX *ctx, const struct config *conf, uint16_t idx, bool dtls, char *err,
		   size_t errlen)
{
	const struct config_domain *d = &conf->domain[idx];
	struct lists l = { "", "" };
	bool ok;

	if (!suites_choose(&l, conf, idx, err, errlen) || !groups_set(ctx, conf, idx, err, errlen))
		return false;
	SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	SSL_CTX_set_dh_auto(ctx, 1); /* sizes by the certificate's strength */
	/* A list without suites of TLS 1.2 is an error to OpenSSL, and of no use to us. */
	ok = versions_set(ctx, d, dtls) && SSL_CTX_set_ciphersuites(ctx, l.v13) == 1 &&
	     (!l.v12[0] || SSL_CTX_set_cipher_list(ctx, l.v12) == 1) &&
	     SSL_CTX_set1_sigalgs_list(ctx, profiles[d->profile].signatures) == 1;
	if (!ok)
		snprintf(err, errlen, "%s: tls-domains[%u].suites: OpenSSL does not take %s:%s: %s",
			 config_where(conf, d->suite_line).text, idx, l.v13, l.v12,
			 ERR_reason_error_string(ERR_peek_last_error()));
	ERR_clear_error();
	return ok;
}
