/* SPDX-License-Identifier: BSD-3-Clause */
/* What may be sent, and sending it (RFC 9293 3.8). */
#include "ledger.h"
#include "../snapshot.h"
#include "sent.h"

#include "../net/neigh.h"
#include "../tx.h"

enum {
	ECN_ECT0 = 2,
	TSO_MAX = 65535 - IPV6_HDR - TCP_HDR_MAX, /* bytes of data one burst carries */
	TSO_MSS_MIN = 256,			  /* devices refuse, or hang on, smaller pieces */
	SEGMENT_COPY = 2048, /* up to here data is copied behind the headers, else referred to */
	TX_CUT_MAX = 6,	     /* halvings of what a port takes in a turn */
};

/* A packet of n buffers went to a port. */
static void port_took(struct tcp *t, uint16_t port, uint16_t n)
{
	t->tx_left[port] = (uint16_t)(t->tx_left[port] - RTE_MIN(n, t->tx_left[port]));
}

/* ---- segments ---- */

/* A segment to be built. */
struct segment {
	struct rte_mbuf *m; /* empty */
	uint32_t seq, len;
	uint8_t flags;
	bool rexmit;
	struct tcp_out_opts o;
};

/* Options, and the echo of congestion. */
static void segment_opts(const struct worker *w, const struct tcp_conn *c, struct segment *s)
{
	if (s->flags & TCP_SYN) {
		bool ours = c->state == TCP_SYN_SENT;
		const struct port *p = &w->dp->port[w->dp->local[c->local].port];

		s->o.mss = (uint16_t)(p->mtu - ip_hdr_len(&c->remote_ip) - TCP_HDR);
		s->o.ts = ours || c->flags & CONN_TS;
		s->o.sack_ok = ours || c->flags & CONN_SACK;
		s->o.wscale_ok = ours || c->flags & CONN_WSCALE;
		s->o.wscale = c->rcv_wscale;
	} else {
		s->o.ts = c->flags & CONN_TS;
		if (unlikely(c->flags & CONN_SACK && (c->ooo.n || c->dsack.start != c->dsack.end)))
			s->o.n_sack = reorder_sack(c, s->o.sack, TCP_SACK_MAX);
	}
	if (c->flags & CONN_ECE_OUT && !(s->flags & (TCP_SYN | TCP_RST)))
		s->flags |= TCP_ECE;
	s->o.tsval = conn_tsval(w, c);
	s->o.tsecr = c->ts_recent;
}

/* Data that a segment carries beside these options. */
static uint32_t segment_mss(const struct tcp_conn *c, const struct tcp_out_opts *o)
{
	return c->mss - (tcp_opts_len(o) - (o->ts ? TCP_TS_LEN : 0u));
}

/* Where the byte at seq is in c->snd; *off bytes into that buffer. */
static struct rte_mbuf *segment_find(const struct tcp_conn *c, uint32_t seq, uint32_t *off)
{
	bool cur = c->snd_cur && seq_ge(seq, c->snd_cur_seq) && c->snd_cur != c->snd.head;
	struct rte_mbuf *m = cur ? c->snd_cur : c->snd.head;

	*off = seq - (cur ? c->snd_cur_seq : conn_snd_seq(c));
	while (*off >= m->data_len) {
		*off -= m->data_len;
		m = m->next;
	}
	return m;
}

/*
 * Whether references to len bytes from `off` in m on are a chain that p takes. Each piece of mss
 * bytes that it cuts has headers, in a buffer of their own.
 */
static bool chain_fits(const struct port *p, const struct rte_mbuf *m, uint32_t off, uint32_t len,
		       uint32_t mss)
{
	uint32_t all = 2, here = 1, left = mss;

	while (len) {
		uint32_t n = RTE_MIN(len, m->data_len - off);

		n = RTE_MIN(n, left);
		if (all > p->chain_max || ++here > p->chain_cut)
			return false;
		len -= n;
		left -= n;
		off += n;
		if (off == m->data_len) {
			m = m->next;
			off = 0;
			all++;
		}
		if (left == 0) {
			left = mss;
			here = 1;
		}
	}
	return true;
}

