/* SPDX-License-Identifier: BSD-3-Clause */
/* Over 600 lines: sets, quarantine and the file are three views of the same table. */
#include "ports.h"

#include "../lib/cursor.h"
#include "../lib/siphash.h"
#include "statefile.h"
#include "../lib/bug.h"

#include <stdio.h>
#include <stdlib.h>

#define PORTS_MAGIC UINT64_C(0x7374726f70464c31)

/*
 * Ports come in pairs (even, odd). Which halves of a pair are free is its state, and each worker's
 * share keeps a set of pairs for each state that has something to give: an array whose members
 * stand in any order, so that drawing one at random and taking one out are both O(1).
 */
enum pair_free { PAIR_EVEN = 1, PAIR_ODD = 2, PAIR_BOTH = PAIR_EVEN | PAIR_ODD };
enum { PAIRS = 32768, PORTS = 65536, PORTS_VERSION = 2 };
enum { LAST_PART = 16 /* of what is kept for urgent calls, for PORTS_LAST */ };

/* In the file, of a port: the second at which its quarantine ends; 0 if it was never taken. */
enum { MARK_TAKEN = UINT32_MAX };

struct pair_set {
	uint16_t *pair;
	uint32_t n;
};

/* Ports in quarantine, oldest first: a ring as large as the share. The file says until when. */
struct quarantine {
	uint16_t *port;
	uint32_t size, head, n;
};

struct share {
	struct pair_set set[PAIR_BOTH]; /* of each state but 0: set_of() */
	struct quarantine quarantine;
	uint32_t left; /* pairs of which neither half is in use */
};

struct relay_ports {
	_Atomic uint32_t *until; /* [PORTS], in the file */
	uint32_t taken;
	uint16_t owner;	   /* 1 + the worker whose all ports are; 0: they are dealt out */
	uint16_t min, max; /* words of other ports are an earlier configuration's */
	uint8_t *state;	   /* [PAIRS], free halves: of enum pair_free, or 0 */
	uint8_t *in_use;   /* [PAIRS], halves that were drawn or claimed and not given back */
	uint8_t *terms;	   /* [PAIRS], of these the ones that are terminations' */
	uint16_t *pos;	   /* [PAIRS], place in its set */
	struct share share[CTL_WORKERS_MAX];
};

struct ports {
	const struct config *conf;
	struct rand *rand;
	uint32_t n_workers;
	uint32_t n_relay;
	struct relay_ports *relay[CTL_RELAYS_MAX];
	struct relay_ports *next[CTL_RELAYS_MAX]; /* of a reload under way; NULL: as it is */
	uint32_t n_next;
	bool resumed[CTL_WORKERS_MAX];
	struct statefile file;
	_Atomic uint32_t *until; /* in it: those of the first relay */
};

static uint8_t port_half(uint16_t port)
{
	return port & 1 ? PAIR_ODD : PAIR_EVEN;
}

static struct pair_set *set_of(struct share *sh, uint32_t state)
{
	return &sh->set[state - 1];
}

/* config_relay_worker() */
static uint32_t worker_of(const struct ports *p, const struct relay_ports *r, uint16_t port)
{
	return r->owner ? r->owner - 1u : relay_port_worker(port, p->n_workers);
}

static struct share *share_of(struct ports *p, struct relay_ports *r, uint16_t port)
{
	return &r->share[worker_of(p, r, port)];
}

/* Whether both halves of a port's pair are of the relay. */
static bool is_whole(const struct relay_ports *r, uint16_t port)
{
	return (port & ~1) >= r->min && (port | 1) <= r->max;
}

/* Moves a pair from the set of its old state to that of its new one. */
static void pair_move(struct ports *p, struct relay_ports *r, uint16_t pair, uint8_t state)
{
	struct share *sh = share_of(p, r, (uint16_t)(pair << 1));
	uint8_t old = r->state[pair];

	if (old) {
		struct pair_set *from = set_of(sh, old);
		uint16_t last;

		if (BUG_ON(from->n == 0 || r->pos[pair] >= from->n))
			return;
		last = from->pair[--from->n];
		from->pair[r->pos[pair]] = last;
		r->pos[last] = r->pos[pair];
	}
	if (state) {
		struct pair_set *to = set_of(sh, state);

		r->pos[pair] = (uint16_t)to->n;
		to->pair[to->n++] = pair;
	}
	r->state[pair] = state;
}

