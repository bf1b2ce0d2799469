/* SPDX-License-Identifier: BSD-3-Clause */
/* What offers and answers have in common: who is who, which contexts there are, what was sent. */
#include "ng_call.h"

#include "ng_format.h"
#include "ng_sdp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool ng_call_refuse(struct ng_call *c, enum gate_error error, const char *fmt, ...)
{
	va_list ap;

	c->fail.error = error;
	va_start(ap, fmt);
	vsnprintf(c->fail.text, sizeof(c->fail.text), fmt, ap);
	va_end(ap);
	return false;
}

/* ---- contexts ---- */

bool ng_call_match(const struct context *c, const struct ng_flags *f, bool strict, uint32_t *from)
{
	for (uint32_t side = 0; f->from && side < 2; side++) {
		const char *other = c->term[1 - side].tag;

		*from = side;
		if (*c->term[side].tag && strcmp(c->term[side].tag, f->from) == 0)
			return !strict || !f->to || !*other || strcmp(other, f->to) == 0;
		if (!strict && f->to && *other && strcmp(other, f->to) == 0 && !*c->term[side].tag)
			return true;
	}
	*from = 0;
	return !f->from &&
	       (!f->to || strcmp(c->term[0].tag, f->to) == 0 || strcmp(c->term[1].tag, f->to) == 0);
}

bool ng_call_match_both(const struct context *c, const struct ng_flags *f)
{
	const char *tag[2] = { c->term[0].tag, c->term[1].tag };

	if (!f->from || !f->to || !*tag[0] || !*tag[1])
		return false;
	return (strcmp(tag[0], f->from) == 0 && strcmp(tag[1], f->to) == 0) ||
	       (strcmp(tag[1], f->from) == 0 && strcmp(tag[0], f->to) == 0);
}

uint32_t ng_branch(const struct gateway *g, const struct ng_flags *f)
{
	return f->branch ? gate_owner(g, f->branch, strlen(f->branch)) : 0;
}

bool ng_call_match_fork(const struct context *c, const struct ng_flags *f)
{
	const char *offerer = c->term[0].tag;

	return ng_note_get(c->note, NG_NOTE_FORKED, 1) && !ng_note_get(c->note, NG_NOTE_FINAL, 1) &&
	       *offerer && f->from && f->to &&
	       (strcmp(offerer, f->from) == 0 || strcmp(offerer, f->to) == 0);
}

static void over(struct ng_call *c, struct context *x)
{
	if (c->n_over < sizeof(c->over) / sizeof(c->over[0]))
		c->over[c->n_over++] = x;
}

/* Where one is in force until an answer, that one is what an offer goes on with. */
static void find_former(struct ng_call *c)
{
	for (int i = 0; i < SDP_MEDIA_MAX; i++) {
		if (!c->former[i])
			continue;
		if (c->context[i])
			over(c, c->context[i]);
		c->context[i] = c->former[i];
		c->former[i] = NULL;
	}
}

/* How well a context fits, by tags and via-branch: its branch is that of the best. 0: not at all.
 */
static uint32_t branch_fits(const struct ng_call *c, const struct context *x, uint32_t told)
{
	uint32_t side;

	if (ng_call_match_both(x, c->f))
		return 4;
	if (!ng_call_match(x, c->f, false, &side))
		return 0;
	if (told && x->branch == told)
		return 3;
	/* Another branch that is offered is one of its own; who answers may be of any. */
	if (c->offer)
		return told ? 0 : 2;
	return *x->term[1 - side].tag ? 1 : 2;
}

/* Each branch of a call that forks has contexts of its own, as far as branches are told. */
static void find_branch(struct ng_call *c)
{
	const uint32_t told = ng_branch(c->g, c->f);
	struct context *x = gate_call_next(c->g, c->f->call, NULL);
	uint32_t best = 0;

	c->branch = told;
	for (; x; x = gate_call_next(c->g, c->f->call, x)) {
		const uint32_t fits = branch_fits(c, x, told);

		if (fits <= best)
			continue;
		best = fits;
		c->branch = x->branch;
	}
}

