/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_MID_H
#define FL_CP_NG_NG_MID_H

/*
 * Names of m-lines (RFC 5888) and their group BUNDLE (RFC 9143). Each m-line has a port of its own
 * here, so a bundle of ours has one: who offers several is answered by the first that is served,
 * and the others that had a port are moved out of it. That is what any offerer has to take.
 */
#include "../../lib/cursor.h"
#include "ng_call.h"

/* The name of an m-line for side c->to: that by which it knows it; "": it has none. */
const char *ng_mid(const struct ng_call *c, int i, char buf[NG_MID_MAX]);
/* Our bundle, if it is told any. */
void ng_mid_write_group(const struct ng_call *c, struct wr *w);
#endif
