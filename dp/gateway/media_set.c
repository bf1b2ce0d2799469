/* SPDX-License-Identifier: BSD-3-Clause */
/* What contexts of UDP are: from commands, from what was learnt, and as time goes by. */
#include "gateway.h"
#include "media.h"
#include "media_srtp.h"
#include "../clock.h"

/* ---- lines ---- */

static bool term_mux(const struct media_term *t)
{
	return t->flags & TERM_RTCP_MUX;
}

/* Whether a side has RTCP, or RTP, of its own kind: all has flow 0. */
static bool term_has(const struct media_term *t, uint32_t rtcp)
{
	return t->here && (!rtcp || t->flags & TERM_RTP);
}

static struct sock_addr term_local(const struct worker *w, uint32_t slot, uint32_t side,
				   uint32_t rtcp)
{
	const struct media_term *t = media_transport(w, slot, side);
	uint16_t port = be16_get(t->local.port);

	if (rtcp && !term_mux(t))
		port++;
	return (struct sock_addr){ *relay_ip(w->dp, &t->local), be16_make(port) };
}

bool media_consent(const struct worker *w, const struct media_term *t)
{
	return !(t->flags & TERM_ICE) || (t->agreed && w->now - t->agreed_s < CONSENT_S);
}

/*
 * Sources are judged here and not of each packet, see session_path_make(). What goes to an address
 * of ours is looped, which is rare enough.
 */
static bool flow_is_short(const struct worker *w, const struct media *m, uint32_t side,
			  uint32_t rtcp, const struct media_path *l)
{
	const struct media_term *from = &m->term[side], *to = &m->term[!side];
	const struct ip_addr dst = path_out_dst(&l->to, l->flags & MEDIA_TO6);

	return be16_get(l->from_port) && be16_get(l->to.dport) &&
	       m->component[2 * side + (rtcp && !term_mux(from))].state == COMPONENT_FIXED &&
	       (from->flags & (TERM_IN | TERM_NO_EVENTS | TERM_SILENT)) == TERM_IN &&
	       to->flags & TERM_OUT && !from->rate && !((from->flags | to->flags) & TERM_SRTP) &&
	       media_consent(w, to) && ip_source_ok(w->dp, &l->from) && ip_source_ok(w->dp, &dst);
}

/* What the lines of a side counted since the last look is the side's. */
static void media_fold(struct worker *w, uint32_t slot, uint32_t side)
{
	struct media_term *t = &w->gateway->media[slot].term[side];
	struct media_path *l = &media_lines(w, slot)[2 * side];
	uint32_t i;

	quality_passed(&t->quality, l[0].came / MEDIA_PACKET);
	for (i = 0; i < 2; i++) {
		t->use[i].packets += l[i].came / MEDIA_PACKET;
		t->use[i].bytes += l[i].came % MEDIA_PACKET;
		l[i].came = 0;
	}
}

/* What is measured of a flow, as a line's flag. */
static uint8_t flow_measure(struct worker *w, uint32_t slot, uint32_t side, uint32_t rtcp)
{
	struct media_term *t = w->gateway->media[slot].term;
	struct media_quality *q = &t[side].quality;
	uint64_t *order = &media_lines(w, slot)[2 * side].order;
	uint8_t measure = MEASURE_RTCP;

	if (!(t[side].flags & TERM_RTP)) {
		quality_stop(q, order);
		measure = MEASURE_NONE;
	} else if (!rtcp) {
		quality_formats(q, order,
				(const struct ctl_format *[]){ t[side].format, t[!side].format });
		measure = RTE_MAX(q->measure, (uint8_t)MEASURE_RTP);
	}
	return (uint8_t)(measure << MEDIA_MEASURE);
}

