/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_QUALITY_H
#define FL_DP_GATEWAY_QUALITY_H

/*
 * How RTP comes (RFC 3550): a word of its flow's line is all that packets in order touch. What is
 * out of order, another source, another payload type or no RTP goes to quality_event(), which has
 * a struct of its own. Bytes, the line's word and the time come in; nothing here knows a worker.
 *
 * The word: the number and payload type that come next (MEASURE_NEXT), the relative transit time of
 * the last packet (RFC 3550 A.8) in 20 bits, and above that 16 times the jitter in 20 bits, both in
 * units of the source's timestamps.
 */
#include "../../lib/be.h"
#include "../../lib/ctl_abi.h"

/* What is measured of a flow: three bits of its line. */
enum measure {
	MEASURE_NONE,
	MEASURE_RTCP,
	MEASURE_RTP, /* its clock is not known: no jitter */
	MEASURE_8000,
	MEASURE_16000,
	MEASURE_32000,
	MEASURE_48000,
	MEASURE_90000,
	MEASURES
};

enum {
	MEASURE_NEXT = 0xffffff, /* number, type << 16, and: */
	MEASURE_KNOWN = 1 << 23, /* there is a source */
	TRANSIT_AT = 24,
	TRANSIT_BITS = 20,
	JITTER_AT = TRANSIT_AT + TRANSIT_BITS,
	TRANSIT_LEAP = 1 << 16, /* another time scale, and no jitter */
};

/* Units of a clock in 2^32 microseconds. */
extern const uint64_t measure_units[MEASURES];

/* Intervals of what is told of a side's hearing, seconds. */
enum { QUALITY_S = 5 };

/* A sender report, or a receiver's reference time: when it passed here. */
struct quality_mark {
	uint32_t middle; /* of its NTP time; 0: none */
	uint64_t at_us;
};

/* Of a side: the RTP that comes from it, and the RTCP. Written by its worker. */
struct media_quality {
	/* Of the source. Numbers are extended to 32 bits, from where it began. */
	uint64_t missing; /* bit n: top less n has not come */
	uint32_t top;	  /* the highest that came */
	uint32_t ssrc;
	uint32_t apart;	    /* packets of the flow since the last look that are not in order */
	uint32_t last_lost; /* the last number that was given up */
	bool anew;	    /* transit times are of another clock from the next packet on */
	bool known, lossy, in_burst; /* last_lost is one; of a burst */
	uint8_t measure;	     /* enum measure, MEASURE_RTP and above */
	uint8_t type, codec;

	/* Candidates: of another source, another place in the order, another type. */
	uint64_t other_at; /* received, when the last of them came */
	uint32_t other_ssrc, other_ts;
	uint16_t others, leap_next;
	bool leapt;
	uint8_t other_type, other_types;

	/* Of all sources. */
	uint16_t sources;
	uint32_t lost, runs, reordered, duplicates, bursts, burst_lost; /* as far as given up */
	uint64_t received;
	uint32_t jitter_max_us;

	/* By RTCP. */
	struct quality_mark sr[2], rrtr;
	uint32_t reports, told_ssrc, told_lost, told_jitter, leg_us;
	uint8_t told_fraction, told_most; /* of 256; the most since the last interval */
	uint8_t told_mos_lq, told_mos_cq;

	/* Intervals: what there was when the last one ended, and what they came to. */
	uint64_t was_received;
	uint32_t was_lost, was_runs, at_s;
	uint32_t samples, rtts;
	uint64_t sum_mos, sum_loss, sum_jitter, sum_rtt, sum_leg;
	struct ctl_heard lowest, highest, last;
};

/* A packet of a flow, as far as it matters. */
struct quality_packet {
	const uint8_t *msg;
	uint32_t len;
	uint64_t now_us;
	const struct ctl_format *format[2]; /* [CTL_FORMATS_MAX]: of its side, of the other */
};

/*
 * A packet that is the next of its source: noted, in *word. False, and nothing has changed: it is
 * for quality_event().
 */
static inline __attribute__((always_inline)) bool
quality_next(uint64_t *word, uint32_t measure, uint64_t now_us, const uint8_t *msg, uint32_t len)
{
	const uint64_t was = *word;
	uint32_t head, stamp, arrival, transit, jitter;
	int32_t d;

	if (len < 12)
		return false;
	memcpy(&head, msg, 4);
	memcpy(&stamp, msg + 4, 4);
	/* Version 2 is bits 31 and 30; padding, extension, CSRCs and the marker are whatever. */
	head = (__builtin_bswap32(head) & 0xc07fffff) ^ (0x80000000u | MEASURE_KNOWN);
	if (head != (was & MEASURE_NEXT))
		return false;
	arrival = (uint32_t)((unsigned __int128)now_us * measure_units[measure] >> 32);
	transit = arrival - __builtin_bswap32(stamp);
	d = (int32_t)((transit - (uint32_t)(was >> TRANSIT_AT)) << 12) >> 12;
	d = d < 0 ? -d : d;
	if (d >= TRANSIT_LEAP)
		return false;
	jitter = (uint32_t)(was >> JITTER_AT);
	jitter += (uint32_t)d - ((jitter + 8) >> 4);
	*word = (uint64_t)jitter << JITTER_AT | (uint64_t)(transit & 0xfffff) << TRANSIT_AT |
		(was & 0xff0000) | (uint16_t)(was + 1);
	return true;
}

/*
 * Any packet that is not; it is counted among the flow's as well. Another source takes the place of
 * the one there is when several of its packets came with none of that one between them.
 */
void quality_event(struct media_quality *q, uint64_t *word, const struct quality_packet *p);

/* What a payload type is, by the formats of one side, else of the other, else RFC 3551. */
uint8_t quality_codec(const struct ctl_format *const format[2], uint8_t type);

/* What payload types are may have changed: of its side, of the other. */
void quality_formats(struct media_quality *q, uint64_t *word,
		     const struct ctl_format *const format[2]);

/* n packets of the flow came since the last look. */
void quality_passed(struct media_quality *q, uint64_t n);

/* The flow is not RTP any more: what comes is no source's. */
void quality_stop(struct media_quality *q, uint64_t *word);

/* RTCP of a side, about the other one. What is none, or SRTCP, tells nothing. */
void quality_rtcp(struct media_quality *q, const struct media_quality *of, const void *msg,
		  size_t len, uint64_t now_us);

/*
 * How a side hears the RTP of `of`, whose flow has *word: when an interval is over, and if
 * something came in it. True: *h is what there was. now_s: seconds; at once: now, however long it
 * was.
 */
bool quality_heard(struct media_quality *q, const struct media_quality *of, uint64_t word,
		   uint32_t now_s, bool at_once, struct ctl_heard *h);

/* A side has another partner: what was of the one before is no measure. */
static inline void quality_partner(struct media_quality *q)
{
	q->was_received = UINT64_MAX;
}

/* From time to time: q is of the flow that has *word. */
void quality_look(struct media_quality *q, uint64_t word);

/* All of it as it is told. of: the other side. word: of q's flow. */
void quality_tell(const struct media_quality *q, const struct media_quality *of, uint64_t word,
		  struct ctl_quality *to);

#endif
