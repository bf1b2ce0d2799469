/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a reload leaves for a restart although its keys are live (conf/waits.c): the first of a
 * kind, and what hangs on it. Only that stays as it runs, and all else of the file is applied; each
 * key of it is told with its reason and its line, what a restart costs, and nothing else is; once
 * it runs nothing waits any more. Nobody is left without listeners or relays.
 */
#include "tests/world/unit.h"

#include "conf/kept.h"
#include "conf/listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 4096, ERR_MAX = 1024 };

/* Two ports, and on them what the case has. */
#define PORTS                                                                       \
	"ports:\n"                                                                  \
	"  - {name: a, device: net_null0, addresses: [10.1.0.1/24, 10.1.0.2/24]}\n" \
	"  - {name: b, device: net_null1, addresses: [10.2.0.1/24]}\n"
#define LAB "  - {name: lab, device: net_null2, addresses: [10.7.0.1/24]}\n"
#define UDP "  - {address: 10.1.0.1}\n"
#define TCP "  - {address: 10.1.0.1, transport: tcp}\n"
#define TLS "  - {address: 10.1.0.1, port: 5349, transport: tls}\n"
#define DTLS "  - {address: 10.1.0.1, port: 5349, transport: dtls}\n"
#define RELAY "  - {address: 10.2.0.1}\n"
#define CERTIFICATE                        \
	"tls-domains: [{name: default}]\n" \
	"certificates: [{chain: /x.pem, key: /x.key}]\n"
#define GATEWAY "gateway: {contexts: 64, streams: 16}\n"
#define SERVICE "services: [{name: web, sip: true, backend: 10.1.0.9}]\n"
#define CHOSEN "services: [{name: web, backend: 10.1.0.9}]\n"

struct file {
	const char *ports, *listeners, *relays, *rest, *turn;
};

static char path[] = "/tmp/fairlead-test-XXXXXX";
static struct config_waits waits;
static char told[TEXT_MAX]; /* what waits, as "KEY:LINE " */
static int gone;	    /* keys of entries that the file has no more */

/* What runs has no lines. */
static struct config *load(struct file f, const char *turn)
{
	static struct config_errors errors;
	char err[ERR_MAX];
	struct config *c;
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fprintf(out, PORTS "%slisteners:\n%srelays:\n%s%sturn: {realm: example.org%s%s}\n",
		f.ports ? f.ports : "", f.listeners ? f.listeners : UDP,
		f.relays ? f.relays : RELAY, f.rest ? f.rest : "", f.turn ? f.turn : "", turn);
	assert_int_equal(fclose(out), 0);
	c = *turn ? config_load_all(path, &errors) : config_load(path, err, sizeof(err));
	if (!c)
		fail_msg("%s", *turn ? errors.error[0].text : err);
	return c;
}

static void note(void *arg, const struct config_change *c)
{
	const bool dp = c->applied == APPLIED_DP;
	const struct config_wait *wait = config_waits_find(&waits, c->key);
	const struct config *fresh = arg;
	const size_t used = strlen(told);
	const struct config_where at = config_where(fresh, c->line);

	if (strcmp(c->key, "turn.lifetime-max") == 0) {
		assert_int_equal(c->applied, APPLIED_LIVE);
		return;
	}
	gone += !c->to && c->applied == APPLIED_BOTH;
	if (!wait) /* the port, or contexts, that something waits for */
		return;
	assert_true(dp);
	assert_string_equal(c->why, wait->why);
	assert_non_null(strstr(c->lost, "connections over TCP"));
	snprintf(told + used, sizeof(told) - used, "%s%s ", c->key, at.text + strlen(path));
}

/* What runs after it; want: what waits, with reasons in part. */
static struct config *reload(struct file was, struct file now, const char *want, const char *why)
{
	struct config *runs = load(was, ""), *fresh = load(now, ", lifetime-max: 4000"), *next,
		      *again;
	char err[ERR_MAX] = "", keys[TEXT_MAX] = "";

