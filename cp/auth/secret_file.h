/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_SECRET_FILE_H
#define FL_CP_AUTH_SECRET_FILE_H

/* Files that hold secrets: mode 0600, never through a symbolic link, replaced whole or not at all.
 */
#include <stdbool.h>
#include <stddef.h>

/* Reads a file of exactly len bytes that only its owner may read. */
bool secret_file_read(const char *path, void *buf, size_t len);

/*
 * Reads a file of min to max bytes that only its owner may read. Returns how many, or 0 and in why
 * what is wrong with the file ("others may read it").
 */
size_t secret_file_load(const char *path, void *buf, size_t min, size_t max, char *why,
			size_t whylen);

/*
 * Reads the only line of such a file, 1 to max bytes, into line, which has room for one more and is
 * NUL-terminated. False: all of that is wiped, and why says what is wrong with the file, of which
 * what is expected: "has no password of 1 to 128 bytes on its only line".
 */
bool secret_file_line(const char *path, const char *what, char *line, size_t max, char *why,
		      size_t whylen);

/* Writes it, by way of a new file beside it. On failure false and errno. */
bool secret_file_write(const char *path, const void *buf, size_t len);

/*
 * A file that root has made in another user's directory becomes that user's: the control process
 * runs as this user, and the command line as root. Not in one that others may write to.
 */
void secret_file_give(int fd, const char *path);

/* Makes the directory path lies in (mode 0750), its last component only. Fails silently. */
void secret_file_make_dir(const char *path);

#endif
