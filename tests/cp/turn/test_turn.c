/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What clients are answered: every error code of RFC 8656 where it says so, and what the dataplane
 * is told before the reply goes. Requests are STUN bytes through the rings; credentials are faked
 * (fake_auth.c), so that only what follows authentication is judged here.
 */
#include "cp/log.h"
#include "cp/session.h"
#include "tests/world/cp_env.h"
#include "tests/world/fake_auth.h"

#include <sys/mman.h>
#include <unistd.h>

/* ---- RFC 8656 5 and RFC 8489 6.3: before any method ---- */

static void unauthenticated_is_challenged_and_nothing_stored(void **state)
{
	struct env *e = *state;
	struct table_stats before = *table_stats(e->s.table);
	struct answer ans;
	struct ask a;

	ask_begin_as(&a, STUN_ALLOCATE, 1000, NULL);
	ask_transport(&a);
	ask_expect(e, &a, &ans, 401);
	assert_non_null(ans.m.realm.val);
	assert_non_null(ans.m.nonce.val);
	assert_null(ans.m.integrity.val);
	/* no more than it needs, since it may go to somebody else (RFC 8656 21.1) */
	assert_null(ans.m.software.val);
	assert_int_equal(ans.m.error_code.len, 4);
	/* For a header alone there is no challenge, but three times as long at most. */
	ask_begin_as(&a, STUN_ALLOCATE, 1000, NULL);
	ask_send(e, &a, &ans);
	assert_int_equal(ans.code, 400);
	assert_null(ans.m.nonce.val);
	assert_in_range(ans.m.len, STUN_HDR_LEN, 3 * STUN_HDR_LEN);
	ask_begin_as(&a, STUN_ALLOCATE, 1000, "stale");
	ask_expect(e, &a, &ans, 438);
	assert_non_null(ans.m.nonce.val);
	ask_begin_as(&a, STUN_ALLOCATE, 1000, "broken");
	ask_send(e, &a, &ans);
	assert_int_equal(ans.code, 400);
	assert_null(ans.m.integrity.val);
	assert_memory_equal(&before, table_stats(e->s.table), sizeof(before)); /* R71 */
}

/* An Allocate of nobody, with so many bytes in a second attribute; what it is answered with. */
static int first_allocate(struct env *e, size_t more, bool print, struct answer *ans)
{
	static const char text[512];
	struct ask a;
	size_t len;

	ask_begin_as(&a, STUN_ALLOCATE, 1000, NULL);
	ask_transport(&a);
	if (more)
		stun_put(&a.b, STUN_ATTR_SOFTWARE, text, more);
	if (print)
		stun_put_fingerprint(&a.b);
	len = STUN_HDR_LEN + 8 + (more ? 4 + (more + 3) / 4 * 4 : 0) + (print ? 8 : 0);
	ask_send(e, &a, ans);
	assert_in_range(ans->m.len, STUN_HDR_LEN, 3 * len);
	assert_int_equal(ans->m.nonce.val != NULL, ans->code == 401);
	return ans->code;
}

/* RFC 8656 21.1: whatever the realm, nobody hears more than three times what is said in his name.
 */
static void challenge_of_three_times_at_most(void **state)
{
	static const uint8_t lengths[] = { 1, 13, 16, 17, 32, 40, 41, 127 };
	static char realm[128];
	struct env *e = *state;
	struct answer ans;
	size_t i, more;
	int code;

	for (i = 0; i < sizeof(lengths); i++) {
		uint32_t passed = 0;

		memset(realm, 'r', lengths[i]);
		fake_auth_realm = realm;
		env_start(e, 256);
		for (more = 0; more <= 60; more += 4) {
			passed += first_allocate(e, more, false, &ans) == 401;
			code = first_allocate(e, more, true, &ans);
			/* What clients begin with: libwebrtc 28 and 8 bytes, coturn's 36 to 60. */
			if (lengths[i] <= 32)
				assert_int_equal(code, 401);
			assert_true(code == 401 || code == 400);
		}
		assert_in_range(passed, 1, 16);
		assert_int_equal(first_allocate(e, 0, false, &ans), lengths[i] <= 16 ? 401 : 400);
		assert_int_equal(first_allocate(e, 4, false, &ans), lengths[i] <= 40 ? 401 : 400);
		assert_int_equal(first_allocate(e, 28, false, &ans), lengths[i] <= 112 ? 401 : 400);
		assert_int_equal(first_allocate(e, 36, false, &ans), 401);
		env_stop(e);
	}
	fake_auth_realm = "realm";
	env_start(e, 256);
}

/* Asks as a user; the error code. */
static int ask_as(struct env *e, enum stun_method method, uint16_t port, const char *user)
{
	struct answer ans;
	struct ask a;

	ask_begin_as(&a, method, port, user);
	if (method == STUN_ALLOCATE)
		ask_transport(&a);
	if (method == STUN_CREATE_PERMISSION || method == STUN_CHANNEL_BIND)
		ask_peer(&a, "203.0.113.1", 9);
	if (method == STUN_CHANNEL_BIND)
		ask_channel(&a, 0x4000);
	ask_send(e, &a, &ans);
	if (ans.code == 401) { /* unsigned, and nothing done */
		assert_null(ans.m.integrity.val);
		assert_non_null(ans.m.nonce.val);
		assert_int_equal(ans.n_cmd, 0);
	}
	return ans.code;
}

