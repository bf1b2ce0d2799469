/* SPDX-License-Identifier: BSD-3-Clause */
#include "leg.h"
#include "limit.h"
#include "peer_conn.h"
#include "peer.h"
#include "turn.h"
#include "../relay/path.h"
#include "../snapshot.h"
#include "../use.h"
#include "../../lib/bug.h"
#include "../../lib/probe.h"

#include <rte_errno.h>
#include <rte_malloc.h>

bool session_tables_create(struct worker *w, char *err, size_t errlen)
{
	const struct config *c = w->dp->conf;
	const size_t relayed = RTE_MAX(w->dp->places, 1u);
	uint32_t i;

	w->turn->sessions_max = c->dataplane.sessions;
	w->turn->peers_max = c->dataplane.peers;
	/* Each record is found by its address, a channel by its number as well. */
	w->turn->peers = key24_table("peers", w->id, 2 * w->turn->peers_max);
	w->session = rte_zmalloc("sessions", sizeof(struct session) * w->turn->sessions_max, 64);
	w->turn->peer =
	    rte_zmalloc("records", sizeof(struct peer) * RTE_MAX(w->turn->peers_max, 1u), 64);
	w->relay_slot = rte_malloc("relayed ports", relayed * sizeof(*w->relay_slot), 64);
	w->path = rte_zmalloc("paths", sizeof(struct path) * w->turn->sessions_max, 64);
	if (!flow_create(&w->flows, w->turn->sessions_max) || !w->turn->peers || !w->session ||
	    !w->path || !w->turn->peer || !w->relay_slot || !limit_create(w))
		goto no_memory;
	memset(w->relay_slot, 0xff, relayed * sizeof(*w->relay_slot)); /* SLOT_NONE */
	for (i = 0; i < w->turn->peers_max; i++)
		w->turn->peer[i].next = i + 1 < w->turn->peers_max ? i + 1 : SLOT_NONE;
	w->turn->peer_free = w->turn->peers_max ? 0 : SLOT_NONE;
	return true;
no_memory:
	snprintf(
	    err, errlen,
	    "%s: dataplane.memory-mb: too small for %u sessions and %u peers on each worker (%s)",
	    c->file, w->turn->sessions_max, w->turn->peers_max, rte_strerror(rte_errno));
	return false;
}

void session_tables_free(struct worker *w)
{
	rte_free(w->relay_slot);
	rte_free(w->turn->peer);
	rte_free(w->path);
	rte_free(limit_table(w));
	rte_free(w->session);
	rte_hash_free(w->turn->peers);
	flow_free(&w->flows);
}

/* ---- commands ---- */

struct session *session_of(struct worker *w, const struct ctl_sid *sid)
{
	struct session *s;

	if (sid->slot >= w->turn->sessions_max || sid->gen == 0)
		return NULL;
	s = &w->session[sid->slot];
	return s->gen == sid->gen ? s : NULL;
}

static bool relay_valid(const struct worker *w, const struct ctl_relay *r, int family)
{
	const struct config *c = snapshot_conf(w->dp);

	if (r->relay == CTL_RELAY_NONE)
		return true;
	return config_relay_has(c, r) &&
	       ip_is_v4(&c->relay[r->relay].addr) == (family == RELAY_V4) &&
	       relay_owner(w->dp, r->relay, be16_get(r->port)) == w->id;
}

/*
 * A redirect leads to another worker and has no address that a peer could send to. Packets can be
 * handed over, a connection's bytes cannot.
 */
static bool redirect_valid(const struct worker *w, const struct cmd_session_set *c)
{
	return c->leg.conn_gen == 0 && c->redirect < w->dp->n_workers && c->redirect != w->id &&
	       c->relay[RELAY_V4].relay == CTL_RELAY_NONE &&
	       c->relay[RELAY_V6].relay == CTL_RELAY_NONE;
}

/*
 * Whether a session may have a relayed port. Another one that has it, and was not named since a
 * replay began, the control process has forgotten: it goes before its turn in the sweep comes. What
 * terminations have is not looked at if they pass it on.
 */
static bool relay_free(const struct worker *w, const struct ctl_relay *r, uint32_t slot, bool pass)
{
	const uint32_t entry = *relayed_slot(w, r->relay, be16_get(r->port));

	return entry == SLOT_NONE || entry == slot ||
	       (relayed_is_session(entry) ? session_yields(w, entry) : pass);
}