static void relay_ports_free(struct relay_ports *r)
{
	if (!r)
		return;
	for (uint32_t w = 0; w < CTL_WORKERS_MAX; w++) {
		for (uint32_t s = PAIR_EVEN; s <= PAIR_BOTH; s++)
			free(set_of(&r->share[w], s)->pair);
		free(r->share[w].quarantine.port);
	}
	free(r->state);
	free(r->in_use);
	free(r->terms);
	free(r->pos);
	free(r);
}

static bool share_init(struct share *sh, uint32_t pairs)
{
	if (pairs == 0) /* the relay is another worker's */
		return true;
	for (uint32_t s = PAIR_EVEN; s <= PAIR_BOTH; s++) {
		set_of(sh, s)->pair = calloc(pairs, sizeof(uint16_t));
		if (!set_of(sh, s)->pair)
			return false;
	}
	sh->quarantine.size = 2 * pairs;
	sh->quarantine.port = calloc(sh->quarantine.size, sizeof(uint16_t));
	return sh->quarantine.port != NULL;
}

/* Shares of a relay that is dealt out differ by some where the workers' number is no power of two.
 */
static bool shares_init(const struct ports *p, struct relay_ports *r)
{
	uint32_t pairs[CTL_WORKERS_MAX] = { 0 };

	for (uint32_t pair = r->min >> 1; pair <= (uint32_t)r->max >> 1; pair++)
		pairs[worker_of(p, r, (uint16_t)(pair << 1))]++;
	for (uint32_t w = 0; w < p->n_workers; w++)
		if (!share_init(&r->share[w], pairs[w]))
			return false;
	return true;
}

/* By which the format before knew what a place in the file means. */
static uint64_t older_digest(const struct config *c)
{
	static const struct siphash_key fixed;
	uint8_t buf[CTL_RELAYS_MAX * 16];
	struct wr w = wr_init(buf, sizeof(buf));

	for (uint16_t i = 0; i < c->n_relay; i++)
		wr_bytes(&w, &c->relay[i].addr, sizeof(c->relay[i].addr));
	return siphash(&fixed, buf, wr_len(&w));
}

/* A record is the words of a relay. */
enum { UNTIL_BYTES = PORTS * sizeof(uint32_t) };

static uint32_t until_need(const struct statefile_view *v, int pool)
{
	(void)v;
	(void)pool;
	return 0; /* those of relays that are no more go with them */
}

static uint32_t until_carry(const struct statefile_form *form, const struct statefile_view *v,
			    struct statefile *f)
{
	uint8_t *to = statefile_pool(f, form, 0);

	for (uint32_t i = 0; i < v->records[0] && i < CTL_RELAYS_MAX; i++) {
		if (v->relay[i] != STATEFILE_GONE && v->relay[i] < f->records[0])
			statefile_copy(v, 0, i, to + (size_t)UNTIL_BYTES * v->relay[i],
				       UNTIL_BYTES);
	}
	return 0;
}

static _Atomic uint32_t *until_of(const struct ports *p, uint32_t relay)
{
	return p->until + (size_t)PORTS * relay;
}

static uint32_t relays_room(uint32_t n)
{
	return n + CONFIG_RELAYS_SPARE < CTL_RELAYS_MAX ? n + CONFIG_RELAYS_SPARE : CTL_RELAYS_MAX;
}

static bool file_open(struct ports *p, const struct config *c, const char *boot_id, char *err,
		      size_t errlen)
{
	static const struct statefile_carry carry = { until_need, until_carry };
	const struct statefile_older older[] = {
		{ 1,
		  offsetof(struct statefile_head, head_bytes),
		  { UNTIL_BYTES },
		  older_digest(c) },
		{ 0 },
	};
	char path[CONFIG_STR_MAX + 8];
	const struct statefile_form form = {
		.path = path,
		.boot_id = boot_id,
		.magic = PORTS_MAGIC,
		.version = PORTS_VERSION,
		.head_bytes = sizeof(struct statefile_head),
		.records = { relays_room(c->n_relay) },
		.record_bytes = { UNTIL_BYTES },
		.conf = c,
		.older = older,
	};

	snprintf(path, sizeof(path), "%s.ports", c->control.state);
	if (!statefile_open(&p->file, &form, &carry, err, errlen))
		return false;
	if (p->file.fresh)
		statefile_ready(&p->file, &form);
	p->until = statefile_pool(&p->file, &form, 0);
	return true;
}

