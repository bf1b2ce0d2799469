/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accounting by RADIUS: what a server hears of the start, life and end of an allocation, a context
 * and a service's connection (RFC 2866 5, RFC
 * 2869 5.1 for what is more than 4 GB), signed with the secret (RFC 2866 3); the next server is
 * asked where one is silent or does not know the secret; who puts records in never waits, and what
 * finds no room is counted.
 */
#include "tests/world/unit.h"

#include "cp/record/radius.h"
#include "cp/record/radius_packet.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAD = 20, AUTHENTICATOR = 4, PATIENCE_MS = 20000 };

static char dir[64], secret[CONFIG_STR_MAX];
static struct config_radius conf;
static int server[2];
static uint8_t packet[4096];
static size_t len;
static struct sockaddr_in from;

static void secret_write(const char *text, mode_t mode)
{
	FILE *f = fopen(secret, "w");

	fputs(text, f);
	fchmod(fileno(f), mode);
	fclose(f);
}

static int bound(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/fl-radius.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	secret_write("testing123\n", 0600);
	conf = (struct config_radius){
		.nas_identifier = "relay1", .timeout = 1, .tries = 1, .queue = 64
	};
	for (int i = 0; i < 2; i++) {
		server[i] = bound(&conf.server[i].port);
		assert_true(ip_parse("127.0.0.1", &conf.server[i].addr));
		strcpy(conf.server[i].secret, secret);
	}
	conf.n_server = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(server[0]);
	close(server[1]);
	unlink(secret);
	return rmdir(dir);
}

static struct radius *opened(void)
{
	char err[512];
	struct radius *r = radius_open(&conf, err, sizeof(err));

	if (!r)
		fail_msg("%s", err);
	return r;
}

/* ---- a server ---- */

/* MD5 over a packet whose authenticator is another one, and the secret. */
static void sign(uint8_t *p, size_t n, const uint8_t authenticator[16], const char *with,
		 uint8_t out[16])
{
	uint8_t text[4096];

	memcpy(text, p, n);
	memcpy(text + AUTHENTICATOR, authenticator, 16);
	memcpy(text + n, with, strlen(with));
	assert_int_equal(EVP_Digest(text, n + strlen(with), out, NULL, EVP_md5(), NULL), 1);
}

/* The next request, whose signature is right. */
static void hear(int fd)
{
	static const uint8_t none[16];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	socklen_t n = sizeof(from);
	uint8_t is[16];

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	len = (size_t)recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &n);
	assert_true(len >= HEAD);
	assert_int_equal(packet[0], 4); /* Accounting-Request */
	assert_int_equal(packet[2] << 8 | packet[3], len);
	sign(packet, len, none, "testing123", is);
	assert_memory_equal(is, packet + AUTHENTICATOR, 16);
}

static void answer(int fd, const char *with)
{
	uint8_t reply[HEAD] = { 5, packet[1], 0, HEAD };

	sign(reply, HEAD, packet + AUTHENTICATOR, with, reply + AUTHENTICATOR);
	assert_int_equal(sendto(fd, reply, HEAD, 0, (struct sockaddr *)&from, sizeof(from)), HEAD);
}

/* An attribute of what was heard, there once; NULL: it is not there. */
static const uint8_t *attr(uint8_t type, size_t *n)
{
	const uint8_t *found = NULL;

	for (size_t at = HEAD; at + 2 <= len; at += packet[at + 1]) {
		assert_true(packet[at + 1] >= 2 && at + packet[at + 1] <= len);
		if (packet[at] != type)
			continue;
		assert_null(found);
		found = packet + at + 2;
		*n = packet[at + 1] - 2u;
	}
	return found;
}

static void expect_text(uint8_t type, const char *text)
{
	size_t n = 0;
	const uint8_t *p = attr(type, &n);

	if (!text) {
		assert_null(p);
		return;
	}
	if (!p || n != strlen(text) || memcmp(p, text, n) != 0)
		fail_msg("attribute %u is %.*s, not %s", type, (int)n, p ? (const char *)p : "",
			 text);
}