	next = config_merge(runs, fresh, &waits, err, sizeof(err));
	if (!next)
		fail_msg("%s", err);
	for (uint16_t i = 0; i < waits.n; i++)
		sprintf(keys + strlen(keys), "%s%s", i ? " " : "", waits.wait[i].key);
	assert_string_equal(keys, want);
	if (*why && !strstr(waits.wait[0].why, why))
		fail_msg("not '%s': %s", why, waits.wait[0].why);
	assert_int_equal(next->turn.lifetime_max, 4000);
	told[0] = '\0';
	gone = 0;
	config_compare(runs, fresh, &waits, note, fresh);
	/* The next reload finds what waits, and nothing else. */
	again = config_merge(next, fresh, &waits, err, sizeof(err));
	if (!again)
		fail_msg("%s", err);
	assert_false(config_both_differ(next, again));
	config_free(again);
	/* After a restart nothing does. */
	config_free(runs);
	runs = load(now, "");
	again = config_merge(runs, fresh, &waits, err, sizeof(err));
	assert_non_null(again);
	assert_int_equal(waits.n, 0);
	config_free(again);
	config_free(fresh);
	config_free(runs);
	return next;
}

/* Of what is in the file, UDP and the relay are applied, what waits is not. */
static void waits_for(struct file was, struct file now, const char *want, const char *why)
{
	config_free(reload(was, now, want, why));
}

static void what_needs_nothing_does_not_wait(void **state)
{
	(void)state;
	waits_for((struct file){ 0 }, (struct file){ .listeners = UDP "  - {address: 10.1.0.2}\n" },
		  "", "");
	waits_for((struct file){ .listeners = UDP TCP },
		  (struct file){ .listeners = TCP UDP
				 "  - {address: 10.1.0.1, port: 80, transport: tcp}\n" },
		  "", "");
	waits_for((struct file){ .listeners = UDP TLS, .rest = CERTIFICATE },
		  (struct file){ .listeners = TLS "  - {address: 10.1.0.2, transport: tls}\n",
				 .rest = CERTIFICATE },
		  "", "");
}

static void the_first_listener_of_a_kind(void **state)
{
	struct config *next;

	(void)state;
	next = reload((struct file){ 0 },
		      (struct file){ .listeners = TCP UDP "  - {address: 10.1.0.2}\n" },
		      "listeners[0]", "the first one by which TCP goes on a port");
	assert_int_equal(next->n_listener, 2);
	assert_int_equal(listener_places(next), 2);
	assert_int_equal(next->listener[1].addr.ip.b[15], 2);
	assert_string_equal(
	    told, "listeners[0].address:5 listeners[0].port:5 "
		  "listeners[0].transport:5 listeners[0].domain:5 listeners[0].service:5 ");
	config_free(next);
	waits_for((struct file){ .listeners = UDP TCP },
		  (struct file){ .listeners = UDP TCP TLS, .rest = CERTIFICATE }, "listeners[2]",
		  "the first one for TLS");
	waits_for((struct file){ .listeners = UDP TCP TLS, .rest = CERTIFICATE },
		  (struct file){ .listeners = UDP TCP TLS DTLS, .rest = CERTIFICATE },
		  "listeners[3]", "the first one for DTLS");
	waits_for((struct file){ 0 },
		  (struct file){ .listeners = UDP "  - {address: 10.2.0.1, port: 9}\n" },
		  "listeners[1]", "the first one at the address of a relay");
	/* TCP that is relayed leaves by the relay's port. */
	waits_for((struct file){ .listeners = UDP TCP },
		  (struct file){ .listeners =
				     UDP TCP "  - {address: 10.2.0.1, port: 9, transport: tcp}\n" },
		  "listeners[2]", "at the address of a relay");
}

/* One whose transport is another is another: the old one goes, as the file says. */
static void what_went_is_gone(void **state)
{
	struct config *next = reload((struct file){ .listeners = UDP TCP },
				     (struct file){ .listeners = UDP TLS, .rest = CERTIFICATE },
				     "listeners[1]", "the first one for TLS");

	(void)state;
	assert_int_equal(next->n_listener, 1);
	assert_false(listener_is_there(next, 1));
	assert_int_equal(gone, 5);
	config_free(next);
}

static void nobody_is_left_without(void **state)
{
	struct config *next =
	    reload((struct file){ 0 }, (struct file){ .listeners = TLS, .rest = CERTIFICATE },
		   "listeners[0] listeners", "the first one for TLS");

	(void)state;
	assert_int_equal(next->n_listener, 1);
	assert_true(listener_is_there(next, 0));
	config_free(next);
	next = reload((struct file){ 0 },
		      (struct file){ .ports = LAB, .relays = "  - {address: 10.7.0.1}\n" },
		      "relays[0] relays", "of a port that waits");
	assert_int_equal(next->n_relay, 1);
	assert_false(next->relay[0].gone);
	config_free(next);
}

