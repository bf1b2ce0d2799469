/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Terminations: what a controller says of them in Media, Events and Signals, as
 * gateway.h has it. A descriptor replaces the whole of the one before; what is not in it goes back
 * to its default (H.248.1 6.2.4).
 */
#include "mg_priv.h"

#include "../../lib/term.h"

#include <stdio.h>
#include <strings.h>

enum { HANG_MAX_S = 2147480, STOP_MAX_S = 86400 };

/* ---- what is kept ---- */

struct mg_keep mg_keep_get(const struct context *c, uint32_t side)
{
	struct mg_keep keep = { 0 };

	if (mg_is_ours(c))
		memcpy(&keep, c->term[side].keep, sizeof(keep));
	return keep;
}

void mg_term_heard(struct mg *m, struct context *c, uint32_t side)
{
	struct mg_keep keep = mg_keep_get(c, side);
	uint8_t bytes[CONTEXT_KEEP_MAX];

	if (!mg_is_ours(c))
		return;
	keep.heard = server_now(m->s);
	memcpy(bytes, c->term[side].keep, sizeof(bytes));
	memcpy(bytes, &keep, sizeof(keep));
	gate_keep(m->g, c, side, bytes);
}

/* "ip/access/$" names a realm, "ip/$" and "$" do not. */
static bool choose_read(struct mg_work *k, struct h248_text name, struct mg_want *w)
{
	struct h248_text realm = { name.at + 3, name.len > 5 ? name.len - 5 : 0 };

	if (h248_is(name, "$") || h248_is(name, "ip/$"))
		return true;
	if (name.len < 6 || strncasecmp(name.at, "ip/", 3) != 0 ||
	    strncmp(name.at + name.len - 2, "/$", 2) != 0)
		return mg_fail(k, MG_NO_TERMINATION,
			       "Terminations are added as ip/$ or ip/realm/$");
	return mg_realm_find(k->m->s->conf, realm, &w->spec.realm) ||
	       mg_fail(k, MG_NO_TERMINATION, "There is no realm %.*s", H248_TEXT(realm));
}

/* ---- LocalControl ---- */

static bool bad_value(struct mg_work *k, const struct h248_item *i)
{
	return mg_fail(k, MG_VALUE, "%.*s cannot be %.*s", H248_TEXT(i->name), H248_TEXT(i->value));
}

static bool read_number(struct mg_work *k, const struct h248_item *i, uint32_t max, uint32_t *n)
{
	uint64_t v;

	if (i->kind != H248_WORD || !h248_number(i->value, max, &v))
		return bad_value(k, i);
	*n = (uint32_t)v;
	return true;
}

static bool read_switch(struct mg_work *k, const struct h248_item *i, bool *on)
{
	*on = h248_is(i->value, "ON");
	return *on || h248_is(i->value, "OFF") || bad_value(k, i);
}

/* Properties of LocalControl as they are told, before they are made what gateway.h has. */
struct control {
	bool police, filter, filter_port, rtcp;
	uint32_t rate, burst, dscp, mode;
};

static bool read_mode(struct mg_work *k, const struct h248_item *i, struct control *c)
{
	c->mode = h248_token(i->value);
	if (c->mode == H248_LOOPBACK)
		return mg_fail(k, MG_MODE, "Loopback is not served");
	return c->mode == H248_SEND_ONLY || c->mode == H248_RECEIVE_ONLY ||
	       c->mode == H248_SEND_RECEIVE || c->mode == H248_INACTIVE || bad_value(k, i);
}

/* ipdc/realm: of a new termination; of one that is there, the one that it has. */
static bool read_realm(struct mg_work *k, const struct h248_item *i, bool fresh, struct mg_want *w)
{
	uint16_t realm;

	if (!mg_realm_find(k->m->s->conf, i->value, &realm))
		return mg_fail(k, MG_VALUE, "ipdc/realm: there is no realm %.*s",
			       H248_TEXT(i->value));
	if (!fresh && realm != w->spec.realm)
		return mg_fail(k, MG_VALUE, "ipdc/realm of a termination does not change");
	w->spec.realm = realm;
	return true;
}

/* ds/dscp: two hexadecimal digits. */
static bool read_dscp(struct mg_work *k, const struct h248_item *i, uint32_t *dscp)
{
	char text[8];
	uint64_t n;

	snprintf(text, sizeof(text), "0x%.*s", H248_TEXT(i->value));
	if (i->kind != H248_WORD || i->value.len > 2 ||
	    !h248_number((struct h248_text){ text, (uint32_t)strlen(text) }, 63, &n))
		return bad_value(k, i);
	*dscp = (uint32_t)n;
	return true;
}

