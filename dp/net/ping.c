/* SPDX-License-Identifier: BSD-3-Clause */
#include "ping.h"
#include "ip.h"
#include "neigh.h"
#include "net.h"
#include "../boundary.h"
#include "../tx.h"

#include <rte_random.h>

_Static_assert(CTL_WORKERS_MAX == 64, "a worker is six bits of an identifier");

/* Of all workers' echoes the upper bits are alike, and a stranger has to guess them. */
static uint16_t ping_id(const struct worker *w, uint16_t worker)
{
	return (uint16_t)(w->dp->hash_key[1] << 6 | worker);
}

static void ping_free(struct worker *w, struct ping *p)
{
	p->what = 0;
	w->net->pings.n--;
}

/* Tells the control process, or as soon as it has room. */
static void ping_tell(struct worker *w, struct ping *p, struct evt_ping *slot)
{
	p->over = true;
	if (!slot)
		return;
	*slot = p->evt;
	evt_publish(w);
	ping_free(w, p);
}

static void ping_over(struct worker *w, struct ping *p, enum ping_result result,
		      const struct ip_addr *from)
{
	p->evt.result = (uint8_t)result;
	p->evt.from = *from;
	p->evt.rtt_us = (uint32_t)RTE_MIN(w->now_us - p->sent_us, (uint64_t)UINT32_MAX);
	ping_tell(w, p, evt_slot(w));
}

/* ---- asking ---- */

/* Which way, and from which of our addresses: into e. PING_REPLY: there is one. */
static enum ping_result ping_route(struct worker *w, const struct cmd_ping *c, struct evt_ping *e)
{
	const struct dplane *dp = w->dp;
	const struct ip_addr *from = NULL;

	if (dplane_local(dp, &c->to))
		return PING_OWN;
	if (!ip_is_unspecified(&c->from))
		from = dplane_local(dp, &c->from) ? &c->from : NULL;
	else if (c->port != CTL_PING_ANY)
		from = port_addr_for(dp, &dp->port[c->port], &c->to);
	if ((!from && (!ip_is_unspecified(&c->from) || c->port != CTL_PING_ANY)) ||
	    (from && ip_is_v4(from) != ip_is_v4(&c->to)))
		return PING_SOURCE;
	if (!ip_route(dp, w->net->neigh, from, &c->to, &e->port, &e->via) ||
	    (c->port != CTL_PING_ANY && e->port != c->port))
		return PING_NO_ROUTE;
	from = from ? from : port_addr_for(dp, &dp->port[e->port], &e->via);
	if (!from)
		return PING_SOURCE;
	e->source = *from;
	return c->what == PING_LINK && !ip_eq(&e->via, &c->to) ? PING_OFF_LINK : PING_REPLY;
}

/* len more bytes of a message, of which there are `at`; false when there are no buffers. */
static bool payload_add(struct worker *w, struct rte_mbuf *m, uint32_t at, uint32_t len)
{
	while (len) {
		struct rte_mbuf *last = rte_pktmbuf_lastseg(m);
		const uint16_t n = (uint16_t)RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(last));
		uint8_t *b = (uint8_t *)rte_pktmbuf_append(m, n);

		for (uint16_t i = 0; b && i < n; i++)
			b[i] = (uint8_t)(at + i);
		at += n;
		len -= n;
		if (!len)
			break;
		last = rte_pktmbuf_alloc(w->pool);
		if (!last)
			return false;
		rte_pktmbuf_chain(m, last);
	}
	return true;
}

/* The IP packet of an echo; NULL when there are no buffers. */
static struct rte_mbuf *echo_make(struct worker *w, const struct ping *p, bool whole)
{
	const bool v6 = !ip_is_v4(&p->to);
	const struct ip_out o = { .src = &p->evt.source,
				  .dst = &p->to,
				  .len = (uint16_t)(ICMP_HDR + p->size),
				  .proto = v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP,
				  .ttl = IP_TTL_OWN,
				  .df = whole };
	const uint8_t l3_len = ip_hdr_len(&p->to);
	struct rte_mbuf *m = pkt_make(w);
	uint8_t *h;

