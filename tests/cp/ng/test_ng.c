/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands of ng as they come: from Kamailio's rtpengine module (5.6.3, captured), in bencode and
 * JSON, over UDP; cookies and retransmissions; what query, delete, list and statistics tell;
 * sources and their rate (R27). Nothing is left of what was deleted.
 */
#include "tests/world/ng_world.h"

#include <stdio.h>
#include <unistd.h>

static const char kamailio_ping[] = "0_304_2 d7:command4:pinge";
static const char kamailio_offer[] =
    "0_304_3 d8:supportsl10:load limite3:sdp91:v=0\r\n"
    "o=a 1 1 IN IP4 203.0.113.7\r\n"
    "s=-\r\n"
    "c=IN IP4 203.0.113.7\r\n"
    "t=0 0\r\n"
    "m=audio 4000 RTP/AVP 0\r\n"
    "3:ICE6:remove14:address-family3:IP43:TOSi184e12:delete delayi0e12:delet"
    "e-delay1:04:DTLS3:off11:record-call2:no5:label3:foo9:directionl6:access"
    "4:coree5:flagsl13:trust-address9:symmetric12:loop-protect13:strict-sour"
    "ce19:full-rtcp-attribute13:port-latchinge7:replacel6:origin18:session-c"
    "onnectione18:transport-protocol8:RTP/AVPF8:rtcp-muxl5:demuxe4:SDESl3:of"
    "fe7:call-id8:call-1@x10:via-branch8:z9hG4bK213:received-froml3:IP49:127"
    ".0.0.1e8:from-tag2:ta"
    "16:sip-message-type7:request" /* since Kamailio 6 */
    "7:command5:offere";
static const char kamailio_codec[] =
    "0_304_4 d8:supportsl10:load limite3:sdp93:v=0\r\n"
    "o=a 1 1 IN IP4 203.0.113.7\r\n"
    "s=-\r\n"
    "c=IN IP4 203.0.113.7\r\n"
    "t=0 0\r\n"
    "m=audio 4000 RTP/AVP 8 0\r\n"
    "5:codecd5:stripl4:PCMAee7:call-id8:call-1@x13:received-froml3:IP49:127."
    "0.0.1e8:from-tag2:ta7:command5:offere";
static const char kamailio_msrp[] =
    "0_304_5 d8:supportsl10:load limite3:sdp205:v=0\r\n"
    "o=a 1 1 IN IP4 203.0.113.7\r\n"
    "s=-\r\n"
    "c=IN IP4 203.0.113.7\r\n"
    "t=0 0\r\n"
    "m=message 9 TCP/TLS/MSRP *\r\n"
    "a=setup:active\r\n"
    "a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:"
    "E5:7C:AB\r\n"
    "a=msrp-cema\r\n"
    "18:transport-protocol8:TCP/MSRP9:directionl6:access4:coree5:flagsl10:tl"
    "s-cliente7:call-id8:call-1@x13:received-froml3:IP49:127.0.0.1e8:from-ta"
    "g2:ta7:command5:offere";
static const char kamailio_answer[] =
    "0_304_6 d8:supportsl10:load limite3:sdp91:v=0\r\n"
    "o=a 1 1 IN IP4 203.0.113.9\r\n"
    "s=-\r\n"
    "c=IN IP4 203.0.113.9\r\n"
    "t=0 0\r\n"
    "m=audio 4000 RTP/AVP 0\r\n"
    "3:ICE5:force7:replacel6:origine8:rtcp-muxl6:accepte7:call-id8:call-1@x1"
    "3:received-froml3:IP49:127.0.0.1e8:from-tag2:tb6:to-tag2:ta7:command6:a"
    "nswere";
static const char kamailio_query[] =
    "0_304_7 d8:supportsl10:load limite7:call-id8:call-1@x13:received-froml3"
    ":IP49:127.0.0.1e8:from-tag2:ta6:to-tag2:tb7:command5:querye";
