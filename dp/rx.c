/* SPDX-License-Identifier: BSD-3-Clause */
#include "rx.h"
#include "cmd.h"
#include "dispatch.h"
#include "rx_parse.h"
#include "stage.h"
#include "tap.h"
#include "trace.h"
#include "tx.h"
#include "edge/edge.h"
#include "gateway/context.h"
#include "ipsec/ipsec.h"
#include "relay/path_send.h"
#include "tcp/tcp.h"
#include "dtls/dtls.h"
#include "turn/forward.h"
#include "turn/leg.h"
#include "../lib/chandata.h"
#include "../lib/stun.h"

#include <rte_ethdev.h>
#include <rte_malloc.h>

enum {
	PREFETCH = 4, /* packets ahead */
};

struct rx {
	struct pkt pkt[BURST]; /* those of a burst that have no path */
};

bool rx_create(struct worker *w, char *err, size_t errlen)
{
	w->rx = rte_zmalloc("rx", sizeof(*w->rx), RTE_CACHE_LINE_SIZE);
	if (!w->rx)
		snprintf(err, errlen, "%s: dataplane.memory-mb: too small for worker %u",
			 w->dp->conf->file, w->id);
	return w->rx != NULL;
}

void rx_destroy(struct worker *w)
{
	rte_free(w->rx);
	w->rx = NULL;
}

/*
 * Whether a client's data, ChannelData or Send, may be relayed here; else it is gone. Where its
 * session is another worker's, that has it then. What was handed over for that reason once is not
 * handed on: two redirects must not play ball. Requests need no session: they are answered, or
 * handed up, by the worker that the client's packets come to, which a new allocation will be of.
 */
static inline bool client_has_session(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	const struct session *s;

	if (unlikely(p->slot == SLOT_NONE)) {
		pkt_drop(w, p->m, DROP_NO_SESSION);
		return false;
	}
	s = &w->session[p->slot];
	if (likely(!(s->flags & SESSION_REDIRECT)))
		return true;
	if (mode == RX_REDIRECTED)
		pkt_drop(w, p->m, DROP_REDIRECT_LOOP);
	else
		handover_pkt(w, s->redirect, p, HANDOVER_REDIRECT);
	return false;
}

/* A message at a listener (RFC 8656 5: ChannelData and STUN told apart by the first bits). */
static void listener_input(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	const uint8_t *msg = pkt_payload(p);
	uint16_t len = pkt_payload_len(p), type;

	if (unlikely(p->inner != SLOT_NONE) && edge_input(w, p))
		return;
	if (unlikely(w->dtls) && dplane_is_dtls(w->dp, p->index)) {
		const struct dtls_at at = { { p->src, p->sport },
					    w->dp->listener[p->index],
					    p->index };

		dtls_input(w, p, &at, &leg_dtls_app);
		return;
	}
	if (len >= CHANDATA_HDR_LEN && chandata_looks_like(msg[0])) {
		if (likely(client_has_session(w, p, mode)))
			forward_channel_data(w, p);
		return;
	}
	if (unlikely(len < STUN_HDR_LEN || !stun_looks_like(msg) ||
		     be16_read(msg + 2) + STUN_HDR_LEN != len)) {
		pkt_drop(w, p->m, DROP_STUN_BAD);
		return;
	}
	type = be16_read(msg);
	if (type == stun_type(STUN_SEND, STUN_INDICATION)) {
		if (likely(client_has_session(w, p, mode)))
			forward_send(w, p);
	} else if (!pkt_l4_csum_ok(w, p)) {
		pkt_drop(w, p->m, DROP_UDP_CSUM);
	} else if (type == stun_type(STUN_BINDING, STUN_REQUEST)) {
		binding_answer(w, p);
	} else if (type == stun_type(STUN_BINDING, STUN_INDICATION)) {
		pkt_consume(w, p->m); /* keep-alive (RFC 8445 11) */
	} else if (stun_type_class(type) == STUN_REQUEST) {
		punt(w, p);
	} else {
		pkt_drop(w, p->m, DROP_STUN_METHOD);
	}
}

/* Looks up the sessions of n clients' packets in one go. */
static void flow_lookup(struct worker *w, struct pkt **p, uint16_t n)
{
	uint64_t hash[BURST];
	uint16_t i;

	for (i = 0; i < n; i++) {
		hash[i] = flow_hash(w->dp->hash_key, &p[i]->src, p[i]->sport, p[i]->index);
		rte_prefetch0(flow_home(&w->flows, hash[i]));
	}
	for (i = 0; i < n; i++) {
		struct flow_cursor c = flow_find(&w->flows, hash[i]);

		p[i]->slot = flow_next(&w->flows, &c);
		if (p[i]->slot != SLOT_NONE)
			rte_prefetch0(&w->session[p[i]->slot]);
	}
	for (i = 0; i < n; i++)
		p[i]->slot = session_find(w, hash[i], &p[i]->src, p[i]->sport, p[i]->index);
}

