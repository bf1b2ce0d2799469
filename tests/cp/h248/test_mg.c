/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A media gateway of H.248 (R32, TS 23.334 5.11.2, TS 29.334): it registers and changes its
 * controller; contexts are made, changed, audited and ended; what is wrong has the standard's code;
 * transactions are run once; the controller is told of ends, silence and hanging terminations; a
 * reload names others, and who is in charge no more is told so.
 */
#include "tests/world/mg_world.h"
#include "lib/srtp_suite.h"

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
		mg_pass(&w, 1); /* less than a pause between rounds, all but always */
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

	mg_askf(
	    w,
	    "Context = - { ServiceChange = ROOT { Services { Method = HandOff, Reason = \"903 MGC "
	    "Directed Change\", MgcIdToTry = [192.0.2.9]:2944 } } }");
	mg_has(w, "Error = 449");
	mg_askf(
	    w,
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
	mg_askf(w, "Context = - { Modify = ROOT { Events = 1 { it/ito { mit = 100 } } } }");
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

	/* Nobody knows any more who was in charge. */
	unlink(mg_world_file(w));
	mg_world_restart(w);
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Method = Restart, Reason = \"902 Warm Boot\""));
	mg_askf(w, "Context = %u { AuditValue = * { Audit { Media } } }", n);
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
	mg_askf(
	    w,
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
	mg_askf(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = SendOnly } } } }", n,
		name[0]);
	assert_int_equal(c->term[0].term.flags, TERM_OUT | TERM_RTP | TERM_LATCH_ADDR);
	assert_int_equal(c->term[0].term.dscp, CTL_DSCP_KEEP);
	assert_int_equal(c->term[0].term.rate, 0);
	assert_int_equal(be16_get(c->term[0].term.remote[0].port), 40000);
	/* Its address stays: said back it is fine, another is not. */
	mg_askf(
	    w,
	    "Context = %u { Modify = %s { Media { Local {\nc=IN IP4 192.0.2.11\nm=audio %u RTP/AVP "
	    "8\n} } } }",
	    n, name[0], be16_get(c->term[0].term.local.port));
	mg_has(w, "Modify = ");
	assert_null(strstr(w->in, "Error"));
	mg_askf(
	    w,
	    "Context = %u { Modify = %s { Media { Local {\nc=IN IP4 192.0.2.11\nm=audio 9 RTP/AVP "
	    "8\n} } } }",
	    n, name[0]);
	mg_has(w, "Error = 449");
	mg_askf(w, "Context = %u { Subtract = %s, Subtract = %s }", n, name[0], name[1]);
	mg_has(w, "Subtract = ");
	assert_int_equal(contexts(w), 0);
	mg_askf(w, "Context = %u { Subtract = * }", n);
	mg_has(w, "Error = 411");
}

/* Lists of terminations, and names with a "*" (H.248.1 7.2). */
static void test_many_terminations(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);
	struct context *c = mg_context_find(w->mg, n);

	mg_askf(w, "Context = %u { AuditValue = [%s, %s] { Audit { Media } } }", n, name[1],
		name[0]);
	assert_true(strstr(w->in, name[0]) > strstr(w->in, name[1]));
	mg_askf(w,
		"Context = %u { Modify = [%s, %s] { Media { LocalControl { Mode = Inactive } } } }",
		n, name[0], name[1]);
	assert_int_equal((c->term[0].term.flags | c->term[1].term.flags) & (TERM_IN | TERM_OUT), 0);
	mg_askf(
	    w,
	    "Context = %u { Modify = IP/Access/* { Media { LocalControl { Mode = SendOnly } } } }",
	    n);
	assert_true(c->term[0].term.flags & TERM_OUT);
	assert_false(c->term[1].term.flags & TERM_OUT);
	/* One that is not there ends the command, unless it is optional. */
	mg_askf(w, "Context = %u { O-AuditValue = [ip/access/1, %s] { Audit { } } }", n, name[1]);
	mg_has(w, "Error = 430");
	mg_has(w, name[1]);
	mg_askf(w, "Context = %u { AuditValue = [ip/access/1, %s] { Audit { } } }", n, name[1]);
	assert_null(strstr(w->in, name[1]));
	mg_askf(w, "Context = %u { Subtract = ip/*/%u }", n, be16_get(c->term[0].term.local.port));
	mg_has(w, name[0]);
	assert_int_equal(contexts(w), 1);
	mg_askf(w, "Context = %u { W-Subtract = ip/core/* }", n);
	mg_has(w, "Subtract = ip/core/*");
	assert_int_equal(contexts(w), 0);
}

/* A context of one termination. */
static uint32_t one(struct mg_world *w, const char *realm, char name[MG_NAME_MAX])
{
	mg_askf(
	    w,
	    "Context = $ { Add = ip/%s/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive "
	    "}, " LOCAL4 REMOTE " } }, Events = 11 { g/cause } } }",
	    realm);
	mg_added(w, 0, name);
	return mg_number(w);
}

/* Two contexts of one worker, each of one termination, or of two workers. */
static void two(struct mg_world *w, bool same, uint32_t n[2], char name[2][MG_NAME_MAX])
{
	const struct context *a, *b;

	uint32_t beside[8];
	int k;

	n[0] = one(w, "access", name[0]);
	a = mg_context_find(w->mg, n[0]);
	for (k = 0; k < 8; k++) {
		n[1] = one(w, "core", name[1]);
		b = mg_context_find(w->mg, n[1]);
		if ((a->worker == b->worker) == same)
			break;
		beside[k] = n[1];
	}
	assert_true(k < 8);
	while (k-- > 0)
		mg_askf(w, "Context = %u { Subtract = * }", beside[k]);
}

/* A termination goes to another context, with all that it has (H.248.1 7.2.4). */
static void test_move(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX], text[128];
	struct context_term was;
	struct context *c;
	uint32_t n[2];

	two(w, true, n, name);
	was = mg_context_find(w->mg, n[0])->term[0];
	mg_askf(
	    w,
	    "Context = %u { Priority = 3, Move = %s { Media { LocalControl { Mode = SendOnly } } } "
	    "}",
	    n[1], name[0]);
	snprintf(text, sizeof(text), "{ Move = %s }", name[0]);
	mg_has(w, text);
	/* The one that it left is empty, and has gone. */
	assert_null(mg_context_find(w->mg, n[0]));
	assert_int_equal(contexts(w), 1);
	c = mg_context_find(w->mg, n[1]);
	assert_memory_equal(&c->term[1].term.local, &was.term.local, sizeof(was.term.local));
	assert_true(sock_addr_eq(&c->term[1].term.remote[0], &was.term.remote[0]));
	assert_int_equal(c->term[1].term.flags & (TERM_IN | TERM_OUT), TERM_OUT);
	assert_int_equal(mg_keep_get(c, 1).events, 1 << MG_EVENT_CAUSE);
	assert_int_equal(mg_keep_get(c, 1).request, 11);
	assert_int_equal(mg_keep_get(c, 1).attributes.priority, 3);
	mg_askf(w, "Context = %u { Move = %s }", n[1], name[0]);
	mg_has(w, "Error = 503");
	mg_pass(w, 10);
	mg_askf(w, "Context = %u { Move = %s }", n[1], name[0]);
	mg_has(w, "Error = 433");
	mg_pass(w, 10);
	/* A context that is made with one that moves there is of its worker. */
	mg_askf(w, "Context = $ { " ADD("", "") ", Move = %s }", name[1]);
	snprintf(text, sizeof(text), "Move = %s }", name[1]);
	mg_has(w, text);
	assert_int_equal(contexts(w), 2);
	assert_int_equal(gate_stats(w->e.s.gateway)->moved, 2);
}

