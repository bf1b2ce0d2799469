/* SPDX-License-Identifier: BSD-3-Clause */
#include "context_json.h"

#include "../../lib/tls_name.h"
#include "term_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const gate_error_name[GATE_ERRORS] = { "ok", "bad", "denied", "full", "busy" };

static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

/* Of the certificate that was shown; null: none was, yet. */
static json_t *shown_json(const uint8_t sha256[32])
{
	struct fingerprint fp = { .hash = FP_SHA256 };
	static const uint8_t none[32];

	memcpy(fp.digest, sha256, sizeof(none));
	return memcmp(sha256, none, sizeof(none)) == 0 ? json_null() : fingerprint_json(&fp);
}

/* null until the handshake is over. */
static json_t *tls_json(uint16_t version, uint16_t suite)
{
	const char *name = tls_suite_name(suite);

	if (version == 0)
		return json_null();
	return json_pack("{s:s, s:s}", "version", tls_version_name(version), "suite",
			 name ? name : "?");
}

json_t *context_end_json(uint8_t end)
{
	if (end == CONTEXT_END_NONE)
		return json_null();
	return json_string(end < CONTEXT_ENDS ? context_end_name[end] : "?");
}

json_t *context_id_json(uint64_t id)
{
	char text[CONTEXT_ID_MAX];

	snprintf(text, sizeof(text), "%016" PRIx64, id);
	return json_string(text);
}

/* ---- terminations: their fields (term_json.h), and what became of them ---- */

static const char *state_word(uint8_t state)
{
	static const char *const word[] = { "none", "idle", "opening", "unjudged", "up", "ended" };

	return state < sizeof(word) / sizeof(word[0]) ? word[state] : "?";
}

static json_t *local_json(const struct server *s, const struct context *c, uint32_t side, bool rtcp)
{
	struct sock_addr a;

	return gate_local(s->gateway, c, side, rtcp, &a) ? addr_json(&a) : json_null();
}

static void udp_members(json_t *o, const struct server *s, const struct context *c, uint32_t side)
{
	const struct ctl_term *t = &c->term[side].term;

	set(o, "rtcp_local", local_json(s, c, side, true));
	set(o, "latched", addr_json(&t->latched[0]));
	set(o, "rtcp_latched", addr_json(&t->latched[1]));
	if (t->flags & TERM_ICE) {
		set(o, "ice_ufrag", json_string(t->ufrag));
		set(o, "ice_pwd", json_string(t->pwd));
	}
}

static void stream_members(json_t *o, const struct context_term *x)
{
	set(o, "begun", json_boolean(x->term.attempt));
	set(o, "peer", addr_json(&x->peer));
	set(o, "why",
	    x->state == TERM_STATE_ENDED ? json_string(gate_why(x->term.transport, x->why))
					 : json_null());
}

static void tls_members(json_t *o, const struct server *s, const struct context *c, uint32_t side)
{
	const struct context_term *x = &c->term[side];
	struct fingerprint own[CTL_FINGERPRINTS_MAX];
	const uint32_t n_own = gate_fingerprints(s->gateway, c, side, own, CTL_FINGERPRINTS_MAX);

	set(o, "own_fingerprints", fingerprints_json(own, n_own));
	set(o, "peer_fingerprint", shown_json(x->sha256));
	set(o, "tls", tls_json(x->tls_version, x->tls_suite));
}

/* What came of it so far, as of a second ago; null: the dataplane is away, or has it no more. */
static json_t *use_json(const struct server *s, const struct context *c, uint32_t side)
{
	struct context_use u;

	if (!dplink_context_use(s->link, c->worker, c->cid, server_now(s), &u))
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "packets", integer(u.packets[side]), "bytes",
			 integer(u.bytes[side]), "packets_per_s", integer(u.packets_per_s[side]),
			 "bytes_per_s", integer(u.bytes_per_s[side]), "silent_s",
			 u.silent_s[side] == UINT32_MAX ? json_null() : integer(u.silent_s[side]));
}

static json_t *term_json(const struct server *s, const struct context *c, uint32_t side)
{
	const struct context_term *x = &c->term[side];
	struct term_spec w;
	json_t *o;

	term_spec(s->gateway, c, side, &w);
	if (w.term.transport == TERM_NONE)
		return json_null();
	o = json_object();
	term_json_write(s->conf, &w, o);
	set(o, "state", json_string(state_word(x->state)));
	set(o, "state_s", integer(server_now(s) > x->since ? server_now(s) - x->since : 0));
	set(o, "local", local_json(s, c, side, false));
	set(o, "use", use_json(s, c, side));
	if (w.term.transport == TERM_UDP)
		udp_members(o, s, c, side);
	else
		stream_members(o, x);
	if (w.term.transport == TERM_TLS || w.term.flags & TERM_DTLS)
		tls_members(o, s, c, side);
	return o;
}

/* ---- contexts ---- */

