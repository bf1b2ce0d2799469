/* SPDX-License-Identifier: BSD-3-Clause */
#include "records.h"

#include "../clock.h"
#include "record_file.h"
#include "record_ring.h"
#include "record_syslog.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	BATCH = 1 << 16, /* bytes written at once */
	NAP_MS = 10,	 /* so that what comes meanwhile is one batch */
	WAIT_MS = 1000,	 /* without a record: the file is looked after */
	CLOSE_S = 2,	 /* a disk that hangs is waited for */
};

/* As they shall be, for records behind the one with seq `after`. */
struct settings {
	struct config_records conf;
	uint64_t after;
};

struct records {
	struct config_records conf; /* a copy: a thread that hangs outlives the caller's. Once there
				       is one, it is the thread's */
	struct record_ring ring;
	char node[RECORD_NODE_MAX];
	bool threaded;
	pthread_t thread;
	int wake; /* eventfd */
	/* Of the event loop. */
	uint64_t first, last; /* seq of the oldest kept, and of the newest */
	void (*changed)(void *arg);
	void *arg;
	struct also {
		void (*take)(void *arg, const struct record *rec);
		void *arg;
	} also[RECORDS_ALSO_MAX];
	uint32_t n_also;
	struct record spare; /* begun while the ring was full */
	bool spared;
	struct settings *next; /* records_prepare() made it */
	struct {
		bool fails;	  /* it has been told */
		uint64_t written; /* and lost, when that was */
		uint64_t lost;
	} told;
	/* Written by the event loop, read by the thread. */
	_Alignas(64) _Atomic uint64_t head; /* the newest that is complete */
	_Atomic uint64_t ring_full;
	_Atomic bool stop;
	_Atomic(struct settings *) fresh; /* whoever takes it off frees it */
	/* Written by the thread, read by the event loop. */
	_Alignas(64) _Atomic uint64_t tail; /* the newest that is not needed any more */
	_Atomic bool asleep;
	_Atomic uint64_t written, unwritten, unlogged, rotated;
	_Atomic int error;
	/* Of the thread. */
	struct settings *pending; /* not due yet */
	struct record rec;	  /* that a line is made of */
	struct record_file file;
	struct record_syslog log;
	uint64_t full_said; /* of ring_full */
	char *batch;
	size_t used;
	uint32_t lines;
};

/* ---- the thread ---- */

static void batch_write(struct records *r)
{
	if (r->conf.file[0] && r->lines)
		record_file_write(&r->file, r->batch, r->used, r->lines, clock_ms(CLOCK_REALTIME));
	r->used = r->lines = 0;
}

static void line_add(struct records *r, const struct record *rec)
{
	char *line = r->batch + r->used;
	const size_t n = record_line(rec, r->node, line);

	if (r->conf.syslog) {
		record_syslog_send(&r->log, line, n - 1);
		atomic_store_explicit(&r->unlogged, r->log.lost, memory_order_relaxed);
	}
	r->used += n;
	r->lines++;
	if (r->used + RECORD_LINE_MAX > BATCH)
		batch_write(r);
}

/* Counters go on; what the old file owes to be said is said in the new one. */
static void file_move(struct records *r, const struct config_records *c)
{
	struct record_file was = r->file;

	if (r->conf.file[0])
		record_file_close(&was);
	r->conf = *c;
	if (c->file[0]) {
		record_file_open(&r->file, r->conf.file, (uint64_t)c->size_mb << 20, c->files,
				 r->node);
		r->file.written = was.written;
		r->file.lost = was.lost;
		r->file.rotated = was.rotated;
		r->file.untold = was.untold;
	}
	atomic_store_explicit(&r->error, c->file[0] ? r->file.error : 0, memory_order_relaxed);
}

/* Settings that changed, once all that came before them is written. */
static void settings_take(struct records *r, uint64_t tail)
{
	struct settings *c;

	if (!r->pending && atomic_load_explicit(&r->fresh, memory_order_relaxed))
		r->pending = atomic_exchange(&r->fresh, NULL);
	c = r->pending;
	if (!c || tail < c->after)
		return;
	r->pending = NULL;
	batch_write(r);
	if (strcmp(c->conf.file, r->conf.file) != 0) {
		file_move(r, &c->conf);
	} else {
		r->conf = c->conf;
		r->file.max = (uint64_t)c->conf.size_mb << 20;
		r->file.files = c->conf.files;
	}
	free(c);
}

/* Writes all there is. The ring has room again as lines are made, not when the disk has them. */
static void ring_empty(struct records *r)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	settings_take(r, tail);
	while (tail != atomic_load_explicit(&r->head, memory_order_acquire)) {
		tail++;
		record_ring_read(&r->ring, tail, &r->rec);
		line_add(r, &r->rec);
		atomic_store_explicit(&r->tail, tail, memory_order_release);
		settings_take(r, tail);
	}
	batch_write(r);
}

