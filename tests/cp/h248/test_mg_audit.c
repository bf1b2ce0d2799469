/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AuditValue and AuditCapability (R32; H.248.1 7.2.5, 7.2.6): what each descriptor of a termination
 * and of ROOT is, and could be; single items, as version 3 asks for them; the code of what is not
 * served (H.248.8); and that no key is told.
 */
#include "tests/world/mg_world.h"

#include <stdio.h>

#define LINES "v=0\nc=IN IP4 "
#define LOCAL(rest) "Local {\n" LINES "$\nm=audio $ " rest "\n}"
#define REMOTE(rest) "Remote {\n" LINES "203.0.113.9\nm=audio 40000 " rest "\n}"
#define ADD(media, more) "Add = ip/access/$ { Media { Stream = 2 { " media " } }" more " }"

static uint32_t n;
static char name[MG_NAME_MAX];

static void call(struct mg_world *w, const char *add)
{
	mg_askf(w, "Context = $ { %s }", add);
	mg_added(w, 0, name);
	n = mg_number(w);
}

static void audit(struct mg_world *w, const char *command, const char *what)
{
	mg_askf(w, "Context = %u { %s = %s { Audit { %s } } }", n, command, name, what);
}

/* The whole of what is replied of a termination. */
static void is(struct mg_world *w, const char *command, const char *what, const char *want)
{
	char text[2048];

	audit(w, command, what);
	if (want[0])
		snprintf(text, sizeof(text), "{ %s = %s { %s } } }", command, name, want);
	else
		snprintf(text, sizeof(text), "{ %s = %s } }", command, name);
	mg_has(w, text);
}

static void test_media(void **state)
{
	struct mg_world *w = *state;
	char text[1024];
	unsigned port;

	call(w, ADD("LocalControl { Mode = SendOnly, ds/dscp = 2E, gm/spf = ON, tman/pol = ON, "
		    "tman/sdr = 11000, tman/mbs = 1500, rtcph/rsb = OFF }, " LOCAL(
			"RTP/AVP 8") ", " REMOTE("RTP/AVP 8"),
		    ""));
	port = be16_get(mg_context_find(w->mg, n)->term[0].term.local.port);
	snprintf(
	    text, sizeof(text),
	    "Media { TerminationState { ServiceStates = InService }, Stream = 2 { "
	    "LocalControl { Mode = SendOnly, ipdc/realm = \"access\", ds/dscp = 2E, gm/saf = "
	    "ON, gm/spf = ON, rtcph/rsb = OFF, gm/rsb = OFF, tman/pol = ON, tman/sdr = 11000, "
	    "tman/mbs = 1500 }, Local {\nv=0\r\nc=IN IP4 192.0.2.11\r\nm=audio %u RTP/AVP "
	    "8\r\n}, Remote {\nv=0\r\nc=IN IP4 203.0.113.9\r\nm=audio 40000 RTP/AVP 8\r\n} } }",
	    port);
	is(w, "AuditValue", "Media", text);
	/* Single items (version 3). */
	is(w, "AuditValue", "Media { Stream = 2 { LocalControl { Mode, tman/sdr } } }",
	   "Media { Stream = 2 { LocalControl { Mode = SendOnly, tman/sdr = 11000 } } }");
	is(w, "AuditValue", "Media { LocalControl { ds/dscp } }",
	   "Media { Stream = 2 { LocalControl { ds/dscp = 2E } } }");
	is(w, "AuditValue", "Media { Remote }",
	   "Media { Stream = 2 { Remote {\nv=0\r\nc=IN IP4 203.0.113.9\r\nm=audio 40000 RTP/AVP "
	   "8\r\n} } }");
	is(w, "AuditValue", "Media { TerminationState { ServiceStates } }",
	   "Media { TerminationState { ServiceStates = InService } }");
	/* There is none of it, or it has no value. */
	is(w, "AuditValue", "Media { Stream = 1 { Local } }", "Media");
	mg_askf(
	    w,
	    "Context = %u { Modify = %s { Media { LocalControl { Mode = Inactive, rtcph/rsb = OFF "
	    "} } } }",
	    n, name);
	assert_null(strstr(w->in, "Error"));
	is(w, "AuditValue", "Media { LocalControl { ds/dscp, tman/sdr } }", "Media");
	is(w, "AuditCapability", "Media { LocalControl { Mode, ipdc/realm, ds/dscp, tman/pol } }",
	   "Media { Stream = 2 { LocalControl { Mode = SendReceive, ipdc/realm = {\"access\", "
	   "\"core\"}, ds/dscp = [00:3F], tman/pol = {ON, OFF} } } }");
}

