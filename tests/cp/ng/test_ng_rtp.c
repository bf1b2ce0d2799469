/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offers and answers of RTP (RFC 3264) as rtpengine's clients send them: addresses, ports, RTCP
 * (RFC 3605, 5761), ICE (RFC 8839), hold, hosted NAT (R14), realms, re-offers; all else of the SDP
 * stays byte for byte (R12, R14, R24, R28).
 */
#include "tests/world/ng_world.h"

#include <stdio.h>

static const char realms[] = "\"direction\":[\"access\",\"core\"]";

static const char offer[] = "v=0\n"
			    "o=alice 1 2 IN IP4 203.0.113.7\n"
			    "s=-\n"
			    "c=IN IP4 203.0.113.7\n"
			    "t=0 0\n"
			    "a=x-odd;  stays\n"
			    "m=audio 4000 RTP/AVP 0 8 101\n"
			    "b=AS:80\n"
			    "a=rtpmap:101 telephone-event/8000\n"
			    "a=ptime:20\n";
static const char answer[] = "v=0\n"
			     "o=bob 3 4 IN IP4 203.0.113.9\n"
			     "s=-\n"
			     "c=IN IP4 203.0.113.9\n"
			     "t=0 0\n"
			     "m=audio 6000 RTP/AVP 0\n"
			     "a=sendrecv\n";

static uint16_t port_of(const struct ng_world *w, uint16_t media, uint32_t side)
{
	struct sock_addr a;

	assert_true(gate_local(w->e.s.gateway, ng_context(w, media), side, false, &a));
	return be16_get(a.port);
}

static const struct ctl_term *term(const struct ng_world *w, uint32_t side)
{
	return &ng_context(w, 0)->term[side].term;
}

static void assert_addr(const struct sock_addr *a, const char *ip, uint16_t port)
{
	struct sock_addr want = addr(ip, port);

	assert_memory_equal(a, &want, sizeof(want));
}

static void what_the_gateway_stands_for_is_changed_and_nothing_else(void **state)
{
	struct ng_world *w = *state;
	char want[1024];

	ng_sdp(w, "offer", "a", NULL, realms, offer);
	snprintf(want, sizeof(want),
		 "v=0\n"
		 "o=alice 1 2 IN IP4 203.0.113.7\n"
		 "s=-\n"
		 "c=IN IP4 192.0.2.12\n"
		 "t=0 0\n"
		 "a=x-odd;  stays\n"
		 "m=audio %u RTP/AVP 0 8 101\n"
		 "b=AS:80\n"
		 "a=rtpmap:101 telephone-event/8000\n"
		 "a=ptime:20\n"
		 "a=rtcp:%u\n",
		 port_of(w, 0, 1), port_of(w, 0, 1) + 1);
	assert_string_equal(w->sdp, want);
	ng_sdp(w, "answer", "a", "b", realms, answer);
	snprintf(want, sizeof(want),
		 "v=0\n"
		 "o=bob 3 4 IN IP4 203.0.113.9\n"
		 "s=-\n"
		 "c=IN IP4 192.0.2.11\n"
		 "t=0 0\n"
		 "m=audio %u RTP/AVP 0\n"
		 "a=sendrecv\n"
		 "a=rtcp:%u\n",
		 port_of(w, 0, 0), port_of(w, 0, 0) + 1);
	assert_string_equal(w->sdp, want);
	assert_int_equal(ng_contexts(w), 1);
}

