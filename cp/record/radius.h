/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RADIUS_H
#define FL_CP_RADIUS_H

/*
 * Accounting by RADIUS (RFC 2866): what begins, goes on and ends of allocations, contexts and
 * connections of services is told to servers. The event
 * loop puts records into a ring of radius.queue and never waits; one thread takes them from it,
 * RADIUS_BURST at a time, and asks one server after the other until each request has its answer.
 * While none does, records wait, and where the ring is full the newest is lost and counted; the
 * last sixteenth of it is for users who have less than an equal part of it, and half is not for
 * clients of services, who have shown no credentials.
 */
#include "../../conf/config.h"
#include "record.h"

#include <stdatomic.h>

enum { RADIUS_BURST = 64 }; /* requests under way at a time */

/* Written by the thread but for head and lost, which are the event loop's. */
struct radius_counts {
	_Atomic uint64_t head, tail; /* records put in, and done with */
	_Atomic uint64_t lost;	     /* the ring was full */
	_Atomic uint64_t answered;
	_Atomic uint64_t unanswered; /* requests that one server did not answer in all its tries */
	_Atomic bool silent;	     /* no server answered last */
};

/* n, or zeros where it is NULL: there is no accounting. */
static inline const struct radius_counts *radius_or_none(const struct radius_counts *n)
{
	static const struct radius_counts none;

	return n ? n : &none;
}

static inline uint64_t radius_waiting(const struct radius_counts *n)
{
	const uint64_t tail = atomic_load_explicit(&n->tail, memory_order_acquire);

	return atomic_load_explicit(&n->head, memory_order_relaxed) - tail;
}

struct radius;

/* NULL, and one sentence in err: a secret cannot be read, or there is no memory or no thread. */
struct radius *radius_open(const struct config_radius *c, char *err, size_t errlen);
/*
 * Other servers, secrets, times, or another name: false, and one sentence in err, if a secret
 * cannot be read. In force when radius_finish() says so, for records that wait as well; with no
 * server these are lost and counted, and no more are taken. Of a smaller radius.queue those that
 * wait stay until they are told.
 */
bool radius_prepare(struct radius *r, const struct config_radius *c, char *err, size_t errlen);
void radius_finish(struct radius *r, bool apply);
/* Waits for what can be told within seconds. NULL is fine. */
void radius_close(struct radius *r);
const struct radius_counts *radius_counts(const struct radius *r);

/* arg: struct radius. A record that was made; one of an allocation's connection is none of ours. */
void radius_take(void *arg, const struct record *rec);

#endif