/* Where a flow goes; nowhere if the partner, or its remote, is not known. */
static void flow_make(struct worker *w, uint32_t slot, uint32_t side, uint32_t rtcp)
{
	const struct media *m = &w->gateway->media[slot];
	const struct media_term *to = &m->term[!side], *by = media_transport(w, slot, !side);
	const bool mux = term_mux(&m->term[side]);
	struct media_path *lines = media_lines(w, slot), *l = &lines[2 * side + rtcp];
	const struct media_path *back = &lines[2 * !side + (rtcp && !term_mux(to))];
	const bool was6 = l->flags & MEDIA_TO6;
	struct sock_addr in, out, remote;

	l->flags = flow_measure(w, slot, side, rtcp);
	if (!term_has(to, rtcp) || be16_get(back->from_port) == 0) {
		l->to = (struct path_out){ 0 };
		return;
	}
	in = term_local(w, slot, side, rtcp);
	out = term_local(w, slot, !side, rtcp);
	remote = (struct sock_addr){ back->from, back->from_port };
	if (l->relay != by->local.relay)
		l->to = (struct path_out){ 0 };
	path_out_make(&l->to, was6, &out, &remote);
	l->relay = (uint8_t)by->local.relay;
	l->sum = media_sum(&in, &(struct sock_addr){ l->from, l->from_port }, &out, &remote);
	l->tos_keep = to->dscp == CTL_DSCP_KEEP ? 0xff : 3;
	l->tos = to->dscp == CTL_DSCP_KEEP ? 0 : (uint8_t)(to->dscp << 2);
	if (!ip_is_v4(&remote.ip))
		l->flags |= MEDIA_TO6;
	if (!rtcp && mux)
		l->flags |= MEDIA_MUX;
	if (flow_is_short(w, m, side, rtcp, l))
		l->flags |= rtcp && mux ? MEDIA_SHORT_MUX : MEDIA_SHORT;
}

void media_apart(struct worker *w, struct media_path *l, const uint8_t *msg, uint32_t len)
{
	const uint32_t at = (uint32_t)(l - w->media_path), slot = at / COMPONENTS;
	const uint32_t side = at % COMPONENTS / 2;
	struct media_term *t = w->gateway->media[slot].term;
	const struct quality_packet p = { .msg = msg,
					  .len = len,
					  .now_us = w->now_us,
					  .format = { t[side].format, t[!side].format } };

	if (media_measure(l) == MEASURE_RTCP) {
		quality_rtcp(&t[side].quality, &t[!side].quality, msg, len, w->now_us);
		return;
	}
	media_fold(w, slot, side);
	quality_event(&t[side].quality, &l->order, &p);
	l->flags &= (1 << MEDIA_MEASURE) - 1;
	l->flags |= flow_measure(w, slot, side, 0);
}

void media_make_lines(struct worker *w, uint32_t slot)
{
	const struct media *m = &w->gateway->media[slot];
	struct media_path *lines = media_lines(w, slot);
	uint32_t side, flow;

	media_bundle_from(w, slot);
	for (side = 0; side < SIDES; side++)
		if (term_mux(&m->term[side])) {
			lines[2 * side + 1].from = lines[2 * side].from;
			lines[2 * side + 1].from_port = lines[2 * side].from_port;
		}
	for (flow = 0; flow < COMPONENTS; flow++)
		if (term_has(&m->term[flow / 2], flow % 2))
			flow_make(w, slot, flow / 2, flow % 2);
		else
			lines[flow] = (struct media_path){ 0 };
}

void media_make(struct worker *w, uint32_t slot)
{
	media_make_lines(w, slot);
	media_bundle_make(w, slot);
}

/* ---- what is learnt ---- */

static void component_tell(struct worker *w, uint32_t slot, uint32_t component)
{
	const struct media_path *l = &media_lines(w, slot)[component];
	struct evt_term e = { .side = (uint8_t)(component / 2),
			      .what = TERM_LATCHED,
			      .attempt = w->gateway->media[slot].term[component / 2].attempt,
			      .rtcp = component % 2,
			      .remote = { l->from, l->from_port } };

	w->gateway->media[slot].component[component].untold = !context_tell(w, slot, &e);
	w->gateway->media[slot].component[component].told_s = w->now;
}

