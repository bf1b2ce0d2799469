/* SPDX-License-Identifier: BSD-3-Clause */
/* CreatePermission (RFC 8656 10.2): all peers of a request, or none. */
#include "turn.h"

#include "../session.h"

/* Whether list[n] is the first of its address in the list. */
static bool peer_is_first(const struct sock_addr *list, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (ip_eq(&list[i].ip, &list[n].ip))
			return false;
	}
	return true;
}

/* Checks every peer into list. 0 or an error code. */
static int peers_read(struct server *s, const struct request *r, struct sock_addr *list)
{
	if (r->m->n_xor_peer == 0)
		return 400;
	if (r->m->too_many_peers)
		return 508;
	for (uint16_t i = 0; i < r->m->n_xor_peer; i++) {
		int code = peer_check(s, r, &r->m->xor_peer[i], true, &list[i]);

		if (code)
			return code;
	}
	return 0;
}

/*
 * Whether the allocation's limit, the table and the dataplane have room for those of the list that
 * are new, and the dataplane had for the last. *records: what they may take there.
 */
static bool peers_fit(struct server *s, const struct request *r, const struct sock_addr *list,
		      uint32_t *records)
{
	const struct table_stats *st = table_stats(s->table);
	const struct ip_addr *one = NULL;
	uint32_t fresh = 0;

	for (uint16_t i = 0; i < r->m->n_xor_peer; i++) {
		if (peer_is_first(list, i) && !table_perm_find(s->table, r->alloc, &list[i].ip)) {
			one = &list[i].ip;
			fresh++;
		}
	}
	*records = fresh ? table_perm_records(s->table, r->alloc, one, fresh) : 0;
	if (fresh && table_peer_refused_take(s->table, r->alloc))
		return false;
	return table_n_perms(s->table, r->alloc) + fresh <=
		   s->conf->turn.permissions_per_allocation &&
	       fresh <= st->perms_max - st->perms && records_fit(s, r, *records);
}

void permission_handle(struct server *s, struct request *r)
{
	struct sock_addr list[STUN_PEERS_MAX];
	int code = peers_read(s, r, list);
	uint32_t records = 0;

	if (!code) {
		table_expire(s->table, r->alloc, server_now(s));
		if (!peers_fit(s, r, list, &records))
			code = 508;
	}
	if (code) {
		reply_error(s, r, code);
		return;
	}
	for (uint16_t i = 0; i < r->m->n_xor_peer; i++) {
		if (peer_is_first(list, i))
			session_perm(s, r->alloc, &list[i].ip);
	}
	records_promise(s, r->alloc->worker, records);
	reply_begin(r);
	reply_success(s, r);
}
