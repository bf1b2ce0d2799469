/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius_server.h"

#include "auth/secret_file.h"
#include "socket.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool radius_server_secret(const struct config_radius_server *s, const char *key,
			  char secret[RADIUS_SECRET_MAX + 1], char *err, size_t errlen)
{
	char why[128];

	if (secret_file_line(s->secret, "secret", secret, RADIUS_SECRET_MAX, why, sizeof(why)))
		return true;
	snprintf(err, errlen, "%s: %s %s", key, s->secret, why);
	return false;
}

int radius_server_connect(const struct config_radius_server *s)
{
	const struct sock_addr to = { s->addr, be16_make(s->port) };
	union socket_addr sa;
	const socklen_t len = socket_addr_put(&to, &sa);
	const int fd = socket(sa.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, &sa.any, len) == 0)
		return fd;
	close(fd);
	return -1;
}

void radius_server_nas(const char *told, char nas[CONFIG_USER_MAX])
{
	memset(nas, 0, CONFIG_USER_MAX);
	snprintf(nas, CONFIG_USER_MAX, "%s", told);
	if (!nas[0] && gethostname(nas, CONFIG_USER_MAX - 1) < 0)
		strcpy(nas, "fairlead");
}