/* What cannot be moved stays where it is, as it is. */
static void test_move_refused(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX], other[2][MG_NAME_MAX];
	struct context *c;
	struct gate_plan plan;
	uint32_t n[2], full;

	two(w, false, n, name);
	mg_askf(w, "Context = %u { Move = %s }", n[1], name[0]);
	mg_has(w, "Error = 501 { \"The contexts are of workers ");
	full = pair(w, "", other);
	mg_pass(w, 10);
	mg_askf(w, "Context = %u { Move = %s }", full, name[0]);
	mg_has(w, "Error = 434");
	mg_pass(w, 10);
	mg_askf(w, "Context = %u { Move = ip/access/1 }", n[0]);
	mg_has(w, "Error = 430");
	mg_pass(w, 10);
	two(w, true, n, name);
	c = mg_context_find(w->mg, n[0]);
	mg_askf(
	    w,
	    "Context = %u { Move = %s { Media { Stream = 1 { Remote {\nc=IN IP4 127.0.0.1\nm=audio "
	    "9 RTP/AVP -\n} } } } }",
	    n[1], name[0]);
	mg_has(w, "Error = 449");
	assert_int_equal(be16_get(c->term[0].term.remote[0].port), 40000);
	mg_pass(w, 10);
	gate_plan(w->e.s.gateway, c, &plan);
	plan.note = 1;
	gate_plan_set(w->e.s.gateway, c, &plan);
	mg_askf(w, "Context = %u { Move = %s }", n[1], name[0]);
	mg_has(w, "Error = 504");
	assert_int_equal(gate_stats(w->e.s.gateway)->moved, 0);
}

/* Every context at once (H.248.1 6.2.3, 7.2.3, 7.2.5). */
static void test_all_contexts(void **state)
{
	struct mg_world *w = *state;
	char name[3][2][MG_NAME_MAX], text[64];
	uint32_t n[3];

	mg_askf(w, "Context = * { AuditValue = ROOT { Audit { } } }");
	mg_has(w, "{ Context = * { AuditValue = ROOT } }");
	for (int i = 0; i < 3; i++)
		n[i] = pair(w, "", name[i]);
	/* The table is walked for one of them at a time. */
	mg_askf(w, "Context = * { AuditValue = ROOT { Audit { } } }");
	mg_has(w, "Error = 503");
	mg_pass(w, 100);
	mg_askf(w, "Context = * { AuditValue = ROOT { Audit { } } }");
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "Context = %u { AuditValue = ROOT }", n[i]);
		mg_has(w, text);
	}
	mg_pass(w, 100);
	mg_askf(w, "Context = * { AuditValue = %s { Audit { Media } } }", name[1][1]);
	snprintf(text, sizeof(text), "{ Context = %u { AuditValue = ", n[1]);
	mg_has(w, text);
	assert_null(strstr(w->in, name[0][1]));
	mg_pass(w, 100);
	mg_askf(w, "Context = * { ContextAudit { Priority }, Subtract = ip/core/* }");
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "Context = %u { Priority = 0, Subtract = %s }", n[i],
			 name[i][1]);
		mg_has(w, text);
	}
	mg_pass(w, 100);
	mg_askf(w, "Context = * { Priority = 3 }");
	mg_has(w, "Error = 501");
	mg_pass(w, 100);
	mg_askf(w, "Context = * { W-Subtract = * { Audit { } }, W-Subtract = * { Audit { } } }");
	mg_has(w, "{ Context = * { Subtract = * } }");
	assert_int_equal(contexts(w), 0);
	mg_pass(w, 100);
	mg_askf(w, "Context = * { W-Subtract = * }");
	mg_has(w, "Context = * { Error = 431");
}

#define LOCAL_TLS(setup)                                                       \
	"Local {\nv=0\nc=IN IP4 $\nm=message $ TCP/TLS/MSRP -\na=setup:" setup \
	"\na=fingerprint:SHA-256 $\n}"
#define FINGERPRINT                                                                   \
	"02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:" \
	"7D:F9:B0:7F:46:19:B2"

/* The dataplane says something of the first termination. */
static void stream_event(struct mg_world *w, const struct context *c, uint8_t what, uint16_t why)
{
	struct evt_term e = { .hdr = { EVT_TERM, sizeof(e), 0 },
			      .cid = c->cid,
			      .what = what,
			      .why = why,
			      .attempt = c->term[0].term.attempt };

	fake_dp_event(&w->e.dp, c->worker, &e, sizeof(e));
	mg_turn(w);
	mg_pass(w, 100);
}

/* TCP and TLS (TS 23.334 5.11.2): roles by a=setup, ours and the remote's fingerprint, and events.
 */
static void test_streams(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	struct context *c;
	uint8_t attempt;
	uint32_t n;

	mg_askf(
	    w, "Context = $ { %s, %s }",
	    "Add = ip/access/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive "
	    "}, " LOCAL_TLS("passive") " } }, Events = 21 { g/cause, tlsbsc/BNCChange } }",
	    "Add = ip/core/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, Local {\n"
	    "c=IN IP4 $\nm=message $ TCP/MSRP -\na=setup:active\n} } } }");
	mg_added(w, 0, name[0]);
	mg_added(w, 1, name[1]);
	n = mg_number(w);
	c = mg_context_find(w->mg, n);
	assert_non_null(c);
	mg_has(w, " TCP/TLS/MSRP -\r\na=setup:passive\r\n");
	mg_has(w, " TCP/MSRP -\r\na=setup:active\r\n");
	assert_int_equal(c->term[0].term.transport, TERM_TLS);
	assert_int_equal(c->term[0].term.flags, TERM_IN | TERM_OUT);
	assert_int_equal(c->term[1].term.transport, TERM_TCP);
	assert_int_equal(c->term[1].term.flags, TERM_IN | TERM_OUT | TERM_CONNECT);
	/* Neither listens or connects before its remote is known. */
	attempt = c->term[0].term.attempt;
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Remote {\nc=IN IP4 "
		"203.0.113.9\nm=message 9 TCP/TLS/MSRP -\na=setup:active\na=fingerprint:SHA-256 "
		"" FINGERPRINT "\n} } } } }",
		n, name[0]);
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(c->term[0].term.flags, TERM_IN | TERM_OUT | TERM_LATCH | TERM_LATCH_ADDR);
	assert_true(c->term[0].term.attempt != attempt);
	assert_int_equal(c->term[0].term.n_fingerprint, 1);
	assert_int_equal(c->term[0].term.fingerprint[0].hash, FP_SHA256);
	assert_int_equal(c->term[0].term.fingerprint[0].digest[0], 2);
	/* A change begins nothing anew. */
	attempt = c->term[0].term.attempt;
	mg_askf(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = SendOnly } } } }", n,
		name[0]);
	assert_int_equal(c->term[0].term.attempt, attempt);
	assert_int_equal(c->term[0].term.n_fingerprint, 1);
	attempt = c->term[1].term.attempt;
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Remote {\nc=IN IP4 "
		"203.0.113.8\nm=message 2855 TCP/MSRP -\n} } } } }",
		n, name[1]);
	assert_true(c->term[1].term.attempt != attempt);
	assert_int_equal(be16_get(c->term[1].term.remote[0].port), 2855);
	stream_event(w, c, TERM_UP, 0);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, ":tlsbsc/BNCChange { Stream = 1, Type = Est }");
	stream_event(w, c, TERM_ENDED, TCP_END_TLS_FINGERPRINT);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, ":g/cause { Stream = 1, Generalcause = FT, Failurecause = \"tls_fingerprint\"");
	/* What does not fit. */
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Remote {\nc=IN IP4 "
		"203.0.113.8\nm=message 2855 TCP/TLS/MSRP -\n} } } } }",
		n, name[1]);
	mg_has(w, "Error = 449");
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Remote {\nc=IN IP4 "
		"203.0.113.9\nm=message 9 TCP/TLS/MSRP -\na=fingerprint:SHA-256 02:1A\n} } } } }",
		n, name[0]);
	mg_has(w, "Error = 474");
	mg_askf(w, "Context = $ { Add = ip/access/$ { Media { Stream = 1 { Local {\nc=IN IP4 "
		   "$\nm=message $ TCP/MSRP -\na=setup:holdconn\n} } } } }");
	mg_has(w, "Error = 449");
}