static void test_events(void **state)
{
	struct mg_world *w = *state;

	call(w, ADD(LOCAL("RTP/AVP 8"), ", Events = 11 { g/cause, hangterm/thb { timerx = 5 }, "
					"adid/ipstop { dt = 3 } }, Signals { ipnapt/latch { napt = "
					"LATCH } }"));
	is(w, "AuditValue", "Events, Signals, ObservedEvents, EventBuffer",
	   "Events = 11 { g/cause, hangterm/thb { timerx = 5 }, adid/ipstop { dt = 3 } }, Signals "
	   "{ "
	   "ipnapt/latch { napt = LATCH } }, ObservedEvents, EventBuffer");
	is(w, "AuditValue", "Events { hangterm/thb }",
	   "Events = 11 { hangterm/thb { timerx = 5 } }");
	is(w, "AuditValue", "Events { tcpbcc/BNCChange }", "Events = 11");
	is(w, "AuditCapability", "Events, Signals, Statistics",
	   "Events { g/cause, hangterm/thb, adid/ipstop, adr/rsac }, Signals { ipnapt/latch { napt "
	   "= {LATCH, "
	   "RELATCH, OFF} } }, Statistics { nt/dur, nt/os, nt/or, rtp/ps, rtp/pr, rtp/pl }");
	/* They have ended. */
	mg_askf(w, "Context = %u { Modify = %s { Events, Signals } }", n, name);
	is(w, "AuditValue", "Events, Signals", "Events, Signals");
	is(w, "AuditValue", "", "");
}

static void test_packages(void **state)
{
	struct mg_world *w = *state;

	call(w, ADD(LOCAL("RTP/AVP 8"), ""));
	is(w, "AuditValue", "Packages",
	   "Packages { g-1, ipdc-1, ds-2, gm-2, tman-1, rtcph-1, nt-1, rtp-2, ipnapt-1, "
	   "hangterm-1, adid-1, adr-1 }");
	is(w, "AuditValue", "Packages { nt-1 }", "Packages { nt-1 }");
	is(w, "AuditValue", "Statistics { nt/os, rtp/pr }", "Statistics { nt/os = 0, rtp/pr = 0 }");
}

static void test_root(void **state)
{
	struct mg_world *w = *state;

	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { Media, Events, Signals, Statistics, "
		   "ObservedEvents } } }");
	mg_has(w, "AuditValue = ROOT { Media { TerminationState { root/maxNumberOfContexts = 64, "
		  "root/maxTerminationsPerContext = 2, root/normalMGExecutionTime = 500, "
		  "root/normalMGCExecutionTime = 250, root/MGProvisionalResponseTimerValue = 1000, "
		  "root/MGCProvisionalResponseTimerValue = 4000, root/MGCOriginatedPendingLimit = "
		  "60, root/MGOriginatedPendingLimit = 4 } }, Events, Signals, Statistics, "
		  "ObservedEvents }");
	mg_askf(w,
		"Context = - { Modify = ROOT { Events = 7 { it/ito { mit = 3000 }, ocp/mg_overload "
		"} } }");
	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { Events } } }");
	mg_has(w, "ROOT { Events = 7 { it/ito { mit = 3000 }, ocp/mg_overload } }");
	mg_askf(w,
		"Context = - { AuditCapability = ROOT { Audit { Events { it/ito }, Packages { it-1 "
		"} } } }");
	mg_has(w, "ROOT { Events { it/ito }, Packages { it-1 } }");
}

#define STATE(text) "Context = - { Modify = ROOT { Media { TerminationState { " text " } } } }"

