/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hostile dataplane as far as the region goes (messages are fuzz_cp_events' business): headers,
 * geometry, cursors and counters of any value before and after the attach, and a size that was not
 * what was announced. An input is a list of records: kind, length (two bytes, network order),
 * bytes. The control process must neither crash nor reach outside the region, and must be able to
 * attach to an honest dataplane afterwards.
 */
#include "tests/world/cp_env.h"
#include "cp/admin/stats.h"
#include "cp/dispatch.h"

#include <stdlib.h>
#include <unistd.h>

enum kind {
	KIND_ATTACH, /* with the size off by this much, if there are bytes */
	KIND_HEADER, /* bytes somewhere in the region's header */
	KIND_BYTES,  /* bytes anywhere */
	KIND_HEAD,   /* of an event ring */
	KIND_TAIL,   /* of a command ring */
	KIND_POLL,
	KIND_SLEEP,
	KINDS
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config conf;
static struct fake_dp dp;
static struct dplink *dl;
static uint8_t *honest; /* copy of the region as it was made */

static bool term_valid(const struct evt_term *e)
{
	return e->side <= 1 && e->what < TERM_EVENTS && e->rtcp <= 1 && e->why < TCP_END_MAX;
}

/* In place of the server's (link time): whatever comes was checked. */
bool dispatch_event(struct server *s, uint32_t worker, const union ctl_evt *e)
{
	bool valid = worker < conf.dataplane.n_workers;

	(void)s;
	if (e->hdr.type == EVT_PUNT)
		valid &= e->punt.leg.listener < conf.n_listener &&
			 e->punt.payload_len <= CTL_PAYLOAD_MAX;
	else if (e->hdr.type == EVT_PSK)
		valid &= e->psk.domain < conf.n_domain && e->psk.identity_len <= CTL_IDENTITY_MAX;
	else if (e->hdr.type == EVT_CONTEXT_REFUSED)
		valid &= e->context_refused.why < REFUSALS;
	else if (e->hdr.type == EVT_TERM)
		valid &= term_valid(&e->term);
	if (!valid)
		abort();
	return true;
}

/* As many sessions as there is room for, up to eight. */
enum dplink_work dispatch_replay(struct server *s, uint32_t worker, struct dplink_cursor *cur)
{
	struct cmd_session_set c = { .sid = { 1, 1 } };

	(void)s;
	for (; cur->slot < 8; cur->slot++) {
		if (!dplink_replay_room(dl, worker))
			return DPLINK_BLOCKED;
		if (!dplink_cmd(dl, worker, CMD_SESSION_SET, &c, sizeof(c)))
			return DPLINK_BLOCKED;
	}
	return DPLINK_IDLE;
}

static void once(void)
{
	if (dl)
		return;
	conf.dataplane.n_workers = 2;
	conf.dataplane.sessions = 16;
	conf.n_port = 2;
	conf.n_listener = 2;
	fake_dp_open(&dp, &conf, 4);
	honest = malloc(dp.size);
	dl = dplink_create(&conf, NULL);
	if (!honest || !dl)
		abort();
	memcpy(honest, dp.base, dp.size);
}

static void attach(int64_t off)
{
	char err[256];

	dplink_attach(dl, dup(dp.memfd), (uint64_t)((int64_t)dp.size + off), dup(dp.wake_cp), err,
		      sizeof(err));
}

/* Everything that reads the region for people. */
static void look(void)
{
	struct ctl_port_info info;
	struct ctl_xstats xstats;
	json_t *j[] = { stats_json_workers(dl), stats_json_ports(dl), stats_json_drops(dl),
			stats_json_accounting(dl) };
	uint32_t i;

	for (i = 0; i < sizeof(j) / sizeof(j[0]); i++)
		json_decref(j[i]);
	for (i = 0; i <= CTL_PORTS_MAX; i++) {
		stats_port_info(dl, i, &info);
		stats_xstats(dl, i, &xstats);
	}
}

static void record(enum kind kind, const uint8_t *p, size_t len)
{
	const struct region *r = (const struct region *)honest;
	const uint32_t w = len & 1;
	uint32_t v = 0;

	memcpy(&v, p, len < sizeof(v) ? len : sizeof(v));
	switch (kind) {
	case KIND_ATTACH:
		attach((int32_t)v);
		break;
	case KIND_HEADER:
		if (len > 2)
			memcpy(dp.base + (v & 0xffff) % (sizeof(*r) - len % 256), p + 2,
			       (len - 2) % 254);
		break;
	case KIND_BYTES:
		if (len > 4 && len < dp.size)
			memcpy(dp.base + v % (dp.size - len), p + 4, len - 4);
		break;
	case KIND_HEAD:
		atomic_store(&((struct ring_shm *)(dp.base + r->worker[w].evt_ring))->head, v);
		break;
	case KIND_TAIL:
		atomic_store(&((struct ring_shm *)(dp.base + r->worker[w].cmd_ring))->tail, v);
		break;
	case KIND_POLL:
		dplink_poll(dl, 16);
		look();
		break;
	default:
		if (dplink_attached(dl) && !dplink_sleep(dl))
			dplink_awake(dl);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	const char *why;

	once();
	while (rd_left(&r) >= 3) {
		enum kind kind = (enum kind)(rd_u8(&r) % KINDS);
		size_t len = rd_u16(&r);

		len = len < rd_left(&r) ? len : rd_left(&r);
		record(kind, rd_take(&r, len), len);
	}
	memcpy(dp.base, honest, dp.size);
	attach(0);
	if (!dplink_attached(dl) || dplink_fault(dl, &why))
		abort();
	dplink_detach(dl);
	return 0;
}
