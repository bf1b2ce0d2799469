/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams out. All buffers of a way hold the same frame, written once; the driver gives them back
 * as they were. A datagram is what differs: addresses, stamp, and a checksum that is the sum of
 * what its session has in common, sequence number and time.
 *
 * Sessions are walked by a stride of the golden ratio: each is met as long after its last time as
 * can be, as with calls that each send every 20 ms, and no prefetcher of the relay's CPU sees it
 * come.
 */
#include "turn_load.h"

#include "lib/chandata.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

enum { AHEAD = 16 };

/* Where things are in a frame. */
struct shape {
	uint32_t udp, stamp, len; /* UDP header, struct stamp, whole frame */
};

static struct maker {
	struct rte_mempool *pool;
	uint16_t port;
	enum side from;
	bool v6, to_far; /* to_far: the destination is the session's, not the template's */
	struct shape at;
	uint8_t frame[RTE_ETHER_MAX_LEN]; /* the template */
	uint32_t next, ahead, stride;	  /* sessions */
	uint32_t own4;			  /* last 32 bits of our first address, host order */
	struct rte_mbuf *m[BURST];	  /* made; those from done on wait for the device */
	uint64_t due[BURST];		  /* their stamps */
	uint16_t n, done;
	bool again; /* they have been refused before */
} maker[WAYS];

/* ---- templates ---- */

/* A template without addresses, of all zero but for what every datagram has. */
static void template_write(struct maker *k, enum way w)
{
	bool channel = w == UP && opt.turn;
	struct stamp stamp = { .magic = stamp_magic(w) };
	uint16_t len =
	    (uint16_t)(sizeof(struct udp_hdr) + (channel ? CHANDATA_HDR_LEN : 0) + opt.size);
	struct sock_addr from = session_addr(k->from, 0);
	struct sock_addr to = k->to_far ? session[0].half[w].far : opt.server;
	struct udp_hdr udp = { .dst = to.port, .len = be16_make(len) };
	struct eth_hdr eth;

	k->v6 = !ip_is_v4(&from.ip);
	k->at.udp = k->v6 ? L4_AT6 : L4_AT4;
	k->at.len = k->at.udp + len;
	k->at.stamp = k->at.len - opt.size;
	memset(k->frame, 0x5a, sizeof(k->frame));
	memcpy(eth.dst, next_hop[k->from].addr_bytes, sizeof(eth.dst));
	memcpy(eth.src, port[k->from == CLIENT ? 0 : n_port - 1].mac.addr_bytes, sizeof(eth.src));
	eth.type = be16_make(k->v6 ? ETH_IPV6 : ETH_IPV4);
	memcpy(k->frame, &eth, sizeof(eth));
	ip_write(k->frame + L3_AT, &from.ip, &to.ip, len);
	memcpy(k->frame + k->at.udp, &udp, sizeof(udp));
	if (channel)
		chandata_write(k->frame + k->at.stamp - CHANDATA_HDR_LEN, CHANNEL_MIN,
			       (uint16_t)opt.size);
	memcpy(k->frame + k->at.stamp, &stamp, sizeof(stamp));
}

/* Sums of what the datagrams of session i have in common, from the frame of its first one. */
static void session_sums(const struct maker *k, enum way w, uint32_t i)
{
	struct half *h = &session[i].half[w];
	struct sock_addr from = session_addr(k->from, i), to = k->to_far ? h->far : opt.server;
	uint16_t len = (uint16_t)(k->at.len - k->at.udp);
	struct stamp stamp = { .magic = stamp_magic(w), .session = i };
	struct udp_hdr udp = { .src = from.port, .dst = to.port, .len = be16_make(len) };
	uint8_t f[RTE_ETHER_MAX_LEN];
	struct packet p = {
		.l3 = f + L3_AT, .l4 = f + k->at.udp, .l4_len = len, .proto = PROTO_UDP, .v6 = k->v6
	};

	memcpy(f, k->frame, k->at.len);
	ip_write(p.l3, &from.ip, &to.ip, len);
	memcpy(p.l4, &udp, sizeof(udp));
	memcpy(f + k->at.stamp, &stamp, sizeof(stamp));
	h->sum = packet_sum(&p);
	memcpy(&h->ip_sum, p.l3 + offsetof(struct ipv4_hdr, sum), sizeof(h->ip_sum));
}

