/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_MG_WORLD_H
#define FL_TESTS_MG_WORLD_H

/*
 * Two controllers of H.248, 127.0.0.1 and 127.0.0.2, a whole server between them and a dataplane
 * that answers audits. Realms are ng_world.h's. Time is the test's.
 */
#include "cp/h248/mg_priv.h"
#include "cp_env.h"

struct mg_world {
	struct env e;
	struct event_base *base;
	struct mg *mg;
	int fd[2];			/* the controllers' */
	struct sockaddr_in gateway;	/* where it is */
	struct ctl_term_stats stats[2]; /* what the dataplane counts, of each context */
	bool mute;			/* it does not answer */
	/* Sees each command to the dataplane; NULL: nobody does. */
	void (*watch)(struct mg_world *w, const union ctl_cmd *c);
	uint32_t id;		       /* of the last transaction that was sent */
	char in[H248_MESSAGE_MAX + 1]; /* the last message, NUL-terminated */
};

/* brief: it writes the short form. Prepared, the gateway is not there yet: mg_start(). */
void mg_world_prepare(struct mg_world *w, bool brief);
void mg_world_open(struct mg_world *w, bool brief);
void mg_world_close(struct mg_world *w);
int mg_world_setup(void **state); /* registered with the first */
int mg_world_teardown(void **state);
/* The control process has gone and come back: in good order; or it was killed, so long ago. */
void mg_world_restart(struct mg_world *w);
void mg_world_crash(struct mg_world *w, uint64_t ms);
/* A reload takes up another configuration of the gateway. False: it is refused, and why in err. */
bool mg_world_reload(struct mg_world *w, const struct config_gateway *to, char *err, size_t errlen);
/* The file of transactions. */
const char *mg_world_file(const struct mg_world *w);

void mg_turn(struct mg_world *w);
/* So much later. */
void mg_pass(struct mg_world *w, uint64_t ms);
/* Sends as a controller; lets the gateway work. */
void mg_say(struct mg_world *w, int controller, const char *text);
/* The next message that came to one, in w->in, read into *m; false: there is none. */
bool mg_hear(struct mg_world *w, int controller, struct h248_message *m);
/* Answers the ServiceChange that was heard, as a controller in charge does. */
void mg_register(struct mg_world *w, int controller);
/* A transaction of actions by the first controller; its reply in w->in. */
const char *mg_ask(struct mg_world *w, const char *actions);
/* The same, as printf(3) makes them. */
const char *mg_askf(struct mg_world *w, const char *fmt, ...);
/* Whether the last reply has it in it; fails the test if not. */
void mg_has(const struct mg_world *w, const char *part);
/* The name of a termination behind the n-th "Add = " of the last reply; the context's number. */
const char *mg_added(const struct mg_world *w, int n, char name[MG_NAME_MAX]);
uint32_t mg_number(const struct mg_world *w);

#endif
