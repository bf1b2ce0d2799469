/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles of one packet of 172 bytes, 12 of them the header, protected and unprotected in a burst,
 * each packet of a stream of its own; by each suite of SRTP. Beside it libipsec-mb alone: the same
 * bytes with the same keys, jobs made before the clock runs, by the faster of two managers at that
 * burst. Nothing that uses the library can beat that. All in one run, in turns; figures are
 * medians. Prints one JSON object; `..._of_library` is our time over the library's.
 *
 *   bench_srtp [BURST [STREAMS]]
 */
#include "../dp/srtp/srtp_int.h"

#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

enum { ROUNDS = 2001, PACKET = 172, ROOM = 256, STREAMS_MAX = 1 << 16, MANAGERS = 2 };
enum way { PROTECT, UNPROTECT, LIBRARY, WAYS = LIBRARY + MANAGERS };

static struct srtp *x;
static uint32_t burst = 32, streams = 64;
static struct srtp_stream *out, *in;
static struct srtp_key **key;
static uint8_t data[SRTP_BURST][ROOM];
static uint64_t cycles[WAYS][ROUNDS];
static uint64_t state = 88172645463325252;

static void die(const char *what)
{
	fprintf(stderr, "bench_srtp: %s\n", what);
	exit(1);
}

static uint32_t some(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) * below >> 32);
}

static void streams_make(enum srtp_suite s)
{
	struct srtp_master m = { .suite = s };
	uint32_t i, b;

	for (i = 0; i < streams; i++) {
		for (b = 0; b < sizeof(m.key); b++)
			m.key[b] = (uint8_t)some(256);
		key[i] = aligned_alloc(CIPHER_LINE, srtp_key_size(s));
		if (!key[i] || !srtp_key_set(x, key[i], &m))
			die("no key");
		srtp_stream_init(&out[i], 0);
		srtp_stream_init(&in[i], 0);
		if (!srtp_stream_add(&out[i], key[i]) || !srtp_stream_add(&in[i], key[i]))
			die("no stream");
	}
}

static void streams_free(void)
{
	uint32_t i;

	for (i = 0; i < streams; i++)
		free(key[i]);
}

/* ---- ours ---- */

static void burst_make(struct srtp_packet *p, uint32_t *which, uint32_t round)
{
	uint32_t first = some(streams), i;

	for (i = 0; i < burst; i++) {
		which[i] = (first + i * 7) % streams;
		memset(data[i], 0x55, PACKET);
		data[i][0] = 0x80;
		data[i][1] = 8;
		memcpy(data[i] + 2, be16_make((uint16_t)(round * burst + i)).b, 2);
		p[i] =
		    (struct srtp_packet){ &out[which[i]], data[i], PACKET, ROOM, false, DROP_NONE };
	}
}

static void ours(uint32_t round)
{
	struct srtp_packet p[SRTP_BURST];
	uint32_t which[SRTP_BURST], i;
	uint64_t t;

	burst_make(p, which, round);
	t = rte_rdtsc_precise();
	srtp_protect_burst(x, p, burst, 1);
	cycles[PROTECT][round] = rte_rdtsc_precise() - t;
	for (i = 0; i < burst; i++) {
		if (p[i].why != DROP_NONE)
			die("a packet was not protected");
		p[i].stream = &in[which[i]];
	}
	t = rte_rdtsc_precise();
	srtp_unprotect_burst(x, p, burst, 1);
	cycles[UNPROTECT][round] = rte_rdtsc_precise() - t;
	for (i = 0; i < burst; i++)
		if (p[i].why != DROP_NONE)
			die("a packet was not unprotected");
}

/* ---- the library alone ---- */

#ifdef HAVE_IPSEC_MB
static IMB_MGR *mgr[MANAGERS];

static void library_open(void)
{
	mgr[0] = alloc_mb_mgr(0);
	mgr[1] = alloc_mb_mgr(0);
	if (!mgr[0] || !mgr[1])
		die("no memory");
	init_mb_mgr_auto(mgr[0], NULL);
	init_mb_mgr_sse(mgr[1]);
}

static uint64_t library_gcm(IMB_MGR *m, const struct cipher_key *const *k)
{
	static const uint8_t iv[12];
	struct gcm_context_data ctx;
	uint8_t tag[CIPHER_GCM_TAG];
	uint64_t t = rte_rdtsc_precise();
	uint32_t i;

	for (i = 0; i < burst; i++) {
		const struct gcm_key_data *g = (const struct gcm_key_data *)k[i]->state;
		uint8_t *text = data[i] + RTP_HDR;

		if (k[i]->len == 32)
			IMB_AES256_GCM_ENC(m, g, &ctx, text, text, PACKET - RTP_HDR, iv, data[i],
					   RTP_HDR, tag, sizeof(tag));
		else
			IMB_AES128_GCM_ENC(m, g, &ctx, text, text, PACKET - RTP_HDR, iv, data[i],
					   RTP_HDR, tag, sizeof(tag));
	}
	return rte_rdtsc_precise() - t;
}

