/* SPDX-License-Identifier: BSD-3-Clause */
#include "access.h"

#include "audit.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GROUPS_MAX = 1024 }; /* of one user: of one who has more the first counts alone */

/* A number is taken as it is, a name looked up. */
static bool id_of(const struct config_role *r, uint32_t *id)
{
	const char *text = r->user[0] ? r->user : r->group;
	const struct passwd *user = NULL;
	const struct group *group = NULL;
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end) {
		*id = (uint32_t)n;
		return !errno && n < UINT32_MAX;
	}
	if (r->user[0] && (user = getpwnam(text)))
		*id = user->pw_uid;
	else if (!r->user[0] && (group = getgrnam(text)))
		*id = group->gr_gid;
	return user || group;
}

bool access_prepare(struct access *a, const struct config_control *c, char *err, size_t errlen)
{
	a->next.n = 0;
	for (uint16_t i = 0; i < c->n_role; i++) {
		const struct config_role *r = &c->role[i];
		struct access_role *to = &a->next.role[a->next.n++];

		to->is_group = !r->user[0];
		to->may = r->may;
		if (id_of(r, &to->id))
			continue;
		snprintf(err, errlen, "control.roles: this machine has no %s %s",
			 to->is_group ? "group" : "user", to->is_group ? r->group : r->user);
		return false;
	}
	return true;
}

void access_finish(struct access *a, bool apply)
{
	if (apply)
		a->roles = a->next;
}

bool access_open(struct access *a, const struct config_control *c, char *err, size_t errlen)
{
	*a = (struct access){ .own = geteuid() };
	if (!access_prepare(a, c, err, errlen))
		return false;
	access_finish(a, true);
	return true;
}

static bool is_member(const gid_t *groups, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (groups[i] == id)
			return true;
	return false;
}

void access_judge(const struct access *a, const gid_t *groups, size_t n, struct rpc_caller *who)
{
	const struct access_roles *roles = &a->roles;

	who->may = CONFIG_MAY_ADMINISTER;
	who->nobody = false;
	if (!roles->n || who->user == 0 || who->user == a->own)
		return;
	who->may = CONFIG_MAY_LOOK;
	who->nobody = true;
	for (const struct access_role *r = roles->role; r < roles->role + roles->n; r++) {
		if (r->is_group ? who->group != r->id && !is_member(groups, n, r->id)
				: who->user != r->id)
			continue;
		who->nobody = false;
		if (r->may > who->may)
			who->may = r->may;
	}
}

void access_identify(void *arg, int fd, struct rpc_caller *who)
{
	struct ucred peer;
	gid_t groups[GROUPS_MAX];
	socklen_t n = sizeof(peer), size = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		peer = (struct ucred){ .uid = UINT32_MAX, .gid = UINT32_MAX };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
		size = 0;
	*who = (struct rpc_caller){
		.local = peer.uid != UINT32_MAX,
		.user = peer.uid,
		.group = peer.gid,
		.process = peer.pid,
		.audit = audit_write,
	};
	access_judge(arg, groups, size / sizeof(groups[0]), who);
}
