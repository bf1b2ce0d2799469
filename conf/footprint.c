/* SPDX-License-Identifier: BSD-3-Clause */
#include "footprint.h"

#include <stdlib.h>

/*
 * Bytes of one. Structures of the dataplane and of DPDK are known there alone, so these are
 * measured: tests/dp/test_footprint.c fails where one of them is wrong, and says what it is.
 */
struct cost {
	uint32_t each;
	uint32_t row; /* of a hash table, whose rows are a power of two */
};

static const struct cost packet_buffer = { 2368, 8 }, session = { 192, 0 }, flow_bucket = { 0, 64 },
			 session_limit = { 64, 0 }, peer = { 104, 42 }, relayed_port = { 4, 0 },
			 context = { 1504, 0 }, stream = { 2216, 0 }, srtp_keys = { 5376, 0 },
			 connection = { 1084, 32 }, time_wait = { 96, 12 },
			 sent_segment = { 64, 0 }, tls_connection = { 2800, 12 },
			 association = { 3136, 32 }, handshake = { 28088, 0 }, phone = { 900, 32 },
			 neighbour = { 98, 21 }, waiting = { 8, 0 }, fragment = { 1024, 16 },
			 handed_packet = { 8, 0 }, ring = { 448, 0 }, worker = { 1361000, 0 };

static uint64_t cost_of(const struct cost *one, uint64_t n)
{
	uint64_t rows = 1;

	while (rows < n)
		rows *= 2;
	return n * one->each + rows * one->row;
}

static int by_size(const void *a, const void *b)
{
	const struct footprint_part *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static uint64_t sessions_cost(const struct config *c)
{
	const struct config_turn *t = &c->turn;
	uint64_t n = c->dataplane.sessions, bytes;

	bytes = cost_of(&session, n) + cost_of(&flow_bucket, n * 2 / 7);

	if (t->session_rate | t->session_packets | t->user_rate | t->user_packets)
		bytes += cost_of(&session_limit, n);
	return bytes;
}

/*
 * Each worker has room for its share of each relay that is dealt out, and as many whole ones as
 * the worker that has most of them, and for those that reloads may add (dplane_init()).
 */
static uint64_t relays_cost(const struct config *c)
{
	uint64_t share = (RELAY_DEAL + c->dataplane.n_workers - 1u) / c->dataplane.n_workers;
	uint64_t most = 0, has[CTL_WORKERS_MAX + 1] = { 0 };

	for (uint16_t i = 0; i < c->n_relay; i++) {
		const uint16_t owner = c->relay[i].owner;

		has[owner]++;
		if (owner && has[owner] > most)
			most = has[owner];
	}
	share *= 65536 / RELAY_DEAL;
	if (!c->n_relay)
		return 0;
	return cost_of(&relayed_port, has[0] * share + most * 65536 +
					  CONFIG_RELAYS_SPARE * (most ? 65536 : share));
}

static uint64_t rings_cost(uint32_t n, uint32_t n_workers)
{
	return n * (cost_of(&ring, 1) + cost_of(&handed_packet, config_handover(n_workers)));
}

unsigned footprint(const struct config *c, struct footprint_part part[FOOTPRINT_PARTS_MAX])
{
	const struct config_dataplane *d = &c->dataplane;
	const struct config_gateway *g = &c->gateway;
	const bool tls = config_has_tls(c);
	const struct footprint_part all[] = {
		{ "packet buffers", "dataplane.mbufs", cost_of(&packet_buffer, d->mbufs) },
		{ "sessions", "dataplane.sessions", sessions_cost(c) },
		{ "permissions and channels", "dataplane.peers", cost_of(&peer, d->peers) },
		{ "relayed ports", "relays", relays_cost(c) },
		{ "contexts", "gateway.contexts", cost_of(&context, g->contexts) },
		{ "streams of contexts", "gateway.streams",
		  g->contexts ? cost_of(&stream, g->streams) : 0 },
		{ "keys of SRTP", "gateway.srtp", g->contexts ? cost_of(&srtp_keys, g->srtp) : 0 },
		{ "TCP connections", "tcp.connections", cost_of(&connection, c->tcp.connections) },
		{ "TIME-WAIT", "tcp.time-wait", cost_of(&time_wait, c->tcp.time_wait) },
		{ "segments on their way", "tcp.buffers", cost_of(&sent_segment, c->tcp.buffers) },
		{ "TLS connections", "tls.connections",
		  tls ? cost_of(&tls_connection, c->tls.connections) : 0 },
		{ "TLS handshakes", "tls.handshakes",
		  tls ? cost_of(&handshake, c->tls.handshakes) : 0 },
		{ "DTLS associations", config_has_dtls(c) ? "tls.associations" : "gateway.srtp",
		  cost_of(&association, config_associations(c)) },
		{ "DTLS handshakes", "tls.dtls-handshakes",
		  config_associations(c) ? cost_of(&handshake, c->tls.dtls_handshakes) : 0 },
		{ "IPsec associations", "ipsec.phones",
		  c->ipsec.n_addr ? cost_of(&phone, c->ipsec.phones) : 0 },
		{ "neighbours", "dataplane.neighbours",
		  cost_of(&neighbour, d->neighbours) +
		      cost_of(&waiting, (uint64_t)d->neighbours * d->neighbour_queue) },
		{ "fragments", "dataplane.fragments", cost_of(&fragment, d->fragments) },
		{ "workers", "dataplane.workers",
		  cost_of(&worker, 1) + rings_cost(d->n_workers - 1u, d->n_workers) },
	};
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!all[i].bytes)
			continue;
		part[n] = all[i];
		part[n++].bytes *= d->n_workers;
	}
	qsort(part, n, sizeof(part[0]), by_size);
	return n;
}

uint64_t footprint_memory_mb(uint64_t bytes)
{
	return ((bytes + bytes / 10 + (1 << 20) - 1) >> 20) + FOOTPRINT_DRIVERS_MB;
}
