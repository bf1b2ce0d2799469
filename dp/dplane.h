/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_DPLANE_H
#define FL_DP_DPLANE_H

/*
 * The dataplane as a whole: what is decided at start and read by every worker afterwards. Written
 * by the main thread before the workers start; constant from then on, except where a field says
 * otherwise.
 */
#include "../conf/listener.h"
#include "rss.h"

#include <rte_ether.h>
#include <rte_mempool.h>
#include <rte_ring.h>

enum {
	LOCAL_BITS = 11,
	LOCAL_TABLE = 1 << LOCAL_BITS, /* slots of the table of own addresses */
	LOCAL_NONE = 0xffff,
	/*
	 * The entry that takes the place of one that is gone, so that a look-up of others does not
	 * end there: its address is random, and nobody's.
	 */
	LOCAL_DEAD = LOCAL_TABLE - 1,
	LOCAL_MOST = LOCAL_TABLE * 3 / 4, /* of entries, also of those that are gone */
};

/* Each port has a link-local address besides. A look-up ends at an empty slot. */
static_assert(CTL_PORTS_MAX * (CONFIG_ADDRS_MAX + 1) < LOCAL_MOST,
	      "room for whatever may be configured");

struct snapshot;
struct tap;
struct trace;
struct worker;
struct crypto;
struct handshake_pool;
struct tickets;
struct accel;

/*
 * An address of ours: destination check, and what lives there. Connections know it by its index,
 * which is its own for ever. A reload changes the rest word by word while workers look: each word
 * by itself is right, before or after.
 */
struct local_addr {
	struct ip_addr ip;
	_Atomic uint16_t port;		       /* index of the port that has it */
	_Atomic bool there;		       /* false: a reload has taken it away */
	_Atomic uint32_t begun;		       /* how often one has given it to us */
	_Atomic uint16_t relay;		       /* place of the relay on it, or CTL_RELAY_NONE */
	_Atomic uint16_t relay_min, relay_max; /* its relayed ports, host order */
	_Atomic uint16_t realm;		       /* of that relay; CONFIG_REALMS_MAX: none */
	_Atomic bool listeners;		       /* a UDP listener has one of those ports */
	_Atomic uint16_t short_port; /* the same, LOCAL_NONE where all go the general way */
	bool ipsec; /* phones have IPsec associations with it; from its first entry on */
};

static inline uint16_t local_relay(const struct local_addr *l)
{
	return atomic_load_explicit(&l->relay, memory_order_acquire);
}

static inline uint16_t local_realm(const struct local_addr *l)
{
	return atomic_load_explicit(&l->realm, memory_order_relaxed);
}

/* The relay that has this port; CTL_RELAY_NONE: none has. */
static inline uint16_t local_relay_at(const struct local_addr *l, uint16_t port)
{
	const uint16_t relay = local_relay(l); /* first: a reload has written its ports before */

	return port >= atomic_load_explicit(&l->relay_min, memory_order_relaxed) &&
		       port <= atomic_load_explicit(&l->relay_max, memory_order_relaxed)
		   ? relay
		   : CTL_RELAY_NONE;
}

/* Our IPv4 addresses once more, by a word each. */
struct local_v4 {
	_Atomic uint32_t ip;  /* as it stands in memory */
	_Atomic uint32_t idx; /* of dplane.local, LOCAL_NONE when empty, LOCAL_DEAD */
};

/* Of a port: what its device tells, once the service thread has asked. */
/* LINK_OUT: its device is closed, or about to be, and workers must not touch it (outage.h). */
enum port_link { LINK_UNKNOWN, LINK_UP, LINK_DOWN, LINK_OUT };

/* Of a device's relay addresses, how many rte_flow rules bring to their workers. */
struct steered {
	uint16_t dealt, by_port;    /* whose ports all workers have, and of these */
	uint16_t owned, by_address; /* that are one worker's, and of these */
	uint16_t by_key;	    /* 1: those that are dealt out, by the RSS key */
};

