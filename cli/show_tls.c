/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of TLS: certificates in force, handshakes, events, and what ended connections. */
#include "field.h"
#include "grid.h"
#include "show.h"
#include "units.h"

#include <string.h>
#include <time.h>

enum { TEXT_MAX = 512, FINGERPRINT_CHARS = 16, DAYS_WARN = 30 };

/* ---- certificates ---- */

static const char *date(int64_t t, const char *format, char *buf, size_t len)
{
	time_t when = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || strftime(buf, len, format, &tm) == 0)
		snprintf(buf, len, "?");
	return buf;
}

/* "2027-02-01, 71 days"; an end that is near or past says so. */
static const char *end(const json_t *c, char *buf, size_t len)
{
	const long long days = get_int(c, "days_left");
	char day[UNIT_STR_MAX];

	date(get_int(c, "not_after"), "%Y-%m-%d", day, sizeof(day));
	if (days < 0)
		snprintf(buf, len, "%s, OVER", day);
	else
		snprintf(buf, len, "%s, %lld day%s%s", day, days, days == 1 ? "" : "s",
			 days < DAYS_WARN ? " ONLY" : "");
	return buf;
}

static const char *names(const json_t *c, char *buf, size_t len)
{
	size_t used = 0, i;
	json_t *name;

	snprintf(buf, len, "-");
	json_array_foreach(json_object_get(c, "names"), i, name)
	{
		if (used < len)
			used += (size_t)snprintf(buf + used, len - used, "%s%s", i ? " " : "",
						 json_string_value(name));
	}
	return buf;
}

static void certs_table(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "DOMAIN", 0, 12 }, { "NAMES", 0, 22 },   { "KEY", 0, 9 },
		{ "ENDS", 0, 24 },   { "SHA-256", 0, 16 }, { "READ (UTC)", 0, 0 },
	};
	struct grid *g = grid_new(cols, N_OF(cols));
	size_t i;
	json_t *c;

	json_array_foreach(list, i, c)
	{
		char text[TEXT_MAX], ends[64], read[UNIT_STR_MAX], sha[FINGERPRINT_CHARS + 1];

		if (!json_is_integer(json_object_get(c, "loaded"))) {
			grid_row(g, get_str(c, "domain"), "none in force", "", "", "", "");
			grid_tone(g, 1, TONE_BAD);
			continue;
		}
		snprintf(sha, sizeof(sha), "%s", get_str(c, "sha256"));
		grid_row(g, get_str(c, "domain"), names(c, text, sizeof(text)), get_str(c, "type"),
			 end(c, ends, sizeof(ends)), sha,
			 date(get_int(c, "loaded"), "%m-%d %H:%M:%S", read, sizeof(read)));
		if (get_int(c, "days_left") < DAYS_WARN)
			grid_tone(g, 3, get_int(c, "days_left") < 0 ? TONE_BAD : TONE_WARN);
	}
	grid_print(g, 0, out);
}

/* Why the last reload left what is there in force: once, since all have the same reason. */
static void certs_errors(const json_t *list, FILE *out)
{
	size_t i;
	json_t *c;

	json_array_foreach(list, i, c)
	{
		if (*get_str(c, "error") != '\0' && strcmp(get_str(c, "error"), "-") != 0)
			fprintf(out, "Not read again: %s\n", get_str(c, "error"));
	}
}

void show_certificates(const json_t *result, FILE *out)
{
	const json_t *list = json_object_get(result, "certificates");

	if (json_array_size(list) == 0) {
		fputs("No certificates.\n", out);
		return;
	}
	certs_table(list, out);
	certs_errors(list, out);
}

/* ---- handshakes ---- */

static void handshakes(const json_t *h, FILE *out)
{
	static const struct grid_col cols[] = { { "HANDSHAKES", 0, 0 },
						{ "FULL", 1, 0 },
						{ "RESUMED", 1, 0 } };
	static const char *const version[] = { "TLS 1.2", "TLS 1.3" };
	struct grid *g = grid_new(cols, N_OF(cols));
	char a[UNIT_STR_MAX], b[UNIT_STR_MAX], c[UNIT_STR_MAX], d[UNIT_STR_MAX];

	for (size_t i = 0; i < N_OF(version); i++) {
		const json_t *v = json_object_get(h, version[i]);

		grid_row(g, version[i], unit_exact(get_int(v, "full"), a, sizeof(a)),
			 unit_exact(get_int(v, "resumed"), b, sizeof(b)));
	}
	grid_print(g, 0, out);
	if (get_int(h, "overdue") > 0)
		fprintf(out, "THE ACCELERATOR HAS STALLED and keeps %s handshakes\n",
			unit_exact(get_int(h, "overdue"), a, sizeof(a)));
	fprintf(out, "%s with a pre-shared key, %s failed; %s under way, %s wait\n",
		unit_exact(get_int(h, "psk"), a, sizeof(a)),
		unit_exact(get_int(h, "failed"), b, sizeof(b)),
		unit_exact(get_int(h, "under_way"), c, sizeof(c)),
		unit_exact(get_int(h, "waiting"), d, sizeof(d)));
}

void show_tls(const json_t *result, bool all, FILE *out)
{
	char n[UNIT_STR_MAX], max[UNIT_STR_MAX];

	if (!show_attached(result, out))
		return;
	show_certificates(result, out);
	fprintf(out, "\n%s of %s connections\n\n",
		unit_exact(get_int(result, "connections"), n, sizeof(n)),
		unit_exact(get_int(result, "connections_max"), max, sizeof(max)));
	handshakes(json_object_get(result, "handshakes"), out);
	show_counts(json_object_get(result, "ends"), "ENDED BY", all, out);
	show_counts(json_object_get(result, "events"), "EVENT", all, out);
}
