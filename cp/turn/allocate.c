/* SPDX-License-Identifier: BSD-3-Clause */
/* Allocate (RFC 8656 7.2; of TCP RFC 6062 5.1). */
#include "turn.h"

#include "../adopt.h"
#include "../session.h"

enum { IPPROTO_OF_TCP = 6, IPPROTO_OF_UDP = 17, EVEN_PORT_R = 0x80 };

/* What the request asks for. */
struct wanted {
	unsigned int families; /* FAMILY_V4, FAMILY_V6; both: a dual allocation */
	enum ports_want want;
	const uint8_t *token; /* NULL, or RESERVATION-TOKEN */
	bool tcp;	      /* relayed transport: else UDP */
	uint32_t lifetime;
};

static bool family_served(const struct server *s, unsigned int family)
{
	for (uint16_t i = 0; i < s->conf->n_relay; i++) {
		const struct config_relay *r = &s->conf->relay[i];

		if (!r->gone && r->turn && ip_is_v4(&r->addr) == (family == FAMILY_V4))
			return true;
	}
	return false;
}

/* Steps 5 and 8: EVEN-PORT and RESERVATION-TOKEN, and what they do not go with. */
static int wanted_ports(const struct stun_msg *m, struct wanted *w)
{
	w->want = PORTS_ANY;
	if (m->reservation_token.val) {
		if (m->even_port.val || m->requested_family.val || m->additional_family.val ||
		    m->reservation_token.len != TABLE_TOKEN_LEN)
			return 400;
		w->token = m->reservation_token.val;
	}
	if (m->even_port.val) {
		if (m->even_port.len != 1)
			return 400;
		w->want = m->even_port.val[0] & EVEN_PORT_R ? PORTS_PAIR : PORTS_EVEN;
		if (w->want == PORTS_PAIR && m->additional_family.val)
			return 400;
	}
	return 0;
}

/* Steps 6, 7 and 9: the address families. */
static int wanted_families(const struct server *s, const struct stun_msg *m, struct wanted *w)
{
	unsigned int family;

	w->families = FAMILY_V4;
	if (m->additional_family.val) {
		if (m->requested_family.val || !family_get(&m->additional_family, &family) ||
		    family != FAMILY_V6)
			return 400;
		w->families = FAMILY_V4 | FAMILY_V6;
		return 0;
	}
	if (m->requested_family.val) {
		if (!family_get(&m->requested_family, &w->families))
			return 400;
	}
	return w->token || (w->families && family_served(s, w->families)) ? 0 : 440;
}

/* Step 3, and all of RFC 6062 5.1: TCP is relayed for clients that came over it. */
static int wanted_transport(const struct request *r, struct wanted *w)
{
	const struct stun_msg *m = r->m;

	if (m->requested_transport.len != 4)
		return 400;
	w->tcp = m->requested_transport.val[0] == IPPROTO_OF_TCP;
	if (!w->tcp)
		return m->requested_transport.val[0] == IPPROTO_OF_UDP ? 0 : 442;
	return leg_is_stream(r->leg) && !m->dont_fragment.val && !m->even_port.val &&
		       !m->reservation_token.val
		   ? 0
		   : 400;
}

/* 0 or an error code. DONT-FRAGMENT (step 4) is served, so there is nothing to ask about it. */
static int wanted_read(const struct server *s, const struct request *r, struct wanted *w)
{
	const struct stun_msg *m = r->m;
	int code;

	*w = (struct wanted){ 0 };
	code = wanted_transport(r, w);
	if (!code)
		code = wanted_ports(m, w);
	if (!code)
		code = wanted_families(s, m, w);
	if (!code && !lifetime_grant(s, &m->lifetime, &w->lifetime))
		code = 400;
	return code;
}

/* ---- taking ---- */

/* One that an earlier version made is not known to be anybody's. */
static bool resv_is_of(const struct table_resv *resv, const uint8_t user_id[TABLE_USER_ID])
{
	static const uint8_t nobody[TABLE_USER_ID];

	return memcmp(resv->user_id, user_id, TABLE_USER_ID) == 0 ||
	       memcmp(resv->user_id, nobody, TABLE_USER_ID) == 0;
}

