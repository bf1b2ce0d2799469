/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ring of records that one thread reads: it becomes larger and smaller while it is read, each
 * record is read once and whole, and neither side waits for the other.
 */
#include "tests/world/unit.h"
#include "cp/record/record_ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static void put(struct record_ring *r, uint64_t seq)
{
	struct record *rec = record_ring_at(r, seq);

	memset(rec, 0, sizeof(*rec));
	rec->seq = seq;
	rec->id = ~seq;
}

static void there(struct record_ring *r, uint64_t first, uint64_t last)
{
	static struct record rec;

	for (uint64_t seq = first; seq <= last; seq++) {
		record_ring_read(r, seq, &rec);
		assert_int_equal(rec.seq, seq);
		assert_int_equal(rec.id, ~seq);
		assert_int_equal(record_ring_at(r, seq)->seq, seq);
	}
}

static void resize(struct record_ring *r, uint32_t n, bool apply)
{
	assert_true(record_ring_prepare(r, n));
	record_ring_finish(r, apply);
}

/* What waits, and of what does not as much as fits, is in the next one. */
static void what_fits_moves(void **state)
{
	struct record_ring r;

	(void)state;
	assert_true(record_ring_open(&r, 8));
	for (uint64_t seq = 1; seq <= 8; seq++)
		put(&r, seq);
	resize(&r, 32, false);
	assert_int_equal(record_ring_move(&r, 1, 1, 8), 1);
	assert_int_equal(record_ring_limit(&r), 8);
	resize(&r, 32, true);
	assert_int_equal(record_ring_limit(&r), 8); /* until it has moved */
	assert_int_equal(record_ring_move(&r, 1, 1, 8), 1);
	assert_int_equal(record_ring_limit(&r), 32);
	there(&r, 1, 8);
	for (uint64_t seq = 9; seq <= 20; seq++)
		put(&r, seq);
	/* Ten wait, which do not fit. */
	resize(&r, 8, true);
	assert_int_equal(record_ring_move(&r, 1, 11, 20), 1);
	assert_int_equal(record_ring_limit(&r), 8);
	there(&r, 1, 20);
	put(&r, 21);
	there(&r, 1, 21);
	assert_int_equal(record_ring_move(&r, 1, 14, 21), 14);
	there(&r, 14, 21);
	/* None does: it moves at once, with what there was. */
	resize(&r, 4, true);
	assert_int_equal(record_ring_move(&r, 14, 22, 21), 18);
	there(&r, 18, 21);
	record_ring_close(&r);
}

/* The size there is, asked for again, takes back what was due. */
static void the_same_size_stays(void **state)
{
	struct record_ring r;

	(void)state;
	assert_true(record_ring_open(&r, 8));
	resize(&r, 8, true);
	assert_int_equal(record_ring_move(&r, 1, 1, 0), 1);
	for (uint64_t seq = 1; seq <= 8; seq++)
		put(&r, seq);
	resize(&r, 4, true);
	assert_int_equal(record_ring_move(&r, 1, 1, 8), 1);
	assert_int_equal(record_ring_limit(&r), 4);
	resize(&r, 8, true);
	assert_int_equal(record_ring_limit(&r), 8);
	assert_int_equal(record_ring_move(&r, 1, 9, 8), 1);
	there(&r, 1, 8);
	resize(&r, 4, true);
	assert_true(record_ring_prepare(&r, 16)); /* and is thrown away with the rest */
	record_ring_close(&r);
}

/* ---- with a thread ---- */

enum { RECORDS = 100000 };

static struct shared {
	struct record_ring ring;
	_Atomic uint64_t head, tail;
	uint64_t wrong;
} shared;

static void *reader(void *arg)
{
	struct shared *s = arg;
	static struct record rec;

	for (uint64_t seq = 1; seq <= RECORDS; seq++) {
		while (atomic_load_explicit(&s->head, memory_order_acquire) < seq)
			sched_yield();
		record_ring_read(&s->ring, seq, &rec);
		s->wrong += rec.seq != seq || rec.id != ~seq;
		atomic_store_explicit(&s->tail, seq, memory_order_release);
	}
	return NULL;
}

static uint64_t move(struct shared *s, uint64_t first, uint64_t last)
{
	const uint64_t tail = atomic_load_explicit(&s->tail, memory_order_acquire);

	return record_ring_move(&s->ring, first, tail + 1, last);
}

static void it_is_read_while_it_moves(void **state)
{
	struct shared *s = &shared;
	uint64_t first = 1, moved = 0;
	pthread_t thread;

	(void)state;
	assert_true(record_ring_open(&s->ring, 8));
	assert_int_equal(pthread_create(&thread, NULL, reader, s), 0);
	for (uint64_t seq = 1; seq <= RECORDS; seq++) {
		if (seq % 16 == 0)
			resize(&s->ring, 8u << (seq / 16 % 4), true);
		for (;;) {
			const uint32_t was = record_ring_limit(&s->ring);
			const uint64_t tail = atomic_load_explicit(&s->tail, memory_order_acquire);

			first = move(s, first, seq - 1);
			moved += record_ring_limit(&s->ring) > was;
			if (seq - 1 - tail < record_ring_limit(&s->ring))
				break;
			sched_yield();
		}
		put(&s->ring, seq);
		if (seq - first >= record_ring_limit(&s->ring))
			first = seq - record_ring_limit(&s->ring) + 1;
		atomic_store_explicit(&s->head, seq, memory_order_release);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(s->wrong, 0);
	assert_true(moved > 1000);
	record_ring_close(&s->ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_moves),
		cmocka_unit_test(the_same_size_stays),
		cmocka_unit_test(it_is_read_while_it_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
