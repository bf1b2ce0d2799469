/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_STATEFILE_H
#define FL_CP_STATEFILE_H

/*
 * A file of records that a killed process leaves to the next (R70): locked by one process, mapped,
 * all of its space taken at once. It is of one boot of the machine, since times in it are
 * CLOCK_MONOTONIC.
 *
 * The file says itself how many records it has, how long they are and what the indexes in them
 * stand for. Where the configuration or the program wants it otherwise, a new file is made, its
 * owner carries the records over, and it takes the old one's name once it is whole: a process that
 * is killed meanwhile leaves the old one. A record keeps its place. So a file has room for what the
 * configuration allows, and for what was there before it allowed less.
 *
 * Records only grow, and at their end; what is new there is zero in one that is carried over. Then
 * files of two versions can be told apart by the lengths in their heads, and no version is needed.
 */
#include "../conf/config.h"

#include <stdatomic.h>

enum { STATEFILE_BOOT_ID = 40, STATEFILE_POOLS = 4, STATEFILE_GONE = 0xffff };

struct statefile_listener {
	struct sock_addr addr;
	uint16_t transport;
};

/*
 * What indexes in records stand for: listeners by their places (conf/listener.h), also those that
 * are gone. All of it is compared, so what is unused is zero.
 */
struct statefile_world {
	uint16_t n_workers, n_listener, n_relay, n_realm, n_domain;
	struct statefile_listener listener[CTL_LISTENERS_MAX];
	struct ip_addr relay[CTL_RELAYS_MAX];
	char realm[CONFIG_REALMS_MAX][CTL_NAME_MAX];
	char domain[CONFIG_DOMAINS_MAX][CTL_NAME_MAX];
	/* Further listeners. Files of earlier versions end before them. */
	struct statefile_listener more[CTL_PLACES_MAX - CTL_LISTENERS_MAX];
};

/* The header begins with it. ready is written last. */
struct statefile_head {
	uint64_t magic;
	uint32_t version;
	_Atomic uint32_t ready;
	char boot_id[STATEFILE_BOOT_ID];
	uint64_t digest; /* of the world, in earlier formats; else 0 */
	uint32_t records[STATEFILE_POOLS];
	/* From here on: as the next says, of other versions less. */
	uint32_t head_bytes; /* of the owner's header, whose own part begins at own_at */
	uint32_t own_at;
	uint32_t record_bytes[STATEFILE_POOLS];
	_Atomic uint32_t partial; /* see statefile_partial() */
	struct statefile_world world;
};

/* An earlier format, whose head ends with `records` and says neither lengths nor world. */
struct statefile_older {
	uint32_t version; /* 0: the end of such a list */
	uint32_t head_bytes;
	uint32_t record_bytes[STATEFILE_POOLS];
	uint64_t digest; /* of the world as it is now, in that format's way */
};

/* What a file must be like to be taken up as it is. */
struct statefile_form {
	const char *path;
	const char *boot_id; /* NULL: of the machine, from the kernel */
	uint64_t magic;
	uint32_t version;
	uint32_t head_bytes; /* of the owner's header, which begins with struct statefile_head */
	uint32_t records[STATEFILE_POOLS];
	uint32_t record_bytes[STATEFILE_POOLS];
	const struct config *conf; /* whose world it is */
	const struct statefile_older *older;
};

/* A file that is read, with bounds that were checked. */
struct statefile_view {
	const uint8_t *map;
	uint64_t bytes;
	uint32_t version, head_bytes, own_at;
	uint32_t records[STATEFILE_POOLS], record_bytes[STATEFILE_POOLS];
	uint64_t at[STATEFILE_POOLS]; /* where each pool begins */
	/* Index there to index in the configuration, or STATEFILE_GONE. */
	uint16_t listener[CTL_PLACES_MAX], relay[CTL_RELAYS_MAX], realm[CONFIG_REALMS_MAX],
	    domain[CONFIG_DOMAINS_MAX];
};

/* What it takes, on disk and in memory. */
uint64_t statefile_size(const struct statefile_form *form);

struct statefile {
	int fd;
	void *map; /* NULL: none */
	uint64_t bytes;
	uint32_t records[STATEFILE_POOLS]; /* room in it: what was asked for, or more */
	char boot_id[STATEFILE_BOOT_ID];
	const char *fresh;   /* why it was started afresh, or NULL */
	const char *carried; /* why it was made anew from an earlier one, or NULL */
};

/* How an owner carries records over. */
struct statefile_carry {
	/* Records of a pool that are needed: the highest one that is live, and one. */
	uint32_t (*needs)(const struct statefile_view *from, int pool);
	/*
	 * Copies all: from -> f->map, which is zero but for its head. Returns how many live records
	 * could not be.
	 */
	uint32_t (*carry)(const struct statefile_form *form, const struct statefile_view *from,
			  struct statefile *f);
};

/*
 * Opens, locks and maps it, and makes it, or makes it anew, if need be. A fresh one is zeros: its
 * owner fills in its own part and calls statefile_ready(). On failure false and one sentence in
 * err; close it then, too.
 */
bool statefile_open(struct statefile *f, const struct statefile_form *form,
		    const struct statefile_carry *carry, char *err, size_t errlen);
void statefile_ready(struct statefile *f, const struct statefile_form *form);
/* A reload has put more behind what the file's indexes mean: those that there are stay. */
void statefile_world_add(struct statefile *f, const struct config *c);
/* Lets go of it; what is in it stays. */
void statefile_close(struct statefile *f);

/*
 * Whether the dataplane may have more than what is in the file, which was lost, or damaged, or had
 * records that could not be carried over. That lasts until statefile_partial_set() says otherwise.
 */
bool statefile_partial(const struct statefile *f);
void statefile_partial_set(struct statefile *f, bool partial);

/* A pool's first record. */
void *statefile_pool(const struct statefile *f, const struct statefile_form *form, int pool);

/* The owner's own part of the header: as much of it as there is, the rest zero. */
static inline void statefile_own(const struct statefile_view *v, void *to, uint32_t bytes)
{
	uint32_t n = v->head_bytes - v->own_at;

	memset(to, 0, bytes);
	memcpy(to, v->map + v->own_at, n < bytes ? n : bytes);
}

/* Record i of a pool, which is as long as it says, or less than ours. */
static inline const void *statefile_record(const struct statefile_view *v, int pool, uint32_t i)
{
	return v->map + v->at[pool] + (uint64_t)v->record_bytes[pool] * i;
}

/* A copy of it in our length: zero where it has nothing, cut where it has more. */
static inline void statefile_copy(const struct statefile_view *v, int pool, uint32_t i, void *to,
				  uint32_t bytes)
{
	memset(to, 0, bytes);
	memcpy(to, statefile_record(v, pool, i),
	       v->record_bytes[pool] < bytes ? v->record_bytes[pool] : bytes);
}

/* What a file has in common with a configuration, without taking it: see --check-config. */
enum statefile_look {
	STATEFILE_NONE,	   /* there is none, or none of this boot */
	STATEFILE_STAYS,   /* it is taken up as it is */
	STATEFILE_CARRIED, /* its records are carried over */
	STATEFILE_FOREIGN, /* it is of a format that is not known */
};
enum statefile_look statefile_look(const struct statefile_form *form);

/* Pools in it start on a cache line each: bytes of n records. */
static inline uint64_t statefile_bytes(uint64_t n, uint64_t record)
{
	return (n * record + 63) & ~UINT64_C(63);
}

#endif