static const char kamailio_delete[] =
    "0_304_8 d8:supportsl10:load limite12:delete delayi0e12:delete-delay1:07"
    ":call-id8:call-1@x13:received-froml3:IP49:127.0.0.1e8:from-tag2:ta7:com"
    "mand6:deletee";

static const char offer[] = "v=0\\no=a 1 1 IN IP4 203.0.113.7\\ns=-\\nc=IN IP4 203.0.113.7\\n"
			    "t=0 0\\nm=audio 4000 RTP/AVP 0\\n";
static const char answer[] = "v=0\\no=b 1 1 IN IP4 203.0.113.9\\ns=-\\nc=IN IP4 203.0.113.9\\n"
			     "t=0 0\\nm=audio 6000 RTP/AVP 0\\n";

/* The value a path of names leads to. */
static json_t *at(json_t *v, const char *const *path)
{
	for (; *path && v; path++)
		v = **path == '#' ? json_array_get(v, (size_t)((*path)[1] - '0'))
				  : json_object_get(v, *path);
	return v;
}
#define AT(v, ...) at(v, (const char *const[]){ __VA_ARGS__, NULL })

static void must_be(json_t *v, const char *result)
{
	const char *s = json_string_value(json_object_get(v, "result"));

	if (!s || strcmp(s, result) != 0)
		fail_msg("result %s", s ? s : "none");
}

/* A call that was offered and answered. */
static void call_made(struct ng_world *w, const char *call)
{
	json_t *v = ng_ask_json(w,
				"{\"command\":\"offer\",\"call-id\":\"%s\",\"from-tag\":\"a\","
				"\"sdp\":\"%s\"}",
				call, offer);

	must_be(v, "ok");
	json_decref(v);
	v = ng_ask_json(
	    w,
	    "{\"command\":\"answer\",\"call-id\":\"%s\",\"from-tag\":\"a\",\"to-tag\":\"b\","
	    "\"sdp\":\"%s\"}",
	    call, answer);
	must_be(v, "ok");
	json_decref(v);
}

/* ---- Kamailio ---- */

static void kamailio_makes_a_call(void **state)
{
	struct ng_world *w = *state;
	const struct context *c;
	char tags[sizeof(kamailio_answer)], *p;

	assert_true(ng_say_text(w, kamailio_ping));
	assert_string_equal(w->in, "0_304_2 d6:result4:ponge");
	assert_true(ng_say_text(w, kamailio_offer));
	assert_non_null(strstr(w->in, " RTP/AVPF 0\r\n"));
	assert_non_null(strstr(w->in, "a=fairlead:"));
	assert_non_null(strstr(w->in, "o=a 1 1 IN IP4 192.0.2.12\r\n"));
	/* Captured from an ACK, where the module has the tags the other way round. */
	memcpy(tags, kamailio_answer, sizeof(tags));
	p = strstr(tags, "from-tag2:tb6:to-tag2:ta");
	assert_non_null(p);
	memcpy(p, "from-tag2:ta6:to-tag2:tb", 24);
	assert_true(ng_say_text(w, tags));
	assert_non_null(strstr(w->in, "6:result2:ok3:sdp"));
	c = gate_call_next(w->e.s.gateway, "call-1@x", NULL);
	assert_non_null(c);
	assert_string_equal(c->term[0].tag, "ta");
	assert_string_equal(c->term[1].tag, "tb");
	assert_int_equal(c->term[1].realm, 1);
	assert_int_equal(c->term[1].term.dscp, 46);
	assert_int_equal(c->owner, gate_owner(w->e.s.gateway, &w->e.conf.gateway.ng_addr,
					      sizeof(struct ip_addr)));
	assert_true(ng_say_text(w, kamailio_query));
	assert_non_null(strstr(w->in, "16:in dialogue with"));
	assert_true(ng_say_text(w, kamailio_delete));
	assert_non_null(strstr(w->in, "6:result2:ok"));
	assert_non_null(strstr(w->in, "6:totals"));
	assert_int_equal(ng_contexts(w), 0);
}

