/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_TCP_AGENT_H
#define FL_TESTS_TCP_AGENT_H

/*
 * The test agent from the inside. See agent.c for what it is and how it is spoken to.
 *
 *   agent.c   start, the loop, the end      conns.c   the connections' owner
 *   client.c  the socket, lines             verbs.c   requests      info.c   what can be seen
 *   services.c  ports that serve by themselves
 */
#include "../../../dp/tcp/conn.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AGENT_CLIENTS_MAX = 1024,
	AGENT_LINE_MAX = 65536, /* of a request */
	AGENT_HEX_MAX = 32000,	/* bytes that come or go as hex in one request */
	AGENT_CHUNK = 16384,	/* bytes moved at once */
	AGENT_STEP_MAX = 65536, /* bytes of one request in one turn */
};

/* A connection; stays here when it is over, until the table is full. */
struct agent_conn {
	uint32_t id; /* from 1 on, not used again */
	struct ctl_conn name;
	struct sock_addr local, remote;
	bool established, active;
	bool taken; /* given out by accept, or opened by connect */
	bool ended;
	enum tcp_end why;
	uint8_t *rest; /* what was not received when it ended */
	uint32_t rest_len, rest_at;
	bool rest_fin;
	uint64_t sent, received; /* bytes */
};

struct agent {
	struct worker *w;
	struct agent_conn *conn; /* [conns_max] in order of id, id % conns_max is the place */
	uint32_t conns_max, last_id;
	uint32_t untaken; /* that came and were not given out */
	bool listening[65536];
	int epoll, listen_fd;
	bool moved; /* a request went on in this turn */
};
extern struct agent agent;

/* ---- conns.c ---- */

/* Takes the place of w->tcp->accept. */
const struct tcp_app *conns_accept(struct worker *w, struct tcp_request *r);
/* NULL if there never was such an id, or its place was needed. */
struct agent_conn *conns_get(uint32_t id);
/* Its connection in the stack; NULL when it has ended. */
struct tcp_conn *conns_live(const struct agent_conn *a);
/* Gives out the first that came to the port (0: any), NULL if there is none. */
struct agent_conn *conns_next(uint16_t port);
/* NULL, and why, when it cannot even begin. */
struct agent_conn *conns_open(const struct sock_addr *src, const struct sock_addr *dst,
			      enum tcp_end *why);
/* Bytes that wait to be received; *fin: nothing follows them but the end of the stream. */
uint32_t conns_readable(const struct agent_conn *a, bool *fin);
/* Takes n <= conns_readable() bytes. */
void conns_read(struct agent_conn *a, uint8_t *to, uint32_t n);

/* ---- services.c ---- */

/* The owner of what comes to a port that serves by itself, or NULL. */
const struct tcp_app *services_accept(const struct tcp_request *r);
/* echo, discard or proxy (with to); anything else ends it. Returns whether the port serves now. */
bool services_set(const char *name, uint16_t port, const struct sock_addr *to);

/* ---- client.c ---- */

struct request;

/* Who is connected to the socket. Requests are answered one after the other. */
struct client {
	int fd; /* -1: nobody */
	char in[AGENT_LINE_MAX];
	size_t in_len;
	char *out;
	size_t out_len, out_at, out_cap;
	struct request *rq; /* waits to be finished */
	bool eof;	    /* asks for nothing more */
};

/* On failure one sentence in err. */
bool clients_open(const char *path, char *err, size_t errlen);
void clients_close(const char *path);
/* Takes what the socket has; waits for up to wait_us, or not. */
void clients_poll(uint32_t wait_us);
/* Requests that wait go on. Returns whether any did. */
bool clients_step(void);
/* Adds to the answer; a line must be whole before the next request begins. */
void say(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- verbs.c ---- */

/* One line without its end. The answer is said, or c->rq is set and request_step() says it. */
void request_begin(struct client *c, char *line);
/* True once it is answered; then c->rq is gone. */
bool request_step(struct client *c);
void request_drop(struct client *c);
void verbs_help(FILE *out);

/* ---- info.c ---- */

void info_worker(struct client *c);
void info_conn(struct client *c, const struct agent_conn *a);
void info_all(struct client *c); /* that are open */

#endif
