/* SPDX-License-Identifier: BSD-3-Clause */
#include "context_talkers.h"

#include "field.h"
#include "filter.h"
#include "grid.h"
#include "talkers.h"
#include "units.h"

#include <stdlib.h>
#include <string.h>

enum { LIMIT_DEFAULT = 10, PAGE = 256, WHO_MAX = 320 };

/* ---- pages ---- */

static json_t *side_json(const json_t *context, size_t side)
{
	const json_t *use =
	    json_object_get(json_array_get(json_object_get(context, "terminations"), side), "use");

	return json_pack("{s:I, s:I}", "packets", get_int(use, "packets_per_s"), "bytes",
			 get_int(use, "bytes_per_s"));
}

/*
 * As a session that began with this second: what it has counted since is the rate. What came from
 * a is on the way to the peer, and what came from b to the client.
 */
static json_t *as_session(const json_t *c)
{
	const char *name = get_str(c, "context"), *call = get_str(c, "call");
	const uint64_t id = strtoull(name, NULL, 16);
	char who[WHO_MAX];

	snprintf(who, sizeof(who), "%s%s%s", name, *call ? " " : "", call);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "user", *call ? call : name,
			 "client", "", "who", who, "worker", (json_int_t)(id >> 32), "slot",
			 (json_int_t)(uint32_t)id, "age_s", (json_int_t)0, "to_peer",
			 side_json(c, 0), "to_client", side_json(c, 1));
}

void context_talkers_page(struct talkers *t, const json_t *page)
{
	json_t *c;
	size_t i;

	json_array_foreach(json_object_get(page, "contexts"), i, c)
	{
		json_t *s = as_session(c);

		talkers_is(t, s, 1);
		json_decref(s);
	}
}

static bool look(struct control_client *c, struct talkers *t, json_t *params)
{
	json_t *cursor = NULL;

	json_object_set_new(params, "limit", json_integer(PAGE));
	do {
		json_t *page = cli_call(c, "contexts", json_copy(params));

		if (!page)
			return false;
		context_talkers_page(t, page);
		cursor = json_object_get(page, "cursor");
		json_object_set(params, "cursor", cursor);
		json_decref(page);
	} while (json_is_integer(json_object_get(params, "cursor")));
	return true;
}

/* ---- the result ---- */

json_t *context_talkers_result(json_t *result)
{
	json_t *list = json_array(), *out, *t;
	size_t i;

	json_array_foreach(json_object_get(result, "talkers"), i, t) json_array_append_new(
	    list, json_pack("{s:s, s:I, s:O, s:O}", "who", get_str(t, "who"), "contexts",
			    get_int(t, "sessions"), "a", json_object_get(t, "to_peer"), "b",
			    json_object_get(t, "to_client")));
	out = json_pack(
	    "{s:s, s:I, s:I, s:o}", "by",
	    strcmp(get_str(result, "by"), talkers_by_name[TALKERS_USER]) == 0 ? "call" : "context",
	    "active", get_int(result, "active"), "left_out", get_int(result, "left_out"), "talkers",
	    list);
	json_decref(result);
	return out;
}

void show_context_talkers(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "WHO", 0, 47 },    { "CONTEXTS", 1, 0 }, { "FROM A", 1, 0 },
		{ "PACKETS", 1, 0 }, { "FROM B", 1, 0 },   { "PACKETS", 1, 0 },
	};
	const json_t *list = json_object_get(result, "talkers");
	char text[5][UNIT_STR_MAX];
	struct grid *g;
	json_t *t;
	size_t i;

	if (json_array_size(list) == 0) {
		fputs(get_int(result, "active") ? "By no context so much comes.\n"
						: "Nothing comes by any context.\n",
		      out);
		return;
	}
	g = grid_new(cols, N_OF(cols));
	json_array_foreach(list, i, t)
	{
		const json_t *a = json_object_get(t, "a"), *b = json_object_get(t, "b");

		grid_row(g, get_str(t, "who"),
			 unit_exact(get_int(t, "contexts"), text[0], UNIT_STR_MAX),
			 talkers_bytes(json_object_get(a, "bytes_per_s"), text[1]),
			 talkers_packets(a, text[2]),
			 talkers_bytes(json_object_get(b, "bytes_per_s"), text[3]),
			 talkers_packets(b, text[4]));
	}
	grid_print(g, 0, out);
	talkers_left_out(result, "carry", out);
}

/* ---- the command ---- */

static int talkers_run(struct cli *cli, json_t *params, enum talkers_by by, double bytes_per_s,
		       long limit)
{
	struct control_client *c = cli_connect(cli);
	struct talkers *t = talkers_begin(by);
	json_t *result = NULL;

	talkers_over(t, bytes_per_s);
	if (c && look(c, t, params))
		result = context_talkers_result(
		    talkers_result(t, 1, bytes_per_s, limit ? (size_t)limit : SIZE_MAX));
	talkers_free(t);
	client_close(c);
	return cli_show(cli, result, show_context_talkers);
}

int context_talkers_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { FILTER_OF_CONTEXTS,
					      { "by", required_argument, NULL, 'b' },
					      { "limit", required_argument, NULL, 'l' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	enum talkers_by by = TALKERS_SESSION;
	json_t *params = json_object();
	double bytes_per_s = 0;
	long limit = LIMIT_DEFAULT;
	int o, rc = EXIT_USAGE;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?') {
		if (o == 'b' && strcmp(optarg, "call") == 0)
			by = TALKERS_USER;
		else if (o == 'b' && strcmp(optarg, "context") != 0)
			cli_usage(cli, "--by takes context or call, not", optarg);
		else if (o == 'l' && !cli_number(optarg, 0, &limit))
			cli_usage(cli, "--limit takes a number, 0 for all, not", optarg);
		else if (o == FILTER_RATE) /* of a call all contexts together */
			filter_rate(cli, optarg, &bytes_per_s);
		else if (o != 'b' && o != 'l')
			filter_option(cli, o, optarg, params);
	}
	if (o == -1)
		rc = talkers_run(cli, params, by, bytes_per_s, limit);
	json_decref(params);
	return rc;
}