/*
 * draft-uberti-behave-turn-rest 2.2: the time is that by which to begin. A call that is under way
 * goes on, and ends in order.
 */
static void a_credential_that_is_over_ends_no_call(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1000, "over:bob"), 401);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1000, "over:bob"), 401);
	assert_int_equal(e->s.stats.auth_expired, 2);
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1000, "rest:bob"), 0);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1000, "over:bob"), 0);
	assert_int_equal(ask_as(e, STUN_CREATE_PERMISSION, 1000, "over:bob"), 0);
	assert_int_equal(ask_as(e, STUN_CHANNEL_BIND, 1000, "over:bob"), 0);
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1000, "over:bob"), 437);
	/* Nothing new, and nobody else's. */
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1001, "over:bob"), 401);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1000, "over:eve"), 401);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1000, "rest:eve"), 441);
	assert_int_equal(e->s.stats.auth_expired, 4);
	ask_begin_as(&a, STUN_REFRESH, 1000, "over:bob");
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1000, "over:bob"), 401);
}

/* Nothing new by a clock that is not set: the server's fault, and not for ever. What is there
 * lasts. */
static void a_clock_that_is_not_set_lets_nobody_in(void **state)
{
	struct env *e = *state;

	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1000, "1970:bob"), 500);
	assert_true(e->s.clock_told);
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1000, "1970:bob"), 500);
	assert_int_equal(e->s.stats.auth_expired, 0);
	server_clock(&e->s, e->now_ms, (AUTH_WALL_MIN - 1) * 1000);
	assert_true(e->s.clock_told);
	server_clock(&e->s, e->now_ms, AUTH_WALL_MIN * 1000);
	assert_false(e->s.clock_told);
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1000, "rest:bob"), 0);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1000, "1970:bob"), 0);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1000, "1970:eve"), 500);
}

/* A web service's bob is not the stored bob, whoever chooses names there. */
static void names_of_a_web_service_are_no_stored_users(void **state)
{
	struct env *e = *state;

	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1000, "bob"), 0);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1000, "rest:bob"), 441);
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1001, "rest:bob"), 0);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1001, "bob"), 441);
	assert_int_equal(table_stats(e->s.table)->users, 2);
	/* "single" may have one, and a guest of that name has another. */
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1002, "single"), 0);
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1003, "rest:single"), 0);
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1004, "single"), 486);
}

/* Nor is who had an allocation before the two were told apart: by name he goes on with it. */
static void who_is_known_by_name_goes_on(void **state)
{
	struct env *e = *state;
	struct table_alloc *a;
	uint8_t id[TABLE_USER_ID];

	for (uint16_t port = 1000; port < 1002; port++) {
		assert_int_equal(ask_as(e, STUN_ALLOCATE, port, "bob"), 0);
		a = env_alloc(e, port);
		memcpy(id, a->user_id, sizeof(id));
		a->any_kind = 1;
		assert_int_equal(ask_as(e, STUN_REFRESH, port, "rest:eve"), 441);
		assert_int_equal(ask_as(e, STUN_REFRESH, port, "over:eve"), 401);
		assert_int_equal(ask_as(e, STUN_REFRESH, port, port == 1000 ? "over:bob" : "bob"),
				 0);
		assert_false(a->any_kind);
		assert_int_equal(table_user_held(e->s.table, id), port == 1001);
	}
	assert_int_equal(ask_as(e, STUN_REFRESH, 1000, "bob"), 441);
	assert_int_equal(ask_as(e, STUN_REFRESH, 1001, "rest:bob"), 441);
}

/* What standard error got between the two calls. */
static int stderr_take(void)
{
	int was = dup(2), fd = memfd_create("log", 0);

	assert_true(was >= 0 && fd >= 0 && dup2(fd, 2) == 2);
	close(fd);
	return was;
}

static void stderr_give(int was, char *text, size_t len)
{
	ssize_t n = pread(2, text, len - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	dup2(was, 2);
	close(was);
}

static void a_wrong_password_is_told(void **state)
{
	static const char evil[] = "a\"b\n\x1b[2J address 1.2.3.4 \xc3\xa9 wrong";
	struct env *e = *state;
	char text[8192], safe[LOG_TEXT_MAX];
	const char *line;
	int was;

	was = stderr_take();
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1000, NULL), 401);
	for (int i = 0; i < 200; i++)
		assert_int_equal(ask_as(e, STUN_ALLOCATE, 1000, "wrong"), 401);
	log_line("others are heard all the same");
	stderr_give(was, text, sizeof(text));
	assert_int_equal(e->s.stats.auth_wrong, 200);
	line = "fairlead-cp: authentication failed: address 198.51.100.7 port 1000 user "
	       "\"wrong\"\n";
	assert_memory_equal(text, line, strlen(line));
	assert_non_null(strstr(text, "others are heard all the same\n"));
	assert_string_equal(log_text(evil, sizeof(evil) - 1, safe),
			    "a?b??[2J address 1.2.3.4 ?? wrong");
	assert_string_equal(log_text(NULL, 0, safe), "-");
	assert_int_equal(strlen(log_text(text, sizeof(text), safe)), LOG_TEXT_MAX - 1);
}

