/* SPDX-License-Identifier: BSD-3-Clause */
#include "command_run.h"

#include <fcntl.h>
#include <string.h>

static int redirect(int fd, const char *path)
{
	int saved = dup(fd), to = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	fflush(NULL);
	dup2(to, fd);
	close(to);
	return saved;
}

static void restore(int fd, int saved, const char *path, char *text, size_t cap)
{
	FILE *f;

	fflush(NULL);
	dup2(saved, fd);
	close(saved);
	f = fopen(path, "r");
	text[fread(text, 1, cap - 1, f)] = '\0';
	fclose(f);
}

int command_run(struct fixture *f, struct call *c, command_fn *command, bool json,
		const char *input, const char *const *args)
{
	char out[128], err[128], in[128], *argv[CALL_ARGS_MAX];
	int argc = 0, code, saved[3];

	memset(c, 0, sizeof(*c));
	for (; args[argc]; argc++) {
		assert_true(argc < CALL_ARGS_MAX);
		snprintf(c->arg[argc], sizeof(c->arg[argc]), "%s", args[argc]);
		argv[argc] = c->arg[argc];
	}
	snprintf(out, sizeof(out), "%s/out", f->dir);
	snprintf(err, sizeof(err), "%s/err", f->dir);
	snprintf(in, sizeof(in), "%s/in", f->dir);
	saved[0] = redirect(0, in);
	assert_int_equal(write(0, input, strlen(input)), strlen(input));
	lseek(0, 0, SEEK_SET);
	saved[1] = redirect(1, out);
	saved[2] = redirect(2, err);
	code = command(&f->c, argc, argv, json);
	restore(2, saved[2], err, c->err, sizeof(c->err));
	restore(1, saved[1], out, c->out, sizeof(c->out));
	dup2(saved[0], 0);
	close(saved[0]);
	return code;
}
