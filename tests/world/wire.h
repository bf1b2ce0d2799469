/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_WIRE_H
#define FL_TESTS_WIRE_H

/* The ports of worker.h's world, for world_start(): a driver that is arrays of frames. */
#include "worker.h"

void wire_make(uint16_t idx);

#endif
