/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket. Pins: the error codes of JSON-RPC 2.0 section 5.1 for malformed input;
 * replies in the order of pipelined requests, also where one has to wait; a bound on the length of
 * a request, on clients, and on what waits for a client that does not read; who goes when idle; the
 * mode of the socket file, and that the file of a dead process is replaced and that of a live one
 * is not (R27, R73).
 */
#include "tests/world/unit.h"
#include "cp/admin/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MAX = 1000, OUTPUT_MAX = 4000, CLIENTS = 4, BIG = 3000, TURNS = 4000 };

struct fixture {
	struct event_base *base;
	struct rpc *rpc;
	unsigned int calls;
	char dir[32], path[64];
};

static json_t *echo(void *ctx, const json_t *params, struct rpc_error *err)
{
	(void)err;
	((struct fixture *)ctx)->calls++;
	return params ? json_incref((json_t *)params) : json_string("nothing");
}

static json_t *big(void *ctx, const json_t *params, struct rpc_error *err)
{
	char text[BIG];

	(void)params;
	(void)err;
	((struct fixture *)ctx)->calls++;
	memset(text, 'x', sizeof(text));
	return json_stringn(text, sizeof(text));
}

static json_t *refuse(void *ctx, const json_t *params, struct rpc_error *err)
{
	(void)ctx;
	(void)params;
	return rpc_fail(err, RPC_BAD_PARAMS, "%s", "not \"this\"");
}

/* Answers when told to. */
static struct rpc_later *held;

static void hold(void *ctx, const json_t *params, struct rpc_later *l)
{
	assert_ptr_equal(rpc_later_ctx(l), ctx);
	((struct fixture *)ctx)->calls++;
	if (json_is_true(json_object_get(params, "now")))
		rpc_reply(l, json_string("at once"), NULL);
	else
		held = l;
}

static void release(void)
{
	struct rpc_later *l = held;

	held = NULL;
	rpc_reply(l, json_string("at last"), NULL);
}

static const struct rpc_method methods[] = { { "echo", .call = echo },
					     { "big", .call = big },
					     { "refuse", .call = refuse },
					     { "hold", .later = hold } };
enum { N_METHODS = sizeof(methods) / sizeof(methods[0]) };

static struct rpc *start(struct fixture *f, uint32_t idle_ms, char *err, size_t errlen)
{
	const struct rpc_limits limits = { CLIENTS, REQUEST_MAX, OUTPUT_MAX, idle_ms };

	return rpc_open(f->base, f->path, &limits, methods, N_METHODS, f, err, errlen);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/fl-rpc-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
	f->base = event_base_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rpc_stop(f->rpc);
	event_base_free(f->base);
	unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0); /* rpc_stop() left nothing else behind */
	free(f);
	return 0;
}

