/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_srtp.h"

#include "ng_call.h"
#include "../../lib/term.h"

#include <string.h>

enum { TAG_MAX = 999999999 };

static bool srtp_is(const struct ng_proto *p)
{
	return p->protection == NG_SDES;
}

/* The keys of a side that are in force; NULL: none that are known. */
static const struct gate_srtp *in_force(const struct ng_call *c, int i, uint32_t side)
{
	return c->context[i] ? gate_srtp(c->g, c->context[i], side) : NULL;
}

/*
 * Whether who sent this has DTLS, which ends here: by its protocol; or beside SDES, in the offers
 * of RTP/SAVP, where it is preferred unless flags say otherwise.
 */
static bool dtls_is(const struct ng_call *c, int i, const struct ng_proto *mine)
{
	const struct ng_media *m = &c->media[i];

	if (mine->protection == NG_DTLS)
		return true;
	return srtp_is(mine) && m->n_fingerprint &&
	       (!m->crypto.n || !(c->f->srtp & (NG_DTLS_OFF | NG_SDES_PREFER)));
}

/* Whether it ends here, as far as offers went. */
static bool may_end(const struct context *x)
{
	return (x->term[0].term.flags | x->term[1].term.flags) & TERM_SRTP;
}

static bool ends_now(const struct context *x)
{
	return x && ng_in_force(x) && may_end(x);
}

/* What a side says is replaced by silence: nothing can be put into what passes sealed. */
static bool is_silenced(const struct ng_call *c)
{
	for (int k = 0; k < SDP_MEDIA_MAX; k++) {
		for (int side = 0; side < 2; side++) {
			if ((c->context[k] && c->context[k]->term[side].term.flags & TERM_SILENT) ||
			    (c->former[k] && c->former[k]->term[side].term.flags & TERM_SILENT))
				return true;
		}
	}
	return false;
}

/* Whether it has to, where both sides have it. */
static bool must_end(const struct ng_call *c, int i)
{
	return c->f->srtp & NG_RECRYPT || ends_now(c->context[i]) || is_silenced(c);
}

/* A key of ours for a side: the one that it has, as long as suite and parameters stay. */
static void key_of_ours(const struct ng_call *c, int i, uint32_t side, struct ng_crypto *l,
			enum srtp_suite suite, uint8_t clear)
{
	const struct gate_srtp *has = in_force(c, i, side);

	if (has && has->out.set && has->out.suite == suite && has->flags == clear)
		*l = (struct ng_crypto){ .flags = clear, .key = has->out };
	else
		ng_crypto_draw(l, suite, clear, c->f);
}

/* ---- offers ---- */

/* Lines of ours, of suites that are not among those of `but`, with tags above theirs. */
static void offer_ours(struct ng_call *c, int i, const struct ng_cryptos *but)
{
	struct ng_srtp *s = &c->srtp[i];
	struct ng_suites suites;
	uint32_t tag = 0, has = 0;

	for (uint8_t k = 0; but && k < but->n; k++) {
		has |= 1u << but->line[k].key.suite;
		tag = but->line[k].tag > tag ? but->line[k].tag : tag;
	}
	c->secrets = true;
	ng_crypto_suites(&suites, &c->media[i].crypto, c->f);
	for (uint8_t k = 0; k < suites.n; k++) {
		struct ng_crypto *l = &s->offer.ours.line[s->offer.ours.n];

		if (has >> suites.suite[k] & 1 || tag == TAG_MAX)
			continue;
		key_of_ours(c, i, c->to, l, suites.suite[k], ng_crypto_clear(c->f));
		l->tag = ++tag;
		s->offer.ours.n++;
	}
}

static void offer_theirs(struct ng_call *c, int i)
{
	const struct ng_crypto *l = ng_crypto_choose(&c->media[i].crypto, c->f);

	c->srtp[i].offer.accepts = c->f->srtp & NG_OSRTP_ACCEPT;
	if (l)
		c->srtp[i].offer.theirs = *l;
}

