/* SPDX-License-Identifier: BSD-3-Clause */
#include "user_secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line without its end. Unbuffered: stdio would leave a copy of the secret behind. */
static bool line_read(int fd, char *out, size_t cap)
{
	size_t n = 0;
	ssize_t got;

	while (n < cap - 1) {
		got = read(fd, out + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || out[n] == '\n')
			break;
		n++;
	}
	if (n && out[n - 1] == '\r')
		n--;
	out[n] = 0;
	return n > 0 && n < cap - 1;
}

static bool prompt(const char *text, char *out, size_t cap)
{
	struct termios old, quiet;
	bool tty = tcgetattr(STDIN_FILENO, &old) == 0;
	bool ok;

	fputs(text, stderr);
	if (tty) {
		quiet = old;
		/* Ctrl-C must not leave the terminal mute: here it only spoils the password. */
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	ok = line_read(STDIN_FILENO, out, cap);
	if (tty)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	fputc('\n', stderr);
	return ok;
}

static bool terminal_read(const char *what, char *out, size_t cap, char *err, size_t errlen)
{
	char again[USER_PASSWORD_MAX], text[32];
	bool ok;

	snprintf(text, sizeof(text), "The %s: ", what);
	ok = prompt(text, out, cap);

	if (!ok) {
		snprintf(err, errlen, "no %s typed, or one that is too long", what);
		return false;
	}
	ok = prompt("Once more: ", again, sizeof(again)) && strcmp(out, again) == 0;
	if (!ok)
		snprintf(err, errlen, "the two %ss differ", what);
	OPENSSL_cleanse(again, sizeof(again));
	return ok;
}

bool user_secret_read(const char *what, const char *file, char *out, size_t cap, char *err,
		      size_t errlen)
{
	bool from_stdin = !file || strcmp(file, "-") == 0;
	FILE *f;
	bool ok;

	if (!file && isatty(STDIN_FILENO))
		return terminal_read(what, out, cap, err, errlen);
	f = from_stdin ? stdin : fopen(file, "re");
	if (!f) {
		snprintf(err, errlen, "cannot read %s: %s", file, strerror(errno));
		return false;
	}
	ok = line_read(fileno(f), out, cap);
	if (!ok)
		snprintf(err, errlen, "the first line of %s is empty or too long for a %s",
			 from_stdin ? "standard input" : file, what);
	if (!from_stdin)
		fclose(f);
	return ok;
}
