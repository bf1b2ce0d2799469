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

/* Whether a piece of it is not as it was seen last. */
static bool file_look(struct file *f, uint64_t at, uint64_t bytes)
{
	if (memcmp(f->seen + at, f->map + at, bytes) == 0)
		return false;
	memcpy(f->seen + at, f->map + at, bytes);
	return true;
}

static bool files_look(struct file *file, int n, const struct steps_piece *piece, uint32_t n_piece)
{
	bool other = false;

	for (uint32_t i = 0; i < n_piece; i++)
		other |= file_look(&file[piece[i].file], piece[i].at, piece[i].bytes);
	for (int i = 0; !piece && i < n; i++)
		other |= file_look(&file[i], 0, file[i].size);
	return other;
}

/* Where there are zeros it has a hole. */
static void file_copy(const struct file *f)
{
	static const uint8_t none[4096];
	int fd = open(f->copy, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_int_equal(ftruncate(fd, (off_t)f->size), 0);
	for (size_t at = 0; at < f->size; at += sizeof(none)) {
		const size_t n = f->size - at < sizeof(none) ? f->size - at : sizeof(none);

		if (memcmp(f->seen + at, none, n) != 0)
			assert_int_equal(pwrite(fd, f->seen + at, n, (off_t)at), n);
	}
	close(fd);
}

uint32_t steps_run(const char *path, const char *second, void (*work)(void *arg),
		   void (*judge)(void *arg, const char *copy), void *arg)
{
	return steps_run_at(path, second, NULL, 0, work, judge, arg);
}

uint32_t steps_run_at(const char *path, const char *second, const struct steps_piece *piece,
		      uint32_t n_piece, void (*work)(void *arg),
		      void (*judge)(void *arg, const char *copy), void *arg)
{
	const int n = second ? 2 : 1;
	uint32_t states = 0;
	struct file file[2];
	pid_t pid;

	for (int i = 0; i < n; i++)
		file_open(&file[i], path, i ? second : "");
	for (int i = 0; piece && i < n; i++)
		memcpy(file[i].seen, file[i].map, file[i].size);
	pid = fork();
	if (pid == 0)
		child(work, arg);
	if (!stopped(pid, SIGSTOP))
		fail_msg("the child did not come up");
	while (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && stopped(pid, SIGTRAP)) {
		if (!files_look(file, n, piece, n_piece))
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
	assert_false(files_look(file, n, NULL, 0));
	for (int i = 0; i < n; i++)
		file_close(&file[i]);
	return states;
}
