/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_SRTP_VECTORS_H
#define FL_TESTS_SRTP_VECTORS_H

/* RFC 3711 B.2 and B.3, RFC 6188 7, RFC 7714 16 and 17, and whole packets of libsrtp's tests. */
#include "lib/srtp_suite.h"

#include <stdbool.h>
#include <stdint.h>

#define SRTP_ABABAB "abababababababababababababababab"

/* AES in counter mode: a block of the key stream by its number. The salt is F0F1..FD (B.2). */
static const struct {
	const char *key;
	uint16_t block;
	const char *stream;
} srtp_stream_vectors[] = {
	{ "2b7e151628aed2a6abf7158809cf4f3c", 0x0000, "e03ead0935c95e80e166b16dd92b4eb4" },
	{ "2b7e151628aed2a6abf7158809cf4f3c", 0x0001, "d23513162b02d0f72a43a2fe4a5f97ab" },
	{ "2b7e151628aed2a6abf7158809cf4f3c", 0x0002, "41e95b3bb0a2e8dd477901e4fca894c0" },
	{ "2b7e151628aed2a6abf7158809cf4f3c", 0xfeff, "ec8cdf7398607cb0f2d21675ea9ea1e4" },
	{ "2b7e151628aed2a6abf7158809cf4f3c", 0xff00, "362b7c3c6773516318a077d7fc5073ae" },
	{ "2b7e151628aed2a6abf7158809cf4f3c", 0xff01, "6a2cc3787889374fbeb4c81b17ba6c44" },
	{ "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98", 0x0000,
	  "92bdd28a93c3f52511c677d08b5515a4" },
	{ "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98", 0x0001,
	  "9da71b2378a854f67050756ded165bac" },
	{ "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98", 0x0002,
	  "63c4868b7096d88421b563b8c94c9a31" },
	{ "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98", 0xfeff,
	  "cea518c90fd91ced9cbb18c078a54711" },
	{ "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98", 0xff00,
	  "3dbc4814f4da5f00a08772b63c6a046d" },
	{ "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98", 0xff01,
	  "6eb246913062a16891433e97dd01a57f" },
};

/* Session keys; those of SRTCP are by another implementation of the same derivation. */
static const struct {
	enum srtp_suite suite;
	const char *master, *key, *mac, *salt, *rtcp_key, *rtcp_mac, *rtcp_salt;
} srtp_derivation_vectors[] = {
	{ SRTP_AES_CM_128_80, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
	  "c61e7a93744f39ee10734afe3ff7a087", "cebe321f6ff7716b6fd4ab49af256a156d38baa4",
	  "30cbbc08863d8c85d49db34a9ae1", "4c1aa45a81f73d61c800bbb00fbb1eaa",
	  "8d54534feb49ae8e7993a6bd0b844fc323a93dfd", "9581c7ad87b3e530bf3e4454a8b3" },
	{ SRTP_AES_256_CM_80,
	  "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"
	  "3b04803de51ee7c96423ab5b78d2",
	  "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
	  "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05", "fa31791685ca444a9e07c6c64e93", NULL, NULL,
	  NULL },
	{ SRTP_GCM_128, "000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab",
	  "077c6143cb221bc355ff23d5f984a16e", NULL, "9af3e95364ebac9c99c5a7c4", NULL, NULL, NULL },
};

/* The first packet of a key: RTP with roll-over counter roc, or RTCP with index 1. */
static const struct srtp_packet_vector {
	enum srtp_suite suite;
	bool rtcp;
	const char *master, *mki;
	uint32_t roc;
	const char *plain, *sealed;
} srtp_packet_vectors[] = {
	{ SRTP_AES_CM_128_80, false, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
	  "", 0, "800f1234decafbadcafebabe" SRTP_ABABAB,
	  "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb" },
	{ SRTP_AES_CM_128_32, false, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
	  "", 0, "800f1234decafbadcafebabe" SRTP_ABABAB,
	  "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc" },
	{ SRTP_AES_CM_128_80, false, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
	  "e1f97a0d", 0, "800f1234decafbadcafebabe" SRTP_ABABAB,
	  "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402"
	  "e1f97a0db78d6acc99ea179b8dbb" },
	{ SRTP_AES_CM_128_80, false, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
	  "", 1, "800f1234decafbadcafebabe" SRTP_ABABAB,
	  "800f1234decafbadcafebabe179265c8bf303e4c24e7279f739bb5a6f8b3916fd670057bf1dc" },
	{ SRTP_AES_CM_128_80, true, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
	  "", 0, "81c8000bcafebabe" SRTP_ABABAB,
	  "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798" },
	{ SRTP_AES_CM_128_32, true, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
	  "e1f97a0d", 0, "81c8000bcafebabe" SRTP_ABABAB,
	  "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001"
	  "e1f97a0d993e08cd54d6c1230798" },
	{ SRTP_AES_256_CM_80, false,
	  "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"
	  "3b04803de51ee7c96423ab5b78d2",
	  "", 0, "800f1234decafbadcafebabe" SRTP_ABABAB,
	  "800f1234decafbadcafebabef1d9de17ff251ff1aa007774b0b4b40da08d9d9a5b3a55d8873b" },
	{ SRTP_AES_256_CM_32, true,
	  "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"
	  "3b04803de51ee7c96423ab5b78d2",
	  "", 0, "81c8000bcafebabe" SRTP_ABABAB,
	  "81c8000bcafebabeb4d0e7a917d24b9faab9d3b6127b3ba680000001e04ac0ec2846f71bd31c" },
	{ SRTP_GCM_128, false, "000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab",
	  "", 0, "800f1234decafbadcafebabe" SRTP_ABABAB,
	  "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06e"
	  "d2976826f796b201df3131a127e8a392" },
	{ SRTP_GCM_128, true, "000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab",
	  "", 0, "81c8000bcafebabe" SRTP_ABABAB,
	  "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025"
	  "c52c6fbea2b3b446ea31123ba88ce61e80000001" },
};

/* RFC 7714: session keys; salt 517569642070726f2071756f; index of SRTCP 0x5d4. */
#define SRTP_7714_SALT "517569642070726f2071756f"
#define SRTP_7714_RTP                                                                              \
	"8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976697361"                   \
	"20696e207061727465732074726573"
#define SRTP_7714_RTCP                                                                             \
	"81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"                         \
	"deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
static const struct {
	enum srtp_suite suite;
	bool rtcp, clear;
	const char *key, *plain, *sealed;
} srtp_7714_vectors[] = {
	{ SRTP_GCM_128, false, false, "000102030405060708090a0b0c0d0e0f", SRTP_7714_RTP,
	  "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51"
	  "c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce" },
	{ SRTP_GCM_256, false, false,
	  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", SRTP_7714_RTP,
	  "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276"
	  "ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13" },
	{ SRTP_GCM_128, true, false, "000102030405060708090a0b0c0d0e0f", SRTP_7714_RTCP,
	  "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4c"
	  "e09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4" },
	{ SRTP_GCM_256, true, false,
	  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", SRTP_7714_RTCP,
	  "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be84"
	  "15f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4" },
	{ SRTP_GCM_128, true, true, "000102030405060708090a0b0c0d0e0f", SRTP_7714_RTCP,
	  SRTP_7714_RTCP "841dd9683dd78ec92ae58790125f62b3000005d4" },
};

#endif
