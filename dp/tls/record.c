/* SPDX-License-Identifier: BSD-3-Clause */
#include "record.h"

#include <openssl/crypto.h>

enum {
	AAD_12 = 8 + TLS_HDR, /* sequence number, header (RFC 5246 6.2.3.3) */
	SEAL_PIECES = 48,     /* of one record, and room for copies and its ends */
	COPY_MAX = 64,	      /* record_seal_bytes() */
};

/* The bytes a record protects: where they lie, where they go, and whose buffer that is. */
struct row {
	struct aead_piece piece[AEAD_PIECES_MAX];
	struct rte_mbuf *m[AEAD_PIECES_MAX];
	uint32_t n;
	struct rte_mbuf *fresh, *fresh_last; /* taken for it, by next; not counted yet */
	struct rte_mbuf *before, *after;     /* of those: for a header, or a tail, without room */
};

/* ---- rows ---- */

static void row_init(struct row *r)
{
	r->n = 0;
	r->fresh = r->fresh_last = r->before = r->after = NULL;
}

/* No other buffer has its bytes. */
static bool mbuf_own(const struct rte_mbuf *m)
{
	return RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1;
}

static struct rte_mbuf *row_alloc(struct worker *w, struct row *r)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (!m)
		return NULL;
	if (r->fresh_last)
		r->fresh_last->next = m;
	else
		r->fresh = m;
	r->fresh_last = m;
	return m;
}

static void row_free(struct row *r)
{
	rte_pktmbuf_free(r->fresh);
	row_init(r);
}

static bool row_add(struct row *r, const uint8_t *from, uint8_t *to, uint32_t len,
		    struct rte_mbuf *m)
{
	struct aead_piece *p = r->piece + r->n;

	if (r->n && p[-1].to + p[-1].len == to && p[-1].from + p[-1].len == from &&
	    r->m[r->n - 1] == m) {
		p[-1].len += len;
		return true;
	}
	if (r->n == AEAD_PIECES_MAX)
		return false;
	*p = (struct aead_piece){ from, to, len };
	r->m[r->n++] = m;
	return true;
}

/* Into fresh buffers: at once (copy), or when the record is opened. */
static bool row_add_fresh(struct worker *w, struct row *r, const uint8_t *from, uint32_t len,
			  bool copy)
{
	while (len) {
		struct rte_mbuf *m = r->n ? r->m[r->n - 1] : NULL;
		uint32_t n;
		uint8_t *to;

		if (!m || m != r->fresh_last || rte_pktmbuf_tailroom(m) == 0)
			m = row_alloc(w, r);
		if (!m)
			return false;
		n = RTE_MIN(len, rte_pktmbuf_tailroom(m));
		to = rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len);
		m->data_len = (uint16_t)(m->data_len + n);
		if (copy)
			memcpy(to, from, n);
		if (!row_add(r, copy ? to : from, to, n, m))
			return false;
		from += n;
		len -= n;
	}
	return true;
}

/* Takes the first len bytes off q. Buffers of the row stay alive; returns how many those are. */
static uint32_t row_take(struct worker *w, const struct row *r, struct mbuf_queue *q, uint32_t len)
{
	uint32_t kept = 0, i = 0, j;

	if (likely(r->n == 1 && r->m[0] == q->head && q->head->data_len == len)) {
		queue_take(w, q);
		return 1;
	}
	while (len) {
		struct rte_mbuf *m = q->head;

		if (m->data_len > len) {
			queue_drop(w, q, len);
			break;
		}
		len -= m->data_len;
		queue_take(w, q);
		for (j = i; j < r->n && r->m[j] != m; j++)
			;
		if (j < r->n) {
			i = j + 1;
			kept++;
		} else {
			pkt_consume(w, m);
		}
	}
	return kept;
}

/* ---- what both directions share ---- */

/* 16 bytes stored at once: the cipher reads them so, and would wait for smaller stores. */
union bytes16 {
	uint64_t v __attribute__((vector_size(16)));
	uint8_t b[16];
};

/* explicit: as it is on the wire (RFC 5288 3); the others' is RFC 8446 5.3, RFC 7905 2. */
static void nonce_make(const struct tls_keys *k, uint64_t explicit, union bytes16 *nonce)
{
	uint64_t low, last = k->suite->explicit_len ? explicit : rte_cpu_to_be_64(k->seq);
	uint32_t high;

	memcpy(&low, k->iv, sizeof(low));
	memcpy(&high, k->iv + sizeof(low), sizeof(high));
	nonce->v = (__typeof__(nonce->v)){ low ^ last << 32, high ^ last >> 32 };
}

