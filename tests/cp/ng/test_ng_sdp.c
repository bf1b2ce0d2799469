/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SDP of the field as offers and answers: what is not as RFC 8866 has it is read, and written as it
 * should be (R12, R24); an m-line that is not served is rejected by itself (RFC 3264 6), and shows
 * nothing of its sender; SRTP that nobody asks to end here goes from end to end (R12, TS 23.334
 * 5.11.2.2).
 */
#include "tests/world/ng_world.h"

#include <stdio.h>

static const char realms[] = "\"direction\":[\"access\",\"core\"]";

static uint16_t port_of(const struct ng_world *w, uint16_t media, uint32_t side)
{
	struct sock_addr a;

	assert_true(gate_local(w->e.s.gateway, ng_context(w, media), side, false, &a));
	return be16_get(a.port);
}

static const struct ctl_term *term(const struct ng_world *w, uint16_t media, uint32_t side)
{
	return &ng_context(w, media)->term[side].term;
}

static void assert_addr(const struct sock_addr *a, const char *ip, uint16_t port)
{
	struct sock_addr want = addr(ip, port);

	assert_memory_equal(a, &want, sizeof(want));
}

/* RFC 8866's order is for what is written (G8). */
static void sdp_of_any_order_is_put_in_order(void **state)
{
	struct ng_world *w = *state;
	char want[1024];

	ng_sdp(w, "offer", "a", NULL, realms,
	       "a=x\nt=0 0\n\nb=AS:90\nc=IN  IP4 203.0.113.7 \no=A B 1 2 IN IP4 203.0.113.7\nv=0\n"
	       "m=audio  4000 RTP/AVP 0  8\na=sendonly \nX=1\na=rtcp: 4005 \nb=AS:80\ni=z\n"
	       "c=IN IP4 203.0.113.8\n\n\n");
	snprintf(want, sizeof(want),
		 "v=0\n"
		 "o=A_B 1 2 IN IP4 203.0.113.7\n"
		 "s=-\n"
		 "c=IN IP4 192.0.2.12\n"
		 "b=AS:90\n"
		 "t=0 0\n"
		 "a=x\n"
		 "m=audio %u RTP/AVP 0 8\n"
		 "i=z\n"
		 "c=IN IP4 192.0.2.12\n"
		 "b=AS:80\n"
		 "a=sendonly\n"
		 "a=rtcp:%u\n",
		 port_of(w, 0, 1), port_of(w, 0, 1) + 1);
	assert_string_equal(w->sdp, want);
	assert_addr(&term(w, 0, 0)->remote[0], "203.0.113.8", 4000);
	assert_addr(&term(w, 0, 0)->remote[1], "203.0.113.8", 4005);
	assert_int_equal(ng_context(w, 0)->inactivity, 0);
	ng_sdp(w, "answer", "a", "b", "",
	       "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=\nm=audio 6000 RTP/AVP 0\na=rtcp:x\n"
	       "c=IN IP4 203.0.113.9\n");
	assert_addr(&term(w, 0, 1)->remote[1], "203.0.113.9", 6001);
}

#define A "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
#define B "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
#define AUDIO "m=audio 4000 RTP/AVP 0\n"

static void an_m_line_that_is_not_served_is_rejected_by_itself(void **state)
{
	static const struct {
		const char *line, *rejected, *why;
	} c[] = {
		{ "m=video 4002/2 RTP/AVP 96\n", "m=video 0 RTP/AVP 96", "more ports" },
		{ "m=video 4002 RTP/XYZ 96\n", "m=video 0 RTP/XYZ 96", "RTP/XYZ" },
		{ "m=application 9 TCP/DTLS/SCTP *\n", "m=application 0 TCP/DTLS/SCTP *",
		  "TCP/DTLS" },
		{ "m=message 9 TCP/TLS/MSRP *\na=setup:active\n", "m=message 0 TCP/TLS/MSRP *",
		  "fingerprint" },
		{ "m=video 4002 RTP/AVP 96\nc=IN IP4 host.example\n", "m=video 0 RTP/AVP 96",
		  "c= is a host name" },
		{ "m=video 4002 RTP/AVP 96\nc=IN IP4 233.252.0.1/127\n", "m=video 0 RTP/AVP 96",
		  "c= is a host name or a group" },
	};
	struct ng_world *w = *state;
	char text[1024];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(text, sizeof(text), A AUDIO "%sa=candidate:1 1 UDP 1 203.0.113.7 4002\n",
			 c[i].line);
		ng_sdp(w, "offer", "a", NULL, realms, text);
		ng_has(w, c[i].rejected);
		ng_lacks(w, "203.0.113.7 4002");
		ng_lacks(w, "4002");
		ng_lacks(w, "host.example");
		assert_int_equal(ng_contexts(w), 1);
		assert_int_equal(ng_stats(w->ng)->media_refused, i + 1);
		/* Alone there is nothing left to serve, and the sentence says why. */
		snprintf(text, sizeof(text), A "%s", c[i].line);
		ng_sdp_refused(w, "offer", "", text, c[i].why);
		assert_int_equal(ng_contexts(w), 1);
	}
}

