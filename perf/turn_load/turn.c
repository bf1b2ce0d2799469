/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of the clients (RFC 8656 7 to 12) over UDP (RFC 8489 6.2.1): a bounded number is under
 * way at a time. Each has a slot; its transaction id says which, so that a response needs no
 * look-up.
 */
#include "turn_load.h"

#include "lib/chandata.h"

#include <stdlib.h>

enum {
	RTO_MS = 500,	    /* doubled each time */
	SENDS_MAX = 7,	    /* Rc */
	LAST_WAIT = 16,	    /* Rm, in RTO_MS after the last */
	CHALLENGES_MAX = 4, /* 401 and 438 in a row */
	TICK_MS = 1,
	SCAN_TICKS = 10,    /* of the slots */
	SWEEP_TICKS = 5000, /* of all sessions, for what is to be renewed */
	ERRORS_SAID = 5,
};

enum step { ALLOCATE, BIND, REFRESH, DELETE };

/* A request under way. */
struct slot {
	uint64_t deadline; /* TSC */
	uint32_t session;
	uint32_t generation; /* of what the slot was used for */
	uint8_t step, sends, challenges;
	bool live, sign;
	bool again;  /* DELETE that makes room for a new allocation (437) */
	bool counts; /* it is its session's part of a setup or a teardown, not a renewal */
};

/* What is to be renewed when: seconds since the start, 0 while there is no such thing. */
struct lease {
	uint32_t refresh_at, bind_at;
	bool busy;   /* a request is under way */
	bool ending; /* torn down, or to be as soon as it is not busy: nothing is renewed */
};

struct setup setup;

static struct {
	struct slot *slot;
	uint32_t *idle; /* stack of slots */
	uint32_t n_idle;
	struct lease *lease;
	uint64_t epoch, hz, next_tick;
	uint32_t ticks, swept;
	uint32_t done; /* sessions whose setup or teardown is over */
	uint32_t salt;
} turn;

/* A transaction id on the wire. It need not be hard to guess here. */
struct tid {
	struct be32 slot, generation, salt;
};
_Static_assert(sizeof(struct tid) == STUN_TID_LEN, "wire format");

static uint32_t seconds_now(void)
{
	return (uint32_t)((rte_rdtsc() - turn.epoch) / turn.hz) + 1;
}

/* ---- requests out ---- */

static size_t message_write(const struct slot *s, uint8_t *p, size_t room)
{
	static const enum stun_method method[] = { [ALLOCATE] = STUN_ALLOCATE,
						   [BIND] = STUN_CHANNEL_BIND,
						   [REFRESH] = STUN_REFRESH,
						   [DELETE] = STUN_REFRESH };
	struct tid tid = { .slot = be32_make((uint32_t)(s - turn.slot)),
			   .generation = be32_make(s->generation),
			   .salt = be32_make(turn.salt) };
	struct sock_addr peer;
	struct stun_builder b;

	stun_begin(&b, p, room, stun_type(method[s->step], STUN_REQUEST), (const uint8_t *)&tid);
	switch ((enum step)s->step) {
	case ALLOCATE:
		stun_put_u32(&b, STUN_ATTR_REQUESTED_TRANSPORT, (uint32_t)PROTO_UDP << 24);
		if (!ip_is_v4(&opt.block[PEER].ip))
			stun_put_u32(&b, STUN_ATTR_REQUESTED_ADDRESS_FAMILY,
				     (uint32_t)STUN_FAMILY_IPV6 << 24);
		break;
	case BIND:
		peer = session_addr(PEER, s->session);
		stun_put_u32(&b, STUN_ATTR_CHANNEL_NUMBER, (uint32_t)CHANNEL_MIN << 16);
		stun_put_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
		break;
	case DELETE:
		stun_put_u32(&b, STUN_ATTR_LIFETIME, 0);
		break;
	case REFRESH:
		break;
	}
	return credentials_sign(&b, s->session, s->sign);
}

/* Headers in front of len bytes of payload that are there already, checksums included. */
static void headers_write(uint8_t *f, const struct sock_addr *from, uint16_t len)
{
	const struct sock_addr *to = &opt.server;
	bool v6 = !ip_is_v4(&to->ip);
	uint16_t udp_len = (uint16_t)(len + sizeof(struct udp_hdr));
	struct eth_hdr eth = { .type = be16_make(v6 ? ETH_IPV6 : ETH_IPV4) };
	struct packet k = { .l3 = f + L3_AT,
			    .l4 = f + (v6 ? L4_AT6 : L4_AT4),
			    .l4_len = udp_len,
			    .proto = PROTO_UDP,
			    .v6 = v6 };
	struct udp_hdr udp = { .src = from->port, .dst = to->port, .len = be16_make(udp_len) };

	memcpy(eth.dst, next_hop[CLIENT].addr_bytes, sizeof(eth.dst));
	memcpy(eth.src, side_port(CLIENT)->mac.addr_bytes, sizeof(eth.src));
	memcpy(f, &eth, sizeof(eth));
	ip_write(k.l3, &from->ip, &to->ip, udp_len);
	memcpy(k.l4, &udp, sizeof(udp));
	sum_write(k.l4 + offsetof(struct udp_hdr, sum), packet_sum(&k));
}

