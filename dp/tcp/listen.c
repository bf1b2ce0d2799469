/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening (RFC 9293 3.5, 3.10.7.1-2): SYNs, SYN cookies, and what both directions of opening
 * share. A cookie is the initial sequence number of a connection nothing is kept of: time, the
 * client's segment size and a keyed hash of both with the addresses. Scale, SACK and ECN stand in
 * the low bits of our timestamp, which the client sends back.
 */
#include "ledger.h"
#include "../snapshot.h"
#include "recovery.h"

#include "../net/neigh.h"

enum {
	COOKIE_SHIFT = 6, /* seconds of a cookie's time, as a power of two */
	COOKIE_TIME_BITS = 5,
	COOKIE_MAC_BITS = 24,
	COOKIE_TS_BITS = 6, /* of our timestamp: scale (4), SACK, ECN */
	COOKIE_TS_SACK = 1 << 4,
	COOKIE_TS_ECN = 1 << 5,
	COOKIE_NO_SCALE = 15,
	INITIAL_WINDOW_BYTES = 14600,
};

static const uint16_t cookie_mss[] = { 216, 536, 1000, 1220, 1300, 1400, 1440, 1460 };

/* ---- what both directions share ---- */

struct tcp_conn *conn_make(struct worker *w, const struct tcp_app *app, const struct tcp_request *r,
			   uint16_t local)
{
	struct tcp_conn *c = conn_alloc(w);

	if (!c)
		return NULL;
	c->local = local;
	c->local_port = r->local.port;
	c->remote_ip = r->remote.ip;
	c->remote_port = r->remote.port;
	c->app = app;
	memcpy(c->app_data, r->data, TCP_APP_DATA);
	c->layer_ops = r->layer;
	c->layer_arg = r->layer_arg;
	c->standing = r->stranger ? TCP_STRANGER : TCP_VOUCHED;
	tcp_dscp(c, r->dscp);
	return c;
}

void conn_open(struct worker *w, struct tcp_conn *c)
{
	struct sock_addr local, remote;
	enum drop why;
	struct neigh *n = neigh_find(w, &w->dp->local[c->local].ip, &c->remote_ip, &c->nh, &why);

	tcp_addrs(w, c, &local, &remote);
	c->pmtu = n ? n->mtu : w->dp->port[w->dp->local[c->local].port].mtu;
	c->iss = tcp_isn(w, &local, &remote);
	c->ts_offset = (uint32_t)conn_keyed(w, &local, &remote, CONN_HASH_TIMESTAMP, 0, 0);
	c->snd_una = c->iss;
	c->snd_max = c->iss + 1;
	while (c->rcv_wscale < TCP_WSCALE_MAX && c->rcv_buf >> c->rcv_wscale > UINT16_MAX)
		c->rcv_wscale++;
	c->rcv_adv = c->rcv_nxt + RTE_MIN(ledger_rcv_max(c), (uint32_t)TCP_FIRST_WINDOW);
	c->syn_us = tcp_us(w);
	c->min_rtt_us = UINT32_MAX;
}

/* Takes up the options of the other side's SYN. */
void conn_syn_options(struct worker *w, struct tcp_conn *c, const struct tcp_seg *s)
{
	c->irs = s->seq;
	c->rcv_nxt = c->rcv_acked = s->seq + 1;
	c->peer_mss = s->has_mss		? RTE_MAX(s->mss, (uint16_t)TCP_MSS_MIN)
		      : ip_is_v4(&c->remote_ip) ? TCP_MSS_DEFAULT
						: TCP_MSS_DEFAULT_V6;
	if (s->has_ts) {
		c->flags |= CONN_TS;
		c->ts_recent = s->tsval;
		c->ts_recent_s = w->now;
	}
	if (s->sack_ok)
		c->flags |= CONN_SACK;
	if (s->has_wscale) {
		c->flags |= CONN_WSCALE;
		c->snd_wscale = s->wscale;
	} else {
		c->rcv_wscale = 0;
		c->rcv_buf = RTE_MIN(c->rcv_buf, (uint32_t)UINT16_MAX);
	}
	/* Before the SYN is acknowledged the window is not scaled (RFC 7323 2.2). */
	c->rcv_adv = c->rcv_nxt + RTE_MIN(ledger_rcv_max(c), (uint32_t)TCP_FIRST_WINDOW);
	c->snd_wnd = c->max_wnd = s->wnd;
	c->snd_wl1 = s->seq;
	c->snd_wl2 = s->ack;
	conn_mss_update(c);
}