#define CRYPTO "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
#define OUR_KEY "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
#define ITS_KEY "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj"
#define ANOTHER_KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define SAVP(key) "\nm=audio $ RTP/SAVP -\n" CRYPTO key "\n}"
#define REMOTE_SAVP(key) \
	"Remote {\nc=IN IP4 203.0.113.9\nm=audio 40000 RTP/SAVP -\n" CRYPTO key "\n}"

/* SRTP by SDES (TS 23.334 5.11.2): Local has the key that we send by, Remote the other one. */
static void test_srtp(void **state)
{
	struct mg_world *w = *state;
	struct gateway *g = w->e.s.gateway;
	const struct gate_srtp *keys;
	char name[MG_NAME_MAX];
	struct context *c;
	uint32_t n;

	mg_askf(w,
		"Context = $ { Add = ip/access/$ { Media { Stream = 1 { Local {\nc=IN IP4 $" SAVP(
		    OUR_KEY) " } } } }");
	mg_has(w, " RTP/SAVP -\r\n");
	assert_null(strstr(w->in, "crypto"));
	mg_added(w, 0, name);
	n = mg_number(w);
	c = mg_context_find(w->mg, n);
	assert_true(c->term[0].term.flags & TERM_SRTP);
	keys = gate_srtp(g, c, 0);
	assert_non_null(keys);
	assert_true(keys->out.set && !keys->in.set);
	assert_int_equal(keys->out.suite, SRTP_AES_CM_128_80);
	assert_int_equal(keys->out.master[0], 0x77);
	/* The remote's comes with its address; ours stays. */
	mg_askf(
	    w, "Context = %u { Modify = %s { Media { Stream = 1 { " REMOTE_SAVP(ITS_KEY) " } } } }",
	    n, name);
	assert_null(strstr(w->in, "Error"));
	keys = gate_srtp(g, c, 0);
	assert_int_equal(keys->in.master[0], 0x37);
	assert_int_equal(keys->out.master[0], 0x77);
	mg_askf(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = SendReceive } } } }",
		n, name);
	assert_true(c->term[0].term.flags & TERM_SRTP);
	mg_askf(
	    w, "Context = %u { Modify = %s { Media { Stream = 1 { " REMOTE_SAVP(OUR_KEY) " } } } }",
	    n, name);
	mg_has(w, "Error = 449");
	mg_askf(w, "Context = $ { Add = ip/access/$ { Media { Local {\nc=IN IP4 $" SAVP(
		       "xyz") " } } }");
	mg_has(w, "Error = 449");
	/* After a restart the dataplane has them, and nobody else: one alone is not enough. */
	mg_world_restart(w);
	c = mg_context_find(w->mg, n);
	mg_askf(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = SendOnly } } } }", n,
		name);
	assert_null(strstr(w->in, "Error"));
	assert_true(c->term[0].term.flags & TERM_SRTP);
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { " REMOTE_SAVP(
		    ANOTHER_KEY) " } } } }",
		n, name);
	mg_has(w, "Error = 449");
}

#define LOCAL_DTLS(setup)                                                    \
	"Local {\nc=IN IP4 $\nm=audio $ UDP/TLS/RTP/SAVPF -\na=setup:" setup \
	"\na=fingerprint:SHA-256 $\na=rtcp-mux\n}"
#define REMOTE_DTLS                                                                       \
	"Remote {\nc=IN IP4 203.0.113.9\nm=audio 40000 UDP/TLS/RTP/SAVPF -\na=rtcp-mux\n" \
	"a=setup:active\na=tls-id:abcdef\na=fingerprint:SHA-256 " FINGERPRINT "\n}"

/* An event of DTLS of the first termination. */
static void dtls_event(struct mg_world *w, const struct context *c, uint8_t what, uint16_t why)
{
	stream_event(w, c, what, why);
	assert_true(mg_hear(w, 0, &m));
}

/* SRTP whose keys come by DTLS (RFC 5763): roles, fingerprints late and anew, and what is told. */
static void test_dtls(void **state)
{
	struct mg_world *w = *state;
	char name[MG_NAME_MAX];
	struct context *c;
	uint32_t n;

	mg_askf(w, "Context = $ { Add = ip/access/$ { Media { Stream = 1 { LocalControl { Mode = "
		   "SendReceive }, " LOCAL_DTLS(
		       "passive") " } }, Events = 21 { g/cause, tlsbsc/BNCChange } } }");
	mg_has(w, " UDP/TLS/RTP/SAVPF -\r\na=rtcp-mux\r\na=setup:passive\r\na=fingerprint:sha-256 "
		  "CD:CD:");
	mg_added(w, 0, name);
	n = mg_number(w);
	c = mg_context_find(w->mg, n);
	assert_int_equal(c->term[0].term.flags,
			 TERM_IN | TERM_OUT | TERM_RTP | TERM_RTCP_MUX | TERM_SRTP | TERM_DTLS);
	assert_int_equal(c->term[0].term.n_fingerprint, 0);
	/* The remote's comes later; we are the client if we are told so. */
	mg_askf(w, "Context = %u { Modify = %s { Media { Stream = 1 { " REMOTE_DTLS " } } } }", n,
		name);
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(c->term[0].term.n_fingerprint, 1);
	assert_int_equal(c->term[0].term.fingerprint[0].digest[0], 2);
	assert_int_not_equal(c->term[0].term.dtls_id, 0);
	mg_askf(
	    w, "Context = %u { Modify = %s { Media { Stream = 1 { " LOCAL_DTLS("active") " } } } }",
	    n, name);
	mg_has(w, "a=setup:active\r\n");
	assert_true(c->term[0].term.flags & TERM_TLS_CLIENT);
	assert_int_equal(c->term[0].term.n_fingerprint, 1);
	dtls_event(w, c, TERM_UP, 0);
	mg_has(w, ":tlsbsc/BNCChange { Stream = 1, Type = Est }");
	dtls_event(w, c, TERM_REFUSED, TCP_END_TLS_FINGERPRINT);
	mg_has(w, ":g/cause { Stream = 1, Generalcause = FT, Failurecause = \"tls_fingerprint\"");
	/* Plain again: nothing of it is left, whether Remote is said again or not. */
	mg_askf(w, "Context = %u { Modify = %s { Media { Stream = 1 { " LOCAL4 " } } } }", n, name);
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(c->term[0].term.flags & (TERM_SRTP | TERM_DTLS | TERM_TLS_CLIENT), 0);
	assert_int_equal(c->term[0].term.n_fingerprint, 0);
	assert_int_equal(c->term[0].term.dtls_id, 0);
	mg_askf(w, "Context = %u { Modify = %s { Media { Stream = 1 { " LOCAL4 REMOTE " } } } }", n,
		name);
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(c->term[0].term.flags & (TERM_SRTP | TERM_DTLS | TERM_TLS_CLIENT), 0);
	assert_int_equal(c->term[0].term.n_fingerprint, 0);
	assert_int_equal(c->term[0].term.dtls_id, 0);
	/* What does not fit. */
	mg_askf(w, "Context = %u { Modify = %s { Media { Stream = 1 { " REMOTE_DTLS " } } } }", n,
		name);
	mg_has(w, "Error = 449");
	mg_askf(w, "Context = $ { Add = ip/access/$ { Media { Stream = 1 { " LOCAL_DTLS(
		       "holdconn") " } } } }");
	mg_has(w, "Error = 449");
	mg_askf(w, "Context = $ { Add = ip/access/$ { Media { Stream = 1 { " LOCAL_DTLS("actpass")
		       REMOTE " } } } }");
	mg_has(w, "Error = 449");
	mg_askf(
	    w,
	    "Context = $ { Add = ip/access/$ { Media { Stream = 1 { Local {\nc=IN IP4 $\nm=audio $ "
	    "UDP/TLS/RTP/SAVP -\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" OUR_KEY "\n} } } } }");
	assert_null(strstr(w->in, "Error")); /* keys are of the handshake */
	c = mg_context_find(w->mg, mg_number(w));
	assert_null(gate_srtp(w->e.s.gateway, c, 0));
}

