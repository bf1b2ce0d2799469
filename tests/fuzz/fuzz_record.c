/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of the other side: any bytes, cut anywhere, in buffers that may be shared. An input is a
 * suite (one byte), how a record of ours is altered (two bytes where, one byte how; 0: not at all),
 * then a list of cuts: where the next buffer ends (one byte) and what it is like (one byte), and
 * bytes. First comes a record we sealed, altered as it says, which opens if and only if it was not;
 * then the bytes as they are. Nothing that was not sealed comes out, the rows stay sound, all
 * buffers are accounted for.
 */
#include "dp_hostile.h"
#include "../../dp/tcp/conn.h"
#include "../../dp/tls/record.h"
#include "../../lib/cursor.h"

#include <stdlib.h>

enum { CUTS = 8, PLAIN = 600, WIRE_MAX = 1024, MARK = 0xa5 };

static struct aead *aead;
static struct tls_kdf *kdf;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void world_once(void)
{
	if (world.w)
		return;
	world_config();
	world_start();
	aead = aead_create(NULL);
	kdf = tls_kdf_create();
	MUST(aead && kdf);
}

static void keys_make(struct tls_keys *k, const struct tls_suite *s)
{
	static const uint8_t secret[TLS_SECRET_MAX] = { 1, 2, 3 };

	MUST(s->version == TLS_1_3 ? tls_keys_13(kdf, aead, k, s, secret)
				   : tls_keys_12(aead, k, s, secret, secret, 0, 0));
}

/* Cuts as the input says; `shared` gets those that somebody else holds, too. */
static void put(struct mbuf_queue *q, const uint8_t *p, uint32_t n, struct rd cuts,
		struct mbuf_queue *shared)
{
	while (n) {
		uint32_t len = 1u + rd_u8(&cuts), how = rd_u8(&cuts);
		struct rte_mbuf *m = pkt_make(world.w), *c;

		if (cuts.failed)
			len = 1400;
		len = RTE_MIN(len, n);
		MUST(m);
		if (how & 1)
			m->data_off = (uint16_t)(m->buf_len - len);
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), p, len);
		if (how & 2 && (c = rte_pktmbuf_clone(m, world.w->pool))) {
			count(world.w, CNT_MADE);
			queue_put(world.w, shared, how & 4 ? m : c);
			m = how & 4 ? c : m;
		}
		queue_put(world.w, q, m);
		p += len;
		n -= len;
	}
}

static void sound(const struct mbuf_queue *q)
{
	uint32_t bytes = 0, n = 0;
	const struct rte_mbuf *m;

	for (m = q->head; m; m = m->next, n++) {
		MUST(m->data_len && m->pkt_len == m->data_len && m->nb_segs == 1);
		MUST(m->data_off + m->data_len <= m->buf_len && (m->next || m == q->tail));
		bytes += m->data_len;
	}
	MUST(bytes == q->bytes && n == q->n);
}

/* Opens what there is; returns the records that came out. */
static uint32_t open_all(struct tls_keys *k, struct mbuf_queue *from, struct mbuf_queue *to)
{
	uint32_t n = 0;

	while (from->bytes >= TLS_HDR) {
		enum tls_alert alert;
		int32_t len = record_length(from, k->suite->version, true, TLS_PLAIN_MAX, &alert),
			type;

		if (len < 0) {
			MUST(alert != ALERT_NONE);
			break;
		}
		if ((uint32_t)len > from->bytes)
			break;
		type =
		    record_open(world.w, aead, k, (uint32_t)len, TLS_PLAIN_MAX, from, to, &alert);
		sound(from);
		sound(to);
		MUST((type < 0) == (alert != ALERT_NONE));
		if (type <= 0)
			break;
		n++;
	}
	return n;
}

static uint32_t sealed(struct tls_keys *k, uint8_t *wire)
{
	struct mbuf_queue q = { 0 };
	struct rte_mbuf *m = pkt_make(world.w), *s;
	uint32_t n = 0;

	MUST(m);
	memset(rte_pktmbuf_append(m, PLAIN), MARK, PLAIN);
	queue_put(world.w, &q, m);
	m = record_seal(world.w, aead, k, TLS_APPLICATION, &q, PLAIN);
	MUST(m && m->pkt_len <= WIRE_MAX);
	for (s = m; s; s = s->next) {
		memcpy(wire + n, rte_pktmbuf_mtod(s, void *), s->data_len);
		n += s->data_len;
	}
	pkt_consume(world.w, m);
	return n;
}

static void all_mark(const struct mbuf_queue *q)
{
	const struct rte_mbuf *m;
	uint16_t i;

	for (m = q->head; m; m = m->next)
		for (i = 0; i < m->data_len; i++)
			MUST(*rte_pktmbuf_mtod_offset(m, const uint8_t *, i) == MARK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mbuf_queue from = { 0 }, to = { 0 }, shared = { 0 };
	struct rd r = rd_init(data, size), cuts;
	static struct tls_keys out, in;
	const struct tls_suite *s;
	uint8_t wire[WIRE_MAX], how;
	uint32_t where, len, opened;
	size_t n;

	world_once();
	s = tls_suites(&n);
	s += rd_u8(&r) % n;
	where = rd_u16(&r);
	how = rd_u8(&r);
	cuts = rd_init(r.pos, CUTS * 2);
	if (!rd_take(&r, CUTS * 2))
		return 0;
	keys_make(&out, s);
	keys_make(&in, s);
	len = sealed(&out, wire);
	wire[where % len] ^= how;
	put(&from, wire, len, cuts, &shared);
	opened = open_all(&in, &from, &to);
	MUST(opened == (how == 0) && to.bytes == opened * PLAIN);
	all_mark(&to);
	put(&from, r.pos, (uint32_t)RTE_MIN(rd_left(&r), 20000u), cuts, &shared);
	open_all(&in, &from, &to);
	MUST(in.seq == opened); /* nobody guesses a tag */
	all_mark(&to);
	queue_clear(world.w, &from, DROP_NO_MBUF);
	queue_clear(world.w, &to, DROP_NO_MBUF);
	queue_clear(world.w, &shared, DROP_NO_MBUF);
	MUST(world_accounts() && world_missing() == 0);
	return 0;
}
