/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_MANAGE_H
#define FL_CP_ADMIN_MANAGE_H

/*
 * The methods of the control socket over HTTPS, at management.address and -port: POST /rpc with a
 * request as the body, application/json both ways. Whoever connects shows a certificate of
 * management.ca; its subject or alternative names, by management.roles, say what he may do, each
 * time that he asks. HTTP is libevent's, TLS is OpenSSL's.
 *
 * There are MANAGE_CONNECTIONS at most: when all places are taken, who holds most of them makes
 * room. A handshake and a request that are not whole after MANAGE_REQUEST_S end, however their
 * bytes come, and an answer that is not read after MANAGE_ANSWER_S.
 */
#include "../server.h"

#include <event2/event.h>

enum {
	MANAGE_CONNECTIONS = 32,
	MANAGE_HANDSHAKES = 10, /* a second of one source, ten times as many of all */
	MANAGE_HEAD_MAX = 8192,
	MANAGE_BODY_MAX = 65536,
	MANAGE_REQUEST_S = 10,
	MANAGE_ANSWER_S = 30,
};

struct manage;

/* With port 0 nothing is served. On failure false, and one sentence in err. */
bool manage_start(struct server *s, struct event_base *base, struct manage **m, char *err,
		  size_t errlen);
/* Before those that methods wait for go. NULL is fine. */
void manage_stop(struct manage *m);

/* As a struct reload_part has them: certificates are read anew, connections that are idle end. */
bool manage_prepare(struct manage *m, const struct config *c, char *err, size_t errlen);
void manage_finish(struct manage *m, bool apply);

#endif
