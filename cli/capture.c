/* SPDX-License-Identifier: BSD-3-Clause */
/* fairlead capture: asks for frames, and writes the file that the control process makes of them. */
#include "capture.h"

#include "expression.h"
#include "field.h"
#include "trace.h"
#include "whose.h"
#include "../lib/ctl_abi.h"
#include "../lib/pcapng.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BLOCK_MAX = 65536, /* a longer one is none of ours */
	STATS_BODY = 12,   /* of a block of statistics, in front of its options */
	SIZE_MIN = 65536,
};

static struct control_client *asked; /* by whom the file comes, for on_signal() */

/* The control process is told that this is enough; the end of the file comes then. */
static void on_signal(int number)
{
	(void)number;
	if (asked)
		client_enough(asked);
}

static bool signals_catch(void)
{
	struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is one that cannot be written */
	return sigaction(SIGINT, &a, NULL) == 0 && sigaction(SIGTERM, &a, NULL) == 0;
}

/* ---- the file ---- */

/*
 * A block, whole. False: there is none, or not all of it: it is not written then, so that the file
 * has whole blocks only.
 */
static bool block_read(FILE *in, uint8_t *block, uint32_t *len)
{
	struct pcapng_head h;

	if (fread(&h, sizeof(h), 1, in) != 1)
		return false;
	if (h.len < sizeof(h) + 4 || h.len > BLOCK_MAX || h.len % 4)
		return false;
	memcpy(block, &h, sizeof(h));
	*len = h.len;
	return fread(block + sizeof(h), h.len - sizeof(h), 1, in) == 1;
}

/* The comment of the last block says how it ended. */
static bool end_tell(const uint8_t *block, uint32_t len)
{
	struct pcapng_head h;
	const char *text;
	size_t n;

	memcpy(&h, block, sizeof(h));
	text = h.type == PCAPNG_STATS ? pcapng_comment(block, len, STATS_BODY, &n) : NULL;
	if (text)
		fprintf(stderr, "fairlead: %.*s\n", (int)n, text);
	return text != NULL;
}

/* Of a file: what is in it, in whole blocks. */
struct written {
	uint64_t bytes, frames;
};

/*
 * A disk that is full, or a reader that has gone: the file keeps its whole blocks, and what stands
 * behind them is cut off.
 */
static int write_fail(FILE *out, const char *path, const struct written *w, int error)
{
	char text[600];

	__fpurge(out);
	if (!path || ftruncate(fileno(out), (off_t)w->bytes) < 0)
		path = NULL;
	snprintf(text, sizeof(text),
		 "cannot write %s: %s; the capture is over, with %" PRIu64 " frames in %" PRIu64
		 " bytes%s",
		 path ? path : "the capture", strerror(error), w->frames, w->bytes,
		 path ? ", which can be read: make room, or bound it by --size" : "");
	return cli_fail(text);
}

static int file_copy(FILE *in, FILE *out, const char *path)
{
	static uint8_t block[BLOCK_MAX];
	struct written w = { 0 };
	struct pcapng_head h;
	bool ended = false;
	uint32_t len;

	while (block_read(in, block, &len)) {
		if (fwrite(block, 1, len, out) != len || fflush(out) == EOF)
			return write_fail(out, path, &w, errno);
		memcpy(&h, block, sizeof(h));
		w.bytes += len;
		w.frames += h.type == PCAPNG_PACKET;
		ended = end_tell(block, len);
	}
	return ended ? EXIT_SUCCESS
		     : cli_fail("the capture was cut off: the control process has gone, or this "
				"took too long to be written");
}

/* ---- the command ---- */

struct request {
	json_t *params;
	const char *path; /* NULL or "-": standard output */
	const char *filter, *context, *user;
	bool plaintext, take_over;
};

static void put_size(struct cli *cli, json_t *params)
{
	char text[96];
	long n = 0;

	snprintf(text, sizeof(text), "--size takes bytes, as 500k or 10MB, at least %d, not",
		 SIZE_MIN);
	if (!cli_bytes(optarg, SIZE_MIN, &n))
		cli_usage(cli, text, optarg);
	json_object_set_new(params, "size", json_integer(n));
}

static void put_duration(struct cli *cli, json_t *params)
{
	long n = 0;

	if (!cli_seconds(optarg, 1, &n))
		cli_usage(cli, "--duration takes seconds, as 90 or 5m, not", optarg);
	json_object_set_new(params, "duration_s", json_integer(n));
}

static void put_number(struct cli *cli, json_t *params, const char *key, const char *option,
		       long min)
{
	long n;

	if (!cli_number(optarg, min, &n)) {
		char text[96];

		snprintf(text, sizeof(text), "%s takes a number of at least %ld, not", option, min);
		cli_usage(cli, text, optarg);
	}
	json_object_set_new(params, key, json_integer(n));
}

static void put_expression(struct cli *cli, struct request *r)
{
	char err[512], sentence[600];
	json_t *program = expression_compile(optarg, err, sizeof(err));

	if (!program) {
		snprintf(sentence, sizeof(sentence), "--filter \"%s\": %s", optarg, err);
		cli_usage(cli, sentence, NULL);
		return;
	}
	r->filter = optarg;
	json_object_set_new(r->params, "expression", json_string(optarg));
	json_object_set_new(r->params, "program", program);
}

