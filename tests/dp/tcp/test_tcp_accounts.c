/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accounts of packet buffers (dp/tcp/accounts.h): many connections of few sources, or of a user,
 * that each hold no more than they may, and move it in time, hold no more together than leaves room
 * for everybody else. Who has more than his share gets less, and is ended only if he does not give
 * back; who has little pays for nobody.
 */
#include "tests/world/crowd.h"
#include "dp/tcp/accounts.h"
#include "dp/tcp/ledger.h"

enum { BUFFERS = 1024, CONNS = 320, HOSTILE = 250, SOURCES = 5, FEW = 4, CHUNK = 1400 };
enum { OUTAGE_MS = 12000, HALF_MS = 450, FLIGHT_MS = 100, ROUNDS = 3 };
enum { NEWCOMERS = 40, MANY = 230, HONEST = 400, LATE, LAST };
enum { USER = 0x1234 };

/* What the hostile do twice in each second; NULL: nothing. */
static void (*attack)(void);
static uint64_t attack_ms;

static int setup(void **state)
{
	(void)state;
	crowd_config(CONNS);
	world.conf.tcp.buffers = BUFFERS;
	crowd_route("0.0.0.0/0", "10.1.0.2");
	tcp_start();
	attack = NULL;
	app.any_data = true;
	return 0;
}

/* ---- who connects ---- */

static bool opens(uint32_t i, uint32_t source)
{
	char ip[32];

	snprintf(ip, sizeof(ip), "198.51.%u.%u", 100 + source / 256, source % 256);
	peer_new();
	peer.sack = false; /* members say what they have in order, and no more */
	peer.addr.ip = at(ip, 0).ip;
	return crowd_open(i);
}

static void guest(uint32_t i, uint32_t source)
{
	assert_true(opens(i, source));
	tcp_guest(world.w, crowd[i].c);
}

/* By an address of its own each, but all are one user's. */
static void client(uint32_t i, uint64_t user)
{
	assert_true(opens(i, i % 200 + 1));
	tcp_trust(world.w, crowd[i].c, true);
	tcp_charge(world.w, crowd[i].c, user);
}

static void guests_of(uint32_t sources)
{
	uint32_t i;

	for (i = 0; i < HOSTILE; i++)
		guest(i, 1 + i % sources);
}

static bool is_open(uint32_t i)
{
	return crowd[i].c && !crowd[i].rst;
}

static uint32_t left(void)
{
	uint32_t i, n = 0;

	for (i = 0; i < HOSTILE; i++)
		n += is_open(i);
	return n;
}

/* ---- what they do ---- */

/* Given to be sent, as far as it may be; returns how much was. */
static uint32_t gives(uint32_t i, uint32_t bytes)
{
	uint64_t before = app.sent;

	app.c = crowd[i].c;
	app_send(bytes);
	app.to_send = 0; /* what was refused */
	crowd_run();
	return (uint32_t)(app.sent - before);
}

/* Each has what it was sent, and is sent four buffers more: it never holds more than it may. */
static void moves_out(void)
{
	uint32_t i, k;

	for (i = 0; i < HOSTILE; i++) {
		if (!is_open(i))
			continue;
		crowd_ack(i);
		for (k = 0; k < FEW; k++)
			gives(i, CHUNK);
	}
}

/* The same, and it never acknowledges what it was sent: other bytes move all the time. */
static void moves_in(void)
{
	uint32_t i, k, seen;

	for (i = 0; i < HOSTILE; i++) {
		if (!is_open(i))
			continue;
		while (ledger_sum(crowd[i].c) < FEW && gives(i, CHUNK))
			;
		seen = crowd[i].seen;
		crowd[i].seen = 1;
		for (k = 0; k <= FEW; k++)
			crowd_say(i, CHUNK);
		crowd[i].seen = seen;
	}
}

static void passes(uint32_t ms)
{
	uint32_t lose = crowd_lose;

	while (ms--) {
		crowd_pass_ms(1);
		if (attack && world.w->now_ms - attack_ms >= HALF_MS) {
			crowd_lose = 0;
			attack();
			attack_ms = world.w->now_ms;
			crowd_lose = lose;
		}
	}
}

/* Bytes that member i is sent over a path that loses, and acknowledges: each comes, in time. */
static void served(uint32_t i, uint32_t bytes)
{
	uint32_t end = crowd[i].seen + bytes, ms;

	crowd_lose = 7;
	for (ms = 0; crowd[i].seen != end && ms < 20000; ms++) {
		if (bytes)
			bytes -= gives(i, RTE_MIN(bytes, (uint32_t)CHUNK));
		passes(1);
		crowd_ack(i);
	}
	crowd_lose = 0;
	if (crowd[i].seen != end)
		fprintf(stderr,
			"member %u left %u snd.n %u bytes %u una %u max %u cwnd %u rto %u held %u "
			"ca %u\n",
			i, bytes, crowd[i].c->snd.n, crowd[i].c->snd.bytes,
			crowd[i].c->snd_una - crowd[i].c->iss,
			crowd[i].c->snd_max - crowd[i].c->iss, crowd[i].c->cwnd, crowd[i].c->rto_ms,
			world.w->tcp->held, crowd[i].c->ca);
	assert_int_equal(crowd[i].seen, end);
	assert_true(is_open(i));
}

