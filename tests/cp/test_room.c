/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who makes room where all places are taken (cp/room.h): one of who holds most, the newcomer's own
 * counted with the one that comes; of these the one that is least busy, and of these the one that
 * has been idle for longest.
 */
#include "cp/room.h"
#include "tests/world/unit.h"

#include <string.h>

enum { CONNS = 6 };

static struct conn {
	struct room_place place;
	int busy;
} c[CONNS];
static struct room r;

/* One a letter of who: "aab" are two connections of a, the older one first, and one of b. */
static void fill(const char *who)
{
	room_init(&r);
	memset(c, 0, sizeof(c));
	for (size_t i = 0; who[i]; i++)
		room_enter(&r, &c[i].place, &c[i], &who[i], 1);
	assert_int_equal(r.n, strlen(who));
}

static int busy(const void *conn)
{
	return ((const struct conn *)conn)->busy;
}

/* Which one makes room for one of `who`; -1: none. */
static int goes(const char *who, int (*how)(const void *conn))
{
	const struct conn *v = room_make(&r, who, 1, how);

	return v ? (int)(v - c) : -1;
}

static void of_who_holds_most(void **state)
{
	(void)state;
	fill("abbacb");
	assert_int_equal(goes("d", NULL), 1);
	room_leave(&r, &c[1].place);
	assert_int_equal(r.n, 5);
	assert_int_equal(goes("b", NULL), 2);
	assert_int_equal(goes("a", NULL), 0);
	assert_int_equal(goes("d", NULL), 0); /* a and b have two each */
}

/* Who has as many as another gets none of his: he would have most. */
static void the_newcomer_counts(void **state)
{
	(void)state;
	fill("aaabbb");
	assert_int_equal(goes("b", NULL), 3);
	assert_int_equal(goes("c", NULL), 0);
	fill("ab");
	assert_int_equal(goes("b", NULL), 1);
}

static void idle_for_longest(void **state)
{
	(void)state;
	fill("aaa");
	assert_ptr_equal(room_first(&r), &c[0]);
	room_used(&r, &c[0].place);
	assert_int_equal(goes("b", NULL), 1);
	room_used(&r, &c[1].place);
	assert_int_equal(goes("b", NULL), 2);
	assert_ptr_equal(room_first(&r), &c[2]);
	room_used(&r, &c[2].place);
	assert_int_equal(goes("b", NULL), 0);
}

static void busy_ones_last(void **state)
{
	(void)state;
	fill("baaab");
	c[1].busy = 2;
	c[2].busy = c[3].busy = 1;
	assert_int_equal(goes("c", busy), 2);
	room_used(&r, &c[2].place);
	assert_int_equal(goes("c", busy), 3);
	c[2].busy = 0;
	assert_int_equal(goes("c", busy), 2);
	/* Who has fewer pays for none, idle as he is. */
	for (int i = 1; i <= 3; i++)
		c[i].busy = 2;
	assert_int_equal(goes("c", busy), 1);
	assert_int_equal(goes("b", busy), 0); /* as many as a, counted with the one that comes */
}

static void nobody_is_there(void **state)
{
	(void)state;
	fill("");
	assert_int_equal(goes("a", NULL), -1);
	assert_null(room_first(&r));
}

/* Addresses that differ in their last byte are two holders. */
static void whole_names(void **state)
{
	uint8_t one[ROOM_HOLDER] = { 1 }, two[ROOM_HOLDER] = { 1 };

	(void)state;
	two[ROOM_HOLDER - 1] = 1;
	room_init(&r);
	room_enter(&r, &c[0].place, &c[0], one, sizeof(one));
	room_enter(&r, &c[1].place, &c[1], two, sizeof(two));
	room_enter(&r, &c[2].place, &c[2], two, sizeof(two));
	assert_ptr_equal(room_make(&r, "z", 1, NULL), &c[1]);
}

/* Processes are as many as their user likes: who has most of all places by processes of one each
 * makes room, not who has two by one process. */
static void users_above_processes(void **state)
{
	static const char *const names[] = { "a1", "b1", "a2", "b1", "a3" };

	(void)state;
	room_init(&r);
	r.above = 1;
	for (size_t i = 0; i < 5; i++)
		room_enter(&r, &c[i].place, &c[i], names[i], 2);
	assert_ptr_equal(room_make(&r, "a4", 2, NULL), &c[0]);
	assert_ptr_equal(room_make(&r, "c1", 2, NULL), &c[0]);
	assert_ptr_equal(room_make(&r, "b1", 2, NULL), &c[1]); /* both have three, b1 most */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_above_processes), cmocka_unit_test(of_who_holds_most),
		cmocka_unit_test(the_newcomer_counts),	 cmocka_unit_test(idle_for_longest),
		cmocka_unit_test(busy_ones_last),	 cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(whole_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
