/* SPDX-License-Identifier: BSD-3-Clause */
#include "statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void boot_id_read(char id[STATEFILE_BOOT_ID])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	memset(id, 0, STATEFILE_BOOT_ID);
	if (!f || !fgets(id, STATEFILE_BOOT_ID, f))
		snprintf(id, STATEFILE_BOOT_ID, "unknown");
	if (f)
		fclose(f);
	id[strcspn(id, "\n")] = '\0';
}

/* Why the mapped file cannot be taken up, or NULL. */
static const char *head_refuse(const struct statefile *f, const struct statefile_form *form)
{
	const struct statefile_head *h = f->map;

	if (!atomic_load_explicit(&h->ready, memory_order_acquire) || h->magic != form->magic)
		return "it was never completed";
	if (h->version != form->version)
		return "it has another version's format";
	if (strncmp(h->boot_id, f->boot_id, STATEFILE_BOOT_ID) != 0)
		return "the machine was started since";
	if (memcmp(h->records, form->records, sizeof(h->records)) != 0)
		return "the configured limits changed";
	if (h->digest != form->digest)
		return form->digest_means;
	return NULL;
}

void statefile_ready(struct statefile *f, const struct statefile_form *form)
{
	struct statefile_head *h = f->map;

	h->magic = form->magic;
	h->version = form->version;
	memcpy(h->boot_id, f->boot_id, sizeof(h->boot_id));
	h->digest = form->digest;
	memcpy(h->records, form->records, sizeof(h->records));
	atomic_store_explicit(&h->ready, 1, memory_order_release);
}

/* Gives the file its size, zeroed. Space is taken now: a full disk must not be met later. */
static bool file_make(const struct statefile *f)
{
	int e;

	if (ftruncate(f->fd, 0) || ftruncate(f->fd, (off_t)f->size))
		return false;
	e = posix_fallocate(f->fd, 0, (off_t)f->size);
	errno = e;
	return e == 0;
}

static bool file_map(struct statefile *f)
{
	f->map = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (f->map == MAP_FAILED)
		f->map = NULL;
	return f->map != NULL;
}

/* Maps a file of st_size bytes if it can be taken up, else one made anew. False: errno. */
static bool file_take(struct statefile *f, const struct statefile_form *form, off_t st_size)
{
	if (st_size == 0) {
		f->fresh = "it did not exist";
	} else if ((uint64_t)st_size != f->size) {
		f->fresh = "the configured limits changed";
	} else {
		if (!file_map(f))
			return false;
		f->fresh = head_refuse(f, form);
		if (!f->fresh)
			return true;
		munmap(f->map, f->size);
		f->map = NULL;
	}
	return file_make(f) && file_map(f);
}

bool statefile_open(struct statefile *f, const struct statefile_form *form, char *err,
		    size_t errlen)
{
	struct stat st;

	*f = (struct statefile){ .size = form->size };
	boot_id_read(f->boot_id);
	if (form->boot_id)
		snprintf(f->boot_id, sizeof(f->boot_id), "%s", form->boot_id);
	f->fd = open(form->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd >= 0 && flock(f->fd, LOCK_EX | LOCK_NB)) {
		snprintf(err, errlen, "the state file %s is in use by another fairlead-cp",
			 form->path);
		return false;
	}
	if (f->fd >= 0 && fstat(f->fd, &st) == 0) {
		if (!S_ISREG(st.st_mode)) {
			snprintf(err, errlen, "the state file %s is not a regular file",
				 form->path);
			return false;
		}
		if (file_take(f, form, st.st_size))
			return true;
	}
	snprintf(err, errlen, "cannot use the state file %s (%llu MB): %s", form->path,
		 (unsigned long long)(f->size >> 20) + 1, strerror(errno));
	return false;
}

void statefile_close(struct statefile *f)
{
	if (f->map)
		munmap(f->map, f->size);
	if (f->fd >= 0)
		close(f->fd);
	f->map = NULL;
	f->fd = -1;
}
