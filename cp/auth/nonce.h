/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_NONCE_H
#define FL_CP_AUTH_NONCE_H

/*
 * Nonces without state (R71): the nonce cookie with its security feature bits (RFC 8489 9.2),
 * then in base64 the low 10 bits of the time it was made and 32 bits of a SipHash of all that it
 * vouches for: features, what the challenge offered, the whole of the time, and the client's
 * transport address. It is short, since a challenge goes to whoever is named as a request's source
 * (RFC 8656 21.1); and it need not be longer, since a nonce that was guessed still wants a
 * signature.
 *
 * The port is part of it. RFC 8489 9.2.4 forbids the same nonce for two ports of one address, and
 * many users may stand behind one address (R4): without the port, what one of them sent could be
 * replayed by another. A client whose port changed has a new five-tuple, hence needs a new
 * allocation or a new connection anyway; it is told 438 and goes on with one more round trip. Over
 * a stream it is the same: only the data connections of a TCP allocation share the nonces of their
 * control connection (struct auth_client).
 */
#include "../../lib/siphash.h"
#include "../../lib/stun.h"

enum {
	NONCE_COOKIE_LEN = 9,
	NONCE_STAMP_LEN = 7,				    /* characters: 42 bits */
	NONCE_LEN = NONCE_COOKIE_LEN + 4 + NONCE_STAMP_LEN, /* without the NUL */
};

/* Security feature bits; bit 0 is the rightmost of the 24 (RFC 8489 18.1 as its errata say). */
enum nonce_feature {
	NONCE_PASSWORD_ALGORITHMS = 1 << 0,
	NONCE_USERNAME_ANONYMITY = 1 << 1,
};

enum nonce_state {
	NONCE_FRESH,
	NONCE_STALE,   /* ours, but its time is over */
	NONCE_FOREIGN, /* malformed, forged, very old, of another address or another set-up */
};

struct nonce_maker {
	struct siphash_key key;
	uint32_t lifetime; /* seconds */
	uint32_t features; /* enum nonce_feature */
	uint8_t offer;	   /* what else the challenge says; a change makes old nonces foreign */
};

/* now is seconds of CLOCK_MONOTONIC. out is NUL-terminated. */
void nonce_make(const struct nonce_maker *n, const struct sock_addr *client, uint64_t now,
		char out[NONCE_LEN + 1]);
enum nonce_state nonce_check(const struct nonce_maker *n, const struct stun_val *nonce,
			     const struct sock_addr *client, uint64_t now);

/*
 * The key, kept in a file (mode 0600) so that a new control process honours the nonces of the one
 * before it. It lasts until the machine restarts, as the clock does that nonces are dated with.
 * A missing or unusable file is made anew. False, with one sentence in err, if it cannot be.
 */
bool nonce_key_load(const char *path, struct siphash_key *key, char *err, size_t errlen);

#endif
