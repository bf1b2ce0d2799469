/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include "clock.h"

#include <stdarg.h>
#include <stdio.h>

static bool bucket_admit(struct log_bucket *b)
{
	const struct meter_rate rate = meter_rate_make(LOG_RATE, 0, 1000 * LOG_BURST / LOG_RATE);

	return meter_wide_take(&b->meter, &rate, clock_ms(CLOCK_MONOTONIC) * 1000, 0);
}

__attribute__((format(printf, 2, 0))) static void write_line(struct log_bucket *b, const char *fmt,
							     va_list ap)
{
	char text[1024];

	if (!bucket_admit(b)) {
		b->held++;
		return;
	}
	vsnprintf(text, sizeof(text), fmt, ap);
	if (b->held)
		fprintf(stderr, "fairlead-cp: %s (%llu messages before this one were held back)\n",
			text, (unsigned long long)b->held);
	else
		fprintf(stderr, "fairlead-cp: %s\n", text);
	b->held = 0;
}

void log_line(const char *fmt, ...)
{
	static struct log_bucket common;
	va_list ap;

	va_start(ap, fmt);
	write_line(&common, fmt, ap);
	va_end(ap);
}

void log_bucket_line(struct log_bucket *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(b, fmt, ap);
	va_end(ap);
}

void log_always(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "fairlead-cp: %s\n", text);
}

const char *log_text(const void *text, size_t len, char out[LOG_TEXT_MAX])
{
	const char *s = text;
	size_t n = 0;

	while (n < len && n + 1 < LOG_TEXT_MAX) {
		char c = s[n];

		out[n++] = c >= ' ' && c <= '~' && c != '"' && c != '\\' ? c : '?';
	}
	if (n == 0)
		out[n++] = '-';
	out[n] = '\0';
	return out;
}
