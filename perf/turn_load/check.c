/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What came. A burst is gone through twice: what it is and whose, then its session, which is on its
 * way to the cache by then.
 */
#include "turn_load.h"

#include "lib/chandata.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

enum { BURSTS_MAX = 4, SUM_EVERY = 64 };

struct arrival {
	struct half *half;
	struct packet p;
	struct stamp stamp;
	enum way way;
};

/*
 * Whether it is a datagram of ours, at the end it was for. What a datagram begins with tells: a
 * stamp, or the header that a channel puts before it.
 */
static inline bool arrival_parse(struct rte_mbuf *m, struct arrival *a)
{
	uint32_t overhead = sizeof(struct udp_hdr);
	const uint8_t *payload;
	uint16_t channel = 0;
	int in_channel = 0;

	if (!packet_parse(m, &a->p) || a->p.proto != PROTO_UDP ||
	    a->p.l4_len < overhead + sizeof(struct stamp))
		return false;
	payload = a->p.l4 + sizeof(struct udp_hdr);
	if (chandata_looks_like(payload[0])) {
		in_channel = chandata_parse(payload, a->p.l4_len - overhead, &channel);
		payload += CHANDATA_HDR_LEN;
		overhead += CHANDATA_HDR_LEN;
	}
	if (a->p.l4_len < overhead + sizeof(struct stamp))
		return false;
	memcpy(&a->stamp, payload, sizeof(a->stamp));
	a->way = (enum way)stamp_way(a->stamp.magic);
	if ((uint32_t)a->way >= WAYS || a->stamp.session >= opt.sessions)
		return false;
	a->half = &session[a->stamp.session].half[a->way];
	/* All lengths, and ChannelData of its channel where it must be and only there. */
	if (a->p.l4_len != overhead + opt.size ||
	    be16_get(((const struct udp_hdr *)a->p.l4)->len) != a->p.l4_len ||
	    (channel != 0) != (a->way == DOWN && opt.turn) ||
	    (channel && (channel != CHANNEL_MIN || in_channel != (int)opt.size)))
		a->half = NULL;
	return true;
}

/* Whether an address of a packet and a port of it are these. */
static inline bool end_is(const struct packet *p, const uint8_t *ip, struct be16 udp_port,
			  const struct sock_addr *a)
{
	size_t n = p->v6 ? 16 : 4;

	return memcmp(ip, a->ip.b + 16 - n, n) == 0 && be16_eq(udp_port, a->port);
}

static inline bool ends_are(const struct packet *p, const struct sock_addr *src,
			    const struct sock_addr *dst)
{
	const struct udp_hdr *udp = (const struct udp_hdr *)p->l4;
	const uint8_t *ip =
	    p->l3 + (p->v6 ? offsetof(struct ipv6_hdr, src) : offsetof(struct ipv4_hdr, src));

	return end_is(p, ip, udp->src, src) && end_is(p, ip + (p->v6 ? 16 : 4), udp->dst, dst);
}

/*
 * Whether it came from where its session's datagrams come from, to where it should. With --raw
 * it is as it was sent, or sent back.
 */
static inline bool arrival_addressed(const struct arrival *a)
{
	struct sock_addr client = session_addr(CLIENT, a->stamp.session);
	struct sock_addr peer = session_addr(PEER, a->stamp.session);
	const struct session *s = &session[a->stamp.session];

	if (opt.raw)
		return ends_are(&a->p, &client, &peer) || ends_are(&a->p, &peer, &client);
	if (opt.legs) /* the gateway's other end, which is on the line of the other way */
		return a->way == UP ? ends_are(&a->p, &s->half[DOWN].far, &peer)
				    : ends_are(&a->p, &s->half[UP].far, &client);
	return a->way == UP ? ends_are(&a->p, &a->half->far, &peer)
			    : ends_are(&a->p, &opt.server, &client);
}

/* Right, or over IPv4 left out (RFC 768). */
static bool checksum_right(const struct packet *p)
{
	const struct udp_hdr *udp = (const struct udp_hdr *)p->l4;

	return (!p->v6 && be16_get(udp->sum) == 0) || packet_sum(p) == 0xffff;
}

/* The checksum of each 64th is verified: all, if one is wrong for a reason. */
static inline bool arrival_whole(const struct arrival *a)
{
	static uint32_t n;

	return ++n % SUM_EVERY || checksum_right(&a->p);
}

static inline void arrival_count(const struct arrival *a, uint64_t now)
{
	struct tally *t = &trial.tally[a->way];
	enum track_verdict v;

	if (!a->half || !arrival_addressed(a) || !arrival_whole(a)) {
		t->strays++;
		return;
	}
	v = track_number(&a->half->track, a->stamp.sequence);
	if (v <= TRACK_REORDERED)
		t->in_time += trial_measures(now);
	if (!trial_measures(a->stamp.at))
		return;
	switch (v) {
	case TRACK_REORDERED:
		t->reordered++;
		/* fall through */
	case TRACK_IN_ORDER:
		t->delivered++;
		histogram_record(&t->latency, now - a->stamp.at);
		break;
	case TRACK_DUPLICATE:
		t->duplicated++;
		break;
	case TRACK_LATE:
		t->late++;
		break;
	}
}

/* Neighbours, the server's responses; what else there may be on a link is passed over. */
static void other(struct port *p, struct rte_mbuf *m)
{
	struct packet k;

	if (neighbour_input(p, m) || !packet_parse(m, &k) || k.proto != PROTO_UDP ||
	    k.l4_len < sizeof(struct udp_hdr) + STUN_HDR_LEN || !checksum_right(&k))
		return;
	if (stun_looks_like(k.l4 + sizeof(struct udp_hdr)))
		turn_input(k.l4 + sizeof(struct udp_hdr), k.l4_len - sizeof(struct udp_hdr));
}

static uint32_t burst_check(struct port *p, struct rte_mbuf **m, uint16_t n, uint64_t now)
{
	struct arrival a[BURST];
	uint32_t k = 0;
	uint16_t i;

	for (i = 0; i < n; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(m[i], uint8_t *));
		rte_prefetch0(rte_pktmbuf_mtod(m[i], uint8_t *) + RTE_CACHE_LINE_SIZE);
	}
	for (i = 0; i < n; i++) {
		if (!arrival_parse(m[i], &a[k])) {
			other(p, m[i]);
			continue;
		}
		rte_prefetch0(a[k++].half);
	}
	for (i = 0; i < k; i++)
		arrival_count(&a[i], now);
	rte_pktmbuf_free_bulk(m, n);
	return k;
}

uint32_t check_poll(void)
{
	struct rte_mbuf *m[BURST];
	uint32_t total = 0;

	for (uint16_t i = 0; i < n_port; i++) {
		for (int b = 0; b < BURSTS_MAX; b++) {
			uint64_t begin = rte_rdtsc(), now;
			uint16_t n = rte_eth_rx_burst(port[i].id, 0, m, BURST);
			uint32_t k;

			if (!n)
				break;
			now = rte_rdtsc();
			k = burst_check(&port[i], m, n, now);
			trial.cost.driver += now - begin;
			trial.cost.check += rte_rdtsc() - now;
			trial.cost.check_n += k;
			total += k;
			if (n < BURST)
				break;
		}
	}
	return total;
}
