/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_WORLD_MILENAGE_H
#define FL_TESTS_WORLD_MILENAGE_H

/*
 * Milenage (TS 35.206): what a home network and a phone's card compute. Test code alone: the
 * product never has a subscriber's key.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

struct milenage {
	uint8_t mac_a[8], mac_s[8], res[8], ck[16], ik[16], ak[6], ak_s[6];
};

static inline void milenage_block(const uint8_t k[16], const uint8_t in[16], uint8_t out[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, k, NULL);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	EVP_EncryptUpdate(ctx, out, &n, in, 16);
	EVP_CIPHER_CTX_free(ctx);
}

/* E(x ^ rot(y ^ opc, r bytes) ^ c) ^ opc; x may be NULL. */
static inline void milenage_out(const uint8_t k[16], const uint8_t opc[16], const uint8_t *x,
				const uint8_t y[16], uint32_t r, uint8_t c, uint8_t out[16])
{
	uint8_t in[16];

	for (uint32_t i = 0; i < 16; i++)
		in[i] = (uint8_t)((x ? x[i] : 0) ^ y[(i + r) % 16] ^ opc[(i + r) % 16]);
	in[15] ^= c;
	milenage_block(k, in, out);
	for (uint32_t i = 0; i < 16; i++)
		out[i] ^= opc[i];
}

static inline void milenage_opc(const uint8_t k[16], const uint8_t op[16], uint8_t opc[16])
{
	milenage_block(k, op, opc);
	for (uint32_t i = 0; i < 16; i++)
		opc[i] ^= op[i];
}

static inline struct milenage milenage(const uint8_t k[16], const uint8_t opc[16],
				       const uint8_t rand[16], const uint8_t sqn[6],
				       const uint8_t amf[2])
{
	uint8_t temp[16], in1[16], out[16];
	struct milenage m;

	for (uint32_t i = 0; i < 16; i++)
		temp[i] = rand[i] ^ opc[i];
	milenage_block(k, temp, temp);
	memcpy(in1, sqn, 6);
	memcpy(in1 + 6, amf, 2);
	memcpy(in1 + 8, in1, 8);
	milenage_out(k, opc, temp, in1, 8, 0, out);
	memcpy(m.mac_a, out, 8);
	memcpy(m.mac_s, out + 8, 8);
	milenage_out(k, opc, NULL, temp, 0, 1, out);
	memcpy(m.res, out + 8, 8);
	memcpy(m.ak, out, 6);
	milenage_out(k, opc, NULL, temp, 4, 2, m.ck);
	milenage_out(k, opc, NULL, temp, 8, 4, m.ik);
	milenage_out(k, opc, NULL, temp, 12, 8, out);
	memcpy(m.ak_s, out, 6);
	return m;
}

#endif
