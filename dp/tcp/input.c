/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments of connections (RFC 9293 3.10.7), in the order of the steps there. Everything is
 * decided here, nothing is told to owners and no data is sent: the connection is marked dirty. One
 * file, of more than 600 lines, since each step relies on what those before it have checked.
 */
#include "ledger.h"
#include "../snapshot.h"
#include "recovery.h"

#include "../net/ip.h"
#include "../tx.h"

enum {
	IP_ECN_CE = 3,
	PAWS_IDLE_S = 24 * 86400, /* RFC 7323 5.5 */
	SLOW_STALLS = 2, /* times tcp.stall-timeout, and a path may have failed in between */
};

/* ---- where they come in ---- */

/* Flags that never stand together. What is not forbidden is left to the states. */
static bool flags_ok(uint8_t f)
{
	return (f & (TCP_SYN | TCP_FIN)) != (TCP_SYN | TCP_FIN) &&
	       (f & (TCP_SYN | TCP_RST)) != (TCP_SYN | TCP_RST);
}

/* Header, options and checksum. Takes p->m when they are no good. */
static bool segment_parse(struct worker *w, struct pkt *p, struct tcp_seg *s)
{
	uint32_t off = (uint32_t)p->l2_len + p->l3_len;
	const uint8_t *h = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, off);
	enum drop why = DROP_TCP_SHORT;

	if (likely(tcp_parse(s, h, rte_pktmbuf_data_len(p->m) - off, p->l4_len))) {
		why = DROP_TCP_CSUM;
		if (likely(pkt_l4_csum_ok(w, p))) {
			why = DROP_TCP_FLAGS;
			if (likely(flags_ok(s->flags)))
				return true;
		}
	}
	pkt_drop(w, p->m, why);
	return false;
}

/* To its connection, or to what else the table has for its addresses now. */
static void segment_input(struct worker *w, struct pkt *p, struct tcp_seg *s, uint32_t entry)
{
	if (unlikely(entry == SLOT_NONE || (entry & 3) != ENTRY_CONN))
		entry = conn_lookup(w, p);
	if (unlikely(entry != SLOT_NONE && !tcp_seg_says(s))) {
		pkt_drop(w, p->m, DROP_TCP_FLAGS);
		return;
	}
	if (likely(entry != SLOT_NONE && (entry & 3) == ENTRY_CONN)) {
		conn_input(w, &w->tcp->conn[entry >> 2], p, s);
	} else if (entry == SLOT_NONE) {
		listen_input(w, p, s);
	} else if ((entry & 3) == ENTRY_MOVED) {
		handover_pkt(w, (uint16_t)(entry >> 2), p, HANDOVER_REDIRECT);
	} else if (timewait_input(w, entry >> 2, p, s)) {
		listen_input(w, p, s);
	}
}

/* What input and output touch of a connection first. */
static void conn_prefetch(const struct tcp_conn *c)
{
	rte_prefetch0(c);
	rte_prefetch0(&c->snd);
	rte_prefetch0(&c->rcv);
	rte_prefetch0(&c->sent_first);
}

/*
 * In stages, as datagrams are. A connection found stays one while the burst lasts, for they are
 * freed by tcp_turn() only; what was not found, or is something else, is looked up again, for a
 * segment before may have made it.
 */
void tcp_input(struct worker *w, struct pkt **p, uint16_t n)
{
	struct tcp_seg seg[BURST];
	struct key24 key[BURST];
	const void *keys[BURST];
	hash_sig_t sig[BURST];
	void *data[BURST];
	struct pkt *ok[BURST];
	uint64_t hit = 0;
	uint16_t i, k = 0;

	count_add(w, CNT_TCP_RX, n);
	for (i = 0; i < n; i++) {
		if (unlikely(!segment_parse(w, p[i], &seg[k])))
			continue;
		key[k] = key24_make(&p[i]->src, p[i]->sport, be16_get(p[i]->dport),
				    (uint32_t)(p[i]->local - w->dp->local));
		keys[k] = &key[k];
		sig[k] = key24_hash(w->dp->hash_key, &key[k]);
		ok[k++] = p[i];
	}
	if (k == 0)
		return;
	rte_hash_lookup_with_hash_bulk_data(w->tcp->table, keys, sig, k, &hit, data);
	for (i = 0; i < k; i++) {
		uint32_t e = hit >> i & 1 ? (uint32_t)(uintptr_t)data[i] : SLOT_NONE;

		data[i] = (void *)(uintptr_t)e;
		if (e != SLOT_NONE && (e & 3) == ENTRY_CONN)
			conn_prefetch(&w->tcp->conn[e >> 2]);
	}
	for (i = 0; i < k; i++)
		segment_input(w, ok[i], &seg[i], (uint32_t)(uintptr_t)data[i]);
}

