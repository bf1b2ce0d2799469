/* SPDX-License-Identifier: BSD-3-Clause */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* jemalloc's, or NULL without it: which allocator there is, is known when the program starts. */
extern int mallctl(const char *name, void *old, size_t *oldlen, void *new, size_t newlen)
    __attribute__((weak));

/*
 * jemalloc looks here before main(). Memory that was freed goes back to the kernel some seconds
 * later, by madvise(2), in whichever thread allocates or frees then: on a worker that does
 * handshakes this is a system call in the poll loop, and media waits for it. So one thread does it
 * for all arenas, memory_purger_start(); background_thread would start it before main(), with every
 * CPU and capability, and deaf to the signal by which capabilities are given up. Workers and crypto
 * threads have arenas of their own, memory_arena_own(), so one is enough for the rest. Decay is the
 * time (ms) in which what was freed goes back: a wave of handshakes takes what the last one left.
 * An arena's own records are in huge pages once they are large.
 */
extern const char *malloc_conf;
const char *malloc_conf = "background_thread:false,max_background_threads:1,narenas:1,"
			  "dirty_decay_ms:10000,muzzy_decay_ms:0,metadata_thp:auto";

/* Reads a value of jemalloc's. False: there is no jemalloc, or it does not know the name. */
static bool value_read(const char *name, void *value, size_t len)
{
	return mallctl && mallctl(name, value, &len, NULL, 0) == 0;
}

/* Another allocator may have been loaded before it: only one of them gets what we ask for. */
static bool counts_ours(void)
{
	uint64_t before = 0, after = 0;
	void *volatile p; /* or the compiler leaves both calls out */

	if (!value_read("thread.allocated", &before, sizeof(before)))
		return false;
	p = malloc(1);
	value_read("thread.allocated", &after, sizeof(after));
	free(p);
	return after > before;
}

const char *memory_allocator(void)
{
	static char text[64];
	const char *version = NULL;

	if (!counts_ours() || !value_read("version", &version, sizeof(version)))
		return "malloc of libc";
	snprintf(text, sizeof(text), "jemalloc %.*s", (int)strcspn(version, "-"), version);
	return text;
}

bool memory_purger_start(void)
{
	bool on = true;

	return !mallctl || mallctl("background_thread", NULL, NULL, &on, sizeof(on)) == 0;
}

bool memory_arena_own(void)
{
	static _Thread_local bool own;
	unsigned arena;
	size_t len = sizeof(arena);

	if (!own)
		own = !mallctl || (mallctl("arenas.create", &arena, &len, NULL, 0) == 0 &&
				   mallctl("thread.arena", NULL, NULL, &arena, sizeof(arena)) == 0);
	return own;
}

struct memory_use memory_use(void)
{
	struct memory_use use = { 0 };
	uint64_t epoch = 1;
	size_t n;

	/* Statistics are of the moment that is asked for by writing an epoch. */
	if (!mallctl || mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) != 0)
		return use;
	use.allocated = value_read("stats.allocated", &n, sizeof(n)) ? n : 0;
	use.active = value_read("stats.active", &n, sizeof(n)) ? n : 0;
	use.resident = value_read("stats.resident", &n, sizeof(n)) ? n : 0;
	use.retained = value_read("stats.retained", &n, sizeof(n)) ? n : 0;
	return use;
}
