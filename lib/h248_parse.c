/* SPDX-License-Identifier: BSD-3-Clause */
#include "h248.h"

#include <strings.h>

struct reader {
	struct h248_message *m; /* NULL: only a list is read */
	const char *start, *pos, *end;
};

static const struct {
	const char *text[2]; /* long and short */
} tokens[H248_TOKENS] = {
#define H248_TOKEN(id, longer, shorter) [H248_##id] = { { longer, shorter } },
#include "h248_token.def"
#undef H248_TOKEN
};

/* SafeChar of Annex B. */
static bool is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("+-&!_/'?@^`~*$\\()%|.", c));
}

bool h248_is(struct h248_text t, const char *s)
{
	return strlen(s) == t.len && strncasecmp(t.at, s, t.len) == 0;
}

enum h248_token h248_token(struct h248_text t)
{
	for (int i = H248_OTHER + 1; i < H248_TOKENS; i++) {
		if (h248_is(t, tokens[i].text[0]) || h248_is(t, tokens[i].text[1]))
			return (enum h248_token)i;
	}
	return H248_OTHER;
}

const char *h248_spelt(const struct h248_out *o, enum h248_token token)
{
	return token == H248_OTHER ? "" : tokens[token].text[o->brief];
}

/* ---- pieces of text ---- */

/* Why, and in which line, unless something further in was wrong before. */
static bool wrong(struct reader *r, const char *why)
{
	if (!r->m || r->m->wrong_line)
		return false;
	r->m->wrong = why;
	r->m->wrong_line = 1;
	for (const char *c = r->start; c < r->pos; c++)
		r->m->wrong_line += *c == '\n' || (*c == '\r' && !(c + 1 < r->end && c[1] == '\n'));
	return false;
}

/* LWSP: white space, ends of lines, and comments up to them. */
static void skip_space(struct reader *r)
{
	for (; r->pos < r->end; r->pos++) {
		if (*r->pos == ';') {
			while (r->pos < r->end && *r->pos != '\n' && *r->pos != '\r')
				r->pos++;
			if (r->pos == r->end)
				return;
		} else if (!strchr(" \t\r\n", *r->pos) || *r->pos == '\0') {
			return;
		}
	}
}

/* The next byte behind white space; '\0': none. */
static char peek(struct reader *r)
{
	skip_space(r);
	return r->pos < r->end ? *r->pos : '\0';
}

static bool take(struct reader *r, char c)
{
	if (peek(r) != c)
		return false;
	r->pos++;
	return true;
}

static bool word(struct reader *r, struct h248_text *t)
{
	skip_space(r);
	t->at = r->pos;
	while (r->pos < r->end && is_safe(*r->pos))
		r->pos++;
	t->len = (uint32_t)(r->pos - t->at);
	if (t->len == 0)
		return wrong(r, "a name or a value is missing");
	if (t->len > H248_NAME_MAX)
		return wrong(r, "a name is too long");
	return true;
}

/* Up to the byte that ends it, which is taken, too. No end of line is in it. */
static bool quoted(struct reader *r, struct h248_text *t)
{
	t->at = ++r->pos;
	while (r->pos < r->end && *r->pos != '"') {
		if (((uint8_t)*r->pos < ' ' && *r->pos != '\t') || (uint8_t)*r->pos > '~')
			return wrong(r, "a quoted text has a byte that may not be in one");
		r->pos++;
	}
	if (r->pos == r->end)
		return wrong(r, "a quoted text has no end");
	t->len = (uint32_t)(r->pos++ - t->at);
	return true;
}

/* What is in brackets, up to the one that ends it; quoted texts may have it in them. */
static bool bracketed(struct reader *r, char last, struct h248_text *t, bool *range)
{
	struct h248_text skipped;

	*range = false;
	t->at = ++r->pos;
	while (r->pos < r->end && *r->pos != last) {
		if (*r->pos == '"') {
			if (!quoted(r, &skipped))
				return false;
			continue;
		}
		if (!is_safe(*r->pos) && !strchr(" \t\r\n,:", *r->pos))
			return wrong(r, "a list has a byte that may not be in one");
		*range |= *r->pos == ':';
		r->pos++;
	}
	if (r->pos == r->end)
		return wrong(r, "a list has no end");
	t->len = (uint32_t)(r->pos++ - t->at);
	return true;
}