/* Another buffer at the end of m, behind last; NULL: there is none. */
static struct rte_mbuf *chain_add(struct worker *w, struct rte_mbuf *m, struct rte_mbuf *last)
{
	struct rte_mbuf *r = rte_pktmbuf_alloc(w->pool);

	if (r) {
		last->next = r;
		m->nb_segs++;
	}
	return r;
}

/* len bytes from `off` in `from` on behind what m holds, by reference. False: no buffer. */
static bool data_refer(struct worker *w, struct rte_mbuf *m, struct rte_mbuf *from, uint32_t off,
		       uint32_t len)
{
	struct rte_mbuf *last = m;

	m->pkt_len += len;
	while (len) {
		uint32_t n = RTE_MIN(len, from->data_len - off);

		last = chain_add(w, m, last);
		if (!last)
			return false;
		rte_pktmbuf_attach(last, from);
		last->data_off = (uint16_t)(last->data_off + off);
		last->data_len = (uint16_t)n;
		len -= n;
		from = from->next;
		off = 0;
	}
	return true;
}

/* Appends len bytes from `from`, off bytes in, to m by copying them. False when buffers are out. */
static bool data_copy(struct worker *w, struct rte_mbuf *m, const struct rte_mbuf *from,
		      uint32_t off, uint32_t len)
{
	struct rte_mbuf *last = m;

	m->pkt_len += len;
	while (len) {
		uint32_t n = RTE_MIN(len, from->data_len - off);

		n = RTE_MIN(n, rte_pktmbuf_tailroom(last));
		memcpy(rte_pktmbuf_mtod_offset(last, void *, last->data_len),
		       rte_pktmbuf_mtod_offset(from, void *, off), n);
		last->data_len = (uint16_t)(last->data_len + n);
		len -= n;
		off += n;
		if (off == from->data_len) {
			from = from->next;
			off = 0;
		} else if (len && !(last = chain_add(w, m, last))) {
			return false;
		}
	}
	return true;
}

/*
 * Data of c->snd at seq into m, behind what it holds. What is not little is referred to, unless it
 * stands in more buffers than p takes: who sends little at a time makes many. False: no buffer.
 */
static bool segment_data(struct worker *w, struct tcp_conn *c, const struct segment *s,
			 const struct port *p)
{
	uint32_t off;
	struct rte_mbuf *from = segment_find(c, s->seq, &off);

	if (s->m->pkt_len + s->len > SEGMENT_COPY &&
	    (!p || chain_fits(p, from, off, s->len, segment_mss(c, &s->o))))
		return data_refer(w, s->m, from, off, s->len);
	return data_copy(w, s->m, from, off, s->len);
}

/*
 * The edge of the window, which is offered in units of 2^rcv_wscale: up to the next of them, or it
 * would go back (RFC 9293 3.8.6), unless that were an eighth more than may wait. Returns the units.
 */
static uint32_t window_units(struct tcp_conn *c)
{
	uint32_t wnd = c->rcv_adv - c->rcv_nxt, part = wnd & ((1u << c->rcv_wscale) - 1);
	uint32_t more = part ? (1u << c->rcv_wscale) - part : 0;

	if (more && wnd + more + conn_unread(c) <= ledger_rcv_max(c) + ledger_rcv_max(c) / 8) {
		wnd += more;
		c->rcv_adv += more;
	}
	return RTE_MIN(wnd >> c->rcv_wscale, (uint32_t)UINT16_MAX);
}

