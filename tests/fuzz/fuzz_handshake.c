/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of a hostile side into a handshake: whatever comes, the handshake comes back in a state
 * that its worker knows, what is to be sent fits, and nothing of OpenSSL is left when it is over or
 * is given up. A real client or server stands by, so that handshakes get anywhere at all.
 *
 * An input is a byte of role and version, then steps: a byte that says what happens, two bytes of
 * place or length (network order), a byte of value, and for STEP_RAW as many bytes.
 */
#include "tests/world/handshake_world.h"
#include "../../lib/cursor.h"

#include <openssl/err.h>
#include <stdlib.h>

#include <sanitizer/lsan_interface.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_CLIENT = 1, FLAG_12 = 2 };
enum {
	STEP_PASS,  /* the next record, as it is */
	STEP_ALTER, /* with a byte changed */
	STEP_CUT,   /* shorter: the header says so */
	STEP_SPLIT, /* in two records */
	STEP_TWICE, /* two times */
	STEP_RAW,   /* a record of these bytes; value is its type */
	STEP_BYTES, /* these bytes, whatever they are */
	STEPS,
};

#define MUST(what)                                                                 \
	do {                                                                       \
		if (!(what)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                   \
		}                                                                  \
	} while (0)

static uint8_t rec[HANDSHAKE_IN_MAX];
static SSL_CTX *peers[2]; /* a client, a server */

static void feed(struct handshake *s, const uint8_t *p, uint32_t len)
{
	if (handshake_over(s))
		return;
	do {
		s->in_len = s->state == HANDSHAKE_OUT ? 0 : len;
		memcpy(s->in, p, s->in_len);
		MUST(handshake_turn(s, HANDSHAKE_FEED));
		MUST(s->out_len <= HANDSHAKE_OUT_MAX && s->state <= HANDSHAKE_ABORTED);
		MUST(s->state != HANDSHAKE_ABORTED && s->state != HANDSHAKE_LOOKUP);
		MUST(handshake_over(s) == !s->ssl);
		MUST(s->state != HANDSHAKE_FAILED || s->why < TCP_END_MAX);
		MUST(s->state != HANDSHAKE_DONE || tls_suite(s->result.suite));
	} while (s->state == HANDSHAKE_OUT);
}

static void feed_record(struct handshake *s, const uint8_t *head, const uint8_t *p, uint32_t len)
{
	static uint8_t whole[HANDSHAKE_IN_MAX];

	memcpy(whole, head, TLS_HDR);
	whole[3] = (uint8_t)(len >> 8);
	whole[4] = (uint8_t)len;
	memcpy(whole + TLS_HDR, p, len);
	feed(s, whole, TLS_HDR + len);
}

static void hostile_step(struct handshake *s, struct rd *r)
{
	uint8_t what = rd_u8(r) % STEPS;
	uint32_t at = rd_u16(r), len = 0, cut;
	uint8_t value = rd_u8(r);
	const uint8_t *raw;

	if (what == STEP_RAW || what == STEP_BYTES) {
		const uint8_t head[TLS_HDR] = { value, 3, 3 };

		at = RTE_MIN(at, (uint32_t)rd_left(r));
		raw = rd_take(r, at);
		if (what == STEP_BYTES)
			feed(s, raw, RTE_MIN(at, (uint32_t)HANDSHAKE_IN_MAX));
		else
			feed_record(s, head, raw, RTE_MIN(at, (uint32_t)TLS_CIPHER_MAX_12));
		return;
	}
	SSL_do_handshake(sw.tls.ssl);
	len = peer_record(rec);
	if (len <= TLS_HDR)
		return;
	cut = at % (len - TLS_HDR);
	if (what == STEP_ALTER)
		rec[TLS_HDR + cut] ^= value;
	if (what == STEP_CUT || what == STEP_SPLIT)
		feed_record(s, rec, rec + TLS_HDR, cut);
	else
		feed(s, rec, len);
	if (what == STEP_SPLIT)
		feed_record(s, rec, rec + TLS_HDR + cut, len - TLS_HDR - cut);
	if (what == STEP_TWICE)
		feed(s, rec, len);
}

static void hostile(struct rd *r)
{
	uint8_t flags = rd_u8(r);
	struct handshake *s;

	sw.server = flags & FLAG_CLIENT;
	sw.tls.ctx = peers[sw.server];
	s = handshake_fresh();
	peer_open();
	SSL_set_max_proto_version(sw.tls.ssl, flags & FLAG_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	if (s->client)
		feed(s, rec, 0);
	while (rd_left(r) && !handshake_over(s))
		hostile_step(s, r);
	if (!handshake_over(s)) {
		MUST(handshake_turn(s, HANDSHAKE_ABORT));
		MUST(s->state == HANDSHAKE_ABORTED && !s->ssl);
	}
	handshake_put(&sw.worker[0], s);
	peer_close();
	ERR_clear_error();
}

static void end(void)
{
	SSL_CTX_free(peers[0]);
	SSL_CTX_free(peers[1]);
	cryptos_free(&sw.dp);
}

static void start(void)
{
	int server;

	__lsan_disable(); /* what is made here is held by memory that no leak checker looks at */
	MUST(handshake_eal(NULL) == 0);
	handshake_setup(NULL);
	fake_domain.verify = SSL_VERIFY_PEER;
	handshake_start();
	atexit(end);
	for (server = 0; server < 2; server++) {
		sw.tls.ctx = NULL;
		peer_context(server);
		peers[server] = sw.tls.ctx;
	}
	__lsan_enable();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);

	if (!peers[0])
		start();
	hostile(&r);
	MUST(fake_domain.ssls == 0);
	return 0;
}
