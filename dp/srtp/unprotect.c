/* SPDX-License-Identifier: BSD-3-Clause */
/* SRTP and SRTCP become RTP and RTCP (RFC 3711 3.3, 3.4; RFC 7714 8, 9). */
#include "srtp_int.h"

/* ---- what stands in a packet ---- */

/* The key that a packet's MKI names. NULL: none has it. */
static struct srtp_key *key_by_mki(const struct srtp_stream *s, const uint8_t *mki)
{
	const uint32_t len = s->key[0]->mki_len;
	uint64_t n = 0, over = 0;
	uint32_t i;

	if (len == 0)
		return s->key[0];
	for (i = 0; i < len; i++) {
		over |= n >> 56;
		n = n << 8 | mki[i];
	}
	for (i = 0; over == 0 && i < s->keys; i++)
		if (s->key[i]->mki == n)
			return s->key[i];
	return NULL;
}

/* Of the lengths that there are, each copied by itself: cheaper than by any length. */
static void tag_copy(uint8_t *to, const uint8_t *tag, uint8_t len)
{
	switch (len) {
	case 4:
		memcpy(to, tag, 4);
		break;
	case 10:
		memcpy(to, tag, 10);
		break;
	default:
		memcpy(to, tag, CIPHER_GCM_TAG);
	}
}

/* Takes what is behind the text: tag, index and key. */
static enum drop trailer_take(struct srtp_work *w, struct cipher_op *op)
{
	const struct srtp_packet *p = w->p;
	const struct srtp_key *like = p->stream->key[0];
	const uint32_t len = key_tag(like, p->rtcp) + like->mki_len + (p->rtcp ? RTCP_INDEX : 0u);
	const uint8_t *tag = NULL, *mki;
	struct rd r;

	if (p->len < len + (p->rtcp ? RTCP_HDR : RTP_HDR))
		return DROP_SRTP_BAD;
	w->end = p->len - len;
	r = rd_init(p->data + w->end, len);
	op->tag_len = key_tag(like, p->rtcp);
	if (suite_is_gcm(like))
		tag = rd_take(&r, op->tag_len);
	if (p->rtcp) {
		uint32_t word = rd_u32(&r);

		w->e = word & RTCP_E;
		w->index = word & RTCP_INDEX_MAX;
	}
	mki = rd_take(&r, like->mki_len);
	if (!tag)
		tag = rd_take(&r, op->tag_len);
	if (r.failed)
		return DROP_SRTP_BAD;
	tag_copy(op->tag, tag, op->tag_len);
	w->key = key_by_mki(p->stream, mki);
	return w->key ? DROP_NONE : DROP_SRTP_MKI;
}

/* Where the text begins; 0: the header is malformed, or runs into what is behind the text. */
static uint32_t protected_head(const struct srtp_work *w)
{
	const uint8_t *data = w->p->data;

	if (!w->p->rtcp)
		return rtp_head(data, w->end);
	return data[0] >> 6 == RTP_VERSION ? RTCP_HDR : 0;
}

/* ---- one packet ---- */

/* What is authenticated and not sent, or sent elsewhere, goes behind the text. */
static void index_set(struct srtp_work *w, struct cipher_op *op, uint64_t index)
{
	const struct srtp_packet *p = w->p;
	const struct be32 word =
	    be32_make(p->rtcp ? (uint32_t)index | (w->e ? RTCP_E : 0) : (uint32_t)(index >> 16));

	w->index = index;
	key_iv(op->key, w->ssrc, index, op->iv);
	if (op->auth == w->aad)
		memcpy(w->aad + RTCP_HDR, &word, sizeof(word));
	else if (op->auth_len > w->end)
		memcpy(p->data + w->end, &word, sizeof(word));
}

static void unprotect_op(struct srtp_work *w, struct cipher_op *op, uint32_t head)
{
	const struct srtp_packet *p = w->p;
	const bool clear = p->rtcp ? !w->e : p->stream->flags & SRTP_CLEAR_RTP;

	op->key = key_of(w->key, p->rtcp);
	op->text = p->data + head;
	op->text_len = clear ? 0 : w->end - head;
	op->auth = p->data;
	op->auth_len = w->end + ROC_LEN;
	memcpy(w->was, p->data + w->end, sizeof(w->was));
	if (op->key->alg != CIPHER_GCM)
		return;
	if (!p->rtcp) {
		op->auth_len = head;
	} else if (w->e) {
		memcpy(w->aad, p->data, RTCP_HDR);
		op->auth = w->aad;
		op->auth_len = sizeof(w->aad);
	}
}

static bool source_silent(const struct srtp_ssrc *s, uint32_t now_s)
{
	return now_s - s->heard_s >= SRTP_SILENT_S;
}

