/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TRACE_H
#define FL_DP_TRACE_H

/*
 * What happens to packets, told to the control process while it asks (fairlead trace). Nobody
 * looks: worker.trace is NULL, and a burst, a batch, a drop and what is rare ask for that once.
 * While somebody does, all packets take the general way, so that each stage is seen. Whatever finds
 * no room in the ring is counted, never waited for. No payload but for a filter that wants bytes,
 * and for a capture (fairlead capture), which wants frames: it is a trace that tells less, and more
 * of it.
 */
#include "worker.h"

struct trace {
	/* A function of trace.c, which knows sessions; those that are looked at do not. */
	void (*look)(struct worker *w, enum ctl_trace_event e, enum drop why, struct rte_mbuf *m);
	/* Records a message for a client over TCP, which has no headers of its own. */
	void (*message)(struct worker *w, enum ctl_trace_event e, enum drop why, struct tcp_conn *c,
			uint64_t flags, uint32_t len);
	struct ring ring;
	struct ctl_trace_filter filter;
	uint64_t mark; /* in ol_flags: the packet was told of before; 0: there is no such bit */
	uint32_t id, until, lost;
	uint16_t port; /* of the burst or batch that is looked at */
	struct bpf_step step[CTL_TRACE_STEPS];
	uint8_t frame[CTL_TRACE_BYTES]; /* one that is not in one piece, or has lost its start */
};

/* Part of worker_create(); false when out of memory. */
bool trace_create(struct worker *w);
void trace_destroy(struct worker *w);

/* CMD_TRACE. False when a value is impossible. */
bool trace_set(struct worker *w, const struct cmd_trace *c);
/* Housekeeping: ends one whose time is over. */
void trace_tick(struct worker *w);
/* Ends it; the ring starts afresh. */
void trace_reset(struct worker *w);

/* The packets that are looked at next are of a port. */
static inline void trace_port(struct worker *w, uint16_t port)
{
	if (unlikely(w->trace))
		w->trace->port = port;
}

/* Something happened to m, whose data starts at the Ethernet or the IP header. */
static inline void trace_packet(struct worker *w, enum ctl_trace_event e, struct rte_mbuf *m)
{
	if (unlikely(w->trace))
		w->trace->look(w, e, DROP_NONE, m);
}

/* Something happened to a message for the client on c; flags are its mbuf's. */
static inline void trace_message(struct worker *w, enum ctl_trace_event e, struct tcp_conn *c,
				 uint64_t flags, uint32_t len)
{
	if (unlikely(w->trace))
		w->trace->message(w, e, DROP_NONE, c, flags, len);
}

#endif
