/* SPDX-License-Identifier: BSD-3-Clause */
/* Terminations: whether what a specification asks for can be granted, their ports and credentials.
 */
#include "gateway_priv.h"

#include "../../conf/kept.h"
#include "../../lib/term.h"
#include "../adopt.h"
#include "../policy.h"

enum {
	/* RFC 8445 5.3 wants 24 and 128 bits at least; a character has six. */
	UFRAG_LEN = 8,
	PWD_LEN = 24,
};

_Static_assert(UFRAG_LEN < sizeof(((struct ctl_term *)0)->ufrag) &&
		   PWD_LEN < sizeof(((struct ctl_term *)0)->pwd),
	       "they fit");

/* ---- checks ---- */

static bool spec_is_stream(const struct term_spec *w)
{
	return w->term.transport > TERM_UDP;
}

/* What is not in struct ctl_term. */
static const char *spec_wrong(const struct term_spec *w)
{
	const struct ctl_term *t = &w->term;

	if (w->notify >> TERM_EVENTS)
		return "unknown event";
	if (!memchr(w->tag, '\0', sizeof(w->tag)))
		return "the tag is too long";
	if (w->begin && !spec_is_stream(w) && !(t->flags & TERM_LATCH))
		return "UDP begins with latching only";
	if (w->begin && t->flags & TERM_CONNECT && !be16_get(t->remote[0].port))
		return "a TCP client needs a remote address and port to connect to";
	if (w->port & 1 && t->flags & TERM_RTP)
		return "the port of RTP is even";
	return NULL;
}

/* What the configuration has not. */
static const char *names_wrong(const struct config *c, const struct term_spec *w)
{
	if (!realm_is_there(c, w->realm))
		return "no such realm";
	if (w->term.transport != TERM_TLS)
		return NULL;
	if (w->term.domain == CONFIG_DOMAINS_MAX)
		return domain_is_there(c, c->realm[w->realm].domain_index)
			   ? NULL
			   : "the realm has no TLS domain, and none is given";
	return domain_is_there(c, w->term.domain) ? NULL : "no such TLS domain";
}

bool gate_has_family(const struct gateway *g, uint32_t realm, bool v6)
{
	const struct config *c = g->conf;

	for (uint16_t i = 0; i < c->n_relay; i++) {
		const struct config_relay *r = &c->relay[i];

		if (!r->gone && r->realm_index == realm && ip_is_v4(&r->addr) != v6)
			return true;
	}
	return false;
}

/* Family and policy of a remote address (R77). */
static bool remote_check(struct gateway *g, const struct term_spec *w, const struct sock_addr *a,
			 struct gate_fail *f)
{
	uint16_t port = be16_get(a->port);
	char text[ADDR_STR_MAX];
	const char *why;

	if (!addr_given(a))
		return port == 0 || gate_refuse(f, GATE_BAD, "a remote port without an address");
	sock_addr_format(a, text, sizeof(text));
	if (!term_addr_fits(a, w->v6))
		return gate_refuse(f, GATE_BAD,
				   "the remote address %s is not of the local one's family", text);
	why = policy_remote(g->conf, g->s->ports, w->realm, &a->ip, port ? port : POLICY_ANY_PORT);
	return !why ||
	       gate_refuse(f, GATE_DENIED, "the remote address %s is denied: %s", text, why);
}

bool term_check(struct gateway *g, const struct term_spec *w, bool stream, struct gate_fail *f)
{
	const char *wrong = term_wrong(&w->term);

	if (!wrong)
		wrong = spec_wrong(w);
	if (!wrong)
		wrong = names_wrong(g->conf, w);
	if (!wrong && stream != spec_is_stream(w))
		wrong = "both terminations are UDP, or neither is";
	if (wrong)
		return gate_refuse(f, GATE_BAD, "%s", wrong);
	if (!gate_has_family(g, w->realm, w->v6))
		return gate_refuse(f, GATE_BAD, "the realm %s has no IPv%c relay",
				   g->conf->realm[w->realm].name, w->v6 ? '6' : '4');
	return remote_check(g, w, &w->term.remote[0], f) &&
	       remote_check(g, w, &w->term.remote[1], f);
}

/* The TLS domain asked for: its own, or the realm's. */
static uint16_t spec_domain(const struct gateway *g, const struct term_spec *w)
{
	return w->term.domain == CONFIG_DOMAINS_MAX ? g->conf->realm[w->realm].domain_index
						    : w->term.domain;
}

