/* SPDX-License-Identifier: BSD-3-Clause */
#include "command.h"

#include "../conf/guess.h"

#include <string.h>

enum { COLUMNS = 100, ARGS_MAX = 1024 };

const struct command *command_find(const struct command *table, const char *name)
{
	for (; table && table->name; table++) {
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

/* The only name that begins so, or NULL. */
static const char *command_begun(const struct command *table, const char *beginning)
{
	const size_t len = strlen(beginning);
	const char *found = NULL;

	for (; len && table && table->name; table++) {
		if (strncmp(table->name, beginning, len) != 0)
			continue;
		if (found)
			return NULL;
		found = table->name;
	}
	return found;
}

const char *command_guess(const struct command *table, const char *name)
{
	struct guess g = guess_begin(name);
	const char *begun = command_begun(table, name);

	for (; table && table->name; table++)
		guess_offer(&g, table->name);
	return begun ? begun : g.name;
}

/* ---- help ---- */

/* The options that are understood for it. */
static const char *options_more(const struct command *c)
{
	return c->watch ? "[--watch [SECONDS]] [--json]" : "[--json]";
}

/* Text in lines of COLUMNS that begin at indent; the first word stands at column at. */
static void wrap(const char *text, size_t at, size_t indent, FILE *out)
{
	size_t len = strcspn(text, " ");

	at += fwrite(text, 1, len, out);
	for (text += len; *text; text += len) {
		text++;
		len = strcspn(text, " ");
		if (at + 1 + len > COLUMNS)
			at = (size_t)fprintf(out, "\n%*s", (int)indent, "") - 1;
		else
			at += (size_t)fprintf(out, " ");
		at += fwrite(text, 1, len, out);
	}
	putc('\n', out);
}

void command_line(const struct command *c, FILE *out)
{
	wrap(c->args, (size_t)fprintf(out, "  %s%s", c->name, *c->args ? " " : ""), 8, out);
	wrap(c->help, (size_t)fprintf(out, "      "), 6, out);
}

static void words_list(const struct command *words, FILE *out)
{
	for (; words->name; words++)
		command_line(words, out);
}

void command_usage(const char *name, const struct command *words)
{
	fprintf(stderr, "usage: fairlead %s WORD ...\n\n", name);
	words_list(words, stderr);
}

/* One command, below another or NULL. */
static void help_one(const struct command *c, const struct command *above, FILE *out)
{
	size_t at = (size_t)fprintf(out, "Usage: fairlead %s%s%s ", above ? above->name : "",
				    above ? " " : "", c->name);
	char args[ARGS_MAX];

	snprintf(args, sizeof(args), "%s%s%s", c->args, *c->args ? " " : "", options_more(c));
	wrap(args, at, 8, out);
	putc('\n', out);
	wrap(c->help, 0, 0, out);
}

void command_help(const struct command *c, int argc, char **argv, FILE *out)
{
	const struct command *word = argc > 1 ? command_find(c->words, argv[1]) : NULL;

	help_one(word ? word : c, word ? c : NULL, out);
	if (!word && c->words) {
		putc('\n', out);
		words_list(c->words, out);
	}
	if (c->notes)
		fprintf(out, "\n%s", c->notes);
	fputs("\nSee fairlead(1).\n", out);
}
