/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward.h"
#include "leg.h"
#include "../../lib/stun.h"

#include <rte_random.h>

/* The report as a Data indication (RFC 8656 11.6): type and code as the peer's family has them. */
static size_t icmp_indication(uint8_t *buf, size_t cap, const struct icmp_report *r,
			      bool fingerprint)
{
	uint64_t rnd[2] = { rte_rand(), rte_rand() };
	uint8_t tid[STUN_TID_LEN];
	struct stun_builder b;

	memcpy(tid, rnd, sizeof(tid));
	stun_begin(&b, buf, cap, stun_type(STUN_DATA, STUN_INDICATION), tid);
	stun_put_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &r->peer);
	stun_put_icmp(&b, r->type, r->code, r->data);
	if (fingerprint)
		stun_put_fingerprint(&b);
	return stun_end(&b);
}

/* RFC 8656 11.5, 11.6: only for a peer with a permission, so that nobody can feed a client. */
void forward_icmp(struct worker *w, struct pkt *p, const struct icmp_report *r)
{
	struct session *s = &w->session[p->slot];
	struct rte_mbuf *m = p->m;
	uint8_t buf[128];
	size_t len;

	/* It quotes UDP, which a TCP allocation never sent. */
	if (s->flags & SESSION_TCP) {
		pkt_drop(w, m, DROP_ICMP_NO_SESSION);
		return;
	}
	if (s->expiry <= w->now || !session_permission(w, p->slot, &r->peer.ip)) {
		pkt_drop(w, m, s->expiry <= w->now ? DROP_SESSION_EXPIRED : DROP_NO_PERMISSION);
		return;
	}
	len = icmp_indication(buf, sizeof(buf), r, s->flags & SESSION_FINGERPRINT);
	pkt_consume(w, m);
	m = pkt_make(w);
	if (!m)
		return;
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), buf, len);
	count(w, CNT_ICMP_TO_CLIENT);
	if (s->conn_gen)
		leg_media(w, s, m);
	else
		udp_send(w, m, &w->dp->listener[s->listener], &s->client, 0);
}