/* It is on one side only, or shall not pass. */
static void offer_ends(struct ng_call *c, int i, bool from, bool to)
{
	struct ng_srtp *s = &c->srtp[i];

	s->drops = true;
	offer_theirs(c, i);
	if (to || c->f->srtp & NG_OSRTP_OFFER)
		offer_ours(c, i, NULL);
	s->side[c->from] = from;
	s->side[c->to] = to;
	if (!c->s->conf->gateway.srtp)
		ng_call_media_refuse(c, i, "m-line %d: SRTP does not end here: gateway.srtp is 0",
				     i + 1);
	else if (from && !s->offer.theirs.key.set)
		ng_call_media_refuse(c, i, "m-line %d: no a=crypto that can be used", i + 1);
	else if (to && c->f->srtp & NG_SDES_OFF)
		ng_call_media_refuse(c, i, "m-line %d: SRTP without SDES is not served", i + 1);
	else if (to && !s->offer.ours.n)
		ng_call_media_refuse(c, i, "m-line %d: SDES: no suite is left", i + 1);
}

/*
 * The lines of who offers go through. Where the other side can use none of them it may take one of
 * ours, which then ends here, as long as there is one of the offerer's to answer.
 */
static void offer_passes(struct ng_call *c, int i, bool srtp)
{
	const bool keyed = sdp_attr(&c->sdp, i, "fingerprint", 0, NULL) >= 0 ||
			   sdp_attr(&c->sdp, SDP_SESSION, "fingerprint", 0, NULL) >= 0;
	struct ng_srtp *s = &c->srtp[i];
	bool adds = c->f->srtp & NG_OSRTP_OFFER;

	/* RTP that may become SRTP (RFC 8643) stays RTP, if it is to be silent. */
	s->drops = c->f->srtp & NG_SDES_OFF || (!srtp && is_silenced(c));
	s->offer.passes = !s->drops;
	if (srtp && s->drops && !keyed)
		ng_call_media_refuse(c, i, "m-line %d: SRTP without SDES is not served", i + 1);
	if (s->drops || !c->s->conf->gateway.srtp)
		return;
	if (srtp)
		adds = !keyed && c->media[i].crypto.n && !(c->f->srtp & NG_SDES_NONEW) &&
		       (c->f->sdes_only_given || !c->f->sdes_no.mask);
	if (adds)
		offer_ours(c, i, &c->media[i].crypto);
	if (s->offer.ours.n || !srtp)
		offer_theirs(c, i);
}

/* DTLS ends here, on one side or on both; the other has SDES, or is plain. */
static void offer_dtls(struct ng_call *c, int i, bool from, bool to, const struct ng_proto *mine,
		       const struct ng_proto *other)
{
	struct ng_srtp *s = &c->srtp[i];

	s->ends = true;
	s->offer.dtls_from = s->dtls[c->from] = from;
	s->offer.dtls_to = s->dtls[c->to] = to;
	s->offer.passive = c->f->srtp & NG_DTLS_BACK_PASSIVE;
	c->secrets = true;
	offer_ends(c, i, !from && srtp_is(mine), !to && srtp_is(other));
	s->side[c->from] |= from;
	s->side[c->to] |= to;
	ng_dtls_read(&s->offer.dtls, c, i);
	if (from && !s->offer.dtls.n_fingerprint)
		ng_call_media_refuse(
		    c, i, "m-line %d: DTLS without a=fingerprint of sha-1 to sha-512", i + 1);
	else if (to && c->f->srtp & NG_DTLS_OFF)
		ng_call_media_refuse(c, i, "m-line %d: %s is not served without DTLS", i + 1,
				     other->name);
}

/* Of the bundle of what may be in nothing else: such a bundle is of DTLS that ends here. */
static bool is_bundled_only(const struct ng_call *c, int i)
{
	for (int k = 0; c->media[i].bundle && k < c->sdp.n_media; k++) {
		if (!c->media[k].gone && c->media[k].only)
			return true;
	}
	return false;
}

