/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"

#include "field.h"
#include "grid.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 512, DAYS_NONE = INT32_MAX };

static const char *const state_name[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* ---- what is judged ---- */

struct judgement {
	const struct check_limits *l;
	json_t *reasons[2]; /* of CHECK_WARNING and CHECK_CRITICAL */
};

static void __attribute__((format(printf, 3, 4)))
reason(struct judgement *j, enum check_state state, const char *fmt, ...)
{
	char what[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	json_array_append_new(j->reasons[state - 1],
			      json_pack("{s:s, s:s}", "severity",
					state == CHECK_CRITICAL ? "critical" : "warning", "what",
					what));
}

/* What the control process says is wrong. When a certificate ends is judged by our own limits. */
static void judge_problems(struct judgement *j, const json_t *status)
{
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(status, "problems"), i, p)
	{
		const bool error = strcmp(get_str(p, "severity"), "error") == 0;

		if (strcmp(get_str(p, "about"), "certificate end") != 0)
			reason(j, error ? CHECK_CRITICAL : CHECK_WARNING, "%s", get_str(p, "what"));
	}
}

/* Days until the first one ends; DAYS_NONE without any. */
static int64_t judge_certificates(struct judgement *j, const json_t *tls)
{
	int64_t least = DAYS_NONE;
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(tls, "certificates"), i, c)
	{
		const int64_t days = get_int(c, "days_left");

		if (!json_is_integer(json_object_get(c, "days_left")))
			continue;
		least = days < least ? days : least;
		if (days < 0)
			reason(j, CHECK_CRITICAL, "certificate %s has ended", get_str(c, "chain"));
		else if (days < j->l->days[0])
			reason(j, days < j->l->days[1] ? CHECK_CRITICAL : CHECK_WARNING,
			       "certificate %s ends in %" PRId64 " day%s", get_str(c, "chain"),
			       days, days == 1 ? "" : "s");
	}
	return least;
}

static int64_t dropped(const json_t *drops, const char *name)
{
	const json_t *d;
	size_t i;

	json_array_foreach(json_object_get(drops, "drops"), i, d)
	{
		if (strcmp(get_str(d, "name"), name) == 0)
			return get_int(d, "total");
	}
	return 0;
}

/*
 * Packets a second that were dropped since something of Fairlead's own is full or broken, and which
 * reason had most of them. A dataplane that was started in between counts from 0.
 */
static double judge_drops(struct judgement *j, const struct check_seen *seen)
{
	int64_t sum = 0, most = 0;
	const char *name = "-";
	const json_t *d;
	double rate;
	size_t i;

	json_array_foreach(json_object_get(seen->now, "drops"), i, d)
	{
		const int64_t was = dropped(seen->before, get_str(d, "name"));
		const int64_t n = get_int(d, "total"), gain = n >= was ? n - was : n;

		if (strcmp(get_str(d, "severity"), "error") != 0)
			continue;
		sum += gain;
		if (gain > most) {
			most = gain;
			name = get_str(d, "name");
		}
	}
	rate = (double)sum / (double)j->l->interval_s;
	if (sum && rate >= (double)j->l->drops[0])
		reason(j, rate >= (double)j->l->drops[1] ? CHECK_CRITICAL : CHECK_WARNING,
		       "%.0f packets a second are dropped, most by %s (fairlead drops)", rate,
		       name);
	return rate;
}

/* ---- what is told beside ---- */

/* Ports that have a device of their own, and how many of them are up; others are theirs, too. */
static void count_ports(const json_t *ports, int64_t *up, int64_t *all)
{
	const json_t *p;
	size_t i;

	*up = *all = 0;
	json_array_foreach(json_object_get(ports, "ports"), i, p)
	{
		const json_t *info = json_object_get(p, "info");

		*all += 1;
		*up += json_is_true(json_object_get(info, "link_up")) &&
		       !json_is_true(json_object_get(info, "out"));
	}
}

