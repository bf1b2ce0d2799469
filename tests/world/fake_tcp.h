/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_FAKE_TCP_H
#define FL_TESTS_FAKE_TCP_H

/*
 * dp/tcp/tcp.h and dp/turn/peer.h without a network: bytes are fed buffer by buffer, windows and
 * room are what a test says. Buffers are counted as the stack counts them. Linked instead of both.
 */
#include "dp/tcp/tcp.h"
#include "dp/turn/peer_conn.h"

enum { FAKE_CONNS = 8, FAKE_OUT = 1 << 18 };

struct fake_conn {
	struct tcp_conn *c;
	uint8_t *out; /* what was sent so far */
	uint32_t out_len;
	uint32_t window; /* bytes that would still go out at once */
	uint32_t unsent; /* bytes given beyond that */
	uint32_t room;	 /* bytes that tcp_send() still takes */
	bool open;	 /* closed() was not called */
	bool paused;
	bool stranger;	 /* tcp_trust(), tcp_guest() */
	bool withheld;	 /* it waits for credit */
	uint64_t user;	 /* tcp_charge() */
	bool wants_room; /* tcp_send_wait(), or a tcp_send() that failed */
	enum tcp_end why;
};

/* What was asked of dp/turn/peer.h. */
struct fake_peer {
	uint32_t accepts;  /* peer_conn_accept() */
	uint32_t sessions; /* peer_conn_session_del() */
	uint32_t gone;	   /* conn_gone_event() */
	struct ctl_sid sid;
	struct ctl_conn conn;
	enum ctl_conn_role role;
	enum tcp_end why;
};
extern struct fake_peer fake_peer;

/* Starts the fake on worker w, or makes it forget everything. */
void fake_tcp_start(struct worker *w);

/* A client connects: asks dispatch_accept(). NULL if that says no. */
struct fake_conn *fake_open(struct worker *w, const struct sock_addr *local,
			    const struct sock_addr *remote);
/* One segment's bytes; the owner hears of them at fake_run(). at_end: no room behind them. */
void fake_feed(struct worker *w, struct fake_conn *f, const void *bytes, uint32_t len, bool at_end);
void fake_fin(struct worker *w, struct fake_conn *f);
/* The connection ends from the other side. */
void fake_end(struct worker *w, struct fake_conn *f, enum tcp_end why);
/* Nothing goes out any more, and something waits to. */
void fake_stall(struct fake_conn *f);
/* Something was acknowledged: all is sent, window and room are these. */
void fake_acked(struct fake_conn *f, uint32_t window, uint32_t room);
/* Owners and workers until all is quiet. */
void fake_run(void);

#endif
