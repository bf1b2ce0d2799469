/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_wish.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const types[] = { "other",	    "audio",   "video", "text",
				     "application", "message", "image" };
enum { TYPES = sizeof(types) / sizeof(types[0]) };

const char *ng_type(uint32_t number)
{
	return types[number < TYPES ? number : 0];
}

static uint32_t type_find(struct sdp_text name)
{
	uint32_t i = TYPES;

	while (--i && !sdp_text_is(name, types[i]))
		;
	return i;
}

__attribute__((format(printf, 3, 4))) static bool refuse(struct ng_call *c, enum gate_error error,
							 const char *fmt, ...)
{
	va_list ap;

	c->fail.error = error;
	va_start(ap, fmt);
	vsnprintf(c->fail.text, sizeof(c->fail.text), fmt, ap);
	va_end(ap);
	return false;
}

bool ng_call_match(const struct context *c, const struct ng_flags *f, bool strict, uint32_t *from)
{
	for (uint32_t side = 0; f->from && side < 2; side++) {
		const char *other = c->term[1 - side].tag;

		*from = side;
		if (*c->term[side].tag && strcmp(c->term[side].tag, f->from) == 0)
			return !strict || !f->to || !*other || strcmp(other, f->to) == 0;
		if (!strict && f->to && *other && strcmp(other, f->to) == 0 && !*c->term[side].tag)
			return true;
	}
	*from = 0;
	return !f->from &&
	       (!f->to || strcmp(c->term[0].tag, f->to) == 0 || strcmp(c->term[1].tag, f->to) == 0);
}

/*
 * Contexts of the dialogue, by m-line, and who is who. Those whose connections have ended are no
 * part of what an offer goes on with.
 */
static bool call_find(struct ng_call *c)
{
	struct context *x = gate_call_next(c->g, c->f->call, NULL), *next;
	bool found = false;
	uint32_t side;

	memset(c->context, 0, sizeof(c->context));
	memset(c->added, 0, sizeof(c->added));
	memset(c->former, 0, sizeof(c->former));
	memset(c->over, 0, sizeof(c->over));
	c->from = c->offer ? 0 : 1;
	for (; x; x = next) {
		next = gate_call_next(c->g, c->f->call, x);
		if (x->media >= SDP_MEDIA_MAX || !ng_call_match(x, c->f, false, &side))
			continue;
		if (c->offer && x->end != CONTEXT_END_NONE) {
			c->over[x->media] = x;
			continue;
		}
		c->from = c->offer ? side : 1 - side;
		c->context[x->media] = x;
		found = true;
	}
	c->to = 1 - c->from;
	return found;
}

static bool call_read(struct ng_call *c)
{
	const char *why;
	int where;

	if (!c->f->call || !c->f->from || !c->f->sdp)
		return refuse(c, GATE_BAD, "call-id, from-tag and sdp must be given");
	if (!sdp_parse(&c->sdp, c->f->sdp, c->f->sdp_len, &where, &why))
		return refuse(c, GATE_BAD, "sdp: line %d %s", where, why);
	c->fail.error = GATE_BAD;
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (!ng_media_read(&c->media[i], &c->sdp, i, c->f, c->s->conf, c->fail.text,
				   sizeof(c->fail.text)))
			return false;
	}
	c->fail.error = GATE_OK;
	return true;
}

/* RFC 8122 5: an m-line of TLS has a fingerprint. Ours are known while a dataplane tells them. */
static bool certified(struct ng_call *c)
{
	struct fingerprint fp;

	for (int i = 0; i < c->sdp.n_media; i++) {
		const struct context *x = c->context[i];

		if (x && x->term[c->to].term.transport == TERM_TLS &&
		    !gate_fingerprints(c->g, x, c->to, &fp, 1))
			return refuse(c, GATE_BUSY, "m-line %d: no certificate of ours is loaded",
				      i + 1);
	}
	return true;
}

/* ---- offers ---- */

/* The protocol that the other side is offered. */
static uint32_t proto_to(const struct ng_call *c, const struct ng_media *m, uint64_t mark)
{
	struct sdp_text told = { c->f->proto, c->f->proto ? (uint32_t)strlen(c->f->proto) : 0 };
	const struct ng_proto *mine = ng_proto(m->proto), *p = ng_proto(ng_proto_find(told));
	uint32_t before = ng_mark_get(mark, NG_MARK_PROTO + 4 * c->to, 4);

	if (!mine)
		return 0;
	if (p && p->kind == mine->kind && (!p->over || strcmp(p->over, mine->over) == 0))
		return ng_proto_find(told);
	p = ng_proto(before);
	if (p && p->kind == mine->kind)
		return p->over ? ng_proto_over(m->proto, p->tls) : before;
	return m->proto;
}

