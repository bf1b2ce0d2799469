/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_CONN_H
#define FL_DP_TCP_CONN_H

/*
 * A connection from the inside, and the stack of a worker: for the files of dp/tcp only. Names are
 * RFC 9293's (3.3.1) where it has one. All in host order; times in microseconds of the worker's
 * clock cut to 32 bits where they are compared, milliseconds for timers.
 *
 *   tcp.c      made, its turn, ended         conn.c      table, slots, who has something to do
 *   listen.c   SYN-RECEIVED, cookies         connect.c   opening from here, SYN-SENT
 *   input.c    segments (3.10.7)             output.c    what may be sent, sending it
 *   reorder.c  out-of-order data, SACK out   window.c    the window we offer
 *   timer.c    what each timeout does        recovery.c  congestion state (recovery.h); with
 *                                            sent.h: sent.c sack.c rack.c tlp.c rto.c cwnd.c
 *   end.c      how it ends                   cubic.c, reno.c  congestion control
 *   stream.c   the owner's calls             linger.c    owner of what its owner is done with
 *   wire.c     headers and options           timewait.c  compact TIME-WAIT
 *   queue.c    rows of packet buffers        raw.c       segments without a connection
 *   icmp.c     errors that quote a segment   layer.c     TLS between the two
 *   move.c     to another worker             splice.c    two connections joined
 *   ledger.c   who holds how many buffers    places.c    who has how many connections
 *   pressure.c who pays when they are short  accounts.c  users and sources, and what they hold
 *   isn.c      numbers that cannot be guessed credit.c  what all may have under way to us
 */
#include "credit.h"
#include "queue.h"
#include "tcp.h"
#include "wire.h"
#include "../net/ip.h"
#include "../clock.h"
#include "../key24.h"
#include "../sweep.h"
#include "../../lib/rank.h"
#include "../../lib/siphash.h"
#include "../../lib/wheel.h"

enum {
	TCP_WHEEL_BUDGET = 256,	    /* timers a turn */
	TCP_TURN_BUDGET = 1024,	    /* dirty connections a turn */
	TCP_TURN_US = 100,	    /* and no more of them after so long */
	TCP_TURN_LOOK = 16,	    /* connections between two looks at the time */
	TCP_RTO_MIN_MS = 200,	    /* RFC 6298 2.4 says 1 s; as everybody does */
	TCP_RTO_INIT_MS = 1000,	    /* 2.1 */
	TCP_RTO_MAX_MS = 60000,	    /* 2.5 */
	TCP_RTO_LOST_SYN_MS = 3000, /* 5.7 */
	TCP_DELACK_MS = 40,	    /* RFC 9293 3.8.6.3: below 500 */
	TCP_INITIAL_WINDOW = 10,    /* segments, RFC 6928 */
	TCP_FIRST_WINDOW = 32768,   /* bytes that a handshake offers: twice as many */
	TCP_DUPTHRESH = 3,
	TCP_PMTU_MIN_V4 = 576, /* less is believed of no path (RFC 1191 says 68) */
	TCP_PMTU_MIN_V6 = 1280,
	TCP_RETRY_MS = 5,	      /* when there was no buffer */
	TCP_CHALLENGE_PER_S = 1000,   /* of one worker, on average; RFC 5961 7 */
	TCP_CHALLENGE_OWN = 10,	      /* and of one connection, */
	TCP_CHALLENGE_BURST_MS = 500, /* so many milliseconds' worth at once */
	TCP_ALIVE_MS = 100,	      /* between ACKs of keep-alives */
	CONN_GEN_LIVE = 1,	      /* bit of a slot's generation: in use */
};

enum tcp_timer {
	TCP_TIMER_REXMIT, /* RTO, or the tail loss probe, or RACK's reordering: c->rexmit_mode */
	TCP_TIMER_PERSIST,
	TCP_TIMER_DELACK,
	TCP_TIMER_LIFE, /* handshake, connect, FIN-WAIT-2, keep-alive: by state */
	TCP_TIMER_APP,
	TCP_TIMER_LAYER,
	TCP_TIMER_SLOW, /* slow_seq must be acknowledged by then */
	TCP_TIMERS
};

