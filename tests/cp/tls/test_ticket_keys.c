/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys of session tickets (R9): derived from the secret and the epoch alone, so that nodes agree
 * and a restart changes nothing; neighbouring epochs overlap, also where clocks differ; another
 * secret is another key; and each thing that may be wrong with the secret's file has its sentence.
 */
#include "tests/world/auth_fixture.h"

#include "cp/tls/ticket_keys.h"

#include <string.h>
#include <sys/stat.h>

enum { LIFETIME = 7200, NOON = 1700000000 };

/* Writes the configured secret's file. */
static void secret_write(struct fixture *f, const void *bytes, size_t len, mode_t mode)
{
	FILE *out;

	snprintf(f->c.tls.ticket_secret, sizeof(f->c.tls.ticket_secret), "%s/secret", f->dir);
	f->c.tls.ticket_secret_line = 7;
	unlink(f->c.tls.ticket_secret);
	out = fopen(f->c.tls.ticket_secret, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	fclose(out);
	assert_int_equal(chmod(f->c.tls.ticket_secret, mode), 0);
}

static void load(struct fixture *f, uint8_t prk[TICKET_PRK])
{
	f->err[0] = '\0';
	if (!ticket_secret_load(&f->c, prk, f->err, sizeof(f->err)))
		fail_msg("%s", f->err);
}

static struct ctl_ticket_keys keys_at(const uint8_t prk[TICKET_PRK], uint64_t wall)
{
	struct ctl_ticket_keys k;

	assert_true(ticket_keys_derive(prk, ticket_epoch(wall, LIFETIME), &k));
	return k;
}

static void assert_same(const struct ctl_ticket_key *a, const struct ctl_ticket_key *b)
{
	assert_memory_equal(a, b, sizeof(*a));
}

/* Each of the three parts of each key is a key of its own. */
static void all_parts_differ(void **state)
{
	uint8_t prk[TICKET_PRK] = { 1 };
	struct ctl_ticket_keys k = keys_at(prk, NOON);
	const uint8_t *p[] = { k.previous.aes, k.previous.hmac, k.current.aes,
			       k.current.hmac, k.next.aes,	k.next.hmac };

	(void)state;
	for (int i = 0; i < 6; i++)
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(p[i], p[j], 32);
	assert_memory_not_equal(k.previous.name, k.current.name, 16);
	assert_memory_not_equal(k.next.name, k.current.name, 16);
	assert_memory_not_equal(k.current.name, k.current.aes, 16);
}

static void epochs_follow_each_other(void **state)
{
	uint8_t prk[TICKET_PRK] = { 1 };
	uint64_t begin = NOON / LIFETIME * LIFETIME;
	struct ctl_ticket_keys now = keys_at(prk, begin), same = keys_at(prk, begin + LIFETIME - 1),
			       after = keys_at(prk, begin + LIFETIME),
			       later = keys_at(prk, begin + 2 * LIFETIME);

	(void)state;
	assert_memory_equal(&now, &same, sizeof(now));
	assert_same(&after.previous, &now.current);
	assert_same(&after.current, &now.next);
	assert_same(&later.previous, &after.current);
	/* A ticket of `now` is not good any more. */
	assert_memory_not_equal(later.previous.name, now.current.name, 16);
}

/* A node one epoch ahead and one behind take what the other gave, two epochs apart not. */
static void clocks_that_differ(void **state)
{
	uint8_t prk[TICKET_PRK] = { 1 };
	struct ctl_ticket_keys slow = keys_at(prk, NOON), fast = keys_at(prk, NOON + LIFETIME);

	(void)state;
	assert_same(&slow.next, &fast.current);
	assert_same(&fast.previous, &slow.current);
	fast = keys_at(prk, NOON + 2 * LIFETIME);
	assert_memory_not_equal(slow.next.name, fast.current.name, 16);
	/* And one whose clock says 1970 does not stumble. */
	slow = keys_at(prk, 0);
	assert_memory_not_equal(slow.previous.name, slow.current.name, 16);
}

/* RFC 5869 with the same inputs, from another implementation (Python's hmac and hashlib). */
static void the_derivation_is_pinned(void **state)
{
	static const uint8_t name[16] = { 0x94, 0xf9, 0xfa, 0xb7, 0xd2, 0x86, 0xcb, 0xd1,
					  0xfa, 0x3a, 0xf1, 0xe9, 0xe7, 0x29, 0x6e, 0x28 };
	static const uint8_t hmac_end[4] = { 0x06, 0xeb, 0x15, 0xb1 };
	struct fixture *f = *state;
	struct ctl_ticket_keys k;
	uint8_t prk[TICKET_PRK], secret[32];

	for (int i = 0; i < 32; i++)
		secret[i] = (uint8_t)i;
	secret_write(f, secret, sizeof(secret), 0600);
	load(f, prk);
	assert_true(ticket_keys_derive(prk, 236111, &k));
	assert_memory_equal(k.current.name, name, sizeof(name));
	assert_memory_equal(k.current.hmac + 28, hmac_end, sizeof(hmac_end));
}

static void two_nodes_with_one_secret_agree(void **state)
{
	struct fixture *f = *state;
	uint8_t one[TICKET_PRK], two[TICKET_PRK], other[TICKET_PRK];
	char secret[100];

	memset(secret, 's', sizeof(secret));
	secret_write(f, secret, sizeof(secret), 0600);
	load(f, one);
	secret_write(f, secret, sizeof(secret), 0400);
	load(f, two);
	assert_memory_equal(one, two, sizeof(one));
	secret_write(f, secret, sizeof(secret) - 1, 0600);
	load(f, other);
	assert_memory_not_equal(one, other, sizeof(one));
}

/* Without a configured one: made once, kept for the next process, by its owner only. */
static void own_secret_lasts(void **state)
{
	struct fixture *f = *state;
	uint8_t one[TICKET_PRK], two[TICKET_PRK];
	char path[128];
	struct stat st;

	load(f, one);
	load(f, two);
	assert_memory_equal(one, two, sizeof(one));
	snprintf(path, sizeof(path), "%s/ticket.key", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(chmod(path, 0644), 0); /* others have read it: made anew */
	load(f, two);
	assert_memory_not_equal(one, two, sizeof(one));
	snprintf(f->c.control.state, sizeof(f->c.control.state), "%s/no/such/state", f->dir);
	assert_false(ticket_secret_load(&f->c, two, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, "no/such/ticket.key"));
}

static void expect_refusal(struct fixture *f, const char *what)
{
	char want[512];
	uint8_t prk[TICKET_PRK];

	assert_false(ticket_secret_load(&f->c, prk, f->err, sizeof(f->err)));
	snprintf(want, sizeof(want), "fairlead.yaml:7: tls.ticket-secret: %s %s",
		 f->c.tls.ticket_secret, what);
	assert_string_equal(f->err, want);
}

static void bad_files_have_their_sentence(void **state)
{
	static char bytes[TICKET_SECRET_MAX + 1];
	struct fixture *f = *state;
	uint8_t prk[TICKET_PRK];
	char other[128];

	secret_write(f, bytes, TICKET_SECRET_MIN - 1, 0600);
	expect_refusal(f, "has 31 bytes, and 32 to 4096 are possible");
	secret_write(f, bytes, TICKET_SECRET_MAX + 1, 0600);
	expect_refusal(f, "has 4097 bytes, and 32 to 4096 are possible");
	secret_write(f, bytes, TICKET_SECRET_MAX, 0600);
	load(f, prk);
	secret_write(f, bytes, TICKET_SECRET_MIN, 0640);
	expect_refusal(f, "can be read by others: its mode must be 0600");
	snprintf(other, sizeof(other), "%s/other", f->dir);
	assert_int_equal(rename(f->c.tls.ticket_secret, other), 0);
	expect_refusal(f, "cannot be read: No such file or directory");
	assert_int_equal(symlink(other, f->c.tls.ticket_secret), 0);
	expect_refusal(f, "cannot be read: it is a symbolic link");
	unlink(f->c.tls.ticket_secret);
	assert_int_equal(mkdir(f->c.tls.ticket_secret, 0700), 0);
	expect_refusal(f, "is not a file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_parts_differ),
		cmocka_unit_test(epochs_follow_each_other),
		cmocka_unit_test(clocks_that_differ),
		FIXTURE_TEST(the_derivation_is_pinned),
		FIXTURE_TEST(two_nodes_with_one_secret_agree),
		FIXTURE_TEST(own_secret_lasts),
		FIXTURE_TEST(bad_files_have_their_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
