/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dataplane that runs with another file than we do (R70): started with the file as it is now it
 * is followed, by a reload or, for what takes one, by a start; else nothing is done, and the key is
 * told.
 */
#include "tests/world/unit.h"

#include "cp/alike.h"
#include "cp/cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct server s;
static struct config *runs;
static char dir[64], path[96], said[ALIKE_TEXT];

#define OFFICE "  - {name: office, device: net_null0, vlan: 6, addresses: [10.6.0.1/24]}\n"
#define ACCESS "ports:\n  - {name: access, device: net_null0, addresses: [10.1.0.1/24]}\n" OFFICE
#define LAB "  - {name: lab, device: net_null0, vlan: 7, addresses: [10.7.0.1/24]}\n"
#define OTHERS                                  \
	"listeners:\n  - {address: 10.1.0.1}\n" \
	"relays:\n  - {address: 10.1.0.1}\n"    \
	"turn: {realm: example.org}\n"
#define REST OTHERS "auth: {rest-secrets: [one]}\n"

static void file_write(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "control: {state: %s/state, contexts: %s/contexts}\n%s", dir, dir, text);
	assert_int_equal(fclose(f), 0);
}

static struct config *load(const char *text)
{
	char err[512];
	struct config *c;

	file_write(text);
	c = config_load(path, err, sizeof(err));
	if (!c)
		fail_msg("%s", err);
	return c;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/fairlead-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fairlead.yaml", dir);
	runs = load(ACCESS REST);
	s = (struct server){ .conf = runs, .reload.conf = runs };
	return 0;
}

static int teardown(void **state)
{
	char record[128];

	(void)state;
	config_free(runs);
	remove(path);
	snprintf(record, sizeof(record), "%s/state.dataplane", dir);
	remove(record);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

/* The dataplane was started with one file, and the other stands there now. */
static enum alike judge(const char *dataplane, const char *file)
{
	struct config *dp = load(dataplane);
	const uint64_t agreed = config_digest(dp), live = config_both_digest(dp);

	config_free(dp);
	file_write(file);
	return alike_judge(&s, agreed, live, said);
}

static enum alike started_with(const char *file)
{
	return judge(file, file);
}

static void live_keys_are_followed(void **state)
{
	(void)state;
	assert_int_equal(started_with(ACCESS LAB REST), ALIKE_RELOAD);
	assert_int_equal(started_with(ACCESS LAB "listeners:\n  - {address: 10.7.0.1}\n"
						 "relays:\n  - {address: 10.1.0.1}\n"
						 "turn: {realm: example.org}\n"),
			 ALIKE_RELOAD);
	assert_int_equal(started_with(ACCESS REST "dataplane: {log-levels: ['user1:debug']}\n"),
			 ALIKE_RELOAD);
	assert_string_equal(said, "");
}

static void what_takes_a_start_is_named(void **state)
{
	(void)state;
	assert_int_equal(started_with(ACCESS REST "dataplane: {sessions: 32768, peers: 9000}\n"),
			 ALIKE_START);
	assert_string_equal(said, "dataplane.sessions, dataplane.peers");
	/* A device, and what is the first of its kind: a dataplane that was started has it. */
	assert_int_equal(started_with(ACCESS "  - {name: core, device: net_null1, addresses: "
					     "[10.2.0.1/24]}\n" REST),
			 ALIKE_START);
	assert_non_null(strstr(said, "ports[2].name"));
	assert_int_equal(started_with(ACCESS "listeners:\n  - {address: 10.1.0.1, transport: tcp}\n"
					     "relays:\n  - {address: 10.1.0.1}\n"
					     "turn: {realm: example.org}\n"),
			 ALIKE_START);
	assert_non_null(strstr(said, "listeners[0]"));
	/* The port that a device was opened with. */
	assert_int_equal(started_with("ports:\n  - {name: access, device: net_null0, mtu: 1400, "
				      "addresses: [10.1.0.1/24]}\n" OFFICE REST),
			 ALIKE_START);
	assert_string_equal(said, "ports[0].mtu");
}

static void whose_file_is_another_is_left(void **state)
{
	(void)state;
	assert_int_equal(judge(ACCESS LAB REST, ACCESS REST "dataplane: {sessions: 32768}\n"),
			 ALIKE_WAIT);
	assert_non_null(strstr(said, "fairlead reload"));
	assert_int_equal(judge(ACCESS LAB REST, ACCESS REST), ALIKE_WAIT);
	assert_non_null(strstr(said, "fairlead reload"));
	assert_int_equal(judge(ACCESS REST "dataplane: {sessions: 32768}\n", ACCESS REST),
			 ALIKE_WAIT);
	assert_string_equal(said, "");
	assert_int_equal(judge(ACCESS LAB REST, "listeners: 1\n"), ALIKE_WAIT);
	assert_non_null(strstr(said, "cannot be read"));
}

static void a_refusal_names_the_key(void **state)
{
	struct config *dp = load(ACCESS REST "dataplane: {peers: 9000}\n");
	const uint64_t agreed = config_digest(dp);

	(void)state;
	alike_tell(&s, agreed, said);
	assert_non_null(strstr(said, "which is the file as it is now"));
	file_write(ACCESS REST);
	alike_tell(&s, agreed, said);
	assert_non_null(strstr(said, "restart both with the same file"));
	/* Both had agreed on it before. */
	cost_record(dp);
	alike_tell(&s, agreed, said);
	assert_non_null(
	    strstr(said, "configuration: dataplane.peers differs: restart fairlead-dp"));
	/* On something else: that is not what it runs with. */
	alike_tell(&s, agreed + 1, said);
	assert_non_null(strstr(said, "restart both with the same file"));
	config_free(dp);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(live_keys_are_followed),
		T(what_takes_a_start_is_named),
		T(whose_file_is_another_is_left),
		T(a_refusal_names_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
