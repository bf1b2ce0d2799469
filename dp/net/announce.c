/* SPDX-License-Identifier: BSD-3-Clause */
#include "announce.h"
#include "ip.h"
#include "neigh.h"
#include "net.h"

#include <inttypes.h>
#include <rte_malloc.h>
#include <rte_random.h>
#include <stdio.h>

/* A MAC as a number; the bit above says that there is one. */
#define MAC_THERE (UINT64_C(1) << 48)

/* One of our addresses, by its index in dplane.local. */
struct record {
	_Atomic uint64_t
	    claim; /* MAC of the last; any worker sets it, worker 0 takes it; 0: none */
	_Atomic uint64_t other; /* MAC that has it too; worker 0 writes, the service thread reads */
	/* Worker 0's. */
	uint64_t due_ms;    /* of the next step */
	uint64_t defend_ms; /* not before */
	uint8_t step;	    /* questions asked and announcements made so far */
	uint32_t begun;	    /* of the address: another: it has been given to us anew */
	/* The service thread's. */
	uint64_t told, told_ms; /* what the log has of `other`, and since when */
};

/* Steps after the questions are announcements; at STEP_DONE nothing is due. */
enum { STEP_ANNOUNCE = ANNOUNCE_PROBES, STEP_DONE = ANNOUNCE_PROBES + ANNOUNCE_ROUNDS };

/* A port, by its index. */
struct link {
	_Atomic uint64_t conflicts; /* any worker adds */
	_Atomic uint32_t query;	    /* milliseconds a router waits, and 1; any worker sets it */
	uint32_t takeovers;	    /* that it has begun anew for */
	bool up;
	uint8_t rounds;	    /* reports due unasked */
	uint64_t round_ms;  /* when the next is */
	uint64_t answer_ms; /* when an answer is due; 0: none is */
};

struct announce {
	struct link link[CTL_PORTS_MAX];
	uint16_t at; /* where the last look at records ended */
	struct record record[LOCAL_TABLE];
};

struct announce *announce_create(void)
{
	return rte_zmalloc("announce", sizeof(struct announce), RTE_CACHE_LINE_SIZE);
}

void announce_free(struct announce *a)
{
	rte_free(a);
}

/* NULL before worker 0 is there. */
static struct announce *announce_of(const struct dplane *dp)
{
	const struct worker *first = dp->worker[0];

	return first && first->net ? first->net->announce : NULL;
}

/* ---- what is heard ---- */

static uint64_t mac_number(const uint8_t *mac)
{
	uint64_t n = MAC_THERE;
	int i;

	for (i = 0; i < RTE_ETHER_ADDR_LEN; i++)
		n |= (uint64_t)mac[i] << (40 - 8 * i);
	return n;
}

void announce_claimed(const struct worker *w, uint16_t port, const struct ip_addr *ip,
		      const uint8_t *mac)
{
	const struct local_addr *own = dplane_local(w->dp, ip);
	struct announce *a = announce_of(w->dp);

	/* A frame of our own that the link brought back claims nothing. */
	if (!a || !own || own->port != port ||
	    memcmp(mac, w->dp->port[port].mac.addr_bytes, RTE_ETHER_ADDR_LEN) == 0)
		return;
	atomic_fetch_add_explicit(&a->link[port].conflicts, 1, memory_order_relaxed);
	atomic_store_explicit(&a->record[own - w->dp->local].claim, mac_number(mac),
			      memory_order_relaxed);
}

void announce_queried(const struct worker *w, uint16_t port, uint32_t max_ms)
{
	struct announce *a = announce_of(w->dp);

	if (a)
		atomic_store_explicit(&a->link[port].query, RTE_MIN(max_ms, UINT32_MAX - 1) + 1,
				      memory_order_relaxed);
}

/* ---- what is sent ---- */

static void address_probe(struct worker *w, const struct local_addr *l)
{
	if (ip_is_v4(&l->ip))
		arp_probe(w, l->port, &l->ip);
	else
		nd_probe(w, l->port, &l->ip);
}