static void the_context_has_both_remotes(void **state)
{
	struct ng_world *w = *state;
	const struct context *c;

	ng_sdp(w, "offer", "a", NULL, realms, offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	c = ng_context(w, 0);
	assert_string_equal(c->term[0].tag, "a");
	assert_string_equal(c->term[1].tag, "b");
	assert_int_equal(c->term[0].realm, 0);
	assert_int_equal(c->term[1].realm, 1);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(term(w, i)->transport, TERM_UDP);
		assert_int_equal(term(w, i)->flags, TERM_IN | TERM_OUT | TERM_RTP | TERM_LATCH);
		assert_int_equal(term(w, i)->dscp, CTL_DSCP_KEEP);
	}
	assert_addr(&term(w, 0)->remote[0], "203.0.113.7", 4000);
	assert_addr(&term(w, 0)->remote[1], "203.0.113.7", 4001);
	assert_addr(&term(w, 1)->remote[0], "203.0.113.9", 6000);
	assert_int_equal(c->inactivity, 60);
}

static void flags_of_addresses(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL,
	       "\"direction\":[\"access\",\"core\"],\"replace\":[\"origin\",\"session-connection\","
	       "\"username\",\"session-name\"],\"flags\":[\"asymmetric\",\"full-rtcp-attribute\"],"
	       "\"TOS\":184,\"media-address\":\"203.0.113.200\"",
	       offer);
	ng_has(w, "o=- 1 2 IN IP4 203.0.113.200");
	ng_has(w, "c=IN IP4 203.0.113.200");
	ng_has(w, "s=-");
	assert_non_null(strstr(w->sdp, " IN IP4 203.0.113.200\n"));
	assert_int_equal(term(w, 0)->flags & TERM_LATCH, 0);
	assert_int_equal(term(w, 0)->dscp, 46);
	assert_int_equal(term(w, 1)->dscp, 46);
	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"no-rtcp-attribute\"]", offer);
	ng_lacks(w, "a=rtcp");
}

static void the_family_may_change(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL,
	       "\"address-family\":\"IP6\",\"direction\":[\"core\",\"access\"],"
	       "\"replace\":[\"origin\"]",
	       offer);
	ng_has(w, "c=IN IP6 2001:db8:ffff::1");
	ng_has(w, "o=alice 1 2 IN IP6 2001:db8:ffff::1");
	ng_sdp(w, "answer", "a", "b", "",
	       "v=0\no=b 1 1 IN IP6 2001:db8::9\ns=-\nt=0 0\n"
	       "m=audio 6000 RTP/AVP 0\nc=IN IP6 2001:db8::9\n");
	/* The m-line's own c= is where it was, and the session has none. */
	ng_has(w, "c=IN IP4 192.0.2.12");
	assert_addr(&term(w, 1)->remote[0], "2001:db8::9", 6000);
}

static void a_remote_behind_nat_is_where_sip_came_from(void **state)
{
	struct ng_world *w = *state;
	char private_offer[512];
	const char *from = "\"received-from\":[\"IP4\",\"203.0.113.50\"]";

	snprintf(private_offer, sizeof(private_offer),
		 "v=0\no=a 1 1 IN IP4 10.0.0.5\ns=-\nc=IN IP4 10.0.0.5\nt=0 0\n"
		 "m=audio 4000 RTP/AVP 0\n");
	ng_sdp(w, "offer", "a", NULL, from, private_offer);
	assert_addr(&term(w, 0)->remote[0], "203.0.113.50", 4000);
	/* A public address is believed, unless told otherwise. */
	ng_sdp(w, "offer", "a", NULL, from, offer);
	assert_addr(&term(w, 0)->remote[0], "203.0.113.7", 4000);
	ng_sdp(w, "offer", "a", NULL,
	       "\"flags\":[\"SIP-source-address\"],\"received-from\":[\"IP4\",\"203.0.113.50\"]",
	       offer);
	assert_addr(&term(w, 0)->remote[0], "203.0.113.50", 4000);
	/* Nor is the address in a=rtcp believed, then. */
	ng_sdp(w, "offer", "a", NULL,
	       "\"flags\":[\"SIP-source-address\"],\"received-from\":[\"IP4\",\"203.0.113.50\"]",
	       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "m=audio 4000 RTP/AVP 0\na=rtcp:4009 IN IP4 203.0.113.8\n");
	assert_addr(&term(w, 0)->remote[1], "203.0.113.50", 4009);
	/* Where nothing is learnt, nothing is made up. */
	ng_sdp_refused(w, "offer",
		       "\"flags\":[\"asymmetric\"],\"received-from\":[\"IP4\",\"203.0.113.50\"]",
		       private_offer, "10.0.0.5");
}

