/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CMD_AUDIT (R70): a worker tells every session and context it has, with all permissions and
 * channels, as the commands that would make them again; what is over is left out. It takes its time
 * where the ring is full, and asks nobody anything until all is told.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"

#include "dp/audit.h"
#include "dp/boundary.h"
#include "dp/turn/session.h"

enum { PEERS = 70, GEN = 9 };

static int setup(void **state)
{
	(void)state;
	media_config();
	world.conf.dataplane.peers = 2 * PEERS;
	world_start();
	return 0;
}

static struct sock_addr peer_of(uint16_t i)
{
	struct sock_addr a = at("10.2.0.2", (uint16_t)(4000 + i));

	a.ip.b[14] = (uint8_t)i;
	return a;
}

static void session_make(uint32_t slot, uint32_t expiry)
{
	struct cmd_session_set s = {
		.sid = { slot, GEN },
		.leg = { .client = at("10.1.0.2", (uint16_t)(5000 + slot)) },
		.expiry = expiry,
		.relay = { { 0, be16_make((uint16_t)(RELAY_PORT + 2 * slot)) },
			   { CTL_RELAY_NONE, { { 0 } } } },
		.flags = SESSION_FINGERPRINT,
	};

	assert_true(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
}

static void audit(void)
{
	struct ctl_hdr c = { 0 };

	assert_true(world_cmd(0, CMD_AUDIT, &c, sizeof(c)));
}

/* The next event; turns until there is one. */
static const void *next(uint16_t type)
{
	const struct ctl_hdr *e;

	world_run();
	e = world_evt(0);
	assert_non_null(e);
	assert_int_equal(e->type, type);
	return e;
}

static void all_of_a_session_is_told(void **state)
{
	const struct evt_session *e;
	const struct ctl_hdr *h;
	uint32_t seen = 0, channels = 0;

	(void)state;
	session_make(1, world.w->now + 60);
	session_make(2, world.w->now); /* over */
	for (uint16_t i = 0; i < PEERS; i++) {
		struct cmd_perm_set p = { .sid = { 1, GEN },
					  .peer = peer_of(i).ip,
					  .expiry = world.w->now + 60 };
		struct cmd_chan_set c = { .sid = { 1, GEN },
					  .peer = peer_of(i),
					  .channel = (uint16_t)(0x4000 + i),
					  .expiry = world.w->now + 70,
					  .perm_expiry = world.w->now + 60 };

		if (i % 10)
			assert_true(world_cmd(0, CMD_PERM_SET, &p, sizeof(p)));
		else
			assert_true(world_cmd(0, CMD_CHAN_SET, &c, sizeof(c)));
	}
	while (world_evt(0))
		;
	audit();
	while (seen < PEERS) {
		e = next(EVT_SESSION);
		assert_int_equal(e->hdr.len, sizeof(*e));
		assert_int_equal(e->sid.slot, 1);
		assert_int_equal(e->sid.gen, GEN);
		assert_int_equal(e->flags, SESSION_FINGERPRINT);
		assert_int_equal(e->expiry, world.w->now + 60);
		assert_int_equal(be16_get(e->leg.client.port), 5001);
		assert_int_equal(be16_get(e->relay[0].port), RELAY_PORT + 2);
		assert_in_range(e->n_peer, 1, CTL_SESSION_PEERS);
		for (uint16_t i = 0; i < e->n_peer; i++) {
			uint8_t nr = e->peer[i].addr.ip.b[14];

			assert_int_equal(e->peer[i].perm_expiry, world.w->now + 60);
			if (e->peer[i].channel) {
				assert_int_equal(e->peer[i].channel, 0x4000 + nr);
				assert_int_equal(e->peer[i].chan_expiry, world.w->now + 70);
				channels++;
			}
			seen += !e->peer[i].channel || nr == 0 || nr % 10 == 0;
		}
		if (e->n_peer < CTL_SESSION_PEERS)
			break;
	}
	assert_int_equal(channels, PEERS / 10);
	assert_true(seen >= PEERS);
	h = next(EVT_AUDITED);
	assert_int_equal(h->len, sizeof(*h));
	assert_null(world_evt(0));
}

static void contexts_are_told_as_they_were_set(void **state)
{
	struct cmd_context_set c = media_cmd(3, GEN, TERM_RTP);
	const struct evt_context *e;

	(void)state;
	assert_true(media_put(&c));
	while (world_evt(0))
		;
	audit();
	e = next(EVT_CONTEXT);
	assert_int_equal(e->hdr.len, sizeof(*e));
	assert_int_equal(e->cid.slot, 3);
	assert_int_equal(e->cid.gen, GEN);
	assert_int_equal(e->expiry, c.expiry);
	assert_memory_equal(e->term, c.term, sizeof(c.term));
	next(EVT_AUDITED);
}

static void a_full_ring_is_waited_for(void **state)
{
	uint32_t told = 0;
	const struct ctl_hdr *h;

	(void)state;
	for (uint32_t i = 0; i < 16; i++)
		session_make(i, world.w->now + 60);
	while (world_evt(0))
		;
	audit();
	assert_non_null(evt_answer(world.w)); /* answers have their room */
	assert_null(evt_request(world.w));
	assert_null(evt_stranger(world.w));
	assert_int_equal(evt_stranger_room(world.w, 1), 0);
	for (;;) {
		world_run();
		h = world_evt(0);
		assert_non_null(h);
		if (h->type == EVT_AUDITED)
			break;
		told++;
	}
	assert_int_equal(told, 16);
	assert_non_null(evt_request(world.w));
	assert_non_null(evt_stranger(world.w));
}

/* The ring is full in the middle of a session, and what of it was told is over by then. */
static void what_is_over_hides_nothing(void **state)
{
	bool told[2 * PEERS] = { 0 };
	const struct ctl_hdr *h;
	uint32_t big = 15;

	(void)state;
	for (uint32_t i = 0; i <= big; i++)
		session_make(i, world.w->now + 60);
	for (uint16_t i = 0; i < 2 * PEERS; i++) {
		/* The last ones are told first. */
		struct cmd_perm_set p = { .sid = { big, GEN },
					  .peer = peer_of(i).ip,
					  .expiry = world.w->now + (i < PEERS ? 60 : 2) };

		assert_true(world_cmd(0, CMD_PERM_SET, &p, sizeof(p)));
	}
	while (world_evt(0))
		;
	audit();
	for (uint32_t i = 0; i < 4; i++) /* room for what is before it, and some of it */
		h = world_evt(0);
	world_run();
	world_clock_ms((world.w->now + 3) * 1000ull);
	world_run();
	while ((h = world_evt(0))) {
		const struct evt_session *e = (const struct evt_session *)h;

		for (uint16_t i = 0; h->type == EVT_SESSION && i < e->n_peer; i++)
			told[e->peer[i].addr.ip.b[14]] = true;
		world_run();
		world_clock_ms(world.w->now_ms + 1000);
	}
	for (uint16_t i = 0; i < PEERS; i++)
		if (!told[i])
			fail_msg("permission %u was not told", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_of_a_session_is_told, setup, world_teardown),
		cmocka_unit_test_setup_teardown(contexts_are_told_as_they_were_set, setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_full_ring_is_waited_for, setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_is_over_hides_nothing, setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