struct port {
	uint16_t id;		       /* ethdev */
	uint16_t idx;		       /* place in dplane.port and in the configuration */
	uint16_t mtu;		       /* IP bytes */
	uint16_t vlan;		       /* host order, 0: untagged */
	uint16_t rx_queues, tx_queues; /* one per worker, or fewer where the device has fewer; no
					  rx_queues: received by the first port of the device */
	uint16_t member[CONFIG_MEMBERS_MAX]; /* ethdevs of a bond, in the configuration's order */
	uint16_t n_members;
	uint32_t untold;  /* members that do not tell that their link is lost, a bit each */
	uint16_t carrier; /* of an active-backup bond: its ethdev and one; the service thread's */
	_Atomic uint32_t
	    takeovers;	      /* by another carrier; the service thread writes, workers read */
	_Atomic uint8_t link; /* enum port_link; the service thread writes, workers read */
	int node;	      /* NUMA node of the device; negative: of none */
	bool rings_apart;     /* that has no memory for its rings: they are on another */
	bool lacp;	      /* the driver wants to be called even if there is nothing to send */
	/*
	 * Index of the next port of the same device, another VLAN; 0: none. Once it is there it
	 * stays, as what it leads to does; a reload adds behind the last.
	 */
	_Atomic uint16_t next;
	_Atomic bool gone;	      /* a reload has taken it out: no frame is its own (vlan.h) */
	uint16_t l2_len;	      /* 14, or 18 with a tag */
	bool multi_seg;		      /* takes chained mbufs */
	bool fast_free;		      /* frees what it sent to one pool without looking */
	bool rx_csum_ip, rx_csum_l4;  /* verifies checksums itself */
	bool tx_csum_tcp, tx_csum_ip; /* computes checksums of what it sends */
	bool tx_tso;		      /* cuts large segments */
	uint16_t chain_max;	      /* buffers of one packet, however it is cut */
	uint16_t chain_cut;	      /* and of what goes out as one frame */
	uint16_t tx_ring;	      /* buffers a transmit queue takes of it; 0: not known */
	uint16_t rx_desc, tx_desc;    /* of each queue */
	struct steered steered;
	struct snapshot *steered_by; /* whose relays have rules; NULL: the start's; the service
					thread's */
	bool flow_sticky;	     /* packets of one five-tuple always come by the same queue */
	bool plain; /* its driver refuses offloads that it offers, and is asked for none */
	uint16_t vlan_refused; /* one that its driver does not let in; 0: none */
	bool no_multicast;     /* takes what comes to its own address alone */
	char rule_why[64];     /* why its driver takes no rule for a relay; "": it does, or was not
				  asked */
	const char *rule_not;  /* why it was not asked for one; NULL: it was, or has no relay */
	struct rte_ether_addr mac;
	struct ip_addr link_local; /* fe80::/64 from the MAC */
	struct rss rss;		   /* for reassembled packets */
	/* Statistics of the driver, and of each member's; the service thread's, xstats.c. */
	uint16_t xstats[CONFIG_MEMBERS_MAX + 1];
	bool heals;	      /* its driver mends it by itself, and nobody may be at it */
	bool counts;	      /* these two could be read; the service thread's */
	uint64_t sent, heard; /* packets, as the device counts; the service thread's */
	uint64_t outages;     /* so far; the service thread's */
	struct tap *tap; /* its interface, where it is one of the kernel's (tap.h); else NULL */
	const struct config_port *conf;
	char steering[CTL_TEXT_MAX];
	char offloads[CTL_TEXT_MAX];
	char bursts[CTL_TEXT_MAX];
	char driver[CTL_NAME_MAX];
};

/* How ports are dealt out, see relay_port_worker(): n workers have them, from that one on. */
struct deal {
	uint32_t inverse; /* 2^16 / n, see deal_round() */
	uint32_t ports;	  /* of RELAY_DEAL pairs the most that a worker has, in ports */
	uint32_t base;	  /* of a relay: where it begins in the tables */
	uint16_t n, first;
};

struct dplane {
	const struct config *conf;	 /* of the start; what is live: snapshot_conf() */
	_Atomic(struct snapshot *) live; /* NULL: that of the start; snapshot.c */
	struct snapshot *retired;	 /* the service thread's, as service_id is */
	uint16_t service_id;		 /* the last that was given to a service */
	/*
	 * A reload adds some behind: they are written before anybody is told of them, and stay.
	 * port_conf is of those alone.
	 */
	struct port port[CTL_PORTS_MAX];
	_Atomic uint16_t n_ports;
	struct config_port port_conf[CTL_PORTS_MAX];
	uint16_t n_workers;
	struct worker *worker[CTL_WORKERS_MAX];
	int node[CTL_WORKERS_MAX]; /* NUMA node of each worker's CPU; negative: not known */
	struct trace *trace[CTL_WORKERS_MAX]; /* each worker's alone, see trace.h */

	struct local_addr local[LOCAL_TABLE];
	_Atomic uint16_t local_slot[LOCAL_TABLE]; /* hash to index in local, LOCAL_NONE: empty */
	struct local_v4 local_v4[LOCAL_TABLE];
	_Atomic uint16_t n_local; /* entries so far, those that are gone included */

