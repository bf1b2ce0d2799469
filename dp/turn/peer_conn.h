/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_PEER_CONN_H
#define FL_DP_TURN_PEER_CONN_H

/*
 * Peers of TCP allocations (RFC 6062): connections from a relayed address and to it, which wait
 * for a ConnectionBind to be joined with a client's data connection. They belong to the worker of
 * the relayed port, and end with the session.
 */
#include "session.h"
#include "../tcp/tcp.h"

extern const struct tcp_app peer_conn_app;

/*
 * A SYN to a relayed port of the session in slot: peer_conn_app, if that is one of TCP and the peer
 * is permitted (6062 5.3), or NULL.
 */
const struct tcp_app *peer_conn_accept(struct worker *w, struct tcp_request *r, uint32_t slot);

/* Commands. peer_conn_connect() answers with events itself; false only for impossible values. */
bool peer_conn_connect(struct worker *w, const struct cmd_connect *c);
bool peer_conn_join(struct worker *w, const struct cmd_join *c);
bool peer_conn_close(struct worker *w, const struct cmd_conn_close *c);

/* Another worker's word (HANDOVER_ABANDON) that nobody will bind a connection of ours. Takes m. */
void peer_conn_abandon(struct worker *w, struct rte_mbuf *m);

/* The session in slot is being deleted: its peers' connections, joined or not, are ended. */
void peer_conn_session_del(struct worker *w, uint32_t slot);
/* Ends its peers' connections by the relayed address of one family (RELAY_V4, RELAY_V6). */
void peer_conn_family_del(struct worker *w, uint32_t slot, int family);

/* EVT_CONN_GONE to the control process. */
void conn_gone_event(struct worker *w, struct ctl_sid sid, struct ctl_conn conn,
		     enum ctl_conn_role role, enum tcp_end why);

#endif
