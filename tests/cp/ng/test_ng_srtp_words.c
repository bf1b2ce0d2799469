/* SPDX-License-Identifier: BSD-3-Clause */
/* What words of SDES and OSRTP change in offers and answers (RFC 4568, 8643), as rtpengine has
 * them. */
#include "tests/world/ng_world.h"

#include <stdio.h>
#include <string.h>

#define HEAD(who, ip) "v=0\no=" who " 1 1 IN IP4 " ip "\ns=-\nc=IN IP4 " ip "\nt=0 0\n"
#define A HEAD("a", "203.0.113.7")
#define B HEAD("b", "203.0.113.9")
#define KEY "inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define CM80 "AES_CM_128_HMAC_SHA1_80"
#define CM32 "AES_CM_128_HMAC_SHA1_32"
#define TO_SRTP "\"transport-protocol\":\"RTP/SAVP\""
#define TO_RTP "\"transport-protocol\":\"RTP/AVP\""

static const char plain[] = A "m=audio 4000 RTP/AVP 0\n";
static const char two[] =
    A "m=audio 4000 RTP/SAVP 0\na=crypto:1 " CM80 " " KEY "\na=crypto:2 " CM32 " " KEY "\n";

/* Suites in the last SDP, by their lines. */
static const char *suites(const struct ng_world *w)
{
	static char text[512];
	size_t n = 0;

	*text = 0;
	for (const char *at = w->sdp; (at = strstr(at, "a=crypto:")); at++) {
		const char *name = strchr(at, ' ') + 1;

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", n ? " " : "",
				      (int)strcspn(name, " "), name);
	}
	return text;
}

#define GCM "AEAD_AES_256_GCM AEAD_AES_128_GCM"
#define CM256 "AES_256_CM_HMAC_SHA1_80 AES_256_CM_HMAC_SHA1_32"

static void suites_that_are_offered(void **state)
{
	static const struct {
		const char *words, *sdp, *suites;
	} c[] = {
		{ "", plain, GCM " " CM256 " " CM80 " " CM32 },
		{ "\"no-" CM32 "\",\"no-AEAD_AES_256_GCM\"", plain,
		  "AEAD_AES_128_GCM " CM256 " " CM80 },
		{ "\"only-" CM32 "\",\"only-NULL_HMAC_SHA1_80\"", plain,
		  CM32 " NULL_HMAC_SHA1_80" },
		/* only goes before no. */
		{ "\"no-" CM80 "\",\"only-" CM80 "\"", plain, CM80 },
		{ "\"order:" CM32 ";" CM80 ";NONE\"", plain, CM32 " " CM80 " " GCM " " CM256 },
		{ "\"nonew\"", plain, GCM " " CM256 " " CM80 " " CM32 },
		{ "\"unencrypted_srtcp\"", plain, CM256 " " CM80 " " CM32 },
		/* SRTP goes through: words take lines, and say whether some are added. */
		{ "", two, CM80 " " CM32 " " GCM " " CM256 },
		{ "\"nonew\"", two, CM80 " " CM32 },
		{ "\"no-" CM80 "\"", two, CM32 },
		{ "\"only-" CM32 "\",\"only-AEAD_AES_128_GCM\"", two, CM32 " AEAD_AES_128_GCM" },
	};
	struct ng_world *w = *state;
	char more[256];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(more, sizeof(more), TO_SRTP ",\"SDES\":[%s]", c[i].words);
		ng_sdp(w, "offer", "a", NULL, more, c[i].sdp);
		assert_string_equal(suites(w), c[i].suites);
	}
	/* Two keys: what the offerer has first, or alone. */
	ng_sdp(w, "offer", "r", NULL, TO_SRTP ",\"flags\":[\"recrypt\"]", two);
	assert_string_equal(suites(w), CM80 " " CM32 " " GCM " " CM256);
	ng_lacks(w, KEY);
	ng_sdp(w, "offer", "r", NULL, TO_SRTP ",\"flags\":[\"recrypt\",\"SDES-nonew\"]", two);
	assert_string_equal(suites(w), CM80 " " CM32);
	assert_int_equal(ng_stats(w->ng)->unknown, 0);
}

static void without_sdes_there_is_no_srtp(void **state)
{
	struct ng_world *w = *state;

	ng_sdp_refused(w, "offer", TO_SRTP ",\"SDES\":[\"off\"]", plain, "without SDES");
	ng_sdp_refused(w, "offer", TO_SRTP ",\"SDES\":[\"off\"]", two, "without SDES");
	ng_sdp_refused(w, "offer", TO_SRTP ",\"SDES\":[\"only-NONE\"]", plain, "no suite is left");
	/* A fingerprint is another way. */
	ng_sdp(w, "offer", "a", NULL, TO_SRTP ",\"flags\":[\"SDES-off\"]",
	       A "m=audio 4000 RTP/SAVP 0\na=crypto:1 " CM80 " " KEY "\na=fingerprint:sha-1 4A\n");
	ng_lacks(w, "crypto");
	ng_has(w, "a=fingerprint:sha-1 4A");
	/* And browsers would not have it. */
	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"WebRTC\"]",
	       A "m=audio 4000 UDP/TLS/RTP/SAVPF 0\na=crypto:1 " CM80 " " KEY "\n");
	ng_lacks(w, "crypto");
}

