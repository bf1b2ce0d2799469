/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_SDP_H
#define FL_CP_NG_NG_SDP_H

/* What the files share that write SDP for side c->to. */
#include "ng_call.h"

/* Names end with NULL. */
bool ng_line_is_one_of(const struct sdp_line *l, const char *const *names);
/* Our address for an m-line, as it is shown; above: of RTCP where it is not multiplexed. */
bool ng_local(const struct ng_call *c, int i, bool above, struct sock_addr *a);
/* All of it, into c->out. False if it does not fit. */
bool ng_sdp_write(struct ng_call *c);
/* Bytes of what a session says of certificates, which may come to stand in each m-line. */
size_t ng_sdp_session_keys(const struct sdp *s);
/* What flags add to it, take away and replace, as text. False if it does not fit any more. */
bool ng_attr_edit(struct ng_call *c);
/* Bytes that this may add. */
size_t ng_attr_growth(const struct ng_flags *f, const struct sdp *s);
/* Whether it is told that RTCP may be on the port of RTP. */
bool ng_mux_is_told(const struct ng_call *c, int i);

#endif
