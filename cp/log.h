/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_LOG_H
#define FL_CP_LOG_H

/*
 * Messages to the operator: one sentence a line on standard error. At most LOG_BURST lines at once
 * and LOG_RATE a second; what is held back is counted and told with the next line that goes.
 */
#include <stdint.h>

enum { LOG_BURST = 50, LOG_RATE = 5 };

__attribute__((format(printf, 1, 2))) void log_line(const char *fmt, ...);

#endif
