/* SPDX-License-Identifier: BSD-3-Clause */
/* ng over UDP: a datagram is a command, and gets a datagram. */
#include "ng_priv.h"

#include "../socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	COMMANDS_PER_TURN = 64, /* before TURN has a turn */
	RECEIVE_BUFFER = 1 << 20,
};

struct ng_udp {
	struct ng *ng;
	struct event *event;
	int fd;
	char in[NG_MESSAGE_MAX + 1];
};

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct ng_udp *u = arg;

	(void)what;
	for (int i = 0; i < COMMANDS_PER_TURN; i++) {
		union socket_addr sa;
		socklen_t len = sizeof(sa);
		ssize_t n = recvfrom(fd, u->in, sizeof(u->in), 0, &sa.any, &len);
		struct ng_from from = { 0 };

		if (n < 0)
			return; /* nothing is left, or an ICMP error of an answer */
		from.addr = socket_addr_get(&sa);
		if (!ng_allowed(u->ng, &from.addr.ip))
			u->ng->stats.not_allowed++;
		else
			ng_take(u->ng, &from, u->in, (size_t)n);
	}
}

void ng_udp_send(struct ng_udp *u, const struct sock_addr *to, const void *p, size_t len)
{
	union socket_addr sa;
	socklen_t n = socket_addr_put(to, &sa);

	/* An answer that is lost is asked for again. */
	(void)!sendto(u->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL, &sa.any, n);
}

struct ng_udp *ng_udp_open(struct ng *n, const struct config_gateway *c, char *err, size_t errlen)
{
	uint16_t port = c->ng_port;
	struct ng_udp *u = calloc(1, sizeof(*u));
	int size = RECEIVE_BUFFER;

	if (u) {
		u->ng = n;
		u->fd = socket_open(SOCK_DGRAM, &c->ng_addr, port);
		if (u->fd >= 0)
			u->event = event_new(n->base, u->fd, EV_READ | EV_PERSIST, readable, u);
	}
	if (!u || !u->event) {
		snprintf(err, errlen, "cannot serve ng at UDP port %u (gateway.ng-address): %s",
			 port, strerror(errno));
		ng_udp_close(u);
		return NULL;
	}
	setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return u;
}

void ng_udp_enable(struct ng_udp *u)
{
	event_add(u->event, NULL);
}

void ng_udp_close(struct ng_udp *u)
{
	if (!u)
		return;
	if (u->event)
		event_free(u->event);
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}
