/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_STATUS_H
#define FL_CP_ADMIN_STATUS_H

/* How the whole is: one object. New references. */
#include "../server.h"

#include <jansson.h>

/* The result of the method `status`. */
json_t *status_json(const struct server *s);

/* For the status page: status_json() with what each worker does, and what was dropped and why. */
json_t *status_page_json(const struct server *s);

/*
 * Whether the node is drained, the seconds until the rest is ended (null: it is not), and what is
 * left of allocations and contexts. A new reference.
 */
json_t *drain_json(const struct server *s);

#endif
