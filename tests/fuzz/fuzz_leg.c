/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client's stream of any bytes, cut anywhere, into a worker with a session, on the fake stack of
 * the unit tests. An input is a list of records: what happens (one byte, see step()), length (two
 * bytes, network order), bytes. Whatever comes in, every packet is accounted for, no buffer is lost
 * or held when the connection is over, and session and connection end together. An answer to a
 * ConnectionBind comes as the control process would give it.
 */
#include "tests/world/fake_tcp.h"

#include "../../dp/turn/leg.h"
#include "dp_hostile.h"

#include <stdlib.h>

enum { RECORDS_MAX = 256, SEGMENT_MAX = 1460, FEED_MAX = 280, TCP4 = 2 };

/* Bits of a record's control byte. */
enum {
	STEP_KIND = 3,
	STEP_STREAM = 0, /* bytes of the client */
	STEP_PEER = 1,	 /* a datagram of its peer */
	STEP_ACKED = 2,	 /* the client takes as many bytes as the length says */
	STEP_TIME = 3,	 /* as many milliseconds go by */
	STEP_RUN = 1 << 2,
	STEP_AT_END = 1 << 3,
	STEP_ANSWER = 1 << 4, /* whoever waits is answered, */
	STEP_HOLD = 1 << 5,   /* and held */
	STEP_FIN = 1 << 6,
	STEP_SESSION = 1 << 7, /* a session is made, or deleted */
};

static struct fake_conn *f;
static struct sock_addr client, local, peer, relayed;
static uint64_t now_ms;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void world_once(void)
{
	if (world.w)
		return;
	world_config();
	client = at("10.1.0.2", 6000);
	local = at("10.1.0.1", 3478);
	MUST(world_listener(&local, TRANSPORT_TCP) == TCP4);
	world.conf.tcp.connections = FAKE_CONNS;
	world.conf.tcp.media_queue = 4096;
	world.conf.tcp.buffers = 300;
	world_start();
	peer = at("10.2.0.2", 4000);
	relayed = at("10.2.0.1", RELAY_PORT);
}

static void session_flip(void)
{
	struct ctl_conn name = tcp_name(world.w, f->c);
	struct cmd_session_set s = {
		.sid = { 0, 1 },
		.leg = { client, TCP4, name.idx, name.gen },
		.relay = { { 0, be16_make(RELAY_PORT) }, { 1, be16_make(RELAY_PORT) } },
		.flags = SESSION_FINGERPRINT,
		.expiry = UINT32_MAX,
	};

	if (world.w->session[0].gen) {
		session_del(world.w, &s.sid);
	} else if (session_set(world.w, &s)) {
		MUST(chan_add(0, 0, &peer, 0x4001, UINT32_MAX));
		MUST(perm_add(0, 0, "10.2.0.1", UINT32_MAX));
		MUST(perm_add(0, 0, "fd00:2::2", UINT32_MAX));
	}
}

static void answer(bool hold)
{
	struct ctl_conn name = tcp_name(world.w, f->c);
	struct cmd_send s = { .leg = { client, TCP4, name.idx, name.gen },
			      .flags = hold ? SEND_HOLD : 0,
			      .payload_len = STUN_HDR_LEN,
			      .payload = { 1, 0x0b } };

	leg_reply(world.w, &s);
}

static void from_peer(const uint8_t *bytes, size_t len)
{
	static struct frame frame;

	frame_udp(&frame, CORE, &peer, &relayed, bytes, len, NULL);
	world_in(CORE, 0, &frame);
}

static void step(uint8_t how, const uint8_t *bytes, size_t len)
{
	if (how & STEP_SESSION)
		session_flip();
	if (how & STEP_ANSWER)
		answer(how & STEP_HOLD);
	switch (how & STEP_KIND) {
	case STEP_STREAM:
		for (; len; len -= RTE_MIN(len, (size_t)SEGMENT_MAX)) {
			size_t n = RTE_MIN(len, (size_t)SEGMENT_MAX);

			if (tcp_held(world.w) < FEED_MAX)
				fake_feed(world.w, f, bytes, (uint32_t)n, how & STEP_AT_END);
			bytes += n;
		}
		break;
	case STEP_PEER:
		from_peer(bytes, RTE_MIN(len, (size_t)SEGMENT_MAX));
		break;
	case STEP_ACKED:
		f->out_len = 0;
		fake_acked(f, (uint32_t)len, (uint32_t)len * 4);
		break;
	case STEP_TIME:
		now_ms += len;
		world_clock_ms(now_ms);
		break;
	}
	if (how & STEP_FIN)
		fake_fin(world.w, f);
	if (how & STEP_RUN)
		fake_run();
	hostile_drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	int i;

	world_once();
	now_ms = WORLD_START_S * 1000ull;
	world_clock_ms(now_ms);
	world_neighbours();
	f = fake_open(world.w, &local, &client);
	MUST(f);
	for (i = 0; i < RECORDS_MAX && rd_left(&r) >= 3 && f->open; i++) {
		uint8_t how = rd_u8(&r);
		size_t len = rd_u16(&r);
		const uint8_t *bytes = r.pos;

		/* windows and times have no bytes */
		if ((how & STEP_KIND) < STEP_ACKED) {
			len = RTE_MIN(len, rd_left(&r));
			bytes = rd_take(&r, len);
		}
		step(how, bytes, len);
	}
	fake_run();
	hostile_check();
	if (f->open) {
		fake_end(world.w, f, TCP_END_RESET);
		fake_run();
	}
	hostile_check();
	MUST(tcp_held(world.w) == 0);
	MUST(world.w->session[0].gen == 0);
	MUST(world.w->flows.n == 0);
	hostile_rest();
	return 0;
}
