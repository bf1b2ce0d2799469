/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_CLOCK_H
#define FL_DP_CLOCK_H

#include "worker.h"
#include "../lib/seq.h"

/* Brings w's clock up to date from CLOCK_MONOTONIC, given in microseconds. */
static inline void clock_set(struct worker *w, uint64_t now_us)
{
	w->now_us = now_us;
	w->now_ms = now_us / 1000;
	w->now = (uint32_t)(now_us / 1000000);
}

/*
 * Times of w's clock in milliseconds that are kept in 32 bits, where space is dear. They come round
 * after 49.7 days; what is compared is less than half of that apart.
 */
static inline bool clock_reached(const struct worker *w, uint32_t due_ms)
{
	return seq_ge((uint32_t)w->now_ms, due_ms);
}

/* Milliseconds until a time; 0 when it has been reached. */
static inline uint32_t clock_left_ms(const struct worker *w, uint32_t due_ms)
{
	return clock_reached(w, due_ms) ? 0 : due_ms - (uint32_t)w->now_ms;
}

/* Milliseconds since a time that has been reached. */
static inline uint32_t clock_since_ms(const struct worker *w, uint32_t then_ms)
{
	return (uint32_t)w->now_ms - then_ms;
}

#endif
