/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A call that goes on (RFC 3261 14.1, RFC 3264 8): what is in force stays until the answer, since
 * an offer that the far end refuses leaves the session as it was and nobody tells ng. T.38 in the
 * audio's m-line and beside it, hold, another address, another kind, another realm, connections
 * begun again; each accepted, and refused. And a remote is learnt anew with each message of its
 * side (R14), for a NAT may have given up its binding while the call was on hold.
 */
#include "tests/world/ng_world.h"

#include <stdio.h>

#define HEAD "v=0\no=u 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
#define HEAD_B "v=0\no=u 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
#define MSRP "TCP/MSRP *\na=path:msrp://u:9/s;tcp\na=msrp-cema\n"

enum { ANSWER_TIMEOUT = 20 }; /* seconds */

static const char realms[] = "\"direction\":[\"access\",\"core\"]";
static const char offer[] = HEAD "m=audio 4000 RTP/AVP 0\n";
static const char answer[] = HEAD_B "m=audio 6000 RTP/AVP 0\n";

static int setup(void **state)
{
	struct ng_world *w;

	ng_world_setup(state);
	w = *state;
	w->e.conf.gateway.answer_timeout = ANSWER_TIMEOUT;
	return 0;
}

static void call_up(struct ng_world *w)
{
	ng_sdp(w, "offer", "a", NULL, realms, offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
}

static const struct ctl_term *term(const struct ng_world *w, uint16_t media, uint32_t side)
{
	return &ng_context(w, media)->term[side].term;
}

static uint16_t port_of(const struct ng_world *w, uint16_t media, uint32_t side)
{
	return be16_get(term(w, media, side)->local.port);
}

/* What the dataplane is told of a termination but for the attempts to learn. */
static struct ctl_term what_is(const struct ng_world *w, uint16_t media, uint32_t side)
{
	struct ctl_term t = *term(w, media, side);

	t.attempt = 0;
	t.flags &= (uint16_t) ~(TERM_RELEARN | TERM_RELEARN_RTCP);
	return t;
}

static void pass(struct ng_world *w, uint32_t seconds)
{
	for (uint32_t i = 0; i < seconds; i++) {
		env_advance(&w->e, 1000);
		ng_turn(w);
	}
}

static void event(struct ng_world *w, uint32_t side, enum ctl_term_event what, const char *ip,
		  uint16_t port)
{
	const struct context *x = ng_context(w, 0);
	struct evt_term e = { .side = (uint8_t)side,
			      .what = (uint8_t)what,
			      .attempt = x->term[side].term.attempt,
			      .remote = addr(ip, port) };

	fake_dp_term(&w->e.dp, x->worker, x->cid, &e);
	env_poll(&w->e);
}

/* ---- refused ---- */

/* Offers of either side that may be refused with 488 or 491. */
static const struct {
	const char *from, *to, *more, *sdp;
} refusable[] = {
	{ "b", "a", "", HEAD_B "m=image 6000 udptl t38\n" },
	{ "a", "b", "", HEAD "m=image 4000 udptl t38\n" },
	{ "b", "a", "", HEAD_B "m=audio 0 RTP/AVP 0\nm=image 6002 udptl t38\n" },
	{ "a", "b", "", HEAD "m=audio 4100 RTP/AVP 0\na=rtcp-mux\na=sendonly\n" },
	{ "a", "b", "",
	  "v=0\no=u 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 0.0.0.0\nt=0 0\n"
	  "m=audio 4000 RTP/AVP 0\n" },
	{ "a", "b", "\"ICE\":\"force\"",
	  HEAD "m=audio 4000 RTP/AVP 0\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n" },
	{ "a", "b", "\"direction\":[\"core\",\"core\"]", offer },
	{ "a", "b", "\"address-family\":\"IP6\",\"direction\":[\"access\",\"access\"]", offer },
	{ "a", "b", "", HEAD "m=message 9 " MSRP },
	{ "a", "b", "", HEAD "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\n" },
	{ "a", "b", "\"flags\":[\"asymmetric\"]", HEAD "m=audio 4200 RTP/AVP 0\n" },
};

static void an_offer_that_is_refused_leaves_the_call(void **state)
{
	struct ng_world *w = *state;
	struct ctl_term before[2];
	uint64_t id;

	call_up(w);
	id = ng_context(w, 0)->id;
	before[0] = what_is(w, 0, 0);
	before[1] = what_is(w, 0, 1);
	for (size_t i = 0; i < sizeof(refusable) / sizeof(refusable[0]); i++) {
		ng_sdp(w, "offer", refusable[i].from, refusable[i].to, refusable[i].more,
		       refusable[i].sdp);
		/* Media pass as they did, and still do when the offer is long forgotten. */
		for (int late = 0; late < 2; late++) {
			struct ctl_term now[2] = { what_is(w, 0, 0), what_is(w, 0, 1) };

			assert_int_equal(ng_context(w, 0)->id, id);
			assert_int_equal(ng_context(w, 0)->inactivity, 60);
			/* ICE that is offered has credentials, which bind nobody. */
			memcpy(now[1].ufrag, before[1].ufrag, sizeof(now[1].ufrag));
			memcpy(now[1].pwd, before[1].pwd, sizeof(now[1].pwd));
			assert_memory_equal(&now[0], &before[0], sizeof(now[0]));
			assert_memory_equal(&now[1], &before[1], sizeof(now[1]));
			if (!late)
				pass(w, ANSWER_TIMEOUT + 2);
		}
		assert_int_equal(ng_contexts(w), 1);
	}
	/* The next offer of the same is nothing else than it would have been. */
	ng_sdp(w, "offer", "a", "b", "", offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_int_equal(ng_contexts(w), 1);
	assert_int_equal(ng_context(w, 0)->id, id);
	assert_int_equal(port_of(w, 0, 0), be16_get(before[0].local.port));
}

/* One offer after the other, none answered: what they added does not pile up. */
static void refused_again_and_again(void **state)
{
	struct ng_world *w = *state;

	call_up(w);
	for (size_t i = 0; i < 5 * sizeof(refusable) / sizeof(refusable[0]); i++) {
		size_t k = i % (sizeof(refusable) / sizeof(refusable[0]));

		ng_sdp(w, "offer", refusable[k].from, refusable[k].to, refusable[k].more,
		       refusable[k].sdp);
		assert_in_range(ng_contexts(w), 1, 2);
	}
	json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\"}"));
	assert_int_equal(ng_contexts(w), 0);
}

