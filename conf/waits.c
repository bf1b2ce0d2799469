/* SPDX-License-Identifier: BSD-3-Clause */
#include "kept.h"
#include "listener.h"
#include "schema.h"
#include "vlan.h"

#include <stdarg.h>

/*
 * What a start alone prepares for, although its keys are live: the first of a kind. It is taken out
 * of what will run, or has the value that runs, and all else of the file is applied.
 */

#define WHY_PORT "its address is of a port that waits for a restart"
#define WHY_AT_RELAY                                                                   \
	"it is the first one at the address of a relay, and how a device brings that " \
	"address' packets is chosen at a start"
#define WHY_TLS "it is the first one for TLS, and tables and keys of TLS are made at a start"
#define WHY_DTLS "it is the first one for DTLS, and the table of associations is made at a start"
#define WHY_TCP                                                                           \
	"it is the first one by which TCP goes on a port, and how a device brings TCP's " \
	"packets is chosen at a start"
#define WHY_SERVICE "its service waits for a restart"
#define WHY_IPSEC "it is for SIP of phones, and ipsec waits for a restart"
#define WHY_CHOSEN "the listener that chooses it waits for a restart"
#define WHY_FULL "the state file has no places for more"
#define WHY_GATEWAY "gateway.contexts waits for a restart"
#define WHY_PLACES "there were as many other listeners already as there are places for"
#define WHY_LAST "all that the file has in its place waits for a restart"

struct holder {
	const struct config *runs, *fresh;
	struct config *c; /* what will run, in the order of the file */
	struct config_waits *waits;
	bool services; /* they wait */
};

