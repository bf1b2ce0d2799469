/* SPDX-License-Identifier: BSD-3-Clause */
/* ng over UDP: a datagram is a command, and gets a datagram. */
#include "ng_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	COMMANDS_PER_TURN = 64, /* before TURN has a turn */
	RECEIVE_BUFFER = 1 << 20,
};

struct ng_udp {
	struct ng *ng;
	struct event *event;
	int fd;
	bool v6;
	char in[NG_MESSAGE_MAX + 1];
};

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t to_socket(const struct sock_addr *a, union socket_address *out)
{
	memset(out, 0, sizeof(*out));
	if (ip_is_v4(&a->ip)) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(be16_get(a->port));
		memcpy(&out->v4.sin_addr, a->ip.b + 12, sizeof(out->v4.sin_addr));
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(be16_get(a->port));
	memcpy(&out->v6.sin6_addr, a->ip.b, sizeof(out->v6.sin6_addr));
	return sizeof(out->v6);
}

static void from_socket(const union socket_address *in, struct sock_addr *a)
{
	struct be32 v4;

	if (in->any.sa_family == AF_INET) {
		memcpy(v4.b, &in->v4.sin_addr, sizeof(v4.b));
		a->ip = ip_from_v4(v4);
		a->port = be16_make(ntohs(in->v4.sin_port));
		return;
	}
	memcpy(a->ip.b, &in->v6.sin6_addr, sizeof(a->ip.b));
	a->port = be16_make(ntohs(in->v6.sin6_port));
}

int ng_socket(const struct ng *n, int type, uint16_t port)
{
	const struct sock_addr a = { n->s->conf->gateway.ng_addr, be16_make(port) };
	union socket_address sa;
	socklen_t len = to_socket(&a, &sa);
	int fd = socket(sa.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, e;

	if (fd < 0)
		return -1;
	if ((type != SOCK_STREAM ||
	     setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0) &&
	    (sa.any.sa_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	    bind(fd, &sa.any, len) == 0)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct ng_udp *u = arg;

	(void)what;
	for (int i = 0; i < COMMANDS_PER_TURN; i++) {
		union socket_address sa;
		socklen_t len = sizeof(sa);
		ssize_t n = recvfrom(fd, u->in, sizeof(u->in), 0, &sa.any, &len);
		struct ng_from from = { 0 };

		if (n < 0)
			return; /* nothing is left, or an ICMP error of an answer */
		from_socket(&sa, &from.addr);
		if (!ng_allowed(u->ng, &from.addr.ip))
			u->ng->stats.not_allowed++;
		else
			ng_take(u->ng, &from, u->in, (size_t)n);
	}
}

void ng_udp_send(struct ng_udp *u, const struct sock_addr *to, const void *p, size_t len)
{
	union socket_address sa;
	socklen_t n = to_socket(to, &sa);

	/* An answer that is lost is asked for again. */
	(void)!sendto(u->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL, &sa.any, n);
}

struct ng_udp *ng_udp_open(struct ng *n, struct event_base *base, char *err, size_t errlen)
{
	uint16_t port = n->s->conf->gateway.ng_port;
	struct ng_udp *u = calloc(1, sizeof(*u));
	int size = RECEIVE_BUFFER;

	if (u) {
		u->ng = n;
		u->fd = ng_socket(n, SOCK_DGRAM, port);
		if (u->fd >= 0)
			u->event = event_new(base, u->fd, EV_READ | EV_PERSIST, readable, u);
	}
	if (!u || !u->event || event_add(u->event, NULL) != 0) {
		snprintf(err, errlen, "cannot serve ng at UDP port %u (gateway.ng-address): %s",
			 port, strerror(errno));
		ng_udp_close(u);
		return NULL;
	}
	setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return u;
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
