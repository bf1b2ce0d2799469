/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Topology of contexts (H.248.1 7.1.18): who of two hears the other, whatever their modes are; also
 * of a termination that is added or moved, over a restart, and in audits; what a context of two
 * cannot be has its code (H.248.8).
 */
#include "tests/world/mg_world.h"

#include <stdio.h>

#define MEDIA(mode) "Media { Stream = 1 { LocalControl { Mode = " mode " }, " LOCAL " } }"
#define LOCAL                                                \
	"Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP -\n}, " \
	"Remote {\nv=0\nc=IN IP4 203.0.113.9\nm=audio 40000 RTP/AVP -\n}"
#define ADD(realm, mode) "Add = ip/" realm "/$ { " MEDIA(mode) " }"

static struct h248_message m;

struct call {
	uint32_t n;
	char name[2][MG_NAME_MAX];
};

static struct call call(struct mg_world *w)
{
	struct call c;

	mg_askf(w,
		"Context = $ { " ADD("access", "SendReceive") ", " ADD("core", "SendReceive") " }");
	mg_added(w, 0, c.name[0]);
	mg_added(w, 1, c.name[1]);
	c.n = mg_number(w);
	return c;
}

/* What the dataplane is told of a termination. */
static uint16_t way(const struct mg_world *w, uint32_t n, uint32_t side)
{
	return mg_context_find(w->mg, n)->term[side].term.flags & (TERM_IN | TERM_OUT);
}

static void is(const struct mg_world *w, uint32_t n, uint16_t first, uint16_t second)
{
	assert_int_equal(way(w, n, 0), first);
	assert_int_equal(way(w, n, 1), second);
}

enum { BOTH = TERM_IN | TERM_OUT };

static void audited(struct mg_world *w, const struct call *c, int first, const char *direction)
{
	char text[256];

	mg_askf(w, "Context = %u { ContextAudit { Topology } }", c->n);
	snprintf(text, sizeof(text), "{ Topology { %s, %s, %s } }", c->name[first], c->name[!first],
		 direction);
	mg_has(w, text);
}

static void set(struct mg_world *w, const struct call *c, int first, const char *direction)
{
	mg_askf(w, "Context = %u { Topology { %s, %s, %s } }", c->n, c->name[first],
		c->name[!first], direction);
	assert_null(strstr(w->in, "Error"));
}

static void test_directions(void **state)
{
	struct mg_world *w = *state;
	const struct call c = call(w);

	audited(w, &c, 0, "Bothway");
	set(w, &c, 0, "Isolate");
	is(w, c.n, TERM_IN, TERM_IN);
	audited(w, &c, 0, "Isolate");
	/* The second hears the first, and not the other way. */
	set(w, &c, 0, "Oneway");
	is(w, c.n, TERM_IN, BOTH);
	audited(w, &c, 0, "Oneway");
	set(w, &c, 1, "Oneway");
	is(w, c.n, BOTH, TERM_IN);
	audited(w, &c, 1, "Oneway");
	mg_world_restart(w);
	is(w, c.n, BOTH, TERM_IN);
	audited(w, &c, 1, "Oneway");
	set(w, &c, 0, "Bothway");
	is(w, c.n, BOTH, BOTH);
	/* Several, by the short form, in order. */
	mg_askf(w, "C=%u{TP{%s,%s,IS,%s,%s,OW,SM=1}}", c.n, c.name[0], c.name[1], c.name[1],
		c.name[0]);
	mg_has(w, "Error = 422");
	mg_askf(w, "C=%u{TP{%s,%s,IS,%s,%s,OW,ST=1}}", c.n, c.name[0], c.name[1], c.name[1],
		c.name[0]);
	is(w, c.n, BOTH, TERM_IN);
	mg_askf(w, "C=%u{TP{*,ip/core/*,BW}}", c.n);
	is(w, c.n, BOTH, BOTH);
}

/* Modes are the terminations' own, and both have to let it through. */
static void test_modes(void **state)
{
	struct mg_world *w = *state;
	const struct call c = call(w);

	set(w, &c, 0, "Oneway");
	mg_askf(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = SendOnly } } } }",
		c.n, c.name[0]);
	is(w, c.n, 0, BOTH);
	mg_askf(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = SendReceive } } } }",
		c.n, c.name[0]);
	is(w, c.n, TERM_IN, BOTH);
	mg_askf(w, "Context = %u { Modify = %s { Media { LocalControl { Mode = Inactive } } } }",
		c.n, c.name[1]);
	set(w, &c, 0, "Bothway");
	is(w, c.n, BOTH, 0);
	audited(w, &c, 0, "Bothway");
}

