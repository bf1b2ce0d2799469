/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_CLIENT_HELLO_H
#define FL_TESTS_CLIENT_HELLO_H

/* A ClientHello in a record of its own (RFC 8446 4.1.2, 5.1), as short as one may be. */
#include "unit.h"
#include "lib/cursor.h"

/* A vector with a length of so many bytes is open from `at`: writes what has come since. */
static inline void hello_close(struct wr *w, size_t at, unsigned bytes)
{
	size_t n = wr_len(w) - at - bytes;

	for (unsigned i = 0; i < bytes; i++)
		w->start[at + i] = (uint8_t)(n >> 8 * (bytes - 1 - i));
}

static inline size_t hello_open(struct wr *w, unsigned bytes)
{
	size_t at = wr_len(w);

	wr_zero(w, bytes);
	return at;
}

/* Offers alpn, names with a blank between them, behind another extension; NULL: no ALPN. Its
 * length. */
static inline size_t client_hello(uint8_t *out, size_t max, const char *alpn)
{
	struct wr w = wr_init(out, max);
	size_t record, message, extensions, ext, list;

	wr_bytes(&w, "\x16\x03\x01", 3);
	record = hello_open(&w, 2);
	wr_u8(&w, 1);
	message = hello_open(&w, 3);
	wr_bytes(&w, "\x03\x03", 2);
	wr_zero(&w, 32);
	wr_u8(&w, 0);				     /* session id */
	wr_bytes(&w, "\x00\x02\x13\x01\x01\x00", 6); /* a suite, no compression */
	extensions = hello_open(&w, 2);
	wr_bytes(&w, "\x00\x2b\x00\x03\x02\x03\x04", 7); /* supported_versions */
	if (alpn) {
		wr_u16(&w, 16);
		ext = hello_open(&w, 2);
		list = hello_open(&w, 2);
		for (size_t n; *alpn; alpn += n + (alpn[n] != '\0')) {
			n = strcspn(alpn, " ");
			wr_u8(&w, (uint8_t)n);
			wr_bytes(&w, alpn, n);
		}
		hello_close(&w, list, 2);
		hello_close(&w, ext, 2);
	}
	hello_close(&w, extensions, 2);
	hello_close(&w, message, 3);
	hello_close(&w, record, 2);
	assert_false(w.failed);
	return wr_len(&w);
}

#endif
