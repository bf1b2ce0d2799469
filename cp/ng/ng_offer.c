/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offers. What may be refused comes first, and takes nothing from what there is: contexts that are
 * new, with their ports, and whether the old ones may change. Then nothing can fail any more.
 */
#include "ng_bundle.h"
#include "ng_spec.h"

#include <stdio.h>
#include <string.h>

/* The protocol that the other side is offered. */
static uint32_t proto_to(const struct ng_call *c, const struct ng_media *m, uint64_t note)
{
	struct sdp_text told = { c->f->proto, c->f->proto ? (uint32_t)strlen(c->f->proto) : 0 };
	const struct ng_proto *mine = ng_proto(m->proto), *p = ng_proto(ng_proto_find(told));
	uint32_t before = ng_note_get(note, NG_NOTE_PROTO + 4 * c->to, 4);

	if (!mine)
		return 0;
	if (p && ng_proto_joins(p, mine))
		return ng_proto_find(told);
	p = ng_proto(before);
	if (p && p->over && mine->over)
		return ng_proto_over(m->proto, p->tls);
	if (p && ng_proto_joins(p, mine))
		return before;
	return m->proto;
}

/* What the side that gets the offer is to be, until it answers. */
static void spec_other(struct ng_call *c, int i, struct term_spec *w, bool open)
{
	const struct ng_media *m = &c->media[i];
	uint64_t *note = &c->note[i];
	const struct ng_proto *p = ng_proto(ng_note_get(*note, NG_NOTE_PROTO + 4 * c->to, 4));
	bool ice = c->f->flags & NG_ICE_FORCE ||
		   (!(c->f->flags & NG_ICE_REMOVE) && (m->ice || w->term.flags & TERM_ICE));

	ng_spec_common(c, w, c->to);
	if (c->f->family != NG_NOT_GIVEN)
		w->v6 = c->f->family == 6;
	if (m->kind != NG_KIND_STREAM) {
		w->term.transport = TERM_UDP;
		ng_spec_kind(&w->term, m->kind);
		w->restart |= ice && !(w->term.flags & TERM_ICE);
		ng_spec_flag(&w->term, TERM_ICE, ice);
		ng_srtp_spec(c, i, c->to, &w->term);
		ng_spec_latch(c, w, c->to, note);
		return;
	}
	/* Who connects may do so as soon as it has the offer. */
	w->term.transport = p->tls ? TERM_TLS : TERM_TCP;
	w->begin = open && m->setup != NG_HOLDCONN;
	if (open)
		ng_spec_roles(c, w, c->to, false, note);
	ng_spec_notify(w);
}

/* What answers are held against. */
static void offer_note(const struct ng_call *c, const struct term_spec w[2], uint64_t *note)
{
	ng_note_set(note, NG_NOTE_OFFER_MUX, 1, (w[c->from].term.flags & TERM_RTCP_MUX) != 0);
	for (uint32_t side = 0; side < 2; side++)
		ng_note_set(note, NG_NOTE_OFFER_ICE + side, 1,
			    (w[side].term.flags & TERM_ICE) != 0);
}

/* What an offer says of an m-line's context; note: what there was. */
static uint64_t offer_noted(const struct ng_call *c, int i, uint64_t note)
{
	const struct ng_media *m = &c->media[i];

	ng_note_set(&note, NG_NOTE_PROTO + 4 * c->to, 4, proto_to(c, m, note));
	ng_note_set(&note, NG_NOTE_PROTO + 4 * c->from, 4, m->proto);
	ng_note_set(&note, NG_NOTE_TYPE, 3, ng_type_find(c->sdp.media[i].type));
	ng_note_set(&note, NG_NOTE_MUX, 1,
		    m->mux_only || c->f->flags & (NG_MUX_ACCEPT | NG_MUX_DEMUX));
	ng_note_set(&note, NG_NOTE_CLOSING, 1, 0);
	ng_note_set(&note, NG_NOTE_FORKED, 1, 0);
	ng_note_set(&note, NG_NOTE_FINAL, 1, 0);
	return note;
}

/* ---- contexts that are new ---- */

/* The one that is replaced; else another of the call, whose sides are where this one's will be. */
static const struct context *model(const struct ng_call *c, int i)
{
	if (c->former[i])
		return c->former[i];
	for (int k = 0; k < SDP_MEDIA_MAX; k++) {
		if (c->context[k] || c->former[k])
			return c->context[k] ? c->context[k] : c->former[k];
	}
	return NULL;
}

