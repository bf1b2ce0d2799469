/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_WAITING_H
#define FL_DP_TLS_WAITING_H

/*
 * Connections, and DTLS associations, that wait for a handshake, fairly by source (stochastic fair
 * queueing): a row for each hash of an address, first come first served within a row, and rows in
 * turn. However many wait behind one address, another has its turn behind one of them; a source
 * that is alone has all turns. Nothing is known of a source that does not wait.
 */
#include "../../lib/addr.h"
#include "../../lib/siphash.h"

enum { WAITING_ROWS = 256 };

/* A member of what waits. Whose it is writes row and since_ms. */
struct waiter {
	struct waiter *next, *prev;
	uint32_t since_ms; /* low half of now_ms */
	uint16_t row;	   /* waiting_row() */
};

struct tls_list {
	struct waiter *head, *tail;
	uint32_t n;
};

struct tls_waiting {
	uint32_t n;			  /* in all */
	uint16_t turn;			  /* the row that is looked at first */
	uint64_t some[WAITING_ROWS / 64]; /* rows that have a connection, a bit each */
	struct siphash_key key;		  /* a source must not choose whose row it shares */
	struct tls_list row[WAITING_ROWS];
};

/* The row of those that come from this address, or, with IPv6, this /56. */
uint16_t waiting_row(const struct tls_waiting *q, const struct ip_addr *source);
/* Behind the others of t->row. */
void waiting_put(struct tls_waiting *q, struct waiter *t);
void waiting_del(struct tls_waiting *q, struct waiter *t);
/* Whose turn it is, and goes by; NULL: nobody waits. Still to be deleted. */
struct waiter *waiting_next(struct tls_waiting *q);
/*
 * Who gives way for one more of this row when no more may wait: the last of the longest row. NULL:
 * none is longer than this one.
 */
struct waiter *waiting_excess(const struct tls_waiting *q, uint16_t row);

void list_put(struct tls_list *l, struct waiter *t);
/* Before those whose since_ms is later. */
void list_put_by_age(struct tls_list *l, struct waiter *t);
void list_del(struct tls_list *l, struct waiter *t);

#endif
