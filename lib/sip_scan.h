/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_SIP_SCAN_H
#define FL_LIB_SIP_SCAN_H

/*
 * Values of SIP's headers, read from the left: what is taken is copied and ends with a NUL (RFC
 * 3261 25.1). For parsers of lib/ alone.
 */
#include <stdbool.h>

/* What is left of the value, and where what is taken of it goes. */
struct sip_scan {
	const char *pos, *end;
	char *out;
};

/* Folded lines are white space too (RFC 3261 7.3.1). */
static inline bool sip_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline void sip_space_skip(struct sip_scan *s)
{
	while (s->pos < s->end && sip_is_space(*s->pos))
		s->pos++;
}

/* A character and what is around it; false: another one is there. */
static inline bool sip_mark_take(struct sip_scan *s, char c)
{
	sip_space_skip(s);
	if (s->pos == s->end || *s->pos != c)
		return false;
	s->pos++;
	sip_space_skip(s);
	return true;
}

#endif
