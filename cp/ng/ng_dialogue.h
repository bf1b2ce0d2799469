/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_DIALOGUE_H
#define FL_CP_NG_NG_DIALOGUE_H

/*
 * Calls that end here without an order: nothing came for too long, an operator ended them, the node
 * was drained. ng has no message from server to client; so gateway.ng-proxies are told by XML-RPC
 * over HTTP to end the dialogue (dlg.terminate_dlg of Kamailio's dialog module: Call-ID and both
 * tags), one after the other until one knows it. As rtpengine does with b2b-url and
 * xmlrpc-format 2.
 */
#include "../context/gateway.h"
#include "ng.h"

#include <event2/buffer.h>
#include <event2/event.h>

struct ng_dialogues;

enum {
	NG_DIALOGUES_MAX = 16384, /* that wait to be told, by controllers (share.h); the newest is
				     lost */
	NG_DIALOGUE_LINES = 16,	  /* told at a time, each over a connection of its own */
	/* Seconds: */
	NG_DIALOGUE_S = 5,	   /* an answer is waited for */
	NG_DIALOGUE_SILENT_S = 10, /* a proxy that did not is asked after the others */
	NG_DIALOGUE_AGE_S = 60,	   /* what waited longer is over: its parties have hung up */
};

/* NULL without memory. Listens for ends of g's contexts; counts in stats. */
struct ng_dialogues *ng_dialogues_open(const struct server *s, struct gateway *g,
				       struct event_base *base, struct ng_stats *stats);
/* What still waits is not told. NULL is fine. */
void ng_dialogues_close(struct ng_dialogues *d);

/* Adds the request's body. False: a name has a character that XML cannot have. */
bool ng_dialogue_body(struct evbuffer *b, const char *call, const char *from, const char *to);

#endif
