/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_STREAM_WORLD_H
#define FL_TESTS_STREAM_WORLD_H

/*
 * A context of two terminations of TCP or TLS on a real worker, told what to be by commands and
 * heard by events, with a remote on each side that is a host of tcp_host.h with OpenSSL on it
 * or without. Remote 0 is on the access side (10.1.0.2), remote 1 on the core side (10.2.0.2), and
 * their roles are those that the termination leaves to them.
 *
 * TLS domain 0 is "access", domain 1 "core"; each has a certificate of its own. Both remotes have
 * one of two more. Each test ends with connections, TLS state, handshakes, streams and buffers as
 * they were before, and with no event that it did not look at: gate_stop() checks.
 */
#include "unit.h"
#include "control.h"
#include "tcp_host.h"
#include "tls_peer.h"
#include "dp/gateway/context.h"
#include "dp/tls/layer.h"

enum {
	GOT_MAX = 1 << 20,
	EVENTS_MAX = 64,
	ACCESS_RELAY = 2, /* index of the relay at 10.1.0.1 */
	CORE_RELAY = 0,
	LOCAL_PORT = 50000, /* of side 0; side 1 has the port pair above */
};

/* A remote. */
struct far {
	struct host *host;
	struct tls_peer tls;	      /* none: plain TCP */
	int version_min, version_max; /* of its next SSL, 0: any */
	const char *suites;	      /* of TLS 1.2 (OpenSSL's names), NULL: any */
	bool no_cert;		      /* it shows none */
	bool other_cert;	      /* it shows the second one */
	bool mute;		      /* its SSL says nothing more */
	uint32_t n;
	uint8_t got[GOT_MAX]; /* bytes for its application */
};

struct gate {
	struct far far[SIDES];
	struct cmd_context_set want; /* gate_set() */
	struct evt_term events[EVENTS_MAX];
	uint32_t n_events;
	bool deaf;			/* events stay in the ring */
	struct evt_context_stats stats; /* the last */
	uint32_t refused;		/* EVT_CONTEXT_REFUSED so far */
	uint16_t next_port;
};
extern struct gate gate;

/* The configuration; change world.conf between the two. */
void gate_config(void);
void gate_start(void);
void gate_stop(void);
int gate_setup(void **state);
int gate_teardown(void **state);

/*
 * Side i shall be this, begun by the next gate_set(); flags beside TERM_IN and TERM_OUT. The remote
 * is made anew, in the other roles, and its fingerprint known (SHA-256).
 */
void gate_want(uint32_t i, enum ctl_transport transport, uint16_t flags);
/* The term of side i in gate.want. */
struct ctl_term *gate_term(uint32_t i);
/* CMD_CONTEXT_SET of gate.want. */
void gate_set(void);
void gate_del(void);
void gate_audit(void);
/* Until all is quiet; events are taken up. */
void gate_run(void);
void gate_pass_ms(uint32_t ms);

/* Remote i connects, if that is its role; runs. */
void far_connect(uint32_t i);
/* Remote i is another from now on: at another port of what term says, with an SSL of its own. */
void far_new(uint32_t i);
/* And connects. */
void far_again(uint32_t i);
/* Both sides as wanted, set, connected and up; the two events are taken. */
void gate_up(enum ctl_transport a, uint16_t a_flags, enum ctl_transport b, uint16_t b_flags);
/* TLS without a fingerprint, and a partner of TCP that is up; both events are taken. */
const struct evt_term *gate_unjudged(uint16_t role);
/* Adds a fingerprint of the certificate that remote i shows; right: or not quite. */
void gate_fingerprint(uint32_t i, uint8_t hash, bool right);

/* Something each way, whoever speaks first. */
void gate_passes(void);
/* All of it is over, and the next begins with a context of its own. */
void gate_again(void);

void far_say(uint32_t i, const void *bytes, uint32_t n);
/* Everything that remote i got is this; forgotten then. */
void far_heard(uint32_t i, const void *bytes, uint32_t n);
/* Its end: close_notify with TLS, and FIN. */
void far_close(uint32_t i);
/* It got close_notify, if it has TLS, and FIN, in order. */
void far_closed(uint32_t i);
/* It got RST. */
void far_reset(uint32_t i);

/* The next event of side i, which must be this. */
const struct evt_term *gate_event(uint32_t i, enum ctl_term_event what);
void gate_ended(uint32_t i, enum tcp_end why);
/*
 * Whoever connected to side 0, of this role, was not its remote: a client ends and its partner with
 * it, a server listens on and only tells.
 */
void gate_unfit(uint16_t role, enum tcp_end why);
void gate_no_event(void);

#define gate_test(f) cmocka_unit_test_setup_teardown(f, gate_setup, gate_teardown)

#endif