static void test_latch(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);
	struct context *c = mg_context_find(w->mg, n);
	uint8_t attempt = c->term[0].term.attempt;

	mg_askf(
	    w,
	    "Context = %u { Modify = %s { Signals { ipnapt/latch { Stream = 1, napt = LATCH } } } "
	    "}",
	    n, name[0]);
	assert_true(c->term[0].term.flags & TERM_LATCH);
	assert_false(c->term[0].term.flags & TERM_LATCH_ADDR);
	mg_askf(w, "Context = %u { Modify = %s { Signals { ipnapt/latch { napt = RELATCH } } } }",
		n, name[0]);
	assert_true(c->term[0].term.attempt != attempt);
	attempt = c->term[0].term.attempt;
	/* It goes on, and does not begin anew. */
	mg_askf(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = SendReceive } } } }",
		n, name[0]);
	assert_true(c->term[0].term.flags & TERM_LATCH);
	assert_int_equal(c->term[0].term.attempt, attempt);
	mg_askf(w, "Context = %u { Modify = %s { Signals { ipnapt/latch { napt = OFF } } } }", n,
		name[0]);
	assert_false(c->term[0].term.flags & TERM_LATCH);
	mg_askf(w, "Context = %u { Modify = %s { Signals { ipnapt/latch } } }", n, name[0]);
	assert_true(c->term[0].term.flags & TERM_LATCH);
	mg_askf(w, "Context = %u { Modify = %s { Signals } }", n, name[0]);
	assert_false(c->term[0].term.flags & TERM_LATCH);
	mg_askf(w, "Context = %u { Modify = %s { Signals { cg/dt } } }", n, name[0]);
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
	mg_askf(w, "Context = %u { AuditValue = * }", n);
	mg_has(w, name[1]);
	mg_askf(w, "Context = %u { W-Subtract = * }", n);
	mg_has(w, "Error = 504");
	mg_askf(w, "Context = %u { Subtract = %s }", n, name[0]);
	mg_has(w, "Error = 504");
	mg_askf(w, "Context = %u { Modify = %s }", n, name[0]);
	mg_has(w, "Error = 504");
	mg_askf(w, "Context = %u { " ADD("", "") " }", n);
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
	mg_askf(w, "Context = %u { AuditValue = %s { Audit { Statistics } } }", n, name[0]);
	mg_has(w,
	       "Statistics { nt/dur = 5000, nt/os = 700, nt/or = 1720, rtp/ps = 7, rtp/pr = 10 }");
	w->stats[0].quality = (struct ctl_quality){ .received = 1990, .lost = 10 };
	mg_askf(w, "Context = %u { AuditValue = %s { Audit { Statistics { rtp/pr, rtp/pl } } } }",
		n, name[0]);
	mg_has(w, "Statistics { rtp/pr = 10, rtp/pl = 0.50 }");
	mg_askf(
	    w,
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
	do {
		assert_true(mg_hear(w, 0, &m));
	} while (strstr(w->in, "Pending = "));
	mg_has(w, "{ ImmAckRequired, Context = ");
	mg_has(w, "Subtract = * }");
	assert_false(mg_hear(w, 0, &m));
}

/* E.2: how long we wait for the controller, and how often it may say Pending. */
static void test_root_timers(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX], text[128];
	uint32_t n = pair(w, ", Events = 11 { g/cause }", name);
	int i;

	mg_askf(w, "Context = - { Modify = ROOT { Media { TerminationState { "
		   "root/normalMGCExecutionTime = 2000, root/MGCProvisionalResponseTimerValue = "
		   "6000, root/MGCOriginatedPendingLimit = 2 } } } }");
	gate_kill(w->e.s.gateway, mg_context_find(w->mg, n));
	assert_true(mg_hear(w, 0, &m));
	snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1] Pending = %.*s { }",
		 H248_TEXT(h248_child(&m, &m.item[0])->value));
	mg_pass(w, 1900);
	while (mg_hear(w, 0, &m)) /* of the other termination */
		mg_has(w, name[1]);
	mg_pass(w, 200);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, name[0]);
	while (mg_hear(w, 0, &m))
		;
	mg_say(w, 0, text);
	mg_pass(w, 5900);
	while (mg_hear(w, 0, &m))
		mg_has(w, name[1]);
	mg_pass(w, 200);
	assert_true(mg_hear(w, 0, &m));
	/* The third, and those behind it, change nothing. */
	for (i = 0; i < 60 && mg_state(w->mg) == MG_SERVED; i++) {
		mg_say(w, 0, text);
		mg_pass(w, 1000);
	}
	assert_in_range(i, 24, 32); /* 25 seconds, and until it would be sent again */
	/* Who comes next sets its own. */
	assert_int_equal(w->mg->assoc.root[MG_ROOT_MGC_TIME], 250);
}

/* How many Pendings of that transaction come, one message after the other. */
static uint32_t pendings(struct mg_world *w, uint32_t id)
{
	char want[48];
	uint32_t n = 0;

	snprintf(want, sizeof(want), "Pending = %u { }", id);
	while (mg_hear(w, 0, &m) && strstr(w->in, want))
		n++;
	return n;
}