static void slot_send(struct slot *s)
{
	uint32_t at = ip_is_v4(&opt.server.ip) ? L4_AT4 : L4_AT6;
	struct rte_mbuf *m = rte_pktmbuf_alloc(slow_pool);
	struct sock_addr from = session_addr(CLIENT, s->session);
	uint64_t wait = RTO_MS;
	uint8_t *f;
	size_t n;

	at += sizeof(struct udp_hdr);
	s->sends++;
	wait = s->sends < SENDS_MAX ? wait << (s->sends - 1) : wait * LAST_WAIT;
	s->deadline = rte_rdtsc() + turn.hz * wait / 1000;
	if (!m)
		return; /* as good as lost */
	f = rte_pktmbuf_mtod(m, uint8_t *);
	n = message_write(s, f + at, rte_pktmbuf_tailroom(m) - at);
	if (!n)
		die("a request does not fit a packet");
	m->data_len = (uint16_t)(at + n);
	m->pkt_len = m->data_len;
	headers_write(f, &from, (uint16_t)n);
	port_send(side_port(CLIENT), m);
}

/* A new transaction in a slot: the next step, or the same with other credentials. */
static void slot_step(struct slot *s, enum step step)
{
	s->step = step;
	s->generation++;
	s->sends = 0;
	slot_send(s);
}

static void session_begin(uint32_t i, enum step step, bool counts)
{
	struct slot *s = &turn.slot[turn.idle[--turn.n_idle]];

	s->session = i;
	s->challenges = 0;
	s->live = true;
	s->again = false;
	s->counts = counts;
	s->sign = credentials_known(i);
	turn.lease[i].busy = true;
	slot_step(s, step);
}

/* A teardown that found a renewal under way follows it. */
static void slot_end(struct slot *s)
{
	struct lease *l = &turn.lease[s->session];

	if (l->ending && !s->counts) {
		s->counts = true;
		s->challenges = 0;
		slot_step(s, DELETE);
		return;
	}
	turn.done += s->counts;
	s->live = false;
	l->busy = false;
	turn.idle[turn.n_idle++] = (uint32_t)(s - turn.slot);
}

/* ---- responses ---- */

static void slot_fail(struct slot *s, const char *why, int code)
{
	static const char *const name[] = { "Allocate", "ChannelBind", "Refresh", "Refresh 0" };

	if (setup.errors++ < ERRORS_SAID)
		note("%s of session %u: %s%.0d", name[s->step], s->session, why, code);
	slot_end(s); /* what could not be renewed is tried again */
}

/* Half a lifetime before its end, or a minute. */
static uint32_t renew_at(const struct stun_msg *m)
{
	uint32_t lifetime = 600;

	stun_get_u32(&m->lifetime, &lifetime);
	return seconds_now() + lifetime - RTE_MIN(lifetime / 2, 60u);
}

static void allocated(struct slot *s, const struct stun_msg *m)
{
	struct sock_addr relayed;

	if (!stun_get_xor_addr(m, &m->xor_relayed, &relayed) ||
	    ip_is_v4(&relayed.ip) != ip_is_v4(&opt.block[PEER].ip)) {
		slot_fail(s, "no relayed address of the peers' family", 0);
		return;
	}
	for (int w = 0; w < WAYS; w++)
		session[s->session].half[w].far = relayed;
	turn.lease[s->session].refresh_at = renew_at(m);
	if (!opt.setup_only) {
		slot_step(s, BIND);
		return;
	}
	setup.sessions++;
	slot_end(s);
}

static void succeeded(struct slot *s, const struct stun_msg *m)
{
	struct lease *l = &turn.lease[s->session];

	switch ((enum step)s->step) {
	case ALLOCATE:
		allocated(s, m);
		return;
	case BIND:
		setup.sessions += s->counts;
		l->bind_at = seconds_now() + opt.renew;
		break;
	case REFRESH:
		l->refresh_at = renew_at(m);
		break;
	case DELETE:
		if (s->again) {
			slot_step(s, ALLOCATE);
			return;
		}
		break;
	}
	slot_end(s);
}