/* A process that is killed between offer and answer makes of the answer what it was for. */
static void the_answer_finds_its_offer_after_a_restart(void **state)
{
	struct ng_world *w = *state;
	struct sock_addr to = addr("203.0.113.7", 4100);
	char err[256];

	call_up(w);
	ng_sdp(w, "offer", "a", "b", "", HEAD "m=audio 4100 RTP/AVP 0\na=sendonly\n");
	ng_stop(w->ng);
	gate_close(w->e.s.gateway);
	server_close(&w->e.s);
	assert_true(server_open(&w->e.s, &w->e.conf, NULL, w->e.now_ms, 0, err, sizeof(err)));
	w->e.s.gateway = gate_open(&w->e.s, err, sizeof(err));
	assert_non_null(w->e.s.gateway);
	ports_resume(w->e.s.ports, server_now(&w->e.s));
	assert_true(fake_dp_attach(&w->e.dp, &w->e.s, err, sizeof(err)));
	assert_true(ng_start(&w->e.s, w->e.s.gateway, w->base, &w->ng, err, sizeof(err)));
	env_poll(&w->e);
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_memory_equal(&term(w, 0, 0)->remote[0], &to, sizeof(to));
	assert_int_equal(ng_context(w, 0)->inactivity, 0);
}

/* ---- accepted ---- */

