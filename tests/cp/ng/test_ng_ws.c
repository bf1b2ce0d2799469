/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ng over WebSocket: the opening handshake (RFC 6455 4.2, with its example), commands in frames
 * (5), pings, closing; who is not let in; what no client may do.
 */
#include "cp/ng/ng_ws_handshake.h"
#include "tests/world/ng_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST                                                          \
	"GET /ng HTTP/1.1\r\nHost: gw.example\r\nUpgrade: WebSocket\r\n" \
	"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: echo.rtpengine.com, ng.rtpengine.com\r\n"

#define HANDSHAKES(more, self)                            \
	ng_ws_handshake(REQUEST KEY PROTOCOL more "\r\n", \
			strlen(REQUEST KEY PROTOCOL more "\r\n"), self, answer, sizeof(answer))

enum { TURNS = 20, FIN = 0x80, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* From 127.0.0.host; 0: any. */
static int client_of(struct ng_world *w, uint8_t host)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (host) {
		sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
		assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	}
	sa.sin_port = htons(w->e.conf.gateway.ng_websocket_port);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static int client(struct ng_world *w)
{
	return client_of(w, 0);
}

/*
 * Bytes to it, and what comes back. How many bytes; 0: the connection is over, if it is, and *over
 * says so.
 */
static size_t exchange(struct ng_world *w, int fd, const void *p, size_t len, void *in, size_t size,
		       bool *over)
{
	size_t got = 0;

	*over = false;
	/* It may have closed already. */
	send(fd, p, len, MSG_NOSIGNAL);
	for (int i = 0; i < TURNS && !*over; i++) {
		ssize_t n;

		ng_turn(w);
		n = recv(fd, (uint8_t *)in + got, size - got, MSG_DONTWAIT);
		*over = n == 0 || (n < 0 && errno != EAGAIN);
		got += n > 0 ? (size_t)n : 0;
	}
	return got;
}

static int opened_of(struct ng_world *w, uint8_t host)
{
	static const char want[] = "HTTP/1.1 101 Switching Protocols\r\n"
				   "Upgrade: websocket\r\n"
				   "Connection: Upgrade\r\n"
				   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
				   "Sec-WebSocket-Protocol: ng.rtpengine.com\r\n\r\n";
	static const char request[] = REQUEST KEY PROTOCOL "\r\n";
	int fd = client_of(w, host);
	char in[512];
	bool over;
	size_t n = exchange(w, fd, request, sizeof(request) - 1, in, sizeof(in), &over);

	assert_false(over);
	assert_int_equal(n, sizeof(want) - 1);
	assert_memory_equal(in, want, n);
	return fd;
}

static int opened(struct ng_world *w)
{
	return opened_of(w, 0);
}

/* A masked frame of up to 125 bytes; returns its length. */
static size_t frame(uint8_t *out, uint8_t first, const void *p, size_t len)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

	assert_true(len < 126);
	out[0] = first;
	out[1] = (uint8_t)(0x80 | len);
	memcpy(out + 2, mask, sizeof(mask));
	for (size_t i = 0; i < len; i++)
		out[6 + i] = ((const uint8_t *)p)[i] ^ mask[i % 4];
	return 6 + len;
}

static void a_message_is_a_command(void **state)
{
	struct ng_world *w = *state;
	static const char ping[] = "1 {\"command\":\"ping\"}", pong[] = "1 {\"result\":\"pong\"}";
	static const char ben[] = "2 d7:command4:pinge", ben_pong[] = "2 d6:result4:ponge";
	uint8_t out[256], in[512];
	int fd = opened(w);
	bool over;
	size_t n, len = frame(out, FIN | TEXT, ping, sizeof(ping) - 1);

	assert_int_equal(ng_stats(w->ng)->websockets, 1);
	n = exchange(w, fd, out, len, in, sizeof(in), &over);
	assert_int_equal(n, sizeof(pong) - 1 + 2);
	assert_int_equal(in[0], FIN | TEXT);
	assert_int_equal(in[1], sizeof(pong) - 1);
	assert_memory_equal(in + 2, pong, sizeof(pong) - 1);
	len = frame(out, FIN | BINARY, ben, sizeof(ben) - 1);
	n = exchange(w, fd, out, len, in, sizeof(in), &over);
	assert_int_equal(n, sizeof(ben_pong) - 1 + 2);
	assert_int_equal(in[0], FIN | BINARY);
	assert_memory_equal(in + 2, ben_pong, sizeof(ben_pong) - 1);
	/* In pieces, with a ping between them (RFC 6455 5.4). */
	len = frame(out, TEXT, "3 {\"comm", 8);
	len += frame(out + len, FIN | PING, "x", 1);
	len += frame(out + len, FIN, "and\":\"ping\"}", 12);
	n = exchange(w, fd, out, len, in, sizeof(in), &over);
	assert_int_equal(in[0], FIN | PONG);
	assert_int_equal(in[2], 'x');
	assert_int_equal(in[3], FIN | TEXT);
	assert_memory_equal(in + 5, "3 {\"result\":\"pong\"}", 19);
	assert_int_equal(n, 3 + 2 + 19);
	close(fd);
	ng_turn(w);
	ng_turn(w);
	assert_int_equal(ng_stats(w->ng)->websockets, 0);
}

