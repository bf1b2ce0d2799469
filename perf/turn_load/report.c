/* SPDX-License-Identifier: BSD-3-Clause */
#include "turn_load.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIALS_MAX = 80 };

static struct searched searched[TRIALS_MAX];
static uint32_t n_searched;

static double us(uint64_t cycles)
{
	return (double)cycles * 1e6 / (double)rte_get_tsc_hz();
}

/* Both ways as one. */
static void tally_add(struct tally *to, const struct tally *t)
{
	to->offered += t->offered;
	to->delivered += t->delivered;
	to->duplicated += t->duplicated;
	to->reordered += t->reordered;
	to->late += t->late;
	to->in_time += t->in_time;
	to->strays += t->strays;
	to->refused += t->refused;
	to->forgotten += t->forgotten;
	to->behind = RTE_MAX(to->behind, t->behind);
	histogram_add(&to->latency, &t->latency);
}

/* ---- progress ---- */

void report_second(uint64_t now)
{
	static struct tally before, sum; /* large */
	static uint64_t last;
	double s;

	memset(&sum, 0, sizeof(sum));
	for (int w = 0; w < WAYS; w++)
		tally_add(&sum, &trial.tally[w]);
	if (sum.offered < before.offered || last < trial.from) { /* another trial */
		memset(&before, 0, sizeof(before));
		last = trial.from;
	}
	s = us(now - last) / 1e6;
	note("%4.0f s: %.3f Mpps offered, %.3f delivered, latency p50 %.1f p99 %.1f p99.9 %.1f us",
	     us(now - trial.from) / 1e6, (double)(sum.offered - before.offered) / s / 1e6,
	     (double)(sum.in_time - before.in_time) / s / 1e6,
	     us(histogram_quantile(&sum.latency, &before.latency, 0.5)),
	     us(histogram_quantile(&sum.latency, &before.latency, 0.99)),
	     us(histogram_quantile(&sum.latency, &before.latency, 0.999)));
	before = sum;
	last = now;
}

void report_trial(const struct searched *s)
{
	note("search: %.0f a second asked for, %.0f offered%s: %.6f %% lost (%.6f %% allowed): "
	     "%s%s",
	     s->rate, s->offered, s->limited ? " (the generator is the limit)" : "", s->loss * 100,
	     opt.loss * 100, s->passed ? "passed" : "failed", s->confirming ? ", confirming" : "");
	if (n_searched < TRIALS_MAX)
		searched[n_searched++] = *s;
}

/* ---- the end ---- */

/*
 * The members of a JSON object that are the same for a way and for both. sending: seconds until the
 * last was sent, which may be after it was due.
 */
static void tally_print(const struct tally *t, double seconds, double sending)
{
	const struct histogram *h = &t->latency;
	double per = seconds > 0 ? 1 / seconds : 0, per_sent = sending > 0 ? 1 / sending : 0;

	printf("\"offered\": %ju, \"delivered\": %ju, \"lost\": %ju, \"duplicated\": %ju, "
	       "\"reordered\": %ju, \"late\": %ju, \"strays\": %ju, \"sent_full\": %ju, "
	       "\"forgotten\": %ju, \"behind_max_us\": %.2f, \"seconds\": %.3f, \"rate_offered\": "
	       "%.0f, \"rate_delivered\": %.0f, "
	       "\"goodput_bps\": %.0f, ",
	       (uintmax_t)t->offered, (uintmax_t)t->delivered,
	       (uintmax_t)(t->offered - t->delivered), (uintmax_t)t->duplicated,
	       (uintmax_t)t->reordered, (uintmax_t)t->late, (uintmax_t)t->strays,
	       (uintmax_t)t->refused, (uintmax_t)t->forgotten, us(t->behind), seconds,
	       (double)t->offered * per_sent, (double)t->in_time * per,
	       (double)t->in_time * opt.size * 8 * per);
	printf("\"latency_us\": {\"min\": %.2f, \"p50\": %.2f, \"p99\": %.2f, \"p99_9\": %.2f, "
	       "\"max\": %.2f, \"mean\": %.2f}",
	       us(h->count ? h->min : 0), us(histogram_quantile(h, NULL, 0.5)),
	       us(histogram_quantile(h, NULL, 0.99)), us(histogram_quantile(h, NULL, 0.999)),
	       us(h->max), h->count ? us(h->sum) / (double)h->count : 0);
}

static void setup_print(void)
{
	printf("\"setup\": {\"sessions\": %u, \"seconds\": %.3f, \"per_second\": %.0f, "
	       "\"challenges\": %ju, \"stale\": %ju, \"resent\": %ju, \"errors\": %ju}",
	       setup.sessions, setup.seconds,
	       setup.seconds > 0 ? setup.sessions / setup.seconds : 0, (uintmax_t)setup.challenges,
	       (uintmax_t)setup.stale, (uintmax_t)setup.resent, (uintmax_t)setup.errors);
}

