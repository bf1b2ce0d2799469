/* SPDX-License-Identifier: BSD-3-Clause */
/* What an owner does with a connection (RFC 9293 3.9.1). */
#include "ledger.h"
#include "../snapshot.h"
#include "recovery.h"

struct ctl_conn tcp_name(const struct worker *w, const struct tcp_conn *c)
{
	return (struct ctl_conn){ conn_idx(w, c), c->gen };
}

void *tcp_data(struct tcp_conn *c)
{
	return c->app_data;
}

void tcp_own(struct tcp_conn *c, const struct tcp_app *app)
{
	c->app = app;
}

const struct tcp_app *tcp_app(const struct tcp_conn *c)
{
	return c->app;
}

enum tcp_state tcp_state(const struct tcp_conn *c)
{
	return c->state;
}

enum tcp_end tcp_why(const struct tcp_conn *c)
{
	return c->why;
}

void tcp_dscp(struct tcp_conn *c, uint8_t dscp)
{
	c->tos = (uint8_t)(dscp << 2);
}

void tcp_listen(struct worker *w, tcp_accept_fn *accept)
{
	w->tcp->accept = accept;
}

/* ---- in ---- */

uint32_t tcp_readable(const struct tcp_conn *c)
{
	return conn_in((struct tcp_conn *)(uintptr_t)c)->bytes;
}

uint32_t tcp_recv_most(const struct tcp_conn *c)
{
	return ledger_rcv_max(c);
}

bool tcp_recv_fin(const struct tcp_conn *c)
{
	if (unlikely(c->flags & CONN_LAYER))
		return c->layer->fin_in && !c->layer->in.bytes;
	return c->flags & CONN_FIN_RCVD && !c->rcv.bytes;
}

struct rte_mbuf *tcp_recv_peek(const struct tcp_conn *c)
{
	return conn_in((struct tcp_conn *)(uintptr_t)c)->head;
}

/* What was taken may open the window, and the FIN behind it is still to be told of. */
static void recv_taken(struct worker *w, struct tcp_conn *c)
{
	if (tcp_recv_fin(c) && !(c->flags & CONN_FIN_TOLD))
		c->flags |= CONN_READABLE;
	conn_dirty(w, c);
}

struct rte_mbuf *tcp_recv(struct worker *w, struct tcp_conn *c)
{
	struct rte_mbuf *m = queue_take(w, conn_in(c));

	if (m)
		recv_taken(w, c);
	return m;
}

void tcp_recv_skip(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	queue_drop(w, conn_in(c), n);
	recv_taken(w, c);
}

void tcp_recv_copy(const struct tcp_conn *c, uint32_t off, void *to, uint32_t n)
{
	queue_copy(conn_in((struct tcp_conn *)(uintptr_t)c), off, to, n);
}

void tcp_recv_pause(struct worker *w, struct tcp_conn *c, bool paused)
{
	if (paused) {
		c->flags |= CONN_PAUSED;
		return;
	}
	c->flags &= ~(uint32_t)CONN_PAUSED;
	c->flags |= CONN_READABLE;
	conn_dirty(w, c);
}

/* ---- out ---- */

/* Bytes may be given: the direction is not shut down. */
static bool send_open(const struct tcp_conn *c)
{
	return !(c->flags & (CONN_DEAD | CONN_FIN_QUEUED)) && c->state != TCP_CLOSED &&
	       c->state != TCP_TIME_WAIT && !(c->flags & CONN_LAYER && c->layer->fin_out);
}

/* Bytes the owner gave that its layer has not passed on. */
static inline uint32_t layer_waiting(const struct tcp_conn *c)
{
	return unlikely(c->flags & CONN_LAYER) ? c->layer->out.bytes : 0;
}

uint32_t tcp_send_room(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t max = snapshot_conf(w->dp)->tcp.send_buffer, used = c->snd.bytes + layer_waiting(c);

	if (unlikely(c->standing == TCP_STRANGER))
		max = RTE_MIN(max, (uint32_t)LEDGER_WINDOW);
	return send_open(c) && used < max ? max - used : 0;
}

uint32_t tcp_send_unsent(const struct tcp_conn *c)
{
	return (conn_established(c) ? conn_unsent(c) : c->snd.bytes) + layer_waiting(c);
}

uint32_t tcp_send_window(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t wnd = tcp_raw_window(w, c), waiting = layer_waiting(c);

	return send_open(c) && wnd > waiting ? wnd - waiting : 0;
}

void tcp_send_wait(struct tcp_conn *c)
{
	c->flags |= CONN_WANT_ACK;
}

uint32_t tcp_raw_mss(const struct tcp_conn *c)
{
	return c->mss;
}

uint32_t tcp_raw_cwnd(const struct tcp_conn *c)
{
	return c->cwnd;
}

uint32_t tcp_raw_window(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t wnd, unsent = conn_unsent(c);

	if (c->flags & (CONN_DEAD | CONN_FIN_QUEUED) || !conn_established(c))
		return 0;
	wnd = conn_wnd_left(c);
	wnd = RTE_MIN(wnd, recovery_room(w, c));
	return wnd > unsent ? wnd - unsent : 0;
}

/* Puts m behind what is to be sent. */
void tcp_raw_send(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m)
{
	struct rte_mbuf *tail = c->snd.tail;
	uint32_t end = conn_snd_seq(c) + c->snd.bytes, len = tail ? tail->data_len : 0;

	queue_put(w, &c->snd, m);
	/* The first byte never sent: in the old tail if the new ones were added to that. */
	if (!c->snd_cur && tail && tail->data_len > len) {
		c->snd_cur = tail;
		c->snd_cur_seq = end - len;
	} else if (!c->snd_cur) {
		c->snd_cur = tail ? tail->next : c->snd.head;
		c->snd_cur_seq = end;
	}
	conn_dirty(w, c);
}

