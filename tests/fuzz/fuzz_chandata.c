/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChannelData: the payload lies inside the datagram, writing the header again gives the same
 * bytes, and no datagram is both ChannelData and STUN (RFC 8656 12).
 */
#include "../../lib/chandata.h"
#include "../../lib/stun.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[CHANDATA_HDR_LEN];
	uint16_t number = 0;
	struct stun_msg m;
	int len = chandata_parse(data, size, &number);

	if (len < 0)
		return 0;
	must((size_t)len + CHANDATA_HDR_LEN <= size);
	must(number >= CHANNEL_MIN && number <= CHANNEL_MAX_RFC5766);
	chandata_write(again, number, (uint16_t)len);
	must(memcmp(again, data, sizeof(again)) == 0);
	must(stun_parse(&m, data, size) != STUN_OK);
	return 0;
}
