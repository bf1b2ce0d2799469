/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session comes down to: its path, or none; and that paths tell what they relayed. */
#include "limit.h"
#include "session.h"
#include "turn.h"
#include "../relay/path.h"

#include <rte_cycles.h>

/*
 * Paths are looked at ten times a second, so that rates of a second are right to a tenth; many of
 * them less often, for what it costs, but once a second.
 */
enum {
	USE_LOOKS_S = 10,
	USE_MANY_S = 1000000, /* looks a second */
	USE_STEP_US = 64,     /* not more often */
	USE_BUDGET = 1024,    /* paths a turn: after a nap */
};

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
static bool session_has_path(const struct worker *w, uint32_t slot)
{
	const struct session *s = &w->session[slot];

	return !limit_is(w, slot) && s->gen && s->conn_gen == 0 &&
	       !(s->flags & (SESSION_REDIRECT | SESSION_TCP)) && s->first.channel &&
	       session_relay(s)->relay != CTL_RELAY_NONE && ip_source_ok(w->dp, &s->client.ip) &&
	       ip_source_ok(w->dp, &s->first.ip);
}

/* What a path keeps beside the use of a way. */
static uint32_t path_of(uint32_t index, const struct ip_addr *to)
{
	return index << PATH_INDEX | (ip_is_v4(to) ? 0 : PATH_V6);
}

void session_path_make(struct worker *w, uint32_t slot)
{
	const struct session *s = &w->session[slot];
	const struct sock_addr *listener = &w->dp->listener[s->listener];
	const struct ctl_relay *r = session_relay(s);
	struct sock_addr relayed, peer = { s->first.ip, s->first.port };
	struct path *p = &w->path[slot];

	path_tell(w, p);
	if (!session_has_path(w, slot)) {
		memset(p, 0, sizeof(*p));
		return;
	}
	if (path_index(p, CTL_TO_PEER) != r->relay || path_index(p, CTL_TO_CLIENT) != s->listener)
		memset(p, 0, sizeof(*p));
	relayed = (struct sock_addr){ *relay_ip(w->dp, r), r->port };
	path_out_make(&p->to_peer, path_v6(p, CTL_TO_PEER), &relayed, &peer);
	path_out_make(&p->to_client, path_v6(p, CTL_TO_CLIENT), listener, &s->client);
	p->use[CTL_TO_PEER] = path_of(r->relay, &peer.ip);
	p->use[CTL_TO_CLIENT] = path_of(s->listener, &s->client.ip);
	p->sum = csum_fold(path_csum(&relayed, &peer) +
			   csum_neg(csum_fold(path_csum(listener, &s->client))));
	p->expiry = RTE_MIN(s->expiry, s->first.chan_expiry);
	p->expiry = RTE_MIN(p->expiry, s->first.perm_expiry);
	p->channel = s->first.channel;
}

bool session_use_turn(struct worker *w)
{
	struct turn *t = w->turn;
	const uint64_t passed_us = w->now_us - t->use_us, max = t->sessions_max;
	const uint64_t often = RTE_MIN(max * USE_LOOKS_S, (uint64_t)USE_MANY_S);
	uint32_t n;

	if (likely(passed_us < USE_STEP_US))
		return false;
	t->use_us = w->now_us;
	t->use_owed += passed_us * RTE_MAX(often, max);
	t->use_owed = RTE_MIN(t->use_owed, max * US_PER_S); /* once round */
	n = (uint32_t)RTE_MIN(t->use_owed / US_PER_S, (uint64_t)USE_BUDGET);
	t->use_owed -= (uint64_t)n * US_PER_S;
	for (uint32_t i = 0; i < n; i++) {
		path_tell(w, &w->path[t->use_at]);
		t->use_at = t->use_at + 1 < t->sessions_max ? t->use_at + 1 : 0;
	}
	return n > 0;
}
