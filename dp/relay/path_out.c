/* SPDX-License-Identifier: BSD-3-Clause */
#include "path.h"
#include "../net/neigh.h"
#include "../use.h"

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

static void way_tell(struct worker *w, struct path *p, enum ctl_way way, struct path_out *out)
{
	struct ctl_use *to = &w->boundary.use[p - w->path];
	const uint32_t use = p->use[way] & PATH_USE;

	if (use) {
		use_add(to, way, use / PATH_PACKET, use % PATH_PACKET, w->now);
		p->use[way] -= use;
	} else if (!path_v6(p, way) && out->use) {
		use_add(to, way, (uint32_t)(out->use / PATH_OUT_PACKET), out->use % PATH_OUT_PACKET,
			w->now);
		out->use = 0;
	}
}

void path_tell(struct worker *w, struct path *p)
{
	way_tell(w, p, CTL_TO_PEER, &p->to_peer);
	way_tell(w, p, CTL_TO_CLIENT, &p->to_client);
}
