/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_COUNTER_H
#define FL_LIB_COUNTER_H

/* Drop reasons, counters and stages, generated from drop.def, counter.def and stage.def. */
#include <stdint.h>

enum severity { SEV_INFO, SEV_WARN, SEV_ERROR };

enum drop {
	DROP_NONE = -1, /* no reason to drop it: it goes on */
#define DROP(sym, name, sev, help) DROP_##sym,
#include "drop.def"
#undef DROP
	DROP_MAX
};

enum counter {
#define COUNTER(sym, name, help) CNT_##sym,
#include "counter.def"
#undef COUNTER
	CNT_MAX
};

enum stage {
#define STAGE(sym, name, help) STAGE_##sym,
#include "stage.def"
#undef STAGE
	STAGE_MAX
};

struct counter_desc {
	const char *name;
	const char *help;
	enum severity severity; /* of drops */
};

extern const struct counter_desc drop_desc[DROP_MAX];
extern const struct counter_desc counter_desc[CNT_MAX];
extern const struct counter_desc stage_desc[STAGE_MAX];

#endif
