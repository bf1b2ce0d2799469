/* SPDX-License-Identifier: BSD-3-Clause */
/* What the controller is told of (Notify): bearers that ended, silence, and hanging terminations.
 */
#include "mg_priv.h"

#include <stdio.h>

enum { EVENTS_PER_TICK = 256, LOOK_PER_TICK = 4096 };

/* A Notify of one event of ROOT or a termination; what follows is behind the event's name. */
static uint32_t notify_begin(struct mg *m, struct h248_out *o, uint32_t context, const char *name,
			     uint32_t request, uint64_t wall_ms, const char *event)
{
	const uint32_t id = mg_request_begin(m, o);
	char time[24], stamped[64];

	if (context)
		h248_put(o, H248_CONTEXT, "%u", context);
	else
		h248_put(o, H248_CONTEXT, "-");
	h248_open(o);
	h248_put(o, H248_NOTIFY, "%s", name);
	h248_open(o);
	h248_put(o, H248_OBSERVED_EVENTS, "%u", request);
	h248_open(o);
	snprintf(stamped, sizeof(stamped), "%s:%s", mg_time(wall_ms, time), event);
	h248_put_name(o, stamped, NULL);
	return id;
}

static void notify_send(struct mg *m, struct h248_out *o, uint32_t id, bool passes)
{
	h248_close(o);
	h248_close(o);
	h248_close(o);
	mg_request_send(m, o, id, passes);
}

/* Of a termination, with the event's parameters as text. */
static void notify(struct mg *m, const struct context *c, uint32_t side, uint64_t wall_ms,
		   const char *event, const char *const param[][2], uint32_t n)
{
	const struct mg_keep keep = mg_keep_get(c, side);
	char name[MG_NAME_MAX];
	struct h248_out o;
	uint32_t id;

	id = notify_begin(m, &o, mg_context_number(c), mg_term_name(m, c, side, name), keep.request,
			  wall_ms, event);
	h248_open(&o);
	h248_put(&o, H248_STREAM, "%u", keep.stream ? keep.stream : 1);
	for (uint32_t i = 0; i < n; i++)
		h248_put_name(&o, param[i][0], "%s", param[i][1]);
	h248_close(&o);
	m->stats.notified++;
	notify_send(m, &o, id, false);
}

/* H.248.14: the controller has been silent for too long, and is asked by being told. */
static void watch_silence(struct mg *m)
{
	struct mg_assoc *a = &m->assoc;
	struct h248_out o;
	uint32_t id;

	if (!a->silence_ms || a->told_silence || m->s->now_ms - a->heard_ms < a->silence_ms)
		return;
	a->told_silence = true;
	id = notify_begin(m, &o, 0, "ROOT", a->root_request, m->s->wall_ms, "it/ito");
	notify_send(m, &o, id, true);
}

/* How the standard's general causes have an end (package g, event cause). */
static const char *general_cause(enum context_end end)
{
	switch (end) {
	case CONTEXT_END_KILLED:
	case CONTEXT_END_DRAIN:
		return "NR";
	case CONTEXT_END_REFUSED:
		return "UR";
	case CONTEXT_END_RELAY:
	case CONTEXT_END_DOMAIN:
		return "FP";
	default:
		return "FT";
	}
}

/* A context ends that the controller has not ended, and is there for the last time. */
void mg_context_ended(void *arg, const struct context *c, enum context_end end)
{
	struct mg *m = arg;
	char why[CTL_TEXT_MAX];

	if (!mg_is_ours(c) || end == CONTEXT_END_REQUEST)
		return;
	snprintf(why, sizeof(why), "\"%s\"", context_end_name[end]);
	for (uint32_t side = 0; side < 2; side++) {
		const char *const param[][2] = { { "Generalcause", general_cause(end) },
						 { "Failurecause", why } };

		if (c->term[side].term.transport != TERM_NONE &&
		    mg_keep_get(c, side).events & 1 << MG_EVENT_CAUSE)
			notify(m, c, side, m->s->wall_ms, "g/cause", param, 2);
	}
}

/* Silence of a remote, as the gateway has noticed it. */
static void tell_stop(struct mg *m, const struct gate_event *e)
{
	const struct context *c =
	    e->ended || e->what != TERM_INACTIVE ? NULL : gate_find(m->g, e->context);

	if (c && mg_is_ours(c) && mg_keep_get(c, e->side).events & 1 << MG_EVENT_STOP)
		notify(m, c, e->side, e->wall_ms, "adid/ipstop", NULL, 0);
}

/* Of terminations that the controller has said nothing of for too long (hangterm/thb). */
static void look_for_hanging(struct mg *m, struct context *c)
{
	uint32_t now = server_now(m->s);

	for (uint32_t side = 0; side < 2; side++) {
		struct mg_keep keep = mg_keep_get(c, side);

		if (!(keep.events & 1 << MG_EVENT_HANG) || !keep.hang_s ||
		    now - keep.heard < keep.hang_s)
			continue;
		notify(m, c, side, m->s->wall_ms, "hangterm/thb", NULL, 0);
		mg_term_heard(m, c, side);
	}
}

void mg_events(struct mg *m)
{
	uint64_t last = gate_events_last(m->g);
	uint32_t look = LOOK_PER_TICK;
	struct context *c;

	for (uint32_t i = 0; i < EVENTS_PER_TICK && m->told < last; i++) {
		const struct gate_event *e = gate_event(m->g, m->told + 1);

		if (!e)
			break;
		m->told = e->seq;
		tell_stop(m, e);
	}
	if (m->assoc.state != MG_SERVED)
		return;
	watch_silence(m);
	while ((c = gate_next(m->g, &m->looked, &look))) {
		if (mg_is_ours(c))
			look_for_hanging(m, c);
	}
	if (look)
		m->looked = 0;
}
