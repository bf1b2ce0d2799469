/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_WORDS_H
#define FL_CP_NG_NG_WORDS_H

/*
 * Every key and word of rtpengine's ng protocol, and what becomes of it here. doc/ng.md has the
 * same as tables, which test_ng_flags holds against these.
 */
#include <stdbool.h>
#include <stdint.h>

enum ng_effect {
	NG_SERVED,
	NG_HARMLESS, /* it says what is done anyway, or media are right without it */
	NG_REFUSED,  /* media would be wrong or unprotected without it */
	NG_EFFECTS
};

/* What the suites behind a word of SDES are. */
enum ng_suites_of {
	NG_SUITES_NONE,
	NG_SUITES_NO,
	NG_SUITES_ONLY,
	NG_SUITES_ORDER,
	NG_SUITES_LIKED
};

/* A word of a list. */
struct ng_word {
	const char *name; /* "x-*": and all that begin so */
	enum ng_effect effect;
	uint32_t set, clear;	   /* enum ng_flag */
	uint32_t srtp, srtp_clear; /* enum ng_srtp_flag */
	uint32_t sdp;		   /* enum ng_sdp_flag */
	enum ng_suites_of suites;  /* of what is in place of the '*' */
	const char *of;		   /* what is behind the '-' is a value of this key */
};

/* What reads the value of a key that has no words. */
enum ng_take {
	NG_TAKE_NONE,
	NG_TAKE_CALL,
	NG_TAKE_FROM,
	NG_TAKE_TO,
	NG_TAKE_SDP,
	NG_TAKE_PROTO,
	NG_TAKE_SOURCE,
	NG_TAKE_ADDRESS,
	NG_TAKE_PARTY,
	NG_TAKE_DIRECTION,
	NG_TAKE_INTERFACE_FROM,
	NG_TAKE_INTERFACE_TO,
	NG_TAKE_FAMILY,
	NG_TAKE_TOS,
	NG_TAKE_CODE,
	NG_TAKE_BRANCH,
	NG_TAKE_DELAY,
	NG_TAKE_RTPP,
	NG_TAKE_CODEC,
	NG_TAKE_CODEC_OP,
	NG_TAKE_REMOVE,
	NG_TAKE_EXTMAP,
	NG_TAKE_ATTR,
	NG_TAKE_LABEL,
	NG_TAKES
};

struct ng_key {
	const char *name;
	enum ng_effect effect; /* without words */
	enum ng_take take;
	const struct ng_word *words; /* up to one without a name */
	const char *values;	     /* without words: which, in words of the manual */
};

/* Up to one without a name. */
extern const struct ng_key ng_keys[];

/*
 * As rtpengine has it a space is a hyphen, and an underscore as well; letters are of either case.
 * NULL: there is none.
 */
const struct ng_key *ng_key_find(const char *given);
const struct ng_word *ng_word_find(const struct ng_word *words, const char *given);

#endif
