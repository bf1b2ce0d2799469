/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward.h"
#include "leg.h"
#include "limit.h"
#include "../net/neigh.h"
#include "../use.h"
#include "../../lib/chandata.h"
#include "../../lib/stun.h"

/* ---- client to peer ---- */

/* The sum over bytes of the datagram that do not stay: [0, off) and what follows the payload. */
static uint64_t forward_cut_sum(const struct pkt *p, uint32_t off, uint32_t len)
{
	uint32_t start = (uint32_t)p->l2_len + p->l3_len + UDP_HDR, tail = off + len;
	uint64_t s = off == CHANDATA_HDR_LEN ? csum_words(0, pkt_payload(p), 1)
					     : csum_mbuf(0, p->m, start, off);

	if (unlikely(tail < pkt_payload_len(p))) {
		uint64_t t = csum_mbuf(0, p->m, start + tail, pkt_payload_len(p) - tail);

		/* A tail at an odd place adds its words byte-swapped. */
		s += tail & 1 ? __builtin_bswap16(csum_fold(t)) : csum_fold(t);
	}
	return s;
}

/* A datagram of a session was relayed, with so many bytes of payload. */
static inline void relayed_count(struct worker *w, uint32_t slot, enum ctl_way way, uint32_t bytes)
{
	count(w, way == CTL_TO_PEER ? CNT_RELAY_TO_PEER : CNT_RELAY_TO_CLIENT);
	count_add(w, way == CTL_TO_PEER ? CNT_RELAY_TO_PEER_BYTES : CNT_RELAY_TO_CLIENT_BYTES,
		  bytes);
	use_add(&w->boundary.use[slot], way, 1, bytes, w->now);
}

static void forward_to_peer(struct worker *w, struct pkt *p, struct session *s,
			    const struct sock_addr *peer, uint16_t peer_csum, uint32_t *nh,
			    struct relay_out *o)
{
	const struct ctl_relay *r = &s->relay[ip_is_v4(&peer->ip) ? RELAY_V4 : RELAY_V6];
	struct sock_addr src;

	if (unlikely(!limit_pass(w, p->slot, LIMIT_TO_PEER, &peer->ip, o->len))) {
		pkt_drop(w, p->m, DROP_SESSION_RATE);
		return;
	}
	src.ip = *relay_ip(w->dp, r);
	src.port = r->port;
	o->src = &src;
	o->dst = peer;
	o->nh = nh;
	o->csum = peer_csum;
	o->csum_removed = forward_cut_sum(p, o->off, o->len) + s->csum;
	if (relay_emit(w, p, o))
		relayed_count(w, p->slot, CTL_TO_PEER, o->len);
}

/*
 * The channel of a ChannelData message, of which the header is at msg, with the payload's length
 * in *n; or NULL, and why.
 */
static inline struct peer *channel_find(struct worker *w, uint32_t slot, bool live,
					const uint8_t *msg, uint32_t len, int *n, enum drop *why)
{
	uint16_t number = 0;
	struct peer *c;

	*n = chandata_parse(msg, len, &number);
	if (unlikely(*n < 0)) {
		*why = DROP_CHANDATA_BAD;
		return NULL;
	}
	if (unlikely(!live)) {
		*why = DROP_SESSION_EXPIRED;
		return NULL;
	}
	c = session_channel(w, slot, number);
	if (unlikely(!c || c->chan_expiry <= w->now)) {
		*why = DROP_NO_CHANNEL;
		return NULL;
	}
	return c;
}

void forward_channel_data(struct worker *w, struct pkt *p)
{
	struct session *s = &w->session[p->slot];
	struct relay_out o = { .off = CHANDATA_HDR_LEN };
	struct sock_addr dst;
	enum drop why;
	struct peer *c;
	int n;

	c = channel_find(w, p->slot, p->live, pkt_payload(p), pkt_payload_len(p), &n, &why);
	if (unlikely(!c)) {
		pkt_drop(w, p->m, why);
		return;
	}
	o.len = (uint16_t)n;
	dst = (struct sock_addr){ c->ip, c->port };
	o.df = relay_df(p, &dst);
	forward_to_peer(w, p, s, &dst, c->csum, &c->nh, &o);
}

/* The permission that lets a Send indication pass; or NULL, and why. */
static struct peer *send_find(struct worker *w, uint32_t slot, bool live,
			      const struct send_ind *ind, enum drop *why)
{
	const struct session *s = &w->session[slot];
	struct peer *perm = NULL;

	*why = DROP_SESSION_EXPIRED;
	if (unlikely(!live))
		return NULL;
	*why = DROP_PEER_FAMILY;
	if (s->relay[ip_is_v4(&ind->peer.ip) ? RELAY_V4 : RELAY_V6].relay == CTL_RELAY_NONE)
		return NULL;
	perm = session_permission(w, slot, &ind->peer.ip);
	*why = perm ? DROP_SEND_BAD : DROP_NO_PERMISSION;
	return be16_get(ind->peer.port) ? perm : NULL;
}

