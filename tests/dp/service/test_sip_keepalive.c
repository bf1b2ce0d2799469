/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CRLF keep-alives answered here (dp/service/sip_keepalive.h; R3, RFC 5626 4.4.1): a ping between a
 * client's messages is answered and does not reach the back end, however it was cut; a lone CRLF
 * does; pongs never stand inside a message of the back end; a stream that is no SIP passes as it
 * is, pings too; `crlf: pass` touches nothing.
 */
#include "tests/world/unit.h"
#include "tests/world/gate_world.h"
#include "dp/service/backend.h"

#define REQUEST "OPTIONS sip:a@fairlead.test SIP/2.0\r\n"
#define BARE REQUEST "Content-Length: 0\r\n\r\n"
#define BODY REQUEST "l: 8\r\n\r\n\r\n\r\n\r\n\r\n"
#define ANSWER "SIP/2.0 200 OK\r\nl: 8\r\n\r\n\r\n\r\n\r\n\r\n"
#define PING "\r\n\r\n"
#define PONG "\r\n"

static void want_backend(struct worker *w, struct tcp_conn *c)
{
	backend_join(w, c, 0);
}

static const struct tcp_app want_app = {
	.name = "want",
	.established = want_backend,
};

static const struct tcp_app *accept_all(struct worker *w, struct tcp_request *r)
{
	(void)w;
	(void)r;
	return &want_app;
}

static int setup(void **state)
{
	(void)state;
	gate_config();
	world.conf.service[0].crlf = CRLF_ANSWER;
	gate_start(accept_all);
	gate_listen("10.2.0.2");
	gate_connect();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gate_close();
	assert_true(gate_client->fin_rcvd || gate_client->rst);
	assert_true(gate_backend->fin_rcvd || gate_backend->rst);
	gate_stop();
	return 0;
}

static uint64_t answered(void)
{
	return world_count(0, CNT_TLS_CRLF);
}

static void pings_are_answered(void **state)
{
	(void)state;
	gate_say(gate_client, PING);
	gate_heard(gate_client, PONG);
	gate_say(gate_client, BARE);
	gate_say(gate_client, PING);
	gate_say(gate_client, BODY PING);
	gate_say(gate_client, PING BODY);
	gate_say(gate_client, BARE PING BODY PING PING);
	gate_heard(gate_client, PONG PONG PONG PONG PONG PONG);
	gate_heard(gate_backend, BARE BODY BODY BARE BODY);
	assert_int_equal(answered(), 7);
	assert_int_equal(world_count(0, CNT_TLS_SIP_LOST), 0);
}

static void the_back_end_s_answers_pass(void **state)
{
	(void)state;
	gate_say(gate_client, BARE PING);
	gate_say(gate_backend, ANSWER PING PONG ANSWER);
	gate_heard(gate_client, PONG ANSWER PING PONG ANSWER);
	gate_heard(gate_backend, BARE);
}

/* As a client's pong. It waits a little for what would make it a ping. */
static void a_lone_crlf_passes(void **state)
{
	(void)state;
	gate_say(gate_client, PONG);
	gate_heard(gate_backend, "");
	hosts_pass_ms(1100);
	gate_heard(gate_backend, PONG);
	gate_say(gate_client, PONG BARE);
	gate_heard(gate_backend, PONG BARE);
	gate_say(gate_client, PING PONG BARE);
	gate_heard(gate_backend, PONG BARE);
	gate_heard(gate_client, PONG);
	gate_say(gate_client, "\r");
	hosts_pass_ms(1100);
	gate_say(gate_client, "\n" BARE PING);
	gate_heard(gate_backend, "\r\n" BARE);
	gate_heard(gate_client, PONG);
}

/* The end of the stream is behind it. */
static void a_lone_crlf_at_the_end(void **state)
{
	(void)state;
	gate_say(gate_client, PONG "\r");
	gate_client->fin = true;
	hosts_pass_ms(1100);
	gate_heard(gate_backend, PONG "\r");
	assert_true(gate_backend->fin_rcvd);
}

