/* SPDX-License-Identifier: BSD-3-Clause */
#include "trace.h"
#include "boundary.h"
#include "relayed.h"
#include "snapshot.h"
#include "tcp/tcp.h"
#include "turn/session.h"

#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_mbuf_dyn.h>
#include <rte_tcp.h>

/* ---- what a packet is ---- */

struct tuple {
	struct sock_addr src, dst;
	uint16_t ip; /* where the IP header starts */
	uint8_t proto;
};

static bool is_v4(const uint8_t *ip, uint32_t len)
{
	return len >= IPV4_HDR && ip[0] >> 4 == 4 && (ip[0] & 15) >= 5;
}

static bool is_v6(const uint8_t *ip, uint32_t len)
{
	return len >= IPV6_HDR && ip[0] >> 4 == 6;
}

/* Where the IP header is: behind the Ethernet header, else at the start. -1: nowhere. */
static int ip_start(const struct rte_mbuf *m)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t len = m->data_len, l2 = RTE_ETHER_HDR_LEN;

	if (len < l2 + RTE_VLAN_HLEN)
		return -1;
	if (be16_read(b + 12) == RTE_ETHER_TYPE_VLAN)
		l2 += RTE_VLAN_HLEN;
	switch (be16_read(b + l2 - 2)) {
	case RTE_ETHER_TYPE_IPV4:
		if (is_v4(b + l2, len - l2))
			return (int)l2;
		break;
	case RTE_ETHER_TYPE_IPV6:
		if (is_v6(b + l2, len - l2))
			return (int)l2;
		break;
	}
	if (is_v4(b, len) && be16_read(b + 2) == m->pkt_len)
		return 0;
	return is_v6(b, len) && be16_read(b + 4) + (uint32_t)IPV6_HDR == m->pkt_len ? 0 : -1;
}

/* Addresses, and ports where they follow at once. False: it is no IP packet. */
static bool tuple_read(const struct rte_mbuf *m, struct tuple *t)
{
	const int start = ip_start(m);
	const uint8_t *ip;
	uint32_t len, l4;
	struct be32 a;

	*t = (struct tuple){ 0 };
	if (start < 0)
		return false;
	t->ip = (uint16_t)start;
	ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, start);
	len = m->data_len - (uint32_t)start;
	if (ip[0] >> 4 == 4) {
		memcpy(a.b, ip + 12, 4);
		t->src.ip = ip_from_v4(a);
		memcpy(a.b, ip + 16, 4);
		t->dst.ip = ip_from_v4(a);
		t->proto = ip[9];
		l4 = (ip[0] & 15) * 4u;
		if ((ip[6] & 0x1f) | ip[7]) /* not the first fragment */
			return true;
	} else {
		memcpy(&t->src.ip, ip + 8, 16);
		memcpy(&t->dst.ip, ip + 24, 16);
		t->proto = ip[6];
		l4 = IPV6_HDR;
	}
	if ((t->proto == IPPROTO_UDP || t->proto == IPPROTO_TCP) && l4 + 4 <= len) {
		memcpy(t->src.port.b, ip + l4, 2);
		memcpy(t->dst.port.b, ip + l4 + 2, 2);
	}
	return true;
}

/* ---- whose it is ---- */

/* The session of a packet between an address of ours and another; SLOT_NONE if it is none's. */
static uint32_t session_between(const struct worker *w, uint8_t proto, const struct sock_addr *ours,
				const struct sock_addr *other)
{
	const struct local_addr *l = dplane_local(w->dp, &ours->ip);
	const uint16_t port = be16_get(ours->port);
	const uint32_t entry = relayed_entry(w, l, port);
	uint16_t listener;

	if (!l)
		return SLOT_NONE;
	if (entry != SLOT_NONE)
		return relayed_is_session(entry) ? entry : SLOT_NONE;
	if (proto == IPPROTO_TCP)
		return tcp_session_between(w, ours, other);
	listener = dplane_listener(w->dp, &ours->ip, port);
	if (listener == LOCAL_NONE)
		return SLOT_NONE;
	return session_find(w, flow_hash(w->dp->hash_key, &other->ip, other->port, listener),
			    &other->ip, other->port, listener);
}

