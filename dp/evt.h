/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_EVT_H
#define FL_DP_EVT_H

/* Events for the control process: this worker's end of its event ring. */
#include "worker.h"

/*
 * Where the next event is written: RING_MSG_SIZE bytes of shared memory, never to be read back.
 * NULL when the ring is full, or was found to be broken.
 */
void *evt_slot(struct worker *w);
/* The event in evt_slot() goes; the control process is woken at the end of the turn. */
void evt_publish(struct worker *w);

#endif
