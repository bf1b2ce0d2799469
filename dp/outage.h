/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_OUTAGE_H
#define FL_DP_OUTAGE_H

/*
 * Devices that cannot go on as they are: taken away by their bus, to be reset as their driver
 * says, or silent although there is something to send. Workers leave the ports of such a device
 * alone (LINK_OUT); once they do it is closed, and opened anew as soon as it can be had (reopen.h).
 * A member of a bond that is taken away leaves the bond, which goes on.
 */
#include "dplane.h"
#include "reopen.h"

enum {
	OUTAGE_STALL_S = 5,	 /* without a packet sent, though there were some to send */
	OUTAGE_DEAF_S = 60,	 /* of virtio, in which it received nothing, though it was given
				    some to send; OUTAGE_STALL_S if its link was down */
	OUTAGE_PAUSE_MS = 60000, /* between two times that a device is opened anew for that */
	OUTAGE_RETRY_MS = 5000,	 /* between looks for a device that is away */
	OUTAGE_END_MS = 10000,	 /* that the end of the process waits for a driver */
	OUTAGE_RESET_MS = 1000,	 /* before a device that wants a reset is opened: so does its PF */
};

enum outage_step {
	OUTAGE_NONE,
	OUTAGE_LEAVE, /* until each worker has made a turn without the port */
	OUTAGE_CLOSES,
	OUTAGE_AWAY, /* closed */
	OUTAGE_OPENS,
};

/* What is known of a port that has a device of its own. Members of a bond are bits, else bit 0. */
struct outage_port {
	_Atomic uint32_t gone, reset; /* DPDK's interrupt thread sets, the service thread takes */
	uint32_t leave;		      /* those that are closed in the end of OUTAGE_LEAVE */
	enum outage_step step;
	uint64_t beat[CTL_WORKERS_MAX]; /* of each worker, when OUTAGE_LEAVE began */
	uint64_t next_ms;		/* the next try to open it */
	uint32_t wait_ms;		/* before the first: the kernel has to take it away */
	bool told;			/* the log knows why it cannot be opened */
	uint64_t given, sent, heard;	/* packets, at the last look */
	uint16_t stalled_s, deaf_s;
	bool flapped;	  /* its link was down since it received something */
	uint64_t calm_ms; /* until then a stall is left alone */
};

struct outage {
	struct dplane *dp;
	struct reopen reopen; /* of one port at a time, in OUTAGE_CLOSES or OUTAGE_OPENS */
	uint64_t second;      /* of the last look for stalls */
	struct outage_port port[CTL_PORTS_MAX];
};

/* From here on devices can say that they are taken away, or want a reset. The service thread. */
void outage_watch(struct outage *o, struct dplane *dp);

/* The device of an ethdev is taken away, or (gone false) wants a reset. Any thread. */
void outage_wish(struct outage *o, uint16_t id, bool gone);

/* A look at all ports; now_ms is CLOCK_MONOTONIC. The service thread. */
void outage_turn(struct outage *o, uint64_t now_ms);

/* Waits for a driver that is closing or opening a device. False if it is not done in time. */
bool outage_end(struct outage *o, uint32_t ms);

#endif
