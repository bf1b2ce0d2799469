/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams through a TLS proxy to a back end in this process, and connections that do nothing. */
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static enum direction direction;
static uint32_t echo_bytes = 64;
static uint64_t arrived; /* bytes, at the end they are for */
static uint8_t chunk[LOAD_CHUNK];

/* ---- back end ---- */

struct back {
	struct watch w;
};

/* Echoes are small: what does not fit the socket's buffer was never asked for. */
static void back_on(struct watch *w, uint32_t events)
{
	ssize_t n;

	(void)events;
	while ((n = recv(w->fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0) {
		if (direction == UP)
			arrived += (uint64_t)n;
		else if (direction == ECHO && write(w->fd, chunk, (size_t)n) != n)
			load_errors++;
	}
	if (n == 0 || errno != EAGAIN) {
		close(w->fd);
		free(w);
		return;
	}
	/* A turn has its end: the client wants one, too. The rest comes when there is room. */
	while (direction == DOWN && write(w->fd, chunk, sizeof(chunk)) > 0)
		;
}

static void back_accept(struct watch *w, uint32_t events)
{
	int fd, one = 1;

	(void)events;
	while ((fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct back *b = calloc(1, sizeof(*b));

		if (!b)
			load_die("back end");
		b->w = (struct watch){ .on = back_on, .fd = fd };
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch_add(&b->w);
	}
}

static void back_listen(const char *port)
{
	static struct watch w = { .on = back_accept };
	struct sockaddr_storage a;
	socklen_t len = address_parse(&a, "::", port);
	int one = 1;

	w.fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(w.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (w.fd < 0 || bind(w.fd, (struct sockaddr *)&a, len) < 0 || listen(w.fd, BACKLOG) < 0)
		load_die("back end");
	watch_add(&w);
}

/* ---- clients ---- */

struct client {
	struct conn c;
	uint64_t since;
	uint32_t got; /* bytes of this echo */
};

static void client_ask(struct client *t)
{
	t->since = load_now();
	t->got = 0;
	if (conn_send(&t->c, chunk, echo_bytes) != echo_bytes)
		load_errors++;
}

static void client_echo(struct client *t, uint32_t n)
{
	t->got += n;
	if (t->got < echo_bytes)
		return;
	load_sample((double)(load_now() - t->since) / 1e3);
	client_ask(t);
}

static void client_on(struct watch *w, uint32_t events)
{
	struct client *t = (struct client *)w;
	ssize_t n;

	(void)events;
	while ((n = conn_recv(&t->c, chunk, sizeof(chunk))) > 0) {
		if (direction == DOWN)
			arrived += (uint64_t)n;
		else if (direction == ECHO)
			client_echo(t, (uint32_t)n);
	}
	while (n == 0 && direction == UP && (n = conn_send(&t->c, chunk, sizeof(chunk))) > 0)
		n = 0;
	if (n < 0) {
		load_errors++;
		conn_close(&t->c);
	}
}

static struct client *clients_open(uint32_t n, SSL_CTX *ctx)
{
	struct client *t = calloc(n, sizeof(*t));
	uint32_t i;

	if (!t)
		load_die("clients");
	for (i = 0; i < n; i++) {
		if (!conn_open(&t[i].c, ctx))
			load_die("a handshake");
		conn_unblock(&t[i].c);
		t[i].c.w.on = client_on;
	}
	for (i = 0; i < n; i++) {
		/* Something for services that choose by first bytes, and to begin with. */
		if (direction == ECHO)
			client_ask(&t[i]);
		else if (conn_send(&t[i].c, chunk, 1) != 1)
			load_errors++;
		watch_add(&t[i].c.w);
	}
	return t;
}

static void run_until(uint64_t end)
{
	uint64_t now;

	while ((now = load_now()) < end)
		load_poll(end - now);
}

bool load_stream(int argc, char **argv)
{
	uint64_t begin, bytes;
	uint32_t n;
	struct load_cpu cpu;
	double took, mbit;

	if (argc < 6 || argc > 7 || !direction_parse(argv[5], &direction))
		return false;
	n = (uint32_t)atoi(argv[3]);
	if (argc == 7)
		echo_bytes = (uint32_t)atoi(argv[6]);
	if (!n || !echo_bytes || echo_bytes > sizeof(chunk))
		return false;
	opt.to_len = address_parse(&opt.to, argv[0], argv[1]);
	back_listen(argv[2]);
	load_before();
	clients_open(n, client_context());
	run_until(load_now() + LOAD_WARM_MS * NS_PER_MS);
	begin = load_now();
	cpu = load_cpu();
	bytes = arrived;
	run_until(begin + (uint64_t)(atof(argv[4]) * 1e9));
	took = (double)(load_now() - begin) / 1e9;
	cpu = load_cpu_since(cpu);
	mbit = (double)(arrived - bytes) * 8 / 1e6;
	printf("{\"load\": \"stream\", \"direction\": \"%s\", \"streams\": %u, \"seconds\": %.2f",
	       argv[5], n, took);
	if (direction != ECHO)
		printf(", \"mbit_per_s\": %.1f", mbit / took);
	load_cpu_print(cpu, "mbit", mbit);
	load_samples_print();
	printf(", \"errors\": %ju}\n", (uintmax_t)load_errors);
	return true;
}

bool load_idle(int argc, char **argv)
{
	bool turn = argc == 4 && !strcmp(argv[3], "turn");
	uint32_t n, i, open = 0;
	SSL_CTX *ctx;
	char byte;

	if (argc < 3 || (argc == 4 && !turn) || argc > 4)
		return false;
	n = (uint32_t)atoi(argv[2]);
	opt.to_len = address_parse(&opt.to, argv[0], argv[1]);
	ctx = client_context();
	for (i = 0; i < n && load_errors < 10; i++) {
		struct conn c = { .ssl = NULL };

		/* Only the other side's memory matters: the socket stays, our SSL object with it.
		 */
		if (conn_open(&c, ctx) && (!turn || turn_allocate(&c)))
			open++;
	}
	printf("{\"load\": \"idle\", \"connections\": %u, \"turn\": %s, \"errors\": %ju}\n", open,
	       turn ? "true" : "false", (uintmax_t)load_errors);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return true;
}
