/* SPDX-License-Identifier: BSD-3-Clause */
/* One trial: warm up, measure, wait for the rest; and the search of RFC 2544 26.1 among trials. */
#include "turn_load.h"

#include <stdlib.h>

enum {
	DRAIN_MS = 500, /* of silence: what is not back by then is lost */
	DRAIN_MAX_MS = 5000,
	LAG_US = 100,	  /* behind by more, a rate is not caught up with: that would be a burst */
	LAG_PACKETS = 64, /* but so many may always be due */
	CREDIT_BITS = 40, /* fraction of a packet */
};

struct trial trial;

/* Due packets of a way: credit grows with time. */
struct pace {
	uint64_t credit, a_cycle, most; /* packets << CREDIT_BITS */
	bool flat_out;
};

/* Where both ways go, they take turns: one begins half a packet ahead. */
static struct pace pace_begin(double rate, enum way w)
{
	double a_cycle = rate / (double)rte_get_tsc_hz();
	double most = rate * LAG_US / 1e6;

	most = most > LAG_PACKETS ? most : LAG_PACKETS;
	return (struct pace){ .credit = (uint64_t)w << (CREDIT_BITS - 1),
			      .a_cycle = (uint64_t)(a_cycle * (double)(UINT64_C(1) << CREDIT_BITS)),
			      .most = (uint64_t)most << CREDIT_BITS,
			      .flat_out = rate <= 0 };
}

/* How many are due, a burst at most. */
static inline uint16_t pace_due(struct pace *p, uint64_t cycles)
{
	uint64_t due;

	if (p->flat_out)
		return BURST;
	p->credit += cycles * p->a_cycle;
	p->credit = p->credit < p->most ? p->credit : p->most;
	due = p->credit >> CREDIT_BITS;
	return due < BURST ? (uint16_t)due : BURST;
}

static inline void pace_spend(struct pace *p, uint16_t n)
{
	if (!p->flat_out)
		p->credit -= (uint64_t)n << CREDIT_BITS;
}

/* ---- a trial ---- */

static struct {
	struct pace pace[WAYS];
	uint64_t last; /* turn */
	uint64_t lag;  /* most cycles of a turn that count */
	uint64_t left; /* packets still to be made */
	bool limited;
} now_running;

static uint16_t way_turn(enum way w, uint64_t cycles)
{
	struct pace *p = &now_running.pace[w];
	uint16_t due = pace_due(p, cycles);

	/* A burst that was refused was paid for when it was made. */
	if (make_pending(w))
		return make_burst(w, 0);
	due = now_running.limited && now_running.left < due ? (uint16_t)now_running.left : due;
	if (!due)
		return 0;
	pace_spend(p, due);
	now_running.left -= due;
	return make_burst(w, due);
}

/* One round of the loop. */
static void turn_around(uint64_t now)
{
	uint64_t cycles = now - now_running.last;
	uint32_t moved;

	now_running.last = now;
	cycles = cycles < now_running.lag ? cycles : now_running.lag;
	moved = check_poll();
	for (int w = 0; w < WAYS; w++)
		if (opt.way[w])
			moved += way_turn((enum way)w, cycles);
	turn_tick(now);
	ports_flush();
	cycles = rte_rdtsc() - now;
	trial.cost.all += cycles;
	trial.cost.idle += moved ? 0 : cycles;
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

	for (int w = 0; w < WAYS; w++)
		make_drop((enum way)w);
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
	int ways = opt.way[UP] + opt.way[DOWN];

	memset(&trial, 0, sizeof(trial));
	now_running.lag = hz * LAG_US / 1000000;
	now_running.left = packets;
	now_running.limited = packets != 0;
	for (int w = 0; w < WAYS; w++)
		now_running.pace[w] = pace_begin(rate / ways, (enum way)w);
	now = rte_rdtsc();
	now_running.last = now;
	trial.rate = rate;
	trial.from = packets ? now : now + (uint64_t)(warmup * (double)hz);
	trial.until = packets ? UINT64_MAX : trial.from + (uint64_t)(seconds * (double)hz);
	second = trial.from + hz;
	while (now < trial.until && !stop) {
		if (packets && !now_running.left && !make_pending(UP) && !make_pending(DOWN))
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
	drain(hz);
}

/* ---- the search ---- */

static double loss_of(const struct trial *t)
{
	uint64_t offered = t->tally[UP].offered + t->tally[DOWN].offered;
	uint64_t delivered = t->tally[UP].delivered + t->tally[DOWN].delivered;

	return offered ? (double)(offered - delivered) / (double)offered : 1;
}

static double rate_of(const struct trial *t, uint64_t n)
{
	return (double)n * (double)rte_get_tsc_hz() / (double)(t->until - t->from);
}

/* What was offered a second, if no more of it was lost than may be; 0 if more was. */
static double trial_carries(double rate)
{
	double offered, loss;

	trial_run(rate, opt.warmup, opt.search_seconds, 0);
	offered = rate_of(&trial, trial.tally[UP].offered + trial.tally[DOWN].offered);
	loss = loss_of(&trial);
	report_trial(rate, offered, loss, loss <= opt.loss);
	return loss <= opt.loss ? offered : 0;
}

/*
 * Bisection between nothing and more than can be: what came back when it was offered flat out, and
 * a tenth. Where the device holds the load back instead of losing it, flat out is the answer. The
 * result is the highest rate that was offered indeed, which may be less than what was asked for.
 */
static void search(void)
{
	struct trial *best = malloc(sizeof(*best));
	double found = trial_carries(opt.rate), low = 0, high = opt.rate;

	if (!best)
		die("no memory");
	*best = trial;
	if (found > 0)
		low = high;
	else if (high <= 0)
		high = 1.1 * rate_of(&trial, trial.tally[UP].in_time + trial.tally[DOWN].in_time);
	for (uint32_t i = 1; i < opt.search_steps && high > low && !stop; i++) {
		double rate = (low + high) / 2, carried = trial_carries(rate);

		if (carried > found) {
			found = carried;
			*best = trial;
		}
		low = carried > 0 ? rate : low;
		high = carried > 0 ? high : rate;
	}
	report_end(best, found);
	free(best);
}

void run(void)
{
	sessions_open();
	if (opt.raw) {
		next_hop[CLIENT] = opt.gateway_mac;
		next_hop[PEER] = opt.gateway_mac;
	} else {
		neighbour_resolve(CLIENT, &opt.server.ip);
		turn_setup();
	}
	if (!opt.raw && setup.sessions < opt.sessions) {
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
	if (!opt.raw && opt.teardown)
		turn_teardown();
}
