/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS on connections: their life, and the handshake, which crypto threads do. tls_open.c has the
 * rest. Over 600 lines, since each step of a handshake is one of a connection's life: whoever reads
 * how it begins, waits for a thread and ends needs both.
 */
#include "layer.h"
#include "../dtls/dtls.h"
#include "../snapshot.h"
#include "../stage.h"
#include "accel.h"
#include "../../lib/probe.h"

#include <openssl/crypto.h>
#include <rte_malloc.h>
#include <stdio.h>

/* ---- a worker's ---- */

bool tls_create(struct worker *w, char *err, size_t errlen)
{
	const struct config *c = w->dp->conf;
	struct tls_worker *t;
	char name[RTE_MEMPOOL_NAMESIZE];

	if (!config_has_tls(c))
		return true;
	w->tls = t = rte_zmalloc("tls", sizeof(*t), RTE_CACHE_LINE_SIZE);
	if (t) {
		snprintf(name, sizeof(name), "tls%u", w->id);
		memcpy(&t->waiting.key, w->dp->hash_key, sizeof(t->waiting.key));
		t->aead = aead_create(NULL);
		t->kdf = tls_kdf_create();
		/* No device looks at it: side by side, or ordinary pages would hold one each. */
		t->pool = rte_mempool_create(name, c->tls.connections, sizeof(struct tls), 0, 0,
					     NULL, NULL, NULL, NULL, SOCKET_ID_ANY,
					     RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	}
	if (t && t->aead && t->kdf && t->pool)
		return true;
	snprintf(err, errlen,
		 "%s: dataplane.memory-mb: too few for worker %u with %u TLS connections "
		 "(tls.connections)",
		 c->file, w->id, c->tls.connections);
	return false;
}

void tls_destroy(struct worker *w)
{
	struct tls_worker *t = w->tls;

	if (!t)
		return;
	rte_mempool_free(t->pool);
	tls_kdf_free(t->kdf);
	aead_free(t->aead);
	rte_free(t);
	w->tls = NULL;
}

void tls_tick(struct worker *w)
{
	if (!w->tls)
		return;
	count_set(w, CNT_TLS_CONNS, w->tls->conns);
	count_set(w, CNT_TLS_HANDSHAKES, w->tls->handshakes);
	count_set(w, CNT_TLS_WAITING, w->tls->waiting.n);
	if (w->id > 0) /* one accelerator for all */
		return;
	count_set(w, CNT_TLS_STALLS, accel_stalls(w->dp->accel));
	count_set(w, CNT_TLS_OVERDUE, accel_ok(w->dp->accel) ? 0 : accel_jobs(w->dp->accel));
}

const struct tls_info *tls_info(const struct tcp_conn *c)
{
	const struct tls *t = tcp_layer(c) ? tls_of(c) : NULL;

	return t && t->info.version ? &t->info : NULL;
}

/* ---- handshakes, of which there are a few ---- */

static void handshake_lost(struct worker *w, const struct tcp_conn *c)
{
	PROBE2(handshake_fail, w->id, tls_of(c)->conn.idx);
	count(w, CNT_TLS_FAILED);
}

static void handshake_start(struct worker *w, struct tls *t, struct handshake *s)
{
	PROBE2(handshake_begin, w->id, t->conn.idx);
	w->tls->handshakes++;
	t->handshake = s;
	s->worker = w->id;
	s->conn = t->conn;
	s->domain = t->info.domain;
	s->client = t->flags & TLS_CLIENT;
	s->total_in = 0;
}

void tls_set_state(struct worker *w, struct tls *t, enum tls_state s)
{
	uint32_t now_ms = (uint32_t)w->now_ms;

	if (t->state == TLS_WAITING) {
		waiting_del(&w->tls->waiting, &t->wait);
	} else if (t->state == TLS_RECORD) {
		list_del(&w->tls->silent, &t->wait);
		t->waited_ms = now_ms - t->wait.since_ms;
	}
	t->state = (uint8_t)s;
	t->wait.since_ms = now_ms;
	if (s == TLS_WAITING) {
		waiting_put(&w->tls->waiting, &t->wait);
	} else if (s == TLS_RECORD) {
		t->wait.since_ms -= t->waited_ms;
		list_put_by_age(&w->tls->silent, &t->wait);
	}
}

/* Its secrets have been taken, or there are none; another connection may have it. */
static void handshake_end(struct worker *w, struct handshake *s)
{
	struct tcp_conn *c;
	struct tls *t;

	OPENSSL_cleanse(&s->result, sizeof(s->result));
	handshake_put(w, s);
	w->tls->handshakes--;
	t = tls_of_waiter(waiting_next(&w->tls->waiting));
	s = t ? handshake_get(w) : NULL;
	if (!s)
		return;
	handshake_start(w, t, s);
	tls_set_state(w, t, TLS_RECORD);
	c = tcp_find(w, t->conn);
	if (likely(c != NULL)) /* one that ended in this turn gives it back at once */
		tcp_layer_again(w, c);
}

static bool handshake_over(const struct handshake *s)
{
	return s->state == HANDSHAKE_DONE || s->state == HANDSHAKE_FAILED ||
	       s->state == HANDSHAKE_ABORTED;
}

/* Nobody waits for it any more: what OpenSSL has is given back where it came from. */
static void handshake_abort(struct worker *w, struct handshake *s)
{
	if (handshake_over(s)) {
		handshake_end(w, s);
		return;
	}
	s->op = HANDSHAKE_ABORT;
	s->in_len = 0;
	handshake_send(w, s);
}

void tls_leave(struct worker *w, struct tls *t)
{
	bool away = t->state == TLS_HANDSHAKING;
	struct handshake *s = t->handshake;

	t->handshake = NULL;
	if (t->state < TLS_OPEN)
		tls_set_state(w, t, TLS_OVER);
	if (!s)
		return;
	w->tls->leaving += away || !handshake_over(s);
	/* One that the crypto thread has comes back and finds no connection. */
	if (!away)
		handshake_abort(w, s);
}

/* Sends the crypto thread the n bytes at the front of what came: a record, or none. */
static void handshake_feed(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	struct tls *t = tls_of(c);
	struct handshake *s = t->handshake;

	if (!(t->flags & TLS_STARTED) && tcp_app(c)->expect) {
		tcp_app(c)->expect(w, c, &s->expect);
		if (tcp_state(c) == TCP_CLOSED) /* its owner does not want it */
			return;
	}
	queue_copy(tcp_raw(c), 0, s->in, n);
	queue_drop(w, tcp_raw(c), n);
	s->op = HANDSHAKE_FEED;
	s->in_len = n;
	tls_set_state(w, t, TLS_HANDSHAKING);
	t->flags |= TLS_STARTED;
	handshake_send(w, s);
}

/* ---- the handshake ---- */

/* Of a TLS 1.2 record, whose limit is the wider one; what is inside is OpenSSL's to judge. */
static int32_t handshake_length(const struct mbuf_queue *raw, enum tls_alert *alert)
{
	return record_length(raw, TLS_1_2, true, TLS_PLAIN_MAX, alert);
}

/* Whether a whole record is there. It ends what starts like no record, or ends too early. */
static bool handshake_record(struct worker *w, struct tcp_conn *c, uint32_t *len)
{
	struct mbuf_queue *raw = tcp_raw(c);
	struct tls *t = tls_of(c);
	enum tls_alert alert = ALERT_NONE;
	int32_t n = raw->bytes < TLS_HDR ? 0 : handshake_length(raw, &alert);

	if (n < 0 && t->flags & TLS_STARTED) {
		/* OpenSSL may have keys in force already: it is to say no (RFC 8446 6). */
		t->flags |= TLS_MUTE;
		handshake_feed(w, c, TLS_HDR);
		return false;
	}
	if (n < 0) {
		handshake_lost(w, c);
		tls_fail(w, c, alert,
			 alert == ALERT_RECORD_OVERFLOW ? TCP_END_TLS_RECORD : TCP_END_TLS_PLAIN);
		return false;
	}
	*len = (uint32_t)n;
	if (n > 0 && raw->bytes >= (uint32_t)n)
		return true;
	if (tcp_raw_fin(c)) {
		handshake_lost(w, c);
		tls_fail(w, c, ALERT_NONE, TCP_END_TLS_TRUNCATED);
	}
	return false;
}

/* Gives its place up to another connection. */
static void busy_leave(struct worker *w, struct tls *t)
{
	struct tcp_conn *c = tcp_find(w, t->conn);

	tls_leave(w, t);
	if (likely(c != NULL)) /* one that ended in this turn has gone anyway */
		tcp_abort(w, c, TCP_END_TLS_BUSY);
}

/* Among those that wait. When no more may, a source of which more wait has one less. */
static void hello_wait(struct worker *w, struct tcp_conn *c)
{
	struct tls_waiting *q = &w->tls->waiting;
	struct sock_addr local, remote;
	struct tls *t = tls_of(c), *last;

	tcp_addrs(w, c, &local, &remote);
	t->wait.row = waiting_row(q, &remote.ip);
	if (q->n >= snapshot_conf(w->dp)->tls.waiting) {
		last = tls_of_waiter(waiting_excess(q, t->wait.row));
		busy_leave(w, last ? last : t);
		if (!last)
			return;
	}
	tls_set_state(w, t, TLS_WAITING);
	count(w, CNT_TLS_QUEUED);
}

/* Whether its owner takes it as it came, by what its first record says. */
static bool hello_passes(struct worker *w, struct tcp_conn *c, uint32_t len)
{
	uint8_t record[TLS_HELLO_LOOK];

	if (tls_of(c)->flags & TLS_CLIENT || !tcp_app(c)->hello || len > sizeof(record))
		return false;
	queue_copy(tcp_raw(c), 0, record, len);
	return tcp_app(c)->hello(w, c, record, len);
}

/* Before its first record is whole a connection has no handshake, nor waits for one. */
static void hello_input(struct worker *w, struct tcp_conn *c, uint32_t len)
{
	struct handshake *s;

	if (hello_passes(w, c, len)) {
		tcp_layer_leave(w, c);
		return;
	}
	s = w->tls->waiting.n ? NULL : handshake_get(w);
	if (s) {
		handshake_start(w, tls_of(c), s);
		handshake_feed(w, c, len);
	} else {
		hello_wait(w, c);
	}
}

static void layer_input_tls(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);
	struct mbuf_queue *raw = tcp_raw(c);
	uint32_t len = 0;

	if (tcp_layer_closing(c) || t->state == TLS_OVER) {
		tls_leave(w, t); /* nobody waits for it any more, nor for its records */
		while (raw->head)
			pkt_consume(w, queue_take(w, raw));
		return;
	}
	switch ((enum tls_state)t->state) {
	case TLS_HELLO:
		if (t->flags & TLS_CLIENT || handshake_record(w, c, &len))
			hello_input(w, c, len);
		break;
	case TLS_RECORD:
		if ((t->flags & (TLS_CLIENT | TLS_STARTED)) == TLS_CLIENT ||
		    handshake_record(w, c, &len))
			handshake_feed(w, c, len);
		break;
	case TLS_OPEN:
		open_input(w, c);
		break;
	default:
		break;
	}
}

