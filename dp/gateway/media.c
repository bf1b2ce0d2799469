/* SPDX-License-Identifier: BSD-3-Clause */
/* A datagram to the port of a component, the general way: it does all that may have to be done. */
#include "gateway.h"
#include "../snapshot.h"
#include "media.h"
#include "media_srtp.h"
#include "../clock.h"
#include "../relay/emit.h"
#include "../../lib/stun.h"

enum {
	RTP_HDR = 12, /* bytes (RFC 3550 5.1) */
	RTCP_MIN = 8, /* a report without blocks (RFC 3550 6.4.2) */
};

void media_drop(struct worker *w, const struct media_in *in, enum drop why)
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

/* The sender has shown that it knows the password. */
static void stun_checked(struct worker *w, const struct media_in *in, const struct sock_addr *from,
			 bool nominated)
{
	const struct sock_addr now = { in->line->from, in->line->from_port };
	const bool same = sock_addr_eq(&now, from);

	in->term->checks++;
	count(w, CNT_GATE_CHECKS);
	nominated &= !same;
	if (nominated)
		media_learn(w, in->slot, in->component, from);
	if (same || nominated)
		media_dtls_wake(in->term, in->component % 2);
	if (same || nominated)
		media_checked(w, in->slot, in->side, nominated);
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
	/* It cannot be nominated: without an answer its agent finds that the pair fails. */
	if (gate_denied(w, &from.ip)) {
		media_drop(w, in, DROP_GATE_DENIED);
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

/* Of RTCP's first packet, less one (RFC 3550 6.4.1). */
static uint32_t rtcp_words(const uint8_t *msg)
{
	return be16_read(msg + 2);
}

/* Version 2 and a whole header; of RTCP, a first packet that ends within (RFC 3550 5.1, A.2). */
static bool is_media(const struct media_in *in)
{
	const uint8_t *msg = pkt_payload(in->p);
	const uint32_t len = pkt_payload_len(in->p);

	if (len < (in->rtcp ? RTCP_MIN : RTP_HDR) || msg[0] >> 6 != 2)
		return false;
	return !in->rtcp || (is_rtcp_type(msg[1]) && 4 * (rtcp_words(msg) + 1) <= len);
}

/*
 * DROP_NONE: who sent this may be learnt; same: it is sent to already. What is no RTP shows nothing
 * of who speaks, and RTCP is of the host that RTP comes from, or is the one that was announced.
 */
static enum drop component_may_learn(const struct worker *w, const struct media_in *in,
				     const struct sock_addr *from, bool same)
{
	const struct media_component *component =
	    &w->gateway->media[in->slot].component[in->component];
	const uint16_t flags = in->term->flags;

	if (flags & TERM_LATCH_ADDR && !ip_eq(&from->ip, &component->given.ip))
		return DROP_GATE_SOURCE;
	if (flags & TERM_RTP ? !is_media(in) : pkt_payload_len(in->p) == 0)
		return DROP_GATE_SOURCE;
	if (in->component % 2 && !ip_eq(&from->ip, &in->line[-1].from) &&
	    !sock_addr_eq(from, &component->given))
		return DROP_GATE_SOURCE;
	if (!same && gate_denied(w, &from->ip))
		return DROP_GATE_DENIED;
	return pkt_l4_csum_ok(w, in->p) ? DROP_NONE : DROP_UDP_CSUM;
}

/* RTP comes from another host now: RTCP of the one before is void. */
static void rtcp_follow(struct worker *w, const struct media_in *in, const struct sock_addr *from)
{
	struct media_component *component =
	    &w->gateway->media[in->slot].component[in->component + 1];
	struct media_path *l = in->line + 1;
	const struct sock_addr now = { l->from, l->from_port };

	if (ip_eq(&now.ip, &from->ip) || sock_addr_eq(&now, &component->given))
		return;
	component->state = COMPONENT_OPEN;
	component->untold = false;
	l->from = component->given.ip;
	l->from_port = component->given.port;
}

/*
 * Who sends becomes the remote (R14): for good, if that is who was announced, or who was sent to
 * before; else another may take its place until the time to learn is over.
 */
static enum drop component_learn(struct worker *w, const struct media_in *in,
				 const struct sock_addr *from, bool same)
{
	struct media_component *component = &w->gateway->media[in->slot].component[in->component];
	const bool first = component->state == COMPONENT_OPEN;
	enum drop why;

	if (!(in->term->flags & TERM_IN))
		return DROP_GATE_CLOSED;
	if (same && !first)
		return DROP_NONE;
	/* Who agreed on its keys may be who was there before. */
	if (in->late || !media_dtls_current(in->term, in->rtcp))
		return same ? DROP_NONE : DROP_GATE_SOURCE;
	why = component_may_learn(w, in, from, same);
	if (why != DROP_NONE)
		return same && why == DROP_GATE_SOURCE ? DROP_NONE : why;
	if (same || sock_addr_eq(from, &component->given)) {
		component->state = COMPONENT_FIXED;
	} else if (first) {
		component->state = COMPONENT_LEARNING;
		component->lock_ms = (uint32_t)w->now_ms + snapshot_conf(w->dp)->gateway.latch_ms;
	}
	if ((in->term->flags & (TERM_RTP | TERM_RTCP_MUX)) == TERM_RTP && in->component % 2 == 0)
		rtcp_follow(w, in, from);
	media_learn(w, in->slot, in->component, from);
	return DROP_NONE;
}

/* Whether a remote that is not learnt sends from another port than it is sent to. */
static bool component_any_port(const struct media_in *in, const struct media_component *component,
			       const struct sock_addr *from)
{
	return (in->term->flags & (TERM_LATCH | TERM_LATCH_ADDR)) == TERM_LATCH_ADDR &&
	       ip_eq(&from->ip, &component->given.ip);
}

bool media_stranger(const struct worker *w, const struct media_in *in)
{
	const struct media_component *component =
	    &w->gateway->media[in->slot].component[in->component];
	const struct sock_addr from = { in->p->src, in->p->sport };

	return component->state == COMPONENT_FIXED &&
	       !(ip_eq(&in->line->from, &from.ip) && be16_eq(in->line->from_port, from.port)) &&
	       !component_any_port(in, component, &from);
}

enum drop media_source(struct worker *w, const struct media_in *in)
{
	struct media_component *component = &w->gateway->media[in->slot].component[in->component];
	const struct sock_addr from = { in->p->src, in->p->sport };
	const bool same =
	    ip_eq(&in->line->from, &from.ip) && be16_eq(in->line->from_port, from.port);

	if (component->state == COMPONENT_LEARNING && clock_reached(w, component->lock_ms)) {
		component->state = COMPONENT_FIXED;
		media_make(w, in->slot);
	}
	if (component->state != COMPONENT_FIXED)
		return component_learn(w, in, &from, same);
	return same || component_any_port(in, component, &from) ? DROP_NONE : DROP_GATE_SOURCE;
}

/* A token is a thousandth of a byte of IP. */
static bool rate_passes(const struct worker *w, const struct media_in *in)
{
	struct media_term *t = in->term;
	const uint64_t full = (uint64_t)t->burst * 1000;
	const uint64_t want = (uint64_t)(in->p->l3_len + UDP_HDR + in->len) * 1000;
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

/* DROP_NONE: it may go out on the other side. */
static enum drop partner_takes(struct worker *w, const struct media_in *in)
{
	const struct media_term *t = &w->gateway->media[in->slot].term[!in->side];

	if (!t->here || be16_get(in->line->to.dport) == 0)
		return DROP_GATE_PARTNER;
	if (!(t->flags & TERM_OUT))
		return DROP_GATE_CLOSED;
	t = media_transport(w, in->slot, !in->side);
	if (!media_consent(w, t)) {
		media_look(w, in->slot, !in->side);
		if (!media_consent(w, t))
			return DROP_GATE_CONSENT;
	}
	return DROP_NONE;
}

/* The line's, which is of packets from where the remote is sent to (component_any_port()). */
static uint16_t line_sum(const struct media_path *l, const struct pkt *p,
			 const struct sock_addr *src, const struct sock_addr *dst)
{
	const struct sock_addr in = { p->dst, p->dport }, from = { p->src, p->sport };

	return be16_eq(p->sport, l->from_port) ? l->sum : media_sum(&in, &from, src, dst);
}

static bool media_emit(struct worker *w, const struct media_in *in)
{
	struct media_path *l = in->line;
	const struct sock_addr src = { w->dp->relay_addr[l->relay], l->to.sport };
	const struct sock_addr dst = { path_out_dst(&l->to, l->flags & MEDIA_TO6), l->to.dport };
	struct relay_out o = { .src = &src,
			       .dst = &dst,
			       .len = pkt_payload_len(in->p),
			       .csum = line_sum(l, in->p, &src, &dst),
			       .df = !in->anew && relay_df(in->p, &dst),
			       .nh = &l->to.nh };

	in->p->tos = (in->p->tos & l->tos_keep) | l->tos;
	return relay_emit(w, in->p, &o);
}

/* Bytes of payload in the first of its pieces, where it has several. */
static uint32_t first_piece(const struct pkt *p)
{
	const uint32_t before = (uint32_t)(pkt_payload(p) - rte_pktmbuf_mtod(p->m, uint8_t *));

	return RTE_MIN((uint32_t)pkt_payload_len(p), p->m->data_len - before);
}

static bool is_event_format(const struct ctl_format *f, uint8_t type)
{
	return f->type == type && (f->codec == CODEC_EVENT || f->codec == CODEC_EVENT_16000 ||
				   f->codec == CODEC_EVENT_48000);
}

/* By its payload type, as either side's session description has it (RFC 4733). */
static bool is_event(const struct worker *w, const struct media_in *in)
{
	const struct media_term *term = w->gateway->media[in->slot].term;
	const uint8_t type = pkt_payload_len(in->p) >= 2 ? pkt_payload(in->p)[1] & 0x7f : 0;

	for (uint32_t i = 0; i < CTL_FORMATS_MAX; i++)
		if (is_event_format(&term[0].format[i], type) ||
		    is_event_format(&term[1].format[i], type))
			return true;
	return false;
}

enum drop media_pass(struct worker *w, const struct media_in *in)
{
	enum drop why;

	media_count(w, in->line, pkt_payload(in->p), first_piece(in->p), in->len);
	media_heard(w, in->slot, in->side);
	if (!(in->term->flags & TERM_IN))
		return DROP_GATE_CLOSED;
	if (in->term->flags & TERM_NO_EVENTS && !in->rtcp && is_event(w, in))
		return DROP_GATE_EVENT;
	why = rate_passes(w, in) ? partner_takes(w, in) : DROP_GATE_RATE;
	if (why == DROP_NONE && unlikely(in->term->flags & TERM_SILENT) && !in->rtcp &&
	    in->term->flags & TERM_RTP)
		why = media_silence(w, in);
	return why;
}

void media_send(struct worker *w, const struct media_in *in)
{
	const uint16_t len = pkt_payload_len(in->p);

	if (!media_emit(w, in)) {
		in->term->dropped++;
		return;
	}
	count(w, CNT_GATE_PACKETS);
	count_add(w, CNT_GATE_BYTES, len);
	if (in->rtcp)
		count(w, CNT_GATE_RTCP);
}

static bool is_rtcp(const struct pkt *p)
{
	return pkt_payload_len(p) >= 2 && is_rtcp_type(pkt_payload(p)[1]);
}

void media_input(struct worker *w, struct pkt *p)
{
	struct media_in in = { .p = p, .slot = gate_slot(p->slot), .side = gate_side(p->slot) };
	const struct media *m = &w->gateway->media[in.slot];
	enum drop why;
	bool mux;

	if (w->gateway->context[in.slot].kind != CONTEXT_MEDIA) {
		pkt_drop(w, p->m, DROP_GATE_KIND);
		return;
	}
	in.len = pkt_payload_len(p);
	in.term = &w->gateway->media[in.slot].term[in.side];
	in.component = p->slot % COMPONENTS;
	mux = in.term->flags & TERM_RTCP_MUX;
	/* The port above is ours, but nobody was told of it; nor of those of a bundle's m-lines. */
	if (mux && (in.component % 2 || in.term->flags & TERM_BUNDLED)) {
		media_drop(w, &in, DROP_GATE_SOURCE);
		return;
	}
	in.rtcp = in.component % 2 || (mux && is_rtcp(p));
	in.line = &media_lines(w, in.slot)[2 * in.side + in.rtcp];
	if (is_stun(p)) {
		media_stun(w, &in);
		return;
	}
	if (in.term->flags & TERM_DTLS && is_dtls(p)) {
		media_dtls_take(w, &in);
		return;
	}
	if ((in.term->flags | m->term[!in.side].flags) & TERM_SRTP) {
		media_srtp_take(w, &in);
		return;
	}
	why = media_source(w, &in);
	if (why == DROP_NONE)
		why = media_pass(w, &in);
	if (why != DROP_NONE)
		media_drop(w, &in, why);
	else
		media_send(w, &in);
}
