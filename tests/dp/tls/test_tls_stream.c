/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The byte stream of a TLS connection (RFC 8446 5, RFC 5246 6; R6, R47): what is written on one
 * side is read on the other, whatever the segments it came in, in both versions and in both
 * directions; what is given in one turn shares a record; records are as long as the path makes
 * sensible. How long a handshake took, from the connection to its keys, is counted by class.
 */
#include "tests/world/tls_world.h"
#include "tests/world/control.h"

#include "dp/trace.h"

enum { BULK = 300000 };

static uint8_t sent[BULK], got[BULK];

static void noise(uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = host_pattern(9, i);
}

static void both_ways(int version, uint16_t cut)
{
	noise(sent, sizeof(sent));
	client_new(version);
	client.cut = cut;
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_int_equal(owner.info.version, version);
	owner.echo = true;
	client_write(sent, 1000);
	assert_int_equal(owner.n, 1000);
	assert_memory_equal(owner.got, sent, 1000);
	client_read(got, 1000);
	assert_memory_equal(got, sent, 1000);
	assert_int_equal(world_count(0, CNT_TLS_RECORDS_IN), 1);
	assert_int_equal(world_count(0, CNT_TLS_BYTES_IN), 1000);
	assert_int_equal(world_count(0, CNT_TLS_BYTES_OUT), 1000);
}

static void tls12(void **state)
{
	(void)state;
	both_ways(TLS1_2_VERSION, 0);
	assert_int_equal(world_count(0, CNT_TLS_FULL_12), 1);
}

static void tls13(void **state)
{
	(void)state;
	both_ways(TLS1_3_VERSION, 0);
	assert_int_equal(world_count(0, CNT_TLS_FULL_13), 1);
}

/* By class, and with how long the client let us wait for its first byte. */
static void handshake_is_timed(void **state)
{
	const struct ctl_times *t = &world.w->counters->handshake[CTL_HANDSHAKE_TLS];

	(void)state;
	client_new(TLS1_3_VERSION);
	world_pass(30, hosts_run);
	assert_int_equal(t->sum, 0);
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_int_equal(t->n[histogram_class(30000)], 1);
	assert_int_equal(t->sum, 30000);
	client_write("later", 5);
	assert_int_equal(t->sum, 30000);
	assert_int_equal(world.w->counters->handshake[CTL_HANDSHAKE_DTLS].sum, 0);
}

/* Every byte of handshake and records in a segment of its own. */
static void one_byte_segments_12(void **state)
{
	(void)state;
	both_ways(TLS1_2_VERSION, 1);
}

static void one_byte_segments_13(void **state)
{
	(void)state;
	both_ways(TLS1_3_VERSION, 1);
}

/* Cuts at every place in a record that follows another. */
static void cut_anywhere(void **state)
{
	uint8_t wire[512];
	uint32_t want = 0;
	size_t n, at;

	(void)state;
	client_open(TLS1_3_VERSION);
	client.hold_out = true;
	for (at = 1; at < 120; at++) {
		client_write("first", 5);
		client_write("second, and longer", 18);
		n = client_take(wire, sizeof(wire));
		host_say(client.host, wire, (uint16_t)at);
		host_say(client.host, wire + at, (uint16_t)(n - at));
		want += 23;
		assert_int_equal(owner.n, want);
		if (at >= n - 1)
			break;
	}
	assert_memory_equal(owner.got + owner.n - 23, "firstsecond, and longer", 23);
	client.hold_out = false;
}

static void bulk(int version)
{
	uint32_t at, i;

	noise(sent, sizeof(sent));
	client_open(version);
	for (at = 0; at < BULK; at += 30000)
		client_write(sent + at, 30000);
	assert_int_equal(owner.n, BULK);
	assert_memory_equal(owner.got, sent, BULK);
	client.n_record = 0;
	for (at = 0; at < BULK; at += 50000)
		owner_say(sent + at, 50000);
	client_read(got, BULK);
	assert_memory_equal(got, sent, BULK);
	/* A young path: records that fill a segment, so that each can be opened when it comes. */
	assert_true(client.record[0].len <= HOST_MSS);
	assert_true(client.record[0].len > HOST_MSS - 64);
	for (i = 0; i < client.n_record; i++)
		assert_true(client.record[i].len <= 5 + 16384 + 256);
	/* And then no more records than needed. */
	assert_true(client.record[client.n_record - 2].len > 8000);
}

static void bulk_12(void **state)
{
	(void)state;
	bulk(TLS1_2_VERSION);
}

static void bulk_13(void **state)
{
	(void)state;
	bulk(TLS1_3_VERSION);
}

/* What is given in one turn goes as one record, as long as it goes out at once. */
static void messages_share_a_record(void **state)
{
	int i;

	(void)state;
	client_open(TLS1_3_VERSION);
	client.n_record = 0;
	for (i = 0; i < 5; i++)
		assert_true(tcp_send_bytes(world.w, owner.c, "message ", 8));
	client_run();
	assert_int_equal(client.n_record, 1);
	assert_int_equal(client.record[0].len, 5 + 40 + 1 + 16);
	client_read(got, 40);
}

