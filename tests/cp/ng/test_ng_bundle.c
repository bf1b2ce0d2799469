/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bundles that are one transport (R39, RFC 9143): who offers one by the flag accept is answered by
 * one port, ICE and DTLS for all m-lines that may be in it, who is offered one has them once he has
 * answered so; what may not be in it, what may be nowhere else, and what becomes of it by later
 * offers and answers.
 */
#include "tests/world/ng_world.h"
#include "cp/ng/ng_call.h"

#include <stdio.h>
#include <string.h>

#define X4(x) x ":" x ":" x ":" x
#define FP_LINE "a=fingerprint:sha-256 " X4(X4("AB")) ":" X4(X4("AB"))
#define FP FP_LINE "\na=setup:actpass\n"
#define ICE "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
#define MID "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n"
#define HEAD(group) "v=0\no=a 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE " group "\n"
#define LINE(kind, port, formats, mid)                                          \
	"m=" kind " " port " UDP/TLS/RTP/SAVPF " formats "\nc=IN IP4 0.0.0.0\n" \
	"a=mid:" mid "\na=rtcp-mux\n" ICE FP
#define WEB HEAD("0 1") LINE("audio", "9", "111 8", "0") LINE("video", "9", "96 97", "1")
/* In its bundle or nowhere (RFC 9143 6): max-bundle of browsers (RFC 9429 4.1.1). */
#define ONLY(formats, mid)                                                      \
	"m=video 0 UDP/TLS/RTP/SAVPF " formats "\nc=IN IP4 0.0.0.0\na=mid:" mid \
	"\na=bundle-only\na=sendrecv\n"
#define MAX_BUNDLE HEAD("0 1") LINE("audio", "9", "111 8", "0") ONLY("96 97", "1")
#define B "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
#define B_AUDIO "m=audio 6000 RTP/AVP 8\n"
#define B_VIDEO "m=video 6002 RTP/AVP 96\n"

static const char accepts[] =
    "\"direction\":[\"access\",\"core\"],\"ICE\":\"remove\",\"transport-protocol\":\"RTP/AVP\","
    "\"bundle\":[\"accept\"]";
static const char offers[] = "\"direction\":[\"core\",\"access\"],\"ICE\":\"force\","
			     "\"transport-protocol\":\"UDP/TLS/RTP/SAVPF\","
			     "\"bundle\":[\"offer\"],\"rtcp-mux\":[\"offer\"]";

static const struct ctl_term *term(const struct ng_world *w, uint16_t media, uint32_t side)
{
	return &ng_context(w, media)->term[side].term;
}

static bool is_carried(const struct ng_world *w, uint16_t media, uint32_t side, uint16_t by)
{
	const struct ctl_cid at = term(w, media, side)->bundle, cid = ng_context(w, by)->cid;

	return term(w, media, side)->flags & TERM_BUNDLED && at.slot == cid.slot &&
	       at.gen == cid.gen;
}

/* Lines that begin so. */
static uint32_t lines(const struct ng_world *w, const char *with)
{
	uint32_t n = 0;

	for (const char *at = w->sdp; (at = strstr(at, with)) != NULL; at++)
		n += at == w->sdp || at[-1] == '\n';
	return n;
}

/* The port that an m-line is told. */
static unsigned int port(const struct ng_world *w, const char *kind)
{
	char with[32];
	const char *at;

	snprintf(with, sizeof(with), "m=%s ", kind);
	at = strstr(w->sdp, with);
	assert_non_null(at);
	return (unsigned int)atoi(at + strlen(with));
}

static void is_refused(const struct ng_world *w, const char *kind)
{
	assert_int_equal(port(w, kind), 0);
	ng_lacks(w, "bundle-only");
}

static void is_one(const struct ng_world *w, uint16_t by)
{
	char ufrag[64];

	assert_int_equal(port(w, "audio"), port(w, "video"));
	assert_int_equal(port(w, "audio"), be16_get(term(w, by, 0)->local.port));
	snprintf(ufrag, sizeof(ufrag), "a=ice-ufrag:%s", term(w, by, 0)->ufrag);
	assert_int_equal(lines(w, ufrag), 2);
	assert_int_equal(lines(w, "a=candidate:1 1 "), 1);
}

