/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_ACCESS_H
#define FL_CP_ADMIN_ACCESS_H

/*
 * Who may do what at the control socket, by the user and groups that the kernel names for the other
 * end (SO_PEERCRED, SO_PEERGROUPS) and control.roles; and what becomes of it in the log.
 */
#include "rpc.h"

#include <sys/types.h>

struct access_role {
	bool is_group;
	uint32_t id;
	enum config_may may;
};

struct access_roles {
	struct access_role role[CONFIG_ROLES_MAX];
	unsigned n; /* 0: whoever can connect may administer */
};

struct access {
	struct access_roles roles;
	struct access_roles next; /* access_prepare() looked them up */
	uint32_t own;		  /* the user of this process, who may always, as root may */
};

/* Looks up names. On failure false, and a sentence. */
bool access_open(struct access *a, const struct config_control *c, char *err, size_t errlen);
/* As a struct reload_part has them. */
bool access_prepare(struct access *a, const struct config_control *c, char *err, size_t errlen);
void access_finish(struct access *a, bool apply);

/* Sets may and nobody of who, of whom user is known, with his n groups. */
void access_judge(const struct access *a, const gid_t *groups, size_t n, struct rpc_caller *who);

/* An rpc_identify; arg is a struct access. */
void access_identify(void *arg, int fd, struct rpc_caller *who);

#endif
