/* SPDX-License-Identifier: BSD-3-Clause */
/* Key derivation (RFC 3711 4.3, RFC 6188, RFC 7714 11), and IVs. The derivation rate is 0. */
#include "srtp_int.h"

#include <openssl/crypto.h>
#include <stdlib.h>

/* Labels, by which session keys differ. */
enum { LABEL_KEY, LABEL_MAC, LABEL_SALT, LABELS_RTP, LABELS = 2 * LABELS_RTP };
enum { LABEL_AT = 7 }; /* in the first block */

size_t srtp_key_size(enum srtp_suite s)
{
	const bool gcm = s == SRTP_GCM_128 || s == SRTP_GCM_256;

	return sizeof(struct srtp_key) + (gcm ? SRTP_KEY_STATE : SRTP_KEY_STATE_CM);
}

/* The key stream of the master key for each label: out[label][]. */
static bool derive(struct srtp *x, const struct srtp_master *m, uint8_t out[LABELS][SRTP_KEY_MAX])
{
	const struct srtp_suite_desc *d = &srtp_suite_desc[m->suite];
	alignas(CIPHER_LINE) uint8_t space[CIPHER_LINE + CIPHER_CTR_STATE];
	struct cipher_key *prf = (struct cipher_key *)space;
	static const uint8_t no_mac[CIPHER_SHA1];
	bool ok;
	int i;

	ok = cipher_key_set(x->cipher, prf, CIPHER_CTR_SHA1, false,
			    &(struct cipher_secret){ m->key, d->key, no_mac });
	memset(out, 0, LABELS * sizeof(out[0]));
	for (i = 0; i < LABELS; i++) {
		x->op[i] = (struct cipher_op){ .key = prf,
					       .text = out[i],
					       .text_len = sizeof(out[i]),
					       .auth = no_mac,
					       .auth_len = sizeof(no_mac) };
		/* The salt of AES-GCM is shorter, and zeros follow. */
		memcpy(x->op[i].iv, m->key + d->key, d->salt);
		x->op[i].iv[LABEL_AT] ^= (uint8_t)i;
	}
	if (ok)
		cipher_seal(x->cipher, x->op, LABELS);
	for (i = 0; i < LABELS; i++)
		ok = ok && x->op[i].ok;
	OPENSSL_cleanse(space, sizeof(space));
	OPENSSL_cleanse(x->op, sizeof(x->op));
	return ok;
}

static bool session_key_set(struct srtp *x, struct srtp_key *k, bool rtcp,
			    uint8_t from[LABELS][SRTP_KEY_MAX])
{
	const struct srtp_suite_desc *d = &srtp_suite_desc[k->suite];
	struct cipher_key *c = key_of(k, rtcp);
	uint8_t(*mine)[SRTP_KEY_MAX] = from + (rtcp ? LABELS_RTP : 0);
	const bool gcm = suite_is_gcm(k);
	const struct cipher_secret s = { mine[LABEL_KEY], d->key, gcm ? NULL : mine[LABEL_MAC] };

	memset(c->salt, 0, sizeof(c->salt));
	memcpy(c->salt, mine[LABEL_SALT], d->salt);
	/* SRTCP is seldom: its key of AES-GCM is not kept expanded, which takes a kilobyte. */
	return cipher_key_set(x->cipher, c,
			      gcm		 ? CIPHER_GCM
			      : suite_is_null(k) ? CIPHER_NULL_SHA1
						 : CIPHER_CTR_SHA1,
			      rtcp, &s);
}

bool srtp_key_set(struct srtp *x, struct srtp_key *k, const struct srtp_master *m)
{
	uint8_t out[LABELS][SRTP_KEY_MAX];
	bool ok;

	memset(k, 0, sizeof(*k));
	k->suite = (uint8_t)m->suite;
	k->mki_len = m->mki_len;
	k->mki = m->mki;
	k->left[0] = m->lifetime && m->lifetime < SRTP_LIFETIME ? m->lifetime : SRTP_LIFETIME;
	k->left[1] = SRTCP_LIFETIME;
	ok = derive(x, m, out) && session_key_set(x, k, false, out) &&
	     session_key_set(x, k, true, out);
	OPENSSL_cleanse(out, sizeof(out));
	if (!ok)
		srtp_key_wipe(k);
	return ok;
}

void srtp_key_wipe(struct srtp_key *k)
{
	OPENSSL_cleanse(k, srtp_key_size(k->suite));
}

struct srtp *srtp_engine_create(const struct cipher_ops *only)
{
	struct srtp *x =
	    aligned_alloc(CIPHER_LINE, (sizeof(*x) + CIPHER_LINE - 1) & ~(size_t)(CIPHER_LINE - 1));

	if (!x)
		return NULL;
	memset(x, 0, sizeof(*x));
	x->cipher = cipher_create(only);
	if (x->cipher)
		return x;
	free(x);
	return NULL;
}

void srtp_engine_free(struct srtp *x)
{
	if (!x)
		return;
	cipher_free(x->cipher);
	OPENSSL_cleanse(x, sizeof(*x));
	free(x);
}
