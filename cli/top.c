/* SPDX-License-Identifier: BSD-3-Clause */
#include "top.h"

#include "field.h"
#include "grid.h"
#include "show.h"
#include "top_times.h"
#include "units.h"

#include <string.h>

enum {
	STAGES_MAX = 32, /* what is beyond would have come with a newer control process */
	BATCHES_MAX = 8,
};

/* What was added to the counters of a worker, or of all. */
struct moved {
	int64_t rx, tx, dropped, sessions; /* the last as it is now */
	struct {
		const char *name;
		int64_t cycles, calls, items;
	} stage[STAGES_MAX];
	size_t n_stages;
	int64_t rx_burst[BATCHES_MAX], tx_batch[BATCHES_MAX];
	struct moved_times times;
};

/* ---- from two looks to what happened ---- */

/* What a counter gained. A dataplane that was started again counts from 0. */
static int64_t gained(const json_t *before, const json_t *now, const char *key)
{
	int64_t n = get_int(now, key), was = get_int(before, key);

	return n >= was ? n - was : n;
}

static void batches_add(int64_t sum[static BATCHES_MAX], const json_t *before, const json_t *now,
			const char *key)
{
	const json_t *a = json_object_get(before, key), *b = json_object_get(now, key);

	for (size_t i = 0; i < BATCHES_MAX; i++) {
		int64_t was = json_integer_value(json_array_get(a, i));
		int64_t n = json_integer_value(json_array_get(b, i));

		sum[i] += n >= was ? n - was : n;
	}
}

static void stages_add(struct moved *m, const json_t *before, const json_t *now)
{
	const json_t *was = json_object_get(before, "stages"), *stage;
	size_t i;

	json_array_foreach(json_object_get(now, "stages"), i, stage)
	{
		const json_t *then = json_array_get(was, i);

		if (i == STAGES_MAX)
			break;
		m->stage[i].name = get_str(stage, "name");
		m->stage[i].cycles += gained(then, stage, "cycles");
		m->stage[i].calls += gained(then, stage, "calls");
		m->stage[i].items += gained(then, stage, "items");
		m->n_stages = i + 1;
	}
}

static void moved_add(struct moved *m, const json_t *before, const json_t *now)
{
	const json_t *was = json_object_get(before, "counters");
	const json_t *counters = json_object_get(now, "counters");

	m->rx += gained(was, counters, "rx");
	m->tx += gained(was, counters, "tx");
	m->dropped += gained(before, now, "dropped");
	m->sessions += get_int(counters, "sessions");
	stages_add(m, before, now);
	batches_add(m->rx_burst, before, now, "rx_burst");
	batches_add(m->tx_batch, before, now, "tx_batch");
	times_add(&m->times, before, now);
}

/* null where there is nothing to divide by. */
static json_t *ratio(int64_t a, double b)
{
	return b > 0 ? json_real((double)a / b) : json_null();
}

static int64_t cycles_of(const struct moved *m, bool idle)
{
	int64_t sum = 0;

	for (size_t i = 0; i < m->n_stages; i++)
		if ((strcmp(m->stage[i].name, "idle") == 0) == idle)
			sum += m->stage[i].cycles;
	return sum;
}

static json_t *stages_json(const struct moved *m, double seconds)
{
	const double all = (double)(cycles_of(m, false) + cycles_of(m, true));
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_stages; i++) {
		const int64_t cycles = m->stage[i].cycles, calls = m->stage[i].calls,
			      items = m->stage[i].items;

		json_array_append_new(
		    list,
		    json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "name",
			      m->stage[i].name, "share", ratio(cycles, all), "cycles_per_item",
			      ratio(cycles, (double)items), "items_per_call",
			      ratio(items, (double)calls), "calls_per_s", ratio(calls, seconds),
			      "items_per_s", ratio(items, seconds), "cycles", (json_int_t)cycles,
			      "calls", (json_int_t)calls, "items", (json_int_t)items));
	}
	return list;
}

static json_t *batches_json(const int64_t n[static BATCHES_MAX])
{
	json_t *list = json_array();

	for (size_t i = 0; i < BATCHES_MAX; i++)
		json_array_append_new(list, json_integer(n[i]));
	return list;
}

/* Batches that were none. */
static int64_t batches_some(const int64_t n[static BATCHES_MAX])
{
	int64_t sum = 0;

	for (size_t i = 1; i < BATCHES_MAX; i++)
		sum += n[i];
	return sum;
}