/* The TCP header at h, without its checksum. */
static void segment_header(struct tcp_conn *c, const struct segment *s, uint8_t *h, uint8_t hdr_len)
{
	uint32_t wnd;
	struct tcp_hdr t = { .sport = c->local_port,
			     .dport = c->remote_port,
			     .seq = be32_make(s->seq),
			     .off = (uint8_t)(hdr_len << 2),
			     .flags = s->flags };

	wnd = s->flags & TCP_SYN ? RTE_MIN(c->rcv_adv - c->rcv_nxt, (uint32_t)UINT16_MAX)
				 : window_units(c);
	t.wnd = be16_make((uint16_t)wnd);
	if (s->flags & TCP_ACK)
		t.ack = be32_make(c->rcv_nxt);
	memcpy(h, &t, TCP_HDR);
	tcp_opts_write(h + TCP_HDR, &s->o);
}

/* Checksum over all that m holds from off on, or what the port needs to do it. */
static void segment_csum(struct worker *w, struct tcp_conn *c, const struct segment *s,
			 uint8_t l3_len, uint8_t hdr_len, const struct port *p)
{
	const struct ip_addr *src = &w->dp->local[c->local].ip;
	struct rte_mbuf *m = s->m;
	uint16_t len = (uint16_t)(m->pkt_len - l3_len), csum;
	uint8_t *at = rte_pktmbuf_mtod_offset(m, uint8_t *, l3_len + 16);

	if (p && p->tx_csum_tcp) {
		uint32_t mss = segment_mss(c, &s->o);
		bool tso = s->len > mss;

		/* A device that cuts fills in each length itself. */
		csum = csum_fold(csum_pseudo(0, src, &c->remote_ip, IP_PROTO_TCP, tso ? 0 : len));
		m->l2_len = p->l2_len;
		m->l3_len = l3_len;
		m->l4_len = hdr_len;
		m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM |
			       (l3_len == IPV4_HDR ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
		if (tso) {
			m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
			m->tso_segsz = (uint16_t)mss;
			/* Each piece has a length, and so a header checksum, of its own. */
			if (p->tx_csum_ip && l3_len == IPV4_HDR)
				m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		}
	} else {
		csum = csum_field(csum_mbuf(csum_pseudo(0, src, &c->remote_ip, IP_PROTO_TCP, len),
					    m, l3_len, len));
	}
	memcpy(at, &csum, 2);
}

/* Builds a segment in s->m and sends it. What is lost from here on is lost on the way. */
static void segment_send(struct worker *w, struct tcp_conn *c, struct segment *s)
{
	const struct ip_addr *src = &w->dp->local[c->local].ip;
	uint8_t l3_len = ip_hdr_len(&c->remote_ip),
		hdr_len = (uint8_t)(TCP_HDR + tcp_opts_len(&s->o));
	enum drop why = DROP_NO_ROUTE;
	struct neigh *n = neigh_find(w, src, &c->remote_ip, &c->nh, &why);
	const struct port *p = neigh_port(w, n);
	struct rte_mbuf *m = s->m;
	struct ip_out o = { .src = src,
			    .dst = &c->remote_ip,
			    .proto = IP_PROTO_TCP,
			    .tos = c->tos,
			    .ttl = IP_TTL_OWN,
			    .df = true };
	uint8_t *h;

	/* One that opens was asked for; one that is opened may be anybody's. */
	if (unlikely(c->state == TCP_SYN_SENT && n))
		neigh_wanted(n, c->local_port);
	h = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(l3_len + hdr_len));
	if (s->len && !segment_data(w, c, s, p)) {
		memset(h, 0,
		       (size_t)l3_len + hdr_len); /* a trace would take it for what stood there */
		pkt_drop(w, m, DROP_NO_MBUF);
		return;
	}
	if (c->flags & CONN_ECN && s->len && !s->rexmit)
		o.tos |= ECN_ECT0;
	o.len = (uint16_t)(m->pkt_len - l3_len);
	ip_write(w, h, &o);
	segment_header(c, s, h + l3_len, hdr_len);
	segment_csum(w, c, s, l3_len, hdr_len, p);
	count(w, CNT_TCP_TX);
	if (s->flags & TCP_ACK) {
		c->rcv_acked = c->rcv_nxt;
		c->flags &= ~(uint32_t)CONN_ACK_NOW;
		if (unlikely(c->dsack.start != c->dsack.end)) {
			c->dsack.start = c->dsack.end;
			if (s->o.n_sack)
				count(w, CNT_TCP_DSACK_TX);
		}
		conn_timer_stop(c, TCP_TIMER_DELACK);
	}
	if (likely(n != NULL))
		port_took(w->tcp, n->port, m->nb_segs);
	if (likely(n != NULL && !(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)))
		ip_send(w, n, m, true);
	else if (n) /* longer than the link: the port cuts it */
		neigh_send(w, n, m);
	else if (c->nh == NH_LOOP)
		tx_loop(w, m, &(struct sock_addr){ *src, c->local_port },
			&(struct sock_addr){ c->remote_ip, c->remote_port });
	else
		pkt_drop(w, m, why);
}