/* head: its bytes as they are on the wire, the first lowest; len: of the plaintext. */
static uint32_t aad_make(const struct tls_keys *k, uint64_t head, uint32_t len, union bytes16 *aad)
{
	if (k->suite->version == TLS_1_3) {
		aad->v = (__typeof__(aad->v)){ head, 0 };
		return TLS_HDR;
	}
	len = rte_cpu_to_be_16((uint16_t)len);
	aad->v = (__typeof__(aad->v)){ rte_cpu_to_be_64(k->seq),
				       (head & 0xffffff) | (uint64_t)len << 24 };
	return AAD_12;
}

static void keys_used(struct tls_keys *k, uint32_t len)
{
	k->seq++;
	k->records++;
	k->bytes += len;
}

/* ---- opening ---- */

/* n bytes at off: in the first buffer, or copied to tmp. */
static const uint8_t *peek(const struct mbuf_queue *q, uint32_t off, uint32_t n, uint8_t *tmp)
{
	if (likely(q->head->data_len >= off + n))
		return rte_pktmbuf_mtod_offset(q->head, const uint8_t *, off);
	queue_copy(q, off, tmp, n);
	return tmp;
}

int32_t record_length(const struct mbuf_queue *q, enum tls_version v, bool protected,
		      uint32_t plain_max, enum tls_alert *alert)
{
	uint8_t tmp[TLS_HDR];
	const uint8_t *h = peek(q, 0, TLS_HDR, tmp);
	uint32_t len = be16_read(h + 3), max;

	*alert = ALERT_UNEXPECTED_MESSAGE;
	if (h[0] < TLS_CHANGE_CIPHER_SPEC || h[0] > TLS_APPLICATION)
		return -1;
	if (protected && v == TLS_1_3 && h[0] != TLS_APPLICATION)
		return -1;
	if (protected)
		max = plain_max + (v == TLS_1_3 ? TLS_CIPHER_MAX_13 : TLS_CIPHER_MAX_12) -
		      TLS_PLAIN_MAX;
	else /* the handshake's own keys may be in force */
		max = h[0] == TLS_APPLICATION ? TLS_CIPHER_MAX_13 : TLS_PLAIN_MAX;
	*alert = ALERT_RECORD_OVERFLOW;
	if (len > max)
		return -1;
	*alert = ALERT_NONE;
	return (int32_t)(TLS_HDR + len);
}

/* Pieces for n bytes at off of a record of len bytes. */
static bool row_lay(struct worker *w, struct row *r, const struct mbuf_queue *q, uint32_t off,
		    uint32_t n, uint32_t len)
{
	struct rte_mbuf *m;

	for (m = q->head; n; m = m->next) {
		uint8_t *p = rte_pktmbuf_mtod_offset(m, uint8_t *, off);
		bool keep = m->data_len <= len && mbuf_own(m), ok;
		uint32_t part;

		len -= RTE_MIN(len, m->data_len);
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		part = RTE_MIN(m->data_len - off, n);
		n -= part;
		off = 0;
		ok = keep ? row_add(r, p, p, part, m) : row_add_fresh(w, r, p, part, false);
		if (unlikely(!ok))
			return false;
	}
	return true;
}

/* All of them copied first: they are in more pieces than the cipher takes. */
static bool row_gather(struct worker *w, struct row *r, const struct mbuf_queue *q, uint32_t off,
		       uint32_t n)
{
	const struct rte_mbuf *m;

	for (m = q->head; n; m = m->next) {
		uint32_t part;

		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		part = RTE_MIN(m->data_len - off, n);
		if (!row_add_fresh(w, r, rte_pktmbuf_mtod_offset(m, const uint8_t *, off), part,
				   true))
			return false;
		n -= part;
		off = 0;
	}
	return true;
}

/* The record is all of a buffer of ours: the common case. */
static bool row_whole(struct row *r, const struct mbuf_queue *from, uint32_t off, uint32_t n,
		      uint32_t len)
{
	uint8_t *p = rte_pktmbuf_mtod_offset(from->head, uint8_t *, off);

	if (from->head->data_len != len || !mbuf_own(from->head))
		return false;
	r->piece[0] = (struct aead_piece){ p, p, n };
	r->m[0] = from->head;
	r->n = 1;
	return true;
}

static bool row_open(struct worker *w, struct row *r, const struct mbuf_queue *from, uint32_t off,
		     uint32_t n, uint32_t len)
{
	row_init(r);
	if (row_whole(r, from, off, n, len) || row_lay(w, r, from, off, n, len))
		return true;
	row_free(r);
	if (row_gather(w, r, from, off, n))
		return true;
	row_free(r);
	return false;
}

