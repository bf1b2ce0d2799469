/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ROOM_H
#define FL_CP_ROOM_H

/*
 * Connections, of which there may be so many. When all places are taken, who holds most of them
 * makes room with the one that has been idle for longest: so nobody keeps out the others (R27), nor
 * himself by connections that he forgot.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum { ROOM_HOLDER = 16 };

struct room_place {
	TAILQ_ENTRY(room_place) entry;
	void *conn;		     /* whose place it is */
	uint8_t holder[ROOM_HOLDER]; /* of whom */
};

/* Places that are taken, those that have been idle for longest first. */
TAILQ_HEAD(room_places, room_place);

struct room {
	struct room_places places;
	uint32_t n;   /* that are taken */
	size_t above; /* bytes in front of a holder's name that say whose he is, such as a process'
			 user; 0: nobody's */
};

void room_init(struct room *r);
/* Takes a place. holder: len bytes that name whom it counts for, ROOM_HOLDER at most. */
void room_enter(struct room *r, struct room_place *p, void *conn, const void *holder, size_t len);
void room_leave(struct room *r, struct room_place *p);
/* The holder of p is not idle: it is the last to make room. */
void room_used(struct room *r, struct room_place *p);
/* The one that has been idle for longest, whoever holds it; NULL: there is none. */
void *room_first(const struct room *r);

/*
 * Who makes room for one more of this holder, who counts as if he had it: one of whoever is above
 * most, and of these one of who holds most. busy, which may be NULL,
 * comes before how long: of those of who holds most, one of which it says least. NULL: there is
 * none.
 */
void *room_make(const struct room *r, const void *holder, size_t len,
		int (*busy)(const void *conn));

#endif
