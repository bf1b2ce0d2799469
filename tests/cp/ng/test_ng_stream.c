/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * m-lines of MSRP and BFCP (our extension of ng, doc/ng.md): transport by side (R42, TS 23.334
 * 5.11.2.x), roles of TCP and TLS (RFC 4145, 8122; R43, R44), fingerprints both ways (R49, R50),
 * when connections begin (R58), paths of MSRP with and without CEMA (RFC 4975, 6714).
 */
#include "tests/world/ng_world.h"

#include <stdio.h>

#define HEAD "v=0\no=u 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
#define HEAD_B "v=0\no=u 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
#define SHA1 "a=fingerprint:SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\n"
#define SHA256_HEX                                                                             \
	"12:df:3e:5d:49:6b:19:e5:7c:ab:4a:ad:b9:b1:3f:82:18:3b:54:02:12:df:3e:5d:49:6b:19:e5:" \
	"7c:ab:4a:ad"
#define SHA256 "a=fingerprint:sha-256 " SHA256_HEX "\n"

static const char realms[] = "\"direction\":[\"access\",\"core\"]";
static const char to_core[] =
    "\"direction\":[\"access\",\"core\"],\"transport-protocol\":\"TCP/MSRP\"";

static const char tls_offer[] =
    HEAD "m=message 9 TCP/TLS/MSRP *\na=setup:actpass\na=connection:new\n" SHA1 SHA256
	 "a=accept-types:text/plain\na=path:msrps://203.0.113.7:9/sa;tcp\na=msrp-cema\n";
static const char tcp_answer[] =
    HEAD_B "m=message 2855 TCP/MSRP *\na=setup:passive\na=connection:new\n"
	   "a=path:msrp://203.0.113.9:2855/sb;tcp\na=msrp-cema\n";

static const struct context_term *side(const struct ng_world *w, uint32_t side)
{
	return &ng_context(w, 0)->term[side];
}

static const char *local(const struct ng_world *w, uint32_t side)
{
	static char text[2][ADDR_STR_MAX];
	struct sock_addr a;

	assert_true(gate_local(w->e.s.gateway, ng_context(w, 0), side, false, &a));
	return sock_addr_format(&a, text[side], sizeof(text[side]));
}

static unsigned int local_port(const struct ng_world *w, uint32_t s)
{
	return be16_get(side(w, s)->term.local.port);
}

static void tls_towards_access_and_tcp_towards_core(void **state)
{
	struct ng_world *w = *state;
	char line[128], ours[128] = "a=fingerprint:sha-256 AB";

	for (int i = 1; i < 32; i++)
		strcat(ours, ":AB");
	ng_sdp(w, "offer", "a", NULL, to_core, tls_offer);
	snprintf(line, sizeof(line), "m=message %u TCP/MSRP *", local_port(w, 1));
	ng_has(w, line);
	ng_has(w, "c=IN IP4 192.0.2.12");
	ng_has(w, "a=setup:actpass");
	ng_has(w, "a=accept-types:text/plain");
	ng_lacks(w, "fingerprint");
	/* With CEMA the path is nobody's but theirs. */
	ng_has(w, "a=path:msrps://203.0.113.7:9/sa;tcp");
	ng_has(w, "a=msrp-cema");
	/* Whoever is offered may connect at once; the other side has no answer yet. */
	assert_int_equal(side(w, 1)->state, TERM_STATE_OPENING);
	assert_int_equal(side(w, 0)->state, TERM_STATE_IDLE);
	assert_int_equal(side(w, 0)->term.transport, TERM_TLS);
	assert_int_equal(side(w, 0)->term.n_fingerprint, 2);
	assert_int_equal(side(w, 0)->term.fingerprint[0].hash, FP_SHA1);
	assert_int_equal(side(w, 0)->term.fingerprint[1].digest[31], 0xad);

	ng_sdp(w, "answer", "a", "b", "", tcp_answer);
	snprintf(line, sizeof(line), "m=message %u TCP/TLS/MSRP *", local_port(w, 0));
	ng_has(w, line);
	ng_has(w, "c=IN IP4 192.0.2.11");
	ng_has(w, ours);
	/* Who may do either is let connect, from behind whatever NAT. */
	ng_has(w, "a=setup:passive");
	assert_int_equal(side(w, 0)->state, TERM_STATE_OPENING);
	assert_int_equal(side(w, 0)->term.flags, TERM_IN | TERM_OUT | TERM_LATCH);
	assert_int_equal(side(w, 1)->term.transport, TERM_TCP);
	assert_int_equal(side(w, 1)->term.flags, TERM_IN | TERM_OUT | TERM_CONNECT);
	assert_int_equal(be16_get(side(w, 1)->term.remote[0].port), 2855);
	assert_int_equal(side(w, 1)->term.attempt, 2);
}

