/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A media gateway of H.248 (R32, TS 23.334 5.11.2, TS 29.334): it registers and changes its
 * controller; contexts are made, changed, audited and ended; what is wrong has the standard's code;
 * transactions are run once; the controller is told of ends, silence and hanging terminations.
 */
#include "tests/world/mg_world.h"

#include <stdio.h>
#include <unistd.h>

static struct h248_message m;

#define LOCAL4 "Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP -\n}"
#define CONTROL(mode, realm) "LocalControl { Mode = " mode ", ipdc/realm = \"" realm "\" }"
#define ADD(more, events)                                                                      \
	"Add = ip/$ { Media { Stream = 1 { " CONTROL("SendReceive", "access") ", " LOCAL4 more \
									      " } }" events " }"
#define REMOTE ", Remote {\nv=0\nc=IN IP4 203.0.113.9\nm=audio 40000 RTP/AVP -\n}"

/* Contexts there are. */
static uint64_t contexts(const struct mg_world *w)
{
	return gate_stats(w->e.s.gateway)->contexts;
}

/* A context of two terminations; their names, and its number. */
static uint32_t pair(struct mg_world *w, const char *events, char name[2][MG_NAME_MAX])
{
	char text[2048];

	snprintf(
	    text, sizeof(text), "Context = $ { %s%s%s, %s }",
	    "Add = ip/$ { Media { Stream = 1 { " CONTROL("SendReceive", "access") ", " LOCAL4 REMOTE
										  " } }",
	    events, " }",
	    "Add = ip/core/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, " LOCAL4
		REMOTE " } } }");
	mg_ask(w, text);
	mg_added(w, 0, name[0]);
	mg_added(w, 1, name[1]);
	return mg_number(w);
}

static const char *ask(struct mg_world *w, const char *fmt, ...)
{
	static char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return mg_ask(w, text);
}

/* ---- registering ---- */

static void test_register(void **state)
{
	static struct mg_world w;

	(void)state;
	mg_world_open(&w, true);
	assert_true(mg_hear(&w, 0, &m));
	assert_non_null(strstr(w.in, "MT=RS,RE=\"901 Cold Boot\",V=3,PF=threegiq/1,"));
	mg_pass(&w, 500);
	assert_true(mg_hear(&w, 0, &m)); /* again */
	assert_false(mg_hear(&w, 0, &m));
	for (int i = 0; i < 20; i++)
		mg_pass(&w, 2000);
	while (mg_hear(&w, 0, &m))
		;
	/* The second one is asked, and is in charge. */
	mg_register(&w, 1);
	assert_int_equal(mg_stats(w.mg)->registrations, 2);
	while (mg_hear(&w, 1, &m))
		;
	mg_say(&w, 0, "MEGACO/3 [127.0.0.1] T=5{C=-{AV=ROOT{AT{}}}}");
	assert_true(mg_hear(&w, 0, &m));
	mg_has(&w, "ER=504");
	mg_say(&w, 1, "MEGACO/3 [127.0.0.2] T=5{C=-{AV=ROOT{AT{PG}}}}");
	assert_true(mg_hear(&w, 1, &m));
	mg_has(&w, "P=5{C=-{AV=ROOT{PG{g-1,root-2,");
	mg_world_close(&w);
}

static void test_before_the_reply(void **state)
{
	static struct mg_world w;

	(void)state;
	mg_world_open(&w, false);
	assert_true(mg_hear(&w, 0, &m));
	mg_say(&w, 0, "MEGACO/1 [127.0.0.1] T=5{C=-{AV=ROOT{AT{}}}}");
	assert_true(mg_hear(&w, 0, &m));
	mg_has(&w, "Reply = 5 { Error = 505");
	mg_world_close(&w);
}

