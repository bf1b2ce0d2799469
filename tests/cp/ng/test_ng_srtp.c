/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRTP that ends here by SDES (RFC 4568): who is offered which keys, which line is answered, what
 * the dataplane is told; keys that are kept, changed, and never used twice; restarts of either
 * process (R39, R70, TS 23.334 5.11).
 */
#include "tests/world/ng_world.h"

#include <stdio.h>
#include <string.h>

#define HEAD(who, ip) "v=0\no=" who " 1 1 IN IP4 " ip "\ns=-\nc=IN IP4 " ip "\nt=0 0\n"
#define A HEAD("a", "203.0.113.7")
#define B HEAD("b", "203.0.113.9")
#define CM "AES_CM_128_HMAC_SHA1_80"
#define CM32 "AES_CM_128_HMAC_SHA1_32"
/* Keys of 30 bytes, told apart by their first character. */
#define KEY(c) "inline:" c "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SAVP(head, port, line) head "m=audio " port " RTP/SAVP 0\na=crypto:" line "\n"

static const char to_srtp[] =
    "\"direction\":[\"access\",\"core\"],\"transport-protocol\":\"RTP/SAVP\"";
static const char to_rtp[] =
    "\"direction\":[\"access\",\"core\"],\"transport-protocol\":\"RTP/AVP\"";
static const char plain[] = A "m=audio 4000 RTP/AVP 0\n";
static const char plain_answer[] = B "m=audio 6000 RTP/AVP 0\n";

static uint16_t flags(const struct ng_world *w, uint32_t side)
{
	return ng_context(w, 0)->term[side].term.flags;
}

static const struct gate_srtp *keys(const struct ng_world *w, uint32_t side)
{
	const struct gate_srtp *k = gate_srtp(w->e.s.gateway, ng_context(w, 0), side);

	assert_non_null(k);
	/* The dataplane was told the same. */
	assert_memory_equal(&k->in, &w->srtp[side].in, sizeof(k->in));
	assert_memory_equal(&k->out, &w->srtp[side].out, sizeof(k->out));
	assert_int_equal(k->flags, w->srtp[side].flags);
	return k;
}

/* The line of a=crypto with a tag in the last SDP, into *c. */
static struct sdes_crypto crypto(const struct ng_world *w, uint32_t tag)
{
	struct sdes_crypto c;
	char name[32];
	const char *at;

	snprintf(name, sizeof(name), "a=crypto:%u ", tag);
	at = strstr(w->sdp, name);
	if (!at)
		fail_msg("no %sin\n%s", name, w->sdp);
	at += strlen("a=crypto:");
	assert_int_equal(sdes_parse((struct sdp_text){ at, (uint32_t)strcspn(at, "\n") }, &c),
			 SDES_OK);
	return c;
}

/* The number of lines of a=crypto in the last SDP. */
static uint32_t lines(const struct ng_world *w)
{
	uint32_t n = 0;

	for (const char *at = w->sdp; (at = strstr(at, "a=crypto:")); at++)
		n++;
	return n;
}

static void assert_key(const struct ctl_srtp_key *k, const struct sdes_crypto *c)
{
	assert_int_equal(k->set, 1);
	assert_int_equal(k->suite, c->suite);
	assert_memory_equal(k->master, c->key[0].master, SRTP_MASTER_MAX);
}

/* The first character of a KEY(). */
static void assert_key_of(const struct ctl_srtp_key *k, char c)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	assert_int_equal(k->set, 1);
	assert_int_equal(k->master[0] >> 2, strchr(alphabet, c) - alphabet);
}

static bool differ(const struct ctl_srtp_key *a, const struct ctl_srtp_key *b)
{
	return memcmp(a, b, sizeof(*a)) != 0;
}

/* ---- one side ---- */