/* What waits for counters for longer than the controller has set (8.2.3, E.2). */
static void test_our_pending(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX], text[256];
	uint32_t n = pair(w, "", name);
	const struct context *c;

	w->mute = true;
	mg_askf(w, "Context = - { Modify = ROOT { Media { TerminationState { "
		   "root/normalMGExecutionTime = 300, root/MGProvisionalResponseTimerValue = 400, "
		   "root/MGOriginatedPendingLimit = 2 } } } }");
	snprintf(text, sizeof(text),
		 "MEGACO/3 [127.0.0.1] Transaction = %u { Context = %u { Subtract = %s { Audit { "
		 "Statistics } } } }",
		 ++w->id, n, name[0]);
	mg_say(w, 0, text);
	mg_pass(w, 200);
	assert_int_equal(pendings(w, w->id), 0);
	mg_pass(w, 100);
	assert_int_equal(pendings(w, w->id), 1);
	mg_pass(w, 300);
	assert_int_equal(pendings(w, w->id), 0);
	mg_say(w, 0, text); /* it asks again, and is told at once */
	assert_int_equal(pendings(w, w->id), 1);
	/* That is as often as it may be: nothing is run. */
	mg_pass(w, 400);
	assert_true(mg_hear(w, 0, &m));
	snprintf(text, sizeof(text), "Reply = %u { ImmAckRequired, Error = 506 {", w->id);
	mg_has(w, text);
	c = mg_context_find(w->mg, n);
	assert_int_equal(c->term[0].term.transport, TERM_UDP);
	/* What is quick is not pending. */
	w->mute = false;
	mg_askf(w, "Context = %u { Subtract = %s { Audit { Statistics } } }", n, name[0]);
	mg_has(w, "{ Context = ");
	assert_int_equal(c->term[0].term.transport, TERM_NONE);
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
		  "TCP/RTP/AVP 0\n} } } }",
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
		{ "Context = $ { " ADD("", ", Events = 1 { g/sc }") " }", 451 },
		{ "Context = $ { " ADD("", ", DigitMap = x { y }") " }", 444 },
		{ "Context = - { Add = ROOT { Media { " LOCAL4 " } } }", 410 },
		{ "Context = - { Modify = ROOT { Events = 1 { chp/MGCon } } }", 451 },
		{ "Context = - { Modify = ROOT { Media { TerminationState { root/x = 1 } } } }",
		  445 },
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
		{ "Context = %u { Move = ip/access/* }", 501 },
		{ "Context = $ { Move = ip/access/1 }", 501 },
		{ "Context = - { Move = ip/access/1 }", 421 },
		{ "Context = %u { Modify = [ip/access/1, ip/access/2] }", 430 },
		{ "Context = %u { Modify = [ip/access/1:ip/access/2] }", 442 },
		{ "Context = %u { Modify = ip/none/* { Events } }", 431 },
		{ "Context = $ { Add = ip/$ { Media { Local {\nc=IN IP4 192.0.2.11\nm=audio $ "
		  "RTP/AVP -\n} } } }",
		  449 },
		{ "Context = * { Subtract = ip/none/1 }", 431 },
		{ "Context = %u { Topology { a, b, Oneway }, Modify = * }", 430 },
		{ "Context = %u { }", 422 },
	};

	for (size_t i = 0; i < N_OF(is); i++) {
		char want[32];

		mg_askf(w, is[i].actions, n);
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

	mg_askf(
	    w,
	    "Context = %u { Modify = ip/none/1, Subtract = * }, Context = - { AuditValue = ROOT }",
	    n);
	mg_has(w, "Error = 430");
	assert_null(strstr(w->in, "Subtract"));
	assert_null(strstr(w->in, "ROOT"));
	assert_int_equal(contexts(w), 1);
	mg_askf(w,
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
		mg_askf(w, "Context = $ { " ADD("", "") " }");
		if (strstr(w->in, "Error"))
			break;
	}
	mg_has(w, "Context = $ { Add = ip/$ { Error = 510");
	n = contexts(w);
	assert_int_equal(n, i);
	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { Media { TerminationState } } } }");
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
		mg_askf(w, "Context = $ { Priority = 0, EmergencyOff, " ADD("", "") " }");
		assert_null(strstr(w->in, "Error"));
	}
	mg_askf(w, "Context = $ { " ADD("", "") " }");
	mg_has(w, "Error = 510 { \"worker ");
	for (size_t i = 0; i < N_OF(urgent); i++) {
		mg_askf(w, "Context = $ { %s, " ADD("", "") " }", urgent[i]);
		assert_null(strstr(w->in, "Error"));
	}
	n = mg_number(w);
	mg_askf(w, "Context = %u { ContextAudit { Priority, Emergency, IEPSCall } }", n);
	mg_has(w, "{ Priority = 0, EmergencyOff, IEPSCall = ON }");
	/* It changes, and lasts. */
	mg_askf(w, "Context = %u { Emergency, Priority = 15, IEPSCall = OFF }", n);
	assert_null(strstr(w->in, "Error"));
	mg_world_restart(w);
	mg_askf(
	    w,
	    "Context = %u { ContextAudit { Emergency, Priority, IEPSCall, Topology }, AuditValue = "
	    "* }",
	    n);
	mg_has(w, "{ Emergency, Priority = 15, IEPSCall = OFF, AuditValue = ");
}

/* The same of contexts of TCP and TLS, and of terminations of SRTP: as large a part of them is
 * kept. */
static void test_urgent_kinds(void **state)
{
	static const char stream[] = "Add = ip/access/$ { Media { Stream = 1 { Local {\nc=IN IP4 "
				     "$\nm=message $ TCP/MSRP -\na=setup:active\n} } } }";
	static const char srtp[] =
	    "Add = ip/access/$ { Media { Stream = 1 { Local {\nc=IN IP4 $" SAVP(OUR_KEY) " } } }";
	static const struct {
		const char *add, *why;
	} kind[] = {
		{ stream, "keeps its last contexts of TCP and TLS for urgent calls" },
		{ srtp, "keeps its last terminations of SRTP for urgent calls" },
	};
	struct mg_world *w = *state;
	struct config_gateway *conf = &w->e.conf.gateway;

	conf->urgent = conf->contexts / 4;
	conf->streams = conf->srtp = 8;
	for (size_t i = 0; i < N_OF(kind); i++) {
		uint32_t n = 0;

		do {
			mg_askf(w, "Context = $ { %s }", kind[i].add);
		} while (!strstr(w->in, "Error") && ++n < 100);
		assert_int_equal(n, 6 * w->e.conf.dataplane.n_workers);
		mg_has(w, "Error = 510 {");
		mg_has(w, kind[i].why);
		for (n = 0; n < 2 * w->e.conf.dataplane.n_workers; n++) {
			mg_askf(w, "Context = $ { Emergency, %s }", kind[i].add);
			assert_null(strstr(w->in, "Error"));
		}
		mg_askf(w, "Context = $ { Emergency, %s }", kind[i].add);
		mg_has(w, "Error = 510 {");
	}
	assert_int_equal(gate_stats(w->e.s.gateway)->withheld, 2);
}

/* A termination that becomes SRTP takes none of what is kept, unless its call is urgent. */
static void test_urgent_later(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway *conf = &w->e.conf.gateway;
	char name[MG_NAME_MAX];
	uint32_t n;

	conf->urgent = 1;
	conf->srtp = 1;
	mg_askf(w, "Context = $ { " ADD("", "") " }");
	mg_added(w, 0, name);
	n = mg_number(w);
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Local {\nc=IN IP4 $" SAVP(
		    OUR_KEY) " } } } }",
		n, name);
	mg_has(w, "for urgent calls");
	mg_askf(
	    w,
	    "Context = %u { IEPSCall = ON, Modify = %s { Media { Stream = 1 { Local {\nc=IN IP4 "
	    "$" SAVP(OUR_KEY) " } } } }",
	    n, name);
	assert_null(strstr(w->in, "Error"));
}

/* Where there is no memory for keys nothing is added, and nothing changes. */
enum { PLENTY = 100000 };
static int memory = PLENTY; /* times that there is some */
bool __wrap_gate_srtp_reserve(struct gateway *g, struct context *c);
bool __real_gate_srtp_reserve(struct gateway *g, struct context *c);
bool __wrap_gate_srtp_reserve(struct gateway *g, struct context *c)
{
	return memory-- > 0 && __real_gate_srtp_reserve(g, c);
}

static void test_no_memory(void **state)
{
	struct mg_world *w = *state;
	char name[MG_NAME_MAX];
	struct context was;
	struct context *c;

	memory = 0;
	mg_askf(w,
		"Context = $ { Add = ip/access/$ { Media { Stream = 1 { Local {\nc=IN IP4 $" SAVP(
		    OUR_KEY) " } } } }");
	mg_has(w, "Context = $ { Add = ip/access/$ { Error = 510 {");
	assert_int_equal(contexts(w), 0);
	mg_askf(w, "Context = $ { " ADD("", "") " }");
	mg_added(w, 0, name);
	c = mg_context_find(w->mg, mg_number(w));
	was = *c;
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Local {\nc=IN IP4 $" SAVP(
		    OUR_KEY) " } } } }",
		mg_context_number(c), name);
	mg_has(w, "Error = 510 {");
	assert_memory_equal(c->term, was.term, sizeof(was.term));
	memory = PLENTY;
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Local {\nc=IN IP4 $" SAVP(
		    OUR_KEY) " } } } }",
		mg_context_number(c), name);
	assert_null(strstr(w->in, "Error"));
}

