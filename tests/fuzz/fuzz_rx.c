/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole receive path: frames of any bytes into two workers with sessions and contexts. An input
 * is a list of records: how it comes (HOSTILE_*), length (two bytes, network order), bytes. Whatever
 * comes in, every packet is accounted for, no buffer is lost, and no session, permission, channel or
 * leg changes: only commands do that.
 */
#include "dp_hostile.h"
#include "../../dp/gateway/context.h"

#include <stdlib.h>

enum { RECORDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sessions;

/* From 10.2.0.2:7000 to 10.2.0.3:7002, or the same in IPv6; RTCP beside or multiplexed. */
static void context_add(uint16_t w, uint32_t slot, bool v6, uint16_t flags)
{
	uint16_t port = (uint16_t)(RELAY_PORT + 64 + 8 * slot + 2 * w), i;
	struct cmd_context_set c = { .cid = { slot, 1 }, .expiry = UINT32_MAX };

	for (i = 0; i < SIDES; i++) {
		struct sock_addr to =
		    v6 ? at("fd00:2::2", (uint16_t)(7000 + 2 * i))
		       : at(i ? "10.2.0.3" : "10.2.0.2", (uint16_t)(7000 + 2 * i));

		c.term[i] = (struct ctl_term){ .transport = TERM_UDP,
					       .flags = TERM_IN | TERM_OUT | TERM_RTP | flags,
					       .local = { v6, be16_make((uint16_t)(port + 4 * i)) },
					       .remote = { to, to },
					       .dscp = i ? 46 : CTL_DSCP_KEEP,
					       .ufrag = "evtj",
					       .pwd = "VOkJxbRl1RmTxUk/WvJxBt" };
		c.term[i].remote[1].port = be16_make((uint16_t)(be16_get(to.port) + 1));
	}
	MUST(context_set(world.dp.worker[w], &c));
}

/* Two clients of each family on each worker; every flag, both kinds of records. */
static void world_once(void)
{
	struct sock_addr peer4 = at("10.2.0.2", 4000), peer6 = at("fd00:2::2", 4000);
	uint16_t i, w;

	if (world.w)
		return;
	world_config();
	world.conf.dataplane.n_workers = 2;
	world.conf.dataplane.peers = 128;
	world.conf.port[CORE].mtu = 1300; /* smaller than what comes in */
	world.conf.gateway.contexts = 8;
	world_start();
	for (i = 0; i < 8; i++) {
		struct sock_addr client =
		    at(i & 1 ? "fd00:1::2" : "10.1.0.2", (uint16_t)(5000 + i));
		uint16_t port;

		w = dplane_client_worker(&world.dp, &client.ip, client.port);
		port = (uint16_t)(RELAY_PORT + 4 * i + 2 * w);
		MUST(session_add(w, i, 1, &client, i & 1, port, port,
				 i & 2 ? SESSION_FINGERPRINT : 0));
		MUST(chan_add(w, i, &peer4, 0x4001, UINT32_MAX));
		MUST(chan_add(w, i, &peer6, 0x4002, UINT32_MAX));
		MUST(perm_add(w, i, "10.2.0.3", UINT32_MAX));
		MUST(perm_add(w, i, "10.2.0.1", UINT32_MAX));  /* each other */
		MUST(perm_add(w, i, "10.2.0.77", UINT32_MAX)); /* nobody there */
		MUST(perm_add(w, i, "192.0.2.1", UINT32_MAX)); /* no way there */
		world.dp.worker[w]->session[i].expiry = UINT32_MAX;
	}
	for (i = 0; i < 8; i++)
		context_add(i / 4, i, i & 1, i & 2 ? TERM_RTCP_MUX : 0);
	sessions = hostile_sessions();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	int i;

	world_once();
	for (i = 0; i < RECORDS_MAX && rd_left(&r) >= 3; i++) {
		uint8_t how = rd_u8(&r);
		size_t len = rd_u16(&r);

		len = RTE_MIN(len, rd_left(&r));
		hostile_frame(how, rd_take(&r, len), len);
	}
	hostile_check();
	MUST(hostile_sessions() == sessions);
	hostile_rest();
	return 0;
}
