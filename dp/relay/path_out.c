/* SPDX-License-Identifier: BSD-3-Clause */
#include "path.h"
#include "../net/neigh.h"

void path_out_make(struct path_out *l, bool v6, const struct sock_addr *src,
		   const struct sock_addr *dst)
{
	const struct ip_addr before = path_out_dst(l, v6);
	/* A refresh leads nowhere else. */
	const uint32_t nh = ip_eq(&before, &dst->ip) ? l->nh : NH_NONE;

	*l = (struct path_out){ .sport = src->port, .dport = dst->port, .nh = nh };
	if (ip_is_v4(&dst->ip)) {
		l->src = ip_to_v4(&src->ip);
		l->dst = ip_to_v4(&dst->ip);
	} else {
		l->dst6 = dst->ip;
	}
}
