/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_TCP_H
#define FL_DP_TCP_TCP_H

/*
 * TCP as the rest of the dataplane sees it. One stack a worker; a connection belongs to one worker
 * and is touched by no other. A connection is a byte stream in packet buffers: what came is taken
 * with tcp_recv(), what goes is given with tcp_send(), and bytes are not copied in between.
 *
 * Nothing calls back while a segment is being processed. A segment, a timer or a call from above
 * marks the connection dirty; tcp_turn(), once a turn of the loop, tells the owner of each dirty
 * connection (struct tcp_app) and then sends what there is to send. So an owner may do anything to
 * any connection at any time, and what is given in one turn shares segments and ACKs.
 */
#include "queue.h"
#include "../../lib/tcp_end.h"

struct tcp_conn;
struct tls_expect;

enum { TCP_APP_DATA = 64 }; /* bytes of a connection that are its owner's */

/*
 * Who owns a connection. Calls come from tcp_turn() only, but for arrived(), which comes with the
 * connection. Any of them may send, receive, close or abort this connection or others.
 */
struct tcp_app {
	const char *name;
	enum ctl_conn_role role;
	/*
	 * With TLS (tls/expect.h), as the handshake begins: what is expected of the other side. e
	 * is all zeros. NULL: what the TLS domain says. If it aborts c, there is no handshake.
	 */
	void (*expect)(struct worker *w, struct tcp_conn *c, struct tls_expect *e);
	/*
	 * With TLS, as a server and before anything is answered: whether the stream is to be the
	 * owner's as it came, TLS and all, by what the ClientHello in a record of n bytes says.
	 * Then established() follows, and there is no layer any more. NULL: it never is.
	 */
	bool (*hello)(struct worker *w, struct tcp_conn *c, const uint8_t *record, uint32_t n);
	/* The handshake is over. */
	void (*established)(struct worker *w, struct tcp_conn *c);
	/* There are bytes to take, or the other side's FIN was reached (tcp_recv_fin()). */
	void (*readable)(struct worker *w, struct tcp_conn *c);
	/* A tcp_send() that had no room may be tried again. NULL where none waits for room. */
	void (*writable)(struct worker *w, struct tcp_conn *c);
	/* The timer of tcp_app_timer(). NULL where none is used. */
	void (*timeout)(struct worker *w, struct tcp_conn *c);
	/* tcp_move() brought it to this worker. NULL where owners never move theirs. */
	void (*arrived)(struct worker *w, struct tcp_conn *c);
	/*
	 * Packet buffers are short: drops what it keeps for c (tcp_hold()) and can do without. NULL
	 * where nothing is kept.
	 */
	void (*spare)(struct worker *w, struct tcp_conn *c);
	/* Slot of the session it serves, for display. NULL, or SLOT_NONE: none. */
	uint32_t (*session)(struct tcp_conn *c);
	/* For display: what its owner knows besides (passed, joined). NULL: nothing. */
	void (*show)(const struct worker *w, struct tcp_conn *c, struct ctl_conn_info *i);
	/* The last call: c is gone when it returns. The owner frees what it holds. */
	void (*closed)(struct worker *w, struct tcp_conn *c, enum tcp_end why);
};

/*
 * A layer between a connection and its owner: TLS. It has its own bytes in and out; the owner's
 * calls (the stream, below) go to those, and the layer carries them to and from the connection.
 * Calls come from tcp_turn() only.
 */
