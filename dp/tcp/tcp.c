/* SPDX-License-Identifier: BSD-3-Clause */
/* The stack of a worker: made, its turn, its tick for operators, ended. */
#include "accounts.h"
#include "ledger.h"
#include "places.h"
#include "pressure.h"
#include "recovery.h"
#include "sent.h"
#include "../conn_row.h"
#include "../snapshot.h"

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <sys/random.h>

enum {
	INFO_BUDGET = 512,	/* entries shown in the region a tick */
	LISTENER_BUDGET = 2048, /* looked at a tick after a reload: 20,000 a second */
	DESTROY_TURNS = 1 << 16,
};

/* ---- memory ---- */

static bool tcp_tables(struct worker *w, struct tcp *t)
{
	const struct config_tcp *c = &w->dp->conf->tcp;
	char name[RTE_HASH_NAMESIZE];
	/* A connection that moved away leaves an entry; TIME-WAIT has its own. */
	struct rte_hash_parameters h = { .name = name,
					 .entries = 2 * c->connections + c->time_wait + 64,
					 .key_len = sizeof(struct key24),
					 .socket_id = SOCKET_ID_ANY };

	snprintf(name, sizeof(name), "tcp%u", w->id);
	t->table = rte_hash_create(&h);
	t->conn = rte_zmalloc("tcp_conn", sizeof(*t->conn) * (size_t)c->connections, 64);
	t->tw = rte_zmalloc("tcp_tw", sizeof(*t->tw) * (size_t)c->time_wait, 64);
	return t->table && t->conn && t->tw &&
	       sent_create(t, c->connections, c->buffers, c->send_buffer / TCP_MSS_DEFAULT);
}

bool tcp_create(struct worker *w, char *err, size_t errlen)
{
	const struct config_tcp *c = &w->dp->conf->tcp;
	struct tcp *t = rte_zmalloc("tcp", sizeof(*t), RTE_CACHE_LINE_SIZE);
	uint32_t i;

	w->tcp = t;
	if (t) /* tcp_destroy() looks there even if no more than this is made */
		t->dirty_head = t->dirty_tail = SLOT_NONE;
	if (!t || !tcp_tables(w, t) || !places_create(w) || !ledger_create(w) ||
	    !credit_create(w) || !accounts_create(w) ||
	    getrandom(&t->key, sizeof(t->key), 0) != sizeof(t->key)) {
		snprintf(err, errlen,
			 "%s: dataplane.memory-mb: too few for worker %u with %u TCP connections "
			 "(tcp.connections) and %u buffers (tcp.buffers)",
			 w->dp->conf->file, w->id, c->connections, c->buffers);
		return false;
	}
	t->fire = conn_fire;
	t->cc = c->congestion == CONGESTION_RENO ? &tcp_reno : &tcp_cubic;
	t->info = (struct ctl_conn_info *)((uint8_t *)w->dp->region + w->boundary.layout.conns);
	t->conn_free = t->tw_free = 0;
	for (i = 0; i < c->connections; i++)
		t->conn[i].dirty_next = i + 1 < c->connections ? i + 1 : SLOT_NONE;
	for (i = 0; i < c->time_wait; i++)
		t->tw[i].next = i + 1 < c->time_wait ? i + 1 : SLOT_NONE;
	t->tw_oldest = t->tw_newest = SLOT_NONE;
	t->challenge_left = TCP_CHALLENGE_PER_S;
	t->challenge_rate = meter_rate_make(TCP_CHALLENGE_OWN, 0, TCP_CHALLENGE_BURST_MS);
	wheel_init(&t->wheel, w->now_ms);
	return true;
}

void tcp_destroy(struct worker *w)
{
	struct tcp *t = w->tcp;
	uint32_t i;

	if (!t)
		return;
	for (i = 0; t->conn && i < w->dp->conf->tcp.connections; i++) {
		if (t->conn[i].gen & CONN_GEN_LIVE && !(t->conn[i].flags & CONN_DEAD))
			conn_end(w, &t->conn[i], TCP_END_CLOSED);
	}
	/* Bounded, since a notice that finds no buffer is put off, and buffers may be gone by now.
	 */
	for (i = 0; t->dirty_head != SLOT_NONE && i < DESTROY_TURNS; i++)
		tcp_turn(w);
	rte_hash_free(t->table);
	rte_free(t->sent);
	rte_free(t->conn);
	rte_free(t->tw);
	places_destroy(w);
	ledger_destroy(w);
	credit_destroy(w);
	accounts_destroy(w);
	rte_free(t);
	w->tcp = NULL;
}

uint32_t tcp_held(const struct worker *w)
{
	return w->tcp->held;
}

/* ---- once a turn ---- */