static void tls_is_added_for_the_other_side(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"transport-protocol\":\"TCP/TLS/BFCP\"",
	       HEAD "m=application 9 TCP/BFCP *\na=setup:active\na=connection:new\n"
		    "a=floorctrl:c-only\n");
	assert_non_null(strstr(w->sdp, " TCP/TLS/BFCP *\n"));
	assert_non_null(strstr(w->sdp, "a=fingerprint:sha-256 AB:AB"));
	ng_has(w, "a=setup:actpass");
	/* Over TCP alone, who connects has the address it told. */
	assert_int_equal(side(w, 0)->term.flags, TERM_IN | TERM_OUT | TERM_LATCH | TERM_LATCH_ADDR);
	ng_sdp(w, "answer", "a", "b", "",
	       HEAD_B "m=application 9 TCP/TLS/BFCP *\na=setup:active\n" SHA256);
	assert_non_null(strstr(w->sdp, " TCP/BFCP *\n"));
	ng_has(w, "a=setup:passive");
	ng_lacks(w, "fingerprint");
	/* It may have connected before its answer was here. */
	assert_int_equal(side(w, 1)->term.attempt, 1);
	assert_int_equal(side(w, 1)->term.n_fingerprint, 1);
	assert_int_equal(side(w, 1)->term.flags, TERM_IN | TERM_OUT | TERM_LATCH);
}

static void roles_of_tls_follow_tcps_unless_told(void **state)
{
	struct ng_world *w = *state;

	/* RFC 8122 4: who is active is the client. */
	ng_sdp(w, "offer", "a", NULL, "",
	       HEAD "m=application 5070 TCP/TLS/BFCP *\na=setup:passive\n" SHA1);
	assert_int_equal(side(w, 0)->term.flags & (TERM_CONNECT | TERM_TLS_CLIENT),
			 TERM_CONNECT | TERM_TLS_CLIENT);
	assert_int_equal(side(w, 0)->state, TERM_STATE_IDLE);
	ng_sdp(w, "answer", "a", "b", "\"flags\":[\"tls-server\"]",
	       HEAD_B "m=application 5070 TCP/TLS/BFCP *\na=setup:passive\n" SHA1);
	ng_has(w, "a=setup:active");
	/* The offerer's role was told with the answer, before it began. */
	assert_int_equal(side(w, 0)->term.flags & (TERM_CONNECT | TERM_TLS_CLIENT), TERM_CONNECT);
	assert_int_equal(side(w, 0)->state, TERM_STATE_OPENING);
	assert_int_equal(side(w, 1)->term.flags & (TERM_CONNECT | TERM_TLS_CLIENT),
			 TERM_CONNECT | TERM_TLS_CLIENT);
}

static void a_role_that_was_told_stays(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"tls-client\"]",
	       HEAD "m=application 9 TCP/TLS/BFCP *\na=setup:active\n" SHA1);
	assert_int_equal(side(w, 1)->term.flags & (TERM_CONNECT | TERM_TLS_CLIENT),
			 TERM_TLS_CLIENT);
	ng_sdp(w, "answer", "a", "b", "",
	       HEAD_B "m=application 9 TCP/TLS/BFCP *\na=setup:active\n" SHA1);
	assert_int_equal(side(w, 1)->term.flags & (TERM_CONNECT | TERM_TLS_CLIENT),
			 TERM_TLS_CLIENT);
}