struct tcp_layer_ops {
	/*
	 * The connection is open: make the layer with tcp_layer_set(). The owner's established()
	 * waits for tcp_layer_ready(). arg is that of the request.
	 */
	void (*opened)(struct worker *w, struct tcp_conn *c, uint16_t arg);
	/*
	 * Before the owner is told of anything: the connection's bytes (tcp_raw()) into layer->in,
	 * while that has no more than tcp.receive-buffer; tcp_layer_fin() when their end was
	 * announced.
	 */
	void (*input)(struct worker *w, struct tcp_conn *c);
	/* After the owner was told, before output: layer->out into the connection, tcp_raw_send().
	 */
	void (*output)(struct worker *w, struct tcp_conn *c);
	/* The timer of tcp_layer_timer(). */
	void (*timeout)(struct worker *w, struct tcp_conn *c);
	/* The connection is over; free the layer. Its queues are empty. */
	void (*closed)(struct worker *w, struct tcp_conn *c, enum tcp_end why);
	/* tcp_move(): it is leaving this worker, or has come to it. */
	void (*moved)(struct worker *w, struct tcp_conn *c, bool here);
	/* Its part of what operators see. */
	void (*info)(const struct tcp_conn *c, struct ctl_conn_info *i);
};

/* First member of what a layer keeps of a connection. */
struct tcp_layer {
	struct mbuf_queue in;  /* for the owner */
	struct mbuf_queue out; /* from the owner */
	bool timed_out;	       /* its timer fired */
	bool fin_in;	       /* tcp_layer_fin() */
	bool fin_out;	       /* the owner shut down: the layer sends its close_notify, then
				  tcp_raw_shutdown() */
};

/*
 * A connection to be opened: from here by tcp_connect(), or by a SYN, of which accept() is asked.
 * What it begins with is there before its first segment is built.
 */
struct tcp_request {
	struct sock_addr local, remote;
	uint16_t in_port; /* index of the port that the SYN came by */
	/* tcp_connect(): a connection of this owner between the same addresses is reset for it. */
	const struct tcp_app *over;
	/* The answer of accept(). */
	uint8_t data[TCP_APP_DATA];	   /* the owner's bytes */
	const struct tcp_layer_ops *layer; /* NULL: none */
	uint16_t layer_arg;
	uint8_t dscp;  /* as tcp_dscp() */
	bool stranger; /* nobody vouches for it before tcp_trust() */
};

/*
 * Whether there is a listener for r: its owner, with the answer in r, or NULL. Called for every SYN
 * and for every SYN cookie that comes back; must not store anything. The dataplane's
 * is dispatch_accept(), which worker_create() sets; tests set their own. None: nobody listens.
 */
typedef const struct tcp_app *tcp_accept_fn(struct worker *w, struct tcp_request *r);
void tcp_listen(struct worker *w, tcp_accept_fn *accept);

/* ---- life ---- */

/* Part of worker_create(), worker_free(). On failure one sentence in err. */
bool tcp_create(struct worker *w, char *err, size_t errlen);
void tcp_destroy(struct worker *w);

/* n <= BURST segments for us: parsed down to IP, p->l4_len bytes of TCP. Takes the mbufs. */
void tcp_input(struct worker *w, struct pkt **p, uint16_t n);
/* Fires timers that are due; once a turn, before anything is received. Returns how many. */
uint32_t tcp_timers(struct worker *w);
/* Owners, output; once a turn, before tx_flush(). Returns the work done. */
uint32_t tcp_turn(struct worker *w);
/* Gauges and a few entries of the region's connection table; every NEIGH_TICK_MS. */
void tcp_tick(struct worker *w);
/* Another configuration is in force. Listeners may have gone: connections that came by them end in
 * order, some each tick. */
void tcp_snapshot(struct worker *w);
/* Packet buffers held by connections. */
uint32_t tcp_held(const struct worker *w);

/*
 * An ICMP error quotes a segment of ours with sequence number seq (RFC 5927): mtu of "too big", or
 * 0 when it says that the other side cannot be reached. False when it is about none of ours.
 */
bool tcp_icmp(struct worker *w, const struct sock_addr *local, const struct sock_addr *remote,
	      uint32_t seq, uint32_t mtu);

/* ---- connections ---- */

