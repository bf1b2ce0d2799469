/* SPDX-License-Identifier: BSD-3-Clause */
#include "watch.h"

#include "units.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_DEFAULT = 1, SECONDS_DIGITS = 5 /* longer ones are a context */ };

static bool is_seconds(const char *word)
{
	int64_t seconds;

	return word && strlen(word) <= SECONDS_DIGITS && unit_read_seconds(word, &seconds);
}

int watch_take(struct cli *cli, int argc, char **argv)
{
	long seconds = 0;
	int n = 0;

	for (int i = 0; i < argc; i++) {
		const char *value = NULL;

		if (strcmp(argv[i], "--watch") == 0) {
			seconds = SECONDS_DEFAULT;
			if (i + 1 < argc && is_seconds(argv[i + 1]))
				value = argv[++i];
		} else if (strncmp(argv[i], "--watch=", 8) == 0) {
			value = argv[i] + 8;
		} else {
			argv[n++] = argv[i];
			continue;
		}
		if (value && !cli_seconds(value, 1, &seconds))
			cli_usage(cli, "--watch takes seconds, as 5 or 2m, not", value);
	}
	argv[n] = NULL;
	cli->watch = (unsigned int)seconds;
	return n;
}

void watch_screen(void)
{
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout); /* home, and clear to the end */
}

/* What is shown, how often, and when. */
static void title(const struct cli *cli, int argc, char **argv)
{
	const time_t now = time(NULL);
	char clock[16] = "";
	struct tm tm;

	if (cli->json || !isatty(STDOUT_FILENO))
		return;
	watch_screen();
	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	fputs("fairlead", stdout);
	for (int i = 0; i < argc; i++)
		printf(" %s", argv[i]);
	printf("   every %u s, %s\n\n", cli->watch, clock);
}

int watch_run(struct cli *cli, const struct command *c, int argc, char **argv)
{
	/* A screen that comes at once does not flicker. */
	static char buffer[1 << 16];
	int rc;

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	for (bool shown = false;; shown = true) {
		optind = 0; /* options are scanned from the beginning */
		title(cli, argc, argv);
		rc = c->run(cli, argc, argv);
		/* Once it has worked, a control process that is started again is waited for. */
		if (cli->mistakes || (rc != EXIT_SUCCESS && !shown) || fflush(stdout) == EOF)
			return rc;
		sleep(cli->watch);
	}
}