static void a_bundle_is_accepted_as_one_transport(void **state)
{
	struct ng_world *w = *state;
	const struct ctl_term *t;

	ng_sdp(w, "offer", "a", NULL, accepts, WEB);
	ng_lacks(w, "BUNDLE");
	assert_int_not_equal(port(w, "audio"), port(w, "video"));
	assert_false(term(w, 1, 0)->flags & TERM_BUNDLED);
	ng_sdp(w, "answer", "a", "b", "", B B_AUDIO B_VIDEO);
	ng_has(w, "a=group:BUNDLE 0 1");
	is_one(w, 0);
	assert_true(is_carried(w, 1, 0, 0));
	assert_false(term(w, 0, 0)->flags & TERM_BUNDLED);
	assert_false(term(w, 1, 1)->flags & TERM_BUNDLED);
	assert_int_equal(ng_context(w, 0)->worker, ng_context(w, 1)->worker);
	/* What it sends is what the answer has. */
	t = term(w, 0, 0);
	assert_int_equal(t->demux.types[1], 1);
	assert_string_equal(t->demux.mid, "0");
	t = term(w, 1, 0);
	assert_int_equal(t->demux.types[12], 1);
	assert_string_equal(t->demux.mid, "1");
	assert_int_equal(t->demux.mid_ext, 0);
	/* Again, by either side: nothing changes. */
	ng_sdp(w, "offer", "a", "b", accepts, WEB);
	assert_true(is_carried(w, 1, 0, 0));
	ng_sdp(w, "answer", "a", "b", "", B B_AUDIO B_VIDEO);
	is_one(w, 0);
	ng_sdp(w, "offer", "b", "a", offers, B B_AUDIO B_VIDEO);
	ng_has(w, "a=group:BUNDLE 0 1");
	is_one(w, 0);
	ng_sdp(w, "answer", "b", "a", "", WEB);
	assert_true(is_carried(w, 1, 0, 0));
	/* A restart changes nothing either. */
	ng_world_restart(w);
	assert_true(is_carried(w, 1, 0, 0));
}

static void without_the_flag_there_is_none(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL,
	       "\"direction\":[\"access\",\"core\"],\"ICE\":\"remove\","
	       "\"transport-protocol\":\"RTP/AVP\"",
	       WEB);
	ng_sdp(w, "answer", "a", "b", "", B B_AUDIO B_VIDEO);
	ng_has(w, "a=group:BUNDLE 0");
	assert_int_not_equal(port(w, "audio"), port(w, "video"));
	assert_int_equal(lines(w, "a=candidate:1 1 "), 2);
	/* And what is bundle-only is nowhere (RFC 9143 7.3). */
	ng_sdp(w, "offer", "c", NULL,
	       "\"direction\":[\"access\",\"core\"],\"ICE\":\"remove\","
	       "\"transport-protocol\":\"RTP/AVP\"",
	       MAX_BUNDLE);
	is_refused(w, "video");
	assert_non_null(strstr(w->ng->call.why, "bundle=accept"));
}

static void a_bundle_is_offered_and_made_by_the_answer(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "b", NULL, offers, B B_AUDIO B_VIDEO);
	ng_has(w, "a=group:BUNDLE 0 1");
	assert_int_not_equal(port(w, "audio"), port(w, "video"));
	assert_false(term(w, 1, 1)->flags & TERM_BUNDLED);
	ng_sdp(w, "answer", "b", "a", "", WEB);
	ng_lacks(w, "BUNDLE");
	assert_true(is_carried(w, 1, 1, 0));
	assert_int_not_equal(port(w, "audio"), port(w, "video"));
	/* Another branch, or a later answer, may have it otherwise. */
	ng_sdp(w, "answer", "b", "a", "",
	       HEAD("0") LINE("audio", "9", "8", "0") LINE("video", "9", "96", "1"));
	assert_false(term(w, 1, 1)->flags & TERM_BUNDLED);
	assert_int_equal(term(w, 1, 1)->bundle.gen, 0);
}