/* Whether who offers has this m-line protected as that other one. */
static bool model_protects(const struct ng_call *c, int i, uint64_t note)
{
	const struct ng_proto *mine = ng_proto(c->media[i].proto),
			      *before = ng_proto(ng_note_get(note, NG_NOTE_PROTO + 4 * c->from, 4));

	return mine && before && mine->protection == before->protection;
}

/* What is known of a side; of another m-line, what is of all of them. */
static void keep_as_before(struct term_spec *w, const struct term_spec *old, bool same)
{
	struct ng_keep keep;

	memcpy(&keep, old->keep, sizeof(keep));
	if (!same) {
		memset(keep.mid, 0, sizeof(keep.mid));
		keep.bundle = 0;
		keep.accepts = false;
		keep.only = false;
		keep.dtls = 0;
		keep.trickles = false;
	}
	memcpy(w->keep, &keep, sizeof(keep));
}

/* Who is silent is so in every m-line, whichever was there when it was told. */
static uint16_t side_silent(const struct ng_call *c, uint32_t side)
{
	uint16_t flags = 0;

	for (int k = 0; k < SDP_MEDIA_MAX; k++) {
		flags |= c->context[k] ? c->context[k]->term[side].term.flags : 0;
		flags |= c->former[k] ? c->former[k]->term[side].term.flags : 0;
	}
	return flags & TERM_SILENT;
}

/* Sides as the call has them already, and what they said of themselves. */
static void spec_as_before(struct ng_call *c, int i, struct term_spec w[2])
{
	const struct context *x = model(c, i);
	uint64_t note = x ? x->note : 0;

	for (uint32_t side = 0; x && side < 2; side++) {
		struct term_spec old;

		term_spec(c->g, x, side, &old);
		w[side].realm = old.realm;
		w[side].v6 = old.v6;
		w[side].term.dscp = old.term.dscp;
		keep_as_before(&w[side], &old, c->former[i] != NULL);
		w[side].term.flags |= old.term.flags & TERM_TLS_CLIENT; /* if it was told */
		w[side].term.flags |= side_silent(c, side);
		memcpy(w[side].tag, old.tag, sizeof(old.tag));
	}
	/* Another m-line's transports are of use where it is of the same kind itself. */
	if (x && !c->former[i] && !model_protects(c, i, note))
		ng_note_set(&note, NG_NOTE_PROTO, 8, 0);
	/* Nothing of an answer, nor of connections of another m-line. */
	if (!c->former[i] || !c->former[i]->stream)
		ng_note_set(&note, NG_NOTE_TLS, 2, 0);
	ng_note_set(&note, NG_NOTE_OPEN, 1, 0);
	ng_note_set(&note, NG_NOTE_ICE, 32, 0);
	ng_note_set(&note, NG_NOTE_REFUSED, 2, 0);
	c->note[i] = note;
}

static bool offer_new(struct ng_call *c, int i)
{
	const struct ng_media *m = &c->media[i];
	struct gate_plan plan;
	struct term_spec w[2];

	ng_spec_new(&w[0], m->v6);
	ng_spec_new(&w[1], m->v6);
	spec_as_before(c, i, w);
	ng_srtp_offer(c, i, ng_proto(proto_to(c, m, c->note[i])));
	if (m->gone)
		return true;
	for (uint32_t side = 0; side < 2; side++)
		w[side].term.flags = ng_spec_gate(w[side].term.flags, side, c->note[i]);
	c->note[i] = offer_noted(c, i, c->note[i]);
	ng_spec_common(c, &w[c->from], c->from);
	ng_spec_family(c, m, &w[c->from]);
	ng_spec_sender(m, true, &w[c->from]);
	ng_spec_label(c, &w[c->from]);
	snprintf(w[c->from].tag, sizeof(w[0].tag), "%s", c->f->from);
	if (c->f->to)
		snprintf(w[c->to].tag, sizeof(w[0].tag), "%s", c->f->to);
	w[c->from].term.transport = ng_transport(m);
	if (m->kind == NG_KIND_STREAM)
		ng_spec_stream(c, i, &w[c->from], true, &c->note[i]);
	else
		ng_spec_datagrams(c, m, &w[c->from], &c->note[i]);
	ng_srtp_spec(c, i, c->from, &w[c->from].term);
	ng_spec_notify(&w[c->from]);
	ng_note_set(&c->note[i], NG_NOTE_OPEN, 1, m->kind == NG_KIND_STREAM);
	spec_other(c, i, &w[c->to], true);
	offer_note(c, w, &c->note[i]);
	ng_call_plan(c, i, m->halted, &plan);
	plan.near = ng_bundle_near(c, m);
	c->context[i] = gate_add(c->g, &plan, &w[0], &w[1], &c->fail);
	if (!c->context[i] && plan.near && c->fail.error == GATE_FULL) {
		plan.near = NULL;
		c->context[i] = gate_add(c->g, &plan, &w[0], &w[1], &c->fail);
	}
	c->added[i] = c->context[i] != NULL;
	return c->added[i];
}

