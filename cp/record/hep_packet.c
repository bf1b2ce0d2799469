/* SPDX-License-Identifier: BSD-3-Clause */
#include "hep_packet.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Types of chunks of vendor 0. */
enum hep_chunk {
	HEP_FAMILY = 1,
	HEP_PROTOCOL = 2,
	HEP_SRC4 = 3,
	HEP_DST4 = 4,
	HEP_SRC6 = 5,
	HEP_DST6 = 6,
	HEP_SRC_PORT = 7,
	HEP_DST_PORT = 8,
	HEP_SECONDS = 9,
	HEP_MICROSECONDS = 10,
	HEP_TYPE = 11,
	HEP_AGENT = 12,
	HEP_PASSWORD = 14,
	HEP_PAYLOAD = 15,
	HEP_CORRELATION = 17,
};

enum {
	CHUNK_HDR = 6,
	TYPE_RTCP_JSON = 5,
	JSON_MAX = 1024,
	REPORT_RR = 201,
};

static void put_chunk(struct wr *w, enum hep_chunk type, const void *p, size_t len)
{
	wr_u16(w, 0);
	wr_u16(w, (uint16_t)type);
	wr_u16(w, (uint16_t)(CHUNK_HDR + len));
	wr_bytes(w, p, len);
}

static void put_u8(struct wr *w, enum hep_chunk type, uint8_t v)
{
	put_chunk(w, type, &v, 1);
}

static void put_u16(struct wr *w, enum hep_chunk type, struct be16 v)
{
	put_chunk(w, type, v.b, 2);
}

static void put_u32(struct wr *w, enum hep_chunk type, uint32_t v)
{
	put_chunk(w, type, be32_make(v).b, 4);
}

/* From the side's remote to us. */
static void put_addresses(struct wr *w, const struct record_term *m)
{
	const bool v4 = ip_is_v4(&m->remote.ip);

	put_u8(w, HEP_FAMILY, v4 ? AF_INET : AF_INET6);
	put_u8(w, HEP_PROTOCOL, IPPROTO_UDP);
	if (v4) {
		put_chunk(w, HEP_SRC4, m->remote.ip.b + 12, 4);
		put_chunk(w, HEP_DST4, m->local.ip.b + 12, 4);
	} else {
		put_chunk(w, HEP_SRC6, m->remote.ip.b, 16);
		put_chunk(w, HEP_DST6, m->local.ip.b, 16);
	}
	put_u16(w, HEP_SRC_PORT, m->remote.port);
	put_u16(w, HEP_DST_PORT, m->local.port);
}

/* Units of the source's timestamps, as a report block has them. */
static uint32_t jitter_units(uint32_t us, uint8_t codec)
{
	const uint32_t hz = codec < CODECS ? codec_desc[codec].hz : 0;

	return (uint32_t)((uint64_t)us * hz / 1000000);
}

/* Of side `q`'s hearing; of: what came from the other. */
static int put_json(char *to, size_t len, const struct record *r, const struct record_term *m,
		    const struct ctl_quality *q, const struct ctl_quality *of)
{
	const uint32_t lost = q->told_lost > of->lost ? q->told_lost : of->lost;
	const uint32_t jitter = q->last.jitter_us;

	return snprintf(
	    to, len,
	    "{\"ssrc\":%" PRIu32 ",\"type\":%d,\"report_count\":1,\"report_blocks\":[{"
	    "\"source_ssrc\":%" PRIu32 ",\"highest_seq_no\":0,\"fraction_lost\":%u,"
	    "\"ia_jitter\":%" PRIu32 ",\"packets_lost\":%" PRIu32 ",\"lsr\":0,\"dlsr\":0}],"
	    "\"sender_information\":{\"ntp_timestamp_sec\":%" PRIu64
	    ",\"ntp_timestamp_usec\":%" PRIu64 ",\"rtp_timestamp\":0,\"packets\":%" PRIu64
	    ",\"octets\":%" PRIu64 "},"
	    "\"sdes_report_count\":0,\"sdes_information\":[],"
	    "\"mos\":%.2f,\"mos_min\":%.2f,\"mos_max\":%.2f,\"loss_percent\":%.2f,"
	    "\"jitter_ms\":%.3f,\"round_trip_ms\":%.3f,\"packets_received\":%" PRIu64
	    ",\"packets_reordered\":%" PRIu32 ",\"packets_duplicated\":%" PRIu32
	    ",\"bursts\":%" PRIu32 ",\"packets_lost_in_bursts\":%" PRIu32 ",\"codec\":\"%s\","
	    "\"context\":\"%016" PRIx64 "\",\"media\":%u}",
	    q->sources ? q->ssrc : q->told_ssrc, REPORT_RR, of->ssrc,
	    (unsigned int)(q->last.loss * 255u / 10000), jitter_units(jitter, of->codec), lost,
	    r->wall_ms / 1000, r->wall_ms % 1000 * 1000, m->received.packets, m->received.bytes,
	    q->mean.mos / 100.0, q->lowest.mos / 100.0, q->highest.mos / 100.0,
	    q->mean.loss / 100.0, q->mean.jitter_us / 1000.0, q->mean.rtt_us / 1000.0, of->received,
	    of->reordered, of->duplicates, of->bursts, of->burst_lost,
	    of->codec < CODECS ? codec_desc[of->codec].name : "", r->id, r->context.media);
}

/* The call, by which it is found beside its SIP; else the context. */
static void put_correlation(struct wr *w, const struct record *r)
{
	char id[17];

	if (*r->context.call) {
		put_chunk(w, HEP_CORRELATION, r->context.call, strlen(r->context.call));
		return;
	}
	snprintf(id, sizeof(id), "%016" PRIx64, r->id);
	put_chunk(w, HEP_CORRELATION, id, 16);
}

bool hep_put(struct wr *w, const struct record *r, uint32_t side, uint32_t id, const char *password)
{
	const struct record_term *m = &r->context.term[side], *other = &r->context.term[!side];
	char json[JSON_MAX];
	uint8_t *head;
	int n;

	if (!m->transport || !be16_get(m->remote.port) || !other->quality.sources)
		return false;
	head = wr_take(w, CHUNK_HDR);
	put_addresses(w, m);
	put_u32(w, HEP_SECONDS, (uint32_t)(r->wall_ms / 1000));
	put_u32(w, HEP_MICROSECONDS, (uint32_t)(r->wall_ms % 1000 * 1000));
	put_u8(w, HEP_TYPE, TYPE_RTCP_JSON);
	put_u32(w, HEP_AGENT, id);
	if (*password)
		put_chunk(w, HEP_PASSWORD, password, strlen(password));
	put_correlation(w, r);
	n = put_json(json, sizeof(json), r, m, &m->quality, &other->quality);
	if (n < 0 || (size_t)n >= sizeof(json))
		return false;
	put_chunk(w, HEP_PAYLOAD, json, (size_t)n);
	if (w->failed)
		return false;
	memcpy(head, "HEP3", 4);
	memcpy(head + 4, be16_make((uint16_t)wr_len(w)).b, 2);
	return true;
}
