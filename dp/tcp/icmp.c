/* SPDX-License-Identifier: BSD-3-Clause */
/* What ICMP errors do to connections (RFC 5927). */
#include "conn.h"

bool tcp_icmp(struct worker *w, const struct sock_addr *local, const struct sock_addr *remote,
	      uint32_t seq, uint32_t mtu)
{
	struct tcp_conn *c = conn_between(w, local, remote);
	uint32_t min;

	/* Only who has seen what is under way can quote it (RFC 5927 4.1). */
	if (!c || c->flags & CONN_DEAD || seq_lt(seq, c->snd_una) || seq_ge(seq, c->snd_max))
		return false;
	if (!mtu) {
		/* A soft error once the connection is open (RFC 9293 3.9.2.2). */
		if (c->state == TCP_SYN_SENT)
			conn_end(w, c, TCP_END_UNREACHABLE);
		return true;
	}
	min = ip_is_v4(&c->remote_ip) ? TCP_PMTU_MIN_V4 : TCP_PMTU_MIN_V6;
	mtu = RTE_MAX(mtu, min);
	if (mtu < c->pmtu && conn_established(c))
		conn_pmtu_reduce(w, c, (uint16_t)mtu);
	return true;
}
