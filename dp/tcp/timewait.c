/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TIME-WAIT (RFC 9293 3.10.7.4): what must be remembered of a connection so that its last ACK can
 * be repeated, and old segments do not meet a new one. All wait equally long, so the list by age
 * is one by time as well. RST does not end it (RFC 1337).
 */
#include "conn.h"
#include "../snapshot.h"
#include "../../lib/bug.h"

enum {
	TW_BUDGET = 8192,    /* entries a tick: with its entry a port to a back end is free again */
	TW_REFUSED_MS = 500, /* between ACKs of one entry: two ends that disagree must not loop */
};

static struct key24 tw_key(const struct tcp_timewait *e)
{
	return key24_make(&e->remote_ip, e->remote_port, be16_get(e->local_port), e->local);
}

static void tw_link(struct tcp *t, uint32_t i)
{
	struct tcp_timewait *e = &t->tw[i];

	e->next = SLOT_NONE;
	e->prev = t->tw_newest;
	if (e->prev == SLOT_NONE)
		t->tw_oldest = i;
	else
		t->tw[e->prev].next = i;
	t->tw_newest = i;
}

static void tw_unlink(struct tcp *t, uint32_t i)
{
	const struct tcp_timewait *e = &t->tw[i];

	if (e->prev == SLOT_NONE)
		t->tw_oldest = e->next;
	else
		t->tw[e->prev].next = e->next;
	if (e->next == SLOT_NONE)
		t->tw_newest = e->prev;
	else
		t->tw[e->next].prev = e->prev;
}

/* Forgets entry i. */
static void tw_remove(struct worker *w, uint32_t i)
{
	struct tcp *t = w->tcp;
	struct key24 k = tw_key(&t->tw[i]);

	if (BUG_ON(t->tw_n == 0))
		return;
	rte_hash_del_key_with_hash(t->table, &k, key24_hash(w->dp->hash_key, &k));
	tw_unlink(t, i);
	t->tw[i].next = t->tw_free;
	t->tw_free = i;
	t->tw_n--;
	count_down(w, CNT_TCP_TIME_WAIT);
}

/* The 2 MSL start now. */
static void tw_restart(struct worker *w, uint32_t i)
{
	w->tcp->tw[i].due_ms = (uint32_t)w->now_ms + snapshot_conf(w->dp)->tcp.time_wait_ms;
	tw_link(w->tcp, i);
}

static bool tw_over(const struct worker *w, const struct tcp_timewait *e)
{
	return clock_reached(w, e->due_ms);
}

void timewait_add(struct worker *w, const struct tcp_conn *c)
{
	uint32_t wnd = seq_gt(c->rcv_adv, c->rcv_nxt) ? c->rcv_adv - c->rcv_nxt : 0, i;
	struct tcp *t = w->tcp;

	if (t->tw_free == SLOT_NONE)
		tw_remove(w, t->tw_oldest);
	i = t->tw_free;
	if (conn_entry_set(w, c, i << 2 | ENTRY_TIMEWAIT)) {
		t->tw_free = t->tw[i].next;
		t->tw[i] = (struct tcp_timewait){
			.remote_ip = c->remote_ip,
			.remote_port = c->remote_port,
			.local_port = c->local_port,
			.local = c->local,
			.flags = c->flags & CONN_TS,
			.rcv_nxt = c->rcv_nxt,
			.snd_nxt = c->snd_max,
			.ts_recent = c->ts_recent,
			.ts_offset = c->ts_offset,
			.rcv_wnd = RTE_MIN(wnd >> c->rcv_wscale, (uint32_t)UINT16_MAX),
			.refused_ms = (uint32_t)w->now_ms - TW_REFUSED_MS,
			.tos = c->tos,
		};
		tw_restart(w, i);
		t->tw_n++;
		/* tcp_set_state() counts connections that are about to become one. */
		count(w, CNT_TCP_TIME_WAIT);
	}
}

void timewait_enter(struct worker *w, struct tcp_conn *c)
{
	/* Segments go to its home first: so must a SYN that may reopen it. */
	if (c->flags & CONN_MOVED_IN)
		c->flags |= CONN_HOME_WAIT;
	else
		timewait_add(w, c);
	conn_end(w, c, TCP_END_DONE);
}