/* "label=value;warning;critical;min;max", the limits as they are written, or "". */
static void value(json_t *values, const char *label, double n, const char *limits, int64_t max)
{
	char text[2 * TEXT_MAX], most[UNIT_STR_MAX] = "";

	if (max >= 0)
		snprintf(most, sizeof(most), "%" PRId64, max);
	snprintf(text, sizeof(text), "%s=%.10g;%s;0;%s", label, n, limits, most);
	json_array_append_new(values, json_string(text));
}

static json_t *values_of(const struct check_limits *l, const json_t *status, double drops,
			 int64_t days)
{
	const json_t *a = json_object_get(status, "allocations");
	const json_t *dp = json_object_get(status, "dataplane");
	const json_t *g = json_object_get(status, "gateway");
	json_t *values = json_array();
	char limits[TEXT_MAX];

	value(values, "allocations", (double)get_int(a, "count"), ";", get_int(a, "max"));
	value(values, "connections", (double)get_int(dp, "connections"), ";",
	      get_int(dp, "connections_max"));
	if (json_is_object(g))
		value(values, "contexts", (double)get_int(g, "contexts"), ";",
		      get_int(g, "contexts_max"));
	snprintf(limits, sizeof(limits), "%ld;%ld", l->drops[0], l->drops[1]);
	value(values, "drops_per_second", drops, limits, -1);
	snprintf(limits, sizeof(limits), "%ld:;%ld:", l->days[0], l->days[1]);
	if (days != DAYS_NONE)
		value(values, "certificate_days", (double)days, limits, -1);
	return values;
}

static json_t *summary(const struct check_seen *seen, int64_t days)
{
	const json_t *a = json_object_get(seen->status, "allocations");
	char text[TEXT_MAX], n[UNIT_STR_MAX], last[UNIT_STR_MAX * 2] = "";
	int64_t up, all;

	count_ports(seen->ports, &up, &all);
	if (days != DAYS_NONE)
		snprintf(last, sizeof(last), ", certificates for %" PRId64 " days", days);
	snprintf(text, sizeof(text), "%s allocations, %" PRId64 " of %" PRId64 " ports up%s",
		 unit_exact(get_int(a, "count"), n, sizeof(n)), up, all, last);
	return json_string(text);
}

json_t *check_judge(const struct check_limits *l, const struct check_seen *seen)
{
	struct judgement j = { l, { json_array(), json_array() } };
	enum check_state state = CHECK_OK;
	json_t *reasons = j.reasons[CHECK_CRITICAL - 1];
	double drops;
	int64_t days;

	judge_problems(&j, seen->status);
	days = judge_certificates(&j, seen->tls);
	drops = judge_drops(&j, seen);
	if (json_array_size(reasons))
		state = CHECK_CRITICAL;
	else if (json_array_size(j.reasons[CHECK_WARNING - 1]))
		state = CHECK_WARNING;
	json_array_extend(reasons, j.reasons[CHECK_WARNING - 1]);
	json_decref(j.reasons[CHECK_WARNING - 1]);
	return json_pack("{s:s, s:i, s:o, s:o, s:o}", "state", state_name[state], "code",
			 (int)state, "summary", summary(seen, days), "reasons", reasons, "values",
			 values_of(l, seen->status, drops, days));
}

/* ---- what is shown ---- */

/* A bar would begin the values. */
static void text_put(const char *s, FILE *out)
{
	char *text = strdup(s), *bar;

	while (text && (bar = strchr(text, '|')))
		*bar = '/';
	fputs(text ? grid_plain(text) : "", out);
	free(text);
}

void check_show(const json_t *report, FILE *out)
{
	static const enum tone tones[] = { TONE_GOOD, TONE_WARN, TONE_BAD, TONE_PLAIN };
	const json_t *reasons = json_object_get(report, "reasons");
	const size_t n = json_array_size(reasons);
	const enum tone tone = tones[get_int(report, "code") & 3];
	json_t *v;
	size_t i;

	fprintf(out, "FAIRLEAD %s%s%s: ", tone_begin(tone), get_str(report, "state"),
		tone_end(tone));
	text_put(n ? get_str(json_array_get(reasons, 0), "what") : get_str(report, "summary"), out);
	if (n > 1)
		fprintf(out, " (and %zu more)", n - 1);
	json_array_foreach(json_object_get(report, "values"), i, v)
	    fprintf(out, "%s%s", i ? " " : " | ", json_string_value(v));
	fputc('\n', out);
	for (i = 1; i < n; i++) {
		const json_t *r = json_array_get(reasons, i);

		fprintf(out, "%s%s%s: ", tone_begin(tone_of(get_str(r, "severity"))),
			get_str(r, "severity"), tone_end(tone_of(get_str(r, "severity"))));
		text_put(get_str(r, "what"), out);
		fputc('\n', out);
	}
}