/* An error, or a version that is not spoken, is no association: the next one is asked. */
static void test_refused(void **state)
{
	static const char *const reply[] = {
		"ServiceChange = ROOT { Error = 406 { \"no\" } }",
		"ServiceChange = ROOT { Services { Version = 4 } }",
		"ServiceChange = ROOT { Services { MgcIdToTry = [127.0.0.1] } }",
		"ServiceChange = ROOT { Services { MgcIdToTry = [127.0.0.2] } }",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(reply); i++) {
		static struct mg_world w;
		char text[256];

		mg_world_open(&w, false);
		assert_true(mg_hear(&w, 0, &m));
		snprintf(text, sizeof(text),
			 "MEGACO/1 [127.0.0.1] Reply = %.*s { Context = - { %s } }",
			 H248_TEXT(h248_child(&m, &m.item[0])->value), reply[i]);
		mg_say(&w, 0, text);
		mg_pass(&w, 100);
		mg_register(&w, 1);
		mg_world_close(&w);
	}
}

/* Controllers that send us to each other are asked no more often than there are of them. */
static void test_sent_round(void **state)
{
	static struct mg_world w;
	uint64_t asked;
	int i;

	(void)state;
	mg_world_open(&w, false);
	for (i = 0; i < 20 && mg_state(w.mg) == MG_REGISTERING; i++) {
		char text[256];

		if (mg_hear(&w, i & 1, &m)) {
			snprintf(text, sizeof(text),
				 "MEGACO/1 [127.0.0.%d] Reply = %.*s { Context = - { ServiceChange "
				 "= ROOT { "
				 "Services { MgcIdToTry = [127.0.0.%d] } } } }",
				 (i & 1) + 1, H248_TEXT(h248_child(&m, &m.item[0])->value),
				 2 - (i & 1));
			mg_say(&w, i & 1, text);
		}
		mg_pass(&w, 100);
	}
	assert_int_equal(mg_state(w.mg), MG_WAITING);
	asked = mg_stats(w.mg)->registrations;
	assert_true(asked <= 4);
	mg_pass(&w, 3000);
	assert_int_equal(mg_stats(w.mg)->registrations, asked + 1);
	mg_world_close(&w);
}

static void test_hand_over(void **state)
{
	struct mg_world *w = *state;

	ask(w,
	    "Context = - { ServiceChange = ROOT { Services { Method = HandOff, Reason = \"903 MGC "
	    "Directed Change\", MgcIdToTry = [192.0.2.9]:2944 } } }");
	mg_has(w, "Error = 449");
	ask(w,
	    "Context = - { ServiceChange = ROOT { Services { Method = HandOff, Reason = \"903 MGC "
	    "Directed Change\", MgcIdToTry = [127.0.0.2]:%u } } }",
	    w->e.conf.gateway.h248_controller[1].port);
	mg_has(w, "ServiceChange = ROOT }");
	mg_pass(w, 100);
	assert_int_equal(mg_state(w->mg), MG_REGISTERING);
	mg_register(w, 1);
	assert_non_null(strstr(w->in, "Method = HandOff, Reason = \"903 MGC Directed Change\""));
}

/* A controller that does not answer is lost; who comes next hears of it, and contexts go on. */
static void test_failover(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];

	pair(w, ", Events = 9 { hangterm/thb { timerx = 10 } }", name);
	mg_pass(w, 11000);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "hangterm/thb");
	for (int i = 0; i < 15; i++)
		mg_pass(w, 2000);
	while (mg_hear(w, 0, &m))
		mg_has(w, "hangterm/thb");
	mg_register(w, 1);
	assert_non_null(strstr(w->in, "Method = Failover, Reason = \"909 MGC Impending Failure\""));
	assert_int_equal(contexts(w), 1);
}

/* Back to who was in charge; what it is to be told has waited (7.2.8, D.1). */
static void test_disconnected(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, ", Events = 11 { g/cause }", name);

	w->mg->n_controller = 1;
	ask(w, "Context = - { Modify = ROOT { Events = 1 { it/ito { mit = 100 } } } }");
	for (int i = 0; i < 15; i++)
		mg_pass(w, 2000);
	assert_int_equal(mg_state(w->mg), MG_REGISTERING);
	gate_kill(w->e.s.gateway, mg_context_find(w->mg, n));
	while (mg_hear(w, 0, &m))
		assert_null(strstr(w->in, "g/cause"));
	mg_pass(w, 4000);
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Method = Disconnected, Reason = \"900 Service Restored\""));
	mg_pass(w, 100);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "MEGACO/3");
	mg_has(w, ":g/cause { Stream = 1, Generalcause = NR");
	assert_int_equal(mg_stats(w->mg)->untold, 0);
}