void media_learn(struct worker *w, uint32_t slot, uint32_t component,
		 const struct sock_addr *remote)
{
	struct media_path *l = &media_lines(w, slot)[component];

	l->from = remote->ip;
	l->from_port = remote->port;
	media_make(w, slot);
	media_dtls_remote(w, slot, component);
	count(w, CNT_GATE_LATCHED);
	w->gateway->media[slot].component[component].untold = true;
	if (w->gateway->media[slot].component[component].told_s != w->now)
		component_tell(w, slot, component);
}

static uint32_t side_packets(const struct worker *w, uint32_t slot, uint32_t side)
{
	const struct media_path *l = &media_lines(w, slot)[2 * side];
	const struct media_use *use = w->gateway->media[slot].term[side].use;

	return (uint32_t)(use[0].packets + use[1].packets + l[0].came / MEDIA_PACKET +
			  l[1].came / MEDIA_PACKET);
}

/*
 * Whether checks alone are its consent: of browsers, which all have RFC 7675 (RFC 8827 6.5), from
 * the beginning; of others once they have been seen to repeat them.
 */
static bool term_checks(const struct media_term *t)
{
	return t->flags & TERM_ICE && (t->renews || t->flags & TERM_DTLS);
}

static void media_agreed(struct worker *w, uint32_t slot, struct media_term *t)
{
	const bool consent = media_consent(w, t);

	t->agreed = true;
	t->agreed_s = w->now;
	if (unlikely(!consent))
		media_make(w, slot);
}

void media_heard(struct worker *w, uint32_t slot, uint32_t side)
{
	struct media_term *t = &w->gateway->media[slot].term[side];

	t->heard = true;
	t->told = false;
	t->heard_s = w->now;
	t->seen = side_packets(w, slot, side);
	if (!term_checks(t))
		media_agreed(w, slot, t);
}

/*
 * A source can be forged, a check cannot. But we are lite and send none, and agents of RFC 5245 go
 * on with indications or media alone: they are held to checks once they repeat them, term_checks().
 */
void media_checked(struct worker *w, uint32_t slot, uint32_t side, bool nominated)
{
	struct media_term *t = &w->gateway->media[slot].term[side];

	if (nominated || t->restarts)
		t->nominated_s = w->now;
	t->restarts = false;
	t->renews = w->now - t->nominated_s >= RENEW_S;
	t->told_gone = false;
	media_agreed(w, slot, t);
}

void media_look(struct worker *w, uint32_t slot, uint32_t side)
{
	if (w->gateway->media[slot].term[side].seen != side_packets(w, slot, side))
		media_heard(w, slot, side);
}

/* ---- commands ---- */

/* How the remote of a component is to be known from now on. */
static void component_set(struct worker *w, uint32_t slot, uint32_t i, const struct ctl_term *t)
{
	struct media_path *l = &media_lines(w, slot)[i];
	struct media_component *component = &w->gateway->media[slot].component[i];
	const struct sock_addr *latched = &t->latched[i % 2], *from = &t->remote[i % 2];
	const uint16_t relearn = i % 2 ? TERM_RELEARN_RTCP : TERM_RELEARN;
	const bool known = t->flags & (TERM_ICE | TERM_LATCH) && be16_get(latched->port);
	static const struct sock_addr unknown;

	component->given = t->remote[i % 2];
	component->state = COMPONENT_FIXED;
	component->untold = false;
	if (known)
		from = latched;
	else if (t->flags & TERM_ICE)
		from = &unknown;
	if (!(t->flags & TERM_ICE) && t->flags & TERM_LATCH && (!known || t->flags & relearn))
		component->state = COMPONENT_OPEN;
	if (be16_get(from->port) == 0)
		from = &unknown;
	l->from = from->ip;
	l->from_port = from->port;
}

/* Whether what was learnt of a component is of no use any more. */
static bool component_changes(const struct media_term *m, const struct media_component *component,
			      const struct ctl_term *t, const struct sock_addr *remote)
{
	const uint16_t of_remote =
	    TERM_RTP | TERM_RTCP_MUX | TERM_ICE | TERM_LATCH | TERM_LATCH_ADDR;

	/* With another address of ours it may be of another family. */
	if (!m->here || (m->flags ^ t->flags) & of_remote ||
	    memcmp(&m->local, &t->local, sizeof(m->local)) != 0)
		return true;
	if (m->attempt != t->attempt)
		return true;
	/* An agent that starts ICE anew is sent to where it was until it nominates (RFC 8445 9). */
	return !(t->flags & TERM_ICE) && !sock_addr_eq(&component->given, remote);
}

