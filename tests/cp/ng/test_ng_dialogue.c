/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls that end without an order are told to SIP proxies (R93): which ends, once a dialogue, the
 * first proxy that knows it; proxies that refuse, do not answer, or are far behind.
 */
#include "tests/world/ng_world.h"

#include "cp/context/gateway_priv.h"
#include "cp/socket.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROXIES = 2 };

static const char offer[] = "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\n"
			    "t=0 0\nm=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\n";
static const char answer[] = "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\n"
			     "t=0 0\nm=audio 6000 RTP/AVP 0\nm=video 6002 RTP/AVP 96\n";

static const char known[] = "<methodResponse><params/></methodResponse>";
static const char fault[] = "<methodResponse><fault><value/></fault></methodResponse>";

/* A proxy: what it answers, NULL for 500, and what came last. */
static struct proxy {
	struct evhttp *http;
	const char *says;
	unsigned heard;
	char host[64], path[64], body[2048];
} proxies[PROXIES];

static void on_post(struct evhttp_request *req, void *arg)
{
	struct proxy *p = arg;
	struct evbuffer *in = evhttp_request_get_input_buffer(req), *out = evbuffer_new();
	const size_t n = evbuffer_get_length(in);

	assert_true(n < sizeof(p->body));
	evbuffer_remove(in, p->body, n);
	p->body[n] = 0;
	p->heard++;
	snprintf(p->host, sizeof(p->host), "%s",
		 evhttp_find_header(evhttp_request_get_input_headers(req), "Host"));
	snprintf(p->path, sizeof(p->path), "%s", evhttp_request_get_uri(req));
	evbuffer_add_printf(out, "%s", p->says ? p->says : "");
	evhttp_send_reply(req, p->says ? 200 : 500, "as it is", out);
	evbuffer_free(out);
}

/* The proxy listens; the configuration has it already. */
static void proxy_listens(struct ng_world *w, unsigned i, const char *says)
{
	proxies[i] = (struct proxy){ .http = evhttp_new(w->base), .says = says };
	assert_int_equal(
	    evhttp_bind_socket(proxies[i].http, "127.0.0.1", w->e.conf.gateway.ng_proxy[i].port),
	    0);
	evhttp_set_gencb(proxies[i].http, on_post, &proxies[i]);
}

static int setup(void **state)
{
	struct ng_world *w;

	ng_world_setup(state);
	w = *state;
	for (uint16_t i = 0; i < PROXIES; i++) {
		struct config_ng_proxy *p = &w->e.conf.gateway.ng_proxy[i];

		p->addr = addr("127.0.0.1", 0).ip;
		p->port = ng_free_port(SOCK_STREAM);
		snprintf(p->path, sizeof(p->path), "/rpc%u", i);
	}
	w->e.conf.gateway.n_ng_proxy = PROXIES;
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < PROXIES; i++) {
		if (proxies[i].http)
			evhttp_free(proxies[i].http);
		proxies[i] = (struct proxy){ 0 };
	}
	return ng_world_teardown(state);
}

static void two_m_lines(struct ng_world *w)
{
	ng_sdp(w, "offer", "a", NULL, "", offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_int_equal(ng_contexts(w), 2);
}

static void end(struct ng_world *w, uint16_t media, enum context_end why)
{
	gate_end(w->e.s.gateway, ng_context(w, media), why);
}

static void too_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	fail_msg("nothing happened for ten seconds");
}

/* Lets all work until a counter is there. */
static void until(struct ng_world *w, const uint64_t *counter, uint64_t n)
{
	struct event *guard = evtimer_new(w->base, too_late, NULL);

	evtimer_add(guard, &(struct timeval){ .tv_sec = 10 });
	while (*counter < n)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(*counter, n);
	event_free(guard);
}

