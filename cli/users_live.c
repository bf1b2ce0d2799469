/* SPDX-License-Identifier: BSD-3-Clause */
#include "users_live.h"

#include "../cp/auth/user_secret.h"
#include "command.h"
#include "field.h"
#include "user_cmd.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool users_live_wanted(int *argc, char **argv)
{
	const int before = *argc;

	*argc = 0;
	for (int i = 0; i < before; i++)
		if (strcmp(argv[i], "--live") != 0)
			argv[(*argc)++] = argv[i];
	return *argc < before;
}

static void show_users(const json_t *result, FILE *out)
{
	const json_t *u;
	size_t i;

	fprintf(out, "%-24s %-24s %-10s %8s %-8s %s\n", "NAME", "REALM", "KEYS", "QUOTA", "STATE",
		"CREATED");
	json_array_foreach(json_object_get(result, "users"), i, u)
	{
		const bool md5 = json_is_true(json_object_get(u, "md5"));
		const bool sha256 = json_is_true(json_object_get(u, "sha256"));
		const time_t created = (time_t)get_int(u, "created");
		char date[32] = "-", quota[24] = "-";
		struct tm tm;

		if (localtime_r(&created, &tm))
			strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
		if (get_int(u, "quota"))
			snprintf(quota, sizeof(quota), "%lld", (long long)get_int(u, "quota"));
		fprintf(
		    out, "%-24s %-24s %-10s %8s %-8s %s\n", get_str(u, "name"), get_str(u, "realm"),
		    md5 && sha256 ? "md5,sha256"
		    : md5	  ? "md5"
		    : sha256	  ? "sha256"
				  : "-",
		    quota, json_is_true(json_object_get(u, "disabled")) ? "disabled" : "enabled",
		    date);
	}
}

static void show_done(const json_t *result, FILE *out)
{
	fprintf(out, "user %s %s (realm %s)\n", get_str(result, "name"), get_str(result, "result"),
		get_str(result, "realm"));
}

/* Pages until there are no more: the cursor is a name. */
static int list(struct cli *cli)
{
	json_t *all = json_array(), *cursor = NULL, *page = NULL;
	struct control_client *c = cli_connect(cli);
	json_t *result = NULL;

	while (c && (page = cli_call(c, "user.list", json_pack("{s:o*}", "cursor", cursor)))) {
		json_array_extend(all, json_object_get(page, "users"));
		cursor = json_incref(json_object_get(page, "cursor"));
		json_decref(page);
		if (!json_is_string(cursor)) {
			json_decref(cursor);
			result = json_pack("{s:O}", "users", all);
			break;
		}
	}
	json_decref(all);
	client_close(c);
	return cli_show(cli, result, show_users);
}

/* What the words of a verb say. */
struct words {
	char *name, *password;
	const char *file;
	long quota;
};

/* Whether the verb takes a password. */
static bool is_keyed(const char *verb)
{
	return strcmp(verb, "add") == 0 || strcmp(verb, "passwd") == 0;
}

static bool is_verb(const char *word)
{
	for (const struct command *v = user_verbs; v->name; v++)
		if (strcmp(v->name, word) == 0)
			return true;
	return false;
}

static int words_take(struct cli *cli, int argc, char **argv, struct words *w)
{
	const bool keyed = is_keyed(argv[0]);

	for (int i = 1; i < argc; i++) {
		char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strncmp(argv[i], "--", 2) != 0) {
			if (w->name)
				return cli_usage(cli, "one name is wanted, not also", argv[i]);
			w->name = argv[i];
			continue;
		}
		if (keyed && value && strcmp(argv[i], "--password") == 0)
			w->password = value;
		else if (keyed && value && strcmp(argv[i], "--password-file") == 0)
			w->file = value;
		else if (!value || strcmp(argv[0], "add") != 0 || strcmp(argv[i], "--quota") != 0 ||
			 !cli_number(value, 0, &w->quota))
			return cli_usage(
			    cli, "with --live this is not possible, or wants a value:", argv[i]);
		i++;
	}
	return w->name ? EXIT_SUCCESS : cli_usage(cli, "missing name after", argv[0]);
}

static int change(struct cli *cli, const char *verb, struct words *w)
{
	char method[16], password[USER_PASSWORD_MAX] = "", err[256];
	const bool keyed = is_keyed(verb);
	json_t *params, *result = NULL;
	struct control_client *c;

	if (w->password)
		snprintf(password, sizeof(password), "%s", w->password);
	else if (keyed && !user_secret_read("password", w->file, password, sizeof(password), err,
					    sizeof(err)))
		return cli_fail(err);
	params = json_pack("{s:s}", "name", w->name);
	if (keyed)
		json_object_set_new(params, "password", json_string(password));
	if (w->quota)
		json_object_set_new(params, "quota", json_integer(w->quota));
	OPENSSL_cleanse(password, sizeof(password));
	snprintf(method, sizeof(method), "user.%s", verb);
	c = cli_connect(cli);
	if (c)
		result = cli_call(c, method, params);
	else
		json_decref(params);
	client_close(c);
	return cli_show(cli, result, show_done);
}

int users_live_command(struct cli *cli, int argc, char **argv)
{
	struct words w = { 0 };
	int rc;

	if (strcmp(argv[0], "list") == 0)
		return argc == 1 ? list(cli) : cli_usage(cli, "unknown after list:", argv[1]);
	if (!is_verb(argv[0]))
		return cli_usage(cli, "there is no such verb of user:", argv[0]);
	rc = words_take(cli, argc, argv, &w);
	if (rc == EXIT_SUCCESS)
		rc = change(cli, argv[0], &w);
	if (w.password)
		OPENSSL_cleanse(w.password, strlen(w.password)); /* leaves the process list */
	return rc;
}

/* ---- credentials ---- */

static void show_credentials(const json_t *result, FILE *out)
{
	fprintf(out, "username  %s\npassword  %s\nrealm     %s\ngood for  %lld s\n",
		get_str(result, "username"), get_str(result, "password"), get_str(result, "realm"),
		(long long)get_int(result, "lifetime_s"));
}

int credentials_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "name", required_argument, NULL, 'n' },
					      { "lifetime", required_argument, NULL, 'l' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	json_t *params = json_object(), *result = NULL;
	struct control_client *c;
	long seconds = 0;
	int o;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o == '?') {
			json_decref(params);
			return EXIT_USAGE;
		}
		if (o == 'n')
			json_object_set_new(params, "name", json_string(optarg));
		else if (!cli_seconds(optarg, 1, &seconds))
			cli_usage(cli, "--lifetime takes seconds, as 3600 or 1h, not", optarg);
		else
			json_object_set_new(params, "lifetime_s", json_integer(seconds));
	}
	c = cli_connect(cli);
	if (c)
		result = cli_call(c, "credentials", params);
	else
		json_decref(params);
	client_close(c);
	return cli_show(cli, result, show_credentials);
}