static uint64_t library_cm(IMB_MGR *m, const struct cipher_key *const *k)
{
	static IMB_JOB hash[SRTP_BURST], ctr[SRTP_BURST];
	static uint8_t iv[16], tag[SRTP_BURST][CIPHER_SHA1];
	uint32_t i;
	uint64_t t;

	for (i = 0; i < burst; i++) {
		hash[i].src = data[i];
		hash[i].msg_len_to_hash_in_bytes = PACKET + ROC_LEN;
		hash[i].auth_tag_output = tag[i];
		hash[i].auth_tag_output_len_in_bytes = CIPHER_SHA1;
		hash[i].u.HMAC._hashed_auth_key_xor_ipad = (const uint8_t *)k[i]->inner;
		hash[i].u.HMAC._hashed_auth_key_xor_opad = (const uint8_t *)k[i]->outer;
		hash[i].hash_alg = IMB_AUTH_HMAC_SHA_1;
		ctr[i].src = ctr[i].dst = data[i] + RTP_HDR;
		ctr[i].msg_len_to_cipher_in_bytes = PACKET - RTP_HDR;
		ctr[i].iv = iv;
		ctr[i].iv_len_in_bytes = sizeof(iv);
		ctr[i].enc_keys = k[i]->state;
		ctr[i].key_len_in_bytes = k[i]->len;
	}
	t = rte_rdtsc_precise();
	if (k[0]->alg == CIPHER_CTR_SHA1)
		IMB_SUBMIT_CIPHER_BURST_NOCHECK(mgr[0], ctr, burst, IMB_CIPHER_CNTR,
						IMB_DIR_ENCRYPT, k[0]->len);
	IMB_SUBMIT_HASH_BURST_NOCHECK(m, hash, burst, IMB_AUTH_HMAC_SHA_1);
	return rte_rdtsc_precise() - t;
}

static void library(uint32_t round)
{
	const struct cipher_key *k[SRTP_BURST];
	uint32_t i, first = some(streams);

	for (i = 0; i < burst; i++)
		k[i] = key_of(key[(first + i * 7) % streams], false);
	for (i = 0; i < MANAGERS; i++)
		cycles[LIBRARY + i][round] =
		    k[0]->alg == CIPHER_GCM ? library_gcm(mgr[i], k) : library_cm(mgr[i], k);
}
#else
static void library_open(void)
{
}

static void library(uint32_t round)
{
	cycles[LIBRARY][round] = cycles[LIBRARY + 1][round] = 0;
}
#endif

/* ---- figures ---- */

static int by_value(const void *a, const void *b)
{
	const uint64_t *x1 = a, *x2 = b;

	return (*x1 > *x2) - (*x1 < *x2);
}

static double median(uint32_t way)
{
	qsort(cycles[way], ROUNDS, sizeof(cycles[way][0]), by_value);
	return (double)cycles[way][ROUNDS / 2] / burst;
}

static void suite_run(enum srtp_suite s, const char *comma)
{
	double protect, unprotect, alone, other;
	uint32_t i;

	streams_make(s);
	for (i = 0; i < ROUNDS; i++) {
		ours(i);
		library(i);
	}
	streams_free();
	protect = median(PROTECT);
	unprotect = median(UNPROTECT);
	alone = median(LIBRARY);
	other = median(LIBRARY + 1);
	alone = other < alone ? other : alone;
	printf("  \"%s\": {\"protect\": %.0f, \"unprotect\": %.0f, \"library\": %.0f",
	       srtp_suite_desc[s].name, protect, unprotect, alone);
	if (alone > 0)
		printf(", \"protect_of_library\": %.2f, \"unprotect_of_library\": %.2f",
		       protect / alone, unprotect / alone);
	printf("}%s\n", comma);
}

int main(int argc, char **argv)
{
	enum srtp_suite s;

	if (argc > 1)
		burst = (uint32_t)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		streams = (uint32_t)strtoul(argv[2], NULL, 10);
	if (burst == 0 || burst > SRTP_BURST || streams < SRTP_BURST || streams > STREAMS_MAX)
		die("bench_srtp [BURST (1 to 64) [STREAMS (64 to 65536)]]");
	x = srtp_engine_create(NULL);
	out = aligned_alloc(CIPHER_LINE, streams * sizeof(*out));
	in = aligned_alloc(CIPHER_LINE, streams * sizeof(*in));
	key = calloc(streams, sizeof(struct srtp_key *));
	if (!x || !out || !in || !key)
		die("no memory");
	library_open();
	printf("{\n  \"burst\": %u, \"streams\": %u, \"bytes\": %u, \"cycles_per_packet\": true,\n",
	       burst, streams, PACKET);
	for (s = 0; s < SRTP_SUITES; s++)
		suite_run(s, s + 1 < SRTP_SUITES ? "," : "");
	printf("}\n");
	return 0;
}
