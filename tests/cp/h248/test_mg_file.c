/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of H.248 outlives the control process (R70): the association goes on where it can, and the
 * controller is told the right thing where it cannot; what was run is not run again; what no
 * controller has answered is sent again; a file that is damaged, or full, does no harm.
 */
#include "tests/world/mg_world.h"
#include "tests/world/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct h248_message m;

static const char forced[] = "Method = Forced, Reason = \"905 Termination taken out of service\"";

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
	/* In the old one it is told that this is over. */
	snprintf(c->h248_name, sizeof(c->h248_name), "mg9.example.net");
	mg_world_crash(w, 0);
	assert_true(mg_hear(w, 0, &m));
	mg_has(w, "MEGACO/3 [127.0.0.1]:");
	mg_has(w, forced);
	mg_register(w, 0);
	assert_non_null(strstr(w->in, "Method = Restart, Reason = \"902 Warm Boot\""));
}

/* Who serves us no more says that it knows; nothing of it is said again. */
static void left(struct mg_world *w)
{
	char text[256];

	mg_has(w, forced);
	snprintf(text, sizeof(text),
		 "MEGACO/3 [127.0.0.1] Reply = %.*s { Context = - { ServiceChange = ROOT } }",
		 H248_TEXT(h248_child(&m, &m.item[0])->value));
	mg_say(w, 0, text);
	mg_pass(w, 5000);
	assert_false(mg_hear(w, 0, &m));
}

/* A reload took it off the list, and the process is killed before it has answered. */
static void test_leave(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway to = w->e.conf.gateway;
	static char first[H248_MESSAGE_MAX + 1];
	char err[256], name[MG_NAME_MAX];

	call(w, name);
	to.h248_controller[0] = to.h248_controller[1];
	to.n_h248_controller = 1;
	assert_true(mg_world_reload(w, &to, err, sizeof(err)));
	assert_true(mg_hear(w, 0, &m));
	memcpy(first, w->in, sizeof(first));
	mg_register(w, 1);
	for (int i = 0; i < 2; i++) {
		mg_world_crash(w, 1000);
		mg_pass(w, 1);
		assert_true(mg_hear(w, 0, &m));
		assert_string_equal(w->in, first);
	}
	left(w);
	mg_world_crash(w, 0);
	mg_pass(w, 5000);
	assert_false(mg_hear(w, 0, &m));
	assert_int_equal(mg_state(w->mg), MG_SERVED);
	assert_int_equal(contexts(w), 1);
}

/* And not for ever. */
static void test_leave_silent(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway to = w->e.conf.gateway;
	char err[256];

	to.h248_controller[0] = to.h248_controller[1];
	to.n_h248_controller = 1;
	assert_true(mg_world_reload(w, &to, err, sizeof(err)));
	assert_true(mg_hear(w, 0, &m));
	mg_register(w, 1);
	mg_world_crash(w, MG_LOST_MS - 1000);
	mg_pass(w, 1);
	assert_true(mg_hear(w, 0, &m));
	mg_world_crash(w, 2000);
	mg_pass(w, 1);
	assert_false(mg_hear(w, 0, &m));
}

/* It is not in the list that the next process has. */
static void test_leave_by_restart(void **state)
{
	struct mg_world *w = *state;
	struct config_gateway *c = &w->e.conf.gateway;

	c->h248_controller[0] = c->h248_controller[1];
	c->n_h248_controller = 1;
	mg_world_crash(w, 0);
	mg_register(w, 1);
	assert_true(mg_hear(w, 0, &m));
	left(w);
	mg_world_crash(w, 0);
	quiet(w);
}