static void without_setup_who_offers_connects(void **state)
{
	struct ng_world *w = *state;
	const char *offer =
	    HEAD "m=message 2855 TCP/MSRP *\na=path:msrp://203.0.113.7:2855/s;tcp\n";
	const char *answer =
	    HEAD_B "m=message 2855 TCP/MSRP *\na=path:msrp://203.0.113.9:2855/s;tcp\n";

	/* RFC 4975 5.4 */
	ng_sdp(w, "offer", "a", NULL, realms, offer);
	ng_lacks(w, "setup");
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_false(side(w, 0)->term.flags & TERM_CONNECT);
	assert_true(side(w, 1)->term.flags & TERM_CONNECT);
}

static void one_path_without_cema_is_ours(void **state)
{
	struct ng_world *w = *state;
	char line[128];

	ng_sdp(w, "offer", "a", NULL, to_core,
	       HEAD "m=message 7654 TCP/TLS/MSRP *\na=setup:actpass\n" SHA256
		    "a=path:msrps://u@ue.example:7654/jshA7we;tcp\n");
	snprintf(line, sizeof(line), "a=path:msrp://%s/jshA7we;tcp", local(w, 1));
	ng_has(w, line);
	ng_sdp(w, "answer", "a", "b", "",
	       HEAD_B "m=message 12763 TCP/MSRP *\na=setup:active\n"
		      "a=path:msrp://bob.example:12763/kjhd37s2s20w2a;tcp\n");
	snprintf(line, sizeof(line), "a=path:msrps://%s/kjhd37s2s20w2a;tcp", local(w, 0));
	ng_has(w, line);
}

static void re_offers_keep_the_connection_unless_told(void **state)
{
	struct ng_world *w = *state;
	char again[sizeof(tls_offer) + 8], *at;
	uint8_t attempt[2];
	uint64_t id;

	ng_sdp(w, "offer", "a", NULL, to_core, tls_offer);
	ng_sdp(w, "answer", "a", "b", "", tcp_answer);
	attempt[0] = side(w, 0)->term.attempt;
	attempt[1] = side(w, 1)->term.attempt;
	strcpy(again, tls_offer);
	at = strstr(again, "connection:new");
	memmove(at + 19, at + 14, strlen(at + 14) + 1);
	memcpy(at, "connection:existing", 19);
	ng_sdp(w, "offer", "a", "b", "", again);
	/* The transport of each side stays, too. */
	assert_non_null(strstr(w->sdp, " TCP/MSRP *\n"));
	ng_sdp(w, "answer", "a", "b", "",
	       HEAD_B "m=message 2855 TCP/MSRP *\na=setup:passive\na=connection:existing\n"
		      "a=msrp-cema\n");
	ng_has(w, "a=connection:existing");
	ng_has(w, "a=setup:passive");
	assert_int_equal(side(w, 0)->term.attempt, attempt[0]);
	assert_int_equal(side(w, 1)->term.attempt, attempt[1]);
	assert_true(side(w, 1)->term.flags & TERM_CONNECT);

	/* RFC 4145 5: a new one, and the old one until it is accepted. */
	id = ng_context(w, 0)->id;
	ng_sdp(w, "offer", "a", "b", "", tls_offer);
	assert_int_equal(ng_contexts(w), 2);
	assert_non_null(gate_find(w->e.s.gateway, id));
	ng_sdp(w, "answer", "a", "b", "", tcp_answer);
	assert_int_equal(ng_contexts(w), 1);
	assert_null(gate_find(w->e.s.gateway, id));
	assert_int_equal(side(w, 0)->realm, 0);
	assert_int_equal(side(w, 1)->realm, 1);
	assert_int_equal(side(w, 0)->state, TERM_STATE_OPENING);
	assert_int_equal(side(w, 1)->state, TERM_STATE_OPENING);
	/* The same answer once more (180, then 200) changes nothing. */
	attempt[0] = side(w, 0)->term.attempt;
	attempt[1] = side(w, 1)->term.attempt;
	ng_sdp(w, "answer", "a", "b", "", tcp_answer);
	assert_int_equal(side(w, 0)->term.attempt, attempt[0]);
	assert_int_equal(side(w, 1)->term.attempt, attempt[1]);
}

