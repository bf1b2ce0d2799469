/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TCP stack of a worker between hostile peers and an erratic owner. An input is a list of
 * records (enum op, one byte, then what it needs): segments whose numbers lie near those that would
 * be right, ICMP errors, time that passes, calls of the owner, memory that runs short. After each,
 * every connection is looked at from the inside: queues, scoreboard and timers agree, and what is
 * unacknowledged or cannot be sent has a timer that will see to it. Bytes are functions of their
 * sequence number in both directions: none may come or go altered, whatever is sent again. At the
 * end peers behave until all that was given has arrived; then all is closed, and nothing is left
 * anywhere. (One file, though a long one: peers, owner and checks see the same few structs.)
 */
#include "dp_hostile.h"
#include "../../dp/net/ip.h"
#include "../../dp/tcp/recovery.h"
#include "../../lib/cursor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RECORDS_MAX = 96,
	PEERS = 6, /* 0 to 3 come in, 4 and 5 are connected to */
	FIRST_ACTIVE = 4,
	CONNS = 8,
	BUFFERS = 160,
	DATA_MAX = 1600,  /* of a segment from a peer */
	SPARE_MBUFS = 24, /* are left when memory runs short */
	CALM_MS = 1000,
	CALM_ROUNDS = 100,
};

enum op {
	OP_SEGMENT,
	OP_REPLY,
	OP_CLOCK,
	OP_OWNER,
	OP_CONNECT,
	OP_ICMP,
	OP_MEMORY,
	OP_MANNERS,
	OPS
};

/* What a segment is like beside its numbers. */
enum {
	HOW_PEER = 7,
	HOW_TS = 1 << 3,
	HOW_WRONG = 1 << 4, /* other bytes than those that belong there */
	HOW_SACK = 1 << 5,
	HOW_CHAIN = 1 << 6,
	HOW_CE = 1 << 7,
};

/* What the owner does of itself. */
enum {
	DO_ECHO = 1 << 0,   /* as many bytes as came */
	DO_CLOSE = 1 << 1,  /* after the other side */
	DO_HOLD = 1 << 2,   /* reads nothing */
	DO_GREET = 1 << 3,  /* speaks first */
	DO_REFUSE = 1 << 4, /* listens nowhere */
	DO_COPY = 1 << 5,   /* tcp_send_bytes(), else buffers */
	DO_ABORT = 1 << 6,
};

struct remote {
	struct sock_addr addr, us;
	uint16_t port;
	uint32_t iss;
	uint32_t next;	/* what we acknowledged last: its next number */
	uint32_t seen;	/* end of what we sent */
	uint32_t tsval; /* of ours, the last */
	bool lied;
	bool opened, crowded; /* one of 4 and 5 had a connection; had more than one */
};
static struct remote remote[PEERS];
static uint8_t manners;
static struct rte_mbuf *taken[2048];
static uint32_t n_taken;

/* The owner's bytes of a connection. */
struct owned {
	uint32_t in, out; /* next sequence numbers, once established */
	uint32_t who;	  /* of remote */
	uint32_t want;	  /* bytes to send as room comes */
	bool starved;	  /* no buffer was had: nobody tells when there is one */
};

/* The byte at a sequence number. */
static uint8_t byte_in(uint32_t seq)
{
	return (uint8_t)(seq * 7 + (seq >> 8));
}

static uint8_t byte_out(uint32_t seq)
{
	return (uint8_t)(seq * 13 + (seq >> 8) + 1);
}

/* ---- the owner ---- */

static bool give_mbuf(struct worker *w, struct tcp_conn *c, const uint8_t *p, uint32_t n)
{
	struct rte_mbuf *m = pkt_make(w), *rest = n > 1 ? rte_pktmbuf_alloc(w->pool) : NULL;
	uint16_t half = (uint16_t)(n / 2);

	if (!m || (n > 1 && !rest)) {
		if (m)
			pkt_consume(w, m);
		rte_pktmbuf_free(rest);
		return false;
	}
	memcpy(rte_pktmbuf_append(m, (uint16_t)(n - half)), p, n - half);
	if (rest) {
		memcpy(rte_pktmbuf_append(rest, half), p + n - half, half);
		MUST(rte_pktmbuf_chain(m, rest) == 0);
	}
	if (tcp_send(w, c, m))
		return true;
	pkt_consume(w, m);
	return false;
}

