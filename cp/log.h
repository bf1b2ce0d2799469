/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_LOG_H
#define FL_CP_LOG_H

/*
 * Messages to the operator: one sentence a line on standard error. At most LOG_BURST lines at once
 * and LOG_RATE a second, but for log_always(); what is held back is counted and told with the next
 * line that goes.
 */
#include "../lib/meter.h"

#include <stddef.h>

enum {
	LOG_BURST = 50,
	LOG_RATE = 5,
	LOG_TEXT_MAX = 64, /* of what a stranger wrote, NUL included */
};

/* Lines of one kind, which strangers can cause: they have a rate of their own. Starts as zero. */
struct log_bucket {
	struct meter_wide meter;
	uint64_t held; /* lines held back since the last that went */
};

__attribute__((format(printf, 1, 2))) void log_line(const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void log_bucket_line(struct log_bucket *b, const char *fmt,
							   ...);

/* A line that is never held back: of what somebody did who may do it. */
__attribute__((format(printf, 1, 2))) void log_always(const char *fmt, ...);

/*
 * What a stranger wrote, for a line: printable ASCII without quotes and backslashes, the rest as
 * '?', cut when it is too long. "-" for nothing.
 */
const char *log_text(const void *text, size_t len, char out[LOG_TEXT_MAX]);

#endif
