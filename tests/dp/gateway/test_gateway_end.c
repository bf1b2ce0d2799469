/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How terminations of TCP and TLS end: 3GPP TS 23.334 5.11.2.x.4.3 to .4.5 and .5.2, whose clauses
 * tests are named after; R54, R57, R59. Each cause with what the remote gets, what the controller
 * is told, and the partner's fate: released in order with what was on its way to it, or reset.
 * Each kind of broken record is in tests/dp/tls/test_tls_close.c and test_tls_hostile.c.
 */
#include "tests/world/stream_world.h"

static const struct {
	enum ctl_transport transport;
	uint16_t flags;
} partners[] = {
	{ TERM_TCP, 0 },
	{ TERM_TCP, TERM_CONNECT },
	{ TERM_TLS, 0 },
	{ TERM_TLS, TERM_CONNECT | TERM_TLS_CLIENT },
};

/* Runs f with side 0 as given, and each kind of partner. */
static void each_partner(enum ctl_transport transport, uint16_t flags, void (*f)(void))
{
	for (size_t p = 0; p < RTE_DIM(partners); p++) {
		gate_up(transport, flags, partners[p].transport, partners[p].flags);
		f();
		gate_no_event();
		gate_again();
	}
}

/* Both connections are over, with nothing left. */
static void gone(void)
{
	for (uint32_t i = 0; i < SIDES; i++)
		gate.far[i].host->fin = true;
	gate_pass_ms(5);
	assert_int_equal(world.w->counters->cnt[CNT_TCP_ESTABLISHED], 0);
	assert_int_equal(world.w->counters->cnt[CNT_TCP_CLOSE_WAIT], 0);
	assert_int_equal(world.w->tls->conns, 0);
}

/* ---- in order ---- */

static void closes(void)
{
	far_say(0, "last words", 10);
	far_close(0);
	gate_ended(0, TCP_END_DONE);
	gate_ended(1, TCP_END_RELEASED);
	far_closed(0);
	far_closed(1);
	far_heard(1, "last words", 10);
	gone();
}

static void test_5_11_2_x_4_3_close_notify(void **state)
{
	(void)state;
	each_partner(TERM_TLS, 0, closes);
	each_partner(TERM_TLS, TERM_CONNECT | TERM_TLS_CLIENT, closes);
}

/* Duplex closure: FIN is answered with FIN by ourselves (R59), and goes on. */
static void test_5_11_2_x_5_2_fin(void **state)
{
	(void)state;
	each_partner(TERM_TCP, 0, closes);
	each_partner(TERM_TCP, TERM_CONNECT, closes);
}

/* Remote i sends n bytes of its pattern, as windows let it. */
static void pours(uint32_t i, uint32_t n)
{
	gate.far[i].host->to_send += n;
	gate_run();
}

static void is_pattern(const struct far *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->got[i] != host_pattern(0, i))
			fail_msg("byte %u is wrong", i);
}

/* What has come for the one that closes goes out before the FIN, however slowly it reads. */
static void test_5_11_2_x_5_2_fin_after_what_waits(void **state)
{
	struct host *h, *from;
	uint64_t sent;

	(void)state;
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	h = gate.far[0].host;
	from = gate.far[1].host;
	h->stop = true;
	pours(1, 300000);
	sent = from->sent;
	assert_true(sent < 300000);
	far_close(0);
	gate_pass_ms(200);
	gate_no_event();
	assert_false(h->fin_rcvd);
	host_go(h);
	gate_run();
	gate_ended(0, TCP_END_DONE);
	gate_ended(1, TCP_END_RELEASED);
	assert_true(gate.far[0].n >= sent);
	is_pattern(&gate.far[0]);
	far_closed(0);
	far_closed(1);
	assert_int_equal(from->sent, 300000); /* the rest had nobody to go to */
	gone();
}

/* Twelve bytes, in the turn of whatever was put before. */
static void says_at_once(uint32_t i)
{
	struct far *f = &gate.far[i];
	uint8_t said[100] = "just in time";
	int n = 12;

	if (f->tls.ssl) {
		assert_int_equal(SSL_write(f->tls.ssl, said, n), n);
		n = BIO_read(f->tls.out, said, sizeof(said));
	}
	host_say(f->host, said, (uint16_t)n);
	gate_run();
}

