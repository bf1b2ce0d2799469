/* SPDX-License-Identifier: BSD-3-Clause */
#include "pcapng.h"

#include <string.h>

enum {
	MAGIC = 0x1a2b3c4d,
	LINK_ETHERNET = 1,
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_APP = 4,
	IDB_NAME = 2,
	IDB_TEXT = 3,
	IDB_TSRESOL = 9,
	IDB_FILTER = 11,
	EPB_FLAGS = 2,
	ISB_START = 2,
	ISB_RECEIVED = 4,
	ISB_LOST = 5,
};

/* ---- pieces ---- */

struct block {
	uint8_t *out;
	size_t len;
};

static void put(struct block *b, const void *p, size_t n)
{
	if (n)
		memcpy(b->out + b->len, p, n);
	b->len += n;
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

static void put16(struct block *b, uint16_t v)
{
	put(b, &v, sizeof(v));
}

/* Times and counters have their upper half first, whatever the order of bytes is. */
static void put_halves(struct block *b, uint64_t v)
{
	put32(b, (uint32_t)(v >> 32));
	put32(b, (uint32_t)v);
}

static void pad(struct block *b)
{
	static const uint8_t zero[4];

	put(b, zero, -b->len & 3);
}

static void option(struct block *b, uint16_t code, const void *p, size_t n)
{
	put16(b, code);
	put16(b, (uint16_t)n);
	put(b, p, n);
	pad(b);
}

static void option_text(struct block *b, uint16_t code, const char *text)
{
	if (text && *text)
		option(b, code, text, strnlen(text, PCAPNG_TEXT_MAX));
}

static struct block block_begin(uint8_t *out, enum pcapng_type type)
{
	struct block b = { out, 0 };

	put32(&b, type);
	put32(&b, 0);
	return b;
}

static size_t block_end(struct block *b)
{
	const uint32_t len = (uint32_t)b->len + 8;

	put16(b, OPT_END);
	put16(b, 0);
	put32(b, len);
	memcpy(b->out + 4, &len, sizeof(len));
	return len;
}

/* ---- blocks ---- */

size_t pcapng_section(uint8_t *out, const char *app, const char *comment)
{
	struct block b = block_begin(out, PCAPNG_SECTION);

	put32(&b, MAGIC);
	put16(&b, 1);
	put16(&b, 0);
	put_halves(&b, UINT64_MAX); /* its length is not known */
	option_text(&b, SHB_APP, app);
	option_text(&b, OPT_COMMENT, comment);
	return block_end(&b);
}

size_t pcapng_interface(uint8_t *out, const char *name, const char *text, const char *filter,
			uint32_t snaplen)
{
	static const uint8_t ns = 9; /* 10^-9 s */
	struct block b = block_begin(out, PCAPNG_INTERFACE);
	uint8_t expression[1 + PCAPNG_TEXT_MAX] = { 0 }; /* 0: as libpcap reads it */

	put16(&b, LINK_ETHERNET);
	put16(&b, 0);
	put32(&b, snaplen);
	option_text(&b, IDB_NAME, name);
	option_text(&b, IDB_TEXT, text);
	option(&b, IDB_TSRESOL, &ns, 1);
	if (filter && *filter) {
		const size_t n = strnlen(filter, 160); /* all four stay within the block */

		memcpy(expression + 1, filter, n);
		option(&b, IDB_FILTER, expression, 1 + n);
	}
	return block_end(&b);
}

size_t pcapng_packet(uint8_t *out, const struct pcapng_packet *p)
{
	struct block b = block_begin(out, PCAPNG_PACKET);
	const uint32_t flags = p->way;

	put32(&b, p->interface);
	put_halves(&b, p->ns);
	put32(&b, p->n_bytes);
	put32(&b, p->len);
	put(&b, p->bytes, p->n_bytes);
	pad(&b);
	if (flags)
		option(&b, EPB_FLAGS, &flags, sizeof(flags));
	option_text(&b, OPT_COMMENT, p->comment);
	return block_end(&b);
}

size_t pcapng_stats(uint8_t *out, const struct pcapng_stats *s)
{
	struct block b = block_begin(out, PCAPNG_STATS), o = { (uint8_t[8]){ 0 }, 0 };

	put32(&b, s->interface);
	put_halves(&b, s->ns);
	put_halves(&o, s->start_ns);
	option(&b, ISB_START, o.out, o.len);
	option(&b, ISB_RECEIVED, &s->packets, sizeof(s->packets));
	option(&b, ISB_LOST, &s->lost, sizeof(s->lost));
	option_text(&b, OPT_COMMENT, s->comment);
	return block_end(&b);
}

/* ---- reading ---- */

const char *pcapng_comment(const uint8_t *block, size_t len, size_t body, size_t *n)
{
	uint16_t code, size;

	for (size_t at = sizeof(struct pcapng_head) + body; at + 4 + 4 <= len;
	     at += 4 + ((size + 3u) & ~3u)) {
		memcpy(&code, block + at, 2);
		memcpy(&size, block + at + 2, 2);
		if (code == OPT_END || at + 4 + size + 4 > len)
			return NULL;
		if (code == OPT_COMMENT) {
			*n = size;
			return (const char *)block + at + 4;
		}
	}
	return NULL;
}
