/* SPDX-License-Identifier: BSD-3-Clause */
#include "talkers.h"

#include "clock.h"
#include "field.h"
#include "filter.h"
#include "grid.h"
#include "tally.h"
#include "units.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PAGE = 256,
	WAS_MIN = 1024, /* entries; a power of two, as it stays */
	LIMIT_DEFAULT = 10,
	TEXT_MAX = 512,
};

const char *const talkers_by_name[TALKERS_BY] = { "session", "user", "source" };

/* What is counted of a session, in the order of its members. */
enum { TO_PEER_PACKETS, TO_PEER_BYTES, TO_CLIENT_PACKETS, TO_CLIENT_BYTES, COUNTED };

/* A session as it was. */
struct was {
	uint64_t name; /* of worker and slot; 0: there is none */
	int64_t n[COUNTED];
};

_Static_assert((int)COUNTED == (int)TALLY_SUMS, "rates, a second, are what is summed");

struct talkers {
	enum talkers_by by;
	struct was *was; /* [mask + 1], by open addressing */
	size_t mask, used;
	double over;  /* talkers_over() */
	size_t under; /* sessions that relayed less */
	struct tally *tally;
};

struct talkers *talkers_begin(enum talkers_by by)
{
	struct talkers *t = calloc(1, sizeof(*t));

	if (t)
		*t = (struct talkers){ .by = by,
				       .was = calloc(WAS_MIN, sizeof(*t->was)),
				       .mask = WAS_MIN - 1,
				       .tally = tally_begin() };
	if (!t || !t->was)
		err(1, NULL);
	return t;
}

void talkers_over(struct talkers *t, double bytes_per_s)
{
	t->over = t->by == TALKERS_SESSION ? bytes_per_s : 0;
}

void talkers_free(struct talkers *t)
{
	tally_free(t->tally);
	free(t->was);
	free(t);
}

/* ---- sessions ---- */

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

bool talkers_was(struct talkers *t, const json_t *session)
{
	struct was *w;

	if (t->used >= (t->mask + 1) / 4 * 3)
		was_grow(t);
	w = was_at(t, name_of(session));
	t->used += w->name == 0;
	w->name = name_of(session);
	counted(session, w->n);
	return t->used < TALKERS_SLICE;
}

void talkers_next(struct talkers *t)
{
	memset(t->was, 0, (t->mask + 1) * sizeof(*t->was));
	t->used = 0;
}

/* ---- talkers ---- */

void talkers_session(const json_t *session, char *buf, size_t len)
{
	if (json_object_get(session, "who"))
		snprintf(buf, len, "%s", get_str(session, "who"));
	else
		snprintf(buf, len, "%s %lld/%lld", get_str(session, "client"),
			 (long long)get_int(session, "worker"),
			 (long long)get_int(session, "slot"));
}

static const char *who_of(const struct talkers *t, const json_t *session, char *buf, size_t len)
{
	const char *client = get_str(session, "client"), *port = strrchr(client, ':');

	if (t->by == TALKERS_USER)
		return get_str(session, "user");
	if (t->by == TALKERS_SOURCE)
		snprintf(buf, len, "%.*s", (int)(port ? port - client : 0), client);
	else
		talkers_session(session, buf, len);
	return buf;
}

/*
 * A session that came meanwhile, maybe to the slot of another, began at 0. One that was not looked
 * at is of the next slice.
 */