static void holdconn_begins_nothing(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", HEAD "m=application 9 TCP/BFCP *\na=setup:holdconn\n");
	ng_has(w, "a=setup:holdconn");
	ng_sdp(w, "answer", "a", "b", "", HEAD_B "m=application 9 TCP/BFCP *\na=setup:holdconn\n");
	ng_has(w, "a=setup:holdconn");
	assert_int_equal(side(w, 0)->state, TERM_STATE_IDLE);
	assert_int_equal(side(w, 1)->state, TERM_STATE_IDLE);
	ng_sdp(w, "offer", "a", "b", "",
	       HEAD "m=application 9 TCP/BFCP *\na=setup:active\na=connection:new\n");
	ng_sdp(w, "answer", "a", "b", "",
	       HEAD_B "m=application 5070 TCP/BFCP *\na=setup:passive\n");
	assert_int_equal(side(w, 0)->state, TERM_STATE_OPENING);
	assert_int_equal(side(w, 1)->state, TERM_STATE_OPENING);
	assert_true(side(w, 1)->term.flags & TERM_CONNECT);
}

static void fingerprints_of_the_session_and_hashes_not_to_be_used(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "",
	       "v=0\no=u 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "a=setup:active\n" SHA256
	       "a=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\n"
	       "m=application 9 TCP/TLS/BFCP *\n");
	assert_int_equal(side(w, 0)->term.n_fingerprint, 1);
	ng_lacks(w, "md5");
	ng_lacks(w, SHA256_HEX);
}

