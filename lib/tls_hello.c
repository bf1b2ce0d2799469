/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls_hello.h"

enum {
	RECORD_HANDSHAKE = 22,	  /* RFC 8446 5.1 */
	RECORD_VERSION = 2,	  /* bytes, which say nothing */
	MESSAGE_CLIENT_HELLO = 1, /* 4 */
	HELLO_FIXED = 2 + 32,	  /* legacy_version, random */
	EXTENSION_ALPN = 16,	  /* RFC 7301 3.1 */
};

/* A vector (RFC 8446 3.4), whose length stands before it. Empty, and r failed, if it is short. */
static struct rd vector(struct rd *r, size_t len)
{
	const uint8_t *p = rd_take(r, len);

	return rd_init(p ? p : r->pos,
		       p ? len : 0); /* no null pointer, which nothing may be added to */
}

static struct rd vector8(struct rd *r)
{
	return vector(r, rd_u8(r));
}

static struct rd vector16(struct rd *r)
{
	return vector(r, rd_u16(r));
}

/* The extensions of the ClientHello in a record. */
static struct rd extensions(struct rd record)
{
	struct rd body, hello, ext, none = { 0 };

	if (rd_u8(&record) != RECORD_HANDSHAKE)
		return none;
	rd_take(&record, RECORD_VERSION);
	body = vector16(&record);
	if (rd_u8(&body) != MESSAGE_CLIENT_HELLO)
		return none;
	hello = vector(&body, (size_t)rd_u8(&body) << 16 | rd_u16(&body));
	rd_take(&hello, HELLO_FIXED);
	vector8(&hello);  /* legacy_session_id */
	vector16(&hello); /* cipher_suites */
	vector8(&hello);  /* legacy_compression_methods */
	ext = vector16(&hello);
	return hello.failed ? none : ext; /* a cursor that failed would go on where it was */
}

struct rd tls_hello_alpn(const void *record, size_t n)
{
	struct rd r = extensions(rd_init(record, n)), ext, none = { 0 };

	while (rd_left(&r) && !r.failed) {
		uint16_t type = rd_u16(&r);

		ext = vector16(&r);
		if (type == EXTENSION_ALPN && !r.failed)
			return vector16(&ext);
	}
	return none;
}

bool tls_alpn_has(struct rd list, const char *name)
{
	size_t len = strlen(name);

	while (rd_left(&list) && !list.failed) {
		struct rd r = vector8(&list);

		if (rd_left(&r) == len && len && memcmp(r.pos, name, len) == 0)
			return true;
	}
	return false;
}
