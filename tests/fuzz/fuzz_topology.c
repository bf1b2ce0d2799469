/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Topology of contexts (H.248.1 7.1.18): a controller adds, modifies, moves and subtracts
 * terminations and joins and parts them, and the dataplane is never told to let through what the
 * topology, or a mode, forbids. What may pass is worked out here by itself: for each two
 * terminations, whether the second hears the first. Two bytes are a step: what it is, and of what.
 */
#include "tests/world/mg_world.h"
#include "must.h"

#include <stdarg.h>
#include <stdio.h>

enum { TERMS = 6, STEPS = 16, RESTART = 0xff };
enum { SEND = 1, RECEIVE = 2, MODES = 4 }; /* bits, and places in mode_name */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const mode_name[MODES] = { "Inactive", "SendOnly", "ReceiveOnly",
					      "SendReceive" };
static const char *const way_name[] = { "Isolate",	  "Oneway",	"Bothway",
					"OnewayExternal", "OnewayBoth", "Sideways" };

/* What the controller believes. */
struct believed {
	struct believed_term {
		uint32_t context; /* 0: there is none */
		uint8_t mode;	  /* SEND and RECEIVE */
		uint16_t port;	  /* by which the dataplane knows it */
		uint16_t relay;
		char name[MG_NAME_MAX];
	} term[TERMS];
	bool heard[TERMS][TERMS]; /* what comes to the first leaves by the second */
};

static struct mg_world w;
static struct believed is, was; /* and before the transaction under way */
static int joining = -1;	/* it is being added, and its port is not known yet */

/* ---- what may pass ---- */

static int find(const struct believed *b, const struct ctl_term *t)
{
	for (int i = 0; i < TERMS; i++) {
		if (b->term[i].context && b->term[i].port == be16_get(t->local.port) &&
		    b->term[i].relay == t->local.relay)
			return i;
	}
	return joining;
}

/* From the one whose remote sends to the one whose remote is sent to. */
static bool permits(const struct believed *b, const struct ctl_term *from,
		    const struct ctl_term *to)
{
	const int f = find(b, from), t = find(b, to);

	return f >= 0 && t >= 0 && f != t && b->term[f].context == b->term[t].context &&
	       b->heard[f][t] && b->term[f].mode & RECEIVE && b->term[t].mode & SEND;
}

static bool passes(const struct ctl_term *from, const struct ctl_term *to)
{
	return from->transport != TERM_NONE && to->transport != TERM_NONE &&
	       from->flags & TERM_IN && to->flags & TERM_OUT;
}

/* While a transaction is run it may be as it was, or as it is to be. */
static void watch(struct mg_world *world, const union ctl_cmd *c)
{
	const struct ctl_term *t = c->context_set.term;

	(void)world;
	for (int s = 0; c->hdr.type == CMD_CONTEXT_SET && s < 2; s++)
		must(!passes(&t[s], &t[!s]) || permits(&was, &t[s], &t[!s]) ||
		     permits(&is, &t[s], &t[!s]));
}

/* After a transaction: what passes is what may, neither more nor less. */
static void settled(void)
{
	for (int i = 0; i < TERMS; i++) {
		const struct context *c =
		    is.term[i].context ? mg_context_find(w.mg, is.term[i].context) : NULL;

		must(!is.term[i].context == !c);
		for (int s = 0; c && s < 2; s++) {
			const struct ctl_term *from = &c->term[s].term, *to = &c->term[!s].term;

			must(passes(from, to) == permits(&is, from, to));
		}
	}
}

/* ---- what the controller does ---- */

/*
 * What it believes is set before. The reply is in w.in; false: there is an error in it, and all is
 * as it was.
 */
__attribute__((format(printf, 1, 2))) static bool ask(const char *fmt, ...)
{
	static char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mg_pass(&w, 10);
	mg_ask(&w, text);
	if (!strstr(w.in, "Error"))
		return true;
	is = was;
	return false;
}

static int other_of(int term)
{
	for (int i = 0; i < TERMS; i++) {
		if (i != term && is.term[i].context && is.term[i].context == is.term[term].context)
			return i;
	}
	return -1;
}

/* Oneway: the second hears the first. */
static void say(int first, int second, unsigned way)
{
	is.heard[first][second] = way != 0;
	is.heard[second][first] = way == 2;
}

static void join(int term, uint32_t context)
{
	is.term[term].context = context;
	for (int i = 0; i < TERMS; i++)
		is.heard[i][term] = is.heard[term][i] = true;
}

/* What the reply to Add tells. */
static void learn(int term)
{
	struct believed_term *t = &is.term[term];
	const struct context *c;
	uint32_t side;

	mg_added(&w, 0, t->name);
	c = mg_term_find(w.mg, (struct h248_text){ t->name, (uint32_t)strlen(t->name) }, &side);
	must(c && mg_context_number(c) == mg_number(&w));
	t->context = mg_context_number(c);
	t->port = be16_get(c->term[side].term.local.port);
	t->relay = c->term[side].term.local.relay;
}