static void layer_output_tls(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);

	if (t->wr.suite) {
		open_output(w, c);
	} else if (t->layer.fin_out && !(t->flags & TLS_CLOSING)) {
		t->flags |= TLS_CLOSING;
		tcp_raw_shutdown(w, c);
	}
}

static void layer_timeout(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);

	if (t->state >= TLS_OPEN) {
		open_timeout(w, c);
		return;
	}
	handshake_lost(w, c);
	tcp_abort(w, c, TCP_END_TLS_TIMEOUT);
}

/* ---- what crypto threads say ---- */

/* Records of OpenSSL's. False: no buffers. */
static bool handshake_output(struct worker *w, struct tcp_conn *c, const struct handshake *s)
{
	uint32_t at = 0;

	while (at < s->out_len) {
		struct rte_mbuf *m = pkt_make(w);
		uint32_t n;

		if (!m)
			return false;
		n = RTE_MIN(s->out_len - at, (uint32_t)rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), s->out + at, n);
		at += n;
		tcp_raw_send(w, c, m);
	}
	return true;
}

/* The keys become ours. False: a suite or a version that we did not offer. */
static bool handshake_keys(struct worker *w, struct tls *t, const struct handshake_result *r)
{
	const struct tls_suite *suite = tls_suite(r->suite);
	struct tls_worker *tw = w->tls;

	if (!suite || suite->version != r->version)
		return false;
	if (r->version == TLS_1_3) {
		if (!tls_keys_13(tw->kdf, tw->aead, &t->rd, suite, r->in_secret) ||
		    !tls_keys_13(tw->kdf, tw->aead, &t->wr, suite, r->out_secret))
			return false;
		t->rd.seq = r->in_seq;
		t->wr.seq = r->out_seq;
		return true;
	}
	return tls_keys_12(tw->aead, &t->rd, suite, r->in_secret, r->in_iv, r->in_seq, 0) &&
	       tls_keys_12(tw->aead, &t->wr, suite, r->out_secret, r->out_iv, r->out_seq,
			   r->out_explicit);
}