static bool read_property(struct mg_work *k, const struct h248_item *i, bool fresh,
			  struct control *c, struct mg_want *w)
{
	const struct mg *m = k->m;
	bool on;

	if (i->relation != '=')
		return bad_value(k, i);
	if (i->token == H248_MODE)
		return read_mode(k, i, c);
	if (i->token == H248_RESERVED_VALUE || i->token == H248_RESERVED_GROUP)
		return read_switch(k, i, &on);
	if (mg_is(m, i->name, MG_NAME_REALM))
		return read_realm(k, i, fresh, w);
	if (mg_is(m, i->name, MG_NAME_DSCP))
		return read_dscp(k, i, &c->dscp);
	if (mg_is(m, i->name, MG_NAME_SOURCE_FILTER))
		return read_switch(k, i, &c->filter);
	if (mg_is(m, i->name, MG_NAME_PORT_FILTER))
		return read_switch(k, i, &c->filter_port);
	if (mg_is(m, i->name, MG_NAME_RTCP) || mg_is(m, i->name, MG_NAME_GM_RTCP))
		return read_switch(k, i, &c->rtcp);
	if (mg_is(m, i->name, MG_NAME_POLICE))
		return read_switch(k, i, &c->police);
	if (mg_is(m, i->name, MG_NAME_RATE))
		return read_number(k, i, UINT32_MAX, &c->rate);
	if (mg_is(m, i->name, MG_NAME_BURST))
		return read_number(k, i, UINT32_MAX, &c->burst);
	for (int n = MG_NAME_FIXED_SAM; n <= MG_NAME_FIXED_JIT; n++) {
		if (mg_is(m, i->name, (enum mg_name)n))
			return bad_value(k, i);
	}
	return mg_fail(k, MG_NO_PROPERTY, "%.*s is not served", H248_TEXT(i->name));
}

static bool read_control(struct mg_work *k, const struct h248_item *lc, bool fresh,
			 struct mg_want *w)
{
	struct control c = { .rtcp = true, .dscp = CTL_DSCP_KEEP, .mode = H248_INACTIVE };
	struct ctl_term *t = &w->spec.term;

	for (const struct h248_item *i = h248_child(k->in, lc); i; i = h248_next(k->in, i)) {
		if (!read_property(k, i, fresh, &c, w))
			return false;
	}
	if (c.police && (!c.rate || !c.burst))
		return mg_fail(k, MG_VALUE, "tman/pol needs tman/sdr and tman/mbs");
	w->keep.mode = (uint8_t)c.mode;
	w->keep.no_rtcp = !c.rtcp;
	w->keep.any_port = !c.filter_port;
	t->dscp = (uint8_t)c.dscp;
	t->rate = c.police ? c.rate : 0;
	t->burst = c.police ? c.burst : 0;
	return true;
}

/* ---- Local and Remote ---- */

enum { ROLES = TERM_CONNECT | TERM_TLS_CLIENT };

/* Who is active connects, and is TLS' or DTLS' client. */
static uint16_t role_flags(const struct mg_sdp *s)
{
	if (!s->active)
		return 0;
	if (s->rtp == MG_DTLS)
		return TERM_TLS_CLIENT;
	return s->transport == TERM_TLS ? TERM_CONNECT | TERM_TLS_CLIENT : TERM_CONNECT;
}

/* A lite agent's (RFC 8445 2.5); chosen anew it begins anew (9). */
static bool read_ice(struct mg_work *k, const struct mg_sdp *s, struct mg_want *w)
{
	const struct ctl_term *t = &w->spec.term;
	const bool had = t->flags & TERM_ICE;

	if (s->half_ice)
		return mg_fail(k, MG_BAD_SDP, "of a=ice-ufrag and a=ice-pwd one is missing");
	if (s->ice && s->transport != TERM_UDP)
		return mg_fail(k, MG_VALUE, "ICE is served for UDP alone");
	w->keep.ice = s->ice;
	w->spec.restart = s->choose_ice && had;
	w->told |= s->choose_ice;
	return !s->ice || s->choose_ice ||
	       (had && sdp_text_is(s->ice_text[0], t->ufrag) &&
		sdp_text_is(s->ice_text[1], t->pwd)) ||
	       mg_fail(k, MG_VALUE, "The gateway chooses a=ice-ufrag and a=ice-pwd: they have a $");
}

