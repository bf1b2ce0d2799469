/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_NET_PING_H
#define FL_DP_NET_PING_H

/*
 * Questions of ours to other hosts, for who asks the control process (fairlead ping, arping): an
 * echo, or a request for a link-layer address. A worker has PINGS of them at most under way. An
 * echo has an identifier that names the worker, so that its reply finds there whatever queue it
 * comes by, and a payload that nobody can know who has not seen the request.
 */
#include "../worker.h"

enum { PINGS = 32 };

struct ping {
	struct ip_addr to;
	uint64_t sent_us, due_us;
	uint64_t token;	     /* the payload's first bytes */
	struct evt_ping evt; /* what is told in the end */
	uint16_t seq, size;
	uint8_t what; /* enum ping_what; 0: free */
	bool over;    /* it waits for room among the events */
};

struct pings {
	struct ping ping[PINGS];
	uint16_t n; /* in use */
	uint16_t seq;
};

struct icmp_report;

/* CMD_PING. False when a value is impossible. */
bool ping_begin(struct worker *w, const struct cmd_ping *c);
/* An echo reply for an address of ours, checksum verified by the caller. Takes p->m. */
void ping_input(struct worker *w, struct pkt *p);
/* An ICMP error about an echo of ours. Takes p->m. */
void ping_error(struct worker *w, struct pkt *p, const struct icmp_report *r);
/* Somebody who was asked by `to`, an address of ours, said that mac has ip. */
void ping_resolved(struct worker *w, uint16_t port, const struct ip_addr *ip,
		   const struct ip_addr *to, const uint8_t *mac);
/* Housekeeping: what has waited for too long is told. */
void ping_tick(struct worker *w);

#endif
