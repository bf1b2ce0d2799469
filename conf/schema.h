/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_SCHEMA_H
#define FL_CONF_SCHEMA_H

/*
 * The configuration as a table. Inside conf/ only: config.c reads a file by it, help.c prints it,
 * check.c adds what no single key can tell.
 */
#include "config.h"

enum schema_type {
	SCHEMA_UINT,
	SCHEMA_BOOL,
	SCHEMA_ENUM,
	SCHEMA_STRING,
	SCHEMA_SECRET, /* a string that no message shows */
	SCHEMA_PORT,   /* struct be16 */
	SCHEMA_ADDR,
	SCHEMA_PREFIX,	 /* struct ip_prefix; a single address without a length */
	SCHEMA_OWN_ADDR, /* struct ip_prefix, with the length of the subnet */
	SCHEMA_GATEWAY,	 /* the via of a struct config_route to 0/0 or ::/0 */
	SCHEMA_MAP,
};

struct schema_key {
	const char *name;
	enum schema_type type;
	bool pow2;
	uint32_t off;		       /* in the struct of the map that holds the key */
	uint32_t size;		       /* of the field, or of one entry of the array */
	uint32_t count_off;	       /* lists: the uint16_t that counts entries */
	uint16_t items_min, items_max; /* items_max > 0: a list */
	uint64_t min, max;	       /* of the number, or of the string's length */
	const char *def;	       /* as text; lists in brackets; NULL: must be given */
	const char *unit;	       /* NULL: none */
	const char *const *names;      /* SCHEMA_ENUM: by value, ends with NULL */
	const struct schema_key *keys; /* SCHEMA_MAP: ends with a NULL name */
	/*
	 * Lists whose entries keep their places (kept.h): where an entry says that it is gone. Each
	 * is known by its first key, and their order means nothing.
	 */
	uint32_t gone_off;
	/*
	 * Of such a list, if it is not live: why `to` cannot take the place of `from` where `runs`
	 * runs, of which one may be NULL; NULL: it can, and what that costs is entry_lost.
	 */
	const char *(*waits)(const struct config *runs, const void *from, const void *to);
	const char *entry_lost;
	/* Other lists whose order means nothing: each entry is known by so many of its first keys.
	 */
	uint16_t known_by;
	/* How a change is applied, and what that costs. Unsaid: as of the map that it is in, and as
	 * usual. */
	enum config_applied applied;
	const char *lost;
	/* Why it needs a restart; NULL: as of the map, or that it is in. */
	const char *why;
	const char *help;
};

enum { CONFIG_KEY_MAX = 96 };

/* The top level of the file. */
extern const struct schema_key schema_top[];

/* Where the value of a field of struct config came from. */
struct config_place {
	const void *at;
	unsigned line;
	char key[CONFIG_KEY_MAX];
};

/* Reading in progress. */
struct config_reader {
	struct config *c;
	struct config_place *place;
	size_t n_place, cap_place;
	char key[CONFIG_KEY_MAX]; /* of the value being read: "ports[0].mtu" */
	struct config_errors *errors;
	const struct schema_key *guess; /* the key that a wrong one is likely to stand for */
	/* Keys that could not be read, as a check names them: "ports.mtu". */
	char unread[CONFIG_ERRORS_MAX][CONFIG_KEY_MAX];
	unsigned n_unread;		     /* more than there is room for: any may be */
	size_t part_bytes;		     /* of the files beside the main one */
	char in_line[64 + CONFIG_PART_NAME]; /* of config_in_line() */
};

/* Adds "FILE:LINE: KEY: what" to the mistakes, the key to those that could not be read; returns
 * false. */
bool config_fail(struct config_reader *r, unsigned line, const char *key, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * The same for a field of the configuration that is right by itself, but contradicts another. Line
 * and key are looked up; it is read all the same.
 */
bool config_fail_at(struct config_reader *r, const void *field, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* Line a field was read from, as struct config notes lines. */
unsigned config_line(const struct config_reader *r, const void *field);
/* The same for a sentence, "line 7" or "line 7 of conf.d/x.yaml"; until the next call. */
const char *config_place(struct config_reader *r, const void *field);
const char *config_in_line(struct config_reader *r, unsigned line);

/*
 * A line of one of the files: the file's number, 0 for the main one, and behind it that of the
 * line, from 1. Lines are so in the order in which files are read.
 */
enum { LINE_BITS = 24 };

static inline unsigned line_make(unsigned file, size_t number)
{
	const size_t last = (1u << LINE_BITS) - 1;

	return file << LINE_BITS | (unsigned)(number < last ? number : last);
}

static inline unsigned line_file(unsigned line)
{
	return line >> LINE_BITS;
}

static inline unsigned line_number(unsigned line)
{
	return line & ((1u << LINE_BITS) - 1);
}

/* The path of conf.d. */
void config_parts_dir(const struct config *c, char *text, size_t len);
/* Lists the files of conf.d in the configuration, by name. False, and a mistake, if it cannot. */
bool config_parts_find(struct config_reader *r);
/* One of them; NULL, and a mistake, if it cannot be read. */
FILE *config_part_open(struct config_reader *r, unsigned file);

/* Notes the line of a field, whose key is being read. */
bool config_place_add(struct config_reader *r, const void *field, unsigned line);

/*
 * Whether all values of a key were read: "ports.mtu" is that of all ports, "ports" stands for all
 * that they have.
 */
bool config_is_read(const struct config_reader *r, const char *key);

/* Where each key of a file stands: what a reader found, which is taken from it. */
struct config_lines *config_lines_take(struct config_reader *r);
void config_lines_free(struct config_lines *l);
/* Of a key, the first entry of its list, or else the map that it is in; 0: in no file. l may be
 * NULL. */
unsigned config_lines_find(const struct config_lines *l, const char *key);

/* Takes the values of keys that are live, and what config_check() made of them. */
void config_take_live(struct config *c, const struct config *from);
/* Takes what waits for a restart out of c again, which has the live keys of `fresh`. */
void config_hold(const struct config *runs, const struct config *fresh, struct config *c,
		 struct config_waits *waits);

/* The key of the map that a misspelt name is likely to mean; NULL: none is near enough. */
const struct schema_key *schema_guess(const struct schema_key *keys, const char *name);

/* Sets one value (not a list, not a map) from text; on failure why says what is wrong. */
bool schema_set(const struct schema_key *k, void *field, const char *text, char *why,
		size_t whylen);

/* What concerns more than one key; each adds what it finds to the mistakes. */
void config_check(struct config_reader *r);
void config_check_tls(struct config_reader *r); /* part of it, once listeners are checked */
void config_check_tls_sizes(struct config_reader *r);
/* Index of the TLS domain that a key names; an error where there is none. */
bool config_domain_refer(struct config_reader *r, const char *name, uint16_t *index);
void config_check_gateway(struct config_reader *r); /* likewise, once relays are */
void config_check_gateway_sizes(struct config_reader *r);
void config_check_ipsec(struct config_reader *r); /* once listeners are */

#endif
