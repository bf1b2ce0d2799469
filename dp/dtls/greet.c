/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes, from a ClientHello to the keys. Who waits for one, and who gives way, is as with TLS
 * (waiting.h). What is lost comes again by the other side's timer or by ours.
 */
#include "dtls_int.h"
#include "../snapshot.h"
#include "../stage.h"
#include "../../lib/probe.h"

#include <openssl/crypto.h>

/* ---- handshakes, of which there are a few ---- */

static bool handshake_over(const struct handshake *s)
{
	return s->state == HANDSHAKE_DONE || s->state == HANDSHAKE_FAILED ||
	       s->state == HANDSHAKE_ABORTED;
}

static void greet_begin(struct worker *w, struct dtls_conn *c, struct handshake *s)
{
	PROBE2(handshake_begin, w->id, c->idx | CTL_CONN_DTLS);
	w->dtls->handshakes++;
	c->handshake = s;
	c->heard_ms = (uint32_t)w->now_ms;
	c->join.len = 0;
	s->conn = dtls_name(c);
	s->domain = c->domain;
	s->client = c->client;
	if (c->app->begin)
		c->app->begin(w, c, s);
	s->mtu = DTLS_MTU;
	s->resend_ms = w->dtls->resend_ms;
	dtls_set_state(w, c, DTLS_HELLO);
}

/* Its secrets have been taken, or there are none; whoever's turn it is has it. */
static void handshake_end(struct worker *w, struct handshake *s)
{
	struct dtls_worker *d = w->dtls;
	struct dtls_conn *c;

	OPENSSL_cleanse(&s->result, sizeof(s->result));
	handshake_put(w, s);
	d->handshakes--;
	c = dtls_of_wait(waiting_next(&d->waiting));
	s = c ? handshake_get_dtls(w) : NULL;
	if (!s)
		return;
	greet_begin(w, c, s);
	greet_go(w, c);
}

/* Nobody waits for it any more: what OpenSSL has is given back where it came from. */
static void handshake_abort(struct worker *w, struct handshake *s)
{
	s->op = HANDSHAKE_ABORT;
	s->in_len = 0;
	handshake_send(w, s);
}

void greet_leave(struct worker *w, struct dtls_conn *c)
{
	struct handshake *s = c->handshake;

	c->handshake = NULL;
	if (!s)
		return;
	if (!c->started || c->held) {
		handshake_end(w, s);
		return;
	}
	w->dtls->leaving++;
	if (!c->away)
		handshake_abort(w, s);
}

static void greet_send(struct worker *w, struct dtls_conn *c, enum handshake_op op, uint32_t n)
{
	struct handshake *s = c->handshake;

	s->op = (uint16_t)op;
	s->in_len = n;
	c->started = true;
	c->away = true;
	c->resend = false;
	dtls_set_state(w, c, DTLS_AWAY);
	handshake_send(w, s);
}

void greet_resend(struct worker *w, struct dtls_conn *c)
{
	greet_send(w, c, HANDSHAKE_TIMER, 0);
}

void greet_patience(struct worker *w)
{
	const struct dtls_worker *d = w->dtls;
	struct dtls_conn *c;

	while (d->waiting.n > d->leaving && (c = dtls_of_wait(d->silent.head)) &&
	       clock_since_ms(w, c->wait.since_ms) >= DTLS_PATIENCE_MS)
		greet_late(w, c);
}

/* ---- ClientHellos ---- */

/* The datagram becomes the question for a cookie. */
static void verify_send(struct worker *w, struct rte_mbuf *m, const struct hello *h,
			const struct dtls_at *at)
{
	uint8_t cookie[DTLS_COOKIE], answer[DTLS_VERIFY];

	hello_cookie(&w->dtls->cookie_key, w->now, &at->remote, at->port, h->random, cookie);
	hello_verify(h, cookie, answer);
	rte_pktmbuf_reset(m);
	memcpy(rte_pktmbuf_append(m, DTLS_VERIFY), answer, DTLS_VERIFY);
	count(w, CNT_DTLS_COOKIES);
	assoc_send(w, m, at);
}

