/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The ring between the two processes: messages arrive whole and in order across the wrap of its
 * 32-bit cursors, a cursor that lies is noticed on either side and never leads out of bounds, and
 * no wake-up is lost.
 */
#include "tests/world/unit.h"

#include "lib/ring.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 8 };

static struct ring_shm *shm_new(uint32_t size, uint32_t cursor)
{
	struct ring_shm *shm = aligned_alloc(64, ring_bytes(size));

	assert_non_null(shm);
	memset(shm, 0, ring_bytes(size));
	atomic_store(&shm->head, cursor);
	atomic_store(&shm->tail, cursor);
	return shm;
}

static void fill_and_drain(void **state)
{
	struct ring_shm *shm = shm_new(SIZE, UINT32_MAX - 2); /* the cursors wrap on the way */
	struct ring w, r;

	(void)state;
	assert_true(ring_attach_writer(&w, shm, SIZE));
	assert_true(ring_attach_reader(&r, shm, SIZE));
	for (int round = 0; round < 3; round++) {
		assert_int_equal(ring_count(&r, 1), 0);
		assert_int_equal(ring_room(&w, SIZE), SIZE);
		for (uint32_t i = 0; i < SIZE; i++)
			memset(ring_slot(&w, i), round * SIZE + (int)i, RING_MSG_SIZE);
		ring_publish(&w, SIZE);
		assert_int_equal(ring_room(&w, 1), 0); /* full, and not an error */
		assert_int_equal(ring_count(&r, 1), SIZE);
		for (uint32_t i = 0; i < SIZE; i++) {
			assert_int_equal(ring_peek(&r, i)[0], round * SIZE + (int)i);
			assert_int_equal(ring_peek(&r, i)[RING_MSG_SIZE - 1],
					 round * SIZE + (int)i);
		}
		ring_release(&r, 3);
		assert_int_equal(ring_room(&w, 1), 3);
		ring_release(&r, SIZE - 3);
	}
	free(shm);
}

/* The reader sees at once what was published behind what it knew of. */
static void counts_go_on(void **state)
{
	struct ring_shm *shm = shm_new(SIZE, 0);
	struct ring w, r;

	(void)state;
	assert_true(ring_attach_writer(&w, shm, SIZE));
	assert_true(ring_attach_reader(&r, shm, SIZE));
	ring_publish(&w, 1);
	assert_int_equal(ring_count(&r, 1), 1);
	ring_publish(&w, 2);
	assert_int_equal(ring_count(&r, 1), 1); /* it knows of as many as it wants */
	assert_int_equal(ring_count(&r, 2), 3);
	ring_publish(&w, 2);
	assert_int_equal(ring_count(&r, SIZE), 5);
	ring_release(&r, 3);
	assert_int_equal(ring_count(&r, 1), 2);
	ring_release(&r, 2);
	assert_int_equal(ring_count(&r, 1), 0);
	free(shm);
}

/* A process that comes back goes on where its predecessor stood. */
static void attach_again(void **state)
{
	struct ring_shm *shm = shm_new(SIZE, UINT32_MAX);
	struct ring w, r;

	(void)state;
	assert_true(ring_attach_writer(&w, shm, SIZE));
	memcpy(ring_slot(&w, 0), "one", 4);
	memcpy(ring_slot(&w, 1), "two", 4);
	ring_publish(&w, 2);
	assert_true(ring_attach_reader(&r, shm, SIZE));
	assert_int_equal(ring_count(&r, 1), 2);
	ring_release(&r, 1);
	assert_true(ring_attach_reader(&r, shm, SIZE));
	assert_int_equal(ring_count(&r, 1), 1);
	assert_string_equal((const char *)ring_peek(&r, 0), "two");
	assert_true(ring_attach_writer(&w, shm, SIZE));
	assert_int_equal(ring_room(&w, 1), SIZE - 1);
	free(shm);
}

static void attach_refuses(void **state)
{
	static const uint32_t bad_size[] = { 0, 3, 6, SIZE + 1, UINT32_C(1) << 31, UINT32_MAX };
	static const uint32_t lead[] = { SIZE + 1, 1000, UINT32_C(1) << 31, UINT32_MAX };
	struct ring_shm *shm = shm_new(SIZE, 0);
	struct ring r;

	(void)state;
	for (size_t i = 0; i < N_OF(bad_size); i++) {
		assert_false(ring_attach_writer(&r, shm, bad_size[i]));
		assert_false(ring_attach_reader(&r, shm, bad_size[i]));
	}
	for (uint32_t tail = UINT32_MAX - 3; tail != 3; tail++) {
		atomic_store(&shm->tail, tail);
		for (size_t i = 0; i < N_OF(lead); i++) {
			atomic_store(&shm->head, tail + lead[i]);
			assert_false(ring_attach_writer(&r, shm, SIZE));
			assert_false(ring_attach_reader(&r, shm, SIZE));
		}
		for (uint32_t n = 0; n <= SIZE; n++) {
			atomic_store(&shm->head, tail + n);
			assert_true(ring_attach_writer(&r, shm, SIZE));
			assert_int_equal(ring_room(&r, SIZE), SIZE - n);
			assert_true(ring_attach_reader(&r, shm, SIZE));
			assert_int_equal(ring_count(&r, 1), n);
		}
	}
	free(shm);
}

