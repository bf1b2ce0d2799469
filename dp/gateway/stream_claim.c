/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose connection a side has. A client has the one that it opened. A server listens, and who
 * connects is a candidate: with TLS from its first record on, with TCP once it is open. The side is
 * claimed by the candidate that is the remote: by its certificate (RFC 8122 5, 6.2; R50), without
 * TLS by its address (R28). What is not the remote is refused, and the side listens on; so whoever
 * finds the port first keeps nobody out. While it is not known yet who the remote is, the first
 * candidate holds the side and others wait beside it, CANDIDATES at most.
 */
#include "stream.h"
#include "../snapshot.h"
#include "../tcp/linger.h"

enum verdict {
	CONN_FITS,
	CONN_UNFIT,
	CONN_UNKNOWN, /* there is nothing to judge by yet */
};

/* ---- judgement ---- */

static void term_expect(const struct ctl_term *t, struct tls_expect *e)
{
	_Static_assert(sizeof(e->fingerprint) == sizeof(t->fingerprint), "as many");
	_Static_assert(sizeof(e->name) >= sizeof(t->host), "as long");

	e->peer = t->n_fingerprint ? EXPECT_FINGERPRINT : EXPECT_ANY;
	e->n_fingerprint = t->n_fingerprint;
	memcpy(e->fingerprint, t->fingerprint, sizeof(e->fingerprint));
	memcpy(e->name, t->host, sizeof(t->host));
}

/* Whether any source may be the remote. */
static bool term_is_open(const struct ctl_term *t)
{
	return (t->flags & (TERM_LATCH | TERM_LATCH_ADDR)) == TERM_LATCH;
}

bool term_remote_may(const struct ctl_term *t, const struct ip_addr *ip)
{
	return term_is_open(t) || ((t->flags & TERM_LATCH_ADDR || be16_get(t->remote[0].port)) &&
				   ip_eq(&t->remote[0].ip, ip));
}

static bool conn_may(const struct worker *w, const struct ctl_term *t, struct tcp_conn *c)
{
	struct sock_addr local, remote;

	tcp_addrs(w, c, &local, &remote);
	return term_remote_may(t, &remote.ip);
}

/* Of a connection whose handshake is over, by what is known now. */
static enum verdict conn_judge(const struct worker *w, const struct ctl_term *t, struct tcp_conn *c)
{
	const struct tls_info *tls = tls_info(c);
	struct tls_expect e = { 0 };

	if (t->transport == TERM_TLS) {
		term_expect(t, &e);
		if (e.peer != EXPECT_FINGERPRINT)
			return CONN_UNKNOWN;
		return expect_met(&e, tls && tls->peer_cert ? &tls->peer : NULL) ? CONN_FITS
										 : CONN_UNFIT;
	}
	if (t->flags & TERM_CONNECT)
		return CONN_FITS;
	if (term_is_open(t))
		return CONN_UNKNOWN;
	return conn_may(w, t, c) ? CONN_FITS : CONN_UNFIT;
}

/* Why one that does not fit is refused. */
static enum tcp_end term_unfit(const struct ctl_term *t)
{
	return t->transport == TERM_TLS ? TCP_END_TLS_FINGERPRINT : TCP_END_STRANGER;
}

/* Whether there is no more to come before it is judged. */
static bool conn_ready(const struct tcp_conn *c)
{
	return !tcp_layer_closing(c) && (!tcp_layer_ops(c) || tls_info(c));
}

bool side_listens(const struct side *d)
{
	return d->state == SIDE_LISTENING || d->held;
}

/* ---- candidates ---- */

static bool cand_has(const struct side *d, const struct tcp_conn *c)
{
	uint32_t k = 0;

	while (k < d->n_cand && d->cand[k] != c)
		k++;
	return k < d->n_cand;
}

static void cand_del(struct side *d, const struct tcp_conn *c)
{
	uint32_t k = 0, n = 0;

	for (; k < d->n_cand; k++)
		if (d->cand[k] != c)
			d->cand[n++] = d->cand[k];
	d->n_cand = (uint8_t)n;
}

static void cand_end(struct worker *w, struct side *d, struct tcp_conn *c, enum tcp_end why)
{
	cand_del(d, c);
	linger_own(c, why);
	tcp_abort(w, c, why);
}

void side_cands_end(struct worker *w, struct side *d, enum tcp_end why)
{
	while (d->n_cand)
		cand_end(w, d, d->cand[0], why);
}