static void kamailio_makes_a_call_of_msrp(void **state)
{
	struct ng_world *w = *state;

	assert_true(ng_say_text(w, kamailio_msrp));
	assert_non_null(strstr(w->in, " TCP/MSRP *\r\n"));
	assert_int_equal(ng_contexts(w), 1);
}

static void kamailio_has_a_codec_stripped(void **state)
{
	struct ng_world *w = *state;

	assert_true(ng_say_text(w, kamailio_codec));
	assert_non_null(strstr(w->in, " RTP/AVP 0\r\n"));
}

/* ---- encodings, cookies ---- */

static void answers_are_in_the_encoding_that_was_asked_in(void **state)
{
	struct ng_world *w = *state;

	assert_true(ng_say_text(w, "c1 {\"command\": \"ping\"}"));
	assert_string_equal(w->in, "c1 {\"result\":\"pong\"}");
	assert_true(ng_say_text(w, "c2 d7:command4:pinge"));
	assert_string_equal(w->in, "c2 d6:result4:ponge");
	assert_true(ng_say_text(w, "c3 {\"command\": \"offer\",\"call-id\":\"\\u00e4\\u00ff\"}"));
	assert_non_null(strstr(w->in, "c3 {\"error-reason\":"));
	/* What is not UTF-8 is not a reason to fall silent. */
	assert_true(ng_say_text(w, "c4 d7:command4:\xff\xfe\xfd\xfc"
				   "e"));
	assert_non_null(strstr(w->in, "command \"????\" is not served"));
}

static void what_is_no_command_is_told_so(void **state)
{
	struct ng_world *w = *state;
	static const char *const bad[] = {
		"x d7:commandi1ee",
		"x l4:pinge",
		"x d7:command4:ping",
		"x d7:command4:ping7:command4:pinge",
		"x {\"command\":\"ping\"",
		"x {\"command\":\"ping\",\"command\":\"ping\"}",
		"x d7:command04:pinge",
		"x ",
		"x d7:command10:start mediae",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%zu%s", i, bad[i]);
		assert_true(ng_say_text(w, text));
		assert_non_null(strstr(w->in, "error-reason"));
	}
	assert_int_equal(ng_stats(w->ng)->commands[NG_OTHER], sizeof(bad) / sizeof(bad[0]));
	assert_int_equal(ng_stats(w->ng)->errors[NG_OTHER], sizeof(bad) / sizeof(bad[0]));
	assert_int_equal(ng_stats(w->ng)->bad, 0); /* these are answered */
	/* Without a cookie there is nobody to tell. */
	assert_false(ng_say_text(w, "d7:command4:pinge"));
	assert_false(ng_say_text(w, " d7:command4:pinge"));
	assert_false(ng_say_text(w, ""));
	assert_int_equal(ng_stats(w->ng)->bad, 3);
}

static void a_retransmission_gets_the_same_answer(void **state)
{
	struct ng_world *w = *state;
	char first[sizeof(w->in)];
	const char *text = "77 {\"command\":\"delete\",\"call-id\":\"c\",\"from-tag\":\"a\"}";

	call_made(w, "c");
	w->stats[0].packets = 5;
	assert_true(ng_say_text(w, text));
	memcpy(first, w->in, sizeof(first));
	assert_non_null(strstr(first, "\"totals\""));
	/* Otherwise it would be told that there is no such call. */
	assert_true(ng_say_text(w, text));
	assert_string_equal(w->in, first);
	assert_int_equal(ng_stats(w->ng)->again, 1);
	assert_int_equal(ng_stats(w->ng)->commands[NG_DELETE], 1);
	env_advance(&w->e, NG_KEPT_MS);
	assert_true(ng_say_text(w, text));
	assert_non_null(strstr(w->in, "warning"));
}

