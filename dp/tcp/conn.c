/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections: their table, their slots, the list of those with something to do, and the deadlines
 * of each. All other files of the stack stand on this one, which calls none of them.
 */
#include "conn.h"
#include "../../lib/bug.h"
#include "../../lib/probe.h"

/* ---- table ---- */

struct key24 conn_key(const struct tcp_conn *c)
{
	return key24_make(&c->remote_ip, c->remote_port, be16_get(c->local_port), c->local);
}

static uint32_t entry_get(const struct worker *w, const struct key24 *k)
{
	void *data;

	if (rte_hash_lookup_with_hash_data(w->tcp->table, k, key24_hash(w->dp->hash_key, k),
					   &data) < 0)
		return SLOT_NONE;
	return (uint32_t)(uintptr_t)data;
}

uint32_t conn_lookup(const struct worker *w, const struct pkt *p)
{
	struct key24 k =
	    key24_make(&p->src, p->sport, be16_get(p->dport), (uint32_t)(p->local - w->dp->local));

	return entry_get(w, &k);
}

struct tcp_conn *conn_between(const struct worker *w, const struct sock_addr *local,
			      const struct sock_addr *remote)
{
	struct pkt p = { .src = remote->ip,
			 .sport = remote->port,
			 .dport = local->port,
			 .local = dplane_local(w->dp, &local->ip) };
	uint32_t e = p.local ? conn_lookup(w, &p) : SLOT_NONE;

	return e != SLOT_NONE && (e & 3) == ENTRY_CONN ? &w->tcp->conn[e >> 2] : NULL;
}

uint32_t conn_entry(const struct worker *w, const struct tcp_conn *c)
{
	struct key24 k = conn_key(c);

	return entry_get(w, &k);
}

bool conn_entry_set(struct worker *w, const struct tcp_conn *c, uint32_t data)
{
	struct key24 k = conn_key(c);

	return rte_hash_add_key_with_hash_data(w->tcp->table, &k, key24_hash(w->dp->hash_key, &k),
					       (void *)(uintptr_t)data) == 0;
}

bool conn_insert(struct worker *w, struct tcp_conn *c)
{
	return conn_entry(w, c) == SLOT_NONE &&
	       conn_entry_set(w, c, conn_idx(w, c) << 2 | ENTRY_CONN);
}

void conn_entry_del(struct worker *w, const struct tcp_conn *c, uint32_t data)
{
	struct key24 k = conn_key(c);

	if (entry_get(w, &k) == data)
		rte_hash_del_key_with_hash(w->tcp->table, &k, key24_hash(w->dp->hash_key, &k));
}

struct tcp_conn *tcp_find(struct worker *w, struct ctl_conn name)
{
	struct tcp_conn *c;

	if (name.idx >= w->dp->conf->tcp.connections)
		return NULL;
	c = &w->tcp->conn[name.idx];
	return c->gen == name.gen && name.gen & CONN_GEN_LIVE && !(c->flags & CONN_DEAD) ? c : NULL;
}

/* ---- life ---- */

/* Odd generations are live: a slot's name changes when it is taken and when it is given back. */
struct tcp_conn *conn_alloc(struct worker *w)
{
	struct tcp *t = w->tcp;
	struct tcp_conn *c;
	uint32_t gen;

	if (t->conn_free == SLOT_NONE)
		return NULL;
	if (BUG_ON(t->conn_free >= w->dp->conf->tcp.connections))
		return NULL;
	c = &t->conn[t->conn_free];
	if (BUG_ON(c->gen & CONN_GEN_LIVE))
		return NULL;
	t->conn_free = c->dirty_next;
	gen = c->gen + 1;
	memset(c, 0, sizeof(*c));
	c->gen = gen;
	c->dirty_next = SLOT_NONE;
	c->cc = t->cc;
	c->rto_ms = TCP_RTO_INIT_MS;
	c->rcv_buf = w->dp->conf->tcp.receive_buffer;
	c->quick_acks = TCP_INITIAL_WINDOW;
	c->opened_s = w->now;
	c->challenge = meter_full(w->now_us);
	c->alive_ms = (uint32_t)w->now_ms - TCP_ALIVE_MS;
	c->last_rx_ms = c->last_tx_ms = (uint32_t)w->now_ms;
	t->conns++;
	count_add(w, CNT_TCP_CLOSED, 1);
	return c;
}