static void address_announce(struct worker *w, const struct local_addr *l)
{
	if (ip_is_v4(&l->ip))
		arp_announce(w, l->port, &l->ip);
	else
		nd_announce(w, l->port, &l->ip);
}

static void other_set(struct record *r, uint64_t mac)
{
	atomic_store_explicit(&r->other, mac, memory_order_relaxed);
}

/* Somebody claims the address. Returns whether a frame was sent. */
static bool record_claimed(struct worker *w, const struct local_addr *l, struct record *r,
			   uint64_t mac)
{
	other_set(r, mac);
	if (r->step < STEP_ANNOUNCE) {
		/* Asked for again from the start; the first question has not gone out at step 0. */
		if (r->step > 0)
			r->due_ms = w->now_ms + ANNOUNCE_DEFEND_MS;
		r->step = 0;
		return false;
	}
	if (r->step == STEP_DONE)
		r->due_ms = w->now_ms + ANNOUNCE_QUIET_MS;
	if (w->now_ms < r->defend_ms)
		return false;
	r->defend_ms = w->now_ms + ANNOUNCE_DEFEND_MS;
	address_announce(w, l);
	return true;
}

/* What is due for an address. Returns whether a frame was sent. */
static bool record_step(struct worker *w, const struct local_addr *l, struct record *r)
{
	if (w->now_ms < r->due_ms)
		return false;
	if (r->step == STEP_DONE) {
		other_set(r, 0);
		return false;
	}
	if (r->step < STEP_ANNOUNCE) {
		address_probe(w, l);
		r->due_ms = w->now_ms + ANNOUNCE_PROBE_MS;
	} else {
		if (r->step == STEP_ANNOUNCE)
			other_set(r, 0); /* nobody has answered */
		address_announce(w, l);
		r->due_ms = w->now_ms + ANNOUNCE_ROUND_MS;
	}
	r->step++;
	if (r->step == STEP_DONE)
		r->due_ms = w->now_ms + ANNOUNCE_QUIET_MS;
	return true;
}

static bool record_tick(struct worker *w, const struct local_addr *l, struct record *r)
{
	uint64_t mac = atomic_load_explicit(&r->claim, memory_order_relaxed);

	if (unlikely(mac)) {
		mac = atomic_exchange_explicit(&r->claim, 0, memory_order_relaxed);
		return record_claimed(w, l, r, mac);
	}
	return record_step(w, l, r);
}

/*
 * All addresses of a port begin anew: with questions where its link came up, which may be another
 * than before. Where another member of a bond has taken over it is the same link, but behind other
 * switches: what has been announced is announced again.
 */
static void link_begin(struct worker *w, uint16_t port, struct announce *a, bool takeover)
{
	uint16_t i;

	for (i = 0; i < w->dp->n_local; i++) {
		if (!w->dp->local[i].there || w->dp->local[i].port != port ||
		    (takeover && a->record[i].step <= STEP_ANNOUNCE))
			continue;
		a->record[i].step = takeover ? STEP_ANNOUNCE + 1 : 0;
		a->record[i].due_ms = w->now_ms;
		a->record[i].defend_ms = 0;
	}
	a->link[port].rounds = ANNOUNCE_ROUNDS;
	a->link[port].round_ms = w->now_ms + (uint64_t)ANNOUNCE_PROBES * ANNOUNCE_PROBE_MS;
	/* Switches send groups only to who reported them, and questions go to such groups. */
	mld_report(w, port, false);
}

/* An answer comes at random within the router's time, one second at most; one at a time. */
static void link_answer(struct worker *w, uint16_t port, struct link *l)
{
	uint32_t query = atomic_exchange_explicit(&l->query, 0, memory_order_relaxed);

	if (query && !l->answer_ms)
		l->answer_ms = w->now_ms + rte_rand_max(RTE_MIN(query, 1000u));
	if (!l->answer_ms || w->now_ms < l->answer_ms)
		return;
	l->answer_ms = 0;
	mld_report(w, port, true);
}