/* Types that both have, unless packets name their m-line. */
static void what_cannot_be_told_apart_stays_outside(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, accepts, WEB);
	ng_sdp(w, "answer", "a", "b", "", B B_AUDIO "m=video 6002 RTP/AVP 96 8\n");
	ng_has(w, "a=group:BUNDLE 0");
	assert_false(term(w, 1, 0)->flags & TERM_BUNDLED);
	assert_int_not_equal(port(w, "audio"), port(w, "video"));
	ng_sdp(w, "answer", "a", "b", "", B B_AUDIO MID "m=video 6002 RTP/AVP 96 8\n" MID);
	ng_has(w, "a=group:BUNDLE 0 1");
	assert_true(is_carried(w, 1, 0, 0));
	assert_int_equal(term(w, 1, 0)->demux.mid_ext, 4);
}

/* Without RTCP on the port, without ICE, or without DTLS there is none. */
static void what_may_not_be_in_it(void **state)
{
	static const char *const more[] = { "\"rtcp-mux\":[\"reject\"]", "\"ICE\":\"remove\"" };
	struct ng_world *w = *state;

	for (int i = 0; i < 2; i++) {
		ng_sdp(w, "offer", "a", NULL, accepts, WEB);
		ng_sdp(w, "answer", "a", "b", more[i], B B_AUDIO B_VIDEO);
		assert_false(term(w, 1, 0)->flags & TERM_BUNDLED);
		assert_int_not_equal(port(w, "audio"), port(w, "video"));
	}
}

/* Where the browser is, as its checks have told. */
static void found(struct ng_world *w, uint16_t media)
{
	const struct context *x = ng_context(w, media);
	struct evt_term e = { .what = TERM_LATCHED,
			      .attempt = x->term[0].term.attempt,
			      .remote = addr("203.0.113.7", 5555) };

	fake_dp_term(&w->e.dp, x->worker, x->cid, &e);
	env_poll(&w->e);
}

/* The m-line that carries is gone: its port, ICE and DTLS go over to the next. */
static void a_transport_outlives_its_m_line(void **state)
{
	struct ng_world *w = *state;
	struct ctl_term was;

	ng_sdp(w, "offer", "a", NULL, accepts, WEB);
	ng_sdp(w, "answer", "a", "b", "", B B_AUDIO B_VIDEO);
	found(w, 0);
	found(w, 1);
	was = *term(w, 0, 0);
	ng_sdp(w, "offer", "a", "b", accepts,
	       HEAD("1") LINE("audio", "0", "111 8", "0") LINE("video", "9", "96 97", "1"));
	assert_true(is_carried(w, 1, 0, 0));
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 0 RTP/AVP 8\n" B_VIDEO);
	ng_has(w, "a=group:BUNDLE 1");
	assert_int_equal(ng_contexts(w), 1);
	assert_false(term(w, 1, 0)->flags & TERM_BUNDLED);
	assert_memory_equal(&term(w, 1, 0)->local, &was.local, sizeof(was.local));
	assert_string_equal(term(w, 1, 0)->ufrag, was.ufrag);
	assert_int_equal(port(w, "video"), be16_get(was.local.port));
	/* And comes back, as one that is carried. */
	ng_sdp(w, "offer", "a", "b", accepts, WEB);
	ng_sdp(w, "answer", "a", "b", "", B B_AUDIO B_VIDEO);
	assert_true(is_carried(w, 0, 0, 1));
	is_one(w, 1);
}

/* Who answers may name m-lines in an order of his own: then each carries the other, on one side. */
static void each_side_has_an_order(void **state)
{
	static const char both[] =
	    "\"direction\":[\"access\",\"core\"],\"ICE\":\"force\",\"flags\":[\"recrypt\"],"
	    "\"transport-protocol\":\"UDP/TLS/RTP/SAVPF\",\"bundle\":[\"accept\",\"offer\"],"
	    "\"rtcp-mux\":[\"offer\"]";
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, both, WEB);
	ng_sdp(w, "answer", "a", "b", "\"flags\":[\"recrypt\"]",
	       HEAD("1 0") LINE("audio", "9", "111 8", "0") LINE("video", "9", "96 97", "1"));
	assert_true(is_carried(w, 1, 0, 0));
	assert_true(is_carried(w, 0, 1, 1));
}

