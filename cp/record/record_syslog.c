/* SPDX-License-Identifier: BSD-3-Clause */
#include "record_syslog.h"

#include "../clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 1000, WINDOW_MS = 60000, HEAD_MAX = 64 };

static bool log_connect(struct record_syslog *l)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", l->path);
	l->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd >= 0 && connect(l->fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return true;
	record_syslog_close(l);
	return false;
}

/* What stands before a line, as syslog(3) writes it. */
static size_t head_make(char head[HEAD_MAX])
{
	const time_t now = time(NULL);
	struct tm tm = { 0 };
	char stamp[32];

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%b %e %T", &tm);
	return (size_t)snprintf(head, HEAD_MAX, "<%d>%s fairlead-cp[%d]: ", LOG_DAEMON | LOG_INFO,
				stamp, (int)getpid());
}

/* Whether there is room, perhaps after a while. */
static bool log_waits(struct record_syslog *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLOUT };
	const uint64_t now = clock_ms(CLOCK_MONOTONIC);
	bool room;

	if (now / WINDOW_MS != l->window) {
		l->window = now / WINDOW_MS;
		l->waited_ms = 0;
	}
	if (l->waited_ms >= WAIT_MS)
		return false;
	room = poll(&p, 1, (int)(WAIT_MS - l->waited_ms)) > 0;
	l->waited_ms += 1 + clock_ms(CLOCK_MONOTONIC) - now;
	return room;
}

/* One that was restarted is connected to anew, once. */
static bool sent(struct record_syslog *l, const struct msghdr *m)
{
	if (l->fd < 0 && !log_connect(l))
		return false;
	for (bool anew = false;;) {
		if (sendmsg(l->fd, m, MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EAGAIN || errno == ENOBUFS) {
			if (log_waits(l))
				continue;
			return false;
		}
		if (errno == EINTR)
			continue;
		record_syslog_close(l);
		if (anew || !log_connect(l))
			return false;
		anew = true;
	}
}

void record_syslog_send(struct record_syslog *l, const char *line, size_t len)
{
	char head[HEAD_MAX];
	struct iovec part[] = {
		{ head, head_make(head) },
		{ (char *)(uintptr_t)line, len },
	};
	const struct msghdr m = { .msg_iov = part, .msg_iovlen = 2 };

	if (!sent(l, &m))
		l->lost++;
}

void record_syslog_close(struct record_syslog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
