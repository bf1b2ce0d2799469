/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_CURSOR_H
#define FL_LIB_CURSOR_H

/*
 * Bounded cursor: the one place where lengths from the wire meet a buffer. A take or put that
 * does not fit returns NULL, leaves the cursor where it was and marks it failed; checking the
 * mark once at the end is enough.
 */
#include "be.h"

#include <stddef.h>

/* Reader over [pos, end). */
struct rd {
	const uint8_t *pos;
	const uint8_t *end;
	bool failed;
};

/* Writer over [pos, end); start is kept so that wr_len() tells what was written. */
struct wr {
	uint8_t *start;
	uint8_t *pos;
	uint8_t *end;
	bool failed;
};

static inline struct rd rd_init(const void *p, size_t len)
{
	const uint8_t *b = p;

	return (struct rd){ .pos = b, .end = b + len };
}

static inline size_t rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->pos);
}

/* The next n bytes, or NULL if fewer are left. */
static inline const uint8_t *rd_take(struct rd *r, size_t n)
{
	const uint8_t *p = r->pos;

	if (n > rd_left(r)) {
		r->failed = true;
		return NULL;
	}
	r->pos += n;
	return p;
}

static inline uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = rd_take(r, 1);

	return p ? p[0] : 0;
}

/* Network order on the wire, host order out; 0 and the failed mark when short. */
static inline uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = rd_take(r, 2);

	return p ? be16_read(p) : 0;
}

static inline uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);

	return p ? be32_read(p) : 0;
}

static inline struct wr wr_init(void *p, size_t len)
{
	uint8_t *b = p;

	return (struct wr){ .start = b, .pos = b, .end = b + len };
}

static inline size_t wr_left(const struct wr *w)
{
	return (size_t)(w->end - w->pos);
}

/* Bytes written so far. */
static inline size_t wr_len(const struct wr *w)
{
	return (size_t)(w->pos - w->start);
}

/* Room for n bytes, to be filled by the caller, or NULL if it does not fit. */
static inline uint8_t *wr_take(struct wr *w, size_t n)
{
	uint8_t *p = w->pos;

	if (n > wr_left(w)) {
		w->failed = true;
		return NULL;
	}
	w->pos += n;
	return p;
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = wr_take(w, 1);

	if (p)
		p[0] = v;
}

static inline void wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_take(w, 2);

	if (p) {
		p[0] = (uint8_t)(v >> 8);
		p[1] = (uint8_t)v;
	}
}

static inline void wr_bytes(struct wr *w, const void *src, size_t n)
{
	uint8_t *p = wr_take(w, n);

	if (p && n)
		memcpy(p, src, n);
}

static inline void wr_zero(struct wr *w, size_t n)
{
	uint8_t *p = wr_take(w, n);

	if (p && n)
		memset(p, 0, n);
}

#endif
