/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_spec.h"

#include <string.h>

uint8_t ng_transport(const struct ng_media *m)
{
	if (m->kind != NG_KIND_STREAM)
		return TERM_UDP;
	return m->tls ? TERM_TLS : TERM_TCP;
}

void ng_spec_flag(struct ctl_term *t, uint16_t flag, bool on)
{
	t->flags = on ? t->flags | flag : t->flags & (uint16_t)~flag;
}

void ng_spec_common(const struct ng_call *c, struct term_spec *w, uint32_t side)
{
	int realm = c->f->realm[side != c->from];

	if (realm != NG_NOT_GIVEN && c->offer)
		w->realm = (uint16_t)realm;
	if (c->f->dscp != NG_NOT_GIVEN)
		w->term.dscp = (uint8_t)c->f->dscp;
}

/* Without an address of the sender's: as it was, or as its candidates say and the realm has it. */
void ng_spec_family(const struct ng_call *c, const struct ng_media *m, struct term_spec *w)
{
	const uint8_t theirs = m->unknown ? m->ice_families : 0;
	const bool v6 = theirs ? !(theirs & NG_FAMILY_4) : w->v6;

	if (m->zero)
		return;
	if (!m->unknown)
		w->v6 = m->v6;
	else if (!gate_has_family(c->g, w->realm, w->v6) ||
		 (theirs && !(theirs & (w->v6 ? NG_FAMILY_6 : NG_FAMILY_4))))
		w->v6 = gate_has_family(c->g, w->realm, v6) ? v6 : !v6;
}

void ng_spec_sender(const struct ng_media *m, bool offer, struct term_spec *w)
{
	struct ng_keep keep;

	memcpy(&keep, w->keep, sizeof(keep));
	/* Who answers without the name that he was told is told the same again. */
	if (offer || m->mid[0])
		memcpy(keep.mid, m->mid, sizeof(keep.mid));
	keep.bundle = m->bundle;
	keep.accepts = !offer || m->accepts;
	keep.only = m->only;
	keep.trickles = m->trickles;
	memcpy(w->keep, &keep, sizeof(keep));
}

void ng_spec_dtls_again(struct term_spec *w)
{
	struct ng_keep keep;

	memcpy(&keep, w->keep, sizeof(keep));
	keep.dtls++;
	memcpy(w->keep, &keep, sizeof(keep));
}

void ng_spec_label(const struct ng_call *c, struct term_spec *w)
{
	struct ng_keep keep;

	if (!c->f->label)
		return;
	memcpy(&keep, w->keep, sizeof(keep));
	memset(keep.label, 0, sizeof(keep.label));
	memcpy(keep.label, c->f->label, strlen(c->f->label));
	memcpy(w->keep, &keep, sizeof(keep));
}

void ng_spec_new(struct term_spec *w, bool v6)
{
	*w = (struct term_spec){ .v6 = v6 };
	w->term.flags = TERM_IN | TERM_OUT;
	w->term.dscp = CTL_DSCP_KEEP;
	w->term.domain = CONFIG_DOMAINS_MAX;
}

void ng_spec_notify(struct term_spec *w)
{
	w->notify = w->term.transport == TERM_UDP
			? 0
			: 1 << TERM_UP | 1 << TERM_UNJUDGED | 1 << TERM_ENDED | 1 << TERM_REFUSED;
}

void ng_spec_roles(const struct ng_call *c, struct term_spec *w, uint32_t side, bool client,
		   uint64_t *note)
{
	if (side == c->to && c->f->flags & (NG_TLS_CLIENT | NG_TLS_SERVER)) {
		ng_note_set(note, NG_NOTE_TLS + side, 1, 1);
		ng_spec_flag(&w->term, TERM_TLS_CLIENT, c->f->flags & NG_TLS_CLIENT);
	}
	ng_spec_flag(&w->term, TERM_CONNECT, client);
	if (w->term.transport != TERM_TLS)
		ng_spec_flag(&w->term, TERM_TLS_CLIENT, false);
	else if (!ng_note_get(*note, NG_NOTE_TLS + side, 1))
		ng_spec_flag(&w->term, TERM_TLS_CLIENT, client);
	/* A certificate says who it is. Without, who connects has the address that SDP told. */
	ng_spec_flag(&w->term, TERM_LATCH, !client);
	ng_spec_flag(&w->term, TERM_LATCH_ADDR,
		     !client && w->term.transport == TERM_TCP && be16_get(w->term.remote[0].port));
}

