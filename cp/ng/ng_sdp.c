/* SPDX-License-Identifier: BSD-3-Clause */
/* The SDP for the other side: what the gateway stands for is changed, all else stays. */
#include "ng_sdp.h"

#include "ng_bundle.h"
#include "ng_format.h"
#include "ng_ice.h"
#include "ng_mid.h"

#include <stdio.h>
#include <string.h>

/* Attributes that speak of the sender's own addresses and connections. */
static const char *const of_rtcp[] = { "bundle-only", "rtcp", "rtcp-mux", "rtcp-mux-only", NULL };
static const char *const of_stream[] = { "fingerprint", "setup", "tls-id", NULL };
/* Feedback, which RTP/AVP and RTP/SAVP do not have (RFC 4585 4.2, 5506 5). */
static const char *const of_feedback[] = { "rtcp-fb", "rtcp-rsize", NULL };
/* Ours, and what names addresses that no packet of ours comes from (RFC 4570, 6947). */
static const char *const of_us[] = { "altc", "fairlead", "source-filter", NULL };

bool ng_line_is_one_of(const struct sdp_line *l, const char *const *names)
{
	for (; *names; names++) {
		if (sdp_line_is(l, *names))
			return true;
	}
	return false;
}

/* Whether what the session says of certificates is not for all m-lines. */
static bool keys_apart(const struct ng_call *c)
{
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (!c->media[i].gone && (c->media[i].kind == NG_KIND_STREAM || c->srtp[i].ends))
			return true;
	}
	return false;
}

bool ng_local(const struct ng_call *c, int i, bool above, struct sock_addr *a)
{
	if (!c->context[i] ||
	    !gate_local(c->g, ng_bundle_carrier(c, c->context[i], c->to), c->to, false, a))
		return false;
	if (above)
		a->port = be16_make((uint16_t)(be16_get(a->port) + 1));
	if (c->f->has_address)
		a->ip = c->f->address;
	return true;
}

/* What c= has: who is on hold the old way stays so, unless flags say otherwise. */
static bool shown(const struct ng_call *c, int i, struct ip_addr *ip)
{
	struct sock_addr a;

	if (!ng_local(c, i, false, &a))
		return false;
	*ip = a.ip;
	if (c->media[i].zero && !(c->f->flags & NG_ZERO))
		*ip = c->sdp.media[c->media[i].via].conn.ip;
	return true;
}

/* In place of an address where nothing is sent to: that of no host (RFC 3264 8.4). */
static struct ip_addr nowhere(bool v6)
{
	return v6 ? (struct ip_addr){ 0 } : ip_from_v4((struct be32){ { 0 } });
}

/* Of the first m-line that is there: what the session's c= has. */
static struct ip_addr shown_first(const struct ng_call *c)
{
	struct ip_addr ip;

	for (int i = 0; i < c->sdp.n_media; i++) {
		if (!c->media[i].gone && shown(c, i, &ip))
			return ip;
	}
	return c->f->has_address ? c->f->address : nowhere(c->sdp.conn.v6);
}

/* RFC 8866 5.2 */
static void write_origin(const struct ng_call *c, struct wr *w)
{
	struct sdp_origin o = c->sdp.origin;
	char addr[ADDR_STR_MAX], version[24];
	struct sdp_conn conn;
	struct ip_addr ip;
	struct sock_addr a;
	int i = 0;

	if (c->version) {
		snprintf(version, sizeof(version), "%llu", (unsigned long long)c->version);
		o.version = (struct sdp_text){ version, (uint32_t)strlen(version) };
	}
	if (c->f->flags & NG_USERNAME)
		o.user = (struct sdp_text){ "-", 1 };
	while (i < c->sdp.n_media && c->media[i].gone)
		i++;
	if (c->f->flags & NG_ORIGIN) {
		ip = i < c->sdp.n_media && ng_local(c, i, false, &a)
			 ? a.ip
			 : nowhere(sdp_address(o.address, &conn) && conn.v6);
		sdp_address_format(&ip, addr, sizeof(addr));
		o.address = (struct sdp_text){ addr, (uint32_t)strlen(addr) };
	}
	sdp_put_origin(w, &o);
}

/* "4/sendrecv urn:x attributes" (RFC 8285 5): whether flags name it. */
static bool extmap_drops(const struct ng_flags *f, const struct sdp_line *l)
{
	struct sdp_text v = l->value, id, name;

	if (!sdp_line_is(l, "extmap") || !sdp_word(&v, &id) || !sdp_word(&v, &name))
		return false;
	for (uint32_t i = 0; i < f->n_extmap; i++) {
		if (sdp_text_is(name, f->extmap[i]))
			return true;
	}
	return false;
}

