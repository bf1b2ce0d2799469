/* SPDX-License-Identifier: BSD-3-Clause */
/* One side of a stream: how it comes up, what it passes on, and how it ends. */
#include "stream.h"
#include "../snapshot.h"
#include "gateway.h"
#include "../tcp/linger.h"

enum {
	POLICE_MS = 10,		 /* between looks at a bucket that was empty */
	CREDIT_BYTE = 1000,	 /* a byte, in what a bucket counts */
	CREDIT_MS_MAX = 1000000, /* more time adds nothing: no bucket is larger */
};

/* A termination may have moved to another context since: by its port, then. */
static bool stream_moved(const struct worker *w, struct tcp_conn *c, struct stream_owner *o)
{
	struct sock_addr local, remote;
	struct stream *s = NULL;
	uint32_t entry, i;

	tcp_addrs(w, c, &local, &remote);
	entry = relayed_entry(w, dplane_local(w->dp, &local.ip), be16_get(local.port));
	i = gate_side(entry);
	if (relayed_kind(entry) == RELAYED_TERM)
		s = w->gateway->context[gate_slot(entry)].stream;
	if (!s || s->side[i].serial != o->serial)
		return false;
	o->stream = s;
	o->side = i;
	return true;
}

struct stream *stream_wanted(const struct worker *w, struct tcp_conn *c, uint32_t *i)
{
	struct stream_owner *o = tcp_data(c);

	if (!w->gateway->streams ||
	    (o->stream->side[o->side].serial != o->serial && !stream_moved(w, c, o)))
		return NULL;
	*i = o->side;
	return o->stream;
}

/* The one whose side has c. */
static struct stream *stream_of(const struct worker *w, struct tcp_conn *c, uint32_t *i)
{
	struct stream *s = stream_wanted(w, c, i);

	return s && s->side[*i].c == c ? s : NULL;
}

static bool side_open(const struct side *d)
{
	return d->state == SIDE_UNJUDGED || d->state == SIDE_UP;
}

/* ---- events ---- */

/* What the ring has no room for a later round tells, as it stands then. */
static void side_tell(struct worker *w, struct stream *s, uint32_t i)
{
	static const uint8_t order[] = { TERM_REFUSED, TERM_UNJUDGED, TERM_UP, TERM_INACTIVE,
					 TERM_ENDED };
	static const uint8_t stands[] = {
		[SIDE_UNJUDGED] = 1 << TERM_UNJUDGED, [SIDE_UP] = 1 << TERM_UP
	};
	struct side *d = &s->side[i];

	for (size_t k = 0; k < RTE_DIM(order) && d->due; k++) {
		struct evt_term e = { .side = (uint8_t)i,
				      .what = order[k],
				      .why = d->why,
				      .attempt = d->attempt,
				      .tls_version = d->tls_version,
				      .tls_suite = d->tls_suite,
				      .remote = d->remote };

		if (!(d->due >> e.what & 1))
			continue;
		memcpy(e.sha256, d->sha256, sizeof(e.sha256));
		if (e.what == TERM_REFUSED) {
			e.why = d->refused.why;
			e.tls_version = e.tls_suite = 0;
			e.remote = d->refused.remote;
			memcpy(e.sha256, d->refused.sha256, sizeof(e.sha256));
		}
		if (!context_tell(w, s->slot, &e))
			return;
		d->due &= (uint8_t) ~(1u << e.what);
		/* Who hears of it takes the side for one that listens: another may be there. */
		if (e.what == TERM_REFUSED && side_open(d))
			d->due |= stands[d->state];
	}
}

void side_event(struct worker *w, struct stream *s, uint32_t i, enum ctl_term_event what)
{
	s->side[i].due |= (uint8_t)(1u << what);
	side_tell(w, s, i);
}

/* ---- leaving ---- */

/* Takes its connection from a side. NULL: it has none. */
static struct tcp_conn *side_part(struct side *d, enum tcp_end why)
{
	struct tcp_conn *c = d->c;

