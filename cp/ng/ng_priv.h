/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_PRIV_H
#define FL_CP_NG_NG_PRIV_H

/* What the files of ng share. */
#include "ng.h"
#include "ng_call.h"
#include "ng_codec.h"
#include "ng_dialogue.h"
#include "../sources.h"
#include "../datagram.h"

struct ng_ws;
struct ng_ask;

enum {
	NG_MESSAGE_MAX = DATAGRAM_MAX,
	NG_KEPT_MS = 10000, /* an answer is kept, as rtpengine does */
};

struct ng {
	const struct server *s;
	struct gateway *g;
	struct sources *sources;
	struct event_base *base;
	struct datagram *udp; /* NULL: not served */
	struct ng_ws *ws;
	/* ng_prepare() made them, or NULL, of those that move. */
	struct datagram *next_udp;
	struct ng_ws *next_ws;
	bool udp_moves, ws_moves;
	uint64_t last_websocket; /* number given to a connection, and never again */
	struct ng_dialogues *dialogues;
	struct ng_ask *asks; /* under way */
	struct ng_stats stats;
	struct ng_call call; /* the offer or answer in hand */
	char out[NG_MESSAGE_MAX];
};

/* ---- ng.c ---- */

/* Whether a source may send commands. */
bool ng_allowed(const struct ng *n, const struct ip_addr *ip);
/* A command, cookie and all. Its answer may come at once or later. */
void ng_take(struct ng *n, const struct source_addr *from, const void *p, size_t len);

/* A command under way: answered once, now or later, with a dictionary that is taken. */
void ng_ask_answer(struct ng_ask *ask, json_t *answer);
/* "result": "error", and why; text of any bytes. */
json_t *ng_error(const char *why);

/* ---- ng_query.c ---- */

/* What a command wants of the contexts it names. Answers when all their counters are there. */
void ng_query(struct ng *n, const struct ng_flags *f, struct ng_ask *ask);
void ng_delete(struct ng *n, const struct ng_flags *f, struct ng_ask *ask);
json_t *ng_list(const struct ng *n, const json_t *command);
json_t *ng_statistics(const struct ng *n);

/* ---- ng_block.c ---- */

/* command: one of the six that block or silence, or no more. */
json_t *ng_block(struct ng *n, const struct ng_flags *f, enum ng_command command);
/* What flags of an offer or answer say of it, for all of its call. */
bool ng_block_told(struct ng *n, const struct ng_flags *f, bool offer, struct gate_fail *fail);

/* Counters under way, which belong to an ask. */
struct ng_query;
void ng_query_free(struct ng_query *q);
void ng_ask_hold(struct ng_ask *ask, struct ng_query *q);

/*
 * ---- ng_udp.c, ng_ws.c: NULL, and one sentence, on failure; nobody is heard before they are
 * enabled ----
 */

struct datagram *ng_udp_open(struct ng *n, const struct config_gateway *c, char *err,
			     size_t errlen);

struct ng_ws *ng_ws_open(struct ng *n, const struct config_gateway *c, char *err, size_t errlen);
void ng_ws_enable(struct ng_ws *w);
void ng_ws_close(struct ng_ws *w);
/* To the connection of that number, if it is still there. */
void ng_ws_send(struct ng_ws *w, uint64_t number, const void *p, size_t len, bool text);

#endif
