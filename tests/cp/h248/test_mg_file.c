/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of H.248 outlives the control process (R70): the association goes on where it can, and the
 * controller is told the right thing where it cannot; what was run is not run again; what no
 * controller has answered is sent again; a file that is damaged, or full, does no harm.
 */
#include "tests/world/mg_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct h248_message m;

#define TERM(realm, events)                                                                 \
	"Add = ip/" realm "/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, " \
	"Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP -\n}, "                                \
	"Remote {\nv=0\nc=IN IP4 203.0.113.9\nm=audio 40000 RTP/AVP -\n} } }" events " }"
#define MESSAGE "MEGACO/3 [127.0.0.1] Transaction = "

/* A call, whose first termination is called so; its number. */
static uint32_t call(struct mg_world *w, char name[MG_NAME_MAX])
{
	mg_ask(w, "Context = $ { " TERM("access", ", Events = 11 { g/cause }") ", " TERM("core",
											 "") " }");
	mg_added(w, 0, name);
	return mg_number(w);
}

static uint64_t contexts(const struct mg_world *w)
{
	return gate_stats(w->e.s.gateway)->contexts;
}

static void quiet(struct mg_world *w)
{
	mg_pass(w, 100);
	assert_false(mg_hear(w, 0, &m));
	assert_false(mg_hear(w, 1, &m));
}

/* ---- the association ---- */

static void test_goes_on(void **state)
{
	struct mg_world *w = *state;
	char name[MG_NAME_MAX], text[512];
	uint32_t n = call(w, name);

	mg_ask(w, "Context = - { Modify = ROOT { Events = 100 { it/ito { mit = 300 }, "
		  "ocp/mg_overload } } }");
	mg_world_crash(w, 5000);
	assert_int_equal(mg_state(w->mg), MG_SERVED);
	quiet(w);
	assert_int_equal(mg_stats(w->mg)->registrations, 0);
	snprintf(text, sizeof(text),
		 "Context = %u { Modify = %s { Media { LocalControl { Mode = Inactive } } } }", n,
		 name);
	mg_ask(w, text);
	assert_null(strstr(w->in, "Error"));
	/* Events of ROOT, too, and from when it was heard last. */
	assert_true(w->mg->assoc.overload);
	mg_pass(w, 3100);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "ObservedEvents = 100 { ");
	mg_has(w, ":it/ito }");
	snprintf(text, sizeof(text), "Context = %u { W-Subtract = * { Audit { } } }", n);
	mg_ask(w, text);
	assert_int_equal(contexts(w), 0);
}

/* The one of the list that was in charge, wherever it stands now. */
static void test_goes_on_elsewhere(void **state)
{
	struct mg_world *w = *state;
	struct config_h248_controller *list = w->e.conf.gateway.h248_controller, was = list[0];

	mg_world_crash(w, 0);
	list[0] = list[1];
	list[1] = was;
	mg_world_crash(w, 0);
	quiet(w);
	assert_int_equal(be16_get(mg_controller(w->mg)->port), was.port);
	mg_ask(w, "Context = - { AuditValue = ROOT }");
}

/* For so long that the controller takes us for lost. */
static void test_too_long(void **state)
{
	struct mg_world *w = *state;
	char name[MG_NAME_MAX];

	call(w, name);
	mg_world_crash(w, MG_LOST_MS + 1000);
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Method = Disconnected, Reason = \"900 Service Restored\""));
	assert_int_equal(contexts(w), 1);
}

/* By another name or profile nothing was agreed. */
static void test_another_name(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway *c = &w->e.conf.gateway;
	char name[MG_NAME_MAX];

	call(w, name);
	snprintf(c->h248_profile, sizeof(c->h248_profile), "other/2");
	mg_world_crash(w, 0);
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Method = Restart, Reason = \"902 Warm Boot\""));
	snprintf(c->h248_name, sizeof(c->h248_name), "mg9.example.net");
	mg_world_crash(w, 0);
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Method = Restart, Reason = \"902 Warm Boot\""));
}

/* Who had not said yes is asked again, and whoever comes then hears of the one before. */
static void test_while_registering(void **state)
{
	struct mg_world *w = *state;

	mg_ask(w, "Context = - { Modify = ROOT { Events = 1 { it/ito { mit = 100 } } } }");
	for (int i = 0; i < 15; i++)
		mg_pass(w, 2000);
	assert_int_equal(mg_state(w->mg), MG_REGISTERING);
	mg_world_crash(w, 0);
	assert_int_equal(mg_state(w->mg), MG_REGISTERING);
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Method = Disconnected, Reason = \"900 Service Restored\""));
}

