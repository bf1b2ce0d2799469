/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * block media, unblock media: the gate of a side is shut for what its remote sends (H.248's
 * LocalControl, R32). block DTMF, unblock DTMF: telephone events alone do not pass (RFC 4733).
 * silence media, unsilence media: what it says is replaced by silence. A call stays so through
 * offers and answers, also in what they add.
 */
#include "ng_priv.h"
#include "ng_spec.h"

#include <string.h>

/* What is done to a side, or not any more. */
struct block {
	uint32_t bit; /* two of a context's note: NG_NOTE_BLOCKED, NG_NOTE_EVENTS; 0: TERM_SILENT */
	bool on;
};

/* The gate as the note says, where the m-line is not refused. */
static void side_shut(uint16_t *flags, uint64_t note, uint32_t side)
{
	if (!ng_note_get(note, NG_NOTE_REFUSED + side, 1))
		*flags = ng_spec_gate(*flags, side, note);
}

/* A termination of datagrams itself is where it stands that it is silent. */
static bool side_silence(struct ng *n, struct context *x, uint32_t side, bool on,
			 struct gate_fail *fail)
{
	struct term_spec w;
	struct ng_note note;

	term_spec(n->g, x, side, &w);
	if (w.term.transport != TERM_UDP)
		return true;
	ng_spec_flag(&w.term, TERM_SILENT, on);
	note = ng_note_of(&w);
	if (note.offered) {
		note.flags = on ? note.flags | TERM_SILENT : note.flags & (uint16_t)~TERM_SILENT;
		memcpy(w.note, &note, sizeof(note));
	}
	return gate_set(n->g, x, side, &w, fail);
}

static bool side_block(struct ng *n, struct context *x, uint32_t side, uint64_t x_note,
		       uint32_t bit, struct gate_fail *fail)
{
	struct term_spec w;
	struct ng_note note;

	term_spec(n->g, x, side, &w);
	if (w.term.transport == TERM_NONE)
		return true;
	note = ng_note_of(&w);
	side_shut(&w.term.flags, x_note, side);
	if (note.offered) {
		ng_note_set(&note.note, bit, 2, ng_note_get(x_note, bit, 2));
		side_shut(&note.flags, note.note, side);
		memcpy(w.note, &note, sizeof(note));
	}
	return gate_set(n->g, x, side, &w, fail);
}

/* Of one context the sides that are in the mask; also in what an offer left for its answer. */
static bool context_block(struct ng *n, struct context *x, uint32_t sides, const struct block *b,
			  struct gate_fail *fail)
{
	struct gate_plan plan;

	gate_plan(n->g, x, &plan);
	for (uint32_t side = 0; b->bit && side < 2; side++) {
		if (sides & 1u << side)
			ng_note_set(&plan.note, b->bit + side, 1, b->on);
	}
	for (uint32_t side = 0; side < 2; side++) {
		const bool meant = sides & 1u << side;

		if (b->bit ? !side_block(n, x, side, plan.note, b->bit, fail)
			   : meant && !side_silence(n, x, side, b->on, fail))
			return false;
	}
	gate_plan_set(n->g, x, &plan);
	return true;
}

/* Those that a command means, in a mask: both, by label or address in SDP, or who sends. */
static uint32_t sides_meant(const struct context *x, const struct ng_flags *f, bool directional)
{
	uint32_t sides = 0, from = 0;

	if (!directional)
		return 3;
	if (!f->label && !f->has_party)
		return ng_call_match(x, f, true, &from) ? 1u << from : 0;
	for (uint32_t side = 0; side < 2; side++) {
		const struct ng_keep keep = ng_keep_of(x, side);

		if ((!f->label || strncmp(keep.label, f->label, sizeof(keep.label)) == 0) &&
		    (!f->has_party || ip_eq(&x->term[side].term.remote[0].ip, &f->party)))
			sides |= 1u << side;
	}
	return sides;
}

