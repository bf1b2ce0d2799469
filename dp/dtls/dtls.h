/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_DTLS_DTLS_H
#define FL_DP_DTLS_DTLS_H

/*
 * DTLS 1.2 (RFC 6347) on datagrams to ports of ours. An association is known by the other side's
 * address and port and what of ours they come to: a listener, or a component of a termination. The
 * owner sees plaintext, a datagram for a datagram. OpenSSL makes handshakes on crypto threads, as
 * those of TLS; records are opened and sealed here, where they lie.
 *
 * Nothing is kept of a client before it has sent a cookie back, which shows that it is where it
 * says (hello.h). Its owner may vouch for it; who is no more than a stranger makes room when
 * associations are short, and ends when it is silent.
 */
#include "../worker.h"
#include "../../lib/tcp_end.h"

struct dtls_conn;
struct dtls_worker;
struct handshake;

enum { DTLS_APP_DATA = 64 };

/* What it is between. */
struct dtls_at {
	struct sock_addr remote, local;
	/* The place of a listener, or an entry of the relay table (gate_component()). */
	uint32_t port;
};

/* What the owner says of a handshake that is over. */
enum dtls_verdict {
	DTLS_TAKEN,
	/* As a server: not yet. Our Finished waits for dtls_judge(), and then for no more. */
	DTLS_HELD,
	DTLS_REFUSED, /* the other side hears of it by a fatal alert */
};

/* The owner of an association. */
struct dtls_app {
	/* Before a handshake begins: says what is expected of it. NULL: what its domain says. */
	void (*begin)(struct worker *w, const struct dtls_conn *c, struct handshake *s);
	/* It is over, and has its result. *why: of who is not taken, or not in time. NULL: all are.
	 */
	enum dtls_verdict (*opened)(struct worker *w, struct dtls_conn *c,
				    const struct handshake *s, enum tcp_end *why);
	/* It did not come to that. NULL: whatever. */
	void (*failed)(struct worker *w, struct dtls_conn *c, enum tcp_end why);
	/* A datagram that the other side sent: what m holds, a byte at least. Takes m. */
	void (*message)(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m);
	/* Something that came there goes nowhere. NULL: who owns it does not count. */
	void (*dropped)(struct worker *w, const struct dtls_at *at);
	/* It is over: an association that had been open. */
	void (*ended)(struct worker *w, struct dtls_conn *c, enum tcp_end why);
	/* Of the session that it has, SLOT_NONE: none. */
	uint32_t (*session)(const struct dtls_conn *c);
};

/* Part of worker_create(), worker_free(). On failure one sentence in err. */
bool dtls_create(struct worker *w, char *err, size_t errlen);
void dtls_destroy(struct worker *w);

/* A datagram of at->remote, to a port whose associations are app's. Takes p->m. */
void dtls_input(struct worker *w, struct pkt *p, const struct dtls_at *at,
		const struct dtls_app *app);
/*
 * Begins a handshake as its client, or waits for the turn to. There is no association there. NULL:
 * there is no room.
 */
struct dtls_conn *dtls_connect(struct worker *w, const struct dtls_at *at,
			       const struct dtls_app *app);
/* A handshake that came back from a crypto thread. */
void dtls_back(struct worker *w, struct handshake *s);
/* Timers, silence and gauges, every NEIGH_TICK_MS. */
void dtls_tick(struct worker *w);
/* Packets kept. */
uint32_t dtls_held(const struct worker *w);

/* ---- associations ---- */

/* Whether a name is an association's. */
static inline bool dtls_named(uint32_t idx)
{
	return idx & CTL_CONN_DTLS;
}

/* NULL: it is over, or its handshake is not. */
struct dtls_conn *dtls_find(struct worker *w, struct ctl_conn name);
/* The same, and one whose handshake is under way. */
struct dtls_conn *dtls_find_any(struct worker *w, struct ctl_conn name);
/* The one that is there, whatever its state is; NULL: none. */
struct dtls_conn *dtls_find_at(struct worker *w, const struct dtls_at *at);
struct ctl_conn dtls_name(const struct dtls_conn *c);
const struct dtls_at *dtls_at(const struct dtls_conn *c);
bool dtls_connects(const struct dtls_conn *c); /* we are its client */
const struct dtls_app *dtls_app(const struct dtls_conn *c);
/* The owner's bytes, DTLS_APP_DATA of them, zeros at first. */
void *dtls_data(struct dtls_conn *c);

/* The owner vouches for it, or does so no more. */
void dtls_trust(struct worker *w, struct dtls_conn *c, bool trusted);
/* Seals what m holds and sends it as one datagram. Takes m. False: it was dropped. */
bool dtls_send(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m);
/* Ends it: the other side hears of it by close_notify, if it is open. */
void dtls_close(struct worker *w, struct dtls_conn *c, enum tcp_end why);
/* Ends it, and says nothing: another takes its place. */
void dtls_abandon(struct worker *w, struct dtls_conn *c, enum tcp_end why);
/* Those whose handshake is under way at a port and an address of ours, whoever they are of. */
void dtls_abandon_busy(struct worker *w, const struct dtls_at *at);
/* Those that are held there are judged again, until one is not held any more. */
void dtls_judge(struct worker *w, const struct dtls_at *at);
/* It goes on elsewhere. False: it has ended, since there is another or no room. */
bool dtls_move(struct worker *w, struct dtls_conn *c, const struct dtls_at *to);

#endif
