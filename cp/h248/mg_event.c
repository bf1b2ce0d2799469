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
	char time[24], stamped[sizeof(time) + MG_NAME_MAX];

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

void mg_notify_root(struct mg *m, enum mg_name event)
{
	struct h248_out o;
	const uint32_t id =
	    notify_begin(m, &o, 0, "ROOT", m->assoc.root_request, m->s->wall_ms, mg_name(m, event));

	notify_send(m, &o, id, true);
}

/* H.248.14: the controller has been silent for too long, and is asked by being told. */
static void watch_silence(struct mg *m)
{
	struct mg_assoc *a = &m->assoc;

	if (!a->silence_ms || a->told_silence || m->s->now_ms - a->heard_ms < a->silence_ms)
		return;
	a->told_silence = true;
	mg_notify_root(m, MG_NAME_SILENCE);
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
		const char *const param[][2] = { { mg_name(m, MG_NAME_CAUSE_GENERAL),
						   general_cause(end) },
						 { mg_name(m, MG_NAME_CAUSE_FAILURE), why } };

		if (c->term[side].term.transport != TERM_NONE &&
		    mg_keep_get(c, side).events & 1 << MG_EVENT_CAUSE)
			notify(m, c, side, m->s->wall_ms, mg_name(m, MG_NAME_CAUSE), param, 2);
	}
}

/* A connection that has ended, or was not the remote's, and why. */
static void tell_ended(struct mg *m, const struct context *c, const struct gate_event *e)
{
	char why[CTL_TEXT_MAX];
	const char *const param[][2] = { { mg_name(m, MG_NAME_CAUSE_GENERAL), "FT" },
					 { mg_name(m, MG_NAME_CAUSE_FAILURE), why } };

	snprintf(why, sizeof(why), "\"%s\"", gate_why(e->transport, e->why));
	notify(m, c, e->side, e->wall_ms, mg_name(m, MG_NAME_CAUSE), param, 2);
}

/* Packets come from where none came from before (H.248.37, adr); not of RTCP alone. */
static void tell_address(struct mg *m, const struct context *c, const struct gate_event *e)
{
	char ip[ADDR_STR_MAX], quoted[ADDR_STR_MAX + 2], port[8];
	const char *const param[][2] = { { mg_name(m, MG_NAME_ADDRESS_NEW), quoted },
					 { mg_name(m, MG_NAME_ADDRESS_PORT), port } };

	if (e->rtcp)
		return;
	snprintf(quoted, sizeof(quoted), "\"%s\"", ip_format(&e->remote.ip, ip, sizeof(ip)));
	snprintf(port, sizeof(port), "%u", be16_get(e->remote.port));
	notify(m, c, e->side, e->wall_ms, mg_name(m, MG_NAME_ADDRESS), param, 2);
}

/* What a termination is told to have done: a remote's silence, a connection. */
static void tell_event(struct mg *m, const struct gate_event *e)
{
	const char *const up[][2] = { { mg_name(m, MG_NAME_CHANGE_TYPE),
					mg_name(m, MG_NAME_CHANGE_UP) } };
	const struct context *c = e->ended ? NULL : gate_find(m->g, e->context);
	uint32_t wants;
	bool dtls;

	if (!c || !mg_is_ours(c))
		return;
	dtls = c->term[e->side].term.flags & TERM_DTLS;
	wants = mg_keep_get(c, e->side).events;
	if (e->what == TERM_INACTIVE && wants & 1 << MG_EVENT_STOP)
		notify(m, c, e->side, e->wall_ms, mg_name(m, MG_NAME_STOP), NULL, 0);
	else if (e->what == TERM_LATCHED && wants & 1 << MG_EVENT_ADDRESS)
		tell_address(m, c, e);
	else if (e->what == TERM_UP && wants & 1 << MG_EVENT_UP)
		notify(m, c, e->side, e->wall_ms,
		       mg_name(m, dtls || e->transport == TERM_TLS ? MG_NAME_TLS_CHANGE
								   : MG_NAME_TCP_CHANGE),
		       up, 1);
	else if ((e->what == TERM_ENDED || e->what == TERM_REFUSED) &&
		 (dtls || e->transport != TERM_UDP) && wants & 1 << MG_EVENT_CAUSE)
		tell_ended(m, c, e);
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
		notify(m, c, side, m->s->wall_ms, mg_name(m, MG_NAME_HANG), NULL, 0);
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
		tell_event(m, e);
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
