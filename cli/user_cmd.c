/* SPDX-License-Identifier: BSD-3-Clause */
#include "user_cmd.h"

#include "../cp/auth/prep.h"
#include "../cp/auth/rest.h"
#include "../cp/auth/user_keys.h"
#include "../cp/auth/user_secret.h"
#include "../cp/auth/users.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>

const struct command user_verbs[] = {
	{ "add",
	  "NAME [--password P | --password-file FILE | --ha1 HEX [--ha1 HEX]] [--quota N] "
	  "[--replace] [--live]",
	  .help = "a new user" },
	{ "passwd", "NAME [--password P | --password-file FILE | --ha1 HEX [--ha1 HEX]] [--live]",
	  .help = "another password" },
	{ "del", "NAME [--live]", .help = "the user goes" },
	{ "enable", "NAME [--live]", .help = "the user may allocate again" },
	{ "disable", "NAME [--live]", .help = "the user stays, and may not allocate" },
	{ "list", "[--live]", .help = "all users" },
	{ 0 },
};

const char user_notes[] =
    "--password P          the password itself (others may see it in the process list)\n"
    "--password-file FILE  its first line; - is standard input\n"
    "--ha1 HEX             MD5(name:realm:password), 32 digits, or the SHA-256 of the\n"
    "                      same, 64 digits; may be given twice, once for each\n"
    "without these         the password is asked for, or read from standard input\n"
    "--quota N             allocations this user may hold; 0: turn.allocations-per-user\n"
    "--live                by fairlead-cp, which must run: for who may use the control\n"
    "                      socket, not the database\n"
    "--replace             give a user who exists the new key instead of failing\n";

/* One run of the command. */
struct run {
	const struct config *c;
	bool json;
	const char *verb;
	const char *arg; /* NAME as typed */
	const char *password, *password_file;
	bool replace, has_quota;
	char realm[CONFIG_STR_MAX];
	struct user user;
	struct user_store *store;
	json_t *rows; /* of list */
};

/* ---- what the caller sees ---- */

static int fail(const struct run *r, int code, const char *msg)
{
	json_t *j;

	if (r->json) {
		j = json_pack("{s:s}", "error", msg);
		json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(j);
	}
	fprintf(stderr, "fairlead user: %s\n", msg);
	return code;
}

static int fail_status(const struct run *r, enum user_status st)
{
	char msg[CONFIG_STR_MAX + AUTH_USER_MAX + 64];

	if (st == USER_ERROR)
		return fail(r, USER_CMD_FAILED, user_store_error(r->store));
	snprintf(msg, sizeof(msg), "user %s %s in realm %s%s", r->user.name,
		 st == USER_EXISTS ? "exists" : "does not exist", r->realm,
		 st == USER_EXISTS ? ": use passwd, or add --replace" : "");
	return fail(r, USER_CMD_FAILED, msg);
}

static int done(const struct run *r, const char *what)
{
	json_t *j;

	if (r->json) {
		j = json_pack("{s:s, s:s, s:s}", "user", r->user.name, "realm", r->realm, "result",
			      what);
		json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(j);
	} else {
		printf("user %s %s (realm %s)\n", r->user.name, what, r->realm);
	}
	return USER_CMD_OK;
}

static void keys_warn(const struct run *r)
{
	const struct config_auth *a = &r->c->auth;

	if (a->sha256 && !r->user.has_sha256)
		fprintf(stderr, "fairlead user: note: without a SHA-256 key, clients that choose "
				"SHA-256 (RFC 8489) are refused\n");
	if (a->md5 && !r->user.has_md5)
		fprintf(stderr, "fairlead user: note: without an MD5 key, clients of RFC 5389 "
				"(browsers too) are refused\n");
}

/* ---- arguments ---- */

