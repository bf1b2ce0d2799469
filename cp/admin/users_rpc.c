/* SPDX-License-Identifier: BSD-3-Clause */
#include "users_rpc.h"

#include "../auth/user_keys.h"
#include "param.h"

#include <openssl/crypto.h>
#include <string.h>

enum {
	USERS_PAGE = 100,
	USERS_PAGE_MAX = 256,
	CREDENTIALS_S = 3600,
	CREDENTIALS_MAX_S = 86400, /* it is for testing: a web service makes others */
};

/* ---- users ---- */

static struct user_store *store_of(const struct server *s, struct rpc_error *err)
{
	struct user_store *store = auth_users(s->auth);

	if (!store)
		rpc_fail(err, RPC_INTERNAL, "auth.users-db names no file");
	return store;
}

/* What became of it; u and what are told. */
static json_t *outcome(const struct server *s, enum user_status st, const struct user *u,
		       const char *what, struct rpc_error *err)
{
	if (st == USER_ERROR)
		return rpc_fail(err, RPC_INTERNAL, "%s", user_store_error(auth_users(s->auth)));
	if (st == USER_EXISTS)
		return rpc_fail(err, RPC_BAD_PARAMS,
				"a user of that name exists: set the password instead");
	if (st == USER_UNKNOWN)
		return rpc_fail(err, RPC_UNKNOWN, "there is no user of that name");
	return json_pack("{s:o, s:s, s:s}", "name", rpc_text(u->name), "realm", auth_realm(s->auth),
			 "result", what);
}

/* The member "name" into *u. */
static bool name_take(const struct server *s, const json_t *params, struct user *u,
		      struct rpc_error *err)
{
	const char *name = param_text(params, "name", err);

	memset(u, 0, sizeof(*u));
	if (!name)
		return false;
	err->code = RPC_BAD_PARAMS;
	return user_name_set(u, name, auth_realm(s->auth), err->text, sizeof(err->text));
}

/* The members "name" and "password", which is wiped. */
static bool keys_take(const struct server *s, const json_t *params, struct user *u,
		      struct rpc_error *err)
{
	const char *password = param_text(params, "password", err);
	bool ok;

	if (!password)
		return false;
	ok = name_take(s, params, u, err) &&
	     user_keys_set(u, password, auth_realm(s->auth), err->text, sizeof(err->text));
	OPENSSL_cleanse((char *)(uintptr_t)password, strlen(password));
	return ok;
}

struct page {
	json_t *users;
	char last[AUTH_USER_MAX];
};

static void page_row(void *arg, const struct user *u, const char *realm)
{
	struct page *p = arg;

	json_array_append_new(p->users, json_pack("{s:o, s:s, s:b, s:b, s:o, s:b, s:I}", "name",
						  rpc_text(u->name), "realm", realm, "md5",
						  u->has_md5, "sha256", u->has_sha256, "quota",
						  integer(u->quota), "disabled", u->disabled,
						  "created", (json_int_t)u->created));
	memcpy(p->last, u->name, sizeof(p->last));
}

/* {cursor, limit}: a page of users by name. The cursor is the last name, null at the end. */
json_t *rpc_user_list(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	struct user_store *store = store_of(s, err);
	uint32_t limit = USERS_PAGE;
	struct page p = { .last = "" };
	enum user_status st;
	bool full;

	if (!store || !param_only(params, PARAM_PAGE, err) ||
	    !param_copy(params, "cursor", p.last, sizeof(p.last), err) ||
	    !param_uint(params, "limit", 1, USERS_PAGE_MAX, &limit, err))
		return NULL;
	p.users = json_array();
	st = user_store_page(store, p.last, limit, page_row, &p);
	if (st != USER_OK) {
		json_decref(p.users);
		return rpc_fail(err, RPC_INTERNAL, "%s", user_store_error(store));
	}
	full = json_array_size(p.users) == limit;
	return json_pack("{s:o, s:o}", "users", p.users, "cursor",
			 full ? json_string(p.last) : json_null());
}

/* {name, password, quota}: quota is of allocations; 0, or none: turn.allocations-per-user. */
json_t *rpc_user_add(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	struct user_store *store = store_of(s, err);
	uint32_t quota = 0;
	json_t *result;
	struct user u;

	if (!store || !param_only(params, "name password quota", err) ||
	    !param_uint(params, "quota", 0, UINT32_MAX, &quota, err) ||
	    !keys_take(s, params, &u, err))
		return NULL;
	u.quota = quota;
	u.created = (int64_t)s->wall;
	result = outcome(s, user_store_add(store, &u), &u, "added", err);
	OPENSSL_cleanse(&u, sizeof(u));
	return result;
}

/* {name, password} */
json_t *rpc_user_passwd(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	struct user_store *store = store_of(s, err);
	json_t *result;
	struct user u;

	if (!store || !param_only(params, "name password", err) || !keys_take(s, params, &u, err))
		return NULL;
	result = outcome(s, user_store_set_keys(store, &u), &u, "changed", err);
	OPENSSL_cleanse(&u, sizeof(u));
	return result;
}

/* {name}: what the user has stays until it ends by itself. */
json_t *rpc_user_del(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	struct user_store *store = store_of(s, err);
	struct user u;

	if (!store || !param_only(params, "name", err) || !name_take(s, params, &u, err))
		return NULL;
	return outcome(s, user_store_del(store, u.name), &u, "deleted", err);
}

static json_t *disabled_set(const struct server *s, const json_t *params, bool disabled,
			    struct rpc_error *err)
{
	struct user_store *store = store_of(s, err);
	struct user u;

	if (!store || !param_only(params, "name", err) || !name_take(s, params, &u, err))
		return NULL;
	return outcome(s, user_store_set_disabled(store, u.name, disabled), &u,
		       disabled ? "disabled" : "enabled", err);
}

/* {name} */
json_t *rpc_user_enable(void *ctx, const json_t *params, struct rpc_error *err)
{
	return disabled_set(ctx, params, false, err);
}

/* {name}: as with user.del, what the user has stays until it ends by itself. */
json_t *rpc_user_disable(void *ctx, const json_t *params, struct rpc_error *err)
{
	return disabled_set(ctx, params, true, err);
}

/* ---- time-limited credentials ---- */

/* {name, lifetime_s} */
json_t *rpc_credentials(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	uint32_t lifetime = CREDENTIALS_S;
	char name[AUTH_USER_MAX] = "test";
	struct auth_credentials c;
	json_t *result;

	if (!param_only(params, "name lifetime_s", err) ||
	    !param_copy(params, "name", name, sizeof(name), err) ||
	    !param_uint(params, "lifetime_s", 1, CREDENTIALS_MAX_S, &lifetime, err))
		return NULL;
	if (s->wall < AUTH_WALL_MIN)
		return rpc_fail(err, RPC_INTERNAL, "the clock is not set");
	err->code = RPC_DENIED;
	if (!auth_credentials(s->auth, name, s->wall + lifetime, &c, err->text, sizeof(err->text)))
		return NULL;
	result = json_pack("{s:o, s:s, s:s, s:o, s:o}", "username", rpc_text(c.user), "password",
			   c.password, "realm", auth_realm(s->auth), "lifetime_s",
			   integer(lifetime), "expires", integer(s->wall + lifetime));
	OPENSSL_cleanse(&c, sizeof(c));
	return result;
}
