/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_HEALTH_H
#define FL_CP_ADMIN_HEALTH_H

/* What is wrong now, of all that an operator would otherwise have to look for. */
#include "../server.h"

#include <jansson.h>

enum { HEALTH_CERT_DAYS = 14 }; /* an end of a certificate that is nearer is told */

/*
 * A new list of {"severity": "error" or "warn", "about": a word, "what": a sentence}, errors first;
 * empty when all is well. About is dataplane, worker, port, certificate, "certificate end", drain,
 * secrets, records or bug. An error keeps clients from being served now; of a warning one should
 * know before it does.
 */
json_t *health_json(const struct server *s);

struct health_count {
	uint64_t errors, warnings;
};
struct health_count health_count(const struct server *s);

#endif
