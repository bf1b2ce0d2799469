/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_NET_NEIGH_H
#define FL_DP_NET_NEIGH_H

/*
 * Next hops: IPv4 and IPv6 neighbours in one table per worker, resolved by ARP (RFC 826) and
 * neighbour discovery (RFC 4861). A worker that hears an answer passes a copy to the others, so
 * tables are not shared. Packets wait for a resolution in a bounded queue; a neighbour that does
 * not answer is unreachable for a while, and what waits is dropped.
 */
#include "../worker.h"

enum {
	NEIGH_MAX = 65535 - CTL_PORTS_MAX, /* behind these are gates */
	NEIGH_PROBES = 3,		   /* requests before a neighbour is called unreachable */
	NEIGH_RETRY_MS = 1000,		   /* between them */
	NEIGH_REACHABLE_MS = 30000, /* an answer holds that long; then it is asked again if used */
	NEIGH_FAILED_MS = 3000,	    /* unreachable for that long before it is asked again */
	NEIGH_TICK_MS = 100,
	NEIGH_ASKS = 1000,  /* questions to everybody a second, by one worker, whoever wants them */
	NEIGH_ROWS = 1024,  /* and beyond these, for those behind which there is an asker: */
	NEIGH_ROW_ASKS = 1, /* of each row of askers a second, and */
	NEIGH_ROW_BURST_MS = 4000, /* what it saved in so long at once */
	NH_NONE = 0,		   /* no cached next hop */
	NEIGH_GATE = 0x80,	   /* of neigh.state, beside enum neigh_state: see neigh_gate() */
	NEIGH_SHUT = 0xfffe,	   /* of neigh.open: no gen is that */
};

/*
 * Cached next hop of one of our own relayed addresses: loop inside. Like NH_NONE it names the first
 * entry, which every table has, with a generation that none gets.
 */
#define NH_LOOP UINT32_C(0xffff0000)

/* One line: what transmit needs. A neighbour carries packets of its own family only. */
struct neigh {
	uint8_t l2[18]; /* complete Ethernet header, tag and EtherType included */
	uint8_t l2_len;
	uint8_t state; /* enum neigh_state */
	uint16_t port; /* index */
	uint16_t gen;  /* 1..0xfffd; differs between tenants of the entry */
	uint16_t mtu;  /* of the port */
	uint8_t probes;
	bool used; /* since the last look of the housekeeping */
	uint16_t n_wait;
	uint16_t asker; /* row of who wanted it last, and 1; 0: any stranger may have */
	struct ip_addr ip;
	uint64_t since_ms; /* of the state */
	bool gateway;	   /* others are reached by it */
	uint16_t open;	   /* gen while packets can go at once, else NEIGH_SHUT */
} __rte_cache_aligned;
_Static_assert(sizeof(struct neigh) == 64, "one cache line");

struct neigh_table;

/* max entries, wait packets at most per neighbour. NULL when memory is short. */
struct neigh_table *neigh_create(uint32_t max, uint32_t wait, const char *name, int socket);
void neigh_free(struct worker *w, struct neigh_table *t);

/* The entries, for neigh_cached(), and of these the gates. */
struct neigh *neigh_entries(struct neigh_table *t);
struct neigh *neigh_gates(struct neigh_table *t); /* [CTL_PORTS_MAX] */

/*
 * The entry that a cached next hop (generation << 16 | index) names, or NULL if it changed hands,
 * and of NH_NONE and NH_LOOP. cache is one of these or what neigh_find() left there: its index is
 * of this worker's table.
 */
static inline struct neigh *neigh_cached(struct neigh *entries, uint32_t cache)
{
	struct neigh *n = &entries[cache & 0xffff];

	return n->gen == cache >> 16 ? n : NULL;
}

/*
 * The same, and NULL as well while packets cannot go at once: the entry has no link-layer address,
 * or its port no queue of this worker's.
 */
static inline struct neigh *neigh_open(struct neigh *entries, uint32_t cache)
{
	struct neigh *n = &entries[cache & 0xffff];

	return n->open == cache >> 16 ? n : NULL;
}

/*
 * Next hop from src, an address of ours, towards dst, from *cache if it still holds, else by route
 * and table; a new entry is made if need be (packets then wait for it). NULL when there is no route
 * or no room, with the reason in *why. *cache keeps what was found; when dst is one of our relay
 * addresses it becomes NH_LOOP, and NULL with DROP_IP_DST is returned: the caller loops the packet,
 * or drops it.
 */
struct neigh *neigh_find(struct worker *w, const struct ip_addr *src, const struct ip_addr *dst,
			 uint32_t *cache, enum drop *why);

/*
 * Sends an IP packet (data starts at the IP header) to a next hop: writes the Ethernet header and
 * puts it into the port's batch, or lets it wait, or drops it with a reason. Takes m. The packet
 * must not exceed n->mtu: ip_send() sees to that.
 */
void neigh_send(struct worker *w, struct neigh *n, struct rte_mbuf *m);

/*
 * All that leaves from addresses with ipsec (local_addr) goes to send() from now on, which has one
 * next hop a port for that: NEIGH_GATE, whose MTU has room for what ESP adds. Takes m, data at its
 * IP header, and may send it by neigh_beyond(). At the worker's start, before ports are open.
 */