static uint32_t session_seen(const struct worker *w, const struct tuple *t)
{
	const uint32_t slot = session_between(w, t->proto, &t->dst, &t->src);

	return slot != SLOT_NONE ? slot : session_between(w, t->proto, &t->src, &t->dst);
}

static bool addr_wanted(const struct sock_addr *want, const struct sock_addr *is)
{
	return ip_eq(&want->ip, &is->ip) &&
	       (be16_get(want->port) == 0 || be16_eq(want->port, is->port));
}

/* Of that relayed address, or of its session's client. */
static bool relayed_wanted(const struct worker *w, const struct sock_addr *want,
			   const struct tuple *t, uint32_t slot)
{
	struct sock_addr a;

	if (addr_wanted(want, &t->src) || addr_wanted(want, &t->dst))
		return true;
	for (int i = 0; slot != SLOT_NONE && i < 2; i++) {
		const struct ctl_relay *r = &w->session[slot].relay[i];

		if (r->relay == CTL_RELAY_NONE)
			continue;
		a = (struct sock_addr){ .ip = *relay_ip(w->dp, r), .port = r->port };
		if (addr_wanted(want, &a))
			return true;
	}
	return false;
}

static bool wanted(const struct worker *w, const struct tuple *t, uint32_t slot)
{
	const struct ctl_trace_filter *f = &w->trace->filter;

	if (f->session != CTL_TRACE_ANY && f->session != slot)
		return false;
	if (addr_given(&f->peer) && !addr_wanted(&f->peer, &t->src) &&
	    !addr_wanted(&f->peer, &t->dst))
		return false;
	if (addr_given(&f->relayed) && !relayed_wanted(w, &f->relayed, t, slot))
		return false;
	return !addr_given(&f->client) || addr_wanted(&f->client, &t->src) ||
	       addr_wanted(&f->client, &t->dst) ||
	       (slot != SLOT_NONE && addr_wanted(&f->client, &w->session[slot].client));
}

/* ---- what is told ---- */

static struct ctl_trace *trace_slot(struct worker *w)
{
	struct trace *t = w->trace;
	const int room = ring_room(&t->ring, 1);

	if (unlikely(room == RING_ERR)) {
		w->trace = NULL;
		boundary_broken(w);
		return NULL;
	}
	if (room == 0) {
		t->lost++;
		count(w, CNT_TRACE_LOST);
	}
	return room ? (struct ctl_trace *)ring_slot(&t->ring, 0) : NULL;
}

/* Of what passed the filter as a packet; ring_publish() follows. NULL: it is not told. */
static struct ctl_trace *trace_write(struct worker *w, enum ctl_trace_event e, enum drop why,
				     const struct tuple *k, uint32_t slot, uint32_t len)
{
	const struct trace *t = w->trace;
	const struct ctl_trace_filter *f = &t->filter;
	struct ctl_trace *r;

	if (e != TRACE_DROPPED ? f->drops
			       : f->reason != CTL_TRACE_ANY && f->reason != (uint32_t)why)
		return NULL;
	r = trace_slot(w);
	if (!r)
		return NULL;
	r->us = w->now_us;
	r->id = t->id;
	r->lost = t->lost;
	r->session = slot;
	r->len = len;
	r->event = (uint16_t)e;
	r->reason = (uint16_t)(e == TRACE_DROPPED ? why : 0);
	r->src = k->src;
	r->dst = k->dst;
	r->proto = k->proto;
	r->port = (uint8_t)t->port;
	r->n_bytes = 0; /* bytes[] stays what it was: nobody reads behind them */
	return r;
}

/* ---- frames ---- */

/*
 * What a capture tells of m: from the Ethernet header on, in place where it can be. *len bytes of a
 * frame of *wire. A packet that is dropped may be what came inside of a stream, so it must be an IP
 * packet that an address of ours sent or was sent, or there are no bytes of it.
 */