/* Those whose connections have ended are no part of what an offer goes on with. */
bool ng_call_find(struct ng_call *c)
{
	struct context *x = gate_call_next(c->g, c->f->call, NULL), *next;
	bool found = false;
	uint32_t side;

	find_branch(c);
	c->from = c->offer ? 0 : 1;
	for (; x; x = next) {
		next = gate_call_next(c->g, c->f->call, x);
		if (x->branch != c->branch || x->media >= SDP_MEDIA_MAX ||
		    !ng_call_match(x, c->f, false, &side))
			continue;
		if (c->offer && x->end != CONTEXT_END_NONE) {
			over(c, x);
			continue;
		}
		c->from = c->offer ? side : 1 - side;
		if (ng_note_get(x->note, NG_NOTE_CLOSING, 1))
			c->former[x->media] = x;
		else
			c->context[x->media] = x;
		found = true;
	}
	c->to = 1 - c->from;
	if (c->offer)
		find_former(c);
	return found;
}

void ng_call_spare(struct ng_call *c)
{
	struct context *x = gate_call_next(c->g, c->f->call, NULL);
	uint32_t side;

	for (; x; x = gate_call_next(c->g, c->f->call, x)) {
		if (x->branch == c->branch && ng_call_match(x, c->f, false, &side))
			gate_spare(c->g, x);
	}
}

void ng_call_gone(struct ng_call *c, struct context **x)
{
	if (*x)
		gate_delete(c->g, *x, NULL, NULL);
	*x = NULL;
}

bool ng_same_kind(const struct context *x, const struct ng_media *m)
{
	return (x->term[0].term.transport == TERM_UDP) == (m->kind != NG_KIND_STREAM);
}

bool ng_in_force(const struct context *x)
{
	if (x->end || ng_note_get(x->note, NG_NOTE_REFUSED, 2))
		return false;
	for (int side = 0; side < 2; side++) {
		const struct ctl_term *t = &x->term[side].term;

		if (x->stream ? !t->attempt
			      : !be16_get(t->remote[0].port) && !be16_get(t->latched[0].port))
			return false;
	}
	return true;
}

void ng_call_plan(const struct ng_call *c, int i, bool halted, struct gate_plan *plan)
{
	*plan = (struct gate_plan){ .media = (uint16_t)i,
				    .inactivity = halted ? 0 : UINT32_MAX,
				    .note = c->note[i],
				    .owner = c->owner,
				    .branch = c->branch };
	snprintf(plan->call, sizeof(plan->call), "%s", c->f->call);
}

bool ng_call_certified(struct ng_call *c)
{
	struct fingerprint fp;

	for (int i = 0; i < c->sdp.n_media; i++) {
		const struct context *x = c->context[i];

		if ((x && x->term[c->to].term.transport == TERM_TLS &&
		     !gate_fingerprints(c->g, x, c->to, &fp, 1)) ||
		    (!c->media[i].gone && c->srtp[i].dtls[c->to] &&
		     !gate_dtls_fingerprint(c->g, &fp)))
			return ng_call_refuse(c, GATE_BUSY,
					      "m-line %d: no certificate of ours is loaded", i + 1);
	}
	return true;
}

/* ---- what was sent ---- */

/* The protocol that flags name; 0: none. */
static uint32_t proto_told(const struct ng_call *c)
{
	const struct sdp_text t = { c->f->proto, c->f->proto ? (uint32_t)strlen(c->f->proto) : 0 };

	return ng_proto_find(t);
}

bool ng_call_each(struct ng_call *c, bool (*take)(struct ng_call *c, int i))
{
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (!take(c, i))
			return false;
	}
	return true;
}

