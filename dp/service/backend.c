/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend.h"
#include "sip_keepalive.h"
#include "../relay/joined.h"
#include "../snapshot.h"
#include "../net/ip.h"
#include "../net/neigh.h"
#include "../tcp/splice.h"
#include "../tls/tls.h"
#include "../../lib/proxy_header.h"

/* Owner's bytes of each of the two until they are joined. */
struct half {
	struct tcp_conn *other; /* NULL when it has ended */
	/* As the service had them when the client chose it. */
	enum config_crlf crlf;
	enum config_proxy proxy;
	uint16_t service; /* its id */
};
_Static_assert(sizeof(struct half) <= TCP_APP_DATA, "owner's bytes");

static struct half *half_of(struct tcp_conn *c)
{
	return tcp_data(c);
}

/*
 * In order, with the close_notify: what the client sent is taken off first, since bytes that nobody
 * read would make it a reset.
 */
static void client_end(struct worker *w, struct tcp_conn *c)
{
	tcp_recv_skip(w, c, tcp_readable(c));
	tcp_close(w, c, TCP_END_BACKEND);
}

/* ---- the client's connection, of which nothing is read: a FIN waits behind its bytes ---- */

static void client_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct tcp_conn *other = half_of(c)->other;

	(void)why;
	if (!other)
		return;
	half_of(other)->other = NULL;
	tcp_abort(w, other, TCP_END_PARTNER);
}

static const struct tcp_app client_app = {
	.name = "service",
	.role = CONN_DATA,
	.closed = client_closed,
};

/* ---- the back end's ---- */

/* Who the client is, as the first bytes (R94). False: there was no buffer for them. */
static bool backend_tell(struct worker *w, struct tcp_conn *c, const struct tcp_conn *client)
{
	const struct tls_info *tls = tls_info(client);
	uint8_t text[PROXY_HEADER_MAX];
	struct wr out = wr_init(text, sizeof(text));
	struct proxy_header h = { .tls = tls ? tls->version : 0, .cert = tls && tls->peer_cert };

	tcp_addrs(w, client, &h.server, &h.client);
	proxy_header_write(&out, &h);
	return tcp_send_bytes(w, c, text, (uint32_t)wr_len(&out));
}

static struct joined_of service_of(struct worker *w, uint16_t id)
{
	const struct config_service *s = config_service_by_id(snapshot_conf(w->dp), id);

	return (struct joined_of){ .service = s ? s->name : NULL };
}

static void service_over(struct worker *w, const struct splice_end *e)
{
	const struct joined_of of = service_of(w, e->tag);

	joined_over(w, e, &of);
}

static const struct splice_ops service_ops = { .over = service_over };

static void backend_established(struct worker *w, struct tcp_conn *c)
{
	const struct half *h = half_of(c);
	enum config_crlf crlf = h->crlf;
	struct tcp_conn *client = h->other;
	const uint16_t id = h->service;
	struct joined_of of;

	if (!client)
		return;
	tcp_show(w, client); /* the back end may ask about it */
	if (h->proxy == PROXY_V2 && !backend_tell(w, c, client)) {
		tcp_abort(w, c, TCP_END_NO_BUFFER);
		return;
	}
	tcp_guest(w, client); /* who it is the back end will know, and not tell */
	tcp_charge_with(w, c, client);
	of = service_of(w, id);
	splice_join(w, client, c, &service_ops, id);
	joined_begun(w, client, c, &of);
	if (crlf == CRLF_ANSWER)
		keepalive_join(client, c);
	count(w, CNT_TLS_SERVICE);
}

static void backend_timeout(struct worker *w, struct tcp_conn *c)
{
	tcp_abort(w, c, TCP_END_TIMEOUT);
}

static void backend_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct tcp_conn *client = half_of(c)->other;

	(void)why;
	if (!client)
		return;
	half_of(client)->other = NULL;
	client_end(w, client);
}

static const struct tcp_app backend_app = {
	.name = "backend",
	.role = CONN_DATA,
	.established = backend_established,
	.timeout = backend_timeout,
	.closed = backend_closed,
};

/* From the port's address that the way to the back end starts at. */
static struct tcp_conn *backend_connect(struct worker *w, const struct sock_addr *to)
{
	struct tcp_request r = { .remote = *to };
	const struct ip_addr *own;
	enum tcp_end why;
	struct ip_addr via;
	uint16_t port;

	if (!ip_route(w->dp, NULL, NULL, &to->ip, &port, &via))
		return NULL;
	own = port_addr_for(w->dp, &w->dp->port[port], &via);
	if (!own)
		return NULL;
	r.local.ip = *own;
	return tcp_connect(w, &r, &backend_app, &why);
}

void backend_join(struct worker *w, struct tcp_conn *client, uint16_t service)
{
	const struct config_service *s = config_service_by_id(snapshot_conf(w->dp), service);
	struct tcp_conn *c = s ? backend_connect(w, &s->backend) : NULL;

	tcp_own(client, &client_app);
	*half_of(client) = (struct half){ .other = c };
	if (!c) {
		client_end(w, client);
		return;
	}
	*half_of(c) = (struct half){ client, s->crlf, s->proxy, service };
	tcp_recv_pause(w, client, true);
	tcp_app_timer(w, c, snapshot_conf(w->dp)->tcp.connect_timeout * 1000);
}