/* What flags want left out, of a session or an m-line. */
static bool flags_drop(const struct ng_call *c, const struct sdp_line *l)
{
	if (c->f->flags & NG_STRIP_EXTMAP &&
	    (sdp_line_is(l, "extmap") || sdp_line_is(l, "extmap-allow-mixed")))
		return true;
	if (c->f->n_extmap && extmap_drops(c->f, l))
		return true;
	return c->f->flags & NG_NO_TLS_ID && sdp_line_is(l, "tls-id");
}

static bool session_drops(const struct ng_call *c, const struct sdp_line *l)
{
	if (ng_ice_is_of(l) || ng_line_is_one_of(l, of_us) || flags_drop(c, l))
		return true;
	if (ng_media_is_bundle(l))
		return true;
	return ng_line_is_one_of(l, of_stream) && keys_apart(c);
}

static void write_session(const struct ng_call *c, struct wr *w)
{
	const struct sdp *s = &c->sdp;
	int end = s->n_media ? s->media[0].line : s->n_line;
	const struct ip_addr ip = shown_first(c);
	char addr[ADDR_STR_MAX];

	for (int i = 0; i < end; i++) {
		const struct sdp_line *l = &s->line[i];

		if (l->type == 'o')
			write_origin(c, w);
		else if (l->type == 's' && c->f->flags & NG_SESSION_NAME)
			sdp_put(w, "s=-");
		else if (l->type == 'c')
			sdp_put(w, "c=%s", sdp_address_format(&ip, addr, sizeof(addr)));
		else if (session_drops(c, l))
			continue;
		else if (l->type == 'a' && sdp_line_is(l, "group"))
			ng_mid_write_group(c, l, w);
		else
			sdp_copy(w, s, i, i + 1);
	}
	if (c->f->flags & NG_LOOP_PROTECT)
		sdp_put(w, "a=fairlead:%016llx", (unsigned long long)c->self);
	ng_mid_write_bundle(c, w);
	ng_ice_write_session(c, w);
}

/* Its own c=, where the session's does not say it. */
static void write_connection(const struct ng_call *c, int i, struct wr *w)
{
	const struct sdp_media *m = &c->sdp.media[i];
	char addr[ADDR_STR_MAX];
	struct ip_addr ip, first = shown_first(c);

	if (!shown(c, i, &ip))
		return;
	if (m->conn.line < m->line && ip_eq(&ip, &first))
		return;
	sdp_put(w, "c=%s", sdp_address_format(&ip, addr, sizeof(addr)));
}

bool ng_mux_is_told(const struct ng_call *c, int i)
{
	if (!c->offer)
		return c->context[i]->term[c->to].term.flags & TERM_RTCP_MUX;
	return c->f->flags & NG_MUX_OFFER || (c->media[i].mux && !(c->f->flags & NG_MUX_DEMUX));
}

/*
 * RFC 3605, 5761 5.1.1: who is offered multiplexing, and may refuse, is told the other port, also
 * where it had accepted it before.
 */
static void write_rtcp(const struct ng_call *c, int i, struct wr *w)
{
	const bool mux = ng_mux_is_told(c, i);
	char addr[ADDR_STR_MAX];
	struct sock_addr a;
	bool only;

	only = mux && (!c->offer || c->f->flags & NG_MUX_REQUIRE);
	if (!(c->f->flags & NG_NO_RTCP) && ng_local(c, i, !only, &a)) {
		sdp_address_format(&a.ip, addr, sizeof(addr));
		sdp_put(w, "a=rtcp:%u%s%s", be16_get(a.port), c->f->flags & NG_FULL_RTCP ? " " : "",
			c->f->flags & NG_FULL_RTCP ? addr : "");
	}
	if (mux)
		sdp_put(w, "a=rtcp-mux");
	if (mux && c->offer && c->f->flags & NG_MUX_REQUIRE)
		sdp_put(w, "a=rtcp-mux-only"); /* RFC 8858 */
	if (ng_ice_is_told(c, i))
		ng_ice_write(c, i, w, !only);
}

/* RFC 4145 4.1: each side may connect; in an answer, the role that is left for us. */
static const char *setup_for(const struct ng_call *c, int i)
{
	const struct ng_media *m = &c->media[i];

	if (m->setup == NG_HOLDCONN)
		return "holdconn";
	if (c->offer)
		return m->setup == NG_SETUP_NONE ? NULL : "actpass";
	return c->context[i]->term[c->to].term.flags & TERM_CONNECT ? "active" : "passive";
}

