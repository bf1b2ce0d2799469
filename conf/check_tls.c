/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include "../lib/tls_name.h"

#include <stdint.h>

/*
 * TLS domains, certificates, services and the listeners that use them: who refers to whom, and what
 * contradicts itself.
 */

enum {
	TLS_RECEIVE_MIN = 98304, /* the longest message, and a record beside it */
};

/* Index of the domain called name; n_domain: none. */
static uint16_t domain_find(const struct config *c, const char *name)
{
	uint16_t i = 0;

	while (i < c->n_domain && strcmp(c->domain[i].name, name) != 0)
		i++;
	return i;
}

bool config_domain_refer(struct config_reader *r, const char *name, uint16_t *index)
{
	*index = domain_find(r->c, name);
	return *index < r->c->n_domain ||
	       config_fail_at(r, name, "%s is the name of no domain in tls-domains", name);
}

/* Suites that are not ours would be left out in silence by OpenSSL, or not known to records. */
static bool check_suites(struct config_reader *r, const struct config_domain *d)
{
	for (unsigned i = 0; i < d->n_suite; i++) {
		if (!tls_suite_by_name(d->suite[i]))
			return config_fail_at(r, d->suite[i],
					      "%s is no suite that is served: AES-GCM or "
					      "ChaCha20-Poly1305, with OpenSSL's name",
					      d->suite[i]);
	}
	return true;
}

static bool check_domain(struct config_reader *r, const struct config_domain *d)
{
	const struct config *c = r->c;
	const struct config_domain *first = &c->domain[domain_find(c, d->name)];

	if (d != first)
		return config_fail_at(r, d->name, "%s is the domain in %s already", d->name,
				      config_place(r, first->name));
	if (d->version_min > d->version_max)
		return config_fail_at(r, &d->version_min, "is newer than version-max");
	if (d->client_ca[0] && d->client_cert == CLIENT_CERT_NONE)
		return config_fail_at(r, d->client_ca,
				      "has no use while client-certificate is none");
	if (!check_suites(r, d))
		return false;
	for (unsigned i = 0; i < c->n_certificate; i++) {
		if (strcmp(c->certificate[i].domain, d->name) == 0)
			return true;
	}
	return d->psk || config_fail_at(r, d->name, "%s has no entry in certificates", d->name);
}

static void check_certificates(struct config_reader *r)
{
	struct config *c = r->c;

	for (struct config_certificate *e = c->certificate; e < c->certificate + c->n_certificate;
	     e++) {
		config_domain_refer(r, e->domain, &e->domain_index);
		e->chain_line = config_line(r, e->chain);
		e->key_line = config_line(r, e->key);
	}
}

/* ---- services ---- */

/* Whether connections of one domain could choose between the two. */
static bool service_meets(const struct config_service *a, const struct config_service *b)
{
	return a->domain_index == b->domain_index || a->domain_index == CONFIG_DOMAINS_MAX ||
	       b->domain_index == CONFIG_DOMAINS_MAX;
}

/* Names that TURN has for itself (RFC 7443 3). */
static bool alpn_is_turn(const char *name)
{
	return strcmp(name, "stun.turn") == 0 || strcmp(name, "stun.nat-discovery") == 0;
}

/* What chooses s must choose neither TURN nor the service q before it. */
static bool check_choice(struct config_reader *r, const struct config_service *s,
			 const struct config_service *q)
{
	for (unsigned i = 0; i < s->n_alpn; i++) {
		for (unsigned j = 0; j < q->n_alpn; j++) {
			if (strcmp(s->alpn[i], q->alpn[j]) == 0)
				return config_fail_at(
				    r, s->alpn[i], "%s chooses service %s already, in %s",
				    s->alpn[i], q->name, config_place(r, q->alpn[j]));
		}
	}
	for (unsigned i = 0; i < s->n_host; i++) {
		for (unsigned j = 0; j < q->n_host; j++) {
			if (strcasecmp(s->host[i], q->host[j]) == 0)
				return config_fail_at(
				    r, s->host[i], "%s chooses service %s already, in %s",
				    s->host[i], q->name, config_place(r, q->host[j]));
		}
	}
	return !(s->sip && q->sip) ||
	       config_fail_at(r, &s->sip, "SIP chooses service %s already, in %s", q->name,
			      config_place(r, &q->sip));
}

/* A back end that is one of our own listeners would be ourselves, again and again. */
static bool check_backend(struct config_reader *r, const struct config_service *s)
{
	const struct config *c = r->c;
	char text[ADDR_STR_MAX];

	for (const struct config_listener *l = c->listener; l < c->listener + c->n_listener; l++) {
		if (!config_is_udp(l->transport) && sock_addr_eq(&l->addr, &s->backend))
			return config_fail_at(r, &s->backend.ip, "%s is the listener in %s",
					      sock_addr_format(&s->backend, text, sizeof(text)),
					      config_place(r, &l->addr.ip));
	}
	return true;
}

static bool has_listener(const struct config *c, const struct config_service *s)
{
	for (const struct config_listener *l = c->listener; l < c->listener + c->n_listener; l++) {
		if (l->has_service && l->service_index == s - c->service)
			return true;
	}
	return false;
}

