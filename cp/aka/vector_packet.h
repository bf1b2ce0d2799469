/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AKA_VECTOR_PACKET_H
#define FL_CP_AKA_VECTOR_PACKET_H

/*
 * A vector of AKA by RADIUS: bytes in, bytes out. An Access-Request names the user; the
 * Access-Accept has the five in vendor attributes (RFC 2865 5.26), of which XRES, CK and IK are
 * enciphered as RFC 2868 3.5 has it. Both sides sign with Message-Authenticator (RFC 3579 3.2): an
 * answer without one is none.
 */
#include "../../conf/config.h"
#include "../radius_wire.h"
#include "vector_source.h"

enum { VECTOR_REQUEST_MAX = 1024 };

/* How one server is asked. */
struct vector_way {
	const char *secret, *nas;
	uint32_t vendor;
	const struct config_aka_attributes *attr;
};

/*
 * Writes a request with an authenticator that nobody foresees; its length, or 0: it could not be
 * signed.
 */
size_t vector_request(uint8_t packet[VECTOR_REQUEST_MAX], uint8_t id, const struct vector_way *way,
		      const struct vector_question *q);

enum vector_answer {
	VECTOR_OTHER,	 /* no answer to this request, or its signature is wrong */
	VECTOR_UNSIGNED, /* it would be one, but has no Message-Authenticator */
	VECTOR_GIVEN,
	VECTOR_REJECTED,
	VECTOR_INVALID, /* the vector is not whole, or not as it should be */
};

/* What a packet is to the request; *v is written with VECTOR_GIVEN alone. */
enum vector_answer vector_answer(const uint8_t *packet, size_t len, const uint8_t *request,
				 const struct vector_way *way, struct aka_vector *v);

#endif
