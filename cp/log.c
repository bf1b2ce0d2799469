/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static uint64_t held; /* lines held back since the last that went */

/* A token bucket; one thread. */
static int log_admit(void)
{
	static uint64_t tokens_ms = (uint64_t)LOG_BURST * 1000;
	static uint64_t last_ms;
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	if (last_ms)
		tokens_ms += (now - last_ms) * LOG_RATE;
	last_ms = now;
	if (tokens_ms > (uint64_t)LOG_BURST * 1000)
		tokens_ms = (uint64_t)LOG_BURST * 1000;
	if (tokens_ms < 1000)
		return 0;
	tokens_ms -= 1000;
	return 1;
}

void log_line(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!log_admit()) {
		held++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (held)
		fprintf(stderr, "fairlead-cp: %s (%llu messages before this one were held back)\n",
			text, (unsigned long long)held);
	else
		fprintf(stderr, "fairlead-cp: %s\n", text);
	held = 0;
}