static void a_command_under_way_is_answered_once(void **state)
{
	struct ng_world *w = *state;
	const char *text = "78 {\"command\":\"query\",\"call-id\":\"c\"}";

	call_made(w, "c");
	w->mute = true;
	assert_false(ng_say_text(w, text));
	assert_false(ng_say_text(w, text));
	/* The dataplane never answers: the answer comes without counters. */
	env_advance(&w->e, 3000);
	env_advance(&w->e, 3000);
	assert_true(ng_say_text(w, text));
	assert_non_null(strstr(w->in, "counters are missing"));
	assert_int_equal(ng_stats(w->ng)->commands[NG_QUERY], 1);
	assert_int_equal(ng_stats(w->ng)->again, 2);
}

static void what_waits_is_forgotten_at_the_end(void **state)
{
	struct ng_world *w = *state;

	call_made(w, "c");
	w->mute = true;
	assert_false(ng_say_text(w, "79 {\"command\":\"query\",\"call-id\":\"c\"}"));
	assert_false(ng_say_text(w, "80 {\"command\":\"delete\",\"call-id\":\"c\"}"));
	/* The teardown ends it while both wait. */
}

/* ---- what is told ---- */

static void query_and_delete_tell_what_passed(void **state)
{
	struct ng_world *w = *state;
	static const char *const commands[] = { "query", "delete" };

	call_made(w, "c");
	w->stats[0] = (struct ctl_term_stats){
		.packets = 100, .bytes = 16000, .rtcp_packets = 3, .rtcp_bytes = 300, .dropped = 2
	};
	w->stats[1] = (struct ctl_term_stats){
		.packets = 90, .bytes = 14400, .rtcp_packets = 4, .rtcp_bytes = 400
	};
	for (size_t i = 0; i < 2; i++) {
		json_t *v = ng_ask_json(
		    w, "{\"command\":\"%s\",\"call-id\":\"c\",\"from-tag\":\"b\"}", commands[i]);
		json_t *a = AT(v, "tags", "a", "medias", "#0");
		json_t *rtp = AT(a, "streams", "#0"), *rtcp = AT(a, "streams", "#1");

		must_be(v, "ok");
		assert_int_equal(json_integer_value(AT(v, "totals", "RTP", "packets")), 190);
		assert_int_equal(json_integer_value(AT(v, "totals", "RTP", "bytes")), 30400);
		assert_int_equal(json_integer_value(AT(v, "totals", "RTP", "errors")), 2);
		assert_int_equal(json_integer_value(AT(v, "totals", "RTCP", "packets")), 7);
		assert_int_equal(json_integer_value(AT(a, "index")), 1);
		assert_string_equal(json_string_value(AT(a, "type")), "audio");
		assert_string_equal(json_string_value(AT(a, "protocol")), "RTP/AVP");
		assert_int_equal(json_integer_value(AT(rtp, "stats", "packets")), 100);
		assert_string_equal(json_string_value(AT(rtp, "endpoint", "address")),
				    "203.0.113.7");
		assert_int_equal(json_integer_value(AT(rtp, "endpoint", "port")), 4000);
		assert_string_equal(json_string_value(AT(rtp, "endpoint", "family")), "IPv4");
		assert_int_equal(json_integer_value(AT(rtcp, "local port")),
				 json_integer_value(AT(rtp, "local port")) + 1);
		assert_int_equal(json_integer_value(AT(rtcp, "stats", "bytes")), 300);
		assert_string_equal(json_string_value(AT(v, "tags", "b", "in dialogue with")), "a");
		assert_null(AT(v, "warning"));
		json_decref(v);
	}
	assert_int_equal(ng_contexts(w), 0);
}

