/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls that fork (RFC 3261 12.1; RFC 3264 takes each answer as one of its own to the offer): of
 * each m-line that answer holds which came last, whether it accepts or refuses and whatever others
 * did before it. What is refused by all is gone after gateway.answer-timeout, or once an offer has
 * port 0 for it.
 */
#include "tests/world/ng_world.h"

#include <stdio.h>

#define HEAD "v=0\no=u 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
#define ICE "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"

enum { ANSWER_TIMEOUT = 20 }; /* seconds */

static const char two[] = HEAD "m=audio 4000 RTP/AVP 0\nm=image 4002 udptl t38\n";

/* The branch with that tag: where it is, by its number. */
static const struct branch {
	const char *tag, *ip;
} b = { "b", "203.0.113.9" }, c = { "c", "203.0.113.10" };

static int setup(void **state)
{
	struct ng_world *w;

	ng_world_setup(state);
	w = *state;
	w->e.conf.gateway.answer_timeout = ANSWER_TIMEOUT;
	return 0;
}

/* It takes the audio, and the image or not. */
static void answers(struct ng_world *w, const struct branch *who, bool image)
{
	char sdp[512];

	snprintf(sdp, sizeof(sdp),
		 "v=0\no=u 1 1 IN IP4 %s\ns=-\nc=IN IP4 %s\nt=0 0\n"
		 "m=audio 6000 RTP/AVP 0\nm=image %u udptl t38\n",
		 who->ip, who->ip, image ? 6002 : 0);
	ng_sdp(w, "answer", "a", who->tag, "", sdp);
}

/* It answers with m-lines of its own. */
static void answers_with(struct ng_world *w, const struct branch *who, const char *media)
{
	char sdp[512];

	snprintf(sdp, sizeof(sdp), "v=0\no=u 1 1 IN IP4 %s\ns=-\nc=IN IP4 %s\nt=0 0\n%s", who->ip,
		 who->ip, media);
	ng_sdp(w, "answer", "a", who->tag, "", sdp);
}

static unsigned int port_of(const struct ng_world *w, uint16_t media, uint32_t side)
{
	struct sock_addr a;

	assert_true(gate_local(w->e.s.gateway, ng_context(w, media), side, false, &a));
	return be16_get(a.port);
}

static void has_image(const struct ng_world *w, unsigned int port)
{
	char line[64];

	snprintf(line, sizeof(line), "m=image %u udptl t38", port);
	ng_has(w, line);
}

/* Media of an m-line goes to and from this branch. */
static void is_with(const struct ng_world *w, uint16_t media, const struct branch *who,
		    uint16_t port)
{
	const struct context_term *t = &ng_context(w, media)->term[1];
	struct sock_addr want = addr(who->ip, port);

	assert_string_equal(t->tag, who->tag);
	assert_memory_equal(&t->term.remote[0], &want, sizeof(want));
	assert_int_equal(t->term.flags & (TERM_IN | TERM_OUT), TERM_IN | TERM_OUT);
}

/* Nothing goes to or from anybody on the answering side. */
static void is_refused(const struct ng_world *w, uint16_t media)
{
	const struct ctl_term *t = &ng_context(w, media)->term[1].term;

	assert_int_equal(t->flags & (TERM_IN | TERM_OUT), 0);
	assert_int_equal(be16_get(t->remote[0].port), 0);
	assert_int_equal(be16_get(t->latched[0].port), 0);
}

static void pass(struct ng_world *w, uint32_t seconds)
{
	for (uint32_t i = 0; i < seconds; i++) {
		env_advance(&w->e, 1000);
		ng_turn(w);
	}
}

