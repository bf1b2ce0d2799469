/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session comes down to: its path, or none. */
#include "session.h"
#include "turn.h"
#include "../relay/path.h"

/* Where the peer's packets come to. */
static const struct ctl_relay *session_relay(const struct session *s)
{
	return &s->relay[ip_is_v4(&s->first.ip) ? RELAY_V4 : RELAY_V6];
}

/*
 * What is limited is metered on the general way. Sources are judged here and not of each packet
 * (rx_parse.c does that of all others): who takes a path comes from the very address of its
 * session.
 */
static bool session_has_path(const struct worker *w, const struct session *s)
{
	return !w->turn->limit && s->gen && s->conn_gen == 0 &&
	       !(s->flags & (SESSION_REDIRECT | SESSION_TCP)) && s->first.channel &&
	       session_relay(s)->relay != CTL_RELAY_NONE && ip_source_ok(w->dp, &s->client.ip) &&
	       ip_source_ok(w->dp, &s->first.ip);
}

void session_path_make(struct worker *w, uint32_t slot)
{
	const struct session *s = &w->session[slot];
	const struct sock_addr *listener = &w->dp->conf->listener[s->listener].addr;
	const struct ctl_relay *r = session_relay(s);
	struct sock_addr relayed, peer = { s->first.ip, s->first.port };
	struct path *p = &w->path[slot];

	if (!session_has_path(w, s)) {
		memset(p, 0, sizeof(*p));
		return;
	}
	if (p->relay != r->relay || p->listener != s->listener)
		memset(p, 0, sizeof(*p));
	relayed = (struct sock_addr){ *relay_ip(w->dp, r), r->port };
	path_out_make(&p->to_peer, p->peer6, &relayed, &peer);
	path_out_make(&p->to_client, p->client6, listener, &s->client);
	p->peer6 = !ip_is_v4(&peer.ip);
	p->client6 = !ip_is_v4(&s->client.ip);
	p->sum = csum_fold(path_csum(&relayed, &peer) +
			   csum_neg(csum_fold(path_csum(listener, &s->client))));
	p->up_expiry = RTE_MIN(s->expiry, s->first.chan_expiry);
	p->down_expiry = RTE_MIN(p->up_expiry, s->first.perm_expiry);
	p->channel = s->first.channel;
	p->listener = (uint8_t)s->listener;
	p->relay = (uint8_t)r->relay;
}