/* From end to end as long as nobody says otherwise, and it did not end here before. */
static bool dtls_passes(const struct ng_call *c, int i, const struct ng_proto *mine,
			const struct ng_proto *to)
{
	return mine->protection == NG_DTLS && to->protection == NG_DTLS && !must_end(c, i) &&
	       !is_bundled_only(c, i);
}

void ng_srtp_offer(struct ng_call *c, int i, const struct ng_proto *to)
{
	const struct ng_proto *mine = ng_proto(c->media[i].proto);
	struct ng_srtp *s = &c->srtp[i];

	if (!mine || !to || mine->kind != NG_KIND_RTP)
		return;
	if (dtls_passes(c, i, mine, to)) {
		s->drops = c->f->srtp & NG_SDES_OFF;
		return;
	}
	if (mine->protection == NG_DTLS || to->protection == NG_DTLS ||
	    (!srtp_is(to) && dtls_is(c, i, mine))) {
		offer_dtls(c, i, dtls_is(c, i, mine), to->protection == NG_DTLS, mine, to);
		return;
	}
	s->ends = srtp_is(mine) != srtp_is(to) || (srtp_is(mine) && must_end(c, i));
	if (s->ends)
		offer_ends(c, i, srtp_is(mine), srtp_is(to));
	else
		offer_passes(c, i, srtp_is(mine));
}

bool ng_srtp_keep(struct ng_call *c, int i)
{
	const struct ng_srtp_offer *o = &c->srtp[i].offer;
	const bool any = o->ours.n || o->theirs.key.set || o->dtls_from || o->dtls_to;

	if (!c->context[i] || c->media[i].kind == NG_KIND_STREAM)
		return true;
	return gate_secret_set(c->g, c->context[i], c->from, o, any ? sizeof(*o) : 0) ||
	       ng_call_refuse(c, GATE_FULL, "out of memory");
}

/* ---- answers ---- */

/* What side `side` offered; NULL: nothing, or it is not known any more. */
static const struct ng_srtp_offer *offer_of(const struct ng_call *c, int i, uint32_t side)
{
	size_t len;
	const void *p = gate_secret(c->g, c->context[i], side, &len);

	return len == sizeof(struct ng_srtp_offer) ? p : NULL;
}

/* The line of ours that an answer is to (RFC 4568 5.1.3); NULL: none. */
static const struct ng_crypto *answered(const struct ng_srtp_offer *o, const struct ng_crypto *l)
{
	for (uint8_t k = 0; l && o && k < o->ours.n; k++) {
		const struct ng_crypto *ours = &o->ours.line[k];

		if (ours->tag == l->tag && ours->key.set && ours->key.suite == l->key.suite &&
		    ours->flags == l->flags)
			return ours;
	}
	return NULL;
}

/* One key both ways is a remote that repeats ours: key stream would be used twice. */
static bool keys_agree(struct ng_call *c, int i, uint32_t side, const struct ng_crypto *theirs,
		       const struct ng_crypto *ours)
{
	struct ng_srtp *s = &c->srtp[i];

	c->secrets = s->side[side] = s->ends = s->drops = true;
	s->keys[side] = (struct gate_srtp){ .in = theirs->key, .out = ours->key, ours->flags };
	if (!ng_key_same(&theirs->key, &ours->key))
		return true;
	ng_call_media_refuse(c, i, "m-line %d: a=crypto repeats a key of ours", i + 1);
	return false;
}

/* The side that offered gets SRTP that ends here. */
static void answer_offerer(struct ng_call *c, int i, const struct ng_srtp_offer *o)
{
	struct ng_crypto ours;

	if (!o || !o->theirs.key.set) {
		ng_call_media_refuse(c, i, "m-line %d: a=crypto: the offer is not known any more",
				     i + 1);
		return;
	}
	key_of_ours(c, i, c->to, &ours, o->theirs.key.suite, o->theirs.flags);
	c->srtp[i].tag = o->theirs.tag;
	keys_agree(c, i, c->to, &o->theirs, &ours);
	explicit_bzero(&ours, sizeof(ours));
}

