/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How TLS connections end (RFC 8446 6.1, RFC 5246 7.2.1; R54): close_notify from either side, with
 * the bytes before it delivered; FIN without it, which is a truncation; fatal alerts; records that
 * were altered, at any place; RST. Each with its reason, and nothing left.
 */
#include "tests/world/tls_world.h"

static uint8_t wire[70000];

static void client_first(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	owner.close_on_fin = true;
	client_write("last words", 10);
	SSL_shutdown(client.tls.ssl);
	client_run();
	assert_int_equal(owner.fins, 1);
	assert_int_equal(owner.n, 10);
	assert_int_equal(SSL_get_shutdown(client.tls.ssl),
			 SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	owner_gone(TCP_END_DONE);
	assert_int_equal(world_count(0, CNT_TLS_NO_CLOSE), 0);
}

static void owner_first(int version)
{
	char got[9];

	client_open(version);
	assert_true(tcp_send_bytes(world.w, owner.c, "good-bye", 9));
	tcp_close(world.w, owner.c, TCP_END_DONE);
	client_run();
	client_read(got, 9);
	assert_string_equal(got, "good-bye");
	client_run();
	assert_true(SSL_get_shutdown(client.tls.ssl) & SSL_RECEIVED_SHUTDOWN);
	assert_true(client.host->fin_rcvd);
	/* Its answer comes to nobody, and is no reason for a RST. */
	SSL_shutdown(client.tls.ssl);
	client_run();
	assert_false(client.host->rst);
	host_fin(client.host);
	owner_gone(TCP_END_DONE);
}

static void owner_first_12(void **state)
{
	(void)state;
	owner_first(TLS1_2_VERSION);
}

static void owner_first_13(void **state)
{
	(void)state;
	owner_first(TLS1_3_VERSION);
}

/* The other direction stays open (RFC 8446 6.1). */
static void half_close(void **state)
{
	char got[5];

	(void)state;
	client_open(TLS1_3_VERSION);
	SSL_shutdown(client.tls.ssl);
	client_run();
	assert_int_equal(owner.fins, 1);
	owner_say("still", 5);
	client_read(got, 5);
	assert_memory_equal(got, "still", 5);
	tcp_close(world.w, owner.c, TCP_END_DONE);
	client_run();
	host_fin(client.host);
	owner_gone(TCP_END_DONE);
}

static void truncated(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	client_write("cut off", 7);
	host_fin(client.host);
	client_run();
	assert_int_equal(owner.n, 7);
	assert_int_equal(owner.fins, 0);
	owner_gone(TCP_END_TLS_TRUNCATED);
	assert_int_equal(world_count(0, CNT_TLS_NO_CLOSE), 1);
}

/* In the middle of a record, with bytes before it that the owner takes its time with. */
static void truncated_record(void **state)
{
	size_t n;

	(void)state;
	client_open(TLS1_2_VERSION);
	owner.hold = true;
	client_write("read late", 9);
	client.hold_out = true;
	SSL_write(client.tls.ssl, "never whole", 11);
	n = client_take(wire, sizeof(wire));
	client_raw(wire, n - 1);
	host_fin(client.host);
	assert_int_equal(owner.closed, 0);
	owner.hold = false;
	tcp_recv_pause(world.w, owner.c, false);
	hosts_run();
	assert_int_equal(owner.n, 9);
	owner_gone(TCP_END_TLS_TRUNCATED);
}

/* One bit of record N is wrong: those before it were read, nothing of it is. */
static void bad_tag(int version, int record)
{
	size_t n;
	int i;

	client_open(version);
	for (i = 0; i < record; i++)
		client_write("fine", 4);
	client.hold_out = true;
	SSL_write(client.tls.ssl, "spoilt", 6);
	SSL_write(client.tls.ssl, "never opened", 12);
	n = client_take(wire, sizeof(wire));
	wire[n / 3] ^= 1;
	client_raw(wire, n);
	client.hold_out = false;
	client_run();
	assert_int_equal(owner.n, 4 * record);
	assert_int_equal(client_alert(), ALERT_BAD_RECORD_MAC);
	assert_int_equal(world_count(0, CNT_TLS_ALERT_TX), 1);
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_MAC);
}

static void bad_tag_first(void **state)
{
	(void)state;
	bad_tag(TLS1_3_VERSION, 0);
}

static void bad_tag_later(void **state)
{
	(void)state;
	bad_tag(TLS1_3_VERSION, 7);
}

static void bad_tag_12(void **state)
{
	(void)state;
	bad_tag(TLS1_2_VERSION, 3);
}

static void fatal_alert(void **state)
{
	const uint8_t alert[2] = { 2, ALERT_INTERNAL_ERROR };

	(void)state;
	client_open(TLS1_3_VERSION);
	client.n_record = 0;
	client_forge(0, TLS_ALERT, alert, 2);
	assert_int_equal(world_count(0, CNT_TLS_ALERT_RX), 1);
	assert_int_equal(client.n_record, 0); /* no alert answers one */
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_ALERT);
}

/* RFC 8446 6.1: user_canceled is followed by close_notify, and ends nothing itself. */
static void user_canceled(void **state)
{
	const uint8_t alert[2] = { 1, ALERT_USER_CANCELED };

	(void)state;
	client_open(TLS1_3_VERSION);
	client_forge(0, TLS_ALERT, alert, 2);
	assert_int_equal(owner.closed, 0);
}

static void after_close_notify(void **state)
{
	const uint8_t alert[2] = { 1, ALERT_CLOSE_NOTIFY };

	(void)state;
	client_open(TLS1_3_VERSION);
	client_forge(0, TLS_ALERT, alert, 2);
	client_forge(1, TLS_APPLICATION, "ignored", 7);
	assert_int_equal(owner.fins, 1);
	assert_int_equal(owner.n, 0);
	assert_int_equal(owner.closed, 0);
}

static void reset(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	host_rst(client.host);
	owner_gone(TCP_END_RESET);
}

/* An abort of the owner's with bytes on their way out and bytes unread. */
static void owner_aborts(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	owner.hold = true;
	client_write("unread", 6);
	tcp_send_bytes(world.w, owner.c, "unsent", 6);
	tcp_abort(world.w, owner.c, TCP_END_CLOSED);
	client_run();
	assert_true(client.host->rst);
	owner_gone(TCP_END_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tls_test(client_first),	 tls_test(owner_first_12), tls_test(owner_first_13),
		tls_test(half_close),	 tls_test(truncated),	   tls_test(truncated_record),
		tls_test(bad_tag_first), tls_test(bad_tag_later),  tls_test(bad_tag_12),
		tls_test(fatal_alert),	 tls_test(user_canceled),  tls_test(after_close_notify),
		tls_test(reset),	 tls_test(owner_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