static void what_is_at_a_port_that_waits(void **state)
{
	struct config *next =
	    reload((struct file){ 0 },
		   (struct file){ .ports = LAB,
				  .listeners = "  - {address: 10.7.0.1}\n" UDP,
				  .relays = "  - {address: 10.7.0.1, port-min: 50000}\n" RELAY },
		   "relays[0] listeners[0]", "its address is of a port that waits for a restart");

	(void)state;
	assert_int_equal(next->n_listener, 1);
	assert_int_equal(next->n_relay, 1);
	assert_int_equal(next->n_port, 2);
	config_free(next);
}

static void relays_that_send_tcp_first(void **state)
{
	static const char *const streams = "realms: [{name: core}]\n" GATEWAY;
	struct config *next;

	(void)state;
	/* Port b has none, until a relay for TURN, beside clients over TCP, is there. */
	waits_for((struct file){ .listeners = TCP, .relays = "  - {address: 10.1.0.2}\n" },
		  (struct file){ .listeners = TCP, .relays = "  - {address: 10.1.0.2}\n" RELAY },
		  "relays[1]", "the first one by which TCP goes");
	next = reload(
	    (struct file){ .rest = streams },
	    (struct file){ .rest = streams, .relays = "  - {address: 10.2.0.1, realm: core}\n" },
	    "relays[0].realm", "the first one by which TCP goes");
	assert_int_equal(next->n_relay, 1);
	assert_string_equal(next->relay[0].realm, "");
	assert_int_equal(next->relay[0].realm_index, CONFIG_REALMS_MAX);
	assert_string_equal(told, "relays[0].realm:7 ");
	config_free(next);
}

static void the_first_realm_for_tls(void **state)
{
	struct config *next = reload(
	    (struct file){ .rest = "realms: [{name: core}]\n" GATEWAY CERTIFICATE },
	    (struct file){
		.rest =
		    "realms: [{name: more, domain: default}, {name: core}]\n" GATEWAY CERTIFICATE },
	    "realms[0].domain", "the first one for TLS");

	(void)state;
	assert_int_equal(next->n_realm, 2);
	assert_string_equal(next->realm[1].name, "more");
	assert_int_equal(next->realm[1].domain_index, CONFIG_DOMAINS_MAX);
	config_free(next);
}

static void the_first_service(void **state)
{
	struct config *next;

	(void)state;
	/* Port b has no TCP, and a back end may be anywhere. */
	next = reload(
	    (struct file){ .listeners = UDP TCP, .relays = "  - {address: 10.1.0.2}\n" },
	    (struct file){ .listeners = UDP TCP
			   "  - {address: 10.1.0.1, port: 80, transport: tcp, service: web}\n",
			   .relays = "  - {address: 10.1.0.2}\n",
			   .rest = SERVICE },
	    "services listeners[2]", "the first one by which TCP goes");
	assert_int_equal(next->n_service, 0);
	assert_int_equal(next->n_listener, 2);
	config_free(next);
	/* One that is there goes on without it. */
	next = reload((struct file){ .listeners = UDP TCP, .relays = "  - {address: 10.1.0.2}\n" },
		      (struct file){ .listeners = UDP
				     "  - {address: 10.1.0.1, transport: tcp, service: web}\n",
				     .relays = "  - {address: 10.1.0.2}\n",
				     .rest = CHOSEN },
		      "services listeners[1].service", "the first one by which TCP goes");
	assert_int_equal(next->n_listener, 2);
	assert_false(next->listener[1].has_service);
	config_free(next);
	/* And one that only a listener chooses which waits, waits with it. */
	waits_for((struct file){ 0 },
		  (struct file){ .listeners =
				     UDP "  - {address: 10.1.0.1, transport: tcp, service: web}\n",
				 .rest = CHOSEN },
		  "listeners[1] services[0]", "the first one by which TCP goes");
}

