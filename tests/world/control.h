/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_CONTROL_H
#define FL_TESTS_CONTROL_H

/*
 * The control process's end of the workers' rings (worker.h): commands in, events out; and sessions
 * that are simply there, as such commands would have made them. The dataplane's end, for tests of
 * the control process, is fake_dp.h.
 */
#include "worker.h"

/* For world_start(): takes hold of a worker's rings. */
void control_take(uint16_t worker);

/* A command into the ring. */
void world_cmd_put(uint16_t worker, uint16_t type, void *cmd, uint16_t len);
/* And through it; returns whether it was counted as carried out. */
bool world_cmd(uint16_t worker, uint16_t type, void *cmd, uint16_t len);
/* The next event of a worker, copied; NULL if there is none. */
const void *world_evt(uint16_t worker);
/* The same of a worker's trace. */
const struct ctl_trace *world_trace(uint16_t worker);

/* ---- sessions ---- */

/* Installs a session with relayed ports of both families at `port` (0: none), expiring at now +
 * 600. */
bool session_add(uint16_t worker, uint32_t slot, uint32_t gen, const struct sock_addr *client,
		 uint16_t listener, uint16_t port4, uint16_t port6, uint32_t flags);
bool perm_add(uint16_t worker, uint32_t slot, const char *ip, uint32_t expiry);
bool chan_add(uint16_t worker, uint32_t slot, const struct sock_addr *peer, uint16_t channel,
	      uint32_t expiry);

#endif