static void unknown_attribute_420(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	stun_put_u32(&a.b, 0x7ff0, 1);
	ask_expect(e, &a, &ans, 420);
	assert_int_equal(ans.m.unknown_attributes.len, 2);
	assert_int_equal(ans.m.unknown_attributes.val[0], 0x7f);
	assert_int_equal(ans.m.unknown_attributes.val[1], 0xf0);
}

static void no_allocation_437(void **state)
{
	static const enum stun_method methods[] = { STUN_REFRESH, STUN_CREATE_PERMISSION,
						    STUN_CHANNEL_BIND };
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	for (size_t i = 0; i < 3; i++) {
		ask_begin(&a, methods[i], 1000);
		ask_expect(e, &a, &ans, 437);
	}
}

static void other_user_441(void **state)
{
	static const enum stun_method methods[] = { STUN_ALLOCATE, STUN_REFRESH,
						    STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND };
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;

	ask_allocate(e, 1000, &relayed);
	for (size_t i = 0; i < 4; i++) {
		ask_begin_as(&a, methods[i], 1000, "mallory");
		ask_expect(e, &a, &ans, 441);
	}
}

static void what_is_no_request_is_counted_only(void **state)
{
	struct env *e = *state;
	struct sock_addr client = addr("198.51.100.7", 1000);
	union ctl_cmd c;
	struct ask a;
	size_t len;

	ask_begin(&a, STUN_SEND, 1000); /* no request */
	len = stun_end(&a.b);
	fake_dp_punt(&e->dp, 0, &client, a.buf, len, e->now_ms * 1000);
	fake_dp_punt(&e->dp, 0, &client, a.buf, len - 4, e->now_ms * 1000); /* truncated */
	fake_dp_punt(&e->dp, 0, &client, "", 0, e->now_ms * 1000);
	env_poll(e);
	assert_int_equal(e->s.stats.bad_stun, 3);
	assert_false(fake_dp_take(&e->dp, 0, &c));
}

/* What waited while no control process was there (RFC 8489 6.2.1). */
static void old_requests_are_skipped(void **state)
{
	struct env *e = *state;
	uint64_t oldest_us = (e->now_ms - SERVER_REQUEST_MAX_AGE_S * UINT64_C(1000)) * 1000;
	struct sock_addr client = addr("198.51.100.7", 1000);
	union ctl_cmd c;
	struct ask a;
	size_t len;

	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	len = stun_end(&a.b);
	fake_dp_punt(&e->dp, 0, &client, a.buf, len, oldest_us - 1);
	env_poll(e);
	assert_int_equal(e->s.stats.too_old, 1);
	assert_int_equal(e->s.stats.requests[SERVER_ALLOCATE], 0);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
	assert_false(fake_dp_take(&e->dp, 0, &c));
	fake_dp_punt(&e->dp, 0, &client, a.buf, len, oldest_us);
	env_poll(e);
	assert_int_equal(e->s.stats.too_old, 1);
	assert_int_equal(table_stats(e->s.table)->allocs, 1);
	assert_true(fake_dp_take(&e->dp, 0, &c));
	/* a clock that runs ahead of ours is no age */
	fake_dp_punt(&e->dp, 0, &client, a.buf, len, e->now_ms * 1000 + 5000);
	env_poll(e);
	assert_int_equal(e->s.stats.too_old, 1);
	assert_int_equal(e->s.stats.retransmissions, 1);
}

static void fingerprint_only_if_asked(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	ask_expect(e, &a, &ans, 0);
	assert_null(ans.m.fingerprint.val);
	assert_int_equal(ans.cmd[0].session_set.flags, 0);
	ask_begin(&a, STUN_ALLOCATE, 1001);
	ask_transport(&a);
	stun_put_fingerprint(&a.b);
	ask_expect(e, &a, &ans, 0);
	assert_non_null(ans.m.fingerprint.val);
	assert_int_equal(ans.cmd[0].session_set.flags, SESSION_FINGERPRINT);
	ask_begin_as(&a, STUN_ALLOCATE, 1002, NULL);
	stun_put_fingerprint(&a.b);
	ask_expect(e, &a, &ans, 401);
	assert_non_null(ans.m.fingerprint.val);
}

/* ---- Allocate, RFC 8656 7.2 ---- */