typedef void neigh_gate_fn(struct worker *w, uint16_t port, struct rte_mbuf *m);
void neigh_gate(struct worker *w, neigh_gate_fn *send);

/* As neigh_find(), and as if there were no gate. */
struct neigh *neigh_beyond(struct worker *w, const struct ip_addr *src, const struct ip_addr *dst,
			   uint32_t *cache, enum drop *why);

/* The port whose device gets what is sent to n, for what it does by itself; NULL: not as it is. */
static inline const struct port *neigh_port(const struct worker *w, const struct neigh *n)
{
	return likely(n && n->state != NEIGH_GATE) ? &w->dp->port[n->port] : NULL;
}

/* Whether packets can go: the entry has a link-layer address, fresh or not. */
static inline bool neigh_has_mac(const struct neigh *n)
{
	return n->state == NEIGH_REACHABLE || n->state == NEIGH_STALE;
}

/*
 * n is wanted by who has been given `port` of ours, a session or a termination: its questions are
 * paid for by them. Whoever can forge a source can make us want all hosts of a subnet, and would
 * leave nothing of NEIGH_ASKS; an asker is known, and wants few. Before neigh_send().
 */
static inline void neigh_wanted(struct neigh *n, struct be16 port)
{
	/* Ports of one worker may be alike in some bits. */
	if (unlikely(!neigh_has_mac(n)))
		n->asker = (uint16_t)(be16_get(port) * UINT32_C(0x9e3779b1) >> 22) + 1;
}

/*
 * Whether a question of ours to n is open. An answer that nobody asked for proves nothing: whoever
 * is on the link may send one.
 */
static inline bool neigh_asked(const struct neigh *n)
{
	return n && n->probes;
}

/* Cached next hops look for their way again, all of them within a second. */
void neigh_renew_all(struct worker *w);

/* Whether ip was asked for on this port and did not answer. t may be NULL. */
bool neigh_has_failed(struct neigh_table *t, uint16_t port, const struct ip_addr *ip);

/* The entry of ip on a port; neigh_at() makes one if there is none, NULL when the table is full. */
struct neigh *neigh_lookup(struct neigh_table *t, uint16_t port, const struct ip_addr *ip);
struct neigh *neigh_at(struct worker *w, uint16_t port, const struct ip_addr *ip);

/*
 * What ARP and ND learnt: ip is at mac on port. solicited: an answer to a question of ours, a
 * proof that it can be reached; otherwise a known entry is updated, and a new one made only if
 * create is set. Returns whether anything changed.
 */
bool neigh_learn(struct worker *w, uint16_t port, const struct ip_addr *ip,
		 const struct rte_ether_addr *mac, bool solicited, bool create);

/* Somebody contradicted what we know of n: used on, but asked again. */
void neigh_doubt(struct worker *w, struct neigh *n);

/* Housekeeping every NEIGH_TICK_MS: retries, ageing, unreachability, a bounded number a call. */
void neigh_tick(struct worker *w);

/* Packets that wait now; neighbours known now. */
uint32_t neigh_held(const struct neigh_table *t);
uint32_t neigh_count(const struct neigh_table *t);

/*
 * Fills out[] with entries from *from on, max of them at most, and returns how many: of a bounded
 * part of the table, so there may be none. *from is where to go on, CTL_NEIGHBOURS_END at the end.
 * With gateways: only those that others are reached by.
 */
uint32_t neigh_list(const struct worker *w, uint32_t *from, uint32_t max, bool gateways,
		    struct ctl_neighbour *out);

/* Writes an Ethernet header (with the port's tag) at h; returns where the payload goes. */
uint8_t *eth_write(const struct port *p, uint8_t *h, const uint8_t *dst, uint16_t type);
/*
 * The port's own address to talk to ip from: of its subnet, else any of its family, else NULL.
 * Addresses are live: what is returned lasts as long as a turn (snapshot.h).
 */
const struct ip_addr *port_addr_for(const struct dplane *dp, const struct port *p,
				    const struct ip_addr *ip);
/* The port's configured address `own` with its subnet, or NULL if it is not the port's. */
const struct ip_prefix *port_prefix_of(const struct dplane *dp, const struct port *p,
				       const struct ip_addr *own);

/*
 * arp.c: takes m (Ethernet header at its start, l2_len long). answer is false for a copy from
 * another worker, which only teaches.
 */
void arp_input(struct worker *w, struct rte_mbuf *m, uint16_t port, uint8_t l2_len, bool answer);
/* Asks for ip; unicast to mac when it is not NULL. own asks; NULL: the port's address for ip. */
void arp_request(struct worker *w, uint16_t port, const struct ip_addr *own,
		 const struct ip_addr *ip, const struct rte_ether_addr *mac);

/* nd.c: an ICMPv6 message of types 133 to 137, checksum verified by the caller. Takes p->m. */
void nd_input(struct worker *w, struct pkt *p, bool answer);
void nd_solicit(struct worker *w, uint16_t port, const struct ip_addr *own,
		const struct ip_addr *ip, const struct rte_ether_addr *mac);

#endif