/* The one who answers: by DTLS as it was offered, else by one of our keys, or plain. */
static void answer_by(struct ng_call *c, int i, const struct ng_srtp_offer *o,
		      const struct ng_proto *mine)
{
	const struct ng_cryptos *lines = &c->media[i].crypto;
	const struct ng_crypto *theirs = lines->n ? &lines->line[0] : NULL;
	const struct ng_crypto *ours = answered(o, theirs);
	struct ng_srtp *s = &c->srtp[i];

	if (o->dtls_to) {
		s->dtls[c->from] = s->side[c->from] = true;
		if (!c->media[i].n_fingerprint)
			ng_call_media_refuse(c, i, "m-line %d: DTLS without a=fingerprint", i + 1);
	} else if (ours) {
		keys_agree(c, i, c->from, theirs, ours);
	} else if (srtp_is(mine)) {
		ng_call_media_refuse(c, i, "m-line %d: no a=crypto answers one that was offered",
				     i + 1);
	}
}

/* DTLS ends here. */
static void answer_dtls(struct ng_call *c, int i, const struct ng_srtp_offer *o,
			const struct ng_proto *mine, const struct ng_proto *to)
{
	struct ng_srtp *s = &c->srtp[i];

	s->ends = s->drops = true;
	answer_by(c, i, o, mine);
	if (c->media[i].gone)
		return;
	if (o->dtls_from) {
		s->dtls[c->to] = s->side[c->to] = true;
		s->hold = o->dtls.setup == NG_HOLDCONN;
		s->offer.dtls = o->dtls;
		s->offer.passive = o->passive || c->f->srtp & NG_DTLS_PASSIVE;
	} else if (srtp_is(to)) {
		answer_offerer(c, i, o);
	}
}

void ng_srtp_answer(struct ng_call *c, int i, const struct ng_proto *to)
{
	const struct ng_proto *mine = ng_proto(c->media[i].proto);
	const struct ng_cryptos *lines = &c->media[i].crypto;
	const struct ng_srtp_offer *o = offer_of(c, i, c->to);
	const struct ng_crypto *theirs = lines->n ? &lines->line[0] : NULL;
	const struct ng_crypto *ours = answered(o, theirs);
	const bool passes = o ? o->passes : srtp_is(to) && !may_end(c->context[i]);

	if (o && (o->dtls_from || o->dtls_to)) {
		answer_dtls(c, i, o, mine, to);
		return;
	}
	if ((mine->protection == NG_DTLS) != (to->protection == NG_DTLS) ||
	    (mine->protection == NG_DTLS && may_end(c->context[i]))) {
		ng_call_media_refuse(c, i, "m-line %d: DTLS: the offer is not known any more",
				     i + 1);
		return;
	}
	if (mine->protection == NG_DTLS)
		return;
	if (ours && !keys_agree(c, i, c->from, theirs, ours))
		return;
	/* From end to end, by the offerer's own lines or by DTLS; or without SRTP. */
	if (!ours && passes && (srtp_is(mine) ? srtp_is(to) : theirs != NULL))
		return;
	if (!ours && srtp_is(mine)) {
		ng_call_media_refuse(c, i, "m-line %d: no a=crypto answers one that was offered",
				     i + 1);
		return;
	}
	c->srtp[i].drops = true;
	if (srtp_is(to) || (o && o->theirs.key.set &&
			    (o->accepts || (ours && o->passes) || c->f->srtp & NG_OSRTP_ACCEPT)))
		answer_offerer(c, i, o);
}

/*
 * The key that a side had of ours has an end: where it was offered, an answer that comes later
 * cannot have it again.
 */
