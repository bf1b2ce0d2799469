/* SPDX-License-Identifier: BSD-3-Clause */
/* What RTCP tells of how RTP was heard, and what intervals of both come to. */
#include "quality.h"

#include "../../lib/emodel.h"
#include "../../lib/rtcp.h"

enum { TRIP_MAX_US = 30000000, INTERVAL_LEAST = 10 /* packets */ };

/* ---- RTCP ---- */

/* A report's last time and how long it was held, 1/65536 s: from here to its sender and back. */
static void trip_note(struct media_quality *q, const struct quality_mark *mark, uint32_t middle,
		      uint32_t held, uint64_t now_us)
{
	const uint64_t held_us = ((uint64_t)held * 1000000) >> 16;
	uint64_t since;

	if (middle == 0 || mark->middle != middle)
		return;
	since = now_us - mark->at_us;
	since = since > held_us ? since - held_us : 0;
	if (since <= TRIP_MAX_US)
		q->leg_us = since ? (uint32_t)since : 1;
}

static void block_note(struct media_quality *q, const struct media_quality *of,
		       const struct rtcp *r, const struct rtcp_block *b, uint64_t now_us)
{
	trip_note(q, &of->sr[0], b->lsr, b->dlsr, now_us);
	trip_note(q, &of->sr[1], b->lsr, b->dlsr, now_us);
	if (!of->known || b->ssrc != of->ssrc)
		return;
	q->reports++;
	q->told_ssrc = r->ssrc;
	q->told_lost = b->lost < 0 ? 0 : (uint32_t)b->lost;
	q->told_jitter = b->jitter;
	q->told_fraction = b->fraction;
	q->told_most = b->fraction > q->told_most ? b->fraction : q->told_most;
}

void quality_rtcp(struct media_quality *q, const struct media_quality *of, const void *msg,
		  size_t len, uint64_t now_us)
{
	struct rtcp r;
	uint32_t i;

	if (!rtcp_parse(msg, len, &r))
		return;
	if (r.sr) {
		q->sr[1] = q->sr[0];
		q->sr[0] = (struct quality_mark){ rtcp_middle(r.ntp), now_us };
	}
	if (r.rrtr)
		q->rrtr = (struct quality_mark){ rtcp_middle(r.rrtr_ntp), now_us };
	for (i = 0; i < r.n_block; i++)
		block_note(q, of, &r, &r.block[i], now_us);
	for (i = 0; i < r.n_dlrr; i++)
		trip_note(q, &of->rrtr, r.dlrr[i].lrr, r.dlrr[i].dlrr, now_us);
	if (!r.voip || !of->known || r.voip_metrics.ssrc != of->ssrc)
		return;
	q->told_mos_lq = r.voip_metrics.mos_lq == RTCP_NO_MOS ? 0 : r.voip_metrics.mos_lq;
	q->told_mos_cq = r.voip_metrics.mos_cq == RTCP_NO_MOS ? 0 : r.voip_metrics.mos_cq;
}

/* ---- intervals ---- */

static uint32_t lost_now(const struct media_quality *q)
{
	return q->lost + (uint32_t)__builtin_popcountll(q->missing);
}

