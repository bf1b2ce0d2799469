/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics over HTTP: served at loopback addresses of both families, also where no other interface
 * has an address (a namespace of its own, where the kernel lets us make one); a port that is taken
 * is told; nothing but GET and HEAD of what there is is answered. The status page loads its own
 * files only, and a name that looks like HTML stays a string of JSON.
 */
#include "cp/admin/http.h"
#include "cp/admin/metrics.h"
#include "tests/world/cp_env.h"

#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct env *env;
static struct event_base *base;
static struct metrics *m;
static char text[1 << 20];

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

static uint16_t begin(void)
{
	struct config_control *c = &env->conf.control;
	char err[256] = "";

	base = event_base_new();
	assert_true(ip_parse("127.0.0.1", &c->metrics_addr));
	close(bound(AF_INET, &c->metrics_port));
	if (!metrics_start(&env->s, base, &m, err, sizeof(err)))
		fail_msg("%s", err);
	return c->metrics_port;
}

static void end(void)
{
	metrics_stop(m);
	event_base_free(base);
}

/* Sends a request and turns the loop until the server has ended the connection; to text. */
static void exchange(int family, uint16_t port, const char *request)
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
	while ((n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else
			assert_int_equal(errno, EAGAIN);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	text[len] = '\0';
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
	struct config_control *c = &env->conf.control;
	char err[256] = "";
	int fd = bound(family, &c->metrics_port);

	if (fd < 0)
		skip(); /* no such family on this machine */
	base = event_base_new();
	assert_true(ip_parse(address, &c->metrics_addr));
	assert_int_equal(listen(fd, 1), 0);
	assert_false(metrics_start(&env->s, base, &m, err, sizeof(err))); /* taken */
	assert_non_null(strstr(err, address));
	assert_non_null(strstr(err, strerror(EADDRINUSE)));
	assert_null(m);
	close(fd);
	if (!metrics_start(&env->s, base, &m, err, sizeof(err)))
		fail_msg("%s", err);
	exchange(family, c->metrics_port, "GET /metrics HTTP/1.0\r\n\r\n");
	assert_int_equal(status(text), 200);
	assert_non_null(strstr(text, "# TYPE fairlead_"));
	exchange(family, c->metrics_port, "GET /else HTTP/1.0\r\n\r\n");
	assert_int_equal(status(text), 404);
	exchange(family, c->metrics_port, "DELETE /metrics HTTP/1.0\r\n\r\n");
	assert_int_equal(status(text), 405);
	metrics_stop(m);
	event_base_free(base);
}

/* What is asked for, after its headers. */
static const char *get(uint16_t port, const char *path)
{
	char request[128];
	const char *body;

	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
	exchange(AF_INET, port, request);
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
		{ "/chart.js", "\r\nContent-Type: text/javascript; charset=utf-8\r\n" },
		{ "/page.css", "\r\nContent-Type: text/css; charset=utf-8\r\n" },
		{ "/page.js", "\r\nContent-Type: text/javascript; charset=utf-8\r\n" },
	};
	uint16_t port;
	const char *body;
	json_t *j;

	(void)state;
	strcpy(env->conf.file, "<script>alert(1)</script>");
	port = begin();
	body = get(port, "/?x=<y>");
	assert_memory_equal(body, "<!doctype html>", 15);
	assert_non_null(strstr(text, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
	assert_non_null(strstr(body, "src=\"page.js\""));
	assert_null(strstr(body, "style=")); /* which the policy would not let through */
	assert_null(strstr(body, "<script>"));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		body = get(port, files[i][0]);
		assert_true(strlen(body) > 1000);
		assert_non_null(strstr(text, files[i][1]));
	}
	body = get(port, "/status");
	assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
	j = json_loads(body, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "workers")),
			 dplink_n_workers(env->s.link));
	assert_true(json_is_array(json_object_get(j, "drops")));
	assert_int_equal(json_array_size(json_object_get(j, "listeners")), env->conf.n_listener);
	assert_int_equal(json_array_size(json_object_get(j, "relays")), env->conf.n_relay);
	assert_true(json_is_array(json_object_get(j, "certificates")));
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(j, "status"), "config")),
	    "<script>alert(1)</script>");
	json_decref(j);
	body = get(port, "/history");
	j = json_loads(body, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "time")), env->s.history.n);
	assert_int_equal(json_array_size(json_object_get(j, "load")), env->s.history.n);
	json_decref(j);
	end();
}