/* Whether it is the session that is there, which may be without one of its relayed addresses. */
static bool session_same(const struct session *s, const struct cmd_session_set *c)
{
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (c->relay[f].relay != CTL_RELAY_NONE &&
		    memcmp(&s->relay[f], &c->relay[f], sizeof(s->relay[f])) != 0)
			return false;
	}
	return s->gen == c->sid.gen && !((s->flags ^ c->flags) & SESSION_TCP) &&
	       s->listener == c->leg.listener && s->conn_gen == c->leg.conn_gen &&
	       s->conn == c->leg.conn && sock_addr_eq(&s->client, &c->leg.client);
}

/* A new session's connection is there, and can be a client's. */
static bool leg_valid(struct worker *w, const struct cmd_session_set *c)
{
	const struct ctl_conn conn = { c->leg.conn, c->leg.conn_gen };

	return conn.gen == 0 || session_same(&w->session[c->sid.slot], c) || leg_can(w, conn);
}

static bool session_cmd_valid(const struct worker *w, const struct cmd_session_set *c, bool pass)
{
	int f;

	if (c->sid.slot >= w->turn->sessions_max || c->sid.gen == 0 ||
	    (c->leg.conn_gen == 0 && c->leg.conn != 0) ||
	    !dplane_has_listener(w->dp, c->leg.listener) || be16_get(c->leg.client.port) == 0 ||
	    ip_is_v4(&c->leg.client.ip) != ip_is_v4(&w->dp->listener[c->leg.listener].ip))
		return false;
	if (c->flags & SESSION_REDIRECT)
		return redirect_valid(w, c);
	if (c->relay[0].relay == CTL_RELAY_NONE && c->relay[1].relay == CTL_RELAY_NONE)
		return false;
	for (f = 0; f < 2; f++) {
		if (!relay_valid(w, &c->relay[f], f))
			return false;
		if (c->relay[f].relay != CTL_RELAY_NONE &&
		    !relay_free(w, &c->relay[f], c->sid.slot, pass))
			return false;
	}
	return true;
}

bool session_can(struct worker *w, const struct cmd_session_set *c)
{
	return session_cmd_valid(w, c, true) && leg_valid(w, c);
}

uint32_t session_find(const struct worker *w, uint64_t hash, const struct ip_addr *ip,
		      struct be16 port, uint16_t listener)
{
	struct flow_cursor c = flow_find(&w->flows, hash);
	uint32_t slot;

	while ((slot = flow_next(&w->flows, &c)) != SLOT_NONE) {
		const struct session *s = &w->session[slot];

		if (likely(ip_eq(&s->client.ip, ip) && be16_eq(s->client.port, port) &&
			   s->listener == listener))
			break;
	}
	return slot;
}

static uint64_t session_hash(const struct worker *w, const struct session *s)
{
	return flow_hash(w->dp->hash_key, &s->client.ip, s->client.port, s->listener);
}

static void session_clear(struct worker *w, uint32_t slot)
{
	struct session *s = &w->session[slot];
	int f;

	if (BUG_ON(slot >= w->turn->sessions_max || s->gen == 0))
		return;
	PROBE3(session_end, w->id, slot, s->gen);
	peer_conn_session_del(w, slot);
	peers_clear(w, slot, s);
	if (s->conn_gen)
		leg_session_del(w, slot);
	else
		flow_del(&w->flows, session_hash(w, s), slot);
	for (f = 0; f < 2; f++)
		if (s->relay[f].relay != CTL_RELAY_NONE)
			*relayed_slot(w, s->relay[f].relay, be16_get(s->relay[f].port)) = SLOT_NONE;
	memset(s, 0, sizeof(*s));
	session_path_make(w, slot);
	count_down(w, CNT_SESSIONS);
}

/* A relayed address goes (RFC 8656 8.2); what the client has by the other one stays as it is. */
static void session_family_clear(struct worker *w, uint32_t slot, int family)
{
	struct session *s = &w->session[slot];
	struct ctl_relay *r = &s->relay[family];

	if (BUG_ON(r->relay == CTL_RELAY_NONE))
		return;
	WARN_ON(*relayed_slot(w, r->relay, be16_get(r->port)) != slot);
	peer_conn_family_del(w, slot, family);
	peers_family_del(w, slot, s, family);
	*relayed_slot(w, r->relay, be16_get(r->port)) = SLOT_NONE;
	*r = (struct ctl_relay){ .relay = CTL_RELAY_NONE };
}

/* Leads from the client's packets to the slot; the session that had this client goes. */
static void flow_set(struct worker *w, const struct ctl_leg *l, uint32_t slot)
{
	uint64_t hash = flow_hash(w->dp->hash_key, &l->client.ip, l->client.port, l->listener);
	uint32_t other = session_find(w, hash, &l->client.ip, l->client.port, l->listener);

	if (other != SLOT_NONE)
		session_clear(w, other);
	flow_add(&w->flows, hash, slot);
}

