/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The files of conf.d, which stands beside the main file. One that is hidden, or whose name does
 * not end in .yaml, is none: editors and package managers leave such things behind.
 */

static bool name_is_part(const char *name)
{
	const size_t len = strlen(name), end = strlen(".yaml");

	return name[0] != '.' && len > end && strcmp(name + len - end, ".yaml") == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool part_add(struct config_reader *r, const char *name)
{
	struct config *c = r->c;

	if (c->n_part == CONFIG_PARTS_MAX)
		return config_fail(r, 0, "", CONFIG_PARTS_DIR " has more than %u files",
				   CONFIG_PARTS_MAX);
	if (strlen(name) >= CONFIG_PART_NAME)
		return config_fail(r, 0, "",
				   CONFIG_PARTS_DIR "/%.80s: the name is longer than %u characters",
				   name, CONFIG_PART_NAME - 1);
	snprintf(c->part[c->n_part++], CONFIG_PART_NAME, "%s", name);
	return true;
}

bool config_parts_find(struct config_reader *r)
{
	char path[CONFIG_STR_MAX + sizeof(CONFIG_PARTS_DIR)];
	const struct dirent *e;
	bool ok = true;
	DIR *d;

	config_parts_dir(r->c, path, sizeof(path));
	d = opendir(path);
	if (!d && errno == ENOENT)
		return true;
	if (!d)
		return config_fail(r, 0, "", CONFIG_PARTS_DIR " beside it cannot be read: %s",
				   strerror(errno));
	while (ok && (e = readdir(d)) != NULL)
		if (name_is_part(e->d_name))
			ok = part_add(r, e->d_name);
	closedir(d);
	qsort(r->c->part, r->c->n_part, CONFIG_PART_NAME, by_name);
	return ok;
}

/* Nobody waits for a file that may never end, or that nobody writes to. */
static const char *part_wrong(struct config_reader *r, int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no ordinary file";
	r->part_bytes += (size_t)st.st_size;
	if ((size_t)st.st_size > CONFIG_PARTS_BYTES || r->part_bytes > CONFIG_PARTS_BYTES)
		return "all that is in " CONFIG_PARTS_DIR " is larger than 1 MiB";
	r->c->others_read |= (st.st_mode & S_IROTH) != 0;
	return NULL;
}

FILE *config_part_open(struct config_reader *r, unsigned file)
{
	char path[CONFIG_WHERE_MAX];
	const char *wrong;
	FILE *f;
	int fd;

	config_part_path(r->c, file - 1, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	wrong = part_wrong(r, fd);
	f = wrong ? NULL : fdopen(fd, "r");
	if (f)
		return f;
	config_fail(r, line_make(file, 0), "", "cannot be read: %s",
		    wrong ? wrong : "out of memory");
	if (fd >= 0)
		close(fd);
	return NULL;
}