static void closing_is_answered(void **state)
{
	struct ng_world *w = *state;
	uint8_t out[64], in[64];
	int fd = opened(w);
	bool over;
	size_t n =
	    exchange(w, fd, out, frame(out, FIN | CLOSE, "\x03\xe8", 2), in, sizeof(in), &over);

	assert_true(n >= 4);
	assert_int_equal(in[0], FIN | CLOSE);
	assert_true(over);
	close(fd);
	assert_int_equal(ng_stats(w->ng)->websockets, 0);
}

static void frames_that_no_client_may_send_end_it(void **state)
{
	struct ng_world *w = *state;
	static const uint8_t unmasked[] = { FIN | TEXT, 1, 'x' },
			     reserved[] = { 0xf1, 0x80, 0, 0, 0, 0 },
			     /* 1 MB is announced */
	    large[] = { FIN | BINARY, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 'x' };
	const struct {
		const void *p;
		size_t len;
	} bad[] = { { unmasked, sizeof(unmasked) },
		    { reserved, sizeof(reserved) },
		    { large, sizeof(large) } };
	uint8_t in[64];
	bool over;

	for (size_t i = 0; i < 3; i++) {
		int fd = opened(w);

		exchange(w, fd, bad[i].p, bad[i].len, in, sizeof(in), &over);
		assert_true(over);
		close(fd);
	}
	assert_int_equal(ng_stats(w->ng)->websockets, 0);
}

static void an_answer_that_comes_late_finds_its_connection(void **state)
{
	struct ng_world *w = *state;
	static const char query[] = "1 {\"command\":\"query\",\"call-id\":\"c\"}";
	uint8_t out[128], in[2048];
	int fd = opened(w), gone = opened(w);
	bool over;
	size_t len = frame(out, FIN | TEXT, query, sizeof(query) - 1);

	json_decref(ng_ask_json(
	    w, "{\"command\":\"offer\",\"call-id\":\"c\",\"from-tag\":\"a\",\"sdp\":\"v=0\\n"
	       "o=a 1 1 IN IP4 203.0.113.7\\ns=-\\nc=IN IP4 203.0.113.7\\nt=0 0\\n"
	       "m=audio 4000 RTP/AVP 0\\n\"}"));
	w->mute = true;
	assert_int_equal(exchange(w, fd, out, len, in, sizeof(in), &over), 0);
	out[6] ^= 3; /* another cookie */
	assert_int_equal(exchange(w, gone, out, len, in, sizeof(in), &over), 0);
	close(gone);
	ng_turn(w);
	ng_turn(w);
	assert_int_equal(ng_stats(w->ng)->websockets, 1);
	env_advance(&w->e, 6000);
	len = exchange(w, fd, out, 0, in, sizeof(in), &over);
	assert_true(len > 4);
	assert_memory_equal(in + 4, "1 {", 3);
	close(fd);
}

