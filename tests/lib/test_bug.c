/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assertions (lib/bug.h): what each yields, how a place is counted and told once, and what the region
 * says of it. With assertions in force BUG_ON() and CHECK_ON() end the process.
 */
#include "tests/world/unit.h"

#include "lib/bug.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t told;
static struct ctl_bug last;

static void tell(const struct ctl_bug *b)
{
	told++;
	last = *b;
}

static bool one_place(bool wrong)
{
	return WARN_ON(wrong);
}

static void warn_counts_by_place(void **state)
{
	const uint64_t before = bug_total();
	struct ctl_bugs b = { 0 };

	(void)state;
	told = 0;
	bug_tell = tell;
	assert_false(one_place(false));
	assert_int_equal(bug_total(), before);
	assert_true(one_place(true));
	assert_true(one_place(true));
	bug_tell = NULL;
	assert_int_equal(told, 1);
	assert_string_equal(last.expr, "wrong");
	assert_int_equal(bug_total(), before + 2);
	bug_publish(&b, NULL);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.total, before + 2);
	assert_int_equal(b.seq & 1, 0);
	assert_int_equal(b.site[0].count, 2);
	assert_true(b.site[0].warn);
	assert_ptr_equal(strstr(b.site[0].where, "tests/lib/test_bug.c:"), b.site[0].where);
}

/* The reader of the counts tells of each place once, and writes only when there is news. */
static void publish_tells_once(void **state)
{
	struct ctl_bugs b = { 0 };
	uint32_t seq;

	(void)state;
	one_place(true);
	told = 0;
	bug_publish(&b, tell);
	assert_int_equal(told, 1);
	seq = b.seq;
	bug_publish(&b, tell);
	assert_int_equal(b.seq, seq);
	one_place(true);
	bug_publish(&b, tell);
	assert_int_equal(told, 1);
	assert_int_not_equal(b.seq, seq);
}

static uint32_t looked;

static bool look(void)
{
	looked++;
	return true;
}

static void check_is_free_in_a_release(void **state)
{
	(void)state;
#ifdef NDEBUG
	assert_false(CHECK_ON(look()));
	assert_int_equal(looked, 0);
#else
	(void)look;
	(void)looked;
	skip();
#endif
}

static bool bug(void)
{
	return BUG_ON(bug_total() != UINT64_MAX);
}

/* The caller takes its error path; with assertions there is none. */
static void bug_is_an_error_or_the_end(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		_exit(bug() ? 7 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
#ifdef NDEBUG
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
#else
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warn_counts_by_place),
		cmocka_unit_test(publish_tells_once),
		cmocka_unit_test(check_is_free_in_a_release),
		cmocka_unit_test(bug_is_an_error_or_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
