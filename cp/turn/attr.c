/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes that more than one method reads. */
#include "turn.h"

#include "../policy.h"

bool lifetime_grant(const struct server *s, const struct stun_val *v, uint32_t *lifetime)
{
	uint32_t asked = 0;

	if (v->val && !stun_get_u32(v, &asked))
		return false;
	if (asked > s->conf->turn.lifetime_max)
		asked = s->conf->turn.lifetime_max;
	*lifetime = asked > s->conf->turn.lifetime_default ? asked : s->conf->turn.lifetime_default;
	return true;
}

bool family_get(const struct stun_val *v, unsigned int *family)
{
	if (v->len != 4)
		return false;
	*family = v->val[0] == STUN_FAMILY_IPV4	  ? FAMILY_V4
		  : v->val[0] == STUN_FAMILY_IPV6 ? FAMILY_V6
						  : 0;
	return true;
}

int peer_check(struct server *s, const struct request *r, const struct stun_val *v, bool any_port,
	       struct sock_addr *peer)
{
	int family = stun_get_xor_addr(r->m, v, peer);
	unsigned int bit = family == STUN_FAMILY_IPV4 ? FAMILY_V4 : FAMILY_V6;
	const struct ctl_relay *from =
	    &r->alloc->relay[family == STUN_FAMILY_IPV4 ? RELAY_V4 : RELAY_V6];
	uint16_t port;

	if (family == 0)
		return 400;
	if (!(atomic_load(&r->alloc->families) & bit))
		return 443;
	port = any_port ? POLICY_ANY_PORT : be16_get(peer->port);
	if (!any_port && port == 0)
		return 400;
	if (policy_peer(s->conf, s->ports, s->conf->relay[from->relay].realm_index, &peer->ip,
			port)) {
		s->stats.peers_denied++;
		return 403;
	}
	return 0;
}
