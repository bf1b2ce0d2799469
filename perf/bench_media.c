/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles per packet of contexts of RTP, from received mbuf to filled transmit batch, from either
 * side to the other, over the number of contexts; of RTCP, which with -m comes to the port of RTP
 * (RFC 5761); cycles of an ICE check answered; and bytes per context. Each packet belongs to a
 * context drawn at random, as in bench_relay; each context has a pair of ports on either side, for
 * RTP and RTCP, and remote addresses of its own.
 *
 * Bytes per context: what a worker with room for n of them takes of DPDK's heap, without packet
 * buffers, over n. What it takes whatever n is, and its tables of relayed ports, are in it, and
 * would be all of it for few contexts: printed from 100,000 on.
 */
#include "null_worker.h"

#include "../dp/gateway/context.h"
#include "../lib/stun.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <rte_random.h>
#include <stdlib.h>

enum {
	PORT_MIN = 2,
	PORT_MAX = 65533,
	PAIRS_PER_RELAY = (PORT_MAX + 1 - PORT_MIN) / 2,
	BYTES_FROM = 100000, /* contexts */
};

static const uint32_t remote_net[SIDES] = { 0x0b000000, 0x0c000000 };
static const uint32_t relay_net[SIDES] = { 0xc0000200, 0xc6336400 };
static const char ufrag[] = "fairlead", pwd[] = "a-password-of-22-bytes";

static bool v6[SIDES];
static bool mux;

/* Relays of the first side, then as many of the second. */
static uint32_t relays(void)
{
	return null_opt.n / PAIRS_PER_RELAY + 1;
}

static void config_fill(void)
{
	struct ip_addr ip;
	uint32_t side, i;

	null_config(1);
	null_conf.gateway = (struct config_gateway){ .contexts = null_opt.n + 1, .latch_ms = 3000 };
	for (side = 0; side < SIDES; side++)
		for (i = 0; i < relays(); i++) {
			ip = null_ip(v6[side], relay_net[side] + i);
			null_relay(&ip, PORT_MIN, PORT_MAX);
		}
}

static struct ctl_relay local_of(uint32_t i, uint32_t side)
{
	return (struct ctl_relay){ (uint16_t)(side * relays() + i / PAIRS_PER_RELAY),
				   be16_make((uint16_t)(PORT_MIN + 2 * (i % PAIRS_PER_RELAY))) };
}

/* All different, none in order. */
static struct sock_addr remote_of(uint32_t i, uint32_t side)
{
	return (struct sock_addr){ null_ip(v6[side], remote_net[side] + (i * 2654435761u >> 8)),
				   be16_make((uint16_t)(1024 + (i & 0x3fff) * 2)) };
}

/* RTCP's, where it has a port of its own. */
static struct be16 port_above(struct be16 port)
{
	return be16_make((uint16_t)(be16_get(port) + 1));
}

/* Context null_opt.n is the one with ICE on its first side. */
static void context_install(struct worker *w, uint32_t i)
{
	struct cmd_context_set c = { .hdr = { CMD_CONTEXT_SET, sizeof(c), 0 },
				     .cid = { i, 1 },
				     .expiry = UINT32_MAX };
	uint32_t side;

	for (side = 0; side < SIDES; side++) {
		struct ctl_term *t = &c.term[side];

		t->transport = TERM_UDP;
		t->flags = TERM_IN | TERM_OUT | TERM_RTP | (mux ? TERM_RTCP_MUX : 0);
		t->local = local_of(i, side);
		t->remote[0] = t->remote[1] = remote_of(i, side);
		t->remote[1].port = port_above(t->remote[0].port);
		t->dscp = CTL_DSCP_KEEP;
	}
	if (i == null_opt.n) {
		c.term[0].flags |= TERM_ICE;
		memcpy(c.term[0].ufrag, ufrag, sizeof(ufrag));
		memcpy(c.term[0].pwd, pwd, sizeof(pwd));
	}
	if (!context_set(w, &c))
		rte_exit(1, "bench_media: context %u refused\n", i);
}

/* ---- bursts ---- */

struct choice {
	uint32_t side; /* packets come from there */
	bool rtcp;
	uint32_t at; /* the first context, where they go in order */
};

/* The first of a packet's payload, len bytes in all, to a port of RTP, or to the one above. */
static void frame_write(struct worker *w, struct rte_mbuf *m, uint32_t i, uint32_t side, bool above,
			const void *data, uint16_t given, uint16_t len)
{
	struct ctl_relay r = local_of(i, side);
	struct sock_addr local = { null_conf.relay[r.relay].addr, r.port };
	struct sock_addr remote = remote_of(i, side);

	if (above) {
		local.port = port_above(local.port);
		remote.port = port_above(remote.port);
	}
	null_frame(w, m, &remote, &local, data, given, len);
}

/* Each flow is in order, as one of its own: what is measured of it goes the way that most go. */
static uint32_t *numbers; /* [null_opt.n][2] */

