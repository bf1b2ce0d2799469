/* SPDX-License-Identifier: BSD-3-Clause */
/* query, delete, list, statistics: what contexts are and were, as rtpengine tells it. */
#include "ng_priv.h"
#include "ng_mos.h"

#include <stdlib.h>
#include <string.h>

enum {
	PARTS_MAX = 64,	   /* contexts of a call that are told of */
	LIST_DEFAULT = 32, /* as rtpengine has it */
	LIST_MAX = 200,	   /* names of calls that are sure to fit an answer */
	BRANCH_SILENT = 5, /* seconds: who takes part in a call sends something meanwhile */
};

/* A context as it was when it was asked for; its counters come later. */
struct part {
	struct ng_query *query;
	bool waits, counted;
	bool judge; /* deleted if the branch that holds it takes no part */
	uint64_t id;
	uint8_t transport, flags[2];
	uint16_t media;
	uint64_t note;
	uint32_t created;
	char tag[2][CONTEXT_TAG_MAX], label[2][NG_LABEL_MAX];
	struct sock_addr local[2][2], remote[2][2]; /* sides; RTP, RTCP */
	struct ctl_term_stats stats[2];
};

struct ng_query {
	struct ng *ng;
	struct ng_ask *ask;
	bool kept;	/* by another branch */
	uint32_t delay; /* seconds until what is deleted is gone */
	uint32_t waits;
	uint32_t n;
	struct part part[PARTS_MAX];
};

void ng_query_free(struct ng_query *q)
{
	for (uint32_t i = 0; i < q->n; i++) {
		if (q->part[i].waits)
			gate_forget(q->ng->g, &q->part[i]);
	}
	free(q);
}

static void put(json_t *v, const char *name, uint64_t n)
{
	json_object_set_new(v, name, json_integer((json_int_t)n));
}

static void put_text(json_t *v, const char *name, const char *text)
{
	json_object_set_new_nocheck(v, name, ng_string(text, strlen(text)));
}

/* A dictionary of that name, made if it is not there. */
static json_t *child(json_t *v, const char *name)
{
	json_t *in = json_object_get(v, name);

	if (!in) {
		in = json_object();
		json_object_set_new_nocheck(v, name, in);
	}
	return in;
}

static json_t *endpoint(const struct sock_addr *a)
{
	json_t *v = json_object();
	char text[ADDR_STR_MAX];

	put_text(v, "family", ip_is_v4(&a->ip) ? "IPv4" : "IPv6");
	put_text(v, "address", ip_format(&a->ip, text, sizeof(text)));
	put(v, "port", be16_get(a->port));
	return v;
}

static json_t *counters(uint64_t packets, uint64_t bytes, uint64_t errors)
{
	json_t *v = json_object();

	put(v, "packets", packets);
	put(v, "bytes", bytes);
	put(v, "errors", errors);
	return v;
}

static json_t *stream(const struct part *p, uint32_t side, uint32_t rtcp)
{
	const struct ctl_term_stats *s = &p->stats[side];
	json_t *v = json_object();

	put(v, "local port", be16_get(p->local[side][rtcp].port));
	/* Kamailio finds out by it whose MOS is whose (mos_A_label_pv). */
	if (s->quality.sources && !rtcp)
		put(v, "SSRC", s->quality.ssrc);
	if (be16_get(p->remote[side][rtcp].port))
		json_object_set_new(v, "endpoint", endpoint(&p->remote[side][rtcp]));
	json_object_set_new(v, "stats",
			    rtcp ? counters(s->rtcp_packets, s->rtcp_bytes, 0)
				 : counters(s->packets, s->bytes, s->dropped));
	return v;
}

static json_t *media(const struct part *p, uint32_t side)
{
	const struct ng_proto *proto = ng_proto(ng_note_get(p->note, NG_NOTE_PROTO + 4 * side, 4));
	json_t *v = json_object(), *streams = json_array();

	put(v, "index", p->media + 1u);
	put_text(v, "type", ng_type(ng_note_get(p->note, NG_NOTE_TYPE, 3)));
	put_text(v, "protocol", proto ? proto->name : "other");
	json_array_append_new(streams, stream(p, side, 0));
	if (p->flags[side] & TERM_RTP)
		json_array_append_new(streams, stream(p, side, 1));
	json_object_set_new(v, "streams", streams);
	return v;
}

