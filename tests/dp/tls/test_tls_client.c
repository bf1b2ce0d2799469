/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Our own connections with TLS (R44): the client's role, towards an OpenSSL server. Its tickets and
 * keys are taken or ignored, its requests to renegotiate are refused, its certificate is there for
 * whoever asks; ends are those of the other role.
 */
#include "tests/world/tls_world.h"

static void both_ways(int version)
{
	char got[5];

	server_open(version);
	assert_int_equal(owner.opened, 1);
	assert_int_equal(owner.info.version, version);
	assert_true(owner.info.peer_cert); /* the other side's, whichever it is */
	owner.echo = true;
	client_write("hello", 5);
	client_read(got, 5);
	assert_memory_equal(got, "hello", 5);
	client_write("again", 5);
	client_read(got, 5);
	assert_int_equal(owner.n, 10);
}

static void tls12(void **state)
{
	(void)state;
	both_ways(TLS1_2_VERSION);
}

/* OpenSSL's server sends two tickets behind its Finished. */
static void tls13(void **state)
{
	(void)state;
	both_ways(TLS1_3_VERSION);
	assert_int_equal(SSL_new_session_ticket(client.tls.ssl), 1);
	client_write("more!", 5);
	assert_int_equal(owner.n, 15);
}

static void bytes_one_by_one(void **state)
{
	(void)state;
	client.cut = 1;
	both_ways(TLS1_3_VERSION);
}

static void key_update(void **state)
{
	char got[5];

	(void)state;
	server_open(TLS1_3_VERSION);
	SSL_key_update(client.tls.ssl, SSL_KEY_UPDATE_REQUESTED);
	client_write("fresh", 5);
	owner_say("reply", 5);
	client_read(got, 5);
	assert_memory_equal(got, "reply", 5);
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_RX), 1);
	assert_int_equal(world_count(0, CNT_TLS_KEY_UPDATE_TX), 1);
}

/* HelloRequest (RFC 5246 7.4.1.1): told no (R57). */
static void hello_request(void **state)
{
	(void)state;
	server_open(TLS1_2_VERSION);
	assert_int_equal(SSL_renegotiate(client.tls.ssl), 1);
	SSL_do_handshake(client.tls.ssl);
	client_run();
	assert_int_equal(client_alert(), ALERT_NO_RENEGOTIATION);
	assert_int_equal(owner.n, 0);
	if (owner.closed == 0)
		host_rst(client.host);
}

static void closes(void **state)
{
	(void)state;
	server_open(TLS1_3_VERSION);
	owner.close_on_fin = true;
	SSL_shutdown(client.tls.ssl);
	client_run();
	assert_int_equal(SSL_get_shutdown(client.tls.ssl),
			 SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	host_fin(client.host);
	owner_gone(TCP_END_DONE);
}

/* A server that speaks no TLS, and one that does not speak at all. */
static void no_tls(void **state)
{
	(void)state;
	client.hold_out = true;
	server_open(TLS1_3_VERSION);
	host_say(client.host, "220 mail ready\r\n", 16);
	client.hold_out = false;
	assert_int_equal(owner.opened, 0);
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	hosts_run();
	assert_int_equal(owner.closed, 1);
	assert_int_equal(owner.why, TCP_END_TLS_RECORD);
}

static void silent(void **state)
{
	(void)state;
	client.hold_out = true;
	server_open(TLS1_3_VERSION);
	hosts_pass_ms(world.conf.tls.handshake_ms + 1);
	host_fin(client.host);
	owner_gone(TCP_END_TLS_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tls_test(tls12),      tls_test(tls13),	       tls_test(bytes_one_by_one),
		tls_test(key_update), tls_test(hello_request), tls_test(closes),
		tls_test(no_tls),     tls_test(silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