static enum drop index_judge(struct srtp_work *w, uint32_t now_s)
{
	const struct srtp_packet *p = w->p;
	enum drop why;

	if (!p->rtcp)
		w->index = source_index(w->source, be16_read(p->data + 2));
	if (w->index > RTP_INDEX_MAX)
		return DROP_SRTP_LIFETIME;
	if (!w->source)
		return source_room(p->stream, w->ssrc, now_s);
	why = source_judge(w->source, p->rtcp, w->index);
	if (why != DROP_SRTP_OLD || p->rtcp || !source_silent(w->source, now_s))
		return why;
	/* Half of all numbers were missed: what looks late is early. */
	w->index += ROC_ONE;
	return source_judge(w->source, false, w->index);
}

static enum drop unprotect_begin(struct srtp_work *w, struct cipher_op *op, uint32_t now_s)
{
	const struct srtp_packet *p = w->p;
	enum drop why;
	uint32_t head;

	if (p->stream->keys == 0)
		return DROP_SRTP_KEY;
	why = trailer_take(w, op);
	if (why != DROP_NONE)
		return why;
	head = protected_head(w);
	if (head == 0)
		return DROP_SRTP_BAD;
	if (w->key->left[p->rtcp] == 0)
		return DROP_SRTP_LIFETIME;
	w->ssrc = be32_read(p->data + (p->rtcp ? 4 : 8));
	w->source = source_find(p->stream, w->ssrc);
	why = index_judge(w, now_s);
	if (why != DROP_NONE)
		return why;
	unprotect_op(w, op, head);
	index_set(w, op, w->index);
	return DROP_NONE;
}

/* ---- another roll-over counter ---- */

static bool try_take(struct srtp_stream *s, uint32_t now_s)
{
	if (s->tried_s != now_s) {
		s->tried_s = now_s;
		s->tries = SRTP_TRIES;
	}
	if (s->tries == 0)
		return false;
	s->tries--;
	return true;
}

/* Whether the index may be another one than that which failed, and which. */
static bool index_again(struct srtp_work *w, uint32_t now_s)
{
	const uint16_t seq = be16_read(w->p->data + 2);
	const uint64_t first = w->index;
	uint64_t now;

	/* An earlier packet of the burst may have told more. */
	w->source = source_find(w->p->stream, w->ssrc);
	now = source_index(w->source, seq);
	if (now != first) {
		w->index = now;
	} else if (w->source && w->source->rtp) {
		if (!source_silent(w->source, now_s) || !try_take(w->p->stream, now_s))
			return false;
		w->index = first + ROC_ONE;
	} else {
		if (!try_take(w->p->stream, now_s))
			return false;
		/* Its first packets were lost, and it has begun at the end of numbers. */
		w->index = first >= ROC_ONE ? seq : first + ROC_ONE;
	}
	return w->index <= RTP_INDEX_MAX &&
	       (!w->source || source_judge(w->source, false, w->index) == DROP_NONE);
}

static bool unprotect_again(struct srtp *x, struct srtp_work *w, struct cipher_op *op,
			    uint32_t now_s)
{
	if (w->p->rtcp || !index_again(w, now_s))
		return false;
	index_set(w, op, w->index);
	cipher_unseal(x->cipher, op, 1);
	return op->ok;
}

/* ---- the end ---- */

/* The tag is right. An earlier packet of the burst may have been the same. */
static enum drop unprotect_take(struct srtp_work *w, uint32_t now_s)
{
	struct srtp_packet *p = w->p;
	enum drop why;

	if (w->key->left[p->rtcp] == 0)
		return DROP_SRTP_LIFETIME;
	if (!w->source || w->source->ssrc != w->ssrc)
		w->source = source_find(p->stream, w->ssrc);
	why = w->source ? source_judge(w->source, p->rtcp, w->index)
			: source_room(p->stream, w->ssrc, now_s);
	if (why != DROP_NONE)
		return why;
	if (!w->source)
		w->source = source_add(p->stream, w->ssrc, now_s);
	source_heard(w->source, p->rtcp, w->index, now_s);
	w->key->left[p->rtcp]--;
	p->len = w->end;
	return DROP_NONE;
}

void srtp_unprotect_burst(struct srtp *x, struct srtp_packet *p, uint32_t n, uint32_t now_s)
{
	const uint32_t ops = burst_begin(x, p, n, now_s, unprotect_begin);
	uint32_t i;

	cipher_unseal(x->cipher, x->op, ops);
	for (i = 0; i < ops; i++) {
		struct srtp_work *w = &x->work[i];

		if (x->op[i].ok || unprotect_again(x, w, &x->op[i], now_s)) {
			w->p->why = unprotect_take(w, now_s);
			continue;
		}
		memcpy(w->p->data + w->end, w->was, sizeof(w->was));
		w->p->why = DROP_SRTP_AUTH;
	}
}