static uint64_t wall_of(const struct server *s, uint32_t seconds)
{
	return s->wall - (server_now(s) - seconds);
}

static void put_tag(const struct ng_query *q, const struct part *p, uint32_t side, json_t *tags)
{
	json_t *v, *medias;

	if (!*p->tag[side])
		return;
	v = child(tags, p->tag[side]);
	medias = json_object_get(v, "medias");
	if (!medias) {
		medias = json_array();
		json_object_set_new(v, "medias", medias);
		put_text(v, "tag", p->tag[side]);
		put(v, "created", wall_of(q->ng->s, p->created));
		if (*p->label[side])
			put_text(v, "label", p->label[side]);
		if (*p->tag[1 - side])
			put_text(v, "in dialogue with", p->tag[1 - side]);
	}
	json_array_append_new(medias, media(p, side));
}

static json_t *totals(const struct ng_query *q)
{
	struct ctl_term_stats sum = { 0 };
	json_t *v = json_object();

	for (uint32_t i = 0; i < 2 * q->n; i++) {
		const struct ctl_term_stats *s = &q->part[i / 2].stats[i % 2];

		sum.packets += s->packets;
		sum.bytes += s->bytes;
		sum.dropped += s->dropped;
		sum.rtcp_packets += s->rtcp_packets;
		sum.rtcp_bytes += s->rtcp_bytes;
	}
	json_object_set_new(v, "RTP", counters(sum.packets, sum.bytes, sum.dropped));
	json_object_set_new(v, "RTCP", counters(sum.rtcp_packets, sum.rtcp_bytes, 0));
	return v;
}

static json_t *ssrcs_of(const struct ng_query *q)
{
	json_t *v = json_object();

	for (uint32_t i = 0; i < 2 * q->n; i++)
		ng_mos_put(v, &q->part[i / 2].stats[i % 2], server_now(q->ng->s), q->ng->s->wall);
	return v;
}

static json_t *answer_of(const struct ng_query *q)
{
	json_t *v = json_object(), *tags = json_object();
	uint32_t created = UINT32_MAX;
	bool counted = true;

	for (uint32_t i = 0; i < q->n; i++) {
		const struct part *p = &q->part[i];

		created = p->created < created ? p->created : created;
		counted &= p->counted;
		put_tag(q, p, 0, tags);
		put_tag(q, p, 1, tags);
	}
	put_text(v, "result", "ok");
	put(v, "created", wall_of(q->ng->s, created));
	json_object_set_new(v, "tags", tags);
	json_object_set_new(v, "SSRC", ssrcs_of(q));
	json_object_set_new(v, "totals", totals(q));
	if (q->kept)
		put_text(v, "warning", "tags didn't match: another branch of the call goes on");
	else if (!counted)
		put_text(v, "warning", "counters are missing: the dataplane did not answer");
	return v;
}

static void query_end(struct ng_query *q)
{
	if (--q->waits == 0)
		ng_ask_answer(q->ask, answer_of(q));
}

static void came(void *arg, const struct context *c, const struct ctl_term_stats stats[2]);

/* Now, or after a while in which it goes on; its counters are told at once. */
static void part_delete(struct ng_query *q, struct context *c, struct part *p)
{
	if (!q->delay || c->end) {
		gate_delete(q->ng->g, c, p ? came : NULL, p);
		return;
	}
	gate_delete_later(q->ng->g, c, q->delay);
	if (p)
		gate_audit(q->ng->g, c, came, p);
}

/*
 * Of a call that forked, who says that one branch is over names the one that came through. If
 * another holds the context all the same, then because a provisional answer of it came last; unless
 * it is that branch that goes on, as what it sends shows.
 */