static const char *truth(bool b)
{
	return b ? "true" : "false";
}

static void search_print(double loss_free)
{
	printf(", \"search\": [");
	for (uint32_t i = 0; i < n_searched; i++) {
		const struct searched *s = &searched[i];

		printf("%s{\"rate\": %.0f, \"offered\": %.0f, \"loss\": %.9f, \"passed\": %s, "
		       "\"generator_limited\": %s, \"confirming\": %s}",
		       i ? ", " : "", s->rate, s->offered, s->loss, truth(s->passed),
		       truth(s->limited), truth(s->confirming));
	}
	printf("], \"loss_allowed\": %.9f, \"loss_free_rate\": %.0f, \"confirmed\": %s", opt.loss,
	       loss_free, truth(loss_free > 0));
}

static double per(uint64_t cycles, uint64_t n)
{
	return n ? (double)cycles / (double)n : 0;
}

static void json_print(const struct trial *t, const struct tally *sum, double loss_free)
{
	static const char *const way[WAYS] = { "up", "down" };
	double seconds = t ? us(t->until - t->from) / 1e6 : 0;
	double sending = t ? us(t->sent_until - t->from) / 1e6 : 0;

	printf("{\"sessions\": %u, \"size\": %u, ", opt.sessions, opt.size);
	if (t) {
		printf("\"rate\": %.0f, ", t->rate);
		tally_print(sum, seconds, sending);
		for (int w = 0; w < WAYS; w++) {
			printf(", \"%s\": {", way[w]);
			tally_print(&t->tally[w], seconds, sending);
			putchar('}');
		}
		printf(", \"cycles_tx\": %.1f, \"cycles_rx\": %.1f, \"cycles_driver\": %.1f, "
		       "\"idle\": %.4f, \"tsc_hz\": %ju, ",
		       per(t->cost.make, t->cost.make_n), per(t->cost.check, t->cost.check_n),
		       per(t->cost.driver, t->cost.make_n + t->cost.check_n),
		       per(t->cost.idle, t->cost.all), (uintmax_t)rte_get_tsc_hz());
	}
	setup_print();
	if (opt.search)
		search_print(loss_free);
	puts("}");
}

static void text_print(const struct trial *t, const struct tally *sum, double loss_free)
{
	const struct histogram *h = &sum->latency;
	double seconds = us(t->until - t->from) / 1e6;

	printf("offered     %ju packets of %u bytes in %.2f s, %.0f a second\n",
	       (uintmax_t)sum->offered, opt.size, seconds,
	       (double)sum->offered / us(t->sent_until - t->from) * 1e6);
	printf("delivered   %ju, %.0f a second; %ju lost (%ju late), %ju duplicated, "
	       "%ju reordered, %ju strays\n",
	       (uintmax_t)sum->delivered, (double)sum->in_time / seconds,
	       (uintmax_t)(sum->offered - sum->delivered), (uintmax_t)sum->late,
	       (uintmax_t)sum->duplicated, (uintmax_t)sum->reordered, (uintmax_t)sum->strays);
	printf("latency     p50 %.1f, p99 %.1f, p99.9 %.1f, max %.1f us\n",
	       us(histogram_quantile(h, NULL, 0.5)), us(histogram_quantile(h, NULL, 0.99)),
	       us(histogram_quantile(h, NULL, 0.999)), us(h->max));
	printf("behind      %.1f us at most; %ju forgotten\n", us(sum->behind),
	       (uintmax_t)sum->forgotten);
	printf("generator   %.0f cycles made, %.0f checked, %.0f driver a packet; %.0f %% idle\n",
	       per(t->cost.make, t->cost.make_n), per(t->cost.check, t->cost.check_n),
	       per(t->cost.driver, t->cost.make_n + t->cost.check_n),
	       100 * per(t->cost.idle, t->cost.all));
	if (opt.search)
		printf("loss-free   %.0f a second, with %.6f %% lost at most\n", loss_free,
		       opt.loss * 100);
}

void report_end(const struct trial *t, double loss_free)
{
	static struct tally sum;

	for (int w = 0; t && w < WAYS; w++)
		tally_add(&sum, &t->tally[w]);
	if (t && sum.strays)
		note("%ju packets had a wrong address, length or checksum, and count as lost",
		     (uintmax_t)sum.strays);
	if (t && sum.forgotten)
		note("%ju packets were more than a second late, and were never sent",
		     (uintmax_t)sum.forgotten);
	if (opt.json)
		json_print(t, &sum, loss_free);
	else if (t)
		text_print(t, &sum, loss_free);
	fflush(stdout);
}
