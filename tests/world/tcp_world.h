/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_TCP_WORLD_H
#define FL_TESTS_TCP_WORLD_H

/*
 * The TCP of real workers seen from outside, a segment at a time, with a clock that only tests
 * move. Three parties: the owner (`app`) of connections on top, the stack, and a peer whose
 * segments are written and checked here with code of its own.
 *
 * Sequence numbers are relative: 0 is the SYN, 1 the first byte, in both directions. The real ones
 * start just below 2^32, so that every test that moves a few KB crosses the wrap. Data is the
 * stream's pattern at its place unless a test brings bytes of its own, and is compared in both
 * directions. Timestamps are in every segment of a peer that has them.
 *
 * Each test ends without connections, timers, records or buffers in use: tcp_stop() checks.
 */
#include "unit.h"
#include "segment.h"
#include "worker.h"
#include "dp/tcp/conn.h"
#include "dp/net/ip.h"

enum {
	APP_PORT = 80, /* where the owner listens, any address of ours */
	PEER_PORT = 40000,
	PEER_ISS = 0xfffffff0u,
	PEER_TS = 0xffffff00u, /* the peer's timestamps when the world starts */
	PEER_MSS = 1460,
	MSS_TS = 1448, /* of data beside timestamps */
	RTT_MS = 50,   /* of a handshake */
	CE = 3,	       /* of tos */
	ECT0 = 2,
};

/* ---- the owner ---- */

/* What it was told, of all connections; and how it behaves. */
struct app {
	struct tcp_conn *c; /* the last that was opened; NULL when it has closed */
	unsigned int opened, closed, writable, timeouts, arrived;
	enum tcp_end why; /* of the last closed() */
	uint64_t received;
	unsigned int fins;
	bool hold;	   /* takes nothing from readable() */
	bool close_on_fin; /* tcp_close() when the peer has closed */
	bool any_data;	   /* what comes is no pattern */
	bool deaf;	   /* listens nowhere */
	bool stranger;	   /* vouches for nobody */
	uint8_t dscp;	   /* that connections begin with; seg_next() checks it */
	uint64_t sent;	   /* of the pattern, given to c */
	uint64_t to_send;  /* more of it as room comes */
};
extern struct app app;

/* Fills world.conf.tcp and world.conf; change it before tcp_start(). */
void tcp_config(void);
void tcp_start(void);
void tcp_stop(void);
/* tcp_config(), tcp_start(). */
int tcp_setup(void **state);
int tcp_teardown(void **state);

/* Gives n bytes of the pattern, at once or as room comes, and lets workers turn. */
void app_send(uint64_t n);
/* Takes n bytes that wait; checks them. Lets workers turn. */
void app_take(uint32_t n);
void app_shutdown(void);
void app_close(void);
void app_abort(void);
/* tcp_connect() from us to the peer. */
void app_connect(void);
/* The last connection is over, for this reason, and nothing of it is left in the table. */
void app_gone(enum tcp_end why);

/* The bytes of a stream from offset off on. */
void pattern_fill(uint8_t *p, uint64_t off, uint32_t n);
void pattern_check(const uint8_t *p, uint64_t off, uint32_t n);

/* ---- the peer ---- */

struct tcp_peer {
	struct sock_addr addr, us;
	uint16_t port;	  /* ACCESS or CORE */
	uint16_t worker;  /* whose queue its segments come by */
	uint16_t wnd;	  /* in every segment of its, as it stands */
	uint16_t mss;	  /* of its SYN; 0: none */
	uint8_t ws;	  /* window scale + 1 of its SYN; 0: none */
	bool sack, ts;	  /* offered in its SYN, ts in the rest */
	uint8_t ecn;	  /* SYN asks for it */
	uint32_t iss;	  /* real */
	uint32_t irs;	  /* real: learnt from our SYN */
	uint32_t ts_base; /* added to the clock's ms */
	uint32_t ts_last; /* of ours, echoed */
	uint32_t rtt_ms;  /* of handshakes */
};
extern struct tcp_peer peer;

