/* SPDX-License-Identifier: BSD-3-Clause */
#include "relay.h"
#include "../rate.h"
#include "../../lib/stun.h"

/* RFC 8489 7.3: what we cannot understand is an error; nothing else about a Binding can be wrong.
 */
enum drop binding_reply(struct worker *w, const struct request *r, uint8_t *reply, size_t *len)
{
	const struct config *conf = w->dp->conf;
	struct stun_builder b;
	struct stun_msg msg;
	enum stun_err err;

	if (!rate_allow(w->binding_rate, &r->client.ip, w->now_ms))
		return DROP_BINDING_RATE;
	if (r->len > RING_MSG_SIZE)
		return DROP_STUN_LONG;
	err = stun_parse(&msg, r->msg, r->len);
	if (err != STUN_OK)
		return punt_why(err);
	stun_begin_reply(&b, reply, BINDING_REPLY_MAX, &msg,
			 msg.n_unknown ? STUN_ERROR : STUN_SUCCESS);
	if (msg.n_unknown) {
		stun_put_error(&b, 420);
		stun_put_unknown(&b, msg.unknown, msg.n_unknown);
	} else {
		stun_put_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->client);
	}
	if (conf->turn.software[0])
		stun_put(&b, STUN_ATTR_SOFTWARE, conf->turn.software, strlen(conf->turn.software));
	if (msg.fingerprint.val)
		stun_put_fingerprint(&b);
	*len = stun_end(&b);
	return *len ? DROP_MAX : DROP_STUN_LONG;
}

void binding_answer(struct worker *w, struct pkt *p)
{
	uint8_t reply[BINDING_REPLY_MAX], copy[RING_MSG_SIZE];
	struct request r = pkt_request(p, copy, sizeof(copy));
	struct rte_mbuf *m = p->m;
	enum drop why;
	size_t len;

	why = binding_reply(w, &r, reply, &len);
	/* The request's buffer carries the reply; a chained one is not worth the care. */
	if (why == DROP_MAX && m->nb_segs > 1)
		why = DROP_STUN_LONG;
	if (why != DROP_MAX) {
		pkt_drop(w, m, why);
		return;
	}
	rte_pktmbuf_reset(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), reply, len);
	count(w, CNT_BINDING);
	udp_send(w, m, &w->dp->conf->listener[p->index].addr, &r.client, 0);
}