/* HEX into the key of its length. */
static bool ha1_parse(struct user *u, const char *hex)
{
	size_t digits = strlen(hex);
	uint8_t *out = digits == 2 * sizeof(u->md5)	 ? u->md5
		       : digits == 2 * sizeof(u->sha256) ? u->sha256
							 : NULL;
	char two[3] = { 0 };

	if (!out || strspn(hex, "0123456789abcdefABCDEF") != digits)
		return false;
	for (size_t i = 0; i < digits / 2; i++) {
		memcpy(two, hex + 2 * i, 2);
		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	*(out == u->md5 ? &u->has_md5 : &u->has_sha256) = true;
	return true;
}

static bool quota_parse(struct user *u, const char *s)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(s, &end, 10);
	u->quota = (uint32_t)v;
	return *s >= '0' && *s <= '9' && !*end && !errno && v <= UINT32_MAX;
}

static bool option_take(struct run *r, const char *opt, char *val)
{
	bool wants_key = strcmp(r->verb, "add") == 0 || strcmp(r->verb, "passwd") == 0;
	bool add = strcmp(r->verb, "add") == 0;

	if (wants_key && strcmp(opt, "--password") == 0)
		return (r->password = val) != NULL;
	if (wants_key && strcmp(opt, "--password-file") == 0)
		return (r->password_file = val) != NULL;
	if (wants_key && strcmp(opt, "--ha1") == 0)
		return val && ha1_parse(&r->user, val);
	if (add && strcmp(opt, "--quota") == 0)
		return val && (r->has_quota = quota_parse(&r->user, val));
	return false;
}

static bool arguments_take(struct run *r, int argc, char **argv)
{
	r->verb = argv[0];
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--replace") == 0 && strcmp(r->verb, "add") == 0) {
			r->replace = true;
		} else if (strncmp(argv[i], "--", 2) == 0) {
			if (!option_take(r, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
				return false;
			i++;
		} else if (!r->arg) {
			r->arg = argv[i];
		} else {
			return false;
		}
	}
	return (r->arg != NULL) == (strcmp(r->verb, "list") != 0) &&
	       !(r->password && r->password_file) &&
	       !((r->password || r->password_file) && (r->user.has_md5 || r->user.has_sha256));
}

/* Secrets leave the process list. */
static void arguments_wipe(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--password") == 0 || strcmp(argv[i], "--ha1") == 0)
			OPENSSL_cleanse(argv[i + 1], strlen(argv[i + 1]));
	}
}

/* ---- keys ---- */

/* The user's keys from --ha1, --password, --password-file or the terminal. */
static bool keys_take(struct run *r, char *err, size_t errlen)
{
	char raw[USER_PASSWORD_MAX];
	bool ok;

	if (r->user.has_md5 || r->user.has_sha256)
		return true;
	if (r->password)
		return user_keys_set(&r->user, r->password, r->realm, err, errlen);
	ok = user_secret_read("password", r->password_file, raw, sizeof(raw), err, errlen) &&
	     user_keys_set(&r->user, raw, r->realm, err, errlen);
	OPENSSL_cleanse(raw, sizeof(raw));
	return ok;
}

/* ---- verbs ---- */

static int verb_add(struct run *r)
{
	enum user_status st;

	r->user.created = (int64_t)time(NULL);
	st = user_store_add(r->store, &r->user);
	if (st == USER_EXISTS && r->replace) {
		st = user_store_set_keys(r->store, &r->user);
		if (st == USER_OK && r->has_quota)
			st = user_store_set_quota(r->store, r->user.name, r->user.quota);
		if (st == USER_OK) {
			keys_warn(r);
			return done(r, "replaced");
		}
	}
	if (st != USER_OK)
		return fail_status(r, st);
	keys_warn(r);
	return done(r, "added");
}

static int verb_passwd(struct run *r)
{
	enum user_status st = user_store_set_keys(r->store, &r->user);

	if (st != USER_OK)
		return fail_status(r, st);
	keys_warn(r);
	return done(r, "changed");
}

static int verb_del(struct run *r)
{
	enum user_status st = user_store_del(r->store, r->user.name);

	return st == USER_OK ? done(r, "deleted") : fail_status(r, st);
}

static int verb_enable(struct run *r)
{
	bool disable = strcmp(r->verb, "disable") == 0;
	enum user_status st = user_store_set_disabled(r->store, r->user.name, disable);

	return st == USER_OK ? done(r, disable ? "disabled" : "enabled") : fail_status(r, st);
}

