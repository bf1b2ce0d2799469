/* SPDX-License-Identifier: BSD-3-Clause */
#include "ping.h"

#include "field.h"
#include "units.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	EXIT_SILENT = 1, /* nobody answered, as ping(8) has it */
	EXIT_ERROR = 2,
	COUNT_DEFAULT = 5,
	COUNT_JSON_MAX = 100000, /* answers in one object */
	INTERVAL_MIN_MS = 10,
	INTERVAL_MAX_MS = 30000, /* the control process lets go of who says nothing for longer */
	TIMEOUT_MIN_MS = 10,
	TIMEOUT_MAX_MS = 5000,
};

static volatile sig_atomic_t enough;

static void on_signal(int number)
{
	(void)number;
	enough = 1;
}

/* ---- what is shown ---- */

static bool is_reply(const json_t *answer)
{
	return strcmp(get_str(answer, "result"), "reply") == 0;
}

void ping_sum_add(struct ping_sum *s, const json_t *answer)
{
	const int64_t us = get_int(answer, "rtt_us");

	s->sent++;
	if (!is_reply(answer))
		return;
	s->min_us = s->answered == 0 || us < s->min_us ? us : s->min_us;
	s->max_us = us > s->max_us ? us : s->max_us;
	s->sum_us += us;
	s->answered++;
}

static void error_show(const json_t *answer, long n, FILE *out)
{
	const json_t *e = json_object_get(answer, "error");

	fprintf(out, "%ld: %s says: %s", n, get_str(answer, "from"), get_str(e, "text"));
	if (json_is_integer(json_object_get(e, "mtu")))
		fprintf(out, ", its MTU is %" JSON_INTEGER_FORMAT,
			json_integer_value(json_object_get(e, "mtu")));
	fputc('\n', out);
}

static void silent_show(const json_t *answer, long n, FILE *out)
{
	const bool gateway = strcmp(get_str(answer, "via"), get_str(answer, "to")) != 0;

	fprintf(out, "%ld: no answer", n);
	if (json_is_integer(json_object_get(answer, "size")) &&
	    json_is_false(json_object_get(answer, "hop_answers")))
		fprintf(out, ": %s%s by port %s does not answer %s", gateway ? "the gateway " : "",
			get_str(answer, "via"), get_str(answer, "port"),
			strchr(get_str(answer, "via"), ':') ? "neighbour solicitations" : "ARP");
	fputc('\n', out);
}

void ping_show(const json_t *answer, long n, FILE *out)
{
	char rtt[UNIT_STR_MAX];

	if (strcmp(get_str(answer, "result"), "silent") == 0) {
		silent_show(answer, n, out);
		return;
	}
	if (!is_reply(answer)) {
		error_show(answer, n, out);
		return;
	}
	unit_micros(get_int(answer, "rtt_us"), rtt, sizeof(rtt));
	if (json_is_integer(json_object_get(answer, "size")))
		fprintf(out,
			"%ld: %" JSON_INTEGER_FORMAT " bytes from %s, TTL %" JSON_INTEGER_FORMAT
			", in %s\n",
			n, (json_int_t)get_int(answer, "size"), get_str(answer, "from"),
			(json_int_t)get_int(answer, "ttl"), rtt);
	else
		fprintf(out, "%ld: %s is at %s, in %s\n", n, get_str(answer, "from"),
			get_str(answer, "mac"), rtt);
}

void ping_sum_show(const struct ping_sum *s, FILE *out)
{
	char sent[UNIT_STR_MAX], got[UNIT_STR_MAX], lost[UNIT_STR_MAX];

	fprintf(out, "%s sent, %s answered, %s lost", unit_exact(s->sent, sent, sizeof(sent)),
		unit_exact(s->answered, got, sizeof(got)),
		unit_exact(s->sent - s->answered, lost, sizeof(lost)));
	if (s->answered)
		fprintf(out, "; at least %s, on average %s, at most %s",
			unit_micros(s->min_us, sent, sizeof(sent)),
			unit_micros(s->sum_us / s->answered, got, sizeof(got)),
			unit_micros(s->max_us, lost, sizeof(lost)));
	fputc('\n', out);
}

static json_t *sum_json(const struct ping_sum *s, json_t *answers)
{
	return json_pack("{s:I, s:I, s:I, s:o, s:o}", "sent", (json_int_t)s->sent, "answered",
			 (json_int_t)s->answered, "lost", (json_int_t)(s->sent - s->answered),
			 "rtt_us",
			 s->answered ? json_pack("{s:I, s:I, s:I}", "min", (json_int_t)s->min_us,
						 "mean", (json_int_t)(s->sum_us / s->answered),
						 "max", (json_int_t)s->max_us)
				     : json_null(),
			 "answers", answers);
}

/* ---- the series ---- */

