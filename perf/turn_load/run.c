/* SPDX-License-Identifier: BSD-3-Clause */
/* One trial: warm up, measure, wait for the rest; and the search of RFC 2544 26.1 among trials. */
#include "turn_load.h"

#include <math.h>
#include <stdlib.h>

enum {
	DRAIN_MS = 500, /* of silence: what is not back by then is lost */
	DRAIN_MAX_MS = 5000,
	CONFIRMS_MAX = 12,
	CONFIRM_LONGER = 3,   /* than other trials of a search */
	BEHIND_MAX_MS = 1000, /* what is later than this is not caught up with */
};

static const double LIMITED_BELOW = 0.98; /* of what was asked for */
static const double CONFIRM_STEP = 0.96;  /* down; more if less was offered */
static const double CONFIRM_STEP_MAX = 0.8;

struct trial trial;

/*
 * When the packets of a way are due: the nth (from 0) at begin + n * gap. What is late is sent all
 * the same and stamped with when it was due, or what a stopped relay, or a stopped generator, kept
 * from being sent would be missing in the latency.
 */
struct pace {
	uint64_t begin;
	double gap;    /* TSC; 0: flat out */
	uint64_t next; /* packet */
};

/* Where both ways go, they take turns: one begins half a packet after the other. */
static struct pace pace_begin(double rate, enum way w, uint64_t now)
{
	double gap = rate > 0 ? (double)rte_get_tsc_hz() / rate : 0;

	return (struct pace){ .begin = now + (uint64_t)(w * gap / 2), .gap = gap };
}

static inline uint64_t pace_at(const struct pace *p, uint64_t n)
{
	return p->begin + (uint64_t)((double)n * p->gap);
}

/* When those are due that are by now, a burst at most. Returns how many. */
static inline uint16_t pace_due(const struct pace *p, uint64_t now, uint64_t *at)
{
	uint16_t n = 0;

	while (n < BURST && (at[n] = p->gap > 0 ? pace_at(p, p->next + n) : now) <= now)
		n++;
	return n;
}

/* The first packet that is due at a time or later. */
static uint64_t pace_number(const struct pace *p, uint64_t at)
{
	return at > p->begin ? (uint64_t)ceil((double)(at - p->begin) / p->gap) : 0;
}

/* Leaves out what was due before a time. Returns how many of those the trial measures. */
static uint64_t pace_forget(struct pace *p, uint64_t before)
{
	uint64_t end = pace_number(p, before);
	uint64_t first = RTE_MAX(p->next, pace_number(p, trial.from));

	p->next = RTE_MAX(p->next, end);
	return end > first ? end - first : 0;
}

/* ---- a trial ---- */

static struct {
	struct pace pace[WAYS];
	uint64_t last;	     /* turn */
	uint64_t behind_max; /* cycles */
	uint64_t left[WAYS]; /* packets still to be made */
	bool limited;
} now_running;

static void way_forget(enum way w, uint64_t before)
{
	trial.tally[w].forgotten += pace_forget(&now_running.pace[w], RTE_MIN(before, trial.until));
}

static uint16_t way_turn(enum way w)
{
	struct pace *p = &now_running.pace[w];
	uint64_t at[BURST], now = rte_rdtsc();
	uint16_t due, sent = 0;

	if (make_pending(w)) {
		sent = make_send(w);
		if (make_pending(w))
			return sent;
	}
	if (p->gap > 0 && pace_at(p, p->next) + now_running.behind_max < now)
		way_forget(w, now - now_running.behind_max);
	due = pace_due(p, RTE_MIN(now, trial.until - 1), at);
	due = now_running.limited ? (uint16_t)RTE_MIN(due, now_running.left[w]) : due;
	if (!due || !make_burst(w, at, due))
		return sent;
	p->next += due;
	now_running.left[w] -= due;
	return sent + make_send(w);
}

/* One round of the loop. */
static void turn_around(uint64_t now)
{
	uint64_t cycles;
	uint32_t moved = check_poll();

	for (int w = 0; w < WAYS; w++)
		if (opt.way[w])
			moved += way_turn((enum way)w);
	turn_tick(now);
	ports_flush();
	cycles = rte_rdtsc() - now;
	trial.cost.all += cycles;
	trial.cost.idle += moved ? 0 : cycles;
}

/* Whether something that was due in the trial has not gone out. */
static bool owing(void)
{
	bool owes = false;

	for (int w = 0; w < WAYS; w++)
		owes |= opt.way[w] && now_running.pace[w].gap > 0 &&
			(make_pending((enum way)w) ||
			 pace_at(&now_running.pace[w], now_running.pace[w].next) < trial.until);
	return owes;
}

static uint64_t missing(void)
{
	uint64_t n = 0;

	for (int w = 0; w < WAYS; w++)
		n += trial.tally[w].offered - trial.tally[w].delivered;
	return n;
}

/* Until all is back, or nothing has come for a while. */
static void drain(uint64_t hz)
{
	uint64_t begin = rte_rdtsc(), last = begin, now = begin;

	for (int w = 0; w < WAYS; w++) {
		uint16_t dropped = make_drop((enum way)w);

		trial.tally[w].forgotten += trial.rate > 0 ? dropped : 0;
	}
	while (missing() && now - last < hz * DRAIN_MS / 1000 &&
	       now - begin < hz * DRAIN_MAX_MS / 1000) {
		now = rte_rdtsc();
		if (check_poll())
			last = now;
		turn_tick(now);
		ports_flush();
	}
}

