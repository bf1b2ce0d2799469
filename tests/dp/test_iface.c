/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interfaces of the kernel (dp/iface.h): one that is not there, or not named, is told as that. One
 * that a fairlead-dp has for AF_XDP is refused to another until the first has ended, however it
 * ended, since a start that fails would make the first deaf; what another user claims counts for
 * nothing. R73.
 */
#include "tests/world/unit.h"
#include "dp/iface.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct config conf;

static int setup(void **state)
{
	(void)state;
	conf = (struct config){ .n_port = 2, .port = { { .name = "a" }, { .name = "b" } } };
	snprintf(conf.file, sizeof(conf.file), "test.yaml");
	snprintf(conf.port[0].device, sizeof(conf.port[0].device), "net_null0");
	/* A name of this process alone: others may run this test. */
	snprintf(conf.port[1].device, sizeof(conf.port[1].device), "net_af_xdp1,iface=t%d,x=1",
		 (int)getpid());
	return 0;
}

static void obstacle(const char *device, const char *want)
{
	char why[256] = "";
	struct device d;

	assert_true(device_read(device, &d, why, sizeof(why)));
	if (!want) {
		assert_false(iface_obstacle(&d, why, sizeof(why)));
		return;
	}
	assert_true(iface_obstacle(&d, why, sizeof(why)));
	if (!strstr(why, want))
		fail_msg("it says '%s', not '%s'", why, want);
}

static void what_is_wrong_with_it(void **state)
{
	(void)state;
	obstacle("net_null0", NULL);
	obstacle("0000:01:00.0", NULL);
	obstacle("net_af_xdp0", "names no interface");
	obstacle("net_af_packet0,qpairs=1", "names no interface");
	obstacle("net_af_xdp0,iface=nosuch", "there is no interface nosuch in this network");
	obstacle("net_af_packet0,qpairs=1,iface=nosuch", "there is no interface nosuch in");
	obstacle("net_af_xdp0,iface=a-name-longer-than-the-kernel-has-any",
		 "there is no interface");
}

static int ready[2];

/* Another process, as a user: it claims what the configuration has, says so, and waits for its end.
 */
static pid_t other(uid_t uid, int end[2])
{
	char err[512], said;
	pid_t pid;

	assert_int_equal(pipe(end) | pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(end[1]);
		close(ready[0]);
		if (setuid(uid) < 0 || !iface_claim_all(&conf, err, sizeof(err)))
			_exit(1);
		do {
			iface_claims_drain();
			if (write(ready[1], "c", 1) < 0)
				_exit(1);
		} while (read(end[0], &said, 1) == 1);
		_exit(0);
	}
	close(end[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &said, 1), 1);
	return pid;
}

/* It has a second, in which it lets go who asked. */
static void second(int end[2])
{
	char said;

	assert_int_equal(write(end[1], "s", 1), 1);
	assert_int_equal(read(ready[0], &said, 1), 1);
}

static void ended(pid_t pid, int end[2])
{
	int status;

	close(end[1]);
	close(ready[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void one_process_an_interface(void **state)
{
	char err[512] = "", want[512];
	int end[2];
	pid_t pid = other(geteuid(), end);

	(void)state;
	snprintf(want, sizeof(want),
		 "test.yaml: ports[1].device (b, %s): is used by another fairlead-dp (pid %d)",
		 conf.port[1].device, (int)pid);
	assert_false(iface_claim_all(&conf, err, sizeof(err)));
	if (strncmp(err, want, strlen(want)) != 0)
		fail_msg("it says '%s', not '%s'", err, want);
	/* A member of a bond is told as that. */
	snprintf(conf.port[1].member[0], sizeof(conf.port[1].member[0]), "%s", conf.port[1].device);
	conf.port[1].n_member = 1;
	assert_false(iface_claim_all(&conf, err, sizeof(err)));
	assert_non_null(strstr(err, "ports[1].members[0] (b, "));
	ended(pid, end);
	assert_true(iface_claim_all(&conf, err, sizeof(err)));
	assert_true(iface_claim_all(&conf, err, sizeof(err))); /* two queues of one interface */
}

/* A service that is started again and again. */
static void however_often_it_is_asked(void **state)
{
	char err[512] = "";
	int end[2];
	pid_t pid;

	(void)state;
	snprintf(conf.port[1].device, sizeof(conf.port[1].device), "net_af_xdp1,iface=o%d",
		 (int)getpid());
	pid = other(geteuid(), end);
	for (int i = 0; i < 1000; i++) {
		if (i % 50 == 0)
			second(end);
		assert_false(iface_claim_all(&conf, err, sizeof(err)));
	}
	ended(pid, end);
}

static void strangers_claim_nothing(void **state)
{
	char err[512] = "";
	int end[2];
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(conf.port[1].device, sizeof(conf.port[1].device), "net_af_xdp1,iface=s%d",
		 (int)getpid());
	pid = other(12345, end);
	/* We are root here; the other is neither that nor our user. */
	assert_true(iface_claim_all(&conf, err, sizeof(err)));
	ended(pid, end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_wrong_with_it, setup),
		cmocka_unit_test_setup(one_process_an_interface, setup),
		cmocka_unit_test_setup(however_often_it_is_asked, setup),
		cmocka_unit_test_setup(strangers_claim_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