/* Congestion state (RFC 6675, 8985). */
enum tcp_ca { CA_OPEN, CA_CWR, CA_RECOVERY, CA_LOSS };

enum tcp_conn_flags {
	CONN_TS = 1 << 0,	   /* timestamps agreed */
	CONN_SACK = 1 << 1,	   /* SACK agreed */
	CONN_WSCALE = 1 << 2,	   /* window scale agreed */
	CONN_ECN = 1 << 3,	   /* ECN agreed */
	CONN_ECE_OUT = 1 << 4,	   /* echo congestion until CWR comes */
	CONN_CWR_OUT = 1 << 5,	   /* set CWR on the next new data */
	CONN_ACK_NOW = 1 << 6,	   /* output sends an ACK, even a bare one */
	CONN_FIN_QUEUED = 1 << 7,  /* the owner shut this direction down */
	CONN_FIN_SENT = 1 << 8,	   /* snd_max covers it */
	CONN_FIN_RCVD = 1 << 9,	   /* rcv_nxt covers it */
	CONN_FIN_TOLD = 1 << 10,   /* the owner was told */
	CONN_PAUSED = 1 << 11,	   /* the owner takes nothing */
	CONN_WANT_ROOM = 1 << 12,  /* a tcp_send() met a full buffer */
	CONN_CLOSED_APP = 1 << 13, /* tcp_close(): nobody reads */
	CONN_DIRTY = 1 << 14,	   /* on the list of tcp_turn() */
	CONN_DEAD = 1 << 15,	   /* to be freed by tcp_turn() */
	CONN_READABLE = 1 << 16,   /* tell the owner */
	CONN_OPENED = 1 << 17,	   /* tell the owner */
	CONN_ACTIVE = 1 << 18,	   /* opened from here */
	CONN_ZERO_WND = 1 << 19,   /* our last offer was no room */
	CONN_ECN_SYN = 1 << 20,	   /* the SYN asked for ECN */
	CONN_MOVED_IN = 1 << 21,   /* came from c->home, which forwards */
	CONN_PROBING = 1 << 22,	   /* a tail loss probe is out (RFC 8985 7.2) */
	CONN_MSS_TRIED = 1 << 23,  /* black hole: the segment size was reduced */
	CONN_TIMED_OUT = 1 << 24,  /* the app timer fired: tell the owner */
	CONN_KNOWN = 1 << 25,	   /* its owner knows of it: closed() must tell */
	CONN_OVER = 1 << 26,	   /* both FINs acknowledged: ends when the owner has read all */
	CONN_WANT_ACK = 1 << 27,   /* the owner keeps data back: it wants to hear of progress */
	CONN_HOME_WAIT = 1 << 28,  /* with CONN_MOVED_IN: ended, and TIME-WAIT is for its home */
	CONN_FIN_HELD = 1 << 29,   /* a FIN came, to stand at fin_seq */
	CONN_LAYER = 1 << 30,	   /* c->layer is there: the stream is that's */
	CONN_READY = 1u << 31,	   /* the layer is: tell the owner */
};

/* Who vouches for a connection. */
enum tcp_standing {
	TCP_VOUCHED,  /* its owner does: tcp_trust() */
	TCP_STRANGER, /* its owner does not */
	TCP_GUEST,    /* its owner does not; the back end of a service may: tcp_guest() */
};

struct tcp_cc_ops;

struct tcp_conn {
	/* Line 1: every segment, in. */
	uint32_t gen; /* of the slot; odd: in use */
	uint32_t flags;
	uint8_t state; /* enum tcp_state; tcp_set_state() only */
	uint8_t ca;    /* enum tcp_ca */
	uint8_t snd_wscale, rcv_wscale;
	uint16_t mss;	/* bytes of data a segment may carry, options taken off */
	uint16_t local; /* index in dplane.local */
	uint32_t rcv_nxt;
	uint32_t rcv_adv;		 /* right edge of the window offered */
	uint32_t rcv_acked;		 /* last rcv_nxt sent */
	uint32_t ts_recent, ts_recent_s; /* RFC 7323 5.2; when, in seconds */
	uint32_t snd_una, snd_max;	 /* retransmissions go below snd_max, which is SND.NXT */
	uint32_t snd_wnd, snd_wl1, snd_wl2;
	uint32_t dirty_next; /* index of the next on tcp_turn()'s list, or of free slots */
	uint16_t booked;     /* packet buffers it held at its last turn (ledger.h) */
	uint8_t row;	     /* of the ledger, and one; 0: in none */
	uint8_t standing;    /* enum tcp_standing */

