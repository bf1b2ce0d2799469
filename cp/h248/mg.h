/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_H248_MG_H
#define FL_CP_H248_MG_H

/*
 * A media gateway of H.248 (TS 29.334, R32), mapped onto gateway.h: what is served and how is in
 * doc/h248.md. It registers with the first controller of gateway.h248-controllers that answers, and
 * obeys that one alone.
 */
#include "../context/gateway.h"
#include "../server.h"

#include <event2/event.h>

struct mg;

/* Where the association with the controllers stands (H.248.1 11). */
enum mg_state {
	MG_REGISTERING, /* a ServiceChange is under way */
	MG_WAITING,	/* no controller answered: until the next round */
	MG_SERVED,
	MG_STATES
};
extern const char *const mg_state_name[MG_STATES];

/* Commands and their names; the last is what is not served. */
#define MG_COMMAND_LIST(C)                     \
	C(ADD, "Add")                          \
	C(MODIFY, "Modify")                    \
	C(MOVE, "Move")                        \
	C(SUBTRACT, "Subtract")                \
	C(AUDIT_VALUE, "AuditValue")           \
	C(AUDIT_CAPABILITY, "AuditCapability") \
	C(SERVICE_CHANGE, "ServiceChange")     \
	C(OTHER, "other")

enum mg_command {
#define MG_COMMAND(command, name) MG_##command,
	MG_COMMAND_LIST(MG_COMMAND)
#undef MG_COMMAND
	    MG_COMMANDS
};
extern const char *const mg_command_name[MG_COMMANDS];

struct mg_stats {
#define MG(member, ...) uint64_t member;
#define MG_BY(member, size, ...) uint64_t member[size];
#include "../stat.def"
};

/*
 * Begins to register if the configuration says so; *m NULL if it does not. On failure false, and
 * one sentence that names the key.
 */
bool mg_start(const struct server *s, struct gateway *g, struct event_base *base, struct mg **m,
	      char *err, size_t errlen);
/*
 * For a reload: makes ready what another configuration asks for, and takes it up or lets it go. A
 * controller that the list has no more is told so (ServiceChange, Forced); contexts stay, and are
 * the next one's. s->mg is made when the first controllers come, and rests when the last ones go.
 */
bool mg_prepare(struct server *s, struct event_base *base, const struct config *c, char *err,
		size_t errlen);
void mg_finish(struct server *s, bool apply);
/* Of the certificate that controllers are shown; zeros: none is, or m is NULL. */
struct cert_life mg_certificate(const struct mg *m);
/*
 * Contexts go on without this process, and the controller is told nothing; without any it is told
 * that the gateway goes (ServiceChange, Forced). NULL is fine.
 */
void mg_stop(struct mg *m);
/* Bytes of the file that outlives this process. */
uint64_t mg_file_size(const struct config *c);
const struct mg_stats *mg_stats(struct mg *m);
enum mg_state mg_state(const struct mg *m);
/* Of the controller that serves it, or is asked; NULL: there are none. */
const struct sock_addr *mg_controller(const struct mg *m);
/* And how it is reached: enum config_controller. */
unsigned mg_transport(const struct mg *m);

#endif