/* domainAddress and domainName with their ports, else a device's name, MTP or a port alone. */
static bool mid(struct reader *r, struct h248_text *t)
{
	char open = peek(r), last = open == '[' ? ']' : '>';
	struct h248_text rest;

	t->at = r->pos;
	if (open == '[' || open == '<') {
		while (r->pos < r->end && *r->pos != last &&
		       (is_safe(*r->pos) || *r->pos == ':' || r->pos == t->at))
			r->pos++;
		if (r->pos == r->end || *r->pos++ != last)
			return wrong(r, "a name of a gateway or controller has no end");
		if (r->pos < r->end && *r->pos == ':') {
			r->pos++;
			if (!word(r, &rest))
				return false;
		}
	} else if (!word(r, &rest)) {
		return false;
	} else if (h248_is(rest, "MTP") && take(r, '{')) {
		if (!word(r, &rest) || !take(r, '}'))
			return wrong(r, "an MTP address makes no sense");
	}
	t->len = (uint32_t)(r->pos - t->at);
	return t->len <= H248_NAME_MAX || wrong(r, "a name of a gateway or controller is too long");
}

/* ---- items ---- */

static struct h248_item *add(struct reader *r)
{
	struct h248_message *m = r->m;

	if (m->n == H248_ITEMS_MAX) {
		wrong(r, "there are too many items");
		return NULL;
	}
	m->item[m->n] = (struct h248_item){ 0 };
	return &m->item[m->n++];
}

/* What stands behind the name (parmValue of Annex B, and mId). */
static bool value(struct reader *r, struct h248_item *i)
{
	bool range = false;
	char c = peek(r);

	if (i->token == H248_SC_ADDRESS || i->token == H248_MGC_ID_TO_TRY) {
		i->kind = H248_MID;
		return mid(r, &i->value);
	}
	if (c == '"') {
		i->kind = H248_QUOTED;
		return quoted(r, &i->value);
	}
	if (c == '{') {
		i->kind = H248_ONE_OF;
		return bracketed(r, '}', &i->value, &range) &&
		       (!range || wrong(r, "a range is in brackets"));
	}
	if (c == '[') {
		i->kind = H248_ALL_OF;
		if (!bracketed(r, ']', &i->value, &range))
			return false;
		if (range)
			i->kind = H248_RANGE;
		return true;
	}
	i->kind = H248_WORD;
	return word(r, &i->value);
}

/* octetString: up to a brace without a backslash before it. */
static bool octets(struct reader *r, struct h248_item *i)
{
	i->kind = H248_OCTETS;
	i->value.at = r->pos;
	while (r->pos < r->end && *r->pos != '}' && *r->pos != '\0')
		r->pos += *r->pos == '\\' && r->pos + 1 < r->end && r->pos[1] == '}' ? 2 : 1;
	i->value.len = (uint32_t)(r->pos - i->value.at);
	return (r->pos < r->end && *r->pos == '}') || wrong(r, "Local or Remote has no end");
}

static bool items(struct reader *r, struct h248_item *parent, unsigned depth);

/* What is in braces behind an item. */
static bool body(struct reader *r, struct h248_item *i, unsigned depth)
{
	i->body = true;
	r->pos++;
	if (i->token == H248_LOCAL || i->token == H248_REMOTE) {
		if (!octets(r, i))
			return false;
	} else if (peek(r) != '}' && !items(r, i, depth + 1)) {
		return false;
	}
	return take(r, '}') || wrong(r, "a comma or a closing brace is missing");
}

/* "O-" or "W-" before a command, in that order; no other name has a hyphen. */
static bool prefix(struct h248_text *name, char c)
{
	if (name->len < 3 || (name->at[0] | 0x20) != c || name->at[1] != '-')
		return false;
	name->at += 2;
	name->len -= 2;
	return true;
}

/* Whether all of it could be read; else it is marked. */
static bool item(struct reader *r, struct h248_item *i, unsigned depth)
{
	if (peek(r) == '"') {
		i->kind = H248_QUOTED;
		return quoted(r, &i->value);
	}
	if (!word(r, &i->name))
		return false;
	if (peek(r) == ':') {
		r->pos++;
		i->stamp = i->name;
		if (!word(r, &i->name))
			return false;
	}
	i->optional = prefix(&i->name, 'o');
	i->wildcard = prefix(&i->name, 'w');
	i->token = (uint8_t)h248_token(i->name);
	if (peek(r) != '\0' && strchr("=#<>", *r->pos)) {
		i->relation = *r->pos++;
		if (!value(r, i))
			return false;
	}
	if (peek(r) != '{')
		return true;
	return depth < H248_DEPTH_MAX ? body(r, i, depth)
				      : wrong(r, "braces are too deep in each other");
}

