/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_FOOTPRINT_H
#define FL_CONF_FOOTPRINT_H

/*
 * What a configuration takes of dataplane.memory-mb, from the configuration alone: this is asked
 * where no dataplane runs.
 */
#include "config.h"

enum {
	FOOTPRINT_PARTS_MAX = 19,
	FOOTPRINT_DRIVERS_MB = 16, /* queues of devices, and what DPDK itself takes */
};

struct footprint_part {
	const char *name;
	const char *key; /* which it grows with */
	uint64_t bytes;	 /* on all workers */
};

/*
 * Fills part[], the largest first, and returns how many there are: tables and packet buffers that
 * the dataplane makes at start. Within a twentieth of what it takes.
 */
unsigned footprint(const struct config *c, struct footprint_part part[FOOTPRINT_PARTS_MAX]);

/* A dataplane.memory-mb that would do for so many bytes: with what is not exact, and drivers. */
uint64_t footprint_memory_mb(uint64_t bytes);

#endif
