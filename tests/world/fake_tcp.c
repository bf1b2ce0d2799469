/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_tcp.h"

#include "dp/dispatch.h"
#include "dp/turn/leg.h"
#include "worker.h"

enum { HEADERS = 14 + 20 + 20 }; /* in front of what a segment carries */

struct tcp_conn {
	struct fake_conn f;
	uint32_t gen; /* odd: in use */
	uint64_t data[TCP_APP_DATA / 8];
	const struct tcp_app *app;
	struct sock_addr local, remote;
	struct rte_mbuf *head, *tail;
	uint32_t bytes;
	bool fin, told, readable, acked, dead, closing;
	uint32_t timer_ms; /* 0: not set */
};

struct fake_peer fake_peer;
static struct tcp_conn conn[FAKE_CONNS];
static uint8_t out[FAKE_CONNS][FAKE_OUT];
static uint32_t held;
static const struct config_tcp *conf;

void fake_tcp_start(struct worker *w)
{
	uint32_t i;

	conf = &w->dp->conf->tcp;
	for (i = 0; i < FAKE_CONNS; i++)
		conn[i] = (struct tcp_conn){ .gen = conn[i].gen & ~1u };
	fake_peer = (struct fake_peer){ 0 };
	held = 0;
}

struct fake_conn *fake_open(struct worker *w, const struct sock_addr *local,
			    const struct sock_addr *remote)
{
	struct tcp_request r = { .local = *local, .remote = *remote };
	const struct tcp_app *app = dispatch_accept(w, &r);
	struct tcp_conn *c = conn;

	if (!app)
		return NULL;
	while (c->gen & 1)
		if (++c == conn + FAKE_CONNS)
			abort();
	*c = (struct tcp_conn){ .gen = c->gen + 1, .app = app, .local = *local, .remote = *remote };
	c->f = (struct fake_conn){
		.c = c, .out = out[c - conn], .window = UINT32_MAX, .room = UINT32_MAX, .open = true
	};
	memcpy(c->data, r.data, TCP_APP_DATA);
	app->established(w, c);
	return &c->f;
}

void fake_feed(struct worker *w, struct fake_conn *f, const void *bytes, uint32_t len, bool at_end)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
	struct tcp_conn *c = f->c;

	if (!m || c->dead || len == 0)
		abort();
	m->data_off = (uint16_t)(at_end ? m->buf_len - len : m->data_off + (uint32_t)HEADERS);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	count(w, CNT_RX);
	if (c->closing) { /* nobody reads */
		pkt_drop(w, m, DROP_TCP_CLOSED);
		return;
	}
	held++;
	if (c->tail)
		c->tail->next = m;
	else
		c->head = m;
	c->tail = m;
	c->bytes += len;
	c->readable = true;
}

void fake_fin(struct worker *w, struct fake_conn *f)
{
	(void)w;
	f->c->fin = f->c->readable = true;
}

void fake_end(struct worker *w, struct fake_conn *f, enum tcp_end why)
{
	(void)w;
	f->why = why;
	f->c->dead = true;
}

void fake_stall(struct fake_conn *f)
{
	f->window = 0;
	f->unsent = 1;
}

void fake_acked(struct fake_conn *f, uint32_t window, uint32_t room)
{
	f->unsent = 0;
	f->window = window;
	f->room = room;
	f->c->acked = true;
}

void fake_run(void)
{
	do
		world_run();
	while (tcp_timers(world.w) + tcp_turn(world.w));
}

/* ---- what the worker calls ---- */

bool tcp_create(struct worker *w, char *err, size_t errlen)
{
	static uint64_t nothing; /* that anybody looks into */

	(void)err;
	(void)errlen;
	w->tcp = (struct tcp *)&nothing;
	fake_tcp_start(w);
	return true;
}

static void conn_bury(struct worker *w, struct tcp_conn *c)
{
	c->app->closed(w, c, c->f.why);
	tcp_recv_skip(w, c, c->bytes);
	c->f.open = false;
	c->gen++;
}

