/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS after the handshake (RFC 8446 4.6, 5, 6; RFC 5246 6, 7): records become the owner's bytes
 * and the owner's bytes records. Of the other side's messages only KeyUpdate means anything;
 * renegotiation, post-handshake authentication and what a server may not get are refused.
 */
#include "layer.h"
#include "../snapshot.h"
#include "../trace.h"

enum { MSG_HELLO_REQUEST = 0, MSG_CLIENT_HELLO = 1, MSG_SESSION_TICKET = 4, MSG_KEY_UPDATE = 24 };
enum { ALERT_WARNING = 1, ALERT_FATAL = 2 };
enum {
	/* Version, random, empty session id, a suite, a compression method; no extensions in 1.2.
	 */
	HELLO_MIN = 2 + 32 + 1 + 4 + 2,
	/* Lifetime, age, nonce, a byte of ticket at least, extensions. */
	TICKET_MIN = 4 + 4 + 1 + 3 + 2,
	TICKET_MAX = 4 + 4 + 256 + 2 + UINT16_MAX + 2 + UINT16_MAX - 1,
};

/* ---- small records ---- */

/* Sends one sealed record of ours. False: no buffer. */
static bool send_small(struct worker *w, struct tcp_conn *c, enum tls_type type, const void *p,
		       uint32_t len)
{
	struct tls *t = tls_of(c);
	struct rte_mbuf *m = record_seal_bytes(w, w->tls->aead, &t->wr, type, p, len);

	if (!m)
		return false;
	count(w, CNT_TLS_RECORDS_OUT);
	tcp_raw_send(w, c, m);
	return true;
}

static bool send_alert(struct worker *w, struct tcp_conn *c, uint8_t level, enum tls_alert alert)
{
	const uint8_t a[2] = { level, (uint8_t)alert };

	return send_small(w, c, TLS_ALERT, a, sizeof(a));
}

/* Before there are keys: the record layer's version is 1.2 in all versions (RFC 8446 5.1). */
static void send_alert_clear(struct worker *w, struct tcp_conn *c, enum tls_alert alert)
{
	const uint8_t r[TLS_HDR + 2] = { TLS_ALERT, 3, 3, 0, 2, ALERT_FATAL, (uint8_t)alert };
	struct rte_mbuf *m = pkt_make(w);

	if (!m)
		return;
	memcpy(rte_pktmbuf_append(m, sizeof(r)), r, sizeof(r));
	tcp_raw_send(w, c, m);
}

void tls_fail(struct worker *w, struct tcp_conn *c, enum tls_alert alert, enum tcp_end why)
{
	struct tls *t = tls_of(c);

	if (alert != ALERT_NONE) {
		if (t->wr.suite)
			send_alert(w, c, ALERT_FATAL, alert);
		else
			send_alert_clear(w, c, alert);
		count(w, CNT_TLS_ALERT_TX);
	}
	tls_leave(w, t);
	t->flags |= TLS_MUTE;
	tls_set_state(w, t, TLS_OVER);
	/* Unread bytes would make it a RST, which may overtake the alert. */
	queue_clear(w, &t->layer.in, DROP_TCP_CLOSED);
	tcp_close(w, c, why);
	tcp_layer_timer(w, c, TLS_ALERT_LINGER_MS);
}

void tls_refuse(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	tls_fail(w, c, ALERT_BAD_CERTIFICATE, why);
}

/* ---- what is not the owner's ---- */

/* RFC 8446 6.1: the other side's end, or an error. Two bytes, alone in their record. */
static void alert_input(struct worker *w, struct tcp_conn *c, struct mbuf_queue *q)
{
	struct tls *t = tls_of(c);
	uint8_t a[2];

	if (q->bytes != sizeof(a)) {
		tls_fail(w, c, ALERT_DECODE_ERROR, TCP_END_TLS_RECORD);
		return;
	}
	queue_copy(q, 0, a, sizeof(a));
	if (a[1] == ALERT_CLOSE_NOTIFY) {
		tls_set_state(w, t, TLS_OVER); /* what follows is ignored */
		tcp_layer_fin(w, c);
	} else if (a[1] == ALERT_USER_CANCELED ||
		   (t->info.version == TLS_1_2 && a[0] == ALERT_WARNING)) {
		if (++t->warnings > TLS_WARNINGS_MAX)
			tls_fail(w, c, ALERT_UNEXPECTED_MESSAGE, TCP_END_TLS_FLOOD);
	} else {
		count(w, CNT_TLS_ALERT_RX);
		tls_fail(w, c, ALERT_NONE, TCP_END_TLS_ALERT);
	}
}

