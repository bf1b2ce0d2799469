/* SPDX-License-Identifier: BSD-3-Clause */
#include "quality.h"

const struct quality_desc quality_desc[QUALITIES] = {
	[QUALITY_JITTER] = { "media_jitter_seconds",
			     "jitter of RTP as it came (RFC 3550 6.4.1)",
			     1e-6,
			     { 1000, 2000, 5000, 10000, 20000, 30000, 50000, 100000, 200000, 500000,
			       1000000 } },
	[QUALITY_LOSS] = { "media_loss_ratio",
			   "RTP packets that were missing, as the receiver has it",
			   1e-4,
			   { 0, 10, 50, 100, 200, 300, 500, 1000, 2000, 3000, 5000 } },
	[QUALITY_RTT] = { "media_round_trip_seconds",
			  "round trips from end to end, by RTCP",
			  1e-6,
			  { 1000, 5000, 10000, 20000, 50000, 100000, 150000, 200000, 300000, 500000,
			    1000000 } },
	[QUALITY_MOS] = { "media_mos",
			  "MOS by the E-model (ITU-T G.107), of speech",
			  1e-2,
			  { 150, 200, 250, 280, 310, 340, 360, 380, 400, 420, 440 } },
};

uint32_t quality_class(enum quality q, uint32_t value)
{
	const uint32_t *le = quality_desc[q].le;
	uint32_t i = 0;

	while (i < QUALITY_CLASSES - 1 && value > le[i])
		i++;
	return i;
}