/* ---- first: is it in the window? ---- */

/*
 * An empty segment just below the window is a keep-alive, or asks for the window (RFC 9293 3.8.4).
 * Who knows the number does not guess, so no budget that others can use up has a say; but two of
 * us must not go on for ever.
 */
static bool alive_allow(const struct worker *w, struct tcp_conn *c)
{
	if (clock_since_ms(w, c->alive_ms) < TCP_ALIVE_MS)
		return false;
	c->alive_ms = (uint32_t)w->now_ms;
	return true;
}

/*
 * An empty segment outside of it is answered now and then only: two of us would never end. The
 * answer has the window as it is now, for the segment may be a probe.
 */
static void ack_outside(struct worker *w, struct tcp_conn *c, const struct tcp_seg *s)
{
	bool empty = tcp_seg_seqs(s) == 0;

	if (empty || s->flags & TCP_SYN) {
		if (!(empty && s->seq == c->rcv_nxt - 1 ? alive_allow(w, c)
							: conn_challenge_allow(w, c)))
			return;
		if (!conn_established(c)) { /* output has nothing to say yet */
			conn_send_bare(w, c, TCP_ACK, c->snd_max);
			return;
		}
	}
	c->flags |= CONN_ACK_NOW;
	conn_dirty(w, c);
}

/* RFC 7323 5.3 R1. False when the segment is too old; RST is judged by its number alone. */
static bool paws_ok(const struct worker *w, const struct tcp_conn *c, const struct tcp_seg *s)
{
	if (!(c->flags & CONN_TS) || !s->has_ts || s->flags & TCP_RST)
		return true;
	return seq_ge(s->tsval, c->ts_recent) || w->now - c->ts_recent_s > PAWS_IDLE_S;
}

/*
 * RFC 9293 3.10.7.4, first; an empty segment may stand at the window's end as well, since that is
 * where one stands that has sent all it may.
 */
static bool seq_ok(const struct tcp_conn *c, const struct tcp_seg *s)
{
	uint32_t end = s->seq + tcp_seg_seqs(s);

	if (end == s->seq)
		return seq_ge(s->seq, c->rcv_nxt) && seq_le(s->seq, c->rcv_adv);
	return seq_lt(s->seq, c->rcv_adv) && seq_gt(end, c->rcv_nxt);
}

/* Takes p->m when the segment goes no further. */
static bool window_check(struct worker *w, struct tcp_conn *c, struct pkt *p, struct tcp_seg *s)
{
	enum drop why = DROP_TCP_SEQ;

	if (unlikely(!paws_ok(w, c, s))) {
		why = DROP_TCP_PAWS;
	} else if (likely(seq_ok(c, s))) {
		return true;
	} else if (c->rcv_nxt == c->rcv_adv && s->seq == c->rcv_nxt && s->len) {
		/* A probe of the closed window: its ACK counts, its data does not. */
		count(w, CNT_TCP_DUP);
		c->flags |= CONN_ACK_NOW;
		s->len = 0;
		s->flags &= (uint8_t)~TCP_FIN;
		p->l4_len = s->hdr_len;
		return true;
	} else if (s->len && seq_le(s->seq + s->len, c->rcv_nxt)) {
		reorder_dup(c, s->seq, s->seq + s->len);
		count(w, CNT_TCP_DUP);
	}
	if (!(s->flags & TCP_RST))
		ack_outside(w, c, s);
	pkt_drop(w, p->m, why);
	return false;
}

/* ---- second: RST; fourth: SYN ---- */

/*
 * What a RST means to the owner. When both sides have closed and all our bytes have arrived it says
 * no more than that the other side has forgotten us: no signal (RFC 9293 3.10.7.4, second).
 */
