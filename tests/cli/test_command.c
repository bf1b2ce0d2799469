/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line as it is typed. Pins: which name a misspelt one means, and none where none is
 * near; that all mistakes are told before a command gives up, and a value behind a misspelt option
 * is none; what is taken for --watch; when there is colour, and that it changes no column.
 */
#include "tests/world/unit.h"
#include "cli/command.h"
#include "cli/grid.h"
#include "cli/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command table[] = {
	{ .name = "status" },
	{ .name = "sessions" },
	{ .name = "drops" },
	{ .name = "connections" },
	{ .name = "completion" },
	{ .name = "tls" },
	{ 0 },
};

static void test_guess(void **state)
{
	(void)state;
	assert_string_equal(command_guess(table, "stauts"), "status");
	assert_string_equal(command_guess(table, "sesions"), "sessions");
	assert_string_equal(command_guess(table, "drop"), "drops");
	assert_string_equal(command_guess(table, "conn"), "connections"); /* how it begins */
	assert_null(command_guess(table, "co"));			  /* two begin so */
	assert_null(command_guess(table, "udp"));
	assert_null(command_guess(table, "frobnicate"));
	assert_null(command_guess(table, ""));
	assert_null(command_guess(NULL, "status"));
	assert_null(command_guess(table, "statusstatusstatusstatusstatusstatus"));
}

/* ---- mistakes ---- */

static char said[4096];

struct parse {
	struct cli cli;
	char user[32], limit[32], words[64];
	int end; /* what the last call gave */
};

