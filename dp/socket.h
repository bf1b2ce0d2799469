/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SOCKET_H
#define FL_DP_SOCKET_H

/* The Unix socket at which the control process finds us. */
#include "conf/config.h"

#include <sys/types.h>

/*
 * Whether dataplane.socket may be bound: nothing is there, or what a dead process left. Else false
 * and one sentence in err: another process serves it, or it is no socket.
 */
bool socket_is_free(const struct config *c, char *err, size_t errlen);

/*
 * Binds it, makes its directory, replaces what a dead process left, and listens. It is of the
 * user of its directory, who runs the control process. -1 and one sentence in err.
 */
int socket_open(const struct config *c, char *err, size_t errlen);

/* The process at the other end of fd; 0 if it cannot be told. */
struct socket_peer {
	pid_t pid;
	uid_t uid;
};
struct socket_peer socket_peer(int fd);

/* Whether the other end has closed it already. */
bool socket_is_left(int fd);

#endif