static json_t *moved_json(const struct moved *m, const json_t *le, double seconds)
{
	const int64_t busy = cycles_of(m, false), idle = cycles_of(m, true);

	return json_pack(
	    "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "busy",
	    ratio(busy, (double)(busy + idle)), "rx_per_s", ratio(m->rx, seconds), "tx_per_s",
	    ratio(m->tx, seconds), "drops_per_s", ratio(m->dropped, seconds), "cycles_per_packet",
	    ratio(busy, (double)m->rx), "mean_burst",
	    ratio(m->rx, (double)batches_some(m->rx_burst)), "mean_batch",
	    ratio(m->tx, (double)batches_some(m->tx_batch)), "sessions", (json_int_t)m->sessions,
	    "stages", stages_json(m, seconds), "rx_burst", batches_json(m->rx_burst), "tx_batch",
	    batches_json(m->tx_batch), "times", times_json(&m->times, le));
}

json_t *top_result(const json_t *before, const json_t *now)
{
	const double seconds = (double)gained(before, now, "time_us") / 1e6;
	const json_t *was = json_object_get(before, "workers"), *worker;
	const json_t *le = json_object_get(now, "time_le_us");
	const bool attached = json_is_true(json_object_get(now, "attached"));
	json_t *list = json_array(), *one;
	struct moved total = { 0 };
	size_t i;

	json_array_foreach(json_object_get(now, "workers"), i, worker)
	{
		struct moved m = { 0 };

		moved_add(&m, json_array_get(was, i), worker);
		moved_add(&total, json_array_get(was, i), worker);
		one = moved_json(&m, le, seconds);
		json_object_set_new(one, "worker", json_integer(get_int(worker, "worker")));
		json_object_set_new(one, "cpu", json_integer(get_int(worker, "cpu")));
		json_array_append_new(list, one);
	}
	return json_pack("{s:b, s:f, s:I, s:O*, s:o, s:o}", "attached", attached, "seconds",
			 seconds, "tsc_hz", (json_int_t)get_int(now, "tsc_hz"), "batch_min",
			 json_object_get(now, "batch_min"), "total",
			 moved_json(&total, le, seconds), "workers", list);
}

/* ---- tables ---- */

static double get_real(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

/* "12.3", "312", "1.20 M"; "-" for null. */
static const char *mean(const json_t *o, const char *key, char *buf, size_t len)
{
	const double v = get_real(o, key);

	if (!json_is_number(json_object_get(o, key)))
		snprintf(buf, len, "-");
	else if (v < 9999.5)
		snprintf(buf, len, "%.*f", v < 99.95 ? 1 : 0, v);
	else
		unit_short((int64_t)v, buf, len);
	return buf;
}

/* "12.3 %", "100 %" */
static void share(double v, char *buf, size_t len)
{
	snprintf(buf, len, "%.*f %%", v < 0.9995 ? 1 : 0, 100 * v);
}

static const char *percent(const json_t *o, const char *key, char *buf, size_t len)
{
	if (json_is_number(json_object_get(o, key)))
		share(get_real(o, key), buf, len);
	else
		snprintf(buf, len, "-");
	return buf;
}

static void top_worker(struct grid *g, const json_t *w, const char *who)
{
	char cpu[UNIT_STR_MAX] = "", text[7][UNIT_STR_MAX];

	if (json_object_get(w, "cpu"))
		snprintf(cpu, sizeof(cpu), "%lld", (long long)get_int(w, "cpu"));
	grid_row(g, who, cpu, percent(w, "busy", text[0], UNIT_STR_MAX),
		 unit_rate(get_real(w, "rx_per_s"), text[1], UNIT_STR_MAX),
		 unit_rate(get_real(w, "tx_per_s"), text[2], UNIT_STR_MAX),
		 unit_rate(get_real(w, "drops_per_s"), text[3], UNIT_STR_MAX),
		 mean(w, "cycles_per_packet", text[4], UNIT_STR_MAX),
		 mean(w, "mean_burst", text[5], UNIT_STR_MAX),
		 mean(w, "mean_batch", text[6], UNIT_STR_MAX));
}

static void top_workers(const json_t *top, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "WORKER", 1, 0 },	{ "CPU", 1, 0 },   { "BUSY", 1, 0 },
		{ "RX", 1, 0 },		{ "TX", 1, 0 },	   { "DROPS", 1, 0 },
		{ "CYCLES/PKT", 1, 0 }, { "BURST", 1, 0 }, { "BATCH", 1, 0 },
	};
	const json_t *list = json_object_get(top, "workers"), *w;
	struct grid *g = grid_new(cols, N_OF(cols));
	char who[UNIT_STR_MAX];
	size_t i;

	json_array_foreach(list, i, w)
	{
		snprintf(who, sizeof(who), "%lld", (long long)get_int(w, "worker"));
		top_worker(g, w, who);
	}
	if (json_array_size(list) > 1)
		top_worker(g, json_object_get(top, "total"), "all");
	grid_print(g, 0, out);
}

