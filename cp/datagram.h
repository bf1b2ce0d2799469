/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_DATAGRAM_H
#define FL_CP_DATAGRAM_H

/* A UDP socket of the kernel, for protocols of controllers: a datagram is a message. */
#include "../lib/addr.h"

#include <event2/event.h>

enum {
	DATAGRAM_MAX = 65507,	 /* bytes */
	DATAGRAM_HEARD_MAX = 16, /* addresses that are told apart */
};

struct datagram;

/* A datagram of whoever; p is valid during the call. */
typedef void datagram_fn(void *arg, const struct sock_addr *from, const char *p, size_t len);

/* At an address; nobody is heard before it is enabled. NULL and errno on failure. */
struct datagram *datagram_open(struct event_base *base, const struct ip_addr *ip, uint16_t port,
			       datagram_fn *received, void *arg);
void datagram_enable(struct datagram *d);
/*
 * Only what comes from these addresses, which are of the socket's family, is heard from now on: the
 * kernel drops the rest before it takes up room. Where it does not, all are heard as before.
 */
void datagram_hear(struct datagram *d, const struct ip_addr *from, uint32_t n);
/* Datagrams that it has dropped: of others, or there was no room for them. NULL: 0. */
uint32_t datagram_dropped(const struct datagram *d);
/* NULL is fine. */
void datagram_close(struct datagram *d);
/* What the kernel does not take is lost, as on the way. */
void datagram_send(struct datagram *d, const struct sock_addr *to, const void *p, size_t len);

#endif