	d->c = NULL;
	if (!c)
		return NULL;
	linger_own(c, why);
	return c;
}

void side_leave(struct worker *w, struct side *d, enum tcp_end why, bool order)
{
	struct tcp_conn *c = side_part(d, why);

	if (!c)
		return;
	if (!order || !side_open(d)) {
		tcp_abort(w, c, why);
		return;
	}
	linger_close(w, c);
}

/* ---- ends ---- */

static bool in_order(enum tcp_end why)
{
	return why == TCP_END_DONE || why == TCP_END_CLOSED || why == TCP_END_RELEASED;
}

void side_release(struct worker *w, struct stream *s, uint32_t i)
{
	const struct side *partner = &s->side[!i];
	bool order = in_order((enum tcp_end)partner->why);
	enum tcp_end why = order ? TCP_END_RELEASED : TCP_END_PARTNER;
	struct side *d = &s->side[i];

	if (partner->state != SIDE_ENDED || w->gateway->context[s->slot].flags & CONTEXT_HOLD ||
	    d->state == SIDE_NONE || d->state == SIDE_ENDED)
		return;
	side_leave(w, d, why, order);
	side_over(w, s, i, why);
}

void side_over(struct worker *w, struct stream *s, uint32_t i, enum tcp_end why)
{
	struct side *d = &s->side[i];

	d->state = SIDE_ENDED;
	d->held = false;
	d->why = (uint16_t)why;
	side_cands_end(w, d, why);
	count(w, CNT_GATE_ENDED);
	side_event(w, s, i, TERM_ENDED);
	side_release(w, s, !i);
}

/*
 * The layer may be ending its connection, which takes the remote's answer or a while, before it
 * says so: neither does its partner wait for that, nor is it judged any more.
 */
static void side_over_already(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];
	enum tcp_end why;
	bool held;

	if (!d->c || !tcp_layer_closing(d->c))
		return;
	why = tcp_why(d->c);
	if (d->held)
		side_note(w, d, d->c, why);
	held = d->held;
	side_part(d, why);
	if (held)
		side_vacate(w, s, i);
	else
		side_over(w, s, i, why);
}

void side_subtract(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];

	stream_drain(w, s, i);
	side_cands_end(w, d, TCP_END_CLOSED);
	if (d->c) {
		d->why = stream_waits(s, i) ? TCP_END_PARTNER : TCP_END_CLOSED;
		side_leave(w, d, TCP_END_CLOSED, true);
		d->state = SIDE_ENDED;
		side_release(w, s, !i);
	}
	memset(d, 0, sizeof(*d));
}

/* ---- bytes ---- */

/* Whether what comes from side i goes to the other. */
static bool stream_flows(const struct stream *s, uint32_t i)
{
	const struct side *from = &s->side[i], *to = &s->side[!i];

	return from->state == SIDE_UP && to->state == SIDE_UP && from->term.flags & TERM_IN &&
	       to->term.flags & TERM_OUT;
}

bool stream_waits(const struct stream *s, uint32_t i)
{
	return stream_flows(s, i) && tcp_readable(s->side[i].c);
}

void stream_pause(struct worker *w, struct stream *s)
{
	uint32_t i;

	for (i = 0; i < SIDES; i++)
		if (side_open(&s->side[i]))
			tcp_recv_pause(w, s->side[i].c, !stream_flows(s, i));
}

/* Whether the bucket has any: what a buffer has more is a debt. */
static bool side_credit(const struct worker *w, struct side *d)
{
	const int64_t most = (int64_t)d->term.burst * CREDIT_BYTE;
	uint64_t ms = w->now_ms - d->credit_ms;

	if (!d->term.rate) {
		d->credit = 0;
		return true;
	}
	d->credit_ms = w->now_ms;
	d->credit += (int64_t)(RTE_MIN(ms, (uint64_t)CREDIT_MS_MAX) * d->term.rate);
	d->credit = RTE_MIN(d->credit, most);
	return d->credit > 0;
}

