/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may talk to whom inside (dp/loop.h): clients of TURN meet clients of TURN, terminations meet
 * terminations, both within their realm, and neither kind the other, by datagram or by TCP, in both
 * families, on one worker or two. What is refused ends as loop_owner and leaves no trace with whom
 * it was for.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"

#include "dp/loop.h"
#include "dp/net/ip.h"
#include "dp/tcp/conn.h"
#include "dp/tcp/tcp.h"
#include "lib/chandata.h"

enum {
	CHANNEL = 0x4001,
	ON_CORE = 0, /* relays, of IPv4; the next is of IPv6 */
	ON_ACCESS = 2,
	CALL = 1, /* slots of contexts */
	OTHER_CALL = 2,
	CLIENT_PORT = 5000,
};

static const char *const own_ip[4] = { "10.2.0.1", "fd00:2::1", "10.1.0.1", "fd00:1::1" };

/* Core's relays are of realm 0, access' of this one. */
static void start(uint16_t n_workers, uint16_t access_realm)
{
	media_config();
	world.conf.dataplane.n_workers = n_workers;
	world.conf.relay[ON_ACCESS].realm_index = access_realm;
	world.conf.relay[ON_ACCESS + 1].realm_index = access_realm;
	world_start();
}

/* ---- clients of TURN ---- */

static struct sock_addr client_of(uint32_t slot)
{
	struct sock_addr c = at("10.1.0.2", (uint16_t)(CLIENT_PORT + 100 * slot));

	while (dplane_client_worker(&world.dp, &c.ip, c.port) != slot % world.dp.n_workers)
		c.port = be16_make((uint16_t)(be16_get(c.port) + 1));
	return c;
}

static struct sock_addr relayed_of(uint32_t slot, uint16_t relay)
{
	return at(own_ip[relay], (uint16_t)(RELAY_PORT + 2 * slot));
}

/* A session on the worker that its slot names, relayed at a relay of either family. */
static struct cmd_session_set turn_cmd(uint32_t slot, uint16_t relay)
{
	struct cmd_session_set c = { .sid = { slot, 1 },
				     .leg = { client_of(slot), 0, 0, 0 },
				     .relay = { { CTL_RELAY_NONE, { { 0 } } },
						{ CTL_RELAY_NONE, { { 0 } } } },
				     .expiry = world.w->now + 600 };

	c.relay[relay & 1] = (struct ctl_relay){ relay, relayed_of(slot, relay).port };
	return c;
}

static void turn_add(uint32_t slot, uint16_t relay)
{
	struct cmd_session_set c = turn_cmd(slot, relay);

	assert_true(session_set(world.dp.worker[slot % world.dp.n_workers], &c));
}

static void turn_bind(uint32_t slot, const struct sock_addr *peer)
{
	assert_true(chan_add((uint16_t)(slot % world.dp.n_workers), slot, peer, CHANNEL,
			     WORLD_START_S + 300));
}

static void turn_sends(uint32_t slot)
{
	struct sock_addr c = client_of(slot);
	uint8_t msg[64];
	struct frame f;

	world_mark();
	frame_udp(&f, ACCESS, &c, &world.conf.listener[0].addr, msg,
		  chandata(msg, CHANNEL, media_packet, sizeof(media_packet)), NULL);
	world_in(ACCESS, (uint16_t)(slot % world.dp.n_workers), &f);
	world_run();
}

static void turn_hears(uint32_t slot)
{
	struct sock_addr c = client_of(slot);
	uint8_t msg[64];
	struct udp_view v;

	expect_udp_is(ACCESS, &world.conf.listener[0].addr, &c, msg,
		      chandata(msg, CHANNEL, media_packet, sizeof(media_packet)), &v);
	world_drops(DROP_NONE, 0);
	world_no_out();
}

static void refused(enum drop why)
{
	world_drops(why, 1);
	world_no_out();
	assert_null(world_evt(0));
}

/* ---- terminations ---- */

/* A call whose side's remote is this; the other side is as always. */
static struct cmd_context_set call_with(uint32_t slot, uint32_t side, bool v6,
					const struct sock_addr *remote)
{
	struct cmd_context_set c = media_cmd(slot, 5, 0);

	c.term[SIDE_A] = media_term(SIDE_A, slot, 0, v6);
	c.term[SIDE_B] = media_term(SIDE_B, slot, 0, v6);
	c.term[side].remote[0] = *remote;
	assert_true(media_put(&c));
	return c;
}

