/* SPDX-License-Identifier: BSD-3-Clause */
/* A datagram to the port of a leg, the general way: it does all that may have to be done. */
#include "media.h"
#include "../turn/relay.h"

/* What is known of a datagram on its way. */
struct media_in {
	struct pkt *p;
	uint32_t slot, side, rtcp;
	uint32_t leg; /* it came to */
	struct media_term *term;
	struct media_path *line; /* of its flow */
};

static void media_drop(struct worker *w, const struct media_in *in, enum drop why)
{
	in->term->dropped++;
	pkt_drop(w, in->p->m, why);
}

/* ---- STUN ---- */

/* By the cookie, too: other protocols begin like that. */
static bool is_stun(const struct pkt *p)
{
	const uint8_t *msg = pkt_payload(p);

	return pkt_payload_len(p) >= STUN_HDR_LEN && msg[0] <= STUN_FIRST && stun_looks_like(msg);
}

static void stun_answer(struct worker *w, const struct pkt *p, const uint8_t *reply, size_t len)
{
	const struct sock_addr local = { p->dst, p->dport }, from = { p->src, p->sport };
	struct rte_mbuf *m = pkt_make(w);

	if (!m)
		return;
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), reply, len);
	udp_send(w, m, &local, &from, 0);
}

/* Somebody showed that it knows the password. */
static void stun_checked(struct worker *w, const struct media_in *in, const struct sock_addr *from,
			 bool nominated)
{
	const struct sock_addr now = { in->line->from, in->line->from_port };
	bool same = sock_addr_eq(&now, from);

	in->term->checks++;
	count(w, CNT_GATE_CHECKS);
	if (nominated && !same) {
		media_learn(w, in->slot, in->leg, from, be16_get(now.port) == 0);
		same = true;
	}
	if (same)
		media_heard(w, in->slot, in->side);
}

static void media_stun(struct worker *w, const struct media_in *in)
{
	const struct pkt *p = in->p;
	const struct sock_addr from = { p->src, p->sport };
	uint32_t off = (uint32_t)p->l2_len + p->l3_len + UDP_HDR, len = pkt_payload_len(p);
	uint8_t copy[ICE_MSG_MAX], reply[ICE_REPLY_MAX];
	enum ice_verdict verdict;
	size_t reply_len = 0;

	if (!(in->term->flags & TERM_ICE) || len > ICE_MSG_MAX) {
		media_drop(w, in, DROP_GATE_STUN);
		return;
	}
	if (!pkt_l4_csum_ok(w, p)) {
		media_drop(w, in, DROP_UDP_CSUM);
		return;
	}
	verdict = ice_check(w, &in->term->ice, rte_pktmbuf_read(p->m, off, len, copy), len, &from,
			    reply, &reply_len);
	if (verdict == ICE_BAD || verdict == ICE_LIMITED) {
		media_drop(w, in, verdict == ICE_BAD ? DROP_GATE_STUN : DROP_BINDING_RATE);
		return;
	}
	if (verdict == ICE_CHECKED || verdict == ICE_NOMINATED)
		stun_checked(w, in, &from, verdict == ICE_NOMINATED);
	if (reply_len)
		stun_answer(w, p, reply, reply_len);
	pkt_consume(w, p->m);
}

/* ---- the remote ---- */

/* Who sends becomes the remote, until the time to learn is over (R14). */
static enum drop leg_learn(struct worker *w, const struct media_in *in,
			   const struct sock_addr *from, bool same)
{
	struct media_leg *leg = &w->media[in->slot].leg[in->leg];
	const bool first = leg->state == LEG_OPEN;

	if (!(in->term->flags & TERM_IN))
		return DROP_GATE_CLOSED;
	if (in->term->flags & TERM_LATCH_ADDR && !ip_eq(&from->ip, &leg->given.ip))
		return DROP_GATE_SOURCE;
	if (same && !first)
		return DROP_MAX;
	if (!pkt_l4_csum_ok(w, in->p))
		return DROP_UDP_CSUM;
	if (first) {
		leg->state = LEG_LEARNING;
		leg->lock_ms = (uint32_t)w->now_ms + w->dp->conf->gateway.latch_ms;
	}
	media_learn(w, in->slot, in->leg, from, first);
	return DROP_MAX;
}

/* DROP_MAX: the datagram is the remote's, and may come in. */
static enum drop leg_source(struct worker *w, const struct media_in *in)
{
	struct media_leg *leg = &w->media[in->slot].leg[in->leg];
	const struct sock_addr from = { in->p->src, in->p->sport };
	const bool same =
	    ip_eq(&in->line->from, &from.ip) && be16_eq(in->line->from_port, from.port);