/* A pong is due while a message of the back end's is under way. */
static void pongs_stand_between_messages(void **state)
{
	static const char answer[] = ANSWER, two[] = ANSWER ANSWER;
	uint32_t cut, n = sizeof(answer) - 1;
	uint16_t len;

	(void)state;
	for (cut = 1; cut < n; cut++) {
		len = (uint16_t)cut;
		host_say(gate_backend, answer, len);
		gate_say(gate_client, PING);
		gate_say(gate_backend, answer + cut);
		gate_heard(gate_client, ANSWER PONG);
		/* And when the next one begins in the segment that ends this one. */
		host_say(gate_backend, answer, len);
		gate_say(gate_client, PING);
		host_say(gate_backend, answer + cut, (uint16_t)(n - cut));
		gate_heard(gate_client, ANSWER PONG);
	}
	host_say(gate_backend, ANSWER ANSWER, (uint16_t)(n + 5));
	gate_say(gate_client, PING PING);
	gate_say(gate_backend, two + n + 5);
	gate_heard(gate_client, ANSWER ANSWER PONG PONG);
	host_say(gate_backend, ANSWER, 5);
	gate_say(gate_client, PING);
	gate_say(gate_backend, two + 5);
	gate_heard(gate_client, ANSWER PONG ANSWER);
}

/* One stream in segments of every size, and in random ones. */
static void cuts_do_not_matter(void **state)
{
	static const char *const part[] = { BARE, PING, BODY, PONG BARE, PING, PING };
	static char in[GATE_ALL / 2], want[GATE_ALL / 2];
	uint32_t n = 0, m = 0, pings = 0, seed = 7, size, i, at;

	(void)state;
	for (i = 0; i < 60; i++) {
		const char *p = part[(seed = seed * 1103515245 + 12345) >> 16 & 3];

		n += (uint32_t)sprintf(in + n, "%s", p);
		if (strcmp(p, PING) == 0)
			pings++;
		else
			m += (uint32_t)sprintf(want + m, "%s", p);
	}
	/* A lone CRLF behind a ping, or in front of one, is told by what follows. */
	for (size = 1; size < 90; size++) {
		for (at = 0; at < n;) {
			uint32_t len = size;

			if (size > 60)
				len = 1 + ((seed = seed * 1103515245 + 12345) >> 16) % 90;
			len = RTE_MIN(len, n - at);
			host_say(gate_client, in + at, (uint16_t)len);
			at += len;
		}
		want[m] = 0;
		gate_heard(gate_backend, want);
		assert_int_equal(answered(), (uint64_t)pings * size);
		assert_int_equal(gate_client->received, (uint64_t)pings * size * 2);
	}
}

static void what_is_no_sip_passes(void **state)
{
	(void)state;
	gate_say(gate_client, BARE PING);
	gate_say(gate_client, REQUEST "no length\r\n\r\n" PING);
	gate_say(gate_client, PING);
	gate_say(gate_client, BARE PING);
	gate_heard(gate_client, PONG);
	gate_heard(gate_backend, BARE REQUEST "no length\r\n\r\n" PING PING BARE PING);
	assert_int_equal(world_count(0, CNT_TLS_SIP_LOST), 1);
	gate_say(gate_backend, "\xff" ANSWER PING);
	gate_heard(gate_client, "\xff" ANSWER PING);
	assert_int_equal(world_count(0, CNT_TLS_SIP_LOST), 1);
}

/* Where its messages end cannot be told, so no pong can be put between them. */
static void a_back_end_that_speaks_no_sip(void **state)
{
	(void)state;
	gate_say(gate_backend, "220 mail.fairlead.test\r\n");
	gate_say(gate_client, BARE PING);
	gate_heard(gate_client, "220 mail.fairlead.test\r\n");
	gate_heard(gate_backend, BARE PING);
	assert_int_equal(world_count(0, CNT_TLS_SIP_LOST), 1);
	assert_int_equal(answered(), 0);
}

