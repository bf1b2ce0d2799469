/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics over HTTP: served at loopback addresses of both families, also where no other interface
 * has an address (a namespace of its own, where the kernel lets us make one); a port that is taken
 * is told; nothing but GET and HEAD of /metrics is answered.
 */
#include "cp/admin/metrics.h"
#include "cp_env.h"

#include <errno.h>
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
	const struct CMUnitTest tests[] = { T(served_at_ipv4), T(served_at_ipv6), T(none_is_fine) };

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