void tcp_destroy(struct worker *w)
{
	uint32_t i;

	for (i = 0; i < FAKE_CONNS; i++)
		if (conn[i].gen & 1)
			conn_bury(w, &conn[i]);
	w->tcp = NULL;
}

uint32_t tcp_timers(struct worker *w)
{
	uint32_t i, n = 0;

	for (i = 0; i < FAKE_CONNS; i++) {
		struct tcp_conn *c = &conn[i];

		if (!(c->gen & 1) || c->dead || !c->timer_ms ||
		    (int32_t)((uint32_t)w->now_ms - c->timer_ms) < 0)
			continue;
		c->timer_ms = 0;
		c->app->timeout(w, c);
		n++;
	}
	return n;
}

static bool conn_tell(struct worker *w, struct tcp_conn *c)
{
	if (c->readable && !c->f.paused && !c->closing) {
		c->readable = false;
		c->app->readable(w, c);
		return true;
	}
	if (c->acked && c->f.wants_room && !c->closing) {
		c->acked = c->f.wants_room = false;
		c->app->writable(w, c);
		return true;
	}
	return false;
}

uint32_t tcp_turn(struct worker *w)
{
	uint32_t i, n = 0;

	for (i = 0; i < FAKE_CONNS; i++) {
		struct tcp_conn *c = &conn[i];

		if (!(c->gen & 1))
			continue;
		if (!c->dead && conn_tell(w, c))
			n++;
		if (c->dead) {
			conn_bury(w, c);
			n++;
		}
	}
	return n;
}

void tcp_tick(struct worker *w)
{
	(void)w;
}

void tcp_snapshot(struct worker *w)
{
	(void)w;
}

uint32_t tcp_held(const struct worker *w)
{
	(void)w;
	return held;
}

void tcp_input(struct worker *w, struct pkt **p, uint16_t n)
{
	while (n)
		pkt_drop(w, p[--n]->m, DROP_TCP_PORT);
}

void tcp_listen(struct worker *w, tcp_accept_fn *accept)
{
	(void)w;
	(void)accept;
}

bool tcp_icmp(struct worker *w, const struct sock_addr *local, const struct sock_addr *remote,
	      uint32_t seq, uint32_t mtu)
{
	(void)w;
	(void)local;
	(void)remote;
	(void)seq;
	(void)mtu;
	return false;
}

void tcp_move_input(struct worker *w, struct rte_mbuf *m)
{
	pkt_drop(w, m, DROP_TCP_PORT);
}

/* ---- what an owner calls ---- */

struct tcp_conn *tcp_find(struct worker *w, struct ctl_conn name)
{
	(void)w;
	return name.idx < FAKE_CONNS && name.gen & 1 && conn[name.idx].gen == name.gen &&
		       !conn[name.idx].dead
		   ? &conn[name.idx]
		   : NULL;
}

struct ctl_conn tcp_name(const struct worker *w, const struct tcp_conn *c)
{
	(void)w;
	return (struct ctl_conn){ (uint32_t)(c - conn), c->gen };
}

uint32_t tcp_session(const struct tcp_conn *c)
{
	return c->app->session ? c->app->session((struct tcp_conn *)(uintptr_t)c) : SLOT_NONE;
}

uint32_t tcp_session_between(const struct worker *w, const struct sock_addr *local,
			     const struct sock_addr *remote)
{
	struct tcp_conn *c;

	(void)w;
	for (c = conn; c < conn + FAKE_CONNS; c++) {
		if (c->gen & 1 && !c->dead && memcmp(&c->local, local, sizeof(*local)) == 0 &&
		    memcmp(&c->remote, remote, sizeof(*remote)) == 0)
			return tcp_session(c);
	}
	return SLOT_NONE;
}

void *tcp_data(struct tcp_conn *c)
{
	return c->data;
}