/* What the ring had no room for is missing in the file, too. */
static void file_turn(struct records *r)
{
	const uint64_t full = atomic_load_explicit(&r->ring_full, memory_order_relaxed);

	if (!r->conf.file[0])
		return;
	record_file_lost(&r->file, full - r->full_said);
	r->full_said = full;
	record_file_turn(&r->file, clock_ms(CLOCK_MONOTONIC), clock_ms(CLOCK_REALTIME));
	atomic_store_explicit(&r->written, r->file.written, memory_order_relaxed);
	atomic_store_explicit(&r->unwritten, r->file.lost, memory_order_relaxed);
	atomic_store_explicit(&r->rotated, r->file.rotated, memory_order_relaxed);
	atomic_store_explicit(&r->error, r->file.error, memory_order_relaxed);
}

/* Whoever adds a record either sees that this thread is asleep, or is seen here. */
static void sleep_until_woken(struct records *r)
{
	struct pollfd p = { .fd = r->wake, .events = POLLIN };
	uint64_t n;

	atomic_store(&r->asleep, true);
	if (atomic_load(&r->head) == atomic_load_explicit(&r->tail, memory_order_relaxed) &&
	    !atomic_load(&r->stop))
		poll(&p, 1, WAIT_MS);
	atomic_store(&r->asleep, false);
	if (p.revents & POLLIN && read(r->wake, &n, sizeof(n)) < 0)
		return; /* somebody else's news: there is none */
	if (!atomic_load(&r->stop))
		poll(NULL, 0, NAP_MS);
}

static void *writer(void *arg)
{
	struct records *r = arg;

	while (!atomic_load(&r->stop)) {
		ring_empty(r);
		file_turn(r);
		sleep_until_woken(r);
	}
	ring_empty(r);
	r->file.looked_ms = 0; /* what was lost is said even now */
	file_turn(r);
	return NULL;
}

static void wake_up(struct records *r)
{
	const uint64_t one = 1;

	if (write(r->wake, &one, sizeof(one)) < 0)
		return; /* it has been woken already */
}

/* ---- the event loop ---- */

/* How many wait for the thread. */
static uint64_t waiting(const struct records *r)
{
	return r->threaded ? r->last - atomic_load_explicit(&r->tail, memory_order_acquire) : 0;
}

uint64_t records_room(const struct records *r)
{
	uint64_t n, limit;

	if (!r || !r->threaded)
		return UINT64_MAX;
	n = waiting(r);
	limit = record_ring_limit(&r->ring);
	return n < limit ? limit - n : 0;
}

/* To a ring of another size, once what waits has room there. */
static void ring_move(struct records *r)
{
	r->first = record_ring_move(&r->ring, r->first, r->last + 1 - waiting(r), r->last);
}

struct record *records_begin(struct records *r, enum record_type type, enum record_event event)
{
	struct record *rec;

	if (!r)
		return NULL;
	ring_move(r);
	if (records_room(r) == 0) {
		atomic_fetch_add_explicit(&r->ring_full, 1, memory_order_relaxed);
		if (!r->n_also)
			return NULL;
		r->spared = true;
	}
	rec = r->spared ? &r->spare : record_ring_at(&r->ring, r->last + 1);
	memset(rec, 0, offsetof(struct record, alloc));
	rec->seq = r->last + 1;
	rec->type = type;
	rec->event = event;
	return rec;
}

void records_miss(struct records *r)
{
	atomic_fetch_add_explicit(&r->ring_full, 1, memory_order_relaxed);
}

void records_commit(struct records *r)
{
	const uint64_t limit = record_ring_limit(&r->ring);

	for (uint32_t i = 0; i < r->n_also; i++)
		r->also[i].take(r->also[i].arg,
				r->spared ? &r->spare : record_ring_at(&r->ring, r->last + 1));
	if (r->spared) {
		r->spared = false;
		return;
	}
	r->last++;
	if (r->last - r->first >= limit)
		r->first = r->last - limit + 1;
	atomic_store(&r->head, r->last);
	if (r->threaded && atomic_load(&r->asleep) && atomic_exchange(&r->asleep, false))
		wake_up(r);
	if (r->changed)
		r->changed(r->arg);
}

const struct record *records_get(const struct records *r, uint64_t seq)
{
	if (seq < r->first)
		seq = r->first;
	return seq > r->last ? NULL : record_ring_at(&r->ring, seq);
}

uint64_t records_last(const struct records *r)
{
	return r->last;
}

void records_listen(struct records *r, void (*changed)(void *arg), void *arg)
{
	r->changed = changed;
	r->arg = arg;
}

void records_also(struct records *r, void (*take)(void *arg, const struct record *rec), void *arg)
{
	if (r->n_also < RECORDS_ALSO_MAX)
		r->also[r->n_also++] = (struct also){ take, arg };
}

size_t records_line(const struct records *r, const struct record *rec, char line[RECORD_LINE_MAX])
{
	return record_line(rec, r->node, line);
}

