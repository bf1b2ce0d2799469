/* SPDX-License-Identifier: BSD-3-Clause */
#include "stun.h"

#include <zlib.h>

#define MEMBER(name) offsetof(struct stun_msg, name)

/*
 * Where each attribute that may come once is kept. 0: unknown to us (no value lies at offset 0),
 * or treated apart. XOR-PEER-ADDRESS is a list, XOR-RELAYED-ADDRESS may come twice.
 */
static const uint16_t required_at[] = {
	[STUN_ATTR_MAPPED_ADDRESS] = MEMBER(mapped),
	[STUN_ATTR_USERNAME] = MEMBER(username),
	[STUN_ATTR_MESSAGE_INTEGRITY] = MEMBER(integrity),
	[STUN_ATTR_ERROR_CODE] = MEMBER(error_code),
	[STUN_ATTR_UNKNOWN_ATTRIBUTES] = MEMBER(unknown_attributes),
	[STUN_ATTR_CHANNEL_NUMBER] = MEMBER(channel_number),
	[STUN_ATTR_LIFETIME] = MEMBER(lifetime),
	[STUN_ATTR_DATA] = MEMBER(data),
	[STUN_ATTR_REALM] = MEMBER(realm),
	[STUN_ATTR_NONCE] = MEMBER(nonce),
	[STUN_ATTR_REQUESTED_ADDRESS_FAMILY] = MEMBER(requested_family),
	[STUN_ATTR_EVEN_PORT] = MEMBER(even_port),
	[STUN_ATTR_REQUESTED_TRANSPORT] = MEMBER(requested_transport),
	[STUN_ATTR_DONT_FRAGMENT] = MEMBER(dont_fragment),
	[STUN_ATTR_MESSAGE_INTEGRITY_SHA256] = MEMBER(integrity256),
	[STUN_ATTR_PASSWORD_ALGORITHM] = MEMBER(password_algorithm),
	[STUN_ATTR_USERHASH] = MEMBER(userhash),
	[STUN_ATTR_XOR_MAPPED_ADDRESS] = MEMBER(xor_mapped),
	[STUN_ATTR_RESERVATION_TOKEN] = MEMBER(reservation_token),
	[STUN_ATTR_CONNECTION_ID] = MEMBER(connection_id),
};

/* Index: type less 0x8000. */
static const uint16_t optional_at[] = {
	[STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY - 0x8000] = MEMBER(additional_family),
	[STUN_ATTR_ADDRESS_ERROR_CODE - 0x8000] = MEMBER(address_error_code),
	[STUN_ATTR_PASSWORD_ALGORITHMS - 0x8000] = MEMBER(password_algorithms),
	[STUN_ATTR_ICMP - 0x8000] = MEMBER(icmp),
	[STUN_ATTR_SOFTWARE - 0x8000] = MEMBER(software),
	[STUN_ATTR_ALTERNATE_SERVER - 0x8000] = MEMBER(alternate_server),
	[STUN_ATTR_ICE_CONTROLLED - 0x8000] = MEMBER(ice_controlled),
	[STUN_ATTR_MOBILITY_TICKET - 0x8000] = MEMBER(mobility_ticket),
	[STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY_DRAFT - 0x8000] = MEMBER(additional_family),
};

static struct stun_val *msg_value(struct stun_msg *m, uint16_t type)
{
	size_t at = 0;

	if (type < sizeof(required_at) / sizeof(required_at[0]))
		at = required_at[type];
	else if (type >= 0x8000 && type - 0x8000u < sizeof(optional_at) / sizeof(optional_at[0]))
		at = optional_at[type - 0x8000];
	return at ? (struct stun_val *)((uint8_t *)m + at) : NULL;
}

/* Lists a comprehension-required type once, as long as there is room (RFC 8489 6.3.1). */
static void msg_unknown(struct stun_msg *m, uint16_t type)
{
	for (uint16_t i = 0; i < m->n_unknown; i++)
		if (m->unknown[i] == type)
			return;
	if (m->n_unknown < STUN_UNKNOWN_MAX)
		m->unknown[m->n_unknown++] = type;
}

/* Attributes behind an integrity attribute are not protected by it (RFC 8489 14.5, 14.6). */
static bool msg_ignores(const struct stun_msg *m, uint16_t type)
{
	if (m->integrity256.val)
		return true;
	return m->integrity.val && type != STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
}

static void msg_attr(struct stun_msg *m, uint16_t type, struct stun_val v)
{
	struct stun_val *at;

	if (msg_ignores(m, type))
		return;
	if (type == STUN_ATTR_XOR_PEER_ADDRESS) {
		if (m->n_xor_peer < STUN_PEERS_MAX)
			m->xor_peer[m->n_xor_peer++] = v;
		else
			m->too_many_peers = true;
		return;
	}
	if (type == STUN_ATTR_XOR_RELAYED_ADDRESS) {
		if (m->n_relayed == 0)
			m->xor_relayed = v;
		else if (m->n_relayed == 1)
			m->xor_relayed2 = v;
		m->n_relayed++;
		return;
	}
	at = msg_value(m, type);
	if (at && !at->val)
		*at = v;
	else if (!at && type < 0x8000)
		msg_unknown(m, type);
}

