/* SPDX-License-Identifier: BSD-3-Clause */
/* Send and Data indications (RFC 8656 11), read and written for every packet of some clients. */
#include "forward.h"

#include <rte_random.h>

/* What a port is XORed with. */
enum { MAGIC_0 = STUN_MAGIC >> 24, MAGIC_1 = STUN_MAGIC >> 16 & 0xff };

/* XOR-PEER-ADDRESS of a message (RFC 8489 14.2); false if it is malformed. */
static bool xor_peer(const uint8_t *msg, const uint8_t *v, uint16_t n, struct sock_addr *a)
{
	int i;

	if (!(n == 8 && v[1] == STUN_FAMILY_IPV4) && !(n == 20 && v[1] == STUN_FAMILY_IPV6))
		return false;
	a->port = (struct be16){ { v[2] ^ MAGIC_0, v[3] ^ MAGIC_1 } };
	if (n == 8) {
		struct be32 v4;

		for (i = 0; i < 4; i++)
			v4.b[i] = v[4 + i] ^ msg[4 + i];
		a->ip = ip_from_v4(v4);
		return true;
	}
	/* The cookie and the transaction ID behind it. */
	for (i = 0; i < 16; i++)
		a->ip.b[i] = v[4 + i] ^ msg[4 + i];
	return !ip_is_v4(&a->ip);
}

/*
 * Not stun_parse(): this runs for every packet of clients that use no channels, and four
 * attributes are all it may hold.
 */
enum drop send_parse(const uint8_t *msg, uint32_t len, struct send_ind *ind)
{
	struct rd r = rd_init(msg, len);

	rd_take(&r, STUN_HDR_LEN);
	while (rd_left(&r) >= STUN_ATTR_HDR_LEN) {
		const uint8_t *at = r.pos;
		uint16_t type = rd_u16(&r), n = rd_u16(&r);
		const uint8_t *v = rd_take(&r, n);

		if (!v || !rd_take(&r, (size_t)(-n & 3)))
			return DROP_STUN_ATTR;
		if (type == STUN_ATTR_DATA && !ind->have_data) {
			ind->data_off = (uint32_t)(v - msg);
			ind->data_len = n;
			ind->have_data = true;
		} else if (type == STUN_ATTR_XOR_PEER_ADDRESS && !ind->have_peer) {
			if (!xor_peer(msg, v, n, &ind->peer))
				return DROP_SEND_BAD;
			ind->have_peer = true;
		} else if (type == STUN_ATTR_DONT_FRAGMENT) {
			ind->dont_fragment = true;
		} else if (type == STUN_ATTR_FINGERPRINT) {
			uint32_t want =
			    stun_crc32(0, msg, (size_t)(at - msg)) ^ STUN_FINGERPRINT_XOR;

			if (n != STUN_FINGERPRINT_LEN || rd_left(&r) ||
			    memcmp(v, be32_make(want).b, 4) != 0)
				return DROP_STUN_FINGERPRINT;
		} else if (type < 0x8000 && type != STUN_ATTR_DATA &&
			   type != STUN_ATTR_XOR_PEER_ADDRESS) {
			return DROP_STUN_UNKNOWN_ATTR;
		}
	}
	if (rd_left(&r))
		return DROP_STUN_ATTR;
	return ind->have_peer && ind->have_data ? DROP_NONE : DROP_SEND_BAD;
}

uint8_t data_prefix(uint8_t *h, const struct sock_addr *peer, uint16_t len, bool fingerprint)
{
	uint8_t addr_len = ip_is_v4(&peer->ip) ? 8 : 20, *a = h + STUN_HDR_LEN;
	uint16_t body = (uint16_t)(STUN_ATTR_HDR_LEN + addr_len + STUN_ATTR_HDR_LEN +
				   RTE_ALIGN_CEIL(len, 4) + (fingerprint ? 8 : 0));
	uint64_t r[2] = { rte_rand(), rte_rand() };
	struct stun_hdr hdr = { .type = be16_make(stun_type(STUN_DATA, STUN_INDICATION)),
				.len = be16_make(body),
				.magic = be32_make(STUN_MAGIC) };
	uint8_t i, v6 = addr_len == 20;

	memcpy(hdr.tid, r, STUN_TID_LEN);
	memcpy(h, &hdr, sizeof(hdr));
	a[0] = 0;
	a[1] = STUN_ATTR_XOR_PEER_ADDRESS;
	a[2] = 0;
	a[3] = addr_len;
	a[4] = 0;
	a[5] = v6 ? STUN_FAMILY_IPV6 : STUN_FAMILY_IPV4;
	a[6] = peer->port.b[0] ^ MAGIC_0;
	a[7] = peer->port.b[1] ^ MAGIC_1;
	for (i = 0; i < addr_len - 4; i++)
		a[8 + i] = peer->ip.b[(v6 ? 0 : 12) + i] ^ h[4 + i];
	a += STUN_ATTR_HDR_LEN + addr_len;
	a[0] = 0;
	a[1] = STUN_ATTR_DATA;
	memcpy(a + 2, be16_make(len).b, 2);
	return (uint8_t)(a + 4 - h);
}