static enum tcp_end rst_end(const struct tcp_conn *c)
{
	if (c->state == TCP_SYN_RECEIVED && c->flags & CONN_ACTIVE)
		return TCP_END_REFUSED;
	if ((c->state == TCP_CLOSING || c->state == TCP_LAST_ACK) && !c->snd.bytes)
		return TCP_END_DONE;
	return TCP_END_RESET;
}

/* RFC 5961 3.2: only the very next number resets; others are asked to prove it. */
static void rst_input(struct worker *w, struct tcp_conn *c, struct pkt *p, const struct tcp_seg *s)
{
	if (c->state == TCP_TIME_WAIT) { /* RFC 1337: what the owner has yet to read stays */
		pkt_drop(w, p->m, DROP_TCP_RST);
		return;
	}
	if (s->seq != c->rcv_nxt) {
		conn_challenge(w, c);
		pkt_drop(w, p->m, DROP_TCP_RST);
		return;
	}
	conn_end(w, c, rst_end(c));
	pkt_consume(w, p->m);
}

/* The SYN once more, or one of the same addresses: the first gets its answer again. */
static bool syn_again(struct worker *w, struct tcp_conn *c, struct pkt *p, const struct tcp_seg *s)
{
	if (c->state != TCP_SYN_RECEIVED || s->seq != c->irs ||
	    (s->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return false;
	/* Each may be forged, and its answer goes to a host that never asked. */
	if (!icmp_rate_allow(w, &p->src)) {
		pkt_drop(w, p->m, DROP_TCP_RATE);
		return true;
	}
	conn_send_bare(w, c, TCP_SYN | TCP_ACK | (c->flags & CONN_ECN ? TCP_ECE : 0), c->iss);
	count(w, CNT_TCP_REXMIT_SYN);
	pkt_consume(w, p->m);
	return true;
}

/* ---- fifth: ACK ---- */

/* The last step of opening. False: p->m is taken. */
static bool ack_opens(struct worker *w, struct tcp_conn *c, struct pkt *p, const struct tcp_seg *s)
{
	if (s->ack != c->iss + 1) {
		tcp_send_reset(w, p, s, c->tos);
		pkt_drop(w, p->m, DROP_TCP_ACK);
		return false;
	}
	conn_opened(w, c);
	c->snd_wnd = c->max_wnd = (uint32_t)s->wnd << c->snd_wscale;
	c->snd_wl1 = s->seq;
	c->snd_wl2 = s->ack;
	return true;
}

/* RFC 9293 3.10.7.4 fifth: SND.WND from the segment that is newest. */
static void window_input(struct worker *w, struct tcp_conn *c, const struct tcp_seg *s)
{
	uint32_t wnd = (uint32_t)s->wnd << c->snd_wscale;

	if (!(seq_lt(c->snd_wl1, s->seq) || (c->snd_wl1 == s->seq && seq_le(c->snd_wl2, s->ack))))
		return;
	if (unlikely(wnd == 0 && c->snd_wnd))
		count(w, CNT_TCP_ZERO_WINDOW_RX);
	if (unlikely(c->snd_wnd == 0 && wnd && conn_unsent(c))) {
		c->persist_count = 0;
		conn_timer_stop(c, TCP_TIMER_PERSIST);
		c->stall_ms = (uint32_t)w->now_ms | 1;
	}
	c->snd_wnd = wnd;
	c->max_wnd = RTE_MAX(c->max_wnd, wnd);
	c->snd_wl1 = s->seq;
	c->snd_wl2 = s->ack;
}

/*
 * Who acknowledges a byte now and then makes progress, and holds our buffers all the same. So much
 * of what waits has to be taken in SLOW_STALLS times tcp.stall-timeout; then it is looked at anew.
 */
static void slow_watch(struct worker *w, struct tcp_conn *c)
{
	const struct config_tcp *conf = &snapshot_conf(w->dp)->tcp;
	uint32_t s = SLOW_STALLS * conf->stall_timeout;

	if (!c->snd.bytes || !conf->slow_rate) {
		conn_timer_stop(c, TCP_TIMER_SLOW);
	} else if (!conn_timer_on(c, TCP_TIMER_SLOW) || seq_ge(c->snd_una, c->slow_seq)) {
		c->slow_seq =
		    c->snd_una + (uint32_t)RTE_MIN((uint64_t)conf->slow_rate * s, c->snd.bytes);
		conn_timer_set(w, c, TCP_TIMER_SLOW, s * 1000);
	}
}

/* snd_una moves: bytes and records before it go. */
static void ack_advance(struct worker *w, struct tcp_conn *c, uint32_t ack)
{
	bool fin = c->flags & CONN_FIN_SENT && ack == c->snd_max;
	uint32_t bytes = ack - c->snd_una - (fin && c->snd_una != c->snd_max);

	c->snd_una = ack;
	queue_drop(w, &c->snd, bytes);
	c->rto_count = 0;
	c->stall_ms =
	    c->snd.bytes || (c->flags & CONN_FIN_SENT && !fin) ? (uint32_t)w->now_ms | 1 : 0;
	slow_watch(w, c);
}

/* Our FIN is acknowledged. */
static void fin_acked(struct worker *w, struct tcp_conn *c)
{
	switch ((enum tcp_state)c->state) {
	case TCP_FIN_WAIT_1:
		tcp_set_state(w, c, TCP_FIN_WAIT_2);
		conn_timer_set(w, c, TCP_TIMER_LIFE, snapshot_conf(w->dp)->tcp.linger * 1000);
		break;
	case TCP_CLOSING:
		tcp_set_state(w, c, TCP_TIME_WAIT);
		break;
	case TCP_LAST_ACK:
		tcp_set_state(w, c, TCP_CLOSED);
		c->flags |= CONN_OVER;
		/* The owner may still be reading; the addresses are free for another connection. */
		conn_entry_del(w, c, conn_idx(w, c) << 2 | ENTRY_CONN);
		break;
	default:
		break;
	}
}

/* False: the ACK is impossible and p->m is taken (RFC 5961 5.2). */
static bool ack_input(struct worker *w, struct tcp_conn *c, struct pkt *p, const struct tcp_seg *s)
{
	struct tcp_ack a = { 0 };
	bool ecn = c->flags & CONN_ECN && s->flags & TCP_ECE;

	if (unlikely(seq_gt(s->ack, c->snd_max) || seq_lt(s->ack, c->snd_una - c->max_wnd))) {
		conn_challenge(w, c);
		pkt_drop(w, p->m, DROP_TCP_ACK);
		return false;
	}
	/* A DSACK, or a second ACK for a probe, may come when nothing is outstanding any more. */
	if (seq_ge(s->ack, c->snd_una) &&
	    (c->snd_max != c->snd_una || s->n_sack || ecn || c->flags & CONN_PROBING))
		recovery_ack(w, c, s, ecn, &a);
	window_input(w, c, s);
	if (seq_gt(s->ack, c->snd_una)) {
		ack_advance(w, c, s->ack);
		if (c->flags & CONN_FIN_SENT && c->snd_una == c->snd_max)
			fin_acked(w, c);
	}
	/* A keep-alive or a probe was answered. */
	c->keepalive_count = 0;
	conn_dirty(w, c);
	return true;
}

/* ---- seventh: data; eighth: FIN ---- */

/* RFC 9293 3.8.6.3, RFC 5681 4.2: every second full segment, and the first ones of a stream. */
static void ack_policy(struct worker *w, struct tcp_conn *c)
{
	uint32_t pending = c->rcv_nxt - c->rcv_acked;

	if (pending >= 2u * c->rcv_mss || c->quick_acks) {
		if (c->quick_acks)
			c->quick_acks--;
		c->flags |= CONN_ACK_NOW;
	} else if (!conn_timer_on(c, TCP_TIMER_DELACK)) {
		conn_timer_set(w, c, TCP_TIMER_DELACK, TCP_DELACK_MS);
	}
}

/*
 * Takes the last n bytes off a packet, and the first n. Where a device has put segments together
 * these may be more than a buffer has; the buffers stay, empty.
 */
static void bytes_trim(struct rte_mbuf *m, uint32_t n)
{
	uint32_t keep = m->pkt_len - n;

	m->pkt_len = keep;
	for (struct rte_mbuf *s = m; s; s = s->next) {
		s->data_len = (uint16_t)RTE_MIN(keep, s->data_len);
		keep -= s->data_len;
	}
}

static void bytes_skip(struct rte_mbuf *m, uint32_t n)
{
	m->pkt_len -= n;
	for (struct rte_mbuf *s = m; n; s = s->next) {
		const uint16_t part = (uint16_t)RTE_MIN(n, s->data_len);

		s->data_off = (uint16_t)(s->data_off + part);
		s->data_len = (uint16_t)(s->data_len - part);
		n -= part;
	}
}

/* The segment's data without headers, and without what is not in the window. */
static void data_trim(struct worker *w, struct tcp_conn *c, struct pkt *p, struct tcp_seg *s)
{
	uint32_t dup = seq_lt(s->seq, c->rcv_nxt) ? c->rcv_nxt - s->seq : 0;
	uint32_t beyond = seq_gt(s->seq + s->len, c->rcv_adv) ? s->seq + s->len - c->rcv_adv : 0;
	uint32_t off = (uint32_t)p->l2_len + p->l3_len + s->hdr_len;

	if (unlikely(beyond)) {
		count(w, CNT_TCP_DUP);
		s->flags &= (uint8_t)~TCP_FIN;
		s->len = (uint16_t)(s->len - beyond);
		bytes_trim(p->m, beyond);
	}
	if (unlikely(dup)) {
		reorder_dup(c, s->seq, c->rcv_nxt);
		count(w, CNT_TCP_DUP);
		c->flags |= CONN_ACK_NOW;
		s->seq += dup;
		s->len = (uint16_t)(s->len - dup);
		off += dup;
	}
	bytes_skip(p->m, off);
}

/* Of the sender's segments, which are counted (RFC 5681 4.2): a device may have joined several. */
static uint16_t data_mss(const struct rte_mbuf *m, const struct tcp_seg *s)
{
	const uint16_t each = m->tso_segsz;

	return m->ol_flags & RTE_MBUF_F_RX_LRO ? RTE_MIN(each, s->len) : s->len;
}

static uint32_t data_segments(const struct rte_mbuf *m, const struct tcp_seg *s)
{
	const uint32_t each = data_mss(m, s);

	return likely(each >= s->len) ? 1 : (s->len + each - 1) / RTE_MAX(each, 1u);
}

/* Takes p->m. */
static void data_input(struct worker *w, struct tcp_conn *c, struct pkt *p, struct tcp_seg *s)
{
	uint32_t before = c->rcv_nxt;

	data_trim(w, c, p, s);
	if (unlikely(s->seq != c->rcv_nxt)) {
		count(w, CNT_TCP_OOO);
		c->flags |= CONN_ACK_NOW;
		if (!ledger_allows_early(w, c)) {
			pkt_drop(w, p->m, DROP_TCP_OOO_FULL);
			return;
		}
		c->rx_segments += data_segments(p->m, s);
		reorder_put(w, c, p->m, s->seq);
		return;
	}
	if (unlikely(!ledger_allows(w, c, p->m->nb_segs))) {
		/* Order of refusal: what is out of order goes first, then what comes. */
		reorder_clear(w, c);
		if (!ledger_allows(w, c, p->m->nb_segs)) {
			pkt_drop(w, p->m, DROP_TCP_MEMORY);
			return;
		}
	}
	c->rx_segments += data_segments(p->m, s);
	c->rcv_mss = RTE_MAX(c->rcv_mss, data_mss(p->m, s));
	if (unlikely(c->ooo.n && seq_gt(s->seq + s->len, c->ooo.head->hash.usr))) {
		/* It reaches into what is held, which came first and stays. */
		reorder_put(w, c, p->m, s->seq);
	} else {
		c->rcv_nxt += s->len;
		if (unlikely(c->standing == TCP_STRANGER))
			queue_pack(w, &c->rcv, p->m);
		else
			queue_put(w, &c->rcv, p->m);
	}
	if (unlikely(c->ooo.n)) {
		reorder_take(w, c);
		c->flags |= CONN_ACK_NOW;
	}
	credit_used(w, c, c->rcv_nxt - before);
	c->rx_bytes += c->rcv_nxt - before;
	count_add(w, CNT_TCP_RX_BYTES, c->rcv_nxt - before);
	c->flags |= conn_tells(c);
	ack_policy(w, c);
}

static void fin_input(struct worker *w, struct tcp_conn *c)
{
	c->rcv_nxt++;
	/* Nothing can follow a FIN: it would be held, and SACKed, for ever. */
	if (unlikely(c->ooo.n)) {
		queue_clear(w, &c->ooo, DROP_TCP_SEQ);
		reorder_clear(w, c);
	}
	c->flags |= CONN_FIN_RCVD | CONN_ACK_NOW | conn_tells(c);
	switch ((enum tcp_state)c->state) {
	case TCP_ESTABLISHED:
		tcp_set_state(w, c, TCP_CLOSE_WAIT);
		break;
	case TCP_FIN_WAIT_1:
		tcp_set_state(w, c, TCP_CLOSING);
		break;
	case TCP_FIN_WAIT_2:
		tcp_set_state(w, c, TCP_TIME_WAIT);
		break;
	default:
		break;
	}
}

/*
 * Takes p->m. A FIN that came before all data did is remembered (SHLD-31), though no SACK tells of
 * it, and acknowledged at once, bare as well: something is missing (RFC 5681 4.2).
 */
static void text_input(struct worker *w, struct tcp_conn *c, struct pkt *p, struct tcp_seg *s)
{
	bool open = !(c->flags & CONN_FIN_RCVD);

	/*
	 * Nobody will read it, and the other side must know (RFC 9293 3.6.1). With a layer it may
	 * be the other side's close_notify.
	 */
	if (s->len && open && (c->flags & (CONN_CLOSED_APP | CONN_LAYER)) == CONN_CLOSED_APP) {
		tcp_abort(w, c, TCP_END_UNREAD);
		pkt_drop(w, p->m, DROP_TCP_CLOSED);
		return;
	}
	if (s->len && open)
		data_input(w, c, p, s);
	else if (s->len)
		pkt_drop(w, p->m, DROP_TCP_SEQ);
	else
		pkt_consume(w, p->m);
	if (unlikely(s->flags & TCP_FIN && open)) {
		c->fin_seq = s->seq + s->len;
		c->flags |= CONN_FIN_HELD | CONN_ACK_NOW;
	}
	if (unlikely(open && c->flags & CONN_FIN_HELD && c->fin_seq == c->rcv_nxt))
		fin_input(w, c);
}

/* ---- all of it ---- */

static void ecn_input(struct worker *w, struct tcp_conn *c, const struct pkt *p,
		      const struct tcp_seg *s)
{
	if (s->flags & TCP_CWR)
		c->flags &= ~(uint32_t)CONN_ECE_OUT;
	if ((p->tos & IP_ECN_CE) == IP_ECN_CE) {
		count(w, CNT_TCP_ECN_CE);
		c->flags |= CONN_ECE_OUT | CONN_ACK_NOW;
	}
}

void conn_input(struct worker *w, struct tcp_conn *c, struct pkt *p, struct tcp_seg *s)
{
	if (unlikely(c->flags & CONN_DEAD || c->state == TCP_CLOSED)) {
		tcp_send_reset(w, p, s, c->tos);
		pkt_drop(w, p->m, DROP_TCP_CLOSED);
		return;
	}
	if (unlikely(c->state == TCP_SYN_SENT)) {
		connect_input(w, c, p, s);
		return;
	}
	if (unlikely(syn_again(w, c, p, s)) || !window_check(w, c, p, s))
		return;
	c->last_rx_ms = (uint32_t)w->now_ms; /* of what anybody could not have sent */
	if (unlikely(s->flags & TCP_RST)) {
		rst_input(w, c, p, s);
		return;
	}
	if (unlikely(s->flags & TCP_SYN)) { /* RFC 5961 4.2 */
		conn_challenge(w, c);
		pkt_drop(w, p->m, DROP_TCP_SYN);
		return;
	}
	if (unlikely(!(s->flags & TCP_ACK))) {
		pkt_drop(w, p->m, DROP_TCP_FLAGS);
		return;
	}
	if (unlikely(c->state == TCP_SYN_RECEIVED) && !ack_opens(w, c, p, s))
		return;
	if (unlikely(c->flags & CONN_ECN))
		ecn_input(w, c, p, s);
	if (!ack_input(w, c, p, s))
		return;
	/*
	 * RFC 7323 4.3: echo what covers the last ACK sent. Later, or after 5.5, by now; and that
	 * its ACK is possible, or a guess in the window would make all that follows too old.
	 */
	if (s->has_ts && c->flags & CONN_TS && seq_le(s->seq, c->rcv_acked)) {
		c->ts_recent = s->tsval;
		c->ts_recent_s = w->now;
	}
	text_input(w, c, p, s);
}
