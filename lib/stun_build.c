/* SPDX-License-Identifier: BSD-3-Clause */
#include "stun.h"

/* Sets the header's length to what is written so far; false when that is not a message. */
static bool set_length(struct stun_builder *b)
{
	size_t len = wr_len(&b->w);
	struct be16 wire;

	if (len < STUN_HDR_LEN || len > UINT16_MAX)
		b->w.failed = true;
	if (b->w.failed)
		return false;
	wire = be16_make((uint16_t)(len - STUN_HDR_LEN));
	memcpy(b->w.start + offsetof(struct stun_hdr, len), &wire, sizeof(wire));
	return true;
}

/* Header and padding of an attribute; returns where its len bytes go, or NULL. */
static uint8_t *attr_begin(struct stun_builder *b, uint16_t type, size_t len)
{
	uint8_t *val;

	if (len > UINT16_MAX)
		b->w.failed = true;
	wr_u16(&b->w, type);
	wr_u16(&b->w, (uint16_t)len);
	val = wr_take(&b->w, len);
	wr_zero(&b->w, -len & 3);
	return b->w.failed ? NULL : val;
}

void stun_begin(struct stun_builder *b, void *buf, size_t cap, uint16_t type,
		const uint8_t tid[STUN_TID_LEN])
{
	struct stun_hdr h = { .type = be16_make(type), .magic = be32_make(STUN_MAGIC) };

	memcpy(h.tid, tid, STUN_TID_LEN);
	b->w = wr_init(buf, cap);
	wr_bytes(&b->w, &h, sizeof(h));
}

void stun_begin_reply(struct stun_builder *b, void *buf, size_t cap, const struct stun_msg *m,
		      enum stun_class cls)
{
	stun_begin(b, buf, cap, stun_type((enum stun_method)m->method, cls), m->tid);
}

void stun_put(struct stun_builder *b, uint16_t type, const void *val, size_t len)
{
	uint8_t *p = attr_begin(b, type, len);

	if (p && len)
		memcpy(p, val, len);
}

void stun_put_u32(struct stun_builder *b, uint16_t type, uint32_t val)
{
	struct be32 wire = be32_make(val);

	stun_put(b, type, wire.b, sizeof(wire));
}

void stun_put_addr(struct stun_builder *b, uint16_t type, const struct sock_addr *a)
{
	const bool v4 = ip_is_v4(&a->ip);
	const size_t n = v4 ? 4 : 16;
	uint8_t *p = attr_begin(b, type, 4 + n);

	if (!p)
		return;
	p[0] = 0;
	p[1] = v4 ? STUN_FAMILY_IPV4 : STUN_FAMILY_IPV6;
	memcpy(p + 2, a->port.b, 2);
	memcpy(p + 4, v4 ? a->ip.b + 12 : a->ip.b, n);
}

void stun_put_xor_addr(struct stun_builder *b, uint16_t type, const struct sock_addr *a)
{
	bool v4 = ip_is_v4(&a->ip);
	const uint8_t *ip = v4 ? a->ip.b + 12 : a->ip.b, *mask;
	size_t n = v4 ? 4 : 16;
	uint8_t *p = attr_begin(b, type, 4 + n);

	if (!p)
		return;
	/* Magic cookie and transaction id stand side by side in the header (RFC 8489 14.2). */
	mask = b->w.start + offsetof(struct stun_hdr, magic);
	p[0] = 0;
	p[1] = v4 ? STUN_FAMILY_IPV4 : STUN_FAMILY_IPV6;
	for (size_t i = 0; i < 2; i++)
		p[2 + i] = a->port.b[i] ^ mask[i];
	for (size_t i = 0; i < n; i++)
		p[4 + i] = ip[i] ^ mask[i];
}

/* family 0: ERROR-CODE, whose first two bytes are reserved. */
static void put_error(struct stun_builder *b, uint16_t type, int family, int code,
		      const char *reason)
{
	size_t n = strlen(reason);
	uint8_t *p = attr_begin(b, type, 4 + n);

	if (!p)
		return;
	p[0] = (uint8_t)family;
	p[1] = 0;
	p[2] = (uint8_t)(code / 100);
	p[3] = (uint8_t)(code % 100);
	memcpy(p + 4, reason, n);
}

void stun_put_error(struct stun_builder *b, int code)
{
	put_error(b, STUN_ATTR_ERROR_CODE, 0, code, stun_reason(code));
}

void stun_put_error_code(struct stun_builder *b, int code)
{
	put_error(b, STUN_ATTR_ERROR_CODE, 0, code, "");
}

void stun_put_address_error(struct stun_builder *b, int family, int code)
{
	put_error(b, STUN_ATTR_ADDRESS_ERROR_CODE, family, code, stun_reason(code));
}

void stun_put_unknown(struct stun_builder *b, const uint16_t *types, size_t n)
{
	uint8_t *p = attr_begin(b, STUN_ATTR_UNKNOWN_ATTRIBUTES, 2 * n);

	for (size_t i = 0; p && i < n; i++) {
		p[2 * i] = (uint8_t)(types[i] >> 8);
		p[2 * i + 1] = (uint8_t)types[i];
	}
}

void stun_put_icmp(struct stun_builder *b, uint8_t type, uint8_t code, uint32_t data)
{
	uint8_t *p = attr_begin(b, STUN_ATTR_ICMP, 8);
	struct be32 first = be32_make((uint32_t)(type & 0x7f) << 9 | code); /* 16 reserved, 7, 9 */
	struct be32 second = be32_make(data);

	if (!p)
		return;
	memcpy(p, &first, sizeof(first));
	memcpy(p + 4, &second, sizeof(second));
}

const char *const stun_error_name[STUN_ERRORS] = {
#define STUN_ERROR(code, phrase) #code,
#include "stun_error.def"
#undef STUN_ERROR
};

int stun_error_index(int code)
{
	static const uint16_t list[STUN_ERRORS] = {
#define STUN_ERROR(code, phrase) code,
#include "stun_error.def"
#undef STUN_ERROR
	};

	for (int i = 0; i < STUN_ERRORS; i++)
		if (list[i] == code)
			return i;
	return -1;
}

const char *stun_reason(int code)
{
	static const char *const phrase[STUN_ERRORS] = {
#define STUN_ERROR(code, phrase) phrase,
#include "stun_error.def"
#undef STUN_ERROR
	};
	const int i = stun_error_index(code);

	return i < 0 ? "Error" : phrase[i];
}

uint8_t *stun_put_integrity(struct stun_builder *b, uint16_t type, size_t *covered)
{
	size_t len = type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256 ? STUN_MI256_LEN : STUN_MI_LEN;
	uint8_t *p;

	*covered = wr_len(&b->w);
	p = attr_begin(b, type, len);
	if (!p || !set_length(b))
		return NULL;
	memset(p, 0, len);
	return p;
}

void stun_put_fingerprint(struct stun_builder *b)
{
	size_t before = wr_len(&b->w);
	uint8_t *p = attr_begin(b, STUN_ATTR_FINGERPRINT, STUN_FINGERPRINT_LEN);
	struct be32 value;

	if (!p || !set_length(b))
		return;
	value = be32_make(stun_crc32(0, b->w.start, before) ^ STUN_FINGERPRINT_XOR);
	memcpy(p, &value, sizeof(value));
}

size_t stun_end(struct stun_builder *b)
{
	return set_length(b) ? wr_len(&b->w) : 0;
}
