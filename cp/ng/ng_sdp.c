/* SPDX-License-Identifier: BSD-3-Clause */
/* The SDP for the other side: what the gateway stands for is changed, all else stays. */
#include "ng_call.h"
#include "ng_format.h"

#include <stdio.h>
#include <string.h>

/* Attributes that speak of the sender's own addresses and connections. */
static const char *const of_ice[] = {
	"candidate",  "end-of-candidates", "ice-lite",	"ice-mismatch",	     "ice-options",
	"ice-pacing", "ice-pwd",	   "ice-ufrag", "remote-candidates", NULL
};
static const char *const of_rtcp[] = { "bundle-only", "rtcp", "rtcp-mux", "rtcp-mux-only", NULL };
static const char *const of_stream[] = { "fingerprint", "setup", "tls-id", NULL };
/* Ours, and what names addresses that no packet of ours comes from (RFC 4570, 6947). */
static const char *const of_us[] = { "altc", "fairlead", "source-filter", NULL };

static bool is_one_of(const struct sdp_line *l, const char *const *names)
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

/* Whether ICE is offered, or answered. */
static bool has_ice(const struct ng_call *c, int i)
{
	const struct context *x = c->context[i];

	if (!x)
		return false;
	return c->offer ? ng_note_get(c->note[i], NG_NOTE_OFFER_ICE + c->to, 1)
			: x->term[c->to].term.flags & TERM_ICE;
}

static bool any_ice(const struct ng_call *c)
{
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (has_ice(c, i))
			return true;
	}
	return false;
}

/* Our address for an m-line, as it is shown; above: of RTCP where it is not multiplexed. */
static bool local(const struct ng_call *c, int i, bool above, struct sock_addr *a)
{
	if (!c->context[i] || !gate_local(c->g, c->context[i], c->to, false, a))
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

	if (!local(c, i, false, &a))
		return false;
	*ip = a.ip;
	if (c->media[i].zero && !(c->f->flags & NG_ZERO))
		*ip = c->sdp.media[i].conn.ip;
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
	char addr[ADDR_STR_MAX];
	struct sdp_conn conn;
	struct ip_addr ip;
	struct sock_addr a;
	int i = 0;

	if (c->f->flags & NG_USERNAME)
		o.user = (struct sdp_text){ "-", 1 };
	while (i < c->sdp.n_media && c->media[i].gone)
		i++;
	if (c->f->flags & NG_ORIGIN) {
		ip = i < c->sdp.n_media && local(c, i, false, &a)
			 ? a.ip
			 : nowhere(sdp_address(o.address, &conn) && conn.v6);
		sdp_address_format(&ip, addr, sizeof(addr));
		o.address = (struct sdp_text){ addr, (uint32_t)strlen(addr) };
	}
	sdp_put_origin(w, &o);
}

/* What flags want left out, of a session or an m-line. */
static bool flags_drop(const struct ng_call *c, const struct sdp_line *l)
{
	if (c->f->flags & NG_STRIP_EXTMAP &&
	    (sdp_line_is(l, "extmap") || sdp_line_is(l, "extmap-allow-mixed")))
		return true;
	return c->f->flags & NG_NO_TLS_ID && sdp_line_is(l, "tls-id");
}

static bool session_drops(const struct ng_call *c, const struct sdp_line *l)
{
	static const char bundle[] = "group:BUNDLE";
	struct sdp_text v = l->value;

	if (is_one_of(l, of_ice) || is_one_of(l, of_us) || flags_drop(c, l))
		return true;
	if (v.len >= sizeof(bundle) - 1 && l->type == 'a' &&
	    memcmp(v.at, bundle, sizeof(bundle) - 1) == 0)
		return true; /* each m-line has a port of its own */
	return is_one_of(l, of_stream) && keys_apart(c);
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
		else if (!session_drops(c, l))
			sdp_copy(w, s, i, i + 1);
	}
	if (c->f->flags & NG_LOOP_PROTECT)
		sdp_put(w, "a=fairlead:%016llx", (unsigned long long)c->self);
	if (any_ice(c))
		sdp_put(w, "a=ice-lite"); /* RFC 8839 5.3 */
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

/* RFC 8839 5.1: host candidates of a lite agent, whose one address has the highest priority. */
static void write_ice(const struct ng_call *c, int i, struct wr *w, bool rtcp)
{
	const struct ctl_term *t = &c->context[i]->term[c->to].term;
	char text[ADDR_STR_MAX];
	struct sock_addr a;

	sdp_put(w, "a=ice-ufrag:%.*s", (int)sizeof(t->ufrag), t->ufrag);
	sdp_put(w, "a=ice-pwd:%.*s", (int)sizeof(t->pwd), t->pwd);
	for (uint32_t part = 0; part <= rtcp; part++) {
		if (!local(c, i, part, &a))
			continue;
		ip_format(&a.ip, text, sizeof(text));
		sdp_put(w, "a=candidate:1 %u UDP %u %s %u typ host", part + 1,
			(126u << 24 | 65535u << 8 | (256 - (part + 1))), text, be16_get(a.port));
	}
}