static void wait_add(struct holder *h, const char *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void wait_add(struct holder *h, const char *why, const char *fmt, ...)
{
	struct config_wait *w = &h->waits->wait[h->waits->n];
	va_list ap;

	if (h->waits->n == CONFIG_WAITS_MAX)
		return;
	h->waits->n++;
	w->applied = APPLIED_DP;
	w->why = why;
	va_start(ap, fmt);
	vsnprintf(w->key, sizeof(w->key), fmt, ap);
	va_end(ap);
}

const struct config_wait *config_waits_find(const struct config_waits *w, const char *key)
{
	for (uint16_t i = 0; w && i < w->n; i++) {
		const size_t len = strlen(w->wait[i].key);

		if (strncmp(w->wait[i].key, key, len) == 0 &&
		    (key[len] == '\0' || key[len] == '.' || key[len] == '['))
			return &w->wait[i];
	}
	return NULL;
}

/* ---- limits ---- */

/* A new state file is a start's. */
static void allocations_hold(struct holder *h)
{
	const struct config_turn *a = &h->runs->turn;

	if (!a->allocations_places || h->c->turn.allocations_max <= a->allocations_places)
		return;
	h->c->turn.allocations_max = a->allocations_max;
	wait_add(h, WHY_FULL, "turn.allocations-max");
	h->waits->wait[h->waits->n - 1].applied = APPLIED_CP;
}

/* ---- what may send TCP by a port ---- */

static bool listens_tcp(const struct config *c)
{
	for (uint16_t i = 0; i < listener_places(c); i++) {
		if (!config_is_udp(listener_place(c, i).transport))
			return true;
	}
	return false;
}

static bool has_streams(const struct config *c)
{
	return c->gateway.contexts && c->gateway.streams;
}

/* Whether what is at an address, NULL: at any, would be the first on a port to send TCP. */
static bool is_first_tcp(const struct holder *h, const struct ip_addr *at)
{
	for (uint16_t i = 0; i < h->c->n_port; i++) {
		const struct config_port *p = &h->c->port[i];

		if ((!at || config_port_has(p, at)) && !port_is_ready_for_tcp(h->runs, p))
			return true;
	}
	return false;
}

/* A port that is not there yet has addresses in the file alone. */
static bool at_waiting_port(const struct holder *h, const struct ip_addr *a)
{
	return !config_own_addr(h->c, a) && config_own_addr(h->fresh, a);
}

static void services_hold(struct holder *h)
{
	h->services =
	    h->c->n_service && !h->runs->n_service && listens_tcp(h->runs) && is_first_tcp(h, NULL);
	if (!h->services)
		return;
	h->c->n_service = 0;
	wait_add(h, WHY_TCP, "services");
}

/* ---- the gateway, realms and relays ---- */

/* The first contexts: who would control them comes with them. */
static void gateway_hold(struct holder *h)
{
	struct config_gateway *g = &h->c->gateway;

	if (g->contexts || !h->fresh->gateway.contexts)
		return;
	if (g->ng_port)
		wait_add(h, WHY_GATEWAY, "gateway.ng-port");
	if (g->ng_websocket_port)
		wait_add(h, WHY_GATEWAY, "gateway.ng-websocket-port");
	if (g->n_h248_controller)
		wait_add(h, WHY_GATEWAY, "gateway.h248-controllers");
	g->ng_port = g->ng_websocket_port = 0;
	g->n_h248_controller = 0;
}

static uint16_t domain_named(const struct config *c, const char *name)
{
	for (uint16_t i = 0; *name && i < c->n_domain; i++) {
		if (strcmp(c->domain[i].name, name) == 0)
			return i;
	}
	return CONFIG_DOMAINS_MAX;
}

/* A gateway that is to go has its realms until then. */
static void realms_stay(struct holder *h)
{
	struct config *c = h->c;

	for (uint16_t i = 0; i < h->runs->n_realm; i++) {
		if (h->runs->realm[i].gone)
			continue;
		c->realm[c->n_realm] = h->runs->realm[i];
		c->realm[c->n_realm].domain_index = domain_named(c, h->runs->realm[i].domain);
		c->n_realm++;
	}
	wait_add(h, WHY_GATEWAY, "realms");
}

static void realms_hold(struct holder *h)
{
	if (h->c->gateway.contexts && h->c->n_realm == 0)
		realms_stay(h);
	if (config_has_tls(h->runs) || !has_streams(h->c))
		return;
	for (uint16_t i = 0; i < h->c->n_realm; i++) {
		struct config_realm *m = &h->c->realm[i];

		if (!m->domain[0])
			continue;
		m->domain[0] = '\0';
		m->domain_index = CONFIG_DOMAINS_MAX;
		wait_add(h, WHY_TLS, "realms[%u].domain", i);
	}
}

static const struct config_relay *relay_runs(const struct holder *h, const struct config_relay *a)
{
	for (uint16_t i = 0; i < h->runs->n_relay; i++) {
		if (!h->runs->relay[i].gone && relay_same(&h->runs->relay[i], a))
			return &h->runs->relay[i];
	}
	return NULL;
}

/* One that runs goes on without what is new of it. False: it waits. */
static bool relay_hold(struct holder *h, struct config_relay *a, uint16_t index)
{
	const bool turn = a->turn && listens_tcp(h->runs), realm = a->realm[0] && has_streams(h->c);
	const struct config_relay *runs = relay_runs(h, a);

	if (at_waiting_port(h, &a->addr)) {
		wait_add(h, WHY_PORT, "relays[%u]", index);
		return false;
	}
	if ((!turn && !realm) || !is_first_tcp(h, &a->addr))
		return true;
	if (!runs) {
		wait_add(h, WHY_TCP, "relays[%u]", index);
		return false;
	}
	if (turn) {
		a->turn = runs->turn;
		wait_add(h, WHY_TCP, "relays[%u].turn", index);
	}
	if (realm) {
		memcpy(a->realm, runs->realm, sizeof(a->realm));
		a->realm_index = CONFIG_REALMS_MAX;
		wait_add(h, WHY_TCP, "relays[%u].realm", index);
	}
	return true;
}

static uint16_t realm_named(const struct config *c, const char *name)
{
	for (uint16_t i = 0; *name && i < c->n_realm; i++) {
		if (strcmp(c->realm[i].name, name) == 0)
			return i;
	}
	return CONFIG_REALMS_MAX;
}

/* Nobody is left without any by a reload. */
static void relays_stay(struct holder *h)
{
	struct config *c = h->c;

	for (uint16_t i = 0; i < h->runs->n_relay; i++) {
		if (h->runs->relay[i].gone)
			continue;
		c->relay[c->n_relay] = h->runs->relay[i];
		c->relay[c->n_relay].realm_index = realm_named(c, c->relay[c->n_relay].realm);
		c->n_relay++;
	}
	wait_add(h, WHY_LAST, "relays");
}

static void relays_hold(struct holder *h)
{
	struct config *c = h->c;
	uint16_t n = 0;

	for (uint16_t i = 0; i < c->n_relay; i++) {
		struct config_relay a = c->relay[i];

		if (relay_hold(h, &a, i))
			c->relay[n++] = a;
	}
	c->n_relay = n;
	if (n == 0)
		relays_stay(h);
}

/* ---- listeners ---- */

static bool relays_at(const struct config *c, const struct ip_addr *ip)
{
	for (unsigned i = 0; i < c->n_relay; i++) {
		if (ip_eq(&c->relay[i].addr, ip))
			return true;
	}
	return false;
}

/* Or did: what a start, or an earlier reload, was ready for. */
static bool listens_at(const struct config *c, const struct ip_addr *ip)
{
	for (uint16_t i = 0; i < listener_places(c); i++) {
		const struct listener_place p = listener_place(c, i);

		if (ip_eq(&p.addr.ip, ip))
			return true;
	}
	return false;
}

/* TCP of its clients goes by its port, what they have relayed by those of relays, and a service by
 * any. */
static bool listener_first_tcp(const struct holder *h, const struct config_listener *l)
{
	if (config_is_udp(l->transport))
		return false;
	if (is_first_tcp(h, h->c->n_service ? NULL : &l->addr.ip))
		return true;
	for (uint16_t i = 0; i < h->c->n_relay; i++) {
		if (h->c->relay[i].turn && is_first_tcp(h, &h->c->relay[i].addr))
			return true;
	}
	return false;
}

/* NULL: connections may go to its service. */
static const char *service_waits(const struct holder *h, const struct config_listener *l)
{
	if (!l->service[0])
		return NULL;
	if (config_is_udp(l->transport) && !config_is_sip_port(h->c, l))
		return WHY_IPSEC;
	return h->services ? WHY_SERVICE : NULL;
}

/* NULL: it need not wait. */
static const char *listener_waits(const struct holder *h, const struct config_listener *l,
				  uint16_t places)
{
	const bool dtls = l->transport == TRANSPORT_DTLS, tls = l->transport == TRANSPORT_TLS;

	if (at_waiting_port(h, &l->addr.ip))
		return WHY_PORT;
	if (listener_find(h->runs, &l->addr, (uint16_t)l->transport) != LISTENER_GONE)
		return NULL;
	if (service_waits(h, l))
		return service_waits(h, l);
	if (relays_at(h->c, &l->addr.ip) && !listens_at(h->runs, &l->addr.ip))
		return WHY_AT_RELAY;
	if ((tls || dtls) && !config_has_tls(h->runs))
		return WHY_TLS;
	if (dtls && !config_has_dtls(h->runs))
		return WHY_DTLS;
	if (listener_first_tcp(h, l))
		return WHY_TCP;
	return places == CTL_PLACES_MAX ? WHY_PLACES : NULL;
}

static void listeners_hold(struct holder *h)
{
	uint16_t places = listener_places(h->runs), n = 0;
	struct config *c = h->c;

	for (uint16_t i = 0; i < c->n_listener; i++) {
		struct config_listener l = c->listener[i];
		const char *why = listener_waits(h, &l, places);

		if (why) {
			wait_add(h, why, "listeners[%u]", i);
			continue;
		}
		if (listener_find(h->runs, &l.addr, (uint16_t)l.transport) == LISTENER_GONE)
			places++;
		why = service_waits(h, &l);
		if (why) {
			l.service[0] = '\0';
			wait_add(h, why, "listeners[%u].service", i);
		}
		c->listener[n++] = l;
	}
	c->n_listener = n;
	if (n)
		return;
	memcpy(c->listener, h->runs->listener, sizeof(c->listener));
	c->n_listener = h->runs->n_listener;
	wait_add(h, WHY_LAST, "listeners");
}

static bool is_chosen(const struct config *c, const struct config_service *s)
{
	if (s->n_alpn || s->n_host || s->sip)
		return true;
	for (uint16_t i = 0; i < c->n_listener; i++) {
		if (strcmp(c->listener[i].service, s->name) == 0)
			return true;
	}
	return false;
}

/* Services that only listeners choose which wait. */
static void services_chosen(struct holder *h)
{
	struct config *c = h->c;
	uint16_t n = 0;

	for (uint16_t i = 0; i < c->n_service; i++) {
		if (is_chosen(c, &c->service[i]))
			c->service[n++] = c->service[i];
		else
			wait_add(h, WHY_CHOSEN, "services[%u]", i);
	}
	c->n_service = n;
}

void config_hold(const struct config *runs, const struct config *fresh, struct config *c,
		 struct config_waits *waits)
{
	struct holder h = { .runs = runs, .fresh = fresh, .c = c, .waits = waits };

	waits->n = 0;
	allocations_hold(&h);
	services_hold(&h);
	gateway_hold(&h);
	realms_hold(&h);
	relays_hold(&h);
	listeners_hold(&h);
	services_chosen(&h);
}
