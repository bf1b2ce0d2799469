/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The owner of the agent's connections. It takes nothing by itself: bytes stay in the stack until
 * a request asks for them, as they do in a kernel socket, so windows close.
 */
#include "agent.h"

#include <stdlib.h>

struct agent agent;

/* The owner's bytes of a connection. */
struct conn_data {
	uint32_t id; /* 0: none yet */
};
_Static_assert(sizeof(struct conn_data) <= TCP_APP_DATA, "the owner's bytes");

struct agent_conn *conns_get(uint32_t id)
{
	struct agent_conn *a = id ? &agent.conn[id % agent.conns_max] : NULL;

	return a && a->id == id ? a : NULL;
}

struct tcp_conn *conns_live(const struct agent_conn *a)
{
	return a->ended ? NULL : tcp_find(agent.w, a->name);
}

/* The place of one that has ended, the oldest first; the table holds more than the stack. */
static struct agent_conn *conns_new(void)
{
	struct agent_conn *a;

	do
		a = &agent.conn[++agent.last_id % agent.conns_max];
	while (!agent.last_id || (a->id && !a->ended));
	agent.untaken -= a->established && !a->taken;
	free(a->rest);
	*a = (struct agent_conn){ .id = agent.last_id };
	return a;
}

static struct agent_conn *conns_of(struct tcp_conn *c)
{
	return conns_get(((const struct conn_data *)tcp_data(c))->id);
}

static void on_established(struct worker *w, struct tcp_conn *c)
{
	struct conn_data *d = tcp_data(c);
	struct agent_conn *a = conns_get(d->id);

	if (!a) {
		a = conns_new();
		d->id = a->id;
		a->name = tcp_name(w, c);
	}
	agent.untaken += !a->taken;
	a->established = true;
	tcp_addrs(w, c, &a->local, &a->remote);
}

static void on_ready(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	(void)c;
}

static void on_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct agent_conn *a = conns_of(c);
	uint32_t n = tcp_readable(c);

	(void)w;
	if (!a)
		return;
	a->rest = n ? malloc(n) : NULL;
	if (a->rest) {
		tcp_recv_copy(c, 0, a->rest, n);
		a->rest_len = n;
	}
	a->rest_fin = c->flags & CONN_FIN_RCVD;
	a->ended = true;
	a->why = why;
}

static const struct tcp_app app = {
	.name = "agent",
	.role = CONN_OTHER,
	.established = on_established,
	.readable = on_ready,
	.writable = on_ready,
	.closed = on_closed,
};

const struct tcp_app *conns_accept(struct worker *w, struct tcp_request *r)
{
	(void)w;
	memset(r->data, 0, sizeof(r->data));
	return agent.listening[be16_get(r->local.port)] ? &app : services_accept(r);
}

struct agent_conn *conns_next(uint16_t port)
{
	uint32_t id = agent.last_id < agent.conns_max ? 1 : agent.last_id - agent.conns_max + 1;

	for (; agent.untaken && id <= agent.last_id; id++) {
		struct agent_conn *a = conns_get(id);

		if (a && !a->taken && a->established &&
		    (!port || be16_get(a->local.port) == port)) {
			a->taken = true;
			agent.untaken--;
			return a;
		}
	}
	return NULL;
}

struct agent_conn *conns_open(const struct sock_addr *src, const struct sock_addr *dst,
			      enum tcp_end *why)
{
	struct agent_conn *a = conns_new();
	struct tcp_request r = { .local = *src, .remote = *dst };
	struct tcp_conn *c;

	memcpy(r.data, &(struct conn_data){ .id = a->id }, sizeof(struct conn_data));
	a->taken = a->active = true;
	c = tcp_connect(agent.w, &r, &app, why);
	if (!c) {
		a->ended = true;
		a->why = *why;
		return NULL;
	}
	a->name = tcp_name(agent.w, c);
	tcp_addrs(agent.w, c, &a->local, &a->remote);
	return a;
}

uint32_t conns_readable(const struct agent_conn *a, bool *fin)
{
	struct tcp_conn *c = conns_live(a);

	if (!c) {
		*fin = a->rest_fin;
		return a->rest_len - a->rest_at;
	}
	*fin = c->flags & CONN_FIN_RCVD;
	return tcp_readable(c);
}

void conns_read(struct agent_conn *a, uint8_t *to, uint32_t n)
{
	struct tcp_conn *c = conns_live(a);

	a->received += n;
	if (c) {
		tcp_recv_copy(c, 0, to, n);
		tcp_recv_skip(agent.w, c, n);
		return;
	}
	memcpy(to, a->rest + a->rest_at, n);
	a->rest_at += n;
}