static void refused(struct slot *s, const struct stun_msg *m)
{
	int code = stun_get_error(&m->error_code);
	bool challenge = code == 401 && !s->sign, stale = code == 438;

	if ((challenge || stale) && s->challenges++ < CHALLENGES_MAX &&
	    credentials_learn(m, s->session)) {
		setup.challenges += challenge;
		setup.stale += stale;
		s->sign = true;
		slot_step(s, (enum step)s->step);
	} else if (code == 437 && s->step == ALLOCATE && !s->again) {
		/* What an earlier run left on this address. */
		s->again = true;
		slot_step(s, DELETE);
	} else if (code == 437 && s->step == DELETE) {
		succeeded(s, m);
	} else {
		slot_fail(s, "error ", code);
	}
}

void turn_input(const uint8_t *p, size_t len)
{
	struct stun_msg m;
	struct tid tid;
	struct slot *s;
	uint32_t i;

	if (!turn.slot || stun_parse(&m, p, len) != STUN_OK ||
	    (m.cls != STUN_SUCCESS && m.cls != STUN_ERROR))
		return;
	memcpy(&tid, m.tid, sizeof(tid));
	i = be32_get(tid.slot);
	if (i >= opt.setup_window || be32_get(tid.salt) != turn.salt)
		return;
	s = &turn.slot[i];
	if (!s->live || be32_get(tid.generation) != s->generation)
		return; /* the answer to a retransmission, most often */
	if (m.cls == STUN_ERROR)
		refused(s, &m);
	else if (credentials_verify(&m))
		succeeded(s, &m);
}

/* ---- time ---- */

static void slots_scan(uint64_t now)
{
	for (uint32_t i = 0; i < opt.setup_window; i++) {
		struct slot *s = &turn.slot[i];

		if (!s->live || now < s->deadline)
			continue;
		if (s->sends == SENDS_MAX) {
			slot_fail(s, "no answer", 0);
			continue;
		}
		setup.resent++;
		slot_send(s);
	}
}

/* Looks at the next few sessions, and renews what is due. */
static void leases_sweep(void)
{
	uint32_t n = opt.sessions / SWEEP_TICKS + 1, now = seconds_now();

	for (; n && turn.n_idle; n--) {
		uint32_t i = turn.swept;
		const struct lease *l = &turn.lease[i];
		bool rests = !l->busy && !l->ending && l->bind_at;

		if (rests && now >= l->bind_at)
			session_begin(i, BIND, false);
		else if (rests && now >= l->refresh_at)
			session_begin(i, REFRESH, false);
		turn.swept = i + 1 < opt.sessions ? i + 1 : 0;
	}
}

void turn_tick(uint64_t now)
{
	if (!turn.slot || now < turn.next_tick)
		return;
	turn.next_tick = now + turn.hz * TICK_MS / 1000;
	if (turn.n_idle < opt.setup_window && ++turn.ticks % SCAN_TICKS == 0)
		slots_scan(now);
	leases_sweep();
}

/* ---- all sessions ---- */

static void setup_or_teardown(uint32_t i, enum step step)
{
	struct lease *l = &turn.lease[i];

	l->ending = step == DELETE;
	if (!l->busy)
		session_begin(i, step, true);
}

/* One step of every session, by --setup-window and --setup-rate. */
static void all_sessions(enum step step, const char *doing)
{
	uint64_t begin = rte_rdtsc(), now = begin, second = begin + turn.hz;
	uint32_t begun = 0;

	turn.done = 0;
	while (turn.done < opt.sessions && !stop) {
		now = rte_rdtsc();
		while (begun < opt.sessions && turn.n_idle &&
		       (!opt.setup_rate ||
			begun <= (double)(now - begin) / (double)turn.hz * opt.setup_rate))
			setup_or_teardown(begun++, step);
		check_poll();
		turn_tick(now);
		ports_flush();
		if (now >= second) {
			note("%s: %u of %u sessions", doing, turn.done, opt.sessions);
			second += turn.hz;
		}
	}
	setup.seconds = step == ALLOCATE ? (double)(now - begin) / (double)turn.hz : setup.seconds;
}

void turn_setup(void)
{
	turn.hz = rte_get_tsc_hz();
	turn.epoch = rte_rdtsc();
	turn.salt = (uint32_t)(turn.epoch >> 10);
	turn.slot = calloc(opt.setup_window, sizeof(*turn.slot));
	turn.idle = calloc(opt.setup_window, sizeof(*turn.idle));
	turn.lease = calloc(opt.sessions, sizeof(*turn.lease));
	if (!turn.slot || !turn.idle || !turn.lease)
		die("no memory for %u sessions", opt.sessions);
	while (turn.n_idle < opt.setup_window) {
		turn.idle[turn.n_idle] = turn.n_idle;
		turn.n_idle++;
	}
	all_sessions(ALLOCATE, "setup");
	note("setup: %u sessions in %.2f s, %ju errors", setup.sessions, setup.seconds,
	     (uintmax_t)setup.errors);
}

void turn_teardown(void)
{
	all_sessions(DELETE, "teardown");
}