/* What the side that gets the offer is to be, until it answers. */
static void wish_other(const struct ng_call *c, const struct ng_media *m, struct gate_wish *w,
		       uint32_t proto, bool open, uint64_t *mark)
{
	const struct ng_proto *p = ng_proto(proto);
	bool ice = c->f->flags & NG_ICE_FORCE ||
		   (!(c->f->flags & NG_ICE_REMOVE) && (m->ice || w->term.flags & TERM_ICE));

	ng_wish_common(c, w, c->to);
	if (c->f->family != NG_NOT_GIVEN)
		w->v6 = c->f->family == 6;
	if (m->kind != NG_KIND_STREAM) {
		w->term.transport = TERM_UDP;
		ng_wish_flag(&w->term, TERM_RTP, m->kind == NG_KIND_RTP);
		ng_wish_flag(&w->term, TERM_LATCH, !(c->f->flags & NG_ASYMMETRIC));
		w->restart |= ice && !(w->term.flags & TERM_ICE);
		ng_wish_flag(&w->term, TERM_ICE, ice);
		return;
	}
	/* Who connects may do so as soon as it has the offer. */
	w->term.transport = p->tls ? TERM_TLS : TERM_TCP;
	w->begin = open && m->setup != NG_HOLDCONN;
	if (open)
		ng_wish_roles(c, w, c->to, false, mark);
	ng_wish_notify(w);
}

/* What answers are held against. */
static void offer_note(const struct ng_call *c, const struct gate_wish w[2], uint64_t *mark)
{
	ng_mark_set(mark, NG_MARK_OFFER_MUX, 1, (w[c->from].term.flags & TERM_RTCP_MUX) != 0);
	for (uint32_t side = 0; side < 2; side++)
		ng_mark_set(mark, NG_MARK_OFFER_ICE + side, 1,
			    (w[side].term.flags & TERM_ICE) != 0);
}

static void plan_make(const struct ng_call *c, int i, uint64_t mark, struct gate_plan *plan)
{
	*plan = (struct gate_plan){ .media = (uint16_t)i,
				    .inactivity = c->media[i].halted ? 0 : UINT32_MAX,
				    .mark = mark };
	snprintf(plan->call, sizeof(plan->call), "%s", c->f->call);
}

static bool offer_new(struct ng_call *c, int i, uint64_t mark)
{
	const struct ng_media *m = &c->media[i];
	struct gate_wish w[2];
	struct gate_plan plan;

	ng_wish_new(&w[c->from], m->v6);
	ng_wish_new(&w[c->to], m->v6);
	ng_wish_common(c, &w[c->from], c->from);
	snprintf(w[c->from].tag, sizeof(w[0].tag), "%s", c->f->from);
	snprintf(w[c->to].tag, sizeof(w[0].tag), "%s", c->f->to ? c->f->to : "");
	w[c->from].term.transport = ng_transport(m);
	if (m->kind == NG_KIND_STREAM)
		ng_wish_stream(c, m, &w[c->from], true, &mark);
	else
		ng_wish_datagrams(c, m, &w[c->from], &mark);
	ng_wish_notify(&w[c->from]);
	ng_mark_set(&mark, NG_MARK_OPEN, 1, m->kind == NG_KIND_STREAM);
	wish_other(c, m, &w[c->to], ng_mark_get(mark, NG_MARK_PROTO + 4 * c->to, 4), true, &mark);
	offer_note(c, w, &mark);
	plan_make(c, i, mark, &plan);
	c->context[i] = gate_add(c->g, &plan, &w[0], &w[1], &c->fail);
	c->added[i] = c->context[i] != NULL;
	return c->added[i];
}