static void allocate_succeeds(void **state)
{
	struct env *e = *state;
	struct sock_addr got;
	const struct cmd_session_set *c;
	struct answer ans;
	uint32_t lifetime;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, 1000);
	a.worker = 1;
	ask_transport(&a);
	stun_put(&a.b, STUN_ATTR_DONT_FRAGMENT, NULL, 0);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(stun_get_xor_addr(&ans.m, &ans.m.xor_mapped, &got), STUN_FAMILY_IPV4);
	assert_true(sock_addr_eq(&got, &a.leg.client));
	assert_true(stun_get_u32(&ans.m.lifetime, &lifetime));
	assert_int_equal(lifetime, 600);
	assert_int_equal(ans.m.n_relayed, 1);
	assert_int_equal(stun_get_xor_addr(&ans.m, &ans.m.xor_relayed, &got), STUN_FAMILY_IPV4);
	assert_int_equal(ans.n_cmd, 1);
	c = &ans.cmd[0].session_set;
	assert_int_equal(c->hdr.type, CMD_SESSION_SET);
	assert_int_equal(c->hdr.len, sizeof(*c));
	assert_int_not_equal(c->sid.gen, 0);
	assert_true(sock_addr_eq(&c->leg.client, &a.leg.client));
	assert_true(be16_eq(c->relay[RELAY_V4].port, got.port));
	assert_true(ip_eq(&e->conf.relay[c->relay[RELAY_V4].relay].addr, &got.ip));
	assert_int_equal(c->relay[RELAY_V6].relay, CTL_RELAY_NONE);
	assert_int_equal(c->expiry, e->now_ms / 1000 + 600);
	/* the port is of the share of the worker that the client reaches */
	assert_int_equal(relay_port_worker(be16_get(got.port), 2), 1);
}

static void retransmission_is_answered_alike(void **state)
{
	struct env *e = *state;
	struct answer first, second;
	struct ask a, b;

	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	b = a;
	b.b.w.start = b.buf;
	b.b.w.pos = b.buf + wr_len(&a.b.w);
	b.b.w.end = b.buf + sizeof(b.buf);
	ask_expect(e, &a, &first, 0);
	e->now_ms += 3000;
	ask_expect(e, &b, &second, 0);
	assert_int_equal(second.n_cmd, 0);
	assert_int_equal(first.send.payload_len, second.send.payload_len);
	assert_memory_equal(first.send.payload, second.send.payload, first.send.payload_len);
	assert_int_equal(table_stats(e->s.table)->allocs, 1);
	ask_begin(&a, STUN_ALLOCATE, 1000); /* another transaction */
	ask_transport(&a);
	ask_expect(e, &a, &first, 437);
}

static uint64_t measured_us;

static uint64_t measuring_clock(void)
{
	return measured_us += 150;
}

/* Taken up 150 us after its reception, and answered as long after that. */
static void requests_are_measured(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	measured_us = e->now_ms * 1000;
	e->s.clock_us = measuring_clock;
	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(e->s.times.ring_wait.sum_us, 150);
	assert_int_equal(e->s.times.request.sum_us, 300);
	assert_int_equal(e->s.times.request.n[4], 1); /* more than 200 us, not more than 500 */
	assert_int_equal(e->s.listener_requests[0], 1);
	assert_int_equal(table_listener_allocs(e->s.table, 0), 1);
	/* A worker's clock that is ahead of ours. */
	measured_us -= 1000000;
	ask_begin(&a, STUN_REFRESH, 1000);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(e->s.times.ring_wait.sum_us, 150);
	assert_int_equal(e->s.times.ring_wait.n[0], 1);
	assert_int_equal(table_listener_allocs(e->s.table, 0), 0);
	/* Errors by method. */
	ask_begin(&a, STUN_REFRESH, 1000);
	ask_expect(e, &a, &ans, 437);
	assert_int_equal(e->s.errors[SERVER_REFRESH][STUN_ERROR_437], 1);
}

static void allocate_bad_requests(void **state)
{
	static const uint8_t sctp[4] = { 132 }, token[8] = { 0 }, r_bit = 0x80;
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, 1000); /* no REQUESTED-TRANSPORT */
	ask_expect(e, &a, &ans, 400);
	ask_begin(&a, STUN_ALLOCATE, 1000);
	stun_put(&a.b, STUN_ATTR_REQUESTED_TRANSPORT, sctp, sizeof(sctp));
	ask_expect(e, &a, &ans, 442);
	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	ask_family(&a, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 3);
	ask_expect(e, &a, &ans, 440);
	ask_begin(&a, STUN_ALLOCATE, 1000); /* both family attributes */
	ask_transport(&a);
	ask_family(&a, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 1);
	ask_family(&a, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 2);
	ask_expect(e, &a, &ans, 400);
	ask_begin(&a, STUN_ALLOCATE, 1000); /* only IPv6 may be additional */
	ask_transport(&a);
	ask_family(&a, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 1);
	ask_expect(e, &a, &ans, 400);
	ask_begin(&a, STUN_ALLOCATE, 1000); /* a pair of ports for two families */
	ask_transport(&a);
	ask_family(&a, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 2);
	stun_put(&a.b, STUN_ATTR_EVEN_PORT, &r_bit, 1);
	ask_expect(e, &a, &ans, 400);
	ask_begin(&a, STUN_ALLOCATE, 1000); /* token and EVEN-PORT */
	ask_transport(&a);
	stun_put(&a.b, STUN_ATTR_RESERVATION_TOKEN, token, sizeof(token));
	stun_put(&a.b, STUN_ATTR_EVEN_PORT, &r_bit, 1);
	ask_expect(e, &a, &ans, 400);
	ask_begin(&a, STUN_ALLOCATE, 1000); /* token and family */
	ask_transport(&a);
	stun_put(&a.b, STUN_ATTR_RESERVATION_TOKEN, token, sizeof(token));
	ask_family(&a, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 1);
	ask_expect(e, &a, &ans, 400);
	ask_begin(&a, STUN_ALLOCATE, 1000); /* LIFETIME of two bytes */
	ask_transport(&a);
	stun_put(&a.b, STUN_ATTR_LIFETIME, token, 2);
	ask_expect(e, &a, &ans, 400);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
	for (uint32_t i = 0; i < e->conf.n_relay; i++)
		assert_int_equal(ports_used(e->s.ports, i), 0);
}

