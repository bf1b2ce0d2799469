/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_world.h"

struct app app;

/* Of a connection, in its owner's bytes: how far its streams are. */
struct app_data {
	uint64_t received, sent;
	bool fin;
};

/* The byte at offset off of a stream; periods of two primes, so that no shift goes unseen. */
static uint8_t pattern(uint64_t off)
{
	return (uint8_t)(off % 251 + off / 251 % 13);
}

void pattern_fill(uint8_t *p, uint64_t off, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		p[i] = pattern(off + i);
}

void pattern_check(const uint8_t *p, uint64_t off, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (p[i] != pattern(off + i))
			fail_msg("byte %llu of the stream is wrong", (unsigned long long)off + i);
}

/* ---- the owner ---- */

static void app_established(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	app.c = c;
	app.opened++;
}

static void take(struct worker *w, struct tcp_conn *c, uint32_t max)
{
	struct app_data *d = tcp_data(c);
	struct rte_mbuf *m;

	while (max && (m = tcp_recv_peek(c)) != NULL) {
		uint32_t n = RTE_MIN(max, (uint32_t)m->data_len);

		assert_int_equal(m->nb_segs, 1);
		assert_true(m->data_len > 0);
		if (!app.any_data)
			pattern_check(rte_pktmbuf_mtod(m, uint8_t *), d->received, n);
		d->received += n;
		app.received += n;
		max -= n;
		if (n == m->data_len)
			pkt_consume(w, tcp_recv(w, c));
		else
			tcp_recv_skip(w, c, n);
	}
}

static void app_readable(struct worker *w, struct tcp_conn *c)
{
	struct app_data *d = tcp_data(c);

	if (!app.hold)
		take(w, c, UINT32_MAX);
	if (!tcp_recv_fin(c) || d->fin)
		return;
	d->fin = true;
	app.fins++;
	if (app.close_on_fin)
		tcp_close(w, c, TCP_END_DONE);
}

static void push(struct worker *w, struct tcp_conn *c)
{
	struct app_data *d = tcp_data(c);
	uint8_t buf[4096];

	while (app.to_send) {
		uint32_t n = (uint32_t)RTE_MIN(app.to_send, (uint64_t)sizeof(buf));

		pattern_fill(buf, d->sent, n);
		if (!tcp_send_bytes(w, c, buf, n)) {
			n = RTE_MIN(n, tcp_send_room(w, c));
			if (!n || !tcp_send_bytes(w, c, buf, n))
				return;
		}
		d->sent += n;
		app.sent += n;
		app.to_send -= n;
	}
}

static void app_writable(struct worker *w, struct tcp_conn *c)
{
	app.writable++;
	push(w, c);
}

static void app_timeout(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	(void)c;
	app.timeouts++;
}

static void app_arrived(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	app.c = c;
	app.arrived++;
}

static void app_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	if (app.c == c)
		app.c = NULL;
	app.closed++;
	app.why = why;
}

static const struct tcp_app owner = {
	.name = "test",
	.role = CONN_OTHER,
	.established = app_established,
	.readable = app_readable,
	.writable = app_writable,
	.timeout = app_timeout,
	.arrived = app_arrived,
	.closed = app_closed,
};

static const struct tcp_app *app_accept(struct worker *w, struct tcp_request *r)
{
	(void)w;
	r->dscp = app.dscp;
	r->stranger = app.stranger;
	return be16_get(r->local.port) == APP_PORT && !app.deaf ? &owner : NULL;
}

void app_send(uint64_t n)
{
	assert_non_null(app.c);
	app.to_send += n;
	push(world.w, app.c);
	world_run();
}

void app_take(uint32_t n)
{
	assert_non_null(app.c);
	assert_true(tcp_readable(app.c) >= n);
	take(world.w, app.c, n);
	world_run();
}

void app_shutdown(void)
{
	assert_non_null(app.c);
	tcp_shutdown(world.w, app.c);
	world_run();
}

void app_close(void)
{
	assert_non_null(app.c);
	tcp_close(world.w, app.c, TCP_END_DONE);
	world_run();
}

void app_abort(void)
{
	assert_non_null(app.c);
	tcp_abort(world.w, app.c, TCP_END_CLOSED);
	world_run();
}

void app_connect(void)
{
	struct tcp_request r = { .local = peer.us, .remote = peer.addr, .dscp = app.dscp };
	enum tcp_end why = TCP_END_MAX;

	peer_near_wrap();
	app.c = tcp_connect(world.w, &r, &owner, &why);
	assert_non_null(app.c);
	tcp_addrs(world.w, app.c, &peer.us, &(struct sock_addr){ 0 });
	world_run();
}

void app_gone(enum tcp_end why)
{
	assert_int_equal(app.closed, 1);
	assert_string_equal(tcp_end_desc[app.why].name, tcp_end_desc[why].name);
	assert_int_equal(world.w->tcp->conns, 0);
}

/* ---- life ---- */

void tcp_config(void)
{
	struct config_tcp *t = &world.conf.tcp;

	world_config();
	world.conf.dataplane.mbufs = 4095;
	t->time_wait_ms = 2000;
	t->buffers = 2048;
	t->send_buffer = 262144;
	t->media_queue = 65536;
	t->linger = 10;
	t->keepalive = 0;
	t->cookies = COOKIES_AUTO;
	t->congestion = CONGESTION_RENO;
}

void tcp_start(void)
{
	uint16_t i;

	memset(&app, 0, sizeof(app));
	world_start();
	for (i = 0; i < world.dp.n_workers; i++)
		world.dp.worker[i]->tcp->accept = app_accept;
	peer_new();
}

/* What is left over of a worker's TCP; NULL: nothing. */
static const char *left_over(const struct worker *w)
{
	const struct tcp *t = w->tcp;

	return t->conns			    ? "connections"
	       : t->half_open		    ? "half-open connections"
	       : t->tw_n		    ? "entries in TIME-WAIT"
	       : rte_hash_count(t->table)   ? "entries of the table"
	       : tcp_held(w)		    ? "buffers held"
	       : t->wheel.armed		    ? "timers"
	       : t->dirty_head != SLOT_NONE ? "dirty connections"
	       : t->records		    ? "records of what was sent"
	       : t->ledger.strangers	    ? "buffers of strangers"
	       : t->accounts.holders	    ? "accounts that hold something"
	       : t->places->rank.top	    ? "places of strangers and guests"
					    : NULL;
}

void tcp_stop(void)
{
	const char *left = NULL;
	const struct seg *s;
	uint16_t i;

	/* TIME-WAIT ends of itself. */
	world_pass_ms(world.conf.tcp.time_wait_ms + NEIGH_TICK_MS + 1);
	s = seg_next();
	for (i = 0; i < world.dp.n_workers && !left; i++)
		left = left_over(world.dp.worker[i]);
	world_stop();
	if (left)
		fail_msg("at the end there are %s", left);
	assert_null(s);
}

int tcp_setup(void **state)
{
	(void)state;
	tcp_config();
	tcp_start();
	return 0;
}

int tcp_teardown(void **state)
{
	(void)state;
	tcp_stop();
	return 0;
}