static void what_cannot_be_is_refused(void **state)
{
	struct ng_world *w = *state;
	static const struct {
		const char *sdp, *why;
	} bad[] = {
		{ HEAD "m=message 9 TCP/TLS/MSRP *\na=setup:active\n",
		  "TLS without a=fingerprint" },
		{ HEAD "m=message 9 TCP/TLS/MSRP *\na=setup:active\n"
		       "a=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\n",
		  "no a=fingerprint of sha-1 to sha-512" },
		{ HEAD "m=message 9 TCP/MSRP *\na=setup:sometimes\n", "a=setup" },
		{ HEAD "m=message 9 TCP/MSRP *\na=connection:old\n", "a=connection" },
		{ HEAD "m=message 9 TCP/MSRP *\na=path:msrp://r:1/a;tcp msrp://u:2/b;tcp\n",
		  "not one URI" },
		{ HEAD "m=message 9 TCP/MSRP *\na=path:http://r:1/a;tcp\n", "no MSRP URI" },
		{ HEAD "m=message 9 TCP/MSRP *\na=path:msrp://r:1\n", "names no session" },
		{ HEAD "m=application 9 TCP/DTLS/SCTP *\n", "TCP/DTLS/SCTP is not served" },
		{ HEAD SHA1 SHA1 SHA1 SHA1 SHA1 SHA1 SHA1 SHA1 SHA1
		  "m=message 9 TCP/TLS/MSRP *\na=setup:active\n",
		  "more than 8 fingerprints" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ng_sdp_refused(w, "offer", "", bad[i].sdp, bad[i].why);
	assert_int_equal(ng_contexts(w), 0);
	ng_sdp(w, "offer", "a", NULL, to_core, tls_offer);
	ng_sdp_refused(w, "answer", "", HEAD_B "m=message 9 TCP/TLS/MSRP *\na=setup:active\n" SHA1,
		       "not the transport that was offered");
}

static void relays_in_the_path_pass_with_cema(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "",
	       HEAD "m=message 9 TCP/MSRP *\na=msrp-cema\n"
		    "a=path:msrp://r:1/a;tcp msrp://u:2/b;tcp\n");
	ng_has(w, "a=path:msrp://r:1/a;tcp msrp://u:2/b;tcp");
}

static void of_a_call_that_forks_the_last_answer_holds(void **state)
{
	struct ng_world *w = *state;
	uint8_t attempt;

	ng_sdp(w, "offer", "a", NULL, to_core, tls_offer);
	ng_sdp(w, "answer", "a", "b", "", tcp_answer);
	assert_true(side(w, 1)->term.flags & TERM_CONNECT);
	attempt = side(w, 1)->term.attempt;
	ng_sdp(w, "answer", "a", "b2", "",
	       HEAD_B "m=message 9 TCP/MSRP *\na=setup:active\na=msrp-cema\n");
	assert_string_equal(side(w, 1)->tag, "b2");
	assert_false(side(w, 1)->term.flags & TERM_CONNECT);
	assert_int_not_equal(side(w, 1)->term.attempt, attempt);
	assert_int_equal(ng_contexts(w), 1);
}

static void term_up(struct ng_world *w, const char *ip, const uint8_t sha256[32])
{
	const struct context *x = ng_context(w, 0);
	struct evt_term e = { .side = 1,
			      .what = TERM_UP,
			      .attempt = x->term[1].term.attempt,
			      .remote = addr(ip, 50000) };

	if (sha256)
		memcpy(e.sha256, sha256, sizeof(e.sha256));
	fake_dp_term(&w->e.dp, x->worker, x->cid, &e);
	env_poll(&w->e);
	assert_int_equal(x->term[1].state, TERM_STATE_UP);
}

#define CERT_LINE(hash, bytes) "a=fingerprint:" hash " " bytes "\n"
#define B20 "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AC"
#define C20 "FF:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AC"
#define B32 B20 ":01:02:03:04:05:06:07:08:09:0A:0B:0C"
#define C32 C20 ":01:02:03:04:05:06:07:08:09:0A:0B:0C"
#define CONNECTS                                                              \
	"v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n" \
	"m=message 9 TCP/TLS/MSRP *\na=setup:active\na=path:msrps://u:9/s;tcp\na=msrp-cema\n"

static const uint8_t b32[32] = { 0x4a, 0xad, 0xb9, 0xb1, 0x3f, 0x82, 0x18, 0x3b, 0x54, 0x02, 0x12,
				 0xdf, 0x3e, 0x5d, 0x49, 0x6b, 0x19, 0xe5, 0x7c, 0xac, 1,    2,
				 3,    4,    5,	   6,	 7,    8,    9,	   10,	 11,   12 };

/* RFC 8122 6.2: what is up belongs to who showed the certificate, whatever its address. */
static void a_branch_of_another_certificate_gets_a_connection_of_its_own(void **state)
{
	static const char *const other[] = { CONNECTS CERT_LINE("sha-1", C20),
					     CONNECTS CERT_LINE("sha-256", C32),
					     CONNECTS CERT_LINE("sha-256", C32)
						 CERT_LINE("sha-1", B20) };
	struct ng_world *w = *state;

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		const struct context_term *t;

		ng_sdp(w, "offer", "a", NULL, "\"transport-protocol\":\"TCP/TLS/MSRP\"",
		       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
		       "m=message 9 TCP/MSRP *\na=setup:actpass\na=path:msrp://u:9/s;tcp\n"
		       "a=msrp-cema\n");
		t = &ng_context(w, 0)->term[1];
		ng_sdp(w, "answer", "a", "b", "",
		       i ? CONNECTS CERT_LINE("sha-256", B32) CERT_LINE("sha-1", B20)
			 : CONNECTS CERT_LINE("sha-1", B20));
		assert_int_equal(t->term.attempt, 1);
		term_up(w, "203.0.113.9", i ? b32 : NULL);
		ng_sdp(w, "answer", "a", "c", "", other[i]);
		assert_int_equal(t->term.attempt, 2);
		assert_int_equal(t->state, TERM_STATE_OPENING);
		json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\"}"));
	}
}