void talkers_is(struct talkers *t, const json_t *session, double seconds)
{
	const struct was *w = was_at(t, name_of(session));
	const bool anew = (double)get_int(session, "age_s") < seconds;
	int64_t n[COUNTED], all = 0;
	struct tally_one *talker;
	char buf[TEXT_MAX];

	if (!anew && w->name == 0)
		return;
	counted(session, n);
	for (int i = 0; i < COUNTED; i++) {
		n[i] -= anew || w->n[i] > n[i] ? 0 : w->n[i];
		all += n[i];
	}
	if (all == 0)
		return;
	if ((double)(n[TO_PEER_BYTES] + n[TO_CLIENT_BYTES]) / seconds < t->over) {
		t->under++;
		return;
	}
	talker = tally_of(t->tally, who_of(t, session, buf, sizeof(buf)));
	for (size_t i = 0; i < COUNTED; i++)
		talker->sum[i] += (double)n[i] / seconds;
	talker->weight = talker->sum[TO_PEER_BYTES] + talker->sum[TO_CLIENT_BYTES];
	talker->n++;
}

/* ---- the result ---- */

static json_t *rates_json(const struct tally_one *t, size_t packets, size_t bytes)
{
	return json_pack("{s:f, s:f}", "packets_per_s", t->sum[packets], "bytes_per_s",
			 t->sum[bytes]);
}

json_t *talkers_result(const struct talkers *t, double seconds, double bytes_per_s, size_t limit)
{
	const size_t left_out = tally_left_out(t->tally).n;
	json_t *list = json_array();
	size_t n;
	struct tally_one *all = tally_sorted(t->tally, &n);

	for (size_t i = 0; i < n && i < limit && all[i].weight >= bytes_per_s; i++)
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:I, s:o, s:o}", "who", all[i].who, "sessions",
			      (json_int_t)all[i].n, "to_peer",
			      rates_json(&all[i], TO_PEER_PACKETS, TO_PEER_BYTES), "to_client",
			      rates_json(&all[i], TO_CLIENT_PACKETS, TO_CLIENT_BYTES)));
	free(all);
	return json_pack("{s:s, s:f, s:I, s:I, s:o}", "by", talkers_by_name[t->by], "seconds",
			 seconds, "active", (json_int_t)(n + left_out + t->under), "left_out",
			 (json_int_t)left_out, "talkers", list);
}

const char *talkers_packets(const json_t *rates, char buf[UNIT_STR_MAX])
{
	return unit_rate(json_number_value(json_object_get(rates, "packets_per_s")), buf,
			 UNIT_STR_MAX);
}

static const char *packets_of(const json_t *talker, const char *way, char buf[UNIT_STR_MAX])
{
	return talkers_packets(json_object_get(talker, way), buf);
}

const char *talkers_bytes(const json_t *bytes_per_s, char buf[UNIT_STR_MAX])
{
	char text[UNIT_STR_MAX];

	unit_bytes((int64_t)json_number_value(bytes_per_s), text, sizeof(text));
	snprintf(buf, UNIT_STR_MAX, "%.*s/s", UNIT_STR_MAX - 3, text);
	return buf;
}

static const char *bytes_of(const json_t *talker, const char *way, char buf[UNIT_STR_MAX])
{
	return talkers_bytes(json_object_get(json_object_get(talker, way), "bytes_per_s"), buf);
}

void talkers_left_out(const json_t *result, const char *does, FILE *out)
{
	char text[UNIT_STR_MAX];

	if (get_int(result, "left_out"))
		fprintf(out, "Left out, since they %s less: %s.\n", does,
			unit_exact(get_int(result, "left_out"), text, sizeof(text)));
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
		fputs(get_int(result, "active") ? "Nobody relays so much.\n"
						: "Nothing was relayed.\n",
		      out);
		return;
	}
	g = grid_new(cols, N_OF(cols));
	json_array_foreach(list, i, t) grid_row(
	    g, get_str(t, "who"), unit_exact(get_int(t, "sessions"), text[0], UNIT_STR_MAX),
	    packets_of(t, "to_peer", text[1]), bytes_of(t, "to_peer", text[2]),
	    packets_of(t, "to_client", text[3]), bytes_of(t, "to_client", text[4]));
	grid_print(g, 0, out);
	talkers_left_out(result, "relay", out);
}

/* ---- the command ---- */

