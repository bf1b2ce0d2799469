/* SPDX-License-Identifier: BSD-3-Clause */
/* Which format of metrics a reader would rather have. */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RANGE_MAX = 128, THOUSAND = 1000 };

/* A range of media types of an Accept header, without its spaces: "text/plain;version=0.0.4;q=0.5".
 */
static const char *range_next(const char *p, char range[RANGE_MAX])
{
	size_t n = 0;

	for (; *p && *p != ','; p++)
		if (*p != ' ' && *p != '\t' && n < RANGE_MAX - 1)
			range[n++] = *p;
	range[n] = '\0';
	return *p ? p + 1 : p;
}

/* The value of a parameter; NULL: it has none of that name. */
static const char *range_param(const char *range, const char *name)
{
	const size_t len = strlen(name);

	while ((range = strchr(range, ';'))) {
		range++;
		if (strncasecmp(range, name, len) == 0 && range[len] == '=')
			return range + len + 1;
	}
	return NULL;
}

/* In thousandths; what is no number is nothing. */
static int range_quality(const char *range)
{
	const char *q = range_param(range, "q");

	return q ? (int)(strtod(q, NULL) * THOUSAND) : THOUSAND;
}

static bool range_is(const char *range, const char *type)
{
	const size_t len = strlen(type);

	return strncasecmp(range, type, len) == 0 && (range[len] == ';' || !range[len]);
}

/* It may ask for a version that we do not have. */
static bool range_is_openmetrics(const char *range)
{
	static const char ours[] = "1.0.0";
	const char *version = range_param(range, "version");

	return range_is(range, "application/openmetrics-text") &&
	       (!version || (strncmp(version, ours, sizeof(ours) - 1) == 0 &&
			     strchr(";", version[sizeof(ours) - 1])));
}

enum metrics_format metrics_format_of(const char *accept)
{
	int openmetrics = 0, text = 0;
	char range[RANGE_MAX];

	while (*accept) {
		int q;

		accept = range_next(accept, range);
		q = range_quality(range);
		if (range_is_openmetrics(range) && q > openmetrics)
			openmetrics = q;
		else if (range_is(range, "text/plain") && q > text)
			text = q;
	}
	return openmetrics > 0 && openmetrics >= text ? METRICS_OPENMETRICS : METRICS_TEXT;
}