/* What cannot be changed when it has moved comes back, and nothing begins that could not. */
static void test_move_back(void **state)
{
	static const char keyed[] =
	    "Context = %u { Move = %s { Media { Stream = 1 { Local {\nc=IN IP4 $" SAVP(
		OUR_KEY) " } } } }";
	struct mg_world *w = *state;
	struct dplink *link = w->e.s.link;
	char name[2][MG_NAME_MAX];
	struct context was, *c;
	uint32_t n[2];

	two(w, true, n, name);
	c = mg_context_find(w->mg, n[0]);
	was = *c;
	for (int moved = 0; moved < 2; moved++) {
		memory = moved;
		mg_askf(w, keyed, n[1], name[0]);
		memory = PLENTY;
		mg_has(w, "Error = 510 { \"There is no memory for keys\"");
		assert_memory_equal(c->term, was.term, sizeof(was.term));
		assert_int_equal(mg_context_find(w->mg, n[1])->term[1].term.transport, TERM_NONE);
		assert_int_equal(gate_stats(w->e.s.gateway)->moved, 2 * moved);
		mg_pass(w, 10);
	}
	/* There is room for the way there, and not for the way back. */
	while (dplink_room(link, c->worker) > 5)
		dplink_cmd(link, c->worker, CMD_SYNC_BEGIN, &(struct ctl_hdr){ 0 },
			   sizeof(struct ctl_hdr));
	mg_askf(w, keyed, n[1], name[0]);
	mg_has(w, "Error = 510 { \"worker ");
	assert_memory_equal(c->term, was.term, sizeof(was.term));
	assert_int_equal(gate_stats(w->e.s.gateway)->moved, 2);
	mg_pass(w, 10);
	mg_askf(w, keyed, n[1], name[0]);
	assert_null(strstr(w->in, "Error"));
}

/* The same of ports: of every realm one pair is left for them. */
static void test_urgent_ports(void **state)
{
	struct mg_world *w = *state;
	struct config *conf = &w->e.conf;
	uint64_t withheld;

	conf->gateway.urgent_ports = 1 << 15;
	withheld = gate_stats(w->e.s.gateway)->withheld;
	mg_askf(w, "Context = $ { " ADD("", "") " }");
	mg_has(w, "Error = 510 { \"realm ");
	mg_has(w, " for urgent calls\"");
	assert_int_equal(gate_stats(w->e.s.gateway)->withheld, withheld + 1);
	mg_askf(w, "Context = $ { Emergency, " ADD("", "") ", " ADD("", "") " }");
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(gate_stats(w->e.s.gateway)->urgent, 1);
	/* The second termination of a context that is none is asked for by itself. */
	conf->gateway.urgent_ports = 0;
	mg_askf(w, "Context = $ { " ADD("", "") " }");
	conf->gateway.urgent_ports = 1 << 15;
	mg_askf(w, "Context = %u { " ADD("", "") " }", mg_number(w));
	mg_has(w, "Error = 510 { \"realm ");
}

/* A flood of others' requests leaves urgent ones their own rate. */
static void test_urgent_rate(void **state)
{
	struct mg_world *w = *state;
	uint64_t full;
	char text[256];

	for (uint32_t i = 1; i < 30000 && !mg_stats(w->mg)->full; i++) {
		snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1] T=%u{C=-{AV=ROOT{AT{}}}}", i);
		mg_say(w, 0, text);
		while (mg_hear(w, 0, &m))
			;
	}
	full = mg_stats(w->mg)->full;
	assert_int_not_equal(full, 0);
	mg_say(w, 0, "MEGACO/3 [127.0.0.1] T=40000{C=${" ADD("", "") "}}");
	assert_false(mg_hear(w, 0, &m));
	assert_int_equal(mg_stats(w->mg)->full, full + 1);
	mg_say(w, 0, "MEGACO/3 [127.0.0.1] T=40001{C=${EG," ADD("", "") "}}");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Reply = 40001 {");
	/* And so have what they have made. */
	snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1] T=40002{C=%u{W-S=*{AT{}}}}",
		 mg_number(w));
	mg_say(w, 0, text);
	assert_true(mg_hear(w, 0, &m));
	assert_int_equal(contexts(w), 0);
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

/* Somebody who is in no list sends something; he hears nothing. */
static void stranger_says(struct mg_world *w)
{
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
	close(fd);
}

static void test_strangers(void **state)
{
	struct mg_world *w = *state;

	stranger_says(w);
	assert_int_equal(mg_stats(w->mg)->dropped, 1);
	assert_int_equal(mg_stats(w->mg)->received, 1); /* of the controller that registers it */
}

/* Of a controller that is not in charge, or has not said that it is, little is read. */
static void test_idle(void **state)
{
	static struct mg_world w;
	uint32_t n[2] = { 0 };

	(void)state;
	mg_world_open(&w, false);
	assert_true(mg_hear(&w, 0, &m));
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < 500; i++) {
			mg_say(&w, k, "MEGACO/1 [127.0.0.1] T=5{C=-{AV=ROOT{AT{}}}}");
			n[k] += mg_hear(&w, k, &m);
		}

		assert_in_range(n[k], MG_IDLE_MAX, MG_IDLE_MAX + 2);
	}
	assert_int_equal(mg_stats(w.mg)->full, 1000 - n[0] - n[1]);
	/* It comes back, and others' floods are not for who is asked. */
	mg_pass(&w, 1000);
	mg_register(&w, 0);
	for (int i = 0; i < 500; i++)
		mg_say(&w, 1, "MEGACO/1 [127.0.0.2] T=5{C=-{AV=ROOT{AT{}}}}");
	for (int i = 0; i < 500; i++) {
		mg_askf(&w, "Context = - { AuditValue = ROOT }");
		mg_has(&w, "AuditValue = ROOT");
	}
	mg_world_close(&w);
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
	mg_askf(w, "Context = %u { AuditValue = %s { Audit { } } }", n, name[0]);
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

/* H.248.37: where packets come from now, of RTP, where that is asked for. */
static void test_address(void **state)
{
	struct mg_world *w = *state;
	char name[2][MG_NAME_MAX];
	uint32_t n = pair(w, "", name);
	struct context *c = mg_context_find(w->mg, n);
	struct evt_term e = { .hdr = { EVT_TERM, sizeof(e), 0 },
			      .cid = c->cid,
			      .what = TERM_LATCHED,
			      .remote = addr("203.0.113.77", 41000) };

	mg_askf(
	    w,
	    "Context = %u { Modify = %s { Events = 12 { adr/rsac }, Signals { ipnapt/latch { napt "
	    "= LATCH } } } }",
	    n, name[0]);
	assert_null(strstr(w->in, "Error"));
	mg_askf(w, "Context = %u { AuditValue = %s { Audit { Events } } }", n, name[0]);
	mg_has(w, "Events = 12 { adr/rsac }");
	for (int i = 0; i < 3; i++) {
		e.side = i == 2; /* which nobody asked for */
		e.rtcp = i == 1;
		e.attempt = c->term[e.side].term.attempt;
		fake_dp_event(&w->e.dp, c->worker, &e, sizeof(e));
		env_poll(&w->e);
		mg_pass(w, 100);
		if (i)
			continue;
		assert_true(mg_hear(w, 0, &m));
		mg_has(w, "ObservedEvents = 12 {");
		mg_has(w, ":adr/rsac { Stream = 1, newrsa = \"203.0.113.77\", newrsp = 41000 }");
		answer(w);
	}
	assert_false(mg_hear(w, 0, &m));
	assert_int_equal(mg_stats(w->mg)->notified, 1);
}

