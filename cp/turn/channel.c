/* SPDX-License-Identifier: BSD-3-Clause */
/* ChannelBind (RFC 8656 12.2). */
#include "turn.h"

#include "../../lib/chandata.h"
#include "../session.h"

/* Number and peer, both well-formed and allowed. 0 or an error code. */
static int channel_read(struct server *s, const struct request *r, uint16_t *number,
			struct sock_addr *peer)
{
	const struct stun_val *v = &r->m->channel_number;

	if (v->len != 4 || r->m->n_xor_peer == 0)
		return 400;
	*number = be16_read(v->val);
	if (*number < CHANNEL_MIN ||
	    *number > (s->conf->turn.rfc5766_channels ? CHANNEL_MAX_RFC5766 : CHANNEL_MAX))
		return 400;
	return peer_check(s, r, &r->m->xor_peer[0], false, peer);
}

/* Records of the dataplane that binding a channel, or refreshing it, may take. */
static uint32_t channel_records(struct server *s, const struct request *r, bool bound,
				const struct sock_addr *peer)
{
	if (!bound)
		return table_chan_records(s->table, r->alloc, peer);
	if (table_perm_find(s->table, r->alloc, &peer->ip))
		return 0;
	return table_perm_records(s->table, r->alloc, &peer->ip, 1);
}

/* A number has one peer and a peer one number; all limits hold. 0 or an error code. */
static int channel_admit(struct server *s, const struct request *r, uint16_t number,
			 const struct sock_addr *peer, uint32_t *records)
{
	const struct table_stats *st = table_stats(s->table);
	const struct config_turn *turn = &s->conf->turn;
	struct table_chan *by_number = table_chan_find(s->table, r->alloc, number);

	if (by_number != table_chan_of_peer(s->table, r->alloc, peer))
		return 400;
	if (!by_number && table_peer_refused_take(s->table, r->alloc))
		return 508;
	if (!by_number && (table_n_chans(s->table, r->alloc) >= turn->channels_per_allocation ||
			   st->chans >= st->chans_max))
		return 508;
	if (!table_perm_find(s->table, r->alloc, &peer->ip) &&
	    (table_n_perms(s->table, r->alloc) >= turn->permissions_per_allocation ||
	     st->perms >= st->perms_max))
		return 508;
	*records = channel_records(s, r, by_number != NULL, peer);
	return records_fit(s, r, *records) ? 0 : 508;
}

void channel_handle(struct server *s, struct request *r)
{
	struct sock_addr peer;
	uint32_t records = 0;
	uint16_t number;
	/* What a TCP allocation relays goes over data connections alone (RFC 6062 3). */
	int code = table_relays_tcp(r->alloc) ? 403 : channel_read(s, r, &number, &peer);

	if (!code) {
		table_expire(s->table, r->alloc, server_now(s));
		code = channel_admit(s, r, number, &peer, &records);
	}
	if (code) {
		reply_error(s, r, code);
		return;
	}
	session_chan(s, r->alloc, &peer, number);
	records_promise(s, r->alloc->worker, records);
	reply_begin(r);
	reply_success(s, r);
}