/* And what comes for it in the very turn. */
static void comes_with_fin(enum ctl_transport b)
{
	gate_up(TERM_TCP, 0, b, 0);
	host_fin_put(gate.far[0].host);
	says_at_once(1);
	gate_ended(0, TCP_END_DONE);
	gate_ended(1, TCP_END_RELEASED);
	far_heard(0, "just in time", 12);
	far_closed(0);
	far_closed(1);
	gone();
	gate_again();
}

static void test_5_11_2_x_5_2_fin_after_what_comes(void **state)
{
	(void)state;
	comes_with_fin(TERM_TCP);
	comes_with_fin(TERM_TLS);
}

/* And its partner gets all of what it sent before its own. */
static void test_5_11_2_x_5_2_partner_after_what_waits(void **state)
{
	struct host *h;

	(void)state;
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	h = gate.far[1].host;
	h->stop = true;
	gate.far[0].host->fin = true;
	pours(0, 300000);
	assert_true(gate.far[0].host->sent < 300000);
	gate_no_event();
	host_go(h);
	gate_run();
	gate_ended(0, TCP_END_DONE);
	gate_ended(1, TCP_END_RELEASED);
	assert_int_equal(gate.far[1].n, 300000);
	is_pattern(&gate.far[1]);
	far_closed(1);
	far_say(1, "in vain", 7);
	gate_pass_ms(100);
	assert_false(h->rst);
	gone();
}

/* One that never closes has tcp.linger. */
static void test_5_11_2_x_5_2_partner_that_stays(void **state)
{
	(void)state;
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	far_close(0);
	gate_ended(0, TCP_END_DONE);
	gate_ended(1, TCP_END_RELEASED);
	gate_pass_ms(1900);
	far_say(1, "still here", 10);
	assert_false(gate.far[1].host->rst);
	/* Nor for its talking. */
	for (int k = 0; k < 6; k++) {
		gate_pass_ms(1000);
		far_say(1, "still here", 10);
	}
	assert_true(gate.far[1].host->rst);
	assert_int_equal(world.w->counters->cnt[CNT_TCP_FIN_WAIT_2], 0);
}

/* ---- otherwise ---- */

static void broken(enum tcp_end why)
{
	gate_pass_ms(200);
	gate_ended(0, why);
	gate_ended(1, TCP_END_PARTNER);
	far_reset(1);
}

static void resets(void)
{
	host_rst(gate.far[0].host);
	gate_run();
	broken(TCP_END_RESET);
	gone();
}

static void test_5_11_2_x_4_3_rst(void **state)
{
	(void)state;
	each_partner(TERM_TLS, 0, resets);
}

static void test_5_11_2_x_5_2_rst(void **state)
{
	(void)state;
	each_partner(TERM_TCP, 0, resets);
	each_partner(TERM_TCP, TERM_CONNECT, resets);
}

/* FIN without close_notify: something may be missing, and the partner must not take it for all. */
static void truncates(void)
{
	gate.far[0].mute = true;
	host_fin(gate.far[0].host);
	gate_run();
	broken(TCP_END_TLS_TRUNCATED);
	assert_true(gate.far[0].host->fin_rcvd); /* answered all the same */
	gone();
}

static void test_5_11_2_x_4_3_fin_without_close_notify(void **state)
{
	(void)state;
	each_partner(TERM_TLS, 0, truncates);
}

/* The other side's: TLS 1.2 and 1.3 both say what they think of a record that was altered. */
static void alerts(void)
{
	static const uint8_t record[] = { 23, 3,  3,  0,  32, 1,  2,  3,  4,  5,  6,  7,  8,
					  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
					  22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };
	struct far *f = &gate.far[0];

	/* As if it had come from us: what the remote answers is a fatal alert. */
	assert_int_equal(BIO_write(f->tls.in, record, sizeof(record)), sizeof(record));
	gate_run();
	gate_no_event();
	broken(TCP_END_TLS_ALERT);
	gone();
}

static void test_5_11_2_x_4_3_fatal_alert(void **state)
{
	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		gate.far[0].version_min = gate.far[0].version_max = v;
		each_partner(TERM_TLS, 0, alerts);
		each_partner(TERM_TLS, TERM_TLS_CLIENT, alerts);
	}
}

