/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What browsers say in SDP, and what they are told: addresses that ICE finds (RFC 8829, 8840),
 * names of m-lines and bundles (RFC 5888, 9143), RTCP on the port of RTP (RFC 5761, 8858), feedback
 * that the other side does not have (RFC 4585) (R12, R24, R39).
 */
#include "tests/world/ng_world.h"
#include "cp/ng/ng_call.h"

#include <stdio.h>

static const char realms[] = "\"direction\":[\"access\",\"core\"]";

#define A_AT(address)                                                                \
	"v=0\no=- 4611 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n"                             \
	"a=group:BUNDLE 0 1\na=msid-semantic: WMS stream\n"                          \
	"m=audio 9 RTP/AVPF 111 63 0\nc=IN " address "\n"                            \
	"a=rtcp:9 IN IP4 0.0.0.0\n"                                                  \
	"a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"                       \
	"a=ice-options:trickle\na=mid:0\na=sendrecv\n"                               \
	"a=rtcp-mux\na=rtcp-rsize\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n" \
	"a=rtpmap:111 opus/48000/2\na=rtcp-fb:111 transport-cc\n"                    \
	"a=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n"                               \
	"a=ssrc:1 cname:x\na=ssrc:1 msid:stream track\n"
#define A_AUDIO A_AT("IP4 0.0.0.0")
#define A_VIDEO                                                \
	"m=video 9 RTP/AVPF 96\nc=IN IP4 0.0.0.0\na=mid:1\n"   \
	"a=ice-ufrag:efgh\na=ice-pwd:0123456789012345678901\n" \
	"a=rtcp-mux\na=rid:h send\na=simulcast:send h\n"
#define B "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
#define B_AUDIO B "m=audio 6000 RTP/AVP 0\n"

#define X8(x) x ":" x ":" x ":" x ":" x ":" x ":" x ":" x
#define DTLS                                                                \
	"a=rtcp-mux\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"  \
	"a=fingerprint:sha-256 " X8("AB") ":" X8("AB") ":" X8("AB") ":" X8( \
	    "AB") "\na=setup:actpass\n"

static void delete_call(struct ng_world *w)
{
	json_decref(
	    ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\",\"delete-delay\":0}"));
	assert_int_equal(ng_contexts(w), 0);
}

static const struct ctl_term *term(const struct ng_world *w, uint16_t media, uint32_t side)
{
	return &ng_context(w, media)->term[side].term;
}

static const char as_rtp[] =
    "\"direction\":[\"access\",\"core\"],\"ICE\":\"remove\",\"transport-protocol\":\"RTP/AVP\"";

/* ---- addresses ---- */

static void an_address_that_ice_will_find_is_no_hold(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, as_rtp, A_AUDIO);
	ng_has(w, "c=IN IP4 192.0.2.12");
	ng_lacks(w, "0.0.0.0");
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO);
	assert_int_equal(term(w, 0, 0)->flags & (TERM_OUT | TERM_ICE), TERM_OUT | TERM_ICE);
	assert_int_equal(be16_get(term(w, 0, 0)->remote[0].port), 0);
	assert_int_equal(ng_context(w, 0)->inactivity, 60);
	/* Without ICE it is one (RFC 2543). */
	ng_sdp(w, "offer", "a", "b", "",
	       "v=0\no=a 1 3 IN IP4 203.0.113.7\ns=-\nt=0 0\n"
	       "m=audio 9 RTP/AVP 0\nc=IN IP4 0.0.0.0\n");
	ng_has(w, "c=IN IP4 0.0.0.0");
}

static void what_was_told_before_stays(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, as_rtp,
	       "v=0\no=a 1 2 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "m=audio 4000 RTP/AVP 0\n");
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO);
	ng_sdp(w, "offer", "a", "b", "", A_AUDIO);
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO);
	assert_int_equal(be16_get(term(w, 0, 0)->remote[0].port), 4000);
}

