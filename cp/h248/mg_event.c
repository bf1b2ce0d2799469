/* SPDX-License-Identifier: BSD-3-Clause */
/* What the controller is told of (Notify): bearers that ended, silence, and hanging terminations.
 */
#include "mg_priv.h"

#include <stdio.h>

enum { EVENTS_PER_TICK = 256, LOOK_PER_TICK = 4096 };

/* A Notify of one event of a termination, with its parameters as text, or "". */
static void notify(struct mg *m, const struct context *c, uint32_t side, uint64_t wall_ms,
		   const char *event, const char *const param[][2], uint32_t n)
{
	const struct mg_keep keep = mg_keep_get(c, side);
	char name[MG_NAME_MAX], time[24], stamped[64];
	struct h248_out o;
	uint32_t id;

	if (m->assoc.state != MG_SERVED) {
		m->stats.untold++;
		return;
	}
	id = mg_request_begin(m, &o);
	h248_put(&o, H248_CONTEXT, "%u", mg_context_number(c));
	h248_open(&o);
	h248_put(&o, H248_NOTIFY, "%s", mg_term_name(m, c, side, name));
	h248_open(&o);
	h248_put(&o, H248_OBSERVED_EVENTS, "%u", keep.request);
	h248_open(&o);
	snprintf(stamped, sizeof(stamped), "%s:%s", mg_time(m, wall_ms, time), event);
	h248_put_name(&o, stamped, NULL);
	h248_open(&o);
	h248_put(&o, H248_STREAM, "%u", keep.stream ? keep.stream : 1);
	for (uint32_t i = 0; i < n; i++)
		h248_put_name(&o, param[i][0], "%s", param[i][1]);
	h248_close(&o);
	h248_close(&o);
	h248_close(&o);
	h248_close(&o);
	m->stats.notified++;
	mg_request_send(m, &o, id);
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
	while ((c = gate_next(m->g, &m->looked, &look))) {
		if (mg_is_ours(c))
			look_for_hanging(m, c);
	}
	if (look)
		m->looked = 0;
}
