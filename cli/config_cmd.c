/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_cmd.h"

#include "field.h"
#include "grid.h"

#include <stdlib.h>
#include <string.h>

const struct command config_words[] = {
	{ "show", "", .help = "every key with the value that runs; secrets are hidden" },
	{ "diff", "",
	  .help = "keys whose value in the file is another, how they would be applied, and what is "
		  "lost" },
	{ 0 },
};

/* For people, as fairlead.yaml(5) has it. */
static const char *applied_text(const json_t *change)
{
	const char *name = get_str(change, "applied");

	if (strcmp(name, "restart-cp") == 0)
		return "restart of fairlead-cp";
	if (strcmp(name, "restart-dp") == 0)
		return "restart of fairlead-dp, then of fairlead-cp";
	return name;
}

static const char *value_text(const json_t *change, const char *which)
{
	const char *text = json_string_value(json_object_get(change, which));

	return !text ? "(not there)" : *text ? text : "\"\"";
}

void config_show(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = { { "KEY", 0, 40 },
						{ "CHANGED BY", 0, 0 },
						{ "VALUE", 0, 0 } };
	struct grid *g = grid_new(cols, N_OF(cols));
	size_t i;
	json_t *k;

	json_array_foreach(json_object_get(result, "keys"), i, k)
	    grid_row(g, get_str(k, "key"), applied_text(k), value_text(k, "value"));
	grid_print(g, 0, out);
	fprintf(out, "\nRead from %s", get_str(result, "file"));
	json_array_foreach(json_object_get(result, "parts"), i, k)
	    fprintf(out, ", %s", json_string_value(k));
	fputc('\n', out);
}

/* what: said of each change. */
static void print_changes(const json_t *result, FILE *out,
			  const char *(*what)(const json_t *change))
{
	const json_t *changes = json_object_get(result, "changes");
	size_t i;
	json_t *c;

	if (json_array_size(changes) == 0)
		fputs("Nothing differs from what runs.\n", out);
	json_array_foreach(changes, i, c)
	{
		const char *at = json_string_value(json_object_get(c, "at"));
		const char *why = json_string_value(json_object_get(c, "why"));

		fprintf(out, "%s: %s -> %s\n    %s%s; lost: %s\n", get_str(c, "key"),
			value_text(c, "from"), value_text(c, "to"), what(c), applied_text(c),
			get_str(c, "lost"));
		if (why)
			fprintf(out, "    %s%s%s\n", at ? at : "", at ? ": " : "", why);
	}
}

static const char *nothing_done(const json_t *change)
{
	(void)change;
	return "applied by: ";
}

static const char *done(const json_t *change)
{
	return strcmp(get_str(change, "applied"), "live") == 0 ? "in force: " : "waits for a ";
}

void config_show_diff(const json_t *result, FILE *out)
{
	const char *refused = json_string_value(json_object_get(result, "refused"));

	print_changes(result, out, nothing_done);
	if (refused)
		fprintf(out, "A reload would change nothing: %s\n", refused);
}

void config_show_reload(const json_t *result, FILE *out)
{
	const json_t *certificates = json_object_get(result, "certificates");

	print_changes(result, out, done);
	if (json_is_true(json_object_get(certificates, "read")))
		fputs("Certificates and keys were read again.\n", out);
	else if (json_is_object(certificates))
		fprintf(out, "Certificates and keys stay as they were: %s\n",
			get_str(certificates, "error"));
}

bool config_right(const json_t *result)
{
	const json_t *mistakes = json_object_get(result, "mistakes");
	size_t i;
	json_t *m;

	json_array_foreach(mistakes, i, m) cli_fail(json_string_value(m));
	if (json_is_true(json_object_get(result, "more")))
		cli_fail("more may be found when these are mended");
	return json_array_size(mistakes) == 0;
}

/* Of a reload, which waits for the sixteen that may have come before it: 16 s each at most. */
enum { RELOAD_S = 17 * 16 };

/* Calls a method that reads the file. */
static int file_call(struct cli *cli, const char *method,
		     void (*show)(const json_t *result, FILE *out))
{
	struct control_client *c = cli_connect(cli);
	const json_t *certificates;
	json_t *result;
	bool right;
	int rc;

	if (c)
		client_patience(c, RELOAD_S);
	result = c ? cli_call(c, method, NULL) : NULL;
	certificates = json_object_get(result, "certificates");
	client_close(c);
	if (!result)
		return EXIT_FAILURE;
	right = config_right(result);
	rc = right && !json_is_false(json_object_get(certificates, "read")) &&
		     !json_is_string(json_object_get(result, "refused"))
		 ? EXIT_SUCCESS
		 : EXIT_FAILURE;
	if (right || cli->json)
		cli_show(cli, result, show);
	else
		json_decref(result);
	return right ? rc : cli_fail("nothing has changed");
}

int cmd_config(struct cli *cli, int argc, char **argv)
{
	const struct command *word = argc > 1 ? command_find(config_words, argv[1]) : NULL;
	struct control_client *c;
	json_t *result;

	if (!word) {
		command_usage("config", config_words);
		return EXIT_USAGE;
	}
	if (cli_option(cli, argc - 1, argv + 1, cli_only_json) != -1)
		return EXIT_USAGE;
	if (strcmp(word->name, "diff") == 0)
		return file_call(cli, "config.diff", config_show_diff);
	c = cli_connect(cli);
	result = c ? cli_call(c, "config.show", NULL) : NULL;
	client_close(c);
	return cli_show(cli, result, config_show);
}

int cmd_reload(struct cli *cli, int argc, char **argv)
{
	if (cli_option(cli, argc, argv, cli_only_json) != -1)
		return EXIT_USAGE;
	return file_call(cli, "reload", config_show_reload);
}