static const char muxed[] = "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
			    "m=audio 4000 RTP/AVP 0\na=rtcp:4005\na=rtcp-mux\n";
static const char muxed_answer[] =
    "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
    "m=audio 6000 RTP/AVP 0\na=rtcp-mux\n";

static void rtcp_mux_is_between_the_two_unless_told(void **state)
{
	struct ng_world *w = *state;
	char line[64];

	ng_sdp(w, "offer", "a", NULL, realms, muxed);
	ng_has(w, "a=rtcp-mux");
	ng_lacks(w, "4005");
	snprintf(line, sizeof(line), "a=rtcp:%u", port_of(w, 0, 1) + 1);
	ng_has(w, line);
	assert_addr(&term(w, 0)->remote[1], "203.0.113.7", 4005);
	ng_sdp(w, "answer", "a", "b", "", muxed_answer);
	ng_has(w, "a=rtcp-mux");
	snprintf(line, sizeof(line), "a=rtcp:%u", port_of(w, 0, 0));
	ng_has(w, line);
	assert_true(term(w, 0)->flags & TERM_RTCP_MUX);
	assert_true(term(w, 1)->flags & TERM_RTCP_MUX);
}

static void rtcp_mux_refused_by_the_other_side_is_refused(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, realms, muxed);
	ng_sdp(w, "answer", "a", "b", "", answer);
	ng_lacks(w, "a=rtcp-mux");
	assert_false(term(w, 0)->flags & TERM_RTCP_MUX);
	assert_false(term(w, 1)->flags & TERM_RTCP_MUX);
}

static void rtcp_mux_as_flags_say(void **state)
{
	struct ng_world *w = *state;

	/* Taken apart for the other side. */
	ng_sdp(w, "offer", "a", NULL, "\"rtcp-mux\":[\"demux\"]", muxed);
	ng_lacks(w, "a=rtcp-mux");
	ng_sdp(w, "answer", "a", "b", "", answer);
	ng_has(w, "a=rtcp-mux");
	assert_true(term(w, 0)->flags & TERM_RTCP_MUX);
	assert_false(term(w, 1)->flags & TERM_RTCP_MUX);
	/* Put together for it. */
	ng_sdp(w, "offer", "a", NULL, "\"rtcp-mux\":[\"require\"]", offer);
	ng_has(w, "a=rtcp-mux");
	ng_has(w, "a=rtcp-mux-only");
	ng_sdp(w, "answer", "a", "b", "", muxed_answer);
	ng_lacks(w, "a=rtcp-mux");
	assert_false(term(w, 0)->flags & TERM_RTCP_MUX);
	assert_true(term(w, 1)->flags & TERM_RTCP_MUX);
	/* Accepted whatever the other side says; refused whatever it says. */
	ng_sdp(w, "offer", "a", NULL, "\"rtcp-mux\":[\"accept\"]", muxed);
	ng_sdp(w, "answer", "a", "b", "", answer);
	ng_has(w, "a=rtcp-mux");
	ng_sdp(w, "offer", "a", NULL, "\"rtcp-mux\":[\"reject\"]", muxed);
	ng_sdp(w, "answer", "a", "b", "", muxed_answer);
	ng_lacks(w, "a=rtcp-mux");
}

static void there_is_no_port_above_the_last(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "",
	       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "m=audio 65535 RTP/AVP 0\n");
	assert_addr(&term(w, 0)->remote[0], "203.0.113.7", 65535);
	assert_int_equal(be16_get(term(w, 0)->remote[1].port), 0);
}

