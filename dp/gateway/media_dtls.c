/* SPDX-License-Identifier: BSD-3-Clause */
#include "media_dtls.h"
#include "gateway.h"
#include "media_srtp.h"
#include "../clock.h"
#include "../dtls/dtls.h"
#include "../dtls/hello.h"
#include "../tls/handshake.h"

#include <openssl/crypto.h>

static struct media_term *term_at(const struct worker *w, uint32_t port)
{
	return &w->gateway->media[gate_slot(port)].term[gate_side(port)];
}

/* NULL: the termination has no DTLS, or no room for it. */
static struct media_dtls *dtls_of(const struct media_term *t)
{
	return t->here && t->flags & TERM_DTLS && t->srtp && t->srtp->dtls.on ? &t->srtp->dtls
									      : NULL;
}

static bool has_component(const struct media_term *t, uint32_t rtcp)
{
	return !rtcp || media_srtp_apart(t);
}

static struct dtls_at component_at(const struct worker *w, uint32_t slot, uint32_t component)
{
	const struct media_term *t = &w->gateway->media[slot].term[component / 2];
	const struct media_path *l = &media_lines(w, slot)[component];
	const uint16_t port = (uint16_t)(be16_get(t->local.port) + component % 2);

	return (struct dtls_at){ { l->from, l->from_port },
				 { *relay_ip(w->dp, &t->local), be16_make(port) },
				 gate_component(slot, component) };
}

static bool same_conn(struct ctl_conn a, struct ctl_conn b)
{
	return a.gen && a.gen == b.gen && a.idx == b.idx;
}

/* ---- what is told ---- */

static void assoc_tell(struct worker *w, uint32_t slot, uint32_t component)
{
	const struct media_term *t = &w->gateway->media[slot].term[component / 2];
	struct media_assoc *a = &t->srtp->dtls.assoc[component % 2];
	struct evt_term e = { .side = (uint8_t)(component / 2),
			      .what = a->what,
			      .why = a->why,
			      .attempt = t->attempt,
			      .rtcp = component % 2,
			      .remote = component_at(w, slot, component).remote };

	if (a->what == TERM_UP) {
		e.tls_version = TLS_1_2;
		e.tls_suite = a->suite;
		memcpy(e.sha256, a->sha256, sizeof(e.sha256));
	}
	a->untold = !context_tell(w, slot, &e);
	if (a->what == TERM_REFUSED)
		a->told_s = w->now;
}

static bool tell_due(const struct worker *w, const struct media_assoc *a)
{
	return a->untold && (a->what == TERM_UP || w->now - a->told_s >= DTLS_TELL_S);
}

/* In its turn, and seldom: whoever can fail handshakes must not be able to fill the control
 * process's ring. */
static void assoc_refused(struct media_assoc *a, enum tcp_end why)
{
	a->untold |= a->what != TERM_REFUSED || a->why != why;
	a->what = TERM_REFUSED;
	a->why = (uint16_t)why;
}

/* ---- associations ---- */

static void on_begin(struct worker *w, const struct dtls_conn *c, struct handshake *s)
{
	const struct media_dtls *d = dtls_of(term_at(w, dtls_at(c)->port));

	s->srtp = true;
	s->expect.peer = EXPECT_ANY; /* on_opened() judges it */
	if (!d)
		return;
	s->n_profile = d->n_profile;
	memcpy(s->profile, d->profile, sizeof(s->profile));
}

static bool cert_fits(const struct media_dtls *d, const struct handshake_result *r)
{
	struct tls_expect e = { .peer = EXPECT_FINGERPRINT, .n_fingerprint = d->n_fingerprint };

	memcpy(e.fingerprint, d->fingerprint, sizeof(d->fingerprint));
	return expect_met(&e, &r->peer);
}

static bool is_fixed(const struct worker *w, const struct dtls_at *at)
{
	const struct media *m = &w->gateway->media[gate_slot(at->port)];

	return m->component[at->port % COMPONENTS].state == COMPONENT_FIXED;
}

/* Who has shown the right certificate is the remote, or is learnt. */
static bool is_remote(struct worker *w, const struct dtls_at *at)
{
	const uint32_t slot = gate_slot(at->port), component = at->port % COMPONENTS;
	struct media_component *x = &w->gateway->media[slot].component[component];
	const struct media_path *l = &media_lines(w, slot)[component];

	if (sock_addr_eq(&(struct sock_addr){ l->from, l->from_port }, &at->remote)) {
		if (x->state == COMPONENT_FIXED)
			return true;
	} else if (x->state == COMPONENT_FIXED) {
		return false;
	}
	x->state = COMPONENT_FIXED;
	media_learn(w, slot, component, &at->remote);
	return true;
}

