/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius.h"

#include "../clock.h"
#include "../radius_server.h"
#include "../rand.h"
#include "../share.h"
#include "radius_packet.h"
#include "record_ring.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PAUSE_MS = 1000, /* when no server has answered */
	DEAD_MS = 30000, /* a server that did not is asked again so late, if another one does */
	CLOSE_S = 3,
};

/* Whom to ask, as what, and how long. */
struct settings {
	struct config_radius conf;
	char nas[CONFIG_USER_MAX];
	char secret[CONFIG_RADIUS_MAX][RADIUS_SECRET_MAX + 1];
};

struct radius {
	struct radius_counts n;
	struct record_ring ring; /* by the number in which they were put in */
	/* Of the event loop: who has how many records in the ring, but for those up to given. */
	struct share share;
	struct siphash_key key; /* of names of users */
	uint64_t given;
	struct settings *now, *next, *copy; /* in force; what radius_prepare() made, twice */
	int wake;			    /* eventfd */
	_Atomic(struct settings *) fresh;   /* whoever takes it off frees it */
	pthread_t thread;
	_Atomic bool asleep, stop;
	/* Of the thread, which may outlive the caller while it waits for a server. */
	struct settings set;
	struct ask {
		struct record rec; /* as the ring has it */
		bool taken;	   /* by a server */
		uint8_t id;
		size_t len;
		uint8_t packet[RADIUS_PACKET_MAX];
	} ask[RADIUS_BURST];
	uint32_t n_asks, n_left;		   /* of ask; of these without an answer */
	int fd[CONFIG_RADIUS_MAX];		   /* connected; -1: not yet */
	uint8_t id;				   /* of the next request */
	uint64_t dead_until_ms[CONFIG_RADIUS_MAX]; /* CLOCK_MONOTONIC */
};

/* ---- the thread ---- */

static bool server_connect(struct radius *r, unsigned i)
{
	if (r->fd[i] < 0)
		r->fd[i] = radius_server_connect(&r->set.conf.server[i]);
	return r->fd[i] >= 0;
}

/* ---- a burst: requests that are under way together ---- */

/*
 * The oldest records that wait: until all are taken, it stays as it is. It ends before a second
 * record of one allocation, for a server may take requests in any order.
 */
static void burst_begin(struct radius *r)
{
	const uint64_t tail = atomic_load_explicit(&r->n.tail, memory_order_relaxed);
	const uint64_t n = atomic_load_explicit(&r->n.head, memory_order_acquire) - tail;

	r->n_asks = r->n_left = 0;
	while (r->n_asks < n && r->n_asks < RADIUS_BURST) {
		struct ask *a = &r->ask[r->n_asks];

		record_ring_read(&r->ring, tail + 1 + r->n_asks, &a->rec);
		for (uint32_t i = 0; i < r->n_asks; i++)
			if (r->ask[i].rec.id == a->rec.id)
				return;
		a->taken = false;
		r->n_asks++;
		r->n_left++;
	}
}

/* Requests for this server, with a number each. False if one cannot be signed. */
static bool burst_write(struct radius *r, unsigned i)
{
	for (uint32_t k = 0; k < r->n_asks; k++) {
		struct ask *a = &r->ask[k];

		a->id = r->id++;
		a->len = a->taken ? 0
				  : radius_request(a->packet, a->id, r->set.secret[i], &a->rec,
						   r->set.nas, clock_ms(CLOCK_REALTIME));
		if (!a->taken && !a->len)
			return false;
	}
	return true;
}

static bool burst_send(struct radius *r, unsigned i)
{
	for (uint32_t k = 0; k < r->n_asks; k++) {
		const struct ask *a = &r->ask[k];

		if (!a->taken && send(r->fd[i], a->packet, a->len, MSG_NOSIGNAL) != (ssize_t)a->len)
			return false;
	}
	return true;
}

/* What is no answer to a request that is under way is not looked at. */
static void answer_take(struct radius *r, unsigned i, const uint8_t *reply, size_t len)
{
	struct ask *a = len > 1 ? &r->ask[(uint8_t)(reply[1] - r->ask[0].id)] : NULL;

	if (!a || a >= r->ask + r->n_asks || a->taken ||
	    !radius_accounted(reply, len, a->packet, r->set.secret[i]))
		return;
	a->taken = true;
	r->n_left--;
	atomic_fetch_add_explicit(&r->n.answered, 1, memory_order_relaxed);
}

/* Until all answers are here, the time is over or nobody is there. */
static bool answers_wait(struct radius *r, unsigned i)
{
	const uint64_t end = clock_ms(CLOCK_MONOTONIC) + r->set.conf.timeout * UINT64_C(1000);
	struct pollfd p = { .fd = r->fd[i], .events = POLLIN };
	uint8_t reply[RADIUS_PACKET_MAX];

	while (r->n_left) {
		const uint64_t now = clock_ms(CLOCK_MONOTONIC);
		ssize_t n;

		if (now >= end || poll(&p, 1, (int)(end - now)) <= 0)
			return false;
		n = recv(r->fd[i], reply, sizeof(reply), 0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0)
			answer_take(r, i, reply, (size_t)n);
	}
	return true;
}

