/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of where packets go: next hops, phones behind IPsec, and routes. */
#include "field.h"
#include "grid.h"
#include "show.h"
#include "units.h"

#include <string.h>

/* Of a neighbour's state. One that is asked for need not be missing. */
static enum tone tone_of_state(const char *state)
{
	return strcmp(state, "failed") == 0 ? TONE_BAD : TONE_PLAIN;
}

void show_neighbours(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "WORKER", 1, 0 }, { "PORT", 0, 12 }, { "ADDRESS", 0, 39 }, { "MAC", 0, 0 },
		{ "STATE", 0, 0 },  { "FOR", 1, 10 },  { "WAITING", 1, 7 },
	};
	const json_t *list = json_object_get(result, "neighbours");
	struct grid *g;
	size_t i;
	json_t *n;

	if (json_array_size(list) == 0) {
		fputs("No neighbours are known.\n", out);
		return;
	}
	g = grid_new(cols, N_OF(cols));
	json_array_foreach(list, i, n)
	{
		char worker[UNIT_STR_MAX], age[UNIT_STR_MAX], waiting[UNIT_STR_MAX];

		grid_row(g, unit_exact(get_int(n, "worker"), worker, sizeof(worker)),
			 get_str(n, "port"), get_str(n, "address"), get_str(n, "mac"),
			 get_str(n, "state"),
			 unit_clock(get_int(n, "age_ms") / 1000, age, sizeof(age)),
			 unit_exact(get_int(n, "waiting"), waiting, sizeof(waiting)));
		grid_tone(g, 4, tone_of_state(get_str(n, "state")));
	}
	grid_print(g, 0, out);
	if (!json_is_null(json_object_get(result, "cursor")))
		fputs("\nThere may be more: see --limit.\n", out);
}

/* ---- phones ---- */

void show_phones(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "PHONE", 0, 0 },  { "USER", 0, 40 }, { "REMOTE", 0, 45 },
		{ "INNER", 0, 39 }, { "MODE", 0, 0 },  { "ALG", 0, 0 },
		{ "EALG", 0, 0 },   { "USED", 0, 0 },  { "ENDS IN", 1, 10 },
	};
	const json_t *list = json_object_get(result, "phones");
	struct grid *g;
	size_t i;
	json_t *p;

	if (json_array_size(list) == 0) {
		fputs("No phone has IPsec associations.\n", out);
		return;
	}
	g = grid_new(cols, N_OF(cols));
	json_array_foreach(list, i, p)
	{
		const bool used = json_is_true(json_object_get(p, "used"));
		char ends[UNIT_STR_MAX];

		grid_row(g, get_str(p, "phone"), get_str(p, "user"), get_str(p, "remote"),
			 get_str(p, "inner"), get_str(p, "mod"), get_str(p, "alg"),
			 get_str(p, "ealg"), used ? "yes" : "no",
			 unit_clock(get_int(p, "lifetime_s"), ends, sizeof(ends)));
	}
	grid_print(g, 0, out);
	if (!json_is_null(json_object_get(result, "cursor")))
		fputs("\nThere may be more: see --limit.\n", out);
}

/* ---- routes ---- */

/* The worst is what an operator has to know. */
static int badness(const char *state)
{
	static const char *const order[] = { "reachable", "stale", "incomplete", "failed" };

	for (size_t i = 0; state && i < N_OF(order); i++)
		if (strcmp(state, order[i]) == 0)
			return (int)i;
	return -1;
}

static const char *gateway_state(const json_t *route, const json_t *neighbours)
{
	const char *worst = NULL;
	size_t i;
	json_t *n;

	json_array_foreach(neighbours, i, n)
	{
		const char *state = json_string_value(json_object_get(n, "state"));

		if (strcmp(get_str(n, "address"), get_str(route, "via")) == 0 &&
		    strcmp(get_str(n, "port"), get_str(route, "port")) == 0 &&
		    badness(state) > badness(worst))
			worst = state;
	}
	return worst;
}

void routes_join(json_t *result, const json_t *neighbours)
{
	size_t i;
	json_t *r;

	json_array_foreach(json_object_get(result, "routes"), i, r)
	{
		const char *state = gateway_state(r, neighbours);

		json_object_set_new(r, "gateway", state ? json_string(state) : json_null());
	}
}

void show_routes(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "TO", 0, 42 },  { "PORT", 0, 12 },   { "LINK", 0, 0 },
		{ "VIA", 0, 39 }, { "GATEWAY", 0, 0 },
	};
	struct grid *g = grid_new(cols, N_OF(cols));
	size_t i;
	json_t *r;

	json_array_foreach(json_object_get(result, "routes"), i, r)
	{
		const bool up = json_is_true(json_object_get(r, "link_up"));

		grid_row(g, get_str(r, "to"), get_str(r, "port"), up ? "up" : "down",
			 json_is_string(json_object_get(r, "via")) ? get_str(r, "via") : "on link",
			 get_str(r, "gateway"));
		grid_tone(g, 2, up ? TONE_GOOD : TONE_BAD);
		grid_tone(g, 4, tone_of_state(get_str(r, "gateway")));
	}
	grid_print(g, 0, out);
}