/* check: only whether it may be. */
static bool offer_again(struct ng_call *c, int i, uint64_t mark, bool check)
{
	const struct ng_media *m = &c->media[i];
	struct context *x = c->context[i];
	struct gate_wish w[2];
	struct gate_plan plan;
	bool open = false;

	for (uint32_t side = 0; side < 2; side++) {
		gate_wish(c->g, x, side, &w[side]);
		ng_wish_revive(&w[side], side, &mark);
	}
	ng_wish_common(c, &w[c->from], c->from);
	w[c->from].v6 = m->zero ? w[c->from].v6 : m->v6;
	if (m->kind == NG_KIND_STREAM) {
		open = !w[c->from].term.attempt || m->connection == NG_CONNECTION_NEW ||
		       ng_mark_get(mark, NG_MARK_OPEN, 1);
		open |= ng_wish_stream(c, m, &w[c->from], open, &mark);
		ng_mark_set(&mark, NG_MARK_OPEN, 1, open);
	} else {
		ng_wish_datagrams(c, m, &w[c->from], &mark);
		w[c->to].restart = w[c->from].restart;
	}
	ng_wish_notify(&w[c->from]);
	wish_other(c, m, &w[c->to], ng_mark_get(mark, NG_MARK_PROTO + 4 * c->to, 4), open, &mark);
	offer_note(c, w, &mark);
	if (check)
		return gate_check(c->g, x, c->from, &w[c->from], &c->fail) &&
		       gate_check(c->g, x, c->to, &w[c->to], &c->fail);
	if (!gate_set(c->g, x, c->from, &w[c->from], &c->fail) ||
	    !gate_set(c->g, x, c->to, &w[c->to], &c->fail))
		return false;
	plan_make(c, i, mark, &plan);
	gate_plan_set(c->g, x, &plan);
	return true;
}

/* An m-line that changed from datagrams to a stream, or back, is another. */
static bool same_kind(const struct context *x, const struct ng_media *m)
{
	return (x->term[0].term.transport == TERM_UDP) == (m->kind != NG_KIND_STREAM);
}

static void context_gone(struct ng_call *c, struct context **x)
{
	if (*x)
		gate_delete(c->g, *x, NULL, NULL);
	*x = NULL;
}

static uint64_t offer_mark(const struct ng_call *c, int i)
{
	const struct ng_media *m = &c->media[i];
	uint64_t mark = c->context[i] ? c->context[i]->mark : 0;

	ng_mark_set(&mark, NG_MARK_PROTO + 4 * c->to, 4, proto_to(c, m, mark));
	ng_mark_set(&mark, NG_MARK_PROTO + 4 * c->from, 4, m->proto);
	ng_mark_set(&mark, NG_MARK_TYPE, 3, type_find(c->sdp.media[i].type));
	ng_mark_set(&mark, NG_MARK_MUX, 1, (c->f->flags & (NG_MUX_ACCEPT | NG_MUX_DEMUX)) != 0);
	return mark;
}

/* What may be refused comes first: contexts that are new, and whether the old ones may change. */
static bool offer_try(struct ng_call *c, int i)
{
	if (c->media[i].gone)
		return true;
	if (c->context[i] && !same_kind(c->context[i], &c->media[i])) {
		c->former[i] = c->context[i];
		c->context[i] = NULL;
	}
	return c->context[i] ? offer_again(c, i, offer_mark(c, i), true)
			     : offer_new(c, i, offer_mark(c, i));
}

/* Then whatever a call that goes on would miss if the offer were refused after all. */
static bool offer_media(struct ng_call *c, int i)
{
	context_gone(c, &c->former[i]);
	if (c->media[i].gone)
		context_gone(c, &c->context[i]);
	return c->media[i].gone || c->added[i] || offer_again(c, i, offer_mark(c, i), false);
}

static bool each_media(struct ng_call *c, bool (*take)(struct ng_call *c, int i))
{
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (!take(c, i))
			return false;
	}
	return true;
}

/* Nothing of an offer that failed is left but what there was before. */
static void offer_undo(struct ng_call *c)
{
	for (int i = 0; i < SDP_MEDIA_MAX; i++) {
		if (c->added[i])
			context_gone(c, &c->context[i]);
	}
}

/* The SDP came back to us: it is handed on as it is. */
static bool looped(struct ng_call *c)
{
	struct sdp_text v;
	char self[17];

	snprintf(self, sizeof(self), "%016llx", (unsigned long long)c->self);
	if (!(c->f->flags & NG_LOOP_PROTECT) ||
	    sdp_attr(&c->sdp, SDP_SESSION, "fairlead", 0, &v) < 0 || !sdp_text_is(v, self) ||
	    c->f->sdp_len > sizeof(c->out))
		return false;
	memcpy(c->out, c->f->sdp, c->f->sdp_len);
	c->out_len = c->f->sdp_len;
	return true;
}

