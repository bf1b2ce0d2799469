/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRTP beside libsrtp, which others have written: what either protects the other unprotects, by
 * each suite that both have, through a network that loses, repeats and reorders, over roll-overs.
 * Both receivers judge the same packets, altered and replayed ones among them, in the same way.
 */
#include "tests/world/unit.h"
#include "tests/world/srtp.h"

#include <srtp2/srtp.h>

enum {
	PACKETS = 4000,
	HELD = 24, /* packets that the network may hold back */
	SOURCES = 3,
	FIRST_SEQ = 50000, /* and so there are roll-overs */
};

static struct srtp *x;
static uint64_t seed;

static uint32_t some(uint32_t below)
{
	return (uint32_t)(test_random(&seed) >> 32) % below;
}

/* ---- the peer ---- */

static void policy_of(enum srtp_suite s, srtp_policy_t *p)
{
	memset(p, 0, sizeof(*p));
	switch (s) {
	case SRTP_AES_CM_128_80:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p->rtp);
		break;
	case SRTP_AES_CM_128_32:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p->rtp);
		break;
	case SRTP_AES_256_CM_80:
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&p->rtp);
		break;
	case SRTP_AES_256_CM_32:
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&p->rtp);
		break;
	case SRTP_GCM_128:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtp);
		break;
	case SRTP_GCM_256:
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtp);
		break;
	default:
		srtp_crypto_policy_set_null_cipher_hmac_sha1_80(&p->rtp);
		p->rtp.auth_tag_len = srtp_suite_desc[s].rtp_tag;
	}
	p->rtcp = p->rtp;
	p->rtcp.auth_tag_len = srtp_suite_desc[s].rtcp_tag;
	p->window_size = SRTP_WINDOW;
}

static srtp_t peer_make(struct srtp_master *m, bool sends)
{
	const struct be64 mki = be64_make(m->mki);
	uint8_t id[sizeof(mki)];
	srtp_master_key_t key = { m->key, id, m->mki_len }, *keys[] = { &key };
	srtp_policy_t p;
	srtp_t t;

	memcpy(id, mki.b + sizeof(mki) - m->mki_len, m->mki_len);
	policy_of(m->suite, &p);
	p.ssrc.type = sends ? ssrc_any_outbound : ssrc_any_inbound;
	p.keys = keys;
	p.num_master_keys = 1;
	assert_int_equal(srtp_create(&t, &p), srtp_err_status_ok);
	return t;
}

static int peer_protect(srtp_t t, const struct srtp_master *m, struct srtp_test_packet *p,
			bool rtcp)
{
	const uint32_t mki = m->mki_len > 0;
	int len = (int)p->len, rc;

	rc = rtcp ? srtp_protect_rtcp_mki(t, p->b, &len, mki, 0)
		  : srtp_protect_mki(t, p->b, &len, mki, 0);
	p->len = (uint32_t)len;
	return rc;
}

static int peer_unprotect(srtp_t t, const struct srtp_master *m, struct srtp_test_packet *p,
			  bool rtcp)
{
	const uint32_t mki = m->mki_len > 0;
	int len = (int)p->len, rc;

	rc = rtcp ? srtp_unprotect_rtcp_mki(t, p->b, &len, mki)
		  : srtp_unprotect_mki(t, p->b, &len, mki);
	p->len = (uint32_t)len;
	return rc;
}

/* ---- the network ---- */

struct sent {
	struct srtp_test_packet plain, sealed;
	bool rtcp;
};

/* What is sent next, of any source; seq: the last of each. */
static void sent_next(struct sent *s, uint16_t *seq)
{
	const uint32_t source = some(SOURCES);

	s->rtcp = some(10) == 0;
	if (s->rtcp) {
		srtp_test_rtcp(&s->plain, source + 1, 4 * some(20));
	} else {
		seq[source] += (uint16_t)(some(5) ? 1 : 1 + some(500));
		srtp_test_rtp(&s->plain, source + 1, seq[source], some(300));
	}
	s->sealed = s->plain;
}

/* As they come: none or more of those that were sent lately, by their places. */
static uint32_t network(uint32_t *which)
{
	uint32_t i, out = 0;

	for (i = 0; i < 4; i++)
		if (some(3) > 0)
			which[out++] = some(HELD);
	return out;
}

/* Damages some packets: returns whether this one. */
static bool alter(struct srtp_test_packet *p)
{
	const uint32_t how = some(12);

	if (how == 0)
		p->b[some(p->len)] ^= (uint8_t)(1u << some(8));
	else if (how == 1)
		p->len = some(p->len);
	return how < 2;
}

static void same_verdict(enum drop ours, int theirs)
{
	switch (theirs) {
	case srtp_err_status_ok:
		assert_int_equal(ours, DROP_NONE);
		break;
	case srtp_err_status_replay_fail:
		assert_int_equal(ours, DROP_SRTP_REPLAY);
		break;
	case srtp_err_status_replay_old:
		assert_int_equal(ours, DROP_SRTP_OLD);
		break;
	default:
		assert_int_equal(ours, DROP_SRTP_AUTH);
	}
}