static void handshake_count(struct worker *w, const struct handshake_result *r)
{
	bool v13 = r->version == TLS_1_3;

	if (r->psk)
		count(w, CNT_TLS_PSK);
	else if (r->resumed)
		count(w, v13 ? CNT_TLS_RESUMED_13 : CNT_TLS_RESUMED_12);
	else
		count(w, v13 ? CNT_TLS_FULL_13 : CNT_TLS_FULL_12);
}

static void handshake_done(struct worker *w, struct tcp_conn *c, struct handshake *s)
{
	const struct handshake_result *r = &s->result;
	struct tls *t = tls_of(c);

	if (!handshake_keys(w, t, r)) {
		handshake_lost(w, c);
		tls_fail(w, c, ALERT_NONE, TCP_END_TLS_INTERNAL);
		return;
	}
	t->info.version = r->version;
	if (!expect_met(&s->expect, r->peer_cert ? &r->peer : NULL)) {
		handshake_lost(w, c);
		tls_refuse(w, c,
			   s->expect.peer == EXPECT_ANY ? TCP_END_TLS_CERT
							: TCP_END_TLS_FINGERPRINT);
		return;
	}
	PROBE4(handshake_end, w->id, t->conn.idx, r->version, r->suite);
	handshake_count(w, r);
	handshake_time(w, CTL_HANDSHAKE_TLS, t->since_us);
	t->plain_max_in = r->plain_max_in;
	t->plain_max_out = r->plain_max_out;
	t->info.suite = r->suite;
	t->info.service = r->service;
	t->info.resumed = r->resumed;
	t->info.psk = r->psk;
	t->info.peer_cert = r->peer_cert;
	memcpy(t->info.cert, r->cert, sizeof(t->info.cert));
	t->info.peer = r->peer;
	tls_set_state(w, t, TLS_OPEN);
	tcp_layer_timer(w, c, 0);
	/* A whole record must fit behind what nobody has read yet: nothing of a part can be. */
	tcp_recv_limit(c, w->dp->conf->tcp.receive_buffer + TLS_CIPHER_MAX_12 + TLS_HDR);
	tcp_layer_ready(w, c);
}

