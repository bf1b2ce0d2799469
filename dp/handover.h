/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_HANDOVER_H
#define FL_DP_HANDOVER_H

/* What other workers hand over (tx.h), on its way in. */
#include "worker.h"

/* Takes what came from them; returns packets taken. */
uint32_t handover_input(struct worker *w);

#endif
