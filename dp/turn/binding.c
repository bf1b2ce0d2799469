/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward.h"
#include "../snapshot.h"
#include "turn.h"
#include "../../lib/stun.h"

/* RFC 8489 7.3: what we cannot understand is an error; nothing else about a Binding can be wrong.
 */
enum drop binding_reply(const struct worker *w, const struct request *r, uint8_t *reply,
			size_t *len)
{
	const struct config *conf = snapshot_conf(w->dp);
	size_t software = strlen(conf->turn.software);
	struct stun_builder b;
	struct stun_msg msg;
	enum stun_err err;

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
	/* Over UDP it may go to a host that never asked: three times as long as the request. */
	if (software && b.w.pos - reply + STUN_ATTR_HDR_LEN + RTE_ALIGN_CEIL(software, 4) +
				(msg.fingerprint.val ? 8u : 0u) <=
			    3 * r->len)
		stun_put(&b, STUN_ATTR_SOFTWARE, conf->turn.software, software);
	if (msg.fingerprint.val)
		stun_put_fingerprint(&b);
	*len = stun_end(&b);
	return *len ? DROP_NONE : DROP_STUN_LONG;
}

/* As punt_allowed() has it. */
static bool binding_allowed(struct worker *w, const struct pkt *p)
{
	if (p->slot == SLOT_NONE)
		return rate_allow(w->binding_rate, &p->src, w->now_ms);
	return meter_take(&w->session[p->slot].asked, &w->turn->own_binding, w->now_us, 0);
}

void binding_answer(struct worker *w, struct pkt *p)
{
	uint8_t reply[BINDING_REPLY_MAX], copy[RING_MSG_SIZE];
	struct request r = pkt_request(p, copy, sizeof(copy));
	struct rte_mbuf *m = p->m;
	enum drop why;
	size_t len;

	why = DROP_BINDING_RATE;
	if (likely(binding_allowed(w, p)))
		why = binding_reply(w, &r, reply, &len);
	/* The request's buffer carries the reply; a chained one is not worth the care. */
	if (why == DROP_NONE && m->nb_segs > 1)
		why = DROP_STUN_LONG;
	if (why != DROP_NONE) {
		pkt_drop(w, m, why);
		return;
	}
	rte_pktmbuf_reset(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), reply, len);
	count(w, CNT_BINDING);
	udp_send(w, m, &w->dp->listener[p->index], &r.client, 0);
}