/*
 * A reserved port passes to the allocation, whose session is on the port's worker, whichever the
 * client reached us on: packets can be handed over, a connection cannot. 0 or an error code.
 */
static int take_reserved(struct server *s, const struct wanted *w, struct table_alloc *proto,
			 struct table_resv **used)
{
	struct table_resv *resv = table_resv_find(s->table, w->token);
	int f;

	if (!resv || server_now(s) >= resv->expiry || !config_relay_has(s->conf, &resv->relay) ||
	    !resv_is_of(resv, proto->user_id))
		return 508;
	proto->worker = config_relay_worker(s->conf, resv->relay.relay, be16_get(resv->relay.port));
	if (adopt_waits(s, proto->worker) || (table_redirected(proto) && leg_has_conn(&proto->leg)))
		return 508;
	f = ip_is_v4(&s->conf->relay[resv->relay.relay].addr) ? RELAY_V4 : RELAY_V6;
	proto->relay[f] = resv->relay;
	proto->families = 1u << f;
	*used = resv;
	return 0;
}

/*
 * One port of each family. Of a dual allocation one is enough: address_error then says why the
 * other is missing (step 9). 0 or an error code.
 */
static int take_ports(struct server *s, const struct request *r, const struct wanted *w,
		      struct table_alloc *proto)
{
	int code = 0;

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (!(w->families & (1u << f)))
			continue;
		proto->relay[f] =
		    ports_take_family(s->ports, f == RELAY_V6, r->worker, w->want, server_now(s));
		if (proto->relay[f].relay != CTL_RELAY_NONE)
			proto->families |= 1u << f;
		else if (code != 508)
			code = family_served(s, 1u << f) ? 508 : 440;
	}
	if (!proto->families)
		return code;
	proto->address_error = (uint16_t)code;
	return 0;
}

/* Reserves the port above the one taken (step 8). */
static bool take_reservation(struct server *s, struct table_alloc *proto, struct table_resv **made)
{
	int f = proto->families == FAMILY_V4 ? RELAY_V4 : RELAY_V6;
	struct ctl_relay next = proto->relay[f];

	next.port = be16_make(be16_get(next.port) | 1);
	*made = session_reserve(s, next, proto->user_id);
	if (!*made) {
		ports_give(s->ports, next.relay, be16_get(next.port), server_now(s));
		return false;
	}
	memcpy(proto->token, (*made)->token, TABLE_TOKEN_LEN);
	return true;
}

static void give_back(struct server *s, const struct table_alloc *proto, struct table_resv *made)
{
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (proto->families & (1u << f))
			ports_give(s->ports, proto->relay[f].relay, be16_get(proto->relay[f].port),
				   server_now(s));
	}
	if (made) {
		ports_give(s->ports, made->relay.relay, be16_get(made->relay.port), server_now(s));
		session_reserve_use(s, made);
	}
}

static void proto_init(struct server *s, const struct request *r, const struct wanted *w,
		       struct table_alloc *p)
{
	uint32_t expiry = server_deadline(s, w->lifetime);

	*p = (struct table_alloc){
		.worker = r->worker,
		.leg_worker = r->worker,
		.leg = *r->leg,
		.relay = { { .relay = CTL_RELAY_NONE }, { .relay = CTL_RELAY_NONE } },
		.expiry = { expiry, expiry },
		.lifetime = w->lifetime,
		.flags =
		    (r->m->fingerprint.val ? SESSION_FINGERPRINT : 0) | (w->tcp ? SESSION_TCP : 0),
		.created = server_now(s),
	};
	memcpy(p->tid, r->m->tid, sizeof(p->tid));
	memcpy(p->user_id, r->user_id, sizeof(p->user_id));
	memcpy(p->user, r->auth.user, strnlen(r->auth.user, sizeof(p->user) - 1));
}

