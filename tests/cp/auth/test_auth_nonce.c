/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stateless nonces (R71, RFC 8489 9.2): the cookie and its bits, expiry, forgery, other addresses
 * and ports, and the key that outlives the process but not the machine's uptime.
 */
#include "tests/world/auth_fixture.h"

#include "cp/auth/nonce.h"

#include <fcntl.h>
#include <sys/stat.h>

static const struct nonce_maker maker = {
	.key = { { 1, 2 } },
	.lifetime = 600,
	.features = NONCE_PASSWORD_ALGORITHMS | NONCE_USERNAME_ANONYMITY,
	.offer = 3,
};

static struct sock_addr client(const char *ip, uint16_t port)
{
	struct sock_addr a = { .port = be16_make(port) };

	memset(&a.ip, 0, sizeof(a.ip));
	a.ip.b[10] = a.ip.b[11] = 0xff;
	assert_int_equal(
	    sscanf(ip, "%hhu.%hhu.%hhu.%hhu", &a.ip.b[12], &a.ip.b[13], &a.ip.b[14], &a.ip.b[15]),
	    4);
	return a;
}

static enum nonce_state check(const struct nonce_maker *n, const char *text, size_t len,
			      const struct sock_addr *from, uint64_t now)
{
	struct stun_val v = { (const uint8_t *)text, (uint16_t)len };

	return nonce_check(n, &v, from, now);
}

static void cookie_carries_the_feature_bits(void **state)
{
	struct sock_addr a = client("10.0.0.1", 4000);
	struct nonce_maker n = maker;
	char text[NONCE_LEN + 1];

	(void)state;
	nonce_make(&n, &a, 5, text);
	assert_int_equal(strlen(text), NONCE_LEN);
	assert_memory_equal(text, "obMatJos2AAAD", 13);
	n.features = NONCE_USERNAME_ANONYMITY; /* as in RFC 8489 B.1 */
	nonce_make(&n, &a, 5, text);
	assert_memory_equal(text, "obMatJos2AAAC", 13);
	n.features = NONCE_PASSWORD_ALGORITHMS;
	nonce_make(&n, &a, 5, text);
	assert_memory_equal(text, "obMatJos2AAAB", 13);
}

static void fresh_until_its_lifetime_is_over(void **state)
{
	struct sock_addr a = client("10.0.0.1", 4000);
	char text[NONCE_LEN + 1];

	(void)state;
	nonce_make(&maker, &a, 1000, text);
	assert_int_equal(check(&maker, text, NONCE_LEN, &a, 1000), NONCE_FRESH);
	assert_int_equal(check(&maker, text, NONCE_LEN, &a, 1599), NONCE_FRESH);
	assert_int_equal(check(&maker, text, NONCE_LEN, &a, 1600), NONCE_STALE);
	assert_int_equal(check(&maker, text, NONCE_LEN, &a, 999), NONCE_FOREIGN);
	/* its 10 bits say the same again and again, its hash does not */
	for (uint64_t now = 1600; now < 10000; now++)
		assert_int_equal(check(&maker, text, NONCE_LEN, &a, now),
				 now < 1000 + 1024 ? NONCE_STALE : NONCE_FOREIGN);
	nonce_make(&maker, &a, UINT32_MAX, text);
	assert_int_equal(check(&maker, text, NONCE_LEN, &a, UINT64_C(1) << 32), NONCE_FRESH);
}

/* With a long lifetime its time is coarser: never good for longer than that, hardly for less. */
static void long_lifetimes(void **state)
{
	struct sock_addr a = client("10.0.0.1", 4000);
	struct nonce_maker n = maker;
	char text[NONCE_LEN + 1];

	(void)state;
	n.lifetime = 86400;
	for (uint64_t made = 100000; made < 100200; made++) {
		nonce_make(&n, &a, made, text);
		assert_int_equal(check(&n, text, NONCE_LEN, &a, made), NONCE_FRESH);
		assert_int_equal(check(&n, text, NONCE_LEN, &a, made + 86400 - 85), NONCE_FRESH);
		assert_int_equal(check(&n, text, NONCE_LEN, &a, made + 86400), NONCE_STALE);
	}
}

