/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent's Unix socket: clients, their lines and answers. Nothing here blocks. */
#include "agent.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { EVENTS = 64, LISTEN_EVENT = AGENT_CLIENTS_MAX };

static struct client *clients[AGENT_CLIENTS_MAX];
static uint32_t n_clients; /* places that were ever used */

bool clients_open(const char *path, char *err, size_t errlen)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = LISTEN_EVENT };
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	agent.epoll = epoll_create1(EPOLL_CLOEXEC);
	agent.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (agent.epoll >= 0 && agent.listen_fd >= 0 &&
	    bind(agent.listen_fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    listen(agent.listen_fd, 1024) == 0 &&
	    epoll_ctl(agent.epoll, EPOLL_CTL_ADD, agent.listen_fd, &e) == 0)
		return true;
	snprintf(err, errlen, "--socket: cannot listen on %s: %m", path);
	return false;
}

static void client_free(uint32_t i)
{
	struct client *c = clients[i];

	request_drop(c);
	close(c->fd);
	free(c->out);
	free(c);
	clients[i] = NULL;
}

void clients_close(const char *path)
{
	uint32_t i;

	for (i = 0; i < n_clients; i++)
		if (clients[i])
			client_free(i);
	if (agent.listen_fd >= 0)
		unlink(path);
}

static void client_accept(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int fd = accept4(agent.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uint32_t i = 0;

	while (i < AGENT_CLIENTS_MAX && clients[i])
		i++;
	if (fd >= 0 && i < AGENT_CLIENTS_MAX)
		clients[i] = calloc(1, sizeof(**clients));
	if (fd < 0 || i == AGENT_CLIENTS_MAX || !clients[i]) {
		close(fd);
		return;
	}
	clients[i]->fd = fd;
	n_clients = RTE_MAX(n_clients, i + 1);
	e.data.u32 = i;
	epoll_ctl(agent.epoll, EPOLL_CTL_ADD, fd, &e);
}

void say(struct client *c, const char *format, ...)
{
	va_list ap;
	int n;

	for (;;) {
		va_start(ap, format);
		n = vsnprintf(c->out + c->out_len, c->out_cap - c->out_len, format, ap);
		va_end(ap);
		if (n < 0 || (size_t)n < c->out_cap - c->out_len)
			break;
		c->out_cap = 2 * c->out_cap + (size_t)n + 1;
		c->out = realloc(c->out, c->out_cap);
		if (!c->out)
			abort();
	}
	c->out_len += n > 0 ? (size_t)n : 0;
}

/* Sends what is to be said. False when the client has gone. */
static bool client_flush(struct client *c)
{
	ssize_t n = 0;

	while (c->out_at < c->out_len) {
		n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0)
			break;
		c->out_at += (size_t)n;
	}
	if (c->out_at == c->out_len)
		c->out_at = c->out_len = 0;
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* Requests that are whole, until one has to wait. */
static void client_lines(struct client *c)
{
	char *end;

	while (!c->rq && (end = memchr(c->in, '\n', c->in_len))) {
		size_t n = (size_t)(end - c->in) + 1;

		*end = '\0';
		agent.moved = true;
		request_begin(c, c->in);
		c->in_len -= n;
		memmove(c->in, c->in + n, c->in_len);
	}
	if (c->in_len == sizeof(c->in)) {
		say(c, "{\"error\":\"a line has at most %d bytes\"}\n", AGENT_LINE_MAX - 1);
		c->in_len = 0;
		c->eof = true;
	}
}

/* False when the client has gone. */
static bool client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false; /* what it asked for last is nobody's */
	c->in_len += (size_t)n;
	client_lines(c);
	return true;
}

void clients_poll(uint32_t wait_us)
{
	struct timespec wait = { .tv_nsec = (long)wait_us * 1000 };
	struct epoll_event e[EVENTS];
	int n = epoll_pwait2(agent.epoll, e, EVENTS, &wait, NULL), i;

	for (i = 0; i < n; i++) {
		uint32_t at = e[i].data.u32;

		if (at == LISTEN_EVENT)
			client_accept();
		else if (clients[at] && (clients[at]->in_len == sizeof(clients[at]->in) ||
					 !client_read(clients[at])))
			client_free(at);
	}
}

bool clients_step(void)
{
	uint32_t i;

	agent.moved = false;
	for (i = 0; i < n_clients; i++) {
		struct client *c = clients[i];

		if (!c)
			continue;
		if (c->rq && request_step(c))
			client_lines(c);
		if (c->out_len && (!client_flush(c) || (c->eof && !c->out_len)))
			client_free(i);
	}
	return agent.moved;
}
