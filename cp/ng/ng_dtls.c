/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_dtls.h"

#include "ng_bundle.h"
#include "ng_call.h"

#include <string.h>

enum { ID_PARTS = 4 }; /* of 32 bits: RFC 8842 4 wants 120 at least, in 20 characters */

void ng_dtls_read(struct ng_dtls *d, const struct ng_call *c, int i)
{
	const struct ng_media *m = &c->media[i];

	*d = (struct ng_dtls){ .setup = m->setup,
			       .id = sdp_tls_id(&c->sdp, m->via),
			       .n_fingerprint = m->n_fingerprint };
	memcpy(d->fingerprint, m->fingerprint, sizeof(d->fingerprint));
}

/* Whether the association that there is goes on, and with it our role. */
static bool is_same(const struct ctl_term *t, const struct ng_dtls *d)
{
	return t->flags & TERM_DTLS && t->n_fingerprint == d->n_fingerprint &&
	       t->dtls_id == d->id &&
	       memcmp(t->fingerprint, d->fingerprint, sizeof(d->fingerprint)) == 0;
}

/* RFC 5763 5, RFC 4145 4.1: who leaves the choice to us is our server, unless flags say otherwise.
 */
static bool we_connect(const struct ctl_term *t, const struct ng_dtls *d, bool answered,
		       bool passive)
{
	if (d->setup == NG_PASSIVE)
		return true;
	if (d->setup == NG_ACTIVE || answered)
		return false;
	return is_same(t, d) ? t->flags & TERM_TLS_CLIENT : !passive;
}

void ng_dtls_term(struct ctl_term *t, const struct ng_dtls *d, bool answered, bool passive)
{
	const bool client = we_connect(t, d, answered, passive);

	t->flags |= TERM_DTLS;
	t->flags = client ? t->flags | TERM_TLS_CLIENT : t->flags & (uint16_t)~TERM_TLS_CLIENT;
	t->dtls_id = d->id;
	t->n_fingerprint = d->setup == NG_HOLDCONN ? 0 : d->n_fingerprint;
	memcpy(t->fingerprint, d->fingerprint, sizeof(t->fingerprint));
}

bool ng_dtls_again(const struct ctl_term *was, const struct ctl_term *t)
{
	return was->flags & t->flags & TERM_DTLS && was->n_fingerprint && t->n_fingerprint &&
	       (was->n_fingerprint != t->n_fingerprint || was->dtls_id != t->dtls_id ||
		(was->flags ^ t->flags) & TERM_TLS_CLIENT ||
		memcmp(was->fingerprint, t->fingerprint, sizeof(t->fingerprint)) != 0);
}

/*
 * Ours: the same as long as the association goes on, and nobody else's. It is made of what the
 * context keeps, by a key that nobody is told, so that it outlives this process.
 */
static void write_id(const struct ng_call *c, const struct context *x, struct wr *w)
{
	struct {
		uint64_t context;
		uint8_t side, count, part, pad[5];
	} of = { .context = x->id, .side = (uint8_t)c->to, .count = ng_keep_of(x, c->to).dtls };
	uint32_t part[ID_PARTS];

	for (; of.part < ID_PARTS; of.part++)
		part[of.part] = gate_owner(c->g, &of, sizeof(of));
	sdp_put(w, "a=tls-id:%08x%08x%08x%08x", part[0], part[1], part[2], part[3]);
}

/* An answer has one where the offer had (RFC 8842 5.3). */
static bool id_is_told(const struct ng_call *c, const struct context *x)
{
	return !(c->f->flags & NG_NO_TLS_ID) && (c->offer || x->term[c->to].term.dtls_id);
}

/* RFC 8842 5.2: an offer leaves the choice, also where there is an association. */
static const char *setup_for(const struct ng_call *c, int i)
{
	if (c->offer)
		return "actpass";
	if (c->srtp[i].hold)
		return "holdconn";
	return ng_bundle_carrier(c, c->context[i], c->to)->term[c->to].term.flags & TERM_TLS_CLIENT
		   ? "active"
		   : "passive";
}

void ng_dtls_write(const struct ng_call *c, int i, struct wr *w)
{
	const struct context *x;
	char text[FP_TEXT_MAX];
	struct fingerprint fp;

	if (!gate_dtls_fingerprint(c->g, &fp))
		return;
	sdp_put(w, "a=setup:%s", setup_for(c, i));
	fingerprint_format(&fp, text, sizeof(text));
	sdp_put(w, "a=fingerprint:%s", text);
	x = ng_bundle_carrier(c, c->context[i], c->to);
	if (id_is_told(c, x))
		write_id(c, x, w);
}
