/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_NET_ANNOUNCE_H
#define FL_DP_NET_ANNOUNCE_H

/*
 * Our addresses on the link. When a port's link comes up worker 0 asks twice whether somebody else
 * has them (RFC 5227 2.1.1, RFC 4862 5.4), then announces them three times (RFC 5227 2.3, RFC 4861
 * 7.2.6) and reports their multicast groups (RFC 3810). They serve from the start. An address that
 * somebody else has is not announced; it is asked for again every ten seconds. One that has been
 * announced is kept whoever claims it, and defended (RFC 5227 2.4 (c), the limit of (b)).
 */
#include "../worker.h"

enum {
	ANNOUNCE_PROBES = 2,
	ANNOUNCE_PROBE_MS = 500, /* between questions, and from the last to an announcement */
	ANNOUNCE_ROUNDS = 3,
	ANNOUNCE_ROUND_MS = 2000,   /* between them (ANNOUNCE_INTERVAL) */
	ANNOUNCE_DEFEND_MS = 10000, /* between two defences, and questions for a taken address */
	ANNOUNCE_QUIET_MS = 60000,  /* so long without a claim ends a conflict */
	ANNOUNCE_FRAMES = 16,	    /* sent in one call of announce_tick(), MLD apart */
	ANNOUNCE_TELL_MS = 60000,   /* between two lines of the log about one address */
	ANNOUNCE_TELL_LEN = 256,
};

/* Of worker 0's net; others reach it through dplane.worker[0]. */
struct announce *announce_create(void);
void announce_free(struct announce *a);

/* Housekeeping of worker 0, every NEIGH_TICK_MS: a bounded number of frames. */
void announce_tick(struct worker *w);

/*
 * What came by port says that mac has ip. If ip is an address of that port and mac another's than
 * the port's, this is a conflict. Any worker may call it.
 */
void announce_claimed(const struct worker *w, uint16_t port, const struct ip_addr *ip,
		      const uint8_t *mac);

/* A router asked for groups on this port; it waits at most so long for a report. Any worker. */
void announce_queried(const struct worker *w, uint16_t port, uint32_t max_ms);

/* Claims of others for addresses of this port so far. The service thread, or a test. */
uint64_t announce_conflicts(const struct dplane *dp, uint16_t port);

/*
 * Calls tell() with a sentence for each address whose conflict began, or ended, since the last
 * call. The service thread only; now_ms is CLOCK_MONOTONIC.
 */
void announce_news(const struct dplane *dp, uint64_t now_ms,
		   void (*tell)(bool conflict, const char *line));

/* ---- frames (arp.c, nd.c, mld.c); own is an address of the port ---- */

void arp_probe(struct worker *w, uint16_t port, const struct ip_addr *own);
void arp_announce(struct worker *w, uint16_t port, const struct ip_addr *own);
void nd_probe(struct worker *w, uint16_t port, const struct ip_addr *own);
void nd_announce(struct worker *w, uint16_t port, const struct ip_addr *own);
/* ff02::1:ffXX:XXXX (RFC 4291 2.7.1). */
struct ip_addr nd_group(const struct ip_addr *a);

/* Reports the groups of all addresses of a port, as an answer to a query or unasked. */
void mld_report(struct worker *w, uint16_t port, bool answer);
/* A query, checksum verified by the caller. Takes p->m. */
void mld_query(struct worker *w, struct pkt *p);

#endif