/* Our one address is of a family that its candidates have, as far as the realm has it. */
static void candidates_say_the_family(void **state)
{
	static const struct {
		const char *sdp, *realms, *c;
	} c[] = {
		{ A_AUDIO "a=candidate:1 1 udp 1 203.0.113.7 4000 typ host\n",
		  "\"direction\":[\"access\",\"core\"]", "192.0.2.11" },
		{ A_AUDIO "a=candidate:1 1 udp 1 2001:db8::7 4000 typ host\n",
		  "\"direction\":[\"access\",\"core\"]", "2001:db8:ffff::1" },
		{ A_AUDIO "a=candidate:1 1 udp 1 2001:db8::7 4000 typ host\n"
			  "a=candidate:2 1 udp 2 203.0.113.7 4000 typ host\n",
		  "\"direction\":[\"access\",\"core\"]", "192.0.2.11" },
		/* Names, TCP and what is none say nothing. */
		{ A_AUDIO "a=candidate:1 1 udp 1 x.local 4000 typ host\na=candidate:\na=candidate\n"
			  "a=candidate:1 1 tcp 1 2001:db8::7 9 typ host tcptype active\n",
		  "\"direction\":[\"access\",\"core\"]", "192.0.2.11" },
		{ A_AT("IP6 ::"), "\"direction\":[\"access\",\"core\"]", "2001:db8:ffff::1" },
		/* The realm has IPv4 alone. */
		{ A_AT("IP6 ::"), "\"direction\":[\"core\",\"access\"]", "192.0.2.12" },
	};
	struct ng_world *w = *state;

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		char more[160], want[64], call[16];
		struct sock_addr a;
		char text[ADDR_STR_MAX];

		snprintf(call, sizeof(call), "%zu", i);
		snprintf(more, sizeof(more), "%s,\"address-family\":\"IP4\",\"ICE\":\"remove\"",
			 c[i].realms);
		ng_sdp(w, "offer", "a", NULL, more, c[i].sdp);
		assert_true(gate_local(w->e.s.gateway, ng_context(w, 0), 0, false, &a));
		snprintf(want, sizeof(want), "%s", c[i].c);
		if (strcmp(ip_format(&a.ip, text, sizeof(text)), want) != 0)
			fail_msg("%zu: %s, not %s", i, text, want);
		gate_delete(w->e.s.gateway, ng_context(w, 0), NULL, NULL);
	}
}

/* ---- ICE's options ---- */

static void trickle_is_answered_and_told_by_flag(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, as_rtp, A_AUDIO);
	ng_lacks(w, "ice");
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO);
	ng_has(w, "a=ice-options:trickle");
	ng_has(w, "a=end-of-candidates");
	/* The other way round. */
	ng_sdp(w, "offer", "b", "a", "\"ICE\":[\"force\",\"trickle\",\"ice2\"]", B_AUDIO);
	ng_has(w, "a=ice-options:ice2 trickle");
	ng_has(w, "a=ice-lite");
	ng_sdp(w, "offer", "b", "a", "\"ICE\":[\"force\"]", B_AUDIO);
	ng_lacks(w, "ice-options");
	ng_sdp(w, "offer", "b", "a", "\"ICE\":[\"remove\",\"trickle\"]", B_AUDIO);
	ng_lacks(w, "ice");
}

static void offered_ice_may_be_rejected(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"ICE-reject\"]",
	       "v=0\no=a 1 2 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "m=audio 4000 RTP/AVP 0\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n");
	ng_has(w, "a=ice-lite");
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO);
	ng_lacks(w, "ice");
	ng_lacks(w, "candidate");
	assert_false(term(w, 0, 0)->flags & TERM_ICE);
}

/* ---- RTCP ---- */

