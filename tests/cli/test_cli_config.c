/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `fairlead config` and `fairlead reload` print: keys, values and what a change costs, byte
 * for byte; and that the socket is found while the file has mistakes elsewhere.
 */
#include "tests/world/unit.h"
#include "cli/config_cmd.h"
#include "conf/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHANGES                                                                                  \
	"\"changes\":["                                                                          \
	"{\"key\":\"turn.software\",\"from\":\"\",\"to\":\"Relay\",\"applied\":\"live\","        \
	"\"lost\":\"nothing\"},"                                                                 \
	"{\"key\":\"records.files\",\"from\":\"16\",\"to\":\"8\",\"applied\":\"restart-cp\","    \
	"\"lost\":\"nothing; requests wait meanwhile\"},"                                        \
	"{\"key\":\"listeners[1].port\",\"from\":\"80\",\"to\":null,\"applied\":\"restart-dp\"," \
	"\"lost\":\"packets\"}]"

static void expect(const char *result, void (*show)(const json_t *, FILE *), const char *want)
{
	json_t *r = json_loads(result, 0, NULL);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(r);
	show(r, out);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
	json_decref(r);
}

static void what_runs(void **state)
{
	(void)state;
	expect("{\"keys\":[{\"key\":\"turn.software\",\"value\":\"\",\"applied\":\"live\"},"
	       "{\"key\":\"tcp.ecn\",\"value\":\"true\",\"applied\":\"restart-dp\"}],"
	       "\"file\":\"/etc/f/f.yaml\",\"parts\":[\"/etc/f/conf.d/a.yaml\"]}",
	       config_show,
	       "KEY            CHANGED BY                                   VALUE\n"
	       "turn.software  live                                         \"\"\n"
	       "tcp.ecn        restart of fairlead-dp, then of fairlead-cp  true\n"
	       "\n"
	       "Read from /etc/f/f.yaml, /etc/f/conf.d/a.yaml\n");
}

static void what_differs(void **state)
{
	(void)state;
	expect("{\"changes\":[],\"refused\":null}", config_show_diff,
	       "Nothing differs from what runs.\n");
	expect("{\"changes\":[],\"refused\":\"no such port\"}", config_show_diff,
	       "Nothing differs from what runs.\nA reload would change nothing: no such port\n");
	expect("{" CHANGES "}", config_show_diff,
	       "turn.software: \"\" -> Relay\n"
	       "    applied by: live; lost: nothing\n"
	       "records.files: 16 -> 8\n"
	       "    applied by: restart of fairlead-cp; lost: nothing; requests wait meanwhile\n"
	       "listeners[1].port: 80 -> (not there)\n"
	       "    applied by: restart of fairlead-dp, then of fairlead-cp; lost: packets\n");
}

static void what_was_done(void **state)
{
	(void)state;
	expect("{" CHANGES ",\"certificates\":{\"read\":true,\"error\":null}}", config_show_reload,
	       "turn.software: \"\" -> Relay\n"
	       "    in force: live; lost: nothing\n"
	       "records.files: 16 -> 8\n"
	       "    waits for a restart of fairlead-cp; lost: nothing; requests wait meanwhile\n"
	       "listeners[1].port: 80 -> (not there)\n"
	       "    waits for a restart of fairlead-dp, then of fairlead-cp; lost: packets\n"
	       "Certificates and keys were read again.\n");
	expect("{\"changes\":[],\"certificates\":{\"read\":false,\"error\":\"no key\"}}",
	       config_show_reload,
	       "Nothing differs from what runs.\n"
	       "Certificates and keys stay as they were: no key\n");
	expect("{\"changes\":[],\"certificates\":null}", config_show_reload,
	       "Nothing differs from what runs.\n");
}

static void socket_of(const char *text, bool found, const char *want)
{
	char path[] = "/tmp/fairlead-test-XXXXXX", got[CONFIG_PATH_MAX] = "";
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(config_load_socket(path, got), found);
	assert_string_equal(got, want);
	unlink(path);
}

static void the_socket_is_found(void **state)
{
	char got[CONFIG_PATH_MAX] = "";

	(void)state;
	socket_of("control:\n  socket: /run/x.sock\nturn:\n  lifetime-max: soon\n", true,
		  "/run/x.sock");
	socket_of("control:\n  socket: /run/x.sock\n  soket: a\n", false, "");
	socket_of("control: [\n", false, "");
	assert_false(config_load_socket("/nowhere/fairlead.yaml", got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_runs),
		cmocka_unit_test(what_differs),
		cmocka_unit_test(what_was_done),
		cmocka_unit_test(the_socket_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
