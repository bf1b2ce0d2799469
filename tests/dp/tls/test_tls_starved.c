/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS for want of something: packet buffers, which run out while records come and go, and keys,
 * which OpenSSL fails to derive. What can wait for a buffer does, and is lost to nobody; without
 * keys the connection ends under its own name, and nothing goes out unprotected.
 */
#include "tests/world/tls_world.h"

enum { BUFFERS = 4096 };

static struct rte_mbuf *taken[BUFFERS];
static uint32_t n_taken;
static uint8_t wire[1 << 16], sent[8000];
static size_t wire_len;

/* ---- keys that cannot be made ---- */

static bool no_keys;

bool __real_tls_keys_update(struct tls_kdf *k, struct aead *a, struct tls_keys *keys);
bool __wrap_tls_keys_update(struct tls_kdf *k, struct aead *a, struct tls_keys *keys);
bool __real_tls_keys_13(struct tls_kdf *k, struct aead *a, struct tls_keys *keys,
			const struct tls_suite *suite, const uint8_t *secret);
bool __wrap_tls_keys_13(struct tls_kdf *k, struct aead *a, struct tls_keys *keys,
			const struct tls_suite *suite, const uint8_t *secret);
bool __real_tls_keys_12(struct aead *a, struct tls_keys *keys, const struct tls_suite *suite,
			const uint8_t *key, const uint8_t *iv, uint64_t seq, uint64_t next);
bool __wrap_tls_keys_12(struct aead *a, struct tls_keys *keys, const struct tls_suite *suite,
			const uint8_t *key, const uint8_t *iv, uint64_t seq, uint64_t next);

bool __wrap_tls_keys_update(struct tls_kdf *k, struct aead *a, struct tls_keys *keys)
{
	return !no_keys && __real_tls_keys_update(k, a, keys);
}

bool __wrap_tls_keys_13(struct tls_kdf *k, struct aead *a, struct tls_keys *keys,
			const struct tls_suite *suite, const uint8_t *secret)
{
	return !no_keys && __real_tls_keys_13(k, a, keys, suite, secret);
}

bool __wrap_tls_keys_12(struct aead *a, struct tls_keys *keys, const struct tls_suite *suite,
			const uint8_t *key, const uint8_t *iv, uint64_t seq, uint64_t next)
{
	return !no_keys && __real_tls_keys_12(a, keys, suite, key, iv, seq, next);
}

/* ---- buffers that run out ---- */

static void buffers_take(void)
{
	while (n_taken < BUFFERS && (taken[n_taken] = rte_pktmbuf_alloc(world.w->pool)))
		n_taken++;
	assert_true(n_taken > 0 && n_taken < BUFFERS);
}

static void buffers_give(void)
{
	rte_pktmbuf_free_bulk(taken, n_taken);
	n_taken = 0;
}

static int teardown(void **state)
{
	buffers_give();
	no_keys = false;
	return tls_teardown(state);
}

#define starved_test(f) cmocka_unit_test_setup_teardown(f, tls_setup, teardown)

/* Records of the client's, one for each byte of text, in a segment that has not been seen yet. */
static void records_put(const char *text)
{
	client.hold_out = true;
	for (; *text; text++)
		assert_int_equal(SSL_write(client.tls.ssl, text, 1), 1);
	wire_len = client_take(wire, sizeof(wire));
	client.hold_out = false;
	assert_true(wire_len < HOST_MSS);
	host_say_put(client.host, wire, (uint16_t)wire_len);
}

/*
 * Two records in one buffer: the first needs another. They wait, both, for as long as it takes,
 * although that is longer than half a record may stay.
 */
static void records_wait(int version)
{
	client_open(version);
	records_put("ab");
	buffers_take();
	world_run();
	assert_int_equal(owner.n, 0);
	hosts_pass_ms(world.conf.tcp.frame_ms + 100);
	assert_int_equal(owner.n, 0);
	assert_int_equal(owner.closed, 0);
	assert_int_equal(tcp_raw(owner.c)->bytes, wire_len);
	buffers_give();
	hosts_pass_ms(TLS_RETRY_MS + 1);
	assert_int_equal(owner.n, 2);
	assert_memory_equal(owner.got, "ab", 2);
}

static void records_wait_12(void **state)
{
	(void)state;
	records_wait(TLS1_2_VERSION);
}

static void records_wait_13(void **state)
{
	(void)state;
	records_wait(TLS1_3_VERSION);
}