bool conn_send_bare(struct worker *w, struct tcp_conn *c, uint8_t flags, uint32_t seq)
{
	struct segment s = { .m = pkt_make(w), .seq = seq, .flags = flags };

	if (!s.m)
		return false;
	segment_opts(w, c, &s);
	segment_send(w, c, &s);
	return true;
}

void conn_send_syn(struct worker *w, struct tcp_conn *c)
{
	uint8_t flags = TCP_SYN;

	if (c->state == TCP_SYN_RECEIVED)
		flags |= TCP_ACK | (c->flags & CONN_ECN ? TCP_ECE : 0);
	else if (snapshot_conf(w->dp)->tcp.ecn && c->syn_count == 0)
		flags |= TCP_ECE | TCP_CWR; /* not again: some path may dislike it (3168 6.1.1.1) */
	if (c->state == TCP_SYN_SENT && flags & TCP_ECE)
		c->flags |= CONN_ECN_SYN;
	conn_send_bare(w, c, flags, c->iss);
	conn_timer_set(w, c, TCP_TIMER_REXMIT, c->rto_ms);
}

/* ---- data ---- */

bool conn_resend(struct worker *w, struct tcp_conn *c, struct tcp_sent *s)
{
	struct segment g = { .m = pkt_make(w), .seq = s->seq, .flags = TCP_ACK, .rexmit = true };
	uint32_t end = seq_min(s->end, s->seq + c->mss), fin;

	if (!g.m)
		return false;
	segment_opts(w, c, &g);
	fin = end == s->end && s->flags & SENT_FIN ? 1 : 0;
	g.len = end - s->seq - fin;
	/* SACK blocks take room that the segment had when it was sent first. */
	while (g.o.n_sack && g.len + tcp_opts_len(&g.o) > c->mss + (g.o.ts ? TCP_TS_LEN : 0u))
		g.o.n_sack--;
	if (fin)
		g.flags |= TCP_FIN;
	if (g.len)
		g.flags |= TCP_PSH;
	segment_send(w, c, &g);
	c->last_tx_ms = (uint32_t)w->now_ms;
	recovery_resent(w, c, s, end);
	return true;
}

/* Steps over n bytes that have just been sent. */
static void cursor_move(struct tcp_conn *c, uint32_t seq)
{
	struct rte_mbuf *m = c->snd_cur;
	uint32_t at = m == c->snd.head ? conn_snd_seq(c) : c->snd_cur_seq;

	while (m && seq_ge(seq, at + m->data_len)) {
		at += m->data_len;
		m = m->next;
	}
	c->snd_cur = m;
	c->snd_cur_seq = at;
}

/*
 * How much of `unsent` goes as one segment (or burst) now; 0: wait. Sender's silly-window
 * avoidance (3.8.6.2.1): a full segment, all there is, or half of the largest window seen.
 */
