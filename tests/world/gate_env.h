/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_GATE_ENV_H
#define FL_TESTS_GATE_ENV_H

/* A server with a gateway (env_config_gateway()), and contexts in it. */
#include "cp_env.h"

/* Fixture: started, in *state a struct env. Its end is env_teardown(). */
int gate_setup(void **state);

/* Of realm 0 (access) or 1 (core), gates open: RTP to 203.0.113.9:4000; TCP and TLS servers. */
struct term_spec spec_udp(uint16_t realm);
struct term_spec spec_tcp(uint16_t realm);
struct term_spec spec_tls(uint16_t realm);

/* Of the call "call", with what the configuration says. */
extern const struct gate_plan plan_default;

/* Adds a context; b may be NULL. The test fails if it is refused. */
struct context *gate_added(struct env *e, const struct term_spec *a, const struct term_spec *b);
/* RTP in both realms; TLS in access and TCP in core, both begun. */
struct context *gate_added_udp(struct env *e);
struct context *gate_added_stream(struct env *e);
/* Changes a termination. The test fails if that is refused. */
void gate_set_ok(struct env *e, struct context *c, uint32_t side, const struct term_spec *w);

/* Takes commands of the context's worker up to a CMD_CONTEXT_SET of it. False if there is none. */
bool gate_taken(struct env *e, const struct context *c, struct cmd_context_set *set);
/* An event about a termination, with its attempt; taken before this returns. */
void gate_term_event(struct env *e, const struct context *c, uint32_t side, struct evt_term ev);
/* Events for it. */
struct evt_term term_up(void);
struct evt_term term_ended(enum tcp_end why);
struct evt_term term_latched(const char *ip, uint16_t port, uint8_t rtcp);
struct evt_term term_inactive(void);
/* Of TLS and TCP, both connections are up. */
struct context *gate_connected(struct env *e);
/* RTP, that learns the remote address of side 0 and tells so. */
struct context *gate_latching(struct env *e);

const struct gate_event *gate_last_event(struct env *e);
/* The control process is killed and comes back; the dataplane stays. */
void gate_restart(struct env *e);
/* Lets time pass, a second at a time. */
void gate_pass(struct env *e, uint32_t seconds);
/* Takes all commands of all workers. */
void gate_drain(struct env *e);

#endif
