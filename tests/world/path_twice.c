/* SPDX-License-Identifier: BSD-3-Clause */
#include "path_twice.h"
#include "unit.h"

#include "dp/net/ip.h"
#include "dp/relay/path.h"

#include <netinet/in.h>
#include <stdlib.h>

enum {
	FRAMES = 60000,
	BATCH = 8, /* that come in together */
};

/* Addresses, ports and protocol of what goes out. */
struct out_flow {
	uint8_t addrs[32], ports[4], proto;
};

/* What a batch led to. */
struct outcome {
	uint64_t cnt[CNT_MAX], drop[DROP_MAX];
	uint16_t n[WORLD_PORTS];
	struct out_frame {
		struct out_flow flow;
		uint16_t at; /* its place */
		struct frame f;
	} out[WORLD_PORTS][2 * BATCH];
};

/* ---- frames ---- */

uint32_t any(uint32_t n)
{
	return (uint32_t)random() % n;
}

void payload_make(uint8_t *p, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(any(4) ? random() : 0);
}

uint32_t kind_any(uint32_t pair, uint32_t kinds)
{
	uint32_t kind = any(2) ? any(4) : any(kinds);

	return (pair < PAIRS ? pair : any(PAIRS)) * kinds + kind;
}

struct frame_opt frame_opt_any(uint16_t port)
{
	static const uint8_t ttl[] = { 1, 2, 64, 64, 64, 64, 255 };

	return (struct frame_opt){ .tos = (uint8_t)(any(2) ? random() : 0),
				   .ttl = ttl[any(RTE_DIM(ttl))],
				   .df = any(2),
				   .vlan = world.conf.port[port].vlan,
				   .csum = any(8)   ? CSUM_GOOD
					   : any(2) ? CSUM_BAD
						    : CSUM_NONE };
}

void frame_pad(struct frame *f)
{
	while (f->len < 60)
		f->b[f->len++] = (uint8_t)any(2);
}

void frame_shorten(struct frame *f)
{
	uint32_t l3 = frame_l3(f), v6 = f->b[l3] >> 4 == 6, len = any(2) ? any(16) : UDP_HDR - 1;

	if (any(2)) {
		f->len = (uint16_t)(f->len - any(4));
		return;
	}
	memcpy(f->b + l3 + (v6 ? 4 : 2), be16_make((uint16_t)(v6 ? len : len + IPV4_HDR)).b, 2);
	memcpy(f->b + frame_l4(f) + 4, be16_make((uint16_t)len).b, 2);
	if (!v6)
		frame_ip_csum(f);
}

void frame_alter(struct frame *f)
{
	/*
	 * Other sources might be answered by way of neighbours nobody knows yet, once. The last is
	 * our form of IPv4, which is no address of IPv6.
	 */
	static const char *const source[2][6] = {
		{ "0.0.0.0", "127.0.0.1", "10.1.0.1", "10.2.0.1", "255.255.255.255", "224.0.0.1" },
		{ "::", "::1", "fd00:1::1", "fd00:2::1", "ff02::1", "10.1.0.2" },
	};
	uint32_t l3 = frame_l3(f), v6 = f->b[l3] >> 4 == 6, n = any(3);
	uint32_t src = l3 + (v6 ? 8 : 12), len = v6 ? 16 : 4;

	while (n--) {
		uint32_t i = any(3) ? l3 + any(v6 ? 48 : 28) : any(RTE_MIN(80u, (uint32_t)f->len));

		if (i < src || i >= src + len)
			f->b[i] ^= (uint8_t)(1 << any(8));
	}
	if (any(8) == 0)
		memcpy(f->b + src, at(source[v6][any(RTE_DIM(source[0]))], 0).ip.b + 16 - len, len);
	if (v6) {
		/* Our address in our form of IPv4. */
		if (any(16) == 0)
			memcpy(f->b + l3 + 24, at(any(2) ? "10.1.0.1" : "10.2.0.1", 0).ip.b, 16);
		return;
	}
	/* Fragments are put together, and what comes twice is not the same there. */
	f->b[l3 + 6] &= 0xc0;
	f->b[l3 + 6] ^= any(8) ? 0 : 0x80;
	f->b[l3 + 7] = 0;
	if (any(2))
		frame_ip_csum(f);
}