void stream_pass(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *from = &s->side[i];
	struct tcp_conn *to = s->side[!i].c;
	uint64_t bytes = 0;
	bool credit;
	uint32_t n;

	if (!stream_flows(s, i))
		return;
	while ((credit = side_credit(w, from)) && (n = tcp_pass(w, from->c, to))) {
		from->credit -= (int64_t)n * CREDIT_BYTE;
		bytes += n;
	}
	from->bytes += bytes;
	count_add(w, CNT_GATE_STREAM_BYTES, bytes);
	if (!tcp_readable(from->c))
		return;
	if (credit)
		tcp_send_wait(to);
	else
		tcp_app_timer(w, from->c, POLICE_MS);
}

void stream_drain(struct worker *w, struct stream *s, uint32_t i)
{
	const struct side *d = &s->side[i];
	uint64_t bytes;

	do {
		bytes = d->bytes;
		if (stream_flows(s, i))
			tcp_recv_now(w, d->c);
		stream_pass(w, s, i);
	} while (d->bytes != bytes);
}

/*
 * Whether its remote has closed, with all that it sent passed on. It is answered then (R59), after
 * what has come for it so far.
 */
static void side_fin(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];

	if (!side_open(d) || !tcp_recv_fin(d->c))
		return;
	stream_drain(w, s, !i);
	if (stream_waits(s, !i)) {
		tcp_recv_pause(w, s->side[!i].c, true);
		return;
	}
	if (d->held)
		side_note(w, d, d->c, TCP_END_DONE);
	side_leave(w, d, TCP_END_DONE, true);
	if (d->held)
		side_vacate(w, s, i);
	else
		side_over(w, s, i, TCP_END_DONE);
}

/* What waits at side i moves on; either may be done then. */
static void stream_go(struct worker *w, struct stream *s, uint32_t i)
{
	stream_pass(w, s, i);
	side_fin(w, s, i);
	side_fin(w, s, !i);
}

/* ---- coming up ---- */

void side_up(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];
	uint32_t k;

	d->state = SIDE_UP;
	d->seen_s = w->now;
	d->bytes_seen = d->bytes;
	d->silent = false;
	tcp_app_timer(w, d->c, 0);
	count(w, CNT_GATE_UP);
	side_event(w, s, i, TERM_UP);
	if (s->side[!i].state == SIDE_UP) {
		count(w, CNT_GATE_JOINED);
		d->held = s->side[!i].held = false; /* who is there is who it is */
	}
	for (k = 0; k < SIDES; k++)
		if (s->side[k].state == SIDE_UP && !s->side[k].held)
			side_cands_end(w, &s->side[k], TCP_END_EXISTS);
	stream_pause(w, s);
}

uint8_t term_dscp(const struct ctl_term *t)
{
	return t->dscp == CTL_DSCP_KEEP ? 0 : t->dscp;
}

const struct tcp_layer_ops *side_layer(const struct ctl_term *t)
{
	if (t->transport != TERM_TLS)
		return NULL;
	return t->flags & TERM_TLS_CLIENT ? &tls_client_layer : &tls_server_layer;
}

/* ---- its connection ---- */

static void stream_readable(struct worker *w, struct tcp_conn *c)
{
	uint32_t i;
	struct stream *s = stream_of(w, c, &i);

	if (likely(s != NULL))
		stream_go(w, s, i);
}

static void stream_writable(struct worker *w, struct tcp_conn *c)
{
	uint32_t i;
	struct stream *s = stream_of(w, c, &i);

	if (likely(s != NULL))
		stream_go(w, s, !i);
}

static void stream_timeout(struct worker *w, struct tcp_conn *c)
{
	uint32_t i;
	struct stream *s = stream_of(w, c, &i);

	if (!s) {
		cand_timeout(w, c);
		return;
	}
	side_over_already(w, s, i);
	if (s->side[i].c != c)
		return;
	if (s->side[i].state == SIDE_UNJUDGED)
		side_unfit(w, s, i, TCP_END_NO_FINGERPRINT);
	else if (s->side[i].state == SIDE_UP)
		stream_go(w, s, i);
	else if (tcp_state(c) == TCP_SYN_SENT) /* TLS has a time of its own */
		tcp_abort(w, c, TCP_END_TIMEOUT);
}