static void conn_bury(struct worker *w, struct tcp_conn *c)
{
	if (unlikely(c->flags & CONN_MOVED_IN) && !move_over(w, c)) {
		conn_dirty(w, c); /* another turn may have a buffer */
		return;
	}
	if (c->why != TCP_END_MOVED)
		stat_add(&w->counters->end[c->why], 1);
	if (c->flags & CONN_KNOWN && c->why != TCP_END_MOVED)
		c->app->closed(w, c, c->why);
	conn_free(w, c);
}

/* Tells the owner what happened; any of the calls may end the connection. */
static void conn_tell(struct worker *w, struct tcp_conn *c)
{
	if (c->flags & CONN_OPENED) {
		c->flags &= ~(uint32_t)CONN_OPENED;
		if (unlikely(c->layer_ops != NULL))
			c->layer_ops->opened(w, c, c->layer_arg);
		else
			c->app->established(w, c);
	}
	if (unlikely(c->flags & CONN_LAYER))
		layer_input(w, c);
	if (c->flags & CONN_TIMED_OUT && !(c->flags & CONN_DEAD)) {
		c->flags &= ~(uint32_t)CONN_TIMED_OUT;
		if (c->app->timeout)
			c->app->timeout(w, c);
	}
	if (c->flags & CONN_READABLE && !(c->flags & (CONN_DEAD | CONN_PAUSED | CONN_CLOSED_APP))) {
		c->flags &= ~(uint32_t)CONN_READABLE;
		if (conn_in(c)->bytes || tcp_recv_fin(c)) {
			if (tcp_recv_fin(c))
				c->flags |= CONN_FIN_TOLD;
			c->app->readable(w, c);
		}
	}
	if (c->flags & (CONN_WANT_ROOM | CONN_WANT_ACK) && !(c->flags & CONN_DEAD) &&
	    tcp_send_room(w, c)) {
		c->flags &= ~(uint32_t)(CONN_WANT_ROOM | CONN_WANT_ACK);
		if (c->app->writable)
			c->app->writable(w, c);
	}
}

/*
 * The protocol is over: what is left is the owner's reading. TIME-WAIT goes to its compact table,
 * the rest ends.
 */
static void conn_finish(struct worker *w, struct tcp_conn *c)
{
	bool read = !conn_unread(c) && c->flags & CONN_FIN_TOLD;

	if (c->flags & CONN_DEAD || !(read || c->flags & CONN_CLOSED_APP))
		return;
	if (c->state == TCP_TIME_WAIT)
		timewait_enter(w, c);
	else if (c->flags & CONN_OVER)
		conn_end(w, c, TCP_END_DONE);
}

static void conn_turn(struct worker *w, struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)CONN_DIRTY;
	if (unlikely(c->flags & CONN_DEAD)) {
		conn_bury(w, c);
		return;
	}
	conn_tell(w, c);
	if (unlikely(c->flags & CONN_LAYER))
		layer_output(w, c);
	if (!(c->flags & CONN_DEAD)) {
		conn_output(w, c);
		ledger_settle(w, c);
	}
	if (unlikely(c->flags & CONN_OVER || c->state == TCP_TIME_WAIT))
		conn_finish(w, c);
}

/*
 * Those that are dirty as it begins, each once: what always finds more to do has a part of it done
 * a turn, and all others theirs in between (R4). Ports wait meanwhile, so that a turn has an end in
 * time as well.
 */
static uint32_t dirty_turn(struct worker *w)
{
	const uint64_t until = rte_rdtsc() + (uint64_t)(w->dp->tsc_per_us * TCP_TURN_US);
	struct tcp *t = w->tcp;
	const uint32_t last = t->dirty_tail;
	uint32_t n = 0, at;

	do {
		struct tcp_conn *c;

		at = t->dirty_head;
		c = &t->conn[at];
		t->dirty_head = c->dirty_next;
		if (t->dirty_head != SLOT_NONE)
			rte_prefetch0(&t->conn[t->dirty_head]);
		conn_turn(w, c);
		n++;
	} while (at != last && n < TCP_TURN_BUDGET && (n % TCP_TURN_LOOK || rte_rdtsc() < until));
	return n;
}

uint32_t tcp_turn(struct worker *w)
{
	struct tcp *t = w->tcp;
	uint32_t n = 0;

	pressure_turn(w);
	credit_turn(w);
	if (t->dirty_head != SLOT_NONE) {
		output_begin(w);
		n = dirty_turn(w);
	}
	if (unlikely(t->notices.head != NULL))
		move_flush(w);
	return n;
}

/* ---- for operators ---- */

uint32_t tcp_session(const struct tcp_conn *c)
{
	return c->app && c->app->session ? c->app->session((struct tcp_conn *)(uintptr_t)c)
					 : SLOT_NONE;
}

