/* SPDX-License-Identifier: BSD-3-Clause */
#include "kill.h"

#include "field.h"
#include "filter.h"
#include "units.h"

#include <poll.h>
#include <stdlib.h>

enum {
	TEXT_MAX = 256,
	NAP_MS = 10,	/* the dataplane has no room for more commands */
	NAPS_MAX = 500, /* in a row, until that is told */
};

/* What calls of the method found in all. */
struct found {
	int64_t matched, seen;
};

/* Goes through the whole table. False after telling why not. */
static bool go_through(struct control_client *c, const char *method, json_t *params,
		       struct found *f)
{
	int naps = 0;

	*f = (struct found){ 0 };
	json_object_del(params, "cursor");
	for (;;) {
		json_t *page = cli_call(c, method, json_incref(params)), *cursor;
		bool same;

		if (!page)
			return false;
		f->matched += get_int(page, "killed");
		f->seen += get_int(page, "seen");
		cursor = json_object_get(page, "cursor");
		same = json_equal(cursor, json_object_get(params, "cursor"));
		json_object_set(params, "cursor", cursor);
		json_decref(page);
		if (json_is_null(json_object_get(params, "cursor")))
			return true;
		naps = same ? naps + 1 : 0;
		if (naps > NAPS_MAX) {
			cli_fail("the dataplane takes no more commands, or records cannot be "
				 "written as fast");
			return false;
		}
		if (naps)
			poll(NULL, 0, NAP_MS);
	}
}

/* Whether what matches is what may be ended; else why not is told. */
static bool may(const struct found *f, bool all, const char *what)
{
	char text[TEXT_MAX], n[UNIT_STR_MAX];

	if (f->matched == 0)
		snprintf(text, sizeof(text), "no %s match: nothing was ended", what);
	else if (!all && f->matched == f->seen && f->seen > 1)
		snprintf(text, sizeof(text),
			 "all %s %s match: nothing was ended; add --all if that is meant",
			 unit_exact(f->seen, n, sizeof(n)), what);
	else
		return true;
	cli_fail(text);
	return false;
}

static void told(const struct cli *cli, const struct found *f, bool dry_run, const char *what)
{
	char n[UNIT_STR_MAX], of[UNIT_STR_MAX];

	unit_exact(f->matched, n, sizeof(n));
	unit_exact(f->seen, of, sizeof(of));
	if (cli->json)
		printf("{\"%s\": %lld, \"seen\": %lld}\n", dry_run ? "matched" : "killed",
		       (long long)f->matched, (long long)f->seen);
	else if (dry_run)
		printf("%s of %s %s match.\n", n, of, what);
	else
		printf("Ended: %s of %s %s.\n", n, of, what);
}

static int kill_run(struct cli *cli, const char *method, json_t *params, bool dry_run,
		    const char *what)
{
	const bool all = json_is_true(json_object_get(params, "all"));
	struct control_client *c = cli_connect(cli);
	struct found f, ended;
	bool ok;

	if (!c)
		return EXIT_FAILURE;
	json_object_set_new(params, "dry_run", json_true());
	ok = go_through(c, method, params, &f) && (dry_run || may(&f, all, what));
	if (ok && !dry_run) {
		json_object_del(params, "dry_run");
		ok = go_through(c, method, params, &ended);
		f.matched = ended.matched;
	}
	if (ok)
		told(cli, &f, dry_run, what);
	client_close(c);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int kill_command(struct cli *cli, int argc, char **argv, const struct option *opts,
		 const char *method, const char *what)
{
	json_t *params = json_object();
	int o, rc = EXIT_SUCCESS;
	bool dry_run = false;
	char text[TEXT_MAX];

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?') {
		if (o == 'a')
			json_object_set_new(params, "all", json_true());
		else if (o == 'n')
			dry_run = true;
		else
			filter_option(cli, o, optarg, params);
	}
	if (o == '?') {
		rc = EXIT_USAGE;
	} else if (json_object_size(params) == 0 && !dry_run) {
		snprintf(text, sizeof(text), "this would end all %s: say which, or --all", what);
		rc = cli_usage(cli, text, NULL);
	}
	if (rc == EXIT_SUCCESS)
		rc = kill_run(cli, method, params, dry_run, what);
	json_decref(params);
	return rc;
}
