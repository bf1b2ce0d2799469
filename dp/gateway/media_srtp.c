/* SPDX-License-Identifier: BSD-3-Clause */
/* SRTP in contexts: keys of terminations, and packets, a burst at once. */
#include "gateway.h"
#include "media_srtp.h"
#include "../net/ip.h"

#include <openssl/crypto.h>
#include <rte_malloc.h>

_Static_assert((int)CTL_SRTP_CLEAR_RTP == SRTP_CLEAR_RTP &&
		   (int)CTL_SRTP_CLEAR_RTCP == SRTP_CLEAR_RTCP,
	       "flags of the boundary are those of streams");
_Static_assert(sizeof(((struct ctl_srtp_key *)0)->master) >= SRTP_MASTER_MAX, "a master key fits");

/* ---- pool ---- */

bool media_srtp_create(struct worker *w, char *err, size_t errlen)
{
	const uint32_t n = w->dp->conf->gateway.srtp;
	struct srtp_pool *s;
	uint32_t i;

	if (n == 0)
		return true;
	w->gateway->srtp = s =
	    rte_zmalloc("srtp", sizeof(*s) + n * sizeof(s->side[0]), CIPHER_LINE);
	if (s)
		s->engine = srtp_engine_create(NULL);
	if (!s || !s->engine) {
		snprintf(
		    err, errlen,
		    "%s: dataplane.memory-mb: too small for %u SRTP terminations on each worker",
		    w->dp->conf->file, n);
		return false;
	}
	for (i = 0; i < n; i++)
		s->side[i].next = i + 1 < n ? i + 1 : SLOT_NONE;
	return true;
}

void media_srtp_destroy(struct worker *w)
{
	struct srtp_pool *s = w->gateway->srtp;

	if (!s)
		return;
	srtp_engine_free(s->engine);
	OPENSSL_cleanse(s->side, w->dp->conf->gateway.srtp * sizeof(s->side[0]));
	rte_free(s);
	w->gateway->srtp = NULL;
}

static void srtp_put(struct worker *w, struct media_srtp **of)
{
	struct srtp_pool *s = w->gateway->srtp;
	struct media_srtp *x = *of;

	if (!x)
		return;
	OPENSSL_cleanse(x, sizeof(*x));
	x->next = s->free;
	s->free = (uint32_t)(x - s->side);
	*of = NULL;
}

static bool srtp_get(struct worker *w, struct media_srtp **of)
{
	struct srtp_pool *s = w->gateway->srtp;

	if (*of)
		return true;
	if (!s || s->free == SLOT_NONE)
		return false;
	*of = &s->side[s->free];
	s->free = (*of)->next;
	return true;
}

void media_srtp_give(struct worker *w, struct media_term *t)
{
	srtp_put(w, &t->srtp);
	srtp_put(w, &t->srtcp);
}

bool media_srtp_room(struct worker *w, struct media_term *t)
{
	if (!media_srtp_apart(t))
		srtp_put(w, &t->srtcp);
	return srtp_get(w, &t->srtp) && (!media_srtp_apart(t) || srtp_get(w, &t->srtcp));
}

bool media_srtp_can(const struct worker *w, uint32_t slot, const struct ctl_term term[SIDES])
{
	const struct srtp_pool *s = w->gateway->srtp;
	uint32_t need = 0, have = 0;

	for (uint32_t side = 0; side < SIDES; side++) {
		const struct media_term *t = &w->gateway->media[slot].term[side];
		const bool dtls = (term[side].flags & (TERM_DTLS | TERM_BUNDLED)) == TERM_DTLS;

		if (dtls)
			need += term[side].flags & TERM_RTCP_MUX ? 1 : 2;
		if (dtls || t->flags & TERM_DTLS)
			have += (t->srtp != NULL) + (t->srtcp != NULL);
	}
	for (uint32_t i = s ? s->free : SLOT_NONE; have < need && i != SLOT_NONE;
	     i = s->side[i].next)
		have++;
	return have >= need;
}

/* Keys of RTP, or of RTCP; NULL: none. */
static struct media_srtp *keys_of(const struct media_term *t, uint32_t rtcp)
{
	return rtcp && media_srtp_apart(t) ? t->srtcp : t->srtp;
}