static uint32_t segment_size(const struct worker *w, const struct tcp_conn *c, uint32_t unsent,
			     uint32_t mss, const struct port *p)
{
	uint32_t wnd = conn_wnd_left(c), cwnd = recovery_room(w, c), n = RTE_MIN(unsent, wnd);

	n = RTE_MIN(n, cwnd);
	if (n < mss && n < unsent && !(wnd < mss && n >= c->max_wnd / 2 && n))
		return 0;
	if (n <= mss)
		return n;
	if (!p || !p->tx_tso || mss < TSO_MSS_MIN)
		return mss;
	n = RTE_MIN(n, (uint32_t)TSO_MAX);
	n = RTE_MIN(n, (p->chain_max - 1u) * SEGMENT_COPY);
	return n > mss ? n - n % mss : mss;
}

/*
 * Sends one segment of new data, and the FIN with the last. force: that many bytes at most,
 * whatever the windows say; 0: as they say. False when nothing (more) goes.
 */
static bool send_new(struct worker *w, struct tcp_conn *c, const struct port *p, uint32_t force)
{
	struct segment s = { .seq = c->snd_max, .flags = TCP_ACK };
	uint32_t unsent = conn_unsent(c), mss;
	bool fin;

	segment_opts(w, c, &s);
	mss = segment_mss(c, &s.o);
	s.len = force ? RTE_MIN(unsent, mss) : segment_size(w, c, unsent, mss, p);
	if (force)
		s.len = RTE_MIN(s.len, force);
	fin = c->flags & CONN_FIN_QUEUED && !(c->flags & CONN_FIN_SENT) && s.len == unsent;
	if (s.len == 0 && !fin)
		return false;
	/* With no record left for it, what is little waits for an ACK and becomes more. */
	if (unlikely(s.len < mss && !force && c->sent_first && sent_left(w->tcp, c) == 0))
		return false;
	s.flags |= (s.len == unsent ? TCP_PSH : 0) | (fin ? TCP_FIN : 0);
	if (c->flags & CONN_CWR_OUT && s.len)
		s.flags |= TCP_CWR;
	s.m = pkt_make(w);
	if (!s.m) {
		conn_timer_set(w, c, TCP_TIMER_PERSIST, TCP_RETRY_MS);
		return false;
	}
	if (!recovery_sent(w, c, s.seq, s.seq + s.len + fin, fin ? SENT_FIN : 0)) {
		pkt_consume(w, s.m);
		return false; /* what is outstanding has all records: its ACK gives one back */
	}
	segment_send(w, c, &s);
	if (s.flags & TCP_CWR)
		c->flags &= ~(uint32_t)CONN_CWR_OUT;
	return true;
}

/* As many as the device makes of so much data. */
static uint32_t segments_of(const struct tcp_conn *c, uint32_t len)
{
	return likely(len <= c->mss) ? len > 0 : (len + c->mss - 1) / c->mss;
}

/* Bookkeeping of what send_new() put on the wire. */
static bool send_step(struct worker *w, struct tcp_conn *c, const struct port *p, uint32_t force)
{
	uint32_t before = c->snd_max;
	bool fin;

	if (!send_new(w, c, p, force))
		return false;
	fin = c->sent_last->flags & SENT_FIN;
	c->snd_max = c->sent_last->end;
	if (fin) {
		c->flags |= CONN_FIN_SENT;
		tcp_set_state(w, c, c->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1);
	}
	c->tx_bytes += c->snd_max - before - fin;
	c->tx_segments += segments_of(c, c->snd_max - before - fin);
	count_add(w, CNT_TCP_TX_BYTES, c->snd_max - before - fin);
	cursor_move(c, c->snd_max - fin);
	c->last_tx_ms = (uint32_t)w->now_ms;
	if (!c->stall_ms)
		c->stall_ms = (uint32_t)w->now_ms | 1;
	return true;
}

bool conn_send_part(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	return send_step(w, c, NULL, n);
}

