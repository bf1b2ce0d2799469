/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of joined connections. The dataplane tells when two are joined and when that is over;
 * what is between is read from its live table, so a control process that was started anew goes on
 * with all that it finds there.
 */
#include "tell.h"

#include "../../conf/listener.h"
#include "../conn_row.h"
#include "../server.h"
#include "records.h"

#include <string.h>

/* The same for as long as the client's connection lives. */
static uint64_t joined_id(const struct server *s, uint32_t worker, struct ctl_conn client)
{
	static const struct siphash_key key = { { 0, 0 } }; /* nothing is kept from anybody by it */
	const struct {
		uint64_t generation;
		uint32_t worker, idx, gen, pad;
	} of = { dplink_generation(s->link), worker, client.idx, client.gen, 0 };

	return siphash(&key, &of, sizeof(of));
}

/* Of streams, at an address of ours that clients come to. NULL: there is none. */
static const struct config_listener *listener_at(const struct server *s, const struct sock_addr *to)
{
	for (uint16_t i = 0; i < listener_places(s->conf); i++) {
		const struct listener_place l = listener_place(s->conf, i);

		if (sock_addr_eq(&l.addr, to) && !config_is_udp(l.transport) &&
		    listener_is_there(s->conf, i))
			return listener_at_place(s->conf, i);
	}
	return NULL;
}

/*
 * The service that has this back end, for clients who came to that address: the listener's own, or
 * the only one. NULL: none has, or it may be any of several.
 */
static const struct config_service *
service_between(const struct server *s, const struct sock_addr *to, const struct sock_addr *backend)
{
	const struct config_listener *l = listener_at(s, to);
	const struct config_service *found = NULL;
	uint32_t n = 0;

	for (uint16_t i = 0; i < s->conf->n_service; i++) {
		const struct config_service *v = &s->conf->service[i];

		if (!sock_addr_eq(&v->backend, backend))
			continue;
		if (l && l->has_service && l->service_index == i)
			return v;
		found = v;
		n++;
	}
	return n == 1 ? found : NULL;
}

/* What start, update and end have alike. */
struct pair {
	struct ctl_conn client;
	struct sock_addr from, to, own, peer;
	uint32_t age_s;
};

static void pair_fill(const struct server *s, uint32_t worker, const struct pair *p,
		      struct record *r)
{
	const struct config_listener *l = listener_at(s, &p->to);
	const uint32_t now = server_now(s);

	tell_age(s, r, now > p->age_s ? now - p->age_s : 0);
	r->id = joined_id(s, worker, p->client);
	r->alloc =
	    (struct record_alloc){ .client = p->from,
				   .listener = p->to,
				   .relayed = { p->own },
				   .peer = p->peer,
				   .transport = l ? config_transport_name[l->transport] : "tcp",
				   .relay_transport = "tcp" };
}

static void pair_use(struct record *r, uint64_t to_peer, uint64_t to_client)
{
	r->alloc.counted = true;
	r->alloc.to_peer.bytes = to_peer;
	r->alloc.to_client.bytes = to_client;
}

static void service_put(struct record *r, const char name[CTL_NAME_MAX])
{
	memcpy(r->alloc.service, name, strnlen(name, sizeof(r->alloc.service) - 1));
}

void tell_joined(struct server *s, uint32_t worker, const struct evt_joined *e)
{
	const bool ends = e->what == JOINED_ENDED, anybody = !e->sid.gen;
	const struct pair p = { e->client, e->from, e->to, e->own, e->peer, e->age_s };
	struct record *r;

	/* Of what waits for the file half is kept for those who have shown who they are. */
	if (anybody && records_room(s->records) <= s->conf->records.queue / 2) {
		records_miss(s->records);
		return;
	}
	r = records_begin(s->records, RECORD_CONNECTION, ends ? RECORD_END : RECORD_START);
	if (!r)
		return;
	pair_fill(s, worker, &p, r);
	r->alloc.of_allocation = !anybody;
	if (!anybody)
		tell_owner(s, worker, e->sid, r);
	else
		service_put(r, e->service);
	if (ends) {
		pair_use(r, e->passed[CTL_TO_PEER], e->passed[CTL_TO_CLIENT]);
		r->reason = tcp_end_desc[e->why].name;
	}
	records_commit(s->records);
}

/* ---- updates ---- */

/* The row of a client's connection that is joined, and of the other. */
static void row_update(struct server *s, uint32_t worker, uint32_t idx,
		       const struct ctl_conn_info *c, const struct ctl_conn_info *other)
{
	const struct pair p = { { idx, c->gen }, c->remote,	c->local,
				other->local,	 other->remote, c->age_s };
	const struct table_alloc *a = NULL;
	const struct config_service *v;
	struct record *r = records_begin(s->records, RECORD_CONNECTION, RECORD_UPDATE);

	if (!r)
		return;
	pair_fill(s, worker, &p, r);
	r->alloc.of_allocation = c->session != UINT32_MAX;
	if (c->session < s->conf->dataplane.sessions)
		a = table_at_slot(s->table, worker, c->session);
	if (a)
		tell_owner(s, worker, a->sid, r);
	else if ((v = service_between(s, &p.to, &p.peer)) != NULL)
		service_put(r, v->name);
	pair_use(r, c->passed, other->passed);
	records_commit(s->records);
}

static void row_look(struct server *s, uint32_t worker, uint32_t idx)
{
	struct ctl_conn_info c, other;

	if (conn_read(s->link, worker, idx, &c) && c.joined &&
	    conn_read(s->link, worker, c.joined - 1, &other) && !other.joined &&
	    other.role == CONN_DATA && other.session == c.session)
		row_update(s, worker, idx, &c, &other);
}

uint64_t tell_joined_places(const struct server *s)
{
	return (uint64_t)dplink_n_workers(s->link) * s->conf->tcp.connections;
}

bool tell_joined_some(struct server *s, uint32_t *place, uint32_t n)
{
	const uint64_t all = tell_joined_places(s);

	for (; n && *place < all; n--, ++*place)
		row_look(s, *place / s->conf->tcp.connections, *place % s->conf->tcp.connections);
	return *place < all;
}
