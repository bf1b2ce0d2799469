/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins what fairlead-dp gives up (dp/privilege.h): every thread, also one that waits and one that
 * computes, and also those they make later, keeps no capability where all ports are devices of a
 * bus, and three where one is the kernel's; it cannot get them back; a process whose core dumps are
 * off is not dumpable; and a file that root makes for another user is that user's.
 *
 * Each case is a process of its own. It needs capabilities to lose, so the test is root's.
 */
#include "tests/world/unit.h"
#include "dp/privilege.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 6, SOMEBODY = 12345 };
#define KERNEL_PORTS \
	(UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW | UINT64_C(1) << CAP_BPF)

static struct config conf;
static _Atomic bool over;
static int waiting[2];

/* What must hold in a process of its own; cmocka's assertions do not reach from there. */
#define MUST(cond)                                                                 \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			_exit(1);                                                  \
		}                                                                  \
	} while (0)

static uint64_t caps_of(pid_t tid)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3,
						 .pid = tid };
	struct __user_cap_data_struct c[2];

	MUST(syscall(SYS_capget, &head, c) == 0);
	return (c[0].permitted | c[0].effective) | (uint64_t)(c[1].permitted | c[1].effective)
						       << 32;
}

/* The union of what all threads have. */
static uint64_t caps_of_all(unsigned int *threads)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	uint64_t caps = 0;

	MUST(d);
	*threads = 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		caps |= caps_of((pid_t)atoi(e->d_name));
		++*threads;
	}
	closedir(d);
	return caps;
}

static void *waits(void *arg)
{
	char c;

	(void)arg;
	MUST(read(waiting[0], &c, 1) == 0); /* not ended by the signal */
	return NULL;
}

static void *computes(void *arg)
{
	(void)arg;
	while (!over)
		;
	return NULL;
}

static void drop_and_look(uint64_t keeps)
{
	uint64_t before = caps_of(0);
	pthread_t t[THREADS], one_more;
	unsigned int threads, i;
	char err[512] = "";

	MUST(pipe(waiting) == 0);
	for (i = 0; i < THREADS; i++)
		MUST(pthread_create(&t[i], NULL, i % 2 ? waits : computes, NULL) == 0);
	MUST(caps_of_all(&threads) == before && threads >= 1 + THREADS);
	MUST(privilege_drop(&conf, err, sizeof(err)));
	MUST(caps_of_all(&threads) == (before & keeps));
	MUST(pthread_create(&one_more, NULL, computes, NULL) == 0);
	MUST(caps_of_all(&threads) == (before & keeps) && threads >= 2 + THREADS);
	MUST(setreuid(SOMEBODY, SOMEBODY) < 0);
	MUST(privilege_drop(&conf, err, sizeof(err))); /* once more is no harm */
	over = true;
	close(waiting[1]);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	pthread_join(one_more, NULL);
}

static void ports(const char *first, const char *second)
{
	memset(&conf, 0, sizeof(conf));
	conf.n_port = 2;
	snprintf(conf.port[0].device, sizeof(conf.port[0].device), "%s", first);
	snprintf(conf.port[1].device, sizeof(conf.port[1].device), "%s", second);
}

static void devices(void)
{
	ports("0000:01:00.0,safe-mode-support=1", "auxiliary:mlx5_core.sf.2");
	drop_and_look(0);
}

static void bond_of_devices(void)
{
	ports("0000:01:00.0", "net_bonding0");
	conf.port[1].n_member = 2;
	snprintf(conf.port[1].member[0], sizeof(conf.port[1].member[0]), "0000:02:00.0");
	snprintf(conf.port[1].member[1], sizeof(conf.port[1].member[1]), "0000:02:00.1");
	drop_and_look(0);
}

static void kernels(void)
{
	ports("0000:01:00.0", "net_af_xdp0,iface=core");
	drop_and_look(KERNEL_PORTS);
}

static void bond_of_kernels(void)
{
	ports("0000:01:00.0", "net_bonding0");
	conf.port[1].n_member = 1;
	snprintf(conf.port[1].member[0], sizeof(conf.port[1].member[0]),
		 "net_af_packet0,iface=core");
	drop_and_look(KERNEL_PORTS);
}

static void cores(void)
{
	struct rlimit on = { 4096, RLIM_INFINITY }, off = { 0, RLIM_INFINITY };

	MUST(setrlimit(RLIMIT_CORE, &on) == 0);
	privilege_start();
	MUST(prctl(PR_GET_DUMPABLE) == 1 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	MUST(setrlimit(RLIMIT_CORE, &off) == 0);
	privilege_start();
	MUST(prctl(PR_GET_DUMPABLE) == 0);
	/* Where fs.suid_dumpable is not 0, as systemd-coredump has it, a change of user would undo
	 * it. */
	privilege_files_of(privilege_files_of(SOMEBODY));
	MUST(prctl(PR_GET_DUMPABLE) == 0);
}

static void files(void)
{
	char path[] = "/tmp/fl_privilege.XXXXXX";
	struct stat st;
	uid_t us;
	int fd;

	MUST(mkdtemp(path) && chown(path, SOMEBODY, SOMEBODY) == 0);
	MUST(chdir(path) == 0);
	us = privilege_files_of(SOMEBODY);
	fd = open("file", O_CREAT | O_WRONLY, 0600);
	MUST(privilege_files_of(us) == SOMEBODY && us == 0);
	MUST(fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == SOMEBODY);
	MUST(unlink("file") == 0 && rmdir(path) == 0);
}

static void in_a_process(void (*what)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void devices_of_a_bus(void **state)
{
	(void)state;
	in_a_process(devices);
	in_a_process(bond_of_devices);
}

static void ports_of_the_kernel(void **state)
{
	(void)state;
	in_a_process(kernels);
	in_a_process(bond_of_kernels);
}

static void core_dumps(void **state)
{
	(void)state;
	in_a_process(cores);
}

static void files_of_another(void **state)
{
	(void)state;
	in_a_process(files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_of_a_bus),
		cmocka_unit_test(ports_of_the_kernel),
		cmocka_unit_test(core_dumps),
		cmocka_unit_test(files_of_another),
	};

	if (geteuid() != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