static void give(struct worker *w, struct tcp_conn *c)
{
	struct owned *o = tcp_data(c);
	uint8_t buf[2000];
	bool given;

	while (o->want) {
		uint32_t n = RTE_MIN(o->want, (uint32_t)sizeof(buf)), i;

		for (i = 0; i < n; i++)
			buf[i] = byte_out(o->out + i);
		given = manners & DO_COPY ? tcp_send_bytes(w, c, buf, n) : give_mbuf(w, c, buf, n);
		o->starved = !given && !(c->flags & CONN_WANT_ROOM);
		if (!given)
			return;
		o->out += n;
		o->want -= n;
	}
}

/* Of two connections at other ports of ours it would know the last one only. */
static void opened(struct remote *p)
{
	p->crowded |= p->opened;
	p->opened = true;
}

static void on_established(struct worker *w, struct tcp_conn *c)
{
	struct owned *o = tcp_data(c);

	if (o->who >= FIRST_ACTIVE && !(c->flags & CONN_ACTIVE))
		opened(&remote[o->who]);
	/* Nothing was taken yet. A FIN has a number, too. */
	o->in = c->rcv_nxt - c->rcv.bytes - !!(c->flags & CONN_FIN_RCVD);
	o->out = c->iss + 1;
	MUST(tcp_state(c) >= TCP_ESTABLISHED);
	if (manners & DO_GREET)
		o->want = 3000;
	give(w, c);
}

static void take(struct owned *o, const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t i;

	MUST(m->nb_segs == 1 && m->next == NULL && m->data_len && m->pkt_len == m->data_len);
	for (i = 0; i < m->data_len && !remote[o->who].lied; i++)
		MUST(p[i] == byte_in(o->in + i));
	o->in += m->data_len;
}

static void on_readable(struct worker *w, struct tcp_conn *c)
{
	struct owned *o = tcp_data(c);
	struct rte_mbuf *m;

	if (manners & DO_HOLD)
		return;
	while ((m = tcp_recv(w, c))) {
		if (manners & DO_ECHO)
			o->want += m->pkt_len;
		take(o, m);
		pkt_consume(w, m);
	}
	MUST(tcp_readable(c) == 0);
	if (manners & DO_ABORT) {
		tcp_abort(w, c, TCP_END_FRAME_BAD);
		return;
	}
	give(w, c);
	if (tcp_recv_fin(c) && manners & DO_CLOSE)
		tcp_close(w, c, TCP_END_DONE);
}

static void on_timeout(struct worker *w, struct tcp_conn *c)
{
	struct owned *o = tcp_data(c);

	if (tcp_state(c) < TCP_ESTABLISHED) /* where its bytes begin is not known */
		return;
	o->want += 100;
	give(w, c);
}

static void on_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	MUST(why < TCP_END_MAX);
}

static const struct tcp_app owner = { .name = "fuzz",
				      .role = CONN_OTHER,
				      .established = on_established,
				      .readable = on_readable,
				      .writable = give,
				      .timeout = on_timeout,
				      .closed = on_closed };

static const struct tcp_app *on_accept(struct worker *w, struct tcp_request *r)
{
	struct owned o = { 0 };
	uint32_t i;

	(void)w;
	if (manners & DO_REFUSE)
		return NULL;
	for (i = 0; i < PEERS; i++)
		if (sock_addr_eq(&remote[i].addr, &r->remote))
			o.who = i;
	memcpy(r->data, &o, sizeof(o));
	return &owner;
}

/* Some call the owner might make at any time. */
static void owner_call(struct rd *r)
{
	struct tcp_conn *c = &world.w->tcp->conn[rd_u8(r) % CONNS];
	uint8_t verb = rd_u8(r);
	uint16_t arg = rd_u16(r);
	struct owned *o = tcp_data(c);
	uint8_t buf[256];
	uint32_t n;

	if (!tcp_find(world.w, tcp_name(world.w, c)) || !(c->flags & CONN_KNOWN))
		return;
	switch (verb % 10) {
	case 0:
		tcp_shutdown(world.w, c);
		break;
	case 1:
		tcp_close(world.w, c, TCP_END_CLOSED);
		break;
	case 2:
		tcp_abort(world.w, c, TCP_END_IDLE);
		break;
	case 3:
	case 4:
		tcp_recv_pause(world.w, c, verb % 10 == 3);
		break;
	case 5:
		tcp_app_timer(world.w, c, arg);
		break;
	case 6:
		n = RTE_MIN(tcp_readable(c), (uint32_t)arg);
		tcp_recv_copy(c, n / 2, buf, RTE_MIN(n - n / 2, (uint32_t)sizeof(buf)));
		tcp_recv_skip(world.w, c, n);
		o->in += n;
		break;
	case 7:
		on_readable(world.w, c);
		break;
	default:
		if (tcp_state(c) < TCP_ESTABLISHED)
			break;
		o->want += arg;
		give(world.w, c);
	}
}

