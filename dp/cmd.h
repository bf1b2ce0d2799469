/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_CMD_H
#define FL_DP_CMD_H

#include "worker.h"

/* Carries out commands of the control process, so many at most; returns how many. */
uint32_t cmd_input(struct worker *w, uint32_t budget);

#endif