void conn_opened(struct worker *w, struct tcp_conn *c)
{
	const struct config_tcp *conf = &snapshot_conf(w->dp)->tcp;

	c->snd_una = c->iss + 1;
	tcp_set_state(w, c, TCP_ESTABLISHED);
	if (c->syn_count == 0 && c->syn_us)
		recovery_rtt(c, RTE_MAX(tcp_us(w) - c->syn_us, 1u));
	c->rx_segments = c->tx_segments = 0; /* where irs and syn_us were */
	/* RFC 6928: ten segments, and no more than 14,600 bytes of large ones. */
	c->cwnd = RTE_MAX(2u * c->mss, (uint32_t)INITIAL_WINDOW_BYTES);
	if (c->cwnd > (uint32_t)TCP_INITIAL_WINDOW * c->mss)
		c->cwnd = (uint32_t)TCP_INITIAL_WINDOW * c->mss;
	if (c->syn_count > 0) { /* RFC 5681 3.1, RFC 6298 5.7 */
		c->cwnd = c->mss;
		c->rto_ms = TCP_RTO_LOST_SYN_MS;
	}
	c->ssthresh = UINT32_MAX;
	c->recovery_point = c->snd_una;
	c->cc->init(w, c);
	conn_timer_stop(c, TCP_TIMER_REXMIT);
	conn_timer_stop(c, TCP_TIMER_LIFE);
	if (conf->keepalive)
		conn_timer_set(w, c, TCP_TIMER_LIFE, conf->keepalive * 1000);
	c->flags |= CONN_OPENED | CONN_KNOWN;
	c->opened_s = w->now;
	count(w, c->flags & CONN_ACTIVE ? CNT_TCP_CONNECTED : CNT_TCP_ACCEPTED);
	conn_dirty(w, c);
}

/* A connection for r, in no state yet; NULL when there is none to be had. */
static struct tcp_conn *conn_passive(struct worker *w, const struct pkt *p,
				     const struct tcp_app *app, const struct tcp_request *r)
{
	struct tcp_conn *c = conn_make(w, app, r, (uint16_t)(p->local - w->dp->local));

	if (!c)
		return NULL;
	if (!conn_insert(w, c)) {
		conn_free(w, c);
		return NULL;
	}
	conn_open(w, c);
	return c;
}

/* ---- cookies ---- */

static uint32_t cookie_mac(const struct worker *w, const struct tcp_request *r, uint32_t irs,
			   uint32_t time, uint32_t mss)
{
	return (uint32_t)conn_keyed(w, &r->local, &r->remote, CONN_HASH_COOKIE, irs,
				    time << 3 | mss) &
	       ((1u << COOKIE_MAC_BITS) - 1);
}

static uint32_t cookie_time(const struct worker *w)
{
	return (w->now >> COOKIE_SHIFT) & ((1u << COOKIE_TIME_BITS) - 1);
}

static uint8_t request_tos(const struct tcp_request *r)
{
	return (uint8_t)(r->dscp << 2);
}

