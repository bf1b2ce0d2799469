/* SPDX-License-Identifier: BSD-3-Clause */
#include "statefile.h"

#include "../conf/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	OLDER_HEAD = offsetof(struct statefile_head, head_bytes),
	HEAD_LEAST = offsetof(struct statefile_head, world.more),
	LOCK_WAIT_MS = 1000,
	LOCK_PAUSE_MS = 10,
};

static void boot_id_read(char id[STATEFILE_BOOT_ID], const char *given)
{
	FILE *f = given ? NULL : fopen("/proc/sys/kernel/random/boot_id", "re");

	memset(id, 0, STATEFILE_BOOT_ID);
	if (given)
		snprintf(id, STATEFILE_BOOT_ID, "%s", given);
	else if (!f || !fgets(id, STATEFILE_BOOT_ID, f))
		snprintf(id, STATEFILE_BOOT_ID, "unknown");
	if (f)
		fclose(f);
	id[strcspn(id, "\n")] = '\0';
}

/* ---- worlds ---- */

static struct statefile_listener *world_listener(struct statefile_world *w, uint16_t i)
{
	return i < CTL_LISTENERS_MAX ? &w->listener[i] : &w->more[i - CTL_LISTENERS_MAX];
}

static void world_make(struct statefile_world *w, const struct config *c)
{
	memset(w, 0, sizeof(*w));
	w->n_workers = c->dataplane.n_workers;
	w->n_listener = listener_places(c);
	w->n_relay = c->n_relay;
	w->n_realm = c->n_realm;
	w->n_domain = c->n_domain;
	for (uint16_t i = 0; i < w->n_listener; i++) {
		const struct listener_place p = listener_place(c, i);

		*world_listener(w, i) = (struct statefile_listener){ p.addr, p.transport };
	}
	for (uint16_t i = 0; i < c->n_relay; i++)
		w->relay[i] = c->relay[i].addr;
	for (uint16_t i = 0; i < c->n_realm; i++)
		snprintf(w->realm[i], CTL_NAME_MAX, "%s", c->realm[i].name);
	for (uint16_t i = 0; i < c->n_domain; i++)
		snprintf(w->domain[i], CTL_NAME_MAX, "%s", c->domain[i].name);
}

/* Where each of n things of one world is among m of another, by its bytes. */
static void map_names(uint16_t *map, uint16_t max, const void *from, uint16_t n, const void *to,
		      uint16_t m, size_t bytes)
{
	const uint8_t *a = from, *b = to;

	for (uint16_t i = 0; i < max; i++) {
		map[i] = STATEFILE_GONE;
		for (uint16_t j = 0; i < n && j < m && map[i] == STATEFILE_GONE; j++) {
			if (memcmp(a + i * bytes, b + j * bytes, bytes) == 0)
				map[i] = j;
		}
	}
}

/* The same of listeners, which stand in two pieces: as one list they are what is compared. */
static void map_listeners(uint16_t *map, const struct statefile_world *from,
			  const struct statefile_world *to)
{
	struct statefile_listener a[CTL_PLACES_MAX], b[CTL_PLACES_MAX];

	memcpy(a, from->listener, sizeof(from->listener));
	memcpy(a + CTL_LISTENERS_MAX, from->more, sizeof(from->more));
	memcpy(b, to->listener, sizeof(to->listener));
	memcpy(b + CTL_LISTENERS_MAX, to->more, sizeof(to->more));
	map_names(map, CTL_PLACES_MAX, a, from->n_listener, b, to->n_listener, sizeof(a[0]));
}

/* False if it counts more than there can be. */
static bool world_map(struct statefile_view *v, const struct statefile_world *from,
		      const struct statefile_world *to)
{
	if (from->n_listener > CTL_PLACES_MAX || from->n_relay > CTL_RELAYS_MAX ||
	    from->n_realm > CONFIG_REALMS_MAX || from->n_domain > CONFIG_DOMAINS_MAX)
		return false;
	map_listeners(v->listener, from, to);
	map_names(v->relay, CTL_RELAYS_MAX, from->relay, from->n_relay, to->relay, to->n_relay,
		  sizeof(to->relay[0]));
	map_names(v->realm, CONFIG_REALMS_MAX, from->realm, from->n_realm, to->realm, to->n_realm,
		  CTL_NAME_MAX);
	map_names(v->domain, CONFIG_DOMAINS_MAX, from->domain, from->n_domain, to->domain,
		  to->n_domain, CTL_NAME_MAX);
	return true;
}

