/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_FILE_H
#define FL_DP_TLS_FILE_H

/*
 * Files of certificates and keys, each read once: every crypto thread is made of the same bytes,
 * even while somebody replaces them.
 */
#include <stddef.h>

struct tls_files;

/* NULL: out of memory. */
struct tls_files *files_create(void);
/* Wipes what was read. */
void files_free(struct tls_files *f);

struct tls_text {
	const char *bytes;
	size_t len;
};

/* The bytes of path, until files_free(). NULL: why not, as the end of a sentence. */
const struct tls_text *files_read(struct tls_files *f, const char *path, char *why, size_t whylen);

#endif