static const uint8_t *frame_bytes(const struct worker *w, enum ctl_trace_event e,
				  const struct rte_mbuf *m, const struct tuple *k, bool ip,
				  uint32_t *len, uint32_t *wire)
{
	struct trace *t = w->trace;
	const uint8_t *b;

	*wire = m->pkt_len;
	*len = 0;
	if (e == TRACE_DROPPED &&
	    (!ip || (!dplane_local(w->dp, &k->src.ip) && !dplane_local(w->dp, &k->dst.ip))))
		return NULL;
	if (e != TRACE_DROPPED || k->ip) {
		*len = RTE_MIN(m->pkt_len, (uint32_t)CTL_TRACE_BYTES);
		return rte_pktmbuf_read(m, 0, *len, t->frame);
	}
	*wire += RTE_ETHER_HDR_LEN;
	*len = RTE_MIN(*wire, (uint32_t)CTL_TRACE_BYTES);
	b = rte_pktmbuf_read(m, 0, *len - RTE_ETHER_HDR_LEN, t->frame + RTE_ETHER_HDR_LEN);
	if (b != t->frame + RTE_ETHER_HDR_LEN)
		memcpy(t->frame + RTE_ETHER_HDR_LEN, b, *len - RTE_ETHER_HDR_LEN);
	memset(t->frame, 0, RTE_ETHER_HDR_LEN - 2);
	memcpy(t->frame + RTE_ETHER_HDR_LEN - 2,
	       be16_make(ip_is_v4(&k->src.ip) ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6).b, 2);
	return t->frame;
}

static bool is_tls(const struct worker *w, const struct sock_addr *a)
{
	const uint16_t i = dplane_tcp_listener(w->dp, &a->ip, be16_get(a->port));

	return i != LOCAL_NONE && w->dp->listener_transport[i] == TRANSPORT_TLS;
}

/* With plaintext: frames of the same connection would look like segments sent twice. */
static bool told_open(const struct worker *w, const struct tuple *k)
{
	return w->trace->filter.plaintext && k->proto == IPPROTO_TCP &&
	       (is_tls(w, &k->src) || is_tls(w, &k->dst));
}

static void frame_tell(struct worker *w, enum ctl_trace_event e, enum drop why,
		       const struct rte_mbuf *m, const struct tuple *k, bool ip, uint32_t slot)
{
	struct trace *t = w->trace;
	struct ctl_trace *r;
	uint32_t len, wire;
	const uint8_t *b;

	if ((e != TRACE_RECEIVED && e != TRACE_SENT && e != TRACE_DROPPED) || told_open(w, k))
		return;
	b = frame_bytes(w, e, m, k, ip, &len, &wire);
	if (t->filter.n_steps && !bpf_run(t->step, b, wire, len))
		return;
	r = trace_write(w, e, why, k, slot, wire);
	if (!r)
		return;
	len = RTE_MIN(len, (uint32_t)t->filter.bytes);
	r->n_bytes = (uint16_t)len;
	if (len)
		memcpy(r->bytes, b, len);
	ring_publish(&t->ring, 1);
}

/* ---- plaintext of TLS ---- */

_Static_assert(RTE_ETHER_HDR_LEN + IPV6_HDR + sizeof(struct rte_tcp_hdr) + TRACE_PLAIN_MSS <=
		   CTL_TRACE_BYTES,
	       "a packet of plaintext is told whole");

static void plain_wipe(struct trace *t)
{
	explicit_bzero(t->kept_plain, t->kept);
	t->kept = 0;
}

static void plain_keep(struct worker *w, const struct mbuf_queue *q, uint32_t max)
{
	struct trace *t = w->trace;

	plain_wipe(t);
	if (!t->filter.plaintext)
		return;
	max = RTE_MIN(max, (uint32_t)TRACE_PLAIN_MAX);
	t->kept = RTE_MIN(q->bytes, max);
	queue_copy(q, 0, t->kept_plain, t->kept);
}

/* One that shares its place with another begins afresh whenever it takes it, at other numbers. */
static struct trace_stream *plain_stream(struct worker *w, const struct sock_addr *local,
					 const struct sock_addr *remote)
{
	const uint64_t h =
	    flow_hash(w->dp->hash_key, &remote->ip, remote->port, be16_get(local->port));
	struct trace_stream *s = &w->trace->stream[h % TRACE_STREAMS];

	if (!sock_addr_eq(&s->local, local) || !sock_addr_eq(&s->remote, remote))
		*s = (struct trace_stream){ *local,
					    *remote,
					    { (uint32_t)w->now_us, ~(uint32_t)w->now_us } };
	return s;
}