static void another_address_or_port_is_foreign(void **state)
{
	struct sock_addr a = client("10.0.0.1", 4000), ip = client("10.0.0.2", 4000),
			 port = client("10.0.0.1", 4001);
	char text[NONCE_LEN + 1], other[NONCE_LEN + 1];

	(void)state;
	nonce_make(&maker, &a, 1000, text);
	assert_int_equal(check(&maker, text, NONCE_LEN, &ip, 1000), NONCE_FOREIGN);
	assert_int_equal(check(&maker, text, NONCE_LEN, &port, 1000), NONCE_FOREIGN);
	nonce_make(&maker, &port, 1000, other);
	assert_string_not_equal(text, other); /* RFC 8489 9.2.4: MUST NOT choose the same */
}

static void any_changed_bit_is_foreign(void **state)
{
	struct sock_addr a = client("10.0.0.1", 4000);
	char text[NONCE_LEN + 1];

	(void)state;
	nonce_make(&maker, &a, 1000, text);
	for (size_t bit = 0; bit < NONCE_LEN * 8; bit++) {
		text[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(check(&maker, text, NONCE_LEN, &a, 1000), NONCE_FOREIGN);
		text[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t len = 0; len < NONCE_LEN; len++)
		assert_int_equal(check(&maker, text, len, &a, 1000), NONCE_FOREIGN);
	assert_int_equal(check(&maker, text, NONCE_LEN + 1, &a, 1000), NONCE_FOREIGN);
}

static void another_key_offer_or_feature_is_foreign(void **state)
{
	struct sock_addr a = client("10.0.0.1", 4000);
	struct nonce_maker key = maker, offer = maker, features = maker;
	char text[NONCE_LEN + 1];

	(void)state;
	key.key.k[0]++;
	offer.offer = 1;
	features.features = NONCE_PASSWORD_ALGORITHMS;
	nonce_make(&maker, &a, 1000, text);
	assert_int_equal(check(&key, text, NONCE_LEN, &a, 1000), NONCE_FOREIGN);
	assert_int_equal(check(&offer, text, NONCE_LEN, &a, 1000), NONCE_FOREIGN);
	assert_int_equal(check(&features, text, NONCE_LEN, &a, 1000), NONCE_FOREIGN);
}

static struct siphash_key load(struct fixture *f, const char *path)
{
	struct siphash_key k;

	if (!nonce_key_load(path, &k, f->err, sizeof(f->err)))
		fail_msg("%s", f->err);
	return k;
}

static void key_survives_a_restart(void **state)
{
	struct fixture *f = *state;
	struct siphash_key a, b;
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/made/nonce.key", f->dir);
	a = load(f, path);
	b = load(f, path);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void key_of_another_boot_or_a_damaged_file_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct siphash_key a, b;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/nonce.key", f->dir);
	a = load(f, path);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "ffffffff", 8, 0), 8); /* of the boot's name */
	close(fd);
	b = load(f, path);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_int_equal(truncate(path, 10), 0);
	a = load(f, path);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_int_equal(chmod(path, 0644), 0); /* others have read it */
	b = load(f, path);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

static void key_that_cannot_be_written_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct siphash_key k;
	char path[128];

	snprintf(path, sizeof(path), "%s/no/such/nonce.key", f->dir);
	assert_false(nonce_key_load(path, &k, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookie_carries_the_feature_bits),
		cmocka_unit_test(fresh_until_its_lifetime_is_over),
		cmocka_unit_test(long_lifetimes),
		cmocka_unit_test(another_address_or_port_is_foreign),
		cmocka_unit_test(any_changed_bit_is_foreign),
		cmocka_unit_test(another_key_offer_or_feature_is_foreign),
		FIXTURE_TEST(key_survives_a_restart),
		FIXTURE_TEST(key_of_another_boot_or_a_damaged_file_is_replaced),
		FIXTURE_TEST(key_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
