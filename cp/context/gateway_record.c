/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway_record.h"

#include "gateway_priv.h"

#include "../record/records.h"
#include "../record/tell.h"

#include <stdlib.h>
#include <string.h>

/* Who is at the other end: of a connection, else who was learnt, else who was named. */
static const struct sock_addr *remote_of(const struct context_term *m)
{
	if (be16_get(m->peer.port))
		return &m->peer;
	return be16_get(m->term.latched[0].port) ? &m->term.latched[0] : &m->term.remote[0];
}

static void term_fill(const struct gateway *g, const struct context *c, uint32_t side,
		      struct record_term *to)
{
	static const char *const transport[] = {
		[TERM_UDP] = "udp", [TERM_TCP] = "tcp", [TERM_TLS] = "tls"
	};
	const struct context_term *m = &c->term[side];

	if (!term_is(m))
		return;
	to->transport = transport[m->term.transport];
	gate_local(g, c, side, false, &to->local);
	if (gate_local(g, c, side, true, &to->rtcp) && sock_addr_eq(&to->rtcp, &to->local))
		to->rtcp = (struct sock_addr){ 0 };
	to->remote = *remote_of(m);
	memcpy(to->tag, m->tag, strnlen(m->tag, sizeof(to->tag) - 1));
}

static void fill(struct gateway *g, struct record *r, const struct context *c, const char *reason)
{
	tell_age(g->s, r, c->created);
	r->id = c->id;
	r->reason = reason;
	memset(&r->context, 0, sizeof(r->context));
	memcpy(r->context.call, c->call, strnlen(c->call, sizeof(r->context.call) - 1));
	r->context.media = c->media;
	for (uint32_t i = 0; i < 2; i++)
		term_fill(g, c, i, &r->context.term[i]);
}

/* What came so far, as the worker has written it within a second. */
static void use_fill(const struct gateway *g, struct record *r, const struct context *c)
{
	struct context_use u;

	r->context.counted =
	    dplink_context_use(g->s->link, c->worker, c->cid, server_now(g->s), &u);
	for (int i = 0; r->context.counted && i < 2; i++)
		r->context.term[i].received = (struct record_use){ u.packets[i], u.bytes[i] };
}

void gate_record(struct gateway *g, const struct context *c, enum record_event event,
		 const char *reason)
{
	struct record *r = records_begin(g->s->records, RECORD_CONTEXT, event);

	if (!r)
		return;
	fill(g, r, c, reason);
	if (event != RECORD_START)
		use_fill(g, r, c);
	records_commit(g->s->records);
}

struct record *gate_record_counted(struct gateway *g, const struct context *c,
				   enum record_event event, const char *reason)
{
	struct record *r = g->s->records ? calloc(1, sizeof(*r)) : NULL;

	if (!r)
		return NULL;
	fill(g, r, c, reason);
	use_fill(g, r, c); /* it may be that nobody answers */
	r->event = event;
	return r;
}

void gate_record_told(struct gateway *g, struct record *r, const struct ctl_term_stats stats[2])
{
	struct record *to = r ? records_begin(g->s->records, RECORD_CONTEXT, r->event) : NULL;

	if (to) {
		to->wall_ms = g->s->wall_ms;
		to->started_ms = r->started_ms;
		to->duration_s = r->duration_s;
		to->id = r->id;
		to->reason = r->reason;
		to->context = r->context;
		to->context.counted |= stats != NULL;
		for (int i = 0; stats && i < 2; i++) {
			to->context.term[i].received =
			    (struct record_use){ stats[i].packets + stats[i].rtcp_packets,
						 stats[i].bytes + stats[i].rtcp_bytes };
			to->context.term[i].quality = stats[i].quality;
		}
		records_commit(g->s->records);
	}
	free(r);
}

static bool is_same(const struct context_term *a, const struct context_term *b)
{
	return a->term.transport == b->term.transport && term_same_local(a, b) &&
	       (a->term.flags & (TERM_RTP | TERM_RTCP_MUX)) ==
		   (b->term.flags & (TERM_RTP | TERM_RTCP_MUX)) &&
	       sock_addr_eq(remote_of(a), remote_of(b)) && strcmp(a->tag, b->tag) == 0;
}

void gate_record_change(struct gateway *g, const struct context *c, const struct context *old)
{
	if (c->end)
		return;
	if (old->end)
		gate_record(g, c, RECORD_START, NULL);
	else if (!is_same(&c->term[0], &old->term[0]) || !is_same(&c->term[1], &old->term[1]))
		gate_record(g, c, RECORD_UPDATE, NULL);
}