bool timewait_yield(struct worker *w, const struct tcp_conn *c)
{
	uint32_t entry = conn_entry(w, c), i = entry >> 2;
	struct sock_addr local, remote;

	if (entry == SLOT_NONE || (entry & 3) != ENTRY_TIMEWAIT)
		return false;
	tcp_addrs(w, c, &local, &remote);
	if (!(w->tcp->tw[i].flags & CONN_TS) &&
	    !seq_gt(tcp_isn(w, &local, &remote), w->tcp->tw[i].snd_nxt))
		return false;
	tw_remove(w, i);
	count(w, CNT_TCP_TW_REUSED);
	return true;
}

static void tw_ack(struct worker *w, const struct tcp_timewait *e)
{
	struct tcp_raw_seg s = { .src = { w->dp->local[e->local].ip, e->local_port },
				 .dst = { e->remote_ip, e->remote_port },
				 .flags = TCP_ACK,
				 .tos = e->tos,
				 .wnd = (uint16_t)e->rcv_wnd,
				 .seq = e->snd_nxt,
				 .ack = e->rcv_nxt,
				 .o = { .ts = e->flags & CONN_TS,
					.tsval = (uint32_t)w->now_ms + e->ts_offset,
					.tsecr = e->ts_recent } };

	tcp_send_raw(w, &s);
}

/* Whether a SYN is certainly later than all segments of the old connection (RFC 6191 2). */
static bool tw_reopens(const struct worker *w, const struct tcp_timewait *e,
		       const struct tcp_seg *s)
{
	struct sock_addr local = { w->dp->local[e->local].ip, e->local_port };
	struct sock_addr remote = { e->remote_ip, e->remote_port };
	bool was_ts = e->flags & CONN_TS;

	if (s->has_ts && (!was_ts || seq_gt(s->tsval, e->ts_recent)))
		return true;
	if (s->has_ts && s->tsval != e->ts_recent)
		return false;
	/* Nothing but sequence numbers tells old from new: ours must go on, too (RFC 1122 4.2.2.13)
	 */
	return seq_gt(s->seq, e->rcv_nxt) && seq_gt(tcp_isn(w, &local, &remote), e->snd_nxt);
}

/* Answers what it should not have got, and drops it. */
static void tw_refuse(struct worker *w, struct tcp_timewait *e, struct rte_mbuf *m,
		      const struct tcp_seg *s, bool old)
{
	uint32_t now = (uint32_t)w->now_ms;

	/* Its own bound first, as conn_challenge_allow() has it. */
	if (now - e->refused_ms >= TW_REFUSED_MS && tcp_challenge_allow(w)) {
		tw_ack(w, e);
		e->refused_ms = now;
	}
	pkt_drop(w, m, s->flags & TCP_SYN ? DROP_TCP_SYN : old ? DROP_TCP_PAWS : DROP_TCP_SEQ);
}

bool timewait_input(struct worker *w, uint32_t entry, struct pkt *p, const struct tcp_seg *s)
{
	struct tcp_timewait *e = &w->tcp->tw[entry];
	bool old = (e->flags & CONN_TS) && s->has_ts && seq_lt(s->tsval, e->ts_recent);

	if (tw_over(w, e)) {
		tw_remove(w, entry);
		return true;
	}
	if (s->flags & TCP_RST) {
		pkt_drop(w, p->m, DROP_TCP_CLOSED);
		return false;
	}
	if ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && tw_reopens(w, e, s)) {
		tw_remove(w, entry);
		count(w, CNT_TCP_TW_REUSED);
		return true;
	}
	/* Nothing but the other side's FIN, or an ACK, ends where the stream does. */
	if (old || s->flags & TCP_SYN || s->seq + tcp_seg_seqs(s) != e->rcv_nxt ||
	    (s->len && !(s->flags & TCP_FIN))) {
		tw_refuse(w, e, p->m, s, old);
		return false;
	}
	if (s->has_ts)
		e->ts_recent = s->tsval;
	if (s->flags & TCP_FIN) {
		tw_unlink(w->tcp, entry);
		tw_restart(w, entry);
		tw_ack(w, e);
	}
	pkt_consume(w, p->m);
	return false;
}

void timewait_tick(struct worker *w)
{
	struct tcp *t = w->tcp;
	int i;

	for (i = 0; i < TW_BUDGET && t->tw_oldest != SLOT_NONE; i++) {
		if (!tw_over(w, &t->tw[t->tw_oldest]))
			break;
		tw_remove(w, t->tw_oldest);
	}
}