static void capture_option(struct cli *cli, int o, struct request *r)
{
	switch (o) {
	case 'c':
		json_object_set_new(r->params, "client", json_string(optarg));
		return;
	case 'p':
		json_object_set_new(r->params, "peer", json_string(optarg));
		return;
	case 'r':
		json_object_set_new(r->params, "relayed", json_string(optarg));
		return;
	case 's':
		if (!cli_session(optarg, r->params))
			cli_usage(cli, "--session takes WORKER/SLOT, not", optarg);
		return;
	case 'd':
		json_object_set_new(r->params, "drops", json_true());
		if (optarg)
			json_object_set_new(r->params, "reason", json_string(optarg));
		return;
	case 'f':
		put_expression(cli, r);
		return;
	case 'x':
		r->context = optarg;
		return;
	case 'u':
		r->user = optarg;
		return;
	case 'n':
		put_number(cli, r->params, "count", "--count", 1);
		return;
	case 'z':
		put_size(cli, r->params);
		return;
	case 'l':
		put_number(cli, r->params, "snaplen", "--snaplen", 1);
		return;
	case 't':
		put_duration(cli, r->params);
		return;
	case 'w':
		r->path = optarg;
		return;
	case 'T':
		r->take_over = true;
		return;
	case 'P':
		r->plaintext = true;
		return;
	default:
		return;
	}
}

/*
 * The program is made of whose frames are wanted, and of the expression that was given, if any.
 * False after telling why not.
 */
static bool whose_put(const struct request *r, char *whose, const char *what, const char *name)
{
	json_t *program = NULL;
	char *text, err[512];

	if (!whose)
		return false;
	if (asprintf(&text, r->filter ? "(%s) and (%s)" : "%s%s", r->filter ? r->filter : "",
		     whose) >= 0) {
		program = expression_compile(text, err, sizeof(err));
		free(text);
	}
	free(whose);
	if (!program) {
		cli_fail(err);
	} else if (json_array_size(program) > CTL_TRACE_STEPS) {
		cli_fail("these are more addresses than a filter has room for: choose by "
			 "--session, --relayed or a shorter expression");
		json_decref(program);
		program = NULL;
	}
	if (program) {
		json_object_set_new(r->params, "program", program);
		json_object_set_new(r->params, "whose", json_pack("{s:s}", what, name));
	}
	return program != NULL;
}

static bool whose_ask(const struct request *r, struct control_client *c)
{
	if (r->context)
		return whose_put(r, whose_context(c, r->context), "context", r->context);
	if (r->user)
		return whose_put(r, whose_user(c, r->user), "user", r->user);
	return true;
}

/* Takes its parameters over. */
static int capture_write(struct cli *cli, const struct request *r, FILE *out)
{
	const char *method = r->plaintext ? "capture.plaintext" : "capture";
	struct control_client *c = cli_connect(cli);
	json_t *begun = NULL;
	int rc = EXIT_FAILURE;

	if (c && whose_ask(r, c) && (!r->take_over || trace_take_over(c)))
		begun = cli_call(c, method, json_incref(r->params));
	json_decref(r->params);
	if (begun) {
		asked = c;
		if (signals_catch())
			fputs("fairlead: capturing; interrupt it to end\n", stderr);
		rc = file_copy(client_stream(c), out, out == stdout ? NULL : r->path);
		asked = NULL;
	} else if (out != stdout) {
		unlink(r->path); /* nothing is in it */
	}
	json_decref(begun);
	client_close(c);
	return rc;
}

int capture_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "write", required_argument, NULL, 'w' },
					      { "filter", required_argument, NULL, 'f' },
					      { "client", required_argument, NULL, 'c' },
					      { "peer", required_argument, NULL, 'p' },
					      { "relayed", required_argument, NULL, 'r' },
					      { "session", required_argument, NULL, 's' },
					      { "context", required_argument, NULL, 'x' },
					      { "user", required_argument, NULL, 'u' },
					      { "drops", optional_argument, NULL, 'd' },
					      { "count", required_argument, NULL, 'n' },
					      { "size", required_argument, NULL, 'z' },
					      { "snaplen", required_argument, NULL, 'l' },
					      { "duration", required_argument, NULL, 't' },
					      { "plaintext", no_argument, NULL, 'P' },
					      { "take-over", no_argument, NULL, 'T' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct request r = { .params = json_object() };
	int o, rc = EXIT_SUCCESS;
	FILE *out = stdout;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?')
		capture_option(cli, o, &r);
	if (o == -1 && r.context && r.user)
		rc = cli_usage(cli, "a capture is of a context or of a user, not both", NULL);
	if (o == '?')
		rc = EXIT_USAGE;
	if (rc == EXIT_SUCCESS && (!r.path || strcmp(r.path, "-") == 0) && isatty(STDOUT_FILENO))
		rc = cli_usage(
		    cli, "a capture is no text for a terminal: give it a file by --write", NULL);
	if (rc == EXIT_SUCCESS && r.path && strcmp(r.path, "-") != 0) {
		out = fopen(r.path, "wbx");
		if (!out) {
			char text[600];

			snprintf(text, sizeof(text), "cannot make %s: %s", r.path, strerror(errno));
			rc = cli_fail(text);
		}
	}
	if (rc != EXIT_SUCCESS) {
		json_decref(r.params);
		return rc;
	}
	rc = capture_write(cli, &r, out);
	if (out != stdout && fclose(out) == EOF)
		rc = cli_fail(strerror(errno));
	return rc;
}