/* Nothing that waits, and nothing under way. */
static void nothing_to_tell(struct ng_world *w)
{
	const struct ng_stats *n = ng_stats(w->ng);

	for (int i = 0; i < 20; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_int_equal(n->dialogues_ended + n->dialogues_unknown + n->dialogues_unanswered +
			     n->dialogues_full,
			 0);
}

static void a_call_that_went_silent_is_told_once(void **state)
{
	struct ng_world *w = *state;

	proxy_listens(w, 0, known);
	two_m_lines(w);
	end(w, 0, CONTEXT_END_INACTIVE);
	nothing_to_tell(w); /* the other m-line goes on */
	end(w, 1, CONTEXT_END_INACTIVE);
	until(w, &ng_stats(w->ng)->dialogues_ended, 1);
	assert_int_equal(proxies[0].heard, 1);
	assert_string_equal(proxies[0].path, "/rpc0");
	assert_non_null(strstr(proxies[0].host, "127.0.0.1:"));
	assert_string_equal(proxies[0].body,
			    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			    "<methodCall><methodName>dlg.terminate_dlg</methodName><params>"
			    "<param><value><string>c</string></value></param>"
			    "<param><value><string>a</string></value></param>"
			    "<param><value><string>b</string></value></param>"
			    "</params></methodCall>\n");
}

static void ends_that_were_ordered_or_never_began_are_not_told(void **state)
{
	struct ng_world *w = *state;
	static const enum context_end quiet[] = { CONTEXT_END_REQUEST, CONTEXT_END_ANSWER,
						  CONTEXT_END_CONNECT, CONTEXT_END_CONNECTION };

	proxy_listens(w, 0, known);
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		two_m_lines(w);
		end(w, 0, quiet[i]);
		end(w, 1, quiet[i]);
	}
	ng_sdp(w, "offer", "a", NULL, "", offer);
	end(w, 0, CONTEXT_END_KILLED);
	end(w, 1, CONTEXT_END_KILLED);
	nothing_to_tell(w);
	/* Nor any where no proxy is configured. */
	w->e.conf.gateway.n_ng_proxy = 0;
	two_m_lines(w);
	end(w, 0, CONTEXT_END_KILLED);
	end(w, 1, CONTEXT_END_KILLED);
	nothing_to_tell(w);
}

static void the_next_is_asked_where_one_does_not_know_it(void **state)
{
	struct ng_world *w = *state;
	const struct ng_stats *n = ng_stats(w->ng);
	static const char *const ignorant[] = { fault, NULL };

	proxy_listens(w, 1, known);
	proxy_listens(w, 0, NULL);
	for (unsigned i = 0; i < 2; i++) {
		proxies[0].says = ignorant[i];
		two_m_lines(w);
		end(w, 1, CONTEXT_END_DRAIN);
		end(w, 0, CONTEXT_END_DRAIN);
		until(w, &n->dialogues_ended, i + 1);
		assert_int_equal(proxies[0].heard, i + 1);
		assert_int_equal(proxies[1].heard, i + 1);
	}
	proxies[1].says = fault;
	two_m_lines(w);
	end(w, 1, CONTEXT_END_DRAIN);
	end(w, 0, CONTEXT_END_DRAIN);
	until(w, &n->dialogues_unknown, 1);
	assert_int_equal(n->dialogues_ended, 2);
}

static void who_does_not_answer_is_left_out_for_a_while(void **state)
{
	struct ng_world *w = *state;
	const struct ng_stats *n = ng_stats(w->ng);

	two_m_lines(w);
	end(w, 0, CONTEXT_END_LIFETIME);
	end(w, 1, CONTEXT_END_LIFETIME);
	until(w, &n->dialogues_unanswered, 1); /* nobody listens */
	proxy_listens(w, 0, known);
	proxy_listens(w, 1, known);
	/* Both are silent: the one that was so first is asked all the same. */
	two_m_lines(w);
	end(w, 0, CONTEXT_END_LIFETIME);
	end(w, 1, CONTEXT_END_LIFETIME);
	until(w, &n->dialogues_ended, 1);
	assert_int_equal(proxies[0].heard, 1);
	evhttp_free(proxies[0].http);
	proxies[0] = (struct proxy){ 0 };
	for (uint64_t i = 2; i < 4; i++) {
		two_m_lines(w);
		end(w, 0, CONTEXT_END_LIFETIME);
		end(w, 1, CONTEXT_END_LIFETIME);
		until(w, &n->dialogues_ended, i);
	}
	proxy_listens(w, 0, known); /* it is back, and not asked yet */
	two_m_lines(w);
	end(w, 0, CONTEXT_END_LIFETIME);
	end(w, 1, CONTEXT_END_LIFETIME);
	until(w, &n->dialogues_ended, 4);
	assert_int_equal(proxies[0].heard, 0);
	env_advance(&w->e, 1000 * NG_DIALOGUE_SILENT_S + 1000);
	two_m_lines(w);
	end(w, 0, CONTEXT_END_LIFETIME);
	end(w, 1, CONTEXT_END_LIFETIME);
	until(w, &n->dialogues_ended, 5);
	assert_int_equal(proxies[0].heard, 1);
}

