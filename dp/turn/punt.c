/* SPDX-License-Identifier: BSD-3-Clause */
#include "relay.h"
#include "../evt.h"
#include "../rate.h"

#include <unistd.h>

enum drop punt_why(enum stun_err err)
{
	switch (err) {
	case STUN_ERR_ATTR:
		return DROP_STUN_ATTR;
	case STUN_ERR_FINGERPRINT:
		return DROP_STUN_FINGERPRINT;
	default:
		return DROP_STUN_BAD;
	}
}

static bool method_is_served(uint16_t method)
{
	switch (method) {
	case STUN_ALLOCATE:
	case STUN_REFRESH:
	case STUN_CREATE_PERMISSION:
	case STUN_CHANNEL_BIND:
		return true;
	default:
		return false;
	}
}

void punt(struct worker *w, struct pkt *p)
{
	uint16_t len = pkt_payload_len(p);
	uint32_t off = (uint32_t)p->l2_len + p->l3_len + UDP_HDR;
	uint8_t copy[CTL_PAYLOAD_MAX];
	struct rate_table *rate;
	struct stun_msg msg;
	struct evt_punt *e;
	const void *bytes;
	enum stun_err err;

	if (unlikely(len > CTL_PAYLOAD_MAX)) {
		pkt_drop(w, p->m, DROP_STUN_LONG);
		return;
	}
	/* A flood in a prefix's name must not keep its clients from refreshing what they have. */
	rate = p->slot == SLOT_NONE ? w->request_rate : w->session_rate;
	if (unlikely(!rate_allow(rate, &p->src, w->now_ms))) {
		pkt_drop(w, p->m, DROP_PUNT_RATE);
		return;
	}
	/* Malformed messages end here: the control process sees what parses. */
	bytes = rte_pktmbuf_read(p->m, off, len, copy);
	err = stun_parse(&msg, bytes, len);
	if (err != STUN_OK || !method_is_served(msg.method)) {
		pkt_drop(w, p->m, err != STUN_OK ? punt_why(err) : DROP_STUN_METHOD);
		return;
	}
	e = evt_slot(w);
	if (unlikely(!e)) {
		pkt_drop(w, p->m, DROP_PUNT_FULL);
		return;
	}
	memset(e, 0, offsetof(struct evt_punt, payload));
	e->hdr.type = EVT_PUNT;
	e->hdr.len = (uint16_t)(offsetof(struct evt_punt, payload) + len);
	e->leg.client = (struct sock_addr){ p->src, p->sport };
	e->leg.listener = p->index;
	e->local = p->dst;
	e->rx_us = w->now_us;
	e->payload_len = len;
	memcpy(e->payload, bytes, len);
	evt_publish(w);
	count(w, CNT_PUNT);
	pkt_consume(w, p->m);
}

void punt_wake(struct worker *w)
{
	uint64_t one = 1;

	if (!w->punted)
		return;
	w->punted = false;
	/* The only system call of the loop, once a turn at most and only when the reader sleeps. */
	if (ring_must_wake(&w->evt) && write(w->dp->wake_cp, &one, sizeof(one)) < 0)
		ring_sleep(&w->evt); /* the counter is full: it is awake already; ask again */
}