static void t38_takes_the_audios_ports_and_gives_them_back(void **state)
{
	struct ng_world *w = *state;
	struct sock_addr fax = addr("203.0.113.9", 6500);
	uint16_t port[2];
	char line[64];

	call_up(w);
	port[0] = port_of(w, 0, 0);
	port[1] = port_of(w, 0, 1);
	for (int i = 0; i < 3; i++) {
		ng_sdp(w, "offer", "b", "a", "", HEAD_B "m=image 6500 udptl t38\n");
		snprintf(line, sizeof(line), "m=image %u udptl t38", port[0]);
		ng_has(w, line);
		ng_lacks(w, "a=rtcp");
		ng_sdp(w, "answer", "b", "a", "", HEAD "m=image 4500 udptl t38\n");
		snprintf(line, sizeof(line), "m=image %u udptl t38", port[1]);
		ng_has(w, line);
		for (uint32_t side = 0; side < 2; side++) {
			assert_int_equal(port_of(w, 0, side), port[side]);
			assert_int_equal(term(w, 0, side)->flags, TERM_IN | TERM_OUT | TERM_LATCH);
			assert_int_equal(be16_get(term(w, 0, side)->remote[1].port), 0);
		}
		assert_memory_equal(&term(w, 0, 1)->remote[0], &fax, sizeof(fax));
		/* The port above is nobody else's meanwhile. */
		for (uint32_t side = 0; side < 2; side++)
			assert_false(ports_is_free(w->e.s.ports, term(w, 0, side)->local.relay,
						   (uint16_t)(port[side] + 1),
						   server_now(&w->e.s)));
		ng_sdp(w, "offer", "a", "b", "", offer);
		ng_sdp(w, "answer", "a", "b", "", answer);
		for (uint32_t side = 0; side < 2; side++) {
			assert_int_equal(port_of(w, 0, side), port[side]);
			assert_true(term(w, 0, side)->flags & TERM_RTP);
			assert_int_not_equal(be16_get(term(w, 0, side)->remote[1].port), 0);
		}
	}
	/* Nothing is left claimed of a pair that a call of T.38 has when it is deleted. */
	ng_sdp(w, "offer", "b", "a", "", HEAD_B "m=image 6500 udptl t38\n");
	ng_sdp(w, "answer", "b", "a", "", HEAD "m=image 4500 udptl t38\n");
	json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\"}"));
	pass(w, 60);
	assert_true(ports_is_free(w->e.s.ports, 0, (uint16_t)(port[0] + 1), server_now(&w->e.s)));
	assert_true(ports_is_free(w->e.s.ports, 0, port[0], server_now(&w->e.s)));
}

static void t38_beside_the_audio(void **state)
{
	struct ng_world *w = *state;

	call_up(w);
	ng_sdp(w, "offer", "b", "a", "\"direction\":[\"core\",\"access\"]",
	       HEAD_B "m=audio 0 RTP/AVP 0\nm=image 6002 udptl t38\n");
	assert_int_equal(ng_contexts(w), 2);
	ng_sdp(w, "answer", "b", "a", "", HEAD "m=audio 0 RTP/AVP 0\nm=image 4002 udptl t38\n");
	assert_int_equal(ng_contexts(w), 1);
	assert_int_equal(ng_context(w, 1)->term[0].realm, 0);
	assert_int_equal(ng_context(w, 1)->term[1].realm, 1);
	/* And back. */
	ng_sdp(w, "offer", "a", "b", realms, HEAD "m=audio 4000 RTP/AVP 0\nm=image 0 udptl t38\n");
	assert_int_equal(ng_contexts(w), 2);
	ng_sdp(w, "answer", "a", "b", "", HEAD_B "m=audio 6000 RTP/AVP 0\nm=image 0 udptl t38\n");
	assert_int_equal(ng_contexts(w), 1);
	assert_true(term(w, 0, 0)->flags & TERM_RTP);
}