/* Of a probe: its status, and all that it is told. */
static void probe(uint16_t port, const char *path, int want, const char *says)
{
	char request[128];

	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
	exchange(AF_INET, port, request);
	assert_int_equal(status(text), want);
	if (want == 503)
		assert_non_null(strstr(text, "HTTP/1.1 503 Service Unavailable\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, says);
}

static void health(void **state)
{
	struct ctl_port_info *p =
	    (struct ctl_port_info *)(env->dp.base + env->dp.region->port_info);
	uint16_t port;

	(void)state;
	for (uint32_t i = 0; i < env->conf.n_port; i++)
		p[i].link_up = 1;
	port = begin();
	probe(port, "/healthz", 200, "ok\n");
	probe(port, "/readyz", 200, "ok\n");
	env->s.drain.on = true;
	probe(port, "/healthz", 200, "ok\n");
	probe(port, "/readyz", 503, "the node is being drained\n");
	dplink_detach(env->s.link);
	probe(port, "/healthz", 503, "no dataplane is attached: nothing is relayed\n");
	probe(port, "/readyz", 503,
	      "no dataplane is attached: nothing is relayed\nthe node is being drained\n");
	end();
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

/* ---- what comes in ---- */

/* from: in host byte order, one of 127.0.0.0/8. */
static int connected_from(uint32_t from, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in us = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	us.sin_addr.s_addr = htonl(from);
	assert_int_equal(bind(fd, (struct sockaddr *)&us, sizeof(us)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static int connected(uint16_t port)
{
	return connected_from(INADDR_LOOPBACK, port);
}

static void turns(int n)
{
	while (n--)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Whether the server has ended a connection. */
static bool ended(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void requests_that_are_none(void **state)
{
	static char many[HTTP_HEAD_MAX + 64];
	static const struct {
		const char *request;
		int status;
	} t[] = {
		{ "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405 },
		{ "PUT / HTTP/1.1\r\n\r\n", 405 },
		{ "OPTIONS * HTTP/1.1\r\n\r\n", 405 },
		{ "get / HTTP/1.1\r\n\r\n", 405 },
		{ "GET / HTTP/2.0\r\n\r\n", 505 },
		{ "GET / FTP/1.0\r\n\r\n", 400 },
		{ "GET /\r\n\r\n", 400 },
		{ "GET  HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1 x\r\n\r\n", 400 },
		{ "GET metrics HTTP/1.1\r\n\r\n", 400 },
		{ "GET /../metrics HTTP/1.1\r\n\r\n", 404 },
		{ "\r\n\r\n", 400 },
		{ many, 431 },
		/* And some that are. */
		{ "GET http://127.0.0.1:9643/page.js?x HTTP/1.1\r\nHost: h\r\n\r\n", 200 },
		{ "GET http://h HTTP/1.1\r\n\r\n", 200 },
		{ "GET /page.css HTTP/1.0\n\n", 200 },
		{ "GET /page.css HTTP/1.1\r\nHost: h\r\n\r\nGET /else HTTP/1.1\r\n\r\n", 200 },
	};
	uint16_t port = begin();

	(void)state;
	memset(many, 'a', sizeof(many) - 1);
	memcpy(many, "GET / HTTP/1.1\r\nA: ", 19);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		exchange(AF_INET, port, t[i].request);
		if (status(text) != t[i].status)
			fail_msg("%s is answered with %d", t[i].request, status(text));
		assert_int_equal(strstr(text, "\r\nAllow: GET, HEAD\r\n") != NULL,
				 t[i].status == 405);
		assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
		assert_null(strstr(text + 1, "HTTP/1.1 ")); /* one answer */
	}
	end();
}

/* RFC 9110 9.3.2: what GET would have, without it. */
static void head(void **state)
{
	uint16_t port = begin();
	size_t len = 0;

	(void)state;
	exchange(AF_INET, port, "HEAD /page.js HTTP/1.1\r\n\r\n");
	assert_int_equal(status(text), 200);
	assert_int_equal(sscanf(strstr(text, "Content-Length:"), "Content-Length: %zu", &len), 1);
	assert_true(len > 1000);
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
	assert_non_null(strstr(text, "\r\nDate: "));
	end();
}

/* Those who take their time keep nobody out: the longest there makes room. */
static void slow_requests_keep_nobody_out(void **state)
{
	enum { SLOW = 320 };
	uint16_t port = begin();
	int fd[SLOW];

	(void)state;
	for (int i = 0; i < SLOW; i++) {
		fd[i] = connected(port);
		assert_int_equal(send(fd[i], "GET /met", 8, 0), 8);
		turns(3);
	}
	exchange(AF_INET, port, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_int_equal(status(text), 200);
	assert_true(ended(fd[0]));
	assert_true(ended(fd[SLOW - HTTP_CONNECTIONS]));
	assert_false(ended(fd[SLOW - HTTP_CONNECTIONS + 1]));
	/* One that was there is still served, in whatever pieces it comes. */
	for (const char *p = "rics HTTP/1.0\r\n\r\n"; *p; p++) {
		assert_int_equal(send(fd[SLOW - 1], p, 1, 0), 1);
		turns(2);
	}
	assert_int_equal(recv(fd[SLOW - 1], text, 15, MSG_WAITALL), 15);
	assert_memory_equal(text, "HTTP/1.1 200 OK", 15);
	for (int i = 0; i < SLOW; i++)
		close(fd[i]);
	end();
}

/*
 * Nor do those who ask and do not read what they are answered: one more who asks is no worse off
 * than they are, although he has not asked yet when they have.
 */
static void who_does_not_read_keeps_nobody_out(void **state)
{
	static const char get[] = "GET /metrics HTTP/1.1\r\n\r\n";
	uint16_t port = begin();
	int fd[2 * HTTP_CONNECTIONS], honest;

	(void)state;
	for (int i = 0; i < HTTP_CONNECTIONS; i++) {
		fd[i] = connected(port);
		assert_int_equal(send(fd[i], get, sizeof(get) - 1, 0), sizeof(get) - 1);
		turns(3);
	}
	honest = connected(port);
	turns(3);
	for (int i = HTTP_CONNECTIONS; i < 2 * HTTP_CONNECTIONS - 2; i++) {
		fd[i] = connected(port);
		assert_int_equal(send(fd[i], get, sizeof(get) - 1, 0), sizeof(get) - 1);
		turns(3);
	}
	assert_int_equal(send(honest, get, sizeof(get) - 1, 0), sizeof(get) - 1);
	turns(3);
	assert_int_equal(recv(honest, text, 15, MSG_DONTWAIT), 15);
	assert_memory_equal(text, "HTTP/1.1 200 OK", 15);
	close(honest);
	for (int i = 0; i < 2 * HTTP_CONNECTIONS - 2; i++)
		close(fd[i]);
	end();
}

/* Of another source nothing is taken while one has more. */
static void the_greediest_source_makes_room(void **state)
{
	uint16_t port = begin();
	int fd[2 * HTTP_CONNECTIONS], honest = connected_from(INADDR_LOOPBACK + 1, port);

	(void)state;
	turns(3);
	for (size_t i = 0; i < 2 * HTTP_CONNECTIONS; i++) {
		fd[i] = connected(port);
		turns(3);
	}
	assert_false(ended(honest));
	assert_true(ended(fd[HTTP_CONNECTIONS]));
	assert_false(ended(fd[HTTP_CONNECTIONS + 1]));
	for (size_t i = 0; i < 2 * HTTP_CONNECTIONS; i++)
		close(fd[i]);
	close(honest);
	end();
}

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The time is that of the whole request: a byte now and then does not lengthen it. */
static void a_trickle_ends(void **state)
{
	uint16_t port = begin();
	int fd = connected(port);
	uint64_t start = clock_ms();
	struct timeval pause = { 0, 100000 };

	(void)state;
	assert_int_equal(send(fd, "GET /", 5, 0), 5);
	while (!ended(fd)) {
		assert_true(clock_ms() - start < 4000 * HTTP_REQUEST_S);
		send(fd, "a", 1, MSG_NOSIGNAL);
		event_base_loopexit(base, &pause);
		event_base_dispatch(base);
	}
	assert_true(clock_ms() - start >= 1000 * HTTP_REQUEST_S - 100);
	close(fd);
	end();
}

/* R27: who connects and says nothing takes no descriptors that others need; later it serves again.
 */
static void descriptors_are_left_to_others(void **state)
{
	enum { CLIENTS = 300, ROUNDS = 3, ACCEPTED_MAX = HTTP_CONNECTIONS, TURNS = 250 };
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd[CLIENTS], before;

	(void)state;
	sa.sin_port = htons(begin());
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
	assert_in_range(lowest_free(), CLIENTS, before + CLIENTS + ACCEPTED_MAX);
	for (int i = 0; i < CLIENTS; i++)
		close(fd[i]);
	/* What stands in the backlog is taken when it listens again. */
	for (int i = 0; i < TURNS; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	assert_int_equal(lowest_free(), before);
	exchange(AF_INET, ntohs(sa.sin_port), "GET /metrics HTTP/1.0\r\n\r\n");
	assert_int_equal(status(text), 200);
	end();
}

static void none_is_fine(void **state)
{
	char err[256] = "";

	(void)state;
	env->conf.control.metrics_port = 0;
	assert_true(metrics_start(&env->s, NULL, &m, err, sizeof(err)));
	metrics_stop(m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(served_at_ipv4),
					    T(served_at_ipv6),
					    T(page),
					    T(health),
					    T(requests_that_are_none),
					    T(head),
					    T(slow_requests_keep_nobody_out),
					    T(a_trickle_ends),
					    T(descriptors_are_left_to_others),
					    T(who_does_not_read_keeps_nobody_out),
					    T(the_greediest_source_makes_room),
					    T(none_is_fine) };

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
