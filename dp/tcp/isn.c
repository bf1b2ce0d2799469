/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that cannot be guessed: a keyed hash of a connection's addresses (RFC 6528). */
#include "conn.h"

/* What the hash covers; no padding. */
struct hash_input {
	struct sock_addr local, remote;
	uint32_t seq, time;
	uint32_t use;
};

uint64_t conn_keyed(const struct worker *w, const struct sock_addr *local,
		    const struct sock_addr *remote, enum conn_hash_use use, uint32_t seq,
		    uint32_t time)
{
	struct hash_input in;

	memset(&in, 0, sizeof(in));
	in.local = *local;
	in.remote = *remote;
	in.seq = seq;
	in.time = time;
	in.use = use;
	return siphash(&w->tcp->key, &in, sizeof(in));
}

uint32_t tcp_isn(const struct worker *w, const struct sock_addr *local,
		 const struct sock_addr *remote)
{
	return (uint32_t)(conn_keyed(w, local, remote, CONN_HASH_ISN, 0, 0) + (w->now_us >> 2));
}