/* In the form that Kamailio's rtpengine module reads: integers, MOS in tenths (R32). */
static void query_and_delete_tell_how_it_was_heard(void **state)
{
	struct ng_world *w = *state;
	static const char *const commands[] = { "query", "delete" };

	call_made(w, "c");
	w->stats[0].quality = (struct ctl_quality){
		.sources = 1,
		.ssrc = 4000000001,
		.lost = 7,
		.samples = 3,
		.mean = { .mos = 396,
			  .loss = 149,
			  .jitter_us = 2600,
			  .rtt_us = 40000,
			  .leg_us = 9 },
		.lowest = { .mos = 344, .at = 1 },
		.highest = { .mos = 345, .at = 2 },
	};
	w->stats[1].quality = (struct ctl_quality){ .sources = 1, .ssrc = 5 };
	for (size_t i = 0; i < 2; i++) {
		json_t *v = ng_ask_json(
		    w, "{\"command\":\"%s\",\"call-id\":\"c\",\"from-tag\":\"b\"}", commands[i]);
		json_t *s = AT(v, "SSRC", "4000000001");
		json_t *mean = AT(s, "average MOS"), *least = AT(s, "lowest MOS");
		json_t *most = AT(s, "highest MOS");

		assert_int_equal(json_integer_value(AT(s, "cumulative loss")), 7);
		assert_int_equal(json_integer_value(AT(mean, "MOS")), 40);
		assert_int_equal(json_integer_value(AT(mean, "packet loss")), 1);
		assert_int_equal(json_integer_value(AT(mean, "jitter")), 3);
		assert_int_equal(json_integer_value(AT(mean, "round-trip time")), 40000);
		assert_int_equal(json_integer_value(AT(mean, "round-trip time leg")), 9);
		assert_int_equal(json_integer_value(AT(mean, "samples")), 3);
		assert_int_equal(json_integer_value(AT(least, "MOS")), 34);
		assert_int_equal(json_integer_value(AT(most, "MOS")), 35);
		assert_int_equal(json_integer_value(AT(most, "reported at")),
				 json_integer_value(AT(least, "reported at")) + 1);
		assert_int_equal(
		    json_integer_value(AT(v, "tags", "a", "medias", "#0", "streams", "#0", "SSRC")),
		    4000000001);
		/* He spoke, and nothing is known of what he heard. */
		assert_non_null(AT(v, "SSRC", "5"));
		assert_null(AT(v, "SSRC", "5", "average MOS"));
		json_decref(v);
	}
}

/* What the payload types of an m-line are goes to the dataplane. */
static void formats_are_told(void **state)
{
	struct ng_world *w = *state;
	const struct ctl_format *f;
	uint32_t cursor = 0, look;

	ng_sdp(
	    w, "offer", "a", NULL, "",
	    "v=0\no=- 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	    "m=audio 4000 RTP/AVP 0 96 97 98\na=rtpmap:96 OPUS/48000/2\n"
	    "a=rtpmap:97 x-new/8000\na=rtpmap:300 PCMA/8000\na=rtpmap:98 telephone-event/8000\n");
	look = GATE_LOOK;
	f = gate_next(w->e.s.gateway, &cursor, &look)->term[0].term.format;
	assert_int_equal(f[0].type, 96);
	assert_int_equal(f[0].codec, CODEC_OPUS);
	assert_int_equal(f[1].type, 98);
	assert_int_equal(f[1].codec, CODEC_EVENT);
	assert_int_equal(f[2].codec, CODEC_NONE);
}

static void deleting_what_there_is_not(void **state)
{
	struct ng_world *w = *state;
	json_t *v = ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\",\"from-tag\":\"a\"}");

	must_be(v, "ok");
	assert_non_null(AT(v, "warning"));
	json_decref(v);
	v = ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\",\"flags\":[\"fatal\"]}");
	must_be(v, "error");
	json_decref(v);
	v = ng_ask_json(w, "{\"command\":\"query\",\"call-id\":\"c\"}");
	must_be(v, "error");
	json_decref(v);
	v = ng_ask_json(w, "{\"command\":\"delete\"}");
	must_be(v, "error");
	json_decref(v);
}

static void tags_that_are_not_the_calls_delete_nothing(void **state)
{
	struct ng_world *w = *state;
	static const char *const tags[] = { "\"from-tag\":\"x\"",
					    "\"from-tag\":\"a\",\"to-tag\":\"x\"",
					    "\"to-tag\":\"x\"" };

	call_made(w, "c");
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		json_t *v =
		    ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\",%s}", tags[i]);

		assert_non_null(AT(v, "warning"));
		json_decref(v);
		assert_int_equal(ng_contexts(w), 1);
	}
}

