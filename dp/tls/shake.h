/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_SHAKE_H
#define FL_DP_TLS_SHAKE_H

/*
 * Handshakes. OpenSSL does them, record by record, in a shaker: on a crypto lcore
 * (tls.crypto-cpus), or in the worker itself, one step a turn. A handshake under way is a struct
 * shake. It belongs to the worker or to the shaker, never to both: it goes to and fro through two
 * rings, so neither needs a lock, and both sides only ever see whole records in it.
 *
 * The worker sends it with a record of the other side (or none, to begin as a client, or to go on
 * after SHAKE_OUT), the shaker sends it back with what OpenSSL said and the records to send. After
 * SHAKE_DONE the keys are in it and the SSL object is gone; it holds no OpenSSL memory then, nor
 * after SHAKE_FAILED. A shake whose operation waits (an engine's job, an identity's key) stays with
 * the shaker until it can go on: nothing that a job still refers to is freed.
 */
#include "expect.h"
#include "record.h"

#include <rte_ring.h>

struct dplane;
struct shaker;
struct shake_ssl; /* OpenSSL's side; the shaker's alone */
struct ssl_ctx_st;

enum {
	SHAKE_IN_MAX = TLS_HDR + TLS_CIPHER_MAX_12,
	SHAKE_OUT_MAX = 8192,	   /* a turn's; more follows by SHAKE_OUT */
	SHAKE_BYTES_MAX = 1 << 16, /* what the other side may send before Finished, in all */
	SHAKE_EARLY_MAX = 1 << 15, /* of these, early data that is skipped (RFC 8446 4.2.10) */
	SHAKE_IDENTITY_MAX = 256,  /* PSK identity, bytes */
	SHAKE_PSK_MAX = 64,	   /* bytes */
};

/* Worker to shaker. */
enum shake_op {
	SHAKE_FEED,  /* in has in_len bytes: one record, or nothing */
	SHAKE_PSK,   /* the answer of the control process is in psk; psk_len 0: unknown */
	SHAKE_ABORT, /* the connection has gone: free what OpenSSL has; comes back as SHAKE_ABORTED
		      */
};

/* Shaker to worker. In all of these out may have bytes to send first. */
enum shake_state {
	SHAKE_MORE,    /* wants the next record */
	SHAKE_OUT,     /* out was full: come again with SHAKE_FEED and in_len 0 */
	SHAKE_LOOKUP,  /* wants the key of identity: answer with SHAKE_PSK */
	SHAKE_DONE,    /* result is filled */
	SHAKE_FAILED,  /* why; the alert, if there is one, is in out already */
	SHAKE_ABORTED, /* answer to SHAKE_ABORT */
};

/* What a finished handshake leaves: secrets are wiped by whoever is done with them. */
struct shake_result {
	uint16_t version;		      /* enum tls_version */
	uint16_t suite;			      /* of tls_suite() */
	uint16_t plain_max_out, plain_max_in; /* RFC 8449, RFC 6066 4; TLS_PLAIN_MAX without */
	bool resumed;			      /* by a ticket or an external PSK */
	bool psk;			      /* an external one */
	bool peer_cert;			      /* the other side showed one that was accepted */
	uint16_t service; /* of the listener's, by ALPN or SNI; SERVICE_NONE: neither says */
	/* TLS 1.3: application traffic secrets. TLS 1.2: keys and IVs. By direction, seen from us.
	 */
	uint8_t in_secret[TLS_SECRET_MAX], out_secret[TLS_SECRET_MAX];
	uint8_t in_iv[TLS_NONCE], out_iv[TLS_NONCE]; /* TLS 1.2 only */
	uint64_t in_seq, out_seq;		     /* of the next record */
	uint64_t out_explicit;	     /* TLS 1.2 AES-GCM: explicit nonce of the next record */
	struct fingerprint_set peer; /* of the other side's certificate; zeros: none */
};

struct shake {
	/* By the worker, before it is sent. */
	uint16_t op; /* enum shake_op */
	uint16_t worker;
	uint16_t shaker; /* of dplane.shaker, for its life */
	uint16_t domain; /* index in the configuration */
	bool client;	 /* our role */
	struct tls_expect expect;
	struct ctl_conn conn; /* of the worker: for the worker alone */
	uint32_t in_len;
	uint32_t psk_len;
	/* By the shaker, before it comes back. */
	uint16_t state; /* enum shake_state */
	uint16_t why;	/* enum tcp_end, with SHAKE_FAILED */
	uint8_t alert;	/* sent (enum tls_alert), or received, or ALERT_NONE; with SHAKE_FAILED */
	bool alert_received;
	uint16_t waits; /* for an engine, in this step */
	uint32_t out_len;
	uint32_t identity_len;
	uint32_t total_in;     /* bytes fed so far; the shaker ends it beyond SHAKE_BYTES_MAX */
	struct shake_ssl *ssl; /* the shaker's; NULL: none yet, or no more */
	struct shake *next;    /* whose it is: free list, or the shaker's list of parked ones */
	union {
		uint8_t identity[SHAKE_IDENTITY_MAX]; /* SHAKE_LOOKUP */
		uint8_t psk[SHAKE_PSK_MAX];	      /* SHAKE_PSK; the shaker wipes it */
	};
	struct shake_result result;
	uint8_t in[SHAKE_IN_MAX];
	uint8_t out[SHAKE_OUT_MAX];
};

/*
 * Makes the shakers: one for each of tls.crypto-cpus, or one in each worker; their domains, rings
 * and each worker's pool of tls.handshakes shakes. Nothing is made without a listener for TLS. On
 * failure one sentence in err (file, line and key where the configuration is at fault).
 */
bool shakers_create(struct dplane *dp, char *err, size_t errlen);
void shakers_free(struct dplane *dp);
/*
 * Reads certificates and keys again; handshakes that begin from then on use them. On failure, in
 * any file, all stays as it was, err says why in one sentence, and struct ctl_cert_info of the one
 * at fault does, too. By the service thread only.
 */
bool shakers_reload(struct dplane *dp, char *err, size_t errlen);
/* lcore function of a crypto CPU: until dp->stop. Naps when nothing comes, as workers do. */
int shaker_run(void *shaker);
/*
 * Does what is waiting, n handshake steps at most (0: all there is). Returns how many. Called by
 * shaker_run(), or by the worker whose shaker it is.
 */
uint32_t shaker_turn(struct shaker *s, uint32_t n);

/* ---- for contexts and their callbacks ---- */

/*
 * What a handshake here counts on in each context it may use, those that a callback switches to
 * among them: nothing early is taken, nothing comes after Finished, RFC 8449. False: OpenSSL
 * failed.
 */
bool shake_ctx_init(struct ssl_ctx_st *ctx);
/*
 * Within a callback of s's handshake that runs as a job (SSL_MODE_ASYNC): asks for the key of
 * identity, which is filled, and returns once psk has the answer. False: there is none (unknown,
 * the connection has gone, or this is no job).
 */
bool shake_lookup(struct shake *s);

/* ---- the worker's side ---- */

/* A fresh shake, or NULL: tls.handshakes are under way. */
struct shake *shake_get(struct worker *w);
/* Back into the pool; it must not hold OpenSSL memory (SHAKE_DONE, _FAILED, _ABORTED, or never
 * sent). */
void shake_put(struct worker *w, struct shake *s);
/* To a shaker: always the same one for one shake. Never fails: rings hold all shakes there are. */
void shake_send(struct worker *w, struct shake *s);
/* What came back, or NULL. */
struct shake *shake_recv(struct worker *w);

#endif
