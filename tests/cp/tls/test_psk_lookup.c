/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identities that TLS clients name (R65), from the ring to the answer: the key of a known one, none
 * for all others, whatever the reason; and an event that cannot be ends the attachment.
 */
#include "tests/world/cp_env.h"

#include "cp/auth/psk_store.h"
#include "cp/tls/psk_lookup.h"

#include <stdio.h>
#include <unistd.h>

static const uint8_t key[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static int setup(void **state)
{
	static struct env e;
	struct psk p = { .identity = "alice", .key_len = sizeof(key) };
	char err[512] = "";

	env_open(&e);
	e.conf.n_domain = 2;
	snprintf(e.conf.domain[0].name, sizeof(e.conf.domain[0].name), "plain");
	snprintf(e.conf.domain[1].name, sizeof(e.conf.domain[1].name), "keyed");
	e.conf.domain[1].psk = true;
	snprintf(e.conf.auth.users_db, sizeof(e.conf.auth.users_db), "%s/users.db", e.dir);
	env_start(&e, 256);
	e.s.psk = psk_open(e.conf.auth.users_db, 0, err, sizeof(err));
	assert_string_equal(err, "");
	memcpy(p.key, key, sizeof(key));
	assert_int_equal(psk_add(e.s.psk, &p, false), USER_OK);
	*state = &e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	psk_close(e->s.psk);
	e->s.psk = NULL;
	unlink(e->conf.auth.users_db);
	env_stop(e);
	env_close(e);
	return 0;
}

static struct evt_psk event(const char *identity)
{
	struct evt_psk p = { .hdr = { EVT_PSK, sizeof(p), 0 },
			     .conn = { 7, 9 },
			     .domain = 1,
			     .identity_len = (uint16_t)strlen(identity) };

	memcpy(p.identity, identity, strlen(identity));
	return p;
}

static struct cmd_psk ask_for(struct env *e, const struct evt_psk *p)
{
	union ctl_cmd c;

	fake_dp_event(&e->dp, 1, p, sizeof(*p));
	env_poll(e);
	assert_true(fake_dp_take(&e->dp, 1, &c));
	assert_int_equal(c.hdr.type, CMD_PSK);
	assert_int_equal(c.hdr.len, sizeof(struct cmd_psk));
	assert_int_equal(c.psk.conn.idx, 7);
	assert_int_equal(c.psk.conn.gen, 9);
	assert_false(fake_dp_take(&e->dp, 1, &c));
	return c.psk;
}

static void expect_none(struct env *e, const struct evt_psk *p)
{
	static const uint8_t none[CTL_PSK_MAX];
	struct cmd_psk c = ask_for(e, p);

	assert_int_equal(c.len, 0);
	assert_memory_equal(c.key, none, sizeof(none));
}

static void known_and_unknown(void **state)
{
	struct env *e = *state;
	struct evt_psk p = event("alice");
	struct cmd_psk c = ask_for(e, &p);

	assert_int_equal(c.len, sizeof(key));
	assert_memory_equal(c.key, key, sizeof(key));
	p = event("alicE");
	expect_none(e, &p);
	p = event("");
	expect_none(e, &p);
	p = event("alice");
	p.identity_len = 6; /* a NUL at its end is part of it */
	expect_none(e, &p);
	assert_int_equal(e->s.stats.psk_found, 1);
	assert_int_equal(e->s.stats.psk_unknown, 3);
	assert_int_equal(e->s.stats.psk_errors, 0);
}

static void not_where_it_is_off(void **state)
{
	struct env *e = *state;
	struct evt_psk p = event("alice");
	struct psk_store *store = e->s.psk;

	p.domain = 0;
	expect_none(e, &p);
	p.domain = 1;
	e->s.psk = NULL;
	expect_none(e, &p);
	e->s.psk = store;
	assert_int_equal(ask_for(e, &p).len, sizeof(key));
}

static void lies_end_the_attachment(void **state)
{
	struct env *e = *state;
	const char *why;
	char err[256];

	for (int i = 0; i < 5; i++) {
		struct evt_psk p = event("alice");

		switch (i) {
		case 0:
			p.hdr.len--;
			break;
		case 1:
			p.identity_len = CTL_IDENTITY_MAX + 1;
			break;
		case 2:
			p.domain = 2;
			break;
		case 3:
			p.conn.gen = 0;
			break;
		default:
			p.identity_len = CTL_IDENTITY_MAX; /* no lie */
		}
		fake_dp_event(&e->dp, 0, &p, sizeof(p));
		env_poll(e);
		assert_int_equal(dplink_fault(e->s.link, &why), i < 4);
		dplink_detach(e->s.link);
		fake_dp_close(&e->dp);
		fake_dp_open(&e->dp, &e->conf, 256);
		assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(known_and_unknown),
		T(not_where_it_is_off),
		T(lies_end_the_attachment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