/* How many of each source there are, by the candidate; 0: of the announced host. */
static void cand_count(const struct worker *w, const struct side *d, struct tcp_conn *const *of,
		       uint32_t *n, uint32_t all)
{
	uint64_t source[CANDIDATES + 1];
	struct sock_addr local, remote;
	uint32_t k, j;

	for (k = 0; k < all; k++) {
		tcp_addrs(w, of[k], &local, &remote);
		source[k] = ip_source(&remote.ip);
		n[k] = !ip_eq(&remote.ip, &d->term.remote[0].ip);
	}
	for (k = 0; k < all; k++)
		for (j = 0; j < all && n[k]; j++)
			n[k] += j != k && source[j] == source[k];
}

/*
 * Who makes room for c: of the source that has the most, the announced host's only if there are no
 * others. The oldest that still has its handshake under way goes first, then the one that is done
 * and came last: who waits to be judged is not driven out from many addresses. NULL: c itself, if
 * all others are done and no source has two.
 */
static struct tcp_conn *cand_victim(const struct worker *w, const struct side *d,
				    struct tcp_conn *c)
{
	struct tcp_conn *of[CANDIDATES + 1], *last = NULL;
	uint32_t n[CANDIDATES + 1], most = 0, k;

	memcpy(of, d->cand, sizeof(d->cand));
	of[CANDIDATES] = c;
	cand_count(w, d, of, n, RTE_DIM(of));
	for (k = 0; k < CANDIDATES; k++)
		most = RTE_MAX(most, n[k]);
	for (k = 0; k < CANDIDATES; k++) {
		if (n[k] != most)
			continue;
		if (!conn_ready(of[k]))
			return of[k];
		last = of[k];
	}
	return most > 1 || n[CANDIDATES] == 0 ? last : NULL;
}

/* False: the side waits for nobody, or not for one like this, or for enough. */
static bool cand_add(struct worker *w, struct side *d, struct tcp_conn *c)
{
	if (cand_has(d, c))
		return true;
	if (!side_listens(d) || side_layer(&d->term) != tcp_layer_ops(c) ||
	    !conn_may(w, &d->term, c))
		return false;
	if (d->n_cand == CANDIDATES) {
		struct tcp_conn *victim = cand_victim(w, d, c);

		if (!victim)
			return false;
		cand_end(w, d, victim, TCP_END_EXISTS);
	}
	d->cand[d->n_cand++] = c;
	tcp_dscp(c, term_dscp(&d->term)); /* it may be another than at its SYN */
	return true;
}

/* ---- claims ---- */

void side_note(const struct worker *w, struct side *d, struct tcp_conn *c, enum tcp_end why)
{
	const struct tls_info *tls = tls_info(c);
	struct sock_addr local;

	d->due |= 1u << TERM_REFUSED;
	d->refused = (struct side_refused){ .why = (uint16_t)why };
	tcp_addrs(w, c, &local, &d->refused.remote);
	if (tls && tls->peer_cert)
		memcpy(d->refused.sha256, fp_of(&tls->peer, FP_SHA256), sizeof(d->refused.sha256));
}

void conn_refuse(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	linger_own(c, why);
	if (tls_info(c))
		tls_refuse(w, c, why);
	else
		tcp_abort(w, c, why);
}

static void side_take(struct worker *w, struct stream *s, uint32_t i, struct tcp_conn *c)
{
	const struct tls_info *tls = tls_info(c);
	struct side *d = &s->side[i];
	struct sock_addr local;

	cand_del(d, c);
	d->c = c;
	tcp_trust(w, c, true);
	tcp_charge(w, c, stream_account(w, s));
	tcp_dscp(c, term_dscp(&d->term));
	tcp_addrs(w, c, &local, &d->remote);
	if (!tls)
		return;
	d->tls_version = tls->version;
	d->tls_suite = tls->suite;
	memcpy(d->sha256, fp_of(&tls->peer, FP_SHA256), sizeof(d->sha256));
}

/* A fingerprint is waited for (R51). */
static void side_wait(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];

	d->state = SIDE_UNJUDGED;
	tcp_recv_pause(w, d->c, true);
	tcp_app_timer(w, d->c, snapshot_conf(w->dp)->gateway.fingerprint_ms);
	side_event(w, s, i, TERM_UNJUDGED);
}