static struct sock_addr term_of(uint32_t slot, uint32_t side, bool v6)
{
	struct ctl_term t = media_term(side, slot, 0, v6);

	return media_local(&t, 0);
}

/* The remote of the other side speaks, and what it says leaves by this side. */
static void call_sends(const struct cmd_context_set *c, uint32_t by)
{
	media_from(c, !by, 0, &c->term[!by].remote[0]);
}

/* ---- datagrams ---- */

static void turn_and_turn(void **state)
{
	uint16_t workers, realm, relay;
	struct sock_addr a, b;

	(void)state;
	for (workers = 1; workers < 3; workers++)
		for (realm = 0; realm < 2; realm++) {
			start(workers, realm);
			for (relay = ON_CORE; relay <= ON_ACCESS; relay += 2) {
				a = relayed_of(0, ON_CORE);
				b = relayed_of(1, relay);
				turn_add(0, ON_CORE);
				turn_add(1, relay);
				turn_bind(0, &b);
				turn_bind(1, &a);
				turn_sends(0);
				if (relay == ON_ACCESS && realm)
					refused(DROP_LOOP_OWNER);
				else
					turn_hears(1);
				session_del(world.dp.worker[0], &(struct ctl_sid){ 0, 1 });
				session_del(world.dp.worker[workers - 1],
					    &(struct ctl_sid){ 1, 1 });
			}
			world_stop();
		}
}

/*
 * Whoever was told of a port may send to it at once: the commands that stand in the ring are obeyed
 * before a packet to it is refused, as of one that comes by a wire (doc/arch/dataplane.md).
 */
static void who_has_just_come_is_known(void **state)
{
	(void)state;
	for (uint16_t workers = 1; workers <= 2; workers++) {
		struct sock_addr a = relayed_of(0, ON_CORE), b = relayed_of(1, ON_CORE);
		struct cmd_chan_set bind = { .sid = { 1, 1 },
					     .peer = a,
					     .channel = CHANNEL,
					     .expiry = WORLD_START_S + 300,
					     .perm_expiry = WORLD_START_S + 300 };
		struct cmd_session_set set;

		start(workers, 0);
		turn_add(0, ON_CORE);
		turn_bind(0, &b);
		set = turn_cmd(1, ON_CORE);
		world_cmd_put(workers - 1, CMD_SESSION_SET, &set, sizeof(set));
		world_cmd_put(workers - 1, CMD_CHAN_SET, &bind, sizeof(bind));
		turn_sends(0);
		turn_hears(1);
		world_stop();
	}
}

static void turn_to_term(void **state)
{
	uint16_t workers, v6, slot;
	struct ctl_term_stats s;
	struct cmd_context_set c;
	struct sock_addr term, nobody = { 0 };

	(void)state;
	for (workers = 1; workers < 3; workers++)
		for (v6 = 0; v6 < 2; v6++) {
			start(workers, 0);
			term = term_of(CALL, SIDE_B, v6);
			/* A termination that learns its remote from whoever sends. */
			c = call_with(CALL, SIDE_B, v6, &nobody);
			c.term[SIDE_B].flags |= TERM_LATCH;
			assert_true(media_put(&c));
			for (slot = 0; slot < 2; slot++) {
				turn_add(slot, (uint16_t)(ON_CORE + v6));
				turn_bind(slot, &term);
				turn_sends(slot);
				refused(DROP_LOOP_OWNER);
			}
			s = media_audit(c.cid, SIDE_B);
			assert_int_equal(s.dropped, 0);
			world_stop();
		}
}

static void term_to_turn(void **state)
{
	uint16_t workers, v6, slot;

	(void)state;
	for (workers = 1; workers < 3; workers++)
		for (v6 = 0; v6 < 2; v6++) {
			struct cmd_context_set c;
			struct sock_addr remote, term;

			start(workers, 0);
			for (slot = 0; slot < 2; slot++) {
				remote = relayed_of(slot, (uint16_t)(ON_CORE + v6));
				term = term_of(CALL + slot, SIDE_B, v6);
				turn_add(slot, (uint16_t)(ON_CORE + v6));
				turn_bind(slot, &term);
				c = call_with((uint32_t)(CALL + slot), SIDE_B, v6, &remote);
				call_sends(&c, SIDE_B);
				refused(DROP_LOOP_OWNER);
			}
			world_stop();
		}
}

