/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ledger of packet buffers (dp/tcp/ledger.h): whoever takes all he can get, with or without
 * somebody who vouches for him, takes nothing from a connection that moves on what it holds, and
 * new ones open. RFC 2018 8: what came out of order may be given up.
 */
#include "tests/world/crowd.h"
#include "dp/tcp/ledger.h"

enum { BUFFERS = 1024, CONNS = 256, HOSTILE = 120, HONEST = 500, LATE, READERS = 8, PIECE = 12000 };

static int setup(void **state)
{
	(void)state;
	crowd_config(CONNS);
	world.conf.tcp.buffers = BUFFERS;
	tcp_start();
	app.any_data = true;
	return 0;
}

/* Bytes that the member can bring in, window by window, to an owner that reads at once. */
static void gets_in(uint32_t i, uint32_t bytes)
{
	bool hold = app.hold;
	uint32_t at;

	app.hold = false;
	tcp_recv_pause(world.w, crowd[i].c, false);
	for (at = 0; at < bytes; at += 1000) {
		crowd_say(i, 1000);
		assert_int_equal(crowd[i].c->rcv_nxt, crowd[i].p.iss + crowd[i].nxt);
		assert_int_equal(tcp_readable(crowd[i].c), 0);
	}
	app.hold = hold;
	assert_false(crowd[i].rst);
}

/* The same, and nothing of anybody is given up for it. */
static void comes_through(uint32_t i, uint32_t bytes)
{
	uint64_t before = world.w->counters->drop[DROP_TCP_MEMORY];

	gets_in(i, bytes);
	assert_int_equal(world.w->counters->drop[DROP_TCP_MEMORY], before);
}

/* One that was there before, and one that comes only now. */
static void honest_go_on(void)
{
	comes_through(HONEST, 100000);
	if (!crowd[LATE].c)
		assert_true(crowd_open(LATE));
	comes_through(LATE, 100000);
}

/* One byte, and a hole of one: a buffer each. */
static void crumbs_of_strangers(void **state)
{
	uint32_t i, k;

	(void)state;
	app.stranger = true;
	assert_true(crowd_open(HONEST));
	for (i = 0; i < HOSTILE; i++) {
		assert_true(crowd_open(i));
		for (k = 0; k < 60; k++)
			crowd_say_at(i, 8001 + 2 * k, 1);
		assert_true(!crowd[i].c || crowd[i].c->ooo.n <= LEDGER_SMALL);
		assert_true(tcp_held(world.w) <= BUFFERS / 2 + LEDGER_SMALL);
		if (i % 8 == 0)
			comes_through(HONEST, 5000);
	}
	honest_go_on();
	/* Nothing that can be asked for again ends a connection. */
	crowd_pass_ms(2000);
	assert_true(tcp_held(world.w) <= BUFFERS / 4);
	for (i = 0; i < HOSTILE; i++)
		assert_false(crowd[i].rst);
	honest_go_on();
	crowd_end();
}

/* Who holds all it may of what came is still answered, or nobody would ever read on. */
static void full_and_answered(void **state)
{
	(void)state;
	app.stranger = true;
	assert_true(crowd_open(0));
	assert_true(tcp_hold(world.w, crowd[0].c, LEDGER_SMALL));
	assert_false(ledger_allows(world.w, crowd[0].c, 1));
	app.c = crowd[0].c;
	app_send(1000);
	crowd_run();
	assert_int_equal(crowd[0].seen, 1001);
	tcp_unhold(world.w, crowd[0].c, LEDGER_SMALL);
	crowd_end();
}

/* As data connections are whose far side does not read: an allocation's, or anybody's. */
static void unread(uint32_t *sum)
{
	uint32_t i, k;

	app.hold = true;
	assert_true(crowd_open(HONEST));
	for (i = 0; i < 12; i++) {
		assert_true(crowd_open(i));
		tcp_share(world.w, crowd[i].c, sum);
		for (k = 0; k < 64; k++)
			crowd_say(i, 1000);
		if (i % 8 == 0)
			comes_through(HONEST, 5000);
	}
}

static void large_holders_leave_room(void **state)
{
	uint32_t i;

	(void)state;
	unread(NULL);
	/* Each got what the others left, and three quarters are never theirs. */
	assert_true(ledger_sum(crowd[0].c) > 2 * LEDGER_SMALL);
	assert_true(tcp_held(world.w) <= BUFFERS - BUFFERS / 4 + LEDGER_SMALL);
	honest_go_on();
	crowd_pass_ms(2000);
	assert_true(tcp_held(world.w) <= BUFFERS / 8 * 5);
	/* The largest paid, and no more of them than it took. */
	assert_true(crowd[0].rst);
	assert_in_range(world.w->counters->end[TCP_END_HOARD], 1, 20);
	for (i = 0; i < 12; i++)
		assert_true(!crowd[i].c || !crowd[i].rst || !(crowd[i].c->gen & CONN_GEN_LIVE));
	honest_go_on();
	crowd_end();
}