/*
 * A chained packet is read from a copy. All of it, as long as a datagram can be: the peer's address
 * may stand behind the data. Apart from forward_send(), whose frame stays small.
 */
static __rte_noinline enum drop send_parse_chained(const struct pkt *p, uint16_t len,
						   struct send_ind *ind)
{
	uint8_t scratch[UINT16_MAX];
	uint32_t off = (uint32_t)p->l2_len + p->l3_len + UDP_HDR;

	return send_parse(rte_pktmbuf_read(p->m, off, len, scratch), len, ind);
}

void forward_send(struct worker *w, struct pkt *p)
{
	struct session *s = &w->session[p->slot];
	struct send_ind ind = { 0 };
	struct relay_out o = { 0 };
	uint16_t len = pkt_payload_len(p);
	struct peer *perm = NULL;
	enum drop why;

	if (likely(p->m->nb_segs == 1))
		why = send_parse(pkt_payload(p), len, &ind);
	else
		why = send_parse_chained(p, len, &ind);
	if (likely(why == DROP_NONE))
		perm = send_find(w, p->slot, p->live, &ind, &why);
	if (unlikely(!perm)) {
		pkt_drop(w, p->m, why);
		return;
	}
	o.off = (uint16_t)ind.data_off;
	o.len = ind.data_len;
	o.df = ind.dont_fragment || relay_df(p, &ind.peer);
	/* The record's sum holds its own port (0 for a permission): exchange it for this one. */
	forward_to_peer(w, p, s, &ind.peer,
			csum_fold(perm->csum + csum_neg(csum_fold(csum_be16(0, perm->port))) +
				  csum_fold(csum_be16(0, ind.peer.port))),
			&perm->nh, &o);
}

enum drop forward_find(struct worker *w, uint32_t slot, const uint8_t *msg, uint32_t len,
		       struct forward_to *to)
{
	bool live = w->session[slot].expiry > w->now;
	struct send_ind ind = { 0 };
	enum drop why;
	struct peer *r;
	int n;

	if (chandata_looks_like(msg[0])) {
		r = channel_find(w, slot, live, msg, len, &n, &why);
		if (!r)
			return why;
		*to = (struct forward_to){ .peer = { r->ip, r->port },
					   .off = CHANDATA_HDR_LEN,
					   .len = (uint16_t)n,
					   .nh = &r->nh };
		return DROP_NONE;
	}
	why = send_parse(msg, len, &ind);
	r = why == DROP_NONE ? send_find(w, slot, live, &ind, &why) : NULL;
	if (!r)
		return why;
	*to = (struct forward_to){ .peer = ind.peer,
				   .off = ind.data_off,
				   .len = ind.data_len,
				   .dont_fragment = ind.dont_fragment,
				   .nh = &r->nh };
	return DROP_NONE;
}

void forward_stream(struct worker *w, uint32_t slot, struct rte_mbuf *m,
		    const struct forward_to *to)
{
	const struct session *s = &w->session[slot];
	const struct ctl_relay *r = &s->relay[ip_is_v4(&to->peer.ip) ? RELAY_V4 : RELAY_V6];
	const struct sock_addr src = { *relay_ip(w->dp, r), r->port };
	enum drop why = DROP_NO_ROUTE;
	struct neigh *n = neigh_find(w, &src.ip, &to->peer.ip, to->nh, &why);
	bool sent = true;

	if (likely(n))
		neigh_wanted(n, src.port);
	if (likely(n || *to->nh == NH_LOOP))
		why = udp_write(w, m, &src, &to->peer, 0, to->dont_fragment);
	if (unlikely(why != DROP_NONE)) {
		pkt_drop(w, m, why);
		return;
	}
	if (likely(n))
		sent = ip_send(w, n, m, to->dont_fragment);
	else
		relay_loop(w, m, &src, &to->peer);
	if (likely(sent))
		relayed_count(w, slot, CTL_TO_PEER, to->len);
}

/* ---- peer to client ---- */

/*
 * Whether this peer's datagram may pass to the client of a session that lives: DROP_NONE, and in
 * *record what lets it through; or why not.
 */
