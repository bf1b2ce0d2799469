/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_BUG_H
#define FL_LIB_BUG_H

/*
 * Assertions about our own state, never about what came from outside. Each yields its condition,
 * true when something is wrong:
 *
 *   BUG_ON    impossible, and the caller cannot go on: it takes its error path
 *   WARN_ON   impossible and harmless
 *   CHECK_ON  like BUG_ON, but too expensive for a release, where it is false and costs nothing
 *
 * With assertions (b_ndebug=false: sanitized and fuzz builds) BUG_ON and CHECK_ON end the process,
 * and WARN_ON counts as in a release. A release counts each place of BUG_ON and WARN_ON; who looks
 * at the counts says so once a place: the service thread of fairlead-dp, fairlead-cp at once. Not
 * for inline functions of headers: each file would have its own.
 */
#include "ctl_abi.h"

struct bug_site {
	const char *file, *expr;
	uint32_t line;
	uint32_t warn; /* WARN_ON */
	_Atomic uint32_t count;
	uint32_t told;
} __attribute__((aligned(8)));

#define BUG_AT(cond, is_warn)                                                                     \
	(__extension__({                                                                          \
		static struct bug_site bug_site_                                                  \
		    __attribute__((section("fl_bugs"), used)) = { __FILE__, #cond, __LINE__,      \
								  is_warn, 0, 0 };                \
		const bool bug_is_ = (cond);                                                      \
		if (__builtin_expect(bug_is_, 0))                                                 \
			bug_hit(&bug_site_);                                                      \
		__builtin_expect(bug_is_, 0);                                                     \
	}))

#define BUG_ON(cond)  BUG_AT(cond, 0)
#define WARN_ON(cond) BUG_AT(cond, 1)
#ifdef NDEBUG
#define CHECK_ON(cond)                  \
	(__extension__({                \
		if (0)                  \
			(void)(cond);   \
		__builtin_expect(0, 0); \
	}))
#else
#define CHECK_ON(cond) BUG_AT(cond, 0)
#endif

/* Of any thread. */
__attribute__((cold, noinline)) void bug_hit(struct bug_site *s);

/* Called at the first hit of a place, by the thread that hit it. NULL, as at start: it is only
 * counted. */
extern void (*bug_tell)(const struct ctl_bug *b);

/* Hits of all places of this program. */
uint64_t bug_total(void);

/*
 * Writes all places that were hit to out, if there is news, and calls tell (or not, NULL) for each
 * that was not told before. One thread.
 */
void bug_publish(struct ctl_bugs *out, void (*tell)(const struct ctl_bug *b));

#endif
