/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer connected to a relayed address (RFC 6062 5.3): the client is told and may bind it. */
#include "turn.h"

static void attempt_tell(struct server *s, const struct table_alloc *a,
			 const struct pending_conn *e)
{
	const uint64_t random[2] = { rand_u64(&s->rand), rand_u64(&s->rand) };
	struct cmd_send c = { .leg = a->leg };
	uint8_t tid[STUN_TID_LEN];
	struct stun_builder b;
	size_t len;

	memcpy(tid, random, sizeof(tid));
	stun_begin(&b, c.payload, sizeof(c.payload),
		   stun_type(STUN_CONNECTION_ATTEMPT, STUN_INDICATION), tid);
	stun_put_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &e->peer);
	stun_put_u32(&b, STUN_ATTR_CONNECTION_ID, e->id);
	if (atomic_load(&a->flags) & SESSION_FINGERPRINT)
		stun_put_fingerprint(&b);
	len = stun_end(&b);
	c.payload_len = (uint16_t)len;
	dplink_cmd(s->link, a->worker, CMD_SEND, &c,
		   (uint16_t)(offsetof(struct cmd_send, payload) + len));
}

bool attempt_handle(struct server *s, uint32_t worker, const struct evt_peer_conn *ev)
{
	const struct table_alloc *a = table_find_sid(s->table, worker, ev->sid);
	struct pending_conn *e = NULL;

	if (!a || !table_relays_tcp(a)) {
		connection_close(s, worker, ev->conn);
		return false;
	}
	if (pending_count(s->pending, worker, ev->sid) < s->conf->turn.connections_per_allocation)
		e = pending_add(s->pending, worker, ev->sid, &ev->peer);
	if (!e) {
		s->stats.attempts_refused++;
		connection_close(s, worker, ev->conn);
		return true;
	}
	s->stats.attempts++;
	connection_wait(s, e, ev->conn);
	attempt_tell(s, a, e);
	return true;
}