struct records_stats records_stats(const struct records *r)
{
	if (!r)
		return (struct records_stats){ 0 };
	return (struct records_stats){
		.made = r->last,
		.ring_full = atomic_load_explicit(&r->ring_full, memory_order_relaxed),
		.unwritten = atomic_load_explicit(&r->unwritten, memory_order_relaxed),
		.unlogged = atomic_load_explicit(&r->unlogged, memory_order_relaxed),
		.rotated = atomic_load_explicit(&r->rotated, memory_order_relaxed),
		.error = atomic_load_explicit(&r->error, memory_order_relaxed),
	};
}

/* A line that says how many are missing may have room where records have none: that is no end. */
bool records_news(struct records *r, const char *path, char *text, size_t len)
{
	const struct records_stats n = records_stats(r);
	const uint64_t lost = n.ring_full + n.unwritten;
	const uint64_t written = r ? atomic_load_explicit(&r->written, memory_order_relaxed) : 0;

	if (r && n.error && !r->told.fails) {
		r->told.fails = true;
		r->told.written = written;
		r->told.lost = lost;
		snprintf(text, len, "records cannot be written, and are lost and counted: %s: %s",
			 path, strerror(n.error));
		return true;
	}
	if (r && !n.error && r->told.fails && written > r->told.written) {
		r->told.fails = false;
		snprintf(text, len, "records are written again: %s; %" PRIu64 " were lost", path,
			 lost - r->told.lost);
		return true;
	}
	return false;
}

/* ---- opening and closing ---- */

/* Signals are the event loop's. */
static bool thread_start(struct records *r)
{
	sigset_t all, old;

	if (!r->batch)
		r->batch = malloc(BATCH + RECORD_LINE_MAX);
	if (r->wake < 0)
		r->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!r->batch || r->wake < 0)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r->threaded = pthread_create(&r->thread, NULL, writer, r) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r->threaded;
}

static void records_free(struct records *r)
{
	if (r->wake >= 0)
		close(r->wake);
	free(atomic_load(&r->fresh));
	free(r->pending);
	free(r->next);
	free(r->batch);
	record_syslog_close(&r->log);
	record_ring_close(&r->ring);
	free(r);
}

static void file_begin(struct records *r)
{
	const struct config_records *c = &r->conf;

	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a disk that is full */
	record_file_open(&r->file, c->file, (uint64_t)c->size_mb << 20, c->files, r->node);
	atomic_store(&r->error, r->file.error);
}

struct records *records_open(const struct config_records *c, char *err, size_t errlen)
{
	struct records *r = aligned_alloc(64, sizeof(*r));

	if (r) {
		memset(r, 0, sizeof(*r));
		r->conf = *c;
		r->wake = r->file.fd = r->log.fd = -1;
		r->log.path = RECORD_SYSLOG_PATH;
		r->first = 1;
	}
	if (!r || !record_ring_open(&r->ring, c->queue)) {
		snprintf(err, errlen, "records.queue: not enough memory for %u records", c->queue);
		free(r);
		return NULL;
	}
	if (gethostname(r->node, sizeof(r->node) - 1) < 0)
		strcpy(r->node, "?");
	if (c->file[0])
		file_begin(r);
	if ((c->file[0] || c->syslog) && !thread_start(r)) {
		snprintf(err, errlen, "records: cannot start the thread that writes them");
		record_file_close(&r->file);
		records_free(r);
		return NULL;
	}
	return r;
}

bool records_prepare(struct records *r, const struct config_records *c, char *err, size_t errlen)
{
	free(r->next);
	r->next = malloc(sizeof(*r->next));
	if (!r->next || !record_ring_prepare(&r->ring, c->queue)) {
		snprintf(err, errlen, "records.queue: not enough memory for %u records", c->queue);
		records_finish(r, false);
		return false;
	}
	r->next->conf = *c;
	if ((!c->file[0] && !c->syslog) || r->threaded)
		return true;
	signal(SIGXFSZ, SIG_IGN);
	atomic_store(&r->tail, r->last); /* it has nothing to do with what was before it */
	if (thread_start(r))
		return true;
	snprintf(err, errlen, "records: cannot start the thread that writes them");
	records_finish(r, false);
	return false;
}

void records_finish(struct records *r, bool apply)
{
	record_ring_finish(&r->ring, apply);
	ring_move(r);
	if (apply && r->next && r->threaded) {
		/* One that the thread has not taken yet is passed over. */
		free(atomic_exchange(&r->fresh, NULL));
		r->next->after = r->last;
		atomic_store(&r->fresh, r->next);
		r->next = NULL;
		wake_up(r);
	}
	free(r->next);
	r->next = NULL;
}

void records_close(struct records *r)
{
	struct timespec end;

	if (!r)
		return;
	if (r->threaded) {
		atomic_store(&r->stop, true);
		wake_up(r);
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_sec += CLOSE_S;
		if (pthread_timedjoin_np(r->thread, NULL, &end) != 0)
			return; /* the disk hangs: all of it is the thread's yet */
	}
	if (r->conf.file[0])
		record_file_close(&r->file);
	records_free(r);
}
