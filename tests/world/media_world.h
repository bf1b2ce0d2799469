/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_MEDIA_WORLD_H
#define FL_TESTS_MEDIA_WORLD_H

/*
 * Workers with a gateway: relayed ports at the addresses of both ports, and contexts between them.
 * Side A is at the access port, side B at the core.
 *
 *   A's remote 10.1.0.2:6000, fd00:1::2 -- [10.1.0.1:50000 | 10.2.0.1:50100] -- B's 10.2.0.2:7000
 */
#include "control.h"
#include "dp/gateway/context.h"

enum {
	MEDIA_CONTEXTS = 8,
	MEDIA_A = 50000, /* local ports, of worker 0 where there are two */
	MEDIA_B = 50100,
	MEDIA_REMOTE_A = 6000,
	MEDIA_REMOTE_B = 7000,
	MEDIA_LATCH_MS = 3000,
};
enum { SIDE_A, SIDE_B };

/* cmocka's; config alone for who changes it before world_start(). */
void media_config(void);
int media_setup(void **state);

/* One side of a context in slot: gates open, RTCP beside if flags say TERM_RTP. v6: its family. */
struct ctl_term media_term(uint32_t side, uint32_t slot, uint16_t flags, bool v6);
struct cmd_context_set media_cmd(uint32_t slot, uint32_t gen, uint16_t flags);
/* Whether it was carried out. */
bool media_put(struct cmd_context_set *c);

/* media_cmd(), carried out. */
struct cmd_context_set media_call(uint16_t flags);

struct sock_addr media_local(const struct ctl_term *t, uint32_t rtcp);
/* A datagram comes in on a side. */
void media_feed(uint32_t side, const struct sock_addr *from, const struct sock_addr *to,
		const void *payload, size_t len);
/* RTP, or RTCP, from anybody to a component of a side, counters being marked; and out of another.
 */
extern const uint8_t media_packet[17], media_report[8];
void media_from(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp,
		const struct sock_addr *who);
void media_out(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp,
	       const struct sock_addr *dst, struct udp_view *v);
/* An RTP or RTCP packet from a side's remote to its component comes out at the other's. */
void media_passes(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp);
/* It does not, for this reason. */
void media_drops(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp, enum drop why);
/* Time goes by until every context was looked at. */
void media_later(uint64_t ms);

/* The next event, which is of this type and context. */
const void *media_evt(uint16_t type, struct ctl_cid cid);
void media_no_evt(void);
/* The next event says that the command in hand was refused. */
void media_refused(struct ctl_cid cid, enum ctl_refusal why);
/* What a component's remote was learnt to be. */
void media_latched(struct ctl_cid cid, uint32_t side, uint32_t rtcp, const struct sock_addr *who);
struct ctl_term_stats media_audit(struct ctl_cid cid, uint32_t side);

#endif
