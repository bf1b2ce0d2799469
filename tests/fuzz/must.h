/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_MUST_H
#define FL_TESTS_MUST_H

/* What a fuzz target says must hold: an input that shows otherwise ends it. */
#include <stdbool.h>
#include <stdlib.h>

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

#endif
