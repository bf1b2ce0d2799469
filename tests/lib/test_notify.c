/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins what a service manager is told (lib/notify.h, after sd_notify(3)): one datagram to the
 * socket of $NOTIFY_SOCKET, in both forms of its name; that nobody, an address that is none, a
 * socket that is gone or full, and a text that is too long are no harm; and $WATCHDOG_USEC, which
 * counts for the process of $WATCHDOG_PID alone.
 */
#include "lib/notify.h"
#include "tests/world/unit.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/fl_notify.XXXXXX";

/* A service manager at that name, which begins with '@' where it is abstract. */
static int manager(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(a.sun_path, name, len);
	if (*name == '@')
		a.sun_path[0] = '\0';
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void heard(int fd, const char *want)
{
	char text[2 * NOTIFY_MAX];
	ssize_t n = recv(fd, text, sizeof(text), 0);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(text, want, strlen(want));
}

static void silent(int fd)
{
	char text[8];

	assert_true(recv(fd, text, sizeof(text), 0) < 0 && errno == EAGAIN);
}

static void a_path(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "%s/notify", dir);
	fd = manager(name);
	assert_true(notify("READY=1\nSTATUS=%u workers\n", 4));
	heard(fd, "READY=1\nSTATUS=4 workers\n");
	close(fd);
	assert_false(notify("WATCHDOG=1\n")); /* the file is there, nobody listens */
	unlink(name);
	assert_false(notify("WATCHDOG=1\n"));
}

static void an_abstract_name(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@fl_notify.%d", (int)getpid());
	fd = manager(name);
	assert_true(notify("WATCHDOG=1\n"));
	heard(fd, "WATCHDOG=1\n");
	close(fd);
}

static void nobody(void **state)
{
	static const char *const bad[] = { "", "/", "@", "notify", "vsock:2:1234" };
	char longer[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_false(notify("READY=1\n"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("NOTIFY_SOCKET", bad[i], 1);
		assert_false(notify("READY=1\n"));
	}
	memset(longer, 'x', sizeof(longer));
	longer[0] = '@';
	longer[sizeof(longer) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	assert_false(notify("READY=1\n"));
}

/* A manager that does not read keeps nobody waiting. */
static void full(void **state)
{
	char name[64];
	int fd, n = 0;

	(void)state;
	snprintf(name, sizeof(name), "@fl_notify.%d", (int)getpid());
	fd = manager(name);
	while (n < 100000 && notify("WATCHDOG=1\n"))
		n++;
	assert_in_range(n, 1, 99999);
	heard(fd, "WATCHDOG=1\n");
	assert_true(notify("WATCHDOG=1\n"));
	close(fd);
}

/* Half a message would be another message. */
static void too_long(void **state)
{
	char name[64], text[NOTIFY_MAX + 1];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@fl_notify.%d", (int)getpid());
	fd = manager(name);
	memset(text, 'x', sizeof(text));
	text[NOTIFY_MAX] = '\0';
	assert_false(notify("%s", text));
	silent(fd);
	text[NOTIFY_MAX - 1] = '\0';
	assert_true(notify("%s", text));
	heard(fd, text);
	close(fd);
}

static void watchdog(void **state)
{
	static const char *const bad[] = { "", "-1", " 5", "5s", "99999999999999999999" };
	char pid[16];

	(void)state;
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_watchdog_us(), 0);
	setenv("WATCHDOG_USEC", "10000000", 1);
	assert_int_equal(notify_watchdog_us(), 10000000);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_us(), 10000000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_us(), 0);
	setenv("WATCHDOG_PID", "1x", 1);
	assert_int_equal(notify_watchdog_us(), 0);
	unsetenv("WATCHDOG_PID");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("WATCHDOG_USEC", bad[i], 1);
		assert_int_equal(notify_watchdog_us(), 0);
	}
}

static int group_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path),   cmocka_unit_test(an_abstract_name),
		cmocka_unit_test(nobody),   cmocka_unit_test(full),
		cmocka_unit_test(too_long), cmocka_unit_test(watchdog),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
