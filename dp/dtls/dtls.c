/* SPDX-License-Identifier: BSD-3-Clause */
/* Associations with keys: records opened and sealed; and time. */
#include "dtls_int.h"
#include "../conn_row.h"
#include "../snapshot.h"
#include "../net/ip.h"
#include "../tx.h"

/* ---- out ---- */

void assoc_send(struct worker *w, struct rte_mbuf *m, const struct dtls_at *at)
{
	enum drop why;

	if (likely(!dplane_local(w->dp, &at->remote.ip))) {
		udp_send(w, m, &at->local, &at->remote, 0);
		return;
	}
	why = udp_write(w, m, &at->local, &at->remote, 0, false);
	if (why != DROP_NONE) {
		pkt_drop(w, m, why);
		return;
	}
	count(w, CNT_RELAY_LOOPED);
	tx_loop(w, m, &at->local, &at->remote);
}

/* Takes m. */
static bool record_send(struct worker *w, struct dtls_conn *c, enum tls_type type,
			struct rte_mbuf *m)
{
	const uint32_t len = m->pkt_len;

	if (unlikely(!dtls_seal(w, w->dtls->aead, &c->wr, type, m))) {
		pkt_drop(w, m, DROP_NO_MBUF);
		return false;
	}
	count(w, CNT_DTLS_RECORDS_OUT);
	count_add(w, CNT_DTLS_BYTES_OUT, len);
	c->tx_bytes += len;
	c->tx_packets++;
	assoc_send(w, m, &c->at);
	return true;
}

bool dtls_send(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m)
{
	if (unlikely(c->wr.bytes >> DTLS_LOG2_BYTES)) {
		pkt_drop(w, m, DROP_DTLS_CLOSED);
		dtls_close(w, c, TCP_END_TLS_LIMIT);
		return false;
	}
	return record_send(w, c, TLS_APPLICATION, m);
}

void open_alert(struct worker *w, struct dtls_conn *c, uint8_t level, uint8_t alert)
{
	struct rte_mbuf *m = pkt_make(w);

	if (!m)
		return;
	memcpy(rte_pktmbuf_append(m, ALERT_LEN), (uint8_t[]){ level, alert }, ALERT_LEN);
	record_send(w, c, TLS_ALERT, m);
}

void dtls_close(struct worker *w, struct dtls_conn *c, enum tcp_end why)
{
	if (c->state == DTLS_OPEN && !c->muted)
		open_alert(w, c, ALERT_WARNING, ALERT_CLOSE_NOTIFY);
	assoc_end(w, c, why);
}

void dtls_abandon(struct worker *w, struct dtls_conn *c, enum tcp_end why)
{
	c->muted = true;
	dtls_close(w, c, why);
}

/* ---- in ---- */

static void drop_tell(struct worker *w, const struct dtls_app *app, const struct dtls_at *at)
{
	if (app->dropped)
		app->dropped(w, at);
}

void assoc_drop(struct worker *w, const struct dtls_app *app, const struct dtls_at *at,
		struct rte_mbuf *m, enum drop why)
{
	drop_tell(w, app, at);
	pkt_drop(w, m, why);
}

/*
 * It has not got our last flight (RFC 6347 4.2.4): that goes again as it was, numbers and all, or a
 * nonce would serve twice; what had come of it before is a replay.
 */
static void last_send(struct worker *w, struct dtls_conn *c)
{
	struct rd r = rd_init(c->last, c->last_len);

	if (clock_since_ms(w, c->last_ms) < DTLS_LAST_MS)
		return;
	c->last_ms = (uint32_t)w->now_ms;
	count(w, CNT_DTLS_RESENT);
	while (rd_left(&r)) {
		const uint16_t n = rd_u16(&r);
		const uint8_t *p = rd_take(&r, n);
		struct rte_mbuf *m = p ? pkt_make(w) : NULL;

		if (!m)
			return;
		memcpy(rte_pktmbuf_append(m, n), p, n);
		assoc_send(w, m, &c->at);
	}
}

static enum drop opened_drop(enum dtls_opened o)
{
	switch (o) {
	case DTLS_SHORT:
		return DROP_DTLS_BAD;
	case DTLS_REPLAYED:
		return DROP_DTLS_REPLAY;
	case DTLS_LATE:
		return DROP_DTLS_OLD;
	default:
		return DROP_DTLS_AUTH;
	}
}

/* A warning that ends nothing goes by. True: c is over. */
static bool alert_input(struct worker *w, struct dtls_conn *c, const uint8_t *p, uint32_t len)
{
	if (len != ALERT_LEN)
		return false;
	if (p[1] == ALERT_CLOSE_NOTIFY) {
		dtls_close(w, c, TCP_END_DONE);
		return true;
	}
	if (p[0] != ALERT_FATAL)
		return false;
	c->muted = true;
	dtls_close(w, c, TCP_END_TLS_ALERT);
	return true;
}

