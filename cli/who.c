/* SPDX-License-Identifier: BSD-3-Clause */
#include "who.h"

#include "field.h"
#include "grid.h"
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_BEGIN "{\"time\":\"" /* of each line (record_line.c) */

enum {
	MS = 1000,
	MINUTE_MS = 60 * MS,
	FILES_MAX = 1000,
	TIME_LEN = sizeof("2026-11-24T12:03:05.250Z") - 1,
};

/* ---- times ---- */

/* So many digits of a number up to max at *s, which is moved behind them. */
static bool digits(const char **s, int n, int max, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		*out = *out * 10 + (**s - '0');
	}
	return *out <= max;
}

static bool skip(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* "Z", "+02:00" or nothing: seconds since 1970 of what tm says there. */
static bool zone(const char *s, struct tm *tm, int64_t *out)
{
	int hours = 0, minutes = 0, east = 0;

	if (*s == '\0') {
		tm->tm_isdst = -1;
		*out = mktime(tm);
		return true;
	}
	if (*s == '+' || *s == '-') {
		east = *s++ == '+' ? 1 : -1;
		if (!digits(&s, 2, 23, &hours) || !skip(&s, ':') || !digits(&s, 2, 59, &minutes))
			return false;
	} else if (*s++ != 'Z') {
		return false;
	}
	*out = timegm(tm) - (int64_t)east * (hours * 3600 + minutes * 60);
	return *s == '\0';
}

static bool date(const char **s, struct tm *tm)
{
	int month, day;

	if (!digits(s, 4, 9999, &tm->tm_year) || !skip(s, '-') || !digits(s, 2, 12, &month) ||
	    !skip(s, '-') || !digits(s, 2, 31, &day) || !month || !day)
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

/* ":05.250" or less of it: how exact that is, in milliseconds, and the milliseconds. */
static bool fraction(const char **s, struct tm *tm, int *exact, int *ms)
{
	int digit;

	*exact = MINUTE_MS;
	*ms = 0;
	if (**s != ':')
		return true;
	(*s)++;
	if (!digits(s, 2, 60, &tm->tm_sec))
		return false;
	*exact = MS;
	if (**s != '.')
		return true;
	(*s)++;
	while (*exact > 1 && digits(s, 1, 9, &digit)) {
		*exact /= 10;
		*ms += digit * *exact;
	}
	while (**s >= '0' && **s <= '9')
		(*s)++;
	return *exact < MS;
}

bool who_time(const char *s, int64_t now_s, struct who_span *out)
{
	const time_t now = (time_t)now_s;
	int exact, ms;
	int64_t at;
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_sec = 0;
	if (strlen(s) < 5 ||
	    (s[2] != ':' && (!date(&s, &tm) || (!skip(&s, 'T') && !skip(&s, ' ')))))
		return false;
	if (!digits(&s, 2, 23, &tm.tm_hour) || !skip(&s, ':') || !digits(&s, 2, 59, &tm.tm_min) ||
	    !fraction(&s, &tm, &exact, &ms) || !zone(s, &tm, &at))
		return false;
	*out = (struct who_span){ at * MS + ms, at * MS + ms + exact - 1 };
	return true;
}

/* The time of a record, whose text cannot be wrong unless somebody wrote into the file. */
static int64_t time_of(const json_t *record, const char *key)
{
	const char *s = json_string_value(json_object_get(record, key));
	struct who_span span;

	return s && who_time(s, 0, &span) ? span.from : -1;
}

/* ---- the search ---- */

struct who {
	char text[ADDR_STR_MAX + 2]; /* how a line has it: the address, or its beginning */
	struct sock_addr addr;
	struct who_span when;
	json_t *holders; /* found so far; those that nothing ended have no member "until" */
	json_t *first;	 /* time of the first record, or NULL */
	int64_t lost;
	char last[TIME_LEN + 1]; /* when the line before was written: what is lost came later */
};

struct who *who_begin(const struct sock_addr *addr, const struct who_span *when)
{
	struct who *w = calloc(1, sizeof(*w));
	char text[ADDR_STR_MAX];

	if (!w)
		return NULL;
	w->addr = *addr;
	w->when = *when;
	w->holders = json_array();
	if (be16_get(addr->port)) {
		snprintf(w->text, sizeof(w->text), "\"%s\"",
			 sock_addr_format(addr, text, sizeof(text)));
	} else {
		ip_format(&addr->ip, text, sizeof(text));
		snprintf(w->text, sizeof(w->text), ip_is_v4(&addr->ip) ? "\"%s:" : "\"[%s]:", text);
	}
	return w;
}

static bool is_it(const struct who *w, const json_t *text)
{
	struct sock_addr a;

	return json_is_string(text) && sock_addr_parse(json_string_value(text), &a) &&
	       ip_eq(&a.ip, &w->addr.ip) &&
	       (!be16_get(w->addr.port) || be16_get(a.port) == be16_get(w->addr.port));
}

/* The address of ours that the record has and that is asked for, or NULL. */
static const json_t *address_of(const struct who *w, const json_t *record)
{
	static const char *const sides[] = { "a", "b" }, *const keys[] = { "local", "local_rtcp" };
	const json_t *relayed = json_object_get(record, "relayed"), *text;

	for (size_t i = 0; i < json_array_size(relayed); i++) {
		if (is_it(w, json_array_get(relayed, i)))
			return json_array_get(relayed, i);
	}
	for (size_t i = 0; i < N_OF(sides) * N_OF(keys); i++) {
		text = json_object_get(json_object_get(record, sides[i / 2]), keys[i % 2]);
		if (is_it(w, text))
			return text;
	}
	return NULL;
}

/* Who has this identifier and was not seen to end, or NULL. */
static json_t *holder_of(const struct who *w, const char *id)
{
	for (size_t i = json_array_size(w->holders); i-- > 0;) {
		json_t *h = json_array_get(w->holders, i);

		if (!json_object_get(h, "until") && strcmp(get_str(h, "id"), id) == 0)
			return h;
	}
	return NULL;
}

/* Whether a line is about somebody who holds the address as far as is known. */
static bool line_of_holder(const struct who *w, const char *line)
{
	for (size_t i = 0; i < json_array_size(w->holders); i++) {
		const json_t *h = json_array_get(w->holders, i);

		if (!json_object_get(h, "until") && strstr(line, get_str(h, "id")))
			return true;
	}
	return false;
}

static void holder_add(struct who *w, const json_t *record, const json_t *address)
{
	static const char *const keys[] = { "node",	 "type",    "id",  "user",
					    "client",	 "call",    "a",   "b",
					    "transport", "service", "peer" };
	json_t *h = json_object(), *from = json_object_get(record, "started");

	for (size_t i = 0; i < N_OF(keys); i++) {
		if (json_object_get(record, keys[i]))
			json_object_set(h, keys[i], json_object_get(record, keys[i]));
	}
	json_object_set_new(h, "address", json_copy((json_t *)address));
	json_object_set(h, "from", from ? from : json_object_get(record, "time"));
	json_array_append_new(w->holders, h);
}

/*
 * A record of who has the address, or had it until now. A connection with a peer or a back end has
 * that address of ours between its start and its end, beside its allocation.
 */
static void record_take(struct who *w, const json_t *record)
{
	const bool ends = strcmp(get_str(record, "event"), "end") == 0;
	static const char *const use[] = { "to_peer", "to_client" };
	const json_t *address = address_of(w, record);
	json_t *h;

	h = holder_of(w, get_str(record, "id"));
	if (!h && address) {
		holder_add(w, record, address);
		h = holder_of(w, get_str(record, "id"));
	}
	if (!h)
		return;
	json_object_set(h, "seen", json_object_get(record, "time"));
	for (size_t i = 0; i < N_OF(use); i++) {
		if (json_object_get(record, use[i]))
			json_object_set(h, use[i], json_object_get(record, use[i]));
	}
	/* Its name may have come later than its address, and its client may have moved. */
	for (int i = 0; address && i < 2; i++) {
		const char *key = i ? "client" : "user";

		if (json_object_get(record, key))
			json_object_set(h, key, json_object_get(record, key));
	}
	if (ends || !address) {
		json_object_set(h, "until", json_object_get(record, "time"));
		json_object_set_new(h, "reason",
				    json_string(ends ? get_str(record, "reason") : "moved"));
	}
}

static void line_take(struct who *w, const char *line)
{
	const bool lost = strstr(line, "\"type\":\"lost\"") != NULL;
	struct who_span since = { INT64_MIN, INT64_MIN };
	json_t *record;
	int64_t at;

	if (lost)
		who_time(w->last, 0, &since);
	if (strncmp(line, LINE_BEGIN, sizeof(LINE_BEGIN) - 1) == 0)
		snprintf(w->last, sizeof(w->last), "%s", line + sizeof(LINE_BEGIN) - 1);
	/* All others are nobody's that is asked for; the first one says how far back the files go.
	 */
	if (w->first && !lost && !strstr(line, w->text) && !line_of_holder(w, line))
		return;
	record = json_loads(line, 0, NULL);
	at = time_of(record, "time");
	if (!w->first && at >= 0)
		w->first = json_incref(json_object_get(record, "time"));
	if (lost && at >= w->when.from && since.from <= w->when.until)
		w->lost += get_int(record, "lost");
	if (at >= 0 && !lost)
		record_take(w, record);
	json_decref(record);
}

void who_scan(struct who *w, FILE *file)
{
	size_t size = 0;
	char *line = NULL;

	while (getline(&line, &size, file) > 0)
		line_take(w, line);
	free(line);
}

/* Whether somebody had it within the time asked for. */
static bool in_time(const struct who *w, const json_t *h)
{
	const int64_t until = time_of(h, "until");

	return time_of(h, "from") <= w->when.until && (until < 0 || until >= w->when.from);
}

json_t *who_result(struct who *w)
{
	json_t *list = json_array(), *h, *result;
	size_t i;

	json_array_foreach(w->holders, i, h)
	{
		if (!in_time(w, h))
			continue;
		if (!json_object_get(h, "until"))
			json_object_set_new(h, "until", json_null());
		json_array_append(list, h);
	}
	result = json_pack("{s:o, s:o, s:I}", "holders", list, "first",
			   w->first ? w->first : json_null(), "lost", (json_int_t)w->lost);
	json_decref(w->holders);
	free(w);
	return result;
}

/* ---- what is told ---- */

static const char *remote_of(const json_t *h)
{
	const json_t *a = json_object_get(h, "a"), *b = json_object_get(h, "b");
	const bool is_b = strcmp(get_str(b, "local"), get_str(h, "address")) == 0 ||
			  strcmp(get_str(b, "local_rtcp"), get_str(h, "address")) == 0;

	return json_object_get(h, "client") ? get_str(h, "client")
					    : get_str(is_b ? b : a, "remote");
}

void who_show(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "ADDRESS", 0, 47 }, { "FROM", 0, 0 },	 { "UNTIL", 0, 0 }, { "WHO", 0, 32 },
		{ "CLIENT", 0, 47 },  { "PEER", 0, 47 }, { "END", 0, 24 },
	};
	const json_t *list = json_object_get(result, "holders");
	const json_t *first = json_object_get(result, "first");
	char lost[UNIT_STR_MAX];
	struct grid *g;
	size_t i;
	json_t *h;

	if (json_array_size(list) > 0) {
		g = grid_new(cols, N_OF(cols));
		json_array_foreach(list, i, h)
		{
			const bool ended = json_is_string(json_object_get(h, "until"));
			const char *who = json_object_get(h, "call")	  ? "call"
					  : json_object_get(h, "service") ? "service"
									  : "user";

			grid_row(g, get_str(h, "address"), get_str(h, "from"), get_str(h, "until"),
				 get_str(h, who), remote_of(h), get_str(h, "peer"),
				 ended ? get_str(h, "reason") : "not seen");
		}
		grid_print(g, 0, out);
	} else {
		fputs("Nobody had it", out);
		if (json_is_string(first))
			fprintf(out, ", as far as records go, which begin at %s",
				json_string_value(first));
		else
			fputs(": there are no records", out);
		fputs(".\n", out);
	}
	if (get_int(result, "lost"))
		fprintf(out, "%s records of that time are lost.\n",
			unit_exact(get_int(result, "lost"), lost, sizeof(lost)));
}