/* Who is always at it has not answered all the same (8.2.3). */
static void test_pending(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX], text[128];
	uint32_t n = pair(w, ", Events = 11 { g/cause }", name);
	int i;

	gate_kill(w->e.s.gateway, mg_context_find(w->mg, n));
	assert_true(mg_hear(w, 0, &m));
	snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1] Pending = %.*s { }",
		 H248_TEXT(h248_child(&m, &m.item[0])->value));
	for (i = 0; i < 60 && mg_state(w->mg) == MG_SERVED; i++) {
		mg_pass(w, 4000);
		mg_say(w, 0, text);
	}
	assert_in_range(i * 4, 120, 150);
	assert_int_equal(mg_state(w->mg), MG_REGISTERING);
}

static void test_warm_boot(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);

	mg_world_restart(w);
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Reason = \"902 Warm Boot\""));
	ask(w, "Context = %u { AuditValue = * { Audit { Media } } }", n);
	mg_has(w, name[0]);
	mg_has(w, name[1]);
}

/* ---- contexts ---- */

static void test_call(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);
	struct context *c = mg_context_find(w->mg, n);

	assert_non_null(c);
	mg_has(w, "c=IN IP4 192.0.2.11\r\nm=audio ");
	mg_has(w, "c=IN IP4 192.0.2.12\r\nm=audio ");
	assert_int_equal(c->term[0].term.flags, TERM_IN | TERM_OUT | TERM_RTP | TERM_LATCH_ADDR);
	assert_int_equal(be16_get(c->term[1].term.remote[0].port), 40000);
	ask(w,
	    "Context = %u { Modify = %s { Media { Stream = 1 { LocalControl { Mode = ReceiveOnly, "
	    "ds/dscp = 2E, gm/spf = ON, tman/pol = ON, tman/sdr = 11000, tman/mbs = 1500, "
	    "rtcph/rsb = OFF } } } } }",
	    n, name[0]);
	mg_has(w, "Modify = ");
	assert_int_equal(c->term[0].term.flags, TERM_IN);
	assert_int_equal(c->term[0].term.dscp, 46);
	assert_int_equal(c->term[0].term.rate, 11000);
	assert_int_equal(c->term[0].term.burst, 1500);
	/* What is left out goes back to its default; the remote stays. */
	ask(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = SendOnly } } } }", n,
	    name[0]);
	assert_int_equal(c->term[0].term.flags, TERM_OUT | TERM_RTP | TERM_LATCH_ADDR);
	assert_int_equal(c->term[0].term.dscp, CTL_DSCP_KEEP);
	assert_int_equal(c->term[0].term.rate, 0);
	assert_int_equal(be16_get(c->term[0].term.remote[0].port), 40000);
	/* Its address stays: said back it is fine, another is not. */
	ask(w,
	    "Context = %u { Modify = %s { Media { Local {\nc=IN IP4 192.0.2.11\nm=audio %u RTP/AVP "
	    "8\n} } } }",
	    n, name[0], be16_get(c->term[0].term.local.port));
	mg_has(w, "Modify = ");
	assert_null(strstr(w->in, "Error"));
	ask(w,
	    "Context = %u { Modify = %s { Media { Local {\nc=IN IP4 192.0.2.11\nm=audio 9 RTP/AVP "
	    "8\n} } } }",
	    n, name[0]);
	mg_has(w, "Error = 449");
	ask(w, "Context = %u { Subtract = %s, Subtract = %s }", n, name[0], name[1]);
	mg_has(w, "Subtract = ");
	assert_int_equal(contexts(w), 0);
	ask(w, "Context = %u { Subtract = * }", n);
	mg_has(w, "Error = 411");
}