/* Those that had something to do, in the order of a turn. */
static void top_stages(const json_t *w, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "STAGE", 0, 0 },	{ "SHARE", 1, 0 }, { "CYCLES/ITEM", 1, 0 },
		{ "ITEMS/CALL", 1, 0 }, { "ITEMS", 1, 0 }, { "CALLS", 1, 0 },
	};
	struct grid *g = grid_new(cols, N_OF(cols));
	char text[5][UNIT_STR_MAX];
	const json_t *s;
	size_t i;

	json_array_foreach(json_object_get(w, "stages"), i, s)
	{
		if (get_int(s, "calls") == 0)
			continue;
		grid_row(g, get_str(s, "name"), percent(s, "share", text[0], UNIT_STR_MAX),
			 mean(s, "cycles_per_item", text[1], UNIT_STR_MAX),
			 mean(s, "items_per_call", text[2], UNIT_STR_MAX),
			 unit_rate(get_real(s, "items_per_s"), text[3], UNIT_STR_MAX),
			 unit_rate(get_real(s, "calls_per_s"), text[4], UNIT_STR_MAX));
	}
	fputc('\n', out);
	grid_print(g, 0, out);
}

/* "0", "2-3", "64+" */
static const char *size_range(const json_t *min, size_t i, char *buf, size_t len)
{
	const long long from = json_integer_value(json_array_get(min, i));
	const long long to = json_integer_value(json_array_get(min, i + 1)) - 1;

	if (i + 1 == json_array_size(min))
		snprintf(buf, len, "%lld+", from);
	else if (from == to)
		snprintf(buf, len, "%lld", from);
	else
		snprintf(buf, len, "%lld-%lld", from, to);
	return buf;
}

static void batches_row(struct grid *g, const char *what, const json_t *n, size_t n_sizes)
{
	char text[BATCHES_MAX][UNIT_STR_MAX];
	const char *cell[BATCHES_MAX] = { what };
	double sum = 0;
	size_t i;

	for (i = 1; i < n_sizes; i++)
		sum += json_number_value(json_array_get(n, i));
	for (i = 1; i < n_sizes; i++) {
		if (sum > 0)
			share(json_number_value(json_array_get(n, i)) / sum, text[i], UNIT_STR_MAX);
		else
			snprintf(text[i], UNIT_STR_MAX, "-");
		cell[i] = text[i];
	}
	grid_cells(g, cell);
}

/* How many packets came, or went, at once; looks that found nothing are left out. */
static void top_batches(const json_t *w, const json_t *min, FILE *out)
{
	struct grid_col cols[BATCHES_MAX] = { { "PACKETS", 0, 0 } };
	char title[BATCHES_MAX][UNIT_STR_MAX];
	const size_t sizes = json_array_size(min), n = sizes < BATCHES_MAX ? sizes : BATCHES_MAX;
	struct grid *g;

	for (size_t i = 1; i < n; i++)
		cols[i] = (struct grid_col){ size_range(min, i, title[i], sizeof(title[i])), 1, 0 };
	g = grid_new(cols, n);
	batches_row(g, "receives", json_object_get(w, "rx_burst"), n);
	batches_row(g, "transmits", json_object_get(w, "tx_batch"), n);
	fputc('\n', out);
	grid_print(g, 0, out);
}

void show_top(const json_t *top, long worker, FILE *out)
{
	const json_t *w = worker < 0
			      ? json_object_get(top, "total")
			      : json_array_get(json_object_get(top, "workers"), (size_t)worker);

	if (!show_attached(top, out))
		return;
	fprintf(out, "%.1f s at %.2f GHz\n\n", get_real(top, "seconds"),
		get_real(top, "tsc_hz") / 1e9);
	top_workers(top, out);
	if (!w) {
		fprintf(out, "\nThere is no worker %ld.\n", worker);
		return;
	}
	top_stages(w, out);
	top_batches(w, json_object_get(top, "batch_min"), out);
	show_times(json_object_get(w, "times"), out);
}
