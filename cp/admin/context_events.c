/* SPDX-License-Identifier: BSD-3-Clause */
#include "context_events.h"

#include "context_json.h"
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
	struct context_events *events;
	struct rpc_later *later;
	struct event *timeout;
	uint64_t after;
	uint32_t limit;
};

struct context_events {
	const struct server *server;
	struct event_base *base;
	struct event *changed; /* in a turn of its own: events come in the middle of changes */
	LIST_HEAD(, waiter) waiters;
};

/*
 * Those after `after`, the oldest first. A number that was not given out yet is of a control
 * process before this one: all are told.
 */
static json_t *events_json(const struct server *s, uint64_t after, uint32_t limit)
{
	const uint64_t last = gate_events_last(s->gateway);
	const struct gate_event *n;
	json_t *list = json_array();
	uint64_t lost = 0;
	char instance[32];

	if (after > last)
		after = 0;
	while (json_array_size(list) < limit && (n = gate_event(s->gateway, after + 1))) {
		lost += n->seq - after - 1;
		after = n->seq;
		json_array_append_new(list, context_event_json(n));
	}
	snprintf(instance, sizeof(instance), "%x-%" PRIx64, (unsigned int)getpid(), s->start_ms);
	return json_pack("{s:o, s:I, s:I, s:s}", "events", list, "last", (json_int_t)after, "lost",
			 (json_int_t)lost, "instance", instance);
}

static void waiter_end(struct waiter *w)
{
	const struct rpc_error err = { RPC_INTERNAL, "out of memory" };

	LIST_REMOVE(w, entry);
	rpc_reply(w->later, events_json(w->events->server, w->after, w->limit), &err);
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
static bool waiter_begin(struct context_events *n, struct rpc_later *l, uint64_t after,
			 uint32_t limit, uint32_t wait_ms)
{
	const struct timeval tv = { wait_ms / 1000, wait_ms % 1000 * 1000 };
	struct waiter *w = malloc(sizeof(*w));

	if (!w)
		return false;
	*w = (struct waiter){ .events = n, .later = l, .after = after, .limit = limit };
	w->timeout = evtimer_new(n->base, waited, w);
	if (!w->timeout || event_add(w->timeout, &tv)) {
		if (w->timeout)
			event_free(w->timeout);
		free(w);
		return false;
	}
	LIST_INSERT_HEAD(&n->waiters, w, entry);
	return true;
}

/* All that wait, or those whose client has gone: so there are never more than clients. */
static void waiters_end(struct context_events *n, bool all)
{
	struct waiter *w, *next;

	for (w = LIST_FIRST(&n->waiters); w; w = next) {
		next = LIST_NEXT(w, entry);
		if (all || rpc_later_gone(w->later))
			waiter_end(w);
	}
}

static void on_changed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	waiters_end(arg, true);
}

static void log_changed(void *arg)
{
	struct context_events *n = arg;

	if (!LIST_EMPTY(&n->waiters))
		event_active(n->changed, 0, 0);
}

bool context_events_open(struct server *s, struct event_base *base)
{
	struct context_events *n;

	if (!s->gateway)
		return true;
	n = calloc(1, sizeof(*n));
	if (!n)
		return false;
	n->server = s;
	n->base = base;
	LIST_INIT(&n->waiters);
	n->changed = event_new(base, -1, 0, on_changed, n);
	if (!n->changed) {
		free(n);
		return false;
	}
	gate_events_listen(s->gateway, log_changed, n);
	s->events = n;
	return true;
}

void context_events_close(struct server *s)
{
	struct context_events *n = s->events;

	if (!n)
		return;
	s->events = NULL;
	gate_events_listen(s->gateway, NULL, NULL);
	waiters_end(n, true);
	event_free(n->changed);
	free(n);
}

void rpc_context_events(void *ctx, const json_t *params, struct rpc_later *l)
{
	static const char *const names[] = { "after", "wait_ms", "limit", NULL };
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct server *s = ctx;
	const json_t *v = param(params, "after");
	const json_int_t after = json_integer_value(v);
	uint32_t wait_ms = 0, limit = CONTEXT_PAGE_DEFAULT;
	bool ok = context_gateway(s, &err) && param_only(params, names, &err) &&
		  param_uint(params, "wait_ms", 0, WAIT_MAX_MS, &wait_ms, &err) &&
		  param_uint(params, "limit", 1, CONTEXT_PAGE_MAX, &limit, &err);

	if (ok && v && (!json_is_integer(v) || after < 0)) {
		rpc_fail(&err, RPC_BAD_PARAMS, "\"after\" must be the number of an event, or 0");
		ok = false;
	}
	if (s->events)
		waiters_end(s->events, false);
	if (ok && wait_ms && s->events && (uint64_t)after == gate_events_last(s->gateway)) {
		if (waiter_begin(s->events, l, (uint64_t)after, limit, wait_ms))
			return;
		ok = false;
	}
	rpc_reply(l, ok ? events_json(s, (uint64_t)after, limit) : NULL, &err);
}