/* Who was given is tried in place of who was learnt. False: it was there. */
static bool given_take(struct worker *w, uint32_t port)
{
	const uint32_t slot = gate_slot(port), component = port % COMPONENTS;
	struct media_component *x = &w->gateway->media[slot].component[component];
	struct media_path *l = &media_lines(w, slot)[component];

	if (be16_get(x->given.port) == 0 ||
	    !(w->gateway->media[slot].term[component / 2].flags & TERM_LATCH) ||
	    sock_addr_eq(&(struct sock_addr){ l->from, l->from_port }, &x->given))
		return false;
	x->state = COMPONENT_OPEN;
	x->untold = false;
	l->from = x->given.ip;
	l->from_port = x->given.port;
	media_make(w, slot);
	return true;
}

static bool keys_agreed(struct worker *w, struct media_term *t, uint32_t rtcp,
			const struct handshake_srtp *r)
{
	struct srtp_master in, out;
	bool ok;

	memset(&in, 0, sizeof(in));
	memset(&out, 0, sizeof(out));
	in.suite = out.suite = (enum srtp_suite)r->suite;
	memcpy(in.key, r->in, sizeof(r->in));
	memcpy(out.key, r->out, sizeof(r->out));
	ok = media_srtp_agreed(w, t, rtcp, &in, &out);
	OPENSSL_cleanse(&in, sizeof(in));
	OPENSSL_cleanse(&out, sizeof(out));
	return ok;
}

/* By what is told now. A client's handshake may have outrun the answer that has its certificate. */
static enum dtls_verdict opened_judge(const struct media_dtls *d, const struct dtls_conn *c,
				      const struct handshake_result *r, enum tcp_end *why)
{
	*why = TCP_END_STRANGER;
	if (d->client != dtls_connects(c))
		return DTLS_REFUSED;
	*why = TCP_END_SRTP_PROFILE;
	if (r->srtp.suite == SRTP_SUITES)
		return DTLS_REFUSED;
	*why = TCP_END_TLS_FINGERPRINT;
	if (!r->peer_cert)
		return DTLS_REFUSED;
	if (!cert_fits(d, r))
		return d->client ? DTLS_REFUSED : DTLS_HELD;
	return DTLS_TAKEN;
}

static void assoc_up(struct worker *w, struct dtls_conn *c, struct media_dtls *d,
		     const struct handshake_result *r)
{
	const struct dtls_at *at = dtls_at(c);
	struct media_assoc *a = &d->assoc[at->port % 2];
	struct dtls_conn *old = dtls_find_any(w, a->conn);

	a->conn = dtls_name(c);
	if (old && old != c)
		dtls_abandon(w, old, TCP_END_DTLS_AGAIN);
	a->agreed = d->agreement;
	a->wants = false;
	a->tries = 0;
	a->what = TERM_UP;
	a->why = 0;
	a->suite = r->suite;
	memcpy(a->sha256, fp_of(&r->peer, FP_SHA256), sizeof(a->sha256));
	dtls_trust(w, c, true);
	assoc_tell(w, gate_slot(at->port), at->port % COMPONENTS);
}

static enum dtls_verdict on_opened(struct worker *w, struct dtls_conn *c, const struct handshake *s,
				   enum tcp_end *why)
{
	const struct dtls_at at = *dtls_at(c);
	struct media_term *t = term_at(w, at.port);
	struct media_dtls *d = dtls_of(t);
	enum dtls_verdict v;

	if (!d || !has_component(t, at.port % 2))
		return DTLS_REFUSED;
	v = opened_judge(d, c, &s->result, why);
	if (v != DTLS_TAKEN)
		return v;
	*why = TCP_END_STRANGER;
	if (!is_remote(w, &at))
		return DTLS_REFUSED;
	*why = TCP_END_TLS_INTERNAL;
	if (!keys_agreed(w, t, at.port % 2, &s->result.srtp))
		return DTLS_REFUSED;
	assoc_up(w, c, d, &s->result);
	return DTLS_TAKEN;
}

/* The one that a termination has, if c is. */
static struct media_assoc *assoc_of(const struct worker *w, const struct dtls_conn *c)
{
	const uint32_t port = dtls_at(c)->port;
	struct media_dtls *d = dtls_of(term_at(w, port));
	struct media_assoc *a = d ? &d->assoc[port % 2] : NULL;