/* ---- peers ---- */

static void peer_init(uint32_t i)
{
	static const char *const ip[PEERS] = { "10.1.0.2", "fd00:1::2", "10.1.0.2",
					       "10.1.0.3", "10.2.0.2",	"fd00:2::2" };
	bool active = i >= FIRST_ACTIVE, v6 = i & 1 && i != 3;

	remote[i] = (struct remote){ .addr = at(ip[i], (uint16_t)(4000 + i)),
				     .port = active ? CORE : ACCESS,
				     .iss = UINT32_MAX - 2000 * i };
	remote[i].us =
	    active ? at(v6 ? "fd00:2::1" : "10.2.0.1", 0) : at(v6 ? "fd00:1::1" : "10.1.0.1", 3478);
	remote[i].next = remote[i].iss;
}

/* A segment of p's, its options in o; len bytes of data. */
static void segment_in(struct remote *p, uint8_t how, struct tcp_hdr h,
		       const struct tcp_out_opts *o, uint16_t len)
{
	struct frame_opt ip = { .tos = how & HOW_CE ? 3 : 2 };
	uint8_t b[TCP_HDR_MAX + DATA_MAX];
	uint16_t hdr = (uint16_t)(TCP_HDR + tcp_opts_write(b + TCP_HDR, o)), i, csum;
	uint32_t seq = be32_get(h.seq) + (h.flags & TCP_SYN ? 1 : 0);
	struct frame f;

	h.sport = p->addr.port;
	h.dport = p->us.port;
	h.off = (uint8_t)(hdr << 2);
	memcpy(b, &h, sizeof(h));
	for (i = 0; i < len; i++)
		b[hdr + i] = (uint8_t)(byte_in(seq + i) + (how & HOW_WRONG ? 1 : 0));
	p->lied |= len && how & HOW_WRONG;
	csum = csum_field(
	    csum_bytes(csum_pseudo(0, &p->addr.ip, &p->us.ip, IP_PROTO_TCP, (uint16_t)(hdr + len)),
		       b, (size_t)hdr + len));
	memcpy(b + offsetof(struct tcp_hdr, csum), &csum, 2);
	frame_ip(&f, p->port, &p->addr.ip, &p->us.ip, IP_PROTO_TCP, b, (size_t)hdr + len, &ip);
	world.seg_first = how & HOW_CHAIN ? 150 : 0;
	world.seg_rest = 200;
	world_in(p->port, 0, &f);
	world_run();
}

static void op_segment(struct rd *r)
{
	uint8_t how = rd_u8(r), flags = rd_u8(r);
	struct remote *p = &remote[(how & HOW_PEER) % PEERS];
	uint32_t seq = (flags & TCP_SYN ? p->iss : p->next) + (uint32_t)(int16_t)rd_u16(r);
	uint32_t ack = p->seen + (uint32_t)(int16_t)rd_u16(r);
	uint16_t len = rd_u16(r) % DATA_MAX, wnd = rd_u16(r), i;
	struct tcp_out_opts o = { 0 };

	if (flags & TCP_SYN) {
		uint8_t syn = rd_u8(r);

		o.mss = (uint16_t)(syn & 1 ? rd_u8(r) * 8 : 0);
		o.sack_ok = syn & 2;
		o.wscale_ok = syn & 4;
		o.wscale = syn >> 4;
		/* SYN and data at the places of the same stream. */
		p->lied |= seq != p->iss;
	}
	if (how & HOW_TS) {
		o.ts = true;
		o.tsval = (uint32_t)world.w->now_ms + (uint32_t)(int8_t)rd_u8(r);
		o.tsecr = p->tsval;
	}
	for (i = how & HOW_SACK ? rd_u8(r) % 5 : 0; i; i--) {
		struct tcp_sack_block *b = &o.sack[o.n_sack++];

		b->start = p->seen + (uint32_t)(int16_t)rd_u16(r);
		b->end = b->start + rd_u16(r) % 4096;
	}
	segment_in(p, n_taken ? how & (uint8_t)~HOW_CHAIN : how,
		   (struct tcp_hdr){ .seq = be32_make(seq),
				     .ack = be32_make(ack),
				     .flags = flags,
				     .wnd = be16_make(wnd),
				     .urg = be16_make(flags & TCP_URG ? 1 : 0) },
		   &o, flags & TCP_RST ? 0 : len);
}