/* Whether a server has taken all that nobody had. */
static bool server_ask(struct radius *r, unsigned i)
{
	if (!burst_write(r, i) || !server_connect(r, i))
		return false;
	for (uint32_t n = 0; n < r->set.conf.tries; n++)
		if (burst_send(r, i) && answers_wait(r, i))
			return true;
	close(r->fd[i]); /* an address that has changed since is not ours any more */
	r->fd[i] = -1;
	return false;
}

/*
 * One after the other, those that did not answer lately last. Who takes some of a burst is not
 * silent: what he left is for the next.
 */
static bool servers_ask(struct radius *r)
{
	for (int dead = 0; dead <= 1; dead++)
		for (unsigned i = 0; i < r->set.conf.n_server; i++) {
			const uint32_t left = r->n_left;
			bool all;

			if ((clock_ms(CLOCK_MONOTONIC) < r->dead_until_ms[i]) != dead)
				continue;
			all = server_ask(r, i);
			r->dead_until_ms[i] =
			    r->n_left < left ? 0 : clock_ms(CLOCK_MONOTONIC) + DEAD_MS;
			if (all)
				return true;
			atomic_fetch_add_explicit(&r->n.unanswered, r->n_left,
						  memory_order_relaxed);
			if (atomic_load(&r->stop) || atomic_load(&r->fresh))
				return false;
		}
	return false;
}

static void settings_free(struct settings *s)
{
	if (s)
		explicit_bzero(s, sizeof(*s));
	free(s);
}

static void servers_leave(struct radius *r)
{
	for (unsigned i = 0; i < CONFIG_RADIUS_MAX; i++) {
		if (r->fd[i] >= 0)
			close(r->fd[i]);
		r->fd[i] = -1;
		r->dead_until_ms[i] = 0;
	}
}

/* What is under way, and has no answer yet, is asked of the servers that there are now. */
static void settings_take(struct radius *r)
{
	struct settings *s = atomic_exchange(&r->fresh, NULL);

	if (!s)
		return;
	servers_leave(r);
	r->set = *s;
	settings_free(s);
}

/* There is nobody to be told. */
static void burst_lose(struct radius *r)
{
	atomic_store_explicit(&r->n.silent, false, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->n.lost, r->n_left, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->n.tail, r->n_asks, memory_order_release);
	r->n_asks = 0;
}

/* Until there is something to do; or so long. */
static void nap(struct radius *r, int ms)
{
	struct pollfd p = { .fd = r->wake, .events = POLLIN };
	uint64_t n;

	if (poll(&p, 1, ms) > 0 && read(r->wake, &n, sizeof(n)) < 0)
		return;
}

/* Whoever puts in a record either sees that this thread is asleep, or is seen here. */
static void sleep_until_woken(struct radius *r)
{
	atomic_store(&r->asleep, true);
	if (atomic_load(&r->n.head) == atomic_load_explicit(&r->n.tail, memory_order_relaxed) &&
	    !atomic_load(&r->stop))
		nap(r, -1);
	atomic_store(&r->asleep, false);
}

static void *teller(void *arg)
{
	struct radius *r = arg;

	for (;;) {
		settings_take(r);
		if (!r->n_asks)
			burst_begin(r);
		if (!r->n_asks) {
			if (atomic_load(&r->stop))
				return NULL;
			sleep_until_woken(r);
		} else if (!r->set.conf.n_server) {
			burst_lose(r);
		} else if (servers_ask(r)) {
			atomic_store_explicit(&r->n.silent, false, memory_order_relaxed);
			atomic_fetch_add_explicit(&r->n.tail, r->n_asks, memory_order_release);
			r->n_asks = 0;
		} else if (!atomic_load(&r->fresh)) {
			atomic_store_explicit(&r->n.silent, true, memory_order_relaxed);
			if (atomic_load(&r->stop))
				return NULL;
			nap(r, PAUSE_MS);
		}
	}
}

/* ---- the event loop ---- */

static void wake_up(struct radius *r)
{
	const uint64_t one = 1;

	if (write(r->wake, &one, sizeof(one)) < 0)
		return; /* it has been woken already */
}

/* Clients of a service are nobody who has shown who he is. */
static bool of_strangers(const struct record *rec)
{
	return rec->type == RECORD_CONNECTION;
}

/* Contexts count as those of one user, and so do the clients of a service. */
static uint32_t user_of(const struct radius *r, const struct record *rec)
{
	const char *user = rec->type == RECORD_CONTEXT ? ""
			   : of_strangers(rec)	       ? rec->alloc.service
						       : rec->alloc.user;
	const uint32_t h = (uint32_t)siphash(&r->key, user, strlen(user));

	return h ? h : 1;
}

/* What an allocation's connections relay (RFC 6062) is in its own records. */
static bool is_wanted(const struct record *rec)
{
	return rec->type != RECORD_CONNECTION || !rec->alloc.of_allocation;
}

/* Half of the ring is for those who have shown who they are, and for contexts. */
static bool may_wait(struct radius *r, const struct record *rec)
{
	if (of_strangers(rec) && radius_waiting(&r->n) >= record_ring_limit(&r->ring) / 2)
		return false;
	return share_may(&r->share, user_of(r, rec));
}

