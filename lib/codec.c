/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec.h"

#include <string.h>
#include <strings.h>

const struct codec_desc codec_desc[CODECS] = {
#define CODEC(sym, name, hz, ie, bpl) { name, hz, ie, bpl },
#include "codec.def"
#undef CODEC
};

enum codec codec_find(const char *name, size_t len, uint32_t hz)
{
	for (unsigned int i = CODEC_NONE + 1; i < CODECS; i++) {
		if (codec_desc[i].hz == hz && strlen(codec_desc[i].name) == len &&
		    strncasecmp(codec_desc[i].name, name, len) == 0)
			return (enum codec)i;
	}
	return CODEC_NONE;
}

enum codec codec_static(uint8_t type)
{
	static const uint8_t of[35] = {
		[0] = CODEC_PCMU,  [3] = CODEC_GSM,   [4] = CODEC_G723,	 [8] = CODEC_PCMA,
		[9] = CODEC_G722,  [13] = CODEC_CN,   [15] = CODEC_G728, [18] = CODEC_G729,
		[31] = CODEC_H261, [34] = CODEC_H263,
	};

	return type < sizeof(of) ? (enum codec)of[type] : CODEC_NONE;
}

int codec_silence(enum codec c)
{
	switch (c) {
	case CODEC_PCMU: /* G.711, either sign of zero; with the even bits of A-law inverted */
		return 0xff;
	case CODEC_PCMA:
		return 0xd5;
	case CODEC_G722: /* both bands' smallest step: 6 bits and 2 */
		return 0xfa;
	case CODEC_L16:
		return 0;
	case CODEC_CN: /* -127 dBov, and no spectrum (RFC 3389 3) */
		return 0x7f;
	default:
		return -1;
	}
}