static void stream_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	uint32_t i;
	struct stream *s = stream_of(w, c, &i);

	if (!s) {
		cand_closed(w, c, why);
	} else if (s->side[i].held) {
		side_note(w, &s->side[i], c, why);
		side_vacate(w, s, i);
	} else {
		s->side[i].c = NULL;
		side_over(w, s, i, why);
	}
}

const struct tcp_app stream_app = {
	.name = "stream",
	.role = CONN_DATA,
	.expect = stream_expect,
	.established = stream_established,
	.readable = stream_readable,
	.writable = stream_writable,
	.timeout = stream_timeout,
	.closed = stream_closed,
};

/* ---- commands ---- */

void side_request(struct stream *s, uint32_t i, struct tcp_request *r)
{
	const struct side *d = &s->side[i];
	struct stream_owner o = { s, d->serial, i };

	memcpy(r->data, &o, sizeof(o));
	r->layer = side_layer(&d->term);
	r->layer_arg = d->term.domain;
	r->dscp = term_dscp(&d->term);
}

static void side_connect(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];
	const struct ctl_term *t = &d->term;
	struct tcp_request r = { .local = { *relay_ip(w->dp, &t->local), t->local.port },
				 .remote = t->remote[0],
				 .over = &linger_app };
	enum tcp_end why;

	side_request(s, i, &r);
	d->c = tcp_connect(w, &r, &stream_app, &why);
	if (!d->c) {
		side_over(w, s, i, why);
		return;
	}
	tcp_app_timer(w, d->c, snapshot_conf(w->dp)->tcp.connect_timeout * 1000);
}

void side_begin(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];

	side_leave(w, d, TCP_END_CLOSED, true);
	side_cands_end(w, d, TCP_END_CLOSED);
	d->held = false;
	w->gateway->streams->serial +=
	    w->gateway->streams->serial == UINT32_MAX ? 2 : 1; /* never 0 */
	d->serial = w->gateway->streams->serial;
	d->attempt = d->term.attempt;
	d->due = 0;
	d->why = d->tls_version = d->tls_suite = 0;
	d->credit = (int64_t)d->term.burst * CREDIT_BYTE;
	d->remote = (struct sock_addr){ 0 };
	memset(d->sha256, 0, sizeof(d->sha256));
	d->state = d->term.flags & TERM_CONNECT ? SIDE_OPENING : SIDE_LISTENING;
	if (d->state == SIDE_OPENING)
		side_connect(w, s, i);
}

void side_change(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];

	side_over_already(w, s, i);
	if (d->c)
		tcp_dscp(d->c, term_dscp(&d->term));
	if (side_open(d))
		side_judge(w, s, i);
}

void side_repeat(struct worker *w, struct stream *s, uint32_t i, bool all)
{
	static const uint8_t told[] = { [SIDE_UNJUDGED] = TERM_UNJUDGED, [SIDE_UP] = TERM_UP };
	struct side *d = &s->side[i];

	d->silent &= !all;
	if (d->state == SIDE_ENDED)
		side_event(w, s, i, TERM_ENDED);
	else if (all && side_open(d))
		side_event(w, s, i, (enum ctl_term_event)told[d->state]);
}

/* ---- rounds ---- */

static void side_silence(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];

	if (d->bytes != d->bytes_seen) {
		d->bytes_seen = d->bytes;
		d->seen_s = w->now;
		d->silent = false;
	} else if (d->term.inactivity && !d->silent && w->now - d->seen_s >= d->term.inactivity) {
		d->silent = true;
		side_event(w, s, i, TERM_INACTIVE);
	}
}

void side_tick(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];

	side_over_already(w, s, i);
	side_cands_look(w, d);
	side_tell(w, s, i);
	side_fin(w, s, i);
	if (d->state == SIDE_UP)
		side_silence(w, s, i);
}