static void lifetime_is_bounded(void **state)
{
	static const struct {
		uint32_t asked, granted;
	} t[] = { { 0, 600 }, { 10, 600 }, { 1000, 1000 }, { 100000, 3600 } };
	struct env *e = *state;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct answer ans;
		uint32_t lifetime;
		struct ask a;

		ask_begin(&a, STUN_ALLOCATE, (uint16_t)(1000 + i));
		ask_transport(&a);
		stun_put_u32(&a.b, STUN_ATTR_LIFETIME, t[i].asked);
		ask_expect(e, &a, &ans, 0);
		assert_true(stun_get_u32(&ans.m.lifetime, &lifetime));
		assert_int_equal(lifetime, t[i].granted);
	}
}

static void allocate_ipv6_and_dual(void **state)
{
	struct env *e = *state;
	struct sock_addr got;
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	ask_family(&a, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(stun_get_xor_addr(&ans.m, &ans.m.xor_relayed, &got), STUN_FAMILY_IPV6);
	assert_int_equal(ans.cmd[0].session_set.relay[RELAY_V4].relay, CTL_RELAY_NONE);
	ask_begin(&a, STUN_ALLOCATE, 1001);
	ask_transport(&a);
	ask_family(&a, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(ans.m.n_relayed, 2);
	assert_int_equal(stun_get_xor_addr(&ans.m, &ans.m.xor_relayed, &got), STUN_FAMILY_IPV4);
	assert_int_equal(stun_get_xor_addr(&ans.m, &ans.m.xor_relayed2, &got), STUN_FAMILY_IPV6);
	assert_null(ans.m.address_error_code.val);
}

static void dual_with_one_family_only(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	e->conf.n_relay = 2; /* IPv4 alone */
	env_start(e, 256);
	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	ask_family(&a, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(ans.m.n_relayed, 1);
	assert_true(ans.m.address_error_code.len >= 4);
	assert_int_equal(ans.m.address_error_code.val[0], STUN_FAMILY_IPV6);
	assert_int_equal(ans.m.address_error_code.val[2] * 100 + ans.m.address_error_code.val[3],
			 440);
	ask_begin(&a, STUN_ALLOCATE, 1001);
	ask_transport(&a);
	ask_family(&a, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
	ask_expect(e, &a, &ans, 440);
}

/* Asks for an even port and the one above; copies the token. */
static uint16_t allocate_pair(struct env *e, uint16_t port, uint8_t token[8])
{
	static const uint8_t r_bit = 0x80;
	struct sock_addr got;
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, port);
	ask_transport(&a);
	stun_put(&a.b, STUN_ATTR_EVEN_PORT, &r_bit, 1);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(stun_get_xor_addr(&ans.m, &ans.m.xor_relayed, &got), STUN_FAMILY_IPV4);
	assert_int_equal(ans.m.reservation_token.len, 8);
	memcpy(token, ans.m.reservation_token.val, 8);
	return be16_get(got.port);
}

static void ask_token(struct env *e, uint16_t port, uint32_t worker, const uint8_t token[8],
		      struct answer *ans, int code)
{
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, port);
	a.worker = worker;
	ask_transport(&a);
	stun_put(&a.b, STUN_ATTR_RESERVATION_TOKEN, token, 8);
	ask_expect(e, &a, ans, code);
}

static void even_port_and_reservation(void **state)
{
	struct env *e = *state;
	struct sock_addr got;
	uint8_t token[8], wrong[8];
	struct answer ans;
	uint16_t even;

	even = allocate_pair(e, 1000, token);
	assert_int_equal(even % 2, 0);
	memcpy(wrong, token, 8);
	wrong[7] ^= 1;
	ask_token(e, 1001, 0, wrong, &ans, 508);
	ask_token(e, 1001, 0, token, &ans, 0);
	assert_int_equal(stun_get_xor_addr(&ans.m, &ans.m.xor_relayed, &got), STUN_FAMILY_IPV4);
	assert_int_equal(be16_get(got.port), even + 1);
	ask_token(e, 1002, 0, token, &ans, 508); /* used */
	assert_int_equal(table_stats(e->s.table)->resvs, 0);
}

/* All commands a worker was given, a reply among them too. */
static uint32_t take_all(struct env *e, uint32_t worker, union ctl_cmd *c, uint32_t max)
{
	uint32_t n = 0;

	while (n < max && fake_dp_take(&e->dp, worker, &c[n]))
		n++;
	return n;
}

/* A pair on worker 0; its second port goes to a client that comes to worker 1. */
static void reserve_across(struct env *e, union ctl_cmd session[4], union ctl_cmd redirect[4])
{
	struct sock_addr client = addr("198.51.100.7", 1001);
	uint8_t token[8];
	struct ask a;
	size_t len;

	allocate_pair(e, 1000, token);
	ask_begin(&a, STUN_ALLOCATE, 1001);
	ask_transport(&a);
	stun_put(&a.b, STUN_ATTR_RESERVATION_TOKEN, token, 8);
	len = stun_end(&a.b);
	fake_dp_punt(&e->dp, 1, &client, a.buf, len, e->now_ms * 1000);
	env_poll(e);
	assert_int_equal(take_all(e, 0, session, 4), 2);
	assert_int_equal(take_all(e, 1, redirect, 4), 1);
}

/*
 * RFC 8656 7.2: any five-tuple of the user may come with the token. The session is where the port
 * is; where the client comes, a redirect leads there.
 */
static void reservation_taken_on_another_worker(void **state)
{
	struct env *e = *state;
	union ctl_cmd on_0[4], on_1[4];
	const struct cmd_session_set *c = &on_0[0].session_set;
	const struct cmd_session_set *r = &on_1[0].session_set;
	struct stun_msg m;

	reserve_across(e, on_0, on_1);
	assert_int_equal(c->hdr.type, CMD_SESSION_SET);
	assert_int_equal(c->flags & SESSION_REDIRECT, 0);
	assert_int_equal(relay_port_worker(be16_get(c->relay[RELAY_V4].port), 2), 0);
	assert_int_equal(be16_get(c->relay[RELAY_V4].port) & 1, 1);
	/* the reply is behind the session */
	assert_int_equal(on_0[1].hdr.type, CMD_SEND);
	assert_int_equal(stun_parse(&m, on_0[1].send.payload, on_0[1].send.payload_len), STUN_OK);
	assert_int_equal(m.cls, STUN_SUCCESS);
	assert_int_equal(r->hdr.type, CMD_SESSION_SET);
	assert_int_equal(r->flags, SESSION_REDIRECT);
	assert_int_equal(r->redirect, 0);
	assert_int_equal(r->relay[RELAY_V4].relay, CTL_RELAY_NONE);
	assert_int_equal(r->relay[RELAY_V6].relay, CTL_RELAY_NONE);
	assert_memory_equal(&r->leg, &c->leg, sizeof(r->leg));
	assert_int_equal(r->expiry, c->expiry);
	assert_int_equal(table_stats(e->s.table)->resvs, 0);
}

static void redirect_lives_as_long_as_its_session(void **state)
{
	struct env *e = *state;
	union ctl_cmd on_0[4], on_1[4];
	struct ctl_sid sid, at_leg;
	struct answer ans;
	struct ask a;

	reserve_across(e, on_0, on_1);
	sid = on_0[0].session_set.sid;
	at_leg = on_1[0].session_set.sid;
	ask_begin(&a, STUN_REFRESH, 1001); /* handed over, so worker 0 punts it */
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 1200);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(ans.n_cmd, 1);
	assert_int_equal(take_all(e, 1, on_1, 4), 1);
	assert_int_equal(on_1[0].session_set.flags, SESSION_REDIRECT);
	assert_int_equal(on_1[0].session_set.expiry, ans.cmd[0].session_set.expiry);
	ask_begin(&a, STUN_REFRESH, 1001);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(ans.n_cmd, 1);
	assert_int_equal(ans.cmd[0].hdr.type, CMD_SESSION_DEL);
	assert_memory_equal(&ans.cmd[0].session_del.sid, &sid, sizeof(sid));
	assert_int_equal(take_all(e, 1, on_1, 4), 1);
	assert_int_equal(on_1[0].hdr.type, CMD_SESSION_DEL);
	assert_memory_equal(&on_1[0].session_del.sid, &at_leg, sizeof(at_leg));
}

static void redirect_expires_with_its_session(void **state)
{
	struct env *e = *state;
	union ctl_cmd on_0[4], on_1[4];

	reserve_across(e, on_0, on_1);
	env_advance(e, 601000);
	assert_null(env_alloc(e, 1001));
	assert_int_equal(take_all(e, 1, on_1, 4), 1);
	assert_int_equal(on_1[0].hdr.type, CMD_SESSION_DEL);
	assert_int_equal(take_all(e, 0, on_0, 4), 2); /* the pair's first client's, too */
}

/* A dataplane that comes back learns both; one that refuses the redirect ends the allocation. */
static void redirect_is_replayed_and_may_be_refused(void **state)
{
	struct env *e = *state;
	union ctl_cmd on_0[8], on_1[8];
	struct ctl_sid at_leg;
	char err[256];

	reserve_across(e, on_0, on_1);
	at_leg = on_1[0].session_set.sid;
	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
	assert_int_equal(take_all(e, 0, on_0, 8), 4); /* the pair's first client is there too */
	assert_int_equal(take_all(e, 1, on_1, 8), 3);
	assert_int_equal(on_1[0].hdr.type, CMD_SYNC_BEGIN);
	assert_int_equal(on_1[1].session_set.flags, SESSION_REDIRECT);
	assert_memory_equal(&on_1[1].session_set.sid, &at_leg, sizeof(at_leg));
	assert_int_equal(on_1[2].hdr.type, CMD_SYNC_END);
	fake_dp_result(&e->dp, 1, EVT_SESSION_REFUSED, on_1[1].hdr.seq, at_leg);
	env_poll(e);
	assert_null(env_alloc(e, 1001));
	assert_int_equal(take_all(e, 0, on_0, 8), 1);
	assert_int_equal(on_0[0].hdr.type, CMD_SESSION_DEL);
}

static void reservation_expires(void **state)
{
	struct env *e = *state;
	struct answer ans;
	uint8_t token[8];
	uint32_t used;

	allocate_pair(e, 1000, token);
	used = ports_used(e->s.ports, 0) + ports_used(e->s.ports, 1);
	assert_int_equal(used, 2);
	env_advance(e, 29000);
	assert_int_equal(table_stats(e->s.table)->resvs, 1);
	env_advance(e, 2000);
	assert_int_equal(table_stats(e->s.table)->resvs, 0);
	ask_token(e, 1001, 0, token, &ans, 508);
}

/* Asks for a pair as a user; the error code. */
static int pair_as(struct env *e, uint16_t port, const char *user, uint8_t token[8])
{
	static const uint8_t r_bit = 0x80;
	struct answer ans;
	struct ask a;

	ask_begin_as(&a, STUN_ALLOCATE, port, user);
	ask_transport(&a);
	stun_put(&a.b, STUN_ATTR_EVEN_PORT, &r_bit, 1);
	ask_send(e, &a, &ans);
	if (ans.code == 0)
		memcpy(token, ans.m.reservation_token.val, 8);
	return ans.code;
}

static int token_as(struct env *e, uint16_t port, const char *user, const uint8_t token[8])
{
	struct answer ans;
	struct ask a;

	ask_begin_as(&a, STUN_ALLOCATE, port, user);
	ask_transport(&a);
	stun_put(&a.b, STUN_ATTR_RESERVATION_TOKEN, token, 8);
	ask_send(e, &a, &ans);
	return ans.code;
}

static void give_up(struct env *e, uint16_t port, const char *user)
{
	struct answer ans;
	struct ask a;

	ask_begin_as(&a, STUN_REFRESH, port, user);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	ask_expect(e, &a, &ans, 0);
}

static void restart(struct env *e)
{
	char err[256] = "";

	server_close(&e->s);
	if (!server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)))
		fail_msg("%s", err);
	ports_resume(e->s.ports, server_now(&e->s));
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
	for (uint32_t w = 0; w < e->conf.dataplane.n_workers; w++)
		assert_false(env_take(e, w, 0, &(union ctl_cmd){ 0 }));
}