static void serve(struct fixture *f)
{
	char err[256] = "";

	f->rpc = start(f, 600000, err, sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(f->rpc);
}

static int dial(const struct fixture *f)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(sa.sun_path, f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void turn(struct fixture *f)
{
	event_base_loop(f->base, EVLOOP_NONBLOCK);
}

/* Writes all of it while the server turns; stops early if the server hangs up. */
static void put(struct fixture *f, int fd, const char *s, size_t n)
{
	for (int i = 0; n > 0 && i < TURNS; i++) {
		ssize_t done = send(fd, s, n, MSG_NOSIGNAL);

		if (done < 0 && errno != EAGAIN)
			return;
		if (done > 0) {
			s += done;
			n -= (size_t)done;
		}
		turn(f);
	}
	assert_int_equal(n, 0);
}

static void say(struct fixture *f, int fd, const char *s)
{
	put(f, fd, s, strlen(s));
}

/* One line into buf, newline removed. False at the end of the stream. */
static bool hear(struct fixture *f, int fd, char *buf, size_t len)
{
	size_t n = 0;

	for (int i = 0; i < TURNS && n + 1 < len; i++) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t got;

		turn(f);
		poll(&p, 1, 1);
		while ((got = recv(fd, buf + n, 1, 0)) == 1 && buf[n] != '\n' && n + 2 < len)
			n++;
		if (got == 0 || (got < 0 && errno != EAGAIN))
			return false;
		if (got == 1) {
			buf[n] = '\0';
			return true;
		}
	}
	fail_msg("no line");
	return false;
}

static void expect(struct fixture *f, int fd, const char *want)
{
	char line[2 * REQUEST_MAX];

	assert_true(hear(f, fd, line, sizeof(line)));
	assert_string_equal(line, want);
}

/* ---- lines, without a socket ---- */

static void check_answer(const char *line, const char *want)
{
	struct fixture f = { 0 };
	char *reply = rpc_answer(methods, N_METHODS, &f, line, strlen(line), NULL);

	if (want)
		assert_string_equal(reply, want);
	else
		assert_null(reply);
	free(reply);
}

#define ERR(id, code, text)                                                                        \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\"" text "\"" \
	"}}"

static void test_result(void **state)
{
	(void)state;
	check_answer("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"echo\",\"params\":{\"a\":[1]}}",
		     "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"a\":[1]}}");
	check_answer("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}",
		     "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":\"nothing\"}");
	check_answer("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"echo\"}\r",
		     "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":\"nothing\"}");
}

static void test_malformed(void **state)
{
	static const char *const not_json[] = { "",
						" ",
						"{",
						"}",
						"nonsense",
						"{\"a\":1} {}",
						"{\"a\":1,\"a\":2}",
						"\"\xff\"",
						"{\"a\":1e999}" };
	static const char *const not_request[] = { "5",	 "\"s\"", "null",
						   "{}", "[]",	  "[{\"jsonrpc\":\"2.0\"}]" };

	(void)state;
	for (size_t i = 0; i < sizeof(not_json) / sizeof(not_json[0]); i++)
		check_answer(not_json[i], ERR("null", "-32700", "not JSON"));
	for (size_t i = 0; i < sizeof(not_request) / sizeof(not_request[0]); i++) {
		char *reply = rpc_answer(methods, N_METHODS, NULL, not_request[i],
					 strlen(not_request[i]), NULL);

		assert_non_null(strstr(reply, "\"id\":null,\"error\":{\"code\":-32600,"));
		free(reply);
	}
	check_answer("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"echo\"}",
		     ERR("null", "-32600", "\\\"jsonrpc\\\" must be \\\"2.0\\\""));
	check_answer("{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"echo\"}",
		     ERR("null", "-32600", "\\\"id\\\" must be a string, a number or null"));
	check_answer("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"exit\"}",
		     ERR("1", "-32601", "no method of that name"));
	check_answer("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[1]}",
		     ERR("1", "-32602", "\\\"params\\\" must be an object"));
	check_answer("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}",
		     ERR("1", "-32603", "this method answers later, and nobody would wait"));
	check_answer("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"refuse\"}",
		     ERR("1", "-32602", "not \\\"this\\\""));
}

/* Nested deeper than any parser should follow; NUL inside the line. */
static void test_malformed_bytes(void **state)
{
	static char deep[60000];
	char *reply;

	(void)state;
	memset(deep, '[', sizeof(deep));
	reply = rpc_answer(methods, N_METHODS, NULL, deep, sizeof(deep), NULL);
	assert_string_equal(reply, ERR("null", "-32700", "not JSON"));
	free(reply);
	reply = rpc_answer(methods, N_METHODS, NULL, "{\"a\":\0}", 7, NULL);
	assert_string_equal(reply, ERR("null", "-32700", "not JSON"));
	free(reply);
}

/* A request without id is carried out and not answered, whatever comes of it (section 4.1). */
static void test_notification(void **state)
{
	(void)state;
	check_answer("{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}", NULL);
	check_answer("{\"jsonrpc\":\"2.0\",\"method\":\"nosuch\"}", NULL);
}

static void test_text(void **state)
{
	static const char *const in[] = { "j\xc3\xb6rg", "cut \xc3", "\xff\x01z" };
	static const char *const want[] = { "j\xc3\xb6rg", "cut ?", "??z" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		json_t *s = rpc_text(in[i]);

		assert_string_equal(json_string_value(s), want[i]);
		json_decref(s);
	}
}

/* ---- the socket ---- */

static void test_pipelined(void **state)
{
	struct fixture *f = *state;
	char all[REQUEST_MAX * 20] = "", want[100];
	int fd;

	serve(f);
	fd = dial(f);
	for (int i = 0; i < 100; i++)
		sprintf(all + strlen(all), "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"echo\"}\n",
			i);
	say(f, fd, all);
	for (int i = 0; i < 100; i++) {
		sprintf(want, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":\"nothing\"}", i);
		expect(f, fd, want);
	}
	close(fd);
}

/* A client may close its half and still get every reply, then the end. */
static void test_half_close(void **state)
{
	struct fixture *f = *state;
	char line[2 * BIG];
	int fd;

	serve(f);
	fd = dial(f);
	for (int i = 0; i < 20; i++)
		say(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\"}\n");
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 20; i++)
		assert_true(hear(f, fd, line, sizeof(line)));
	assert_false(hear(f, fd, line, sizeof(line)));
	close(fd);
}

