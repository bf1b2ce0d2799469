/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TRACE_H
#define FL_DP_TRACE_H

/*
 * What happens to packets, told to the control process while it asks (fairlead trace). Nobody
 * looks: worker.trace is NULL, and a burst, a batch, a drop and what is rare ask for that once.
 * While somebody does, all packets take the general way, so that each stage is seen. Whatever finds
 * no room in the ring is counted, never waited for. No payload but for a filter that wants bytes,
 * and for a capture (fairlead capture), which wants frames: it is a trace that tells less, and more
 * of it. What is inside of TLS is told to a capture of plaintext alone, as packets made up here.
 */
#include "worker.h"

struct mbuf_queue;

enum {
	TRACE_PLAIN_MAX = 1 << 14, /* of a TLS record: TLS_PLAIN_MAX */
	TRACE_PLAIN_MSS = 1400,	   /* of it in a packet */
	TRACE_STREAMS = 256,	   /* connections whose numbers are kept; they share places */
};

/* Sequence numbers of what is told of a connection's plaintext. */
struct trace_stream {
	struct sock_addr local, remote;
	uint32_t next[2]; /* came, goes */
};

struct trace {
	/* A function of trace.c, which knows sessions; those that are looked at do not. */
	void (*look)(struct worker *w, enum ctl_trace_event e, enum drop why, struct rte_mbuf *m);
	/* Records a message for a client over TCP, which has no headers of its own. */
	void (*message)(struct worker *w, enum ctl_trace_event e, enum drop why, struct tcp_conn *c,
			uint64_t flags, uint32_t len);
	/*
	 * Plaintext of TLS: keep() copies up to max bytes at the front of q, as sealing turns them
	 * into a record; plain() tells of the first n that were kept. Both do nothing unless the
	 * filter wants plaintext.
	 */
	void (*keep)(struct worker *w, const struct mbuf_queue *q, uint32_t max);
	void (*plain)(struct worker *w, enum ctl_trace_event e, struct tcp_conn *c, uint32_t n);
	struct ring ring;
	struct ctl_trace_filter filter;
	uint64_t mark; /* in ol_flags: the packet was told of before; 0: there is no such bit */
	uint32_t id, until, lost;
	uint16_t port; /* of the burst or batch that is looked at */
	struct bpf_step step[CTL_TRACE_STEPS];
	uint8_t frame[CTL_TRACE_BYTES]; /* one that is not in one piece, or has lost its start */
	uint32_t kept;			/* bytes of kept_plain */
	uint8_t kept_plain[TRACE_PLAIN_MAX]; /* wiped as soon as they were told */
	struct trace_stream stream[TRACE_STREAMS];
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

/* Before a record is sealed of what is at the front of q, and for what was opened. */
static inline void trace_keep(struct worker *w, const struct mbuf_queue *q, uint32_t max)
{
	if (unlikely(w->trace))
		w->trace->keep(w, q, max);
}

/* n bytes of what was kept were opened or sealed on c. */
static inline void trace_plain(struct worker *w, enum ctl_trace_event e, struct tcp_conn *c,
			       uint32_t n)
{
	if (unlikely(w->trace))
		w->trace->plain(w, e, c, n);
}

#endif