/* Who does not know what was learnt hears it again. */
static void component_repeat(struct worker *w, uint32_t slot, uint32_t i, const struct ctl_term *t)
{
	const struct media_path *l = &media_lines(w, slot)[i];
	const struct sock_addr known = { l->from, l->from_port };
	const uint16_t relearn = i % 2 ? TERM_RELEARN_RTCP : TERM_RELEARN;
	struct media_component *component = &w->gateway->media[slot].component[i];

	if (t->flags & (TERM_LATCH | TERM_ICE) && component->state != COMPONENT_OPEN &&
	    be16_get(known.port) && !(i % 2 && t->flags & TERM_RTCP_MUX) &&
	    (t->flags & relearn || !sock_addr_eq(&known, &t->latched[i % 2])))
		component->untold = true;
}

static void term_set(struct worker *w, uint32_t slot, uint32_t side, const struct ctl_term *t)
{
	struct media *m = &w->gateway->media[slot];
	struct media_term *s = &m->term[side];
	uint32_t i;

	/* Keys of the one kind are no keys of the other. */
	if (t->transport == TERM_NONE || !(t->flags & TERM_SRTP) || t->flags & TERM_BUNDLED ||
	    (s->flags ^ t->flags) & TERM_DTLS) {
		media_dtls_end(w, s);
		media_srtp_give(w, s);
	}
	if (t->transport == TERM_NONE) {
		memset(s, 0, sizeof(*s));
		memset(&m->component[2 * side], 0, 2 * sizeof(m->component[0]));
		return;
	}
	for (i = 0; i < 2; i++)
		if (component_changes(s, &m->component[2 * side + i], t, &t->remote[i]))
			component_set(w, slot, 2 * side + i, t);
		else
			component_repeat(w, slot, 2 * side + i, t);
	if (!s->here)
		s->heard_s = w->now;
	/* Events of an earlier attempt are stale there, and so is silence of another length. */
	if (s->attempt != t->attempt || s->inactivity != t->inactivity)
		s->told = s->told_gone = false;
	if (s->rate != t->rate || s->burst != t->burst) {
		s->tokens = (uint64_t)t->burst * 1000;
		s->refill_ms = (uint32_t)w->now_ms;
	}
	s->here = true;
	s->local = t->local;
	s->flags = t->flags;
	s->dscp = t->dscp;
	s->attempt = t->attempt;
	s->rate = t->rate;
	s->burst = t->burst;
	s->inactivity = t->inactivity;
	memcpy(s->format, t->format, sizeof(s->format));
	s->bundle = t->bundle;
	s->demux = t->demux;
	/* Another session of ICE; until its nomination it is as it was (RFC 8445 9). */
	if (s->ice.pwd[0] && memcmp(s->ice.pwd, t->pwd, sizeof(s->ice.pwd)) != 0) {
		s->renews = false;
		s->restarts = true;
	}
	memcpy(s->ice.ufrag, t->ufrag, sizeof(s->ice.ufrag));
	memcpy(s->ice.pwd, t->pwd, sizeof(s->ice.pwd));
}

void media_set(struct worker *w, uint32_t slot, const struct ctl_term term[SIDES])
{
	uint32_t side;

	for (side = 0; side < SIDES; side++)
		term_set(w, slot, side, &term[side]);
	for (side = 0; side < SIDES; side++)
		media_bundle_join(w, slot, side);
	media_make(w, slot);
	for (side = 0; side < SIDES; side++)
		media_dtls_set(w, slot, side, &term[side]);
}

void media_subtract(struct worker *w, uint32_t slot, uint32_t side)
{
	static const struct ctl_term none;

	term_set(w, slot, side, &none);
	media_make(w, slot);
}