/* The window is closed, or too small for what waits, and nothing is out whose ACK would tell. */
static void persist_arm(struct worker *w, struct tcp_conn *c)
{
	bool waits = conn_unsent(c) && c->snd_max == c->snd_una;
	uint32_t ms = c->rto_ms << RTE_MIN(c->persist_count, 8), stall, quiet;

	if (!waits) {
		if (!(c->flags & CONN_WANT_ROOM))
			conn_timer_stop(c, TCP_TIMER_PERSIST);
		c->persist_count = 0;
		return;
	}
	if (!c->stall_ms)
		c->stall_ms = (uint32_t)w->now_ms | 1;
	/* Not later than the end of patience, which is looked at when it fires. */
	stall = snapshot_conf(w->dp)->tcp.stall_timeout * 1000;
	quiet = clock_reached(w, c->stall_ms) ? clock_since_ms(w, c->stall_ms) : 0;
	ms = RTE_MIN(ms, quiet < stall ? stall - quiet + 1 : 1);
	if (!conn_timer_on(c, TCP_TIMER_PERSIST))
		conn_timer_set(w, c, TCP_TIMER_PERSIST, RTE_MIN(ms, (uint32_t)TCP_RTO_MAX_MS));
}

/* ---- what the device takes ---- */

/*
 * Half of a port's transmit ring a turn, so that many first windows at once leave room for media
 * and are not lost on the way. Where the ring was full all the same it is drained more slowly than
 * the turns come: half as much, and a step back a millisecond.
 */
void output_begin(struct worker *w)
{
	struct tcp *t = w->tcp;
	bool later = w->now_ms != t->tx_ms;
	uint16_t i;

	t->tx_ms = w->now_ms;
	for (i = 0; i < w->dp->n_ports; i++) {
		uint64_t full = w->port_counters[i].tx_full;
		uint16_t ring = w->dp->port[i].tx_ring;

		if (unlikely(full != t->tx_full[i])) {
			t->tx_full[i] = full;
			t->tx_cut[i] += t->tx_cut[i] < TX_CUT_MAX;
		} else if (later && t->tx_cut[i]) {
			t->tx_cut[i]--;
		}
		t->tx_left[i] = ring ? (uint16_t)(ring / 2 >> t->tx_cut[i]) : UINT16_MAX;
	}
}

/* Whether c may send more in this turn; else the next one is for it as well. */
static bool port_takes(struct worker *w, struct tcp_conn *c, const struct port *p)
{
	if (likely(!p || w->tcp->tx_left[p->idx]))
		return true;
	conn_dirty(w, c);
	return false;
}

/* The port that c sends by. After a timeout the way is looked for anew, before anything goes. */
static const struct port *output_port(struct worker *w, struct tcp_conn *c)
{
	struct neigh *n = neigh_cached(w->neighbours, c->nh);
	enum drop why;

	if (unlikely(!n && (c->lost_bytes || conn_unsent(c))))
		n = neigh_find(w, &w->dp->local[c->local].ip, &c->remote_ip, &c->nh, &why);
	return neigh_port(w, n);
}

void conn_output(struct worker *w, struct tcp_conn *c)
{
	const struct port *p = output_port(w, c);
	struct tcp_sent *s;

	if (!conn_established(c))
		return;
	window_update(w, c);
	while (unlikely(c->lost_bytes) && port_takes(w, c, p) &&
	       (s = recovery_next(w, c)) != NULL) {
		if (!conn_resend(w, c, s)) {
			conn_timer_set(w, c, TCP_TIMER_PERSIST, TCP_RETRY_MS);
			break;
		}
	}
	if (conn_unsent(c) || (c->flags & (CONN_FIN_QUEUED | CONN_FIN_SENT)) == CONN_FIN_QUEUED) {
		while (port_takes(w, c, p) && send_step(w, c, p, 0))
			;
		persist_arm(w, c);
	}
	if (c->flags & CONN_ACK_NOW && !conn_send_bare(w, c, TCP_ACK, c->snd_max))
		conn_timer_set(w, c, TCP_TIMER_DELACK, TCP_RETRY_MS);
	recovery_arm(w, c);
}

void conn_challenge(struct worker *w, struct tcp_conn *c)
{
	if (conn_challenge_allow(w, c))
		conn_send_bare(w, c, TCP_ACK, c->snd_max);
}
