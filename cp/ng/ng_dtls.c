/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_dtls.h"

#include "ng_call.h"

#include <string.h>

/* So that another one is seen: RFC 8842 5.2. */
static uint32_t id_of(const struct ng_call *c, int i)
{
	uint32_t h = 2166136261u;
	struct sdp_text v;

	if (!sdp_attr_of(&c->sdp, i, "tls-id", &v) || !v.len)
		return 0;
	for (uint32_t k = 0; k < v.len; k++)
		h = (h ^ (uint8_t)v.at[k]) * 16777619u;
	return h ? h : 1;
}

void ng_dtls_read(struct ng_dtls *d, const struct ng_call *c, int i)
{
	const struct ng_media *m = &c->media[i];

	*d = (struct ng_dtls){ .setup = m->setup,
			       .id = id_of(c, i),
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

void ng_dtls_clear(struct ctl_term *t)
{
	t->flags &= (uint16_t) ~(TERM_DTLS | TERM_TLS_CLIENT);
	t->dtls_id = 0;
	t->n_fingerprint = 0;
	memset(t->fingerprint, 0, sizeof(t->fingerprint));
}

/* RFC 8842 5.2: an offer leaves the choice, also where there is an association. */
static const char *setup_for(const struct ng_call *c, int i)
{
	if (c->offer)
		return "actpass";
	if (c->srtp[i].hold)
		return "holdconn";
	return c->context[i]->term[c->to].term.flags & TERM_TLS_CLIENT ? "active" : "passive";
}

void ng_dtls_write(const struct ng_call *c, int i, struct wr *w)
{
	char text[FP_TEXT_MAX];
	struct fingerprint fp;

	if (!gate_dtls_fingerprint(c->g, &fp))
		return;
	sdp_put(w, "a=setup:%s", setup_for(c, i));
	fingerprint_format(&fp, text, sizeof(text));
	sdp_put(w, "a=fingerprint:%s", text);
}
