/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One shell after the other, of the same: a level is what may stand behind some words, which are
 * names of commands below it, and options.
 */
#include "complete.h"

#include <ctype.h>
#include <string.h>

enum { ARGS_MAX = 1024, OPTION_MAX = 64, PATH_WORDS_MAX = 64 };

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

/* ---- levels ---- */

struct level {
	char path[PATH_WORDS_MAX];   /* the words before, "" at first */
	const struct command *words; /* or NULL */
	char args[ARGS_MAX];	     /* a synopsis with all options */
};

typedef void level_fn(const struct level *l, FILE *out);

static void level_below(const char *above, const struct command *c, level_fn *fn, FILE *out)
{
	struct level l = { .words = c->words };

	snprintf(l.path, sizeof(l.path), "%s%s%s", above, *above ? " " : "", c->name);
	snprintf(l.args, sizeof(l.args), "%s%s --json --help", c->args, c->watch ? " --watch" : "");
	fn(&l, out);
	for (const struct command *w = c->words; w && w->name; w++)
		level_below(c->name, w, fn, out); /* words have none below them */
}

/* The level where commands stand, and each below it. */
static void each_level(const struct command *table, const char *options, level_fn *fn, FILE *out)
{
	struct level l = { .words = table };

	snprintf(l.args, sizeof(l.args), "%s --json --help", options);
	fn(&l, out);
	for (; table->name; table++)
		level_below("", table, fn, out);
}

/* ---- bash ---- */

static void bash_level(const struct level *l, FILE *out)
{
	fprintf(out, "\t'%s')\n\t\twords='", l->path);
	for (const struct command *w = l->words; w && w->name; w++)
		fprintf(out, " %s", w->name);
	opts_list(l->args, false, false, out);
	fputs(" '\n\t\tvalued='", out);
	opts_list(l->args, true, false, out);
	fputs(" '\n\t\tfiles='", out);
	opts_list(l->args, true, true, out);
	fputs(" '\n\t\t;;\n", out);
}

void complete_bash(const struct command *table, const char *options, FILE *out)
{
	fputs("# bash completion of fairlead(1), as \"fairlead completion bash\" prints it\n"
	      "\n"
	      "# What may stand behind these words: sets words, and of the options those with a "
	      "value\n"
	      "# and those with a file's name.\n"
	      "_fairlead_level()\n"
	      "{\n"
	      "\tcase $1 in\n",
	      out);
	each_level(table, options, bash_level, out);
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

/* ---- zsh ---- */

/* Text between apostrophes, with what stands for one of its own. */
static void quoted(const char *text, const char *apostrophe, FILE *out)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs(apostrophe, out);
		else
			putc(*text, out);
	}
}

static void zsh_level(const struct level *l, FILE *out)
{
	fprintf(out, "\t('%s')\n\t\tverbs=(", l->path);
	for (const struct command *w = l->words; w && w->name; w++) {
		fprintf(out, "\n\t\t\t'%s:", w->name);
		quoted(w->help, "'\\''", out);
		putc('\'', out);
	}
	fputs(")\n\t\topts=(", out);
	opts_list(l->args, false, false, out);
	fputs(")\n\t\tvalued=(", out);
	opts_list(l->args, true, false, out);
	fputs(")\n\t\tfiles=(", out);
	opts_list(l->args, true, true, out);
	fputs(")\n\t\t;;\n", out);
}

void complete_zsh(const struct command *table, const char *options, FILE *out)
{
	fputs("#compdef fairlead\n"
	      "# zsh completion of fairlead(1), as \"fairlead completion zsh\" prints it\n"
	      "\n"
	      "# What may stand behind these words: verbs and options, and of these those with a "
	      "value\n"
	      "# and those with a file's name.\n"
	      "_fairlead_level()\n"
	      "{\n"
	      "\tcase $1 in\n",
	      out);
	each_level(table, options, zsh_level, out);
	fputs("\tesac\n"
	      "\tnames=(${verbs%%:*})\n"
	      "}\n"
	      "\n"
	      "_fairlead()\n"
	      "{\n"
	      "\tlocal -a verbs names opts valued files\n"
	      "\tlocal behind= i\n"
	      "\t_fairlead_level ''\n"
	      "\tfor ((i = 2; i < CURRENT; i++)); do\n"
	      "\t\tif ((valued[(Ie)$words[i]])); then\n"
	      "\t\t\t((i++))\n"
	      "\t\telif ((names[(Ie)$words[i]])); then\n"
	      "\t\t\tbehind=\"${behind:+$behind }$words[i]\"\n"
	      "\t\t\t_fairlead_level \"$behind\"\n"
	      "\t\tfi\n"
	      "\tdone\n"
	      "\tif ((i > CURRENT)); then\n"
	      "\t\t((files[(Ie)$words[CURRENT - 1]])) && _files\n"
	      "\telif [[ $PREFIX == -* || $#verbs == 0 ]]; then\n"
	      "\t\tcompadd -- $opts\n"
	      "\telse\n"
	      "\t\t_describe -t commands command verbs\n"
	      "\tfi\n"
	      "}\n"
	      "\n"
	      "# From a file of fpath it is called, read by source it is to be known.\n"
	      "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
	      "\t_fairlead \"$@\"\n"
	      "else\n"
	      "\tcompdef _fairlead fairlead\n"
	      "fi\n",
	      out);
}

/* ---- fish ---- */

static void fish_path(const struct level *l, FILE *out)
{
	if (*l->path)
		fprintf(out, " '%s'", l->path);
}

static void fish_valued(const struct level *l, FILE *out)
{
	opts_list(l->args, true, false, out);
}

static void fish_level(const struct level *l, FILE *out)
{
	const char *args = l->args;
	struct opt o;

	for (const struct command *w = l->words; w && w->name; w++) {
		fprintf(out, "complete -c fairlead -n \"__fairlead_behind '%s'\" -a %s -d '",
			l->path, w->name);
		quoted(w->help, "\\'", out);
		fputs("'\n", out);
	}
	while (opt_next(&args, &o))
		fprintf(out, "complete -c fairlead -n \"__fairlead_behind '%s'\" -l %s%s\n",
			l->path, o.name + 2,
			o.file	  ? " -r -F"
			: o.value ? " -x"
				  : "");
}

void complete_fish(const struct command *table, const char *options, FILE *out)
{
	fputs("# fish completion of fairlead(1), as \"fairlead completion fish\" prints it\n"
	      "\n"
	      "# Whether these words, and no more of commands, are typed already.\n"
	      "function __fairlead_behind\n"
	      "\tset -l valued",
	      out);
	each_level(table, options, fish_valued, out);
	fputs("\n\tset -l paths", out);
	each_level(table, options, fish_path, out);
	fputs("\n"
	      "\tset -l behind\n"
	      "\tset -l value 0\n"
	      "\tfor word in (commandline -opc)[2..]\n"
	      "\t\tif test $value = 1\n"
	      "\t\t\tset value 0\n"
	      "\t\telse if contains -- $word $valued\n"
	      "\t\t\tset value 1\n"
	      "\t\telse if contains -- (string join ' ' $behind $word) $paths\n"
	      "\t\t\tset -a behind $word\n"
	      "\t\tend\n"
	      "\tend\n"
	      "\ttest \"$behind\" = \"$argv[1]\"\n"
	      "end\n"
	      "\n"
	      "complete -c fairlead -f\n",
	      out);
	each_level(table, options, fish_level, out);
}