static bool spend(struct ng_call *c, int i, uint32_t side)
{
	const struct gate_srtp *has = in_force(c, i, side);
	const struct ng_srtp_offer *was = offer_of(c, i, !side);
	const struct ng_srtp *s = &c->srtp[i];
	struct ng_srtp_offer o;
	bool ok;

	if (!has || !was || (s->side[side] && ng_key_same(&has->out, &s->keys[side].out)))
		return true;
	o = *was;
	for (uint8_t k = 0; k < o.ours.n; k++) {
		if (ng_key_same(&o.ours.line[k].key, &has->out))
			explicit_bzero(&o.ours.line[k].key, sizeof(o.ours.line[k].key));
	}
	ok = gate_secret_set(c->g, c->context[i], !side, &o, sizeof(o));
	explicit_bzero(&o, sizeof(o));
	return ok || ng_call_refuse(c, GATE_FULL, "out of memory");
}

bool ng_srtp_spend(struct ng_call *c, int i)
{
	return spend(c, i, 0) && spend(c, i, 1);
}

bool ng_srtp_set(struct ng_call *c, int i)
{
	const struct ng_srtp *s = &c->srtp[i];

	for (uint32_t side = 0; side < 2; side++) {
		if (s->side[side] && !s->dtls[side] &&
		    !gate_srtp_set(c->g, c->context[i], side, &s->keys[side]))
			return ng_call_refuse(c, GATE_FULL, "out of memory");
	}
	return true;
}

void ng_srtp_spec(const struct ng_call *c, int i, uint32_t side, struct ctl_term *t)
{
	const struct ng_srtp *s = &c->srtp[i];
	struct ng_dtls d;

	if (t->transport != TERM_UDP)
		return;
	t->flags = s->side[side] ? t->flags | TERM_SRTP : t->flags & (uint16_t)~TERM_SRTP;
	if (!s->dtls[side]) {
		term_dtls_clear(t);
		return;
	}
	t->flags |= TERM_DTLS;
	if (c->offer) /* with the answer, which says who is the client */
		return;
	if (side == c->from) {
		ng_dtls_read(&d, c, i);
		ng_dtls_term(t, &d, true, false);
	} else {
		ng_dtls_term(t, &s->offer.dtls, false, s->offer.passive);
	}
}

/* ---- the SDP for the other side ---- */

void ng_srtp_write(const struct ng_call *c, int i, struct wr *w)
{
	const struct ng_srtp *s = &c->srtp[i];
	struct ng_crypto answer;

	if (s->dtls[c->to]) {
		ng_dtls_write(c, i, w);
		return;
	}
	for (uint8_t k = 0; c->offer && k < s->offer.ours.n; k++)
		ng_crypto_put(w, &s->offer.ours.line[k]);
	if (c->offer || !s->side[c->to])
		return;
	answer = (struct ng_crypto){ s->tag, s->keys[c->to].flags, s->keys[c->to].out };
	ng_crypto_put(w, &answer);
	explicit_bzero(&answer, sizeof(answer));
}

/* Whether flags take the suite of a line that goes through. */
static bool suite_drops(const struct ng_flags *f, struct sdp_text v)
{
	struct sdp_text tag, suite;
	enum srtp_suite known;

	if (!v.at || !sdp_word(&v, &tag) || !sdp_word(&v, &suite))
		return false;
	known = srtp_suite_find(suite.at, suite.len);
	return known == SRTP_SUITES ? f->sdes_only_given : !ng_crypto_shows(f, known);
}

bool ng_srtp_drops(const struct ng_call *c, int i, const struct sdp_line *l)
{
	const char *colon;

	if (!sdp_line_is(l, "crypto"))
		return false;
	if (c->srtp[i].drops || !c->offer || c->media[i].kind != NG_KIND_RTP)
		return c->srtp[i].drops;
	colon = memchr(l->value.at, ':', l->value.len);
	return colon && suite_drops(c->f, (struct sdp_text){
					      colon + 1,
					      (uint32_t)(l->value.at + l->value.len - colon - 1) });
}

void ng_srtp_wipe(struct ng_call *c)
{
	if (!c->secrets)
		return;
	explicit_bzero(c->srtp, sizeof(c->srtp));
	for (int i = 0; i < SDP_MEDIA_MAX; i++)
		explicit_bzero(&c->media[i].crypto, sizeof(c->media[i].crypto));
	explicit_bzero(c->out, c->out_len);
	c->secrets = false;
}
