/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RECORDS_H
#define FL_CP_RECORDS_H

/*
 * The bus that records go by: a ring of records.queue of them. The event loop, and nobody else,
 * adds to it, and never waits. One thread takes from it what goes to the file and the system's log;
 * where it is so far behind that the ring is full, the newest record is lost and counted. With
 * neither a file nor a log there is no such thread. Whoever asks by JSON-RPC reads the newest
 * records.queue that there are, in the event loop: who comes too late for one is told how many are
 * gone.
 */
#include "../../conf/config.h"
#include "record.h"

struct records;

/*
 * A file that cannot be opened is told, and tried again; false is for want of memory or of a thread
 * only: NULL, and a sentence in err.
 */
struct records *records_open(const struct config_records *c, char *err, size_t errlen);
/*
 * Another file, other sizes of it, the system's log or not: records that were added before go where
 * they would have gone, those after it to the new place. False and one sentence in err for want of
 * memory or of a thread. In force when records_finish() says so. Of fewer records.queue, those that
 * wait for the thread stay until it has written them.
 */
bool records_prepare(struct records *r, const struct config_records *c, char *err, size_t errlen);
void records_finish(struct records *r, bool apply);
/* Waits for what is in the ring to be written, but not for a disk that hangs. NULL is fine. */
void records_close(struct records *r);

/*
 * The next record, all zeros but what is of the bus, for the caller to fill in; NULL: there is no
 * room, which is counted, or r is NULL. records_commit() adds it.
 */
struct record *records_begin(struct records *r, enum record_type type, enum record_event event);
void records_commit(struct records *r);
/* One that is not made, since others need the room: it is counted as if there were none. */
void records_miss(struct records *r);

/* How many more there is room for now. */
uint64_t records_room(const struct records *r);

/* The one with seq or the oldest kept after it; NULL: there is none yet. */
const struct record *records_get(const struct records *r, uint64_t seq);
/* Of the newest; 0: there was none. */
uint64_t records_last(const struct records *r);
/* Calls changed after each; one listener. */
void records_listen(struct records *r, void (*changed)(void *arg), void *arg);
/*
 * Gives each to another queue, too, also those that this one has no room for; RECORDS_ALSO_MAX of
 * them.
 */
enum { RECORDS_ALSO_MAX = 2 };
void records_also(struct records *r, void (*take)(void *arg, const struct record *rec), void *arg);
/* The line of one: as the file has it. */
size_t records_line(const struct records *r, const struct record *rec, char line[RECORD_LINE_MAX]);

/*
 * Once when the file cannot be written, and once when records are written again: that sentence in
 * text. False: there is no news. path is the file's.
 */
bool records_news(struct records *r, const char *path, char *text, size_t len);

struct records_stats {
	uint64_t made;	    /* records */
	uint64_t ring_full; /* lost: the thread is behind */
	uint64_t unwritten; /* lost: the file could not be written */
	uint64_t unlogged;  /* lost: the system's log did not take them */
	uint64_t rotated;   /* files */
	int error;	    /* errno of what keeps the file from being written; 0: nothing */
};
/* All 0 if r is NULL. */
struct records_stats records_stats(const struct records *r);

#endif