static void media_write(struct worker *w, struct rte_mbuf *m, uint32_t i, const struct choice *c)
{
	const uint32_t n = c->rtcp ? 0 : numbers[2 * i + c->side]++;
	uint8_t rtp[12] = { 0x80, 0, (uint8_t)(n >> 8), (uint8_t)n }; /* RFC 3550 5.1, PCMU */
	/* 6.4.1, a sender report; what is behind is of a profile */
	const uint8_t rtcp[12] = { 0x80, 200, 0, (uint8_t)(null_opt.payload / 4 - 1) };

	memcpy(rtp + 4, be32_make(160 * n).b, 4);
	rtp[11] = (uint8_t)(c->side + 1);
	frame_write(w, m, i, c->side, c->rtcp && !mux, c->rtcp ? rtcp : rtp, sizeof(rtp),
		    null_opt.payload);
}

static void fill_random(struct worker *w, struct rte_mbuf **m, void *arg)
{
	uint32_t i;

	for (i = 0; i < BURST; i++)
		media_write(w, m[i], (uint32_t)rte_rand_max(null_opt.n), arg);
}

static void fill_next(struct worker *w, struct rte_mbuf **m, void *arg)
{
	struct choice *c = arg;
	uint32_t i;

	for (i = 0; i < BURST; i++)
		media_write(w, m[i], RTE_MIN(c->at + i, null_opt.n - 1), c);
	c->at += BURST;
}

/* A check as a full agent sends it (RFC 8445 7.1.1). */
struct check {
	uint16_t len;
	uint8_t msg[256];
};

static struct check check_make(void)
{
	static const uint8_t tid[STUN_TID_LEN], tie_breaker[8];
	struct check c;
	struct stun_builder b;
	size_t covered;
	uint8_t *mac;

	stun_begin(&b, c.msg, sizeof(c.msg), stun_type(STUN_BINDING, STUN_REQUEST), tid);
	stun_put(&b, STUN_ATTR_USERNAME, "fairlead:them", 13);
	stun_put(&b, STUN_ATTR_ICE_CONTROLLING, tie_breaker, sizeof(tie_breaker));
	stun_put(&b, STUN_ATTR_USE_CANDIDATE, NULL, 0);
	stun_put_u32(&b, STUN_ATTR_PRIORITY, 0x6e0001ff);
	mac = stun_put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY, &covered);
	if (!mac || !HMAC(EVP_sha1(), pwd, sizeof(pwd) - 1, c.msg, covered, mac, NULL))
		rte_exit(1, "bench_media: no check\n");
	stun_put_fingerprint(&b);
	c.len = (uint16_t)stun_end(&b);
	return c;
}

static void fill_checks(struct worker *w, struct rte_mbuf **m, void *arg)
{
	const struct check *c = arg;
	uint32_t i;

	for (i = 0; i < BURST; i++)
		frame_write(w, m[i], null_opt.n, 0, false, c->msg, c->len, c->len);
}

/* ---- all of it ---- */

/* To whom, and what, is timed. */
static const struct {
	const char *name;
	struct choice choice;
} flow[] = {
	{ "to_b", { .side = 0 } },
	{ "to_a", { .side = 1 } },
	{ "rtcp_to_b", { .side = 0, .rtcp = true } },
};

/* A packet of every context each way, for the first one looks its route up. */
static void contexts_touch(struct worker *w)
{
	uint32_t i;

	for (i = 0; i < RTE_DIM(flow); i++) {
		struct choice c = flow[i].choice;

		while (c.at < null_opt.n)
			burst_cycles(w, w, fill_next, &c);
	}
}

static bool option_take(int opt, const char *arg)
{
	if (opt == 'm')
		mux = true;
	else
		v6[opt - 'a'] = atoi(arg) == 6;
	return true;
}

int main(int argc, char **argv)
{
	struct null_times times[RTE_DIM(flow)], check_times;
	struct check check = check_make();
	struct worker *w;
	uint64_t heap;
	uint32_t i;

	null_options(argc, argv, "a:b:m", option_take,
		     "         [-a 4|6: one side is IPv4 (4) or IPv6] [-b 4|6: the other]\n"
		     "         [-m: RTCP comes to the port of RTP]\n");
	null_eal("bench_media", 1);
	config_fill();
	numbers = calloc(null_opt.n, 2 * sizeof(numbers[0]));
	if (!numbers)
		rte_exit(1, "bench_media: no memory\n");
	heap = heap_used();
	null_start();
	heap = heap_used() - heap;
	w = null_dp.worker[0];
	for (i = 0; i <= null_opt.n; i++)
		context_install(w, i);
	contexts_touch(w);
	printf("{\"contexts\": %u, \"payload\": %u, \"huge_pages\": %s, \"rtcp_mux\": %s",
	       null_opt.n, null_opt.payload, null_opt.huge ? "true" : "false",
	       mux ? "true" : "false");
	for (i = 0; i < RTE_DIM(flow); i++) {
		struct choice c = flow[i].choice;

		null_times_alloc(&times[i]);
		printf(", \"cycles_%s\": %.1f", flow[i].name,
		       cycles_per_packet(w, w, &times[i], fill_random, &c, CNT_GATE_PACKETS));
	}
	null_times_alloc(&check_times);
	printf(", \"cycles_ice_check\": %.1f",
	       cycles_per_packet(w, w, &check_times, fill_checks, &check, CNT_GATE_CHECKS));
	for (i = 0; i < RTE_DIM(flow); i++)
		null_stages_print(flow[i].name, &times[i]);
	if (null_opt.n >= BYTES_FROM)
		printf(", \"bytes_per_context\": %.0f",
		       (double)(heap - heap_buffers(w)) / null_opt.n);
	puts("}");
	return 0;
}