/* RFC 8446 5.4: as much padding as the other side likes; and records with nothing else. */
static size_t pad(SSL *s, int type, size_t len, void *arg)
{
	(void)s;
	(void)type;
	(void)len;
	return *(size_t *)arg;
}

static void padding(void **state)
{
	size_t n = 0;

	(void)state;
	client_new(TLS1_3_VERSION);
	SSL_set_record_padding_callback(client.tls.ssl, pad);
	SSL_set_record_padding_callback_arg(client.tls.ssl, &n);
	client_run();
	for (n = 0; n < 3000; n = n * 2 + 1) {
		owner.n = 0;
		client_write("padded", 6);
		assert_int_equal(owner.n, 6);
		assert_memory_equal(owner.got, "padded", 6);
	}
}

static void empty_records(void **state)
{
	(void)state;
	client_open(TLS1_3_VERSION);
	client_forge(0, TLS_APPLICATION, "", 0);
	client_forge(1, TLS_APPLICATION, "x", 1);
	client_forge(2, TLS_APPLICATION, "", 0);
	assert_int_equal(owner.n, 1);
	assert_int_equal(owner.closed, 0);
}

/* The owner reads nothing: the window closes, and nothing is lost. */
static void back_pressure(void **state)
{
	uint32_t at = 0;

	(void)state;
	noise(sent, sizeof(sent));
	world.conf.tcp.receive_buffer = 98304;
	client_open(TLS1_3_VERSION);
	owner.hold = true;
	client.hold_out = true;
	/* Within what was offered: the host does not look at our window when it says something. */
	while (at < 60000) {
		uint8_t wire[9000];
		size_t n;

		assert_int_equal(SSL_write(client.tls.ssl, sent + at, 6000), 6000);
		n = client_take(wire, sizeof(wire));
		client_raw(wire, n);
		at += 6000;
	}
	assert_int_equal(owner.n, 0);
	assert_int_equal(tcp_readable(owner.c), 60000);
	owner.hold = client.hold_out = false;
	tcp_recv_pause(world.w, owner.c, false);
	client_run();
	assert_int_equal(owner.n, 60000);
	assert_memory_equal(owner.got, sent, 60000);
}

/*
 * The owner reads nothing, and the window is shut in the middle of a record: the other side cannot
 * send the rest, and is not ended for it. From then on that the window opens it may.
 */
static void record_cut_by_the_window(void **state)
{
	static uint8_t wire[1 << 17];
	struct ctl_conn_info i;
	size_t n, at = 0;

	(void)state;
	noise(sent, sizeof(sent));
	client_open(TLS1_3_VERSION); /* its SYN said no window scale */
	owner.hold = true;
	client.hold_out = true;
	assert_int_equal(SSL_write(client.tls.ssl, sent, 80000), 80000);
	n = client_take(wire, sizeof(wire));
	assert_true(n > 80000);
	do {
		size_t k;

		tcp_info(owner.w, owner.c, &i);
		k = RTE_MIN((size_t)i.rcv_wnd, (size_t)HOST_MSS);
		assert_true(at + k < n);
		client_raw(wire + at, k);
		at += k;
	} while (i.rcv_wnd);
	assert_true(tcp_raw(owner.c)->bytes > TLS_HDR);
	hosts_pass_ms(2 * world.conf.tcp.frame_ms);
	assert_int_equal(owner.closed, 0);
	assert_false(client.host->fin_rcvd);
	owner.hold = false;
	tcp_recv_pause(owner.w, owner.c, false);
	hosts_run();
	hosts_pass_ms(world.conf.tcp.frame_ms - 1);
	assert_false(client.host->fin_rcvd);
	client_raw(wire + at, 1); /* of its rest, which may be short */
	hosts_pass_ms(2);	  /* the time is that of the whole record */
	assert_true(client.host->fin_rcvd);
	host_fin(client.host);
	owner_gone(TCP_END_FRAME_TIMEOUT);
}

static void capture(bool plaintext)
{
	struct cmd_trace c = { .id = plaintext ? 2 : 1,
			       .until = WORLD_START_S + CTL_TRACE_LEASE_S,
			       .filter = { .session = CTL_TRACE_ANY,
					   .reason = CTL_TRACE_ANY,
					   .frames = 1,
					   .plaintext = plaintext,
					   .bytes = CTL_TRACE_BYTES } };

	assert_true(world_cmd(0, CMD_TRACE, &c, sizeof(c)));
}