/* RFC 8446 4.6.3. So many a minute: each costs a key schedule. */
static void update_input(struct worker *w, struct tcp_conn *c, uint8_t asked)
{
	struct tls *t = tls_of(c);

	if (asked > 1) {
		tls_fail(w, c, ALERT_ILLEGAL_PARAMETER, TCP_END_TLS_RECORD);
		return;
	}
	if (w->now - t->update_s >= 60) {
		t->update_s = w->now;
		t->updates = 0;
	}
	if (t->updates >= snapshot_conf(w->dp)->tls.key_updates) {
		tls_fail(w, c, ALERT_UNEXPECTED_MESSAGE, TCP_END_TLS_FLOOD);
		return;
	}
	t->updates++;
	count(w, CNT_TLS_KEY_UPDATE_RX);
	if (!tls_keys_update(w->tls->kdf, w->tls->aead, &t->rd)) {
		tls_fail(w, c, ALERT_INTERNAL_ERROR, TCP_END_TLS_INTERNAL);
		return;
	}
	if (asked)
		t->flags |= TLS_UPDATE; /* once, however often it was asked for */
}

/* TLS 1.2: the other side wants to begin anew (R57). Told no, and ended when it insists. */
static void renegotiation_input(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);

	if (t->flags & TLS_RENEGOTIATE) {
		tls_fail(w, c, ALERT_HANDSHAKE_FAILURE, TCP_END_TLS_RENEGOTIATION);
		return;
	}
	t->flags |= TLS_RENEGOTIATE;
	send_alert(w, c, ALERT_WARNING, ALERT_NO_RENEGOTIATION);
}

/* What a message of this type may be long; RFC 8446 4.1.2, 4.6.1, 4.6.3, RFC 5246 7.4.1. */
static bool message_length_ok(uint8_t type, uint32_t len)
{
	switch (type) {
	case MSG_HELLO_REQUEST:
		return len == 0;
	case MSG_CLIENT_HELLO:
		return len >= HELLO_MIN && len <= HANDSHAKE_BYTES_MAX;
	case MSG_SESSION_TICKET:
		return len >= TICKET_MIN && len <= TICKET_MAX;
	case MSG_KEY_UPDATE:
		return len == 1;
	default:
		return false;
	}
}

/* The types that mean anything now, whatever is made of them. */
static bool message_expected(const struct tls *t, uint8_t type)
{
	bool client = t->flags & TLS_CLIENT;

	if (t->info.version == TLS_1_2)
		return type == (client ? MSG_HELLO_REQUEST : MSG_CLIENT_HELLO);
	return type == MSG_KEY_UPDATE || (client && type == MSG_SESSION_TICKET);
}

/* The head of a handshake message is in t->msg. */
static void message_head(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);
	uint32_t len = (uint32_t)(t->msg[1] << 16 | t->msg[2] << 8 | t->msg[3]);
	uint8_t type = t->msg[0];

	if (!message_expected(t, type)) {
		tls_fail(w, c, ALERT_UNEXPECTED_MESSAGE, TCP_END_TLS_RECORD);
	} else if (!message_length_ok(type, len)) {
		tls_fail(w, c, ALERT_DECODE_ERROR, TCP_END_TLS_RECORD);
	} else if (type != MSG_KEY_UPDATE) {
		t->msg_len = 0;
		t->msg_skip = len; /* our own connections are not resumed */
		if (type != MSG_SESSION_TICKET)
			renegotiation_input(w, c);
	}
}

/* A KeyUpdate is in t->msg. last: the record ends with it, as it must (RFC 8446 5.1). */
static void message_body(struct worker *w, struct tcp_conn *c, bool last)
{
	struct tls *t = tls_of(c);

	t->msg_len = 0;
	if (last)
		update_input(w, c, t->msg[TLS_MSG_HEAD]);
	else
		tls_fail(w, c, ALERT_UNEXPECTED_MESSAGE, TCP_END_TLS_RECORD);
}

/* Messages may be cut over records, and several may share one (RFC 8446 5.1). */
static void handshake_input(struct worker *w, struct tcp_conn *c, struct mbuf_queue *q)
{
	struct tls *t = tls_of(c);

	if (q->bytes == 0)
		tls_fail(w, c, ALERT_UNEXPECTED_MESSAGE, TCP_END_TLS_RECORD);
	while (q->bytes && t->state == TLS_OPEN) {
		uint32_t n = RTE_MIN(t->msg_skip, q->bytes);

		if (n) {
			queue_drop(w, q, n);
			t->msg_skip -= n;
			continue;
		}
		queue_copy(q, 0, &t->msg[t->msg_len++], 1);
		queue_drop(w, q, 1);
		if (t->msg_len == TLS_MSG_HEAD)
			message_head(w, c);
		else if (t->msg_len == sizeof(t->msg))
			message_body(w, c, q->bytes == 0);
	}
}