/* Both branches in the four ways, and what the offerer was told of each. */
static void the_answer_that_came_last_holds(void **state)
{
	struct ng_world *w = *state;

	for (uint32_t ways = 0; ways < 4; ways++) {
		const bool first = ways & 1, last = ways & 2;
		unsigned int ours[2];

		ng_sdp(w, "offer", "a", NULL, "", two);
		ours[0] = port_of(w, 1, 0);
		ours[1] = port_of(w, 1, 1);
		answers(w, &b, first);
		has_image(w, first ? ours[0] : 0);
		if (first)
			is_with(w, 1, &b, 6002);
		else
			is_refused(w, 1);
		answers(w, &c, last);
		has_image(w, last ? ours[0] : 0);
		is_with(w, 0, &c, 6000);
		if (last)
			is_with(w, 1, &c, 6002);
		else
			is_refused(w, 1);
		/* Each branch was told the port with the offer. */
		assert_int_equal(port_of(w, 1, 1), ours[1]);
		pass(w, ANSWER_TIMEOUT + 2);
		assert_int_equal(ng_contexts(w), last ? 2 : 1);
		json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\"}"));
		assert_int_equal(ng_contexts(w), 0);
	}
}

/* As a 200 repeats what a 183 said (RFC 3261 13.2.2.4), after the other branch said otherwise. */
static void the_same_branch_answers_again(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", two);
	answers(w, &b, true);
	answers(w, &c, false);
	answers(w, &b, true);
	is_with(w, 0, &b, 6000);
	is_with(w, 1, &b, 6002);
	pass(w, ANSWER_TIMEOUT + 2);
	assert_int_equal(ng_contexts(w), 2);
}

/* What was learnt of one branch is nothing for the other. */
static void what_one_branch_sent_from_is_forgotten(void **state)
{
	struct ng_world *w = *state;
	struct evt_term learnt = { .side = 1, .what = TERM_LATCHED, .remote = addr(b.ip, 6002) };
	const struct context *x;

	ng_sdp(w, "offer", "a", NULL, "", two);
	answers(w, &b, true);
	x = ng_context(w, 1);
	learnt.attempt = x->term[1].term.attempt;
	fake_dp_term(&w->e.dp, x->worker, x->cid, &learnt);
	env_poll(&w->e);
	assert_int_equal(be16_get(x->term[1].term.latched[0].port), 6002);
	answers(w, &c, false);
	is_refused(w, 1);
	pass(w, ANSWER_TIMEOUT + 2);
	assert_int_equal(ng_contexts(w), 1);
}

/* Early media of a branch that refuses in the end: it does not keep the context for good. */
static void who_sent_before_it_refused_does_not_keep_it(void **state)
{
	struct ng_world *w = *state;
	struct evt_term learnt = { .side = 1, .what = TERM_LATCHED, .remote = addr(b.ip, 6002) };
	const struct context *x;

	ng_sdp(w, "offer", "a", NULL, "", two);
	x = ng_context(w, 1);
	learnt.attempt = x->term[1].term.attempt;
	fake_dp_term(&w->e.dp, x->worker, x->cid, &learnt);
	env_poll(&w->e);
	answers(w, &b, false);
	pass(w, ANSWER_TIMEOUT + 2);
	assert_int_equal(ng_contexts(w), 1);
}

static void an_offer_again_has_port_0_and_it_is_gone(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", two);
	answers(w, &b, true);
	answers(w, &c, false);
	ng_sdp(w, "offer", "a", "c", "", HEAD "m=audio 4000 RTP/AVP 0\nm=image 0 udptl t38\n");
	has_image(w, 0);
	assert_int_equal(ng_contexts(w), 1);
	answers(w, &c, false);
	has_image(w, 0);
	is_with(w, 0, &c, 6000);
}

/* RFC 3264 8.2: the m-line may be used again. */
static void an_offer_again_brings_it_back(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", two);
	answers(w, &b, false);
	ng_sdp(w, "offer", "a", "b", "", two);
	has_image(w, port_of(w, 1, 1));
	assert_int_equal(ng_context(w, 1)->term[1].term.flags & (TERM_IN | TERM_OUT),
			 TERM_IN | TERM_OUT);
	answers(w, &b, true);
	is_with(w, 1, &b, 6002);
	pass(w, ANSWER_TIMEOUT + 2);
	assert_int_equal(ng_contexts(w), 2);
}

static void a_line_of_ice(const struct ng_world *w, const char *ufrag)
{
	char line[64];

	snprintf(line, sizeof(line), "a=ice-ufrag:%s", ufrag);
	ng_has(w, line);
}

