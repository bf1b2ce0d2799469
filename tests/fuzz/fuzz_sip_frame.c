/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SIP in a byte stream: what a byte is taken for does not depend on how the stream was cut, and
 * every byte is taken for something. The first byte says how it is cut.
 */
#include "../../lib/sip_frame.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct judge {
	struct sip_frame f;
	uint64_t tale; /* of what stood where */
	uint32_t at;
};

static void judge_on(struct judge *j, const uint8_t *p, uint32_t have)
{
	while (j->at < have) {
		bool between = sip_frame_between(&j->f), lost = sip_frame_lost(&j->f);
		enum sip_verdict ping = between ? sip_ping(p + j->at, have - j->at) : SIP_NO;
		uint32_t n = SIP_PING_LEN;

		if (ping == SIP_MORE) {
			must(have - j->at < SIP_PING_LEN);
			return;
		}
		if (ping == SIP_NO)
			n = sip_frame_scan(&j->f, p + j->at, have - j->at);
		must(n > 0 && n <= have - j->at);
		j->at += n;
		must(!lost || sip_frame_lost(&j->f));
		if (ping == SIP_YES || sip_frame_between(&j->f))
			j->tale = (j->tale + j->at * 2 + ping) * UINT64_C(0x9e3779b97f4a7c15);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct judge whole = { 0 }, cut = { 0 };
	enum sip_verdict v, last = SIP_MORE;
	uint32_t len, n, step;

	if (size < 2 || size > 1 << 20)
		return 0;
	step = data[0] + 1u;
	data++;
	len = (uint32_t)size - 1;
	judge_on(&whole, data, len);
	for (n = step; n < len; n += step)
		judge_on(&cut, data, n);
	judge_on(&cut, data, len);
	must(whole.at == cut.at && whole.tale == cut.tale && whole.f.state == cut.f.state &&
	     whole.f.left == cut.f.left);
	for (n = 1; n <= len && n <= SIP_BEGIN_MAX; n++) {
		v = sip_begins(data, n);
		must(last == SIP_MORE || v == last);
		last = v;
	}
	must(n <= SIP_BEGIN_MAX || last != SIP_MORE);
	return 0;
}