/* R73: a few bytes each have a large answer once more; what is not read is bounded all the same. */
static void who_asks_for_more_than_it_reads_is_let_go(void **state)
{
	enum { AGAIN = 2000, LARGE = 60000 };
	static const char head[] = "big d7:command5:offer7:call-id1:c8:from-tag1:a3:sdp60000:v=0\n"
				   "o=a 1 1 IN IP4 203.0.113.7\ns=-\n"
				   "c=IN IP4 203.0.113.7\nt=0 0\na=";
	static const char tail[] = "\nm=audio 4000 RTP/AVP 0\ne";
	static char big[LARGE + 128];
	static uint8_t out[AGAIN * 16], in[1 << 16];
	struct ng_world *w = *state;
	size_t len = 0;
	bool over;
	int fd;

	memset(big, 'x', sizeof(big));
	memcpy(big, head, sizeof(head) - 1);
	len = (size_t)(strstr(head, "v=0") - head) + LARGE;
	memcpy(big + len + 1 - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
	assert_true(ng_say(w, big, len + 1));
	assert_true(w->in_len > LARGE);
	w->e.conf.gateway.ng_rate = 0;
	fd = opened(w);
	len = 0;
	for (int i = 0; i < AGAIN; i++)
		len += frame(out + len, FIN | BINARY, "big ", 4);
	exchange(w, fd, out, len, in, 1, &over);
	assert_in_range(ng_stats(w->ng)->again, 1, 100);
	close(fd);
	ng_turn(w);
	ng_turn(w);
	assert_int_equal(ng_stats(w->ng)->websockets, 0);
}

/* Whether a ping is answered. */
static bool pongs(struct ng_world *w, int fd)
{
	static const char ping[] = "1 {\"command\":\"ping\"}";
	uint8_t out[64], in[128];
	bool over;

	return exchange(w, fd, out, frame(out, FIN | TEXT, ping, sizeof(ping) - 1), in, sizeof(in),
			&over) > 0;
}

/* R27: what one controller holds open keeps no other out; it parts with what it does not use. */
static void who_has_most_connections_makes_room(void **state)
{
	enum { ALL = 64, OTHERS = 40 };
	struct ng_world *w = *state;
	int fd[ALL], other[OTHERS];

	for (int i = 0; i < ALL; i++) {
		fd[i] = opened_of(w, 2);
		env_advance(&w->e, 10);
	}
	assert_int_equal(ng_stats(w->ng)->websockets, ALL);
	assert_true(pongs(w, fd[0]));
	other[0] = opened_of(w, 3);
	assert_true(pongs(w, other[0]));
	assert_int_equal(ng_stats(w->ng)->websockets, ALL);
	env_advance(&w->e, 10);
	assert_true(pongs(w, fd[0]));
	assert_false(pongs(w, fd[1]));
	assert_true(pongs(w, fd[2]));
	/* Until both have as many: then who comes takes the place of one of his own. */
	for (int i = 1; i < OTHERS; i++)
		other[i] = opened_of(w, 3);
	for (int i = 0; i < OTHERS; i++)
		assert_int_equal(pongs(w, other[i]), i >= OTHERS - ALL / 2);
	for (int i = 0; i < ALL; i++) /* of the first, those two have asked since */
		assert_int_equal(pongs(w, fd[i]), i == 0 || i == 2 || i > ALL / 2 + 1);
	assert_int_equal(ng_stats(w->ng)->websockets, ALL);
	for (int i = 0; i < ALL; i++)
		close(fd[i]);
	for (int i = 0; i < OTHERS; i++)
		close(other[i]);
}

static void who_is_not_let_in(void **state)
{
	struct ng_world *w = *state;
	char in[512];
	bool over;
	int fd;

	w->e.conf.gateway.n_ng_allow = 0;
	fd = client(w);
	assert_int_equal(exchange(w, fd, "", 0, in, sizeof(in), &over), 0);
	assert_true(over);
	close(fd);
	assert_int_equal(ng_stats(w->ng)->not_allowed, 1);
	w->e.conf.gateway.n_ng_allow = 1;
	fd = client(w);
	exchange(w, fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, in, sizeof(in), &over);
	assert_true(over);
	assert_memory_equal(in, "HTTP/1.1 400", 12);
	close(fd);
}

static void the_handshake_is_whole_or_refused(void **state)
{
	static const char *const bad[] = {
		REQUEST KEY "\r\n",	 /* no subprotocol */
		REQUEST PROTOCOL "\r\n", /* no key */
		REQUEST KEY KEY PROTOCOL "\r\n",
		REQUEST "Sec-WebSocket-Key: c2hvcnQ=\r\n" PROTOCOL "\r\n",
		REQUEST "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==\r\n" PROTOCOL "\r\n",
		REQUEST KEY PROTOCOL "Sec-WebSocket-Version: 13\r\n\r\n",
		REQUEST KEY PROTOCOL " folded\r\n\r\n",
		REQUEST KEY PROTOCOL "Name : x\r\n\r\n",
		REQUEST KEY PROTOCOL "no colon\r\n\r\n",
		REQUEST KEY PROTOCOL "\r\nmore",
		REQUEST KEY PROTOCOL,
		"POST /ng" REQUEST KEY PROTOCOL "\r\n",
		"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
		"\r\n",
	};
	const struct ip_addr v4 = addr("127.0.0.1", 0).ip, v6 = addr("2001:db8::1", 0).ip;
	char answer[NG_WS_ANSWER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ng_ws_handshake(bad[i], strlen(bad[i]), &v4, answer, sizeof(answer)))
			fail_msg("taken: %s", bad[i]);
	}
	assert_true(HANDSHAKES("", &v4));
	/* RFC 6455 10.2: no page of somebody else's, whatever name it was reached by. */
	assert_true(HANDSHAKES("Origin: http://127.0.0.1\r\n", &v4));
	assert_true(HANDSHAKES("Origin: http://127.0.0.1:2224\r\n", &v4));
	assert_true(HANDSHAKES("Origin: http://[2001:db8::1]:80\r\n", &v6));
	assert_false(HANDSHAKES("Origin: http://127.0.0.2\r\n", &v4));
	assert_false(HANDSHAKES("Origin: http://127.0.0.1.example.com\r\n", &v4));
	assert_false(HANDSHAKES("Origin: http://gw.example\r\n", &v4));
	assert_false(HANDSHAKES("Origin: http://[2001:db8::1\r\n", &v6));
	assert_false(HANDSHAKES("Origin: null\r\n", &v4));
	assert_false(HANDSHAKES("Origin:\r\n", &v4));
}