/* Another session that has its relayed ports goes: it may, see relay_free(). */
static void relays_take(struct worker *w, const struct cmd_session_set *c)
{
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		const struct ctl_relay *r = &c->relay[f];
		uint32_t entry = r->relay == CTL_RELAY_NONE
				     ? SLOT_NONE
				     : *relayed_slot(w, r->relay, be16_get(r->port));

		if (entry != SLOT_NONE && entry != c->sid.slot)
			session_clear(w, entry);
	}
}

/* A session into a free slot. */
static void session_make(struct worker *w, const struct cmd_session_set *c)
{
	const struct sock_addr *local = &w->dp->listener[c->leg.listener];
	const struct ctl_conn conn = { c->leg.conn, c->leg.conn_gen };
	struct session *s = &w->session[c->sid.slot];
	int f;

	WARN_ON(s->peer_conns || s->peers_waiting);
	if (conn.gen)
		leg_session_set(w, conn, &c->sid);
	else
		flow_set(w, &c->leg, c->sid.slot);
	s->gen = c->sid.gen;
	s->client = c->leg.client;
	s->listener = c->leg.listener;
	s->conn = conn.idx;
	s->conn_gen = conn.gen;
	s->csum = csum_fold(
	    csum_be16(csum_be16(csum_ip(csum_ip(0, &s->client.ip), &local->ip), s->client.port),
		      local->port));
	memcpy(s->relay, c->relay, sizeof(s->relay));
	for (f = 0; f < 2; f++)
		if (s->relay[f].relay != CTL_RELAY_NONE)
			*relayed_slot(w, s->relay[f].relay, be16_get(s->relay[f].port)) =
			    c->sid.slot;
	s->peers = SLOT_NONE;
	s->asked = meter_full(w->now_us);
	limit_begin(w, c->sid.slot);
	use_begin(&w->boundary.use[c->sid.slot], s->gen);
	count(w, CNT_SESSIONS);
	PROBE3(session_begin, w->id, c->sid.slot, s->gen);
}

bool session_set(struct worker *w, const struct cmd_session_set *c)
{
	struct session *s;

	if (!session_cmd_valid(w, c, false))
		return false;
	s = &w->session[c->sid.slot];
	if (s->gen && !session_same(s, c))
		session_clear(w, c->sid.slot);
	if (!leg_valid(w, c))
		return false;
	relays_take(w, c);
	if (!s->gen)
		session_make(w, c);
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (s->relay[f].relay != CTL_RELAY_NONE && c->relay[f].relay == CTL_RELAY_NONE)
			session_family_clear(w, c->sid.slot, f);
	}
	s->expiry = c->expiry;
	s->flags = (uint16_t)c->flags;
	s->redirect = c->redirect;
	s->user = c->user;
	if (s->conn_gen)
		leg_session_charge(w, c->sid.slot);
	s->epoch = w->sync_epoch;
	limit_share(w, c->sid.slot, c->share, c->share_packets);
	session_path_make(w, c->sid.slot);
	return true;
}

bool session_del(struct worker *w, const struct ctl_sid *sid)
{
	if (!session_of(w, sid))
		return false;
	session_clear(w, sid->slot);
	return true;
}

/* ---- replay ---- */

void session_sync_begin(struct worker *w)
{
	w->sync_epoch++;
	sweep_stop(&w->turn->sweep);
}

void session_sync_end(struct worker *w)
{
	sweep_begin(&w->turn->sweep);
}

bool session_yields(const struct worker *w, uint32_t slot)
{
	return w->session[slot].epoch != w->sync_epoch;
}

void session_give_way(struct worker *w, uint32_t slot)
{
	session_clear(w, slot);
}

static void session_sweep_look(struct worker *w, uint32_t slot)
{
	if (w->session[slot].gen && session_yields(w, slot))
		session_clear(w, slot);
}

uint32_t session_sweep(struct worker *w, uint32_t budget)
{
	struct turn *t = w->turn;

	return sweep_turn(w, &t->sweep, t->sessions_max, budget, session_sweep_look);
}

void session_prune(struct worker *w, uint32_t budget)
{
	struct session *s;

	for (budget = RTE_MIN(budget, w->turn->sessions_max); budget; budget--) {
		s = &w->session[w->turn->prune_at];
		/* An audit counts the records that it has told. */
		if (s->gen && s->peers != SLOT_NONE && !w->turn->records_stay)
			peers_prune(w, w->turn->prune_at, s);
		/* Nobody may be there to delete it. */
		if (s->gen && s->peer_conns && s->expiry <= w->now)
			peer_conn_session_del(w, w->turn->prune_at);
		w->turn->prune_at =
		    w->turn->prune_at + 1 < w->turn->sessions_max ? w->turn->prune_at + 1 : 0;
	}
}