void media_repeat(struct worker *w, uint32_t slot)
{
	struct media *m = &w->gateway->media[slot];

	m->term[0].told = m->term[1].told = false;
	m->term[0].told_gone = m->term[1].told_gone = false;
}

void media_move(struct worker *w, uint32_t slot, uint32_t side, uint32_t to, uint32_t to_side)
{
	struct media *a = &w->gateway->media[slot], *b = &w->gateway->media[to];
	const size_t components = 2 * sizeof(a->component[0]),
		     lines = 2 * sizeof(struct media_path);

	b->term[to_side] = a->term[side];
	quality_partner(&b->term[to_side].quality);
	quality_partner(&b->term[!to_side].quality);
	quality_partner(&a->term[!side].quality);
	b->term[to_side].told = b->term[to_side].told_gone =
	    false; /* of the other context, it may not have been heard */
	memcpy(&b->component[2 * to_side], &a->component[2 * side], components);
	memcpy(&media_lines(w, to)[2 * to_side], &media_lines(w, slot)[2 * side], lines);
	memset(&a->term[side], 0, sizeof(a->term[side]));
	memset(&a->component[2 * side], 0, components);
	media_make(w, slot);
	media_make(w, to);
	media_dtls_moved(w, to, to_side);
}

static void quality_count(struct worker *w, enum quality q, uint32_t value)
{
	stat_add(&w->counters->quality[q][quality_class(q, value)], 1);
	stat_add(&w->counters->quality_sum[q], value);
}

/* How a side hears the other: an interval that is over, or all since the last. */
static void side_hears(struct worker *w, uint32_t slot, uint32_t side, bool at_once)
{
	struct media_term *t = w->gateway->media[slot].term;
	const struct media_path *from = &media_lines(w, slot)[2 * !side];
	struct ctl_heard h;

	if (!t[side].here || !t[!side].here || !(t[!side].flags & TERM_RTP) ||
	    !quality_heard(&t[side].quality, &t[!side].quality, from->order, w->now, at_once, &h))
		return;
	quality_count(w, QUALITY_JITTER, h.jitter_us);
	quality_count(w, QUALITY_LOSS, h.loss);
	if (h.rtt_us)
		quality_count(w, QUALITY_RTT, h.rtt_us);
	if (h.mos)
		quality_count(w, QUALITY_MOS, h.mos);
}

void media_stats(struct worker *w, uint32_t slot, struct ctl_term_stats stats[SIDES])
{
	struct media_term *term = w->gateway->media[slot].term;
	uint32_t side;

	for (side = 0; side < SIDES; side++)
		media_fold(w, slot, side);
	for (side = 0; side < SIDES; side++) {
		const struct media_path *l = &media_lines(w, slot)[2 * side];
		struct media_term *t = &term[side];

		media_look(w, slot, side);
		/* A call that was short has one as well. */
		side_hears(w, slot, side, t->quality.samples == 0);
		stats[side] = (struct ctl_term_stats){
			.packets = t->use[0].packets,
			.bytes = t->use[0].bytes,
			.rtcp_packets = t->use[1].packets,
			.rtcp_bytes = t->use[1].bytes,
			.dropped = t->dropped,
			.checks = t->checks,
			.silent_s = t->heard ? w->now - t->heard_s : UINT32_MAX,
		};
		quality_look(&t->quality, l->order);
		if (t->quality.sources || t->quality.samples)
			quality_tell(&t->quality, &term[!side].quality, l->order,
				     &stats[side].quality);
	}
}

/* ---- time ---- */

/* Whether the lines are to be made anew. */
static bool component_tick(struct worker *w, uint32_t slot, uint32_t i)
{
	struct media_component *component = &w->gateway->media[slot].component[i];
	const bool lock =
	    component->state == COMPONENT_LEARNING && clock_reached(w, component->lock_ms);

	if (lock)
		component->state = COMPONENT_FIXED;
	if (unlikely(component->untold))
		component_tell(w, slot, i);
	return lock;
}

