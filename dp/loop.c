/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop.h"
#include "cmd.h"
#include "dispatch.h"
#include "gateway/context.h"
#include "relayed.h"
#include "net/ip.h"
#include "tcp/tcp.h"
#include "tcp/wire.h"
#include "../lib/bug.h"

/*
 * Clients of TURN reach each other, and terminations theirs, both within one realm only. None
 * reaches the other kind: whoever may allocate must not get into calls by way of an address they
 * share.
 */
static bool may_talk(enum relayed_kind from, const struct local_addr *src, enum relayed_kind to,
		     const struct local_addr *dst)
{
	return from == to && src && local_realm(src) == local_realm(dst);
}

static void loop_parse(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	pkt_own_read(m, p);
	p->local = dplane_local(w->dp, &p->dst);
	p->slot = relayed_entry(w, p->local, be16_get(p->dport));
}

static bool is_syn(const struct pkt *p)
{
	const struct tcp_hdr *h = rte_pktmbuf_mtod_offset(p->m, const struct tcp_hdr *, p->l3_len);

	return p->proto == IP_PROTO_TCP && (h->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * DROP_NONE: it is taken. A connection that both ends were allowed may outlive whose the ports
 * were: its last segments pass, for they open nothing.
 */
static enum drop loop_judge(struct worker *w, const struct pkt *p, enum relayed_kind from)
{
	const bool tcp = p->proto == IP_PROTO_TCP;
	enum relayed_kind to;

	if (!p->local || local_relay(p->local) == CTL_RELAY_NONE)
		return DROP_IP_DST;
	to = relayed_kind(p->slot);
	if (tcp && (from == RELAYED_NONE || to == RELAYED_NONE) && !is_syn(p))
		return DROP_NONE;
	if (to == RELAYED_NONE)
		return tcp ? DROP_TCP_PORT : DROP_RELAY_PORT;
	return may_talk(from, dplane_local(w->dp, &p->src), to, p->local) ? DROP_NONE
									  : DROP_LOOP_OWNER;
}

void loop_take(struct worker *w, struct rte_mbuf *m)
{
	const enum relayed_kind from = (enum relayed_kind)(m->hash.usr & 0xffff);
	enum drop why;
	struct pkt p;

	if (unlikely(!pkt_head(m))) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return;
	}
	loop_parse(w, m, &p);
	/* What is to a port that nobody has, and a SYN, is behind commands: rx_unknown() in rx.c.
	 */
	if (unlikely(relayed_kind(p.slot) == RELAYED_NONE || is_syn(&p))) {
		cmd_input(w, CMD_AHEAD);
		p.slot = relayed_entry(w, p.local, be16_get(p.dport));
	}
	why = loop_judge(w, &p, from);
	if (why != DROP_NONE)
		pkt_drop(w, m, why);
	else if (p.proto == IP_PROTO_TCP)
		tcp_input(w, &(struct pkt *){ &p }, 1);
	else
		dispatch_relayed(w, &p);
	media_end(w);
}

uint32_t loop_input(struct worker *w)
{
	struct rte_mbuf *m[TX_BATCH];
	uint16_t i, n = w->tx.loop.n;

	if (BUG_ON(n > TX_BATCH))
		n = TX_BATCH;
	/* What is looped meanwhile waits for the next turn, so that a turn ends. */
	memcpy(m, w->tx.loop.m, n * sizeof(m[0]));
	w->tx.loop.n = 0;
	for (i = 0; i < n; i++)
		loop_take(w, m[i]);
	return n;
}
