/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes that flags add, take away and replace in the SDP for the other side: text, nothing
 * else. */
#include "ng_sdp.h"

#include <string.h>
#include <strings.h>

/* ---- what flags say ---- */

static const char *const ops[NG_ATTR_OPS] = {
	[NG_ATTR_ADD] = "add", [NG_ATTR_REMOVE] = "remove", [NG_ATTR_SUBSTITUTE] = "substitute"
};

/* Text of one line. */
static const char *value_of(const json_t *v)
{
	const char *s = json_string_value(v);

	if (!s || !*s || strlen(s) != json_string_length(v) || strpbrk(s, "\r\n"))
		return NULL;
	return s;
}

/* n bytes of a name. False: there is no such part. */
static bool level_find(const char *name, size_t n, int *level)
{
	const struct sdp_text t = { name, (uint32_t)n };

	*level = NG_ATTR_SESSION;
	if (sdp_text_is(t, "none") || sdp_text_is(t, "global"))
		return true;
	*level = (int)ng_type_find(t);
	return *level > 0;
}

static uint32_t take(struct ng_flags *f, enum ng_attr_op op, int level, const char *value,
		     const char *to)
{
	if (!value || (op == NG_ATTR_SUBSTITUTE && !to) || f->n_attr == NG_ATTRS_MAX)
		return 1;
	f->attr[f->n_attr++] = (struct ng_attr){ op, level, value, to };
	return 0;
}

/* One text or a list of them; of substitute a pair or a list of pairs. */
static uint32_t take_values(struct ng_flags *f, enum ng_attr_op op, int level, const json_t *v)
{
	const json_t *first = json_array_get(v, 0);
	uint32_t bad = 0;
	json_t *in;
	size_t i;

	if (op == NG_ATTR_SUBSTITUTE && !json_is_array(first))
		return take(f, op, level, value_of(first), value_of(json_array_get(v, 1)));
	if (!json_is_array(v))
		return take(f, op, level, value_of(v), NULL);
	json_array_foreach(v, i, in)
	{
		bad += op == NG_ATTR_SUBSTITUTE
			   ? take(f, op, level, value_of(json_array_get(in, 0)),
				  value_of(json_array_get(in, 1)))
			   : take(f, op, level, value_of(in), NULL);
	}
	return bad;
}

static uint32_t take_level(struct ng_flags *f, int level, const json_t *v)
{
	uint32_t bad = json_is_object(v) ? 0 : 1;
	const char *name;
	json_t *in;

	json_object_foreach((json_t *)v, name, in)
	{
		enum ng_attr_op op = 0;

		while (op < NG_ATTR_OPS && strcasecmp(ops[op], name) != 0)
			op++;
		bad += op < NG_ATTR_OPS ? take_values(f, op, level, in) : 1;
	}
	return bad;
}

uint32_t ng_attr_take(struct ng_flags *f, const json_t *v)
{
	uint32_t bad = json_is_object(v) ? 0 : 1;
	const char *name;
	json_t *in;
	int level;

	json_object_foreach((json_t *)v, name, in) bad +=
	    level_find(name, strlen(name), &level) ? take_level(f, level, in) : 1;
	return bad;
}

/* n bytes as a word has them: "--" is '=', ".." a space. NULL: there is no room. */
static const char *unescape(struct ng_flags *f, const char *s, size_t n)
{
	char *at = f->attr_text + f->attr_text_len, *to = at;

	if (!n || n >= sizeof(f->attr_text) - f->attr_text_len || strcspn(s, "\r\n") < n)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const bool pair = i + 1 < n && s[i] == s[i + 1] && (s[i] == '-' || s[i] == '.');

		*to++ = !pair ? s[i] : s[i] == '-' ? '=' : ' ';
		i += pair;
	}
	*to++ = '\0';
	f->attr_text_len += (uint32_t)(to - at);
	return at;
}

/* "remove-audio-ptime:20", "substitute-none-sendrecv>sendonly" */
uint32_t ng_attr_take_word(struct ng_flags *f, const char *given)
{
	/* As the manual of rtpengine spells it, too. */
	static const struct {
		const char *name;
		enum ng_attr_op op;
	} words[] = { { "add-", NG_ATTR_ADD },
		      { "remove-", NG_ATTR_REMOVE },
		      { "substitute-", NG_ATTR_SUBSTITUTE },
		      { "substitude-", NG_ATTR_SUBSTITUTE } };
	const char *value, *to = NULL;
	size_t n;
	int level;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const size_t len = strlen(words[i].name);

		if (strncasecmp(given, words[i].name, len) != 0)
			continue;
		n = strcspn(given + len, "-");
		value = given + len + n + 1;
		if (!given[len + n] || !level_find(given + len, n, &level))
			return 1;
		n = words[i].op == NG_ATTR_SUBSTITUTE ? strcspn(value, ">") : strlen(value);
		if (value[n])
			to = unescape(f, value + n + 1, strlen(value + n + 1));
		return take(f, words[i].op, level, unescape(f, value, n), to);
	}
	return 1;
}