/* Who was there, and who comes only now, from where nobody is, go on. */
static void go_on_beside(void (*what)(void))
{
	uint32_t round;

	attack = what;
	passes(3 * HALF_MS);
	guest(LATE, 201);
	for (round = 0; round < ROUNDS; round++) {
		served(HONEST, 5 * CHUNK);
		served(LATE, 5 * CHUNK);
		passes(HALF_MS);
	}
	guest(LAST, 202);
	served(LAST, 5 * CHUNK);
	assert_true(tcp_held(world.w) < BUFFERS / 8 * 7);
	assert_true(is_open(HONEST) && is_open(LATE));
	attack = NULL;
}

/* ---- by source ---- */

static void few_sources_that_move(void **state)
{
	(void)state;
	guest(HONEST, 200);
	guests_of(SOURCES);
	go_on_beside(moves_out);
	/* They get less, and give back: nobody had to be ended. */
	assert_int_equal(left(), HOSTILE);
	crowd_end();
}

static void few_sources_that_give_nothing_back(void **state)
{
	(void)state;
	guest(HONEST, 200);
	guests_of(SOURCES);
	go_on_beside(moves_in);
	crowd_end();
}

/* Behind one address may be all there are (R4): they get on, each with less. */
static void one_source_alone(void **state)
{
	uint32_t i;

	(void)state;
	guests_of(1);
	attack = moves_out;
	for (i = 0; i < ROUNDS; i++) {
		passes(HALF_MS);
		assert_in_range(tcp_held(world.w), BUFFERS / 2, BUFFERS / 16 * 13 + LEDGER_LEAST);
	}
	attack = NULL;
	assert_int_equal(left(), HOSTILE);
	crowd_end();
}

/* Nor does one pay for them whose path is away for a while, with what it was sent. */
static void an_outage_beside_a_crowd(void **state)
{
	uint32_t i, before;

	(void)state;
	guest(HONEST, 200);
	guests_of(SOURCES);
	before = crowd[HONEST].seen;
	for (i = 0; i < 2 * FEW; i++)
		assert_int_equal(gives(HONEST, CHUNK), CHUNK);
	crowd[HONEST].seen = before;
	attack = moves_out;
	passes(OUTAGE_MS);
	attack = NULL;
	assert_true(is_open(HONEST));
	assert_int_equal(left(), HOSTILE);
	crowd[HONEST].seen = before + 2 * FEW * CHUNK;
	crowd_ack(HONEST);
	assert_int_equal(ledger_sum(crowd[HONEST].c), 0);
	crowd_end();
}

/* Who holds most pays when those that have little need it, whatever moves. */
static void the_largest_makes_room(void **state)
{
	uint32_t i, k;

	(void)state;
	guests_of(1);
	attack = moves_in;
	passes(2 * HALF_MS);
	assert_int_equal(left(), HOSTILE);
	for (i = 0; i < NEWCOMERS; i++) {
		guest(HOSTILE + i, 2 + i);
		for (k = 0; k < FEW; k++)
			assert_int_equal(gives(HOSTILE + i, CHUNK), CHUNK);
		passes(HALF_MS / 4);
		for (k = 0; k <= i; k++) {
			crowd_ack(HOSTILE + k);
			gives(HOSTILE + k, FEW * CHUNK);
		}
	}
	attack = NULL;
	assert_in_range(left(), 1, HOSTILE - NEWCOMERS / 2);
	assert_in_range(tcp_held(world.w), BUFFERS / 4 * 3, BUFFERS / 16 * 13 + FEW);
	for (i = 0; i < NEWCOMERS; i++)
		assert_true(is_open(HOSTILE + i));
	crowd_end();
}

/* ---- strangers ---- */

static void stranger(uint32_t i, uint32_t source)
{
	assert_true(opens(i, source));
	tcp_trust(world.w, crowd[i].c, false);
}

/* Three buffers each, which it acknowledges before it is sent more. */
static void moves_three(void)
{
	uint32_t i, k;

	for (i = 0; i < HOSTILE; i++) {
		if (!is_open(i))
			continue;
		crowd_ack(i);
		for (k = 0; k < FEW - 1; k++)
			gives(i, CHUNK);
	}
}