static void link_tick(struct worker *w, uint16_t port, struct announce *a)
{
	const struct port *p = &w->dp->port[port];
	struct link *l = &a->link[port];
	bool up = atomic_load_explicit(&p->link, memory_order_relaxed) == LINK_UP;
	uint32_t takeovers = atomic_load_explicit(&p->takeovers, memory_order_relaxed);

	if (up && !l->up)
		link_begin(w, port, a, false);
	else if (up && takeovers != l->takeovers)
		link_begin(w, port, a, true);
	l->up = up;
	l->takeovers = takeovers;
	if (!up)
		return;
	link_answer(w, port, l);
	if (!l->rounds || w->now_ms < l->round_ms)
		return;
	l->rounds--;
	l->round_ms = w->now_ms + ANNOUNCE_ROUND_MS;
	mld_report(w, port, false);
}

/* A reload has brought it, perhaps back: with questions, and its group is reported. */
static void address_begin(struct worker *w, const struct local_addr *l, struct announce *a,
			  struct record *r)
{
	struct link *link = &a->link[l->port];
	const uint32_t begun = atomic_load_explicit(&l->begun, memory_order_relaxed);

	if (r->begun == begun)
		return;
	r->begun = begun;
	r->step = 0;
	r->due_ms = w->now_ms;
	r->defend_ms = 0;
	link->rounds = ANNOUNCE_ROUNDS;
	link->round_ms = w->now_ms;
}

void announce_tick(struct worker *w)
{
	struct announce *a = w->net->announce;
	uint32_t frames = 0;
	uint16_t i;

	for (i = 0; i < w->dp->n_ports; i++)
		link_tick(w, i, a);
	for (i = 0; i < w->dp->n_local && frames < ANNOUNCE_FRAMES; i++) {
		const struct local_addr *l;

		a->at = a->at + 1 < w->dp->n_local ? a->at + 1 : 0;
		l = &w->dp->local[a->at];
		if (!l->there || !a->link[l->port].up)
			continue;
		address_begin(w, l, a, &a->record[a->at]);
		frames += record_tick(w, l, &a->record[a->at]);
	}
}

/* ---- what the service thread tells ---- */

uint64_t announce_conflicts(const struct dplane *dp, uint16_t port)
{
	struct announce *a = announce_of(dp);

	return a ? atomic_load_explicit(&a->link[port].conflicts, memory_order_relaxed) : 0;
}

static void record_tell(const struct dplane *dp, const struct local_addr *l, uint64_t mac,
			void (*tell)(bool conflict, const char *line))
{
	char line[ANNOUNCE_TELL_LEN], ip[ADDR_STR_MAX];
	const char *name = dp->port[l->port].conf->name;

	ip_format(&l->ip, ip, sizeof(ip));
	if (mac)
		snprintf(line, sizeof(line),
			 "port %s: address %s is also claimed by %02x:%02x:%02x:%02x:%02x:%02x: "
			 "one of both must change",
			 name, ip, (unsigned int)(mac >> 40 & 0xff),
			 (unsigned int)(mac >> 32 & 0xff), (unsigned int)(mac >> 24 & 0xff),
			 (unsigned int)(mac >> 16 & 0xff), (unsigned int)(mac >> 8 & 0xff),
			 (unsigned int)(mac & 0xff));
	else
		snprintf(line, sizeof(line), "port %s: nobody else claims address %s any more",
			 name, ip);
	tell(mac != 0, line);
}

void announce_news(const struct dplane *dp, uint64_t now_ms,
		   void (*tell)(bool conflict, const char *line))
{
	struct announce *a = announce_of(dp);
	uint16_t i;

	for (i = 0; a && i < dp->n_local; i++) {
		struct record *r = &a->record[i];
		uint64_t mac = atomic_load_explicit(&r->other, memory_order_relaxed);

		if (!dp->local[i].there || !mac == !r->told ||
		    (r->told_ms && now_ms - r->told_ms < ANNOUNCE_TELL_MS))
			continue;
		r->told = mac;
		r->told_ms = now_ms;
		record_tell(dp, &dp->local[i], mac, tell);
	}
}