/* Units of 1/16 of a source's timestamps. */
static uint32_t units_us(const struct media_quality *q, uint64_t units16)
{
	const uint32_t hz = codec_desc[q->codec].hz;
	const uint64_t us = q->measure > MEASURE_RTP ? units16 * 62500 / hz : 0;

	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static uint32_t jitter_us(const struct media_quality *q, uint64_t word)
{
	return units_us(q, word >> JITTER_AT);
}

static void interval_begin(struct media_quality *q, const struct media_quality *of, uint32_t now_s)
{
	q->was_received = of->received;
	q->was_lost = lost_now(of);
	q->was_runs = of->runs;
	q->told_most = 0;
	q->at_s = now_s;
}

/* What the last interval came to, as the receiver has it: his own word, if it is worse than ours.
 */
static struct ctl_heard interval_of(const struct media_quality *q, const struct media_quality *of,
				    uint64_t word, uint32_t now_s)
{
	const uint32_t lost = lost_now(of), runs = of->runs - q->was_runs;
	const uint32_t gone = lost > q->was_lost ? lost - q->was_lost : 0;
	const float here = (float)gone / (float)(of->received - q->was_received + gone);
	const float told = (float)q->told_most / 256, loss = told > here ? told : here;
	const uint32_t told_us = units_us(of, (uint64_t)q->told_jitter << 4);
	struct ctl_heard h = { .at = now_s,
			       .loss = (uint16_t)(10000 * loss + 0.5F),
			       .jitter_us = jitter_us(of, word),
			       .leg_us = q->leg_us };

	if (told_us > h.jitter_us)
		h.jitter_us = told_us;
	if (q->leg_us && of->leg_us)
		h.rtt_us = q->leg_us + of->leg_us;
	else
		h.rtt_us = q->leg_us ? q->leg_us : of->leg_us;
	h.mos = emodel_mos(&(struct emodel){
	    .codec = (enum codec)of->codec,
	    .loss = loss,
	    .burst_ratio = runs && gone > runs ? (float)gone / (float)runs * (1 - here) : 1,
	    .jitter_us = h.jitter_us,
	    .rtt_us = h.rtt_us });
	return h;
}

static void interval_add(struct media_quality *q, const struct ctl_heard *h)
{
	q->last = *h;
	if (h->mos == 0)
		return;
	if (q->samples == 0 || h->mos < q->lowest.mos)
		q->lowest = *h;
	if (q->samples == 0 || h->mos > q->highest.mos)
		q->highest = *h;
	q->samples++;
	q->sum_mos += h->mos;
	q->sum_loss += h->loss;
	q->sum_jitter += h->jitter_us;
	q->rtts += h->rtt_us != 0;
	q->sum_rtt += h->rtt_us;
	q->sum_leg += h->leg_us;
}

bool quality_heard(struct media_quality *q, const struct media_quality *of, uint64_t word,
		   uint32_t now_s, bool at_once, struct ctl_heard *h)
{
	if (q->at_s == 0 || of->received < q->was_received)
		interval_begin(q, of, now_s);
	if ((!at_once && now_s - q->at_s < QUALITY_S) ||
	    of->received - q->was_received < INTERVAL_LEAST)
		return false;
	*h = interval_of(q, of, word, now_s);
	interval_add(q, h);
	interval_begin(q, of, now_s);
	return true;
}

void quality_look(struct media_quality *q, uint64_t word)
{
	const uint32_t now = jitter_us(q, word);

	q->jitter_max_us = now > q->jitter_max_us ? now : q->jitter_max_us;
}

/* ---- telling ---- */

static struct ctl_heard mean_of(const struct media_quality *q)
{
	const uint32_t n = q->samples, trips = q->rtts ? q->rtts : 1;

	if (n == 0)
		return (struct ctl_heard){ 0 };
	return (struct ctl_heard){ .mos = (uint16_t)(q->sum_mos / n),
				   .loss = (uint16_t)(q->sum_loss / n),
				   .jitter_us = (uint32_t)(q->sum_jitter / n),
				   .rtt_us = (uint32_t)(q->sum_rtt / trips),
				   .leg_us = (uint32_t)(q->sum_leg / trips),
				   .at = q->last.at };
}

void quality_tell(const struct media_quality *q, const struct media_quality *of, uint64_t word,
		  struct ctl_quality *to)
{
	*to = (struct ctl_quality){
		.ssrc = q->ssrc,
		.type = q->type,
		.codec = q->codec,
		.sources = q->sources,
		.received = q->received,
		.lost = lost_now(q),
		.reordered = q->reordered,
		.duplicates = q->duplicates,
		.bursts = q->bursts,
		.burst_lost = q->burst_lost,
		.jitter_us = jitter_us(q, word),
		.jitter_max_us = q->jitter_max_us,
		.reports = q->reports,
		.told_ssrc = q->told_ssrc,
		.told_lost = q->told_lost,
		.told_jitter_us = units_us(of, (uint64_t)q->told_jitter << 4),
		.told_loss = (uint16_t)(q->told_fraction * 10000u / 256),
		.told_mos_lq = q->told_mos_lq,
		.told_mos_cq = q->told_mos_cq,
		.rtt_us = q->leg_us,
		.samples = q->samples,
		.mean = mean_of(q),
		.lowest = q->lowest,
		.highest = q->highest,
		.last = q->last,
	};
}
