/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state file: what one process wrote the next one finds (R70), whatever instruction the first
 * was killed at; damaged records are skipped; other limits, listeners, relays and versions
 * have records carried over; another boot starts afresh; a second process is kept out.
 */
#include "tests/world/cp_env.h"
#include "cp/table_priv.h"
#include "tests/world/steps.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct files {
	struct config conf;
	char dir[64];
};

static const uint8_t nobody[TABLE_USER_ID];

static int setup(void **state)
{
	static struct files f;

	snprintf(f.dir, sizeof(f.dir), "/tmp/fairlead-test-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	env_config(&f.conf, f.dir);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct files *f = *state;

	unlink(f->conf.control.state);
	return rmdir(f->dir);
}

static struct table *open_ok(const struct config *c, uint32_t now)
{
	char err[256] = "";
	struct table *t = table_open(c, now, "boot", err, sizeof(err));

	if (!t)
		fail_msg("%s", err);
	return t;
}

/* An allocation of client port `port` with relayed port `relayed`. */
static struct table_alloc proto(uint16_t port, uint16_t relayed)
{
	struct table_alloc a = {
		.families = FAMILY_V4,
		.expiry = { 1000, 1000 },
		.lifetime = 600,
		.worker = relay_port_worker(relayed, 2),
		.leg_worker = relay_port_worker(relayed, 2),
		.leg.client = addr("198.51.100.7", port),
		.relay = { { 0, be16_make(relayed) }, { .relay = CTL_RELAY_NONE } },
		.user = "alice",
	};

	memset(a.user_id, port & 1, sizeof(a.user_id)); /* two users */
	return a;
}

static struct table_alloc *add(struct table *t, uint16_t port, uint16_t relayed)
{
	struct table_alloc p = proto(port, relayed);

	return table_add(t, &p);
}

/* The same, of a client whose packets come to the other worker. */
static struct table_alloc *add_redirected(struct table *t, uint16_t port, uint16_t relayed)
{
	struct table_alloc p = proto(port, relayed);

	p.leg_worker = 1 - p.worker;
	return table_add(t, &p);
}

static struct table_alloc *find(struct table *t, uint16_t port)
{
	struct ctl_leg leg = { .client = addr("198.51.100.7", port) };

	return table_find(t, &leg);
}

/* What --check-config says that it takes is what it takes. */
static void the_file_has_its_size(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	struct stat st;

	assert_int_equal(stat(f->conf.control.state, &st), 0);
	assert_int_equal(st.st_size, table_file_size(&f->conf));
	table_close(t);
}

/* And so is the process' own beside it, but for what an allocator rounds up. */
static void the_memory_has_its_size(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	void *const part[] = { t,
			       t->entry,
			       t->user,
			       t->bucket,
			       t->user_bucket,
			       t->perm_next,
			       t->chan_next,
			       t->resv_entry,
			       t->slots,
			       t->records };
	const uint64_t told = table_memory_size(&f->conf);
	uint64_t n = 0;

	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		n += malloc_usable_size(part[i]);
	for (uint32_t w = 0; w < t->n_workers; w++)
		n += malloc_usable_size(t->slots[w].owner) + malloc_usable_size(t->slots[w].free);
	assert_in_range(n, told, told + told / 4);
	table_close(t);
}

static void what_was_written_is_found_again(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	struct sock_addr peer = addr("203.0.113.1", 9);
	struct table_alloc *a, saved;
	struct table_resv *r;
	uint8_t token[8];

	assert_string_equal(table_stats(t)->fresh, "it did not exist");
	a = add(t, 1, 49152);
	add(t, 2, 49154);
	add(t, 3, 49156);
	assert_true(table_perm_set(t, a, &peer.ip, 400));
	assert_true(table_chan_set(t, a, &peer, 0x4001, 700));
	r = table_resv_add(t, (struct ctl_relay){ 1, be16_make(49153) }, nobody, 130);
	memcpy(token, r->token, sizeof(token));
	table_del(t, find(t, 2));
	saved = *a;
	table_close(t);

	t = open_ok(&f->conf, 101);
	assert_null(table_stats(t)->fresh);
	assert_int_equal(table_stats(t)->kept, 2);
	assert_int_equal(table_stats(t)->damaged, 0);
	a = find(t, 1);
	assert_non_null(a);
	assert_memory_equal(a, &saved, sizeof(saved));
	assert_ptr_equal(table_find_sid(t, saved.worker, saved.sid), a);
	assert_null(find(t, 2));
	assert_non_null(find(t, 3));
	assert_int_equal(table_user_held(t, saved.user_id), 2);
	assert_int_equal(table_n_perms(t, a), 1);
	assert_int_equal(table_perm_find(t, a, &peer.ip)->expiry, 400);
	assert_int_equal(table_chan_find(t, a, 0x4001)->expiry, 700);
	assert_true(sock_addr_eq(&table_chan_find(t, a, 0x4001)->peer, &peer));
	assert_non_null(table_resv_find(t, token));
	/* slots in use are not handed out again, and generations go on */
	assert_int_not_equal(add(t, 4, 49152)->sid.slot, a->sid.slot);
	assert_int_not_equal(find(t, 4)->sid.gen, a->sid.gen);
	table_close(t);
}

static void what_is_over_goes_at_start(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	struct sock_addr peer = addr("203.0.113.1", 9);
	struct table_alloc *a = add(t, 1, 49152), *b = add(t, 2, 49154);

	atomic_store(&b->expiry[RELAY_V4], 200);
	table_perm_set(t, a, &peer.ip, 200);
	table_chan_set(t, a, &peer, 0x4000, 201);
	table_close(t);
	t = open_ok(&f->conf, 200);
	assert_int_equal(table_stats(t)->expired, 1);
	assert_null(find(t, 2));
	assert_int_equal(table_n_perms(t, find(t, 1)), 0);
	assert_int_equal(table_n_chans(t, find(t, 1)), 1);
	assert_int_equal(table_stats(t)->perms, 0);
	table_close(t);
}

static void a_second_process_is_kept_out(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	char err[256];

	assert_null(table_open(&f->conf, 100, "boot", err, sizeof(err)));
	assert_non_null(strstr(err, "in use by another fairlead-cp"));
	table_close(t);
	snprintf(f->conf.control.state, sizeof(f->conf.control.state), "/nowhere/at/all");
	assert_null(table_open(&f->conf, 100, "boot", err, sizeof(err)));
	assert_non_null(strstr(err, "/nowhere/at/all"));
	snprintf(f->conf.control.state, sizeof(f->conf.control.state), "%s/state", f->dir);
}

/* Who has been killed lets go of the file when its last thread is gone, which may take a moment. */
static void who_is_about_to_be_gone_is_awaited(void **state)
{
	struct files *f = *state;
	const struct itimerval soon = { .it_value = { .tv_usec = 50000 } };
	int up[2], status;
	struct table *t;
	pid_t pid;
	char c;

	assert_int_equal(pipe(up), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(f->conf.control.state, O_RDWR | O_CREAT, 0600);

		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) || setitimer(ITIMER_REAL, &soon, NULL) ||
		    write(up[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause(); /* SIGALRM ends it */
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	t = open_ok(&f->conf, 100);
	table_close(t);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	close(up[0]);
	close(up[1]);
}

static void another_boot_starts_afresh(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	char err[256];

	assert_true(table_partial(t));
	add(t, 1, 49152);
	table_whole(t);
	table_close(t);
	t = table_open(&f->conf, 100, "other boot", err, sizeof(err));
	assert_string_equal(table_stats(t)->fresh, "the machine was started since");
	assert_int_equal(table_stats(t)->allocs, 0);
	assert_true(table_partial(t));
	assert_non_null(add(t, 1, 49152));
	table_close(t);
}

/* Four allocations, of which the third is deleted again: a permission, a channel, a reservation. */
static void fill(struct table *t, uint8_t token[8])
{
	struct sock_addr peer = addr("203.0.113.1", 9);
	struct table_alloc *a = NULL;

	for (uint16_t i = 1; i <= 4; i++)
		a = add(t, i, (uint16_t)(49150 + 2 * i));
	assert_true(table_perm_set(t, a, &peer.ip, 400));
	assert_true(table_chan_set(t, a, &peer, 0x4001, 700));
	memcpy(token,
	       table_resv_add(t, (struct ctl_relay){ 1, be16_make(49163) }, nobody, 130)->token, 8);
	table_del(t, find(t, 3));
	table_generation_set(t, 77);
	table_whole(t);
}

static void expect_filled(struct table *t, const uint8_t token[8])
{
	struct sock_addr peer = addr("203.0.113.1", 9);
	struct table_alloc *a = find(t, 4);

	assert_null(table_stats(t)->fresh);
	assert_int_equal(table_stats(t)->kept, 3);
	assert_int_equal(table_stats(t)->moved, 0);
	assert_int_equal(table_stats(t)->damaged, 0);
	assert_false(table_partial(t));
	assert_true(table_generation(t) == 77);
	assert_non_null(find(t, 1));
	assert_non_null(find(t, 2));
	assert_null(find(t, 3));
	assert_int_equal(table_perm_find(t, a, &peer.ip)->expiry, 400);
	assert_int_equal(table_chan_find(t, a, 0x4001)->expiry, 700);
	assert_non_null(table_resv_find(t, token));
}

/* A reload's limit (turn.allocations-max): who is there stays, no more come, and places bound it.
 */
static void a_limit_is_live(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	const uint32_t places = table_places(t);
	uint8_t token[8];

	fill(t, token);
	table_close(t);
	t = open_ok(&f->conf, 101);
	f->conf.turn.allocations_max = 2;
	table_limit_set(t);
	expect_filled(t, token);
	assert_null(add(t, 5, 49170));
	f->conf.turn.allocations_max = places;
	table_limit_set(t);
	assert_non_null(add(t, 5, 49170));
	f->conf.turn.allocations_max = places + 1;
	table_limit_set(t);
	assert_int_equal(table_stats(t)->allocs_max, places);
	table_close(t);
}

/* More of anything, and less than there is: all of it stays, and no more comes until some went. */
static void limits_may_change(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	struct sock_addr peer = addr("203.0.113.2", 9);
	struct table_alloc saved;
	uint8_t token[8];
	char left[300];

	fill(t, token);
	saved = *find(t, 4);
	table_close(t);
	/* a process was killed as it made the new file */
	snprintf(left, sizeof(left), "%s.new", f->conf.control.state);
	fclose(fopen(left, "we"));
	f->conf.turn.allocations_max += 100;
	f->conf.dataplane.peers += 7;
	t = open_ok(&f->conf, 101);
	assert_string_equal(table_stats(t)->carried, "the configured limits changed");
	expect_filled(t, token);
	assert_memory_equal(find(t, 4), &saved, sizeof(saved));
	table_close(t);
	f->conf.turn.allocations_max = 2;
	f->conf.dataplane.peers = 0;
	t = open_ok(&f->conf, 102);
	expect_filled(t, token);
	assert_memory_equal(find(t, 4), &saved, sizeof(saved));
	assert_int_equal(table_stats(t)->allocs_max, 2);
	assert_null(add(t, 5, 49170));
	table_del(t, find(t, 1));
	assert_null(add(t, 5, 49170));
	table_del(t, find(t, 2));
	assert_non_null(add(t, 5, 49170));
	assert_true(table_perm_set(t, find(t, 5), &peer.ip, 400));
	assert_true(table_chan_set(t, find(t, 5), &peer, 0x4001, 700));
	peer = addr("203.0.113.3", 9);
	assert_false(table_perm_set(t, find(t, 5), &peer.ip, 400));
	table_close(t);
	t = open_ok(&f->conf, 103);
	assert_int_equal(table_stats(t)->kept, 2);
	assert_non_null(find(t, 5));
	assert_false(table_partial(t));
	table_close(t);
}

/* Listeners and relays in another order, with others in between. */
static void names_may_move(void **state)
{
	struct files *f = *state;
	struct config *c = &f->conf;
	struct table *t = open_ok(c, 100);
	struct config_relay relay = c->relay[0];
	struct ctl_leg leg = { .client = addr("198.51.100.7", 4), .listener = 1 };
	uint8_t token[8];
	uint16_t was;

	fill(t, token);
	table_close(t);
	for (int i = 0; i < 2; i++) {
		c->listener[2 - i] = c->listener[1 - i];
		c->relay[c->n_relay - i] = c->relay[c->n_relay - 1 - i];
	}
	c->listener[0].addr.port = be16_make(1);
	c->n_listener++;
	was = c->n_relay++;
	c->relay[was] = relay;
	assert_true(ip_parse("192.0.2.77", &c->relay[0].addr));
	t = open_ok(c, 101);
	assert_string_equal(table_stats(t)->carried, "the configured listeners, relays, realms, "
						     "domains or workers changed");
	assert_null(find(t, 4));
	assert_non_null(table_find(t, &leg));
	assert_int_equal(table_find(t, &leg)->relay[RELAY_V4].relay, was);
	assert_int_equal(table_stats(t)->kept, 3);
	assert_false(table_partial(t));
	table_close(t);
}

/* What a listener or relay was of that is no more has no record; the dataplane may still have it.
 */
static void names_may_go(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	uint8_t token[8];

	fill(t, token);
	table_close(t);
	f->conf.listener[0].addr.port = be16_make(1);
	t = open_ok(&f->conf, 101);
	assert_null(table_stats(t)->fresh);
	assert_int_equal(table_stats(t)->kept, 0);
	assert_true(table_partial(t));
	table_close(t);
	t = open_ok(&f->conf, 102); /* also for the process after the next */
	assert_true(table_partial(t));
	table_close(t);
}

/* ---- earlier formats ---- */

/* The head of versions 2 and 3, and their records. */
struct older_file {
	uint64_t magic;
	uint32_t version, ready;
	char boot_id[40];
	uint64_t digest;
	uint32_t records[4];
	struct siphash_key sum_key, user_key[2];
	uint32_t next_gen;
	uint64_t generation; /* not in version 2 */
};
enum { OLDER_ALLOC = 248, OLDER_SUM_FROM = 32, OLDER_HEAD = 192 };
_Static_assert(sizeof(struct older_file) == 144, "as it was");

static uint64_t older_digest(const struct config *c)
{
	static const struct siphash_key fixed;
	uint8_t buf[2048];
	size_t n = 0;

	buf[n++] = 0;
	buf[n++] = (uint8_t)c->n_listener;
	for (uint16_t i = 0; i < c->n_listener; i++) {
		memcpy(buf + n, &c->listener[i].addr, 18);
		n += 18;
		buf[n++] = (uint8_t)c->listener[i].transport;
	}
	buf[n++] = 0;
	buf[n++] = (uint8_t)c->n_relay;
	for (uint16_t i = 0; i < c->n_relay; i++) {
		memcpy(buf + n, &c->relay[i].addr, 16);
		n += 16;
	}
	return siphash(&fixed, buf, n);
}

/* Writes what is in t as an earlier version would have. */
static void write_older(struct files *f, const struct table *t, uint32_t version)
{
	static const uint32_t bytes[4] = { OLDER_ALLOC, 32, 40, 24 };
	const size_t own[4] = { sizeof(*t->alloc), sizeof(*t->perm), sizeof(*t->chan),
				sizeof(*t->resv) };
	const void *pool[4] = { t->alloc, t->perm, t->chan, t->resv };
	struct older_file h = {
		.magic = TABLE_MAGIC,
		.version = version,
		.ready = 1,
		.boot_id = "boot",
		.digest = older_digest(&f->conf),
		.records = { t->allocs, t->perms, t->chans, t->resvs },
		.sum_key = t->hdr->sum_key,
		.next_gen = t->hdr->next_gen,
		.generation = version == 3 ? 77 : 0,
	};
	FILE *out = fopen(f->conf.control.state, "we");
	uint8_t zero[OLDER_HEAD] = { 0 };

	memcpy(h.user_key, t->hdr->user_key, sizeof(h.user_key));
	memcpy(zero, &h, sizeof(h));
	assert_int_equal(fwrite(zero, sizeof(zero), 1, out), 1);
	for (int p = 0; p < 4; p++) {
		for (uint32_t i = 0; i < h.records[p]; i++) {
			uint8_t record[OLDER_ALLOC];
			uint64_t sum;

			memcpy(record, (const uint8_t *)pool[p] + i * own[p], bytes[p]);
			sum = siphash(&h.sum_key, record + OLDER_SUM_FROM,
				      OLDER_ALLOC - OLDER_SUM_FROM);
			if (p == 0)
				memcpy(record + OLDER_SUM_FROM - 8, &sum, 8);
			assert_int_equal(fwrite(record, bytes[p], 1, out), 1);
		}
		while (ftell(out) % 64)
			fputc(0, out);
	}
	fclose(out);
}

/*
 * Its users are known by name: a web service's alice, whose identity is another today, goes on with
 * what she has, and nobody else does.
 */
static void expect_named(struct table *t, struct table_alloc *a)
{
	uint8_t was[TABLE_USER_ID], id[TABLE_USER_ID];

	memcpy(was, a->user_id, sizeof(was));
	assert_true(table_named(t, a, "alice"));
	assert_false(table_named(t, a, "bob"));
	table_user_id(t, "alice", true, id);
	assert_memory_not_equal(id, was, sizeof(id));
	table_own(t, a, id, "alice");
	assert_false(table_named(t, a, "alice"));
	assert_int_equal(table_user_held(t, id), 1);
	assert_int_equal(table_user_held(t, was), 0);
	assert_true(table_alloc_sum(t, a) == a->sum);
}

static void an_earlier_format_is_carried_over(void **state)
{
	struct files *f = *state;

	for (uint32_t version = 2; version <= 3; version++) {
		struct table *t = open_ok(&f->conf, 100);
		uint8_t token[8];

		fill(t, token);
		table_user_id(t, "alice", false, find(t, 1)->user_id);
		unlink(f->conf.control.state);
		write_older(f, t, version);
		table_close(t);
		t = open_ok(&f->conf, 101);
		assert_string_equal(table_stats(t)->carried,
				    "it has the format of another version");
		if (version == 2)
			table_generation_set(t, 77);
		expect_filled(t, token);
		expect_named(t, find(t, 1));
		assert_non_null(add(t, 5, 49170));
		assert_false(table_named(t, find(t, 5), "alice"));
		table_close(t);
		unlink(f->conf.control.state);
	}
}

/* It does not say what its indexes stand for, so they must not have changed. */
static void an_earlier_format_of_other_relays_is_not(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	uint8_t token[8];

	fill(t, token);
	unlink(f->conf.control.state);
	write_older(f, t, 3);
	table_close(t);
	f->conf.listener[0].addr.port = be16_make(1);
	t = open_ok(&f->conf, 101);
	assert_string_equal(table_stats(t)->fresh, "it does not say what its records are of");
	assert_true(table_partial(t));
	table_close(t);
}

/* Each worker has half the pairs of two, and a quarter of four (same total of records). */
static void more_workers_move_allocations(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	struct table_alloc *a, dual = proto(3, 49152);
	struct sock_addr peer = addr("203.0.113.1", 9);

	add(t, 1, 49152);     /* pair 0: worker 0 of 2, 0 of 4 */
	a = add(t, 2, 49156); /* pair 2: worker 0 of 2, 2 of 4 */
	table_perm_set(t, a, &peer.ip, 400);
	dual.families = FAMILY_V4 | FAMILY_V6;
	dual.relay[RELAY_V6] = (struct ctl_relay){ 2, be16_make(49156) };
	assert_non_null(table_add(t, &dual)); /* its ports part */
	table_close(t);
	f->conf.dataplane.n_workers = 4;
	f->conf.dataplane.peers /= 2;
	t = open_ok(&f->conf, 101);
	assert_null(table_stats(t)->fresh);
	assert_int_equal(table_stats(t)->kept, 2);
	assert_int_equal(table_stats(t)->moved, 1);
	assert_int_equal(table_stats(t)->damaged, 1);
	assert_int_equal(find(t, 1)->worker, 0);
	assert_int_equal(find(t, 2)->worker, 2);
	assert_int_equal(find(t, 2)->leg_worker, 0); /* where its packets came so far */
	assert_int_equal(table_n_perms(t, find(t, 2)), 1);
	table_close(t);
	t = open_ok(&f->conf, 102); /* and it lasts */
	assert_int_equal(table_stats(t)->kept, 2);
	assert_int_equal(table_stats(t)->moved, 0);
	table_close(t);
}

/* A redirect has a slot of its worker, lasts as long as its session, and ends with it. */
static void redirects_last_and_move(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	struct table_alloc *a = add_redirected(t, 1, 49158), *b; /* pair 3: worker 1 */
	struct ctl_sid at_leg = { a->leg_slot, a->sid.gen };
	uint32_t slot = a->leg_slot;

	assert_int_equal(a->worker, 1);
	assert_int_equal(a->leg_worker, 0);
	assert_ptr_equal(table_at_slot(t, 0, slot), a);
	assert_ptr_equal(table_at_slot(t, 1, a->sid.slot), a);
	assert_ptr_equal(table_find_sid(t, 0, at_leg), a);
	table_close(t);
	t = open_ok(&f->conf, 101);
	assert_int_equal(table_stats(t)->kept, 1);
	assert_int_equal(table_stats(t)->moved, 0);
	a = find(t, 1);
	assert_ptr_equal(table_at_slot(t, 0, slot), a);
	b = add(t, 2, 49152); /* worker 0: not the redirect's slot */
	assert_int_not_equal(b->sid.slot, slot);
	table_close(t);
	f->conf.dataplane.n_workers = 4; /* pair 3 is worker 3's now */
	f->conf.dataplane.peers /= 2;
	t = open_ok(&f->conf, 102);
	assert_int_equal(table_stats(t)->kept, 2);
	assert_int_equal(find(t, 1)->worker, 3);
	assert_int_equal(find(t, 1)->leg_worker, 0);
	assert_ptr_equal(table_at_slot(t, 0, find(t, 1)->leg_slot), find(t, 1));
	table_close(t);
	f->conf.dataplane.n_workers = 1; /* all packets come to the one that is left */
	f->conf.dataplane.peers *= 4;
	t = open_ok(&f->conf, 103);
	a = find(t, 1);
	assert_false(table_redirected(a));
	assert_int_equal(a->leg_slot, SLOT_NONE);
	slot = a->sid.slot;
	table_del(t, a);
	assert_null(table_at_slot(t, 0, slot));
	table_close(t);
}

/* The client's worker being full leaves nothing taken on the session's. */
static void redirects_need_a_slot(void **state)
{
	struct files *f = *state;
	struct table_alloc *a;
	struct table *t;
	uint32_t n = 0;

	f->conf.dataplane.sessions = 2;
	t = open_ok(&f->conf, 100);
	assert_non_null(add(t, 1, 49152));
	assert_non_null(add(t, 2, 49156)); /* worker 0 is full */
	assert_null(add_redirected(t, 3, 49154));
	assert_null(find(t, 3));
	assert_non_null(add(t, 4, 49154));
	assert_non_null(add(t, 5, 49158)); /* and 1 had both of its slots */
	table_del(t, find(t, 5));
	table_del(t, find(t, 2));
	a = add_redirected(t, 3, 49154);
	assert_non_null(a);
	table_del(t, a); /* gives both back */
	for (uint32_t w = 0; w < 2; w++)
		for (uint32_t i = 0; i < 2; i++)
			n += table_at_slot(t, w, i) != NULL;
	assert_int_equal(n, 2);
	assert_non_null(add(t, 2, 49156));
	assert_non_null(add(t, 5, 49158));
	table_close(t);
}

static void fewer_slots_move_or_drop(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);

	for (uint16_t i = 0; i < 4; i++)
		add(t, i, (uint16_t)(49152 + 4 * i)); /* all of worker 0, slots 0 to 3 */
	table_del(t, find(t, 0));
	table_close(t);
	f->conf.dataplane.sessions = 2;
	t = open_ok(&f->conf, 101);
	assert_int_equal(table_stats(t)->kept, 2);
	assert_int_equal(table_stats(t)->moved, 1);
	assert_int_equal(table_stats(t)->damaged, 1);
	assert_int_equal(find(t, 1)->sid.slot, 1);
	table_close(t);
}

/* Any single byte of an allocation record, changed at will: skipped or unharmed, never obeyed. */
static void damaged_records_are_skipped(void **state)
{
	struct files *f = *state;
	struct table *t = open_ok(&f->conf, 100);
	size_t at, size = sizeof(struct table_alloc);
	uint8_t *map, keep[sizeof(struct table_alloc)];
	uint32_t cursor = 0;
	struct stat st;
	int fd;

	add(t, 1, 49152);
	memcpy(keep, table_next(t, &cursor), size);
	table_close(t);
	fd = open(f->conf.control.state, O_RDWR);
	fstat(fd, &st);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (at = 0; memcmp(map + at, keep, size) != 0; at += 64)
		assert_true(at + size < (size_t)st.st_size);
	for (size_t i = 0; i < size; i++) {
		memcpy(map + at, keep, size);
		map[at + i] ^= 0xff;
		t = open_ok(&f->conf, 100);
		if (find(t, 1) && i >= offsetof(struct table_alloc, sum))
			fail_msg("byte %zu was not missed", i);
		if (i >= offsetof(struct table_alloc, sum))
			assert_int_equal(table_stats(t)->damaged, 1);
		table_close(t);
	}
	munmap(map, (size_t)st.st_size);
	close(fd);
}

/* ---- killed at any instruction ---- */

/*
 * A child changes the table while we step it instruction by instruction; whenever the file has
 * changed, a copy of it is taken up as if the child had been killed there.
 */
static void changes(struct table *t)
{
	struct sock_addr peer = addr("203.0.113.1", 9), other = addr("203.0.113.2", 10);
	struct table_alloc *a = add(t, 2, 49156);

	table_perm_set(t, a, &peer.ip, 400);
	table_chan_set(t, a, &peer, 0x4001, 700);
	table_perm_set(t, a, &peer.ip, 450);
	table_perm_set(t, a, &other.ip, 300);
	table_resv_add(t, (struct ctl_relay){ 1, be16_make(49153) }, nobody, 130);
	table_expire(t, a, 300);
	atomic_store(&a->expiry[RELAY_V4], 1100);
	table_del(t, a);
	a = add_redirected(t, 3, 49158); /* in the place of the one that went */
	table_chan_set(t, a, &other, 0x4002, 700);
	table_perm_set(t, a, &other.ip, 400);
}

static void child(void *config)
{
	struct table *t = open_ok(config, 100);

	steps_begin();
	changes(t);
}

/* Everything in the table must make sense, and what the child left alone must be there. */
static void judge(struct table *t)
{
	struct table_alloc *a;
	uint32_t cursor = 0, n = 0;

	assert_null(table_stats(t)->fresh);
	assert_int_equal(table_stats(t)->damaged, 0);
	assert_non_null(find(t, 1));
	assert_int_equal(table_n_perms(t, find(t, 1)), 1);
	while ((a = table_next(t, &cursor)) != NULL) {
		uint16_t port = be16_get(a->leg.client.port);
		struct table_chan *ch = NULL;
		struct table_perm *p = NULL;

		n++;
		assert_string_equal(a->user, "alice");
		assert_int_equal(be16_get(a->relay[0].port), 49152 + 2 * port);
		assert_ptr_equal(table_find_sid(t, a->worker, a->sid), a);
		assert_ptr_equal(table_at_slot(t, a->leg_worker,
					       table_redirected(a) ? a->leg_slot : a->sid.slot),
				 a);
		while ((p = table_perm_next(t, a, p)) != NULL)
			assert_in_range(p->expiry, 300, 450);
		while ((ch = table_chan_next(t, a, ch)) != NULL) {
			assert_int_equal(ch->number, 0x4000 + port - 1);
			assert_int_equal(be16_get(ch->peer.port), 7 + port);
			assert_int_equal(ch->expiry, 700);
		}
	}
	assert_int_equal(n, table_stats(t)->allocs);
	assert_in_range(n, 1, 2);
}

static void judge_copy(void *config, const char *path)
{
	static struct config copy;
	struct table *t;

	memcpy(&copy, config, sizeof(copy));
	snprintf(copy.control.state, sizeof(copy.control.state), "%s", path);
	t = open_ok(&copy, 100);
	judge(t);
	table_close(t);
}

static void killed_at_any_instruction(void **state)
{
	struct files *f = *state;
	struct sock_addr peer = addr("203.0.113.1", 9);
	uint32_t states;
	struct table *t;

	f->conf.turn.allocations_max = 4;
	f->conf.dataplane.peers = 4;
	t = open_ok(&f->conf, 100);
	table_perm_set(t, add(t, 1, 49154), &peer.ip, 400);
	table_close(t);
	states = steps_run(f->conf.control.state, NULL, child, judge_copy, &f->conf);
	assert_in_range(states, 30, 1000); /* it was seen at work, */
	t = open_ok(&f->conf, 100);
	assert_non_null(find(t, 3)); /* and to the end */
	table_close(t);
}

/* Takes up whatever the file has, and lets go of it. */
static void take_up(const struct config *c)
{
	struct table *t = open_ok(c, 100);
	const struct sock_addr peer = addr("203.0.113.7", 9);
	struct table_alloc *a;
	struct table_resv *r;
	uint32_t cursor = 0;

	while ((a = table_next(t, &cursor))) {
		table_perm_set(t, a, &peer.ip, 400);
		assert_int_not_equal(table_user_held(t, a->user_id), 0);
		table_del(t, a);
	}
	cursor = 0;
	while ((r = table_resv_next(t, &cursor)))
		table_resv_del(t, r);
	assert_int_equal(table_stats(t)->users, 0);
	assert_int_equal(table_stats(t)->allocs, 0);
	assert_int_equal(table_stats(t)->perms, 0);
	assert_int_equal(table_stats(t)->chans, 0);
	table_close(t);
}

/* A file of any version with wrong bits, or that ends early: as it is or carried over. */
static void a_damaged_file_is_survived(void **state)
{
	static uint8_t was[1 << 20], now[sizeof(was)];
	struct files *f = *state;
	uint64_t seed = 1;

	for (uint32_t round = 0; round < 300; round++) {
		const uint32_t version = 2 + round % 3;
		struct table *t;
		uint8_t token[8];
		size_t n;
		FILE *file;

		f->conf.turn.allocations_max = 100;
		unlink(f->conf.control.state);
		t = open_ok(&f->conf, 100);
		fill(t, token);
		if (version < TABLE_VERSION) {
			unlink(f->conf.control.state);
			write_older(f, t, version);
		}
		table_close(t);
		file = fopen(f->conf.control.state, "re");
		n = fread(was, 1, sizeof(was), file);
		fclose(file);
		assert_true(n > 0 && n < sizeof(was));
		memcpy(now, was, n);
		for (uint32_t i = 0; i < 1 + round % 4; i++) {
			uint64_t at;

			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			at = (seed >> 33) % (round % 2 ? n : 8192 < n ? 8192 : n);
			now[at] ^= (uint8_t)(1u << (seed >> 30) % 8);
		}
		if (round % 16 == 15)
			n = (seed >> 33) % n;
		file = fopen(f->conf.control.state, "we");
		assert_int_equal(fwrite(now, 1, n, file), n);
		fclose(file);
		f->conf.turn.allocations_max = round % 5 ? 100 : 50;
		take_up(&f->conf);
	}
}

/* Lengths that come to the file's, but are of no record, or lead out of it. */
static void lengths_that_cannot_be_are_damage(void **state)
{
	struct files *f = *state;

	for (int i = 0; i < 2; i++) {
		struct table *t = open_ok(&f->conf, 100);
		uint8_t token[8];

		fill(t, token);
		if (i == 0) { /* shorter than any there were */
			t->hdr->head.records[0] = t->allocs * 2;
			t->hdr->head.record_bytes[0] = sizeof(*t->alloc) / 2;
		} else { /* round all 64 bits */
			for (int p = 0; p < STATEFILE_POOLS; p++) {
				t->hdr->head.records[p] = UINT32_C(1) << 31;
				t->hdr->head.record_bytes[p] = UINT32_C(1) << 31;
			}
			assert_int_equal(truncate(f->conf.control.state,
						  (off_t)statefile_bytes(1, sizeof(*t->hdr))),
					 0);
		}
		table_close(t);
		t = open_ok(&f->conf, 100);
		assert_string_equal(table_stats(t)->fresh, "it is damaged");
		table_close(t);
		unlink(f->conf.control.state);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_file_has_its_size),
		T(the_memory_has_its_size),
		T(what_was_written_is_found_again),
		T(what_is_over_goes_at_start),
		T(a_second_process_is_kept_out),
		T(who_is_about_to_be_gone_is_awaited),
		T(another_boot_starts_afresh),
		T(limits_may_change),
		T(a_limit_is_live),
		T(names_may_move),
		T(names_may_go),
		T(an_earlier_format_is_carried_over),
		T(an_earlier_format_of_other_relays_is_not),
		T(more_workers_move_allocations),
		T(fewer_slots_move_or_drop),
		T(redirects_last_and_move),
		T(redirects_need_a_slot),
		T(damaged_records_are_skipped),
		T(a_damaged_file_is_survived),
		T(lengths_that_cannot_be_are_damage),
		T(killed_at_any_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