/* A stranger is sent the flight of a handshake, and acknowledges it. */
static void shakes_hands(uint32_t i, uint32_t source)
{
	uint32_t before, k;

	stranger(i, source);
	before = crowd[i].seen;
	for (k = 0; k <= FEW; k++)
		assert_int_equal(gives(i, CHUNK), CHUNK);
	crowd[i].seen = before;
	passes(FLIGHT_MS);
	assert_true(is_open(i));
	crowd[i].seen = before + (FEW + 1) * CHUNK;
	crowd_ack(i);
	assert_int_equal(ledger_sum(crowd[i].c), 0);
}

static void shake_hands_beside(uint32_t sources)
{
	uint32_t i;

	for (i = 0; i < HOSTILE; i++)
		stranger(i, 300 + i % sources);
	attack = moves_three;
	passes(HALF_MS);
	assert_in_range(world.w->tcp->ledger.strangers, BUFFERS / 2 - FEW, BUFFERS / 2 + FEW);
	for (i = HONEST; i < HONEST + ROUNDS; i++) {
		shakes_hands(i, 200 + i - HONEST);
		passes(HALF_MS / 3);
	}
	attack = NULL;
	crowd_end();
}

/* A source's strangers fill what strangers may have: it is they who pay. */
static void a_stranger_beside_many_of_a_source(void **state)
{
	(void)state;
	shake_hands_beside(1);
}

/* The same where each is a source of its own: who has had it for the shortest time does not. */
static void a_stranger_beside_many_sources(void **state)
{
	(void)state;
	shake_hands_beside(HOSTILE);
}

/* Hundreds of sources, each of which holds what a small one may, and moves it all: n of them. */
static void many_sources(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		guest(i, 300 + i);
	attack = moves_out;
	passes(3 * HALF_MS);
	for (i = HONEST; i < HONEST + ROUNDS; i++) {
		guest(i, 200 + i - HONEST);
		served(i, 5 * CHUNK);
		passes(HALF_MS / 3);
	}
	assert_in_range(tcp_held(world.w), BUFFERS / 2, BUFFERS / 8 * 7 - 1);
	assert_int_equal(left(), MANY);
	attack = NULL;
	crowd_end();
}

/* ---- by user ---- */

static void clients_of(uint64_t user)
{
	uint32_t i;

	for (i = 0; i < HOSTILE; i++)
		client(i, user);
}

static void a_user_that_moves(void **state)
{
	(void)state;
	client(HONEST, USER + 1);
	clients_of(USER);
	go_on_beside(moves_out);
	assert_int_equal(left(), HOSTILE);
	crowd_end();
}

static void a_user_that_gives_nothing_back(void **state)
{
	(void)state;
	client(HONEST, USER + 1);
	clients_of(USER);
	go_on_beside(moves_in);
	crowd_end();
}

/* Users are not asked who else is behind their address. */
static void a_user_among_neighbours(void **state)
{
	uint32_t i;

	(void)state;
	client(HONEST, USER); /* by the address of HONEST % 200 + 1 */
	for (i = 0; i < HOSTILE; i++)
		guest(i, HONEST % 200 + 1);
	go_on_beside(moves_out);
	crowd_end();
}

/* ---- whose ---- */

static uint32_t holders(void)
{
	return world.w->tcp->accounts.holders;
}

static const struct account *of(uint32_t i)
{
	const struct tcp_conn *c = crowd[i].c;

	return c->charged ? account_of(world.w->tcp, c) : NULL;
}

static void accounts_follow(void **state)
{
	(void)state;
	app.hold = true;
	assert_true(opens(0, 1));
	assert_true(opens(1, 1));
	assert_true(opens(2, 2));
	assert_null(of(0));
	tcp_guest(world.w, crowd[0].c);
	tcp_guest(world.w, crowd[1].c);
	assert_ptr_equal(of(0), of(1));
	assert_int_equal(holders(), 0);
	crowd_say(0, CHUNK);
	crowd_say(1, CHUNK);
	crowd_say(2, CHUNK);
	assert_int_equal(of(0)->buffers, 2);
	assert_int_equal(holders(), 1);
	/* What leads to it is its own. */
	tcp_charge_with(world.w, crowd[2].c, crowd[0].c);
	assert_int_equal(of(0)->buffers, 3);
	/* A user's from now on, wherever he comes from. */
	tcp_trust(world.w, crowd[0].c, true);
	assert_null(of(0));
	tcp_charge(world.w, crowd[0].c, USER);
	assert_int_equal(of(0)->buffers, 1);
	assert_int_equal(of(1)->buffers, 2);
	assert_int_equal(holders(), 2);
	tcp_charge(world.w, crowd[2].c, USER);
	assert_ptr_equal(of(0), of(2));
	tcp_charge(world.w, crowd[2].c, 0);
	assert_true(of(2) != of(0) && of(2) != of(1));
	assert_int_equal(holders(), 3);
	/* And again. */
	tcp_trust(world.w, crowd[0].c, false);
	assert_ptr_equal(of(0), of(1));
	assert_int_equal(holders(), 2);
	crowd_end();
	assert_int_equal(holders(), 0);
}

