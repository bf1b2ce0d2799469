/* SPDX-License-Identifier: BSD-3-Clause */
#include "socket.h"
#include "privilege.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4, WHY_MAX = 160 };

static struct sockaddr_un address(const struct config *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", c->dataplane.socket);
	return a;
}

struct socket_peer socket_peer(int fd)
{
	struct ucred u = { 0 };
	socklen_t len = sizeof(u);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) < 0)
		return (struct socket_peer){ 0 };
	return (struct socket_peer){ u.pid, u.uid };
}

bool socket_is_left(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

/* Whether a socket that is there may go: only one at which nobody listens. Else why not. */
static bool is_dead(const struct sockaddr_un *a, char *why, size_t len)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)a, sizeof(*a));
	int error = r < 0 ? errno : 0;

	why[0] = '\0';
	if (r == 0)
		snprintf(why, len, "is served by another fairlead-dp (pid %d); stop it first",
			 (int)socket_peer(fd).pid);
	else if (error == EAGAIN) /* so busy that its queue of clients is full */
		snprintf(why, len, "is served by another fairlead-dp; stop it first");
	else if (error == EPROTOTYPE)
		snprintf(why, len,
			 "is another program's socket, which stays; give another path here");
	else if (error != ECONNREFUSED)
		snprintf(why, len, "cannot be taken over: %s", strerror(error));
	if (fd >= 0)
		close(fd);
	return error == ECONNREFUSED;
}

/* Whether nothing stands in the way; *dead: but for what a dead process left. */
static bool is_free(const struct config *c, bool *dead, char *err, size_t errlen)
{
	const struct sockaddr_un a = address(c);
	char why[WHY_MAX];
	struct stat st;

	*dead = false;
	if (lstat(a.sun_path, &st) < 0)
		return true; /* of anything worse than nothing bind() tells */
	if (!S_ISSOCK(st.st_mode))
		snprintf(why, sizeof(why),
			 "is in the way: not a socket; remove it, or give another path here");
	else if (is_dead(&a, why, sizeof(why)))
		return *dead = true;
	snprintf(err, errlen, "%s: dataplane.socket: %s %s", c->file, a.sun_path, why);
	return false;
}

/* The directory of the socket, which /run loses at each boot. */
static void dir_make(const char *path)
{
	char dir[CONFIG_PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		mkdir(dir, 0755); /* bind() tells if it is missing still */
	}
}

/* Whose directory it is; ours if it cannot be seen: bind() tells. */
static uid_t dir_owner(const char *path)
{
	char dir[CONFIG_PATH_MAX];
	char *slash;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	return stat(slash ? dir : ".", &st) == 0 ? st.st_uid : geteuid();
}

/* All that is done to the socket is done as him: the directory may be closed to us. */
bool socket_is_free(const struct config *c, char *err, size_t errlen)
{
	const uid_t us = privilege_files_of(dir_owner(c->dataplane.socket));
	bool dead, ok = is_free(c, &dead, err, errlen);

	privilege_files_of(us);
	return ok;
}

/* A socket that is bound, and then cannot be used, is no one's: it goes again. */
static bool place(int fd, const struct sockaddr_un *a)
{
	int error;

	if (fd < 0 || bind(fd, (const struct sockaddr *)a, sizeof(*a)) < 0)
		return false;
	if (chmod(a->sun_path, 0600) == 0 && listen(fd, BACKLOG) == 0)
		return true;
	error = errno;
	unlink(a->sun_path);
	errno = error;
	return false;
}

int socket_open(const struct config *c, char *err, size_t errlen)
{
	const struct sockaddr_un a = address(c);
	bool dead, ok;
	int fd;
	uid_t us;

	dir_make(a.sun_path);
	us = privilege_files_of(dir_owner(a.sun_path)); /* who runs the control process */
	if (!is_free(c, &dead, err, errlen)) {
		privilege_files_of(us);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (dead)
		unlink(a.sun_path);
	ok = place(fd, &a);
	if (!ok)
		snprintf(err, errlen, "%s: dataplane.socket: cannot listen on %s: %m", c->file,
			 a.sun_path);
	privilege_files_of(us);
	if (ok)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}