/* ---- local addresses ---- */

static bool term_v6(const struct gateway *g, const struct context_term *m)
{
	return !ip_is_v4(&g->conf->relay[m->term.local.relay].addr);
}

/* Ports that are needed, from the even one on. */
static uint32_t spec_ports(const struct term_spec *w)
{
	return w->term.flags & TERM_RTP ? 2 : 1;
}

/* And those of a new local address. */
static uint32_t spec_ports_new(const struct term_spec *w)
{
	return w->pair ? 2 : spec_ports(w);
}

/* And that it has: a pair is kept, for it may be RTP again (T.38 and back). */
static uint32_t term_ports(const struct context_term *m)
{
	return m->term.flags & TERM_RTP || m->pair ? 2 : 1;
}

bool term_local_stays(const struct gateway *g, const struct context_term *m,
		      const struct term_spec *w)
{
	return term_is(m) && m->realm == w->realm && term_v6(g, m) == w->v6 &&
	       term_ports(m) >= spec_ports(w) &&
	       (w->port == 0 || w->port == be16_get(m->term.local.port));
}

bool term_same_local(const struct context_term *a, const struct context_term *b)
{
	return term_is(a) && term_is(b) && a->term.local.relay == b->term.local.relay &&
	       be16_get(a->term.local.port) == be16_get(b->term.local.port) &&
	       term_ports(a) == term_ports(b);
}

/*
 * What a connection that was begun has taken up: a change would be in the record only (R43, R44,
 * R48).
 */
static const char *connection_wrong(const struct gateway *g, const struct context_term *m,
				    const struct term_spec *w)
{
	const uint16_t roles = TERM_CONNECT | TERM_TLS_CLIENT;

	if (m->term.transport != w->term.transport || !term_local_stays(g, m, w))
		return "transport and local address";
	if ((m->term.flags ^ w->term.flags) & roles)
		return "the roles in TCP and TLS";
	if (m->term.transport == TERM_TLS &&
	    (m->term.domain != spec_domain(g, w) || strcmp(m->term.host, w->term.host) != 0))
		return "TLS domain and host name";
	return NULL;
}

bool term_check_change(struct gateway *g, const struct context_term *m, const struct term_spec *w,
		       struct gate_fail *f)
{
	const char *wrong;

	if (!term_is(m))
		return true;
	if (w->begin || !term_is_stream(m) || m->state == TERM_STATE_IDLE ||
	    m->state == TERM_STATE_ENDED)
		return true;
	wrong = connection_wrong(g, m, w);
	return !wrong || gate_refuse(f, GATE_BAD, "%s of a connection last as long as it", wrong);
}

/* All of n ports, or none. */
static bool claim(struct gateway *g, uint32_t relay, uint16_t port, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!ports_is_free(g->s->ports, relay, (uint16_t)(port + i), server_now(g->s)))
			return false;
	}
	for (uint32_t i = 0; i < n; i++)
		ports_claim(g->s->ports, relay, (uint16_t)(port + i), PORTS_TERM);
	return true;
}

bool term_ports_claim(struct gateway *g, const struct context_term *m)
{
	return claim(g, m->term.local.relay, be16_get(m->term.local.port), term_ports(m));
}

void term_ports_give(struct gateway *g, const struct context_term *m)
{
	uint16_t port = be16_get(m->term.local.port);

	for (uint32_t i = 0; term_is(m) && i < term_ports(m); i++)
		ports_give(g->s->ports, m->term.local.relay, (uint16_t)(port + i),
			   server_now(g->s));
}

/* Whether a relay of the realm has the ports that are asked for. */
static bool relay_has(const struct gateway *g, uint16_t relay, const struct term_spec *w)
{
	const struct config_relay *r = &g->conf->relay[relay];

	return !r->gone && r->realm_index == w->realm && ip_is_v4(&r->addr) != w->v6 &&
	       w->port >= r->port_min && w->port + spec_ports_new(w) - 1 <= r->port_max;
}

uint64_t term_workers(const struct gateway *g, const struct term_spec *w)
{
	uint64_t workers = 0;

	for (uint16_t i = 0; w->port && i < g->conf->n_relay; i++)
		if (relay_has(g, i, w))
			workers |= UINT64_C(1) << config_relay_worker(g->conf, i, w->port);
	return workers ? workers : UINT64_MAX;
}