static void list_names_calls(void **state)
{
	struct ng_world *w = *state;
	json_t *v;

	call_made(w, "c1");
	call_made(w, "c2");
	v = ng_ask_json(w, "{\"command\":\"list\"}");
	must_be(v, "ok");
	assert_int_equal(json_array_size(AT(v, "calls")), 2);
	json_decref(v);
	v = ng_ask_json(w, "{\"command\":\"list\",\"limit\":1}");
	assert_int_equal(json_array_size(AT(v, "calls")), 1);
	json_decref(v);
	v = ng_ask_json(w, "{\"command\":\"list\",\"limit\":0}");
	assert_int_equal(json_array_size(AT(v, "calls")), 0);
	json_decref(v);
}

/* Ours: where a list was cut, the next one goes on. */
static void a_list_goes_on_where_it_was_cut(void **state)
{
	struct ng_world *w = *state;
	json_int_t cursor = 0;
	char call[8];
	size_t n = 0;

	for (int i = 0; i < 9; i++) {
		snprintf(call, sizeof(call), "c%d", i);
		call_made(w, call);
	}
	for (int page = 0; page < 4; page++) {
		json_t *v =
		    ng_ask_json(w, "{\"command\":\"list\",\"limit\":3,\"cursor\":%d}", (int)cursor);

		n += json_array_size(AT(v, "calls"));
		assert_int_equal(json_array_size(AT(v, "calls")), page < 3 ? 3 : 0);
		assert_int_equal(AT(v, "cursor") != NULL, page < 3);
		cursor = json_integer_value(AT(v, "cursor"));
		json_decref(v);
	}
	assert_int_equal(n, 9);
}

/* Bencode has any bytes, JSON has not: one name of a call must not make all unreadable. */
static void names_that_are_no_utf8_are_told_in_json(void **state)
{
	struct ng_world *w = *state;

	assert_true(ng_say_text(w, "b d7:call-id3:c\xff"
				   "d7:command5:offer8:from-tag2:\xfe\xfe"
				   "3:sdp88:v=0\r\no=a 1 1 IN IP4 203.0.113.7\r\ns=-\r\n"
				   "c=IN IP4 203.0.113.7\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\ne"));
	assert_non_null(strstr(w->in, "6:result2:ok"));
	call_made(w, "\xc3\xa4");
	assert_true(ng_say_text(w, "j {\"command\":\"list\"}"));
	assert_non_null(strstr(w->in, "\"c?d\""));
	assert_non_null(strstr(w->in, "\"\xc3\xa4\""));
	assert_true(ng_say_text(w, "k d7:command4:liste"));
	assert_non_null(strstr(w->in, "3:c\xff"
				      "d"));
}

static void statistics_are_sums(void **state)
{
	struct ng_world *w = *state;
	json_t *v;

	call_made(w, "c1");
	call_made(w, "c2");
	json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c1\"}"));
	v = ng_ask_json(w, "{\"command\":\"statistics\"}");
	must_be(v, "ok");
	assert_int_equal(
	    json_integer_value(AT(v, "statistics", "currentstatistics", "sessionstotal")), 1);
	assert_int_equal(
	    json_integer_value(AT(v, "statistics", "totalstatistics", "managedsessions")), 2);
	json_decref(v);
}

/* ---- sources ---- */

static void only_whom_the_configuration_names(void **state)
{
	struct ng_world *w = *state;

	w->e.conf.gateway.n_ng_allow = 0;
	assert_false(ng_say_text(w, "1 d7:command4:pinge"));
	assert_int_equal(ng_stats(w->ng)->not_allowed, 1);
}

