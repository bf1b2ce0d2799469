/* SPDX-License-Identifier: BSD-3-Clause */
#include "sdp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HOST_LEN_MAX = 255 };

/*
 * RFC 8866 9: the order of lines, as each type's rank; t and r take turns and share theirs. -1: no
 * such type there.
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

bool sdp_text_is_text(struct sdp_text a, struct sdp_text b)
{
	return a.at && b.at && a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

bool sdp_text_is_nocase(struct sdp_text t, const char *s)
{
	return t.at && t.len == strlen(s) && strncasecmp(t.at, s, t.len) == 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Without spaces in front. */
static struct sdp_text skip_space(struct sdp_text t)
{
	while (t.len && is_space(t.at[0]))
		t.at++, t.len--;
	return t;
}

bool sdp_word(struct sdp_text *t, struct sdp_text *word)
{
	struct sdp_text rest = skip_space(*t);

	*word = (struct sdp_text){ rest.at, 0 };
	while (rest.len && !is_space(rest.at[0]))
		rest.at++, rest.len--, word->len++;
	*t = skip_space(rest);
	return word->len;
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

	if (!sdp_word(&t, &net) || !sdp_text_is_nocase(net, "IN") || !sdp_word(&t, &family) ||
	    !sdp_word(&t, &addr) || t.len || addr.len > HOST_LEN_MAX)
		return false;
	c->v6 = sdp_text_is_nocase(family, "IP6");
	if (!c->v6 && !sdp_text_is_nocase(family, "IP4"))
		return false;
	c->literal = sdp_ip(addr, &c->ip);
	if (c->literal)
		c->v6 = !ip_is_v4(&c->ip);
	return true;
}

/* "audio 49170/2 RTP/AVP 0 8" */
static bool media_line(struct sdp_text t, struct sdp_media *m)
{
	struct sdp_text port, ports = { 0 };
	const char *slash;
	uint32_t n;

	if (!sdp_word(&t, &m->type) || !sdp_word(&t, &port) || !sdp_word(&t, &m->proto))
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
	return t.len || !n;
}

/* "alice 2890844526 2890842807 IN IP4 192.0.2.1": the last five words, and all before is a name. */
static bool origin_line(struct sdp_text t, struct sdp_origin *o)
{
	struct sdp_text word[6] = { { t.at, 0 } }, rest = t;
	const char *end = t.at + t.len;
	struct sdp_conn c;
	uint32_t n = 0;

	for (; sdp_word(&rest, &word[5]); n++)
		memmove(word, word + 1, 5 * sizeof(word[0]));
	if (n < 5)
		return false;
	*o = (struct sdp_origin){
		{ "-", 1 }, word[0], word[1], { word[2].at, (uint32_t)(end - word[2].at) }
	};
	if (!sdp_address(o->address, &c))
		return false;
	if (n == 5)
		return true;
	o->user = skip_space((struct sdp_text){ t.at, (uint32_t)(word[0].at - t.at) });
	while (is_space(o->user.at[o->user.len - 1]))
		o->user.len--;
	return true;
}

/* What a line says, where it matters. NULL, or what is wrong with it. */
static const char *line_take(struct sdp *s, const struct sdp_line *l, int i)
{
	struct sdp_media *m = s->n_media ? &s->media[s->n_media - 1] : NULL;
	struct sdp_conn c = { .line = i };

	switch (l->type) {
	case 'v':
		return sdp_text_is(l->value, "0") ? NULL : "version is not 0";
	case 'o':
		return origin_line(l->value, &s->origin) ? NULL : "is no origin";
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
		if (m)
			m->end = i;
		m = &s->media[s->n_media++];
		*m = (struct sdp_media){ .line = i, .conn = s->conn };
		return media_line(l->value, m) ? NULL : "is no media description";
	default:
		return NULL;
	}
}

/* Lines as they come, with their places. */
struct lines {
	struct sdp_line line[SDP_LINES_MAX];
	uint16_t place[SDP_LINES_MAX]; /* part, 0 the session's, and rank */
	int n;
	uint16_t part;
	uint32_t seen[2]; /* types of the session, and of this part, a bit a letter */
};