/* ---- in ---- */

/* There was no buffer: another turn may have one. */
static void open_retry(struct worker *w, struct tcp_conn *c)
{
	tls_of(c)->retry = true;
	tcp_layer_timer(w, c, TLS_RETRY_MS);
}

/* What is missing of the record at the front, as far as can be known; 0: nothing is begun. */
static uint32_t record_missing(const struct tcp_conn *c, const struct mbuf_queue *raw)
{
	const struct tls *t = tls_of(c);
	enum tls_alert alert;
	int32_t len;

	if (raw->bytes < TLS_HDR)
		return raw->bytes ? TLS_HDR - raw->bytes : 0;
	len = record_length(raw, t->info.version, true, t->plain_max_in, &alert);
	return len > (int32_t)raw->bytes ? (uint32_t)len - raw->bytes : 0;
}

/*
 * Half a record holds buffers: it must be whole within tcp.frame-ms, as messages must be. While our
 * window has no room for the rest the time does not run: that is for want of who reads here.
 */
static void open_patience(struct worker *w, struct tcp_conn *c)
{
	uint32_t missing = record_missing(c, tcp_raw(c));
	struct tls *t = tls_of(c);
	uint32_t left;

	if (!missing) {
		t->begun_ms = 0;
		return;
	}
	if (!t->begun_ms || !tcp_raw_offered(c, missing))
		t->begun_ms = (uint32_t)w->now_ms | 1;
	left = clock_left_ms(w, t->begun_ms + snapshot_conf(w->dp)->tcp.frame_ms);
	if (!left)
		tls_fail(w, c, ALERT_NONE, TCP_END_FRAME_TIMEOUT);
	else if (!t->retry)
		tcp_layer_timer(w, c, left);
}

void open_timeout(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);

	if (t->flags & TLS_MUTE) { /* it has had its alert, and keeps what it holds */
		tcp_abort(w, c, TCP_END_LINGER);
		return;
	}
	t->retry = false; /* this turn tries again */
	open_patience(w, c);
}

static enum tcp_end alert_end(enum tls_alert alert)
{
	return alert == ALERT_BAD_RECORD_MAC ? TCP_END_TLS_MAC : TCP_END_TLS_RECORD;
}

/* Opens the record at the front. False when there is none, no buffer, or no more to open. */
static bool open_next(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);
	struct mbuf_queue *raw = tcp_raw(c), q = { 0 };
	enum tls_alert alert = ALERT_NONE;
	int32_t len, type;

	if (raw->bytes < TLS_HDR)
		return false;
	len = record_length(raw, t->info.version, true, t->plain_max_in, &alert);
	if (unlikely(len < 0)) {
		tls_fail(w, c, alert, TCP_END_TLS_RECORD);
		return false;
	}
	if (raw->bytes < (uint32_t)len)
		return false;
	type =
	    record_open(w, w->tls->aead, &t->rd, (uint32_t)len, t->plain_max_in, raw, &q, &alert);
	if (unlikely(type <= 0)) {
		if (type < 0)
			tls_fail(w, c, alert, alert_end(alert));
		else
			open_retry(w, c);
		return false;
	}
	count(w, CNT_TLS_RECORDS_IN);
	count_add(w, CNT_TLS_BYTES_IN, q.bytes);
	if (likely(type == TLS_APPLICATION && !t->msg_len && !t->msg_skip)) {
		trace_keep(w, &q, q.bytes);
		trace_plain(w, TRACE_OPENED, c, q.bytes);
		queue_join(w, &t->layer.in, &q);
		return true;
	}
	if (type == TLS_ALERT)
		alert_input(w, c, &q);
	else if (type == TLS_HANDSHAKE)
		handshake_input(w, c, &q);
	else
		tls_fail(w, c, ALERT_UNEXPECTED_MESSAGE, TCP_END_TLS_RECORD);
	while (q.head)
		pkt_consume(w, queue_take(w, &q));
	return t->state == TLS_OPEN;
}

/*
 * FIN without close_notify: bytes may be missing, and somebody else may have sent it. What the
 * owner still has to read, it reads.
 */
static void truncated(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);

	if (!(t->flags & TLS_FIN_SEEN)) {
		t->flags |= TLS_FIN_SEEN;
		count(w, CNT_TLS_NO_CLOSE);
	}
	if (t->layer.in.bytes == 0)
		tcp_close(w, c, TCP_END_TLS_TRUNCATED);
}

