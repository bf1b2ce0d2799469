/* SPDX-License-Identifier: BSD-3-Clause */
#include "room.h"

#include <string.h>

void room_init(struct room *r)
{
	TAILQ_INIT(&r->places);
	r->n = 0;
	r->above = 0;
}

void room_enter(struct room *r, struct room_place *p, void *conn, const void *holder, size_t len)
{
	*p = (struct room_place){ .conn = conn };
	memcpy(p->holder, holder, len);
	TAILQ_INSERT_TAIL(&r->places, p, entry);
	r->n++;
}

void room_leave(struct room *r, struct room_place *p)
{
	TAILQ_REMOVE(&r->places, p, entry);
	r->n--;
}

void room_used(struct room *r, struct room_place *p)
{
	TAILQ_REMOVE(&r->places, p, entry);
	TAILQ_INSERT_TAIL(&r->places, p, entry);
}

void *room_first(const struct room *r)
{
	const struct room_place *p = TAILQ_FIRST(&r->places);

	return p ? p->conn : NULL;
}

/* Places of whoever is named so in len bytes, and of another holder that is not in the room yet. */
static uint32_t held(const struct room *r, const uint8_t *holder, const uint8_t *newcomer,
		     size_t len)
{
	uint32_t n = memcmp(holder, newcomer, len) == 0;
	const struct room_place *p;

	TAILQ_FOREACH(p, &r->places, entry)
	{
		n += memcmp(p->holder, holder, len) == 0;
	}
	return n;
}

void *room_make(const struct room *r, const void *holder, size_t len, int (*busy)(const void *conn))
{
	uint8_t newcomer[ROOM_HOLDER] = { 0 };
	const struct room_place *p;
	void *victim = NULL;
	uint64_t most = 0;
	int least = 0;

	memcpy(newcomer, holder, len);
	TAILQ_FOREACH(p, &r->places, entry)
	{
		const uint64_t n = (uint64_t)(r->above ? held(r, p->holder, newcomer, r->above) : 0)
				       << 32 |
				   held(r, p->holder, newcomer, ROOM_HOLDER);
		const int b = busy && n >= most ? busy(p->conn) : 0;

		if (n > most || (n == most && b < least)) {
			victim = p->conn;
			most = n;
			least = b;
		}
	}
	return victim;
}
