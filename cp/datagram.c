/* SPDX-License-Identifier: BSD-3-Clause */
#include "datagram.h"

#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	DATAGRAMS_PER_TURN = 64, /* before TURN has a turn */
	RECEIVE_BUFFER = 1 << 20,
};

struct datagram {
	datagram_fn *received;
	void *arg;
	struct event *event;
	int fd;
	char in[DATAGRAM_MAX + 1];
};

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct datagram *d = arg;

	(void)what;
	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		union socket_addr sa;
		socklen_t len = sizeof(sa);
		ssize_t n = recvfrom(fd, d->in, sizeof(d->in), 0, &sa.any, &len);
		struct sock_addr from;

		if (n < 0)
			return; /* nothing is left, or an ICMP error of what was sent */
		from = socket_addr_get(&sa);
		d->received(d->arg, &from, d->in, (size_t)n);
	}
}

void datagram_send(struct datagram *d, const struct sock_addr *to, const void *p, size_t len)
{
	union socket_addr sa;
	socklen_t n = socket_addr_put(to, &sa);

	(void)!sendto(d->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL, &sa.any, n);
}

struct datagram *datagram_open(struct event_base *base, const struct ip_addr *ip, uint16_t port,
			       datagram_fn *received, void *arg)
{
	struct datagram *d = calloc(1, sizeof(*d));
	int size = RECEIVE_BUFFER, why;

	if (!d)
		return NULL;
	d->received = received;
	d->arg = arg;
	d->fd = socket_open(SOCK_DGRAM, ip, port);
	if (d->fd >= 0)
		d->event = event_new(base, d->fd, EV_READ | EV_PERSIST, readable, d);
	if (!d->event) {
		why = errno;
		datagram_close(d);
		errno = why;
		return NULL;
	}
	setsockopt(d->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return d;
}

void datagram_enable(struct datagram *d)
{
	event_add(d->event, NULL);
}

void datagram_close(struct datagram *d)
{
	if (!d)
		return;
	if (d->event)
		event_free(d->event);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}
