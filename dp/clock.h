/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_CLOCK_H
#define FL_DP_CLOCK_H

#include "worker.h"

/* Brings w's clock up to date from CLOCK_MONOTONIC, given in microseconds. */
static inline void clock_set(struct worker *w, uint64_t now_us)
{
	w->now_us = now_us;
	w->now_ms = now_us / 1000;
	w->now = (uint32_t)(now_us / 1000000);
}

#endif
