/* SPDX-License-Identifier: BSD-3-Clause */
#include "top_times.h"

#include "field.h"
#include "grid.h"
#include "units.h"

#include <string.h>

static int64_t gained(int64_t was, int64_t now)
{
	return now >= was ? now - was : now;
}

void times_add(struct moved_times *m, const json_t *before, const json_t *now)
{
	const json_t *was = json_object_get(before, "times"), *t, *n;
	size_t i, k;

	json_array_foreach(json_object_get(now, "times"), i, t)
	{
		const json_t *then = json_array_get(was, i);

		if (i == TIMES_MAX)
			break;
		m->of[i].name = get_str(t, "name");
		m->of[i].sum_us += gained(get_int(then, "sum_us"), get_int(t, "sum_us"));
		json_array_foreach(json_object_get(t, "n"), k, n)
		{
			const json_t *old = json_array_get(json_object_get(then, "n"), k);

			if (k < TIME_CLASSES_MAX)
				m->of[i].n[k] +=
				    gained(json_integer_value(old), json_integer_value(n));
		}
		m->n = i + 1;
	}
}

static json_t *quantile(const int64_t *n, int64_t count, const json_t *le, double part)
{
	const size_t ends = json_array_size(le);
	const double rank = part * (double)count;
	double below = 0, from = 0;

	for (size_t i = 0; i < ends && i < TIME_CLASSES_MAX; i++) {
		const double to = json_number_value(json_array_get(le, i));

		if (n[i] && below + (double)n[i] >= rank)
			return json_real(from + (to - from) * (rank - below) / (double)n[i]);
		below += (double)n[i];
		from = to;
	}
	return json_real(from);
}

json_t *times_json(const struct moved_times *m, const json_t *le)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n; i++) {
		const json_t *ends = json_array_get(le, i);
		const int64_t *n = m->of[i].n;
		int64_t count = 0;

		for (size_t k = 0; k < TIME_CLASSES_MAX; k++)
			count += n[k];
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:I, s:o, s:o, s:o}", "name", m->of[i].name, "count",
			      (json_int_t)count, "mean_us",
			      count ? json_real((double)m->of[i].sum_us / (double)count)
				    : json_null(),
			      "median_us", count ? quantile(n, count, ends, 0.5) : json_null(),
			      "p99_us", count ? quantile(n, count, ends, 0.99) : json_null()));
	}
	return list;
}

/* "0.8 us"; from ten on as other times are. */
static const char *micros(const json_t *t, const char *key, char *buf, size_t len)
{
	const double us = json_number_value(json_object_get(t, key));

	if (us > 0 && us < 10)
		snprintf(buf, len, "%.1f us", us);
	else
		unit_micros((int64_t)us, buf, len);
	return buf;
}

static const char *title(const char *name)
{
	static const char *const of[][2] = { { "turn", "turns with work" },
					     { "tls", "TLS handshakes" },
					     { "dtls", "DTLS handshakes" },
					     { "rtcp", "round trips, by RTCP" } };

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (strcmp(of[i][0], name) == 0)
			return of[i][1];
	return name;
}

void show_times(const json_t *times, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "TOOK", 0, 0 },   { "COUNT", 1, 0 }, { "MEAN", 1, 0 },
		{ "MEDIAN", 1, 0 }, { "99 %", 1, 0 },
	};
	struct grid *g = grid_new(cols, sizeof(cols) / sizeof(cols[0]));
	char text[4][UNIT_STR_MAX];
	const json_t *t;
	size_t i;

	json_array_foreach(times, i, t)
	{
		if (get_int(t, "count") == 0)
			continue;
		grid_row(g, title(get_str(t, "name")),
			 unit_count(get_int(t, "count"), text[0], UNIT_STR_MAX),
			 micros(t, "mean_us", text[1], UNIT_STR_MAX),
			 micros(t, "median_us", text[2], UNIT_STR_MAX),
			 micros(t, "p99_us", text[3], UNIT_STR_MAX));
	}
	grid_print_below(g, out);
}
