/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ESP that came (RFC 4303 3.4): association, number, tag, text, in this order, for a burst at once.
 * Nothing is learnt of a packet before its tag was right.
 */
#include "ipsec_int.h"
#include "../net/ip.h"

#include <netinet/in.h>
#include <rte_ether.h>

/* A packet on its way in. */
struct opened {
	struct pkt *p;
	struct ipsec_phone *phone;
	uint32_t lane;
	uint8_t *esp;
	struct esp_packet at;
	uint64_t seq;
	bool elsewhere; /* not from where the phone was */
	uint8_t aad[12];
};

_Static_assert((int)ESP_TAG_MAX <= (int)CIPHER_SHA1, "a tag fits into an op");

/* ---- before the tag ---- */

/* Whether a packet of this phone's may come like this; *elsewhere: from where it was not. */
static bool source_ok(const struct worker *w, struct ipsec_phone *phone, const struct pkt *p,
		      bool udp, bool *elsewhere)
{
	uint8_t *quota;

	if (udp != !!(phone->flags & CTL_IPSEC_UDP) || !ip_eq(&p->dst, &phone->local))
		return false;
	*elsewhere = !ip_eq(&p->src, &phone->outer.ip) ||
		     (udp && memcmp(&p->sport, &phone->outer.port, sizeof(p->sport)) != 0);
	if (likely(!*elsewhere))
		return true;
	/* In transport mode the address stands inside as well: it is who the phone is. */
	if (!udp || (!(phone->flags & CTL_IPSEC_TUNNEL) && !ip_eq(&p->src, &phone->outer.ip)))
		return false;
	/*
	 * Whoever knows an SPI can have us compute tags. One with another address does not use up
	 * what is for a NAT's other ports.
	 */
	quota = &phone->elsewhere[!ip_eq(&p->src, &phone->outer.ip)];
	if (phone->elsewhere_s != w->now) {
		phone->elsewhere_s = w->now;
		memset(phone->elsewhere, 0, sizeof(phone->elsewhere));
	}
	if (*quota == IPSEC_ELSEWHERE)
		return false;
	++*quota;
	return true;
}

/* Bytes ahead of ESP. */
static uint32_t esp_at(const struct pkt *p)
{
	return (uint32_t)p->l2_len + p->l3_len + (p->proto == IP_PROTO_UDP ? UDP_HDR : 0);
}

/* What an SPI names is fetched for a whole burst side by side. */
static void prefetch(const struct ipsec *x, struct pkt *const *p, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		const uint32_t at = esp_at(p[i]), len = rte_pktmbuf_data_len(p[i]->m);
		uint32_t slot = x->max;

		if (likely(len >= at + ESP_HDR))
			slot = ctl_ipsec_spi_slot(esp_spi(
			    rte_pktmbuf_mtod_offset(p[i]->m, const uint8_t *, at), len - at));
		if (likely(slot < x->max))
			ipsec_prefetch(&x->phone[slot]);
	}
}

static enum drop refused(struct ipsec_phone *phone, enum drop why)
{
	phone->dropped++;
	return why;
}

/* Finds what o->p belongs to, and says what the cipher is to do. */
static enum drop begin(struct worker *w, struct opened *o, bool udp, struct cipher_op *op)
{
	struct pkt *p = o->p;
	const uint32_t off = esp_at(p);
	const uint32_t len = p->l4_len - (udp ? (uint32_t)UDP_HDR : 0);

	if (unlikely(p->m->nb_segs > 1 && rte_pktmbuf_linearize(p->m) != 0))
		return DROP_ESP_BAD;
	o->esp = rte_pktmbuf_mtod_offset(p->m, uint8_t *, off);
	o->phone = ipsec_by_spi(w, esp_spi(o->esp, len), &o->lane);
	if (unlikely(!o->phone))
		return len < ESP_HDR ? DROP_ESP_BAD : DROP_ESP_SPI;
	if (unlikely(!source_ok(w, o->phone, p, udp, &o->elsewhere)))
		return refused(o->phone, DROP_ESP_SOURCE);
	/* Extension headers outside would have to be taken along. */
	if (unlikely(!esp_parse(o->phone->transform, o->esp, len, &o->at) ||
		     (p->v6 && p->l3_len != IPV6_HDR)))
		return refused(o->phone, DROP_ESP_BAD);
	o->seq = esp_window_seq(&o->phone->lane[o->lane].window, o->at.seq);
	if (unlikely(esp_window_judge(&o->phone->lane[o->lane].window, o->seq) != ESP_FRESH))
		return refused(o->phone, DROP_ESP_REPLAY);
	memcpy(op->tag, o->esp + o->at.tag_at, esp_transform_desc[o->phone->transform].tag);
	ipsec_op(op, o->phone, o->esp, &o->at, o->seq, o->aad);
	return DROP_NONE;
}

