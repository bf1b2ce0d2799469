/* SPDX-License-Identifier: BSD-3-Clause */
/* What lies between a connection and its owner (struct tcp_layer_ops). */
#include "conn.h"
#include "places.h"

/* ---- once a turn ---- */

void layer_input(struct worker *w, struct tcp_conn *c)
{
	struct tcp_layer *l = c->layer;
	uint32_t bytes = l->in.bytes;
	bool fin = l->fin_in;

	if (l->timed_out) {
		l->timed_out = false;
		c->layer_ops->timeout(w, c);
	}
	if (c->flags & CONN_DEAD)
		return;
	c->layer_ops->input(w, c);
	if (c->flags & CONN_DEAD)
		return;
	if (c->flags & CONN_READY) {
		c->flags &= ~CONN_READY;
		/* The first bytes may have ended it; the owner may move it to another worker. */
		if (!(c->flags & CONN_CLOSED_APP))
			c->app->established(w, c);
		if (c->flags & CONN_DEAD)
			return;
	}
	/* Without a layer any more it is told of all there is. */
	if (!(c->flags & CONN_LAYER) || l->in.bytes != bytes || l->fin_in != fin)
		c->flags |= CONN_READABLE;
}

void tcp_recv_now(struct worker *w, struct tcp_conn *c)
{
	if (!(c->flags & CONN_LAYER) || c->flags & CONN_DEAD)
		return;
	c->layer_ops->input(w, c);
	c->flags |= CONN_READABLE;
	conn_dirty(w, c);
}

void layer_output(struct worker *w, struct tcp_conn *c)
{
	if (!(c->flags & CONN_DEAD))
		c->layer_ops->output(w, c);
}

void layer_free(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct tcp_layer *l = c->layer;

	if (!(c->flags & CONN_LAYER))
		return;
	queue_clear(w, &l->in, DROP_TCP_CLOSED);
	queue_clear(w, &l->out, DROP_TCP_CLOSED);
	c->layer_ops->closed(w, c, why);
	c->flags &= ~(uint32_t)CONN_LAYER;
	c->layer = NULL;
}

/* ---- what a layer may call ---- */

struct tcp_layer *tcp_layer(const struct tcp_conn *c)
{
	return c->flags & CONN_LAYER ? c->layer : NULL;
}

void tcp_layer_set(struct tcp_conn *c, struct tcp_layer *l)
{
	c->layer = l;
	c->flags |= CONN_LAYER;
}

const struct tcp_layer_ops *tcp_layer_ops(const struct tcp_conn *c)
{
	return c->layer_ops;
}

void tcp_layer_ready(struct worker *w, struct tcp_conn *c)
{
	c->flags |= CONN_READY;
	conn_dirty(w, c);
}

void tcp_layer_leave(struct worker *w, struct tcp_conn *c)
{
	bool placed = places_has(w, c);

	places_del(w, c);
	layer_free(w, c, TCP_END_DONE);
	c->layer_ops = NULL;
	conn_timer_stop(c, TCP_TIMER_LAYER);
	tcp_recv_limit(c, w->dp->conf->tcp.receive_buffer);
	if (placed) /* among the connections alone */
		places_put(w, c);
	c->flags |= CONN_READY;
}

void tcp_layer_fin(struct worker *w, struct tcp_conn *c)
{
	c->layer->fin_in = true;
	conn_dirty(w, c);
}

void tcp_layer_timer(struct worker *w, struct tcp_conn *c, uint32_t ms)
{
	c->layer->timed_out = false;
	if (ms)
		conn_timer_set(w, c, TCP_TIMER_LAYER, ms);
	else
		conn_timer_stop(c, TCP_TIMER_LAYER);
}

void tcp_layer_again(struct worker *w, struct tcp_conn *c)
{
	conn_dirty(w, c);
}

bool tcp_layer_closing(const struct tcp_conn *c)
{
	return c->flags & CONN_CLOSED_APP;
}

void tcp_recv_limit(struct tcp_conn *c, uint32_t bytes)
{
	/* More than the window field can say, scaled as it was agreed, would be said modulo 2^16.
	 */
	c->rcv_buf = RTE_MIN(bytes, (uint32_t)UINT16_MAX << c->rcv_wscale);
}

struct mbuf_queue *tcp_raw(struct tcp_conn *c)
{
	return &c->rcv;
}

bool tcp_raw_offered(const struct tcp_conn *c, uint32_t n)
{
	int32_t room = (int32_t)(c->rcv_adv - c->rcv_nxt);

	return room >= (int32_t)RTE_MAX(n, (uint32_t)c->rcv_mss);
}

bool tcp_raw_fin(const struct tcp_conn *c)
{
	return c->flags & CONN_FIN_RCVD;
}
