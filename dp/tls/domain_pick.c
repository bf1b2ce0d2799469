/* SPDX-License-Identifier: BSD-3-Clause */
/* What a ClientHello chooses: certificates by name, and who is behind us by name or protocol. */
#include "domain_int.h"
#include "handshake.h"
#include "../../lib/cursor.h"

#include <ctype.h>
#include <strings.h>

static const char *const turn_alpn[] = { "stun.turn", "stun.nat-discovery" }; /* RFC 7443 3 */

/* ---- names (RFC 6066 3) ---- */

bool host_wildcard(const char *name, char *out, size_t len)
{
	const char *dot = strchr(name, '.');

	return dot && name[0] != '*' && (size_t)snprintf(out, len, "*%s", dot) < len;
}

/* Whether name, which a client sent, is the one of the configuration, or within its wildcard. */
static bool host_matches(const char *conf, const char *name)
{
	char wild[CONFIG_STR_MAX];

	return strcasecmp(conf, name) == 0 ||
	       (host_wildcard(name, wild, sizeof(wild)) && strcasecmp(conf, wild) == 0);
}

int host_order(const void *a, const void *b)
{
	return strcmp(((const struct host *)a)->name, ((const struct host *)b)->name);
}

static const struct host *host_find(const struct domain *d, const char *name)
{
	struct host key = { .name = name };

	return bsearch(&key, d->host, d->n_host, sizeof(key), host_order);
}

/* Exact names first, then wildcards of one label. NULL: no certificate is for it. */
static const struct host *host_lookup(const struct domain *d, const char *name)
{
	char lower[CONFIG_STR_MAX], wild[CONFIG_STR_MAX];
	const struct host *h;
	size_t n = 0;

	for (; name[n] && n < sizeof(lower) - 1; n++)
		lower[n] = (char)tolower((unsigned char)name[n]);
	lower[n] = '\0';
	if (name[n])
		return NULL;
	h = host_find(d, lower);
	if (!h && host_wildcard(lower, wild, sizeof(wild)))
		h = host_find(d, wild);
	return h;
}

static bool service_here(const struct domain *d, const struct config_service *s)
{
	/* What is passed as it comes was chosen before, or its client is told that there is none.
	 */
	return s->tls == SERVICE_TLS_END &&
	       (s->domain_index == d->idx || s->domain_index == CONFIG_DOMAINS_MAX);
}

/* The service whose host the client named, or NULL. */
static const struct config_service *service_by_host(const struct domain *d, const char *name)
{
	const struct config *c = d->set->conf;

	for (uint16_t i = 0; name && i < c->n_service; i++) {
		const struct config_service *s = &c->service[i];

		for (uint16_t h = 0; service_here(d, s) && h < s->n_host; h++) {
			if (host_matches(s->host[h], name))
				return s;
		}
	}
	return NULL;
}

/*
 * All contexts of a domain differ in their certificates only, so that no name leads to another
 * policy. An unknown name gets no alert: clients that only know an address often send something.
 */
int domain_on_name(SSL *ssl, int *alert, void *arg)
{
	const struct domain *d = SSL_get_ex_data(ssl, domain_index);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct host *h = d && name ? host_lookup(d, name) : NULL;

	(void)alert;
	(void)arg;
	if (h && !SSL_set_SSL_CTX(ssl, d->server[h->server].ctx))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	/* A name that is accepted is part of a session of TLS 1.2, and chooses when it resumes. */
	return h || (d && service_by_host(d, name)) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/*
 * The name in the ClientHello that is being read (RFC 6066 3): tickets are looked at before OpenSSL
 * takes it up. False: there is none, or one that OpenSSL will refuse.
 */
static bool hello_name(SSL *ssl, char *name, size_t size)
{
	const unsigned char *ext;
	struct rd r;
	size_t len;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &len))
		return false;
	r = rd_init(ext, len);
	rd_u16(&r); /* of the list, which holds one name */
	if (rd_u8(&r) != TLSEXT_NAMETYPE_host_name)
		return false;
	len = rd_u16(&r);
	ext = rd_take(&r, len);
	if (!ext || len >= size || memchr(ext, 0, len))
		return false;
	memcpy(name, ext, len);
	name[len] = '\0';
	return true;
}

/*
 * A session goes on under the name it was made with, or began without one that we know and does so
 * again (RFC 6066 3): another name may have another certificate, or be another service.
 */
static bool name_is_sessions(SSL *ssl, const SSL_SESSION *s)
{
	const struct domain *d = SSL_get_ex_data(ssl, domain_index);
	const char *had = SSL_SESSION_get0_hostname(s);
	char name[TLSEXT_MAXLEN_host_name + 1];
	bool has = hello_name(ssl, name, sizeof(name));

	if (had)
		return has && strcasecmp(had, name) == 0;
	return !has || (d && !host_lookup(d, name) && !service_by_host(d, name));
}