enum { RANK_BITS = 4, PLACES = (SDP_MEDIA_MAX + 1) << RANK_BITS };

static uint32_t letter(char type)
{
	return 1u << (type - 'a');
}

static const char *line_add(struct lines *s, const struct sdp_line *l, uint16_t part, int at)
{
	if (s->n == SDP_LINES_MAX)
		return "is one line too many";
	s->line[s->n] = *l;
	s->place[s->n++] = (uint16_t)(part << RANK_BITS | at);
	s->seen[part != 0] |= letter(l->type);
	return NULL;
}

/*
 * Finds its place. What may come once is what comes first; what belongs to no m-line is the
 * session's, wherever it stands; unknown types and attributes without a name are left out.
 */
static const char *line_sort(struct lines *s, const struct sdp_line *l)
{
	uint16_t part;
	int at;

	if (l->type == 'm') {
		if (s->part == SDP_MEDIA_MAX)
			return "is one m-line too many";
		s->part++;
		s->seen[1] = 0;
	}
	part = rank(l->type, s->part) >= 0 ? s->part : 0;
	at = rank(l->type, part);
	if (at < 0 || (l->type == 'a' && (!l->value.len || l->value.at[0] == ':')))
		return NULL;
	if (s->seen[part != 0] & letter(l->type) && !repeats(l->type, part))
		return NULL;
	return line_add(s, l, part, at);
}

/* Takes one line off the text; value.at NULL if it is empty. NULL, or what is wrong with it. */
static const char *line_split(struct rd *r, struct sdp_line *l)
{
	struct sdp_text t = { (const char *)r->pos, 0 };
	const uint32_t left = (uint32_t)rd_left(r);

	while (t.len < left && t.at[t.len] != '\r' && t.at[t.len] != '\n')
		t.len++;
	rd_take(r, t.len < left ? t.len + 1 : t.len);
	l->value = (struct sdp_text){ 0 };
	if (memchr(t.at, 0, t.len))
		return "has a byte that no line may have";
	t = skip_space(t);
	while (t.len && is_space(t.at[t.len - 1]))
		t.len--;
	if (!t.len)
		return NULL;
	if (t.len < 2 || t.at[1] != '=')
		return "is not of the form x=...";
	l->type = t.at[0];
	l->value = (struct sdp_text){ t.at + 2, t.len - 2 };
	return NULL;
}

/* What is missing but must be written (RFC 8866 5.3, 5.9). */
static const char *lines_complete(struct lines *s)
{
	const struct sdp_line name = { { "-", 1 }, 0, 's' }, time = { { "0 0", 3 }, 0, 't' };
	const char *why = NULL;

	if (!(s->seen[0] & letter('v')))
		return "is the end, and there is no v=";
	if (!(s->seen[0] & letter('o')))
		return "is the end, and there is no o=";
	if (!(s->seen[0] & letter('s')))
		why = line_add(s, &name, 0, rank('s', false));
	if (!why && !(s->seen[0] & letter('t')))
		why = line_add(s, &time, 0, rank('t', false));
	return why;
}

static const char *lines_read(struct lines *s, struct rd *r, uint32_t *number)
{
	struct sdp_line l = { 0 };
	const char *why;

	s->part = 0;
	s->seen[0] = s->seen[1] = 0;
	for (*number = 1; rd_left(r); ++*number) {
		const bool crlf = r->pos[0] == '\n' && *number > 1 && r->pos[-1] == '\r';

		if (crlf) {
			rd_take(r, 1);
			--*number;
			continue;
		}
		why = line_split(r, &l);
		l.number = *number;
		if (!why && l.value.at)
			why = line_sort(s, &l);
		if (why)
			return why;
	}
	return NULL;
}

/* In the order of their places, those of one as they came. */
static void lines_place(const struct lines *from, struct sdp *s)
{
	uint16_t begin[PLACES + 1] = { 0 };

	for (int i = 0; i < from->n; i++)
		begin[from->place[i] + 1]++;
	for (int i = 0; i < PLACES; i++)
		begin[i + 1] = (uint16_t)(begin[i + 1] + begin[i]);
	for (int i = 0; i < from->n; i++)
		s->line[begin[from->place[i]]++] = from->line[i];
	s->n_line = from->n;
}