	return a && same_conn(a->conn, dtls_name(c)) ? a : NULL;
}

/*
 * As a client, where nothing was told by who has finished a handshake: anybody may have ended it.
 * Who was learnt and shows another certificate may be who was there before.
 */
static void assoc_again(struct worker *w, const struct media_dtls *d, struct media_assoc *a,
			enum tcp_end why)
{
	const uint32_t gap =
	    RTE_MIN((uint32_t)DTLS_AGAIN_S << a->tries, (uint32_t)DTLS_AGAIN_MAX_S);

	if (why == TCP_END_SRTP_PROFILE)
		return;
	if (why == TCP_END_TLS_FINGERPRINT && !given_take(w, a->at.port))
		return;
	a->tries += a->tries < DTLS_TRIES;
	a->wants = d->client && a->tries < DTLS_TRIES;
	a->again_s = w->now + gap;
}

static void on_failed(struct worker *w, struct dtls_conn *c, enum tcp_end why)
{
	struct media_dtls *d = dtls_of(term_at(w, dtls_at(c)->port));
	struct media_assoc *a = assoc_of(w, c);

	if (a) {
		a->conn = (struct ctl_conn){ 0 };
		assoc_again(w, d, a, why);
	} else if (d && !d->client && !dtls_find(w, d->assoc[dtls_at(c)->port % 2].conn)) {
		a = &d->assoc[dtls_at(c)->port % 2];
	}
	if (a && why != TCP_END_DTLS_AGAIN && why != TCP_END_STRANGER)
		assoc_refused(a, why);
}

static void on_ended(struct worker *w, struct dtls_conn *c, enum tcp_end why)
{
	struct media_assoc *a = assoc_of(w, c);

	if (!a)
		return;
	a->conn = (struct ctl_conn){ 0 };
	if (why != TCP_END_DTLS_AGAIN)
		assoc_refused(a, why);
}

static void on_dropped(struct worker *w, const struct dtls_at *at)
{
	term_at(w, at->port)->dropped++;
}

/* There is nothing in it but handshakes and alerts. */
static void on_message(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m)
{
	on_dropped(w, dtls_at(c));
	pkt_drop(w, m, DROP_DTLS_BAD);
}

static uint32_t on_session(const struct dtls_conn *c)
{
	(void)c;
	return SLOT_NONE;
}

static const struct dtls_app media_dtls_app = {
	.begin = on_begin,
	.opened = on_opened,
	.failed = on_failed,
	.message = on_message,
	.dropped = on_dropped,
	.ended = on_ended,
	.session = on_session,
};

/* Whether the association goes, and whoever has it is told nothing. */
static void assoc_forget(struct worker *w, struct media_assoc *a, bool silent)
{
	struct dtls_conn *c = dtls_find_any(w, a->conn);

	a->conn = (struct ctl_conn){ 0 };
	if (c && silent)
		dtls_abandon(w, c, TCP_END_DTLS_AGAIN);
	else if (c)
		dtls_close(w, c, TCP_END_CLOSED);
}

/* As a client, where the remote is known. */
static void assoc_begin(struct worker *w, uint32_t slot, uint32_t component)
{
	const struct media_term *t = &w->gateway->media[slot].term[component / 2];
	const struct dtls_at at = component_at(w, slot, component);
	struct media_dtls *d = dtls_of(t);
	struct media_assoc *a = d ? &d->assoc[component % 2] : NULL;
	struct dtls_conn *c;

	if (!a || !a->wants || !d->n_fingerprint || a->again_s > w->now ||
	    !has_component(t, component % 2) || be16_get(at.remote.port) == 0)
		return;
	assoc_forget(w, a, true);
	c = dtls_find_at(w, &at);
	if (c)
		dtls_abandon(w, c, TCP_END_DTLS_AGAIN);
	c = dtls_connect(w, &at, &media_dtls_app);
	a->wants = !c;
	a->again_s = w->now + DTLS_AGAIN_S;
	if (c)
		a->conn = dtls_name(c);
}

/* ---- datagrams ---- */

/* Whether a handshake may be with who sent this: with the remote, or who may be learnt. */
static enum drop source_judge(const struct worker *w, const struct media_in *in)
{
	const struct media_component *x = &w->gateway->media[in->slot].component[in->component];
	const struct sock_addr from = { in->p->src, in->p->sport },
			       now = { in->line->from, in->line->from_port };

