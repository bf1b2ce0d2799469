/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_CONTEXT_JSON_H
#define FL_CP_ADMIN_CONTEXT_JSON_H

/* Contexts and their events as JSON. New references. */
#include "../context/gateway.h"
#include "../server.h"

#include <jansson.h>

/* The word of an enum context_end, null for none. */
json_t *context_end_json(uint8_t end);

/* Sixteen hexadecimal digits. */
json_t *context_id_json(uint64_t id);

/* A record with what the gateway chose: addresses, fingerprints, ICE credentials. */
json_t *context_json(const struct server *s, const struct context *c);

/* Adds "counters" to both terminations of such a record; null with stats NULL. */
void context_counters_json(json_t *context, const struct ctl_term_stats stats[2]);

json_t *context_event_json(const struct gate_event *n);

extern const char *const gate_error_name[GATE_ERRORS];

#endif