static void cookie_send(struct worker *w, const struct tcp_request *r, const struct tcp_seg *s)
{
	const struct port *port = &w->dp->port[r->in_port];
	uint32_t time = cookie_time(w), mss = RTE_DIM(cookie_mss) - 1, ts, buf, scale = 0;
	uint32_t offset = (uint32_t)conn_keyed(w, &r->local, &r->remote, CONN_HASH_TIMESTAMP, 0, 0);
	bool ecn = snapshot_conf(w->dp)->tcp.ecn &&
		   (s->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR) && s->has_ts;
	uint16_t peer = s->has_mss		  ? s->mss
			: ip_is_v4(&r->remote.ip) ? TCP_MSS_DEFAULT
						  : TCP_MSS_DEFAULT_V6;
	struct tcp_raw_seg out = { .src = r->local,
				   .dst = r->remote,
				   .flags = TCP_SYN | TCP_ACK | (ecn ? TCP_ECE : 0),
				   .tos = request_tos(r),
				   .ack = s->seq + 1,
				   .o = { .ts = s->has_ts,
					  .tsecr = s->tsval,
					  .sack_ok = s->sack_ok && s->has_ts,
					  .wscale_ok = s->has_wscale && s->has_ts } };
	struct tcp_out_opts *o = &out.o;

	while (mss && cookie_mss[mss] > peer)
		mss--;
	buf = w->dp->conf->tcp.receive_buffer;
	while (scale < TCP_WSCALE_MAX && buf >> scale > UINT16_MAX)
		scale++;
	o->mss = (uint16_t)(port->mtu - ip_hdr_len(&r->remote.ip) - TCP_HDR);
	o->wscale = (uint8_t)scale;
	/* Not later than now, so that our timestamps never go back. */
	ts = (uint32_t)w->now_ms + offset;
	o->tsval = (ts & ~((1u << COOKIE_TS_BITS) - 1)) |
		   (o->wscale_ok ? s->wscale : COOKIE_NO_SCALE) |
		   (o->sack_ok ? COOKIE_TS_SACK : 0) | (ecn ? COOKIE_TS_ECN : 0);
	if (seq_gt(o->tsval, ts))
		o->tsval -= 1u << COOKIE_TS_BITS;
	out.seq = time << (COOKIE_MAC_BITS + 3) | mss << COOKIE_MAC_BITS |
		  cookie_mac(w, r, s->seq, time, mss);
	buf = RTE_MIN(buf, r->stranger ? (uint32_t)LEDGER_WINDOW : (uint32_t)TCP_FIRST_WINDOW);
	out.wnd = (uint16_t)buf;
	tcp_send_raw(w, &out);
	w->tcp->cookies_until = w->now + (2u << COOKIE_SHIFT);
	count(w, CNT_TCP_COOKIE_TX);
}

/* Whether s acknowledges a cookie of ours; fills syn as the SYN must have been. */
static bool cookie_check(const struct worker *w, const struct tcp_request *r,
			 const struct tcp_seg *s, struct tcp_seg *syn)
{
	uint32_t iss = s->ack - 1, irs = s->seq - 1, time = iss >> (COOKIE_MAC_BITS + 3);
	uint32_t mss = iss >> COOKIE_MAC_BITS & 7, now = cookie_time(w), ts;
	uint32_t age = (now - time) & ((1u << COOKIE_TIME_BITS) - 1);

	/* Who guesses gets no chance but while there are any. */
	if (w->now >= w->tcp->cookies_until || age > 1 ||
	    (iss & ((1u << COOKIE_MAC_BITS) - 1)) != cookie_mac(w, r, irs, time, mss))
		return false;
	*syn = (struct tcp_seg){ .seq = irs,
				 .ack = iss,
				 .wnd = s->wnd,
				 .has_mss = true,
				 .mss = cookie_mss[mss],
				 .has_ts = s->has_ts,
				 .tsval = s->tsval,
				 .flags = TCP_SYN };
	if (s->has_ts) {
		ts = s->tsecr & ((1u << COOKIE_TS_BITS) - 1);
		syn->has_wscale = (ts & 15) != COOKIE_NO_SCALE;
		syn->wscale = (uint8_t)RTE_MIN(ts & 15, (uint32_t)TCP_WSCALE_MAX);
		syn->sack_ok = ts & COOKIE_TS_SACK;
		if (ts & COOKIE_TS_ECN)
			syn->flags |= TCP_ECE | TCP_CWR;
	}
	return true;
}