	/* Line 2: out. */
	alignas(64) struct mbuf_queue snd; /* from snd_una (less SYN) on */
	uint32_t cwnd, ssthresh;	   /* bytes */
	uint32_t srtt_us, rttvar_us;	   /* 8 and 4 times, as RFC 6298 is computed in integers */
	uint32_t rto_ms;
	uint32_t last_rx_ms, last_tx_ms; /* any segment in; data out */
	uint32_t nh;			 /* cached next hop */
	struct mbuf_queue rcv;		 /* in order, not taken */
	struct rte_mbuf *snd_cur;	 /* of snd: has the byte at snd_max; NULL: all is sent */
	uint32_t snd_cur_seq;		 /* of its first byte, unless it is the queue's first */
	uint16_t records;		 /* of what was sent */
	uint16_t kept;			 /* packet buffers its owner keeps: tcp_hold() */

	/* Reordering and recovery. */
	struct mbuf_queue ooo; /* ascending, disjoint; hash.usr, tx_offload: see reorder.c */
	struct tcp_sack_block sack_recent[TCP_SACK_MAX]; /* RFC 2018 4: latest first */
	struct tcp_sack_block dsack;		    /* to report, empty when equal (RFC 2883) */
	struct tcp_sent *sent_first, *sent_last;    /* by seq */
	struct tcp_sent *sent_oldest, *sent_newest; /* in flight, by time of transmission */
	struct tcp_sent *sack_hint;		    /* where a walk by seq ended */
	struct tcp_sent *lost_hint;		    /* none before it is lost */
	uint32_t sacked_bytes, lost_bytes;	    /* of the scoreboard; see pipe */
	uint32_t rto_from_us;	      /* what the RTO counts from: last ACK, first record's time */
	uint32_t used_pipe, used_seq; /* most that was in flight since used_seq was sent */
	uint32_t recovery_point;      /* RFC 6675 */
	uint32_t prior_cwnd, prior_ssthresh; /* to undo */
	uint32_t undo_una, undo_rexmits;     /* bytes sent again since, less those DSACKed */
	uint32_t prr_delivered, prr_out, prr_flight; /* RFC 6937 */
	uint32_t rack_xmit_us, rack_order, rack_end; /* RFC 8985 5.2 */
	uint32_t rack_rtt_us, rack_fack;
	uint32_t sent_order; /* of the last transmission */
	uint32_t min_rtt_us;
	uint32_t tlp_end;   /* RFC 8985 7.1 */
	uint32_t dsack_seq; /* dsack_round ends when it is acknowledged */
	uint16_t reo_wnd_mult;
	uint8_t reo_wnd_persist, dsack_round, rexmit_mode;
	bool reordering_seen : 1;
	bool tlp_rexmit : 1;
	uint8_t credit : 3;	   /* enum credit_state */
	uint8_t credit_period : 5; /* in which it was given, modulo 32 */
	uint8_t rto_count;	   /* in a row, without progress */
	uint8_t dup_acks;	   /* in a row; those that SACK something count, too */
	uint8_t keepalive_count;
	uint8_t syn_count;
	uint8_t persist_count;
	uint8_t quick_acks;  /* at once, at the start of a stream */
	uint8_t tos;	     /* of the IP header, without ECN's bits */
	uint8_t why;	     /* enum tcp_end, when dead or closing */
	uint8_t early : 2;   /* enum early_kind: its row of the ledger */
	uint8_t charged : 1; /* what it holds is an account's, too */
	const struct tcp_cc_ops *cc;
	uint64_t cc_data[6];