/* Both are held against the offer: what one does not have, the other may. */
static void ice_and_rtcp_mux_are_each_branchs_own(void **state)
{
	struct ng_world *w = *state;
	const struct ctl_term *t;
	char ufrag[CTL_UFRAG_MAX];

	ng_sdp(w, "offer", "a", NULL, "",
	       HEAD "m=audio 4000 RTP/AVP 0\na=rtcp-mux\n"
		    "a=candidate:1 2 UDP 1 203.0.113.7 4001 typ host\n" ICE);
	t = &ng_context(w, 0)->term[1].term;
	memcpy(ufrag, t->ufrag, sizeof(ufrag));
	a_line_of_ice(w, ufrag);
	answers_with(w, &b, "m=audio 6000 RTP/AVP 0\n");
	ng_lacks(w, "a=rtcp-mux");
	assert_false(t->flags & TERM_ICE);
	answers_with(w, &c, "m=audio 6000 RTP/AVP 0\na=rtcp-mux\n" ICE);
	ng_has(w, "a=rtcp-mux");
	assert_true(t->flags & TERM_ICE);
	assert_string_equal(t->ufrag, ufrag);
	/* Another's ufrag is no restart: our own was in the offer. */
	answers_with(w, &b,
		     "m=audio 6000 RTP/AVP 0\na=ice-ufrag:wxyz\n"
		     "a=ice-pwd:0123456789012345678901\n");
	assert_true(t->flags & TERM_ICE);
	assert_string_equal(t->ufrag, ufrag);
}

/* ---- which branch came through ---- */

static void answers_coded(struct ng_world *w, const struct branch *who, const char *code)
{
	char sdp[512], more[64];

	snprintf(sdp, sizeof(sdp),
		 "v=0\no=u 1 1 IN IP4 %s\ns=-\nc=IN IP4 %s\nt=0 0\n"
		 "m=audio 6000 RTP/AVP 0\nm=image 0 udptl t38\n",
		 who->ip, who->ip);
	snprintf(more, sizeof(more), "\"sip-code\":%s", code);
	ng_sdp(w, "answer", "a", who->tag, more, sdp);
}

/* The flag says that it is not final, whatever its response was, if that is told. */
static void answers_provisionally(struct ng_world *w, const struct branch *who, const char *more)
{
	char sdp[512];

	snprintf(sdp, sizeof(sdp),
		 "v=0\no=u 1 1 IN IP4 %s\ns=-\nc=IN IP4 %s\nt=0 0\n"
		 "m=audio 6000 RTP/AVP 0\nm=image 0 udptl t38\n",
		 who->ip, who->ip);
	ng_sdp(w, "answer", "a", who->tag, more, sdp);
}

static void bye(struct ng_world *w, const char *from, const char *to, bool warned)
{
	json_t *v = ng_ask_json(w,
				"{\"command\":\"delete\",\"call-id\":\"c\","
				"\"from-tag\":\"%s\",\"to-tag\":\"%s\"}",
				from, to);

	assert_string_equal(json_string_value(json_object_get(v, "result")), "ok");
	assert_int_equal(json_object_get(v, "warning") != NULL, warned);
	json_decref(v);
}

/* Its 183 was under way while the other's 200 was: the call is with that one. */
static void a_provisional_answer_that_comes_late_takes_nothing(void **state)
{
	static const char *const code[] = { "183", "\"180\"" };
	struct ng_world *w = *state;

	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		unsigned int ours;
		char line[64];

		ng_sdp(w, "offer", "a", NULL, "", two);
		answers_coded(w, &b, "183");
		answers_coded(w, &c, "200");
		is_with(w, 0, &c, 6000);
		answers_coded(w, &b, code[i]);
		is_with(w, 0, &c, 6000);
		/* It is told what it would have been, by the SDP that the caller gets. */
		ours = port_of(w, 0, 0);
		snprintf(line, sizeof(line), "m=audio %u RTP/AVP 0", ours);
		ng_has(w, line);
		bye(w, "a", "b", true);
		assert_int_equal(ng_contexts(w), 2);
		bye(w, "a", "c", false);
		assert_int_equal(ng_contexts(w), 0);
	}
}

