/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The congestion window where no algorithm of its own decides: proportional rate reduction (RFC
 * 6937, its bounds chosen as RFC 9937 does), restart after silence, and whether it is used at all.
 */
#include "sent.h"

/* RFC 6928. */
static uint32_t initial_window(const struct tcp_conn *c)
{
	return clamp_u32(14600, 2u * c->mss, (uint32_t)TCP_INITIAL_WINDOW * c->mss);
}

static bool was_idle(const struct worker *w, const struct tcp_conn *c)
{
	return tcp_us(w) - c->rto_from_us > c->rto_ms * 1000;
}

void cwnd_restart(struct worker *w, struct tcp_conn *c)
{
	if (was_idle(w, c))
		c->cwnd = RTE_MIN(c->cwnd, initial_window(c));
	c->rto_from_us = tcp_us(w);
}

uint32_t recovery_room(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t pipe = recovery_pipe(c), cwnd = c->cwnd;

	if (!c->sent_first && was_idle(w, c))
		cwnd = RTE_MIN(cwnd, initial_window(c));
	return c->lost_bytes || cwnd <= pipe ? 0 : cwnd - pipe;
}

void cwnd_used(struct tcp_conn *c, uint32_t pipe, uint32_t end)
{
	if (seq_ge(c->snd_una, c->used_seq) || pipe > c->used_pipe) {
		c->used_pipe = pipe;
		c->used_seq = end;
	}
}

bool cwnd_is_used(const struct tcp_conn *c)
{
	/* Slow start may double what was used; beyond, there was no room for a segment more. */
	return c->cwnd < c->ssthresh ? c->cwnd / 2 < c->used_pipe : c->cwnd < c->used_pipe + c->mss;
}

void cwnd_prr_start(struct tcp_conn *c)
{
	c->prr_delivered = c->prr_out = 0;
	c->prr_flight = RTE_MAX(c->snd_max - c->snd_una, (uint32_t)c->mss);
}

void cwnd_prr(struct tcp_conn *c, uint32_t una, uint32_t delivered, bool safe)
{
	uint32_t pipe = c->snd_max - una - c->sacked_bytes - c->lost_bytes;
	int64_t n;

	c->prr_delivered += delivered;
	if (pipe > c->ssthresh) {
		n = (int64_t)(((uint64_t)c->prr_delivered * c->ssthresh + c->prr_flight - 1) /
			      c->prr_flight) -
		    c->prr_out;
	} else {
		n = (int64_t)c->prr_delivered - c->prr_out;
		if (safe)
			n = RTE_MAX(n, (int64_t)delivered) + c->mss;
		n = RTE_MIN(n, (int64_t)c->ssthresh - pipe);
	}
	n = RTE_MAX(n, (int64_t)0) + pipe;
	c->cwnd = clamp_u32((uint32_t)n, c->mss, TCP_CWND_MAX);
}
