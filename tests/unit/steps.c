/* SPDX-License-Identifier: BSD-3-Clause */
#include "steps.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

void steps_begin(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
}

static void child(void (*work)(void *arg), void *arg)
{
	work(arg);
	raise(SIGSTOP);
	_exit(0);
}

static bool stopped(pid_t pid, int sig)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSTOPPED(status) && WSTOPSIG(status) == sig;
}

static const uint8_t *file_map(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *map;

	assert_int_equal(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	map = mmap(NULL, *size, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	return map;
}

static void judge_copy(const char *path, const void *bytes, size_t size,
		       void (*judge)(void *arg, const char *copy), void *arg)
{
	char copy[256];
	int fd;

	snprintf(copy, sizeof(copy), "%.200s.copy", path);
	fd = open(copy, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	judge(arg, copy);
	unlink(copy);
}

uint32_t steps_run(const char *path, void (*work)(void *arg),
		   void (*judge)(void *arg, const char *copy), void *arg)
{
	uint32_t states = 0;
	size_t size;
	const uint8_t *file = file_map(path, &size);
	uint8_t *seen = calloc(1, size);
	pid_t pid = fork();

	if (pid == 0)
		child(work, arg);
	if (!stopped(pid, SIGSTOP)) {
		free(seen);
		fail_msg("the child did not come up");
	}
	while (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && stopped(pid, SIGTRAP)) {
		if (memcmp(seen, file, size) == 0)
			continue;
		memcpy(seen, file, size);
		states++;
		judge_copy(path, seen, size, judge, arg);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap((void *)(uintptr_t)file, size);
	free(seen);
	return states;
}
