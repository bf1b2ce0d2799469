/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reload of gateway.h248-*: controllers come and go, and who serves us goes on if it can. One
 * that does not any more, or is to know us by another name, is told that this association is over
 * (H.248.1 7.2.8, Forced), again and again until it answers, as with other requests (D.1).
 */
#include "mg_priv.h"

#include "../log.h"

#include <stdio.h>
#include <string.h>

/* ---- who serves us no more ---- */

static void leave_end(struct mg *m)
{
	m->leave = (struct mg_leave){ 0 };
	mg_file_leave(m);
	mg_udp_hear(m);
}

/* The message stands in *l; it is sent by whoever asks for it. */
static void leave_make(struct mg *m, const struct sock_addr *to, struct mg_leave *l)
{
	char text[ADDR_STR_MAX];
	struct h248_out o;

	*l = (struct mg_leave){ .to = *to,
				.begun_ms = m->s->now_ms,
				.again_ms = m->s->now_ms + mg_again_after(m, 0) };
	l->id = mg_request_begin(m, &o);
	mg_service_change(m, &o, H248_FORCED, "905 Termination taken out of service", 0);
	h248_close(&o);
	log_line("h248: the controller %s is told that it is in charge no more",
		 sock_addr_format(to, text, sizeof(text)));
	l->len = (uint32_t)wr_len(&o.w);
	memcpy(l->text, o.w.start, l->len);
}

static void leave_send(struct mg *m)
{
	mg_send(m, &(struct source_addr){ .addr = m->leave.to }, m->leave.text, m->leave.len);
}

void mg_leave_begin(struct mg *m, const struct sock_addr *to, const char *mid)
{
	char own[MG_MID_MAX];

	memcpy(own, m->mid, sizeof(own));
	snprintf(m->mid, sizeof(m->mid), "%s", mid);
	leave_make(m, to, &m->leave);
	memcpy(m->mid, own, sizeof(own));
	mg_file_leave(m);
	mg_udp_hear(m);
	leave_send(m);
}

/* Who serves us. A connection ends with the association: nothing comes back. */
static void leave_current(struct mg *m)
{
	char mid[MG_MID_MAX];
	struct mg_leave l;

	if (!mg_by_stream(m)) {
		memcpy(mid, m->mid, sizeof(mid));
		mg_leave_begin(m, mg_controller(m), mid);
		return;
	}
	leave_make(m, mg_controller(m), &l);
	mg_send_controller(m, l.text, l.len);
}

bool mg_leaving(const struct mg *m, const struct source_addr *from)
{
	return !from->stream && be16_get(m->leave.to.port) &&
	       ip_eq(&from->addr.ip, &m->leave.to.ip);
}

void mg_leave_reply(struct mg *m, const struct source_addr *from, const struct h248_item *reply)
{
	uint64_t id;

	if (mg_leaving(m, from) && h248_number(reply->value, UINT32_MAX, &id) && id == m->leave.id)
		leave_end(m);
}

void mg_leave_tick(struct mg *m)
{
	struct mg_leave *l = &m->leave;

	if (be16_get(l->to.port) && m->s->now_ms - l->begun_ms >= MG_LOST_MS)
		leave_end(m);
	if (be16_get(l->to.port) && m->s->now_ms >= l->again_ms) {
		l->again_ms = m->s->now_ms + mg_again_after(m, ++l->tries);
		m->stats.repeated++;
		leave_send(m);
	}
	if (m->n_controller || be16_get(l->to.port))
		return;
	mg_udp_close(m);
	event_del(m->timer);
}

/* ---- a reload ---- */

