/* SPDX-License-Identifier: BSD-3-Clause */
#include "limit.h"
#include "../snapshot.h"

#include <rte_malloc.h>

enum { BURST_MS = 1000 };

bool limit_create(struct worker *w)
{
	const struct config_turn *c = &w->dp->conf->turn;

	if (!(c->session_rate | c->session_packets | c->user_rate | c->user_packets))
		return true;
	w->turn->limit =
	    rte_zmalloc("limits", sizeof(struct session_limit) * w->turn->sessions_max, 64);
	return w->turn->limit != NULL;
}

void limit_begin(struct worker *w, uint32_t slot)
{
	struct session_limit *l;

	if (!w->turn->limit)
		return;
	l = &w->turn->limit[slot];
	memset(l, 0, sizeof(*l));
	for (int way = 0; way < LIMIT_WAYS; way++) {
		l->bytes[way] = meter_full(w->now_us);
		l->packets[way] = meter_full(w->now_us);
	}
}

/* The smaller of a user's share and what an allocation may have at most; 0: any. */
static uint32_t limit_least(uint32_t share, uint32_t most)
{
	return most && (share == 0 || share > most) ? most : share;
}

void limit_share(struct worker *w, uint32_t slot, uint32_t bytes, uint32_t packets)
{
	const struct config_turn *c = &snapshot_conf(w->dp)->turn;
	struct session_limit *l;
	struct meter_rate r;

	if (!w->turn->limit)
		return;
	l = &w->turn->limit[slot];
	bytes = limit_least(bytes, c->session_rate);
	packets = limit_least(packets, c->session_packets);
	if (bytes == l->bytes_second && packets == l->packets_second)
		return;
	l->bytes_second = bytes;
	l->packets_second = packets;
	r = meter_rate_make(0, bytes, BURST_MS);
	l->byte = r.byte;
	l->byte_burst = r.burst;
	r = meter_rate_make(packets, 0, BURST_MS);
	l->piece = r.piece;
	l->piece_burst = r.burst;
}

static struct meter_rate byte_rate(const struct session_limit *l)
{
	return (struct meter_rate){ .byte = l->byte, .burst = l->byte_burst };
}

bool limit_take(struct worker *w, uint32_t slot, enum limit_way way, uint32_t bytes)
{
	struct session_limit *l = &w->turn->limit[slot];
	const struct meter_rate r = byte_rate(l),
				packets = { .piece = l->piece, .burst = l->piece_burst };

	/* Neither is taken of where the other has none. */
	return meter_wait_ms(&l->bytes[way], &r, w->now_us, bytes) == 0 &&
	       meter_take(&l->packets[way], &packets, w->now_us, 0) &&
	       meter_take(&l->bytes[way], &r, w->now_us, bytes);
}

uint32_t limit_stream_wait_ms(const struct worker *w, uint32_t slot, enum limit_way way,
			      uint32_t bytes)
{
	const struct session_limit *l = &w->turn->limit[slot];
	const struct meter_rate r = byte_rate(l);

	return meter_wait_ms(&l->bytes[way], &r, w->now_us, bytes);
}

void limit_stream_take(struct worker *w, uint32_t slot, enum limit_way way, uint32_t bytes)
{
	struct session_limit *l = &w->turn->limit[slot];
	const struct meter_rate r = byte_rate(l);

	meter_take(&l->bytes[way], &r, w->now_us, bytes);
}
