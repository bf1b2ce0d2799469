/* SPDX-License-Identifier: BSD-3-Clause */
/* ng over UDP: a datagram is a command, and gets a datagram. */
#include "ng_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void received(void *arg, const struct sock_addr *addr, const char *p, size_t len)
{
	const struct source_addr from = { .addr = *addr };
	struct ng *n = arg;

	if (!ng_allowed(n, &from.addr.ip))
		n->stats.not_allowed++;
	else
		ng_take(n, &from, p, len);
}

struct datagram *ng_udp_open(struct ng *n, const struct config_gateway *c, char *err, size_t errlen)
{
	struct datagram *d = datagram_open(n->base, &c->ng_addr, c->ng_port, received, n);

	if (!d)
		snprintf(err, errlen, "cannot serve ng at UDP port %u (gateway.ng-address): %s",
			 c->ng_port, strerror(errno));
	return d;
}