static bool parse(struct sdp *s, const void *p, size_t len, bool whole, int *where,
		  const char **why)
{
	struct rd r = rd_init(p, len);
	struct lines lines;
	uint32_t number = 1;

	s->n_line = s->n_media = 0;
	s->conn = (struct sdp_conn){ .line = -1 };
	lines.n = 0;
	*why = len > INT32_MAX ? "is too long" : lines_read(&lines, &r, &number);
	if (!*why && whole)
		*why = lines_complete(&lines);
	*where = (int)number;
	if (*why)
		return false;
	lines_place(&lines, s);
	for (int i = 0; i < s->n_line; i++) {
		*where = (int)s->line[i].number;
		*why = line_take(s, &s->line[i], i);
		if (*why)
			return false;
	}
	if (s->n_media)
		s->media[s->n_media - 1].end = s->n_line;
	return true;
}

bool sdp_parse(struct sdp *s, const void *p, size_t len, int *where, const char **why)
{
	return parse(s, p, len, true, where, why);
}

bool sdp_parse_fragment(struct sdp *s, const void *p, size_t len, int *where, const char **why)
{
	s->origin = (struct sdp_origin){ 0 };
	return parse(s, p, len, false, where, why);
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
			*value = v.len > n
				     ? skip_space((struct sdp_text){ v.at + n + 1, v.len - n - 1 })
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

uint32_t sdp_tls_id(const struct sdp *s, int media)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	struct sdp_text v;

	if (!sdp_attr_of(s, media, "tls-id", &v) || !v.len)
		return 0;
	for (uint32_t k = 0; k < v.len; k++)
		h = (h ^ (uint8_t)v.at[k]) * 16777619u;
	return h ? h : 1;
}

void sdp_put_words(struct wr *w, struct sdp_text t)
{
	struct sdp_text word;

	for (bool first = true; sdp_word(&t, &word); first = false) {
		if (!first)
			wr_u8(w, ' ');
		wr_bytes(w, word.at, word.len);
	}
}

static void put_end(struct wr *w)
{
	wr_bytes(w, "\r\n", 2);
}

void sdp_put_origin(struct wr *w, const struct sdp_origin *o)
{
	struct sdp_conn conn;
	char address[ADDR_STR_MAX];

	wr_bytes(w, "o=", 2);
	for (uint32_t i = 0; i < o->user.len; i++)
		wr_u8(w, is_space(o->user.at[i]) ? '_' : (uint8_t)o->user.at[i]);
	wr_u8(w, ' ');
	wr_bytes(w, o->id.at, o->id.len);
	wr_u8(w, ' ');
	wr_bytes(w, o->version.at, o->version.len);
	wr_u8(w, ' ');
	if (sdp_address(o->address, &conn) && conn.literal) {
		sdp_address_format(&conn.ip, address, sizeof(address));
		wr_bytes(w, address, strlen(address));
	} else {
		sdp_put_words(w, o->address);
	}
	put_end(w);
}

void sdp_copy(struct wr *w, const struct sdp *s, int from, int to)
{
	for (int i = from; i < to; i++) {
		const struct sdp_line *l = &s->line[i];

		if (l->type == 'o') {
			sdp_put_origin(w, &s->origin);
			continue;
		}
		wr_u8(w, (uint8_t)l->type);
		wr_u8(w, '=');
		if (strchr("vcbtrzm", l->type))
			sdp_put_words(w, l->value);
		else if (l->type == 's' && !l->value.len)
			wr_u8(w, '-');
		else
			wr_bytes(w, l->value.at, l->value.len);
		put_end(w);
	}
}

void sdp_put(struct wr *w, const char *fmt, ...)
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
	put_end(w);
}

const char *sdp_address_format(const struct ip_addr *ip, char *buf, size_t len)
{
	char text[ADDR_STR_MAX];

	ip_format(ip, text, sizeof(text));
	snprintf(buf, len, "IN IP%c %s", ip_is_v4(ip) ? '4' : '6', text);
	return buf;
}
