/* SPDX-License-Identifier: BSD-3-Clause */
#include "demux.h"
#include "snapshot.h"
#include "service/backend.h"
#include "tls/expect.h"
#include "tls/tls.h"
#include "turn/leg.h"
#include "../lib/sip_frame.h"
#include "../lib/stun.h"
#include "../lib/tls_hello.h"

enum { STUN_LOOK = 8 }; /* bytes that tell STUN: up to the magic cookie */

/* Owner's bytes of a connection until it is known whose it is. */
struct demux {
	uint16_t listener;
	/* Id of a service: the one that the ClientHello chose; then the one that SIP goes to. */
	uint16_t service;
};
/* It has the role of a client: a command for one that comes too early finds no leg's flags. */
_Static_assert(sizeof(struct demux) <= offsetof(struct leg, flags), "zeros there");

void demux_init(void *data, uint16_t listener)
{
	struct demux d = { .listener = listener, .service = SERVICE_NONE };

	memcpy(data, &d, sizeof(d));
}

/* In order: what came is taken off, or it would be a reset and overtake the close_notify. */
static void demux_close(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	tcp_recv_skip(w, c, tcp_readable(c));
	tcp_close(w, c, why);
}

static void demux_relay(struct worker *w, struct tcp_conn *c)
{
	const struct demux *d = tcp_data(c);

	leg_init(tcp_data(c), d->listener);
	tcp_own(c, &leg_app);
	leg_app.established(w, c);
	tcp_recv_pause(w, c, false); /* readable(), if there is anything */
}

static bool reached_by(const struct config_service *s, const struct config_listener *l)
{
	return s->domain_index == l->domain_index || s->domain_index == CONFIG_DOMAINS_MAX;
}

/* The first service whose clients the listener's domain tells by what they say. */
static uint16_t demux_sip(const struct config *conf, const struct config_listener *l)
{
	for (uint16_t i = 0; i < conf->n_service; i++) {
		const struct config_service *s = &conf->service[i];

		if (s->sip && reached_by(s, l))
			return s->id;
	}
	return SERVICE_NONE;
}

/* The one that takes TLS as it comes, and one of whose protocols the client offers (R2). */
static uint16_t demux_passed(const struct config *conf, const struct config_listener *l,
			     struct rd offered)
{
	for (uint16_t i = 0; i < conf->n_service; i++) {
		const struct config_service *s = &conf->service[i];

		for (uint16_t a = 0;
		     s->tls == SERVICE_TLS_PASS && reached_by(s, l) && a < s->n_alpn; a++) {
			if (tls_alpn_has(offered, s->alpn[a]))
				return s->id;
		}
	}
	return SERVICE_NONE;
}

static bool demux_hello(struct worker *w, struct tcp_conn *c, const uint8_t *record, uint32_t n)
{
	const struct config *conf = snapshot_conf(w->dp);
	struct demux *d = tcp_data(c);
	const struct config_listener *l = listener_at_place(conf, d->listener);

	if (l && !l->has_service)
		d->service = demux_passed(conf, l, tls_hello_alpn(record, n));
	return d->service != SERVICE_NONE;
}

/* No protocol is agreed on in the handshake that the listener's service does not speak. */
static void demux_expect(struct worker *w, struct tcp_conn *c, struct tls_expect *e)
{
	const struct demux *d = tcp_data(c);
	const struct config *conf = snapshot_conf(w->dp);
	const struct config_listener *l = listener_at_place(conf, d->listener);

	e->has_service = l && l->has_service;
	e->service = l ? conf->service[l->service_index].id : SERVICE_NONE;
}

static void demux_established(struct worker *w, struct tcp_conn *c)
{
	struct demux *d = tcp_data(c);
	const struct config *conf = snapshot_conf(w->dp);
	const struct config_listener *l = listener_at_place(conf, d->listener);
	const struct tls_info *tls = tls_info(c);
	uint16_t service = tls ? tls->service : d->service;

	if (!l) {
		demux_close(w, c, TCP_END_LISTENER);
		return;
	}
	if (l->has_service)
		service = conf->service[l->service_index].id;
	if (service < SERVICE_TURN) {
		backend_join(w, c, service);
		return;
	}
	if (service == SERVICE_NONE)
		d->service = demux_sip(conf, l);
	if (d->service == SERVICE_NONE)
		demux_relay(w, c);
	else
		tcp_app_timer(w, c, snapshot_conf(w->dp)->tcp.idle_timeout * 1000);
}

enum first { FIRST_SIP, FIRST_STUN, FIRST_SHORT, FIRST_NEITHER };

/*
 * What the stream that starts with these n > 0 bytes is. ChannelData starts none (turn/leg.c), and
 * what would be STUN of type CRLF no client sends.
 */
static enum first demux_first(const uint8_t *p, uint32_t n)
{
	enum sip_verdict sip = sip_begins(p, n);

	if (sip == SIP_YES)
		return FIRST_SIP;
	if ((p[0] & 0xc0) == 0 && n < STUN_LOOK)
		return FIRST_SHORT;
	if (n >= STUN_LOOK && stun_looks_like(p))
		return FIRST_STUN;
	return sip == SIP_MORE ? FIRST_SHORT : FIRST_NEITHER;
}

static void demux_readable(struct worker *w, struct tcp_conn *c)
{
	uint32_t n = RTE_MIN(tcp_readable(c), (uint32_t)SIP_BEGIN_MAX);
	const struct demux *d = tcp_data(c);
	uint8_t first[SIP_BEGIN_MAX];

	if (n == 0) {
		demux_close(w, c, TCP_END_DONE);
		return;
	}
	tcp_recv_copy(c, 0, first, n);
	switch (demux_first(first, n)) {
	case FIRST_SIP:
		backend_join(w, c, d->service);
		break;
	case FIRST_STUN:
		demux_relay(w, c);
		break;
	case FIRST_NEITHER:
		demux_close(w, c, TCP_END_FRAME_BAD);
		break;
	case FIRST_SHORT:
		break;
	}
}

static void demux_timeout(struct worker *w, struct tcp_conn *c)
{
	demux_close(w, c, TCP_END_IDLE);
}

/* Nothing is held. */
static void demux_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	(void)why;
}

const struct tcp_app demux_app = {
	.name = "demux",
	.role = CONN_CLIENT,
	.expect = demux_expect,
	.hello = demux_hello,
	.established = demux_established,
	.readable = demux_readable,
	.timeout = demux_timeout,
	.closed = demux_closed,
};