/* ---- what is in a file ---- */

static uint64_t pools_place(uint32_t head, const uint32_t *records, const uint32_t *bytes,
			    uint64_t *at)
{
	uint64_t end = statefile_bytes(1, head);

	for (int i = 0; i < STATEFILE_POOLS; i++) {
		at[i] = end;
		end += statefile_bytes(records[i], bytes[i]);
	}
	return end;
}

uint64_t statefile_size(const struct statefile_form *form)
{
	uint64_t at[STATEFILE_POOLS];

	return pools_place(form->head_bytes, form->records, form->record_bytes, at);
}

static const struct statefile_older *older_find(const struct statefile_form *form, uint32_t version)
{
	for (const struct statefile_older *o = form->older; o && o->version; o++) {
		if (o->version == version)
			return o;
	}
	return NULL;
}

/* Lengths and indexes of a file that says them itself. */
static bool view_head(struct statefile_view *v, const struct statefile_world *now)
{
	struct statefile_head h = { 0 };

	if (v->bytes < HEAD_LEAST)
		return false;
	memcpy(&h, v->map, v->bytes < sizeof(h) ? v->bytes : sizeof(h));
	if (h.own_at < sizeof(h)) /* of a version that knew of no more listeners */
		memset(h.world.more, 0, sizeof(h.world.more));
	v->head_bytes = h.head_bytes;
	v->own_at = h.own_at;
	memcpy(v->record_bytes, h.record_bytes, sizeof(v->record_bytes));
	return h.own_at >= HEAD_LEAST && h.head_bytes >= h.own_at && world_map(v, &h.world, now);
}

/* Those of an earlier format: its indexes are ours, or nobody knows what they were. */
static bool view_older(struct statefile_view *v, const struct statefile_older *o, uint64_t digest,
		       const struct statefile_world *now)
{
	if (!o || digest != o->digest)
		return false;
	v->head_bytes = o->head_bytes;
	v->own_at = OLDER_HEAD;
	memcpy(v->record_bytes, o->record_bytes, sizeof(v->record_bytes));
	return world_map(v, now, now);
}

/* Whether a pool is inside of the file, of records that are no shorter than any that there were. */
static bool pool_sound(const struct statefile_view *v, const struct statefile_form *form, int pool)
{
	uint32_t least = form->record_bytes[pool];

	for (const struct statefile_older *o = form->older; o && o->version; o++)
		least = o->record_bytes[pool] < least ? o->record_bytes[pool] : least;
	return v->records[pool] == 0 ||
	       (v->record_bytes[pool] >= least &&
		(uint64_t)v->records[pool] * v->record_bytes[pool] <= v->bytes);
}

/* Checks a mapped file: NULL, or why it cannot be read. Of another boot it is none of ours. */
static const char *view_open(struct statefile_view *v, const struct statefile_form *form,
			     const char *boot_id, const struct statefile_world *now)
{
	const struct statefile_head *h = (const struct statefile_head *)v->map;

	if (v->bytes < OLDER_HEAD || !atomic_load_explicit(&h->ready, memory_order_acquire) ||
	    h->magic != form->magic)
		return "it was never completed";
	if (strncmp(h->boot_id, boot_id, STATEFILE_BOOT_ID) != 0)
		return "the machine was started since";
	v->version = h->version;
	memcpy(v->records, h->records, sizeof(v->records));
	if (h->version == form->version) {
		if (!view_head(v, now))
			return "it is damaged";
	} else if (!older_find(form, h->version)) {
		return "it has a format of another version";
	} else if (!view_older(v, older_find(form, h->version), h->digest, now)) {
		return "it does not say what its records are of";
	}
	if (pools_place(v->head_bytes, v->records, v->record_bytes, v->at) != v->bytes)
		return "it is damaged";
	for (int i = 0; i < STATEFILE_POOLS; i++) {
		if (!pool_sound(v, form, i))
			return "it is damaged";
	}
	return NULL;
}

