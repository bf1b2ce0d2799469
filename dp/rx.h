/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RX_H
#define FL_DP_RX_H

/*
 * From frames to what they are for. A burst goes through stages: prefetch, parse, look up, act;
 * whatever is not relay traffic leaves the burst during the parse.
 */
#include "worker.h"

/* Part of worker_create(), worker_free(). On failure one sentence in err. */
bool rx_create(struct worker *w, char *err, size_t errlen);
void rx_destroy(struct worker *w);

/* Receives a burst from each port this worker has a queue of; returns packets received. */
uint32_t rx_ports(struct worker *w);

/* The worker of a client's packet (its addresses and p->in_port), see doc/arch/dataplane.md,
 * "Steering". */
uint16_t rx_client_owner(const struct worker *w, const struct pkt *p);

enum rx_mode {
	RX_FRESH,      /* from a port: may belong to another worker */
	RX_STEERED,    /* handed over: this worker owns it */
	RX_REDIRECTED, /* handed over by a redirect: this worker has the client's session */
	RX_INNER, /* was in ESP that this worker has opened: pkt.inner says by which association */
	RX_COPY,  /* copy of an ARP or ND frame that another worker answered: learn from it */
};

/*
 * Processes n <= BURST frames that came in by a port (index). Takes the mbufs.
 */
void rx_burst(struct worker *w, struct rte_mbuf **m, uint16_t n, uint16_t port, enum rx_mode mode);

#endif