static void the_gateway(void **state)
{
	static const char *const realms = "realms: [{name: core}]\n";
	struct config *next;

	(void)state;
	next = reload(
	    (struct file){ .rest = realms },
	    (struct file){
		.rest = "realms: [{name: core}]\ngateway: {contexts: 64, streams: 16, ng-port: "
			"2223, ng-websocket-port: 8080, lifetime: 77}\n" },
	    "gateway.ng-port gateway.ng-websocket-port", "gateway.contexts waits");
	assert_int_equal(next->gateway.ng_port, 0);
	assert_int_equal(next->gateway.lifetime, 77);
	config_free(next);
	/* One that is to go keeps its realms. */
	next = reload((struct file){ .rest = "realms: [{name: core}]\n" GATEWAY },
		      (struct file){ 0 }, "realms", "gateway.contexts waits");
	assert_int_equal(next->n_realm, 1);
	assert_false(next->realm[0].gone);
	config_free(next);
}

/* Meters are made when there is one. */
static void limits_of_rates_wait_for_nothing(void **state)
{
	struct config *next;

	(void)state;
	next = reload(
	    (struct file){ 0 },
	    (struct file){
		.turn = ", session-rate: 9, session-packets: 8, user-rate: 7, user-packets: 6" },
	    "", "");
	assert_int_equal(next->turn.session_rate, 9);
	assert_int_equal(next->turn.session_packets, 8);
	assert_int_equal(next->turn.user_rate, 7);
	assert_int_equal(next->turn.user_packets, 6);
	config_free(next);
	waits_for((struct file){ .turn = ", session-rate: 9, user-rate: 7" },
		  (struct file){ .turn = ", session-packets: 8, user-packets: 6" }, "", "");
}

static void note_allocations(void *arg, const struct config_change *c)
{
	if (strcmp(c->key, "turn.allocations-max") == 0)
		*(enum config_applied *)arg = c->applied;
}

/* Up to what there were places for at the start of fairlead-cp, whose restart is what more waits
 * for. */
static void more_allocations(void **state)
{
	static const struct {
		uint32_t want;
		bool waits;
	} turn[] = { { 50, false }, { 100, false }, { 101, true }, { 7, false } };
	struct config *runs = load((struct file){ .turn = ", allocations-max: 100" }, ""), *fresh,
		      *next;
	char err[ERR_MAX], text[64];

	(void)state;
	runs->turn.allocations_places = 100;
	for (unsigned i = 0; i < sizeof(turn) / sizeof(turn[0]); i++) {
		enum config_applied applied = APPLIED_UNSAID;
		const uint32_t was = runs->turn.allocations_max;

		snprintf(text, sizeof(text), ", allocations-max: %u", turn[i].want);
		fresh = load((struct file){ .turn = text }, ", lifetime-max: 4000");
		next = config_merge(runs, fresh, &waits, err, sizeof(err));
		assert_non_null(next);
		assert_int_equal(next->turn.allocations_max, turn[i].waits ? was : turn[i].want);
		assert_int_equal(next->turn.allocations_places, 100);
		config_compare(runs, fresh, &waits, note_allocations, &applied);
		assert_int_equal(applied, turn[i].waits ? APPLIED_CP : APPLIED_LIVE);
		config_free(fresh);
		config_free(runs);
		runs = next;
	}
	config_free(runs);
}

/* "listeners[1]" is not "listeners[10]". */
static void keys_are_whole(void **state)
{
	struct config_waits w = { .n = 1, .wait = { { .key = "listeners[1]" } } };

	(void)state;
	assert_ptr_equal(config_waits_find(&w, "listeners[1].port"), w.wait);
	assert_null(config_waits_find(&w, "listeners[10].port"));
	assert_null(config_waits_find(&w, "listeners"));
	assert_null(config_waits_find(NULL, "listeners[1]"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_needs_nothing_does_not_wait),
		cmocka_unit_test(the_first_listener_of_a_kind),
		cmocka_unit_test(what_went_is_gone),
		cmocka_unit_test(nobody_is_left_without),
		cmocka_unit_test(what_is_at_a_port_that_waits),
		cmocka_unit_test(relays_that_send_tcp_first),
		cmocka_unit_test(the_first_realm_for_tls),
		cmocka_unit_test(the_first_service),
		cmocka_unit_test(the_gateway),
		cmocka_unit_test(limits_of_rates_wait_for_nothing),
		cmocka_unit_test(more_allocations),
		cmocka_unit_test(keys_are_whole),
	};
	const int fd = mkstemp(path);
	int rc;

	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
