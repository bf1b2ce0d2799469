/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_PSK_STORE_H
#define FL_CP_AUTH_PSK_STORE_H

/*
 * Pre-shared keys of TLS clients (R65; RFC 4279, RFC 8446 4.2.11): identities and their keys, in a
 * table of the users' database. An identity is text in UTF-8 (RFC 4279 5.1) without control
 * characters, 1 to 256 bytes, compared byte by byte; it is good in every TLS domain with psk on.
 */
#include "users.h"

enum { PSK_KEY_MIN = 16 }; /* bytes; CTL_PSK_MAX at most (RFC 4279 5.4) */

struct psk {
	char identity[CTL_IDENTITY_MAX + 1];
	uint8_t key[CTL_PSK_MAX];
	uint16_t key_len;
	int64_t created; /* seconds since 1970 */
};

/* From text: key in hexadecimal. False, and why not in one sentence without the key. */
bool psk_parse(struct psk *p, const char *identity, const char *hex, char *why, size_t whylen);

/* Whether an identity may be stored. */
bool psk_identity_valid(const char *identity);

struct psk_store;

/*
 * wait_ms: for a lock, 0 for event loops, in which changes wait 50 ms a second at most. On failure
 * NULL and one sentence in err.
 */
struct psk_store *psk_open(const char *path, int wait_ms, char *err, size_t errlen);
/* For a reload: one that is there already. */
struct psk_store *psk_reopen(const char *path, char *err, size_t errlen);
void psk_close(struct psk_store *s);

/* Whether it was opened by that path. */
bool psk_is_at(const struct psk_store *s, const char *path);

/* Whether any TLS domain takes pre-shared keys. */
bool psk_is_wanted(const struct config *c);

/* As the file is now. The caller wipes *p. */
enum user_status psk_find(struct psk_store *s, const void *identity, size_t len, struct psk *p);
enum user_status psk_add(struct psk_store *s, const struct psk *p, bool replace);
enum user_status psk_del(struct psk_store *s, const char *identity);
/* Every identity, without its key (key_len is there). */
typedef void psk_list_fn(void *arg, const struct psk *p);
enum user_status psk_list(struct psk_store *s, psk_list_fn *fn, void *arg);

/* One sentence after USER_ERROR. */
const char *psk_error(const struct psk_store *s);

#endif
