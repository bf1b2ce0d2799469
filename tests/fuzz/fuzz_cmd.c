/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hostile control process: any bytes in the command ring, any cursors, any header of the region,
 * with packets in between. An input is a list of records: kind, length (two bytes, network order),
 * bytes. Nothing it does may crash a worker, unbalance its books or leave its tables at odds; and
 * once its sessions are gone, nothing of them is left.
 */
#include "dp_hostile.h"
#include "tests/world/stream_check.h"
#include "../../dp/boundary.h"
#include "../../dp/dispatch.h"
#include "../../dp/gateway/context.h"
#include "../../dp/tcp/conn.h"
#include "../../dp/turn/leg.h"
#include "dp/turn/turn.h"

#include <stdlib.h>

enum { RECORDS_MAX = 64, CONTEXTS = 4 };

enum kind {
	KIND_RAW,     /* a message as it stands */
	KIND_CMD,     /* one whose type and length agree, whose slot exists */
	KIND_HEAD,    /* of the command ring */
	KIND_TAIL,    /* of the event ring */
	KIND_REGION,  /* bytes somewhere in the region's header */
	KIND_FRAME,   /* a packet: how it comes, bytes */
	KIND_TIME,    /* seconds go by */
	KIND_EVENTS,  /* it takes its events */
	KIND_CONTEXT, /* CMD_CONTEXT_SET, nearly right */
	KINDS
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct region saved;

static void world_once(void)
{
	if (world.w)
		return;
	world_config();
	world.conf.gateway.contexts = CONTEXTS;
	world.conf.gateway.streams = CONTEXTS - 1;
	world.conf.gateway.srtp = CONTEXTS - 1;
	world.conf.gateway.latch_ms = 2000;
	world.conf.dataplane.binding_rate = 10;
	world_start();
	atexit(world_stop); /* what keys are enciphered with is not DPDK's memory, but found through
			       it */
	saved = *world.dp.region;
}

/* Whether commands stand in the ring that the worker takes no notice of. */
static bool commands_wait(void)
{
	return world.w->boundary.rings_ok &&
	       world.w->boundary.cmd.own != atomic_load(&world.cmd[0].shm->head);
}

/* A command that waits for room in the event ring is taken once there is some. */
static void publish(const uint8_t *msg, size_t len)
{
	struct ring_shm *shm = world.cmd[0].shm;
	uint32_t head = atomic_load(&shm->head), i;

	memcpy(shm->slot[head & (world.cmd[0].size - 1)], msg, len);
	atomic_store(&shm->head, head + 1);
	world_run();
	for (i = 0; commands_wait() && i < world.cmd[0].size; i++) {
		atomic_store(&world.evt[0].shm->tail, world.w->boundary.evt.own);
		world_run();
	}
	MUST(!commands_wait());
}

static void command(uint8_t *msg, size_t len)
{
	static const uint16_t size[] = {
		[CMD_NONE] = sizeof(struct ctl_hdr),
#define CMD(name, member, type) [CMD_##name] = sizeof(struct type),
#include "../../lib/msg.def"
	};
	struct ctl_hdr h = { .type = msg[0] % RTE_DIM(size) };
	struct ctl_sid *sid = (struct ctl_sid *)(msg + sizeof(h));

	h.len = h.type == CMD_SEND ? (uint16_t)RTE_MAX(len, offsetof(struct cmd_send, payload))
				   : size[h.type];
	if (h.type == CMD_SEND)
		((struct cmd_send *)msg)->payload_len =
		    (uint16_t)(h.len - offsetof(struct cmd_send, payload));
	else if (h.type == CMD_JOIN || h.type == CMD_CONN_CLOSE) /* names a connection there */
		sid->slot %= world.conf.tcp.connections + 1;
	else if (h.type >= CMD_CONTEXT_SET && h.type <= CMD_SRTP_SET)
		sid->slot %= CONTEXTS + 1;
	else
		sid->slot %= world.w->turn->sessions_max + 1;
	memcpy(msg, &h, sizeof(h));
	publish(msg, h.len);
}

static struct sock_addr remote_make(struct rd *r, bool v6)
{
	static const char *const who[4][2] = { { "10.2.0.2", "fd00:2::2" },
					       { "10.2.0.3", "fd00:2::3" },
					       { "10.2.0.1", "fd00:2::1" },
					       { "192.0.2.1", "10.2.0.2" } };
	const uint8_t b = rd_u8(r);

	/* Of ours: ports of other legs. */
	return b ? at(who[b & 3][v6], (uint16_t)((b & 3) == 2 ? RELAY_PORT + (b >> 2) : b >> 2))
		 : (struct sock_addr){ 0 };
}

static struct ctl_term term_make(struct rd *r)
{
	struct ctl_term t = { .transport = rd_u8(r) % (TERM_TLS + 2),
			      .attempt = rd_u8(r),
			      .flags = rd_u16(r),
			      .ufrag = "ufrag",
			      .pwd = "a password that is long enough",
			      .burst = 1500 };