static void test_split(void **state)
{
	struct fixture *f = *state;
	const char *request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n";
	int fd;

	serve(f);
	fd = dial(f);
	for (const char *p = request; *p; p++)
		put(f, fd, p, 1);
	expect(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"nothing\"}");
	close(fd);
}

/* The longest request is served; one byte more is refused, and the connection closed. */
static void test_line_length(void **state)
{
	struct fixture *f = *state;
	char request[REQUEST_MAX + 3], line[256];
	int n, fd;

	serve(f);
	fd = dial(f);
	n = sprintf(request, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}");
	memset(request + n, ' ', sizeof(request) - (size_t)n);
	request[REQUEST_MAX] = '\n';
	put(f, fd, request, REQUEST_MAX + 1);
	expect(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"nothing\"}");
	request[REQUEST_MAX] = ' ';
	request[REQUEST_MAX + 1] = '\n';
	put(f, fd, request, REQUEST_MAX + 2);
	expect(f, fd, ERR("null", "-32600", "request too long"));
	assert_false(hear(f, fd, line, sizeof(line)));
	assert_int_equal(f->calls, 1);
	close(fd);
}

/* For a client that does not read, work stops when its output is full; then goes on. */
static void test_slow_reader(void **state)
{
	static char flood[64 * 45 + 1];
	struct fixture *f = *state;
	int small = 4096, fd;
	unsigned int stopped;
	char line[2 * BIG];

	serve(f);
	fd = dial(f);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (int i = 0; i < 64; i++)
		strcat(flood, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\"}\n");
	for (int i = 0; i < 200; i++) { /* as many as the socket takes */
		if (send(fd, flood, strlen(flood), MSG_NOSIGNAL) != (ssize_t)strlen(flood))
			break;
		for (int t = 0; t < 20; t++)
			turn(f);
	}
	for (int t = 0; t < 100; t++)
		turn(f);
	stopped = f->calls;
	assert_true(stopped > 0);
	for (int t = 0; t < 100; t++)
		turn(f);
	assert_int_equal(f->calls, stopped); /* nothing moves */
	for (unsigned int i = 0; i < stopped + 1; i++)
		assert_true(hear(f, fd, line, sizeof(line)));
	assert_true(f->calls > stopped); /* and now it does */
	close(fd);
	turn(f);
}

/* ---- answers that come later ---- */

#define HOLD(id, params) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"hold\",\"params\":" params "}\n"
#define ECHO(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"echo\"}\n"
#define LAST(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":\"at last\"}"

/* Requests behind it wait; other clients do not. */
static void test_later(void **state)
{
	struct fixture *f = *state;
	int fd, other;

	serve(f);
	fd = dial(f);
	other = dial(f);
	say(f, fd, HOLD("1", "{}") ECHO("2"));
	while (!held)
		turn(f);
	say(f, other, ECHO("3"));
	expect(f, other, "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":\"nothing\"}");
	assert_int_equal(f->calls, 2); /* ECHO 2 waits */
	shutdown(fd, SHUT_WR);	       /* it wants its replies all the same */
	for (int i = 0; i < 20; i++)
		turn(f);
	release();
	assert_int_equal(f->calls, 2); /* and has a turn of its own */
	expect(f, fd, LAST("1"));
	expect(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"nothing\"}");
	close(fd);
	close(other);
}