	/*
	 * Listeners by their place (conf/listener.h), and by port number: first of a chain,
	 * LOCAL_NONE when there is none. A reload adds some, whole before they are found, and takes
	 * some out of their chains; what is at a place stays there, so that whoever has found it
	 * may go on.
	 */
	struct sock_addr listener[CTL_PLACES_MAX];
	uint8_t listener_transport[CTL_PLACES_MAX]; /* enum config_transport */
	_Atomic bool listener_open[CTL_PLACES_MAX]; /* false: not yet, or no more */
	uint16_t n_listener, n_told; /* places so far, and of them those in the region; the service
					thread's */
	_Atomic uint16_t udp_listener[65536];
	_Atomic uint16_t tcp_listener[65536];
	_Atomic uint16_t listener_next[CTL_PLACES_MAX];

	struct deal deal; /* of ports that are no relay's */
	/*
	 * Of each relay's, by its place (conf/kept.h). A reload adds some behind: they are written
	 * before anybody is told of them, and never again.
	 */
	struct deal relay_deal[CTL_RELAYS_MAX];
	struct ip_addr relay_addr[CTL_RELAYS_MAX];
	uint16_t n_relay;		    /* the service thread's */
	uint32_t deal_end[CTL_WORKERS_MAX]; /* what they take of each worker's table; likewise */
	uint32_t places;      /* that each worker's table of relayed ports has, see deal_place() */
	uint64_t hash_key[4]; /* secret of the flow tables */
	double tsc_per_us;
	uint64_t us_per_tsc; /* times 2^32 */

	/* Shared region. Base and size as mapped here. */
	struct region *region;
	uint64_t region_size;
	uint64_t port_info;	     /* offset of struct ctl_port_info[CTL_PORTS_MAX] */
	uint64_t xstats;	     /* offset of struct ctl_xstats[CTL_PORTS_MAX] */
	uint64_t cert_info;	     /* offset of struct ctl_cert_info[n_certificate] */
	struct siphash_key conn_key; /* of struct conn_index */
	int wake_cp;		     /* eventfd */

	/* TLS; none and NULL where no listener has it. */
	struct crypto *crypto[CTL_WORKERS_MAX];
	uint16_t n_cryptos;
	struct handshake_pool *handshakes[CTL_WORKERS_MAX]; /* each worker's alone */
	struct tickets *tickets;			    /* written by the service thread */
	struct accel *accel;

	/* handover[from][to]: single producer, single consumer; NULL on the diagonal */
	struct rte_ring *handover[CTL_WORKERS_MAX][CTL_WORKERS_MAX];
	_Atomic bool stop;   /* written by the signal handler, read by all */
	_Atomic bool reload; /* written by the signal handler, taken by the service thread */
};

static inline bool port_is_gone(const struct port *p)
{
	return atomic_load_explicit(&p->gone, memory_order_acquire);
}

/* Whether port i is of the device that `first` was opened for, itself included. */
static inline bool port_is_on(const struct dplane *dp, uint16_t i, const struct port *first)
{
	return i == first->idx || dp->port[i].conf->shares == first->idx + 1;
}

/* The port's device says that it has no link, or there is none: what is sent by it is lost. */
static inline bool port_is_down(const struct port *p)
{
	return atomic_load_explicit(&p->link, memory_order_relaxed) >= LINK_DOWN;
}

/* Its device must not be touched. */
static inline bool port_is_out(const struct port *p)
{
	return atomic_load_explicit(&p->link, memory_order_acquire) == LINK_OUT;
}

static inline uint32_t local_hash(const struct ip_addr *a)
{
	uint64_t hi, lo;

	memcpy(&hi, a->b, 8);
	memcpy(&lo, a->b + 8, 8);
	return (uint32_t)(((hi ^ lo) * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - LOCAL_BITS));
}

/* Our address a, or NULL if it is not one of ours. */
static inline const struct local_addr *dplane_local(const struct dplane *dp,
						    const struct ip_addr *a)
{
	uint32_t h = local_hash(a);
	uint16_t i;

	while ((i = atomic_load_explicit(&dp->local_slot[h], memory_order_acquire)) != LOCAL_NONE) {
		if (ip_eq(&dp->local[i].ip, a))
			return &dp->local[i];
		h = (h + 1) & (LOCAL_TABLE - 1);
	}
	return NULL;
}

static inline uint32_t local_v4_hash(uint32_t ip)
{
	return ip * UINT32_C(0x9e3779b1) >> (32 - LOCAL_BITS);
}

/* The local address that is this IPv4 address, which stands as in memory; NULL: none is. */
static inline const struct local_addr *dplane_local_v4(const struct dplane *dp, uint32_t ip)
{
	uint32_t h = local_v4_hash(ip), i;

	while ((i = atomic_load_explicit(&dp->local_v4[h].idx, memory_order_acquire)) !=
	       LOCAL_NONE) {
		if (atomic_load_explicit(&dp->local_v4[h].ip, memory_order_relaxed) == ip)
			return &dp->local[i];
		h = (h + 1) & (LOCAL_TABLE - 1);
	}
	return NULL;
}

/*
 * Listeners as c has them: others are found no more. By the start, and by the service thread while
 * workers run, once they read c.
 */