/* A segment, relative. */
struct seg {
	uint8_t flags;
	uint32_t seq, ack, len;
	const void *data; /* instead of the pattern */
	uint16_t mss;	  /* in SYNs, from the peer; 0: as struct tcp_peer says */
	uint8_t ws;	  /* shift + 1 */
	bool sack_ok;
	bool ts, no_ts;	       /* in: always when the peer has them, unless no_ts */
	uint32_t tsval, tsecr; /* 0: the right ones */
	uint8_t n_sack;
	struct tcp_sack_block sack[4];
	uint8_t tos;
	uint16_t urg;
	/* In only: lies. */
	bool bad_csum;
	uint8_t off;	    /* data offset in words; 0: the right one */
	uint8_t cut;	    /* bytes the IP packet is shorter */
	const uint8_t *opt; /* raw options instead, opt_len a multiple of 4 */
	uint8_t opt_len;
	/* Out only. */
	uint16_t wnd; /* as it stands; not compared */
	bool df;
	uint8_t bytes[FRAME_MAX]; /* of data */
};

/* Sends a segment to us and lets workers turn. seg_in(ACK, 1, 1, 1000, .n_sack = 1, ...) */
#define seg_in(f, s, a, l, ...) \
	seg_put(&(struct seg){ .flags = (f), .seq = (s), .ack = (a), .len = (l), ##__VA_ARGS__ })
void seg_put(const struct seg *s);
/* Queues it only. */
#define seg_queue(f, s, a, l, ...) \
	seg_enqueue(               \
	    &(struct seg){ .flags = (f), .seq = (s), .ack = (a), .len = (l), ##__VA_ARGS__ })
void seg_enqueue(const struct seg *s);

/*
 * The next segment we sent: IP header with its DSCP, checksum, addresses and the pattern of its
 * data are checked, and that nothing without data is ECN-capable (RFC 3168 6.1.1, 6.1.4); NULL when
 * there is none. PSH is cut off flags: no standard says when it must be set.
 */
const struct seg *seg_next(void);
/* The same, and it must be this one: flags, numbers, length and SACK blocks. */
#define seg_expect(f, s, a, l, ...)                                                           \
	seg_check(                                                                            \
	    &(struct seg){ .flags = (f), .seq = (s), .ack = (a), .len = (l), ##__VA_ARGS__ }, \
	    __FILE__, __LINE__)
const struct seg *seg_check(const struct seg *want, const char *file, int line);
void seg_none_at(const char *file, int line);
#define seg_none() seg_none_at(__FILE__, __LINE__)
/* Forgets what was sent; returns how many segments. */
uint32_t seg_skip(void);
/* Passes time until there is a segment; how long it took. Fails after max ms. */
#define seg_wait(max) seg_wait_at((max), __FILE__, __LINE__)
uint32_t seg_wait_at(uint32_t max_ms, const char *file, int line);
/* Passes this much time, in which nothing must be sent. */
#define seg_quiet(ms) seg_quiet_at((ms), __FILE__, __LINE__)
void seg_quiet_at(uint32_t ms, const char *file, int line);
/* The bytes the last segment offers beyond its acknowledgement. */
uint32_t seg_window(const struct seg *s);

/* A fresh peer: every option, 1460, scale 7, our next ISN towards it near 2^32. */
void peer_new(void);
/* One without options, whose segments are as long as they say. */
void peer_plain(void);
/* Over IPv6. */
void peer_v6(void);
/* On the core side, as the peers of active opens are. */
void peer_core(void);
/* Our next ISN towards the peer will be just below 2^32. Of itself where connections open. */
void peer_near_wrap(void);

/* The handshake, from either side; RTT_MS long. */
void open_passive(void);
void open_active(void);
/* Ends the connection by an RST at the right place. */
void peer_reset(void);
/* Closes in order: the peer first, and then the owner. next: the peer's next number; ours: ours. */
void close_peer_first(uint32_t next, uint32_t ours);
/* The owner first: it stays in TIME-WAIT. */
void close_owner_first(uint32_t next, uint32_t ours);

/* Sends an ICMP or ICMPv6 error that quotes our segment at seq; mtu 0: unreachable. */
void icmp_in(uint32_t seq, uint16_t mtu, const struct sock_addr *from, const struct sock_addr *to);

#define tcp_test(f) cmocka_unit_test_setup_teardown(f, tcp_setup, tcp_teardown)
#define tcp_run(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif
