/* SPDX-License-Identifier: BSD-3-Clause */
#include "session.h"

#include "session_rate.h"
#include "turn/turn.h"

/* Allocations that hear of their share when another of their user comes or goes. */
enum { SHARES = 2 };

const char *const session_end_name[SESSION_ENDS] = {
	[SESSION_END_EXPIRED] = "expired",	 [SESSION_END_RELEASED] = "released",
	[SESSION_END_CONNECTION] = "connection", [SESSION_END_REFUSED] = "refused",
	[SESSION_END_DATAPLANE] = "dataplane",	 [SESSION_END_DRAINED] = "drained",
	[SESSION_END_KILLED] = "killed",	 [SESSION_END_PORT] = "port",
	[SESSION_END_LISTENER] = "listener",	 [SESSION_END_RELAY] = "relay",
};

/* ---- commands ---- */

/* What a user may relay, in equal parts. Of whom nobody knows, an allocation has no part. */
static uint32_t user_share(const struct server *s, const struct table_alloc *a, uint32_t rate)
{
	uint32_t share;

	if (rate == 0 || table_unowned(a))
		return 0;
	share = rate / table_user_allocs(s->table, a);
	return share ? share : 1;
}

/* Whom the dataplane charges: not the name, but what is the same for all of a user's. */
static uint64_t user_charged(const struct table_alloc *a)
{
	uint64_t user;

	memcpy(&user, a->user_id, sizeof(user));
	return table_unowned(a) ? 0 : user;
}

static void send_session(struct server *s, const struct table_alloc *a)
{
	struct cmd_session_set c = {
		.sid = a->sid,
		.leg = a->leg,
		.flags = atomic_load(&a->flags),
		.expiry = table_alloc_expiry(a),
		.share = user_share(s, a, s->conf->turn.user_rate),
		.share_packets = user_share(s, a, s->conf->turn.user_packets),
		.user = user_charged(a),
	};
	uint32_t families = atomic_load(&a->families);

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		c.relay[f] = a->relay[f];
		if (!(families & (1u << f)))
			c.relay[f] = (struct ctl_relay){ .relay = CTL_RELAY_NONE };
	}
	dplink_cmd(s->link, a->worker, CMD_SESSION_SET, &c, sizeof(c));
}

/* To the worker that the client's packets come to: where the session is. */
static void send_redirect(struct server *s, const struct table_alloc *a)
{
	struct cmd_session_set c = {
		.sid = { a->leg_slot, a->sid.gen },
		.leg = a->leg,
		.relay = { { .relay = CTL_RELAY_NONE }, { .relay = CTL_RELAY_NONE } },
		.flags = SESSION_REDIRECT,
		.expiry = table_alloc_expiry(a),
		.redirect = (uint16_t)a->worker,
	};

	dplink_cmd(s->link, a->leg_worker, CMD_SESSION_SET, &c, sizeof(c));
}

/* The session is given before the way to it. */
static void send_set(struct server *s, const struct table_alloc *a)
{
	send_session(s, a);
	if (table_redirected(a))
		send_redirect(s, a);
}

static void send_del_at(struct server *s, uint32_t worker, uint32_t slot, uint32_t gen)
{
	struct cmd_session_del c = { .sid = { slot, gen } };

	dplink_cmd(s->link, worker, CMD_SESSION_DEL, &c, sizeof(c));
}

static void send_del(struct server *s, const struct table_alloc *a)
{
	if (table_redirected(a))
		send_del_at(s, a->leg_worker, a->leg_slot, a->sid.gen);
	send_del_at(s, a->worker, a->sid.slot, a->sid.gen);
}

static void send_perm(struct server *s, const struct table_alloc *a, const struct table_perm *p)
{
	struct cmd_perm_set c = {
		.sid = a->sid,
		.peer = p->peer,
		.expiry = atomic_load(&p->expiry),
	};

	dplink_cmd(s->link, a->worker, CMD_PERM_SET, &c, sizeof(c));
}

static void send_chan(struct server *s, const struct table_alloc *a, const struct table_chan *ch)
{
	const struct table_perm *p = table_perm_find(s->table, a, &ch->peer.ip);
	struct cmd_chan_set c = {
		.sid = a->sid,
		.peer = ch->peer,
		.channel = ch->number,
		.expiry = atomic_load(&ch->expiry),
		.perm_expiry = p ? atomic_load(&p->expiry) : 0,
	};

	dplink_cmd(s->link, a->worker, CMD_CHAN_SET, &c, sizeof(c));
}