/* i: its place, also in the file. */
static struct relay_ports *relay_ports_create(struct ports *p, const struct config_relay *c,
					      uint16_t i)
{
	struct relay_ports *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->owner = c->owner;
	r->until = until_of(p, i);
	r->min = c->port_min;
	r->max = c->port_max;
	r->state = calloc(PAIRS, 1);
	r->in_use = calloc(PAIRS, 1);
	r->terms = calloc(PAIRS, 1);
	r->pos = calloc(PAIRS, sizeof(uint16_t));
	if (!r->state || !r->in_use || !r->terms || !r->pos || !shares_init(p, r))
		goto fail;
	for (uint32_t port = c->port_min; port <= c->port_max; port++) {
		uint16_t pair = (uint16_t)(port >> 1);

		pair_move(p, r, pair, r->state[pair] | port_half((uint16_t)port));
		share_of(p, r, (uint16_t)port)->left += port & 1 && is_whole(r, (uint16_t)port);
	}
	return r;
fail:
	relay_ports_free(r);
	return NULL;
}

/* As relay_ports_create() takes it, pair by pair: a set of each state, and the quarantine. */
uint64_t ports_memory_size(const struct config *c)
{
	const uint64_t pair = (PAIR_BOTH + 2) * sizeof(uint16_t);
	const uint64_t place = 3 + sizeof(uint16_t); /* of state, in_use, terms, pos */
	uint64_t n = sizeof(struct ports);

	for (const struct config_relay *a = c->relay; a < c->relay + c->n_relay; a++)
		n += sizeof(struct relay_ports) + PAIRS * place +
		     pair * ((a->port_max >> 1) - (a->port_min >> 1) + 1u);
	return n;
}

static bool relays_create(struct ports *p)
{
	for (uint32_t i = 0; i < p->n_relay; i++) {
		p->relay[i] = relay_ports_create(p, &p->conf->relay[i], (uint16_t)i);
		if (!p->relay[i])
			return false;
	}
	return true;
}

struct ports *ports_open(const struct config *c, struct rand *rand, const char *boot_id, char *err,
			 size_t errlen)
{
	struct ports *p = calloc(1, sizeof(*p));

	snprintf(err, errlen, "not enough memory for the relayed ports");
	if (!p)
		return NULL;
	p->file.fd = -1;
	p->conf = c;
	p->rand = rand;
	p->n_workers = c->dataplane.n_workers;
	p->n_relay = c->n_relay;
	if (file_open(p, c, boot_id, err, errlen) && relays_create(p))
		return p;
	ports_close(p);
	return NULL;
}

void ports_close(struct ports *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->n_relay; i++)
		relay_ports_free(p->relay[i]);
	statefile_close(&p->file);
	free(p);
}

/* ---- quarantine ---- */

static bool port_free(const struct relay_ports *r, uint16_t port)
{
	return r->state[port >> 1] & port_half(port);
}

/* A free port is none any more. */
static void port_leave(struct ports *p, struct relay_ports *r, uint16_t port)
{
	pair_move(p, r, port >> 1, r->state[port >> 1] & (uint8_t)~port_half(port));
	r->taken++;
}

/* No order to anything else is asked of them (ports.h). */
static uint32_t until_get(const struct relay_ports *r, uint16_t port)
{
	return atomic_load_explicit(&r->until[port], memory_order_relaxed);
}

static void until_set(struct relay_ports *r, uint16_t port, uint32_t until)
{
	atomic_store_explicit(&r->until[port], until, memory_order_relaxed);
}

/* None in quarantine already may end later, or the ring is put in order behind. */
static void quarantine_begin(struct relay_ports *r, struct share *sh, uint16_t port, uint32_t until)
{
	if (BUG_ON(sh->quarantine.n >= sh->quarantine.size))
		return;
	sh->quarantine.port[(sh->quarantine.head + sh->quarantine.n++) % sh->quarantine.size] =
	    port;
	until_set(r, port, until);
}

