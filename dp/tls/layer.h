/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_LAYER_H
#define FL_DP_TLS_LAYER_H

/*
 * TLS on a connection from the inside, for the files of dp/tls that have connections:
 *
 *   tls.c      life and handshake: records to a crypto thread and back
 *   waiting.c  who is next when handshakes are short
 *   tls_open.c after the handshake: records opened and sealed, alerts, KeyUpdate, the end
 */
#include "tls.h"
#include "waiting.h"
#include "../clock.h"

enum tls_state {
	TLS_HELLO,	 /* waits for the first record */
	TLS_WAITING,	 /* has one, and waits for a handshake: in tls_worker's list */
	TLS_HANDSHAKING, /* the crypto thread has the handshake */
	TLS_RECORD,	 /* we have it, and wait for the client: in tls_worker's other list */
	TLS_LOOKUP,	 /* we have it, and wait for the key of an identity */
	TLS_OPEN,
	TLS_OVER, /* nothing is opened any more: what comes is dropped */
};

enum tls_flags {
	TLS_CLIENT = 1 << 0,	  /* our role */
	TLS_MUTE = 1 << 1,	  /* no close_notify: a fatal alert was sent or received */
	TLS_CLOSING = 1 << 2,	  /* our close_notify, or FIN in its place, is on its way */
	TLS_UPDATE = 1 << 3,	  /* a KeyUpdate of ours is due */
	TLS_UPDATE_ASK = 1 << 4,  /* and asks for one of the other side's */
	TLS_RENEGOTIATE = 1 << 5, /* the other side was told no once */
	TLS_FIN_SEEN = 1 << 6,	  /* FIN came without close_notify, and was counted */
	TLS_STARTED = 1 << 7,	  /* the crypto thread has had something */
};

enum {
	TLS_MSG_HEAD = 4,      /* of a handshake message: type, length */
	TLS_HELLO_LOOK = 4096, /* a longer ClientHello is passed to nobody: with a hybrid key
				  (ML-KEM) one has 1,700 */
	TLS_RETRY_MS = 5,      /* when there was no buffer */
	/* RFC 8446 5.5: 2^24.5 full records under one AES-GCM key; in bytes for TLS 1.2, by blocks.
	 */
	TLS_REKEY_RECORDS = 1 << 24,
	TLS_REKEY_LOG2_BYTES = 38,
	TLS_WARNINGS_MAX = 16,	    /* alerts that end nothing, of one connection */
	TLS_ALERT_LINGER_MS = 5000, /* after an error: what is left of tcp.linger */
	TLS_PATIENCE_MS = 1000,	    /* with a client in all, while others wait for a handshake */
	TLS_KEPT = 64,		    /* of tls.connections, free for the next ones; of few a part: */
	TLS_KEPT_DIV = 8,
	TLS_BULK_CWND = 64 * 1024, /* from here on records are as long as they may be */
};

struct tls {
	struct tcp_layer layer;
	struct ctl_conn conn; /* its name */
	/* While the handshake lasts: */
	struct handshake
	    *handshake; /* TLS_HANDSHAKING: the crypto thread's, and not to be touched */
	/*
	 * TLS_WAITING, TLS_RECORD: in a list, by since_ms, which is the state's; of TLS_RECORD less
	 * the time that it has let us wait before.
	 */
	struct waiter wait;
	uint32_t waited_ms; /* for it, so far */
	uint32_t since_us;  /* when the connection was there: low half of now_us */
	/* From then on: */
	uint8_t state; /* enum tls_state */
	uint8_t flags; /* enum tls_flags */
	uint8_t warnings;
	uint8_t msg_len;	       /* bytes of msg */
	uint8_t msg[TLS_MSG_HEAD + 1]; /* handshake message under way, after the handshake */
	uint16_t plain_max_in, plain_max_out;
	bool retry;	   /* the timer is for want of a buffer */
	uint32_t begun_ms; /* since when half a record may be completed (low half); 0: none is */
	uint16_t updates;  /* KeyUpdates since update_s */
	uint32_t update_s;
	uint32_t msg_skip; /* bytes of a handshake message that is not read */
	struct tls_info info;
	struct tls_keys rd, wr;
};
_Static_assert(offsetof(struct tls, layer) == 0, "a layer");
_Static_assert(sizeof(struct tls) <= 3200, "budget of an idle leg: 4 KB with its connection");

/* A worker's TLS. */
struct tls_worker {
	struct aead *aead;
	struct tls_kdf *kdf;
	struct rte_mempool *pool;   /* struct tls */
	struct tls_waiting waiting; /* for a handshake */
	struct tls_list silent;	    /* clients we wait for while they hold one, longest first */
	uint32_t conns, handshakes;
	uint32_t leaving; /* of the handshakes: given up, and not back from the crypto thread yet */
};

/* Whose member it is; NULL of NULL. */
static inline struct tls *tls_of_waiter(struct waiter *e)
{
	return e ? RTE_PTR_SUB(e, offsetof(struct tls, wait)) : NULL;
}

static inline struct tls *tls_of(const struct tcp_conn *c)
{
	return (struct tls *)(void *)tcp_layer(c);
}

/* tls_open.c: calls of struct tcp_layer_ops in state TLS_OPEN. */
void open_input(struct worker *w, struct tcp_conn *c);
void open_output(struct worker *w, struct tcp_conn *c);
void open_timeout(struct worker *w, struct tcp_conn *c);
/* The one place where the state changes, and with it the list it is in. */
void tls_set_state(struct worker *w, struct tls *t, enum tls_state s);
/*
 * Asks the control process for the key of the identity that s names (psk_ask.c); tls_psk() has the
 * answer. False: nobody would hear of it.
 */
bool tls_psk_ask(struct worker *w, struct tcp_conn *c, const struct handshake *s);
/* The handshake is given up, whatever it waits for: TLS_OVER, unless it was over already. */
void tls_leave(struct worker *w, struct tls *t);
/*
 * Ends it: a fatal alert goes out first (ALERT_NONE: none), sealed or in clear as the state has it,
 * then FIN; no close_notify.
 */
void tls_fail(struct worker *w, struct tcp_conn *c, enum tls_alert alert, enum tcp_end why);

#endif