static void write_stream(const struct ng_call *c, int i, struct wr *w)
{
	struct fingerprint fp[CTL_FINGERPRINTS_MAX];
	const char *setup = setup_for(c, i);
	char text[FP_TEXT_MAX];
	uint32_t n;

	if (setup)
		sdp_put(w, "a=setup:%s", setup);
	if (c->context[i]->term[c->to].term.transport != TERM_TLS)
		return;
	n = gate_fingerprints(c->g, c->context[i], c->to, fp, CTL_FINGERPRINTS_MAX);
	for (uint32_t k = 0; k < n; k++) {
		fingerprint_format(&fp[k], text, sizeof(text));
		sdp_put(w, "a=fingerprint:%s", text);
	}
}

/* RFC 4975 6: our address, and the scheme of the transport that leads to it. */
static void write_path(const struct ng_call *c, int i, struct wr *w)
{
	const struct ng_media *m = &c->media[i];
	const struct sdp_line *l = &c->sdp.line[m->path];
	const char *rest = m->authority.at + m->authority.len;
	const char *scheme =
	    c->context[i]->term[c->to].term.transport == TERM_TLS ? "msrps" : "msrp";
	char text[ADDR_STR_MAX];
	struct sock_addr a;

	if (!ng_local(c, i, false, &a))
		return;
	sock_addr_format(&a, text, sizeof(text));
	sdp_put(w, "a=path:%s://%s%.*s", scheme, text, (int)(l->value.at + l->value.len - rest),
		rest);
}

/* The protocol for the side that gets it; 0: the sender's. */
static uint32_t proto_for(const struct ng_call *c, int i)
{
	const struct context *x = c->context[i];
	uint32_t known = ng_note_get(c->note[i], NG_NOTE_PROTO + 4 * c->to, 4);

	if (c->media[i].kind == NG_KIND_STREAM)
		return ng_proto_over(c->media[i].proto, x->term[c->to].term.transport == TERM_TLS);
	return ng_proto(known) && ng_proto(known)->kind == c->media[i].kind ? known : 0;
}

/* Whether the other side's protocol has no feedback, though the sender's has. */
static bool feedback_ends(const struct ng_call *c, int i)
{
	const struct ng_proto *from = ng_proto(c->media[i].proto), *to = ng_proto(proto_for(c, i));

	return from && to && ng_proto_feedback(from) && !ng_proto_feedback(to);
}

static bool media_drops(const struct ng_call *c, int i, const struct sdp_line *l)
{
	const struct ng_media *m = &c->media[i];

	if (l->type == 'c' || ng_line_is_one_of(l, of_us))
		return true; /* written anew */
	if (flags_drop(c, l) || ng_ice_is_of(l) || ng_srtp_drops(c, i, l))
		return true;
	if (c->srtp[i].ends && ng_line_is_one_of(l, of_stream))
		return true;
	if (m->kind == NG_KIND_STREAM)
		return ng_line_is_one_of(l, of_stream);
	if (feedback_ends(c, i) && ng_line_is_one_of(l, of_feedback))
		return true;
	return m->kind == NG_KIND_RTP ? ng_line_is_one_of(l, of_rtcp) : sdp_line_is(l, "rtcp");
}

/* RFC 8866 5.14. One that is rejected may come without formats, but not be written so. */
static void write_m(const struct sdp_media *m, uint16_t port, struct sdp_text proto,
		    const struct ng_formats *o, struct wr *w)
{
	char text[8];

	snprintf(text, sizeof(text), " %u ", port);
	wr_bytes(w, "m=", 2);
	wr_bytes(w, m->type.at, m->type.len);
	wr_bytes(w, text, strlen(text));
	wr_bytes(w, proto.at, proto.len);
	for (uint32_t k = 0; o && o->changed && k < o->n; k++) {
		snprintf(text, sizeof(text), " %u", o->type[k]);
		wr_bytes(w, text, strlen(text));
	}
	if (o && o->changed) {
		sdp_put(w, "%s", "");
		return;
	}
	wr_u8(w, ' ');
	sdp_put_words(w, m->format.len ? m->format : (struct sdp_text){ "0", 1 });
	sdp_put(w, "%s", "");
}

/* What the session says for all m-lines, and does not say any more (session_drops()). */
static void write_session_keys(const struct ng_call *c, int i, struct wr *w)
{
	const struct sdp *s = &c->sdp;
	const int end = s->media[0].line;

	if (!keys_apart(c) || c->srtp[i].ends)
		return;
	for (int line = 0; line < end; line++) {
		for (const char *const *name = of_stream; *name; name++) {
			if (sdp_line_is(&s->line[line], *name) &&
			    sdp_attr(s, i, *name, 0, NULL) < 0)
				sdp_copy(w, s, line, line + 1);
		}
	}
}