/*
 * A Data indication's transaction, and what is computed over it, are random: so is an IPv6 peer's
 * address in it (RFC 8489 14.2).
 */
static void transaction_take(struct frame *f)
{
	const uint8_t *ip = f->b + frame_l3(f);
	uint8_t *udp = f->b + frame_l4(f), *msg = udp + UDP_HDR, *attr = msg + STUN_HDR_LEN;
	uint32_t i;

	if (ip[ip[0] >> 4 == 4 ? 9 : 6] != IP_PROTO_UDP ||
	    f->len < frame_l4(f) + UDP_HDR + STUN_HDR_LEN || !stun_looks_like(msg) ||
	    attr[1] != STUN_ATTR_XOR_PEER_ADDRESS)
		return;
	for (i = 0; attr[5] == STUN_FAMILY_IPV6 && i < STUN_TID_LEN; i++)
		attr[12 + i] ^= msg[8 + i];
	memset(udp + 6, 0, 2);
	memset(msg + 8, 0, STUN_TID_LEN);
	memset(f->b + f->len - 4, 0, 4);
}

/* Takes out the identification, which goes by order, once the header's checksum was found right. */
static void number_take(struct frame *f)
{
	uint8_t *h = f->b + frame_l3(f), csum[2];

	if (h[0] >> 4 != 4) {
		if (h[6] == IPPROTO_FRAGMENT)
			memset(h + IPV6_HDR + 4, 0, 4);
		return;
	}
	memcpy(csum, h + 10, 2);
	frame_ip_csum(f);
	assert_memory_equal(csum, h + 10, 2);
	memset(h + 4, 0, 2);
	frame_ip_csum(f);
}

/* A fragment without ports follows those that have them. */
static struct out_flow flow_of(const struct frame *f, const struct out_flow *before)
{
	const uint8_t *h = f->b + frame_l3(f), *l4 = f->b + frame_l4(f);
	const bool v6 = h[0] >> 4 == 6;
	struct out_flow w = { .proto = h[v6 ? 6 : 9] };
	uint32_t offset = v6 ? 0 : (h[6] << 8 | h[7]) & 0x1fff;

	memcpy(w.addrs, h + (v6 ? 8 : 12), v6 ? 32 : 8);
	if (v6 && w.proto == IPPROTO_FRAGMENT) {
		w.proto = l4[0];
		offset = (uint32_t)(l4[2] << 8 | l4[3]) >> 3;
		l4 += 8;
	}
	if (offset)
		return *before;
	if (w.proto == IP_PROTO_UDP)
		memcpy(w.ports, l4, sizeof(w.ports));
	return w;
}

/* ---- batches ---- */

/* Now and then frames come in pieces, or with a word of the port's about their checksums. */
static void batch_flags(void)
{
	static const uint64_t flags[] = {
		RTE_MBUF_F_RX_L4_CKSUM_BAD,
		RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD,
		RTE_MBUF_F_RX_L4_CKSUM_NONE,
		RTE_MBUF_F_RX_IP_CKSUM_BAD,
		RTE_MBUF_F_RX_IP_CKSUM_NONE,
	};

	world.rx_flags = any(8) ? 0 : flags[any(RTE_DIM(flags))];
	world.seg_first = any(16) ? 0 : (uint16_t)(any(2) ? 330 : 100);
	world.seg_rest = 500;
}

static void out_read(struct out_frame *o, uint16_t port)
{
	uint16_t k;

	for (k = 0; k < world.n_out[port]; k++, o++) {
		o->f = *world.out[port][k];
		o->flow = flow_of(&o->f, k ? &o[-1].flow : NULL);
		o->at = k;
		number_take(&o->f);
		transaction_take(&o->f);
	}
}

/* What all sessions relayed one way, by what they tell: packets, and bytes. */
static void use_sum(enum ctl_way way, uint64_t sum[2])
{
	sum[0] = sum[1] = 0;
	for (uint32_t i = 0; i < world.conf.dataplane.sessions; i++) {
		const struct ctl_use *u = &world.w->boundary.use[i];

		path_tell(world.w, &world.w->path[i]);
		sum[0] += u->packets[way] >> CTL_USE_SECOND;
		sum[1] += u->bytes[way] >> CTL_USE_GEN;
	}
}