/* What has ended already is left as it is. *any: there was one. */
static bool call_block(struct ng *n, const struct ng_flags *f, bool directional,
		       const struct block *b, bool *any, struct gate_fail *fail)
{
	struct context *x = NULL;

	*any = false;
	while ((x = gate_call_next(n->g, f->call, x)) != NULL) {
		const uint32_t sides =
		    x->end == CONTEXT_END_NONE ? sides_meant(x, f, directional) : 0;

		*any |= sides != 0;
		if (sides && !context_block(n, x, sides, b, fail))
			return false;
	}
	return true;
}

/* Protected from end to end: what is put into it would not be taken. */
static bool is_sealed(const struct context *x, uint32_t side)
{
	const struct ng_proto *p = ng_proto(ng_note_get(x->note, NG_NOTE_PROTO + 4 * side, 4));
	const struct ctl_term *t = &x->term[side].term;

	return p && p->protection != NG_PLAIN && t->flags & TERM_RTP && !(t->flags & TERM_SRTP);
}

static bool call_is_sealed(const struct ng *n, const char *call)
{
	struct context *x = NULL;

	while ((x = gate_call_next(n->g, call, x)) != NULL) {
		if (x->end == CONTEXT_END_NONE && (is_sealed(x, 0) || is_sealed(x, 1)))
			return true;
	}
	return false;
}

static struct block block_of(enum ng_command command)
{
	switch (command) {
	case NG_BLOCK_MEDIA:
	case NG_UNBLOCK_MEDIA:
		return (struct block){ NG_NOTE_BLOCKED, command == NG_BLOCK_MEDIA };
	case NG_BLOCK_DTMF:
	case NG_UNBLOCK_DTMF:
		return (struct block){ NG_NOTE_EVENTS, command == NG_BLOCK_DTMF };
	default:
		return (struct block){ 0, command == NG_SILENCE_MEDIA };
	}
}

/*
 * All of a call; with the flag directional, what the side of from-tag sends, as rtpengine has it:
 * who is silent is always named by from-tag, if it is given.
 */
json_t *ng_block(struct ng *n, const struct ng_flags *f, enum ng_command command)
{
	const struct block b = block_of(command);
	const bool directional = f->flags & NG_DIRECTIONAL || !b.bit;
	struct gate_fail fail = { 0 };
	bool any;
	json_t *v;

	if (!f->call)
		return ng_error("call-id must be given");
	if (f->label_useless) /* or it would be all of the call that is meant */
		return ng_error("label: nobody can have that");
	if (command == NG_SILENCE_MEDIA && call_is_sealed(n, f->call))
		return ng_error("SRTP that passes from end to end has no silence: recrypt");
	if (!call_block(n, f, (directional && f->from) || f->label || f->has_party, &b, &any,
			&fail))
		return ng_error(fail.text);
	if (!any)
		return ng_error("Unknown call-id");
	v = json_object();
	json_object_set_new(v, "result", json_string("ok"));
	return v;
}

/* Events of who sent the offer or answer, in the contexts of its dialogue. */
static bool sender_block(struct ng *n, const struct ng_flags *f, bool offer, struct gate_fail *fail)
{
	const struct block b = { NG_NOTE_EVENTS, true };
	struct context *x = NULL;
	uint32_t from;

	while ((x = gate_call_next(n->g, f->call, x)) != NULL) {
		if (x->end != CONTEXT_END_NONE || !ng_call_match(x, f, true, &from))
			continue;
		if (!context_block(n, x, 1u << (offer ? from : !from), &b, fail))
			return false;
	}
	return true;
}

bool ng_block_told(struct ng *n, const struct ng_flags *f, bool offer, struct gate_fail *fail)
{
	const struct block b = { NG_NOTE_BLOCKED, !(f->flags & NG_DROP_STOP) };
	bool any;

	if (f->flags & NG_NO_EVENTS && !sender_block(n, f, offer, fail))
		return false;
	if (!(f->flags & (NG_DROP | NG_DROP_STOP)))
		return true;
	return call_block(n, f, false, &b, &any, fail);
}