/* What the owner said is sealed once there are buffers, in its order. */
static void sealing_waits(void **state)
{
	static uint8_t got[sizeof(sent)];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7);
	client_open(TLS1_3_VERSION);
	assert_true(tcp_send_bytes(owner.w, owner.c, sent, sizeof(sent)));
	buffers_take();
	client.n_record = 0;
	world_run();
	hosts_pass_ms(3 * TLS_RETRY_MS);
	assert_int_equal(client.n_record, 0);
	buffers_give();
	hosts_pass_ms(TLS_RETRY_MS + 1);
	client_run();
	client_read(got, sizeof(got));
	assert_memory_equal(got, sent, sizeof(sent));
}

/* close_notify, too, and the FIN behind it waits for that. */
static void close_notify_waits(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	buffers_take();
	tcp_shutdown(owner.w, owner.c);
	world_run();
	hosts_pass_ms(3 * TLS_RETRY_MS);
	assert_false(client.host->fin_rcvd);
	buffers_give();
	hosts_pass_ms(TLS_RETRY_MS + 1);
	client_run();
	assert_true(client.host->fin_rcvd);
	assert_int_equal(SSL_get_shutdown(client.tls.ssl) & SSL_RECEIVED_SHUTDOWN,
			 SSL_RECEIVED_SHUTDOWN);
}

/* A KeyUpdate that is due, of an owner who says nothing. */
static void key_update_waits(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	buffers_take();
	tls_of(owner.c)->flags |= TLS_UPDATE;
	tcp_layer_again(owner.w, owner.c);
	world_run();
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_TX), 0);
	buffers_give();
	hosts_pass_ms(TLS_RETRY_MS + 1);
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_TX), 1);
	owner.echo = true;
	client_write("still there", 11);
	client_read(wire, 11);
	assert_memory_equal(wire, "still there", 11);
}

/* An alert without a buffer does not go out; what it was for ends the connection all the same. */
static void alert_is_left_out(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	host_say_put(client.host, "\x99\x03\x03\0\x01?", 6);
	buffers_take();
	world_run();
	buffers_give();
	hosts_run();
	hosts_pass_ms(1000); /* FIN is sent again */
	client_run();
	assert_int_equal(client_alert(), -1);
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_RECORD);
}

/* A handshake has no time to wait: it ends, and its state with it. */
static void handshake_ends(void **state)
{
	(void)state;
	client_new(TLS1_3_VERSION);
	/* Later OpenSSL offers a share of X25519MLKEM768 too, which is no one segment's. */
	assert_int_equal(SSL_set1_groups_list(client.tls.ssl, "X25519"), 1);
	client.hold_out = true;
	client_run();
	wire_len = client_take(wire, sizeof(wire));
	assert_true(wire_len < HOST_MSS);
	wire[wire_len++] = TLS_CHANGE_CIPHER_SPEC; /* of another: the buffer is not free yet */
	host_say_put(client.host, wire, (uint16_t)wire_len);
	buffers_take();
	world_run();
	buffers_give();
	hosts_run();
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_NO_BUFFER]), 1);
	assert_int_equal(world.w->tls->handshakes, 0);
	assert_int_equal(world.w->tls->conns, 0);
	assert_int_equal(owner.opened, 0);
}

/* ---- */

static void no_first_keys(int version)
{
	uint64_t before = atomic_load(&world.w->counters->end[TCP_END_TLS_INTERNAL]);

	no_keys = true;
	client_new(version);
	client_run();
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	hosts_run();
	assert_int_equal(atomic_load(&world.w->counters->end[TCP_END_TLS_INTERNAL]), before + 1);
	assert_int_equal(owner.opened, 0);
	assert_int_equal(world.w->tls->conns, 0);
	client_free();
	memset(&owner, 0, sizeof(owner));
}

static void no_keys_at_first(void **state)
{
	(void)state;
	no_first_keys(TLS1_2_VERSION);
	no_first_keys(TLS1_3_VERSION);
}

/* Of the other side's KeyUpdate: it can be told, under the keys that are left. */
static void no_key_to_open(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	no_keys = true;
	SSL_key_update(client.tls.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
	SSL_do_handshake(client.tls.ssl);
	client_run();
	assert_int_equal(client_alert(), ALERT_INTERNAL_ERROR);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_INTERNAL);
}

/* Of ours, which the other side has been told of: nothing can be said any more. */
static void no_key_to_seal(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	no_keys = true;
	owner_say("a", 1);
	tls_of(owner.c)->wr.records = TLS_REKEY_RECORDS;
	client.n_record = 0;
	owner_say("b", 1);
	assert_true(client.host->rst);
	assert_true(client.n_record <= 1); /* the KeyUpdate at most */
	owner_gone(TCP_END_TLS_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		starved_test(records_wait_12),	starved_test(records_wait_13),
		starved_test(sealing_waits),	starved_test(close_notify_waits),
		starved_test(key_update_waits), starved_test(alert_is_left_out),
		starved_test(handshake_ends),	starved_test(no_keys_at_first),
		starved_test(no_key_to_open),	starved_test(no_key_to_seal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
