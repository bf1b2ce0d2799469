/* SPDX-License-Identifier: BSD-3-Clause */
#include "phones.h"

#include "../event_log.h"
#include "../log.h"
#include "../server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TURN_PHONES = 16384, /* looked at in a turn */
	/*
	 * Packets a second that a phone was sent at most, on average: a dataplane that has lost
	 * their number goes on above it, or the phone would take what it sends for a replay.
	 */
	RESUME_RATE = 1024,
};

struct phones {
	struct server *s;
	struct phone *phone; /* [workers][max], by slot */
	uint32_t *head;	     /* chains by address inside; SLOT_NONE at their ends */
	uint32_t n, max, heads, turn_at;
	uint32_t at[CTL_WORKERS_MAX], used[CTL_WORKERS_MAX];
	uint64_t turn_s;
	struct event_log *log;
	bool partial;
};

/* ---- life ---- */

struct phones *phones_new(struct server *s)
{
	const struct config *c = s->conf;
	struct phones *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->s = s;
	t->max = c->ipsec.phones;
	t->n = t->max * c->dataplane.n_workers;
	for (t->heads = 16; t->heads < t->n; t->heads *= 2)
		;
	t->phone = calloc(t->n, sizeof(*t->phone));
	t->head = malloc(t->heads * sizeof(*t->head));
	t->log = event_log_create(PHONE_EVENTS, sizeof(struct phone_event));
	if (!t->phone || !t->head || !t->log) {
		phones_free(t);
		return NULL;
	}
	memset(t->head, 0xff, t->heads * sizeof(*t->head));
	t->partial = true;
	return t;
}

void phones_free(struct phones *t)
{
	if (!t)
		return;
	if (t->phone)
		explicit_bzero(t->phone, t->n * sizeof(*t->phone));
	free(t->phone);
	free(t->head);
	event_log_free(t->log);
	free(t);
}

/* ---- events ---- */

static void tell(struct phones *t, const struct phone *p, enum phone_news what, enum phone_end end)
{
	const uint32_t now = server_now(t->s);
	struct phone_event e = { .wall_ms = t->s->wall_ms,
				 .left_s = p->s.expiry > now ? p->s.expiry - now : 0,
				 .what = (uint8_t)what,
				 .end = (uint8_t)end,
				 .remote = p->s.outer };

	phones_name(p, e.name);
	memcpy(e.user, p->user, sizeof(e.user));
	t->s->stats.phone_events++;
	t->s->stats.phone_events_lost += event_log_add(t->log, &e);
}

const struct phone_event *phones_event_get(const struct phones *t, uint64_t seq)
{
	return event_log_get(t->log, seq);
}

uint64_t phones_event_last(const struct phones *t)
{
	return event_log_last(t->log);
}

void phones_events_listen(struct phones *t, void (*changed)(void *arg), void *arg)
{
	event_log_listen(t->log, changed, arg);
}

/* ---- chains ---- */

static uint32_t index_of(const struct phones *t, const struct phone *p)
{
	return (uint32_t)(p - t->phone);
}

/* They hold those who have authenticated: nobody chooses where he stands for the worst. */
static uint32_t *chain(const struct phones *t, const struct ip_addr *inner)
{
	return &t->head[ctl_ipsec_worker(inner, t->heads)];
}

static void chain_add(struct phones *t, struct phone *p)
{
	uint32_t *head = chain(t, &p->s.inner);

	p->next = *head;
	*head = index_of(t, p);
}

static void chain_del(struct phones *t, const struct phone *p)
{
	uint32_t *at = chain(t, &p->s.inner);

	while (*at != index_of(t, p))
		at = &t->phone[*at].next;
	*at = p->next;
}

/* Whether what is sent to both could not be told apart: a port in common, or any port of one. */
static bool ports_meet(const struct ctl_ipsec *a, const struct ctl_ipsec *b)
{
	for (uint32_t i = 0; i < a->n_lanes; i++)
		for (uint32_t k = 0; k < b->n_lanes; k++) {
			const uint16_t x = be16_get(a->lane[i].remote);
			const uint16_t y = be16_get(b->lane[k].remote);

			if (x == y || x == 0 || y == 0)
				return true;
		}
	return false;
}

/* Whether two sets are of one phone, at one place. */
static bool stands_beside(const struct ctl_ipsec *a, const struct ctl_ipsec *b)
{
	return ip_eq(&a->inner, &b->inner) && ports_meet(a, b);
}

static bool clashes(const struct phones *t, const struct phone *p)
{
	for (uint32_t i = *chain(t, &p->s.inner); i != SLOT_NONE; i = t->phone[i].next) {
		const struct phone *q = &t->phone[i];

		/* Who was not named is another. */
		if (stands_beside(&q->s, &p->s) && (!p->s.user || q->s.user != p->s.user))
			return true;
	}
	return false;
}

