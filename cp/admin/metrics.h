/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_METRICS_H
#define FL_CP_ADMIN_METRICS_H

/*
 * Metrics in the text format of Prometheus (0.0.4), or as OpenMetrics 1.0.0. Each family has HELP
 * and TYPE; names start with fairlead_, counters end in _total.
 */
#include "../server.h"

#include <event2/buffer.h>
#include <event2/event.h>

enum metrics_format { METRICS_TEXT, METRICS_OPENMETRICS };

/* All of them. */
void metrics_write(struct evbuffer *out, const struct server *s, enum metrics_format format);

/* What who sends that Accept header (RFC 9110 12.5.1) would rather have; "": text. */
enum metrics_format metrics_format_of(const char *accept);

/*
 * How many series that makes while a dataplane of the same configuration is attached, but for what
 * is not known before: codes of errors, and what drivers count.
 */
unsigned metrics_series(const struct config *c);

struct metrics;

/*
 * Serves GET /metrics at control.metrics-address and -port, and a page at / that shows /status to
 * people. All of it can be read only; with port 0 nothing is served. Where a password is asked for,
 * wrong ones are counted and told, and a source that gives too many hears 429 for a while. On
 * failure false, and one sentence in err.
 */
bool metrics_start(struct server *s, struct event_base *base, struct metrics **m, char *err,
		   size_t errlen);
void metrics_stop(struct metrics *m);

/*
 * Listens where another configuration says, and reads certificate, key and password anew; false and
 * one sentence in err if that cannot be. With metrics_finish() what was there before is closed, or
 * if apply is false, what was prepared.
 */
bool metrics_prepare(struct metrics *m, const struct config *c, char *err, size_t errlen);
void metrics_finish(struct metrics *m, bool apply);

#endif