/* Connections of one holder get together what one would. */
static void many_for_one(void **state)
{
	uint32_t sum = 0;

	(void)state;
	unread(&sum);
	assert_in_range(sum, LEDGER_SMALL, BUFFERS / 8 * 3 + LEDGER_SMALL);
	assert_in_range(tcp_held(world.w), sum, sum + LEDGER_SMALL);
	honest_go_on();
	crowd_end();
	assert_int_equal(sum, 0);
}

/* Who is vouched for is no stranger any more, with the window of all; and the other way round. */
static void trust(void **state)
{
	(void)state;
	app.stranger = true;
	assert_true(crowd_open(0));
	assert_int_equal(crowd[0].c->rcv_adv - crowd[0].c->rcv_nxt, LEDGER_WINDOW);
	app.hold = true;
	crowd_say(0, 1000);
	assert_int_equal(world.w->tcp->ledger.strangers, 1);
	tcp_trust(world.w, crowd[0].c, true);
	assert_int_equal(world.w->tcp->ledger.strangers, 0);
	crowd_run();
	assert_int_equal(crowd[0].c->rcv_adv - crowd[0].c->rcv_nxt, TCP_FIRST_WINDOW);
	tcp_trust(world.w, crowd[0].c, false);
	assert_int_equal(world.w->tcp->ledger.strangers, 1);
	assert_int_equal(crowd[0].c->standing, TCP_STRANGER);
	crowd_end();
}

/* What an owner keeps counts as well, and is given back where it is asked for. */
static uint32_t kept;

static void spare(struct worker *w, struct tcp_conn *c)
{
	tcp_unhold(w, c, kept);
	kept = 0;
}

static void what_owners_keep(void **state)
{
	static struct tcp_app keeper;
	struct tcp_conn *c;

	(void)state;
	assert_true(crowd_open(0));
	c = crowd[0].c;
	keeper = *tcp_app(c);
	keeper.spare = spare;
	tcp_own(c, &keeper);
	for (kept = 0; tcp_hold(world.w, c, 1); kept++)
		;
	assert_in_range(kept, BUFFERS / 8 * 3, BUFFERS / 8 * 3 + 1);
	assert_int_equal(tcp_held(world.w), kept);
	/* Others hold the rest of five eighths, and more. */
	world.w->tcp->held += BUFFERS / 2;
	crowd_pass_ms(1100);
	assert_int_equal(kept, 0);
	assert_false(crowd[0].rst);
	world.w->tcp->held -= BUFFERS / 2;
	assert_int_equal(tcp_held(world.w), 0);
	crowd_end();
}

/* Bytes that the member is sent, and acknowledges a round trip later: each once. */
static void reads_on(uint32_t i, uint32_t bytes)
{
	uint32_t want, ms, at;

	for (at = 0; at < bytes; at += PIECE) {
		app.c = crowd[i].c;
		want = crowd[i].seen + PIECE;
		app_send(PIECE);
		assert_int_equal(app.to_send, 0);
		crowd_run();
		for (ms = 0; crowd[i].seen != want && ms < 100; ms++) {
			crowd_pass_ms(1);
			crowd_ack(i);
		}
		assert_int_equal(crowd[i].seen, want);
		crowd_ack(i);
		assert_int_equal(crowd[i].c->snd.bytes, 0);
	}
	assert_int_equal(crowd[i].c->retransmits, 0);
	assert_false(crowd[i].rst);
}

/* They take nothing of what they are sent, neither segments nor their window. */
static void strangers_that_do_not_read(void **state)
{
	uint32_t i;

	(void)state;
	app.stranger = true;
	assert_true(crowd_open(HONEST));
	for (i = 0; i < HOSTILE; i++) {
		assert_true(crowd_open(i));
		app.c = crowd[i].c;
		app_send(LEDGER_WINDOW);
		app.to_send = 0; /* what was refused */
		crowd_run();
		assert_true(tcp_held(world.w) <= BUFFERS / 2 + LEDGER_SMALL);
		if (i % 8 == 0)
			reads_on(HONEST, 2 * PIECE);
	}
	crowd_pass_ms(2000);
	assert_true(tcp_held(world.w) <= BUFFERS / 4);
	assert_true(crowd_open(LATE));
	reads_on(HONEST, 10 * PIECE);
	reads_on(LATE, 10 * PIECE);
	assert_true(world.w->counters->end[TCP_END_HOARD] > 0);
	crowd_end();
}