/* As many requests as are read at all wait behind it: the loop has nothing to do meanwhile. */
static void test_later_and_full(void **state)
{
	struct fixture *f = *state;
	char lines[2 * REQUEST_MAX];
	size_t n = 0, sent = 0;
	int fd;

	serve(f);
	fd = dial(f);
	say(f, fd, HOLD("1", "{}"));
	while (!held)
		turn(f);
	for (; n + strlen(ECHO("2")) < sizeof(lines); n += strlen(ECHO("2")), sent++)
		strcpy(lines + n, ECHO("2"));
	say(f, fd, lines);
	for (int i = 0; i < 20; i++)
		turn(f); /* comes back */
	assert_int_equal(f->calls, 1);
	release();
	expect(f, fd, LAST("1"));
	while (sent--)
		expect(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"nothing\"}");
	close(fd);
}

static void test_later_at_once(void **state)
{
	struct fixture *f = *state;
	int fd;

	serve(f);
	fd = dial(f);
	say(f, fd, HOLD("1", "{\"now\":true}") ECHO("2"));
	expect(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"at once\"}");
	expect(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"nothing\"}");
	/* One of which nobody wants the result. */
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"hold\"}\n" ECHO("3"));
	while (!held)
		turn(f);
	release();
	expect(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":\"nothing\"}");
	close(fd);
}

/* The client goes, or the server stops, before the answer comes. */
static void test_later_and_gone(void **state)
{
	struct fixture *f = *state;
	struct linger reset = { 1, 0 };
	int fd;

	serve(f);
	fd = dial(f);
	say(f, fd, HOLD("1", "{}"));
	while (!held)
		turn(f);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	for (int i = 0; i < 20; i++)
		turn(f);
	release();
	fd = dial(f);
	say(f, fd, HOLD("1", "{}"));
	while (!held)
		turn(f);
	rpc_stop(f->rpc);
	f->rpc = NULL;
	release();
	close(fd);
}

#define NOTHING(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":\"nothing\"}"

/* Idle ones keep nobody out: the one that asked nothing for longest makes room, and hears why. */
static void test_too_many_clients(void **state)
{
	struct fixture *f = *state;
	int fd[CLIENTS], extra[3];
	char line[256];

	serve(f);
	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = dial(f);
		turn(f);
	}
	say(f, fd[0], ECHO("1")); /* fd[1] is the oldest from here on */
	expect(f, fd[0], NOTHING("1"));
	for (int i = 0; i < 3; i++) {
		extra[i] = dial(f);
		say(f, extra[i], ECHO("2"));
		expect(f, extra[i], NOTHING("2"));
		expect(f, fd[i + 1], ERR("null", "-32000", "too many clients"));
		assert_false(hear(f, fd[i + 1], line, sizeof(line)));
		close(fd[i + 1]);
	}
	say(f, fd[0], ECHO("3"));
	expect(f, fd[0], NOTHING("3"));
	close(fd[0]);
	for (int i = 0; i < 3; i++)
		close(extra[i]);
}

/* CLIENTS that connect, and say nothing, before the server has a turn. */
static void crowd(const struct fixture *f, int *fd)
{
	for (int i = 0; i < CLIENTS; i++)
		fd[i] = dial(f);
}

static void hang_up(const int *fd, int n)
{
	for (int i = 0; i < n; i++)
		close(fd[i]);
}

/* Who makes room in the turn in which he was answered has his answer. */
static void test_too_many_after_an_answer(void **state)
{
	struct fixture *f = *state;
	int first, good, fd[CLIENTS];

	serve(f);
	good = dial(f);
	say(f, good, ECHO("0"));
	expect(f, good, NOTHING("0"));
	turn(f);
	assert_true(send(good, ECHO("1"), strlen(ECHO("1")), 0) > 0); /* and it is read first */
	first = dial(f);
	crowd(f, fd);
	expect(f, good, NOTHING("1"));
	expect(f, good, ERR("null", "-32000", "too many clients"));
	hang_up(fd, CLIENTS);
	close(first);
	close(good);
}

