/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path of the dataplane's socket (dp/socket.h): what a dead fairlead-dp left is replaced, and
 * nothing else is touched. A file, a directory, a link, the socket of another program and that of
 * another fairlead-dp stay as they are, each with a sentence of its own (R73).
 */
#include "tests/world/unit.h"
#include "dp/socket.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct config conf;
static char dir[] = "/tmp/fl_socket.XXXXXX";

static int setup(void **state)
{
	(void)state;
	snprintf(conf.file, sizeof(conf.file), "test.yaml");
	snprintf(conf.dataplane.socket, sizeof(conf.dataplane.socket), "%s/dp.sock", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (unlink(conf.dataplane.socket) < 0)
		rmdir(conf.dataplane.socket);
	return 0;
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

static void refused(const char *why)
{
	struct stat before, after;
	char err[512] = "", want[512];

	assert_int_equal(lstat(conf.dataplane.socket, &before), 0);
	snprintf(want, sizeof(want), "test.yaml: dataplane.socket: %s %s", conf.dataplane.socket,
		 why);
	assert_false(socket_is_free(&conf, err, sizeof(err)));
	if (strncmp(err, want, strlen(want)) != 0)
		fail_msg("it says '%s', not '%s'", err, want);
	err[0] = '\0';
	assert_int_equal(socket_open(&conf, err, sizeof(err)), -1);
	assert_int_equal(strncmp(err, want, strlen(want)), 0);
	assert_int_equal(lstat(conf.dataplane.socket, &after), 0);
	assert_true(before.st_ino == after.st_ino);
}

static int opened(void)
{
	char err[512] = "";
	struct stat st;
	int fd;

	assert_true(socket_is_free(&conf, err, sizeof(err)));
	fd = socket_open(&conf, err, sizeof(err));
	if (fd < 0)
		fail_msg("%s", err);
	assert_int_equal(lstat(conf.dataplane.socket, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	return fd;
}

static int listener(int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", conf.dataplane.socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type != SOCK_DGRAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void dead_sockets_are_replaced(void **state)
{
	(void)state;
	close(opened());
	close(opened());
	assert_int_equal(unlink(conf.dataplane.socket), 0);
	close(listener(SOCK_STREAM)); /* whoever left it */
	close(opened());
}

static void living_ones_stay(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	char want[128];
	int fd = opened();

	(void)state;
	snprintf(want, sizeof(want), "is served by another fairlead-dp (pid %d); stop it first",
		 (int)getpid());
	refused(want);
	close(fd);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_int_equal(unlink(conf.dataplane.socket), 0);
		fd = listener(types[i]);
		refused("is another program's socket");
		close(fd);
	}
}

static void what_is_no_socket_stays(void **state)
{
	const char *path = conf.dataplane.socket;
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	refused("is in the way: not a socket");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	refused("is in the way: not a socket");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/nonexistent", path), 0);
	refused("is in the way: not a socket");
}

static void no_place_for_it(void **state)
{
	char err[512] = "";

	(void)state;
	snprintf(conf.dataplane.socket, sizeof(conf.dataplane.socket), "/proc/nosuch/dp.sock");
	assert_true(socket_is_free(&conf, err, sizeof(err)));
	assert_int_equal(socket_open(&conf, err, sizeof(err)), -1);
	assert_string_equal(err, "test.yaml: dataplane.socket: cannot listen on "
				 "/proc/nosuch/dp.sock: No such file or directory");
}

/* What the unit leaves to a process of root: no file of others can be looked at. */
static bool become_weak(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { 0 };

	d[0].effective = d[0].permitted = 1u << CAP_SETUID;
	return syscall(SYS_capset, &h, d) == 0;
}

/* The directory is the control process' user's, and closed to root without the right to pass by. */
static void a_directory_of_the_control_process(void **state)
{
	int status, fd;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	fd = opened();
	close(fd); /* dead now */
	assert_int_equal(chown(conf.dataplane.socket, 4711, 4711), 0);
	assert_int_equal(chown(dir, 4711, 4711), 0);
	pid = fork();
	if (pid == 0) {
		char err[512] = "";

		_exit(!become_weak() || !socket_is_free(&conf, err, sizeof(err)) ||
		      socket_open(&conf, err, sizeof(err)) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(chown(dir, 0, 0), 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dead_sockets_are_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_of_the_control_process, setup,
						teardown),
		cmocka_unit_test_setup_teardown(living_ones_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_socket_stays, setup, teardown),
		cmocka_unit_test_setup(no_place_for_it, setup),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
