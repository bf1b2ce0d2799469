/* SPDX-License-Identifier: BSD-3-Clause */
/* The allocation table: its file, its memory. */
#include "table_priv.h"

#include "rand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every pool starts on a cache line. */
static uint64_t pool_bytes(uint64_t n, uint64_t record)
{
	return (n * record + 63) & ~UINT64_C(63);
}

/* Sets the pools' sizes from the configuration; the file's size follows. */
static void table_geometry(struct table *t)
{
	const struct config *c = t->conf;
	uint64_t peers = (uint64_t)c->turn.allocations_max +
			 (uint64_t)c->dataplane.peers * c->dataplane.n_workers;

	/* The dataplane holds one peer with each session and `peers` more on each worker. */
	if (peers > UINT32_MAX / 2)
		peers = UINT32_MAX / 2;
	t->n_workers = c->dataplane.n_workers;
	t->sessions = c->dataplane.sessions;
	t->allocs = c->turn.allocations_max;
	t->perms = (uint32_t)peers;
	t->chans = (uint32_t)peers;
	t->resvs = t->allocs < TABLE_RESVS_MAX ? t->allocs : TABLE_RESVS_MAX;
	t->size = pool_bytes(1, sizeof(struct table_header)) +
		  pool_bytes(t->allocs, sizeof(struct table_alloc)) +
		  pool_bytes(t->perms, sizeof(struct table_perm)) +
		  pool_bytes(t->chans, sizeof(struct table_chan)) +
		  pool_bytes(t->resvs, sizeof(struct table_resv));
}

static void table_place(struct table *t)
{
	uint8_t *p = t->map;

	t->hdr = (struct table_header *)p;
	p += pool_bytes(1, sizeof(struct table_header));
	t->alloc = (struct table_alloc *)p;
	p += pool_bytes(t->allocs, sizeof(struct table_alloc));
	t->perm = (struct table_perm *)p;
	p += pool_bytes(t->perms, sizeof(struct table_perm));
	t->chan = (struct table_chan *)p;
	p += pool_bytes(t->chans, sizeof(struct table_chan));
	t->resv = (struct table_resv *)p;
}

/* What gives the indexes in records their meaning: addresses of listeners and relays. */
static uint64_t table_digest(const struct config *c)
{
	static const struct siphash_key fixed;
	uint8_t buf[CTL_LISTENERS_MAX * 19 + CTL_RELAYS_MAX * 16 + 4];
	struct wr w = wr_init(buf, sizeof(buf));

	wr_u16(&w, c->n_listener);
	for (uint16_t i = 0; i < c->n_listener; i++) {
		wr_bytes(&w, &c->listener[i].addr, sizeof(c->listener[i].addr));
		wr_u8(&w, (uint8_t)c->listener[i].transport);
	}
	wr_u16(&w, c->n_relay);
	for (uint16_t i = 0; i < c->n_relay; i++)
		wr_bytes(&w, &c->relay[i].addr, sizeof(c->relay[i].addr));
	return siphash(&fixed, buf, wr_len(&w));
}

static void boot_id_read(char id[TABLE_BOOT_ID])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	memset(id, 0, TABLE_BOOT_ID);
	if (!f || !fgets(id, TABLE_BOOT_ID, f))
		snprintf(id, TABLE_BOOT_ID, "unknown");
	if (f)
		fclose(f);
	id[strcspn(id, "\n")] = '\0';
}

/* Why the mapped file cannot be taken up, or NULL. */
static const char *header_refuse(const struct table *t, const char *boot_id)
{
	const struct table_header *h = t->hdr;

	if (!atomic_load_explicit(&h->ready, memory_order_acquire) || h->magic != TABLE_MAGIC)
		return "it was never completed";
	if (h->version != TABLE_VERSION)
		return "it has another version's format";
	if (strncmp(h->boot_id, boot_id, TABLE_BOOT_ID) != 0)
		return "the machine was started since";
	if (h->allocs != t->allocs || h->perms != t->perms || h->chans != t->chans ||
	    h->resvs != t->resvs)
		return "the configured limits changed";
	if (h->digest != table_digest(t->conf))
		return "the configured listeners or relays changed";
	return NULL;
}

static void header_write(struct table *t, const char *boot_id)
{
	struct table_header *h = t->hdr;
	uint32_t gen;

	h->magic = TABLE_MAGIC;
	h->version = TABLE_VERSION;
	snprintf(h->boot_id, sizeof(h->boot_id), "%s", boot_id);
	h->digest = table_digest(t->conf);
	h->allocs = t->allocs;
	h->perms = t->perms;
	h->chans = t->chans;
	h->resvs = t->resvs;
	rand_bytes(&h->sum_key, sizeof(h->sum_key));
	rand_bytes(h->user_key, sizeof(h->user_key));
	rand_bytes(&gen, sizeof(gen));
	word_set(&h->next_gen, gen ? gen : 1);
	atomic_store_explicit(&h->ready, 1, memory_order_release);
}

