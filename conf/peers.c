/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers.h"

/* Length of the narrowest prefix of a list that has the address; -1: none has. */
static int prefix_narrowest(const struct ip_prefix *list, uint16_t n, const struct ip_addr *a)
{
	int len = -1;

	for (uint16_t i = 0; i < n; i++) {
		if (ip_in_prefix(a, &list[i]) && list[i].len > len)
			len = list[i].len;
	}
	return len;
}

enum peers_verdict peers_judge(const struct config_peers *p, const struct ip_addr *a)
{
	int allow = prefix_narrowest(p->allow, p->n_allow, a);
	int deny = prefix_narrowest(p->deny, p->n_deny, a);

	if (deny < 0 && allow < 0)
		return PEERS_SILENT;
	return deny >= allow ? PEERS_DENY : PEERS_ALLOW;
}

const char *peers_denied(const struct config_peers *p, const struct ip_addr *a)
{
	switch (peers_judge(p, a)) {
	case PEERS_DENY:
		return "deny list";
	case PEERS_ALLOW:
		return NULL;
	default:
		return ip_special(a);
	}
}

const char *peers_denied_whole(const struct config_peers *p, const struct ip_addr *a)
{
	const char *why = peers_denied(p, a);
	struct ip_addr inner;

	if (!why && !ip_is_v4(a) && ip_embedded_v4(a, &inner))
		why = peers_denied(p, &inner);
	return why;
}