/* Peers' packets: relayed port to session or component; the parse fetched the table's line. */
static void relay_lookup(struct worker *w, struct pkt **p, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		p[i]->slot = *relayed_slot(w, p[i]->index, be16_get(p[i]->dport));
		if (relayed_is_session(p[i]->slot))
			rte_prefetch0(&w->session[p[i]->slot]);
	}
}

/*
 * First line of each session, if it is one: is it alive? Then the second is fetched. One line after
 * the other for the whole burst keeps more misses in flight than both lines of one session at a
 * time.
 */
static void session_check(struct worker *w, struct pkt **p, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (unlikely(!relayed_is_session(p[i]->slot)))
			continue;
		p[i]->live = w->session[p[i]->slot].expiry > w->now;
		rte_prefetch0(&w->session[p[i]->slot].first);
	}
}

/*
 * Packets to ports that nobody has, and SYNs. Controllers are answered once a command is in its
 * ring, so that is obeyed first; but after what was known: no end overtakes a context's last bytes.
 */
static void rx_unknown(struct worker *w, struct pkt **peer, uint16_t n_peer, struct pkt **syn,
		       uint16_t n_syn)
{
	stage_work(w, STAGE_COMMANDS, cmd_input(w, CMD_AHEAD));
	relay_lookup(w, peer, n_peer);
	session_check(w, peer, n_peer);
	for (uint16_t i = 0; i < n_peer; i++)
		if (!dispatch_relayed(w, peer[i]))
			pkt_drop(w, peer[i]->m, DROP_RELAY_PORT);
	media_end(w);
	stage_work(w, STAGE_GENERAL, n_peer);
	tcp_input(w, syn, n_syn);
	stage_work(w, STAGE_TCP_INPUT, n_syn);
}

static void rx_general(struct worker *w, struct rte_mbuf **m, uint16_t n, uint16_t port,
		       enum rx_mode mode);

/* What was in ESP goes the general way, as all of it came by one port. */
static __rte_noinline void rx_esp(struct worker *w, struct pkt **p, uint16_t n, uint16_t port)
{
	struct rte_mbuf *inner[BURST];
	const uint16_t k = ipsec_input(w, p, n, inner);

	stage_end(w, STAGE_IPSEC, n);
	if (k)
		rx_general(w, inner, k, port, RX_INNER);
}

static uint32_t inner_of(const struct rte_mbuf *m, enum rx_mode mode, bool handed)
{
	if (mode == RX_INNER)
		return m->hash.usr;
	return handed && m->hash.usr & HANDOVER_INNER ? INNER_JUDGED : SLOT_NONE;
}

/* Packets that have no path, see relay/path.h. */
static void rx_general(struct worker *w, struct rte_mbuf **m, uint16_t n, uint16_t port,
		       enum rx_mode mode)
{
	struct pkt *client[BURST], *peer[BURST], *tcp[BURST], *syn[BURST], *esp[BURST];
	bool handed = mode == RX_STEERED || mode == RX_REDIRECTED;
	uint16_t i, n_client = 0, n_peer = 0, n_tcp = 0, n_syn = 0, n_nobody = 0, n_esp = 0;

	for (i = 0; i < PREFETCH && i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (i = 0; i < n; i++) {
		struct pkt *p = &w->rx->pkt[i];

		if (i + PREFETCH < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + PREFETCH], void *));
		p->m = m[i];
		p->in_port = port;
		p->whole = handed && m[i]->hash.usr & HANDOVER_WHOLE;
		p->inner = inner_of(m[i], mode, handed);
		switch (pkt_parse(w, p, mode)) {
		case PKT_LISTENER:
			client[n_client++] = p;
			break;
		case PKT_RELAY:
			rte_prefetch0(relayed_slot(w, p->index, be16_get(p->dport)));
			peer[n_peer++] = p;
			break;
		case PKT_TCP:
			tcp[n_tcp++] = p;
			break;
		case PKT_SYN:
			syn[n_syn++] = p;
			break;
		case PKT_ESP:
			esp[n_esp++] = p;
			break;
		case PKT_TAKEN:
			break;
		}
	}
	if (n_client)
		flow_lookup(w, client, n_client);
	relay_lookup(w, peer, n_peer);
	session_check(w, client, n_client);
	session_check(w, peer, n_peer);
	for (i = 0; i < n_client; i++)
		listener_input(w, client[i], mode);
	for (i = 0; i < n_peer; i++)
		if (unlikely(!dispatch_relayed(w, peer[i])))
			peer[n_nobody++] = peer[i];
	media_end(w);
	stage_end(w, STAGE_GENERAL, n - n_nobody);
	if (n_tcp)
		tcp_input(w, tcp, n_tcp);
	stage_work(w, STAGE_TCP_INPUT, n_tcp);
	if (n_nobody || n_syn)
		rx_unknown(w, peer, n_nobody, syn, n_syn);
	if (unlikely(n_esp))
		rx_esp(w, esp, n_esp, port);
}

