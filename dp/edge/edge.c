/* SPDX-License-Identifier: BSD-3-Clause */
#include "edge.h"
#include "../snapshot.h"
#include "../ipsec/ipsec.h"
#include "../net/neigh.h"
#include "../relay/emit.h"
#include "../../lib/sip_frame.h"
#include "../../lib/stun.h"

static uint64_t sum_of(const struct sock_addr *src, const struct sock_addr *dst)
{
	return csum_be16(csum_be16(csum_ip(csum_ip(0, &src->ip), &dst->ip), src->port), dst->port);
}

/* Whether it went out. */
static bool pass(struct worker *w, struct pkt *p, const struct sock_addr *src,
		 const struct sock_addr *dst)
{
	const struct sock_addr from = { p->src, p->sport }, to = { p->dst, p->dport };
	uint32_t nh = NH_NONE;
	const struct relay_out o = { .src = src,
				     .dst = dst,
				     .len = pkt_payload_len(p),
				     .csum = sum_of(src, dst),
				     .csum_removed = sum_of(&from, &to),
				     .df = relay_df(p, dst),
				     .nh = &nh };

	return relay_emit(w, p, &o);
}

/* The one that a listener's datagrams go to; NULL: none. */
static const struct config_service *service_at(const struct worker *w, uint16_t listener)
{
	const struct config *c = snapshot_conf(w->dp);
	const struct config_listener *l =
	    listener == LOCAL_NONE ? NULL : listener_at_place(c, listener);

	return l && l->has_service ? &c->service[l->service_index] : NULL;
}

/* The address, of *port, that the way to the back end starts at. NULL: there is no way. */
static const struct ip_addr *own_towards(const struct worker *w, const struct ip_addr *to,
					 uint16_t *port)
{
	struct ip_addr via;

	return ip_route(w->dp, NULL, NULL, to, port, &via)
		   ? port_addr_for(w->dp, &w->dp->port[*port], &via)
		   : NULL;
}

static bool is_sip(const uint8_t *p, uint32_t n)
{
	return n && sip_begins(p, RTE_MIN(n, (uint32_t)SIP_BEGIN_MAX)) == SIP_YES;
}

bool edge_input(struct worker *w, struct pkt *p)
{
	const struct config_service *s = service_at(w, p->index);
	const uint32_t slot = ipsec_slot_of(p), len = pkt_payload_len(p);
	const uint8_t *msg = pkt_payload(p);
	const struct ip_addr *own;
	struct sock_addr src, ours, theirs;
	uint16_t port;

	if (!s || (len >= STUN_HDR_LEN && stun_looks_like(msg)))
		return false;
	/* Who has one association for all ports has no server port to send to. */
	if (!ipsec_ends(w, slot, &ours, &theirs) || !is_sip(msg, len)) {
		pkt_drop(w, p->m, DROP_EDGE_SIP);
		return true;
	}
	own = own_towards(w, &s->backend.ip, &port);
	if (unlikely(!own)) {
		pkt_drop(w, p->m, DROP_NO_ROUTE);
		return true;
	}
	src = (struct sock_addr){ *own, be16_make(config_sip_port(w->dp->conf, w->id, slot)) };
	if (pass(w, p, &src, &s->backend))
		count(w, CNT_EDGE_IN);
	return true;
}

/*
 * Whether it is the back end's: from its address, to where it was asked from, by the port that it
 * is reached by. Another link has those who forge its address.
 */
static bool is_backend(const struct worker *w, const struct pkt *p, const struct config_service *s)
{
	uint16_t port;
	const struct ip_addr *own;

	if (!s || !ip_eq(&s->backend.ip, &p->src) || p->inner != SLOT_NONE)
		return false;
	own = own_towards(w, &s->backend.ip, &port);
	return own && ip_eq(own, &p->dst) && p->in_port == port;
}

void edge_output(struct worker *w, struct pkt *p, uint32_t slot)
{
	struct sock_addr ours, theirs;
	const struct config_service *s;

	if (unlikely(!ipsec_ends(w, slot, &ours, &theirs))) {
		pkt_drop(w, p->m, DROP_EDGE_PHONE);
		return;
	}
	s = service_at(w, dplane_listener(w->dp, &ours.ip, w->dp->conf->ipsec.server_port));
	if (unlikely(!is_backend(w, p, s)))
		pkt_drop(w, p->m, DROP_EDGE_SOURCE);
	else if (pass(w, p, &ours, &theirs))
		count(w, CNT_EDGE_OUT);
}
