/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_media.h"

#include "../policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct ng_proto protos[] = {
	/* Contexts keep these numbers, also over an upgrade: more come at the end, 15 at most. */
	{ "RTP/AVP", NG_KIND_RTP, false, NULL, NG_PLAIN },
	{ "RTP/AVPF", NG_KIND_RTP, false, NULL, NG_PLAIN },
	{ "TCP/MSRP", NG_KIND_STREAM, false, "MSRP", NG_PLAIN },
	{ "TCP/TLS/MSRP", NG_KIND_STREAM, true, "MSRP", NG_PLAIN },
	{ "TCP/BFCP", NG_KIND_STREAM, false, "BFCP", NG_PLAIN },
	{ "TCP/TLS/BFCP", NG_KIND_STREAM, true, "BFCP", NG_PLAIN },
	{ "RTP/SAVP", NG_KIND_RTP, false, NULL, NG_SDES },
	{ "RTP/SAVPF", NG_KIND_RTP, false, NULL, NG_SDES },
	{ "UDP/TLS/RTP/SAVP", NG_KIND_RTP, false, NULL, NG_DTLS },
	{ "UDP/TLS/RTP/SAVPF", NG_KIND_RTP, false, NULL, NG_DTLS },
};
enum { PROTOS = sizeof(protos) / sizeof(protos[0]) };

/* An m-line under examination. */
struct look {
	struct ng_media *m;
	const struct sdp *s;
	int i, via; /* the m-line, and the one that speaks of its transport */
	const struct ng_flags *f;
	char *err;
	size_t errlen;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct look *l, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(l->err, l->errlen, "m-line %d: ", l->i + 1);

