/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_HANDOVER_H
#define FL_DP_HANDOVER_H

/* What other workers hand over (tx.h), on its way in. */
#include "worker.h"

/* Makes the rings to a worker from all others. On failure one sentence in err. */
bool handover_create(struct dplane *dp, uint16_t to, char *err, size_t errlen);

/* Takes what came from them; returns packets taken. */
uint32_t handover_input(struct worker *w);

#endif