static void list_row(void *arg, const struct user *u, const char *realm)
{
	struct run *r = arg;
	const char *keys = u->has_md5 && u->has_sha256 ? "md5,sha256"
			   : u->has_md5		       ? "md5"
			   : u->has_sha256	       ? "sha256"
						       : "-";
	time_t created = (time_t)u->created;
	char date[32] = "-", quota[16] = "-";
	struct tm tm;

	if (r->json) {
		json_array_append_new(
		    r->rows, json_pack("{s:s, s:s, s:b, s:b, s:I, s:b, s:I}", "name", u->name,
				       "realm", realm, "md5", u->has_md5, "sha256", u->has_sha256,
				       "quota", (json_int_t)u->quota, "disabled", u->disabled,
				       "created", (json_int_t)u->created));
		return;
	}
	if (localtime_r(&created, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	if (u->quota)
		snprintf(quota, sizeof(quota), "%u", u->quota);
	printf("%-24s %-24s %-10s %8s %-8s %s\n", u->name, realm, keys, quota,
	       u->disabled ? "disabled" : "enabled", date);
}

static int verb_list(struct run *r)
{
	enum user_status st;
	json_t *doc;

	if (!r->json)
		printf("%-24s %-24s %-10s %8s %-8s %s\n", "NAME", "REALM", "KEYS", "QUOTA", "STATE",
		       "CREATED");
	r->rows = json_array();
	st = user_store_list(r->store, list_row, r);
	if (st == USER_OK && r->json) {
		doc = json_pack("{s:O}", "users", r->rows);
		json_dumpf(doc, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(doc);
	}
	json_decref(r->rows);
	return st == USER_OK ? USER_CMD_OK : fail_status(r, st);
}

static const struct verb {
	const char *name;
	int (*run)(struct run *r);
	bool keyed; /* takes a password */
} verbs[] = {
	{ "add", verb_add, true },	   { "passwd", verb_passwd, true },
	{ "del", verb_del, false },	   { "enable", verb_enable, false },
	{ "disable", verb_enable, false }, { "list", verb_list, false },
};

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* ---- the command ---- */

/* Name, realm and keys in the form the store takes. */
static bool user_prepare(struct run *r, const struct verb *v, char *err, size_t errlen)
{
	struct rest_name rn;

	if (!digest_open(err, errlen))
		return false;
	if (!r->c->auth.users_db[0]) {
		snprintf(err, errlen, "%s: auth.users-db: names no file", r->c->file);
		return false;
	}
	if (!prep_opaque(r->c->turn.realm, strlen(r->c->turn.realm), r->realm, sizeof(r->realm))) {
		snprintf(err, errlen, "turn.realm is empty or holds a character no realm may have");
		return false;
	}
	if (!r->arg)
		return true;
	if (!user_name_set(&r->user, r->arg, r->realm, err, errlen))
		return false;
	if (v->keyed && r->c->auth.n_rest_secret + r->c->auth.n_rest_file &&
	    rest_parse(r->user.name, &rn))
		fprintf(stderr,
			"fairlead user: note: %s looks like a time-limited (REST) user name; "
			"the stored user comes first\n",
			r->user.name);
	return !v->keyed || keys_take(r, err, errlen);
}

int user_command(const struct config *c, int argc, char **argv, bool json)
{
	struct run r = { .c = c, .json = json };
	const struct verb *v = argc > 0 ? verb_find(argv[0]) : NULL;
	char err[CONFIG_STR_MAX * 3] = "";
	int code;

	if (!v || !arguments_take(&r, argc, argv)) {
		command_usage("user", user_verbs);
		code = USER_CMD_USAGE;
	} else if (!user_prepare(&r, v, err, sizeof(err)) ||
		   !(r.store = user_store_open(c->auth.users_db, r.realm, err, sizeof(err)))) {
		code = fail(&r, USER_CMD_FAILED, err);
	} else {
		code = v->run(&r);
		user_store_close(r.store);
	}
	arguments_wipe(argc, argv);
	OPENSSL_cleanse(&r, sizeof(r));
	return code;
}
