/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_USER_KEYS_H
#define FL_CP_AUTH_USER_KEYS_H

/* A user's name and keys in the form the store takes; realm is as prep_opaque() leaves it. */
#include "users.h"

#include <stdbool.h>
#include <stddef.h>

/* The name, prepared, and its hash. On failure false, and a sentence. */
bool user_name_set(struct user *u, const char *name, const char *realm, char *err, size_t errlen);

/* Both keys, from a password. The name must be set. On failure false, and a sentence. */
bool user_keys_set(struct user *u, const char *password, const char *realm, char *err,
		   size_t errlen);

#endif