/* RFC 8858; and who has no candidate for another port has none. */
static void who_can_only_multiplex_may(void **state)
{
	static const struct {
		const char *line;
		bool muxed;
	} c[] = {
		{ "a=rtcp-mux\n", false },
		{ "a=rtcp-mux\na=rtcp-mux-only\n", true },
		{ "a=rtcp-mux\na=mid:x\n", true },
		{ "a=mid:x\n", false },
		{ "a=rtcp-mux\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
		  "a=candidate:1 1 UDP 1 203.0.113.7 4000 typ host\n",
		  true },
		{ "a=rtcp-mux\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
		  "a=candidate:1 2 UDP 1 203.0.113.7 4001 typ host\n",
		  false },
	};
	struct ng_world *w = *state;
	char sdp[512];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(sdp, sizeof(sdp),
			 "v=0\no=a 1 2 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
			 "a=group:BUNDLE x\nm=audio 4000 RTP/AVP 0\n%s",
			 c[i].line);
		ng_sdp(w, "offer", "a", NULL, "", sdp);
		ng_lacks(w, "rtcp-mux-only");
		ng_sdp(w, "answer", "a", "b", "", B_AUDIO);
		if (c[i].muxed)
			ng_has(w, "a=rtcp-mux");
		else
			ng_lacks(w, "rtcp-mux");
		assert_int_equal((term(w, 0, 0)->flags & TERM_RTCP_MUX) != 0, c[i].muxed);
		assert_false(term(w, 0, 1)->flags & TERM_RTCP_MUX);
		gate_delete(w->e.s.gateway, ng_context(w, 0), NULL, NULL);
	}
}

static void feedback_is_for_who_has_it(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, as_rtp, A_AUDIO);
	ng_lacks(w, "rtcp-fb");
	ng_lacks(w, "rtcp-rsize");
	/* All else of browsers is no harm to others. */
	ng_has(w, "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid");
	ng_has(w, "a=ssrc:1 msid:stream track");
	ng_has(w, "a=msid-semantic: WMS stream");
	ng_sdp(w, "offer", "a", NULL, "\"transport-protocol\":\"RTP/AVPF\"", A_AUDIO A_VIDEO);
	ng_has(w, "a=rtcp-fb:111 transport-cc");
	ng_has(w, "a=rtcp-rsize");
	ng_has(w, "a=simulcast:send h");
	ng_has(w, "a=rid:h send");
	/* What a sender without the profile says all the same is its own matter. */
	ng_sdp(w, "offer", "x", NULL, "",
	       B "m=audio 6000 RTP/AVP 0\na=rtcp-fb:0 nack\na=rtcp-rsize\n");
	ng_has(w, "a=rtcp-fb:0 nack");
}

/* ---- sources ---- */

#define SOUND_SOURCES "a=msid:stream track0\na=ssrc:1 cname:x\na=ssrc:1 msid:stream track0\n"
#define PICTURE_SOURCES                                                                    \
	"a=msid:stream track1\na=ssrc-group:FID 4294967295 2\na=ssrc:4294967295 cname:x\n" \
	"a=ssrc:2 cname:x\na=ssrc-group:SIM 4294967295 3 4\na=ssrc:3 cname:x\na=ssrc:4 cname:x\n"

/* Of the SDP's two m-lines, the lines of `of`, in their order, stand in m-line `i`, and not in the
 * other. */
static void has_sources(const struct ng_world *w, uint32_t i, const char *of)
{
	const char *media[2] = { strstr(w->sdp, "m=audio"), strstr(w->sdp, "m=video") };
	const char *at, *end;
	char line[128];

	assert_true(media[0] && media[1]);
	at = media[i];
	for (; *of; of = end + 1) {
		end = strchr(of, '\n');
		snprintf(line, sizeof(line), "\n%.*s\n", (int)(end - of), of);
		at = strstr(at, line);
		if (!at || (i == 0 && at > media[1]))
			fail_msg("m-line %u has no%s or has it elsewhere: %s", i, line, w->sdp);
		if (i == 1 && strstr(w->sdp, line) < media[1])
			fail_msg("m-line 0 has%s: %s", line, w->sdp);
	}
}

