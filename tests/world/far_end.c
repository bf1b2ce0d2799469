/* SPDX-License-Identifier: BSD-3-Clause */
#include "far_end.h"

enum {
	SEGMENTS = (FAR_BYTES + MSS_TS - 1) / MSS_TS, /* of its stream */
	LIMIT_MS = 600000,
	AHEAD = 10,	       /* segments it sends before the first is acknowledged */
	AGAIN_MS = 2 * RTT_MS, /* and sends again what is not acknowledged by then */
	WAY = 256,	       /* segments on the way to us */
	BLOCKS = 3,	       /* beside timestamps */
	SCALE = 7,	       /* of peer_new() */
};

/* On the way to us. */
struct way {
	uint64_t at;
	uint32_t seq, len, ack, tsecr;
	uint8_t n_sack;
	struct tcp_sack_block sack[BLOCKS];
};

/* Positions are from 0. */
static struct {
	const struct far_path *path;
	uint32_t in, out;	 /* segments with data that went so far */
	bool has[FAR_BYTES];	 /* of ours */
	uint32_t nxt;		 /* what it waits for */
	uint32_t recent[BLOCKS]; /* what came out of order, latest first */
	uint32_t n_recent;
	uint32_t ts_recent;
	bool got[SEGMENTS];	    /* of its: by us */
	uint64_t sent_ms[SEGMENTS]; /* 0: not yet */
	uint32_t una;		    /* segments before are all got */
	struct way way[WAY];
	uint32_t way_first, way_last;
} far;

/* ---- from it ---- */

static struct tcp_sack_block block_of(uint32_t pos)
{
	struct tcp_sack_block b = { pos, pos };

	while (b.start > 0 && far.has[b.start - 1])
		b.start--;
	while (b.end < FAR_BYTES && far.has[b.end])
		b.end++;
	b.start++;
	b.end++;
	return b;
}

static void say(uint32_t seq, uint32_t len)
{
	struct way *p;
	uint32_t i;

	if (len && ++far.out % far.path->lose == 0)
		return;
	assert_true(far.way_last - far.way_first < WAY);
	p = &far.way[far.way_last++ % WAY];
	*p = (struct way){ .at = world.w->now_ms + RTT_MS,
			   .seq = seq,
			   .len = len,
			   .ack = 1 + far.nxt,
			   .tsecr = far.ts_recent };
	for (i = 0; i < far.n_recent && peer.sack; i++)
		p->sack[p->n_sack++] = block_of(far.recent[i]);
}

/* What is new, and what we should have acknowledged: without SACK only the first is known. */
static void speak(void)
{
	uint64_t now = world.w->now_ms;
	uint32_t i;

	for (i = far.una; i < SEGMENTS && i < far.una + AHEAD; i++) {
		bool late = peer.sack || i == far.una ? now - far.sent_ms[i] >= AGAIN_MS : false;

		if (far.got[i] || (far.sent_ms[i] && !late))
			continue;
		far.sent_ms[i] = now;
		say(1 + i * MSS_TS, RTE_MIN((uint32_t)MSS_TS, FAR_BYTES - i * MSS_TS));
	}
}

/* What it said a round trip ago. */
static void deliver(void)
{
	for (; far.way_first != far.way_last; far.way_first++) {
		const struct way *p = &far.way[far.way_first % WAY];

		if (p->at > world.w->now_ms)
			break;
		seg_queue(ACK, p->seq, p->ack, p->len, .tsecr = p->tsecr, .n_sack = p->n_sack,
			  .sack = { p->sack[0], p->sack[1], p->sack[2] });
	}
	world_run();
}

/* ---- to it ---- */

static void remember(uint32_t pos)
{
	uint32_t keep[BLOCKS + 1] = { pos }, n = 1, i;

	for (i = 0; i < far.n_recent; i++)
		if (block_of(far.recent[i]).start != block_of(pos).start)
			keep[n++] = far.recent[i];
	far.n_recent = 0;
	for (i = 0; i < n && far.n_recent < BLOCKS; i++)
		if (keep[i] > far.nxt)
			far.recent[far.n_recent++] = keep[i];
}

static void take(const struct seg *s)
{
	uint32_t pos = s->seq - 1;

	assert_true(pos + s->len <= FAR_BYTES);
	if (pos <= far.nxt)
		far.ts_recent = peer.ts_last;
	memset(&far.has[pos], true, s->len);
	while (far.nxt < FAR_BYTES && far.has[far.nxt])
		far.nxt++;
	remember(pos);
}

static void acknowledged(const struct seg *s)
{
	uint32_t i, k;

	for (i = far.una; i < SEGMENTS; i++) {
		uint32_t from = 1 + i * MSS_TS;
		uint32_t to = 1 + RTE_MIN((i + 1) * MSS_TS, (uint32_t)FAR_BYTES);

		far.got[i] |= s->ack >= to;
		for (k = 0; k < s->n_sack; k++)
			far.got[i] |= s->sack[k].start <= from && to <= s->sack[k].end;
	}
	while (far.una < SEGMENTS && far.got[far.una])
		far.una++;
}

static void hear(void)
{
	const struct seg *s;

	while ((s = seg_next()) != NULL) {
		if (s->len && ++far.in % far.path->lose == 0)
			continue;
		acknowledged(s);
		if (!s->len)
			continue;
		take(s);
		say(1 + RTE_MIN(far.una * MSS_TS, (uint32_t)FAR_BYTES), 0);
	}
}

/* ---- both ---- */

uint32_t far_streams(const struct far_path *p)
{
	uint16_t wnd = peer.wnd;
	uint32_t ms = 0;

	memset(&far, 0, sizeof(far));
	far.path = p;
	far.ts_recent = peer.ts_last;
	peer.wnd = (uint16_t)((p->window + (1 << SCALE) - 1) >> SCALE);
	app_send(FAR_BYTES);
	hear();
	while (far.nxt < FAR_BYTES || far.una < SEGMENTS || app.c->snd_una != app.c->snd_max) {
		assert_true(++ms < LIMIT_MS);
		speak();
		world_pass_ms(1);
		deliver();
		hear();
	}
	assert_int_equal(app.received, FAR_BYTES);
	peer.wnd = wnd;
	return ms;
}