static void test_latch(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);
	struct context *c = mg_context_find(w->mg, n);
	uint8_t attempt = c->term[0].term.attempt;

	ask(w,
	    "Context = %u { Modify = %s { Signals { ipnapt/latch { Stream = 1, napt = LATCH } } } "
	    "}",
	    n, name[0]);
	assert_true(c->term[0].term.flags & TERM_LATCH);
	assert_false(c->term[0].term.flags & TERM_LATCH_ADDR);
	ask(w, "Context = %u { Modify = %s { Signals { ipnapt/latch { napt = RELATCH } } } }", n,
	    name[0]);
	assert_true(c->term[0].term.attempt != attempt);
	attempt = c->term[0].term.attempt;
	/* It goes on, and does not begin anew. */
	ask(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = SendReceive } } } }", n,
	    name[0]);
	assert_true(c->term[0].term.flags & TERM_LATCH);
	assert_int_equal(c->term[0].term.attempt, attempt);
	ask(w, "Context = %u { Modify = %s { Signals { ipnapt/latch { napt = OFF } } } }", n,
	    name[0]);
	assert_false(c->term[0].term.flags & TERM_LATCH);
	ask(w, "Context = %u { Modify = %s { Signals { ipnapt/latch } } }", n, name[0]);
	assert_true(c->term[0].term.flags & TERM_LATCH);
	ask(w, "Context = %u { Modify = %s { Signals } }", n, name[0]);
	assert_false(c->term[0].term.flags & TERM_LATCH);
	ask(w, "Context = %u { Modify = %s { Signals { cg/dt } } }", n, name[0]);
	mg_has(w, "Error = 452");
}

/* What another protocol's controller has is looked at, and no more. */
static void test_others(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);
	struct context *c = mg_context_find(w->mg, n);
	struct gate_plan plan;

	gate_plan(w->e.s.gateway, c, &plan);
	plan.note = 1;
	gate_plan_set(w->e.s.gateway, c, &plan);
	ask(w, "Context = %u { AuditValue = * }", n);
	mg_has(w, name[1]);
	ask(w, "Context = %u { W-Subtract = * }", n);
	mg_has(w, "Error = 504");
	ask(w, "Context = %u { Subtract = %s }", n, name[0]);
	mg_has(w, "Error = 504");
	ask(w, "Context = %u { Modify = %s }", n, name[0]);
	mg_has(w, "Error = 504");
	ask(w, "Context = %u { " ADD("", "") " }", n);
	mg_has(w, "Error = 504");
	assert_int_equal(contexts(w), 1);
}

static void test_statistics(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);

	w->stats[0] = (struct ctl_term_stats){ .packets = 10, .bytes = 1720 };
	w->stats[1] = (struct ctl_term_stats){ .packets = 7, .bytes = 700 };
	mg_pass(w, 5000);
	ask(w, "Context = %u { AuditValue = %s { Audit { Statistics } } }", n, name[0]);
	mg_has(w,
	       "Statistics { nt/dur = 5000, nt/os = 700, nt/or = 1720, rtp/ps = 7, rtp/pr = 10 }");
	ask(w,
	    "Context = %u { Subtract = %s { Audit { Statistics } }, Subtract = %s { Audit { } } }",
	    n, name[0], name[1]);
	mg_has(w, "nt/or = 1720");
	assert_int_equal(contexts(w), 0);
	/* The dataplane says nothing: they are left out, and the reply comes all the same. */
	n = pair(w, "", name);
	w->mute = true;
	{
		char text[256];

		snprintf(text, sizeof(text),
			 "MEGACO/3 [127.0.0.1] Transaction = %u { Context = %u { W-Subtract = * { "
			 "Audit { "
			 "Statistics } } } }",
			 ++w->id, n);
		mg_say(w, 0, text);
		assert_false(mg_hear(w, 0, &m));
		mg_say(w, 0, text); /* meanwhile: it is not run twice */
		for (int i = 0; i < 10 && contexts(w); i++)
			mg_pass(w, 1000);
	}
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Subtract = * }");
	assert_false(mg_hear(w, 0, &m));
}

