/* SPDX-License-Identifier: BSD-3-Clause */
/* fairlead trace: prints what the dataplane tells of packets, a line each. */
#include "trace.h"

#include "field.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *protocol(json_int_t n, char *buf, size_t len)
{
	if (n == IPPROTO_UDP)
		return "udp";
	if (n == IPPROTO_TCP)
		return "tcp";
	snprintf(buf, len, "ip %d", (int)n);
	return buf;
}

/* 16 bytes a line. */
static void print_bytes(const char *hex)
{
	for (size_t i = 0; hex[i] && hex[i + 1]; i += 2)
		printf("%s%.2s", i % 32 == 0 ? "\n    " : " ", hex + i);
}

/* "12.345678  0  dropped no_permission  10.2.0.2:9 > 10.2.0.1:49152  udp  60 bytes  session 0/3" */
static void print_record(const json_t *r)
{
	const json_int_t us = get_int(r, "time_us"), worker = get_int(r, "worker");
	const json_t *reason = json_object_get(r, "reason"),
		     *session = json_object_get(r, "session");
	char buf[16];

	printf("%lld.%06lld  worker %lld  %s", (long long)(us / 1000000), (long long)(us % 1000000),
	       (long long)worker, get_str(r, "event"));
	if (reason)
		printf(" %s", json_string_value(reason));
	if (json_object_get(r, "source"))
		printf("  %s > %s  %s", get_str(r, "source"), get_str(r, "destination"),
		       protocol(get_int(r, "protocol"), buf, sizeof(buf)));
	printf("  %lld bytes", (long long)get_int(r, "length"));
	if (session)
		printf("  session %lld/%lld", (long long)worker,
		       (long long)json_integer_value(session));
	if (json_object_get(r, "bytes"))
		print_bytes(get_str(r, "bytes"));
	putchar('\n');
}

static void print_records(const struct cli *cli, const json_t *records)
{
	const json_t *r;
	size_t i;

	json_array_foreach(records, i, r)
	{
		if (!cli->json) {
			print_record(r);
			continue;
		}
		json_dumpf(r, stdout, JSON_COMPACT); /* one object a line */
		putchar('\n');
	}
}

bool trace_take_over(struct control_client *c)
{
	json_t *r = cli_call(c, "trace.release", NULL);
	const char *held_by = json_string_value(json_object_get(r, "held_by"));
	const bool ok = r != NULL;

	if (held_by)
		fprintf(stderr, "fairlead: taken over from %s\n", held_by);
	json_decref(r);
	return ok;
}

static int trace_watch(const struct cli *cli, struct control_client *c, json_int_t id)
{
	json_int_t lost = 0;

	for (;;) {
		json_t *result = cli_call(c, "trace.next", json_pack("{s:I}", "id", id));
		const char *end = json_string_value(json_object_get(result, "end"));
		bool over = !result || end;

		if (result)
			print_records(cli, json_object_get(result, "records"));
		if (result && get_int(result, "lost") != lost) {
			lost = get_int(result, "lost");
			fprintf(stderr, "fairlead: %lld found no room, and are not shown\n",
				(long long)lost);
		}
		if (end && strcmp(end, "count") != 0)
			fprintf(stderr, "fairlead: the trace has ended: %s\n", end);
		over |= fflush(stdout) == EOF;
		if (over) {
			int rc = result && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;

			json_decref(result);
			return rc;
		}
		json_decref(result);
	}
}

static void trace_option(struct cli *cli, int o, json_t *params, bool *take_over)
{
	long n;

	switch (o) {
	case 'c':
		json_object_set_new(params, "client", json_string(optarg));
		return;
	case 'p':
		json_object_set_new(params, "peer", json_string(optarg));
		return;
	case 'r':
		json_object_set_new(params, "relayed", json_string(optarg));
		return;
	case 's':
		if (!cli_session(optarg, params))
			cli_usage(cli, "--session takes WORKER/SLOT, not", optarg);
		return;
	case 'd':
		json_object_set_new(params, "drops", json_true());
		if (optarg)
			json_object_set_new(params, "reason", json_string(optarg));
		return;
	case 'n':
		if (!cli_number(optarg, 1, &n))
			cli_usage(cli, "--count takes a number, not", optarg);
		json_object_set_new(params, "count", json_integer(n));
		return;
	case 'b':
		json_object_set_new(params, "bytes", json_true());
		return;
	case 't':
		*take_over = true;
		return;
	default:
		return;
	}
}

int trace_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "client", required_argument, NULL, 'c' },
					      { "peer", required_argument, NULL, 'p' },
					      { "relayed", required_argument, NULL, 'r' },
					      { "session", required_argument, NULL, 's' },
					      { "drops", optional_argument, NULL, 'd' },
					      { "count", required_argument, NULL, 'n' },
					      { "bytes", no_argument, NULL, 'b' },
					      { "take-over", no_argument, NULL, 't' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	json_t *params = json_object(), *begun;
	int o, rc = EXIT_SUCCESS;
	struct control_client *c;
	bool take_over = false;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?')
		trace_option(cli, o, params, &take_over);
	if (o == '?')
		rc = EXIT_USAGE;
	c = rc == EXIT_SUCCESS ? cli_connect(cli) : NULL;
	if (!c) {
		json_decref(params);
		return rc == EXIT_SUCCESS ? EXIT_FAILURE : rc;
	}
	begun = !take_over || trace_take_over(c) ? cli_call(c, "trace", json_incref(params)) : NULL;
	json_decref(params);
	if (begun)
		fputs("fairlead: looking at packets; interrupt it to end\n", stderr);
	rc = begun ? trace_watch(cli, c, get_int(begun, "id")) : EXIT_FAILURE;
	json_decref(begun);
	client_close(c);
	return rc;
}
