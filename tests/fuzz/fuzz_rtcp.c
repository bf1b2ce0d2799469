/* SPDX-License-Identifier: BSD-3-Clause */
/* RTCP of any bytes: bounds hold, no byte outside is read, and what is measured takes it. */
#include "../../dp/gateway/quality.h"
#include "../../lib/rtcp.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct media_quality a = { .known = true,
				   .ssrc = 0x01020304,
				   .codec = CODEC_PCMA,
				   .measure = MEASURE_8000 },
			     b = a;
	uint8_t *exact = malloc(size ? size : 1);
	struct ctl_quality told;
	struct rtcp r;

	must(exact != NULL);
	memcpy(exact, data, size);
	if (rtcp_parse(exact, size, &r))
		must(r.n_block <= RTCP_BLOCKS_MAX && r.n_dlrr <= RTCP_DLRR_MAX && size % 4 == 0);
	quality_rtcp(&a, &b, exact, size, 1000000);
	quality_rtcp(&b, &a, exact, size, 2000000);
	quality_rtcp(&a, &b, exact, size, 3000000);
	quality_tell(&a, &b, 0, &told);
	must(a.leg_us <= 30000000 && told.told_loss <= 10000);
	free(exact);
	return 0;
}
