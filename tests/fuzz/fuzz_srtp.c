/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRTP. The first byte says which suite, MKI and direction; what follows is one packet, or several
 * of a burst, each behind its length. Nobody has the key: what is unprotected is refused and stays
 * what it was. What can be protected is unprotected again, byte by byte.
 */
#include "../../dp/srtp/srtp.h"
#include "../../lib/cursor.h"
#include "must.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACKETS = 8 };

static struct srtp *x;
static struct srtp_key *keys[SRTP_SUITES][2];

static void keys_make(void)
{
	struct srtp_master m = { .key = "of the fuzzer, and of nobody else", .mki = 0x6d6b69 };
	int mki;

	x = srtp_engine_create(NULL);
	must(x != NULL);
	for (m.suite = 0; m.suite < SRTP_SUITES; m.suite++)
		for (mki = 0; mki < 2; mki++) {
			struct srtp_key *k = aligned_alloc(CIPHER_LINE, srtp_key_size(m.suite));

			m.mki_len = mki ? 3 : 0;
			must(k && srtp_key_set(x, k, &m));
			keys[m.suite][mki] = k;
		}
}

/* Each packet in memory of its own, so that a byte too many shows. */
static uint32_t packets_take(struct srtp_packet *p, uint8_t **was, struct rd *r, uint32_t growth)
{
	uint32_t n;

	for (n = 0; n < PACKETS && rd_left(r) > 2; n++) {
		const uint16_t head = rd_u16(r);
		const uint32_t len =
		    (head & 0x7ff) < rd_left(r) ? head & 0x7ff : (uint32_t)rd_left(r);
		const uint32_t room = len + growth;

		was[n] = malloc(room + 1);
		p[n].data = malloc(room + !room);
		must(p[n].data && was[n]);
		memcpy(p[n].data, rd_take(r, len), len);
		memcpy(was[n], p[n].data, len);
		p[n].len = len;
		p[n].room = room;
		p[n].rtcp = head >> 15;
	}
	return n;
}

static void protect(struct srtp_packet *p, uint8_t **was, uint32_t n, struct srtp_stream *out,
		    struct srtp_stream *in)
{
	uint32_t len[PACKETS], i;

	for (i = 0; i < n; i++) {
		len[i] = p[i].len;
		p[i].stream = out;
	}
	srtp_protect_burst(x, p, n, 1);
	for (i = 0; i < n; i++) {
		must(p[i].len <= p[i].room);
		if (p[i].why != DROP_NONE) {
			must(p[i].len == len[i] && memcmp(p[i].data, was[i], len[i]) == 0);
			continue;
		}
		must(p[i].len > len[i]);
		p[i].stream = in;
		srtp_unprotect_burst(x, &p[i], 1, 1);
		must(p[i].why == DROP_NONE || p[i].why == DROP_SRTP_AUTH ||
		     p[i].why == DROP_SRTP_OLD);
		if (p[i].why == DROP_NONE)
			must(p[i].len == len[i] && memcmp(p[i].data, was[i], len[i]) == 0);
	}
}

static void unprotect(struct srtp_packet *p, uint8_t **was, uint32_t n, struct srtp_stream *in)
{
	uint32_t len[PACKETS], i;

	for (i = 0; i < n; i++) {
		len[i] = p[i].len;
		p[i].stream = in;
	}
	srtp_unprotect_burst(x, p, n, 1);
	for (i = 0; i < n; i++)
		must(p[i].why != DROP_NONE && p[i].len == len[i] &&
		     memcmp(p[i].data, was[i], len[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct srtp_packet p[PACKETS];
	struct srtp_stream in, out;
	struct rd r = rd_init(data, size);
	const uint8_t how = rd_u8(&r);
	const bool out_bound = how & 0x80;
	struct srtp_key *k;
	uint8_t *was[PACKETS];
	uint32_t i, n;

	if (!x)
		keys_make();
	k = keys[how % SRTP_SUITES][how >> 6 & 1];
	srtp_stream_init(&in, how & 0x20 ? SRTP_CLEAR_RTP | SRTP_CLEAR_RTCP : 0);
	out = in;
	if (!srtp_stream_add(&in, k) || !srtp_stream_add(&out, k))
		return 0;
	n = packets_take(p, was, &r, out_bound ? srtp_growth(k) : 0);
	if (out_bound)
		protect(p, was, n, &out, &in);
	else
		unprotect(p, was, n, &in);
	for (i = 0; i < n; i++) {
		free(p[i].data);
		free(was[i]);
	}
	return 0;
}