static void an_answer_may_have_one_as_well(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, realms, A AUDIO "m=video 4002 RTP/AVP 96\n");
	assert_int_equal(ng_contexts(w), 2);
	ng_sdp(w, "answer", "a", "b", "",
	       B "m=audio 6000 RTP/AVP 0\nm=video 6002/2 RTP/AVP 96\na=rtcp:6003\n");
	ng_has(w, "m=video 0 RTP/AVP 96");
	ng_lacks(w, " 6002");
	ng_lacks(w, ":6003");
	assert_int_equal(term(w, 0, 1)->flags & TERM_OUT, TERM_OUT);
	assert_int_equal(term(w, 1, 1)->flags & TERM_OUT, 0);
	/* In an offer again it goes with its context. */
	ng_sdp(w, "offer", "a", "b", "", A AUDIO "m=video 4002 RTP/XYZ 96\n");
	ng_has(w, "m=video 0 RTP/XYZ 96");
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 6000 RTP/AVP 0\nm=video 0 RTP/XYZ 96\n");
	assert_int_equal(ng_contexts(w), 1);
}

static void addresses_that_are_not_ours_are_not_passed_on(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, realms,
	       A AUDIO "a=source-filter:incl IN IP4 * 203.0.113.7\na=altc:1 IP4 203.0.113.7 4000\n"
		       "a=sendrecv\n");
	ng_lacks(w, "source-filter");
	ng_lacks(w, "altc");
	ng_has(w, "a=sendrecv");
}

static const char keys[] = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
			   "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\n"
			   "a=fingerprint:sha-256 4A:AD\na=setup:actpass\na=tls-id:abc\n";

static void hang_up(struct ng_world *w)
{
	json_decref(
	    ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\",\"delete-delay\":0}"));
	assert_int_equal(ng_contexts(w), 0);
}

static void srtp_goes_from_end_to_end(void **state)
{
	static const char *const protos[] = { "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP",
					      "UDP/TLS/RTP/SAVPF" };
	struct ng_world *w = *state;
	char text[1024], line[64];

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		snprintf(text, sizeof(text),
			 A "m=audio 4000 %s 0\n%sa=ice-ufrag:abcd\na=ice-pwd:%s\n", protos[i], keys,
			 "0123456789012345678901");
		ng_sdp(w, "offer", "a", NULL, realms, text);
		snprintf(line, sizeof(line), "m=audio %u %s 0", port_of(w, 0, 1), protos[i]);
		ng_has(w, line);
		assert_non_null(strstr(w->sdp, keys));
		ng_lacks(w, "ice-pwd:0123456789012345678901");
		snprintf(text, sizeof(text), B "m=audio 6000 %s 0\n%s", protos[i], keys);
		ng_sdp(w, "answer", "a", "b", "", text);
		snprintf(line, sizeof(line), "m=audio %u %s 0", port_of(w, 0, 0), protos[i]);
		ng_has(w, line);
		assert_non_null(strstr(w->sdp, keys));
		assert_true(term(w, 0, 0)->flags & TERM_RTP);
		hang_up(w);
	}
	/* Feedback or not is no matter of keys. */
	snprintf(text, sizeof(text), A "m=audio 4000 RTP/SAVP 0\n%s", keys);
	ng_sdp(w, "offer", "a", NULL, "\"transport-protocol\":\"RTP/SAVPF\"", text);
	assert_non_null(strstr(w->sdp, " RTP/SAVPF 0\n"));
}

static void an_answer_is_of_the_kind_that_was_offered(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", A "m=audio 4000 RTP/SAVP 0\n" AUDIO);
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 6000 RTP/AVP 0\nm=audio 6002 RTP/AVP 0\n");
	ng_has(w, "m=audio 0 RTP/AVP 0");
	assert_int_equal(term(w, 0, 0)->flags & TERM_IN, TERM_IN);
	assert_int_equal(term(w, 0, 1)->flags & TERM_IN, 0);
	assert_int_equal(term(w, 1, 1)->flags & TERM_IN, TERM_IN);
}

static void keys_of_the_session_go_to_the_m_lines_that_need_them(void **state)
{
	struct ng_world *w = *state;
	char fp[128] = "a=fingerprint:sha-256 4A", *p = fp + strlen(fp);

	for (int i = 1; i < 32; i++)
		p += sprintf(p, ":%02X", i);
	for (int stream = 0; stream < 2; stream++) {
		char text[1024];
		const char *at;

		snprintf(text, sizeof(text),
			 A "a=setup:active\n%s\nm=audio 4000 UDP/TLS/RTP/SAVPF 0\n%s", fp,
			 stream ? "m=message 9 TCP/TLS/MSRP *\na=msrp-cema\n" : "");
		ng_sdp(w, "offer", "a", NULL, realms, text);
		at = strstr(w->sdp, fp);
		assert_non_null(at);
		assert_null(strstr(at + 1, fp));
		assert_true(stream == (at > strstr(w->sdp, "m=audio")));
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sdp_of_any_order_is_put_in_order),
		T(an_m_line_that_is_not_served_is_rejected_by_itself),
		T(an_answer_may_have_one_as_well),
		T(addresses_that_are_not_ours_are_not_passed_on),
		T(srtp_goes_from_end_to_end),
		T(an_answer_is_of_the_kind_that_was_offered),
		T(keys_of_the_session_go_to_the_m_lines_that_need_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
