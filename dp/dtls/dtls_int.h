/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_DTLS_DTLS_INT_H
#define FL_DP_DTLS_DTLS_INT_H

/*
 * Associations from the inside:
 *
 *   table.c      who there is, who waits, who makes room
 *   greet.c      from a ClientHello to the keys: crypto threads do handshakes
 *   dtls.c       what comes and goes afterwards; time
 */
#include "dtls.h"
#include "record.h"
#include "../clock.h"
#include "../tls/handshake.h"
#include "../tls/waiting.h"

enum dtls_state {
	DTLS_FREE,
	DTLS_WAITING, /* for a handshake: in dtls_worker.waiting */
	DTLS_HELLO,   /* has one, and not all of its ClientHello yet: in silent */
	DTLS_AWAY,    /* the crypto thread has the handshake */
	DTLS_SILENT,  /* we wait for the other side: in silent */
	DTLS_OPEN,    /* if it is a stranger's: in strange */
};

enum {
	DTLS_KEPT = 4,		 /* datagrams that wait, of one association */
	DTLS_LAST = 192,	 /* bytes of our last flight */
	DTLS_MTU = 1200,	 /* of our flights: passes where paths are narrow */
	DTLS_RESEND_MS = 500,	 /* from a flight to the next time that it goes */
	DTLS_LAST_MS = 100,	 /* our last flight goes no more often */
	DTLS_PATIENCE_MS = 1000, /* with who has a handshake, while others wait for one */
	DTLS_LOOK = 64,		 /* associations that a tick looks at, or more: */
	DTLS_ROUND = 32,	 /* ticks until all were looked at */
	DTLS_LOG2_BYTES = 38,	 /* under one key, see TLS_REKEY_LOG2_BYTES */
};

enum { ALERT_WARNING = 1, ALERT_FATAL = 2, ALERT_LEN = 2 };

struct dtls_conn {
	struct dtls_at at;
	bool client;   /* we are */
	uint8_t state; /* enum dtls_state; dtls_set_state() alone writes it */
	bool trusted;
	bool muted;   /* no close_notify: a fatal alert came */
	bool started; /* the crypto thread has had its handshake, */
	bool away;    /* and has it */
	bool held;    /* it is over, and the owner has not taken it yet */
	uint16_t why; /* enum tcp_end, if that does not come */
	uint32_t idx, gen;
	uint32_t begun_ms, heard_ms; /* low halves of now_ms */
	uint32_t since_us;	     /* when it began: low half of now_us */
	uint32_t due_ms;	     /* DTLS_SILENT: when the flight goes again, if resend */
	bool resend;
	struct handshake *handshake;
	struct waiter busy; /* until it is open: in dtls_worker.busy */
	struct waiter wait; /* in the list of its state */
	struct hello_join join;
	uint8_t n_kept;
	struct rte_mbuf *kept[DTLS_KEPT];
	const struct dtls_app *app;
	uint16_t suite, domain;
	uint16_t last_len;
	uint32_t last_ms;
	uint32_t rx_packets, tx_packets; /* lower halves */
	uint64_t rx_bytes, tx_bytes;	 /* of plaintext */
	struct dtls_window window;
	uint8_t data[DTLS_APP_DATA] __rte_aligned(8);
	uint8_t last[DTLS_LAST]; /* what a repeated Finished is answered with */
	struct tls_keys rd, wr;
} __rte_cache_aligned;

struct dtls_worker {
	struct aead *aead;
	struct rte_hash *table;
	struct dtls_conn *conn; /* [n] */
	uint32_t n, used;
	/* Of listeners, of terminations: each kind has places of its own. */
	uint32_t most[2], have[2];
	uint32_t clients; /* of those whose handshake is not over, we are the client */
	uint32_t handshakes;
	uint32_t leaving;   /* of these: given up, and not back from the crypto thread yet */
	uint32_t held;	    /* packets */
	uint32_t at;	    /* whose turn it is to be looked at */
	uint16_t resend_ms; /* DTLS_RESEND_MS, but for tests */
	uint32_t free;	    /* the first that is free; its due_ms is the next one */
	struct siphash_key cookie_key;
	struct tls_waiting waiting, strange;
	struct tls_list silent, busy;
	struct ctl_conn_info *info; /* in the region */
};

static inline struct dtls_conn *dtls_of_wait(struct waiter *e)
{
	return e ? RTE_PTR_SUB(e, offsetof(struct dtls_conn, wait)) : NULL;
}

static inline struct dtls_conn *dtls_of_busy(struct waiter *e)
{
	return e ? RTE_PTR_SUB(e, offsetof(struct dtls_conn, busy)) : NULL;
}

/* ---- table.c ---- */

/* Whether it is of a listener that is gone. */
bool assoc_orphan(const struct config *conf, const struct dtls_conn *c);
struct dtls_conn *assoc_find(const struct worker *w, const struct dtls_at *at);
/* In DTLS_FREE, for its caller to set another state. NULL: there is no room. */
struct dtls_conn *assoc_make(struct worker *w, const struct dtls_at *at,
			     const struct dtls_app *app);
/* Ends it whatever its state is; no alert is sent. */
void assoc_end(struct worker *w, struct dtls_conn *c, enum tcp_end why);
/* The one place where the state changes, and with it the list that it is in. */
void dtls_set_state(struct worker *w, struct dtls_conn *c, enum dtls_state s);
/* Keeps a datagram for later. Takes m. */
void assoc_keep(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m);
/* The first that was kept. */
struct rte_mbuf *assoc_take(struct worker *w, struct dtls_conn *c);

/* ---- greet.c ---- */

/* A datagram that begins with a ClientHello; c: who is known there, or NULL. Takes m. */
void greet_hello(struct worker *w, struct rte_mbuf *m, const struct dtls_at *at,
		 const struct dtls_record *rec, struct dtls_conn *c, const struct dtls_app *app);
/* Goes on with what was kept, as far as that goes. */
void greet_go(struct worker *w, struct dtls_conn *c);
/* The handshake is given up, and is back in its pool then or later. */
void greet_leave(struct worker *w, struct dtls_conn *c);
/* It is time for its flight once more. */
void greet_resend(struct worker *w, struct dtls_conn *c);
/* Its time is over. */
void greet_late(struct worker *w, struct dtls_conn *c);
/* Who has a handshake and says nothing gives way to those that wait. */
void greet_patience(struct worker *w);

/* ---- dtls.c ---- */

/* A datagram, which m holds; where the other side is a port of ours, within. Takes m. */
void assoc_send(struct worker *w, struct rte_mbuf *m, const struct dtls_at *at);
/* What came to at goes nowhere: its owner hears of it. Takes m. */
void assoc_drop(struct worker *w, const struct dtls_app *app, const struct dtls_at *at,
		struct rte_mbuf *m, enum drop why);
/* Its keys seal it. */
void open_alert(struct worker *w, struct dtls_conn *c, uint8_t level, uint8_t alert);

/* A datagram of an association that is open, from its first record on. Takes m. */
void open_datagram(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m);

#endif