/* Puts the port that is there longest back among the free ones. */
static void quarantine_end(struct ports *p, struct relay_ports *r, struct share *sh)
{
	uint16_t port = sh->quarantine.port[sh->quarantine.head];

	sh->quarantine.head = (sh->quarantine.head + 1) % sh->quarantine.size;
	sh->quarantine.n--;
	WARN_ON(r->taken == 0);
	r->taken--;
	pair_move(p, r, port >> 1, r->state[port >> 1] | port_half(port));
}

static void quarantine_expire(struct ports *p, struct relay_ports *r, struct share *sh,
			      uint32_t now)
{
	while (sh->quarantine.n && until_get(r, sh->quarantine.port[sh->quarantine.head]) <= now)
		quarantine_end(p, r, sh);
}

/* ---- drawing ---- */

static void port_use(struct ports *p, struct relay_ports *r, uint16_t port, enum ports_owner owner)
{
	port_leave(p, r, port);
	if (!r->in_use[port >> 1] && is_whole(r, port))
		share_of(p, r, port)->left--;
	r->in_use[port >> 1] |= port_half(port);
	if (owner == PORTS_TERM)
		r->terms[port >> 1] |= port_half(port);
	until_set(r, port, MARK_TAKEN);
}

static uint16_t draw_pair(struct ports *p, struct share *sh, uint32_t state)
{
	return set_of(sh, state)->pair[rand_below(p->rand, set_of(sh, state)->n)];
}

/* Every free port is as likely as any other. 0 if there is none. */
static uint16_t draw_any(struct ports *p, struct share *sh)
{
	uint32_t both = 2 * set_of(sh, PAIR_BOTH)->n, even = set_of(sh, PAIR_EVEN)->n;
	uint32_t all = both + even + set_of(sh, PAIR_ODD)->n;
	uint32_t x;

	if (all == 0)
		return 0;
	x = rand_below(p->rand, all);
	if (x < both)
		return (uint16_t)(set_of(sh, PAIR_BOTH)->pair[x / 2] << 1 | (x & 1));
	if (x < both + even)
		return (uint16_t)(draw_pair(p, sh, PAIR_EVEN) << 1);
	return (uint16_t)(draw_pair(p, sh, PAIR_ODD) << 1 | 1);
}

static uint16_t draw_even(struct ports *p, struct share *sh)
{
	uint32_t both = set_of(sh, PAIR_BOTH)->n, all = both + set_of(sh, PAIR_EVEN)->n;

	if (all == 0)
		return 0;
	if (rand_below(p->rand, all) < both)
		return (uint16_t)(draw_pair(p, sh, PAIR_BOTH) << 1);
	return (uint16_t)(draw_pair(p, sh, PAIR_EVEN) << 1);
}

static uint16_t draw_all(struct ports *p, struct share *sh, enum ports_want want)
{
	switch (want) {
	case PORTS_ANY:
		return draw_any(p, sh);
	case PORTS_EVEN:
		return draw_even(p, sh);
	case PORTS_PAIR:
		return set_of(sh, PAIR_BOTH)->n ? (uint16_t)(draw_pair(p, sh, PAIR_BOTH) << 1) : 0;
	}
	return 0;
}

/* A free half of a pair that is not left (share.left): its other half is in use, or none. */
static uint16_t draw_half(struct ports *p, const struct relay_ports *r, struct share *sh,
			  uint32_t state)
{
	const struct pair_set *set = set_of(sh, state);
	const uint32_t start = set->n ? rand_below(p->rand, set->n) : 0;

	for (uint32_t i = 0; i < set->n; i++) {
		const uint16_t pair = set->pair[(start + i) % set->n];
		const uint16_t port = (uint16_t)(pair << 1 | (state == PAIR_ODD));

		/* That of another may be in quarantine: the pair is left all the same. */
		if (r->in_use[pair] || !is_whole(r, port))
			return port;
	}
	return 0;
}

/* The same of what halves there are. */
static uint16_t draw_halves(struct ports *p, const struct relay_ports *r, struct share *sh,
			    enum ports_want want)
{
	const bool odd = want == PORTS_ANY && rand_below(p->rand, 2);
	uint16_t port = 0;

	if (want == PORTS_PAIR)
		return 0;
	port = draw_half(p, r, sh, odd ? PAIR_ODD : PAIR_EVEN);
	if (port == 0 && want == PORTS_ANY)
		port = draw_half(p, r, sh, odd ? PAIR_EVEN : PAIR_ODD);
	return port;
}

