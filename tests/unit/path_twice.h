/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_PATH_TWICE_H
#define FL_TESTS_PATH_TWICE_H

/*
 * Frames that come in twice, once to the short way and once to the general one: how they are bent,
 * and how what they led to is compared.
 */
#include "dp_world.h"

enum { BATCH = 8 /* that come in together */ };

/* What a batch led to. */
struct outcome {
	uint64_t cnt[CNT_MAX], drop[DROP_MAX];
	uint16_t n[WORLD_PORTS];
	struct frame out[WORLD_PORTS][2 * BATCH];
};

/* A number below n; bytes of which some are random. */
uint32_t any(uint32_t n);
void payload_make(uint8_t *p, uint32_t len);

/* Lengths that agree and are too short for UDP, or just not; or a frame that is cut. */
void frame_shorten(struct frame *f);
/* What the right headers are not. */
void frame_alter(struct frame *f);
/* Now and then frames come in pieces, or with a word of the port's about their checksums. */
void batch_flags(void);

/* Frames come in: to_core by the access port, others by the core's. */
void batch_run(const struct frame *f, const bool *to_core, struct outcome *o);
/* ordered: what went out stands in the same order, too. */
void outcome_same(struct outcome *a, struct outcome *b, bool ordered);

/* Packets that took a path. */
uint64_t relayed(void);

#endif
