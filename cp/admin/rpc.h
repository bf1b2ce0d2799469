/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_RPC_H
#define FL_CP_ADMIN_RPC_H

/*
 * JSON-RPC 2.0 on a Unix stream socket: one request object a line, one reply object a line.
 * Parameters go by name. Batches are not served: requests may be pipelined instead, and replies
 * come in their order, also where one has to wait for the dataplane. Everything a client can make
 * us hold is bounded by struct rpc_limits.
 */
#include "../../conf/config.h"
#include "../../lib/ctl_abi.h"
#include "../log.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline json_t *integer(uint64_t n)
{
	return json_integer((json_int_t)n);
}

enum rpc_code {
	RPC_PARSE = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_NO_METHOD = -32601,
	RPC_BAD_PARAMS = -32602,
	RPC_INTERNAL = -32603,
	RPC_BUSY = -32000,    /* too many clients: another has the place */
	RPC_DENIED = -32001,  /* by policy */
	RPC_FULL = -32002,    /* no room for it, or no port, now */
	RPC_AWAY = -32003,    /* no dataplane is attached */
	RPC_UNKNOWN = -32004, /* there is no context of that name */
};

struct rpc_error {
	int code;		     /* enum rpc_code */
	char text[CTL_TEXT_MAX * 2]; /* the dataplane's sentences fit */
};

/* A request whose reply comes later. Those behind it wait. */
struct rpc_later;

/* Whether a method is told to who keeps the audit log, and as what. */
enum rpc_audited {
	RPC_UNAUDITED,	  /* it changes nothing, or says itself who asked */
	RPC_AUDITED,	  /* how the node is run */
	RPC_AUDITED_CALL, /* a call: controllers change so many that these lines have a rate of
			     their own */
};

/*
 * Who asks, as the kernel says, and what he may do. audit is told of each method that is audited:
 * what was asked for, and what came of it.
 */
struct rpc_caller {
	char certificate[LOG_TEXT_MAX]; /* whose it is; "": it is a user of the machine */
	char address[ADDR_STR_MAX];	/* with it */
	bool local;			/* of this machine: the kernel has told these */
	uint32_t user, group;
	int process; /* 0: none that we can see, as in another PID namespace */
	bool nobody; /* may do nothing */
	enum config_may may;
	void (*audit)(const struct rpc_caller *who, enum rpc_audited as, bool done,
		      const char *what);
};

enum { RPC_CALLER_TEXT = LOG_TEXT_MAX + ADDR_STR_MAX + 32 };

/* "user 0 (process 123)", "certificate "ops" at 192.0.2.1"; of one who was not identified "another
 * controller". */
const char *rpc_caller_text(const struct rpc_caller *who, char text[RPC_CALLER_TEXT]);

/* For whom what he holds is counted (share.h): users of the machine and certificates, not their
 * processes and connections, which are as many as they like. 0: who was not identified. */
uint32_t rpc_caller_holder(const struct rpc_caller *who);

struct rpc_method {
	const char *name;
	/* For rpc.describe, lists also for param_only(): a sentence, and names of parameters, apart
	 * by spaces, those that may be left out with a question mark. */
	const char *help, *params;
	enum config_may may; /* what it takes */
	enum rpc_audited audited;
	/*
	 * Returns the result, a new reference, or NULL with *err filled (which arrives as
	 * RPC_INTERNAL). params is an object, or NULL.
	 */
	json_t *(*call)(void *ctx, const json_t *params, struct rpc_error *err);
	/*
	 * Instead of it, where the answer is not here yet: calls rpc_reply() once, now or later,
	 * whether the client is still there or not.
	 */
	void (*later)(void *ctx, const json_t *params, struct rpc_later *l);
};

struct rpc_limits {
	uint32_t
	    clients;   /* one more takes the place of one of the user, and process, that has most */
	uint32_t line; /* bytes of a request, newline excluded */
	uint32_t output;  /* bytes of replies that wait before the next request is read */
	uint32_t idle_ms; /* without a byte either way */
};

struct rpc;
struct server;

/* Tells who is at the other end of a connection. */
typedef void rpc_identify(void *arg, int fd, struct rpc_caller *who);

/*
 * Listens at path with mode 0660. The socket file of a process that died is replaced; one that
 * answers is an error. On failure NULL, and one sentence in err. The methods, n of them, are kept
 * by reference.
 */
struct rpc *rpc_open(struct event_base *base, const char *path, const struct rpc_limits *limits,
		     const struct rpc_method *methods, size_t n, void *ctx, char *err,
		     size_t errlen);

/* Whoever connects is asked who he is, at each request. Without it all may do all. */
void rpc_guard(struct rpc *r, rpc_identify *identify, void *arg);

/* The methods a control process serves; their ctx is its struct server. */
enum { RPC_METHODS = 60 };
extern const struct rpc_method rpc_methods[RPC_METHODS];

/* control.roles, as a struct reload_part has it, once rpc_start() has looked it up; arg is NULL. */
bool rpc_roles_prepare(void *arg, const struct config *c, char *err, size_t errlen);
void rpc_roles_finish(void *arg, bool apply);

/* Serves them on the control socket of the server's configuration. */
struct rpc *rpc_start(struct server *s, struct event_base *base, char *err, size_t errlen);

/* Closes every client and removes the socket file. NULL is fine. */
void rpc_stop(struct rpc *r);

/*
 * The reply to one line, without newline, to be freed; NULL if none is due (a notification), or if
 * it comes later: *later is set then, and rpc_later_wait() must be called before anything else
 * happens. With later NULL such methods are not served.
 */
char *rpc_answer(const struct rpc_method *methods, size_t n, void *ctx, const char *line,
		 size_t len, struct rpc_later **later);

/* The same for somebody; NULL: who may do all, and is not audited. */
char *rpc_answer_to(const struct rpc_caller *who, const struct rpc_method *methods, size_t n,
		    void *ctx, const char *line, size_t len, struct rpc_later **later);

/* done gets the line, to be freed, or NULL if none is due; done NULL: nobody waits any more. */
void rpc_later_wait(struct rpc_later *l, void (*done)(void *arg, char *line), void *arg);

/*
 * Takes over result, or with NULL err. l is gone afterwards. No method is called from inside, so it
 * may be called in the middle of anything.
 */
void rpc_reply(struct rpc_later *l, json_t *result, const struct rpc_error *err);

/*
 * Instead of rpc_reply(), later, never from inside of the method: result is told and the connection
 * is the caller's from then on, no controller's any more; what it carries is no JSON-RPC. NULL if
 * the client has gone, or has no connection of its own. l is gone either way.
 */
struct bufferevent;
struct bufferevent *rpc_take(struct rpc_later *l, json_t *result);

/* Who waits, arg of rpc_later_wait(), can give its connection away: after line, to be freed. */
void rpc_later_takeable(struct rpc_later *l, struct bufferevent *(*take)(void *arg, char *line));

/* Whether nobody waits any more: the client has gone. */
bool rpc_later_gone(const struct rpc_later *l);

/* Who asked. */
const struct rpc_caller *rpc_later_who(const struct rpc_later *l);

/* The method's ctx. */
void *rpc_later_ctx(const struct rpc_later *l);

/* Fills *err; returns NULL, so that a method can return it. */
json_t *rpc_fail(struct rpc_error *err, enum rpc_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A string that may not be UTF-8, or was cut inside a character: what is wrong becomes '?'. */
json_t *rpc_text(const char *s);

/* One line (no newline) that reports an error to a request of unknown id. To be freed. */
char *rpc_error_line(enum rpc_code code, const char *text);

#endif