/* An Ethernet frame of zero addresses with n bytes between k's addresses. Returns its length. */
static uint32_t plain_frame(uint8_t *f, const struct tuple *k, uint32_t seq, uint32_t ack,
			    const uint8_t *bytes, uint32_t n)
{
	const bool v4 = ip_is_v4(&k->src.ip);
	const uint32_t ip_len = v4 ? IPV4_HDR : IPV6_HDR;
	struct rte_tcp_hdr tcp = {
		.sent_seq = rte_cpu_to_be_32(seq),
		.recv_ack = rte_cpu_to_be_32(ack),
		.data_off = sizeof(tcp) / 4 << 4,
		.tcp_flags = RTE_TCP_PSH_FLAG | RTE_TCP_ACK_FLAG,
		.rx_win = UINT16_MAX,
	};
	const uint16_t len = (uint16_t)(sizeof(tcp) + n);
	uint8_t *ip = f + RTE_ETHER_HDR_LEN, *at = ip + ip_len;

	memset(f, 0, RTE_ETHER_HDR_LEN + ip_len);
	memcpy(f + RTE_ETHER_HDR_LEN - 2,
	       be16_make(v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6).b, 2);
	memcpy(&tcp.src_port, k->src.port.b, 2);
	memcpy(&tcp.dst_port, k->dst.port.b, 2);
	memcpy(at, &tcp, sizeof(tcp));
	memcpy(at + sizeof(tcp), bytes, n);
	if (v4) {
		struct rte_ipv4_hdr h = {
			.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16((uint16_t)(IPV4_HDR + len)),
			.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_TCP,
		};
		const struct be32 src = ip_to_v4(&k->src.ip), dst = ip_to_v4(&k->dst.ip);

		memcpy(&h.src_addr, src.b, 4);
		memcpy(&h.dst_addr, dst.b, 4);
		h.hdr_checksum = rte_ipv4_cksum(&h);
		memcpy(ip, &h, sizeof(h));
		tcp.cksum = rte_ipv4_udptcp_cksum(&h, at);
	} else {
		struct rte_ipv6_hdr h = {
			.vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28),
			.payload_len = rte_cpu_to_be_16(len),
			.proto = IPPROTO_TCP,
			.hop_limits = 64,
		};

		memcpy((uint8_t *)&h + 8, &k->src.ip, 16);
		memcpy((uint8_t *)&h + 24, &k->dst.ip, 16);
		memcpy(ip, &h, sizeof(h));
		tcp.cksum = rte_ipv6_udptcp_cksum(&h, at);
	}
	memcpy(at, &tcp, sizeof(tcp));
	return RTE_ETHER_HDR_LEN + ip_len + len;
}

static void plain_tell(struct worker *w, enum ctl_trace_event e, struct tcp_conn *c, uint32_t n)
{
	const bool out = e == TRACE_SEALED;
	const uint32_t slot = tcp_session(c);
	struct tuple k = { .proto = IPPROTO_TCP };
	struct sock_addr local, remote;
	struct trace *t = w->trace;
	struct trace_stream *s;
	uint32_t len, part;
	struct ctl_trace *r;

	tcp_addrs(w, c, &local, &remote);
	k.src = out ? local : remote;
	k.dst = out ? remote : local;
	n = RTE_MIN(n, t->kept);
	if (n && wanted(w, &k, slot)) {
		s = plain_stream(w, &local, &remote);
		for (uint32_t at = 0; at < n; at += part) {
			part = RTE_MIN(n - at, (uint32_t)TRACE_PLAIN_MSS);
			len = plain_frame(t->frame, &k, s->next[out], s->next[!out],
					  t->kept_plain + at, part);
			s->next[out] += part;
			if (t->filter.n_steps && !bpf_run(t->step, t->frame, len, len))
				continue;
			r = trace_write(w, e, DROP_NONE, &k, slot, len);
			if (!r)
				continue;
			r->n_bytes = RTE_MIN((uint16_t)len, t->filter.bytes);
			memcpy(r->bytes, t->frame, r->n_bytes);
			ring_publish(&t->ring, 1);
		}
		explicit_bzero(t->frame, sizeof(t->frame));
	}
	plain_wipe(t);
}