/* ---- contexts that there are ---- */

/* What both sides of a context are to be. Whether connections begin with the answer. */
static bool spec_again(struct ng_call *c, int i, struct term_spec w[2])
{
	const struct ng_media *m = &c->media[i];
	const struct context *x = c->context[i];
	uint64_t *note = &c->note[i];
	bool open = false;

	*note = offer_noted(c, i, x->note);
	for (uint32_t side = 0; side < 2; side++) {
		term_spec(c->g, x, side, &w[side]);
		memset(w[side].note, 0, sizeof(w[side].note));
		ng_spec_revive(&w[side], side, note);
	}
	ng_spec_common(c, &w[c->from], c->from);
	ng_spec_family(c, m, &w[c->from]);
	ng_spec_sender(m, true, &w[c->from]);
	ng_spec_label(c, &w[c->from]);
	if (m->kind == NG_KIND_STREAM) {
		open = !w[c->from].term.attempt || m->connection == NG_CONNECTION_NEW ||
		       ng_note_get(*note, NG_NOTE_OPEN, 1);
		open |= ng_spec_stream(c, i, &w[c->from], open, note);
		ng_note_set(note, NG_NOTE_OPEN, 1, open);
	} else {
		ng_spec_datagrams(c, m, &w[c->from], note);
		ng_srtp_spec(c, i, c->from, &w[c->from].term);
		w[c->from].begin = ng_spec_learns(&w[c->from]);
		w[c->to].restart = w[c->from].restart && !ng_in_force(x);
	}
	ng_spec_notify(&w[c->from]);
	spec_other(c, i, &w[c->to], open);
	offer_note(c, w, note);
	return open;
}

/* Whether the context can go on: otherwise another takes its place. */
static bool offer_fits(struct ng_call *c, int i)
{
	struct context *x = c->context[i];
	struct term_spec w[2];
	bool open;

	if (!ng_same_kind(x, &c->media[i]))
		return false;
	open = spec_again(c, i, w);
	return gate_stays(c->g, x, 0, &w[0]) && gate_stays(c->g, x, 1, &w[1]) &&
	       !(open && ng_in_force(x));
}

/* It is not over after all: that offer was refused. */
static void offer_reopen(struct ng_call *c, struct context *x)
{
	struct gate_plan plan;

	if (!ng_note_get(x->note, NG_NOTE_CLOSING, 1))
		return;
	gate_plan(c->g, x, &plan);
	ng_note_set(&plan.note, NG_NOTE_CLOSING, 1, 0);
	gate_plan_set(c->g, x, &plan);
}

/*
 * Datagrams that pass go on as they do until the answer. Only the offerer may send from elsewhere
 * already, and who is offered ICE has to be told credentials. What the other side offers meanwhile
 * stays noted: one of the two is refused (RFC 3261 14.1), and nobody says which.
 */
static bool offer_keep(struct ng_call *c, int i, const struct term_spec w[2])
{
	struct ng_note note = { .offered = true,
				.restart = w[c->from].restart,
				.halted = c->media[i].halted,
				.flags = w[c->from].term.flags,
				.note = c->note[i] };
	struct context *x = c->context[i];
	struct term_spec now[2];

	memcpy(note.remote, w[c->from].term.remote, sizeof(note.remote));
	for (uint32_t side = 0; side < 2; side++) {
		term_spec(c->g, x, side, &now[side]);
		now[side].term.dscp = w[side].term.dscp;
	}
	memcpy(now[c->from].note, &note, sizeof(note));
	memcpy(now[c->from].keep, w[c->from].keep, sizeof(now[0].keep));
	now[c->from].begin = ng_spec_learns(&now[c->from]);
	now[c->to].restart = w[c->to].restart;
	offer_reopen(c, x);
	return gate_set(c->g, x, 0, &now[0], &c->fail) && gate_set(c->g, x, 1, &now[1], &c->fail);
}

