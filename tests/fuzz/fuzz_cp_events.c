/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a dataplane may send to the control process: raw events, requests of clients over UDP and
 * TCP, and news of connections, in events that are well-formed. An input is a list of records:
 * kind, argument, length (two bytes, network order), bytes. No input may crash the control process
 * or leave anything behind once its allocations are deleted.
 */
#include "../unit/cp_env.h"
#include "cp/auth/psk.h"
#include "cp/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum kind {
	KIND_RAW,
	KIND_STUN,
	KIND_TIME,
	KIND_REFUSED,
	KIND_STUN_TCP,
	KIND_PEER_CONN,
	KIND_CONN_GONE,
	KIND_PSK,
	KIND_KINDS
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct env env;
static uint32_t last_seq[2]; /* of CMD_CONNECT, by worker */

/* A store whose files have no name any more. */
static void psk_open_unnamed(void)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char path[128], err[512];

	snprintf(path, sizeof(path), "%s/users.db", env.dir);
	env.s.psk = psk_open(path, 0, err, sizeof(err));
	if (!env.s.psk)
		abort();
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/users.db%s", env.dir, suffix[i]);
		unlink(path);
	}
}

static void env_once(void)
{
	if (env.s.table)
		return;
	env_open(&env);
	env.conf.n_domain = 1;
	env.conf.domain[0].psk = true;
	env_start(&env, 256);
	psk_open_unnamed();
	env_close(&env); /* the mapped file lives on without a name */
}

static void take_all(uint32_t worker)
{
	union fake_cmd c;

	while (fake_dp_take(&env.dp, worker, &c)) {
		if (c.hdr.type == CMD_CONNECT)
			last_seq[worker] = c.hdr.seq;
	}
}

/* Takes all commands; a link that found a lie is made anew, as the owner of the socket does. */
static void settle(void)
{
	const char *why;
	char err[256];

	server_clock(&env.s, env.now_ms, 0);
	while (server_poll(&env.s) != DPLINK_IDLE && !dplink_lied(env.s.link, &why)) {
		for (uint32_t w = 0; w < 2; w++)
			take_all(w);
	}
	if (dplink_lied(env.s.link, &why)) {
		fake_dp_close(&env.dp);
		fake_dp_open(&env.dp, &env.conf, 256);
		if (!fake_dp_attach(&env.dp, env.s.link, err, sizeof(err)))
			abort();
		server_poll(&env.s);
	}
	for (uint32_t w = 0; w < 2; w++)
		take_all(w);
}

/* The session of the arg-th client over TCP if there is one, so that an event can hit. */
static struct ctl_sid sid_of(uint8_t arg)
{
	struct table_alloc *a = env_alloc_tcp(&env, (uint16_t)(1000 + arg / 2));

	return a ? a->sid : (struct ctl_sid){ arg, arg };
}

/* An outcome of the newest command, or a peer's attempt. */
static void peer_conn(uint8_t arg, const uint8_t *p, size_t len)
{
	static const uint16_t types[] = { EVT_CONNECTED, EVT_CONNECT_FAILED, EVT_PEER_ATTEMPT };
	struct evt_peer_conn e = { .sid = sid_of(arg), .peer = addr("203.0.113.1", arg) };
	uint16_t type = types[len ? p[0] % 3 : 0];

	e.conn = (struct ctl_conn){ arg, type != EVT_CONNECT_FAILED };
	e.why = len > 1 ? p[1] % TCP_END_MAX : 0;
	fake_dp_peer_conn(&env.dp, arg & 1, type, last_seq[arg & 1], &e);
}

/* A client's identity: any bytes. */
static void psk(uint8_t arg, const uint8_t *p, size_t len)
{
	struct evt_psk e = { .hdr = { EVT_PSK, sizeof(e), 0 }, .conn = { arg, 1 } };

	e.identity_len = len < sizeof(e.identity) ? (uint16_t)len : sizeof(e.identity);
	if (e.identity_len)
		memcpy(e.identity, p, e.identity_len);
	fake_dp_event(&env.dp, arg & 1, &e, sizeof(e));
}

static void record(enum kind kind, uint8_t arg, const uint8_t *p, size_t len)
{
	struct sock_addr client = addr("198.51.100.7", (uint16_t)(1000 + arg / 2));
	struct ctl_leg leg;

	switch (kind) {
	case KIND_RAW:
		fake_dp_event(&env.dp, arg & 1, p, len);
		break;
	case KIND_STUN:
		if (len <= CTL_PAYLOAD_MAX)
			fake_dp_punt(&env.dp, arg & 1, &client, p, len, env.now_ms * 1000);
		break;
	case KIND_STUN_TCP:
		leg = (struct ctl_leg){ client, 1, arg / 2, 1 };
		if (len <= CTL_PAYLOAD_MAX)
			fake_dp_punt_leg(&env.dp, arg & 1, &leg, p, len, env.now_ms * 1000);
		break;
	case KIND_PEER_CONN:
		peer_conn(arg, p, len);
		break;
	case KIND_CONN_GONE:
		fake_dp_conn_gone(&env.dp, arg & 1, sid_of(arg), (struct ctl_conn){ arg / 2, 1 },
				  len ? p[0] % CONN_ROLES : CONN_CLIENT);
		break;
	case KIND_PSK:
		psk(arg, p, len);
		break;
	case KIND_TIME:
		env.now_ms += arg * UINT64_C(10000);
		break;
	default:
		if (len == sizeof(client)) {
			memcpy(&client, p, len);
			fake_dp_peer_refused(&env.dp, arg & 1, (struct ctl_sid){ arg >> 1, p[0] },
					     &client, (uint16_t)(0x4000 + p[1]));
			break;
		}
		fake_dp_result(&env.dp, 0, EVT_SESSION_REFUSED, 0,
			       (struct ctl_sid){ arg, len ? p[0] : 0 });
	}
	settle();
}

/* Everything goes, and nothing is left taken. */
static void clear(void)
{
	const struct table_stats *st = table_stats(env.s.table);
	struct table_alloc *a;
	uint32_t cursor = 0;

	while ((a = table_next(env.s.table, &cursor)) != NULL)
		session_del(&env.s, a);
	env.now_ms += 100000; /* reservations and rests are over */
	settle();
	if (st->allocs || st->perms || st->chans || st->resvs || st->users ||
	    pending_used(env.s.pending))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);

	env_once();
	while (rd_left(&r) >= 4) {
		enum kind kind = rd_u8(&r) % KIND_KINDS;
		uint8_t arg = rd_u8(&r);
		size_t len = rd_u16(&r);
		const uint8_t *p;

		if (len > rd_left(&r))
			len = rd_left(&r);
		p = rd_take(&r, len);
		if (len <= RING_MSG_SIZE)
			record(kind, arg, p, len);
	}
	clear();
	return 0;
}