/* ---- what is looked at ---- */

/* It is shown between the addresses of its connection. */
static void message_look(struct worker *w, enum ctl_trace_event e, enum drop why,
			 struct tcp_conn *c, uint64_t flags, uint32_t len)
{
	const uint32_t slot = tcp_session(c);
	struct tuple k = { .proto = IPPROTO_TCP };

	if (w->trace->filter.frames)
		return;
	tcp_addrs(w, c, &k.src, &k.dst);
	if (((flags & w->trace->mark) || wanted(w, &k, slot)) &&
	    trace_write(w, e, why, &k, slot, len))
		ring_publish(&w->trace->ring, 1);
}

static void trace_look(struct worker *w, enum ctl_trace_event e, enum drop why, struct rte_mbuf *m)
{
	struct trace *t = w->trace;
	struct ctl_trace *r;
	struct tuple k;
	const bool ip = tuple_read(m, &k);
	const uint32_t slot = ip ? session_seen(w, &k) : SLOT_NONE;

	if (!(m->ol_flags & t->mark) && !wanted(w, &k, slot))
		return;
	m->ol_flags |= t->mark;
	if (t->filter.frames) {
		frame_tell(w, e, why, m, &k, ip, slot);
		return;
	}
	r = trace_write(w, e, why, &k, slot, m->pkt_len);
	if (!r)
		return;
	if (t->filter.bytes && ip) {
		const uint16_t n = RTE_MIN((uint16_t)(m->data_len - k.ip), t->filter.bytes);

		r->n_bytes = n;
		memcpy(r->bytes, rte_pktmbuf_mtod_offset(m, const uint8_t *, k.ip), n);
	}
	ring_publish(&t->ring, 1);
}

/* ---- life ---- */

bool trace_create(struct worker *w)
{
	static const struct rte_mbuf_dynflag flag = { .name = "fairlead_traced" };
	struct trace *t = rte_zmalloc("trace", sizeof(*t), 64);
	struct dplane *dp = (struct dplane *)(uintptr_t)w->dp;
	const int bit = rte_mbuf_dynflag_register(&flag);

	dp->trace[w->id] = t;
	if (!t)
		return false;
	t->look = trace_look;
	t->message = message_look;
	t->keep = plain_keep;
	t->plain = plain_tell;
	t->mark = bit < 0 ? 0 : UINT64_C(1) << bit;
	return ring_attach_writer(
	    &t->ring, (struct ring_shm *)((uint8_t *)dp->region + w->boundary.layout.trace),
	    CTL_TRACE_SLOTS);
}

void trace_destroy(struct worker *w)
{
	struct dplane *dp = (struct dplane *)(uintptr_t)w->dp;

	rte_free(dp->trace[w->id]);
	dp->trace[w->id] = NULL;
}

bool trace_set(struct worker *w, const struct cmd_trace *c)
{
	struct trace *t = w->dp->trace[w->id];

	if (c->id == 0) {
		w->trace = NULL;
		return true;
	}
	if ((c->filter.reason != CTL_TRACE_ANY && c->filter.reason >= DROP_MAX) ||
	    c->filter.bytes > CTL_TRACE_BYTES || (c->filter.plaintext && !c->filter.frames) ||
	    c->filter.n_steps > CTL_TRACE_STEPS ||
	    (c->filter.n_steps && !bpf_valid(c->step, c->filter.n_steps)))
		return false;
	if (!w->trace || t->id != c->id) {
		t->filter = c->filter;
		memcpy(t->step, c->step, c->filter.n_steps * sizeof(c->step[0]));
		t->id = c->id;
		t->lost = 0;
	}
	t->until = RTE_MIN(c->until, w->now + CTL_TRACE_LEASE_S);
	w->trace = t;
	return true;
}

void trace_tick(struct worker *w)
{
	if (w->trace && w->trace->until <= w->now)
		w->trace = NULL;
}

void trace_reset(struct worker *w)
{
	ring_reset(&w->dp->trace[w->id]->ring);
	w->trace = NULL;
}