/* H.248.1 E.2: what a controller sets of ROOT; what it does not name stays. */
static void test_root_properties(void **state)
{
	static const struct {
		const char *ask;
		unsigned code;
	} wrong[] = {
		{ STATE("root/maxNumberOfContexts = 7"), 534 },
		{ STATE("root/maxTerminationsPerContext = 3"), 534 },
		{ STATE("root/normalMGExecutionTime = 99"), 449 },
		{ STATE("root/normalMGExecutionTime = 20001"), 449 },
		{ STATE("root/normalMGExecutionTime > 500"), 449 },
		{ STATE("root/MGOriginatedPendingLimit = 0"), 449 },
		{ STATE("root/MGOriginatedPendingLimit = some"), 449 },
		{ STATE("ServiceStates = OutOfService"), 449 },
		{ STATE("root/nothing = 1"), 445 },
		{ STATE("root/normalMGExecutionTime = 700, root/nothing = 1"), 445 },
		{ "Context = - { Modify = ROOT { Media { TerminationState { "
		  "root/normalMGExecutionTime = 700 } }, Events = 1 { g/cause } } }",
		  451 },
		{ "Context = - { Modify = ROOT { Media { LocalControl { Mode = Inactive } } } }",
		  444 },
		{ "Context = - { AuditValue = ROOT { Audit { Media { TerminationState { "
		  "root/nothing } } } } }",
		  445 },
		{ "Context = - { AuditValue = ROOT { Audit { Media { LocalControl } } } }", 444 },
	};
	static const char all[] =
	    "Context = - { AuditValue = ROOT { Audit { Media { TerminationState { "
	    "root/normalMGExecutionTime, root/MGCOriginatedPendingLimit, ServiceStates } } } } }";
	static const char is_set[] =
	    "{ Media { TerminationState { ServiceStates = InService, root/normalMGExecutionTime = "
	    "2000, root/MGCOriginatedPendingLimit = 3 } } }";
	struct mg_world *w = *state;

	mg_askf(w, STATE("root/normalMGExecutionTime = 2000, ServiceStates = InService"));
	mg_has(w, "Modify = ROOT }");
	mg_askf(w, STATE("root/MGCOriginatedPendingLimit = 3"));
	mg_has(w, "Modify = ROOT }");
	for (size_t i = 0; i < N_OF(wrong); i++) {
		char want[32];

		mg_askf(w, "%s", wrong[i].ask);
		snprintf(want, sizeof(want), "Error = %u {", wrong[i].code);
		mg_has(w, want);
		mg_askf(w, "%s", all);
		mg_has(w, is_set);
	}
	/* The controller does not notice that fairlead-cp was killed. */
	mg_world_crash(w, 1000);
	assert_int_equal(mg_state(w->mg), MG_SERVED);
	mg_askf(w, "%s", all);
	mg_has(w, is_set);
	mg_askf(w, "Context = - { AuditCapability = ROOT { Audit { Media { TerminationState { "
		   "root/MGOriginatedPendingLimit } } } } }");
	mg_has(w, "{ root/MGOriginatedPendingLimit = [1:1000] }");
}

/* Of several, and of what another protocol made. */
static void test_wildcards(void **state)
{
	struct mg_world *w = *state;
	struct gate_plan plan;
	const char *second;
	struct context *c;

	call(w, ADD(LOCAL("RTP/AVP 8"), ", Events = 11 { g/cause }"));
	mg_askf(w,
		"Context = %u { Add = ip/core/$ { Media { Stream = 2 { LocalControl { Mode = "
		"ReceiveOnly }, " LOCAL("RTP/AVP 8") " } } } }",
		n);
	mg_askf(
	    w,
	    "Context = %u { AuditValue = * { Audit { Events, Media { LocalControl { Mode } } } } "
	    "}",
	    n);
	second = strstr(w->in, "AuditValue = ip/core/");
	assert_non_null(second);
	mg_has(w,
	       "{ Events = 11 { g/cause }, Media { Stream = 2 { LocalControl { Mode = Inactive } "
	       "} } }");
	assert_non_null(strstr(second, "{ Events, Media { Stream = 2 { LocalControl { Mode = "
				       "ReceiveOnly } } } }"));
	mg_askf(
	    w, "Context = * { AuditValue = ip/core/* { Audit { Media { LocalControl { ipdc/realm } "
	       "} } } }");
	mg_has(w, "LocalControl { ipdc/realm = \"core\" }");
	c = mg_context_find(w->mg, n);
	gate_plan(w->e.s.gateway, c, &plan);
	plan.note = 1;
	gate_plan_set(w->e.s.gateway, c, &plan);
	mg_askf(
	    w,
	    "Context = %u { AuditValue = ip/core/* { Audit { Events, Media { LocalControl { Mode "
	    "} } } } }",
	    n);
	mg_has(w, "{ Events, Media { Stream = 1 { LocalControl { Mode = ReceiveOnly } } } }");
}