static void who_is_offered_srtp_chooses_a_suite(void **state)
{
	struct ng_world *w = *state;
	struct sdes_crypto offered;

	ng_sdp(w, "offer", "a", NULL, to_srtp, plain);
	assert_non_null(strstr(w->sdp, " RTP/SAVP 0\n"));
	assert_int_equal(lines(w), 6);
	assert_int_equal(crypto(w, 1).suite, SRTP_GCM_256);
	offered = crypto(w, 5);
	assert_int_equal(offered.suite, SRTP_AES_CM_128_80);
	/* Nothing passes until the answer tells by which keys. */
	assert_int_equal(flags(w, 0) & TERM_SRTP, 0);
	assert_int_equal(flags(w, 1) & TERM_SRTP, TERM_SRTP);
	assert_int_equal(w->n_srtp, 0);
	ng_sdp(w, "answer", "a", "b", "", SAVP(B, "6000", "5 " CM " " KEY("B")));
	ng_lacks(w, "crypto");
	assert_non_null(strstr(w->sdp, " RTP/AVP 0\n"));
	assert_int_equal(w->n_srtp, 1);
	assert_key(&keys(w, 1)->out, &offered);
	assert_key_of(&keys(w, 1)->in, 'B');
	assert_int_equal(gate_srtp_count(w->e.s.gateway), 1);
}

static void who_offers_srtp_is_answered_by_his_first_line(void **state)
{
	struct ng_world *w = *state;
	struct sdes_crypto ours;

	ng_sdp(
	    w, "offer", "a", NULL, to_rtp,
	    A
	    "a=fingerprint:sha-1 4A\nm=audio 4000 RTP/SAVPF 0\na=crypto:7 F8_128_HMAC_SHA1_80 " KEY(
		"A") "\na=crypto:8 " CM32 " " KEY("B") "|2^20|9:4\na=crypto:9 " CM
						       " " KEY("C") "\na=setup:actpass\n");
	assert_non_null(strstr(w->sdp, " RTP/AVP 0\n"));
	ng_lacks(w, "crypto");
	ng_lacks(w, "fingerprint");
	ng_lacks(w, "setup");
	assert_int_equal(flags(w, 0) & TERM_SRTP, TERM_SRTP);
	assert_int_equal(ng_stats(w->ng)->crypto_skipped[SDES_SUITE], 1);
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_non_null(strstr(w->sdp, " RTP/SAVPF 0\n"));
	assert_int_equal(lines(w), 1);
	ours = crypto(w, 8);
	assert_int_equal(ours.suite, SRTP_AES_CM_128_32);
	assert_int_equal(ours.key[0].mki_len, 0);
	assert_key(&keys(w, 0)->out, &ours);
	assert_key_of(&keys(w, 0)->in, 'B');
	assert_int_equal(keys(w, 0)->in.mki, 9);
	assert_int_equal(keys(w, 0)->in.mki_len, 4);
	assert_int_equal(keys(w, 0)->in.lifetime, 1 << 20);
	assert_int_equal(w->n_srtp, 1);
}

/* RFC 4568 7.1.2: not the call. */
static void where_no_line_can_be_used_the_m_line_is_rejected(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, to_rtp,
	       A "m=audio 4000 RTP/SAVP 0\na=crypto:1 " CM " " KEY("A") "|1:4;" KEY(
		   "B") "|2:4\na=crypto:2 " CM " inline:short\na=crypto:3 " CM
			" " KEY("A") " UNAUTHENTICATED_SRTP\nm=audio 4002 RTP/AVP 0\n");
	ng_has(w, "m=audio 0 RTP/SAVP 0");
	assert_int_equal(ng_stats(w->ng)->crypto_skipped[SDES_PARAM], 2);
	assert_int_equal(ng_stats(w->ng)->crypto_skipped[SDES_BAD], 1);
	assert_int_equal(ng_contexts(w), 1);
	ng_sdp_refused(w, "offer", to_rtp, A "m=audio 4000 RTP/SAVP 0\n", "no a=crypto that can");
}