	/* In its row of the ledger. */
	struct row_link in_row;
	uint32_t turned; /* bytes moved by then are all it held at row_ms (ledger.c) */
	uint32_t row_ms;

	/* Cold. */
	alignas(64) const struct tcp_app *app;
	uint64_t app_data[TCP_APP_DATA / 8];
	const struct tcp_layer_ops *layer_ops; /* NULL: the owner has the connection itself */
	struct tcp_layer *layer;	       /* with CONN_LAYER */
	struct ip_addr remote_ip;
	struct be16 remote_port, local_port;
	uint32_t due_ms[TCP_TIMERS]; /* low half of now_ms; 0: not set */
	struct timer timer;	     /* armed for the first of due_ms, or earlier */
	uint32_t iss;
	uint32_t ts_offset;	/* of our timestamps, RFC 7323 5.4 */
	uint32_t max_wnd;	/* largest window offered to us */
	uint32_t stall_ms;	/* since when there was no progress, 0: there is */
	uint32_t slow_seq;	/* with TCP_TIMER_SLOW */
	uint32_t alive_ms;	/* last ACK in answer to a keep-alive */
	struct meter challenge; /* ACKs in answer to what it should not have got */
	uint32_t fin_seq;	/* with CONN_FIN_HELD */
	uint32_t retransmits;
	uint32_t opened_s;
	uint32_t rcv_buf;   /* bytes: what the window may grow to */
	uint16_t peer_mss;  /* what the other side announced, or the default */
	uint16_t pmtu;	    /* IP bytes */
	uint16_t hole_pmtu; /* what it was before a black hole was suspected; 0: it was not */
	uint16_t rcv_mss;   /* largest segment that came */
	uint16_t layer_arg;
	uint16_t home; /* worker that forwards, with CONN_MOVED_IN */
	union {
		struct { /* until it is open */
			uint32_t irs;
			uint32_t syn_us; /* when the SYN, or SYN-ACK, went out first */
		};
		struct { /* from then on: those with new data; lower halves */
			uint32_t rx_segments, tx_segments;
		};
	};
	uint64_t rx_bytes, tx_bytes;
	uint32_t *share; /* what it and others hold together, or NULL: tcp_share() */
} __rte_cache_aligned;
_Static_assert(offsetof(struct tcp_conn, snd) == 64, "what input reads is one line");
_Static_assert(offsetof(struct tcp_conn, ooo) <= 160, "what output reads is little more");
_Static_assert(sizeof(struct tcp_conn) <= 704, "budget of a connection");

/* ---- congestion control ---- */

/* One implementation a file. cwnd and ssthresh are theirs; bytes. */
struct tcp_cc_ops {
	const char *name;
	void (*init)(struct worker *w, struct tcp_conn *c);
	/* acked bytes were newly acknowledged and the window was used; not in recovery. */
	void (*acked)(struct worker *w, struct tcp_conn *c, uint32_t acked);
	/* The window to go down to because of loss or ECN: at least 2 segments. */
	uint32_t (*ssthresh)(struct worker *w, struct tcp_conn *c);
	/* Retransmission timeout. */
	void (*timeout)(struct worker *w, struct tcp_conn *c);
	/* A reduction turned out to be needless: cwnd was put back. NULL: nothing to do. */
	void (*undo)(struct worker *w, struct tcp_conn *c);
};
extern const struct tcp_cc_ops tcp_cubic, tcp_reno;

/* ---- TIME-WAIT ---- */

struct tcp_timewait {
	struct ip_addr remote_ip;
	struct be16 remote_port, local_port;
	uint16_t local;
	uint16_t flags; /* CONN_TS */
	uint32_t rcv_nxt, snd_nxt;
	uint32_t ts_recent, ts_offset;
	uint32_t rcv_wnd; /* scaled, as in segments */
	uint32_t due_ms;
	uint32_t next, prev; /* by age, or free list */
	uint32_t refused_ms; /* last ACK in answer to what it should not have got */
	uint8_t tos;
};
_Static_assert(sizeof(struct tcp_timewait) <= 64, "budget of TIME-WAIT");

