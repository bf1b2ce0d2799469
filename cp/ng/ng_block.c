/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * block media, unblock media: the gate of a side is shut for what its remote sends (H.248's
 * LocalControl, R32). A call blocked stays so through offers and answers, also in what they add.
 */
#include "ng_priv.h"
#include "ng_spec.h"

#include <string.h>

/* The gate as the note says, where the m-line is not refused. */
static void side_shut(uint16_t *flags, uint64_t note, uint32_t side)
{
	if (!ng_note_get(note, NG_NOTE_REFUSED + side, 1))
		*flags = ng_spec_gate(*flags, side, note);
}

/* Of one context the sides that are in the mask; also in what an offer left for its answer. */
static bool context_block(struct ng *n, struct context *x, uint32_t sides, bool block,
			  struct gate_fail *fail)
{
	struct gate_plan plan;

	gate_plan(n->g, x, &plan);
	for (uint32_t side = 0; side < 2; side++) {
		if (sides & 1u << side)
			ng_note_set(&plan.note, NG_NOTE_BLOCKED + side, 1, block);
	}
	for (uint32_t side = 0; side < 2; side++) {
		struct ng_note note;
		struct term_spec w;

		term_spec(n->g, x, side, &w);
		if (w.term.transport == TERM_NONE)
			continue;
		note = ng_note_of(&w);
		side_shut(&w.term.flags, plan.note, side);
		if (note.offered) {
			const uint32_t blocked = ng_note_get(plan.note, NG_NOTE_BLOCKED, 2);

			ng_note_set(&note.note, NG_NOTE_BLOCKED, 2, blocked);
			side_shut(&note.flags, note.note, side);
			memcpy(w.note, &note, sizeof(note));
		}
		if (!gate_set(n->g, x, side, &w, fail))
			return false;
	}
	gate_plan_set(n->g, x, &plan);
	return true;
}

/* Those that a command means, in a mask: both, the one that has the label, or that sends. */
static uint32_t sides_meant(const struct context *x, const struct ng_flags *f, bool directional)
{
	uint32_t sides = 0, from = 0;

	if (!directional)
		return 3;
	if (!f->label)
		return ng_call_match(x, f, true, &from) ? 1u << from : 0;
	for (uint32_t side = 0; side < 2; side++) {
		const struct ng_keep keep = ng_keep_of(x, side);

		if (strncmp(keep.label, f->label, sizeof(keep.label)) == 0)
			sides |= 1u << side;
	}
	return sides;
}

/* What has ended already is left as it is. *any: there was one. */
static bool call_block(struct ng *n, const struct ng_flags *f, bool directional, bool block,
		       bool *any, struct gate_fail *fail)
{
	struct context *x = NULL;

	*any = false;
	while ((x = gate_call_next(n->g, f->call, x)) != NULL) {
		const uint32_t sides =
		    x->end == CONTEXT_END_NONE ? sides_meant(x, f, directional) : 0;

		*any |= sides != 0;
		if (sides && !context_block(n, x, sides, block, fail))
			return false;
	}
	return true;
}

/* All of a call; with the flag directional, what the side of from-tag sends, as rtpengine has it.
 */
json_t *ng_block(struct ng *n, const struct ng_flags *f, bool block)
{
	struct gate_fail fail = { 0 };
	bool any;
	json_t *v;

	if (!f->call)
		return ng_error("call-id must be given");
	if (f->label_useless) /* or it would be all of the call that is meant */
		return ng_error("label: nobody can have that");
	if (!call_block(n, f, (f->flags & NG_DIRECTIONAL && f->from) || f->label, block, &any,
			&fail))
		return ng_error(fail.text);
	if (!any)
		return ng_error("Unknown call-id");
	v = json_object();
	json_object_set_new(v, "result", json_string("ok"));
	return v;
}

bool ng_block_told(struct ng *n, const struct ng_flags *f, struct gate_fail *fail)
{
	bool any;

	if (!(f->flags & (NG_DROP | NG_DROP_STOP)))
		return true;
	return call_block(n, f, false, !(f->flags & NG_DROP_STOP), &any, fail);
}
