/* SPDX-License-Identifier: BSD-3-Clause */
#include "adopt.h"

#include "context/gateway_link.h"
#include "ipsec/phones.h"
#include "log.h"
#include "session.h"
#include "session_rate.h"

#include <stdlib.h>

/* A redirect waits until its session is known, which another worker tells of. */
struct adopt_redirect {
	struct adopt_redirect *next;
	uint32_t worker;
	struct ctl_sid sid;
	struct ctl_leg leg;
};

bool adopt_due(const struct server *s)
{
	return table_partial(s->table) || (s->gateway && gate_partial(s->gateway)) ||
	       phones_partial(s->phones);
}

static struct table_alloc *record_make(struct server *s, uint32_t worker,
				       const struct evt_session *e)
{
	struct table_alloc p = {
		.expiry = { e->expiry, e->expiry },
		.lifetime = s->conf->turn.lifetime_default,
		.flags = e->flags,
		.worker = worker,
		.sid = e->sid,
		.leg = e->leg,
		.relay = { e->relay[0], e->relay[1] },
		.created = server_now(s),
	};
	struct table_alloc *a;

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (e->relay[f].relay != CTL_RELAY_NONE)
			p.families |= 1u << f;
	}
	a = table_adopt(s->table, &p);
	if (!a || !session_take_up(s, a))
		return NULL;
	session_rates_adopt(s->rates, s->table, s->link, a, s->now_ms);
	s->stats.allocs_adopted++;
	tell_alloc(s, a, RECORD_ADOPTED, NULL);
	return a;
}

static void peers_take_up(struct server *s, struct table_alloc *a, const struct evt_session *e)
{
	uint32_t now = server_now(s);

	for (uint16_t i = 0; i < e->n_peer; i++) {
		const struct ctl_peer *p = &e->peer[i];

		if (p->perm_expiry > now && !table_perm_find(s->table, a, &p->addr.ip))
			table_perm_set(s->table, a, &p->addr.ip, p->perm_expiry);
		if (p->channel && p->chan_expiry > now &&
		    !table_chan_find(s->table, a, p->channel) &&
		    !table_chan_of_peer(s->table, a, &p->addr))
			table_chan_set(s->table, a, &p->addr, p->channel, p->chan_expiry);
	}
	session_timer(s, a);
}

static bool redirect_keep(struct server *s, uint32_t worker, const struct evt_session *e)
{
	const struct config_dataplane *c = &s->conf->dataplane;
	struct adopt_redirect *r;

	/* There is a slot for each. */
	if (s->n_redirects >= (uint64_t)c->sessions * c->n_workers ||
	    !table_slot_hold(s->table, worker, e->sid.slot))
		return false;
	r = malloc(sizeof(*r));
	if (!r)
		return false;
	s->n_redirects++;
	*r = (struct adopt_redirect){ s->redirects, worker, e->sid, e->leg };
	s->redirects = r;
	return true;
}

bool adopt_session(struct server *s, uint32_t worker, const struct evt_session *e)
{
	struct table_alloc *a = table_find_sid(s->table, worker, e->sid);

	if (!table_partial(s->table)) /* others are asked for */
		return a != NULL;
	if (server_now(s) >= e->expiry)
		return false;
	if (e->flags & SESSION_REDIRECT)
		return a || redirect_keep(s, worker, e);
	if (!a)
		a = record_make(s, worker, e);
	if (a)
		peers_take_up(s, a, e);
	return a != NULL;
}

void adopt_close(struct server *s)
{
	while (s->redirects) {
		struct adopt_redirect *r = s->redirects;

		s->redirects = r->next;
		table_slot_drop(s->table, r->worker, r->sid.slot);
		free(r);
	}
	s->n_redirects = 0;
}

bool adopt_waits(struct server *s, uint32_t worker)
{
	return adopt_due(s) && !dplink_told(s->link, worker);
}

bool adopt_elsewhere(const struct server *s, uint32_t worker, const struct ctl_leg *leg)
{
	const struct adopt_redirect *r = s->redirects;

	while (r && (r->worker != worker || memcmp(&r->leg, leg, sizeof(*leg)) != 0))
		r = r->next;
	return r != NULL;
}

void adopt_told(struct server *s, uint32_t worker)
{
	table_told(s->table, worker);
	if (s->gateway)
		gate_told(s->gateway, worker);
	ports_resume_worker(s->ports, worker, server_now(s));
}

void adopt_done(struct server *s)
{
	for (const struct adopt_redirect *r = s->redirects; r; r = r->next) {
		struct table_alloc *a = table_find(s->table, &r->leg);

		if (a && a->sid.gen == r->sid.gen)
			table_adopt_redirect(s->table, a, r->worker, r->sid.slot);
	}
	adopt_close(s);
	table_whole(s->table);
	if (s->gateway)
		gate_whole(s->gateway);
	if (s->phones)
		phones_whole(s->phones);
	if (s->stats.allocs_adopted)
		log_line("%llu allocations are taken over from the dataplane",
			 (unsigned long long)s->stats.allocs_adopted);
}