static const char ice_offer[] =
    "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
    "a=ice-options:trickle\na=group:BUNDLE 0\n"
    "m=audio 4000 RTP/AVP 0\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=mid:0\n"
    "a=candidate:1 1 UDP 2130706431 203.0.113.7 4000 typ host\na=end-of-candidates\n";

static void ice_ends_at_the_gateway(void **state)
{
	struct ng_world *w = *state;
	char line[128];

	/* RFC 8445 2.5: a lite agent here, nothing of ICE there (R12). */
	ng_sdp(w, "offer", "a", NULL, "\"direction\":[\"access\",\"core\"],\"ICE\":\"remove\"",
	       ice_offer);
	ng_lacks(w, "ice");
	ng_lacks(w, "candidate");
	ng_lacks(w, "BUNDLE");
	ng_has(w, "a=mid:0");
	ng_sdp(w, "answer", "a", "b", "\"ICE\":\"force\"", answer);
	ng_has(w, "a=ice-lite");
	snprintf(line, sizeof(line), "a=ice-ufrag:%s", term(w, 0)->ufrag);
	ng_has(w, line);
	snprintf(line, sizeof(line), "a=ice-pwd:%s", term(w, 0)->pwd);
	ng_has(w, line);
	snprintf(line, sizeof(line), "a=candidate:1 1 UDP 2130706431 192.0.2.11 %u typ host",
		 port_of(w, 0, 0));
	ng_has(w, line);
	snprintf(line, sizeof(line), "a=candidate:1 2 UDP 2130706430 192.0.2.11 %u typ host",
		 port_of(w, 0, 0) + 1);
	ng_has(w, line);
	assert_true(term(w, 0)->flags & TERM_ICE);
	assert_false(term(w, 1)->flags & TERM_ICE);
}

/* RFC 8445 2.5: of two lite agents neither checks. */
static void ice_of_a_lite_agent_is_none(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "",
	       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\na=ice-lite\n"
	       "m=audio 4000 RTP/AVP 0\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n");
	ng_lacks(w, "ice");
	assert_false(term(w, 0)->flags & TERM_ICE);
	assert_false(term(w, 1)->flags & TERM_ICE);
}

static void ice_is_offered_by_force_and_dropped_without_an_answer(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"ICE\":\"force\"", offer);
	ng_has(w, "a=ice-lite");
	assert_true(term(w, 1)->flags & TERM_ICE);
	assert_false(term(w, 0)->flags & TERM_ICE);
	ng_sdp(w, "answer", "a", "b", "", answer);
	ng_lacks(w, "ice");
	assert_false(term(w, 1)->flags & TERM_ICE);
}

static void a_restart_of_ice_is_answered_with_one(void **state)
{
	struct ng_world *w = *state;
	char ufrag[CTL_UFRAG_MAX], again[sizeof(ice_offer)];

	ng_sdp(w, "offer", "a", NULL, "", ice_offer);
	ng_sdp(w, "answer", "a", "b", "\"ICE\":\"force\"", answer);
	memcpy(ufrag, term(w, 0)->ufrag, sizeof(ufrag));
	ng_sdp(w, "offer", "a", "b", "", ice_offer);
	assert_string_equal(term(w, 0)->ufrag, ufrag);
	memcpy(again, ice_offer, sizeof(again));
	memcpy(strstr(again, "abcd"), "abce", 4);
	ng_sdp(w, "offer", "a", "b", "", again);
	assert_string_equal(term(w, 0)->ufrag, ufrag); /* it may be refused */
	ng_sdp(w, "answer", "a", "b", "\"ICE\":\"force\"", answer);
	assert_string_not_equal(term(w, 0)->ufrag, ufrag);
}