void tcp_set_state(struct worker *w, struct tcp_conn *c, enum tcp_state s)
{
	WARN_ON(c->state == TCP_SYN_RECEIVED && w->tcp->half_open == 0);
	count_down(w, (enum counter)(CNT_TCP_CLOSED + c->state));
	count_add(w, (enum counter)(CNT_TCP_CLOSED + s), 1);
	PROBE4(tcp_state, w->id, conn_idx(w, c), c->state, s);
	w->tcp->half_open += (s == TCP_SYN_RECEIVED) - (c->state == TCP_SYN_RECEIVED);
	c->state = (uint8_t)s;
}

void conn_dirty(struct worker *w, struct tcp_conn *c)
{
	struct tcp *t = w->tcp;
	uint32_t i = conn_idx(w, c);

	if (c->flags & CONN_DIRTY)
		return;
	c->flags |= CONN_DIRTY;
	c->dirty_next = SLOT_NONE;
	if (t->dirty_head == SLOT_NONE)
		t->dirty_head = i;
	else
		t->conn[t->dirty_tail].dirty_next = i;
	t->dirty_tail = i;
}

uint32_t conn_tsval(const struct worker *w, const struct tcp_conn *c)
{
	return (uint32_t)w->now_ms + c->ts_offset;
}

void conn_mss_update(struct tcp_conn *c)
{
	uint16_t room = (uint16_t)(c->pmtu - ip_hdr_len(&c->remote_ip) - TCP_HDR);
	uint16_t mss = RTE_MIN(c->peer_mss, room);

	c->mss = (uint16_t)(mss - (c->flags & CONN_TS ? TCP_TS_LEN : 0));
}

void tcp_addrs(const struct worker *w, const struct tcp_conn *c, struct sock_addr *local,
	       struct sock_addr *remote)
{
	*local = (struct sock_addr){ w->dp->local[c->local].ip, c->local_port };
	*remote = (struct sock_addr){ c->remote_ip, c->remote_port };
}

/*
 * ---- deadlines ----
 *
 * A connection has one timer in the wheel, armed for the first of its deadlines or earlier: moving
 * a deadline back, which every ACK does, costs a store.
 */

static void timer_arm(struct worker *w, struct tcp_conn *c, uint32_t ms)
{
	uint64_t at = w->now_ms + ms;

	if (timer_armed(&c->timer) && c->timer.deadline <= at)
		return;
	c->timer.fire = w->tcp->fire;
	wheel_start(&w->tcp->wheel, &c->timer, at);
}

void conn_timer_set(struct worker *w, struct tcp_conn *c, enum tcp_timer t, uint32_t ms)
{
	uint32_t due = (uint32_t)w->now_ms + RTE_MAX(ms, 1u);

	c->due_ms[t] = due ? due : 1;
	timer_arm(w, c, RTE_MAX(ms, 1u));
}

void conn_timer_stop(struct tcp_conn *c, enum tcp_timer t)
{
	c->due_ms[t] = 0;
}

void conn_timers_arm(struct worker *w, struct tcp_conn *c)
{
	uint32_t first = UINT32_MAX, t;

	for (t = 0; t < TCP_TIMERS; t++)
		if (c->due_ms[t])
			first = RTE_MIN(first, clock_left_ms(w, c->due_ms[t]));
	if (first != UINT32_MAX)
		timer_arm(w, c, RTE_MAX(first, 1u));
}