/* Ours: to be chosen, or the one that it has. */
static bool read_local(struct mg_work *k, const struct h248_item *i, struct mg_want *w)
{
	struct mg_sdp s;

	if (!mg_sdp_read(k, i->value, &s))
		return false;
	if (s.empty)
		return mg_fail(k, MG_NOT_IMPLEMENTED, "An empty Local is not served: subtract it");
	if (addr_given(&w->local) &&
	    ((!s.choose_addr && !ip_eq(&s.addr[0].ip, &w->local.ip)) ||
	     s.v6 == ip_is_v4(&w->local.ip) ||
	     (!s.choose_port && be16_get(s.addr[0].port) != be16_get(w->local.port))))
		return mg_fail(k, MG_VALUE, "The address of a termination does not change");
	if (!addr_given(&w->local) && !s.choose_addr)
		return mg_fail(k, MG_VALUE, "The gateway chooses the address: c= has no $");
	if (addr_given(&w->local) && s.transport != w->spec.term.transport)
		return mg_fail(k, MG_VALUE, "The transport of a termination does not change");
	if (!read_ice(k, &s, w))
		return false;
	w->spec.term.transport = s.transport;
	if (s.role || !addr_given(&w->local))
		w->spec.term.flags = (uint16_t)((w->spec.term.flags & ~ROLES) | role_flags(&s));
	w->told |= s.choose_addr || s.choose_port;
	if (s.key.set) {
		w->keyed_out = true;
		w->srtp.out = s.key;
		explicit_bzero(&s.key, sizeof(s.key));
	}
	w->spec.v6 = s.v6;
	w->keep.rtp = s.rtp;
	w->keep.mux = s.mux;
	memcpy(w->spec.note, s.media, sizeof(w->spec.note));
	if (!s.choose_port)
		w->spec.port = be16_get(s.addr[0].port);
	return true;
}

static bool read_remote(struct mg_work *k, const struct h248_item *i, struct mg_want *w)
{
	struct ctl_term *t = &w->spec.term;
	struct mg_sdp s;

	if (!mg_sdp_read(k, i->value, &s))
		return false;
	if (s.choose_addr || s.choose_port || s.choose_ice)
		return mg_fail(k, MG_BAD_SDP, "Remote has a $ in it");
	memset(t->remote, 0, sizeof(t->remote));
	memset(t->fingerprint, 0, sizeof(t->fingerprint));
	t->n_fingerprint = 0;
	t->dtls_id = 0;
	if (s.empty)
		return true;
	if (s.key.set) {
		w->keyed_in = true;
		w->srtp.in = s.key;
		explicit_bzero(&s.key, sizeof(s.key));
	}
	w->remote_by = s.transport;
	w->remote_dtls = s.rtp == MG_DTLS;
	t->dtls_id = s.tls_id;
	t->n_fingerprint = s.n_fingerprint;
	memcpy(t->fingerprint, s.fingerprint, sizeof(t->fingerprint));
	t->remote[0] = s.addr[0];
	t->remote[1] = s.addr[1];
	return true;
}

static bool read_stream(struct mg_work *k, const struct h248_item *stream, bool fresh,
			struct mg_want *w)
{
	for (const struct h248_item *i = h248_child(k->in, stream); i; i = h248_next(k->in, i)) {
		bool good = true;

		if (i->token == H248_LOCAL_CONTROL)
			good = read_control(k, i, fresh, w);
		else if (i->token == H248_LOCAL)
			good = read_local(k, i, w);
		else if (i->token == H248_REMOTE)
			good = read_remote(k, i, w);
		else if (i->token != H248_STATISTICS && i->token != H248_TERMINATION_STATE)
			good = mg_fail(k, MG_UNKNOWN_DESCRIPTOR, "%.*s in Media is not served",
				       H248_TEXT(i->name));
		if (!good)
			return false;
	}
	return true;
}

static bool read_media(struct mg_work *k, const struct h248_item *media, bool fresh,
		       struct mg_want *w)
{
	const struct h248_item *stream = h248_find(k->in, media, H248_STREAM);
	uint64_t n;

	if (!stream)
		return read_stream(k, media, fresh, w);
	if (!h248_number(stream->value, 255, &n) || n == 0)
		return bad_value(k, stream);
	for (const struct h248_item *i = h248_next(k->in, stream); i; i = h248_next(k->in, i)) {
		if (i->token == H248_STREAM)
			return mg_fail(k, MG_NOT_IMPLEMENTED, "A termination has one stream");
	}
	w->keep.stream = (uint8_t)n;
	return read_stream(k, stream, fresh, w);
}

