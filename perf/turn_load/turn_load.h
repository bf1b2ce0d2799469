/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_TURN_LOAD_H
#define FL_PERF_TURN_LOAD_H

/*
 * What the parts of turn_load share. One thread polls one port or two: the first is the side of the
 * clients, the last that of their peers. Each session is an allocation with one channel to a peer
 * address of its own, or a context that somebody else made with two terminations, so that the
 * relay's tables have as many entries as in service. What must not fail ends the program with a
 * sentence.
 *
 *   options.c  what was asked for          neighbour.c  ARP and ND
 *   port.c     devices and buffers         turn.c       requests: setup, refreshes, teardown
 *   session.c  the table, addresses, legs  credentials.c  challenge, key, integrity
 *   make.c     datagrams out               check.c      datagrams in
 *   run.c      one trial, and the search   report.c     progress, JSON
 *   reflect.c  the other mode
 */
#include "histogram.h"
#include "track.h"
#include "wire.h"

#include "lib/stun.h"

#include <rte_cycles.h>
#include <rte_ether.h>
#include <signal.h>

enum { BURST = 32, PORTS_MAX = 2, SESSION_PORTS = 1 << 15, SESSION_PORT_MIN = 16384 };

/* From a client through the relay to its peer, or back. */
enum way { UP, DOWN, WAYS };
enum side { CLIENT, PEER, SIDES };

/* ---- options.c ---- */

struct options {
	bool raw, reflect, search, json, teardown, setup_only, md5;
	bool turn;	  /* sessions are allocations: neither raw nor legs */
	const char *legs; /* file; NULL: none */
	bool way[WAYS];
	struct sock_addr server;
	struct ip_prefix
	    block[SIDES]; /* --client, --peer: where our addresses begin, and their net */
	struct ip_addr gateway[SIDES]; /* all zero: none */
	struct rte_ether_addr gateway_mac;
	const char *user, *password;
	uint32_t sessions, size, descs, packets; /* packets: 0: by time */
	uint32_t setup_rate, setup_window, renew;
	double rate, seconds, warmup; /* rate: packets a second in all; 0: flat out */
	double loss, search_seconds;
	uint32_t search_steps;
	uint32_t lose_every, repeat_every, delay_every, delay_us, swap_every, spoil_every;
};
extern struct options opt;

/* ADDR:PORT or [ADDR]:PORT, the value of an option; ends the program if it is none. */
struct sock_addr address_port_parse(const char *name, const char *s);
/* Reads what follows the EAL's arguments; ends the program if it is wrong. */
void options_parse(int argc, char **argv);
void options_usage(FILE *f);

/* ---- main.c ---- */

extern volatile sig_atomic_t stop; /* a signal came: report what there is, and end */

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- port.c ---- */

struct port {
	uint16_t id;
	struct rte_ether_addr mac;
	struct rte_mbuf *out[BURST]; /* of the slow path: requests, ARP, ND */
	uint16_t n_out;
};
extern struct port port[PORTS_MAX];
extern uint16_t n_port;
extern struct rte_mempool *slow_pool; /* buffers of the slow path */

/* Opens all devices of the EAL and waits until their links are up. */
void ports_open(void);
void ports_close(void);
struct port *side_port(enum side s);
/* Queues a frame of the slow path; ports_flush() sends what is queued. What is refused is lost. */
void port_send(struct port *p, struct rte_mbuf *m);
void ports_flush(void);
/* A pool of so many buffers with room for so many bytes each, side by side. */
struct rte_mempool *pool_new(const char *name, uint32_t n, uint32_t room);

/* ---- session.c ---- */

/*
 * One way of a session: a cache line with all that a datagram of it needs. The two ways of a
 * session are neighbours, or a tracker of one would wait for the other's transmission.
 */
struct half {
	uint32_t sent; /* sequence number of the next datagram */
	uint32_t sum;  /* UDP's, of all that its datagrams have in common */
	struct track track;
	/*
	 * The other end: up, whom the peer hears the client as; down, whom the peer sends to. Both
	 * are the relayed address, or with --raw the session's other address. With --legs, whom
	 * the client, and the peer, sends to and hears from.
	 */
	struct sock_addr far;
	uint16_t ip_sum; /* checksum of the IPv4 header, as it is in memory */
};
_Static_assert(sizeof(struct half) == 64, "a cache line");

struct session {
	_Alignas(RTE_CACHE_LINE_SIZE) struct half half[WAYS];
};
extern struct session *session; /* opt.sessions of them */

void sessions_open(void);
/* Reads the legs of all sessions. */
void legs_read(void);
/* How many addresses all sessions take on that side, and whether this is one of them. */
uint32_t side_addresses(enum side s);
bool side_has(enum side s, const struct ip_addr *a);
static inline uint16_t session_udp_port(uint32_t i)
{
	return (uint16_t)(SESSION_PORT_MIN + i % SESSION_PORTS);
}
/* An address so many above another, in its last 32 bits. */
static inline struct ip_addr ip_above(const struct ip_addr *a, uint32_t n)
{
	struct ip_addr r = *a;
	struct be32 low;

	memcpy(low.b, a->b + 12, sizeof(low));
	low = be32_make(be32_get(low) + n);
	memcpy(r.b + 12, low.b, sizeof(low));
	return r;
}
/* Our address of a session on that side. */
static inline struct sock_addr session_addr(enum side s, uint32_t i)
{
	return (struct sock_addr){ .ip = ip_above(&opt.block[s].ip, i / SESSION_PORTS),
				   .port = be16_make(session_udp_port(i)) };
}

