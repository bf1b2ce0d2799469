/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_GATE_WORLD_H
#define FL_TESTS_GATE_WORLD_H

/*
 * A client on the access side, a back end on the core side, and the dataplane between them, which
 * gives the client's connection the owner that a test says. Service 0 is "sip", its back end
 * 10.2.0.2:5060.
 */
#include "tcp_host.h"
#include "dp/tcp/conn.h"

enum { GATE_ALL = 1 << 20 };

extern struct host *gate_client, *gate_backend;
extern uint8_t gate_all[WORLD_PORTS][GATE_ALL]; /* what each received, by its port */

/* Fills world.conf; change it before gate_start(). */
void gate_config(void);
/* Owner and its bytes of a client's connection. */
void gate_start(tcp_accept_fn *accept);
/* Connections end, and nothing is held; takes everything down. */
void gate_stop(void);
/* The back end listens. */
void gate_listen(const char *ip);
/* The client connects; runs. */
void gate_connect(void);
/* Text from either; runs. */
void gate_say(struct host *h, const char *text);
/* Everything one got, as text, is that; and is forgotten. */
void gate_heard(struct host *h, const char *text);
/* Both close in order, and time passes until all is over. */
void gate_close(void);
uint64_t gate_ends(enum tcp_end why);

#endif