/* Why it is not as it should be, or NULL. */
static const char *view_differs(const struct statefile_view *v, const struct statefile_form *form,
				const struct statefile_world *now)
{
	const struct statefile_head *h = (const struct statefile_head *)v->map;

	if (v->version != form->version || v->head_bytes != form->head_bytes ||
	    memcmp(v->record_bytes, form->record_bytes, sizeof(v->record_bytes)) != 0)
		return "it has the format of another version";
	if (memcmp(&h->world, now, sizeof(*now)) != 0)
		return "the configured listeners, relays, realms, domains or workers changed";
	if (memcmp(v->records, form->records, sizeof(v->records)) != 0)
		return "the configured limits changed";
	return NULL;
}

/* ---- making ---- */

void *statefile_pool(const struct statefile *f, const struct statefile_form *form, int pool)
{
	uint64_t at[STATEFILE_POOLS];

	pools_place(form->head_bytes, f->records, form->record_bytes, at);
	return (uint8_t *)f->map + at[pool];
}

void statefile_ready(struct statefile *f, const struct statefile_form *form)
{
	struct statefile_head *h = f->map;

	h->magic = form->magic;
	h->version = form->version;
	memcpy(h->boot_id, f->boot_id, sizeof(h->boot_id));
	memcpy(h->records, f->records, sizeof(h->records));
	h->head_bytes = form->head_bytes;
	h->own_at = sizeof(*h);
	memcpy(h->record_bytes, form->record_bytes, sizeof(h->record_bytes));
	world_make(&h->world, form->conf);
	atomic_store_explicit(&h->ready, 1, memory_order_release);
}

/* Bytes of names that were there stay as they are, whenever we are killed. */
void statefile_world_add(struct statefile *f, const struct config *c)
{
	struct statefile_head *h = f->map;
	struct statefile_world w;

	world_make(&w, c);
	memcpy(&h->world, &w, sizeof(w));
}

bool statefile_partial(const struct statefile *f)
{
	const struct statefile_head *h = f->map;

	return atomic_load_explicit(&h->partial, memory_order_relaxed) != 0;
}

void statefile_partial_set(struct statefile *f, bool partial)
{
	struct statefile_head *h = f->map;

	atomic_store_explicit(&h->partial, partial, memory_order_release);
}

/* Gives the file its size, zeroed. Space is taken now: a full disk must not be met later. */
static bool file_make(struct statefile *f, const struct statefile_form *form)
{
	uint64_t at[STATEFILE_POOLS];
	int e;

	f->bytes = pools_place(form->head_bytes, f->records, form->record_bytes, at);
	if (ftruncate(f->fd, 0) || ftruncate(f->fd, (off_t)f->bytes))
		return false;
	e = posix_fallocate(f->fd, 0, (off_t)f->bytes);
	errno = e;
	if (e)
		return false;
	f->map = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (f->map == MAP_FAILED)
		f->map = NULL;
	if (f->map)
		statefile_partial_set(f, true);
	return f->map != NULL;
}

/*
 * A new file, under the lock of the old one, takes its place when all is in it. Whoever waits for
 * the old one's lock finds that it has lost its name (file_lock()).
 */
static bool file_carry(struct statefile *f, const struct statefile_form *form,
		       const struct statefile_carry *carry, const struct statefile_view *from)
{
	char path[CONFIG_STR_MAX + 16];
	struct statefile to = *f;
	uint32_t lost;

	snprintf(path, sizeof(path), "%s.new", form->path);
	unlink(path);
	to.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to.fd < 0)
		return false;
	for (int i = 0; i < STATEFILE_POOLS; i++) {
		uint32_t needs = form->records[i] ? carry->needs(from, i) : 0;

		to.records[i] = form->records[i] > needs ? form->records[i] : needs;
	}
	if (flock(to.fd, LOCK_EX | LOCK_NB) == 0 && file_make(&to, form)) {
		lost = carry->carry(form, from, &to);
		if (!lost && from->version == form->version)
			statefile_partial_set(&to,
					      ((const struct statefile_head *)from->map)->partial);
		else
			statefile_partial_set(&to, lost);
		statefile_ready(&to, form);
		if (rename(path, form->path) == 0) {
			close(f->fd);
			*f = to;
			return true;
		}
	}
	lost = (uint32_t)errno;
	unlink(path);
	if (to.map)
		munmap(to.map, to.bytes);
	close(to.fd);
	errno = (int)lost;
	return false;
}