/* Gives m to the send buffer, or to the layer, which changes bytes first. Takes m. */
static void send_put(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m)
{
	if (likely(!(c->flags & CONN_LAYER))) {
		tcp_raw_send(w, c, m);
		return;
	}
	queue_put(w, &c->layer->out, m);
	conn_dirty(w, c);
}

bool tcp_send(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m)
{
	if (unlikely(tcp_send_room(w, c) < m->pkt_len)) {
		c->flags |= CONN_WANT_ROOM;
		return false;
	}
	if (unlikely(!ledger_allows_out(w, c, m->nb_segs))) {
		c->flags |= CONN_WANT_ROOM;
		conn_timer_set(w, c, TCP_TIMER_PERSIST, TCP_RETRY_MS);
		return false;
	}
	send_put(w, c, m);
	return true;
}

uint32_t tcp_pass(struct worker *w, struct tcp_conn *from, struct tcp_conn *to)
{
	struct rte_mbuf *m = conn_in(from)->head;
	uint32_t len = m ? m->data_len : 0;

	/* No more buffers are held than before, so that a shortage is no reason to wait. */
	if (!m || tcp_send_room(w, to) < len)
		return 0;
	send_put(w, to, tcp_recv(w, from));
	return len;
}

/* Bytes in buffers of their own, one packet; NULL when the pool is empty. */
static struct rte_mbuf *bytes_copy(struct worker *w, const void *p, uint32_t len)
{
	struct rte_mbuf *m = NULL, *part;
	const uint8_t *at = p;

	while (len) {
		uint16_t n;

		part = m ? rte_pktmbuf_alloc(w->pool) : pkt_make(w);
		if (!part || (m && rte_pktmbuf_chain(m, part) != 0)) {
			rte_pktmbuf_free(part);
			if (m)
				pkt_drop(w, m, DROP_NO_MBUF);
			return NULL;
		}
		m = m ? m : part;
		n = (uint16_t)RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(part));
		memcpy(rte_pktmbuf_mtod(part, void *), at, n);
		part->data_len = n;
		m->pkt_len += n;
		at += n;
		len -= n;
	}
	return m;
}

bool tcp_send_bytes(struct worker *w, struct tcp_conn *c, const void *p, uint32_t len)
{
	struct rte_mbuf *m;

	if (tcp_send_room(w, c) < len) {
		c->flags |= CONN_WANT_ROOM;
		return false;
	}
	m = bytes_copy(w, p, len);
	if (!m)
		return len == 0;
	if (tcp_send(w, c, m))
		return true;
	pkt_drop(w, m, DROP_TCP_MEMORY);
	return false;
}

bool tcp_send_over(const struct tcp_conn *c)
{
	return !send_open(c);
}

bool tcp_send_owed(struct worker *w, struct tcp_conn *c, const void *p, uint32_t len)
{
	struct rte_mbuf *m = send_open(c) ? bytes_copy(w, p, len) : NULL;

	if (!m)
		return false;
	send_put(w, c, m);
	return true;
}

void tcp_shutdown(struct worker *w, struct tcp_conn *c)
{
	if (!send_open(c))
		return;
	if (c->state == TCP_SYN_SENT) {
		conn_end(w, c, TCP_END_CLOSED);
		return;
	}
	if (c->flags & CONN_LAYER)
		c->layer->fin_out = true; /* it sends its close_notify first */
	else
		c->flags |= CONN_FIN_QUEUED;
	conn_dirty(w, c);
}

void tcp_raw_shutdown(struct worker *w, struct tcp_conn *c)
{
	c->flags |= CONN_FIN_QUEUED;
	conn_dirty(w, c);
}

void tcp_close(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	if (c->flags & (CONN_DEAD | CONN_CLOSED_APP))
		return;
	c->why = (uint8_t)why;
	/* Bytes that nobody will read: the other side must not think they were (RFC 2525 2.17). */
	if (conn_in(c)->bytes) {
		tcp_abort(w, c, why);
		return;
	}
	c->flags |= CONN_CLOSED_APP; /* before it ends, or the reason would be another */
	if (!(c->flags & CONN_LAYER) && c->ooo.n)
		reorder_clear(w, c); /* nobody will read it; it comes again, and is answered */
	tcp_shutdown(w, c);
	conn_timer_stop(c, TCP_TIMER_APP);
	if (c->state == TCP_FIN_WAIT_2)
		conn_timer_set(w, c, TCP_TIMER_LIFE, snapshot_conf(w->dp)->tcp.linger * 1000);
	conn_dirty(w, c);
}

void tcp_abort(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	if (c->flags & CONN_DEAD)
		return;
	/* 3.10.5: in SYN-SENT, and when all is over, there is nobody to tell. */
	if (c->state != TCP_CLOSED && c->state != TCP_SYN_SENT && c->state != TCP_TIME_WAIT) {
		conn_send_bare(w, c, TCP_RST | TCP_ACK, c->snd_max);
		count(w, CNT_TCP_RST_TX);
	}
	conn_end(w, c, why);
}

void tcp_app_timer(struct worker *w, struct tcp_conn *c, uint32_t ms)
{
	/* It may have fired in this very turn, and not been told of yet. */
	c->flags &= ~(uint32_t)CONN_TIMED_OUT;
	if (ms)
		conn_timer_set(w, c, TCP_TIMER_APP, ms);
	else
		conn_timer_stop(c, TCP_TIMER_APP);
}