static void branch_judge(struct part *p, const struct context *c,
			 const struct ctl_term_stats stats[2])
{
	struct context *x = c ? gate_find(p->query->ng->g, p->id) : NULL;

	if (!x)
		return;
	if (x->stream ? x->term[1].state == TERM_STATE_UP
		      : stats && stats[1].silent_s < BRANCH_SILENT)
		p->query->kept = true;
	else
		part_delete(p->query, x, NULL);
}

static void came(void *arg, const struct context *c, const struct ctl_term_stats stats[2])
{
	struct part *p = arg;

	p->waits = false;
	p->counted = stats != NULL;
	if (stats)
		memcpy(p->stats, stats, sizeof(p->stats));
	if (p->judge)
		branch_judge(p, c, stats);
	query_end(p->query);
}

static struct part *part_add(struct ng_query *q, const struct context *c)
{
	struct part *p = &q->part[q->n++];

	*p = (struct part){ .query = q,
			    .waits = true,
			    .id = c->id,
			    .transport = c->term[0].term.transport,
			    .media = c->media,
			    .note = c->note,
			    .created = c->created };
	for (uint32_t side = 0; side < 2; side++) {
		const struct context_term *t = &c->term[side];

		memcpy(p->tag[side], t->tag, sizeof(p->tag[side]));
		memcpy(p->label[side], ng_keep_of(c, side).label, NG_LABEL_MAX - 1);
		p->flags[side] = (uint8_t)t->term.flags;
		for (uint32_t rtcp = 0; rtcp < 2; rtcp++) {
			bool learnt = be16_get(t->term.latched[rtcp].port);

			gate_local(q->ng->g, c, side, rtcp, &p->local[side][rtcp]);
			p->remote[side][rtcp] =
			    learnt ? t->term.latched[rtcp] : t->term.remote[rtcp];
		}
	}
	q->waits++;
	return p;
}

/* Which contexts of a call a command is for. */
struct choice {
	bool one;   /* those of one branch */
	bool whole; /* all of it, whatever its tags */
	uint32_t branch;
};

/*
 * As rtpengine has it: via-branch alone names a branch; with both tags they do, and via-branch
 * where they are not known.
 */
static struct choice choose(struct ng *n, const struct ng_flags *f)
{
	const uint32_t told = f->from ? ng_branch(n->g, f) : 0;
	struct context *c = gate_call_next(n->g, f->call, NULL);
	struct choice by = { 0 };

	for (; c; c = gate_call_next(n->g, f->call, c)) {
		if (ng_call_match_both(c, f))
			return (struct choice){ .one = true, .branch = c->branch };
		if (told && c->branch == told)
			by = (struct choice){ .one = true, .whole = true, .branch = told };
	}
	return by;
}

/* Asks for each context of the call; deletes it, too. False if there is none. */
static bool each(struct ng_query *q, const struct ng_flags *f, bool gone)
{
	const struct choice of = choose(q->ng, f);
	struct context *c = gate_call_next(q->ng->g, f->call, NULL), *next;
	bool any = false;
	uint32_t side;

	for (; c; c = next) {
		struct part *p = NULL;
		bool ours = of.whole || ng_call_match(c, f, true, &side);

		next = gate_call_next(q->ng->g, f->call, c);
		if ((of.one && c->branch != of.branch) ||
		    (!ours && !(gone && ng_call_match_fork(c, f))))
			continue;
		any = true;
		if (q->n < PARTS_MAX)
			p = part_add(q, c);
		if (p)
			p->judge = !ours;
		if (gone && ours)
			part_delete(q, c, p);
		else if (p)
			gate_audit(q->ng->g, c, came, p);
	}
	return any;
}

static json_t *unknown(const struct ng_flags *f, bool gone)
{
	json_t *v;

	if (!gone)
		return ng_error("Unknown call-id");
	if (f->flags & NG_FATAL)
		return ng_error("Call-ID not found or tags didn't match");
	v = json_object();
	put_text(v, "result", "ok");
	put_text(v, "warning", "Call-ID not found or tags didn't match");
	return v;
}