/* ---- the command ---- */

bool check_pair(const char *s, long out[2])
{
	const char *comma = strchr(s, ',');
	char first[16];

	if (!comma)
		return cli_number(s, 0, &out[0]);
	if (comma - s >= (long)sizeof(first))
		return false;
	snprintf(first, sizeof(first), "%.*s", (int)(comma - s), s);
	return cli_number(first, 0, &out[0]) && cli_number(comma + 1, 0, &out[1]);
}

/* A report without more than its reason. */
static json_t *report_alone(enum check_state state, const char *what)
{
	return json_pack("{s:s, s:i, s:s, s:[{s:s, s:s}], s:[]}", "state", state_name[state],
			 "code", (int)state, "summary", what, "reasons", "severity",
			 state == CHECK_CRITICAL ? "critical" : "unknown", "what", what, "values");
}

/* Who cannot look does not know; where nobody answers, nobody is served. */
static json_t *report_unreached(const char *why, int reached)
{
	const bool blind =
	    reached == EACCES || reached == EPERM || reached == EINVAL || reached == ENAMETOOLONG;

	return report_alone(blind ? CHECK_UNKNOWN : CHECK_CRITICAL, why);
}

static json_t *report_made(struct control_client *c, const struct check_limits *l)
{
	static const char *const method[] = { "drops", "drops", "status", "ports", "tls" };
	json_t *got[N_OF(method)] = { 0 }, *report = NULL;
	char err[TEXT_MAX];
	size_t n;

	for (n = 0; n < N_OF(method); n++) {
		if (n == 1)
			sleep((unsigned int)l->interval_s);
		got[n] = client_call(c, method[n], NULL, err, sizeof(err));
		if (!got[n])
			break;
	}
	if (n == N_OF(method))
		report = check_judge(l, &(struct check_seen){ .before = got[0],
							      .now = got[1],
							      .status = got[2],
							      .ports = got[3],
							      .tls = got[4] });
	else
		report = report_alone(CHECK_CRITICAL, err);
	for (n = 0; n < N_OF(method); n++)
		json_decref(got[n]);
	return report;
}

static bool limits_parse(struct cli *cli, int argc, char **argv, struct check_limits *l)
{
	static const struct option opts[] = { { "days", required_argument, NULL, 'd' },
					      { "drops", required_argument, NULL, 'r' },
					      { "interval", required_argument, NULL, 'i' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	int o;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?') {
		if (o == 'd' && !check_pair(optarg, l->days))
			cli_usage(cli, "--days takes days, as 14,3, not", optarg);
		if (o == 'r' && !check_pair(optarg, l->drops))
			cli_usage(cli, "--drops takes packets a second, as 1,100, not", optarg);
		if (o == 'i' && !cli_seconds(optarg, 1, &l->interval_s))
			cli_usage(cli, "--interval takes seconds, as 5 or 2m, not", optarg);
	}
	return !cli->mistakes;
}

int check_command(struct cli *cli, int argc, char **argv)
{
	struct check_limits l = { .days = { 14, 3 }, .drops = { 1, 100 }, .interval_s = 1 };
	struct control_client *c;
	char err[TEXT_MAX];
	json_t *report;
	int code;

	if (limits_parse(cli, argc, argv, &l)) {
		c = cli_try(cli, err, sizeof(err));
		report = c ? report_made(c, &l) : report_unreached(err, errno);
		client_close(c);
	} else {
		report = report_alone(CHECK_UNKNOWN, "the command line is wrong");
	}
	code = report ? (int)get_int(report, "code") : CHECK_UNKNOWN;
	cli_show(cli, report, check_show);
	return code;
}
