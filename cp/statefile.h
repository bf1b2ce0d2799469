/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_STATEFILE_H
#define FL_CP_STATEFILE_H

/*
 * A file of records that a killed process leaves to the next (R70): locked by one process, mapped,
 * all of its space taken at once. It is of one boot of the machine (times in it are
 * CLOCK_MONOTONIC) and of one world, a digest of which is in its header; for another it starts
 * empty.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATEFILE_BOOT_ID = 40, STATEFILE_POOLS = 4 };

/* The header begins with it. ready is written last. */
struct statefile_head {
	uint64_t magic;
	uint32_t version;
	_Atomic uint32_t ready;
	char boot_id[STATEFILE_BOOT_ID];
	uint64_t digest;
	uint32_t records[STATEFILE_POOLS];
};

/* What a file must be like to be taken up. */
struct statefile_form {
	const char *path;
	const char *boot_id; /* NULL: of the machine, from the kernel */
	uint64_t magic;
	uint32_t version;
	uint64_t digest;
	const char *digest_means; /* "the configured relays changed" */
	uint32_t records[STATEFILE_POOLS];
	uint64_t size; /* bytes, the header included */
};

struct statefile {
	int fd;
	void *map; /* NULL: none */
	uint64_t size;
	char boot_id[STATEFILE_BOOT_ID];
	const char *fresh; /* why it was started afresh, or NULL */
};

/*
 * Opens, locks and maps it, and makes it if need be. A fresh one is zeros: its owner fills in its
 * own part and calls statefile_ready(). On failure false and one sentence in err; close it then,
 * too.
 */
bool statefile_open(struct statefile *f, const struct statefile_form *form, char *err,
		    size_t errlen);
void statefile_ready(struct statefile *f, const struct statefile_form *form);
/* Lets go of it; what is in it stays. */
void statefile_close(struct statefile *f);

/* Pools in it start on a cache line each: bytes of n records. */
static inline uint64_t statefile_bytes(uint64_t n, uint64_t record)
{
	return (n * record + 63) & ~UINT64_C(63);
}

#endif