/* One packet to both receivers. */
static bool judge(srtp_t peer, struct srtp_stream *in, const struct srtp_master *m,
		  const struct sent *s, bool safe)
{
	struct srtp_test_packet p = s->sealed, q;
	enum drop ours;
	const bool altered = !safe && alter(&p);
	int theirs;

	q = p;
	ours = srtp_test_unprotect(x, in, &p, s->rtcp, 1);
	theirs = peer_unprotect(peer, m, &q, s->rtcp);
	/* Of what is damaged in several ways each names the first that it sees. */
	if (altered)
		assert_true(ours != DROP_NONE && theirs != srtp_err_status_ok);
	else
		same_verdict(ours, theirs);
	if (ours != DROP_NONE)
		return false;
	assert_int_equal(p.len, s->plain.len);
	assert_memory_equal(p.b, s->plain.b, p.len);
	assert_int_equal(q.len, p.len);
	assert_memory_equal(q.b, p.b, p.len);
	return true;
}

/* we: it is us who send. Both receive. */
static void exchange(struct srtp_master *m, bool we)
{
	static struct sent held[HELD];
	uint16_t seq[SOURCES] = { FIRST_SEQ, 100, FIRST_SEQ + 1000 };
	srtp_t sender = peer_make(m, true), receiver = peer_make(m, false);
	struct srtp_key *k = srtp_test_key(x, m);
	uint32_t i, n, j, which[8], taken = 0;
	struct srtp_stream in, out;

	srtp_stream_init(&in, 0);
	srtp_stream_init(&out, 0);
	assert_true(srtp_stream_add(&in, k) && srtp_stream_add(&out, k));
	for (i = 0; i < PACKETS; i++) {
		struct sent *s = &held[i % HELD];

		sent_next(s, seq);
		if (we)
			assert_int_equal(srtp_test_protect(x, &out, &s->sealed, s->rtcp, 1),
					 DROP_NONE);
		else
			assert_int_equal(peer_protect(sender, m, &s->sealed, s->rtcp),
					 srtp_err_status_ok);
		/* The first of each source arrive: libsrtp does not look for a later beginning. */
		if (i < HELD) {
			taken += judge(receiver, &in, m, s, true);
			continue;
		}
		n = network(which);
		for (j = 0; j < n; j++)
			taken += judge(receiver, &in, m, &held[which[j]], false);
	}
	assert_true(taken > PACKETS / 3);
	assert_true(in.ssrc[0].top > 65536 || in.ssrc[1].top > 65536);
	srtp_dealloc(sender);
	srtp_dealloc(receiver);
	srtp_key_wipe(k);
	free(k);
}

static void test_exchange(void **state)
{
	enum srtp_suite s;
	int mki;

	(void)state;
	for (s = 0; s < SRTP_SUITES; s++)
		for (mki = 0; mki < 2; mki++) {
			struct srtp_master m = srtp_test_master(s, (uint8_t)s);

			/* libsrtp looks for an MKI of RTCP by the length of RTP's tag. */
			if (mki && srtp_suite_desc[s].rtp_tag != srtp_suite_desc[s].rtcp_tag)
				continue;
			m.mki_len = mki ? 4 : 0;
			m.mki = 9;
			seed = 1000 + s * 2 + (uint64_t)mki;
			exchange(&m, true);
			exchange(&m, false);
		}
}

/* A burst of all suites at once, each packet of a stream of its own. */
static void test_burst(void **state)
{
	struct srtp_test_packet t[SRTP_BURST], plain[SRTP_BURST];
	struct srtp_packet p[SRTP_BURST];
	struct srtp_stream s[SRTP_BURST];
	struct srtp_master m[SRTP_BURST];
	struct srtp_key *k[SRTP_BURST];
	int i;

	(void)state;
	seed = 7;
	for (i = 0; i < SRTP_BURST; i++) {
		const bool rtcp = some(4) == 0;

		m[i] = srtp_test_master((enum srtp_suite)some(SRTP_SUITES), (uint8_t)i);
		k[i] = srtp_test_key(x, &m[i]);
		srtp_stream_init(&s[i], 0);
		assert_true(srtp_stream_add(&s[i], k[i]));
		if (rtcp)
			srtp_test_rtcp(&t[i], 5, some(200));
		else
			srtp_test_rtp(&t[i], 5, (uint16_t)i, some(1200));
		plain[i] = t[i];
		p[i] =
		    (struct srtp_packet){ &s[i], t[i].b, t[i].len, sizeof(t[i].b), rtcp, DROP_BUG };
	}
	srtp_protect_burst(x, p, SRTP_BURST, 1);
	for (i = 0; i < SRTP_BURST; i++) {
		srtp_t peer = peer_make(&m[i], false);

		assert_int_equal(p[i].why, DROP_NONE);
		t[i].len = p[i].len;
		assert_int_equal(peer_unprotect(peer, &m[i], &t[i], p[i].rtcp), srtp_err_status_ok);
		assert_int_equal(t[i].len, plain[i].len);
		assert_memory_equal(t[i].b, plain[i].b, t[i].len);
		srtp_dealloc(peer);
		free(k[i]);
	}
}

static int start(void **state)
{
	(void)state;
	x = srtp_engine_create(NULL);
	return x && srtp_init() == srtp_err_status_ok ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	srtp_engine_free(x);
	return srtp_shutdown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_burst),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