/* Among those that wait; false: it is one too many, and has gone. */
static bool greet_wait(struct worker *w, struct dtls_conn *c)
{
	struct dtls_worker *d = w->dtls;
	const uint32_t wanted = snapshot_conf(w->dp)->tls.waiting;
	const uint32_t max = RTE_MIN(wanted, d->n / 4);
	struct dtls_conn *last;

	if (d->waiting.n >= max) {
		last = dtls_of_wait(waiting_excess(&d->waiting, c->wait.row));
		if (!last)
			return false;
		assoc_end(w, last, TCP_END_TLS_BUSY);
	}
	dtls_set_state(w, c, DTLS_WAITING);
	return true;
}

/* It has a handshake, or waits for one; false: it has gone. */
static bool greet_enter(struct worker *w, struct dtls_conn *c)
{
	struct handshake *s = w->dtls->waiting.n ? NULL : handshake_get_dtls(w);

	if (s) {
		greet_begin(w, c, s);
		return true;
	}
	if (greet_wait(w, c))
		return true;
	dtls_set_state(w, c, DTLS_SILENT); /* so that it has an end */
	assoc_end(w, c, TCP_END_TLS_BUSY);
	return false;
}

/* Who sent a cookie back. Takes m. */
static void greet_new(struct worker *w, const struct dtls_at *at, struct rte_mbuf *m,
		      const struct hello *h, const struct dtls_app *app)
{
	struct dtls_conn *c = assoc_make(w, at, app);

	if (c)
		hello_begin(&c->join, h);
	if (!c || !greet_enter(w, c)) {
		assoc_drop(w, app, at, m, DROP_DTLS_BUSY);
		return;
	}
	assoc_keep(w, c, m);
	greet_go(w, c);
}

/* Whom we connect to others name: they get half of the handshakes that there are. */
static bool may_connect(const struct worker *w)
{
	return w->dtls->clients < RTE_MAX(w->dp->conf->tls.dtls_handshakes / 2, 1U);
}

struct dtls_conn *dtls_connect(struct worker *w, const struct dtls_at *at,
			       const struct dtls_app *app)
{
	struct dtls_conn *c = may_connect(w) ? assoc_make(w, at, app) : NULL;

	if (!c)
		return NULL;
	c->client = true;
	if (!greet_enter(w, c))
		return NULL;
	greet_go(w, c);
	return c;
}

/* Whether a first piece is of the ClientHello that c came by: it was sent twice. */
static bool is_same(const struct dtls_conn *c, const struct hello *h)
{
	return memcmp(c->join.random, h->random, DTLS_RANDOM) == 0;
}

static bool is_greeting(const struct dtls_conn *c)
{
	return c && (c->state == DTLS_WAITING || c->state == DTLS_HELLO);
}

void greet_hello(struct worker *w, struct rte_mbuf *m, const struct dtls_at *at,
		 const struct dtls_record *rec, struct dtls_conn *c, const struct dtls_app *app)
{
	struct hello h;

	if (!hello_read(rec, &h)) {
		assoc_drop(w, app, at, m, DROP_DTLS_HELLO);
		return;
	}
	if (c && c->client && c->state != DTLS_OPEN) {
		assoc_drop(w, app, at, m, DROP_DTLS_ROLE);
		return;
	}
	if (h.at || (c && is_same(c, &h))) {
		if (!is_greeting(c)) {
			assoc_drop(w, app, at, m, h.at ? DROP_DTLS_HELLO : DROP_DTLS_EPOCH);
			return;
		}
		assoc_keep(w, c, m);
		greet_go(w, c);
		return;
	}
	if (!hello_cookie_ok(&w->dtls->cookie_key, w->now, &at->remote, at->port, &h)) {
		if (rate_allow(w->binding_rate, &at->remote.ip, w->now_ms))
			verify_send(w, m, &h, at);
		else
			assoc_drop(w, app, at, m, DROP_DTLS_RATE);
		return;
	}
	/* RFC 6347 4.2.8: it is where it says, and begins anew. */
	if (c)
		assoc_end(w, c, TCP_END_DTLS_AGAIN);
	greet_new(w, at, m, &h, app);
}

/* Pieces of the ClientHello that a datagram has. Takes m. */
static void hello_collect(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m)
{
	struct rd r = rd_init(rte_pktmbuf_mtod(m, const void *), m->data_len);
	struct dtls_record rec;
	struct hello h;
	int32_t len = 0;

	while (len == 0 && dtls_record_read(&r, &rec)) {
		if (!hello_is(&rec) || !hello_read(&rec, &h))
			break;
		if (c->join.len == 0 && h.at)
			break;
		if (c->join.len == 0)
			hello_begin(&c->join, &h);
		len = hello_add(&c->join, &h, c->handshake->in);
	}
	if (len < 0) {
		assoc_drop(w, c->app, &c->at, m, DROP_DTLS_HELLO);
		return;
	}
	pkt_consume(w, m);
	if (len > 0)
		greet_send(w, c, HANDSHAKE_FEED, (uint32_t)len);
}

