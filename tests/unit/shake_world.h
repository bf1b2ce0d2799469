/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_SHAKE_WORLD_H
#define FL_TESTS_SHAKE_WORLD_H

/*
 * Two workers without packets, their shakers with the domain and the engine of fake_domain.h, and
 * OpenSSL as the other side, whose records go one by one.
 */
#include "fake_domain.h"
#include "unit.h"

#include "../../dp/tls/shaker.h"
#include "../../dp/tls/tickets.h"
#include "../../dp/worker.h"
#include "../../lib/tcp_end.h"

enum { SHAKE_WORKERS = 2, SHAKE_HANDSHAKES = 4, SHAKE_WIRE_MAX = 1 << 17 };

struct shake_world {
	struct config conf;
	struct dplane dp;
	struct tickets tickets;
	struct worker worker[SHAKE_WORKERS];
	/* The other side: change ctx before peer_open(). */
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	SSL_SESSION *session;	      /* what it was given last */
	bool server;		      /* it is one */
	int outs;		      /* SHAKE_OUT, counted */
	uint8_t wire[SHAKE_WIRE_MAX]; /* all that we sent */
	uint32_t wire_len;
	uint32_t sent; /* records of its, not those of change_cipher_spec */
};
extern struct shake_world sw;

/* For cmocka: the group's, and each test's. Teardown finds nothing left, whatever the test did. */
int shake_eal(void **state);
int shake_setup(void **state);
int shake_teardown(void **state);
/* After the configuration was changed. */
void shake_start(void);

/* The other side: a context, then an end of a connection. */
void peer_context(bool server);
void peer_open(void);
void peer_close(void);
/* The next record it wrote: its length, 0 when there is none. */
uint32_t peer_record(uint8_t *to);
/* The alert that it was sent and that ended its handshake, or ALERT_NONE. */
uint8_t peer_alert(void);

/* A shake of worker 0; our role is the one that the other side does not have. */
struct shake *shake_fresh(void);
/* To the shaker and back to the other side: true if it came back. */
bool shake_turn(struct shake *s, enum shake_op op);
/* The other side does what it can, then one of its records goes. False: nothing moves any more. */
bool shake_move(struct shake *s);
/* Until it is over, or nothing moves any more. */
void shake_all(struct shake *s);
bool shake_over(const struct shake *s);
/* A whole handshake; the other side is open then. */
struct shake *shake_hands(void);

void expect_done(const struct shake *s);
/* It ended for this reason; the alert was sent and the other side understood it, or received. */
void expect_failed(const struct shake *s, enum tcp_end why, uint8_t alert, bool received);
/* Records of data in both directions, by the keys and numbers that were left. */
void expect_records(const struct shake *s);

#endif