/* As it should be: all is acknowledged, and some data follows. */
static void reply(uint8_t how, uint8_t len)
{
	struct remote *p = &remote[(how & HOW_PEER) % PEERS];
	struct tcp_out_opts o = { .ts = how & HOW_TS,
				  .tsval = (uint32_t)world.w->now_ms,
				  .tsecr = p->tsval };

	segment_in(p, how & HOW_PEER,
		   (struct tcp_hdr){ .seq = be32_make(p->next),
				     .ack = be32_make(p->seen),
				     .flags = (uint8_t)(TCP_ACK | (how & HOW_CHAIN ? TCP_FIN : 0)),
				     .wnd = be16_make(how & HOW_SACK ? 0 : 60000) },
		   &o, (uint16_t)(len * 4));
}

static void op_reply(struct rd *r)
{
	uint8_t how = rd_u8(r), len = rd_u8(r);

	reply(how, len);
}

/* ---- what went out ---- */

static struct remote *peer_of(const struct ip_addr *ip, struct be16 port)
{
	uint32_t i;

	for (i = 0; i < PEERS; i++)
		if (ip_eq(&remote[i].addr.ip, ip) && be16_eq(remote[i].addr.port, port))
			return &remote[i];
	return NULL;
}

static void segment_out(const struct frame *f)
{
	uint32_t at = frame_l4(f), len = f->len - at, i;
	bool v4 = f->b[12] == 8;
	struct ip_addr src, dst;
	struct tcp_seg s;
	struct tcp_hdr h;
	struct remote *p;

	if (f->b[v4 ? 23 : 20] != IP_PROTO_TCP)
		return;
	memcpy(&h, f->b + at, sizeof(h));
	if (v4) {
		struct be32 a;

		memcpy(&a, f->b + 26, 4);
		src = ip_from_v4(a);
		memcpy(&a, f->b + 30, 4);
		dst = ip_from_v4(a);
	} else {
		memcpy(&src, f->b + 22, 16);
		memcpy(&dst, f->b + 38, 16);
	}
	p = peer_of(&dst, h.dport);
	MUST(p && ip_eq(&src, &p->us.ip));
	MUST(tcp_parse(&s, f->b + at, len, len));
	MUST(csum_fold(csum_bytes(csum_pseudo(0, &src, &dst, IP_PROTO_TCP, (uint16_t)len),
				  f->b + at, len)) == 0xffff);
	MUST(!(s.flags & TCP_SYN) || s.len == 0);
	for (i = 0; i < s.len; i++)
		MUST(f->b[at + s.hdr_len + i] == byte_out(s.seq + i));
	if (s.flags & TCP_RST)
		return;
	p->us.port = h.sport;
	p->seen = s.flags & TCP_SYN ? s.seq + 1 : seq_max(p->seen, s.seq + tcp_seg_seqs(&s));
	if (s.flags & TCP_ACK)
		p->next = s.ack;
	if (s.has_ts)
		p->tsval = s.tsval;
}

static void drain(void)
{
	const struct frame *f;
	uint16_t i;

	for (i = 0; i < WORLD_PORTS; i++)
		while ((f = world_out(i)))
			segment_out(f);
	hostile_drain();
}

/* ---- what must hold ---- */

static uint32_t check_queue(const struct mbuf_queue *q)
{
	const struct rte_mbuf *m, *last = NULL;
	uint32_t n = 0, bytes = 0;

	for (m = q->head; m; last = m, m = m->next) {
		MUST(m->nb_segs == 1 && m->data_len && m->pkt_len == m->data_len);
		n++;
		bytes += m->data_len;
	}
	MUST(q->tail == last && q->n == n && q->bytes == bytes);
	return n;
}