/* Whatever the other side writes into its cursor: an error, or a number within the ring. */
static void lying_cursors(void **state)
{
	struct ring_shm *shm = shm_new(SIZE, 0);
	struct ring w, r;

	(void)state;
	for (uint32_t lie = 0; lie < 64; lie++) {
		uint32_t at = lie < 32 ? lie : 0 - (lie - 31), used;

		memset(shm, 0, sizeof(*shm));
		assert_true(ring_attach_writer(&w, shm, SIZE));
		assert_true(ring_attach_reader(&r, shm, SIZE));
		atomic_store(&shm->head, at);
		assert_int_equal(ring_count(&r, 1), at <= SIZE ? (int)at : RING_ERR);

		atomic_store(&shm->head, 0);
		ring_publish(&w, 5);
		used = 5 - at; /* a tail that goes back only makes room smaller */
		atomic_store(&shm->tail, at);
		assert_int_equal(ring_room(&w, SIZE), used <= SIZE ? (int)(SIZE - used) : RING_ERR);
		if (used > SIZE) /* and no room is left, so that nothing is overwritten */
			assert_int_equal(ring_room(&w, 1), RING_ERR);
	}
	free(shm);
}

static void wake_up_once(void **state)
{
	struct ring_shm *shm = shm_new(SIZE, 0);
	struct ring w, r;

	(void)state;
	assert_true(ring_attach_writer(&w, shm, SIZE));
	assert_true(ring_attach_reader(&r, shm, SIZE));
	ring_publish(&w, 1);
	assert_false(ring_must_wake(&w));
	ring_sleep(&r);
	assert_true(ring_must_wake(&w));
	assert_false(ring_must_wake(&w));
	ring_sleep(&r);
	ring_awake(&r);
	assert_false(ring_must_wake(&w));
	free(shm);
}

/* ---- two threads; a wake-up that is lost shows as a test that does not end ---- */

struct shared {
	struct ring_shm *shm;
	uint32_t size;
	uint64_t messages;
	sem_t wake;   /* in the place of the eventfd */
	uint64_t bad; /* messages torn, lost or out of order; errors */
};

static void *writer(void *arg)
{
	struct shared *s = arg;
	uint64_t next = 0, seed = 5;
	struct ring w;

	if (!ring_attach_writer(&w, s->shm, s->size))
		return NULL;
	while (next < s->messages) {
		uint32_t want = 1 + (uint32_t)(test_random(&seed) % s->size), n = 0;
		int room = ring_room(&w, want);

		if (room <= 0) {
			sched_yield();
			continue;
		}
		for (; n < want && n < (uint32_t)room && next < s->messages; n++, next++) {
			uint64_t *slot = (uint64_t *)(void *)ring_slot(&w, n);

			slot[0] = next;
			slot[RING_MSG_SIZE / 8 - 1] = ~next;
		}
		ring_publish(&w, n);
		if (ring_must_wake(&w))
			sem_post(&s->wake);
	}
	return NULL;
}

static void *reader(void *arg)
{
	struct shared *s = arg;
	uint64_t next = 0, seed = 6;
	struct ring r;

	if (!ring_attach_reader(&r, s->shm, s->size))
		return NULL;
	while (next < s->messages) {
		uint32_t budget = 1 + (uint32_t)(test_random(&seed) % s->size), n = 0;
		int count = ring_count(&r, 1);

		if (count <= 0) {
			s->bad += count < 0;
			ring_sleep(&r);
			if (ring_count(&r, 1) == 0)
				sem_wait(&s->wake);
			ring_awake(&r);
			continue;
		}
		for (; n < budget && n < (uint32_t)count; n++, next++) {
			const uint64_t *slot = (const uint64_t *)(const void *)ring_peek(&r, n);

			s->bad += slot[0] != next || slot[RING_MSG_SIZE / 8 - 1] != ~next;
		}
		ring_release(&r, n);
	}
	return NULL;
}

static void run_threads(uint32_t size, uint64_t messages)
{
	uint32_t first = UINT32_MAX - (uint32_t)messages / 2; /* the cursors wrap half-way */
	struct shared s = { .shm = shm_new(size, first), .size = size, .messages = messages };
	pthread_t t[2];

	assert_int_equal(sem_init(&s.wake, 0, 0), 0);
	assert_int_equal(pthread_create(&t[0], NULL, writer, &s), 0);
	assert_int_equal(pthread_create(&t[1], NULL, reader, &s), 0);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	assert_int_equal(s.bad, 0);
	assert_int_equal(atomic_load(&s.shm->head), (uint32_t)(first + messages));
	assert_int_equal(atomic_load(&s.shm->tail), (uint32_t)(first + messages));
	sem_destroy(&s.wake);
	free(s.shm);
}

static void threads(void **state)
{
	(void)state;
	run_threads(SIZE, 200000);
}

/* One slot: each message needs the reader awake before the next, so none may be missed. */
static void threads_in_step(void **state)
{
	(void)state;
	run_threads(1, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fill_and_drain), cmocka_unit_test(counts_go_on),
		cmocka_unit_test(attach_again),	  cmocka_unit_test(attach_refuses),
		cmocka_unit_test(lying_cursors),  cmocka_unit_test(wake_up_once),
		cmocka_unit_test(threads),	  cmocka_unit_test(threads_in_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
