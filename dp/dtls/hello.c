/* SPDX-License-Identifier: BSD-3-Clause */
#include "hello.h"
#include "../tls/record.h"

#include <openssl/crypto.h>
#include <string.h>

enum { SESSION_ID_MAX = 32, HELLO_FIXED = 2 + DTLS_RANDOM };

static uint32_t rd_u24(struct rd *r)
{
	uint32_t high = rd_u8(r);

	return high << 16 | rd_u16(r);
}

static void wr_u24(struct wr *w, uint32_t v)
{
	wr_u8(w, (uint8_t)(v >> 16));
	wr_u16(w, (uint16_t)v);
}

static void wr_number(struct wr *w, uint64_t number)
{
	for (int shift = 48; shift >= 0; shift -= 16)
		wr_u16(w, (uint16_t)(number >> shift));
}

/* RFC 6347 4.1. Of versions the first byte: a client that does not know ours yet writes 1.0. */
bool dtls_record_read(struct rd *r, struct dtls_record *rec)
{
	if (rd_left(r) == 0)
		return false;
	rec->head = rd_take(r, 0);
	rec->type = rd_u8(r);
	if (rd_u16(r) >> 8 != DTLS_1_2 >> 8)
		r->failed = true;
	rec->number = (uint64_t)rd_u16(r) << 48;
	rec->number |= (uint64_t)rd_u16(r) << 32;
	rec->number |= rd_u32(r);
	rec->len = rd_u16(r);
	rec->body = rd_take(r, rec->len);
	if (rec->type < TLS_CHANGE_CIPHER_SPEC || rec->type > TLS_APPLICATION)
		r->failed = true;
	return !r->failed;
}

bool hello_is(const struct dtls_record *rec)
{
	return rec->type == TLS_HANDSHAKE && dtls_epoch(rec) == 0 && rec->len > 0 &&
	       rec->body[0] == DTLS_CLIENT_HELLO;
}

/* Up to the cookie (4.2.1). What stands behind is OpenSSL's to read. */
static bool first_read(struct rd *r, struct hello *h)
{
	uint8_t n;

	if (rd_u16(r) >> 8 != DTLS_1_2 >> 8)
		return false;
	h->random = rd_take(r, DTLS_RANDOM);
	n = rd_u8(r);
	if (n > SESSION_ID_MAX)
		return false;
	rd_take(r, n);
	h->cookie_len = rd_u8(r);
	h->cookie = rd_take(r, h->cookie_len);
	return !r->failed;
}

bool hello_read(const struct dtls_record *rec, struct hello *h)
{
	struct rd r = rd_init(rec->body, rec->len);

	*h = (struct hello){ .number = rec->number };
	rd_u8(&r);
	h->len = rd_u24(&r);
	h->message = rd_u16(&r);
	h->at = rd_u24(&r);
	h->n = rd_u24(&r);
	h->piece = rd_take(&r, h->n);
	if (r.failed || rd_left(&r) || h->len > DTLS_HELLO_MAX || h->at > h->len ||
	    h->n > h->len - h->at || !h->n)
		return false;
	r = rd_init(h->piece, h->n);
	return h->at || first_read(&r, h);
}

/* ---- cookies ---- */

/* Of a time, in units of DTLS_COOKIE_S, of which the cookie has the last byte. */
static void cookie_make(const struct siphash_key *key, uint32_t when,
			const struct sock_addr *client, uint32_t port, const uint8_t *random,
			uint8_t *cookie)
{
	uint8_t text[1 + 4 + sizeof(client->ip.b) + 2 + 4 + DTLS_RANDOM];
	uint64_t sum;

	for (uint8_t half = 0; half < 2; half++) {
		struct wr w = wr_init(text, sizeof(text));

		wr_u8(&w, half);
		wr_bytes(&w, &when, sizeof(when));
		wr_bytes(&w, client->ip.b, sizeof(client->ip.b));
		wr_bytes(&w, client->port.b, sizeof(client->port.b));
		wr_bytes(&w, &port, sizeof(port));
		wr_bytes(&w, random, DTLS_RANDOM);
		sum = siphash(key, text, wr_len(&w));
		memcpy(cookie + 1 + half * sizeof(sum), &sum, sizeof(sum));
	}
	cookie[0] = (uint8_t)when;
}

void hello_cookie(const struct siphash_key *key, uint32_t now, const struct sock_addr *client,
		  uint32_t port, const uint8_t *random, uint8_t *cookie)
{
	cookie_make(key, now / DTLS_COOKIE_S, client, port, random, cookie);
}

bool hello_cookie_ok(const struct siphash_key *key, uint32_t now, const struct sock_addr *client,
		     uint32_t port, const struct hello *h)
{
	uint8_t cookie[DTLS_COOKIE], age;

	if (h->cookie_len != DTLS_COOKIE)
		return false;
	age = (uint8_t)(now / DTLS_COOKIE_S - h->cookie[0]);
	if (age > 1)
		return false;
	cookie_make(key, now / DTLS_COOKIE_S - age, client, port, h->random, cookie);
	return CRYPTO_memcmp(cookie, h->cookie, DTLS_COOKIE) == 0;
}

void hello_verify(const struct hello *h, const uint8_t *cookie, uint8_t *to)
{
	struct wr w = wr_init(to, DTLS_VERIFY);
	const uint32_t body = 3 + DTLS_COOKIE;

	wr_u8(&w, TLS_HANDSHAKE);
	wr_u16(&w, DTLS_1_0); /* whatever version comes of it */
	wr_number(&w, h->number);
	wr_u16(&w, (uint16_t)(DTLS_MSG_HDR + body));
	wr_u8(&w, DTLS_HELLO_VERIFY);
	wr_u24(&w, body);
	wr_u16(&w, 0); /* our first message */
	wr_u24(&w, 0);
	wr_u24(&w, body);
	wr_u16(&w, DTLS_1_0);
	wr_u8(&w, DTLS_COOKIE);
	wr_bytes(&w, cookie, DTLS_COOKIE);
}

/* ---- pieces ---- */

void hello_begin(struct hello_join *j, const struct hello *h)
{
	*j = (struct hello_join){ .len = h->len, .message = h->message };
	memcpy(j->random, h->random, DTLS_RANDOM);
}

int32_t hello_add(struct hello_join *j, const struct hello *h, uint8_t *buf)
{
	uint8_t *body = buf + DTLS_HDR + DTLS_MSG_HDR;
	uint32_t skip;
	struct wr w;

	if (h->message != j->message || h->len != j->len || h->at > j->have)
		return -1;
	skip = j->have - h->at; /* of it is there already */
	if (skip < h->n) {
		memcpy(body + j->have, h->piece + skip, h->n - skip);
		j->have += h->n - skip;
	}
	if (j->have < j->len)
		return 0;
	w = wr_init(buf, DTLS_HDR + DTLS_MSG_HDR);
	wr_u8(&w, TLS_HANDSHAKE);
	wr_u16(&w, DTLS_1_0);
	wr_number(&w, h->number);
	wr_u16(&w, (uint16_t)(DTLS_MSG_HDR + j->len));
	wr_u8(&w, DTLS_CLIENT_HELLO);
	wr_u24(&w, j->len);
	wr_u16(&w, j->message);
	wr_u24(&w, 0);
	wr_u24(&w, j->len);
	return (int32_t)(DTLS_HDR + DTLS_MSG_HDR + j->len);
}
