/* SPDX-License-Identifier: BSD-3-Clause */
#include "pending.h"

#include <stdlib.h>
#include <string.h>

struct pending {
	struct rand *rand;
	struct wheel *wheel;
	struct pending_conn *entry; /* [max] */
	uint32_t *by_id;	    /* [mask + 1] */
	uint32_t *by_session;	    /* [mask + 1] */
	uint32_t n_workers, max, mask, used, free;
};

static uint32_t *buckets_create(uint32_t n)
{
	uint32_t *b = malloc(n * sizeof(*b));

	if (b)
		memset(b, 0xff, n * sizeof(*b)); /* SLOT_NONE */
	return b;
}

struct pending *pending_create(const struct config *c, struct rand *r, struct wheel *w)
{
	uint64_t max = (uint64_t)c->turn.allocations_max * c->turn.connections_per_allocation;
	struct pending *t = calloc(1, sizeof(*t));
	uint32_t buckets = 64;

	if (!t)
		return NULL;
	t->rand = r;
	t->wheel = w;
	t->n_workers = c->dataplane.n_workers;
	t->max = max < PENDING_MAX ? (uint32_t)max : PENDING_MAX;
	while (buckets < t->max)
		buckets *= 2;
	t->mask = buckets - 1;
	t->entry = calloc(t->max ? t->max : 1, sizeof(*t->entry));
	t->by_id = buckets_create(buckets);
	t->by_session = buckets_create(buckets);
	if (!t->entry || !t->by_id || !t->by_session) {
		pending_free(t);
		return NULL;
	}
	t->free = SLOT_NONE;
	for (uint32_t i = t->max; i-- > 0;) {
		t->entry[i].id_next = t->free;
		t->free = i;
	}
	return t;
}

void pending_free(struct pending *t)
{
	if (!t)
		return;
	if (t->entry)
		explicit_bzero(t->entry, t->max * sizeof(*t->entry));
	free(t->entry);
	free(t->by_id);
	free(t->by_session);
	free(t);
}

/* ---- chains ---- */

static struct pending_conn *entry_at(const struct pending *t, uint32_t i)
{
	return i == SLOT_NONE ? NULL : &t->entry[i];
}

/* An id is random and ours: whoever guesses at one cannot choose its bucket's length. */
static uint32_t *id_bucket(const struct pending *t, uint32_t id)
{
	return &t->by_id[id & t->mask];
}

/* Slots are handed out in turn, so that they spread by themselves. */
static uint32_t *session_bucket(const struct pending *t, uint32_t worker, struct ctl_sid sid)
{
	return &t->by_session[(sid.slot * t->n_workers + worker) & t->mask];
}

static bool entry_is_of(const struct pending_conn *e, uint32_t worker, struct ctl_sid sid)
{
	return e->worker == worker && e->sid.slot == sid.slot && e->sid.gen == sid.gen;
}

struct pending_conn *pending_next(const struct pending *t, uint32_t worker, struct ctl_sid sid,
				  const struct pending_conn *prev)
{
	struct pending_conn *e =
	    entry_at(t, prev ? prev->session_next : *session_bucket(t, worker, sid));

	while (e && !entry_is_of(e, worker, sid))
		e = entry_at(t, e->session_next);
	return e;
}

static uint32_t id_draw(struct pending *t)
{
	uint32_t id;

	do
		id = (uint32_t)rand_u64(t->rand);
	while (id == 0 || pending_find(t, id));
	return id;
}

static void session_link(struct pending *t, struct pending_conn *e)
{
	uint32_t *bucket = session_bucket(t, e->worker, e->sid);

	e->session_next = *bucket;
	*bucket = (uint32_t)(e - t->entry);
}

static void session_unlink(struct pending *t, struct pending_conn *e)
{
	uint32_t *p = session_bucket(t, e->worker, e->sid);

	while (entry_at(t, *p) != e)
		p = &t->entry[*p].session_next;
	*p = e->session_next;
}

/* ---- entries ---- */

struct pending_conn *pending_add(struct pending *t, uint32_t worker, struct ctl_sid sid,
				 const struct sock_addr *peer)
{
	struct pending_conn *e = entry_at(t, t->free);
	uint32_t i = t->free, *bucket;

	if (!e)
		return NULL;
	t->free = e->id_next;
	memset(e, 0, sizeof(*e));
	e->id = id_draw(t);
	e->worker = worker;
	e->sid = sid;
	e->peer = *peer;
	bucket = id_bucket(t, e->id);
	e->id_next = *bucket;
	*bucket = i;
	session_link(t, e);
	t->used++;
	return e;
}

void pending_del(struct pending *t, struct pending_conn *e)
{
	uint32_t i = (uint32_t)(e - t->entry), *p;

	wheel_stop(t->wheel, &e->timer);
	for (p = id_bucket(t, e->id); *p != i;)
		p = &t->entry[*p].id_next;
	*p = e->id_next;
	session_unlink(t, e);
	explicit_bzero(e, sizeof(*e));
	e->id_next = t->free;
	t->free = i;
	t->used--;
}

void pending_del_session(struct pending *t, uint32_t worker, struct ctl_sid sid)
{
	struct pending_conn *e;

	while ((e = pending_next(t, worker, sid, NULL)) != NULL)
		pending_del(t, e);
}

void pending_owe(struct pending *t, struct pending_conn *e, int code)
{
	session_unlink(t, e);
	e->sid =
	    (struct ctl_sid){ .slot = e->id }; /* spread, and of generation 0, which none has */
	session_link(t, e);
	e->state = PENDING_OWED;
	e->code = (uint16_t)code;
	e->tries = 0;
}

void pending_wait(struct pending_conn *e, struct ctl_conn conn)
{
	explicit_bzero(&e->asker, sizeof(e->asker));
	e->state = PENDING_WAITING;
	e->conn = conn;
}

struct pending_conn *pending_find(struct pending *t, uint32_t id)
{
	struct pending_conn *e = entry_at(t, *id_bucket(t, id));

	while (e && e->id != id)
		e = entry_at(t, e->id_next);
	return e;
}

struct pending_conn *pending_find_peer(struct pending *t, uint32_t worker, struct ctl_sid sid,
				       const struct sock_addr *peer)
{
	struct pending_conn *e = pending_next(t, worker, sid, NULL);

	while (e && memcmp(&e->peer, peer, sizeof(*peer)) != 0)
		e = pending_next(t, worker, sid, e);
	return e;
}

struct pending_conn *pending_find_seq(struct pending *t, uint32_t worker, struct ctl_sid sid,
				      uint32_t seq)
{
	struct pending_conn *e = pending_next(t, worker, sid, NULL);

	while (e && (e->state != PENDING_CONNECTING || e->seq != seq))
		e = pending_next(t, worker, sid, e);
	return e;
}

struct pending_conn *pending_find_conn(struct pending *t, uint32_t worker, struct ctl_sid sid,
				       struct ctl_conn conn)
{
	struct pending_conn *e = pending_next(t, worker, sid, NULL);

	while (e &&
	       (e->state != PENDING_WAITING || e->conn.idx != conn.idx || e->conn.gen != conn.gen))
		e = pending_next(t, worker, sid, e);
	return e;
}

uint32_t pending_count(const struct pending *t, uint32_t worker, struct ctl_sid sid)
{
	const struct pending_conn *e = NULL;
	uint32_t n = 0;

	while ((e = pending_next(t, worker, sid, e)) != NULL)
		n++;
	return n;
}

uint32_t pending_used(const struct pending *t)
{
	return t->used;
}

uint32_t pending_max(const struct pending *t)
{
	return t->max;
}
