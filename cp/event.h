/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_EVENT_H
#define FL_CP_EVENT_H

#include "../conf/config.h"

/*
 * What in an event of the dataplane, a private copy whose length is that of its type, cannot be; or
 * NULL. Slots and generations are not looked at: what they name may be gone.
 */
const char *event_invalid(const struct config *c, const union ctl_evt *e);

#endif