static void a_source_has_a_rate(void **state)
{
	struct siphash_key key = { { 1, 2 } };
	struct sources *t = sources_open(10, NG_KEPT_MS, &key);
	struct source_addr a = { .addr = addr("203.0.113.1", 1) },
			   b = { .addr = addr("203.0.113.2", 1) };
	uint64_t now = 5000;
	struct source_command *p;
	const void *kept;
	char cookie[8];
	size_t len;

	(void)state;
	for (int i = 0; i < 12; i++) {
		int n = snprintf(cookie, sizeof(cookie), "%d", i);

		assert_int_equal(sources_take(t, &a, cookie, (size_t)n, now, &p, &kept, &len),
				 i < 10 ? SOURCE_NEW : SOURCE_RATE);
		if (i < 10)
			sources_answered(t, p, "x", 1, now);
	}
	/* Another is not held up by it, and cookies are its own. */
	assert_int_equal(sources_take(t, &b, "1", 1, now, &p, &kept, &len), SOURCE_NEW);
	assert_int_equal(sources_take(t, &b, "1", 1, now, &p, &kept, &len), SOURCE_UNDER_WAY);
	/* An urgent one has a rate for itself, and no more than that. */
	for (int i = 0; i < 12; i++) {
		int n = snprintf(cookie, sizeof(cookie), "u%d", i);

		assert_int_equal(
		    sources_take_urgent(t, &a, cookie, (size_t)n, now, &p, &kept, &len),
		    i < 10 ? SOURCE_NEW : SOURCE_RATE);
		if (i < 10)
			sources_answered(t, p, "x", 1, now);
	}
	now += 50; /* half a command is none */
	assert_int_equal(sources_take(t, &a, "1", 1, now, &p, &kept, &len), SOURCE_RATE);
	now += 50;
	assert_int_equal(sources_take(t, &a, "1", 1, now, &p, &kept, &len), SOURCE_AGAIN);
	assert_int_equal(sources_take(t, &a, "z", 1, now, &p, &kept, &len), SOURCE_RATE);
	sources_close(t);
}

static void sources_and_answers_are_bounded(void **state)
{
	struct siphash_key key = { { 1, 2 } };
	struct sources *t = sources_open(0, NG_KEPT_MS, &key);
	struct source_addr from = { .addr = addr("203.0.113.1", 1) };
	struct source_command *p;
	const void *kept;
	char cookie[16];
	size_t len;

	(void)state;
	/* The oldest answers go. */
	for (uint32_t i = 0; i < SOURCES_KEPT_MAX + 10; i++) {
		int n = snprintf(cookie, sizeof(cookie), "%u", i);

		assert_int_equal(sources_take(t, &from, cookie, (size_t)n, 1, &p, &kept, &len),
				 SOURCE_NEW);
		sources_answered(t, p, "x", 1, 1);
	}
	assert_int_equal(sources_take(t, &from, "9", 1, 1, &p, &kept, &len), SOURCE_NEW);
	sources_answered(t, p, "x", 1, 1);
	assert_int_equal(sources_take(t, &from, "10000", 5, 1, &p, &kept, &len), SOURCE_AGAIN);
	sources_close(t);
}

/* A command of that source (by number), and its answer. */
static enum source_verdict ask_of(struct sources *t, uint32_t source, const char *cookie,
				  uint64_t now, bool answered)
{
	struct source_addr from = { .addr = addr("203.0.113.1", 1) };
	enum source_verdict v;
	struct source_command *p;
	const void *kept;
	size_t len;

	from.addr.ip.b[14] = (uint8_t)(source >> 8);
	from.addr.ip.b[15] = (uint8_t)source;
	v = sources_take(t, &from, cookie, strlen(cookie), now, &p, &kept, &len);
	if (v == SOURCE_NEW && answered)
		sources_answered(t, p, "x", 1, now);
	return v;
}

