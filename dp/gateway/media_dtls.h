/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_MEDIA_DTLS_H
#define FL_DP_GATEWAY_MEDIA_DTLS_H

/*
 * DTLS-SRTP in contexts (RFC 5763, 5764): the handshakes of terminations with TERM_DTLS, on the
 * ports of their media, from which their keys of SRTP come. RTCP that has a port of its own has an
 * association of its own.
 *
 * Handshakes are with who may send media. Where that is to be learnt, who finishes one with the
 * right certificate is the remote: several may begin, as on a listener.
 */
#include "media.h"
#include "../dtls/dtls.h"

enum {
	DTLS_FIRST = 20, /* first bytes (RFC 7983 7) */
	DTLS_LAST_BYTE = 63,
	/* A client that failed begins again after so long, and twice as long each time, so often.
	 */
	DTLS_AGAIN_S = 2,
	DTLS_AGAIN_MAX_S = 64,
	DTLS_TRIES = 10,
	DTLS_TELL_S = 10, /* that one has failed is told once in so long */
};

/* Of RTP, or of RTCP apart from it. */
struct media_assoc {
	struct ctl_conn conn; /* it is open, or we are its client; gen 0: none is */
	struct dtls_at at;    /* where the component was when it was last looked at */
	uint32_t agreed;      /* agreement that its keys are of; 0: there are no keys */
	bool wants;	      /* as a client: a handshake */
	bool untold;
	uint8_t tries;	  /* as a client, that failed; since a command, or a word of the remote */
	uint8_t what;	  /* TERM_UP or TERM_REFUSED: that came last; 0: nothing */
	uint16_t why;	  /* enum tcp_end, of TERM_REFUSED */
	uint16_t suite;	  /* of DTLS, of TERM_UP */
	uint32_t again_s; /* a client begins not before */
	uint32_t told_s;  /* when TERM_REFUSED was told last */
	uint8_t sha256[32];
};

/*
 * Of a termination. Written by its worker alone. What is wanted (role, fingerprints, id) is an
 * agreement, and another with each change: keys of an earlier one serve where they do until a
 * handshake is over, and teach nobody's address.
 */
struct media_dtls {
	bool on, client;
	uint32_t agreement;
	uint8_t n_fingerprint, n_profile, profile[CTL_PROFILES_MAX];
	uint32_t id;
	struct media_assoc assoc[2];
	struct fingerprint fingerprint[CTL_FINGERPRINTS_MAX];
};

static inline bool is_dtls(const struct pkt *p)
{
	const uint8_t first = pkt_payload_len(p) ? pkt_payload(p)[0] : 0;

	return first >= DTLS_FIRST && first <= DTLS_LAST_BYTE;
}

/* A datagram of DTLS to a side with TERM_DTLS. Takes the packet. */
void media_dtls_take(struct worker *w, const struct media_in *in);
/* What a side shall be, when its flags and remotes are set; without TERM_DTLS: none of it. */
void media_dtls_set(struct worker *w, uint32_t slot, uint32_t side, const struct ctl_term *t);
/* Its associations end, and the other side hears of it: before its keys go. */
void media_dtls_end(struct worker *w, struct media_term *t);
/* The remote of a component is another, or known. */
void media_dtls_remote(struct worker *w, uint32_t slot, uint32_t component);
/* A sign that a remote is there: as its client, a try more. */
void media_dtls_wake(const struct media_term *t, uint32_t rtcp);
/* Whether keys are of what is wanted; true without TERM_DTLS. */
bool media_dtls_current(const struct media_term *t, uint32_t rtcp);
/* The side has come here from another context, or from the other side. */
void media_dtls_moved(struct worker *w, uint32_t slot, uint32_t side);
/* From time to time: begins, and tells. */
void media_dtls_tick(struct worker *w, uint32_t slot, uint32_t side);
/* What a command would have said of it. */
void media_dtls_term(const struct media_term *m, struct ctl_term *t);

#endif
