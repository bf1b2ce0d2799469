/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_LAYOUT_H
#define FL_CONF_LAYOUT_H

/* Where what lies in the region between the processes, from the configuration alone. */
#include "config.h"

/* Fills in offsets, numbers and size of a region that is zero; all else is the dataplane's. */
void layout_make(const struct config *c, struct region *r);

#endif