/* Whoever joins hears and is heard, unless "$" says otherwise. */
static void test_joins(void **state)
{
	struct mg_world *w = *state;
	struct call c = call(w), other;

	set(w, &c, 0, "Isolate");
	mg_askf(w, "Context = %u { Subtract = %s }", c.n, c.name[1]);
	mg_askf(w, "Context = %u { " ADD("core", "SendReceive") " }", c.n);
	is(w, c.n, BOTH, BOTH);
	mg_added(w, 0, c.name[1]);
	for (int first = 0; first < 2; first++) {
		mg_askf(w, "Context = %u { Subtract = %s }", c.n, c.name[1]);
		mg_askf(
		    w,
		    "Context = %u { Topology { %s, %s, Oneway }, " ADD("core", "SendReceive") " }",
		    c.n, first ? "$" : c.name[0], first ? c.name[0] : "$");
		assert_null(strstr(w->in, "Error"));
		is(w, c.n, first ? BOTH : TERM_IN, first ? TERM_IN : BOTH);
		mg_added(w, 0, c.name[1]);
		audited(w, &c, first, "Oneway");
	}
	/* A termination does not take it along. */
	mg_askf(w, "Context = %u { Subtract = %s }", c.n, c.name[0]);
	do {
		mg_askf(w, "Context = $ { " ADD("access", "SendReceive") " }");
		other.n = mg_number(w);
		mg_added(w, 0, other.name[0]);
	} while (mg_context_find(w->mg, other.n)->worker != mg_context_find(w->mg, c.n)->worker);
	mg_pass(w, 10);
	mg_askf(w, "Context = %u { Move = %s }", other.n, c.name[1]);
	assert_null(strstr(w->in, "Error"));
	is(w, other.n, BOTH, BOTH);
	memcpy(other.name[1], c.name[1], sizeof(other.name[1]));
	audited(w, &other, 0, "Bothway");
}

/* One of them makes no sense, and none is obeyed. */
static void test_all_or_nothing(void **state)
{
	static const char *const wrong[] = { "Sideways", "OnewayBoth", "Bothway, Stream = 9" };
	struct mg_world *w = *state;
	const struct call c = call(w);

	for (size_t i = 0; i < N_OF(wrong); i++) {
		mg_askf(w, "Context = %u { Topology { %s, %s, Isolate, *, *, %s } }", c.n,
			c.name[0], c.name[1], wrong[i]);
		mg_has(w, "Error");
		is(w, c.n, BOTH, BOTH);
		audited(w, &c, 0, "Bothway");
	}
	mg_askf(w, "Context = %u { Topology { %s, %s, Isolate, %s, $, Oneway } }", c.n, c.name[0],
		c.name[1], c.name[0]);
	mg_has(w, "Error = 421");
	is(w, c.n, BOTH, BOTH);
}

static void test_errors(void **state)
{
	struct mg_world *w = *state;
	const struct call c = call(w);
	const struct {
		const char *topology;
		unsigned code;
	} row[] = {
		{ "ip/access/1, *, Isolate", 430 },
		{ "*, ip/access/1, Isolate", 430 },
		{ "ip/none/*, *, Isolate", 431 },
		{ "ip/access/*, ip/access/*, Isolate", 421 },
		{ "*, *, OnewayExternal", 522 },
		{ "*, *, OWB", 522 },
		{ "*, *, Bothway, Stream = 2", 522 },
		{ "*, *, Bothway, Stream = x", 522 },
		{ "*, *, Sideways", 422 },
		{ "*, *", 422 },
		{ "*", 422 },
		{ "", 422 },
		{ "*, x = 1, Isolate", 422 },
		{ "*, $, Isolate", 421 },
		{ "$, $, Isolate", 421 },
	};

	for (size_t i = 0; i < N_OF(row); i++) {
		char want[32];

		mg_askf(w, "Context = %u { Topology { %s } }", c.n, row[i].topology);
		snprintf(want, sizeof(want), "Error = %u {", row[i].code);
		mg_has(w, want);
		is(w, c.n, BOTH, BOTH);
	}
	mg_askf(w, "Context = - { Topology { *, *, Isolate } }");
	mg_has(w, "Error = 421");
	mg_askf(w, "Context = $ { Topology { *, $, Isolate }, " ADD("core", "SendReceive") " }");
	mg_has(w, "Error = 431");
	mg_askf(w, "Context = * { Topology { *, *, Isolate } }");
	mg_has(w, "Error = 501");
	mg_askf(w, "Context = %u { Topology }", c.n);
	mg_has(w, "Error = 422");
	assert_int_equal(gate_stats(w->e.s.gateway)->contexts, 1);
	/* Another protocol's is not touched. */
	{
		struct context *x = mg_context_find(w->mg, c.n);
		struct gate_plan plan;

		gate_plan(w->e.s.gateway, x, &plan);
		plan.note = 1;
		gate_plan_set(w->e.s.gateway, x, &plan);
	}
	mg_askf(w, "Context = %u { Topology { *, *, Isolate } }", c.n);
	mg_has(w, "Error = 504");
	is(w, c.n, BOTH, BOTH);
	assert_false(mg_hear(w, 0, &m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define IN_WORLD(t) cmocka_unit_test_setup_teardown(t, mg_world_setup, mg_world_teardown)
		IN_WORLD(test_directions),     IN_WORLD(test_modes),  IN_WORLD(test_joins),
		IN_WORLD(test_all_or_nothing), IN_WORLD(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