/* The last segment of a handshake that was kept nowhere. */
static bool cookie_accept(struct worker *w, struct pkt *p, struct tcp_seg *s,
			  const struct tcp_app *app, const struct tcp_request *r)
{
	struct tcp_conn *c;
	struct tcp_seg syn;

	if (!cookie_check(w, r, s, &syn))
		return false;
	/* As with a SYN. The other side thinks it is open, and will ask again. */
	c = ledger_short(w) ? NULL : conn_passive(w, p, app, r);
	if (!c) {
		pkt_drop(w, p->m, ledger_short(w) ? DROP_TCP_MEMORY : DROP_TCP_FULL);
		return true;
	}
	count(w, CNT_TCP_COOKIE_OK);
	conn_syn_options(w, c, &syn);
	if (syn.flags & TCP_ECE)
		c->flags |= CONN_ECN;
	c->iss = s->ack - 1;
	c->snd_una = c->iss;
	c->snd_max = c->iss + 1;
	c->syn_us = 0; /* nobody looked at the clock */
	tcp_set_state(w, c, TCP_SYN_RECEIVED);
	conn_input(w, c, p, s);
	return true;
}

/* ---- segments ---- */

static bool cookies_wanted(const struct worker *w)
{
	const struct config_tcp *c = &snapshot_conf(w->dp)->tcp;

	return c->cookies == COOKIES_ALWAYS ||
	       (c->cookies == COOKIES_AUTO &&
		(w->tcp->half_open >= c->half_open || ledger_crowded(w)));
}

static void listen_syn(struct worker *w, struct pkt *p, struct tcp_seg *s,
		       const struct tcp_app *app, const struct tcp_request *r)
{
	struct tcp_conn *c = NULL;

	if (cookies_wanted(w)) {
		cookie_send(w, r, s);
		pkt_consume(w, p->m);
		return;
	}
	/* The first thing that goes when buffers are short: new connections. */
	if (w->tcp->half_open >= snapshot_conf(w->dp)->tcp.half_open || ledger_short(w) ||
	    (c = conn_passive(w, p, app, r)) == NULL) {
		pkt_drop(w, p->m, ledger_short(w) ? DROP_TCP_MEMORY : DROP_TCP_FULL);
		return;
	}
	conn_syn_options(w, c, s);
	if (snapshot_conf(w->dp)->tcp.ecn &&
	    (s->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR))
		c->flags |= CONN_ECN;
	tcp_set_state(w, c, TCP_SYN_RECEIVED);
	conn_timer_set(w, c, TCP_TIMER_LIFE, snapshot_conf(w->dp)->tcp.handshake_ms);
	conn_send_syn(w, c);
	pkt_consume(w, p->m);
}

void listen_input(struct worker *w, struct pkt *p, struct tcp_seg *s)
{
	struct tcp_request r = { .local = { p->dst, p->dport },
				 .remote = { p->src, p->sport },
				 .in_port = p->in_port };
	const struct tcp_app *app = NULL;

	/* 3.10.7.2, first: a RST is ignored. */
	if (s->flags & TCP_RST) {
		pkt_drop(w, p->m, DROP_TCP_PORT);
		return;
	}
	app = w->tcp->accept ? w->tcp->accept(w, &r) : NULL;
	if (app && (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		listen_syn(w, p, s, app, &r);
		return;
	}
	if (app && (s->flags & (TCP_SYN | TCP_ACK)) == TCP_ACK &&
	    snapshot_conf(w->dp)->tcp.cookies != COOKIES_NEVER) {
		if (cookie_accept(w, p, s, app, &r))
			return;
		tcp_send_reset(w, p, s, request_tos(&r));
		pkt_drop(w, p->m, DROP_TCP_COOKIE);
		return;
	}
	if (app && !tcp_seg_says(s)) {
		pkt_drop(w, p->m, DROP_TCP_FLAGS);
		return;
	}
	/* Second: an ACK of nothing; and all that finds nobody (3.10.7.1). */
	pkt_drop(w, p->m, tcp_send_reset(w, p, s, request_tos(&r)) ? DROP_TCP_PORT : DROP_TCP_RATE);
}