/* The fingerprint comes when the session is over already, though nobody was told yet. */
static void judged_too_late(bool right)
{
	static const uint8_t record[37] = { 23, 3, 3, 0, 32 };

	gate_unjudged(0);
	assert_int_equal(BIO_write(gate.far[0].tls.in, record, sizeof(record)), sizeof(record));
	gate_run();
	assert_true(gate.far[0].host->fin_rcvd);
	gate_fingerprint(0, FP_SHA256, right);
	gate_set();
	assert_int_equal(gate.far[0].tls.alert, -1);
	gate_unfit(0, TCP_END_TLS_ALERT);
	gate_again();
}

static void test_5_11_2_x_4_3_fatal_alert_unjudged(void **state)
{
	(void)state;
	judged_too_late(true);
	judged_too_late(false);
}

/* Ours (5.11.2.x.4.4): the controller need not know which it was, only that it is over. */
static void altered(void)
{
	static const uint8_t record[37] = { 23, 3, 3, 0, 32 };

	gate.far[0].mute = true;
	host_say(gate.far[0].host, record, sizeof(record));
	gate.far[0].mute = false;
	gate_run();
	broken(TCP_END_TLS_MAC);
	assert_int_equal(gate.far[0].tls.alert, SSL_AD_BAD_RECORD_MAC);
	gone();
}

static void test_5_11_2_x_4_4_error_alert(void **state)
{
	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		gate.far[0].version_min = gate.far[0].version_max = v;
		each_partner(TERM_TLS, 0, altered);
	}
}

/*
 * The initial handshake: somebody else than was announced, while the partner is up already. It is
 * told, and waited is for the right one, who hears what its partner said meanwhile.
 */
static void test_5_11_2_x_4_3_authentication_failure(void **state)
{
	(void)state;
	for (size_t p = 0; p < RTE_DIM(partners); p++) {
		gate_want(0, TERM_TLS, 0);
		gate_want(1, partners[p].transport, partners[p].flags);
		gate_term(0)->n_fingerprint = 0;
		gate_fingerprint(0, FP_SHA256, false);
		gate_set();
		far_connect(1);
		gate_event(1, TERM_UP);
		far_say(1, "meanwhile!", 10);
		far_connect(0);
		gate_unfit(0, TCP_END_TLS_FINGERPRINT);
		assert_int_equal(gate.far[0].tls.alert, SSL_AD_BAD_CERTIFICATE);
		gate.far[0].host->fin = true;
		gate_term(0)->n_fingerprint = 0;
		gate_fingerprint(0, FP_SHA256, true);
		gate_set();
		far_again(0);
		gate_event(0, TERM_UP);
		far_heard(0, "meanwhile!", 10);
		gate_again();
	}
}

/* Nothing in common. */
static void test_5_11_2_x_4_3_handshake_failure(void **state)
{
	(void)state;
	gate_stop();
	gate_config();
	world.conf.domain[0].version_min = CONFIG_TLS_1_3;
	gate_start();
	gate.far[0].version_max = TLS1_2_VERSION;
	gate_want(0, TERM_TLS, 0);
	gate_want(1, TERM_TCP, 0);
	gate_set();
	far_connect(0);
	gate_pass_ms(200);
	gate_unfit(0, TCP_END_TLS_HANDSHAKE);
	assert_int_equal(gate.far[0].tls.alert, SSL_AD_PROTOCOL_VERSION);
	gate.far[0].host->fin = true;
	gate.far[0].version_max = 0;
	far_again(0);
	gate_event(0, TERM_UP);
	/* A client has no other. */
	gate_again();
	gate.far[0].version_max = TLS1_2_VERSION;
	gate_want(0, TERM_TLS, TERM_CONNECT);
	gate_want(1, TERM_TCP, 0);
	gate_set();
	gate_unfit(TERM_CONNECT, TCP_END_TLS_HANDSHAKE);
	host_connect(gate.far[1].host); /* which listened, and does so no more */
	assert_true(gate.far[1].host->rst);
}

/* What was sent is not acknowledged any more. */
static void silent(void)
{
	gate.far[0].host->silent = true;
	far_say(1, "anybody there?", 14);
	for (uint32_t s = 0; s < 70 && !gate.n_events; s++)
		gate_pass_ms(1000);
	gate_ended(0, TCP_END_TIMEOUT);
	gate_ended(1, TCP_END_PARTNER);
	far_reset(1);
}

