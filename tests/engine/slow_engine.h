/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_ENGINE_SLOW_ENGINE_H
#define FL_TESTS_ENGINE_SLOW_ENGINE_H

/* What the slow engine counts: for tests in its process, which find it by dlsym(). */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct slow_engine {
	atomic_uint ops;   /* began, in jobs */
	atomic_uint done;  /* and came back */
	atomic_uint sync;  /* outside jobs */
	atomic_uint busy;  /* times that one was put off */
	atomic_uint polls; /* by the application */
};

#endif
