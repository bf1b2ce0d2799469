/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors about packets of ours: to the connection, or relayed port, that they are about. */
#include "dispatch.h"
#include "relayed.h"
#include "rx.h"
#include "tx.h"
#include "net/ip.h"
#include "net/ping.h"
#include "tcp/tcp.h"

/*
 * The worker that has the connection of a client: the one its segments come to. A port that keeps
 * flows on queues and does not tell how leaves that open: every worker then hears of it.
 */
static uint16_t client_owner(struct worker *w, const struct pkt *p, const struct icmp_report *r)
{
	/* A segment of the client's, judged like one that did not come by its own queue. */
	const struct pkt back = { .src = r->peer.ip,
				  .sport = r->peer.port,
				  .dst = r->relayed.ip,
				  .dport = r->relayed.port,
				  .in_port = p->in_port,
				  .whole = true };

	return rx_client_owner(w, &back);
}

static bool client_owner_is_open(const struct worker *w, const struct port *port)
{
	return w->dp->n_workers > 1 && port->flow_sticky && !port->rss.reta_size;
}

/* About a segment of ours: judged by the worker that has the connection (RFC 5927). */
static void report_tcp(struct worker *w, struct pkt *p, const struct icmp_report *r, bool copy)
{
	const uint16_t port = be16_get(r->relayed.port);
	const bool client = dplane_tcp_listener(w->dp, &p->dst, port) != LOCAL_NONE;
	const uint16_t owner = client ? client_owner(w, p, r) : port_owner(w->dp, p->local, port);
	const bool matters = r->unreachable || r->data;

	if (owner != w->id && !copy) {
		handover_pkt(w, owner, p, HANDOVER_RX);
	} else if (matters && tcp_icmp(w, &r->relayed, &r->peer, r->seq, r->data)) {
		pkt_consume(w, p->m);
	} else if (copy) {
		pkt_consume(w, p->m); /* another's */
	} else if (client && matters && client_owner_is_open(w, &w->dp->port[p->in_port]) &&
		   icmp_rate_allow(w, &p->src)) {
		handover_copy(w, p->m, p->in_port);
		pkt_consume(w, p->m);
	} else {
		pkt_drop(w, p->m, DROP_ICMP_NO_SESSION);
	}
}

/* About a datagram: judged by the worker that has the relayed port. */
static void report_udp(struct worker *w, struct pkt *p, const struct icmp_report *r)
{
	const struct local_addr *l = p->local;
	const uint16_t port = be16_get(r->relayed.port), owner = port_owner(w->dp, l, port);
	enum relayed_kind kind;

	if (local_relay_at(l, port) == CTL_RELAY_NONE) {
		pkt_drop(w, p->m, DROP_ICMP_NO_SESSION);
		return;
	}
	if (owner != w->id) {
		handover_pkt(w, owner, p, HANDOVER_RX);
		return;
	}
	p->slot = relayed_entry(w, l, port);
	kind = relayed_kind(p->slot);
	if (kind == RELAYED_NONE)
		pkt_drop(w, p->m, DROP_ICMP_NO_SESSION);
	else
		dispatch_ops[kind]->icmp(w, p, r);
}

void dispatch_icmp(struct worker *w, struct pkt *p, bool copy)
{
	struct icmp_report r;

	if (!icmp_input(w, p, copy, &r))
		return;
	if (r.proto == IP_PROTO_TCP)
		report_tcp(w, p, &r, copy);
	else if (r.proto != IP_PROTO_UDP)
		ping_error(w, p, &r);
	else
		report_udp(w, p, &r);
}
