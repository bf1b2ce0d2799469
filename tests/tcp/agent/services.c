/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports that serve by themselves, so that the stack can be measured without a request a step:
 * echo (RFC 862), discard (RFC 863), and a proxy, which joins what comes with a connection of ours
 * to somewhere else (dp/tcp/splice.h).
 */
#include "agent.h"
#include "../../../dp/tcp/splice.h"

static struct {
	const struct tcp_app *app; /* NULL: none */
	struct sock_addr to;	   /* of a proxy */
} service[65536];

/* Owner's bytes of a proxy's connections: the other one's name. */
struct proxied {
	uint8_t keep[SPLICE_KEEP];
	struct ctl_conn other;
};
_Static_assert(sizeof(struct proxied) <= TCP_APP_DATA, "the owner's bytes");

static void on_nothing(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	(void)c;
}

static void on_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	(void)why;
}

/* What has no room stays where it is, and the window closes: writable() goes on. */
static void echo_move(struct worker *w, struct tcp_conn *c)
{
	struct rte_mbuf *m;

	while ((m = tcp_recv_peek(c)) != NULL) {
		if (tcp_send_room(w, c) < m->data_len) {
			tcp_send_wait(c);
			return;
		}
		m = tcp_recv(w, c);
		if (!tcp_send(w, c, m))
			pkt_drop(w, m, DROP_TCP_MEMORY);
	}
	if (tcp_recv_fin(c))
		tcp_close(w, c, TCP_END_DONE);
}

static void discard_move(struct worker *w, struct tcp_conn *c)
{
	struct rte_mbuf *m;

	while ((m = tcp_recv(w, c)) != NULL)
		pkt_consume(w, m);
	if (tcp_recv_fin(c))
		tcp_close(w, c, TCP_END_DONE);
}

static const struct tcp_app echo_app = { .name = "echo",
					 .role = CONN_OTHER,
					 .established = on_nothing,
					 .readable = echo_move,
					 .writable = echo_move,
					 .closed = on_closed };
static const struct tcp_app discard_app = { .name = "discard",
					    .role = CONN_OTHER,
					    .established = on_nothing,
					    .readable = discard_move,
					    .writable = on_nothing,
					    .closed = on_closed };

/* ---- proxy ---- */

static void proxy_out_open(struct worker *w, struct tcp_conn *c)
{
	struct tcp_conn *in = tcp_find(w, ((const struct proxied *)tcp_data(c))->other);

	if (in)
		splice_join(w, in, c, NULL, 0);
	else
		tcp_abort(w, c, TCP_END_PARTNER);
}

/* One of the two ended before they were joined. */
static void proxy_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct tcp_conn *o = tcp_find(w, ((const struct proxied *)tcp_data(c))->other);

	(void)why;
	if (o)
		tcp_abort(w, o, TCP_END_PARTNER);
}

static const struct tcp_app proxy_out_app = { .name = "proxy out",
					      .role = CONN_OTHER,
					      .established = proxy_out_open,
					      .readable = on_nothing,
					      .writable = on_nothing,
					      .closed = proxy_closed };

static void proxy_in_open(struct worker *w, struct tcp_conn *c)
{
	struct proxied d = { .other = tcp_name(w, c) }, *mine = tcp_data(c);
	struct tcp_request r = { 0 };
	struct tcp_conn *out;
	enum tcp_end why;

	tcp_addrs(w, c, &r.local, &r.remote);
	r.remote = service[be16_get(r.local.port)].to;
	r.local.port = be16_make(0);
	memcpy(r.data, &d, sizeof(d));
	out = tcp_connect(w, &r, &proxy_out_app, &why);
	if (out)
		mine->other = tcp_name(w, out);
	else
		tcp_abort(w, c, TCP_END_PARTNER);
}

static const struct tcp_app proxy_in_app = { .name = "proxy in",
					     .role = CONN_OTHER,
					     .established = proxy_in_open,
					     .readable = on_nothing,
					     .writable = on_nothing,
					     .closed = proxy_closed };

/* ---- ports ---- */

const struct tcp_app *services_accept(const struct tcp_request *r)
{
	return service[be16_get(r->local.port)].app;
}

bool services_set(const char *name, uint16_t port, const struct sock_addr *to)
{
	const struct tcp_app *app = !strcmp(name, "echo")      ? &echo_app
				    : !strcmp(name, "discard") ? &discard_app
				    : !strcmp(name, "proxy")   ? &proxy_in_app
							       : NULL;

	service[port].app = app;
	if (to)
		service[port].to = *to;
	return app != NULL;
}
