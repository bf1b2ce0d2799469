/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles per packet of contexts of RTP, from received mbuf to filled transmit batch, from either
 * side to the other, over the number of contexts; cycles of an ICE check answered; and bytes per
 * context. Each packet belongs to a context drawn at random, as in bench_relay; each context has a
 * pair of ports on either side, for RTP and RTCP, and remote addresses of its own.
 *
 * Bytes per context: what a worker with room for n of them takes of DPDK's heap, without packet
 * buffers, over n. What it takes whatever n is, and its tables of relayed ports, are in it, and
 * would be all of it for few contexts: printed from 100,000 on.
 */
#include "null_worker.h"

#include "../dp/gateway/context.h"
#include "../lib/stun.h"

#include <getopt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <rte_random.h>
#include <stdlib.h>

enum {
	ROUNDS_MAX = 20000,
	PORT_MIN = 2,
	PORT_MAX = 65533,
	PAIRS_PER_RELAY = (PORT_MAX + 1 - PORT_MIN) / 2,
	BYTES_FROM = 100000, /* contexts */
};

static const uint32_t remote_net[SIDES] = { 0x0b000000, 0x0c000000 };
static const uint32_t relay_net[SIDES] = { 0xc0000200, 0xc6336400 };
static const char ufrag[] = "fairlead", pwd[] = "a-password-of-22-bytes";

static uint32_t n = 1000, rounds = ROUNDS_MAX;
static uint16_t payload = 172; /* 20 ms of G.711 in RTP */
static bool v6[SIDES];

/* Relays of the first side, then as many of the second. */
static uint32_t relays(void)
{
	return n / PAIRS_PER_RELAY + 1;
}

static void config_fill(void)
{
	struct ip_addr ip;
	uint32_t side, i;

	null_config(1);
	null_conf.gateway = (struct config_gateway){ .contexts = n + 1, .latch_ms = 3000 };
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

/* Context n is the one with ICE on its first side. */
static void context_install(struct worker *w, uint32_t i)
{
	struct cmd_context_set c = { .hdr = { CMD_CONTEXT_SET, sizeof(c), 0 },
				     .cid = { i, 1 },
				     .expiry = UINT32_MAX };
	uint32_t side;

	for (side = 0; side < SIDES; side++) {
		struct ctl_term *t = &c.term[side];

		t->transport = TERM_UDP;
		t->flags = TERM_IN | TERM_OUT | TERM_RTP;
		t->local = local_of(i, side);
		t->remote[0] = t->remote[1] = remote_of(i, side);
		t->remote[1].port = be16_make((uint16_t)(be16_get(t->remote[0].port) + 1));
		t->dscp = CTL_DSCP_KEEP;
	}
	if (i == n) {
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
	uint32_t at;   /* the first context, where they go in order */
};

static void frame_write(struct worker *w, struct rte_mbuf *m, uint32_t i, uint32_t side,
			const void *data, uint16_t given, uint16_t len)
{
	struct ctl_relay r = local_of(i, side);
	struct sock_addr local = { null_conf.relay[r.relay].addr, r.port };
	struct sock_addr remote = remote_of(i, side);

	null_frame(w, m, &remote, &local, data, given, len);
}

static const uint8_t rtp[12] = { 0x80, 0 }; /* RFC 3550 5.1, PCMU */

static void fill_random(struct worker *w, struct rte_mbuf **m, void *arg)
{
	const struct choice *c = arg;
	uint32_t i;

	for (i = 0; i < BURST; i++)
		frame_write(w, m[i], (uint32_t)rte_rand_max(n), c->side, rtp, sizeof(rtp), payload);
}

static void fill_next(struct worker *w, struct rte_mbuf **m, void *arg)
{
	struct choice *c = arg;
	uint32_t i;

	for (i = 0; i < BURST; i++)
		frame_write(w, m[i], RTE_MIN(c->at + i, n - 1), c->side, rtp, sizeof(rtp), payload);
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
		frame_write(w, m[i], n, 0, c->msg, c->len, c->len);
}

/* ---- all of it ---- */

static double side_cycles(struct worker *w, struct null_times *t, uint32_t side)
{
	struct choice c = { .side = side };

	return cycles_per_packet(w, t, fill_random, &c, CNT_GATE_PACKETS);
}

/* A packet of every context each way, for the first one looks its route up. */
static void contexts_touch(struct worker *w)
{
	struct choice c;

	for (c.side = 0; c.side < SIDES; c.side++)
		for (c.at = 0; c.at < n;)
			burst_cycles(w, fill_next, &c);
}

static const char usage[] =
    "usage: bench_media [-n CONTEXTS (1000)] [-p PAYLOAD BYTES (172)] [-r BURSTS (20000)]\n"
    "                   [-a 4|6: one side is IPv4 (4) or IPv6] [-b 4|6: the other]\n"
    "                   [-H: tables in huge pages]\n";

int main(int argc, char **argv)
{
	struct null_times times[SIDES], check_times;
	double cycles[SIDES], check_cycles;
	struct check check = check_make();
	bool huge = false;
	struct worker *w;
	uint64_t heap;
	uint32_t i;
	int opt;

	while ((opt = getopt(argc, argv, "n:p:r:a:b:Hh")) != -1) {
		if (opt == 'n')
			n = (uint32_t)strtoul(optarg, NULL, 0);
		else if (opt == 'p')
			payload = (uint16_t)strtoul(optarg, NULL, 0);
		else if (opt == 'r')
			rounds = (uint32_t)strtoul(optarg, NULL, 0);
		else if (opt == 'a' || opt == 'b')
			v6[opt - 'a'] = atoi(optarg) == 6;
		else if (opt == 'H')
			huge = true;
		else
			return fputs(usage, stderr), 2;
	}
	if (n < 1 || rounds < 1 || rounds > ROUNDS_MAX || payload < sizeof(rtp))
		return fputs(usage, stderr), 2;
	null_eal("bench_media", 1, huge);
	config_fill();
	heap = null_heap();
	null_start();
	heap = null_heap() - heap;
	w = null_dp.worker[0];
	for (i = 0; i <= n; i++)
		context_install(w, i);
	contexts_touch(w);
	for (i = 0; i < SIDES; i++) {
		null_times_alloc(&times[i], rounds);
		cycles[i] = side_cycles(w, &times[i], i);
	}
	null_times_alloc(&check_times, rounds);
	check_cycles = cycles_per_packet(w, &check_times, fill_checks, &check, CNT_GATE_CHECKS);
	printf("{\"contexts\": %u, \"payload\": %u, \"huge_pages\": %s, \"cycles_to_b\": %.1f, "
	       "\"cycles_to_a\": %.1f, \"cycles_ice_check\": %.1f, \"stages_to_b\": ",
	       n, payload, huge ? "true" : "false", cycles[0], cycles[1], check_cycles);
	stages_print(times[0].look, rounds, BURST, stdout);
	printf(", \"stages_to_a\": ");
	stages_print(times[1].look, rounds, BURST, stdout);
	if (n >= BYTES_FROM)
		printf(", \"bytes_per_context\": %.0f", (double)(heap - null_buffers(w)) / n);
	puts("}");
	return 0;
}
