/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS connections go to other workers as others do (RFC 6062 over TLS: R7, R36): keys, sequence
 * numbers and bytes on either side of the layer go with them, and each worker's own ciphers go on
 * where the other's left off.
 */
#include "tests/world/tls_world.h"

static int setup(void **state)
{
	(void)state;
	tls_world_config();
	world.conf.dataplane.n_workers = 2;
	tls_world_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_free();
	hosts_pass_ms(world.conf.tcp.time_wait_ms + 10);
	tls_world_stop();
	return 0;
}

static void away(void)
{
	uint16_t to = !owner.w->id;

	tcp_move(owner.w, owner.c, to);
	client_run();
	assert_int_equal(owner.arrived, 1);
	assert_int_equal(owner.w->id, to);
	assert_int_equal(owner.closed, 0);
}

static void goes_on(int version)
{
	char got[10];

	client_open(version);
	owner.echo = true;
	client_write("at home", 7);
	client_read(got, 7);
	away();
	client_write("elsewhere", 9);
	client_read(got, 9);
	assert_memory_equal(got, "elsewhere", 9);
	assert_int_equal(owner.n, 16);
	assert_int_equal(owner.w->tls->conns, 1);
	assert_int_equal(world.dp.worker[!owner.w->id]->tls->conns, 0);
}

static void tls12(void **state)
{
	(void)state;
	goes_on(TLS1_2_VERSION);
}

static void tls13(void **state)
{
	(void)state;
	goes_on(TLS1_3_VERSION);
}

/* With plaintext nobody read and half a record. */
static void bytes_on_both_sides(void **state)
{
	uint8_t wire[200];
	size_t n;

	(void)state;
	client_open(TLS1_3_VERSION);
	owner.hold = true;
	client_write("unread ", 7);
	client.hold_out = true;
	SSL_write(client.tls.ssl, "and the rest", 12);
	n = client_take(wire, sizeof(wire));
	client_raw(wire, 9);
	away();
	owner.hold = false;
	client_raw(wire + 9, n - 9);
	client.hold_out = false;
	client_run();
	assert_int_equal(owner.n, 19);
	assert_memory_equal(owner.got, "unread and the rest", 19);
}

static void closes_there(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	owner.close_on_fin = true;
	away();
	SSL_shutdown(client.tls.ssl);
	client_run();
	host_fin(client.host);
	owner_gone(TCP_END_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tls12, setup, teardown),
		cmocka_unit_test_setup_teardown(tls13, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_on_both_sides, setup, teardown),
		cmocka_unit_test_setup_teardown(closes_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