/*
 * Opens a record. DROP_NONE: its content is the owner's, or ours (*mine), which may have ended c.
 */
static enum drop record_input(struct worker *w, struct dtls_conn *c, const struct dtls_record *rec,
			      uint8_t **plain, uint32_t *len, bool *mine)
{
	enum dtls_opened o;

	*mine = true;
	if (dtls_epoch(rec) == 0) {
		if (rec->type == TLS_HANDSHAKE)
			last_send(w, c);
		return DROP_DTLS_EPOCH;
	}
	if (dtls_epoch(rec) != 1)
		return DROP_DTLS_EPOCH;
	o = dtls_open(w->dtls->aead, &c->rd, &c->window, rec, plain, len);
	if (unlikely(o != DTLS_OPENED))
		return opened_drop(o);
	c->heard_ms = (uint32_t)w->now_ms;
	count(w, CNT_DTLS_RECORDS_IN);
	count_add(w, CNT_DTLS_BYTES_IN, *len);
	c->rx_bytes += *len;
	c->rx_packets++;
	if (likely(rec->type == TLS_APPLICATION && *len))
		*mine = false;
	else if (rec->type == TLS_ALERT)
		alert_input(w, c, *plain, *len);
	else if (rec->type == TLS_HANDSHAKE)
		last_send(w, c);
	return DROP_NONE;
}

/* A copy of what a record had that others follow in its datagram. */
static struct rte_mbuf *content_copy(struct worker *w, const uint8_t *plain, uint32_t len)
{
	struct rte_mbuf *m = pkt_make(w);
	char *to = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (to)
		memcpy(to, plain, len);
	else if (m)
		pkt_drop(w, m, DROP_NO_MBUF);
	return to ? m : NULL;
}

/* One of several that a datagram has: each is counted as a packet. */
static void record_among(struct worker *w, struct dtls_conn *c, const struct dtls_record *rec)
{
	struct rte_mbuf *m;
	uint8_t *plain;
	uint32_t len;
	bool mine;
	const enum drop why = record_input(w, c, rec, &plain, &len, &mine);

	if (why != DROP_NONE) {
		count(w, CNT_MADE);
		drop_tell(w, c->app, &c->at);
		drop_n(w, why, 1);
		return;
	}
	m = mine ? NULL : content_copy(w, plain, len);
	if (m)
		c->app->message(w, c, m);
}

/* The last of a datagram, or the only one. Takes m. */
static void record_last(struct worker *w, struct dtls_conn *c, const struct dtls_record *rec,
			struct rte_mbuf *m)
{
	uint8_t *plain;
	uint32_t len;
	bool mine;
	const enum drop why = record_input(w, c, rec, &plain, &len, &mine);

	if (unlikely(why != DROP_NONE)) {
		assoc_drop(w, c->app, &c->at, m, why);
	} else if (unlikely(mine)) {
		pkt_consume(w, m);
	} else {
		m->data_off = (uint16_t)(plain - (uint8_t *)m->buf_addr);
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
		c->app->message(w, c, m);
	}
}

void open_datagram(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m)
{
	struct rd r = rd_init(rte_pktmbuf_mtod(m, const void *), m->data_len);
	const struct dtls_app *app = c->app;
	const struct dtls_at at = c->at; /* c may end by a record */
	const uint32_t gen = c->gen;
	struct dtls_record rec;

	while (c->gen == gen && c->state == DTLS_OPEN && dtls_record_read(&r, &rec)) {
		if (likely(rd_left(&r) == 0)) {
			record_last(w, c, &rec, m);
			return;
		}
		record_among(w, c, &rec);
	}
	assoc_drop(w, app, &at, m, r.failed ? DROP_DTLS_BAD : DROP_DTLS_CLOSED);
}

/* Without keys an alert may be anybody's, and ends nothing: the handshake has an end by time. */
static bool has_plain_alert(const struct rte_mbuf *m)
{
	struct rd r = rd_init(rte_pktmbuf_mtod(m, const void *), m->data_len);
	struct dtls_record rec;

	while (rd_left(&r) && dtls_record_read(&r, &rec))
		if (rec.type == TLS_ALERT && dtls_epoch(&rec) == 0)
			return true;
	return false;
}

