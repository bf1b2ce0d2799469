/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is told of a termination in replies and audits (H.248.1 7.2.5, 7.2.6): its descriptors as
 * they are, and as they could be. An audit of version 3 names single items of them. Keys are never
 * told.
 */
#include "mg_priv.h"

#include "../../conf/kept.h"

#include <stdio.h>
#include <string.h>

enum {
	ICE_LINES_MAX = 64 + CTL_UFRAG_MAX + CTL_PWD_MAX + 2 * (64 + ADDR_STR_MAX),
	ICE_PRIORITY =
	    (126 << 24) + (65535 << 8) + 256, /* a host's one address (RFC 8445 5.1.2.1) */
};

/* ---- which ---- */

/* Whether a descriptor asks for one that is in it; *which: that one, NULL: all of it. */
static bool asks(const struct mg_work *k, const struct h248_item *in, enum h248_token token,
		 const struct h248_item **which)
{
	const bool all = !in || !h248_child(k->in, in);

	*which = all ? NULL : h248_find(k->in, in, token);
	return all || *which;
}

bool mg_asked(const struct mg_work *k, const struct h248_item *descriptor, enum mg_name name)
{
	return !descriptor || !h248_child(k->in, descriptor) ||
	       h248_find_name(k->in, descriptor, mg_name(k->m, name));
}

/* Braces with nothing in them are no descriptor: it is as if it had not begun. */
static void close_or_drop(struct mg_work *k, const struct h248_out *before, size_t opened)
{
	if (wr_len(&k->o.w) == opened)
		k->o = *before;
	else
		h248_close(&k->o);
}

/* ---- session descriptions ---- */

/* What one of TCP, TLS or DTLS has beside. */
static void role_line(const struct ctl_term *t, char *to, size_t len)
{
	snprintf(to, len, "a=setup:%s\r\n",
		 t->flags & (TERM_CONNECT | TERM_TLS_CLIENT) ? "active" : "passive");
}

static void fingerprint_line(const struct fingerprint *fp, char *to, size_t len)
{
	char text[FP_TEXT_MAX];
	const size_t at = strlen(to);

	fingerprint_format(fp, text, sizeof(text));
	snprintf(to + at, len - at, "a=fingerprint:%s\r\n", text);
}

/* RFC 8839 5.1, 5.4: what a remote needs for its checks; one candidate, of RTP and of RTCP. */
static void ice_lines(const struct mg_work *k, const struct context *c, uint32_t side, char *to,
		      size_t len)
{
	const struct ctl_term *t = &c->term[side].term;
	const uint32_t parts = (t->flags & (TERM_RTP | TERM_RTCP_MUX)) == TERM_RTP ? 2 : 1;
	int at = snprintf(to, len, "a=ice-ufrag:%.*s\r\na=ice-pwd:%.*s\r\n", (int)sizeof(t->ufrag),
			  t->ufrag, (int)sizeof(t->pwd), t->pwd);

	for (uint32_t part = 1; part <= parts && (size_t)at < len; part++) {
		char ip[ADDR_STR_MAX];
		struct sock_addr a;

		gate_local(k->m->g, c, side, part == 2, &a);
		ip_format(&a.ip, ip, sizeof(ip));
		at += snprintf(to + at, len - (size_t)at,
			       "a=candidate:1 %u UDP %u %s %u typ host\r\n", part,
			       ICE_PRIORITY - part, ip, be16_get(a.port));
	}
}

/* Local or Remote: whose m-line was told, with this address, and lines behind it. */
static void put_description(struct mg_work *k, const struct context *c, uint32_t side,
			    enum h248_token token, const struct sock_addr *a, const char *more)
{
	const char *note = (const char *)c->term[side].note,
		   *tab = memchr(note, '\t', CONTEXT_NOTE_MAX);
	char address[ADDR_STR_MAX + 8],
	    text[256 + ICE_LINES_MAX + CTL_FINGERPRINTS_MAX * (FP_TEXT_MAX + 32)];
	const bool lite = token == H248_LOCAL && c->term[side].term.flags & TERM_ICE;

	if (!tab)
		return;
	sdp_address_format(&a->ip, address, sizeof(address));
	snprintf(text, sizeof(text), "v=0\r\nc=%s\r\n%sm=%.*s %u %.*s\r\n%s%s", address,
		 lite ? "a=ice-lite\r\n" : "", (int)(tab - note), note, be16_get(a->port),
		 (int)strnlen(tab + 1, (size_t)(note + CONTEXT_NOTE_MAX - tab - 1)), tab + 1,
		 mg_keep_get(c, side).mux ? "a=rtcp-mux\r\n" : "", more);
	h248_put_octets(&k->o, token, text, strlen(text));
}

