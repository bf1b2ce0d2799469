/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_CODEC_H
#define FL_LIB_CODEC_H

/* Encodings of RTP (codec.def): by name, and those with payload types of their own (RFC 3551 6). */
#include <stddef.h>
#include <stdint.h>

enum codec {
#define CODEC(sym, name, hz, ie, bpl) CODEC_##sym,
#include "codec.def"
#undef CODEC
	CODECS
};

struct codec_desc {
	const char *name;
	uint32_t hz; /* of RTP timestamps */
	uint8_t ie;
	uint16_t bpl; /* ten times; 0: no speech */
};

extern const struct codec_desc codec_desc[CODECS];

/* By the name of an a=rtpmap, in any case, len bytes, and its rate. CODEC_NONE: unknown. */
enum codec codec_find(const char *name, size_t len, uint32_t hz);
/* Of a payload type that needs no a=rtpmap; CODEC_NONE: it does. */
enum codec codec_static(uint8_t type);
/* The byte that a payload of silence is made of; -1: there is no such byte, or it is not known. */
int codec_silence(enum codec c);

#endif