static inline enum drop peer_judge(struct worker *w, const struct pkt *p,
				   const struct sock_addr *peer, struct peer **record)
{
	struct peer *c = session_peer(w, p->slot, peer);

	if (unlikely(!c || c->channel == 0 || c->perm_expiry <= w->now))
		c = session_permission(w, p->slot, &peer->ip);
	*record = c;
	if (unlikely(!c))
		return DROP_NO_PERMISSION;
	if (unlikely(!limit_pass(w, p->slot, LIMIT_TO_CLIENT, &p->src, pkt_payload_len(p))))
		return DROP_SESSION_RATE;
	return DROP_NONE;
}

/* What goes around the payload: ChannelData where a channel is bound, else a Data indication. */
static inline void client_prefix(const struct worker *w, const struct session *s,
				 const struct peer *c, const struct sock_addr *peer, uint8_t *h,
				 struct relay_out *o)
{
	o->prefix = h;
	if (likely(c->channel && be16_eq(c->port, peer->port) && c->chan_expiry > w->now)) {
		chandata_write(h, c->channel, o->len);
		o->prefix_len = CHANDATA_HDR_LEN;
	} else {
		o->fingerprint = s->flags & SESSION_FINGERPRINT;
		o->suffix_len = (uint8_t)(-o->len & 3);
		o->prefix_len = data_prefix(h, peer, o->len, o->fingerprint);
	}
}

/*
 * To a client that has a connection: the datagram ends here (RFC 8656 15), so that its checksum is
 * judged, and what it carried goes on as a message of the stream, padded (12.5).
 */
static __rte_noinline void forward_peer_stream(struct worker *w, struct pkt *p)
{
	struct session *s = &w->session[p->slot];
	const struct sock_addr peer = { p->src, p->sport };
	struct relay_out o = { .len = pkt_payload_len(p) };
	uint8_t prefix[FORWARD_PREFIX_MAX];
	enum drop why = DROP_RELAY_PORT;
	struct peer *c = NULL;
	uint64_t sum = 0;

	if (likely(!(s->flags & SESSION_TCP)))
		why = peer_judge(w, p, &peer, &c);
	if (why == DROP_NONE && !pkt_l4_csum_ok(w, p))
		why = DROP_UDP_CSUM;
	else if (why == DROP_NONE && o.len > FORWARD_INDICATION_MAX)
		why = DROP_FRAG_NEEDED;
	if (unlikely(why != DROP_NONE)) {
		pkt_drop(w, p->m, why);
		return;
	}
	client_prefix(w, s, c, &peer, prefix, &o);
	o.suffix_len = (uint8_t)(-o.len & 3);
	if (unlikely(!relay_trim(p->m, (uint32_t)p->l2_len + p->l3_len + UDP_HDR, o.len))) {
		pkt_drop(w, p->m, DROP_FRAG_BAD);
		return;
	}
	memcpy(rte_pktmbuf_prepend(p->m, o.prefix_len), prefix, o.prefix_len);
	if ((o.suffix_len | o.fingerprint) && unlikely(!relay_suffix(w, p->m, &o, &sum))) {
		pkt_drop(w, p->m, DROP_NO_MBUF);
		return;
	}
	if (leg_media(w, s, p->m))
		relayed_count(w, p->slot, CTL_TO_CLIENT, o.len);
}

void forward_peer(struct worker *w, struct pkt *p)
{
	const struct sock_addr *local, peer = { p->src, p->sport };
	struct session *s = &w->session[p->slot];
	uint8_t prefix[FORWARD_PREFIX_MAX];
	struct relay_out o = { .len = pkt_payload_len(p) };
	enum drop why;
	struct peer *c;

	if (unlikely(s->expiry <= w->now)) {
		pkt_drop(w, p->m, DROP_SESSION_EXPIRED);
		return;
	}
	if (unlikely(s->conn_gen)) {
		forward_peer_stream(w, p);
		return;
	}
	why = peer_judge(w, p, &peer, &c);
	if (unlikely(why != DROP_NONE)) {
		pkt_drop(w, p->m, why);
		return;
	}
	local = &w->dp->listener[s->listener];
	client_prefix(w, s, c, &peer, prefix, &o);
	o.src = local;
	o.dst = &s->client;
	o.df = relay_df(p, &s->client);
	o.nh = &s->client_nh;
	o.csum = csum_words(s->csum, prefix, 1);
	if (unlikely(o.prefix_len > CHANDATA_HDR_LEN))
		o.csum = csum_bytes(o.csum, prefix + 4, o.prefix_len - 4u);
	/* The record's sum is of this very peer's address, or of its address without a port. */
	o.csum_removed =
	    c->csum + csum_neg(csum_fold(csum_be16(0, c->port))) + csum_be16(0, p->sport);
	if (relay_emit(w, p, &o))
		relayed_count(w, p->slot, CTL_TO_CLIENT, o.len);
}