/* Items with commas between them; of a message, depth 0, without. */
static bool items(struct reader *r, struct h248_item *parent, unsigned depth)
{
	struct h248_item *last = NULL;

	do {
		struct h248_item *i = add(r);

		if (!i)
			return false;
		*(last ? &last->next : &parent->child) = (uint16_t)(i - r->m->item);
		last = i;
		if (!item(r, i, depth)) {
			i->broken = true;
			return false;
		}
	} while (depth ? take(r, ',') : peek(r) != '\0');
	return true;
}

/* "MEGACO/3 [192.0.2.1]:2944", and what may stand before it. */
static bool head(struct reader *r)
{
	struct h248_text t, version;
	const char *slash;
	uint64_t n;

	if (!word(r, &t))
		return false;
	if (h248_token(t) == H248_AUTHENTICATION) {
		r->m->authenticated = true;
		if (!take(r, '=') || !word(r, &t) || !take(r, ':') || !word(r, &t) ||
		    !take(r, ':') || !word(r, &t))
			return wrong(r, "an Authentication header makes no sense");
		if (!word(r, &t))
			return false;
	}
	slash = memchr(t.at, '/', t.len);
	if (!slash)
		return wrong(r, "a message begins with MEGACO/version");
	version = (struct h248_text){ slash + 1, (uint32_t)(t.at + t.len - slash - 1) };
	t.len = (uint32_t)(slash - t.at);
	if (h248_token(t) != H248_MEGACO || version.len > 2 || !h248_number(version, 99, &n) ||
	    n == 0)
		return wrong(r, "a message begins with MEGACO/version");
	r->m->version = (unsigned)n;
	return mid(r, &r->m->mid);
}

bool h248_parse(struct h248_message *m, const void *p, size_t len)
{
	struct reader r = { m, p, p, (const char *)p + len };

	m->version = 0;
	m->mid = (struct h248_text){ 0 };
	m->authenticated = false;
	m->n = 0;
	m->wrong_line = 0;
	m->wrong = NULL;
	add(&r);
	m->item[0].broken = !head(&r) || !items(&r, &m->item[0], 0) ||
			    (r.pos < r.end && !wrong(&r, "a byte that may not be there"));
	return !m->item[0].broken;
}

/* ---- looking at it ---- */

static const struct h248_item *at(const struct h248_message *m, uint16_t n)
{
	return n ? &m->item[n] : NULL;
}

const struct h248_item *h248_child(const struct h248_message *m, const struct h248_item *i)
{
	return at(m, i->child);
}

const struct h248_item *h248_next(const struct h248_message *m, const struct h248_item *i)
{
	return at(m, i->next);
}

const struct h248_item *h248_find(const struct h248_message *m, const struct h248_item *i,
				  enum h248_token token)
{
	const struct h248_item *c = h248_child(m, i);

	while (c && c->token != token)
		c = h248_next(m, c);
	return c;
}

const struct h248_item *h248_find_name(const struct h248_message *m, const struct h248_item *i,
				       const char *name)
{
	const struct h248_item *c = h248_child(m, i);

	while (c && !h248_is(c->name, name))
		c = h248_next(m, c);
	return c;
}

bool h248_number(struct h248_text t, uint64_t max, uint64_t *n)
{
	bool hex = t.len > 2 && t.at[0] == '0' && (t.at[1] | 0x20) == 'x';
	unsigned base = hex ? 16 : 10;

	*n = 0;
	if (t.len == 0)
		return false;
	for (uint32_t i = hex ? 2 : 0; i < t.len; i++) {
		char c = t.at[i];
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0')
				 : (c | 0x20) >= 'a' && (c | 0x20) <= 'f'
				     ? (unsigned)((c | 0x20) - 'a' + 10)
				     : base;

		if (digit >= base || *n > (max - (digit < max ? digit : max)) / base)
			return false;
		*n = *n * base + digit;
	}
	return *n <= max;
}

bool h248_list_next(struct h248_text *list, struct h248_text *value)
{
	struct reader r = { NULL, list->at, list->at, list->at + list->len };
	bool found;

	while (take(&r, ',') || take(&r, ':'))
		;
	found = peek(&r) == '"' ? quoted(&r, value) : word(&r, value);
	*list = (struct h248_text){ r.pos, (uint32_t)(r.end - r.pos) };
	return found;
}

size_t h248_unescape(struct h248_text t, char *out)
{
	size_t n = 0;

	for (uint32_t i = 0; i < t.len; i++) {
		if (t.at[i] == '\\' && i + 1 < t.len && t.at[i + 1] == '}')
			i++;
		out[n++] = t.at[i];
	}
	return n;
}
