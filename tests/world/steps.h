/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_STEPS_H
#define FL_TESTS_STEPS_H

/*
 * What a process leaves in mapped files if it is killed at any instruction: a child does its work
 * one instruction at a time, and each state that the files get into is judged.
 */
#include <stdint.h>

/* A piece of one of the two files, where work() changes something. */
struct steps_piece {
	int file; /* 0, or 1: the second */
	uint64_t at, bytes;
};

/*
 * The file is at path; where there is a second its name has `second` behind that, else NULL. work()
 * runs in the child: what comes after its call of steps_begin() is looked at. judge() is given the
 * path of copies named alike, which go when it returns. Returns how many states there were.
 */
uint32_t steps_run(const char *path, const char *second, void (*work)(void *arg),
		   void (*judge)(void *arg, const char *copy), void *arg);
/* The same, where files are too long to be looked at whole: nothing else of them changes. */
uint32_t steps_run_at(const char *path, const char *second, const struct steps_piece *piece,
		      uint32_t n, void (*work)(void *arg),
		      void (*judge)(void *arg, const char *copy), void *arg);
void steps_begin(void);

#endif