	if (sock_addr_eq(&from, &now))
		return DROP_NONE;
	if (x->state == COMPONENT_FIXED)
		return DROP_GATE_SOURCE;
	if (in->term->flags & TERM_LATCH_ADDR && !ip_eq(&from.ip, &x->given.ip))
		return DROP_GATE_SOURCE;
	if (in->component % 2 && !ip_eq(&from.ip, &in->line[-1].from) &&
	    !sock_addr_eq(&from, &x->given))
		return DROP_GATE_SOURCE;
	return gate_denied(w, &from.ip) ? DROP_GATE_DENIED : DROP_NONE;
}

static bool begins_with_hello(const struct pkt *p)
{
	struct rd r = rd_init(pkt_payload(p), pkt_payload_len(p));
	struct dtls_record rec;

	return p->m->nb_segs == 1 && dtls_record_read(&r, &rec) && hello_is(&rec);
}

static enum drop take_judge(struct worker *w, const struct media_in *in)
{
	const struct media_dtls *d = dtls_of(in->term);

	/* Nobody said yet whose certificate it has to be. */
	if (!d || !d->n_fingerprint)
		return DROP_DTLS_NONE;
	if (d->client && begins_with_hello(in->p))
		return DROP_DTLS_ROLE;
	return source_judge(w, in);
}

void media_dtls_take(struct worker *w, const struct media_in *in)
{
	struct dtls_at at = component_at(w, in->slot, in->component);
	const enum drop why = take_judge(w, in);

	if (why != DROP_NONE) {
		media_drop(w, in, why);
		return;
	}
	media_dtls_wake(in->term, in->component % 2);
	at.remote = (struct sock_addr){ in->p->src, in->p->sport };
	dtls_input(w, in->p, &at, &media_dtls_app);
}

/* ---- commands, and time ---- */

static bool has_changed(const struct media_dtls *d, const struct ctl_term *t)
{
	return !d->on || d->client != ((t->flags & TERM_TLS_CLIENT) != 0) || d->id != t->dtls_id ||
	       d->n_fingerprint != t->n_fingerprint ||
	       memcmp(d->fingerprint, t->fingerprint,
		      t->n_fingerprint * sizeof(d->fingerprint[0])) != 0;
}

/*
 * Another association is meant. The one that there is, and its keys, serve until it is up. A server
 * judges by what is told when a handshake is over: it may have outrun the answer.
 */
static void dtls_change(struct worker *w, struct media_dtls *d, const struct ctl_term *t)
{
	const bool role = d->client != ((t->flags & TERM_TLS_CLIENT) != 0);

	d->on = true;
	d->agreement++;
	d->client = t->flags & TERM_TLS_CLIENT;
	d->id = t->dtls_id;
	d->n_fingerprint = t->n_fingerprint;
	memcpy(d->fingerprint, t->fingerprint, sizeof(d->fingerprint));
	for (uint32_t i = 0; i < 2; i++) {
		struct media_assoc *a = &d->assoc[i];

		if (!dtls_find(w, a->conn))
			assoc_forget(w, a, true);
		if (role)
			dtls_abandon_busy(w, &a->at);
	}
}

/* A command asks for it as if nothing had been tried. */
static void assoc_want(struct worker *w, const struct media_dtls *d, struct media_assoc *a)
{
	const bool under_way = a->conn.gen && !dtls_find(w, a->conn);

	a->wants = d->client && a->agreed != d->agreement && !under_way;
	a->tries = 0;
	a->again_s = 0;
}

/* Who was not learnt for good may be who was there before. */
static void components_forget(struct worker *w, uint32_t slot, uint32_t side)
{
	struct media_component *x = &w->gateway->media[slot].component[2 * side];

	for (uint32_t i = 0; i < 2; i++)
		if (x[i].state == COMPONENT_LEARNING)
			x[i].state = COMPONENT_OPEN;
}

void media_dtls_set(struct worker *w, uint32_t slot, uint32_t side, const struct ctl_term *t)
{
	struct media_term *m = &w->gateway->media[slot].term[side];
	struct media_dtls *d;
	bool changed;

	if (!(t->flags & TERM_DTLS) || t->flags & TERM_BUNDLED || !w->dtls ||
	    !media_srtp_room(w, m))
		return;
	d = &m->srtp->dtls;
	d->n_profile = t->n_profile;
	memcpy(d->profile, t->profile, sizeof(d->profile));
	changed = has_changed(d, t);
	if (changed) {
		dtls_change(w, d, t);
		components_forget(w, slot, side);
	}
	if (!has_component(m, 1)) {
		assoc_forget(w, &d->assoc[1], false);
		d->assoc[1].agreed = 0;
	}
	for (uint32_t i = 0; i < 2; i++) {
		assoc_want(w, d, &d->assoc[i]);
		media_dtls_remote(w, slot, 2 * side + i);
		if (changed)
			dtls_judge(w, &d->assoc[i].at);
	}
}

