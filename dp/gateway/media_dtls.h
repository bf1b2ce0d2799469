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

enum {
	DTLS_FIRST = 20, /* first bytes (RFC 7983 7) */
	DTLS_LAST_BYTE = 63,
	DTLS_AGAIN_S = 2, /* a client begins again after nobody answered */
};

/* Of RTP, or of RTCP apart from it. */
struct media_assoc {
	struct ctl_conn conn; /* it is open, or we are its client; gen 0: none is */
	bool wants;	      /* as a client: a handshake */
	bool untold;
	uint8_t what;	  /* TERM_UP or TERM_REFUSED: that came last; 0: nothing */
	uint16_t why;	  /* enum tcp_end, of TERM_REFUSED */
	uint16_t suite;	  /* of DTLS, of TERM_UP */
	uint32_t again_s; /* a client begins not before */
	uint8_t sha256[32];
};

/* Of a termination. Written by its worker alone. */
struct media_dtls {
	bool on, client;
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
/* The side has come here from another context, or from the other side. */
void media_dtls_moved(struct worker *w, uint32_t slot, uint32_t side);
/* From time to time: begins, and tells. */
void media_dtls_tick(struct worker *w, uint32_t slot, uint32_t side);
/* What a command would have said of it. */
void media_dtls_term(const struct media_term *m, struct ctl_term *t);

#endif