static void an_answer_by_the_flag_provisional_is_not_final(void **state)
{
	static const char *const more[] = { "\"flags\":[\"provisional\"]",
					    "\"flags\":[\"provisional\"],\"sip-code\":200" };
	struct ng_world *w = *state;

	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		ng_sdp(w, "offer", "a", NULL, "", two);
		answers_coded(w, &c, "200");
		answers_provisionally(w, &b, more[i]);
		is_with(w, 0, &c, 6000);
		bye(w, "a", "c", false);
		/* And none that is final by it holds against another. */
		ng_sdp(w, "offer", "a", NULL, "", two);
		answers_provisionally(w, &c, more[i]);
		answers_coded(w, &b, "183");
		is_with(w, 0, &b, 6000);
		bye(w, "a", "b", false);
		assert_int_equal(ng_contexts(w), 0);
	}
}

/* Two final answers: the later one holds, and the other's end is not its end. */
static void a_final_answer_holds_against_the_end_of_another(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", two);
	answers_coded(w, &c, "200");
	answers_coded(w, &b, "200");
	is_with(w, 0, &b, 6000);
	w->stats[1].silent_s = UINT32_MAX;
	bye(w, "a", "c", true);
	assert_int_equal(ng_contexts(w), 2);
	bye(w, "b", "a", false);
	assert_int_equal(ng_contexts(w), 0);
}

/* Where no codes are told, it is the branch that sends which goes on. */
static void without_codes_who_takes_part_goes_on(void **state)
{
	static const char *const tags[][2] = { { "a", "c" }, { "c", "a" } };
	struct ng_world *w = *state;

	for (int i = 0; i < 2; i++) {
		ng_sdp(w, "offer", "a", NULL, "", two);
		answers(w, &c, true);
		answers(w, &b, true);
		w->stats[1].silent_s = 0;
		bye(w, tags[i][0], tags[i][1], true);
		assert_int_equal(ng_contexts(w), 2);
		w->stats[1].silent_s = UINT32_MAX;
		bye(w, tags[i][0], tags[i][1], false);
		assert_int_equal(ng_contexts(w), 0);
	}
	/* Of a call that did not fork a tag that is not its own is nobody's. */
	ng_sdp(w, "offer", "a", NULL, "", two);
	answers(w, &b, true);
	bye(w, "a", "c", true);
	assert_int_equal(ng_contexts(w), 2);
	bye(w, "a", "b", false);
	assert_int_equal(ng_contexts(w), 0);
}

/* ---- connections ---- */

static const char msrp[] = HEAD "m=message 9 TCP/MSRP *\na=setup:actpass\n"
				"a=path:msrp://203.0.113.7:9/s;tcp\na=msrp-cema\n";
static const char connects[] = "m=message 9 TCP/MSRP *\na=setup:active\n"
			       "a=path:msrp://u:9/s;tcp\na=msrp-cema\n";

static void term_event(struct ng_world *w, uint32_t side, enum ctl_term_event what, const char *ip)
{
	const struct context *x = ng_context(w, 0);
	struct evt_term e = { .side = (uint8_t)side,
			      .what = (uint8_t)what,
			      .attempt = x->term[side].term.attempt,
			      .remote = addr(ip, 50000) };

	fake_dp_term(&w->e.dp, x->worker, x->cid, &e);
	env_poll(&w->e);
}

static void a_stream_is_refused_and_accepted(void **state)
{
	struct ng_world *w = *state;
	const struct context *x;

	ng_sdp(w, "offer", "a", NULL, "", msrp);
	x = ng_context(w, 0);
	answers_with(w, &b, "m=message 0 TCP/MSRP *\n");
	ng_has(w, "m=message 0 TCP/MSRP *");
	assert_int_equal(x->term[1].term.flags & (TERM_IN | TERM_OUT), 0);
	assert_int_equal(x->term[0].state, TERM_STATE_IDLE);
	answers_with(w, &c, connects);
	assert_int_equal(x->term[1].term.flags & (TERM_IN | TERM_OUT), TERM_IN | TERM_OUT);
	assert_int_equal(x->term[0].state, TERM_STATE_OPENING);
	/* It listens since the offer, and whoever is there already stays. */
	assert_int_equal(x->term[1].term.attempt, 1);
}