/* Pongs for a client that takes none are few. */
static void a_flood_of_pings(void **state)
{
	static const char answer[] = ANSWER;
	static char pings[HOST_MSS + 1];
	uint32_t i;

	(void)state;
	for (i = 0; i < HOST_MSS; i += 4)
		memcpy(pings + i, PING, 4);
	for (i = 0; i < 40; i++)
		gate_say(gate_client, pings);
	assert_int_equal(gate_client->received, 40 * HOST_MSS / 2);
	assert_int_equal(answered(), 40 * HOST_MSS / 4);
	host_say(gate_backend, ANSWER, 5);
	for (i = 0; i < 40; i++)
		gate_say(gate_client, pings);
	assert_int_equal(gate_client->received, 40 * HOST_MSS / 2 + 5);
	gate_say(gate_backend, &answer[5]);
	assert_in_range(gate_client->received, 40 * HOST_MSS / 2 + sizeof(ANSWER),
			40 * HOST_MSS / 2 + sizeof(ANSWER) + 64);
	gate_heard(gate_backend, "");
}

/* Messages and back-pressure: all that was sent comes, whole, and pings between are gone. */
static void slow_sides(void **state)
{
	uint32_t i, messages = 0, pings = 0, seed = 99;

	(void)state;
	for (i = 0; i < 2000; i++) {
		seed = seed * 1103515245 + 12345;
		if ((seed >> 16) % 16 == 0)
			gate_backend->stop = true;
		else if ((seed >> 16) % 16 == 1)
			host_go(gate_backend);
		if (gate_client->wnd - gate_client->sent < 2 * sizeof(BODY PING BODY))
			continue;
		gate_say(gate_client, BODY PING BODY);
		messages += 2;
		pings++;
	}
	host_go(gate_backend);
	hosts_pass_ms(100);
	assert_in_range(messages, 1000, 4000);
	assert_int_equal(gate_backend->received, messages * (sizeof(BODY) - 1));
	assert_int_equal(answered(), pings);
	assert_int_equal(gate_client->received, 2 * pings);
}

/*
 * What the client does not take yet is in front of the pongs, whatever has room: with the first
 * third of a message, the second or the last being what waits.
 */
static void a_slow_client(void **state)
{
	static const char head[] = "SIP/2.0 200 OK\r\nl: 2001\r\n\r\n";
	static char message[sizeof(head) + 2001];
	uint32_t i, round, len = sizeof(message) - 1, third = len / 3, at = 0, pongs = 0;

	(void)state;
	assert_int_equal(len % 3, 0);
	memset(message, '.', len);
	memcpy(message, head, sizeof(head) - 1);
	for (round = 0; round < 3; round++) {
		gate_client->stop = true;
		for (i = 0; gate_backend->wnd - gate_backend->sent > third; i++) {
			host_say(gate_backend, message + i % 3 * third, (uint16_t)third);
			gate_say(gate_client, PING);
		}
		assert_in_range(i * third, HOST_WND, GATE_ALL);
		for (; i % 3; i++) {
			host_go(gate_client);
			host_say(gate_backend, message + i % 3 * third, (uint16_t)third);
		}
		host_go(gate_client);
		hosts_pass_ms(100);
		world.conf.tcp.send_buffer += third;
	}
	while (gate_client->received - at >= len) {
		if (memcmp(gate_all[ACCESS] + at, PONG, 2) == 0) {
			at += 2;
			pongs++;
		} else {
			assert_memory_equal(gate_all[ACCESS] + at, message, len);
			at += len;
		}
	}
	assert_in_range(pongs, 3, answered());
}

static void passed_where_so_configured(void **state)
{
	(void)state;
	gate_close();
	gate_stop();
	world.conf.service[0].crlf = CRLF_PASS;
	gate_start(accept_all);
	gate_listen("10.2.0.2");
	gate_connect();
	gate_say(gate_client, PING BARE PING PONG);
	gate_heard(gate_backend, PING BARE PING PONG);
	gate_say(gate_backend, PONG);
	gate_heard(gate_client, PONG);
	assert_int_equal(answered(), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(pings_are_answered),
		T(the_back_end_s_answers_pass),
		T(a_lone_crlf_passes),
		T(a_lone_crlf_at_the_end),
		T(pongs_stand_between_messages),
		T(cuts_do_not_matter),
		T(what_is_no_sip_passes),
		T(a_back_end_that_speaks_no_sip),
		T(a_flood_of_pings),
		T(slow_sides),
		T(a_slow_client),
		T(passed_where_so_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
