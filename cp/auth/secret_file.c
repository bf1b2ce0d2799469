/* SPDX-License-Identifier: BSD-3-Clause */
#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t secret_file_load(const char *path, void *buf, size_t min, size_t max, char *why,
			size_t whylen)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK); /* a FIFO is none */
	size_t len = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		snprintf(why, whylen, "cannot be read: %s",
			 errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	else if (!S_ISREG(st.st_mode))
		snprintf(why, whylen, "is not a file");
	else if (st.st_mode & 077)
		snprintf(why, whylen, "can be read by others: its mode must be 0600");
	else if (st.st_size < (off_t)min || st.st_size > (off_t)max)
		snprintf(why, whylen, "has %jd bytes, and %zu to %zu are possible",
			 (intmax_t)st.st_size, min, max);
	else if (read(fd, buf, (size_t)st.st_size) != st.st_size)
		snprintf(why, whylen, "cannot be read to its end");
	else
		len = (size_t)st.st_size;
	if (fd >= 0)
		close(fd);
	return len;
}

bool secret_file_read(const char *path, void *buf, size_t len)
{
	char why[128];

	return secret_file_load(path, buf, len, len, why, sizeof(why)) == len;
}

bool secret_file_line(const char *path, const char *what, char *line, size_t max, char *why,
		      size_t whylen)
{
	size_t len = secret_file_load(path, line, 1, max + 1, why, whylen);

	if (len) {
		len -= line[len - 1] == '\n';
		if (len && len <= max && !memchr(line, '\n', len) && !memchr(line, '\0', len)) {
			line[len] = '\0';
			return true;
		}
		snprintf(why, whylen, "has no %s of 1 to %zu bytes on its only line", what, max);
	}
	explicit_bzero(line, max + 1);
	return false;
}

bool secret_file_write(const char *path, const void *buf, size_t len)
{
	char tmp[PATH_MAX];
	bool ok;
	int fd;

	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp)) {
		errno = ENAMETOOLONG;
		return false;
	}
	secret_file_make_dir(path);
	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ok = write(fd, buf, len) == (ssize_t)len && fsync(fd) == 0;
	close(fd);
	return ok && rename(tmp, path) == 0;
}

/* The directory path lies in. False: none is named. */
static bool dir_of(const char *path, char dir[PATH_MAX])
{
	char *slash;

	if (snprintf(dir, PATH_MAX, "%s", path) >= PATH_MAX)
		return false;
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return false;
	*slash = 0;
	return true;
}

void secret_file_make_dir(const char *path)
{
	char dir[PATH_MAX];

	if (dir_of(path, dir))
		mkdir(dir, 0750);
}

void secret_file_give(int fd, const char *path)
{
	char dir[PATH_MAX];
	struct stat st;

	if (geteuid() != 0 || !dir_of(path, dir) || stat(dir, &st) < 0 || st.st_uid == 0 ||
	    (st.st_mode & 022))
		return;
	/* Where that fails, the control process says that it cannot open the file. */
	(void)!fchown(fd, st.st_uid, st.st_gid);
}