/* Whether a protocol that flags name is one. */
static bool proto_told(struct ng_call *c)
{
	struct sdp_text told = { c->f->proto, c->f->proto ? (uint32_t)strlen(c->f->proto) : 0 };

	return !c->f->proto || ng_proto_find(told) ||
	       refuse(c, GATE_BAD, "transport-protocol: %s is not served", c->f->proto);
}

bool ng_call_offer(struct ng_call *c, const struct ng_flags *f)
{
	c->f = f;
	c->offer = true;
	if (!call_read(c) || !proto_told(c))
		return false;
	if (looped(c))
		return true;
	call_find(c);
	if (!each_media(c, offer_try) || !certified(c) || !each_media(c, offer_media)) {
		offer_undo(c);
		return false;
	}
	/* m-lines are never taken away (RFC 3264 8); where one is, its context has no use. */
	for (int i = c->sdp.n_media; i < SDP_MEDIA_MAX; i++)
		context_gone(c, &c->context[i]);
	if (!ng_call_write(c)) {
		offer_undo(c);
		return refuse(c, GATE_BAD, "sdp: too long");
	}
	for (int i = 0; i < SDP_MEDIA_MAX; i++)
		context_gone(c, &c->over[i]);
	return true;
}

/* ---- answers ---- */

/* check: only whether it may be. */
static bool answer_set(struct ng_call *c, struct context *x, uint32_t side,
		       const struct gate_wish *w, bool check)
{
	return check ? gate_check(c->g, x, side, w, &c->fail)
		     : gate_set(c->g, x, side, w, &c->fail);
}

/* The answer says what holds for the offerer, too. */
static bool answer_offerer(struct ng_call *c, int i, uint64_t *mark, bool check)
{
	const struct ng_media *m = &c->media[i];
	struct context *x = c->context[i];
	struct gate_wish w;

	gate_wish(c->g, x, c->to, &w);
	if (c->f->dscp != NG_NOT_GIVEN)
		w.term.dscp = (uint8_t)c->f->dscp;
	if (m->kind == NG_KIND_STREAM) {
		w.begin = ng_mark_get(*mark, NG_MARK_OPEN, 1) && m->setup != NG_HOLDCONN;
		if (w.begin)
			ng_wish_roles(c, &w, c->to, w.term.flags & TERM_CONNECT, mark);
	} else {
		bool mux =
		    (m->mux || ng_mark_get(*mark, NG_MARK_MUX, 1) || c->f->flags & NG_MUX_ACCEPT) &&
		    !(c->f->flags & NG_MUX_REJECT);

		ng_wish_flag(&w.term, TERM_LATCH, !(c->f->flags & NG_ASYMMETRIC));
		ng_wish_flag(&w.term, TERM_RTCP_MUX,
			     mux && ng_mark_get(*mark, NG_MARK_OFFER_MUX, 1));
		ng_wish_flag(&w.term, TERM_ICE,
			     ng_mark_get(*mark, NG_MARK_OFFER_ICE + c->to, 1) &&
				 !(c->f->flags & NG_ICE_REMOVE));
	}
	return answer_set(c, x, c->to, &w, check);
}

/* A call that forked has answers of several (RFC 3261 12.1): this is not the first that answers. */
static bool answer_forks(const struct ng_call *c, const struct context *x)
{
	const char *tag = x->term[c->from].tag;

	return *tag && c->f->to && strcmp(tag, c->f->to) != 0;
}

/* Whether the connection that there is, or was, is another's than who answers now. */
static bool connection_is_anothers(const struct ng_call *c, const struct context *x,
				   const struct ng_media *m)
{
	const struct context_term *t = &x->term[c->from];

	if (!answer_forks(c, x))
		return false;
	if (t->state == TERM_STATE_UP || t->state == TERM_STATE_UNJUDGED)
		return !ip_eq(&t->peer.ip, &m->remote.ip);
	return t->state == TERM_STATE_ENDED;
}

static void answer_tag(const struct ng_call *c, struct gate_wish *w)
{
	if (c->f->to)
		snprintf(w->tag, sizeof(w->tag), "%s", c->f->to);
}