static void lines_as_words_have_them(void **state)
{
	struct ng_world *w = *state;
	const char *at;

	ng_sdp(w, "offer", "a", NULL, TO_SRTP ",\"SDES\":[\"only-AEAD_AES_128_GCM\",\"lifetime\"]",
	       plain);
	at = strstr(w->sdp, "inline:");
	assert_non_null(at);
	assert_memory_equal(at + strlen("inline:") + 38, "==|2^31\n", 8);
	ng_sdp(w, "offer", "a", NULL,
	       TO_SRTP ",\"SDES\":[\"only-" CM80 "\",\"unencrypted_srtp\",\"unencrypted-srtcp\"]",
	       plain);
	assert_non_null(strstr(w->sdp, " UNENCRYPTED_SRTP UNENCRYPTED_SRTCP\n"));
	ng_sdp(w, "answer", "a", "b", "",
	       B "m=audio 6000 RTP/SAVP 0\na=crypto:1 " CM80 " " KEY
		 " UNENCRYPTED_SRTCP UNENCRYPTED_SRTP\n");
	assert_int_equal(w->srtp[1].flags, CTL_SRTP_CLEAR_RTP | CTL_SRTP_CLEAR_RTCP);
	/* An offerer's own are answered as they are. */
	ng_sdp(w, "offer", "x", NULL, TO_RTP,
	       A "m=audio 4000 RTP/SAVP 0\na=crypto:1 " CM80 " " KEY " UNENCRYPTED_SRTP\n");
	ng_sdp(w, "answer", "x", "y", "", B "m=audio 6000 RTP/AVP 0\n");
	assert_non_null(strstr(w->sdp, " UNENCRYPTED_SRTP\n"));
	assert_int_equal(w->srtp[0].flags, CTL_SRTP_CLEAR_RTP);
}

static void the_line_that_is_liked_is_answered(void **state)
{
	static const struct {
		const char *word, *suite;
	} c[] = {
		{ "offerer_pref:NONE;" CM32, CM32 },
		{ "no-" CM80, CM32 },
		/* Nothing is left: the first all the same. */
		{ "only-AEAD_AES_128_GCM", CM80 },
	};
	struct ng_world *w = *state;
	char more[128];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(more, sizeof(more), TO_RTP ",\"SDES\":[\"%s\"]", c[i].word);
		ng_sdp(w, "offer", "a", NULL, more, two);
		assert_string_equal(suites(w), "");
		ng_sdp(w, "answer", "a", "b", "", B "m=audio 6000 RTP/AVP 0\n");
		assert_string_equal(suites(w), c[i].suite);
	}
}

/* ---- RFC 8643 ---- */

static const char osrtp[] = A "m=audio 4000 RTP/AVP 0\na=crypto:1 " CM80 " " KEY "\n";

static void srtp_that_is_offered_as_rtp_goes_through(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", osrtp);
	assert_string_equal(suites(w), CM80);
	ng_sdp(w, "answer", "a", "b", "",
	       B "m=audio 6000 RTP/AVP 0\na=crypto:1 " CM80 " " KEY "\n");
	assert_string_equal(suites(w), CM80);
	ng_has(w, "a=crypto:1 " CM80 " " KEY);
	assert_int_equal(w->n_srtp, 0);
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 6000 RTP/AVP 0\n");
	assert_string_equal(suites(w), "");
	assert_int_equal(w->n_srtp, 0);
}

static void it_is_taken_up_where_the_other_side_does_not(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"OSRTP\":[\"accept-RFC\"]", osrtp);
	/* Nobody has agreed to it yet. */
	assert_int_equal(ng_context(w, 0)->term[0].term.flags & TERM_SRTP, 0);
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 6000 RTP/AVP 0\n");
	assert_non_null(strstr(w->sdp, " RTP/AVP 0\n"));
	assert_string_equal(suites(w), CM80);
	assert_int_equal(w->n_srtp, 1);
	assert_int_equal(ng_context(w, 0)->term[0].term.flags & TERM_SRTP, TERM_SRTP);
	/* To SRTP alone there is one way only. */
	ng_sdp(w, "offer", "s", NULL, TO_SRTP, osrtp);
	ng_lacks(w, KEY);
}

static void it_is_offered_to_who_may_not_know_it(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"OSRTP-offer\",\"SDES-only-" CM80 "\"]", plain);
	assert_non_null(strstr(w->sdp, " RTP/AVP 0\n"));
	assert_string_equal(suites(w), CM80);
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 6000 RTP/AVP 0\n");
	assert_int_equal(w->n_srtp, 0);
	ng_sdp(w, "answer", "a", "b", "",
	       B "m=audio 6000 RTP/AVP 0\na=crypto:1 " CM80 " " KEY "\n");
	assert_string_equal(suites(w), "");
	assert_int_equal(w->n_srtp, 1);
	assert_int_equal(ng_context(w, 0)->term[1].term.flags & TERM_SRTP, TERM_SRTP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, ng_world_setup, ng_world_teardown)
	const struct CMUnitTest tests[] = {
		T(suites_that_are_offered),
		T(without_sdes_there_is_no_srtp),
		T(lines_as_words_have_them),
		T(the_line_that_is_liked_is_answered),
		T(srtp_that_is_offered_as_rtp_goes_through),
		T(it_is_taken_up_where_the_other_side_does_not),
		T(it_is_offered_to_who_may_not_know_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