/* ---- the stack of a worker ---- */

/* What a table entry leads to: kind in the low bits of the hash's data, index or worker above. */
enum tcp_entry { ENTRY_CONN, ENTRY_TIMEWAIT, ENTRY_MOVED };

/* What came out of order: little a buffer, or much. */
enum early_kind { EARLY_NONE, EARLY_CRUMBS, EARLY_WHOLE, EARLY_KINDS };

enum { LEDGER_CLASSES = 17 }; /* none held, one, two or three, four to seven, ... */

struct ledger {
	uint32_t strangers; /* packet buffers that strangers hold, each as of its last turn */
	uint32_t calm; /* while no more are held in all, no connection is asked what it holds */
	/* By class, longest without progress first: of strangers, then of the others. */
	struct row row[2 * LEDGER_CLASSES];
	struct row early[EARLY_KINDS]; /* who holds something out of order, longest first */
	struct row_link *in_early;     /* [connections] */
};

/* Users and sources, and how many packet buffers each holds: accounts.h. */
struct accounts {
	struct siphash_key key; /* nobody chooses what shares a row */
	uint32_t mask;		/* rows - 1 */
	uint32_t free;
	uint32_t holders; /* accounts that hold something */
	uint32_t *row;
	struct account *account; /* [connections] */
	uint32_t *of;		 /* [connections]: index, of those with `charged` */
};

/* Who has how many places in a table of connections: places.h. */
struct places {
	struct siphash_key key; /* nobody chooses what shares a row */
	uint32_t mask;		/* rows - 1 */
	uint32_t free;
	uint32_t *row;
	struct tcp_place *place;   /* of each connection */
	struct tcp_source *source; /* as many as the table has entries: each of them has one */
	struct rank rank;	   /* of sources */
	struct row strangers;	   /* of all sources */
};

struct tcp {
	struct tcp_conn *conn;	/* [connections] */
	struct rte_hash *table; /* struct key24 (remote, local port, local address) */
	struct tcp_sent *sent;	/* records: sent_create() */
	struct tcp_sent *sent_free;
	uint32_t records, records_shared;   /* in use; and those beyond a connection's own */
	uint32_t records_pool, records_max; /* how many are shared; of one connection */
	tcp_accept_fn *accept;
	const struct tcp_cc_ops *cc;
	uint32_t conn_free, conns, half_open;
	uint32_t dirty_head, dirty_tail; /* SLOT_NONE: empty */
	uint16_t tx_left[CTL_PORTS_MAX]; /* buffers a port still takes in this turn */
	uint8_t tx_cut[CTL_PORTS_MAX];	 /* how often that was halved, as its ring was full */
	uint64_t tx_full[CTL_PORTS_MAX]; /* its counter then */
	uint64_t tx_ms;			 /* when halvings were last taken back */
	uint32_t held;			 /* packet buffers */
	struct ledger ledger;
	struct credit credit;
	struct places places[TCP_TABLES];
	struct accounts accounts;
	uint32_t info_at;			     /* next connection shown in the region */
	struct sweep unheard;			     /* of connections, after a reload */
	struct wheel wheel;			     /* 1 ms */
	void (*fire)(struct timer *t, void *worker); /* conn_fire(), of every timer there */
	struct tcp_timewait *tw;
	uint32_t tw_free, tw_oldest, tw_newest, tw_n;
	struct siphash_key key;		  /* ISN, cookies, ports, timestamps */
	struct meter_rate challenge_rate; /* of one connection */
	uint64_t challenge_ms;		  /* second under way */
	uint32_t challenge_left;
	uint32_t cookies_until; /* seconds: a cookie may come back before */
	uint32_t port_next;
	struct ctl_conn_info *info; /* in the region */
	struct mbuf_queue notices;  /* to the homes of moved connections that have ended */
	uint32_t moved;		    /* ENTRY_MOVED in the table, at most as many as connections */
};

/* ---- conn.c ---- */