static void use_right(uint64_t before[CTL_WAYS][2], const struct outcome *o)
{
	static const enum counter packets[] = { CNT_RELAY_TO_PEER, CNT_RELAY_TO_CLIENT };
	static const enum counter bytes[] = { CNT_RELAY_TO_PEER_BYTES, CNT_RELAY_TO_CLIENT_BYTES };
	uint64_t now[2];

	for (int way = 0; way < CTL_WAYS; way++) {
		use_sum(way, now);
		assert_int_equal(now[0] - before[way][0], o->cnt[packets[way]]);
		assert_int_equal(now[1] - before[way][1], o->cnt[bytes[way]]);
	}
}

static void batch_run(const struct twice *t, bool allowed, const struct frame *f,
		      const bool *to_core, struct outcome *o)
{
	uint64_t use[CTL_WAYS][2];
	uint16_t i, k;

	t->before(allowed);
	for (i = 0; i < CTL_WAYS; i++)
		use_sum(i, use[i]);
	world_mark();
	world.tx_room = UINT16_MAX; /* it counts down */
	for (i = 0; i < BATCH; i++)
		world_in(to_core[i] ? ACCESS : CORE, 0, &f[i]);
	world_run();
	for (k = 0; k < CNT_MAX; k++)
		o->cnt[k] = world.w->counters->cnt[k] - world.cnt[0][k];
	use_right(use, o);
	for (k = 0; k < DROP_MAX; k++)
		o->drop[k] = world.w->counters->drop[k] - world.drop[0][k];
	for (i = 0; i < WORLD_PORTS; i++) {
		o->n[i] = world.n_out[i];
		assert_true(o->n[i] <= 2 * BATCH);
		out_read(o->out[i], i);
	}
	assert_true(world_accounts());
	world_forget();
	while (world_evt(0))
		; /* mutants that read as requests */
	if (t->after)
		t->after(allowed);
}

static int flow_cmp(const void *a, const void *b)
{
	const struct out_frame *x = a, *y = b;
	int d = memcmp(&x->flow, &y->flow, sizeof(x->flow));

	return d ? d : x->at - y->at;
}

static void frame_same(const struct frame *a, const struct frame *b)
{
	uint16_t i;

	for (i = 0; i < RTE_MIN(a->len, b->len) && a->b[i] == b->b[i]; i++)
		;
	if (i < RTE_MAX(a->len, b->len))
		fail_msg("byte %u of %u is %02x by the short way, else %02x of %u (protocol %u)", i,
			 a->len, a->b[i], b->b[i], b->len, b->b[frame_l3(b) + 9]);
}

/* Each flow stands in its order. */
static void outcome_same(struct outcome *a, struct outcome *b)
{
	uint16_t i, k;

	for (k = 0; k < DROP_MAX; k++)
		if (a->drop[k] != b->drop[k])
			fail_msg("drop %u: %u by the short way, else %u", k, (unsigned)a->drop[k],
				 (unsigned)b->drop[k]);
	for (k = 0; k < CNT_MAX; k++)
		if (a->cnt[k] != b->cnt[k])
			fail_msg("counter %u: %u by the short way, else %u", k, (unsigned)a->cnt[k],
				 (unsigned)b->cnt[k]);
	for (i = 0; i < WORLD_PORTS; i++) {
		assert_int_equal(a->n[i], b->n[i]);
		qsort(a->out[i], a->n[i], sizeof(a->out[i][0]), flow_cmp);
		qsort(b->out[i], b->n[i], sizeof(b->out[i][0]), flow_cmp);
		for (k = 0; k < a->n[i]; k++)
			frame_same(&a->out[i][k].f, &b->out[i][k].f);
	}
}

uint64_t relayed(void)
{
	return world.w->counters->stage[STAGE_RELAY].items;
}

