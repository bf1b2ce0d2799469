/* SPDX-License-Identifier: BSD-3-Clause */
#include "sdp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HOST_LEN_MAX = 255 };

/*
 * RFC 8866 9: the order of lines, as each type's rank; those that may come again and again share
 * theirs with nobody, t and r take turns, and so do media's parts.
 */
static int rank(char type, bool media)
{
	static const char session[] = "vosiuepcbtzka", of_media[] = "micbka";
	const char *order = media ? of_media : session;
	const char *at = strchr(order, type == 'r' && !media ? 't' : type);

	return type && at ? (int)(at - order) : -1;
}

static bool repeats(char type, bool media)
{
	return type == 'a' || type == 'b' || (media ? type == 'c' : strchr("eptr", type) != NULL);
}

bool sdp_text_is(struct sdp_text t, const char *s)
{
	return t.at && t.len == strlen(s) && memcmp(t.at, s, t.len) == 0;
}

bool sdp_text_is_nocase(struct sdp_text t, const char *s)
{
	return t.at && t.len == strlen(s) && strncasecmp(t.at, s, t.len) == 0;
}

bool sdp_word(struct sdp_text *t, struct sdp_text *word)
{
	const char *space = t->len ? memchr(t->at, ' ', t->len) : NULL;
	uint32_t n = space ? (uint32_t)(space - t->at) : t->len;

	*word = (struct sdp_text){ t->at, n };
	if (!n)
		return false;
	t->at += n + (space != NULL);
	t->len -= n + (space != NULL);
	return true;
}