static void check_scoreboard(const struct tcp_conn *c)
{
	uint32_t at = c->snd_una, sacked = 0, lost = 0;
	const struct tcp_sent *s;

	for (s = c->sent_first; s; s = s->next) {
		MUST(s->seq == at && seq_lt(s->seq, s->end));
		at = s->end;
		if (s->flags & SENT_SACKED)
			sacked += s->end - s->seq;
		else if (s->flags & SENT_LOST)
			lost += s->end - s->seq;
		MUST(s->next ? s->next->prev == s : c->sent_last == s);
	}
	MUST(at == c->snd_max);
	/* Without SACK sacked_bytes is a guess from duplicate ACKs. */
	MUST(lost == c->lost_bytes && sacked == (c->flags & CONN_SACK ? c->sacked_bytes : 0));
	MUST(c->sacked_bytes + c->lost_bytes <= c->snd_max - c->snd_una);
}

static void check_timers(const struct tcp_conn *c)
{
	bool waits = c->snd_max != c->snd_una || (conn_established(c) && conn_unsent(c));
	int i;

	MUST(!waits || conn_timer_on(c, TCP_TIMER_REXMIT) || conn_timer_on(c, TCP_TIMER_PERSIST));
	for (i = 0; i < TCP_TIMERS; i++)
		MUST(!c->due_ms[i] ||
		     (timer_armed(&c->timer) && seq_le((uint32_t)c->timer.deadline, c->due_ms[i])));
}

static uint32_t check_conn(const struct tcp_conn *c)
{
	MUST(!(c->flags & (CONN_DEAD | CONN_DIRTY)));
	MUST(c->state < TCP_STATES && (c->state > TCP_CLOSED || c->flags & CONN_OVER));
	MUST(seq_le(c->snd_una, c->snd_max) && seq_le(c->rcv_nxt, c->rcv_adv + 1));
	MUST(!c->ooo.head || seq_gt(c->ooo.head->hash.usr, c->rcv_nxt));
	MUST(c->cwnd >= c->mss || c->cwnd == 0);
	if (conn_established(c)) /* SYN has no record */
		check_scoreboard(c);
	check_timers(c);
	return check_queue(&c->snd) + check_queue(&c->rcv) + check_queue(&c->ooo);
}

static void check(void)
{
	const struct tcp *t = world.w->tcp;
	uint32_t i, held = 0, conns = 0, half_open = 0;

	for (i = 0; i < CONNS; i++) {
		if (!(t->conn[i].gen & CONN_GEN_LIVE))
			continue;
		conns++;
		half_open += t->conn[i].state == TCP_SYN_RECEIVED;
		held += check_conn(&t->conn[i]);
	}
	MUST(conns == t->conns && half_open == t->half_open && held == t->held);
	MUST(world_accounts());
}

/* ---- records ---- */

static void op_connect(struct rd *r)
{
	struct remote *p = &remote[FIRST_ACTIVE + rd_u8(r) % (PEERS - FIRST_ACTIVE)];
	struct owned o = { .who = (uint32_t)(p - remote) };
	struct tcp_request q = { .remote = p->addr };
	enum tcp_end why;

	memcpy(q.data, &o, sizeof(o));
	if (rd_u8(r) & 1) /* else the same ports again, perhaps */
		p->us.port = be16_make(0);
	q.local = p->us;
	if (tcp_connect(world.w, &q, &owner, &why))
		opened(p);
}

static void op_memory(uint8_t much)
{
	struct rte_mempool *pool = world.w->pool;

	while (n_taken)
		rte_pktmbuf_free(taken[--n_taken]);
	while (much & 1 && rte_mempool_avail_count(pool) > SPARE_MBUFS + (uint32_t)much / 4)
		taken[n_taken++] = rte_pktmbuf_alloc(pool);
}

static void op_icmp(struct rd *r)
{
	const struct remote *p = &remote[rd_u8(r) % PEERS];
	uint32_t seq = p->seen + (uint32_t)(int16_t)rd_u16(r);

	tcp_icmp(world.w, &p->us, &p->addr, seq, rd_u16(r));
}

static void record(struct rd *r)
{
	static const uint32_t step[] = { 1, 5, 40, 200, 500, 1000, 10000, 61000 };

	switch ((enum op)(rd_u8(r) % OPS)) {
	case OP_SEGMENT:
		op_segment(r);
		break;
	case OP_REPLY:
		op_reply(r);
		break;
	case OP_CLOCK:
		hostile_later(step[rd_u8(r) % RTE_DIM(step)]);
		world_neighbours(); /* nobody answers ARP here */
		break;
	case OP_OWNER:
		owner_call(r);
		break;
	case OP_CONNECT:
		op_connect(r);
		break;
	case OP_ICMP:
		op_icmp(r);
		break;
	case OP_MEMORY:
		op_memory(rd_u8(r));
		break;
	case OP_MANNERS:
	case OPS:
		manners = rd_u8(r);
		break;
	}
	world_run();
	drain();
	check();
}