static void what_is_offered_holds_with_the_answer(void **state)
{
	struct ng_world *w = *state;
	struct sock_addr to[2] = { addr("203.0.113.7", 4100), addr("203.0.113.7", 4107) };

	call_up(w);
	ng_sdp(w, "offer", "a", "b", "\"flags\":[\"asymmetric\"]",
	       HEAD "m=audio 4100 RTP/AVP 0\na=rtcp:4107\na=sendonly\n");
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_memory_equal(term(w, 0, 0)->remote, to, sizeof(to));
	assert_int_equal(term(w, 0, 0)->flags & (TERM_LATCH | TERM_LATCH_ADDR), TERM_LATCH_ADDR);
	assert_int_equal(ng_context(w, 0)->inactivity, 0);
	/* Once: another answer of the same offer changes nothing of it. */
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_memory_equal(term(w, 0, 0)->remote, to, sizeof(to));
	assert_int_equal(ng_context(w, 0)->inactivity, 0);
	ng_sdp(w, "offer", "a", "b", "", offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_int_equal(ng_context(w, 0)->inactivity, 60);
}

/* Offers of both cross (RFC 3261 14.1): whichever of them is accepted in the end holds. */
static void offers_that_cross(void **state)
{
	struct ng_world *w = *state;
	struct sock_addr to = addr("203.0.113.7", 4100);

	call_up(w);
	ng_sdp(w, "offer", "a", "b", "", HEAD "m=audio 4100 RTP/AVP 0\na=sendonly\n");
	ng_sdp(w, "offer", "b", "a", "", HEAD_B "m=audio 6100 RTP/AVP 0\n");
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_memory_equal(&term(w, 0, 0)->remote[0], &to, sizeof(to));
	assert_int_equal(ng_context(w, 0)->inactivity, 0);
	to = addr("203.0.113.9", 6000);
	assert_memory_equal(&term(w, 0, 1)->remote[0], &to, sizeof(to));
	/* The one that was refused is no part of what is offered next. */
	ng_sdp(w, "offer", "b", "a", "", HEAD_B "m=audio 6200 RTP/AVP 0\n");
	ng_sdp(w, "offer", "a", "b", "", offer);
	ng_sdp(w, "answer", "b", "a", "", offer);
	to = addr("203.0.113.9", 6200);
	assert_memory_equal(&term(w, 0, 1)->remote[0], &to, sizeof(to));
	assert_int_equal(ng_context(w, 0)->inactivity, 60);
}

/* Another realm or family, or a stream, is a context of its own. */
static void what_takes_the_place_of_another_ends_it(void **state)
{
	static const char *const more[] = { "\"direction\":[\"core\",\"core\"]", "", "" };
	static const char *const with[] = { offer, HEAD "m=message 9 " MSRP, offer };
	static const char *const by[] = { answer, HEAD_B "m=message 2855 " MSRP, answer };
	struct ng_world *w = *state;

	call_up(w);
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		uint64_t id = ng_context(w, 0)->id;

		ng_sdp(w, "offer", "a", "b", more[i], with[i]);
		assert_int_equal(ng_contexts(w), 2);
		ng_sdp(w, "answer", "a", "b", "", by[i]);
		assert_int_equal(ng_contexts(w), 1);
		assert_int_not_equal(ng_context(w, 0)->id, id);
		assert_string_equal(ng_context(w, 0)->term[0].tag, "a");
		assert_string_equal(ng_context(w, 0)->term[1].tag, "b");
		assert_int_equal(ng_context(w, 0)->term[0].realm, 1);
		assert_int_equal(ng_context(w, 0)->term[1].realm, 1);
	}
}

/* ---- all or nothing ---- */

/* The first m-line's change is not left behind when there is no port for the second. */
static void without_ports_for_one_m_line_nothing_changes(void **state)
{
	static const char both[] = HEAD "m=audio 4100 RTP/AVP 0\na=sendonly\n"
					"m=video 4200 RTP/AVP 96\n";
	struct ng_world *w = *state;
	struct context before;

	call_up(w);
	before = *ng_context(w, 0);
	for (uint32_t p = w->e.conf.relay[1].port_min; p <= w->e.conf.relay[1].port_max; p++) {
		if (ports_is_free(w->e.s.ports, 1, (uint16_t)p, server_now(&w->e.s)))
			ports_claim(w->e.s.ports, 1, (uint16_t)p, PORTS_TURN);
	}
	ng_sdp_refused(w, "offer", "", both, "port");
	ng_sdp_refused(w, "offer", "\"direction\":[\"core\",\"core\"]", offer, "port");
	assert_int_equal(ng_contexts(w), 1);
	assert_memory_equal(ng_context(w, 0), &before, sizeof(before));
}

