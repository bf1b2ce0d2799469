/* SPDX-License-Identifier: BSD-3-Clause */
/* fairlead context: contexts of the gateway, for people and scripts. */
#include "context.h"

#include "context_talkers.h"
#include "filter.h"
#include "kill.h"
#include "show.h"
#include "term_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEXT_MAX = 512,
	LIST_DEFAULT = 100,
	EVENTS_WAIT_MS = 5000, /* shorter than any answer is waited for */
};

const char context_notes[] =
    "TERM: FIELD=VALUE,FIELD=VALUE,...  The first two are a must:\n"
    "  transport=udp|tcp|tls  realm=NAME  family=4|6  port=N  remote=ADDRESS:PORT\n"
    "  latch=off|on|address  gate=open|in|out|closed  dscp=N  rate=BYTES/S  burst=BYTES\n"
    "  inactivity=SECONDS  notify=up+unjudged+ended+latched+inactive  tag=TEXT  begin\n"
    "  udp: rtp  rtcp_mux  rtcp_remote=ADDRESS:PORT  ice  ice_restart\n"
    "  tcp and tls: tcp_role=server|client\n"
    "  tls: tls_role=server|client  tls_domain=NAME  host=NAME\n"
    "       'fingerprints=sha-256 AB:CD:...'  (several: with + between)\n\n"
    "  fairlead context add --a transport=udp,realm=access,rtp,latch=on \\\n"
    "                       --b transport=udp,realm=core,rtp,remote=10.2.0.2:4000\n";

/* One call whose result is shown. */
static int call_show(struct cli *cli, const char *method, json_t *params,
		     void (*show)(const json_t *, FILE *))
{
	struct control_client *c = params ? cli_connect(cli) : NULL;
	json_t *result = c ? cli_call(c, method, json_incref(params)) : NULL;

	client_close(c);
	json_decref(params);
	return cli_show(cli, result, show);
}

/* ---- add, modify ---- */

