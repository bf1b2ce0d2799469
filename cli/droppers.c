/* SPDX-License-Identifier: BSD-3-Clause */
#include "droppers.h"

#include "clock.h"
#include "field.h"
#include "grid.h"
#include "tally.h"
#include "talkers.h"
#include "units.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	LIMIT_DEFAULT = 10,
	INTERVAL_DEFAULT = 5,
	INTERVAL_MAX = 600, /* a trace ends then */
	FULL = 256,	    /* records of an answer that may not be all there are */
	NAP_MS = 20,	    /* after it: what the control process spends on this has a bound */
	NAME_MAX = 128,
};

/* What is summed of a source or session with one reason. */
enum { DROPS, BYTES };

static const char *const by_name[DROPPERS_BY] = { "source", "session" };

/* "WHO REASON", of which only WHO may have spaces. "-": nobody's. */
static void name_of(const json_t *record, enum droppers_by by, char *buf, size_t len)
{
	const json_t *session = json_object_get(record, "session");
	const char *source = get_str(record, "source"), *port = strrchr(source, ':');
	const char *reason = get_str(record, "reason");

	if (by == DROPPERS_SOURCE)
		snprintf(buf, len, "%.*s %s", (int)(port ? port - source : 1), source, reason);
	else if (session)
		snprintf(buf, len, "%lld/%lld %s", (long long)get_int(record, "worker"),
			 (long long)json_integer_value(session), reason);
	else
		snprintf(buf, len, "- %s", reason);
}

void droppers_take(struct tally *t, enum droppers_by by, const json_t *records)
{
	const json_t *r;
	size_t i;

	json_array_foreach(records, i, r)
	{
		struct tally_one *one;
		char name[NAME_MAX];

		name_of(r, by, name, sizeof(name));
		one = tally_of(t, name);
		one->sum[DROPS]++;
		one->sum[BYTES] += (double)get_int(r, "length");
		one->weight = one->sum[DROPS];
		one->n++;
	}
}

static json_t *dropper_json(const struct tally_one *one, double all)
{
	const char *reason = strrchr(one->who, ' ') + 1;

	return json_pack("{s:s%, s:s, s:I, s:I, s:f}", "who", one->who,
			 (size_t)(reason - one->who - 1), "reason", reason, "drops",
			 (json_int_t)one->sum[DROPS], "bytes", (json_int_t)one->sum[BYTES], "share",
			 one->sum[DROPS] / all);
}

json_t *droppers_result(const struct tally *t, enum droppers_by by, double seconds, int64_t lost,
			size_t limit)
{
	json_t *list = json_array();
	size_t n;
	struct tally_one *all = tally_sorted(t, &n);
	double seen = tally_left_out(t).weight;

	for (size_t i = 0; i < n; i++)
		seen += all[i].weight;
	for (size_t i = 0; i < n && i < limit; i++)
		json_array_append_new(list, dropper_json(&all[i], seen));
	free(all);
	return json_pack("{s:s, s:f, s:I, s:I, s:I, s:o}", "by", by_name[by], "seconds", seconds,
			 "seen", (json_int_t)seen, "lost", (json_int_t)lost, "left_out",
			 (json_int_t)tally_left_out(t).n, "droppers", list);
}

static void row_add(struct grid *g, const json_t *d)
{
	char who[2 * NAME_MAX], drops[UNIT_STR_MAX], share[UNIT_STR_MAX], bytes[UNIT_STR_MAX];
	const json_t *user = json_object_get(d, "user");

	snprintf(who, sizeof(who), "%s%s%s", user ? json_string_value(user) : "", user ? " " : "",
		 get_str(d, "who"));
	snprintf(share, sizeof(share), "%.1f %%",
		 100 * json_real_value(json_object_get(d, "share")));
	grid_row(g, who, get_str(d, "reason"),
		 unit_exact(get_int(d, "drops"), drops, sizeof(drops)), share,
		 unit_bytes(get_int(d, "bytes"), bytes, sizeof(bytes)));
}

void show_droppers(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "WHO", 0, 60 },  { "REASON", 0, 0 }, { "DROPS", 1, 0 },
		{ "SHARE", 1, 0 }, { "BYTES", 1, 0 },
	};
	const json_t *list = json_object_get(result, "droppers"), *d;
	char seen[UNIT_STR_MAX], n[UNIT_STR_MAX];
	struct grid *g;
	size_t i;

	if (json_array_size(list) == 0) {
		fputs("Nothing was dropped.\n", out);
		return;
	}
	g = grid_new(cols, N_OF(cols));
	json_array_foreach(list, i, d) row_add(g, d);
	grid_print(g, 0, out);
	fprintf(out, "Seen: %s drops in %.1f s.\n",
		unit_exact(get_int(result, "seen"), seen, sizeof(seen)),
		json_real_value(json_object_get(result, "seconds")));
	if (get_int(result, "lost"))
		fprintf(out, "Not seen, since they found no room: %s.\n",
			unit_exact(get_int(result, "lost"), n, sizeof(n)));
	if (get_int(result, "left_out"))
		fprintf(out, "Left out, since they have least: %s.\n",
			unit_exact(get_int(result, "left_out"), n, sizeof(n)));
}