static void expect_number(uint8_t type, uint32_t number)
{
	size_t n = 0;
	const uint8_t *p = attr(type, &n);
	uint32_t is;

	if (!p || n != 4)
		fail_msg("attribute %u is not there, or no number", type);
	memcpy(&is, p, sizeof(is));
	if (ntohl(is) != number)
		fail_msg("attribute %u is %u, not %u", type, ntohl(is), number);
}

/* ---- records ---- */

static struct sock_addr addr(const char *ip, uint16_t port)
{
	struct sock_addr a = { .port = be16_make(port) };

	assert_true(ip_parse(ip, &a.ip));
	return a;
}

static struct record record_of(enum record_event event)
{
	struct record r = { .seq = 1,
			    .wall_ms = UINT64_C(1800000000000),
			    .duration_s = 75,
			    .id = 0x1234,
			    .type = RECORD_ALLOCATION,
			    .event = event };

	strcpy(r.alloc.user, "alice");
	r.alloc.client = addr("192.0.2.7", 40000);
	r.alloc.listener = addr("192.0.2.1", 5349);
	r.alloc.relayed[0] = addr("198.51.100.7", 53211);
	r.alloc.relayed[1] = addr("2001:db8::7", 53212);
	r.alloc.transport = "tls";
	r.alloc.relay_transport = "udp";
	return r;
}

static void a_life(void **state)
{
	struct radius *r = opened();
	struct record rec = record_of(RECORD_START);
	size_t n;

	(void)state;
	radius_take(r, &rec);
	hear(server[0]);
	expect_number(RADIUS_ACCT_STATUS_TYPE, 1);
	expect_text(RADIUS_ACCT_SESSION_ID, "0000000000001234");
	expect_text(RADIUS_USER_NAME, "alice");
	expect_text(RADIUS_NAS_IDENTIFIER, "relay1");
	expect_number(RADIUS_NAS_PORT, 53211);
	expect_number(RADIUS_NAS_PORT_TYPE, 5);
	expect_text(RADIUS_NAS_PORT_ID, "tls");
	expect_text(RADIUS_CALLING_STATION_ID, "192.0.2.7:40000");
	expect_text(RADIUS_CALLED_STATION_ID, "192.0.2.1:5349");
	expect_number(RADIUS_FRAMED_IP_ADDRESS, 0xc6336407);
	assert_memory_equal(attr(RADIUS_FRAMED_IPV6_ADDRESS, &n), rec.alloc.relayed[1].ip.b, 16);
	expect_text(RADIUS_CONNECT_INFO, "udp 198.51.100.7:53211 [2001:db8::7]:53212");
	expect_number(RADIUS_EVENT_TIMESTAMP, 1800000000);
	assert_null(attr(RADIUS_ACCT_SESSION_TIME, &n));
	assert_null(attr(RADIUS_ACCT_INPUT_OCTETS, &n));
	answer(server[0], "testing123");

	rec = record_of(RECORD_UPDATE);
	rec.alloc.user[0] = '\0'; /* nobody knows */
	radius_take(r, &rec);
	hear(server[0]);
	expect_number(RADIUS_ACCT_STATUS_TYPE, 3);
	expect_number(RADIUS_ACCT_SESSION_TIME, 75);
	expect_text(RADIUS_USER_NAME, NULL);
	assert_null(attr(RADIUS_ACCT_INPUT_OCTETS, &n)); /* it was not counted */
	answer(server[0], "testing123");

	rec = record_of(RECORD_END);
	rec.reason = "killed";
	rec.alloc.counted = true;
	rec.alloc.to_peer = (struct record_use){ 7, UINT64_C(5) << 32 | 9 };
	rec.alloc.to_client = (struct record_use){ 8, 11 };
	radius_take(r, &rec);
	hear(server[0]);
	expect_number(RADIUS_ACCT_STATUS_TYPE, 2);
	expect_number(RADIUS_ACCT_TERMINATE_CAUSE, RADIUS_ADMIN_RESET);
	expect_number(RADIUS_ACCT_INPUT_OCTETS, 9);
	expect_number(RADIUS_ACCT_INPUT_GIGAWORDS, 5);
	expect_number(RADIUS_ACCT_INPUT_PACKETS, 7);
	expect_number(RADIUS_ACCT_OUTPUT_OCTETS, 11);
	expect_number(RADIUS_ACCT_OUTPUT_GIGAWORDS, 0);
	expect_number(RADIUS_ACCT_OUTPUT_PACKETS, 8);
	answer(server[0], "testing123");
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	assert_int_equal(radius_counts(r)->answered, 3);
	radius_close(r);
}

