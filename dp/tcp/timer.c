/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timeouts: what each does. A connection has one timer in the wheel (conn.c); when it fires, what
 * is due is done and it is armed again.
 */
#include "recovery.h"
#include "../snapshot.h"

enum {
	SYN_TRIES = 6,	   /* retransmissions of SYN; the deadline of the owner is shorter */
	SYN_ACK_TRIES = 5, /* of SYN-ACK, which one who forges SYNs has sent to others */
	KEEPALIVE_PROBES = 5,
	KEEPALIVE_MS = 10000, /* between probes */
	BLACK_HOLE_RTOS = 3,  /* in a row, before the segment size is doubted */
};

/* ---- path MTU ---- */

void conn_pmtu_reduce(struct worker *w, struct tcp_conn *c, uint16_t mtu)
{
	uint16_t mss = c->mss;

	c->pmtu = mtu;
	conn_mss_update(c);
	if (c->mss >= mss)
		return;
	count(w, CNT_TCP_PMTU);
	recovery_resegment(w, c);
	conn_dirty(w, c);
}

/*
 * Full segments go unanswered, and no ICMP told why: perhaps nobody may (RFC 2923 2.1, RFC 8899
 * 4.3). Small ones will show; a path that is merely bad loses little.
 */
static void black_hole(struct worker *w, struct tcp_conn *c)
{
	uint16_t mtu = ip_is_v4(&c->remote_ip) ? TCP_PMTU_MIN_V4 : TCP_PMTU_MIN_V6;

	if (c->flags & CONN_MSS_TRIED) {
		/* Small ones do not come through, either: the path is merely bad. */
		if (c->rto_count >= 2 * BLACK_HOLE_RTOS && c->pmtu == mtu && c->hole_pmtu) {
			c->pmtu = c->hole_pmtu;
			c->hole_pmtu = 0;
			conn_mss_update(c);
			/* A window of less than a segment would let nothing go, for ever. */
			c->cwnd = RTE_MAX(c->cwnd, c->mss);
		}
		return;
	}
	if (c->rto_count < BLACK_HOLE_RTOS || c->pmtu <= mtu || !c->sent_first ||
	    c->sent_first->end - c->sent_first->seq < c->mss)
		return;
	c->flags |= CONN_MSS_TRIED;
	c->hole_pmtu = c->pmtu;
	conn_pmtu_reduce(w, c, mtu);
}

/* ---- what fires ---- */

/* No progress for longer than an operator has patience. */
static bool stalled(struct worker *w, struct tcp_conn *c)
{
	if (!c->stall_ms || !clock_reached(w, c->stall_ms + snapshot_conf(w->dp)->tcp.stall_timeout * 1000))
		return false;
	tcp_abort(w, c, c->snd_wnd ? TCP_END_TIMEOUT : TCP_END_STALLED);
	return true;
}

static void syn_fire(struct worker *w, struct tcp_conn *c)
{
	bool ours = c->state == TCP_SYN_SENT;

	if (++c->syn_count > (ours ? SYN_TRIES : SYN_ACK_TRIES)) {
		conn_end(w, c, ours ? TCP_END_TIMEOUT : TCP_END_HALF_OPEN);
		return;
	}
	count(w, CNT_TCP_REXMIT_SYN);
	c->rto_ms = RTE_MIN(c->rto_ms * 2, (uint32_t)TCP_RTO_MAX_MS);
	c->nh = 0; /* the next hop may be what does not answer */
	conn_send_syn(w, c);
}

static void probe_fire(struct worker *w, struct tcp_conn *c)
{
	struct tcp_sent *s = recovery_probe(w, c);
	bool sent = s ? conn_resend(w, c, s) : conn_send_part(w, c, UINT32_MAX);

	if (sent)
		recovery_probed(w, c, s != NULL);
	else
		conn_timer_set(w, c, TCP_TIMER_REXMIT, TCP_RETRY_MS);
}

static void rexmit_fire(struct worker *w, struct tcp_conn *c)
{
	if (!conn_established(c)) {
		if (c->state != TCP_CLOSED)
			syn_fire(w, c);
		return;
	}
	if (c->snd_una == c->snd_max || stalled(w, c))
		return;
	switch ((enum tcp_rexmit_mode)c->rexmit_mode) {
	case REXMIT_PROBE:
		probe_fire(w, c);
		break;
	case REXMIT_REORDER:
		recovery_reorder_timeout(w, c);
		break;
	case REXMIT_RTO:
		recovery_timeout(w, c);
		black_hole(w, c);
		c->nh = 0;
		break;
	}
	conn_dirty(w, c);
}

/*
 * A probe of the closed window: the byte before the window, which the other side must answer with
 * its window (RFC 9293 3.8.6.1, 3.10.7.4). While it answers we go on, as long as tcp.stall-timeout.
 */
