/* SPDX-License-Identifier: BSD-3-Clause */
/* A side that is made silent: its RTP goes on, numbers and times as they are, without what it said.
 */
#include "gateway.h"
#include "media.h"

enum {
	RTP_HDR = 12, /* bytes (RFC 3550 5.1) */
	RTP_EXT = 4,  /* of a header extension, before its words (5.3.1) */
	RTP_X = 0x10, /* of the first byte: there is one */
	RTP_P = 0x20, /* the last byte is how many at the end are padding, itself included */
};

/* Bytes before the payload of RTP, and behind it. False: they are more than there are. */
static bool rtp_around(const uint8_t *msg, uint32_t len, uint32_t *before, uint32_t *behind)
{
	if (len < RTP_HDR || msg[0] >> 6 != 2)
		return false;
	*before = RTP_HDR + 4u * (msg[0] & 0x0f);
	if (msg[0] & RTP_X) {
		if (len < *before + RTP_EXT)
			return false;
		*before += RTP_EXT + 4u * be16_read(msg + *before + 2);
	}
	*behind = msg[0] & RTP_P ? msg[len - 1] : 0;
	return *before + *behind <= len;
}

enum drop media_silence(struct worker *w, const struct media_in *in)
{
	const struct media_term *term = w->gateway->media[in->slot].term;
	const struct ctl_format *const format[2] = { term[!in->side].format,
						     term[in->side].format };
	struct pkt *p = in->p;
	uint32_t before, behind;
	uint8_t *msg;
	int silence;

	if (rte_pktmbuf_linearize(p->m) != 0)
		return DROP_GATE_SILENT;
	msg = pkt_payload(p);
	if (!rtp_around(msg, pkt_payload_len(p), &before, &behind))
		return DROP_GATE_SILENT;
	silence = codec_silence((enum codec)quality_codec(format, msg[1] & 0x7f));
	if (silence < 0)
		return DROP_GATE_SILENT;
	/* What was damaged on its way shall not become whole. */
	if (!pkt_l4_csum_ok(w, p))
		return DROP_UDP_CSUM;
	memset(msg + before, silence, pkt_payload_len(p) - before - behind);
	pkt_udp_csum_finish(p);
	return DROP_NONE;
}