bool term_workers_refuse(const struct term_spec *w, uint64_t workers, uint32_t worker,
			 struct gate_fail *f)
{
	return gate_refuse(f, GATE_BAD, "port %u is of worker %u, and the context of worker %u",
			   w->port, (uint32_t)__builtin_ctzll(workers), worker);
}

static enum ports_rank rank_of(const struct gateway *g, const struct term_spec *w,
			       const struct context *c)
{
	if (!w->urgent)
		return PORTS_ORDINARY;
	return room_is_small(g, c) ? PORTS_LAST : PORTS_URGENT;
}

static const char *kept_for(enum ports_rank rank)
{
	return rank == PORTS_ORDINARY ? "urgent calls" : "urgent calls of others";
}

/* The port asked for, on whichever of the realm's relays has it. */
static bool local_fixed(struct gateway *g, const struct term_spec *w, uint32_t worker,
			enum ports_rank rank, struct ctl_relay *local, struct gate_fail *f)
{
	const struct config *c = g->conf;
	const uint64_t workers = term_workers(g, w);
	bool inside = false;

	if (!(workers >> worker & 1))
		return term_workers_refuse(w, workers, worker, f);
	for (uint16_t i = 0; i < c->n_relay; i++) {
		if (!relay_has(g, i, w) || config_relay_worker(c, i, w->port) != worker)
			continue;
		inside = true;
		if (ports_is_withheld(g->s->ports, i, w->port, rank))
			return gate_withhold(f, "port %u of realm %s is kept for %s", w->port,
					     c->realm[w->realm].name, kept_for(rank));
		if (claim(g, i, w->port, spec_ports_new(w))) {
			*local = (struct ctl_relay){ i, be16_make(w->port) };
			return true;
		}
	}
	if (inside)
		return gate_refuse(f, GATE_FULL, "port %u of realm %s is in use, or in quarantine",
				   w->port, c->realm[w->realm].name);
	return gate_refuse(f, GATE_BAD, "port %u is outside of the ports of realm %s", w->port,
			   c->realm[w->realm].name);
}

/* had: the port asked for is the one the termination had, in another realm or with another use. */
static bool local_take(struct gateway *g, const struct term_spec *w, bool had,
		       const struct context *c, struct ctl_relay *local, struct gate_fail *f)
{
	const enum ports_rank rank = rank_of(g, w, c);
	const uint32_t worker = c->worker;
	enum ports_want want = spec_ports_new(w) == 2 ? PORTS_PAIR : PORTS_ANY;

	/* Allocations' ports as well, of which a realm's relay may have some. */
	if (adopt_waits(g->s, worker))
		return gate_refuse(f, GATE_FULL, "worker %u has not told yet what it has", worker);
	if (w->port && !had)
		return local_fixed(g, w, worker, rank, local, f);
	*local =
	    ports_take_realm(g->s->ports, w->realm, w->v6, worker, want, rank, server_now(g->s));
	if (local->relay == CTL_RELAY_NONE &&
	    ports_withheld(g->s->ports, w->realm, w->v6, worker, rank))
		return gate_withhold(
		    f, "realm %s keeps its last ports of IPv%c on worker %u for %s",
		    g->conf->realm[w->realm].name, w->v6 ? '6' : '4', worker, kept_for(rank));
	return local->relay != CTL_RELAY_NONE ||
	       gate_refuse(f, GATE_FULL, "realm %s has no IPv%c port left on worker %u",
			   g->conf->realm[w->realm].name, w->v6 ? '6' : '4', worker);
}

/* ---- making one ---- */

/* n characters of RFC 8445 5.3, unpredictable. */
static void ice_chars(char *s, uint32_t n)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t random[PWD_LEN];

	rand_bytes(random, n);
	for (uint32_t i = 0; i < n; i++)
		s[i] = alphabet[random[i] & 63];
	s[n] = '\0';
}

/*
 * Drawn once, and again when ICE starts again, or for an offer of it. They stay while ICE is off:
 * it may be wanted again by another who was told them.
 */
static void ice_credentials(struct ctl_term *t, const struct ctl_term *old, bool restart)
{
	memcpy(t->ufrag, old->ufrag, sizeof(t->ufrag));
	memcpy(t->pwd, old->pwd, sizeof(t->pwd));
	if (!restart && (!(t->flags & TERM_ICE) || old->ufrag[0]))
		return;
	ice_chars(t->ufrag, UFRAG_LEN);
	ice_chars(t->pwd, PWD_LEN);
}