/* Reads the ring; returns the plaintext of one way, which must be in packets without a gap. */
static uint32_t captured(enum ctl_trace_event way, uint8_t *to)
{
	const uint32_t head = RTE_ETHER_HDR_LEN + 20 + 20;
	const struct ctl_trace *r;
	uint32_t n = 0, seq, next = 0;

	while ((r = world_trace(0))) {
		assert_int_equal(r->id, 2);
		if (r->event != way)
			continue;
		assert_int_equal(r->len, r->n_bytes);
		memcpy(&seq, r->bytes + RTE_ETHER_HDR_LEN + 24, 4);
		seq = rte_be_to_cpu_32(seq);
		if (n)
			assert_int_equal(seq, next);
		next = seq + r->len - head;
		memcpy(to + n, r->bytes + head, r->len - head);
		n += r->len - head;
	}
	return n;
}

/*
 * A capture has what is inside of TLS if it asks for that, each byte once, as it came and as it
 * goes; one that does not ask has none of it; and nothing is left in the worker.
 */
static void plaintext_told(void **state)
{
	const struct ctl_trace *r;

	(void)state;
	noise(sent, sizeof(sent));
	client_new(TLS1_3_VERSION);
	client_run();
	owner.echo = true;
	capture(false);
	client_write(sent, 1000);
	while ((r = world_trace(0))) {
		assert_true(r->event == TRACE_RECEIVED || r->event == TRACE_SENT);
		assert_null(memmem(r->bytes, r->n_bytes, sent, 16));
	}
	client_read(got, 1000);
	capture(true);
	client_write(sent, 5000);
	memset(got, 0, sizeof(got));
	assert_int_equal(captured(TRACE_OPENED, got), 5000);
	assert_memory_equal(got, sent, 5000);
	client_read(got, 5000);
	client_write(sent, 3000);
	memset(got, 0, sizeof(got));
	assert_int_equal(captured(TRACE_SEALED, got), 3000);
	assert_memory_equal(got, sent, 3000);
	client_read(got, 3000);
	assert_int_equal(world.w->trace->kept, 0);
	assert_null(memmem(world.w->trace->kept_plain, TRACE_PLAIN_MAX, sent, 16));
	assert_null(memmem(world.w->trace->frame, CTL_TRACE_BYTES, sent, 16));
}

/* Each suite there is, in both directions. */
static void suites(void **state)
{
	static const char *const v12[] = {
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-GCM-SHA256",
		"ECDHE-RSA-AES256-GCM-SHA384",	 "ECDHE-RSA-CHACHA20-POLY1305"
	};
	static const char *const v13[] = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
					   "TLS_CHACHA20_POLY1305_SHA256" };
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(v12) + RTE_DIM(v13); i++) {
		bool old = i < RTE_DIM(v12);
		const char *name = old ? v12[i] : v13[i - RTE_DIM(v12)];

		client_new(old ? TLS1_2_VERSION : TLS1_3_VERSION);
		if (old)
			assert_int_equal(SSL_set_cipher_list(client.tls.ssl, name), 1);
		else
			assert_int_equal(SSL_set_ciphersuites(client.tls.ssl, name), 1);
		client_run();
		if (owner.opened != 1)
			fail_msg("%s: not opened", name);
		assert_string_equal(SSL_get_cipher_name(client.tls.ssl), name);
		owner.echo = true;
		client_write(name, 20);
		client_read(got, 20);
		assert_memory_equal(got, name, 20);
		client_free();
		hosts_run();
		memset(&owner, 0, sizeof(owner));
	}
}

/* The longest record, where the buffer that is configured is shorter, and before it one unread. */
static int small_buffer_setup(void **state)
{
	(void)state;
	tls_world_config();
	world.conf.tcp.receive_buffer = 4096;
	tls_world_start();
	return 0;
}

static void longer_than_the_buffer(void **state)
{
	(void)state;
	noise(sent, sizeof(sent));
	client_open(TLS1_3_VERSION);
	client_write(sent, TLS_PLAIN_MAX);
	assert_int_equal(owner.n, TLS_PLAIN_MAX);
	owner.hold = true;
	client_write(sent, 4000);
	client_write(sent, TLS_PLAIN_MAX);
	assert_int_equal(tcp_readable(owner.c), 4000 + TLS_PLAIN_MAX);
	owner.hold = false;
	tcp_recv_pause(owner.w, owner.c, false);
	hosts_run();
	assert_int_equal(owner.n, 2 * TLS_PLAIN_MAX + 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tls_test(tls12),
		tls_test(tls13),
		tls_test(handshake_is_timed),
		tls_test(one_byte_segments_12),
		tls_test(one_byte_segments_13),
		tls_test(cut_anywhere),
		tls_test(bulk_12),
		tls_test(bulk_13),
		tls_test(messages_share_a_record),
		tls_test(padding),
		tls_test(empty_records),
		tls_test(back_pressure),
		tls_test(record_cut_by_the_window),
		tls_test(suites),
		tls_test(plaintext_told),
		cmocka_unit_test_setup_teardown(longer_than_the_buffer, small_buffer_setup,
						tls_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