/* A free slot, zeroed but for its name; NULL when all are in use. */
struct tcp_conn *conn_alloc(struct worker *w);
/*
 * What the table has for a segment's addresses: enum tcp_entry in the low bits, index or worker
 * above; SLOT_NONE: nothing.
 */
uint32_t conn_lookup(const struct worker *w, const struct pkt *p);
/* The connection between these addresses; NULL: there is none. */
struct tcp_conn *conn_between(const struct worker *w, const struct sock_addr *local,
			      const struct sock_addr *remote);
struct key24 conn_key(const struct tcp_conn *c);
/* What the table has for c's addresses, as conn_lookup() says. */
uint32_t conn_entry(const struct worker *w, const struct tcp_conn *c);
/* Puts data (index << 2 | enum tcp_entry) into the table under c's addresses. */
bool conn_entry_set(struct worker *w, const struct tcp_conn *c, uint32_t data);
/* Takes it out if it still is `data`: it may be another's by now. */
void conn_entry_del(struct worker *w, const struct tcp_conn *c, uint32_t data);
/* False when there is such a connection, or no room. */
bool conn_insert(struct worker *w, struct tcp_conn *c);
void tcp_set_state(struct worker *w, struct tcp_conn *c, enum tcp_state s);
/* tcp_turn() looks at it. */
void conn_dirty(struct worker *w, struct tcp_conn *c);
/* Effective segment size from peer_mss, pmtu and options. */
void conn_mss_update(struct tcp_conn *c);
uint32_t conn_tsval(const struct worker *w, const struct tcp_conn *c);
/* Timer t is due in ms milliseconds, at least one; or not at all. */
void conn_timer_set(struct worker *w, struct tcp_conn *c, enum tcp_timer t, uint32_t ms);
void conn_timer_stop(struct tcp_conn *c, enum tcp_timer t);
/* Arms the wheel for the first deadline, after c came here from another worker. */
void conn_timers_arm(struct worker *w, struct tcp_conn *c);
static inline bool conn_timer_on(const struct tcp_conn *c, enum tcp_timer t)
{
	return c->due_ms[t] != 0;
}

/* ---- end.c ---- */

/* Ends c without sending anything: closed(why) and conn_free() follow in tcp_turn(). */
void conn_end(struct worker *w, struct tcp_conn *c, enum tcp_end why);
/* Frees what it holds and the slot; closed() was called. */
void conn_free(struct worker *w, struct tcp_conn *c);

/* ---- isn.c ---- */

enum conn_hash_use { CONN_HASH_ISN, CONN_HASH_TIMESTAMP, CONN_HASH_COOKIE };
/* Of a connection's addresses and what else is to be bound to them; seq and time may be 0. */
uint64_t conn_keyed(const struct worker *w, const struct sock_addr *local,
		    const struct sock_addr *remote, enum conn_hash_use use, uint32_t seq,
		    uint32_t time);
/* RFC 6528. */
uint32_t tcp_isn(const struct worker *w, const struct sock_addr *local,
		 const struct sock_addr *remote);

/* ---- timer.c ---- */

/* Does what is due of the connection whose timer t is, and arms it again. */
void conn_fire(struct timer *t, void *worker);
/* The path carries IP packets of mtu bytes, fewer than was thought. */
void conn_pmtu_reduce(struct worker *w, struct tcp_conn *c, uint16_t mtu);

/* ---- listen.c: what both directions of opening share ---- */

/*
 * One that begins as r says, at address `local` of ours: in no state, and not in the table yet.
 * NULL when all slots are in use.
 */
struct tcp_conn *conn_make(struct worker *w, const struct tcp_app *app, const struct tcp_request *r,
			   uint16_t local);
/* What both directions of opening set: sequence numbers, timestamps, scale, path MTU. */
void conn_open(struct worker *w, struct tcp_conn *c);
/* Takes up the options of the other side's SYN. */
void conn_syn_options(struct worker *w, struct tcp_conn *c, const struct tcp_seg *s);
/* SYN or SYN-ACK, by state; arms its retransmission. */
void conn_send_syn(struct worker *w, struct tcp_conn *c);
/* The handshake is over: congestion control starts, the owner is told. */
void conn_opened(struct worker *w, struct tcp_conn *c);