/* How a slice is gone through. */
struct slice {
	json_int_t from, end; /* cursors; end 0: of the last */
	double seconds;	      /* since it was looked at; below 0: for the first time */
};

/* What a page has. False: the slice is full, or at its end. */
static bool page_take(struct talkers *t, const json_t *page, struct slice *at)
{
	const json_t *cursor = json_object_get(page, "cursor"), *s;
	bool room = true;
	size_t i;

	json_array_foreach(json_object_get(page, "sessions"), i, s)
	{
		if (at->seconds < 0)
			room = talkers_was(t, s);
		else
			talkers_is(t, s, at->seconds);
	}
	if (at->seconds < 0)
		at->end = json_integer_value(cursor);
	else if (at->end && json_integer_value(cursor) >= at->end)
		return false;
	return room && json_is_integer(cursor);
}

static bool slice_look(struct talkers *t, struct slice *at, json_t *params, talkers_page *page,
		       void *arg)
{
	json_t *cursor = json_integer(at->from);
	bool more;

	do {
		json_t *p;

		json_object_set_new(params, "cursor", cursor);
		p = page(arg, params);
		if (!p)
			return false;
		more = page_take(t, p, at);
		cursor = json_incref(json_object_get(p, "cursor"));
		json_decref(p);
	} while (more);
	json_decref(cursor);
	return true;
}

bool talkers_look(struct talkers *t, json_t *params, unsigned int seconds, talkers_page *page,
		  void *arg, double *passed)
{
	struct slice at = { 0 };
	unsigned int slices = 0;

	*passed = 0;
	json_object_set_new(params, "limit", json_integer(PAGE));
	do {
		const double since = clock_s();

		talkers_next(t);
		at.seconds = -1;
		if (!slice_look(t, &at, params, page, arg))
			return false;
		sleep(seconds);
		at.seconds = clock_s() - since;
		if (!slice_look(t, &at, params, page, arg))
			return false;
		at.from = at.end;
		*passed += at.seconds;
		slices++;
	} while (at.end);
	*passed /= slices;
	return true;
}

static json_t *page_ask(void *arg, const json_t *params)
{
	return cli_call(arg, "sessions", json_copy((json_t *)(uintptr_t)params));
}

/* What the options say. */
struct wanted {
	enum talkers_by by;
	long seconds, limit;
	double bytes_per_s;
};

static int talkers_run(struct cli *cli, json_t *params, const struct wanted *o)
{
	struct control_client *c = cli_connect(cli);
	struct talkers *t = c ? talkers_begin(o->by) : NULL;
	json_t *result = NULL;
	double passed;

	if (t)
		talkers_over(t, o->bytes_per_s);
	if (c && talkers_look(t, params, (unsigned int)o->seconds, page_ask, c, &passed))
		result = talkers_result(t, passed, o->bytes_per_s,
					o->limit ? (size_t)o->limit : SIZE_MAX);
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
					      { "rate-over", required_argument, NULL, 'r' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct wanted wanted = { .by = TALKERS_SESSION, .seconds = 1, .limit = LIMIT_DEFAULT };
	json_t *params = json_object();
	int o, rc = EXIT_USAGE;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?') {
		if (o == 'b') {
			if (!by_parse(optarg, &wanted.by))
				cli_usage(cli, "--by takes session, user or source, not", optarg);
		} else if (o == 'i') {
			if (!cli_seconds(optarg, 1, &wanted.seconds))
				cli_usage(cli, "--interval takes seconds, as 5 or 2m, not", optarg);
		} else if (o == 'l') {
			if (!cli_number(optarg, 0, &wanted.limit))
				cli_usage(cli, "--limit takes a number, 0 for all, not", optarg);
		} else if (o == 'r') {
			filter_rate(cli, optarg, &wanted.bytes_per_s);
		} else {
			filter_option(cli, o, optarg, params);
		}
	}
	if (o == -1)
		rc = talkers_run(cli, params, &wanted);
	json_decref(params);
	return rc;
}
