/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics over HTTP: served at loopback addresses of both families, also where no other interface
 * has an address (a namespace of its own, where the kernel lets us make one); a port that is taken
 * is told; nothing but GET and HEAD of what there is is answered. The status page loads its own
 * files only, and a name that looks like HTML stays a string of JSON.
 */
#include "cp/admin/metrics.h"
#include "cp_env.h"

#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct env *env;

/* Loopback alone, if we may; else where we are. */
static int group_setup(void **state)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) != 0)
		return -1;
	return close(fd);
}

static int setup(void **state)
{
	env_setup_started(state);
	env = *state;
	return 0;
}

/* A socket bound to a free port of the loopback address, and which. */
static int bound(int family, uint16_t *port)
{
	struct sockaddr_in6 a = { .sin6_family = (sa_family_t)family };
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(a);
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
	int fd = socket(family, SOCK_STREAM, 0);

	if (family == AF_INET)
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.sin6_addr = in6addr_loopback;
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) != 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(family == AF_INET ? v4->sin_port : a.sin6_port);
	return fd;
}

/* Sends a request and turns the loop until the server has ended the connection. */
static void exchange(struct event_base *base, int family, uint16_t port, const char *request,
		     char *answer, size_t cap)
{
	struct sockaddr_in6 a = { .sin6_family = (sa_family_t)family, .sin6_port = htons(port) };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
	int fd = socket(family, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t n;

	if (family == AF_INET)
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.sin6_addr = in6addr_loopback;
	assert_int_equal(
	    connect(fd, (struct sockaddr *)&a, family == AF_INET ? sizeof(*v4) : sizeof(a)), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	while ((n = recv(fd, answer + len, cap - 1 - len, MSG_DONTWAIT)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else
			assert_int_equal(errno, EAGAIN);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	answer[len] = '\0';
	close(fd);
}

static int status(const char *answer)
{
	int code = 0;

	assert_int_equal(sscanf(answer, "HTTP/1.%*1[01] %d ", &code), 1);
	return code;
}

static void served_at(int family, const char *address)
{
	static char text[1 << 20];
	struct event_base *base = event_base_new();
	struct config_control *c = &env->conf.control;
	struct metrics *m;
	char err[256] = "";
	int fd = bound(family, &c->metrics_port);

	if (fd < 0)
		skip(); /* no such family on this machine */
	assert_true(ip_parse(address, &c->metrics_addr));
	assert_int_equal(listen(fd, 1), 0);
	assert_false(metrics_start(&env->s, base, &m, err, sizeof(err))); /* taken */
	assert_non_null(strstr(err, address));
	assert_non_null(strstr(err, strerror(EADDRINUSE)));
	assert_null(m);
	close(fd);
	if (!metrics_start(&env->s, base, &m, err, sizeof(err)))
		fail_msg("%s", err);
	exchange(base, family, c->metrics_port, "GET /metrics HTTP/1.0\r\n\r\n", text,
		 sizeof(text));
	assert_int_equal(status(text), 200);
	assert_non_null(strstr(text, "# TYPE fairlead_"));
	exchange(base, family, c->metrics_port, "GET /else HTTP/1.0\r\n\r\n", text, sizeof(text));
	assert_int_equal(status(text), 404);
	exchange(base, family, c->metrics_port, "DELETE /metrics HTTP/1.0\r\n\r\n", text,
		 sizeof(text));
	assert_int_equal(status(text), 501);
	metrics_stop(m);
	event_base_free(base);
}

/* What is asked for, after its headers. */
static const char *get(struct event_base *base, uint16_t port, const char *path, char *text,
		       size_t cap)
{
	char request[128];
	const char *body;

	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
	exchange(base, AF_INET, port, request, text, cap);
	assert_int_equal(status(text), 200);
	assert_non_null(strstr(text, "\r\nContent-Security-Policy: default-src 'none'; "
				     "script-src 'self'; style-src 'self'; connect-src 'self'; "));
	assert_non_null(strstr(text, "\r\nX-Content-Type-Options: nosniff\r\n"));
	body = strstr(text, "\r\n\r\n");
	assert_non_null(body);
	return body + 4;
}

static void page(void **state)
{
	static const char *const files[][2] = {
		{ "/page.css", "\r\nContent-Type: text/css; charset=utf-8\r\n" },
		{ "/page.js", "\r\nContent-Type: text/javascript; charset=utf-8\r\n" },
	};
	static char text[1 << 20];
	struct event_base *base = event_base_new();
	struct config_control *c = &env->conf.control;
	struct metrics *m;
	char err[256] = "";
	const char *body;
	json_t *j;

	(void)state;
	assert_true(ip_parse("127.0.0.1", &c->metrics_addr));
	strcpy(env->conf.file, "<script>alert(1)</script>");
	close(bound(AF_INET, &c->metrics_port));
	assert_true(metrics_start(&env->s, base, &m, err, sizeof(err)));
	body = get(base, c->metrics_port, "/?x=<y>", text, sizeof(text));
	assert_memory_equal(body, "<!doctype html>", 15);
	assert_non_null(strstr(text, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
	assert_non_null(strstr(body, "src=\"page.js\""));
	assert_null(strstr(body, "style=")); /* which the policy would not let through */
	assert_null(strstr(body, "<script>"));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		body = get(base, c->metrics_port, files[i][0], text, sizeof(text));
		assert_true(strlen(body) > 1000);
		assert_non_null(strstr(text, files[i][1]));
	}
	body = get(base, c->metrics_port, "/status", text, sizeof(text));
	assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
	j = json_loads(body, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "workers")),
			 dplink_n_workers(env->s.link));
	assert_true(json_is_array(json_object_get(j, "drops")));
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(j, "status"), "config")),
	    "<script>alert(1)</script>");
	json_decref(j);
	metrics_stop(m);
	event_base_free(base);
}