/* What it asked before is known by its answer; of one that is gone nothing is. */
static void a_source_makes_room_that_was_silent_longest(void **state)
{
	struct siphash_key key = { { 1, 2 } };
	struct sources *t = sources_open(0, NG_KEPT_MS, &key);
	uint64_t now = 10;

	(void)state;
	for (uint32_t i = 0; i < SOURCES_MAX; i++)
		assert_int_equal(ask_of(t, i, "p", now++, true), SOURCE_NEW);
	/* The oldest but two have something to say, or wait for an answer. */
	assert_int_equal(ask_of(t, 0, "q", now++, true), SOURCE_NEW);
	assert_int_equal(ask_of(t, 1, "r", now++, false), SOURCE_NEW);
	assert_int_equal(ask_of(t, 1000, "p", now++, true), SOURCE_NEW);
	for (uint32_t i = 0; i < SOURCES_MAX; i++) {
		if (i != 2)
			assert_int_equal(ask_of(t, i, "p", now++, true), SOURCE_AGAIN);
	}
	assert_int_equal(ask_of(t, 1000, "p", now++, true), SOURCE_AGAIN);
	assert_int_equal(ask_of(t, 2, "p", now++, true), SOURCE_NEW);
	/* In its turn it took the place of who was silent longest then. */
	assert_int_equal(ask_of(t, 0, "p", now++, true), SOURCE_NEW);
	sources_close(t);
}

static void no_source_makes_room_whose_command_is_under_way(void **state)
{
	struct siphash_key key = { { 1, 2 } };
	struct sources *t = sources_open(0, NG_KEPT_MS, &key);

	(void)state;
	for (uint32_t i = 0; i < SOURCES_MAX; i++)
		assert_int_equal(ask_of(t, i, "p", 2 + i, false), SOURCE_NEW);
	assert_int_equal(ask_of(t, 1000, "p", 999, false), SOURCE_FULL);
	sources_close(t);
}

/* R27: it is its own answers that are forgotten, and its own commands that are not taken. */
static void who_asks_most_pays(void **state)
{
	struct siphash_key key = { { 1, 2 } };
	struct sources *t = sources_open(0, NG_KEPT_MS, &key);
	uint32_t taken = 0;
	char cookie[16];

	(void)state;
	assert_int_equal(ask_of(t, 1, "mine", 5, true), SOURCE_NEW);
	for (uint32_t i = 0; i < 2 * SOURCES_KEPT_MAX; i++) {
		snprintf(cookie, sizeof(cookie), "%u", i);
		assert_int_equal(ask_of(t, 2, cookie, 5, true), SOURCE_NEW);
	}
	assert_int_equal(sources_kept(t), SOURCES_KEPT_MAX);
	assert_int_equal(ask_of(t, 1, "mine", 5, true), SOURCE_AGAIN);
	for (uint32_t i = 0; i < 2 * SOURCES_PENDING_MAX; i++) {
		snprintf(cookie, sizeof(cookie), "w%u", i);
		taken += ask_of(t, 2, cookie, 5, false) == SOURCE_NEW;
	}
	assert_in_range(taken, SOURCES_PENDING_MAX / 2, SOURCES_PENDING_MAX - 10);
	for (uint32_t i = 0; i < 10; i++) {
		snprintf(cookie, sizeof(cookie), "w%u", i);
		assert_int_equal(ask_of(t, 1, cookie, 5, false), SOURCE_NEW);
	}
	sources_close(t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(kamailio_makes_a_call),
		T(kamailio_makes_a_call_of_msrp),
		T(kamailio_has_a_codec_stripped),
		T(answers_are_in_the_encoding_that_was_asked_in),
		T(what_is_no_command_is_told_so),
		T(a_retransmission_gets_the_same_answer),
		T(a_command_under_way_is_answered_once),
		T(what_waits_is_forgotten_at_the_end),
		T(query_and_delete_tell_what_passed),
		T(query_and_delete_tell_how_it_was_heard),
		T(formats_are_told),
		T(deleting_what_there_is_not),
		T(tags_that_are_not_the_calls_delete_nothing),
		T(list_names_calls),
		T(a_list_goes_on_where_it_was_cut),
		T(names_that_are_no_utf8_are_told_in_json),
		T(statistics_are_sums),
		T(only_whom_the_configuration_names),
		cmocka_unit_test(a_source_has_a_rate),
		cmocka_unit_test(sources_and_answers_are_bounded),
		cmocka_unit_test(a_source_makes_room_that_was_silent_longest),
		cmocka_unit_test(no_source_makes_room_whose_command_is_under_way),
		cmocka_unit_test(who_asks_most_pays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
