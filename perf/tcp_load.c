/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load on a TCP server or proxy by kernel sockets, one thread, epoll.
 *
 *   tcp_load serve PORT             answers: 'e' as first byte: echo; 'd': discard
 *   tcp_load bulk IP PORT N S       N connections send all they can for S seconds; what the
 *                                   server took is what counts, so each ends with its FIN
 *   tcp_load rate IP PORT N S       N at a time: connect, one byte there and back, close
 *   tcp_load ping IP PORT BYTES S   one connection, one message at a time there and back
 *
 * Prints one JSON object. A connection that fails or does not answer within 10 s is an error, and
 * errors make the exit status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, CHUNK = 65536, FDS_MAX = 65536, PATIENCE_S = 10, SAMPLES_MAX = 1 << 22 };

static char chunk[CHUNK];
static int ep;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "tcp_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void watch(int fd, uint32_t events, int op)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	if (epoll_ctl(ep, op, fd, &e) < 0)
		die("epoll");
}

/* ---- server ---- */

static char kind[FDS_MAX]; /* 0: first byte has not come */

static void serve_conn(int fd)
{
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		close(fd);
		return;
	}
	if (!kind[fd])
		kind[fd] = chunk[0];
	/* Echoes are small: what does not fit the socket's buffer was never asked for. */
	if (kind[fd] == 'e' && write(fd, chunk, (size_t)n) != n)
		close(fd);
}

static void serve(uint16_t port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int l = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, i, n;
	struct epoll_event e[EVENTS];

	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (l < 0 || bind(l, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(l, 4096) < 0)
		die("listen");
	watch(l, EPOLLIN, EPOLL_CTL_ADD);
	puts("ready");
	fflush(stdout);
	for (;;) {
		n = epoll_wait(ep, e, EVENTS, -1);
		for (i = 0; i < n; i++) {
			int fd;

			if (e[i].data.fd != l) {
				serve_conn(e[i].data.fd);
				continue;
			}
			while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0 && fd < FDS_MAX) {
				kind[fd] = 0;
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
				watch(fd, EPOLLIN, EPOLL_CTL_ADD);
			}
		}
	}
}

/* ---- clients ---- */

static struct sockaddr_storage target;
static socklen_t target_len;
static uint64_t errors;

static void target_set(const char *ip, const char *port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&target;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&target;

	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)atoi(port));
		target_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)atoi(port));
		target_len = sizeof(*v6);
	} else {
		fprintf(stderr, "tcp_load: %s is no address\n", ip);
		exit(2);
	}
}

static int dial(void)
{
	int fd = socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&target, target_len) < 0 && errno != EINPROGRESS)
		die("connect");
	return fd;
}

static bool fd_failed(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err;
}

/* Bytes of a connection count when the server has closed after our FIN: then it took them all. */
static void bulk(int conns, double seconds)
{
	static uint64_t sent[FDS_MAX];
	double start = now(), end = start + seconds, last = start;
	struct epoll_event e[EVENTS];
	uint64_t bytes = 0;
	int open = conns, sndbuf = conns < 64 ? 1 << 20 : 65536, i, n;

	memset(chunk, 'd', sizeof(chunk));
	for (i = 0; i < conns; i++) {
		int fd = dial();

		if (fd >= FDS_MAX)
			die("descriptors");
		/* What stands in socket buffers at the end takes time that nobody wants to wait. */
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
		watch(fd, EPOLLOUT, EPOLL_CTL_ADD);
	}
	while (open > 0 && now() < end + PATIENCE_S) {
		n = epoll_wait(ep, e, EVENTS, 100);
		for (i = 0; i < n; i++) {
			int fd = e[i].data.fd;
			ssize_t w;

			if (e[i].events & EPOLLIN || fd_failed(fd)) {
				if (e[i].events & EPOLLIN && read(fd, chunk, 1) == 0 &&
				    now() >= end)
					bytes += sent[fd];
				else
					errors++;
				close(fd);
				open--;
				last = now();
			} else if (now() >= end) {
				shutdown(fd, SHUT_WR);
				watch(fd, EPOLLIN, EPOLL_CTL_MOD);
			} else if ((w = write(fd, chunk, sizeof(chunk))) > 0) {
				sent[fd] += (uint64_t)w;
			}
		}
	}
	errors += (uint64_t)open;
	printf("{\"load\": \"bulk\", \"connections\": %d, \"seconds\": %.2f, \"mbit_per_s\": %.1f, "
	       "\"errors\": %ju}\n",
	       conns, last - start, bytes ? (double)bytes * 8 / 1e6 / (last - start) : 0,
	       (uintmax_t)errors);
}