/* What comes to the port of ESP in UDP may be none of it. */
static bool is_esp(struct worker *w, struct pkt *p)
{
	enum drop why = DROP_ESP_BAD;

	if (unlikely(!pkt_head(p->m) ||
		     rte_pktmbuf_data_len(p->m) < (uint32_t)p->l2_len + p->l3_len + UDP_HDR +
						      RTE_MIN(pkt_payload_len(p), 4))) {
		pkt_drop(w, p->m, DROP_ESP_BAD);
		return false;
	}
	switch (esp_udp_kind(pkt_payload(p), pkt_payload_len(p))) {
	case ESP_UDP_ESP:
		return true;
	case ESP_UDP_KEEPALIVE:
		count(w, CNT_ESP_KEEPALIVES);
		pkt_consume(w, p->m);
		return false;
	case ESP_UDP_IKE:
		why = DROP_ESP_IKE;
		break;
	case ESP_UDP_SHORT:
		break;
	}
	pkt_drop(w, p->m, why);
	return false;
}

/* ---- behind it ---- */

/* The phone has another address, or its NAT another port: what is newest says where it is. */
static void move(struct worker *w, struct ipsec_phone *phone, const struct pkt *p)
{
	phone->outer = (struct sock_addr){ p->src, p->sport };
	phone->nh = 0;
	phone->moved = true;
	count(w, CNT_ESP_MOVED);
}

/* Transport mode: the IP header that stood before ESP stands before its payload. */
static bool transport_inner(const struct opened *o, uint8_t *payload, size_t len, uint8_t next)
{
	const struct pkt *p = o->p;
	const uint32_t hdr = (uint32_t)p->l2_len + p->l3_len;
	uint8_t *frame = payload - hdr;

	memmove(frame, rte_pktmbuf_mtod(p->m, uint8_t *), hdr);
	if (p->v6) {
		struct ipv6 *h = (struct ipv6 *)(frame + p->l2_len);

		h->len = be16_make((uint16_t)len);
		h->proto = next;
	} else {
		struct ipv4 *h = (struct ipv4 *)(frame + p->l2_len);

		h->len = be16_make((uint16_t)(p->l3_len + len));
		h->proto = next;
		h->frag = be16_make(be16_get(h->frag) & 0x4000); /* it is whole */
	}
	p->m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	/*
	 * A NAT has changed what the sum covers, and the tag says more than it (RFC 3948 3.1.2).
	 */
	if (o->phone->flags & CTL_IPSEC_UDP) {
		p->m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		if (next == IPPROTO_UDP && !p->v6 && len >= UDP_HDR)
			memset(payload + 6, 0, 2); /* none: it may be passed on */
	}
	rte_pktmbuf_adj(p->m, (uint16_t)(frame - rte_pktmbuf_mtod(p->m, uint8_t *)));
	p->m->data_len = (uint16_t)(hdr + len);
	p->m->pkt_len = p->m->data_len;
	return next == IPPROTO_TCP || next == IPPROTO_UDP || next == IPPROTO_ICMP ||
	       next == IPPROTO_ICMPV6;
}

/* Tunnel mode: the link's header stands before the packet inside. */
static bool tunnel_inner(const struct opened *o, uint8_t *payload, size_t len, uint8_t next)
{
	const uint16_t type = next == IPPROTO_IPV6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4;
	const struct pkt *p = o->p;
	uint8_t *frame = payload - p->l2_len;

	if (next != IPPROTO_IPIP && next != IPPROTO_IPV6)
		return false;
	memmove(frame, rte_pktmbuf_mtod(p->m, uint8_t *), p->l2_len);
	memcpy(payload - sizeof(type), be16_make(type).b, sizeof(type));
	rte_pktmbuf_adj(p->m, (uint16_t)(frame - rte_pktmbuf_mtod(p->m, uint8_t *)));
	p->m->data_len = (uint16_t)(p->l2_len + len);
	p->m->pkt_len = p->m->data_len;
	return true;
}

/* The cipher is done with it. DROP_NONE: its mbuf is the packet that was inside. */
static enum drop finish(struct worker *w, struct opened *o, const struct cipher_op *op)
{
	struct ipsec_phone *phone = o->phone;
	struct esp_window *window = &phone->lane[o->lane].window;
	const bool newest = o->seq > window->top;
	struct rte_mbuf *m = o->p->m;
	size_t len;
	uint8_t next, *text = o->esp + o->at.text_at;
	bool ok;

