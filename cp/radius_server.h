/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RADIUS_SERVER_H
#define FL_CP_RADIUS_SERVER_H

/* A RADIUS server as the configuration has it, for whoever asks one. */
#include "../conf/config.h"
#include "radius_wire.h"

/* Its secret, of the file's only line. False, and one sentence in err that begins with the key. */
bool radius_server_secret(const struct config_radius_server *s, const char *key,
			  char secret[RADIUS_SECRET_MAX + 1], char *err, size_t errlen);

/* A socket that hears nobody else. -1 and errno on failure. */
int radius_server_connect(const struct config_radius_server *s);

/* NAS-Identifier: who we are, the machine's name if told is "". */
void radius_server_nas(const char *told, char nas[CONFIG_USER_MAX]);

#endif