static void served_at_ipv4(void **state)
{
	(void)state;
	served_at(AF_INET, "127.0.0.1");
}

static void served_at_ipv6(void **state)
{
	(void)state;
	served_at(AF_INET6, "::1");
}

static int lowest_free(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

/* R27: who connects and says nothing takes no descriptors that others need; later it serves again.
 */
static void descriptors_are_left_to_others(void **state)
{
	enum { CLIENTS = 300, ROUNDS = 3, ACCEPTED_MAX = 256, TURNS = 250 };
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct event_base *base = event_base_new();
	struct config_control *c = &env->conf.control;
	static char text[1 << 20];
	int fd[CLIENTS], before;
	struct metrics *m;
	char err[256] = "";

	(void)state;
	assert_true(ip_parse("127.0.0.1", &c->metrics_addr));
	close(bound(AF_INET, &c->metrics_port));
	assert_true(metrics_start(&env->s, base, &m, err, sizeof(err)));
	sa.sin_port = htons(c->metrics_port);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	before = lowest_free();
	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_true(fd[i] >= 0);
		connect(fd[i], (struct sockaddr *)&sa, sizeof(sa));
		for (int k = 0; k < ROUNDS; k++)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	/* Clients are in this process, too. */
	assert_in_range(lowest_free(), CLIENTS, before + CLIENTS + ACCEPTED_MAX - 100);
	for (int i = 0; i < CLIENTS; i++)
		close(fd[i]);
	/* What stands in the backlog is taken when it listens again. */
	for (int i = 0; i < TURNS; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	assert_int_equal(lowest_free(), before);
	exchange(base, AF_INET, c->metrics_port, "GET /metrics HTTP/1.0\r\n\r\n", text,
		 sizeof(text));
	assert_int_equal(status(text), 200);
	metrics_stop(m);
	event_base_free(base);
}

static void none_is_fine(void **state)
{
	struct metrics *m;
	char err[256] = "";

	(void)state;
	env->conf.control.metrics_port = 0;
	assert_true(metrics_start(&env->s, NULL, &m, err, sizeof(err)));
	assert_null(m);
	metrics_stop(m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(served_at_ipv4), T(served_at_ipv6), T(page),
					    T(descriptors_are_left_to_others), T(none_is_fine) };

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
