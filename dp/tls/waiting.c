/* SPDX-License-Identifier: BSD-3-Clause */
#include "waiting.h"

#include "../../lib/seq.h"

#include <rte_common.h>

enum { SOURCE_V6 = 7 }; /* bytes of an address of IPv6 that are not its owner's to choose */

/* ---- lists ---- */

void list_put(struct tls_list *l, struct waiter *t)
{
	t->next = NULL;
	t->prev = l->tail;
	if (l->tail)
		l->tail->next = t;
	else
		l->head = t;
	l->tail = t;
	l->n++;
}

void list_put_by_age(struct tls_list *l, struct waiter *t)
{
	struct waiter *after = l->tail;

	while (after && seq_gt(after->since_ms, t->since_ms))
		after = after->prev;
	t->prev = after;
	t->next = after ? after->next : l->head;
	if (t->next)
		t->next->prev = t;
	else
		l->tail = t;
	if (after)
		after->next = t;
	else
		l->head = t;
	l->n++;
}

void list_del(struct tls_list *l, struct waiter *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		l->head = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		l->tail = t->prev;
	l->n--;
}

/* ---- rows ---- */

uint16_t waiting_row(const struct tls_waiting *q, const struct ip_addr *source)
{
	size_t len = ip_is_v4(source) ? sizeof(source->b) : SOURCE_V6;

	return (uint16_t)(siphash(&q->key, source->b, len) % WAITING_ROWS);
}

void waiting_put(struct tls_waiting *q, struct waiter *t)
{
	list_put(&q->row[t->row], t);
	q->some[t->row / 64] |= UINT64_C(1) << t->row % 64;
	q->n++;
}

void waiting_del(struct tls_waiting *q, struct waiter *t)
{
	list_del(&q->row[t->row], t);
	if (!q->row[t->row].n)
		q->some[t->row / 64] &= ~(UINT64_C(1) << t->row % 64);
	q->n--;
}

struct waiter *waiting_next(struct tls_waiting *q)
{
	uint16_t i, word = q->turn / 64;
	/* Of the first word only what is not before the turn; it comes once more, whole. */
	uint64_t bits = q->some[word] & UINT64_MAX << q->turn % 64;

	for (i = 0; !bits && i < RTE_DIM(q->some); i++) {
		word = (uint16_t)((word + 1) % RTE_DIM(q->some));
		bits = q->some[word];
	}
	if (!bits)
		return NULL;
	i = (uint16_t)(word * 64 + __builtin_ctzll(bits));
	q->turn = (uint16_t)((i + 1) % WAITING_ROWS);
	return q->row[i].head;
}

struct waiter *waiting_excess(const struct tls_waiting *q, uint16_t row)
{
	const struct tls_list *longest = &q->row[row];
	uint16_t i;

	for (i = 0; i < WAITING_ROWS; i++)
		if (q->row[i].n > longest->n)
			longest = &q->row[i];
	return longest == &q->row[row] ? NULL : longest->tail;
}