/* The short way. Returns how many packets are left, in their order, at the start of m. */
static uint16_t rx_paths(struct worker *w, struct rte_mbuf **m, uint16_t n, uint16_t port,
			 bool handed)
{
	struct path_terms terms;
	uint64_t sent = path_burst(w, m, n, &w->dp->port[port], handed, &terms);
	uint16_t i, left = 0;

	if (terms.n)
		sent |= media_burst(w, &terms);
	if (likely(sent == (UINT64_C(1) << n) - 1))
		return 0;
	for (i = 0; i < n; i++)
		if (!(sent & UINT64_C(1) << i))
			m[left++] = m[i];
	return left;
}

/* While there is a trace all go the general way. */
static __rte_noinline void rx_trace(struct worker *w, struct rte_mbuf **m, uint16_t n,
				    uint16_t port, enum rx_mode mode)
{
	trace_port(w, port);
	for (uint16_t i = 0; mode != RX_COPY && i < n; i++)
		trace_packet(w, mode == RX_FRESH ? TRACE_RECEIVED : TRACE_HANDED, m[i]);
}

void rx_burst(struct worker *w, struct rte_mbuf **m, uint16_t n, uint16_t port, enum rx_mode mode)
{
	if (unlikely(w->trace))
		rx_trace(w, m, n, port, mode);
	else if (likely(mode == RX_FRESH || mode == RX_STEERED))
		n = rx_paths(w, m, n, port, mode == RX_STEERED);
	if (unlikely(n))
		rx_general(w, m, n, port, mode);
}

/* What came in by a port. */
static void rx_port(struct worker *w, struct rte_mbuf **m, uint16_t n, uint16_t port)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += m[i]->pkt_len;
	stat_add(&w->port_counters[port].rx_packets, n);
	stat_add(&w->port_counters[port].rx_bytes, bytes);
	rx_burst(w, m, n, port, RX_FRESH);
}

/* A frame's VLAN; 0: it has none. */
static uint16_t frame_vlan(const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *v = (const struct rte_vlan_hdr *)(eth + 1);

	if (rte_pktmbuf_data_len(m) < sizeof(*eth) + sizeof(*v) ||
	    eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_VLAN))
		return 0;
	return rte_be_to_cpu_16(v->vlan_tci) & 0xfff;
}

/*
 * What came in by a device that several ports share: each has the frames of its VLAN, in their
 * order. Those of no port go to the first, which drops them.
 */
static __rte_noinline void rx_shared(struct worker *w, struct rte_mbuf **m, uint16_t n,
				     uint16_t first)
{
	uint16_t vlan[BURST], left = n, port = first;
	struct rte_mbuf *own[BURST];

	for (uint16_t i = 0; i < n; i++)
		vlan[i] = frame_vlan(m[i]);
	do {
		const struct port *p = &w->dp->port[port];
		const bool gone = port_is_gone(p);
		uint16_t n_own = 0, n_others = 0;

		for (uint16_t i = 0; i < left; i++) {
			if (vlan[i] == p->vlan && !gone) {
				own[n_own++] = m[i];
			} else {
				vlan[n_others] = vlan[i];
				m[n_others++] = m[i];
			}
		}
		if (n_own)
			rx_port(w, own, n_own, port);
		left = n_others;
		port = atomic_load_explicit(&p->next, memory_order_acquire);
	} while (port && left);
	if (left)
		rx_port(w, m, left, first);
}

/* Whether a burst of n frames was all that waited. */
static bool all_taken(const struct worker *w, const struct port *p, uint16_t n)
{
	return n < BURST && (likely(!p->tap) || !tap_left(p, w->id));
}

uint32_t rx_ports(struct worker *w)
{
	struct rte_mbuf *m[BURST];
	uint32_t total = 0;
	const uint16_t n_ports = worker_ports(w);
	uint16_t i, n;

	w->polls.times++;
	for (i = 0; i < n_ports; i++) {
		const struct port *port = &w->dp->port[i];

		if (w->id >= port->rx_queues || unlikely(port_is_out(port)))
			continue;
		n = rte_eth_rx_burst(port->id, w->id, m, BURST);
		batch_count(w->counters->rx_burst, n);
		w->polls.part |= (uint32_t)all_taken(w, port, n) << i;
		if (n == 0) {
			w->polls.none |= 1u << i;
			continue;
		}
		w->polls.some |= 1u << i;
		count_add(w, CNT_RX, n);
		stage_end(w, STAGE_RX, n);
		if (unlikely(atomic_load_explicit(&port->next, memory_order_relaxed)))
			rx_shared(w, m, n, i);
		else
			rx_port(w, m, n, i);
		total += n;
	}
	return total;
}
