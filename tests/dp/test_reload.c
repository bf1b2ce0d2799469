/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dataplane's configuration while it changes (dp/snapshot.h, dp/reload.h): live keys of the
 * file are seen by the next look, others stay; what workers may be looking at is kept until each
 * has begun two turns since, and longer for whoever holds it; a service keeps its id wherever it
 * stands, and no other has it then; a file with a mistake, one that the control process has not
 * read, and one that does not fit what runs change nothing; listeners come, go and move, each with
 * a number of its own, where that was prepared for; so do relays and addresses of ports, with what
 * sessions and connections know of them; a control process that took a file while it was not
 * attached brings it with its hello; what DPDK logs follows, and falls back.
 */
#include "tests/world/unit.h"
#include "tests/world/worker.h"
#include "dp/reload.h"
#include "dp/service.h"
#include "dp/snapshot.h"
#include "dp/stage.h"

#include <rte_log.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { WORKERS = 2, ERR_MAX = 512 };

static const char head[] = "ports:\n"
			   "  - {name: access, device: net_null0, addresses: [10.1.0.1/24]}\n"
			   "listeners:\n"
			   "  - {address: 10.1.0.1}\n"
			   "  - {address: 10.1.0.1, port: 5060, transport: tcp, service: two}\n"
			   "relays:\n"
			   "  - {address: 10.1.0.1}\n"
			   "turn: {realm: example.org}\n";
#define SERVICE(name) "  - {name: " name ", alpn: [" name "], backend: 10.1.0.9}\n"
static const char base[] = "dataplane: {workers: [0, 1], main-cpu: 2}\n"
			   "services:\n" SERVICE("one") SERVICE("two");

static struct worker worker[WORKERS];
static struct dplane dp;
static struct region shared;
static struct tls_watch watch;
static struct config *start;
static char dir[] = "/tmp/fairlead-test-XXXXXX";
static char path[64], err[ERR_MAX];