void greet_go(struct worker *w, struct dtls_conn *c)
{
	if (c->client && c->state == DTLS_HELLO)
		greet_send(w, c, HANDSHAKE_FEED, 0);
	while (c->n_kept && (c->state == DTLS_HELLO || (c->state == DTLS_SILENT && !c->held))) {
		struct rte_mbuf *m = assoc_take(w, c);

		if (c->state == DTLS_HELLO) {
			hello_collect(w, c, m);
			continue;
		}
		memcpy(c->handshake->in, rte_pktmbuf_mtod(m, const void *), m->data_len);
		greet_send(w, c, HANDSHAKE_FEED, m->data_len);
		pkt_consume(w, m);
	}
	while (c->n_kept && c->state == DTLS_OPEN)
		open_datagram(w, c, assoc_take(w, c));
}

/* ---- what crypto threads say ---- */

/* Datagrams, a length before each. */
static void flight_send(struct worker *w, const struct dtls_conn *c, const uint8_t *flight,
			uint32_t len)
{
	struct rd r = rd_init(flight, len);

	while (rd_left(&r)) {
		const uint16_t n = rd_u16(&r);
		const uint8_t *p = rd_take(&r, n);
		struct rte_mbuf *m = p ? pkt_make(w) : NULL;
		char *to = m ? rte_pktmbuf_append(m, n) : NULL;

		if (!to) { /* as if it had been lost on the way */
			rte_pktmbuf_free(m);
			if (m)
				count(w, CNT_CONSUMED);
			continue;
		}
		memcpy(to, p, n);
		assoc_send(w, m, &c->at);
	}
}

/*
 * Our last flight, also for who has not got it: OpenSSL is gone by then. Where its timer was over
 * it sent the flight before once more, in front. Who has finished has had that: it would only take
 * the places in which the last flight is kept on the other side (DTLS_KEPT).
 */
static void last_keep(struct dtls_conn *c, const struct handshake *s)
{
	uint32_t at = 0;

	while (s->out_len - at > DTLS_LAST)
		at += 2 + be16_read(s->out + at);
	c->last_len = (uint16_t)(s->out_len - at);
	memcpy(c->last, s->out + at, c->last_len);
}

/* The keys become ours. False: what we did not offer. */
static bool keys_take(struct worker *w, struct dtls_conn *c, const struct handshake_result *r)
{
	const struct tls_suite *suite = tls_suite(r->suite);
	const uint64_t epoch = UINT64_C(1) << 48;

	c->suite = r->suite;
	return suite && r->version == TLS_1_2 &&
	       tls_keys_12(w->dtls->aead, &c->rd, suite, r->in_secret, r->in_iv, epoch, 0) &&
	       tls_keys_12(w->dtls->aead, &c->wr, suite, r->out_secret, r->out_iv,
			   epoch | r->out_seq, r->out_explicit);
}

static uint8_t alert_of(enum tcp_end why)
{
	if (why == TCP_END_TLS_FINGERPRINT)
		return ALERT_BAD_CERTIFICATE;
	return why == TCP_END_TLS_INTERNAL ? ALERT_INTERNAL_ERROR : ALERT_HANDSHAKE_FAILURE;
}

/* In clear, as a server whose Finished has not gone: by a number behind those of OpenSSL's. */
static void clear_alert(struct worker *w, const struct dtls_conn *c, uint8_t alert)
{
	const uint8_t record[DTLS_HDR + ALERT_LEN] = {
		TLS_ALERT,   DTLS_1_2 >> 8,    DTLS_1_2 & 0xff,	   [9] = 0xff,
		[10] = 0xff, [12] = ALERT_LEN, [13] = ALERT_FATAL, [14] = alert
	};
	struct rte_mbuf *m = pkt_make(w);

	if (!m)
		return;
	memcpy(rte_pktmbuf_append(m, sizeof(record)), record, sizeof(record));
	assoc_send(w, m, &c->at);
}

