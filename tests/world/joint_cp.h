/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_JOINT_CP_H
#define FL_TESTS_JOINT_CP_H

/*
 * The real control process beside the real dataplane in one program: a server with allocations and
 * a gateway, attached to the region of worker.h. Both have functions of the same names, so this
 * half is a library that keeps its own to itself. Who names a user is that user (fake_auth.c).
 */
#include "conf/config.h"

/* What a control process needs beside what a dataplane has: limits, realms access (0) and core (1),
 * state files. */
void joint_cp_config(struct config *c);

/* Starts it; c stays the caller's. Aborts when it cannot. */
void joint_cp_start(const struct config *c, uint64_t now_ms);
void joint_cp_stop(void);
/* As if it was killed and started again: what it knows is in its state files. Not attached. */
void joint_cp_restart(uint64_t now_ms);
/* The region's descriptor is the caller's. */
void joint_cp_attach(int region_fd, uint64_t size);

/* One turn at that time. True while there is more to do. */
bool joint_cp_poll(uint64_t now_ms);
/* The reason, if it holds that the dataplane lied; else NULL. */
const char *joint_cp_fault(void);
bool joint_cp_replaying(void);

/* ---- a controller ---- */

/*
 * An RTP context between remote addresses, numbered from 0: what its sides' local addresses are.
 * latch: side 0 learns its remote. False if it is refused, or there are as many.
 */
bool joint_cp_call(const struct sock_addr remote[2], bool latch, uint32_t *number,
		   struct sock_addr local[2]);
void joint_cp_call_end(uint32_t number);
bool joint_cp_call_lives(uint32_t number);

/* ---- what it has ---- */

uint32_t joint_cp_allocations(void);
uint32_t joint_cp_reservations(void);
uint32_t joint_cp_contexts(void);

#endif
