/* SPDX-License-Identifier: BSD-3-Clause */
#include "limit.h"
#include "../snapshot.h"

#include <rte_malloc.h>

enum { BURST_MS = 1000 };

static bool limits_any(const struct config_turn *c)
{
	return c->session_rate | c->session_packets | c->user_rate | c->user_packets;
}

/* Whole before anybody finds it. */
static bool table_make(struct worker *w)
{
	struct session_limit *l =
	    rte_zmalloc("limits", sizeof(struct session_limit) * w->turn->sessions_max, 64);

	atomic_store_explicit(&w->turn->limit, l, memory_order_release);
	return l != NULL;
}

bool limit_create(struct worker *w)
{
	return !limits_any(&w->dp->conf->turn) || table_make(w);
}

bool limit_add(struct dplane *dp, const struct config *c, char *err, size_t errlen)
{
	for (uint16_t i = 0; limits_any(&c->turn) && i < dp->n_workers; i++) {
		struct worker *w = dp->worker[i];

		if (limit_table(w) || table_make(w))
			continue;
		snprintf(err, errlen,
			 "turn.session-rate, session-packets, user-rate, user-packets: the first "
			 "limit of rates takes %zu KiB a worker, which dataplane.memory-mb leaves "
			 "not: set it by a restart",
			 sizeof(struct session_limit) * w->turn->sessions_max / 1024);
		return false;
	}
	return true;
}

static void meters_fill(const struct worker *w, struct session_limit *l)
{
	for (int way = 0; way < LIMIT_WAYS; way++) {
		l->bytes[way] = meter_full(w->now_us);
		l->packets[way] = meter_full(w->now_us);
	}
}

void limit_begin(struct worker *w, uint32_t slot)
{
	struct session_limit *l = limit_table(w);

	if (!l)
		return;
	l += slot;
	memset(l, 0, sizeof(*l));
	meters_fill(w, l);
}

/* The smaller of a user's share and what an allocation may have at most; 0: any. */
static uint32_t limit_least(uint32_t share, uint32_t most)
{
	return most && (share == 0 || share > most) ? most : share;
}

void limit_share(struct worker *w, uint32_t slot, uint32_t bytes, uint32_t packets)
{
	const struct config_turn *c = &snapshot_conf(w->dp)->turn;
	struct session_limit *l = limit_table(w);
	struct meter_rate r;

	if (!l)
		return;
	l += slot;
	bytes = limit_least(bytes, c->session_rate);
	packets = limit_least(packets, c->session_packets);
	if (bytes == l->bytes_second && packets == l->packets_second)
		return;
	if (!(l->byte | l->piece)) /* since the table was made, or there was no limit */
		meters_fill(w, l);
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
	struct session_limit *l = limit_table(w) + slot;
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
	const struct session_limit *l = limit_table(w) + slot;
	const struct meter_rate r = byte_rate(l);

	return meter_wait_ms(&l->bytes[way], &r, w->now_us, bytes);
}

void limit_stream_take(struct worker *w, uint32_t slot, enum limit_way way, uint32_t bytes)
{
	struct session_limit *l = limit_table(w) + slot;
	const struct meter_rate r = byte_rate(l);

	meter_take(&l->bytes[way], &r, w->now_us, bytes);
}