/*
 * What was learnt is kept as long as who is to be learnt is the same and the local address stays.
 * Where it is learnt anew it is sent to until somebody is heard. With ICE media goes where it went
 * until there is another nomination (RFC 8445 9).
 */
static void latched_keep(struct ctl_term *t, const struct ctl_term *old, bool stays, bool anew)
{
	static const uint16_t relearn[2] = { TERM_RELEARN, TERM_RELEARN_RTCP };
	const uint16_t learns = TERM_LATCH | TERM_LATCH_ADDR | TERM_ICE;

	memset(t->latched, 0, sizeof(t->latched));
	t->flags &= (uint16_t) ~(TERM_RELEARN | TERM_RELEARN_RTCP);
	for (int i = 0; i < 2; i++) {
		if ((t->flags & learns) != (old->flags & learns))
			continue;
		if (t->flags & TERM_ICE) {
			t->latched[i] = old->latched[i];
		} else if (stays && sock_addr_eq(&t->remote[i], &old->remote[i])) {
			t->latched[i] = old->latched[i];
			t->flags |= old->flags & relearn[i];
			if (anew && be16_get(t->latched[i].port))
				t->flags |= relearn[i];
		}
	}
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a && (!b || a < b) ? a : b;
}

static void attempt_next(struct context_term *m)
{
	m->attempts = m->attempts == UINT8_MAX ? 1 : m->attempts + 1;
	m->term.attempt = m->attempts;
}

/* Nothing is known of the connection that is to come. */
static void connection_begin(struct context_term *m, uint32_t now)
{
	m->state = TERM_STATE_OPENING;
	m->since = now;
	m->why = 0;
	m->tls_version = m->tls_suite = 0;
	m->peer = (struct sock_addr){ 0 };
	memset(m->sha256, 0, sizeof(m->sha256));
}

void term_again(struct gateway *g, struct context_term *m, uint32_t rtcp)
{
	attempt_next(m);
	if (term_is_stream(m)) {
		connection_begin(m, server_deadline(g->s, 0));
		return;
	}
	m->term.latched[rtcp] = (struct sock_addr){ 0 };
	m->term.flags &= (uint16_t) ~(rtcp ? TERM_RELEARN_RTCP : TERM_RELEARN);
	if ((m->term.flags & (TERM_LATCH | TERM_ICE)) == TERM_LATCH &&
	    be16_get(m->term.latched[!rtcp].port))
		m->term.flags |= rtcp ? TERM_RELEARN : TERM_RELEARN_RTCP;
}

bool term_make(struct gateway *g, struct context_term *m, const struct term_spec *w,
	       const struct context *c, struct gate_fail *f)
{
	const uint32_t now = server_deadline(g->s, 0);
	const struct context_term old = *m;
	bool stays = term_local_stays(g, m, w);
	/* Whoever sent to the old port is told the new one, and learnt there. */
	bool anew = w->begin || (term_is(m) && !stays && w->term.flags & TERM_LATCH);
	struct ctl_relay local = m->term.local;

	if (!stays &&
	    !local_take(g, w, term_is(m) && w->port == be16_get(local.port), c, &local, f))
		return false;
	m->pair = (stays ? term_ports(m) : spec_ports_new(w)) > spec_ports(w);
	m->term = w->term;
	m->term.local = local;
	m->term.attempt = old.term.attempt;
	ice_credentials(&m->term, &old.term, w->restart);
	latched_keep(&m->term, &old.term, stays, anew);
	m->term.domain = m->term.transport == TERM_TLS ? spec_domain(g, w) : 0;
	if (!term_is_stream(m))
		m->term.inactivity = least(w->term.inactivity, c->inactivity);
	m->realm = w->realm;
	m->notify = w->notify;
	memcpy(m->tag, w->tag, sizeof(m->tag));
	memcpy(m->note, w->note, sizeof(m->note));
	memcpy(m->keep, w->keep, sizeof(m->keep));
	if (!term_is(&old)) {
		m->state = term_is_stream(m) ? TERM_STATE_IDLE : TERM_STATE_UP;
		m->since = now;
	}
	/* With ICE the remote is who was nominated last: there is nothing to learn anew. */
	if (term_is_stream(m) ? w->begin : anew && !(m->term.flags & TERM_ICE))
		attempt_next(m);
	if (w->begin && term_is_stream(m))
		connection_begin(m, now);
	return true;
}