/*
 * Packets keep their SSRC, so what says of them whose they are is the sender's, whatever the other
 * side's transport: of sources, their groups (RFC 5576) and streams (RFC 8830), in offers and
 * answers.
 */
static void sources_are_told_as_they_are(void **state)
{
	static const char *const c[] = {
		"RTP/AVP",
		"RTP/AVPF",
		"RTP/SAVPF",
		"UDP/TLS/RTP/SAVPF",
	};
	static const char browser[] =
	    "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\na=msid-semantic: WMS "
	    "stream\n"
	    "m=audio 9 UDP/TLS/RTP/SAVPF 0\nc=IN IP4 0.0.0.0\na=mid:0\n" DTLS SOUND_SOURCES
	    "m=video 9 UDP/TLS/RTP/SAVPF 96 97\nc=IN IP4 0.0.0.0\na=mid:1\n" DTLS
	    "a=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n" PICTURE_SOURCES;
	struct ng_world *w = *state;
	char more[128], phone[1024];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(more, sizeof(more),
			 "%s,\"bundle\":[\"accept\"],\"flags\":[\"recrypt\"],\"transport-"
			 "protocol\":\"%s\"",
			 realms, c[i]);
		ng_sdp(w, "offer", "a", NULL, more, browser);
		ng_has(w, "a=msid-semantic: WMS stream");
		has_sources(w, 0, SOUND_SOURCES);
		has_sources(w, 1, PICTURE_SOURCES);
		delete_call(w);
	}
	/* And those of who answers. */
	ng_sdp(w, "offer", "a", NULL,
	       "\"ICE\":\"remove\",\"bundle\":[\"accept\"],\"transport-protocol\":\"RTP/AVP\"",
	       browser);
	snprintf(phone, sizeof(phone), "%s%s%s%s", B_AUDIO, SOUND_SOURCES,
		 "m=video 6002 RTP/AVP 96\n", PICTURE_SOURCES);
	ng_sdp(w, "answer", "a", "b", "", phone);
	ng_has(w, "a=group:BUNDLE 0 1");
	has_sources(w, 0, SOUND_SOURCES);
	has_sources(w, 1, PICTURE_SOURCES);
}

static void red_goes_with_what_it_repeats(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"codec\":{\"strip\":[\"opus\"]}", A_AUDIO);
	assert_non_null(strstr(w->sdp, " RTP/AVPF 0\n"));
	ng_lacks(w, ":63 ");
}

/* ---- names and bundles ---- */

static void a_bundle_is_answered_by_one_of_one(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, as_rtp, A_AUDIO A_VIDEO);
	ng_lacks(w, "BUNDLE");
	assert_int_equal(ng_contexts(w), 2);
	/* Who answers knows no names, or has others. */
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO "m=video 6002 RTP/AVP 96\na=mid:other\n");
	ng_has(w, "a=group:BUNDLE 0");
	ng_has(w, "a=mid:0");
	ng_has(w, "a=mid:1");
	ng_lacks(w, "other");
	assert_int_not_equal(be16_get(term(w, 0, 0)->local.port),
			     be16_get(term(w, 1, 0)->local.port));
	/* Its names last, whoever offers again. */
	ng_sdp(w, "offer", "b", "a", "\"rtcp-mux\":\"offer\"", B_AUDIO "m=video 6002 RTP/AVP 96\n");
	ng_has(w, "a=group:BUNDLE 0");
	ng_has(w, "a=mid:1");
}

/* RFC 9143 7.3: the first that is left, by the offer's order. */
static void a_bundle_goes_by_the_first_that_is_served(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, as_rtp, A_AUDIO A_VIDEO);
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 0 RTP/AVP 0\nm=video 6002 RTP/AVP 96\n");
	ng_has(w, "a=group:BUNDLE 1");
	ng_has(w, "m=audio 0 RTP/AVP 0");
}

