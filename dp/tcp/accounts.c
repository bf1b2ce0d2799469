/* SPDX-License-Identifier: BSD-3-Clause */
#include "accounts.h"
#include "ledger.h"

#include <rte_malloc.h>

/* ---- memory ---- */

bool accounts_create(struct worker *w)
{
	struct accounts *a = &w->tcp->accounts;
	uint32_t n = w->dp->conf->tcp.connections, rows = rte_align32pow2(n), i;

	a->account = rte_zmalloc("accounts", sizeof(a->account[0]) * (size_t)n, 64);
	a->of = rte_malloc("accounts", sizeof(a->of[0]) * (size_t)n, 64);
	a->row = rte_malloc("accounts", sizeof(a->row[0]) * (size_t)rows, 64);
	if (!a->account || !a->of || !a->row)
		return false;
	memcpy(&a->key, w->dp->hash_key, sizeof(a->key));
	memset(a->row, 0xff, sizeof(a->row[0]) * (size_t)rows);
	a->mask = rows - 1;
	for (i = 0; i < n; i++)
		a->account[i].same_hash = i + 1 < n ? i + 1 : SLOT_NONE;
	return true;
}

void accounts_destroy(struct worker *w)
{
	struct accounts *a = &w->tcp->accounts;

	rte_free(a->account);
	rte_free(a->of);
	rte_free(a->row);
}

/* ---- whose ---- */

static uint32_t *row_of(const struct accounts *a, uint64_t key, bool user)
{
	const uint64_t in[] = { key, user };

	return &a->row[siphash(&a->key, in, sizeof(in)) & a->mask];
}

/* A new record if need be. There are as many as connections, and each of these has one at most. */
static uint32_t account_get(struct accounts *a, uint64_t key, bool user)
{
	uint32_t *row = row_of(a, key, user), i;

	for (i = *row; i != SLOT_NONE; i = a->account[i].same_hash)
		if (a->account[i].key == key && a->account[i].user == user)
			return i;
	i = a->free;
	a->free = a->account[i].same_hash;
	a->account[i] = (struct account){ .key = key, .user = user, .same_hash = *row };
	*row = i;
	return i;
}

static void account_end(struct accounts *a, uint32_t i)
{
	struct account *gone = &a->account[i];
	uint32_t *link = row_of(a, gone->key, gone->user);

	while (*link != i)
		link = &a->account[*link].same_hash;
	*link = gone->same_hash;
	gone->same_hash = a->free;
	a->free = i;
}

static void account_join(struct worker *w, struct tcp_conn *c, uint32_t i)
{
	struct accounts *a = &w->tcp->accounts;

	c->charged = true;
	a->of[conn_idx(w, c)] = i;
	a->account[i].conns++;
	accounts_charge(w->tcp, c, c->booked);
}

void accounts_put(struct worker *w, struct tcp_conn *c)
{
	if (!c->charged)
		account_join(w, c, account_get(&w->tcp->accounts, ip_source(&c->remote_ip), false));
}

void accounts_del(struct worker *w, struct tcp_conn *c)
{
	struct accounts *a = &w->tcp->accounts;
	uint32_t i;

	if (!c->charged)
		return;
	accounts_charge(w->tcp, c, 0 - (uint32_t)c->booked);
	i = a->of[conn_idx(w, c)];
	if (--a->account[i].conns == 0)
		account_end(a, i);
	c->charged = false;
}

void tcp_charge(struct worker *w, struct tcp_conn *c, uint64_t user)
{
	uint64_t key = user ? user : ip_source(&c->remote_ip);
	const struct account *is = c->charged ? account_of(w->tcp, c) : NULL;

	if (c->flags & CONN_DEAD || (is && is->key == key && is->user == (user != 0)))
		return;
	accounts_del(w, c);
	account_join(w, c, account_get(&w->tcp->accounts, key, user != 0));
}

void tcp_charge_with(struct worker *w, struct tcp_conn *c, const struct tcp_conn *other)
{
	accounts_del(w, c);
	if (other->charged && !(c->flags & CONN_DEAD))
		account_join(w, c, w->tcp->accounts.of[conn_idx(w, other)]);
}

/* ---- who has too much ---- */

bool accounts_over(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t buffers = w->dp->conf->tcp.buffers;
	const struct tcp *t = w->tcp;
	const struct account *a;
	uint64_t parted;

	if (!c->charged)
		return false;
	a = account_of(t, c);
	if (!ledger_tight(w))
		return a->buffers > ledger_small(w, c) &&
		       a->buffers * ((uint64_t)t->accounts.holders + 1) > t->held;
	/* With one more it would be: what is parted is three quarters, so that it comes to that. */
	parted = buffers - buffers / 4;
	return a->buffers >= LEDGER_LEAST &&
	       (a->buffers + 1) * ((uint64_t)t->accounts.holders + 1) > parted;
}
