/* SPDX-License-Identifier: BSD-3-Clause */
#include "recovery_bench.h"
#include "eal.h"

#include <rte_eal.h>
#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_ISS = 0xfffff000 };

struct bench b;
static struct ctl_counters counters;

/* ---- what the stack would give ---- */

void conn_timer_set(struct worker *w, struct tcp_conn *c, enum tcp_timer t, uint32_t ms)
{
	(void)w;
	(void)c;
	assert_int_equal(t, TCP_TIMER_REXMIT);
	assert_true(ms > 0);
	b.timer_on = true;
	b.timer_ms = ms;
}

void conn_timer_stop(struct tcp_conn *c, enum tcp_timer t)
{
	(void)c;
	assert_int_equal(t, TCP_TIMER_REXMIT);
	b.timer_on = false;
}

uint32_t conn_tsval(const struct worker *w, const struct tcp_conn *c)
{
	return (uint32_t)w->now_ms + c->ts_offset;
}

/* ---- life ---- */

static void eal(void)
{
	static bool done;

	if (!done && !test_eal("64"))
		abort();
	done = true;
}

int bench_setup(void **state)
{
	struct tcp_conn *c = &b.c;

	(void)state;
	eal();
	memset(&b, 0, sizeof(b));
	memset(&counters, 0, sizeof(counters));
	b.w.tcp = &b.tcp;
	b.w.counters = &counters;
	b.tcp.conn = c;
	/* Twice as many: one connection may have half of what is shared. */
	if (!sent_create(&b.tcp, 1, 2 * BENCH_RECORDS, BENCH_RECORDS))
		return -1;
	clock_set(&b.w, (UINT64_C(1) << 32) - 50 * MS); /* times wrap soon, too */
	b.base = BENCH_ISS + 1;
	c->snd_una = c->snd_max = b.base;
	c->iss = BENCH_ISS;
	c->state = TCP_ESTABLISHED;
	c->mss = MSS;
	c->flags = CONN_SACK;
	c->snd_wnd = c->max_wnd = 1 << 30;
	c->snd_wscale = 14;
	c->cwnd = 10 * MSS;
	c->ssthresh = UINT32_MAX;
	c->rto_ms = TCP_RTO_INIT_MS;
	c->min_rtt_us = UINT32_MAX;
	c->rto_from_us = tcp_us(&b.w);
	c->cc = &tcp_reno;
	c->cc->init(&b.w, c);
	b.seg = (struct tcp_seg){ .flags = TCP_ACK, .wnd = 1 << 16 };
	return 0;
}

int bench_teardown(void **state)
{
	(void)state;
	recovery_clear(&b.w, &b.c);
	assert_null(b.c.sent_last);
	assert_null(b.c.sent_oldest);
	assert_null(b.c.sent_newest);
	assert_int_equal(b.tcp.records, 0);
	assert_int_equal(b.tcp.records_shared, 0);
	assert_int_equal(b.c.records, 0);
	rte_free(b.tcp.sent);
	return 0;
}

void bench_wait(uint32_t us)
{
	clock_set(&b.w, b.w.now_us + us);
}

/* ---- out ---- */

bool bench_try(uint32_t bytes)
{
	struct tcp_conn *c = &b.c;
	struct tcp_sent *r = recovery_sent(&b.w, c, c->snd_max, c->snd_max + bytes, 0);

	if (r) {
		assert_ptr_equal(r, c->sent_last);
		c->snd_max = r->end;
		if (b.out)
			b.out(r->end - bytes - b.base, bytes);
	}
	bench_check();
	return r != NULL;
}

void bench_send_bytes(uint32_t bytes)
{
	assert_true(bench_try(bytes));
}

void bench_send(uint32_t segments)
{
	while (segments--)
		bench_send_bytes(MSS);
}

/* As conn_resend() does. */
static void resend(struct tcp_sent *r)
{
	uint32_t seq = r->seq, end = seq_min(r->end, seq + b.c.mss);

	b.resent[b.n_resent++ % BENCH_LOG] = seq - b.base;
	recovery_resent(&b.w, &b.c, r, end);
	if (b.out)
		b.out(seq - b.base, end - seq);
	bench_check();
}

uint32_t bench_resend(void)
{
	struct tcp_sent *r;
	uint32_t n = 0;

	for (; (r = recovery_next(&b.w, &b.c)) != NULL; n++) {
		assert_true(r->flags & SENT_LOST);
		resend(r);
	}
	return n;
}

uint32_t bench_output(void)
{
	uint32_t n = 0;

	bench_resend();
	for (; recovery_room(&b.w, &b.c) >= MSS; n++)
		bench_send(1);
	recovery_arm(&b.w, &b.c);
	return n;
}