/* H.248.14: who is silent is told of it, once, and is lost if that is not answered. */
static void test_silence(void **state)
{
	struct mg_world *w = *state;

	mg_askf(w, "Context = - { Modify = ROOT { Events = 100 { it/ito { mit = 3000 } } } }");
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

/* H.248.11: at each Add while nearly all is used, if the controller wants to know. */
static void test_overload(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway *conf = &w->e.conf.gateway;

	conf->h248_overload = 1;
	conf->urgent = conf->contexts; /* what others may have is full from the start */
	mg_askf(w, "Context = $ { Emergency, " ADD("", "") " }");
	assert_false(mg_hear(w, 0, &m));
	mg_askf(w,
		"Context = - { Modify = ROOT { Events = 7 { ocp/mg_overload, it/ito { mit = 3000 } "
		"} } }");
	mg_has(w, "Modify = ROOT }");
	/* The Notify goes before the reply. */
	for (int i = 0; i < 2; i++) {
		char text[512];

		snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1] T=%d{C=${EG," ADD("", "") "}}",
			 900 + i);
		mg_say(w, 0, text);
		assert_true(mg_hear(w, 0, &m));
		mg_has(w, "Context = - { Notify = ROOT { ObservedEvents = 7 { ");
		mg_has(w, ":ocp/mg_overload }");
		answer(w);
		assert_true(mg_hear(w, 0, &m));
		mg_has(w, i ? "Reply = 901 {" : "Reply = 900 {");
		assert_null(strstr(w->in, "Error"));
	}
	assert_int_equal(mg_stats(w->mg)->overloaded, 2);
	/* One that does not answer is not told without end. */
	for (int i = 0; i < 20; i++) {
		char text[512];

		snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1] T=%d{C=${EG," ADD("", "") "}}",
			 910 + i);
		mg_say(w, 0, text);
		while (mg_hear(w, 0, &m))
			;
	}
	assert_int_equal(mg_stats(w->mg)->overloaded, 2 + 16);
	conf->h248_overload = 100;
	conf->urgent = 0;
	mg_askf(w, "Context = $ { " ADD("", "") " }");
	assert_int_equal(mg_stats(w->mg)->overloaded, 2 + 16);
}

/* The rate of the second before tells it as well. */
static void test_overload_rate(void **state)
{
	struct mg_world *w = *state;
	char text[512];

	w->e.conf.gateway.h248_overload = 1; /* of 20,000 transactions a second */
	mg_askf(w, "Context = - { Modify = ROOT { Events = 7 { ocp/mg_overload } } }");
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1] T=%d{C=-{AV=ROOT{AT{}}}}",
			 900 + i);
		mg_say(w, 0, text);
		assert_true(mg_hear(w, 0, &m));
	}
	env_advance(&w->e, 1500);
	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { } } }");
	mg_say(w, 0, "MEGACO/3 [127.0.0.1] T=1300{C=${" ADD("", "") "}}");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, ":ocp/mg_overload }");
	answer(w);
	assert_true(mg_hear(w, 0, &m));
	mg_askf(w, "Context = * { W-Subtract = * { Audit { } } }");
	env_advance(&w->e, 2500);
	mg_say(w, 0, "MEGACO/3 [127.0.0.1] T=1301{C=${" ADD("", "") "}}");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Reply = 1301 {");
}

/* A drain is told (Graceful), its end, and another end; also to who registers while it goes on. */
static void test_drain(void **state)
{
	struct mg_world *w = *state;
	struct drain *d = &w->e.s.drain;

	d->on = true;
	mg_pass(w, 100);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w,
	       "Context = - { ServiceChange = ROOT { Services { Method = Graceful, Reason = \"905 "
	       "Termination taken out of service\", 1970");
	answer(w);
	mg_pass(w, 100);
	assert_false(mg_hear(w, 0, &m));
	d->deadline_ms = w->e.s.now_ms + 60050;
	mg_pass(w, 100);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Method = Graceful");
	mg_has(w, "Delay = 60, ");
	answer(w);
	mg_askf(w, "Context = $ { " ADD("", "") " }");
	mg_has(w, "Error = 503 {");
	/* But urgent calls are served (R27). */
	mg_askf(w, "Context = $ { Emergency, " ADD("", "") ", " ADD("", "") " }");
	assert_null(strstr(w->in, "Error"));
	mg_askf(w, "Context = %u { W-Subtract = * { Audit { } } }", mg_number(w));
	mg_world_restart(w);
	d->on = true;
	mg_register(w, 0);
	mg_pass(w, 100);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Method = Graceful");
	answer(w);
	*d = (struct drain){ 0 };
	mg_pass(w, 100);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Services { Method = Restart, Reason = \"918 Cancel Graceful\", 1970");
	answer(w);
	mg_pass(w, 100);
	assert_false(mg_hear(w, 0, &m));
}

/* A gateway without contexts says that it goes; one whose contexts go on does not. */
static void test_stop(void **state)
{
	struct mg_world *w = *state;

	mg_askf(w, "Context = $ { " ADD("", "") " }");
	mg_stop(w->mg);
	assert_false(mg_hear(w, 0, &m));
	assert_true(mg_start(&w->e.s, w->e.s.gateway, w->base, &w->mg, (char[256]){ "" }, 256));
	mg_pass(w, 100);
	assert_false(mg_hear(w, 0, &m));
	mg_askf(w, "Context = * { W-Subtract = * { Audit { } } }");
	mg_stop(w->mg);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Services { Method = Forced, Reason = \"908 MG Impending Failure\", 1970");
	assert_false(mg_hear(w, 0, &m));
	assert_true(mg_start(&w->e.s, w->e.s.gateway, w->base, &w->mg, (char[256]){ "" }, 256));
	mg_register(w, 0);
}

/* ---- names ---- */

static bool named(struct mg_world *w, const char *lines, char *err, size_t errlen)
{
	static struct config next;
	FILE *f;
	bool ok;

	memcpy(&next, &w->e.conf, sizeof(next));
	snprintf(next.gateway.h248_names, CONFIG_STR_MAX, "%s/names", w->e.dir);
	f = fopen(next.gateway.h248_names, "w");
	assert_non_null(f);
	fputs(lines, f);
	fclose(f);
	w->e.s.mg = w->mg;
	ok = mg_prepare(&w->e.s, w->base, &next, err, errlen);
	if (ok)
		w->e.conf.gateway = next.gateway;
	mg_finish(&w->e.s, ok);
	unlink(next.gateway.h248_names);
	return ok;
}

#define LONG "which takes more room than a line of any file that somebody writes"