/*
 * RFC 3605, 5761 5.1.1: who is offered multiplexing, and may refuse, is told the other port, also
 * where it had accepted it before.
 */
static void write_rtcp(const struct ng_call *c, int i, struct wr *w)
{
	const struct ctl_term *t = &c->context[i]->term[c->to].term;
	const struct ng_media *m = &c->media[i];
	char addr[ADDR_STR_MAX];
	struct sock_addr a;
	bool mux, only;

	mux = c->offer ? c->f->flags & NG_MUX_OFFER || (m->mux && !(c->f->flags & NG_MUX_DEMUX))
		       : t->flags & TERM_RTCP_MUX;
	only = mux && (!c->offer || c->f->flags & NG_MUX_REQUIRE);
	if (!(c->f->flags & NG_NO_RTCP) && local(c, i, !only, &a)) {
		sdp_address_format(&a.ip, addr, sizeof(addr));
		sdp_put(w, "a=rtcp:%u%s%s", be16_get(a.port), c->f->flags & NG_FULL_RTCP ? " " : "",
			c->f->flags & NG_FULL_RTCP ? addr : "");
	}
	if (mux)
		sdp_put(w, "a=rtcp-mux");
	if (mux && c->offer && c->f->flags & NG_MUX_REQUIRE)
		sdp_put(w, "a=rtcp-mux-only"); /* RFC 8858 */
	if (has_ice(c, i))
		write_ice(c, i, w, !only);
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

	if (!local(c, i, false, &a))
		return;
	sock_addr_format(&a, text, sizeof(text));
	sdp_put(w, "a=path:%s://%s%.*s", scheme, text, (int)(l->value.at + l->value.len - rest),
		rest);
}

static bool media_drops(const struct ng_call *c, int i, const struct sdp_line *l)
{
	const struct ng_media *m = &c->media[i];

	if (l->type == 'c' || is_one_of(l, of_us))
		return true; /* written anew */
	if (flags_drop(c, l) || is_one_of(l, of_ice) || ng_srtp_drops(c, i, l))
		return true;
	if (c->srtp[i].ends && is_one_of(l, of_stream))
		return true;
	if (m->kind == NG_KIND_STREAM)
		return is_one_of(l, of_stream);
	return m->kind == NG_KIND_RTP ? is_one_of(l, of_rtcp) : sdp_line_is(l, "rtcp");
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

/* Whether there are names of m-lines that ours must differ from (RFC 5888 4). */
static bool mids_are_theirs(const struct ng_call *c)
{
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (sdp_attr(&c->sdp, i, "mid", 0, NULL) >= 0)
			return true;
	}
	return false;
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

static void write_media(const struct ng_call *c, int i, struct wr *w)
{
	const struct sdp_media *m = &c->sdp.media[i];
	const struct ng_proto *p = ng_proto(proto_for(c, i));
	struct sdp_text name = m->proto;
	struct ng_formats formats;
	struct sock_addr a = { 0 };
	int line = m->line + 1;

	formats.changed = false;
	if (p)
		name = (struct sdp_text){ p->name, (uint32_t)strlen(p->name) };
	local(c, i, false, &a);
	if (c->media[i].kind == NG_KIND_RTP)
		ng_formats_make(&formats, &c->sdp, i, c->f, c->offer);
	write_m(m, be16_get(a.port), name, &formats, w);
	if (line < m->end && c->sdp.line[line].type == 'i')
		sdp_copy(w, &c->sdp, line, line + 1), line++;
	write_connection(c, i, w);
	for (; line < m->end; line++) {
		if (line == c->media[i].path)
			write_path(c, i, w);
		else if (!media_drops(c, i, &c->sdp.line[line]) &&
			 !ng_formats_drop(&formats, &c->sdp.line[line]))
			sdp_copy(w, &c->sdp, line, line + 1);
	}
	if (c->f->flags & NG_GENERATE_MID && sdp_attr(&c->sdp, i, "mid", 0, NULL) < 0)
		sdp_put(w, "a=mid:%s%d", mids_are_theirs(c) ? "fl" : "", i);
	if (c->media[i].kind != NG_KIND_STREAM)
		write_session_keys(c, i, w);
	ng_srtp_write(c, i, w);
	if (c->media[i].kind == NG_KIND_RTP)
		write_rtcp(c, i, w);
	else if (c->media[i].kind == NG_KIND_STREAM)
		write_stream(c, i, w);
	else if (has_ice(c, i))
		write_ice(c, i, w, false);
}

/* What in an m-line that is not used tells where its sender is. */
static bool gone_drops(const struct sdp_line *l)
{
	return l->type == 'c' || is_one_of(l, of_us) || is_one_of(l, of_ice) ||
	       is_one_of(l, of_rtcp) || is_one_of(l, of_stream) || sdp_line_is(l, "path");
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
}

bool ng_call_write(struct ng_call *c)
{
	struct wr w = wr_init(c->out, sizeof(c->out));

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
