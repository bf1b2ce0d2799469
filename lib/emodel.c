/* SPDX-License-Identifier: BSD-3-Clause */
#include "emodel.h"

enum { FRAME_MS = 20 }; /* until a packet is full, as most codecs have it */

/* One way: half of the round trip, a frame, and a jitter buffer of two times the jitter. */
static float delay_ms(const struct emodel *e)
{
	return (float)e->rtt_us / 2000 + FRAME_MS + 2 * (float)e->jitter_us / 1000;
}

/* What delay takes (G.107 7.3, its usual simplification). */
static float impaired_delay(float ms)
{
	return 0.024F * ms + (ms > 177.3F ? 0.11F * (ms - 177.3F) : 0);
}

/* Ie,eff (G.107 7.4); Ppl in percent. */
static float impaired_codec(const struct emodel *e)
{
	const struct codec_desc *c = &codec_desc[e->codec];
	const float ppl = 100 * e->loss, ratio = e->burst_ratio < 1 ? 1 : e->burst_ratio;

	return c->ie + (95 - (float)c->ie) * ppl / (ppl / ratio + (float)c->bpl / 10);
}

/* G.107 annex B. Below R 6.5 its curve falls under 1, which there is not. */
static float mos_of(float r)
{
	float mos;

	if (r <= 6.5F)
		return 1;
	if (r >= 100)
		return 4.5F;
	mos = 1 + 0.035F * r + 7e-6F * r * (r - 60) * (100 - r);
	return mos < 1 ? 1 : mos;
}

uint16_t emodel_mos(const struct emodel *e)
{
	if (codec_desc[e->codec].bpl == 0)
		return 0;
	return (uint16_t)(100 * mos_of(93.2F - impaired_delay(delay_ms(e)) - impaired_codec(e)) +
			  0.5F);
}
