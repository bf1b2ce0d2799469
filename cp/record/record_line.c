/* SPDX-License-Identifier: BSD-3-Clause */
/* A record as a line of JSON (RFC 8259), with times of RFC 3339. */
#include "record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *const record_type_name[RECORD_TYPES] = {
	[RECORD_ALLOCATION] = "allocation",
	[RECORD_CONNECTION] = "connection",
	[RECORD_CONTEXT] = "context",
};
const char *const record_event_name[RECORD_EVENTS] = {
	[RECORD_START] = "start",
	[RECORD_UPDATE] = "update",
	[RECORD_ADOPTED] = "adopted",
	[RECORD_END] = "end",
};

/* A line that grows; there is room for all that a record can have. */
struct line {
	char *at;
};

/* Names, call identifiers and tags: at most so many bytes of each of them become one. */
enum { ESCAPED = 6 };
_Static_assert((RECORD_CALL_MAX + 2 * RECORD_TAG_MAX + RECORD_NODE_MAX) * ESCAPED + 3072 <
		   RECORD_LINE_MAX,
	       "a record of a context fits into a line");

static void put(struct line *l, const char *text)
{
	const size_t n = strlen(text);

	memcpy(l->at, text, n);
	l->at += n;
}

static void put_number(struct line *l, const char *key, uint64_t n)
{
	l->at += sprintf(l->at, ",\"%s\":%" PRIu64, key, n);
}

/* Bytes of the character that begins here, or 0: it is none of UTF-8 (RFC 3629 4). */
static unsigned int utf8_len(const unsigned char *s)
{
	unsigned int n, low = 0x80, high = 0xbf;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	if (s[0] == 0xed)
		high = 0x9f;
	if (s[0] == 0xf0)
		low = 0x90;
	if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (unsigned int i = 2; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) /* the NUL too */
			return 0;
	}
	return n;
}

/* A string that may hold anything: what is no UTF-8 becomes '?'. */
static void put_text(struct line *l, const char *key, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	l->at += sprintf(l->at, ",\"%s\":\"", key);
	while (*s) {
		const unsigned int n = utf8_len(s);

		if (*s < ' ' || *s == 0x7f) {
			l->at += sprintf(l->at, "\\u%04x", *s++);
		} else if (*s == '"' || *s == '\\') {
			*l->at++ = '\\';
			*l->at++ = (char)*s++;
		} else if (n == 0) {
			*l->at++ = '?';
			s++;
		} else {
			memcpy(l->at, s, n);
			l->at += n;
			s += n;
		}
	}
	*l->at++ = '"';
}

static void put_time(struct line *l, const char *key, uint64_t wall_ms)
{
	const time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	l->at += sprintf(l->at, "\"%s\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ\"", key,
			 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec, (unsigned int)(wall_ms % 1000));
}

static void put_addr(struct line *l, const char *key, const struct sock_addr *a)
{
	char text[ADDR_STR_MAX];

	if (be16_get(a->port))
		l->at +=
		    sprintf(l->at, ",\"%s\":\"%s\"", key, sock_addr_format(a, text, sizeof(text)));
}

static void put_use(struct line *l, const char *key, const struct record_use *u)
{
	l->at += sprintf(l->at, ",\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", key,
			 u->packets, u->bytes);
}

/* Of a stream, whose packets nobody knows. */
static void put_bytes(struct line *l, const char *key, const struct record_use *u)
{
	l->at += sprintf(l->at, ",\"%s\":{\"bytes\":%" PRIu64 "}", key, u->bytes);
}

static void put_alloc(struct line *l, const struct record_alloc *a, bool stream)
{
	void (*const put_way)(struct line *, const char *, const struct record_use *) =
	    stream ? put_bytes : put_use;
	char text[ADDR_STR_MAX];
	bool first = true;

	if (a->allocation)
		l->at += sprintf(l->at, ",\"allocation\":\"%016" PRIx64 "\"", a->allocation);
	if (a->service[0])
		put_text(l, "service", a->service);
	else
		put_text(l, "user", a->user);
	put_addr(l, "client", &a->client);
	put_addr(l, "listener", &a->listener);
	put_text(l, "transport", a->transport);
	put(l, ",\"relayed\":[");
	for (int f = 0; f < 2; f++) {
		if (!be16_get(a->relayed[f].port))
			continue;
		l->at += sprintf(l->at, "%s\"%s\"", first ? "" : ",",
				 sock_addr_format(&a->relayed[f], text, sizeof(text)));
		first = false;
	}
	put(l, "]");
	put_text(l, "relay_transport", a->relay_transport);
	put_addr(l, "peer", &a->peer);
	if (a->counted) {
		put_way(l, "to_peer", &a->to_peer);
		put_way(l, "to_client", &a->to_client);
	}
}

