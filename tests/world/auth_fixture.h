/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_AUTH_FIXTURE_H
#define FL_TESTS_AUTH_FIXTURE_H

/* A directory of its own with a configuration that points into it, and users in its database. */
#include <stdint.h>

#include "unit.h"
#include "cp/auth/users.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REALM "example.org"

struct fixture {
	char dir[64];
	struct config c;
	char err[CONFIG_STR_MAX * 3];
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/fl-auth-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->c.turn.realm, sizeof(f->c.turn.realm), REALM);
	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/users.db", f->dir);
	snprintf(f->c.control.state, sizeof(f->c.control.state), "%s/control.state", f->dir);
	snprintf(f->c.file, sizeof(f->c.file), "fairlead.yaml");
	f->c.auth.md5 = f->c.auth.sha256 = true;
	f->c.auth.nonce_lifetime = 600;
	assert_true(digest_open(f->err, sizeof(f->err)));
	*state = f;
	return 0;
}

static inline int fixture_remove(const char *path, const struct stat *st, int flag, struct FTW *w)
{
	(void)st;
	(void)flag;
	(void)w;
	return remove(path);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	nftw(f->dir, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

#define FIXTURE_TEST(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)

static inline struct user fixture_user(const char *name, const char *password)
{
	struct user u = { .has_md5 = true, .has_sha256 = true, .created = 1700000000 };

	snprintf(u.name, sizeof(u.name), "%s", name);
	digest_key(STUN_PWALG_MD5, name, REALM, password, u.md5);
	digest_key(STUN_PWALG_SHA256, name, REALM, password, u.sha256);
	digest_userhash(name, REALM, u.userhash);
	return u;
}

static inline struct user_store *fixture_store(struct fixture *f)
{
	struct user_store *s = user_store_open(f->c.auth.users_db, REALM, f->err, sizeof(f->err));

	if (!s)
		fail_msg("%s", f->err);
	return s;
}

/* What another process would do: add a user through a connection of its own. */
static inline void fixture_add(struct fixture *f, const char *name, const char *password)
{
	struct user_store *s = fixture_store(f);
	struct user u = fixture_user(name, password);

	assert_int_equal(user_store_add(s, &u), USER_OK);
	user_store_close(s);
}

#endif
