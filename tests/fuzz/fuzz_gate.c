/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client says behind a TLS port before anybody knows whose it is (dp/demux.c), and
 * what it and a back end say to each other where we answer pings (dp/service/sip_keepalive.c); any bytes,
 * cut into any segments. An input is a byte of what is served (enum served), then records: what
 * happens (one byte, see step()), length (one byte), bytes. Bytes reach the other side as they
 * are, but for pings and pongs; all packets are accounted for, and nothing is left at the end.
 */
#include "tests/world/gate_world.h"
#include "../../dp/service/backend.h"
#include "../../dp/demux.h"
#include "../../dp/tls/tls.h"
#include "dp_hostile.h"

#include <stdlib.h>

enum { RECORDS_MAX = 64, SAID_MAX = 1 << 16, PONG = 2, CUT_MAX = 8 };
enum served {
	SERVED_CRLF = 1 << 0,  /* pings are answered */
	SERVED_CHOSEN = 1 << 1 /* the handshake says who it is for: the demultiplexer does not look */
};
enum step {
	STEP_BACKEND = 1 << 0, /* its bytes, not the client's */
	STEP_FIN = 1 << 1,
	STEP_RST = 1 << 2,
	STEP_LATER = 1 << 3, /* a good second passes */
	STEP_CUT = 1 << 4,   /* the first bytes a segment each */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tls_info handshake;
static uint8_t said[WORLD_PORTS][SAID_MAX]; /* by each side */
static uint32_t n_said[WORLD_PORTS];
static uint16_t port = 5000;
static uint64_t now_ms;

/* The linker puts it in tls_info()'s place. */
const struct tls_info *__wrap_tls_info(const struct tcp_conn *c);
const struct tls_info *__wrap_tls_info(const struct tcp_conn *c)
{
	(void)c;
	return &handshake;
}

static const struct tcp_app *accept_door(struct worker *w, struct tcp_request *r)
{
	(void)w;
	demux_init(r->data, 0);
	return &demux_app;
}

static void got(struct host *h, const uint8_t *p, uint32_t n)
{
	MUST(h->received + n <= GATE_ALL);
	memcpy(gate_all[h->port] + h->received, p, n);
}

static void world_once(void)
{
	if (world.w)
		return;
	gate_config();
	world.conf.listener[0].domain_index = 1;
	world.conf.service[0].sip = true;
	gate_start(accept_door);
}

static void say(struct host *h, const uint8_t *p, size_t len, bool cut)
{
	size_t n, k;

	if (h->fin || h->rst || !h->open)
		return;
	MUST(n_said[h->port] + len <= SAID_MAX);
	memcpy(said[h->port] + n_said[h->port], p, len);
	n_said[h->port] += (uint32_t)len;
	for (n = 0; n < len && !h->rst; n += k) {
		k = cut && n < CUT_MAX ? 1 : len - n;
		host_say(h, p + n, (uint16_t)k);
	}
}

static void step(uint8_t what, const uint8_t *p, size_t len)
{
	struct host *h = what & STEP_BACKEND ? gate_backend : gate_client;

	if (len)
		say(h, p, len, what & STEP_CUT);
	if (what & STEP_LATER) {
		now_ms += 1100;
		world_clock_ms(now_ms);
		world_neighbours();
	}
	if (what & STEP_FIN && h->open)
		h->fin = true;
	if (what & STEP_RST && h->open && !h->rst)
		host_rst(h);
	hosts_run();
}

/* ---- what must hold ---- */

/* Without CR and LF. */
static uint32_t text_of(const uint8_t *p, uint32_t n, uint8_t *to)
{
	uint32_t i, k = 0;

	for (i = 0; i < n; i++)
		if (p[i] != '\r' && p[i] != '\n')
			to[k++] = p[i];
	return k;
}

/* What arrived at `to` is the beginning of what `from` said; but for line ends, if we may ping. */
static void passed(uint16_t from, const struct host *to, bool pings)
{
	static uint8_t a[SAID_MAX], b[GATE_ALL];
	const uint8_t *in = gate_all[to->port];
	uint32_t n, k;

	if (!pings) {
		MUST(to->received <= n_said[from] && !memcmp(said[from], in, to->received));
		return;
	}
	n = text_of(said[from], n_said[from], a);
	k = text_of(in, (uint32_t)to->received, b);
	MUST(k <= n && !memcmp(a, b, k));
}

/* answered: how many pings were. */
static void judge(bool pings, uint64_t answered)
{
	if (!gate_backend->open)
		return; /* the relay's, or nobody's */
	passed(ACCESS, gate_backend, pings);
	passed(CORE, gate_client, pings);
	MUST(pings || !answered);
	MUST(gate_backend->received <= n_said[ACCESS]);
	MUST(gate_client->received <= n_said[CORE] + answered * PONG);
}

static void hosts_new(void)
{
	struct sock_addr us = at("10.1.0.1", 443), any = at("10.2.0.1", 0);
	struct sock_addr them = at("10.1.0.2", port), far = at("10.2.0.2", 5060);

	port = port < 60000 ? port + 1 : 5000;
	hosts_reset();
	gate_client = host_new(ACCESS, &them, &us, 0, 0);
	gate_backend = host_new(CORE, &far, &any, 0, 0);
	gate_client->got = gate_backend->got = got;
	n_said[ACCESS] = n_said[CORE] = 0;
}

static void finish(void)
{
	int i;

	if (gate_client->open && !gate_client->rst)
		host_rst(gate_client);
	if (gate_backend->open && !gate_backend->rst)
		host_rst(gate_backend);
	for (i = 0; i < 40 && world.w->tcp->conns; i++) {
		now_ms += 2000;
		world_clock_ms(now_ms);
		world_neighbours();
		hosts_run();
	}
	MUST(world.w->tcp->conns == 0 && tcp_held(world.w) == 0 && world_accounts());
	hostile_drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	uint64_t before;
	uint8_t served;
	int i;

	world_once();
	served = rd_u8(&r);
	handshake = (struct tls_info){ .service = served & SERVED_CHOSEN ? 0 : SERVICE_NONE };
	world.conf.service[0].crlf = served & SERVED_CRLF ? CRLF_ANSWER : CRLF_PASS;
	now_ms = RTE_MAX(now_ms, WORLD_START_S * 1000ull);
	world_clock_ms(now_ms);
	world_neighbours();
	hosts_new();
	before = world_count(0, CNT_TLS_CRLF);
	host_connect(gate_client);
	for (i = 0; i < RECORDS_MAX && rd_left(&r) >= 2; i++) {
		uint8_t what = rd_u8(&r);
		size_t len = rd_u8(&r);

		len = RTE_MIN(len, rd_left(&r));
		step(what, rd_take(&r, len), len);
	}
	judge(served & SERVED_CRLF, world_count(0, CNT_TLS_CRLF) - before);
	finish();
	return 0;
}
