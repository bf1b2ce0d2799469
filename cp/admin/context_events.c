/* SPDX-License-Identifier: BSD-3-Clause */
#include "context_events.h"

#include "context_json.h"
#include "context_rpc.h"
#include "waiters.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/*
 * Those after `after`, the oldest first. A number that was not given out yet is of a control
 * process before this one: all are told.
 */
static json_t *events_page(const void *ctx, uint64_t after, uint32_t limit)
{
	const struct server *s = ctx;
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

static uint64_t events_last(const void *ctx)
{
	return gate_events_last(((const struct server *)ctx)->gateway);
}

static const struct waiters_of events = { events_last, events_page };

bool context_events_open(struct server *s, struct event_base *base)
{
	if (!s->gateway)
		return true;
	s->events = waiters_create(base, &events, s);
	if (s->events)
		gate_events_listen(s->gateway, waiters_changed, s->events);
	return s->events != NULL;
}

void context_events_close(struct server *s)
{
	if (!s->events)
		return;
	gate_events_listen(s->gateway, NULL, NULL);
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