/* ---- input.c, connect.c, listen.c, output.c, window.c ---- */

/* RFC 9293 3.10.7.2-4: a segment of connection c. Takes p->m, whose data still starts at L2. */
void conn_input(struct worker *w, struct tcp_conn *c, struct pkt *p, struct tcp_seg *s);
/* 3.10.7.3: c is in SYN-SENT. Takes p->m. */
void connect_input(struct worker *w, struct tcp_conn *c, struct pkt *p, struct tcp_seg *s);
/* 3.10.7.1, .2: no connection. Takes p->m. */
void listen_input(struct worker *w, struct pkt *p, struct tcp_seg *s);
/* Before the output of a turn: what each port takes of it. */
void output_begin(struct worker *w);
/* Sends what may be sent: retransmissions, data, FIN, ACK. */
void conn_output(struct worker *w, struct tcp_conn *c);
/* A segment without data, at seq; SYN's options where flags say so. False: no buffer. */
bool conn_send_bare(struct worker *w, struct tcp_conn *c, uint8_t flags, uint32_t seq);
/* RFC 5961 7: an ACK, within c's rate and the budget of all connections. */
void conn_challenge(struct worker *w, struct tcp_conn *c);
/* Retransmits s now; false when there was no buffer. */
bool conn_resend(struct worker *w, struct tcp_conn *c, struct tcp_sent *s);
/*
 * Sends a segment of new data, n bytes at most, whatever the windows say: a tail loss probe, or a
 * window too small for a whole one.
 */
bool conn_send_part(struct worker *w, struct tcp_conn *c, uint32_t n);
/* Window to offer now: bytes from rcv_nxt, silly-window avoidance included (3.8.6.2.2). */
uint32_t conn_window(const struct worker *w, const struct tcp_conn *c);
/* Moves the edge before a segment goes out; says so at once where it matters (3.8.6.2.2). */
void window_update(struct worker *w, struct tcp_conn *c);

/* ---- raw.c: segments that no connection sends ---- */

/* One without data; without options, too, where o has none. */
struct tcp_raw_seg {
	struct sock_addr src, dst;
	uint8_t flags, tos;
	uint16_t wnd;
	uint32_t seq, ack;
	struct tcp_out_opts o;
};

void tcp_send_raw(struct worker *w, const struct tcp_raw_seg *s);
/*
 * RST in answer to a segment that has no connection (RFC 9293 3.10.7.1), nothing when it is one
 * itself. False when nothing was sent since the source is over the rate limit. Leaves p->m alone.
 */
bool tcp_send_reset(struct worker *w, const struct pkt *p, const struct tcp_seg *s, uint8_t tos);
/* Takes one from the budget of challenge ACKs (RFC 5961 7) and counts it; false: none is left. */
bool tcp_challenge_allow(struct worker *w);
/*
 * Takes a challenge ACK for c, first from c's own rate, then from the budget: guesses at one
 * connection leave the answers to others alone (R4). False: none is left.
 */
bool conn_challenge_allow(struct worker *w, struct tcp_conn *c);

/* ---- move.c ---- */

/*
 * c, which came from another worker, has ended: its home is to be told. False when there is no
 * buffer to do it with; c must not be freed before it is true.
 */
bool move_over(struct worker *w, const struct tcp_conn *c);
/* Sends what move_over() left behind; once a turn, when there are notices. */
void move_flush(struct worker *w);

/* ---- reorder.c ---- */

/*
 * Data beyond rcv_nxt, [seq, seq + m's bytes), inside the window: kept in order, overlaps cut
 * away, so that what came first stays (the bytes of a stream never change). Takes m, which may be
 * dropped (TCP_OOO_FULL). Updates the SACK and DSACK blocks, counts TCP_DUP. Data at
 * rcv_nxt is taken, too, whatever is held: to be moved on by reorder_take().
 */