static void test_5_11_2_x_5_2_timeout(void **state)
{
	(void)state;
	world.conf.tcp.stall_timeout = 5;
	each_partner(TERM_TCP, 0, silent);
}

static void test_5_11_2_x_4_3_timeout(void **state)
{
	(void)state;
	world.conf.tcp.stall_timeout = 5;
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	silent();
}

/* ---- on request ---- */

static void subtracts(void)
{
	far_say(0, "before", 6);
	gate_term(0)->transport = TERM_NONE;
	gate_set();
	gate_ended(1, TCP_END_RELEASED);
	far_closed(0);
	far_closed(1);
	far_heard(1, "before", 6);
	gone();
}

static void deletes(void)
{
	far_say(1, "before", 6);
	gate_del();
	far_closed(0);
	far_closed(1);
	far_heard(0, "before", 6);
	assert_int_equal(gate.stats.term[1].bytes, 6);
	gone();
}

static void test_5_11_2_x_4_3_request(void **state)
{
	(void)state;
	each_partner(TERM_TLS, 0, subtracts);
	each_partner(TERM_TLS, TERM_CONNECT, deletes);
}

/* A connection that nobody has any more ends with the remote's FIN, not when patience does. */
static void test_5_11_2_x_5_2_remote_closes_after_request(void **state)
{
	struct worker *w = world.w;

	(void)state;
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	gate_del();
	assert_true(gate.far[0].host->fin_rcvd && gate.far[1].host->fin_rcvd);
	far_say(0, "for nobody", 10);
	gate_pass_ms(100);
	assert_int_equal(w->counters->end[TCP_END_CLOSED], 0);
	gate.far[0].host->fin = gate.far[1].host->fin = true;
	gate_pass_ms(10);
	assert_int_equal(w->counters->end[TCP_END_CLOSED], 2);
	assert_false(gate.far[0].host->rst || gate.far[1].host->rst);
}

static void test_5_11_2_x_5_2_request(void **state)
{
	(void)state;
	each_partner(TERM_TCP, 0, subtracts);
	each_partner(TERM_TCP, TERM_CONNECT, deletes);
}

/* Somebody who reads slowly, and is still owed something, must not take what it got for all. */
static void owes(uint32_t i)
{
	struct host *h;

	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	h = gate.far[!i].host;
	h->stop = true;
	pours(i, 300000);
	assert_true(gate.far[i].host->sent < 300000);
}

static void owed(uint32_t i)
{
	host_go(gate.far[!i].host);
	gate_run();
	assert_true(gate.far[!i].n < gate.far[i].host->sent);
	far_reset(!i);
	gate.far[i].host->fin = true;
	gate_pass_ms(10000);
	hosts_reset();
}

static void test_5_11_2_x_5_2_request_with_bytes_that_wait(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SIDES; i++) {
		owes(i);
		gate_del();
		owed(i);
		gate.want.cid.gen++;
	}
	owes(0);
	gate_term(0)->transport = TERM_NONE;
	gate_set();
	gate_ended(1, TCP_END_PARTNER);
	owed(0);
}

/* A command that comes in the turn of the remote's last bytes does not take them. */
static void last_words(const enum ctl_transport t[SIDES], void *cmd, uint16_t type, uint16_t len)
{
	struct ctl_hdr h = { .type = type, .len = len };

	gate_up(t[0], 0, t[1], 0);
	memcpy(cmd, &h, sizeof(h));
	memcpy(ring_slot(&world.cmd[0], 0), cmd, len);
	ring_publish(&world.cmd[0], 1);
	says_at_once(0);
	far_heard(1, "just in time", 12);
	far_closed(0);
	far_closed(1);
	gone();
	hosts_reset();
}

static void test_5_11_2_x_5_2_request_with_last_words(void **state)
{
	static const enum ctl_transport both[][SIDES] = { { TERM_TCP, TERM_TLS },
							  { TERM_TLS, TERM_TCP },
							  { TERM_TLS, TERM_TLS } };
	struct cmd_context del = { .cid = gate.want.cid };
	struct cmd_context_set set;

	(void)state;
	for (size_t k = 0; k < RTE_DIM(both); k++) {
		last_words(both[k], &del, CMD_CONTEXT_DEL, sizeof(del));
		set =
		    (struct cmd_context_set){ .cid = gate.want.cid, .expiry = world.w->now + 600 };
		gate_want(1, both[k][1], 0); /* as last_words() will */
		set.term[1] = *gate_term(1);
		set.term[1].attempt++;
		set.term[1].remote[0].port = be16_make(gate.next_port + 1);
		last_words(both[k], &set, CMD_CONTEXT_SET, sizeof(set));
		gate_ended(1, TCP_END_RELEASED);
		gate_del();
	}
}

