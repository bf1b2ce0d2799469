/* SPDX-License-Identifier: BSD-3-Clause */
#include "counter.h"

const struct counter_desc drop_desc[DROP_MAX] = {
#define DROP(sym, name, sev, help) { name, help, SEV_##sev },
#include "drop.def"
#undef DROP
};

const struct counter_desc counter_desc[CNT_MAX] = {
#define COUNTER(sym, name, help) { name, help, SEV_INFO },
#include "counter.def"
#undef COUNTER
};

const struct counter_desc stage_desc[STAGE_MAX] = {
#define STAGE(sym, name, help) { name, help, SEV_INFO },
#include "stage.def"
#undef STAGE
};