/* ---- Signals and Events ---- */

/* ipnapt/latch; a new descriptor stops what is not in it. */
static bool read_signals(struct mg_work *k, const struct h248_item *signals, struct mg_want *w)
{
	w->keep.latched = false;
	for (const struct h248_item *i = h248_child(k->in, signals); i; i = h248_next(k->in, i)) {
		const struct h248_item *p =
		    h248_find_name(k->in, i, mg_name(k->m, MG_NAME_LATCH_HOW));

		if (!mg_is(k->m, i->name, MG_NAME_LATCH))
			return mg_fail(k, MG_NO_SIGNAL, "%.*s is not served", H248_TEXT(i->name));
		if (p && h248_is(p->value, "OFF")) {
			w->keep.latched = false;
		} else if (!p || h248_is(p->value, "LATCH") || h248_is(p->value, "RELATCH")) {
			w->keep.latched = true;
			w->spec.begin = true;
		} else {
			return bad_value(k, p);
		}
	}
	return true;
}

static bool read_event(struct mg_work *k, const struct h248_item *i, struct mg_want *w)
{
	const struct h248_item *p;

	if (mg_is(k->m, i->name, MG_NAME_CAUSE)) {
		w->keep.events |= 1 << MG_EVENT_CAUSE;
		return true;
	}
	if (mg_is(k->m, i->name, MG_NAME_TCP_CHANGE) || mg_is(k->m, i->name, MG_NAME_TLS_CHANGE)) {
		w->keep.events |= 1 << MG_EVENT_UP;
		return true;
	}
	if (mg_is(k->m, i->name, MG_NAME_ADDRESS)) {
		w->keep.events |= 1 << MG_EVENT_ADDRESS;
		return true;
	}
	if (mg_is(k->m, i->name, MG_NAME_HANG)) {
		p = h248_find_name(k->in, i, mg_name(k->m, MG_NAME_HANG_TIMER));
		w->keep.events |= 1 << MG_EVENT_HANG;
		w->keep.hang_s = 0;
		return !p || read_number(k, p, HANG_MAX_S, &w->keep.hang_s);
	}
	if (mg_is(k->m, i->name, MG_NAME_STOP)) {
		p = h248_find_name(k->in, i, mg_name(k->m, MG_NAME_STOP_TIME));
		w->keep.events |= 1 << MG_EVENT_STOP;
		return !p || read_number(k, p, STOP_MAX_S, &w->spec.term.inactivity);
	}
	return mg_fail(k, MG_NO_EVENT, "%.*s is not served", H248_TEXT(i->name));
}

static bool read_events(struct mg_work *k, const struct h248_item *events, struct mg_want *w)
{
	w->keep.events = 0;
	w->keep.hang_s = 0;
	w->keep.request = 0;
	w->spec.term.inactivity = 0;
	if (events->kind != H248_NONE && !read_number(k, events, UINT32_MAX, &w->keep.request))
		return false;
	for (const struct h248_item *i = h248_child(k->in, events); i; i = h248_next(k->in, i)) {
		if (!read_event(k, i, w))
			return false;
	}
	return true;
}

/* ---- all of a command ---- */

/* Which bits of its flags its mode is, seen from outside of the context, and the topology. */
static uint16_t media_flags(const struct mg_keep *keep)
{
	const uint16_t out = keep->shut ? 0 : TERM_OUT;

	switch (keep->mode) {
	case H248_SEND_RECEIVE:
		return TERM_IN | out;
	case H248_SEND_ONLY:
		return out;
	case H248_RECEIVE_ONLY:
		return TERM_IN;
	default:
		return 0;
	}
}

/*
 * TCP and TLS: whoever connects from the remote's address is the remote, with latching whoever
 * does. It listens, or connects, once that much is known.
 */
static void settle_stream(struct mg_want *w)
{
	struct ctl_term *t = &w->spec.term;
	const bool known = addr_given(&t->remote[0]), connects = t->flags & TERM_CONNECT;
	const bool ready = known || (w->keep.latched && !connects);
	uint16_t flags = (t->flags & ROLES) | media_flags(&w->keep);

	if (!connects && ready)
		flags |= w->keep.latched ? TERM_LATCH : TERM_LATCH | TERM_LATCH_ADDR;
	t->flags = flags;
	w->spec.begin = ready && (w->spec.begin || !w->keep.begun);
	w->keep.begun |= ready;
	w->spec.notify = 1 << TERM_UP | 1 << TERM_ENDED | 1 << TERM_REFUSED;
	memcpy(w->spec.keep, &w->keep, sizeof(w->keep));
}

