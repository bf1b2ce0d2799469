/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of a client of the control socket (cp/admin/rpc.c): any bytes, in any pieces, which the
 * byte 0x1e parts. Each request is answered once and in its order, also where an answer comes
 * later; a client that goes leaves nothing.
 */
#include "../../cp/admin/rpc.h"
#include "must.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PART = 0x1e, PARTS_MAX = 32, TURNS = 8, LATER_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct sockaddr_un sa = { .sun_family = AF_UNIX };
static struct rpc_later *later[LATER_MAX];
static unsigned int n_later;
static char out[1 << 20];
static size_t n_out;

static json_t *echo(void *ctx, const json_t *params, struct rpc_error *err)
{
	(void)ctx;
	(void)err;
	return params ? json_incref((json_t *)(uintptr_t)params) : json_null();
}

static json_t *refuse(void *ctx, const json_t *params, struct rpc_error *err)
{
	(void)ctx;
	(void)params;
	return rpc_fail(err, RPC_BAD_PARAMS, "%s", "not so");
}

static void hold(void *ctx, const json_t *params, struct rpc_later *l)
{
	(void)ctx;
	if (json_object_get(params, "now") || n_later == LATER_MAX)
		rpc_reply(l, json_true(), NULL);
	else
		later[n_later++] = l;
}

static const struct rpc_method methods[] = { { "echo", .call = echo },
					     { "refuse", .call = refuse },
					     { "hold", .later = hold } };

static void rpc_once(void)
{
	static const struct rpc_limits limits = { 4, 1000, 4000, 600000 };
	char dir[] = "/tmp/fairlead-fuzz-XXXXXX", err[256];

	must(mkdtemp(dir));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/sock", dir);
	signal(SIGPIPE, SIG_IGN); /* as the process does */
	base = event_base_new();
	must(base && rpc_open(base, sa.sun_path, &limits, methods,
			      sizeof(methods) / sizeof(methods[0]), NULL, err, sizeof(err)));
}

static void turn(int fd)
{
	for (int i = 0; i < TURNS; i++) {
		ssize_t n;

		event_base_loop(base, EVLOOP_NONBLOCK);
		while (n_out < sizeof(out) &&
		       (n = recv(fd, out + n_out, sizeof(out) - n_out, MSG_DONTWAIT)) > 0)
			n_out += (size_t)n;
	}
}

static void release(void)
{
	while (n_later)
		rpc_reply(later[--n_later], json_string("at last"), NULL);
}

/* Every line is an answer, and there is at most one to a line, and one to a rest that is too long. */
static void judge(unsigned int asked)
{
	char *line = out, *end;
	unsigned int n = 0;

	while ((end = memchr(line, '\n', n_out - (size_t)(line - out)))) {
		json_t *v = json_loadb(line, (size_t)(end - line), 0, NULL);

		must(v && json_is_object(v));
		must(!json_object_get(v, "result") != !json_object_get(v, "error"));
		must(!strcmp(json_string_value(json_object_get(v, "jsonrpc")), "2.0"));
		must(json_object_get(v, "id"));
		json_decref(v);
		line = end + 1;
		n++;
	}
	must(n <= asked + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	unsigned int asked = 0;

	if (!base)
		rpc_once();
	for (size_t i = 0; i < size; i++)
		asked += data[i] == '\n';
	n_out = 0;
	must(fd >= 0 && !connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	for (int parts = 1; size; parts++) {
		const uint8_t *part = parts < PARTS_MAX ? memchr(data, PART, size) : NULL;
		size_t n = part ? (size_t)(part - data) : size;

		if (n)
			send(fd, data, n, MSG_NOSIGNAL);
		turn(fd);
		if (n_later > LATER_MAX / 2)
			release();
		data += n + (part != NULL);
		size -= n + (part != NULL);
	}
	release();
	turn(fd);
	judge(asked);
	close(fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	release();
	event_base_loop(base, EVLOOP_NONBLOCK);
	return 0;
}
