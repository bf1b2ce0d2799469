/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_FORMAT_H
#define FL_CP_NG_NG_FORMAT_H

/*
 * Which formats of an m-line the other side is told of: as flags strip, prefer or keep codecs. Only
 * SDP is changed; nothing is transcoded.
 */
#include "../../lib/sdp.h"
#include "ng_flags.h"

enum { NG_FORMATS_MAX = 128 }; /* payload types of RTP */

struct ng_formats {
	bool changed;		      /* else all is as it was */
	uint32_t n;		      /* that are left, in their new order */
	uint8_t type[NG_FORMATS_MAX]; /* payload types */
	/* By payload type: */
	bool gone[NG_FORMATS_MAX];
	struct sdp_text codec[NG_FORMATS_MAX]; /* "opus/48000/2" */
};

/* Of an m-line of RTP. */
void ng_formats_make(struct ng_formats *o, const struct sdp *s, int i, const struct ng_flags *f,
		     bool offer);
/* Whether an attribute is of a format that is gone. */
bool ng_formats_drop(const struct ng_formats *o, const struct sdp_line *l);
/* A codec that flags would have made of others, and that is not in the m-line; NULL: none. */
const char *ng_formats_missing(const struct sdp *s, int i, const struct ng_flags *f);

#endif
