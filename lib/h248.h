/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_H248_H
#define FL_LIB_H248_H

/*
 * H.248.1 in text (Annex B, versions 1 to 3): a message is read into a tree of items, and written
 * item by item. What items mean is not known here. Nothing is allocated: texts point into the
 * message. Long and short tokens are read alike, also mixed, in either case.
 */
#include "cursor.h"

enum {
	H248_ITEMS_MAX = 4096, /* of a message */
	H248_DEPTH_MAX = 12,   /* the grammar needs 9 */
	H248_NAME_MAX = 129,   /* bytes: a package, a slash, an item of it, of 64 each */
	H248_VERSION_MAX = 3,
	H248_MESSAGE_MAX = 65507, /* bytes: a datagram */
};

enum h248_token {
	H248_OTHER, /* a name of a package, a termination, a number */
#define H248_TOKEN(id, ...) H248_##id,
#include "h248_token.def"
#undef H248_TOKEN
	H248_TOKENS
};

/* A piece of the message; not NUL-terminated. */
struct h248_text {
	const char *at;
	uint32_t len;
};
#define H248_TEXT(t) (int)(t).len, (t).at /* for "%.*s" */

/* What stands behind a name (parmValue). */
enum h248_kind {
	H248_NONE,
	H248_WORD,   /* unquoted */
	H248_QUOTED, /* the text without the quotes */
	H248_ONE_OF, /* {a, b}: what is in the brackets, for h248_list_next() */
	H248_ALL_OF, /* [a, b] */
	H248_RANGE,  /* [a:b] */
	H248_MID,    /* [192.0.2.1]:2944, <mgc.example>:2944 */
	H248_OCTETS, /* of Local and Remote, as they are sent: "\}" is a brace */
};

struct h248_item {
	struct h248_text name;	/* at NULL: a quoted text alone */
	struct h248_text value; /* of its kind */
	struct h248_text
	    stamp; /* before a name in ObservedEvents: 20261122T09300012; at NULL: none */
	uint16_t next, child;	 /* items; 0: none */
	uint8_t token;		 /* enum h248_token of the name */
	uint8_t kind;		 /* enum h248_kind */
	char relation;		 /* '=', '#', '<', '>'; 0 without a value */
	bool optional, wildcard; /* of a command: "O-" and "W-" stood before its name */
	bool body;		 /* it has braces, which may be empty */
	bool broken;		 /* the message makes no sense from somewhere in it on */
};

struct h248_message {
	unsigned version;     /* 0: not even that could be read */
	struct h248_text mid; /* of the sender, as it is written */
	bool authenticated;   /* there was an Authentication header; it is not judged here */
	uint16_t n;	      /* items; the first, 0, has those of the message as children */
	uint32_t wrong_line;  /* from 1; 0: all of it could be read */
	const char *wrong;    /* and what was wrong there */
	struct h248_item item[H248_ITEMS_MAX];
};

/*
 * False if not all of it could be read: what stands before the fault is there, and what it is in is
 * marked as broken (H.248.1 8.2.2).
 */
bool h248_parse(struct h248_message *m, const void *p, size_t len);

/* First child (of item 0: of the message) and next; NULL: none. */
const struct h248_item *h248_child(const struct h248_message *m, const struct h248_item *i);
const struct h248_item *h248_next(const struct h248_message *m, const struct h248_item *i);
/* The first child with that token; NULL: none. */
const struct h248_item *h248_find(const struct h248_message *m, const struct h248_item *i,
				  enum h248_token token);
/* The same with that name. */
const struct h248_item *h248_find_name(const struct h248_message *m, const struct h248_item *i,
				       const char *name);

/* Which token a text is; H248_OTHER: none. */
enum h248_token h248_token(struct h248_text t);
/* Without regard to case, as all names are. */
bool h248_is(struct h248_text t, const char *s);
/* Decimal, or hexadecimal behind 0x, no more than max. */
bool h248_number(struct h248_text t, uint64_t max, uint64_t *n);
/* The next value of H248_ONE_OF, H248_ALL_OF and H248_RANGE, off *list. False: there is none. */
bool h248_list_next(struct h248_text *list, struct h248_text *value);
/* Takes "\}" for what it is, into room for t.len bytes. Returns how many there are. */
size_t h248_unescape(struct h248_text t, char *out);

/* ---- writing ---- */

struct h248_out {
	struct wr w; /* failed: there was no room */
	bool brief;  /* short tokens, and no more white space than is needed */
	bool first;  /* the next item is the first in its braces */
	uint8_t depth;
};

/* A message begins: its version and the sender's name. */
void h248_begin(struct h248_out *o, void *p, size_t len, bool brief, unsigned version,
		const char *mid);
/* What shall stand in braces of another, depth of them deep, is written by itself first. */
void h248_begin_part(struct h248_out *o, void *p, size_t len, bool brief, uint8_t depth);
/* And put there. */
void h248_put_part(struct h248_out *o, const struct h248_out *part);
/* An item "Token", or with fmt "Token = value"; the caller quotes what has to be. */
__attribute__((format(printf, 3, 4))) void h248_put(struct h248_out *o, enum h248_token token,
						    const char *fmt, ...);
/* The same by name: of packages' items, and of what is no token. */
__attribute__((format(printf, 3, 4))) void h248_put_name(struct h248_out *o, const char *name,
							 const char *fmt, ...);
/* A quoted text alone. What cannot stand in one (Annex B quotedString) is written as a space. */
void h248_put_quoted(struct h248_out *o, const char *text);
/* "Token = "text"", as h248_put_quoted() has it. */
void h248_put_text(struct h248_out *o, enum h248_token token, const char *text);
/* Local or Remote, with text in it. */
void h248_put_octets(struct h248_out *o, enum h248_token token, const void *p, size_t len);
/* The braces of the item before: what follows is in them. */
void h248_open(struct h248_out *o);
void h248_close(struct h248_out *o);
/* "Error = code { "text" }" */
void h248_put_error(struct h248_out *o, unsigned code, const char *text);
/* How a token is spelt in this message. */
const char *h248_spelt(const struct h248_out *o, enum h248_token token);

#endif