/* Keys are in no reply. */
static void test_keys(void **state)
{
	struct mg_world *w = *state;

	call(w,
	     ADD(LOCAL(
		     "RTP/SAVP 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
		     "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz") ", " REMOTE("RTP/SAVP "
										    "8\na=crypto:1 "
										    "AES_CM_128_"
										    "HMAC_SHA1_80 "
										    "inline:"
										    "PS1uQCVeeCFCan"
										    "VmcjkpPywjNWhc"
										    "YD0mXXtxaVBR"),
		 ""));
	audit(w, "AuditValue", "Media");
	mg_has(w, "m=audio 40000 RTP/SAVP 8\r\n}");
	assert_null(strstr(w->in, "crypto"));
	assert_null(strstr(w->in, "WVNf"));
	assert_null(strstr(w->in, "PS1u"));
}

static void test_errors(void **state)
{
	struct mg_world *w = *state;
	static const struct {
		const char *what;
		unsigned code;
	} row[] = {
		{ "DigitMap", 444 },
		{ "Modem", 444 },
		{ "Mux", 444 },
		{ "Nobody", 444 },
		{ "Media { Digits }", 444 },
		{ "Media { Stream = 2 { Modem } }", 444 },
		{ "Media { LocalControl { gm/esas } }", 445 },
		{ "Media { Stream = 2 { LocalControl { nobody/knows } } }", 445 },
		{ "Events { it/ito }", 451 },
		{ "Signals { cg/dt }", 452 },
		{ "Statistics { rtp/jit }", 453 },
		{ "Packages { it-1 }", 440 },
		{ "Packages { cg-1 }", 440 },
		{ "Media, Events, Media", 448 },
	};

	call(w, ADD(LOCAL("RTP/AVP 8"), ""));
	for (size_t i = 0; i < N_OF(row); i++) {
		char want[32];

		for (int c = 0; c < 2; c++) {
			audit(w, c ? "AuditCapability" : "AuditValue", row[i].what);
			snprintf(want, sizeof(want), "{ Error = %u {", row[i].code);
			mg_has(w, want);
		}
	}
	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { DigitMap } } }");
	mg_has(w, "ROOT { Error = 444 {");
	mg_askf(w, "Context = - { AuditValue = ROOT { Audit { Statistics { nt/os } } } }");
	mg_has(w, "ROOT { Error = 453 {");
	/* All terminations are in contexts. */
	mg_askf(w, "Context = - { AuditValue = * { Audit { } } }");
	mg_has(w, "{ Error = 431 {");
	mg_askf(w, "Context = - { AuditValue = %s { Audit { } } }", name);
	mg_has(w, "{ Error = 430 {");
	mg_askf(w, "Context = $ { AuditValue = * { Audit { } } }");
	mg_has(w, "{ Error = 421 {");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define IN_WORLD(t) cmocka_unit_test_setup_teardown(t, mg_world_setup, mg_world_teardown)
		IN_WORLD(test_media),  IN_WORLD(test_events),	       IN_WORLD(test_packages),
		IN_WORLD(test_root),   IN_WORLD(test_wildcards),       IN_WORLD(test_keys),
		IN_WORLD(test_errors), IN_WORLD(test_root_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
