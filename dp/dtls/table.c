/* SPDX-License-Identifier: BSD-3-Clause */
/* Associations: who there is, and who makes room. */
#include "dtls_int.h"
#include "../conn_row.h"
#include "../key24.h"
#include "../relayed.h"
#include "../snapshot.h"
#include "../../lib/bug.h"

#include <rte_malloc.h>
#include <stdio.h>
#include <sys/random.h>

/* ---- life ---- */

bool dtls_create(struct worker *w, char *err, size_t errlen)
{
	const uint32_t n = config_associations(w->dp->conf);
	struct dtls_worker *d;

	if (!n)
		return true;
	w->dtls = d = rte_zmalloc("dtls", sizeof(*d), RTE_CACHE_LINE_SIZE);
	if (d) {
		memcpy(&d->waiting.key, w->dp->hash_key, sizeof(d->waiting.key));
		d->strange.key = d->waiting.key;
		d->aead = aead_create(NULL);
		d->table = key24_table("dtls", w->id, n);
		d->conn = rte_zmalloc("associations", sizeof(*d->conn) * n, RTE_CACHE_LINE_SIZE);
		d->info =
		    (struct ctl_conn_info *)((uint8_t *)w->dp->region + w->boundary.layout.conns) +
		    w->dp->conf->tcp.connections;
	}
	if (!d || !d->aead || !d->table || !d->conn ||
	    getrandom(&d->cookie_key, sizeof(d->cookie_key), 0) != sizeof(d->cookie_key)) {
		snprintf(err, errlen,
			 "%s: dataplane.memory-mb: too few for worker %u with %u DTLS associations "
			 "(tls.associations)",
			 w->dp->conf->file, w->id, n);
		return false;
	}
	d->n = n;
	d->most[0] = config_has_dtls(w->dp->conf) ? w->dp->conf->tls.associations : 0;
	d->most[1] = n - d->most[0];
	d->resend_ms = DTLS_RESEND_MS;
	for (uint32_t i = 0; i < n; i++) {
		d->conn[i].idx = i;
		d->conn[i].due_ms = i + 1; /* of who is free: the next one */
	}
	return true;
}

void dtls_destroy(struct worker *w)
{
	struct dtls_worker *d = w->dtls;

	if (!d)
		return;
	for (uint32_t i = 0; d->conn && i < d->n; i++) {
		struct dtls_conn *c = &d->conn[i];

		while (c->n_kept)
			pkt_drop(w, assoc_take(w, c), DROP_DTLS_CLOSED);
		tls_keys_wipe(&c->rd);
		tls_keys_wipe(&c->wr);
	}
	rte_free(d->conn);
	rte_hash_free(d->table);
	aead_free(d->aead);
	rte_free(d);
	w->dtls = NULL;
}

uint32_t dtls_held(const struct worker *w)
{
	return w->dtls ? w->dtls->held : 0;
}

/* ---- states ---- */

static bool is_strange(const struct dtls_conn *c)
{
	return c->state == DTLS_OPEN && !c->trusted;
}

static bool is_busy(const struct dtls_conn *c)
{
	return c->state != DTLS_FREE && c->state != DTLS_OPEN;
}

static void lists_leave(struct dtls_worker *d, struct dtls_conn *c)
{
	if (c->state == DTLS_WAITING)
		waiting_del(&d->waiting, &c->wait);
	else if (c->state == DTLS_SILENT || c->state == DTLS_HELLO)
		list_del(&d->silent, &c->wait);
	else if (is_strange(c))
		waiting_del(&d->strange, &c->wait);
}

static void lists_enter(struct dtls_worker *d, struct dtls_conn *c)
{
	if (c->state == DTLS_WAITING)
		waiting_put(&d->waiting, &c->wait);
	else if (c->state == DTLS_SILENT || c->state == DTLS_HELLO)
		list_put_by_age(&d->silent, &c->wait);
	else if (is_strange(c))
		waiting_put(&d->strange, &c->wait);
}

