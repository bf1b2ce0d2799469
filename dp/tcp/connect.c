/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening from here: a port (RFC 6056), SYN (RFC 9293 3.10.1), and what answers it (3.10.7.3). */
#include "ledger.h"

enum { PORT_FIRST = 1024, PORTS = 65536 - PORT_FIRST, PORT_TRIES = 512 };

/* One of the ports that are not relayed ones of the address; 0 if all are. */
static uint16_t port_nth(const struct local_addr *l, uint64_t x)
{
	const uint16_t min = atomic_load_explicit(&l->relay_min, memory_order_relaxed),
		       max = atomic_load_explicit(&l->relay_max, memory_order_relaxed);
	uint32_t relayed = local_relay(l) == CTL_RELAY_NONE || max < min ? 0 : max - min + 1u;
	uint32_t p;

	if (relayed >= PORTS)
		return 0;
	p = PORT_FIRST + (uint32_t)(x % (PORTS - relayed));
	return (uint16_t)(relayed && p >= min ? p + relayed : p);
}

/*
 * A local port whose replies come to this worker: of its share of ports (rx_parse.c hands them over
 * by it), and where the port's RSS is known one that it brings to this queue by itself. RFC 6056
 * 3.2, 3.3.3: of all above the system's, from an offset keyed by the addresses, counting up.
 */
static bool port_pick(struct worker *w, struct tcp_conn *c)
{
	const struct local_addr *l = &w->dp->local[c->local];
	const struct rss *rss = &w->dp->port[l->port].rss;
	struct sock_addr src = { c->remote_ip, c->remote_port }, dst = { l->ip, { { 0 } } };
	uint64_t off = siphash(&w->tcp->key, &src, sizeof(src));
	int pass, i;

	for (pass = rss->reta_size ? 0 : 1; pass < 2; pass++) {
		for (i = 0; i < PORT_TRIES; i++) {
			uint16_t p = port_nth(l, off + w->tcp->port_next++);

			dst.port = be16_make(p);
			if (!p || port_owner(w->dp, l, p) != w->id ||
			    dplane_tcp_listener(w->dp, &l->ip, p) != LOCAL_NONE)
				continue;
			if (pass == 0 && rss_queue(rss, &src, &dst) % w->dp->n_workers != w->id)
				continue;
			c->local_port = dst.port;
			if (conn_insert(w, c))
				return true;
		}
	}
	return false;
}

/* Whether what there is between the addresses of c gives them up: it was over, or is by this. */
static bool makes_way(struct worker *w, const struct tcp_conn *c, const struct tcp_app *over)
{
	uint32_t entry = conn_entry(w, c);
	struct tcp_conn *old = &w->tcp->conn[entry >> 2];

	if ((entry & 3) != ENTRY_CONN || !over || old->app != over)
		return timewait_yield(w, c);
	tcp_abort(w, old, TCP_END_CLOSED);
	conn_entry_del(w, old, entry);
	return true;
}

struct tcp_conn *tcp_connect(struct worker *w, const struct tcp_request *r,
			     const struct tcp_app *app, enum tcp_end *why)
{
	const struct sock_addr *src = &r->local, *dst = &r->remote;
	const struct local_addr *l = dplane_local(w->dp, &src->ip);
	struct tcp_conn *c;

	*why = TCP_END_UNREACHABLE;
	if (!l || ip_is_v4(&src->ip) != ip_is_v4(&dst->ip) || be16_get(dst->port) == 0)
		return NULL;
	*why = TCP_END_NO_BUFFER;
	c = ledger_short(w) ? NULL : conn_make(w, app, r, (uint16_t)(l - w->dp->local));
	if (!c)
		return NULL;
	*why = TCP_END_EXISTS;
	if (be16_get(src->port)
		? !conn_insert(w, c) && !(makes_way(w, c, r->over) && conn_insert(w, c))
		: !port_pick(w, c)) {
		conn_free(w, c);
		return NULL;
	}
	c->flags |= CONN_ACTIVE | CONN_KNOWN;
	conn_open(w, c);
	c->peer_mss = ip_is_v4(&dst->ip) ? TCP_MSS_DEFAULT : TCP_MSS_DEFAULT_V6;
	tcp_set_state(w, c, TCP_SYN_SENT);
	conn_send_syn(w, c);
	return c;
}

/* ---- SYN-SENT ---- */

void connect_input(struct worker *w, struct tcp_conn *c, struct pkt *p, struct tcp_seg *s)
{
	bool ack = s->flags & TCP_ACK;

	/* First: an ACK of what we never sent; second: RST; fourth: SYN. */
	if (ack && s->ack != c->iss + 1) {
		tcp_send_reset(w, p, s, c->tos);
		pkt_drop(w, p->m, DROP_TCP_ACK);
		return;
	}
	if (s->flags & TCP_RST) {
		if (!ack) {
			pkt_drop(w, p->m, DROP_TCP_RST);
			return;
		}
		conn_end(w, c, TCP_END_REFUSED);
		pkt_consume(w, p->m);
		return;
	}
	if (!(s->flags & TCP_SYN)) {
		pkt_drop(w, p->m, DROP_TCP_FLAGS);
		return;
	}
	conn_syn_options(w, c, s);
	if (!ack) { /* both opened at once (3.5, figure 7) */
		tcp_set_state(w, c, TCP_SYN_RECEIVED);
		c->flags &= ~(uint32_t)CONN_ECN_SYN;
		conn_send_syn(w, c);
	} else {
		if (c->flags & CONN_ECN_SYN && (s->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE)
			c->flags |= CONN_ECN;
		conn_opened(w, c);
		c->flags |= CONN_ACK_NOW;
	}
	/* Data that came with the SYN was not asked for: it will come again. */
	pkt_consume(w, p->m);
}
