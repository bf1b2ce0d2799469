/* SPDX-License-Identifier: BSD-3-Clause */
#include "relay.h"
#include "../evt.h"
#include "../rate.h"

#include <unistd.h>

enum { WAKE_GAP_US = 200 }; /* between two wake-ups of the control process by one worker */

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
	case STUN_CONNECT:
	case STUN_CONNECTION_BIND:
		return true;
	default:
		return false;
	}
}

enum drop punt_request(struct worker *w, const struct request *r)
{
	/* A flood in a prefix's name must not keep its clients from refreshing what they have. */
	struct rate_table *rate = r->slot == SLOT_NONE ? w->request_rate : w->session_rate;
	struct stun_msg msg;
	struct evt_punt *e;
	enum stun_err err;

	if (unlikely(r->len > CTL_PAYLOAD_MAX))
		return DROP_STUN_LONG;
	if (unlikely(!rate_allow(rate, &r->client.ip, w->now_ms)))
		return DROP_PUNT_RATE;
	/* Malformed messages end here: the control process sees what parses. */
	err = stun_parse(&msg, r->msg, r->len);
	if (err != STUN_OK || !method_is_served(msg.method))
		return err != STUN_OK ? punt_why(err) : DROP_STUN_METHOD;
	e = evt_request(w);
	if (unlikely(!e))
		return DROP_PUNT_FULL;
	memset(e, 0, offsetof(struct evt_punt, payload));
	e->hdr.type = EVT_PUNT;
	e->hdr.len = (uint16_t)(offsetof(struct evt_punt, payload) + r->len);
	e->leg = (struct ctl_leg){ r->client, r->listener, r->conn.idx, r->conn.gen };
	e->local = r->local;
	e->rx_us = w->now_us;
	e->payload_len = (uint16_t)r->len;
	memcpy(e->payload, r->msg, r->len);
	evt_publish(w);
	count(w, CNT_PUNT);
	return DROP_MAX;
}

void punt(struct worker *w, struct pkt *p)
{
	uint8_t copy[CTL_PAYLOAD_MAX];
	struct request r = pkt_request(p, copy, sizeof(copy));
	enum drop why = punt_request(w, &r);

	if (unlikely(why != DROP_MAX))
		pkt_drop(w, p->m, why);
	else
		pkt_consume(w, p->m);
}

/*
 * A sleeper that is quicker than requests come would be woken for each of them, and waking costs us
 * as much as relaying a burst: the next request waits for those that come until then.
 */
bool punt_wake(struct worker *w)
{
	uint64_t one = 1;

	if (likely(!w->punted) || w->now_us < w->wake_us)
		return false;
	w->punted = false;
	if (!ring_must_wake(&w->evt))
		return false;
	w->wake_us = w->now_us + WAKE_GAP_US;
	/* The only system call of the loop, once a turn at most and only when the reader sleeps. */
	if (write(w->dp->wake_cp, &one, sizeof(one)) < 0)
		ring_sleep(&w->evt); /* the counter is full: it is awake already; ask again */
	return true;
}