void dtls_set_state(struct worker *w, struct dtls_conn *c, enum dtls_state s)
{
	const bool was_busy = is_busy(c);

	lists_leave(w->dtls, c);
	c->state = (uint8_t)s;
	c->wait.since_ms = c->heard_ms; /* flights of ours that go again are no words of its own */
	lists_enter(w->dtls, c);
	if (was_busy == is_busy(c))
		return;
	if (was_busy)
		list_del(&w->dtls->busy, &c->busy);
	else
		list_put(&w->dtls->busy, &c->busy);
	w->dtls->clients += c->client ? (was_busy ? -1U : 1) : 0;
}

void dtls_trust(struct worker *w, struct dtls_conn *c, bool trusted)
{
	lists_leave(w->dtls, c);
	c->trusted = trusted;
	lists_enter(w->dtls, c);
}

/* ---- who there is ---- */

static struct key24 assoc_key(const struct dtls_at *at)
{
	return key24_make(&at->remote.ip, at->remote.port, 0, at->port);
}

/* Ports of terminations are numbered as in the relay table. */
static bool of_listener(const struct dtls_at *at)
{
	return !(at->port & RELAYED_TERM_BIT);
}

bool assoc_orphan(const struct config *conf, const struct dtls_conn *c)
{
	return of_listener(&c->at) && !listener_is_there(conf, (uint16_t)c->at.port);
}

struct dtls_conn *assoc_find(const struct worker *w, const struct dtls_at *at)
{
	const struct key24 k = assoc_key(at);
	void *place;

	if (rte_hash_lookup_with_hash_data(w->dtls->table, &k, key24_hash(w->dp->hash_key, &k),
					   &place) < 0)
		return NULL;
	return &w->dtls->conn[(uintptr_t)place];
}

static bool table_add(struct worker *w, const struct dtls_at *at, uint32_t idx)
{
	const struct key24 k = assoc_key(at);

	return rte_hash_add_key_with_hash_data(w->dtls->table, &k, key24_hash(w->dp->hash_key, &k),
					       (void *)(uintptr_t)idx) >= 0;
}

static void table_del(struct worker *w, const struct dtls_at *at)
{
	const struct key24 k = assoc_key(at);

	rte_hash_del_key_with_hash(w->dtls->table, &k, key24_hash(w->dp->hash_key, &k));
}

/*
 * No place is free: of strangers, who were let in and whom nobody vouches for, one goes, of the
 * source that has most of them, unless that is the newcomer's own.
 */
static void room_make(struct worker *w, const struct sock_addr *client)
{
	struct dtls_worker *d = w->dtls;
	struct dtls_conn *c =
	    dtls_of_wait(waiting_excess(&d->strange, waiting_row(&d->strange, &client->ip)));

	if (c)
		dtls_close(w, c, TCP_END_ROOM);
}

struct dtls_conn *assoc_make(struct worker *w, const struct dtls_at *at, const struct dtls_app *app)
{
	const struct config_listener *l =
	    of_listener(at) ? listener_at_place(snapshot_conf(w->dp), (uint16_t)at->port) : NULL;
	struct dtls_worker *d = w->dtls;
	const uint32_t kind = !of_listener(at);
	struct dtls_conn *c;

	if (of_listener(at) && !l) /* gone since it was found */
		return NULL;
	if (d->have[kind] == d->most[kind] && of_listener(at))
		room_make(w, &at->remote);
	if (d->have[kind] == d->most[kind] || !table_add(w, at, d->free))
		return NULL;
	c = &d->conn[d->free];
	d->free = c->due_ms;
	d->used++;
	d->have[kind]++;
	c->due_ms = 0;
	c->gen = c->gen + 1 ? c->gen + 1 : 1;
	c->at = *at;
	c->domain = l ? l->domain_index : CONFIG_DOMAINS_MAX;
	c->app = app;
	c->begun_ms = c->heard_ms = (uint32_t)w->now_ms;
	c->since_us = (uint32_t)w->now_us;
	c->wait.row = waiting_row(&d->waiting, &at->remote.ip);
	return c;
}

