/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers of a home network by RADIUS: whatever is behind a right signature leads to a whole vector
 * or to none, and nothing is read beyond what the packet says of its length. Without a signature it
 * is nobody's.
 */
#include "../../cp/aka/vector_packet.h"
#include "must.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config_aka_attributes attributes = { 1, 2, 3, 4, 5, 6 };
static const struct vector_way way = { "secret", "edge", 1, &attributes };

/* As who has the secret would; Message-Authenticator is the first attribute, if there is one. */
static void sign(uint8_t *p, size_t len, const uint8_t *request)
{
	radius_head(p, p[0], request[1], len);
	memcpy(p + RADIUS_AUTHENTICATOR, request + RADIUS_AUTHENTICATOR, RADIUS_AUTHENTICATOR_LEN);
	if (len >= RADIUS_HEAD + 18 && p[RADIUS_HEAD] == 80) {
		p[RADIUS_HEAD + 1] = 18;
		memset(p + RADIUS_HEAD + 2, 0, 16);
		HMAC(EVP_md5(), way.secret, (int)strlen(way.secret), p, len, p + RADIUS_HEAD + 2,
		     NULL);
	}
	must(radius_sign(p, len, request + RADIUS_AUTHENTICATOR, way.secret,
			 p + RADIUS_AUTHENTICATOR));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t request[VECTOR_REQUEST_MAX] = { 1, 7 };
	struct aka_vector v = { .xres_len = 0 };
	enum vector_answer a;
	uint8_t *exact;

	if (size < RADIUS_HEAD || size > RADIUS_PACKET_MAX)
		return 0;
	exact = malloc(size);
	memcpy(exact, data, size);
	must(vector_answer(exact, size, request, &way, &v) == VECTOR_OTHER && !v.xres_len);
	sign(exact, size, request);
	a = vector_answer(exact, size, request, &way, &v);
	must(a != VECTOR_OTHER || exact[RADIUS_HEAD] != 80);
	must((a == VECTOR_GIVEN) == (v.xres_len > 0));
	must(v.xres_len <= AKA_RES_MAX && (!v.xres_len || v.xres_len >= AKA_RES_MIN));
	exact[RADIUS_AUTHENTICATOR] ^= 1;
	must(vector_answer(exact, size, request, &way, &v) == VECTOR_OTHER);
	free(exact);
	return 0;
}
