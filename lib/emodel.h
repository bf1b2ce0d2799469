/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_EMODEL_H
#define FL_LIB_EMODEL_H

/*
 * What speech sounds like to who hears it, by the E-model (ITU-T G.107) with its defaults: R
 * is 93.2 less what delay (Id) and loss with the codec (Ie,eff) take away. Wideband codecs are on
 * the same scale as others.
 */
#include "codec.h"

#include <stdbool.h>

struct emodel {
	enum codec codec;
	float loss;	   /* of the packets, 0 to 1 */
	float burst_ratio; /* mean length of a loss to that of random loss (G.107 7.4); 1: random */
	uint32_t jitter_us;
	uint32_t rtt_us; /* from end to end; 0: not known, and taken for nothing */
};

/* Hundredths of MOS, 100 to 450; 0: the codec is not known, or no speech. */
uint16_t emodel_mos(const struct emodel *e);

#endif