/* What the dataplane does by itself: nobody deletes it, and it ends. */
static void test_5_11_2_x_5_2_expiry(void **state)
{
	(void)state;
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	gate.want.expiry = world.w->now + 2;
	world_cmd(0, CMD_CONTEXT_SET, &gate.want, sizeof(gate.want));
	gate_pass_ms(2200);
	far_closed(0);
	far_closed(1);
	assert_int_equal(world.w->counters->cnt[CNT_GATE_CONTEXTS], 0);
	gone();
}

/* ---- 5.11.2.x.4.5: other TLS procedures ---- */

/* Told no (R57), at which OpenSSL gives up. Who does not goes on: tests/dp/tls/test_tls_update.c.
 */
static void test_5_11_2_x_4_5_renegotiation(void **state)
{
	(void)state;
	gate.far[0].version_min = gate.far[0].version_max = TLS1_2_VERSION;
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	assert_int_equal(SSL_renegotiate(gate.far[0].tls.ssl), 1);
	SSL_do_handshake(gate.far[0].tls.ssl);
	gate_run();
	assert_int_equal(gate.far[0].tls.alert, SSL_AD_NO_RENEGOTIATION);
	broken(TCP_END_TLS_ALERT);
}

/* No session goes on in another: each is bound to its own fingerprint (R46). */
static void resumed(int version)
{
	SSL_SESSION *kept;

	gate.far[0].version_min = gate.far[0].version_max = version;
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	far_say(1, "a ticket would be here", 22);
	far_heard(0, "a ticket would be here", 22);
	kept = SSL_get1_session(gate.far[0].tls.ssl);
	assert_false(SSL_SESSION_has_ticket(kept));
	SSL_SESSION_free(kept);
	assert_int_equal(world_count(0, CNT_TLS_RESUMED_12), 0);
	assert_int_equal(world_count(0, CNT_TLS_RESUMED_13), 0);
}

static void test_5_11_2_x_4_5_no_resumption(void **state)
{
	(void)state;
	resumed(TLS1_2_VERSION);
	gate_del();
	gone();
	hosts_reset();
	resumed(TLS1_3_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		gate_test(test_5_11_2_x_4_3_close_notify),
		gate_test(test_5_11_2_x_5_2_fin),
		gate_test(test_5_11_2_x_5_2_fin_after_what_waits),
		gate_test(test_5_11_2_x_5_2_fin_after_what_comes),
		gate_test(test_5_11_2_x_5_2_partner_after_what_waits),
		gate_test(test_5_11_2_x_5_2_partner_that_stays),
		gate_test(test_5_11_2_x_4_3_rst),
		gate_test(test_5_11_2_x_5_2_rst),
		gate_test(test_5_11_2_x_4_3_fin_without_close_notify),
		gate_test(test_5_11_2_x_4_3_fatal_alert),
		gate_test(test_5_11_2_x_4_3_fatal_alert_unjudged),
		gate_test(test_5_11_2_x_4_4_error_alert),
		gate_test(test_5_11_2_x_4_3_authentication_failure),
		gate_test(test_5_11_2_x_4_3_handshake_failure),
		gate_test(test_5_11_2_x_5_2_timeout),
		gate_test(test_5_11_2_x_4_3_timeout),
		gate_test(test_5_11_2_x_4_3_request),
		gate_test(test_5_11_2_x_5_2_request),
		gate_test(test_5_11_2_x_5_2_remote_closes_after_request),
		gate_test(test_5_11_2_x_5_2_request_with_bytes_that_wait),
		gate_test(test_5_11_2_x_5_2_request_with_last_words),
		gate_test(test_5_11_2_x_5_2_expiry),
		gate_test(test_5_11_2_x_4_5_renegotiation),
		gate_test(test_5_11_2_x_4_5_no_resumption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
