/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RELAYED_H
#define FL_DP_RELAYED_H

/*
 * What stands behind a relayed port: an entry of worker.relay_slot. A TURN session's is its slot; a
 * termination's has a bit of its own, and the rest is the gateway's (gateway/context.h).
 */
#include "worker.h"

enum relayed_kind {
	RELAYED_NONE, /* no owner: no longer, or not yet */
	RELAYED_TURN,
	RELAYED_TERM,
	RELAYED_KINDS
};

#define RELAYED_TERM_BIT UINT32_C(0x80000000)

/* One test on the fast path: SLOT_NONE is no session either. */
static inline bool relayed_is_session(uint32_t entry)
{
	return !(entry & RELAYED_TERM_BIT);
}

static inline enum relayed_kind relayed_kind(uint32_t entry)
{
	if (entry == SLOT_NONE)
		return RELAYED_NONE;
	return relayed_is_session(entry) ? RELAYED_TURN : RELAYED_TERM;
}

/* Where the table has a port (host order) of this worker's share, and of no other. */
static inline uint32_t *relayed_slot(const struct worker *w, uint32_t relay, uint16_t port)
{
	return &w->relay_slot[deal_place(&w->dp->relay_deal[relay], port)];
}

/* The entry of a port of one of our addresses; SLOT_NONE where none of this worker's is relayed. */
static inline uint32_t relayed_entry(const struct worker *w, const struct local_addr *l,
				     uint16_t port)
{
	const uint16_t relay = l ? local_relay(l) : CTL_RELAY_NONE;

	return relay != CTL_RELAY_NONE && relay_owner(w->dp, relay, port) == w->id
		   ? *relayed_slot(w, relay, port)
		   : SLOT_NONE;
}

/* The cache line that packets to a termination's port are sent by: struct media_path. */
enum { RELAYED_LINE = 64 };

static inline struct media_path *relayed_line(const struct worker *w, uint32_t entry)
{
	uint8_t *lines = (uint8_t *)w->media_path;

	return (struct media_path *)(lines + (size_t)(entry & ~RELAYED_TERM_BIT) * RELAYED_LINE);
}

static inline const struct ip_addr *relay_ip(const struct dplane *dp, const struct ctl_relay *r)
{
	return &dp->relay_addr[r->relay];
}

struct icmp_report;
struct tcp_app;
struct tcp_request;

/* What each kind does with what comes; p->slot, or entry, is the port's. One a kind (dispatch.c).
 */
struct relayed_ops {
	/* A datagram of a peer's. Takes p->m. */
	void (*input)(struct worker *w, struct pkt *p);
	/* A SYN to r->local: the owner of the connection, or NULL. */
	const struct tcp_app *(*accept)(struct worker *w, struct tcp_request *r, uint32_t entry);
	/*
	 * Whether the control process has not named who has entry since a replay began: it has
	 * forgotten it, and the port may be given up before its turn in the sweep comes.
	 */
	bool (*yields)(const struct worker *w, uint32_t entry);
	void (*give_way)(struct worker *w, uint32_t entry);
	/* An ICMP error about a datagram that was sent from the port. Takes p->m. */
	void (*icmp)(struct worker *w, struct pkt *p, const struct icmp_report *r);
};

extern const struct relayed_ops session_relayed; /* turn/ */
extern const struct relayed_ops context_relayed; /* gateway/ */

#endif
