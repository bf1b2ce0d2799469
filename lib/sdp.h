/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_SDP_H
#define FL_LIB_SDP_H

/*
 * Session descriptions (RFC 8866): found out where things stand, and written again line by line.
 * Liberal in what is read: lines "x=..." in any order, ended by CRLF, LF or CR, with spaces where
 * none belong, s= and t= missing. They are put into the RFC's order; what has no place there is
 * left out. What is written is the RFC's. Nothing is allocated: texts point into the description,
 * or to what stands for a line that was missing.
 */
#include "addr.h"
#include "cursor.h"

enum {
	SDP_LINES_MAX = 1024,
	SDP_MEDIA_MAX = 32,
	SDP_SESSION = -1, /* in place of an m-line's index: what stands before the first */
};

/* A piece of the description; not NUL-terminated. */
struct sdp_text {
	const char *at;
	uint32_t len;
};

struct sdp_line {
	struct sdp_text value; /* behind "x=", without spaces at its end */
	uint32_t number;       /* in the text, from 1; 0: it was missing */
	char type;
};

/* RFC 8866 5.2 */
struct sdp_origin {
	struct sdp_text user; /* may have spaces in it */
	struct sdp_text id, version;
	struct sdp_text address; /* "IN IP4 192.0.2.1" */
};

/* RFC 8866 5.7 */
struct sdp_conn {
	int line;	   /* -1: there is none */
	bool literal;	   /* ip says where; else it is a host name, or a multicast group's */
	bool v6;	   /* IP6 */
	struct ip_addr ip; /* with literal */
};

/* RFC 8866 5.14 */
struct sdp_media {
	int line, end;		/* lines [line, end): "m=" and what belongs to it */
	struct sdp_text type;	/* "audio" */
	struct sdp_text proto;	/* "RTP/AVP" */
	struct sdp_text format; /* all behind it; none only with port 0 */
	uint16_t port, ports;	/* ports 1, unless "/n" says more */
	struct sdp_conn conn;	/* its own, else the session's */
};

struct sdp {
	struct sdp_line line[SDP_LINES_MAX];
	struct sdp_media media[SDP_MEDIA_MAX];
	int n_line, n_media;
	struct sdp_origin origin;
	struct sdp_conn conn; /* of the session */
};

/* False if it is none: *where is the line at fault from 1, *why says what is wrong. */
bool sdp_parse(struct sdp *s, const void *p, size_t len, int *where, const char **why);

/* The same of a fragment (RFC 8840 9): v=, o=, s= and t= may be missing, and are not added. */
bool sdp_parse_fragment(struct sdp *s, const void *p, size_t len, int *where, const char **why);

/*
 * Attributes (RFC 8866 5.13), "a=name" or "a=name:value". Returns the line of the first with that
 * name from line `from` on in an m-line's part, or the session's; -1: there is none. *value, unless
 * NULL, is what is behind the colon, at NULL where there is no colon.
 */
int sdp_attr(const struct sdp *s, int media, const char *name, int from, struct sdp_text *value);
/* The same of the m-line, or if that has none, of the session. */
bool sdp_attr_of(const struct sdp *s, int media, const char *name, struct sdp_text *value);
/* a=tls-id as a number by which another is seen (RFC 8842 5.2); 0: there is none. */
uint32_t sdp_tls_id(const struct sdp *s, int media);
/* Whether a line is an attribute of that name. */
bool sdp_line_is(const struct sdp_line *l, const char *name);

bool sdp_text_is(struct sdp_text t, const char *s);
bool sdp_text_is_text(struct sdp_text a, struct sdp_text b);
bool sdp_text_is_nocase(struct sdp_text t, const char *s);
/* The next word, up to a space or the end, taken off *t with the spaces around it. False: none. */
bool sdp_word(struct sdp_text *t, struct sdp_text *word);
/* Decimal without leading zeros, no more than max. */
bool sdp_number(struct sdp_text t, uint32_t max, uint32_t *n);
/* An address literal. */
bool sdp_ip(struct sdp_text t, struct ip_addr *ip);
/* "IN IP4 192.0.2.1": what c= and a=rtcp have. A literal says itself of which family it is. */
bool sdp_address(struct sdp_text t, struct sdp_conn *c);

/* ---- writing ---- */

/* Lines [from, to): where words matter, with one space between them. */
void sdp_copy(struct wr *w, const struct sdp *s, int from, int to);
/* The words of a text, with one space between them. */
void sdp_put_words(struct wr *w, struct sdp_text t);
/* A line, CRLF included. */
__attribute__((format(printf, 2, 3))) void sdp_put(struct wr *w, const char *fmt, ...);
/* o=, of a user name without spaces (RFC 8866 5.2). */
void sdp_put_origin(struct wr *w, const struct sdp_origin *o);
/* For "%.*s". */
#define SDP_TEXT(t) (int)(t).len, (t).at
/* "IN IP4 192.0.2.1", into buf; returns it. */
const char *sdp_address_format(const struct ip_addr *ip, char *buf, size_t len);

#endif
