/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CLI's end of the control socket, against the real server in a child process. Pins: results
 * and error replies arrive; what cannot be reached or understood is one sentence that says what to
 * do.
 */
#include "tests/world/unit.h"
#include "cli/client.h"
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

static const struct rpc_method methods[] = { { "echo", .call = echo },
					     { "refuse", .call = refuse } };

/* The server's process; one byte on the pipe says that it listens. */
static void serve(int ready)
{
	const struct rpc_limits limits = { 4, 4096, 65536, 600000 };
	struct event_base *base = event_base_new();
	char err[256];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!rpc_open(base, path, &limits, methods, 2, NULL, err, sizeof(err)) ||
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
		cmocka_unit_test_setup_teardown(test_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