/*
 * Sends the session with all that belongs to it, without the first *skip commands of it, at most
 * room. Returns how many were sent. Channels first: one of them then stands in the session itself,
 * with the permission of its address, and no order takes fewer records (table_records()).
 */
static uint32_t send_all(struct server *s, const struct table_alloc *a, uint32_t skip,
			 uint32_t room)
{
	const struct table_perm *p = NULL;
	const struct table_chan *ch = NULL;
	uint32_t i = 0, end = room > UINT32_MAX - skip ? UINT32_MAX : skip + room;

	if (room == 0)
		return 0;
	if (skip == 0)
		send_session(s, a);
	i++;
	while (i < end && (ch = table_chan_next(s->table, a, ch)) != NULL) {
		if (i++ >= skip)
			send_chan(s, a, ch);
	}
	while (i < end && (p = table_perm_next(s->table, a, p)) != NULL) {
		if (i++ >= skip)
			send_perm(s, a, p);
	}
	return i > skip ? i - skip : 0;
}

/* Sends what a worker has of an allocation, without the first *sent commands of it. */
static void replay_one(struct server *s, uint32_t worker, const struct table_alloc *a,
		       struct dplink_cursor *cur)
{
	uint32_t room = dplink_replay_room(s->link, worker), total = 1;

	if (a->worker == worker)
		total += table_n_perms(s->table, a) + table_n_chans(s->table, a);
	if (total != cur->total) /* not begun, or its lists changed since */
		cur->sent = 0;
	cur->total = total;
	if (a->worker == worker) {
		cur->sent += send_all(s, a, cur->sent, room);
	} else if (room) {
		send_redirect(s, a);
		cur->sent++;
	}
}

enum dplink_work session_replay(struct server *s, uint32_t worker, struct dplink_cursor *cur)
{
	for (uint32_t scan = 0; scan < DPLINK_REPLAY_SCAN; scan++, cur->slot++) {
		const struct table_alloc *a;

		if (cur->slot >= s->conf->dataplane.sessions)
			return DPLINK_IDLE;
		a = table_at_slot(s->table, worker, cur->slot);
		if (!a)
			continue;
		replay_one(s, worker, a, cur);
		if (cur->sent < cur->total)
			return DPLINK_BLOCKED;
		cur->total = 0;
	}
	return DPLINK_MORE;
}

/* ---- shares ---- */

/*
 * The user's other allocations whose turn it is to hear of their share. Two each time one comes or
 * goes, so that it costs the same however many there are. Who has waited longest is first, and has
 * a share of when there were two thirds of today's at least: all shares together are less than one
 * and a half times what the user may have.
 */
static uint32_t shares_due(struct server *s, const struct table_alloc *a,
			   const struct table_alloc *due[SHARES])
{
	uint32_t n = 0;

	/* Sessions of connections that an earlier dataplane had are none of this one. */
	if (!(s->conf->turn.user_rate | s->conf->turn.user_packets) || table_unowned(a) ||
	    s->streams_lost)
		return 0;
	for (uint32_t left = table_user_allocs(s->table, a); left && n < SHARES; left--) {
		due[n] = table_user_turn(s->table, a);
		n += due[n] != a;
	}
	return n;
}

static void shares_send(struct server *s, const struct table_alloc *due[SHARES], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		send_session(s, due[i]);
}

/* ---- ports and timers ---- */

static void relay_give(struct server *s, const struct table_alloc *a, unsigned int families)
{
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (families & (1u << f))
			ports_give(s->ports, a->relay[f].relay, be16_get(a->relay[f].port),
				   server_now(s));
	}
}

/* Has the timer look at the allocation at `deadline` at the latest. */
static void timer_touch(struct server *s, const struct table_alloc *a, uint32_t deadline)
{
	struct timer *tm = table_timer(s->table, a);
	uint64_t tick = server_tick_of(deadline);

	if (!timer_armed(tm) || tick < tm->deadline)
		wheel_start(&s->wheel, tm, tick);
}

/* Something of an allocation may be over: families, permissions, channels. */
static void alloc_fire(struct timer *tm, void *ctx)
{
	struct server *s = ctx;
	struct table_alloc *a = table_timer_alloc(s->table, tm);
	uint32_t families = atomic_load(&a->families), over = 0, now = server_now(s);

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (families & (1u << f) && now >= atomic_load(&a->expiry[f]))
			over |= 1u << f;
	}
	if (over == families) {
		session_del(s, a, SESSION_END_EXPIRED);
		return;
	}
	if (over)
		session_del_family(s, a, over);
	timer_touch(s, a, table_expire(s->table, a, now));
}