void reorder_put(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq);
/* Moves what has become in order to c->rcv; rcv_nxt follows. Returns bytes moved. */
uint32_t reorder_take(struct worker *w, struct tcp_conn *c);
/* Gives up everything out of order (memory is short); RFC 2018 8 allows that. */
void reorder_clear(struct worker *w, struct tcp_conn *c);
/* Blocks to report, the DSACK first; returns how many, at most max. */
uint8_t reorder_sack(const struct tcp_conn *c, struct tcp_sack_block *b, uint8_t max);
/* [start, end) came a second time. */
void reorder_dup(struct tcp_conn *c, uint32_t start, uint32_t end);

/* ---- layer.c ---- */

/* Before the owner's turn the layer makes the owner's bytes of what came. */
void layer_input(struct worker *w, struct tcp_conn *c);
/* After the owner's turn the layer makes the connection's bytes of what the owner gave. */
void layer_output(struct worker *w, struct tcp_conn *c);
/* The connection ends, or was refused on its way: the layer goes. */
void layer_free(struct worker *w, struct tcp_conn *c, enum tcp_end why);

/* ---- timewait.c ---- */

/* c goes to TIME-WAIT: an entry takes its place in the table, c ends (DONE). */
void timewait_enter(struct worker *w, struct tcp_conn *c);
/* The entry alone; what the table has for c's addresses makes way. */
void timewait_add(struct worker *w, const struct tcp_conn *c);
/*
 * A segment for entry number `entry` (RFC 9293 3.10.7.4, RFC 1337, RFC 6191): true when the entry
 * was over or made way for a new connection, and the segment is listen_input()'s; else p->m is
 * taken.
 */
bool timewait_input(struct worker *w, uint32_t entry, struct pkt *p, const struct tcp_seg *s);
/*
 * c is about to be opened from here. False unless an entry has its addresses, and made way since
 * old segments cannot be taken for new ones (RFC 9293 3.6.1, RFC 6191 2): by timestamps, or as c's
 * sequence numbers are beyond those of the entry.
 */
bool timewait_yield(struct worker *w, const struct tcp_conn *c);
/* Forgets what is over, a few a call. */
void timewait_tick(struct worker *w);

/* Sequence number of the first byte of c->snd: SYN is before it. */
static inline uint32_t conn_snd_seq(const struct tcp_conn *c)
{
	return c->state >= TCP_ESTABLISHED ? c->snd_una : c->iss + 1;
}

/* Bytes given and never sent: none once FIN, which is behind them, was. */
static inline uint32_t conn_unsent(const struct tcp_conn *c)
{
	return c->flags & CONN_FIN_SENT ? 0 : conn_snd_seq(c) + c->snd.bytes - c->snd_max;
}

/* What the other side's window has left for new data, bytes. */
static inline uint32_t conn_wnd_left(const struct tcp_conn *c)
{
	uint32_t edge = c->snd_una + c->snd_wnd;

	return seq_gt(edge, c->snd_max) ? edge - c->snd_max : 0;
}

/* What the owner reads from: the layer's plaintext, or what came. */
static inline struct mbuf_queue *conn_in(struct tcp_conn *c)
{
	return unlikely(c->flags & CONN_LAYER) ? &c->layer->in : &c->rcv;
}

/* What segments have to tell the owner; a layer looks for itself, and tells what it made of them.
 */
static inline uint32_t conn_tells(const struct tcp_conn *c)
{
	return unlikely(c->flags & CONN_LAYER) ? 0 : CONN_READABLE;
}

/* Bytes that were received and wait, in all. */
static inline uint32_t conn_unread(const struct tcp_conn *c)
{
	return c->rcv.bytes + (unlikely(c->flags & CONN_LAYER) ? c->layer->in.bytes : 0);
}

static inline bool conn_established(const struct tcp_conn *c)
{
	return c->state >= TCP_ESTABLISHED;
}

static inline uint32_t conn_idx(const struct worker *w, const struct tcp_conn *c)
{
	return (uint32_t)(c - w->tcp->conn);
}

/* Now, for records and RTTs. */
static inline uint32_t tcp_us(const struct worker *w)
{
	return (uint32_t)w->now_us;
}

#endif
