/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_FILTER_H
#define FL_CP_ADMIN_FILTER_H

/* Which sessions, connections or contexts a method is about: those that have all that is given. */
#include "../context/gateway.h"
#include "../server.h"
#include "param.h"

/* An address, one with its port, or a block. */
struct filter_addr {
	bool given;
	struct ip_prefix net;
	uint16_t port; /* 0: any */
};

/* The names that each reads, as methods have them (rpc.h): more may stand behind. */
#define FILTER_SESSIONS                                                                           \
	"user? client? relayed? peer? transport? worker? session? older_s? younger_s? silent_s? " \
	"rate_over? "
#define FILTER_CONNECTIONS                                                       \
	"local? remote? transport? role? worker? older_s? younger_s? silent_s? " \
	"rate_over? "
#define FILTER_CONTEXTS \
	"call? local? remote? transport? worker? older_s? younger_s? silent_s? rate_over? "

struct filter {
	bool any; /* something is given */
	bool by_user;
	uint8_t user[2][TABLE_USER_ID]; /* of a stored user, and of one of a web service */
	struct filter_addr client, relayed, peer; /* of sessions */
	struct filter_addr local, remote;	  /* of connections and contexts */
	const char *transport, *role;		  /* NULL: any */
	char call[CONTEXT_CALL_MAX];		  /* "": any */
	uint32_t worker, slot;			  /* UINT32_MAX: any */
	uint32_t older, younger;		  /* seconds; 0, UINT32_MAX: of any age */
	uint32_t silent; /* seconds that nothing was relayed for, or heard; 0: any */
	uint32_t rate;	 /* bytes a second, both ways together, at least; 0: any */
};

/* Reads what is given of the names that sessions (connections, contexts) have. False and *err. */
bool filter_sessions(const struct server *s, const json_t *params, struct filter *f,
		     struct rpc_error *err);
bool filter_connections(const struct server *s, const json_t *params, struct filter *f,
			struct rpc_error *err);
bool filter_contexts(const struct server *s, const json_t *params, struct filter *f,
		     struct rpc_error *err);

/* "udp", "tcp", "tls": of its client. */
const char *session_transport(const struct server *s, const struct table_alloc *a);
const char *conn_role_name(uint32_t role);

bool filter_has_session(const struct server *s, const struct filter *f,
			const struct table_alloc *a);
bool filter_has_conn(const struct filter *f, uint32_t worker, const struct ctl_conn_info *c);
bool filter_has_context(const struct server *s, const struct filter *f, const struct context *c);

#endif