static void resv_fire(struct timer *tm, void *ctx)
{
	struct server *s = ctx;
	struct table_resv *r = table_timer_resv(s->table, tm);

	ports_give(s->ports, r->relay.relay, be16_get(r->relay.port), server_now(s));
	table_resv_del(s->table, r);
}

void session_timer(struct server *s, const struct table_alloc *a)
{
	table_timer(s->table, a)->fire = alloc_fire;
	timer_touch(s, a, table_expire(s->table, (struct table_alloc *)a, server_now(s)));
}

static void resv_timer_init(struct server *s, const struct table_resv *r)
{
	struct timer *tm = table_resv_timer(s->table, r);

	tm->fire = resv_fire;
	wheel_start(&s->wheel, tm, server_tick_of(r->expiry));
}

/* ---- sessions ---- */

/* Claims the ports of a record found at start. False if one of them is another's. */
static bool relay_claim(struct server *s, const struct table_alloc *a)
{
	uint32_t families = atomic_load(&a->families), claimed = 0;

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (!(families & (1u << f)))
			continue;
		if (!ports_claim(s->ports, a->relay[f].relay, be16_get(a->relay[f].port),
				 PORTS_TURN)) {
			relay_give(s, a, claimed);
			return false;
		}
		claimed |= 1u << f;
	}
	return true;
}

bool session_take_up(struct server *s, struct table_alloc *a)
{
	if (!relay_claim(s, a)) {
		tell_alloc(s, a, RECORD_END, session_end_name[SESSION_END_PORT]);
		table_del(s->table, a);
		return false;
	}
	session_timer(s, a);
	return true;
}

void session_resume(struct server *s)
{
	struct table_alloc *a;
	struct table_resv *r;
	uint32_t cursor = 0;

	while ((a = table_next(s->table, &cursor)) != NULL) {
		session_take_up(s, a);
	}
	/* A port may have passed to an allocation just before the end: that one has it. */
	cursor = 0;
	while ((r = table_resv_next(s->table, &cursor)) != NULL) {
		if (ports_claim(s->ports, r->relay.relay, be16_get(r->relay.port), PORTS_TURN))
			resv_timer_init(s, r);
		else
			table_resv_del(s->table, r);
	}
}

struct table_alloc *session_add(struct server *s, const struct table_alloc *proto)
{
	struct table_alloc *a = table_add(s->table, proto);
	const struct table_alloc *due[SHARES];

	if (!a)
		return NULL;
	session_timer(s, a);
	send_set(s, a);
	shares_send(s, due, shares_due(s, a, due));
	s->stats.allocs_made++;
	tell_alloc(s, a, RECORD_START, NULL);
	return a;
}

/* Counts an end by its reason. */
static void end_count(struct server_stats *st, enum session_end why)
{
	switch (why) {
	case SESSION_END_EXPIRED:
		st->allocs_expired++;
		break;
	case SESSION_END_RELEASED:
		st->allocs_deleted++;
		break;
	case SESSION_END_CONNECTION:
	case SESSION_END_DATAPLANE:
		st->allocs_gone++;
		break;
	case SESSION_END_REFUSED:
		st->allocs_refused++;
		break;
	case SESSION_END_DRAINED:
		st->allocs_drained++;
		break;
	case SESSION_END_KILLED:
		st->allocs_killed++;
		break;
	case SESSION_END_LISTENER:
		st->allocs_listener++;
		break;
	case SESSION_END_RELAY:
		st->allocs_relay++;
		break;
	case SESSION_END_PORT:
	case SESSION_ENDS:
		break;
	}
}

/* Where every allocation ends that was taken up. */
static void session_forget(struct server *s, struct table_alloc *a, enum session_end why)
{
	const struct table_alloc *due[SHARES];
	uint32_t n = shares_due(s, a, due);

	end_count(&s->stats, why);
	tell_alloc(s, a, RECORD_END, session_end_name[why]);
	wheel_stop(&s->wheel, table_timer(s->table, a));
	relay_give(s, a, atomic_load(&a->families));
	pending_del_session(s->pending, a->worker, a->sid);
	session_rates_end(s->rates, s->table, s->link, a);
	table_del(s->table, a);
	shares_send(s, due, n);
}