/* The handshake of a candidate is over. */
static void cand_judge(struct worker *w, struct stream *s, uint32_t i, struct tcp_conn *c)
{
	struct side *d = &s->side[i];
	const enum verdict v = conn_judge(w, &d->term, c);

	if (v == CONN_UNFIT) {
		cand_del(d, c);
		side_note(w, d, c, term_unfit(&d->term));
		conn_refuse(w, c, term_unfit(&d->term));
	} else if (d->c) {
		tcp_recv_pause(w, c, true);
		if (d->term.transport == TERM_TLS)
			tcp_app_timer(w, c, snapshot_conf(w->dp)->gateway.fingerprint_ms);
	} else {
		side_take(w, s, i, c);
		d->held = v == CONN_UNKNOWN;
		if (d->held && d->term.transport == TERM_TLS)
			side_wait(w, s, i);
		else
			side_up(w, s, i);
	}
}

void side_vacate(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];
	uint32_t k = 0;

	d->c = NULL;
	d->held = false;
	d->state = SIDE_LISTENING;
	d->tls_version = d->tls_suite = 0;
	d->remote = (struct sock_addr){ 0 };
	memset(d->sha256, 0, sizeof(d->sha256));
	d->due &= (uint8_t) ~(1u << TERM_UNJUDGED | 1u << TERM_UP);
	while (k < d->n_cand && d->state == SIDE_LISTENING)
		if (conn_ready(d->cand[k]))
			cand_judge(w, s, i, d->cand[k]);
		else
			k++;
}

void side_unfit(struct worker *w, struct stream *s, uint32_t i, enum tcp_end why)
{
	struct side *d = &s->side[i];
	struct tcp_conn *c = d->c;

	if (!d->held) {
		d->c = NULL;
		conn_refuse(w, c, why);
		side_over(w, s, i, why);
		return;
	}
	side_note(w, d, c, why);
	conn_refuse(w, c, why);
	side_vacate(w, s, i);
}

void side_judge(struct worker *w, struct stream *s, uint32_t i)
{
	struct side *d = &s->side[i];
	enum verdict v;

	/* Where it has no certificate, who is up stays if its address changes. */
	if (d->state == SIDE_UP && d->term.transport != TERM_TLS && !d->held)
		return;
	v = conn_judge(w, &d->term, d->c);
	if (v == CONN_UNFIT) {
		side_unfit(w, s, i, term_unfit(&d->term));
	} else if (v == CONN_FITS) {
		d->held = false;
		if (d->state == SIDE_UP)
			side_cands_end(w, d, TCP_END_EXISTS);
		else
			side_up(w, s, i);
	} else if (d->state == SIDE_OPENING) {
		side_wait(w, s, i);
	}
}

/* ---- calls of the connection ---- */

void stream_expect(struct worker *w, struct tcp_conn *c, struct tls_expect *e)
{
	uint32_t i;
	struct stream *s = stream_wanted(w, c, &i);

	if (s && (s->side[i].c == c || cand_add(w, &s->side[i], c)))
		term_expect(&s->side[i].term, e);
	else
		tcp_abort(w, c, TCP_END_EXISTS);
}

void stream_established(struct worker *w, struct tcp_conn *c)
{
	uint32_t i;
	struct stream *s = stream_wanted(w, c, &i);
	struct side *d = s ? &s->side[i] : NULL;

	if (d && d->c == c && d->state == SIDE_OPENING) {
		side_take(w, s, i, c);
		side_judge(w, s, i);
	} else if (d && d->c != c && cand_add(w, d, c)) {
		cand_judge(w, s, i, c);
	} else if (!d || d->c != c) {
		tcp_abort(w, c, TCP_END_EXISTS);
	}
}

void cand_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	uint32_t i;
	struct stream *s = stream_wanted(w, c, &i);

	if (!s || !cand_has(&s->side[i], c))
		return;
	side_note(w, &s->side[i], c, why);
	cand_del(&s->side[i], c);
}

void cand_timeout(struct worker *w, struct tcp_conn *c)
{
	uint32_t i;
	struct stream *s = stream_wanted(w, c, &i);
	struct side *d = s ? &s->side[i] : NULL;

	if (!d || !cand_has(d, c))
		return;
	side_note(w, d, c, TCP_END_NO_FINGERPRINT);
	cand_del(d, c);
	conn_refuse(w, c, TCP_END_NO_FINGERPRINT);
}

void side_cands_look(struct worker *w, struct side *d)
{
	uint32_t k = 0;

	while (k < d->n_cand) {
		struct tcp_conn *c = d->cand[k];

		if (!tcp_layer_closing(c)) {
			k++;
			continue;
		}
		side_note(w, d, c, tcp_why(c));
		cand_del(d, c);
		linger_own(c, tcp_why(c));
	}
}