	if (unlikely(!op->ok))
		return refused(phone, DROP_ESP_AUTH);
	/* The same number may have been there twice in this burst. */
	if (unlikely(esp_window_judge(window, o->seq) != ESP_FRESH))
		return refused(phone, DROP_ESP_REPLAY);
	esp_window_take(window, o->seq);
	count(w, CNT_ESP_IN);
	phone->heard_s = w->now;
	if (unlikely(!phone->used))
		ipsec_claim(w, phone);
	if (unlikely(o->elsewhere && newest))
		move(w, phone, o->p);
	if (unlikely(!esp_strip(text, o->at.text_len, &len, &next)))
		return refused(phone, DROP_ESP_BAD);
	m->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
	phone->packets_in++;
	phone->bytes_in += len;
	if (next == ESP_NEXT_NONE) { /* a dummy */
		pkt_consume(w, m);
		o->p->m = NULL;
		return DROP_NONE;
	}
	ok = phone->flags & CTL_IPSEC_TUNNEL ? tunnel_inner(o, text, len, next)
					     : transport_inner(o, text, len, next);
	m->hash.usr = (uint32_t)(phone - w->ipsec->phone) << 1 | o->lane;
	return ok ? DROP_NONE : refused(phone, DROP_ESP_POLICY);
}

uint16_t ipsec_input(struct worker *w, struct pkt **p, uint16_t n, struct rte_mbuf **inner)
{
	struct opened o[BURST];
	struct cipher_op op[BURST];
	uint16_t i, k = 0, out = 0;
	enum drop why;

	prefetch(w->ipsec, p, n);
	for (i = 0; i < n; i++) {
		const bool udp = p[i]->proto == IP_PROTO_UDP;

		o[k].p = p[i];
		if (udp && !is_esp(w, p[i]))
			continue;
		why = begin(w, &o[k], udp, &op[k]);
		if (likely(why == DROP_NONE))
			k++;
		else
			pkt_drop(w, p[i]->m, why);
	}
	cipher_unseal(w->ipsec->cipher, op, k);
	for (i = 0; i < k; i++) {
		why = finish(w, &o[i], &op[i]);
		if (unlikely(why != DROP_NONE))
			pkt_drop(w, o[i].p->m, why);
		else if (likely(o[i].p->m != NULL))
			inner[out++] = o[i].p->m;
	}
	return out;
}

/* ---- what was inside, and what was not ---- */

bool ipsec_wants(const struct worker *w, struct be16 ours, const struct ip_addr *theirs)
{
	const struct config_ipsec *c = &w->dp->conf->ipsec;

	return be16_get(ours) == c->server_port || be16_get(ours) == c->client_port ||
	       config_is_inner(c, theirs);
}

/*
 * What is for a link alone (neighbours, routers, groups: RFC 4861, 2710) comes from none that is
 * behind an association: a hop limit of 255 proves nothing where its sender writes it inside.
 */
static bool is_of_a_link(const struct pkt *p)
{
	const uint32_t off = (uint32_t)p->l2_len + p->l3_len;

	return p->proto == IP_PROTO_ICMPV6 && rte_pktmbuf_data_len(p->m) > off &&
	       *rte_pktmbuf_mtod_offset(p->m, const uint8_t *, off) >= ICMP6_MLD_QUERY;
}

enum drop ipsec_judge(const struct worker *w, const struct pkt *p)
{
	const struct ipsec_phone *phone;
	const struct ipsec_lane *l;

	if (p->inner == INNER_JUDGED)
		return DROP_NONE;
	if (p->inner == SLOT_NONE)
		return ipsec_wants(w, p->dport, &p->src) ? DROP_ESP_CLEAR : DROP_NONE;
	phone = &w->ipsec->phone[p->inner >> 1];
	l = &phone->lane[p->inner & 1];
	if (!p->local || !p->local->ipsec || !ip_eq(&p->src, &phone->inner) || is_of_a_link(p))
		return DROP_ESP_POLICY;
	if (be16_get(l->local) == 0)
		return DROP_NONE;
	return memcmp(&l->local, &p->dport, sizeof(p->dport)) == 0 &&
		       memcmp(&l->remote, &p->sport, sizeof(p->sport)) == 0
		   ? DROP_NONE
		   : DROP_ESP_POLICY;
}