static void file_write(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(head, f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fairlead.yaml", dir);
	file_write(base);
	start = config_load(path, err, sizeof(err));
	if (!start)
		fail_msg("%s", err);
	memset(worker, 0, sizeof(worker));
	memset(&dp, 0, sizeof(dp));
	memset(&shared, 0, sizeof(shared));
	dp.region = &shared;
	assert_true(dplane_init(&dp, start, err, sizeof(err)));
	assert_int_equal(dp.n_workers, WORKERS);
	for (uint16_t i = 0; i < dp.n_workers; i++)
		dp.worker[i] = &worker[i];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	snapshot_close(&dp);
	config_free(start);
	remove(path);
	return rmdir(dir);
}

static void turns(uint16_t i)
{
	stat_add(&worker[i].clock.beat, 1);
}

/* As the control process has read it. */
static uint64_t digest(void)
{
	struct config *c = config_load(path, err, sizeof(err));
	uint64_t d;

	if (!c)
		fail_msg("%s", err);
	d = config_both_digest(c);
	config_free(c);
	return d;
}

static void reload_ok(const char *text)
{
	file_write(text);
	if (!reload_file(&dp, &watch, digest(), err, sizeof(err)))
		fail_msg("%s", err);
}

static void reload_fails(uint64_t d, const char *why)
{
	const struct config *was = snapshot_conf(&dp);

	assert_false(reload_file(&dp, &watch, d, err, sizeof(err)));
	if (!strstr(err, why))
		fail_msg("not '%s': %s", why, err);
	assert_ptr_equal(snapshot_conf(&dp), was);
}

static uint16_t id_of(const char *name)
{
	const struct config *c = snapshot_conf(&dp);

	for (unsigned i = 0; i < c->n_service; i++)
		if (strcmp(c->service[i].name, name) == 0)
			return c->service[i].id;
	return SERVICE_NONE;
}

static const char more[] = "dataplane: {workers: [0, 1], main-cpu: 2, neighbours: 99}\n"
			   "services:\n" SERVICE("three") SERVICE("two");

static void live_keys_and_no_others(void **state)
{
	(void)state;
	assert_ptr_equal(snapshot_conf(&dp), start);
	reload_ok(base);
	assert_ptr_equal(snapshot_conf(&dp), start); /* nothing is another */
	reload_ok(more);
	assert_ptr_not_equal(snapshot_conf(&dp), start);
	assert_string_equal(snapshot_conf(&dp)->service[0].name, "three");
	assert_int_equal(snapshot_conf(&dp)->dataplane.neighbours, start->dataplane.neighbours);
	assert_string_equal(start->service[0].name, "one");
}

/* Its place is another now, and the one that went has left its id to nobody. */
static void a_service_keeps_its_id(void **state)
{
	const struct config_listener *l;

	(void)state;
	assert_int_equal(id_of("two"), 1);
	reload_ok(more);
	assert_int_equal(id_of("two"), 1);
	assert_int_not_equal(id_of("three"), 0);
	assert_int_not_equal(id_of("three"), 1);
	assert_null(config_service_by_id(snapshot_conf(&dp), 0));
	reload_ok("dataplane: {workers: [0, 1], main-cpu: 2}\nservices:\n" SERVICE("two"));
	assert_int_equal(id_of("two"), 1);
	l = &snapshot_conf(&dp)->listener[1];
	assert_true(l->has_service);
	assert_int_equal(l->service_index, 0); /* as services stand now */
	reload_ok(base);
	assert_int_equal(id_of("two"), 1);
}

static void what_is_looked_at_is_kept(void **state)
{
	struct snapshot *first, *held;

	(void)state;
	reload_ok(more);
	first = snapshot_now(&dp);
	held = snapshot_hold(first);
	reload_ok(base);
	assert_ptr_not_equal(snapshot_now(&dp), first);
	assert_ptr_equal(dp.retired, first);
	for (int i = 0; i < 9; i++)
		turns(0);
	turns(1); /* perhaps the turn that was under way */
	snapshot_turn(&dp);
	assert_ptr_equal(dp.retired, first);
	turns(1);
	snapshot_turn(&dp);
	assert_null(dp.retired);
	assert_string_equal(held->conf->service[0].name, "three");
	snapshot_drop(held); /* the sanitizer sees what is freed twice, or never */
}

static void what_does_not_fit_changes_nothing(void **state)
{
	(void)state;
	file_write("services: [{name: two}]\n");
	reload_fails(0, "is missing");
	file_write(more);
	reload_fails(digest() + 1, "other values there than fairlead-cp");
	/* The file is right, but the listener that runs stays without its service. */
	file_write("dataplane: {workers: [0, 1], main-cpu: 2}\nservices:\n" SERVICE(
	    "two") "tls-domains: [{name: a, psk: true}]\n");
	if (!reload_file(&dp, &watch, digest(), err, sizeof(err)))
		fail_msg("%s", err);
	file_write("dataplane: {workers: [0, 1], main-cpu: 2}\nservices:\n" SERVICE(
	    "two") "tls-domains: [{name: b, psk: true}, {name: a, psk: true}]\n");
	if (!reload_file(&dp, &watch, digest(), err, sizeof(err)))
		fail_msg("%s", err);
	assert_string_equal(snapshot_conf(&dp)->domain[0].name, "a"); /* where it was */
	assert_string_equal(snapshot_conf(&dp)->domain[1].name, "b");
	assert_int_equal(remove(path), 0);
	reload_fails(0, "cannot be opened");
}

/* clang-format off */
#define LISTENERS(more) \
	"ports:\n" \
	"  - {name: access, device: net_null0, addresses: [10.1.0.1/24, 10.1.0.2/24]}\n" \
	"listeners:\n" \
	"  - {address: 10.1.0.1}\n" more "relays:\n" \
	"  - {address: 10.1.0.2}\n" \
	"turn: {realm: example.org}\n"
/* clang-format on */
#define TCP "  - {address: 10.1.0.1, transport: tcp}\n"
#define UDP "  - {address: 10.1.0.1, port: 3479}\n"

static void file_write_all(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void start_with(const char *text)
{
	file_write_all(text);
	config_free(start);
	start = config_load(path, err, sizeof(err));
	assert_non_null(start);
	memset(&dp, 0, sizeof(dp));
	memset(&shared, 0, sizeof(shared));
	dp.region = &shared;
	assert_true(dplane_init(&dp, start, err, sizeof(err)));
	for (uint16_t i = 0; i < dp.n_workers; i++)
		dp.worker[i] = &worker[i];
}

static void reload_all(const char *text)
{
	file_write_all(text);
	if (!reload_file(&dp, &watch, digest(), err, sizeof(err)))
		fail_msg("%s", err);
}

/* Its number stays, wherever it stands in the file and whatever becomes of others. */
static void a_listener_keeps_its_place(void **state)
{
	const struct config_listener *l;
	struct ip_addr ip;

	(void)state;
	assert_true(ip_parse("10.1.0.1", &ip));
	start_with(LISTENERS(TCP));
	assert_int_equal(dplane_listener(&dp, &ip, 3479), LOCAL_NONE);
	assert_false(dplane_has_listener(&dp, 2));
	reload_all(LISTENERS(TCP UDP));
	assert_true(dplane_has_listener(&dp, 2));
	assert_int_equal(dplane_listener(&dp, &ip, 3479), 2);
	assert_int_equal(dplane_listener(&dp, &ip, 3478), 0);
	assert_int_equal(dplane_tcp_listener(&dp, &ip, 3478), 1);
	assert_int_equal(dplane_tcp_listener(&dp, &ip, 3479), LOCAL_NONE);
	reload_all(LISTENERS(UDP TCP)); /* moved, which is nothing alone */
	assert_int_equal(dplane_listener(&dp, &ip, 3479), 2);
	assert_int_equal(dplane_tcp_listener(&dp, &ip, 3478), 1);
	assert_int_equal(be16_get(snapshot_conf(&dp)->listener[1].addr.port), 3478);
	reload_all("services:\n" SERVICE("web") LISTENERS(UDP TCP));
	assert_int_equal(dplane_listener(&dp, &ip, 3479), 2);
	assert_int_equal(dplane_tcp_listener(&dp, &ip, 3478), 1);
	assert_int_equal(be16_get(snapshot_conf(&dp)->listener[1].addr.port), 3479);
	l = listener_at_place(snapshot_conf(&dp), 2);
	assert_ptr_equal(l, &snapshot_conf(&dp)->listener[1]);
	assert_int_equal(listener_place_of(snapshot_conf(&dp), 2), 1);
	reload_all(LISTENERS(UDP)); /* removed */
	assert_int_equal(dplane_tcp_listener(&dp, &ip, 3478), LOCAL_NONE);
	assert_false(dplane_has_listener(&dp, 1));
	assert_null(listener_at_place(snapshot_conf(&dp), 1));
	assert_int_equal(dplane_listener(&dp, &ip, 3479), 2);
	/* Another gets no number that was one's; who comes back has his own. */
	reload_all(LISTENERS("  - {address: 10.1.0.1, port: 3480}\n"));
	assert_int_equal(dplane_listener(&dp, &ip, 3480), 3);
	assert_int_equal(dplane_listener(&dp, &ip, 3479), LOCAL_NONE);
	reload_all(LISTENERS(UDP TCP));
	assert_int_equal(dplane_listener(&dp, &ip, 3479), 2);
	assert_int_equal(dplane_tcp_listener(&dp, &ip, 3478), 1);
	assert_int_equal(dplane_listener(&dp, &ip, 3480), LOCAL_NONE);
	assert_int_equal(dp.n_listener, 4);
}

#define RELAYS(list)                                                                   \
	"ports:\n"                                                                     \
	"  - {name: access, device: net_null0, addresses: [10.1.0.1/24, 10.1.0.2/24, " \
	"10.1.0.3/24]}\n"                                                              \
	"listeners:\n"                                                                 \
	"  - {address: 10.1.0.1}\n"                                                    \
	"relays:\n" list "turn: {realm: example.org}\n"
#define R2 "  - {address: 10.1.0.2, port-min: 50000, port-max: 50999}\n"
#define R3 "  - {address: 10.1.0.3, port-min: 50000, port-max: 50999}\n"
#define R3_WIDE "  - {address: 10.1.0.3, port-min: 40000, port-max: 50999}\n"
#define R3_OWNED "  - {address: 10.1.0.3, port-min: 50000, port-max: 50999, worker: 0}\n"

static const struct local_addr *local(const char *text)
{
	struct ip_addr ip;

	assert_true(ip_parse(text, &ip));
	return dplane_local(&dp, &ip);
}

static bool relays_port(const char *ip, uint16_t port)
{
	return local_relay_at(local(ip), port) != CTL_RELAY_NONE;
}

/* What a session, or a command, has of a relay stays what it was; a range is another at once. */
static void a_relay_keeps_its_place(void **state)
{
	struct deal deal;

	(void)state;
	start_with(RELAYS(R2));
	assert_int_equal(dp.n_relay, 1);
	assert_false(relays_port("10.1.0.3", 50000));
	reload_all(RELAYS(R3 R2)); /* before the other */
	assert_int_equal(local_relay(local("10.1.0.2")), 0);
	assert_int_equal(local_relay(local("10.1.0.3")), 1);
	assert_true(relays_port("10.1.0.3", 50000));
	assert_true(ip_eq(&dp.relay_addr[1], &local("10.1.0.3")->ip));
	assert_int_equal(shared.n_relay, 2);
	assert_true(ip_eq(&shared.relay[1].addr, &local("10.1.0.3")->ip));
	deal = dp.relay_deal[1];
	assert_true(deal.base >= 65536 / dp.n_workers); /* behind the first's */
	reload_all(RELAYS(R3_WIDE R2));
	assert_true(relays_port("10.1.0.3", 40000));
	reload_all(RELAYS(R3 R2));
	assert_false(relays_port("10.1.0.3", 40000));
	reload_all(RELAYS(R2)); /* removed: no session may be set on it, and no packet finds it */
	assert_int_equal(local_relay(local("10.1.0.3")), CTL_RELAY_NONE);
	assert_int_equal(snapshot_conf(&dp)->n_relay, 2);
	assert_false(
	    config_relay_has(snapshot_conf(&dp), &(struct ctl_relay){ 1, be16_make(50000) }));
	assert_true(
	    config_relay_has(snapshot_conf(&dp), &(struct ctl_relay){ 0, be16_make(50000) }));
	reload_all(RELAYS(R2 R3));
	assert_int_equal(local_relay(local("10.1.0.3")), 1);
	assert_memory_equal(&deal, &dp.relay_deal[1], sizeof(deal));
	reload_all(RELAYS(R2)); /* of one worker it is another: rows of its own */
	for (int turn = 0; turn < 3; turn++) {
		reload_all(RELAYS(R3_OWNED R2 "  - {address: 10.1.0.1, port-min: 50000}\n"));
		assert_int_equal(local_relay(local("10.1.0.3")), 2);
		assert_int_equal(relay_owner(&dp, 2, 50000), 0);
		reload_all(RELAYS(R2));
	}
	assert_int_equal(dp.n_relay, 4);
	assert_memory_equal(&deal, &dp.relay_deal[1], sizeof(deal));
}

/* No row is anybody's twice, and one reload too many leaves all as it was. */
static void relays_are_bounded(void **state)
{
	uint32_t end;

	(void)state;
	start_with(RELAYS(R2));
	end = dp.deal_end[0];
	reload_all(RELAYS(R2 R3));
	assert_true(dp.deal_end[0] > end && dp.deal_end[0] <= dp.places);
	assert_true(dp.relay_deal[1].base == end);
	dp.places = dp.deal_end[0]; /* as if others had taken the rest */
	reload_all(RELAYS(R2 R3_WIDE));
	reload_all(RELAYS(R2));
	reload_all(RELAYS(R2 R3)); /* it has its rows */
	file_write_all(RELAYS(R2 R3_OWNED));
	reload_fails(digest(), "reloads have added as many as there is room for");
	assert_int_equal(dp.n_relay, 2);
	assert_true(relays_port("10.1.0.3", 50000));
}

#define ADDRESSES(first, second, relay)                                   \
	"ports:\n"                                                        \
	"  - {name: access, device: net_null0, addresses: [" first "]}\n" \
	"  - {name: core, device: net_null1, addresses: [" second "]}\n"  \
	"listeners:\n"                                                    \
	"  - {address: 10.1.0.1}\n"                                       \
	"relays:\n"                                                       \
	"  - {address: " relay ", port-min: 50000}\n"                     \
	"turn: {realm: example.org}\n"

static const struct local_addr *local_v4(const char *text)
{
	struct ip_addr ip;
	uint32_t word;

	assert_true(ip_parse(text, &ip));
	memcpy(&word, ip.b + 12, 4);
	return dplane_local_v4(&dp, word);
}

/* Connections have its number, which is its own also while it is gone, and at another port. */
static void an_address_keeps_its_number(void **state)
{
	const struct local_addr *one, *three;

	(void)state;
	start_with(ADDRESSES("10.1.0.1/24, 10.1.0.2/24", "10.2.0.1/24", "10.2.0.1"));
	one = local("10.1.0.1");
	assert_null(local("10.2.0.3"));
	reload_all(ADDRESSES("10.1.0.1/24, 10.1.0.2/24", "10.2.0.3/24, 10.2.0.1/24, fd00::3/64",
			     "10.2.0.3"));
	three = local("10.2.0.3");
	assert_non_null(three);
	assert_ptr_equal(local_v4("10.2.0.3"), three);
	assert_non_null(local("fd00::3"));
	assert_int_equal(three->port, 1);
	assert_true(relays_port("10.2.0.3", 50000)); /* with its relay, in one reload */
	assert_int_equal(local_relay(local("10.2.0.1")), CTL_RELAY_NONE);
	reload_all(ADDRESSES("10.1.0.1/24", "10.2.0.1/24", "10.2.0.1")); /* removed */
	assert_null(local("10.2.0.3"));
	assert_null(local_v4("10.2.0.3"));
	assert_null(local("10.1.0.2"));
	assert_null(local("fd00::3"));
	assert_ptr_equal(local("10.1.0.1"), one);
	assert_ptr_equal(local_v4("10.1.0.1"), one);
	reload_all(ADDRESSES("10.1.0.1/24, 10.2.0.3/24", "10.2.0.1/32", "10.2.0.1"));
	assert_ptr_equal(local("10.2.0.3"), three);
	assert_ptr_equal(local_v4("10.2.0.3"), three);
	assert_int_equal(three->port, 0); /* of another port now */
	assert_int_equal(three->begun, 2);
	/* What listens, or relays, at one that is not there is a mistake of the file. */
	file_write_all(ADDRESSES("10.1.0.1/24", "10.2.0.1/24", "10.2.0.3"));
	assert_null(config_load(path, err, sizeof(err)));
	assert_non_null(strstr(err, "is the address of no port"));
}

/* Slots of those that are gone are used again, and no look-up ends at one. */
static void any_of_many_addresses_may_go(void **state)
{
	char text[2048], list[1024];
	int n = 0;

	(void)state;
	start_with(ADDRESSES("10.1.0.1/24", "10.2.0.1/24", "10.2.0.1"));
	for (int turn = 1; turn <= 64; turn++) {
		int len = 0;

		for (int i = 0; i < 40; i++)
			if ((turn * 7 + i * 5) % 11 < 6)
				len += snprintf(list + len, sizeof(list) - (size_t)len,
						", 10.2.0.%d/24", 10 + i);
		snprintf(text, sizeof(text),
			 "ports:\n"
			 "  - {name: access, device: net_null0, addresses: [10.1.0.1/24]}\n"
			 "  - {name: core, device: net_null1, addresses: [10.2.0.1/24%s]}\n"
			 "listeners:\n  - {address: 10.1.0.1}\nrelays:\n"
			 "  - {address: 10.2.0.1, port-min: 50000}\nturn: {realm: x}\n",
			 list);
		reload_all(text);
		for (int i = 0; i < 40; i++) {
			char a[32];

			snprintf(a, sizeof(a), "10.2.0.%d", 10 + i);
			assert_int_equal(local(a) != NULL, (turn * 7 + i * 5) % 11 < 6);
			assert_ptr_equal(local_v4(a), local(a));
		}
		assert_non_null(local("10.2.0.1"));
	}
	for (int i = 0; i < LOCAL_TABLE; i++)
		n += dp.local_slot[i] != LOCAL_NONE;
	assert_in_range(n, 20, 64);
	dp.n_local = LOCAL_MOST;
	file_write_all(ADDRESSES("10.1.0.1/24", "10.2.0.1/24, 10.9.0.1/24", "10.2.0.1"));
	reload_fails(digest(), "there is room for no more");
}

/* Three of one port are a chain, of which any may go and come back. */
static void chains_stay_whole(void **state)
{
	static const char *const ip[] = { "10.1.0.1", "10.1.0.2", "10.1.0.3" };
	char text[1024];
	struct ip_addr a;

	(void)state;
	for (int turn = 0; turn < 32; turn++) {
		const int there = turn ? turn * 5 % 7 + 1 : 7;

		snprintf(text, sizeof(text),
			 "ports:\n  - {name: access, device: net_null0, addresses: "
			 "[10.1.0.1/24, 10.1.0.2/24, 10.1.0.3/24, 10.1.0.4/24]}\nlisteners:\n");
		for (int i = 0; i < 3; i++) {
			if (there & 1 << i)
				sprintf(text + strlen(text), "  - {address: %s}\n", ip[i]);
		}
		strcat(text, "relays:\n  - {address: 10.1.0.4}\nturn: {realm: example.org}\n");
		if (turn)
			reload_all(text);
		else
			start_with(text);
		for (int i = 0; i < 3; i++) {
			assert_true(ip_parse(ip[i], &a));
			assert_int_equal(dplane_listener(&dp, &a, 3478),
					 there & 1 << i ? i : LOCAL_NONE);
		}
	}
}

/* Numbers end: what was there may come back, others want a start. */
static void places_are_bounded(void **state)
{
	char text[512];

	(void)state;
	start_with(LISTENERS(""));
	for (int i = 1; i <= CTL_PLACES_MAX; i++) {
		snprintf(text, sizeof(text), LISTENERS("  - {address: 10.1.0.1, port: %d}\n"),
			 10000 + i);
		if (i < CTL_PLACES_MAX) {
			reload_all(text);
			continue;
		}
		reload_all(text); /* it waits, and the others are served */
		assert_int_equal(snapshot_conf(&dp)->n_listener, 1);
		assert_int_equal(dp.n_listener, CTL_PLACES_MAX);
	}
	reload_all(LISTENERS("  - {address: 10.1.0.1, port: 10007}\n"));
	assert_true(dplane_has_listener(&dp, 7));
}

/* They wait for a restart, and all else is applied (conf/waits.c). */
static void listeners_that_nothing_was_prepared_for(void **state)
{
	(void)state;
	start_with(LISTENERS(""));
	reload_all(LISTENERS(TCP));
	assert_int_equal(dp.n_listener, 1);
	reload_all(LISTENERS(UDP "  - {address: 10.1.0.2, port: 9}\n"));
	assert_int_equal(dp.n_listener, 2);
	assert_int_equal(snapshot_conf(&dp)->n_listener, 2);
	reload_all(LISTENERS(""));
	file_write_all(LISTENERS(UDP "  - {address: 10.1.0.2, port: 50000}\n"));
	assert_null(config_load(path, err, sizeof(err)));
	assert_int_equal(dp.n_listener, 2);
	assert_false(dplane_has_listener(&dp, 1));
}

/* ---- what was missed ---- */

static const char *file_with_socket(const char *rest)
{
	static char text[2048];

	snprintf(text, sizeof(text),
		 "dataplane: {workers: [0, 1], main-cpu: 2, socket: %s/dp.sock}\n%s", dir, rest);
	return text;
}

static uint64_t welcome_live; /* of the last welcome */

/* What the dataplane answers to a hello. */
static enum ctl_verdict hello(struct service *s, uint64_t agreed, uint64_t live)
{
	const struct ctl_hello h = { .magic = CTL_ABI_MAGIC,
				     .abi_version = CTL_ABI_VERSION,
				     .pid = 1,
				     .config_digest = agreed,
				     .live_digest = live };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct ctl_welcome w = { 0 };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", dp.conf->dataplane.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	service_turn(s, 5000, 0);
	assert_int_equal(send(fd, &h, sizeof(h), MSG_NOSIGNAL), sizeof(h));
	service_turn(s, 5000, 0);
	assert_int_equal(recv(fd, &w, sizeof(w), 0), sizeof(w));
	welcome_live = w.live_digest;
	close(fd);
	service_turn(s, 5000, 0); /* it hears that it is gone */
	return (enum ctl_verdict)w.verdict;
}

static void a_hello_brings_what_was_missed(void **state)
{
	int region_fd = memfd_create("region", MFD_CLOEXEC);
	struct service s;
	struct ip_addr ip;
	uint64_t agreed, old, now;

	(void)state;
	assert_true(ip_parse("10.1.0.1", &ip));
	start_with(file_with_socket(LISTENERS("")));
	agreed = config_digest(start);
	old = digest();
	dp.wake_cp = eventfd(0, EFD_CLOEXEC);
	if (!service_open(&s, &dp, region_fd, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(hello(&s, agreed, old), CTL_WELCOME);
	assert_ptr_equal(snapshot_conf(&dp), start);
	/* Nobody was attached while the control process took this one. */
	file_write_all(file_with_socket(LISTENERS(UDP)));
	assert_int_equal(hello(&s, agreed, digest()), CTL_WELCOME);
	assert_int_equal(dplane_listener(&dp, &ip, 3479), 1);
	assert_int_equal(welcome_live, digest());
	/* One that runs with another file than stands there brings nothing, and is let in: it says
	 * so. */
	assert_int_equal(hello(&s, agreed, old), CTL_WELCOME);
	assert_int_equal(dplane_listener(&dp, &ip, 3479), 1);
	/* A file with a mistake changes nothing, nor what is told of the file that was taken last.
	 */
	assert_int_equal(welcome_live, digest());
	now = digest();
	file_write_all(file_with_socket("listeners: 1\n"));
	assert_int_equal(hello(&s, agreed, old), CTL_WELCOME);
	assert_int_equal(welcome_live, now);
	assert_int_equal(dplane_listener(&dp, &ip, 3479), 1);
	/* What both must agree on is not live, whatever the file says. */
	assert_int_equal(hello(&s, agreed + 1, config_both_digest(snapshot_conf(&dp))),
			 CTL_BAD_CONFIG);
	service_close(&s);
	close(dp.wake_cp);
	close(region_fd);
}

static void logs_follow(void **state)
{
	const int type = rte_log_register("fairlead.test");

	(void)state;
	assert_true(type >= 0);
	reload_ok("dataplane: {workers: [0, 1], main-cpu: 2, log-levels: "
		  "['fairlead.*:debug', 'user1:error']}\nservices:\n" SERVICE("two"));
	assert_int_equal(rte_log_get_level((uint32_t)type), RTE_LOG_DEBUG);
	assert_int_equal(rte_log_get_level(RTE_LOGTYPE_USER1), RTE_LOG_ERR);
	reload_ok(base);
	assert_int_equal(rte_log_get_level((uint32_t)type), RTE_LOG_WARNING);
	assert_int_equal(rte_log_get_level(RTE_LOGTYPE_USER1), RTE_LOG_NOTICE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(live_keys_and_no_others),
		T(a_service_keeps_its_id),
		T(what_is_looked_at_is_kept),
		T(what_does_not_fit_changes_nothing),
		T(a_listener_keeps_its_place),
		T(a_relay_keeps_its_place),
		T(relays_are_bounded),
		T(an_address_keeps_its_number),
		T(any_of_many_addresses_may_go),
		T(chains_stay_whole),
		T(places_are_bounded),
		T(listeners_that_nothing_was_prepared_for),
		T(a_hello_brings_what_was_missed),
		T(logs_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