void ng_call_media_refuse(struct ng_call *c, int i, const char *fmt, ...)
{
	va_list ap;

	c->media[i].gone = true;
	if (c->n_refused++)
		return;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

static bool media_read(struct ng_call *c, int i)
{
	struct ng_media *m = &c->media[i];
	char why[CTL_TEXT_MAX];

	c->srtp[i] = (struct ng_srtp){ 0 };
	if (!ng_media_read(m, &c->sdp, i, c->f, c->s->conf, c->crypto_skipped, why, sizeof(why))) {
		ng_call_media_refuse(c, i, "%s", why);
		return true;
	}
	/* Without the flag a bundle is of its first m-line alone. */
	if (m->only && c->offer && !m->accepts)
		ng_call_media_refuse(c, i, "m-line %d: bundle-only, and no flag bundle=accept",
				     i + 1);
	if (c->f->remove & 1u << ng_type_find(c->sdp.media[i].type))
		m->gone = true;
	c->secrets |= m->crypto.n > 0;
	return true;
}

/* There is no codec but those of the two ends. */
static bool codecs_there(struct ng_call *c, int i)
{
	const char *name = NULL;

	if (c->offer && !c->media[i].gone && c->media[i].kind == NG_KIND_RTP &&
	    ng_type_find(c->sdp.media[i].type) == ng_type_find((struct sdp_text){ "audio", 5 }))
		name = ng_formats_missing(&c->sdp, i, c->f);
	return !name || ng_call_refuse(c, GATE_BAD,
				       "m-line %d: codec \"%.32s\" is not offered, and nothing is "
				       "transcoded",
				       i + 1, name);
}

/* Where nothing is left that is served, there is no point in going on. */
bool ng_call_left(struct ng_call *c)
{
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (!c->media[i].gone)
			return true;
	}
	return !c->n_refused || ng_call_refuse(c, GATE_BAD, "%s", c->why);
}

/* The SDP came back to us. */
static bool looped(struct ng_call *c)
{
	struct sdp_text v;
	char self[17];

	snprintf(self, sizeof(self), "%016llx", (unsigned long long)c->self);
	if (!(c->f->flags & NG_LOOP_PROTECT) ||
	    sdp_attr(&c->sdp, SDP_SESSION, "fairlead", 0, &v) < 0 || !sdp_text_is(v, self))
		return false;
	memcpy(c->out, c->f->sdp, c->f->sdp_len);
	c->out_len = c->f->sdp_len;
	return true;
}

/* Bytes that there may be of ours. */
static size_t sdp_growth(const struct ng_call *c)
{
	const struct ng_proto *told = ng_proto(proto_told(c));
	size_t n = (size_t)(c->sdp.n_media + 1) * NG_SDP_GROWTH + ng_attr_growth(c->f, &c->sdp) +
		   (size_t)c->sdp.n_media * ng_sdp_session_keys(&c->sdp);

	for (int i = 0; i < c->sdp.n_media; i++) {
		const struct ng_proto *p = ng_proto(ng_proto_find(c->sdp.media[i].proto));

		if (p && p->kind == NG_KIND_RTP &&
		    (p->protection == NG_SDES || (told && told->protection == NG_SDES) ||
		     c->f->srtp & NG_OSRTP_OFFER))
			n += NG_SDP_CRYPTO;
	}
	return n;
}

void ng_call_begin(struct ng_call *c, const struct ng_flags *f, bool offer)
{
	c->f = f;
	c->offer = offer;
	c->n_over = 0;
	c->n_refused = 0;
	c->fail = (struct gate_fail){ 0 };
	memset(c->context, 0, sizeof(c->context));
	memset(c->note, 0, sizeof(c->note));
	memset(c->added, 0, sizeof(c->added));
	memset(c->former, 0, sizeof(c->former));
	memset(c->crypto_skipped, 0, sizeof(c->crypto_skipped));
	c->version = 0;
}

bool ng_call_read(struct ng_call *c, const struct ng_flags *f, bool offer, bool *loop)
{
	const char *why;
	int where;

	ng_call_begin(c, f, offer);
	if (!f->call || !f->from || !f->sdp)
		return ng_call_refuse(c, GATE_BAD, "call-id, from-tag and sdp must be given");
	if (!sdp_parse(&c->sdp, f->sdp, f->sdp_len, &where, &why))
		return ng_call_refuse(c, GATE_BAD, "sdp: line %d %s", where, why);
	/* Each line may get an end of two bytes in place of one. */
	if (f->sdp_len + (size_t)c->sdp.n_line + sdp_growth(c) > NG_SDP_MAX)
		return ng_call_refuse(c, GATE_BAD, "sdp: too long");
	if (f->proto && !proto_told(c))
		return ng_call_refuse(c, GATE_BAD, "transport-protocol: %s is not served",
				      f->proto);
	if (!ng_call_each(c, media_read) || !ng_call_left(c) || !ng_call_each(c, codecs_there))
		return false;
	*loop = looped(c);
	return true;
}