/* Two calls of which the one's core side speaks to the other's, and to its access side. */
static void term_and_term(void **state)
{
	uint16_t v6, realm;
	uint32_t side;

	(void)state;
	for (realm = 0; realm < 2; realm++)
		for (v6 = 0; v6 < 2; v6++)
			for (side = SIDE_A; side <= SIDE_B; side++) {
				struct sock_addr mine = term_of(CALL, SIDE_B, v6);
				struct sock_addr other = term_of(OTHER_CALL, side, v6);
				struct cmd_context_set c, d;
				struct udp_view v;

				start(1, realm);
				c = call_with(CALL, SIDE_B, v6, &other);
				d = call_with(OTHER_CALL, side, v6, &mine);
				call_sends(&c, SIDE_B);
				if (side == SIDE_A && realm) {
					refused(DROP_LOOP_OWNER);
				} else {
					world_drops(DROP_NONE, 0);
					media_out(&d, !side, 0, &d.term[!side].remote[0], &v);
				}
				world_stop();
			}
}

/* A packet as tx_loop() has it, in two buffers; behind the first one's bytes stands what is not its. */
static struct rte_mbuf *cut(const struct frame *f, uint16_t first, bool at_end)
{
	static const uint8_t stun[] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4,
					5, 6, 7, 8, 9,	  10,	11,   12 };
	struct rte_mbuf *a = rte_pktmbuf_alloc(world.w->pool), *b = rte_pktmbuf_alloc(world.w->pool);
	const uint8_t *ip = f->b + 14;
	const uint16_t len = (uint16_t)(f->len - 14);

	assert_non_null(a);
	assert_non_null(b);
	if (at_end)
		a->data_off = (uint16_t)(a->buf_len - first);
	memcpy(rte_pktmbuf_append(a, first), ip, first);
	if (!at_end)
		memcpy(rte_pktmbuf_mtod_offset(a, uint8_t *, first), stun, sizeof(stun));
	memcpy(rte_pktmbuf_append(b, (uint16_t)(len - first)), ip + first, len - first);
	assert_int_equal(rte_pktmbuf_chain(a, b), 0);
	a->hash.usr = RELAYED_TERM;
	count(world.w, CNT_MADE);
	return a;
}

/*
 * Headers alone in the first buffer, as where they found no room before the rest: what they carry
 * is read where it is (RTP here, which is no STUN), and what cannot be read is dropped by name.
 */
static void headers_of_their_own(void **state)
{
	(void)state;
	for (uint16_t v6 = 0; v6 < 2; v6++) {
		const uint16_t headers = (uint16_t)((v6 ? 40 : 20) + 8);
		struct sock_addr from = term_of(CALL, SIDE_B, v6), to;
		struct cmd_context_set c;
		struct udp_view v;
		struct frame f;

		start(1, 0);
		to = term_of(OTHER_CALL, SIDE_B, v6);
		c = call_with(OTHER_CALL, SIDE_B, v6, &from);
		frame_udp(&f, CORE, &from, &to, media_packet, sizeof(media_packet), NULL);
		world_mark();
		loop_take(world.w, cut(&f, headers, false));
		world_run();
		world_drops(DROP_NONE, 0);
		media_out(&c, SIDE_A, 0, &c.term[SIDE_A].remote[0], &v);
		world_mark();
		loop_take(world.w, cut(&f, headers, true));
		world_run();
		refused(DROP_FRAG_BAD);
		world_stop();
	}
}

/* ---- TCP ---- */

static uint32_t opened, ended;
static enum tcp_end ended_why;

static void on_established(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	(void)c;
	opened++;
}

static void on_readable(struct worker *w, struct tcp_conn *c)
{
	tcp_recv_skip(w, c, tcp_readable(c));
	if (tcp_recv_fin(c))
		tcp_close(w, c, TCP_END_DONE);
}

static void on_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	ended++;
	ended_why = why;
}

static const struct tcp_app app = { .name = "test",
				    .role = CONN_OTHER,
				    .established = on_established,
				    .readable = on_readable,
				    .closed = on_closed };

static const struct tcp_app *accept_any(struct worker *w, struct tcp_request *r)
{
	(void)w;
	(void)r;
	return &app;
}

