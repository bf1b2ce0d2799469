/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_ACCEL_SLOW_H
#define FL_TESTS_ACCEL_SLOW_H

/*
 * What the slow engine and the slow provider have in common: accelerators for tests, whose RSA and
 * ECDSA signatures pause their job, as a device's do. The signature itself is OpenSSL's, made once
 * the job goes on. Never installed. What they do is read from the environment at each operation:
 *
 *   SLOW_TURNS=N     done at the Nth turn after it came (1)
 *   SLOW_MS=N        done after N ms, by a thread of the accelerator's; not by turns
 *   SLOW_LIFO=1      of those that a turn finds done, the last that came is told first
 *   SLOW_BUSY=N      the first N operations are put off (ASYNC_STATUS_EAGAIN)
 *   SLOW_FAIL=1      operations fail when they come back
 *   SLOW_STALL=FILE  while there is such a file none is done
 *   SLOW_INIT=0      cannot be initialised
 *   SLOW_METHODS=0   when it is loaded: does nothing
 *
 * The engine's turns are its polls, for which it knows the commands of qatengine; a provider has no
 * such: its turns are the test's own, by slow_self.turn.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* For tests in its process, which find slow_self by dlsym(). */
struct slow {
	atomic_uint ops;   /* began, in jobs */
	atomic_uint done;  /* and came back */
	atomic_uint sync;  /* outside jobs */
	atomic_uint busy;  /* times that one was put off */
	atomic_uint polls; /* by the application */
	void (*turn)(void);
};

/* ---- slow.c, for the two ---- */

extern struct slow slow_self;

/* SLOW_name, or otherwise. */
unsigned slow_env(const char *name, unsigned otherwise);
/* Pauses the job until the operation is done. False: it failed. */
bool slow_wait(void);
void slow_turn(void);
/* Returns once no thread of its own is left. */
void slow_end(void);

#endif