/*
 * Who was there and does not agree any more has gone, whatever comes as if from there. Where
 * silence is of no interest, as on hold, only browsers are held to that: their checks go on (RFC
 * 8827 6.5), those of an agent of RFC 5245 may have been the last of its choice.
 */
static bool term_gone(const struct worker *w, const struct media_term *t)
{
	const uint32_t s = RTE_MAX(t->inactivity, (uint32_t)CONSENT_S);

	if (!t->inactivity && !(t->flags & TERM_DTLS))
		return false;
	return term_checks(t) && t->agreed && !t->restarts && w->now - t->agreed_s >= s;
}

static void term_silence(struct worker *w, uint32_t slot, uint32_t side)
{
	struct media_term *t = &w->gateway->media[slot].term[side];
	struct evt_term e = { .side = (uint8_t)side, .what = TERM_INACTIVE, .attempt = t->attempt };

	if (t->inactivity && !t->told && w->now - t->heard_s >= t->inactivity)
		t->told = context_tell(w, slot, &e);
	e.why = INACTIVE_CONSENT;
	if (!t->told_gone && term_gone(w, t))
		t->told_gone = context_tell(w, slot, &e);
}

static bool term_tick(struct worker *w, uint32_t slot, uint32_t side)
{
	struct media_term *t = &w->gateway->media[slot].term[side];
	const struct media_path *back = &media_lines(w, slot)[2 * !side];
	bool anew;

	media_fold(w, slot, side);
	media_look(w, slot, side);
	quality_look(&t->quality, media_lines(w, slot)[2 * side].order);
	side_hears(w, slot, side, false);
	media_srtp_tick(w, t);
	media_bundle_tick(w, slot, side);
	media_dtls_tick(w, slot, side);
	anew = component_tick(w, slot, 2 * side);
	anew |= component_tick(w, slot, 2 * side + 1);
	term_silence(w, slot, side);
	return anew || ((back[0].flags | back[1].flags) & (MEDIA_SHORT | MEDIA_SHORT_MUX) &&
			!media_consent(w, t));
}

void media_tick(struct worker *w, uint32_t slot)
{
	const struct media *m = &w->gateway->media[slot];
	bool anew = false;
	uint32_t side;

	for (side = 0; side < SIDES; side++)
		if (m->term[side].here)
			anew |= term_tick(w, slot, side);
	if (anew)
		media_make(w, slot);
}

/* ---- what it was made of ---- */

static void term_of(const struct worker *w, uint32_t slot, uint32_t side, struct ctl_term *t)
{
	const struct media *m = &w->gateway->media[slot];
	const struct media_term *s = &m->term[side];
	uint32_t i;

	*t = (struct ctl_term){
		.transport = TERM_UDP,
		.attempt = s->attempt,
		.flags = s->flags & (uint16_t) ~(TERM_RELEARN | TERM_RELEARN_RTCP),
		.local = s->local,
		.dscp = s->dscp,
		.rate = s->rate,
		.burst = s->burst,
		.inactivity = s->inactivity,
	};
	media_dtls_term(s, t);
	t->bundle = s->bundle;
	t->demux = s->demux;
	memcpy(t->format, s->format, sizeof(t->format));
	memcpy(t->ufrag, s->ice.ufrag, sizeof(t->ufrag));
	memcpy(t->pwd, s->ice.pwd, sizeof(t->pwd));
	for (i = 0; i < 2; i++) {
		const struct media_path *l = &media_lines(w, slot)[2 * side + i];
		const struct media_component *component = &m->component[2 * side + i];

		t->remote[i] = component->given;
		if (s->flags & (TERM_LATCH | TERM_ICE) && component->state != COMPONENT_OPEN &&
		    be16_get(l->from_port))
			t->latched[i] = (struct sock_addr){ l->from, l->from_port };
	}
}

void media_terms(const struct worker *w, uint32_t slot, struct ctl_term term[SIDES])
{
	uint32_t side;

	for (side = 0; side < SIDES; side++)
		if (w->gateway->media[slot].term[side].here)
			term_of(w, slot, side, &term[side]);
}