static struct tcp_conn *connect_from(const struct sock_addr *a, const struct sock_addr *b)
{
	struct tcp_request r = { .local = *a, .remote = *b };
	struct tcp_conn *c;
	enum tcp_end why;

	opened = ended = 0;
	world_mark();
	c = tcp_connect(world.w, &r, &app, &why);
	assert_non_null(c);
	world_run();
	return c;
}

static void connects_not(const struct sock_addr *a, const struct sock_addr *b, enum drop why)
{
	struct tcp_conn *c = connect_from(a, b);

	assert_int_equal(opened, 0);
	world_drops(why, 1);
	tcp_abort(world.w, c, TCP_END_DONE);
	world_run();
}

static void tcp_between(void **state)
{
	struct sock_addr a, b, nobody, term;
	struct cmd_context_set call;
	uint8_t data[4000];
	struct tcp_conn *c;

	(void)state;
	start(1, 1);
	tcp_listen(world.w, accept_any);
	turn_add(0, ON_CORE);
	turn_add(1, ON_CORE);
	turn_add(2, ON_ACCESS);
	term = term_of(CALL, SIDE_B, false);
	call = call_with(CALL, SIDE_B, false, &term);
	(void)call;
	a = relayed_of(0, ON_CORE);
	b = relayed_of(1, ON_CORE);
	connects_not(&a, &term, DROP_LOOP_OWNER);
	connects_not(&term, &a, DROP_LOOP_OWNER);
	b = relayed_of(2, ON_ACCESS);
	connects_not(&a, &b, DROP_LOOP_OWNER);
	nobody = relayed_of(9, ON_CORE);
	connects_not(&a, &nobody, DROP_TCP_PORT);
	connects_not(&nobody, &a, DROP_LOOP_OWNER);
	/* Two clients, more than a segment; what is open ends in order when neither is any more. */
	b = relayed_of(1, ON_CORE);
	c = connect_from(&a, &b);
	assert_int_equal(opened, 2);
	fill(data, sizeof(data), 1);
	assert_true(tcp_send_bytes(world.w, c, data, sizeof(data)));
	world_run();
	session_del(world.w, &(struct ctl_sid){ 0, 1 });
	session_del(world.w, &(struct ctl_sid){ 1, 1 });
	tcp_close(world.w, c, TCP_END_DONE);
	world_run();
	world_drops(DROP_NONE, 0);
	assert_int_equal(ended, 2);
	assert_int_equal(ended_why, TCP_END_DONE);
	world_stop();
}

/* ---- ICMP ---- */

/* An error about what a termination sent tells no client of TURN, and the other way round. */
static void icmp_stays(void **state)
{
	struct sock_addr own[2], peer = at("10.2.0.2", 4000);
	struct cmd_context_set c;
	struct frame f, quoted;
	uint8_t icmp[128];
	uint32_t i;

	(void)state;
	start(1, 0);
	turn_add(0, ON_CORE);
	turn_bind(0, &peer);
	c = call_with(CALL, SIDE_B, false, &peer);
	own[0] = relayed_of(0, ON_CORE);
	own[1] = media_local(&c.term[SIDE_B], 0);
	for (i = 0; i < 2; i++) {
		world_mark();
		frame_udp(&quoted, CORE, &own[i], &peer, "hello", 5, NULL);
		memset(icmp, 0, 8);
		icmp[0] = 3;
		memcpy(icmp + 8, quoted.b + 14, quoted.len - 14u);
		frame_ip(&f, CORE, &peer.ip, &own[i].ip, IP_PROTO_ICMP, icmp, 8 + quoted.len - 14u,
			 NULL);
		frame_icmp_csum(&f);
		world_feed(CORE, &f);
		assert_int_equal(world_count(0, CNT_ICMP_TO_CLIENT), i == 0);
		if (i)
			refused(DROP_ICMP_NO_SESSION);
		world_forget();
	}
	world_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turn_and_turn),
		cmocka_unit_test(who_has_just_come_is_known),
		cmocka_unit_test(turn_to_term),
		cmocka_unit_test(term_to_turn),
		cmocka_unit_test(term_and_term),
		cmocka_unit_test(headers_of_their_own),
		cmocka_unit_test(tcp_between),
		cmocka_unit_test(icmp_stays),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
