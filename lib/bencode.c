/* SPDX-License-Identifier: BSD-3-Clause */
#include "bencode.h"

#include <inttypes.h>
#include <stdio.h>

enum bencode_place { IN_LIST, IN_DICT_KEY, IN_DICT_VALUE };

enum { DIGITS_MAX = 20 }; /* of a 64-bit number, its sign included */

struct bencode bencode_init(const void *p, size_t len)
{
	return (struct bencode){ .in = rd_init(p, len) };
}

static enum bencode_type bad(struct bencode *b)
{
	b->in.failed = true;
	return BENCODE_BAD;
}

/*
 * Digits up to `end`, which is taken as well: no leading zeros, and with them no second way of
 * writing a number. At most max.
 */
static bool digits(struct rd *r, uint8_t first, char end, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	uint8_t c = first;
	bool any = false;

	for (; c >= '0' && c <= '9'; c = rd_u8(r)) {
		if (any && n == 0)
			return false;
		if (n > (max - (uint64_t)(c - '0')) / 10)
			return false;
		n = n * 10 + (uint64_t)(c - '0');
		any = true;
	}
	*out = n;
	return any && c == end && !r->failed;
}

static bool number(struct rd *r, int64_t *out)
{
	uint8_t c = rd_u8(r);
	bool minus = c == '-';
	uint64_t n;

	if (minus)
		c = rd_u8(r);
	if (!digits(r, c, 'e', INT64_MAX, &n) || (minus && n == 0))
		return false;
	*out = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

/* Goes into a list or dictionary. */
static enum bencode_type enter(struct bencode *b, enum bencode_type type, enum bencode_place place)
{
	if (b->depth == BENCODE_DEPTH_MAX)
		return bad(b);
	b->inside[b->depth++] = (uint8_t)place;
	return type;
}

/* A value, or a key, has been read whole. */
static void taken(struct bencode *b)
{
	uint8_t *place;

	if (!b->depth) {
		b->done = true;
		return;
	}
	place = &b->inside[b->depth - 1];
	if (*place != IN_LIST)
		*place = *place == IN_DICT_KEY ? IN_DICT_VALUE : IN_DICT_KEY;
}

static enum bencode_type string(struct bencode *b, uint8_t first, struct bencode_item *it)
{
	uint64_t n;

	if (!digits(&b->in, first, ':', UINT32_MAX, &n))
		return bad(b);
	it->at = rd_take(&b->in, (size_t)n);
	it->len = (size_t)n;
	if (!it->at)
		return bad(b);
	it->key = b->depth && b->inside[b->depth - 1] == IN_DICT_KEY;
	taken(b);
	return BENCODE_STRING;
}

static enum bencode_type leave(struct bencode *b)
{
	if (!b->depth || b->inside[b->depth - 1] == IN_DICT_VALUE)
		return bad(b);
	b->depth--;
	taken(b);
	return BENCODE_CLOSE;
}

enum bencode_type bencode_next(struct bencode *b, struct bencode_item *it)
{
	uint8_t c;

	*it = (struct bencode_item){ 0 };
	if (b->in.failed)
		return BENCODE_BAD;
	if (b->done)
		return rd_left(&b->in) ? bad(b) : BENCODE_END;
	c = rd_u8(&b->in);
	if (b->in.failed)
		return BENCODE_BAD;
	if (c == 'e')
		return leave(b);
	if (c >= '0' && c <= '9')
		return string(b, c, it);
	if (b->depth && b->inside[b->depth - 1] == IN_DICT_KEY)
		return bad(b);
	switch (c) {
	case 'i':
		if (!number(&b->in, &it->number))
			return bad(b);
		taken(b);
		return BENCODE_INT;
	case 'l':
		return enter(b, BENCODE_LIST, IN_LIST);
	case 'd':
		return enter(b, BENCODE_DICT, IN_DICT_KEY);
	default:
		return bad(b);
	}
}

void bencode_int(struct wr *w, int64_t n)
{
	char text[DIGITS_MAX + 3];

	wr_bytes(w, text, (size_t)snprintf(text, sizeof(text), "i%" PRId64 "e", n));
}

void bencode_string(struct wr *w, const void *p, size_t len)
{
	char text[DIGITS_MAX + 2];

	wr_bytes(w, text, (size_t)snprintf(text, sizeof(text), "%zu:", len));
	wr_bytes(w, p, len);
}
