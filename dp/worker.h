/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_WORKER_H
#define FL_DP_WORKER_H

/*
 * One worker: what it needs on every packet, and a pointer to what each folder has on it. Only the
 * worker itself reads or writes it once the loop runs, except where a field says otherwise. Passed
 * first to every function.
 */
#include "dplane.h"
#include "rate.h"
#include "relay/flow.h"
#include "../lib/conn_index.h"
#include "../lib/ring.h"

#include <rte_hash.h>
#include <rte_mbuf.h>

enum {
	BURST = 32,	  /* packets per receive */
	TX_BATCH = 64,	  /* packets gathered per port before they go */
	CMD_BUDGET = 64,  /* commands per turn */
	CMD_AHEAD = 1024, /* and ahead of packets to unknown ports: a ring of the usual size */
	NAP_FIRST_US = 1,
	IDLE_TURNS = 256, /* empty turns before the first nap */
};

struct media_path;
struct session;
struct path;
struct rx;
struct turn;
struct gateway;
struct ipsec;
struct audit;
struct net;
struct tcp;
struct tls_worker;
struct dtls_worker;
struct tcp_conn;
struct trace;

/* What a received packet is, once parsed. Addresses are in the 16-byte form. */
struct pkt {
	struct ip_addr src, dst;
	struct rte_mbuf *m;
	const struct local_addr *local; /* NULL for multicast */
	struct be16 sport, dport;
	uint8_t l2_len; /* m's data starts at the Ethernet header */
	uint8_t l3_len; /* IP header with options or extension headers */
	uint8_t tos;	/* DSCP and ECN */
	uint8_t ttl;
	uint8_t proto;
	bool df; /* IPv4 DF; false for IPv6 */
	bool v6;
	bool whole;	  /* put together from fragments */
	bool live;	  /* the session has not expired; valid with slot */
	uint16_t l4_len;  /* bytes after the IP header */
	uint16_t index;	  /* of the listener, or of the relay */
	uint16_t in_port; /* index of the port it came in by */
	uint32_t slot;	  /* of the session, SLOT_NONE if there is none */
	uint32_t inner;	  /* which association of IPsec it came by (ipsec.h); SLOT_NONE: none */
} __rte_cache_aligned;

_Static_assert(offsetof(struct pkt, slot) < 128, "two lines");

struct tx_batch {
	uint16_t n;
	struct rte_mbuf *m[TX_BATCH];
};

/* By cycles every turn, put right from CLOCK_MONOTONIC now and then. */
struct clock {
	uint64_t tsc;		    /* at the last mark, see stage.h */
	uint64_t tsc_next;	    /* when to look at the system's clock again */
	uint64_t tsc_base, us_base; /* when it was looked at, and what it said */
	uint64_t tick_ms;	    /* next housekeeping */
	_Atomic uint64_t beat;	    /* looks at the system's clock; read by the service thread */
};

/* What goes at the end of a turn (tx.c). */
struct tx {
	struct tx_batch port[CTL_PORTS_MAX];
	struct tx_batch loop; /* relayed address to relayed address, for the next turn: loop.c */
	struct tx_batch *handover; /* [n_workers] */
	uint64_t handed;	   /* of these, a bit for each that is not empty */
	uint64_t control_ms;	   /* when tx_control() is due */
};

/* The link to the control process (boundary.c). */
struct boundary {
	struct ctl_worker layout; /* as we made it; what stands in the region may be altered */
	struct ring cmd;
	struct ring evt;
	struct ctl_use *use; /* [sessions_max], in the region; turn/ and relay/ write */
	struct ctl_context_use *gate_use; /* [contexts_max], likewise; gateway/ writes */
	struct conn_index by_addr;	  /* of its connections; tcp/ and dtls/ write */
	bool rings_ok;		   /* false once the control process wrote what is impossible */
	_Atomic bool rings_broken; /* worker to service thread: detach it */
	_Atomic bool rings_reset;  /* service thread to worker: start the rings afresh */
	bool requests_wait;	   /* an audit is under way, see audit.h */
	bool punted;		   /* the control process does not know of an event yet */
	bool end_lost;		   /* see evt_lost() */
	uint64_t wake_us;	   /* it is not woken before */
};

/* How ports were found by those polls since tcp/credit.c looked: a bit a port. rx.c writes. */
struct polls {
	uint32_t times;
	uint32_t some, none; /* there were frames, or none */
	uint32_t part;	     /* fewer than are taken at once: no more waited */
};

