/* SPDX-License-Identifier: BSD-3-Clause */
/* What the agent shows of the worker and of connections: JSON. */
#include "agent.h"

#include <rte_mempool.h>

/* Milliseconds until a timer is due, -1: it does not run. */
static int32_t due_in(const struct tcp_conn *c, enum tcp_timer t)
{
	int32_t ms = (int32_t)(c->due_ms[t] - (uint32_t)agent.w->now_ms);

	return !c->due_ms[t] ? -1 : ms > 0 ? ms : 0;
}

static void say_live(struct client *c, const struct tcp_conn *t)
{
	uint32_t now = (uint32_t)agent.w->now_ms;
	struct ctl_conn_info i = { 0 };

	tcp_info(agent.w, t, &i);
	say(c,
	    ",\"state\":\"%s\",\"mss\":%u,\"srtt_us\":%u,\"rto_ms\":%u,\"cwnd\":%u,"
	    "\"ssthresh\":%u,\"snd_wnd\":%u,\"rcv_wnd\":%u,\"unacked\":%u,\"send_queue\":%u,"
	    "\"recv_queue\":%u,\"out_of_order\":%u,\"retransmits\":%u,\"age_s\":%u",
	    tcp_state_name[tcp_state(t)], i.mss, i.srtt_us, t->rto_ms, i.cwnd, t->ssthresh,
	    i.snd_wnd, i.rcv_wnd, i.unacked, i.send_queue, i.recv_queue, t->ooo.bytes,
	    i.retransmits, i.age_s);
	say(c,
	    ",\"idle_rx_ms\":%u,\"idle_tx_ms\":%u,\"rexmit_in_ms\":%d,\"persist_in_ms\":%d,"
	    "\"delack_in_ms\":%d,\"life_in_ms\":%d,\"timestamps\":%s,\"sack\":%s,\"wscale\":%s,"
	    "\"ecn\":%s,\"ca\":%u,\"rto_count\":%u,\"rx_bytes\":%ju,\"tx_bytes\":%ju",
	    now - t->last_rx_ms, now - t->last_tx_ms, due_in(t, TCP_TIMER_REXMIT),
	    due_in(t, TCP_TIMER_PERSIST), due_in(t, TCP_TIMER_DELACK), due_in(t, TCP_TIMER_LIFE),
	    t->flags & CONN_TS ? "true" : "false", t->flags & CONN_SACK ? "true" : "false",
	    t->flags & CONN_WSCALE ? "true" : "false", t->flags & CONN_ECN ? "true" : "false",
	    t->ca, t->rto_count, (uintmax_t)i.rx_bytes, (uintmax_t)i.tx_bytes);
}

void info_conn(struct client *c, const struct agent_conn *a)
{
	char local[ADDR_STR_MAX], remote[ADDR_STR_MAX];
	struct tcp_conn *t = conns_live(a);

	say(c, "{\"id\":%u,\"local\":\"%s\",\"remote\":\"%s\",\"sent\":%ju,\"received\":%ju", a->id,
	    sock_addr_format(&a->local, local, sizeof(local)),
	    sock_addr_format(&a->remote, remote, sizeof(remote)), (uintmax_t)a->sent,
	    (uintmax_t)a->received);
	if (t)
		say_live(c, t);
	else
		say(c, ",\"ended\":\"%s\"", tcp_end_desc[a->why].name);
	say(c, "}");
}

void info_all(struct client *c)
{
	uint32_t i, n = 0;

	say(c, "[");
	for (i = 0; i < agent.conns_max; i++) {
		if (!agent.conn[i].id || !conns_live(&agent.conn[i]))
			continue;
		say(c, "%s", n++ ? "," : "");
		info_conn(c, &agent.conn[i]);
	}
	say(c, "]\n");
}

static uint64_t counted(enum counter i)
{
	return atomic_load_explicit(&agent.w->counters->cnt[i], memory_order_relaxed);
}

/* rx + made + handover_in - tx - consumed - drops - handover_out - held: 0 at rest (R74). */
static int64_t difference(void)
{
	int64_t d = (int64_t)(counted(CNT_RX) + counted(CNT_MADE) + counted(CNT_HANDOVER_IN) -
			      counted(CNT_TX) - counted(CNT_CONSUMED) - counted(CNT_HANDOVER_OUT) -
			      counted(CNT_HELD));
	int i;

	for (i = 0; i < DROP_MAX; i++)
		d -= (int64_t)atomic_load_explicit(&agent.w->counters->drop[i],
						   memory_order_relaxed);
	return d;
}

/* The counts of a row that are not 0. */
static void say_counts(struct client *c, const char *name, const _Atomic uint64_t *v, int n,
		       const char *(*of)(int i))
{
	const char *comma = "";
	int i;

	say(c, ",\"%s\":{", name);
	for (i = 0; i < n; i++) {
		uint64_t x = atomic_load_explicit(&v[i], memory_order_relaxed);

		if (x) {
			say(c, "%s\"%s\":%ju", comma, of(i), (uintmax_t)x);
			comma = ",";
		}
	}
	say(c, "}");
}

static const char *counter_of(int i)
{
	return counter_desc[i].name;
}

static const char *drop_of(int i)
{
	return drop_desc[i].name;
}

static const char *end_of(int i)
{
	return tcp_end_desc[i].name;
}

/* Gauges among the counters are as old as the last housekeeping; what stands alone is of now. */
void info_worker(struct client *c)
{
	const struct ctl_counters *n = agent.w->counters;
	const struct tcp *t = agent.w->tcp;

	say(c,
	    "{\"connections\":%u,\"half_open\":%u,\"time_wait\":%u,\"buffers\":%u,"
	    "\"sent_records\":%u,\"mbufs_in_use\":%u,\"difference\":%jd",
	    t->conns, t->half_open, t->tw_n, tcp_held(agent.w), t->records,
	    rte_mempool_in_use_count(agent.w->pool), (intmax_t)difference());
	say_counts(c, "counters", n->cnt, CNT_MAX, counter_of);
	say_counts(c, "drops", n->drop, DROP_NONE, drop_of);
	say_counts(c, "ends", n->end, TCP_END_MAX, end_of);
	say(c, "}\n");
}