static struct record context_of(enum record_event event)
{
	struct record r = { .seq = 1,
			    .wall_ms = UINT64_C(1800000000000),
			    .duration_s = 75,
			    .id = 0x77,
			    .type = RECORD_CONTEXT,
			    .event = event };

	strcpy(r.context.call, "anne@home");
	r.context.term[0] = (struct record_term){ .transport = "tls",
						  .local = addr("198.51.100.7", 53211),
						  .rtcp = addr("198.51.100.7", 53212),
						  .remote = addr("192.0.2.7", 40000) };
	r.context.term[1] =
	    (struct record_term){ .transport = "udp", .local = addr("2001:db8::7", 4000) };
	return r;
}

static void a_context(void **state)
{
	struct record rec = context_of(RECORD_START);
	struct radius *r;
	size_t n;

	(void)state;
	r = opened();
	radius_take(r, &rec);
	hear(server[0]);
	expect_number(RADIUS_ACCT_STATUS_TYPE, 1);
	expect_text(RADIUS_ACCT_SESSION_ID, "0000000000000077");
	expect_text(RADIUS_ACCT_MULTI_SESSION_ID, "anne@home");
	expect_text(RADIUS_USER_NAME, NULL);
	expect_number(RADIUS_NAS_PORT, 53211);
	expect_text(RADIUS_NAS_PORT_ID, "tls");
	expect_text(RADIUS_CALLING_STATION_ID, "192.0.2.7:40000");
	expect_text(RADIUS_CALLED_STATION_ID, NULL); /* nobody knows b's remote */
	expect_number(RADIUS_FRAMED_IP_ADDRESS, 0xc6336407);
	expect_text(RADIUS_CONNECT_INFO,
		    "context udp 198.51.100.7:53211 198.51.100.7:53212 [2001:db8::7]:4000");
	assert_null(attr(RADIUS_ACCT_SESSION_TIME, &n));
	answer(server[0], "testing123");
	rec = context_of(RECORD_UPDATE);
	rec.context.counted = true;
	rec.context.term[0].received = (struct record_use){ 7, UINT64_C(5) << 32 | 9 };
	rec.context.term[1].received = (struct record_use){ 8, 11 };
	radius_take(r, &rec);
	hear(server[0]);
	expect_number(RADIUS_ACCT_STATUS_TYPE, 3);
	expect_number(RADIUS_ACCT_SESSION_TIME, 75);
	expect_number(RADIUS_ACCT_INPUT_OCTETS, 9);
	expect_number(RADIUS_ACCT_INPUT_GIGAWORDS, 5);
	expect_number(RADIUS_ACCT_INPUT_PACKETS, 7);
	expect_number(RADIUS_ACCT_OUTPUT_OCTETS, 11);
	expect_number(RADIUS_ACCT_OUTPUT_PACKETS, 8);
	answer(server[0], "testing123");
	rec.event = RECORD_END;
	rec.reason = "request";
	radius_take(r, &rec);
	hear(server[0]);
	expect_number(RADIUS_ACCT_STATUS_TYPE, 2);
	expect_number(RADIUS_ACCT_TERMINATE_CAUSE, RADIUS_USER_REQUEST);
	answer(server[0], "testing123");
	/* All that can be long is cut, and fits. */
	memset(rec.context.call, 'c', sizeof(rec.context.call) - 1);
	for (int side = 0; side < 2; side++) {
		rec.context.term[side].local = rec.context.term[side].rtcp =
		    rec.context.term[side].remote =
			addr("2001:db8:1111:2222:3333:4444:5555:6666", 65535);
	}
	radius_take(r, &rec);
	hear(server[0]);
	assert_non_null(attr(RADIUS_ACCT_MULTI_SESSION_ID, &n));
	assert_int_equal(n, 253);
	assert_non_null(attr(RADIUS_CONNECT_INFO, &n));
	answer(server[0], "testing123");
	radius_close(r);
}

