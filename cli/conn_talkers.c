/* SPDX-License-Identifier: BSD-3-Clause */
#include "conn_talkers.h"

#include "field.h"
#include "filter.h"
#include "grid.h"
#include "talkers.h"
#include "units.h"

#include <string.h>

enum {
	LIMIT_DEFAULT = 10,
	INTERVAL_DEFAULT = 5, /* a worker goes round its connections: entries are seconds old */
};

/* ---- pages ---- */

json_t *conn_talkers_page(json_t *page)
{
	json_t *list = json_array(), *out, *c;
	size_t i;

	json_array_foreach(json_object_get(page, "connections"), i, c) json_array_append_new(
	    list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:{s:I, s:I}, s:{s:I, s:I}}", "user", "",
			    "client", get_str(c, "remote"), "worker", get_int(c, "worker"), "slot",
			    get_int(c, "index"), "age_s", get_int(c, "age_s"), "to_peer", "packets",
			    get_int(c, "rx_packets"), "bytes", get_int(c, "rx_bytes"), "to_client",
			    "packets", get_int(c, "tx_packets"), "bytes", get_int(c, "tx_bytes")));
	out = json_pack("{s:o, s:O}", "sessions", list, "cursor", json_object_get(page, "cursor"));
	json_decref(page);
	return out;
}

static json_t *page_ask(void *arg, const json_t *params)
{
	json_t *page = cli_call(arg, "connections", json_copy((json_t *)(uintptr_t)params));

	return page ? conn_talkers_page(page) : NULL;
}

/* ---- the result ---- */

static json_t *rate_json(const json_t *talker, const char *way, const char *what)
{
	return json_incref(json_object_get(json_object_get(talker, way), what));
}

json_t *conn_talkers_result(json_t *result)
{
	json_t *list = json_array(), *out, *t;
	size_t i;

	json_array_foreach(json_object_get(result, "talkers"), i, t) json_array_append_new(
	    list, json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "who", get_str(t, "who"),
			    "connections", get_int(t, "sessions"), "rx_bytes_per_s",
			    rate_json(t, "to_peer", "bytes_per_s"), "tx_bytes_per_s",
			    rate_json(t, "to_client", "bytes_per_s"), "rx_packets_per_s",
			    rate_json(t, "to_peer", "packets_per_s"), "tx_packets_per_s",
			    rate_json(t, "to_client", "packets_per_s")));
	out = json_pack(
	    "{s:s, s:O, s:I, s:I, s:o}", "by",
	    strcmp(get_str(result, "by"), talkers_by_name[TALKERS_SOURCE]) == 0 ? "source"
										: "connection",
	    "seconds", json_object_get(result, "seconds"), "active", get_int(result, "active"),
	    "left_out", get_int(result, "left_out"), "talkers", list);
	json_decref(result);
	return out;
}

void show_conn_talkers(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "WHO", 0, 47 },  { "CONNS", 1, 0 }, { "RECEIVED", 1, 0 },
		{ "BYTES", 1, 0 }, { "SENT", 1, 0 },  { "BYTES", 1, 0 },
	};
	const json_t *list = json_object_get(result, "talkers");
	char text[5][UNIT_STR_MAX];
	struct grid *g;
	json_t *t;
	size_t i;

	if (json_array_size(list) == 0) {
		fputs(get_int(result, "active") ? "No connection carries so much.\n"
						: "No connection carried anything.\n",
		      out);
		return;
	}
	g = grid_new(cols, N_OF(cols));
	json_array_foreach(list, i, t) grid_row(
	    g, get_str(t, "who"), unit_exact(get_int(t, "connections"), text[0], UNIT_STR_MAX),
	    unit_rate(json_number_value(json_object_get(t, "rx_packets_per_s")), text[1],
		      UNIT_STR_MAX),
	    talkers_bytes(json_object_get(t, "rx_bytes_per_s"), text[2]),
	    unit_rate(json_number_value(json_object_get(t, "tx_packets_per_s")), text[3],
		      UNIT_STR_MAX),
	    talkers_bytes(json_object_get(t, "tx_bytes_per_s"), text[4]));
	grid_print(g, 0, out);
	talkers_left_out(result, "carry", out);
}

/* ---- the command ---- */

/* What the options say. */
struct wanted {
	enum talkers_by by;
	long seconds, limit;
	double bytes_per_s;
};

static void option_take(struct cli *cli, int o, struct wanted *w, json_t *params)
{
	if (o == 'b' && strcmp(optarg, "source") == 0)
		w->by = TALKERS_SOURCE;
	else if (o == 'b' && strcmp(optarg, "connection") != 0)
		cli_usage(cli, "--by takes connection or source, not", optarg);
	else if (o == 'i' && !cli_seconds(optarg, 1, &w->seconds))
		cli_usage(cli, "--interval takes seconds, as 5 or 2m, not", optarg);
	else if (o == 'l' && !cli_number(optarg, 0, &w->limit))
		cli_usage(cli, "--limit takes a number, 0 for all, not", optarg);
	else if (o == 'r')
		filter_rate(cli, optarg, &w->bytes_per_s);
	else if (o != 'b' && o != 'i' && o != 'l')
		filter_option(cli, o, optarg, params);
}

static int talkers_run(struct cli *cli, json_t *params, const struct wanted *w)
{
	struct control_client *c = cli_connect(cli);
	struct talkers *t = talkers_begin(w->by);
	json_t *result = NULL;
	double passed;

	talkers_over(t, w->bytes_per_s);
	if (c && talkers_look(t, params, (unsigned int)w->seconds, page_ask, c, &passed))
		result = conn_talkers_result(talkers_result(
		    t, passed, w->bytes_per_s, w->limit ? (size_t)w->limit : SIZE_MAX));
	talkers_free(t);
	client_close(c);
	return cli_show(cli, result, show_conn_talkers);
}

int conn_talkers_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { FILTER_OF_CONNECTIONS,
					      { "by", required_argument, NULL, 'b' },
					      { "interval", required_argument, NULL, 'i' },
					      { "limit", required_argument, NULL, 'l' },
					      { "rate-over", required_argument, NULL, 'r' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct wanted w = { TALKERS_SESSION, INTERVAL_DEFAULT, LIMIT_DEFAULT, 0 };
	json_t *params = json_object();
	int o, rc = EXIT_USAGE;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?')
		option_take(cli, o, &w, params);
	if (o == -1)
		rc = talkers_run(cli, params, &w);
	json_decref(params);
	return rc;
}
