/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_PRIVILEGE_H
#define FL_DP_PRIVILEGE_H

/*
 * What the process may do. Opening ports takes root, or most of it; moving packets takes nothing.
 * So who breaks into the dataplane by a packet finds a process that can do little on the machine.
 */
#include "../conf/config.h"

#include <sys/types.h>

/*
 * Before any thread is made: no program that we would start has more than we have, and keys stay
 * inside (lib/process.h).
 */
void privilege_start(void);

/*
 * Once ports are open: each thread, those of DPDK and its drivers too, gives up for good every
 * capability but those with which ports of the kernel (AF_XDP, AF_PACKET, TAP) are closed. False,
 * and one sentence in err, if a thread still has more.
 */
bool privilege_drop(const struct config *c, char *err, size_t errlen);

/*
 * Files of this thread are made, and found, as that user's until the next call; returns whose they
 * were before. A socket in a directory of the control process' user is so its own, and root follows
 * no link that this user may have put there. Without CAP_SETUID nothing changes.
 */
uid_t privilege_files_of(uid_t user);

#endif
