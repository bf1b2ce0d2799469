/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What holds for one side of a call and not for the other: how its address is learnt (R14), which
 * only its own messages say; and what it must not read of the other: nothing in an SDP that is
 * passed on tells where its sender is (R89 leaves the rest as it is).
 */
#include "tests/world/ng_world.h"

#define HEAD "v=0\no=u 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
#define HEAD_B "v=0\no=u 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"

static const char realms[] = "\"direction\":[\"access\",\"core\"]";
static const char offer[] = HEAD "m=audio 4000 RTP/AVP 0\n";
static const char answer[] = HEAD_B "m=audio 6000 RTP/AVP 0\n";

static const struct ctl_term *term(const struct ng_world *w, uint32_t side)
{
	return &ng_context(w, 0)->term[side].term;
}

static uint16_t learns(const struct ng_world *w, uint32_t side)
{
	return term(w, side)->flags & (TERM_LATCH | TERM_LATCH_ADDR);
}

/* ---- how an address is learnt ---- */

/* It is sent to where its SDP says, and may send from another port of that host. */
static void one_side_is_asymmetric(void **state)
{
	static const char *const flag[] = { "\"flags\":[\"asymmetric\"]",
					    "\"endpoint-learning\":\"off\"" };
	struct ng_world *w = *state;

	for (int i = 0; i < 2; i++) {
		/* Who offers. */
		ng_sdp(w, "offer", "a", NULL, flag[i], offer);
		assert_int_equal(learns(w, 0), TERM_LATCH_ADDR);
		assert_int_equal(learns(w, 1), TERM_LATCH);
		ng_sdp(w, "answer", "a", "b", "", answer);
		assert_int_equal(learns(w, 0), TERM_LATCH_ADDR);
		assert_int_equal(learns(w, 1), TERM_LATCH);
		/* Its partner offers again. */
		ng_sdp(w, "offer", "b", "a", "", answer);
		assert_int_equal(learns(w, 0), TERM_LATCH_ADDR);
		assert_int_equal(learns(w, 1), TERM_LATCH);
		/* It says otherwise. */
		ng_sdp(w, "answer", "b", "a", "", offer);
		assert_int_equal(learns(w, 0), TERM_LATCH);
		json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\"}"));
		/* Who answers: a carrier's gateway, called by a phone behind a NAT. */
		ng_sdp(w, "offer", "a", NULL, "", offer);
		ng_sdp(w, "answer", "a", "b", flag[i], answer);
		assert_int_equal(learns(w, 0), TERM_LATCH);
		assert_int_equal(learns(w, 1), TERM_LATCH_ADDR);
		ng_sdp(w, "offer", "a", "b", "", offer);
		assert_int_equal(learns(w, 0), TERM_LATCH);
		assert_int_equal(learns(w, 1), TERM_LATCH_ADDR);
		json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\"}"));
	}
}

/* Its host is known: only its port is learnt. */
static void a_strict_source_is_learnt_at_its_host(void **state)
{
	static const char strict[] = "\"flags\":[\"strict-source\"]";
	struct ng_world *w = *state;
	struct sock_addr behind = addr("203.0.113.50", 4000);

	ng_sdp(w, "offer", "a", NULL, strict, offer);
	assert_int_equal(learns(w, 0), TERM_LATCH | TERM_LATCH_ADDR);
	assert_int_equal(learns(w, 1), TERM_LATCH);
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_int_equal(learns(w, 0), TERM_LATCH | TERM_LATCH_ADDR);
	assert_int_equal(learns(w, 1), TERM_LATCH);
	/* Behind a NAT that is where its signalling came from. */
	ng_sdp(w, "offer", "a", "b",
	       "\"flags\":[\"strict-source\"],\"received-from\":[\"IP4\",\"203.0.113.50\"]",
	       "v=0\no=a 1 1 IN IP4 10.0.0.5\ns=-\nc=IN IP4 10.0.0.5\nt=0 0\n"
	       "m=audio 4000 RTP/AVP 0\n");
	ng_sdp(w, "answer", "a", "b", strict, answer);
	assert_int_equal(learns(w, 0), TERM_LATCH | TERM_LATCH_ADDR);
	assert_memory_equal(&term(w, 0)->remote[0], &behind, sizeof(behind));
	assert_int_equal(learns(w, 1), TERM_LATCH | TERM_LATCH_ADDR);
}

/* A branch that has no address any more has none to be learnt at. */
static void a_strict_source_may_refuse(void **state)
{
	static const char strict[] = "\"flags\":[\"strict-source\"]";
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, strict, offer);
	ng_sdp(w, "answer", "a", "b", strict, answer);
	ng_sdp(w, "answer", "a", "c", strict, HEAD_B "m=audio 0 RTP/AVP 0\n");
	assert_int_equal(learns(w, 1), TERM_LATCH);
	ng_sdp(w, "offer", "a", "c", strict, offer);
	ng_sdp(w, "answer", "a", "c", strict, answer);
	assert_int_equal(learns(w, 1), TERM_LATCH | TERM_LATCH_ADDR);
}

/* ---- what a side must not read ---- */

#define GONE                                                                                 \
	"m=video 0 RTP/AVP 96\ni=camera\nc=IN IP4 10.66.0.1\na=rtcp:5555 IN IP4 10.66.0.1\n" \
	"a=candidate:1 1 UDP 1 10.66.0.1 9 typ host\na=ice-ufrag:abcd\na=setup:actpass\n"    \
	"a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\n"  \
	"a=path:msrp://10.66.0.1:9/s;tcp\na=mid:1\n"

