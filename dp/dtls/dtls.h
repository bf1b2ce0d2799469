/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_DTLS_DTLS_H
#define FL_DP_DTLS_DTLS_H

/*
 * DTLS 1.2 (RFC 6347) on datagrams to ports of ours. An association is known by the other side's
 * address and port and the listener they come to. The owner sees plaintext, a datagram for a
 * datagram. OpenSSL makes handshakes on crypto threads, as those of TLS; records are opened and
 * sealed here, where they lie.
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

/* The owner of an association. */
struct dtls_app {
	/* A datagram that the other side sent: what m holds, a byte at least. Takes m. */
	void (*message)(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m);
	/* It is over: an association that had been open. */
	void (*ended)(struct worker *w, struct dtls_conn *c, enum tcp_end why);
	/* Of the session that it has, SLOT_NONE: none. */
	uint32_t (*session)(const struct dtls_conn *c);
};

/* Part of worker_create(), worker_free(). On failure one sentence in err. */
bool dtls_create(struct worker *w, char *err, size_t errlen);
void dtls_destroy(struct worker *w);

/* A datagram to listener p->index, which is of DTLS and whose associations are app's. Takes p->m.
 */
void dtls_input(struct worker *w, struct pkt *p, const struct dtls_app *app);
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
struct ctl_conn dtls_name(const struct dtls_conn *c);
/* The other side's address; ours. */
const struct sock_addr *dtls_client(const struct dtls_conn *c);
const struct sock_addr *dtls_local(const struct dtls_conn *c);
uint16_t dtls_listener(const struct dtls_conn *c);
const struct dtls_app *dtls_app(const struct dtls_conn *c);
/* The owner's bytes, DTLS_APP_DATA of them, zeros at first. */
void *dtls_data(struct dtls_conn *c);

/* The owner vouches for it, or does so no more. */
void dtls_trust(struct worker *w, struct dtls_conn *c, bool trusted);
/* Seals what m holds and sends it as one datagram. Takes m. False: it was dropped. */
bool dtls_send(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m);
/* Ends it: the other side hears of it by close_notify. */
void dtls_close(struct worker *w, struct dtls_conn *c, enum tcp_end why);

#endif