/* ---- what is in its bundle or nowhere ---- */

/* Its port is 0 and its transport that of the first, but who is offered it sees an m-line as any.
 */
static void what_is_bundle_only_is_served_in_its_bundle(void **state)
{
	struct ng_world *w = *state;
	unsigned int was;

	for (int turn = 0; turn < 2; turn++) {
		ng_sdp(w, "offer", "a", turn ? "b" : NULL, accepts, MAX_BUNDLE);
		ng_lacks(w, "bundle-only");
		assert_int_not_equal(port(w, "video"), 0);
		assert_int_not_equal(port(w, "video"), port(w, "audio"));
		ng_sdp(w, "answer", "a", "b", "", B B_AUDIO B_VIDEO);
		ng_has(w, "a=group:BUNDLE 0 1");
		ng_lacks(w, "bundle-only");
		is_one(w, 0);
		assert_true(is_carried(w, 1, 0, 0));
		assert_int_equal(ng_contexts(w), 2);
		/* What of its transport stands in the first alone is its own, too. */
		assert_int_equal(term(w, 1, 0)->n_fingerprint, 1);
		assert_memory_equal(term(w, 1, 0)->fingerprint, term(w, 0, 0)->fingerprint,
				    sizeof(term(w, 0, 0)->fingerprint));
		ng_world_restart(w);
		assert_true(is_carried(w, 1, 0, 0));
	}
	/* The other side offers again: it is in the bundle as before. */
	ng_sdp(w, "offer", "b", "a", offers, B B_AUDIO B_VIDEO);
	is_one(w, 0);
	ng_sdp(w, "answer", "b", "a", "", MAX_BUNDLE);
	assert_true(is_carried(w, 1, 0, 0));
	/* Who answers wants the first no more: what is in the bundle already goes on with it. */
	was = be16_get(term(w, 0, 0)->local.port);
	ng_sdp(w, "offer", "a", "b", accepts, MAX_BUNDLE);
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 0 RTP/AVP 8\n" B_VIDEO);
	ng_has(w, "a=group:BUNDLE 1");
	assert_int_equal(port(w, "video"), was);
}

/* The offer of RFC 9143 7.2.2, with transports that are bundled here: two with ports, one without.
 */
static void three_of_which_one_is_bundle_only(void **state)
{
	static const char three[] = HEAD("foo bar zen") LINE("audio", "10000", "0 8 97", "foo")
	    MID LINE("video", "10002", "31 32", "bar") MID ONLY("66", "zen") MID;
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, accepts, three);
	ng_sdp(w, "answer", "a", "b", "",
	       B "m=audio 20000 RTP/AVP 0\nm=video 20002 RTP/AVP 32\nm=video 20004 RTP/AVP 66\n");
	ng_has(w, "a=group:BUNDLE foo bar zen");
	assert_true(is_carried(w, 1, 0, 0));
	assert_true(is_carried(w, 2, 0, 0));
	/* 7.3.3: the first is rejected, and the second, which has a port, carries. */
	ng_sdp(w, "answer", "a", "b", "",
	       B "m=audio 0 RTP/AVP 0\nm=video 20002 RTP/AVP 32\nm=video 20004 RTP/AVP 66\n");
	ng_has(w, "a=group:BUNDLE bar zen");
	is_refused(w, "audio");
	assert_true(is_carried(w, 2, 0, 1));
}