/* Nor is anybody: it is told, and then there is nothing to do. */
static void test_leave_to_nobody(void **state)
{
	struct mg_world *w = *state;

	w->e.conf.gateway.n_h248_controller = 0;
	mg_world_crash(w, 0);
	assert_null(mg_controller(w->mg));
	assert_true(mg_hear(w, 0, &m));
	left(w);
	assert_null(w->mg->udp);
	mg_world_restart(w);
	assert_null(w->mg);
	assert_false(mg_hear(w, 0, &m));
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

/* ---- killed at any instruction ---- */

#define OLD_REPLY "MEGACO/3 [127.0.0.1] Reply = 77 { Context = - { AuditValue = ROOT } }"
#define NEW_REPLY \
	"MEGACO/3 [127.0.0.1] Reply = 78 { Context = - { AuditValue = ROOT, Modify = ROOT } }"
#define NOTIFY "MEGACO/3 [127.0.0.1] Transaction = 9 { Context = - { Notify = ROOT } }"
#define FORCED "MEGACO/3 [127.0.0.1] Transaction = 10 { Context = - { ServiceChange = ROOT } }"

struct killed {
	struct mg_world *w;
	int stage[4];	     /* of the transaction, the request, the association, who leaves */
	uint32_t seen[4][4]; /* states at each stage */
};

static struct source_command *begun(struct mg *mg, uint64_t id)
{
	const struct source_addr from = { .addr = mg->controller[0] };
	const uint64_t cookie[2] = { siphash(&mg->cookie_key, "[127.0.0.1]", 11), id };
	struct source_command *p;
	const void *answer;
	size_t len;

	assert_int_equal(sources_take(mg->sources, &from, cookie, sizeof(cookie), mg->s->now_ms, &p,
				      &answer, &len),
			 SOURCE_NEW);
	return p;
}

static void assoc_set(struct mg *mg, uint16_t controller, uint32_t n)
{
	mg->assoc.controller = controller;
	mg->assoc.served = (uint16_t)(controller + 1);
	mg->assoc.root_request = n;
	mg->assoc.silence_ms = 10 * n;
	mg_file_save(mg);
}

static uint16_t request_keep(struct mg *mg)
{
	struct mg_request *r = calloc(1, sizeof(*r) + sizeof(NOTIFY));
	uint16_t kept;

	r->id = 9;
	r->len = sizeof(NOTIFY) - 1;
	memcpy(r->text, NOTIFY, sizeof(NOTIFY));
	kept = mg_file_request(mg, r);
	free(r);
	return kept;
}

/* A transaction is run, a request made and answered, another controller takes charge, one leaves.
 */
static void work(void *arg)
{
	struct mg *mg = ((struct killed *)arg)->w->mg;
	struct source_command *p = begun(mg, 78);

	steps_begin();
	mg_file_begin(mg, p);
	mg_file_answer(mg, NEW_REPLY, sizeof(NEW_REPLY) - 1);
	mg_file_request_done(mg, request_keep(mg));
	assoc_set(mg, 1, 9);
	mg->leave.to = mg->controller[0];
	mg->leave.id = 10;
	mg->leave.begun_ms = mg->s->now_ms;
	mg->leave.len = sizeof(FORCED) - 1;
	memcpy(mg->leave.text, FORCED, sizeof(FORCED) - 1);
	mg_file_leave(mg);
	mg->leave.to = (struct sock_addr){ 0 };
	mg_file_leave(mg);
}

/* What a transaction got; 0: it has not been run, 1: nobody knows, 2: that. */
static int replied(struct mg *mg, uint64_t id, const char *text)
{
	const struct source_addr from = { .addr = mg->controller[0] };
	const uint64_t cookie[2] = { siphash(&mg->cookie_key, "[127.0.0.1]", 11), id };
	struct source_command *p;
	const void *answer;
	size_t len;

	switch (sources_take(mg->sources, &from, cookie, sizeof(cookie), mg->s->now_ms, &p, &answer,
			     &len)) {
	case SOURCE_NEW:
		return 0;
	case SOURCE_AGAIN:
		if (len == strlen(text) && memcmp(answer, text, len) == 0)
			return 2;
		assert_non_null(memmem(answer, len, "Error = 500", 11));
		return 1;
	default:
		fail_msg("it is under way");
		return 0;
	}
}

/* Who was in charge, all of it. */
static int charged(const struct mg *mg)
{
	const struct mg_assoc *a = &mg->assoc;
	const int now = a->controller;

	assert_int_equal(a->served, now + 1);
	assert_int_equal(a->root_request, now ? 9 : 7);
	assert_int_equal(a->silence_ms, now ? 90 : 70);
	return now;
}

static int asked(const struct mg *mg)
{
	const struct mg_request *r = mg->assoc.request;

	assert_non_null(r);
	assert_int_not_equal(r->id, 9);
	if (!r->next)
		return 0;
	assert_int_equal(r->next->len, sizeof(NOTIFY) - 1);
	assert_memory_equal(r->next->text, NOTIFY, sizeof(NOTIFY) - 1);
	assert_null(r->next->next);
	return 1;
}

static int leaves(const struct mg *mg)
{
	if (!be16_get(mg->leave.to.port))
		return 0;
	assert_true(sock_addr_eq(&mg->leave.to, &mg->controller[0]));
	assert_int_equal(mg->leave.id, 10);
	assert_int_equal(mg->leave.len, sizeof(FORCED) - 1);
	assert_memory_equal(mg->leave.text, FORCED, sizeof(FORCED) - 1);
	return 1;
}

/* A process that comes takes up the copy; without controllers if none is left. */
static void take_up(struct killed *x, const char *copy, struct mg *mg, bool none)
{
	static struct config c;
	static struct server s;
	const struct mg *was = x->w->mg;
	char err[256] = "";

	memset(mg, 0, sizeof(*mg));
	memcpy(&c, &x->w->e.conf, sizeof(c));
	snprintf(c.control.contexts, sizeof(c.control.contexts), "%s", copy);
	s = x->w->e.s;
	s.conf = &c;
	mg->s = &s;
	memcpy(mg->controller, was->controller, sizeof(mg->controller));
	memcpy(mg->conf, was->conf, sizeof(mg->conf));
	memcpy(mg->mid, was->mid, sizeof(mg->mid));
	mg->n_controller = none ? 0 : was->n_controller;
	mg_assoc_init(mg);
	mg->sources = sources_open(MG_RATE_MAX, MG_KEPT_MS, &mg->rand.key);
	assert_non_null(mg->sources);
	if (!mg_file_open(mg, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(mg_file_load(mg), !none);
}

static void let_go(struct mg *mg)
{
	mg_file_close(mg);
	mg_assoc_free(mg);
	sources_close(mg->sources);
}

static void judge(void *arg, const char *copy)
{
	static struct mg mg;
	struct killed *x = arg;
	int is[4];

	take_up(x, copy, &mg, false);
	assert_int_equal(replied(&mg, 77, OLD_REPLY), 2);
	is[0] = replied(&mg, 78, NEW_REPLY);
	is[1] = asked(&mg);
	is[2] = charged(&mg);
	is[3] = leaves(&mg);
	let_go(&mg);
	/* The transaction's and the association's go one way, the other two come and go. */
	assert_true(is[0] >= x->stage[0] && is[2] >= x->stage[2]);
	for (int i = 0; i < 4; i++) {
		x->stage[i] = is[i];
		x->seen[i][is[i]]++;
	}
	/* Whoever was in charge can be told that it is so no more, unless another is being told. */
	take_up(x, copy, &mg, true);
	assert_true(sock_addr_eq(&mg.leave.to, &mg.controller[is[2]]));
	let_go(&mg);
}

/* Where the text of the first request is. */
static uint64_t request_at(const struct mg_world *w, uint64_t *size)
{
	FILE *f = fopen(mg_world_file(w), "r");
	struct stat st;
	uint64_t at;
	char *p, *found;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	p = malloc((size_t)st.st_size);
	assert_int_equal(fread(p, 1, (size_t)st.st_size, f), st.st_size);
	found = memmem(p, (size_t)st.st_size, "Notify = ip/", 12);
	assert_non_null(found);
	at = (uint64_t)(found - p);
	*size = (uint64_t)st.st_size;
	free(p);
	fclose(f);
	return at;
}

/* Each record is the old one, the new one, or as if there had been none. */
static void test_killed_at_any_instruction(void **state)
{
	struct killed x = { .w = *state };
	struct mg *mg = x.w->mg;
	struct source_command *p;
	char name[MG_NAME_MAX];
	uint64_t at, size;

	gate_kill(x.w->e.s.gateway, mg_context_find(mg, call(x.w, name)));
	assoc_set(mg, 0, 7);
	p = begun(mg, 77);
	mg_file_begin(mg, p);
	mg_file_answer(mg, OLD_REPLY, sizeof(OLD_REPLY) - 1);
	sources_answered(mg->sources, p, OLD_REPLY, sizeof(OLD_REPLY) - 1, mg->s->now_ms);
	at = request_at(x.w, &size) - 1024;
	assert_true(at + 4096 < size);
	{
		const struct steps_piece piece[] = { { 1, 0, 32768 }, { 1, at, 4096 } };

		steps_run_at(x.w->e.conf.control.contexts, ".h248", piece, N_OF(piece), work, judge,
			     &x);
	}
	/* It was seen at work, and to the end. */
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < (i ? 2 : 3); k++)
			assert_int_not_equal(x.seen[i][k], 0);
	}
	assert_int_equal(x.stage[0], 2);
	assert_int_equal(x.stage[2], 1);
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
		IN_WORLD(test_leave),
		IN_WORLD(test_leave_silent),
		IN_WORLD(test_leave_by_restart),
		IN_WORLD(test_leave_to_nobody),
		IN_WORLD(test_run_once),
		IN_WORLD(test_interrupted),
		IN_WORLD(test_long),
		IN_WORLD(test_full),
		IN_WORLD(test_notify),
		IN_WORLD(test_notify_next),
		IN_WORLD(test_killed_at_any_instruction),
		IN_WORLD(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
