/* SPDX-License-Identifier: BSD-3-Clause */
#include "waiters.h"

#include "../server.h"
#include "context_rpc.h"
#include "param.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

enum { WAIT_MAX_MS = 30000 };

/* A controller that waits. */
struct waiter {
	LIST_ENTRY(waiter) entry;
	struct waiters *all;
	struct rpc_later *later;
	struct event *timeout;
	uint64_t after;
	uint32_t limit;
};

struct waiters {
	const struct waiters_of *of;
	const struct server *s;
	struct event_base *base;
	struct event *changed; /* in a turn of its own: things happen in the middle of changes */
	LIST_HEAD(, waiter) waiting;
};

/* A number that was not given out yet is of a control process before this one: all are told. */
static json_t *page(const struct waiters_of *of, const struct server *s, uint64_t after,
		    uint32_t limit)
{
	json_t *list = json_array(), *one;
	uint64_t lost = 0, seq;
	char instance[32];

	if (after > of->last(s))
		after = 0;
	while (json_array_size(list) < limit && (seq = of->next(s, after, &one)) != 0) {
		lost += seq - after - 1;
		after = seq;
		json_array_append_new(list, one);
	}
	snprintf(instance, sizeof(instance), "%x-%" PRIx64, (unsigned int)getpid(), s->start_ms);
	return json_pack("{s:o, s:I, s:I, s:s}", of->list, list, "last", (json_int_t)after, "lost",
			 (json_int_t)lost, "instance", instance);
}

static void waiter_end(struct waiter *w)
{
	const struct rpc_error err = { RPC_INTERNAL, "out of memory" };

	LIST_REMOVE(w, entry);
	rpc_reply(w->later, page(w->all->of, w->all->s, w->after, w->limit), &err);
	event_free(w->timeout);
	free(w);
}

static void waited(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	waiter_end(arg);
}

/* False when out of memory. */
static bool waiter_begin(struct waiters *all, struct rpc_later *l, uint64_t after, uint32_t limit,
			 uint32_t wait_ms)
{
	const struct timeval tv = { wait_ms / 1000, wait_ms % 1000 * 1000 };
	struct waiter *w = malloc(sizeof(*w));

	if (!w)
		return false;
	*w = (struct waiter){ .all = all, .later = l, .after = after, .limit = limit };
	w->timeout = evtimer_new(all->base, waited, w);
	if (!w->timeout || event_add(w->timeout, &tv)) {
		if (w->timeout)
			event_free(w->timeout);
		free(w);
		return false;
	}
	LIST_INSERT_HEAD(&all->waiting, w, entry);
	return true;
}

/* All that wait, or those whose client has gone: so there are never more than clients. */
static void waiters_end(struct waiters *all, bool every)
{
	struct waiter *w, *next;

	for (w = LIST_FIRST(&all->waiting); w; w = next) {
		next = LIST_NEXT(w, entry);
		if (every || rpc_later_gone(w->later))
			waiter_end(w);
	}
}

static void on_changed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	waiters_end(arg, true);
}

/* Something happened: all are answered in a turn of its own. */
static void changed(void *arg)
{
	struct waiters *w = arg;

	if (!LIST_EMPTY(&w->waiting))
		event_active(w->changed, 0, 0);
}

struct waiters *waiters_create(struct event_base *base, const struct waiters_of *of,
			       const struct server *s)
{
	struct waiters *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->of = of;
	w->s = s;
	w->base = base;
	LIST_INIT(&w->waiting);
	w->changed = event_new(base, -1, 0, on_changed, w);
	if (!w->changed) {
		free(w);
		return NULL;
	}
	of->listen(s, changed, w);
	return w;
}

void waiters_free(struct waiters *w)
{
	if (!w)
		return;
	w->of->listen(w->s, NULL, NULL);
	waiters_end(w, true);
	event_free(w->changed);
	free(w);
}

void waiters_ask(struct waiters *w, const struct waiters_of *of, const json_t *params,
		 struct rpc_later *l)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	const struct server *s = rpc_later_ctx(l);
	const json_t *v = param(params, "after");
	const json_int_t after = json_integer_value(v);
	uint32_t wait_ms = 0, limit = CONTEXT_PAGE_DEFAULT;
	bool ok = param_only(params, "after wait_ms limit", &err) &&
		  param_uint(params, "wait_ms", 0, WAIT_MAX_MS, &wait_ms, &err) &&
		  param_uint(params, "limit", 1, CONTEXT_PAGE_MAX, &limit, &err);

	if (ok && v && (!json_is_integer(v) || after < 0)) {
		rpc_fail(&err, RPC_BAD_PARAMS, "\"after\" must be the number of an event, or 0");
		ok = false;
	}
	if (w)
		waiters_end(w, false);
	if (ok && wait_ms && w && (uint64_t)after == of->last(s)) {
		if (waiter_begin(w, l, (uint64_t)after, limit, wait_ms))
			return;
		ok = false;
	}
	rpc_reply(l, ok ? page(of, s, (uint64_t)after, limit) : NULL, &err);
}
