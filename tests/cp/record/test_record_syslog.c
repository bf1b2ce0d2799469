/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The system's log: a line comes as daemon.info of fairlead-cp; what one that is not there, or
 * takes nothing, did not take is counted, and it is not waited for again and again; one that is
 * there again, or another in its place, takes what comes then.
 */
#include "tests/world/unit.h"
#include "cp/record/record_syslog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINES_MAX = 100000 }; /* more than any kernel keeps for who does not read */

struct place {
	char dir[64];
	char path[96];
	struct record_syslog log;
	int reader;
};

static int reader_begin(const struct place *p)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", p->path);
	assert_return_code(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int setup(void **state)
{
	static struct place p;

	p = (struct place){ .dir = "/tmp/fl-syslog-XXXXXX", .reader = -1 };
	assert_non_null(mkdtemp(p.dir));
	snprintf(p.path, sizeof(p.path), "%s/log", p.dir);
	p.log = (struct record_syslog){ .path = p.path, .fd = -1 };
	*state = &p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	record_syslog_close(&p->log);
	if (p->reader >= 0)
		close(p->reader);
	unlink(p->path);
	return rmdir(p->dir);
}

static void say(struct place *p, const char *line)
{
	record_syslog_send(&p->log, line, strlen(line));
}

/* The next line that came must end so. */
static void comes(const struct place *p, const char *end)
{
	char got[256], start[64];
	const ssize_t n = recv(p->reader, got, sizeof(got) - 1, 0);
	const char *text;

	assert_true(n > 0);
	got[n] = '\0';
	snprintf(start, sizeof(start), "<30>");
	assert_memory_equal(got, start, strlen(start));
	snprintf(start, sizeof(start), " fairlead-cp[%d]: ", (int)getpid());
	text = strstr(got, start);
	assert_non_null(text);
	assert_int_equal(text - got, 4 + strlen("Nov 27 09:41:00"));
	assert_string_equal(text + strlen(start), end);
}

static void lines_come(void **state)
{
	struct place *p = *state;

	p->reader = reader_begin(p);
	say(p, "{\"a\":1}");
	say(p, "{\"b\":\"%s%n\"}");
	comes(p, "{\"a\":1}");
	comes(p, "{\"b\":\"%s%n\"}");
	assert_int_equal(p->log.lost, 0);
}

static void nobody_is_there(void **state)
{
	struct place *p = *state;

	say(p, "one");
	say(p, "two");
	assert_int_equal(p->log.lost, 2);
	p->reader = reader_begin(p);
	say(p, "three");
	comes(p, "three");
	assert_int_equal(p->log.lost, 2);
}

static void one_that_stops(void **state)
{
	struct place *p = *state;
	char got[256];
	int sent = 0;

	p->reader = reader_begin(p);
	while (sent < LINES_MAX && p->log.lost == 0) {
		say(p, "line");
		sent++;
	}
	assert_true(p->log.waited_ms >= 1000);
	for (int i = 0; i < 1000; i++)
		say(p, "more"); /* and is not any more: this would take a quarter of an hour */
	assert_int_equal(p->log.lost, 1001);
	for (int i = 1; i < sent; i++)
		comes(p, "line");
	assert_int_equal(recv(p->reader, got, sizeof(got), 0), -1);
	say(p, "again");
	comes(p, "again");
	assert_int_equal(p->log.lost, 1001);
}

static void another_in_its_place(void **state)
{
	struct place *p = *state;

	p->reader = reader_begin(p);
	say(p, "to the first");
	comes(p, "to the first");
	close(p->reader);
	unlink(p->path);
	say(p, "to nobody");
	assert_int_equal(p->log.lost, 1);
	p->reader = reader_begin(p);
	say(p, "to the second");
	comes(p, "to the second");
	close(p->reader);
	unlink(p->path);
	p->reader = reader_begin(p);
	say(p, "to the third, at once");
	comes(p, "to the third, at once");
	assert_int_equal(p->log.lost, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_come, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_stops, setup, teardown),
		cmocka_unit_test_setup_teardown(another_in_its_place, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