/* What may only be in a bundle is not served, and says so to both. */
static void what_is_bundle_only_is_rejected(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, as_rtp,
	       A_AUDIO "m=video 0 RTP/AVPF 96\nc=IN IP4 0.0.0.0\na=mid:1\na=bundle-only\n");
	ng_has(w, "m=video 0 RTP/AVPF 96");
	ng_lacks(w, "bundle-only");
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO "m=video 0 RTP/AVP 96\n");
	ng_has(w, "a=group:BUNDLE 0");
	ng_lacks(w, "bundle-only");
	assert_int_equal(ng_contexts(w), 1);
}

static void a_bundle_may_be_rejected_and_needs_multiplexed_rtcp(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"ICE\":\"remove\",\"bundle\":[\"reject\"]", A_AUDIO);
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO);
	ng_lacks(w, "BUNDLE");
	ng_has(w, "a=mid:0");
	ng_sdp(w, "offer", "a", "b", "\"ICE\":\"remove\",\"rtcp-mux\":[\"reject\"]", A_AUDIO);
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO);
	ng_lacks(w, "BUNDLE");
}

static void names_that_cannot_be_kept_are_in_no_bundle(void **state)
{
	static const char *const c[] = { "a=mid:a-name-that-is-longer-than-any\n", "a=mid\n",
					 "a=mid:\n", "a=mid:0 1\n", "" };
	struct ng_world *w = *state;
	char sdp[512];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(
		    sdp, sizeof(sdp),
		    "v=0\no=a 1 2 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
		    "a=group:BUNDLE a-name-that-is-longer-than-any 0\na=group:BUNDLE\na=group\n"
		    "m=audio 4000 RTP/AVP 0\na=rtcp-mux\n%s",
		    c[i]);
		ng_sdp(w, "offer", "a", NULL, "", sdp);
		assert_true(strstr(w->sdp, "a=mid:a-name") != NULL || i > 0);
		ng_lacks(w, "BUNDLE");
		ng_sdp(w, "answer", "a", "b", "", B_AUDIO "a=mid:7\n");
		ng_lacks(w, "BUNDLE");
		ng_lacks(w, "mid:");
	}
}

static void a_bundle_is_offered_by_flag(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "b", NULL, "\"bundle\":[\"offer\"],\"rtcp-mux\":[\"offer\"]",
	       B_AUDIO "m=video 6002 RTP/AVP 96\n");
	ng_has(w, "a=group:BUNDLE 0");
	ng_has(w, "a=mid:0");
	ng_has(w, "a=mid:1");
	ng_sdp(w, "answer", "b", "a", "",
	       "v=0\no=a 1 2 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "a=group:BUNDLE 0\nm=audio 4000 RTP/AVP 0\na=mid:0\na=rtcp-mux\n"
	       "m=video 4002 RTP/AVP 96\na=mid:1\na=rtcp-mux\n");
	ng_lacks(w, "BUNDLE");
	ng_lacks(w, "mid:");
	/* Without RTCP on the same port there is none (RFC 9143 9.3). */
	ng_sdp(w, "offer", "c", NULL, "\"flags\":[\"BUNDLE-require\"]", B_AUDIO);
	ng_lacks(w, "BUNDLE");
}

#define TWO(session, first, second) \
	session "m=audio 4000 RTP/AVP 0\n" first "m=video 4002 RTP/AVP 96\n" second
#define A "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"