/* ---- keys ---- */

static bool key_valid(const struct ctl_srtp_key *k)
{
	return !k->set || (k->suite < SRTP_SUITES && k->mki_len <= SRTP_MKI_MAX);
}

static struct srtp_master master_of(const struct ctl_srtp_key *k)
{
	struct srtp_master m;

	memset(&m, 0, sizeof(m)); /* what lies between, too: they are compared */
	if (!k->set)
		return m;
	m.suite = (enum srtp_suite)k->suite;
	memcpy(m.key, k->master, srtp_suite_desc[k->suite].key + srtp_suite_desc[k->suite].salt);
	m.mki = k->mki;
	m.mki_len = k->mki_len;
	m.lifetime = k->lifetime;
	return m;
}

static void late_end(struct media_srtp *x)
{
	OPENSSL_cleanse(x->in_key[!x->in_at], SRTP_KEY_BYTES);
	OPENSSL_cleanse(&x->late, sizeof(x->late));
	x->late_s = 0;
}

static void late_tick(const struct worker *w, struct media_srtp *x)
{
	if (unlikely(x && x->late_s) && x->late_s <= w->now)
		late_end(x);
}

void media_srtp_tick(struct worker *w, struct media_term *t)
{
	late_tick(w, t->srtp);
	late_tick(w, t->srtcp);
}

/* The remote sends by this key from now on; by the one before, what is late. */
static bool in_set(struct worker *w, struct media_srtp *x, const struct srtp_master *m, bool set)
{
	struct srtp_key *k;

	late_end(x);
	if (x->in.keys) {
		x->late = x->in;
		x->late_s = w->now + SRTP_LATE_S;
		x->late_tries = SRTP_LATE_TRIES;
	}
	OPENSSL_cleanse(&x->is_in, sizeof(x->is_in));
	x->in_at = !x->in_at;
	k = (struct srtp_key *)(uintptr_t)x->in_key[x->in_at];
	srtp_stream_init(&x->in, x->flags);
	if (!set)
		return true;
	if (!srtp_key_set(w->gateway->srtp->engine, k, m))
		return false;
	srtp_stream_add(&x->in, k);
	if (x->late_s)
		srtp_stream_follow(&x->in, &x->late);
	x->is_in = *m;
	return true;
}

static bool out_set(struct worker *w, struct media_srtp *x, const struct srtp_master *m, bool set)
{
	struct srtp_key *k = (struct srtp_key *)(uintptr_t)x->out_key;

	OPENSSL_cleanse(x->out_key, sizeof(x->out_key));
	OPENSSL_cleanse(&x->is_out, sizeof(x->is_out));
	srtp_stream_init(&x->out, x->flags);
	if (!set)
		return true;
	if (!srtp_key_set(w->gateway->srtp->engine, k, m))
		return false;
	srtp_stream_add(&x->out, k);
	x->is_out = *m;
	return true;
}

static bool key_differs(const struct srtp_stream *s, const struct srtp_master *is,
			const struct srtp_master *m, bool set)
{
	return set != (s->keys > 0) || (set && CRYPTO_memcmp(is, m, sizeof(*m)) != 0);
}

bool media_srtp_set(struct worker *w, const struct cmd_srtp_set *c, enum ctl_refusal *why)
{
	struct media_term *t = &w->gateway->media[c->cid.slot].term[c->side];
	struct srtp_master in, out;
	struct media_srtp *x;
	bool ok = true;

	*why = REFUSED_BAD;
	if ((t->flags & (TERM_SRTP | TERM_DTLS | TERM_BUNDLED)) != TERM_SRTP ||
	    !key_valid(&c->in) || !key_valid(&c->out) ||
	    c->flags & ~(CTL_SRTP_CLEAR_RTP | CTL_SRTP_CLEAR_RTCP))
		return false;
	in = master_of(&c->in);
	out = master_of(&c->out);
	/* One key both ways, and one SSRC by chance: key stream would be used twice. */
	if (c->in.set && c->out.set && CRYPTO_memcmp(in.key, out.key, sizeof(in.key)) == 0)
		goto done;
	*why = REFUSED_FULL;
	if (!srtp_get(w, &t->srtp))
		goto done;
	x = t->srtp;
	/* Never a stream anew for a key that goes on: its indexes would be used twice. */
	x->flags = x->in.flags = x->out.flags = c->flags;
	if (key_differs(&x->in, &x->is_in, &in, c->in.set))
		ok = in_set(w, x, &in, c->in.set);
	if (key_differs(&x->out, &x->is_out, &out, c->out.set))
		ok &= out_set(w, x, &out, c->out.set);
	*why = ok ? REFUSALS : REFUSED_FULL;
done:
	OPENSSL_cleanse(&in, sizeof(in));
	OPENSSL_cleanse(&out, sizeof(out));
	return *why == REFUSALS;
}