/* What a name is on the wire is changed by a file, and by nothing else. */
static void test_names(void **state)
{
	static const struct {
		const char *lines, *why;
	} wrong[] = {
		{ "g/cause a/b\nx/y z/y\n", "/names, line 2: x/y is no name that is served" },
		{ "\n\ng/cause # nothing\n", "/names, line 3: g/cause has no second name" },
		{ "ds/dscp 1/2\n", "/names, line 1: ds/dscp is followed by what is no name" },
		{ "  x/y z/y\n", "/names, line 1: x/y is no name that is served" },
		{ "# a comment that is long, " LONG LONG LONG LONG " g/cause\nx/y z/y\n",
		  "/names, line 2: x/y is no name that is served" },
		{ "ds/dscp a{b\n", "/names, line 1: ds/dscp is followed by what is no name" },
	};
	struct mg_world *w = *state;
	char err[512] = "";

	assert_true(named(w,
			  "# of another edition\n it/ito\tidle/gone # H.248.14\r\nmit tick\n"
			  "IPDC/realm net/realm\nipdc-1 net-2",
			  err, sizeof(err)));
	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { Packages } } }");
	mg_has(w, "root-2, net-2, ds-2,");
	mg_askf(
	    w,
	    "Context = $ { Add = ip/$ { Media { Stream = 1 { LocalControl { net/realm = \"core\" "
	    "}, Local {\nc=IN IP4 $\nm=audio $ RTP/AVP -\n} } } } }");
	mg_has(w, "Add = ip/core/");
	mg_askf(w, "Context = - { Modify = ROOT { Events = 1 { it/ito { mit = 3000 } } } }");
	mg_has(w, "Error = 451");
	mg_askf(w, "Context = - { Modify = ROOT { Events = 1 { idle/gone { tick = 100 } } } }");
	mg_pass(w, 1100);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, ":idle/gone }");
	for (size_t i = 0; i < N_OF(wrong); i++) {
		assert_false(named(w, wrong[i].lines, err, sizeof(err)));
		if (!strstr(err, wrong[i].why))
			fail_msg("%s", err);
	}
	/* And nothing was changed by them. */
	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { Packages } } }");
	mg_has(w, "root-2, net-2, ds-2,");
}

/* ---- a reload ---- */

/* Puts *to in force. False: it cannot be had. */
static bool reload(struct mg_world *w, const struct config_gateway *to)
{
	char err[256] = "";
	const bool good = mg_world_reload(w, to, err, sizeof(err));

	if (!good)
		assert_non_null(strstr(err, "gateway.h248-address"));
	return good;
}

static const char forced[] = "Method = Forced, Reason = \"905 Termination taken out of service\"";

/* What is left of it is answered, so that it is said no more. */
static void left(struct mg_world *w, int controller)
{
	char text[256];

	assert_true(mg_hear(w, controller, &m));
	mg_has(w, forced);
	mg_pass(w, 500);
	assert_true(mg_hear(w, controller, &m)); /* again: nobody has answered */
	mg_has(w, forced);
	snprintf(text, sizeof(text),
		 "MEGACO/3 [127.0.0.%d] Reply = %.*s { Context = - { ServiceChange = ROOT } }",
		 controller + 1, H248_TEXT(h248_child(&m, &m.item[0])->value));
	mg_say(w, controller, text);
	mg_pass(w, 5000);
	assert_false(mg_hear(w, controller, &m));
}

/* Who is in charge is taken away: it is told so, and the next one has its contexts. */
static void test_reload_removes(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway to = w->e.conf.gateway;
	char name[2][MG_NAME_MAX];

	pair(w, "", name);
	to.h248_controller[0] = to.h248_controller[1];
	to.n_h248_controller = 1;
	assert_true(reload(w, &to));
	mg_register(w, 1);
	assert_int_equal(contexts(w), 1);
	left(w, 0);
	assert_int_equal(mg_state(w->mg), MG_SERVED);
	/* It is a stranger then. */
	mg_say(w, 0,
	       "MEGACO/3 [127.0.0.1] Transaction = 7 { Context = - { AuditValue = ROOT { Audit { } "
	       "} } }");
	assert_false(mg_hear(w, 0, &m));
	assert_int_equal(mg_stats(w->mg)->dropped, 1);
}

/* The next one hears that this is a failover; one that comes, or the order, disturbs nobody. */
static void test_reload_lists(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway to = w->e.conf.gateway, all = to;

	to.h248_controller[0] = all.h248_controller[1];
	to.h248_controller[1] = all.h248_controller[0];
	assert_true(reload(w, &to));
	mg_pass(w, 100);
	assert_false(mg_hear(w, 0, &m));
	assert_false(mg_hear(w, 1, &m));
	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { } } }");
	to.n_h248_controller = 1;
	assert_true(reload(w, &to));
	assert_true(mg_hear(w, 1, &m));
	mg_has(w, "Method = Failover");
}

/* None are left: it rests, and begins again with the first that comes. */
static void test_reload_none(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway to = w->e.conf.gateway;
	char name[2][MG_NAME_MAX];
	uint32_t n;

	n = pair(w, ", Events = 11 { g/cause }", name);
	stranger_says(w);
	to.n_h248_controller = 0;
	assert_true(reload(w, &to));
	assert_null(mg_controller(w->mg));
	left(w, 0);
	assert_null(w->mg->udp);
	assert_int_equal(mg_stats(w->mg)->dropped, 1); /* the socket has gone, its count has not */
	assert_int_equal(contexts(w), 1);
	gate_kill(w->e.s.gateway, mg_context_find(w->mg, n));
	assert_int_equal(mg_stats(w->mg)->untold, 1);
	to.n_h248_controller = 2;
	assert_true(reload(w, &to));
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Method = Restart"));
}

/* Another name, and another port: told in the old one, registered with in the new. */
static void test_reload_renames(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway to = w->e.conf.gateway;

	snprintf(to.h248_name, sizeof(to.h248_name), "mg2.example.net");
	assert_true(reload(w, &to));
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "[127.0.0.1]:");
	mg_has(w, forced);
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "<mg2.example.net>:"));
	assert_non_null(strstr(w->in, "Method = Restart"));
	/* A profile is offered when it registers. */
	snprintf(to.h248_profile, sizeof(to.h248_profile), "other/2");
	assert_true(reload(w, &to));
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Profile = other/2"));
}

/* A port that somebody has: all is as it was. */
static void test_reload_refused(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway to = w->e.conf.gateway;

	to.h248_port = to.h248_controller[0].port;
	to.h248_controller[1] = to.h248_controller[0];
	to.n_h248_controller = 1;
	assert_false(reload(w, &to));
	mg_pass(w, 100);
	assert_false(mg_hear(w, 0, &m));
	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { } } }");
	assert_int_equal(w->mg->n_controller, 2);
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
		IN_WORLD(test_many_terminations),
		IN_WORLD(test_move),
		IN_WORLD(test_move_refused),
		IN_WORLD(test_all_contexts),
		IN_WORLD(test_streams),
		IN_WORLD(test_srtp),
		IN_WORLD(test_dtls),
		IN_WORLD(test_latch),
		IN_WORLD(test_others),
		IN_WORLD(test_statistics),
		IN_WORLD(test_our_pending),
		IN_WORLD(test_root_timers),
		IN_WORLD(test_at_most_once),
		IN_WORLD(test_errors),
		IN_WORLD(test_broken),
		IN_WORLD(test_order),
		IN_WORLD(test_full),
		IN_WORLD(test_urgent),
		IN_WORLD(test_urgent_ports),
		IN_WORLD(test_urgent_kinds),
		IN_WORLD(test_urgent_later),
		IN_WORLD(test_no_memory),
		IN_WORLD(test_move_back),
		IN_WORLD(test_urgent_rate),
		IN_WORLD(test_long),
		IN_WORLD(test_strangers),
		cmocka_unit_test(test_idle),
		IN_WORLD(test_events),
		IN_WORLD(test_address),
		IN_WORLD(test_silence),
		IN_WORLD(test_overload),
		IN_WORLD(test_overload_rate),
		IN_WORLD(test_drain),
		IN_WORLD(test_stop),
		IN_WORLD(test_names),
		IN_WORLD(test_reload_removes),
		IN_WORLD(test_reload_lists),
		IN_WORLD(test_reload_none),
		IN_WORLD(test_reload_renames),
		IN_WORLD(test_reload_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