void media_dtls_end(struct worker *w, struct media_term *t)
{
	struct media_dtls *d = dtls_of(t);

	for (uint32_t i = 0; d && i < 2; i++) {
		assoc_forget(w, &d->assoc[i], false);
		dtls_abandon_busy(w, &d->assoc[i].at);
	}
	if (d)
		d->on = false;
}

/*
 * Keys of an earlier agreement are of use to nobody elsewhere: who is there now was not who agreed.
 * Keys of this one and handshakes go along (RFC 8842 6: an association outlives its path).
 */
static void assoc_follow(struct worker *w, struct media_term *t, uint32_t rtcp,
			 const struct dtls_at *to)
{
	struct media_dtls *d = &t->srtp->dtls;
	struct media_assoc *a = &d->assoc[rtcp];
	const struct dtls_at from = a->at;
	const bool elsewhere = !sock_addr_eq(&from.remote, &to->remote);
	struct dtls_conn *c = dtls_find_any(w, a->conn);

	a->at = *to;
	if (elsewhere && a->agreed && a->agreed != d->agreement) {
		if (dtls_find(w, a->conn))
			assoc_forget(w, a, false);
		media_srtp_disagreed(w, t, rtcp);
		a->agreed = 0;
		c = dtls_find_any(w, a->conn);
	}
	if (c && !dtls_move(w, c, to)) {
		a->conn = (struct ctl_conn){ 0 };
		a->wants = d->client && a->agreed != d->agreement;
	}
	c = is_fixed(w, to) ? dtls_find_at(w, &from) : NULL;
	if (c)
		dtls_move(w, c, to);
	if (from.port != to->port || !sock_addr_eq(&from.local, &to->local))
		dtls_abandon_busy(w, &from);
}

void media_dtls_remote(struct worker *w, uint32_t slot, uint32_t component)
{
	struct media_term *t = &w->gateway->media[slot].term[component / 2];
	struct dtls_at to = component_at(w, slot, component);
	struct media_dtls *d = dtls_of(t);
	struct media_assoc *a = d ? &d->assoc[component % 2] : NULL;

	if (!a)
		return;
	if (be16_get(to.remote.port) == 0)
		to.remote = a->at.remote;
	if (memcmp(&a->at, &to, sizeof(to)) != 0)
		assoc_follow(w, t, component % 2, &to);
	assoc_begin(w, slot, component);
}

void media_dtls_wake(const struct media_term *t, uint32_t rtcp)
{
	struct media_dtls *d = dtls_of(t);
	struct media_assoc *a = d ? &d->assoc[rtcp] : NULL;

	if (!a || a->tries < DTLS_TRIES || a->agreed == d->agreement)
		return;
	a->tries--;
	a->wants = d->client;
}

bool media_dtls_current(const struct media_term *t, uint32_t rtcp)
{
	const struct media_dtls *d = dtls_of(t);

	return !d || d->assoc[rtcp && has_component(t, 1)].agreed == d->agreement;
}

void media_dtls_moved(struct worker *w, uint32_t slot, uint32_t side)
{
	media_dtls_remote(w, slot, 2 * side);
	media_dtls_remote(w, slot, 2 * side + 1);
}

void media_dtls_tick(struct worker *w, uint32_t slot, uint32_t side)
{
	const struct media_term *t = &w->gateway->media[slot].term[side];
	struct media_dtls *d = dtls_of(t);

	for (uint32_t i = 0; d && i < 2; i++) {
		if (tell_due(w, &d->assoc[i]))
			assoc_tell(w, slot, 2 * side + i);
		media_dtls_remote(w, slot, 2 * side + i);
	}
}

void media_dtls_term(const struct media_term *m, struct ctl_term *t)
{
	const struct media_dtls *d = dtls_of(m);

	if (!d)
		return;
	t->dtls_id = d->id;
	t->n_profile = d->n_profile;
	memcpy(t->profile, d->profile, sizeof(t->profile));
	t->n_fingerprint = d->n_fingerprint;
	memcpy(t->fingerprint, d->fingerprint, sizeof(t->fingerprint));
}