/* Maps what is there, if it can be taken up, else makes it anew. False: errno. */
static bool file_take(struct statefile *f, const struct statefile_form *form,
		      const struct statefile_carry *carry, uint64_t bytes)
{
	struct statefile_view *v = calloc(1, sizeof(*v));
	struct statefile_world *now = calloc(1, sizeof(*now));
	bool ok = false;
	void *map;

	memcpy(f->records, form->records, sizeof(f->records));
	if (!v || !now)
		goto done;
	world_make(now, form->conf);
	if (bytes == 0) {
		f->fresh = "it did not exist";
		ok = file_make(f, form);
		goto done;
	}
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (map == MAP_FAILED)
		goto done;
	v->map = map;
	v->bytes = bytes;
	f->fresh = view_open(v, form, f->boot_id, now);
	f->carried = f->fresh ? NULL : view_differs(v, form, now);
	if (!f->fresh && !f->carried) {
		f->map = map;
		f->bytes = bytes;
		ok = true;
		goto done;
	}
	ok = f->fresh ? file_make(f, form) : file_carry(f, form, carry, v);
	munmap(map, bytes);
done:
	free(v);
	free(now);
	return ok;
}

/* False: another process has it, and does not end. One that was killed has it until its last thread
 * is gone. */
static bool lock_take(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	int rc = flock(fd, LOCK_EX | LOCK_NB);

	for (int ms = 0; rc && ms < LOCK_WAIT_MS; ms += LOCK_PAUSE_MS) {
		nanosleep(&pause, NULL);
		rc = flock(fd, LOCK_EX | LOCK_NB);
	}
	return rc == 0;
}

/* Opens and locks it. False: one sentence in err, or none and errno. */
static bool file_lock(struct statefile *f, const char *path, struct stat *st, char *err,
		      size_t errlen)
{
	struct stat there;

	for (;;) {
		f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (f->fd < 0)
			return false;
		if (!lock_take(f->fd)) {
			snprintf(err, errlen, "the state file %s is in use by another fairlead-cp",
				 path);
			return false;
		}
		if (fstat(f->fd, st))
			return false;
		if (stat(path, &there) == 0 && there.st_ino == st->st_ino &&
		    there.st_dev == st->st_dev)
			break;
		close(f->fd); /* another file has taken its name meanwhile */
	}
	if (S_ISREG(st->st_mode))
		return true;
	snprintf(err, errlen, "the state file %s is not a regular file", path);
	return false;
}

bool statefile_open(struct statefile *f, const struct statefile_form *form,
		    const struct statefile_carry *carry, char *err, size_t errlen)
{
	struct stat st;

	*f = (struct statefile){ .fd = -1 };
	boot_id_read(f->boot_id, form->boot_id);
	*err = '\0';
	if (file_lock(f, form->path, &st, err, errlen) &&
	    file_take(f, form, carry, (uint64_t)st.st_size))
		return true;
	if (!*err)
		snprintf(err, errlen, "cannot use the state file %s (%llu MB): %s", form->path,
			 (unsigned long long)(f->bytes >> 20) + 1, strerror(errno));
	return false;
}

void statefile_close(struct statefile *f)
{
	if (f->map)
		munmap(f->map, f->bytes);
	if (f->fd >= 0)
		close(f->fd);
	f->map = NULL;
	f->fd = -1;
}

enum statefile_look statefile_look(const struct statefile_form *form)
{
	struct statefile_view *v = calloc(1, sizeof(*v));
	struct statefile_world *now = calloc(1, sizeof(*now));
	int fd = open(form->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum statefile_look look = STATEFILE_NONE;
	char boot_id[STATEFILE_BOOT_ID];
	void *map = MAP_FAILED;
	struct stat st;

	boot_id_read(boot_id, form->boot_id);
	if (v && now && fd >= 0 && fstat(fd, &st) == 0 && st.st_size >= OLDER_HEAD)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED) {
		const struct statefile_head *h = map;

		world_make(now, form->conf);
		v->map = map;
		v->bytes = (uint64_t)st.st_size;
		if (!view_open(v, form, boot_id, now))
			look = view_differs(v, form, now) ? STATEFILE_CARRIED : STATEFILE_STAYS;
		else if (atomic_load(&h->ready) && h->magic == form->magic &&
			 strncmp(h->boot_id, boot_id, STATEFILE_BOOT_ID) == 0)
			look = STATEFILE_FOREIGN;
		munmap(map, (size_t)st.st_size);
	}
	if (fd >= 0)
		close(fd);
	free(v);
	free(now);
	return look;
}