void bench_timer(void)
{
	struct tcp_sent *r;

	assert_true(b.timer_on);
	b.timer_on = false;
	switch ((enum tcp_rexmit_mode)b.c.rexmit_mode) {
	case REXMIT_PROBE:
		r = recovery_probe(&b.w, &b.c);
		if (r)
			resend(r);
		else
			bench_send_bytes(RTE_MIN(conn_unsent(&b.c), (uint32_t)MSS));
		recovery_probed(&b.w, &b.c, r != NULL);
		break;
	case REXMIT_REORDER:
		recovery_reorder_timeout(&b.w, &b.c);
		break;
	case REXMIT_RTO:
		recovery_timeout(&b.w, &b.c);
		break;
	}
	bench_check();
}

/* ---- in ---- */

static void ack(uint32_t to, bool ece)
{
	b.seg.ack = b.base + to;
	recovery_ack(&b.w, &b.c, &b.seg, ece, &b.a);
	b.delivered += b.a.delivered;
	if (seq_gt(b.seg.ack, b.c.snd_una) && seq_le(b.seg.ack, b.c.snd_max))
		b.c.snd_una = b.seg.ack;
	b.seg.n_sack = 0;
	bench_check();
}

void bench_ack(uint32_t to, uint32_t n, ...)
{
	va_list ap;
	uint32_t i;

	va_start(ap, n);
	for (i = 0; i < n; i++) {
		b.seg.sack[i].start = b.base + va_arg(ap, uint32_t);
		b.seg.sack[i].end = b.base + va_arg(ap, uint32_t);
	}
	va_end(ap);
	b.seg.n_sack = (uint8_t)n;
	ack(to, false);
}

void bench_ack_ece(uint32_t to)
{
	ack(to, true);
}

/* ---- looking ---- */

struct tcp_sent *bench_at(uint32_t pos)
{
	struct tcp_sent *r = b.c.sent_first;

	while (r && seq_le(r->end, b.base + pos))
		r = r->next;
	assert_non_null(r);
	assert_true(seq_le(r->seq, b.base + pos));
	return r;
}

uint32_t bench_flags(uint32_t pos)
{
	return bench_at(pos)->flags;
}

uint64_t bench_count(enum counter c)
{
	return atomic_load(&counters.cnt[c]);
}

static void check_times(uint32_t in_flight)
{
	const struct tcp_sent *r, *before = NULL;

	for (r = b.c.sent_oldest; r; before = r, r = r->later, in_flight--) {
		assert_true(sent_in_flight(r));
		assert_ptr_equal(r->sooner, before);
		assert_true(!before || seq_le(before->xmit_us, r->xmit_us));
		assert_true(!before || seq_le(before->order, r->order));
	}
	assert_ptr_equal(b.c.sent_newest, before);
	assert_int_equal(in_flight, 0);
}

void bench_check(void)
{
	const struct tcp_sent *r, *before = NULL;
	uint32_t sacked = 0, lost = 0, n = 0, records = 0, at = b.c.snd_una;
	bool lost_hint = false, sack_hint = !b.c.sack_hint;

	for (r = b.c.sent_first; r; before = r, r = r->next, records++) {
		assert_ptr_equal(r->prev, before);
		assert_int_equal(r->seq, at);
		assert_true(seq_lt(r->seq, r->end));
		at = r->end;
		lost_hint |= r == b.c.lost_hint;
		sack_hint |= r == b.c.sack_hint;
		assert_false(r->flags & SENT_LOST && !lost_hint);
		assert_false(r->flags & SENT_SACKED && r->flags & SENT_LOST);
		assert_false(r->flags & SENT_SACKED && before && before->flags & SENT_SACKED);
		sacked += r->flags & SENT_SACKED ? r->end - r->seq : 0;
		lost += r->flags & SENT_LOST ? r->end - r->seq : 0;
		n += sent_in_flight(r);
	}
	assert_ptr_equal(b.c.sent_last, before);
	assert_int_equal(at, b.c.snd_max);
	assert_true(sack_hint);
	assert_int_equal(b.c.lost_bytes, lost);
	if (b.c.flags & CONN_SACK)
		assert_int_equal(b.c.sacked_bytes, sacked);
	assert_true(b.c.sacked_bytes + b.c.lost_bytes <= b.c.snd_max - b.c.snd_una);
	assert_int_equal(b.tcp.records, records);
	assert_true(b.c.cwnd >= b.c.mss && b.c.cwnd <= TCP_CWND_MAX);
	check_times(n);
}