static void trial_run(double rate, double warmup, double seconds, uint64_t packets)
{
	uint64_t hz = rte_get_tsc_hz(), now, second;
	uint32_t ways = opt.way[UP] + opt.way[DOWN];

	memset(&trial, 0, sizeof(trial));
	now_running.behind_max = hz * BEHIND_MAX_MS / 1000;
	now_running.limited = packets != 0;
	now = rte_rdtsc();
	for (int w = 0; w < WAYS; w++) {
		now_running.pace[w] = pace_begin(rate / ways, (enum way)w, now);
		now_running.left[w] = opt.way[w] ? packets / ways : 0;
	}
	now_running.left[opt.way[UP] ? UP : DOWN] += packets % ways;
	trial.rate = rate;
	trial.from = packets ? now : now + (uint64_t)(warmup * (double)hz);
	trial.until = packets ? UINT64_MAX : trial.from + (uint64_t)(seconds * (double)hz);
	second = trial.from + hz;
	while (!stop &&
	       (now < trial.until || (owing() && now < trial.until + now_running.behind_max))) {
		if (packets && !now_running.left[UP] && !now_running.left[DOWN] &&
		    !make_pending(UP) && !make_pending(DOWN))
			break;
		now = rte_rdtsc();
		turn_around(now);
		if (now >= second) {
			report_second(now);
			second += hz;
		}
	}
	now = rte_rdtsc(); /* after the last was made, where it does not go by time */
	trial.until = now < trial.until ? now : trial.until;
	trial.sent_until = RTE_MAX(trial.sent_until, trial.until);
	for (int w = 0; w < WAYS; w++)
		if (opt.way[w] && rate > 0 && !packets)
			way_forget((enum way)w, trial.until);
	drain(hz);
}

/* ---- the search ---- */

static double loss_of(void)
{
	uint64_t offered = trial.tally[UP].offered + trial.tally[DOWN].offered;
	uint64_t delivered = trial.tally[UP].delivered + trial.tally[DOWN].delivered;

	return offered ? (double)(offered - delivered) / (double)offered : 1;
}

/* A second, of what took until then. */
static double rate_of(uint64_t n, uint64_t until)
{
	return (double)n * (double)rte_get_tsc_hz() / (double)(until - trial.from);
}

/* One of the search: passed if no more was lost than may be, limited if not all was offered. */
static struct searched search_trial(double rate, double seconds, bool confirming)
{
	struct searched s = { .rate = rate, .confirming = confirming };

	trial_run(rate, opt.warmup, seconds, 0);
	s.offered = rate_of(trial.tally[UP].offered + trial.tally[DOWN].offered, trial.sent_until);
	s.loss = loss_of();
	s.passed = s.loss <= opt.loss;
	s.limited = s.offered < LIMITED_BELOW * rate;
	report_trial(&s);
	return s;
}

/*
 * Bisection between nothing and more than can be: what came back when it was offered flat out, and
 * a tenth. Where the device holds the load back instead of losing it, flat out is the answer.
 * Returns the highest rate that was carried: what was offered indeed, which may be less than what
 * was asked for.
 */
static double search_bisect(void)
{
	struct searched s = search_trial(opt.rate, opt.search_seconds, false);
	double low = s.passed ? s.offered : 0, high = opt.rate;

	if (s.passed)
		return low;
	if (high <= 0)
		high =
		    1.1 * rate_of(trial.tally[UP].in_time + trial.tally[DOWN].in_time, trial.until);
	for (uint32_t i = 1; i < opt.search_steps && high > low && !stop; i++) {
		s = search_trial((low + high) / 2, opt.search_seconds, false);
		if (s.passed)
			low = RTE_MAX(low, s.offered);
		/* Where the generator is the limit, there is no use in asking for more. */
		if (!s.passed || s.limited)
			high = s.rate;
	}
	return low;
}

/*
 * What a short trial carried by luck, a longer one does not: down from there until one does.
 * Returns its rate, or 0 if none does.
 */
static double search_confirm(double rate)
{
	struct searched s;

	for (int i = 0; i < CONFIRMS_MAX && rate > 0 && !stop; i++) {
		s = search_trial(rate, CONFIRM_LONGER * opt.search_seconds, true);
		if (s.passed && !s.limited && !stop)
			return s.offered;
		rate *= fmax(CONFIRM_STEP_MAX, fmin(CONFIRM_STEP, s.offered / rate));
	}
	return 0;
}

/* The result is the last trial, which is the confirming one if there was any rate to confirm. */
static void search(void)
{
	double found = search_bisect(), confirmed = search_confirm(found);

	if (found > 0 && confirmed <= 0)
		note("search: no longer trial confirms %.0f a second, or less", found);
	report_end(&trial, confirmed);
}

void run(void)
{
	sessions_open();
	if (opt.raw) {
		next_hop[CLIENT] = opt.gateway_mac;
		next_hop[PEER] = opt.gateway_mac;
	} else if (opt.legs) {
		legs_read();
		neighbour_resolve(CLIENT, &session[0].half[UP].far.ip);
	} else {
		neighbour_resolve(CLIENT, &opt.server.ip);
		turn_setup();
	}
	if (opt.turn && setup.sessions < opt.sessions) {
		report_end(NULL, 0);
		if (!stop)
			die("%u of %u sessions could not be set up", opt.sessions - setup.sessions,
			    opt.sessions);
		return;
	}
	if (!opt.raw && !opt.setup_only)
		neighbour_resolve(PEER, &session[0].half[DOWN].far.ip);
	if (opt.setup_only) {
		report_end(NULL, 0);
	} else {
		make_open();
		if (opt.search) {
			search();
		} else {
			trial_run(opt.rate, opt.warmup, opt.seconds, opt.packets);
			report_end(&trial, 0);
		}
	}
	if (opt.turn && opt.teardown)
		turn_teardown();
}