json_t *context_json(const struct server *s, const struct context *c)
{
	const uint32_t now = server_now(s);

	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:[o, o]}", "context",
			 context_id_json(c->id), "call", rpc_text(c->call), "media",
			 integer(c->media), "worker", integer(c->worker), "hold",
			 (c->flags & CONTEXT_HOLD) != 0, "age_s",
			 integer(now > c->created ? now - c->created : 0), "expires_s",
			 integer(c->expiry > now ? c->expiry - now : 0), "inactivity",
			 integer(c->inactivity), "end", context_end_json(c->end), "terminations",
			 term_json(s, c, 0), term_json(s, c, 1));
}

static json_t *heard_json(const struct ctl_heard *h)
{
	return json_pack("{s:f, s:f, s:f, s:o}", "mos", h->mos / 100.0, "loss_percent",
			 h->loss / 100.0, "jitter_ms", h->jitter_us / 1000.0, "round_trip_ms",
			 h->rtt_us ? json_real(h->rtt_us / 1000.0) : json_null());
}

/* In tenths; 0: it was not told. */
static json_t *mos_json(uint8_t tenths)
{
	return tenths ? json_real(tenths / 10.0) : json_null();
}

/* What a side said of how it hears the other, by reports of RTCP and by extended ones (RFC 3611).
 */
static json_t *told_json(const struct ctl_quality *q)
{
	if (!q->reports && !q->told_mos_lq && !q->told_mos_cq)
		return json_null();
	return json_pack("{s:o, s:o, s:f, s:f, s:o, s:o}", "reports", integer(q->reports), "lost",
			 integer(q->told_lost), "loss_percent", q->told_loss / 100.0, "jitter_ms",
			 q->told_jitter_us / 1000.0, "mos_lq", mos_json(q->told_mos_lq), "mos_cq",
			 mos_json(q->told_mos_cq));
}

/* Of RTP that came from the side as far as here, and how that side heard what came to it. */
static json_t *quality_json(const struct ctl_quality *q)
{
	const char *codec = q->codec < CODECS ? codec_desc[q->codec].name : "";
	json_t *o;

	if (!q->sources && !q->samples)
		return json_null();
	o = json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f}", "ssrc",
		      integer(q->ssrc), "sources", integer(q->sources), "codec", codec, "received",
		      integer(q->received), "lost", integer(q->lost), "reordered",
		      integer(q->reordered), "duplicates", integer(q->duplicates), "bursts",
		      integer(q->bursts), "burst_lost", integer(q->burst_lost), "jitter_ms",
		      q->jitter_us / 1000.0, "jitter_max_ms", q->jitter_max_us / 1000.0);
	set(o, "told", told_json(q));
	set(o, "round_trip_ms", q->rtt_us ? json_real(q->rtt_us / 1000.0) : json_null());
	set(o, "heard",
	    q->samples ? json_pack("{s:o, s:o, s:o, s:o}", "samples", integer(q->samples), "mean",
				   heard_json(&q->mean), "lowest", heard_json(&q->lowest),
				   "highest", heard_json(&q->highest))
		       : json_null());
	return o;
}

static json_t *counters_json(const struct ctl_term_stats *s)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "packets", integer(s->packets),
			 "bytes", integer(s->bytes), "rtcp_packets", integer(s->rtcp_packets),
			 "rtcp_bytes", integer(s->rtcp_bytes), "dropped", integer(s->dropped),
			 "ice_checks", integer(s->checks), "silent_s",
			 s->silent_s == UINT32_MAX ? json_null() : integer(s->silent_s), "quality",
			 quality_json(&s->quality));
}

void context_counters_json(json_t *context, const struct ctl_term_stats stats[2])
{
	json_t *t;
	size_t i;

	json_array_foreach(json_object_get(context, "terminations"), i, t)
	{
		if (json_is_object(t))
			set(t, "counters", stats ? counters_json(&stats[i]) : json_null());
	}
}

/* ---- events ---- */

json_t *context_event_json(const struct gate_event *n)
{
	json_t *o = json_pack(
	    "{s:o, s:o, s:o, s:o, s:o, s:s}", "seq", integer(n->seq), "time_ms",
	    integer(n->wall_ms), "context", context_id_json(n->context), "call", rpc_text(n->call),
	    "side", n->ended ? json_null() : integer(n->side), "what",
	    n->ended ? "context_ended" : term_word(term_events, (uint16_t)(1 << n->what)));

	if (!o)
		return NULL;
	if (n->ended) {
		set(o, "why", context_end_json(n->end));
		return o;
	}
	set(o, "transport", json_string(term_word(term_transports, n->transport)));
	set(o, "remote", addr_json(&n->remote));
	if (n->what == TERM_LATCHED)
		set(o, "rtcp", json_boolean(n->rtcp));
	if (n->what == TERM_ENDED || n->what == TERM_REFUSED)
		set(o, "why", json_string(gate_why(n->transport, n->why)));
	if (n->what == TERM_INACTIVE)
		set(o, "why", json_string(n->why == INACTIVE_CONSENT ? "consent" : "media"));
	if (n->transport == TERM_TLS) {
		set(o, "tls", tls_json(n->tls_version, n->tls_suite));
		set(o, "peer_fingerprint", shown_json(n->sha256));
	}
	return o;
}
