/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The far end that is known to do wrong: each datagram goes back to its sender, but for those that
 * are lost, repeated, delayed or swapped, which are told by counting. What goes back waits for the
 * device, so nothing else is lost here. Swapping addresses leaves every checksum as it was.
 */
#include "turn_load.h"

#include <rte_ethdev.h>
#include <stdio.h>
#include <unistd.h>

enum {
	HELD_MAX = 4096,
	FLUSH_MS = 100, /* without a successor, what is held goes all the same */
	REST_MS = 100,	/* of silence; then it naps, see ports_close() */
	NAP_US = 1000,
	FULL_MS = 1000, /* a device that takes nothing for so long has nobody behind it */
};

/* Held back: until its time, and until another has gone after it came. */
struct held {
	struct rte_mbuf *m;
	uint16_t port;	     /* index */
	uint64_t due, flush; /* TSC */
	uint64_t after;	     /* goes once more than so many have gone straight back */
};

/* On its way back. */
struct out {
	struct rte_mbuf *m[BURST];
	uint16_t n;
};

static struct {
	struct out out[PORTS_MAX];
	uint64_t received, sent, straight, lost, repeated, delayed, swapped, spoiled, refused;
	struct held held[HELD_MAX]; /* in the order of their coming */
	uint32_t head, tail;	    /* modulo HELD_MAX */
	struct held swap;
	uint64_t hz;
} mirror;

static void swap_bytes(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t x = a[i];

		a[i] = b[i];
		b[i] = x;
	}
}

static void turn_back(struct rte_mbuf *m, const struct packet *k)
{
	struct eth_hdr *e = rte_pktmbuf_mtod(m, struct eth_hdr *);
	struct udp_hdr *u = (struct udp_hdr *)k->l4;
	size_t n = k->v6 ? 16 : 4;
	uint8_t *addresses =
	    k->l3 + (k->v6 ? offsetof(struct ipv6_hdr, src) : offsetof(struct ipv4_hdr, src));

	swap_bytes(e->dst, e->src, sizeof(e->dst));
	swap_bytes(addresses, addresses + n, n);
	swap_bytes(u->src.b, u->dst.b, sizeof(u->src));
}

/* Sends what waits on a port, however long the device takes. */
static void out_flush(uint16_t i)
{
	struct out *o = &mirror.out[i];
	uint64_t end = rte_rdtsc() + mirror.hz * FULL_MS / 1000;
	uint16_t done = 0;

	while (done < o->n && rte_rdtsc() < end && !stop)
		done = (uint16_t)(done + rte_eth_tx_burst(port[i].id, 0, o->m + done,
							  (uint16_t)(o->n - done)));
	rte_pktmbuf_free_bulk(o->m + done, (unsigned int)(o->n - done));
	mirror.sent += done;
	mirror.refused += (uint64_t)(o->n - done);
	o->n = 0;
}

static void out_put(uint16_t i, struct rte_mbuf *m)
{
	struct out *o = &mirror.out[i];

	if (o->n == BURST)
		out_flush(i);
	o->m[o->n++] = m;
}

static bool nth(uint64_t n, uint32_t every)
{
	return every && n % every == 0;
}

static bool held_may_go(const struct held *h, uint64_t now)
{
	return now >= h->flush || (now >= h->due && mirror.straight > h->after);
}

static void held_release(uint64_t now)
{
	struct held *h;

	if (mirror.swap.m && held_may_go(&mirror.swap, now)) {
		out_put(mirror.swap.port, mirror.swap.m);
		mirror.swap.m = NULL;
	}
	while (mirror.head != mirror.tail) {
		h = &mirror.held[mirror.head % HELD_MAX];
		if (!held_may_go(h, now))
			return;
		out_put(h->port, h->m);
		mirror.head++;
	}
}

/* A wrong destination address, port or length, in turn: what a checksum that is left out hides. */
static void spoil(const struct packet *k)
{
	struct udp_hdr *udp = (struct udp_hdr *)k->l4;
	uint8_t *wrong[] = { k->l3 + (k->v6 ? sizeof(struct ipv6_hdr) : sizeof(struct ipv4_hdr)) -
				 1,
			     udp->dst.b + 1, udp->len.b + 1 };

	udp->sum = be16_make(0);
	++*wrong[mirror.spoiled++ % RTE_DIM(wrong)];
}

/* One datagram that came: back, or what was asked for. */
static void reflect_one(uint16_t i, struct rte_mbuf *m, const struct packet *k, uint64_t now)
{
	uint64_t n = ++mirror.received;
	struct held h = { .m = m,
			  .port = i,
			  .flush = now + mirror.hz * FLUSH_MS / 1000,
			  .after = mirror.straight };

	if (nth(n, opt.spoil_every))
		spoil(k);
	if (nth(n, opt.lose_every)) {
		mirror.lost++;
		rte_pktmbuf_free(m);
	} else if (nth(n, opt.delay_every) && mirror.tail - mirror.head < HELD_MAX) {
		mirror.delayed++;
		h.due = now + mirror.hz * opt.delay_us / 1000000;
		h.flush += h.due - now;
		mirror.held[mirror.tail++ % HELD_MAX] = h;
	} else if (nth(n, opt.swap_every) && !mirror.swap.m) {
		mirror.swapped++;
		mirror.swap = h;
	} else {
		struct rte_mbuf *copy =
		    nth(n, opt.repeat_every) ? rte_pktmbuf_copy(m, slow_pool, 0, UINT32_MAX) : NULL;

		out_put(i, m);
		mirror.straight++;
		if (copy) {
			mirror.repeated++;
			out_put(i, copy);
		}
	}
	held_release(now);
}

static void reflect_burst(uint16_t i, struct rte_mbuf **m, uint16_t n)
{
	uint64_t now = rte_rdtsc();
	struct packet k;

	for (uint16_t j = 0; j < n; j++) {
		if (neighbour_input(&port[i], m[j]) || !packet_parse(m[j], &k) ||
		    k.proto != PROTO_UDP) {
			rte_pktmbuf_free(m[j]);
			continue;
		}
		turn_back(m[j], &k);
		reflect_one(i, m[j], &k, now);
	}
	held_release(now);
	for (i = 0; i < n_port; i++)
		out_flush(i);
}

/* One poll of all ports. Returns whether anything came. */
static bool reflect_poll(void)
{
	struct rte_mbuf *m[BURST];
	bool came = false;

	for (uint16_t i = 0; i < n_port; i++) {
		uint16_t n = rte_eth_rx_burst(port[i].id, 0, m, BURST);

		reflect_burst(i, m, n);
		came |= n != 0;
	}
	ports_flush();
	return came;
}

void reflect(void)
{
	uint64_t now = rte_rdtsc(), last = now;

	mirror.hz = rte_get_tsc_hz();
	note("reflecting");
	while (!stop) {
		now = rte_rdtsc();
		if (reflect_poll())
			last = now;
		else if (now - last > mirror.hz * REST_MS / 1000)
			usleep(NAP_US);
	}
	printf("{\"received\": %ju, \"sent\": %ju, \"lost\": %ju, \"repeated\": %ju, "
	       "\"delayed\": %ju, \"swapped\": %ju, \"spoiled\": %ju, \"refused\": %ju}\n",
	       (uintmax_t)mirror.received, (uintmax_t)mirror.sent, (uintmax_t)mirror.lost,
	       (uintmax_t)mirror.repeated, (uintmax_t)mirror.delayed, (uintmax_t)mirror.swapped,
	       (uintmax_t)mirror.spoiled, (uintmax_t)mirror.refused);
	fflush(stdout);
}