/* A reserved port is kept from all others: it counts for its user until it is used or over. */
static void a_reservation_counts_for_its_user(void **state)
{
	struct env *e = *state;
	uint8_t token[8], other[8];

	assert_int_equal(pair_as(e, 1000, "single", token), 486);
	assert_int_equal(pair_as(e, 1000, "triple", token), 0);
	assert_int_equal(pair_as(e, 1001, "triple", other), 486); /* one is left, it takes two */
	give_up(e, 1000, "triple");
	assert_int_equal(pair_as(e, 1001, "triple", other), 0); /* with the first's reservation */
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1002, "triple"), 486);
	assert_int_equal(token_as(e, 1002, "single", token), 508); /* it is another's */
	restart(e);
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1002, "triple"), 486);
	assert_int_equal(token_as(e, 1002, "triple", token), 0); /* in its place */
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1003, "triple"), 486);
	env_advance(e, 31000); /* the other one is over */
	assert_int_equal(ask_as(e, STUN_ALLOCATE, 1003, "triple"), 0);
	assert_int_equal(table_stats(e->s.table)->resvs, 0);
	assert_int_equal(table_stats(e->s.table)->users, 1);
}

static uint32_t ports_owned(struct env *e)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->conf.n_relay; i++) {
		for (uint32_t p = 49152; p <= 65535; p++)
			n += ports_owner(e->s.ports, i, (uint16_t)p) != PORTS_NOBODY;
	}
	return n;
}