static void test_at_most_once(void **state)
{
	struct mg_world *w = *state;
	const char *text =
	    "MEGACO/3 [127.0.0.1] Transaction = 77 { Context = $ { " ADD("", "") " } }";
	static char first[H248_MESSAGE_MAX + 1];

	mg_say(w, 0, text);
	assert_true(mg_hear(w, 0, &m));
	memcpy(first, w->in, sizeof(first));
	mg_say(w, 0, text);
	assert_true(mg_hear(w, 0, &m));
	assert_string_equal(w->in, first);
	assert_int_equal(contexts(w), 1);
	assert_int_equal(mg_stats(w->mg)->again, 1);
}

/* ---- what is wrong ---- */

static void test_errors(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	const uint32_t n = pair(w, "", name);
	const struct {
		const char *actions;
		unsigned code;
	} is[] = {
		{ "Context = 4000000000 { Modify = a/b }", 411 },
		{ "Context = x { Modify = a/b }", 422 },
		{ "Context = %u { Modify = ip/none/1 }", 430 },
		{ "Context = %u { AuditValue = ip/none/1 }", 430 },
		{ "Context = %u { " ADD("", "") " }", 434 },
		{ "Context = - { " ADD("", "") " }", 421 },
		{ "Context = $ { Add = ip/$ { Media { LocalControl { Mode = Inactive } } } }",
		  441 },
		{ "Context = $ { Add = ip/none/$ { Media { " LOCAL4 " } } }", 430 },
		{ "Context = $ { Add = phone/1 { Media { " LOCAL4 " } } }", 430 },
		{ "Context = $ { Add = ip/$ { Media { LocalControl { ipdc/realm = \"no\" }, " LOCAL4
		  " } } }",
		  449 },
		{ "Context = $ { Add = ip/$ { Media { LocalControl { x/y = 1 }, " LOCAL4 " } } }",
		  445 },
		{ "Context = $ { Add = ip/$ { Media { LocalControl { Mode = Loopback }, " LOCAL4
		  " } } }",
		  517 },
		{ "Context = $ { Add = ip/$ { Media { LocalControl { Mode = Other }, " LOCAL4
		  " } } }",
		  449 },
		{ "Context = $ { Add = ip/$ { Media { LocalControl { ds/dscp = 7F }, " LOCAL4
		  " } } }",
		  449 },
		{ "Context = $ { Add = ip/$ { Media { LocalControl { tman/pol = ON }, " LOCAL4
		  " } } }",
		  449 },
		{ "Context = $ { Add = ip/$ { Media { LocalControl { gm/sam = \"10.0.0.0/8\" "
		  "}, " LOCAL4 " } } }",
		  449 },
		{ "Context = $ { Add = ip/$ { Media { Local {\nv=0\nm=audio $ RTP/AVP -\n} } } }",
		  474 },
		{ "Context = $ { Add = ip/$ { Media { Local {\nv=0\nc=IN IP4 $\nm=message $ "
		  "TCP/MSRP *\n} } } }",
		  515 },
		{ "Context = $ { Add = ip/$ { Media { Local {\nc=IN IP4 $\nm=audio $ RTP/AVP "
		  "-\nm=audio $ RTP/AVP "
		  "-\n} } } }",
		  474 },
		{ "Context = $ { " ADD(", Remote {\nc=IN IP4 $\nm=audio $ RTP/AVP -\n}", "") " }",
		  474 },
		{ "Context = $ { " ADD(", Remote {\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP -\n}",
				       "") " }",
		  449 },
		{ "Context = $ { " ADD("", ", Events = 1 { dd/std }") " }", 451 },
		{ "Context = $ { " ADD("", ", DigitMap = x { y }") " }", 444 },
		{ "Context = - { Add = ROOT { Media { " LOCAL4 " } } }", 410 },
		{ "Context = - { Modify = ROOT { Events = 1 { ocp/mg_overload } } }", 451 },
		{ "Context = - { Modify = ROOT { Media { TerminationState { root/x = 1 } } } }",
		  444 },
		{ "Context = - { Emergency }", 421 },
		{ "Context = %u { Priority = 16 }", 449 },
		{ "Context = %u { IEPSCall = maybe }", 449 },
		{ "Context = %u { ContextAudit { Digits } }", 444 },
		{ "Context = $ { ContextAudit { Priority } }", 421 },
		{ "Context = $ { Add = ip/$ { Media { Local {\nc=IN IP4 $\nm=audio $ RTP/AVP 0 1 2 "
		  "3 4 5 "
		  "6 7 8 9 10 11 12 13 14 15 16 17 18 19 20\n} } } }",
		  474 },
		{ "Context = - { ServiceChange = ROOT { Services { Method = Restart } } }", 501 },
		{ "Context = %u { Move = ip/access/1 }", 501 },
		{ "Context = %u { Modify = [ip/access/1, ip/access/2] }", 501 },
		{ "Context = $ { Add = ip/$ { Media { Local {\nc=IN IP4 192.0.2.11\nm=audio $ "
		  "RTP/AVP -\n} } } }",
		  449 },
		{ "Context = * { Subtract = * }", 501 },
		{ "Context = %u { Topology { a, b, Oneway }, Modify = * }", 444 },
		{ "Context = %u { }", 422 },
	};

	for (size_t i = 0; i < N_OF(is); i++) {
		char want[32];

		ask(w, is[i].actions, n);
		snprintf(want, sizeof(want), "Error = %u {", is[i].code);
		mg_has(w, want);
		assert_int_equal(contexts(w), 1);
	}
	mg_say(w, 0, "MEGACO/3 [127.0.0.1] Transaction = 9999 { }");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Reply = 9999 { Error = 403");
	mg_say(w, 0, "MEGACO/3 [127.0.0.1] Transaction = x { Context = - { AuditValue = ROOT } }");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Reply = 0 { Error = 403");
	mg_say(w, 0, "MEGACO/4 [127.0.0.1] Transaction = 7 { Context = - { AuditValue = ROOT } }");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Error = 406");
	mg_say(w, 0, "HELLO");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Error = 400");
}

/* What stands before a fault is run; the fault has its code where it is (H.248.1 8.2.2). */
static void test_broken(void **state)
{
	struct mg_world *w = *state;

	mg_say(w, 0,
	       "MEGACO/3 [127.0.0.1] Transaction = 5 { Context = $ { " ADD(
		   "", "") ", Add = ip/$ { Media { Stream = ");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Reply = 5 { Context = ");
	mg_has(w, "Error = 442");
	assert_int_equal(contexts(w), 1);
	mg_say(w, 0, "MEGACO/3 [127.0.0.1] Transaction = 6 { Context = - { AuditValue = ROOT, ");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "AuditValue = ROOT, Error = 422");
	mg_say(w, 0, "MEGACO/3 [127.0.0.1] Transaction = 7 { Context");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Error = 4");
	/* What is in no shape is not run, whatever stands in it could be read. */
	mg_say(w, 0,
	       "MEGACO/3 [127.0.0.1] Transaction = 8 { Context = $ { " ADD(
		   "", "") ", Add = ip/$ { Media { " LOCAL4 " } } junk } }");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Error = 422");
	mg_say(w, 0, "MEGACO/3 [127.0.0.1] Transaction = 9 { Context = - { AuditValue = ROOT }");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Reply = 9 { Context = - { AuditValue = ROOT }, Context = - { Error = 403");
	{
		const uint64_t n = contexts(w);
		char text[128];

		snprintf(text, sizeof(text),
			 "MEGACO/3 [127.0.0.1] Transaction = 10 { Context = %u { W-Subtract = * { "
			 "Audit { }",
			 mg_context_number(
			     gate_next(w->e.s.gateway, &(uint32_t){ 0 }, &(uint32_t){ 16384 })));
		mg_say(w, 0, text);
		assert_true(mg_hear(w, 0, &m));
		mg_has(w, "Error = 442");
		assert_int_equal(contexts(w), n);
	}
}

/* The first that fails ends the transaction, unless it is optional. */
static void test_order(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);

	ask(w,
	    "Context = %u { Modify = ip/none/1, Subtract = * }, Context = - { AuditValue = ROOT }",
	    n);
	mg_has(w, "Error = 430");
	assert_null(strstr(w->in, "Subtract"));
	assert_null(strstr(w->in, "ROOT"));
	assert_int_equal(contexts(w), 1);
	ask(w,
	    "Context = %u { O-Modify = ip/none/1, W-Subtract = * }, Context = - { AuditValue = "
	    "ROOT }",
	    n);
	mg_has(w, "Error = 430");
	mg_has(w, "Subtract = * }");
	mg_has(w, "AuditValue = ROOT }");
	assert_int_equal(contexts(w), 0);
}

/* More than a context's share of resources: the code says so, and nothing is left. */
static void test_full(void **state)
{
	struct mg_world *w = *state;
	uint64_t n;
	int i;

	for (i = 0; i < 1000; i++) {
		ask(w, "Context = $ { " ADD("", "") " }");
		if (strstr(w->in, "Error"))
			break;
	}
	mg_has(w, "Context = $ { Add = ip/$ { Error = 510");
	n = contexts(w);
	assert_int_equal(n, i);
	ask(w, "Context = - { AuditValue = ROOT { Audit { Media { TerminationState } } } }");
	mg_has(w, "root/maxTerminationsPerContext = 2");
}

/* Emergency and priority calls get what is kept from others (R27), and contexts say what they are.
 */
static void test_urgent(void **state)
{
	static const char *const urgent[] = { "Emergency", "Priority = 3", "IEPSCall = ON" };
	struct mg_world *w = *state;
	struct config_gateway *conf = &w->e.conf.gateway;
	uint32_t n;

	conf->urgent = conf->contexts - 1;
	for (uint32_t i = 0; i < w->e.conf.dataplane.n_workers; i++) {
		ask(w, "Context = $ { Priority = 0, EmergencyOff, " ADD("", "") " }");
		assert_null(strstr(w->in, "Error"));
	}
	ask(w, "Context = $ { " ADD("", "") " }");
	mg_has(w, "Error = 510 { \"worker ");
	for (size_t i = 0; i < N_OF(urgent); i++) {
		ask(w, "Context = $ { %s, " ADD("", "") " }", urgent[i]);
		assert_null(strstr(w->in, "Error"));
	}
	n = mg_number(w);
	ask(w, "Context = %u { ContextAudit { Priority, Emergency, IEPSCall } }", n);
	mg_has(w, "{ Priority = 0, EmergencyOff, IEPSCall = ON }");
	/* It changes, and lasts. */
	ask(w, "Context = %u { Emergency, Priority = 15, IEPSCall = OFF }", n);
	assert_null(strstr(w->in, "Error"));
	mg_world_restart(w);
	mg_register(w, 0);
	ask(w,
	    "Context = %u { ContextAudit { Emergency, Priority, IEPSCall, Topology }, AuditValue = "
	    "* }",
	    n);
	mg_has(w, "{ Emergency, Priority = 15, IEPSCall = OFF, AuditValue = ");
}

/* What the reply has no room for is not run. */
static void test_long(void **state)
{
	struct mg_world *w = *state;
	static char text[H248_MESSAGE_MAX];
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);
	size_t len = (size_t)snprintf(text, sizeof(text), "Context = %u { ", n);
	const char *last;

	for (int i = 0; i < 500; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"AuditValue = * { Audit { Media } }, ");
	snprintf(text + len, sizeof(text) - len, "Subtract = * }");
	mg_ask(w, text);
	mg_has(w, "AuditValue = * { Error = 533");
	assert_int_equal(contexts(w), 1);
	/* And what is before it in the transaction was. */
	last = strstr(w->in, "Error");
	assert_null(strstr(last + 1, "Error"));
	assert_non_null(strstr(w->in, name[1]));
}

static void test_strangers(void **state)
{
	struct mg_world *w = *state;
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	const char *text = "MEGACO/3 [127.0.0.1] T=5{C=-{AV=ROOT{AT{}}}}";
	char in[64];

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 8);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(
	    sendto(fd, text, strlen(text), 0, (struct sockaddr *)&w->gateway, sizeof(w->gateway)),
	    strlen(text));
	mg_turn(w);
	assert_true(recv(fd, in, sizeof(in), 0) < 0);
	assert_int_equal(mg_stats(w->mg)->not_allowed, 1);
	close(fd);
}

/* ---- events ---- */

static void answer(struct mg_world *w)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "MEGACO/3 [127.0.0.1] Reply = %.*s { Context = - { Notify = ROOT } }",
		 H248_TEXT(h248_child(&m, &m.item[0])->value));
	mg_say(w, 0, text);
}