static void hold_is_passed_on_and_does_not_end_the_call(void **state)
{
	struct ng_world *w = *state;
	char hold[1024];

	ng_sdp(w, "offer", "a", NULL, realms, offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	/* RFC 3264 8.4 */
	snprintf(hold, sizeof(hold), "%sa=sendonly\n", offer);
	ng_sdp(w, "offer", "a", "b", "", hold);
	ng_has(w, "a=sendonly");
	assert_int_equal(ng_context(w, 0)->inactivity, 60); /* it may be refused */
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_int_equal(ng_context(w, 0)->inactivity, 0);
	/* RFC 2543's way: there is nowhere to send to, until there is again. */
	ng_sdp(w, "offer", "a", "b", "",
	       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 0.0.0.0\nt=0 0\n"
	       "m=audio 4000 RTP/AVP 0\n");
	ng_has(w, "c=IN IP4 0.0.0.0");
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_false(term(w, 0)->flags & TERM_OUT);
	assert_true(term(w, 0)->flags & TERM_IN);
	ng_sdp(w, "offer", "a", "b", "", offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_true(term(w, 0)->flags & TERM_OUT);
	assert_int_equal(ng_context(w, 0)->inactivity, 60);
	assert_int_equal(ng_contexts(w), 1);
}

static void either_side_offers_again(void **state)
{
	struct ng_world *w = *state;
	uint16_t port[2];
	char line[64];

	ng_sdp(w, "offer", "a", NULL, realms, offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	port[0] = port_of(w, 0, 0);
	port[1] = port_of(w, 0, 1);
	ng_sdp(w, "offer", "b", "a", "",
	       "v=0\no=b 1 2 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
	       "m=audio 6100 RTP/AVP 0\n");
	snprintf(line, sizeof(line), "m=audio %u RTP/AVP 0", port[0]);
	ng_has(w, line);
	ng_has(w, "c=IN IP4 192.0.2.11");
	ng_sdp(w, "answer", "b", "a", "", offer);
	assert_addr(&term(w, 1)->remote[0], "203.0.113.9", 6100);
	ng_has(w, "c=IN IP4 192.0.2.12");
	assert_int_equal(port_of(w, 0, 0), port[0]);
	assert_int_equal(port_of(w, 0, 1), port[1]);
	assert_string_equal(ng_context(w, 0)->term[0].tag, "a");
	assert_string_equal(ng_context(w, 0)->term[1].tag, "b");
	assert_int_equal(ng_contexts(w), 1);
}

static void transport_protocol_is_per_side(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"transport-protocol\":\"RTP/AVPF\"", offer);
	assert_non_null(strstr(w->sdp, " RTP/AVPF 0 8 101\n"));
	ng_sdp(w, "answer", "a", "b", "",
	       "v=0\no=b 1 2 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
	       "m=audio 6100 RTP/AVPF 0\n");
	assert_non_null(strstr(w->sdp, " RTP/AVP 0\n"));
	/* From the other side it is as each has it, without being told again. */
	ng_sdp(w, "offer", "b", "a", "",
	       "v=0\no=b 1 2 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
	       "m=audio 6100 RTP/AVPF 0\n");
	assert_non_null(strstr(w->sdp, " RTP/AVP 0\n"));
}

static const char two[] = "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
			  "m=audio 4000 RTP/AVP 0\n"
			  "m=image 4002 udptl t38\na=T38FaxVersion:0\n";

static void each_m_line_is_a_context_and_port_0_ends_it(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, realms, two);
	assert_int_equal(ng_contexts(w), 2);
	ng_lacks(w, "4002");
	assert_int_equal(ng_context(w, 1)->term[0].term.flags, TERM_IN | TERM_OUT | TERM_LATCH);
	ng_sdp(w, "answer", "a", "b", "",
	       "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
	       "m=audio 6000 RTP/AVP 0\nm=image 0 udptl t38\na=x\n");
	ng_has(w, "m=image 0 udptl t38");
	ng_has(w, "a=x");
	ng_sdp(w, "offer", "a", "b", "",
	       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "m=audio 0 RTP/AVP 0\nm=image 4002 udptl t38\n");
	assert_int_equal(ng_contexts(w), 2);
	ng_sdp(w, "answer", "a", "b", "",
	       "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
	       "m=audio 0 RTP/AVP 0\nm=image 6002 udptl t38\n");
	assert_int_equal(ng_contexts(w), 1);
	assert_int_equal(ng_context(w, 1)->media, 1);
}

static void an_offer_that_fails_leaves_nothing(void **state)
{
	struct ng_world *w = *state;

	ng_sdp_refused(w, "offer", "",
		       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nt=0 0\n"
		       "m=audio 4000 RTP/AVP 0\nc=IN IP4 203.0.113.7\n"
		       "m=audio 4002 RTP/AVP 0\nc=IN IP4 10.0.0.1\n",
		       "10.0.0.1");
	assert_int_equal(ng_contexts(w), 0);
	assert_int_equal(ng_stats(w->ng)->errors[NG_OFFER], 1);
}

/* The call goes on as it was: SIP refuses a re-INVITE, and the session stays (RFC 3261 14.1). */
static void an_offer_again_that_fails_changes_nothing(void **state)
{
	static const char last[] = "m=image 4002 udptl t38\nc=IN IP4 10.0.0.1\n";
	static const char *const first[] = {
		"m=audio 4100 RTP/AVP 0\nc=IN IP4 203.0.113.77\na=sendonly\n",
		"m=audio 0 RTP/AVP 0\nc=IN IP4 203.0.113.7\n",
		"m=message 9 TCP/MSRP *\nc=IN IP4 203.0.113.7\na=path:msrp://a:9/s;tcp\n",
	};
	struct ng_world *w = *state;
	char again[512];

	ng_sdp(w, "offer", "a", NULL, realms, two);
	ng_sdp(w, "answer", "a", "b", "",
	       "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
	       "m=audio 6000 RTP/AVP 0\nm=image 6002 udptl t38\n");
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		const struct context before = *ng_context(w, 0);

		snprintf(again, sizeof(again), "v=0\no=a 1 2 IN IP4 203.0.113.7\ns=-\nt=0 0\n%s%s",
			 first[i], last);
		ng_sdp_refused(w, "offer", "", again, "10.0.0.1");
		assert_int_equal(ng_contexts(w), 2);
		assert_memory_equal(ng_context(w, 0), &before, sizeof(before));
	}
	/* The same with an m-line that may be. */
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		snprintf(again, sizeof(again), "v=0\no=a 1 2 IN IP4 203.0.113.7\ns=-\nt=0 0\n%s",
			 first[i]);
		ng_sdp(w, "offer", "a", "b", "", again);
	}
}