/* Who has asked, and was not read yet, is not idle. */
static void test_too_many_before_an_answer(void **state)
{
	struct fixture *f = *state;
	int good, fd[CLIENTS];

	serve(f);
	good = dial(f);
	turn(f);
	crowd(f, fd);
	assert_true(send(good, ECHO("1"), strlen(ECHO("1")), 0) > 0);
	expect(f, good, NOTHING("1"));
	say(f, good, ECHO("2"));
	expect(f, good, NOTHING("2"));
	hang_up(fd, CLIENTS);
	close(good);
}

/* Of another process: connects, says so, asks when it is told to. Returns whether it is answered.
 */
static bool another_asks(const struct fixture *f, int here, int now)
{
	struct pollfd p = { dial(f), POLLIN, 0 };
	char line[256] = "";

	return write(here, "", 1) == 1 && read(now, line, 1) == 1 &&
	       send(p.fd, ECHO("1"), strlen(ECHO("1")), MSG_NOSIGNAL) > 0 && poll(&p, 1, -1) == 1 &&
	       recv(p.fd, line, sizeof(line) - 1, 0) > 0 && strstr(line, NOTHING("1"));
}

/* A process that takes all places has them taken from it, whoever else is silent. */
static void test_too_many_of_a_process(void **state)
{
	struct fixture *f = *state;
	int here[2], now[2], fd[2 * CLIENTS], status = 0;
	pid_t other;
	char c;

	serve(f);
	assert_int_equal(pipe(here), 0);
	assert_int_equal(pipe(now), 0);
	other = fork();
	assert_true(other >= 0);
	if (other == 0)
		_exit(another_asks(f, here[1], now[0]) ? 0 : 1);
	assert_int_equal(read(here[0], &c, 1), 1);
	turn(f);
	for (int i = 0; i < 2 * CLIENTS; i++) {
		fd[i] = dial(f);
		say(f, fd[i], ECHO("1"));
		expect(f, fd[i], NOTHING("1"));
	}
	assert_int_equal(write(now[1], "", 1), 1);
	while (waitpid(other, &status, WNOHANG) == 0)
		turn(f);
	assert_int_equal(status, 0);
	hang_up(fd, 2 * CLIENTS);
	hang_up(here, 2);
	hang_up(now, 2);
}

/* Who waits for an answer keeps the place as long as another is idle. */
static void test_too_many_who_wait(void **state)
{
	struct fixture *f = *state;
	int fd[CLIENTS], extra;
	char line[256];

	serve(f);
	fd[0] = dial(f);
	say(f, fd[0], HOLD("1", "{}"));
	while (!held)
		turn(f);
	for (int i = 1; i < CLIENTS; i++) {
		fd[i] = dial(f);
		turn(f);
	}
	extra = dial(f);
	say(f, extra, ECHO("2"));
	expect(f, extra, NOTHING("2"));
	expect(f, fd[1], ERR("null", "-32000", "too many clients"));
	assert_false(hear(f, fd[1], line, sizeof(line)));
	release();
	expect(f, fd[0], LAST("1"));
	for (int i = 0; i < CLIENTS; i++)
		close(fd[i]);
	close(extra);
}

/* Nor do those that read no answers keep out who asks and reads. */
static void test_too_many_who_do_not_read(void **state)
{
	struct fixture *f = *state;
	int fd[CLIENTS], extra[CLIENTS], good, small = 1;

	serve(f);
	for (int i = 0; i < CLIENTS - 1; i++) {
		fd[i] = dial(f);
		setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		for (int n = 0;
		     n < 4000 && send(fd[i], ECHO("1"), strlen(ECHO("1")), MSG_DONTWAIT) > 0; n++)
			turn(f);
	}
	good = dial(f);
	for (int i = 0; i < CLIENTS - 1; i++) {
		say(f, good, ECHO("2"));
		expect(f, good, NOTHING("2"));
		extra[i] = dial(f);
		turn(f);
	}
	say(f, good, ECHO("4"));
	expect(f, good, NOTHING("4"));
	for (int i = 0; i < CLIENTS - 1; i++) {
		close(fd[i]);
		close(extra[i]);
	}
	close(good);
}