/*
 * Opens a connection (RFC 9293 3.5, 3.10.1). local.port 0 picks a port whose replies come to this
 * worker (RFC 6056). NULL with the reason in *why: EXISTS, NO_BUFFER, UNREACHABLE. Success is told
 * by established(), failure by closed().
 */
struct tcp_conn *tcp_connect(struct worker *w, const struct tcp_request *r,
			     const struct tcp_app *app, enum tcp_end *why);

/* By its name, NULL if there is no such connection (any more). */
struct tcp_conn *tcp_find(struct worker *w, struct ctl_conn name);
struct ctl_conn tcp_name(const struct worker *w, const struct tcp_conn *c);
/* For display: slot of the session that a connection serves, or SLOT_NONE. */
uint32_t tcp_session(const struct tcp_conn *c);
/* The same of the connection between two addresses, if there is one. */
uint32_t tcp_session_between(const struct worker *w, const struct sock_addr *local,
			     const struct sock_addr *remote);
/* The owner's bytes: aligned to 8, TCP_APP_DATA of them. */
void *tcp_data(struct tcp_conn *c);
/* Gives the connection another owner. Its bytes are the old one's: the caller rewrites them. */
void tcp_own(struct tcp_conn *c, const struct tcp_app *app);
const struct tcp_app *tcp_app(const struct tcp_conn *c);
enum tcp_state tcp_state(const struct tcp_conn *c);
void tcp_addrs(const struct worker *w, const struct tcp_conn *c, struct sock_addr *local,
	       struct sock_addr *remote);
/* What its owner, or the layer, has closed it for; nothing before (tcp_layer_closing()). */
enum tcp_end tcp_why(const struct tcp_conn *c);
/* Of its segments from now on (RFC 2474): 0 to 63. ECN goes its own way. */
void tcp_dscp(struct tcp_conn *c, uint8_t dscp);
/* Fills what the region and tests show; seq is left alone. */
void tcp_info(const struct worker *w, const struct tcp_conn *c, struct ctl_conn_info *i);
/*
 * The control process sees it as it is now, and finds it by its address. All are shown in turn:
 * this is for who will be asked about at once.
 */
void tcp_show(const struct worker *w, const struct tcp_conn *c);

/* ---- what it holds: doc/arch/limits.md ---- */

/*
 * Its owner vouches for it, or no more: it belongs to an allocation, a termination. One that nobody
 * vouches for (tcp_request.stranger) gets a small window and a few packet buffers, and makes room
 * when others need it.
 */
void tcp_trust(struct worker *w, struct tcp_conn *c, bool trusted);
/*
 * Somebody else may know who it is, but does not say so: it may hold what one that is vouched for
 * may, together with its source's others, and makes room where its source has most connections.
 */
void tcp_guest(struct worker *w, struct tcp_conn *c);
/*
 * The owner, or the layer, keeps n packet buffers for c: they are c's until they are given back
 * with tcp_unhold(), or nobody's if c has gone before. c NULL: nobody's from the beginning. False
 * when c may hold no more.
 */
bool tcp_hold(struct worker *w, struct tcp_conn *c, uint32_t n);
void tcp_unhold(struct worker *w, struct tcp_conn *c, uint32_t n);
/*
 * What c holds counts in *sum, too, and the bounds are for that: connections of one allocation are
 * one holder. NULL: for c alone again. The sum must stay where it is until then, or c is dead.
 */
void tcp_share(struct worker *w, struct tcp_conn *c, uint32_t *sum);
/*
 * What c holds is charged to this user of the control process's as well, or where that names none,
 * 0, to its source, as is done anyway for whom nobody vouches for (accounts.h): whoever has more
 * than his share gets less when buffers are short. Ends with each word of who vouches for c; or:
 * charged as `other` is, to whom it leads.
 */
void tcp_charge(struct worker *w, struct tcp_conn *c, uint64_t user);
void tcp_charge_with(struct worker *w, struct tcp_conn *c, const struct tcp_conn *other);
/*
 * A table of connections is full, or nearly so: ends who has the least claim to its place there, a
 * stranger or a guest (places.h), of which closed() tells with ROOM or SHARE. NULL: nobody. What it
 * has is free in the next turn.
 */
