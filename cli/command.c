/* SPDX-License-Identifier: BSD-3-Clause */
#include "command.h"

#include <ctype.h>
#include <string.h>

enum { COLUMNS = 100, ARGS_MAX = 1024, OPTION_MAX = 64 };

const struct command *command_find(const struct command *table, const char *name)
{
	for (; table && table->name; table++) {
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

/* ---- help ---- */

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

	snprintf(args, sizeof(args), "%s%s[--json]", c->args, *c->args ? " " : "");
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

/* ---- completion ---- */

/* An option of a synopsis. */
struct opt {
	char name[OPTION_MAX];
	bool value; /* a word follows */
	bool file;  /* which names a file */
};

/* The next option of *args, which is moved behind it. False: there is none. */
static bool opt_next(const char **args, struct opt *o)
{
	const char *s = strstr(*args, "--"), *value;
	size_t n;

	if (!s)
		return false;
	n = 2 + strspn(s + 2, "abcdefghijklmnopqrstuvwxyz0123456789-");
	snprintf(o->name, sizeof(o->name), "%.*s", (int)n, s);
	value = s + n;
	*args = value;
	o->value = value[0] == ' ' && isupper((unsigned char)value[1]);
	o->file = o->value && (strncmp(value, " FILE", 5) == 0 || strncmp(value, " PATH", 5) == 0);
	return true;
}

/* Options of a synopsis, of which kind: all, those with a value, those with a file's name. */
static void opts_list(const char *args, bool valued, bool file, FILE *out)
{
	struct opt o;

	while (opt_next(&args, &o)) {
		if ((o.value || !valued) && (o.file || !file))
			fprintf(out, " %s", o.name);
	}
}

/* What may stand behind these words: those of a table, or NULL, and options. */
static void level(const char *above, const char *name, const struct command *words,
		  const char *args, FILE *out)
{
	fprintf(out, "\t'%s%s%s')\n\t\twords='", above, *above ? " " : "", name);
	for (; words && words->name; words++)
		fprintf(out, " %s", words->name);
	opts_list(args, false, false, out);
	fputs(" --json --help '\n\t\tvalued='", out);
	opts_list(args, true, false, out);
	fputs(" '\n\t\tfiles='", out);
	opts_list(args, true, true, out);
	fputs(" '\n\t\t;;\n", out);
}

static void levels(const char *above, const struct command *table, FILE *out)
{
	for (; table && table->name; table++) {
		level(above, table->name, table->words, table->args, out);
		levels(table->name, table->words, out); /* words have none below them */
	}
}

void command_complete(const struct command *table, const char *options, FILE *out)
{
	fputs("# bash completion of fairlead(1), as \"fairlead completion\" prints it\n"
	      "\n"
	      "# What may stand behind these words: sets words, and of the options those with a "
	      "value\n"
	      "# and those with a file's name.\n"
	      "_fairlead_level()\n"
	      "{\n"
	      "\tcase $1 in\n",
	      out);
	level("", "", table, options, out);
	levels("", table, out);
	fputs("\tesac\n"
	      "}\n"
	      "\n"
	      "_fairlead()\n"
	      "{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} path='' i words valued files\n"
	      "\t_fairlead_level ''\n"
	      "\tCOMPREPLY=()\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tif [[ $valued == *\" ${COMP_WORDS[i]} \"* ]]; then\n"
	      "\t\t\ti=$((i + 1))\n"
	      "\t\telif [[ ${COMP_WORDS[i]} != -* && $words == *\" ${COMP_WORDS[i]} \"* ]]; then\n"
	      "\t\t\tpath=\"${path:+$path }${COMP_WORDS[i]}\"\n"
	      "\t\t\t_fairlead_level \"$path\"\n"
	      "\t\tfi\n"
	      "\tdone\n"
	      "\tif ((i == COMP_CWORD)); then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "\telif [[ $files == *\" ${COMP_WORDS[COMP_CWORD - 1]} \"* ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	      "\tfi\n"
	      "}\n"
	      "complete -F _fairlead fairlead\n",
	      out);
}