static void ask_each(struct ng *n, const struct ng_flags *f, struct ng_ask *ask, bool gone)
{
	struct ng_query *q = f->call ? calloc(1, sizeof(*q)) : NULL;

	if (!q) {
		ng_ask_answer(ask, ng_error(f->call ? "out of memory" : "call-id must be given"));
		return;
	}
	q->ng = n;
	q->ask = ask;
	q->delay = f->delay != NG_NOT_GIVEN ? (uint32_t)f->delay : n->s->conf->gateway.delete_delay;
	q->waits = 1; /* answers that come at once do not end it */
	ng_ask_hold(ask, q);
	if (each(q, f, gone))
		query_end(q);
	else
		ng_ask_answer(ask, unknown(f, gone));
}

void ng_query(struct ng *n, const struct ng_flags *f, struct ng_ask *ask)
{
	ask_each(n, f, ask, false);
}

void ng_delete(struct ng *n, const struct ng_flags *f, struct ng_ask *ask)
{
	ask_each(n, f, ask, true);
}

/* What stands under a name, 0 to max; without it, or without a number there, what is usual. */
static uint32_t number(const json_t *command, const char *name, uint32_t usual, uint32_t max)
{
	const json_t *v = json_object_get(command, name);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v))
		return usual;
	return n < 0 ? 0 : n > max ? max : (uint32_t)n;
}

/* Where more may follow there is a cursor, for the next command. */
json_t *ng_list(const struct ng *n, const json_t *command)
{
	uint32_t cursor = number(command, "cursor", 0, UINT32_MAX), look = GATE_LOOK;
	uint32_t most = number(command, "limit", LIST_DEFAULT, LIST_MAX);
	json_t *v = json_object(), *calls = json_array();
	struct context *c;

	while (json_array_size(calls) < most && (c = gate_next(n->g, &cursor, &look))) {
		/* Each call once: where its first context is. */
		if (*c->call && gate_call_next(n->g, c->call, NULL) == c)
			json_array_append_new(calls, ng_string(c->call, strlen(c->call)));
	}
	put_text(v, "result", "ok");
	if (json_array_size(calls) >= most || !look)
		put(v, "cursor", cursor);
	json_object_set_new(v, "calls", calls);
	return v;
}

/* A session is a context here: an m-line. */
json_t *ng_statistics(const struct ng *n)
{
	const struct gate_stats *s = gate_stats(n->g);
	json_t *v = json_object();
	json_t *all = child(v, "statistics");
	json_t *now = child(all, "currentstatistics"), *total = child(all, "totalstatistics");
	uint64_t refused = 0, ended = 0;

	for (uint32_t i = GATE_OK + 1; i < GATE_ERRORS; i++)
		refused += s->refused[i];
	for (uint32_t i = 0; i < CONTEXT_ENDS; i++)
		ended += s->ended[i];
	put(now, "sessionsown", s->contexts);
	put(now, "sessionsforeign", 0);
	put(now, "sessionstotal", s->contexts);
	put(now, "transcodedmedia", 0);
	put(total, "uptime", (n->s->now_ms - n->s->start_ms) / 1000);
	put(total, "managedsessions", s->added);
	put(total, "rejectedsessions", refused);
	put(total, "timeoutsessions", s->ended[CONTEXT_END_INACTIVE]);
	put(total, "silenttimeoutsessions", 0);
	put(total, "finaltimeoutsessions", s->ended[CONTEXT_END_LIFETIME]);
	put(total, "offertimeoutsessions", s->ended[CONTEXT_END_ANSWER]);
	put(total, "regularterminatedsessions", s->ended[CONTEXT_END_REQUEST]);
	put(total, "forcedterminatedsessions",
	    ended - s->ended[CONTEXT_END_INACTIVE] - s->ended[CONTEXT_END_LIFETIME] -
		s->ended[CONTEXT_END_ANSWER] - s->ended[CONTEXT_END_REQUEST]);
	put_text(v, "result", "ok");
	return v;
}
