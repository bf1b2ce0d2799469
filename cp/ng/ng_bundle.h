/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_BUNDLE_H
#define FL_CP_NG_NG_BUNDLE_H

/*
 * Bundles (RFC 9143) that are one transport: on that side one context carries the m-lines of the
 * others (TERM_BUNDLED), which keep ports of their own for when they leave. A bundle is made by an
 * answer, of m-lines whose DTLS ends here, with ICE and RTCP on the same port, on one worker, that
 * can be told apart; the others stay outside of it.
 */
#include "ng_call.h"

/* Whose port, ICE and DTLS a side of a context has: its own, or those of who carries it. */
const struct context *ng_bundle_carrier(const struct ng_call *c, const struct context *x,
					uint32_t side);
/* Where a new m-line has to be so that it can be in one; NULL: anywhere. */
struct context *ng_bundle_near(const struct ng_call *c, const struct ng_media *m);
/* Makes the bundles of both sides what an answer has agreed on. */
bool ng_bundle_set(struct ng_call *c);
/* Of an offer's m-line that is bundle-only: whether its bundle may take it. */
bool ng_bundle_may_be_in(const struct ng_call *c, int i);
/* Whether an m-line is bundle-only on a side that has it in no bundle, now that these are made. */
bool ng_bundle_misses(const struct ng_call *c, int i);
/* Whether m-line i is told to be of the bundle that begins with `first`, both of one. */
bool ng_bundle_told(const struct ng_call *c, int first, int i);
#endif
