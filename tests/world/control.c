/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"
#include "unit.h"

#include <stdlib.h>

void control_take(uint16_t i)
{
	const struct ctl_worker *l = &world.dp.region->worker[i];
	uint8_t *base = (uint8_t *)world.dp.region;

	if (!ring_attach_writer(&world.cmd[i], (struct ring_shm *)(base + l->cmd_ring),
				l->cmd_slots) ||
	    !ring_attach_reader(&world.evt[i], (struct ring_shm *)(base + l->evt_ring),
				l->evt_slots) ||
	    !ring_attach_reader(&world.trace[i], (struct ring_shm *)(base + l->trace),
				CTL_TRACE_SLOTS))
		abort();
}

void world_cmd_put(uint16_t worker, uint16_t type, void *cmd, uint16_t len)
{
	struct ctl_hdr h = { .type = type, .len = len, .seq = 7 };

	memcpy(cmd, &h, sizeof(h));
	assert_true(ring_room(&world.cmd[worker], 1) > 0);
	memcpy(ring_slot(&world.cmd[worker], 0), cmd, len);
	ring_publish(&world.cmd[worker], 1);
}

bool world_cmd(uint16_t worker, uint16_t type, void *cmd, uint16_t len)
{
	const _Atomic uint64_t *done = &world.dp.worker[worker]->counters->cnt[CNT_CMD];
	uint64_t before = *done;

	world_cmd_put(worker, type, cmd, len);
	world_run();
	return *done == before + 1;
}

/* Copies the oldest slot of a ring; false if there is none. */
static bool take(struct ring *r, void *to, size_t len)
{
	if (ring_count(r, 1) <= 0)
		return false;
	memcpy(to, ring_peek(r, 0), len);
	ring_release(r, 1);
	return true;
}

const void *world_evt(uint16_t worker)
{
	static alignas(8) uint8_t msg[RING_MSG_SIZE];

	return take(&world.evt[worker], msg, sizeof(msg)) ? msg : NULL;
}

const struct ctl_trace *world_trace(uint16_t worker)
{
	static struct ctl_trace rec;

	return take(&world.trace[worker], &rec, sizeof(rec)) ? &rec : NULL;
}

bool session_add(uint16_t worker, uint32_t slot, uint32_t gen, const struct sock_addr *client,
		 uint16_t listener, uint16_t port4, uint16_t port6, uint32_t flags)
{
	struct cmd_session_set c = { .sid = { slot, gen },
				     .leg = { *client, listener, 0, 0 },
				     .relay = { { 0, be16_make(port4) }, { 1, be16_make(port6) } },
				     .flags = flags,
				     .expiry = world.w->now + 600 };

	if (!port4)
		c.relay[0].relay = CTL_RELAY_NONE;
	if (!port6)
		c.relay[1].relay = CTL_RELAY_NONE;
	return session_set(world.dp.worker[worker], &c);
}

bool perm_add(uint16_t worker, uint32_t slot, const char *ip, uint32_t expiry)
{
	struct cmd_perm_set c = { .sid = { slot, world.dp.worker[worker]->session[slot].gen },
				  .peer = at(ip, 0).ip,
				  .expiry = expiry };

	return session_perm_set(world.dp.worker[worker], &c);
}

bool chan_add(uint16_t worker, uint32_t slot, const struct sock_addr *peer, uint16_t channel,
	      uint32_t expiry)
{
	struct cmd_chan_set c = { .sid = { slot, world.dp.worker[worker]->session[slot].gen },
				  .peer = *peer,
				  .channel = channel,
				  .expiry = expiry,
				  .perm_expiry = expiry };

	return session_chan_set(world.dp.worker[worker], &c);
}
