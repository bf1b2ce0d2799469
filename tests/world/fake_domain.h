/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_FAKE_DOMAIN_H
#define FL_TESTS_FAKE_DOMAIN_H

/*
 * One TLS domain of the tests' own, and accelerators that are none: what crypto threads are given
 * instead of dp/tls/domain.c and dp/tls/accel.c. Keys and certificates are made as the test
 * starts.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum { FAKE_EC, FAKE_RSA, FAKE_KEYS };

#define FAKE_NAME "turn.example.org"

/* What the next domains_create() makes; fake_domain_reset() has the defaults. */
struct fake_domain {
	int min, max; /* TLS1_2_VERSION, TLS1_3_VERSION */
	const char *suites_12, *suites_13, *groups;
	bool key[FAKE_KEYS];
	int verify;	    /* SSL_VERIFY_PEER, SSL_VERIFY_FAIL_IF_NO_PEER_CERT */
	bool trust;	    /* the fake certificates */
	bool ca;	    /* a chain is asked for */
	uint32_t chain;	    /* certificates beyond the first */
	const char *alpn;   /* that is chosen when it is offered */
	bool fail;	    /* domains_create() does */
	bool psk;	    /* TLS 1.2: handshake_lookup() is asked for keys */
	bool accel;	    /* there is one */
	int full;	    /* so often it takes no job */
	void (*hook)(void); /* called as ClientHello's name is looked at */
	void (*after_psk)(void);
	/* What happened. */
	_Atomic int sets; /* that there are */
	_Atomic int ssls; /* SSL objects that there are, in all of the process */
	int published, errors, stalls;
	bool waiting; /* a job does, for fake_accel_done() */
};
extern struct fake_domain fake_domain;

void fake_domain_reset(void);
/* Hooks: the job waits as if for an accelerator; which is done with it, in any thread. */
void fake_accel_pause(void);
void fake_accel_done(void);
/* Made once. */
EVP_PKEY *fake_key(int kind);
X509 *fake_cert(int kind);
/* Gives a context of the tests' both, or what fake_domain wants of them. */
void fake_certs(SSL_CTX *ctx, const bool *kinds, uint32_t chain);
void fake_trust(SSL_CTX *ctx);

#endif