/* ---- a reload ---- */

static struct config *moved(struct ng_world *w)
{
	struct config *c = malloc(sizeof(*c));

	assert_non_null(c);
	memcpy(c, &w->e.conf, sizeof(*c));
	return c;
}

/* As a reload has it: what is ready is in force before it is finished. */
static void reload(struct ng_world *w, struct config *c)
{
	char err[256];

	if (!ng_prepare(w->ng, c, err, sizeof(err)))
		fail_msg("%s", err);
	memcpy(&w->e.conf, c, sizeof(*c));
	ng_finish(w->ng, true);
}

static bool udp_answers(struct ng_world *w, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	static const char ping[] = "c {\"command\":\"ping\"}";
	bool answered = false;
	char in[128];

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	send(fd, ping, sizeof(ping) - 1, 0);
	for (int i = 0; i < TURNS && !answered; i++) {
		ng_turn(w);
		answered = recv(fd, in, sizeof(in), 0) > 0;
	}
	close(fd);
	return answered;
}

/* What stays is not touched: a port that did not move keeps its connections. */
static void ports_move(void **state)
{
	struct ng_world *w = *state;
	const uint16_t udp = w->e.conf.gateway.ng_port, ws = w->e.conf.gateway.ng_websocket_port;
	struct config *c = moved(w);
	int fd = opened(w);
	char in[128];
	bool over;

	c->gateway.ng_port = ng_free_port(SOCK_DGRAM);
	reload(w, c);
	assert_true(udp_answers(w, c->gateway.ng_port));
	assert_false(udp_answers(w, udp));
	exchange(w, fd, "", 0, in, sizeof(in), &over);
	assert_false(over);
	c->gateway.ng_websocket_port = ng_free_port(SOCK_STREAM);
	reload(w, c);
	exchange(w, fd, "", 0, in, sizeof(in), &over);
	assert_true(over);
	close(fd);
	close(opened(w));
	c->gateway.ng_port = 0;
	c->gateway.ng_websocket_port = 0;
	reload(w, c);
	assert_false(ng_served(w->ng));
	c->gateway.ng_port = udp;
	c->gateway.ng_websocket_port = ws;
	reload(w, c);
	assert_true(udp_answers(w, udp));
	close(opened(w));
	free(c);
}

/* Of two ports one is taken: neither moves. Nor does anything of a reload that others refuse. */
static void a_port_that_is_taken(void **state)
{
	struct ng_world *w = *state;
	struct config *c = moved(w);
	int fd = socket(AF_INET, SOCK_STREAM, 0), other = opened(w);
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	char err[256], in[16];
	bool over;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	c->gateway.ng_port = ng_free_port(SOCK_DGRAM);
	c->gateway.ng_websocket_port = ntohs(sa.sin_port);
	assert_false(ng_prepare(w->ng, c, err, sizeof(err)));
	assert_non_null(strstr(err, "(gateway.ng-websocket-port): Address already in use"));
	close(fd);
	assert_true(ng_prepare(w->ng, c, err, sizeof(err)));
	assert_false(udp_answers(w, c->gateway.ng_port));
	ng_finish(w->ng, false);
	assert_false(udp_answers(w, c->gateway.ng_port));
	assert_true(udp_answers(w, w->e.conf.gateway.ng_port));
	exchange(w, other, "", 0, in, sizeof(in), &over);
	assert_false(over);
	close(other);
	free(c);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_message_is_a_command),
		T(closing_is_answered),
		T(frames_that_no_client_may_send_end_it),
		T(an_answer_that_comes_late_finds_its_connection),
		T(who_asks_for_more_than_it_reads_is_let_go),
		T(who_has_most_connections_makes_room),
		T(who_is_not_let_in),
		T(ports_move),
		T(a_port_that_is_taken),
		cmocka_unit_test(the_handshake_is_whole_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
