/* SPDX-License-Identifier: BSD-3-Clause */
#include "talkers.h"

#include "field.h"
#include "filter.h"
#include "grid.h"
#include "units.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PAGE = 256,
	WAS_MIN = 1024, /* entries; a power of two, as it stays */
	LIMIT_DEFAULT = 10,
	TEXT_MAX = 256,
};

const char *const talkers_by_name[TALKERS_BY] = { "session", "user", "source" };

/* What is counted of a session, in the order of its members. */
enum { TO_PEER_PACKETS, TO_PEER_BYTES, TO_CLIENT_PACKETS, TO_CLIENT_BYTES, COUNTED };

/* A session as it was. */
struct was {
	uint64_t name; /* of worker and slot; 0: there is none */
	int64_t n[COUNTED];
};

struct talkers {
	enum talkers_by by;
	struct was *was; /* [mask + 1], by open addressing */
	size_t mask, used;
	json_t *sums; /* by who: those who relayed something */
};

struct talkers *talkers_begin(enum talkers_by by)
{
	struct talkers *t = calloc(1, sizeof(*t));

	if (t)
		*t = (struct talkers){ .by = by,
				       .was = calloc(WAS_MIN, sizeof(*t->was)),
				       .mask = WAS_MIN - 1,
				       .sums = json_object() };
	if (!t || !t->was || !t->sums)
		err(1, NULL);
	return t;
}

void talkers_free(struct talkers *t)
{
	json_decref(t->sums);
	free(t->was);
	free(t);
}

static uint64_t name_of(const json_t *session)
{
	return 1 +
	       ((uint64_t)get_int(session, "worker") << 32 | (uint32_t)get_int(session, "slot"));
}

/* Where that name is, or would be. */
static struct was *was_at(const struct talkers *t, uint64_t name)
{
	size_t i = (size_t)(name * UINT64_C(0x9e3779b97f4a7c15) >> 20) & t->mask;

	while (t->was[i].name && t->was[i].name != name)
		i = (i + 1) & t->mask;
	return &t->was[i];
}

static void was_grow(struct talkers *t)
{
	struct talkers old = *t;

	t->mask = 2 * old.mask + 1;
	t->was = calloc(t->mask + 1, sizeof(*t->was));
	if (!t->was)
		err(1, NULL);
	for (size_t i = 0; i <= old.mask; i++) {
		if (old.was[i].name)
			*was_at(t, old.was[i].name) = old.was[i];
	}
	free(old.was);
}

static void counted(const json_t *session, int64_t n[COUNTED])
{
	const json_t *up = json_object_get(session, "to_peer");
	const json_t *down = json_object_get(session, "to_client");

	n[TO_PEER_PACKETS] = get_int(up, "packets");
	n[TO_PEER_BYTES] = get_int(up, "bytes");
	n[TO_CLIENT_PACKETS] = get_int(down, "packets");
	n[TO_CLIENT_BYTES] = get_int(down, "bytes");
}

void talkers_was(struct talkers *t, const json_t *session)
{
	struct was *w;

	if (t->used >= (t->mask + 1) / 4 * 3)
		was_grow(t);
	w = was_at(t, name_of(session));
	t->used += w->name == 0;
	w->name = name_of(session);
	counted(session, w->n);
}

static const char *who_of(const struct talkers *t, const json_t *session, char *buf, size_t len)
{
	const char *client = get_str(session, "client"), *port = strrchr(client, ':');

	if (t->by == TALKERS_USER)
		return get_str(session, "user");
	if (t->by == TALKERS_SOURCE)
		snprintf(buf, len, "%.*s", (int)(port ? port - client : 0), client);
	else
		snprintf(buf, len, "%s %lld/%lld", client, (long long)get_int(session, "worker"),
			 (long long)get_int(session, "slot"));
	return buf;
}

/* A session that came meanwhile, maybe to the slot of another, began at 0. */
void talkers_is(struct talkers *t, const json_t *session, double seconds)
{
	const struct was *w = was_at(t, name_of(session));
	const bool anew = w->name == 0 || (double)get_int(session, "age_s") < seconds;
	int64_t n[COUNTED], all = 0;
	char buf[TEXT_MAX];
	const char *who;
	json_t *sum;

	counted(session, n);
	for (int i = 0; i < COUNTED; i++) {
		n[i] -= anew || w->n[i] > n[i] ? 0 : w->n[i];
		all += n[i];
	}
	if (all == 0)
		return;
	who = who_of(t, session, buf, sizeof(buf));
	sum = json_object_get(t->sums, who);
	if (!sum) {
		sum = json_pack("[i, i, i, i, i]", 0, 0, 0, 0, 0);
		json_object_set_new(t->sums, who, sum);
	}
	for (size_t i = 0; i < COUNTED; i++)
		json_integer_set(json_array_get(sum, i),
				 json_integer_value(json_array_get(sum, i)) + n[i]);
	json_integer_set(json_array_get(sum, COUNTED),
			 json_integer_value(json_array_get(sum, COUNTED)) + 1);
}

/* ---- the result ---- */

struct talker {
	const char *who;
	const json_t *sum;
	int64_t bytes;
};

static int busiest_first(const void *pa, const void *pb)
{
	const struct talker *a = pa, *b = pb;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return strcmp(a->who, b->who);
}

static json_t *rates_json(const json_t *sum, size_t packets, size_t bytes, double seconds)
{
	return json_pack("{s:f, s:f}", "packets_per_s",
			 json_number_value(json_array_get(sum, packets)) / seconds, "bytes_per_s",
			 json_number_value(json_array_get(sum, bytes)) / seconds);
}

