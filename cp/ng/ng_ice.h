/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_ICE_H
#define FL_CP_NG_NG_ICE_H

/* ICE as a side is told of it (RFC 8839, 8840): we are a lite agent, all of whose candidates are
 * known.
 */
#include "../../lib/cursor.h"
#include "ng_call.h"

/* Whether side c->to is offered ICE for the m-line, or gets it in the answer. */
bool ng_ice_is_told(const struct ng_call *c, int i);
/* a=ice-lite, and the options: of the session. */
void ng_ice_write_session(const struct ng_call *c, struct wr *w);
/* Ours for side c->to; rtcp: there is a port for it, too. */
void ng_ice_write(const struct ng_call *c, int i, struct wr *w, bool rtcp);

/* Whether a line is of ICE: what one side says never reaches the other. */
bool ng_ice_is_of(const struct sdp_line *l);

#endif