/* To the context of another, where "$" may be said of it, or to one of its own. */
static void add(int term, uint8_t arg)
{
	const int other = arg >> 4 & 3;
	const uint32_t to = other != term ? is.term[other].context : 0;
	const bool joined = to && arg & 0x40, first = arg & 0x80;
	const char *there = is.term[other].name;
	char number[16] = "$", topology[2 * MG_NAME_MAX + 64] = "";

	if (is.term[term].context)
		return;
	if (to)
		snprintf(number, sizeof(number), "%u", to);
	if (joined)
		snprintf(topology, sizeof(topology), "Topology { %s, %s, %s }, ",
			 first ? "$" : there, first ? there : "$", way_name[arg % 3]);
	is.term[term] = (struct believed_term){ .mode = arg >> 2 & 3 };
	join(term, to ? to : UINT32_MAX);
	if (joined)
		say(first ? term : other, first ? other : term, arg % 3);
	joining = term;
	if (ask("Context = %s { %sAdd = ip/%s/$ { Media { Stream = 1 { LocalControl { Mode = %s }, "
		"Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP -\n} } } } }",
		number, topology, term & 1 ? "core" : "access", mode_name[is.term[term].mode]))
		learn(term);
	joining = -1;
}

static void topology(int term, uint8_t arg)
{
	const int other = other_of(term);
	const unsigned way = arg % N_OF(way_name), then = (arg >> 2) % N_OF(way_name);
	const bool wild = arg & 0x40, twice = arg & 0x80;
	const bool good = other >= 0 && way <= 2 && (!twice || then <= 2);
	const char *a = is.term[term].name, *b = wild || other < 0 ? "*" : is.term[other].name;
	char more[2 * MG_NAME_MAX + 64] = "";

	if (!is.term[term].context)
		return;
	if (twice)
		snprintf(more, sizeof(more), ", %s, %s, %s, Stream = 1", b, a, way_name[then]);
	if (good)
		say(term, other, way);
	if (good && twice)
		say(other, term, then);
	must(good == ask("Context = %u { Topology { %s, %s, %s%s } }", is.term[term].context, a, b,
			 way_name[way], more));
}

static void modify(int term, uint8_t arg)
{
	if (!is.term[term].context)
		return;
	is.term[term].mode = arg & 3;
	must(ask("Context = %u { Modify = %s { Media { LocalControl { Mode = %s } } } }",
		 is.term[term].context, is.term[term].name, mode_name[arg & 3]));
}

static void subtract(int term)
{
	const uint32_t context = is.term[term].context;

	is.term[term].context = 0;
	must(!context || ask("Context = %u { Subtract = %s }", context, is.term[term].name));
}

/* It cannot be if the contexts are of two workers, or the other one has two. */
static void move(int term, uint8_t arg)
{
	const int to = arg % TERMS;

	if (!is.term[term].context || !is.term[to].context)
		return;
	join(term, is.term[to].context);
	ask("Context = %u { Move = %s }", is.term[to].context, is.term[term].name);
}

/* What the gateway tells of it is so. */
static void audit(int term)
{
	const int other = other_of(term);
	char text[2 * MG_NAME_MAX + 64];

	if (!is.term[term].context)
		return;
	must(ask("Context = %u { ContextAudit { Topology } }", is.term[term].context));
	must((other >= 0) == (strstr(w.in, "Topology") != NULL));
	for (int i = 0; other >= 0 && i < 2; i++) {
		const int a = i ? other : term, b = i ? term : other;

		snprintf(text, sizeof(text), "{ %s, %s, Oneway }", is.term[a].name,
			 is.term[b].name);
		must((strstr(w.in, text) != NULL) == (is.heard[a][b] && !is.heard[b][a]));
	}
	must(other < 0 || (strstr(w.in, "Isolate") != NULL) ==
			      (!is.heard[term][other] && !is.heard[other][term]));
}

static void step(uint8_t what, uint8_t arg)
{
	const int term = (what >> 3) % TERMS;

	was = is;
	switch (what & 7) {
	case 0:
	case 1:
		add(term, arg);
		break;
	case 2:
	case 3:
		topology(term, arg);
		break;
	case 4:
		modify(term, arg);
		break;
	case 5:
		subtract(term);
		break;
	case 6:
		move(term, arg);
		break;
	default:
		if (arg != RESTART)
			audit(term);
		else if (gate_stats(w.e.s.gateway)->contexts) /* else it says goodbye */
			mg_world_restart(&w);
	}
	was = is;
	settled();
}

/* ---- one input ---- */

/* No context is left; the association goes on. */
static void begin_again(void)
{
	uint32_t cursor = 0, look = UINT32_MAX;
	struct context *c;

	while ((c = gate_next(w.e.s.gateway, &cursor, &look))) {
		gate_delete(w.e.s.gateway, c, NULL, NULL);
		cursor = 0;
	}
	mg_turn(&w);
	memset(&is, 0, sizeof(is));
	was = is;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool open;

	if (!open) {
		mg_world_open(&w, false);
		mg_register(&w, 0);
		w.watch = watch;
		open = true;
	}
	for (size_t i = 0; i + 1 < size && i < 2 * STEPS; i += 2)
		step(data[i], data[i + 1]);
	begin_again();
	return 0;
}