/* ---- neighbour.c ---- */

extern struct rte_ether_addr next_hop[SIDES];

/* Whom that side's frames to a destination go to: itself on the link, else the gateway. */
void neighbour_resolve(enum side s, const struct ip_addr *to);
/* ARP and ND that came: answers, learns. False if it is neither. */
bool neighbour_input(struct port *p, struct rte_mbuf *m);

/* ---- credentials.c ---- */

/* Realm, algorithms and nonce of a challenge (401) or of 438; false if some are missing. */
bool credentials_learn(const struct stun_msg *m, uint32_t i);
bool credentials_known(uint32_t i);
/* Ends a request with what authenticates it (RFC 8489 9.2.3), or without. */
size_t credentials_sign(struct stun_builder *b, uint32_t i, bool sign);
/* Whether the integrity of a response is right. */
bool credentials_verify(const struct stun_msg *m);

/* ---- turn.c ---- */

struct setup {
	uint32_t sessions; /* that are ready */
	double seconds;
	uint64_t challenges, stale, resent, errors;
};
extern struct setup setup;

void turn_setup(void);
void turn_teardown(void);
/* A message of the server's. */
void turn_input(const uint8_t *p, size_t len);
/* Once in a while: retransmissions, refreshes. */
void turn_tick(uint64_t now);

/* ---- make.c ---- */

/* Templates and buffers, once all sessions are ready. */
void make_open(void);
/*
 * Makes n datagrams, a burst at most, with these stamps (TSC, ascending), where none wait. False if
 * there are no buffers: the device has them all.
 */
bool make_burst(enum way w, const uint64_t *at, uint16_t n);
/* Sends what was made, or what of it was refused before. Returns how many went out. */
uint16_t make_send(enum way w);
bool make_pending(enum way w);
/* Gives up what was refused. Returns how many of those the trial measures. */
uint16_t make_drop(enum way w);

/* ---- check.c ---- */

/*
 * What a payload begins with; x86 order, since it comes back here. To a relay of RTP it is a header
 * of PCMU (RFC 3550 5.1): an SSRC for each session, the sequence number where the timestamp is.
 */
struct stamp {
	uint32_t magic; /* STAMP_MAGIC, and the way in the last byte */
	uint32_t sequence;
	uint32_t session;
	uint64_t at; /* TSC: when it was due; flat out, when it was made */
} __attribute__((packed));
/* First byte 0x80: neither a STUN message's nor ChannelData's. */
#define STAMP_MAGIC UINT32_C(0x1da70080)

static inline uint32_t stamp_magic(enum way w)
{
	return STAMP_MAGIC + ((uint32_t)w << 24);
}

static inline uint32_t stamp_way(uint32_t magic)
{
	return magic << 8 == STAMP_MAGIC << 8 ? (magic - STAMP_MAGIC) >> 24 : WAYS;
}

/* One poll of all ports: takes what came, answers, counts. Returns how many datagrams. */
uint32_t check_poll(void);

/* ---- run.c ---- */

/* Counted are datagrams that were due while the trial was measured; times in TSC. */
struct tally {
	uint64_t offered, delivered, duplicated, reordered;
	uint64_t late;	    /* beyond the tracker's window; they count as lost */
	uint64_t in_time;   /* came while the trial was measured, whenever due */
	uint64_t strays;    /* wrong address, port, channel, length or checksum; lost */
	uint64_t refused;   /* our own device did not take them at once */
	uint64_t forgotten; /* due, but so late that they were never sent */
	uint64_t behind;    /* longest from when one was due until the device had taken it */
	struct histogram latency;
};
struct cost {
	uint64_t make, make_n, check, check_n; /* cycles, datagrams */
	uint64_t driver, idle, all;	       /* cycles */
};
struct trial {
	uint64_t from, until; /* measured, TSC */
	uint64_t sent_until;  /* until the last of those was sent, until or later */
	double rate;
	struct tally tally[WAYS];
	struct cost cost;
};
extern struct trial trial;

static inline bool trial_measures(uint64_t at)
{
	return at >= trial.from && at < trial.until;
}

/* The traffic that was asked for. */
void run(void);

/* ---- report.c ---- */

void report_second(uint64_t now);
/* A trial of the search: packets a second asked for (0: flat out) and offered, share lost. */
struct searched {
	double rate, offered, loss;
	bool passed, limited, confirming; /* limited: by us, who did not offer what was asked */
};
void report_trial(const struct searched *s);
/*
 * All there is, at the end: t is what to report as the result, or NULL without traffic; loss_free
 * the rate that a search confirmed, or 0.
 */
void report_end(const struct trial *t, double loss_free);

/* ---- reflect.c ---- */

void reflect(void);

#endif