/* ---- the command ---- */

struct wanted {
	enum droppers_by by;
	long seconds, limit;
};

/* What the trace tells until the interval is over. False after telling why not. */
static bool look(struct control_client *c, json_int_t id, const struct wanted *o, struct tally *t,
		 double *passed, int64_t *lost)
{
	const double since = clock_s();
	bool over = false;

	for (*passed = 0; !over && *passed < (double)o->seconds; *passed = clock_s() - since) {
		const double left = (double)o->seconds - *passed;
		const int wait = left < 2 ? (int)(left * 1000) : 2000;
		json_t *r =
		    cli_call(c, "trace.next", json_pack("{s:I, s:i}", "id", id, "wait_ms", wait));
		const json_t *records = json_object_get(r, "records");

		if (!r)
			return false;
		droppers_take(t, o->by, records);
		*lost = get_int(r, "lost");
		over = json_is_string(json_object_get(r, "end"));
		if (json_array_size(records) >= FULL)
			poll(NULL, 0, NAP_MS);
		json_decref(r);
	}
	if (!over)
		json_decref(cli_call(c, "trace.end", json_pack("{s:I}", "id", id)));
	return true;
}

/* Whose a session is, if it is still there. */
static void session_tell(struct control_client *c, json_t *dropper)
{
	json_t *params = json_object(), *result, *s;
	char who[NAME_MAX];

	if (!cli_session(get_str(dropper, "who"), params)) {
		json_decref(params);
		return;
	}
	result = cli_pages(c, "sessions", params, 1);
	s = json_array_get(json_object_get(result, "sessions"), 0);
	if (s) {
		talkers_session(s, who, sizeof(who));
		json_object_set_new(dropper, "who", json_string(who));
		json_object_set(dropper, "user", json_object_get(s, "user"));
	}
	json_decref(result);
}

static int droppers_run(struct cli *cli, json_t *params, const struct wanted *o)
{
	struct control_client *c = cli_connect(cli);
	json_t *begun = c ? cli_call(c, "trace", json_incref(params)) : NULL;
	struct tally *t = tally_begin();
	json_t *result = NULL, *d;
	double passed;
	int64_t lost = 0;
	size_t i;

	if (begun && look(c, get_int(begun, "id"), o, t, &passed, &lost))
		result =
		    droppers_result(t, o->by, passed, lost, o->limit ? (size_t)o->limit : SIZE_MAX);
	if (o->by == DROPPERS_SESSION) {
		json_array_foreach(json_object_get(result, "droppers"), i, d) session_tell(c, d);
	}
	json_decref(begun);
	tally_free(t);
	client_close(c);
	return cli_show(cli, result, show_droppers);
}

static bool by_parse(const char *s, enum droppers_by *by)
{
	for (int i = 0; i < DROPPERS_BY; i++) {
		if (strcmp(s, by_name[i]) == 0) {
			*by = (enum droppers_by)i;
			return true;
		}
	}
	return false;
}

int droppers_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "by", required_argument, NULL, 'b' },
					      { "reason", required_argument, NULL, 'r' },
					      { "interval", required_argument, NULL, 'i' },
					      { "limit", required_argument, NULL, 'l' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct wanted wanted = { .seconds = INTERVAL_DEFAULT, .limit = LIMIT_DEFAULT };
	json_t *params = json_pack("{s:b}", "drops", 1);
	int o, rc = EXIT_USAGE;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?') {
		if (o == 'b' && !by_parse(optarg, &wanted.by))
			cli_usage(cli, "--by takes source or session, not", optarg);
		if (o == 'r')
			json_object_set_new(params, "reason", json_string(optarg));
		if (o == 'i' &&
		    (!cli_seconds(optarg, 1, &wanted.seconds) || wanted.seconds > INTERVAL_MAX))
			cli_usage(cli, "--interval takes seconds, at most 600, not", optarg);
		if (o == 'l' && !cli_number(optarg, 0, &wanted.limit))
			cli_usage(cli, "--limit takes a number, 0 for all, not", optarg);
	}
	if (o == -1)
		rc = droppers_run(cli, params, &wanted);
	json_decref(params);
	return rc;
}