static void answers_that_answer_nothing(void **state)
{
	static const char *const bad[] = {
		"1 " CM " " KEY("B"),			  /* another suite has that tag */
		"9 " CM " " KEY("B"),			  /* no line has it */
		"5 " CM " " KEY("B") " UNENCRYPTED_SRTP", /* negotiated, and not so */
		"5 " CM " inline:short",
	};
	struct ng_world *w = *state;
	char text[512], offered[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ng_sdp(w, "offer", "a", NULL, to_srtp, plain);
		snprintf(text, sizeof(text), SAVP(B, "6000", "%s"), bad[i]);
		ng_sdp(w, "answer", "a", "b", "", text);
		ng_has(w, "m=audio 0 RTP/SAVP 0");
	}
	/* Our own key came back: one for both ways would use key stream twice. */
	ng_sdp(w, "offer", "a", NULL, to_srtp, plain);
	snprintf(offered, sizeof(offered), "%.*s", (int)strcspn(strstr(w->sdp, "5 " CM), "\n"),
		 strstr(w->sdp, "5 " CM));
	snprintf(text, sizeof(text), SAVP(B, "6000", "%s"), offered);
	ng_sdp(w, "answer", "a", "b", "", text);
	ng_has(w, "m=audio 0 RTP/SAVP 0");
	assert_int_equal(w->n_srtp, 0);
}

/* ---- offers again ---- */

static void talk(struct ng_world *w)
{
	ng_sdp(w, "offer", "a", NULL, to_rtp, SAVP(A, "4000", "1 " CM " " KEY("A")));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
}

static void the_same_keys_go_on(void **state)
{
	struct ng_world *w = *state;
	struct gate_srtp before;

	talk(w);
	before = *keys(w, 0);
	ng_sdp(w, "offer", "a", "b", "", SAVP(A, "4000", "1 " CM " " KEY("A")));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_memory_equal(keys(w, 0), &before, sizeof(before));
	/* The other side offers: who has SRTP is told the key that it knows, and may keep its own.
	 */
	ng_sdp(w, "offer", "b", "a", "", plain_answer);
	assert_non_null(strstr(w->sdp, " RTP/SAVP 0\n"));
	assert_int_equal(crypto(w, 5).suite, SRTP_AES_CM_128_80);
	ng_sdp(w, "answer", "b", "a", "", SAVP(A, "4000", "5 " CM " " KEY("A")));
	assert_memory_equal(keys(w, 0), &before, sizeof(before));
}

static void another_key_is_another_and_ours_stays(void **state)
{
	struct ng_world *w = *state;
	struct gate_srtp before;

	talk(w);
	before = *keys(w, 0);
	ng_sdp(w, "offer", "a", "b", "", SAVP(A, "4000", "1 " CM " " KEY("B")));
	/* It may be refused. */
	assert_memory_equal(keys(w, 0), &before, sizeof(before));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_key_of(&keys(w, 0)->in, 'B');
	assert_false(differ(&keys(w, 0)->out, &before.out));
	/* Of another suite, ours is new as well. */
	ng_sdp(w, "offer", "a", "b", "", SAVP(A, "4000", "1 " CM32 " " KEY("B")));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_true(differ(&keys(w, 0)->out, &before.out));
	/* And back: never the one that was. */
	ng_sdp(w, "offer", "a", "b", "", SAVP(A, "4000", "1 " CM " " KEY("A")));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_true(differ(&keys(w, 0)->out, &before.out));
}

/* T.38 and back: keys go with SRTP, and ours is another then. */
static void keys_are_gone_with_srtp(void **state)
{
	struct ng_world *w = *state;
	struct ctl_srtp_key before;

	talk(w);
	before = keys(w, 0)->out;
	ng_sdp(w, "offer", "a", "b", "", A "m=image 4000 udptl t38\n");
	ng_sdp(w, "answer", "a", "b", "", B "m=image 6000 udptl t38\n");
	assert_int_equal(flags(w, 0) & TERM_SRTP, 0);
	assert_null(gate_srtp(w->e.s.gateway, ng_context(w, 0), 0));
	ng_sdp(w, "offer", "a", "b", to_rtp, SAVP(A, "4000", "1 " CM " " KEY("A")));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_true(differ(&keys(w, 0)->out, &before));
}

/* ---- forks ---- */