static struct record connection_of(const char *service, const char *user)
{
	struct record r = record_of(RECORD_END);

	r.type = RECORD_CONNECTION;
	r.reason = "done";
	r.alloc.peer = addr("203.0.113.5", 5060);
	r.alloc.relayed[1] = (struct sock_addr){ 0 };
	r.alloc.relay_transport = "tcp";
	r.alloc.of_allocation = !*service;
	r.alloc.counted = true;
	r.alloc.to_peer.bytes = 500;
	strcpy(r.alloc.service, service);
	strcpy(r.alloc.user, user);
	return r;
}

static void a_connection(void **state)
{
	struct record of_service = connection_of("sip", ""), of_user = connection_of("", "alice");
	struct radius *r;
	size_t n;

	(void)state;
	r = opened();
	radius_take(r, &of_user); /* its bytes are its allocation's */
	radius_take(r, &of_service);
	hear(server[0]);
	expect_text(RADIUS_USER_NAME, NULL);
	expect_text(RADIUS_CALLING_STATION_ID, "192.0.2.7:40000");
	expect_text(RADIUS_CALLED_STATION_ID, "192.0.2.1:5349");
	expect_text(RADIUS_NAS_PORT_ID, "tls");
	expect_number(RADIUS_NAS_PORT, 53211);
	expect_text(RADIUS_CONNECT_INFO, "connection tcp 198.51.100.7:53211 203.0.113.5:5060 sip");
	expect_number(RADIUS_ACCT_INPUT_OCTETS, 500);
	assert_null(attr(RADIUS_ACCT_INPUT_PACKETS, &n));
	expect_number(RADIUS_ACCT_TERMINATE_CAUSE, RADIUS_USER_REQUEST);
	answer(server[0], "testing123");
	assert_int_equal(radius_counts(r)->head, 1);
	assert_int_equal(radius_counts(r)->lost, 0);
	radius_close(r);
}

/* Clients of services have half of it, and contexts the last sixteenth no more than others. */
static void a_queue_of_strangers(void **state)
{
	struct record stranger = connection_of("sip", ""), context = context_of(RECORD_START),
		      user = record_of(RECORD_START);
	struct radius *r;

	(void)state;
	r = opened();
	for (stranger.id = 1; stranger.id <= 100; stranger.id++)
		radius_take(r, &stranger);
	assert_int_equal(radius_waiting(radius_counts(r)), 32);
	assert_int_equal(radius_counts(r)->lost, 68);
	for (context.id = 1001; context.id <= 1100; context.id++)
		radius_take(r, &context);
	assert_in_range(radius_waiting(radius_counts(r)), 60, 63);
	radius_take(r, &user);
	assert_in_range(radius_waiting(radius_counts(r)), 61, 64);
	radius_close(r);
}

static void causes(void **state)
{
	(void)state;
	assert_int_equal(radius_cause("expired"), 4);
	assert_int_equal(radius_cause("released"), 1);
	assert_int_equal(radius_cause("connection"), 2);
	assert_int_equal(radius_cause("refused"), 9);
	assert_int_equal(radius_cause("dataplane"), 11);
	assert_int_equal(radius_cause("drained"), 7);
	assert_int_equal(radius_cause("killed"), 6);
	assert_int_equal(radius_cause("port"), 9);
	assert_int_equal(radius_cause(NULL), 9);
	assert_int_equal(radius_cause("request"), 1);
	assert_int_equal(radius_cause("inactive"), 4);
	assert_int_equal(radius_cause("lifetime"), 5);
	assert_int_equal(radius_cause("drain"), 7);
	assert_int_equal(radius_cause("done"), 1);
	assert_int_equal(radius_cause("closed"), 10);
	assert_int_equal(radius_cause("reset"), 2);
	assert_int_equal(radius_cause("share"), 13);
	assert_int_equal(radius_cause("backend"), 15);
	assert_int_equal(radius_cause("tls_alert"), 17);
	assert_int_equal(radius_cause("tls_domain"), 6);
}