/* What both sides call by other names, or one of them by none. */
static void no_two_m_lines_have_one_name(void **state)
{
	struct ng_world *w = *state;
	const char *video;

	/* What flags want is none of the sender's, not even one that looks like ours. */
	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"generate-mid\"]",
	       A TWO("", "a=mid:1\n", "") "m=video 4004 RTP/AVP 96\na=mid:fl1\n");
	ng_has(w, "a=mid:1");
	ng_has(w, "a=mid:fl1");
	ng_has(w, "a=mid:fl2");
	json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\"}"));
	/* b has its own name of the first, and a calls the second so. */
	ng_sdp(w, "offer", "a", NULL, "", A TWO("", "a=mid:x\n", "a=mid:y\n"));
	ng_sdp(w, "answer", "a", "b", "", B TWO("", "a=mid:q\n", ""));
	ng_sdp(w, "offer", "a", "b", "", A TWO("", "a=mid:x\n", "a=mid:q\n"));
	video = strstr(w->sdp, "m=video");
	assert_non_null(video);
	assert_non_null(strstr(w->sdp, "a=mid:q"));
	assert_true(strstr(w->sdp, "a=mid:q") < video);
	assert_non_null(strstr(video, "a=mid:y")); /* as b was told before */
}

static void a_name_that_was_told_is_told_again(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"generate-mid\"]", A TWO("", "", ""));
	ng_has(w, "a=mid:0");
	ng_has(w, "a=mid:1");
	ng_sdp(w, "answer", "a", "b", "", B TWO("", "", ""));
	ng_lacks(w, "mid:");
	ng_sdp(w, "offer", "a", "b", "", A TWO("", "", "a=mid:0\n"));
	ng_has(w, "a=mid:0");
	ng_has(w, "a=mid:1");
	/* Who offers without names is answered without. */
	ng_sdp(w, "answer", "a", "b", "", B TWO("", "", ""));
	ng_sdp(w, "offer", "b", "a", "", B TWO("", "", ""));
	ng_sdp(w, "answer", "b", "a", "", A TWO("", "", ""));
	ng_lacks(w, "mid:");
}

static void groups_go_by_the_names_that_are_told(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "",
	       A TWO("a=group:LS x y\na=group:FID z\n", "a=mid:x\n", "a=mid:y\n"));
	ng_has(w, "a=group:LS x y");
	ng_lacks(w, "FID");
	/* b has names of its own, and a is told its own. */
	ng_sdp(w, "answer", "a", "b", "", B TWO("a=group:LS u v\n", "a=mid:u\n", "a=mid:v\n"));
	ng_has(w, "a=group:LS x y");
	ng_sdp(w, "offer", "a", "b", "", A TWO("a=group:LS y x\n", "a=mid:x\n", "a=mid:y\n"));
	ng_has(w, "a=group:LS v u");
	/* One that is not used is in none. */
	ng_sdp(w, "answer", "a", "b", "",
	       B
	       "a=group:LS u v\nm=audio 6000 RTP/AVP 0\na=mid:u\nm=video 0 RTP/AVP 96\na=mid:x\n");
	ng_has(w, "a=group:LS x");
	/* Its sender's name is another m-line's here. */
	assert_null(strstr(strstr(w->sdp, "m=video"), "mid:"));
}

static void names_are_the_same_after_a_restart(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, realms, A_AUDIO);
	ng_world_restart(w);
	ng_sdp(w, "answer", "a", "b", "", B_AUDIO);
	ng_has(w, "a=group:BUNDLE 0");
	ng_has(w, "a=mid:0");
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_address_that_ice_will_find_is_no_hold),
		T(what_was_told_before_stays),
		T(candidates_say_the_family),
		T(trickle_is_answered_and_told_by_flag),
		T(offered_ice_may_be_rejected),
		T(who_can_only_multiplex_may),
		T(feedback_is_for_who_has_it),
		T(sources_are_told_as_they_are),
		T(red_goes_with_what_it_repeats),
		T(a_bundle_is_answered_by_one_of_one),
		T(a_bundle_goes_by_the_first_that_is_served),
		T(no_two_m_lines_have_one_name),
		T(a_name_that_was_told_is_told_again),
		T(groups_go_by_the_names_that_are_told),
		T(what_is_bundle_only_is_rejected),
		T(a_bundle_may_be_rejected_and_needs_multiplexed_rtcp),
		T(names_that_cannot_be_kept_are_in_no_bundle),
		T(a_bundle_is_offered_by_flag),
		T(names_are_the_same_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