static bool offer_check(struct ng_call *c, int i)
{
	struct context *x = c->context[i];
	struct term_spec w[2];

	spec_again(c, i, w);
	return gate_check(c->g, x, c->from, &w[c->from], &c->fail) &&
	       gate_check(c->g, x, c->to, &w[c->to], &c->fail);
}

static void offer_replace(struct ng_call *c, int i)
{
	c->former[i] = c->context[i];
	c->context[i] = NULL;
}

static bool offer_try(struct ng_call *c, int i)
{
	const struct context *x;

	if (c->context[i] && (c->media[i].gone || !offer_fits(c, i)))
		offer_replace(c, i);
	x = c->context[i];
	/* Keys of its own, where it takes the place of another: after that is known. */
	if (x && !c->media[i].gone)
		ng_srtp_offer(c, i, ng_proto(proto_to(c, &c->media[i], x->note)));
	if (x && c->media[i].gone)
		offer_replace(c, i);
	if (c->media[i].gone)
		return true;
	return c->context[i] ? offer_check(c, i) : offer_new(c, i);
}

/* What is bundle-only and will not be in a bundle is offered to nobody (RFC 9143 7.3). */
static bool offer_alone(struct ng_call *c, int i)
{
	if (c->media[i].gone || !c->media[i].only || !c->added[i] || ng_bundle_may_be_in(c, i))
		return true;
	ng_call_gone(c, &c->context[i]);
	c->added[i] = false;
	ng_call_media_refuse(c, i, "m-line %d: bundle-only, and it cannot be in the bundle", i + 1);
	return true;
}

static bool offer_make(struct ng_call *c, int i)
{
	struct context *x = c->context[i];
	struct term_spec w[2];
	struct gate_plan plan;

	if (c->media[i].gone || c->added[i])
		return true;
	spec_again(c, i, w);
	if (!x->stream && ng_in_force(x))
		return offer_keep(c, i, w);
	if (!gate_set(c->g, x, c->from, &w[c->from], &c->fail) ||
	    !gate_set(c->g, x, c->to, &w[c->to], &c->fail))
		return false;
	ng_call_plan(c, i, c->media[i].halted, &plan);
	gate_plan_set(c->g, x, &plan);
	return true;
}

/* ---- all m-lines ---- */

/* Nothing of an offer that failed is left but what there was before. */
static void offer_undo(struct ng_call *c)
{
	for (int i = 0; i < SDP_MEDIA_MAX; i++) {
		if (c->added[i])
			ng_call_gone(c, &c->context[i]);
	}
}

/* What the offer ends goes with its answer; what is not in force, at once. */
static void offer_close(struct ng_call *c, struct context **x)
{
	struct gate_plan plan;

	if (!*x)
		return;
	if (!ng_in_force(*x)) {
		ng_call_gone(c, x);
		return;
	}
	gate_plan(c->g, *x, &plan);
	ng_note_set(&plan.note, NG_NOTE_CLOSING, 1, 1);
	gate_plan_set(c->g, *x, &plan);
}

bool ng_call_offer(struct ng_call *c, const struct ng_flags *f)
{
	bool loop;

	if (!ng_call_read(c, f, true, &loop))
		return false;
	if (loop)
		return true;
	ng_call_find(c);
	if (!ng_call_each(c, offer_try) || !ng_call_each(c, offer_alone) || !ng_call_left(c) ||
	    !ng_call_certified(c) || !ng_call_each(c, offer_make) ||
	    !ng_call_each(c, ng_srtp_keep)) {
		offer_undo(c);
		return false;
	}
	ng_call_spare(c);
	/* m-lines are never taken away (RFC 3264 8); where one is, its context has no use. */
	for (int i = 0; i < SDP_MEDIA_MAX; i++) {
		offer_close(c, &c->former[i]);
		if (i >= c->sdp.n_media)
			offer_close(c, &c->context[i]);
	}
	for (uint32_t i = 0; i < c->n_over; i++)
		ng_call_gone(c, &c->over[i]);
	return ng_call_write(c) || ng_call_refuse(c, GATE_BAD, "sdp: too long");
}