/* whole: pairs that are left may be broken, or had. */
static uint16_t draw(struct ports *p, const struct relay_ports *r, struct share *sh,
		     enum ports_want want, bool whole)
{
	return whole ? draw_all(p, sh, want) : draw_halves(p, r, sh, want);
}

/*
 * Whether an end of the quarantine gives what is wanted: one that does not would cost every port's
 * last owner his time for nothing, for a request.
 */
static bool quarantine_has(const struct relay_ports *r, const struct share *sh,
			   enum ports_want want, bool whole)
{
	const struct quarantine *q = &sh->quarantine;

	for (uint32_t i = 0; i < q->n; i++) {
		const uint16_t port = q->port[(q->head + i) % q->size];
		const uint16_t other = port ^ 1;

		if (!whole && is_whole(r, port) && !r->in_use[port >> 1])
			continue;
		if (want == PORTS_ANY || (want == PORTS_EVEN && !(port & 1)))
			return true;
		/* The other one is free, or in quarantine as well. */
		if (want == PORTS_PAIR && other >= r->min && other <= r->max &&
		    !(r->in_use[other >> 1] & port_half(other)))
			return true;
	}
	return false;
}

/* Pairs of a share that are not for this rank: of what is kept the last sixteenth is for the last.
 */
static uint32_t kept_from(const struct ports *p, const struct share *sh, enum ports_rank rank)
{
	const uint32_t all = sh->quarantine.size / 2, most = p->conf->gateway.urgent_ports;
	const uint32_t kept = most < all ? most : all;

	if (rank == PORTS_LAST)
		return 0;
	return rank == PORTS_URGENT ? kept / LAST_PART : kept;
}

/* Whether pairs of a share are left for a rank; what halves of pairs are left is everybody's. */
static bool may_break(const struct ports *p, uint32_t relay, uint32_t worker, enum ports_rank rank)
{
	const struct share *sh = &p->relay[relay]->share[worker];

	return p->conf->relay[relay].realm_index == CONFIG_REALMS_MAX ||
	       sh->left > kept_from(p, sh, rank);
}

/* What a port is drawn for. */
struct port_use {
	enum ports_want want;
	enum ports_owner owner;
	enum ports_rank rank;
};

static uint16_t take(struct ports *p, uint32_t relay, uint32_t worker, const struct port_use *u,
		     uint32_t now)
{
	const bool whole = may_break(p, relay, worker, u->rank);
	struct relay_ports *r = p->relay[relay];
	struct share *sh = &r->share[worker];
	uint16_t port;

	quarantine_expire(p, r, sh, now);
	port = draw(p, r, sh, u->want, whole);
	if (port == 0 && quarantine_has(r, sh, u->want, whole)) {
		do {
			quarantine_end(p, r, sh);
			port = draw(p, r, sh, u->want, whole);
		} while (port == 0 && sh->quarantine.n);
	}
	if (port == 0)
		return 0;
	port_use(p, r, port, u->owner);
	if (u->want == PORTS_PAIR)
		port_use(p, r, port | 1, u->owner);
	return port;
}

uint16_t ports_take(struct ports *p, uint32_t relay, uint32_t worker, enum ports_want want,
		    uint32_t now)
{
	const struct port_use u = { .want = want, .owner = PORTS_TURN };

	return take(p, relay, worker, &u, now);
}

/* Which of several relays, which are used alike. */
struct relay_want {
	struct port_use use;
	uint32_t realm; /* of a termination */
	bool v6;
};

static bool relay_suits(const struct config_relay *c, const struct relay_want *r, uint32_t worker)
{
	return !c->gone && ip_is_v4(&c->addr) != r->v6 && (!c->owner || c->owner == worker + 1) &&
	       (r->use.owner == PORTS_TURN ? c->turn : c->realm_index == r->realm);
}

static struct ctl_relay take_of(struct ports *p, const struct relay_want *r, uint32_t worker,
				uint32_t now)
{
	uint16_t relay[CTL_RELAYS_MAX];
	uint32_t n = 0, start;

	for (uint32_t i = 0; i < p->n_relay; i++)
		if (relay_suits(&p->conf->relay[i], r, worker))
			relay[n++] = (uint16_t)i;
	start = n ? rand_below(p->rand, n) : 0;
	for (uint32_t i = 0; i < n; i++) {
		uint16_t x = relay[(start + i) % n];
		uint16_t port = take(p, x, worker, &r->use, now);

		if (port)
			return (struct ctl_relay){ x, be16_make(port) };
	}
	return (struct ctl_relay){ .relay = CTL_RELAY_NONE };
}