bool sdp_number(struct sdp_text t, uint32_t max, uint32_t *n)
{
	uint64_t v = 0;

	*n = 0;
	if (!t.len || t.len > 10 || (t.len > 1 && t.at[0] == '0'))
		return false;
	for (uint32_t i = 0; i < t.len; i++) {
		if (t.at[i] < '0' || t.at[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(t.at[i] - '0');
	}
	if (v > max)
		return false;
	*n = (uint32_t)v;
	return true;
}

bool sdp_ip(struct sdp_text t, struct ip_addr *ip)
{
	char text[ADDR_STR_MAX];

	if (!t.len || t.len >= sizeof(text))
		return false;
	memcpy(text, t.at, t.len);
	text[t.len] = 0;
	return ip_parse(text, ip);
}

bool sdp_address(struct sdp_text t, struct sdp_conn *c)
{
	struct sdp_text net, family, addr;

	if (!sdp_word(&t, &net) || !sdp_text_is(net, "IN") || !sdp_word(&t, &family) ||
	    !sdp_word(&t, &addr) || t.len || t.at != addr.at + addr.len || addr.len > HOST_LEN_MAX)
		return false;
	c->v6 = sdp_text_is(family, "IP6");
	if (!c->v6 && !sdp_text_is(family, "IP4"))
		return false;
	c->literal = sdp_ip(addr, &c->ip);
	return !c->literal || ip_is_v4(&c->ip) == !c->v6;
}

/* "audio 49170/2 RTP/AVP 0 8" */
static bool media_line(struct sdp_text t, struct sdp_media *m)
{
	struct sdp_text port, ports = { 0 };
	const char *slash;
	uint32_t n;

	if (!sdp_word(&t, &m->type) || !sdp_word(&t, &port) || !sdp_word(&t, &m->proto) || !t.len)
		return false;
	m->format = t;
	m->ports = 1;
	slash = memchr(port.at, '/', port.len);
	if (slash) {
		ports = (struct sdp_text){ slash + 1, (uint32_t)(port.at + port.len - slash - 1) };
		port.len = (uint32_t)(slash - port.at);
		if (!sdp_number(ports, UINT16_MAX, &n) || !n)
			return false;
		m->ports = (uint16_t)n;
	}
	if (!sdp_number(port, UINT16_MAX, &n))
		return false;
	m->port = (uint16_t)n;
	return true;
}

/* "alice 2890844526 2890842807 IN IP4 192.0.2.1" */
static bool origin_line(struct sdp_text t)
{
	struct sdp_text word;
	struct sdp_conn c;

	return sdp_word(&t, &word) && sdp_word(&t, &word) && sdp_word(&t, &word) &&
	       sdp_address(t, &c);
}

/* What a line says, where it matters. NULL, or what is wrong with it. */
static const char *line_take(struct sdp *s, const struct sdp_line *l)
{
	struct sdp_media *m = s->n_media ? &s->media[s->n_media - 1] : NULL;
	struct sdp_conn c = { .line = s->n_line };

	switch (l->type) {
	case 'v':
		return sdp_text_is(l->value, "0") ? NULL : "version is not 0";
	case 'o':
		return origin_line(l->value) ? NULL : "is no origin";
	case 'c':
		if (!sdp_address(l->value, &c))
			return "is no connection";
		/* Of several, which are multicast's, the first. */
		if (m && m->conn.line <= m->line)
			m->conn = c;
		else if (!m)
			s->conn = c;
		return NULL;
	case 'm':
		if (s->n_media == SDP_MEDIA_MAX)
			return "is one m-line too many";
		if (m)
			m->end = s->n_line;
		m = &s->media[s->n_media++];
		*m = (struct sdp_media){ .line = s->n_line, .conn = s->conn };
		return media_line(l->value, m) ? NULL : "is no media description";
	case 'a':
		return l->value.len && l->value.at[0] != ':' ? NULL : "attribute has no name";
	default:
		return NULL;
	}
}

/* Whether a line may stand behind the one of type `last`. */
static bool in_order(const struct sdp_line *l, char last, bool media)
{
	int before, now;

	if (l->type == 'm')
		return true;
	now = rank(l->type, media);
	before = last ? rank(last, media) : -1;
	if (now < 0)
		return false;
	if (!media && now > 2 && before < 2)
		return false; /* v, o, s must be there */
	if (!media && now <= 2)
		return now == before + 1;
	return now > before || (now == before && repeats(l->type, media));
}

/* Takes one line off the text. NULL, or what is wrong with it. */
static const char *line_split(struct rd *r, struct sdp_line *l)
{
	const char *at = (const char *)r->pos;
	const char *lf = memchr(at, '\n', rd_left(r));
	uint32_t len, whole;

	whole = lf ? (uint32_t)(lf - at) + 1 : (uint32_t)rd_left(r);
	len = lf ? whole - 1 : whole;
	if (lf && len && at[len - 1] == '\r')
		len--;
	rd_take(r, whole);
	if (len < 2 || at[1] != '=')
		return "is not of the form x=...";
	if (memchr(at, '\r', len) || memchr(at, 0, len))
		return "has a byte that no line may have";
	*l = (struct sdp_line){ { at + 2, len - 2 }, { at, whole }, at[0] };
	return NULL;
}

static const char *parse(struct sdp *s, struct rd *r)
{
	const char *why;
	char last = 0;

	while (rd_left(r)) {
		struct sdp_line *l = &s->line[s->n_line];
		bool media = s->n_media > 0;

		if (s->n_line == SDP_LINES_MAX)
			return "is one line too many";
		why = line_split(r, l);
		if (why)
			return why;
		if (!in_order(l, last, media) || (l->type == 'm' && s->n_line < 3))
			return "stands where it must not";
		why = line_take(s, l);
		if (why)
			return why;
		last = l->type;
		s->n_line++;
	}
	return s->n_line < 3 ? "is missing" : NULL;
}

/* Bodies of some senders end with an empty line, which is none of the description's. */
static size_t without_empty_line(const char *p, size_t len)
{
	size_t n = len > 1 && p[len - 1] == '\n' ? 1 + (p[len - 2] == '\r') : 0;

	return n && len > n && p[len - n - 1] == '\n' ? len - n : len;
}

bool sdp_parse(struct sdp *s, const void *p, size_t len, int *where, const char **why)
{
	struct rd r = rd_init(p, without_empty_line(p, len));

	s->n_line = s->n_media = 0;
	s->conn = (struct sdp_conn){ .line = -1 };
	*why = len > INT32_MAX ? "is too long" : parse(s, &r);
	*where = s->n_line + 1;
	if (*why)
		return false;
	if (s->n_media)
		s->media[s->n_media - 1].end = s->n_line;
	s->eol.len = s->line[0].whole.len - s->line[0].value.len - 2;
	s->eol.at = s->line[0].value.at + s->line[0].value.len;
	return true;
}

bool sdp_line_is(const struct sdp_line *l, const char *name)
{
	size_t n = strlen(name);

	return l->type == 'a' && l->value.len >= n && memcmp(l->value.at, name, n) == 0 &&
	       (l->value.len == n || l->value.at[n] == ':');
}

int sdp_attr(const struct sdp *s, int media, const char *name, int from, struct sdp_text *value)
{
	int first = media < 0 ? 0 : s->media[media].line;
	int end = media >= 0 ? s->media[media].end : s->n_media ? s->media[0].line : s->n_line;
	uint32_t n = (uint32_t)strlen(name);

	for (int i = from > first ? from : first; i < end; i++) {
		struct sdp_text v = s->line[i].value;

		if (!sdp_line_is(&s->line[i], name))
			continue;
		if (value)
			*value = v.len > n ? (struct sdp_text){ v.at + n + 1, v.len - n - 1 }
					   : (struct sdp_text){ 0 };
		return i;
	}
	if (value)
		*value = (struct sdp_text){ 0 };
	return -1;
}

bool sdp_attr_of(const struct sdp *s, int media, const char *name, struct sdp_text *value)
{
	return sdp_attr(s, media, name, 0, value) >= 0 ||
	       sdp_attr(s, SDP_SESSION, name, 0, value) >= 0;
}

void sdp_copy(struct wr *w, const struct sdp *s, int from, int to)
{
	for (int i = from; i < to; i++) {
		const struct sdp_line *l = &s->line[i];

		wr_bytes(w, l->whole.at, l->whole.len);
		/* A last line without an end gets one: more may follow it now. */
		if (l->whole.len == l->value.len + 2)
			wr_bytes(w, s->eol.len ? s->eol.at : "\r\n", s->eol.len ? s->eol.len : 2);
	}
}

void sdp_put(struct wr *w, const struct sdp *s, const char *fmt, ...)
{
	size_t room = wr_left(w);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf((char *)w->pos, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		w->failed = true;
	else
		wr_take(w, (size_t)n);
	wr_bytes(w, s->eol.len ? s->eol.at : "\r\n", s->eol.len ? s->eol.len : 2);
}

const char *sdp_address_format(const struct ip_addr *ip, char *buf, size_t len)
{
	char text[ADDR_STR_MAX];

	ip_format(ip, text, sizeof(text));
	snprintf(buf, len, "IN IP%c %s", ip_is_v4(ip) ? '4' : '6', text);
	return buf;
}
