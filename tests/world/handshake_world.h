/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_HANDSHAKE_WORLD_H
#define FL_TESTS_HANDSHAKE_WORLD_H

/*
 * Two workers without packets, their crypto threads with the domain and the accelerator of
 * fake_domain.h, and OpenSSL as the other side, whose records go one by one.
 */
#include "fake_domain.h"
#include "tls_peer.h"
#include "unit.h"

#include "dp/tls/crypto.h"
#include "dp/tls/tickets.h"
#include "dp/worker.h"
#include "lib/tcp_end.h"

enum { HANDSHAKE_WORKERS = 2, HANDSHAKE_COUNT = 4, HANDSHAKE_WIRE_MAX = 1 << 17 };

struct handshake_world {
	struct config conf;
	struct dplane dp;
	struct tickets tickets;
	struct worker worker[HANDSHAKE_WORKERS];
	struct tls_peer tls;		  /* the other side: change its ctx before peer_open() */
	SSL_SESSION *session;		  /* what it was given last */
	bool server;			  /* it is one */
	int outs;			  /* HANDSHAKE_OUT, counted */
	uint8_t wire[HANDSHAKE_WIRE_MAX]; /* all that we sent */
	uint32_t wire_len;
	uint32_t sent; /* records of its, not those of change_cipher_spec */
};
extern struct handshake_world sw;

/* For cmocka: the group's, and each test's. Teardown finds nothing left, whatever the test did. */
int handshake_eal(void **state);
int handshake_setup(void **state);
int handshake_teardown(void **state);
/* After the configuration was changed. */
void handshake_start(void);

/* The other side: a context, then an end of a connection. */
void peer_context(bool server);
void peer_open(void);
void peer_close(void);
/* The next record it wrote: its length, 0 when there is none. */
uint32_t peer_record(uint8_t *to);
/* The alert that it was sent and that ended its handshake, or ALERT_NONE. */
uint8_t peer_alert(void);

/* A handshake of worker 0; our role is the one that the other side does not have. */
struct handshake *handshake_fresh(void);
/* To the crypto thread and back to the other side: true if it came back. */
bool handshake_turn(struct handshake *s, enum handshake_op op);
/* The other side does what it can, then one of its records goes. False: nothing moves any more. */
bool handshake_move(struct handshake *s);
/* As far as the question for alice's key, in TLS 1.2 with this suite. */
struct handshake *handshake_psk_asked(const char *suite);
/* Until it is over, or nothing moves any more. */
void handshake_all(struct handshake *s);
bool handshake_over(const struct handshake *s);
/* A whole handshake; the other side is open then. */
struct handshake *handshake_do(void);

void expect_done(const struct handshake *s);
/* It ended for this reason; the alert was sent and the other side understood it, or received. */
void expect_failed(const struct handshake *s, enum tcp_end why, uint8_t alert, bool received);
/* Records of data in both directions, by the keys and numbers that were left. */
void expect_records(const struct handshake *s);

#endif