/* Keys and what was decrypted do not stay in memory. */
static void row_wipe(struct row *r)
{
	uint32_t i;

	for (i = 0; i < r->n; i++)
		OPENSSL_cleanse(r->piece[i].to, r->piece[i].len);
	row_free(r);
}

/* The content type: the last byte that is not zero (RFC 8446 5.4). len becomes the content's. */
static uint8_t inner_type(const struct row *r, uint32_t *len)
{
	uint32_t i;

	for (i = r->n; i--;) {
		const uint8_t *p = r->piece[i].to;
		uint32_t n = r->piece[i].len;
		uint64_t v;

		while (n) {
			if (p[n - 1]) {
				*len -= r->piece[i].len - n + 1;
				return p[n - 1];
			}
			n--;
			for (; n >= sizeof(v); n -= (uint32_t)sizeof(v)) {
				memcpy(&v, p + n - sizeof(v), sizeof(v));
				if (v)
					break;
			}
		}
		*len -= r->piece[i].len;
	}
	return 0;
}

/* Only application data may be empty (RFC 8446 5.4, RFC 5246 6.2.1). */
static bool content_ok(enum tls_version v, uint8_t type, uint32_t len)
{
	if (v == TLS_1_3 && (type < TLS_ALERT || type > TLS_APPLICATION))
		return false;
	return len || type == TLS_APPLICATION;
}

/* The first len bytes of the row become part of q; its other buffers end here. */
static void row_give(struct worker *w, struct row *r, struct mbuf_queue *q, uint32_t len)
{
	struct rte_mbuf *m;
	uint32_t i, n;

	while ((m = r->fresh)) {
		r->fresh = m->next;
		m->next = NULL;
		count(w, CNT_MADE);
	}
	for (i = 0; i < r->n;) {
		m = r->m[i];
		m->data_off = (uint16_t)(r->piece[i].to - (uint8_t *)m->buf_addr);
		for (n = 0; i < r->n && r->m[i] == m; i++) {
			uint32_t part = RTE_MIN(r->piece[i].len, len);

			n += part;
			len -= part;
		}
		m->data_len = (uint16_t)n;
		m->pkt_len = n;
		queue_put(w, q, m);
	}
}

int32_t record_open(struct worker *w, struct aead *a, struct tls_keys *keys, uint32_t len,
		    uint32_t plain_max, struct mbuf_queue *from, struct mbuf_queue *to,
		    enum tls_alert *alert)
{
	bool v13 = keys->suite->version == TLS_1_3;
	uint32_t head_len = TLS_HDR + keys->suite->explicit_len, n = len - head_len - TLS_TAG;
	uint8_t head_tmp[TLS_HEAD_MAX], tag_tmp[TLS_TAG], type;
	const uint8_t *head, *tag;
	uint64_t first = 0, explicit = 0;
	union bytes16 nonce, aad;
	struct row r;

	*alert = ALERT_BAD_RECORD_MAC;
	if (len < head_len + TLS_TAG)
		return -1;
	*alert = ALERT_RECORD_OVERFLOW;
	if (n > plain_max + v13)
		return -1;
	if (!row_open(w, &r, from, head_len, n, len))
		return 0;
	head = peek(from, 0, head_len, head_tmp);
	tag = peek(from, len - TLS_TAG, TLS_TAG, tag_tmp);
	memcpy(&first, head, TLS_HDR);
	if (keys->suite->explicit_len)
		memcpy(&explicit, head + TLS_HDR, sizeof(explicit));
	nonce_make(keys, explicit, &nonce);
	*alert = ALERT_BAD_RECORD_MAC;
	if (!aead_unseal(a, &keys->key, nonce.b, aad.b, aad_make(keys, first, n, &aad), r.piece,
			 r.n, tag)) {
		row_wipe(&r);
		return -1;
	}
	type = v13 ? inner_type(&r, &n) : (uint8_t)first;
	*alert = ALERT_UNEXPECTED_MESSAGE;
	if (!content_ok(keys->suite->version, type, n)) {
		row_wipe(&r);
		return -1;
	}
	*alert = ALERT_NONE;
	keys_used(keys, n);
	row_take(w, &r, from, len);
	row_give(w, &r, to, n);
	return type;
}

/* ---- sealing ---- */

/* The bytes that go into the record, in buffers of our own. Returns how many; 0: no buffers. */
static uint32_t row_collect(struct worker *w, struct row *r, const struct mbuf_queue *from,
			    uint32_t max)
{
	struct rte_mbuf *m;
	uint32_t n = 0;

	for (m = from->head; m && n + m->data_len <= max && r->n < SEAL_PIECES; m = m->next) {
		uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
		bool ok = mbuf_own(m) ? row_add(r, p, p, m->data_len, m)
				      : row_add_fresh(w, r, p, m->data_len, true);

		if (!ok)
			return 0;
		n += m->data_len;
	}
	if (n || !m)
		return n;
	return row_add_fresh(w, r, rte_pktmbuf_mtod(m, const uint8_t *), max, true) ? max : 0;
}

