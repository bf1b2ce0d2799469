/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CLI's end of the control socket, against the real server in a child process. Pins: results
 * and error replies arrive; lists are printed as their pages come, however long or short these are;
 * what cannot be reached or understood is one sentence that says what to do.
 */
#include "tests/world/unit.h"
#include "cli/cli.h"
#include "cli/grid.h"
#include "cp/admin/rpc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[32], path[64];
static pid_t child;

static json_t *echo(void *ctx, const json_t *params, struct rpc_error *err)
{
	(void)ctx;
	(void)err;
	return params ? json_incref((json_t *)params) : json_null();
}

static json_t *refuse(void *ctx, const json_t *params, struct rpc_error *err)
{
	(void)ctx;
	(void)params;
	return rpc_fail(err, RPC_BAD_PARAMS, "no such thing");
}

enum { ROWS = 700 };

/* A page of a list, each second one empty. {cursor, limit}: twice a place, and whether to begin. */
static json_t *rows(void *ctx, const json_t *params, struct rpc_error *err)
{
	const json_int_t cursor = json_integer_value(json_object_get(params, "cursor"));
	const json_int_t limit = json_integer_value(json_object_get(params, "limit"));
	json_int_t at = cursor / 2, end = at + (limit > 100 ? 50 : limit);
	json_t *list = json_array();

	(void)ctx;
	(void)err;
	if (!(cursor & 1))
		return json_pack("{s:o, s:I, s:b}", "rows", list, "cursor", cursor + 1, "attached",
				 1);
	for (; at < end && at < ROWS; at++)
		json_array_append_new(list, json_pack("{s:I}", "n", at));
	return json_pack("{s:o, s:o, s:b}", "rows", list, "cursor",
			 at < ROWS ? json_integer(2 * at) : json_null(), "attached", 1);
}

static const struct rpc_method methods[] = { { "echo", .call = echo },
					     { "refuse", .call = refuse },
					     { "rows", .call = rows } };

