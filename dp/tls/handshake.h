/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_HANDSHAKE_H
#define FL_DP_TLS_HANDSHAKE_H

/*
 * Handshakes. OpenSSL does them, record by record, in a crypto thread: on a crypto lcore
 * (tls.crypto-cpus), or in the worker itself, one step a turn. A handshake under way is a struct
 * handshake. It belongs to the worker or to the crypto thread, never to both: it goes to and fro
 * through two rings, so neither needs a lock, and both sides only ever see whole records in it.
 *
 * The worker sends it with a record of the other side (with DTLS, a datagram; or none, to begin as
 * a client, or to go on after HANDSHAKE_OUT), the crypto thread sends it back with what OpenSSL
 * said and the records to send. After HANDSHAKE_DONE the keys are in it and the SSL object is gone;
 * it holds no OpenSSL memory then, nor after HANDSHAKE_FAILED. A handshake whose operation waits
 * (an accelerator's, an identity's key) stays with the crypto thread until it can go on: nothing
 * that a job still refers to is freed.
 */
#include "expect.h"
#include "record.h"
#include "../../lib/ctl_abi.h"
#include "../../lib/srtp_suite.h"

#include <rte_ring.h>

struct dplane;
struct crypto;
struct snapshot;
struct handshake_ssl; /* OpenSSL's side; the crypto thread's alone */
struct ssl_ctx_st;

enum {
	HANDSHAKE_IN_MAX = TLS_HDR + TLS_CIPHER_MAX_12,
	HANDSHAKE_OUT_MAX = 8192,      /* a turn's; more follows by HANDSHAKE_OUT */
	HANDSHAKE_BYTES_MAX = 1 << 16, /* what the other side may send before Finished, in all */
	HANDSHAKE_EARLY_MAX = 1 << 15, /* of these, early data that is skipped (RFC 8446 4.2.10) */
	HANDSHAKE_IDENTITY_MAX = 256,  /* PSK identity, bytes */
	HANDSHAKE_PSK_MAX = 64,	       /* bytes */
	HANDSHAKE_DTLS_HDR = 13,       /* of a record of DTLS 1.2 (RFC 6347 4.1) */
};

/* Worker to crypto thread. */
enum handshake_op {
	HANDSHAKE_FEED,	 /* in has in_len bytes: one record, or nothing */
	HANDSHAKE_PSK,	 /* the answer of the control process is in psk; psk_len 0: unknown */
	HANDSHAKE_TIMER, /* DTLS: timer_ms are over; comes back as HANDSHAKE_MORE, or _FAILED */
	HANDSHAKE_ABORT, /* the connection has gone: free what OpenSSL has; comes back as
			  * HANDSHAKE_ABORTED
			  */
};

/* Crypto thread to worker. In all of these out may have bytes to send first. */
enum handshake_state {
	HANDSHAKE_MORE,	   /* wants the next record */
	HANDSHAKE_OUT,	   /* out was full: come again with HANDSHAKE_FEED and in_len 0 */
	HANDSHAKE_LOOKUP,  /* wants the key of identity: answer with HANDSHAKE_PSK */
	HANDSHAKE_DONE,	   /* result is filled */
	HANDSHAKE_FAILED,  /* why; the alert, if there is one, is in out already */
	HANDSHAKE_ABORTED, /* answer to HANDSHAKE_ABORT */
};

/* Of DTLS-SRTP: what was agreed. Master keys, then their salts; in: the other side's. */
struct handshake_srtp {
	uint8_t suite; /* enum srtp_suite; SRTP_SUITES: on none */
	uint8_t in[SRTP_MASTER_MAX], out[SRTP_MASTER_MAX];
};

/* What a finished handshake leaves: secrets are wiped by whoever is done with them. */
struct handshake_result {
	uint16_t version;		      /* enum tls_version */
	uint16_t suite;			      /* of tls_suite() */
	uint16_t plain_max_out, plain_max_in; /* RFC 8449, RFC 6066 4; TLS_PLAIN_MAX without */
	bool resumed;			      /* by a ticket or an external PSK */
	bool psk;			      /* an external one */
	bool peer_cert;			      /* the other side showed one that was accepted */
	uint8_t cert[CTL_CERT_KEY];	      /* that we have shown, as ctl_conn_info has it */
	uint16_t service; /* id: of the listener's, by ALPN or SNI; SERVICE_NONE: neither says */
	/* TLS 1.3: application traffic secrets. TLS 1.2: keys and IVs. By direction, seen from us.
	 */
	uint8_t in_secret[TLS_SECRET_MAX], out_secret[TLS_SECRET_MAX];
	uint8_t in_iv[TLS_NONCE], out_iv[TLS_NONCE]; /* TLS 1.2 only */
	uint64_t in_seq, out_seq;		     /* of the next record */
	uint64_t out_explicit;	     /* TLS 1.2 AES-GCM: explicit nonce of the next record */
	struct fingerprint_set peer; /* of the other side's certificate; zeros: none */
	struct handshake_srtp srtp;
};

