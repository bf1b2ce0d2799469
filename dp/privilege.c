/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capabilities belong to threads, and only a thread itself can give up its own: each is sent a
 * signal whose handler does. setuid() of glibc does it the same way, but who is not root reads no
 * private key when certificates change; libpsx of Debian 12 does not know the threads that
 * libraries make.
 */
#include "privilege.h"
#include "../conf/device.h"
#include "../lib/process.h"

#include <dirent.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DROP_TRIES = 1000, DROP_NAP_NS = 1000000 /* a second in all */ };

static uint64_t kept; /* bits by capability; written before any signal, read by the handler */

void privilege_start(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	process_guard();
}

uid_t privilege_files_of(uid_t user)
{
	const uid_t was = (uid_t)setfsuid(user);

	process_guard(); /* each change of a user sets back what a core dump may have (prctl(2)) */
	return was;
}

static bool is_virtual(const char *device)
{
	char err[DEVICE_ARGS_MAX];
	struct device d;

	return device_read(device, &d, err, sizeof(err)) && d.virtual;
}

/* A port that is the kernel's, not a device of a bus. Of a bond its members count. */
static uint64_t caps_needed(const struct config *c)
{
	bool any = false;

	for (const struct config_port *p = c->port; p < c->port + c->n_port; p++) {
		any |= p->n_member == 0 && is_virtual(p->device);
		for (uint16_t i = 0; i < p->n_member; i++)
			any |= is_virtual(p->member[i]);
	}
	return any ? UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW |
			 UINT64_C(1) << CAP_BPF
		   : 0;
}

/* Of the calling thread: what it has of kept, and no more. For a signal handler. */
static void caps_reduce(int sig)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[2];

	(void)sig;
	if (syscall(SYS_capget, &head, now) < 0)
		return;
	for (int i = 0; i < 2; i++) {
		uint32_t bits = now[i].permitted & (uint32_t)(kept >> 32 * i);

		now[i] = (struct __user_cap_data_struct){ .effective = bits, .permitted = bits };
	}
	syscall(SYS_capset, &head, now);
}

/* Whether a thread has more than is kept; one that has just ended has not. */
static bool has_more(pid_t tid)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3,
						 .pid = tid };
	struct __user_cap_data_struct now[2];

	if (syscall(SYS_capget, &head, now) < 0)
		return false;
	return (now[0].permitted & ~(uint32_t)kept) || (now[1].permitted & ~(uint32_t)(kept >> 32));
}

/* Asks each thread that has more. The last of them, or 0 if there is none. */
static pid_t threads_ask(DIR *tasks, int sig)
{
	struct dirent *e;
	pid_t tid, last = 0;

	rewinddir(tasks);
	while ((e = readdir(tasks))) {
		tid = (pid_t)strtol(e->d_name, NULL, 10);
		if (tid <= 0 || !has_more(tid))
			continue;
		last = tid;
		syscall(SYS_tgkill, getpid(), tid, sig);
	}
	return last;
}

/* Again and again: a thread that has not done it yet may make another. */
static pid_t threads_drop(DIR *tasks)
{
	const struct timespec nap = { .tv_nsec = DROP_NAP_NS };
	struct sigaction drop = { .sa_handler = caps_reduce, .sa_flags = SA_RESTART };
	const int sig = SIGRTMAX;
	pid_t left = 0;
	int i;

	if (sigaction(sig, &drop, NULL) < 0)
		return getpid();
	for (i = 0; i < DROP_TRIES && (left = threads_ask(tasks, sig)); i++)
		nanosleep(&nap, NULL);
	return left; /* the handler stays: a signal may still wait for its thread */
}

bool privilege_drop(const struct config *c, char *err, size_t errlen)
{
	DIR *tasks = opendir("/proc/self/task");
	pid_t left;

	if (!tasks) {
		snprintf(err, errlen,
			 "/proc/self/task cannot be read, so privileges cannot be given up: %m");
		return false;
	}
	kept = caps_needed(c);
	left = threads_drop(tasks);
	closedir(tasks);
	if (left)
		snprintf(err, errlen, "thread %d does not give up its privileges", (int)left);
	return !left;
}