static void test_idle(void **state)
{
	struct fixture *f = *state;
	char err[256], line[64];
	int fd;

	f->rpc = start(f, 1, err, sizeof(err));
	assert_non_null(f->rpc);
	fd = dial(f);
	say(f, fd, "{\"half a request");
	assert_false(hear(f, fd, line, sizeof(line)));
	close(fd);
}

static void test_client_vanishes(void **state)
{
	struct fixture *f = *state;
	struct linger now = { 1, 0 };
	int fd;

	serve(f);
	for (int i = 0; i < 3 * CLIENTS; i++) { /* more than there are places */
		fd = dial(f);
		say(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\"}\n");
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(fd); /* with replies unread */
		for (int t = 0; t < 10; t++)
			turn(f);
	}
	fd = dial(f);
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n");
	expect(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"nothing\"}");
	close(fd);
}

/* ---- the socket file ---- */

static void test_mode(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	mode_t was = umask(0);

	serve(f);
	umask(was);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void test_stale(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int dead = socket(AF_UNIX, SOCK_STREAM, 0);
	int fd;

	strcpy(sa.sun_path, f->path);
	assert_int_equal(bind(dead, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(dead);
	serve(f);
	fd = dial(f);
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n");
	expect(f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"nothing\"}");
	close(fd);
}

static void test_live(void **state)
{
	struct fixture *f = *state;
	char err[256] = "", want[256];

	serve(f);
	assert_null(start(f, 1000, err, sizeof(err)));
	snprintf(want, sizeof(want), "another process already serves %s", f->path);
	assert_string_equal(err, want);
	assert_int_equal(access(f->path, F_OK), 0);
}

static void test_in_the_way(void **state)
{
	struct fixture *f = *state;
	char err[256] = "", want[256];

	close(open(f->path, O_CREAT | O_WRONLY, 0600));
	assert_null(start(f, 1000, err, sizeof(err)));
	snprintf(want, sizeof(want), "%s is in the way: not a socket", f->path);
	assert_string_equal(err, want);
	assert_int_equal(access(f->path, F_OK), 0); /* and is left alone */
}

static void test_bad_path(void **state)
{
	struct fixture *f = *state;
	const struct rpc_limits limits = { CLIENTS, REQUEST_MAX, OUTPUT_MAX, 1000 };
	char path[200], err[256] = "";

	assert_null(rpc_open(f->base, "/nonexistent/sock", &limits, methods, N_METHODS, f, err,
			     sizeof(err)));
	assert_string_equal(err, "cannot listen at /nonexistent/sock: No such file or directory");
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_null(rpc_open(f->base, path, &limits, methods, N_METHODS, f, err, sizeof(err)));
	assert_non_null(strstr(err, "longer than a socket's path"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_malformed_bytes),
		cmocka_unit_test(test_notification),
		cmocka_unit_test(test_text),
		TEST(test_pipelined),
		TEST(test_half_close),
		TEST(test_split),
		TEST(test_line_length),
		TEST(test_slow_reader),
		TEST(test_later),
		TEST(test_later_and_full),
		TEST(test_later_at_once),
		TEST(test_later_and_gone),
		TEST(test_too_many_clients),
		TEST(test_too_many_after_an_answer),
		TEST(test_too_many_before_an_answer),
		TEST(test_too_many_of_a_process),
		TEST(test_too_many_who_wait),
		TEST(test_too_many_who_do_not_read),
		TEST(test_idle),
		TEST(test_client_vanishes),
		TEST(test_mode),
		TEST(test_stale),
		TEST(test_live),
		TEST(test_in_the_way),
		TEST(test_bad_path),
	};

	signal(SIGPIPE, SIG_IGN); /* as the control process does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
