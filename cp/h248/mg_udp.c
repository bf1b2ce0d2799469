/* SPDX-License-Identifier: BSD-3-Clause */
/* H.248 over UDP: a datagram is a message. */
#include "mg_priv.h"

#include "../socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MESSAGES_PER_TURN = 64, /* before TURN has a turn */
	RECEIVE_BUFFER = 1 << 20,
};

struct mg_udp {
	struct mg *mg;
	struct event *event;
	int fd;
	char in[H248_MESSAGE_MAX + 1];
};

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct mg_udp *u = arg;

	(void)what;
	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		union socket_addr sa;
		socklen_t len = sizeof(sa);
		ssize_t n = recvfrom(fd, u->in, sizeof(u->in), 0, &sa.any, &len);
		struct sock_addr from;

		if (n < 0)
			return; /* nothing is left, or an ICMP error of what was sent */
		from = socket_addr_get(&sa);
		mg_take(u->mg, &from, u->in, (size_t)n);
	}
}

void mg_udp_send(struct mg_udp *u, const struct sock_addr *to, const void *p, size_t len)
{
	union socket_addr sa;
	socklen_t n = socket_addr_put(to, &sa);

	/* What is lost is sent again, or asked for again. */
	(void)!sendto(u->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL, &sa.any, n);
}

struct mg_udp *mg_udp_open(struct mg *m, const struct config_gateway *c, char *err, size_t errlen)
{
	struct mg_udp *u = calloc(1, sizeof(*u));
	int size = RECEIVE_BUFFER;

	if (u) {
		u->mg = m;
		u->fd = socket_open(SOCK_DGRAM, &c->h248_addr, c->h248_port);
		if (u->fd >= 0)
			u->event = event_new(m->base, u->fd, EV_READ | EV_PERSIST, readable, u);
	}
	if (!u || !u->event) {
		snprintf(err, errlen, "cannot use UDP port %u for H.248 (gateway.h248-address): %s",
			 c->h248_port, strerror(errno));
		mg_udp_close(u);
		return NULL;
	}
	setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	event_add(u->event, NULL);
	return u;
}

void mg_udp_close(struct mg_udp *u)
{
	if (!u)
		return;
	if (u->event)
		event_free(u->event);
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}