/* FINGERPRINT: the last attribute, over everything before it (RFC 8489 14.7). */
static bool msg_fingerprint(struct stun_msg *m, struct stun_val v)
{
	size_t before = (size_t)(v.val - m->base) - STUN_ATTR_HDR_LEN;
	struct rd r = rd_init(v.val, v.len);

	if (v.len != STUN_FINGERPRINT_LEN || v.val + v.len != m->base + m->len)
		return false;
	m->fingerprint = v;
	return rd_u32(&r) == (stun_crc32(0, m->base, before) ^ STUN_FINGERPRINT_XOR);
}

/* Clears *m but for the large arrays, whose counts say what is in them. */
static void msg_init(struct stun_msg *m)
{
	memset(m, 0, MEMBER(xor_peer));
	m->n_xor_peer = 0;
	m->too_many_peers = false;
	m->n_relayed = 0;
	m->xor_relayed2 = (struct stun_val){ 0 };
	m->n_unknown = 0;
}

static enum stun_err msg_header(struct stun_msg *m, const uint8_t *p, size_t len)
{
	struct stun_hdr h;
	size_t total;

	if (len < STUN_HDR_LEN)
		return STUN_ERR_SHORT;
	memcpy(&h, p, sizeof(h));
	if ((h.type.b[0] & 0xc0) != 0 || be32_get(h.magic) != STUN_MAGIC)
		return STUN_ERR_COOKIE;
	total = STUN_HDR_LEN + (size_t)be16_get(h.len);
	if (total % 4 != 0 || total > UINT16_MAX)
		return STUN_ERR_LENGTH;
	if (total != len)
		return total > len ? STUN_ERR_SHORT : STUN_ERR_TRAILING;
	m->base = p;
	m->len = (uint16_t)total;
	m->method = stun_type_method(be16_get(h.type));
	m->cls = stun_type_class(be16_get(h.type));
	m->tid = p + offsetof(struct stun_hdr, tid);
	return STUN_OK;
}

enum stun_err stun_parse(struct stun_msg *m, const void *p, size_t len)
{
	enum stun_err err;
	struct rd r;

	msg_init(m);
	err = msg_header(m, p, len);
	if (err)
		return err;
	r = rd_init(m->base + STUN_HDR_LEN, m->len - STUN_HDR_LEN);
	while (rd_left(&r) > 0) {
		uint16_t type = rd_u16(&r);
		struct stun_val v = { .len = rd_u16(&r) };

		v.val = rd_take(&r, v.len);
		rd_take(&r, -(size_t)v.len & 3); /* padding, of any value */
		if (r.failed)
			return STUN_ERR_ATTR;
		if (type != STUN_ATTR_FINGERPRINT)
			msg_attr(m, type, v);
		else if (!msg_fingerprint(m, v))
			return STUN_ERR_FINGERPRINT;
	}
	return STUN_OK;
}

/* ---- values ---- */

int stun_get_xor_addr(const struct stun_msg *m, const struct stun_val *v, struct sock_addr *out)
{
	const struct be32 magic = be32_make(STUN_MAGIC);
	uint8_t family;

	if (!v->val || v->len < 4)
		return 0;
	family = v->val[1]; /* the first byte is reserved and ignored (RFC 8489 14.1) */
	for (int i = 0; i < 2; i++)
		out->port.b[i] = v->val[2 + i] ^ magic.b[i];
	if (family == STUN_FAMILY_IPV4 && v->len == 8) {
		struct be32 v4;

		for (int i = 0; i < 4; i++)
			v4.b[i] = v->val[4 + i] ^ magic.b[i];
		out->ip = ip_from_v4(v4);
		return STUN_FAMILY_IPV4;
	}
	if (family == STUN_FAMILY_IPV6 && v->len == 20) {
		for (int i = 0; i < 4; i++)
			out->ip.b[i] = v->val[4 + i] ^ magic.b[i];
		for (int i = 4; i < 16; i++)
			out->ip.b[i] = v->val[4 + i] ^ m->tid[i - 4];
		return ip_is_v4(&out->ip) ? 0 : STUN_FAMILY_IPV6;
	}
	return 0;
}

bool stun_get_u32(const struct stun_val *v, uint32_t *out)
{
	struct rd r;

	if (!v->val || v->len != 4)
		return false;
	r = rd_init(v->val, v->len);
	*out = rd_u32(&r);
	return true;
}

int stun_get_error(const struct stun_val *v)
{
	unsigned int class, number;

	if (!v->val || v->len < 4)
		return 0;
	class = v->val[2] & 7;
	number = v->val[3];
	if (class < 3 || class > 6 || number > 99)
		return 0;
	return (int)(class * 100 + number);
}

bool stun_integrity_input(const struct stun_msg *m, const struct stun_val *v,
			  uint8_t hdr[STUN_HDR_LEN], const uint8_t **body, size_t *body_len)
{
	struct be16 len;
	size_t at, end;

	if (!v->val || v->val < m->base + STUN_HDR_LEN + STUN_ATTR_HDR_LEN)
		return false;
	at = (size_t)(v->val - m->base);
	end = at + ((v->len + 3u) & ~3u);
	if (end > m->len)
		return false;
	memcpy(hdr, m->base, STUN_HDR_LEN);
	len = be16_make((uint16_t)(end - STUN_HDR_LEN));
	memcpy(hdr + offsetof(struct stun_hdr, len), &len, sizeof(len));
	*body = m->base + STUN_HDR_LEN;
	*body_len = at - STUN_ATTR_HDR_LEN - STUN_HDR_LEN;
	return true;
}

uint32_t stun_crc32(uint32_t crc, const void *p, size_t len)
{
	return len ? (uint32_t)crc32_z(crc, p, len) : crc;
}
