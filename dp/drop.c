/* SPDX-License-Identifier: BSD-3-Clause */
/* The exit of packets that go nowhere. */
#include "trace.h"
#include "../lib/probe.h"

void drop_n(struct worker *w, enum drop reason, uint64_t n)
{
	PROBE3(drop, w->id, reason, n);
	stat_add(&w->counters->drop[reason], n);
}

void pkt_drop(struct worker *w, struct rte_mbuf *m, enum drop reason)
{
	drop_n(w, reason, 1);
	if (unlikely(w->trace))
		w->trace->look(w, TRACE_DROPPED, reason, m);
	rte_pktmbuf_free(m);
}

void message_drop(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m, enum drop reason)
{
	drop_n(w, reason, 1);
	if (unlikely(w->trace))
		w->trace->message(w, TRACE_DROPPED, reason, c, m->ol_flags, m->pkt_len);
	rte_pktmbuf_free(m);
}