/* What we would write has to fit before anything is made of it. */
static void an_offer_that_is_too_long_changes_nothing(void **state)
{
	struct ng_world *w = *state;
	struct context before;
	char *at = malloc(70000), *text = malloc(70000);
	json_t *v;

	call_up(w);
	before = *ng_context(w, 0);
	v = json_object();
	assert_non_null(at);
	assert_non_null(text);
	strcpy(at, HEAD "m=audio 4100 RTP/AVP 0\na=x:");
	memset(at + strlen(at), 'y', 64000);
	at[strlen(HEAD "m=audio 4100 RTP/AVP 0\na=x:") + 64000] = 0;
	json_object_set_new(v, "command", json_string("offer"));
	json_object_set_new(v, "call-id", json_string("c"));
	json_object_set_new(v, "from-tag", json_string("a"));
	json_object_set_new(v, "sdp", json_string(at));
	strcpy(text, "1 ");
	text[2 + json_dumpb(v, text + 2, 69990, JSON_COMPACT)] = 0;
	assert_true(ng_say_text(w, text));
	assert_non_null(strstr(w->in, "too long"));
	json_decref(v);
	free(text);
	free(at);
	assert_memory_equal(ng_context(w, 0), &before, sizeof(before));
}

/* ---- learnt anew ---- */

static void a_remote_is_learnt_anew_after_a_hold(void **state)
{
	struct ng_world *w = *state;
	uint8_t attempt;

	call_up(w);
	event(w, 0, TERM_LATCHED, "203.0.113.77", 50000);
	assert_int_equal(be16_get(term(w, 0, 0)->latched[0].port), 50000);
	ng_sdp(w, "offer", "a", "b", "", HEAD "m=audio 4000 RTP/AVP 0\na=inactive\n");
	ng_sdp(w, "answer", "a", "b", "", HEAD_B "m=audio 6000 RTP/AVP 0\na=inactive\n");
	attempt = term(w, 0, 0)->attempt;
	ng_sdp(w, "offer", "a", "b", "", offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_int_not_equal(term(w, 0, 0)->attempt, attempt);
	/* Meanwhile sent to is who was learnt. */
	assert_int_equal(be16_get(term(w, 0, 0)->latched[0].port), 50000);
	assert_true(term(w, 0, 0)->flags & TERM_RELEARN);
	event(w, 0, TERM_LATCHED, "203.0.113.77", 50123);
	assert_int_equal(be16_get(term(w, 0, 0)->latched[0].port), 50123);
	assert_false(term(w, 0, 0)->flags & TERM_RELEARN);
}

/* Each by its own: the other's NAT has nothing to do with it. */
static void each_side_is_learnt_anew_by_its_own_messages(void **state)
{
	struct ng_world *w = *state;
	uint8_t attempt[2];

	call_up(w);
	attempt[0] = term(w, 0, 0)->attempt;
	attempt[1] = term(w, 0, 1)->attempt;
	ng_sdp(w, "offer", "a", "b", "", offer);
	assert_int_not_equal(term(w, 0, 0)->attempt, attempt[0]);
	assert_int_equal(term(w, 0, 1)->attempt, attempt[1]);
	attempt[0] = term(w, 0, 0)->attempt;
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_int_equal(term(w, 0, 0)->attempt, attempt[0]);
	assert_int_not_equal(term(w, 0, 1)->attempt, attempt[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_offer_that_is_refused_leaves_the_call),
		T(refused_again_and_again),
		T(the_answer_finds_its_offer_after_a_restart),
		T(t38_takes_the_audios_ports_and_gives_them_back),
		T(t38_beside_the_audio),
		T(what_is_offered_holds_with_the_answer),
		T(offers_that_cross),
		T(what_takes_the_place_of_another_ends_it),
		T(without_ports_for_one_m_line_nothing_changes),
		T(an_offer_that_is_too_long_changes_nothing),
		T(a_remote_is_learnt_anew_after_a_hold),
		T(each_side_is_learnt_anew_by_its_own_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