void open_input(struct worker *w, struct tcp_conn *c)
{
	uint32_t max = w->dp->conf->tcp.receive_buffer;
	struct tls *t = tls_of(c);
	struct mbuf_queue *raw = tcp_raw(c);

	while (t->layer.in.bytes < max && open_next(w, c))
		t->begun_ms = 0;
	if (t->state != TLS_OPEN)
		return;
	open_patience(w, c);
	if (t->state != TLS_OPEN)
		return;
	if (unlikely(t->rd.records >= TLS_REKEY_RECORDS && t->info.version == TLS_1_3)) {
		t->flags |= TLS_UPDATE | TLS_UPDATE_ASK;
		t->rd.records = 0; /* asked once */
	}
	/* A record begun that will never be whole is no more than none. */
	if (unlikely(tcp_raw_fin(c))) {
		enum tls_alert alert;
		int32_t len = raw->bytes >= TLS_HDR ? record_length(raw, t->info.version, true,
								    t->plain_max_in, &alert)
						    : INT32_MAX;

		if (len < 0 || raw->bytes < (uint32_t)len)
			truncated(w, c);
	}
}

/* ---- out ---- */

/*
 * Plaintext of the next record: as much as fills a segment while the path is young or bad, so that
 * the other side can open what it has; all that goes out at once; and as much as a record takes
 * when there is a window for several.
 */
static uint32_t record_max(const struct worker *w, const struct tcp_conn *c)
{
	const struct tls *t = tls_of(c);
	uint32_t over = record_overhead(&t->wr), mss = tcp_raw_mss(c);
	uint32_t one = RTE_MIN(mss > 2 * over ? mss - over : over, (uint32_t)t->plain_max_out);

	if (tcp_raw_cwnd(c) >= TLS_BULK_CWND || t->layer.out.bytes + over <= tcp_raw_window(w, c))
		return t->plain_max_out;
	return one;
}

/* RFC 8446 4.6.3, 5.5. False: no buffer. */
static bool update_output(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);
	const uint8_t msg[] = { MSG_KEY_UPDATE, 0, 0, 1, t->flags & TLS_UPDATE_ASK ? 1 : 0 };

	if (!send_small(w, c, TLS_HANDSHAKE, msg, sizeof(msg)))
		return false;
	t->flags &= (uint8_t) ~(TLS_UPDATE | TLS_UPDATE_ASK);
	count(w, CNT_TLS_KEY_UPDATE_TX);
	if (tls_keys_update(w->tls->kdf, w->tls->aead, &t->wr))
		return true;
	tcp_abort(w, c, TCP_END_TLS_INTERNAL); /* nothing can be sealed any more, no alert either */
	return false;
}

/* The cipher's limit: another key, or the end where there cannot be one. False: not now. */
static bool limit_output(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);

	if (t->info.version == TLS_1_3 && unlikely(t->wr.records >= TLS_REKEY_RECORDS))
		t->flags |= TLS_UPDATE;
	if (t->info.version == TLS_1_2 && unlikely(t->wr.bytes >> TLS_REKEY_LOG2_BYTES)) {
		tls_fail(w, c, ALERT_INTERNAL_ERROR, TCP_END_TLS_LIMIT);
		return false;
	}
	return likely(!(t->flags & TLS_UPDATE)) || update_output(w, c);
}

static bool seal_next(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);
	struct rte_mbuf *m;
	uint32_t bytes = t->layer.out.bytes, max;

	if (!limit_output(w, c))
		return false;
	max = record_max(w, c);
	trace_keep(w, &t->layer.out, max);
	m = record_seal(w, w->tls->aead, &t->wr, TLS_APPLICATION, &t->layer.out, max);
	trace_plain(w, TRACE_SEALED, c, bytes - t->layer.out.bytes);
	if (unlikely(!m))
		return false;
	count(w, CNT_TLS_RECORDS_OUT);
	count_add(w, CNT_TLS_BYTES_OUT, bytes - t->layer.out.bytes);
	tcp_raw_send(w, c, m);
	return true;
}

void open_output(struct worker *w, struct tcp_conn *c)
{
	struct tls *t = tls_of(c);

	while (t->layer.out.bytes && !(t->flags & TLS_MUTE) && seal_next(w, c))
		;
	if (unlikely(t->flags & TLS_UPDATE) && !t->layer.out.bytes &&
	    !(t->flags & (TLS_CLOSING | TLS_MUTE)) && !update_output(w, c)) {
		open_retry(w, c);
		return;
	}
	if (t->layer.out.bytes && !(t->flags & TLS_MUTE)) {
		open_retry(w, c);
		return;
	}
	if (likely(!t->layer.fin_out) || t->flags & TLS_CLOSING)
		return;
	if (!(t->flags & TLS_MUTE) && !send_alert(w, c, ALERT_WARNING, ALERT_CLOSE_NOTIFY)) {
		open_retry(w, c);
		return;
	}
	t->flags |= TLS_CLOSING;
	tcp_raw_shutdown(w, c);
}