/* One that is silent, or that answers with another secret, is no server; the next one is. */
static void the_next_server(void **state)
{
	struct radius *r;
	struct record rec = record_of(RECORD_START);

	(void)state;
	conf.n_server = 2;
	r = opened();
	radius_take(r, &rec);
	hear(server[0]);
	answer(server[0], "testing124");
	packet[1]++; /* and one of another request */
	answer(server[0], "testing123");
	hear(server[1]);
	answer(server[1], "testing123");
	radius_take(r, &rec); /* the first is left alone for a while */
	hear(server[1]);
	answer(server[1], "testing123");
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	assert_int_equal(radius_counts(r)->answered, 2);
	assert_int_equal(radius_counts(r)->unanswered, 1);
	assert_false(radius_counts(r)->silent);
	radius_close(r);
}

/* Nobody answers: the newest is lost, and told again is the oldest; and somebody does. */
static void a_queue_that_is_full(void **state)
{
	struct radius *r = opened();
	struct record rec = record_of(RECORD_START);

	(void)state;
	for (uint64_t i = 1; i <= 100; i++) {
		rec.id = i;
		radius_take(r, &rec);
	}
	/* The last sixteenth is for others: who has little is told of beside who floods. */
	assert_int_equal(radius_counts(r)->lost, 40);
	strcpy(rec.alloc.user, "bob");
	for (; rec.id < 105; rec.id++)
		radius_take(r, &rec);
	assert_int_equal(radius_counts(r)->lost, 41);
	assert_int_equal(radius_waiting(radius_counts(r)), 64);
	hear(server[0]);
	expect_text(RADIUS_ACCT_SESSION_ID, "0000000000000001");
	while (!radius_counts(r)->silent)
		poll(NULL, 0, 1);
	answer(server[0], "testing123");
	while (radius_counts(r)->answered < 64) { /* an answer may come too late */
		struct pollfd p = { .fd = server[0], .events = POLLIN };

		if (poll(&p, 1, 10) != 1)
			continue;
		hear(server[0]);
		answer(server[0], "testing123");
	}
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	assert_false(radius_counts(r)->silent);
	assert_int_equal(radius_counts(r)->answered, 64);
	radius_close(r);
}

/* Under way together: answers in any order, wrongly signed or missing, and what is asked again. */
static void many_at_once(void **state)
{
	enum { MANY = 9 };
	static uint8_t heard[MANY][sizeof(packet)];
	struct record rec = record_of(RECORD_START);
	struct radius *r;
	uint8_t again = 0;

	(void)state;
	conf.tries = 2;
	r = opened();
	radius_take(r, &rec);
	hear(server[0]);
	for (int i = 1; i <= MANY; i++) { /* while that one has no answer */
		rec.id = 0x1234 + (uint64_t)i;
		radius_take(r, &rec);
	}
	answer(server[0], "testing123");
	for (int i = 0; i < MANY; i++) {
		hear(server[0]);
		memcpy(heard[i], packet, sizeof(packet));
		for (int k = 0; k < i; k++)
			assert_int_not_equal(heard[k][1], packet[1]);
	}
	for (int i = MANY - 1; i > 0; i--) { /* the first has none */
		memcpy(packet, heard[i], sizeof(packet));
		answer(server[0], i == 4 ? "testing124" : "testing123");
		answer(server[0], i == 5 ? "testing123" : "testing124"); /* twice, or after it */
	}
	for (int i = 0; i < 2; i++) { /* as they were */
		hear(server[0]);
		again |= packet[1] == heard[0][1] ? 1 : packet[1] == heard[4][1] ? 2 : 4;
		answer(server[0], "testing123");
	}
	assert_int_equal(again, 3);
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	assert_int_equal(radius_counts(r)->answered, 1 + MANY);
	assert_int_equal(radius_counts(r)->unanswered, 0);
	radius_close(r);
}

