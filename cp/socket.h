/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_SOCKET_H
#define FL_CP_SOCKET_H

/* The kernel's sockets, at addresses as this tree has them. */
#include "../lib/addr.h"

#include <netinet/in.h>
#include <sys/socket.h>

union socket_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The address as the kernel wants it; returns its length. */
socklen_t socket_addr_put(const struct sock_addr *a, union socket_addr *out);
/* The kernel's address as ours. All zeros if it is of neither family. */
struct sock_addr socket_addr_get(const union socket_addr *in);
/* The address of who connected, as a listener of libevent tells it. */
struct sock_addr socket_addr_peer(const struct sockaddr *sa, int len);

/*
 * A socket of that type (SOCK_DGRAM, SOCK_STREAM) at an address: not blocking, and of IPv6 only if
 * the address is. -1 and errno on failure.
 */
int socket_open(int type, const struct ip_addr *ip, uint16_t port);
/*
 * A TCP socket that is connecting, from an address, without Nagle's algorithm. -1 and errno on
 * failure.
 */
int socket_connect(const struct ip_addr *from, const struct sock_addr *to);

#endif