json_t *talkers_result(const struct talkers *t, double seconds, size_t limit)
{
	const size_t n = json_object_size(t->sums);
	struct talker *all = calloc(n + 1, sizeof(*all));
	json_t *list = json_array(), *sum;
	const char *who;
	size_t i = 0;

	if (!all)
		err(1, NULL);
	json_object_foreach(t->sums, who, sum) all[i++] =
	    (struct talker){ who, sum,
			     json_integer_value(json_array_get(sum, TO_PEER_BYTES)) +
				 json_integer_value(json_array_get(sum, TO_CLIENT_BYTES)) };
	qsort(all, n, sizeof(*all), busiest_first);
	for (i = 0; i < n && i < limit; i++)
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:O, s:o, s:o}", "who", all[i].who, "sessions",
			      json_array_get(all[i].sum, COUNTED), "to_peer",
			      rates_json(all[i].sum, TO_PEER_PACKETS, TO_PEER_BYTES, seconds),
			      "to_client",
			      rates_json(all[i].sum, TO_CLIENT_PACKETS, TO_CLIENT_BYTES, seconds)));
	free(all);
	return json_pack("{s:s, s:f, s:I, s:o}", "by", talkers_by_name[t->by], "seconds", seconds,
			 "active", (json_int_t)n, "talkers", list);
}

static const char *rate_of(const json_t *talker, const char *way, const char *key,
			   char buf[UNIT_STR_MAX])
{
	return unit_rate(json_number_value(json_object_get(json_object_get(talker, way), key)), buf,
			 UNIT_STR_MAX);
}

static const char *bytes_of(const json_t *talker, const char *way, char buf[UNIT_STR_MAX])
{
	char text[UNIT_STR_MAX];

	unit_bytes((int64_t)json_number_value(
		       json_object_get(json_object_get(talker, way), "bytes_per_s")),
		   text, sizeof(text));
	snprintf(buf, UNIT_STR_MAX, "%.*s/s", UNIT_STR_MAX - 3, text);
	return buf;
}

void show_talkers(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "WHO", 0, 47 },  { "SESSIONS", 1, 0 },  { "TO PEER", 1, 0 },
		{ "BYTES", 1, 0 }, { "TO CLIENT", 1, 0 }, { "BYTES", 1, 0 },
	};
	const json_t *list = json_object_get(result, "talkers");
	char text[5][UNIT_STR_MAX];
	struct grid *g;
	json_t *t;
	size_t i;

	if (json_array_size(list) == 0) {
		fputs("Nothing was relayed.\n", out);
		return;
	}
	g = grid_new(cols, N_OF(cols));
	json_array_foreach(list, i, t) grid_row(
	    g, get_str(t, "who"), unit_exact(get_int(t, "sessions"), text[0], UNIT_STR_MAX),
	    rate_of(t, "to_peer", "packets_per_s", text[1]), bytes_of(t, "to_peer", text[2]),
	    rate_of(t, "to_client", "packets_per_s", text[3]), bytes_of(t, "to_client", text[4]));
	grid_print(g, 0, out);
}

/* ---- the command ---- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Goes through all sessions that the filter has; seconds < 0: for the first time. */
static bool look(struct control_client *c, json_t *params, struct talkers *t, double seconds)
{
	bool more;

	json_object_del(params, "cursor");
	json_object_set_new(params, "limit", json_integer(PAGE));
	do {
		json_t *page = cli_call(c, "sessions", json_incref(params)), *s;
		size_t i;

		if (!page)
			return false;
		json_array_foreach(json_object_get(page, "sessions"), i, s)
		{
			if (seconds < 0)
				talkers_was(t, s);
			else
				talkers_is(t, s, seconds);
		}
		more = json_is_integer(json_object_get(page, "cursor"));
		json_object_set(params, "cursor", json_object_get(page, "cursor"));
		json_decref(page);
	} while (more);
	return true;
}

static int talkers_run(struct cli *cli, json_t *params, enum talkers_by by, long seconds,
		       long limit)
{
	struct control_client *c = cli_connect(cli);
	struct talkers *t = c ? talkers_begin(by) : NULL;
	const double since = now();
	json_t *result = NULL;
	double passed;

	if (c && look(c, params, t, -1)) {
		sleep((unsigned int)seconds);
		passed = now() - since;
		if (look(c, params, t, passed))
			result = talkers_result(t, passed, limit ? (size_t)limit : SIZE_MAX);
	}
	if (t)
		talkers_free(t);
	client_close(c);
	return cli_show(cli, result, show_talkers);
}

static bool by_parse(const char *s, enum talkers_by *by)
{
	for (int i = 0; i < TALKERS_BY; i++) {
		if (strcmp(s, talkers_by_name[i]) == 0) {
			*by = (enum talkers_by)i;
			return true;
		}
	}
	return false;
}

int talkers_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { FILTER_OF_SESSIONS,
					      { "by", required_argument, NULL, 'b' },
					      { "interval", required_argument, NULL, 'i' },
					      { "limit", required_argument, NULL, 'l' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	enum talkers_by by = TALKERS_SESSION;
	long seconds = 1, limit = LIMIT_DEFAULT;
	json_t *params = json_object();
	int o, rc = EXIT_USAGE;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?') {
		if (o == 'b') {
			if (!by_parse(optarg, &by))
				cli_usage(cli, "--by takes session, user or source, not", optarg);
		} else if (o == 'i') {
			if (!cli_number(optarg, 1, &seconds))
				cli_usage(cli, "--interval takes whole seconds, not", optarg);
		} else if (o == 'l') {
			if (!cli_number(optarg, 0, &limit))
				cli_usage(cli, "--limit takes a number, 0 for all, not", optarg);
		} else {
			filter_option(cli, o, optarg, params);
		}
	}
	if (o == -1)
		rc = talkers_run(cli, params, by, seconds, limit);
	json_decref(params);
	return rc;
}