/* ---- transactions ---- */

static void test_run_once(void **state)
{
	struct mg_world *w = *state;
	static char first[H248_MESSAGE_MAX + 1];
	const char *text = MESSAGE "77 { Context = $ { " TERM("access", "") " } }";

	mg_say(w, 0, text);
	assert_true(mg_hear(w, 0, &m));
	memcpy(first, w->in, sizeof(first));
	for (int i = 0; i < 2; i++) {
		mg_world_crash(w, 1000);
		mg_say(w, 0, text);
		assert_true(mg_hear(w, 0, &m));
		assert_string_equal(w->in, first);
		assert_int_equal(contexts(w), 1);
		assert_int_equal(mg_stats(w->mg)->again, 1);
	}
	/* Of another name it is another's, and after its time a new one. */
	mg_say(w, 0,
	       "MEGACO/3 [127.0.0.1]:9 Transaction = 77 { Context = - { AuditValue = ROOT } }");
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "AuditValue = ROOT");
	mg_world_crash(w, 20000);
	mg_world_crash(w, 9000);
	mg_say(w, 0, text);
	assert_true(mg_hear(w, 0, &m));
	assert_string_not_equal(w->in, first);
	assert_int_equal(contexts(w), 2);
}

/* It was killed while one was run: nobody knows how far that came, so it is not run again. */
static void test_interrupted(void **state)
{
	struct mg_world *w = *state;
	const struct source_addr from = { .addr = *mg_controller(w->mg) };
	const uint64_t cookie[2] = { siphash(&w->mg->cookie_key, "[127.0.0.1]", 11), 78 };
	struct source_command *p;
	const void *answer;
	size_t len;

	assert_int_equal(sources_take(w->mg->sources, &from, cookie, sizeof(cookie), w->e.s.now_ms,
				      &p, &answer, &len),
			 SOURCE_NEW);
	mg_file_begin(w->mg, p);
	for (int i = 0; i < 2; i++) {
		mg_world_crash(w, 1000);
		mg_say(w, 0, MESSAGE "78 { Context = $ { " TERM("access", "") " } }");
		assert_true(mg_hear(w, 0, &m));
		mg_has(w, "MEGACO/3 ");
		mg_has(w, "Reply = 78 { Error = 500 {");
		assert_int_equal(contexts(w), 0);
	}
	/* Others are. */
	mg_ask(w, "Context = $ { " TERM("access", "") " }");
	assert_int_equal(contexts(w), 1);
}

/* So is one whose reply was longer than what is kept. */
static void test_long(void **state)
{
	struct mg_world *w = *state;
	static char text[8192];
	size_t len =
	    (size_t)snprintf(text, sizeof(text), MESSAGE "79 { Context = $ { " TERM("access", ""));

	for (int i = 0; i < 20; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					", AuditValue = * { Audit { Media } }");
	snprintf(text + len, sizeof(text) - len, " } }");
	mg_say(w, 0, text);
	assert_true(mg_hear(w, 0, &m));
	assert_true(strlen(w->in) > 2048);
	mg_world_crash(w, 0);
	mg_say(w, 0, text);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "Reply = 79 { Error = 500 {");
	assert_int_equal(contexts(w), 1);
}

/* The oldest go when it is full: the newest are there. */
static void test_full(void **state)
{
	struct mg_world *w = *state;
	const struct source_addr from = { .addr = *mg_controller(w->mg) };
	const uint64_t mid = siphash(&w->mg->cookie_key, "[127.0.0.1]", 11);
	char reply[700];
	uint32_t id;

	memset(reply, 'x', sizeof(reply));
	for (id = 1; id <= 30000; id++) {
		const uint64_t cookie[2] = { mid, id };
		struct source_command *p;
		const void *answer;
		size_t len;

		if (id % 10000 == 0)
			env_advance(&w->e, 1000);
		assert_int_equal(sources_take(w->mg->sources, &from, cookie, sizeof(cookie),
					      w->e.now_ms, &p, &answer, &len),
				 SOURCE_NEW);
		mg_file_begin(w->mg, p);
		mg_file_answer(w->mg, reply, sizeof(reply) - id % 600);
		sources_answered(w->mg->sources, p, reply, 1, w->e.now_ms);
	}
	mg_world_crash(w, 0);
	/* 65,536 pieces of 128 bytes, six of them for each at most. */
	assert_in_range(sources_kept(w->mg->sources), 65536 / 6 - 10, SOURCES_KEPT_MAX);
	for (id = 30000; id > 30000 - 10000; id -= 1000) {
		char text[512];

		snprintf(text, sizeof(text),
			 MESSAGE "%u { Context = $ { " TERM("access", "") " } }", id);
		mg_say(w, 0, text);
		assert_int_equal(recv(w->fd[0], w->in, sizeof(w->in) - 1, 0),
				 sizeof(reply) - id % 600);
	}
	assert_int_equal(contexts(w), 0);
}