struct series {
	const char *method;
	json_t *params;
	long count; /* 0: until it is interrupted */
	long interval_ms;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The first line says which way they go. */
static void head_show(const json_t *a)
{
	const char *to = get_str(a, "to"), *via = get_str(a, "via");

	printf("%s from %s by port %s, worker %" JSON_INTEGER_FORMAT "%s%s\n", to,
	       get_str(a, "source"), get_str(a, "port"), (json_int_t)get_int(a, "worker"),
	       strcmp(to, via) ? ", gateway " : "", strcmp(to, via) ? via : "");
}

static int series_run(struct cli *cli, struct control_client *c, const struct series *s)
{
	json_t *answers = json_array(), *a;
	struct ping_sum sum = { 0 };
	int64_t due = now_ms();
	bool told = true;

	for (long n = 1; !enough && (s->count == 0 || n <= s->count); n++) {
		a = cli_call(c, s->method, json_incref(s->params));
		if (!a) {
			told = false;
			break;
		}
		ping_sum_add(&sum, a);
		if (!cli->json) {
			if (n == 1)
				head_show(a);
			ping_show(a, n, stdout);
			told = fflush(stdout) != EOF;
		} else {
			json_array_append(answers, a);
		}
		json_decref(a);
		due += s->interval_ms;
		if (!told || n == s->count)
			break;
		while (!enough && now_ms() < due)
			poll(NULL, 0, (int)(due - now_ms()));
	}
	if (cli->json && told) {
		a = sum_json(&sum, json_incref(answers));
		cli_print(cli, a);
		json_decref(a);
	} else if (sum.sent) {
		ping_sum_show(&sum, stdout);
	}
	json_decref(answers);
	if (!told)
		return EXIT_ERROR;
	return sum.answered ? EXIT_SUCCESS : EXIT_SILENT;
}

/* "0.2", "5s", "200ms". */
static bool seconds_parse(const char *s, long min_ms, long max_ms, long *ms)
{
	char *end;
	double v = strtod(s, &end);

	if (strcmp(end, "ms") == 0)
		v /= 1000;
	if (end != s && (strcmp(end, "s") == 0 || strcmp(end, "ms") == 0))
		end = strchr(s, '\0');

	if (end == s || *end || !(v * 1000 >= (double)min_ms && v * 1000 <= (double)max_ms))
		return false;
	*ms = (long)(v * 1000 + 0.5);
	return true;
}

static void put_number(struct cli *cli, json_t *params, const char *key, const char *what)
{
	long n;

	if (cli_number(optarg, 0, &n))
		json_object_set_new(params, key, json_integer(n));
	else
		cli_usage(cli, what, optarg);
}

static void option_take(struct cli *cli, int o, struct series *s)
{
	long ms;

	switch (o) {
	case 'c':
		if (!cli_number(optarg, 0, &s->count))
			cli_usage(cli, "--count takes a number, 0 for no end, not", optarg);
		return;
	case 'i':
		if (!seconds_parse(optarg, INTERVAL_MIN_MS, INTERVAL_MAX_MS, &s->interval_ms))
			cli_usage(cli, "--interval takes 0.01 to 30 seconds, not", optarg);
		return;
	case 't':
		if (seconds_parse(optarg, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, &ms))
			json_object_set_new(s->params, "timeout_ms", json_integer(ms));
		else
			cli_usage(cli, "--timeout takes 0.01 to 5 seconds, not", optarg);
		return;
	case 'z':
		put_number(cli, s->params, "size", "--size takes a number of bytes, not");
		return;
	case 'w':
		put_number(cli, s->params, "worker", "--worker takes a number, not");
		return;
	case 'f':
		json_object_set_new(s->params, "whole", json_true());
		return;
	case 's':
		json_object_set_new(s->params, "source", json_string(optarg));
		return;
	case 'p':
		json_object_set_new(s->params, "port", json_string(optarg));
		return;
	case CLI_WORD:
		if (json_object_get(s->params, "address"))
			cli_usage(cli, "unexpected", optarg);
		else
			json_object_set_new(s->params, "address", json_string(optarg));
		return;
	}
}

static int series_command(struct cli *cli, int argc, char **argv, const struct option *opts,
			  struct series *s)
{
	const struct sigaction stop = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct control_client *c;
	int o, rc = EXIT_ERROR;

	s->params = json_object();
	s->count = COUNT_DEFAULT;
	s->interval_ms = 1000;
	while ((o = cli_word_or_option(cli, argc, argv, opts)) != -1 && o != '?')
		option_take(cli, o, s);
	if (!json_object_get(s->params, "address") && !cli->mistakes)
		cli_usage(cli, "missing: the address that is asked, after", argv[0]);
	if (cli->json && (s->count == 0 || s->count > COUNT_JSON_MAX))
		cli_usage(cli, "--json takes a --count of 1 to 100000", NULL);
	if (!cli->mistakes) {
		sigaction(SIGINT, &stop, NULL);
		sigaction(SIGTERM, &stop, NULL);
		c = cli_connect(cli);
		if (c) {
			rc = series_run(cli, c, s);
			client_close(c);
		}
	}
	json_decref(s->params);
	return rc;
}

#define OPTIONS_OF_BOTH                                                                           \
	{ "count", required_argument, NULL, 'c' }, { "interval", required_argument, NULL, 'i' },  \
	    { "timeout", required_argument, NULL, 't' },                                          \
	    { "source", required_argument, NULL, 's' }, { "port", required_argument, NULL, 'p' }, \
	    { "worker", required_argument, NULL, 'w' },                                           \
	{                                                                                         \
		"json", no_argument, NULL, 'j'                                                    \
	}

int ping_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { OPTIONS_OF_BOTH,
					      { "size", required_argument, NULL, 'z' },
					      { "whole", no_argument, NULL, 'f' },
					      { 0 } };
	struct series s = { .method = "ping" };

	return series_command(cli, argc, argv, opts, &s);
}

int arping_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { OPTIONS_OF_BOTH, { 0 } };
	struct series s = { .method = "arping" };

	return series_command(cli, argc, argv, opts, &s);
}
