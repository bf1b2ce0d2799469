/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client that has finished its handshake may send: records of any type with any bytes, well
 * sealed, altered, or not sealed at all, cut into any segments, on the real stack. The handshake is
 * left out: the layer is given keys that the input's records are sealed with. An input is a list
 * of records: what happens (one byte, see step()), length (one byte), bytes. Whatever comes in,
 * every packet is accounted for and nothing is left when the connection is over.
 */
#include "tests/world/tcp_host.h"

#include "../../dp/tls/layer.h"
#include "dp_hostile.h"

#include <sanitizer/lsan_interface.h>

enum { RECORDS_MAX = 128, TLS_PORT = 5349 };

/* A record's control byte: content type in the low two bits, from TLS_CHANGE_CIPHER_SPEC on. */
enum {
	STEP_RAW = 1 << 2,    /* as it is, not sealed */
	STEP_SPOILT = 1 << 3, /* one bit is wrong */
	STEP_CUT = 1 << 4,    /* in two segments */
	STEP_SAY = 1 << 5,    /* the owner says as many bytes */
	STEP_FIN = 1 << 6,
	STEP_SECOND = 1 << 7, /* a second passes */
};

static const uint8_t secret[2][TLS_SECRET_MAX] = { "from the client", "from us" };
static struct tls_keys keys;  /* of the client */
static struct tcp_conn *conn; /* NULL when it has ended */
static struct tcp_layer_ops layer;
static struct host *h;
static uint16_t port = 6000;
static uint64_t now_ms;
static bool v13;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the owner: takes what comes ---- */

static void owner_established(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	conn = c;
}

static void owner_readable(struct worker *w, struct tcp_conn *c)
{
	tcp_recv_skip(w, c, tcp_readable(c));
	if (tcp_recv_fin(c))
		tcp_close(w, c, TCP_END_DONE);
}

static void owner_writable(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	(void)c;
}

static void owner_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	(void)why;
	conn = NULL;
}

static const struct tcp_app owner_app = {
	.name = "owner",
	.role = CONN_OTHER,
	.established = owner_established,
	.readable = owner_readable,
	.writable = owner_writable,
	.closed = owner_closed,
};

/* ---- an open connection ---- */

static bool keys_make(struct tls_keys *k, int from)
{
	const struct tls_suite *suite = tls_suite(v13 ? 0x1301 : 0xc02b);

	if (v13)
		return tls_keys_13(world.w->tls->kdf, world.w->tls->aead, k, suite, secret[from]);
	return tls_keys_12(world.w->tls->aead, k, suite, secret[from], secret[from] + 32, 1, 1);
}

static void opened(struct worker *w, struct tcp_conn *c, uint16_t arg)
{
	struct tls *t;

	tls_server_layer.opened(w, c, arg);
	t = tls_of(c);
	MUST(keys_make(&t->rd, 0) && keys_make(&t->wr, 1) && keys_make(&keys, 0));
	t->plain_max_in = t->plain_max_out = TLS_PLAIN_MAX;
	t->info.version = v13 ? TLS_1_3 : TLS_1_2;
	t->state = TLS_OPEN;
	tcp_layer_timer(w, c, 0);
	tcp_layer_ready(w, c);
}

static const struct tcp_app *accept_all(struct worker *w, struct tcp_request *r)
{
	(void)w;
	r->layer = &layer;
	return &owner_app;
}

static void world_once(void)
{
	if (world.w)
		return;
	__lsan_disable(); /* ciphers hang from memory that no leak checker looks at */
	world_config();
	world.conf.listener[0].addr.port = be16_make(TLS_PORT);
	world.conf.listener[0].transport = TRANSPORT_TLS;
	world.conf.tls = (struct config_tls){ .connections = 16, .key_updates = 4 };
	world_start();
	layer = tls_server_layer;
	layer.opened = opened;
	tcp_listen(world.w, accept_all);
	__lsan_enable();
}

/* ---- records ---- */

static void say(const uint8_t *p, size_t n)
{
	size_t k;

	for (; n; n -= k, p += k) {
		k = RTE_MIN(n, (size_t)HOST_MSS);
		host_say(h, p, (uint16_t)k);
	}
}

static void record(uint8_t how, const uint8_t *bytes, size_t len)
{
	uint8_t wire[512], type = (uint8_t)(TLS_CHANGE_CIPHER_SPEC + (how & 3));
	size_t n = TLS_HDR + len;
	struct rte_mbuf *m;

	if (how & STEP_RAW) {
		memcpy(wire, bytes, len);
		n = len;
	} else {
		/* 64 bytes is what a small record takes */
		m = record_seal_bytes(world.w, world.w->tls->aead, &keys, type, bytes,
				      RTE_MIN((uint32_t)len, 64u));
		MUST(m);
		n = rte_pktmbuf_pkt_len(m);
		memcpy(wire, rte_pktmbuf_mtod(m, const void *), n);
		pkt_consume(world.w, m);
		/* What the client's keys do behind a KeyUpdate of its own. */
		if (v13 && type == TLS_HANDSHAKE && len == 5 && bytes[0] == 24)
			MUST(tls_keys_update(world.w->tls->kdf, world.w->tls->aead, &keys));
	}
	if (how & STEP_SPOILT && n)
		wire[n / 2] ^= 1;
	if (how & STEP_CUT) {
		say(wire, n / 3);
		say(wire + n / 3, n - n / 3);
	} else {
		say(wire, n);
	}
}

/* A key that is new has eight records left before it is to be exchanged. */
static void key_age(struct tls_keys *k)
{
	const uint64_t used = TLS_REKEY_RECORDS - 8;

	if (k->records < used)
		k->records += used;
}

static void step(uint8_t how, const uint8_t *bytes, size_t len)
{
	if (conn) {
		key_age(&tls_of(conn)->rd);
		key_age(&tls_of(conn)->wr);
	}
	if (how & STEP_SECOND) {
		now_ms += 1000;
		world_clock_ms(now_ms);
		world_neighbours();
	}
	if (how & STEP_SAY && conn)
		tcp_send_bytes(world.w, conn, bytes, (uint32_t)len);
	if (!h->fin)
		record(how, bytes, len);
	if (how & STEP_FIN)
		host_fin(h);
	hosts_run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	struct sock_addr us = at("10.1.0.1", TLS_PORT), them;
	int i;

	world_once();
	v13 = rd_u8(&r) & 1;
	now_ms = WORLD_START_S * 1000ull;
	world_clock_ms(now_ms);
	world_neighbours();
	hosts_reset();
	them = at("10.1.0.2", port++);
	h = host_client(&them, &us);
	if (!h->open)
		return 0; /* TIME-WAIT of an earlier one */
	for (i = 0; i < RECORDS_MAX && rd_left(&r) >= 2 && conn && !h->rst; i++) {
		uint8_t how = rd_u8(&r);
		size_t len = rd_u8(&r);

		len = RTE_MIN(len, rd_left(&r));
		step(how, rd_take(&r, len), len);
	}
	if (!h->rst)
		host_rst(h);
	hosts_run();
	MUST(world.w->tls->conns == 0 && rte_mempool_in_use_count(world.w->tls->pool) == 0);
	MUST(tcp_held(world.w) == 0 && world_accounts());
	hostile_drain();
	return 0;
}