/* ---- requests ---- */

static void test_notify(void **state)
{
	struct mg_world *w = *state;
	static char first[H248_MESSAGE_MAX + 1];
	char name[MG_NAME_MAX], text[256];
	uint32_t n = call(w, name);

	/* What was not answered is sent again as it was; events that come later are told. */
	gate_kill(w->e.s.gateway, mg_context_find(w->mg, n));
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "ObservedEvents = 11 { ");
	memcpy(first, w->in, sizeof(first));
	n = call(w, name);
	mg_world_crash(w, 0);
	mg_pass(w, 100);
	assert_true(mg_hear(w, 0, &m));
	assert_string_equal(w->in, first);
	snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1] Reply = %.*s { Context = - { } }",
		 H248_TEXT(h248_child(&m, &m.item[0])->value));
	mg_say(w, 0, text);
	mg_world_crash(w, 0);
	quiet(w);
	gate_kill(w->e.s.gateway, mg_context_find(w->mg, n));
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, name);
	mg_has(w, ":g/cause { Stream = 1, Generalcause = NR, Failurecause = \"killed\" }");
	/* Not with a number that was used before. */
	snprintf(text, sizeof(text), "%.*s", H248_TEXT(h248_child(&m, &m.item[0])->value));
	assert_null(strstr(first, text));
}

/* One that is for whoever is in charge next, in the version that he speaks. */
static void test_notify_next(void **state)
{
	struct mg_world *w = *state;
	char name[MG_NAME_MAX];
	uint32_t n = call(w, name);

	gate_kill(w->e.s.gateway, mg_context_find(w->mg, n));
	mg_world_crash(w, MG_LOST_MS + 1000);
	mg_register(w, 0);
	mg_pass(w, 100);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "MEGACO/3 ");
	mg_has(w, ":g/cause { ");
}

/* ---- a file that is damaged ---- */

static void test_damaged(void **state)
{
	struct mg_world *w = *state;
	unsigned seed = 1;

	for (int i = 0; i < 60; i++) {
		char name[MG_NAME_MAX];
		struct stat st;
		FILE *f;

		gate_kill(w->e.s.gateway, mg_context_find(w->mg, call(w, name)));
		f = fopen(mg_world_file(w), "r+");
		assert_non_null(f);
		assert_int_equal(fstat(fileno(f), &st), 0);
		for (int k = 0; k < 40; k++) {
			/* Mostly where there is something. */
			const long end = k % 2 ? st.st_size : k % 4 ? 1 << 17 : 1 << 14;

			fseek(f, rand_r(&seed) % end, SEEK_SET);
			fputc(rand_r(&seed) % (k % 3 ? 2 : 256), f);
		}
		fclose(f);
		mg_world_restart(w);
		if (mg_state(w->mg) != MG_SERVED)
			mg_register(w, 0);
		mg_pass(w, 1);
		while (mg_hear(w, 0, &m))
			;
		w->id += 1000;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define IN_WORLD(t) cmocka_unit_test_setup_teardown(t, mg_world_setup, mg_world_teardown)
		IN_WORLD(test_goes_on),
		IN_WORLD(test_goes_on_elsewhere),
		IN_WORLD(test_too_long),
		IN_WORLD(test_another_name),
		IN_WORLD(test_while_registering),
		IN_WORLD(test_run_once),
		IN_WORLD(test_interrupted),
		IN_WORLD(test_long),
		IN_WORLD(test_full),
		IN_WORLD(test_notify),
		IN_WORLD(test_notify_next),
		IN_WORLD(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