static void put_local(struct mg_work *k, const struct context *c, uint32_t side)
{
	const struct ctl_term *t = &c->term[side].term;
	char more[ICE_LINES_MAX + FP_TEXT_MAX + 64] = "";
	struct fingerprint fp;
	struct sock_addr a;

	if (!gate_local(k->m->g, c, side, false, &a))
		return;
	if (t->flags & TERM_ICE)
		ice_lines(k, c, side, more, sizeof(more));
	if (t->transport != TERM_UDP || t->flags & TERM_DTLS)
		role_line(t, more + strlen(more), sizeof(more) - strlen(more));
	if ((t->transport == TERM_TLS || t->flags & TERM_DTLS) &&
	    gate_fingerprints(k->m->g, c, side, &fp, 1))
		fingerprint_line(&fp, more, sizeof(more));
	put_description(k, c, side, H248_LOCAL, &a, more);
}

/* As the controller gave it; nothing before that. */
static void put_remote(struct mg_work *k, const struct context *c, uint32_t side)
{
	const struct ctl_term *t = &c->term[side].term;
	const struct sock_addr *a = t->remote;
	char more[64 + CTL_FINGERPRINTS_MAX * (FP_TEXT_MAX + 32)] = "";

	if (!addr_given(&a[0]))
		return;
	if (addr_given(&a[1]) && be16_get(a[1].port) != be16_get(a[0].port) + 1 &&
	    !mg_keep_get(c, side).mux)
		snprintf(more, sizeof(more), "a=rtcp:%u\r\n", be16_get(a[1].port));
	for (uint32_t i = 0; i < t->n_fingerprint; i++)
		fingerprint_line(&t->fingerprint[i], more, sizeof(more));
	put_description(k, c, side, H248_REMOTE, &a[0], more);
}

static void put_stream(struct mg_work *k, const struct context *c, uint32_t side)
{
	const struct mg_keep keep = mg_keep_get(c, side);

	h248_put(&k->o, H248_STREAM, "%u", keep.stream ? keep.stream : 1);
	h248_open(&k->o);
}

void mg_term_put_local(struct mg_work *k, const struct context *c, uint32_t side)
{
	const struct h248_out before = k->o;
	size_t opened;

	h248_put(&k->o, H248_MEDIA, NULL);
	h248_open(&k->o);
	put_stream(k, c, side);
	opened = wr_len(&k->o.w);
	put_local(k, c, side);
	if (wr_len(&k->o.w) != opened)
		h248_close(&k->o);
	close_or_drop(k, &before, opened);
}

/* ---- LocalControl ---- */

/* Properties of a termination, and what they can be; NULL: realms. */
static const struct property {
	enum mg_name name;
	const char *can;
} property[] = {
	{ MG_NAME_REALM, NULL },
	{ MG_NAME_DSCP, "[00:3F]" },
	{ MG_NAME_SOURCE_FILTER, "ON" },
	{ MG_NAME_PORT_FILTER, "{ON, OFF}" },
	{ MG_NAME_RTCP, "{ON, OFF}" },
	{ MG_NAME_GM_RTCP, "{ON, OFF}" },
	{ MG_NAME_POLICE, "{ON, OFF}" },
	{ MG_NAME_RATE, "[1:4294967295]" },
	{ MG_NAME_BURST, "[1:4294967295]" },
};

/* Of those that have one; "": it has none. */
static void property_is(const struct mg_work *k, uint32_t side, enum mg_name name, char *text,
			size_t len)
{
	const struct context_term *c = &k->c->term[side];
	const struct mg_keep keep = mg_keep_get(k->c, side);
	const struct ctl_term *t = &c->term;

	text[0] = '\0';
	if (name == MG_NAME_REALM)
		snprintf(text, len, "\"%s\"", k->m->s->conf->realm[c->realm].name);
	else if (name == MG_NAME_DSCP && t->dscp != CTL_DSCP_KEEP)
		snprintf(text, len, "%02X", t->dscp);
	else if (name == MG_NAME_SOURCE_FILTER)
		snprintf(text, len, "ON"); /* packets of other addresses never pass */
	else if (name == MG_NAME_PORT_FILTER)
		snprintf(text, len, "%s", keep.any_port ? "OFF" : "ON");
	else if (name == MG_NAME_RTCP || name == MG_NAME_GM_RTCP)
		snprintf(text, len, "%s", keep.no_rtcp ? "OFF" : "ON");
	else if (name == MG_NAME_POLICE)
		snprintf(text, len, "%s", t->rate ? "ON" : "OFF");
	else if ((name == MG_NAME_RATE || name == MG_NAME_BURST) && t->rate)
		snprintf(text, len, "%u", name == MG_NAME_RATE ? t->rate : t->burst);
}

