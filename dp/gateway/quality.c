/* SPDX-License-Identifier: BSD-3-Clause */
/* RTP out of order, of other sources and of other types: what packets in order leave to tell. */
#include "quality.h"

enum {
	LEAP = 3000,	  /* so far ahead is another order (RFC 3550 A.1, MAX_DROPOUT) */
	WINDOW = 64,	  /* numbers that are waited for */
	GMIN = 16,	  /* so many that came end a burst of losses (RFC 3611 4.7.2) */
	SOURCE_TAKES = 8, /* packets of another source, with none of this one between */
	TYPE_TAKES = 3,	  /* packets of another type: events have one timestamp for all of theirs */
	UNITS_SHIFT = 32,
	SECOND_US = 1000000,
};

#define UNITS(hz) (((uint64_t)(hz) << UNITS_SHIFT) / SECOND_US)
const uint64_t measure_units[MEASURES] = {
	[MEASURE_8000] = UNITS(8000),	[MEASURE_16000] = UNITS(16000),
	[MEASURE_32000] = UNITS(32000), [MEASURE_48000] = UNITS(48000),
	[MEASURE_90000] = UNITS(90000),
};

/* ---- the order ---- */

/* Numbers `first` and on, n of them, will not come. */
static void give_up(struct media_quality *q, uint32_t first, uint32_t n)
{
	const uint32_t behind = first - q->last_lost; /* 1: the run goes on */
	const bool near = q->lossy && behind <= GMIN;

	if (n == 0)
		return;
	q->lost += n;
	q->runs += !(q->lossy && behind == 1);
	if (!near)
		q->in_burst = false;
	if (q->in_burst) {
		q->burst_lost += n;
	} else if (near || n > 1) {
		q->in_burst = true;
		q->bursts++;
		q->burst_lost += n + near; /* the one before as well */
	}
	q->lossy = true;
	q->last_lost = first + n - 1;
}

/* Those of a mask, bit n for top less n: the oldest first. */
static void give_up_bits(struct media_quality *q, uint64_t bits)
{
	while (bits) {
		const uint32_t oldest = 63 - (uint32_t)__builtin_clzll(bits);
		const uint64_t from = bits << (63 - oldest);
		const uint32_t n = ~from ? (uint32_t)__builtin_clzll(~from) : WINDOW;

		give_up(q, q->top - oldest, n);
		bits &= n > oldest ? 0 : (UINT64_C(1) << (oldest + 1 - n)) - 1;
	}
}

/* The highest number is n more; what is no longer waited for is given up. */
static void order_move(struct media_quality *q, uint64_t n)
{
	if (n >= WINDOW) {
		give_up_bits(q, q->missing);
		q->missing = 0;
	} else if (n) {
		const uint64_t out = q->missing >> (WINDOW - n) << (WINDOW - n);

		if (out)
			give_up_bits(q, out);
		q->missing <<= n;
	}
	q->top += (uint32_t)n;
}

/* A packet with `gap` missing before it. */
static void order_gap(struct media_quality *q, uint32_t gap)
{
	const uint32_t first = q->top + 1;

	order_move(q, gap + 1);
	if (gap >= WINDOW - 1) {
		give_up(q, first, gap - (WINDOW - 1));
		q->missing = ~UINT64_C(1);
	} else {
		q->missing |= ((UINT64_C(1) << gap) - 1) << 1;
	}
}

/* One of the last numbers, `behind` the highest. */
static void order_late(struct media_quality *q, uint32_t behind)
{
	const uint64_t bit = UINT64_C(1) << behind;

	if (!(q->missing & bit)) {
		q->duplicates++;
		return;
	}
	q->missing &= ~bit;
	q->reordered++;
	q->received++;
}

void quality_passed(struct media_quality *q, uint64_t n)
{
	const uint64_t apart = q->apart;

	q->apart = 0;
	if (!q->known || n <= apart)
		return;
	q->received += n - apart;
	order_move(q, n - apart);
}

/* ---- the word ---- */

static uint8_t measure_of(uint8_t codec)
{
	switch (codec_desc[codec].hz) {
	case 8000:
		return MEASURE_8000;
	case 16000:
		return MEASURE_16000;
	case 32000:
		return MEASURE_32000;
	case 48000:
		return MEASURE_48000;
	case 90000:
		return MEASURE_90000;
	default:
		return MEASURE_RTP;
	}
}

uint8_t quality_codec(const struct ctl_format *const format[2], uint8_t type)
{
	for (int side = 0; side < 2; side++)
		for (int i = 0; i < CTL_FORMATS_MAX; i++)
			if (format[side][i].codec && format[side][i].type == type)
				return format[side][i].codec;
	return (uint8_t)codec_static(type);
}

static void codec_set(struct media_quality *q, uint8_t codec)
{
	q->codec = codec;
	q->measure = measure_of(codec);
}

static void type_set(struct media_quality *q, const struct quality_packet *p, uint8_t type)
{
	q->type = type;
	q->other_types = 0;
	codec_set(q, quality_codec(p->format, type));
}

void quality_formats(struct media_quality *q, uint64_t *word,
		     const struct ctl_format *const format[2])
{
	const uint8_t codec = q->known ? quality_codec(format, q->type) : q->codec;

	if (codec == q->codec)
		return;
	codec_set(q, codec);
	q->anew = true;
	*word &= ~(uint64_t)MEASURE_KNOWN; /* the next packet goes to quality_event() */
}