/* Buffers for the header and for what follows the content, where those of the row have no room. */
static bool row_ends(struct worker *w, struct row *r, const struct tls_suite *s)
{
	if (r->n == AEAD_PIECES_MAX) /* the content type is one more */
		return false;
	if (rte_pktmbuf_headroom(r->m[0]) < TLS_HDR + s->explicit_len) {
		r->before = row_alloc(w, r);
		if (!r->before)
			return false;
	}
	if (rte_pktmbuf_tailroom(r->m[r->n - 1]) < TLS_TAIL_MAX) {
		r->after = row_alloc(w, r);
		if (!r->after)
			return false;
	}
	return true;
}

/* One packet of all its buffers, len bytes long. */
static struct rte_mbuf *row_chain(const struct row *r, uint32_t len)
{
	struct rte_mbuf *head = r->before, *m = head;
	uint16_t segs = head != NULL;
	uint32_t i;

	for (i = 0; i <= r->n; i++) {
		struct rte_mbuf *next = i < r->n ? r->m[i] : r->after;

		if (!next || next == m)
			continue;
		if (m)
			m->next = next;
		else
			head = next;
		m = next;
		segs++;
	}
	m->next = NULL;
	head->nb_segs = segs;
	head->pkt_len = len;
	return head;
}

/* Writes header, type and tag around len bytes of content, and encrypts. */
static struct rte_mbuf *row_seal(struct aead *a, struct tls_keys *keys, struct row *r,
				 enum tls_type type, uint32_t len)
{
	const struct tls_suite *s = keys->suite;
	bool v13 = s->version == TLS_1_3;
	uint32_t head_len = TLS_HDR + s->explicit_len;
	uint32_t body = s->explicit_len + len + v13 + TLS_TAG;
	struct rte_mbuf *first = r->before ? r->before : r->m[0];
	struct rte_mbuf *last = r->after ? r->after : r->m[r->n - 1];
	uint64_t explicit = rte_cpu_to_be_64(keys->explicit_next);
	uint64_t h = (v13 ? TLS_APPLICATION : type) | TLS_1_2 << 8 |
		     (uint64_t)rte_cpu_to_be_16((uint16_t)body) << 24;
	union bytes16 nonce, aad;
	uint8_t *head, *tail;

	tail = rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len);
	last->data_len = (uint16_t)(last->data_len + v13 + TLS_TAG);
	first->data_off = (uint16_t)(first->data_off - head_len);
	first->data_len = (uint16_t)(first->data_len + head_len);
	head = rte_pktmbuf_mtod(first, uint8_t *);
	memcpy(head, &h, TLS_HDR);
	if (s->explicit_len) {
		memcpy(head + TLS_HDR, &explicit, sizeof(explicit));
		keys->explicit_next++;
	}
	if (v13) {
		*tail = type;
		row_add(r, tail, tail, 1, last);
		tail++;
	}
	nonce_make(keys, explicit, &nonce);
	aead_seal(a, &keys->key, nonce.b, aad.b, aad_make(keys, h, len, &aad), r->piece, r->n,
		  tail);
	keys_used(keys, len);
	return row_chain(r, TLS_HDR + body);
}

struct rte_mbuf *record_seal(struct worker *w, struct aead *a, struct tls_keys *keys,
			     enum tls_type type, struct mbuf_queue *from, uint32_t max)
{
	struct row r;
	uint32_t len, kept;

	row_init(&r);
	len = row_collect(w, &r, from, max);
	if (!len || !row_ends(w, &r, keys->suite)) {
		row_free(&r);
		return NULL;
	}
	kept = row_take(w, &r, from, len);
	if (kept)
		count_add(w, CNT_CONSUMED, kept - 1u);
	else
		count(w, CNT_MADE);
	return row_seal(a, keys, &r, type, len);
}

struct rte_mbuf *record_seal_bytes(struct worker *w, struct aead *a, struct tls_keys *keys,
				   enum tls_type type, const void *p, uint32_t len)
{
	struct row r;

	row_init(&r);
	if (len > COPY_MAX || !row_alloc(w, &r))
		return NULL;
	row_add(&r, rte_pktmbuf_mtod(r.fresh, uint8_t *), rte_pktmbuf_mtod(r.fresh, uint8_t *), len,
		r.fresh);
	memcpy(rte_pktmbuf_append(r.fresh, (uint16_t)len), p, len);
	count(w, CNT_MADE);
	return row_seal(a, keys, &r, type, len);
}