void twice_start(uint16_t vlan_access, uint16_t vlan_core)
{
	world.conf.port[ACCESS].vlan = vlan_access;
	world.conf.port[CORE].vlan = vlan_core;
	world.conf.port[CORE].mtu = world.conf.port[ACCESS].mtu = MTU;
	world.conf.dataplane.icmp_rate = 0; /* without limit, which is the same twice */
	world_start();
	world_neighbours();
}

void twice_any(const struct twice *t)
{
	static struct frame f[BATCH];
	static struct outcome with, without;
	uint64_t by_path[PAIRS + 1] = { 0 };
	bool to_core[BATCH];
	uint32_t i, k, pair;

	srandom(world.conf.port[CORE].vlan + 1);
	for (i = 0; i < FRAMES / BATCH; i++) {
		pair = i % (PAIRS + 1);
		for (k = 0; k < BATCH; k++) {
			to_core[k] = any(2);
			t->frame(&f[k], pair, to_core[k]);
		}
		batch_flags();
		by_path[pair] -= relayed();
		batch_run(t, true, f, to_core, &with);
		by_path[pair] += relayed();
		batch_run(t, false, f, to_core, &without);
		outcome_same(&with, &without);
	}
	/* Or this showed nothing. */
	for (pair = 0; pair <= PAIRS; pair++)
		assert_true(by_path[pair] > FRAMES / (PAIRS + 1) / 20);
}

/* ---- checksums ---- */

/* One packet, of which the first word can be chosen. */
struct one {
	const struct twice *t;
	uint32_t pair;
	bool to_core;
	enum frame_csum csum;
	struct be16 word;
};

static void one_make(struct frame *f, const struct one *one)
{
	const struct frame_opt o = { .csum = one->csum,
				     .vlan = world.conf.port[one->to_core ? ACCESS : CORE].vlan };
	uint8_t payload[24] = { 0x80, 0, 1, 2, 3, 4 };

	memcpy(payload + 8, one->word.b, 2);
	one->t->plain(f, one->pair, one->to_core, payload, sizeof(payload), &o);
}

/* As it came in. */
static struct be16 csum_in(const struct one *one)
{
	static struct frame f;
	struct be16 csum;

	one_make(&f, one);
	memcpy(csum.b, f.b + frame_l4(&f) + 6, 2);
	return csum;
}

/* As it went out, the same by either way; shortly: it could take the short one. */
static struct be16 csum_out(const struct one *one, bool shortly)
{
	static struct frame f;
	struct be16 csum[2];
	struct udp_view v;
	uint32_t allowed;

	one_make(&f, one);
	for (allowed = 0; allowed < 2; allowed++) {
		const uint64_t before = relayed();

		one->t->before(allowed);
		world_feed(one->to_core ? ACCESS : CORE, &f);
		expect_udp(one->to_core ? CORE : ACCESS, &v);
		assert_int_equal(relayed() - before, allowed && shortly);
		assert_true(v.csum_ok || v.csum_zero);
		memcpy(csum[allowed].b, v.payload - 2, 2);
		world_forget();
		if (one->t->after)
			one->t->after(allowed);
	}
	assert_memory_equal(&csum[0], &csum[1], 2);
	return csum[0];
}

/* The word for which a checksum is 0 is what it is without the word. */
static void one_zero(struct one one)
{
	const bool in6 = one.pair & (one.to_core ? 1 : 2), out6 = one.pair & (one.to_core ? 2 : 1);

	one.word = csum_out(&one, true);
	assert_int_equal(be16_get(csum_out(&one, true)), 0xffff);
	if (!in6) {
		one.csum = CSUM_NONE;
		assert_int_equal(be16_get(csum_out(&one, !out6)), out6 ? 0xffff : 0);
		one.csum = CSUM_GOOD;
	}
	/* The same of what comes in. */
	one.word = be16_make(0);
	one.word = csum_in(&one);
	assert_int_equal(be16_get(csum_in(&one)), 0xffff);
	assert_int_not_equal(be16_get(csum_out(&one, true)), 0);
}

void twice_zero(const struct twice *t)
{
	uint32_t pair;

	for (pair = 0; pair < PAIRS; pair++) {
		one_zero((struct one){ .t = t, .pair = pair, .to_core = true });
		one_zero((struct one){ .t = t, .pair = pair });
	}
}