	if (leg->state == LEG_LEARNING && (int32_t)((uint32_t)w->now_ms - leg->lock_ms) >= 0) {
		leg->state = LEG_FIXED;
		media_make(w, in->slot);
	}
	if (leg->state != LEG_FIXED)
		return leg_learn(w, in, &from, same);
	return same ? DROP_MAX : DROP_GATE_SOURCE;
}

/* A token is a thousandth of a byte of IP. */
static bool rate_passes(const struct worker *w, struct media_term *t, const struct pkt *p)
{
	const uint64_t full = (uint64_t)t->burst * 1000;
	const uint64_t want = (uint64_t)(p->l3_len + p->l4_len) * 1000;
	const uint32_t now = (uint32_t)w->now_ms;

	if (t->rate == 0)
		return true;
	t->tokens += (uint64_t)(now - t->refill_ms) * t->rate;
	t->tokens = RTE_MIN(t->tokens, full);
	t->refill_ms = now;
	if (t->tokens < want)
		return false;
	t->tokens -= want;
	return true;
}

/* ---- to the partner ---- */

/* DROP_MAX: it may go out on the other side. */
static enum drop partner_takes(struct worker *w, const struct media_in *in)
{
	const struct media_term *t = &w->media[in->slot].term[!in->side];

	if (!t->here || be16_get(in->line->to.dport) == 0)
		return DROP_GATE_PARTNER;
	if (!(t->flags & TERM_OUT))
		return DROP_GATE_CLOSED;
	if (!media_consent(w, t)) {
		media_look(w, in->slot, !in->side);
		if (!media_consent(w, t))
			return DROP_GATE_CONSENT;
	}
	return DROP_MAX;
}

static bool media_emit(struct worker *w, const struct media_in *in)
{
	struct media_path *l = in->line;
	const struct sock_addr src = { w->dp->conf->relay[l->relay].addr, l->to.sport };
	const struct sock_addr dst = { path_leg_dst(&l->to, l->flags & MEDIA_TO6), l->to.dport };
	struct relay_out o = { .src = &src,
			       .dst = &dst,
			       .len = pkt_payload_len(in->p),
			       .csum = l->sum,
			       .df = relay_df(in->p, &dst),
			       .nh = &l->to.nh };

	in->p->tos = (in->p->tos & l->tos_keep) | l->tos;
	return relay_emit(w, in->p, &o);
}

/* DROP_MAX, or why it goes no further. */
static enum drop media_pass(struct worker *w, const struct media_in *in)
{
	enum drop why = leg_source(w, in);

	if (why != DROP_MAX)
		return why;
	in->line->packets++;
	in->line->bytes += pkt_payload_len(in->p);
	media_heard(w, in->slot, in->side);
	if (!(in->term->flags & TERM_IN))
		return DROP_GATE_CLOSED;
	return rate_passes(w, in->term, in->p) ? partner_takes(w, in) : DROP_GATE_RATE;
}

static bool is_rtcp(const struct pkt *p)
{
	return pkt_payload_len(p) >= 2 && is_rtcp_type(pkt_payload(p)[1]);
}

void media_input(struct worker *w, struct pkt *p)
{
	struct media_in in = { .p = p, .slot = gate_slot(p->slot), .side = gate_side(p->slot) };
	const uint16_t len = pkt_payload_len(p);
	enum drop why;
	bool mux;

	if (w->context[in.slot].kind != CONTEXT_MEDIA) {
		pkt_drop(w, p->m, DROP_GATE_KIND);
		return;
	}
	in.term = &w->media[in.slot].term[in.side];
	in.leg = p->slot % LEGS;
	mux = in.term->flags & TERM_RTCP_MUX;
	/* The port above is ours, but nobody was told of it. */
	if (mux && in.leg % 2) {
		media_drop(w, &in, DROP_GATE_SOURCE);
		return;
	}
	in.rtcp = in.leg % 2 || (mux && is_rtcp(p));
	in.line = &media_lines(w, in.slot)[2 * in.side + in.rtcp];
	if (is_stun(p)) {
		media_stun(w, &in);
		return;
	}
	why = media_pass(w, &in);
	if (why != DROP_MAX) {
		media_drop(w, &in, why);
		return;
	}
	if (!media_emit(w, &in)) {
		in.term->dropped++;
		return;
	}
	count(w, CNT_GATE_PACKETS);
	count_add(w, CNT_GATE_BYTES, len);
	if (in.rtcp)
		count(w, CNT_GATE_RTCP);
}
