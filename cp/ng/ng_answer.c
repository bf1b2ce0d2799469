/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers: with them holds what was offered, and what an offer replaces is over. */
#include "ng_bundle.h"
#include "ng_spec.h"

#include <stdio.h>
#include <string.h>

/* check: only whether it may be. */
static bool answer_set(struct ng_call *c, struct context *x, uint32_t side,
		       const struct term_spec *w, bool check)
{
	return check ? gate_check(c->g, x, side, w, &c->fail)
		     : gate_set(c->g, x, side, w, &c->fail);
}

/* What the offerer's side of datagrams offered, if that is not in force yet; else all zeros. */
static struct ng_note offered(const struct ng_call *c, const struct context *x)
{
	struct term_spec w;

	term_spec(c->g, x, c->to, &w);
	return ng_note_of(&w);
}

/* The answer says what holds for the offerer, too. */
static bool answer_offerer(struct ng_call *c, int i, uint64_t *note, bool check)
{
	const struct ng_media *m = &c->media[i];
	struct context *x = c->context[i];
	struct ctl_term was;
	struct term_spec w;
	struct ng_note n;

	term_spec(c->g, x, c->to, &w);
	n = ng_note_of(&w);
	if (n.offered) {
		w.term.flags = n.flags;
		w.restart = n.restart;
		memcpy(w.term.remote, n.remote, sizeof(n.remote));
		memset(w.note, 0, sizeof(w.note));
	}
	if (c->f->dscp != NG_NOT_GIVEN)
		w.term.dscp = (uint8_t)c->f->dscp;
	if (m->kind == NG_KIND_STREAM) {
		w.begin = ng_note_get(*note, NG_NOTE_OPEN, 1) && m->setup != NG_HOLDCONN;
		if (w.begin)
			ng_spec_roles(c, &w, c->to, w.term.flags & TERM_CONNECT, note);
	} else {
		bool mux =
		    (m->mux || ng_note_get(*note, NG_NOTE_MUX, 1) || c->f->flags & NG_MUX_ACCEPT) &&
		    !(c->f->flags & NG_MUX_REJECT);

		ng_spec_flag(&w.term, TERM_RTCP_MUX,
			     mux && ng_note_get(*note, NG_NOTE_OFFER_MUX, 1));
		ng_spec_flag(&w.term, TERM_ICE,
			     ng_note_get(*note, NG_NOTE_OFFER_ICE + c->to, 1) &&
				 !(c->f->flags & NG_ICE_REMOVE));
		was = w.term;
		ng_srtp_spec(c, i, c->to, &w.term);
		if (ng_dtls_again(&was, &w.term))
			ng_spec_dtls_again(&w);
		ng_spec_latch(c, &w, c->to, note);
	}
	return answer_set(c, x, c->to, &w, check);
}

/* A call that forked has answers of several (RFC 3261 12.1): this is not the first that answers. */
static bool answer_forks(const struct ng_call *c, const struct context *x)
{
	const char *tag = x->term[c->from].tag;

	return *tag && c->f->to && strcmp(tag, c->f->to) != 0;
}

/* A provisional one of another branch, on its way while the final one was: it holds for nothing. */
static bool answer_is_late(const struct ng_call *c, const struct context *x)
{
	return c->f->code && c->f->code < 200 && ng_note_get(x->note, NG_NOTE_FINAL, 1) &&
	       answer_forks(c, x);
}

/* Whether the connection that there is, or was, is another's than who answers now. */
static bool connection_is_anothers(const struct ng_call *c, const struct context *x,
				   const struct ng_media *m)
{
	const struct context_term *t = &x->term[c->from];

	if (!answer_forks(c, x))
		return false;
	if (t->state == TERM_STATE_UP || t->state == TERM_STATE_UNJUDGED)
		/* Several may have one address; a certificate is of one. */
		return t->term.transport == TERM_TLS ? ng_spec_certificate_is_anothers(t, m)
						     : !ip_eq(&t->peer.ip, &m->remote.ip);
	return t->state == TERM_STATE_ENDED;
}

