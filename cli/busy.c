/* SPDX-License-Identifier: BSD-3-Clause */
#include "busy.h"

#include "field.h"
#include "talkers.h"
#include "tally.h"
#include "units.h"

enum { INTERVAL_S = 1, PAGE = 256, WHO_MAX = 256 };

static json_t *page_ask(void *arg, const json_t *params)
{
	return cli_call(arg, "sessions", json_copy((json_t *)(uintptr_t)params));
}

/* "CLIENT WORKER/SLOT", as a talker is called. */
static json_t *named(const char *who)
{
	char client[WHO_MAX];
	long long worker, slot;

	if (sscanf(who, "%255s %lld/%lld", client, &worker, &slot) != 3)
		return NULL;
	return json_pack("{s:I, s:I, s:s}", "worker", (json_int_t)worker, "session",
			 (json_int_t)slot, "client", client);
}

json_t *busy_find(struct control_client *c, const json_t *params, double bytes_per_s)
{
	struct talkers *t = talkers_begin(TALKERS_SESSION);
	char text[WHO_MAX], n[UNIT_STR_MAX];
	json_t *asked = json_copy((json_t *)(uintptr_t)params), *result = NULL, *busy = NULL, *one;
	double passed;
	size_t i;

	json_object_del(asked, "dry_run");
	json_object_del(asked, "all");
	talkers_over(t, bytes_per_s);
	if (talkers_look(t, asked, INTERVAL_S, page_ask, c, &passed)) {
		result = talkers_result(t, passed, bytes_per_s, SIZE_MAX);
		if (get_int(result, "left_out") == 0) {
			busy = json_object();
		} else {
			snprintf(text, sizeof(text),
				 "more than %s sessions relay so much, which are too many to be "
				 "told apart: give a higher rate, or say which by other filters",
				 unit_exact(TALLY_KEPT, n, sizeof(n)));
			cli_fail(text);
		}
	}
	if (busy)
		json_array_foreach(json_object_get(result, "talkers"), i, one)
		    json_object_set_new(busy, get_str(one, "who"), named(get_str(one, "who")));
	json_decref(result);
	json_decref(asked);
	talkers_free(t);
	return busy;
}

/* The rows of a page that are among the busy ones, until there are limit. */
static void rows_take(json_t *rows, const json_t *page, const json_t *busy, size_t limit)
{
	char who[WHO_MAX];
	json_t *s;
	size_t i;

	json_array_foreach(json_object_get(page, "sessions"), i, s)
	{
		talkers_session(s, who, sizeof(who));
		if (json_object_get(busy, who) && (!limit || json_array_size(rows) < limit))
			json_array_append(rows, s);
	}
}

/* All pages once more; NULL: it failed. */
static json_t *rows_find(struct control_client *c, json_t *params, const json_t *busy, size_t limit)
{
	json_t *rows = json_array(), *page;

	json_object_set_new(params, "limit", json_integer(PAGE));
	do {
		page = cli_call(c, "sessions", json_incref(params));
		if (!page) {
			json_decref(rows);
			return NULL;
		}
		rows_take(rows, page, busy, limit);
		json_object_set(params, "cursor", json_object_get(page, "cursor"));
		json_decref(page);
	} while (json_is_integer(json_object_get(params, "cursor")));
	return rows;
}

int busy_list(struct cli *cli, json_t *params, double bytes_per_s, long limit,
	      void (*show)(const json_t *, FILE *))
{
	struct control_client *c = cli_connect(cli);
	json_t *busy = c ? busy_find(c, params, bytes_per_s) : NULL, *rows = NULL, *result = NULL;

	if (busy)
		rows = rows_find(c, params, busy, (size_t)limit);
	if (rows)
		result = json_pack("{s:o, s:n}", "sessions", rows, "cursor");
	json_decref(busy);
	json_decref(params);
	client_close(c);
	return cli_show(cli, result, show);
}