/* Hundredths, or thousandths, as a decimal fraction. */
static void put_fraction(struct line *l, const char *key, uint32_t n, uint32_t parts)
{
	l->at += sprintf(l->at, ",\"%s\":%.*f", key, parts == 100 ? 2 : 3, (double)n / parts);
}

/* In tenths. */
static void put_mos(struct line *l, const char *key, uint8_t tenths)
{
	if (tenths)
		l->at += sprintf(l->at, "%s\"%s\":%.1f", l->at[-1] == '{' ? "" : ",", key,
				 tenths / 10.0);
}

/* What came as far as here; what its remote heard is with its MOS, and with what it said of that.
 */
static void put_quality(struct line *l, const struct ctl_quality *q)
{
	if (q->sources) {
		put(l, ",\"rtp\":{");
		l->at += sprintf(l->at, "\"codec\":\"%s\"",
				 q->codec < CODECS ? codec_desc[q->codec].name : "");
		put_number(l, "ssrc", q->ssrc);
		put_number(l, "lost", q->lost);
		put_number(l, "reordered", q->reordered);
		put_number(l, "duplicates", q->duplicates);
		put_number(l, "bursts", q->bursts);
		put_number(l, "burst_lost", q->burst_lost);
		put_fraction(l, "jitter_ms", q->jitter_us, 1000);
		put_fraction(l, "jitter_max_ms", q->jitter_max_us, 1000);
		put(l, "}");
	}
	if (q->samples) {
		put(l, ",\"heard\":{");
		l->at += sprintf(l->at, "\"samples\":%" PRIu32, q->samples);
		put_fraction(l, "mos", q->mean.mos, 100);
		put_fraction(l, "mos_lowest", q->lowest.mos, 100);
		put_fraction(l, "mos_highest", q->highest.mos, 100);
		put_fraction(l, "loss_percent", q->mean.loss, 100);
		put_fraction(l, "jitter_ms", q->mean.jitter_us, 1000);
		if (q->mean.rtt_us)
			put_fraction(l, "round_trip_ms", q->mean.rtt_us, 1000);
		put(l, "}");
	}
	if (q->told_mos_lq || q->told_mos_cq) {
		put(l, ",\"told\":{");
		put_mos(l, "mos_lq", q->told_mos_lq);
		put_mos(l, "mos_cq", q->told_mos_cq);
		put(l, "}");
	}
}

static void put_context(struct line *l, const struct record_context *c)
{
	static const char *const side[2] = { ",\"a\":{", ",\"b\":{" };

	put_text(l, "call", c->call);
	put_number(l, "media", c->media);
	for (int i = 0; i < 2; i++) {
		const struct record_term *m = &c->term[i];

		if (!m->transport)
			continue;
		put(l, side[i]);
		l->at += sprintf(l->at, "\"transport\":\"%s\"", m->transport);
		put_addr(l, "local", &m->local);
		put_addr(l, "local_rtcp", &m->rtcp);
		put_addr(l, "remote", &m->remote);
		if (m->tag[0])
			put_text(l, "tag", m->tag);
		if (c->counted) {
			put_use(l, "received", &m->received);
			put_quality(l, &m->quality);
		}
		put(l, "}");
	}
}

size_t record_line(const struct record *r, const char *node, char line[RECORD_LINE_MAX])
{
	struct line l = { line };

	put(&l, "{");
	put_time(&l, "time", r->wall_ms);
	put_text(&l, "node", node);
	put_text(&l, "type", record_type_name[r->type]);
	put_text(&l, "event", record_event_name[r->event]);
	l.at += sprintf(l.at, ",\"id\":\"%016" PRIx64 "\"", r->id);
	if (r->type == RECORD_CONTEXT)
		put_context(&l, &r->context);
	else
		put_alloc(&l, &r->alloc, r->type == RECORD_CONNECTION);
	if (r->event != RECORD_START) {
		put(&l, ",");
		put_time(&l, "started", r->started_ms);
		put_number(&l, "duration_s", r->duration_s);
	}
	if (r->reason)
		put_text(&l, "reason", r->reason);
	put(&l, "}\n");
	*l.at = '\0';
	return (size_t)(l.at - line);
}

size_t record_line_lost(uint64_t lost, uint64_t wall_ms, const char *node,
			char line[RECORD_LINE_MAX])
{
	struct line l = { line };

	put(&l, "{");
	put_time(&l, "time", wall_ms);
	put_text(&l, "node", node);
	put_text(&l, "type", "lost");
	put_number(&l, "lost", lost);
	put(&l, "}\n");
	*l.at = '\0';
	return (size_t)(l.at - line);
}