/*
 * Its name, once: in place of the sender's, or at its end (line -1). One that is too long for us is
 * passed on.
 */
static void write_mid(const struct ng_call *c, int i, int line, bool *named, struct wr *w)
{
	if (*named)
		return;
	if (c->mid[i][0]) {
		sdp_put(w, "a=mid:%s", c->mid[i]);
		*named = true;
	} else if (line >= 0 && c->offer) {
		sdp_copy(w, &c->sdp, line, line + 1);
		*named = true;
	}
}

static void write_media(const struct ng_call *c, int i, struct wr *w)
{
	const struct sdp_media *m = &c->sdp.media[i];
	const struct ng_proto *p = ng_proto(proto_for(c, i));
	struct sdp_text name = m->proto;
	struct ng_formats formats;
	struct sock_addr a = { 0 };
	int line = m->line + 1;
	bool named = false;

	formats.changed = false;
	if (p)
		name = (struct sdp_text){ p->name, (uint32_t)strlen(p->name) };
	ng_local(c, i, false, &a);
	if (c->media[i].kind == NG_KIND_RTP)
		ng_formats_make(&formats, &c->sdp, i, c->f, c->offer);
	write_m(m, be16_get(a.port), name, &formats, w);
	if (line < m->end && c->sdp.line[line].type == 'i')
		sdp_copy(w, &c->sdp, line, line + 1), line++;
	write_connection(c, i, w);
	for (; line < m->end; line++) {
		if (line == c->media[i].path)
			write_path(c, i, w);
		else if (sdp_line_is(&c->sdp.line[line], "mid"))
			write_mid(c, i, line, &named, w);
		else if (!media_drops(c, i, &c->sdp.line[line]) &&
			 !ng_formats_drop(&formats, &c->sdp.line[line]))
			sdp_copy(w, &c->sdp, line, line + 1);
	}
	write_mid(c, i, -1, &named, w);
	if (c->media[i].kind != NG_KIND_STREAM)
		write_session_keys(c, i, w);
	ng_srtp_write(c, i, w);
	if (c->media[i].kind == NG_KIND_RTP)
		write_rtcp(c, i, w);
	else if (c->media[i].kind == NG_KIND_STREAM)
		write_stream(c, i, w);
	else if (ng_ice_is_told(c, i))
		ng_ice_write(c, i, w, false);
}

/* What in an m-line that is not used tells where its sender is. */
static bool gone_drops(const struct sdp_line *l)
{
	return l->type == 'c' || ng_line_is_one_of(l, of_us) || ng_ice_is_of(l) ||
	       ng_line_is_one_of(l, of_rtcp) || ng_line_is_one_of(l, of_stream) ||
	       sdp_line_is(l, "path") || sdp_line_is(l, "mid");
}

/*
 * RFC 3264 6: port 0, whatever the sender had. It has a c= if the session has none (RFC 8866 5.7).
 */
static void write_gone(const struct ng_call *c, int i, struct wr *w)
{
	const struct sdp_media *m = &c->sdp.media[i];
	const struct ip_addr ip = shown_first(c);
	char addr[ADDR_STR_MAX];
	int line = m->line + 1;

	write_m(m, 0, m->proto, NULL, w);
	if (line < m->end && c->sdp.line[line].type == 'i')
		sdp_copy(w, &c->sdp, line, line + 1), line++;
	if (c->sdp.conn.line < 0 && m->conn.line >= 0)
		sdp_put(w, "c=%s", sdp_address_format(&ip, addr, sizeof(addr)));
	for (; line < m->end; line++) {
		if (!gone_drops(&c->sdp.line[line]))
			sdp_copy(w, &c->sdp, line, line + 1);
	}
	ng_mid_write_gone(c, i, w);
}

size_t ng_sdp_session_keys(const struct sdp *s)
{
	size_t n = 0;

	for (int line = 0; line < (s->n_media ? s->media[0].line : s->n_line); line++) {
		if (ng_line_is_one_of(&s->line[line], of_stream))
			n += s->line[line].value.len + strlen("a=\r\n");
	}
	return n;
}

bool ng_sdp_write(struct ng_call *c)
{
	struct wr w = wr_init(c->out, sizeof(c->out));

	ng_mid_name(c);
	write_session(c, &w);
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (c->media[i].gone)
			write_gone(c, i, &w);
		else
			write_media(c, i, &w);
	}
	c->out_len = wr_len(&w);
	return !w.failed;
}
