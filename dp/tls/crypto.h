/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_CRYPTO_H
#define FL_DP_TLS_CRYPTO_H

/* What a crypto thread is inside: for handshake.c, handshake_key.c, crypto.c, psk.c and their
 * tests. */
#include "../snapshot.h"
#include "handshake.h"
#include "../../lib/cursor.h"

#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

/* Domains in force, or that were when a handshake under way began. One thread's: the crypto
 * thread's. */
struct crypto_domains {
	struct domain_set *set;
	struct snapshot *of;	   /* that conf is in; NULL: it is that of the start */
	const struct config *conf; /* they were made of */
	uint32_t users;		   /* handshakes */
};

TAILQ_HEAD(handshake_list, handshake_ssl);

struct crypto {
	const struct dplane *dp;
	OSSL_LIB_CTX *libctx;
	BIO_METHOD *bio, *bio_dtls;
	EVP_KDF_CTX *prf; /* TLS 1.2 (RFC 5246 5) */
	SSL_CTX *srtp[2]; /* DTLS-SRTP: server, client (srtp_ctx.h); NULL: there is none */
	struct crypto_domains *domains;
	struct handshake_list parked; /* their jobs wait, the longest first */
	uint32_t n_parked;
	uint16_t id;
	uint16_t next; /* of from: which is looked at first */
	uint16_t n_from;
	uint32_t nap_us, idle_turns;
	bool started; /* its thread is ready for jobs */

	alignas(64) _Atomic(struct crypto_domains *) fresh; /* service thread to crypto thread */
	_Atomic bool woken; /* some parked one is ready; any thread to crypto thread */

	/* By worker; NULL where it has another crypto thread. */
	alignas(64) struct rte_ring *in[CTL_WORKERS_MAX], *out[CTL_WORKERS_MAX];
	struct rte_ring *from[CTL_WORKERS_MAX]; /* those of in that are there */
};

/* Looks at the records that go by, in pieces of any size, what they are and how many. */
struct record_tap {
	uint8_t head[TLS_HEAD_MAX];
	uint32_t have; /* bytes of head */
	uint32_t left; /* of the record, behind head */
	uint64_t n;    /* records since the last change_cipher_spec, or since it was set to 0 */
};
void record_tap(struct record_tap *t, const uint8_t *p, size_t len);

struct handshake_ssl {
	SSL *ssl;
	struct handshake *handshake;
	struct crypto *crypto;
	struct crypto_domains *domains;
	TAILQ_ENTRY(handshake_ssl) link; /* of parked */
	uint64_t parked_tsc;		 /* since when a job is under way; 0: none is */
	uint32_t in_len, in_at;		 /* of handshake->in: what OpenSSL has yet to read */
	struct record_tap tap_in, tap_out;
	uint16_t limit; /* plaintext bytes a record to the other side; 0: it did not say */
	bool parked;
	bool stalled;	     /* was told of */
	bool lookup;	     /* its job waits for a key */
	bool aborted;	     /* the worker is no longer interested */
	bool ticket;	     /* TLS 1.3: ours is on its way */
	bool resumable;	     /* the client can use one (psk_dhe_ke) */
	bool alert_received; /* alert was, not sent */
	uint8_t alert;
	_Atomic bool ready; /* the job may go on; any thread to crypto thread */
	uint8_t lookups;    /* so far: psk.c's */
	bool listened;	    /* DTLS: it has its ClientHello */
	uint64_t sealed;    /* DTLS: number of the next record under our key */
	uint8_t sealed_nonce[TLS_EXPLICIT_12]; /* of the last one */
	uint8_t secret_len;
	uint8_t client_secret[TLS_SECRET_MAX], server_secret[TLS_SECRET_MAX]; /* TLS 1.3 */
};

/* ---- handshake.c ---- */

/* BIO of one handshake: reads handshake->in, writes handshake->out. NULL: out of memory. */
BIO_METHOD *handshake_bio_method(void);
/*
 * Carries out what the worker sent it for. True: it goes back to the worker. False: it waits, and
 * handshake_go() carries on once it is ready.
 */
bool handshake_step(struct crypto *th, struct handshake *s);
bool handshake_go(struct crypto *th, struct handshake *s);
/* Frees what OpenSSL has of it and wipes secrets, but for the result. No job may be under way. */
void handshake_clear(struct handshake *s);

/* ---- handshake_dtls.c ---- */

/* As handshake_bio_method(), of datagrams. */
BIO_METHOD *handshake_bio_dtls(void);
/* What an SSL of DTLS needs before its first datagram. False: OpenSSL failed. */
bool dtls_use(struct handshake *s, SSL *ssl);
/* Takes the ClientHello that is there to read. False: it is none. */
bool dtls_listen(struct handshake_ssl *x);
/* Sets timer_ms. */
void dtls_timer(struct handshake *s);
/* HANDSHAKE_TIMER. False: it went too often. */
bool dtls_resend(struct handshake *s);
/* SSL_CTX_set_cookie_verify_cb(3) */
int dtls_on_cookie(SSL *ssl, const unsigned char *cookie, unsigned int len);

/* ---- handshake_key.c ---- */

/* A line of the key log: keeps application traffic secrets. */
void handshake_keylog(struct handshake_ssl *x, const char *line);
/* Fills handshake->result of a handshake that is complete. False: not one that records can follow.
 */
bool handshake_result(struct crypto *th, struct handshake *s);

/* ---- crypto.c ---- */

void crypto_park(struct crypto *th, struct handshake_ssl *x);
/* Takes up what a reload left, for handshakes that begin now. */
void crypto_domains_take(struct crypto *th);
/* One handshake less uses them: superseded ones go with their last. */
void crypto_domains_put(struct crypto *th, struct crypto_domains *d);

#endif
