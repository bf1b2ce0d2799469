/* SPDX-License-Identifier: BSD-3-Clause */
#include "context_events.h"

#include "context_json.h"
#include "context_rpc.h"
#include "waiters.h"

static uint64_t event_next(const struct server *s, uint64_t after, json_t **out)
{
	const struct gate_event *n = gate_event(s->gateway, after + 1);

	if (!n)
		return 0;
	*out = context_event_json(n);
	return n->seq;
}

static uint64_t event_last(const struct server *s)
{
	return gate_events_last(s->gateway);
}

static void event_listen(const struct server *s, void (*changed)(void *arg), void *arg)
{
	gate_events_listen(s->gateway, changed, arg);
}

static const struct waiters_of events = { "events", event_last, event_next, event_listen };

bool context_events_open(struct server *s, struct event_base *base)
{
	if (s->gateway)
		s->events = waiters_create(base, &events, s);
	return !s->gateway || s->events;
}

void context_events_close(struct server *s)
{
	waiters_free(s->events);
	s->events = NULL;
}

void rpc_context_events(void *ctx, const json_t *params, struct rpc_later *l)
{
	struct rpc_error err;
	struct server *s = ctx;

	if (context_gateway(s, &err))
		waiters_ask(s->events, &events, params, l);
	else
		rpc_reply(l, NULL, &err);
}