	if (!m)
		return NULL;
	if (!payload_add(w, m, 0, (uint32_t)l3_len + ICMP_HDR + p->size)) {
		pkt_drop(w, m, DROP_NO_MBUF);
		return NULL;
	}
	h = rte_pktmbuf_mtod(m, uint8_t *);
	ip_write(w, h, &o);
	h += l3_len;
	h[0] = v6 ? ICMP6_ECHO : ICMP4_ECHO;
	h[1] = 0;
	memcpy(h + 4, be16_make(ping_id(w, w->id)).b, 2);
	memcpy(h + 6, be16_make(p->seq).b, 2);
	memcpy(h + ICMP_HDR, &p->token, RTE_MIN(p->size, sizeof(p->token)));
	icmp_checksum(h, m, l3_len, o.len, o.src, o.dst);
	return m;
}

static enum ping_result echo_send(struct worker *w, struct ping *p, bool whole)
{
	struct neigh *n = neigh_at(w, p->evt.port, &p->evt.via);
	struct rte_mbuf *m;

	if (!n)
		return PING_FULL;
	if (whole && (uint32_t)ip_hdr_len(&p->to) + ICMP_HDR + p->size > n->mtu) {
		p->evt.mtu = n->mtu;
		return PING_TOO_BIG;
	}
	m = echo_make(w, p, whole);
	if (!m)
		return PING_FULL;
	n->gateway |= !ip_eq(&p->evt.via, &p->to);
	neigh_wanted(n, be16_make(0)); /* a scan of strangers does not keep an operator waiting */
	ip_send(w, n, m, whole);
	return PING_REPLY;
}

static enum ping_result ping_send(struct worker *w, struct ping *p, bool whole)
{
	if (p->what == PING_ECHO)
		return echo_send(w, p, whole);
	if (ip_is_v4(&p->to))
		arp_request(w, p->evt.port, &p->evt.source, &p->to, NULL);
	else
		nd_solicit(w, p->evt.port, &p->evt.source, &p->to, NULL);
	return PING_REPLY;
}

static struct ping *ping_take(struct pings *t)
{
	for (uint32_t i = 0; i < PINGS; i++)
		if (!t->ping[i].what) {
			t->n++;
			return &t->ping[i];
		}
	return NULL;
}

static bool ping_valid(const struct worker *w, const struct cmd_ping *c)
{
	return (c->what == PING_ECHO || c->what == PING_LINK) && c->size <= CTL_PING_SIZE &&
	       c->timeout_ms <= CTL_PING_TIMEOUT_MS &&
	       (c->port == CTL_PING_ANY || c->port < w->dp->n_ports);
}

bool ping_begin(struct worker *w, const struct cmd_ping *c)
{
	struct pings *t = &w->net->pings;
	struct evt_ping e = { .hdr = { EVT_PING, sizeof(e), c->hdr.seq } }, *answer;
	enum ping_result r;
	struct ping *p;

	if (!ping_valid(w, c))
		return false;
	r = ping_route(w, c, &e);
	p = r == PING_REPLY ? ping_take(t) : NULL;
	if (p) {
		*p = (struct ping){ .to = c->to,
				    .sent_us = w->now_us,
				    .due_us = w->now_us + c->timeout_ms * UINT64_C(1000),
				    .token = rte_rand(),
				    .evt = e,
				    .seq = ++t->seq,
				    .size = c->size,
				    .what = c->what };
		r = ping_send(w, p, c->whole);
		if (r == PING_REPLY)
			return true;
		e = p->evt;
		ping_free(w, p);
	}
	answer = evt_answer(w);
	if (!answer)
		return false;
	e.result = (uint8_t)(r == PING_REPLY ? PING_FULL : r);
	*answer = e;
	evt_publish(w);
	return true;
}

/* ---- what comes of it ---- */

/* The echo of an identifier and sequence number between two addresses, NULL if there is none. */
static struct ping *echo_find(struct worker *w, uint32_t name, const struct ip_addr *ours,
			      const struct ip_addr *to)
{
	struct pings *t = &w->net->pings;

	for (uint32_t i = 0; t->n && i < PINGS; i++) {
		struct ping *p = &t->ping[i];

		if (p->what == PING_ECHO && !p->over && p->seq == (uint16_t)name &&
		    ip_eq(&p->evt.source, ours) && ip_eq(&p->to, to))
			return p;
	}
	return NULL;
}

