/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_CERTS_JSON_H
#define FL_CP_ADMIN_CERTS_JSON_H

#include "../server.h"

#include <jansson.h>

/* The certificates of the configuration and what is in force of each; none without a dataplane. */
json_t *certs_json(const struct server *s);

#endif