static uint32_t transit_of(const struct media_quality *q, const struct quality_packet *p)
{
	return (uint32_t)((unsigned __int128)p->now_us * measure_units[q->measure] >> 32) -
	       be32_read(p->msg + 4);
}

/* What comes next is number `next`; transit and jitter are as they were, or begin. */
static void word_next(const struct media_quality *q, uint64_t *word, uint16_t next)
{
	*word = (*word & ~(uint64_t)MEASURE_NEXT) | MEASURE_KNOWN | (uint64_t)q->type << 16 | next;
}

static void word_transit(const struct media_quality *q, uint64_t *word,
			 const struct quality_packet *p, uint32_t jitter)
{
	*word = (uint64_t)jitter << JITTER_AT |
		(uint64_t)(transit_of(q, p) & 0xfffff) << TRANSIT_AT | (*word & MEASURE_NEXT);
}

/* ---- sources and types ---- */

static void source_begin(struct media_quality *q, uint64_t *word, const struct quality_packet *p)
{
	give_up_bits(q, q->missing);
	q->missing = 0;
	q->lossy = q->in_burst = false;
	q->known = true;
	q->ssrc = be32_read(p->msg + 8);
	q->top = be16_read(p->msg + 2);
	q->received++;
	q->others = 0;
	q->leapt = q->anew = false;
	q->sources += q->sources < UINT16_MAX;
	type_set(q, p, p->msg[1] & 0x7f);
	word_next(q, word, (uint16_t)(q->top + 1));
	word_transit(q, word, p, 0);
}

/* Whether the source of a packet, which is not the one there is, takes its place. */
static bool source_takes(struct media_quality *q, uint32_t ssrc)
{
	if (!q->known)
		return true;
	if (q->other_at != q->received || q->other_ssrc != ssrc)
		q->others = 0;
	q->other_ssrc = ssrc;
	q->other_at = q->received;
	return ++q->others == SOURCE_TAKES;
}

/* A number far from what is expected: with the next one behind it, the order begins there. */
static bool order_leaps(struct media_quality *q, uint16_t number)
{
	if (q->leapt && q->leap_next == number)
		return true;
	q->leapt = true;
	q->leap_next = (uint16_t)(number + 1);
	return false;
}

/* What comes between packets of another codec, with times of its own (RFC 4733, 3389). */
static bool is_beside(uint8_t codec)
{
	return codec == CODEC_CN || codec == CODEC_EVENT || codec == CODEC_EVENT_16000 ||
	       codec == CODEC_EVENT_48000;
}

/* A type is the source's when several packets in a row had it, each with a time of its own. */
static bool type_takes(struct media_quality *q, const struct quality_packet *p, uint8_t type)
{
	const uint32_t stamp = be32_read(p->msg + 4);

	if (is_beside(quality_codec(p->format, type)))
		return false;
	if (q->other_type != type || q->other_at + 1 != q->received)
		q->other_types = 0;
	q->other_types += q->other_types == 0 || q->other_ts != stamp;
	q->other_type = type;
	q->other_ts = stamp;
	q->other_at = q->received;
	return q->other_types >= TYPE_TAKES;
}

static void note_transit(struct media_quality *q, uint64_t *word, const struct quality_packet *p)
{
	const uint8_t type = p->msg[1] & 0x7f;
	uint32_t jitter = (uint32_t)(*word >> JITTER_AT);
	int32_t d;

	if (type != q->type) {
		if (!type_takes(q, p, type))
			return;
		type_set(q, p, type);
		word_next(q, word, (uint16_t)(q->top + 1));
		word_transit(q, word, p, 0);
		return;
	}
	if (q->anew) {
		q->anew = false;
		word_transit(q, word, p, 0);
		return;
	}
	d = (int32_t)((transit_of(q, p) - (uint32_t)(*word >> TRANSIT_AT)) << 12) >> 12;
	d = d < 0 ? -d : d;
	if (d < TRANSIT_LEAP)
		jitter += (uint32_t)d - ((jitter + 8) >> 4);
	word_transit(q, word, p, jitter);
}

void quality_event(struct media_quality *q, uint64_t *word, const struct quality_packet *p)
{
	uint16_t number;
	int16_t ahead;

	q->apart++;
	if (p->len < 12 || p->msg[0] >> 6 != 2)
		return;
	if (!q->known || be32_read(p->msg + 8) != q->ssrc) {
		if (source_takes(q, be32_read(p->msg + 8)))
			source_begin(q, word, p);
		return;
	}
	number = be16_read(p->msg + 2);
	ahead = (int16_t)(number - (uint16_t)(q->top + 1));
	if (ahead < 0 && -ahead <= WINDOW) {
		order_late(q, (uint32_t)(-ahead - 1));
		return;
	}
	if (ahead < 0 || ahead >= LEAP) {
		if (!order_leaps(q, number))
			return;
		give_up_bits(q, q->missing);
		q->missing = 0;
		q->lossy = q->in_burst = false;
		q->top = number;
	} else {
		order_gap(q, (uint32_t)ahead);
	}
	q->leapt = false;
	q->received++;
	word_next(q, word, (uint16_t)(q->top + 1));
	note_transit(q, word, p);
}

void quality_stop(struct media_quality *q, uint64_t *word)
{
	q->known = false;
	q->apart = 0;
	*word = 0;
}