void ng_spec_kind(struct ctl_term *t, enum ng_kind kind)
{
	ng_spec_flag(t, TERM_RTP, kind == NG_KIND_RTP);
	if (kind == NG_KIND_RTP)
		return;
	ng_spec_flag(t, TERM_RTCP_MUX, false);
	t->remote[1] = (struct sock_addr){ 0 };
}

bool ng_spec_learns(const struct term_spec *w)
{
	return w->term.flags & TERM_LATCH && !(w->term.flags & TERM_ICE);
}

void ng_spec_latch(const struct ng_call *c, struct term_spec *w, uint32_t side, uint64_t *note)
{
	bool latch, strict;

	if (side == c->from) {
		ng_note_set(note, NG_NOTE_ASYMMETRIC + side, 1, (c->f->flags & NG_ASYMMETRIC) != 0);
		ng_note_set(note, NG_NOTE_STRICT + side, 1, (c->f->flags & NG_STRICT_SOURCE) != 0);
	}
	latch = !ng_note_get(*note, NG_NOTE_ASYMMETRIC + side, 1);
	strict = latch ? ng_note_get(*note, NG_NOTE_STRICT + side, 1)
		       : !(w->term.flags & TERM_ICE); /* it may send from another port */
	ng_spec_flag(&w->term, TERM_LATCH, latch);
	ng_spec_flag(&w->term, TERM_LATCH_ADDR, strict && be16_get(w->term.remote[0].port));
}

void ng_spec_datagrams(const struct ng_call *c, const struct ng_media *m, struct term_spec *w,
		       uint64_t *note)
{
	uint32_t known = ng_note_get(*note, NG_NOTE_ICE + 16 * c->from, 16);
	bool ice = m->ice && (c->offer ? !(c->f->sdp_flags & NG_SDP_ICE_REJECT)
				       : ng_note_get(*note, NG_NOTE_OFFER_ICE + c->from, 1));

	w->term.transport = TERM_UDP;
	ng_spec_kind(&w->term, m->kind);
	memcpy(w->term.format, m->format, sizeof(m->format));
	ng_spec_flag(&w->term, TERM_RTCP_MUX, m->mux && !(c->offer && c->f->flags & NG_MUX_REJECT));
	ng_spec_flag(&w->term, TERM_OUT, !m->zero);
	/* Not by an answer: what it answers named our credentials. */
	w->restart =
	    c->offer && ice && (!(w->term.flags & TERM_ICE) || (known && known != m->ice_hash));
	ng_spec_flag(&w->term, TERM_ICE, ice);
	ng_note_set(note, NG_NOTE_ICE + 16 * c->from, 16, ice ? m->ice_hash : 0);
	if (!m->zero && !m->unknown) {
		w->term.remote[0] = m->remote;
		w->term.remote[1] = m->kind == NG_KIND_RTP ? m->rtcp : (struct sock_addr){ 0 };
	}
	ng_spec_latch(c, w, c->from, note);
}

/*
 * Whether we connect to the sender (RFC 4145 4.1: without a=setup, who offers does, who answers
 * does not). Where either may, a connection that there is stays as it is.
 */
static bool connects(const struct ng_call *c, const struct ng_media *m, const struct term_spec *w,
		     bool open)
{
	bool did = w->term.flags & TERM_CONNECT;

	if (w->term.attempt && (m->connection == NG_CONNECTION_EXISTING || !open) &&
	    m->setup != NG_ACTIVE && m->setup != NG_PASSIVE)
		return did;
	if (w->term.attempt && m->connection == NG_CONNECTION_EXISTING)
		return did;
	return m->setup == NG_PASSIVE || (!c->offer && m->setup == NG_SETUP_NONE);
}

