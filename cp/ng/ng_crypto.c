/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_crypto.h"

#include "../rand.h"

#include <openssl/crypto.h>
#include <string.h>

/* What is offered, best first. NULL is offered only to whom it is told, or who has it. */
static const uint8_t normal[] = {
	SRTP_GCM_256,	    SRTP_GCM_128,	SRTP_AES_256_CM_80,
	SRTP_AES_256_CM_32, SRTP_AES_CM_128_80, SRTP_AES_CM_128_32,
};

static bool is_gcm(enum srtp_suite suite)
{
	return suite == SRTP_GCM_128 || suite == SRTP_GCM_256;
}

bool ng_key_same(const struct ctl_srtp_key *a, const struct ctl_srtp_key *b)
{
	return a->set && b->set && CRYPTO_memcmp(a->master, b->master, sizeof(a->master)) == 0;
}

/* ---- reading ---- */

static bool has_tag(const struct ng_cryptos *c, uint32_t tag)
{
	for (uint8_t i = 0; i < c->n; i++) {
		if (c->line[i].tag == tag)
			return true;
	}
	return false;
}

/* Several keys are for whoever changes between them, and a direction has one here. */
static enum sdes_verdict line_read(struct ng_cryptos *c, struct sdp_text v)
{
	struct sdes_crypto sdes;
	enum sdes_verdict verdict = v.at ? sdes_parse(v, &sdes) : SDES_BAD;
	struct ng_crypto *l;

	if (verdict != SDES_OK)
		return verdict;
	if (sdes.keys != 1 || has_tag(c, sdes.tag)) {
		explicit_bzero(&sdes, sizeof(sdes));
		return sdes.keys == 1 ? SDES_BAD : SDES_PARAM;
	}
	l = &c->line[c->n++];
	*l = (struct ng_crypto){
		.tag = sdes.tag,
		.flags = (uint8_t)((sdes.clear_rtp ? CTL_SRTP_CLEAR_RTP : 0) |
				   (sdes.clear_rtcp ? CTL_SRTP_CLEAR_RTCP : 0)),
		.key = { .set = 1,
			 .suite = sdes.suite,
			 .mki = sdes.key[0].mki,
			 .mki_len = sdes.key[0].mki_len,
			 .lifetime = sdes.key[0].lifetime },
	};
	memcpy(l->key.master, sdes.key[0].master, SRTP_MASTER_MAX);
	explicit_bzero(&sdes, sizeof(sdes));
	return SDES_OK;
}

void ng_crypto_read(struct ng_cryptos *c, const struct sdp *s, int i,
		    uint32_t skipped[SDES_VERDICTS])
{
	struct sdp_text v;
	int line = sdp_attr(s, i, "crypto", 0, &v);

	c->n = 0;
	for (; line >= 0; line = sdp_attr(s, i, "crypto", line + 1, &v)) {
		enum sdes_verdict verdict;

		if (c->n == NG_CRYPTO_MAX) {
			skipped[SDES_OK]++;
			continue;
		}
		verdict = line_read(c, v);
		if (verdict != SDES_OK)
			skipped[verdict]++;
	}
}

/* ---- choosing ---- */

/* nonew is of lines that are added: ng_crypto_suites(). */
bool ng_crypto_shows(const struct ng_flags *f, enum srtp_suite suite)
{
	if (f->sdes_only_given)
		return f->sdes_only.mask >> suite & 1;
	return !(f->sdes_no.mask >> suite & 1);
}

static const struct ng_crypto *of_suite(const struct ng_cryptos *c, enum srtp_suite suite)
{
	for (uint8_t i = 0; i < c->n; i++) {
		if (c->line[i].key.suite == suite)
			return &c->line[i];
	}
	return NULL;
}

/* Where flags leave none, the first: its side has nothing better. */
const struct ng_crypto *ng_crypto_choose(const struct ng_cryptos *c, const struct ng_flags *f)
{
	for (uint8_t i = 0; i < f->sdes_liked.n; i++) {
		const struct ng_crypto *l = of_suite(c, f->sdes_liked.suite[i]);

		if (l)
			return l;
	}
	for (uint8_t i = 0; i < c->n; i++) {
		if (ng_crypto_shows(f, c->line[i].key.suite))
			return &c->line[i];
	}
	return c->n ? &c->line[0] : NULL;
}

static void suites_take(struct ng_suites *s, uint8_t suite, const struct ng_cryptos *theirs,
			const struct ng_flags *f)
{
	if (s->mask >> suite & 1 || (is_gcm(suite) && ng_crypto_clear(f)))
		return;
	if (f->srtp & NG_SDES_NONEW && theirs->n ? !of_suite(theirs, suite)
						 : !ng_crypto_shows(f, suite))
		return;
	s->mask |= (uint16_t)(1u << suite);
	s->suite[s->n++] = suite;
}

/* As told, then as the offerer likes it, then as we do. */
void ng_crypto_suites(struct ng_suites *s, const struct ng_cryptos *theirs,
		      const struct ng_flags *f)
{
	*s = (struct ng_suites){ 0 };
	for (uint8_t i = 0; i < f->sdes_order.n; i++)
		suites_take(s, f->sdes_order.suite[i], theirs, f);
	for (uint8_t i = 0; i < theirs->n; i++)
		suites_take(s, theirs->line[i].key.suite, theirs, f);
	for (uint8_t i = 0; i < sizeof(normal); i++)
		suites_take(s, normal[i], theirs, f);
	for (uint8_t i = 0; i < f->sdes_only.n; i++)
		suites_take(s, f->sdes_only.suite[i], theirs, f);
}

/* ---- ours ---- */

uint8_t ng_crypto_clear(const struct ng_flags *f)
{
	return (uint8_t)((f->srtp & NG_SDES_CLEAR_RTP ? CTL_SRTP_CLEAR_RTP : 0) |
			 (f->srtp & NG_SDES_CLEAR_RTCP ? CTL_SRTP_CLEAR_RTCP : 0));
}

void ng_crypto_draw(struct ng_crypto *l, enum srtp_suite suite, uint8_t clear,
		    const struct ng_flags *f)
{
	const struct srtp_suite_desc *d = &srtp_suite_desc[suite];

	*l = (struct ng_crypto){ .flags = clear, .key = { .set = 1, .suite = (uint8_t)suite } };
	if (f->srtp & NG_SDES_LIFETIME)
		l->key.lifetime = UINT64_C(1) << 31;
	rand_bytes(l->key.master, (uint32_t)(d->key + d->salt));
}

void ng_crypto_put(struct wr *w, const struct ng_crypto *l)
{
	struct sdes_crypto sdes = {
		.tag = l->tag,
		.suite = l->key.suite,
		.keys = 1,
		.clear_rtp = l->flags & CTL_SRTP_CLEAR_RTP,
		.clear_rtcp = l->flags & CTL_SRTP_CLEAR_RTCP,
		.key[0] = { .lifetime = l->key.lifetime,
			    .mki = l->key.mki,
			    .mki_len = l->key.mki_len },
	};

	memcpy(sdes.key[0].master, l->key.master, SRTP_MASTER_MAX);
	wr_bytes(w, "a=crypto:", 9);
	sdes_put(w, &sdes, true);
	sdp_put(w, "%s", "");
	explicit_bzero(&sdes, sizeof(sdes));
}
