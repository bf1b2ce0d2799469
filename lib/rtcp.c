/* SPDX-License-Identifier: BSD-3-Clause */
#include "rtcp.h"

#include "cursor.h"

#include <string.h>

/* Types of blocks in an extended report (RFC 3611 4). */
enum { XR_RRTR = 4, XR_DLRR = 5, XR_VOIP = 7 };

static uint64_t rd_u64(struct rd *c)
{
	const uint64_t high = rd_u32(c);

	return high << 32 | rd_u32(c);
}

/* The next n bytes as a part of their own. */
static struct rd rd_part(struct rd *c, size_t n)
{
	const uint8_t *p = rd_take(c, n);

	return p ? rd_init(p, n) : (struct rd){ .failed = true };
}

static void read_blocks(struct rd *c, uint32_t n, struct rtcp *r)
{
	while (n--) {
		struct rtcp_block b;
		uint32_t word;

		b.ssrc = rd_u32(c);
		word = rd_u32(c);
		b.fraction = (uint8_t)(word >> 24);
		b.lost = (int32_t)(word << 8) >> 8;
		b.highest = rd_u32(c);
		b.jitter = rd_u32(c);
		b.lsr = rd_u32(c);
		b.dlsr = rd_u32(c);
		if (!c->failed && r->n_block < RTCP_BLOCKS_MAX)
			r->block[r->n_block++] = b;
	}
}

static void read_dlrr(struct rd *c, struct rtcp *r)
{
	while (rd_left(c) >= 12 && r->n_dlrr < RTCP_DLRR_MAX) {
		struct rtcp_dlrr *d = &r->dlrr[r->n_dlrr++];

		d->ssrc = rd_u32(c);
		d->lrr = rd_u32(c);
		d->dlrr = rd_u32(c);
	}
}

static void read_voip(struct rd *c, struct rtcp *r)
{
	struct rtcp_voip v;

	v.ssrc = rd_u32(c);
	v.loss = rd_u8(c);
	v.discard = rd_u8(c);
	v.burst_density = rd_u8(c);
	v.gap_density = rd_u8(c);
	v.burst_ms = rd_u16(c);
	v.gap_ms = rd_u16(c);
	v.rtt_ms = rd_u16(c);
	v.delay_ms = rd_u16(c);
	rd_take(c, 4); /* signal and noise levels, RERL, Gmin */
	v.r = rd_u8(c);
	rd_take(c, 1); /* R of another network */
	v.mos_lq = rd_u8(c);
	v.mos_cq = rd_u8(c);
	if (c->failed)
		return;
	r->voip = true;
	r->voip_metrics = v;
}

/* Blocks of types that are not known are passed over (RFC 3611 3). */
static bool read_xr(struct rd *c, struct rtcp *r)
{
	while (rd_left(c)) {
		const uint8_t type = rd_u8(c);
		struct rd part;

		rd_u8(c); /* of the type */
		part = rd_part(c, 4 * (size_t)rd_u16(c));
		if (c->failed)
			return false;
		if (type == XR_RRTR && rd_left(&part) == 8) {
			r->rrtr = true;
			r->rrtr_ntp = rd_u64(&part);
		} else if (type == XR_DLRR) {
			read_dlrr(&part, r);
		} else if (type == XR_VOIP) {
			read_voip(&part, r);
		}
	}
	return true;
}

/* A packet, behind its header and its sender. */
static bool read_packet(struct rd *c, uint8_t type, uint32_t count, struct rtcp *r)
{
	switch (type) {
	case RTCP_SR:
		r->sr = true;
		r->ntp = rd_u64(c);
		rd_take(c, 12); /* RTP time, packets, octets */
		read_blocks(c, count, r);
		break;
	case RTCP_RR:
		read_blocks(c, count, r);
		break;
	case RTCP_BYE:
		r->bye = true;
		break;
	case RTCP_XR:
		return read_xr(c, r);
	default:
		break;
	}
	return !c->failed;
}

/* The packet that is next, whole. False: it is none. */
static bool next_packet(struct rd *c, struct rd *part, uint8_t *first, uint8_t *type)
{
	*first = rd_u8(c);
	*type = rd_u8(c);
	*part = rd_part(c, 4 * (size_t)rd_u16(c));
	return !c->failed && *first >> 6 == 2 && *type >= 192 && *type <= 223;
}

/* Padding is in the last one, whole words of it, and says how much (RFC 3550 6.4.1). */
static bool unpad(const struct rd *c, struct rd *part)
{
	size_t n;

	if (rd_left(c) || !rd_left(part))
		return false;
	n = part->end[-1];
	if (n == 0 || n % 4 || n > rd_left(part))
		return false;
	part->end -= n;
	return true;
}

bool rtcp_parse(const void *p, size_t len, struct rtcp *r)
{
	struct rd c = rd_init(p, len), part;
	uint32_t n = 0;

	memset(r, 0, sizeof(*r));
	do {
		uint8_t first, type;
		uint32_t ssrc;

		if (n == RTCP_PACKETS_MAX || !next_packet(&c, &part, &first, &type) ||
		    (first & 0x20 && !unpad(&c, &part)))
			return false;
		ssrc = rd_left(&part) ? rd_u32(&part) : 0;
		if (part.failed || !read_packet(&part, type, first & 0x1f, r))
			return false;
		if (n++ == 0)
			r->ssrc = ssrc;
	} while (rd_left(&c));
	return true;
}
