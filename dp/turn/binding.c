/* SPDX-License-Identifier: BSD-3-Clause */
#include "relay.h"
#include "../rate.h"
#include "../../lib/stun.h"

/* RFC 8489 7.3: what we cannot understand is an error; nothing else about a Binding can be wrong.
 */
void binding_answer(struct worker *w, struct pkt *p)
{
	const struct config *conf = w->dp->conf;
	const struct sock_addr client = { p->src, p->sport };
	uint32_t off = (uint32_t)p->l2_len + p->l3_len + UDP_HDR;
	uint8_t reply[512], request[RING_MSG_SIZE];
	uint16_t n = pkt_payload_len(p);
	struct rte_mbuf *m = p->m;
	struct stun_builder b;
	struct stun_msg msg;
	enum stun_err err;
	size_t len;

	if (!rate_allow(w->binding_rate, &p->src, w->now_ms)) {
		pkt_drop(w, m, DROP_BINDING_RATE);
		return;
	}
	if (n > sizeof(request)) {
		pkt_drop(w, m, DROP_STUN_LONG);
		return;
	}
	err = stun_parse(&msg, rte_pktmbuf_read(m, off, n, request), n);
	if (err != STUN_OK) {
		pkt_drop(w, m, punt_why(err));
		return;
	}
	stun_begin_reply(&b, reply, sizeof(reply), &msg, msg.n_unknown ? STUN_ERROR : STUN_SUCCESS);
	if (msg.n_unknown) {
		stun_put_error(&b, 420);
		stun_put_unknown(&b, msg.unknown, msg.n_unknown);
	} else {
		stun_put_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &client);
	}
	if (conf->turn.software[0])
		stun_put(&b, STUN_ATTR_SOFTWARE, conf->turn.software, strlen(conf->turn.software));
	if (msg.fingerprint.val)
		stun_put_fingerprint(&b);
	len = stun_end(&b);
	/* The request's buffer carries the reply; a chained one is not worth the care. */
	if (len == 0 || m->nb_segs > 1) {
		pkt_drop(w, m, DROP_STUN_LONG);
		return;
	}
	rte_pktmbuf_reset(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), reply, len);
	count(w, CNT_BINDING);
	udp_send(w, m, &conf->listener[p->index].addr, &client, 0);
}
