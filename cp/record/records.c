/* SPDX-License-Identifier: BSD-3-Clause */
#include "records.h"

#include "../clock.h"
#include "record_file.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>
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
	struct record *ring;	    /* the one with seq at seq & mask */
	uint64_t mask;
	char node[RECORD_NODE_MAX];
	bool threaded;
	pthread_t thread;
	int wake; /* eventfd */
	/* Of the event loop. */
	uint64_t last; /* seq of the newest */
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
	/* Written by the event loop, read by the thread. */
	_Alignas(64) _Atomic uint64_t head; /* the newest that is complete */
	_Atomic uint64_t ring_full;
	_Atomic bool stop;
	_Atomic(struct settings *) fresh; /* whoever takes it off frees it */
	/* Written by the thread, read by the event loop. */
	_Alignas(64) _Atomic uint64_t tail; /* the newest that is not needed any more */
	_Atomic bool asleep;
	_Atomic uint64_t unwritten, rotated;
	_Atomic int error;
	/* Of the thread. */
	struct settings *pending; /* not due yet */
	struct record_file file;
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

	if (r->conf.syslog)
		syslog(LOG_INFO, "%.*s", (int)n - 1, line);
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
		line_add(r, &r->ring[tail & r->mask]);
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

uint64_t records_room(const struct records *r)
{
	if (!r || !r->threaded)
		return UINT64_MAX;
	return r->mask + 1 - (r->last - atomic_load_explicit(&r->tail, memory_order_acquire));
}

struct record *records_begin(struct records *r, enum record_type type, enum record_event event)
{
	struct record *rec;

	if (!r)
		return NULL;
	if (r->threaded &&
	    r->last - atomic_load_explicit(&r->tail, memory_order_acquire) > r->mask) {
		atomic_fetch_add_explicit(&r->ring_full, 1, memory_order_relaxed);
		if (!r->n_also)
			return NULL;
		r->spared = true;
	}
	rec = r->spared ? &r->spare : &r->ring[(r->last + 1) & r->mask];
	memset(rec, 0, offsetof(struct record, alloc));
	rec->seq = r->last + 1;
	rec->type = type;
	rec->event = event;
	return rec;
}

void records_commit(struct records *r)
{
	for (uint32_t i = 0; i < r->n_also; i++)
		r->also[i].take(r->also[i].arg,
				r->spared ? &r->spare : &r->ring[(r->last + 1) & r->mask]);
	if (r->spared) {
		r->spared = false;
		return;
	}
	r->last++;
	atomic_store(&r->head, r->last);
	if (r->threaded && atomic_load(&r->asleep) && atomic_exchange(&r->asleep, false))
		wake_up(r);
	if (r->changed)
		r->changed(r->arg);
}

const struct record *records_get(const struct records *r, uint64_t seq)
{
	if (r->last > r->mask && seq <= r->last - r->mask - 1)
		seq = r->last - r->mask;
	if (seq == 0)
		seq = 1;
	return seq > r->last ? NULL : &r->ring[seq & r->mask];
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
		.rotated = atomic_load_explicit(&r->rotated, memory_order_relaxed),
		.error = atomic_load_explicit(&r->error, memory_order_relaxed),
	};
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
	free(r->ring);
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
		r->wake = r->file.fd = -1;
		r->mask = c->queue - 1;
		r->ring = calloc(c->queue, sizeof(*r->ring));
	}
	if (!r || !r->ring) {
		snprintf(err, errlen, "records.queue: not enough memory for %u records", c->queue);
		free(r);
		return NULL;
	}
	if (gethostname(r->node, sizeof(r->node) - 1) < 0)
		strcpy(r->node, "?");
	if (c->syslog)
		openlog("fairlead-cp", LOG_PID, LOG_DAEMON);
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
	if (!r->next) {
		snprintf(err, errlen, "records: out of memory");
		return false;
	}
	r->next->conf = *c;
	if (c->syslog)
		openlog("fairlead-cp", LOG_PID, LOG_DAEMON);
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