struct handshake {
	/* By the worker, before it is sent. */
	uint16_t op; /* enum handshake_op */
	uint16_t worker;
	uint16_t crypto; /* of dplane.crypto thread, for its life */
	uint16_t domain; /* index in the configuration */
	bool client;	 /* our role */
	/*
	 * DTLS: in is a datagram, the first one a ClientHello in one record, whose cookie is right;
	 * out is datagrams, each behind its length (2 bytes, in the order of the wire).
	 */
	bool dtls;
	/* DTLS-SRTP: of no domain, and by these profiles (enum srtp_suite); n 0: by any. */
	bool srtp;
	uint8_t n_profile, profile[CTL_PROFILES_MAX];
	uint16_t mtu;	    /* bytes of a datagram, without IP and UDP */
	uint16_t resend_ms; /* from a flight to the next time that it goes */
	struct tls_expect expect;
	struct ctl_conn conn; /* of the worker: for the worker alone */
	uint32_t in_len;
	uint32_t psk_len;
	/* By the crypto thread, before it comes back. */
	uint16_t state; /* enum handshake_state */
	uint16_t why;	/* enum tcp_end, with HANDSHAKE_FAILED */
	uint8_t
	    alert; /* sent (enum tls_alert), or received, or ALERT_NONE; with HANDSHAKE_FAILED */
	bool alert_received;
	uint16_t waits; /* for an accelerator, in this step */
	uint32_t out_len;
	uint32_t
	    timer_ms; /* DTLS: until HANDSHAKE_TIMER is due, with HANDSHAKE_MORE; 0: it is not */
	int resent;   /* DTLS, of HANDSHAKE_TIMER: 1: a flight went again */
	uint32_t identity_len;
	uint32_t
	    total_in; /* bytes fed so far; the crypto thread ends it beyond HANDSHAKE_BYTES_MAX */
	struct handshake_ssl *ssl; /* the crypto thread's; NULL: none yet, or no more */
	struct handshake
	    *next; /* whose it is: free list, or the crypto thread's list of parked ones */
	union {
		uint8_t identity[HANDSHAKE_IDENTITY_MAX]; /* HANDSHAKE_LOOKUP */
		uint8_t psk[HANDSHAKE_PSK_MAX]; /* HANDSHAKE_PSK; the crypto thread wipes it */
	};
	struct handshake_result result;
	uint8_t in[HANDSHAKE_IN_MAX];
	uint8_t out[HANDSHAKE_OUT_MAX];
};

/*
 * Makes the crypto threads: one for each of tls.crypto-cpus, or one in each worker; their domains,
 * rings and each worker's pool of tls.handshakes handshakes. Nothing is made without a listener for
 * TLS. On failure one sentence in err (file, line and key where the configuration is at fault).
 */
bool cryptos_create(struct dplane *dp, char *err, size_t errlen);
void cryptos_free(struct dplane *dp);
/*
 * Reads the certificates and keys of a snapshot, NULL: of the start; handshakes that begin from
 * then on use them, and what the snapshot says of domains and services. On failure, in any file,
 * all stays as it was, err says why in one sentence, and of the snapshot in force struct
 * ctl_cert_info of the one at fault does, too. By the service thread only.
 */
bool cryptos_reload(struct dplane *dp, struct snapshot *of, char *err, size_t errlen);
/* lcore function of a crypto CPU: until dp->stop. Naps when nothing comes, as workers do. */
int crypto_run(void *crypto);
/*
 * Does what is waiting, n handshake steps at most (0: all there is). Returns how many. Called by
 * crypto_run(), or by the worker whose crypto thread it is.
 */
uint32_t crypto_turn(struct crypto *s, uint32_t n);

/* ---- for contexts and their callbacks ---- */

/*
 * What a handshake here counts on in each context it may use, those that a callback switches to
 * among them: nothing early is taken, nothing comes after Finished, RFC 8449. False: OpenSSL
 * failed.
 */
bool handshake_ctx_init(struct ssl_ctx_st *ctx);
/*
 * Within a callback of s's handshake that runs as a job (SSL_MODE_ASYNC): asks for the key of
 * identity, which is filled, and returns once psk has the answer. False: there is none (unknown,
 * the connection has gone, or this is no job).
 */
bool handshake_lookup(struct handshake *s);

/* ---- the worker's side ---- */

/* A fresh handshake, or NULL: tls.handshakes are under way, or of DTLS tls.dtls-handshakes. */
struct handshake *handshake_get(struct worker *w);
struct handshake *handshake_get_dtls(struct worker *w);
/* Back into the pool; it must not hold OpenSSL memory (HANDSHAKE_DONE, _FAILED, _ABORTED, or never
 * sent). */
void handshake_put(struct worker *w, struct handshake *s);
/* To a crypto thread: always the same one for one handshake. Never fails: rings hold all handshakes
 * there are. */
void handshake_send(struct worker *w, struct handshake *s);
/* What came back, or NULL. */
struct handshake *handshake_recv(struct worker *w);

#endif
