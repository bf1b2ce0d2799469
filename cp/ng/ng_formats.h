/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_FORMATS_H
#define FL_CP_NG_NG_FORMATS_H

/* What the payload types of an m-line are: those of its a=rtpmap that are known (lib/codec.def). */
#include "../../lib/ctl_abi.h"

struct sdp;

/* The first few; the rest of format is zeros. */
void ng_formats_read(const struct sdp *s, int i, struct ctl_format format[CTL_FORMATS_MAX]);

#endif