static void persist_fire(struct worker *w, struct tcp_conn *c)
{
	conn_dirty(w, c);
	if (!conn_established(c) || c->snd_una != c->snd_max || !conn_unsent(c))
		return;
	if (stalled(w, c))
		return;
	if (conn_wnd_left(c) >= RTE_MIN((uint32_t)c->mss, conn_unsent(c)))
		return; /* it was no window but buffers that we lacked */
	if (c->persist_count < UINT8_MAX)
		c->persist_count++;
	count(w, CNT_TCP_PROBE_WINDOW);
	/* A window too small for a segment is used after all (3.8.6.2.1, the override timeout). */
	if (c->snd_wnd && conn_send_part(w, c, c->snd_wnd))
		return;
	conn_send_bare(w, c, TCP_ACK, c->snd_una - 1);
}

/* RFC 9293 3.8.4. */
static void keepalive_fire(struct worker *w, struct tcp_conn *c)
{
	uint32_t idle_ms = snapshot_conf(w->dp)->tcp.keepalive * 1000;
	uint32_t silent = clock_since_ms(w, c->last_rx_ms);

	if (!idle_ms)
		return;
	if (c->keepalive_count == 0 && silent < idle_ms) {
		conn_timer_set(w, c, TCP_TIMER_LIFE, idle_ms - silent);
		return;
	}
	if (c->keepalive_count >= KEEPALIVE_PROBES) {
		tcp_abort(w, c, TCP_END_KEEPALIVE);
		return;
	}
	conn_timer_set(w, c, TCP_TIMER_LIFE, KEEPALIVE_MS);
	if (c->snd_una != c->snd_max)
		return; /* retransmissions ask already */
	c->keepalive_count++;
	count(w, CNT_TCP_KEEPALIVE);
	conn_send_bare(w, c, TCP_ACK, c->snd_una - 1);
}

/* FIN-WAIT-2: after tcp_close() a fixed time, after tcp_shutdown() one of silence. */
static void linger_fire(struct worker *w, struct tcp_conn *c)
{
	uint32_t ms = snapshot_conf(w->dp)->tcp.linger * 1000;
	uint32_t silent = clock_since_ms(w, c->last_rx_ms);

	if (c->flags & CONN_CLOSED_APP || silent >= ms)
		tcp_abort(w, c, TCP_END_LINGER);
	else
		conn_timer_set(w, c, TCP_TIMER_LIFE, ms - silent);
}

static void life_fire(struct worker *w, struct tcp_conn *c)
{
	switch ((enum tcp_state)c->state) {
	case TCP_SYN_RECEIVED:
		conn_end(w, c, TCP_END_HALF_OPEN); /* a forged source gets no RST of ours */
		break;
	case TCP_FIN_WAIT_2:
		linger_fire(w, c);
		break;
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
		keepalive_fire(w, c);
		break;
	default:
		break; /* retransmissions end these */
	}
}

static void delack_fire(struct worker *w, struct tcp_conn *c)
{
	if (c->rcv_acked != c->rcv_nxt)
		count(w, CNT_TCP_DELAYED_ACK);
	c->flags |= CONN_ACK_NOW;
	conn_dirty(w, c);
}

static void app_fire(struct worker *w, struct tcp_conn *c)
{
	c->flags |= CONN_TIMED_OUT;
	conn_dirty(w, c);
}

static void layer_fire(struct worker *w, struct tcp_conn *c)
{
	if (!(c->flags & CONN_LAYER))
		return;
	c->layer->timed_out = true;
	conn_dirty(w, c);
}

static void slow_fire(struct worker *w, struct tcp_conn *c)
{
	if (c->snd.bytes && seq_lt(c->snd_una, c->slow_seq))
		tcp_abort(w, c, TCP_END_SLOW);
}

void conn_fire(struct timer *t, void *worker)
{
	static void (*const fire[TCP_TIMERS])(struct worker * w, struct tcp_conn * c) = {
		[TCP_TIMER_REXMIT] = rexmit_fire, [TCP_TIMER_PERSIST] = persist_fire,
		[TCP_TIMER_DELACK] = delack_fire, [TCP_TIMER_LIFE] = life_fire,
		[TCP_TIMER_APP] = app_fire,	  [TCP_TIMER_LAYER] = layer_fire,
		[TCP_TIMER_SLOW] = slow_fire,
	};
	struct tcp_conn *c = RTE_PTR_SUB(t, offsetof(struct tcp_conn, timer));
	struct worker *w = worker;
	int i;

	for (i = 0; i < TCP_TIMERS && !(c->flags & CONN_DEAD); i++) {
		if (!c->due_ms[i] || !clock_reached(w, c->due_ms[i]))
			continue;
		c->due_ms[i] = 0;
		fire[i](w, c);
	}
	if (!(c->flags & CONN_DEAD))
		conn_timers_arm(w, c);
}

uint32_t tcp_timers(struct worker *w)
{
	return wheel_advance(&w->tcp->wheel, w->now_ms, TCP_WHEEL_BUDGET, w);
}