static void has_no_address(const struct ng_world *w)
{
	ng_lacks(w, "10.66");
	ng_lacks(w, "203.0.113");
	ng_lacks(w, "5555");
	ng_lacks(w, "ufrag");
	ng_lacks(w, "fingerprint");
}

static void an_m_line_that_is_not_used_tells_no_address(void **state)
{
	static const char replace[] =
	    "\"direction\":[\"access\",\"core\"],\"replace\":[\"origin\"]";
	static const char session[] = "v=0\no=u 1 1 IN IP4 10.66.0.1\ns=-\n";
	struct ng_world *w = *state;
	char sdp[2048];

	/* Each m-line has its own c=, and so has what is not used (RFC 8866 5.7). */
	snprintf(sdp, sizeof(sdp), "%st=0 0\nm=audio 4000 RTP/AVP 0\nc=IN IP4 203.0.113.7\n%s",
		 session, GONE);
	ng_sdp(w, "offer", "a", NULL, replace, sdp);
	has_no_address(w);
	assert_non_null(strstr(w->sdp, "m=video 0 RTP/AVP 96\ni=camera\nc=IN IP4 192.0.2.12\n"
				       "a=mid:1\n"));
	/* The session's c= is enough. */
	snprintf(sdp, sizeof(sdp), "%sc=IN IP4 203.0.113.7\nt=0 0\nm=audio 4000 RTP/AVP 0\n%s",
		 session, GONE);
	ng_sdp(w, "offer", "a", NULL, replace, sdp);
	has_no_address(w);
	assert_non_null(strstr(w->sdp, "m=video 0 RTP/AVP 96\ni=camera\na=mid:1\n"));
	/* Nothing is left that has an address. */
	snprintf(sdp, sizeof(sdp), "%sc=IN IP4 203.0.113.7\nt=0 0\nm=audio 0 RTP/AVP 0\n%s",
		 session, GONE);
	ng_sdp(w, "offer", "a", NULL, replace, sdp);
	has_no_address(w);
	ng_has(w, "o=u 1 1 IN IP4 0.0.0.0");
	ng_has(w, "c=IN IP4 0.0.0.0");
}

static void what_an_answer_refuses_tells_no_address(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, realms,
	       HEAD "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\n");
	ng_sdp(w, "answer", "a", "b", "\"replace\":[\"origin\"]",
	       "v=0\no=u 1 1 IN IP4 10.66.0.1\ns=-\nt=0 0\n"
	       "m=audio 6000 RTP/AVP 0\nc=IN IP4 203.0.113.9\n" GONE);
	has_no_address(w);
	assert_non_null(strstr(w->sdp, "m=video 0 RTP/AVP 96\ni=camera\nc=IN IP4 192.0.2.11\n"));
}

static void candidates_of_other_m_lines_do_not_pass(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, realms,
	       HEAD
	       "m=message 9 TCP/MSRP *\na=setup:actpass\na=path:msrp://u:9/s;tcp\na=msrp-cema\n"
	       "a=candidate:1 1 TCP 1 10.66.0.1 9 typ host tcptype passive\n"
	       "m=image 4002 udptl t38\na=rtcp:4003 IN IP4 10.66.0.1\n");
	ng_lacks(w, "10.66");
}

/* ---- RTCP where multiplexing was agreed before ---- */

/* RFC 5761 5.1.1: who gets the offer again may refuse it, and has to know the other port. */
static void an_offer_again_tells_the_port_of_rtcp(void **state)
{
	static const char mux[] = HEAD "m=audio 4000 RTP/AVP 0\na=rtcp-mux\n"
				       "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n";
	struct ng_world *w = *state;
	unsigned int port;
	char line[128];

	ng_sdp(w, "offer", "a", NULL, realms, mux);
	ng_sdp(w, "answer", "a", "b", "",
	       HEAD_B "m=audio 6000 RTP/AVP 0\na=rtcp-mux\n"
		      "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n");
	assert_true(term(w, 1)->flags & TERM_RTCP_MUX);
	ng_sdp(w, "offer", "a", "b", realms, mux);
	port = be16_get(term(w, 1)->local.port);
	snprintf(line, sizeof(line), "a=rtcp:%u", port + 1);
	ng_has(w, line);
	snprintf(line, sizeof(line), "a=candidate:1 2 UDP 2130706430 192.0.2.12 %u typ host",
		 port + 1);
	ng_has(w, line);
	/* In an answer that has accepted it there is one port. */
	ng_sdp(w, "answer", "a", "b", "", HEAD_B "m=audio 6000 RTP/AVP 0\na=rtcp-mux\n");
	snprintf(line, sizeof(line), "a=rtcp:%u", be16_get(term(w, 0)->local.port));
	ng_has(w, line);
	ng_sdp(w, "offer", "a", "b", realms, mux);
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_false(term(w, 1)->flags & TERM_RTCP_MUX);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_side_is_asymmetric),
		T(a_strict_source_is_learnt_at_its_host),
		T(a_strict_source_may_refuse),
		T(an_m_line_that_is_not_used_tells_no_address),
		T(what_an_answer_refuses_tells_no_address),
		T(candidates_of_other_m_lines_do_not_pass),
		T(an_offer_again_tells_the_port_of_rtcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
