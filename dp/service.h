/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SERVICE_H
#define FL_DP_SERVICE_H

/*
 * The main thread after start: lets the control process attach over the Unix socket, watches it,
 * does what it asks for over that (struct msg_hdr), and publishes what the ports tell. Never
 * touches a packet.
 */
#include "dplane.h"
#include "heartbeat.h"
#include "outage.h"
#include "tls/watch.h"

#include <sys/types.h>

struct service {
	struct dplane *dp;
	int region_fd;
	int listen_fd;
	int client_fd;		/* connected socket; -1: nobody */
	bool attached;		/* it has been welcomed */
	uint64_t live_digest;	/* config_both_digest() of the file that was taken last */
	uint64_t hello_by;	/* ms; until then it may be silent */
	pid_t turned_away;	/* who came last while another was attached; 0: nobody */
	uint64_t stranger_told; /* the second in which the log named who is none of ours */
	struct heartbeat heartbeat;
	struct outage outage;
	struct tls_watch certificates;
	uint64_t second; /* in which the last look at ports and the like was */
	/* What the log says of the accelerator: */
	uint32_t stalls;     /* of how many, */
	bool stalled;	     /* that it has not come back, */
	uint64_t stall_told; /* and when it said so: ms */
};

/* Binds the socket; replaces one that a dead process left. False and one sentence in err. */
bool service_open(struct service *s, struct dplane *dp, int region_fd, char *err, size_t errlen);
/* One look at the clients, at most timeout_ms long; now_ms is CLOCK_MONOTONIC. */
void service_turn(struct service *s, uint64_t now_ms, int timeout_ms);
/* Runs until dp->stop. */
void service_run(struct service *s);
void service_close(struct service *s);

#endif