/*
 * Whether of a phone's sets this is the one that it was told last, of those that it has used: what
 * is sent to it goes by that.
 */
static bool is_current(const struct phones *t, const struct phone *p)
{
	if (!p->used)
		return false;
	for (uint32_t i = *chain(t, &p->s.inner); i != SLOT_NONE; i = t->phone[i].next) {
		const struct phone *q = &t->phone[i];

		if (q != p && q->used && q->made > p->made && stands_beside(&q->s, &p->s))
			return false;
	}
	return true;
}

/* ---- commands ---- */

static uint32_t seq_of(const struct phones *t, const struct phone *p)
{
	const uint64_t seq = (uint64_t)(server_now(t->s) - p->made) * RESUME_RATE;

	return seq > INT32_MAX ? INT32_MAX : (uint32_t)seq;
}

static void phone_send(const struct phones *t, const struct phone *p)
{
	struct cmd_ipsec_set c = { .s = p->s, .seq = seq_of(t, p) };

	if (!p->keyed)
		c.s.flags |= CTL_IPSEC_KEPT;
	if (is_current(t, p))
		c.s.flags |= CTL_IPSEC_CURRENT;
	memcpy(c.key, p->key, sizeof(c.key));
	memcpy(c.mac, p->mac, sizeof(c.mac));
	memcpy(c.salt, p->salt, sizeof(c.salt));
	dplink_cmd(t->s->link, p->worker, CMD_IPSEC_SET, &c, sizeof(c));
	explicit_bzero(&c, sizeof(c));
}

void phones_forget(struct phones *t, struct phone *p, enum phone_end why)
{
	const struct ctl_ipsec was = p->s;

	tell(t, p, PHONE_NEWS_ENDED, why);
	chain_del(t, p);
	t->used[p->worker]--;
	explicit_bzero(p, sizeof(*p));
	/* What is sent to the phone goes by another set of its, if there is one. */
	for (uint32_t i = *chain(t, &was.inner); i != SLOT_NONE; i = t->phone[i].next)
		if (stands_beside(&t->phone[i].s, &was))
			phone_send(t, &t->phone[i]);
}

/* ---- adding ---- */

/* A free place of a worker's, the one that was left longest ago, more or less; it has one. */
static struct phone *place_find(struct phones *t, uint32_t worker)
{
	struct phone *first = t->phone + (size_t)worker * t->max;
	uint32_t *at = &t->at[worker];

	while (first[*at].s.id.gen)
		*at = *at + 1 < t->max ? *at + 1 : 0;
	first += *at;
	*at = *at + 1 < t->max ? *at + 1 : 0;
	return first;
}

/* Both ends tell four associations apart by SPIs (TS 33.203 7.1). */
static bool spis_differ(const struct ctl_ipsec *s)
{
	for (uint32_t i = 0; i < s->n_lanes; i++)
		for (uint32_t k = 0; k < s->n_lanes; k++)
			if (s->lane[i].spi_in == s->lane[k].spi_out)
				return false;
	return true;
}

static void spis_choose(struct phones *t, struct phone *p, uint32_t slot)
{
	p->s.id.slot = slot;
	do {
		do
			p->s.id.gen = (uint32_t)rand_u64(&t->s->rand);
		while (p->s.id.gen == 0);
		for (uint32_t i = 0; i < p->s.n_lanes; i++)
			p->s.lane[i].spi_in = ctl_ipsec_spi(p->worker, p->s.id, i);
	} while (!spis_differ(&p->s));
}

static void place_take(struct phones *t, struct phone *p)
{
	chain_add(t, p);
	t->used[p->worker]++;
}

enum phone_fault phones_add(struct phones *t, const struct phone *like, struct phone **out)
{
	const uint32_t w = ctl_ipsec_worker(&like->s.inner, t->s->conf->dataplane.n_workers);
	struct phone *p;

	if (!dplink_attached(t->s->link) || (t->partial && !dplink_told(t->s->link, w)))
		return PHONE_AWAY;
	if (t->used[w] >= t->max)
		return PHONE_FULL;
	if (clashes(t, like))
		return PHONE_CLASH;
	*out = p = place_find(t, w);
	*p = *like;
	p->worker = w;
	p->made = server_now(t->s);
	spis_choose(t, p, (uint32_t)(p - t->phone) - w * t->max);
	place_take(t, p);
	phone_send(t, p);
	return PHONE_OK;
}

void phones_extend(struct phones *t, struct phone *p, uint32_t expiry)
{
	p->s.expiry = expiry;
	p->ending = false;
	phone_send(t, p);
}

/* ---- finding ---- */

void phones_name(const struct phone *p, char name[PHONE_NAME_MAX])
{
	snprintf(name, PHONE_NAME_MAX, "%u-%u-%u", p->worker, p->s.id.slot, p->s.id.gen);
}

struct phone *phones_find(struct phones *t, const char *name)
{
	uint32_t worker, slot, gen;
	struct phone *p;
	char end;

