/* SPDX-License-Identifier: BSD-3-Clause */
/* RTP and RTCP become SRTP and SRTCP (RFC 3711 3.1, 3.4; RFC 7714 8, 9). */
#include "srtp_int.h"

/* Where the text begins; 0: it is neither RTP nor RTCP. */
static uint32_t plain_head(const struct srtp_packet *p)
{
	if (!p->rtcp)
		return rtp_head(p->data, p->len);
	return p->len >= RTCP_HDR && p->data[0] >> 6 == RTP_VERSION ? RTCP_HDR : 0;
}

/* The next index of RTCP, or what the sequence number says. */
static enum drop index_take(struct srtp_work *w, uint32_t now_s)
{
	const struct srtp_packet *p = w->p;
	enum drop why;

	if (p->rtcp)
		w->index = w->source->rtcp ? w->source->rtcp_top + 1u : 1;
	else
		w->index = source_index(w->source, be16_read(p->data + 2));
	if (w->index > (p->rtcp ? RTCP_INDEX_MAX : RTP_INDEX_MAX))
		return DROP_SRTP_LIFETIME;
	why = source_judge(w->source, p->rtcp, w->index);
	if (why != DROP_NONE)
		return why;
	source_heard(w->source, p->rtcp, w->index, now_s);
	w->key->left[p->rtcp]--;
	return DROP_NONE;
}

static enum drop source_take(struct srtp_work *w, uint32_t now_s)
{
	struct srtp_stream *s = w->p->stream;
	enum drop why;

	w->source = source_find(s, w->ssrc);
	if (w->source)
		return DROP_NONE;
	why = source_room(s, w->ssrc, now_s);
	if (why == DROP_NONE)
		w->source = source_add(s, w->ssrc, now_s);
	return why;
}

/* What is authenticated behind the packet stands where the tag comes, until it does. */
static void protect_op(struct srtp_work *w, struct cipher_op *op, uint32_t head)
{
	const struct srtp_packet *p = w->p;
	const struct cipher_key *k = key_of(w->key, p->rtcp);
	const bool clear = p->stream->flags & (p->rtcp ? SRTP_CLEAR_RTCP : SRTP_CLEAR_RTP);
	const struct be32 word = be32_make(p->rtcp ? (uint32_t)w->index | (w->e ? RTCP_E : 0)
						   : (uint32_t)(w->index >> 16));

	op->key = k;
	op->text = p->data + head;
	op->text_len = clear ? 0 : p->len - head;
	op->auth = p->data;
	op->auth_len = p->len + sizeof(word);
	key_iv(k, w->ssrc, w->index, op->iv);
	if (k->alg != CIPHER_GCM || (p->rtcp && !w->e)) {
		memcpy(p->data + p->len, &word, sizeof(word));
	} else if (p->rtcp) {
		memcpy(w->aad, p->data, RTCP_HDR);
		memcpy(w->aad + RTCP_HDR, &word, sizeof(word));
		op->auth = w->aad;
		op->auth_len = sizeof(w->aad);
	} else {
		op->auth_len = head;
	}
}

static enum drop protect_begin(struct srtp_work *w, struct cipher_op *op, uint32_t now_s)
{
	const struct srtp_packet *p = w->p;
	const struct srtp_stream *s = p->stream;
	const uint32_t head = plain_head(p);
	enum drop why;

	if (s->keys == 0)
		return DROP_SRTP_KEY;
	w->key = s->key[s->sends];
	if (head == 0)
		return DROP_SRTP_BAD;
	if (p->room < p->len || p->room - p->len < srtp_growth(w->key))
		return DROP_SRTP_ROOM;
	if (w->key->left[p->rtcp] == 0)
		return DROP_SRTP_LIFETIME;
	w->ssrc = be32_read(p->data + (p->rtcp ? 4 : 8));
	why = source_take(w, now_s);
	if (why == DROP_NONE)
		why = index_take(w, now_s);
	if (why != DROP_NONE)
		return why;
	w->e = p->rtcp && !(s->flags & SRTP_CLEAR_RTCP) && !suite_is_null(w->key);
	protect_op(w, op, head);
	return DROP_NONE;
}

static uint8_t *mki_put(const struct srtp_key *k, uint8_t *out)
{
	uint64_t mki = k->mki;
	uint32_t i;

	for (i = k->mki_len; i > 0; mki >>= 8)
		out[--i] = (uint8_t)mki;
	return out + k->mki_len;
}

/*
 * AES-GCM has its tag behind the text, the others have theirs at the end. There is room for the
 * longest tag (srtp_growth()), and so a whole one is copied whatever its length.
 */
static void protect_end(struct srtp_work *w, const struct cipher_op *op)
{
	struct srtp_packet *p = w->p;
	const bool gcm = op->key->alg == CIPHER_GCM;
	const uint8_t tag = key_tag(w->key, p->rtcp);
	uint8_t *out = p->data + p->len;

	if (!op->ok) {
		p->why = DROP_SRTP_AUTH;
		return;
	}
	if (gcm) {
		memcpy(out, op->tag, CIPHER_GCM_TAG);
		out += tag;
	}
	if (p->rtcp) {
		struct be32 word = be32_make((uint32_t)w->index | (w->e ? RTCP_E : 0));

		memcpy(out, &word, sizeof(word));
		out += sizeof(word);
	}
	if (w->key->mki_len)
		out = mki_put(w->key, out);
	if (!gcm) {
		memcpy(out, op->tag, CIPHER_GCM_TAG);
		out += tag;
	}
	p->len = (uint32_t)(out - p->data);
}

void srtp_protect_burst(struct srtp *x, struct srtp_packet *p, uint32_t n, uint32_t now_s)
{
	const uint32_t ops = burst_begin(x, p, n, now_s, protect_begin);
	uint32_t i;

	cipher_seal(x->cipher, x->op, ops);
	for (i = 0; i < ops; i++)
		protect_end(&x->work[i], &x->op[i]);
}