/* What is bundle-only begins no bundle (7.3.1), and is rejected where it cannot be in one. */
static void what_is_bundle_only_is_rejected_without_a_bundle(void **state)
{
	static const struct {
		const char *more, *offer, *answer;
		bool offered; /* to the other side: only its answer shows that it cannot be */
	} c[] = {
		{ "", MAX_BUNDLE, B "m=audio 0 RTP/AVP 8\n" B_VIDEO, true },
		{ "", MAX_BUNDLE, B B_AUDIO "m=video 6002 RTP/AVP 96 8\n", true },
		{ "\"rtcp-mux\":[\"reject\"],", MAX_BUNDLE, B B_AUDIO B_VIDEO, false },
		{ "\"flags\":[\"ICE-reject\"],", MAX_BUNDLE, B B_AUDIO B_VIDEO, false },
		{ "\"flags\":[\"BUNDLE-reject\"],", MAX_BUNDLE, B B_AUDIO B_VIDEO, false },
		/* Of types that the first has. */
		{ "", HEAD("0 1") LINE("audio", "9", "111 8", "0") ONLY("111 97", "1"),
		  B B_AUDIO B_VIDEO, false },
		/* In no bundle, the first of it, or of a first that has no port, or is not there.
		 */
		{ "", HEAD("0") LINE("audio", "9", "111 8", "0") ONLY("96 97", "1"),
		  B B_AUDIO B_VIDEO, false },
		{ "", HEAD("1 0") LINE("audio", "9", "111 8", "0") ONLY("96 97", "1"),
		  B B_AUDIO B_VIDEO, false },
		{ "", HEAD("2 0 1") LINE("audio", "9", "111 8", "0") ONLY("96 97", "1"),
		  B B_AUDIO B_VIDEO, false },
		/* Plain RTP is in no bundle here: each m-line has a port of its own, or none. */
		{ "",
		  "v=0\no=alice 1 1 IN IP4 203.0.113.3\ns=-\nc=IN IP4 203.0.113.3\nt=0 0\n"
		  "a=group:BUNDLE foo zen\nm=audio 10000 RTP/AVP 0 8\na=mid:foo\na=rtcp-mux\n" MID
		  "m=video 0 RTP/AVP 66\na=mid:zen\na=bundle-only\n" MID,
		  B B_AUDIO B_VIDEO, false },
		/* What is no RTP. */
		{ "",
		  HEAD("0 1") LINE(
		      "audio", "9", "111 8",
		      "0") "m=video 0 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:1\n"
			   "a=bundle-only\n",
		  B B_AUDIO "m=video 6002 UDP/DTLS/SCTP webrtc-datachannel\n", false },
	};
	struct ng_world *w = *state;

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		char more[256];

		snprintf(more, sizeof(more), "%s%s", c[i].more, accepts);
		ng_sdp(w, "offer", "a", NULL, more, c[i].offer);
		if ((port(w, "video") != 0) != c[i].offered)
			fail_msg("%zu: offered %s", i, w->sdp);
		ng_lacks(w, "bundle-only");
		ng_sdp(w, "answer", "a", "b", "", c[i].answer);
		is_refused(w, "video");
		ng_lacks(w, "BUNDLE 0 1");
		/* Nothing of it passes. */
		if (c[i].offered)
			assert_int_equal(term(w, 1, 1)->flags & (TERM_IN | TERM_OUT), 0);
		json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\","
					   "\"delete-delay\":0}"));
		assert_int_equal(ng_contexts(w), 0);
	}
}

/* Where both sides have DTLS it would pass, and nothing that passes is in a bundle: it ends here.
 */
static void a_bundle_of_what_is_bundle_only_ends_here(void **state)
{
	static const char both[] = "\"direction\":[\"access\",\"core\"],\"ICE\":\"force\","
				   "\"bundle\":[\"accept\",\"offer\"],\"rtcp-mux\":[\"offer\"]";
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, both, WEB);
	ng_has(w, FP_LINE);
	json_decref(
	    ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\",\"delete-delay\":0}"));
	ng_sdp(w, "offer", "a", NULL, both, MAX_BUNDLE);
	ng_lacks(w, FP_LINE);
	ng_sdp(w, "answer", "a", "b", "", MAX_BUNDLE);
	is_one(w, 0);
	assert_true(is_carried(w, 1, 0, 0));
	assert_true(is_carried(w, 1, 1, 0));
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_bundle_is_accepted_as_one_transport),
		T(without_the_flag_there_is_none),
		T(a_bundle_is_offered_and_made_by_the_answer),
		T(what_cannot_be_told_apart_stays_outside),
		T(what_may_not_be_in_it),
		T(a_transport_outlives_its_m_line),
		T(each_side_has_an_order),
		T(what_is_bundle_only_is_served_in_its_bundle),
		T(three_of_which_one_is_bundle_only),
		T(what_is_bundle_only_is_rejected_without_a_bundle),
		T(a_bundle_of_what_is_bundle_only_ends_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
