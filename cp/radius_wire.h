/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RADIUS_WIRE_H
#define FL_CP_RADIUS_WIRE_H

/*
 * What all packets of RADIUS have in common (RFC 2865 3, 5): code, identifier, length and
 * authenticator, then attributes of at most 253 bytes each.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RADIUS_PACKET_MAX = 4096,
	RADIUS_SECRET_MAX = 128,
	RADIUS_HEAD = 20,	  /* before the attributes */
	RADIUS_AUTHENTICATOR = 4, /* where it is */
	RADIUS_AUTHENTICATOR_LEN = 16,
	RADIUS_VALUE_MAX = 253,
};

/* Writes an attribute, of RADIUS_VALUE_MAX bytes at most; where the next goes is returned. */
uint8_t *radius_put(uint8_t *at, uint8_t type, const void *value, size_t len);

/* Writes what stands before the attributes, but for the authenticator. */
void radius_head(uint8_t *packet, uint8_t code, uint8_t id, size_t len);

/* MD5 of a packet with that authenticator and the secret behind it. False if OpenSSL failed. */
bool radius_sign(const uint8_t *packet, size_t len, const uint8_t *authenticator,
		 const char *secret, uint8_t out[RADIUS_AUTHENTICATOR_LEN]);

/*
 * The length that a packet tells of itself, or 0: it is no answer to this request, signed with the
 * secret (RFC 2865 3, RFC 2866 3). What follows is padding.
 */
size_t radius_answers(const uint8_t *packet, size_t len, const uint8_t *request,
		      const char *secret);

#endif
