/* SPDX-License-Identifier: BSD-3-Clause */
#include "record.h"
#include "../worker.h"

enum { WINDOW = 64, AAD = 13 };

/* Big endian, as numbers stand in headers, nonces and what is authenticated. */
static void put64(uint8_t *to, uint64_t v)
{
	v = rte_cpu_to_be_64(v);
	memcpy(to, &v, sizeof(v));
}

/* RFC 5288 3; RFC 7905 2. explicit: as it stands in the record. */
static void nonce_make(const struct tls_keys *k, const uint8_t *explicit, uint64_t number,
		       uint8_t *nonce)
{
	uint8_t n[8];

	memcpy(nonce, k->iv, TLS_NONCE);
	if (k->suite->explicit_len) {
		memcpy(nonce + TLS_NONCE - TLS_EXPLICIT_12, explicit, TLS_EXPLICIT_12);
		return;
	}
	put64(n, number);
	for (uint32_t i = 0; i < sizeof(n); i++)
		nonce[TLS_NONCE - sizeof(n) + i] ^= n[i];
}

/* RFC 6347 4.1.2.1: epoch and number, type, version, length of the plaintext. */
static void aad_make(uint8_t *aad, uint64_t number, const uint8_t *head, uint32_t len)
{
	put64(aad, number);
	memcpy(aad + 8, head, 3);
	aad[11] = (uint8_t)(len >> 8);
	aad[12] = (uint8_t)len;
}

static void keys_used(struct tls_keys *k, uint32_t len)
{
	k->records++;
	k->bytes += len;
}

/* ---- opening ---- */

/* DTLS_OPENED: it may be new. */
static enum dtls_opened window_ask(const struct dtls_window *win, uint64_t number)
{
	if (number >= win->top)
		return DTLS_OPENED;
	if (win->top - number > WINDOW)
		return DTLS_LATE;
	return win->seen >> (win->top - 1 - number) & 1 ? DTLS_REPLAYED : DTLS_OPENED;
}

static void window_put(struct dtls_window *win, uint64_t number)
{
	uint64_t up;

	if (number < win->top) {
		win->seen |= UINT64_C(1) << (win->top - 1 - number);
		return;
	}
	up = number + 1 - win->top;
	win->seen = (up < WINDOW ? win->seen << up : 0) | 1;
	win->top = number + 1;
}

enum dtls_opened dtls_open(struct aead *a, struct tls_keys *k, struct dtls_window *win,
			   const struct dtls_record *rec, uint8_t **plain, uint32_t *len)
{
	const uint64_t number = rec->number & ((UINT64_C(1) << 48) - 1);
	const uint32_t explicit_len = k->suite->explicit_len;
	enum dtls_opened o = window_ask(win, number);
	uint8_t nonce[TLS_NONCE], aad[AAD];
	struct aead_piece p;

	if (unlikely(o != DTLS_OPENED))
		return o;
	if (unlikely(rec->len < explicit_len + TLS_TAG))
		return DTLS_SHORT;
	p.len = rec->len - explicit_len - TLS_TAG;
	p.from = p.to = (uint8_t *)(uintptr_t)rec->body + explicit_len;
	if (unlikely(p.len > TLS_PLAIN_MAX))
		return DTLS_SHORT;
	nonce_make(k, rec->body, rec->number, nonce);
	aad_make(aad, rec->number, rec->head, p.len);
	if (unlikely(!aead_unseal(a, &k->key, nonce, aad, sizeof(aad), &p, 1, p.from + p.len)))
		return DTLS_FORGED;
	window_put(win, number);
	keys_used(k, p.len);
	*plain = p.to;
	*len = p.len;
	return DTLS_OPENED;
}

/* ---- sealing ---- */

/* Room for the tag: in the last buffer, or one behind it. */
static bool tail_make(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *more;

	if (likely(rte_pktmbuf_tailroom(rte_pktmbuf_lastseg(m)) >= TLS_TAG))
		return true;
	more = rte_pktmbuf_alloc(w->pool);
	if (more && rte_pktmbuf_chain(m, more) == 0)
		return true;
	rte_pktmbuf_free(more);
	return false;
}

bool dtls_seal(struct worker *w, struct aead *a, struct tls_keys *k, enum tls_type type,
	       struct rte_mbuf *m)
{
	const uint32_t explicit_len = k->suite->explicit_len, head_len = DTLS_HDR + explicit_len;
	const uint32_t len = m->pkt_len;
	struct aead_piece p[AEAD_PIECES_MAX];
	uint8_t nonce[TLS_NONCE], aad[AAD], *head;
	struct rte_mbuf *s;
	uint32_t n = 0;

	if (unlikely(m->nb_segs >= AEAD_PIECES_MAX || len > TLS_PLAIN_MAX ||
		     rte_pktmbuf_headroom(m) < head_len || !tail_make(w, m)))
		return false;
	for (s = m; s; s = s->next) {
		uint8_t *at = rte_pktmbuf_mtod(s, uint8_t *);

		p[n++] = (struct aead_piece){ at, at, s->data_len };
	}
	head = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)head_len);
	head[0] = type;
	head[1] = DTLS_1_2 >> 8;
	head[2] = DTLS_1_2 & 0xff;
	put64(head + 3, k->seq);
	memcpy(head + 11, be16_make((uint16_t)(explicit_len + len + TLS_TAG)).b, 2);
	if (explicit_len)
		put64(head + DTLS_HDR, k->explicit_next++);
	nonce_make(k, head + DTLS_HDR, k->seq, nonce);
	aad_make(aad, k->seq, head, len);
	aead_seal(a, &k->key, nonce, aad, sizeof(aad), p, n,
		  (uint8_t *)rte_pktmbuf_append(m, TLS_TAG));
	k->seq++;
	keys_used(k, len);
	return true;
}
