/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_DTLS_WORLD_H
#define FL_TESTS_DTLS_WORLD_H

/*
 * A listener for DTLS on a real worker, and OpenSSL clients whose datagrams go as frames, one by
 * one, so that a test may lose, repeat, change and put them in another order.
 */
#include "tls_world.h"
#include "dp/dtls/dtls_int.h"

enum { DGRAMS = 64, DGRAM_MAX = 2048 };

struct dgrams {
	uint32_t n;
	uint16_t len[DGRAMS];
	uint8_t b[DGRAMS][DGRAM_MAX];
};

struct dtls_client {
	struct sock_addr addr, us;
	uint32_t port; /* of struct dtls_at */
	SSL_CTX *ctx;
	SSL *ssl;
	struct dgrams in, out; /* what came, what is to go */
	int alert;	       /* that it got last: its description, or -1 */
};

/* tls_world_config() with the listener of DTLS: room for 16 associations, 4 handshakes. */
void dtls_world_config(void);
void dtls_world_start(void);
int dtls_setup(void **state);
int dtls_teardown(void **state);

/* Of this port of 10.1.0.2; nothing has gone yet. mtu 0: as usual. */
void dclient_new(struct dtls_client *c, uint16_t port, const char *suites, uint32_t mtu);
/* Of c->ctx: the SSL, which connects or accepts. */
void dclient_ssl(struct dtls_client *c, bool connects, uint32_t mtu);
void dclient_free(struct dtls_client *c);
/* Its SSL does what it can; what it wrote stands in out. */
void dclient_step(struct dtls_client *c);
/* Sends datagram i of out; all of them, which are forgotten then. */
void dclient_send(struct dtls_client *c, uint32_t i);
void dclient_send_all(struct dtls_client *c);
/* n bytes as they are, from its address. */
void dclient_raw(struct dtls_client *c, const void *p, size_t n);
/* What was sent to it goes into in. Returns how many. */
uint32_t dclient_take(struct dtls_client *c);
/* To and fro until all is quiet. */
void dclient_run(struct dtls_client *c);
/* dclient_new(), a whole handshake. */
void dclient_open(struct dtls_client *c, uint16_t port);
/* A Binding request as a record; a Binding response must come back. */
void dclient_ask(struct dtls_client *c);
/* Writes a record with a Binding request into out. */
void dclient_write_binding(struct dtls_client *c);
/* The association that it has; NULL: none. */
struct dtls_conn *dclient_conn(const struct dtls_client *c);

#define dtls_test(f) cmocka_unit_test_setup_teardown(f, dtls_setup, dtls_teardown)

#endif