/* ---- beginning and end ---- */

static void world_once(void)
{
	if (world.w)
		return;
	world_config();
	world.conf.tcp.connections = CONNS;
	world.conf.tcp.half_open = 3;
	world.conf.tcp.buffers = BUFFERS;
	world.conf.tcp.send_buffer = 16384;
	world.conf.tcp.receive_buffer = 32768;
	world.conf.tcp.reorder_buffer = 8192;
	world_start();
	tcp_listen(world.w, on_accept);
}

/* Every input begins alike. */
static void begin(void)
{
	struct tcp *t;
	uint32_t i;

	world_once();
	world.tx_room = UINT16_MAX; /* it counts down */
	t = world.w->tcp;
	t->key = (struct siphash_key){ { 1, 2 } };
	for (i = 0; i < CONNS; i++)
		t->conn[i].dirty_next = i + 1 < CONNS ? i + 1 : SLOT_NONE;
	t->conn_free = 0;
	t->challenge_ms = 0;
	t->port_next = 0;
	wheel_init(&t->wheel, world.w->now_ms);
	manners = DO_ECHO | DO_CLOSE | DO_GREET;
	for (i = 0; i < PEERS; i++)
		peer_init(i);
}

/*
 * Its peer will answer as it should: it knows of no other connection, and did not say something of
 * its window from a place in the stream where it has never been (snd_wl1).
 */
static bool answered(const struct tcp_conn *c, const struct owned *o)
{
	return !remote[o->who].crowded && seq_le(c->snd_wl1, c->rcv_nxt);
}

/* Some open connection has bytes that were not given, sent or acknowledged. */
static bool busy(void)
{
	uint32_t i;

	for (i = 0; i < CONNS; i++) {
		struct tcp_conn *c = &world.w->tcp->conn[i];
		struct owned *o = tcp_data(c);

		if (c->gen & CONN_GEN_LIVE && conn_established(c) && c->flags & CONN_KNOWN &&
		    answered(c, o) && (c->snd.bytes || (o->want && !(c->flags & CONN_FIN_QUEUED))))
			return true;
	}
	return false;
}

/* Owners that found no buffer ask again by themselves. */
static void feed(void)
{
	uint32_t i;

	for (i = 0; i < CONNS; i++) {
		struct tcp_conn *c = &world.w->tcp->conn[i];
		struct owned *o = tcp_data(c);

		if (c->gen & CONN_GEN_LIVE && c->flags & CONN_KNOWN && o->starved)
			give(world.w, c);
	}
}

/* Whatever was before: with peers that behave and some time all that was given arrives. */
static void calm_down(void)
{
	uint32_t seen;
	uint8_t k;
	int i;

	for (i = 0; i < CALM_ROUNDS && (i == 0 || busy()); i++) {
		hostile_later(CALM_MS);
		world_neighbours();
		feed();
		for (k = 0; k < PEERS; k++) {
			do { /* as long as there is more */
				seen = remote[k].seen;
				reply(HOW_TS | k, 0);
				drain();
			} while (remote[k].seen != seen);
		}
		check();
	}
	MUST(!busy());
}

static void end(void)
{
	struct tcp *t = world.w->tcp;
	uint32_t i;

	op_memory(0);
	calm_down();
	for (i = 0; i < CONNS; i++)
		if (t->conn[i].gen & CONN_GEN_LIVE)
			tcp_abort(world.w, &t->conn[i], TCP_END_CLOSED);
	world_run();
	drain();
	hostile_later(world.conf.tcp.time_wait_ms + CALM_MS);
	world_run();
	MUST(t->conns == 0 && t->half_open == 0 && t->held == 0 && t->tw_n == 0);
	MUST(t->wheel.armed == 0 && rte_hash_count(t->table) == 0);
	MUST(t->records == 0 && t->records_shared == 0 && t->ledger.strangers == 0);
	for (i = CNT_TCP_CLOSED; i <= CNT_TCP_TIME_WAIT; i++)
		MUST(world.w->counters->cnt[i] == 0);
	hostile_check();
	hostile_rest();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	int i;

	begin();
	for (i = 0; i < RECORDS_MAX && rd_left(&r); i++) {
		record(&r);
		hostile_bounds();
	}
	end();
	return 0;
}