/* RFC 8656 7.2: 508, and nothing of the pair is left taken. */
static void a_pair_that_cannot_be_reserved_is_given_back(void **state)
{
	const uint8_t nobody[TABLE_USER_ID] = { 0 };
	struct env *e = *state;
	struct table_resv *r;
	uint8_t token[8];

	while (table_resv_add(e->s.table, (struct ctl_relay){ 0, be16_make(49153) }, nobody,
			      UINT32_MAX))
		;
	assert_int_equal(pair_as(e, 1000, "alice", token), 508);
	assert_int_equal(ports_owned(e), 0);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
	r = table_resv_next(e->s.table, &(uint32_t){ 0 });
	table_resv_del(e->s.table, r);
	assert_int_equal(pair_as(e, 1000, "alice", token), 0);
	assert_int_equal(ports_owned(e), 2);
	give_up(e, 1000, "alice");
	assert_int_equal(ports_owned(e), 1);
	/* And where the session is what finds no room. */
	r = table_resv_find(e->s.table, token);
	session_reserve_use(&e->s, r);
	while (table_resv_next(e->s.table, &(uint32_t){ 0 }))
		table_resv_del(e->s.table, table_resv_next(e->s.table, &(uint32_t){ 0 }));
	for (uint16_t port = 2000; ask_as(e, STUN_ALLOCATE, port, "alice") == 0; port++)
		;
	assert_int_equal(table_stats(e->s.table)->allocs, e->conf.dataplane.sessions);
	assert_int_equal(pair_as(e, 1000, "alice", token), 508);
	assert_int_equal(table_stats(e->s.table)->resvs, 0);
	assert_int_equal(ports_owned(e), e->conf.dataplane.sessions + 1); /* and the one above */
}