/* What the thread is done with is nobody's any more; until it is put in again it stands there. */
static void share_catch_up(struct radius *r, uint64_t tail)
{
	for (; r->given != tail; r->given++)
		share_give(&r->share, user_of(r, record_ring_at(&r->ring, r->given + 1)));
}

/* To a ring of another size, once what waits has room there. */
static void ring_move(struct radius *r)
{
	const uint64_t head = atomic_load_explicit(&r->n.head, memory_order_relaxed);

	share_catch_up(r, atomic_load_explicit(&r->n.tail, memory_order_acquire));
	(void)record_ring_move(&r->ring, r->given + 1, r->given + 1, head);
	r->share.total = record_ring_limit(&r->ring);
}

void radius_take(void *arg, const struct record *rec)
{
	struct radius *r = arg;
	const uint64_t head = atomic_load_explicit(&r->n.head, memory_order_relaxed);

	if (!r->now->conf.n_server || !is_wanted(rec))
		return;
	ring_move(r);
	if (!may_wait(r, rec)) {
		atomic_fetch_add_explicit(&r->n.lost, 1, memory_order_relaxed);
		return;
	}
	share_take(&r->share, user_of(r, rec));
	*record_ring_at(&r->ring, head + 1) = *rec;
	atomic_store(&r->n.head, head + 1);
	if (atomic_load(&r->asleep) && atomic_exchange(&r->asleep, false))
		wake_up(r);
}

const struct radius_counts *radius_counts(const struct radius *r)
{
	return r ? &r->n : NULL;
}

/* ---- opening and closing ---- */

/* NULL, and one sentence in err: a secret cannot be read, or there is no memory. */
static struct settings *settings_make(const struct config_radius *c, char *err, size_t errlen)
{
	struct settings *s = calloc(1, sizeof(*s));

	snprintf(err, errlen, "radius: not enough memory");
	if (!s)
		return NULL;
	s->conf = *c;
	s->conf.queue = 0; /* the ring has it: for another one nobody is asked again */
	radius_server_nas(c->nas_identifier, s->nas);
	for (unsigned i = 0; i < c->n_server; i++) {
		if (!radius_server_secret(&c->server[i], "radius.servers", s->secret[i], err,
					  errlen)) {
			settings_free(s);
			return NULL;
		}
	}
	return s;
}

/* Signals are the event loop's. */
static bool thread_start(struct radius *r)
{
	sigset_t all, old;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ok = pthread_create(&r->thread, NULL, teller, r) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ok;
}

static void radius_free(struct radius *r)
{
	servers_leave(r);
	if (r->wake >= 0)
		close(r->wake);
	settings_free(r->now);
	settings_free(atomic_load(&r->fresh));
	record_ring_close(&r->ring);
	explicit_bzero(r, sizeof(*r));
	free(r);
}

struct radius *radius_open(const struct config_radius *c, char *err, size_t errlen)
{
	struct radius *r = calloc(1, sizeof(*r));

	snprintf(err, errlen, "radius: not enough memory for %u records, or no thread", c->queue);
	if (!r)
		return NULL;
	r->share.total = c->queue;
	rand_bytes(&r->key, sizeof(r->key));
	for (unsigned i = 0; i < CONFIG_RADIUS_MAX; i++)
		r->fd[i] = -1;
	r->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (record_ring_open(&r->ring, c->queue) && r->wake >= 0 &&
	    (r->now = settings_make(c, err, errlen))) {
		r->set = *r->now;
		if (thread_start(r))
			return r;
	}
	radius_free(r);
	return NULL;
}

bool radius_prepare(struct radius *r, const struct config_radius *c, char *err, size_t errlen)
{
	r->next = settings_make(c, err, errlen);
	r->copy = r->next ? malloc(sizeof(*r->copy)) : NULL; /* for the thread */
	if (r->copy && record_ring_prepare(&r->ring, c->queue)) {
		*r->copy = *r->next;
		return true;
	}
	if (r->copy)
		snprintf(err, errlen, "radius.queue: not enough memory for %u records", c->queue);
	radius_finish(r, false);
	return false;
}

void radius_finish(struct radius *r, bool apply)
{
	record_ring_finish(&r->ring, apply);
	ring_move(r);
	/* As it is: what is under way need not be asked again. */
	if (apply && r->copy && memcmp(r->next, r->now, sizeof(*r->now)) != 0) {
		settings_free(r->now);
		r->now = r->next;
		settings_free(atomic_exchange(&r->fresh, r->copy));
		r->next = r->copy = NULL;
		wake_up(r);
	}
	settings_free(r->next);
	settings_free(r->copy);
	r->next = r->copy = NULL;
}

void radius_close(struct radius *r)
{
	struct timespec end;

	if (!r)
		return;
	atomic_store(&r->stop, true);
	wake_up(r);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += CLOSE_S;
	if (pthread_timedjoin_np(r->thread, NULL, &end) == 0)
		radius_free(r); /* else a server is waited for: all of it is the thread's yet */
}
