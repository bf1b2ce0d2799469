/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_MEMORY_H
#define FL_LIB_MEMORY_H

/*
 * The allocator of what is not DPDK's. It is jemalloc where the program was linked with it, or
 * where it was loaded before libc; all of this works without as well.
 */

#include <stdbool.h>
#include <stdint.h>

/* "jemalloc 5.3.0" if malloc() is jemalloc's, else "malloc of libc". Not for two threads at once.
 */
const char *memory_allocator(void);

/*
 * Starts the one thread that gives memory back to the kernel, with the CPUs and capabilities of the
 * caller; it takes no signals. From then on no other thread does. False: it cannot be started, and
 * whoever allocates gives back.
 */
bool memory_purger_start(void);

/*
 * Gives the calling thread an arena of its own, whose locks nobody holds for long: others come only
 * to free what this thread allocated, and the purger. False: it stays with the arena that threads
 * without one share. Again it is the same arena.
 */
bool memory_arena_own(void);

/* Bytes of the process' memory that are jemalloc's: none of DPDK's, of stacks, of mapped files. */
struct memory_use {
	uint64_t allocated; /* asked for and not freed */
	uint64_t active;    /* pages that hold any of it */
	uint64_t resident;  /* pages the kernel gave, those of jemalloc's records included */
	uint64_t retained;  /* address space without pages, kept for later */
};

/* As of now; zeroes without jemalloc. It locks each arena in turn, so once a second, not always. */
struct memory_use memory_use(void);

#endif