/* Gives the file its size, zeroed. Space is taken now: a full disk must not be met later. */
static bool file_make(struct table *t)
{
	int e;

	if (ftruncate(t->fd, 0) || ftruncate(t->fd, (off_t)t->size))
		return false;
	e = posix_fallocate(t->fd, 0, (off_t)t->size);
	errno = e;
	return e == 0;
}

static bool file_map(struct table *t)
{
	t->map = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (t->map == MAP_FAILED) {
		t->map = NULL;
		return false;
	}
	table_place(t);
	return true;
}

/* Opens, locks and maps the file; starts it afresh if it cannot be taken up. */
static bool file_open(struct table *t, const char *boot_id, char *err, size_t errlen)
{
	const char *path = t->conf->control.state;
	struct stat st;

	t->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t->fd < 0)
		goto fail;
	if (flock(t->fd, LOCK_EX | LOCK_NB)) {
		snprintf(err, errlen, "the state file %s is in use by another fairlead-cp", path);
		return false;
	}
	if (fstat(t->fd, &st))
		goto fail;
	if (!S_ISREG(st.st_mode)) {
		snprintf(err, errlen, "the state file %s is not a regular file", path);
		return false;
	}
	if (st.st_size == 0) {
		t->stats.fresh = "it did not exist";
	} else if ((uint64_t)st.st_size != t->size) {
		t->stats.fresh = "the configured limits changed";
	} else {
		if (!file_map(t))
			goto fail;
		t->stats.fresh = header_refuse(t, boot_id);
		if (!t->stats.fresh)
			return true;
		munmap(t->map, t->size);
		t->map = NULL;
	}
	if (!file_make(t) || !file_map(t))
		goto fail;
	header_write(t, boot_id);
	return true;
fail:
	snprintf(err, errlen, "cannot use the state file %s (%llu MB): %s", path,
		 (unsigned long long)(t->size >> 20) + 1, strerror(errno));
	return false;
}

/* ---- private memory ---- */

static uint32_t *index_array(uint64_t n)
{
	uint32_t *a = malloc((n ? n : 1) * sizeof(*a));

	for (uint64_t i = 0; a && i < n; i++)
		a[i] = TABLE_NONE;
	return a;
}

static bool memory_take(struct table *t)
{
	uint64_t buckets = 1024;

	/* Half of them empty: each record in a bucket costs two lines of cold memory. */
	while (buckets < UINT64_C(2) * t->allocs)
		buckets *= 2;
	t->mask = (uint32_t)(buckets - 1);
	t->entry = calloc(t->allocs, sizeof(*t->entry));
	t->user = calloc(t->allocs, sizeof(*t->user));
	t->bucket = index_array(buckets);
	t->user_bucket = index_array(buckets);
	t->perm_next = index_array(t->perms);
	t->chan_next = index_array(t->chans);
	t->resv_entry = calloc(t->resvs, sizeof(*t->resv_entry));
	t->slots = calloc(t->n_workers, sizeof(*t->slots));
	if (!t->entry || !t->user || !t->bucket || !t->user_bucket || !t->perm_next ||
	    !t->chan_next || !t->resv_entry || !t->slots)
		return false;
	for (uint32_t w = 0; w < t->n_workers; w++) {
		t->slots[w].owner = index_array(t->sessions);
		t->slots[w].free = index_array(t->sessions);
		if (!t->slots[w].owner || !t->slots[w].free)
			return false;
	}
	return true;
}

struct table *table_open(const struct config *c, uint32_t now, const char *boot_id, char *err,
			 size_t errlen)
{
	struct table *t = calloc(1, sizeof(*t));
	char id[TABLE_BOOT_ID];

	if (!t) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	t->conf = c;
	t->fd = -1;
	boot_id_read(id);
	if (boot_id)
		snprintf(id, sizeof(id), "%s", boot_id);
	table_geometry(t);
	if (!file_open(t, id, err, errlen)) {
		table_close(t);
		return NULL;
	}
	if (!memory_take(t)) {
		snprintf(err, errlen, "not enough memory for a table of %u allocations", t->allocs);
		table_close(t);
		return NULL;
	}
	rand_bytes(&t->hash_key, sizeof(t->hash_key));
	table_load(t, now);
	return t;
}

void table_close(struct table *t)
{
	if (!t)
		return;
	if (t->map)
		munmap(t->map, t->size);
	if (t->fd >= 0)
		close(t->fd);
	for (uint32_t w = 0; t->slots && w < t->n_workers; w++) {
		free(t->slots[w].owner);
		free(t->slots[w].free);
	}
	free(t->slots);
	free(t->entry);
	free(t->user);
	free(t->bucket);
	free(t->user_bucket);
	free(t->perm_next);
	free(t->chan_next);
	free(t->resv_entry);
	free(t);
}
