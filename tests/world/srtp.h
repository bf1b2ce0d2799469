/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_SRTP_H
#define FL_TESTS_SRTP_H

/* Packets, keys and streams for tests of SRTP. */
#include "dp/srtp/srtp_int.h"

#include <stdlib.h>
#include <string.h>

enum { SRTP_TEST_ROOM = 2048 };

struct srtp_test_packet {
	uint8_t b[SRTP_TEST_ROOM];
	uint32_t len;
};

static inline struct srtp_key *srtp_test_key(struct srtp *x, const struct srtp_master *m)
{
	struct srtp_key *k = aligned_alloc(CIPHER_LINE, srtp_key_size(m->suite));

	memset(k, 0xa5, srtp_key_size(m->suite));
	if (!srtp_key_set(x, k, m)) {
		free(k);
		return NULL;
	}
	return k;
}

/* A master key that another number would have otherwise. */
static inline struct srtp_master srtp_test_master(enum srtp_suite suite, uint8_t number)
{
	struct srtp_master m = { .suite = suite };

	for (size_t i = 0; i < sizeof(m.key); i++)
		m.key[i] = (uint8_t)(number * 29 + i * 7 + 3);
	return m;
}

/* RTP with n bytes of payload that tell its number. */
static inline void srtp_test_rtp(struct srtp_test_packet *p, uint32_t ssrc, uint16_t seq,
				 uint32_t n)
{
	p->b[0] = 0x80;
	p->b[1] = 8;
	memcpy(p->b + 2, be16_make(seq).b, 2);
	memcpy(p->b + 4, be32_make(seq * 160u).b, 4);
	memcpy(p->b + 8, be32_make(ssrc).b, 4);
	for (uint32_t i = 0; i < n; i++)
		p->b[RTP_HDR + i] = (uint8_t)(seq + i);
	p->len = RTP_HDR + n;
}

/* A sender report without blocks, and n bytes more. */
static inline void srtp_test_rtcp(struct srtp_test_packet *p, uint32_t ssrc, uint32_t n)
{
	p->b[0] = 0x80;
	p->b[1] = 200;
	memcpy(p->b + 2, be16_make(6).b, 2);
	memcpy(p->b + 4, be32_make(ssrc).b, 4);
	memset(p->b + 8, 0x5a, 20 + n);
	p->len = 28 + n;
}

static inline enum drop srtp_test_protect(struct srtp *x, struct srtp_stream *s,
					  struct srtp_test_packet *t, bool rtcp, uint32_t now_s)
{
	struct srtp_packet p = { s, t->b, t->len, sizeof(t->b), rtcp, DROP_NONE };

	srtp_protect_burst(x, &p, 1, now_s);
	t->len = p.len;
	return p.why;
}

static inline enum drop srtp_test_unprotect(struct srtp *x, struct srtp_stream *s,
					    struct srtp_test_packet *t, bool rtcp, uint32_t now_s)
{
	struct srtp_packet p = { s, t->b, t->len, t->len, rtcp, DROP_NONE };

	srtp_unprotect_burst(x, &p, 1, now_s);
	t->len = p.len;
	return p.why;
}

#endif