static void test_events(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX], part[128];
	uint32_t n =
	    pair(w,
		 ", Events = 11 { g/cause, hangterm/thb { timerx = 300 }, adid/ipstop { dt = 30, "
		 "dir = IN } }",
		 name);
	struct context *c = mg_context_find(w->mg, n);

	assert_int_equal(c->term[0].term.inactivity, 30);
	mg_pass(w, 299000);
	assert_false(mg_hear(w, 0, &m));
	mg_pass(w, 2000);
	assert_true(mg_hear(w, 0, &m));
	snprintf(part, sizeof(part), "Context = %u { Notify = %s { ObservedEvents = 11 {", n,
		 name[0]);
	mg_has(w, part);
	mg_has(w, ":hangterm/thb { Stream = 1 }");
	answer(w);
	/* Once a time; what is said about it begins another. */
	mg_pass(w, 200000);
	ask(w, "Context = %u { AuditValue = %s { Audit { } } }", n, name[0]);
	mg_pass(w, 200000);
	assert_false(mg_hear(w, 0, &m));
	{
		struct evt_term e = { .hdr = { EVT_TERM, sizeof(e), 0 },
				      .cid = c->cid,
				      .side = 0,
				      .what = TERM_INACTIVE,
				      .attempt = c->term[0].term.attempt };

		fake_dp_event(&w->e.dp, c->worker, &e, sizeof(e));
		env_poll(&w->e);
	}
	mg_pass(w, 1000);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, ":adid/ipstop { Stream = 1 }");
	answer(w);
	gate_kill(w->e.s.gateway, c);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, ":g/cause { Stream = 1, Generalcause = NR, Failurecause = \"killed\" }");
	answer(w);
	assert_int_equal(w->mg->assoc.n_request, 0);
	assert_int_equal(mg_stats(w->mg)->notified, 3);
}