static void handshake_failed(struct worker *w, struct tcp_conn *c, const struct handshake *s)
{
	handshake_lost(w, c);
	if (s->alert != ALERT_NONE)
		count(w, s->alert_received ? CNT_TLS_ALERT_RX : CNT_TLS_ALERT_TX);
	/* Muted by what is no record: handshake_record(). */
	tls_fail(w, c, ALERT_NONE,
		 tls_of(c)->flags & TLS_MUTE ? TCP_END_TLS_RECORD : (enum tcp_end)s->why);
}

static void handshake_input(struct worker *w, struct handshake *s)
{
	struct tcp_conn *c = tcp_find(w, s->conn);
	struct tls *t = c && tcp_layer(c) ? tls_of(c) : NULL;

	count_add(w, CNT_TLS_ASYNC, s->waits);
	if (!t || t->handshake != s) {
		w->tls->leaving -= handshake_over(s);
		handshake_abort(w, s);
		return;
	}
	tls_set_state(w, t, TLS_RECORD);
	if (!handshake_output(w, c, s))
		tcp_abort(w, c, TCP_END_NO_BUFFER);
	else if (s->state == HANDSHAKE_FAILED || t->flags & TLS_MUTE)
		handshake_failed(w, c, s);
	else if (s->state == HANDSHAKE_OUT)
		handshake_feed(w, c, 0);
	else if (s->state == HANDSHAKE_DONE)
		handshake_done(w, c, s);
	else if (s->state != HANDSHAKE_MORE &&
		 !(s->state == HANDSHAKE_LOOKUP && tls_psk_ask(w, c, s)))
		tcp_abort(w, c, TCP_END_NO_BUFFER);
	if (t->handshake && handshake_over(s)) {
		t->handshake = NULL;
		handshake_end(w, s);
	}
	tcp_layer_again(w, c);
}

/*
 * While others wait for a handshake, clients that hold one and say nothing give way: or a few that
 * say hello and no more would keep everybody out.
 */