struct ctl_relay ports_take_family(struct ports *p, bool v6, uint32_t worker, enum ports_want want,
				   uint32_t now)
{
	const struct relay_want r = { .use = { .want = want, .owner = PORTS_TURN }, .v6 = v6 };

	return take_of(p, &r, worker, now);
}

struct ctl_relay ports_take_realm(struct ports *p, uint32_t realm, bool v6, uint32_t worker,
				  enum ports_want want, enum ports_rank rank, uint32_t now)
{
	const struct relay_want r = { .use = { want, PORTS_TERM, rank }, .realm = realm, .v6 = v6 };

	return take_of(p, &r, worker, now);
}

bool ports_withheld(const struct ports *p, uint32_t realm, bool v6, uint32_t worker,
		    enum ports_rank rank)
{
	const struct relay_want r = { .use = { .owner = PORTS_TERM }, .realm = realm, .v6 = v6 };

	for (uint32_t i = 0; i < p->n_relay; i++) {
		if (relay_suits(&p->conf->relay[i], &r, worker) &&
		    p->relay[i]->share[worker].left && !may_break(p, i, worker, rank))
			return true;
	}
	return false;
}

bool ports_is_withheld(const struct ports *p, uint32_t relay, uint16_t port, enum ports_rank rank)
{
	const struct relay_ports *r = p->relay[relay];

	return !r->in_use[port >> 1] && is_whole(r, port) &&
	       !may_break(p, relay, worker_of(p, r, port), rank);
}

bool ports_claim(struct ports *p, uint32_t relay, uint16_t port, enum ports_owner owner)
{
	struct relay_ports *r;

	if (relay >= p->n_relay)
		return false;
	r = p->relay[relay];
	if (!port_free(r, port))
		return false;
	port_use(p, r, port, owner);
	return true;
}

bool ports_is_free(struct ports *p, uint32_t relay, uint16_t port, uint32_t now)
{
	struct relay_ports *r = p->relay[relay];

	quarantine_expire(p, r, share_of(p, r, port), now);
	return port_free(r, port);
}

enum ports_owner ports_owner(const struct ports *p, uint32_t relay, uint16_t port)
{
	const struct relay_ports *r = p->relay[relay];

	if (!(r->in_use[port >> 1] & port_half(port)))
		return PORTS_NOBODY;
	return r->terms[port >> 1] & port_half(port) ? PORTS_TERM : PORTS_TURN;
}

void ports_give(struct ports *p, uint32_t relay, uint16_t port, uint32_t now)
{
	struct relay_ports *r = p->relay[relay];

	if (!(r->in_use[port >> 1] & port_half(port)))
		return;
	r->in_use[port >> 1] &= (uint8_t)~port_half(port);
	if (!r->in_use[port >> 1] && is_whole(r, port))
		share_of(p, r, port)->left++;
	r->terms[port >> 1] &= (uint8_t)~port_half(port);
	quarantine_begin(r, share_of(p, r, port), port, now + PORTS_QUARANTINE_S);
}

/* ---- what an earlier process left ---- */

static int quarantine_earlier(const void *a, const void *b, void *relay)
{
	uint32_t ua = until_get(relay, *(const uint16_t *)a);
	uint32_t ub = until_get(relay, *(const uint16_t *)b);

	return (ua > ub) - (ua < ub);
}

static void reverse(uint16_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n / 2; i++) {
		const uint16_t x = p[i];

		p[i] = p[n - 1 - i];
		p[n - 1 - i] = x;
	}
}

/* Has the ring begin at 0: turned round by its head. */
static void quarantine_align(struct quarantine *quarantine)
{
	reverse(quarantine->port, quarantine->head);
	reverse(quarantine->port + quarantine->head, quarantine->size - quarantine->head);
	reverse(quarantine->port, quarantine->size);
	quarantine->head = 0;
}

