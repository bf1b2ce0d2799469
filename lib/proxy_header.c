/* SPDX-License-Identifier: BSD-3-Clause */
#include "proxy_header.h"

enum {
	VERSION_PROXY = 0x21, /* version 2, command PROXY */
	FAMILY_TCP4 = 0x11,
	FAMILY_TCP6 = 0x21,
	TLV_HEAD = 3, /* type and length */
	TLV_SSL = 0x20,
	TLV_SSL_VERSION = 0x21,
	SSL_HEAD = 5, /* what the client did, whether its certificate was verified */
	SSL_CLIENT = 0x01,
	SSL_CLIENT_CERT_CONN = 0x02,
	TLS_NAME = 7, /* "TLSv1.3", as OpenSSL writes it */
	TLS_LEN = TLV_HEAD + SSL_HEAD + TLV_HEAD + TLS_NAME,
};

static void ip_write_bare(struct wr *w, const struct ip_addr *ip, bool v4)
{
	wr_bytes(w, ip->b + (v4 ? 12 : 0), v4 ? 4 : 16);
}

/* Verified is 0 where a certificate was shown and accepted, anything else where none was. */
static void tls_write(struct wr *w, const struct proxy_header *h)
{
	wr_u8(w, TLV_SSL);
	wr_u16(w, TLS_LEN - TLV_HEAD);
	wr_u8(w, SSL_CLIENT | (h->cert ? SSL_CLIENT_CERT_CONN : 0));
	wr_u16(w, 0);
	wr_u16(w, !h->cert);
	wr_u8(w, TLV_SSL_VERSION);
	wr_u16(w, TLS_NAME);
	wr_bytes(w, h->tls == 0x0304 ? "TLSv1.3" : "TLSv1.2", TLS_NAME);
}

void proxy_header_write(struct wr *w, const struct proxy_header *h)
{
	static const uint8_t signature[] = { '\r', '\n', '\r', '\n', 0,	  '\r',
					     '\n', 'Q',	 'U',  'I',  'T', '\n' };
	const bool v4 = ip_is_v4(&h->client.ip);
	const uint16_t addresses = v4 ? 2 * (4 + 2) : 2 * (16 + 2);

	wr_bytes(w, signature, sizeof(signature));
	wr_u8(w, VERSION_PROXY);
	wr_u8(w, v4 ? FAMILY_TCP4 : FAMILY_TCP6);
	wr_u16(w, addresses + (h->tls ? TLS_LEN : 0));
	ip_write_bare(w, &h->client.ip, v4);
	ip_write_bare(w, &h->server.ip, v4);
	wr_bytes(w, h->client.port.b, 2);
	wr_bytes(w, h->server.port.b, 2);
	if (h->tls)
		tls_write(w, h);
}