void dplane_listeners_set(struct dplane *dp, const struct config *c);

/* The same of addresses of ports; false, and one sentence in err: there is no room. */
bool dplane_addrs_fit(const struct dplane *dp, const struct config *c, char *err, size_t errlen);
void dplane_addrs_set(struct dplane *dp, const struct config *c);

/*
 * The same of relays: whether there is room for those that are new, else one sentence in err; they
 * have their rows of the tables before workers read c, and are found once they do.
 */
bool dplane_relays_fit(struct dplane *dp, const struct config *c, char *err, size_t errlen);
void dplane_relays_add(struct dplane *dp, const struct config *c);
void dplane_relays_set(struct dplane *dp, const struct config *c);

/* Whether i is the place of a listener that is there. */
static inline bool dplane_has_listener(const struct dplane *dp, uint16_t i)
{
	return i < CTL_PLACES_MAX &&
	       atomic_load_explicit(&dp->listener_open[i], memory_order_acquire);
}

/* Whether a listener of UDP is of DTLS. */
static inline bool dplane_is_dtls(const struct dplane *dp, uint16_t i)
{
	return dp->listener_transport[i] == TRANSPORT_DTLS;
}

/* Place of the UDP listener at ip:port, DTLS or not, or LOCAL_NONE. */
static inline uint16_t dplane_listener(const struct dplane *dp, const struct ip_addr *ip,
				       uint16_t port)
{
	uint16_t i = atomic_load_explicit(&dp->udp_listener[port], memory_order_acquire);

	while (i != LOCAL_NONE && !ip_eq(&dp->listener[i].ip, ip))
		i = atomic_load_explicit(&dp->listener_next[i], memory_order_acquire);
	return i;
}

/* Place of the TCP listener at ip:port, or LOCAL_NONE. */
static inline uint16_t dplane_tcp_listener(const struct dplane *dp, const struct ip_addr *ip,
					   uint16_t port)
{
	uint16_t i = atomic_load_explicit(&dp->tcp_listener[port], memory_order_acquire);

	while (i != LOCAL_NONE && !ip_eq(&dp->listener[i].ip, ip))
		i = atomic_load_explicit(&dp->listener_next[i], memory_order_acquire);
	return i;
}

/* How often the deal came round all its workers before a port's turn. */
static inline uint32_t deal_round(const struct deal *d, uint16_t port)
{
	return (uint32_t)(port >> 1) % RELAY_DEAL * d->inverse >> 16;
}

static inline uint16_t deal_owner(const struct deal *d, uint16_t port)
{
	uint32_t pair = (uint32_t)(port >> 1) % RELAY_DEAL;

	return (uint16_t)(d->first + pair - deal_round(d, port) * d->n);
}

/*
 * Where a port of the owner's share stands in its table, which has rows of d->ports for each time
 * that pairs are dealt out: those of a pair are side by side. Of another worker's ports it is a
 * place all the same.
 */
static inline uint32_t deal_place(const struct deal *d, uint16_t port)
{
	if (d->n == 1) /* what comes below then, in fewer instructions */
		return d->base + port;
	return d->base + port / (2 * RELAY_DEAL) * d->ports + 2 * deal_round(d, port) + (port & 1);
}

/* config_relay_worker(), without its divisions. */
static inline uint16_t relay_owner(const struct dplane *dp, uint32_t relay, uint16_t port)
{
	return deal_owner(&dp->relay_deal[relay], port);
}

/* The worker of a port of ours that is no listener's. l: its address. */
static inline uint16_t port_owner(const struct dplane *dp, const struct local_addr *l,
				  uint16_t port)
{
	const uint16_t relay = l ? local_relay_at(l, port) : CTL_RELAY_NONE;

	return relay != CTL_RELAY_NONE ? relay_owner(dp, relay, port) : deal_owner(&dp->deal, port);
}

/* Worker of a client's five-tuple on ports whose queues do not tell. */
static inline uint16_t dplane_client_worker(const struct dplane *dp, const struct ip_addr *ip,
					    struct be16 port)
{
	uint64_t hi, lo, x;

	memcpy(&hi, ip->b, 8);
	memcpy(&lo, ip->b + 8, 8);
	x = (hi ^ dp->hash_key[0] ^ be16_get(port)) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 29 ^ lo) * UINT64_C(0xd6e8feb86659fd93);
	return (uint16_t)((x >> 32) * dp->n_workers >> 32);
}

/* Fills the tables above from the configuration. On failure one sentence in err. */
bool dplane_init(struct dplane *dp, const struct config *conf, char *err, size_t errlen);

/* Gives an opened port its link-local address, made from its MAC and, if that is another's, VLAN.
 */
void dplane_add_link_local(struct dplane *dp, struct port *port);

#endif