/* Ends of that many calls of a controller. */
static void ends(struct ng_world *w, uint32_t owner, int n)
{
	struct gateway *g = w->e.s.gateway;
	static struct context c;

	c.owner = owner;
	snprintf(c.term[0].tag, sizeof(c.term[0].tag), "a");
	snprintf(c.term[1].tag, sizeof(c.term[1].tag), "b");
	for (int i = 0; i < n; i++) {
		snprintf(c.call, sizeof(c.call), "call-%d", i);
		g->listener[0].ended(g->listener[0].arg, &c, CONTEXT_END_KILLED);
	}
}

/* More than wait at most: the newest are lost and counted, and those that waited are all told. */
static void a_flood_of_ends_is_bounded(void **state)
{
	struct ng_world *w = *state;
	const struct ng_stats *n = ng_stats(w->ng);

	proxy_listens(w, 0, known);
	ends(w, 0, NG_DIALOGUES_MAX + 100);
	assert_int_equal(n->dialogues_full, 100);
	until(w, &n->dialogues_ended, NG_DIALOGUES_MAX);
	assert_int_equal(proxies[0].heard, NG_DIALOGUES_MAX);
}

/* One controller's calls end by the thousand, and no proxy takes them: another's are told as well. */
static void one_controller_does_not_keep_others_from_being_told(void **state)
{
	struct ng_world *w = *state;
	const struct ng_stats *n = ng_stats(w->ng);
	const int rest = NG_DIALOGUES_MAX / 16;

	proxy_listens(w, 0, known);
	ends(w, 5, NG_DIALOGUES_MAX);
	assert_int_equal(n->dialogues_full, rest);
	ends(w, 6, rest);
	assert_int_equal(n->dialogues_full, rest);
	ends(w, 6, 1);
	assert_int_equal(n->dialogues_full, rest + 1);
	until(w, &n->dialogues_ended, NG_DIALOGUES_MAX);
	ends(w, 5, 1); /* what was told is nobody's any more */
	assert_int_equal(n->dialogues_full, rest + 1);
}

/* What a stranger chose to be called becomes text, never markup. */
static void names_are_text(void **state)
{
	struct evbuffer *b = evbuffer_new();
	char text[1024] = "";

	(void)state;
	assert_true(ng_dialogue_body(b, "<x>&]]>\"'", "\xc3\xa4", ""));
	evbuffer_remove(b, text, sizeof(text) - 1);
	assert_non_null(strstr(text, "<string>&#60;x>&#38;]]>\"'</string>"));
	assert_non_null(strstr(text, "<string>\xc3\xa4</string>"));
	assert_false(ng_dialogue_body(b, "a", "b\x01", "c"));
	assert_false(ng_dialogue_body(b, "a\n", "b", "c"));
	evbuffer_free(b);
}

/* Where connections are taken, and nothing is answered. */
static int mute_listens(const struct ng_world *w, unsigned i)
{
	const struct config_ng_proxy *p = &w->e.conf.gateway.ng_proxy[i];
	int fd = socket_open(SOCK_STREAM, &p->addr, p->port);

	assert_true(fd >= 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

/* Those who wait behind who does not answer get old. */
static void what_waited_too_long_is_over(void **state)
{
	struct ng_world *w = *state;
	const struct ng_stats *n = ng_stats(w->ng);
	int fd = mute_listens(w, 0);

	w->e.conf.gateway.n_ng_proxy = 1;
	ends(w, 0, 2 * NG_DIALOGUE_LINES);
	nothing_to_tell(w);
	env_advance(&w->e, 1000 * NG_DIALOGUE_AGE_S);
	/* Once the first have been given up, the others are over with nobody asked. */
	until(w, &n->dialogues_unanswered, 2 * NG_DIALOGUE_LINES);
	close(fd);
}

/* The server ends while proxies have not answered: nothing is left (the sanitizer looks). */
static void the_end_waits_for_nobody(void **state)
{
	struct ng_world *w = *state;
	int fd = mute_listens(w, 0);

	ends(w, 0, 100);
	nothing_to_tell(w);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(a_call_that_went_silent_is_told_once),
		T(ends_that_were_ordered_or_never_began_are_not_told),
		T(the_next_is_asked_where_one_does_not_know_it),
		T(who_does_not_answer_is_left_out_for_a_while),
		T(a_flood_of_ends_is_bounded),
		T(one_controller_does_not_keep_others_from_being_told),
		T(names_are_text),
		T(what_waited_too_long_is_over),
		T(the_end_waits_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