	if (sscanf(name, "%10u-%10u-%10u%c", &worker, &slot, &gen, &end) != 3 ||
	    worker >= t->s->conf->dataplane.n_workers || slot >= t->max || gen == 0)
		return NULL;
	p = &t->phone[(size_t)worker * t->max + slot];
	/* One that is over may be known here for a moment more. */
	return p->s.id.gen == gen && p->s.expiry > server_now(t->s) ? p : NULL;
}

struct phone *phones_walk(struct phones *t, uint32_t *at)
{
	while (*at < t->n) {
		struct phone *p = &t->phone[(*at)++];

		if (p->s.id.gen)
			return p;
	}
	return NULL;
}

uint32_t phones_count(const struct phones *t)
{
	uint32_t n = 0;

	for (uint32_t w = 0; t && w < t->s->conf->dataplane.n_workers; w++)
		n += t->used[w];
	return n;
}

/* ---- what the dataplane tells ---- */

bool phones_partial(const struct phones *t)
{
	return t && t->partial;
}

void phones_whole(struct phones *t)
{
	t->partial = false;
}

/* It has one that a control process before us made. */
static bool phone_adopt(struct phones *t, uint32_t worker, const struct evt_ipsec *e)
{
	struct phone *p = &t->phone[(size_t)worker * t->max + e->s.id.slot];

	if (p->s.id.gen || t->used[worker] >= t->max)
		return p->s.id.gen == e->s.id.gen;
	*p = (struct phone){ .s = e->s, .worker = worker, .made = server_now(t->s) };
	p->used = e->silent_s != UINT32_MAX;
	place_take(t, p);
	return true;
}

static enum phone_end end_of(uint16_t refusal)
{
	if (refusal == REFUSED_GONE)
		return PHONE_END_LOST;
	return refusal == REFUSED_FULL ? PHONE_END_LIMIT : PHONE_END_REFUSED;
}

bool phones_event(struct phones *t, uint32_t worker, const struct evt_ipsec *e)
{
	char text[ADDR_STR_MAX];
	struct phone *p;

	if (e->what == IPSEC_TOLD)
		return phone_adopt(t, worker, e);
	p = &t->phone[(size_t)worker * t->max + e->s.id.slot];
	if (p->s.id.gen != e->s.id.gen || e->s.id.gen == 0)
		return false;
	switch ((enum ctl_ipsec_event)e->what) {
	case IPSEC_USED:
		p->used = true;
		tell(t, p, PHONE_NEWS_USED, 0);
		return true;
	case IPSEC_MOVED:
		p->s.outer = e->s.outer;
		tell(t, p, PHONE_NEWS_MOVED, 0);
		return true;
	case IPSEC_SPENT:
		p->spent = true;
		tell(t, p, PHONE_NEWS_SPENT, 0);
		return true;
	case IPSEC_REFUSED:
		/* A dataplane that has restarted has none of those whose keys we do not know. */
		if (e->why != REFUSED_GONE)
			log_line("the dataplane refused the IPsec associations of the phone at %s",
				 ip_format(&p->s.outer.ip, text, sizeof(text)));
		t->s->stats.phones_refused++;
		phones_forget(t, p, end_of(e->why));
		return true;
	case IPSEC_TOLD:
	case IPSEC_STATS:
	case IPSEC_EVENTS:
		break;
	}
	return false;
}

enum dplink_work phones_replay(struct phones *t, uint32_t worker, struct dplink_cursor *cur)
{
	for (uint32_t scan = 0; scan < DPLINK_REPLAY_SCAN; scan++, cur->slot++) {
		const struct phone *p;

		if (cur->slot >= t->max)
			return DPLINK_IDLE;
		p = &t->phone[(size_t)worker * t->max + cur->slot];
		if (!p->s.id.gen)
			continue;
		if (dplink_replay_room(t->s->link, worker) < 1)
			return DPLINK_BLOCKED;
		phone_send(t, p);
	}
	return DPLINK_MORE;
}

/* ---- time ---- */

static void phone_turn(struct phones *t, struct phone *p, uint32_t now)
{
	if (now >= p->s.expiry) {
		phones_forget(t, p, PHONE_END_LIFETIME);
	} else if (!p->ending && p->s.expiry - now <= PHONE_ENDING_S) {
		p->ending = true;
		tell(t, p, PHONE_NEWS_ENDING, 0);
	}
}

void phones_turn(struct phones *t)
{
	const uint32_t now = server_now(t->s);

	if (t->turn_at >= t->n) {
		if (t->turn_s == now)
			return;
		t->turn_s = now;
		t->turn_at = 0;
	}
	for (uint32_t i = 0; i < TURN_PHONES && t->turn_at < t->n; i++) {
		struct phone *p = &t->phone[t->turn_at++];

		if (p->s.id.gen)
			phone_turn(t, p, now);
	}
}
