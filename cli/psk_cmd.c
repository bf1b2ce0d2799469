/* SPDX-License-Identifier: BSD-3-Clause */
#include "psk_cmd.h"

#include "../cp/auth/psk_store.h"
#include "../cp/auth/user_secret.h"
#include "../cp/auth/users_db.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <time.h>

const struct command psk_verbs[] = {
	{ "add", "IDENTITY [--key-file FILE] [--replace]", .help = "a new identity and its key" },
	{ "del", "IDENTITY", .help = "the identity goes" },
	{ "list", "", .help = "all identities, without their keys" },
	{ 0 },
};

const char psk_notes[] =
    "The key, 16 to 64 bytes in hexadecimal, is the first line of FILE (- is standard input);\n"
    "without FILE it is asked for, or read from standard input.\n"
    "--replace  give an identity that exists the new key instead of failing\n";

/* One run of the command. */
struct run {
	const struct config *c;
	bool json;
	const char *verb;
	const char *identity, *key_file;
	bool replace;
	struct psk psk;
	struct psk_store *store;
	json_t *rows; /* of list */
};

static void print_json(json_t *j, size_t flags)
{
	json_dumpf(j, stdout, flags);
	putchar('\n');
	json_decref(j);
}

static int fail(const struct run *r, const char *msg)
{
	if (r->json)
		print_json(json_pack("{s:s}", "error", msg), JSON_COMPACT);
	fprintf(stderr, "fairlead psk: %s\n", msg);
	return USER_CMD_FAILED;
}

/* What came of a change. */
static int done(const struct run *r, enum user_status st, const char *what)
{
	char msg[CTL_IDENTITY_MAX + 64];

	if (st == USER_ERROR)
		return fail(r, psk_error(r->store));
	if (st != USER_OK) {
		snprintf(msg, sizeof(msg), "identity %.*s %s", CTL_IDENTITY_MAX, r->identity,
			 st == USER_EXISTS ? "exists: add --replace" : "does not exist");
		return fail(r, msg);
	}
	if (r->json)
		print_json(json_pack("{s:s, s:s}", "identity", r->identity, "result", what),
			   JSON_COMPACT);
	else
		printf("identity %s %s\n", r->identity, what);
	return USER_CMD_OK;
}

/* ---- verbs ---- */

static int verb_add(struct run *r)
{
	char hex[2 * CTL_PSK_MAX + 2], why[CONFIG_STR_MAX * 2] = "";
	enum user_status st;
	bool ok = user_secret_read("key", r->key_file, hex, sizeof(hex), why, sizeof(why)) &&
		  psk_parse(&r->psk, r->identity, hex, why, sizeof(why));

	OPENSSL_cleanse(hex, sizeof(hex));
	if (!ok)
		return fail(r, why);
	st = psk_add(r->store, &r->psk, r->replace);
	return done(r, st, r->replace ? "set" : "added");
}

static int verb_del(struct run *r)
{
	return done(r, psk_del(r->store, r->identity), "deleted");
}

static void list_row(void *arg, const struct psk *p)
{
	struct run *r = arg;
	time_t created = (time_t)p->created;
	char date[32] = "-";
	struct tm tm;

	if (r->json) {
		json_array_append_new(r->rows, json_pack("{s:s, s:i, s:I}", "identity", p->identity,
							 "key_bytes", (int)p->key_len, "created",
							 (json_int_t)p->created));
		return;
	}
	if (localtime_r(&created, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	printf("%-48s %9u %s\n", p->identity, p->key_len, date);
}

static int verb_list(struct run *r)
{
	enum user_status st;

	if (!r->json)
		printf("%-48s %9s %s\n", "IDENTITY", "KEY BYTES", "CREATED");
	r->rows = json_array();
	st = psk_list(r->store, list_row, r);
	if (st != USER_OK) {
		json_decref(r->rows);
		return fail(r, psk_error(r->store));
	}
	if (r->json)
		print_json(json_pack("{s:O}", "identities", r->rows), JSON_INDENT(2));
	json_decref(r->rows);
	return USER_CMD_OK;
}

static int (*verb_find(const char *name))(struct run *r)
{
	static const struct {
		const char *name;
		int (*run)(struct run *r);
	} verbs[] = { { "add", verb_add }, { "del", verb_del }, { "list", verb_list } };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return verbs[i].run;
	}
	return NULL;
}

/* ---- the command ---- */

static bool arguments_take(struct run *r, int argc, char **argv)
{
	bool add = strcmp(argv[0], "add") == 0;

	r->verb = argv[0];
	for (int i = 1; i < argc; i++) {
		if (add && strcmp(argv[i], "--replace") == 0)
			r->replace = true;
		else if (add && strcmp(argv[i], "--key-file") == 0 && i + 1 < argc)
			r->key_file = argv[++i];
		else if (strncmp(argv[i], "--", 2) != 0 && !r->identity)
			r->identity = argv[i];
		else
			return false;
	}
	return (r->identity != NULL) == (strcmp(r->verb, "list") != 0);
}

int psk_command(const struct config *c, int argc, char **argv, bool json)
{
	struct run r = { .c = c, .json = json };
	int (*run)(struct run *) = argc > 0 ? verb_find(argv[0]) : NULL;
	char err[CONFIG_STR_MAX * 3] = "";
	int code;

	if (!run || !arguments_take(&r, argc, argv)) {
		command_usage("psk", psk_verbs);
		return USER_CMD_USAGE;
	}
	r.store = psk_open(c->auth.users_db, USERS_DB_WAIT_MS, err, sizeof(err));
	code = r.store ? run(&r) : fail(&r, err);
	psk_close(r.store);
	OPENSSL_cleanse(&r, sizeof(r));
	return code;
}