SSL_TICKET_RETURN domain_on_ticket(SSL *ssl, SSL_SESSION *s, const unsigned char *key, size_t len,
				   SSL_TICKET_STATUS status, void *arg)
{
	(void)key;
	(void)len;
	(void)arg;
	switch (status) {
	case SSL_TICKET_SUCCESS:
	case SSL_TICKET_SUCCESS_RENEW:
		if (!name_is_sessions(ssl, s))
			return SSL_TICKET_RETURN_IGNORE_RENEW;
		return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
						    : SSL_TICKET_RETURN_USE_RENEW;
	case SSL_TICKET_EMPTY:
	case SSL_TICKET_NO_DECRYPT:
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	default:
		return SSL_TICKET_RETURN_ABORT;
	}
}

/* ---- ALPN (RFC 7301) ---- */

static void alpn_add(struct domain *d, const char *name)
{
	uint8_t len = (uint8_t)strlen(name);

	d->alpn[d->alpn_len] = len;
	memcpy(d->alpn + d->alpn_len + 1, name, len);
	d->alpn_len += 1u + len;
}

bool alpn_build(struct domain *d)
{
	const struct config *c = d->set->conf;
	size_t n = RTE_DIM(turn_alpn);

	for (uint16_t i = 0; i < c->n_service; i++)
		n += c->service[i].n_alpn;
	d->alpn = malloc(n * sizeof(c->service[0].alpn[0]));
	if (!d->alpn)
		return false;
	for (size_t i = 0; i < RTE_DIM(turn_alpn); i++)
		alpn_add(d, turn_alpn[i]);
	for (uint16_t i = 0; i < c->n_service; i++) {
		const struct config_service *s = &c->service[i];

		for (uint16_t a = 0; service_here(d, s) && a < s->n_alpn; a++)
			alpn_add(d, s->alpn[a]);
	}
	return true;
}

static bool name_is(const char *name, const unsigned char *p, unsigned len)
{
	return strlen(name) == len && memcmp(name, p, len) == 0;
}

/* Where there is one service, no other's protocol may be agreed on for a connection to it. */
static int alpn_of(const struct config_service *s, const unsigned char **out,
		   unsigned char *out_len, const unsigned char *in, unsigned in_len)
{
	for (uint16_t a = 0; a < s->n_alpn; a++) {
		for (unsigned i = 0; i < in_len && in[i] < in_len - i; i += 1u + in[i]) {
			if (!name_is(s->alpn[a], in + i + 1, in[i]))
				continue;
			*out = in + i + 1;
			*out_len = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return s->n_alpn ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

int domain_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned in_len, void *arg)
{
	const struct domain *d = SSL_get_ex_data(ssl, domain_index);
	const struct handshake *handshake = SSL_get_app_data(ssl);
	const struct config_service *s;
	unsigned char *chosen;

	(void)arg;
	if (!d)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	/* What a gateway's legs speak is between their ends (R45). */
	if (handshake && handshake->expect.peer != EXPECT_DOMAIN)
		return SSL_TLSEXT_ERR_NOACK;
	if (handshake && handshake->expect.has_service) {
		s = config_service_by_id(d->set->conf, handshake->expect.service);
		return s ? alpn_of(s, out, out_len, in, in_len) : SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	if (SSL_select_next_proto(&chosen, out_len, d->alpn, d->alpn_len, in, in_len) ==
	    OPENSSL_NPN_NEGOTIATED) {
		*out = chosen;
		return SSL_TLSEXT_ERR_OK;
	}
	/* What a service that lists no protocols speaks is between the client and its back end. */
	s = service_by_host(d, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	if (s && s->n_alpn == 0)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol (3.2) */
}

uint16_t domain_service(const struct domain_set *set, uint16_t idx, const SSL *ssl)
{
	const struct handshake *handshake = SSL_get_app_data(ssl);
	const struct domain *d = &set->domain[idx];
	const struct config *c = set->conf;
	const struct config_service *named;
	const unsigned char *p;
	unsigned len;

	if (handshake && handshake->expect.has_service)
		return handshake->expect.service;
	SSL_get0_alpn_selected(ssl, &p, &len);
	for (size_t i = 0; len && i < RTE_DIM(turn_alpn); i++) {
		if (name_is(turn_alpn[i], p, len))
			return SERVICE_TURN;
	}
	for (uint16_t i = 0; len && i < c->n_service; i++) {
		const struct config_service *s = &c->service[i];

		for (uint16_t a = 0; service_here(d, s) && a < s->n_alpn; a++) {
			if (name_is(s->alpn[a], p, len))
				return s->id;
		}
	}
	named = service_by_host(d, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	return named ? named->id : SERVICE_NONE;
}

void domain_cert_key(const struct domain_set *d, const SSL *ssl, uint8_t key[CTL_CERT_KEY])
{
	const X509 *shown = SSL_get_certificate(ssl);

	for (uint16_t i = 0; i < d->conf->n_certificate; i++)
		if (shown && d->cert[i].leaf == shown)
			memcpy(key, d->cert[i].sha256, CTL_CERT_KEY);
}
