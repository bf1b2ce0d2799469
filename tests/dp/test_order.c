/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands and packets: a controller is answered once the command stands in the ring, so whoever
 * it tells may send at once. What stood there before a packet came is obeyed before the packet is
 * refused, by whichever port and worker it comes, and however much stands before it; but a packet
 * that came before the end of its context is taken. Of SYNs: tests/dp/gateway/test_gateway_lost.c.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"

enum { BACKLOG = CMD_AHEAD - 1 };

static struct cmd_context_set c;

static int setup(void **state)
{
	(void)state;
	media_config();
	world.conf.dataplane.n_workers = 2;
	world.conf.dataplane.ring_slots = 2048;
	world_start();
	c = media_cmd(1, 5, 0);
	return 0;
}

static void command(uint16_t worker)
{
	world_cmd_put(worker, CMD_CONTEXT_SET, &c, sizeof(c));
}

/* From side's remote, to worker 0's queue. */
static void packet(uint32_t side)
{
	static struct frame f;
	const struct sock_addr to = media_local(&c.term[side], 0);

	frame_udp(&f, side == SIDE_A ? ACCESS : CORE, &c.term[side].remote[0], &to, media_packet,
		  sizeof(media_packet), NULL);
	world_in(side == SIDE_A ? ACCESS : CORE, 0, &f);
}

static void passed(uint32_t side)
{
	struct udp_view v;

	world_drops(DROP_NONE, 0);
	media_out(&c, !side, 0, &c.term[!side].remote[0], &v);
}

static void in_one_turn(void **state)
{
	(void)state;
	command(0);
	packet(SIDE_A);
	worker_turn(world.w);
	passed(SIDE_A);
}

/* ---- the worker is in its turn already ---- */

static uint16_t on_port, on_worker;

static void command_and_packet(uint16_t port, uint16_t worker)
{
	if (port != on_port || worker != on_worker)
		return;
	world.on_rx = NULL;
	command(on_worker);
	packet(port == ACCESS ? SIDE_A : SIDE_B);
	if (on_worker != 0)
		worker_turn(world.w); /* which hands it over */
}

static void as_a_port_is_looked_at(void **state)
{
	(void)state;
	for (on_port = ACCESS; on_port <= CORE; on_port++) {
		uint32_t side = on_port == ACCESS ? SIDE_A : SIDE_B;

		on_worker = 0;
		world.on_rx = command_and_packet;
		worker_turn(world.w);
		passed(side);
		c = media_cmd(2, 5, 0); /* another for the next */
	}
}

static void handed_over(void **state)
{
	(void)state;
	c.term[SIDE_A].local.port = be16_make(MEDIA_A + 2); /* worker 1's */
	c.term[SIDE_B].local.port = be16_make(MEDIA_B + 2);
	on_port = CORE;
	on_worker = 1;
	world.on_rx = command_and_packet;
	worker_turn(world.dp.worker[1]);
	passed(SIDE_B);
}

/* ---- an end ---- */

static void the_end_comes_last(void **state)
{
	struct cmd_context del = { .cid = c.cid };

	(void)state;
	command(0);
	world_run();
	world_cmd_put(0, CMD_CONTEXT_DEL, &del, sizeof(del));
	packet(SIDE_A);
	worker_turn(world.w);
	passed(SIDE_A);
	packet(SIDE_A);
	worker_turn(world.w);
	world_drops(DROP_RELAY_PORT, 1);
}

/* ---- much stands before it ---- */

static void behind_a_backlog(void **state)
{
	struct cmd_context audit = { .cid = { 0, 1 } };
	uint32_t i;

	(void)state;
	for (i = 0; i < BACKLOG; i++)
		world_cmd_put(0, CMD_CONTEXT_AUDIT, &audit, sizeof(audit));
	command(0);
	packet(SIDE_A);
	worker_turn(world.w);
	passed(SIDE_A);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(in_one_turn),	       T(as_a_port_is_looked_at), T(handed_over),
		T(the_end_comes_last), T(behind_a_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
