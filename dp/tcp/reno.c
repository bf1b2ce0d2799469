/* SPDX-License-Identifier: BSD-3-Clause */
/* Reno (RFC 5681 3.1) with appropriate byte counting (RFC 3465). */
#include "conn.h"

/* In c->cc_data. */
struct reno {
	uint32_t bytes; /* acknowledged, not grown for yet */
};
_Static_assert(sizeof(struct reno) <= sizeof(((struct tcp_conn *)0)->cc_data), "room");

static struct reno *reno(struct tcp_conn *c)
{
	return (struct reno *)c->cc_data;
}

static void reno_init(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	reno(c)->bytes = 0;
}

static void reno_acked(struct worker *w, struct tcp_conn *c, uint32_t acked)
{
	struct reno *r = reno(c);

	(void)w;
	if (c->cwnd < c->ssthresh) { /* L = 2, and 1 after a timeout (RFC 3465 2.2, 2.3) */
		c->cwnd += RTE_MIN(acked, (c->ca == CA_LOSS ? 1u : 2u) * c->mss);
		return;
	}
	r->bytes += acked;
	if (r->bytes >= c->cwnd) {
		r->bytes = RTE_MIN(r->bytes - c->cwnd, c->cwnd);
		c->cwnd += c->mss;
	}
}

static uint32_t reno_ssthresh(struct worker *w, struct tcp_conn *c)
{
	uint32_t half;

	(void)w;
	reno(c)->bytes = 0;
	half = RTE_MIN(c->snd_max - c->snd_una, c->cwnd) / 2;
	return RTE_MAX(half, 2u * c->mss);
}

static void reno_timeout(struct worker *w, struct tcp_conn *c)
{
	reno_init(w, c);
}

const struct tcp_cc_ops tcp_reno = {
	.name = "reno",
	.init = reno_init,
	.acked = reno_acked,
	.ssthresh = reno_ssthresh,
	.timeout = reno_timeout,
};
