/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_BENCODE_H
#define FL_LIB_BENCODE_H

/*
 * Bencoding (BEP 3), as rtpengine's ng protocol has it: integers, byte strings, lists, dictionaries
 * whose keys are strings. Read item by item; nothing is copied, nothing is kept but struct bencode.
 * The order of a dictionary's keys, which BEP 3 wants sorted and ng's clients do not sort, is not
 * looked at here, and neither is whether one comes twice.
 */
#include "cursor.h"

enum { BENCODE_DEPTH_MAX = 16 }; /* of lists and dictionaries within each other */

enum bencode_type {
	BENCODE_BAD, /* no bencoding, or too deep; it stays so */
	BENCODE_END, /* one value was read, and nothing is left */
	BENCODE_INT,
	BENCODE_STRING, /* in a dictionary first the key, then its value */
	BENCODE_LIST,	/* begins; what is in it follows, then BENCODE_CLOSE */
	BENCODE_DICT,
	BENCODE_CLOSE, /* of the list or dictionary that began last */
};

/* What stands next. */
struct bencode_item {
	int64_t number;	   /* BENCODE_INT */
	const uint8_t *at; /* BENCODE_STRING */
	size_t len;
	bool key; /* of the dictionary it is in */
};

struct bencode {
	struct rd in;
	uint32_t depth;
	uint8_t inside[BENCODE_DEPTH_MAX]; /* enum bencode_place */
	bool done;
};

/* len bytes that are one value. */
struct bencode bencode_init(const void *p, size_t len);
/* The next item. BENCODE_STRING: *it points into what is read. */
enum bencode_type bencode_next(struct bencode *b, struct bencode_item *it);

/* Writing: what does not fit marks the cursor failed. Lists end with bencode_close(). */
void bencode_int(struct wr *w, int64_t number);
void bencode_string(struct wr *w, const void *p, size_t len);

static inline void bencode_list(struct wr *w)
{
	wr_u8(w, 'l');
}

static inline void bencode_dict(struct wr *w)
{
	wr_u8(w, 'd');
}

static inline void bencode_close(struct wr *w)
{
	wr_u8(w, 'e');
}

#endif