/* Realms, as alternatives. */
static void realms(const struct mg_work *k, char *text, size_t len)
{
	const struct config *c = k->m->s->conf;
	size_t at = 0;

	for (uint16_t i = 0; i < c->n_realm && at < len; i++) {
		if (realm_is_there(c, i))
			at += (size_t)snprintf(text + at, len - at, "%s\"%s\"", at ? ", " : "{",
					       c->realm[i].name);
	}
	if (at + 1 < len)
		snprintf(text + at, len - at, "}");
}

/* Contexts of other protocols have none of a controller's. */
static enum h248_token mode_of(const struct mg_work *k, uint32_t side)
{
	static const enum h248_token by_flags[] = { H248_INACTIVE, H248_RECEIVE_ONLY,
						    H248_SEND_ONLY, H248_SEND_RECEIVE };
	const uint16_t flags = k->c->term[side].term.flags;

	if (mg_is_ours(k->c))
		return mg_keep_get(k->c, side).mode;
	return by_flags[(flags & TERM_IN ? 1 : 0) + (flags & TERM_OUT ? 2 : 0)];
}

static void put_control(struct mg_work *k, uint32_t side, const struct h248_item *asked, bool can)
{
	const struct h248_out before = k->o;
	const struct h248_item *which;
	char text[CONFIG_REALMS_MAX * (CTL_NAME_MAX + 4) + 8];
	size_t opened;

	h248_put(&k->o, H248_LOCAL_CONTROL, NULL);
	h248_open(&k->o);
	opened = wr_len(&k->o.w);
	if (asks(k, asked, H248_MODE, &which))
		h248_put(&k->o, H248_MODE, "%s",
			 h248_spelt(&k->o, can ? H248_SEND_RECEIVE : mode_of(k, side)));
	for (size_t i = 0; i < sizeof(property) / sizeof(property[0]); i++) {
		const struct property *p = &property[i];

		if (!mg_asked(k, asked, p->name))
			continue;
		if (can && !p->can)
			realms(k, text, sizeof(text));
		else if (can)
			snprintf(text, sizeof(text), "%s", p->can);
		else
			property_is(k, side, p->name, text, sizeof(text));
		if (text[0])
			h248_put_name(&k->o, mg_name(k->m, p->name), "%s", text);
	}
	close_or_drop(k, &before, opened);
}

static bool control_asked(struct mg_work *k, const struct h248_item *control)
{
	for (const struct h248_item *i = h248_child(k->in, control); i; i = h248_next(k->in, i)) {
		bool known = i->token == H248_MODE || i->token == H248_RESERVED_VALUE ||
			     i->token == H248_RESERVED_GROUP;

		for (size_t n = 0; n < sizeof(property) / sizeof(property[0]); n++)
			known |= mg_is(k->m, i->name, property[n].name);
		if (!known)
			return mg_fail(k, MG_NO_PROPERTY, "%.*s is not served", H248_TEXT(i->name));
	}
	return true;
}

/* ---- Media ---- */

bool mg_media_asked(struct mg_work *k, const struct h248_item *media)
{
	for (const struct h248_item *i = h248_child(k->in, media); i; i = h248_next(k->in, i)) {
		bool good = true;

		if (i->token == H248_STREAM || i->token == H248_LOCAL_CONTROL)
			good = i->token == H248_STREAM ? mg_media_asked(k, i) : control_asked(k, i);
		else if (i->token != H248_LOCAL && i->token != H248_REMOTE &&
			 i->token != H248_TERMINATION_STATE)
			good = mg_fail(k, MG_UNKNOWN_DESCRIPTOR, "%.*s in Media is not served",
				       H248_TEXT(i->name));
		if (!good)
			return false;
	}
	return true;
}

/* The stream that is asked for, or all of Media that is of one; false: nothing of one is. */
static bool stream_asked(const struct mg_work *k, const struct h248_item *asked, uint8_t number,
			 const struct h248_item **stream)
{
	static const enum h248_token of_stream[] = { H248_LOCAL_CONTROL, H248_LOCAL, H248_REMOTE };
	uint64_t n;

	if (asks(k, asked, H248_STREAM, stream))
		return !*stream || (h248_number((*stream)->value, UINT8_MAX, &n) && n == number);
	*stream = asked;
	for (size_t i = 0; i < sizeof(of_stream) / sizeof(of_stream[0]); i++) {
		if (h248_find(k->in, asked, of_stream[i]))
			return true;
	}
	return false;
}

