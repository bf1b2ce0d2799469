/* SPDX-License-Identifier: BSD-3-Clause */
#include "path_twice.h"

#include "../../dp/net/ip.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

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

void batch_run(const struct frame *f, const bool *to_core, struct outcome *o)
{
	uint16_t i, k;

	world_mark();
	world.tx_room = UINT16_MAX; /* it counts down */
	for (i = 0; i < BATCH; i++)
		world_in(to_core[i] ? ACCESS : CORE, 0, &f[i]);
	world_run();
	for (k = 0; k < CNT_MAX; k++)
		o->cnt[k] = world.w->counters->cnt[k] - world.cnt[0][k];
	for (k = 0; k < DROP_MAX; k++)
		o->drop[k] = world.w->counters->drop[k] - world.drop[0][k];
	for (i = 0; i < WORLD_PORTS; i++) {
		o->n[i] = world.n_out[i];
		assert_true(o->n[i] <= 2 * BATCH);
		for (k = 0; k < o->n[i]; k++) {
			o->out[i][k] = *world.out[i][k];
			number_take(&o->out[i][k]);
			transaction_take(&o->out[i][k]);
		}
	}
	assert_true(world_accounts());
	world_forget();
	while (world_evt(0))
		; /* mutants that read as requests */
}

static int frame_cmp(const void *a, const void *b)
{
	const struct frame *x = a, *y = b;

	return x->len != y->len ? x->len - y->len : memcmp(x->b, y->b, x->len);
}

static void frame_same(const struct frame *a, const struct frame *b)
{
	uint16_t i;

	for (i = 0; i < RTE_MIN(a->len, b->len) && a->b[i] == b->b[i]; i++)
		;
	if (i < RTE_MAX(a->len, b->len))
		fail_msg("byte %u of %u is %02x with paths, without %02x of %u (protocol %u)", i,
			 a->len, a->b[i], b->b[i], b->len, b->b[frame_l3(b) + 9]);
}

void outcome_same(struct outcome *a, struct outcome *b, bool ordered)
{
	uint16_t i, k;

	for (k = 0; k < DROP_MAX; k++)
		if (a->drop[k] != b->drop[k])
			fail_msg("drop %u: %u with paths, %u without", k, (unsigned)a->drop[k],
				 (unsigned)b->drop[k]);
	for (k = 0; k < CNT_MAX; k++)
		if (a->cnt[k] != b->cnt[k])
			fail_msg("counter %u: %u with paths, %u without", k, (unsigned)a->cnt[k],
				 (unsigned)b->cnt[k]);
	for (i = 0; i < WORLD_PORTS; i++) {
		assert_int_equal(a->n[i], b->n[i]);
		if (!ordered) {
			qsort(a->out[i], a->n[i], sizeof(a->out[i][0]), frame_cmp);
			qsort(b->out[i], b->n[i], sizeof(b->out[i][0]), frame_cmp);
		}
		for (k = 0; k < a->n[i]; k++)
			frame_same(&a->out[i][k], &b->out[i][k]);
	}
}

void batch_flags(void)
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

uint64_t relayed(void)
{
	return world.w->counters->stage[STAGE_RELAY].items;
}