/* Flags that hang on more than one descriptor. */
static void settle_media(struct mg_want *w)
{
	struct ctl_term *t = &w->spec.term;
	const bool dtls = w->keep.rtp == MG_DTLS;
	uint16_t flags = media_flags(&w->keep);

	if (dtls)
		flags |= TERM_RTP | TERM_SRTP | TERM_DTLS | (t->flags & TERM_TLS_CLIENT);
	else if (w->keep.rtp == MG_SRTP)
		flags |= TERM_RTP | TERM_SRTP;
	else if (w->keep.rtp && !w->keep.no_rtcp)
		flags |= TERM_RTP;
	if (flags & TERM_RTP && w->keep.mux)
		flags |= TERM_RTCP_MUX;
	if (w->keep.ice) /* the remote is who is nominated, and nobody else is learnt */
		flags |= TERM_ICE;
	else if (w->keep.latched)
		flags |= TERM_LATCH;
	else if (w->keep.any_port && addr_given(&t->remote[0]))
		flags |= TERM_LATCH_ADDR;
	t->flags = flags;
	/* RTCP may come back later, by the port above; one that the controller names may be odd. */
	w->spec.pair = w->keep.rtp && !(w->spec.port & 1);
	if (!dtls)
		term_dtls_clear(t);
	w->spec.begin &= w->keep.latched && !w->keep.ice;
	w->spec.notify = 1 << TERM_ENDED | 1 << TERM_INACTIVE | 1 << TERM_LATCHED;
	if (dtls)
		w->spec.notify |= 1 << TERM_UP | 1 << TERM_REFUSED;
	memcpy(w->spec.keep, &w->keep, sizeof(w->keep));
}

void mg_term_settle(struct mg_want *w)
{
	if (w->spec.term.transport == TERM_UDP)
		settle_media(w);
	else
		settle_stream(w);
}

static bool read_descriptor(struct mg_work *k, const struct h248_item *i, bool fresh,
			    struct mg_want *w)
{
	if (i->broken)
		return mg_fail(k, MG_BAD_COMMAND, "Syntax error in command");
	switch (i->token) {
	case H248_MEDIA:
		return read_media(k, i, fresh, w);
	case H248_EVENTS:
		return read_events(k, i, w);
	case H248_SIGNALS:
		return read_signals(k, i, w);
	case H248_STATISTICS:
	case H248_AUDIT:
		return true;
	default:
		return mg_fail(k, MG_UNKNOWN_DESCRIPTOR, "%.*s is not served", H248_TEXT(i->name));
	}
}

bool mg_term_read(struct mg_work *k, const struct h248_item *command, bool fresh, struct mg_want *w)
{
	if (fresh && !choose_read(k, command->value, w))
		return false;
	for (const struct h248_item *i = h248_child(k->in, command); i; i = h248_next(k->in, i)) {
		if (!read_descriptor(k, i, fresh, w))
			return false;
	}
	w->keep.heard = server_now(k->m->s);
	if ((w->keyed_in || w->keyed_out) && w->keep.rtp != MG_SRTP)
		return mg_fail(k, MG_VALUE, "a=crypto is for RTP/SAVP and RTP/SAVPF in Local");
	if (w->srtp.in.set && w->srtp.out.set &&
	    memcmp(w->srtp.in.master, w->srtp.out.master, sizeof(w->srtp.in.master)) == 0)
		return mg_fail(k, MG_VALUE, "a=crypto of Local and Remote have the same key");
	if (w->remote_by &&
	    (w->remote_by != w->spec.term.transport || w->remote_dtls != (w->keep.rtp == MG_DTLS)))
		return mg_fail(k, MG_VALUE, "Local and Remote are of two transports");
	mg_term_settle(w);
	return true;
}

bool mg_term_keys_ready(struct mg_work *k, struct context *c, const struct mg_want *w)
{
	return (!w->keyed_in && !w->keyed_out) || gate_srtp_reserve(k->m->g, c) ||
	       mg_fail(k, MG_NO_RESOURCES, "There is no memory for keys");
}

bool mg_term_keys(struct mg_work *k, struct context *c, uint32_t side, const struct mg_want *w)
{
	if (!w->keyed_in && !w->keyed_out)
		return true;
	return gate_srtp_set(k->m->g, c, side, &w->srtp) ||
	       mg_fail(k, MG_NO_RESOURCES, "There is no memory for keys");
}
