/* SPDX-License-Identifier: BSD-3-Clause */
#include "record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LOOK_MS = 1000,
	MODE = 0640, /* those of the group read it */
};

static bool failed(struct record_file *f, int why)
{
	f->error = why;
	return false;
}

/* All of it, or nothing: a file that has no room for the rest is cut back to what it was. */
static bool append(struct record_file *f, const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		const ssize_t n = write(f->fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			f->error = n < 0 ? errno : ENOSPC;
			if (done && ftruncate(f->fd, (off_t)f->size) < 0)
				f->size += done; /* the next line begins inside of this one */
			return false;
		}
		done += (size_t)n;
	}
	f->size += len;
	f->dirty = true;
	return true;
}

/* A process that was killed may have left half a line. */
static bool line_end(struct record_file *f)
{
	char last = '\n';

	if (f->size && pread(f->fd, &last, 1, (off_t)f->size - 1) != 1)
		return failed(f, errno);
	return last == '\n' || append(f, "\n", 1);
}

static bool file_open(struct record_file *f)
{
	struct stat st;

	/* Nothing but a file: a pipe would block. */
	f->fd = open(f->path,
		     O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		     MODE);
	if (f->fd < 0)
		return failed(f, errno);
	if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(f->fd);
		f->fd = -1;
		return failed(f, EINVAL);
	}
	if ((st.st_mode & 07777) != MODE && st.st_size == 0)
		fchmod(f->fd, MODE); /* whatever the umask is */
	f->dev = st.st_dev;
	f->inode = st.st_ino;
	f->size = (uint64_t)st.st_size;
	if (!line_end(f)) {
		close(f->fd);
		f->fd = -1;
		return false;
	}
	return true;
}

static void file_sync(struct record_file *f)
{
	if (f->fd >= 0 && f->dirty && fdatasync(f->fd) < 0)
		f->error = errno;
	f->dirty = false;
}

static void file_shut(struct record_file *f)
{
	file_sync(f);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* FILE.n, or FILE itself. False: no memory. */
static char *name_of(const struct record_file *f, uint32_t n)
{
	char *name = NULL;

	if (asprintf(&name, n ? "%s.%u" : "%s", f->path, n) < 0)
		return NULL;
	return name;
}

/* Whatever else is, never more than `files`: false if the file cannot be moved out of the way. */
static bool rotate(struct record_file *f)
{
	bool ok = true;

	file_shut(f);
	if (f->files == 1)
		ok = unlink(f->path) == 0 || errno == ENOENT;
	for (uint32_t n = f->files - 1; n && ok; n--) {
		char *from = name_of(f, n - 1), *to = name_of(f, n);

		ok = from && to && (rename(from, to) == 0 || errno == ENOENT);
		free(from);
		free(to);
	}
	if (!ok) {
		const int why = errno;

		file_open(f);
		return failed(f, why);
	}
	f->rotated++;
	return file_open(f);
}

/* Says what is missing, before what comes next. */
static bool lost_say(struct record_file *f, uint64_t wall_ms)
{
	char line[RECORD_LINE_MAX];

	if (!f->untold)
		return true;
	if (!append(f, line, record_line_lost(f->untold, wall_ms, f->node, line)))
		return false;
	f->untold = 0;
	return true;
}

bool record_file_open(struct record_file *f, const char *path, uint64_t max, uint32_t files,
		      const char *node)
{
	*f = (struct record_file){ .path = path, .max = max, .files = files, .node = node };
	return file_open(f);
}

void record_file_lost(struct record_file *f, uint64_t n)
{
	f->untold += n;
}

void record_file_write(struct record_file *f, const char *lines, size_t len, uint32_t n,
		       uint64_t wall_ms)
{
	if (f->fd >= 0 && (!f->size || f->size + len <= f->max || rotate(f)) &&
	    lost_say(f, wall_ms) && append(f, lines, len)) {
		f->written += n;
		f->error = 0;
		return;
	}
	f->lost += n;
	f->untold += n;
}

/* Whether the name stands for another file than the one that is open, or for none. */
static bool is_replaced(const struct record_file *f)
{
	struct stat st;

	return stat(f->path, &st) < 0 || st.st_dev != f->dev || st.st_ino != f->inode;
}

void record_file_turn(struct record_file *f, uint64_t now_ms, uint64_t wall_ms)
{
	if (now_ms - f->looked_ms < LOOK_MS)
		return;
	f->looked_ms = now_ms;
	file_sync(f);
	if (f->fd >= 0 && is_replaced(f))
		file_shut(f);
	if (f->fd < 0 && !file_open(f))
		return;
	if (f->size < f->max && lost_say(f, wall_ms))
		f->error = 0;
}

void record_file_close(struct record_file *f)
{
	file_shut(f);
}
