/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_ESP_H
#define FL_LIB_ESP_H

/*
 * ESP (RFC 4303), plain or in UDP (RFC 3948): where the parts of a packet are, padding, sequence
 * numbers and the anti-replay window. What is enciphered is dp/cipher's.
 *
 *     SPI(4) sequence(4) IV | payload, padding, length of padding, next header | tag
 *                           '------------------- the text -------------------'
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum esp_transform {
	ESP_NULL_SHA1, /* RFC 2410, HMAC-SHA1-96 of RFC 2404 */
	ESP_CBC_SHA1,  /* AES-CBC of RFC 3602, HMAC-SHA1-96 */
	ESP_GCM,       /* RFC 4106, tag of 16 bytes */
	ESP_GMAC,      /* RFC 4543: the text stays clear */
	ESP_TRANSFORMS
};

enum {
	ESP_HDR = 8,
	ESP_TRAILER = 2, /* length of padding, next header */
	ESP_IV_MAX = 16,
	ESP_TAG_MAX = 16,
	ESP_OVERHEAD_MAX = ESP_HDR + ESP_IV_MAX + 15 + ESP_TRAILER + ESP_TAG_MAX,
	ESP_SPI_MIN = 256,    /* below: reserved, 0 is never on the wire (RFC 4303 2.1) */
	ESP_NEXT_NONE = 59,   /* a dummy packet: it is thrown away once its tag was right (2.6) */
	ESP_KEEPALIVE = 0xff, /* the byte that a keep-alive is (RFC 3948 2.3) */
	ESP_WINDOW_DEFAULT = 64,
	ESP_WINDOW_WORDS = 8,
	/* One word is left over, so that moving on clears whole words (RFC 6479). */
	ESP_WINDOW_MAX = (ESP_WINDOW_WORDS - 1) * 64,
};

struct esp_transform_desc {
	const char *name;
	uint8_t iv;    /* bytes of it in each packet */
	uint8_t align; /* the text is a multiple of as many bytes */
	uint8_t tag;
};
extern const struct esp_transform_desc esp_transform_desc[ESP_TRANSFORMS];

/* What a datagram to the port of ESP in UDP is (RFC 3948 2). */
enum esp_udp {
	ESP_UDP_ESP,
	ESP_UDP_IKE,	   /* four zero bytes in the SPI's place: the non-ESP marker */
	ESP_UDP_KEEPALIVE, /* no sign of life (2.3) */
	ESP_UDP_SHORT,	   /* no header of ESP fits */
};
enum esp_udp esp_udp_kind(const uint8_t *payload, size_t len);

/* A packet that is enciphered. Offsets are from its SPI. */
struct esp_packet {
	uint32_t spi, seq;	    /* host order; seq: the low 32 bits */
	uint32_t text_at, text_len; /* a multiple of align, ESP_TRAILER bytes at least */
	uint32_t tag_at;	    /* the tag ends the packet */
};

/* The SPI, before anybody knows the transform. 0: too short for a header of ESP. */
uint32_t esp_spi(const uint8_t *p, size_t len);

/* False: no packet of this transform has this length. */
bool esp_parse(enum esp_transform t, const uint8_t *p, size_t len, struct esp_packet *out);

/*
 * Of a text whose tag was right, deciphered: bytes of payload in *payload_len. False: its padding
 * is longer than it, or is not 1, 2, 3 and so on (RFC 4303 2.4).
 */
bool esp_strip(const uint8_t *text, size_t len, size_t *payload_len, uint8_t *next);

/* Bytes of the whole packet, with its tag. */
size_t esp_len(enum esp_transform t, size_t payload_len);

/*
 * Writes header, IV, padding and trailer around payload_len bytes, which stand at p + ESP_HDR + iv
 * already. seq: its low half is written. iv: as many bytes as the transform has. False, with
 * nothing written: esp_len() is more than room.
 */
bool esp_frame(enum esp_transform t, uint8_t *p, size_t room, uint32_t spi, uint64_t seq,
	       const uint8_t *iv, size_t payload_len, uint8_t next);

/*
 * The number of the next packet that is sent, from that of the last one (0: none was). False: the
 * association is at its end, for numbers must not come round (RFC 4303 3.3.3).
 */
bool esp_seq_next(uint64_t *seq, bool esn);

/* Which numbers were heard (RFC 4303 3.4.3), a line and a half. */
struct esp_window {
	uint64_t top;  /* the highest number of a packet whose tag was right; 0: none */
	uint32_t size; /* 32 to ESP_WINDOW_MAX numbers */
	bool esn;      /* numbers of 64 bits */
	uint64_t word[ESP_WINDOW_WORDS];
};

enum esp_verdict {
	ESP_FRESH,
	ESP_OLD,      /* left of the window, or no number at all */
	ESP_REPLAYED, /* it was heard */
};

/* size is made to fit between 32 and ESP_WINDOW_MAX. */
void esp_window_init(struct esp_window *w, uint32_t size, bool esn);

/*
 * The whole number of which low are the low 32 bits (RFC 4303 A2.2). It is a guess until the tag
 * was right. 0: there is none, as 0 is no packet's number.
 */
uint64_t esp_window_seq(const struct esp_window *w, uint32_t low);
enum esp_verdict esp_window_judge(const struct esp_window *w, uint64_t seq);

/* The tag was right, and the number is fresh still. */
void esp_window_take(struct esp_window *w, uint64_t seq);

#endif
