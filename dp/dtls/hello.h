/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_DTLS_HELLO_H
#define FL_DP_DTLS_HELLO_H

/*
 * What is done before anything is kept of a client (RFC 6347 4.2.1): records of a datagram,
 * ClientHellos in pieces, cookies, HelloVerifyRequests. Bytes in, bytes out.
 *
 * Browsers' ClientHellos come in two records or datagrams. The first piece has all that a cookie is
 * made of, so it is answered by itself, and nothing is kept until a first piece has a good cookie.
 */
#include "../../lib/addr.h"
#include "../../lib/cursor.h"
#include "../../lib/siphash.h"

enum dtls_wire {
	DTLS_HDR = 13,	   /* of a record: type, version, epoch, number, length */
	DTLS_MSG_HDR = 12, /* of a handshake message: type, length, number, piece */
	DTLS_RANDOM = 32,
	DTLS_COOKIE = 17,					 /* of ours: when, and what */
	DTLS_VERIFY = DTLS_HDR + DTLS_MSG_HDR + 3 + DTLS_COOKIE, /* a HelloVerifyRequest */
	DTLS_HELLO_MAX = 8192,					 /* bytes of a ClientHello */
	DTLS_COOKIE_S = 32,    /* a cookie is good for as long, and as long again */
	DTLS_CLIENT_HELLO = 1, /* message types */
	DTLS_HELLO_VERIFY = 3,
	DTLS_1_0 = 0xfeff,
	DTLS_1_2 = 0xfefd,
};

/* A record, its body as it is on the wire. */
struct dtls_record {
	uint64_t number; /* epoch in the upper 16 bits */
	const uint8_t *head, *body;
	uint16_t len; /* of the body */
	uint8_t type; /* enum tls_type */
};

static inline uint16_t dtls_epoch(const struct dtls_record *r)
{
	return (uint16_t)(r->number >> 48);
}

/* The next record of a datagram. False: there is none, or r.failed: none that can be. */
bool dtls_record_read(struct rd *r, struct dtls_record *rec);

/* A piece of a ClientHello. */
struct hello {
	uint64_t number; /* of its record */
	uint16_t message;
	uint32_t len;	/* of the whole body */
	uint32_t at, n; /* of the piece */
	const uint8_t *piece;
	/* Of a first piece; cookie_len 0: it has none. */
	const uint8_t *random, *cookie;
	uint8_t cookie_len;
};

/* Whether a record begins with a piece of a ClientHello. */
bool hello_is(const struct dtls_record *rec);
/* False: malformed, or longer than any is. */
bool hello_read(const struct dtls_record *rec, struct hello *h);

/*
 * The cookie of who is at that address and sent this random to this port of ours (struct dtls_at),
 * DTLS_COOKIE bytes. now: seconds.
 */
void hello_cookie(const struct siphash_key *key, uint32_t now, const struct sock_addr *client,
		  uint32_t port, const uint8_t *random, uint8_t *cookie);
/* Whether h has one that was made less than two DTLS_COOKIE_S ago. */
bool hello_cookie_ok(const struct siphash_key *key, uint32_t now, const struct sock_addr *client,
		     uint32_t port, const struct hello *h);
/* The record that asks for the cookie, DTLS_VERIFY bytes, which is no longer than what it answers.
 */
void hello_verify(const struct hello *h, const uint8_t *cookie, uint8_t *to);

/* Pieces of one ClientHello, put together in order. */
struct hello_join {
	uint32_t len, have;
	uint16_t message;
	uint8_t random[DTLS_RANDOM];
};

/* Begins with a first piece. */
void hello_begin(struct hello_join *j, const struct hello *h);
/*
 * Adds a piece to what stands in buf, which has room for DTLS_HDR + DTLS_MSG_HDR + DTLS_HELLO_MAX.
 * Returns the length of the record that is there once all is, as if it had come whole; 0: more is
 * missing; -1: it is of another, or what should stand before it has not come.
 */
int32_t hello_add(struct hello_join *j, const struct hello *h, uint8_t *buf);

#endif