/* A network card that gives back what it has sent only as it needs the room. */
enum { CARD_RING = 512, JUMBO = 9000 };

static struct {
	struct rte_mbuf *m[CARD_RING];
	uint32_t n;
} card;

static void card_clear(void)
{
	uint32_t i;

	for (i = 0; i < RTE_MIN(card.n, (uint32_t)CARD_RING); i++)
		rte_pktmbuf_free(card.m[i]);
	memset(&card, 0, sizeof(card));
}

static void card_sends(uint16_t port, const struct rte_mbuf *m)
{
	struct rte_mbuf **slot = &card.m[card.n++ % CARD_RING];
	struct frame f = { .len = (uint16_t)m->pkt_len };
	const void *p;

	if (card.n > CARD_RING)
		rte_pktmbuf_free(*slot);
	*slot = (struct rte_mbuf *)(uintptr_t)m;
	rte_pktmbuf_refcnt_update(*slot, 1);
	assert_in_range(m->pkt_len, 1, FRAME_MAX);
	p = rte_pktmbuf_read(m, 0, f.len, f.b);
	if (p != f.b)
		memcpy(f.b, p, f.len);
	world_sent(port, &f);
}

static int setup_card(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.buffers = BUFFERS;
	world.conf.port[ACCESS].mtu = JUMBO;
	tcp_start();
	app.any_data = true;
	world.tx_device = card_sends;
	return 0;
}

static int teardown_card(void **state)
{
	world.tx_device = NULL;
	card_clear();
	return tcp_teardown(state);
}

/* What is acknowledged is the card's, not the connection's, though its buffers are the same. */
static void card_that_is_slow(void **state)
{
	uint32_t i, round;

	(void)state;
	peer.mss = JUMBO - 40;
	for (i = 0; i < READERS; i++)
		assert_true(crowd_open(i));
	for (round = 0; round < 20; round++) {
		for (i = 0; i < READERS; i++)
			reads_on(i, 4 * PIECE);
		assert_int_equal(tcp_held(world.w), 0);
		assert_true(card.n > 0);
	}
	/* Far more buffers are with it than the ledger would give anybody. */
	assert_true(world.w->pool->size - rte_mempool_avail_count(world.w->pool) > BUFFERS);
	crowd_pass_ms(2000);
	for (i = 0; i < READERS; i++)
		reads_on(i, PIECE);
	assert_int_equal(world.w->counters->end[TCP_END_HOARD], 0);
	crowd_end();
	peer.mss = PEER_MSS;
}

/* ---- small holders, whom somebody vouches for, or may ---- */

enum { SMALL_ONES = 100, CRUMBS = 12 };

/* Beside the missing byte: a buffer for each that came. */
static void crumbs_again(void)
{
	uint32_t i, k;

	for (i = 0; i < SMALL_ONES; i++)
		for (k = 0; k < CRUMBS && !crowd[i].rst; k++)
			crowd_say_at(i, 8001 + 2 * k, 1);
}

static void small_ones_open(bool guests)
{
	uint32_t i;

	assert_true(crowd_open(HONEST));
	for (i = 0; i < SMALL_ONES; i++) {
		assert_true(crowd_open(i));
		if (guests)
			tcp_guest(world.w, crowd[i].c);
	}
}

/* They say enough to have moved what they hold, and what was given up comes again. */
static void crumbs_of(bool guests)
{
	uint32_t i, s;

	small_ones_open(guests);
	crumbs_again();
	assert_true(crowd_open(LATE));
	for (s = 0; s < 8; s++) {
		crowd_pass_ms(500);
		for (i = 0; i < SMALL_ONES; i++)
			crowd_say(i, 20);
		crumbs_again();
		assert_true(tcp_held(world.w) <= BUFFERS / 4 * 3);
		gets_in(HONEST, 10000);
		gets_in(LATE, 10000);
	}
	for (i = 0; i < SMALL_ONES; i++)
		assert_false(crowd[i].rst);
	assert_int_equal(world.w->counters->end[TCP_END_HOARD], 0);
	crowd_end();
}

static void crumbs_of_guests(void **state)
{
	(void)state;
	crumbs_of(true);
}

static void crumbs_of_clients(void **state)
{
	(void)state;
	crumbs_of(false);
}