/* ---- files ---- */

/* The older the file, the higher its number; the oldest is read first. False after telling why not.
 */
static bool files_scan(struct who *w, const char *path)
{
	char name[CONFIG_STR_MAX + 16];
	bool found = false;

	for (int i = FILES_MAX; i >= 0; i--) {
		FILE *f;

		if (i)
			snprintf(name, sizeof(name), "%s.%d", path, i);
		else
			snprintf(name, sizeof(name), "%s", path);
		f = fopen(name, "re");
		if (!f && (errno != ENOENT || (!i && !found))) {
			fprintf(stderr, "fairlead: %s: %s\n", name, strerror(errno));
			return false;
		}
		if (!f)
			continue;
		found = true;
		who_scan(w, f);
		fclose(f);
	}
	return true;
}

/* The file of the configuration. False after telling why there is none. */
static bool file_configured(const struct cli *cli, char path[CONFIG_STR_MAX])
{
	char err[512];
	struct config *c = config_load(cli->config, err, sizeof(err));

	if (!c) {
		cli_fail(err);
		return false;
	}
	snprintf(path, CONFIG_STR_MAX, "%s", c->records.file);
	config_free(c);
	if (!path[0])
		cli_fail("records.file is not set, so nobody has written who had which address");
	return path[0] != '\0';
}