/*
 * Whose echo it is that has this name: identifier and sequence number. Hands the packet over if it
 * is another worker's: p->m is gone then.
 */
static bool echo_is_ours(struct worker *w, struct pkt *p, uint32_t name, enum drop stray)
{
	const uint16_t owner = name >> 16 & (CTL_WORKERS_MAX - 1);

	if (name >> 16 != ping_id(w, owner) || owner >= w->dp->n_workers) {
		pkt_drop(w, p->m, stray);
		return false;
	}
	if (owner == w->id)
		return true;
	handover_pkt(w, owner, p, HANDOVER_RX);
	return false;
}

/* Whoever answers has seen what he was asked. */
static bool echo_proves(const struct pkt *k, const struct ping *p)
{
	const uint32_t off = (uint32_t)k->l2_len + k->l3_len + ICMP_HDR;
	const uint32_t len = RTE_MIN(p->size, (uint32_t)sizeof(p->token));
	uint8_t buf[sizeof(p->token)];
	const void *b = rte_pktmbuf_read(k->m, off, len, buf);

	return k->l4_len == ICMP_HDR + p->size && b && memcmp(b, &p->token, len) == 0;
}

void ping_input(struct worker *w, struct pkt *k)
{
	const uint8_t *icmp =
	    rte_pktmbuf_mtod_offset(k->m, const uint8_t *, (size_t)k->l2_len + k->l3_len);
	const uint32_t name = be32_read(icmp + 4);
	struct ping *p;

	if (!echo_is_ours(w, k, name, DROP_ICMP_TYPE))
		return;
	p = echo_find(w, name, &k->dst, &k->src);
	if (!p || !echo_proves(k, p)) {
		pkt_drop(w, k->m, DROP_ICMP_TYPE);
		return;
	}
	p->evt.ttl = k->ttl;
	ping_over(w, p, PING_REPLY, &k->src);
	pkt_consume(w, k->m);
}

void ping_error(struct worker *w, struct pkt *k, const struct icmp_report *r)
{
	struct ping *p;

	if (!echo_is_ours(w, k, r->seq, DROP_ICMP_NO_SESSION))
		return;
	p = echo_find(w, r->seq, &r->relayed.ip, &r->peer.ip);
	if (!p) {
		pkt_drop(w, k->m, DROP_ICMP_NO_SESSION);
		return;
	}
	p->evt.type = r->type;
	p->evt.code = r->code;
	p->evt.mtu = (uint16_t)RTE_MIN(r->data, (uint32_t)UINT16_MAX);
	ping_over(w, p, PING_ERROR, &k->src);
	pkt_consume(w, k->m);
}

void ping_resolved(struct worker *w, uint16_t port, const struct ip_addr *ip,
		   const struct ip_addr *to, const uint8_t *mac)
{
	struct pings *t = &w->net->pings;

	for (uint32_t i = 0; t->n && i < PINGS; i++) {
		struct ping *p = &t->ping[i];

		if (p->what != PING_LINK || p->over || p->evt.port != port || !ip_eq(&p->to, ip) ||
		    !ip_eq(&p->evt.source, to))
			continue;
		memcpy(p->evt.mac, mac, sizeof(p->evt.mac));
		ping_over(w, p, PING_REPLY, ip);
	}
}

void ping_tick(struct worker *w)
{
	struct pings *t = &w->net->pings;

	for (uint32_t i = 0; t->n && i < PINGS; i++) {
		struct ping *p = &t->ping[i];
		const struct neigh *n;

		if (!p->what)
			continue;
		if (p->over) {
			ping_tell(w, p, evt_slot(w));
		} else if (w->now_us >= p->due_us) {
			n = neigh_lookup(w->net->neigh, p->evt.port, &p->evt.via);
			p->evt.hop = n ? n->state : NEIGH_FREE;
			ping_over(w, p, PING_SILENT, &p->to);
		}
	}
}