uint32_t tcp_session_between(const struct worker *w, const struct sock_addr *local,
			     const struct sock_addr *remote)
{
	const struct tcp_conn *c = conn_between(w, local, remote);

	return c ? tcp_session(c) : SLOT_NONE;
}

void tcp_info(const struct worker *w, const struct tcp_conn *c, struct ctl_conn_info *i)
{
	i->gen = c->gen;
	tcp_addrs(w, c, &i->local, &i->remote);
	i->state = c->state;
	i->role = c->app ? (uint8_t)c->app->role : CONN_OTHER;
	i->mss = c->mss;
	i->srtt_us = c->srtt_us >> 3;
	i->cwnd = c->cwnd;
	i->snd_wnd = c->snd_wnd;
	i->rcv_wnd = c->rcv_adv - c->rcv_nxt;
	i->unacked = c->snd_max - c->snd_una;
	i->send_queue = c->snd.bytes;
	i->recv_queue = conn_unread(c);
	i->retransmits = c->retransmits;
	i->session = tcp_session(c);
	i->age_s = c->opened_s ? w->now - c->opened_s : 0; /* a handshake has none yet */
	i->silent_s = clock_since_ms(w, c->last_rx_ms) / 1000;
	i->rx_bytes = c->rx_bytes;
	i->tx_bytes = c->tx_bytes;
	i->tls_version = i->tls_suite = i->tls_domain = i->tls_resumed = 0;
	memset(i->tls_cert, 0, sizeof(i->tls_cert));
	if (c->flags & CONN_LAYER)
		c->layer_ops->info(c, i);
	i->passed = i->joined = 0;
	if (c->app && c->app->show)
		c->app->show(w, (struct tcp_conn *)(uintptr_t)c, i);
}

void tcp_show(const struct worker *w, const struct tcp_conn *c)
{
	const uint32_t idx = conn_idx(w, c);
	struct ctl_conn_info *to = &w->tcp->info[idx];
	const uint32_t was = to->gen;
	const bool opened = c->state >= TCP_ESTABLISHED || c->flags & CONN_OVER;
	uint32_t seq;

	if (!(c->gen & CONN_GEN_LIVE) || c->flags & CONN_DEAD)
		return;
	seq = conn_row_begin(to);
	tcp_info(w, c, to);
	conn_row_count(to, was != c->gen, opened ? c->rx_segments : 0, opened ? c->tx_segments : 0,
		       (uint32_t)w->now_ms);
	conn_row_end(to, seq);
	if (was != c->gen)
		conn_index_put(&w->boundary.by_addr, idx);
}

/* The connection came by a listener that was there, and is not any more. */
static bool conn_unheard(const struct worker *w, const struct tcp_conn *c)
{
	const struct config *conf = snapshot_conf(w->dp);
	const struct sock_addr local = { w->dp->local[c->local].ip, c->local_port };
	const uint16_t i =
	    listener_find(conf, &local, c->layer_ops ? TRANSPORT_TLS : TRANSPORT_TCP);

	return i != LISTENER_GONE && !listener_is_there(conf, i);
}

/*
 * Ends a connection whose listener is gone. What it has sent is taken off: bytes that nobody reads
 * would make a reset of its end.
 */
static void listener_look(struct worker *w, uint32_t idx)
{
	struct tcp_conn *c = &w->tcp->conn[idx];

	if (!(c->gen & CONN_GEN_LIVE) ||
	    c->flags & (CONN_DEAD | CONN_CLOSED_APP | CONN_ACTIVE | CONN_OVER) ||
	    !conn_unheard(w, c))
		return;
	if (c->state == TCP_SYN_RECEIVED) {
		tcp_abort(w, c, TCP_END_LISTENER);
		return;
	}
	tcp_recv_skip(w, c, tcp_readable(c));
	tcp_close(w, c, TCP_END_LISTENER);
}

void tcp_snapshot(struct worker *w)
{
	sent_limit(w->tcp, snapshot_conf(w->dp)->tcp.send_buffer / TCP_MSS_DEFAULT);
	sweep_begin(&w->tcp->unheard);
}

void tcp_tick(struct worker *w)
{
	struct tcp *t = w->tcp;
	uint32_t n = w->dp->conf->tcp.connections, i;

	for (i = 0; i < INFO_BUDGET && i < n; i++) {
		tcp_show(w, &t->conn[t->info_at]);
		t->info_at = t->info_at + 1 < n ? t->info_at + 1 : 0;
	}
	sweep_turn(w, &t->unheard, n, LISTENER_BUDGET, listener_look);
	timewait_tick(w);
	count_set(w, CNT_TCP_BUFFERS, t->held);
}
