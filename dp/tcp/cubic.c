/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CUBIC (RFC 9438) in integers: bytes and milliseconds, beta 0.7, C 0.4. Names are the RFC's.
 * Slow start is RFC 5681's, with the larger bound that RFC 9406 4.2 gives for its L.
 */
#include "sent.h"

enum {
	CUBIC_SLOW_START_L = 8,
	CUBIC_T_MAX_MS = 1 << 18, /* beyond, W_cubic is past any window */
};

/* In c->cc_data. */
struct cubic {
	uint32_t w_max;	     /* bytes */
	uint32_t w_max_undo; /* before the last reduction */
	uint32_t cwnd_prior; /* at the last reduction */
	uint32_t w_est;	     /* Reno-friendly */
	uint32_t epoch_ms;   /* t_epoch, with `running` */
	uint32_t last_ms;    /* of growth: time without is not counted (5.8) */
	uint32_t k_ms;
	uint32_t running;
	uint64_t cwnd_rest, est_rest; /* of divisions, so that small steps add up */
};
_Static_assert(sizeof(struct cubic) <= sizeof(((struct tcp_conn *)0)->cc_data), "room");

static struct cubic *cubic(struct tcp_conn *c)
{
	return (struct cubic *)c->cc_data;
}

/* Integer cube root, rounded down: a bit at a time. */
static uint32_t cube_root(uint64_t x)
{
	uint64_t y = 0, b;
	int s;

	for (s = 63; s >= 0; s -= 3) {
		y *= 2;
		b = 3 * y * (y + 1) + 1;
		if (x >> s >= b) {
			x -= b << s;
			y++;
		}
	}
	return (uint32_t)y;
}

static void cubic_init(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	memset(c->cc_data, 0, sizeof(c->cc_data));
}

/* First growth after a reduction, or ever (4.2, 4.8). */
static void epoch_start(struct tcp_conn *c, uint32_t now_ms)
{
	struct cubic *u = cubic(c);

	u->running = true;
	u->epoch_ms = u->last_ms = now_ms;
	u->w_est = c->cwnd;
	u->cwnd_rest = u->est_rest = 0;
	if (c->cwnd < u->w_max) { /* K = cbrt((W_max - cwnd_epoch) / C), segments and seconds */
		u->k_ms = cube_root((uint64_t)(u->w_max - c->cwnd) * UINT64_C(2500000000) / c->mss);
	} else {
		u->k_ms = 0;
		u->w_max = c->cwnd;
	}
}

/* W_cubic(t) (figure 1), no more than TCP_CWND_MAX, no less than 0. */
static uint32_t w_cubic(const struct tcp_conn *c, const struct cubic *u, uint32_t t_ms)
{
	int64_t d = (int64_t)RTE_MIN(t_ms, (uint32_t)CUBIC_T_MAX_MS) - u->k_ms;

	/* 0.4 segments a cubic second; what is divided by stays below 2^63. */
	d = d * d * d / 1000 * 4 * c->mss / 10000000;
	d = RTE_MIN(d + u->w_max, (int64_t)TCP_CWND_MAX);
	return d < 0 ? 0 : (uint32_t)d;
}

/* 4.3: alpha = 3 (1 - beta) / (1 + beta) = 9 / 17 until the window is what it was, then 1. */
static void w_est_grow(const struct tcp_conn *c, struct cubic *u, uint32_t acked)
{
	uint64_t n = u->est_rest + (uint64_t)acked * c->mss * (u->w_est < u->cwnd_prior ? 9 : 17);
	uint64_t by = (uint64_t)c->cwnd * 17;

	u->w_est += (uint32_t)(n / by);
	u->est_rest = n % by;
	u->w_est = RTE_MIN(u->w_est, (uint32_t)TCP_CWND_MAX);
}

static void cubic_acked(struct worker *w, struct tcp_conn *c, uint32_t acked)
{
	struct cubic *u = cubic(c);
	uint32_t now = (uint32_t)w->now_ms, rtt = (c->srtt_us >> 3) / 1000, t, target;
	uint64_t n;

	if (c->cwnd < c->ssthresh) {
		c->cwnd += RTE_MIN(acked, (c->ca == CA_LOSS ? 1u : CUBIC_SLOW_START_L) * c->mss);
		return;
	}
	if (!u->running)
		epoch_start(c, now);
	if (now - u->last_ms > 2 * rtt + 1000)
		u->epoch_ms += now - u->last_ms;
	u->last_ms = now;
	t = now - u->epoch_ms;
	w_est_grow(c, u, acked);
	if (w_cubic(c, u, t) < u->w_est) { /* 4.3 */
		c->cwnd = RTE_MAX(c->cwnd, u->w_est);
		return;
	}
	target = w_cubic(c, u, t + rtt); /* 4.2, 4.4, 4.5 */
	target = RTE_MIN(target, c->cwnd + c->cwnd / 2);
	if (target <= c->cwnd)
		return;
	n = u->cwnd_rest + (uint64_t)(target - c->cwnd) * acked;
	u->cwnd_rest = n % c->cwnd;
	c->cwnd += (uint32_t)(n / c->cwnd);
}

static uint32_t cubic_ssthresh(struct worker *w, struct tcp_conn *c)
{
	struct cubic *u = cubic(c);

	(void)w;
	u->w_max_undo = u->w_max;
	u->cwnd_prior = c->cwnd;
	/* 4.7: a flow that did not come back to where it was makes room for others. */
	u->w_max = c->cwnd < u->w_max ? (uint32_t)((uint64_t)c->cwnd * 17 / 20) : c->cwnd;
	u->running = false;
	return RTE_MAX((uint32_t)((uint64_t)c->cwnd * 7 / 10), 2u * c->mss); /* 4.6 */
}

static void cubic_timeout(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	cubic(c)->running = false; /* 4.8: t and K start afresh */
}

/* 4.9 */
static void cubic_undo(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	cubic(c)->w_max = cubic(c)->w_max_undo;
	cubic(c)->running = false;
}

const struct tcp_cc_ops tcp_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.acked = cubic_acked,
	.ssthresh = cubic_ssthresh,
	.timeout = cubic_timeout,
	.undo = cubic_undo,
};