/* ---- what becomes of the SDP ---- */

size_t ng_attr_growth(const struct ng_flags *f, const struct sdp *s)
{
	const size_t line = strlen("a=\r\n");
	size_t n = 0;

	for (uint32_t i = 0; i < f->n_attr; i++) {
		const struct ng_attr *a = &f->attr[i];

		if (a->op == NG_ATTR_ADD)
			n += ((size_t)s->n_media + 1) * (strlen(a->value) + line);
		else if (a->op == NG_ATTR_SUBSTITUTE && strlen(a->to) > strlen(a->value))
			n += (size_t)s->n_line * (strlen(a->to) - strlen(a->value));
	}
	return n;
}

/* The part of an SDP that a line stands in. */
struct part {
	int level; /* NG_ATTR_SESSION, or ng_type() */
	size_t at; /* where it begins in what is written */
};

/* "foo" is any a=foo, "foo:bar" any with that first word, and all of it is all of it. */
static bool fits(struct sdp_text line, const char *told)
{
	const uint32_t n = (uint32_t)strlen(told);

	if (line.len < n || memcmp(line.at, told, n) != 0)
		return false;
	if (line.len == n)
		return true;
	return !strchr(told, ':') ? line.at[n] == ':' : !strchr(told, ' ') && line.at[n] == ' ';
}

/* What flags make of a line; NULL: it stays. With NG_ATTR_SUBSTITUTE the attribute is another. */
static const struct ng_attr *line_edit(const struct ng_flags *f, int level, struct sdp_text line)
{
	const struct sdp_text value = { line.at + 2, line.len - 2 };

	for (uint32_t i = 0; i < f->n_attr && line.at[0] == 'a'; i++) {
		const struct ng_attr *a = &f->attr[i];

		if (a->op != NG_ATTR_ADD && a->level == level && fits(value, a->value))
			return a;
	}
	return NULL;
}

/* Whether what is written of the part has that attribute already. */
static bool part_has(const struct wr *w, const char *text, const struct part *p, const char *value)
{
	const char *at = text + p->at, *end = text + wr_len(w);
	const size_t n = strlen(value);

	for (; at < end; at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1) {
		if ((size_t)(end - at) >= n + 4 && memcmp(at, "a=", 2) == 0 &&
		    memcmp(at + 2, value, n) == 0 && at[2 + n] == '\r')
			return true;
	}
	return false;
}

static void part_end(const struct ng_flags *f, const char *text, const struct part *p, struct wr *w)
{
	for (uint32_t i = 0; i < f->n_attr; i++) {
		const struct ng_attr *a = &f->attr[i];

		if (a->op == NG_ATTR_ADD && a->level == p->level &&
		    !(w->failed || part_has(w, text, p, a->value)))
			sdp_put(w, "a=%s", a->value);
	}
}

/* "m=audio ..." */
static int level_of(struct sdp_text line)
{
	struct sdp_text rest = { line.at + 2, line.len - 2 }, type = { 0 };

	sdp_word(&rest, &type);
	return (int)ng_type_find(type);
}

/* The line at a place of what was written, each of which has two bytes at least, and CRLF. */
static struct sdp_text line_at(const struct ng_call *c, size_t at)
{
	struct sdp_text line = { c->out + at, 0 };

	while (at + line.len < c->out_len && line.at[line.len] != '\r')
		line.len++;
	return line;
}

bool ng_attr_edit(struct ng_call *c)
{
	static char text[NG_SDP_MAX];
	struct part p = { NG_ATTR_SESSION, 0 };
	struct wr w = wr_init(text, sizeof(text));
	struct sdp_text line;

	if (!c->f->n_attr)
		return true;
	for (size_t at = 0; at < c->out_len; at += line.len + 2) {
		const struct ng_attr *a;

		line = line_at(c, at);
		if (line.at[0] == 'm') {
			part_end(c->f, text, &p, &w);
			p = (struct part){ level_of(line), wr_len(&w) };
		}
		a = line_edit(c->f, p.level, line);
		if (!a)
			sdp_put(&w, "%.*s", SDP_TEXT(line));
		else if (a->op == NG_ATTR_SUBSTITUTE)
			sdp_put(&w, "a=%s", a->to);
	}
	part_end(c->f, text, &p, &w);
	if (!w.failed) {
		c->out_len = wr_len(&w);
		memcpy(c->out, text, c->out_len);
	}
	explicit_bzero(text, wr_len(&w)); /* it may have had keys of SRTP */
	return !w.failed;
}
