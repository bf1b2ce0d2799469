/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_STEPS_H
#define FL_TESTS_STEPS_H

/*
 * What a process leaves in a mapped file if it is killed at any instruction: a child does its work
 * one instruction at a time, and each state that the file gets into is judged.
 */
#include <stdint.h>

/*
 * work() runs in the child: what comes after its call of steps_begin() is looked at. judge() is
 * given the path of a copy of the file, which goes when it returns. Returns how many states there
 * were.
 */
uint32_t steps_run(const char *path, void (*work)(void *arg),
		   void (*judge)(void *arg, const char *copy), void *arg);
void steps_begin(void);

#endif
