/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands in Local and Remote: one m-line, with "$" where the gateway is to choose (H.248.1
 * 7.1.8). Lines that a session description must have may be missing.
 */
#include "mg_priv.h"

#include "../../lib/sdes.h"

#include <stdio.h>

enum { SDP_MAX = 4096, CHOSEN_PORT = 9 };

static bool is_choose(struct sdp_text t)
{
	return sdp_text_is(t, "$");
}

/*
 * "m=audio $ RTP/AVP -" has a port in place of "$", so that it is read as any other; returns
 * whether it had one.
 */
static bool port_put(char *text, size_t *len)
{
	for (size_t i = 0; i + 1 < *len; i++) {
		size_t at = i + 2;

		if ((i && text[i - 1] != '\n' && text[i - 1] != '\r') || text[i] != 'm' ||
		    text[i + 1] != '=')
			continue;
		while (at < *len && text[at] != ' ' && text[at] != '\n' && text[at] != '\r')
			at++;
		while (at < *len && text[at] == ' ')
			at++;
		if (at < *len && text[at] == '$') {
			text[at] = '0' + CHOSEN_PORT;
			return true;
		}
	}
	return false;
}

/* Lines are read from the first letter on: white space before is allowed. */
static struct sdp_text trimmed(const char *text, size_t len)
{
	while (len && (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')) {
		text++;
		len--;
	}
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	return (struct sdp_text){ text, (uint32_t)len };
}

/* c=: an address, "$", or nothing that could be sent to. */
static bool read_conn(struct mg_work *k, const struct sdp_media *m, struct mg_sdp *s)
{
	const struct sdp_conn *c = &m->conn;
	struct sdp_text value, word, last = { NULL, 0 };

	if (c->line < 0)
		return mg_fail(k, MG_BAD_SDP, "c= is missing");
	s->v6 = c->v6;
	if (c->literal) {
		s->v6 = !ip_is_v4(&c->ip);
		s->addr[0].ip = c->ip;
		return true;
	}
	value = k->m->sdp.line[c->line].value;
	while (sdp_word(&value, &word))
		last = word;
	s->choose_addr = last.at && is_choose(last);
	return s->choose_addr || mg_fail(k, MG_BAD_SDP, "c= has no address");
}

/* a=rtcp (RFC 3605) and a=rtcp-mux (RFC 5761). */
static bool read_rtcp(struct mg_work *k, struct mg_sdp *s)
{
	struct sdp_text value, word;
	struct sdp_conn c;
	uint32_t port;

	s->mux = sdp_attr_of(&k->m->sdp, 0, "rtcp-mux", &value);
	if (!sdp_attr_of(&k->m->sdp, 0, "rtcp", &value) || !value.at)
		return true;
	if (!sdp_word(&value, &word) || is_choose(word))
		return true;
	if (!sdp_number(word, 65535, &port) || port == 0)
		return mg_fail(k, MG_BAD_SDP, "a=rtcp makes no sense");
	s->rtcp = true;
	s->addr[1] = (struct sock_addr){ s->addr[0].ip, be16_make((uint16_t)port) };
	if (value.len && sdp_address(value, &c) && c.literal)
		s->addr[1].ip = c.ip;
	return true;
}

/* TCP, TLS or UDP by the name of a protocol; TERM_NONE: it is not served. */
static uint8_t transport_of(struct sdp_text proto)
{
	static const struct {
		const char *name;
		uint8_t transport;
	} known[] = {
		{ "RTP/SAVP", TERM_UDP },
		{ "RTP/SAVPF", TERM_UDP },
		{ "UDP/TLS/RTP/SAVP", TERM_UDP },
		{ "UDP/TLS/RTP/SAVPF", TERM_UDP },
		{ "RTP/AVP", TERM_UDP },
		{ "RTP/AVPF", TERM_UDP },
		{ "UDP", TERM_UDP },
		{ "udptl", TERM_UDP },
		{ "UDP/BFCP", TERM_UDP },
		{ "TCP", TERM_TCP },
		{ "TCP/MSRP", TERM_TCP },
		{ "TCP/BFCP", TERM_TCP },
		{ "TCP/TLS", TERM_TLS },
		{ "TCP/TLS/MSRP", TERM_TLS },
		{ "TCP/TLS/BFCP", TERM_TLS },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (sdp_text_is_nocase(proto, known[i].name))
			return known[i].transport;
	}
	return TERM_NONE;
}

static enum mg_rtp rtp_of(struct sdp_text proto)
{
	if (sdp_text_is_nocase(proto, "UDP/TLS/RTP/SAVP") ||
	    sdp_text_is_nocase(proto, "UDP/TLS/RTP/SAVPF"))
		return MG_DTLS;
	if (sdp_text_is_nocase(proto, "RTP/SAVP") || sdp_text_is_nocase(proto, "RTP/SAVPF"))
		return MG_SRTP;
	return sdp_text_is_nocase(proto, "RTP/AVP") || sdp_text_is_nocase(proto, "RTP/AVPF")
		   ? MG_RTP
		   : MG_RTP_NONE;
}

/* a=crypto (RFC 4568): the first line whose suite is served, of one key that encrypts. */
static bool read_crypto(struct mg_work *k, struct mg_sdp *s)
{
	struct sdes_crypto c;
	struct sdp_text value;
	bool any = false;
	int at = -1;

	while (!s->key.set && (at = sdp_attr(&k->m->sdp, 0, "crypto", at + 1, &value)) >= 0) {
		any = true;
		if (!value.at || sdes_parse(value, &c) != SDES_OK || c.keys != 1 || c.clear_rtp ||
		    c.clear_rtcp)
			continue;
		s->key = (struct ctl_srtp_key){ .set = 1,
						.suite = c.suite,
						.mki = c.key[0].mki,
						.mki_len = c.key[0].mki_len,
						.lifetime = c.key[0].lifetime };
		memcpy(s->key.master, c.key[0].master, SRTP_MASTER_MAX);
		explicit_bzero(&c, sizeof(c));
	}
	return s->key.set || !any || mg_fail(k, MG_VALUE, "no a=crypto has what is served");
}

/* a=ice-ufrag and a=ice-pwd (RFC 8839 5.4). */
static void read_ice(struct mg_work *k, struct mg_sdp *s)
{
	struct sdp_text *ufrag = &s->ice_text[0], *pwd = &s->ice_text[1];
	const bool has[2] = { sdp_attr_of(&k->m->sdp, 0, "ice-ufrag", ufrag) && ufrag->len,
			      sdp_attr_of(&k->m->sdp, 0, "ice-pwd", pwd) && pwd->len };

	s->ice = has[0] && has[1];
	s->choose_ice = s->ice && is_choose(*ufrag) && is_choose(*pwd);
	s->half_ice = has[0] != has[1] || (s->ice && is_choose(*ufrag) != is_choose(*pwd));
}

/* a=setup (RFC 4145 4): who of the two connects, and is the client of TLS (RFC 8122 5). */
static bool read_setup(struct mg_work *k, struct mg_sdp *s)
{
	struct sdp_text value;

	if (!sdp_attr_of(&k->m->sdp, 0, "setup", &value) || !value.at)
		return true;
	s->role = true;
	s->active = sdp_text_is(value, "active");
	/* Who leaves the choice to us has us as the server. */
	return s->active || sdp_text_is(value, "passive") ||
	       (s->rtp == MG_DTLS && sdp_text_is(value, "actpass")) ||
	       mg_fail(k, MG_VALUE, "a=setup is active or passive: %.*s", SDP_TEXT(value));
}

/* a=fingerprint (RFC 8122 5); with "$" the gateway tells its own. */
static bool read_fingerprints(struct mg_work *k, struct mg_sdp *s)
{
	struct sdp_text value;
	int at = 0;

	while ((at = sdp_attr(&k->m->sdp, 0, "fingerprint", at, &value)) >= 0) {
		at++;
		if (value.len && value.at[value.len - 1] == '$')
			continue;
		if (s->n_fingerprint == CTL_FINGERPRINTS_MAX ||
		    !fingerprint_parse(value.at, value.len, &s->fingerprint[s->n_fingerprint]))
			return mg_fail(k, MG_BAD_SDP,
				       "a=fingerprint makes no sense, or is one too many");
		s->n_fingerprint++;
	}
	return true;
}

/* Of what has a role: connections, and DTLS (RFC 5763). */
static bool read_role_lines(struct mg_work *k, struct mg_sdp *s)
{
	const bool dtls = s->rtp == MG_DTLS;

	if (dtls)
		s->tls_id = sdp_tls_id(&k->m->sdp, 0);
	if (s->transport == TERM_UDP && !dtls)
		return true;
	return read_setup(k, s) && (s->transport == TERM_TCP || read_fingerprints(k, s));
}

bool mg_sdp_read(struct mg_work *k, struct h248_text octets, struct mg_sdp *s)
{
	static char text[SDP_MAX];
	const struct sdp_media *m = &k->m->sdp.media[0];
	struct sdp_text t;
	const char *why;
	size_t len;
	int where;

	*s = (struct mg_sdp){ 0 };
	if (octets.len > sizeof(text))
		return mg_fail(k, MG_BAD_SDP, "the session description is too long");
	len = h248_unescape(octets, text);
	s->choose_port = port_put(text, &len);
	t = trimmed(text, len);
	s->empty = t.len == 0;
	if (s->empty)
		return true;
	if (!sdp_parse_fragment(&k->m->sdp, t.at, t.len, &where, &why))
		return mg_fail(k, MG_BAD_SDP, "line %d of the session description: %s", where, why);
	if (k->m->sdp.n_media != 1)
		return mg_fail(k, MG_BAD_SDP,
			       "the session description has %d m-lines in place of one",
			       k->m->sdp.n_media);
	s->rtp = rtp_of(m->proto);
	s->transport = transport_of(m->proto);
	if (s->transport == TERM_NONE)
		return mg_fail(k, MG_MEDIA, "%.*s is not served", SDP_TEXT(m->proto));
	if ((size_t)snprintf(s->media, sizeof(s->media), "%.*s\t%.*s %.*s", SDP_TEXT(m->type),
			     SDP_TEXT(m->proto), SDP_TEXT(m->format)) >= sizeof(s->media))
		return mg_fail(k, MG_BAD_SDP, "m= is longer than %zu bytes", sizeof(s->media) - 1);
	if (!s->choose_port)
		s->addr[0].port = be16_make(m->port);
	read_ice(k, s);
	return read_conn(k, m, s) && (!s->rtp || read_rtcp(k, s)) &&
	       (s->rtp != MG_SRTP || read_crypto(k, s)) && read_role_lines(k, s);
}