static const struct option plan_opts[] = {
	{ "a", required_argument, NULL, 'a' },
	{ "b", required_argument, NULL, 'b' },
	{ "call", required_argument, NULL, 'C' },
	{ "media", required_argument, NULL, 'm' },
	{ "near", required_argument, NULL, 'n' },
	{ "urgent", no_argument, NULL, 'u' },
	{ "hold", no_argument, NULL, 'h' },
	{ "no-hold", no_argument, NULL, 'H' },
	{ "lifetime", required_argument, NULL, 'l' },
	{ "inactivity", required_argument, NULL, 'i' },
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

/* What add and modify were told. */
struct options {
	json_t *plan; /* of the context */
	json_t *term[2];
};

static void options_free(struct options *w)
{
	json_decref(w->plan);
	json_decref(w->term[0]);
	json_decref(w->term[1]);
}

static void options_term(struct cli *cli, struct options *w, int side, const char *text)
{
	char err[TEXT_MAX], sentence[TEXT_MAX + 16];

	json_decref(w->term[side]);
	w->term[side] = term_text(text, err, sizeof(err));
	if (w->term[side])
		return;
	snprintf(sentence, sizeof(sentence), "--%c: %s", 'a' + side, err);
	cli_usage(cli, sentence, NULL);
}

static void options_number(struct cli *cli, struct options *w, const char *key, const char *text)
{
	char sentence[64];
	long n;
	const bool seconds = strcmp(key, "media") != 0;

	snprintf(sentence, sizeof(sentence), "--%s takes %s, not", key,
		 seconds ? "seconds, as 3600 or 1h" : "a whole number");
	if (!(seconds ? cli_seconds : cli_number)(text, 0, &n))
		cli_usage(cli, sentence, text);
	else
		json_object_set_new(w->plan, key, json_integer(n));
}

static void options_option(struct cli *cli, struct options *w, int o, const char *arg)
{
	switch (o) {
	case 'a':
	case 'b':
		options_term(cli, w, o - 'a', arg);
		return;
	case 'C':
		json_object_set_new(w->plan, "call", json_string(arg));
		return;
	case 'n':
		json_object_set_new(w->plan, "near", json_string(arg));
		return;
	case 'u':
		json_object_set_new(w->plan, "urgent", json_true());
		return;
	case 'h':
	case 'H':
		json_object_set_new(w->plan, "hold", json_boolean(o == 'h'));
		return;
	case 'm':
		options_number(cli, w, "media", arg);
		return;
	case 'l':
		options_number(cli, w, "lifetime", arg);
		return;
	case 'i':
		options_number(cli, w, "inactivity", arg);
		return;
	default:
		return;
	}
}

/* 0, or the exit code after telling. */
static int options_parse(struct cli *cli, int argc, char **argv, struct options *w)
{
	int o;

	*w = (struct options){ .plan = json_object() };
	while ((o = cli_option(cli, argc, argv, plan_opts)) != -1 && o != '?')
		options_option(cli, w, o, optarg);
	return o == '?' ? EXIT_USAGE : 0;
}

static int verb_add(struct cli *cli, int argc, char **argv)
{
	json_t *list = json_array();
	struct options w;
	int rc = options_parse(cli, argc, argv, &w);

	if (rc == 0 && !w.term[0])
		rc = cli_usage(cli, "add wants a termination: --a", NULL);
	if (rc == 0) {
		json_array_append(list, w.term[0]);
		if (w.term[1])
			json_array_append(list, w.term[1]);
		json_object_set(w.plan, "terminations", list);
		rc = call_show(cli, "context.add", json_incref(w.plan), show_context);
	}
	json_decref(list);
	options_free(&w);
	return rc;
}

/* One change. Takes params over; NULL after telling why not. */
static json_t *modify(struct control_client *c, const char *context, json_t *params)
{
	json_object_set_new(params, "context", json_string(context));
	return cli_call(c, "context.modify", params);
}

/* Of the context first, then of each termination: the last answer has them all. */
static json_t *modify_all(struct control_client *c, const char *context, struct options *w)
{
	json_t *result = NULL;

	if (json_object_size(w->plan) > 0) {
		result = modify(c, context, json_incref(w->plan));
		if (!result)
			return NULL;
	}
	for (int side = 0; side < 2; side++) {
		if (!w->term[side])
			continue;
		json_decref(result);
		json_object_set_new(w->term[side], "side", json_integer(side));
		result = modify(c, context, json_incref(w->term[side]));
		if (!result)
			return NULL;
	}
	return result;
}

static int verb_modify(struct cli *cli, int argc, char **argv)
{
	json_t *result = NULL;
	struct control_client *c;
	struct options w;
	int rc;

	if (argc < 2)
		return cli_usage(cli, "modify wants a context", NULL);
	rc = options_parse(cli, argc - 1, argv + 1, &w);
	if (rc == 0 && !w.term[0] && !w.term[1] && json_object_size(w.plan) == 0)
		rc = cli_usage(cli, "nothing to modify", NULL);
	if (rc == 0) {
		c = cli_connect(cli);
		result = c ? modify_all(c, argv[1], &w) : NULL;
		client_close(c);
		rc = result ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	if (result && cli->json)
		cli_print(cli, result);
	else if (result)
		show_context(result, stdout);
	json_decref(result);
	options_free(&w);
	return rc;
}

/* ---- verbs with words instead of options ---- */

/* "a" or "b" as the place of a termination; -1 after telling. */
static int side_parse(struct cli *cli, const char *s)
{
	if (strcmp(s, "a") == 0 || strcmp(s, "b") == 0)
		return *s - 'a';
	cli_usage(cli, "a side is a or b, not", s);
	return -1;
}

/* n words, then nothing but --json. False after telling. */
static bool words(struct cli *cli, int argc, char **argv, int n, const char *wants)
{
	if (argc <= n) {
		cli_usage(cli, wants, NULL);
		return false;
	}
	return cli_option(cli, argc - n, argv + n, cli_only_json) == -1;
}

static int verb_subtract(struct cli *cli, int argc, char **argv)
{
	int side;

	if (!words(cli, argc, argv, 2, "subtract wants a context, and a or b"))
		return EXIT_USAGE;
	side = side_parse(cli, argv[2]);
	return side < 0 ? EXIT_USAGE
			: call_show(cli, "context.subtract",
				    json_pack("{s:s, s:i}", "context", argv[1], "side", side),
				    show_context);
}

static int verb_move(struct cli *cli, int argc, char **argv)
{
	int side, to_side;

	if (!words(cli, argc, argv, 4, "move wants a context and a side, twice"))
		return EXIT_USAGE;
	side = side_parse(cli, argv[2]);
	to_side = side_parse(cli, argv[4]);
	return cli->mistakes ? EXIT_USAGE
			     : call_show(cli, "context.move",
					 json_pack("{s:s, s:i, s:s, s:i}", "context", argv[1],
						   "side", side, "to", argv[3], "to_side", to_side),
					 show_moved);
}

static int verb_one(struct cli *cli, int argc, char **argv, const char *method)
{
	if (!words(cli, argc, argv, 1, "which context?"))
		return EXIT_USAGE;
	return call_show(cli, method, json_pack("{s:s}", "context", argv[1]), show_context);
}

static int verb_delete(struct cli *cli, int argc, char **argv)
{
	return verb_one(cli, argc, argv, "context.delete");
}

static int verb_show(struct cli *cli, int argc, char **argv)
{
	return verb_one(cli, argc, argv, "context.show");
}

/* ---- list, events ---- */

static int verb_list(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { FILTER_OF_CONTEXTS,
					      { "limit", required_argument, NULL, 'l' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	json_t *params = json_object();
	long limit = LIST_DEFAULT;
	int o;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?') {
		if (o != 'l')
			filter_option(cli, o, optarg, params);
		else if (!cli_number(optarg, 0, &limit))
			cli_usage(cli, "--limit takes a number, 0 for all, not", optarg);
	}
	if (o == -1)
		return cli_list(cli, "contexts", params, limit, show_contexts);
	json_decref(params);
	return EXIT_USAGE;
}

static int verb_top(struct cli *cli, int argc, char **argv)
{
	return context_talkers_command(cli, argc, argv);
}

static int verb_kill(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { FILTER_OF_CONTEXTS, KILL_OPTIONS };

	return kill_command(cli, argc, argv, opts, "contexts.kill", "contexts");
}

static void events_print(const struct cli *cli, const json_t *result)
{
	json_t *e;
	size_t i;

	if (json_integer_value(json_object_get(result, "lost")) > 0)
		fprintf(stderr, "fairlead: %" JSON_INTEGER_FORMAT " events are not kept any more\n",
			json_integer_value(json_object_get(result, "lost")));
	json_array_foreach(json_object_get(result, "events"), i, e)
	{
		if (cli->json) { /* one object a line */
			json_dumpf(e, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			show_event(e, stdout);
		}
	}
}

/* The number of the newest there is. False after telling. */
static bool events_newest(struct control_client *c, json_int_t *after)
{
	json_t *result;
	size_t n;

	do {
		result = cli_call(c, "context.events", json_pack("{s:I}", "after", *after));
		if (!result)
			return false;
		n = json_array_size(json_object_get(result, "events"));
		*after = json_integer_value(json_object_get(result, "last"));
		json_decref(result);
	} while (n > 0);
	return true;
}

/* Until there are none, or for ever: until the control process or standard output is gone. */
static int events_watch(const struct cli *cli, struct control_client *c, json_int_t after,
			bool follow)
{
	for (;;) {
		json_t *result = cli_call(c, "context.events",
					  json_pack("{s:I, s:i}", "after", after, "wait_ms",
						    follow ? EVENTS_WAIT_MS : 0));
		size_t n = json_array_size(json_object_get(result, "events"));

		if (!result)
			return EXIT_FAILURE;
		events_print(cli, result);
		after = json_integer_value(json_object_get(result, "last"));
		json_decref(result);
		if (fflush(stdout) == EOF)
			return EXIT_FAILURE;
		if (n == 0 && !follow)
			return EXIT_SUCCESS;
	}
}

static int verb_events(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "after", required_argument, NULL, 'a' },
					      { "follow", no_argument, NULL, 'f' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	json_int_t after = 0;
	bool follow = false;
	struct control_client *c;
	long n = -1;
	int o, rc;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o == '?')
			return EXIT_USAGE;
		if (o == 'f')
			follow = true;
		if (o == 'a' && !cli_number(optarg, 0, &n))
			cli_usage(cli, "--after takes the number of an event, not", optarg);
	}
	c = cli_connect(cli);
	if (!c)
		return EXIT_FAILURE;
	if (n >= 0)
		after = n;
	if (n < 0 && follow && !events_newest(c, &after))
		rc = EXIT_FAILURE;
	else
		rc = events_watch(cli, c, after, follow);
	client_close(c);
	return rc;
}

/* ---- the command ---- */

const struct command context_verbs[] = {
	{ "add",
	  "--a TERM [--b TERM] [--call CALL] [--media N] [--near CONTEXT] [--urgent] [--hold] "
	  "[--lifetime SECONDS] [--inactivity SECONDS]",
	  "makes a context of one termination or two", .run = verb_add },
	{ "modify",
	  "CONTEXT [--a TERM] [--b TERM] [--call CALL] [--media N] [--hold | --no-hold] "
	  "[--lifetime SECONDS] [--inactivity SECONDS]",
	  "changes what is given, or adds a termination", .run = verb_modify },
	{ "subtract", "CONTEXT a|b", "takes a termination away", .run = verb_subtract },
	{ "move", "CONTEXT a|b CONTEXT a|b", "takes it to another context", .run = verb_move },
	{ "delete", "CONTEXT", "ends it and tells its last counters", .run = verb_delete },
	{ "show", "CONTEXT", "all about it, and its counters", .run = verb_show,
	  .watch = WATCH_AGAIN },
	{ "list", FILTER_OF_CONTEXTS_HELP " [--limit N]",
	  "those that have all that is given, at most N (100; 0 for all)", .run = verb_list,
	  .watch = WATCH_AGAIN },
	{ "top", FILTER_OF_CONTEXTS_HELP " [--by WHAT] [--limit N]",
	  "by which most comes, or by which calls, at most N (10; 0 for all)", .run = verb_top,
	  .watch = WATCH_AGAIN },
	{ "kill", FILTER_OF_CONTEXTS_HELP " [--all] [--dry-run]",
	  "ends those that have all that is given", .run = verb_kill },
	{ "events", "[--after N] [--follow]", "what happened, or what happens",
	  .run = verb_events },
	{ 0 },
};

int context_command(struct cli *cli, int argc, char **argv)
{
	const struct command *c = command_find(context_verbs, argv[0]);

	return c ? c->run(cli, argc, argv)
		 : cli_usage(cli, "missing add, list or another word in front of", argv[0]);
}