/* The same by another name: a phone on two branches, or one that tells more of its certificate. */
static void a_certificate_that_is_still_named_keeps_the_connection(void **state)
{
	struct ng_world *w = *state;
	const struct context_term *t;
	uint64_t id;

	ng_sdp(w, "offer", "a", NULL, "\"transport-protocol\":\"TCP/TLS/MSRP\"",
	       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "m=message 9 TCP/MSRP *\na=setup:actpass\na=path:msrp://u:9/s;tcp\na=msrp-cema\n");
	t = &ng_context(w, 0)->term[1];
	ng_sdp(w, "answer", "a", "b", "", CONNECTS CERT_LINE("sha-1", B20));
	term_up(w, "203.0.113.77", b32);
	ng_sdp(w, "answer", "a", "c", "",
	       CONNECTS CERT_LINE("sha-1", C20) CERT_LINE("sha-256", B32));
	assert_int_equal(t->term.attempt, 1);
	ng_sdp(w, "offer", "c", "a", "",
	       CONNECTS CERT_LINE("sha-1", C20) CERT_LINE("sha-256", B32));
	assert_int_equal(t->term.attempt, 1);
	id = ng_context(w, 0)->id;
	ng_sdp(w, "offer", "c", "a", "", CONNECTS CERT_LINE("sha-256", C32));
	ng_sdp(w, "answer", "c", "a", "",
	       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "m=message 9 TCP/MSRP *\na=setup:active\na=path:msrp://u:9/s;tcp\na=msrp-cema\n");
	assert_int_not_equal(ng_context(w, 0)->id, id);
}

static void an_m_line_that_becomes_something_else_is_another(void **state)
{
	struct ng_world *w = *state;
	uint64_t id;

	ng_sdp(w, "offer", "a", NULL, "", HEAD "m=message 9 TCP/MSRP *\na=msrp-cema\n");
	id = ng_context(w, 0)->id;
	ng_sdp(w, "offer", "a", NULL, "", HEAD "m=audio 4000 RTP/AVP 0\n");
	assert_int_not_equal(ng_context(w, 0)->id, id);
	assert_int_equal(ng_contexts(w), 1);
}

/* RFC 8122 5 wants one, and there is none to tell: another gateway may have. */
static void without_a_certificate_tls_is_refused(void **state)
{
	struct ng_world *w = *state;
	struct ctl_cert_info *cert =
	    region_at(w->e.dp.base, w->e.dp.size, w->e.dp.region->cert_info, sizeof(*cert), 64);

	cert->loaded = 0;
	ng_sdp_refused(w, "offer", "", tls_offer, "m-line 1: no certificate");
	assert_int_equal(ng_contexts(w), 0);
	ng_sdp(w, "offer", "a", NULL, to_core, tls_offer); /* none is told to the core */
	ng_sdp_refused(w, "answer", "", tcp_answer, "m-line 1: no certificate");
	cert->loaded = 1;
	ng_sdp(w, "answer", "a", "b", "", tcp_answer);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(tls_towards_access_and_tcp_towards_core),
		T(tls_is_added_for_the_other_side),
		T(roles_of_tls_follow_tcps_unless_told),
		T(a_role_that_was_told_stays),
		T(without_setup_who_offers_connects),
		T(one_path_without_cema_is_ours),
		T(re_offers_keep_the_connection_unless_told),
		T(holdconn_begins_nothing),
		T(fingerprints_of_the_session_and_hashes_not_to_be_used),
		T(what_cannot_be_is_refused),
		T(without_a_certificate_tls_is_refused),
		T(relays_in_the_path_pass_with_cema),
		T(of_a_call_that_forks_the_last_answer_holds),
		T(a_branch_of_another_certificate_gets_a_connection_of_its_own),
		T(a_certificate_that_is_still_named_keeps_the_connection),
		T(an_m_line_that_becomes_something_else_is_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
