/* SPDX-License-Identifier: BSD-3-Clause */
#include "turn_load.h"

#include <rte_eal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile sig_atomic_t stop;

static void on_signal(int signal_number)
{
	(void)signal_number;
	stop = 1;
}

static void say(const char *format, va_list args)
{
	fputs("turn_load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	ports_close();
	exit(1);
}

int main(int argc, char **argv)
{
	int used;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		options_usage(stdout);
		return 0;
	}
	used = rte_eal_init(argc, argv);
	if (used < 0)
		die("the EAL does not start; turn_load --help tells which arguments it takes");
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	options_parse(argc - used, argv + used);
	ports_open();
	if (opt.reflect)
		reflect();
	else
		run();
	ports_close();
	rte_eal_cleanup();
	return 0;
}