/* ---- the books ---- */

enum { MEMBERS = 24, STEPS = 6000, SEED = 11 };

/* Of each account what its connections were booked with, and no more. */
static void books_balance(void)
{
	const struct tcp *t = world.w->tcp;
	uint32_t buffers[CONNS] = { 0 }, conns[CONNS] = { 0 }, n_holders = 0, n_strangers = 0, i, a;

	for (i = 0; i < CONNS; i++) {
		const struct tcp_conn *c = &t->conn[i];

		if (!(c->gen & CONN_GEN_LIVE) || c->flags & CONN_DEAD) {
			assert_false(c->charged);
			continue;
		}
		n_strangers += c->standing == TCP_STRANGER ? c->booked : 0;
		if (!c->charged)
			continue;
		buffers[t->accounts.of[i]] += c->booked;
		conns[t->accounts.of[i]]++;
	}
	for (a = 0; a < CONNS; a++) {
		if (!conns[a])
			continue;
		assert_int_equal(t->accounts.account[a].buffers, buffers[a]);
		assert_int_equal(t->accounts.account[a].conns, conns[a]);
		n_holders += buffers[a] != 0;
	}
	assert_int_equal(t->accounts.holders, n_holders);
	assert_int_equal(t->ledger.strangers, n_strangers);
}

static uint32_t drawn(uint32_t n)
{
	static uint32_t x = SEED;

	x = x * 1664525 + 1013904223;
	return (x >> 8) % n;
}

/* What becomes of a connection, in any order. */
static void step(uint32_t i, uint32_t *kept)
{
	struct tcp_conn *c = crowd[i].c, *other = crowd[drawn(MEMBERS)].c;
	uint32_t n = drawn(5) + 1;

	switch (drawn(14)) {
	case 0:
		tcp_trust(world.w, c, true);
		break;
	case 1:
		tcp_trust(world.w, c, false);
		break;
	case 2:
		tcp_guest(world.w, c);
		break;
	case 3:
		tcp_charge(world.w, c, USER + n);
		break;
	case 4:
		tcp_charge(world.w, c, 0);
		break;
	case 5:
		if (other && !(other->flags & CONN_DEAD))
			tcp_charge_with(world.w, c, other);
		break;
	case 6:
		*kept += tcp_hold(world.w, c, n) ? n : 0;
		break;
	case 7:
		tcp_unhold(world.w, c, *kept);
		*kept = 0;
		break;
	case 8:
		crowd_say_at(i, crowd[i].nxt + n * CHUNK, CHUNK); /* behind a hole */
		break;
	case 9:
		gives(i, n * CHUNK);
		break;
	case 10:
		crowd_ack(i);
		break;
	case 11:
		if (n == 1)
			tcp_abort(world.w, c, TCP_END_CLOSED);
		break;
	default:
		crowd_say(i, CHUNK);
	}
}

static void nothing_leaks(void **state)
{
	uint32_t kept[MEMBERS] = { 0 }, n, i;

	(void)state;
	app.hold = true;
	for (n = 0; n < STEPS; n++) {
		i = drawn(MEMBERS);
		if (!crowd[i].c || crowd[i].c->flags & CONN_DEAD || crowd[i].rst) {
			tcp_unhold(world.w, NULL, kept[i]);
			kept[i] = 0;
			crowd_pass_ms(1);
			if (!opens(i, 1 + i % 4))
				crowd[i].c = NULL;
		} else {
			step(i, &kept[i]);
		}
		books_balance();
		if (n % 16 == 0)
			crowd_pass_ms(1);
		books_balance();
	}
	for (i = 0; i < MEMBERS; i++)
		tcp_unhold(world.w, NULL, kept[i]);
	crowd_end();
	books_balance();
	assert_int_equal(holders(), 0);
	assert_int_equal(tcp_held(world.w), 0);
}

#define accounts(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		accounts(few_sources_that_move),
		accounts(few_sources_that_give_nothing_back),
		accounts(one_source_alone),
		accounts(the_largest_makes_room),
		accounts(an_outage_beside_a_crowd),
		accounts(a_stranger_beside_many_of_a_source),
		accounts(a_stranger_beside_many_sources),
		accounts(many_sources),
		accounts(a_user_that_moves),
		accounts(a_user_that_gives_nothing_back),
		accounts(a_user_among_neighbours),
		accounts(accounts_follow),
		accounts(nothing_leaks),
	};

	return tcp_run(tests);
}
