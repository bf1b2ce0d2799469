/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_FAKE_DP_H
#define FL_TESTS_FAKE_DP_H

/* A dataplane in this process: the region and its rings, without packets. */
#include "conf/config.h"
#include "cp/server.h"

enum { FAKE_WORKERS = 64 };

struct fake_dp {
	int memfd;
	int wake_cp;
	uint8_t *base;
	uint64_t size;
	struct region *region;
	struct ring cmd[FAKE_WORKERS];
	struct ring evt[FAKE_WORKERS];
};

void fake_dp_open(struct fake_dp *f, const struct config *c, uint32_t slots);
void fake_dp_close(struct fake_dp *f);

/* Gives l copies of the descriptors. */
bool fake_dp_attach(struct fake_dp *f, struct server *s, char *err, size_t errlen);

void fake_dp_event(struct fake_dp *f, uint32_t worker, const void *msg, size_t len);
void fake_dp_punt(struct fake_dp *f, uint32_t worker, const struct sock_addr *client,
		  const void *stun, size_t len, uint64_t rx_us);
/* The same from any leg. */
void fake_dp_punt_leg(struct fake_dp *f, uint32_t worker, const struct ctl_leg *leg,
		      const void *stun, size_t len, uint64_t rx_us);
void fake_dp_result(struct fake_dp *f, uint32_t worker, uint16_t type, uint32_t seq,
		    struct ctl_sid sid);

/* EVT_PEER_REFUSED; channel 0: a permission. */
void fake_dp_peer_refused(struct fake_dp *f, uint32_t worker, struct ctl_sid sid,
			  const struct sock_addr *peer, uint16_t channel);

/* EVT_CONNECTED, EVT_CONNECT_FAILED, EVT_PEER_ATTEMPT; fills in type, length and seq. */
void fake_dp_peer_conn(struct fake_dp *f, uint32_t worker, uint16_t type, uint32_t seq,
		       const struct evt_peer_conn *e);
/* A row that was written is found by its address. */
void fake_dp_conn_shown(struct fake_dp *f, uint32_t worker, uint32_t idx);

void fake_dp_conn_gone(struct fake_dp *f, uint32_t worker, struct ctl_sid sid, struct ctl_conn conn,
		       enum ctl_conn_role role);

/* EVT_TERM about a context; fills in type, length and cid. */
void fake_dp_term(struct fake_dp *f, uint32_t worker, struct ctl_cid cid, const struct evt_term *e);
/* EVT_CONTEXT_STATS; answers the command with seq. */
void fake_dp_stats(struct fake_dp *f, uint32_t worker, const struct cmd_context *of,
		   const struct ctl_term_stats stats[2]);
void fake_dp_context_refused(struct fake_dp *f, uint32_t worker, struct ctl_cid cid,
			     enum ctl_refusal why);

/* Takes the next command. False if there is none. */
bool fake_dp_take(struct fake_dp *f, uint32_t worker, union ctl_cmd *c);

#endif