static void rate(int at_once, double seconds)
{
	static double since[FDS_MAX];
	double start = now(), end = start + seconds;
	struct epoll_event e[EVENTS];
	uint64_t done = 0;
	int open = 0, i, n;

	while (open > 0 || now() < end) {
		while (open < at_once && now() < end) {
			int fd = dial();

			since[fd] = now();
			kind[fd] = 0;
			watch(fd, EPOLLOUT, EPOLL_CTL_ADD);
			open++;
		}
		n = epoll_wait(ep, e, EVENTS, 100);
		for (i = 0; i < n; i++) {
			int fd = e[i].data.fd;

			if (fd_failed(fd)) {
				errors++;
			} else if (!kind[fd]) {
				errors += write(fd, "e", 1) != 1;
				kind[fd] = 1;
				watch(fd, EPOLLIN, EPOLL_CTL_MOD);
				continue;
			} else if (read(fd, chunk, 1) == 1) {
				done++;
			} else {
				errors++;
			}
			close(fd);
			open--;
		}
		for (i = 0; n == 0 && i < FDS_MAX && open; i++)
			if (since[i] && now() - since[i] > PATIENCE_S) {
				errors += (uint64_t)open;
				open = 0;
				end = 0;
			}
	}
	printf("{\"load\": \"rate\", \"at_once\": %d, \"connections_per_s\": %.0f, "
	       "\"errors\": %ju}\n",
	       at_once, (double)done / (now() - start), (uintmax_t)errors);
}

static int float_cmp(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void ping(int bytes, double seconds)
{
	float *us = malloc(sizeof(float) * SAMPLES_MAX);
	struct timeval patience = { .tv_sec = PATIENCE_S };
	double end = now() + seconds;
	uint32_t n = 0;
	int fd = dial(), flags = 1;

	memset(chunk, 'e', sizeof(chunk));
	if (!us || bytes < 1 || bytes > CHUNK)
		die("ping");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &flags, sizeof(flags));
	watch(fd, EPOLLOUT, EPOLL_CTL_ADD);
	epoll_wait(ep, &(struct epoll_event){ 0 }, 1, PATIENCE_S * 1000);
	watch(fd, EPOLLIN, EPOLL_CTL_MOD);
	while (now() < end && n < SAMPLES_MAX) {
		double t = now();
		ssize_t got = 0, r;

		if (write(fd, chunk, (size_t)bytes) != bytes)
			die("write");
		while (got < bytes) {
			r = read(fd, chunk, (size_t)(bytes - got));
			if (r < 0 && errno == EAGAIN) {
				if (now() - t > PATIENCE_S)
					die("read");
				continue;
			}
			if (r <= 0)
				die("read");
			got += r;
		}
		us[n++] = (float)((now() - t) * 1e6);
	}
	qsort(us, n, sizeof(float), float_cmp);
	printf("{\"load\": \"ping\", \"bytes\": %d, \"rounds\": %u, \"us_p50\": %.1f, "
	       "\"us_p99\": %.1f, \"us_p999\": %.1f}\n",
	       bytes, n, us[n / 2], us[(uint32_t)(n * 0.99)], us[(uint32_t)(n * 0.999)]);
	free(us);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		die("getrlimit");
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	ep = epoll_create1(0);
	if (argc == 3 && !strcmp(what, "serve")) {
		serve((uint16_t)atoi(argv[2]));
	} else if (argc == 6 &&
		   (!strcmp(what, "bulk") || !strcmp(what, "rate") || !strcmp(what, "ping"))) {
		target_set(argv[2], argv[3]);
		(what[0] == 'b'	  ? bulk
		 : what[0] == 'r' ? rate
				  : ping)(atoi(argv[4]), atof(argv[5]));
	} else {
		fputs("usage: tcp_load serve PORT | bulk IP PORT CONNECTIONS SECONDS |\n"
		      "       rate IP PORT AT-ONCE SECONDS | ping IP PORT BYTES SECONDS\n",
		      stderr);
		return 2;
	}
	return errors != 0;
}