static void relay_resume(struct ports *p, struct relay_ports *r, uint32_t worker, uint32_t now)
{
	const uint32_t latest = now + PORTS_QUARANTINE_S;
	struct quarantine *quarantine = &r->share[worker].quarantine;

	if (!quarantine->size) /* the relay is another worker's */
		return;
	for (uint32_t i = 0; i < PORTS; i++) {
		uint16_t port = (uint16_t)i;
		uint32_t until;

		if (worker_of(p, r, port) != worker || !port_free(r, port) ||
		    (until = until_get(r, port)) <= now)
			continue;
		port_leave(p, r, port);
		quarantine_begin(r, &r->share[worker], port, until < latest ? until : latest);
	}
	/* By when they end; some may have ended while the dataplane was waited for. */
	quarantine_align(quarantine);
	qsort_r(quarantine->port, quarantine->n, sizeof(*quarantine->port), quarantine_earlier, r);
}

void ports_resume_worker(struct ports *p, uint32_t worker, uint32_t now)
{
	for (uint32_t i = 0; !p->resumed[worker] && i < p->n_relay; i++)
		relay_resume(p, p->relay[i], worker, now);
	p->resumed[worker] = true;
}

void ports_resume(struct ports *p, uint32_t now)
{
	for (uint32_t w = 0; w < p->n_workers; w++)
		ports_resume_worker(p, w, now);
}

/* ---- a reload ---- */

/* NULL where it stays as it is; one that is gone has no ports to give. */
static bool next_make(struct ports *p, const struct config_relay *c, uint16_t i)
{
	const struct relay_ports *r = i < p->n_relay ? p->relay[i] : NULL;

	if (r && (c->gone || (r->min == c->port_min && r->max == c->port_max)))
		return true;
	p->next[i] = relay_ports_create(p, c, i);
	return p->next[i] != NULL;
}

bool ports_prepare(struct ports *p, const struct config *c, char *err, size_t errlen)
{
	if (c->n_relay > p->file.records[0]) {
		snprintf(err, errlen,
			 "relays: reloads have added as many as there is room for: fairlead-cp and "
			 "fairlead-dp are restarted for more");
		return false;
	}
	for (p->n_next = 0; p->n_next < c->n_relay; p->n_next++) {
		p->next[p->n_next] = NULL;
		if (!next_make(p, &c->relay[p->n_next], (uint16_t)p->n_next)) {
			snprintf(err, errlen, "not enough memory for the relayed ports");
			ports_finish(p, false, 0);
			return false;
		}
	}
	return true;
}

/* What is in use stays so; the file knows what is in quarantine, also of an earlier range. */
static void next_take(struct ports *p, struct relay_ports *r, const struct relay_ports *was,
		      uint32_t now)
{
	for (uint32_t port = r->min; was && port <= r->max; port++) {
		const uint8_t half = port_half((uint16_t)port);

		if (was->in_use[port >> 1] & half)
			port_use(p, r, (uint16_t)port,
				 was->terms[port >> 1] & half ? PORTS_TERM : PORTS_TURN);
	}
	for (uint32_t w = 0; w < p->n_workers; w++) {
		if (p->resumed[w])
			relay_resume(p, r, w, now);
	}
}

void ports_finish(struct ports *p, bool apply, uint32_t now)
{
	for (uint32_t i = 0; i < p->n_next; i++) {
		struct relay_ports *r = p->next[i], *was = i < p->n_relay ? p->relay[i] : NULL;

		if (!r)
			continue;
		if (apply) {
			next_take(p, r, was, now);
			p->relay[i] = r;
		}
		relay_ports_free(apply ? was : r);
		p->next[i] = NULL;
	}
	if (apply) {
		p->n_relay = p->n_next;
		statefile_world_add(&p->file, p->conf);
	}
	p->n_next = 0;
}

const char *ports_fresh(const struct ports *p)
{
	return p->file.fresh;
}

uint32_t ports_used(const struct ports *p, uint32_t relay)
{
	return p->relay[relay]->taken;
}

uint32_t ports_unused(const struct ports *p, uint32_t relay)
{
	const struct relay_ports *r = p->relay[relay];

	return r->max - r->min + 1u - r->taken;
}

uint32_t ports_quarantined(const struct ports *p, uint32_t relay)
{
	const struct relay_ports *r = p->relay[relay];
	uint32_t n = 0;

	for (uint32_t w = 0; w < p->n_workers; w++)
		n += r->share[w].quarantine.n;
	return n;
}
