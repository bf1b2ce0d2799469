/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The allocator (lib/memory.h): its name is told; until the purger runs, a thread that allocates
 * gives memory back to the kernel itself, and from then on the purger alone does; what is in use is
 * told; and the options that we ask for are in force. madvise() is ours here, so that who calls it
 * is seen.
 */
#include "tests/world/unit.h"

#include "lib/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef FAIRLEAD_JEMALLOC

static void another_allocator_does_too(void **state)
{
	(void)state;
	assert_string_equal(memory_allocator(), "malloc of libc");
	assert_true(memory_purger_start());
	assert_true(memory_arena_own());
	assert_int_equal(memory_use().resident, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(another_allocator_does_too) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include <jemalloc/jemalloc.h>

enum { BLOCKS = 64, BLOCK = 64 << 10, DECAY_MS = 50, USE = 4 << 20, PATIENCE_S = 20 };

static _Atomic uint32_t by_main, by_others; /* calls of madvise() that give memory back */

int madvise(void *at, size_t len, int advice)
{
	if (advice == MADV_DONTNEED || advice == MADV_FREE)
		atomic_fetch_add(getpid() == syscall(SYS_gettid) ? &by_main : &by_others, 1);
	return (int)syscall(SYS_madvise, at, len, advice);
}

/* Takes and frees memory until there was such a call, or patience is out. */
static void churn(_Atomic uint32_t *calls)
{
	const time_t end = time(NULL) + PATIENCE_S;
	void *block[BLOCKS];

	by_main = by_others = 0;
	while (*calls == 0 && time(NULL) < end) {
		for (int i = 0; i < BLOCKS; i++) {
			block[i] = malloc(BLOCK);
			assert_non_null(block[i]);
			memset(block[i], 1, BLOCK);
		}
		for (int i = 0; i < BLOCKS; i++)
			free(block[i]);
	}
}

/* Of arenas that are made later. */
static void decay_shorten(void)
{
	ssize_t ms = DECAY_MS;

	assert_int_equal(mallctl("arenas.dirty_decay_ms", NULL, NULL, &ms, sizeof(ms)), 0);
}

static unsigned arena_now(void)
{
	unsigned arena = 0;
	size_t len = sizeof(arena);

	assert_int_equal(mallctl("thread.arena", &arena, &len, NULL, 0), 0);
	return arena;
}

static void allocator_is_told(void **state)
{
	(void)state;
	assert_memory_equal(memory_allocator(), "jemalloc ", 9);
}

static void arena_is_ours(void **state)
{
	const unsigned before = arena_now();
	unsigned own;

	(void)state;
	decay_shorten();
	assert_true(memory_arena_own());
	assert_int_not_equal(arena_now(), before);
	own = arena_now();
	assert_true(memory_arena_own());
	assert_int_equal(arena_now(), own);
}

/* What malloc_conf asks for is in force: an arena's own records are in huge pages once they are
 * large. */
static void options_are_ours(void **state)
{
	const char *thp = NULL;
	unsigned arenas = 0;
	ssize_t ms = 0;
	size_t len = sizeof(thp);

	(void)state;
	assert_int_equal(mallctl("opt.metadata_thp", &thp, &len, NULL, 0), 0);
	assert_string_equal(thp, "auto");
	len = sizeof(arenas);
	assert_int_equal(mallctl("opt.narenas", &arenas, &len, NULL, 0), 0);
	assert_int_equal(arenas, 1);
	len = sizeof(ms);
	assert_int_equal(mallctl("opt.dirty_decay_ms", &ms, &len, NULL, 0), 0);
	assert_int_equal(ms, 10000);
}

static void purger_alone_gives_back(void **state)
{
	(void)state;
	churn(&by_main);
	assert_int_not_equal(by_main, 0);
	assert_int_equal(by_others, 0);
	assert_true(memory_purger_start());
	churn(&by_others);
	assert_int_not_equal(by_others, 0);
	assert_int_equal(by_main, 0);
}

static void use_is_told(void **state)
{
	const struct memory_use before = memory_use();
	void *p = malloc(USE);
	struct memory_use now;

	(void)state;
	assert_non_null(p);
	memset(p, 1, USE);
	now = memory_use();
	assert_in_range(now.allocated, before.allocated + USE, before.allocated + 2 * USE);
	assert_true(now.active >= now.allocated);
	assert_true(now.resident >= now.active);
	free(p);
	now = memory_use();
	assert_in_range(now.allocated, 0, before.allocated + USE / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocator_is_told),
		cmocka_unit_test(options_are_ours),
		cmocka_unit_test(use_is_told),
		cmocka_unit_test(arena_is_ours),
		cmocka_unit_test(purger_alone_gives_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