void dtls_input(struct worker *w, struct pkt *p, const struct dtls_at *at,
		const struct dtls_app *app)
{
	const uint32_t off = (uint32_t)p->l2_len + p->l3_len + UDP_HDR;
	struct rte_mbuf *m = p->m;
	struct dtls_record rec;
	struct dtls_conn *c;
	struct rd r;

	if (unlikely(m->nb_segs > 1)) {
		assoc_drop(w, app, at, m, DROP_DTLS_BAD);
		return;
	}
	r = rd_init(rte_pktmbuf_mtod_offset(m, const void *, off), pkt_payload_len(p));
	if (unlikely(!dtls_record_read(&r, &rec))) {
		assoc_drop(w, app, at, m, DROP_DTLS_BAD);
		return;
	}
	/* Of what keys protect the tag tells. */
	if (unlikely(dtls_epoch(&rec) == 0 && !pkt_l4_csum_ok(w, p))) {
		assoc_drop(w, app, at, m, DROP_UDP_CSUM);
		return;
	}
	rte_pktmbuf_adj(m, (uint16_t)off);
	c = assoc_find(w, at);
	if (hello_is(&rec)) {
		greet_hello(w, m, at, &rec, c, app);
	} else if (unlikely(!c)) {
		assoc_drop(w, app, at, m, DROP_DTLS_NONE);
	} else if (likely(c->state == DTLS_OPEN)) {
		open_datagram(w, c, m);
	} else if (unlikely(has_plain_alert(m))) {
		assoc_drop(w, app, at, m, DROP_DTLS_EPOCH);
	} else {
		assoc_keep(w, c, m);
		greet_go(w, c);
	}
}

/* ---- time ---- */

static void busy_tick(struct worker *w)
{
	const struct config *conf = snapshot_conf(w->dp);
	const uint32_t patience = conf->tls.handshake_ms;
	struct dtls_conn *c, *next;

	for (c = dtls_of_busy(w->dtls->busy.head); c; c = next) {
		next = dtls_of_busy(c->busy.next);
		if (assoc_orphan(conf, c))
			assoc_end(w, c, TCP_END_LISTENER);
		else if (clock_since_ms(w, c->begun_ms) >= patience)
			greet_late(w, c);
		else if (c->state == DTLS_SILENT && c->resend && clock_reached(w, c->due_ms))
			greet_resend(w, c);
	}
	greet_patience(w);
}

static void info_write(const struct worker *w, const struct dtls_conn *c, struct ctl_conn_info *to)
{
	const uint32_t was = to->gen;
	uint32_t seq;

	if (c->state != DTLS_OPEN)
		return;
	seq = conn_row_begin(to);
	to->gen = c->gen;
	to->local = c->at.local;
	to->remote = c->at.remote;
	to->state = TCP_ESTABLISHED;
	to->role = CONN_CLIENT;
	to->session = c->app->session(c);
	to->age_s = clock_since_ms(w, c->begun_ms) / 1000;
	to->silent_s = clock_since_ms(w, c->heard_ms) / 1000;
	to->tls_version = DTLS_1_2;
	to->tls_suite = c->suite;
	to->tls_domain = c->domain;
	memset(to->tls_cert, 0, sizeof(to->tls_cert));
	to->rx_bytes = c->rx_bytes;
	to->tx_bytes = c->tx_bytes;
	conn_row_count(to, was != c->gen, c->rx_packets, c->tx_packets, (uint32_t)w->now_ms);
	conn_row_end(to, seq);
	if (was != c->gen)
		conn_index_put(&w->boundary.by_addr, w->dp->conf->tcp.connections + c->idx);
}

static void open_tick(struct worker *w)
{
	const struct config *conf = snapshot_conf(w->dp);
	const uint32_t idle_ms = conf->tcp.idle_timeout * 1000;
	struct dtls_worker *d = w->dtls;
	const uint32_t look = RTE_MAX((uint32_t)DTLS_LOOK, d->n / DTLS_ROUND);

	for (uint32_t i = RTE_MIN(look, d->n); i; i--) {
		struct dtls_conn *c = &d->conn[d->at];

		if (c->state == DTLS_OPEN && assoc_orphan(conf, c))
			dtls_close(w, c, TCP_END_LISTENER);
		else if (c->state == DTLS_OPEN && !c->trusted &&
			 clock_since_ms(w, c->heard_ms) >= idle_ms)
			dtls_close(w, c, TCP_END_IDLE);
		info_write(w, c, &d->info[d->at]);
		d->at = d->at + 1 < d->n ? d->at + 1 : 0;
	}
}

void dtls_tick(struct worker *w)
{
	if (!w->dtls)
		return;
	busy_tick(w);
	open_tick(w);
	count_set(w, CNT_DTLS_CONNS, w->dtls->used);
	count_set(w, CNT_DTLS_HANDSHAKES, w->dtls->handshakes);
}
