/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_ICE_H
#define FL_DP_GATEWAY_ICE_H

/*
 * ICE on media ports (R12, R35): what a lite agent does (RFC 8445 2.5), which is to answer checks.
 * It gathers nothing, checks nothing and is always the controlled one; the remote, a full agent,
 * nominates. Credentials are short-term ones (RFC 8489 9.1).
 *
 * A termination without TERM_ICE has no credentials: STUN that comes to it is dropped as gate_stun
 * by the caller and never reaches this file. Whoever wants plain STUN has the listeners.
 */
#include "../worker.h"

enum {
	ICE_MSG_MAX = 1280,  /* bytes of a check; no agent sends more (RFC 8489 6.1) */
	ICE_REPLY_MAX = 160, /* bytes of an answer */
};

/* Of ours, NUL-terminated, as the remote was told. */
struct ice_key {
	char ufrag[CTL_UFRAG_MAX];
	char pwd[CTL_PWD_MAX];
};

enum ice_verdict {
	ICE_BAD,	/* nothing a lite agent answers: drop, DROP_GATE_STUN */
	ICE_LIMITED,	/* not to be answered so often: drop, DROP_BINDING_RATE */
	ICE_INDICATION, /* a keep-alive (RFC 8445 11): ends here, proves nothing */
	ICE_REFUSED,	/* reply says why; the sender is no more trusted than before */
	ICE_CHECKED,	/* reply is a success; the sender has our password: consent (RFC 7675) */
	ICE_NOMINATED,	/* ICE_CHECKED, and the sender is the remote from now on (RFC 8445 8.1.1) */
};

/*
 * Judges a message that stun_looks_like() lets pass, in one piece, and writes the answer:
 * ICE_REPLY_MAX bytes at most, to be sent to `from` from where the message came to; none: 0.
 *
 * Answers to senders that do not know the password are limited by dataplane.binding-rate, so that a
 * media port is no amplifier and no oracle; those to checks are not: many agents share a network.
 */
enum ice_verdict ice_check(struct worker *w, const struct ice_key *key, const uint8_t *msg,
			   size_t len, const struct sock_addr *from, uint8_t *reply,
			   size_t *reply_len);

#endif
