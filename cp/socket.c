/* SPDX-License-Identifier: BSD-3-Clause */
#include "socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

socklen_t socket_addr_put(const struct sock_addr *a, union socket_addr *out)
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

struct sock_addr socket_addr_get(const union socket_addr *in)
{
	struct sock_addr a = { 0 };
	struct be32 v4;

	if (in->any.sa_family == AF_INET) {
		memcpy(v4.b, &in->v4.sin_addr, sizeof(v4.b));
		a.ip = ip_from_v4(v4);
		a.port = be16_make(ntohs(in->v4.sin_port));
	} else if (in->any.sa_family == AF_INET6) {
		memcpy(a.ip.b, &in->v6.sin6_addr, sizeof(a.ip.b));
		a.port = be16_make(ntohs(in->v6.sin6_port));
	}
	return a;
}

struct sock_addr socket_addr_peer(const struct sockaddr *sa, int len)
{
	union socket_addr peer = { 0 };

	memcpy(&peer, sa, (size_t)len < sizeof(peer) ? (size_t)len : sizeof(peer));
	return socket_addr_get(&peer);
}

int socket_open(int type, const struct ip_addr *ip, uint16_t port)
{
	const struct sock_addr a = { *ip, be16_make(port) };
	union socket_addr sa;
	socklen_t len = socket_addr_put(&a, &sa);
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

int socket_connect(const struct ip_addr *from, const struct sock_addr *to)
{
	int fd = socket_open(SOCK_STREAM, from, 0), on = 1, e;
	union socket_addr sa;
	socklen_t len = socket_addr_put(to, &sa);

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &sa.any, len) == 0 || errno == EINPROGRESS)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}