enum tcp_table {
	TCP_TABLE_CONNS,  /* tcp.connections */
	TCP_TABLE_LAYERS, /* those with a layer: tls.connections */
	TCP_TABLES
};
struct tcp_conn *tcp_evict(struct worker *w, enum tcp_table table);

/* ---- the stream, in ---- */

/* Bytes that wait to be taken. */
uint32_t tcp_readable(const struct tcp_conn *c);
/* The most that may ever wait: what is longer never becomes whole. */
uint32_t tcp_recv_most(const struct tcp_conn *c);
/* All bytes were taken and the other side has closed its direction. */
bool tcp_recv_fin(const struct tcp_conn *c);
/* The first buffer: one segment (nb_segs 1), never empty. NULL when there is none. Not taken. */
struct rte_mbuf *tcp_recv_peek(const struct tcp_conn *c);
/*
 * Takes the first buffer: the caller's from now on, and counted as made (pkt_consume(),
 * pkt_drop() or sending it). NULL when there is none.
 */
struct rte_mbuf *tcp_recv(struct worker *w, struct tcp_conn *c);
/* The other side may send nothing more until it is its turn (credit.h). */
bool tcp_waits_for_credit(const struct worker *w, const struct tcp_conn *c);
/* Drops n <= tcp_readable() bytes from the front. */
void tcp_recv_skip(struct worker *w, struct tcp_conn *c, uint32_t n);
/* Copies n <= tcp_readable() bytes from offset `off` without taking them. */
void tcp_recv_copy(const struct tcp_conn *c, uint32_t off, void *to, uint32_t n);
/* What has come is readable now, and not only once the layer has had its turn; c may end by it. */
void tcp_recv_now(struct worker *w, struct tcp_conn *c);
/* While paused, readable() is not called and the window closes as the buffer fills. */
void tcp_recv_pause(struct worker *w, struct tcp_conn *c, bool paused);

/* ---- the stream, out ---- */

/* Bytes the send buffer takes now; 0 when closed. */
uint32_t tcp_send_room(const struct worker *w, const struct tcp_conn *c);
/* Bytes given that were never sent: what the window keeps back. */
uint32_t tcp_send_unsent(const struct tcp_conn *c);
/* Bytes that would go out at once if they were given now: what both windows let go. */
uint32_t tcp_send_window(const struct worker *w, const struct tcp_conn *c);
/* Asks for writable() when something was acknowledged, whether there is room before or not. */
void tcp_send_wait(struct tcp_conn *c);
/*
 * Gives a packet (chained or not, data at the first stream byte; counted as one packet that is
 * here). Taken if true. False, and m still the caller's, when the buffer has no room for all of it
 * (then writable() follows), or when this direction is closed.
 */
bool tcp_send(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m);
/*
 * Gives to the one what waits first to be taken from the other, as it is, and however few buffers
 * there are. Returns its bytes; 0, and nothing has moved, when there are none or no room for them.
 */
uint32_t tcp_pass(struct worker *w, struct tcp_conn *from, struct tcp_conn *to);
/*
 * Copies bytes into buffers of its own. All or nothing, as tcp_send(); also false when the pool is
 * empty, of whose end nobody tells: writable() need not follow.
 */
bool tcp_send_bytes(struct worker *w, struct tcp_conn *c, const void *p, uint32_t len);
/* Nothing can be given any more: the direction is shut down, or the connection over. */
bool tcp_send_over(const struct tcp_conn *c);
/*
 * Copies bytes that the owner owes and keeps account of into buffers of its own: the send buffer's
 * bound does not hold, nor that of the buffers of all connections. False if tcp_send_over(), or the
 * pool is empty.
 */
