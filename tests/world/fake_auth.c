/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stands in for cp/auth where only what follows authentication is of interest: whoever names a
 * user is that user, "stale" has a stale nonce, "broken" a bad request, "wrong" a wrong password,
 * "away" a user store that does not answer, and "single" may have one allocation, "triple" three.
 * "rest:NAME" is a web service's NAME, "over:NAME" the same with a credential that is over, and
 * "1970:NAME" with one that no clock can judge.
 */
#include "fake_auth.h"

const char *fake_auth_realm = "realm";
struct sock_addr fake_auth_client, fake_auth_control;

void auth_check(struct auth *a, const struct stun_msg *m, const struct auth_client *client,
		uint64_t now, uint64_t wall, struct auth_result *r)
{
	(void)a;
	(void)now;
	(void)wall;
	fake_auth_client = client->addr;
	fake_auth_control = client->control ? *client->control : (struct sock_addr){ 0 };
	memset(r, 0, sizeof(*r));
	if (!m->username.val || m->username.len >= sizeof(r->user)) {
		r->code = 401;
		return;
	}
	memcpy(r->user, m->username.val, m->username.len);
	r->integrity = STUN_ATTR_MESSAGE_INTEGRITY;
	r->key_len = FAKE_KEY_LEN;
	memset(r->key, FAKE_KEY_BYTE, r->key_len);
	if (strncmp(r->user, "rest:", 5) == 0 || strncmp(r->user, "over:", 5) == 0 ||
	    strncmp(r->user, "1970:", 5) == 0) {
		r->rest = true;
		r->clock_unset = r->user[0] == '1';
		r->expired = r->clock_unset || r->user[0] == 'o';
		memmove(r->user, r->user + 5, strlen(r->user + 5) + 1);
	}
	if (strcmp(r->user, "wrong") == 0) {
		r->code = 401;
		r->wrong = true;
		r->key_len = 0;
	}
	if (strcmp(r->user, "stale") == 0)
		r->code = 438;
	else if (strcmp(r->user, "broken") == 0)
		r->code = 400;
	else if (strcmp(r->user, "away") == 0)
		r->code = 500;
	else if (strcmp(r->user, "single") == 0)
		r->quota = 1;
	else if (strcmp(r->user, "triple") == 0)
		r->quota = 3;
}

const char *auth_error(const struct auth *a)
{
	(void)a;
	return "the store is away";
}

void auth_put_challenge(struct auth *a, struct stun_builder *b, const struct sock_addr *client,
			uint64_t now)
{
	(void)a;
	(void)client;
	(void)now;
	stun_put(b, STUN_ATTR_REALM, fake_auth_realm, strlen(fake_auth_realm));
	stun_put(b, STUN_ATTR_NONCE, "a nonce as long as it", 20);
	stun_put(b, STUN_ATTR_PASSWORD_ALGORITHMS, "\0\2\0\0\0\1\0\0", 8);
}

void auth_sign(struct stun_builder *b, const struct auth_result *r)
{
	size_t covered;
	uint8_t *mac = stun_put_integrity(b, r->integrity, &covered);

	/* As if the key went into it, so that a key that was lost shows. */
	for (int i = 0; mac && i < STUN_MI_LEN; i++)
		mac[i] = r->key_len == FAKE_KEY_LEN ? r->key[i % FAKE_KEY_LEN] : 0;
}

void auth_wipe(struct auth_result *r)
{
	memset(r, 0, sizeof(*r));
}

/* What the control socket asks of it: nobody's users, and no secrets. */
struct user_store *auth_users(struct auth *a)
{
	(void)a;
	return NULL;
}

const char *auth_realm(const struct auth *a)
{
	(void)a;
	return fake_auth_realm;
}

bool auth_turn(struct auth *a, uint64_t now, char *line, size_t len)
{
	(void)a;
	(void)now;
	(void)line;
	(void)len;
	return false;
}

const char *auth_problem(const struct auth *a)
{
	(void)a;
	return "";
}

bool auth_credentials(const struct auth *a, const char *name, uint64_t expiry,
		      struct auth_credentials *out, char *err, size_t errlen)
{
	(void)a;
	(void)name;
	(void)expiry;
	(void)out;
	snprintf(err, errlen, "there is no secret");
	return false;
}