static bool answer_answerer(struct ng_call *c, int i, uint64_t *mark, bool check)
{
	const struct ng_media *m = &c->media[i];
	struct context *x = c->context[i];
	struct gate_wish w;
	bool open = ng_mark_get(*mark, NG_MARK_OPEN, 1), changed;

	gate_wish(c->g, x, c->from, &w);
	ng_wish_common(c, &w, c->from);
	ng_wish_revive(&w, c->from, mark);
	answer_tag(c, &w);
	if (m->kind == NG_KIND_STREAM) {
		changed = ng_wish_stream(c, m, &w, open, mark) || connection_is_anothers(c, x, m);
		/* A server listens since the offer; who answers instead may have it otherwise. */
		w.begin = m->setup != NG_HOLDCONN &&
			  (!w.term.attempt || changed || (w.term.flags & TERM_CONNECT && open));
	} else {
		ng_wish_datagrams(c, m, &w, mark);
	}
	return answer_set(c, x, c->from, &w, check);
}

/* A context may have ended meanwhile. */
static bool answer_refuses(const struct ng_call *c, int i)
{
	return c->media[i].gone || !c->context[i];
}

static uint64_t answer_mark(const struct ng_call *c, int i)
{
	const struct context *x = c->context[i];
	uint64_t mark = x->mark;

	ng_mark_set(&mark, NG_MARK_PROTO + 4 * c->from, 4, c->media[i].proto);
	if (x->end && answer_forks(c, x))
		ng_mark_set(&mark, NG_MARK_OPEN, 1, 1);
	return mark;
}

static bool answer_may(struct ng_call *c, int i)
{
	const struct ng_media *m = &c->media[i];
	const struct context *x = c->context[i];
	uint64_t mark;

	if (answer_refuses(c, i))
		return true;
	if (!same_kind(x, m) ||
	    (m->kind == NG_KIND_STREAM && ng_transport(m) != x->term[c->from].term.transport))
		return refuse(c, GATE_BAD, "m-line %d: not the transport that was offered", i + 1);
	mark = answer_mark(c, i);
	return answer_answerer(c, i, &mark, true) && answer_offerer(c, i, &mark, true);
}

/*
 * Another branch of a call that forks may still accept the m-line: nothing passes, but its context
 * is there for as long as an answer may take. Which branch comes through is not told.
 */
static bool answer_refused(struct ng_call *c, int i)
{
	const struct config_gateway *conf = &c->s->conf->gateway;
	struct context *x = c->context[i];
	uint64_t mark = x ? x->mark : 0;
	struct gate_plan plan;
	struct gate_wish w;

	c->media[i].gone = true;
	c->context[i] = NULL;
	if (!x || x->end)
		return true;
	gate_wish(c->g, x, c->from, &w);
	answer_tag(c, &w);
	ng_wish_refuse(&w, c->from, &mark);
	if (!gate_set(c->g, x, c->from, &w, &c->fail))
		return false;
	gate_plan(c->g, x, &plan);
	plan.mark = mark;
	if (plan.lifetime > conf->answer_timeout)
		plan.lifetime = conf->answer_timeout;
	gate_plan_set(c->g, x, &plan);
	return true;
}

static bool answer_media(struct ng_call *c, int i)
{
	struct context *x = c->context[i];
	struct gate_plan plan;
	uint64_t mark;

	if (answer_refuses(c, i))
		return answer_refused(c, i);
	mark = answer_mark(c, i);
	if (!answer_answerer(c, i, &mark, false) || !answer_offerer(c, i, &mark, false))
		return false;
	ng_mark_set(&mark, NG_MARK_OPEN, 1, 0);
	plan_make(c, i, mark, &plan);
	if (!x->inactivity) /* the offer put it on hold */
		plan.inactivity = 0;
	gate_plan_set(c->g, x, &plan);
	return true;
}

bool ng_call_answer(struct ng_call *c, const struct ng_flags *f)
{
	c->f = f;
	c->offer = false;
	if (!call_read(c) || !proto_told(c))
		return false;
	if (looped(c))
		return true;
	if (!call_find(c))
		return refuse(c, GATE_BAD, "Unknown call-id");
	/* One that is refused changes nothing. */
	if (!certified(c) || !each_media(c, answer_may) || !each_media(c, answer_media))
		return false;
	return ng_call_write(c) || refuse(c, GATE_BAD, "sdp: too long");
}
