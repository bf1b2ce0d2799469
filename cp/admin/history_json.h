/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_HISTORY_JSON_H
#define FL_CP_ADMIN_HISTORY_JSON_H

#include "../history.h"

#include <jansson.h>

/*
 * {"every_s", "points", and a list for each member of struct history_point}, the oldest first; null
 * stands for what is not known. A new reference.
 */
json_t *history_json(const struct history *h);

#endif