static void the_connection_of_another_branch_makes_room(void **state)
{
	struct ng_world *w = *state;
	const struct context *x;

	ng_sdp(w, "offer", "a", NULL, "", msrp);
	x = ng_context(w, 0);
	answers_with(w, &b, connects);
	term_event(w, 1, TERM_UP, b.ip);
	assert_int_equal(x->term[1].state, TERM_STATE_UP);
	answers_with(w, &b, connects);
	assert_int_equal(x->term[1].state, TERM_STATE_UP);
	answers_with(w, &c, connects);
	assert_int_equal(x->term[1].state, TERM_STATE_OPENING);
	assert_int_equal(x->term[1].term.attempt, 2);
	/* The offerer's connection is still the one. */
	assert_int_equal(x->term[0].term.attempt, 1);
	/* Who came before its answer is not thrown out by it. */
	term_event(w, 1, TERM_UP, b.ip);
	answers_with(w, &b, connects);
	assert_int_equal(x->term[1].state, TERM_STATE_UP);
}

static void connections_that_ended_begin_again_for_another_branch(void **state)
{
	struct ng_world *w = *state;
	const struct context *x;

	ng_sdp(w, "offer", "a", NULL, "", msrp);
	x = ng_context(w, 0);
	answers_with(w, &b, connects);
	term_event(w, 1, TERM_ENDED, b.ip);
	term_event(w, 0, TERM_ENDED, b.ip);
	assert_int_equal(x->end, CONTEXT_END_CONNECTION);
	answers_with(w, &c, "m=message 0 TCP/MSRP *\n");
	ng_has(w, "m=message 0 TCP/MSRP *");
	answers_with(w, &c, connects);
	assert_int_equal(x->end, CONTEXT_END_NONE);
	assert_int_equal(x->term[0].state, TERM_STATE_OPENING);
	assert_int_equal(x->term[1].state, TERM_STATE_OPENING);
}

/* What has ended makes room for the next offer, unless that fails. */
static void an_offer_after_the_end(void **state)
{
	struct ng_world *w = *state;
	const struct context *x;
	char bad[512];
	uint64_t id;

	ng_sdp(w, "offer", "a", NULL, "", msrp);
	x = ng_context(w, 0);
	id = x->id;
	answers_with(w, &b, connects);
	term_event(w, 1, TERM_ENDED, b.ip);
	term_event(w, 0, TERM_ENDED, b.ip);
	assert_int_equal(x->end, CONTEXT_END_CONNECTION);
	snprintf(bad, sizeof(bad), "%sm=audio 4000 RTP/AVP 0\nc=IN IP4 127.0.0.1\n", msrp);
	ng_sdp_refused(w, "offer", "", bad, "127.0.0.1");
	assert_int_equal(ng_contexts(w), 1);
	assert_int_equal(ng_context(w, 0)->id, id);
	ng_sdp(w, "offer", "a", NULL, "", msrp);
	assert_int_equal(ng_contexts(w), 1);
	assert_int_not_equal(ng_context(w, 0)->id, id);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_answer_that_came_last_holds),
		T(the_same_branch_answers_again),
		T(what_one_branch_sent_from_is_forgotten),
		T(who_sent_before_it_refused_does_not_keep_it),
		T(an_offer_again_has_port_0_and_it_is_gone),
		T(an_offer_again_brings_it_back),
		T(ice_and_rtcp_mux_are_each_branchs_own),
		T(a_provisional_answer_that_comes_late_takes_nothing),
		T(an_answer_by_the_flag_provisional_is_not_final),
		T(a_final_answer_holds_against_the_end_of_another),
		T(without_codes_who_takes_part_goes_on),
		T(a_stream_is_refused_and_accepted),
		T(the_connection_of_another_branch_makes_room),
		T(connections_that_ended_begin_again_for_another_branch),
		T(an_offer_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