const struct tcp_app *tcp_app(const struct tcp_conn *c)
{
	return c->app;
}

void tcp_addrs(const struct worker *w, const struct tcp_conn *c, struct sock_addr *local,
	       struct sock_addr *remote)
{
	(void)w;
	*local = c->local;
	*remote = c->remote;
}

uint32_t tcp_readable(const struct tcp_conn *c)
{
	return c->bytes;
}

bool tcp_waits_for_credit(const struct worker *w, const struct tcp_conn *c)
{
	(void)w;
	return c->f.withheld;
}

bool tcp_recv_fin(const struct tcp_conn *c)
{
	return c->fin && !c->bytes;
}

struct rte_mbuf *tcp_recv_peek(const struct tcp_conn *c)
{
	return c->head;
}

struct rte_mbuf *tcp_recv(struct worker *w, struct tcp_conn *c)
{
	struct rte_mbuf *m = c->head;

	(void)w;
	if (!m)
		return NULL;
	c->head = m->next;
	if (!c->head)
		c->tail = NULL;
	m->next = NULL;
	c->bytes -= m->data_len;
	held--;
	c->readable |= tcp_recv_fin(c);
	return m;
}

void tcp_recv_skip(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	if (n > c->bytes)
		abort();
	while (n) {
		uint32_t part = RTE_MIN(n, (uint32_t)c->head->data_len);

		if (part == c->head->data_len) {
			pkt_consume(w, tcp_recv(w, c));
		} else {
			rte_pktmbuf_adj(c->head, (uint16_t)part);
			c->bytes -= part;
		}
		n -= part;
	}
}

void tcp_recv_copy(const struct tcp_conn *c, uint32_t off, void *to, uint32_t n)
{
	const struct rte_mbuf *m = c->head;
	uint8_t *p = to;

	if (off > c->bytes || n > c->bytes - off)
		abort();
	for (; n; m = m->next) {
		uint32_t part = m->data_len;

		if (off >= part) {
			off -= part;
			continue;
		}
		part = RTE_MIN(part - off, n);
		memcpy(p, rte_pktmbuf_mtod_offset(m, uint8_t *, off), part);
		p += part;
		n -= part;
		off = 0;
	}
}

void tcp_recv_pause(struct worker *w, struct tcp_conn *c, bool paused)
{
	(void)w;
	c->f.paused = paused;
	c->readable |= !paused && (c->bytes || tcp_recv_fin(c));
}

uint32_t tcp_send_room(const struct worker *w, const struct tcp_conn *c)
{
	(void)w;
	return c->closing || c->dead ? 0 : c->f.room;
}

uint32_t tcp_send_window(const struct worker *w, const struct tcp_conn *c)
{
	(void)w;
	return c->f.window;
}

uint32_t tcp_send_unsent(const struct tcp_conn *c)
{
	return c->f.unsent;
}

void tcp_send_wait(struct tcp_conn *c)
{
	c->f.wants_room = true;
}

bool tcp_hold(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	(void)c;
	if (held + n > w->dp->conf->tcp.buffers)
		return false;
	held += n;
	return true;
}

void tcp_unhold(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	(void)w;
	(void)c;
	held -= n;
}

void tcp_trust(struct worker *w, struct tcp_conn *c, bool trusted)
{
	(void)w;
	c->f.stranger = !trusted;
}

void tcp_charge(struct worker *w, struct tcp_conn *c, uint64_t user)
{
	(void)w;
	c->f.user = user;
}

void tcp_guest(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	c->f.stranger = false;
}

uint32_t tcp_recv_most(const struct tcp_conn *c)
{
	(void)c;
	return conf->receive_buffer;
}

static void out_put(struct fake_conn *f, const void *p, uint32_t len)
{
	if (f->out_len + len > FAKE_OUT)
		abort();
	memcpy(f->out + f->out_len, p, len);
	f->out_len += len;
	if (f->room != UINT32_MAX)
		f->room -= RTE_MIN(f->room, len);
	f->unsent += len - RTE_MIN(f->window, len);
	if (f->window != UINT32_MAX)
		f->window -= RTE_MIN(f->window, len);
}

