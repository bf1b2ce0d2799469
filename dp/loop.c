/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop.h"
#include "tx.h"
#include "gateway/context.h"
#include "tcp/tcp.h"
#include "tcp/wire.h"
#include "turn/relay.h"

/* Whose a port of a relay address is. */
enum owner {
	OWNER_NONE, /* nobody's: no longer, or not yet */
	OWNER_TURN, /* a TURN session's */
	OWNER_TERM, /* a termination's */
};

static enum owner owner_of(const struct worker *w, const struct local_addr *l, uint16_t port)
{
	uint32_t slot = l->relay == CTL_RELAY_NONE ? SLOT_NONE : w->relay_slot[l->relay][port];

	if (slot == SLOT_NONE)
		return OWNER_NONE;
	return gate_is_leg(slot) ? OWNER_TERM : OWNER_TURN;
}

/*
 * Clients of TURN reach each other, and terminations theirs, both within one realm only. None
 * reaches the other kind: whoever may allocate must not get into calls by way of an address they
 * share.
 */
static bool may_talk(enum owner from, const struct local_addr *src, enum owner to,
		     const struct local_addr *dst)
{
	return from == to && src && src->realm == dst->realm;
}

void loop_send(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src, uint16_t dport)
{
	const uint16_t owner = w->dp->port_owner[dport >> 1];
	const struct local_addr *l = dplane_local(w->dp, &src->ip);
	const enum owner from = l ? owner_of(w, l, be16_get(src->port)) : OWNER_NONE;

	if (owner != w->id) {
		handover(w, owner, m, HANDOVER_LOOP, (uint16_t)from);
	} else if (w->n_loop < TX_BATCH) {
		m->hash.usr = (uint32_t)from;
		w->loop[w->n_loop++] = m;
	} else {
		pkt_drop(w, m, DROP_TX_FULL);
	}
}

/*
 * A packet of loop_send(): its headers were written here a moment ago and stand in one piece, so
 * there is nothing to distrust. What follows them may be in other buffers, as it came.
 */
static void loop_parse(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	struct be32 a;

	*p = (struct pkt){ .m = m, .v6 = h[0] >> 4 == 6 };
	if (p->v6) {
		memcpy(&p->src, h + 8, 16);
		memcpy(&p->dst, h + 24, 16);
		p->tos = (uint8_t)(h[0] << 4 | h[1] >> 4);
		p->proto = h[6];
		p->ttl = h[7];
		p->l3_len = IPV6_HDR;
	} else {
		memcpy(a.b, h + 12, 4);
		p->src = ip_from_v4(a);
		memcpy(a.b, h + 16, 4);
		p->dst = ip_from_v4(a);
		p->tos = h[1];
		p->df = h[6] & 0x40;
		p->ttl = h[8];
		p->proto = h[9];
		p->l3_len = IPV4_HDR;
	}
	memcpy(p->sport.b, h + p->l3_len, 2);
	memcpy(p->dport.b, h + p->l3_len + 2, 2);
	p->l4_len = (uint16_t)(m->pkt_len - p->l3_len);
	p->local = dplane_local(w->dp, &p->dst);
}

/* A datagram of a relayed port. */
static void loop_udp(struct worker *w, struct pkt *p)
{
	p->slot = w->relay_slot[p->local->relay][be16_get(p->dport)];
	if (gate_is_leg(p->slot)) {
		media_input(w, p);
		return;
	}
	p->live = w->session[p->slot].expiry > w->now;
	relay_peer(w, p);
}

static bool is_syn(const struct pkt *p)
{
	const struct tcp_hdr *h = rte_pktmbuf_mtod_offset(p->m, const struct tcp_hdr *, p->l3_len);

	return (h->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * DROP_MAX: it is taken. A connection that both ends were allowed may outlive whose the ports were:
 * its last segments pass, for they open nothing.
 */
static enum drop loop_judge(struct worker *w, const struct pkt *p, enum owner from)
{
	const bool tcp = p->proto == IP_PROTO_TCP;
	enum owner to;

	if (!p->local || p->local->relay == CTL_RELAY_NONE)
		return DROP_IP_DST;
	to = owner_of(w, p->local, be16_get(p->dport));
	if (tcp && (from == OWNER_NONE || to == OWNER_NONE) && !is_syn(p))
		return DROP_MAX;
	if (to == OWNER_NONE)
		return tcp ? DROP_TCP_PORT : DROP_RELAY_PORT;
	return may_talk(from, dplane_local(w->dp, &p->src), to, p->local) ? DROP_MAX
									  : DROP_LOOP_OWNER;
}

void loop_take(struct worker *w, struct rte_mbuf *m)
{
	const enum owner from = (enum owner)(m->hash.usr & 0xffff);
	enum drop why;
	struct pkt p;

	if (unlikely(!pkt_head(m))) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return;
	}
	loop_parse(w, m, &p);
	why = loop_judge(w, &p, from);
	if (why != DROP_MAX)
		pkt_drop(w, m, why);
	else if (p.proto == IP_PROTO_TCP)
		tcp_input(w, &(struct pkt *){ &p }, 1);
	else
		loop_udp(w, &p);
}

uint32_t loop_input(struct worker *w)
{
	struct rte_mbuf *m[TX_BATCH];
	uint16_t i, n = w->n_loop;

	/* What is looped meanwhile waits for the next turn, so that a turn ends. */
	memcpy(m, w->loop, n * sizeof(m[0]));
	w->n_loop = 0;
	for (i = 0; i < n; i++)
		loop_take(w, m[i]);
	return n;
}
