/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_ACCOUNTS_H
#define FL_DP_TCP_ACCOUNTS_H

/*
 * Accounts: who has how many packet buffers by all of his connections, so that many of them are no
 * way to more than one has.
 *
 *   whose        the user's, or the context's, whom an owner names (tcp_charge()); else of
 *                strangers, guests and clients of no user their source's (ip_source()). Who else is
 *                vouched for has none
 *   his share    n accounts that hold something have an n+1-th each of all that is held, and leave
 *                one to the next; and what the smallest holder may have in any case. When it is
 *                tight, an n+1-th of three quarters of tcp.buffers, and LEDGER_LEAST in any case: or
 *                so many that each have what the smallest may have would leave no room
 *   beyond it    when three quarters of tcp.buffers are held, LEDGER_LEAST a connection, and when
 *                it is tight nothing: the last quarter is for those that have little
 *   who pays     see pressure.c. Who gets nothing can only give back; if he does not he is idle,
 *                whatever else he would move
 */
#include "conn.h"

/* Of a user or a source, from the first connection to the last. */
struct account {
	uint64_t key;
	uint32_t buffers;   /* of all its connections, each as of its last turn */
	uint32_t conns;	    /* how many these are */
	uint32_t same_hash; /* the next, also of free records */
	bool user;
};
_Static_assert(sizeof(struct account) <= 24, "budget of a connection");

/* Part of tcp_create(), tcp_destroy(). */
bool accounts_create(struct worker *w);
void accounts_destroy(struct worker *w);

/* Charges what c holds to the account of its source, if it is charged to none yet. */
void accounts_put(struct worker *w, struct tcp_conn *c);
/* What c holds is charged to no account any more. */
void accounts_del(struct worker *w, struct tcp_conn *c);
/* Whether c's account has more than its share. */
bool accounts_over(const struct worker *w, const struct tcp_conn *c);

/* With `charged`. */
static inline struct account *account_of(const struct tcp *t, const struct tcp_conn *c)
{
	return &t->accounts.account[t->accounts.of[c - t->conn]];
}

/* c holds n packet buffers more than before, or less. */
static inline void accounts_charge(struct tcp *t, const struct tcp_conn *c, uint32_t n)
{
	struct account *a;

	if (!c->charged)
		return;
	a = account_of(t, c);
	t->accounts.holders -= a->buffers != 0;
	a->buffers += n;
	t->accounts.holders += a->buffers != 0;
}

#endif