	if (!(t.flags & 1 << 15))
		t.flags &= t.transport == TERM_UDP ? 0x7f : 0xe3;
	t.local.relay = rd_u8(r) % (world.conf.n_relay + 1);
	t.local.port = be16_make((uint16_t)(RELAY_PORT + rd_u8(r) % 32));
	t.remote[0] = remote_make(r, t.local.relay);
	t.remote[1] = remote_make(r, t.local.relay);
	t.latched[0] = remote_make(r, t.local.relay);
	t.dscp = rd_u8(r);
	t.rate = rd_u8(r) * 100u;
	t.inactivity = rd_u8(r);
	return t;
}

/* Slot, generation, lifetime, flags, and of each termination what there is to vary. */
static void context_make(uint8_t *msg, size_t len)
{
	struct rd r = rd_init(msg, len);
	struct cmd_context_set c = { .hdr = { .type = CMD_CONTEXT_SET, .len = sizeof(c) } };

	c.cid.slot = rd_u8(&r) % (CONTEXTS + 1);
	c.cid.gen = rd_u8(&r) % 4;
	c.expiry = world.w->now + rd_u8(&r);
	c.flags = rd_u8(&r) & 1;
	c.term[0] = term_make(&r);
	c.term[1] = term_make(&r);
	publish((const uint8_t *)&c, sizeof(c));
}

static uint32_t word(const uint8_t *p, size_t len)
{
	uint32_t v = 0;

	memcpy(&v, p, RTE_MIN(len, sizeof(v)));
	return v;
}

static void record(enum kind kind, const uint8_t *p, size_t len)
{
	alignas(8) uint8_t msg[RING_MSG_SIZE] = { 0 };
	uint8_t *region = (uint8_t *)world.dp.region;

	if (len == 0)
		return;
	memcpy(msg, p, RTE_MIN(len, sizeof(msg)));
	len = RTE_MIN(len, sizeof(msg));
	switch (kind) {
	case KIND_RAW:
		publish(msg, len);
		break;
	case KIND_CMD:
		command(msg, len);
		break;
	case KIND_HEAD:
		atomic_store(&world.cmd[0].shm->head, word(p, len));
		break;
	case KIND_TAIL:
		atomic_store(&world.evt[0].shm->tail, word(p, len));
		break;
	case KIND_REGION:
		if (len > 2)
			memcpy(region + (p[0] << 8 | p[1]) % (sizeof(struct region) - len), p + 2,
			       len - 2);
		break;
	case KIND_FRAME:
		hostile_frame(p[0], p + 1, len - 1);
		break;
	case KIND_TIME:
		hostile_later(p[0] * UINT64_C(1000));
		break;
	case KIND_CONTEXT:
		context_make(msg, len);
		break;
	default:
		atomic_store(&world.evt[0].shm->tail, world.w->boundary.evt.own);
	}
	world_run();
	MUST(!stream_fault(world.w));
}

/* The service thread detaches whose ring is invalid, and lets the next one in. */
static void rings_again(void)
{
	if (!atomic_load(&world.w->boundary.rings_broken))
		return;
	MUST(!world.w->boundary.rings_ok);
	atomic_store(&world.w->boundary.rings_reset, true);
	world_run();
	MUST(world.w->boundary.rings_ok);
}

/* A fresh control process replays neither sessions nor contexts. */
static void replay_nothing(void)
{
	const _Atomic uint64_t *cnt = world.w->counters->cnt;
	size_t i;

	session_sync_begin(world.w);
	context_sync_begin(world.w);
	session_sync_end(world.w);
	context_sync_end(world.w);
	world_run();
	for (i = 0; i < world.dp.places; i++)
		MUST(world.w->relay_slot[i] == SLOT_NONE);
	MUST(cnt[CNT_SESSIONS] == 0 && cnt[CNT_PEERS] == 0);
	MUST(cnt[CNT_GATE_CONTEXTS] == 0 && cnt[CNT_GATE_STREAMS] == 0);
	hostile_no_contexts(world.w);
	MUST(world.w->flows.n == 0 && rte_hash_count(world.w->turn->peers) == 0);
}

/* What outlives its context or session, and is still closing, is not the next input's. */
static void tcp_again(void)
{
	char err[256];

	if (world.w->tcp->conns == 0 && world.w->tcp->tw_n == 0)
		return;
	tcp_destroy(world.w);
	MUST(tcp_create(world.w, err, sizeof(err)));
	tcp_listen(world.w, dispatch_accept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	int i;

	world_once();
	for (i = 0; i < RECORDS_MAX && rd_left(&r) >= 3; i++) {
		enum kind kind = (enum kind)(rd_u8(&r) % KINDS);
		size_t len = rd_u16(&r);

		len = RTE_MIN(len, rd_left(&r));
		record(kind, rd_take(&r, len), len);
		rings_again();
	}
	hostile_check();
	replay_nothing();
	tcp_again();
	hostile_check();
	*world.dp.region = saved;
	boundary_broken(world.w);
	rings_again();
	hostile_rest();
	return 0;
}