	va_start(ap, fmt);
	vsnprintf(l->err + n, l->errlen - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

static const char *const types[] = { "other",	    "audio",   "video", "text",
				     "application", "message", "image" };
enum { TYPES = sizeof(types) / sizeof(types[0]) };

const char *ng_type(uint32_t number)
{
	return types[number < TYPES ? number : 0];
}

uint32_t ng_type_find(struct sdp_text name)
{
	uint32_t i = TYPES;

	while (--i && !sdp_text_is(name, types[i]))
		;
	return i;
}

const struct ng_proto *ng_proto(uint32_t number)
{
	return number && number <= PROTOS ? &protos[number - 1] : NULL;
}

uint32_t ng_proto_find(struct sdp_text name)
{
	for (uint32_t i = 0; i < PROTOS; i++) {
		if (sdp_text_is_nocase(name, protos[i].name))
			return i + 1;
	}
	return 0;
}

uint32_t ng_proto_over(uint32_t number, bool tls)
{
	const struct ng_proto *p = ng_proto(number);

	for (uint32_t i = 0; p && p->over && i < PROTOS; i++) {
		if (protos[i].over && protos[i].tls == tls && strcmp(protos[i].over, p->over) == 0)
			return i + 1;
	}
	return number;
}

bool ng_proto_feedback(const struct ng_proto *p)
{
	return p->kind == NG_KIND_RTP && p->name[strlen(p->name) - 1] == 'F';
}

bool ng_proto_joins(const struct ng_proto *a, const struct ng_proto *b)
{
	return a->kind == b->kind && (!a->over || strcmp(a->over, b->over) == 0);
}

static bool begins(struct sdp_text t, const char *with)
{
	size_t n = strlen(with);

	return t.len >= n && strncasecmp(t.at, with, n) == 0;
}

static bool read_proto(struct look *l)
{
	struct sdp_text name = l->s->media[l->i].proto;

	l->m->proto = ng_proto_find(name);
	if (l->m->proto) {
		l->m->kind = ng_proto(l->m->proto)->kind;
		l->m->tls = ng_proto(l->m->proto)->tls;
		return true;
	}
	l->m->kind = NG_KIND_UDP;
	if (!begins(name, "UDP/TLS/RTP/") &&
	    (begins(name, "UDP/") || sdp_text_is_nocase(name, "UDP") ||
	     sdp_text_is_nocase(name, "udptl")))
		return true;
	return refuse(l, "%.*s is not served", (int)(name.len < 64 ? name.len : 64), name.at);
}

/* ---- names of m-lines (RFC 5888), and their group BUNDLE (RFC 9143) ---- */

/* What is behind it. */
static bool bundle_of(const struct sdp_line *l, struct sdp_text *mids)
{
	struct sdp_text word;

	if (!sdp_line_is(l, "group"))
		return false;
	*mids = (struct sdp_text){ l->value.at + strlen("group"), l->value.len - strlen("group") };
	if (!mids->len)
		return false;
	mids->at++, mids->len--;
	return sdp_word(mids, &word) && sdp_text_is(word, "BUNDLE");
}

bool ng_media_is_bundle(const struct sdp_line *l)
{
	struct sdp_text mids;

	return l->type == 'a' && bundle_of(l, &mids);
}

/* A place in the first bundle that names it, from 1, and who is first there. */
static uint8_t place_of(const struct sdp *s, struct sdp_text mid, struct sdp_text *first)
{
	struct sdp_text mids, word;

	for (int line = 0; line < s->media[0].line; line++) {
		if (s->line[line].type != 'a' || !bundle_of(&s->line[line], &mids))
			continue;
		for (uint8_t place = 1; place <= SDP_MEDIA_MAX && sdp_word(&mids, &word); place++) {
			if (place == 1)
				*first = word;
			if (sdp_text_is_text(word, mid))
				return place;
		}
	}
	return 0;
}

/* A name that cannot be kept is none, and so in no bundle. */
static bool mid_is_kept(const struct sdp *s, int i, struct sdp_text *mid)
{
	return sdp_attr(s, i, "mid", 0, mid) >= 0 && mid->len && mid->len < NG_MID_MAX &&
	       !memchr(mid->at, ' ', mid->len) && !memchr(mid->at, '\t', mid->len);
}

static void read_mid(struct look *l)
{
	struct ng_media *m = l->m;
	struct sdp_text mid, first;

	if (!mid_is_kept(l->s, l->i, &mid))
		return;
	memcpy(m->mid, mid.at, mid.len);
	m->mid[mid.len] = '\0';
	if (!(l->f->sdp_flags & NG_SDP_UNBUNDLED))
		m->bundle = place_of(l->s, mid, &first);
	m->accepts = l->f->sdp_flags & NG_SDP_ACCEPT;
}

/*
 * RFC 9143 6, 7.2.1: port 0 and a=bundle-only. Its transport is that of the first of its bundle,
 * which has a port. -1: it is none, or has no such bundle.
 */
static int bundle_only_via(const struct sdp *s, int i, const struct ng_flags *f)
{
	struct sdp_text mid, first, name;

	if (s->media[i].port || f->sdp_flags & NG_SDP_UNBUNDLED ||
	    sdp_attr(s, i, "bundle-only", 0, NULL) < 0 || !mid_is_kept(s, i, &mid) ||
	    !place_of(s, mid, &first))
		return -1;
	for (int k = 0; k < s->n_media; k++) {
		if (s->media[k].port && mid_is_kept(s, k, &name) && sdp_text_is_text(name, first))
			return k;
	}
	return -1;
}

/* ---- ICE ---- */

uint16_t ng_media_ice_hash(const struct sdp *s, int i)
{
	struct sdp_text part[2];
	uint32_t h = 2166136261u;

	if (!sdp_attr_of(s, i, "ice-ufrag", &part[0]) || !part[0].len ||
	    !sdp_attr_of(s, i, "ice-pwd", &part[1]) || !part[1].len)
		return 0;
	for (int k = 0; k < 2; k++) {
		for (uint32_t n = 0; n < part[k].len; n++)
			h = (h ^ (uint8_t)part[k].at[n]) * 16777619u;
	}
	h = (h >> 16 ^ h) & UINT16_MAX;
	return h ? (uint16_t)h : 1;
}

/*
 * "1 1 UDP 2130706431 192.0.2.1 4000 typ host". Only what a lite agent may be reached from counts:
 * names, as browsers hide themselves behind, are found by their checks.
 */
static void candidate_read(struct ng_media *m, struct sdp_text v)
{
	struct sdp_text word[6];
	struct ip_addr ip;
	uint32_t component;

	for (int k = 0; k < 6; k++) {
		if (!sdp_word(&v, &word[k]))
			return;
	}
	if (!sdp_number(word[1], 256, &component) || !sdp_text_is_nocase(word[2], "UDP"))
		return;
	m->ice_rtcp |= component == 2;
	if (sdp_ip(word[4], &ip))
		m->ice_families |= ip_is_v4(&ip) ? NG_FAMILY_4 : NG_FAMILY_6;
}

static bool has_word(struct sdp_text v, const char *name)
{
	struct sdp_text word;

	while (sdp_word(&v, &word)) {
		if (sdp_text_is(word, name))
			return true;
	}
	return false;
}

/* RFC 8839 5. Against a lite agent there are no checks: it is as if neither spoke of ICE. */
static void read_ice(struct look *l)
{
	const struct sdp *s = l->s;
	struct ng_media *m = l->m;
	const int i = l->via;
	struct sdp_text v;
	int line = -1;

	m->ice_hash = ng_media_ice_hash(s, i);
	m->ice = m->ice_hash && sdp_attr(s, SDP_SESSION, "ice-lite", 0, NULL) < 0;
	if (!m->ice)
		return;
	m->trickles = sdp_attr_of(s, i, "ice-options", &v) && v.at && has_word(v, "trickle");
	while ((line = sdp_attr(s, i, "candidate", line + 1, &v)) >= 0) {
		if (v.at)
			candidate_read(m, v);
	}
}

/* ---- addresses ---- */

/* Whose address is not the SDP's: behind a NAT, or told so. */
static struct ip_addr remote_ip(const struct ng_flags *f, const struct config *c,
				const struct sdp_conn *conn, uint16_t port)
{
	if (!f->has_source || ip_is_v4(&f->source) == conn->v6)
		return conn->ip;
	if (f->flags & NG_SIP_SOURCE)
		return f->source;
	/* Policy would refuse it; who sends from behind a NAT is learnt, and until then is there.
	 */
	if (!(f->flags & NG_ASYMMETRIC) &&
	    policy_remote(c, NULL, POLICY_ANY_REALM, &conn->ip, port))
		return f->source;
	return conn->ip;
}

static bool is_zero(const struct ip_addr *ip)
{
	const struct ip_addr any4 = ip_from_v4((struct be32){ { 0 } });

	return ip_is_unspecified(ip) || ip_eq(ip, &any4);
}

enum { DISCARD_PORT = 9 };

static bool read_address(struct look *l, const struct config *c)
{
	const struct sdp_media *sm = &l->s->media[l->via];
	struct ng_media *m = l->m;

	if (sm->ports != 1)
		return refuse(l, "more ports than one are not served");
	if (sm->conn.line < 0)
		return refuse(l, "there is no c=");
	if (!sm->conn.literal)
		return refuse(l, "c= is a host name or a group, which are not served");
	m->v6 = sm->conn.v6;
	m->zero = is_zero(&sm->conn.ip);
	m->unknown = m->zero && m->ice && sm->port == DISCARD_PORT;
	m->zero &= !m->unknown;
	if (m->zero || m->unknown)
		return true;
	m->remote.ip = remote_ip(l->f, c, &sm->conn, sm->port);
	m->remote.port = be16_make(sm->port);
	return true;
}

/*
 * Whether it can take RTCP on the port of RTP alone: it says so (RFC 8858), is bundled (RFC 9143
 * 9.3), or has no candidate for another.
 */
static bool mux_is_all(const struct look *l)
{
	const struct ng_media *m = l->m;

	return sdp_attr(l->s, l->via, "rtcp-mux-only", 0, NULL) >= 0 ||
	       (m->ice ? !m->ice_rtcp : m->bundle > 0);
}

/* RFC 3605, 5761; RFC 3550 11: else, and where a=rtcp makes no sense, the port above. */
static void read_rtcp(struct look *l)
{
	struct ng_media *m = l->m;
	struct sdp_conn conn = { 0 };
	struct sdp_text v, word;
	uint32_t port = be16_get(m->remote.port) + 1u;

	m->mux = sdp_attr(l->s, l->via, "rtcp-mux", 0, NULL) >= 0;
	m->mux_only = m->mux && mux_is_all(l);
	m->rtcp = m->remote;
	if (m->unknown)
		return;
	if (sdp_attr(l->s, l->via, "rtcp", 0, &v) >= 0) {
		if (!sdp_word(&v, &word) || !sdp_number(word, UINT16_MAX, &port) || !port)
			port = be16_get(m->remote.port) + 1u;
		if (!sdp_address(v, &conn))
			conn.literal = false;
		/* Believed as far as the SDP's other address is. */
		if (conn.literal && !is_zero(&conn.ip) && conn.v6 == m->v6 &&
		    ip_eq(&m->remote.ip, &l->s->media[l->via].conn.ip))
			m->rtcp.ip = conn.ip;
	}
	m->rtcp.port = be16_make(port <= UINT16_MAX && !m->zero ? (uint16_t)port : 0);
}

static void read_direction(struct look *l)
{
	struct sdp_text v;

	l->m->halted = l->m->zero;
	if (sdp_attr(l->s, l->i, "sendrecv", 0, &v) >= 0)
		return;
	l->m->halted |= sdp_attr_of(l->s, l->i, "sendonly", &v) ||
			sdp_attr_of(l->s, l->i, "recvonly", &v) ||
			sdp_attr_of(l->s, l->i, "inactive", &v);
}

static bool read_setup(struct look *l)
{
	static const char *const name[] = { [NG_ACTIVE] = "active",
					    [NG_PASSIVE] = "passive",
					    [NG_ACTPASS] = "actpass",
					    [NG_HOLDCONN] = "holdconn" };
	struct sdp_text v;

	if (sdp_attr_of(l->s, l->via, "setup", &v)) {
		for (l->m->setup = NG_HOLDCONN; l->m->setup != NG_SETUP_NONE; l->m->setup--) {
			if (sdp_text_is_nocase(v, name[l->m->setup]))
				break;
		}
		if (l->m->setup == NG_SETUP_NONE && l->m->kind != NG_KIND_RTP)
			return refuse(l, "a=setup is none of RFC 4145's");
	}
	if (l->m->kind != NG_KIND_RTP && sdp_attr_of(l->s, l->i, "connection", &v)) {
		if (sdp_text_is_nocase(v, "new"))
			l->m->connection = NG_CONNECTION_NEW;
		else if (sdp_text_is_nocase(v, "existing"))
			l->m->connection = NG_CONNECTION_EXISTING;
		else
			return refuse(l, "a=connection is neither new nor existing");
	}
	return true;
}

/* RFC 8122 5: those of the m-line, or the session's; what is not to be used is left out. */
static bool read_fingerprints(struct look *l)
{
	struct sdp_text v;
	int level = l->via, line = sdp_attr(l->s, level, "fingerprint", 0, &v);

	if (line < 0) {
		level = SDP_SESSION;
		line = sdp_attr(l->s, level, "fingerprint", 0, &v);
	}
	/* RTP may have its keys otherwise: whether it must have one, ng_srtp.c says. */
	if (line < 0)
		return l->m->kind == NG_KIND_RTP || refuse(l, "TLS without a=fingerprint");
	for (; line >= 0; line = sdp_attr(l->s, level, "fingerprint", line + 1, &v)) {
		struct fingerprint fp;

		if (!v.at || !fingerprint_parse(v.at, v.len, &fp))
			continue;
		if (l->m->n_fingerprint == CTL_FINGERPRINTS_MAX)
			return l->m->kind == NG_KIND_RTP ||
			       refuse(l, "more than %d fingerprints", CTL_FINGERPRINTS_MAX);
		l->m->fingerprint[l->m->n_fingerprint++] = fp;
	}
	return l->m->n_fingerprint || l->m->kind == NG_KIND_RTP ||
	       refuse(l, "no a=fingerprint of sha-1 to sha-512 is whole");
}

/*
 * RFC 4975 6, 8.2: "msrp://host:port/session;tcp". With a=msrp-cema the c= and m= lines say where
 * to connect, and the path stays (RFC 6714).
 */
static bool read_path(struct look *l)
{
	struct sdp_text v, uri;
	const char *end, *colon, *slash;

	l->m->path = sdp_attr(l->s, l->i, "path", 0, &v);
	if (l->m->path < 0 || sdp_attr(l->s, l->i, "msrp-cema", 0, NULL) >= 0) {
		l->m->path = -1;
		return true;
	}
	if (!sdp_word(&v, &uri) || v.len || sdp_attr(l->s, l->i, "path", l->m->path + 1, NULL) >= 0)
		return refuse(l, "a=path is not one URI, and there is no a=msrp-cema");
	end = uri.at + uri.len;
	colon = memchr(uri.at, ':', uri.len);
	l->m->scheme = (struct sdp_text){ uri.at, colon ? (uint32_t)(colon - uri.at) : 0 };
	if (!colon || end - colon < 4 || memcmp(colon, "://", 3) != 0 ||
	    (!sdp_text_is_nocase(l->m->scheme, "msrp") &&
	     !sdp_text_is_nocase(l->m->scheme, "msrps")))
		return refuse(l, "a=path is no MSRP URI");
	colon += 3;
	slash = memchr(colon, '/', (size_t)(end - colon));
	if (!slash || slash == colon)
		return refuse(l, "a=path names no session");
	l->m->authority = (struct sdp_text){ colon, (uint32_t)(slash - colon) };
	return true;
}

static bool read_stream(struct look *l)
{
	const struct ng_proto *p = ng_proto(l->m->proto);

	return read_setup(l) && (!l->m->tls || read_fingerprints(l)) &&
	       (strcmp(p->over, "MSRP") != 0 || read_path(l));
}

bool ng_media_read(struct ng_media *m, const struct sdp *s, int i, const struct ng_flags *f,
		   const struct config *c, uint32_t skipped[SDES_VERDICTS], char *err,
		   size_t errlen)
{
	const int via = bundle_only_via(s, i, f);
	struct look l = { m, s, i, via < 0 ? i : via, f, err, errlen };

	*m = (struct ng_media){
		.path = -1, .only = via >= 0, .via = l.via, .gone = !s->media[i].port && via < 0
	};
	if (m->gone)
		return true;
	if (!read_proto(&l))
		return false;
	if (m->only && m->kind != NG_KIND_RTP)
		return refuse(&l, "bundle-only, and nothing but RTP is in a bundle here");
	read_mid(&l);
	if (m->kind != NG_KIND_STREAM)
		read_ice(&l);
	if (!read_address(&l, c))
		return false;
	if (m->kind == NG_KIND_STREAM)
		return read_stream(&l);
	read_direction(&l);
	if (m->kind != NG_KIND_RTP)
		return true;
	read_rtcp(&l);
	ng_formats_read(s, i, m->format);
	ng_crypto_read(&m->crypto, s, i, skipped);
	return read_setup(&l) && read_fingerprints(&l);
}