static void silent_leave(struct worker *w)
{
	const struct tls_worker *tw = w->tls;
	struct tls *t;

	while (tw->waiting.n > tw->leaving && (t = tls_of_waiter(tw->silent.head)) &&
	       clock_since_ms(w, t->wait.since_ms) >= TLS_PATIENCE_MS) {
		struct tcp_conn *c = tcp_find(w, t->conn);

		if (!c) { /* it ends in this turn, and gives back what it has */
			tls_leave(w, t);
			continue;
		}
		handshake_lost(w, c);
		tls_leave(w, t);
		tcp_abort(w, c, TCP_END_TLS_TIMEOUT);
	}
}

uint32_t tls_input(struct worker *w)
{
	struct handshake *s;
	uint32_t n = 0;

	if (w->dp->n_cryptos == 0)
		return 0;
	if (w->dp->conf->tls.n_crypto_cpus == 0)
		n = crypto_turn(w->dp->crypto[w->id], 1);
	while ((s = handshake_recv(w))) {
		if (s->dtls)
			dtls_back(w, s);
		else
			handshake_input(w, s);
		n++;
	}
	if (w->tls)
		silent_leave(w);
	return n;
}

/* ---- room for the next ---- */

static void room_make(struct worker *w)
{
	struct tcp_conn *c = tcp_evict(w, TCP_TABLE_LAYERS);
	struct tls *t = c ? tls_of(c) : NULL;

	if (!t)
		return;
	if (t->state < TLS_OPEN)
		handshake_lost(w, c);
	tls_leave(w, t);
}

static uint32_t kept(const struct worker *w)
{
	return RTE_MIN(w->dp->conf->tls.connections / TLS_KEPT_DIV, (uint32_t)TLS_KEPT);
}

/* ---- life ---- */

static void layer_open(struct worker *w, struct tcp_conn *c, uint16_t domain, uint8_t flags)
{
	void *p;
	struct tls *t;

	if (w->tls && rte_mempool_avail_count(w->tls->pool) <= kept(w))
		room_make(w);
	if (!w->tls || rte_mempool_get(w->tls->pool, &p) < 0) {
		tcp_abort(w, c, TCP_END_TLS_BUSY);
		return;
	}
	t = p;
	memset(t, 0, sizeof(*t));
	t->conn = tcp_name(w, c);
	t->flags = flags;
	t->since_us = (uint32_t)w->now_us;
	t->info.domain = domain;
	t->info.service = SERVICE_NONE;
	w->tls->conns++;
	tcp_layer_set(c, &t->layer);
	tcp_layer_timer(w, c, snapshot_conf(w->dp)->tls.handshake_ms);
	tcp_recv_limit(c, TLS_CIPHER_MAX_12 * 2);
}

static void server_opened(struct worker *w, struct tcp_conn *c, uint16_t domain)
{
	layer_open(w, c, domain, 0);
}

static void client_opened(struct worker *w, struct tcp_conn *c, uint16_t domain)
{
	layer_open(w, c, domain, TLS_CLIENT);
}

static void layer_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct tls *t = tls_of(c);

	(void)why;
	tls_leave(w, t);
	tls_keys_wipe(&t->rd);
	tls_keys_wipe(&t->wr);
	w->tls->conns--;
	rte_mempool_put(rte_mempool_from_obj(t), t);
}

static void layer_moved(struct worker *w, struct tcp_conn *c, bool here)
{
	(void)c;
	w->tls->conns += here ? 1 : UINT32_MAX;
}

static void layer_info(const struct tcp_conn *c, struct ctl_conn_info *i)
{
	const struct tls *t = tls_of(c);

	i->tls_version = t->info.version;
	i->tls_suite = t->info.suite;
	i->tls_domain = t->info.domain;
	i->tls_resumed = t->info.resumed;
	memcpy(i->tls_cert, t->info.cert, sizeof(i->tls_cert));
}

const struct tcp_layer_ops tls_server_layer = {
	.opened = server_opened,
	.input = layer_input_tls,
	.output = layer_output_tls,
	.timeout = layer_timeout,
	.closed = layer_closed,
	.moved = layer_moved,
	.info = layer_info,
};

const struct tcp_layer_ops tls_client_layer = {
	.opened = client_opened,
	.input = layer_input_tls,
	.output = layer_output_tls,
	.timeout = layer_timeout,
	.closed = layer_closed,
	.moved = layer_moved,
	.info = layer_info,
};
