/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_IPSEC_IPSEC_H
#define FL_DP_IPSEC_IPSEC_H

/*
 * IPsec associations with phones (RFC 4301, 4303, 3948; TS 33.203 7), at addresses of ours that the
 * configuration names (ipsec.addresses). What comes there by ESP is opened, and goes on as if it
 * had come so; what goes out from such an address is looked up by where it goes, and sealed where a
 * phone is, so that neither TCP nor anybody else knows of it (net/neigh.h, NEIGH_GATE). Protected
 * ports are reached by ESP alone, and nothing leaves them without.
 *
 * A phone's associations are with the worker that ctl_ipsec_worker() names.
 */
#include "../worker.h"

/* Of pkt.inner, beside what ipsec_input() puts there: it was judged by another worker. */
#define INNER_JUDGED (SLOT_NONE - 1)

/* Part of worker_create(), worker_free(): w->ipsec, NULL without addresses. */
bool ipsec_create(struct worker *w, char *err, size_t errlen);
void ipsec_destroy(struct worker *w);

/* ---- commands ---- */

bool ipsec_set(struct worker *w, const struct cmd_ipsec_set *c);
bool ipsec_del(struct worker *w, const struct cmd_ipsec *c);
bool ipsec_audit(struct worker *w, const struct cmd_ipsec *c);

/* What a replay between these two did not name ends. */
void ipsec_sync_begin(struct worker *w);
void ipsec_sync_end(struct worker *w);

/* For an audit (audit.h): slots, and whether one is told, or there is nothing to tell. */
uint32_t ipsec_slots(const struct worker *w);
bool ipsec_told(struct worker *w, uint32_t slot);

/* ---- packets ---- */

/* Whether p, a datagram, is to the port of ESP in UDP. */
static inline bool ipsec_is_udp(const struct worker *w, const struct pkt *p)
{
	return unlikely(p->local && p->local->ipsec) &&
	       be16_get(p->dport) == w->dp->conf->ipsec.udp_port;
}

/*
 * Opens n <= BURST packets of ESP, in UDP where p->proto is UDP's. Takes the mbufs. Returns how
 * many it put into inner: frames whose hash.usr says which association they came by, for
 * pkt.inner.
 */
uint16_t ipsec_input(struct worker *w, struct pkt **p, uint16_t n, struct rte_mbuf **inner);

/*
 * DROP_NONE, or why a packet that is parsed, to an address with ipsec or from an association, may
 * not go on. p->sport and p->dport are set for UDP and TCP, else zero.
 */
enum drop ipsec_judge(const struct worker *w, const struct pkt *p);

static inline enum drop ipsec_admit(const struct worker *w, const struct pkt *p)
{
	return likely(!p->local || !p->local->ipsec) && p->inner == SLOT_NONE ? DROP_NONE
									      : ipsec_judge(w, p);
}

/* The slot of the phone that p, which came by an association, is of. */
static inline uint32_t ipsec_slot_of(const struct pkt *p)
{
	return p->inner >> 1;
}

/*
 * Between which two ends we send to the phone in a slot of this worker's: our client port, and its
 * server port. False where none lives there, or its associations are for all ports.
 */
bool ipsec_ends(const struct worker *w, uint32_t slot, struct sock_addr *ours,
		struct sock_addr *theirs);

/* An IP packet (data at its header) from an address of ours with ipsec, that another worker handed
 * over, or that goes out. Takes m. */
void ipsec_output(struct worker *w, uint16_t port, struct rte_mbuf *m);

/* Seals and sends what ipsec_output() gathered. Returns packets. Ahead of tx_flush(). */
uint32_t ipsec_flush(struct worker *w);

/* Some associations: whether they are over, what is to be told of them, keep-alives. */
void ipsec_tick(struct worker *w);

#endif
