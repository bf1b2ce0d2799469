/* SPDX-License-Identifier: BSD-3-Clause */
#include "steps.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

struct file {
	char path[256], copy[256];
	const uint8_t *map;
	uint8_t *seen;
	size_t size;
};

static void file_open(struct file *f, const char *path, const char *suffix)
{
	struct stat st;
	int fd;

	snprintf(f->path, sizeof(f->path), "%.200s%.40s", path, suffix);
	snprintf(f->copy, sizeof(f->copy), "%.200s.copy%.40s", path, suffix);
	fd = open(f->path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	f->size = (size_t)st.st_size;
	f->map = mmap(NULL, f->size, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(f->map, MAP_FAILED);
	close(fd);
	f->seen = calloc(1, f->size);
	assert_non_null(f->seen);
}

static void file_close(struct file *f)
{
	munmap((void *)(uintptr_t)f->map, f->size);
	free(f->seen);
}

/* Whether it is not as it was seen last. */
static bool file_look(struct file *f)
{
	if (memcmp(f->seen, f->map, f->size) == 0)
		return false;
	memcpy(f->seen, f->map, f->size);
	return true;
}

static void file_copy(const struct file *f)
{
	int fd = open(f->copy, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_int_equal(write(fd, f->seen, f->size), f->size);
	close(fd);
}

uint32_t steps_run(const char *path, const char *second, void (*work)(void *arg),
		   void (*judge)(void *arg, const char *copy), void *arg)
{
	const int n = second ? 2 : 1;
	uint32_t states = 0;
	struct file file[2];
	pid_t pid;

	for (int i = 0; i < n; i++)
		file_open(&file[i], path, i ? second : "");
	pid = fork();
	if (pid == 0)
		child(work, arg);
	if (!stopped(pid, SIGSTOP))
		fail_msg("the child did not come up");
	while (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && stopped(pid, SIGTRAP)) {
		bool other = false;

		for (int i = 0; i < n; i++)
			other |= file_look(&file[i]);
		if (!other)
			continue;
		states++;
		for (int i = 0; i < n; i++)
			file_copy(&file[i]);
		judge(arg, file[0].copy);
		for (int i = 0; i < n; i++)
			unlink(file[i].copy);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < n; i++)
		file_close(&file[i]);
	return states;
}