/*
 * The session's end is that of its peers' connections, of which the dataplane needs no word; but
 * who waits for one hears that there is no allocation (any more), as RFC 6062 5.2 has it.
 */
void session_del(struct server *s, struct table_alloc *a, enum session_end why)
{
	send_del(s, a);
	connect_abandon(s, a, FAMILY_V4 | FAMILY_V6, 437);
	session_forget(s, a, why);
}

/* A client over UDP hears of it with its next request (437), one with a connection at once. */
void session_kill(struct server *s, struct table_alloc *a)
{
	struct cmd_conn_close c = { .conn = { a->leg.conn, a->leg.conn_gen }, .killed = 1 };
	const uint32_t worker = a->leg_worker;
	const bool has_conn = leg_has_conn(&a->leg);

	session_del(s, a, SESSION_END_KILLED);
	if (has_conn)
		dplink_cmd(s->link, worker, CMD_CONN_CLOSE, &c, sizeof(c));
}

void session_gone(struct server *s, struct table_alloc *a, enum session_end why)
{
	session_forget(s, a, why);
}

bool session_streams_lost(struct server *s, uint32_t *cursor)
{
	uint32_t look = SERVER_WALK_BUDGET;
	struct table_alloc *a;

	while ((a = table_walk(s->table, cursor, &look)) != NULL) {
		if (leg_has_conn(&a->leg))
			session_gone(s, a, SESSION_END_DATAPLANE);
	}
	return look > 0;
}

/* The dataplane ends what was by that address; what is by the other goes on. */
void session_del_family(struct server *s, struct table_alloc *a, unsigned int family)
{
	relay_give(s, a, family);
	table_del_family(s->table, a, family);
	tell_alloc(s, a, RECORD_UPDATE, NULL);
	connect_abandon(s, a, family, 447);
	send_set(s, a);
}

void session_refresh(struct server *s, struct table_alloc *a, unsigned int families,
		     uint32_t lifetime)
{
	uint32_t expiry = server_deadline(s, lifetime);

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (families & (1u << f))
			atomic_store(&a->expiry[f], expiry);
	}
	atomic_store(&a->lifetime, lifetime);
	timer_touch(s, a, expiry);
	send_set(s, a);
}

bool session_perm(struct server *s, struct table_alloc *a, const struct ip_addr *peer)
{
	uint32_t expiry = server_deadline(s, s->conf->turn.permission_lifetime);

	if (!table_perm_set(s->table, a, peer, expiry))
		return false;
	timer_touch(s, a, expiry);
	send_perm(s, a, table_perm_find(s->table, a, peer));
	return true;
}

bool session_chan(struct server *s, struct table_alloc *a, const struct sock_addr *peer,
		  uint16_t number)
{
	uint32_t expiry = server_deadline(s, s->conf->turn.channel_lifetime);
	uint32_t perm_expiry = server_deadline(s, s->conf->turn.permission_lifetime);

	if (!table_perm_set(s->table, a, &peer->ip, perm_expiry) ||
	    !table_chan_set(s->table, a, peer, number, expiry))
		return false;
	timer_touch(s, a, perm_expiry < expiry ? perm_expiry : expiry);
	send_chan(s, a, table_chan_find(s->table, a, number));
	return true;
}

void session_peer_refused(struct server *s, struct table_alloc *a, const struct sock_addr *peer,
			  uint16_t channel)
{
	const struct table_perm *p;

	table_peer_refused(s->table, a);
	if (channel == 0) {
		table_perm_del(s->table, a, &peer->ip);
		return;
	}
	table_chan_del(s->table, a, channel);
	/* The permission that came with it may find room by itself, or have been there before. */
	p = table_perm_find(s->table, a, &peer->ip);
	if (p)
		send_perm(s, a, p);
}

struct table_resv *session_reserve(struct server *s, struct ctl_relay relay,
				   const uint8_t user_id[TABLE_USER_ID])
{
	uint32_t expiry = server_deadline(s, s->conf->turn.reservation_lifetime);
	struct table_resv *r = table_resv_add(s->table, relay, user_id, expiry);

	if (r) {
		resv_timer_init(s, r);
		s->stats.reservations++;
	}
	return r;
}

void session_reserve_use(struct server *s, struct table_resv *r)
{
	wheel_stop(&s->wheel, table_resv_timer(s->table, r));
	table_resv_del(s->table, r);
}