/* Ports, record and session. Sets r->alloc; 0 or an error code, with nothing left taken. */
static int allocate_make(struct server *s, struct request *r, const struct wanted *w)
{
	struct table_resv *used = NULL, *made = NULL;
	struct table_alloc proto;
	int code;

	proto_init(s, r, w, &proto);
	code = w->token ? take_reserved(s, w, &proto, &used) : take_ports(s, r, w, &proto);
	if (code)
		return code;
	if (w->want == PORTS_PAIR && !take_reservation(s, &proto, &made)) {
		give_back(s, &proto, NULL);
		return 508;
	}
	r->alloc = session_add(s, &proto);
	if (!r->alloc) {
		if (!used)
			give_back(s, &proto, made);
		return 508;
	}
	if (used)
		session_reserve_use(s, used);
	return 0;
}

/* ---- answering ---- */

/* The reply follows from the record alone, so that a retransmission is answered alike. */
static void allocate_reply(struct server *s, struct request *r)
{
	static const uint8_t no_token[TABLE_TOKEN_LEN];
	const struct table_alloc *a = r->alloc;
	uint32_t families = atomic_load(&a->families);

	reply_begin(r);
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		struct sock_addr relayed;

		if (!(families & (1u << f)))
			continue;
		relayed.ip = s->conf->relay[a->relay[f].relay].addr;
		relayed.port = a->relay[f].port;
		stun_put_xor_addr(&r->b, STUN_ATTR_XOR_RELAYED_ADDRESS, &relayed);
	}
	stun_put_u32(&r->b, STUN_ATTR_LIFETIME, atomic_load(&a->lifetime));
	if (memcmp(a->token, no_token, sizeof(no_token)) != 0)
		stun_put(&r->b, STUN_ATTR_RESERVATION_TOKEN, a->token, sizeof(a->token));
	stun_put_xor_addr(&r->b, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->leg->client);
	if (a->address_error)
		stun_put_address_error(&r->b,
				       a->relay[RELAY_V4].relay == CTL_RELAY_NONE
					   ? STUN_FAMILY_IPV4
					   : STUN_FAMILY_IPV6,
				       a->address_error);
	reply_success(s, r);
}

/*
 * Whether the user may have that, too; a limit of the user's own goes before the common one. A
 * reservation is one, for nobody else can have its port, and becomes the allocation that uses it.
 */
static bool quota_allows(struct server *s, const struct request *r, const struct wanted *w)
{
	const uint64_t most = r->auth.quota ? r->auth.quota : s->conf->turn.allocations_per_user;
	const struct table_resv *used = w->token ? table_resv_find(s->table, w->token) : NULL;
	uint64_t held = table_user_held(s->table, r->user_id);

	if (used && memcmp(used->user_id, r->user_id, TABLE_USER_ID) == 0)
		held--;
	return !most || held + (w->want == PORTS_PAIR ? 2 : 1) <= most;
}

/* Error 300, and whom to ask instead; 508 where nobody of the client's family is known. */
static void send_elsewhere(struct server *s, struct request *r)
{
	const struct config_turn *c = &s->conf->turn;

	for (uint32_t i = 0; i < c->n_alternate; i++) {
		const struct config_alternate *a =
		    &c->alternate[s->drain.alternate++ % c->n_alternate];

		if (ip_is_v4(&a->addr.ip) != ip_is_v4(&r->leg->client.ip))
			continue;
		reply_redirect(s, r, a);
		return;
	}
	reply_error(s, r, 508);
}

void allocate_handle(struct server *s, struct request *r)
{
	struct wanted w;
	int code;

	if (r->alloc) { /* step 2; nothing is retransmitted over a stream */
		if (leg_is_stream(r->leg) || memcmp(r->alloc->tid, r->m->tid, STUN_TID_LEN) != 0) {
			reply_error(s, r, 437);
			return;
		}
		s->stats.retransmissions++;
		allocate_reply(s, r);
		return;
	}
	code = wanted_read(s, r, &w);
	if (!code && s->drain.on) {
		send_elsewhere(s, r);
		return;
	}
	if (!code && !quota_allows(s, r, &w))
		code = 486;
	if (!code)
		code = allocate_make(s, r, &w);
	if (code)
		reply_error(s, r, code);
	else
		allocate_reply(s, r);
}