static void quota_486_and_capacity_508(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;

	e->conf.turn.allocations_per_user = 2;
	e->conf.turn.allocations_max = 3;
	env_start(e, 256);
	ask_allocate(e, 1000, &relayed);
	ask_allocate(e, 1001, &relayed);
	ask_begin(&a, STUN_ALLOCATE, 1002);
	ask_transport(&a);
	ask_expect(e, &a, &ans, 486);
	ask_begin_as(&a, STUN_ALLOCATE, 1003, "bob");
	ask_transport(&a);
	ask_expect(e, &a, &ans, 0);
	ask_begin_as(&a, STUN_ALLOCATE, 1004, "carol");
	ask_transport(&a);
	ask_expect(e, &a, &ans, 508);
	/* a deletion makes room, in both counts */
	ask_begin(&a, STUN_REFRESH, 1000);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	ask_send(e, &a, &ans);
	assert_int_equal(ans.code, 0);
	ask_allocate(e, 1002, &relayed);
}

/* A user's own limit goes before the common one, whether it is less or more. */
static void quota_of_the_user_486(void **state)
{
	static const struct {
		const char *user;
		uint16_t most;
	} t[] = { { "single", 1 }, { "alice", 2 }, { "triple", 3 } };
	struct env *e = *state;
	uint16_t port = 1000;

	e->conf.turn.allocations_per_user = 2;
	env_start(e, 256);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (uint16_t n = 0; n <= t[i].most; n++) {
			struct answer ans;
			struct ask a;

			ask_begin_as(&a, STUN_ALLOCATE, port++, t[i].user);
			ask_transport(&a);
			ask_expect(e, &a, &ans, n < t[i].most ? 0 : 486);
		}
	}
}

static void user_store_away_500(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	ask_begin_as(&a, STUN_ALLOCATE, 1000, "away");
	ask_transport(&a);
	ask_send(e, &a, &ans);
	assert_int_equal(ans.code, 500);
	assert_int_equal(ans.n_cmd, 0);
	assert_int_equal(e->s.stats.error[STUN_ERROR_500], 1);
}

static void ports_run_out_508(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;

	e->conf.n_relay = 1;
	e->conf.relay[0].port_min = 50000;
	e->conf.relay[0].port_max = 50003; /* a pair for each worker */
	env_start(e, 256);
	ask_allocate(e, 1000, &relayed);
	ask_allocate(e, 1001, &relayed);
	ask_begin(&a, STUN_ALLOCATE, 1002);
	ask_transport(&a);
	ask_expect(e, &a, &ans, 508);
}

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup_started, env_teardown)
#define T_OWN(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(unauthenticated_is_challenged_and_nothing_stored),
		cmocka_unit_test_setup_teardown(challenge_of_three_times_at_most, env_setup,
						env_teardown),
		T(a_credential_that_is_over_ends_no_call),
		T(a_clock_that_is_not_set_lets_nobody_in),
		T(names_of_a_web_service_are_no_stored_users),
		T(who_is_known_by_name_goes_on),
		T(a_wrong_password_is_told),
		T(unknown_attribute_420),
		T(no_allocation_437),
		T(other_user_441),
		T(what_is_no_request_is_counted_only),
		T(old_requests_are_skipped),
		T(fingerprint_only_if_asked),
		T(allocate_succeeds),
		T(requests_are_measured),
		T(retransmission_is_answered_alike),
		T(allocate_bad_requests),
		T(lifetime_is_bounded),
		T(allocate_ipv6_and_dual),
		T_OWN(dual_with_one_family_only),
		T(even_port_and_reservation),
		T(reservation_taken_on_another_worker),
		T(redirect_lives_as_long_as_its_session),
		T(redirect_expires_with_its_session),
		T(redirect_is_replayed_and_may_be_refused),
		T(reservation_expires),
		T(a_reservation_counts_for_its_user),
		T(a_pair_that_cannot_be_reserved_is_given_back),
		T_OWN(quota_486_and_capacity_508),
		T_OWN(quota_of_the_user_486),
		T(user_store_away_500),
		T_OWN(ports_run_out_508),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