bool tcp_send_bytes(struct worker *w, struct tcp_conn *c, const void *p, uint32_t len)
{
	struct fake_conn *f = &c->f;

	if (tcp_send_room(w, c) < len || f->out_len + len > FAKE_OUT) {
		f->wants_room = true;
		return false;
	}
	out_put(f, p, len);
	return true;
}

bool tcp_send_over(const struct tcp_conn *c)
{
	return c->closing || c->dead;
}

bool tcp_send_owed(struct worker *w, struct tcp_conn *c, const void *p, uint32_t len)
{
	(void)w;
	if (c->closing || c->dead)
		return false;
	out_put(&c->f, p, len);
	return true;
}

bool tcp_send(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m)
{
	static uint8_t flat[1 << 17];
	const void *p = rte_pktmbuf_read(m, 0, m->pkt_len, flat);

	rte_mbuf_sanity_check(m, 1);
	if (!tcp_send_bytes(w, c, p, m->pkt_len))
		return false;
	pkt_consume(w, m);
	return true;
}

uint32_t tcp_pass(struct worker *w, struct tcp_conn *from, struct tcp_conn *to)
{
	uint32_t len = from->head ? from->head->data_len : 0;

	if (!len || tcp_send_room(w, to) < len)
		return 0;
	if (!tcp_send(w, to, tcp_recv(w, from)))
		abort();
	return len;
}

void tcp_abort(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	fake_end(w, &c->f, why);
}

/* The other side closes at once, too. */
void tcp_close(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	c->closing = true;
	tcp_recv_skip(w, c, c->bytes);
	fake_end(w, &c->f, why);
}

void tcp_app_timer(struct worker *w, struct tcp_conn *c, uint32_t ms)
{
	c->timer_ms = ms ? (uint32_t)w->now_ms + ms : 0;
}

/* ---- peers ---- */

static void peer_readable(struct worker *w, struct tcp_conn *c)
{
	tcp_recv_skip(w, c, tcp_readable(c));
}

static void peer_nothing(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	(void)c;
}

static void peer_conn_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	(void)why;
}

const struct tcp_app peer_conn_app = { .name = "peer",
				       .role = CONN_PEER,
				       .established = peer_nothing,
				       .readable = peer_readable,
				       .writable = peer_nothing,
				       .closed = peer_conn_closed };

const struct tcp_app *peer_conn_accept(struct worker *w, struct tcp_request *r, uint32_t slot)
{
	(void)w;
	(void)r;
	(void)slot;
	fake_peer.accepts++;
	return &peer_conn_app;
}

bool peer_conn_connect(struct worker *w, const struct cmd_connect *c)
{
	(void)w;
	(void)c;
	return false;
}

bool peer_conn_join(struct worker *w, const struct cmd_join *c)
{
	(void)w;
	(void)c;
	return false;
}

bool peer_conn_close(struct worker *w, const struct cmd_conn_close *c)
{
	(void)w;
	(void)c;
	return false;
}

void peer_conn_abandon(struct worker *w, struct rte_mbuf *m)
{
	pkt_consume(w, m);
}

void peer_conn_session_del(struct worker *w, uint32_t slot)
{
	(void)w;
	(void)slot;
	fake_peer.sessions++;
}

void peer_conn_family_del(struct worker *w, uint32_t slot, int family)
{
	(void)w;
	(void)slot;
	(void)family;
}

void conn_gone_event(struct worker *w, struct ctl_sid sid, struct ctl_conn name,
		     enum ctl_conn_role role, enum tcp_end why)
{
	(void)w;
	fake_peer = (struct fake_peer){
		fake_peer.accepts, fake_peer.sessions, fake_peer.gone + 1, sid, name, role, why
	};
}
