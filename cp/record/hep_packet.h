/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_HEP_PACKET_H
#define FL_CP_HEP_PACKET_H

/*
 * HEP3: a report of one side of a context, as servers of Homer take it: RTCP as JSON (type 5), in
 * chunks. What the report says is what a receiver report of that side would, from what was measured
 * here and from its own reports, and more beside.
 */
#include "../../lib/cursor.h"
#include "record.h"

enum { HEP_PACKET_MAX = 2048, HEP_PASSWORD_MAX = 128 };

/*
 * How side heard the other one, at a time; id: the capture agent's. False: it heard nothing, or has
 * no address, or the packet does not fit.
 */
bool hep_put(struct wr *w, const struct record *r, uint32_t side, uint32_t id,
	     const char *password);

#endif
