/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_MEDIA_SRTP_H
#define FL_DP_GATEWAY_MEDIA_SRTP_H

/*
 * SRTP in contexts: what comes from a side with TERM_SRTP is unprotected, what goes to one is
 * protected. Packets wait for the end of the burst that they came in, and go on together.
 */
#include "media_bundle.h"
#include "media_dtls.h"
#include "../srtp/srtp.h"

enum {
	/* A key that was replaced is tried for packets that were on their way. */
	SRTP_LATE_S = 5,
	/* So many packets of all: who forges shall not have each of his deciphered twice. */
	SRTP_LATE_TRIES = 1024,
	SRTP_KEY_BYTES =
	    sizeof(struct srtp_key) +
	    (SRTP_KEY_STATE > SRTP_KEY_STATE_CM ? (int)SRTP_KEY_STATE : (int)SRTP_KEY_STATE_CM),
};

/* Of a termination. Written by its worker alone. */
struct media_srtp {
	struct media_dtls dtls;	    /* with TERM_DTLS */
	struct media_bundle bundle; /* whom it carries */
	/* From the remote, from it by the key before that, and to it. No key: none is agreed. */
	struct srtp_stream in, late, out;
	uint32_t late_s;		  /* late is heard until then; 0: there is none */
	uint32_t late_tries;		  /* that are left */
	uint32_t next;			  /* of the pool's free ones */
	uint8_t flags;			  /* enum ctl_srtp_flags */
	uint8_t in_at;			  /* in's key is in_key[in_at], late's the other */
	struct srtp_master is_in, is_out; /* to see whether another is meant */
	alignas(CIPHER_LINE) uint8_t in_key[2][SRTP_KEY_BYTES], out_key[SRTP_KEY_BYTES];
};

/* Whether a side carries m-lines of a bundle beside its own. */
static inline bool media_bundles(const struct media_term *t)
{
	return t->srtp && t->srtp->bundle.n;
}

/* A packet that waits. */
struct srtp_wait {
	struct pkt p;
	struct media_in in;
	enum drop why;
};

/* Of a worker. */
struct srtp_pool {
	struct srtp *engine;
	uint32_t n; /* of wait[] */
	uint32_t free;
	struct srtp_wait wait[SRTP_BURST];
	struct srtp_packet packet[SRTP_BURST];
	uint8_t which[SRTP_BURST]; /* of wait[] packet[] is */
	struct media_srtp side[];
};

bool media_srtp_create(struct worker *w, char *err, size_t errlen);
void media_srtp_destroy(struct worker *w);

/*
 * The keys of a side, which is there. False: *why, and nothing has changed, but where a key cannot
 * be expanded its direction has none.
 */
bool media_srtp_set(struct worker *w, const struct cmd_srtp_set *c, enum ctl_refusal *why);
/*
 * Keys that DTLS has agreed on, of RTP or of RTCP apart from it: they replace those that there are.
 * False: none could be had.
 */
bool media_srtp_agreed(struct worker *w, struct media_term *t, uint32_t rtcp,
		       const struct srtp_master *in, const struct srtp_master *out);
/* They go, and none take their place. */
void media_srtp_disagreed(struct worker *w, struct media_term *t, uint32_t rtcp);
/* Whether there would be room for a context's terminations with DTLS, which have theirs at once. */
bool media_srtp_can(const struct worker *w, uint32_t slot, const struct ctl_term term[SIDES]);
/* Room for the keys of a termination, and with DTLS for RTCP's own. False: there is none. */
bool media_srtp_room(struct worker *w, struct media_term *t);
/* The keys of a termination go, if it has any: wiped. */
void media_srtp_give(struct worker *w, struct media_term *t);

/* Whether RTCP has an association, and keys, of its own. */
static inline bool media_srtp_apart(const struct media_term *t)
{
	return (t->flags & (TERM_DTLS | TERM_RTCP_MUX)) == TERM_DTLS;
}

/* From time to time: a key that was replaced goes when its time is over. */
void media_srtp_tick(struct worker *w, struct media_term *t);

/* Takes the packet, of a context that has SRTP on either side. It goes on in media_end(). */
void media_srtp_take(struct worker *w, const struct media_in *in);

#endif