static void buffer_fill(struct rte_mempool *pool, void *maker_of, void *mbuf, unsigned int i)
{
	const struct maker *k = maker_of;
	struct rte_mbuf *m = mbuf;

	(void)pool;
	(void)i;
	memcpy((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM, k->frame, k->at.len);
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

static uint32_t walk_stride(uint32_t n)
{
	uint32_t stride = (uint32_t)((double)n * 0.6180339887);

	while (n > 1 && gcd(n, stride) != 1)
		stride++;
	return n > 1 ? stride : 0;
}

static inline uint32_t walk(const struct maker *k, uint32_t i)
{
	i += k->stride;
	return i >= opt.sessions ? i - opt.sessions : i;
}

static void maker_open(struct maker *k, enum way w)
{
	struct be32 low;

	k->from = w == UP ? CLIENT : PEER;
	k->port = side_port(k->from)->id;
	k->to_far = !opt.turn || w == DOWN;
	memcpy(low.b, opt.block[k->from].ip.b + 12, sizeof(low));
	k->own4 = be32_get(low);
	template_write(k, w);
	for (uint32_t i = 0; i < opt.sessions; i++)
		session_sums(k, w, i);
	/* What a device may hold, what waits, and what the pool's cache keeps from others. */
	k->pool = pool_new(w == UP ? "up" : "down", 2 * opt.descs + 1023, k->at.len);
	rte_mempool_obj_iter(k->pool, buffer_fill, k);
	k->stride = walk_stride(opt.sessions);
	/* The ways are half a turn apart, or one would warm the relay's tables for the other. */
	k->next = w == UP ? 0 : opt.sessions / 2;
	k->ahead = k->next;
	for (int i = 0; i < AHEAD; i++)
		k->ahead = walk(k, k->ahead);
}

void make_open(void)
{
	for (int w = 0; w < WAYS; w++) {
		for (uint32_t i = 0; opt.raw && i < opt.sessions; i++)
			session[i].half[w].far = session_addr(w == UP ? PEER : CLIENT, i);
		maker_open(&maker[w], (enum way)w);
	}
}

/* ---- datagrams ---- */

/* What differs between datagrams, into a frame of the template. */
static __rte_always_inline void frame_finish(uint8_t *f, struct half *h, uint32_t i, uint64_t at,
					     const struct maker *k, const bool v6,
					     const bool to_far)
{
	struct stamp *s = (struct stamp *)(f + k->at.stamp);
	struct udp_hdr *udp = (struct udp_hdr *)(f + (v6 ? L4_AT6 : L4_AT4));
	struct be32 own = be32_make(k->own4 + i / SESSION_PORTS);
	uint64_t sum;

	if (v6) {
		struct ipv6_hdr *ip = (struct ipv6_hdr *)(f + L3_AT);

		memcpy(ip->src.b + 12, own.b, sizeof(own));
		if (to_far)
			ip->dst = h->far.ip;
	} else {
		struct ipv4_hdr *ip = (struct ipv4_hdr *)(f + L3_AT);

		memcpy(&ip->sum, &h->ip_sum, sizeof(ip->sum));
		ip->src = own;
		if (to_far)
			ip->dst = ip_to_v4(&h->far.ip);
	}
	udp->src = be16_make(session_udp_port(i));
	if (to_far)
		udp->dst = h->far.port;
	s->session = i;
	s->sequence = h->sent;
	s->at = at;
	sum = (uint64_t)h->sum + h->sent + (uint32_t)at + (at >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum_write(&udp->sum, (uint32_t)sum);
	h->sent++;
}

static __rte_always_inline void frames_make(struct maker *k, enum way w, const bool v6,
					    const bool to_far)
{
	for (uint16_t j = 0; j < k->n; j++) {
		struct rte_mbuf *m = k->m[j];
		uint32_t i = k->next;

		rte_prefetch0(&session[k->ahead].half[w]);
		k->ahead = walk(k, k->ahead);
		k->next = walk(k, i);
		m->data_len = (uint16_t)k->at.len;
		m->pkt_len = k->at.len;
		frame_finish(rte_pktmbuf_mtod(m, uint8_t *), &session[i].half[w], i, k->due[j], k,
			     v6, to_far);
	}
}

bool make_burst(enum way w, const uint64_t *at, uint16_t n)
{
	struct maker *k = &maker[w];
	uint64_t begin = rte_rdtsc();

	if (rte_pktmbuf_alloc_bulk(k->pool, k->m, n) != 0)
		return false; /* the device has them all */
	memcpy(k->due, at, n * sizeof(*at));
	k->n = n;
	k->done = 0;
	k->again = false;
	if (k->v6 && k->to_far)
		frames_make(k, w, true, true);
	else if (k->v6)
		frames_make(k, w, true, false);
	else if (k->to_far)
		frames_make(k, w, false, true);
	else
		frames_make(k, w, false, false);
	trial.cost.make += rte_rdtsc() - begin;
	trial.cost.make_n += n;
	return true;
}

/* How many of those from first up to end the trial measures. */
static uint16_t measured(const struct maker *k, uint16_t first, uint16_t end)
{
	uint16_t n = 0;

	for (; first < end; first++)
		n += trial_measures(k->due[first]);
	return n;
}

uint16_t make_send(enum way w)
{
	struct maker *k = &maker[w];
	struct tally *t = &trial.tally[w];
	uint64_t begin = rte_rdtsc(), end;
	uint16_t first = k->done, sent;

	sent = rte_eth_tx_burst(k->port, 0, k->m + first, (uint16_t)(k->n - first));
	end = rte_rdtsc();
	trial.cost.driver += end - begin;
	k->done = (uint16_t)(first + sent);
	t->offered += measured(k, first, k->done);
	t->refused += k->again ? 0 : measured(k, k->done, k->n);
	k->again = true;
	if (sent && trial_measures(k->due[first])) {
		t->behind = RTE_MAX(t->behind, end - k->due[first]);
		trial.sent_until = end;
	}
	return sent;
}

bool make_pending(enum way w)
{
	return maker[w].done < maker[w].n;
}

uint16_t make_drop(enum way w)
{
	struct maker *k = &maker[w];
	uint16_t n = measured(k, k->done, k->n);

	rte_pktmbuf_free_bulk(k->m + k->done, (unsigned int)(k->n - k->done));
	k->n = k->done = 0;
	return n;
}