static void an_answer_that_fails_changes_nothing(void **state)
{
	struct ng_world *w = *state;
	struct context before;

	ng_sdp(w, "offer", "a", NULL, realms, two);
	before = *ng_context(w, 0);
	ng_sdp_refused(w, "answer", "\"to-tag\":\"b\"",
		       "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nt=0 0\n"
		       "m=audio 6000 RTP/AVP 0\nc=IN IP4 203.0.113.9\n"
		       "m=image 6002 udptl t38\nc=IN IP4 10.0.0.1\n",
		       "10.0.0.1");
	assert_int_equal(ng_contexts(w), 2);
	assert_memory_equal(ng_context(w, 0), &before, sizeof(before));
}

static void what_is_not_served_is_refused_by_name(void **state)
{
	struct ng_world *w = *state;
	static const struct {
		const char *more, *why;
	} flag[] = {
		{ "\"flags\":[\"trust-address\",\"record-call\"]", "flags: \"record-call\"" },
		{ "\"codec\":{\"transcode\":[\"opus\"]}", "codec \"opus\" is not offered" },
		{ "\"flags\":[\"always-transcode\"]", "flags: \"always-transcode\"" },
		{ "\"flags\":[\"block-egress\"]", "flags: \"block-egress\"" },
		{ "\"direction\":[\"access\",\"elsewhere\"]", "no realm \"elsewhere\"" },
		{ "\"media-echo\":\"forward\"", "media-echo: \"forward\"" },
		{ "\"record-call\":\"yes\"", "record-call: \"yes\"" },
		{ "\"T.38\":[\"decode\"]", "T.38: \"decode\"" },
		{ "\"address-family\":\"IP5\"", "address-family" },
		{ "\"media-address\":\"x\"", "media-address" },
	};

	for (size_t i = 0; i < sizeof(flag) / sizeof(flag[0]); i++)
		ng_sdp_refused(w, "offer", flag[i].more, offer, flag[i].why);
	assert_int_equal(ng_stats(w->ng)->unknown, 0);
	ng_sdp_refused(w, "answer", "", answer, "Unknown call-id");
	ng_sdp_refused(w, "offer", "", "v=0\no=- 1 1 IN IP4 203.0.113.7\nm=audio\n", "sdp: line 3");
	assert_int_equal(ng_contexts(w), 0);
}

