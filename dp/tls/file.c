/* SPDX-License-Identifier: BSD-3-Clause */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

struct tls_file {
	STAILQ_ENTRY(tls_file) link;
	struct tls_text text;
	char path[]; /* NUL included; its bytes follow */
};

struct tls_files {
	STAILQ_HEAD(, tls_file) list;
};

struct tls_files *files_create(void)
{
	struct tls_files *f = malloc(sizeof(*f));

	if (f)
		STAILQ_INIT(&f->list);
	return f;
}

static void file_free(struct tls_file *t)
{
	OPENSSL_cleanse((void *)(uintptr_t)t->text.bytes, t->text.len);
	free(t);
}

void files_free(struct tls_files *f)
{
	struct tls_file *t;

	while (f && (t = STAILQ_FIRST(&f->list))) {
		STAILQ_REMOVE_HEAD(&f->list, link);
		file_free(t);
	}
	free(f);
}

/* Without stdio, whose buffers would keep a copy of a key. */
static struct tls_file *file_read(int fd, const char *path, char *why, size_t whylen)
{
	size_t name = strlen(path) + 1;
	struct tls_file *t;
	struct stat st;
	char *bytes;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(why, whylen, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		snprintf(why, whylen, "is no file of at most %u bytes", FILE_MAX);
		return NULL;
	}
	t = malloc(sizeof(*t) + name + (size_t)st.st_size);
	if (!t) {
		snprintf(why, whylen, "cannot be read: %s", strerror(ENOMEM));
		return NULL;
	}
	memcpy(t->path, path, name);
	bytes = t->path + name;
	t->text = (struct tls_text){ bytes, (size_t)st.st_size };
	n = read(fd, bytes, t->text.len);
	if (n == st.st_size)
		return t;
	snprintf(why, whylen, "cannot be read: %s",
		 n < 0 ? strerror(errno) : "it is being changed");
	file_free(t);
	return NULL;
}

const struct tls_text *files_read(struct tls_files *f, const char *path, char *why, size_t whylen)
{
	struct tls_file *t;
	int fd;

	STAILQ_FOREACH(t, &f->list, link)
	if (strcmp(t->path, path) == 0)
		return &t->text;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	t = file_read(fd, path, why, whylen);
	if (fd >= 0)
		close(fd);
	if (!t)
		return NULL;
	STAILQ_INSERT_TAIL(&f->list, t, link);
	return &t->text;
}
