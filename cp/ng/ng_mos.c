/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers' SSRC: how each source's owner hears the other side, in the numbers that Kamailio's
 * rtpengine module makes its mos_* variables of: all of them integers, MOS in tenths.
 */
#include "ng_mos.h"

#include <inttypes.h>
#include <stdio.h>

static json_t *heard(const struct ctl_heard *h)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "MOS", (json_int_t)((h->mos + 5) / 10),
			 "packet loss", (json_int_t)((h->loss + 50) / 100), "jitter",
			 (json_int_t)((h->jitter_us + 500) / 1000), "round-trip time",
			 (json_int_t)h->rtt_us, "round-trip time leg", (json_int_t)h->leg_us);
}

/* at: seconds of the clock that reports have; now it is now, and wall by the wall's. */
static json_t *heard_at(const struct ctl_heard *h, uint32_t now, uint64_t wall)
{
	json_t *v = heard(h);

	json_object_set_new(v, "reported at", json_integer((json_int_t)(wall - (now - h->at))));
	return v;
}

void ng_mos_put(json_t *ssrcs, const struct ctl_term_stats *s, uint32_t now, uint64_t wall)
{
	const struct ctl_quality *q = &s->quality;
	char name[16];
	json_t *v;

	if (q->sources == 0)
		return;
	snprintf(name, sizeof(name), "%" PRIu32, q->ssrc);
	v = json_pack("{s:I, s:I, s:I}", "packets", (json_int_t)s->packets, "bytes",
		      (json_int_t)s->bytes, "cumulative loss", (json_int_t)q->lost);
	if (q->samples) {
		json_t *mean = heard(&q->mean);

		json_object_set_new(mean, "samples", json_integer(q->samples));
		json_object_set_new(v, "average MOS", mean);
		json_object_set_new(v, "lowest MOS", heard_at(&q->lowest, now, wall));
		json_object_set_new(v, "highest MOS", heard_at(&q->highest, now, wall));
	}
	json_object_set_new(ssrcs, name, v);
}