bool media_srtp_agreed(struct worker *w, struct media_term *t, uint32_t rtcp,
		       const struct srtp_master *in, const struct srtp_master *out)
{
	struct media_srtp *x = keys_of(t, rtcp);
	bool ok;

	if (!x)
		return false;
	ok = in_set(w, x, in, true);
	return out_set(w, x, out, true) && ok;
}

void media_srtp_disagreed(struct worker *w, struct media_term *t, uint32_t rtcp)
{
	struct media_srtp *x = keys_of(t, rtcp);

	if (!x)
		return;
	in_set(w, x, NULL, false);
	late_end(x);
	out_set(w, x, NULL, false);
}

/* ---- packets ---- */

static bool has_key(const struct media_term *t, uint32_t rtcp, bool out)
{
	const struct media_srtp *x = keys_of(t, rtcp);

	return !(t->flags & TERM_SRTP) || (x && (out ? x->out.keys : x->in.keys) > 0);
}

/* What can be told before anything is deciphered: strangers do not cost that. */
static enum drop take_judge(struct worker *w, const struct media_in *in)
{
	const struct media_term *to = media_transport(w, in->slot, !in->side);
	struct pkt *p = in->p;

	if (media_stranger(w, in))
		return DROP_GATE_SOURCE;
	/* For which m-line of a bundle it is will be seen: wait_pass(). */
	if (!has_key(in->term, in->rtcp, false) ||
	    (to->here && !media_bundles(in->term) && !has_key(to, in->rtcp, true)))
		return DROP_SRTP_KEY;
	/* Who hears of it is told what came, and not what it became. */
	if (p->ttl <= 1) {
		icmp_error(w, p, ICMP_WHY_TTL, 0);
		return DROP_IP_TTL;
	}
	if (!pkt_l4_csum_ok(w, p))
		return DROP_UDP_CSUM;
	return rte_pktmbuf_linearize(p->m) == 0 ? DROP_NONE : DROP_SRTP_ROOM;
}

void media_srtp_take(struct worker *w, const struct media_in *in)
{
	struct srtp_pool *s = w->gateway->srtp;
	const enum drop why = take_judge(w, in);
	struct srtp_wait *t;

	if (why != DROP_NONE) {
		media_drop(w, in, why);
		return;
	}
	if (s->n == SRTP_BURST)
		media_end(w);
	t = &s->wait[s->n++];
	t->p = *in->p;
	t->in = *in;
	t->in.p = &t->p;
	t->in.anew = true;
	t->why = DROP_NONE;
	/* Its checksum was looked at, and is made anew when the payload is what it shall be. */
	t->p.m->ol_flags &= ~RTE_MBUF_F_RX_L4_CKSUM_MASK;
	t->p.m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

/* The payload has another length. */
static void wait_resize(struct srtp_wait *t, uint32_t len)
{
	struct pkt *p = &t->p;
	uint8_t *udp = pkt_payload(p) - UDP_HDR;

	p->l4_len = (uint16_t)(UDP_HDR + len);
	p->m->data_len = (uint16_t)(p->l2_len + p->l3_len + p->l4_len);
	p->m->pkt_len = p->m->data_len;
	memcpy(udp + 4, be16_make(p->l4_len).b, 2);
}

static void burst_add(struct srtp_pool *s, uint32_t *n, uint32_t i, struct srtp_stream *stream)
{
	const struct srtp_wait *t = &s->wait[i];
	struct rte_mbuf *m = t->p.m;
	uint8_t *data = pkt_payload(&t->p);

	s->which[*n] = (uint8_t)i;
	s->packet[(*n)++] = (struct srtp_packet){
		.stream = stream,
		.data = data,
		.len = pkt_payload_len(&t->p),
		.room = (uint32_t)((uint8_t *)m->buf_addr + m->buf_len - data),
		.rtcp = t->in.rtcp,
	};
}

static void burst_judge(struct srtp_pool *s, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct srtp_wait *t = &s->wait[s->which[i]];

		t->why = s->packet[i].why;
		if (t->why == DROP_NONE)
			wait_resize(t, s->packet[i].len);
	}
}