/* Of TLS that is passed nothing can be read but the ClientHello. */
static bool check_passed(struct config_reader *r, const struct config_service *s)
{
	if (s->tls == SERVICE_TLS_END)
		return true;
	if (!s->n_alpn)
		return config_fail_at(r, &s->tls, "pass needs a name in alpn, which chooses it");
	if (s->n_host || s->sip || s->crlf != CRLF_PASS)
		return config_fail_at(r, &s->tls,
				      "pass goes together with neither hosts, sip nor crlf");
	return true;
}

static bool check_service(struct config_reader *r, struct config_service *s)
{
	const struct config *c = r->c;

	s->id = (uint16_t)(s - c->service);
	s->domain_index = CONFIG_DOMAINS_MAX;
	if (s->domain[0] && !config_domain_refer(r, s->domain, &s->domain_index))
		return false;
	if (!s->n_alpn && !s->n_host && !s->sip && !has_listener(c, s))
		return config_fail_at(
		    r, s->name, "%s is chosen by nothing: give alpn, hosts or sip, or a listener",
		    s->name);
	for (unsigned i = 0; i < s->n_alpn; i++) {
		if (alpn_is_turn(s->alpn[i]))
			return config_fail_at(r, s->alpn[i], "%s chooses TURN", s->alpn[i]);
	}
	for (const struct config_service *q = c->service; q < s; q++) {
		if (strcmp(q->name, s->name) == 0)
			return config_fail_at(r, s->name, "%s is the service in %s already",
					      s->name, config_place(r, q->name));
		if (service_meets(s, q) && !check_choice(r, s, q))
			return false;
	}
	return check_passed(r, s) && check_backend(r, s);
}

/* The service that a listener's connections are passed to. */
static bool check_listener(struct config_reader *r, struct config_listener *l)
{
	const struct config *c = r->c;

	l->has_service = false; /* one that runs may have had another */
	l->service_index = 0;
	if (!l->service[0])
		return true;
	if (config_is_udp(l->transport) && !config_is_sip_port(c, l))
		return config_fail_at(r, l->service,
				      "a listener for UDP or DTLS passes nothing to a service, but "
				      "UDP at ipsec.server-port of ipsec.addresses, with an "
				      "ipsec.sip-port");
	for (uint16_t i = 0; i < c->n_service; i++) {
		if (strcmp(c->service[i].name, l->service) == 0) {
			l->service_index = i;
			l->has_service = true;
			return true;
		}
	}
	return config_fail_at(r, l->service, "%s is the name of no service in services",
			      l->service);
}

/* A service that is of one domain is not behind a listener of another. */
static bool check_listener_domain(struct config_reader *r, const struct config_listener *l)
{
	const struct config_service *s = &r->c->service[l->service_index];

	if (l->has_service && s->tls == SERVICE_TLS_PASS)
		return config_fail_at(r, l->service,
				      "%s takes TLS as it comes: all that comes to a listener of "
				      "transport tcp",
				      s->name);
	return !l->has_service || s->domain_index == CONFIG_DOMAINS_MAX ||
	       s->domain_index == l->domain_index ||
	       config_fail_at(r, l->service, "%s is reached through domain %s alone", s->name,
			      s->domain);
}

/* One accelerator; where each is named, for what fairlead-dp says when it starts. */
static bool check_accelerators(struct config_reader *r)
{
	struct config_tls *t = &r->c->tls;

	t->provider_line = config_line(r, t->provider);
	t->engine_line = config_line(r, t->engine);
	return !*t->provider || !*t->engine ||
	       config_fail_at(r, t->engine, "cannot go together with the provider in %s",
			      config_in_line(r, t->provider_line));
}

void config_check_tls(struct config_reader *r)
{
	struct config *c = r->c;

	for (unsigned i = 0; i < c->n_domain; i++) {
		struct config_domain *d = &c->domain[i];

		check_domain(r, d);
		d->suite_line = config_line(r, d->suite[0]);
		d->group_line = config_line(r, d->group[0]);
		d->client_ca_line = config_line(r, d->client_ca);
	}
	check_certificates(r);
	for (struct config_listener *l = c->listener; l < c->listener + c->n_listener; l++)
		check_listener(r, l);
	for (unsigned i = 0; i < c->n_service; i++)
		check_service(r, &c->service[i]);
	for (struct config_listener *l = c->listener; l < c->listener + c->n_listener; l++) {
		if (l->transport != TRANSPORT_TLS && l->transport != TRANSPORT_DTLS)
			continue;
		if (config_domain_refer(r, l->domain, &l->domain_index))
			check_listener_domain(r, l);
	}
	check_accelerators(r);
	c->tls.ticket_secret_line = config_line(r, c->tls.ticket_secret);
}

void config_check_tls_sizes(struct config_reader *r)
{
	const struct config *c = r->c;
	bool tls = false;

	for (unsigned i = 0; i < c->n_listener; i++)
		tls |= c->listener[i].transport == TRANSPORT_TLS;
	if (tls && c->tcp.receive_buffer < TLS_RECEIVE_MIN)
		config_fail_at(r, &c->tcp.receive_buffer, "%u is too small for TLS, which needs %u",
			       c->tcp.receive_buffer, TLS_RECEIVE_MIN);
}