static void a_key_that_was_replaced_is_spent(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, to_srtp, plain);
	ng_sdp(w, "answer", "a", "b1", "", SAVP(B, "6000", "5 " CM " " KEY("B")));
	/* Another branch by the same line: one stream of ours goes on to it. */
	ng_sdp(w, "answer", "a", "b2", "", SAVP(B, "6010", "5 " CM " " KEY("C")));
	assert_key_of(&keys(w, 1)->in, 'C');
	ng_sdp(w, "answer", "a", "b1", "", SAVP(B, "6000", "5 " CM " " KEY("B")));
	assert_key_of(&keys(w, 1)->in, 'B');
	/* By another line; and then there is no way back. */
	ng_sdp(w, "answer", "a", "b3", "", SAVP(B, "6020", "6 " CM32 " " KEY("D")));
	assert_int_equal(keys(w, 1)->out.suite, SRTP_AES_CM_128_32);
	ng_sdp(w, "answer", "a", "b1", "", SAVP(B, "6000", "5 " CM " " KEY("B")));
	ng_has(w, "m=audio 0 RTP/SAVP 0");
	/* Another offer has other keys. */
	ng_sdp(w, "offer", "a", "b1", "", plain);
	ng_sdp(w, "answer", "a", "b1", "", SAVP(B, "6000", "5 " CM " " KEY("B")));
	assert_int_equal(keys(w, 1)->out.suite, SRTP_AES_CM_128_80);
}

static void each_branch_is_offered_a_key_of_its_own(void **state)
{
	struct ng_world *w = *state;
	struct sdes_crypto first, second;
	char more[192];

	for (int i = 0; i < 2; i++) {
		snprintf(more, sizeof(more), "%s,\"via-branch\":\"%d\"", to_srtp, i);
		ng_sdp(w, "offer", "a", NULL, more, plain);
		*(i ? &second : &first) = crypto(w, 5);
	}
	assert_memory_not_equal(first.key[0].master, second.key[0].master, SRTP_MASTER_MAX);
}

/* ---- SRTP on both sides ---- */

static void equal_keys_pass_from_end_to_end(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", SAVP(A, "4000", "3 " CM " " KEY("A")));
	ng_has(w, "a=crypto:3 " CM " " KEY("A"));
	ng_sdp(w, "answer", "a", "b", "", SAVP(B, "6000", "3 " CM " " KEY("B")));
	ng_has(w, "a=crypto:3 " CM " " KEY("B"));
	assert_int_equal((flags(w, 0) | flags(w, 1)) & TERM_SRTP, 0);
	assert_int_equal(w->n_srtp, 0);
}