/* Nothing can be taken back at once: they get less each before newcomers get nothing. */
static void full_ones(bool guests)
{
	uint32_t i, k;

	app.hold = true;
	small_ones_open(guests);
	for (k = 0; k < LEDGER_SMALL; k++)
		for (i = 0; i < SMALL_ONES; i++)
			crowd_say(i, 1000);
	assert_true(tcp_held(world.w) >= BUFFERS / 4 * 3);
	assert_true(tcp_held(world.w) <= BUFFERS / 16 * 13 + 1);
	honest_go_on();
	crowd_end();
}

static void full_guests(void **state)
{
	(void)state;
	full_ones(true);
}

static void full_clients(void **state)
{
	(void)state;
	full_ones(false);
}

/* Guests from one address get together what one holder would, and each a little. */
static void guests_of_one_source(void **state)
{
	uint32_t i, k;

	(void)state;
	app.hold = true;
	assert_true(crowd_open(HONEST));
	for (i = 0; i < 12; i++) {
		assert_true(crowd_open(i));
		tcp_guest(world.w, crowd[i].c);
		for (k = 0; k < 64; k++)
			crowd_say(i, 1000);
		assert_true(ledger_sum(crowd[i].c) >= LEDGER_SMALL);
	}
	assert_in_range(tcp_held(world.w), BUFFERS / 8 * 3, BUFFERS / 8 * 3 + 12 * LEDGER_SMALL);
	honest_go_on();
	crowd_end();
}

/* The path of one is away, which holds more than anybody else: the others pay, or nobody. */
static void outage(bool crumbs)
{
	uint32_t i, k, ms;

	small_ones_open(true);
	reads_on(HONEST, 10 * PIECE);
	app.c = crowd[HONEST].c;
	app_send(60000);
	crowd_run();
	/* Whoever holds much has moved more lately. */
	crowd_pass_ms(500);
	for (i = 0; i < SMALL_ONES; i++)
		crowd_say(i, 20);
	app.hold = true;
	for (k = 0; k < CRUMBS && !crumbs; k++)
		for (i = 0; i < SMALL_ONES; i++)
			crowd_say(i, 1000);
	for (ms = 0; ms < 5000; ms++) {
		if (ms % 450 == 0 && crumbs) {
			for (i = 0; i < SMALL_ONES; i++)
				crowd_say(i, 20);
			crumbs_again();
		}
		crowd_pass_ms(1);
		assert_false(crowd[HONEST].rst);
	}
	assert_int_equal(world.w->counters->end[TCP_END_HOARD] == 0, crumbs);
	/* Back again. */
	app.c = crowd[HONEST].c;
	for (ms = 0; app.c->snd.bytes && ms < 20000; ms++) {
		crowd_ack(HONEST);
		crowd_pass_ms(1);
	}
	assert_int_equal(crowd[HONEST].c->snd.bytes, 0);
	assert_false(crowd[HONEST].rst);
	crowd_end();
}

static void an_outage_beside_crumbs(void **state)
{
	(void)state;
	outage(true);
}

static void an_outage_beside_hoards(void **state)
{
	(void)state;
	outage(false);
}

enum { FEW_BUFFERS = 512 };

static int setup_few(void **state)
{
	(void)state;
	crowd_config(CONNS);
	world.conf.tcp.buffers = FEW_BUFFERS;
	tcp_start();
	app.any_data = true;
	return 0;
}

/* Three buffers each, of very many that move nothing: they are found as well. */
static void three_each(void **state)
{
	uint32_t i, k;

	(void)state;
	app.hold = true;
	assert_true(crowd_open(HONEST));
	for (i = 0; i < 200 && crowd_open(i); i++)
		for (k = 0; k < 3; k++)
			crowd_say(i, 1000);
	assert_true(tcp_held(world.w) > FEW_BUFFERS / 16 * 13);
	crowd_pass_ms(2000);
	assert_true(tcp_held(world.w) <= FEW_BUFFERS / 16 * 13);
	honest_go_on();
	crowd_end();
}

#define ledger(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ledger(crumbs_of_strangers),
		ledger(full_and_answered),
		ledger(large_holders_leave_room),
		ledger(many_for_one),
		ledger(trust),
		ledger(what_owners_keep),
		ledger(strangers_that_do_not_read),
		ledger(crumbs_of_guests),
		ledger(crumbs_of_clients),
		ledger(full_guests),
		ledger(full_clients),
		ledger(guests_of_one_source),
		ledger(an_outage_beside_crumbs),
		ledger(an_outage_beside_hoards),
		cmocka_unit_test_setup_teardown(three_each, setup_few, tcp_teardown),
		cmocka_unit_test_setup_teardown(card_that_is_slow, setup_card, teardown_card),
	};

	return tcp_run(tests);
}
