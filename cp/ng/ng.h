/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_H
#define FL_CP_NG_NG_H

/*
 * rtpengine's ng protocol, mapped onto gateway.h: what is served and how is in doc/ng.md. Over UDP
 * and WebSocket, to the sources of gateway.ng-allow, each of which has a rate (R27).
 */
#include "../../lib/sdes.h"
#include "../context/gateway.h"

#include <event2/event.h>

struct ng;

/* Commands and their names; the last is what is not served, or no bencode or JSON. */
#define NG_COMMAND_LIST(C)                    \
	C(PING, "ping")                       \
	C(OFFER, "offer")                     \
	C(ANSWER, "answer")                   \
	C(DELETE, "delete")                   \
	C(QUERY, "query")                     \
	C(LIST, "list")                       \
	C(STATISTICS, "statistics")           \
	C(BLOCK_MEDIA, "block-media")         \
	C(UNBLOCK_MEDIA, "unblock-media")     \
	C(BLOCK_DTMF, "block-DTMF")           \
	C(UNBLOCK_DTMF, "unblock-DTMF")       \
	C(SILENCE_MEDIA, "silence-media")     \
	C(UNSILENCE_MEDIA, "unsilence-media") \
	C(OTHER, "other")

enum ng_command {
#define NG_COMMAND(command, name) NG_##command,
	NG_COMMAND_LIST(NG_COMMAND)
#undef NG_COMMAND
	    NG_COMMANDS
};
extern const char *const ng_command_name[NG_COMMANDS];

struct ng_stats {
#define NG(member, ...) uint64_t member;
#define NG_BY(member, size, ...) uint64_t member[size];
#include "../stat.def"
};

/*
 * Listens where the configuration says, if it says so; *n NULL if there are to be no contexts. On
 * failure false, and one sentence that names the key.
 */
bool ng_start(const struct server *s, struct gateway *g, struct event_base *base, struct ng **n,
	      char *err, size_t errlen);
/* As a struct reload_part has them: ports move, the rate changes. NULL is fine. */
bool ng_prepare(struct ng *n, const struct config *c, char *err, size_t errlen);
void ng_finish(struct ng *n, bool apply);
/* Whether it listens anywhere; NULL is fine. */
bool ng_served(const struct ng *n);
void ng_stop(struct ng *n);
const struct ng_stats *ng_stats(const struct ng *n);

#endif