static void who_knows_none_of_the_others_suites_takes_one_of_ours(void **state)
{
	struct ng_world *w = *state;
	struct sdes_crypto ours;

	ng_sdp(w, "offer", "a", NULL, "", SAVP(A, "4000", "3 " CM " " KEY("A")));
	assert_int_equal(lines(w), 6);
	ours = crypto(w, 4);
	assert_int_equal(ours.suite, SRTP_GCM_256);
	ng_sdp(w, "answer", "a", "b", "",
	       SAVP(B, "6000", "5 AEAD_AES_128_GCM inline:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
	assert_int_equal(lines(w), 1);
	assert_int_equal(crypto(w, 3).suite, SRTP_AES_CM_128_80);
	assert_int_equal(w->n_srtp, 2);
	assert_key_of(&keys(w, 0)->in, 'A');
	assert_key_of(&keys(w, 1)->in, 'B');
	assert_int_equal(keys(w, 1)->out.suite, SRTP_GCM_128);
	/* It stays so. */
	ng_sdp(w, "offer", "a", "b", "", SAVP(A, "4000", "3 " CM " " KEY("A")));
	ng_lacks(w, KEY("A"));
	assert_int_equal(crypto(w, 3).suite, SRTP_GCM_128);
}

static void recrypt_is_two_keys(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"recrypt\"]",
	       SAVP(A, "4000", "3 " CM " " KEY("A")));
	ng_lacks(w, KEY("A"));
	/* The offerer's own suites first. */
	assert_int_equal(crypto(w, 1).suite, SRTP_AES_CM_128_80);
	ng_sdp(w, "answer", "a", "b", "", SAVP(B, "6000", "1 " CM " " KEY("B")));
	ng_lacks(w, KEY("B"));
	assert_int_equal(w->n_srtp, 2);
	assert_true(differ(&keys(w, 0)->out, &keys(w, 1)->out));
	assert_int_equal(gate_srtp_count(w->e.s.gateway), 2);
}

/* ---- restarts (R70), limits ---- */

static void a_restart_leaves_the_dataplane_its_keys(void **state)
{
	struct ng_world *w = *state;
	struct ctl_srtp_key before;

	talk(w);
	before = keys(w, 0)->out;
	w->n_srtp = 0;
	ng_world_restart(w);
	assert_int_equal(w->n_srtp, 0);
	assert_null(gate_srtp(w->e.s.gateway, ng_context(w, 0), 0));
	assert_int_equal(flags(w, 0) & TERM_SRTP, TERM_SRTP);
	assert_int_equal(gate_srtp_count(w->e.s.gateway), 1);
	/* What it was told is not known any more, so another key is. */
	ng_sdp(w, "offer", "a", "b", "", SAVP(A, "4000", "1 " CM " " KEY("A")));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_true(differ(&keys(w, 0)->out, &before));
	/* An offer that was under way cannot be answered. */
	ng_sdp(w, "offer", "a", "b", "", SAVP(A, "4000", "1 " CM " " KEY("B")));
	ng_world_restart(w);
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	ng_has(w, "m=audio 0 RTP/AVP 0");
}

static void another_dataplane_ends_it(void **state)
{
	struct ng_world *w = *state;

	talk(w);
	ng_world_dataplane(w, 77);
	assert_int_equal(ng_contexts(w), 0);
	assert_int_equal(gate_stats(w->e.s.gateway)->ended[CONTEXT_END_DATAPLANE], 1);
}

/* The same keys again: it goes on where it was. */
static void the_same_dataplane_is_told_again(void **state)
{
	struct ng_world *w = *state;
	struct gate_srtp before;
	const uint64_t generation = w->e.dp.region->generation;

	talk(w);
	before = *keys(w, 0);
	memset(w->srtp, 0, sizeof(w->srtp));
	ng_world_dataplane(w, generation);
	assert_memory_equal(keys(w, 0), &before, sizeof(before));
}

static void no_key_is_in_the_file(void **state)
{
	struct ng_world *w = *state;
	static char file[1 << 20];
	FILE *f;
	size_t n;

	talk(w);
	f = fopen(w->e.conf.control.contexts, "r");
	assert_non_null(f);
	n = fread(file, 1, sizeof(file), f);
	fclose(f);
	assert_true(n > 1000);
	assert_null(memmem(file, n, keys(w, 0)->out.master, 8));
	assert_null(memmem(file, n, "AAAAAAAAAAAAAAAA", 16));
}

static void terminations_of_srtp_are_bounded(void **state)
{
	struct ng_world *w = *state;

	w->e.conf.gateway.srtp = 1;
	for (uint32_t i = 0; i < w->e.conf.dataplane.n_workers; i++)
		assert_int_equal(gate_srtp_count(w->e.s.gateway), 0);
	ng_sdp(w, "offer", "a", NULL, to_srtp, plain);
	ng_sdp_refused(w, "offer", "\"flags\":[\"recrypt\"]", SAVP(A, "4000", "1 " CM " " KEY("A")),
		       "no termination of SRTP left");
	w->e.conf.gateway.srtp = 0;
	ng_sdp_refused(w, "offer", to_rtp, SAVP(A, "4000", "1 " CM " " KEY("A")),
		       "gateway.srtp is 0");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, ng_world_setup, ng_world_teardown)
	const struct CMUnitTest tests[] = {
		T(who_is_offered_srtp_chooses_a_suite),
		T(who_offers_srtp_is_answered_by_his_first_line),
		T(where_no_line_can_be_used_the_m_line_is_rejected),
		T(answers_that_answer_nothing),
		T(the_same_keys_go_on),
		T(another_key_is_another_and_ours_stays),
		T(keys_are_gone_with_srtp),
		T(a_key_that_was_replaced_is_spent),
		T(each_branch_is_offered_a_key_of_its_own),
		T(equal_keys_pass_from_end_to_end),
		T(who_knows_none_of_the_others_suites_takes_one_of_ours),
		T(recrypt_is_two_keys),
		T(a_restart_leaves_the_dataplane_its_keys),
		T(another_dataplane_ends_it),
		T(the_same_dataplane_is_told_again),
		T(no_key_is_in_the_file),
		T(terminations_of_srtp_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