void assoc_end(struct worker *w, struct dtls_conn *c, enum tcp_end why)
{
	struct dtls_worker *d = w->dtls;
	const uint32_t idx = c->idx, gen = c->gen;

	if (BUG_ON(c->state == DTLS_FREE))
		return;
	if (c->state == DTLS_OPEN)
		c->app->ended(w, c, why);
	else if (c->app->failed)
		c->app->failed(w, c, why);
	if (c->state != DTLS_OPEN)
		count(w, CNT_DTLS_FAILED);
	stat_add(&w->counters->end[why], 1);
	dtls_set_state(w, c, DTLS_FREE);
	greet_leave(w, c);
	while (c->n_kept)
		assoc_drop(w, c->app, &c->at, assoc_take(w, c), DROP_DTLS_CLOSED);
	tls_keys_wipe(&c->rd);
	tls_keys_wipe(&c->wr);
	conn_row_clear(&d->info[idx]);
	table_del(w, &c->at);
	d->have[!of_listener(&c->at)]--;
	memset(c, 0, sizeof(*c));
	c->idx = idx;
	c->gen = gen;
	c->due_ms = d->free;
	d->free = idx;
	d->used--;
}

/* ---- datagrams that wait ---- */

void assoc_keep(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m)
{
	if (c->n_kept == DTLS_KEPT) {
		assoc_drop(w, c->app, &c->at, m, DROP_DTLS_WAIT);
		return;
	}
	c->heard_ms = (uint32_t)w->now_ms;
	c->kept[c->n_kept++] = m;
	w->dtls->held++;
}

struct rte_mbuf *assoc_take(struct worker *w, struct dtls_conn *c)
{
	struct rte_mbuf *m = c->kept[0];

	c->n_kept--;
	memmove(c->kept, c->kept + 1, c->n_kept * sizeof(c->kept[0]));
	w->dtls->held--;
	return m;
}

/* ---- for owners ---- */

struct ctl_conn dtls_name(const struct dtls_conn *c)
{
	return (struct ctl_conn){ c->idx | CTL_CONN_DTLS, c->gen };
}

struct dtls_conn *dtls_find(struct worker *w, struct ctl_conn name)
{
	struct dtls_conn *c = dtls_find_any(w, name);

	return c && c->state == DTLS_OPEN ? c : NULL;
}

struct dtls_conn *dtls_find_any(struct worker *w, struct ctl_conn name)
{
	const uint32_t idx = name.idx & ~CTL_CONN_DTLS;
	struct dtls_conn *c;

	if (!w->dtls || !dtls_named(name.idx) || idx >= w->dtls->n)
		return NULL;
	c = &w->dtls->conn[idx];
	return c->gen == name.gen && c->state != DTLS_FREE ? c : NULL;
}

struct dtls_conn *dtls_find_at(struct worker *w, const struct dtls_at *at)
{
	return w->dtls ? assoc_find(w, at) : NULL;
}

const struct dtls_at *dtls_at(const struct dtls_conn *c)
{
	return &c->at;
}

bool dtls_connects(const struct dtls_conn *c)
{
	return c->client;
}

void dtls_abandon_busy(struct worker *w, const struct dtls_at *at)
{
	struct dtls_conn *c, *next;

	for (c = w->dtls ? dtls_of_busy(w->dtls->busy.head) : NULL; c; c = next) {
		next = dtls_of_busy(c->busy.next);
		if (c->at.port == at->port && sock_addr_eq(&c->at.local, &at->local))
			dtls_abandon(w, c, TCP_END_DTLS_AGAIN);
	}
}

/* First it leaves its place, or no table that is full could ever take it. */
bool dtls_move(struct worker *w, struct dtls_conn *c, const struct dtls_at *to)
{
	const struct dtls_conn *there = assoc_find(w, to);
	bool moved = there == c;

	if (!there) {
		table_del(w, &c->at);
		moved = table_add(w, to, c->idx);
	}
	if (!moved) {
		dtls_abandon(w, c, there ? TCP_END_DTLS_AGAIN : TCP_END_ROOM);
		return false;
	}
	lists_leave(w->dtls, c);
	c->at = *to;
	c->wait.row = waiting_row(&w->dtls->waiting, &to->remote.ip);
	lists_enter(w->dtls, c);
	return true;
}

const struct dtls_app *dtls_app(const struct dtls_conn *c)
{
	return c->app;
}

void *dtls_data(struct dtls_conn *c)
{
	return c->data;
}