/* Of what is asked for of a stream. */
static void put_stream_asked(struct mg_work *k, uint32_t side, const struct h248_item *stream,
			     bool can)
{
	const struct h248_out before = k->o;
	const struct h248_item *which;
	size_t opened;

	put_stream(k, k->c, side);
	opened = wr_len(&k->o.w);
	if (asks(k, stream, H248_LOCAL_CONTROL, &which))
		put_control(k, side, which, can);
	if (!can && asks(k, stream, H248_LOCAL, &which))
		put_local(k, k->c, side);
	if (!can && asks(k, stream, H248_REMOTE, &which))
		put_remote(k, k->c, side);
	close_or_drop(k, &before, opened);
}

void mg_put_media(struct mg_work *k, uint32_t side, const struct h248_item *asked, bool can)
{
	const uint8_t number = mg_keep_get(k->c, side).stream;
	const struct h248_item *stream, *which;
	struct h248_out before;
	size_t opened;

	h248_put(&k->o, H248_MEDIA, NULL);
	before = k->o; /* there is nothing of what is asked for: that is said by the name alone */
	h248_open(&k->o);
	opened = wr_len(&k->o.w);
	if (asks(k, asked, H248_TERMINATION_STATE, &which)) {
		h248_put(&k->o, H248_TERMINATION_STATE, NULL);
		h248_open(&k->o);
		h248_put(&k->o, H248_SERVICE_STATES, "%s", h248_spelt(&k->o, H248_IN_SERVICE));
		h248_close(&k->o);
	}
	if (stream_asked(k, asked, number ? number : 1, &stream))
		put_stream_asked(k, side, stream, can);
	close_or_drop(k, &before, opened);
}

/* ---- Events and Signals ---- */

static void put_event(struct mg_work *k, const struct h248_item *asked, enum mg_name event,
		      enum mg_name parameter, uint32_t value)
{
	if (!mg_asked(k, asked, event))
		return;
	h248_put_name(&k->o, mg_name(k->m, event), NULL);
	if (!value)
		return;
	h248_open(&k->o);
	h248_put_name(&k->o, mg_name(k->m, parameter), "%u", value);
	h248_close(&k->o);
}

void mg_put_events(struct mg_work *k, uint32_t side, const struct h248_item *asked, bool can)
{
	const struct mg_keep keep = mg_keep_get(k->c, side);
	const struct ctl_term *t = &k->c->term[side].term;
	const uint32_t events = can ? UINT32_MAX : keep.events;
	const bool tls = t->transport == TERM_TLS || t->flags & TERM_DTLS;
	struct h248_out before;
	size_t opened;

	if (!events || can)
		h248_put(&k->o, H248_EVENTS, NULL);
	else
		h248_put(&k->o, H248_EVENTS, "%u", keep.request);
	before = k->o;
	h248_open(&k->o);
	opened = wr_len(&k->o.w);
	if (events & 1 << MG_EVENT_CAUSE)
		put_event(k, asked, MG_NAME_CAUSE, MG_NAME_CAUSE_GENERAL, 0);
	if (events & 1 << MG_EVENT_HANG)
		put_event(k, asked, MG_NAME_HANG, MG_NAME_HANG_TIMER, can ? 0 : keep.hang_s);
	if (events & 1 << MG_EVENT_STOP)
		put_event(k, asked, MG_NAME_STOP, MG_NAME_STOP_TIME, can ? 0 : t->inactivity);
	if (events & 1 << MG_EVENT_UP && (!can || tls || t->transport != TERM_UDP))
		put_event(k, asked, tls ? MG_NAME_TLS_CHANGE : MG_NAME_TCP_CHANGE,
			  MG_NAME_CHANGE_TYPE, 0);
	if (events & 1 << MG_EVENT_ADDRESS && (!can || t->transport == TERM_UDP))
		put_event(k, asked, MG_NAME_ADDRESS, MG_NAME_ADDRESS_NEW, 0);
	close_or_drop(k, &before, opened);
}

/* Latching goes on until somebody is learnt, or another descriptor ends it. */
void mg_put_signals(struct mg_work *k, uint32_t side, const struct h248_item *asked, bool can)
{
	const bool waits =
	    mg_keep_get(k->c, side).latched && !addr_given(&k->c->term[side].term.latched[0]);
	const bool on = (can || waits) && mg_asked(k, asked, MG_NAME_LATCH);

	h248_put(&k->o, H248_SIGNALS, NULL);
	if (!on)
		return;
	h248_open(&k->o);
	h248_put_name(&k->o, mg_name(k->m, MG_NAME_LATCH), NULL);
	h248_open(&k->o);
	h248_put_name(&k->o, mg_name(k->m, MG_NAME_LATCH_HOW), "%s",
		      can ? "{LATCH, RELATCH, OFF}" : "LATCH");
	h248_close(&k->o);
	h248_close(&k->o);
}