/* The address, with a port or without. */
static bool address_parse(const char *s, struct sock_addr *out)
{
	*out = (struct sock_addr){ 0 };
	return sock_addr_parse(s, out) || ip_parse(s, &out->ip);
}

int who_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "file", required_argument, NULL, 'f' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct who_span when = { INT64_MIN, INT64_MAX };
	const char *word[2] = { NULL, NULL };
	char path[CONFIG_STR_MAX] = "";
	struct sock_addr addr;
	json_t *result = NULL;
	struct who *w;
	size_t n = 0;
	bool found;
	int o;

	while ((o = cli_word_or_option(cli, argc, argv, opts)) != -1 && o != '?') {
		if (o == 'f')
			snprintf(path, sizeof(path), "%s", optarg);
		else if (n < N_OF(word))
			word[n++] = optarg;
		else
			cli_usage(cli, "unexpected", optarg);
	}
	if (!word[0] || !address_parse(word[0], &addr))
		cli_usage(cli,
			  "who takes an address, as 198.51.100.7:53211 or [2001:db8::7]:53211, not",
			  word[0] ? word[0] : "nothing");
	if (word[1] && !who_time(word[1], time(NULL), &when))
		cli_usage(cli, "who takes a time, as 2026-11-24T12:03 or 12:03:05, not", word[1]);
	if (cli->mistakes)
		return EXIT_USAGE;
	if (!path[0] && !file_configured(cli, path))
		return EXIT_FAILURE;
	w = who_begin(&addr, &when);
	if (w && files_scan(w, path))
		result = who_result(w);
	found = json_array_size(json_object_get(result, "holders")) > 0;
	return cli_show(cli, result, who_show) == EXIT_SUCCESS && found ? EXIT_SUCCESS
									: EXIT_FAILURE;
}
