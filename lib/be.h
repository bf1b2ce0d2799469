/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_BE_H
#define FL_LIB_BE_H

/*
 * Byte order as a type. A value in network byte order is one of these structs, so that mixing it
 * with a host-order integer does not compile. They hold bytes: alignment is 1 and they may stand
 * anywhere in a wire struct.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct be16 {
	uint8_t b[2];
};

struct be32 {
	uint8_t b[4];
};

struct be64 {
	uint8_t b[8];
};

static inline uint16_t be16_get(struct be16 v)
{
	uint16_t x;

	memcpy(&x, v.b, sizeof(x));
	return __builtin_bswap16(x);
}

/* Two bytes at p in network byte order, as bytes of a message are before they have a struct. */
static inline uint16_t be16_read(const uint8_t *p)
{
	uint16_t x;

	memcpy(&x, p, sizeof(x));
	return __builtin_bswap16(x);
}

static inline struct be16 be16_make(uint16_t x)
{
	struct be16 v;

	x = __builtin_bswap16(x);
	memcpy(v.b, &x, sizeof(x));
	return v;
}

static inline uint32_t be32_get(struct be32 v)
{
	uint32_t x;

	memcpy(&x, v.b, sizeof(x));
	return __builtin_bswap32(x);
}

/* Four bytes at p in network byte order. */
static inline uint32_t be32_read(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return __builtin_bswap32(x);
}

static inline struct be32 be32_make(uint32_t x)
{
	struct be32 v;

	x = __builtin_bswap32(x);
	memcpy(v.b, &x, sizeof(x));
	return v;
}

static inline struct be64 be64_make(uint64_t x)
{
	struct be64 v;

	x = __builtin_bswap64(x);
	memcpy(v.b, &x, sizeof(x));
	return v;
}

static inline bool be16_eq(struct be16 a, struct be16 b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static inline bool be32_eq(struct be32 a, struct be32 b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the swaps above assume little endian");
_Static_assert(sizeof(struct be16) == 2 && _Alignof(struct be16) == 1, "be16 is wire format");
_Static_assert(sizeof(struct be32) == 4 && _Alignof(struct be32) == 1, "be32 is wire format");

#endif