static void answer_tag(const struct ng_call *c, struct term_spec *w)
{
	if (c->f->to)
		snprintf(w->tag, sizeof(w->tag), "%s", c->f->to);
}

static bool answer_answerer(struct ng_call *c, int i, uint64_t *note, bool check)
{
	const struct ng_media *m = &c->media[i];
	struct context *x = c->context[i];
	struct term_spec w;
	bool open = ng_note_get(*note, NG_NOTE_OPEN, 1), changed;

	term_spec(c->g, x, c->from, &w);
	ng_spec_common(c, &w, c->from);
	ng_spec_revive(&w, c->from, note);
	answer_tag(c, &w);
	ng_spec_sender(m, false, &w);
	ng_spec_label(c, &w);
	if (m->kind == NG_KIND_STREAM) {
		changed = ng_spec_stream(c, i, &w, open, note) || connection_is_anothers(c, x, m);
		/* A server listens since the offer; who answers instead may have it otherwise. */
		w.begin = m->setup != NG_HOLDCONN &&
			  (!w.term.attempt || changed || (w.term.flags & TERM_CONNECT && open));
	} else {
		memset(w.note, 0, sizeof(w.note));
		w.begin = be16_get(w.term.remote[0].port);
		ng_spec_datagrams(c, m, &w, note);
		ng_srtp_spec(c, i, c->from, &w.term);
		w.begin = w.begin && ng_spec_learns(&w);
	}
	return answer_set(c, x, c->from, &w, check);
}

/* A context may have ended meanwhile. */
static bool answer_refuses(const struct ng_call *c, int i)
{
	return c->media[i].gone || !c->context[i];
}

static uint64_t answer_noted(const struct ng_call *c, int i)
{
	const struct context *x = c->context[i];
	const struct ng_note n = offered(c, x);
	uint64_t note = n.offered ? n.note : x->note;

	ng_note_set(&note, NG_NOTE_PROTO + 4 * c->from, 4, c->media[i].proto);
	if (answer_forks(c, x))
		ng_note_set(&note, NG_NOTE_FORKED, 1, 1);
	if (x->end && answer_forks(c, x))
		ng_note_set(&note, NG_NOTE_OPEN, 1, 1);
	ng_note_set(&note, NG_NOTE_FINAL, 1, c->f->code >= 200);
	return note;
}

static bool answer_may(struct ng_call *c, int i)
{
	const struct ng_media *m = &c->media[i];
	const struct context *x = c->context[i];
	uint64_t note;

	if (answer_refuses(c, i) || answer_is_late(c, x))
		return true;
	if (!ng_same_kind(x, m) ||
	    (m->kind == NG_KIND_STREAM && ng_transport(m) != x->term[c->from].term.transport))
		return ng_call_refuse(c, GATE_BAD, "m-line %d: not the transport that was offered",
				      i + 1);
	note = answer_noted(c, i);
	return answer_answerer(c, i, &note, true) && answer_offerer(c, i, &note, true);
}

/*
 * Another branch of a call that forks may still accept the m-line: nothing passes, but its context
 * is there for as long as an answer may take. Which branch comes through is not told.
 */
static bool answer_refused(struct ng_call *c, int i)
{
	const struct config_gateway *conf = &c->s->conf->gateway;
	struct context *x = c->context[i];
	uint64_t note = x ? x->note : 0;
	struct gate_plan plan;
	struct term_spec w;

	c->media[i].gone = true;
	c->context[i] = NULL;
	if (!x || x->end || answer_is_late(c, x))
		return true;
	term_spec(c->g, x, c->from, &w);
	answer_tag(c, &w);
	ng_note_set(&note, NG_NOTE_FINAL, 1, c->f->code >= 200);
	if (answer_forks(c, x))
		ng_note_set(&note, NG_NOTE_FORKED, 1, 1);
	ng_spec_refuse(&w, c->from, &note);
	if (!gate_set(c->g, x, c->from, &w, &c->fail))
		return false;
	term_spec(c->g, x, c->to, &w);
	memset(w.note, 0, sizeof(w.note));
	if (!gate_set(c->g, x, c->to, &w, &c->fail))
		return false;
	gate_plan(c->g, x, &plan);
	plan.note = note;
	if (plan.lifetime > conf->answer_timeout)
		plan.lifetime = conf->answer_timeout;
	gate_plan_set(c->g, x, &plan);
	return true;
}