static bool fingerprint_is_one_of(const struct fingerprint *fp, const struct fingerprint *list,
				  uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (list[i].hash == fp->hash &&
		    memcmp(list[i].digest, fp->digest, fp_len(fp->hash)) == 0)
			return true;
	}
	return false;
}

bool ng_spec_certificate_is_anothers(const struct context_term *t, const struct ng_media *m)
{
	static const uint8_t unknown[sizeof(t->sha256)];
	struct fingerprint shown = { .hash = FP_SHA256 };

	if (t->term.transport != TERM_TLS ||
	    (t->state != TERM_STATE_UP && t->state != TERM_STATE_UNJUDGED))
		return false;
	memcpy(shown.digest, t->sha256, sizeof(t->sha256));
	for (uint32_t i = 0; i < m->n_fingerprint; i++) {
		if (m->fingerprint[i].hash == FP_SHA256 &&
		    memcmp(t->sha256, unknown, sizeof(unknown)) != 0)
			return !fingerprint_is_one_of(&shown, m->fingerprint, m->n_fingerprint);
	}
	for (uint32_t i = 0; i < t->term.n_fingerprint; i++) {
		if (!fingerprint_is_one_of(&t->term.fingerprint[i], m->fingerprint,
					   m->n_fingerprint))
			return true;
	}
	return false;
}

bool ng_spec_stream(const struct ng_call *c, int i, struct term_spec *w, bool open, uint64_t *note)
{
	const uint16_t roles = TERM_CONNECT | TERM_TLS_CLIENT;
	const struct ng_media *m = &c->media[i];
	const struct ctl_term old = w->term;
	bool client = connects(c, m, w, open);

	w->term.transport = ng_transport(m);
	if (!m->zero)
		w->term.remote[0] = m->remote;
	w->term.n_fingerprint = m->n_fingerprint;
	memcpy(w->term.fingerprint, m->fingerprint, sizeof(m->fingerprint));
	ng_spec_roles(c, w, c->from, client, note);
	if (m->connection == NG_CONNECTION_EXISTING)
		return false;
	return old.transport != w->term.transport || (old.flags ^ w->term.flags) & roles ||
	       (c->context[i] &&
		ng_spec_certificate_is_anothers(&c->context[i]->term[c->from], m)) ||
	       (client && !sock_addr_eq(&old.remote[0], &w->term.remote[0]));
}

void ng_spec_refuse(struct term_spec *w, uint32_t side, uint64_t *note)
{
	ng_note_set(note, NG_NOTE_REFUSED + side, 1, 1);
	ng_spec_flag(&w->term, TERM_IN | TERM_OUT, false);
	if (w->term.transport != TERM_UDP)
		return;
	memset(w->term.remote, 0, sizeof(w->term.remote));
	ng_spec_flag(&w->term, TERM_LATCH_ADDR, false);
}

uint16_t ng_spec_gate(uint16_t flags, uint32_t side, uint64_t note)
{
	flags &= (uint16_t) ~(TERM_IN | TERM_NO_EVENTS);
	if (!ng_note_get(note, NG_NOTE_BLOCKED + side, 1))
		flags |= TERM_IN;
	if (ng_note_get(note, NG_NOTE_EVENTS + side, 1))
		flags |= TERM_NO_EVENTS;
	return flags;
}

void ng_spec_revive(struct term_spec *w, uint32_t side, uint64_t *note)
{
	if (ng_note_get(*note, NG_NOTE_REFUSED + side, 1)) {
		ng_spec_flag(&w->term, TERM_OUT, true);
		w->term.flags = ng_spec_gate(w->term.flags, side, *note);
	}
	ng_note_set(note, NG_NOTE_REFUSED + side, 1, 0);
}