/* What happened to one allocation is told in its order: each waits for the one before. */
static void one_allocation_in_order(void **state)
{
	struct radius *r = opened();
	struct record rec = record_of(RECORD_START);
	struct pollfd p = { .fd = server[0], .events = POLLIN };

	(void)state;
	rec.id = 1;
	radius_take(r, &rec);
	hear(server[0]);
	rec.id = 2;
	radius_take(r, &rec);
	rec.event = RECORD_END;
	rec.reason = "expired";
	radius_take(r, &rec);
	answer(server[0], "testing123");
	hear(server[0]);
	expect_number(RADIUS_ACCT_STATUS_TYPE, 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	answer(server[0], "testing123");
	hear(server[0]);
	expect_number(RADIUS_ACCT_STATUS_TYPE, 2);
	answer(server[0], "testing123");
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	radius_close(r);
}

/* Of a burst one server takes some, the next one the rest: none of them is silent. */
static void what_one_server_leaves(void **state)
{
	struct record rec = record_of(RECORD_START);
	struct radius *r;

	(void)state;
	conf.n_server = 2;
	r = opened();
	radius_take(r, &rec);
	hear(server[0]);
	for (int i = 1; i <= 2; i++) {
		rec.id = 0x1234 + (uint64_t)i;
		radius_take(r, &rec);
	}
	answer(server[0], "testing123");
	hear(server[0]);
	answer(server[0], "testing123");
	hear(server[0]);
	hear(server[1]);
	expect_text(RADIUS_ACCT_SESSION_ID, "0000000000001236");
	answer(server[1], "testing123");
	rec.id = 7;
	radius_take(r, &rec);
	hear(server[0]); /* asked first, as before */
	answer(server[0], "testing123");
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	assert_int_equal(radius_counts(r)->answered, 4);
	assert_int_equal(radius_counts(r)->unanswered, 1);
	radius_close(r);
}

static void secrets_that_are_none(void **state)
{
	char err[512];

	(void)state;
	secret_write("testing123\n", 0644);
	assert_null(radius_open(&conf, err, sizeof(err)));
	assert_non_null(strstr(err, "its mode must be 0600"));
	secret_write("\n", 0600);
	assert_null(radius_open(&conf, err, sizeof(err)));
	assert_non_null(strstr(err, "has no secret of 1 to 128 bytes"));
	secret_write("one\ntwo\n", 0600);
	assert_null(radius_open(&conf, err, sizeof(err)));
	unlink(secret);
	assert_null(radius_open(&conf, err, sizeof(err)));
	assert_non_null(strstr(err, "cannot be read"));
}

/* What waits is told when the process ends, if a server answers. */
static void the_end(void **state)
{
	struct radius *r = opened();
	struct record rec = record_of(RECORD_END);
	int pid;

	(void)state;
	rec.reason = "expired";
	pid = fork(); /* a server */
	if (pid == 0) {
		for (int i = 0; i < 3; i++) {
			hear(server[0]);
			answer(server[0], "testing123");
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		radius_take(r, &rec);
	radius_close(r);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void changed(struct radius *r, const struct config_radius *c)
{
	char err[512];

	if (!radius_prepare(r, c, err, sizeof(err)))
		fail_msg("%s", err);
	radius_finish(r, true);
}

/* What waits for one server is told to another as soon as there is one, with the name it has then.
 */
static void other_servers(void **state)
{
	struct radius *r = opened();
	struct record rec = record_of(RECORD_START);
	struct config_radius to = conf;
	struct pollfd p = { .fd = server[0], .events = POLLIN };
	char err[512];

	(void)state;
	radius_take(r, &rec);
	hear(server[0]); /* and is silent */
	to.server[0] = conf.server[1];
	strcpy(to.nas_identifier, "relay2");
	changed(r, &to);
	hear(server[1]);
	expect_text(RADIUS_NAS_IDENTIFIER, "relay2");
	answer(server[1], "testing123");
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	/* A secret that cannot be read: all stays. */
	secret_write("testing123\n", 0644);
	assert_false(radius_prepare(r, &conf, err, sizeof(err)));
	assert_non_null(strstr(err, secret));
	radius_finish(r, false);
	secret_write("testing123\n", 0600);
	while (poll(&p, 1, 0) == 1)
		recv(server[0], packet, sizeof(packet), 0);
	radius_take(r, &rec);
	hear(server[1]);
	answer(server[1], "testing123");
	assert_int_equal(poll(&p, 1, 0), 0);
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	/* Also where the one before answers. */
	changed(r, &conf);
	radius_take(r, &rec);
	hear(server[0]);
	expect_text(RADIUS_NAS_IDENTIFIER, "relay1");
	answer(server[0], "testing123");
	p.fd = server[1];
	assert_int_equal(poll(&p, 1, 0), 0); /* and nobody else was asked */
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	assert_int_equal(radius_counts(r)->lost, 0);
	radius_close(r);
}

/*
 * radius.queue changes while nobody answers: more are taken, then no more until what waits fits,
 * and each that was taken is told in its turn.
 */
static void another_size(void **state)
{
	struct radius *r = opened();
	struct record rec = record_of(RECORD_START);
	struct config_radius to = conf;

	(void)state;
	for (rec.id = 1; rec.id <= 100; rec.id++)
		radius_take(r, &rec);
	assert_int_equal(radius_counts(r)->lost, 40);
	to.queue = 128;
	changed(r, &to);
	for (; rec.id <= 140; rec.id++)
		radius_take(r, &rec);
	assert_int_equal(radius_counts(r)->lost, 40);
	to.queue = 64;
	changed(r, &to);
	radius_take(r, &rec);
	assert_int_equal(radius_counts(r)->lost, 41);
	assert_int_equal(radius_waiting(radius_counts(r)), 100);
	while (radius_waiting(radius_counts(r))) {
		struct pollfd p = { .fd = server[0], .events = POLLIN };

		if (poll(&p, 1, 10) != 1)
			continue;
		hear(server[0]);
		answer(server[0], "testing123");
	}
	assert_int_equal(radius_counts(r)->answered, 100);
	for (rec.id = 1; rec.id <= 100; rec.id++)
		radius_take(r, &rec);
	assert_in_range(radius_counts(r)->lost, 42, 41 + 40);
	radius_close(r);
}

/* Without servers what waits is lost and counted, and nothing more waits; with one again it is
 * told. */
static void no_servers(void **state)
{
	struct radius *r = opened();
	struct record rec = record_of(RECORD_START);
	struct config_radius to = conf;

	(void)state;
	radius_take(r, &rec);
	hear(server[0]);
	to.n_server = 0;
	changed(r, &to);
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	assert_int_equal(radius_counts(r)->lost, 1);
	assert_false(radius_counts(r)->silent);
	radius_take(r, &rec);
	assert_int_equal(radius_waiting(radius_counts(r)), 0);
	assert_int_equal(radius_counts(r)->lost, 1);
	to = conf;
	to.server[0] = conf.server[1];
	changed(r, &to);
	radius_take(r, &rec);
	hear(server[1]);
	answer(server[1], "testing123");
	while (radius_waiting(radius_counts(r)))
		poll(NULL, 0, 1);
	radius_close(r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_life),
		TEST(a_context),
		TEST(a_connection),
		TEST(a_queue_of_strangers),
		cmocka_unit_test(causes),
		TEST(the_next_server),
		TEST(a_queue_that_is_full),
		TEST(many_at_once),
		TEST(one_allocation_in_order),
		TEST(what_one_server_leaves),
		TEST(other_servers),
		TEST(another_size),
		TEST(no_servers),
		TEST(secrets_that_are_none),
		TEST(the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