/* A handshake that is over goes no further. */
static void greet_refuse(struct worker *w, struct dtls_conn *c, enum tcp_end why)
{
	if (c->client)
		open_alert(w, c, ALERT_FATAL, alert_of(why));
	else
		clear_alert(w, c, alert_of(why));
	assoc_end(w, c, why);
}

void greet_late(struct worker *w, struct dtls_conn *c)
{
	if (c->held)
		greet_refuse(w, c, (enum tcp_end)c->why);
	else
		assoc_end(w, c, TCP_END_TLS_TIMEOUT);
}

static void greet_take(struct worker *w, struct dtls_conn *c, const struct handshake *s)
{
	last_keep(c, s);
	flight_send(w, c, c->last, c->last_len);
	PROBE4(handshake_end, w->id, c->idx | CTL_CONN_DTLS, s->result.version, s->result.suite);
	count(w, CNT_DTLS_DONE);
	handshake_time(w, CTL_HANDSHAKE_DTLS, c->since_us);
	c->heard_ms = (uint32_t)w->now_ms;
	dtls_set_state(w, c, DTLS_OPEN);
}

/* A server's Finished says that the handshake is good: it does not go before the owner says so. */
static void greet_judge(struct worker *w, struct dtls_conn *c)
{
	struct handshake *s = c->handshake;
	enum tcp_end why = TCP_END_STRANGER;
	const enum dtls_verdict v = c->app->opened ? c->app->opened(w, c, s, &why) : DTLS_TAKEN;

	c->held = v == DTLS_HELD;
	c->why = (uint16_t)why;
	if (c->held)
		return;
	c->handshake = NULL;
	if (v == DTLS_TAKEN)
		greet_take(w, c, s);
	else
		greet_refuse(w, c, why);
	handshake_end(w, s);
	greet_go(w, c);
}

void dtls_judge(struct worker *w, const struct dtls_at *at)
{
	struct dtls_conn *c, *next;

	for (c = w->dtls ? dtls_of_busy(w->dtls->busy.head) : NULL; c; c = next) {
		next = dtls_of_busy(c->busy.next);
		if (!c->held || c->at.port != at->port || !sock_addr_eq(&c->at.local, &at->local))
			continue;
		greet_judge(w, c);
		if (!c->held) /* the list may be another now */
			return;
	}
}

static void greet_done(struct worker *w, struct dtls_conn *c, struct handshake *s)
{
	if (keys_take(w, c, &s->result)) {
		greet_judge(w, c);
		return;
	}
	c->handshake = NULL;
	assoc_end(w, c, TCP_END_TLS_INTERNAL);
	handshake_end(w, s);
}

static void greet_failed(struct worker *w, struct dtls_conn *c, struct handshake *s)
{
	PROBE2(handshake_fail, w->id, c->idx | CTL_CONN_DTLS);
	flight_send(w, c, s->out, s->out_len);
	c->handshake = NULL;
	assoc_end(w, c, (enum tcp_end)s->why);
	handshake_end(w, s);
}

void dtls_back(struct worker *w, struct handshake *s)
{
	const uint32_t idx = s->conn.idx & ~CTL_CONN_DTLS;
	struct dtls_conn *c = &w->dtls->conn[idx];

	if (c->handshake != s) { /* it has been left */
		if (!handshake_over(s)) {
			handshake_abort(w, s);
			return;
		}
		w->dtls->leaving--;
		handshake_end(w, s);
		return;
	}
	c->away = false;
	if (s->op == HANDSHAKE_TIMER && s->resent > 0)
		count(w, CNT_DTLS_RESENT);
	dtls_set_state(w, c, DTLS_SILENT);
	switch ((enum handshake_state)s->state) {
	case HANDSHAKE_MORE:
		flight_send(w, c, s->out, s->out_len);
		c->resend = s->timer_ms > 0;
		c->due_ms = (uint32_t)w->now_ms + s->timer_ms;
		greet_go(w, c);
		break;
	case HANDSHAKE_LOOKUP: /* no keys are looked up for DTLS: none is known */
		flight_send(w, c, s->out, s->out_len);
		s->psk_len = 0;
		greet_send(w, c, HANDSHAKE_PSK, 0);
		break;
	case HANDSHAKE_DONE:
		greet_done(w, c, s);
		break;
	default:
		greet_failed(w, c, s);
		break;
	}
}