bool mg_prepare(struct server *s, struct event_base *base, const struct config *c, char *err,
		size_t errlen)
{
	const struct config_gateway *to = &c->gateway;
	const struct sock_addr at = { to->h248_addr, be16_make(to->h248_port) };
	struct mg *m;

	if (!s->gateway || (!s->mg && !to->n_h248_controller))
		return true;
	if (!s->mg && !(s->mg = mg_create(s, s->gateway, base, err, errlen)))
		return false;
	m = s->mg;
	m->next_profile = strcmp(s->conf->gateway.h248_profile, to->h248_profile) != 0;
	if (!mg_names_load(&m->next_names, to->h248_names, err, errlen))
		return false;
	if (!mg_sctp_check(to, err, errlen))
		return false;
	if (mg_wants_tls(to) && !(m->next_tls = mg_stream_load(to, err, errlen)))
		return false;
	if (!to->n_h248_controller || (m->udp && sock_addr_eq(&m->bound, &at)))
		return true;
	m->next_udp = mg_udp_open(m, to, err, errlen);
	return m->next_udp != NULL;
}

static bool is_listed(const struct config_gateway *c, const struct sock_addr *a)
{
	for (uint16_t i = 0; i < c->n_h248_controller; i++) {
		if (ip_eq(&c->h248_controller[i].addr, &a->ip) &&
		    c->h248_controller[i].port == be16_get(a->port))
			return true;
	}
	return false;
}

/* Whether a controller is reached by another way than before. */
static bool way_differs(const struct config_h248_controller *a,
			const struct config_h248_controller *b)
{
	return a->transport != b->transport || strcmp(a->name, b->name) != 0;
}

/* Whether who is in charge, or is asked, is. */
static bool our_way_differs(const struct mg *m, const struct config_gateway *c)
{
	const struct config_h248_controller *was = &m->conf[m->assoc.controller];

	for (uint16_t i = 0; m->n_controller && i < c->n_h248_controller; i++) {
		const struct config_h248_controller *to = &c->h248_controller[i];

		if (ip_eq(&to->addr, &was->addr) && to->port == was->port)
			return way_differs(to, was);
	}
	return false;
}

static bool list_differs(const struct mg *m, const struct config_gateway *c)
{
	if (m->n_controller != c->n_h248_controller)
		return true;
	for (uint16_t i = 0; i < m->n_controller; i++) {
		if (!ip_eq(&c->h248_controller[i].addr, &m->controller[i].ip) ||
		    c->h248_controller[i].port != be16_get(m->controller[i].port) ||
		    way_differs(&c->h248_controller[i], &m->conf[i]))
			return true;
	}
	return false;
}

static void udp_take(struct mg *m)
{
	if (!m->next_udp)
		return;
	mg_udp_close(m);
	m->udp = m->next_udp;
	m->next_udp = NULL;
	datagram_enable(m->udp);
}

static void tls_take(struct server *s, struct mg *m)
{
	SSL_CTX_free(m->tls);
	m->tls = m->next_tls;
	m->next_tls = NULL;
	s->own_cert[OWN_CERT_H248] = mg_certificate(m);
}

void mg_finish(struct server *s, bool apply)
{
	const struct config_gateway *c = &s->conf->gateway;
	struct sock_addr was[CONFIG_H248_CONTROLLERS_MAX];
	struct mg *m = s->mg;
	char mid[MG_MID_MAX];
	uint16_t n_was;
	bool anew;

	if (!m)
		return;
	if (!apply) {
		datagram_close(m->next_udp);
		m->next_udp = NULL;
		SSL_CTX_free(m->next_tls);
		m->next_tls = NULL;
		return;
	}
	tls_take(s, m);
	m->names = m->next_names;
	mg_mid(c, mid);
	anew = strcmp(mid, m->mid) != 0 || our_way_differs(m, c);
	if (!anew && !m->next_profile && !m->next_udp && !list_differs(m, c))
		return;
	n_was = m->n_controller;
	memcpy(was, m->controller, sizeof(was));
	/* In the name, and from the port, that it knows. */
	if (n_was && m->assoc.state == MG_SERVED && (anew || !is_listed(c, mg_controller(m))))
		leave_current(m);
	udp_take(m);
	mg_take_conf(m);
	mg_assoc_relist(m, was, n_was, anew || m->next_profile);
}