/* By the key before: what the new one does not fit. Why it is dropped is the new key's word. */
static void burst_late(struct worker *w, struct srtp_pool *s)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->n; i++) {
		struct srtp_wait *t = &s->wait[i];
		struct media_srtp *x = keys_of(t->in.term, t->in.rtcp);

		if ((t->why == DROP_SRTP_AUTH || t->why == DROP_SRTP_MKI) && x->late_s > w->now &&
		    x->late_tries) {
			x->late_tries--;
			t->in.late = true;
			burst_add(s, &n, i, &x->late);
		}
	}
	if (likely(n == 0))
		return;
	srtp_unprotect_burst(s->engine, s->packet, n, w->now);
	for (i = 0; i < n; i++)
		if (s->packet[i].why == DROP_NONE || s->packet[i].why == DROP_SRTP_REPLAY) {
			s->wait[s->which[i]].why = s->packet[i].why;
			wait_resize(&s->wait[s->which[i]], s->packet[i].len);
		}
}

static void burst_unprotect(struct worker *w, struct srtp_pool *s)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->n; i++)
		if (s->wait[i].in.term->flags & TERM_SRTP)
			burst_add(s, &n, i, &keys_of(s->wait[i].in.term, s->wait[i].in.rtcp)->in);
	if (n == 0)
		return;
	srtp_unprotect_burst(s->engine, s->packet, n, w->now);
	burst_judge(s, n);
	burst_late(w, s);
}

static void burst_protect(struct worker *w, struct srtp_pool *s)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->n; i++) {
		const struct media_in *in = &s->wait[i].in;
		const struct media_term *to = media_transport(w, in->slot, !in->side);

		if (s->wait[i].why == DROP_NONE && to->flags & TERM_SRTP)
			burst_add(s, &n, i, &keys_of(to, in->rtcp)->out);
	}
	if (n == 0)
		return;
	srtp_protect_burst(s->engine, s->packet, n, w->now);
	burst_judge(s, n);
}

/* A trace shows what is dropped, and shall not show what was deciphered. */
static void wait_drop(struct worker *w, struct srtp_wait *t)
{
	if (t->in.term->flags & TERM_SRTP && pkt_payload_len(&t->p) != t->in.len)
		wait_resize(t, 0);
	media_drop(w, &t->in, t->why);
}

/* What was deciphered goes to the m-line that it is of. */
static enum drop wait_pass(struct worker *w, struct srtp_wait *t)
{
	const bool bundles = media_bundles(t->in.term);
	enum drop why = media_source(w, &t->in);

	if (why == DROP_NONE && bundles)
		why = media_bundle_route(w, &t->in);
	if (why == DROP_NONE)
		why = media_pass(w, &t->in);
	if (why == DROP_NONE && bundles &&
	    !has_key(media_transport(w, t->in.slot, !t->in.side), t->in.rtcp, true))
		why = DROP_SRTP_KEY;
	return why;
}

void media_end(struct worker *w)
{
	struct srtp_pool *s = w->gateway->srtp;
	uint32_t i;

	if (likely(!s || s->n == 0))
		return;
	burst_unprotect(w, s);
	for (i = 0; i < s->n; i++)
		if (s->wait[i].why == DROP_NONE)
			s->wait[i].why = wait_pass(w, &s->wait[i]);
	burst_protect(w, s);
	for (i = 0; i < s->n; i++) {
		struct srtp_wait *t = &s->wait[i];

		if (t->why != DROP_NONE) {
			wait_drop(w, t);
			continue;
		}
		pkt_udp_csum_finish(&t->p);
		media_send(w, &t->in);
	}
	s->n = 0;
}