bool tcp_send_owed(struct worker *w, struct tcp_conn *c, const void *p, uint32_t len);
/* FIN after what was given (RFC 9293 3.10.4); bytes are still received. */
void tcp_shutdown(struct worker *w, struct tcp_conn *c);
/*
 * The owner is done: FIN after what was given, and what comes from now on is answered with RST
 * (RFC 2525 2.17). closed(why) follows when the connection is over.
 */
void tcp_close(struct worker *w, struct tcp_conn *c, enum tcp_end why);
/* RST, at once; closed(why) follows. */
void tcp_abort(struct worker *w, struct tcp_conn *c, enum tcp_end why);

/* timeout() after ms; 0 stops it. */
void tcp_app_timer(struct worker *w, struct tcp_conn *c, uint32_t ms);

/* ---- for layers ---- */

/* NULL before opened(), and without one. */
struct tcp_layer *tcp_layer(const struct tcp_conn *c);
const struct tcp_layer_ops *tcp_layer_ops(const struct tcp_conn *c);
/* The layer of c from now on; its queues are empty. */
void tcp_layer_set(struct tcp_conn *c, struct tcp_layer *l);
/* The handshake is over: the owner's established(), in this turn. */
void tcp_layer_ready(struct worker *w, struct tcp_conn *c);
/*
 * The layer has read nothing, and leaves: closed() of struct tcp_layer_ops comes at once, then the
 * owner's established() in this turn, and what came is the owner's. From input() only.
 */
void tcp_layer_leave(struct worker *w, struct tcp_conn *c);
/* The other side announced the end of its bytes; FIN alone does not say so. */
void tcp_layer_fin(struct worker *w, struct tcp_conn *c);
/* timeout() after ms; 0 stops it. */
void tcp_layer_timer(struct worker *w, struct tcp_conn *c, uint32_t ms);
/* Another turn for c, although nothing came. */
void tcp_layer_again(struct worker *w, struct tcp_conn *c);

/* The owner has closed: nobody reads any more. */
bool tcp_layer_closing(const struct tcp_conn *c);

/* The window grows to so many bytes, and no more, from now on; what was offered stands. */
void tcp_recv_limit(struct tcp_conn *c, uint32_t bytes);
/* What came and was not taken, below the layer. */
struct mbuf_queue *tcp_raw(struct tcp_conn *c);
/*
 * The window that was offered has room for n bytes more, and for a segment as long as the other
 * side's: with less it may not send (RFC 9293 3.8.6.2.1).
 */
bool tcp_raw_offered(const struct tcp_conn *c, uint32_t n);
/* FIN came: nothing follows what is there. */
bool tcp_raw_fin(const struct tcp_conn *c);
/* Sends below the layer: never refused for want of room, which tcp_send() has looked at. */
void tcp_raw_send(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m);
/* FIN after what was given. */
void tcp_raw_shutdown(struct worker *w, struct tcp_conn *c);
/* Segment size, congestion window, and bytes that would go out at once if they were given now. */
uint32_t tcp_raw_mss(const struct tcp_conn *c);
uint32_t tcp_raw_cwnd(const struct tcp_conn *c);
uint32_t tcp_raw_window(const struct worker *w, const struct tcp_conn *c);

/* ---- between workers (move.c) ---- */

/*
 * Moves an open connection to another worker. Its owner's arrived() is called there, with the
 * owner's bytes as they are; segments that still come here follow it until it ends. c is gone from
 * here when this returns, and closed() is not called. When there is no room for one more it is
 * ended instead (NO_BUFFER), of which closed() tells as ever. False: the way is full, which a flood
 * may make it for a while, and c is as it was. to is another worker.
 */
bool tcp_move(struct worker *w, struct tcp_conn *c, uint16_t to);
/* Takes a message of tcp_move() or one that says that a moved connection has ended. Takes m. */
void tcp_move_input(struct worker *w, struct rte_mbuf *m);

#endif