/* The server's process; one byte on the pipe says that it listens. */
static void serve(int ready)
{
	const struct rpc_limits limits = { 4, 4096, 65536, 600000 };
	struct event_base *base = event_base_new();
	char err[256];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!rpc_open(base, path, &limits, methods, N_OF(methods), NULL, err, sizeof(err)) ||
	    write(ready, "r", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	_exit(1);
}

static int setup(void **state)
{
	int ready[2];
	char byte;

	(void)state;
	strcpy(dir, "/tmp/fl-client-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		serve(ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return 0;
}

/* Kills the server; once, for its number may be another's afterwards. */
static void server_kill(void)
{
	if (child <= 0)
		return;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = 0;
}

static int teardown(void **state)
{
	(void)state;
	server_kill();
	unlink(path);
	return rmdir(dir);
}

static void test_calls(void **state)
{
	char err[256] = "";
	struct control_client *c = client_open(path, err, sizeof(err));
	json_t *r;

	(void)state;
	assert_non_null(c);
	for (int i = 0; i < 3; i++) { /* several calls on one connection */
		r = client_call(c, "echo", json_pack("{s:i}", "n", i), err, sizeof(err));
		assert_int_equal(json_integer_value(json_object_get(r, "n")), i);
		json_decref(r);
	}
	r = client_call(c, "echo", NULL, err, sizeof(err));
	assert_true(json_is_null(r));
	assert_null(client_call(c, "refuse", NULL, err, sizeof(err)));
	assert_string_equal(err, "the control process refused \"refuse\": no such thing");
	client_close(c);
}

/* ---- lists ---- */

static size_t tables, shown, table_most;
static bool more_said;

static void table_show(const json_t *result, FILE *out)
{
	const size_t n = json_array_size(json_object_get(result, "rows"));

	tables++;
	shown += n;
	table_most = n > table_most ? n : table_most;
	more_said = json_is_integer(json_object_get(result, "cursor"));
	fputs(".", out);
}

/* What a list prints. */
static char *listed(bool json, long limit, unsigned int watch)
{
	struct cli cli = { .socket = path, .json = json, .watch = watch };
	char name[] = "/tmp/fl-list-XXXXXX", *text = NULL;
	const int out = dup(STDOUT_FILENO), fd = mkstemp(name);
	size_t len = 0;
	FILE *f;

	assert_true(out >= 0 && fd >= 0);
	tables = shown = table_most = 0;
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	assert_int_equal(cli_list(&cli, "rows", json_object(), limit, table_show), EXIT_SUCCESS);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	f = fdopen(fd, "r");
	rewind(f);
	assert_true(getdelim(&text, &len, '\0', f) > 0);
	fclose(f);
	unlink(name);
	return text;
}

/* A long one in several tables, none of them empty; a short one in one, also if pages are short. */
static void test_long_list(void **state)
{
	(void)state;
	free(listed(false, 0, 0));
	assert_int_equal(shown, ROWS);
	assert_in_range(tables, 2, 4);
	assert_in_range(table_most, 256, 400);
	assert_false(more_said);
	free(listed(false, 90, 0));
	assert_int_equal(tables, 1);
	assert_int_equal(shown, 90);
	assert_true(more_said);
}

static void test_long_list_json(void **state)
{
	static const long limits[] = { 0, 90, ROWS };
	json_t *o, *list, *row;
	size_t i;

	(void)state;
	for (size_t k = 0; k < N_OF(limits); k++) {
		char *text = listed(true, limits[k], k == 0);

		assert_int_equal(strchr(text, '\n') == text + strlen(text) - 1,
				 k == 0); /* a line */
		o = json_loads(text, 0, NULL);
		list = json_object_get(o, "rows");
		assert_int_equal(json_array_size(list), limits[k] ? limits[k] : ROWS);
		json_array_foreach(list, i, row)
		    assert_int_equal(json_integer_value(json_object_get(row, "n")), i);
		assert_true(json_is_true(json_object_get(o, "attached")));
		assert_non_null(json_object_get(o, "cursor"));
		json_decref(o);
		free(text);
	}
}

static void test_not_there(void **state)
{
	char err[256], want[256], long_path[300];

	(void)state;
	assert_null(client_open("/nonexistent/sock", err, sizeof(err)));
	assert_string_equal(err, "cannot reach the control process at /nonexistent/sock: "
				 "No such file or directory; is it running?");
	memset(long_path, 'a', sizeof(long_path));
	long_path[299] = '\0';
	assert_null(client_open(long_path, err, sizeof(err)));

	server_kill();
	assert_null(client_open(path, err, sizeof(err)));
	snprintf(want, sizeof(want),
		 "cannot reach the control process at %s: Connection refused; is it running?",
		 path);
	assert_string_equal(err, want);
}

/* A server that dies before it answers. */
static void test_dies(void **state)
{
	char err[256], want[256];
	struct control_client *c = client_open(path, err, sizeof(err));

	(void)state;
	assert_non_null(c);
	server_kill();
	assert_null(client_call(c, "echo", NULL, err, sizeof(err)));
	snprintf(want, sizeof(want), "no sensible answer from the control process at %s", path);
	assert_string_equal(err, want);
	client_close(c);
}

/* The reason of a server that has hung up is still read. */
static void test_busy(void **state)
{
	struct control_client *c[4], *extra;
	char err[256];
	json_t *r;

	(void)state;
	for (int i = 0; i < 4; i++) {
		c[i] = client_open(path, err, sizeof(err));
		r = client_call(c[i], "echo", json_object(), err, sizeof(err));
		assert_non_null(r);
		json_decref(r);
	}
	extra = client_open(path, err, sizeof(err)); /* takes the first one's place */
	r = client_call(extra, "echo", json_object(), err, sizeof(err));
	assert_non_null(r);
	json_decref(r);
	assert_null(client_call(c[0], "echo", NULL, err, sizeof(err)));
	assert_string_equal(err, "the control process refused \"echo\": too many clients");
	client_close(extra);
	for (int i = 0; i < 4; i++)
		client_close(c[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_list_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
