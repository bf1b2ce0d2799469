/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_MID_H
#define FL_CP_NG_NG_MID_H

/*
 * Names of m-lines (RFC 5888) and their group BUNDLE (RFC 9143): of those that are one transport
 * (ng_bundle.h). Without any, who offers several is answered by the first that is served, and the
 * others that had a port are moved out of it. That is what any offerer has to take.
 */
#include "../../lib/cursor.h"
#include "ng_call.h"

/*
 * Gives each m-line the name that side c->to is told, in c->mid: that by which it knows it. What an
 * offer brings keeps the sender's; where that is another m-line's already, or flags want one and
 * there is none, it gets one of ours. No two are alike.
 */
void ng_mid_name(struct ng_call *c);
/* Of an m-line that is not used: the sender's name, if that is nobody's here; else nothing. */
void ng_mid_write_gone(const struct ng_call *c, int i, struct wr *w);
/* A group of the sender's, other than a bundle, by the names that are told; empty ones are left
 * out. */
void ng_mid_write_group(const struct ng_call *c, const struct sdp_line *l, struct wr *w);
/* Our bundle, if it is told any. */
void ng_mid_write_bundle(const struct ng_call *c, struct wr *w);
#endif
