/* SPDX-License-Identifier: BSD-3-Clause */
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The address that $NOTIFY_SOCKET names: a path, or with '@' an abstract name. 0: there is none. */
static socklen_t notify_address(struct sockaddr_un *a)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name ? strlen(name) : 0;

	if (len < 2 || len >= sizeof(a->sun_path) || (name[0] != '/' && name[0] != '@'))
		return 0;
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, name, len);
	if (name[0] == '@')
		a->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

bool notify(const char *fmt, ...)
{
	struct sockaddr_un a;
	socklen_t alen = notify_address(&a);
	char text[NOTIFY_MAX];
	va_list ap;
	int fd, n;
	bool ok;

	if (!alen)
		return false;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ok = n > 0 && (size_t)n < sizeof(text) && fd >= 0 &&
	     sendto(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&a,
		    alen) == n;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Digits and nothing else. */
static bool number_parse(const char *s, uint64_t *n)
{
	char *end;

	if (!s || *s < '0' || *s > '9')
		return false;
	errno = 0;
	*n = strtoull(s, &end, 10);
	return *end == '\0' && errno == 0;
}

uint64_t notify_watchdog_us(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t us, who;

	if (!number_parse(getenv("WATCHDOG_USEC"), &us))
		return 0;
	/* Who was started by the process that is meant inherits its environment. */
	if (pid && (!number_parse(pid, &who) || who != (uint64_t)getpid()))
		return 0;
	return us;
}
