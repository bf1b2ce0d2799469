/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_CP_ENV_H
#define FL_TESTS_CP_ENV_H

/*
 * A whole server with a fake dataplane and a clock of our own. Listeners for UDP (0) and TCP (1).
 * Two relays of IPv4 share nothing with them; one of IPv6. Peers in 203.0.113.0/24 (TEST-NET-3,
 * allowed here) and 2001:db8::/32 (likewise) are reachable.
 */
#include "unit.h"
#include "cp/context/gateway.h"
#include "cp/server.h"
#include "cp/turn/turn.h"
#include "fake_dp.h"

struct env {
	struct config conf;
	struct server s;
	struct fake_dp dp;
	uint64_t now_ms, wall_ms;
	char dir[64];
};

void env_config(struct config *c, const char *dir);
/*
 * Adds a gateway: realm 0, access, has relays 0 (IPv4) and 2 (IPv6) and the TLS domain 0; realm 1,
 * core, has relay 1 (IPv4) and no domain. 32 contexts a worker, 16 of TCP and TLS.
 */
void env_config_gateway(struct config *c);
void env_open(struct env *e); /* temporary directory and configuration; tests may change it */
void env_start(struct env *e, uint32_t slots); /* server and dataplane, attached and synced */
/* A worker has told all that it has, as CMD_AUDIT asked with this seq. */
void env_audited(struct env *e, uint32_t worker, uint32_t seq);
void env_stop(struct env *e); /* both, the state file stays */
void env_close(struct env *e);
void env_advance(struct env *e, uint64_t ms);
void env_poll(struct env *e);

/* Fixtures: a fresh env in *state, started or not, and its end once started. */
int env_setup(void **state);
int env_setup_started(void **state);
int env_teardown(void **state);

/* ---- one request ---- */

struct ask {
	struct stun_builder b;
	uint8_t buf[1600];
	uint8_t tid[STUN_TID_LEN];
	struct ctl_leg leg;
	uint32_t worker;
};

/* The reply of the server and the state commands that came before it. */
struct answer {
	struct stun_msg m;
	struct cmd_send send;
	union ctl_cmd cmd[80];
	uint32_t n_cmd;
	int code; /* 0: success */
};

struct sock_addr addr(const char *ip, uint16_t port);

/* Starts a request with a fresh transaction id and USERNAME "alice" from 198.51.100.7:port. */
void ask_begin(struct ask *a, enum stun_method method, uint16_t port);
void ask_begin_as(struct ask *a, enum stun_method method, uint16_t port, const char *user);
/* Makes it come over TCP, on that connection of the worker. */
void ask_over_tcp(struct ask *a, struct ctl_conn conn);
void ask_transport(struct ask *a);
void ask_transport_tcp(struct ask *a);
void ask_family(struct ask *a, uint16_t attr, uint8_t family);
void ask_peer(struct ask *a, const char *ip, uint16_t port);
void ask_channel(struct ask *a, uint16_t number);

/* Sends it and fills the answer; a request that is not answered fails the test. */
void ask_send(struct env *e, struct ask *a, struct answer *ans);
/* The same, and asserts the error code (0: success). */
void ask_expect(struct env *e, struct ask *a, struct answer *ans, int code);

/* Allocates for alice from a client port; the relayed address goes to *relayed. */
void ask_allocate(struct env *e, uint16_t port, struct sock_addr *relayed);

struct table_alloc *env_alloc(struct env *e, uint16_t port);
/* The same over TCP. */
struct table_alloc *env_alloc_tcp(struct env *e, uint16_t port);

/* Takes commands up to the first of a type; the others are lost. False if there is none. */
bool env_take(struct env *e, uint32_t worker, uint16_t type, union ctl_cmd *c);

#endif