static void what_is_unknown_is_left_out(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL,
	       "\"no such thing\":1,\"TOS\":256,\"flags\":[\"x\",\"asymmetric\"]", offer);
	assert_int_equal(ng_stats(w->ng)->unknown, 3);
	assert_false(term(w, 0)->flags & TERM_LATCH);
	assert_int_equal(term(w, 0)->dscp, CTL_DSCP_KEEP);
}

static void who_has_none_left_may_ask_another(void **state)
{
	struct ng_world *w = *state;
	json_t *v;

	w->e.conf.gateway.contexts = 0;
	v = ng_ask_json(
	    w, "{\"command\":\"offer\",\"call-id\":\"c\",\"from-tag\":\"a\","
	       "\"supports\":[\"load limit\"],\"sdp\":\"v=0\\no=a 1 1 IN IP4 203.0.113.7\\n"
	       "s=-\\nc=IN IP4 203.0.113.7\\nt=0 0\\nm=audio 4000 RTP/AVP 0\\n\"}");
	assert_string_equal(json_string_value(json_object_get(v, "result")), "load limit");
	json_decref(v);
	ng_sdp_refused(w, "offer", "", offer, "no context left");
}

static void our_own_sdp_is_not_taken_twice(void **state)
{
	struct ng_world *w = *state;
	char first[sizeof(w->sdp)];

	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"loop-protect\"]", offer);
	memcpy(first, w->sdp, sizeof(first));
	ng_sdp(w, "offer", "z", NULL, "\"flags\":[\"loop-protect\"]", first);
	assert_string_equal(w->sdp, first);
	assert_int_equal(ng_contexts(w), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_the_gateway_stands_for_is_changed_and_nothing_else),
		T(the_context_has_both_remotes),
		T(flags_of_addresses),
		T(the_family_may_change),
		T(a_remote_behind_nat_is_where_sip_came_from),
		T(rtcp_mux_is_between_the_two_unless_told),
		T(rtcp_mux_refused_by_the_other_side_is_refused),
		T(rtcp_mux_as_flags_say),
		T(there_is_no_port_above_the_last),
		T(ice_ends_at_the_gateway),
		T(ice_of_a_lite_agent_is_none),
		T(ice_is_offered_by_force_and_dropped_without_an_answer),
		T(a_restart_of_ice_is_answered_with_one),
		T(hold_is_passed_on_and_does_not_end_the_call),
		T(either_side_offers_again),
		T(transport_protocol_is_per_side),
		T(each_m_line_is_a_context_and_port_0_ends_it),
		T(an_offer_that_fails_leaves_nothing),
		T(an_offer_again_that_fails_changes_nothing),
		T(an_answer_that_fails_changes_nothing),
		T(what_is_not_served_is_refused_by_name),
		T(what_is_unknown_is_left_out),
		T(who_has_none_left_may_ask_another),
		T(our_own_sdp_is_not_taken_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