/* Parses words as a command would; what is told goes to said. */
static struct parse parse(const char *const *words, bool takes_words)
{
	static const struct option opts[] = { { "user", required_argument, NULL, 'u' },
					      { "limit", required_argument, NULL, 'l' },
					      { "all", no_argument, NULL, 'a' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct parse p = { .end = 0 };
	char *argv[16], copy[16][64];
	FILE *err = tmpfile();
	int argc = 0, saved = dup(STDERR_FILENO);

	for (; words[argc]; argc++) {
		snprintf(copy[argc], sizeof(copy[argc]), "%s", words[argc]);
		argv[argc] = copy[argc];
	}
	argv[argc] = NULL;
	dup2(fileno(err), STDERR_FILENO);
	optind = 0;
	opterr = 0;
	do {
		p.end = takes_words ? cli_word_or_option(&p.cli, argc, argv, opts)
				    : cli_option(&p.cli, argc, argv, opts);
		if (p.end == 'u')
			snprintf(p.user, sizeof(p.user), "%s", optarg);
		if (p.end == 'l')
			snprintf(p.limit, sizeof(p.limit), "%s", optarg);
		if (p.end == CLI_WORD)
			snprintf(p.words + strlen(p.words), sizeof(p.words) - strlen(p.words),
				 "%s ", optarg);
	} while (p.end != -1 && p.end != '?');
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(err);
	said[fread(said, 1, sizeof(said) - 1, err)] = '\0';
	fclose(err);
	return p;
}

static void test_well(void **state)
{
	struct parse p = parse((const char *const[]){ "sessions", "--user", "bob", "--json",
						      "--limit=7", "--all", NULL },
			       false);

	(void)state;
	assert_int_equal(p.end, -1);
	assert_int_equal(p.cli.mistakes, 0);
	assert_true(p.cli.json);
	assert_string_equal(p.user, "bob");
	assert_string_equal(p.limit, "7");
	assert_string_equal(said, "");
}

static void test_mistakes(void **state)
{
	struct parse p =
	    parse((const char *const[]){ "sessions", "--limti", "4", "foo", "--all=3", "--user",
					 "bob", "--frobnicate", "-x", "--", "--all", NULL },
		  false);

	(void)state;
	assert_int_equal(p.end, '?');
	assert_int_equal(p.cli.mistakes, 6);
	assert_string_equal(p.user, "bob"); /* what is right is still read */
	assert_string_equal(said, "fairlead: unknown option --limti: did you mean --limit?\n"
				  "fairlead: unexpected foo\n"
				  "fairlead: no value is taken by --all=3\n"
				  "fairlead: unknown option --frobnicate\n"
				  "fairlead: unknown option -x\n"
				  "fairlead: unexpected --all\n");
	p = parse((const char *const[]){ "sessions", "--al1", "--user", NULL }, false);
	assert_int_equal(p.cli.mistakes, 2);
	assert_string_equal(said, "fairlead: unknown option --al1: did you mean --all?\n"
				  "fairlead: missing value after --user\n");
}

/* Who takes words gets them, and what is behind "--" is one. */
static void test_words(void **state)
{
	struct parse p = parse(
	    (const char *const[]){ "who", "10.0.0.1", "--limti=4", "--all", "--", "--user", NULL },
	    true);

	(void)state;
	assert_int_equal(p.end, '?');
	assert_string_equal(p.words, "10.0.0.1 --user ");
	assert_string_equal(said, "fairlead: unknown option --limti=4: did you mean --limit?\n");
}

/* ---- watch ---- */

static void watch(const char *const *words, unsigned int seconds, const char *left, int mistakes)
{
	char *argv[8], copy[8][64], rest[256] = "";
	struct cli cli = { 0 };
	int argc = 0, n, saved = dup(STDERR_FILENO);
	FILE *err = tmpfile();

	for (; words[argc]; argc++) {
		snprintf(copy[argc], sizeof(copy[argc]), "%s", words[argc]);
		argv[argc] = copy[argc];
	}
	argv[argc] = NULL;
	dup2(fileno(err), STDERR_FILENO);
	n = watch_take(&cli, argc, argv);
	dup2(saved, STDERR_FILENO);
	close(saved);
	fclose(err);
	for (int i = 0; i < n; i++)
		snprintf(rest + strlen(rest), sizeof(rest) - strlen(rest), "%s ", argv[i]);
	assert_null(argv[n]);
	assert_string_equal(rest, left);
	assert_int_equal(cli.watch, seconds);
	assert_int_equal(cli.mistakes, mistakes);
}

static void test_watch(void **state)
{
	(void)state;
	watch((const char *const[]){ "drops", NULL }, 0, "drops ", 0);
	watch((const char *const[]){ "drops", "--watch", NULL }, 1, "drops ", 0);
	watch((const char *const[]){ "drops", "--watch", "5", "--all", NULL }, 5, "drops --all ",
	      0);
	watch((const char *const[]){ "drops", "--watch=60", "--all", NULL }, 60, "drops --all ", 0);
	watch((const char *const[]){ "drops", "--watch", "--all", NULL }, 1, "drops --all ", 0);
	watch((const char *const[]){ "show", "--watch", "1234567890123456", NULL }, 1,
	      "show 1234567890123456 ", 0); /* a context */
	watch((const char *const[]){ "drops", "--watch", "2m", NULL }, 120, "drops ", 0);
	watch((const char *const[]){ "drops", "--watch=1h30m", NULL }, 5400, "drops ", 0);
	watch((const char *const[]){ "drops", "--watch=0", NULL }, 0, "drops ", 1);
	watch((const char *const[]){ "drops", "--watch=x", NULL }, 0, "drops ", 1);
}

/* ---- colour ---- */

static void test_tone(void **state)
{
	static const struct grid_col cols[] = { { "WHAT", 0, 0 }, { "N", 1, 0 }, { "", 0, 0 } };
	char *text;
	size_t len;
	FILE *out;

	(void)state;
	assert_true(tone_wanted(true, NULL, "xterm"));
	assert_true(tone_wanted(true, "", "xterm"));
	assert_false(tone_wanted(true, "1", "xterm"));
	assert_false(tone_wanted(false, NULL, "xterm"));
	assert_false(tone_wanted(true, NULL, "dumb"));
	assert_false(tone_wanted(true, NULL, NULL));
	assert_int_equal(tone_of("error"), TONE_BAD);
	assert_int_equal(tone_of("warn"), TONE_WARN);
	assert_int_equal(tone_of("info"), TONE_PLAIN);
	for (int on = 0; on < 2; on++) {
		struct grid *g = grid_new(cols, 3);

		tone_switch(on);
		out = open_memstream(&text, &len);
		grid_row(g, "error", "7", "x");
		grid_tone(g, 0, TONE_BAD);
		grid_tone(g, 1, TONE_WARN);
		grid_row(g, "longer one", "12", "y");
		grid_print(g, 0, out);
		fclose(out);
		assert_string_equal(text, on ? "WHAT         N\n"
					       "\033[31merror\033[0m        \033[33m7\033[0m  x\n"
					       "longer one  12  y\n"
					     : "WHAT         N\n"
					       "error        7  x\n"
					       "longer one  12  y\n");
		free(text);
	}
	tone_switch(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guess),	 cmocka_unit_test(test_well),
		cmocka_unit_test(test_mistakes), cmocka_unit_test(test_words),
		cmocka_unit_test(test_watch),	 cmocka_unit_test(test_tone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