/*
 * What is bundle-only, but not in the bundle that the answer makes, is rejected (RFC 9143 7.3);
 * before bundles are made, for it is in none of either side then.
 */
static bool answer_alone(struct ng_call *c, int i)
{
	if (answer_refuses(c, i) || !ng_bundle_misses(c, i))
		return true;
	ng_call_media_refuse(c, i, "m-line %d: bundle-only, and it cannot be in the bundle", i + 1);
	return answer_refused(c, i);
}

static bool answer_media(struct ng_call *c, int i)
{
	struct context *x = c->context[i];
	struct gate_plan plan;
	struct ng_note n;
	bool halted;

	if (answer_refuses(c, i))
		return answer_refused(c, i);
	c->note[i] = x->note;
	if (answer_is_late(c, x))
		return true;
	n = offered(c, x);
	halted = c->media[i].halted || (n.offered ? n.halted : !x->inactivity);
	c->note[i] = answer_noted(c, i);
	if (!ng_srtp_spend(c, i))
		return false;
	if (!answer_answerer(c, i, &c->note[i], false) || !answer_offerer(c, i, &c->note[i], false))
		return false;
	ng_note_set(&c->note[i], NG_NOTE_OPEN, 1, 0);
	ng_call_plan(c, i, halted, &plan);
	gate_plan_set(c->g, x, &plan);
	return ng_srtp_set(c, i);
}

/*
 * Protected as it was offered, or not at all: who answers otherwise would send what is not taken.
 */
static bool answer_protection(struct ng_call *c, int i)
{
	const struct context *x = c->context[i];
	const struct ng_proto *mine = ng_proto(c->media[i].proto), *side[2];
	struct ng_note n;
	uint64_t note;

	if (!x || c->media[i].gone || !mine || mine->kind != NG_KIND_RTP)
		return true;
	n = offered(c, x);
	note = n.offered ? n.note : x->note;
	for (uint32_t k = 0; k < 2; k++)
		side[k] = ng_proto(ng_note_get(note, NG_NOTE_PROTO + 4 * k, 4));
	if (!side[c->to] || !side[c->from] || side[c->from]->kind != NG_KIND_RTP ||
	    side[c->to]->kind != NG_KIND_RTP)
		return true;
	if (side[c->from]->protection != mine->protection)
		ng_call_media_refuse(c, i, "m-line %d: %s in answer to %s", i + 1, mine->name,
				     side[c->from]->name);
	else
		ng_srtp_answer(c, i, side[c->to]);
	return true;
}

bool ng_call_answer(struct ng_call *c, const struct ng_flags *f)
{
	bool loop;

	if (!ng_call_read(c, f, false, &loop))
		return false;
	if (loop)
		return true;
	if (!ng_call_find(c))
		return ng_call_refuse(c, GATE_BAD, "Unknown call-id");
	ng_call_each(c, answer_protection);
	/* One that is refused changes nothing. */
	if (!ng_call_certified(c) || !ng_call_each(c, answer_may) ||
	    !ng_call_each(c, answer_media) || !ng_call_each(c, answer_alone) || !ng_bundle_set(c))
		return false;
	ng_call_spare(c);
	for (int i = 0; i < SDP_MEDIA_MAX; i++)
		ng_call_gone(c, &c->former[i]);
	return ng_call_write(c) || ng_call_refuse(c, GATE_BAD, "sdp: too long");
}