/* H.248.14: who is silent is told of it, once, and is lost if that is not answered. */
static void test_silence(void **state)
{
	struct mg_world *w = *state;

	ask(w, "Context = - { Modify = ROOT { Events = 100 { it/ito { mit = 3000 } } } }");
	mg_has(w, "Modify = ROOT }");
	mg_pass(w, 29000);
	assert_false(mg_hear(w, 0, &m));
	mg_pass(w, 2000);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Context = - { Notify = ROOT { ObservedEvents = 100 { ");
	mg_has(w, ":it/ito }");
	answer(w);
	mg_pass(w, 29000);
	assert_false(mg_hear(w, 0, &m));
	mg_pass(w, 2000);
	assert_true(mg_hear(w, 0, &m));
	mg_pass(w, 26000);
	assert_int_equal(mg_state(w->mg), MG_REGISTERING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define IN_WORLD(t) cmocka_unit_test_setup_teardown(t, mg_world_setup, mg_world_teardown)
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_before_the_reply),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sent_round),
		IN_WORLD(test_hand_over),
		IN_WORLD(test_failover),
		IN_WORLD(test_disconnected),
		IN_WORLD(test_pending),
		IN_WORLD(test_warm_boot),
		IN_WORLD(test_call),
		IN_WORLD(test_latch),
		IN_WORLD(test_others),
		IN_WORLD(test_statistics),
		IN_WORLD(test_at_most_once),
		IN_WORLD(test_errors),
		IN_WORLD(test_broken),
		IN_WORLD(test_order),
		IN_WORLD(test_full),
		IN_WORLD(test_urgent),
		IN_WORLD(test_long),
		IN_WORLD(test_strangers),
		IN_WORLD(test_events),
		IN_WORLD(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