struct worker {
	/* Read on every packet: two lines. Written at start; the time once a turn. */
	const struct dplane *dp;
	struct rte_mempool *pool;
	struct session *session; /* [sessions_max]; turn/session.c writes */
	struct path *path;	 /* [sessions_max], the short way of each; turn/session_path.c */
	struct flow_table flows; /* (client, listener) to session slot; turn/session.c */
	uint32_t *relay_slot;	 /* [dplane.places], see relayed_slot(); turn/, gateway/ */
	struct media_path
	    *media_path;	  /* [contexts_max][COMPONENTS], the short way of each; gateway/ */
	struct neigh *neighbours; /* for neigh_cached(); net/neigh.c */
	struct ctl_counters *counters; /* in the region; this worker is the only writer */
	struct ctl_port_counters *port_counters;
	struct trace *trace; /* trace.h; NULL: nobody looks */
	uint64_t now_us;     /* CLOCK_MONOTONIC, see clock.h */
	uint64_t now_ms;
	uint32_t now; /* seconds */
	uint16_t id;

	alignas(64) struct clock clock;
	/* What one folder, or file, alone looks into. */
	struct rx *rx;
	struct audit *audit;
	struct turn *turn;
	struct gateway *gateway;
	struct net *net;
	struct tcp *tcp;
	struct tls_worker *tls; /* NULL: no listener, or leg, has TLS */

	/* Of two folders that do not know each other. */
	struct rate_table *binding_rate; /* of source prefixes: also for checks of ICE */
	uint32_t sync_epoch; /* of the replay under way; turn/session.c writes, gateway/ reads */

	_Atomic uint16_t n_ports; /* a reload adds some; the service thread writes */
	uint16_t ip_id;		  /* next IPv4 identification for packets without DF; net/ip.h */
	uint64_t handed_from;	  /* workers whose rings to this one may not be empty; handover.c */

	alignas(64) struct tx tx;
	struct boundary boundary;
	struct dtls_worker *dtls; /* NULL: no listener is of DTLS */
	struct ipsec *ipsec;	  /* NULL: no address has IPsec */
	struct polls polls;
	uint32_t snapshot; /* number of the one in force at the last look: worker_snapshot() */

	/* A line of its own: workers that put packets into their rings to this one, which takes it.
	 */
	alignas(64) _Atomic uint64_t bell;
};

_Static_assert(offsetof(struct worker, media_path) == 64 && offsetof(struct worker, clock) == 128,
	       "what packets read is two lines");
_Static_assert(offsetof(struct worker, tx) == 256, "so is what each turn reads");

/* Whoever knows of a port finds it counted (dp/vlan.h). */
static inline uint16_t worker_ports(const struct worker *w)
{
	return atomic_load_explicit(&w->n_ports, memory_order_acquire);
}

/* ---- counting: one writer, so a relaxed load and store is an add ---- */

static inline void stat_add(_Atomic uint64_t *p, uint64_t n)
{
	atomic_store_explicit(p, atomic_load_explicit(p, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void count_add(struct worker *w, enum counter c, uint64_t n)
{
	stat_add(&w->counters->cnt[c], n);
}

static inline void count(struct worker *w, enum counter c)
{
	count_add(w, c, 1);
}

/* Of a gauge: one fewer. */
static inline void count_down(struct worker *w, enum counter c)
{
	count_add(w, c, UINT64_MAX);
}

static inline void count_set(struct worker *w, enum counter c, uint64_t v)
{
	atomic_store_explicit(&w->counters->cnt[c], v, memory_order_relaxed);
}

/* The one exit of packets that go nowhere (drop.c): n of them, or m, which is taken. */
void drop_n(struct worker *w, enum drop reason, uint64_t n);
void pkt_drop(struct worker *w, struct rte_mbuf *m, enum drop reason);
/* Drops m, a message for the client on connection c. Takes m. */
void message_drop(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m, enum drop reason);

/* A packet that ended here as it should. */
static inline void pkt_consume(struct worker *w, struct rte_mbuf *m)
{
	count(w, CNT_CONSUMED);
	rte_pktmbuf_free(m);
}

/* A fresh packet of ours, or NULL (counted as DROP_NO_MBUF would be wrong: nothing was lost). */
static inline struct rte_mbuf *pkt_make(struct worker *w)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (m)
		count(w, CNT_MADE);
	return m;
}

/*
 * Allocates a worker and its tables, on the NUMA node that the caller runs on while that has room.
 * On failure one sentence in err.
 */
struct worker *worker_create(struct dplane *dp, uint16_t id, char *err, size_t errlen);
void worker_free(struct worker *w);

/* The loop; an lcore function. Returns when dp->stop is set. */
int worker_run(void *worker);

/*
 * One turn of the loop; returns the work done (0: idle). Its time is that of the last mark: a
 * caller that did something else since then calls stage_start() first.
 */
uint32_t worker_turn(struct worker *w);

#endif
